//! Numbers that can be set.

use std::borrow::Cow;
use std::sync::Arc;

use super::Context;
use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::Attributes;

/// Between what a number can be set.
#[derive(Debug, Clone, PartialEq)]
pub struct Caps {
    /// Lowest.
    pub min: f64,
    /// Highest.
    pub max: f64,
    /// Least difference between two values.
    pub step: f64,
    /// How panels show it: `auto`, `box` or `slider`.
    pub mode: &'static str,
}

impl Default for Caps {
    fn default() -> Self {
        Self { min: 0.0, max: 100.0, step: 1.0, mode: "auto" }
    }
}

/// What a number is; the default is unknown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// The value as it is shown.
    pub value: Option<Arc<str>>,
}

/// What one can wish of a number.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// This value.
    Set(f64),
}

/// Home Assistant's services of this domain.
pub const SERVICES: &[Service] = &[Service { name: "set_value", fields: &["value"] }];

/// Reads a service call.
///
/// # Errors
/// See [`Invalid`].
pub fn action(service: &str, mut fields: Fields) -> Result<Action, Invalid> {
    if service != "set_value" {
        return Err(Invalid::NoSuchService);
    }
    let value = fields.number("value", f64::MIN..=f64::MAX, "a number")?;
    fields.finish()?;
    Ok(Action::Set(value.ok_or(Invalid::Missing("value"))?))
}

impl Caps {
    /// Home Assistant shows none for this domain.
    pub fn features(&self) -> Option<u32> {
        None
    }

    /// Puts what is shown even while the entity is unavailable.
    pub fn attributes(&self, out: &mut Attributes) {
        out.put("min", self.min);
        out.put("max", self.max);
        out.put("step", self.step);
        out.put("mode", self.mode);
    }

    /// The action as this entity does it in this state.
    ///
    /// # Errors
    /// A [`Refusal`] when it cannot.
    pub fn accept(&self, action: Action, _: &State, _: &Context) -> Result<Action, Refusal> {
        let Action::Set(value) = action;
        if (self.min..=self.max).contains(&value) {
            return Ok(action);
        }
        Err(Refusal::OutOfRange { what: "value", value, min: self.min, max: self.max })
    }
}

impl State {
    /// The main value in Home Assistant's word; `None` is unknown.
    pub fn word(&self, _: &Caps) -> Option<Cow<'_, str>> {
        self.value.as_deref().map(Cow::Borrowed)
    }

    /// Puts what is shown while the entity is available.
    pub fn attributes(&self, _: &Caps, _: &mut Attributes) {}

    /// The value.
    pub fn number(&self) -> Option<f64> {
        self.value.as_deref()?.parse().ok()
    }

    /// Whether this state, reported by the device, fulfils the wish.
    pub fn confirms(&self, action: &Action) -> bool {
        let Action::Set(wished) = action;
        self.number().is_some_and(|number| (number - wished).abs() < 1e-6)
    }
}
