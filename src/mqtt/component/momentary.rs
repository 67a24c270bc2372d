//! Buttons, scenes and notifiers: one command, and the moment of its last use for a state.

use std::sync::Arc;

use super::{Commands, Component, Fault, Heard, Moment, Slot, Topics, command_payload};
use crate::home::action::Refusal;
use crate::home::domain::{Action, Caps, State, button, notify, scene};
use crate::mqtt::keys::{Keys, Reject};
use crate::mqtt::message::Message;
use crate::template::{Template, Variable};

#[derive(Clone, Copy)]
enum Kind {
    Button,
    Scene,
    Notify,
}

struct Momentary {
    kind: Kind,
    at: Option<jiff::Timestamp>,
    command_topic: Arc<str>,
    command_template: Option<Template>,
    payload: Option<Arc<str>>,
}

/// Reads the keys of a button.
pub(super) fn read_button(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    let payload = Some(keys.string_or("payload_press", "PRESS"));
    read(keys, Kind::Button, payload)
}

/// Reads the keys of a scene.
pub(super) fn read_scene(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    // Home Assistant activates no scene that has no payload, and neither do we; but we say so.
    let payload = keys.string("payload_on");
    if payload.is_none() {
        keys.problem("payload_on", "is missing: the scene cannot be activated");
    }
    read(keys, Kind::Scene, payload)
}

/// Reads the keys of a notifier.
pub(super) fn read_notify(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    read(keys, Kind::Notify, None)
}

fn read(
    keys: &mut Keys<'_>,
    kind: Kind,
    payload: Option<Arc<str>>,
) -> Result<Box<dyn Component>, Reject> {
    Ok(Box::new(Momentary {
        kind,
        at: None,
        command_topic: keys.required_publish_topic("command_topic")?,
        command_template: keys.template("command_template"),
        payload,
    }))
}

impl Component for Momentary {
    fn caps(&self) -> Caps {
        match self.kind {
            Kind::Button => Caps::Button(Box::new(button::Caps {})),
            Kind::Scene => Caps::Scene(Box::default()),
            Kind::Notify => Caps::Notify(Box::new(notify::Caps {})),
        }
    }

    fn topics(&self, _: &mut Topics) {}

    fn state(&self) -> State {
        match self.kind {
            Kind::Button => State::Button(button::State { at: self.at }),
            Kind::Scene => State::Scene(scene::State { at: self.at }),
            Kind::Notify => State::Notify(notify::State { at: self.at }),
        }
    }

    fn adopt(&mut self, state: State) {
        if let State::Button(button::State { at })
        | State::Scene(scene::State { at })
        | State::Notify(notify::State { at }) = state
        {
            self.at = at;
        }
    }

    fn receive(&mut self, _: Slot, _: &Message<'_>, _: &mut Moment<'_>) -> Result<Heard, Fault> {
        Ok(Heard::Nothing)
    }

    fn command(&mut self, action: &Action, moment: &mut Moment<'_>) -> Result<Commands, Refusal> {
        let text = match (action, &self.payload) {
            (Action::Notify(notify::Action::Send(message)), _) => message,
            (_, Some(payload)) => payload,
            (_, None) => return Err(Refusal::CannotDo("turn_on")),
        };
        let variables = [("value", Variable::from(&**text))];
        // Home Assistant's scenes know no command template.
        let template = match self.kind {
            Kind::Scene => None,
            Kind::Button | Kind::Notify => self.command_template.as_ref(),
        };
        let bytes = command_payload(template, text, &variables, moment)?;
        self.at = Some(moment.scope.clock.now());
        let mut commands = Commands::one(&self.command_topic, bytes);
        commands.assumed = true;
        Ok(commands)
    }
}
