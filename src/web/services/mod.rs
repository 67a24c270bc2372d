//! `POST /api/services/{domain}/{service}`: Home Assistant's service calls, read into wishes.

mod fields;
mod target;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, RawQuery};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value as JsonValue;
use utoipa::ToSchema;

use self::target::Target;
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
/// The domain that stands for each entity's own.
const ANY_DOMAIN: &str = "homeassistant";
const ANY_SERVICES: [&str; 3] = ["turn_on", "turn_off", "toggle"];

/// A call's fields and target, as they came.
pub(super) type Body = serde_json::Map<String, JsonValue>;

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

/// Whether there is such a service for whoever asks.
pub(super) fn is_known(caller: &Caller, domain: &str, service: &str) -> bool {
    Call::read(domain, service).is_ok() || script(caller, domain, service).is_some()
}

/// Each script is a service too: its id.
fn script(caller: &Caller, domain: &str, service: &str) -> Option<String> {
    let id = format!("script.{service}");
    let is_one = domain == "script"
        && named(Domain::Script, service).is_none()
        && caller.hub.read(|home| home.entity(&id).is_some());
    is_one.then_some(id)
}

fn named(domain: Domain, name: &str) -> Option<&'static Service> {
    domain.services().iter().find(|service| service.name == name)
}

fn unknown_service(domain: &str, service: &str, known: &[&str]) -> Failure {
    let known: Vec<String> = known.iter().map(|name| format!("{domain}.{name}")).collect();
    Failure::bad(format!("there is no service `{domain}.{service}`; known: {}", known.join(", ")))
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
    Json(body): Json<Body>,
) -> Result<Response, Failure> {
    let returns = |query: String| query.split('&').any(|word| word.starts_with("return_response"));
    if query.is_some_and(returns) {
        // Said before anything is done; which calls there are is said first.
        Call::read(&domain, &service)?;
        return Err(no_response(&domain, &service));
    }
    let done = perform(&caller, &domain, &service, body).await?;
    Ok(failure::json_bytes(caller.hub.read(|home| changed_states(home, &done))))
}

/// No service of Homard's answers anything.
pub(super) fn no_response(domain: &str, service: &str) -> Failure {
    Failure::bad(format!("`{domain}.{service}` gives no response; leave `return_response` out"))
}

/// Calls a service, whoever asked for it: what became of each entity that was meant.
///
/// # Errors
/// When the call cannot be understood, and when nothing of it was done.
pub(super) async fn perform(
    caller: &Caller,
    domain: &str,
    service: &str,
    mut body: Body,
) -> Result<Vec<Done>, Failure> {
    let mut service = service;
    // Its fields are its variables.
    if let Some(id) = script(caller, domain, service) {
        let variables = JsonValue::Object(std::mem::take(&mut body));
        body.insert("entity_id".to_owned(), id.into());
        body.insert("variables".to_owned(), variables);
        service = "turn_on";
    }
    let call = Call::read(domain, service)?;
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
            Some(domain) if named(domain, service).is_some() => {
                let action = actions.of(domain)?.clone();
                wishes.push(Wish { entity, action });
            }
            Some(_) | None => refused.push((
                entity,
                format!("it cannot do `{domain}.{service}`"),
                StatusCode::BAD_REQUEST,
                "cannot_do",
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
            let code = failure::code_of(refusal);
            refused.push((entity.clone(), refusal.to_string(), status, code));
        }
    }
    if let Some((_, _, status, code)) = refused.first()
        && refused.len() == n_meant
    {
        return Err(Failure::new(*status, reasons(&refused)).with_code(code));
    }
    if !refused.is_empty() {
        tracing::info!(service = %format_args!("{domain}.{service}"), n = refused.len(), refused = %reasons(&refused), "A service call was done only in part.");
    }
    Ok(done)
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

/// What was not done, why in words, whose fault that is, and the word for it.
type Refused = (EntityId, String, StatusCode, &'static str);

fn reasons(refused: &[Refused]) -> String {
    let said: Vec<String> =
        refused.iter().take(MAX_REASONS).map(|(id, why, ..)| format!("{id}: {why}")).collect();
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
pub(super) struct DomainServices {
    /// The domain.
    pub(super) domain: &'static str,
    /// Its services by name.
    pub(super) services: BTreeMap<&'static str, ServiceObject>,
}

/// One service.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ServiceObject {
    /// For people.
    name: String,
    /// For people.
    description: String,
    /// The fields it knows, by name, each with what a form asks for it (`selector`).
    #[schema(value_type = Object)]
    fields: BTreeMap<&'static str, JsonValue>,
    /// On what it can act.
    #[schema(value_type = Object)]
    target: JsonValue,
}

/// All services, by domain, in Home Assistant's shape.
#[utoipa::path(get, path = "/api/services", responses((status = 200, body = [DomainServices])))]
pub(super) async fn list() -> Response {
    failure::json(&known())
}

/// All services, by domain.
pub(super) fn known() -> Vec<DomainServices> {
    let own = Domain::ALL.iter().filter(|domain| !domain.services().is_empty()).map(|domain| {
        let services = domain.services().iter().map(|service| {
            let described = |field: &&'static str| (*field, fields::described(*domain, field));
            let object = ServiceObject {
                name: title(service.name),
                description: format!("{} ({})", title(service.name), title(domain.word())),
                fields: service.fields.iter().map(described).collect(),
                target: serde_json::json!({"entity": [{"domain": [domain.word()]}]}),
            };
            (service.name, object)
        });
        DomainServices { domain: domain.word(), services: services.collect() }
    });
    let any = ANY_SERVICES.map(|name| {
        let object = ServiceObject {
            name: title(name),
            description: format!("{}, whatever the entity is", title(name)),
            fields: BTreeMap::new(),
            target: serde_json::json!({"entity": [{}]}),
        };
        (name, object)
    });
    own.chain([DomainServices { domain: ANY_DOMAIN, services: any.into() }]).collect()
}

/// `turn_on` → `Turn on`.
pub(super) fn title(name: &str) -> String {
    let mut words = name.replace('_', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}
