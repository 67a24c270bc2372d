//! What the owner changes, and what comes back after a restart.

use std::sync::Arc;

use jiff::Timestamp;

use super::action::Refusal;
use super::announce::identities;
use super::device::Device;
use super::entity::{Availability, Entity, Source};
use super::id::{AreaId, DeviceId, EntityId, FloorId, Handle};
use super::place::{Area, Floor};
use super::{Changes, DeviceEdit, EntityEdit, Home, LastState, Remembered, Touched};
use crate::text;

impl Home {
    /// Puts back what was known before the restart. Values are shown as restored until the
    /// devices speak.
    pub fn restore(
        floors: Vec<Floor>,
        areas: Vec<Area>,
        devices: Vec<Device>,
        entities: Vec<(Remembered, Option<LastState>)>,
        now: Timestamp,
    ) -> Self {
        // Far from the versions of an empty home that was filled.
        let mut home = Self { names: 1 << 32, ..Self::new() };
        home.floors = floors.into_iter().map(|floor| (floor.id.clone(), floor)).collect();
        home.areas = areas.into_iter().map(|area| (area.id.clone(), area)).collect();
        for device in devices {
            for identity in identities(&device.facts) {
                home.identify(identity, &device.id);
            }
            home.devices.insert(device.id.clone(), device);
        }
        for (known, last) in entities {
            let id = known.id.clone();
            home.by_key.insert((known.domain, Arc::clone(&known.key)), id.clone());
            if let Some(device) = &known.device {
                home.by_device.insert((device.clone(), id.clone()));
            }
            let times = last.as_ref().map(|last| (last.changed_at, last.updated_at));
            let (changed_at, updated_at) = times.unwrap_or((now, now));
            home.entities.insert(
                id.clone(),
                Entity {
                    id: id.clone(),
                    handle: None,
                    key: known.key,
                    unique_id: known.unique_id,
                    domain: known.domain,
                    device: known.device,
                    naming: known.naming,
                    friendly_name: "".into(),
                    traits: Arc::new(known.traits),
                    enabled_by_default: known.enabled_by_default,
                    given: known.given,
                    producer: known.producer,
                    caps: None,
                    state: None,
                    extra: Vec::new(),
                    source: Source::Restored,
                    availability: Availability::Unknown,
                    port_is_up: true,
                    heard_at: last.as_ref().and_then(|last| last.heard_at),
                    restored: last.map(|last| Box::new(last.view)),
                    changed_at,
                    updated_at,
                },
            );
            home.rename(&id);
        }
        home
    }

    /// What is to be kept of an entity.
    pub fn remembered(&self, id: &EntityId) -> Option<Remembered> {
        let entity = self.entities.get(id)?;
        Some(Remembered {
            id: entity.id.clone(),
            key: Arc::clone(&entity.key),
            unique_id: entity.unique_id.clone(),
            domain: entity.domain,
            device: entity.device.clone(),
            naming: entity.naming.clone(),
            traits: (*entity.traits).clone(),
            enabled_by_default: entity.enabled_by_default,
            given: entity.given.clone(),
            producer: entity.producer.clone(),
        })
    }

    /// The last state of an entity, to be kept over a restart; `None` when there is none worth
    /// keeping (disabled, or nothing ever heard).
    pub fn last_state(&self, id: &EntityId) -> Option<LastState> {
        let entity = self.entities.get(id)?;
        let mut view = match &entity.restored {
            Some(view) => (**view).clone(),
            None => {
                // What was last known counts, also while the device is offline.
                let mut online = entity.clone();
                online.availability = Availability::Online;
                online.port_is_up = true;
                online.view().filter(|_| entity.state.is_some() && entity.caps.is_some())?
            }
        };
        if view.word == "unknown" && view.attributes.is_empty() {
            return None;
        }
        view.attributes.remove("restored");
        // Formed anew; a state is written often and the name hardly changes.
        view.attributes.remove("friendly_name");
        entity.traits.take_kept(&mut view.attributes);
        Some(LastState {
            view,
            changed_at: entity.changed_at,
            updated_at: entity.updated_at,
            heard_at: entity.heard_at,
        })
    }

