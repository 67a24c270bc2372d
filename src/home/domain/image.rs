//! A picture that a device shows.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;

use super::Context;
use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::Attributes;

/// What kind of picture.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Caps {
    /// `image/jpeg`, …
    pub content_type: Arc<str>,
}

/// The picture; the default is none yet.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// When it last changed.
    pub at: Option<Timestamp>,
    /// The picture.
    pub picture: Option<Picture>,
}

/// A picture, or where it is.
#[derive(Debug, Clone, PartialEq)]
pub enum Picture {
    /// Its bytes.
    Bytes(Arc<[u8]>),
    /// Its address; not fetched by Homard.
    Url(Arc<str>),
}

/// An image cannot be told anything.
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
    /// When the picture last changed; `None` is not yet.
    pub fn word(&self, _: &Caps) -> Option<Cow<'_, str>> {
        self.at.map(|at| Cow::Owned(super::moment_micros(at)))
    }

    /// Puts what is shown while the entity is available.
    pub fn attributes(&self, _: &Caps, _: &mut Attributes) {}

    /// Never called: there is no action.
    pub fn confirms(&self, action: &Action) -> bool {
        match *action {}
    }
}
