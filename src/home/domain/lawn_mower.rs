//! Robotic lawn mowers.

use std::borrow::Cow;

use super::{Context, check};
use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::Attributes;

/// What a lawn mower can do.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Caps {
    /// It can start mowing.
    pub can_start: bool,
    /// It can pause.
    pub can_pause: bool,
    /// It can go home.
    pub can_dock: bool,
    /// It can stop where it is.
    pub can_stop: bool,
}

/// What a lawn mower is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// Something is wrong.
    Error,
    /// It waits where it is.
    Paused,
    /// It mows.
    Mowing,
    /// It is at home.
    Docked,
    /// It is on its way home.
    Returning,
    /// Nothing, away from home.
    Idle,
}

impl Activity {
    /// All.
    pub const ALL: [Self; 6] =
        [Self::Error, Self::Paused, Self::Mowing, Self::Docked, Self::Returning, Self::Idle];

    /// Home Assistant's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Paused => "paused",
            Self::Mowing => "mowing",
            Self::Docked => "docked",
            Self::Returning => "returning",
            Self::Idle => "idle",
        }
    }

    /// Of a word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|activity| activity.word() == word)
    }
}

/// What a lawn mower is; the default is unknown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// What it is doing, if known.
    pub activity: Option<Activity>,
}

/// What one can wish of a lawn mower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Mow.
    StartMowing,
    /// Pause.
    Pause,
    /// Go home.
    Dock,
    /// Stop where it is.
    Stop,
}

impl Action {
    /// Home Assistant's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::StartMowing => "start_mowing",
            Self::Pause => "pause",
            Self::Dock => "dock",
            Self::Stop => "stop",
        }
    }
}

/// Home Assistant's services of this domain.
pub const SERVICES: &[Service] = &[
    Service { name: "start_mowing", fields: &[] },
    Service { name: "pause", fields: &[] },
    Service { name: "dock", fields: &[] },
    Service { name: "stop", fields: &[] },
];

/// Reads a service call.
///
/// # Errors
/// See [`Invalid`].
pub fn action(service: &str, fields: Fields) -> Result<Action, Invalid> {
    let action = [Action::StartMowing, Action::Pause, Action::Dock, Action::Stop]
        .into_iter()
        .find(|action| action.word() == service)
        .ok_or(Invalid::NoSuchService)?;
    fields.finish()?;
    Ok(action)
}

impl Caps {
    fn can(&self, action: Action) -> bool {
        match action {
            Action::StartMowing => self.can_start,
            Action::Pause => self.can_pause,
            Action::Dock => self.can_dock,
            Action::Stop => self.can_stop,
        }
    }

    /// Home Assistant's `supported_features`.
    pub fn features(&self) -> Option<u32> {
        let bits =
            [(1, self.can_start), (2, self.can_pause), (4, self.can_dock), (8, self.can_stop)];
        Some(bits.iter().filter(|(_, has_it)| *has_it).map(|(bit, _)| bit).sum())
    }

    /// What is shown even while the entity is unavailable.
    pub fn attributes(&self, _: &mut Attributes) {}

    /// The action as this entity does it in this state.
    ///
    /// # Errors
    /// A [`Refusal`] when it cannot.
    pub fn accept(&self, action: Action, _: &State, _: &Context) -> Result<Action, Refusal> {
        check::ability(self.can(action), action.word())?;
        Ok(action)
    }
}

impl State {
    /// The main value in Home Assistant's word; `None` is unknown.
    pub fn word(&self, _: &Caps) -> Option<Cow<'_, str>> {
        self.activity.map(|activity| Cow::Borrowed(activity.word()))
    }

    /// What else is shown while the entity is available.
    pub fn attributes(&self, _: &Caps, _: &mut Attributes) {}

    /// Whether this state, reported by the device, fulfils the wish: one on its way home obeys.
    pub fn confirms(&self, action: &Action) -> bool {
        match action {
            Action::StartMowing => self.activity == Some(Activity::Mowing),
            Action::Pause => self.activity == Some(Activity::Paused),
            Action::Dock => {
                matches!(self.activity, Some(Activity::Docked | Activity::Returning))
            }
            Action::Stop => matches!(self.activity, Some(Activity::Idle | Activity::Paused)),
        }
    }
}
