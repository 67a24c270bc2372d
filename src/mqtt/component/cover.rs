//! Blinds, curtains, shutters, gates and garage doors.

use std::sync::Arc;

use super::percentage::{Span, clamped};
use super::thermal::short;
use super::{
    Commands, Component, Fault, Heard, Moment, NONE, Slot, Topics, command_payload, value,
};
use crate::home::action::Refusal;
use crate::home::domain::cover::{Action as Wish, Caps as CoverCaps, Moving, State as CoverState};
use crate::home::domain::{Action, Caps, State};
use crate::mqtt::keys::{Keys, Reject};
use crate::mqtt::message::Message;
use crate::template::{Template, Variable, python};

const POSITION: Slot = 0;
const STATE: Slot = 1;
const TILT: Slot = 2;

struct Cover {
    state: CoverState,
    state_topic: Option<Arc<str>>,
    value_template: Option<Template>,
    words: Words,
    command_topic: Option<Arc<str>>,
    payload_open: Option<Arc<str>>,
    payload_close: Option<Arc<str>>,
    payload_stop: Option<Arc<str>>,
    position: Position,
    tilt: Tilt,
    is_optimistic: bool,
}

/// What the device says of its state.
struct Words {
    open: Arc<str>,
    opening: Arc<str>,
    closed: Arc<str>,
    closing: Arc<str>,
    stopped: Arc<str>,
}

struct Position {
    topic: Option<Arc<str>>,
    template: Option<Template>,
    command_topic: Option<Arc<str>>,
    command_template: Option<Template>,
    closed: i64,
    open: i64,
    span: Option<Span>,
}

struct Tilt {
    topic: Option<Arc<str>>,
    template: Option<Template>,
    command_topic: Option<Arc<str>>,
    command_template: Option<Template>,
    payload_stop: Option<Arc<str>>,
    closed: i64,
    opened: i64,
    min: i64,
    max: i64,
    span: Option<Span>,
    /// Announced as reporting nothing.
    is_set_optimistic: bool,
    is_optimistic: bool,
}

/// Reads the keys of a cover.
pub(super) fn read(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    let payload = |keys: &mut Keys<'_>, key: &str, default: &str| {
        keys.nullable_string(key).unwrap_or_else(|| Some(keys.intern(default)))
    };
    let mut cover = Cover {
        state: CoverState::default(),
        state_topic: keys.topic("state_topic"),
        value_template: keys.template("value_template"),
        words: Words {
            open: keys.string_or("state_open", "open"),
            opening: keys.string_or("state_opening", "opening"),
            closed: keys.string_or("state_closed", "closed"),
            closing: keys.string_or("state_closing", "closing"),
            stopped: keys.string_or("state_stopped", "stopped"),
        },
        command_topic: keys.publish_topic("command_topic"),
        payload_open: payload(keys, "payload_open", "OPEN"),
        payload_close: payload(keys, "payload_close", "CLOSE"),
        payload_stop: payload(keys, "payload_stop", "STOP"),
        position: Position::read(keys),
        tilt: Tilt::read(keys, payload),
        is_optimistic: keys.flag("optimistic", false),
    };
    let (position, tilt) = (&cover.position, &cover.tilt);
    let reports_nothing =
        position.topic.is_none() && cover.state_topic.is_none() && tilt.topic.is_none();
    cover.is_optimistic |= reports_nothing;
    Ok(Box::new(cover))
}

impl Position {
    fn read(keys: &mut Keys<'_>) -> Self {
        let closed = keys.int("position_closed").unwrap_or(0);
        let open = keys.int("position_open").unwrap_or(100);
        let topic = keys.topic("position_topic");
        let mut command_topic = keys.publish_topic("set_position_topic");
        if topic.is_none() && command_topic.take().is_some() {
            keys.problem("set_position_topic", "must come together with `position_topic`");
        }
        let span = Span::new(closed, open);
        if span.is_none() {
            keys.problem("position_open", "must not be the same as `position_closed`");
        }
        Self {
            topic,
            template: keys.template("position_template"),
            command_topic,
            command_template: keys.template("set_position_template"),
            closed,
            open,
            span,
        }
    }
}

