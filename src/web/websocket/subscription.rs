//! What is sent unasked: events, the short form of all entities, triggers, templates.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

use super::command::{Command, Refusal};
use crate::home::id::EntityId;
use crate::web::auth::Caller;
use crate::web::live::{Chunk, Event, Kind, Type};
use crate::web::states::PAGE;
use crate::web::wire::{self, Placed};
use crate::web::{Site, template};

/// The commands that begin one.
pub(super) const KINDS: [&str; 4] =
    ["subscribe_events", "subscribe_entities", "subscribe_trigger", "render_template"];
/// Home Assistant has an event per registry; Homard says that something of them changed.
const REGISTRIES: [&str; 4] = [
    "area_registry_updated",
    "device_registry_updated",
    "entity_registry_updated",
    "floor_registry_updated",
];
/// The beginning of every event's JSON.
const EVENT_TYPE: &str = "{\"event_type\":";

/// What a client subscribed to.
pub(super) enum Subscription {
    /// Events of one type, or of all.
    Events(Option<String>),
    /// All entities, or these.
    Entities(Option<BTreeSet<String>>),
    /// Changes of the state of these.
    Trigger(StateTrigger),
    /// What a template says, whenever that changes.
    Template(Watched),
}

/// What came of the house, as far as somebody may see it.
pub(super) struct News<'a> {
    pub(super) chunk: &'a Chunk,
    pub(super) seen: Vec<&'a Event>,
    pub(super) site: &'a Site,
    pub(super) caller: &'a Caller,
}

/// A trigger of the kind `state`.
pub(super) struct StateTrigger {
    entities: BTreeSet<String>,
    from: Option<Vec<String>>,
    to: Option<Vec<String>>,
}

/// A template and what it last said.
pub(super) struct Watched {
    source: String,
    variables: serde_json::Map<String, Json>,
    asked: BTreeSet<String>,
    text: String,
}

