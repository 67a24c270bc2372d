//! Fans: on or off, speed in percent, presets, oscillation, direction.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Context, check, on_off};
use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::{Attributes, Value};

/// What a fan can do.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Caps {
    /// How many speeds it has, at most 100; `None` when its speed cannot be set.
    pub n_speeds: Option<u8>,
    /// Its presets; `None` when they cannot be set.
    pub preset_modes: Option<Vec<Arc<str>>>,
    /// It can oscillate.
    pub can_oscillate: bool,
    /// Its direction can be set.
    pub has_direction: bool,
}

/// What a fan is; the default is unknown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// On or off.
    pub on: Option<bool>,
    /// Speed, percent.
    pub percentage: Option<u8>,
    /// Preset.
    pub preset: Option<Arc<str>>,
    /// Whether it oscillates.
    pub oscillating: Option<bool>,
    /// Direction, in the device's word: `forward`, `reverse`.
    pub direction: Option<Arc<str>>,
}

/// Which way the blades turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Blows down.
    Forward,
    /// Draws up.
    Reverse,
}

impl Direction {
    /// Home Assistant's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Reverse => "reverse",
        }
    }
}

/// What one can wish of a fan.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// On, perhaps with a speed (percent) or a preset.
    TurnOn {
        /// Speed, percent; 0 leaves it.
        percentage: Option<u8>,
        /// Preset.
        preset: Option<Arc<str>>,
    },
    /// Off.
    TurnOff,
    /// The other one; becomes one of the above when accepted.
    Toggle,
    /// Speed, percent.
    SetPercentage(u8),
    /// Faster by a share of the range, or by one speed; becomes a speed when accepted.
    Increase(Option<u8>),
    /// Slower; becomes a speed when accepted.
    Decrease(Option<u8>),
    /// A preset.
    SetPreset(Arc<str>),
    /// Oscillate, or not.
    Oscillate(bool),
    /// A direction.
    SetDirection(Direction),
}

/// Home Assistant's services of this domain.
pub const SERVICES: &[Service] = &[
    Service { name: "turn_on", fields: &["percentage", "preset_mode"] },
    Service { name: "turn_off", fields: &[] },
    Service { name: "toggle", fields: &[] },
    Service { name: "set_percentage", fields: &["percentage"] },
    Service { name: "increase_speed", fields: &["percentage_step"] },
    Service { name: "decrease_speed", fields: &["percentage_step"] },
    Service { name: "set_preset_mode", fields: &["preset_mode"] },
    Service { name: "oscillate", fields: &["oscillating"] },
    Service { name: "set_direction", fields: &["direction"] },
];

/// Reads a service call.
///
/// # Errors
/// See [`Invalid`].
pub fn action(service: &str, mut fields: Fields) -> Result<Action, Invalid> {
    let action = match service {
        "turn_on" => Action::TurnOn {
            percentage: percent(&mut fields, "percentage")?,
            preset: fields.text("preset_mode")?,
        },
        "turn_off" => Action::TurnOff,
        "toggle" => Action::Toggle,
        "set_percentage" => Action::SetPercentage(check::percent(&mut fields, "percentage")?),
        "increase_speed" => Action::Increase(percent(&mut fields, "percentage_step")?),
        "decrease_speed" => Action::Decrease(percent(&mut fields, "percentage_step")?),
        "set_preset_mode" => Action::SetPreset(check::text(&mut fields, "preset_mode")?),
        "oscillate" => {
            let oscillating = fields.flag("oscillating")?;
            Action::Oscillate(oscillating.ok_or(Invalid::Missing("oscillating"))?)
        }
        "set_direction" => match &*check::text(&mut fields, "direction")? {
            "forward" => Action::SetDirection(Direction::Forward),
            "reverse" => Action::SetDirection(Direction::Reverse),
            _ => {
                let expected = "forward or reverse";
                return Err(Invalid::Field { name: "direction", expected });
            }
        },
        _ => return Err(Invalid::NoSuchService),
    };
    fields.finish()?;
    Ok(action)
}

fn percent(fields: &mut Fields, name: &'static str) -> Result<Option<u8>, Invalid> {
    let number = fields.number(name, 0.0..=100.0, "a number from 0 to 100")?;
    Ok(number.map(|number| number as u8))
}

impl Caps {
    /// Home Assistant's `supported_features`.
    pub fn features(&self) -> Option<u32> {
        let mut features = 16 | 32;
        for (bit, has_it) in [
            (1, self.n_speeds.is_some()),
            (2, self.can_oscillate),
            (4, self.has_direction),
            (8, self.preset_modes.is_some()),
        ] {
            if has_it {
                features |= bit;
            }
        }
        Some(features)
    }

    /// What is shown even while the entity is unavailable.
    pub fn attributes(&self, out: &mut Attributes) {
        if self.n_speeds.is_some() || self.preset_modes.is_some() {
            out.put("preset_modes", Value::texts(self.preset_modes.iter().flatten()));
        }
    }

