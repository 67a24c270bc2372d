//! Runs what the owner wrote for an intent of their own: templates become services and targets, outcomes a reply. The
//! calls walk the same road as any other: who may not unlock may not by another sentence, what needs a yes needs it here
//! too, and a whole room never means its locks and gates.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Zoned;

use crate::clock::Clock;
use crate::home::Home;
use crate::home::action::{Outcome, Refusal};
use crate::home::domain::{Action, Domain};
use crate::home::entity::Entity;
use crate::home::guard;
use crate::home::id::EntityId;
use crate::home::service::Fields;
use crate::home::target;
use crate::home::value::Value;
use crate::intent::meaning::Reading;
use crate::intent::pack::PackProblem;
use crate::intent::script::{Script, is_jinja};
use crate::intent::value::Value as Slot;
use crate::template::{Scope, States, Templates, Variable};

use super::policy::{Aim, Policy, Verdict, Voucher};
use super::{Answer, Code, Kind, Language, Speaker, Turn};

/// Most calls that one sentence makes.
const MOST_CALLS: usize = 500;
/// The domain that stands for each entity's own.
const ANY_DOMAIN: &str = "homeassistant";

/// The scripts of a language, by intent.
#[derive(Debug, Default)]
pub(super) struct Scripts {
    templates: Templates,
    by_intent: BTreeMap<Arc<str>, Script>,
}

impl PartialEq for Scripts {
    fn eq(&self, other: &Self) -> bool {
        self.by_intent == other.by_intent
    }
}

impl Scripts {
    /// Takes scripts in whose templates are good; the others are told.
    pub(super) fn new(scripts: BTreeMap<Arc<str>, Script>) -> (Scripts, Vec<PackProblem>) {
        let mut taken = Scripts::default();
        let mut problems = Vec::new();
        for (intent, script) in scripts {
            match taken.fault(&script) {
                None => {
                    taken.by_intent.insert(intent, script);
                }
                Some((template, problem)) => problems.push(PackProblem::Reference {
                    file: script.file.to_string(),
                    place: intent.to_string(),
                    template,
                    problem,
                }),
            }
        }
        (taken, problems)
    }

    pub(super) fn has(&self, intent: &str) -> bool {
        self.by_intent.contains_key(intent)
    }

    /// The first template that cannot be used, and why; or a service that there is not.
    fn fault(&self, script: &Script) -> Option<(String, String)> {
        let mut texts: Vec<&str> = script.speech.iter().map(String::as_str).collect();
        for call in &script.calls {
            texts.push(&call.service);
            for (_, value) in call.target.iter().chain(&call.data) {
                texts_of(value, &mut texts);
            }
            if !is_jinja(&call.service) && service_of(&call.service).is_none() {
                let problem = "there is no such service";
                return Some((call.service.clone(), problem.to_owned()));
            }
        }
        texts.into_iter().filter(|text| is_jinja(text)).find_map(|text| {
            let error = self.templates.compile(text).err()?;
            Some((text.to_owned(), error.to_string()))
        })
    }
}

/// Whether a domain has the service; `None` if it does not. The domain is `None` for each entity's own.
fn service_of(text: &str) -> Option<(Option<Domain>, &str)> {
    let (domain, service) = text.trim().split_once('.')?;
    if domain == ANY_DOMAIN {
        return matches!(service, "turn_on" | "turn_off" | "toggle").then_some((None, service));
    }
    let known: Domain = domain.parse().ok()?;
    has_service(known, service).then_some((Some(known), service))
}

fn has_service(domain: Domain, service: &str) -> bool {
    domain.services().iter().any(|known| known.name == service)
}

fn texts_of<'v>(value: &'v Value, texts: &mut Vec<&'v str>) {
    match value {
        Value::Text(text) => texts.push(text),
        Value::List(values) => values.iter().for_each(|value| texts_of(value, texts)),
        Value::Map(values) => values.iter().for_each(|(_, value)| texts_of(value, texts)),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {}
    }
}

/// Calls that a script makes. Nothing is done yet.
#[derive(Debug, Clone, PartialEq)]
pub struct ScriptPlan {
    /// On which entity and what. Never empty.
    pub calls: Vec<(EntityId, Action)>,
    speech: Option<String>,
    reading: Reading,
    language: Arc<Language>,
}

