//! `POST /api/services/{domain}/{service}`: Home Assistant's service calls, read into wishes.
//!
//! What is meant is never widened: only `all`, said literally, means everything of the domain.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, RawQuery};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value as JsonValue;
use utoipa::ToSchema;

use super::auth::Caller;
use super::failure::{self, Failure, Json, Message};
use super::states::StateObject;
use super::wire::{self, Placed};
use crate::home::Home;
use crate::home::action::Outcome;
use crate::home::domain::{Action, Domain};
use crate::home::entity::Entity;
use crate::home::id::EntityId;
use crate::home::service::{Fields, Invalid, Service};
use crate::hub::event::{Done, Query, Wish};
use crate::json;

/// How long a call waits for the devices to confirm, at most: it is answered as soon as all have.
/// The hub waits a tenth of it for devices that did not answer their last command, so that a script
/// of thousands of calls to devices that report nothing is not slow.
const PATIENCE: Duration = Duration::from_secs(1);
/// Refusals named in an error; the rest is counted.
const MAX_REASONS: usize = 5;
/// Keys that say on what to act.
const TARGET_KEYS: [&str; 4] = ["entity_id", "device_id", "area_id", "floor_id"];
/// The domain that stands for each entity's own.
const ANY_DOMAIN: &str = "homeassistant";
const ANY_SERVICES: [&str; 3] = ["turn_on", "turn_off", "toggle"];

/// What is asked, before it is known on what.
#[derive(Debug, Clone, Copy)]
struct Call<'a> {
    /// `None` is each entity's own.
    domain: Option<Domain>,
    service: &'a str,
}

impl<'a> Call<'a> {
    fn read(domain: &str, service: &'a str) -> Result<Self, Failure> {
        if domain == ANY_DOMAIN {
            if ANY_SERVICES.contains(&service) {
                return Ok(Self { domain: None, service });
            }
            return Err(unknown_service(domain, service, &ANY_SERVICES));
        }
        let Some(known) = domain.parse().ok().filter(|known: &Domain| !known.services().is_empty())
        else {
            let with_services = Domain::ALL.iter().filter(|known| !known.services().is_empty());
            let mut known: Vec<&str> = with_services.map(|known| known.word()).collect();
            known.push(ANY_DOMAIN);
            let message =
                format!("there are no services of `{domain}`; known domains: {}", known.join(", "));
            return Err(Failure::bad(message));
        };
        if named(known, service).is_none() {
            let names: Vec<&str> = known.services().iter().map(|service| service.name).collect();
            return Err(unknown_service(domain, service, &names));
        }
        Ok(Self { domain: Some(known), service })
    }

    fn is_for(&self, entity: &Entity) -> bool {
        match self.domain {
            Some(domain) => entity.domain == domain,
            None => named(entity.domain, self.service).is_some(),
        }
    }
}

fn named(domain: Domain, name: &str) -> Option<&'static Service> {
    domain.services().iter().find(|service| service.name == name)
}

fn unknown_service(domain: &str, service: &str, known: &[&str]) -> Failure {
    let known: Vec<String> = known.iter().map(|name| format!("{domain}.{name}")).collect();
    Failure::bad(format!("there is no service `{domain}.{service}`; known: {}", known.join(", ")))
}

/// On what to act, as it was said.
#[derive(Debug, Default, PartialEq)]
struct Target {
    entities: Ids,
    devices: Ids,
    areas: Ids,
    floors: Ids,
}

/// Ids of one kind.
#[derive(Debug, Default, PartialEq)]
enum Ids {
    /// Not said at all.
    #[default]
    Unsaid,
    /// The word `all`.
    All,
    /// These; possibly none.
    These(Vec<String>),
}

impl Target {
    /// Takes the target out of a call's body; the rest are the service's fields.
    fn take(body: &mut serde_json::Map<String, JsonValue>) -> Result<Self, Failure> {
        if let Some(target) = body.remove("target") {
            let JsonValue::Object(target) = target else {
                return Err(Failure::bad(
                    "`target` must be an object with `entity_id`, `area_id` or `device_id`",
                ));
            };
            for (key, ids) in target {
                if !TARGET_KEYS.contains(&key.as_str()) {
                    let known = TARGET_KEYS.join(", ");
                    return Err(Failure::bad(format!(
                        "`target` has no key `{key}`; it has: {known}"
                    )));
                }
                if body.insert(key.clone(), ids).is_some() {
                    return Err(Failure::bad(format!("`{key}` is given twice, also in `target`")));
                }
            }
        }
        let mut ids = |key: &str| Ids::read(key, body.remove(key));
        Ok(Self {
            entities: ids("entity_id")?,
            devices: ids("device_id")?,
            areas: ids("area_id")?,
            floors: ids("floor_id")?,
        })
    }

