//! Thermostats and air conditioners.

use std::sync::Arc;

use super::thermal::{self, Outlet, Unit};
use super::{Commands, Component, Fault, Heard, Moment, NONE, Slot, Topics, value};
use crate::home::action::Refusal;
use crate::home::domain::climate::{
    Action as Wish, Caps as ClimateCaps, Facts, Mode, Running, State as ClimateState,
};
use crate::home::domain::{Action, Caps, State};
use crate::mqtt::keys::{Keys, Reject};
use crate::mqtt::message::Message;
use crate::template::Template;

/// What a topic tells; its number is its place in this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tells {
    Action,
    CurrentTemperature,
    Temperature,
    Low,
    High,
    CurrentHumidity,
    Humidity,
    Mode,
    FanMode,
    SwingMode,
    SwingHorizontalMode,
    Preset,
}

/// Each topic with its template, in the order in which Home Assistant listens.
const INLETS: [(Tells, &str, &str); 12] = [
    (Tells::Action, "action_topic", "action_template"),
    (Tells::CurrentTemperature, "current_temperature_topic", "current_temperature_template"),
    (Tells::Temperature, "temperature_state_topic", "temperature_state_template"),
    (Tells::Low, "temperature_low_state_topic", "temperature_low_state_template"),
    (Tells::High, "temperature_high_state_topic", "temperature_high_state_template"),
    (Tells::CurrentHumidity, "current_humidity_topic", "current_humidity_template"),
    (Tells::Humidity, "target_humidity_state_topic", "target_humidity_state_template"),
    (Tells::Mode, "mode_state_topic", "mode_state_template"),
    (Tells::FanMode, "fan_mode_state_topic", "fan_mode_state_template"),
    (Tells::SwingMode, "swing_mode_state_topic", "swing_mode_state_template"),
    (
        Tells::SwingHorizontalMode,
        "swing_horizontal_mode_state_topic",
        "swing_horizontal_mode_state_template",
    ),
    (Tells::Preset, "preset_mode_state_topic", "preset_mode_value_template"),
];

/// Where one kind of news comes from.
#[derive(Default)]
struct Inlet {
    topic: Option<Arc<str>>,
    template: Option<Template>,
}

struct Climate {
    facts: Facts,
    caps: ClimateCaps,
    unit: Unit,
    inlets: [Inlet; INLETS.len()],
    is_optimistic: bool,
    power: Outlet,
    payload_on: Arc<str>,
    payload_off: Arc<str>,
    mode: Outlet,
    temperature: Outlet,
    low: Outlet,
    high: Outlet,
    humidity: Outlet,
    fan_mode: Outlet,
    swing_mode: Outlet,
    swing_horizontal_mode: Outlet,
    preset: Outlet,
}

/// Modes where the producer names none (Home Assistant's).
const MODES: [&str; 6] = ["auto", "off", "cool", "heat", "dry", "fan_only"];
/// The word for "no preset".
const NO_PRESET: &str = "none";
/// °C; where the producer gives no limits.
const LIMITS: (f64, f64) = (7.0, 35.0);
/// °C; the target where the device reports none.
const INITIAL: f64 = 21.0;

/// Reads the keys of a thermostat.
pub(super) fn read(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    let unit = Unit::read(keys);
    let (min, max) = thermal::limits(keys, unit, LIMITS);
    let common_template = keys.template("value_template");
    let inlets = INLETS.map(|(_, topic, template)| Inlet {
        topic: keys.topic(topic),
        template: keys.template(template).or_else(|| common_template.clone()),
    });
    let mut climate = Climate {
        facts: Facts::default(),
        caps: ClimateCaps {
            modes: words(keys, "modes", &MODES),
            min,
            max,
            step: Some(keys.float_or("temp_step", 1.0)),
            precision: thermal::precision(keys),
            ..ClimateCaps::default()
        },
        unit,
        inlets,
        is_optimistic: keys.flag("optimistic", false),
        power: Outlet::read(keys, "power_command_topic", "power_command_template"),
        payload_on: keys.string_or("payload_on", "ON"),
        payload_off: keys.string_or("payload_off", "OFF"),
        mode: Outlet::read(keys, "mode_command_topic", "mode_command_template"),
        temperature: Outlet::read(
            keys,
            "temperature_command_topic",
            "temperature_command_template",
        ),
        low: Outlet::read(
            keys,
            "temperature_low_command_topic",
            "temperature_low_command_template",
        ),
        high: Outlet::read(
            keys,
            "temperature_high_command_topic",
            "temperature_high_command_template",
        ),
        humidity: Outlet::read(
            keys,
            "target_humidity_command_topic",
            "target_humidity_command_template",
        ),
        fan_mode: Outlet::read(keys, "fan_mode_command_topic", "fan_mode_command_template"),
        swing_mode: Outlet::read(keys, "swing_mode_command_topic", "swing_mode_command_template"),
        swing_horizontal_mode: Outlet::read(
            keys,
            "swing_horizontal_mode_command_topic",
            "swing_horizontal_mode_command_template",
        ),
        preset: Outlet::read(keys, "preset_mode_command_topic", "preset_mode_command_template"),
    };
    climate.read_abilities(keys);
    let initial = keys.float("initial").map_or(INITIAL, |degrees| unit.to_celsius(degrees));
    climate.assume(initial, keys);
    Ok(Box::new(climate))
}

