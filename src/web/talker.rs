//! `/api/homard/model`: who answers what is not about the house, and what of what is said leaves it. Another model is loaded
//! before it is taken; where it cannot be, the one before stays.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Site;
use super::auth::Caller;
use super::daemon::{Held, ModelLine, Unreached};
use super::failure::{self, Failure, Json, Message};
use super::owner::mistake;
use super::session::aside;
use crate::config::{Owner, Setting, Talker};
use crate::home::person::Matter;

/// What kind of model of the catalogue can talk.
const KIND: &str = "language model";

/// Who is asked what nobody understood, and who answers what is not about the house.
#[derive(Debug, Serialize, ToSchema)]
struct ModelChoice {
    /// A model is asked about what nobody understood.
    ask: bool,
    /// Who answers what is not about the house: a name of the catalogue, a path, `outside`; `null` is nobody.
    talk: Option<String>,
    /// `talk` stands in `homard.toml`, and is not the panel's.
    is_in_file: bool,
    /// Language models of the catalogue that are on this machine.
    there: Vec<String>,
    /// The one on another machine.
    #[schema(inline)]
    outside: Option<OutsideObject>,
}

/// A model on another machine: what is asked of it leaves the house.
#[derive(Debug, Serialize, ToSchema)]
struct OutsideObject {
    name: String,
    /// `HOST:PORT`
    to: String,
    /// It can be read on the way.
    is_in_the_clear: bool,
}

/// Who shall answer what is not about the house.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelWish {
    /// A name of the catalogue, the path of a GGUF file on the house's machine, `outside`; empty is nobody.
    talk: String,
}

fn shown(site: &Site) -> ModelChoice {
    let Held { config, .. } = site.daemon.held();
    let is_there = |model: &ModelLine| model.kind == KIND && model.files.0 == model.files.1;
    let there = site.daemon.models().into_iter().filter(is_there).map(|model| model.name);
    let outside = config.model.outside.as_ref().map(|outside| {
        let (host, port) = outside.machine();
        OutsideObject {
            name: outside.name.clone(),
            to: format!("{host}:{port}"),
            is_in_the_clear: outside.is_in_the_clear(),
        }
    });
    ModelChoice {
        ask: config.model.ask,
        talk: config.model.talk.as_ref().map(|talker| talker.name().to_owned()),
        is_in_file: config.written.has(Setting::Talk),
        there: there.collect(),
        outside,
    }
}

/// Who is asked what nobody understood, and who answers what is not about the house.
#[utoipa::path(get, path = "/api/homard/model",
    responses((status = 200, body = ModelChoice), (status = 403, body = Message)))]
pub(super) async fn model(
    State(site): State<Arc<Site>>,
    caller: Caller,
) -> Result<Response, Failure> {
    caller.needs(Matter::Daemon)?;
    let shown = aside(move || shown(&site)).await?;
    Ok(failure::json(&shown))
}

/// Has another model answer what is not about the house, at once. It is loaded first; where that fails nothing changes.
#[utoipa::path(put, path = "/api/homard/model", request_body = ModelWish,
    responses((status = 200, body = ModelChoice), (status = 400, body = Message),
        (status = 403, body = Message), (status = 404, body = Message), (status = 409, body = Message)))]
pub(super) async fn set_model(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Json(wish): Json<ModelWish>,
) -> Result<Response, Failure> {
    caller.needs(Matter::Daemon)?;
    let _one = site.deciding.lock().await;
    let Held { owner, config, .. } = site.daemon.held();
    if config.written.has(Setting::Talk) {
        return Err(Failure::in_file());
    }
    let decided = Owner { talk: Some(wish.talk), ..owner };
    let decided = decided.checked().map_err(|wrong| mistake(&wrong))?;
    if let Some(talker) = decided.talk.clone().and_then(Talker::named) {
        let tried = site.daemon.try_talker(talker).await;
        tried.map_err(|Unreached { code, text }| match code {
            "no_such_model" => Failure::unknown(text).with_code(code),
            _ => Failure::new(StatusCode::CONFLICT, text).with_code(code),
        })?;
    }
    let daemon = Arc::clone(&site.daemon);
    aside(move || daemon.decide(decided)).await?.map_err(Failure::not_written)?;
    tracing::info!(person = %caller.name, "The owner chose who answers what is not about the house.");
    let asked = Arc::clone(&site);
    let shown = aside(move || shown(&asked)).await?;
    Ok(failure::json(&shown))
}
