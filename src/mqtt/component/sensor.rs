//! Sensors.

use std::sync::Arc;
use std::time::Duration;

use super::{Commands, Component, Fault, Heard, Moment, NONE, Slot, Topics, Waiting, value};
use crate::home::action::Refusal;
use crate::home::domain::sensor::{Caps as SensorCaps, State as SensorState};
use crate::home::domain::{Action, Caps, State};
use crate::mqtt::keys::{Keys, Reject};
use crate::mqtt::message::Message;
use crate::mqtt::units::Conversion;
use crate::template::{Template, python};

const STATE: Slot = 0;
/// Longer values are not kept: Home Assistant's limit of a state.
const MAX_STATE: usize = 255;

struct Sensor {
    state: SensorState,
    caps: SensorCaps,
    kind: Kind,
    conversion: Option<Conversion>,
    /// The producer says how many decimals to show: a converted value is not rounded.
    has_precision: bool,
    topic: Arc<str>,
    value_template: Option<Template>,
    last_reset_template: Option<Template>,
    expire_after: Option<Duration>,
    is_expired: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Number,
    Word,
    Date,
    Timestamp,
}

/// Reads the keys of a sensor.
pub(super) fn read(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    let class = keys.traits.device_class.clone();
    let mut options = keys.list("options");
    let state_class = keys
        .choice("state_class", &["measurement", "measurement_angle", "total", "total_increasing"])
        .map(|class| keys.intern(class));
    let precision = keys.positive_int("suggested_display_precision");
    if options.as_ref().is_some_and(Vec::is_empty) {
        keys.problem("options", "must not be empty");
        options = None;
    }
    if options.is_some() && (state_class.is_some() || keys.traits.unit.is_some()) {
        keys.problem("options", "has no place beside a state class or a unit");
        options = None;
    }
    let kind = match class.as_deref() {
        Some("date") => Kind::Date,
        Some("timestamp" | "uptime") => Kind::Timestamp,
        Some("enum") => Kind::Word,
        Some(_) => Kind::Number,
        None if options.is_some() => Kind::Word,
        None => {
            let is_number =
                state_class.is_some() || keys.traits.unit.is_some() || precision.is_some();
            if is_number { Kind::Number } else { Kind::Word }
        }
    };
    let last_reset_template = keys.template("last_reset_value_template");
    if last_reset_template.is_some() && state_class.as_deref() != Some("total") {
        keys.problem("last_reset_value_template", "is for the state class `total` only");
    }
    let conversion = Conversion::of(class.as_deref(), keys.traits.unit.as_deref());
    if let Some(conversion) = &conversion {
        keys.traits.unit = Some(keys.intern(conversion.to));
    }
    let expire_after = keys.positive_int("expire_after").filter(|seconds| *seconds > 0);
    Ok(Box::new(Sensor {
        state: SensorState::default(),
        kind,
        conversion,
        has_precision: precision.is_some(),
        topic: keys.required_topic("state_topic")?,
        value_template: keys.template("value_template"),
        expire_after: expire_after.map(|seconds| Duration::from_secs(seconds as u64)),
        is_expired: expire_after.is_some(),
        caps: SensorCaps {
            options,
            is_numeric: kind == Kind::Number,
            has_last_reset: last_reset_template.is_some()
                && state_class.as_deref() == Some("total"),
            state_class,
        },
        last_reset_template,
    }))
}

impl Component for Sensor {
    fn caps(&self) -> Caps {
        Caps::Sensor(Box::new(self.caps.clone()))
    }

    fn topics(&self, topics: &mut Topics) {
        topics.add(Some(&self.topic), STATE);
    }

    fn state(&self) -> State {
        State::Sensor(self.state.clone())
    }

    fn adopt(&mut self, state: State) {
        if let State::Sensor(state) = state {
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
            moment.wake_in = Some(delay);
        }
        let mut heard = Heard::Nothing;
        let payload = value(self.value_template.as_ref(), message, moment)?;
        if payload == NONE {
            self.state.value = None;
            heard = Heard::State;
        } else if let Some(new) = self.understand(&payload)? {
            if self.state.value.as_deref() != Some(&new) {
                self.state.value = Some(new.into());
            }
            heard = Heard::State;
        }
        if let Some(template) = &self.last_reset_template {
            let text = value(Some(template), message, moment)?;
            if !text.is_empty() {
                let at = super::datetime::moment(&text).ok_or_else(|| {
                    Fault(format!("`last_reset_value_template`: `{text}` is no moment in time"))
                })?;
                self.state.last_reset = Some(at.into());
                heard = Heard::State;
            }
        }
        Ok(heard)
    }

    fn command(&mut self, _: &Action, _: &mut Moment<'_>) -> Result<Commands, Refusal> {
        Err(Refusal::CannotDo("sensor"))
    }

    fn wake(&mut self, _: &mut Moment<'_>) -> Heard {
        self.is_expired = self.expire_after.is_some();
        Heard::Nothing
    }

    fn waiting(&self) -> Waiting {
        if self.is_expired || self.expire_after.is_none() {
            Waiting::Nothing
        } else {
            Waiting::Expiry
        }
    }

    fn wait_on(&mut self, waiting: Waiting) -> bool {
        let holds = self.expire_after.is_some() && waiting == Waiting::Expiry;
        if holds {
            self.is_expired = false;
        }
        holds
    }

    fn is_expired(&self) -> bool {
        self.is_expired
    }
}

impl Sensor {
    /// The value as the house keeps it; `None` when the payload says nothing.
    fn understand(&self, payload: &str) -> Result<Option<String>, Fault> {
        match self.kind {
            Kind::Number => {
                if payload.is_empty() {
                    return Ok(None);
                }
                let number = python::parse_float(payload).filter(|number| number.is_finite());
                if number.is_none() {
                    return Err(Fault(format!("`{}` is no number", short(payload))));
                }
                Ok(Some(match &self.conversion {
                    None => payload.to_owned(),
                    Some(conversion) => conversion.convert(payload, self.has_precision),
                }))
            }
            Kind::Word => {
                if let Some(options) = &self.caps.options
                    && !options.iter().any(|option| **option == *payload)
                {
                    return Err(Fault(format!("`{}` is none of its options", short(payload))));
                }
                if payload.chars().count() > MAX_STATE {
                    return Err(Fault(format!("a value of more than {MAX_STATE} characters")));
                }
                Ok(Some(payload.to_owned()))
            }
            Kind::Date => super::datetime::date(payload)
                .map(Some)
                .ok_or_else(|| Fault(format!("`{}` is no date", short(payload)))),
            Kind::Timestamp => super::datetime::moment(payload).map(Some).ok_or_else(|| {
                Fault(format!("`{}` is no moment in time with a zone", short(payload)))
            }),
        }
    }
}

/// Enough of a payload to know it again in a message to the owner.
pub(super) fn short(payload: &str) -> String {
    payload.chars().take(60).collect()
}
