//! Fans.

use std::sync::Arc;

use super::percentage::Span;
use super::thermal::{Outlet, short};
use super::{Commands, Component, Fault, Heard, Moment, NONE, Slot, Topics, value};
use crate::home::action::Refusal;
use crate::home::domain::fan::{Action as Wish, Caps as FanCaps, State as FanState};
use crate::home::domain::{Action, Caps, State};
use crate::mqtt::keys::{Keys, Reject};
use crate::mqtt::message::Message;
use crate::template::{Template, python};

const STATE: Slot = 0;
const PERCENTAGE: Slot = 1;
const PRESET: Slot = 2;
const OSCILLATION: Slot = 3;
const DIRECTION: Slot = 4;

struct Fan {
    state: FanState,
    /// State, percentage, preset, oscillation, direction: by slot.
    inlets: [(Option<Arc<str>>, Option<Template>); 5],
    is_optimistic: bool,
    command: Outlet,
    payload_on: Arc<str>,
    payload_off: Arc<str>,
    percentage: Outlet,
    span: Span,
    percentage_reset: Arc<str>,
    preset: Outlet,
    preset_modes: Vec<Arc<str>>,
    preset_reset: Arc<str>,
    oscillation: Outlet,
    oscillation_on: Arc<str>,
    oscillation_off: Arc<str>,
    direction: Outlet,
}

/// Reads the keys of a fan.
pub(super) fn read(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    let inlets = [
        ("state_topic", "state_value_template"),
        ("percentage_state_topic", "percentage_value_template"),
        ("preset_mode_state_topic", "preset_mode_value_template"),
        ("oscillation_state_topic", "oscillation_value_template"),
        ("direction_state_topic", "direction_value_template"),
    ]
    .map(|(topic, template)| (keys.topic(topic), keys.template(template)));
    let command = Outlet::read(keys, "command_topic", "command_template");
    if !command.is_there() {
        return Err(keys.missing("command_topic"));
    }
    let preset = Outlet::read(keys, "preset_mode_command_topic", "preset_mode_command_template");
    let preset_reset = keys.string_or("payload_reset_preset_mode", NONE);
    let mut preset_modes = keys.list("preset_modes").unwrap_or_default();
    if preset_modes.contains(&preset_reset) {
        keys.problem("preset_modes", "must not have the word of `payload_reset_preset_mode`");
        preset_modes.retain(|mode| *mode != preset_reset);
    }
    if preset.is_there() == preset_modes.is_empty() {
        keys.problem("preset_modes", "must come together with `preset_mode_command_topic`");
    }
    Ok(Box::new(Fan {
        state: FanState::default(),
        is_optimistic: keys.flag("optimistic", false),
        command,
        payload_on: keys.string_or("payload_on", "ON"),
        payload_off: keys.string_or("payload_off", "OFF"),
        percentage: Outlet::read(keys, "percentage_command_topic", "percentage_command_template"),
        span: read_span(keys)?,
        percentage_reset: keys.string_or("payload_reset_percentage", NONE),
        preset,
        preset_modes,
        preset_reset,
        oscillation: Outlet::read(
            keys,
            "oscillation_command_topic",
            "oscillation_command_template",
        ),
        oscillation_on: keys.string_or("payload_oscillation_on", "oscillate_on"),
        oscillation_off: keys.string_or("payload_oscillation_off", "oscillate_off"),
        direction: Outlet::read(keys, "direction_command_topic", "direction_command_template"),
        inlets,
    }))
}

/// The device's speeds; its lowest is the first above standing still.
fn read_span(keys: &mut Keys<'_>) -> Result<Span, Reject> {
    let min = keys.positive_int("speed_range_min").unwrap_or(1);
    let max = keys.positive_int("speed_range_max").unwrap_or(100);
    let span = Span::new(min - 1, max).filter(|_| min > 0 && min < max);
    if span.is_none() {
        keys.problem("speed_range_max", "must be above `speed_range_min`, which must be above 0");
    }
    span.or_else(|| Span::new(0, 100)).ok_or_else(|| keys.missing("speed_range_max"))
}

impl Fan {
    fn assumes(&self, slot: Slot) -> bool {
        self.is_optimistic
            || self.inlets.get(usize::from(slot)).is_none_or(|(topic, _)| topic.is_none())
    }

    fn hear(&mut self, slot: Slot, payload: &str) -> Result<Heard, Fault> {
        if payload.is_empty() {
            return Ok(Heard::Nothing);
        }
        match slot {
            STATE => self.state.on = one_of(payload, &self.payload_on, &self.payload_off, "state")?,
            PERCENTAGE => self.state.percentage = self.read_percentage(payload)?,
            PRESET if payload == &*self.preset_reset => self.state.preset = None,
            PRESET => {
                let mode = self.preset_modes.iter().find(|mode| &***mode == payload);
                let mode = mode.ok_or_else(|| unknown("preset", payload))?;
                self.state.preset = Some(Arc::clone(mode));
            }
            OSCILLATION => {
                let (on, off) = (&self.oscillation_on, &self.oscillation_off);
                if let Some(oscillating) = one_of(payload, on, off, "oscillation")? {
                    self.state.oscillating = Some(oscillating);
                }
            }
            DIRECTION => self.state.direction = Some(payload.into()),
            _ => return Ok(Heard::Nothing),
        }
        Ok(Heard::State)
    }

