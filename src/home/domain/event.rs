//! Things that happen, such as the press of a remote's button.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;

use super::Context;
use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::{Attributes, Value};

/// What can happen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Caps {
    /// The kinds of event.
    pub event_types: Vec<Arc<str>>,
}

/// What happened last; the default is nothing yet.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// The last event.
    pub last: Option<Box<Happened>>,
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Happened {
    /// When.
    pub at: Timestamp,
    /// Of which kind.
    pub event_type: Arc<str>,
    /// What the device said of it.
    pub data: Vec<(Arc<str>, Value)>,
}

/// An event cannot be told anything.
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
        out.put("event_types", Value::texts(&self.event_types));
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
    /// When it last happened; `None` is not yet.
    pub fn word(&self, _: &Caps) -> Option<Cow<'_, str>> {
        self.last.as_ref().map(|last| {
            // Events may follow each other fast: milliseconds, as Home Assistant shows them.
            Cow::Owned(super::moment_millis(last.at))
        })
    }

    /// Puts what is shown while the entity is available.
    pub fn attributes(&self, _: &Caps, out: &mut Attributes) {
        out.put("event_type", self.last.as_ref().map(|last| Value::from(&last.event_type)));
        for (name, value) in self.last.iter().flat_map(|last| &last.data) {
            out.put(name.to_string(), value.clone());
        }
    }

    /// Never called: there is no action.
    pub fn confirms(&self, action: &Action) -> bool {
        match *action {}
    }
}