    /// The entities meant, each once, in the order said.
    fn resolve(&self, call: Call<'_>, home: &Home) -> Result<Vec<EntityId>, Failure> {
        if self.is_unsaid() {
            let keys = TARGET_KEYS.join("`, `");
            return Err(Failure::bad(format!("nothing says on what to act; give one of `{keys}`")));
        }
        let mut meant = Vec::new();
        let mut seen = BTreeSet::new();
        let mut add = |entity: &Entity| {
            if seen.insert(entity.id.clone()) {
                meant.push(entity.id.clone());
            }
        };
        match &self.entities {
            Ids::Unsaid => {}
            Ids::All => {
                home.entities().filter(|e| e.is_enabled() && call.is_for(e)).for_each(&mut add)
            }
            Ids::These(ids) => {
                for id in ids {
                    let entity = home.entity(id).filter(|entity| entity.is_enabled());
                    add(entity.ok_or_else(|| Failure::refused("", &home.no_such_entity(id)))?);
                }
            }
        }
        for id in self.devices.these("device_id")? {
            if home.device(id).is_none() {
                return Err(Failure::unknown(format!("no device `{id}`")));
            }
        }
        for id in self.areas.these("area_id")? {
            if home.area(id).is_none() {
                return Err(Failure::refused("", &home.no_such_area(id)));
            }
        }
        for id in self.floors.these("floor_id")? {
            if home.floor(id).is_none() {
                return Err(Failure::unknown(format!("no floor `{id}`")));
            }
        }
        let has = |ids: &Ids, id: Option<&str>| match (ids, id) {
            (Ids::These(ids), Some(id)) => ids.iter().any(|known| known == id),
            (Ids::These(_) | Ids::All | Ids::Unsaid, _) => false,
        };
        // Settings and diagnostic values of a device are not meant by the room they stand in.
        let is_main =
            |e: &&Entity| e.is_enabled() && e.traits.category.is_none() && !e.traits.hidden;
        for entity in home.entities().filter(is_main).filter(|e| call.is_for(e)) {
            let area = home.area_of(entity);
            let floor = area.and_then(|area| area.floor.as_ref());
            if has(&self.devices, entity.device.as_ref().map(|id| id.as_str()))
                || has(&self.areas, area.map(|area| area.id.as_str()))
                || has(&self.floors, floor.map(|id| id.as_str()))
            {
                add(entity);
            }
        }
        Ok(meant)
    }

    fn is_unsaid(&self) -> bool {
        *self == Self::default()
    }
}

impl Ids {
    /// A text (one id, several separated by commas, `all` or `none`) or a list of ids.
    fn read(key: &str, said: Option<JsonValue>) -> Result<Self, Failure> {
        let wrong = || Failure::bad(format!("`{key}` must be a text or a list of texts"));
        match said {
            None | Some(JsonValue::Null) => Ok(Self::Unsaid),
            Some(JsonValue::String(text)) => Ok(match text.trim() {
                "all" => Self::All,
                "none" => Self::These(Vec::new()),
                text => Self::These(text.split(',').map(|id| id.trim().to_owned()).collect()),
            }),
            Some(JsonValue::Array(items)) => {
                let ids = items.into_iter().map(|item| match item {
                    JsonValue::String(id) => Ok(id.trim().to_owned()),
                    _ => Err(wrong()),
                });
                ids.collect::<Result<_, _>>().map(Self::These)
            }
            Some(JsonValue::Bool(_) | JsonValue::Number(_) | JsonValue::Object(_)) => Err(wrong()),
        }
    }

    /// The ids, where `all` has no meaning.
    fn these(&self, key: &str) -> Result<&[String], Failure> {
        match self {
            Self::Unsaid => Ok(&[]),
            Self::These(ids) => Ok(ids),
            Self::All => {
                Err(Failure::bad(format!("`{key}` must name each; only `entity_id` can be `all`")))
            }
        }
    }
}

