//! Values of slots and of context, and what a sentence asks of the context. It owns how two values
//! compare; it does not know where they come from.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A value as language packs have them.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A number; percentages are 0–100, colour temperatures kelvin, durations as the slot says.
    Number(f64),
    /// A text.
    Text(Arc<str>),
    /// Several, for example two device classes that one word covers.
    List(Arc<[Value]>),
}

impl Value {
    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::List(_) => None,
        }
    }

    /// The number, if it is one.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Value::Number(number) => Some(*number),
            Value::Null | Value::Bool(_) | Value::Text(_) | Value::List(_) => None,
        }
    }

    /// The texts of a text or of a list of texts.
    pub fn texts(&self) -> Vec<&str> {
        match self {
            Value::Text(text) => vec![text],
            Value::List(values) => values.iter().filter_map(Value::as_text).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.into())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => Ok(()),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Number(number) => write!(f, "{number}"),
            Value::Text(text) => f.write_str(text),
            Value::List(values) => {
                for (index, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if index > 0 { ", " } else { "" })?;
                }
                Ok(())
            }
        }
    }
}

/// What is known around an utterance (the area of the speaker) and what its words bring along (the
/// domain of a named entity).
pub type Context = BTreeMap<Arc<str>, Value>;

/// What a block of sentences asks of one key of the context.
#[derive(Debug, Clone, PartialEq)]
pub struct Demand {
    /// The key, for example `domain`.
    pub key: Arc<str>,
    /// The values that satisfy it.
    pub wanted: Wanted,
    /// The slot that takes the value, if the sentence says `slot: true` or names one.
    pub slot: Option<Arc<str>>,
}

/// The values that satisfy a [`Demand`].
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// Any, as long as there is one.
    Any,
    /// One of these.
    OneOf(Vec<Value>),
}

impl Demand {
    /// Whether `value` is one of the wanted ones. A list satisfies if it is wanted as a whole.
    pub fn accepts(&self, value: &Value) -> bool {
        match &self.wanted {
            Wanted::Any => *value != Value::Null,
            Wanted::OneOf(values) => values.contains(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demands_accept_what_they_want() {
        let any = Demand { key: "area".into(), wanted: Wanted::Any, slot: None };
        assert!(any.accepts(&"kitchen".into()));
        assert!(!any.accepts(&Value::Null));
        let lights = Demand {
            key: "domain".into(),
            wanted: Wanted::OneOf(vec!["light".into(), "switch".into()]),
            slot: None,
        };
        assert!(lights.accepts(&"switch".into()));
        assert!(!lights.accepts(&"cover".into()));
    }
}
