//! Templates: the last line is a message, all before it a template. It is rendered as a state template and as a command
//! template, twice each.

use std::sync::{Arc, LazyLock};

use homard::clock::Clock;
use homard::template::{
    Error, Payload, Rendered, Scope, States, Template, Templates, This, Variable,
};
use serde_json::{Value as Json, json};

/// The longest result. A message may be longer than what a template may build, and is then cut short or refused.
const MAX_TEXT: usize = 1 << 20;
/// The longest text of an error; it is kept as a problem and logged.
const MAX_ERROR: usize = 64 << 10;

pub(crate) fn check(input: &str) {
    // A new workshop each time: what one template leaves behind must not help the next.
    let templates = Templates::default();
    let (source, message) = input.rsplit_once('\n').unwrap_or((input, ""));
    let template = match templates.compile(source) {
        Ok(template) => template,
        Err(error) => return assert!(error.to_string().len() <= MAX_ERROR, "{error}"),
    };
    let result = value(&template, message);
    assert_eq!(result, value(&template, message), "not the same twice");
    // Plain texts and paths take a short cut; a statement before them leads them through the engine.
    if let Ok(slow) = templates.compile(&format!("{{% if true %}}{{% endif %}}{source}")) {
        let slow = value(&slow, message);
        assert_eq!(result.is_ok(), slow.is_ok(), "by short cut {result:?}, by engine {slow:?}");
        if let (Ok(result), Ok(slow)) = (result, slow) {
            assert_eq!(result, slow, "by short cut, by engine");
        }
    }
    let sent = command(&template);
    assert_eq!(sent, command(&template), "not the same twice");
}

fn value(template: &Template, message: &str) -> Result<Rendered, Error> {
    let variables = [("position_open", Variable::Int(100)), ("position_closed", Variable::Int(0))];
    let result =
        with_scope(|scope| template.render_value_with(&Payload::new(message), &variables, scope));
    match &result {
        Ok(rendered) => {
            assert!(rendered.text.len() <= MAX_TEXT, "{} bytes of text", rendered.text.len());
        }
        Err(error) => assert!(error.to_string().len() <= MAX_ERROR, "{error}"),
    }
    result
}

fn command(template: &Template) -> Result<Vec<u8>, Error> {
    let hue = json!([12.5, 80]);
    let variables = [
        ("value", Variable::Text("ON")),
        ("brightness", Variable::Int(128)),
        ("position", Variable::Float(12.5)),
        ("transition", Variable::None),
        ("flash", Variable::Bool(true)),
        ("hs_color", Variable::Json(&hue)),
    ];
    let result = with_scope(|scope| template.render_command(&variables, scope));
    match &result {
        Ok(bytes) => assert!(bytes.len() <= MAX_TEXT, "{} bytes", bytes.len()),
        Err(error) => assert!(error.to_string().len() <= MAX_ERROR, "{error}"),
    }
    result
}

fn with_scope<T>(render: impl FnOnce(&Scope<'_>) -> T) -> T {
    static CLOCK: LazyLock<Clock> =
        LazyLock::new(|| Clock::fixed("2026-10-25T02:30:00+02:00[Europe/Paris]".parse().unwrap()));
    let attributes = json!({"battery": 87, "list": [1, "two", null], "ä": {"b": 1.5}});
    let this = This {
        entity_id: "sensor.a".into(),
        state: "21.5".into(),
        attributes: attributes.as_object().unwrap().clone(),
    };
    let others: Arc<dyn States> = Arc::new(Others);
    render(&Scope {
        entity_id: "sensor.a",
        name: Some("A"),
        this: Some(&this),
        clock: &CLOCK,
        states: Some(&others),
    })
}

/// A house in which one other entity exists.
#[derive(Debug)]
struct Others;

impl States for Others {
    fn state(&self, entity_id: &str) -> Option<String> {
        (entity_id == "sensor.b").then(|| "on".to_owned())
    }

    fn attribute(&self, entity_id: &str, name: &str) -> Option<Json> {
        (entity_id == "sensor.b" && name == "unit").then(|| json!(["W", 2]))
    }
}
