//! Reads the steps of a rule.

use std::sync::Arc;

use super::keys::Keys;
use super::{Reader, is_entity_id};
use crate::automation::rule::step::{Call, Kind, Limit, Repeat, Step, Steps};
use crate::automation::rule::{Expr, Weight, native};
use crate::home::domain::Domain;
use crate::home::value::Value;

/// Services of Home Assistant's own that mean nothing here, and why.
const FOREIGN: &[(&str, &str)] = &[
    ("input_boolean.", "Homard has no helpers; use a `switch` of MQTT discovery"),
    ("input_number.", "Homard has no helpers; use a `number` of MQTT discovery"),
    ("input_select.", "Homard has no helpers; use a `select` of MQTT discovery"),
    ("input_text.", "Homard has no helpers; use a `text` of MQTT discovery"),
    ("input_datetime.", "Homard has no helpers; use a `datetime` of MQTT discovery"),
    ("input_button.", "Homard has no helpers; use a `button` of MQTT discovery"),
    ("counter.", "Homard has no counters"),
    ("timer.", "Homard's timers are not called by automations"),
    ("media_player.", "Homard has no media players"),
    ("tts.", "Homard speaks by `notify`"),
    ("camera.", "not a service of Homard"),
    ("mqtt.", "Homard publishes only to the topics that devices announced"),
    ("shell_command.", "Homard runs no commands"),
    ("rest_command.", "Homard calls nothing on the network"),
    ("python_script.", "Homard runs no programs"),
    ("hassio.", "not a service of Homard"),
    ("recorder.", "not a service of Homard"),
    ("logger.", "not a service of Homard"),
    ("group.", "Homard has no groups; name the entities or the room"),
];

