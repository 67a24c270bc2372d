//! Choices.

use std::borrow::Cow;
use std::sync::Arc;

use super::Context;
use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::{Attributes, Value};

/// What can be chosen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Caps {
    /// The options, in order.
    pub options: Vec<Arc<str>>,
}

/// What is chosen; the default is unknown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// The option.
    pub option: Option<Arc<str>>,
}

/// What one can wish of a choice.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// This option.
    Select(Arc<str>),
    /// The one after (positive) or before (negative) the present one; becomes `Select` or `Keep`.
    Move {
        /// How many steps.
        by: i64,
        /// Whether the first follows the last.
        cycle: bool,
    },
    /// The first; becomes `Select`.
    First,
    /// The last; becomes `Select`.
    Last,
    /// What it is already: nothing is sent.
    Keep,
}

/// Home Assistant's services of this domain.
pub const SERVICES: &[Service] = &[
    Service { name: "select_option", fields: &["option"] },
    Service { name: "select_next", fields: &["cycle"] },
    Service { name: "select_previous", fields: &["cycle"] },
    Service { name: "select_first", fields: &[] },
    Service { name: "select_last", fields: &[] },
];

/// Reads a service call.
///
/// # Errors
/// See [`Invalid`].
pub fn action(service: &str, mut fields: Fields) -> Result<Action, Invalid> {
    let action = match service {
        "select_option" => {
            Action::Select(fields.text("option")?.ok_or(Invalid::Missing("option"))?)
        }
        "select_next" => Action::Move { by: 1, cycle: fields.flag("cycle")?.unwrap_or(true) },
        "select_previous" => Action::Move { by: -1, cycle: fields.flag("cycle")?.unwrap_or(true) },
        "select_first" => Action::First,
        "select_last" => Action::Last,
        _ => return Err(Invalid::NoSuchService),
    };
    fields.finish()?;
    Ok(action)
}

impl Caps {
    /// Home Assistant shows none for this domain.
    pub fn features(&self) -> Option<u32> {
        None
    }

    /// Puts what is shown even while the entity is unavailable.
    pub fn attributes(&self, out: &mut Attributes) {
        out.put("options", Value::texts(&self.options));
    }

    /// The action as this entity does it in this state.
    ///
    /// # Errors
    /// A [`Refusal`] when it cannot.
    pub fn accept(&self, action: Action, state: &State, _: &Context) -> Result<Action, Refusal> {
        let option = match &action {
            Action::Select(option) => self.options.iter().find(|known| *known == option),
            Action::First => self.options.first(),
            Action::Last => self.options.last(),
            Action::Keep => return Ok(action),
            Action::Move { by, cycle } => {
                let n = self.options.len() as i64;
                if n == 0 {
                    return Err(Refusal::CannotDo("select_option"));
                }
                let is_present = |option: &Arc<str>| Some(option) == state.option.as_ref();
                let present = self.options.iter().position(is_present).map(|at| at as i64);
                // From an unknown option, forward is the first and back the last.
                let wished = match present {
                    Some(present) => present.saturating_add(*by),
                    None if *by > 0 => by - 1,
                    None => *by,
                };
                let wished = if *cycle || present.is_none() {
                    wished.rem_euclid(n)
                } else {
                    wished.clamp(0, n - 1)
                };
                if !cycle && present == Some(wished) {
                    return Ok(Action::Keep);
                }
                self.options.get(wished as usize)
            }
        };
        match (option, action) {
            (Some(option), _) => Ok(Action::Select(Arc::clone(option))),
            (None, Action::Select(option)) => Err(Refusal::NotAnOption {
                what: "option",
                value: option.to_string(),
                options: self.options.clone(),
            }),
            (None, _) => Err(Refusal::CannotDo("select_option")),
        }
    }
}

impl State {
    /// The main value in Home Assistant's word; `None` is unknown.
    pub fn word(&self, _: &Caps) -> Option<Cow<'_, str>> {
        self.option.as_deref().map(Cow::Borrowed)
    }

    /// Puts what is shown while the entity is available.
    pub fn attributes(&self, _: &Caps, _: &mut Attributes) {}

    /// Whether this state, reported by the device, fulfils the wish.
    pub fn confirms(&self, action: &Action) -> bool {
        match action {
            Action::Select(wished) => self.option.as_ref() == Some(wished),
            Action::Move { .. } | Action::First | Action::Last | Action::Keep => true,
        }
    }
}
