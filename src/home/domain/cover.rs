//! Blinds, curtains, shutters, gates and garage doors: open or closed, a position, a tilt.
//! Positions are percentages: 0 is closed, 100 is open.

use std::borrow::Cow;

use super::{Context, check};
use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::Attributes;

/// What a cover can do.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Caps {
    /// It can be opened.
    pub can_open: bool,
    /// It can be closed.
    pub can_close: bool,
    /// It can be stopped.
    pub can_stop: bool,
    /// It can go to a position.
    pub has_position: bool,
    /// Its slats can be tilted.
    pub has_tilt: bool,
    /// The tilting can be stopped.
    pub can_stop_tilt: bool,
}

/// Which way a cover moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moving {
    /// Towards open.
    Opening,
    /// Towards closed.
    Closing,
}

/// What a cover is; the default is unknown.
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
    /// How far its slats are open, percent.
    pub tilt: Option<u8>,
}

/// What one can wish of a cover.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Open it.
    Open,
    /// Close it.
    Close,
    /// Stop it.
    Stop,
    /// Open, close or stop it, by what it did last; becomes one of these when accepted.
    Toggle,
    /// To a position, percent.
    SetPosition(u8),
    /// Open the slats.
    OpenTilt,
    /// Close the slats.
    CloseTilt,
    /// Stop tilting.
    StopTilt,
    /// The other one; becomes one of the above when accepted.
    ToggleTilt,
    /// Tilt the slats to a position, percent.
    SetTilt(u8),
}

/// Home Assistant's services of this domain.
pub const SERVICES: &[Service] = &[
    Service { name: "open_cover", fields: &[] },
    Service { name: "close_cover", fields: &[] },
    Service { name: "stop_cover", fields: &[] },
    Service { name: "toggle", fields: &[] },
    Service { name: "set_cover_position", fields: &["position"] },
    Service { name: "open_cover_tilt", fields: &[] },
    Service { name: "close_cover_tilt", fields: &[] },
    Service { name: "stop_cover_tilt", fields: &[] },
    Service { name: "toggle_cover_tilt", fields: &[] },
    Service { name: "set_cover_tilt_position", fields: &["tilt_position"] },
];

/// Reads a service call.
///
/// # Errors
/// See [`Invalid`].
pub fn action(service: &str, mut fields: Fields) -> Result<Action, Invalid> {
    let action = match service {
        "open_cover" => Action::Open,
        "close_cover" => Action::Close,
        "stop_cover" => Action::Stop,
        "toggle" => Action::Toggle,
        "set_cover_position" => Action::SetPosition(check::percent(&mut fields, "position")?),
        "open_cover_tilt" => Action::OpenTilt,
        "close_cover_tilt" => Action::CloseTilt,
        "stop_cover_tilt" => Action::StopTilt,
        "toggle_cover_tilt" => Action::ToggleTilt,
        "set_cover_tilt_position" => Action::SetTilt(check::percent(&mut fields, "tilt_position")?),
        _ => return Err(Invalid::NoSuchService),
    };
    fields.finish()?;
    Ok(action)
}

impl Caps {
    /// Home Assistant's `supported_features`.
    pub fn features(&self) -> Option<u32> {
        let mut features = 0;
        for (bit, has_it) in [
            (1, self.can_open),
            (2, self.can_close),
            (4, self.has_position),
            (8, self.can_stop),
            (16 | 32 | 128, self.has_tilt),
            (64, self.can_stop_tilt),
        ] {
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
            Action::ToggleTilt if state.tilt == Some(0) => Action::OpenTilt,
            Action::ToggleTilt => Action::CloseTilt,
            action @ (Action::Open
            | Action::Close
            | Action::Stop
            | Action::SetPosition(_)
            | Action::OpenTilt
            | Action::CloseTilt
            | Action::StopTilt
            | Action::SetTilt(_)) => action,
        };
        let (has_it, what) = match action {
            Action::Open | Action::Toggle => (self.can_open, "open"),
            Action::Close => (self.can_close, "close"),
            Action::Stop => (self.can_stop, "stop"),
            Action::SetPosition(_) => (self.has_position, "position"),
            Action::OpenTilt | Action::CloseTilt | Action::ToggleTilt | Action::SetTilt(_) => {
                (self.has_tilt, "tilt")
            }
            Action::StopTilt => (self.can_stop_tilt, "stop_tilt"),
        };
        check::ability(has_it, what)?;
        Ok(action)
    }