    /// Changes what the owner decides about an entity. The second value says that its port must
    /// bind or release it.
    ///
    /// # Errors
    /// [`Refusal::NoSuchName`] or [`Refusal::NoSuchPlace`]; nothing was changed.
    pub fn edit_entity(
        &mut self,
        id: &str,
        edit: EntityEdit,
        now: Timestamp,
    ) -> Result<(Changes, Option<(Handle, bool)>), Refusal> {
        if let Some(Some(area)) = &edit.area
            && !self.areas.contains_key(area)
        {
            return Err(self.no_such_area(area.as_str()));
        }
        let Some(entity) = self.entities.get_mut(id) else {
            return Err(self.no_such_entity(id));
        };
        let before = entity.record();
        let was_enabled = entity.is_enabled();
        let id = entity.id.clone();
        let given = &mut entity.given;
        if let Some(name) = edit.name {
            given.name = name;
        }
        if let Some(area) = edit.area {
            given.area = area;
        }
        if let Some(aliases) = edit.aliases {
            given.aliases = aliases;
        }
        if let Some(enabled) = edit.enabled {
            given.enabled = enabled;
        }
        let is_enabled = entity.is_enabled();
        if was_enabled && !is_enabled {
            entity.state = None;
            entity.restored = None;
        }
        self.names += 1;
        let rebind =
            entity.handle.filter(|_| was_enabled != is_enabled).map(|handle| (handle, is_enabled));
        self.rename(&id);
        let states = self.settle(&id, before, now).into_iter().collect();
        Ok((Changes { states, registry: vec![Touched::Entity(id)] }, rebind))
    }

    /// A device as it is after an edit, which is not made yet.
    ///
    /// # Errors
    /// [`Refusal::NoSuchName`] or [`Refusal::NoSuchPlace`].
    pub fn edited_device(&self, id: &str, edit: &DeviceEdit) -> Result<Device, Refusal> {
        let Some(device) = self.devices.get(id) else {
            let nearest = self.nearest_devices(id);
            return Err(Refusal::NoSuchName { said: id.to_owned(), nearest });
        };
        if let Some(Some(area)) = &edit.area
            && !self.areas.contains_key(area)
        {
            return Err(self.no_such_area(area.as_str()));
        }
        let mut device = device.clone();
        if let Some(name) = &edit.name {
            device.given_name.clone_from(name);
        }
        if let Some(area) = &edit.area {
            device.area.clone_from(area);
        }
        Ok(device)
    }

    /// Changes what the owner decides about a device; its entities' names follow.
    ///
    /// # Errors
    /// As [`Home::edited_device`]; nothing was changed.
    pub fn edit_device(
        &mut self,
        id: &str,
        edit: &DeviceEdit,
        now: Timestamp,
    ) -> Result<Changes, Refusal> {
        let device = self.edited_device(id, edit)?;
        let id = device.id.clone();
        self.devices.insert(id.clone(), device);
        self.names += 1;
        let mut changes =
            Changes { states: Vec::new(), registry: vec![Touched::Device(id.clone())] };
        self.rename_entities_of(&id, now, &mut changes);
        Ok(changes)
    }

    /// Removes an entity with all that the owner decided about it, and its device if that has no
    /// other. The second value is its port's handle, if it was announced in this run.
    ///
    /// # Errors
    /// [`Refusal::NoSuchName`]; nothing was changed.
    pub fn remove_entity(
        &mut self,
        id: &str,
        now: Timestamp,
    ) -> Result<(Changes, Option<Handle>), Refusal> {
        let Some(entity) = self.entities.get(id) else { return Err(self.no_such_entity(id)) };
        let (id, handle) = (entity.id.clone(), entity.handle);
        if let Some(handle) = handle {
            self.by_handle.remove(&handle);
        }
        Ok((self.drop_entity(&id, now), handle))
    }

    /// Adds or changes a floor.
    pub fn put_floor(&mut self, floor: Floor) -> Changes {
        self.names += 1;
        let touched = Touched::Floor(floor.id.clone());
        self.floors.insert(floor.id.clone(), floor);
        Changes { states: Vec::new(), registry: vec![touched] }
    }

    /// Removes a floor; its areas stay, without a floor.
    ///
    /// # Errors
    /// [`Refusal::NoSuchPlace`].
    pub fn remove_floor(&mut self, id: &str) -> Result<Changes, Refusal> {
        let Some((id, _)) = self.floors.remove_entry(id) else {
            let nearest = text::nearest(id, self.floors.keys().map(FloorId::as_str));
            return Err(Refusal::NoSuchPlace { said: id.to_owned(), nearest });
        };
        self.names += 1;
        let mut registry = vec![Touched::Floor(id.clone())];
        for area in self.areas.values_mut().filter(|area| area.floor.as_ref() == Some(&id)) {
            area.floor = None;
            registry.push(Touched::Area(area.id.clone()));
        }
        Ok(Changes { states: Vec::new(), registry })
    }

