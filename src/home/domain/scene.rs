//! Scenes that devices offer.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;

use super::Context;
use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::{Attributes, Value};

/// A scene has no abilities but its one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Caps {
    /// The entities that it is about, where that is known.
    pub entities: Vec<Arc<str>>,
}

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
    TurnOn {
        /// How many seconds its lamps take. A scene over MQTT knows none; Home Assistant drops it there too.
        transition: Option<f64>,
    },
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
    let transition = fields.number("transition", 0.0..=6553.0, "seconds from 0 to 6553")?;
    fields.finish()?;
    Ok(Action::TurnOn { transition })
}

impl Caps {
    /// Home Assistant shows none for this domain.
    pub fn features(&self) -> Option<u32> {
        None
    }

    /// Puts what is shown even while the entity is unavailable.
    pub fn attributes(&self, to: &mut Attributes) {
        if !self.entities.is_empty() {
            let entities = self.entities.iter().map(Value::from).collect();
            to.put("entity_id", Value::List(entities));
        }
    }

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