impl Reader<'_> {
    pub(super) fn steps(&mut self, value: &Value) -> Steps {
        self.each(value, Self::step).into()
    }

    fn step(&mut self, value: &Value) -> Step {
        let mut step = Step {
            alias: None,
            enabled: Expr::Value(Value::Bool(true)),
            survives_errors: false,
            kind: Kind::Never,
        };
        if !self.may_go_on() {
            return step;
        }
        // A template alone is a condition.
        if let Value::Text(_) = value {
            step.kind = Kind::Condition(self.condition(value));
            return step;
        }
        let Some(mut keys) = Keys::of(value) else {
            self.disarm("a step is a map: `action`, `delay`, `choose`, …");
            return step;
        };
        let before = self.problems.len();
        if let Some(enabled) = keys.take("enabled") {
            step.enabled = self.at("enabled", |r| r.expr(enabled));
        }
        if let Some(survives) = keys.take("continue_on_error") {
            step.survives_errors = native::truth(survives).unwrap_or(false);
        }
        let is_condition = ["condition", "and", "or", "not"].iter().any(|name| keys.has(name));
        if is_condition && !keys.has("action") && !keys.has("service") {
            // The condition reads its own alias; that of the step is the same.
            let bare: Vec<(Arc<str>, Value)> = match value {
                Value::Map(map) => map
                    .iter()
                    .filter(|(name, _)| !matches!(&**name, "enabled" | "continue_on_error"))
                    .cloned()
                    .collect(),
                _ => Vec::new(),
            };
            let condition = self.condition(&Value::Map(bare));
            step.alias.clone_from(&condition.alias);
            step.kind = Kind::Condition(condition);
        } else {
            step.alias = keys.take("alias").and_then(native::word);
            if let Some(kind) = self.step_kind(&mut keys) {
                step.kind = kind;
                self.unknown(&keys, Weight::Disarms);
            }
        }
        if matches!(&step.enabled, Expr::Value(enabled) if native::truth(enabled) == Some(false)) {
            self.problems.iter_mut().skip(before).for_each(|problem| problem.weight = Weight::Note);
        }
        step
    }

    fn step_kind(&mut self, keys: &mut Keys<'_>) -> Option<Kind> {
        if let Some(value) = keys.take("delay") {
            return Some(Kind::Delay(self.at("delay", |r| r.length_of(value))));
        }
        if let Some(value) = keys.take("wait_template") {
            let template = self.at("wait_template", |r| r.template(value))?;
            return Some(Kind::WaitTemplate { template, limit: self.limit(keys) });
        }
        if let Some(value) = keys.take("wait_for_trigger") {
            let n = self.problems.len();
            let triggers = self.at("wait_for_trigger", |r| r.triggers(value)).into();
            // Nobody else would end the waiting.
            for problem in self.problems.iter_mut().skip(n) {
                if problem.weight == Weight::Deaf {
                    problem.weight = Weight::Disarms;
                }
            }
            return Some(Kind::WaitFor { triggers, limit: self.limit(keys) });
        }
        if let Some(value) = keys.take("choose") {
            let options = self.at("choose", |r| r.each(value, Self::option));
            let default = self.optional_steps("default", keys);
            return Some(Kind::Choose { options, default });
        }
        if let Some(value) = keys.take("if") {
            let conditions = self.at("if", |r| r.conditions(value));
            let then = self.optional_steps("then", keys);
            if then.is_none() {
                self.disarm("`then` is missing");
            }
            let otherwise = self.optional_steps("else", keys);
            return Some(Kind::If { conditions, then: then.unwrap_or_default(), otherwise });
        }
        if let Some(value) = keys.take("repeat") {
            return self.at("repeat", |r| r.repeat(value));
        }
        if let Some(value) = keys.take("parallel") {
            let all = self.at("parallel", |r| {
                r.each(value, |r, item| match Keys::of(item).filter(|keys| keys.has("sequence")) {
                    Some(mut keys) => {
                        keys.take("alias");
                        let steps = r.optional_steps("sequence", &mut keys).unwrap_or_default();
                        r.unknown(&keys, Weight::Disarms);
                        steps
                    }
                    None => Arc::from([r.step(item)]),
                })
            });
            return Some(Kind::Parallel(all));
        }
        if let Some(steps) = self.optional_steps("sequence", keys) {
            keys.take("metadata");
            return Some(Kind::Sequence(steps));
        }
        if let Some(value) = keys.take("stop") {
            let text = self.at("stop", |r| r.expr(value));
            let is_error = keys.take("error").and_then(native::truth).unwrap_or(false);
            if keys.take("response_variable").is_some() {
                self.at("response_variable", |r| r.note("nothing takes the answer of a rule"));
            }
            return Some(Kind::Stop { text, is_error });
        }
        if keys.has("event") {
            let name = self.text("event", keys)?;
            let mut data = self.named("event_data", keys);
            data.extend(self.named("event_data_template", keys));
            return Some(Kind::Fire { name, data });
        }
        if keys.has("variables") {
            return Some(Kind::Variables(self.named("variables", keys)));
        }
        if let Some(scene) = keys.take("scene") {
            let id = scene.as_str().filter(|id| id.starts_with("scene.") && is_entity_id(id));
            let Some(id) = id else {
                self.at("scene", |r| r.disarm("must be a scene's id, `scene.evening`"));
                return None;
            };
            keys.take("metadata");
            return Some(service("scene.turn_on", id));
        }
        if keys.has("device_id") && keys.has("domain") {
            return self.device_step(keys);
        }
        if keys.take("set_conversation_response").is_some() {
            self.note("nobody is answered by a rule");
            return Some(Kind::Sequence(Arc::default()));
        }
        self.call(keys)
    }

    fn call(&mut self, keys: &mut Keys<'_>) -> Option<Kind> {
        let names = ["action", "service", "service_template"];
        let Some((name, value)) = names.iter().find_map(|name| Some((*name, keys.take(name)?)))
        else {
            self.disarm("not a step that is known: `action`, `delay`, `choose`, …");
            return None;
        };
        let service = self.at(name, |r| r.expr(value));
        if let Expr::Value(plain) = &service {
            let text = plain.as_str().unwrap_or_default();
            let foreign = FOREIGN.iter().find(|(prefix, _)| text.starts_with(prefix));
            match foreign {
                Some((_, why)) => {
                    self.at(name, |r| r.disarm(format!("`{text}` is not supported: {why}")));
                }
                None if !is_entity_id(text) => {
                    self.at(name, |r| r.disarm("must be a service, `light.turn_on`"));
                }
                None if !is_service(text) => {
                    self.at(name, |r| r.disarm(format!("there is no service `{text}`")));
                }
                None => {}
            }
        }
        let mut target = match keys.take("target") {
            Some(value) => {
                self.at("target", |r| r.target_keys(value));
                Some(self.at("target", |r| r.expr(value)))
            }
            None => None,
        };
        let mut data = None;
        for name in ["data", "data_template"] {
            if let Some(value) = keys.take(name).filter(|value| **value != Value::Null) {
                data = join(data, self.at(name, |r| r.expr(value)));
            }
        }
        // The oldest spelling has the target beside the service.
        for name in ["entity_id", "area_id", "device_id", "floor_id"] {
            if let Some(value) = keys.take(name) {
                let value = self.at(name, |r| r.expr(value));
                target = join(target, Expr::Map(vec![(name.into(), value)]));
            }
        }
        keys.take("metadata");
        if keys.take("response_variable").is_some() {
            self.at("response_variable", |r| {
                r.disarm("no service of Homard's answers anything");
            });
        }
        Some(Kind::Call(Call { service, target, data }))
    }

    fn target_keys(&mut self, value: &Value) {
        if let Some(mut keys) = Keys::of(value) {
            for name in ["entity_id", "area_id", "device_id", "floor_id"] {
                keys.take(name);
            }
            for name in keys.left() {
                self.at(name, |r| r.disarm(format!("Homard has no `{name}`")));
            }
        }
    }

    fn limit(&mut self, keys: &mut Keys<'_>) -> Limit {
        let timeout = self.length("timeout", keys);
        let goes_on = keys.take("continue_on_timeout").and_then(native::truth).unwrap_or(true);
        Limit { timeout, goes_on }
    }

    fn optional_steps(&mut self, name: &'static str, keys: &mut Keys<'_>) -> Option<Steps> {
        let value = keys.take(name)?;
        Some(self.at(name, |r| r.steps(value)))
    }

    fn option(&mut self, value: &Value) -> (Vec<crate::automation::rule::Condition>, Steps) {
        let Some(mut keys) = Keys::of(value) else {
            self.disarm("must be a map with `conditions` and `sequence`");
            return (Vec::new(), Steps::default());
        };
        keys.take("alias");
        let conditions = match keys.either("conditions", "condition") {
            Some((name, value)) => self.at(name, |r| r.conditions(value)),
            None => {
                self.disarm("`conditions` is missing");
                Vec::new()
            }
        };
        let steps = self.optional_steps("sequence", &mut keys).unwrap_or_default();
        self.unknown(&keys, Weight::Disarms);
        (conditions, steps)
    }

    fn repeat(&mut self, value: &Value) -> Option<Kind> {
        let Some(mut keys) = Keys::of(value) else {
            self.disarm("must be a map with `count`, `while`, `until` or `for_each`");
            return None;
        };
        let how = if let Some(count) = keys.take("count") {
            let count = self.at("count", |r| r.expr(count));
            if let Expr::Value(plain) = &count
                && native::number(plain).is_none()
            {
                self.at("count", |r| r.disarm("must be a number"));
            }
            Repeat::Count(count)
        } else if let Some(value) = keys.take("while") {
            Repeat::While(self.at("while", |r| r.conditions(value)))
        } else if let Some(value) = keys.take("until") {
            Repeat::Until(self.at("until", |r| r.conditions(value)))
        } else if let Some(value) = keys.take("for_each") {
            Repeat::ForEach(self.at("for_each", |r| r.expr(value)))
        } else {
            self.disarm("`count`, `while`, `until` or `for_each` is missing");
            return None;
        };
        let steps = self.optional_steps("sequence", &mut keys).unwrap_or_default();
        self.unknown(&keys, Weight::Disarms);
        Some(Kind::Repeat { how, steps })
    }

    /// A device's own action; the simple ones are services.
    fn device_step(&mut self, keys: &mut Keys<'_>) -> Option<Kind> {
        let domain = self.text("domain", keys).unwrap_or_default();
        let kind = self.text("type", keys).unwrap_or_default();
        keys.take("device_id");
        keys.take("metadata");
        let entity = keys.take("entity_id").and_then(Value::as_str).filter(|id| is_entity_id(id));
        let name = match (&*domain, &*kind) {
            (_, "turn_on" | "turn_off" | "toggle") => Some(format!("{domain}.{kind}")),
            ("cover", "open" | "close" | "stop") => Some(format!("cover.{kind}_cover")),
            ("lock", "lock" | "unlock" | "open") => Some(format!("lock.{kind}")),
            ("button", "press") => Some("button.press".to_owned()),
            _ => None,
        };
        match (name, entity) {
            (Some(name), Some(entity)) => Some(service(&name, entity)),
            _ => {
                self.disarm(format!(
                    "a device action of `{domain}` (`{kind}`) is not supported; use `action`"
                ));
                None
            }
        }
    }
}