impl Tilt {
    fn read(
        keys: &mut Keys<'_>,
        payload: impl Fn(&mut Keys<'_>, &str, &str) -> Option<Arc<str>>,
    ) -> Self {
        let topic = keys.topic("tilt_status_topic");
        let min = keys.int("tilt_min").unwrap_or(0);
        let max = keys.int("tilt_max").unwrap_or(100);
        let is_set_optimistic = keys.flag("tilt_optimistic", false);
        let span = Span::new(min, max);
        if span.is_none() {
            keys.problem("tilt_max", "must not be the same as `tilt_min`");
        }
        Self {
            is_set_optimistic,
            is_optimistic: is_set_optimistic || topic.is_none(),
            topic,
            template: keys.template("tilt_status_template"),
            command_topic: keys.publish_topic("tilt_command_topic"),
            command_template: keys.template("tilt_command_template"),
            payload_stop: payload(keys, "payload_stop_tilt", "STOP"),
            closed: keys.int("tilt_closed_value").unwrap_or(0),
            opened: keys.int("tilt_opened_value").unwrap_or(100),
            min,
            max,
            span,
        }
    }

    /// A device's value as a percentage.
    fn percentage(&self, value: i64) -> Option<u8> {
        self.span.map(|span| clamped(span.percentage(value as f64)))
    }
}

impl Cover {
    fn hear_state(&mut self, payload: &str) -> Result<Heard, Fault> {
        let words = &self.words;
        let is_closed = self.state.is_closed;
        let moving = self.state.moving;
        let (is_closed, moving) = if payload.is_empty() {
            return Ok(Heard::Nothing);
        } else if payload == &*words.stopped {
            let is_closed = match self.position.topic {
                Some(_) => self.state.position == Some(0),
                None => match moving {
                    Some(moving) => moving == Moving::Closing,
                    None => is_closed == Some(true),
                },
            };
            (Some(is_closed), None)
        } else if payload == &*words.opening {
            (Some(false), Some(Moving::Opening))
        } else if payload == &*words.closing {
            (Some(false), Some(Moving::Closing))
        } else if payload == &*words.open {
            (Some(false), None)
        } else if payload == &*words.closed {
            (Some(true), None)
        } else if payload == NONE {
            (None, None)
        } else {
            return Err(Fault(format!(
                "`{}` is no state of a cover that was announced",
                short(payload)
            )));
        };
        self.state.tell(is_closed, moving);
        Ok(Heard::State)
    }

    fn hear_position(&mut self, payload: &str) -> Result<Heard, Fault> {
        if payload.is_empty() {
            return Ok(Heard::Nothing);
        }
        let mut tilt = Ok(Heard::Nothing);
        let mut text = payload.to_owned();
        if let Ok(serde_json::Value::Object(map)) = serde_json::from_str(payload) {
            let Some(position) = map.get("position") else {
                return Err(Fault("the position message has no `position`".to_owned()));
            };
            if let Some(value) = map.get("tilt_position") {
                // It reports the tilt after all.
                self.tilt.is_optimistic = self.tilt.is_set_optimistic;
                tilt = self.hear_tilt(&python::str_of_json(value));
            }
            text = python::str_of_json(position);
        }
        let number = python::parse_float(&text).filter(|number| number.is_finite());
        let (Some(number), Some(span)) = (number, self.position.span) else {
            return match tilt {
                Ok(Heard::Nothing) => {
                    Err(Fault(format!("position: `{}` is not a number", short(&text))))
                }
                tilt => tilt,
            };
        };
        let position = clamped(span.percentage(number));
        self.state.position = Some(position);
        if self.state_topic.is_none() {
            self.state.tell(Some(position == 0), None);
        }
        Ok(Heard::State)
    }

