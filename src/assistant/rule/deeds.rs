//! What a rule does, in words: its steps in their order.

use std::sync::Arc;

use crate::assistant::{Speaker, wish};
use crate::automation::rule::step::{self, Step};
use crate::automation::rule::{Expr, native};
use crate::home::Home;
use crate::home::value::Value;
use crate::intent::response::Phrase;

use super::tell::DEEPEST;

impl Speaker<'_> {
    /// What is done, in order.
    pub(super) fn steps(&self, steps: &[Step], home: &Home, depth: usize) -> String {
        let mut texts: Vec<String> = Vec::new();
        let mut after = String::new();
        for step in steps {
            if let step::Kind::Delay(length) = &step.kind {
                let length = seconds(length).map_or_else(String::new, |s| self.length(s));
                let length = Phrase::plain(length);
                after = self.voice.fill(self.voice.word("rule", "wait"), &[("length", &length)]);
                continue;
            }
            let Some(text) = self.step(&step.kind, home, depth) else { continue };
            let lead = std::mem::take(&mut after);
            texts.push(format!("{lead}{text}"));
        }
        if !after.is_empty() {
            texts.push(after.trim().to_owned());
        }
        match texts.is_empty() {
            true => self.word("nothing"),
            false => self.joined(&texts, "and").text,
        }
    }

    fn step(&self, kind: &step::Kind, home: &Home, depth: usize) -> Option<String> {
        if depth > DEEPEST {
            return Some(self.word("and_more"));
        }
        Some(match kind {
            step::Kind::Call(call) => self.call(call, home),
            step::Kind::Delay(_) => return None,
            step::Kind::WaitTemplate { .. } | step::Kind::WaitFor { .. } => self.word("waits"),
            step::Kind::Condition(condition) => {
                let list = Phrase::plain(self.hold(condition, home, depth + 1)?);
                self.voice.fill(self.voice.word("rule", "go_on_if"), &[("list", &list)])
            }
            step::Kind::Choose { .. } => self.word("chooses"),
            step::Kind::If { conditions, then, otherwise } => {
                let holds: Vec<String> =
                    conditions.iter().filter_map(|c| self.hold(c, home, depth + 1)).collect();
                let list = self.joined(&holds, "and");
                let does = Phrase::plain(self.steps(then, home, depth + 1));
                let mut text = self
                    .voice
                    .fill(self.voice.word("rule", "if_then"), &[("list", &list), ("does", &does)]);
                if let Some(otherwise) = otherwise {
                    let does = Phrase::plain(self.steps(otherwise, home, depth + 1));
                    let word = self.voice.word("rule", "else");
                    text.push_str(&self.voice.fill(word, &[("does", &does)]));
                }
                text
            }
            step::Kind::Repeat { steps, .. } => {
                let does = Phrase::plain(self.steps(steps, home, depth + 1));
                self.voice.fill(self.voice.word("rule", "repeat"), &[("does", &does)])
            }
            step::Kind::Parallel(all) => {
                let texts: Vec<String> =
                    all.iter().map(|steps| self.steps(steps, home, depth + 1)).collect();
                self.joined(&texts, "and").text
            }
            step::Kind::Sequence(steps) => self.steps(steps, home, depth + 1),
            step::Kind::Stop { .. } => self.word("stops"),
            step::Kind::Fire { name, .. } => {
                let name = Phrase::plain(&**name);
                self.voice.fill(self.voice.word("rule", "fires"), &[("name", &name)])
            }
            step::Kind::Variables(_) => return None,
            step::Kind::Never => self.word("unsupported"),
        })
    }

    fn call(&self, call: &step::Call, home: &Home) -> String {
        let service = plain(&call.service);
        let field = |name: &str| {
            let Some(Expr::Map(fields)) = &call.data else {
                return fixed(call.data.as_ref(), name);
            };
            fields.iter().find(|(known, _)| &**known == name).map(|(_, value)| plain(value))
        };
        let say = |key: &str, gaps: &[(&str, &Phrase)]| {
            let template = self.voice.find("rule_do", key).unwrap_or("{what}");
            self.voice.fill(template, gaps)
        };
        let (domain, verb) = service.split_once('.').unwrap_or(("", &service));
        if matches!(domain, "notify" | "persistent_notification") {
            let text = Phrase::plain(field("message").unwrap_or_default());
            return say("notify", &[("text", &text)]);
        }
        let ids: Vec<Arc<str>> = entity_ids(call.target.as_ref())
            .into_iter()
            .chain(entity_ids(call.data.as_ref()))
            .collect();
        let what = match ids.is_empty() {
            true => Phrase::plain(domain.replace('_', " ")),
            false => self.ids(&ids, home),
        };
        const VALUES: &[(&str, &str)] = &[
            ("brightness_pct", "percent"),
            ("brightness_step_pct", "step"),
            ("color_temp_kelvin", "kelvin"),
            ("position", "percent"),
            ("tilt_position", "tilt"),
            ("temperature", "degrees"),
            ("humidity", "percent"),
            ("percentage", "percent"),
            ("color_name", "to"),
            ("hvac_mode", "to"),
            ("preset_mode", "to"),
            ("option", "to"),
            ("value", "to"),
            ("effect", "to"),
            ("fan_mode", "to"),
        ];
        let value = VALUES.iter().find_map(|(name, key)| Some((*key, field(name)?)));
        if let Some((key, value)) = value {
            let value = match value.parse::<f64>() {
                Ok(number) => self.voice.number(number),
                Err(_) => value,
            };
            return say(key, &[("what", &what), ("value", &Phrase::plain(value))]);
        }
        if let Some(rgb) = rgb(call.data.as_ref()) {
            let name = wish::color_name(rgb).unwrap_or("");
            let name = self.voice.find("colors", name).unwrap_or(name);
            return say("to", &[("what", &what), ("value", &Phrase::plain(name))]);
        }
        let key = match (domain, verb) {
            ("scene", "turn_on") => "activate",
            ("button", _) => "press",
            ("vacuum" | "lawn_mower", "start" | "start_mowing") => "start",
            ("vacuum" | "lawn_mower", "return_to_base" | "dock") => "dock",
            ("script", _) => "activate",
            (_, "open_cover" | "open_valve" | "open") => "open",
            (_, "close_cover" | "close_valve") => "close",
            (_, "stop_cover" | "stop_valve" | "stop") => "stop",
            ("alarm_control_panel", "alarm_disarm") => "disarm",
            ("alarm_control_panel", _) => "arm",
            (_, "turn_on" | "turn_off" | "toggle" | "lock" | "unlock" | "pause") => verb,
            _ => {
                let service = Phrase::plain(service.replace('_', " "));
                return say("other", &[("what", &what), ("service", &service)]);
            }
        };
        say(key, &[("what", &what)])
    }
}

