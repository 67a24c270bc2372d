//! Things that happen.

use std::sync::Arc;

use serde_json::Value as Json;

use super::sensor::short;
use super::{Commands, Component, Fault, Heard, Moment, NONE, Slot, Topics, value};
use crate::home::action::Refusal;
use crate::home::domain::event::{Caps as EventCaps, Happened, State as EventState};
use crate::home::domain::{Action, Caps, State};
use crate::json::from_json;
use crate::mqtt::keys::{Keys, Reject};
use crate::mqtt::message::Message;
use crate::template::Template;

const STATE: Slot = 0;

struct EventEntity {
    state: EventState,
    event_types: Vec<Arc<str>>,
    topic: Arc<str>,
    value_template: Option<Template>,
}

/// Reads the keys of an event.
pub(super) fn read(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    Ok(Box::new(EventEntity {
        state: EventState::default(),
        event_types: keys.list("event_types").ok_or_else(|| keys.missing("event_types"))?,
        topic: keys.required_topic("state_topic")?,
        value_template: keys.template("value_template"),
    }))
}

impl Component for EventEntity {
    fn caps(&self) -> Caps {
        Caps::Event(Box::new(EventCaps { event_types: self.event_types.clone() }))
    }

    fn topics(&self, topics: &mut Topics) {
        topics.add(Some(&self.topic), STATE);
    }

    fn state(&self) -> State {
        State::Event(self.state.clone())
    }

    fn adopt(&mut self, state: State) {
        if let State::Event(state) = state {
            self.state = state;
        }
    }

    fn receive(
        &mut self,
        _: Slot,
        message: &Message<'_>,
        moment: &mut Moment<'_>,
    ) -> Result<Heard, Fault> {
        // What the broker kept happened some time ago: it is no event now.
        if message.is_retained {
            return Ok(Heard::Nothing);
        }
        let payload = value(self.value_template.as_ref(), message, moment)?;
        if payload.is_empty() || payload == NONE || payload == "{}" {
            return Ok(Heard::Nothing);
        }
        let Ok(Json::Object(mut data)) = serde_json::from_str::<Json>(&payload) else {
            return Err(Fault(format!("`{}` is no JSON object", short(&payload))));
        };
        let Some(Json::String(event_type)) = data.shift_remove("event_type") else {
            return Err(Fault(format!("`{}` names no `event_type`", short(&payload))));
        };
        let Some(event_type) = self.event_types.iter().find(|known| ***known == *event_type) else {
            return Err(Fault(format!("`{}` is none of its event types", short(&event_type))));
        };
        self.state.last = Some(Box::new(Happened {
            at: moment.scope.clock.now(),
            event_type: Arc::clone(event_type),
            data: data
                .iter()
                .map(|(name, value)| (name.as_str().into(), from_json(value)))
                .collect(),
        }));
        Ok(Heard::Event)
    }

    fn command(&mut self, _: &Action, _: &mut Moment<'_>) -> Result<Commands, Refusal> {
        Err(Refusal::CannotDo("event"))
    }
}
