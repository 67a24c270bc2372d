//! Thermostats and air conditioners: mode, target temperature or range, fan, swing, preset,
//! humidity. All temperatures are in degrees Celsius.

use std::borrow::Cow;
use std::sync::Arc;

use super::temperature::{Precision, is_reached};
use super::{Context, check};
use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::{Attributes, Value};

/// What the device does or strives for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nothing.
    Off,
    /// Heat to the target.
    Heat,
    /// Cool to the target.
    Cool,
    /// Heat or cool, to stay in a range.
    HeatCool,
    /// The device decides, or follows its schedule.
    Auto,
    /// Dry the air.
    Dry,
    /// Only blow.
    FanOnly,
}

impl Mode {
    /// All, in Home Assistant's order.
    pub const ALL: [Self; 7] =
        [Self::Off, Self::Heat, Self::Cool, Self::HeatCool, Self::Auto, Self::Dry, Self::FanOnly];

    /// Home Assistant's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Heat => "heat",
            Self::Cool => "cool",
            Self::HeatCool => "heat_cool",
            Self::Auto => "auto",
            Self::Dry => "dry",
            Self::FanOnly => "fan_only",
        }
    }

    /// The mode of a word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.word() == word)
    }
}

/// What the device is doing at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Running {
    /// Cooling.
    Cooling,
    /// Melting the ice of its outdoor unit.
    Defrosting,
    /// Drying.
    Drying,
    /// Blowing.
    Fan,
    /// Heating.
    Heating,
    /// Nothing, because the target is reached.
    Idle,
    /// Off.
    Off,
    /// Getting warm before it heats.
    Preheating,
}

impl Running {
    /// All.
    pub const ALL: [Self; 8] = [
        Self::Cooling,
        Self::Defrosting,
        Self::Drying,
        Self::Fan,
        Self::Heating,
        Self::Idle,
        Self::Off,
        Self::Preheating,
    ];

    /// Home Assistant's word (`hvac_action`).
    pub fn word(self) -> &'static str {
        match self {
            Self::Cooling => "cooling",
            Self::Defrosting => "defrosting",
            Self::Drying => "drying",
            Self::Fan => "fan",
            Self::Heating => "heating",
            Self::Idle => "idle",
            Self::Off => "off",
            Self::Preheating => "preheating",
        }
    }

    /// Of a word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|running| running.word() == word)
    }
}

/// What a thermostat can do.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Caps {
    /// Modes as the producer names them; may have words that are no [`Mode`].
    pub modes: Vec<Arc<str>>,
    /// Fan modes; `None` without a fan.
    pub fan_modes: Option<Vec<Arc<str>>>,
    /// Presets, `none` among them; `None` without presets.
    pub preset_modes: Option<Vec<Arc<str>>>,
    /// Swing modes; `None` without.
    pub swing_modes: Option<Vec<Arc<str>>>,
    /// Horizontal swing modes; `None` without.
    pub swing_horizontal_modes: Option<Vec<Arc<str>>>,
    /// It has one target temperature.
    pub has_target: bool,
    /// It has a lowest and a highest temperature.
    pub has_range: bool,
    /// Lowest and highest target humidity in percent; `None` without one.
    pub humidity: Option<(f64, f64)>,
    /// Lowest target, °C.
    pub min: f64,
    /// Highest target, °C.
    pub max: f64,
    /// Step between targets.
    pub step: Option<f64>,
    /// How finely temperatures are shown.
    pub precision: Precision,
    /// It has a switch beside its modes.
    pub has_power: bool,
}

/// What a thermostat is; the default is unknown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State(pub Box<Facts>);

/// The facts of a [`State`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    /// Its mode.
    pub mode: Option<Mode>,
    /// What it is doing.
    pub running: Option<Running>,
    /// Measured temperature, °C.
    pub current: Option<f64>,
    /// Target temperature, °C.
    pub target: Option<f64>,
    /// Lower end of the target range, °C.
    pub low: Option<f64>,
    /// Upper end of the target range, °C.
    pub high: Option<f64>,
    /// Measured humidity, percent.
    pub current_humidity: Option<f64>,
    /// Target humidity, percent.
    pub humidity: Option<f64>,
    /// Fan mode.
    pub fan_mode: Option<Arc<str>>,
    /// Preset.
    pub preset: Option<Arc<str>>,
    /// Swing mode.
    pub swing_mode: Option<Arc<str>>,
    /// Horizontal swing mode.
    pub swing_horizontal_mode: Option<Arc<str>>,
}

