//! What the owner's own intents do: the `intent_script` section of a sentence file, in Home Assistant's layout. It
//! reads the section; templates in it stay text, and nothing is done here.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::home::value::Value;
use crate::intent::pack::{self, PackProblem, Reader, Source};

/// What is done and said when an intent was recognised.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Script {
    /// Where it was read, for messages.
    pub file: Arc<str>,
    /// Services to call, in order.
    pub calls: Vec<ServiceCall>,
    /// What is said when all was done; a template.
    pub speech: Option<String>,
}

/// A service to call. Every text in it may be a template over the intent's slots.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceCall {
    /// `light.turn_on`.
    pub service: String,
    /// `entity_id`, `device_id`, `area_id` and `floor_id`, each one or several.
    pub target: Vec<(Arc<str>, Value)>,
    /// The service's fields.
    pub data: Vec<(Arc<str>, Value)>,
}

/// Keys that say on what to act.
const TARGET_KEYS: [&str; 4] = ["entity_id", "device_id", "area_id", "floor_id"];
/// Keys of a script that change nothing here, or are for the eye only.
const IDLE_KEYS: [&str; 6] =
    ["description", "mode", "async_action", "platforms", "card", "reprompt"];

/// Reads the scripts of a file, by intent. What cannot be read is left out and told; a file without scripts has none.
pub fn read(source: &Source<'_>) -> (BTreeMap<Arc<str>, Script>, Vec<PackProblem>) {
    let mut problems = Vec::new();
    let mut reader = Reader { file: source.file, problems: &mut problems };
    let mut scripts = BTreeMap::new();
    // What is no YAML at all is told by whoever reads the sentences.
    let json = pack::parse(source).unwrap_or(Json::Null);
    if let Some(section) = json.get("intent_script") {
        for (intent, body) in reader.map("intent_script", section) {
            if let Some(script) = reader.script(intent, body) {
                scripts.insert(Arc::from(intent), script);
            }
        }
    }
    (scripts, problems)
}

impl Reader<'_> {
    /// `None` if something in it is wrong: half of a script is not what was meant.
    fn script(&mut self, intent: &str, json: &Json) -> Option<Script> {
        let n_problems = self.problems.len();
        let mut script = Script { file: self.file.into(), ..Script::default() };
        for (key, value) in self.map(intent, json) {
            match key {
                "action" | "actions" => script.calls = self.calls(intent, value),
                "speech" => {
                    let text = match value {
                        Json::Object(map) => map.get("text").and_then(Json::as_str),
                        other => other.as_str(),
                    };
                    if text.is_none() {
                        self.wrong(intent, "`speech:` needs `text:` with a template");
                    }
                    script.speech = text.map(str::to_owned);
                }
                key if IDLE_KEYS.contains(&key) => {}
                other => {
                    let problem = format!(
                        "`{other}` is not understood here; there are `action` and `speech`"
                    );
                    self.wrong(intent, problem);
                }
            }
        }
        if script.calls.is_empty() && script.speech.is_none() && self.problems.len() == n_problems {
            self.wrong(intent, "needs `action:`, `speech:` or both");
        }
        (self.problems.len() == n_problems).then_some(script)
    }

    fn calls(&mut self, intent: &str, json: &Json) -> Vec<ServiceCall> {
        let steps: Vec<&Json> = match json {
            Json::Array(steps) => steps.iter().collect(),
            Json::Null => Vec::new(),
            one => vec![one],
        };
        steps.into_iter().filter_map(|step| self.call(intent, step)).collect()
    }

    fn call(&mut self, intent: &str, json: &Json) -> Option<ServiceCall> {
        let (mut service, mut target, mut data) = (None, Vec::new(), Vec::new());
        for (key, value) in self.map(intent, json) {
            match key {
                "action" | "service" | "service_template" => {
                    service = value.as_str().map(str::to_owned);
                }
                "target" => {
                    for (key, ids) in self.map(intent, value) {
                        if TARGET_KEYS.contains(&key) {
                            target.push((Arc::from(key), value_of(ids)));
                        } else {
                            let known = TARGET_KEYS.join("`, `");
                            self.wrong(
                                intent,
                                format!("`target` has no key `{key}`; it has `{known}`"),
                            );
                        }
                    }
                }
                "data" | "data_template" => {
                    for (key, value) in self.map(intent, value) {
                        let to = if TARGET_KEYS.contains(&key) { &mut target } else { &mut data };
                        to.push((Arc::from(key), value_of(value)));
                    }
                }
                "entity_id" => target.push((Arc::from(key), value_of(value))),
                "alias" | "metadata" | "enabled" => {}
                other => {
                    let problem = format!(
                        "a step with `{other}` is not understood; steps are `action:` with `target:` and `data:`"
                    );
                    self.wrong(intent, problem);
                }
            }
        }
        let Some(service) = service else {
            self.wrong(intent, "a step needs `action: domain.service`");
            return None;
        };
        let is_template = is_jinja(&service);
        if !is_template && service.split('.').filter(|part| !part.is_empty()).count() != 2 {
            self.wrong(intent, format!("`{service}` is no service; write it as `light.turn_on`"));
            return None;
        }
        Some(ServiceCall { service, target, data })
    }
}

