//! What of all that happens is worth telling to people who did not ask: dangers, doors left open, what is lost. Pure: it is
//! told what changed and says what to tell; who is told when is [`desk`]'s to say, and in which words the port's.

pub mod desk;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::home::domain::alarm_control_panel::Alarm;
use crate::home::domain::{Domain, State};
use crate::home::entity::{Availability, Entity, Source};
use crate::home::id::EntityId;
use crate::home::{Change, Home, guard};

/// A door that is open for so long was left open.
const LEFT_OPEN: SignedDuration = SignedDuration::from_mins(10);
/// A device that is away for so long is lost; radios lose one another for minutes.
const LOST: SignedDuration = SignedDuration::from_mins(10);
/// A broker that is away for so long is lost; restarts take less.
const BROKER_LOST: SignedDuration = SignedDuration::from_secs(60);
/// A battery below this is low, and above the other it is new, in percent.
const BATTERY: (f64, f64) = (10.0, 20.0);
/// More things than a house has that are left open or lost at once.
const MOST_WAITING: usize = 2_000;

/// What a tiding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Water where none should be.
    Water,
    /// Smoke.
    Smoke,
    /// Carbon monoxide or gas.
    Gas,
    /// An alarm system was set off.
    Alarm,
    /// A door or gate was left open.
    LeftOpen,
    /// A battery is low.
    Battery,
    /// A device cannot be reached any more.
    Lost,
    /// The broker cannot be reached, and so nothing.
    Broker,
    /// Something that was planned was not done.
    Missed,
    /// Somebody wanted everybody to hear this.
    Announced,
}

impl Kind {
    /// All.
    pub const ALL: [Self; 10] = [
        Self::Water,
        Self::Smoke,
        Self::Gas,
        Self::Alarm,
        Self::LeftOpen,
        Self::Battery,
        Self::Lost,
        Self::Broker,
        Self::Missed,
        Self::Announced,
    ];

    /// The word in keys.
    pub fn word(self) -> &'static str {
        match self {
            Self::Water => "water",
            Self::Smoke => "smoke",
            Self::Gas => "gas",
            Self::Alarm => "alarm",
            Self::LeftOpen => "open",
            Self::Battery => "battery",
            Self::Lost => "lost",
            Self::Broker => "broker",
            Self::Missed => "missed",
            Self::Announced => "announced",
        }
    }

    /// Somebody may come to harm: told at night too, and to children.
    pub fn is_danger(self) -> bool {
        matches!(self, Self::Water | Self::Smoke | Self::Gas | Self::Alarm)
    }
}

/// Something to tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Tiding {
    /// What it is about.
    pub kind: Kind,
    /// Of what; `None` is the house.
    pub entity: Option<EntityId>,
    /// What that is called, or the sentence itself.
    pub name: String,
    /// Its room.
    pub room: Option<String>,
    /// How much is left: of a battery, in percent.
    pub percent: Option<f64>,
    /// It is over now.
    pub is_over: bool,
}

impl Tiding {
    /// By what it is known again: the same is not told twice, and can be put off.
    pub fn key(&self) -> String {
        let of = self.entity.as_ref().map_or("", EntityId::as_str);
        format!("{} {of}", self.kind.word())
    }

    /// Something of the house itself, with its own sentence.
    pub fn of_house(kind: Kind, name: String) -> Self {
        Self { kind, entity: None, name, room: None, percent: None, is_over: false }
    }
}

/// Looks out for what is worth telling. What it remembers is bounded by what there is in the house.
#[derive(Debug, Clone, Default)]
pub struct Lookout {
    /// What was told and is not over.
    told: BTreeSet<(Kind, EntityId)>,
    /// What will be worth telling if it is still so then.
    waiting: BTreeMap<(Kind, EntityId), Timestamp>,
    /// Since when the broker is away; whether that was told.
    broker: Option<(Timestamp, bool)>,
}

impl Lookout {
    /// An entity is otherwise than it was.
    pub fn saw(&mut self, change: &Change, home: &Home, now: Timestamp) -> Vec<Tiding> {
        let Some(entity) = home.entity(change.id.as_str()).filter(|entity| entity.is_enabled())
        else {
            self.forget(&change.id);
            return Vec::new();
        };
        if self.broker_is_away(entity, now) {
            return Vec::new();
        }
        let mut tidings = Vec::new();
        if matches!(self.broker, Some((_, true))) {
            tidings.push(Tiding { is_over: true, ..Tiding::of_house(Kind::Broker, String::new()) });
        }
        self.broker = None;
        if entity.caps.is_none() {
            return tidings;
        }
        self.reached(entity, home, now, &mut tidings);
        if !entity.is_available() {
            return tidings;
        }
        let Some((kind, is_so)) = condition(entity, home) else { return tidings };
        let id = (kind, entity.id.clone());
        if !is_so {
            self.waiting.remove(&id);
            if self.told.remove(&id) {
                tidings.push(tiding(kind, entity, home, true));
            }
            return tidings;
        }
        if self.told.contains(&id) || self.waiting.contains_key(&id) {
            return tidings;
        }
        match kind {
            // Also what the broker kept: where it burns it burns.
            Kind::Water | Kind::Smoke | Kind::Gas | Kind::Alarm => {
                self.told.insert(id);
                tidings.push(tiding(kind, entity, home, false));
            }
            Kind::LeftOpen => self.wait(id, now + LEFT_OPEN),
            // One that was low before the start was told then.
            _ => {
                self.told.insert(id);
                if entity.source == Source::Live {
                    tidings.push(tiding(kind, entity, home, false));
                }
            }
        }
        tidings
    }

