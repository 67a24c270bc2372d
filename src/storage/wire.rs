//! How records stand in the database: compact JSON, apart from the model's types, so that the
//! model can change without breaking a house's data. A changed meaning is a new format.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::home::device::{self, DeviceFacts};
use crate::home::domain::Domain;
use crate::home::entity::{Category, Given, Naming, Producer, Traits, View};
use crate::home::id::{AreaId, DeviceId, EntityId, FloorId};
use crate::home::value::Attributes;
use crate::home::{LastState, Remembered, place};
use crate::json::{from_json, to_json};

/// Why a readable record still cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error("unknown domain `{0}`")]
    Domain(String),
    #[error("unknown category `{0}`")]
    Category(String),
    #[error("time {0} is out of range")]
    Time(i64),
}

#[derive(Serialize, Deserialize)]
pub(super) struct Floor {
    id: Arc<str>,
    name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    level: Option<i32>,
}

impl From<&place::Floor> for Floor {
    fn from(floor: &place::Floor) -> Self {
        let place::Floor { id, name, aliases, level } = floor;
        Self { id: id.shared(), name: name.clone(), aliases: aliases.clone(), level: *level }
    }
}

impl From<Floor> for place::Floor {
    fn from(wire: Floor) -> Self {
        let Floor { id, name, aliases, level } = wire;
        Self { id: FloorId::new(&id), name, aliases, level }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Area {
    id: Arc<str>,
    name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    floor: Option<Arc<str>>,
}

impl From<&place::Area> for Area {
    fn from(area: &place::Area) -> Self {
        let place::Area { id, name, aliases, floor } = area;
        let floor = floor.as_ref().map(FloorId::shared);
        Self { id: id.shared(), name: name.clone(), aliases: aliases.clone(), floor }
    }
}

impl From<Area> for place::Area {
    fn from(wire: Area) -> Self {
        let Area { id, name, aliases, floor } = wire;
        let floor = floor.map(|id| FloorId::new(&id));
        Self { id: AreaId::new(&id), name, aliases, floor }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Device {
    id: Arc<str>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    identifiers: Vec<Arc<str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    connections: Vec<(Arc<str>, Arc<str>)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    manufacturer: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model_id: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hw_version: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sw_version: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    serial_number: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    via_device: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suggested_area: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    configuration_url: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    given_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    area: Option<Arc<str>>,
}

impl From<&device::Device> for Device {
    fn from(device: &device::Device) -> Self {
        let device::Device { id, facts, given_name, area } = device.clone();
        Self {
            id: id.shared(),
            identifiers: facts.identifiers,
            connections: facts.connections,
            name: facts.name,
            manufacturer: facts.manufacturer,
            model: facts.model,
            model_id: facts.model_id,
            hw_version: facts.hw_version,
            sw_version: facts.sw_version,
            serial_number: facts.serial_number,
            via_device: facts.via_device,
            suggested_area: facts.suggested_area,
            configuration_url: facts.configuration_url,
            given_name,
            area: area.map(|id| id.shared()),
        }
    }
}

impl From<Device> for device::Device {
    fn from(wire: Device) -> Self {
        let facts = DeviceFacts {
            identifiers: wire.identifiers,
            connections: wire.connections,
            name: wire.name,
            manufacturer: wire.manufacturer,
            model: wire.model,
            model_id: wire.model_id,
            hw_version: wire.hw_version,
            sw_version: wire.sw_version,
            serial_number: wire.serial_number,
            via_device: wire.via_device,
            suggested_area: wire.suggested_area,
            configuration_url: wire.configuration_url,
        };
        let area = wire.area.map(|id| AreaId::new(&id));
        Self { id: DeviceId::new(&wire.id), facts, given_name: wire.given_name, area }
    }
}

fn is_false(flag: &bool) -> bool {
    !flag
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Name {
    Named(Arc<str>),
    Main,
    Unnamed(Arc<str>),
}

#[derive(Serialize, Deserialize)]
pub(super) struct Entity {
    pub(super) id: Arc<str>,
    key: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unique_id: Option<Arc<str>>,
    domain: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device: Option<Arc<str>>,
    naming: Name,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device_class: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    icon: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entity_picture: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    category: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    assumes_state: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    hidden: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    force_update: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    disabled_by_default: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    given_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    given_area: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    given_enabled: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    producer: Option<Arc<str>>,
    topic: Arc<str>,
}

impl From<&Remembered> for Entity {
    fn from(known: &Remembered) -> Self {
        let Remembered {
            id,
            key,
            unique_id,
            domain,
            device,
            naming,
            traits,
            enabled_by_default,
            given,
            producer,
        } = known.clone();
        Self {
            id: id.shared(),
            key,
            unique_id,
            domain: domain.word().to_owned(),
            device: device.map(|id| id.shared()),
            naming: match naming {
                Naming::Named(name) => Name::Named(name),
                Naming::Main => Name::Main,
                Naming::Unnamed(name) => Name::Unnamed(name),
            },
            device_class: traits.device_class,
            unit: traits.unit,
            icon: traits.icon,
            entity_picture: traits.entity_picture,
            category: traits.category.map(|category| category.word().to_owned()),
            assumes_state: traits.assumes_state,
            hidden: traits.hidden,
            force_update: traits.force_update,
            disabled_by_default: !enabled_by_default,
            given_name: given.name,
            given_area: given.area.map(|id| id.shared()),
            aliases: given.aliases,
            given_enabled: given.enabled,
            producer: producer.name,
            topic: producer.topic,
        }
    }
}

impl TryFrom<Entity> for Remembered {
    type Error = Unusable;

    fn try_from(wire: Entity) -> Result<Self, Unusable> {
        let domain: Domain =
            wire.domain.parse().map_err(|_| Unusable::Domain(wire.domain.clone()))?;
        let category = match wire.category.as_deref() {
            None => None,
            Some("config") => Some(Category::Config),
            Some("diagnostic") => Some(Category::Diagnostic),
            Some(other) => return Err(Unusable::Category(other.to_owned())),
        };
        Ok(Self {
            id: EntityId::new(&wire.id),
            key: wire.key,
            unique_id: wire.unique_id,
            domain,
            device: wire.device.map(|id| DeviceId::new(&id)),
            naming: match wire.naming {
                Name::Named(name) => Naming::Named(name),
                Name::Main => Naming::Main,
                Name::Unnamed(name) => Naming::Unnamed(name),
            },
            traits: Traits {
                device_class: wire.device_class,
                unit: wire.unit,
                icon: wire.icon,
                entity_picture: wire.entity_picture,
                category,
                assumes_state: wire.assumes_state,
                hidden: wire.hidden,
                force_update: wire.force_update,
            },
            enabled_by_default: !wire.disabled_by_default,
            given: Given {
                name: wire.given_name,
                area: wire.given_area.map(|id| AreaId::new(&id)),
                aliases: wire.aliases,
                enabled: wire.given_enabled,
            },
            producer: Producer { name: wire.producer, topic: wire.topic },
        })
    }
}

/// Written most of all, so no word too much: it is found by its entity's id, which it does not
/// repeat. Times are microseconds since 1970.
#[derive(Serialize, Deserialize)]
pub(super) struct State {
    word: String,
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    attributes: serde_json::Map<String, serde_json::Value>,
    changed: i64,
    /// Where it differs from `changed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    updated: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    heard: Option<i64>,
}

impl State {
    pub(super) fn new(last: &LastState) -> Self {
        let attributes = last.view.attributes.iter();
        let updated_at = Some(last.updated_at).filter(|at| *at != last.changed_at);
        Self {
            word: last.view.word.clone().into_owned(),
            attributes: attributes.map(|(name, value)| (name.to_owned(), to_json(value))).collect(),
            changed: last.changed_at.as_microsecond(),
            updated: updated_at.map(Timestamp::as_microsecond),
            heard: last.heard_at.map(Timestamp::as_microsecond),
        }
    }
}

impl TryFrom<State> for LastState {
    type Error = Unusable;

    fn try_from(wire: State) -> Result<Self, Unusable> {
        let mut attributes = Attributes::new();
        for (name, value) in wire.attributes {
            attributes.put(name, from_json(&value));
        }
        Ok(Self {
            view: View { word: Cow::Owned(wire.word), attributes },
            changed_at: time(wire.changed)?,
            updated_at: time(wire.updated.unwrap_or(wire.changed))?,
            heard_at: wire.heard.map(time).transpose()?,
        })
    }
}

/// A token: only what it hashes to, in hex.
#[derive(Serialize, Deserialize)]
pub(super) struct Token {
    pub(super) name: String,
    pub(super) sha256: String,
    /// Microseconds since 1970.
    pub(super) made: i64,
    /// What it may do; those from before there were roles run the house.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<String>,
    /// Whose it is: then it may do what they may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) person: Option<String>,
}

pub(super) fn time(microseconds: i64) -> Result<Timestamp, Unusable> {
    Timestamp::from_microsecond(microseconds).map_err(|_| Unusable::Time(microseconds))
}
