//! Reads triggers.

use std::sync::Arc;

use super::keys::Keys;
use super::{Reader, is_entity_id};
use crate::automation::rule::pattern::Pattern;
use crate::automation::rule::trigger::{
    At, Bound, DeviceTrigger, Kind, Match, NumericTrigger, Range, StateTrigger, TopicTrigger,
    Trigger,
};
use crate::automation::rule::{Expr, Weight, native};
use crate::home::rhythm::Days;
use crate::home::value::Value;

/// States that mean "it began to be so" in Home Assistant's device triggers.
const DEVICE_STATES: &[(&str, &str)] = &[
    ("turned_on", "on"),
    ("turned_off", "off"),
    ("opened", "on"),
    ("not_opened", "off"),
    ("motion", "on"),
    ("no_motion", "off"),
    ("occupied", "on"),
    ("not_occupied", "off"),
    ("moist", "on"),
    ("not_moist", "off"),
    ("smoke", "on"),
    ("no_smoke", "off"),
    ("problem", "on"),
    ("no_problem", "off"),
    ("present", "on"),
    ("not_present", "off"),
    ("vibration", "on"),
    ("no_vibration", "off"),
    ("connected", "on"),
    ("not_connected", "off"),
    ("locked", "locked"),
    ("unlocked", "unlocked"),
];

