//! Reads conditions.

use super::keys::Keys;
use super::{Reader, is_entity_id};
use crate::automation::rule::condition::{Condition, Kind, Sun};
use crate::automation::rule::{Weight, native};
use crate::home::value::Value;

/// States that Home Assistant's device conditions mean.
const DEVICE_STATES: &[(&str, &str)] = &[
    ("is_on", "on"),
    ("is_off", "off"),
    ("is_open", "on"),
    ("is_not_open", "off"),
    ("is_closed", "off"),
    ("is_motion", "on"),
    ("is_no_motion", "off"),
    ("is_occupied", "on"),
    ("is_not_occupied", "off"),
    ("is_locked", "locked"),
    ("is_unlocked", "unlocked"),
    ("is_home", "home"),
    ("is_not_home", "not_home"),
];

impl Reader<'_> {
    pub(super) fn conditions(&mut self, value: &Value) -> Vec<Condition> {
        self.each(value, Self::condition)
    }

    pub(super) fn condition(&mut self, value: &Value) -> Condition {
        let mut condition = Condition { alias: None, is_enabled: true, kind: Kind::Never };
        if !self.may_go_on() {
            return condition;
        }
        // A template alone, or a plain truth.
        if let Value::Text(_) | Value::Bool(_) = value {
            if let Some(template) = self.template(value) {
                condition.kind = Kind::Template(template);
            }
            return condition;
        }
        let Some(mut keys) = Keys::of(value) else {
            self.disarm(
                "a condition is a map with `condition: state` or another kind, or a template",
            );
            return condition;
        };
        condition.alias = keys.take("alias").and_then(native::word);
        condition.is_enabled = self.enabled(&mut keys);
        let before = self.problems.len();
        if let Some(kind) = self.condition_kind(&mut keys) {
            condition.kind = kind;
            self.unknown(&keys, Weight::Disarms);
        }
        if !condition.is_enabled {
            // It is not looked at, whatever is in it.
            self.problems.iter_mut().skip(before).for_each(|problem| problem.weight = Weight::Note);
        }
        condition
    }

    fn condition_kind(&mut self, keys: &mut Keys<'_>) -> Option<Kind> {
        for (name, join) in [("and", Kind::And as fn(_) -> _), ("or", Kind::Or), ("not", Kind::Not)]
        {
            if !keys.has("condition")
                && let Some(inner) = keys.take(name)
            {
                return Some(join(self.at(name, |r| r.conditions(inner))));
            }
        }
        let kind = keys.take("condition").and_then(native::word).unwrap_or_default();
        let mut joined = |r: &mut Self| {
            let inner = keys.take("conditions").cloned().unwrap_or_default();
            r.at("conditions", |r| r.conditions(&inner))
        };
        match &*kind {
            "and" => Some(Kind::And(joined(self))),
            "or" => Some(Kind::Or(joined(self))),
            "not" => Some(Kind::Not(joined(self))),
            "state" => Some(self.state_condition(keys)),
            "numeric_state" => Some(Kind::Numeric(self.range(keys))),
            "time" => {
                let mut time = |name| {
                    let value = keys.take(name)?;
                    self.at(name, |r| r.time(value))
                };
                let (after, before) = (time("after"), time("before"));
                let days = self.days(keys);
                if after.is_none() && before.is_none() && days.is_none() {
                    self.disarm("`after`, `before` or `weekday` is missing");
                }
                Some(Kind::Time { after, before, days })
            }
            "sun" => {
                let (after, before) = (self.sun("after", keys), self.sun("before", keys));
                if after.is_none() && before.is_none() {
                    self.disarm("`after` or `before` is missing");
                }
                Some(Kind::Sun { after, before })
            }
            "template" => {
                let value = keys.take("value_template").cloned().unwrap_or_default();
                self.at("value_template", |r| r.template(&value)).map(Kind::Template)
            }
            "trigger" => {
                let ids = self.texts("id", keys);
                if ids.is_empty() {
                    self.disarm("`id` is missing");
                }
                Some(Kind::Trigger(ids))
            }
            "device" => self.device_condition(keys),
            "zone" => self.zone_condition(keys),
            text if super::is_template(text) => {
                self.at("condition", |r| r.template(&Value::from(text))).map(Kind::Template)
            }
            other => {
                let other = other.to_owned();
                self.at("condition", |r| {
                    r.disarm(format!("a condition of the kind `{other}` is not supported"));
                });
                None
            }
        }
    }

    fn state_condition(&mut self, keys: &mut Keys<'_>) -> Kind {
        let entities = self.entities("entity_id", keys);
        let attribute = self.text("attribute", keys);
        let states = match keys.take("state") {
            Some(Value::List(states)) => states.clone(),
            Some(state) => vec![state.clone()],
            None => {
                self.disarm("`state` is missing");
                Vec::new()
            }
        };
        let length = self.length("for", keys);
        let is_any = match keys.take("match").and_then(Value::as_str) {
            None | Some("all") => false,
            Some("any") => true,
            Some(_) => {
                self.at("match", |r| r.disarm("must be `all` or `any`"));
                false
            }
        };
        Kind::State { entities, attribute, states, length, is_any }
    }

    fn sun(&mut self, name: &'static str, keys: &mut Keys<'_>) -> Option<Sun> {
        let value = keys.take(name)?;
        let is_rise = match value.as_str() {
            Some("sunrise") => true,
            Some("sunset") => false,
            _ => {
                self.at(name, |r| r.disarm("must be `sunrise` or `sunset`"));
                return None;
            }
        };
        let offset = if name == "after" { "after_offset" } else { "before_offset" };
        Some(Sun { is_rise, offset_s: self.offset(offset, keys) })
    }

    fn device_condition(&mut self, keys: &mut Keys<'_>) -> Option<Kind> {
        let domain = self.text("domain", keys).unwrap_or_default();
        let kind = self.text("type", keys).unwrap_or_default();
        keys.take("device_id");
        keys.take("metadata");
        let entity = keys.take("entity_id").and_then(Value::as_str).filter(|id| is_entity_id(id));
        let state = DEVICE_STATES.iter().find(|(word, _)| **word == *kind).map(|(_, state)| *state);
        let (Some(entity), Some(state)) = (entity, state) else {
            self.disarm(format!(
                "a device condition of `{domain}` (`{kind}`) is not supported; use `state`"
            ));
            return None;
        };
        let state = match (&*domain, &*kind) {
            ("cover", "is_open") => "open",
            ("cover", "is_closed") => "closed",
            _ => state,
        };
        Some(Kind::State {
            entities: vec![entity.into()],
            attribute: None,
            states: vec![Value::from(state)],
            length: self.length("for", keys),
            is_any: false,
        })
    }

    /// Homard knows no zones; at home is what a device tracker says by itself.
    fn zone_condition(&mut self, keys: &mut Keys<'_>) -> Option<Kind> {
        let entities = self.entities("entity_id", keys);
        let zones = self.texts("zone", keys);
        if zones.iter().any(|zone| &**zone != "zone.home") || zones.is_empty() {
            self.disarm("Homard knows no zones but `zone.home`");
            return None;
        }
        let states = vec![Value::from("home")];
        Some(Kind::State { entities, attribute: None, states, length: None, is_any: false })
    }
}