/// An expression as it is written.
pub(super) fn plain(expr: &Expr) -> String {
    match expr {
        Expr::Value(value) => match value {
            Value::Text(text) => text.to_string(),
            other => native::word(other).map_or_else(String::new, |word| word.to_string()),
        },
        Expr::Template(_) => "…".to_owned(),
        Expr::List(all) => all.iter().map(plain).collect::<Vec<_>>().join(", "),
        Expr::Map(_) => String::new(),
    }
}

/// A field of a map without templates.
fn fixed(expr: Option<&Expr>, name: &str) -> Option<String> {
    let Some(Expr::Value(Value::Map(fields))) = expr else { return None };
    let (_, value) = fields.iter().find(|(known, _)| &**known == name)?;
    native::word(value).map(|word| word.to_string())
}

fn rgb(data: Option<&Expr>) -> Option<[u8; 3]> {
    let number = |value: &Value| value.as_f64().map(|number| number.clamp(0.0, 255.0) as u8);
    let numbers: Vec<u8> = match data? {
        Expr::Value(Value::Map(fields)) => {
            let (_, value) = fields.iter().find(|(known, _)| &**known == "rgb_color")?;
            let Value::List(items) = value else { return None };
            items.iter().filter_map(number).collect()
        }
        Expr::Map(fields) => match &fields.iter().find(|(known, _)| &**known == "rgb_color")?.1 {
            Expr::Value(Value::List(items)) => items.iter().filter_map(number).collect(),
            Expr::List(items) => items.iter().filter_map(|item| plain(item).parse().ok()).collect(),
            _ => return None,
        },
        _ => return None,
    };
    numbers.try_into().ok()
}

/// The entities that a target names.
fn entity_ids(target: Option<&Expr>) -> Vec<Arc<str>> {
    let of = |value: &Value| -> Vec<Arc<str>> {
        match value {
            Value::List(items) => items.iter().filter_map(native::word).collect(),
            one => native::word(one).into_iter().collect(),
        }
    };
    match target {
        Some(Expr::Value(Value::Map(fields))) => fields
            .iter()
            .filter(|(name, _)| &**name == "entity_id")
            .flat_map(|(_, v)| of(v))
            .collect(),
        Some(Expr::Map(fields)) => fields
            .iter()
            .filter(|(name, _)| &**name == "entity_id")
            .flat_map(|(_, expr)| match expr {
                Expr::Value(value) => of(value),
                Expr::List(items) => items.iter().map(|item| plain(item).into()).collect(),
                _ => Vec::new(),
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// A length of time, if it is no template.
pub(super) fn seconds(expr: &Expr) -> Option<f64> {
    match expr {
        Expr::Value(value) => native::length(value, false).map(|length| length.as_secs_f64()),
        Expr::Map(fields) => {
            let value = |(name, expr): &(Arc<str>, Expr)| match expr {
                Expr::Value(value) => Some((Arc::clone(name), value.clone())),
                _ => None,
            };
            let map: Option<Vec<_>> = fields.iter().map(value).collect();
            native::length(&Value::Map(map?), false).map(|length| length.as_secs_f64())
        }
        Expr::Template(_) | Expr::List(_) => None,
    }
}
