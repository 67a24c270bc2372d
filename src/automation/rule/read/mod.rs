//! From plain values to rules: Home Assistant's schema of automations and scripts, the older
//! spellings and the newer. Never fails: what cannot be read is a [`Problem`] with its place.

mod condition;
mod keys;
mod scene;
mod step;
mod trigger;

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use self::scene::scene;

use self::keys::Keys;
use super::{Expr, Kind, Mode, Named, Problem, Rule, RuleKey, Weight, native};
use crate::clock::Clock;
use crate::home::value::Value;
use crate::template::{Scope, Templates};

/// Nesting beyond this is not read.
const DEEPEST: usize = 30;
/// Triggers, conditions and steps of one rule, nested ones too.
const MOST_PARTS: usize = 2_000;
/// Problems kept of one rule.
const MOST_PROBLEMS: usize = 100;
/// Runs of one rule at once.
const MOST_RUNS: i64 = 100;

/// Reads a rule of any kind.
pub fn rule(key: &RuleKey, source: &Value, templates: &Templates) -> Rule {
    let read = match key.kind() {
        Kind::Automation => automation,
        Kind::Script => script,
        Kind::Scene => scene,
    };
    read(key.id(), source, templates)
}

/// Reads an automation.
pub fn automation(id: &str, source: &Value, templates: &Templates) -> Rule {
    let mut reader = Reader::new(templates);
    let mut rule = empty(RuleKey::new(Kind::Automation, id), source);
    let Some(mut keys) = Keys::of(source) else {
        reader.disarm("an automation is a map with `triggers` and `actions`");
        return reader.finish(rule);
    };
    keys.take("id");
    reader.head(&mut keys, &mut rule, id);
    if keys.take("use_blueprint").is_some() {
        reader.disarm("blueprints are not supported; take control of the automation and export it");
    }
    rule.trigger_variables = reader.named("trigger_variables", &mut keys);
    rule.variables = reader.named("variables", &mut keys);
    match keys.either("triggers", "trigger") {
        Some((name, value)) => rule.triggers = reader.at(name, |r| r.triggers(value)).into(),
        None => reader.note("nothing begins it: there are no `triggers`"),
    }
    if let Some((name, value)) = keys.either("conditions", "condition") {
        rule.conditions = reader.at(name, |r| r.conditions(value)).into();
    }
    match keys.either("actions", "action") {
        Some((name, value)) => rule.steps = reader.at(name, |r| r.steps(value)),
        None => reader.note("it does nothing: there are no `actions`"),
    }
    rule.initial = keys.take("initial_state").and_then(native::truth);
    rule.is_once = keys
        .take("homard")
        .and_then(|own| Keys::of(own)?.take("once").and_then(native::truth))
        .unwrap_or(false);
    reader.unknown(&keys, Weight::Note);
    reader.finish(rule)
}

/// Reads a script.
pub fn script(id: &str, source: &Value, templates: &Templates) -> Rule {
    let mut reader = Reader::new(templates);
    let mut rule = empty(RuleKey::new(Kind::Script, id), source);
    let Some(mut keys) = Keys::of(source) else {
        reader.disarm("a script is a map with a `sequence`");
        return reader.finish(rule);
    };
    reader.head(&mut keys, &mut rule, id);
    keys.take("icon");
    if keys.take("use_blueprint").is_some() {
        reader.disarm("blueprints are not supported; take control of the script and export it");
    }
    rule.variables = reader.named("variables", &mut keys);
    // What a form asks for; a field that is not given is its default.
    if let Some(Value::Map(fields)) = keys.take("fields") {
        let defaults = fields.iter().filter_map(|(name, field)| {
            Some((Arc::clone(name), Keys::of(field)?.take("default")?.clone()))
        });
        for (name, default) in defaults {
            if !rule.variables.iter().any(|(known, _)| *known == name) {
                let default = reader.at("fields", |r| r.expr(&default));
                rule.trigger_variables.push((name, default));
            }
        }
    }
    match keys.take("sequence") {
        Some(value) => rule.steps = reader.at("sequence", |r| r.steps(value)),
        None => reader.note("it does nothing: there is no `sequence`"),
    }
    reader.unknown(&keys, Weight::Note);
    reader.finish(rule)
}

fn empty(key: RuleKey, source: &Value) -> Rule {
    Rule {
        key,
        alias: "".into(),
        description: "".into(),
        mode: Mode::Single,
        max: 1,
        initial: None,
        is_once: false,
        triggers: Arc::default(),
        conditions: Arc::default(),
        steps: Arc::default(),
        trigger_variables: Vec::new(),
        variables: Vec::new(),
        problems: Vec::new(),
        source: source.clone(),
    }
}

