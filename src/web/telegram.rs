//! `/api/homard/telegram`: the bot as who runs the house sees it in the panel: its token, which only ever goes in, how it is, and
//! who may talk to the house by it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Site;
use super::auth::Caller;
use super::daemon::{BotState, Held};
use super::failure::{self, Failure, Json, Message};
use super::owner::mistake;
use super::session::aside;
use super::wire::time_text;
use crate::config::{Owner, Secret, Setting};
use crate::home::id::PersonId;
use crate::home::person::Matter;

/// The bot.
#[derive(Debug, Serialize, ToSchema)]
struct BotObject {
    /// `off`, `trying`, `online`, `lost` or `refused`.
    state: &'static str,
    /// Its name, when it is reached.
    name: Option<String>,
    /// Why it is refused, as a word: `revoked`, `conflict`.
    code: Option<&'static str>,
    /// Why it is not reached.
    message: Option<String>,
    /// Since when it is not.
    since: Option<String>,
    has_token: bool,
    /// The token stands in `homard.toml`, and is not the panel's.
    is_in_file: bool,
    /// Who asks to be let in.
    waiting: Vec<WaitingObject>,
    /// Who may talk to the house.
    people: Vec<ContactObject>,
    /// Groups in which it talks.
    groups: Vec<GroupObject>,
}

/// Somebody who was given a code.
#[derive(Debug, Serialize, ToSchema)]
struct WaitingObject {
    code: String,
    /// What they call themselves there.
    name: String,
    since: String,
}

/// Somebody who may talk to the house.
#[derive(Debug, Serialize, ToSchema)]
struct ContactObject {
    chat: i64,
    /// What they call themselves there.
    name: String,
    /// Who they are here.
    person: String,
}

/// A group in which the house talks.
#[derive(Debug, Serialize, ToSchema)]
struct GroupObject {
    chat: i64,
    title: String,
    area: Option<String>,
}

/// Another token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BotWish {
    /// As @BotFather gives it; empty is none.
    token: String,
}

/// Who is to be let in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PairWish {
    /// What the bot gave them.
    code: String,
    /// Who they are: a person's id.
    person: String,
}

fn shown(site: &Site) -> BotObject {
    let Held { config, .. } = site.daemon.held();
    let (state, waiting, contacts, groups) = site.daemon.bot();
    let (word, name, code, message, since) = match state {
        BotState::Off => ("off", None, None, None, None),
        BotState::Trying => ("trying", None, None, None, None),
        BotState::Online(name) => ("online", Some(name), None, None, None),
        BotState::Lost(since, code, why) => {
            ("lost", None, Some(code), Some(why), Some(time_text(since)))
        }
        BotState::Refused(code, why) => ("refused", None, Some(code), Some(why), None),
    };
    BotObject {
        state: word,
        name,
        code,
        message,
        since,
        has_token: config.telegram.token.is_some(),
        is_in_file: config.written.has(Setting::Telegram),
        waiting: waiting
            .into_iter()
            .map(|one| WaitingObject {
                code: one.code,
                name: one.name,
                since: time_text(one.since),
            })
            .collect(),
        people: contacts
            .into_iter()
            .map(|one| ContactObject {
                chat: one.user,
                name: one.name,
                person: one.person.to_string(),
            })
            .collect(),
        groups: groups
            .into_iter()
            .map(|one| GroupObject {
                chat: one.chat,
                title: one.title,
                area: one.area.map(|area| area.to_string()),
            })
            .collect(),
    }
}

/// The bot of Telegram, and who may talk to the house by it.
#[utoipa::path(get, path = "/api/homard/telegram",
    responses((status = 200, body = BotObject), (status = 403, body = Message)))]
pub(super) async fn bot(
    State(site): State<Arc<Site>>,
    caller: Caller,
) -> Result<Response, Failure> {
    caller.needs(Matter::Daemon)?;
    let shown = aside(move || shown(&site)).await?;
    Ok(failure::json(&shown))
}

/// Sets the bot's token; it is used at once. What stands in `homard.toml` is not the panel's and is refused.
#[utoipa::path(put, path = "/api/homard/telegram", request_body = BotWish,
    responses((status = 200, body = BotObject), (status = 400, body = Message),
        (status = 403, body = Message), (status = 409, body = Message)))]
pub(super) async fn set_bot(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Json(wish): Json<BotWish>,
) -> Result<Response, Failure> {
    caller.needs(Matter::Daemon)?;
    let _one = site.deciding.lock().await;
    let Held { owner, config, .. } = site.daemon.held();
    if config.written.has(Setting::Telegram) {
        return Err(Failure::in_file());
    }
    let decided = Owner { telegram: Some(Secret::new(wish.token)), ..owner };
    let decided = decided.checked().map_err(|wrong| mistake(&wrong))?;
    let daemon = Arc::clone(&site.daemon);
    aside(move || daemon.decide(decided)).await?.map_err(Failure::not_written)?;
    tracing::info!(person = %caller.name, "The owner changed the Telegram bot.");
    let asked = Arc::clone(&site);
    let shown = aside(move || shown(&asked)).await?;
    Ok(failure::json(&shown))
}

/// Lets somebody talk to the house, who was given this code by the bot.
#[utoipa::path(post, path = "/api/homard/telegram/pair", request_body = PairWish,
    responses((status = 200, body = Message), (status = 403, body = Message),
        (status = 404, body = Message)))]
pub(super) async fn pair(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Json(wish): Json<PairWish>,
) -> Result<Response, Failure> {
    caller.needs(Matter::Daemon)?;
    let daemon = Arc::clone(&site.daemon);
    let paired = aside(move || daemon.pair(&wish.code, &PersonId::new(&wish.person))).await?;
    match paired.map_err(Failure::not_written)? {
        true => {
            tracing::info!(person = %caller.name, "The owner let somebody in by Telegram.");
            let message = "they may talk to the house now".to_owned();
            Ok(failure::json(&Message { message }))
        }
        false => Err(Failure::unknown("there is no such code or person, or it is too old")
            .with_code("no_such_code")),
    }
}

/// Lets a chat talk to the house no more: a person's, or a group's.
#[utoipa::path(delete, path = "/api/homard/telegram/{chat}", params(("chat" = i64, Path)),
    responses((status = 200, body = Message), (status = 403, body = Message),
        (status = 404, body = Message)))]
pub(super) async fn unpair(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Path(chat): Path<String>,
) -> Result<Response, Failure> {
    caller.needs(Matter::Daemon)?;
    let unknown = || Failure::unknown("there is no such chat");
    let chat = chat.parse().map_err(|_| unknown())?;
    let daemon = Arc::clone(&site.daemon);
    match aside(move || daemon.unpair(chat)).await?.map_err(Failure::not_written)? {
        true => Ok(failure::json(&Message { message: "removed".to_owned() })),
        false => Err(unknown()),
    }
}
