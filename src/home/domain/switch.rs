//! Switches: on or off. The shape to copy for every other domain.

use std::borrow::Cow;

use super::{Context, on_off};
use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::Attributes;

/// What a switch can do: always both.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Caps {}

/// What a switch is; the default is unknown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// On or off, if known.
    pub on: Option<bool>,
}

/// What one can wish of a switch.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// On.
    TurnOn,
    /// Off.
    TurnOff,
    /// The other one; becomes one of the above when accepted.
    Toggle,
}

/// Home Assistant's services of this domain.
pub const SERVICES: &[Service] = &[
    Service { name: "turn_on", fields: &[] },
    Service { name: "turn_off", fields: &[] },
    Service { name: "toggle", fields: &[] },
];

/// Reads a service call.
///
/// # Errors
/// See [`Invalid`].
pub fn action(service: &str, fields: Fields) -> Result<Action, Invalid> {
    fields.finish()?;
    match service {
        "turn_on" => Ok(Action::TurnOn),
        "turn_off" => Ok(Action::TurnOff),
        "toggle" => Ok(Action::Toggle),
        _ => Err(Invalid::NoSuchService),
    }
}

impl Caps {
    /// Home Assistant's `supported_features`; `None` where the domain shows none.
    pub fn features(&self) -> Option<u32> {
        None
    }

    /// What is shown even while the entity is unavailable.
    pub fn attributes(&self, _out: &mut Attributes) {}

    /// The action as this entity does it in this state.
    ///
    /// # Errors
    /// A [`Refusal`] when it cannot.
    pub fn accept(&self, action: Action, state: &State, _: &Context) -> Result<Action, Refusal> {
        Ok(match (action, state.on) {
            (Action::Toggle, Some(true)) => Action::TurnOff,
            (Action::Toggle, Some(false) | None) => Action::TurnOn,
            (action @ (Action::TurnOn | Action::TurnOff), _) => action,
        })
    }
}

impl State {
    /// The main value in Home Assistant's word; `None` is unknown.
    pub fn word(&self, _: &Caps) -> Option<Cow<'_, str>> {
        self.on.map(on_off)
    }

    /// What else is shown while the entity is available.
    pub fn attributes(&self, _: &Caps, _out: &mut Attributes) {}

    /// Whether this state, reported by the device, fulfils the wish.
    pub fn confirms(&self, action: &Action) -> bool {
        match action {
            Action::TurnOn => self.on == Some(true),
            Action::TurnOff => self.on == Some(false),
            Action::Toggle => true,
        }
    }
}
