//! Automations and scripts: what there is and what it did last, one as Home Assistant writes it,
//! and whole files of them.

use std::sync::Arc;

use axum::extract::{Path, Query as Parameters};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as JsonValue;
use utoipa::ToSchema;

use super::auth::Caller;
use super::failure::{self, Failure, Json, Message};
use super::wire;
use crate::automation::rule::engine::Trace;
use crate::automation::rule::{Kind, Problem, Rule, RuleKey, native, read};
use crate::home::person::Matter;
use crate::home::value::Value;
use crate::hub::event::{Query, RuleView};
use crate::template::Templates;
use crate::{json, text, yaml};

/// Longer ids are refused.
const MAX_ID: usize = 200;

/// An automation or a script.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RuleObject {
    /// `automation`, `script` or `scene`.
    kind: &'static str,
    id: String,
    entity_id: String,
    alias: String,
    description: String,
    /// Switched on.
    enabled: bool,
    /// All that it needs is supported; one that is not armed begins nothing by itself.
    armed: bool,
    mode: &'static str,
    /// Runs that have not ended.
    current: usize,
    last_triggered: Option<String>,
    /// When a time of its triggers comes next; null where none is a time.
    next: Option<String>,
    /// What of it is not supported.
    problems: Vec<ProblemObject>,
    /// How it ended last: `finished`, `failed_conditions`, `error`, …
    last_result: Option<&'static str>,
}

/// Something that is not supported.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProblemObject {
    /// Of which automation.
    id: String,
    /// In the file, where it came from one.
    line: Option<u64>,
    /// `triggers/0/platform`.
    path: String,
    text: String,
    /// `ignored`, `trigger off` or `not armed`.
    consequence: &'static str,
}

/// What one run did.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TraceObject {
    run_id: u64,
    began: String,
    ended: Option<String>,
    /// What began it.
    trigger: String,
    /// `running`, `finished`, `failed_conditions`, `error`, `missed`, …
    result: &'static str,
    why: String,
    steps: Vec<StepObject>,
    /// Steps that are not kept.
    left_out: usize,
}

/// A condition that was looked at or a step that was done.
#[derive(Debug, Serialize, ToSchema)]
struct StepObject {
    path: String,
    at: String,
    what: String,
    result: String,
}

/// What became of a file.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Imported {
    /// The ids of those that were taken in.
    imported: Vec<String>,
    /// Of these, those that begin nothing by themselves.
    not_armed: Vec<String>,
    /// What is not supported, by line.
    problems: Vec<ProblemObject>,
}

/// What is kept.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Saved {
    /// `ok`.
    result: &'static str,
    /// All that it needs is supported.
    armed: bool,
    /// What is not.
    problems: Vec<ProblemObject>,
}

/// Of which kind.
#[derive(Debug, Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    kind: Option<String>,
    /// Of an import: nothing is kept, only told.
    #[serde(default)]
    check: bool,
}

impl Which {
    fn kind(&self) -> Result<Kind, Failure> {
        kind_of(self.kind.as_deref())
    }
}

pub(super) fn kind_of(said: Option<&str>) -> Result<Kind, Failure> {
    match said {
        None => Ok(Kind::Automation),
        Some(word) => Kind::parse(word)
            .ok_or_else(|| Failure::bad("`kind` must be `automation`, `script` or `scene`")),
    }
}

pub(super) fn problem(id: &str, problem: &Problem, line: Option<u64>) -> ProblemObject {
    ProblemObject {
        id: id.to_owned(),
        line,
        path: problem.path.clone(),
        text: problem.text.clone(),
        consequence: problem.weight.word(),
    }
}

fn object(view: &RuleView) -> RuleObject {
    let RuleView { stand, traces, .. } = view;
    let rule = &stand.rule;
    let id = rule.key.id();
    RuleObject {
        kind: rule.key.kind().word(),
        id: id.to_owned(),
        entity_id: stand.entity.to_string(),
        alias: rule.alias.to_string(),
        description: rule.description.to_string(),
        enabled: stand.is_on,
        armed: rule.is_armed(),
        mode: rule.mode.word(),
        current: stand.n_runs,
        last_triggered: stand.last_triggered.map(wire::time_text),
        next: stand.next.map(wire::time_text),
        problems: rule.problems.iter().map(|found| problem(id, found, None)).collect(),
        last_result: traces.last().map(|trace| trace.ending.word()),
    }
}

