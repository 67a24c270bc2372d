//! The replies of a fetched language pack: Jinja templates over slots, states and what a question
//! found, and the pack's wording for what went wrong. It owns what a template may read; which reply
//! fits, its callers say. A template that is missing or fails gives nothing, and the caller says
//! something safe instead.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Zoned;
use serde_json::{Map, Value as Json, json};

use crate::clock::Clock;
use crate::home::entity::Entity;
use crate::intent::meaning::Reading;
use crate::intent::program::HOME_LISTS;
use crate::intent::value::Value;
use crate::template::{Scope, States, Templates, Variable};

/// The replies of one language as its pack has them. Compiled when they are needed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Official {
    /// By intent and key.
    replies: BTreeMap<String, BTreeMap<String, String>>,
    /// Wording for what went wrong, by key.
    errors: BTreeMap<String, String>,
}

/// An entity as reply templates see it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Seen {
    /// Its id.
    pub entity_id: String,
    /// Its name.
    pub name: String,
    /// Its state in Home Assistant's word; a number as text.
    pub state: String,
    /// The unit of the state.
    pub unit: Option<String>,
    /// Its attributes.
    pub attributes: Map<String, Json>,
}

/// A timer as reply templates see it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SeenTimer {
    /// What it is called; empty for nothing.
    pub name: String,
    /// The room in which it was started; empty for none.
    pub area: String,
    /// It runs; else it is held.
    pub is_active: bool,
    /// Seconds left.
    pub left_s: u64,
    /// The length with which it was started, in seconds.
    pub started_s: u64,
}

impl SeenTimer {
    fn json(&self) -> Json {
        // Of hours nobody wants to hear the seconds.
        let said = if self.left_s >= 3_600 { (self.left_s + 30) / 60 * 60 } else { self.left_s };
        json!({
            "name": self.name,
            "area": self.area,
            "is_active": self.is_active,
            "total_seconds_left": self.left_s,
            "rounded_hours_left": said / 3_600,
            "rounded_minutes_left": said % 3_600 / 60,
            "rounded_seconds_left": said % 60,
            "start_hours": self.started_s / 3_600,
            "start_minutes": self.started_s % 3_600 / 60,
            "start_seconds": self.started_s % 60,
        })
    }
}

/// What a reply is made from.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Slots: what was said, else the value. Later ones replace earlier ones of the same name.
    pub slots: Vec<(String, Json)>,
    /// The entities that were acted on, or that are as was asked.
    pub matched: Vec<Seen>,
    /// The entities that are not as was asked.
    pub unmatched: Vec<Seen>,
}

impl Seen {
    /// An entity of the home, as it is shown now.
    pub fn of(entity: &Entity) -> Seen {
        let view = entity.view();
        let mut attributes = Map::new();
        for name in ["current_temperature", "temperature", "current_position", "percentage"] {
            let value = view.as_ref().and_then(|view| view.attributes.named(name)?.as_f64());
            if let Some(value) = value {
                attributes.insert(name.to_owned(), number(value));
            }
        }
        if let Some(class) = &entity.traits.device_class {
            attributes.insert("device_class".to_owned(), json!(class));
        }
        Seen {
            entity_id: entity.id.as_str().to_owned(),
            name: entity.friendly_name.to_string(),
            state: view.map_or_else(|| "unknown".to_owned(), |view| view.word.to_string()),
            unit: entity.traits.unit.as_deref().map(str::to_owned),
            attributes,
        }
    }

    fn json(&self) -> Json {
        let with_unit = match self.unit.as_deref() {
            Some(unit) if !unit.is_empty() => format!("{} {unit}", self.state),
            _ => self.state.clone(),
        };
        json!({
            "entity_id": self.entity_id,
            "domain": self.entity_id.split('.').next().unwrap_or(""),
            "name": self.name,
            "state": self.state,
            "hass_state": self.state,
            "state_with_unit": with_unit,
            "attributes": self.attributes,
        })
    }
}

impl Facts {
    /// The slots of a reading: names of the home as the home writes them, of the rest the words that
    /// were said (they are in the language of the reply), else the value.
    pub fn of(reading: &Reading) -> Facts {
        let slots = reading.slots.iter().map(|slot| {
            let is_name = HOME_LISTS.contains(&&*slot.name) && slot.value.as_text().is_some();
            let said = if is_name { "" } else { slot.said.trim() };
            let value = if said.is_empty() { plain(&slot.value) } else { json!(said) };
            (slot.name.to_string(), value)
        });
        Facts { slots: slots.collect(), ..Facts::default() }
    }

    /// Adds how many there were of something, as a slot.
    pub fn add_count(&mut self, slot: &str, count: i64) {
        self.slots.push((slot.to_owned(), json!(count)));
    }

    /// Adds the timers that were asked for.
    pub fn add_timers(&mut self, timers: impl Iterator<Item = SeenTimer>) {
        let timers = timers.map(|timer| timer.json()).collect();
        self.slots.push(("timers".to_owned(), Json::Array(timers)));
    }
}

impl Official {
    /// The replies of a pack.
    pub fn new(
        replies: BTreeMap<String, BTreeMap<String, String>>,
        errors: BTreeMap<String, String>,
    ) -> Official {
        Official { replies, errors }
    }

    /// Whether the pack has any.
    pub fn is_empty(&self) -> bool {
        self.replies.is_empty() && self.errors.is_empty()
    }

