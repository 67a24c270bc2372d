//! The house's plain values as JSON and back: for the ports and the storage, which speak JSON.

use serde_json::{Map, Number, Value as Json};

use crate::home::value::Value;

/// A JSON value as the house keeps it.
pub fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Int(whole),
            None => number.as_f64().map_or(Value::Null, Value::Float),
        },
        Json::String(text) => Value::Text(text.as_str().into()),
        Json::Array(items) => Value::List(items.iter().map(from_json).collect()),
        Json::Object(map) => Value::Map(
            map.iter().map(|(name, value)| (name.as_str().into(), from_json(value))).collect(),
        ),
    }
}

/// A value of the house as JSON.
pub fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(truth) => Json::Bool(*truth),
        Value::Int(number) => Json::from(*number),
        Value::Float(number) => Number::from_f64(*number).map_or(Json::Null, Json::Number),
        Value::Text(text) => Json::from(&**text),
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Map(items) => Json::Object(
            items
                .iter()
                .map(|(name, value)| (name.to_string(), to_json(value)))
                .collect::<Map<_, _>>(),
        ),
    }
}
