//! Sirens.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::thermal::short;
use super::{Commands, Component, Fault, Heard, Moment, NONE, Slot, Topics, value};
use crate::home::action::Refusal;
use crate::home::domain::siren::{Action as Wish, Caps as SirenCaps, Ringing, State as SirenState};
use crate::home::domain::{Action, Caps, State};
use crate::mqtt::keys::{Keys, Reject};
use crate::mqtt::message::Message;
use crate::template::{Template, Variable, python};

const STATE: Slot = 0;

struct Siren {
    state: SirenState,
    caps: SirenCaps,
    state_topic: Option<Arc<str>>,
    value_template: Option<Template>,
    state_on: Arc<str>,
    state_off: Arc<str>,
    command_topic: Arc<str>,
    command_template: Option<Template>,
    command_off_template: Option<Template>,
    payload_on: Arc<str>,
    payload_off: Arc<str>,
    is_optimistic: bool,
}

/// Reads the keys of a siren.
pub(super) fn read(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    let state_topic = keys.topic("state_topic");
    let payload_on = keys.string_or("payload_on", "ON");
    let payload_off = keys.string_or("payload_off", "OFF");
    let command_template = keys.template("command_template");
    let is_optimistic = keys.flag("optimistic", false) || state_topic.is_none();
    Ok(Box::new(Siren {
        state: SirenState { on: is_optimistic.then_some(false), ..SirenState::default() },
        caps: SirenCaps {
            tones: keys.list("available_tones").filter(|tones| !tones.is_empty()),
            has_duration: keys.flag("support_duration", true),
            has_volume: keys.flag("support_volume_set", true),
        },
        state_topic,
        value_template: keys.template("state_value_template"),
        state_on: keys.string("state_on").unwrap_or_else(|| Arc::clone(&payload_on)),
        state_off: keys.string("state_off").unwrap_or_else(|| Arc::clone(&payload_off)),
        command_topic: keys.required_publish_topic("command_topic")?,
        command_off_template: keys
            .template("command_off_template")
            .or_else(|| command_template.clone()),
        command_template,
        payload_on,
        payload_off,
        is_optimistic,
    }))
}

impl Siren {
    /// On, off or not known; `None` when it is none of the three words.
    fn word(&self, payload: &str) -> Option<Option<bool>> {
        match payload {
            payload if payload == &*self.state_on => Some(Some(true)),
            payload if payload == &*self.state_off => Some(Some(false)),
            NONE => Some(None),
            _ => None,
        }
    }

    fn hear(&mut self, payload: &str) -> Result<Heard, Fault> {
        if payload.is_empty() || payload == "{}" {
            return Ok(Heard::Nothing);
        }
        if let Some(on) = self.word(payload) {
            self.state.on = on;
            return Ok(Heard::State);
        }
        let Ok(Json::Object(mut map)) = serde_json::from_str(payload) else {
            let payload = short(payload);
            return Err(Fault(format!("`{payload}` is neither a state of the siren nor JSON")));
        };
        let state = map.shift_remove("state");
        let on = state.and_then(|state| self.word(&python::str_of_json(&state)));
        // A wrong parameter costs the parameters, not the state.
        match (self.take_parameters(&map), on) {
            (_, Some(on)) => self.state.on = on,
            (Ok(()), None) => {}
            (Err(fault), None) => return Err(fault),
        }
        Ok(Heard::State)
    }