    fn hear_tilt(&mut self, payload: &str) -> Result<Heard, Fault> {
        if payload.is_empty() {
            return Ok(Heard::Nothing);
        }
        let number = python::parse_float(payload).filter(|number| number.is_finite());
        let Some(number) = number.map(f64::round_ties_even) else {
            return Err(Fault(format!("tilt: `{}` is not a number", short(payload))));
        };
        let (min, max) = (self.tilt.min.min(self.tilt.max), self.tilt.min.max(self.tilt.max));
        if number < min as f64 || number > max as f64 {
            return Err(Fault(format!("tilt: {number} is outside {min} to {max}")));
        }
        self.state.tilt = self.tilt.percentage(number as i64);
        Ok(Heard::State)
    }

    /// A message with a position, percent or the device's own, in the form of a template.
    fn positioned(
        &self,
        template: Option<&Template>,
        value: i64,
        name: &str,
        given: i64,
        moment: &Moment<'_>,
    ) -> Result<Vec<u8>, Refusal> {
        let variables = [
            ("value", Variable::from(value)),
            (name, Variable::from(given)),
            ("position_open", Variable::from(self.position.open)),
            ("position_closed", Variable::from(self.position.closed)),
            ("tilt_min", Variable::from(self.tilt.min)),
            ("tilt_max", Variable::from(self.tilt.max)),
        ];
        command_payload(template, &value.to_string(), &variables, moment)
    }

    /// What happens to the state if nobody reports it.
    fn assume(&mut self, is_closed: bool, position: Option<u8>, commands: &mut Commands) {
        if self.is_optimistic {
            self.state.tell(Some(is_closed), None);
            self.state.position = position.or(self.state.position);
            commands.assumed = true;
        }
    }

    fn command_tilt(
        &mut self,
        value: i64,
        given: i64,
        percentage: Option<u8>,
        moment: &Moment<'_>,
    ) -> Result<Commands, Refusal> {
        let template = self.tilt.command_template.as_ref();
        let payload = self.positioned(template, value, "tilt_position", given, moment)?;
        let mut commands = one(self.tilt.command_topic.as_ref(), payload, "tilt")?;
        if self.tilt.is_optimistic {
            self.state.tilt = percentage;
            commands.assumed = true;
        }
        Ok(commands)
    }
}

/// A payload without a template.
fn plain(payload: Option<&Arc<str>>, ability: &'static str) -> Result<Vec<u8>, Refusal> {
    payload.map(|payload| payload.as_bytes().to_vec()).ok_or(Refusal::CannotDo(ability))
}

/// One message on a topic that may not be there.
fn one(
    topic: Option<&Arc<str>>,
    payload: Vec<u8>,
    ability: &'static str,
) -> Result<Commands, Refusal> {
    topic.map(|topic| Commands::one(topic, payload)).ok_or(Refusal::CannotDo(ability))
}

impl Component for Cover {
    fn caps(&self) -> Caps {
        let has_topic = self.command_topic.is_some();
        let has_tilt = self.tilt.command_topic.is_some() && self.tilt.span.is_some();
        Caps::Cover(Box::new(CoverCaps {
            can_open: has_topic && self.payload_open.is_some(),
            can_close: has_topic && self.payload_close.is_some(),
            can_stop: has_topic && self.payload_stop.is_some(),
            has_position: self.position.command_topic.is_some() && self.position.span.is_some(),
            has_tilt,
            can_stop_tilt: has_tilt && self.tilt.payload_stop.is_some(),
        }))
    }

    fn topics(&self, topics: &mut Topics) {
        // The position first: a state of "stopped" looks at it.
        topics.add(self.position.topic.as_ref(), POSITION);
        topics.add(self.state_topic.as_ref(), STATE);
        topics.add(self.tilt.topic.as_ref(), TILT);
    }

    fn state(&self) -> State {
        State::Cover(self.state.clone())
    }

    fn adopt(&mut self, state: State) {
        if let State::Cover(state) = state {
            self.state = state;
        }
    }

