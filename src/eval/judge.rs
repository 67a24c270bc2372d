//! Compares what became of an utterance with what was expected.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::case::{Asked, Expected, Value, Wanted};
use crate::home::color;
use crate::home::entity::View;
use crate::home::id::EntityId;
use crate::home::value::Value as Plain;
use crate::hub::event::{Reply, ReplyKind};
use crate::text;

/// The devices' own states.
pub(super) type Views = BTreeMap<EntityId, View>;

/// How a test ended. The order is from good to bad.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    Right,
    /// Not done, not asked, not answered.
    Missed(String),
    /// Something changed that must not have.
    WrongAction(String),
}

/// What changed, in words: `light.hall on→off`.
pub(super) fn differences(before: &Views, after: &Views) -> Vec<String> {
    let mut found = Vec::new();
    for (id, now) in after {
        let Some(was) = before.get(id).filter(|was| *was != now) else { continue };
        let mut parts = Vec::new();
        if was.word != now.word {
            parts.push(format!("{}→{}", was.word, now.word));
        }
        for (name, value) in now.attributes.iter() {
            let is_shown = !matches!(name, "rgb_color" | "xy_color" | "color_temp" | "color_mode");
            if is_shown && was.attributes.named(name) != Some(value) && *value != Plain::Null {
                parts.push(format!("{name} {}", plain(value)));
            }
        }
        found.push(format!("{id} {}", parts.join(", ")));
    }
    found
}

fn plain(value: &Plain) -> String {
    match value {
        Plain::Text(text) => text.to_string(),
        Plain::Int(number) => number.to_string(),
        Plain::Float(number) => number.to_string(),
        Plain::Bool(truth) => truth.to_string(),
        Plain::Null => "null".to_owned(),
        Plain::List(items) => items.iter().map(plain).collect::<Vec<_>>().join("/"),
        Plain::Map(_) => "…".to_owned(),
    }
}

/// Exactly the expected ones are as expected, and nothing else has changed.
pub(super) fn changes(wanted: &[(EntityId, Wanted)], before: &Views, after: &Views) -> Verdict {
    let mut wrong = Vec::new();
    let mut missed = Vec::new();
    for (id, now) in after {
        let was = before.get(id);
        let has_changed = was != Some(now);
        match wanted.iter().find(|(known, _)| known == id) {
            Some((_, wanted)) => match (is_as(wanted, was, now), has_changed) {
                (true, _) => {}
                (false, true) => wrong.push(id.to_string()),
                (false, false) => missed.push(id.to_string()),
            },
            None if has_changed => wrong.push(id.to_string()),
            None => {}
        }
    }
    let differences = differences(before, after);
    let seen = match differences.is_empty() {
        true => "nothing changed".to_owned(),
        false => differences.join("; "),
    };
    if !wrong.is_empty() {
        return Verdict::WrongAction(seen);
    }
    match missed.is_empty() {
        true => Verdict::Right,
        false => Verdict::Missed(seen),
    }
}

fn is_as(wanted: &Wanted, was: Option<&View>, now: &View) -> bool {
    // Buttons and scenes have no state but when they were used.
    let is_used = |wanted: &Value| matches!(wanted, Value::Word(word) if word == "used");
    let state = |wanted: &Value| {
        if is_used(wanted) {
            return was != Some(now);
        }
        let word = |view: &View| Plain::Text(view.word.as_ref().into());
        fits(wanted, was.map(word).as_ref(), &word(now))
    };
    let attribute = |(name, wanted): &(String, Value)| {
        let value = |view: &View| attribute(name, view);
        value(now).is_some_and(|now| fits(wanted, was.and_then(value).as_ref(), &now))
    };
    wanted.state.as_ref().is_none_or(state) && wanted.attributes.iter().all(attribute)
}

/// An attribute by the notation's name, in the notation's unit.
fn attribute(name: &str, view: &View) -> Option<Plain> {
    let named = |name: &str| view.attributes.named(name).filter(|value| **value != Plain::Null);
    match name {
        "brightness" => named("brightness")?.as_f64().map(|level| Plain::Float(level / 2.55)),
        "color_temp" => named("color_temp_kelvin").cloned(),
        "color" => match named("color_mode")?.as_str() {
            Some("color_temp" | "white") => Some(Plain::List(vec![0.0.into(), 0.0.into()])),
            _ => named("hs_color").cloned(),
        },
        "position" => named("current_position").cloned(),
        "tilt" => named("current_tilt_position").cloned(),
        "speed" => named("percentage").cloned(),
        "preset" => named("preset_mode").cloned(),
        "current" => named("current_temperature").or(named("current_humidity")).cloned(),
        _ => named(name).cloned(),
    }
}