    /// What has become worth telling by now.
    pub fn due(&mut self, home: &Home, now: Timestamp) -> Vec<Tiding> {
        let mut tidings = Vec::new();
        if let Some((since, was_told @ false)) = &mut self.broker
            && *since + BROKER_LOST <= now
        {
            *was_told = true;
            tidings.push(Tiding::of_house(Kind::Broker, String::new()));
        }
        if self.broker.is_some() {
            // What is not reached now may be found again with the broker.
            return tidings;
        }
        let ripe: Vec<(Kind, EntityId)> =
            self.waiting.iter().filter(|(_, at)| **at <= now).map(|(id, _)| id.clone()).collect();
        let mut devices = BTreeSet::new();
        for id in ripe {
            self.waiting.remove(&id);
            let Some(entity) = home.entity(id.1.as_str()) else { continue };
            // A device is lost once, whatever it has.
            let is_told = id.0 == Kind::Lost
                && entity.device.as_ref().is_some_and(|device| {
                    let is_of = |known: &(Kind, EntityId)| {
                        known.0 == Kind::Lost
                            && home
                                .entity(known.1.as_str())
                                .is_some_and(|one| one.device.as_ref() == Some(device))
                    };
                    !devices.insert(device.clone()) || self.told.iter().any(is_of)
                });
            if !is_told {
                tidings.push(tiding(id.0, entity, home, false));
                self.told.insert(id);
            }
        }
        tidings
    }

    /// When [`Lookout::due`] is to be asked next.
    pub fn next(&self) -> Option<Timestamp> {
        match self.broker {
            Some((since, false)) => Some(since + BROKER_LOST),
            Some((_, true)) => None,
            None => self.waiting.values().min().copied(),
        }
    }

    fn wait(&mut self, id: (Kind, EntityId), at: Timestamp) {
        if self.waiting.len() < MOST_WAITING {
            self.waiting.entry(id).or_insert(at);
        }
    }

    fn forget(&mut self, id: &EntityId) {
        self.told.retain(|(_, known)| known != id);
        self.waiting.retain(|(_, known), _| known != id);
    }

    /// Everything is away when the broker is; that is one thing to tell and not a hundred.
    fn broker_is_away(&mut self, entity: &Entity, now: Timestamp) -> bool {
        if entity.port_is_up {
            return false;
        }
        if entity.caps.is_some() {
            self.broker.get_or_insert((now, false));
        }
        true
    }

    fn reached(&mut self, entity: &Entity, home: &Home, now: Timestamp, out: &mut Vec<Tiding>) {
        let id = (Kind::Lost, entity.id.clone());
        match entity.availability {
            Availability::Online => {
                self.waiting.remove(&id);
                if self.told.remove(&id) {
                    out.push(tiding(Kind::Lost, entity, home, true));
                }
            }
            Availability::Offline if !self.told.contains(&id) => self.wait(id, now + LOST),
            Availability::Offline | Availability::Unknown => {}
        }
    }
}

/// What may be worth telling of this thing, and whether it is so now.
fn condition(entity: &Entity, home: &Home) -> Option<(Kind, bool)> {
    let class = entity.traits.device_class.as_deref().unwrap_or_default();
    match entity.state.as_ref()? {
        State::BinarySensor(state) => {
            let kind = match class {
                "moisture" => Kind::Water,
                "smoke" => Kind::Smoke,
                "carbon_monoxide" | "gas" => Kind::Gas,
                "battery" => Kind::Battery,
                "door" | "garage_door" | "opening" => Kind::LeftOpen,
                _ => return None,
            };
            Some((kind, state.on?))
        }
        State::Sensor(state) if class == "battery" => {
            let percent: f64 = state.value.as_ref()?.parse().ok()?;
            // Between the two it stays what it was.
            (percent < BATTERY.0 || percent > BATTERY.1)
                .then_some((Kind::Battery, percent < BATTERY.0))
        }
        State::AlarmControlPanel(state) => Some((Kind::Alarm, state.alarm? == Alarm::Triggered)),
        State::Cover(state) if guard::is_guarded(entity, home) => {
            Some((Kind::LeftOpen, !state.is_closed?))
        }
        _ => None,
    }
}

fn tiding(kind: Kind, entity: &Entity, home: &Home, is_over: bool) -> Tiding {
    let device = entity.device.as_ref().and_then(|id| home.device(id.as_str()));
    let name = match (kind, device.and_then(|device| device.name())) {
        (Kind::Lost | Kind::Battery, Some(name)) => name.to_owned(),
        _ => entity.friendly_name.to_string(),
    };
    let percent = match (&entity.state, entity.domain) {
        (Some(State::Sensor(state)), Domain::Sensor) if kind == Kind::Battery => {
            state.value.as_ref().and_then(|value| value.parse().ok())
        }
        _ => None,
    };
    let room = home.area_of(entity).map(|area| area.name.clone());
    Tiding { kind, entity: Some(entity.id.clone()), name, room, percent, is_over }
}

#[cfg(test)]
mod tests;