    fn receive(
        &mut self,
        slot: Slot,
        message: &Message<'_>,
        moment: &mut Moment<'_>,
    ) -> Result<Heard, Fault> {
        match slot {
            POSITION => {
                let variables = [
                    ("position_open", Variable::from(self.position.open)),
                    ("position_closed", Variable::from(self.position.closed)),
                    ("tilt_min", Variable::from(self.tilt.min)),
                    ("tilt_max", Variable::from(self.tilt.max)),
                ];
                let payload =
                    value_with(self.position.template.as_ref(), message, &variables, moment)?;
                self.hear_position(&payload)
            }
            STATE => {
                let payload = value(self.value_template.as_ref(), message, moment)?;
                self.hear_state(&payload)
            }
            TILT => {
                let variables = [
                    ("position_open", Variable::from(self.position.open)),
                    ("position_closed", Variable::from(self.position.closed)),
                    ("tilt_min", Variable::from(self.tilt.min)),
                    ("tilt_max", Variable::from(self.tilt.max)),
                ];
                let payload = value_with(self.tilt.template.as_ref(), message, &variables, moment)?;
                self.hear_tilt(&payload)
            }
            _ => Ok(Heard::Nothing),
        }
    }

    fn command(&mut self, action: &Action, moment: &mut Moment<'_>) -> Result<Commands, Refusal> {
        let Action::Cover(wish) = action else { return Err(Refusal::CannotDo("cover")) };
        let topic = self.command_topic.as_ref();
        let has_position = self.position.topic.is_some();
        match wish {
            Wish::Open => {
                let payload = plain(self.payload_open.as_ref(), "open")?;
                let mut commands = one(topic, payload, "open")?;
                self.assume(false, has_position.then_some(100), &mut commands);
                Ok(commands)
            }
            Wish::Close => {
                let payload = plain(self.payload_close.as_ref(), "close")?;
                let mut commands = one(topic, payload, "close")?;
                self.assume(true, has_position.then_some(0), &mut commands);
                Ok(commands)
            }
            Wish::Stop => one(topic, plain(self.payload_stop.as_ref(), "stop")?, "stop"),
            Wish::SetPosition(percentage) => {
                let span = self.position.span.ok_or(Refusal::CannotDo("position"))?;
                let value = span.value(*percentage).round_ties_even() as i64;
                let template = self.position.command_template.as_ref();
                let given = i64::from(*percentage);
                let payload = self.positioned(template, value, "position", given, moment)?;
                let topic = self.position.command_topic.as_ref();
                let mut commands = one(topic, payload, "position")?;
                self.assume(*percentage == 0, Some(*percentage), &mut commands);
                Ok(commands)
            }
            Wish::OpenTilt => {
                let value = self.tilt.opened;
                self.command_tilt(value, value, self.tilt.percentage(value), moment)
            }
            Wish::CloseTilt => {
                let value = self.tilt.closed;
                self.command_tilt(value, value, self.tilt.percentage(value), moment)
            }
            Wish::SetTilt(percentage) => {
                let span = self.tilt.span.ok_or(Refusal::CannotDo("tilt"))?;
                let value = span.value(*percentage).round_ties_even() as i64;
                self.command_tilt(value, i64::from(*percentage), Some(*percentage), moment)
            }
            Wish::StopTilt => {
                let payload = plain(self.tilt.payload_stop.as_ref(), "stop_tilt")?;
                one(self.tilt.command_topic.as_ref(), payload, "stop_tilt")
            }
            Wish::Toggle | Wish::ToggleTilt => Err(Refusal::CannotDo("toggle")),
        }
    }

    fn assumes_state(&self) -> bool {
        self.is_optimistic
    }

    fn reserved_attributes(&self) -> &'static [&'static str] {
        &["current_position", "current_tilt_position"]
    }
}

/// As [`value`], with the variables that Home Assistant gives to the templates of positions.
fn value_with(
    template: Option<&Template>,
    message: &Message<'_>,
    variables: &[(&str, Variable<'_>)],
    moment: &Moment<'_>,
) -> Result<String, Fault> {
    let payload = message.payload()?;
    match template {
        None => Ok(payload.text().to_owned()),
        Some(template) => template
            .render_value_with(payload, variables, &moment.scope)
            .map(|rendered| rendered.text)
            .map_err(|error| Fault(error.to_string())),
    }
}
