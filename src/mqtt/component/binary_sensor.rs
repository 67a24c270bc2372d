//! Sensors with two states.

use std::sync::Arc;
use std::time::Duration;

use super::sensor::short;
use super::{Commands, Component, Fault, Heard, Moment, NONE, Slot, Topics, Waiting, value};
use crate::home::action::Refusal;
use crate::home::domain::binary_sensor::{Caps as BinaryCaps, State as BinaryState};
use crate::home::domain::{Action, Caps, State};
use crate::mqtt::keys::{Keys, Reject};
use crate::mqtt::message::Message;
use crate::template::Template;

const STATE: Slot = 0;

struct BinarySensor {
    state: BinaryState,
    topic: Arc<str>,
    value_template: Option<Template>,
    payload_on: Arc<str>,
    payload_off: Arc<str>,
    /// Off by itself after this time: a motion sensor that never says "no more".
    off_delay: Option<Duration>,
    expire_after: Option<Duration>,
    is_expired: bool,
    /// How much longer the value holds when `off_delay` ends before it.
    expires_in: Option<Duration>,
}

/// Reads the keys of a binary sensor.
pub(super) fn read(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    let seconds = |keys: &mut Keys<'_>, key| {
        let seconds = keys.positive_int(key).filter(|seconds| *seconds > 0);
        seconds.map(|seconds| Duration::from_secs(seconds as u64))
    };
    let expire_after = seconds(keys, "expire_after");
    Ok(Box::new(BinarySensor {
        state: BinaryState::default(),
        topic: keys.required_topic("state_topic")?,
        value_template: keys.template("value_template"),
        payload_on: keys.string_or("payload_on", "ON"),
        payload_off: keys.string_or("payload_off", "OFF"),
        off_delay: seconds(keys, "off_delay"),
        expire_after,
        is_expired: expire_after.is_some(),
        expires_in: None,
    }))
}

impl Component for BinarySensor {
    fn caps(&self) -> Caps {
        Caps::BinarySensor(Box::new(BinaryCaps {}))
    }

    fn topics(&self, topics: &mut Topics) {
        topics.add(Some(&self.topic), STATE);
    }

    fn state(&self) -> State {
        State::BinarySensor(self.state.clone())
    }

    fn adopt(&mut self, state: State) {
        if let State::BinarySensor(state) = state {
            self.state = state;
        }
    }

    fn receive(
        &mut self,
        _: Slot,
        message: &Message<'_>,
        moment: &mut Moment<'_>,
    ) -> Result<Heard, Fault> {
        if let Some(delay) = self.expire_after {
            self.is_expired = false;
            self.expires_in = None;
            moment.wake_in = Some(delay);
        }
        let payload = value(self.value_template.as_ref(), message, moment)?;
        if payload.trim().is_empty() {
            return Ok(Heard::Nothing);
        }
        self.state.on = if *payload == *self.payload_on {
            Some(true)
        } else if *payload == *self.payload_off {
            Some(false)
        } else if payload == NONE {
            None
        } else {
            return Err(Fault(format!(
                "`{}` is neither `{}` nor `{}`",
                short(&payload),
                self.payload_on,
                self.payload_off
            )));
        };
        if self.state.on == Some(true)
            && let Some(off_delay) = self.off_delay
        {
            match self.expire_after {
                Some(expire_after) if expire_after <= off_delay => {}
                Some(expire_after) => {
                    self.expires_in = Some(expire_after - off_delay);
                    moment.wake_in = Some(off_delay);
                }
                None => moment.wake_in = Some(off_delay),
            }
        }
        Ok(Heard::State)
    }

    fn command(&mut self, _: &Action, _: &mut Moment<'_>) -> Result<Commands, Refusal> {
        Err(Refusal::CannotDo("binary_sensor"))
    }

    fn wake(&mut self, moment: &mut Moment<'_>) -> Heard {
        match self.waiting() {
            Waiting::Nothing => return Heard::Nothing,
            Waiting::Expiry => {
                self.is_expired = true;
                return Heard::Nothing;
            }
            Waiting::Off { expires_in } => moment.wake_in = expires_in,
        }
        self.expires_in = None;
        self.state.on = Some(false);
        Heard::State
    }

    fn waiting(&self) -> Waiting {
        match self.expires_in {
            Some(rest) => Waiting::Off { expires_in: Some(rest) },
            None if self.expire_after.is_some() && self.is_expired => Waiting::Nothing,
            None if self.expire_after.is_some() => Waiting::Expiry,
            None if self.off_delay.is_some() => Waiting::Off { expires_in: None },
            None => Waiting::Nothing,
        }
    }

    fn wait_on(&mut self, waiting: Waiting) -> bool {
        match (waiting, self.expire_after, self.off_delay) {
            (Waiting::Expiry, Some(_), _) => self.is_expired = false,
            (Waiting::Off { expires_in: Some(rest) }, Some(_), Some(_)) => {
                self.is_expired = false;
                self.expires_in = Some(rest);
            }
            (Waiting::Off { expires_in: None }, None, Some(_)) => {}
            // What it waited for is not wished any more, or is wished in another way.
            _ => return false,
        }
        true
    }

    fn is_expired(&self) -> bool {
        self.is_expired
    }
}
