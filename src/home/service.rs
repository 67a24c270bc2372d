//! Service calls: Home Assistant's names and fields for actions, read into typed actions.
//!
//! The words are Home Assistant's, because people's automations, panels and scripts already speak
//! them. Which entity is meant is not decided here.

use std::fmt;
use std::sync::Arc;

use super::value::Value;

/// One service of a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// Its name, `turn_on`.
    pub name: &'static str,
    /// The fields it understands.
    pub fields: &'static [&'static str],
}

/// Why a service call could not be read. Nothing was done.
#[derive(Debug, Clone, PartialEq)]
pub enum Invalid {
    /// The domain has no such service.
    NoSuchService,
    /// The service has no such field.
    NoSuchField(String),
    /// A field that must be there is not.
    Missing(&'static str),
    /// A field's value cannot be what it must be.
    Field {
        /// The field.
        name: &'static str,
        /// What it must be, in plain words: "a number from 0 to 255".
        expected: &'static str,
    },
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchService => f.write_str("no such service"),
            Self::NoSuchField(name) => write!(f, "no such field `{name}`"),
            Self::Missing(name) => write!(f, "field `{name}` is missing"),
            Self::Field { name, expected } => write!(f, "field `{name}` must be {expected}"),
        }
    }
}

/// The fields of a service call. Each is taken out once; what is left at the end is an error, so
/// that a misspelt field is never ignored in silence.
#[derive(Debug, Clone, Default)]
pub struct Fields(Vec<(Arc<str>, Value)>);

impl Fields {
    /// From names and values; for a repeated name the last counts.
    pub fn new(fields: impl IntoIterator<Item = (Arc<str>, Value)>) -> Self {
        let mut list: Vec<(Arc<str>, Value)> = Vec::new();
        for (name, value) in fields {
            match list.iter_mut().find(|(known, _)| *known == name) {
                Some(slot) => slot.1 = value,
                None => list.push((name, value)),
            }
        }
        Self(list)
    }

    /// Takes a field, whatever it is.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|(known, _)| &**known == name)?;
        Some(self.0.remove(at).1)
    }

    /// Takes a number in `min..=max`; a text that reads as a number will do, as in Home Assistant.
    ///
    /// # Errors
    /// [`Invalid::Field`] when it is no finite number or outside the range.
    pub fn number(
        &mut self,
        name: &'static str,
        range: std::ops::RangeInclusive<f64>,
        expected: &'static str,
    ) -> Result<Option<f64>, Invalid> {
        let Some(value) = self.take(name) else { return Ok(None) };
        number_of(&value)
            .filter(|number| range.contains(number))
            .map(Some)
            .ok_or(Invalid::Field { name, expected })
    }

    /// Takes a text; numbers and booleans are written out as Python does (`True`, `1.5`).
    ///
    /// # Errors
    /// [`Invalid::Field`] when it is null, a list or a map.
    pub fn text(&mut self, name: &'static str) -> Result<Option<Arc<str>>, Invalid> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::Int(number)) => Ok(Some(number.to_string().into())),
            Some(Value::Float(number)) => Ok(Some(format!("{number:?}").into())),
            Some(Value::Bool(yes)) => Ok(Some(if yes { "True" } else { "False" }.into())),
            Some(Value::Null | Value::List(_) | Value::Map(_)) => {
                Err(Invalid::Field { name, expected: "text" })
            }
        }
    }

    /// Takes a list of `n` numbers in `range`, for example a colour.
    ///
    /// # Errors
    /// [`Invalid::Field`] when the length or a number is wrong.
    pub fn numbers<const N: usize>(
        &mut self,
        name: &'static str,
        range: std::ops::RangeInclusive<f64>,
        expected: &'static str,
    ) -> Result<Option<[f64; N]>, Invalid> {
        let invalid = Invalid::Field { name, expected };
        let Some(value) = self.take(name) else { return Ok(None) };
        let Value::List(items) = value else { return Err(invalid) };
        let numbers: Vec<f64> =
            items.iter().filter_map(number_of).filter(|number| range.contains(number)).collect();
        if numbers.len() != items.len() {
            return Err(invalid);
        }
        numbers.try_into().map(Some).map_err(|_| invalid)
    }

    /// Takes a truth: a boolean, or a word that Home Assistant takes for one (`on`, `yes`, `0`, …).
    ///
    /// # Errors
    /// [`Invalid::Field`] for anything else.
    pub fn flag(&mut self, name: &'static str) -> Result<Option<bool>, Invalid> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let truth = match &value {
            Value::Bool(yes) => Some(*yes),
            Value::Int(0) => Some(false),
            Value::Int(1) => Some(true),
            Value::Text(text) => match &*text.to_lowercase() {
                "1" | "true" | "yes" | "on" | "enable" => Some(true),
                "0" | "false" | "no" | "off" | "disable" => Some(false),
                _ => None,
            },
            Value::Null | Value::Int(_) | Value::Float(_) | Value::List(_) | Value::Map(_) => None,
        };
        truth.map(Some).ok_or(Invalid::Field { name, expected: "true or false" })
    }

    /// Ends the reading: whatever was not taken is not a field of this service.
    ///
    /// # Errors
    /// [`Invalid::NoSuchField`] with the first left over.
    pub fn finish(self) -> Result<(), Invalid> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(Invalid::NoSuchField(name.to_string())),
        }
    }
}

fn number_of(value: &Value) -> Option<f64> {
    match value {
        Value::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        other => other.as_f64().filter(|number| number.is_finite()),
    }
}
