//! Where a person's or thing's tag is.

use std::borrow::Cow;
use std::sync::Arc;

use super::Context;
use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::Attributes;

/// How the place is found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Caps {
    /// `gps`, `router`, `bluetooth` or `bluetooth_le`.
    pub source_type: &'static str,
}

/// Where it is; the default is unknown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// `home`, `not_home` or the name of a zone.
    pub place: Option<Arc<str>>,
}

/// A tracker cannot be told anything.
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
        self.place.as_deref().map(Cow::Borrowed)
    }

    /// Puts what is shown while the entity is available.
    pub fn attributes(&self, caps: &Caps, out: &mut Attributes) {
        out.put("source_type", caps.source_type);
    }

    /// Never called: there is no action.
    pub fn confirms(&self, action: &Action) -> bool {
        match *action {}
    }
}
