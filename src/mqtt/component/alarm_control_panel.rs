//! Alarm systems.

use std::sync::Arc;

use super::thermal::short;
use super::{
    Commands, Component, Fault, Heard, Moment, NONE, Slot, Topics, command_payload, value,
};
use crate::home::action::Refusal;
use crate::home::domain::alarm_control_panel::{
    Action as Wish, Alarm, Arming, Caps as PanelCaps, Code, State as PanelState,
};
use crate::home::domain::{Action, Caps, State};
use crate::mqtt::keys::{Keys, Reject};
use crate::mqtt::message::Message;
use crate::template::{Template, Variable};

const STATE: Slot = 0;

struct Panel {
    state: PanelState,
    caps: PanelCaps,
    state_topic: Arc<str>,
    value_template: Option<Template>,
    command_topic: Arc<str>,
    command_template: Option<Template>,
    payloads: [(Arming, Arc<str>); 5],
    payload_disarm: Arc<str>,
    payload_trigger: Arc<str>,
}

/// Reads the keys of an alarm system.
pub(super) fn read(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    let mut caps = PanelCaps {
        armings: Arming::ALL.to_vec(),
        can_trigger: true,
        code: match keys.string("code") {
            None => Code::None,
            Some(code) if &*code == "REMOTE_CODE" => Code::RemoteNumber,
            Some(code) if &*code == "REMOTE_CODE_TEXT" => Code::RemoteText,
            Some(code) => Code::Known(code),
        },
        needs_code_to_arm: keys.flag("code_arm_required", true),
        needs_code_to_disarm: keys.flag("code_disarm_required", true),
        needs_code_to_trigger: keys.flag("code_trigger_required", true),
    };
    if let Some(features) = keys.list("supported_features") {
        caps.armings.clear();
        caps.can_trigger = false;
        for feature in features {
            match Arming::ALL.into_iter().find(|arming| arming.word() == &*feature) {
                Some(arming) => caps.armings.push(arming),
                None if &*feature == "trigger" => caps.can_trigger = true,
                None => keys.problem("supported_features", format!("`{feature}` is not known")),
            }
        }
    }
    Ok(Box::new(Panel {
        state: PanelState::default(),
        caps,
        state_topic: keys.required_topic("state_topic")?,
        value_template: keys.template("value_template"),
        command_topic: keys.required_publish_topic("command_topic")?,
        command_template: keys.template("command_template"),
        payloads: [
            (Arming::Home, "payload_arm_home", "ARM_HOME"),
            (Arming::Away, "payload_arm_away", "ARM_AWAY"),
            (Arming::Night, "payload_arm_night", "ARM_NIGHT"),
            (Arming::Vacation, "payload_arm_vacation", "ARM_VACATION"),
            (Arming::CustomBypass, "payload_arm_custom_bypass", "ARM_CUSTOM_BYPASS"),
        ]
        .map(|(arming, key, default)| (arming, keys.string_or(key, default))),
        payload_disarm: keys.string_or("payload_disarm", "DISARM"),
        payload_trigger: keys.string_or("payload_trigger", "TRIGGER"),
    }))
}

impl Component for Panel {
    fn caps(&self) -> Caps {
        Caps::AlarmControlPanel(Box::new(self.caps.clone()))
    }

    fn topics(&self, topics: &mut Topics) {
        topics.add(Some(&self.state_topic), STATE);
    }

    fn state(&self) -> State {
        State::AlarmControlPanel(self.state.clone())
    }

    fn adopt(&mut self, state: State) {
        if let State::AlarmControlPanel(state) = state {
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
        self.state.alarm = if payload == NONE {
            None
        } else {
            let alarm = Alarm::of(&payload);
            Some(alarm.ok_or_else(|| {
                Fault(format!("`{}` is no state of an alarm system", short(&payload)))
            })?)
        };
        Ok(Heard::State)
    }

    fn command(&mut self, action: &Action, moment: &mut Moment<'_>) -> Result<Commands, Refusal> {
        let Action::AlarmControlPanel(wish) = action else {
            return Err(Refusal::CannotDo("alarm_control_panel"));
        };
        let (payload, code) = match wish {
            Wish::Disarm(code) => (&self.payload_disarm, code),
            Wish::Trigger(code) => (&self.payload_trigger, code),
            Wish::Arm(arming, code) => {
                let known = self.payloads.iter().find(|(known, _)| known == arming);
                (&known.ok_or(Refusal::CannotDo(arming.word()))?.1, code)
            }
        };
        let code = code.as_deref().map_or(Variable::None, Variable::from);
        let variables =
            [("value", Variable::None), ("action", Variable::from(&**payload)), ("code", code)];
        let bytes = command_payload(self.command_template.as_ref(), payload, &variables, moment)?;
        Ok(Commands::one(&self.command_topic, bytes))
    }

    fn reserved_attributes(&self) -> &'static [&'static str] {
        &["changed_by", "code_arm_required", "code_format"]
    }
}
