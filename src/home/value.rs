//! A plain value: what an attribute holds and what a service call's field says.

use std::borrow::Cow;
use std::sync::Arc;

/// A value without a fixed type. Maps keep the order of their keys.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// Nothing: JSON's `null`.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number; never NaN or infinite when it came from JSON.
    Float(f64),
    /// Text.
    Text(Arc<str>),
    /// Values in order.
    List(Vec<Value>),
    /// Values by name, in order.
    Map(Vec<(Arc<str>, Value)>),
}

impl Value {
    /// The number, whether it was written whole or not.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            Self::Null | Self::Bool(_) | Self::Text(_) | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Float(_)
            | Self::List(_)
            | Self::Map(_) => None,
        }
    }

    /// A list of texts.
    pub fn texts<'a>(texts: impl IntoIterator<Item = &'a Arc<str>>) -> Self {
        Self::List(texts.into_iter().map(|text| Self::Text(Arc::clone(text))).collect())
    }

    /// A list of fixed words.
    pub fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        Self::List(words.into_iter().map(|word| Self::Text(word.into())).collect())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(i64::from(value))
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value.into())
    }
}

impl From<&Arc<str>> for Value {
    fn from(value: &Arc<str>) -> Self {
        Self::Text(Arc::clone(value))
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    /// `None` is null: Home Assistant shows attributes without a value as `null`.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Named values beside an entity's state, in the order they were put.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Attributes(Vec<(Cow<'static, str>, Value)>);

impl Attributes {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets one. A later value for the same name replaces the earlier one.
    pub fn put(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Value>) {
        let name = name.into();
        let value = value.into();
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some(slot) => slot.1 = value,
            None => self.0.push((name, value)),
        }
    }

    /// Sets one only if there is a value.
    pub fn put_some(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        value: Option<impl Into<Value>>,
    ) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    /// The value of a name.
    pub fn named(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Takes one out.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