    fn read_percentage(&self, payload: &str) -> Result<Option<u8>, Fault> {
        if payload == &*self.percentage_reset {
            return Ok(None);
        }
        let speed = python::parse_int(payload, 10).and_then(|speed| i64::try_from(speed).ok());
        let Some(speed) = speed else { return Err(unknown("speed", payload)) };
        let percentage = self.span.percentage(speed as f64);
        if !(0.0..=100.0).contains(&percentage) {
            return Err(Fault(format!("speed {speed} is outside the announced range")));
        }
        Ok(Some(percentage as u8))
    }

    fn set_percentage(
        &mut self,
        percentage: u8,
        out: &mut Commands,
        moment: &Moment<'_>,
    ) -> Result<(), Refusal> {
        let speed = self.span.value(percentage).ceil() as i64;
        self.percentage.send_int(out, speed, moment)?;
        if self.assumes(PERCENTAGE) {
            self.state.percentage = Some(percentage);
            out.assumed = true;
        }
        Ok(())
    }

    fn set_preset(
        &mut self,
        word: &Arc<str>,
        out: &mut Commands,
        moment: &Moment<'_>,
    ) -> Result<(), Refusal> {
        self.preset.send_text(out, word, moment)?;
        if self.assumes(PRESET) {
            self.state.preset = Some(Arc::clone(word));
            out.assumed = true;
        }
        Ok(())
    }

    fn assume_on(&mut self, on: bool, out: &mut Commands) {
        if self.assumes(STATE) {
            self.state.on = Some(on);
            out.assumed = true;
        }
    }
}

fn unknown(what: &str, payload: &str) -> Fault {
    Fault(format!("`{}` is no {what} of this fan", short(payload)))
}

/// One of two words, or the word for "not known".
fn one_of(payload: &str, on: &str, off: &str, what: &str) -> Result<Option<bool>, Fault> {
    match payload {
        payload if payload == on => Ok(Some(true)),
        payload if payload == off => Ok(Some(false)),
        NONE => Ok(None),
        _ => Err(unknown(what, payload)),
    }
}

impl Component for Fan {
    fn caps(&self) -> Caps {
        let steps = self.span.steps().min(100) as u8;
        Caps::Fan(Box::new(FanCaps {
            n_speeds: self.percentage.is_there().then_some(steps),
            preset_modes: self.preset.is_there().then(|| self.preset_modes.clone()),
            can_oscillate: self.oscillation.is_there(),
            has_direction: self.direction.is_there(),
        }))
    }

    fn topics(&self, topics: &mut Topics) {
        for (slot, (topic, _)) in (0..).zip(&self.inlets) {
            topics.add(topic.as_ref(), slot);
        }
    }

    fn state(&self) -> State {
        State::Fan(self.state.clone())
    }

    fn adopt(&mut self, state: State) {
        if let State::Fan(state) = state {
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
        let Action::Fan(wish) = action else { return Err(Refusal::CannotDo("fan")) };
        let mut out = Commands::default();
        match wish {
            Wish::TurnOn { percentage, preset } => {
                self.command.send_text(&mut out, &self.payload_on, moment)?;
                if let Some(percentage) = percentage {
                    self.set_percentage(*percentage, &mut out, moment)?;
                }
                if let Some(word) = preset {
                    self.set_preset(word, &mut out, moment)?;
                }
                self.assume_on(true, &mut out);
            }
            Wish::TurnOff => {
                self.command.send_text(&mut out, &self.payload_off, moment)?;
                self.assume_on(false, &mut out);
            }
            Wish::SetPercentage(percentage) => {
                self.set_percentage(*percentage, &mut out, moment)?;
            }
            Wish::SetPreset(word) => self.set_preset(word, &mut out, moment)?,
            Wish::Oscillate(oscillating) => {
                let payload =
                    if *oscillating { &self.oscillation_on } else { &self.oscillation_off };
                self.oscillation.send_text(&mut out, payload, moment)?;
                if self.assumes(OSCILLATION) {
                    self.state.oscillating = Some(*oscillating);
                    out.assumed = true;
                }
            }
            Wish::SetDirection(direction) => {
                self.direction.send_text(&mut out, direction.word(), moment)?;
                if self.assumes(DIRECTION) {
                    self.state.direction = Some(direction.word().into());
                    out.assumed = true;
                }
            }
            Wish::Toggle | Wish::Increase(_) | Wish::Decrease(_) => {
                return Err(Refusal::CannotDo("toggle"));
            }
        }
        Ok(out)
    }

    fn assumes_state(&self) -> bool {
        self.assumes(STATE)
    }

    fn reserved_attributes(&self) -> &'static [&'static str] {
        &[
            "direction",
            "oscillating",
            "percentage",
            "percentage_step",
            "preset_mode",
            "preset_modes",
        ]
    }
}
