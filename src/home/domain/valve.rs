//! Valves: open or closed, perhaps a position in percent (0 is closed).

use std::borrow::Cow;

use super::cover::Moving;
use super::{Context, check};
use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::Attributes;

/// What a valve can do.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Caps {
    /// It can be opened.
    pub can_open: bool,
    /// It can be closed.
    pub can_close: bool,
    /// It can be stopped.
    pub can_stop: bool,
    /// It tells its position and can be sent to one.
    pub has_position: bool,
}

/// What a valve is; the default is unknown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// Closed, or not (wholly); `None` is unknown.
    pub is_closed: Option<bool>,
    /// Moving, if it says so.
    pub moving: Option<Moving>,
    /// Which way it last moved, to toggle it the other way.
    pub last_moved: Option<Moving>,
    /// How far it is open, percent.
    pub position: Option<u8>,
}

/// What one can wish of a valve.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Open it; a position when accepted, if it has positions.
    Open,
    /// Close it; a position when accepted, if it has positions.
    Close,
    /// Stop it.
    Stop,
    /// The other one; becomes one of the others when accepted.
    Toggle,
    /// To a position, percent.
    SetPosition(u8),
}

/// Home Assistant's services of this domain.
pub const SERVICES: &[Service] = &[
    Service { name: "open_valve", fields: &[] },
    Service { name: "close_valve", fields: &[] },
    Service { name: "stop_valve", fields: &[] },
    Service { name: "toggle", fields: &[] },
    Service { name: "set_valve_position", fields: &["position"] },
];

/// Reads a service call.
///
/// # Errors
/// See [`Invalid`].
pub fn action(service: &str, mut fields: Fields) -> Result<Action, Invalid> {
    let action = match service {
        "open_valve" => Action::Open,
        "close_valve" => Action::Close,
        "stop_valve" => Action::Stop,
        "toggle" => Action::Toggle,
        "set_valve_position" => Action::SetPosition(check::percent(&mut fields, "position")?),
        _ => return Err(Invalid::NoSuchService),
    };
    fields.finish()?;
    Ok(action)
}

impl Caps {
    /// Home Assistant's `supported_features`.
    pub fn features(&self) -> Option<u32> {
        let mut features = 0;
        for (bit, has_it) in
            [(1, self.can_open), (2, self.can_close), (4, self.has_position), (8, self.can_stop)]
        {
            if has_it {
                features |= bit;
            }
        }
        Some(features)
    }

    /// What is shown even while the entity is unavailable.
    pub fn attributes(&self, _: &mut Attributes) {}

    /// The action as this entity does it in this state.
    ///
    /// # Errors
    /// A [`Refusal`] when it cannot.
    pub fn accept(&self, action: Action, state: &State, _: &Context) -> Result<Action, Refusal> {
        let action = match action {
            Action::Toggle => self.toggled(state),
            action @ (Action::Open | Action::Close | Action::Stop | Action::SetPosition(_)) => {
                action
            }
        };
        let (has_it, what) = match action {
            Action::Open | Action::Toggle => (self.can_open, "open"),
            Action::Close => (self.can_close, "close"),
            Action::Stop => (self.can_stop, "stop"),
            Action::SetPosition(_) => (self.has_position, "position"),
        };
        check::ability(has_it, what)?;
        Ok(match action {
            Action::Open if self.has_position => Action::SetPosition(100),
            Action::Close if self.has_position => Action::SetPosition(0),
            action => action,
        })
    }

    fn toggled(&self, state: &State) -> Action {
        if self.can_stop && state.moving.is_some() {
            return Action::Stop;
        }
        if state.is_shut() == Some(true) || state.moving == Some(Moving::Closing) {
            return Action::Open;
        }
        if state.position == Some(100) || state.moving == Some(Moving::Opening) {
            return Action::Close;
        }
        match state.last_moved {
            Some(Moving::Closing) => Action::Open,
            Some(Moving::Opening) | None => Action::Close,
        }
    }
}

impl State {
    /// Takes in that it is open or closed, or moving there.
    pub fn tell(&mut self, is_closed: Option<bool>, moving: Option<Moving>) {
        self.is_closed = is_closed;
        self.moving = moving;
        self.last_moved = moving.or(self.last_moved);
    }

    /// Closed by its position, else by its word.
    fn is_shut(&self) -> Option<bool> {
        self.position.map(|position| position == 0).or(self.is_closed)
    }

    /// The main value in Home Assistant's word; `None` is unknown.
    pub fn word(&self, caps: &Caps) -> Option<Cow<'_, str>> {
        let is_closed = if caps.has_position {
            self.position.map(|position| position == 0)
        } else {
            self.is_closed
        };
        let word = match (self.moving, is_closed) {
            (Some(Moving::Opening), _) => "opening",
            (Some(Moving::Closing), _) => "closing",
            (None, Some(true)) => "closed",
            (None, Some(false)) => "open",
            (None, None) => return None,
        };
        Some(Cow::Borrowed(word))
    }

    /// What else is shown while the entity is available.
    pub fn attributes(&self, caps: &Caps, out: &mut Attributes) {
        if caps.has_position {
            out.put("current_position", self.position.map(u32::from));
        }
    }

    /// Whether this state, reported by the device, fulfils the wish: a valve that moves the right
    /// way obeys.
    pub fn confirms(&self, action: &Action) -> bool {
        match action {
            Action::Open => self.moving == Some(Moving::Opening) || self.is_shut() == Some(false),
            Action::Close => self.moving == Some(Moving::Closing) || self.is_shut() == Some(true),
            Action::Stop => self.moving.is_none(),
            Action::SetPosition(wished) => {
                self.position.is_some_and(|is| is.abs_diff(*wished) <= 1)
            }
            Action::Toggle => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valve_with_positions_opens_and_closes_by_them() {
        let valve = Caps { can_open: true, can_close: true, ..Caps::default() };
        let with_position = Caps { has_position: true, ..valve.clone() };
        let at = |position| State { position: Some(position), ..State::default() };
        let unknown = State::default();
        for (caps, state, action, becomes) in [
            (&valve, &unknown, Action::Open, Ok(Action::Open)),
            (&with_position, &unknown, Action::Open, Ok(Action::SetPosition(100))),
            (&with_position, &at(0), Action::Toggle, Ok(Action::SetPosition(100))),
            (&with_position, &at(40), Action::Toggle, Ok(Action::SetPosition(0))),
            (&valve, &unknown, Action::Stop, Err(Refusal::CannotDo("stop"))),
            (&valve, &unknown, Action::SetPosition(5), Err(Refusal::CannotDo("position"))),
        ] {
            assert_eq!(caps.accept(action.clone(), state, &Context::default()), becomes);
        }
    }
}
