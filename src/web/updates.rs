//! `/api/homard/update`: newer programs, as who runs the house sees them. Nobody is asked for one unless that person says so.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::Site;
use super::auth::Caller;
use super::daemon::Updates;
use super::failure::{self, Failure, Message};
use super::session::aside;
use crate::home::person::Matter;

/// How it is with newer programs.
#[derive(Debug, Serialize, ToSchema)]
struct UpdateObject {
    /// The version that runs.
    version: &'static str,
    /// The configuration says where to ask, and whom to trust.
    is_allowed: bool,
    is_busy: bool,
    /// The version that was found when it was asked last.
    found: Option<String>,
    is_newer: bool,
    /// Why nothing was found or fetched.
    problem: Option<String>,
    /// The version that is tried at the next start.
    wanted: Option<String>,
    /// The version that was tried last and did not answer, so that the one of before is back.
    refused: Option<String>,
}

impl From<Updates> for UpdateObject {
    fn from(updates: Updates) -> Self {
        let Updates { is_allowed, is_busy, found, is_newer, problem, wanted, refused } = updates;
        let version = env!("CARGO_PKG_VERSION");
        Self { version, is_allowed, is_busy, found, is_newer, problem, wanted, refused }
    }
}

/// How it is with newer programs; nobody is asked for it.
#[utoipa::path(get, path = "/api/homard/update",
    responses((status = 200, body = UpdateObject), (status = 403, body = Message)))]
pub(super) async fn updates(
    State(site): State<Arc<Site>>,
    caller: Caller,
) -> Result<Response, Failure> {
    caller.needs(Matter::Daemon)?;
    let daemon = Arc::clone(&site.daemon);
    Ok(failure::json(&UpdateObject::from(aside(move || daemon.updates()).await?)))
}

/// Begins to ask for a newer program where `[update] url` says; `GET /api/homard/update` says what came of it.
#[utoipa::path(post, path = "/api/homard/update/check",
    responses((status = 200, body = Message), (status = 403, body = Message),
        (status = 409, body = Message)))]
pub(super) async fn look(
    State(site): State<Arc<Site>>,
    caller: Caller,
) -> Result<Response, Failure> {
    begin(&site, &caller, false).await
}

/// Begins to fetch the newest program, which is tried at the next start (`POST /api/homard/restart`).
#[utoipa::path(post, path = "/api/homard/update/fetch",
    responses((status = 200, body = Message), (status = 403, body = Message),
        (status = 409, body = Message)))]
pub(super) async fn fetch(
    State(site): State<Arc<Site>>,
    caller: Caller,
) -> Result<Response, Failure> {
    begin(&site, &caller, true).await
}

async fn begin(site: &Site, caller: &Caller, fetch: bool) -> Result<Response, Failure> {
    caller.needs(Matter::Daemon)?;
    let daemon = Arc::clone(&site.daemon);
    let conflict = |message: &str| Failure::new(StatusCode::CONFLICT, message);
    if !aside(move || daemon.updates()).await?.is_allowed {
        let why = "`[update] url` and `key` of the configuration do not say where to ask, and whom to trust";
        return Err(conflict(why).with_code("not_allowed"));
    }
    tracing::info!(person = %caller.name, fetch, "A newer program is asked for.");
    match site.daemon.look_for_update(fetch) {
        true => Ok(failure::json(&Message { message: "It is being asked for.".to_owned() })),
        false => Err(conflict("it is being asked for").with_code("busy")),
    }
}
