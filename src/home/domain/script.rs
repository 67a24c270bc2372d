//! Scripts: steps that are done when somebody asks for it. What they do is `automation::rule`'s.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Context, automation, on_off};
use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::{Attributes, Value};

/// What a script is by its making.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Caps {
    /// What happens when it is to begin and has not ended: `single`, …
    pub mode: &'static str,
    /// Runs at once; `None` where there is one at most.
    pub max: Option<u32>,
}

/// What a script is; the default is unknown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// It runs.
    pub on: Option<bool>,
    /// When it last began.
    pub last_triggered: Option<Timestamp>,
    /// Runs that have not ended.
    pub current: u32,
}

/// What one can wish of a script.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// It begins.
    TurnOn {
        /// What its templates know.
        variables: Vec<(Arc<str>, Value)>,
    },
    /// It ends.
    TurnOff,
    /// The other one; becomes one of the above when accepted.
    Toggle,
}

/// Home Assistant's services of this domain.
pub const SERVICES: &[Service] = &[
    Service { name: "turn_on", fields: &["variables"] },
    Service { name: "turn_off", fields: &[] },
    Service { name: "toggle", fields: &[] },
];

/// Reads a service call.
///
/// # Errors
/// See [`Invalid`].
pub fn action(service: &str, mut fields: Fields) -> Result<Action, Invalid> {
    let action = match service {
        "turn_on" => Action::TurnOn { variables: automation::variables(&mut fields)? },
        "turn_off" => Action::TurnOff,
        "toggle" => Action::Toggle,
        _ => return Err(Invalid::NoSuchService),
    };
    fields.finish()?;
    Ok(action)
}

impl Caps {
    /// Home Assistant's `supported_features`; `None` where the domain shows none.
    pub fn features(&self) -> Option<u32> {
        None
    }

    /// What is shown even while the entity is unavailable.
    pub fn attributes(&self, out: &mut Attributes) {
        out.put("mode", self.mode);
        out.put_some("max", self.max);
    }

    /// The action as this entity does it in this state.
    ///
    /// # Errors
    /// A [`Refusal`] when it cannot.
    pub fn accept(&self, action: Action, state: &State, _: &Context) -> Result<Action, Refusal> {
        Ok(match (action, state.on) {
            (Action::Toggle, Some(true)) => Action::TurnOff,
            (Action::Toggle, Some(false) | None) => Action::TurnOn { variables: Vec::new() },
            (action, _) => action,
        })
    }
}

impl State {
    /// The main value in Home Assistant's word; `None` is unknown.
    pub fn word(&self, _: &Caps) -> Option<Cow<'_, str>> {
        self.on.map(on_off)
    }

    /// What else is shown while the entity is available.
    pub fn attributes(&self, _: &Caps, out: &mut Attributes) {
        out.put("last_triggered", self.last_triggered.map(super::moment_micros));
        out.put("current", self.current);
    }

    /// Whether this state, reported by the device, fulfils the wish: a short script has ended when it
    /// is told that it began.
    pub fn confirms(&self, action: &Action) -> bool {
        match action {
            Action::TurnOn { .. } | Action::Toggle => true,
            Action::TurnOff => self.on == Some(false),
        }
    }
}
