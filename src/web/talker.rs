//! `/api/homard/model`: who answers what is not about the house, and what of what is said leaves it. Another model is loaded
//! before it is taken, and one on another machine is asked; where that does not work, the one before stays.

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
use crate::config::{ModelProtocol, OutsideModel, Secret, Setting, Talker};
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
    /// `outside` stands in `homard.toml`, and is not the panel's.
    is_outside_in_file: bool,
}

/// A model on another machine: what is asked of it leaves the house.
#[derive(Debug, Serialize, ToSchema)]
struct OutsideObject {
    url: String,
    /// `openai` or `ollama`.
    protocol: &'static str,
    has_key: bool,
    name: String,
    /// `HOST:PORT`
    to: String,
    /// It can be read on the way.
    is_in_the_clear: bool,
}

/// Who shall be asked. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelWish {
    /// Who answers what is not about the house: a name of the catalogue, the path of a GGUF file on the house's machine,
    /// `outside`; empty is nobody.
    talk: Option<String>,
    /// The model on another machine, in the place of the one on this board.
    #[schema(inline)]
    outside: Option<OutsideWish>,
}

/// A model on another machine: what nobody understands is sent there.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OutsideWish {
    /// `http://192.168.1.30:8080/v1`; empty is none.
    url: String,
    /// What its server calls it.
    #[serde(default)]
    name: String,
    /// `openai`, unless said otherwise, or `ollama`.
    protocol: Option<String>,
    /// What its server wants to be shown. Left out, the one that is kept for the same machine stays; empty is none.
    key: Option<String>,
}

impl OutsideWish {
    /// The model that is meant, or none. A key that is left out goes to no other machine because somebody changed an address,
    /// nor in the clear.
    fn model(self, kept: Option<&OutsideModel>) -> Result<Option<OutsideModel>, Failure> {
        let Self { url, name, protocol, key } = self;
        let url = url.trim().trim_end_matches('/').to_owned();
        if url.is_empty() {
            return Ok(None);
        }
        let protocol = match protocol.as_deref() {
            None | Some("openai") => ModelProtocol::OpenAi,
            Some("ollama") => ModelProtocol::Ollama,
            Some(_) => return Err(Failure::bad("`protocol` must be `openai` or `ollama`")),
        };
        let name = name.trim().to_owned();
        let model = OutsideModel { url, name, key: None, protocol };
        let is_same = |kept: &&OutsideModel| {
            kept.machine() == model.machine() && kept.is_in_the_clear() == model.is_in_the_clear()
        };
        let key = match key {
            Some(key) => Some(key.trim()).filter(|key| !key.is_empty()).map(Secret::new),
            None => kept.filter(is_same).and_then(|kept| kept.key.clone()),
        };
        let model = OutsideModel { key, ..model };
        model.checked().map_err(|wrong| mistake(&wrong))?;
        Ok(Some(model))
    }
}

fn shown(site: &Site) -> ModelChoice {
    let Held { config, .. } = site.daemon.held();
    let is_there = |model: &ModelLine| model.kind == KIND && model.files.0 == model.files.1;
    let there = site.daemon.models().into_iter().filter(is_there).map(|model| model.name);
    let outside = config.model.outside.as_ref().map(|outside| {
        let (host, port) = outside.machine();
        OutsideObject {
            url: outside.url.clone(),
            protocol: match outside.protocol {
                ModelProtocol::OpenAi => "openai",
                ModelProtocol::Ollama => "ollama",
            },
            has_key: outside.key.is_some(),
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
        is_outside_in_file: config.written.has(Setting::OutsideModel),
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

/// Has another model answer what is not about the house, or be asked on another machine, at once. It is loaded or asked
/// something first; where that fails nothing changes.
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
    let is_written = |setting| config.written.has(setting);
    if (wish.talk.is_some() && is_written(Setting::Talk))
        || (wish.outside.is_some() && is_written(Setting::OutsideModel))
    {
        return Err(Failure::in_file());
    }
    let mut decided = owner.clone();
    if let Some(outside) = wish.outside {
        decided.outside = outside.model(owner.outside.as_ref())?;
        if let Some(outside) = decided.outside.clone() {
            site.daemon.try_outside(outside).await.map_err(untried)?;
        } else if owner.talk.clone().and_then(Talker::named) == Some(Talker::Outside) {
            // Who is not there any more does not talk.
            decided.talk = Some(String::new());
        }
    }
    let is_talk_wished = wish.talk.is_some();
    decided.talk = wish.talk.or(decided.talk);
    let decided = decided.checked().map_err(|wrong| mistake(&wrong))?;
    match decided.talk.clone().filter(|_| is_talk_wished).and_then(Talker::named) {
        None => {}
        Some(Talker::Outside) if decided.outside.is_some() => {}
        Some(talker) => site.daemon.try_talker(talker).await.map_err(untried)?,
    }
    let daemon = Arc::clone(&site.daemon);
    aside(move || daemon.decide(decided)).await?.map_err(Failure::not_written)?;
    tracing::info!(person = %caller.name, "The owner chose which models are asked.");
    let asked = Arc::clone(&site);
    let shown = aside(move || shown(&asked)).await?;
    Ok(failure::json(&shown))
}

fn untried(Unreached { code, text }: Unreached) -> Failure {
    match code {
        "no_such_model" => Failure::unknown(text).with_code(code),
        _ => Failure::new(StatusCode::CONFLICT, text).with_code(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_kept_goes_to_no_other_machine_and_not_in_the_clear() {
        let kept = OutsideModel {
            url: "https://hub:8443/v1".into(),
            name: "m".into(),
            key: Some(Secret::new("s3cr3t")),
            protocol: ModelProtocol::OpenAi,
        };
        for (url, key, expected) in [
            ("https://hub:8443/v1", None, Some("s3cr3t")),
            (" https://hub:8443/other/ ", None, Some("s3cr3t")),
            ("https://hub:8443/v1", Some("new"), Some("new")),
            ("https://hub:8443/v1", Some(""), None),
            ("http://hub:8443/v1", None, None),
            ("https://hub/v1", None, None),
            ("https://evil:8443/v1", None, None),
        ] {
            let key = key.map(str::to_owned);
            let wish = OutsideWish { url: url.into(), name: "m".into(), protocol: None, key };
            let model = wish.model(Some(&kept)).ok().flatten().unwrap();
            assert_eq!(model.key.as_ref().map(Secret::expose), expected, "{url}");
        }
    }
}