/// The states that templates may ask for.
#[derive(Debug)]
struct Known(BTreeMap<String, String>);

impl States for Known {
    fn state(&self, entity_id: &str) -> Option<String> {
        self.0.get(entity_id).cloned()
    }

    fn attribute(&self, _: &str, _: &str) -> Option<serde_json::Value> {
        None
    }
}

/// Who wishes it, and what they may.
#[derive(Debug, Clone, Copy)]
pub(super) struct Permit {
    pub(super) policy: Policy,
    pub(super) voucher: Voucher,
    /// A person has just said yes to it.
    pub(super) is_confirmed: bool,
}

impl Permit {
    /// What comes of all calls together: the strictest of all, as half of a script is not what was meant.
    fn verdict(&self, calls: &[(EntityId, Action)], home: &Home) -> Verdict {
        let one = |(id, action): &(EntityId, Action)| {
            let Some(entity) = home.entity(id.as_str()) else { return Verdict::Never };
            let risk = guard::risk(entity, action, home);
            match self.policy.verdict(risk, self.voucher, Aim::Exact) {
                Verdict::Ask if self.is_confirmed => Verdict::Allow,
                verdict => verdict,
            }
        };
        calls.iter().map(one).max().unwrap_or(Verdict::Allow)
    }
}

/// Renders the templates of one script.
struct Renderer<'a> {
    scripts: &'a Scripts,
    reading: &'a Reading,
    clock: Clock,
    states: Arc<dyn States>,
}

impl Renderer<'_> {
    fn text(&self, text: &str) -> Result<String, String> {
        if !is_jinja(text) {
            return Ok(text.to_owned());
        }
        let template = self.scripts.templates.compile(text).map_err(|error| error.to_string())?;
        let variables: Vec<(&str, Variable<'_>)> = self
            .reading
            .slots
            .iter()
            .map(|slot| (&*slot.name, variable(&slot.value, &slot.said)))
            .collect();
        let scope = Scope { states: Some(&self.states), ..Scope::new("", &self.clock) };
        let bytes =
            template.render_command(&variables, &scope).map_err(|error| error.to_string())?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A value with its templates rendered; what a template gives that looks like a number is one, as in Home
    /// Assistant.
    fn value(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::Text(text) if is_jinja(text) => native(&self.text(text)?),
            Value::List(values) => {
                Value::List(values.iter().map(|value| self.value(value)).collect::<Result<_, _>>()?)
            }
            Value::Map(values) => {
                let rendered =
                    values.iter().map(|(key, value)| Ok((key.clone(), self.value(value)?)));
                Value::Map(rendered.collect::<Result<_, String>>()?)
            }
            other => other.clone(),
        })
    }
}

fn variable<'v>(value: &'v Slot, said: &'v str) -> Variable<'v> {
    match value {
        Slot::Null => Variable::None,
        Slot::Bool(value) => Variable::Bool(*value),
        Slot::Number(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
            Variable::Int(*number as i64)
        }
        Slot::Number(number) => Variable::Float(*number),
        Slot::Text(text) => Variable::Text(text),
        Slot::List(_) => Variable::Text(said),
    }
}

fn native(text: &str) -> Value {
    let text = text.trim();
    if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let items = inner.split(',').map(str::trim).filter(|item| !item.is_empty());
        return Value::List(items.map(|item| native(item.trim_matches(['\'', '"']))).collect());
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Value::Int(whole);
    }
    match (text, text.parse::<f64>()) {
        ("True" | "true", _) => Value::Bool(true),
        ("False" | "false", _) => Value::Bool(false),
        ("None", _) => Value::Null,
        (_, Ok(number)) if number.is_finite() => Value::Float(number),
        _ => Value::Text(text.into()),
    }
}