    fn take_parameters(&mut self, map: &Map<String, Json>) -> Result<(), Fault> {
        let mut ringing = self.state.ringing.clone();
        for (name, value) in map {
            let wrong = || Fault(format!("`{name}`: {value} is not understood"));
            match name.as_str() {
                "tone" if self.caps.tones.is_none() => {}
                "tone" => {
                    let word = python::str_of_json(value);
                    let tone = self.caps.tones.iter().flatten().find(|tone| ***tone == *word);
                    ringing.tone = Some(Arc::clone(tone.ok_or_else(wrong)?));
                }
                "duration" => {
                    let seconds = number(value).filter(|number| *number >= 0.0);
                    let seconds = seconds.ok_or_else(wrong)? as u32;
                    if self.caps.has_duration {
                        ringing.duration = Some(seconds);
                    }
                }
                "volume_level" => {
                    let volume = number(value).filter(|number| (0.0..=1.0).contains(number));
                    let volume = volume.ok_or_else(wrong)?;
                    if self.caps.has_volume {
                        ringing.volume = Some(volume);
                    }
                }
                _ => return Err(wrong()),
            }
        }
        self.state.ringing = ringing;
        Ok(())
    }

    /// The command as JSON, or as its template forms it.
    fn send(
        &self,
        template: Option<&Template>,
        payload: &str,
        ringing: &Ringing,
        moment: &Moment<'_>,
    ) -> Result<Commands, Refusal> {
        let duration = ringing.duration.map(i64::from);
        let Some(template) = template else {
            let mut map = Map::new();
            map.insert("state".to_owned(), Json::from(payload));
            if let Some(tone) = &ringing.tone {
                map.insert("tone".to_owned(), Json::from(&**tone));
            }
            if let Some(volume) = ringing.volume {
                map.insert("volume_level".to_owned(), Json::from(volume));
            }
            if let Some(duration) = duration {
                map.insert("duration".to_owned(), Json::from(duration));
            }
            return Ok(Commands::one(&self.command_topic, Json::Object(map).to_string()));
        };
        let mut variables =
            vec![("value", Variable::from(payload)), ("state", Variable::from(payload))];
        variables.extend(ringing.tone.as_deref().map(|tone| ("tone", Variable::from(tone))));
        variables.extend(ringing.volume.map(|volume| ("volume_level", Variable::from(volume))));
        variables.extend(duration.map(|duration| ("duration", Variable::from(duration))));
        let bytes = template
            .render_command(&variables, &moment.scope)
            .map_err(|error| Refusal::TemplateFailed(error.to_string()))?;
        if bytes.is_empty() || bytes == NONE.as_bytes() {
            return Ok(Commands::default());
        }
        Ok(Commands::one(&self.command_topic, bytes))
    }
}

/// A number, or a text that reads as one.
fn number(value: &Json) -> Option<f64> {
    match value {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => python::parse_float(text).filter(|number| number.is_finite()),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

impl Component for Siren {
    fn caps(&self) -> Caps {
        Caps::Siren(Box::new(self.caps.clone()))
    }

    fn topics(&self, topics: &mut Topics) {
        topics.add(self.state_topic.as_ref(), STATE);
    }

    fn state(&self) -> State {
        State::Siren(self.state.clone())
    }

    fn adopt(&mut self, state: State) {
        if let State::Siren(state) = state {
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
        let Action::Siren(wish) = action else { return Err(Refusal::CannotDo("siren")) };
        let silent = Ringing::default();
        let (on, template, payload, ringing) = match wish {
            Wish::TurnOn(ringing) => {
                (true, self.command_template.as_ref(), &self.payload_on, ringing)
            }
            Wish::TurnOff => {
                (false, self.command_off_template.as_ref(), &self.payload_off, &silent)
            }
            Wish::Toggle => return Err(Refusal::CannotDo("toggle")),
        };
        let mut commands = self.send(template, payload, ringing, moment)?;
        if self.is_optimistic {
            self.state.on = Some(on);
            let known = &mut self.state.ringing;
            known.tone = ringing.tone.clone().or_else(|| known.tone.take());
            known.duration = ringing.duration.or(known.duration);
            known.volume = ringing.volume.or(known.volume);
            commands.assumed = true;
        }
        Ok(commands)
    }

    fn assumes_state(&self) -> bool {
        self.is_optimistic
    }

    fn reserved_attributes(&self) -> &'static [&'static str] {
        &["available_tones", "duration", "tone", "volume_level"]
    }
}
