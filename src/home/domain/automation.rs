//! Automations: on or off, and what can be asked of them. What they do is `automation::rule`'s.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Context, on_off};
use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::{Attributes, Value};

/// What an automation is by its making.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Caps {
    /// Its id.
    pub id: Arc<str>,
    /// What happens when it is to begin and has not ended: `single`, …
    pub mode: &'static str,
    /// Runs at once; `None` where there is one at most.
    pub max: Option<u32>,
}

/// What an automation is; the default is unknown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// On or off, if known.
    pub on: Option<bool>,
    /// When it last began.
    pub last_triggered: Option<Timestamp>,
    /// Runs that have not ended.
    pub current: u32,
}

/// What one can wish of an automation.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// It begins by itself from now on.
    TurnOn,
    /// It does not.
    TurnOff {
        /// What runs of it ends too.
        stops: bool,
    },
    /// The other one; becomes one of the above when accepted.
    Toggle,
    /// It begins now.
    Trigger {
        /// Whether or not its conditions hold.
        skips_conditions: bool,
        /// What its templates know beside the rest.
        variables: Vec<(Arc<str>, Value)>,
    },
}

/// Home Assistant's services of this domain.
pub const SERVICES: &[Service] = &[
    Service { name: "turn_on", fields: &[] },
    Service { name: "turn_off", fields: &["stop_actions"] },
    Service { name: "toggle", fields: &[] },
    Service { name: "trigger", fields: &["skip_condition", "variables"] },
];

/// Reads a service call.
///
/// # Errors
/// See [`Invalid`].
pub fn action(service: &str, mut fields: Fields) -> Result<Action, Invalid> {
    let action = match service {
        "turn_on" => Action::TurnOn,
        "turn_off" => Action::TurnOff { stops: fields.flag("stop_actions")?.unwrap_or(true) },
        "toggle" => Action::Toggle,
        "trigger" => Action::Trigger {
            skips_conditions: fields.flag("skip_condition")?.unwrap_or(true),
            variables: variables(&mut fields)?,
        },
        _ => return Err(Invalid::NoSuchService),
    };
    fields.finish()?;
    Ok(action)
}

/// The field `variables`: values by name.
pub(super) fn variables(fields: &mut Fields) -> Result<Vec<(Arc<str>, Value)>, Invalid> {
    match fields.take("variables") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Map(map)) => Ok(map),
        Some(_) => Err(Invalid::Field { name: "variables", expected: "values by name" }),
    }
}

impl Caps {
    /// Home Assistant's `supported_features`; `None` where the domain shows none.
    pub fn features(&self) -> Option<u32> {
        None
    }

    /// What is shown even while the entity is unavailable.
    pub fn attributes(&self, out: &mut Attributes) {
        out.put("id", &self.id);
        out.put("mode", self.mode);
        out.put_some("max", self.max);
    }

    /// The action as this entity does it in this state.
    ///
    /// # Errors
    /// A [`Refusal`] when it cannot.
    pub fn accept(&self, action: Action, state: &State, _: &Context) -> Result<Action, Refusal> {
        Ok(match (action, state.on) {
            (Action::Toggle, Some(true)) => Action::TurnOff { stops: true },
            (Action::Toggle, Some(false) | None) => Action::TurnOn,
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

    /// Whether this state, reported by the device, fulfils the wish.
    pub fn confirms(&self, action: &Action) -> bool {
        match action {
            Action::TurnOn => self.on == Some(true),
            Action::TurnOff { .. } => self.on == Some(false),
            Action::Toggle | Action::Trigger { .. } => true,
        }
    }
}