    /// Adds or changes an area.
    ///
    /// # Errors
    /// [`Refusal::NoSuchPlace`] when its floor does not exist; nothing was changed.
    pub fn put_area(&mut self, area: Area) -> Result<Changes, Refusal> {
        if let Some(floor) = &area.floor
            && !self.floors.contains_key(floor)
        {
            let nearest = text::nearest(floor.as_str(), self.floors.keys().map(FloorId::as_str));
            return Err(Refusal::NoSuchPlace { said: floor.to_string(), nearest });
        }
        self.names += 1;
        let touched = Touched::Area(area.id.clone());
        self.areas.insert(area.id.clone(), area);
        Ok(Changes { states: Vec::new(), registry: vec![touched] })
    }

    /// Removes an area; what stood in it stands nowhere.
    ///
    /// # Errors
    /// [`Refusal::NoSuchPlace`].
    pub fn remove_area(&mut self, id: &str) -> Result<Changes, Refusal> {
        let Some((id, _)) = self.areas.remove_entry(id) else {
            return Err(self.no_such_area(id));
        };
        self.names += 1;
        let mut registry = vec![Touched::Area(id.clone())];
        for device in self.devices.values_mut().filter(|device| device.area.as_ref() == Some(&id)) {
            device.area = None;
            registry.push(Touched::Device(device.id.clone()));
        }
        for entity in self.entities.values_mut() {
            if entity.given.area.as_ref() == Some(&id) {
                entity.given.area = None;
                registry.push(Touched::Entity(entity.id.clone()));
            }
        }
        Ok(Changes { states: Vec::new(), registry })
    }

    /// Whether the names of an area are its own: two rooms of one name could not be told apart.
    ///
    /// # Errors
    /// [`Refusal::BadValue`] with the id of the area that has one of them.
    pub fn check_area_names(&self, area: &Area) -> Result<(), Refusal> {
        let others = self.areas.values().filter(|other| other.id != area.id);
        let others = others.map(|other| (other.id.as_str(), &*other.name, &*other.aliases));
        check_names("area", (&area.name, &area.aliases), others)
    }

    /// The same of a floor.
    ///
    /// # Errors
    /// [`Refusal::BadValue`] with the id of the floor that has one of them.
    pub fn check_floor_names(&self, floor: &Floor) -> Result<(), Refusal> {
        let others = self.floors.values().filter(|other| other.id != floor.id);
        let others = others.map(|other| (other.id.as_str(), &*other.name, &*other.aliases));
        check_names("floor", (&floor.name, &floor.aliases), others)
    }

    /// Names of areas, of all they have, that are close to what was said.
    pub fn nearest_areas(&self, said: &str) -> Vec<String> {
        let names = self.areas.values().flat_map(|area| {
            std::iter::once(area.name.as_str()).chain(area.aliases.iter().map(String::as_str))
        });
        text::nearest(said, names)
    }

    /// Ids of devices that are close to what was said.
    pub fn nearest_devices(&self, said: &str) -> Vec<String> {
        text::nearest(said, self.devices.keys().map(DeviceId::as_str))
    }

    /// A refusal that names the nearest known areas.
    pub fn no_such_area(&self, said: &str) -> Refusal {
        let nearest = text::nearest(said, self.areas.keys().map(AreaId::as_str));
        Refusal::NoSuchPlace { said: said.to_owned(), nearest }
    }
}

/// A place's name and its other names.
type Names<'a> = (&'a str, &'a [String]);

fn check_names<'a>(
    kind: &str,
    (name, aliases): Names<'_>,
    others: impl Iterator<Item = (&'a str, &'a str, &'a [String])>,
) -> Result<(), Refusal> {
    let wanted: Vec<(&'static str, &str, String)> = std::iter::once(("name", name))
        .chain(aliases.iter().map(|alias| ("aliases", alias.as_str())))
        .map(|(what, name)| (what, name, text::key(name)))
        .collect();
    for (id, name, aliases) in others {
        for other in std::iter::once(name).chain(aliases.iter().map(String::as_str)) {
            let key = text::key(other);
            if let Some((what, said, _)) = wanted.iter().find(|(_, _, wanted)| *wanted == key) {
                let why = format!("the {kind} `{id}` is called `{said}` already");
                return Err(Refusal::BadValue { what, why });
            }
        }
    }
    Ok(())
}