impl Reader<'_> {
    pub(super) fn triggers(&mut self, value: &Value) -> Vec<Trigger> {
        // `- triggers: […]` nests lists of triggers.
        let mut flat = Vec::new();
        self.flatten(value, &mut flat);
        let mut triggers = Vec::with_capacity(flat.len());
        for (path, value) in flat {
            let own = std::mem::replace(&mut self.path, path);
            let n = triggers.len();
            triggers.push(self.trigger(value, n));
            self.path = own;
        }
        triggers
    }

    fn flatten<'v>(&mut self, value: &'v Value, out: &mut Vec<(Vec<Arc<str>>, &'v Value)>) {
        if self.path.len() > super::DEEPEST {
            return self.disarm("nested too deep");
        }
        match value {
            Value::List(items) => {
                for (n, item) in items.iter().enumerate() {
                    self.at(&n.to_string(), |r| r.flatten(item, out));
                }
            }
            Value::Null => {}
            one => {
                let inner =
                    Keys::of(one).filter(|keys| !keys.has("trigger") && !keys.has("platform"));
                match inner.and_then(|mut keys| keys.take("triggers")) {
                    Some(inner) => self.at("triggers", |r| r.flatten(inner, out)),
                    None => out.push((self.path.clone(), one)),
                }
            }
        }
    }

    fn trigger(&mut self, value: &Value, n: usize) -> Trigger {
        let before = self.problems.len();
        let mut trigger = Trigger {
            id: n.to_string().into(),
            alias: None,
            is_enabled: true,
            variables: Vec::new(),
            kind: Kind::Never,
        };
        let Some(mut keys) = Keys::of(value).filter(|_| self.may_go_on()) else {
            self.problem(Weight::Deaf, "a trigger is a map with `trigger: state` or another kind");
            return trigger;
        };
        if let Some(id) = keys.take("id").and_then(native::word) {
            trigger.id = id;
        }
        trigger.alias = keys.take("alias").and_then(native::word);
        trigger.is_enabled = self.enabled(&mut keys);
        trigger.variables = self.named("variables", &mut keys);
        let Some((name, kind)) = keys.either("trigger", "platform") else {
            self.problem(Weight::Deaf, "`trigger` is missing: `state`, `time`, …");
            return trigger;
        };
        let kind = kind.as_str().unwrap_or_default().to_owned();
        let found = self.at(name, |r| r.trigger_kind(&kind, &mut keys));
        if let Some(found) = found {
            trigger.kind = found;
            self.unknown(&keys, Weight::Disarms);
        }
        // What is wrong with a trigger costs this trigger, and only if it was on.
        let weight = if trigger.is_enabled { Weight::Deaf } else { Weight::Note };
        let mut is_deaf = false;
        for problem in self.problems.iter_mut().skip(before) {
            if problem.weight != Weight::Note {
                problem.weight = weight;
                is_deaf = true;
            }
        }
        if is_deaf {
            trigger.kind = Kind::Never;
        }
        trigger.is_enabled &= trigger.kind != Kind::Never;
        trigger
    }

    /// `None` where it is not supported, which is said. The path ends at the kind.
    fn trigger_kind(&mut self, kind: &str, keys: &mut Keys<'_>) -> Option<Kind> {
        let place = self.path.pop();
        let found = match kind {
            "state" => Some(self.state_trigger(keys)),
            "numeric_state" => {
                let range = self.range(keys);
                if range.entities.iter().any(|id| &**id == "sun.sun") {
                    self.disarm("how high the sun stands is not watched; use a `sun` trigger");
                }
                Some(Kind::Numeric(NumericTrigger { range, length: self.length("for", keys) }))
            }
            "time" => self.time_trigger(keys),
            "time_pattern" => self.pattern_trigger(keys),
            "sun" => self.sun_trigger(keys),
            "template" => self.template_trigger(keys),
            "event" => Some(self.event_trigger(keys)),
            "device" => self.device_trigger(keys),
            "tag" => {
                let (tags, devices) = (self.texts("tag_id", keys), self.texts("device_id", keys));
                Some(Kind::Tag { tags, devices })
            }
            "mqtt" => self.topic_trigger(keys),
            "homeassistant" | "homard" => self.start_trigger(keys),
            _ => None,
        };
        self.path.extend(place);
        const KNOWN: &[&str] = &[
            "state",
            "numeric_state",
            "time",
            "time_pattern",
            "sun",
            "template",
            "event",
            "device",
            "tag",
            "mqtt",
            "homeassistant",
            "homard",
        ];
        if found.is_none() && !KNOWN.contains(&kind) {
            let why = match kind {
                "zone" | "geo_location" => ": Homard knows no zones; watch a `device_tracker`",
                "" => "; it must be a word",
                _ => "",
            };
            self.problem(
                Weight::Disarms,
                format!("a trigger of the kind `{kind}` is not supported{why}"),
            );
        }
        found
    }

    fn values(&mut self, name: &'static str, keys: &mut Keys<'_>) -> Option<Match> {
        match keys.take(name)? {
            Value::Null => Some(Match::Any),
            Value::List(items) => Some(Match::OneOf(items.clone())),
            one => Some(Match::OneOf(vec![one.clone()])),
        }
    }

    fn state_trigger(&mut self, keys: &mut Keys<'_>) -> Kind {
        let entities = self.entities("entity_id", keys);
        if entities.iter().any(|id| &**id == "sun.sun") {
            return self.sun_state(&entities, keys);
        }
        let attribute = self.text("attribute", keys);
        let mut side = |yes, no| match (self.values(yes, keys), self.values(no, keys)) {
            (Some(_), Some(_)) => {
                self.disarm(format!("`{yes}` and `{no}` exclude each other"));
                Match::Unsaid
            }
            (Some(values), None) => values,
            (None, Some(Match::OneOf(values))) => Match::NoneOf(values),
            (None, Some(_)) => Match::Any,
            (None, None) => Match::Unsaid,
        };
        let (from, to) = (side("from", "not_from"), side("to", "not_to"));
        let length = self.length("for", keys);
        Kind::State(StateTrigger { entities, attribute, from, to, length })
    }

    /// `sun.sun` changes when the sun rises or sets.
    fn sun_state(&mut self, entities: &[Arc<str>], keys: &mut Keys<'_>) -> Kind {
        let is_rise = match (entities, keys.take("to").and_then(Value::as_str)) {
            ([_], Some("above_horizon")) => true,
            ([_], Some("below_horizon")) => false,
            _ => {
                self.disarm("`sun.sun` is watched alone, `to` above_horizon or below_horizon");
                return Kind::Never;
            }
        };
        keys.take("from");
        if keys.has("for") {
            self.disarm("use a `sun` trigger with an `offset`");
        }
        Kind::Sun { is_rise, offset_s: 0.0 }
    }

    pub(super) fn range(&mut self, keys: &mut Keys<'_>) -> Range {
        let entities = self.entities("entity_id", keys);
        let attribute = self.text("attribute", keys);
        let value = keys.take("value_template");
        let value = value.and_then(|value| self.at("value_template", |r| r.template(value)));
        let (above, below) = (self.bound("above", keys), self.bound("below", keys));
        match (&above, &below) {
            (None, None) => self.disarm("`above` or `below` is missing"),
            (Some(Bound::Number(above)), Some(Bound::Number(below))) if above > below => {
                self.disarm("nothing is above and below these");
            }
            _ => {}
        }
        Range { entities, attribute, value, above, below }
    }

    fn bound(&mut self, name: &'static str, keys: &mut Keys<'_>) -> Option<Bound> {
        let value = keys.take(name)?;
        if let Some(number) = native::number(value) {
            return Some(Bound::Number(number));
        }
        match value.as_str().filter(|id| is_entity_id(id)) {
            Some(id) => Some(Bound::Entity(id.into())),
            None => {
                self.at(name, |r| r.disarm("must be a number or an entity's id"));
                None
            }
        }
    }

    /// A time of day, an entity, or a map of an entity and an offset.
    pub(super) fn time(&mut self, value: &Value) -> Option<At> {
        let of_entity = |id: &str, offset_s| At::Entity { id: id.into(), offset_s };
        let found = match value {
            Value::Text(text) => match native::time_of_day(text) {
                Some(second) => Some(At::Clock(second)),
                None => Some(of_entity(text, 0.0)).filter(|_| is_entity_id(text)),
            },
            // `07:30:00` without quotes is a number to some writers of YAML.
            Value::Int(second @ 0..86_400) => Some(At::Clock(*second as u32)),
            Value::Map(_) => Keys::of(value).and_then(|mut keys| {
                let id = keys.take("entity_id")?.as_str().filter(|id| is_entity_id(id))?;
                let offset = keys.take("offset").map(|offset| native::length(offset, true));
                let offset = offset.unwrap_or(Some(jiff::SignedDuration::ZERO))?;
                keys.left().is_empty().then(|| of_entity(id, offset.as_secs_f64()))
            }),
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::List(_) => None,
        };
        if found.is_none() {
            self.disarm("must be a time of day, `07:30:00`, or an entity that says one");
        }
        if let Some(At::Entity { id, .. }) = &found
            && id.starts_with("input_datetime.")
        {
            self.disarm("Homard has no `input_datetime`; a `time` or `datetime` entity will do");
        }
        found
    }

    fn time_trigger(&mut self, keys: &mut Keys<'_>) -> Option<Kind> {
        let Some(value) = keys.take("at") else {
            self.disarm("`at` is missing");
            return None;
        };
        let at = self.at("at", |r| r.each(value, |r, item| r.time(item)));
        let days = self.days(keys).unwrap_or(Days::DAILY);
        Some(Kind::Time { at: at.into_iter().flatten().collect(), days })
    }

    fn pattern_trigger(&mut self, keys: &mut Keys<'_>) -> Option<Kind> {
        let mut part = |name| keys.take(name).and_then(native::word);
        let (hours, minutes, seconds) = (part("hours"), part("minutes"), part("seconds"));
        if hours.is_none() && minutes.is_none() && seconds.is_none() {
            self.disarm("`hours`, `minutes` or `seconds` is missing");
            return None;
        }
        let pattern = Pattern::parse(hours.as_deref(), minutes.as_deref(), seconds.as_deref());
        if pattern.is_none() {
            self.disarm("must be numbers, `*` or `/5`");
        }
        pattern.map(Kind::Pattern)
    }

    fn sun_trigger(&mut self, keys: &mut Keys<'_>) -> Option<Kind> {
        let is_rise = match keys.take("event").and_then(Value::as_str) {
            Some("sunrise") => true,
            Some("sunset") => false,
            _ => {
                self.disarm("`event` must be `sunrise` or `sunset`");
                return None;
            }
        };
        Some(Kind::Sun { is_rise, offset_s: self.offset("offset", keys) })
    }

    /// Seconds after something, negative before it.
    pub(super) fn offset(&mut self, name: &'static str, keys: &mut Keys<'_>) -> f64 {
        let Some(value) = keys.take(name) else { return 0.0 };
        let offset = native::length(value, true).map(|offset| offset.as_secs_f64());
        offset.filter(|offset| offset.abs() <= 12.0 * 3_600.0).unwrap_or_else(|| {
            self.at(name, |r| r.disarm("must be a length of time up to 12 hours, `-00:30:00`"));
            0.0
        })
    }

    fn template_trigger(&mut self, keys: &mut Keys<'_>) -> Option<Kind> {
        let Some(value) = keys.take("value_template") else {
            self.disarm("`value_template` is missing");
            return None;
        };
        let template = self.at("value_template", |r| r.template(value))?;
        Some(Kind::Template { template, length: self.length("for", keys) })
    }

    fn event_trigger(&mut self, keys: &mut Keys<'_>) -> Kind {
        let names = match keys.take("event_type") {
            Some(value) => self.at("event_type", |r| r.each(value, |r, item| r.expr(item))),
            None => {
                self.disarm("`event_type` is missing");
                Vec::new()
            }
        };
        if names.contains(&Expr::Value(Value::from("state_changed"))) {
            self.disarm(
                "an event trigger on `state_changed` is not supported; use a `state` trigger",
            );
        }
        let data = self.named("event_data", keys);
        if let Some(context) = keys.take("context") {
            let _ = context;
            self.at("context", |r| r.disarm("Homard's events have no context"));
        }
        Kind::Event { names, data }
    }

    fn start_trigger(&mut self, keys: &mut Keys<'_>) -> Option<Kind> {
        match keys.take("event").and_then(Value::as_str) {
            Some("start") => Some(Kind::Start),
            _ => {
                self.disarm("`event` must be `start`; at its end Homard does nothing any more");
                None
            }
        }
    }

    fn topic_trigger(&mut self, keys: &mut Keys<'_>) -> Option<Kind> {
        let Some(filter) = self.text("topic", keys).filter(|filter| is_filter(filter)) else {
            self.disarm("`topic` must be a topic; `#` stands alone at its end, `+` for a level");
            return None;
        };
        let payload = keys.take("payload");
        let payload = payload.map(|payload| self.at("payload", |r| r.expr(payload)));
        let value = keys.take("value_template");
        let value = value.and_then(|value| self.at("value_template", |r| r.template(value)));
        keys.take("qos");
        if keys.take("encoding").is_some_and(|encoding| encoding.as_str() != Some("utf-8")) {
            self.at("encoding", |r| r.disarm("only `utf-8` is understood"));
        }
        Some(Kind::Topic(TopicTrigger { filter, payload, value }))
    }

    fn device_trigger(&mut self, keys: &mut Keys<'_>) -> Option<Kind> {
        let domain = self.text("domain", keys).unwrap_or_default();
        let kind = self.text("type", keys).unwrap_or_default();
        let device = self.text("device_id", keys).unwrap_or_default();
        keys.take("metadata");
        if &*domain == "mqtt" {
            keys.take("discovery_id");
            let subtype = self.text("subtype", keys).unwrap_or_default();
            return Some(Kind::Device(DeviceTrigger { device, kind, subtype }));
        }
        let entity = keys.take("entity_id").and_then(Value::as_str).filter(|id| is_entity_id(id));
        let state = DEVICE_STATES.iter().find(|(word, _)| **word == *kind).map(|(_, state)| *state);
        let (Some(entity), Some(state)) = (entity, state) else {
            self.disarm(format!(
                "a device trigger of `{domain}` (`{kind}`) is not supported; use a `state` trigger"
            ));
            return None;
        };
        // Covers and binary sensors share a word, and not the state.
        let state = if &*domain == "cover" && &*kind == "opened" { "open" } else { state };
        Some(Kind::State(StateTrigger {
            entities: vec![entity.into()],
            attribute: None,
            from: Match::Unsaid,
            to: Match::OneOf(vec![Value::from(state)]),
            length: self.length("for", keys),
        }))
    }
}

/// Whether a text is a topic or a filter, as MQTT has it. Not of everything: `#` alone is every message
/// of the house.
fn is_filter(filter: &str) -> bool {
    let mut levels = filter.split('/').rev();
    let last = levels.next().unwrap_or_default();
    let is_level = |level: &str| !level.contains(['#', '+', '\0']) || level == "+";
    let is_last = (last == "#" && filter != "#") || is_level(last);
    !filter.is_empty() && filter.len() <= 1_000 && is_last && levels.all(is_level)
}