/// What one can wish of a thermostat.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Other targets, °C, and perhaps another mode first.
    SetTemperature {
        /// The one target.
        target: Option<f64>,
        /// Lower end of the range.
        low: Option<f64>,
        /// Upper end of the range.
        high: Option<f64>,
        /// Mode to be set before.
        mode: Option<Mode>,
    },
    /// A mode.
    SetMode(Mode),
    /// A preset.
    SetPreset(Arc<str>),
    /// A fan mode.
    SetFanMode(Arc<str>),
    /// A swing mode.
    SetSwingMode(Arc<str>),
    /// A horizontal swing mode.
    SetSwingHorizontalMode(Arc<str>),
    /// A target humidity, percent.
    SetHumidity(i64),
    /// On; becomes a mode when accepted, unless it has a switch.
    TurnOn,
    /// Off; becomes a mode when accepted, unless it has a switch.
    TurnOff,
    /// The other one; becomes one of the above when accepted.
    Toggle,
}

/// Home Assistant's services of this domain.
pub const SERVICES: &[Service] = &[
    Service {
        name: "set_temperature",
        fields: &["temperature", "target_temp_high", "target_temp_low", "hvac_mode"],
    },
    Service { name: "set_hvac_mode", fields: &["hvac_mode"] },
    Service { name: "set_preset_mode", fields: &["preset_mode"] },
    Service { name: "set_fan_mode", fields: &["fan_mode"] },
    Service { name: "set_swing_mode", fields: &["swing_mode"] },
    Service { name: "set_swing_horizontal_mode", fields: &["swing_horizontal_mode"] },
    Service { name: "set_humidity", fields: &["humidity"] },
    Service { name: "turn_on", fields: &[] },
    Service { name: "turn_off", fields: &[] },
    Service { name: "toggle", fields: &[] },
];

/// Reads a service call.
///
/// # Errors
/// See [`Invalid`].
pub fn action(service: &str, mut fields: Fields) -> Result<Action, Invalid> {
    let action = match service {
        "set_temperature" => set_temperature(&mut fields)?,
        "set_hvac_mode" => {
            Action::SetMode(mode(&mut fields)?.ok_or(Invalid::Missing("hvac_mode"))?)
        }
        "set_preset_mode" => Action::SetPreset(required(&mut fields, "preset_mode")?),
        "set_fan_mode" => Action::SetFanMode(required(&mut fields, "fan_mode")?),
        "set_swing_mode" => Action::SetSwingMode(required(&mut fields, "swing_mode")?),
        "set_swing_horizontal_mode" => {
            Action::SetSwingHorizontalMode(required(&mut fields, "swing_horizontal_mode")?)
        }
        "set_humidity" => {
            let humidity = fields.number("humidity", 0.0..=100.0, "a number from 0 to 100")?;
            Action::SetHumidity(humidity.ok_or(Invalid::Missing("humidity"))? as i64)
        }
        "turn_on" => Action::TurnOn,
        "turn_off" => Action::TurnOff,
        "toggle" => Action::Toggle,
        _ => return Err(Invalid::NoSuchService),
    };
    fields.finish()?;
    Ok(action)
}

fn set_temperature(fields: &mut Fields) -> Result<Action, Invalid> {
    let mut degrees = |name| fields.number(name, -1000.0..=1000.0, "a temperature");
    let target = degrees("temperature")?;
    let low = degrees("target_temp_low")?;
    let high = degrees("target_temp_high")?;
    match (target, low, high) {
        (None, None, None) => return Err(Invalid::Missing("temperature")),
        (_, Some(_), None) => return Err(Invalid::Missing("target_temp_high")),
        (_, None, Some(_)) => return Err(Invalid::Missing("target_temp_low")),
        (Some(_), Some(_), Some(_)) => {
            let expected = "given without a range of temperatures";
            return Err(Invalid::Field { name: "temperature", expected });
        }
        (Some(_), None, None) | (None, Some(_), Some(_)) => {}
    }
    Ok(Action::SetTemperature { target, low, high, mode: mode(fields)? })
}