fn trace(trace: &Trace) -> TraceObject {
    let text = |at: Timestamp| wire::time_text(at);
    TraceObject {
        run_id: trace.run.0,
        began: text(trace.began),
        ended: trace.ended.map(text),
        trigger: trace.trigger.clone(),
        result: trace.ending.word(),
        why: trace.ending.why().to_owned(),
        steps: trace
            .steps
            .iter()
            .map(|did| StepObject {
                path: did.path.clone(),
                at: text(did.at),
                what: did.what.clone(),
                result: did.result.clone(),
            })
            .collect(),
        left_out: trace.n_left_out,
    }
}

async fn views(caller: &Caller) -> Result<Vec<RuleView>, Failure> {
    caller.needs(Matter::Agenda)?;
    caller.hub.ask(Query::Rules).await.map_err(|_| Failure::stopping())
}

pub(super) async fn view(caller: &Caller, kind: Kind, id: &str) -> Result<RuleView, Failure> {
    let key = RuleKey::new(kind, id);
    let found = views(caller).await?.into_iter().find(|view| view.stand.rule.key == key);
    found.ok_or_else(|| Failure::unknown(format!("no {} has the id `{id}`", kind.word())))
}

/// All automations and scripts.
#[utoipa::path(get, path = "/api/homard/automations",
    responses((status = 200, body = [RuleObject])))]
pub(super) async fn list(caller: Caller) -> Result<Response, Failure> {
    let views = views(&caller).await?;
    Ok(failure::json(&views.iter().map(object).collect::<Vec<_>>()))
}

/// What an automation did last, the oldest first.
#[utoipa::path(get, path = "/api/homard/automations/{id}/traces", params(("id" = String, Path)),
    responses((status = 200, body = [TraceObject]), (status = 404, body = Message)))]
pub(super) async fn traces(
    caller: Caller,
    Path(id): Path<String>,
    Parameters(which): Parameters<Which>,
) -> Result<Response, Failure> {
    let view = view(&caller, which.kind()?, &id).await?;
    Ok(failure::json(&view.traces.iter().map(trace).collect::<Vec<_>>()))
}

/// An automation in Home Assistant's schema.
#[utoipa::path(get, path = "/api/config/automation/config/{id}", params(("id" = String, Path)),
    responses((status = 200, body = Object), (status = 404, body = Message)))]
pub(super) async fn automation(
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    source(&caller, Kind::Automation, &id).await
}

/// A script in Home Assistant's schema.
#[utoipa::path(get, path = "/api/config/script/config/{id}", params(("id" = String, Path)),
    responses((status = 200, body = Object), (status = 404, body = Message)))]
pub(super) async fn script(caller: Caller, Path(id): Path<String>) -> Result<Response, Failure> {
    source(&caller, Kind::Script, &id).await
}

/// A scene in Home Assistant's schema.
#[utoipa::path(get, path = "/api/config/scene/config/{id}", params(("id" = String, Path)),
    responses((status = 200, body = Object), (status = 404, body = Message)))]
pub(super) async fn scene(caller: Caller, Path(id): Path<String>) -> Result<Response, Failure> {
    source(&caller, Kind::Scene, &id).await
}

/// Adds or changes a scene.
#[utoipa::path(post, path = "/api/config/scene/config/{id}", params(("id" = String, Path)),
    request_body(content = Object),
    responses((status = 200, body = Saved), (status = 400, body = Message)))]
pub(super) async fn put_scene(
    caller: Caller,
    Path(id): Path<String>,
    Json(body): Json<JsonValue>,
) -> Result<Response, Failure> {
    save(&caller, Kind::Scene, &id, &body).await
}

/// Removes a scene.
#[utoipa::path(delete, path = "/api/config/scene/config/{id}", params(("id" = String, Path)),
    responses((status = 200, body = Message), (status = 404, body = Message)))]
pub(super) async fn remove_scene(
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    remove(&caller, Kind::Scene, &id).await
}

async fn source(caller: &Caller, kind: Kind, id: &str) -> Result<Response, Failure> {
    let view = view(caller, kind, id).await?;
    Ok(failure::json(&json::to_json(&view.stand.rule.source)))
}

/// Adds or changes an automation. What of it is not supported is answered, and kept with it.
#[utoipa::path(post, path = "/api/config/automation/config/{id}", params(("id" = String, Path)),
    request_body(content = Object),
    responses((status = 200, body = Saved), (status = 400, body = Message)))]
pub(super) async fn put_automation(
    caller: Caller,
    Path(id): Path<String>,
    Json(body): Json<JsonValue>,
) -> Result<Response, Failure> {
    save(&caller, Kind::Automation, &id, &body).await
}

