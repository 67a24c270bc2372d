//! The model of the house: places, devices, entities and what each is now.
//!
//! Pure: no input or output, no clock, no serialisation; the hub is its only writer. Ports tell it
//! what devices announced and said, and get back what changed.

pub mod action;
mod announce;
pub mod color;
pub mod device;
pub mod domain;
mod edit;
pub mod entity;
pub mod guard;
pub mod id;
pub mod person;
pub mod place;
pub mod rhythm;
pub mod service;
mod sight;
pub mod target;
pub mod test;
pub mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use self::action::Refusal;
use self::device::Device;
use self::domain::{Action, Domain, State};
use self::entity::{Availability, Entity, Given, Naming, Producer, Record, Source, Traits, View};
use self::id::{AreaId, DeviceId, EntityId, FloorId, Handle};
use self::place::{Area, Floor};
use self::value::Value;
use crate::text;

/// What one entity was before and is after. `None` is "does not exist or is disabled".
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Whose.
    pub id: EntityId,
    /// Before.
    pub before: Option<Record>,
    /// After.
    pub after: Option<Record>,
}

/// What an operation changed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    /// States, in the order they changed.
    pub states: Vec<Change>,
    /// Things of the registry that were added, changed or removed; to be kept or forgotten.
    pub registry: Vec<Touched>,
}

/// A thing of the registry that was added, changed or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touched {
    /// An entity.
    Entity(EntityId),
    /// A device.
    Device(DeviceId),
    /// An area.
    Area(AreaId),
    /// A floor.
    Floor(FloorId),
}

/// What a device said, in the house's words.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Its state, whole; `None` if this report says nothing of it.
    pub state: Option<State>,
    /// Attributes of the device's own making, whole.
    pub extra: Option<Vec<(Arc<str>, Value)>>,
    /// Where this comes from.
    pub source: Source,
    /// Counts as a change even if nothing differs (events, `force_update`).
    pub force: bool,
    /// When it was said, to the second, if that is known of a retained message. Such a report does
    /// not replace a value from before the restart that was shown later.
    pub said_at: Option<Timestamp>,
}

/// What is kept of an entity over a restart.
#[derive(Debug, Clone, PartialEq)]
pub struct Remembered {
    /// Its id.
    pub id: EntityId,
    /// See [`entity::Announcement::key`].
    pub key: Arc<str>,
    /// The producer's unique id.
    pub unique_id: Option<Arc<str>>,
    /// Its kind.
    pub domain: Domain,
    /// Its device.
    pub device: Option<DeviceId>,
    /// How its name is formed.
    pub naming: Naming,
    /// Facts shown with the state.
    pub traits: Traits,
    /// Shown and alive unless the owner says otherwise.
    pub enabled_by_default: bool,
    /// What the owner decided.
    pub given: Given,
    /// Who announced it.
    pub producer: Producer,
}

/// The last state of an entity, kept over a restart.
#[derive(Debug, Clone, PartialEq)]
pub struct LastState {
    /// What was shown.
    pub view: View,
    /// When the word last changed.
    pub changed_at: Timestamp,
    /// When what was shown last changed.
    pub updated_at: Timestamp,
    /// When the device last spoke.
    pub heard_at: Option<Timestamp>,
}

/// What the owner changes about an entity; `None` leaves a field as it is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EntityEdit {
    /// A name; `Some(None)` goes back to the announced one.
    pub name: Option<Option<String>>,
    /// A room; `Some(None)` goes back to the device's.
    pub area: Option<Option<AreaId>>,
    /// Other names.
    pub aliases: Option<Vec<String>>,
    /// Shown and alive; `Some(None)` leaves it to the producer.
    pub enabled: Option<Option<bool>>,
}

/// What the owner changes about a device; `None` leaves a field as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeviceEdit {
    /// A name; `Some(None)` goes back to the producer's.
    pub name: Option<Option<String>>,
    /// A room; `Some(None)` is none.
    pub area: Option<Option<AreaId>>,
}

