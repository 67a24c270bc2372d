//! Calls of Home Assistant's REST API that its clients make and that are small here: what the
//! program is, its log of problems, events that programs fire; and those that Homard refuses, with
//! the reason.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value as JsonValue;
use utoipa::ToSchema;

use super::auth::Caller;
use super::failure::{self, Failure, Message};
use super::live::Kind;
use super::{Site, states, wire};
use crate::home::person::Matter;
use crate::hub::event::{Event, Query};
use crate::json;

/// Longer events are refused: everyone who follows the house gets them.
pub(super) const MAX_EVENT: usize = 16 * 1024;
/// Names of events longer than this are refused.
const MAX_EVENT_NAME: usize = 64;

/// What is loaded.
#[utoipa::path(get, path = "/api/components", responses((status = 200, body = [String])))]
pub(super) async fn components(State(site): State<Arc<Site>>, caller: Caller) -> Response {
    failure::json(&states::config_of(&site.settings(), &caller).components)
}

/// The home, for programs that look for one.
#[derive(Debug, Serialize, ToSchema)]
struct Discovery<'a> {
    location_name: &'a str,
    version: &'static str,
    /// A token is needed, always.
    requires_api_password: bool,
    /// Homard does not know under which name it is reached from outside.
    base_url: Option<&'a str>,
    internal_url: Option<&'a str>,
    external_url: Option<&'a str>,
}

/// What home this is.
#[utoipa::path(get, path = "/api/discovery_info", responses((status = 200, body = Discovery)))]
pub(super) async fn discovery_info(State(site): State<Arc<Site>>) -> Response {
    failure::json(&Discovery {
        location_name: &site.settings().name,
        version: env!("CARGO_PKG_VERSION"),
        requires_api_password: true,
        base_url: None,
        internal_url: None,
        external_url: None,
    })
}

/// Whether the configuration is good.
#[derive(Debug, Serialize, ToSchema)]
struct Checked {
    /// Always `valid`: a daemon with another does not run.
    result: &'static str,
    errors: Option<String>,
    warnings: Option<&'static str>,
}

/// Whether the configuration that is in use is good. A changed file is read by `homard check`.
#[utoipa::path(post, path = "/api/config/core/check_config",
    responses((status = 200, body = Checked)))]
pub(super) async fn check_config() -> Response {
    failure::json(&Checked {
        result: "valid",
        errors: None,
        warnings: Some("this is the configuration in use; `homard check` reads the file anew"),
    })
}

/// What is wrong with the house, newest first, a line each.
#[utoipa::path(get, path = "/api/error_log",
    responses((status = 200, content_type = "text/plain", body = String)))]
pub(super) async fn error_log(caller: Caller) -> Result<Response, Failure> {
    caller.needs(Matter::House)?;
    let problems = caller.hub.ask(Query::Problems).await.map_err(|_| Failure::stopping())?;
    let lines: Vec<String> = problems
        .into_iter()
        .map(|kept| {
            let about = kept.entity.map(|id| id.to_string()).or(kept.topic.map(|t| t.to_string()));
            let about = about.map(|about| format!("{about}: ")).unwrap_or_default();
            let times = if kept.count == 1 { String::new() } else { format!(" ({}x)", kept.count) };
            format!("{} {about}{}{times}\n", wire::time_text(kept.last_at), kept.problem.text)
        })
        .collect();
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], lines.concat()).into_response())
}

/// Tells all who follow the house of something that a program calls by this name. The body is the
/// event's data.
#[utoipa::path(post, path = "/api/events/{event_type}", params(("event_type" = String, Path)),
    request_body(content = Object),
    responses((status = 200, body = Message), (status = 400, body = Message)))]
pub(super) async fn fire(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Path(kind): Path<String>,
    body: Bytes,
) -> Result<Response, Failure> {
    let data = match body.is_empty() {
        true => JsonValue::Null,
        false => serde_json::from_slice(&body)
            .map_err(|error| Failure::bad(format!("the body is not valid JSON: {error}")))?,
    };
    fire_event(&site, &caller, &kind, data).await?;
    Ok(failure::json(&Message { message: format!("Event {kind} fired.") }))
}

/// Fires an event; the time at which that was.
///
/// # Errors
/// When its name is one of Homard's own or none at all, its data is no object or too much, or it is
/// not for them to fire any.
pub(super) async fn fire_event(
    site: &Site,
    caller: &Caller,
    kind: &str,
    data: JsonValue,
) -> Result<Timestamp, Failure> {
    caller.needs(Matter::House)?;
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if kind.is_empty() || kind.len() > MAX_EVENT_NAME || !kind.bytes().all(is_good) {
        return Err(Failure::bad(format!(
            "the event's type must be 1 to {MAX_EVENT_NAME} letters, digits, `_`, `.` and `-`"
        )));
    }
    if kind.starts_with("homard_") || Kind::ALL.iter().any(|own| own.word() == kind) {
        return Err(Failure::bad(format!(
            "only Homard itself fires `{kind}`; choose another name"
        )));
    }
    let fired = data.clone();
    let data = match data {
        JsonValue::Null => "{}".to_owned(),
        JsonValue::Object(_) => data.to_string(),
        _ => return Err(Failure::bad("the event's data must be an object")),
    };
    if data.len() > MAX_EVENT {
        let message = format!("the event's data is larger than {} KiB", MAX_EVENT / 1024);
        return Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, message));
    }
    let event = Event::Fired { name: kind.into(), data: json::from_json(&fired) };
    caller.hub.send(vec![event]).await.map_err(|_| Failure::stopping())?;
    let at = site.clock.now();
    site.live.fire(kind, &data, at);
    Ok(at)
}

/// Why there is no invented state.
fn only_devices() -> Failure {
    Failure::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "states are what devices report, and Homard invents none; to make an entity of your own, \
         announce it over MQTT discovery; to act on one, call a service",
    )
}

/// Refused: a state is what a device reports.
#[utoipa::path(post, path = "/api/states/{entity_id}", params(("entity_id" = String, Path)),
    responses((status = 405, body = Message)))]
pub(super) async fn set_state() -> Failure {
    only_devices()
}

/// Refused, see above; an entity is removed at `/api/homard/entities/{entity_id}`.
#[utoipa::path(delete, path = "/api/states/{entity_id}", params(("entity_id" = String, Path)),
    responses((status = 405, body = Message)))]
pub(super) async fn remove_state() -> Failure {
    only_devices()
}
