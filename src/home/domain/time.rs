//! Times of day that can be set.

use std::borrow::Cow;

use jiff::civil::Time;

use super::Context;
use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::Attributes;

/// A time has no abilities but being set.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Caps {}

/// What it is; the default is unknown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// The time.
    pub value: Option<Time>,
}

/// What one can wish.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// This time.
    Set(Time),
}

/// Home Assistant's services of this domain.
pub const SERVICES: &[Service] = &[Service { name: "set_value", fields: &["time"] }];

/// Reads a service call.
///
/// # Errors
/// See [`Invalid`].
pub fn action(service: &str, mut fields: Fields) -> Result<Action, Invalid> {
    if service != "set_value" {
        return Err(Invalid::NoSuchService);
    }
    let text = fields.text("time")?.ok_or(Invalid::Missing("time"))?;
    fields.finish()?;
    text.trim().parse().map(Action::Set).map_err(|_| Invalid::Field {
        name: "time",
        expected: "a time of day such as 07:30 or 07:30:00",
    })
}

impl Caps {
    /// Home Assistant shows none for this domain.
    pub fn features(&self) -> Option<u32> {
        None
    }

    /// Puts what is shown even while the entity is unavailable.
    pub fn attributes(&self, _: &mut Attributes) {}

    /// The action as this entity does it in this state.
    ///
    /// # Errors
    /// A [`Refusal`] when it cannot.
    pub fn accept(&self, action: Action, _: &State, _: &Context) -> Result<Action, Refusal> {
        Ok(action)
    }
}

impl State {
    /// The main value in Home Assistant's word; `None` is unknown.
    pub fn word(&self, _: &Caps) -> Option<Cow<'_, str>> {
        self.value.map(|value| Cow::Owned(value.strftime("%H:%M:%S").to_string()))
    }

    /// Puts what is shown while the entity is available.
    pub fn attributes(&self, _: &Caps, _: &mut Attributes) {}

    /// Whether this state, reported by the device, fulfils the wish.
    pub fn confirms(&self, action: &Action) -> bool {
        let Action::Set(wished) = action;
        self.value == Some(*wished)
    }
}
