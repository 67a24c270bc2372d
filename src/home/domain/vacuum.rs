//! Robotic vacuum cleaners.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Context, check};
use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::{Attributes, Value};
use crate::text;

/// What a vacuum cleaner can do.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Caps {
    /// It can start.
    pub can_start: bool,
    /// It can pause.
    pub can_pause: bool,
    /// It can stop.
    pub can_stop: bool,
    /// It can go home.
    pub can_return: bool,
    /// It can clean where it is.
    pub can_clean_spot: bool,
    /// It can say where it is.
    pub can_locate: bool,
    /// It takes commands of its maker's making.
    pub can_send_command: bool,
    /// It can clean single segments of its map.
    pub can_clean_segments: bool,
    /// It tells a status of its maker's making.
    pub has_status: bool,
    /// Its suction speeds; `None` when they cannot be set.
    pub fan_speeds: Option<Vec<Arc<str>>>,
}

/// What a vacuum cleaner is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// It cleans.
    Cleaning,
    /// It is at home.
    Docked,
    /// It waits where it is.
    Paused,
    /// Nothing, away from home.
    Idle,
    /// It is on its way home.
    Returning,
    /// Something is wrong.
    Error,
}

impl Activity {
    /// All.
    pub const ALL: [Self; 6] =
        [Self::Cleaning, Self::Docked, Self::Paused, Self::Idle, Self::Returning, Self::Error];

    /// Home Assistant's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cleaning => "cleaning",
            Self::Docked => "docked",
            Self::Paused => "paused",
            Self::Idle => "idle",
            Self::Returning => "returning",
            Self::Error => "error",
        }
    }

    /// Of a word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|activity| activity.word() == word)
    }
}

/// A part of the map that can be cleaned alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The device's word.
    pub id: Arc<str>,
    /// What people call it.
    pub name: Arc<str>,
}

/// What a vacuum cleaner is; the default is unknown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// What it is doing, if known.
    pub activity: Option<Activity>,
    /// Suction speed as the device says it; `None` as long as it said nothing.
    pub fan_speed: Option<Value>,
    /// The parts of its map.
    pub segments: Arc<[Segment]>,
}

/// What one can wish of a vacuum cleaner.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Start or go on.
    Start,
    /// Pause.
    Pause,
    /// Stop.
    Stop,
    /// Go home.
    ReturnToBase,
    /// Clean where it is.
    CleanSpot,
    /// Say where it is.
    Locate,
    /// A suction speed.
    SetFanSpeed(Arc<str>),
    /// A command of its maker's making, with its parameters.
    SendCommand(Arc<str>, Vec<(Arc<str>, Value)>),
    /// Parts of the map, by id or name; by id when accepted.
    CleanSegments(Vec<Arc<str>>),
}

/// Home Assistant's services of this domain.
pub const SERVICES: &[Service] = &[
    Service { name: "start", fields: &[] },
    Service { name: "pause", fields: &[] },
    Service { name: "stop", fields: &[] },
    Service { name: "return_to_base", fields: &[] },
    Service { name: "clean_spot", fields: &[] },
    Service { name: "locate", fields: &[] },
    Service { name: "set_fan_speed", fields: &["fan_speed"] },
    Service { name: "send_command", fields: &["command", "params"] },
    Service { name: "clean_area", fields: &["cleaning_area_id"] },
];

/// Reads a service call.
///
/// # Errors
/// See [`Invalid`].
pub fn action(service: &str, mut fields: Fields) -> Result<Action, Invalid> {
    let action = match service {
        "start" => Action::Start,
        "pause" => Action::Pause,
        "stop" => Action::Stop,
        "return_to_base" => Action::ReturnToBase,
        "clean_spot" => Action::CleanSpot,
        "locate" => Action::Locate,
        "set_fan_speed" => Action::SetFanSpeed(check::text(&mut fields, "fan_speed")?),
        "send_command" => {
            let command = check::text(&mut fields, "command")?;
            let params = match fields.take("params") {
                Some(Value::Map(params)) => params,
                None | Some(Value::Null | Value::List(_)) => Vec::new(),
                Some(Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_)) => {
                    return Err(Invalid::Field { name: "params", expected: "a map" });
                }
            };
            Action::SendCommand(command, params)
        }
        "clean_area" => Action::CleanSegments(areas(&mut fields)?),
        _ => return Err(Invalid::NoSuchService),
    };
    fields.finish()?;
    Ok(action)
}

fn areas(fields: &mut Fields) -> Result<Vec<Arc<str>>, Invalid> {
    let name = "cleaning_area_id";
    let invalid = Invalid::Field { name, expected: "a list of texts" };
    let items = match fields.take(name).ok_or(Invalid::Missing(name))? {
        Value::List(items) if !items.is_empty() => items,
        one @ Value::Text(_) => vec![one],
        _ => return Err(invalid),
    };
    let texts: Option<Vec<Arc<str>>> =
        items.iter().map(|item| item.as_str().map(Arc::from)).collect();
    texts.ok_or(invalid)
}

