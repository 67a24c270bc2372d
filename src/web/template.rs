//! `POST /api/template`: what a template says of the house now. The same language as in MQTT
//! discovery, with the same limits, and the house's states in it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value as JsonValue;
use utoipa::ToSchema;

use super::Site;
use super::auth::Caller;
use super::failure::{Failure, Json, Message};
use super::session::aside;
use super::wire::Placed;
use crate::clock::Clock;
use crate::home::entity::View;
use crate::hub::HubHandle;
use crate::json;
use crate::template::{Error, Scope, States, Templates, Variable};

/// More variables are refused.
const MAX_VARIABLES: usize = 64;

/// What a template says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    /// The text.
    pub(super) text: String,
    /// The entities it asked for.
    pub(super) asked: BTreeSet<String>,
}

/// Renders for somebody, who sees no more in it than elsewhere; beside the tasks of the port, as a
/// template may take a while.
///
/// # Errors
/// 400, with what is wrong with the template.
pub(super) async fn say(
    site: &Site,
    caller: &Caller,
    source: String,
    variables: serde_json::Map<String, JsonValue>,
) -> Result<Said, Failure> {
    if variables.len() > MAX_VARIABLES {
        return Err(Failure::bad(format!("`variables` may be at most {MAX_VARIABLES}")));
    }
    let (hub, clock) = (caller.hub.clone(), site.clock.clone());
    let said = aside(move || say_now(hub, &clock, &source, &variables)).await?;
    said.map_err(|error| Failure::bad(error.to_string()))
}

fn say_now(
    hub: HubHandle,
    clock: &Clock,
    source: &str,
    variables: &serde_json::Map<String, JsonValue>,
) -> Result<Said, Error> {
    let asked = Arc::new(Asked { hub, ids: Mutex::default() });
    let states: Arc<dyn States> = Arc::clone(&asked) as _;
    let scope = Scope { states: Some(&states), ..Scope::new("", clock) };
    let named: Vec<(&str, Variable<'_>)> =
        variables.iter().map(|(name, value)| (name.as_str(), Variable::Json(value))).collect();
    let text = Templates::default().compile(source)?.render_text(&named, &scope)?.text;
    let ids = std::mem::take(&mut *asked.ids.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Said { text, asked: ids })
}

/// Looks states up, and notes which.
struct Asked {
    hub: HubHandle,
    ids: Mutex<BTreeSet<String>>,
}

impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asked").field("ids", &self.ids).finish_non_exhaustive()
    }
}

impl Asked {
    fn look<T>(&self, id: &str, of: impl FnOnce(View, Placed<'_>) -> T) -> Option<T> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned());
        self.hub.read(|home| Some(of(home.entity(id)?.view()?, Placed::of(home, id))))
    }
}

impl States for Asked {
    fn state(&self, entity_id: &str) -> Option<String> {
        self.look(entity_id, |view, _| view.word.into_owned())
    }

    fn attribute(&self, entity_id: &str, name: &str) -> Option<JsonValue> {
        // The room and the floor are attributes here as they are in `/api/states`.
        self.look(entity_id, |view, placed| {
            let own = view.attributes.named(name).map(json::to_json);
            own.or_else(|| placed.named(name).map(JsonValue::from))
        })?
    }
}

/// A template and what it may know beside the house.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Asking {
    /// The template.
    #[schema(example = "{{ states('light.kitchen_light') }}")]
    template: String,
    /// Values by name.
    #[serde(default)]
    #[schema(value_type = Object)]
    variables: serde_json::Map<String, JsonValue>,
}

/// Renders a template: `states('…')`, `state_attr('…', '…')`, `is_state('…', '…')`, `now()` and
/// the filters of MQTT discovery. Answers the text.
#[utoipa::path(post, path = "/api/template", request_body = Asking,
    responses((status = 200, content_type = "text/plain", body = String),
        (status = 400, body = Message)))]
pub(super) async fn render(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Json(asking): Json<Asking>,
) -> Result<Response, Failure> {
    let said = say(&site, &caller, asking.template, asking.variables).await?;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], said.text).into_response())
}