fn number(value: &Plain) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn fits(wanted: &Value, was: Option<&Plain>, now: &Plain) -> bool {
    let now_number = number(now);
    let was_number = was.and_then(number);
    match wanted {
        Value::Word(word) => match now {
            Plain::Bool(truth) => (word == "on" || word == "true") == *truth,
            now => plain(now) == *word,
        },
        // Percentages go through 255 steps and back.
        Value::About(wanted) => {
            now_number.is_some_and(|now| (now - wanted).abs() <= (wanted.abs() * 0.01).max(0.3))
        }
        Value::Between(least, most) => now_number.is_some_and(|now| now >= *least && now <= *most),
        Value::Up => now_number.zip(was_number).is_some_and(|(now, was)| now > was),
        Value::Down => now_number.zip(was_number).is_some_and(|(now, was)| now < was),
        Value::Color(rgb) => {
            let wanted = color::rgb_to_hs(rgb.map(f64::from));
            let Plain::List(hs) = now else { return false };
            let [Some(hue), Some(saturation)] = [0, 1].map(|at| hs.get(at).and_then(Plain::as_f64))
            else {
                return false;
            };
            let away = (hue - wanted[0]).rem_euclid(360.0);
            match wanted[1] < 10.0 {
                true => saturation < 30.0,
                false => away.min(360.0 - away) <= 32.0 && saturation >= 25.0,
            }
        }
    }
}

/// The wanted rule was armed, and not before the yes; no other.
pub(super) fn rules(
    expected: &Expected,
    at_once: &[Plain],
    armed: &[Plain],
    reply: &Reply,
) -> Verdict {
    let told = |rules: &[Plain]| {
        let all = rules.iter().map(|rule| canonical("", &crate::json::to_json(rule)).to_string());
        all.collect::<Vec<_>>().join("; ")
    };
    let Some(wanted) = &expected.rule else {
        // What comes of one that was meant is seen later.
        return match armed.is_empty() || !expected.later.is_empty() {
            true => Verdict::Right,
            false => Verdict::WrongAction(format!("armed {}", told(armed))),
        };
    };
    if wanted.needs_yes && !at_once.is_empty() {
        return Verdict::WrongAction(format!("armed without a yes: {}", told(at_once)));
    }
    if wanted.needs_yes && !reply.continues {
        return Verdict::Missed("not asked".to_owned());
    }
    let [rule] = armed else {
        return Verdict::Missed(format!("{} rules: {}", armed.len(), told(armed)));
    };
    let (mut wanted, mut found) =
        (canonical("", &wanted.source), canonical("", &crate::json::to_json(rule)));
    // Of a notice only what begins it is compared.
    if let (false, Json::Object(wanted), Json::Object(found)) =
        (expected.rule.as_ref().is_some_and(|rule| rule.needs_yes), &mut wanted, &mut found)
    {
        found.retain(|key, _| wanted.contains_key(key));
    }
    match wanted == found {
        true => Verdict::Right,
        // It is shown before it is armed, but it is not what was said.
        false => Verdict::Missed(format!("armed {found}")),
    }
}

/// A rule in one of the many ways in which it can be written, so that what means the same is the same.
fn canonical(key: &str, json: &Json) -> Json {
    const LISTS: [&str; 9] = [
        "triggers",
        "conditions",
        "actions",
        "entity_id",
        "weekday",
        "state",
        "to",
        "from",
        "sequence",
    ];
    const SORTED: [&str; 4] = ["entity_id", "weekday", "state", "to"];
    let plain = match json {
        Json::Object(fields) => {
            let mut out = serde_json::Map::new();
            let notifies = fields.get("action").and_then(Json::as_str) == Some("notify.notify");
            for (name, value) in fields {
                match name.as_str() {
                    "not_from" | "not_to" | "alias" | "description" | "id" | "homard" => {}
                    "mode" if value == "single" => {}
                    "data" if notifies => {}
                    "target" => {
                        if let Json::Object(target) = canonical("", value) {
                            out.extend(target);
                        }
                    }
                    _ => drop(out.insert(name.clone(), canonical(name, value))),
                }
            }
            Json::Object(out)
        }
        Json::Array(items) => Json::Array(items.iter().map(|item| canonical("", item)).collect()),
        Json::Number(number) => number.as_f64().map_or(Json::Null, Json::from),
        other => other.clone(),
    };
    if !LISTS.contains(&key) {
        return plain;
    }
    let mut items = match plain {
        Json::Array(items) => items,
        one => vec![one],
    };
    if SORTED.contains(&key) {
        items.sort_by_key(Json::to_string);
    }
    Json::Array(items)
}

/// The reply is of the wanted kind and has the wanted words.
pub(super) fn reply(expected: &Expected, reply: &Reply) -> Result<(), String> {
    let is_right = match expected.reply {
        Asked::Any => true,
        Asked::Question => reply.continues,
        Asked::Refusal => matches!(reply.kind, ReplyKind::Error(_)),
        Asked::Answer => !matches!(reply.kind, ReplyKind::Error(_)),
    };
    if !is_right {
        let kind = match expected.reply {
            Asked::Question => "no question back",
            Asked::Refusal => "not refused",
            Asked::Any | Asked::Answer => "no answer",
        };
        return Err(kind.to_owned());
    }
    let said = format!(" {} ", text::key(&reply.text));
    let has = |word: &str| said.contains(&format!(" {} ", text::key(word)));
    for wanted in &expected.words {
        let (words, is_wanted) = match wanted.strip_prefix('!') {
            Some(words) => (words, false),
            None => (wanted.as_str(), true),
        };
        if words.split('|').any(has) != is_wanted {
            return Err(match is_wanted {
                true => format!("the reply does not say `{words}`"),
                false => format!("the reply says `{words}`"),
            });
        }
    }
    Ok(())
}