/// Where in the rule is read, and what was found.
struct Reader<'t> {
    templates: &'t Templates,
    path: Vec<Arc<str>>,
    n_parts: usize,
    problems: Vec<Problem>,
}

impl<'t> Reader<'t> {
    fn new(templates: &'t Templates) -> Self {
        Self { templates, path: Vec::new(), n_parts: 0, problems: Vec::new() }
    }

    fn finish(self, mut rule: Rule) -> Rule {
        rule.problems = self.problems;
        rule
    }

    /// Reads something one step further in.
    fn at<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(name.into());
        let read = read(self);
        self.path.pop();
        read
    }

    fn problem(&mut self, weight: Weight, text: impl Into<String>) {
        if self.problems.len() < MOST_PROBLEMS {
            let (path, text) = (self.path.join("/"), text.into());
            self.problems.push(Problem { path, text, weight });
        } else if let Some(last) = self.problems.last_mut() {
            last.weight = last.weight.max(weight);
        }
    }

    fn note(&mut self, text: impl Into<String>) {
        self.problem(Weight::Note, text);
    }

    fn disarm(&mut self, text: impl Into<String>) {
        self.problem(Weight::Disarms, text);
    }

    /// Counts a part; false if there are too many or it is nested too deep.
    fn may_go_on(&mut self) -> bool {
        self.n_parts += 1;
        if self.n_parts > MOST_PARTS || self.path.len() > DEEPEST * 3 {
            self.disarm(format!("more than {MOST_PARTS} parts, or nested too deep"));
            return false;
        }
        true
    }

    /// What is left of a map that nobody has read.
    fn unknown(&mut self, keys: &Keys<'_>, weight: Weight) {
        for name in keys.left() {
            self.at(name, |r| r.problem(weight, format!("`{name}` is not known here")));
        }
    }

    fn head(&mut self, keys: &mut Keys<'_>, rule: &mut Rule, id: &str) {
        let text = |value: Option<&Value>| value.and_then(native::word);
        rule.alias = text(keys.take("alias")).unwrap_or_else(|| id.into());
        rule.description = text(keys.take("description")).unwrap_or_default();
        if let Some(mode) = keys.take("mode") {
            match Mode::ALL.into_iter().find(|known| mode.as_str() == Some(known.word())) {
                Some(mode) => rule.mode = mode,
                None => self.at("mode", |r| {
                    r.disarm("must be `single`, `restart`, `queued` or `parallel`");
                }),
            }
        }
        let max = keys.take("max");
        if matches!(rule.mode, Mode::Queued | Mode::Parallel) {
            rule.max = 10;
            if let Some(max) = max {
                match native::number(max).map(|max| max as i64) {
                    Some(max @ 1..=MOST_RUNS) => rule.max = max as usize,
                    _ => self.at("max", |r| r.note(format!("must be 1 to {MOST_RUNS}; it is 10"))),
                }
            }
        }
        // How loudly Home Assistant's log says that a run was left out, and how many traces it keeps.
        for name in ["max_exceeded", "trace", "hide_entity"] {
            keys.take(name);
        }
    }

    /// One thing, or a list of them; lists in lists are one list.
    fn each<T>(&mut self, value: &Value, mut read: impl FnMut(&mut Self, &Value) -> T) -> Vec<T> {
        match value {
            Value::List(items) => {
                let mut all = Vec::with_capacity(items.len());
                for (n, item) in items.iter().enumerate() {
                    self.at(&n.to_string(), |r| match item {
                        Value::List(inner) => {
                            for (m, item) in inner.iter().enumerate() {
                                all.push(r.at(&m.to_string(), |r| read(r, item)));
                            }
                        }
                        item => all.push(read(r, item)),
                    });
                }
                all
            }
            Value::Null => Vec::new(),
            one => vec![read(self, one)],
        }
    }

    /// A value that may have templates in it.
    fn expr(&mut self, value: &Value) -> Expr {
        match value {
            Value::Text(text) if is_template(text) => match self.template(value) {
                Some(template) => Expr::Template(template),
                None => Expr::Value(value.clone()),
            },
            Value::List(items) if has_template(value) => {
                let items = items.iter().enumerate();
                Expr::List(items.map(|(n, v)| self.at(&n.to_string(), |r| r.expr(v))).collect())
            }
            Value::Map(map) if has_template(value) => Expr::Map(
                map.iter()
                    .map(|(name, value)| (Arc::clone(name), self.at(name, |r| r.expr(value))))
                    .collect(),
            ),
            value => Expr::Value(value.clone()),
        }
    }

    /// A template, or a plain value in a template's place.
    fn template(&mut self, value: &Value) -> Option<crate::template::Template> {
        let Some(source) = native::word(value) else {
            self.disarm("must be a template");
            return None;
        };
        match self.templates.compile(&source) {
            Ok(template) => Some(template),
            Err(error) => {
                self.disarm(error.to_string());
                None
            }
        }
    }

    /// Values by name.
    fn named(&mut self, name: &'static str, keys: &mut Keys<'_>) -> Named {
        let Some(value) = keys.take(name) else { return Named::new() };
        self.at(name, |r| r.map(value))
    }

    fn map(&mut self, value: &Value) -> Named {
        match value {
            Value::Map(map) => map
                .iter()
                .map(|(name, value)| (Arc::clone(name), self.at(name, |r| r.expr(value))))
                .collect(),
            Value::Null => Named::new(),
            _ => {
                self.disarm("must be a map");
                Named::new()
            }
        }
    }

    /// A length of time, which may be a template.
    fn length(&mut self, name: &'static str, keys: &mut Keys<'_>) -> Option<Expr> {
        let value = keys.take(name)?;
        Some(self.at(name, |r| r.length_of(value)))
    }

    fn length_of(&mut self, value: &Value) -> Expr {
        let expr = self.expr(value);
        if let Expr::Value(plain) = &expr
            && native::length(plain, false).is_none()
        {
            self.disarm("must be a length of time, `00:05:00` or `minutes: 5`");
        }
        expr
    }

    /// Entity ids: a text, several with commas, or a list.
    fn entities(&mut self, name: &'static str, keys: &mut Keys<'_>) -> Vec<Arc<str>> {
        let Some(value) = keys.take(name) else {
            self.disarm(format!("`{name}` is missing"));
            return Vec::new();
        };
        self.at(name, |r| {
            let found = r.each(value, |r, item| {
                let ids = item.as_str().unwrap_or_default().split(',');
                let ids: Vec<Arc<str>> =
                    ids.map(|id| id.trim().to_lowercase().into()).filter(is_some).collect();
                if ids.is_empty() || ids.iter().any(|id| !is_entity_id(id)) {
                    r.disarm("must be an entity's id, `light.kitchen`");
                    return Vec::new();
                }
                ids
            });
            found.into_iter().flatten().collect()
        })
    }

    fn text(&mut self, name: &'static str, keys: &mut Keys<'_>) -> Option<Arc<str>> {
        let value = keys.take(name)?;
        let text = native::word(value);
        if text.is_none() {
            self.at(name, |r| r.disarm("must be a text"));
        }
        text
    }

    /// Texts: one or a list.
    fn texts(&mut self, name: &'static str, keys: &mut Keys<'_>) -> Vec<Arc<str>> {
        let Some(value) = keys.take(name) else { return Vec::new() };
        self.at(name, |r| {
            let texts = r.each(value, |r, item| {
                let text = native::word(item);
                if text.is_none() {
                    r.disarm("must be a text or a list of texts");
                }
                text
            });
            texts.into_iter().flatten().collect()
        })
    }

    /// `enabled`, where a template may not ask for anything.
    fn enabled(&mut self, keys: &mut Keys<'_>) -> bool {
        let Some(value) = keys.take("enabled") else { return true };
        let said = native::truth(value).or_else(|| {
            let source = value.as_str().filter(|text| text.contains('{'))?;
            let template = self.templates.compile(source).ok()?;
            let clock = Clock::fixed(Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC));
            let text = template.render_text(&[], &Scope::new("", &clock)).ok()?.text;
            native::truth(&native::native(&text))
        });
        said.unwrap_or_else(|| {
            let why = "must be true or false, or a template that asks for nothing";
            self.at("enabled", |r| r.disarm(why));
            false
        })
    }

    fn days(&mut self, keys: &mut Keys<'_>) -> Option<crate::home::rhythm::Days> {
        use crate::home::rhythm::Days;
        const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let said = self.texts("weekday", keys);
        let mut bits = 0_u8;
        for day in &said {
            let day = day.to_lowercase();
            match NAMES.iter().position(|name| *name == day) {
                Some(n) => bits |= 1 << n,
                None => self.at("weekday", |r| r.disarm("must be `mon` … `sun`")),
            }
        }
        Days::from_bits(bits)
    }
}

fn is_some(id: &Arc<str>) -> bool {
    !id.is_empty()
}

/// Whether a text has a template in it.
pub fn is_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark))
}

fn has_template(value: &Value) -> bool {
    match value {
        Value::Text(text) => is_template(text),
        Value::List(items) => items.iter().any(has_template),
        Value::Map(map) => map.iter().any(|(_, value)| has_template(value)),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => false,
    }
}

/// Whether a text has the form of an entity's id.
pub fn is_entity_id(text: &str) -> bool {
    let is_good = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    text.split_once('.').is_some_and(|(domain, object)| is_good(domain) && is_good(object))
}