/// A list of words; where it is not given, Home Assistant's.
fn words(keys: &mut Keys<'_>, key: &str, default: &[&str]) -> Vec<Arc<str>> {
    keys.list(key).unwrap_or_else(|| default.iter().map(|word| keys.intern(word)).collect())
}

impl Climate {
    fn hears(&self, what: Tells) -> bool {
        self.inlets[what as usize].topic.is_some()
    }

    /// Nobody reports it: the wish is taken for the fact.
    fn assumes(&self, what: Tells) -> bool {
        self.is_optimistic || !self.hears(what)
    }

    fn read_abilities(&mut self, keys: &mut Keys<'_>) {
        let fan_modes = words(keys, "fan_modes", &["auto", "low", "medium", "high"]);
        let swing_modes = words(keys, "swing_modes", &["on", "off"]);
        let swing_horizontal_modes = words(keys, "swing_horizontal_modes", &["on", "off"]);
        let has = |outlet: &Outlet, what| outlet.is_there() || self.hears(what);
        let mut caps = self.caps.clone();
        caps.has_power = self.power.is_there();
        caps.has_target = has(&self.temperature, Tells::Temperature);
        caps.has_range = has(&self.low, Tells::Low) || has(&self.high, Tells::High);
        caps.fan_modes = has(&self.fan_mode, Tells::FanMode).then_some(fan_modes);
        caps.swing_modes = has(&self.swing_mode, Tells::SwingMode).then_some(swing_modes);
        caps.swing_horizontal_modes = has(&self.swing_horizontal_mode, Tells::SwingHorizontalMode)
            .then_some(swing_horizontal_modes);
        let min = keys.float_or("min_humidity", 30.0);
        let max = keys.float_or("max_humidity", 99.0);
        if self.humidity.is_there() {
            let is_good = 0.0 <= min && min < max && max <= 100.0;
            if !is_good {
                keys.problem("min_humidity", "must be below `max_humidity`, both from 0 to 100");
            }
            caps.humidity = Some(if is_good { (min, max) } else { (30.0, 99.0) });
        } else if self.hears(Tells::Humidity) {
            keys.problem(
                "target_humidity_state_topic",
                "is of no use without `target_humidity_command_topic`",
            );
        }
        let presets = keys.list("preset_modes").unwrap_or_default();
        if self.preset.is_there() {
            caps.preset_modes = Some(presets_of(presets, keys));
        } else if !presets.is_empty() {
            keys.problem("preset_modes", "is of no use without `preset_mode_command_topic`");
        }
        self.caps = caps;
    }

    /// What is taken for true of that which nobody reports.
    fn assume(&mut self, initial: f64, keys: &Keys<'_>) {
        let mut facts = Facts::default();
        if self.assumes(Tells::Temperature) {
            facts.target = Some(initial);
        }
        if self.assumes(Tells::Low) {
            facts.low = Some(initial);
        }
        if self.assumes(Tells::High) {
            facts.high = Some(initial);
        }
        if self.assumes(Tells::Mode) {
            facts.mode = Some(Mode::Off);
        }
        if self.assumes(Tells::FanMode) {
            facts.fan_mode = Some(keys.intern("low"));
        }
        if self.assumes(Tells::SwingMode) {
            facts.swing_mode = Some(keys.intern("off"));
        }
        if self.assumes(Tells::SwingHorizontalMode) {
            facts.swing_horizontal_mode = Some(keys.intern("off"));
        }
        if self.preset.is_there() {
            facts.preset = Some(keys.intern(NO_PRESET));
        }
        self.facts = facts;
    }

