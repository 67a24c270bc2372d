//! Reading an announcement's keys, kindly: one bad optional key costs that key, and is told.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::home::entity::Traits;
use crate::template::{Template, Templates, python};

/// Shares equal texts: a house of 40,000 entities has only a few thousand different ones.
#[derive(Default)]
pub(crate) struct Interner(RefCell<HashSet<Arc<str>>>);

impl Interner {
    /// The one copy of this text.
    pub(crate) fn intern(&self, text: &str) -> Arc<str> {
        let mut known = self.0.borrow_mut();
        if let Some(shared) = known.get(text) {
            return Arc::clone(shared);
        }
        let shared: Arc<str> = text.into();
        known.insert(Arc::clone(&shared));
        shared
    }

    /// Lets go of texts that nobody else holds.
    pub(crate) fn sweep(&self) {
        self.0.borrow_mut().retain(|text| Arc::strong_count(text) > 1);
    }
}

/// What reading needs: shared texts and templates.
pub(crate) struct Workshop {
    pub(crate) texts: Interner,
    pub(crate) templates: Templates,
}

/// Why an announcement makes no entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reject(pub(crate) String);

/// The keys of one announcement. Each reader takes its key out; a value that cannot be used is
/// noted as a problem and counts as absent. Texts are coerced as Python's `str()` does, because
/// the rendered values they are compared with are Python's words too: JSON `true` is `True`.
pub(crate) struct Keys<'a> {
    map: Map<String, Value>,
    workshop: &'a Workshop,
    problems: Vec<String>,
    /// What was read of the facts shown with the state (device class, unit, …); a component may
    /// look at them and mend them.
    pub(crate) traits: Traits,
    /// The entity has attributes of the device's own making.
    pub(crate) has_attributes_topic: bool,
}

impl<'a> Keys<'a> {
    pub(crate) fn new(map: Map<String, Value>, workshop: &'a Workshop) -> Self {
        Self {
            map,
            workshop,
            problems: Vec::new(),
            traits: Traits::default(),
            has_attributes_topic: false,
        }
    }

