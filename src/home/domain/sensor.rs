//! Sensors: a number, a word, a date or a moment that a device tells.

use std::borrow::Cow;
use std::sync::Arc;

use super::Context;
use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::{Attributes, Value};

/// What kind of value a sensor tells.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Caps {
    /// The words it can say, when it is one of a fixed set.
    pub options: Option<Vec<Arc<str>>>,
    /// `measurement`, `total`, `total_increasing`, …
    pub state_class: Option<Arc<str>>,
    /// It tells a number: it has a unit, a state class or a device class of numbers.
    pub is_numeric: bool,
    /// It tells when a running total last began anew.
    pub has_last_reset: bool,
}

/// What a sensor tells; the default is unknown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// The value as the device spelt it; moments in UTC.
    pub value: Option<Arc<str>>,
    /// When a running total last began anew, RFC 3339.
    pub last_reset: Option<Arc<str>>,
}

/// A sensor cannot be told anything.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {}

/// None.
pub const SERVICES: &[Service] = &[];

/// There is nothing to call.
///
/// # Errors
/// Always [`Invalid::NoSuchService`].
pub fn action(_: &str, _: Fields) -> Result<Action, Invalid> {
    Err(Invalid::NoSuchService)
}

impl Caps {
    /// Home Assistant shows none for this domain.
    pub fn features(&self) -> Option<u32> {
        None
    }

    /// Puts what is shown even while the entity is unavailable.
    pub fn attributes(&self, out: &mut Attributes) {
        out.put_some("state_class", self.state_class.as_ref());
        out.put_some("options", self.options.as_ref().map(Value::texts));
    }

    /// Never called: there is no action.
    ///
    /// # Errors
    /// None.
    pub fn accept(&self, action: Action, _: &State, _: &Context) -> Result<Action, Refusal> {
        match action {}
    }
}

impl State {
    /// The main value in Home Assistant's word; `None` is unknown.
    pub fn word(&self, _: &Caps) -> Option<Cow<'_, str>> {
        self.value.as_deref().map(Cow::Borrowed)
    }

    /// Puts what is shown while the entity is available.
    pub fn attributes(&self, caps: &Caps, out: &mut Attributes) {
        if caps.has_last_reset {
            out.put("last_reset", self.last_reset.as_ref());
        }
    }

    /// The value as a number, if it is one.
    pub fn number(&self) -> Option<f64> {
        self.value.as_deref()?.parse().ok()
    }

    /// Never called: there is no action.
    pub fn confirms(&self, action: &Action) -> bool {
        match *action {}
    }
}