impl Caps {
    /// Home Assistant's `supported_features`.
    pub fn features(&self) -> Option<u32> {
        // It always tells its state.
        let mut features = 4096;
        for (bit, has_it) in [
            (4, self.can_pause),
            (8, self.can_stop),
            (16, self.can_return),
            (32, self.fan_speeds.is_some()),
            (128, self.has_status),
            (256, self.can_send_command),
            (512, self.can_locate),
            (1024, self.can_clean_spot),
            (8192, self.can_start),
            (16384, self.can_clean_segments),
        ] {
            if has_it {
                features |= bit;
            }
        }
        Some(features)
    }

    /// What is shown even while the entity is unavailable.
    pub fn attributes(&self, out: &mut Attributes) {
        out.put_some("fan_speed_list", self.fan_speeds.as_ref().map(Value::texts));
    }

    /// The action as this entity does it in this state.
    ///
    /// # Errors
    /// A [`Refusal`] when it cannot.
    pub fn accept(&self, action: Action, state: &State, _: &Context) -> Result<Action, Refusal> {
        let (has_it, what) = match &action {
            Action::Start => (self.can_start, "start"),
            Action::Pause => (self.can_pause, "pause"),
            Action::Stop => (self.can_stop, "stop"),
            Action::ReturnToBase => (self.can_return, "return_home"),
            Action::CleanSpot => (self.can_clean_spot, "clean_spot"),
            Action::Locate => (self.can_locate, "locate"),
            Action::SetFanSpeed(_) => (self.fan_speeds.is_some(), "fan_speed"),
            Action::SendCommand(..) => (self.can_send_command, "send_command"),
            Action::CleanSegments(_) => (self.can_clean_segments, "clean_area"),
        };
        check::ability(has_it, what)?;
        Ok(match action {
            Action::SetFanSpeed(word) => {
                let speeds = self.fan_speeds.as_deref().unwrap_or_default();
                Action::SetFanSpeed(check::option("fan_speed", &word, speeds)?)
            }
            Action::CleanSegments(said) => {
                let ids: Result<_, _> = said.iter().map(|said| segment(said, state)).collect();
                Action::CleanSegments(ids?)
            }
            action => action,
        })
    }
}

/// The segment of an id or a name; an area's id may stand for its name.
fn segment(said: &str, state: &State) -> Result<Arc<str>, Refusal> {
    let segments = state.segments.iter();
    let by_id = segments.clone().find(|segment| *segment.id == *said);
    let found = by_id
        .or_else(|| segments.clone().find(|segment| text::slug(&segment.name) == text::slug(said)));
    found.map(|segment| Arc::clone(&segment.id)).ok_or_else(|| Refusal::NotAnOption {
        what: "cleaning_area_id",
        value: said.to_owned(),
        options: segments.map(|segment| Arc::clone(&segment.name)).collect(),
    })
}

impl State {
    /// The main value in Home Assistant's word; `None` is unknown.
    pub fn word(&self, _: &Caps) -> Option<Cow<'_, str>> {
        self.activity.map(|activity| Cow::Borrowed(activity.word()))
    }

    /// What else is shown while the entity is available.
    pub fn attributes(&self, caps: &Caps, out: &mut Attributes) {
        if caps.fan_speeds.is_some() {
            out.put("fan_speed", self.fan_speed.clone());
        }
    }

    /// Whether this state, reported by the device, fulfils the wish: one on its way home obeys.
    pub fn confirms(&self, action: &Action) -> bool {
        match action {
            Action::Start | Action::CleanSpot | Action::CleanSegments(_) => {
                self.activity == Some(Activity::Cleaning)
            }
            Action::Pause => self.activity == Some(Activity::Paused),
            Action::Stop => self.activity.is_some_and(|now| now != Activity::Cleaning),
            Action::ReturnToBase => {
                matches!(self.activity, Some(Activity::Docked | Activity::Returning))
            }
            Action::SetFanSpeed(word) => {
                self.fan_speed.as_ref().and_then(Value::as_str) == Some(&**word)
            }
            // The device says nothing of these.
            Action::Locate | Action::SendCommand(..) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_found_by_id_and_by_name() {
        let caps = Caps { can_clean_segments: true, ..Caps::default() };
        let segments = [("1", "Kitchen"), ("2", "Living Room")];
        let state = State {
            segments: segments
                .map(|(id, name)| Segment { id: id.into(), name: name.into() })
                .into(),
            ..State::default()
        };
        for (said, id) in [
            ("1", Some("1")),
            ("kitchen", Some("1")),
            ("living_room", Some("2")),
            ("Living room", Some("2")),
            ("attic", None),
        ] {
            let wish = Action::CleanSegments(vec![said.into()]);
            let accepted = caps.accept(wish, &state, &Context::default());
            let wanted = id.map(|id| Action::CleanSegments(vec![id.into()]));
            assert_eq!(accepted.ok(), wanted, "{said}");
        }
    }
}
