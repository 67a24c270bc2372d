//! Scenes that devices offer.

use std::borrow::Cow;

use jiff::Timestamp;

use super::Context;
use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::Attributes;

/// A scene has no abilities but its one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Caps {}

/// When it was last used; the default is not yet.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// When.
    pub at: Option<Timestamp>,
}

/// What one can wish.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Activate it.
    TurnOn,
}

/// Home Assistant's services of this domain.
pub const SERVICES: &[Service] = &[Service { name: "turn_on", fields: &["transition"] }];

/// Reads a service call.
///
/// # Errors
/// See [`Invalid`].
pub fn action(service: &str, mut fields: Fields) -> Result<Action, Invalid> {
    if service != "turn_on" {
        return Err(Invalid::NoSuchService);
    }
    // A scene over MQTT knows no transition; Home Assistant drops it too.
    fields.number("transition", 0.0..=6553.0, "seconds from 0 to 6553")?;
    fields.finish()?;
    Ok(Action::TurnOn)
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
        self.at.map(|at| Cow::Owned(super::moment(at)))
    }

    /// Puts what is shown while the entity is available.
    pub fn attributes(&self, _: &Caps, _: &mut Attributes) {}

    /// Never: no device reports that it was used.
    pub fn confirms(&self, _: &Action) -> bool {
        false
    }
}
