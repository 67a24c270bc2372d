//! When an automation would have run, before it is armed.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value as JsonValue;
use utoipa::ToSchema;

use super::auth::Caller;
use super::automations::{ProblemObject, kind_of, problem, rule, view, with_id};
use super::failure::{self, Failure, Json, Message};
use super::{Site, wire};
use crate::automation::rule::RuleKey;
use crate::automation::rule::trial::Trial;
use crate::home::person::Matter;
use crate::hub::event::Query;
use crate::json;

/// What is to be tried.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Tried {
    /// `automation` unless said otherwise.
    #[serde(default)]
    kind: Option<String>,
    /// The id of one that is kept, or would be.
    #[serde(default)]
    id: Option<String>,
    /// In Home Assistant's schema; the one that is kept under the id without.
    #[serde(default)]
    #[schema(value_type = Object)]
    config: Option<JsonValue>,
    /// Of the sentence: `en`, `fr`.
    #[serde(default)]
    language: Option<String>,
}

/// When a rule would have run.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TrialObject {
    /// In a few sentences.
    text: String,
    /// What was looked at.
    from: String,
    to: String,
    /// All that it needs is supported.
    armed: bool,
    /// How often it would have run.
    n_runs: usize,
    /// How often a trigger came and its conditions did not hold.
    n_held_back: usize,
    /// How often a trigger came while it was running.
    n_busy: usize,
    /// Nothing that could begin it is recorded.
    blind: bool,
    /// The last times, the oldest first.
    runs: Vec<WouldObject>,
    /// What nobody can know.
    unknown: Vec<String>,
    /// What is recorded only from a time on: names and times.
    #[schema(value_type = Vec<Object>)]
    recorded_since: Vec<(String, String)>,
    /// What of it is not supported.
    problems: Vec<ProblemObject>,
}

/// A time it would have run.
#[derive(Debug, Serialize, ToSchema)]
struct WouldObject {
    at: String,
    why: String,
    /// What it would have called; nothing of it was done.
    calls: Vec<String>,
    /// `finished`, `error`, …
    result: &'static str,
}

/// When an automation would have run in the last seven days. Nothing of it is done; what is not
/// recorded is named.
#[utoipa::path(post, path = "/api/homard/automations/trial", request_body = Tried,
    responses((status = 200, body = TrialObject), (status = 400, body = Message),
        (status = 404, body = Message)))]
pub(super) async fn trial(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Json(tried): Json<Tried>,
) -> Result<Response, Failure> {
    caller.needs(Matter::Daemon)?;
    let kind = kind_of(tried.kind.as_deref())?;
    let id = tried.id.unwrap_or_else(|| "trial".to_owned());
    let key = RuleKey::new(kind, &id);
    let source = match &tried.config {
        Some(config) => with_id(kind, &id, json::from_json(config)),
        None => view(&caller, kind, &id).await?.stand.rule.source.clone(),
    };
    let problems = rule(&key, &source).problems;
    let problems = problems.iter().map(|found| problem(&id, found, None)).collect();
    let asked = caller.hub.ask(|reply| Query::Trial { key, source: Some(source), reply }).await;
    let found = asked.map_err(|_| Failure::stopping())?;
    let found = found.ok_or_else(|| Failure::unknown("there is nothing to try"))?;
    let settings = site.settings();
    let zone = TimeZone::get(&settings.time_zone).unwrap_or(TimeZone::UTC);
    let language = tried.language.as_deref().or(caller.language.as_deref());
    let language = language.unwrap_or(&settings.language);
    let text = found.say(language, &zone);
    let Trial { from, to, is_disarmed, n_runs, n_held_back, n_busy, is_blind, .. } = found;
    let runs = found.runs.into_iter().map(|would| WouldObject {
        at: wire::time_text(would.at),
        why: would.why,
        calls: would.calls,
        result: would.ending.word(),
    });
    let since = found.since.into_iter().map(|(name, at)| (name, wire::time_text(at)));
    Ok(failure::json(&TrialObject {
        text,
        from: wire::time_text(from),
        to: wire::time_text(to),
        armed: !is_disarmed,
        n_runs,
        n_held_back,
        n_busy,
        blind: is_blind,
        runs: runs.collect(),
        unknown: found.unknown.iter().map(|one| one.say(language)).collect(),
        recorded_since: since.collect(),
        problems,
    }))
}