/// Calls a service. The body holds its fields, and on what to act: `entity_id`, `device_id`,
/// `area_id` or `floor_id` (a text or a list), at the top or within `target`. Answers, as
/// soon as all have confirmed and after a second at the latest, the states of these that changed.
#[utoipa::path(post, path = "/api/services/{domain}/{service}",
    params(("domain" = String, Path), ("service" = String, Path)),
    request_body(content = Object, example = json!({"entity_id": "light.kitchen_light", "brightness": 128})),
    responses((status = 200, body = [StateObject]), (status = 400, body = Message),
        (status = 404, body = Message), (status = 503, body = Message)))]
pub(super) async fn call(
    caller: Caller,
    Path((domain, service)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    Json(mut body): Json<serde_json::Map<String, JsonValue>>,
) -> Result<Response, Failure> {
    let call = Call::read(&domain, &service)?;
    if query.is_some_and(|query| query.split('&').any(|word| word.starts_with("return_response"))) {
        return Err(Failure::bad(format!(
            "`{domain}.{service}` gives no response; leave `return_response` out"
        )));
    }
    let target = Target::take(&mut body)?;
    let fields = Fields::new(
        body.into_iter().map(|(name, value)| (Arc::from(name), json::from_json(&value))),
    );
    // The fields are wrong or right whatever the target is; say that first.
    let mut actions = Actions { call, fields, by_domain: BTreeMap::new() };
    if let Some(domain) = call.domain {
        actions.of(domain)?;
    }
    let meant = caller.hub.read(|home| target.resolve(call, home))?;
    let mut wishes = Vec::with_capacity(meant.len());
    let mut refused = Vec::new();
    for entity in meant {
        match domain_of(&entity).filter(|domain| call.domain.is_none_or(|asked| asked == *domain)) {
            Some(domain) if named(domain, &service).is_some() => {
                let action = actions.of(domain)?.clone();
                wishes.push(Wish { entity, action });
            }
            Some(_) | None => refused.push((
                entity,
                format!("it cannot do `{domain}.{service}`"),
                StatusCode::BAD_REQUEST,
            )),
        }
    }
    let mut done = Vec::new();
    if !wishes.is_empty() {
        let ask = |reply| Query::Act { wishes, patience: PATIENCE, reply };
        done = caller.hub.ask(ask).await.map_err(|_| Failure::stopping())?;
    }
    let n_meant = done.len() + refused.len();
    for Done { entity, outcome, .. } in &done {
        if let Outcome::Refused(refusal) = outcome {
            let status = failure::status_of(refusal);
            refused.push((entity.clone(), refusal.to_string(), status));
        }
    }
    if let Some((_, _, status)) = refused.first()
        && refused.len() == n_meant
    {
        return Err(Failure::new(*status, reasons(&refused)));
    }
    if !refused.is_empty() {
        tracing::info!(service = %format_args!("{domain}.{service}"), n = refused.len(), refused = %reasons(&refused), "A service call was done only in part.");
    }
    Ok(failure::json_bytes(caller.hub.read(|home| changed_states(home, &done))))
}

/// The call's action per domain, read once for all its entities.
struct Actions<'a> {
    call: Call<'a>,
    fields: Fields,
    by_domain: BTreeMap<Domain, Action>,
}

impl Actions<'_> {
    fn of(&mut self, domain: Domain) -> Result<&Action, Failure> {
        use std::collections::btree_map::Entry;
        match self.by_domain.entry(domain) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => {
                let action = domain.action(self.call.service, self.fields.clone());
                let action = action.map_err(|why| invalid(domain, self.call.service, &why))?;
                Ok(entry.insert(action))
            }
        }
    }
}

fn invalid(domain: Domain, service: &str, why: &Invalid) -> Failure {
    let fields = named(domain, service).map_or(&[][..], |service| service.fields);
    let known = match (why, fields) {
        (Invalid::NoSuchField(_), []) => "; it has no fields".to_owned(),
        (Invalid::NoSuchField(_), fields) => format!("; it has: {}", fields.join(", ")),
        (Invalid::NoSuchService | Invalid::Missing(_) | Invalid::Field { .. }, _) => String::new(),
    };
    Failure::bad(format!("{domain}.{service}: {why}{known}"))
}

fn domain_of(id: &EntityId) -> Option<Domain> {
    id.as_str().split_once('.')?.0.parse().ok()
}