/// What is to be done for an intent that has a script.
pub(super) fn run(
    reading: Reading,
    language: &Arc<Language>,
    home: &Home,
    now: &Zoned,
    permit: Permit,
) -> Option<Turn> {
    let scripts = &language.scripts;
    let script = scripts.by_intent.get(reading.intent.as_str())?;
    let known = home
        .entities()
        .filter_map(|entity| Some((entity.id.to_string(), entity.view()?.word.to_string())));
    let renderer = Renderer {
        scripts,
        reading: &reading,
        clock: Clock::fixed(now.clone()),
        states: Arc::new(Known(known.collect())),
    };
    let mut calls = Vec::new();
    let mut fault = None;
    for call in &script.calls {
        match calls_of(call, &renderer, home) {
            Ok(found) => calls.extend(found),
            Err(problem) => {
                fault = Some(problem);
                break;
            }
        }
    }
    // Nothing at all rather than the half of it.
    let speech = match fault {
        Some(problem) => Err(problem),
        None => script.speech.as_deref().map(|text| renderer.text(text)).transpose(),
    };
    let speaker = language.speaker();
    calls.truncate(MOST_CALLS);
    let verdict = permit.verdict(&calls, home);
    if speech.is_ok() && verdict != Verdict::Allow {
        let ids: Vec<EntityId> = calls.iter().map(|(id, _)| id.clone()).collect();
        let what = speaker.named(&ids, ids.len(), home);
        let asks = verdict == Verdict::Ask;
        let text = match asks {
            true => speaker.voice.say("confirm", "other", &[("what", &what)]),
            false => speaker.refusal(&Refusal::NotAllowed, &what),
        };
        let answer = Answer::error(Code::FailedToHandle, text, &language.code).of(&reading);
        return Some(Turn::Answer(Answer { continues: asks, ..answer }));
    }
    Some(match speech {
        Err(problem) => {
            let text = format!("{}: {problem}", reading.intent);
            Turn::Answer(Answer::error(Code::FailedToHandle, text, &language.code).of(&reading))
        }
        Ok(speech) if calls.is_empty() && script.calls.is_empty() => {
            Turn::Answer(speaker.answer(speech.unwrap_or_default(), &reading))
        }
        Ok(_) if calls.is_empty() => {
            let text = speaker.voice.say("refused", "nothing_there", &[]);
            Turn::Answer(Answer::error(Code::NoValidTargets, text, &language.code).of(&reading))
        }
        Ok(speech) => {
            let language = Arc::clone(language);
            Turn::Script(Box::new(ScriptPlan { calls, speech, reading, language }))
        }
    })
}

fn calls_of(
    call: &crate::intent::script::ServiceCall,
    renderer: &Renderer<'_>,
    home: &Home,
) -> Result<Vec<(EntityId, Action)>, String> {
    let service = renderer.text(&call.service)?;
    let Some((domain, name)) = service_of(&service) else {
        return Err(format!("there is no service `{service}`"));
    };
    let fields = call.data.iter().map(|(key, value)| Ok((key.clone(), renderer.value(value)?)));
    let fields = Fields::new(fields.collect::<Result<Vec<_>, String>>()?);
    let is_for = |entity: &Entity| match domain {
        Some(domain) => entity.domain == domain,
        None => has_service(entity.domain, name),
    };
    let mut meant: Vec<&Entity> = Vec::new();
    for (key, ids) in &call.target {
        for id in ids_of(&renderer.value(ids)?) {
            meant.extend(entities_of(key, &id, home, is_for)?);
        }
    }
    if call.target.is_empty() {
        return Err(format!("`{service}` needs a `target:`"));
    }
    let mut calls: Vec<(EntityId, Action)> = Vec::new();
    for entity in meant {
        if calls.iter().any(|(known, _)| *known == entity.id) {
            continue;
        }
        let action = entity.domain.action(name, fields.clone());
        let action = action.map_err(|why| format!("`{service}`: {why}"))?;
        calls.push((entity.id.clone(), action));
    }
    Ok(calls)
}

fn ids_of(value: &Value) -> Vec<String> {
    match value {
        Value::Text(text) => text
            .split(',')
            .map(|id| id.trim().to_owned())
            .filter(|id| !id.is_empty() && id != "none")
            .collect(),
        Value::List(values) => values.iter().flat_map(ids_of).collect(),
        Value::Int(number) => vec![number.to_string()],
        Value::Null | Value::Bool(_) | Value::Float(_) | Value::Map(_) => Vec::new(),
    }
}

