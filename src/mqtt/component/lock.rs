//! Locks.

use std::sync::Arc;

use super::thermal::short;
use super::{
    Commands, Component, Fault, Heard, Moment, NONE, Slot, Topics, command_payload, value,
};
use crate::home::action::Refusal;
use crate::home::domain::lock::{Action as Wish, Bolt, Caps as LockCaps, State as LockState};
use crate::home::domain::{Action, Caps, State};
use crate::mqtt::keys::{Keys, Reject};
use crate::mqtt::message::Message;
use crate::template::{Template, Variable};

const STATE: Slot = 0;

struct Lock {
    state: LockState,
    state_topic: Option<Arc<str>>,
    value_template: Option<Template>,
    /// The device's word for each, in the order in which Home Assistant compares.
    words: [(Arc<str>, Bolt); 7],
    payload_reset: Arc<str>,
    command_topic: Arc<str>,
    command_template: Option<Template>,
    payload_lock: Arc<str>,
    payload_unlock: Arc<str>,
    payload_open: Option<Arc<str>>,
    code_format: Option<Arc<str>>,
    is_optimistic: bool,
}

/// Reads the keys of a lock.
pub(super) fn read(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    let state_topic = keys.topic("state_topic");
    let code_format = keys.string("code_format");
    if let Some(format) = &code_format
        && let Err(error) = regex::Regex::new(format)
    {
        keys.problem("code_format", error.to_string());
    }
    Ok(Box::new(Lock {
        state: LockState::default(),
        is_optimistic: keys.flag("optimistic", false) || state_topic.is_none(),
        state_topic,
        value_template: keys.template("value_template"),
        words: [
            ("state_jammed", "JAMMED", Bolt::Jammed),
            ("state_opening", "OPENING", Bolt::Opening),
            ("state_locking", "LOCKING", Bolt::Locking),
            ("state_open", "OPEN", Bolt::Open),
            ("state_unlocking", "UNLOCKING", Bolt::Unlocking),
            ("state_locked", "LOCKED", Bolt::Locked),
            ("state_unlocked", "UNLOCKED", Bolt::Unlocked),
        ]
        .map(|(key, default, bolt)| (keys.string_or(key, default), bolt)),
        payload_reset: keys.string_or("payload_reset", NONE),
        command_topic: keys.required_publish_topic("command_topic")?,
        command_template: keys.template("command_template"),
        payload_lock: keys.string_or("payload_lock", "LOCK"),
        payload_unlock: keys.string_or("payload_unlock", "UNLOCK"),
        payload_open: keys.string("payload_open"),
        code_format,
    }))
}

impl Component for Lock {
    fn caps(&self) -> Caps {
        Caps::Lock(Box::new(LockCaps {
            can_open: self.payload_open.is_some(),
            code_format: self.code_format.clone(),
        }))
    }

    fn topics(&self, topics: &mut Topics) {
        topics.add(self.state_topic.as_ref(), STATE);
    }

    fn state(&self) -> State {
        State::Lock(self.state.clone())
    }

    fn adopt(&mut self, state: State) {
        if let State::Lock(state) = state {
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
        self.state.bolt = if *payload == *self.payload_reset {
            None
        } else {
            let known = self.words.iter().find(|(word, _)| **word == *payload);
            let (_, bolt) = known.ok_or_else(|| {
                Fault(format!("`{}` is no state of a lock that was announced", short(&payload)))
            })?;
            Some(*bolt)
        };
        Ok(Heard::State)
    }

    fn command(&mut self, action: &Action, moment: &mut Moment<'_>) -> Result<Commands, Refusal> {
        let Action::Lock(wish) = action else { return Err(Refusal::CannotDo("lock")) };
        let (payload, code, bolt) = match wish {
            Wish::Lock(code) => (&self.payload_lock, code, Bolt::Locked),
            Wish::Unlock(code) => (&self.payload_unlock, code, Bolt::Unlocked),
            Wish::Open(code) => {
                let payload = self.payload_open.as_ref().ok_or(Refusal::CannotDo("open"))?;
                (payload, code, Bolt::Open)
            }
        };
        let code = code.as_deref().map_or(Variable::None, Variable::from);
        let variables = [("value", Variable::from(&**payload)), ("code", code)];
        let bytes = command_payload(self.command_template.as_ref(), payload, &variables, moment)?;
        let mut commands = Commands::one(&self.command_topic, bytes);
        if self.is_optimistic {
            self.state.bolt = Some(bolt);
            commands.assumed = true;
        }
        Ok(commands)
    }

    fn assumes_state(&self) -> bool {
        self.is_optimistic
    }

    fn reserved_attributes(&self) -> &'static [&'static str] {
        &["changed_by", "code_format"]
    }
}