/// Whether the house has such a service.
fn is_service(text: &str) -> bool {
    let Some((domain, name)) = text.split_once('.') else { return false };
    match domain {
        "automation" => ["turn_on", "turn_off", "toggle", "trigger", "reload"].contains(&name),
        "script" | "notify" => true,
        "homeassistant" => ["turn_on", "turn_off", "toggle"].contains(&name),
        "persistent_notification" => ["create", "dismiss"].contains(&name),
        "logbook" => name == "log",
        "system_log" => name == "write",
        _ => domain.parse().is_ok_and(|domain: Domain| {
            domain.services().iter().any(|service| service.name == name)
        }),
    }
}

fn service(name: &str, entity: &str) -> Kind {
    let target = Value::Map(vec![("entity_id".into(), Value::from(entity))]);
    let service = Expr::Value(Value::from(name));
    Kind::Call(Call { service, target: Some(Expr::Value(target)), data: None })
}

/// Two maps as one.
fn join(first: Option<Expr>, second: Expr) -> Option<Expr> {
    let entries = |expr: Expr| match expr {
        Expr::Map(map) => Some(map),
        Expr::Value(Value::Map(map)) => {
            Some(map.into_iter().map(|(name, value)| (name, Expr::Value(value))).collect())
        }
        Expr::Value(_) | Expr::Template(_) | Expr::List(_) => None,
    };
    let Some(first) = first else { return Some(second) };
    match (entries(first.clone()), entries(second)) {
        (Some(mut all), Some(more)) => {
            all.extend(more);
            Some(Expr::Map(all))
        }
        _ => Some(first),
    }
}
