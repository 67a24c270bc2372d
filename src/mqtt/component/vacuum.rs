//! Robotic vacuum cleaners.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::thermal::Outlet;
use super::{Commands, Component, Fault, Heard, Moment, Slot, Topics};
use crate::home::action::Refusal;
use crate::home::domain::vacuum::{
    Action as Wish, Activity, Caps as VacuumCaps, Segment, State as VacuumState,
};
use crate::home::domain::{Action, Caps, State};
use crate::home::value::Value;
use crate::json::{from_json, to_json};
use crate::mqtt::keys::{Keys, Reject};
use crate::mqtt::message::Message;
use crate::template::{Variable, python};

const STATE: Slot = 0;
/// More segments of a map than this are not kept.
const MAX_SEGMENTS: usize = 500;

struct Vacuum {
    state: VacuumState,
    caps: VacuumCaps,
    state_topic: Option<Arc<str>>,
    command_topic: Option<Arc<str>>,
    payload_start: Arc<str>,
    payload_pause: Arc<str>,
    payload_stop: Arc<str>,
    payload_return: Arc<str>,
    payload_spot: Arc<str>,
    payload_locate: Arc<str>,
    fan_speed_topic: Option<Arc<str>>,
    send_topic: Option<Arc<str>>,
    segments: Outlet,
}

/// Reads the keys of a vacuum cleaner.
pub(super) fn read(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    let fan_speeds = keys.list("fan_speed_list").unwrap_or_default();
    let features = keys.list("supported_features").unwrap_or_else(|| {
        ["start", "stop", "return_home", "clean_spot"].map(|word| keys.intern(word)).to_vec()
    });
    let segments =
        Outlet::read(keys, "clean_segments_command_topic", "clean_segments_command_template");
    let mut caps = VacuumCaps { can_clean_segments: segments.is_there(), ..VacuumCaps::default() };
    for feature in &features {
        match &**feature {
            "start" => caps.can_start = true,
            "pause" => caps.can_pause = true,
            "stop" => caps.can_stop = true,
            "return_home" => caps.can_return = true,
            "clean_spot" => caps.can_clean_spot = true,
            "locate" => caps.can_locate = true,
            "send_command" => caps.can_send_command = true,
            "status" => caps.has_status = true,
            "fan_speed" => caps.fan_speeds = Some(fan_speeds.clone()),
            // Home Assistant took the battery out; producers still list it.
            "battery" => {}
            _ => keys.problem("supported_features", format!("`{feature}` is not known")),
        }
    }
    Ok(Box::new(Vacuum {
        state: VacuumState::default(),
        caps,
        state_topic: keys.topic("state_topic"),
        command_topic: keys.publish_topic("command_topic"),
        payload_start: keys.string_or("payload_start", "start"),
        payload_pause: keys.string_or("payload_pause", "pause"),
        payload_stop: keys.string_or("payload_stop", "stop"),
        payload_return: keys.string_or("payload_return_to_base", "return_to_base"),
        payload_spot: keys.string_or("payload_clean_spot", "clean_spot"),
        payload_locate: keys.string_or("payload_locate", "locate"),
        fan_speed_topic: keys.publish_topic("set_fan_speed_topic"),
        send_topic: keys.publish_topic("send_command_topic"),
        segments,
    }))
}

impl Vacuum {
    fn hear(&mut self, map: &Map<String, Json>) -> Result<(), Fault> {
        if self.state.fan_speed.is_none() {
            // What Home Assistant shows as long as the device does not say it.
            self.state.fan_speed = Some(Value::Int(0));
        }
        if let Some(speed) = map.get("fan_speed") {
            self.state.fan_speed = Some(from_json(speed));
        }
        if let Some(Json::Object(segments)) = map.get("segments") {
            self.state.segments = segments
                .iter()
                .take(MAX_SEGMENTS)
                .map(|(id, name)| Segment {
                    id: id.as_str().into(),
                    name: python::str_of_json(name).into(),
                })
                .collect();
        }
        match map.get("state") {
            None => {}
            Some(Json::Null) => self.state.activity = None,
            Some(word) => {
                match word.as_str().and_then(Activity::of) {
                    Some(activity) => self.state.activity = Some(activity),
                    // The rest of the message still counts.
                    None if map.len() > 1 => {}
                    None => {
                        let why = format!("`state`: {word} is no state of a vacuum cleaner");
                        return Err(Fault(why));
                    }
                }
            }
        }
        Ok(())
    }
}

/// A message on a topic that may not be there.
fn one(topic: Option<&Arc<str>>, payload: impl Into<Vec<u8>>) -> Result<Commands, Refusal> {
    let topic = topic.ok_or(Refusal::CannotDo("command"))?;
    Ok(Commands::one(topic, payload))
}

impl Component for Vacuum {
    fn caps(&self) -> Caps {
        Caps::Vacuum(Box::new(self.caps.clone()))
    }

    fn topics(&self, topics: &mut Topics) {
        topics.add(self.state_topic.as_ref(), STATE);
    }

    fn state(&self) -> State {
        State::Vacuum(self.state.clone())
    }

    fn adopt(&mut self, state: State) {
        if let State::Vacuum(state) = state {
            self.state = state;
        }
    }

    fn receive(
        &mut self,
        _: Slot,
        message: &Message<'_>,
        _: &mut Moment<'_>,
    ) -> Result<Heard, Fault> {
        match message.payload()?.json() {
            Some(Json::Object(map)) => self.hear(map).map(|()| Heard::State),
            Some(_) | None => Err(Fault("the state message is no JSON object".to_owned())),
        }
    }

    fn command(&mut self, action: &Action, moment: &mut Moment<'_>) -> Result<Commands, Refusal> {
        let Action::Vacuum(wish) = action else { return Err(Refusal::CannotDo("vacuum")) };
        let payload = match wish {
            Wish::Start => &self.payload_start,
            Wish::Pause => &self.payload_pause,
            Wish::Stop => &self.payload_stop,
            Wish::ReturnToBase => &self.payload_return,
            Wish::CleanSpot => &self.payload_spot,
            Wish::Locate => &self.payload_locate,
            Wish::SetFanSpeed(word) => {
                return one(self.fan_speed_topic.as_ref(), word.as_bytes());
            }
            Wish::SendCommand(command, params) if params.is_empty() => {
                return one(self.send_topic.as_ref(), command.as_bytes());
            }
            Wish::SendCommand(command, params) => {
                let mut map = Map::new();
                map.insert("command".to_owned(), Json::from(&**command));
                for (name, value) in params {
                    map.insert(name.to_string(), to_json(value));
                }
                return one(self.send_topic.as_ref(), Json::Object(map).to_string());
            }
            Wish::CleanSegments(ids) => {
                let list: Json = ids.iter().map(|id| Json::from(&**id)).collect();
                let mut out = Commands::default();
                self.segments.send(&mut out, &list.to_string(), Variable::from(&list), moment)?;
                return Ok(out);
            }
        };
        one(self.command_topic.as_ref(), payload.as_bytes())
    }

    fn reserved_attributes(&self) -> &'static [&'static str] {
        &["battery_icon", "battery_level", "fan_speed"]
    }
}
