//! Switches.

use std::sync::Arc;

use super::{
    Commands, Component, Fault, Heard, Moment, NONE, Slot, Topics, command_payload, value,
};
use crate::home::action::Refusal;
use crate::home::domain::switch::{Action as Wish, Caps as SwitchCaps, State as SwitchState};
use crate::home::domain::{Action, Caps, State};
use crate::mqtt::keys::{Keys, Reject};
use crate::mqtt::message::Message;
use crate::template::{Template, Variable};

const STATE: Slot = 0;

struct Switch {
    state: SwitchState,
    state_topic: Option<Arc<str>>,
    value_template: Option<Template>,
    state_on: Arc<str>,
    state_off: Arc<str>,
    command_topic: Arc<str>,
    command_template: Option<Template>,
    payload_on: Arc<str>,
    payload_off: Arc<str>,
    is_optimistic: bool,
}

/// Reads the keys of a switch.
pub(super) fn read(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    let state_topic = keys.topic("state_topic");
    let payload_on = keys.string_or("payload_on", "ON");
    let payload_off = keys.string_or("payload_off", "OFF");
    Ok(Box::new(Switch {
        state: SwitchState::default(),
        is_optimistic: keys.flag("optimistic", false) || state_topic.is_none(),
        state_topic,
        value_template: keys.template("value_template"),
        state_on: keys.string("state_on").unwrap_or_else(|| Arc::clone(&payload_on)),
        state_off: keys.string("state_off").unwrap_or_else(|| Arc::clone(&payload_off)),
        command_topic: keys.required_publish_topic("command_topic")?,
        command_template: keys.template("command_template"),
        payload_on,
        payload_off,
    }))
}

impl Component for Switch {
    fn caps(&self) -> Caps {
        Caps::Switch(Box::new(SwitchCaps {}))
    }

    fn topics(&self, topics: &mut Topics) {
        topics.add(self.state_topic.as_ref(), STATE);
    }

    fn state(&self) -> State {
        State::Switch(self.state.clone())
    }

    fn adopt(&mut self, state: State) {
        if let State::Switch(state) = state {
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
        self.state.on = if *payload == *self.state_on {
            Some(true)
        } else if *payload == *self.state_off {
            Some(false)
        } else if payload == NONE {
            None
        } else {
            return Ok(Heard::Nothing);
        };
        Ok(Heard::State)
    }

    fn command(&mut self, action: &Action, moment: &mut Moment<'_>) -> Result<Commands, Refusal> {
        let Action::Switch(wish) = action else { return Err(Refusal::CannotDo("switch")) };
        let on = matches!(wish, Wish::TurnOn);
        let payload = if on { &self.payload_on } else { &self.payload_off };
        let variables = [("value", Variable::from(&**payload))];
        let bytes = command_payload(self.command_template.as_ref(), payload, &variables, moment)?;
        let mut commands = Commands::one(&self.command_topic, bytes);
        if self.is_optimistic {
            self.state.on = Some(on);
            commands.assumed = true;
        }
        Ok(commands)
    }

    fn assumes_state(&self) -> bool {
        self.is_optimistic
    }
}
