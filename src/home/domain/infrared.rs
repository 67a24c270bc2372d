//! Infrared senders and receivers.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;

use super::Context;
use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::Attributes;

/// Whether it sends or receives.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Caps {
    /// It sends; otherwise it receives.
    pub is_emitter: bool,
}

/// What was last sent or received; the default is nothing yet.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// When.
    pub at: Option<Timestamp>,
}

/// A burst of infrared light.
#[derive(Debug, Clone, PartialEq)]
pub struct Code {
    /// Microseconds of light (even places) and dark (odd places).
    pub timings: Vec<u32>,
    /// Carrier frequency in hertz.
    pub modulation: Option<u32>,
}

/// What one can wish.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Send this code.
    Send(Arc<Code>),
}

/// Homard's own services of this domain: Home Assistant lets integrations send, not people.
pub const SERVICES: &[Service] =
    &[Service { name: "send_command", fields: &["timings", "modulation"] }];

/// A code of more pulses than this is refused.
const MAX_TIMINGS: usize = 2_000;

/// Reads a service call.
///
/// # Errors
/// See [`Invalid`].
pub fn action(service: &str, mut fields: Fields) -> Result<Action, Invalid> {
    if service != "send_command" {
        return Err(Invalid::NoSuchService);
    }
    const EXPECTED: &str = "a list of 1 to 2,000 durations in microseconds";
    let invalid = Invalid::Field { name: "timings", expected: EXPECTED };
    let Some(crate::home::value::Value::List(items)) = fields.take("timings") else {
        return Err(invalid);
    };
    let timings: Vec<u32> = items
        .iter()
        .filter_map(|item| item.as_f64())
        .filter(|number| (1.0..=1_000_000.0).contains(number))
        .map(|number| number as u32)
        .collect();
    if timings.is_empty() || timings.len() != items.len() || timings.len() > MAX_TIMINGS {
        return Err(invalid);
    }
    let modulation = fields.number("modulation", 1_000.0..=1_000_000.0, "a frequency in hertz")?;
    fields.finish()?;
    let modulation = modulation.map(|frequency| frequency as u32);
    Ok(Action::Send(Arc::new(Code { timings, modulation })))
}

impl Caps {
    /// Home Assistant shows none for this domain.
    pub fn features(&self) -> Option<u32> {
        None
    }

    /// Puts what is shown even while the entity is unavailable.
    pub fn attributes(&self, _: &mut Attributes) {}

    /// The action as this entity does it in this state.
    ///
    /// # Errors
    /// A [`Refusal`] when it cannot.
    pub fn accept(&self, action: Action, _: &State, _: &Context) -> Result<Action, Refusal> {
        if self.is_emitter { Ok(action) } else { Err(Refusal::CannotDo("send_command")) }
    }
}

impl State {
    /// When it was last used; `None` is not yet.
    pub fn word(&self, _: &Caps) -> Option<Cow<'_, str>> {
        self.at.map(|at| Cow::Owned(super::moment(at)))
    }

    /// Puts what is shown while the entity is available.
    pub fn attributes(&self, _: &Caps, _: &mut Attributes) {}

    /// Never: no device reports that it sent.
    pub fn confirms(&self, _: &Action) -> bool {
        false
    }
}