/// The house.
#[derive(Debug, Default)]
pub struct Home {
    floors: BTreeMap<FloorId, Floor>,
    areas: BTreeMap<AreaId, Area>,
    devices: BTreeMap<DeviceId, Device>,
    /// Every identifier and connection of a device, to its id.
    device_by_identity: BTreeMap<Arc<str>, DeviceId>,
    /// The same the other way round.
    identities: BTreeSet<(DeviceId, Arc<str>)>,
    entities: BTreeMap<EntityId, Entity>,
    /// Which entities each device has: thousands may come, be renamed or go at once.
    by_device: BTreeSet<(DeviceId, EntityId)>,
    /// Announced keys, to know an entity again.
    by_key: BTreeMap<(Domain, Arc<str>), EntityId>,
    by_handle: BTreeMap<Handle, EntityId>,
    /// See [`Home::names_version`].
    names: u64,
}

impl Home {
    /// An empty house.
    pub fn new() -> Self {
        Self::default()
    }

    /// Differs from what it was before whenever something that has a name came, went or changed, so
    /// that lists of names are made anew only then. Not to be compared between two homes.
    pub fn names_version(&self) -> u64 {
        self.names
    }

    /// All entities, in the order of their ids, disabled ones too.
    pub fn entities(&self) -> impl Iterator<Item = &Entity> {
        self.entities.values()
    }

    /// One entity.
    pub fn entity(&self, id: &str) -> Option<&Entity> {
        self.entities.get(id)
    }

    /// The entity that a port announced under this handle.
    pub fn by_handle(&self, handle: Handle) -> Option<&Entity> {
        self.entities.get(self.by_handle.get(&handle)?)
    }

    /// All floors, in the order of their ids.
    pub fn floors(&self) -> impl Iterator<Item = &Floor> {
        self.floors.values()
    }

    /// One floor.
    pub fn floor(&self, id: &str) -> Option<&Floor> {
        self.floors.get(id)
    }

    /// All areas, in the order of their ids.
    pub fn areas(&self) -> impl Iterator<Item = &Area> {
        self.areas.values()
    }

    /// One area.
    pub fn area(&self, id: &str) -> Option<&Area> {
        self.areas.get(id)
    }

    /// All devices, in the order of their ids.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.values()
    }

    /// One device.
    pub fn device(&self, id: &str) -> Option<&Device> {
        self.devices.get(id)
    }

    /// Where an entity is: where the owner put it, else where its device is.
    pub fn area_of(&self, entity: &Entity) -> Option<&Area> {
        let device_area = || self.devices.get(entity.device.as_ref()?)?.area.as_ref();
        self.areas.get(entity.given.area.as_ref().or_else(device_area)?)
    }

    /// The floor an entity is on.
    pub fn floor_of(&self, entity: &Entity) -> Option<&Floor> {
        self.floors.get(self.area_of(entity)?.floor.as_ref()?)
    }

    /// The action as the entity can do it now.
    ///
    /// # Errors
    /// A [`Refusal`] when it cannot; nothing was done.
    pub fn accept(&self, id: &str, action: Action) -> Result<(Handle, Action), Refusal> {
        let Some(entity) = self.entities.get(id).filter(|entity| entity.is_enabled()) else {
            return Err(self.no_such_entity(id));
        };
        let Some(caps) = &entity.caps else { return Err(Refusal::NotAnnounced) };
        let Some(handle) = entity.handle else { return Err(Refusal::NotAnnounced) };
        if !entity.port_is_up {
            return Err(Refusal::NoBroker);
        }
        if entity.availability != Availability::Online {
            return Err(Refusal::Unreachable);
        }
        let unknown;
        let state = match &entity.state {
            Some(state) => state,
            None => {
                unknown = caps.unknown();
                &unknown
            }
        };
        caps.accept(action, state, &entity.context()).map(|action| (handle, action))
    }

    /// A refusal that names the nearest known ids.
    pub fn no_such_entity(&self, said: &str) -> Refusal {
        let known = self.entities.values().filter(|entity| entity.is_enabled());
        let nearest = text::nearest(said, known.map(|entity| entity.id.as_str()));
        Refusal::NoSuchName { said: said.to_owned(), nearest }
    }
}