    fn hear(&mut self, what: Tells, payload: &str) -> Result<Heard, Fault> {
        let facts = &mut self.facts;
        let unit = self.unit;
        let degrees = |slot: &mut Option<f64>, name: &str| {
            let reported = thermal::reported(name, payload)?;
            let Some(reported) = reported else { return Ok(Heard::Nothing) };
            *slot = reported.map(|degrees| unit.to_celsius(degrees));
            Ok(Heard::State)
        };
        let percent = |slot: &mut Option<f64>, name: &str| {
            let Some(reported) = thermal::reported(name, payload)? else {
                return Ok(Heard::Nothing);
            };
            *slot = reported;
            Ok(Heard::State)
        };
        match what {
            Tells::CurrentTemperature => degrees(&mut facts.current, "current temperature"),
            Tells::Temperature => degrees(&mut facts.target, "target temperature"),
            Tells::Low => degrees(&mut facts.low, "lower target temperature"),
            Tells::High => degrees(&mut facts.high, "upper target temperature"),
            Tells::CurrentHumidity => percent(&mut facts.current_humidity, "current humidity"),
            Tells::Humidity => percent(&mut facts.humidity, "target humidity"),
            Tells::Action => {
                if payload.is_empty() || payload == NONE {
                    return Ok(Heard::Nothing);
                }
                let running = Running::of(payload);
                facts.running = Some(running.ok_or_else(|| unknown("action", payload))?);
                Ok(Heard::State)
            }
            Tells::Mode => self.hear_mode(payload),
            Tells::FanMode => {
                choose(&mut facts.fan_mode, "fan mode", payload, self.caps.fan_modes.as_ref())
            }
            Tells::SwingMode => {
                let modes = self.caps.swing_modes.as_ref();
                choose(&mut facts.swing_mode, "swing mode", payload, modes)
            }
            Tells::SwingHorizontalMode => {
                let modes = self.caps.swing_horizontal_modes.as_ref();
                choose(&mut facts.swing_horizontal_mode, "horizontal swing mode", payload, modes)
            }
            Tells::Preset => {
                if payload.is_empty() {
                    return Ok(Heard::Nothing);
                }
                let payload = if payload == NONE { NO_PRESET } else { payload };
                if payload == NO_PRESET {
                    facts.preset = Some(NO_PRESET.into());
                    return Ok(Heard::State);
                }
                let modes = self.caps.preset_modes.as_ref();
                choose(&mut facts.preset, "preset", payload, modes)
            }
        }
    }

    fn hear_mode(&mut self, payload: &str) -> Result<Heard, Fault> {
        if payload == NONE {
            self.facts.mode = None;
            return Ok(Heard::State);
        }
        if !self.caps.modes.iter().any(|mode| &**mode == payload) {
            return if payload.is_empty() {
                Ok(Heard::Nothing)
            } else {
                Err(unknown("mode", payload))
            };
        }
        // Some devices have modes that Home Assistant has no word for (`emergency_heating`): then
        // the mode is not known, but everything else still is.
        self.facts.mode = Mode::of(payload);
        Ok(Heard::State)
    }

    /// Publishes a mode, and takes it for a fact if nobody reports it.
    fn send_mode(
        &mut self,
        mode: Mode,
        out: &mut Commands,
        moment: &Moment<'_>,
    ) -> Result<(), Refusal> {
        self.mode.send_text(out, mode.word(), moment)?;
        if self.assumes(Tells::Mode) {
            self.facts.mode = Some(mode);
            out.assumed = true;
        }
        Ok(())
    }

    /// Takes a chosen word for a fact, if nobody reports it.
    fn assume_word(&mut self, what: Tells, word: &Arc<str>, out: &mut Commands) {
        if !self.assumes(what) {
            return;
        }
        let slot = match what {
            Tells::FanMode => &mut self.facts.fan_mode,
            Tells::SwingMode => &mut self.facts.swing_mode,
            Tells::SwingHorizontalMode => &mut self.facts.swing_horizontal_mode,
            Tells::Preset => &mut self.facts.preset,
            Tells::Action
            | Tells::CurrentTemperature
            | Tells::Temperature
            | Tells::Low
            | Tells::High
            | Tells::CurrentHumidity
            | Tells::Humidity
            | Tells::Mode => return,
        };
        *slot = Some(Arc::clone(word));
        out.assumed = true;
    }

    fn send_temperatures(
        &mut self,
        [target, low, high]: [Option<f64>; 3],
        out: &mut Commands,
        moment: &Moment<'_>,
    ) -> Result<(), Refusal> {
        if let Some(target) = target {
            self.temperature.send_float(out, self.unit.of_celsius(target), moment)?;
            if self.assumes(Tells::Temperature) {
                self.facts.target = Some(target);
                out.assumed = true;
            }
        }
        if let Some(low) = low {
            self.low.send_float(out, self.unit.of_celsius(low), moment)?;
            if self.assumes(Tells::Low) {
                self.facts.low = Some(low);
                out.assumed = true;
            }
        }
        if let Some(high) = high {
            self.high.send_float(out, self.unit.of_celsius(high), moment)?;
            if self.assumes(Tells::High) {
                self.facts.high = Some(high);
                out.assumed = true;
            }
        }
        Ok(())
    }
}

