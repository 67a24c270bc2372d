//! Water heaters: mode, target temperature, power. All temperatures are in degrees Celsius.

use std::borrow::Cow;
use std::sync::Arc;

use super::temperature::{Precision, is_reached};
use super::{Context, check};
use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::{Attributes, Value};

/// What a water heater can do.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Caps {
    /// Its modes; `None` when it has none.
    pub modes: Option<Vec<Arc<str>>>,
    /// It has a target temperature.
    pub has_target: bool,
    /// It can be switched on and off.
    pub has_power: bool,
    /// Lowest target, °C.
    pub min: f64,
    /// Highest target, °C.
    pub max: f64,
    /// How finely temperatures are shown.
    pub precision: Precision,
}

/// What a water heater is; the default is unknown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// Its mode.
    pub mode: Option<Arc<str>>,
    /// Measured temperature, °C.
    pub current: Option<f64>,
    /// Target temperature, °C.
    pub target: Option<f64>,
}

/// What one can wish of a water heater.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// A target, °C, and perhaps another mode first.
    SetTemperature(f64, Option<Arc<str>>),
    /// A mode.
    SetMode(Arc<str>),
    /// On.
    TurnOn,
    /// Off.
    TurnOff,
}

/// Home Assistant's services of this domain; `set_away_mode` is not among them, as nothing over
/// MQTT has it.
pub const SERVICES: &[Service] = &[
    Service { name: "set_temperature", fields: &["temperature", "operation_mode"] },
    Service { name: "set_operation_mode", fields: &["operation_mode"] },
    Service { name: "turn_on", fields: &[] },
    Service { name: "turn_off", fields: &[] },
];

/// Reads a service call.
///
/// # Errors
/// See [`Invalid`].
pub fn action(service: &str, mut fields: Fields) -> Result<Action, Invalid> {
    let action = match service {
        "set_temperature" => {
            let target = fields.number("temperature", -1000.0..=1000.0, "a temperature")?;
            let target = target.ok_or(Invalid::Missing("temperature"))?;
            Action::SetTemperature(target, fields.text("operation_mode")?)
        }
        "set_operation_mode" => Action::SetMode(check::text(&mut fields, "operation_mode")?),
        "turn_on" => Action::TurnOn,
        "turn_off" => Action::TurnOff,
        _ => return Err(Invalid::NoSuchService),
    };
    fields.finish()?;
    Ok(action)
}

impl Caps {
    /// Home Assistant's `supported_features`.
    pub fn features(&self) -> Option<u32> {
        let mut features = 0;
        for (bit, has_it) in [(1, self.has_target), (2, self.modes.is_some()), (8, self.has_power)]
        {
            if has_it {
                features |= bit;
            }
        }
        Some(features)
    }

    /// What is shown even while the entity is unavailable.
    pub fn attributes(&self, out: &mut Attributes) {
        out.put("min_temp", self.precision.show(Some(self.min)));
        out.put("max_temp", self.precision.show(Some(self.max)));
        out.put_some("operation_list", self.modes.as_ref().map(Value::texts));
    }

    /// The action as this entity does it in this state.
    ///
    /// # Errors
    /// A [`Refusal`] when it cannot.
    pub fn accept(&self, action: Action, _: &State, _: &Context) -> Result<Action, Refusal> {
        Ok(match action {
            Action::SetTemperature(target, mode) => {
                check::ability(self.has_target, "temperature")?;
                check::range("temperature", target, self.min, self.max)?;
                let mode = mode.map(|word| self.offered(&word)).transpose()?;
                Action::SetTemperature(target, mode)
            }
            Action::SetMode(word) => Action::SetMode(self.offered(&word)?),
            Action::TurnOn | Action::TurnOff => {
                check::ability(self.has_power, "turn_on")?;
                action
            }
        })
    }

    fn offered(&self, word: &str) -> Result<Arc<str>, Refusal> {
        let modes = self.modes.as_ref().ok_or(Refusal::CannotDo("operation_mode"))?;
        check::option("operation_mode", word, modes)
    }
}

impl State {
    /// The main value in Home Assistant's word; `None` is unknown.
    pub fn word(&self, _: &Caps) -> Option<Cow<'_, str>> {
        self.mode.as_deref().map(Cow::Borrowed)
    }

    /// What else is shown while the entity is available.
    pub fn attributes(&self, caps: &Caps, out: &mut Attributes) {
        out.put("current_temperature", caps.precision.show(self.current));
        out.put("temperature", caps.precision.show(self.target));
        // Home Assistant shows a range that no water heater over MQTT has.
        out.put("target_temp_high", Value::Null);
        out.put("target_temp_low", Value::Null);
        if caps.modes.is_some() {
            out.put("operation_mode", self.mode.as_ref());
        }
    }

    /// Whether this state, reported by the device, fulfils the wish.
    pub fn confirms(&self, action: &Action) -> bool {
        match action {
            Action::SetTemperature(target, mode) => {
                is_reached(self.target, Some(*target)) && (mode.is_none() || self.mode == *mode)
            }
            Action::SetMode(word) => self.mode.as_ref() == Some(word),
            Action::TurnOn => self.mode.as_deref().is_some_and(|mode| mode != "off"),
            Action::TurnOff => self.mode.as_deref() == Some("off"),
        }
    }
}