/// Adds or changes a script.
#[utoipa::path(post, path = "/api/config/script/config/{id}", params(("id" = String, Path)),
    request_body(content = Object),
    responses((status = 200, body = Saved), (status = 400, body = Message)))]
pub(super) async fn put_script(
    caller: Caller,
    Path(id): Path<String>,
    Json(body): Json<JsonValue>,
) -> Result<Response, Failure> {
    save(&caller, Kind::Script, &id, &body).await
}

async fn save(
    caller: &Caller,
    kind: Kind,
    id: &str,
    body: &JsonValue,
) -> Result<Response, Failure> {
    caller.needs(Matter::Daemon)?;
    let needed: &[&str] = match kind {
        Kind::Automation => &["triggers", "trigger", "actions", "action", "use_blueprint"],
        Kind::Script => &["sequence", "use_blueprint"],
        Kind::Scene => &["entities"],
    };
    if !body.as_object().is_some_and(|body| needed.iter().any(|key| body.contains_key(*key))) {
        let word = kind.word();
        return Err(Failure::bad(format!(
            "not an {word}: one of `{}` is needed",
            needed.join("`, `")
        )));
    }
    let source = json::from_json(body);
    let found = put(caller, kind, id, source).await?;
    let problems: Vec<ProblemObject> =
        found.problems.iter().map(|found| problem(id, found, None)).collect();
    Ok(failure::json(&Saved { result: "ok", armed: found.is_armed(), problems }))
}

/// Keeps a rule, and reads what is wrong with it.
async fn put(caller: &Caller, kind: Kind, id: &str, source: Value) -> Result<Rule, Failure> {
    if id.is_empty() || id.len() > MAX_ID || id.chars().any(char::is_control) {
        return Err(Failure::bad(format!("an id has 1 to {MAX_ID} bytes")));
    }
    let key = RuleKey::new(kind, id);
    let source = with_id(kind, id, source);
    let rule = rule(&key, &source);
    let asked = caller.hub.ask(|reply| Query::PutRule { key, source, reply }).await;
    asked.map_err(|_| Failure::stopping())??;
    Ok(rule)
}

/// A rule as it would be understood.
pub(super) fn rule(key: &RuleKey, source: &Value) -> Rule {
    read::rule(key, source, &Templates::default())
}

/// An automation has its id in itself.
pub(super) fn with_id(kind: Kind, id: &str, source: Value) -> Value {
    let Value::Map(mut map) = source else { return source };
    if kind != Kind::Script {
        map.retain(|(name, _)| &**name != "id");
        map.insert(0, ("id".into(), Value::from(id)));
    }
    Value::Map(map)
}

/// Removes an automation.
#[utoipa::path(delete, path = "/api/config/automation/config/{id}", params(("id" = String, Path)),
    responses((status = 200, body = Message), (status = 404, body = Message)))]
pub(super) async fn remove_automation(
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    remove(&caller, Kind::Automation, &id).await
}

/// Removes a script.
#[utoipa::path(delete, path = "/api/config/script/config/{id}", params(("id" = String, Path)),
    responses((status = 200, body = Message), (status = 404, body = Message)))]
pub(super) async fn remove_script(
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    remove(&caller, Kind::Script, &id).await
}

async fn remove(caller: &Caller, kind: Kind, id: &str) -> Result<Response, Failure> {
    caller.needs(Matter::Daemon)?;
    let key = RuleKey::new(kind, id);
    let asked = caller.hub.ask(|reply| Query::ForgetRule(key, reply)).await;
    asked.map_err(|_| Failure::stopping())??;
    #[derive(Serialize)]
    struct Removed {
        result: &'static str,
    }
    Ok(failure::json(&Removed { result: "ok" }))
}

/// Takes in a file as Home Assistant has it: `automations.yaml`, a list; or with `kind=script`
/// `scripts.yaml`, a map; or with `kind=scene` `scenes.yaml`, a list. One automation alone will do. What is not supported
/// is answered by line; those are kept, and not armed. With `check=true` nothing is kept.
#[utoipa::path(post, path = "/api/homard/automations/import",
    params(("kind" = Option<String>, Query), ("check" = Option<bool>, Query)),
    request_body(content = String, content_type = "application/yaml"),
    responses((status = 200, body = Imported), (status = 400, body = Message)))]
