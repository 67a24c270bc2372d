//! Valves.

use std::sync::Arc;

use serde_json::Value as Json;

use super::percentage::{Span, clamped};
use super::thermal::short;
use super::{
    Commands, Component, Fault, Heard, Moment, NONE, Slot, Topics, command_payload, value,
};
use crate::home::action::Refusal;
use crate::home::domain::cover::Moving;
use crate::home::domain::valve::{Action as Wish, Caps as ValveCaps, State as ValveState};
use crate::home::domain::{Action, Caps, State};
use crate::mqtt::keys::{Keys, Reject};
use crate::mqtt::message::Message;
use crate::template::{Template, Variable, python};

const STATE: Slot = 0;

struct Valve {
    state: ValveState,
    state_topic: Option<Arc<str>>,
    value_template: Option<Template>,
    state_opening: Arc<str>,
    state_closing: Arc<str>,
    kind: Kind,
    command_topic: Option<Arc<str>>,
    command_template: Option<Template>,
    payload_stop: Option<Arc<str>>,
    is_optimistic: bool,
}

/// What the device speaks of.
enum Kind {
    /// Open and closed.
    Words {
        open: Arc<str>,
        closed: Arc<str>,
        payload_open: Option<Arc<str>>,
        payload_close: Option<Arc<str>>,
    },
    /// A position in its own range.
    Position { closed: i64, open: i64, span: Span },
}

/// Reads the keys of a valve.
pub(super) fn read(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    let state_topic = keys.topic("state_topic");
    let kind = if keys.flag("reports_position", false) {
        for key in ["payload_open", "payload_close", "state_open", "state_closed"] {
            if keys.take(key).is_some() {
                keys.problem(key, "is not used with `reports_position`");
            }
        }
        let closed = keys.int("position_closed").unwrap_or(0);
        let open = keys.int("position_open").unwrap_or(100);
        let span = Span::new(closed, open).ok_or_else(|| {
            Reject("`position_open` must not be the same as `position_closed`".to_owned())
        })?;
        Kind::Position { closed, open, span }
    } else {
        let payload = |keys: &mut Keys<'_>, key: &str, default: &str| {
            keys.nullable_string(key).unwrap_or_else(|| Some(keys.intern(default)))
        };
        Kind::Words {
            open: keys.string_or("state_open", "open"),
            closed: keys.string_or("state_closed", "closed"),
            payload_open: payload(keys, "payload_open", "OPEN"),
            payload_close: payload(keys, "payload_close", "CLOSE"),
        }
    };
    Ok(Box::new(Valve {
        state: ValveState::default(),
        is_optimistic: keys.flag("optimistic", false) || state_topic.is_none(),
        state_topic,
        value_template: keys.template("value_template"),
        state_opening: keys.string_or("state_opening", "opening"),
        state_closing: keys.string_or("state_closing", "closing"),
        kind,
        command_topic: keys.publish_topic("command_topic"),
        command_template: keys.template("command_template"),
        payload_stop: keys.nullable_string("payload_stop").flatten(),
    }))
}

impl Valve {
    fn moving(&self, payload: &str) -> Option<Moving> {
        if payload == &*self.state_opening {
            Some(Moving::Opening)
        } else if payload == &*self.state_closing {
            Some(Moving::Closing)
        } else {
            None
        }
    }

    /// The state and the position in a payload: both are the payload itself, or in its JSON.
    fn parts(&self, payload: &str) -> Result<(Option<String>, Option<String>), Fault> {
        let Ok(Json::Object(map)) = serde_json::from_str(payload) else {
            return Ok((Some(payload.to_owned()), Some(payload.to_owned())));
        };
        let wanted = match self.kind {
            Kind::Words { .. } => "state",
            Kind::Position { .. } => "position",
        };
        if !map.contains_key(wanted) {
            return Err(Fault(format!("the state message has no `{wanted}`")));
        }
        let part =
            |name: &str| map.get(name).filter(|value| !value.is_null()).map(python::str_of_json);
        Ok((part("state"), part("position")))
    }

    fn hear(&mut self, payload: &str) -> Result<Heard, Fault> {
        if payload.is_empty() {
            return Ok(Heard::Nothing);
        }
        let (state, position) = self.parts(payload)?;
        let state = state.unwrap_or_default();
        match &self.kind {
            Kind::Words { open, closed, .. } => {
                let (is_closed, moving) = match self.moving(&state) {
                    Some(moving) => (Some(false), Some(moving)),
                    None if state == **open => (Some(false), None),
                    None if state == **closed => (Some(true), None),
                    None if state == NONE => (None, None),
                    None => return Err(unknown(&state)),
                };
                self.state.tell(is_closed, moving);
                Ok(Heard::State)
            }
            Kind::Position { span, .. } => {
                let span = *span;
                self.hear_position(&state, position.as_deref(), span)
            }
        }
    }