    /// As Home Assistant toggles: a moving one stops, else it goes where it is not, else back.
    fn toggled(&self, state: &State) -> Action {
        if self.can_stop && state.moving.is_some() {
            return Action::Stop;
        }
        if state.is_closed == Some(true) || state.moving == Some(Moving::Closing) {
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
    /// Takes in that it is open or closed, or moving there; `None` is unknown.
    pub fn tell(&mut self, is_closed: Option<bool>, moving: Option<Moving>) {
        self.is_closed = is_closed;
        self.moving = moving;
        self.last_moved = moving.or(self.last_moved);
    }

    /// The main value in Home Assistant's word; `None` is unknown.
    pub fn word(&self, _: &Caps) -> Option<Cow<'_, str>> {
        let word = match (self.moving, self.is_closed) {
            (Some(Moving::Opening), _) => "opening",
            (Some(Moving::Closing), _) => "closing",
            (None, Some(true)) => "closed",
            (None, Some(false)) => "open",
            (None, None) => return None,
        };
        Some(Cow::Borrowed(word))
    }

    /// What else is shown while the entity is available.
    pub fn attributes(&self, _: &Caps, out: &mut Attributes) {
        out.put_some("current_position", self.position.map(u32::from));
        out.put_some("current_tilt_position", self.tilt.map(u32::from));
    }

    /// Whether this state, reported by the device, fulfils the wish: a cover that moves the right
    /// way obeys.
    pub fn confirms(&self, action: &Action) -> bool {
        let near = |is: Option<u8>, wished: u8| is.is_some_and(|is| is.abs_diff(wished) <= 1);
        match action {
            Action::Open => self.moving == Some(Moving::Opening) || self.is_closed == Some(false),
            Action::Close => self.moving == Some(Moving::Closing) || self.is_closed == Some(true),
            Action::Stop => self.moving.is_none(),
            Action::SetPosition(position) => {
                let is_on_the_way = match (self.moving, self.position) {
                    (Some(Moving::Opening), Some(is)) => is <= *position,
                    (Some(Moving::Closing), Some(is)) => is >= *position,
                    (Some(_), None) | (None, _) => false,
                };
                is_on_the_way || near(self.position, *position)
            }
            Action::OpenTilt => self.tilt == Some(100),
            Action::CloseTilt => self.tilt == Some(0),
            Action::SetTilt(tilt) => near(self.tilt, *tilt),
            Action::StopTilt | Action::Toggle | Action::ToggleTilt => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toggled_cover_goes_where_it_is_not() {
        let all = Caps { can_open: true, can_close: true, can_stop: true, ..Caps::default() };
        let no_stop = Caps { can_stop: false, ..all.clone() };
        let state = |is_closed, moving, position| {
            let mut state = State { position, ..State::default() };
            state.tell(is_closed, moving);
            state
        };
        let mut stopped = state(Some(false), Some(Moving::Closing), Some(40));
        stopped.tell(Some(false), None);
        for (caps, state, becomes) in [
            (&all, state(Some(true), None, None), Action::Open),
            (&all, state(Some(false), None, Some(100)), Action::Close),
            (&all, state(Some(false), None, Some(40)), Action::Close),
            (&all, state(Some(false), Some(Moving::Closing), None), Action::Stop),
            (&no_stop, state(Some(false), Some(Moving::Closing), None), Action::Open),
            (&no_stop, state(Some(false), Some(Moving::Opening), None), Action::Close),
            (&all, stopped, Action::Open),
            (&all, State::default(), Action::Close),
        ] {
            assert_eq!(
                caps.accept(Action::Toggle, &state, &Context::default()),
                Ok(becomes),
                "{state:?}"
            );
        }
    }

    #[test]
    fn what_a_cover_cannot_do_is_refused() {
        let caps = Caps { can_open: true, ..Caps::default() };
        for (action, ability) in [
            (Action::Close, "close"),
            (Action::Stop, "stop"),
            (Action::SetPosition(5), "position"),
            (Action::SetTilt(5), "tilt"),
            (Action::StopTilt, "stop_tilt"),
            (Action::ToggleTilt, "tilt"),
        ] {
            assert_eq!(
                caps.accept(action, &State::default(), &Context::default()),
                Err(Refusal::CannotDo(ability))
            );
        }
    }
}