/// The presets with `none` before them; a producer's own `none` is a fault in Home Assistant too.
fn presets_of(mut presets: Vec<Arc<str>>, keys: &mut Keys<'_>) -> Vec<Arc<str>> {
    if presets.iter().any(|preset| &**preset == NO_PRESET) {
        keys.problem("preset_modes", "`none` is there always and must not be listed");
        presets.retain(|preset| &**preset != NO_PRESET);
    }
    if !presets.is_empty() {
        presets.insert(0, keys.intern(NO_PRESET));
    }
    presets
}

fn unknown(what: &str, payload: &str) -> Fault {
    Fault(format!("`{}` is no {what} that was announced", thermal::short(payload)))
}

/// Takes a word that is among those announced.
fn choose(
    slot: &mut Option<Arc<str>>,
    what: &str,
    payload: &str,
    words: Option<&Vec<Arc<str>>>,
) -> Result<Heard, Fault> {
    if payload == NONE {
        *slot = None;
        return Ok(Heard::State);
    }
    match words.into_iter().flatten().find(|word| &***word == payload) {
        Some(word) => {
            *slot = Some(Arc::clone(word));
            Ok(Heard::State)
        }
        None if payload.is_empty() => Ok(Heard::Nothing),
        None => Err(unknown(what, payload)),
    }
}

impl Component for Climate {
    fn caps(&self) -> Caps {
        Caps::Climate(Box::new(self.caps.clone()))
    }

    fn topics(&self, topics: &mut Topics) {
        for (slot, inlet) in (0..).zip(&self.inlets) {
            topics.add(inlet.topic.as_ref(), slot);
        }
    }

    fn state(&self) -> State {
        State::Climate(ClimateState(Box::new(self.facts.clone())))
    }

    fn adopt(&mut self, state: State) {
        if let State::Climate(state) = state {
            self.facts = *state.0;
        }
    }

    fn receive(
        &mut self,
        slot: Slot,
        message: &Message<'_>,
        moment: &mut Moment<'_>,
    ) -> Result<Heard, Fault> {
        let at = usize::from(slot);
        let Some((inlet, (what, _, _))) = self.inlets.get(at).zip(INLETS.get(at)) else {
            return Ok(Heard::Nothing);
        };
        let payload = value(inlet.template.as_ref(), message, moment)?;
        self.hear(*what, &payload)
    }

    fn command(&mut self, action: &Action, moment: &mut Moment<'_>) -> Result<Commands, Refusal> {
        let Action::Climate(wish) = action else { return Err(Refusal::CannotDo("climate")) };
        let mut out = Commands::default();
        match wish {
            Wish::SetTemperature { target, low, high, mode } => {
                if let Some(mode) = mode {
                    self.send_mode(*mode, &mut out, moment)?;
                }
                self.send_temperatures([*target, *low, *high], &mut out, moment)?;
            }
            Wish::SetMode(mode) => self.send_mode(*mode, &mut out, moment)?,
            Wish::SetHumidity(humidity) => {
                self.humidity.send_int(&mut out, *humidity, moment)?;
                if self.assumes(Tells::Humidity) {
                    self.facts.humidity = Some(*humidity as f64);
                    out.assumed = true;
                }
            }
            Wish::TurnOn => self.power.send_text(&mut out, &self.payload_on, moment)?,
            Wish::TurnOff => self.power.send_text(&mut out, &self.payload_off, moment)?,
            Wish::SetPreset(word) => {
                self.preset.send_text(&mut out, word, moment)?;
                self.assume_word(Tells::Preset, word, &mut out);
            }
            Wish::SetFanMode(word) => {
                self.fan_mode.send_text(&mut out, word, moment)?;
                self.assume_word(Tells::FanMode, word, &mut out);
            }
            Wish::SetSwingMode(word) => {
                self.swing_mode.send_text(&mut out, word, moment)?;
                self.assume_word(Tells::SwingMode, word, &mut out);
            }
            Wish::SetSwingHorizontalMode(word) => {
                self.swing_horizontal_mode.send_text(&mut out, word, moment)?;
                self.assume_word(Tells::SwingHorizontalMode, word, &mut out);
            }
            Wish::Toggle => return Err(Refusal::CannotDo("toggle")),
        }
        Ok(out)
    }

    fn reserved_attributes(&self) -> &'static [&'static str] {
        &[
            "aux_heat",
            "current_humidity",
            "current_temperature",
            "fan_mode",
            "fan_modes",
            "humidity",
            "hvac_action",
            "hvac_modes",
            "max_humidity",
            "max_temp",
            "min_humidity",
            "min_temp",
            "preset_mode",
            "preset_modes",
            "swing_horizontal_mode",
            "swing_horizontal_modes",
            "swing_mode",
            "swing_modes",
            "target_temp_high",
            "target_temp_low",
            "target_temp_step",
            "temperature",
        ]
    }
}