    /// The action as this entity does it in this state.
    ///
    /// # Errors
    /// A [`Refusal`] when it cannot.
    pub fn accept(&self, action: Action, state: &State, _: &Context) -> Result<Action, Refusal> {
        Ok(match action {
            Action::TurnOn { percentage, preset } => {
                let percentage = percentage.filter(|percentage| *percentage > 0);
                if percentage.is_some() {
                    self.speeds()?;
                }
                let preset = preset.map(|word| self.offered(&word)).transpose()?;
                Action::TurnOn { percentage, preset }
            }
            Action::Toggle if state.on == Some(true) => Action::TurnOff,
            Action::Toggle => Action::TurnOn { percentage: None, preset: None },
            Action::SetPercentage(_) => {
                self.speeds()?;
                action
            }
            Action::Increase(step) => Action::SetPercentage(self.adjusted(state, step, 1)?),
            Action::Decrease(step) => Action::SetPercentage(self.adjusted(state, step, -1)?),
            Action::SetPreset(word) => Action::SetPreset(self.offered(&word)?),
            Action::Oscillate(_) => {
                check::ability(self.can_oscillate, "oscillate")?;
                action
            }
            Action::SetDirection(_) => {
                check::ability(self.has_direction, "direction")?;
                action
            }
            Action::TurnOff => action,
        })
    }

    fn speeds(&self) -> Result<i32, Refusal> {
        self.n_speeds.map(i32::from).ok_or(Refusal::CannotDo("percentage"))
    }

    fn offered(&self, word: &str) -> Result<Arc<str>, Refusal> {
        let modes = self.preset_modes.as_ref().ok_or(Refusal::CannotDo("preset_mode"))?;
        check::option("preset_mode", word, modes)
    }

    /// One speed (or `step` percent) further up or down; a fan of unknown speed stands still.
    fn adjusted(&self, state: &State, step: Option<u8>, sign: i32) -> Result<u8, Refusal> {
        let n_speeds = self.speeds()?.max(1);
        let now = i32::from(state.percentage.unwrap_or(0));
        let percentage = match step {
            Some(step) => now + i32::from(step) * sign,
            None => {
                // The speed that the percentage belongs to, rounded up.
                let speed = (now * n_speeds + 99) / 100;
                ((speed + sign) * 100).div_euclid(n_speeds)
            }
        };
        Ok(percentage.clamp(0, 100) as u8)
    }
}

impl State {
    /// The main value in Home Assistant's word; `None` is unknown.
    pub fn word(&self, _: &Caps) -> Option<Cow<'_, str>> {
        self.on.map(on_off)
    }

    /// What else is shown while the entity is available.
    pub fn attributes(&self, caps: &Caps, out: &mut Attributes) {
        if caps.has_direction {
            out.put("direction", self.direction.as_ref());
        }
        if caps.can_oscillate {
            out.put("oscillating", self.oscillating);
        }
        if let Some(n_speeds) = caps.n_speeds {
            out.put("percentage", self.percentage.map(u32::from));
            out.put("percentage_step", 100.0 / f64::from(n_speeds.max(1)));
        }
        if caps.n_speeds.is_some() || caps.preset_modes.is_some() {
            out.put("preset_mode", self.preset.as_ref());
        }
    }

    /// Whether this state, reported by the device, fulfils the wish.
    pub fn confirms(&self, action: &Action) -> bool {
        let has_preset = |word: &Arc<str>| self.preset.as_ref() == Some(word);
        match action {
            Action::TurnOn { percentage, preset } => {
                self.on == Some(true)
                    && percentage.is_none_or(|wished| self.is_at(wished))
                    && preset.as_ref().is_none_or(has_preset)
            }
            Action::TurnOff => self.on == Some(false),
            Action::SetPercentage(percentage) => self.is_at(*percentage),
            Action::SetPreset(word) => has_preset(word),
            Action::Oscillate(oscillating) => self.oscillating == Some(*oscillating),
            Action::SetDirection(direction) => self.direction.as_deref() == Some(direction.word()),
            Action::Toggle | Action::Increase(_) | Action::Decrease(_) => true,
        }
    }

    /// Rounding to the device's speeds and back may move a percentage by one.
    fn is_at(&self, wished: u8) -> bool {
        let is_off = wished == 0 && self.on == Some(false);
        is_off || self.percentage.is_some_and(|is| is.abs_diff(wished) <= 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fan_goes_one_speed_up_or_down() {
        for (n_speeds, now, action, percentage) in [
            (3, None, Action::Increase(None), 33),
            (3, Some(33), Action::Increase(None), 66),
            (3, Some(66), Action::Increase(None), 100),
            (3, Some(100), Action::Increase(None), 100),
            (3, Some(33), Action::Decrease(None), 0),
            (3, Some(0), Action::Decrease(None), 0),
            (6, Some(66), Action::Increase(None), 83),
            (100, Some(45), Action::Increase(None), 46),
            (3, Some(50), Action::Increase(Some(10)), 60),
            (3, Some(5), Action::Decrease(Some(10)), 0),
        ] {
            let caps = Caps { n_speeds: Some(n_speeds), ..Caps::default() };
            let state = State { percentage: now, ..State::default() };
            let accepted = caps.accept(action.clone(), &state, &Context::default());
            assert_eq!(accepted, Ok(Action::SetPercentage(percentage)), "{now:?} {action:?}");
        }
    }

    #[test]
    fn what_a_fan_lacks_is_refused() {
        let caps = Caps { preset_modes: Some(vec!["eco".into()]), ..Caps::default() };
        for action in [
            Action::SetPercentage(10),
            Action::Increase(None),
            Action::TurnOn { percentage: Some(10), preset: None },
            Action::TurnOn { percentage: None, preset: Some("fast".into()) },
            Action::SetPreset("fast".into()),
            Action::Oscillate(true),
            Action::SetDirection(Direction::Reverse),
        ] {
            let refused = caps.accept(action.clone(), &State::default(), &Context::default());
            assert!(refused.is_err(), "{action:?}");
        }
    }
}