fn reasons(refused: &[(EntityId, String, StatusCode)]) -> String {
    let said: Vec<String> =
        refused.iter().take(MAX_REASONS).map(|(id, why, _)| format!("{id}: {why}")).collect();
    let more = match refused.len().saturating_sub(MAX_REASONS) {
        0 => String::new(),
        n => format!("; and {n} more"),
    };
    said.join("; ") + &more
}

fn changed_states(home: &Home, done: &[Done]) -> Vec<u8> {
    let mut out = vec![b'['];
    for done in done {
        if let Some(record) = &done.changed {
            let id = done.entity.as_str();
            wire::state(&mut out, id, record, Placed::of(home, id));
            out.push(b',');
        }
    }
    if out.last() == Some(&b',') {
        out.pop();
    }
    out.push(b']');
    out
}

/// The services of one domain.
#[derive(Debug, Serialize, ToSchema)]
struct DomainServices {
    domain: &'static str,
    services: BTreeMap<&'static str, ServiceObject>,
}

/// One service.
#[derive(Debug, Serialize, ToSchema)]
struct ServiceObject {
    /// For people.
    name: String,
    /// The fields it knows, by name.
    #[schema(value_type = Object)]
    fields: BTreeMap<&'static str, serde_json::Map<String, JsonValue>>,
    /// On what it can act.
    #[schema(value_type = Object)]
    target: JsonValue,
}

/// All services, by domain, in Home Assistant's shape.
#[utoipa::path(get, path = "/api/services", responses((status = 200, body = [DomainServices])))]
pub(super) async fn list() -> Response {
    let own = Domain::ALL.iter().filter(|domain| !domain.services().is_empty()).map(|domain| {
        let services = domain.services().iter().map(|service| {
            let fields = service.fields.iter().map(|field| (*field, serde_json::Map::new()));
            let target = serde_json::json!({"entity": [{"domain": [domain.word()]}]});
            (
                service.name,
                ServiceObject { name: title(service.name), fields: fields.collect(), target },
            )
        });
        DomainServices { domain: domain.word(), services: services.collect() }
    });
    let any = ANY_SERVICES.map(|name| {
        let target = serde_json::json!({"entity": [{}]});
        (name, ServiceObject { name: title(name), fields: BTreeMap::new(), target })
    });
    let any = DomainServices { domain: ANY_DOMAIN, services: any.into() };
    failure::json(&own.chain([any]).collect::<Vec<_>>())
}

/// `turn_on` → `Turn on`.
fn title(name: &str) -> String {
    let mut words = name.replace('_', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(body: JsonValue) -> Result<Target, Failure> {
        let JsonValue::Object(mut body) = body else { panic!("an object") };
        Target::take(&mut body)
    }

    fn these(ids: &[&str]) -> Ids {
        Ids::These(ids.iter().map(|&id| id.to_owned()).collect())
    }

    #[test]
    fn targets_are_read_in_every_form() {
        use serde_json::json;
        for (body, entities, areas) in [
            (json!({"entity_id": "light.a"}), these(&["light.a"]), Ids::Unsaid),
            (json!({"entity_id": "light.a, light.b"}), these(&["light.a", "light.b"]), Ids::Unsaid),
            (json!({"entity_id": ["light.a"]}), these(&["light.a"]), Ids::Unsaid),
            (json!({"entity_id": []}), these(&[]), Ids::Unsaid),
            (json!({"entity_id": "none"}), these(&[]), Ids::Unsaid),
            (json!({"entity_id": "all"}), Ids::All, Ids::Unsaid),
            (json!({"target": {"area_id": "kitchen"}}), Ids::Unsaid, these(&["kitchen"])),
            (json!({"brightness": 3}), Ids::Unsaid, Ids::Unsaid),
        ] {
            let said = body.to_string();
            let expected = Target { entities, areas, ..Target::default() };
            assert_eq!(target(body).unwrap(), expected, "{said}");
        }
        for body in [
            json!({"entity_id": 3}),
            json!({"entity_id": [3]}),
            json!({"entity_id": {"a": 1}}),
            json!({"target": "light.a"}),
            json!({"target": {"label": "x"}}),
            json!({"target": {"entity_id": "light.a"}, "entity_id": "light.b"}),
        ] {
            assert!(target(body.clone()).is_err(), "{body}");
        }
    }

    #[test]
    fn nothing_said_is_not_everything() {
        let call = Call { domain: None, service: "turn_off" };
        assert!(Target::default().resolve(call, &Home::new()).is_err());
    }
}