fn mode(fields: &mut Fields) -> Result<Option<Mode>, Invalid> {
    let Some(word) = fields.text("hvac_mode")? else { return Ok(None) };
    let expected = "one of off, heat, cool, heat_cool, auto, dry, fan_only";
    Mode::of(&word).map(Some).ok_or(Invalid::Field { name: "hvac_mode", expected })
}

fn required(fields: &mut Fields, name: &'static str) -> Result<Arc<str>, Invalid> {
    fields.text(name)?.ok_or(Invalid::Missing(name))
}

impl Caps {
    /// Home Assistant's `supported_features`.
    pub fn features(&self) -> Option<u32> {
        // On and off are always there, by the modes if not by a switch.
        let mut features = 128 | 256;
        for (bit, has_it) in [
            (1, self.has_target),
            (2, self.has_range),
            (4, self.humidity.is_some()),
            (8, self.fan_modes.is_some()),
            (16, self.preset_modes.is_some()),
            (32, self.swing_modes.is_some()),
            (512, self.swing_horizontal_modes.is_some()),
        ] {
            if has_it {
                features |= bit;
            }
        }
        Some(features)
    }

    /// What is shown even while the entity is unavailable.
    pub fn attributes(&self, out: &mut Attributes) {
        out.put("hvac_modes", Value::texts(&self.modes));
        out.put("min_temp", self.precision.show(Some(self.min)));
        out.put("max_temp", self.precision.show(Some(self.max)));
        out.put_some("target_temp_step", self.step.filter(|step| *step != 0.0));
        if let Some((min, max)) = self.humidity {
            out.put("min_humidity", min);
            out.put("max_humidity", max);
        }
        for (name, modes) in [
            ("fan_modes", &self.fan_modes),
            ("preset_modes", &self.preset_modes),
            ("swing_modes", &self.swing_modes),
            ("swing_horizontal_modes", &self.swing_horizontal_modes),
        ] {
            out.put_some(name, modes.as_ref().map(Value::texts));
        }
    }

    /// The action as this entity does it in this state.
    ///
    /// # Errors
    /// A [`Refusal`] when it cannot.
    pub fn accept(&self, action: Action, state: &State, _: &Context) -> Result<Action, Refusal> {
        Ok(match action {
            Action::SetTemperature { target, low, high, mode } => {
                self.check_targets(target, low, high)?;
                if let Some(mode) = mode {
                    check::option("hvac_mode", mode.word(), &self.modes)?;
                }
                action
            }
            Action::SetMode(mode) => {
                check::option("hvac_mode", mode.word(), &self.modes)?;
                action
            }
            Action::SetPreset(word) => {
                Action::SetPreset(offered("preset_mode", &word, self.preset_modes.as_ref())?)
            }
            Action::SetFanMode(word) => {
                Action::SetFanMode(offered("fan_mode", &word, self.fan_modes.as_ref())?)
            }
            Action::SetSwingMode(word) => {
                Action::SetSwingMode(offered("swing_mode", &word, self.swing_modes.as_ref())?)
            }
            Action::SetSwingHorizontalMode(word) => {
                let modes = self.swing_horizontal_modes.as_ref();
                Action::SetSwingHorizontalMode(offered("swing_horizontal_mode", &word, modes)?)
            }
            Action::SetHumidity(humidity) => {
                let (min, max) = self.humidity.ok_or(Refusal::CannotDo("target_humidity"))?;
                check::range("humidity", humidity as f64, min, max)?;
                action
            }
            Action::TurnOn => self.turned_on()?,
            Action::TurnOff => self.turned_off()?,
            Action::Toggle if state.0.mode == Some(Mode::Off) => self.turned_on()?,
            Action::Toggle => self.turned_off()?,
        })
    }

    fn check_targets(
        &self,
        target: Option<f64>,
        low: Option<f64>,
        high: Option<f64>,
    ) -> Result<(), Refusal> {
        if let Some(target) = target {
            check::ability(self.has_target, "temperature")?;
            check::range("temperature", target, self.min, self.max)?;
        }
        if let (Some(low), Some(high)) = (low, high) {
            check::ability(self.has_range, "target_temp_low")?;
            check::range("target_temp_low", low, self.min, self.max)?;
            check::range("target_temp_high", high, self.min, self.max)?;
            if low > high {
                let why = "must not be above `target_temp_high`".to_owned();
                return Err(Refusal::BadValue { what: "target_temp_low", why });
            }
        }
        Ok(())
    }