pub(super) async fn import(
    caller: Caller,
    Parameters(which): Parameters<Which>,
    body: String,
) -> Result<Response, Failure> {
    caller.needs(Matter::Daemon)?;
    let kind = which.kind()?;
    let (file, lines) = yaml::parse(&body).map_err(Failure::bad)?;
    let mut done = Imported { imported: Vec::new(), not_armed: Vec::new(), problems: Vec::new() };
    for (place, id, source) in entries(kind, file)? {
        let rule = match which.check {
            true => rule(&RuleKey::new(kind, &id), &with_id(kind, &id, source)),
            false => put(&caller, kind, &id, source).await?,
        };
        if !rule.is_armed() {
            done.not_armed.push(id.clone());
        }
        done.problems.extend(rule.problems.iter().map(|found| {
            let path = match (place.as_str(), found.path.as_str()) {
                (place, "") => place.to_owned(),
                ("", path) => path.to_owned(),
                (place, path) => format!("{place}/{path}"),
            };
            problem(&id, found, lines.of(&path))
        }));
        done.imported.push(id);
    }
    Ok(failure::json(&done))
}

/// What is in a file: where it stands, its id, and itself.
fn entries(kind: Kind, file: Value) -> Result<Vec<(String, String, Value)>, Failure> {
    match (kind, file) {
        (_, Value::Null) => Ok(Vec::new()),
        (Kind::Automation | Kind::Scene, Value::Map(map)) if is_one(kind, &map) => {
            let alone = entries(kind, Value::List(vec![Value::Map(map)]))?;
            Ok(alone.into_iter().map(|(_, id, source)| (String::new(), id, source)).collect())
        }
        (Kind::Automation | Kind::Scene, Value::List(items)) => {
            let mut taken: Vec<String> = Vec::new();
            let entries = items.into_iter().enumerate().map(|(n, item)| {
                let named = |key: &str| match &item {
                    Value::Map(map) => {
                        let found = map.iter().find(|(name, _)| &**name == key);
                        found.and_then(|(_, value)| native::word(value))
                    }
                    _ => None,
                };
                let alias =
                    named("alias").or_else(|| named("name")).map(|alias| text::slug(&alias));
                let id = named("id").map(|id| id.to_string()).or(alias);
                let id = id
                    .filter(|id| !id.is_empty())
                    .unwrap_or_else(|| format!("{}_{n}", kind.word()));
                // Two of one name are two.
                let mut own = id.clone();
                let mut m = 2;
                while taken.contains(&own) {
                    own = format!("{id}_{m}");
                    m += 1;
                }
                taken.push(own.clone());
                (n.to_string(), own, item)
            });
            Ok(entries.collect())
        }
        (Kind::Automation | Kind::Scene, _) => Err(Failure::bad(
            "a file of automations or scenes is a list; one of scripts needs `kind=script`",
        )),
        (Kind::Script, Value::Map(map)) => Ok(map
            .into_iter()
            .map(|(id, script)| (id.to_string(), id.to_string(), script))
            .collect()),
        (Kind::Script, _) => Err(Failure::bad("a file of scripts is a map: an id, and the script")),
    }
}

/// One alone, as Home Assistant's editor shows it.
fn is_one(kind: Kind, map: &[(Arc<str>, Value)]) -> bool {
    let keys: &[&str] = match kind {
        Kind::Automation => &["triggers", "trigger", "actions", "action"],
        Kind::Scene => &["entities"],
        Kind::Script => &[],
    };
    map.iter().any(|(name, _)| keys.contains(&&**name))
}

/// All automations, or with `kind=script` all scripts, as a file of Home Assistant's.
#[utoipa::path(get, path = "/api/homard/automations/export", params(("kind" = Option<String>, Query)),
    responses((status = 200, content_type = "application/yaml", body = String)))]
pub(super) async fn export(
    caller: Caller,
    Parameters(which): Parameters<Which>,
) -> Result<Response, Failure> {
    let kind = which.kind()?;
    let views = views(&caller).await?;
    let rules =
        views.into_iter().map(|view| view.stand.rule).filter(|rule| rule.key.kind() == kind);
    let file = match kind {
        Kind::Automation | Kind::Scene => {
            Value::List(rules.map(|rule| rule.source.clone()).collect())
        }
        Kind::Script => {
            Value::Map(rules.map(|rule| (rule.key.id().into(), rule.source.clone())).collect())
        }
    };
    let kind = HeaderValue::from_static("application/yaml; charset=utf-8");
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, kind)], yaml::write(&file)).into_response())
}
