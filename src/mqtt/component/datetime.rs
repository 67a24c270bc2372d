//! Dates, times of day and moments: those that can be set, and how they are read.

use std::sync::Arc;

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::sensor::short;
use super::{Commands, Component, Fault, Heard, Moment, NONE, Slot, Topics, command_payload, value};
use crate::home::action::Refusal;
use crate::home::domain::{Action, Caps, State, date as date_domain, datetime, time};
use crate::mqtt::keys::{Keys, Reject};
use crate::mqtt::message::Message;
use crate::template::{Template, Variable};

const STATE: Slot = 0;

#[derive(Clone)]
enum Value {
    Date(Option<Date>),
    Time(Option<Time>),
    Moment(Option<Timestamp>),
}

struct Settable {
    value: Value,
    /// In which moments without a zone are meant.
    zone: Option<TimeZone>,
    state_topic: Option<Arc<str>>,
    value_template: Option<Template>,
    command_topic: Arc<str>,
    command_template: Option<Template>,
    is_optimistic: bool,
}

/// Reads the keys of a date.
pub(super) fn read_date(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    read(keys, Value::Date(None))
}

/// Reads the keys of a time of day.
pub(super) fn read_time(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    read(keys, Value::Time(None))
}

/// Reads the keys of a moment.
pub(super) fn read_datetime(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    read(keys, Value::Moment(None))
}

fn read(keys: &mut Keys<'_>, value: Value) -> Result<Box<dyn Component>, Reject> {
    let state_topic = keys.topic("state_topic");
    let zone = keys.string("timezone").and_then(|name| match TimeZone::get(&name) {
        Ok(zone) => Some(zone),
        Err(error) => {
            keys.problem("timezone", error.to_string());
            None
        }
    });
    Ok(Box::new(Settable {
        value,
        zone,
        is_optimistic: keys.flag("optimistic", false) || state_topic.is_none(),
        state_topic,
        value_template: keys.template("value_template"),
        command_topic: keys.required_publish_topic("command_topic")?,
        command_template: keys.template("command_template"),
    }))
}

impl Component for Settable {
    fn caps(&self) -> Caps {
        match self.value {
            Value::Date(_) => Caps::Date(Box::new(date_domain::Caps {})),
            Value::Time(_) => Caps::Time(Box::new(time::Caps {})),
            Value::Moment(_) => Caps::DateTime(Box::new(datetime::Caps {})),
        }
    }

    fn topics(&self, topics: &mut Topics) {
        topics.add(self.state_topic.as_ref(), STATE);
    }

    fn state(&self) -> State {
        match self.value {
            Value::Date(value) => State::Date(date_domain::State { value }),
            Value::Time(value) => State::Time(time::State { value }),
            Value::Moment(value) => State::DateTime(datetime::State { value }),
        }
    }

    fn adopt(&mut self, state: State) {
        match (&mut self.value, state) {
            (Value::Date(value), State::Date(state)) => *value = state.value,
            (Value::Time(value), State::Time(state)) => *value = state.value,
            (Value::Moment(value), State::DateTime(state)) => *value = state.value,
            _ => {}
        }
    }

    fn receive(
        &mut self,
        _: Slot,
        message: &Message<'_>,
        moment: &mut Moment<'_>,
    ) -> Result<Heard, Fault> {
        let payload = value(self.value_template.as_ref(), message, moment)?;
        let text = payload.trim();
        if text.is_empty() {
            return Ok(Heard::Nothing);
        }
        let is_none = text == NONE;
        let zone = self.zone.as_ref().unwrap_or(moment.scope.clock.time_zone());
        let is_read = match &mut self.value {
            Value::Date(value) => {
                *value = if is_none { None } else { text.parse().ok().or(*value) };
                is_none || text.parse::<Date>().is_ok()
            }
            Value::Time(value) => {
                *value = if is_none { None } else { text.parse().ok().or(*value) };
                is_none || text.parse::<Time>().is_ok()
            }
            Value::Moment(value) => {
                let new = timestamp(text, zone);
                *value = if is_none { None } else { new.or(*value) };
                is_none || new.is_some()
            }
        };
        if is_read {
            Ok(Heard::State)
        } else {
            Err(Fault(format!("`{}` is no date or time in ISO form", short(text))))
        }
    }

    fn command(&mut self, action: &Action, moment: &mut Moment<'_>) -> Result<Commands, Refusal> {
        let (text, new) = match action {
            Action::Date(date_domain::Action::Set(date)) => {
                (date.to_string(), Value::Date(Some(*date)))
            }
            Action::Time(time::Action::Set(time)) => {
                (time.strftime("%H:%M:%S").to_string(), Value::Time(Some(*time)))
            }
            Action::DateTime(datetime::Action::Set(at)) => {
                let zone = self.zone.clone().unwrap_or(TimeZone::UTC);
                let zoned = at.to_zoned(zone);
                (zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(), Value::Moment(Some(*at)))
            }
            _ => return Err(Refusal::CannotDo("set_value")),
        };
        let variables = [("value", Variable::from(&*text))];
        let bytes = command_payload(self.command_template.as_ref(), &text, &variables, moment)?;
        let mut commands = Commands::one(&self.command_topic, bytes);
        if self.is_optimistic {
            self.value = new;
            commands.assumed = true;
        }
        Ok(commands)
    }

    fn assumes_state(&self) -> bool {
        self.is_optimistic
    }
}

fn timestamp(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let civil: DateTime = text.parse().ok()?;
    civil.to_zoned(zone.clone()).ok().map(|zoned: Zoned| zoned.timestamp())
}

/// A moment with its zone, as states show it: UTC, seconds. `None` when it is no such moment.
pub(super) fn moment(text: &str) -> Option<String> {
    static PARSER: DateTimeParser = DateTimeParser::new();
    let at = PARSER.parse_timestamp(text.trim()).ok()?;
    Some(at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string())
}

/// A date, also of a moment, as states show it.
pub(super) fn date(text: &str) -> Option<String> {
    text.trim().parse::<Date>().ok().map(|date| date.to_string())
}