    fn has_mode(&self, mode: Mode) -> bool {
        self.modes.iter().any(|word| &**word == mode.word())
    }

    /// With one mode beside `off` that is it, else the most comfortable (Home Assistant's order).
    fn turned_on(&self) -> Result<Action, Refusal> {
        if self.has_power {
            return Ok(Action::TurnOn);
        }
        let only = match &self.modes[..] {
            [a, b] if &**a == "off" => Mode::of(b),
            [a, b] if &**b == "off" => Mode::of(a),
            _ => None,
        };
        let best = [Mode::HeatCool, Mode::Heat, Mode::Cool];
        only.or_else(|| best.into_iter().find(|mode| self.has_mode(*mode)))
            .map(Action::SetMode)
            .ok_or(Refusal::CannotDo("turn_on"))
    }

    fn turned_off(&self) -> Result<Action, Refusal> {
        if self.has_power {
            return Ok(Action::TurnOff);
        }
        check::ability(self.has_mode(Mode::Off), "turn_off")?;
        Ok(Action::SetMode(Mode::Off))
    }
}

fn offered(
    what: &'static str,
    word: &str,
    modes: Option<&Vec<Arc<str>>>,
) -> Result<Arc<str>, Refusal> {
    check::option(what, word, modes.ok_or(Refusal::CannotDo(what))?)
}

impl State {
    /// The main value in Home Assistant's word; `None` is unknown.
    pub fn word(&self, _: &Caps) -> Option<Cow<'_, str>> {
        self.0.mode.map(|mode| Cow::Borrowed(mode.word()))
    }

    /// What else is shown while the entity is available.
    pub fn attributes(&self, caps: &Caps, out: &mut Attributes) {
        let facts = &*self.0;
        let show = |degrees| caps.precision.show(degrees);
        out.put("current_temperature", show(facts.current));
        if caps.has_target {
            out.put("temperature", show(facts.target));
        }
        if caps.has_range {
            out.put("target_temp_high", show(facts.high));
            out.put("target_temp_low", show(facts.low));
        }
        out.put_some("current_humidity", facts.current_humidity);
        if caps.humidity.is_some() {
            out.put("humidity", facts.humidity);
        }
        if caps.fan_modes.is_some() {
            out.put("fan_mode", facts.fan_mode.as_ref());
        }
        out.put_some("hvac_action", facts.running.map(Running::word));
        if caps.preset_modes.is_some() {
            out.put("preset_mode", facts.preset.as_ref());
        }
        if caps.swing_modes.is_some() {
            out.put("swing_mode", facts.swing_mode.as_ref());
        }
        if caps.swing_horizontal_modes.is_some() {
            out.put("swing_horizontal_mode", facts.swing_horizontal_mode.as_ref());
        }
    }

    /// Whether this state, reported by the device, fulfils the wish.
    pub fn confirms(&self, action: &Action) -> bool {
        let facts = &*self.0;
        match action {
            Action::SetTemperature { target, low, high, mode } => {
                is_reached(facts.target, *target)
                    && is_reached(facts.low, *low)
                    && is_reached(facts.high, *high)
                    && mode.is_none_or(|mode| facts.mode == Some(mode))
            }
            Action::SetMode(mode) => facts.mode == Some(*mode),
            Action::SetPreset(word) => facts.preset.as_ref() == Some(word),
            Action::SetFanMode(word) => facts.fan_mode.as_ref() == Some(word),
            Action::SetSwingMode(word) => facts.swing_mode.as_ref() == Some(word),
            Action::SetSwingHorizontalMode(word) => {
                facts.swing_horizontal_mode.as_ref() == Some(word)
            }
            Action::SetHumidity(humidity) => {
                facts.humidity.is_some_and(|is| (is - *humidity as f64).abs() < 0.5)
            }
            Action::TurnOn => facts.mode.is_some_and(|mode| mode != Mode::Off),
            Action::TurnOff => facts.mode == Some(Mode::Off),
            Action::Toggle => true,
        }
    }
}