    /// The reply of an intent under a key. `now` is what "what time is it" tells. `None` when there
    /// is none or its template fails.
    pub fn reply(&self, intent: &str, key: &str, facts: &Facts, now: &Zoned) -> Option<String> {
        let replies = self.replies.get(intent)?;
        let source = replies.get(key)?;
        let json_slots: Vec<(&str, &Json)> =
            facts.slots.iter().map(|(name, value)| (name.as_str(), value)).collect();
        let mut slots: Vec<(&str, Variable<'_>)> =
            json_slots.iter().map(|(name, value)| (*name, Variable::Json(value))).collect();
        slots.push(("time", Variable::Time(now.time())));
        slots.push(("date", Variable::Date(now.date())));
        let seen = |seen: &[Seen]| Json::Array(seen.iter().map(Seen::json).collect());
        let query = json!({ "matched": seen(&facts.matched), "unmatched": seen(&facts.unmatched) });
        let first = facts.matched.first().or_else(|| facts.unmatched.first());
        let state = first.map(Seen::json);
        let variables = [
            ("slots", Variable::Map(&slots)),
            ("query", Variable::Json(&query)),
            ("state", state.as_ref().map_or(Variable::None, Variable::Json)),
        ];
        let states: Arc<dyn States> =
            Arc::new(Known(facts.matched.iter().chain(&facts.unmatched).cloned().collect()));
        render(source, &variables, Some(&states), now)
    }

    /// The wording of what went wrong, with its words: `entity`, `area`, `floor`, `domain`,
    /// `device_class`, `state`.
    pub fn error(&self, key: &str, words: &[(&str, &str)], now: &Zoned) -> Option<String> {
        let variables: Vec<(&str, Variable<'_>)> =
            words.iter().map(|(name, word)| (*name, Variable::Text(word))).collect();
        render(self.errors.get(key)?, &variables, None, now)
    }
}

/// Renders a template to one line.
fn render(
    source: &str,
    variables: &[(&str, Variable<'_>)],
    states: Option<&Arc<dyn States>>,
    now: &Zoned,
) -> Option<String> {
    let clock = Clock::fixed(now.clone());
    let scope = Scope { states, ..Scope::new("", &clock) };
    let source = without_colons(source);
    let rendered = Templates::default().compile(&source).ok()?.render_text(variables, &scope);
    Some(rendered.ok()?.text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// `{% if x: %}`, as the packs like to write it, is Jinja only in Python.
fn without_colons(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    for (index, part) in source.split("%}").enumerate() {
        if index > 0 {
            out.push_str("%}");
        }
        let is_tag = part.rfind("{%").is_some_and(|tag| !part[tag..].contains("#}"));
        let body = part.trim_end_matches([' ', '\n', '-']);
        match body.strip_suffix(':') {
            Some(body) if is_tag => {
                out.push_str(body);
                out.push_str(if part.ends_with('-') { " -" } else { " " });
            }
            _ => out.push_str(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use jiff::tz::TimeZone;

    #[test]
    fn replies_read_slots_states_and_the_time() {
        let now = date(2013, 9, 17).at(1, 2, 0, 0).to_zoned(TimeZone::UTC).unwrap();
        let lamp = |name: &str| Seen {
            entity_id: "sensor.a".to_owned(),
            name: name.to_owned(),
            state: "21".to_owned(),
            unit: Some("°C".to_owned()),
            attributes: Map::from_iter([("current".to_owned(), json!(3))]),
        };
        let facts = Facts {
            slots: vec![("name".to_owned(), json!("lamp")), ("n".to_owned(), json!(2))],
            matched: vec![lamp("A"), lamp("B")],
            unmatched: Vec::new(),
        };
        let cases = [
            ("{{ slots.name | capitalize }}  {{ slots.n }}", Some("Lamp 2")),
            ("{{ slots.get('name') }}{{ slots.nothing }}", Some("lamp")),
            ("{% if slots.n == 2: -%} two {% else: %} none {% endif %}", Some("two")),
            ("{{ state.state_with_unit }} {{ state.domain }}", Some("21 °C sensor")),
            ("{{ state_attr(state.entity_id, 'current') }}", Some("3")),
            ("{{ query.matched | map(attribute='name') | join('+') }}", Some("A+B")),
            ("{{ query.unmatched | length }}", Some("0")),
            (
                "{{ slots.time.hour }}:{{ slots.date.day }} {{ slots.date.weekday() }}",
                Some("1:17 1"),
            ),
            ("{{ slots.name", None),
            ("{{ slots.nothing.more }}", None),
        ];
        for (template, expected) in cases {
            let replies = BTreeMap::from([("a".to_owned(), template.to_owned())]);
            let official =
                Official::new(BTreeMap::from([("I".to_owned(), replies)]), BTreeMap::new());
            let said = official.reply("I", "a", &facts, &now);
            assert_eq!(said.as_deref(), expected, "{template}");
        }
    }
}

/// The entities of a reply, for `state_attr` in its template.
#[derive(Debug)]
struct Known(Vec<Seen>);

impl States for Known {
    fn state(&self, entity_id: &str) -> Option<String> {
        self.0.iter().find(|seen| seen.entity_id == entity_id).map(|seen| seen.state.clone())
    }

    fn attribute(&self, entity_id: &str, name: &str) -> Option<Json> {
        let seen = self.0.iter().find(|seen| seen.entity_id == entity_id)?;
        seen.attributes.get(name).cloned()
    }
}

/// A slot's value for a template.
fn plain(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Number(value) => number(*value),
        Value::Text(text) => json!(&**text),
        Value::List(values) => Json::Array(values.iter().map(plain).collect()),
    }
}

/// A number as Python shows it: whole ones without a fraction.
fn number(value: f64) -> Json {
    if value.fract() == 0.0 && value.abs() < 1e15 { json!(value as i64) } else { json!(value) }
}
