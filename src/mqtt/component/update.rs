//! Software of a device that can be renewed.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::sensor::short;
use super::{Commands, Component, Fault, Heard, Moment, Slot, Topics, value};
use crate::home::action::Refusal;
use crate::home::domain::update::{Caps as UpdateCaps, Facts, State as UpdateState};
use crate::home::domain::{Action, Caps, State};
use crate::mqtt::keys::{Keys, Reject};
use crate::mqtt::message::Message;
use crate::template::{Template, python};

const STATE: Slot = 0;
const LATEST: Slot = 1;

struct Update {
    state: UpdateState,
    caps: UpdateCaps,
    state_topic: Option<Arc<str>>,
    value_template: Option<Template>,
    latest_topic: Option<Arc<str>>,
    latest_template: Option<Template>,
    command_topic: Option<Arc<str>>,
    payload_install: Option<Arc<str>>,
}

/// Reads the keys of an update.
pub(super) fn read(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    let state_topic = keys.topic("state_topic");
    let command_topic = keys.publish_topic("command_topic");
    let payload_install = keys.string("payload_install");
    let facts = Facts {
        title: keys.string("title"),
        release_summary: keys.string("release_summary"),
        release_url: keys.string("release_url"),
        ..Facts::default()
    };
    Ok(Box::new(Update {
        state: UpdateState { facts: Box::new(facts), ..UpdateState::default() },
        caps: UpdateCaps {
            can_install: command_topic.is_some() && payload_install.is_some(),
            has_progress: true,
            display_precision: keys
                .positive_int("display_precision")
                .unwrap_or(0)
                .min(10) as u32,
        },
        state_topic,
        value_template: keys.template("value_template"),
        latest_topic: keys.topic("latest_version_topic"),
        latest_template: keys.template("latest_version_template"),
        command_topic,
        payload_install,
    }))
}

impl Component for Update {
    fn caps(&self) -> Caps {
        Caps::Update(Box::new(self.caps.clone()))
    }

    fn topics(&self, topics: &mut Topics) {
        topics.add(self.state_topic.as_ref(), STATE);
        topics.add(self.latest_topic.as_ref(), LATEST);
    }

    fn state(&self) -> State {
        State::Update(self.state.clone())
    }

    fn adopt(&mut self, state: State) {
        if let State::Update(mut state) = state {
            // Texts of the new announcement go before those of the old.
            let new = &self.state.facts;
            for (to, from) in [
                (&mut state.facts.title, &new.title),
                (&mut state.facts.release_summary, &new.release_summary),
                (&mut state.facts.release_url, &new.release_url),
            ] {
                if from.is_some() {
                    to.clone_from(from);
                }
            }
            self.state = state;
        }
    }

    fn receive(
        &mut self,
        slot: Slot,
        message: &Message<'_>,
        moment: &mut Moment<'_>,
    ) -> Result<Heard, Fault> {
        if slot == LATEST {
            let payload = value(self.latest_template.as_ref(), message, moment)?;
            if payload.is_empty() {
                return Ok(Heard::Nothing);
            }
            self.state.facts.latest_version = Some((*payload).into());
            return Ok(Heard::State);
        }
        let payload = value(self.value_template.as_ref(), message, moment)?;
        if payload.is_empty() || payload == "{}" || payload.trim() == "null" {
            return Ok(Heard::Nothing);
        }
        match serde_json::from_str::<Json>(&payload) {
            Ok(Json::Object(map)) => self.take_in(&map)?,
            // The text alone is the installed version.
            Ok(Json::String(_) | Json::Number(_) | Json::Bool(_) | Json::Null | Json::Array(_))
            | Err(_) => self.state.facts.installed_version = Some((*payload).into()),
        }
        Ok(Heard::State)
    }

    fn command(&mut self, _: &Action, _: &mut Moment<'_>) -> Result<Commands, Refusal> {
        match (&self.command_topic, &self.payload_install) {
            (Some(topic), Some(payload)) => Ok(Commands::one(topic, payload.as_bytes())),
            _ => Err(Refusal::CannotDo("install")),
        }
    }
}

impl Update {
    fn take_in(&mut self, map: &Map<String, Json>) -> Result<(), Fault> {
        let facts = &mut self.state.facts;
        for (key, fact) in [
            ("installed_version", &mut facts.installed_version),
            ("latest_version", &mut facts.latest_version),
            ("title", &mut facts.title),
            ("release_summary", &mut facts.release_summary),
            ("release_url", &mut facts.release_url),
            ("entity_picture", &mut facts.entity_picture),
        ] {
            match map.get(key) {
                None | Some(Json::Null) => {}
                Some(Json::Array(_) | Json::Object(_)) => {
                    return Err(Fault(format!("`{key}` must be text")));
                }
                Some(value) => *fact = Some(python::str_of_json(value).into()),
            }
        }
        match map.get("update_percentage") {
            None => {}
            Some(Json::Null) => {
                self.state.percentage = None;
            }
            Some(value) => {
                let percent = value.as_f64().filter(|percent| (0.0..=100.0).contains(percent));
                let Some(percent) = percent else {
                    let text = short(&value.to_string());
                    return Err(Fault(format!("`update_percentage` {text} is not 0 to 100")));
                };
                self.state.percentage = Some(percent);
                self.state.in_progress = true;
            }
        }
        match map.get("in_progress") {
            None | Some(Json::Null) => {
                if map.get("update_percentage") == Some(&Json::Null) {
                    self.state.in_progress = false;
                }
            }
            Some(Json::Bool(in_progress)) => self.state.in_progress = *in_progress,
            Some(_) => return Err(Fault("`in_progress` must be true or false".to_owned())),
        }
        Ok(())
    }
}
