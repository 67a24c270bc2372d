//! Humidifiers and dehumidifiers: on or off, target humidity in percent, modes.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Context, check, on_off};
use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::{Attributes, Value};

/// What a humidifier can do.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Caps {
    /// Lowest target, percent.
    pub min: f64,
    /// Highest target, percent.
    pub max: f64,
    /// Its modes; `None` without modes.
    pub modes: Option<Vec<Arc<str>>>,
}

/// What a humidifier is doing at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Running {
    /// Making the air moister.
    Humidifying,
    /// Making the air drier.
    Drying,
    /// Nothing, because the target is reached.
    Idle,
    /// Off.
    Off,
}

impl Running {
    /// All.
    pub const ALL: [Self; 4] = [Self::Humidifying, Self::Drying, Self::Idle, Self::Off];

    /// Home Assistant's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Humidifying => "humidifying",
            Self::Drying => "drying",
            Self::Idle => "idle",
            Self::Off => "off",
        }
    }

    /// Of a word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|running| running.word() == word)
    }
}

/// What a humidifier is; the default is unknown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// On or off.
    pub on: Option<bool>,
    /// Target humidity, percent.
    pub humidity: Option<u8>,
    /// Measured humidity, percent.
    pub current: Option<u8>,
    /// Mode.
    pub mode: Option<Arc<str>>,
    /// What it is doing.
    pub running: Option<Running>,
}

/// What one can wish of a humidifier.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// On.
    TurnOn,
    /// Off.
    TurnOff,
    /// The other one; becomes one of the above when accepted.
    Toggle,
    /// Target humidity, percent.
    SetHumidity(u8),
    /// A mode.
    SetMode(Arc<str>),
}

/// Home Assistant's services of this domain.
pub const SERVICES: &[Service] = &[
    Service { name: "turn_on", fields: &[] },
    Service { name: "turn_off", fields: &[] },
    Service { name: "toggle", fields: &[] },
    Service { name: "set_humidity", fields: &["humidity"] },
    Service { name: "set_mode", fields: &["mode"] },
];

/// Reads a service call.
///
/// # Errors
/// See [`Invalid`].
pub fn action(service: &str, mut fields: Fields) -> Result<Action, Invalid> {
    let action = match service {
        "turn_on" => Action::TurnOn,
        "turn_off" => Action::TurnOff,
        "toggle" => Action::Toggle,
        "set_humidity" => Action::SetHumidity(check::percent(&mut fields, "humidity")?),
        "set_mode" => Action::SetMode(check::text(&mut fields, "mode")?),
        _ => return Err(Invalid::NoSuchService),
    };
    fields.finish()?;
    Ok(action)
}

impl Caps {
    /// Home Assistant's `supported_features`.
    pub fn features(&self) -> Option<u32> {
        Some(u32::from(self.modes.is_some()))
    }

    /// What is shown even while the entity is unavailable.
    pub fn attributes(&self, out: &mut Attributes) {
        out.put("min_humidity", self.min);
        out.put("max_humidity", self.max);
        out.put_some("available_modes", self.modes.as_ref().map(Value::texts));
    }

    /// The action as this entity does it in this state.
    ///
    /// # Errors
    /// A [`Refusal`] when it cannot.
    pub fn accept(&self, action: Action, state: &State, _: &Context) -> Result<Action, Refusal> {
        Ok(match action {
            Action::Toggle if state.on == Some(true) => Action::TurnOff,
            Action::Toggle => Action::TurnOn,
            Action::SetHumidity(humidity) => {
                check::range("humidity", f64::from(humidity), self.min, self.max)?;
                action
            }
            Action::SetMode(word) => {
                let modes = self.modes.as_ref().ok_or(Refusal::CannotDo("mode"))?;
                Action::SetMode(check::option("mode", &word, modes)?)
            }
            Action::TurnOn | Action::TurnOff => action,
        })
    }
}

impl State {
    /// The main value in Home Assistant's word; `None` is unknown.
    pub fn word(&self, _: &Caps) -> Option<Cow<'_, str>> {
        self.on.map(on_off)
    }

    /// What else is shown while the entity is available.
    pub fn attributes(&self, caps: &Caps, out: &mut Attributes) {
        if let Some(running) = self.running {
            // One that is off does nothing, whatever it said last.
            let shown = if self.on == Some(true) { running } else { Running::Off };
            out.put("action", shown.word());
        }
        out.put_some("current_humidity", self.current.map(u32::from));
        out.put_some("humidity", self.humidity.map(u32::from));
        if caps.modes.is_some() {
            out.put("mode", self.mode.as_ref());
        }
    }

    /// Whether this state, reported by the device, fulfils the wish.
    pub fn confirms(&self, action: &Action) -> bool {
        match action {
            Action::TurnOn => self.on == Some(true),
            Action::TurnOff => self.on == Some(false),
            Action::SetHumidity(humidity) => self.humidity == Some(*humidity),
            Action::SetMode(word) => self.mode.as_ref() == Some(word),
            Action::Toggle => true,
        }
    }
}
