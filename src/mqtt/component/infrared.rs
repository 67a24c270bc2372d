//! Infrared senders and receivers.

use std::sync::Arc;

use serde_json::json;

use super::{Commands, Component, Fault, Heard, Moment, Slot, Topics, command_payload, value};
use crate::home::action::Refusal;
use crate::home::domain::infrared::{Action as Wish, Caps as InfraredCaps, State as InfraredState};
use crate::home::domain::{Action, Caps, State};
use crate::mqtt::keys::{Keys, Reject};
use crate::mqtt::message::Message;
use crate::template::{Template, Variable};

const STATE: Slot = 0;

struct Infrared {
    state: InfraredState,
    way: Way,
}

enum Way {
    Emitter { topic: Arc<str>, template: Option<Template> },
    Receiver { topic: Arc<str>, template: Option<Template> },
}

/// Reads the keys of an infrared sender or receiver.
pub(super) fn read(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    let way = match keys.choice("schema", &["emitter", "receiver"]) {
        Some("emitter") => Way::Emitter {
            topic: keys.required_publish_topic("command_topic")?,
            template: keys.template("command_template"),
        },
        Some(_) => Way::Receiver {
            topic: keys.required_topic("state_topic")?,
            template: keys.template("value_template"),
        },
        None => return Err(keys.missing("schema")),
    };
    Ok(Box::new(Infrared { state: InfraredState::default(), way }))
}

impl Component for Infrared {
    fn caps(&self) -> Caps {
        let is_emitter = matches!(self.way, Way::Emitter { .. });
        Caps::Infrared(Box::new(InfraredCaps { is_emitter }))
    }

    fn topics(&self, topics: &mut Topics) {
        if let Way::Receiver { topic, .. } = &self.way {
            topics.add(Some(topic), STATE);
        }
    }

    fn state(&self) -> State {
        State::Infrared(self.state.clone())
    }

    fn adopt(&mut self, state: State) {
        if let State::Infrared(state) = state {
            self.state = state;
        }
    }

    fn receive(
        &mut self,
        _: Slot,
        message: &Message<'_>,
        moment: &mut Moment<'_>,
    ) -> Result<Heard, Fault> {
        let Way::Receiver { template, .. } = &self.way else { return Ok(Heard::Nothing) };
        // A code that the broker kept was received some time ago.
        if message.is_retained {
            return Ok(Heard::Nothing);
        }
        let payload = value(template.as_ref(), message, moment)?;
        let code: serde_json::Value = serde_json::from_str(&payload)
            .map_err(|error| Fault(format!("the code is not JSON: {error}")))?;
        if !code.get("timings").is_some_and(serde_json::Value::is_array) {
            return Err(Fault("the code has no `timings`".to_owned()));
        }
        self.state.at = Some(moment.scope.clock.now());
        Ok(Heard::Event)
    }

    fn command(&mut self, action: &Action, moment: &mut Moment<'_>) -> Result<Commands, Refusal> {
        let (Action::Infrared(Wish::Send(code)), Way::Emitter { topic, template }) =
            (action, &self.way)
        else {
            return Err(Refusal::CannotDo("send_command"));
        };
        let json = json!({ "timings": code.timings, "modulation": code.modulation });
        let text = json.to_string();
        let variables = [("value", Variable::from(&*text))];
        let bytes = command_payload(template.as_ref(), &text, &variables, moment)?;
        self.state.at = Some(moment.scope.clock.now());
        let mut commands = Commands::one(topic, bytes);
        commands.assumed = true;
        Ok(commands)
    }
}
