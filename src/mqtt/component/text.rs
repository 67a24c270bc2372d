//! Texts that can be set.

use std::sync::Arc;

use regex::RegexBuilder;

use super::{Commands, Component, Fault, Heard, Moment, Slot, Topics, command_payload, value};
use crate::home::action::Refusal;
use crate::home::domain::text::{Action as Wish, Caps as TextCaps, State as TextState};
use crate::home::domain::{Action, Caps, State};
use crate::mqtt::keys::{Keys, Reject};
use crate::mqtt::message::Message;
use crate::template::{Template, Variable};

const STATE: Slot = 0;
/// Home Assistant's limit of a state.
const MAX_STATE: u32 = 255;
/// A compiled pattern may take this many bytes.
const MAX_PATTERN: usize = 256 * 1024;

struct Text {
    state: TextState,
    caps: TextCaps,
    state_topic: Option<Arc<str>>,
    value_template: Option<Template>,
    command_topic: Arc<str>,
    command_template: Option<Template>,
    is_optimistic: bool,
}

/// Reads the keys of a text.
pub(super) fn read(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    let length = |keys: &mut Keys<'_>, key, default| {
        let length = keys.positive_int(key).unwrap_or(i64::from(default));
        if length > i64::from(MAX_STATE) {
            keys.problem(key, format!("must not be more than {MAX_STATE}"));
        }
        length.clamp(0, i64::from(MAX_STATE)) as u32
    };
    let min = length(keys, "min", 0);
    let max = length(keys, "max", MAX_STATE);
    if min > max {
        return Err(Reject("`max` must not be less than `min`".to_owned()));
    }
    let source = keys.string("pattern");
    let pattern = source.and_then(|source| {
        match RegexBuilder::new(&source).size_limit(MAX_PATTERN).build() {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                keys.problem("pattern", error.to_string());
                None
            }
        }
    });
    let state_topic = keys.topic("state_topic");
    Ok(Box::new(Text {
        state: TextState::default(),
        caps: TextCaps {
            min,
            max,
            pattern,
            is_password: keys.choice("mode", &["text", "password"]) == Some("password"),
        },
        is_optimistic: keys.flag("optimistic", false) || state_topic.is_none(),
        state_topic,
        value_template: keys.template("value_template"),
        command_topic: keys.required_publish_topic("command_topic")?,
        command_template: keys.template("command_template"),
    }))
}

impl Component for Text {
    fn caps(&self) -> Caps {
        Caps::Text(Box::new(self.caps.clone()))
    }

    fn topics(&self, topics: &mut Topics) {
        topics.add(self.state_topic.as_ref(), STATE);
    }

    fn state(&self) -> State {
        State::Text(self.state.clone())
    }

    fn adopt(&mut self, state: State) {
        if let State::Text(state) = state {
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
        if let Some(why) = self.caps.objection(&payload) {
            return Err(Fault(format!("the text {why}")));
        }
        self.state.value = Some((*payload).into());
        Ok(Heard::State)
    }

    fn command(&mut self, action: &Action, moment: &mut Moment<'_>) -> Result<Commands, Refusal> {
        let Action::Text(Wish::Set(text)) = action else { return Err(Refusal::CannotDo("text")) };
        let variables = [("value", Variable::from(&**text))];
        let bytes = command_payload(self.command_template.as_ref(), text, &variables, moment)?;
        let mut commands = Commands::one(&self.command_topic, bytes);
        if self.is_optimistic {
            self.state.value = Some(Arc::clone(text));
            commands.assumed = true;
        }
        Ok(commands)
    }

    fn assumes_state(&self) -> bool {
        self.is_optimistic
    }
}