    /// The keys of an object within.
    pub(crate) fn nested(&self, map: Map<String, Value>) -> Keys<'a> {
        Keys::new(map, self.workshop)
    }

    /// What was wrong, in plain words, naming the key.
    pub(crate) fn into_problems(self) -> Vec<String> {
        self.problems
    }

    /// Notes that something about a key is wrong.
    pub(crate) fn problem(&mut self, key: &str, why: impl AsRef<str>) {
        self.problems.push(format!("`{key}`: {}", why.as_ref()));
    }

    /// Takes the value as it is.
    pub(crate) fn take(&mut self, key: &str) -> Option<Value> {
        self.map.shift_remove(key)
    }

    /// Shares a text.
    pub(crate) fn intern(&self, text: &str) -> Arc<str> {
        self.workshop.texts.intern(text)
    }

    /// A text.
    pub(crate) fn string(&mut self, key: &str) -> Option<Arc<str>> {
        let value = self.take(key)?;
        self.coerce(key, &value)
    }

    /// A text, or what Home Assistant takes when there is none.
    pub(crate) fn string_or(&mut self, key: &str, default: &str) -> Arc<str> {
        self.string(key).unwrap_or_else(|| self.intern(default))
    }

    /// A text for which `null` has a meaning of its own: `None` absent, `Some(None)` null.
    pub(crate) fn nullable_string(&mut self, key: &str) -> Option<Option<Arc<str>>> {
        match self.take(key)? {
            Value::Null => Some(None),
            value => self.coerce(key, &value).map(Some),
        }
    }

    fn coerce(&mut self, key: &str, value: &Value) -> Option<Arc<str>> {
        match value {
            Value::String(text) => Some(self.intern(text)),
            Value::Bool(_) | Value::Number(_) => Some(self.intern(&python::str_of_json(value))),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                self.problem(key, format!("must be text, is {}", kind(value)));
                None
            }
        }
    }

    /// A list of texts; a single value is a list of one.
    pub(crate) fn list(&mut self, key: &str) -> Option<Vec<Arc<str>>> {
        let items = match self.take(key)? {
            Value::Array(items) => items,
            Value::Null => return Some(Vec::new()),
            one => vec![one],
        };
        Some(items.iter().filter_map(|item| self.coerce(key, item)).collect())
    }

    /// A topic to listen to; may have wildcards.
    pub(crate) fn topic(&mut self, key: &str) -> Option<Arc<str>> {
        let topic = self.string(key)?;
        match check_filter(&topic) {
            Ok(()) => Some(topic),
            Err(why) => {
                self.problem(key, why);
                None
            }
        }
    }

    /// A topic to publish to; no wildcards.
    pub(crate) fn publish_topic(&mut self, key: &str) -> Option<Arc<str>> {
        let topic = self.topic(key)?;
        if topic.contains(['+', '#']) {
            self.problem(key, "a topic to publish to cannot have wildcards");
            return None;
        }
        Some(topic)
    }

    /// A topic to listen to, without which there is no entity.
    pub(crate) fn required_topic(&mut self, key: &str) -> Result<Arc<str>, Reject> {
        self.topic(key).ok_or_else(|| self.missing(key))
    }

    /// A topic to publish to, without which there is no entity.
    pub(crate) fn required_publish_topic(&mut self, key: &str) -> Result<Arc<str>, Reject> {
        self.publish_topic(key).ok_or_else(|| self.missing(key))
    }

    /// A template, without which there is no entity.
    pub(crate) fn required_template(&mut self, key: &str) -> Result<Template, Reject> {
        self.template(key).ok_or_else(|| self.missing(key))
    }

    /// The words for a key that must be there.
    pub(crate) fn missing(&self, key: &str) -> Reject {
        match self.problems.iter().rev().find(|problem| problem.starts_with(&format!("`{key}`"))) {
            Some(problem) => Reject(problem.clone()),
            None => Reject(format!("`{key}` is missing")),
        }
    }

    /// A template.
    pub(crate) fn template(&mut self, key: &str) -> Option<Template> {
        let source = self.string(key)?;
        match self.workshop.templates.compile(&source) {
            Ok(template) => Some(template),
            Err(error) => {
                self.problem(key, error.to_string());
                None
            }
        }
    }

    /// A truth; the words that Home Assistant takes for one will do.
    pub(crate) fn flag(&mut self, key: &str, default: bool) -> bool {
        self.maybe_flag(key).unwrap_or(default)
    }

    /// A truth, if it is there.
    pub(crate) fn maybe_flag(&mut self, key: &str) -> Option<bool> {
        let value = self.take(key)?;
        let truth = match &value {
            Value::Bool(truth) => Some(*truth),
            Value::Number(number) => number.as_f64().map(|number| number != 0.0),
            Value::String(text) => match &*text.trim().to_lowercase() {
                "1" | "true" | "yes" | "on" | "enable" => Some(true),
                "0" | "false" | "no" | "off" | "disable" => Some(false),
                _ => None,
            },
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        };
        if truth.is_none() {
            self.problem(key, format!("must be true or false, is {}", kind(&value)));
        }
        truth
    }

    /// A finite number; a text that reads as one will do.
    pub(crate) fn float(&mut self, key: &str) -> Option<f64> {
        let value = self.take(key)?;
        let number = match &value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        };
        let number = number.filter(|number| number.is_finite());
        if number.is_none() {
            self.problem(key, format!("must be a number, is {}", kind(&value)));
        }
        number
    }

    /// A number, or what Home Assistant takes when there is none.
    pub(crate) fn float_or(&mut self, key: &str, default: f64) -> f64 {
        self.float(key).unwrap_or(default)
    }

    /// A whole number; a fraction is cut off, as Python's `int()` does.
    pub(crate) fn int(&mut self, key: &str) -> Option<i64> {
        self.float(key).map(|number| number as i64)
    }

    /// A whole number that is not negative.
    pub(crate) fn positive_int(&mut self, key: &str) -> Option<i64> {
        let number = self.int(key)?;
        if number < 0 {
            self.problem(key, "must not be negative");
            return None;
        }
        Some(number)
    }

    /// One of the words that are possible.
    pub(crate) fn choice(&mut self, key: &str, choices: &[&'static str]) -> Option<&'static str> {
        let word = self.string(key)?;
        let choice = choices.iter().copied().find(|choice| *choice == &*word);
        if choice.is_none() {
            self.problem(key, format!("`{word}` is none of {}", choices.join(", ")));
        }
        choice
    }
}

/// What a JSON value is, in plain words.
fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("`{}`", text.chars().take(60).collect::<String>()),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// mosquitto hangs up on more.
const MAX_SLASHES: usize = 199;

/// Whether a text can be subscribed to (MQTT 5, section 4.7).
pub(crate) fn check_filter(filter: &str) -> Result<(), &'static str> {
    if filter.is_empty() {
        return Err("a topic cannot be empty");
    }
    if filter.len() > 65_535 {
        return Err("a topic cannot be longer than 65,535 bytes");
    }
    // A broker ends the connection of who sends it one of these, and again at each attempt.
    let is_bad = |c: char| {
        c.is_control() || ('\u{fdd0}'..='\u{fdef}').contains(&c) || u32::from(c) & 0xfffe == 0xfffe
    };
    if filter.contains(is_bad) {
        return Err("a topic cannot have control characters");
    }
    if filter.bytes().filter(|byte| *byte == b'/').count() > MAX_SLASHES {
        return Err("a topic cannot have more than 200 levels");
    }
    // What the broker keeps is not sent to these, and other clients could take the messages away.
    if filter.starts_with("$share/") {
        return Err("a shared subscription cannot be used here");
    }
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        if level.contains('#') && (level != "#" || levels.peek().is_some()) {
            return Err("`#` must be the last level, alone");
        }
        if level.contains('+') && level != "+" {
            return Err("`+` must be alone in its level");
        }
    }
    Ok(())
}
