//! The template language against Home Assistant: what it renders for templates of real producers, the traps of
//! Python's semantics, and templates that mean harm.

use std::path::PathBuf;

use homard::clock::Clock;
use homard::template::{Payload, Scope, Templates, Variable, python};
use serde_json::Value as Json;

/// The folder of shared test data, if it is there.
fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("HOMARD_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = root.join(path);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is absent; set HOMARD_SHARED", path.display());
    None
}

/// The instant at which the oracle's answers with a clock in them were made.
fn clock() -> Clock {
    Clock::fixed("2026-11-22T08:35:39.829651+00:00[UTC]".parse().unwrap())
}

/// JSON as Python's `json.dumps` writes it; the oracle's payloads were made so.
fn dumps(json: &Json) -> String {
    let clock = clock();
    let template = Templates::default().compile("{{ x | to_json(ensure_ascii=true) }}").unwrap();
    let variables = [("x", Variable::Json(json))];
    template
        .render_value_with(&Payload::new(""), &variables, &Scope::new("sensor.x", &clock))
        .unwrap()
        .text
}

#[test]
fn home_assistant_renders_the_same() {
    let (Some(cases), Some(answers)) = (
        shared("data/mqtt/ha_template_cases.json"),
        shared("data/mqtt/ha_template_cases_oracle_2025_4_4.json"),
    ) else {
        return;
    };
    let cases: Vec<(String, String, serde_json::Map<String, Json>)> =
        serde_json::from_str(&std::fs::read_to_string(cases).unwrap()).unwrap();
    let answers: Vec<(String, String)> =
        serde_json::from_str(&std::fs::read_to_string(answers).unwrap()).unwrap();
    assert_eq!(cases.len(), answers.len());
    let templates = Templates::default();
    let clock = clock();
    let mut wrong = Vec::new();
    for ((name, source, context), (_, expected)) in cases.iter().zip(&answers) {
        let payload = match (context.get("value_json"), context.get("value")) {
            (Some(json), _) => dumps(json),
            (None, Some(value)) => python::str_of_json(value),
            (None, None) => String::new(),
        };
        let variables: Vec<(&str, Variable)> = context
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "value" | "value_json"))
            .map(|(name, value)| (name.as_str(), Variable::Json(value)))
            .collect();
        let message = Payload::new(&payload);
        let scope = Scope::new("sensor.x", &clock);
        let rendered = templates
            .compile(source)
            .and_then(|template| template.render_value_with(&message, &variables, &scope));
        let equal = match &rendered {
            Ok(rendered) => rendered.text == *expected,
            // Home Assistant takes the raw payload when a template fails, or reports the error.
            Err(_) => *expected == payload || expected.starts_with("ERR"),
        };
        if !equal {
            wrong.push(format!("{name}: {source}\n  expected {expected:?}, got {rendered:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
