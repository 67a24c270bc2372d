//! Somewhere to send a message.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;

use super::Context;
use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::Attributes;

/// A notifier has no abilities but its one.
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
    /// Send this message.
    Send(Arc<str>),
}

/// Home Assistant's services of this domain.
pub const SERVICES: &[Service] = &[Service { name: "send_message", fields: &["message", "title"] }];

/// Reads a service call.
///
/// # Errors
/// See [`Invalid`].
pub fn action(service: &str, mut fields: Fields) -> Result<Action, Invalid> {
    if service != "send_message" {
        return Err(Invalid::NoSuchService);
    }
    let message = fields.text("message")?;
    // MQTT has no place for a title; Home Assistant drops it too.
    fields.text("title")?;
    fields.finish()?;
    Ok(Action::Send(message.ok_or(Invalid::Missing("message"))?))
}

impl Caps {
    /// Home Assistant's `supported_features`: none of them.
    pub fn features(&self) -> Option<u32> {
        Some(0)
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