/// A text or a list of texts.
fn texts(value: &Json) -> Option<Vec<String>> {
    match value {
        Json::String(text) => Some(vec![text.clone()]),
        Json::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

impl Subscription {
    /// Reads what is to be followed.
    ///
    /// # Errors
    /// When it cannot be understood, or Homard does not have it.
    pub(super) async fn begin(
        site: &Site,
        caller: &Caller,
        command: &Command,
    ) -> Result<Self, Refusal> {
        let body = &command.body;
        match &*command.kind {
            "subscribe_events" => match body.get("event_type") {
                None | Some(Json::Null) => Ok(Self::Events(None)),
                Some(Json::String(kind)) if kind == "*" => Ok(Self::Events(None)),
                Some(Json::String(kind)) => Ok(Self::Events(Some(kind.clone()))),
                Some(_) => Err(Refusal::format("`event_type` must be a text")),
            },
            "subscribe_entities" => match body.get("entity_ids") {
                None | Some(Json::Null) => Ok(Self::Entities(None)),
                Some(ids) => texts(ids)
                    .map(|ids| Self::Entities(Some(ids.into_iter().collect())))
                    .ok_or_else(|| Refusal::format("`entity_ids` must be a list of texts")),
            },
            "render_template" => {
                let Some(source) = body["template"].as_str() else {
                    return Err(Refusal::format("`template` must be a text"));
                };
                let variables = match body.get("variables") {
                    Some(Json::Object(variables)) => variables.clone(),
                    _ => serde_json::Map::new(),
                };
                let said = template::say(site, caller, source.to_owned(), variables.clone()).await;
                let said =
                    said.map_err(|failure| Refusal::new("template_error", failure.message()))?;
                let source = source.to_owned();
                Ok(Self::Template(Watched {
                    source,
                    variables,
                    asked: said.asked,
                    text: said.text,
                }))
            }
            _ => StateTrigger::read(&body["trigger"]).map(Self::Trigger),
        }
    }

    /// How things stand when it begins.
    pub(super) async fn first(&self, caller: &Caller, id: u64) -> Option<String> {
        match self {
            Self::Events(_) | Self::Trigger(_) => None,
            Self::Entities(wanted) => Some(all_entities(caller, id, wanted.as_ref()).await),
            Self::Template(watched) => Some(watched.message(id)),
        }
    }

    /// Writes what of a chunk it is about.
    pub(super) async fn follow(&mut self, id: u64, news: &News<'_>, out: &mut Vec<String>) {
        let chunk = news.chunk;
        match self {
            Self::Events(wanted) => {
                for event in &news.seen {
                    out.extend(event_message(id, chunk, event, wanted.as_deref()));
                }
            }
            Self::Entities(wanted) => entities(id, news, wanted.as_ref(), out),
            Self::Trigger(trigger) => {
                for event in &news.seen {
                    out.extend(trigger.message(id, chunk, event));
                }
            }
            Self::Template(watched) => {
                let touches = |event: &&Event| {
                    event.entity.as_ref().is_some_and(|id| watched.asked.contains(id.as_str()))
                };
                if news.seen.iter().any(touches) {
                    out.extend(watched.again(news, id).await);
                }
            }
        }
    }
}

fn text_of(bytes: Vec<u8>) -> String {
    // All of it was written from texts.
    String::from_utf8(bytes).unwrap_or_default()
}

/// The beginning of a message up to its event.
fn begin(id: u64, capacity: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(capacity + 48);
    out.extend_from_slice(format!("{{\"id\":{id},\"type\":\"event\",\"event\":").as_bytes());
    out
}

fn event_message(id: u64, chunk: &Chunk, event: &Event, wanted: Option<&str>) -> Option<String> {
    let json = chunk.json(event);
    let mut out = begin(id, json.len());
    match wanted {
        None => out.extend_from_slice(json),
        Some(wanted) if wanted == event.kind.word() => out.extend_from_slice(json),
        Some(wanted)
            if event.kind == Type::Own(Kind::RegistryUpdated) && REGISTRIES.contains(&wanted) =>
        {
            let rest = EVENT_TYPE.len() + event.kind.word().len() + 2;
            out.extend_from_slice(EVENT_TYPE.as_bytes());
            wire::text(&mut out, wanted);
            // Which one it was is not said; clients read the list anew whichever it was.
            let rest = std::str::from_utf8(json.get(rest..)?).ok()?;
            let rest = rest.replacen("\"data\":{}", "\"data\":{\"action\":\"update\"}", 1);
            out.extend_from_slice(rest.as_bytes());
        }
        Some(_) => return None,
    }
    out.push(b'}');
    Some(text_of(out))
}

/// All entities in the short form.
async fn all_entities(caller: &Caller, id: u64, wanted: Option<&BTreeSet<String>>) -> String {
    let ids: Vec<EntityId> = caller.hub.read(|home| {
        let is_wanted = |id: &EntityId| wanted.is_none_or(|ids| ids.contains(id.as_str()));
        home.entities().map(|entity| entity.id.clone()).filter(is_wanted).collect()
    });
    let mut out = begin(id, ids.len() * 300);
    out.extend_from_slice(b"{\"a\":{");
    let mut is_first = true;
    for page in ids.chunks(PAGE) {
        caller.hub.read(|home| {
            for id in page {
                let record = home.entity(id.as_str()).and_then(|entity| entity.record());
                let Some(record) = record else { continue };
                if !std::mem::take(&mut is_first) {
                    out.push(b',');
                }
                wire::text(&mut out, id.as_str());
                out.push(b':');
                wire::brief_state(&mut out, id.as_str(), &record, Placed::of(home, id.as_str()));
            }
        });
        tokio::task::yield_now().await;
    }
    out.extend_from_slice(b"}}}");
    text_of(out)
}

/// The changes of a chunk in the short form. An entity that changed twice is in two messages: in
/// one, the second would hide the first.
fn entities(id: u64, news: &News<'_>, wanted: Option<&BTreeSet<String>>, out: &mut Vec<String>) {
    let mut seen: HashSet<&str> = HashSet::new();
    let mut parts: BTreeMap<u8, Vec<&[u8]>> = BTreeMap::new();
    for event in &news.seen {
        let (Some(entity), Some((letter, brief))) = (&event.entity, news.chunk.brief(event)) else {
            continue;
        };
        if wanted.is_some_and(|ids| !ids.contains(entity.as_str())) {
            continue;
        }
        if !seen.insert(entity.as_str()) {
            out.push(short_message(id, &parts));
            parts.clear();
            seen.clear();
            seen.insert(entity.as_str());
        }
        parts.entry(letter).or_default().push(brief);
    }
    if !parts.is_empty() {
        out.push(short_message(id, &parts));
    }
}

fn short_message(id: u64, parts: &BTreeMap<u8, Vec<&[u8]>>) -> String {
    let mut out = begin(id, parts.values().flatten().map(|part| part.len() + 1).sum());
    out.push(b'{');
    for (n, (letter, parts)) in parts.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        let [open, close] = if *letter == b'r' { *b"[]" } else { *b"{}" };
        out.extend_from_slice(&[b'"', *letter, b'"', b':', open]);
        out.extend_from_slice(&parts.join(&b","[..]));
        out.push(close);
    }
    out.extend_from_slice(b"}}");
    text_of(out)
}

impl StateTrigger {
    fn read(trigger: &Json) -> Result<Self, Refusal> {
        let one = match trigger {
            Json::Array(list) if list.len() == 1 => &list[0],
            one => one,
        };
        let kind = one["trigger"].as_str().or(one["platform"].as_str());
        if kind != Some("state") {
            let known = "Homard knows the trigger `state` here; for others subscribe to events";
            return Err(Refusal::new("not_supported", known));
        }
        for (key, value) in one.as_object().into_iter().flatten() {
            let is_known = ["trigger", "platform", "entity_id", "from", "to", "id", "alias"]
                .contains(&key.as_str());
            if !is_known && !value.is_null() {
                let what = format!("`{key}` of a state trigger is not supported");
                return Err(Refusal::new("not_supported", what));
            }
        }
        let Some(entities) = texts(&one["entity_id"]).filter(|ids| !ids.is_empty()) else {
            return Err(Refusal::format("`entity_id` must be a text or a list of texts"));
        };
        let entities = entities.into_iter().collect();
        Ok(Self { entities, from: texts(&one["from"]), to: texts(&one["to"]) })
    }

    fn message(&self, id: u64, chunk: &Chunk, event: &Event) -> Option<String> {
        #[derive(serde::Deserialize)]
        struct Changed<'a> {
            #[serde(borrow)]
            data: Data<'a>,
            #[serde(borrow)]
            context: &'a RawValue,
        }
        #[derive(serde::Deserialize)]
        struct Data<'a> {
            #[serde(borrow)]
            old_state: &'a RawValue,
            #[serde(borrow)]
            new_state: &'a RawValue,
        }
        #[derive(serde::Deserialize)]
        struct Word {
            state: String,
        }
        let entity = event.entity.as_ref().filter(|id| self.entities.contains(id.as_str()))?;
        let changed: Changed<'_> = serde_json::from_slice(chunk.json(event)).ok()?;
        let word = |state: &RawValue| {
            serde_json::from_str::<Option<Word>>(state.get()).ok().flatten().map(|word| word.state)
        };
        let (from, to) = (word(changed.data.old_state), word(changed.data.new_state));
        let fits = |wanted: &Option<Vec<String>>, word: &Option<String>| {
            wanted.as_ref().is_none_or(|wanted| word.as_ref().is_some_and(|w| wanted.contains(w)))
        };
        // As in Home Assistant, naming a state means changes of the state, not of attributes.
        let is_named = self.from.is_some() || self.to.is_some();
        if !fits(&self.from, &from) || !fits(&self.to, &to) || (is_named && from == to) {
            return None;
        }
        let message = json!({"id": id, "type": "event", "event": {
            "variables": {"trigger": {
                "id": "0", "idx": "0", "alias": null, "platform": "state",
                "entity_id": entity.as_str(),
                "from_state": changed.data.old_state, "to_state": changed.data.new_state,
                "for": null, "attribute": null, "description": format!("state of {entity}"),
            }},
            "context": changed.context,
        }});
        Some(message.to_string())
    }
}

impl Watched {
    fn message(&self, id: u64) -> String {
        json!({"id": id, "type": "event", "event": {
            "result": self.text,
            "listeners": {
                "all": false, "entities": self.asked, "domains": [], "time": false,
            },
        }})
        .to_string()
    }

    /// What it says now, if that is something else.
    async fn again(&mut self, news: &News<'_>, id: u64) -> Option<String> {
        let (source, variables) = (self.source.clone(), self.variables.clone());
        let said = template::say(news.site, news.caller, source, variables).await;
        match said {
            Ok(said) => {
                self.asked.extend(said.asked);
                if said.text == self.text {
                    return None;
                }
                self.text = said.text;
                Some(self.message(id))
            }
            Err(failure) => {
                let error = json!({ "error": failure.message(), "level": "ERROR" });
                Some(json!({ "id": id, "type": "event", "event": error }).to_string())
            }
        }
    }
}