/// Whether a text is a Jinja template.
pub fn is_jinja(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark))
}

fn value_of(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Int(whole),
            None => Value::Float(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::Text(text.as_str().into()),
        Json::Array(values) => Value::List(values.iter().map(value_of).collect()),
        Json::Object(map) => Value::Map(
            map.iter().map(|(key, value)| (key.as_str().into(), value_of(value))).collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn home_assistants_layout_is_read() {
        let text = "
intent_script:
  Movie:
    description: for the evening
    action:
      - service: light.turn_on
        target: { entity_id: [light.a, light.b], area_id: '{{ area }}' }
        data: { brightness_pct: 20, entity_id: light.c }
      - action: cover.close_cover
        entity_id: cover.d
    speech: { text: 'Enjoy {{ film }}' }
  Short:
    action: { action: scene.turn_on, data: { entity_id: scene.x } }
  Says: { speech: { type: plain, text: Hello } }
";
        let (scripts, problems) = read(&Source { file: "a.yaml", text });
        assert!(problems.is_empty(), "{problems:?}");
        let movie = &scripts["Movie"];
        assert_eq!(movie.speech.as_deref(), Some("Enjoy {{ film }}"));
        let keys = |call: &ServiceCall| -> Vec<String> {
            call.target.iter().map(|(key, value)| format!("{key}={value:?}")).collect()
        };
        assert_eq!(movie.calls.len(), 2);
        assert_eq!(keys(&movie.calls[0]).len(), 3);
        assert_eq!(movie.calls[0].data, [(Arc::from("brightness_pct"), Value::Int(20))]);
        assert_eq!(keys(&movie.calls[1]), ["entity_id=Text(\"cover.d\")"]);
        assert_eq!(scripts["Short"].calls[0].service, "scene.turn_on");
        assert_eq!(scripts["Says"].calls.len(), 0);
    }

    #[test]
    fn what_is_wrong_is_told_and_costs_its_script_only() {
        let check = |body: &str, expected: &str| {
            let text = format!("intent_script:\n  Good: {{ speech: Hi }}\n  Bad: {body}\n");
            let (scripts, problems) = read(&Source { file: "a.yaml", text: &text });
            let names: Vec<&str> = scripts.keys().map(|name| &**name).collect();
            assert_eq!(names, ["Good"], "{body}");
            assert_eq!(problems.len(), 1, "{body}: {problems:?}");
            assert!(problems[0].to_string().contains(expected), "{body}: {problems:?}");
        };
        check("{}", "needs `action:`, `speech:` or both");
        check("5", "needs names with values");
        check("{ actoin: [] }", "`actoin` is not understood here");
        check("{ speech: { txt: x } }", "`speech:` needs `text:`");
        check("{ action: { data: {} } }", "a step needs `action: domain.service`");
        check("{ action: { action: turn_on } }", "`turn_on` is no service");
        check("{ action: [{ delay: 5, action: a.b }] }", "a step with `delay` is not understood");
        check("{ action: [{ action: a.b, target: { name: x } }] }", "`target` has no key `name`");
    }
}