/// The entities that one word of a target means; an error where there is no such thing, and never more than it says.
fn entities_of<'h>(
    key: &str,
    id: &str,
    home: &'h Home,
    is_for: impl Fn(&Entity) -> bool,
) -> Result<Vec<&'h Entity>, String> {
    if key == "entity_id" {
        let entity = home.entity(id).filter(|entity| entity.is_enabled());
        let entity = entity.ok_or_else(|| home.no_such_entity(id).to_string())?;
        if !is_for(entity) {
            return Err(format!("`{id}` has no such service"));
        }
        return Ok(vec![entity]);
    }
    let area = match key {
        "area_id" => {
            Some(target::area_named(id, home).ok_or_else(|| home.no_such_area(id).to_string())?)
        }
        _ => None,
    };
    let is_known = match key {
        "device_id" => home.device(id).is_some(),
        "floor_id" => home.floor(id).is_some(),
        _ => true,
    };
    if !is_known {
        return Err(format!("there is no {} `{id}`", key.trim_end_matches("_id")));
    }
    let is_there = |entity: &Entity| match (key, area) {
        ("device_id", _) => entity.device.as_ref().is_some_and(|device| device.as_str() == id),
        (_, Some(area)) => home.area_of(entity).is_some_and(|known| known.id == area.id),
        _ => home
            .area_of(entity)
            .and_then(|area| area.floor.as_ref())
            .is_some_and(|floor| floor.as_str() == id),
    };
    // Settings of a device are not meant by the room they stand in, and what could do harm is named or left alone.
    let is_meant = |entity: &&Entity| {
        entity.is_enabled()
            && entity.traits.category.is_none()
            && !entity.traits.hidden
            && is_for(entity)
            && is_there(entity)
            && !guard::is_guarded(entity, home)
    };
    Ok(home.entities().filter(is_meant).collect())
}

impl ScriptPlan {
    /// The reply once it is known what became of the calls: the script's own words if all went well.
    pub fn conclude(&self, outcomes: &[(EntityId, Outcome)], home: &Home) -> Answer {
        self.language.speaker().scripted(self, outcomes, home)
    }
}

impl Speaker<'_> {
    fn scripted(&self, plan: &ScriptPlan, outcomes: &[(EntityId, Outcome)], home: &Home) -> Answer {
        let (mut success, mut failed) = (Vec::new(), Vec::new());
        let mut refusals: Vec<(Refusal, EntityId)> = Vec::new();
        let mut sent: Vec<EntityId> = Vec::new();
        for (at, (id, _)) in plan.calls.iter().enumerate() {
            // The same entity may be called twice; outcomes come in the order of the calls.
            let outcome = outcomes.get(at).filter(|(known, _)| known == id);
            match outcome.map_or(Outcome::Sent, |(_, outcome)| outcome.clone()) {
                Outcome::Confirmed => success.push((id.clone(), Outcome::Confirmed)),
                Outcome::Sent => {
                    sent.push(id.clone());
                    success.push((id.clone(), Outcome::Sent));
                }
                Outcome::Refused(refusal) => {
                    refusals.push((refusal.clone(), id.clone()));
                    failed.push((id.clone(), Outcome::Refused(refusal)));
                }
            }
        }
        let mut ids: Vec<EntityId> = success.iter().map(|(id, _)| id.clone()).collect();
        ids.dedup();
        let what = self.named(&ids, ids.len(), home);
        let mut sentences: Vec<String> = Vec::new();
        let is_stateless = |id: &EntityId| {
            home.entity(id.as_str()).is_some_and(|entity| {
                matches!(entity.domain, Domain::Button | Domain::Scene | Domain::Notify)
            })
        };
        sent.retain(|id| !is_stateless(id));
        match &plan.speech {
            // The owner's words are true when everything was done.
            Some(speech) if failed.is_empty() && sent.is_empty() => sentences.push(speech.clone()),
            _ if success.is_empty() => {}
            _ if sent.is_empty() => {
                sentences.push(self.voice.say("done", "activate", &[("what", &what)]));
            }
            _ => {
                let is_all = sent.len() == plan.calls.len();
                let key = if is_all { "all" } else { "some" };
                let what = self.named(&sent, sent.len(), home);
                sentences.push(self.voice.say("sent", key, &[("what", &what)]));
            }
        }
        for (refusal, id) in refusals.iter().take(4) {
            let what = self.named(std::slice::from_ref(id), 1, home);
            sentences.push(self.refusal(refusal, &what));
        }
        let kind = match success.is_empty() {
            true => Kind::Error(Code::FailedToHandle),
            false => Kind::ActionDone,
        };
        let text = sentences.join(" ");
        Answer {
            kind,
            success,
            failed,
            ..Answer::error(Code::FailedToHandle, text, self.code).of(&plan.reading)
        }
    }
}
