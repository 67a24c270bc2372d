//! Moving pictures: the latest frame.

use std::borrow::Cow;
use std::sync::Arc;

use super::Context;
use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::Attributes;

/// A camera over MQTT has no abilities but showing its frames.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Caps {}

/// The latest frame; the default is none yet.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// The picture, normally JPEG.
    pub frame: Option<Arc<[u8]>>,
}

/// A camera cannot be told anything.
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
    /// Home Assistant's `supported_features`: none of them.
    pub fn features(&self) -> Option<u32> {
        Some(0)
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
    /// Always idle: it neither records nor streams.
    pub fn word(&self, _: &Caps) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed("idle"))
    }

    /// Puts what is shown while the entity is available.
    pub fn attributes(&self, _: &Caps, _: &mut Attributes) {}

    /// Never called: there is no action.
    pub fn confirms(&self, action: &Action) -> bool {
        match *action {}
    }
}
