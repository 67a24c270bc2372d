//! Where a person's or thing's tag is.

use std::sync::Arc;

use super::{Commands, Component, Fault, Heard, Moment, Slot, Topics, value};
use crate::home::action::Refusal;
use crate::home::domain::device_tracker::{Caps as TrackerCaps, State as TrackerState};
use crate::home::domain::{Action, Caps, State};
use crate::mqtt::keys::{Keys, Reject};
use crate::mqtt::message::Message;
use crate::template::Template;

const STATE: Slot = 0;

struct DeviceTracker {
    state: TrackerState,
    caps: TrackerCaps,
    topic: Option<Arc<str>>,
    value_template: Option<Template>,
    payload_home: Arc<str>,
    payload_not_home: Arc<str>,
    payload_reset: Arc<str>,
}

/// Reads the keys of a tracker.
pub(super) fn read(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    let sources = ["gps", "router", "bluetooth", "bluetooth_le"];
    let topic = keys.topic("state_topic");
    if topic.is_none() && !keys.has_attributes_topic {
        return Err(Reject("`state_topic` or `json_attributes_topic` is missing".to_owned()));
    }
    Ok(Box::new(DeviceTracker {
        state: TrackerState::default(),
        caps: TrackerCaps { source_type: keys.choice("source_type", &sources).unwrap_or("gps") },
        topic,
        value_template: keys.template("value_template"),
        payload_home: keys.string_or("payload_home", "home"),
        payload_not_home: keys.string_or("payload_not_home", "not_home"),
        payload_reset: keys.string_or("payload_reset", "None"),
    }))
}

impl Component for DeviceTracker {
    fn caps(&self) -> Caps {
        Caps::DeviceTracker(Box::new(self.caps.clone()))
    }

    fn topics(&self, topics: &mut Topics) {
        topics.add(self.topic.as_ref(), STATE);
    }

    fn state(&self) -> State {
        State::DeviceTracker(self.state.clone())
    }

    fn adopt(&mut self, state: State) {
        if let State::DeviceTracker(state) = state {
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
        self.state.place = if *payload == *self.payload_home {
            Some("home".into())
        } else if *payload == *self.payload_not_home {
            Some("not_home".into())
        } else if *payload == *self.payload_reset {
            None
        } else if payload.chars().count() > 255 {
            return Err(Fault("the name of a place has at most 255 characters".to_owned()));
        } else {
            Some((*payload).into())
        };
        Ok(Heard::State)
    }

    fn command(&mut self, _: &Action, _: &mut Moment<'_>) -> Result<Commands, Refusal> {
        Err(Refusal::CannotDo("device_tracker"))
    }
}
