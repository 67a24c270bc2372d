//! Sensors with two states: open or closed, wet or dry, moving or not.

use std::borrow::Cow;

use super::{Context, on_off};
use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::Attributes;

/// A binary sensor has no abilities.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Caps {}

/// What a binary sensor says; the default is unknown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// On (open, wet, moving, a problem) or off, by its device class.
    pub on: Option<bool>,
}

/// A binary sensor cannot be told anything.
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
    pub fn attributes(&self, _: &mut Attributes) {}

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
        self.on.map(on_off)
    }

    /// Puts what is shown while the entity is available.
    pub fn attributes(&self, _: &Caps, _: &mut Attributes) {}

    /// Never called: there is no action.
    pub fn confirms(&self, action: &Action) -> bool {
        match *action {}
    }
}
