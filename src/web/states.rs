//! What the house is: states, configuration.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::Caller;
use super::failure::{self, Failure, Message};
use super::gzip;
use super::wire::{self, Placed};
use super::{Settings, Site};
use crate::home::Home;
use crate::home::id::EntityId;
use crate::home::person::Matter;

/// Entities written per look at the house, so that a long list never holds up the loop.
pub(super) const PAGE: usize = 256;

/// Of the list of all states: see [`crate::hub::HubHandle::n_registry_changes`].
const REGISTRY: HeaderName = HeaderName::from_static("x-homard-registry");

/// A state, as Home Assistant shows it. The server writes it by hand (`wire.rs`); the tests read
/// every answer into this, so that the description stays true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StateObject {
    /// `domain.object`.
    #[schema(example = "light.kitchen_light")]
    pub entity_id: String,
    /// The main value; `unknown` and `unavailable` are two of them.
    #[schema(example = "on")]
    pub state: String,
    /// Other values under Home Assistant's names, and `area` and `floor` names where known.
    #[schema(value_type = Object)]
    pub attributes: serde_json::Map<String, serde_json::Value>,
    /// When the main value last changed.
    #[schema(example = "2026-11-22T10:57:00.123456+00:00")]
    pub last_changed: String,
    /// When the main value or an attribute last changed.
    pub last_updated: String,
    /// What led to it.
    pub context: ContextObject,
}

/// What led to a state or event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContextObject {
    /// Unlike that of any other state.
    pub id: String,
    /// Not known yet: always null.
    pub parent_id: Option<String>,
    /// Not known yet: always null.
    pub user_id: Option<String>,
}

/// Says that the API is there.
#[utoipa::path(get, path = "/api/", responses((status = 200, body = Message)))]
pub(super) async fn root() -> Response {
    failure::json(&Message { message: "API running.".to_owned() })
}

/// All states, in the order of their ids.
#[utoipa::path(get, path = "/api/states", responses((status = 200, body = [StateObject])))]
pub(super) async fn all(caller: Caller, headers: HeaderMap) -> Response {
    let n_changes = caller.hub.n_registry_changes();
    let mut response = gzip::response(&headers, "application/json", written(&caller).await);
    response.headers_mut().insert(REGISTRY, n_changes.into());
    response
}

/// All states that somebody may see, as JSON.
pub(super) async fn written(caller: &Caller) -> Vec<u8> {
    let ids: Vec<EntityId> =
        caller.hub.read(|home| home.entities().map(|e| e.id.clone()).collect());
    let mut out = Vec::with_capacity(2 + ids.len() * 400);
    out.push(b'[');
    for page in ids.chunks(PAGE) {
        caller.hub.read(|home| page.iter().for_each(|id| write_state(home, id, &mut out)));
        tokio::task::yield_now().await;
    }
    if out.last() == Some(&b',') {
        out.pop();
    }
    out.push(b']');
    out
}

fn write_state(home: &Home, id: &EntityId, out: &mut Vec<u8>) {
    let Some(record) = home.entity(id.as_str()).and_then(|entity| entity.record()) else { return };
    wire::state(out, id.as_str(), &record, Placed::of(home, id.as_str()));
    out.push(b',');
}

/// One state.
#[utoipa::path(get, path = "/api/states/{entity_id}", params(("entity_id" = String, Path)),
    responses((status = 200, body = StateObject), (status = 404, body = Message)))]
pub(super) async fn one(caller: Caller, Path(id): Path<String>) -> Result<Response, Failure> {
    caller.hub.read(|home| {
        let record = home.entity(&id).and_then(|entity| entity.record());
        let Some(record) = record else {
            return Err(Failure::refused("", &home.no_such_entity(&id)));
        };
        let mut out = Vec::with_capacity(512);
        wire::state(&mut out, &id, &record, Placed::of(home, &id));
        Ok(failure::json_bytes(out))
    })
}

/// The home's settings, as Home Assistant shows them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConfigObject<'a> {
    version: &'a str,
    location_name: &'a str,
    latitude: Option<f64>,
    longitude: Option<f64>,
    /// Meters above the sea.
    elevation: Option<f64>,
    time_zone: &'a str,
    language: &'a str,
    unit_system: UnitObject,
    pub(super) components: BTreeSet<&'static str>,
    state: &'static str,
    /// Nothing outside the data folder is read for anybody: always empty.
    whitelist_external_dirs: [&'a str; 0],
}

/// Units by quantity.
#[derive(Debug, Serialize, ToSchema)]
struct UnitObject {
    length: &'static str,
    accumulated_precipitation: &'static str,
    area: &'static str,
    mass: &'static str,
    pressure: &'static str,
    temperature: &'static str,
    volume: &'static str,
    wind_speed: &'static str,
}

const METRIC: UnitObject = UnitObject {
    length: "km",
    accumulated_precipitation: "mm",
    area: "m²",
    mass: "g",
    pressure: "Pa",
    temperature: "°C",
    volume: "L",
    wind_speed: "m/s",
};

const US_CUSTOMARY: UnitObject = UnitObject {
    length: "mi",
    accumulated_precipitation: "in",
    area: "ft²",
    mass: "lb",
    pressure: "psi",
    temperature: "°F",
    volume: "gal",
    wind_speed: "mph",
};

/// The home's settings.
#[utoipa::path(get, path = "/api/config", responses((status = 200, body = ConfigObject)))]
pub(super) async fn config(State(site): State<Arc<Site>>, caller: Caller) -> Response {
    failure::json(&config_of(&site.settings(), &caller))
}

/// The home's settings as Home Assistant shows them.
pub(super) fn config_of<'a>(settings: &'a Settings, caller: &Caller) -> ConfigObject<'a> {
    let mut components: BTreeSet<&str> =
        caller.hub.read(|home| home.entities().map(|entity| entity.domain.word()).collect());
    components.extend(["api", "conversation", "homeassistant", "mqtt"]);
    // A guest is not told where the house is.
    let is_told = caller.rights.allow(Matter::Agenda);
    ConfigObject {
        version: env!("CARGO_PKG_VERSION"),
        location_name: &settings.name,
        latitude: settings.latitude.filter(|_| is_told),
        longitude: settings.longitude.filter(|_| is_told),
        elevation: settings.elevation.filter(|_| is_told),
        time_zone: &settings.time_zone,
        language: &settings.language,
        unit_system: if settings.is_metric { METRIC } else { US_CUSTOMARY },
        components,
        state: "RUNNING",
        whitelist_external_dirs: [],
    }
}
