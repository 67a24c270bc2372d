//! Numbers that can be set.

use std::sync::Arc;

use super::sensor::short;
use super::{Commands, Component, Fault, Heard, Moment, Slot, Topics, command_payload, value};
use crate::home::action::Refusal;
use crate::home::domain::number::{Action as Wish, Caps as NumberCaps, State as NumberState};
use crate::home::domain::{Action, Caps, State};
use crate::mqtt::keys::{Keys, Reject};
use crate::mqtt::message::Message;
use crate::template::{Template, Variable, python};

const STATE: Slot = 0;

struct Number {
    state: NumberState,
    caps: NumberCaps,
    state_topic: Option<Arc<str>>,
    value_template: Option<Template>,
    command_topic: Arc<str>,
    command_template: Option<Template>,
    payload_reset: Arc<str>,
    is_optimistic: bool,
}

/// Reads the keys of a number.
pub(super) fn read(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    let defaults = NumberCaps::default();
    let mut caps = NumberCaps {
        min: keys.float_or("min", defaults.min),
        max: keys.float_or("max", defaults.max),
        step: keys.float_or("step", defaults.step),
        mode: keys.choice("mode", &["auto", "box", "slider"]).unwrap_or(defaults.mode),
    };
    if caps.step < 0.001 {
        keys.problem("step", "must be at least 0.001");
        caps.step = defaults.step;
    }
    if caps.min > caps.max {
        return Err(Reject("`max` must not be less than `min`".to_owned()));
    }
    let state_topic = keys.topic("state_topic");
    Ok(Box::new(Number {
        state: NumberState::default(),
        caps,
        is_optimistic: keys.flag("optimistic", false) || state_topic.is_none(),
        state_topic,
        value_template: keys.template("value_template"),
        command_topic: keys.required_publish_topic("command_topic")?,
        command_template: keys.template("command_template"),
        payload_reset: keys.string_or("payload_reset", "None"),
    }))
}

impl Component for Number {
    fn caps(&self) -> Caps {
        Caps::Number(Box::new(self.caps.clone()))
    }

    fn topics(&self, topics: &mut Topics) {
        topics.add(self.state_topic.as_ref(), STATE);
    }

    fn state(&self) -> State {
        State::Number(self.state.clone())
    }

    fn adopt(&mut self, state: State) {
        if let State::Number(state) = state {
            self.state = state;
        }
    }

    fn receive(
        &mut self,
        _: Slot,
        message: &Message<'_>,
        moment: &mut Moment<'_>,
    ) -> Result<Heard, Fault> {
        let payload = value(self.value_template.as_ref(), message, moment)?;
        if payload.trim().is_empty() {
            return Ok(Heard::Nothing);
        }
        if *payload == *self.payload_reset {
            self.state.value = None;
            return Ok(Heard::State);
        }
        let Some(number) = python::parse_float(&payload).filter(|number| number.is_finite()) else {
            return Err(Fault(format!("`{}` is no number", short(&payload))));
        };
        if !(self.caps.min..=self.caps.max).contains(&number) {
            let (min, max) = (self.caps.min, self.caps.max);
            return Err(Fault(format!("{number} is outside {min} to {max}")));
        }
        self.state.value = Some(spell(&payload, number).into());
        Ok(Heard::State)
    }

    fn command(&mut self, action: &Action, moment: &mut Moment<'_>) -> Result<Commands, Refusal> {
        let Action::Number(Wish::Set(number)) = action else {
            return Err(Refusal::CannotDo("number"));
        };
        // Whole numbers are sent without a fraction.
        let is_whole = number.fract() == 0.0 && number.abs() < 9.2e18;
        let (text, variable) = if is_whole {
            ((*number as i64).to_string(), Variable::from(*number as i64))
        } else {
            (python::float_repr(*number), Variable::from(*number))
        };
        let variables = [("value", variable)];
        let bytes = command_payload(self.command_template.as_ref(), &text, &variables, moment)?;
        let mut commands = Commands::one(&self.command_topic, bytes);
        if self.is_optimistic {
            self.state.value = Some(text.into());
            commands.assumed = true;
        }
        Ok(commands)
    }

    fn assumes_state(&self) -> bool {
        self.is_optimistic
    }
}

/// Digits alone stay a whole number; anything else is a float as Python writes it.
fn spell(payload: &str, number: f64) -> String {
    if !payload.is_empty() && payload.bytes().all(|byte| byte.is_ascii_digit()) {
        let digits = payload.trim_start_matches('0');
        return if digits.is_empty() { "0".to_owned() } else { digits.to_owned() };
    }
    python::float_repr(number)
}
