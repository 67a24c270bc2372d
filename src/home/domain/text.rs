//! Texts that can be set.

use std::borrow::Cow;
use std::sync::Arc;

use super::Context;
use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::Attributes;

use regex::Regex;

/// What a text can be.
#[derive(Debug, Clone)]
pub struct Caps {
    /// Least number of characters.
    pub min: u32,
    /// Greatest number of characters.
    pub max: u32,
    /// A pattern that it must match from its beginning.
    pub pattern: Option<Regex>,
    /// It is a password: panels hide it.
    pub is_password: bool,
}

impl Default for Caps {
    fn default() -> Self {
        Self { min: 0, max: 255, pattern: None, is_password: false }
    }
}

impl PartialEq for Caps {
    fn eq(&self, other: &Self) -> bool {
        let pattern = |caps: &Self| caps.pattern.as_ref().map(|regex| regex.as_str().to_owned());
        self.min == other.min
            && self.max == other.max
            && self.is_password == other.is_password
            && pattern(self) == pattern(other)
    }
}

/// What a text is; the default is unknown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// The text.
    pub value: Option<Arc<str>>,
}

/// What one can wish of a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// This text.
    Set(Arc<str>),
}

/// Home Assistant's services of this domain.
pub const SERVICES: &[Service] = &[Service { name: "set_value", fields: &["value"] }];

/// Reads a service call.
///
/// # Errors
/// See [`Invalid`].
pub fn action(service: &str, mut fields: Fields) -> Result<Action, Invalid> {
    if service != "set_value" {
        return Err(Invalid::NoSuchService);
    }
    let value = fields.text("value")?;
    fields.finish()?;
    Ok(Action::Set(value.ok_or(Invalid::Missing("value"))?))
}

impl Caps {
    /// Home Assistant shows none for this domain.
    pub fn features(&self) -> Option<u32> {
        None
    }

    /// Puts what is shown even while the entity is unavailable.
    pub fn attributes(&self, out: &mut Attributes) {
        out.put("mode", if self.is_password { "password" } else { "text" });
        out.put("min", self.min);
        out.put("max", self.max);
        out.put("pattern", self.pattern.as_ref().map(Regex::as_str));
    }

    /// Why a text cannot be this one's value; `None` when it can.
    pub fn objection(&self, text: &str) -> Option<String> {
        let n = text.chars().count();
        if n < self.min as usize || n > self.max as usize {
            return Some(format!("must have {} to {} characters", self.min, self.max));
        }
        // Home Assistant matches at the beginning, as Python's `re.match` does.
        let pattern = self.pattern.as_ref()?;
        let matches = pattern.find(text).is_some_and(|found| found.start() == 0);
        (!matches).then(|| format!("must match the pattern `{}`", pattern.as_str()))
    }

    /// The action as this entity does it in this state.
    ///
    /// # Errors
    /// A [`Refusal`] when it cannot.
    pub fn accept(&self, action: Action, _: &State, _: &Context) -> Result<Action, Refusal> {
        let Action::Set(text) = &action;
        match self.objection(text) {
            None => Ok(action),
            Some(why) => Err(Refusal::BadValue { what: "value", why }),
        }
    }
}

impl State {
    /// The main value in Home Assistant's word; `None` is unknown.
    pub fn word(&self, _: &Caps) -> Option<Cow<'_, str>> {
        self.value.as_deref().map(Cow::Borrowed)
    }

    /// Puts what is shown while the entity is available.
    pub fn attributes(&self, _: &Caps, _: &mut Attributes) {}

    /// Whether this state, reported by the device, fulfils the wish.
    pub fn confirms(&self, action: &Action) -> bool {
        let Action::Set(wished) = action;
        self.value.as_ref() == Some(wished)
    }
}
