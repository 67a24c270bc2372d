//! Choices.

use std::sync::Arc;

use super::sensor::short;
use super::{Commands, Component, Fault, Heard, Moment, NONE, Slot, Topics, command_payload, value};
use crate::home::action::Refusal;
use crate::home::domain::select::{Action as Wish, Caps as SelectCaps, State as SelectState};
use crate::home::domain::{Action, Caps, State};
use crate::mqtt::keys::{Keys, Reject};
use crate::mqtt::message::Message;
use crate::template::{Template, Variable};

const STATE: Slot = 0;

struct Select {
    state: SelectState,
    options: Vec<Arc<str>>,
    state_topic: Option<Arc<str>>,
    value_template: Option<Template>,
    command_topic: Arc<str>,
    command_template: Option<Template>,
    is_optimistic: bool,
}

/// Reads the keys of a choice.
pub(super) fn read(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    let state_topic = keys.topic("state_topic");
    Ok(Box::new(Select {
        state: SelectState::default(),
        options: keys.list("options").ok_or_else(|| keys.missing("options"))?,
        is_optimistic: keys.flag("optimistic", false) || state_topic.is_none(),
        state_topic,
        value_template: keys.template("value_template"),
        command_topic: keys.required_publish_topic("command_topic")?,
        command_template: keys.template("command_template"),
    }))
}

impl Component for Select {
    fn caps(&self) -> Caps {
        Caps::Select(Box::new(SelectCaps { options: self.options.clone() }))
    }

    fn topics(&self, topics: &mut Topics) {
        topics.add(self.state_topic.as_ref(), STATE);
    }

    fn state(&self) -> State {
        State::Select(self.state.clone())
    }

    fn adopt(&mut self, state: State) {
        if let State::Select(state) = state {
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
        if payload.eq_ignore_ascii_case(NONE) {
            self.state.option = None;
            return Ok(Heard::State);
        }
        match self.options.iter().find(|option| ***option == *payload) {
            Some(option) => self.state.option = Some(Arc::clone(option)),
            None => return Err(Fault(format!("`{}` is none of its options", short(&payload)))),
        }
        Ok(Heard::State)
    }

    fn command(&mut self, action: &Action, moment: &mut Moment<'_>) -> Result<Commands, Refusal> {
        let option = match action {
            Action::Select(Wish::Select(option)) => option,
            Action::Select(Wish::Keep) => return Ok(Commands::default()),
            _ => return Err(Refusal::CannotDo("select")),
        };
        let variables = [("value", Variable::from(&**option))];
        let bytes = command_payload(self.command_template.as_ref(), option, &variables, moment)?;
        let mut commands = Commands::one(&self.command_topic, bytes);
        if self.is_optimistic {
            self.state.option = Some(Arc::clone(option));
            commands.assumed = true;
        }
        Ok(commands)
    }

    fn assumes_state(&self) -> bool {
        self.is_optimistic
    }
}