    fn hear_position(
        &mut self,
        state: &str,
        position: Option<&str>,
        span: Span,
    ) -> Result<Heard, Fault> {
        let moving = self.moving(state);
        let number = position.and_then(python::parse_float).filter(|number| number.is_finite());
        if let Some(number) = number {
            let position = clamped(span.percentage(number));
            self.state.position = Some(position);
            // At either end it stands still, whatever it said before.
            if moving.is_some() || matches!(position, 0 | 100) {
                self.state.tell(None, moving);
            }
            return Ok(Heard::State);
        }
        if moving.is_some() {
            self.state.tell(None, moving);
            return Ok(Heard::State);
        }
        if state == NONE {
            self.state.position = None;
            self.state.tell(None, None);
            return Ok(Heard::State);
        }
        Err(unknown(position.unwrap_or(state)))
    }

    fn send(
        &self,
        payload: &str,
        variables: &[(&str, Variable<'_>)],
        moment: &Moment<'_>,
    ) -> Result<Commands, Refusal> {
        let topic = self.command_topic.as_ref().ok_or(Refusal::CannotDo("valve"))?;
        let template = self.command_template.as_ref();
        Ok(Commands::one(topic, command_payload(template, payload, variables, moment)?))
    }

    fn send_word(
        &self,
        payload: Option<&Arc<str>>,
        ability: &'static str,
        moment: &Moment<'_>,
    ) -> Result<Commands, Refusal> {
        let payload = payload.ok_or(Refusal::CannotDo(ability))?;
        self.send(payload, &[("value", Variable::from(&**payload))], moment)
    }

    fn assume(&mut self, is_closed: bool, position: Option<u8>, commands: &mut Commands) {
        if self.is_optimistic {
            self.state.tell(Some(is_closed), None);
            self.state.position = position;
            commands.assumed = true;
        }
    }
}

fn unknown(payload: &str) -> Fault {
    Fault(format!("`{}` is no state of a valve that was announced", short(payload)))
}

impl Component for Valve {
    fn caps(&self) -> Caps {
        let has_topic = self.command_topic.is_some();
        let (can_open, can_close, has_position) = match &self.kind {
            Kind::Words { payload_open, payload_close, .. } => {
                (payload_open.is_some(), payload_close.is_some(), false)
            }
            Kind::Position { .. } => (true, true, true),
        };
        Caps::Valve(Box::new(ValveCaps {
            can_open: has_topic && can_open,
            can_close: has_topic && can_close,
            can_stop: has_topic && self.payload_stop.is_some(),
            has_position,
        }))
    }

    fn topics(&self, topics: &mut Topics) {
        topics.add(self.state_topic.as_ref(), STATE);
    }

    fn state(&self) -> State {
        State::Valve(self.state.clone())
    }

    fn adopt(&mut self, state: State) {
        if let State::Valve(state) = state {
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
        self.hear(&payload)
    }

    fn command(&mut self, action: &Action, moment: &mut Moment<'_>) -> Result<Commands, Refusal> {
        let Action::Valve(wish) = action else { return Err(Refusal::CannotDo("valve")) };
        match (wish, &self.kind) {
            (Wish::Open, Kind::Words { payload_open, .. }) => {
                let mut commands = self.send_word(payload_open.as_ref(), "open", moment)?;
                self.assume(false, None, &mut commands);
                Ok(commands)
            }
            (Wish::Close, Kind::Words { payload_close, .. }) => {
                let mut commands = self.send_word(payload_close.as_ref(), "close", moment)?;
                self.assume(true, None, &mut commands);
                Ok(commands)
            }
            (Wish::Stop, _) => self.send_word(self.payload_stop.as_ref(), "stop", moment),
            (Wish::SetPosition(percentage), Kind::Position { closed, open, span }) => {
                let value = span.value(*percentage).round_ties_even() as i64;
                let variables = [
                    ("value", Variable::from(value)),
                    ("position", Variable::from(i64::from(*percentage))),
                    ("position_open", Variable::from(*open)),
                    ("position_closed", Variable::from(*closed)),
                ];
                let mut commands = self.send(&value.to_string(), &variables, moment)?;
                self.assume(*percentage == 0, Some(*percentage), &mut commands);
                Ok(commands)
            }
            (Wish::Open | Wish::Close, Kind::Position { .. })
            | (Wish::SetPosition(_), Kind::Words { .. })
            | (Wish::Toggle, _) => Err(Refusal::CannotDo("position")),
        }
    }

    fn assumes_state(&self) -> bool {
        self.is_optimistic
    }

    fn reserved_attributes(&self) -> &'static [&'static str] {
        &["current_position"]
    }
}
