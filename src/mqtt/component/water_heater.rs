//! Water heaters.

use std::sync::Arc;

use super::thermal::{self, Outlet, Unit};
use super::{Commands, Component, Fault, Heard, Moment, NONE, Slot, Topics, value};
use crate::home::action::Refusal;
use crate::home::domain::water_heater::{Action as Wish, Caps as HeaterCaps, State as HeaterState};
use crate::home::domain::{Action, Caps, State};
use crate::mqtt::keys::{Keys, Reject};
use crate::mqtt::message::Message;
use crate::template::Template;

const CURRENT: Slot = 0;
const TARGET: Slot = 1;
const MODE: Slot = 2;

/// Modes where the producer names none (Home Assistant's).
const MODES: [&str; 7] =
    ["eco", "electric", "gas", "heat_pump", "high_demand", "performance", "off"];

struct WaterHeater {
    state: HeaterState,
    caps: HeaterCaps,
    modes: Vec<Arc<str>>,
    unit: Unit,
    /// Current temperature, target temperature, mode: by slot.
    inlets: [(Option<Arc<str>>, Option<Template>); 3],
    is_optimistic: bool,
    temperature: Outlet,
    mode: Outlet,
    power: Outlet,
    payload_on: Arc<str>,
    payload_off: Arc<str>,
}

/// Reads the keys of a water heater.
pub(super) fn read(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    let unit = Unit::read(keys);
    // Where the producer gives none: 110 and 140 °F, as in Home Assistant.
    let lowest = Unit::Fahrenheit.to_celsius(110.0);
    let (min, max) = thermal::limits(keys, unit, (lowest, Unit::Fahrenheit.to_celsius(140.0)));
    let common_template = keys.template("value_template");
    let inlets = [
        ("current_temperature_topic", "current_temperature_template"),
        ("temperature_state_topic", "temperature_state_template"),
        ("mode_state_topic", "mode_state_template"),
    ]
    .map(|(topic, template)| {
        (keys.topic(topic), keys.template(template).or_else(|| common_template.clone()))
    });
    let temperature =
        Outlet::read(keys, "temperature_command_topic", "temperature_command_template");
    let mode = Outlet::read(keys, "mode_command_topic", "mode_command_template");
    let power = Outlet::read(keys, "power_command_topic", "power_command_template");
    let modes =
        keys.list("modes").unwrap_or_else(|| MODES.iter().map(|word| keys.intern(word)).collect());
    let hears = |slot: Slot| inlets[usize::from(slot)].0.is_some();
    let caps = HeaterCaps {
        modes: (mode.is_there() || hears(MODE)).then(|| modes.clone()),
        has_target: temperature.is_there() || hears(TARGET),
        has_power: power.is_there(),
        min,
        max,
        precision: thermal::precision(keys),
    };
    let is_optimistic = keys.flag("optimistic", false);
    let initial = keys.float("initial").map_or(lowest, |degrees| unit.to_celsius(degrees));
    let state = HeaterState {
        mode: (is_optimistic || !hears(MODE)).then(|| keys.intern("off")),
        current: None,
        target: (is_optimistic || !hears(TARGET)).then_some(initial),
    };
    Ok(Box::new(WaterHeater {
        state,
        caps,
        modes,
        unit,
        inlets,
        is_optimistic,
        temperature,
        mode,
        power,
        payload_on: keys.string_or("payload_on", "ON"),
        payload_off: keys.string_or("payload_off", "OFF"),
    }))
}

impl WaterHeater {
    fn assumes(&self, slot: Slot) -> bool {
        self.is_optimistic
            || self.inlets.get(usize::from(slot)).is_none_or(|(topic, _)| topic.is_none())
    }

    fn hear(&mut self, slot: Slot, payload: &str) -> Result<Heard, Fault> {
        let degrees = |name: &str| -> Result<Option<Option<f64>>, Fault> {
            let reported = thermal::reported(name, payload)?;
            Ok(reported.map(|value| value.map(|degrees| self.unit.to_celsius(degrees))))
        };
        match slot {
            CURRENT => match degrees("current temperature")? {
                Some(current) => self.state.current = current,
                None => return Ok(Heard::Nothing),
            },
            TARGET => match degrees("target temperature")? {
                Some(target) => self.state.target = target,
                None => return Ok(Heard::Nothing),
            },
            MODE if payload == NONE => self.state.mode = None,
            MODE => match self.modes.iter().find(|mode| &***mode == payload) {
                Some(mode) => self.state.mode = Some(Arc::clone(mode)),
                None if payload.is_empty() => return Ok(Heard::Nothing),
                None => {
                    let payload = thermal::short(payload);
                    return Err(Fault(format!("`{payload}` is no mode that was announced")));
                }
            },
            _ => return Ok(Heard::Nothing),
        }
        Ok(Heard::State)
    }

    fn send_mode(
        &mut self,
        word: &Arc<str>,
        out: &mut Commands,
        moment: &Moment<'_>,
    ) -> Result<(), Refusal> {
        self.mode.send_text(out, word, moment)?;
        if self.assumes(MODE) {
            self.state.mode = Some(Arc::clone(word));
            out.assumed = true;
        }
        Ok(())
    }
}

impl Component for WaterHeater {
    fn caps(&self) -> Caps {
        Caps::WaterHeater(Box::new(self.caps.clone()))
    }

    fn topics(&self, topics: &mut Topics) {
        for (slot, (topic, _)) in (0..).zip(&self.inlets) {
            topics.add(topic.as_ref(), slot);
        }
    }

    fn state(&self) -> State {
        State::WaterHeater(self.state.clone())
    }

    fn adopt(&mut self, state: State) {
        if let State::WaterHeater(state) = state {
            self.state = state;
        }
    }

    fn receive(
        &mut self,
        slot: Slot,
        message: &Message<'_>,
        moment: &mut Moment<'_>,
    ) -> Result<Heard, Fault> {
        let Some((_, template)) = self.inlets.get(usize::from(slot)) else {
            return Ok(Heard::Nothing);
        };
        let payload = value(template.as_ref(), message, moment)?;
        self.hear(slot, &payload)
    }

    fn command(&mut self, action: &Action, moment: &mut Moment<'_>) -> Result<Commands, Refusal> {
        let Action::WaterHeater(wish) = action else {
            return Err(Refusal::CannotDo("water_heater"));
        };
        let mut out = Commands::default();
        match wish {
            Wish::SetTemperature(target, mode) => {
                if let Some(word) = mode {
                    self.send_mode(word, &mut out, moment)?;
                }
                let degrees = self.unit.of_celsius(*target);
                self.temperature.send_float(&mut out, degrees, moment)?;
                if self.assumes(TARGET) {
                    self.state.target = Some(*target);
                    out.assumed = true;
                }
            }
            Wish::SetMode(word) => self.send_mode(word, &mut out, moment)?,
            Wish::TurnOn => self.power.send_text(&mut out, &self.payload_on, moment)?,
            Wish::TurnOff => self.power.send_text(&mut out, &self.payload_off, moment)?,
        }
        Ok(out)
    }

    fn reserved_attributes(&self) -> &'static [&'static str] {
        &[
            "current_temperature",
            "max_temp",
            "min_temp",
            "operation_list",
            "operation_mode",
            "target_temp_high",
            "target_temp_low",
            "temperature",
        ]
    }
}
