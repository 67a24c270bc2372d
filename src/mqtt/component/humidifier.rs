//! Humidifiers and dehumidifiers.

use std::sync::Arc;

use super::thermal::{Outlet, short};
use super::{Commands, Component, Fault, Heard, Moment, NONE, Slot, Topics, value};
use crate::home::action::Refusal;
use crate::home::domain::humidifier::{
    Action as Wish, Caps as HumidifierCaps, Running, State as HumidifierState,
};
use crate::home::domain::{Action, Caps, State};
use crate::mqtt::keys::{Keys, Reject};
use crate::mqtt::message::Message;
use crate::template::{Template, python};

const STATE: Slot = 0;
const ACTION: Slot = 1;
const CURRENT: Slot = 2;
const TARGET: Slot = 3;
const MODE: Slot = 4;

struct Humidifier {
    state: HumidifierState,
    caps: HumidifierCaps,
    /// State, action, current humidity, target humidity, mode: by slot.
    inlets: [(Option<Arc<str>>, Option<Template>); 5],
    is_optimistic: bool,
    command: Outlet,
    payload_on: Arc<str>,
    payload_off: Arc<str>,
    humidity: Outlet,
    humidity_reset: Arc<str>,
    mode: Outlet,
    mode_reset: Arc<str>,
}

/// Reads the keys of a humidifier.
pub(super) fn read(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    let inlets = [
        ("state_topic", "state_value_template"),
        ("action_topic", "action_template"),
        ("current_humidity_topic", "current_humidity_template"),
        ("target_humidity_state_topic", "target_humidity_state_template"),
        ("mode_state_topic", "mode_state_template"),
    ]
    .map(|(topic, template)| (keys.topic(topic), keys.template(template)));
    let command = Outlet::read(keys, "command_topic", "command_template");
    let humidity =
        Outlet::read(keys, "target_humidity_command_topic", "target_humidity_command_template");
    for (outlet, key) in [(&command, "command_topic"), (&humidity, "target_humidity_command_topic")]
    {
        if !outlet.is_there() {
            return Err(keys.missing(key));
        }
    }
    let mode = Outlet::read(keys, "mode_command_topic", "mode_command_template");
    let mode_reset = keys.string_or("payload_reset_mode", NONE);
    let mut modes = keys.list("modes").unwrap_or_default();
    if modes.contains(&mode_reset) {
        keys.problem("modes", "must not have the word of `payload_reset_mode`");
        modes.retain(|mode| *mode != mode_reset);
    }
    if mode.is_there() == modes.is_empty() {
        keys.problem("modes", "must come together with `mode_command_topic`");
    }
    let mut min = keys.float_or("min_humidity", 30.0);
    let mut max = keys.float_or("max_humidity", 99.0);
    if !(0.0 <= min && min < max && max <= 100.0) {
        keys.problem("min_humidity", "must be below `max_humidity`, both from 0 to 100");
        (min, max) = (30.0, 99.0);
    }
    if keys.traits.device_class.is_none() {
        keys.traits.device_class = Some(keys.intern("humidifier"));
    }
    Ok(Box::new(Humidifier {
        state: HumidifierState::default(),
        caps: HumidifierCaps { min, max, modes: mode.is_there().then_some(modes) },
        inlets,
        is_optimistic: keys.flag("optimistic", false),
        command,
        payload_on: keys.string_or("payload_on", "ON"),
        payload_off: keys.string_or("payload_off", "OFF"),
        humidity,
        humidity_reset: keys.string_or("payload_reset_humidity", NONE),
        mode,
        mode_reset,
    }))
}

impl Humidifier {
    fn assumes(&self, slot: Slot) -> bool {
        self.is_optimistic
            || self.inlets.get(usize::from(slot)).is_none_or(|(topic, _)| topic.is_none())
    }

    fn hear(&mut self, slot: Slot, payload: &str) -> Result<Heard, Fault> {
        if payload.is_empty() {
            return Ok(Heard::Nothing);
        }
        match slot {
            STATE => {
                self.state.on = match payload {
                    payload if payload == &*self.payload_on => Some(true),
                    payload if payload == &*self.payload_off => Some(false),
                    NONE => None,
                    _ => return Err(unknown("state", payload)),
                }
            }
            ACTION if payload == NONE => return Ok(Heard::Nothing),
            ACTION => {
                let running = Running::of(payload).ok_or_else(|| unknown("action", payload))?;
                self.state.running = Some(running);
            }
            CURRENT => self.state.current = self.read_humidity(payload, 0.0, 100.0)?,
            TARGET => {
                self.state.humidity = self.read_humidity(payload, self.caps.min, self.caps.max)?;
            }
            MODE if payload == &*self.mode_reset => self.state.mode = None,
            MODE => {
                let mode = self.caps.modes.iter().flatten().find(|mode| &***mode == payload);
                self.state.mode = Some(Arc::clone(mode.ok_or_else(|| unknown("mode", payload))?));
            }
            _ => return Ok(Heard::Nothing),
        }
        Ok(Heard::State)
    }

    fn read_humidity(&self, payload: &str, min: f64, max: f64) -> Result<Option<u8>, Fault> {
        if payload == &*self.humidity_reset {
            return Ok(None);
        }
        let number = python::parse_float(payload).filter(|number| number.is_finite());
        let Some(number) = number.map(f64::round_ties_even) else {
            return Err(Fault(format!("humidity: `{}` is not a number", short(payload))));
        };
        if number < min || number > max {
            return Err(Fault(format!("humidity: {number} is outside {min} to {max}")));
        }
        Ok(Some(number as u8))
    }
}

fn unknown(what: &str, payload: &str) -> Fault {
    Fault(format!("`{}` is no {what} of this humidifier", short(payload)))
}

impl Component for Humidifier {
    fn caps(&self) -> Caps {
        Caps::Humidifier(Box::new(self.caps.clone()))
    }

    fn topics(&self, topics: &mut Topics) {
        for (slot, (topic, _)) in (0..).zip(&self.inlets) {
            topics.add(topic.as_ref(), slot);
        }
    }

    fn state(&self) -> State {
        State::Humidifier(self.state.clone())
    }

    fn adopt(&mut self, state: State) {
        if let State::Humidifier(state) = state {
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
        let Action::Humidifier(wish) = action else { return Err(Refusal::CannotDo("humidifier")) };
        let mut out = Commands::default();
        match wish {
            Wish::TurnOn | Wish::TurnOff => {
                let on = *wish == Wish::TurnOn;
                let payload = if on { &self.payload_on } else { &self.payload_off };
                self.command.send_text(&mut out, payload, moment)?;
                out.assumed = self.assumes(STATE);
                if out.assumed {
                    self.state.on = Some(on);
                }
            }
            Wish::SetHumidity(humidity) => {
                self.humidity.send_int(&mut out, i64::from(*humidity), moment)?;
                out.assumed = self.assumes(TARGET);
                if out.assumed {
                    self.state.humidity = Some(*humidity);
                }
            }
            Wish::SetMode(word) => {
                self.mode.send_text(&mut out, word, moment)?;
                out.assumed = self.assumes(MODE);
                if out.assumed {
                    self.state.mode = Some(Arc::clone(word));
                }
            }
            Wish::Toggle => return Err(Refusal::CannotDo("toggle")),
        }
        Ok(out)
    }

    fn assumes_state(&self) -> bool {
        self.assumes(STATE)
    }

    fn reserved_attributes(&self) -> &'static [&'static str] {
        &["humidity", "max_humidity", "min_humidity", "mode", "available_modes"]
    }
}
