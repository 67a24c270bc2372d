//! Not filled in yet: lock.

use std::borrow::Cow;

use super::Context;
use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::Attributes;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Caps {}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {}

#[derive(Debug, Clone, PartialEq)]
pub enum Action {}

pub const SERVICES: &[Service] = &[];

pub fn action(_: &str, _: Fields) -> Result<Action, Invalid> {
    Err(Invalid::NoSuchService)
}

impl Caps {
    pub fn features(&self) -> Option<u32> {
        None
    }

    pub fn attributes(&self, _: &mut Attributes) {}

    pub fn accept(&self, action: Action, _: &State, _: &Context) -> Result<Action, Refusal> {
        Ok(action)
    }
}

impl State {
    pub fn word(&self, _: &Caps) -> Option<Cow<'_, str>> {
        None
    }

    pub fn attributes(&self, _: &Caps, _: &mut Attributes) {}

    pub fn confirms(&self, _: &Action) -> bool {
        true
    }
}
