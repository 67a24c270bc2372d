//! Reads scenes: states of entities as the service calls that bring them about.

use std::sync::Arc;

use super::keys::Keys;
use super::{Reader, empty, is_entity_id};
use crate::automation::rule::step::{Call, Kind, Step};
use crate::automation::rule::{Expr, Kind as RuleKind, Mode, Rule, RuleKey, Weight, native};
use crate::home::value::Value;
use crate::template::Templates;

/// Of a lamp that is on: the first of these that is there says its color.
const COLORS: &[&str] = &[
    "rgbww_color",
    "rgbw_color",
    "rgb_color",
    "hs_color",
    "xy_color",
    "color_temp_kelvin",
    "color_temp",
    "white",
];

/// Reads a scene: `name` and `entities`.
pub fn scene(id: &str, source: &Value, templates: &Templates) -> Rule {
    let mut reader = Reader::new(templates);
    let mut rule = empty(RuleKey::new(RuleKind::Scene, id), source);
    // Somebody who wishes it again wishes it again.
    rule.mode = Mode::Restart;
    let Some(mut keys) = Keys::of(source) else {
        reader.disarm("a scene is a map with a `name` and `entities`");
        return reader.finish(rule);
    };
    for name in ["id", "icon", "metadata"] {
        keys.take(name);
    }
    rule.alias = keys.take("name").and_then(native::word).unwrap_or_else(|| id.into());
    match keys.take("entities") {
        Some(Value::Map(entities)) => {
            let steps = entities.iter().filter_map(|(entity, state)| {
                reader.at("entities", |r| r.at(entity, |r| r.scene_step(entity, state)))
            });
            rule.steps = steps.collect();
        }
        _ => reader.disarm("`entities` is missing"),
    }
    reader.unknown(&keys, Weight::Note);
    reader.finish(rule)
}

impl Reader<'_> {
    /// The call that brings an entity into a state.
    fn scene_step(&mut self, entity: &str, state: &Value) -> Option<Step> {
        if !is_entity_id(entity) || !self.may_go_on() {
            self.disarm("must be an entity's id");
            return None;
        }
        let (domain, _) = entity.split_once('.')?;
        let keys = Keys::of(state);
        let attribute = |name: &str| match &keys {
            Some(_) => Keys::of(state)?.take(name).filter(|value| **value != Value::Null).cloned(),
            None => None,
        };
        let word = match &keys {
            Some(_) => attribute("state"),
            None => Some(state.clone()),
        };
        let word = match &word {
            Some(Value::Bool(true)) => "on".into(),
            Some(Value::Bool(false)) => "off".into(),
            Some(word) => native::word(word).unwrap_or_default(),
            None => Arc::from(""),
        };
        let take = |names: &[&str]| -> Vec<(Arc<str>, Value)> {
            let found = names.iter().map(|name| (Arc::from(*name), attribute(name)));
            found.filter_map(|(name, value)| Some((name, value?))).collect()
        };
        let named = |name: &str, value: Value| vec![(Arc::from(name), value)];
        let (service, data) = match (domain, &*word) {
            ("light", "on") => {
                let mut data = take(&["brightness", "effect"]);
                data.extend(take(COLORS).into_iter().next());
                ("turn_on", data)
            }
            ("fan", "on") => ("turn_on", take(&["percentage"])),
            ("humidifier", "on") => match take(&["humidity"]) {
                data if data.is_empty() => ("turn_on", data),
                data => ("set_humidity", data),
            },
            ("switch" | "siren" | "automation", "on") => ("turn_on", Vec::new()),
            ("light" | "switch" | "fan" | "humidifier" | "siren" | "automation", "off") => {
                ("turn_off", Vec::new())
            }
            ("cover" | "valve", _) if attribute("current_position").is_some() => {
                let to = attribute("current_position").unwrap_or_default();
                let service =
                    if domain == "cover" { "set_cover_position" } else { "set_valve_position" };
                (service, named("position", to))
            }
            ("cover", "open") => ("open_cover", Vec::new()),
            ("cover", "closed") => ("close_cover", Vec::new()),
            ("valve", "open") => ("open_valve", Vec::new()),
            ("valve", "closed") => ("close_valve", Vec::new()),
            ("lock", "locked") => ("lock", Vec::new()),
            ("lock", "unlocked") => ("unlock", Vec::new()),
            ("climate", "off") => ("turn_off", Vec::new()),
            ("climate", mode) if attribute("temperature").is_some() => {
                let mut data = take(&["temperature"]);
                if !mode.is_empty() {
                    data.extend(named("hvac_mode", Value::from(mode)));
                }
                ("set_temperature", data)
            }
            ("climate", mode) if !mode.is_empty() => {
                ("set_hvac_mode", named("hvac_mode", Value::from(mode)))
            }
            ("number" | "text", value) if !value.is_empty() => {
                ("set_value", named("value", Value::from(value)))
            }
            ("select", option) if !option.is_empty() => {
                ("select_option", named("option", Value::from(option)))
            }
            _ => {
                self.disarm(format!("a scene cannot bring `{domain}` into the state `{word}`"));
                return None;
            }
        };
        let service = Expr::Value(Value::from(format!("{domain}.{service}")));
        let target = Value::Map(named("entity_id", Value::from(entity)));
        let data = (!data.is_empty()).then_some(Expr::Value(Value::Map(data)));
        Some(Step {
            alias: None,
            enabled: Expr::Value(Value::Bool(true)),
            // One lamp that is gone does not keep the others dark.
            survives_errors: true,
            kind: Kind::Call(Call { service, target: Some(Expr::Value(target)), data }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::from_json;

    #[test]
    fn states_become_calls() {
        let source = from_json(&serde_json::json!({"name": "Evening", "entities": {
            "light.a": {"state": "on", "brightness": 80, "color_mode": "hs", "hs_color": [30, 50], "rgb_color": [255, 190, 128]},
            "light.b": "off",
            "switch.c": true,
            "cover.d": {"state": "open", "current_position": 40},
            "climate.e": {"state": "heat", "temperature": 20.5},
            "media_player.f": {"state": "playing"},
        }}));
        let rule = scene("evening", &source, &Templates::default());
        let calls: Vec<String> = rule
            .steps
            .iter()
            .map(|step| {
                let Kind::Call(call) = &step.kind else { panic!() };
                let Expr::Value(service) = &call.service else { panic!() };
                let data = call.data.iter().map(|data| match data {
                    Expr::Value(data) => crate::json::to_json(data).to_string(),
                    _ => panic!(),
                });
                format!("{} {}", service.as_str().unwrap(), data.collect::<String>())
            })
            .collect();
        assert_eq!(
            calls,
            [
                r#"light.turn_on {"brightness":80,"rgb_color":[255,190,128]}"#,
                "light.turn_off ",
                "switch.turn_on ",
                r#"cover.set_cover_position {"position":40}"#,
                r#"climate.set_temperature {"temperature":20.5,"hvac_mode":"heat"}"#,
            ]
        );
        assert_eq!(rule.problems.len(), 1);
        assert_eq!(rule.problems[0].path, "entities/media_player.f");
        assert!(!rule.is_armed());
    }
}
