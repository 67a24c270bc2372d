//! What ports tell the house: announcements, reports, availability.

use std::collections::btree_map::Entry;
use std::sync::Arc;

use jiff::Timestamp;

use super::device::{Device, DeviceFacts};
use super::domain::Domain;
use super::entity::{Announcement, Availability, Entity, Given, Naming, Record, Source};
use super::id::{AreaId, DeviceId, EntityId, Handle};
use super::place::Area;
use super::value::Value;
use super::{Change, Changes, Home, Report, Touched};
use crate::text;

impl Home {
    /// Takes in an announcement: a new entity, or one known from before or announced anew. What
    /// the owner decided about it stays.
    pub fn announce(&mut self, handle: Handle, new: Announcement, now: Timestamp) -> Changes {
        let mut changes = Changes::default();
        let device = new.device.as_ref().and_then(|facts| self.meet(facts, now, &mut changes));
        let domain = new.caps.domain();
        let known = self.by_key.get(&(domain, Arc::clone(&new.key))).cloned();
        let id = match known {
            Some(id) => id,
            None => self.choose_id(domain, &new, device.as_ref()),
        };
        let before = self.entities.get(&id).and_then(Entity::record);
        let friendly_name = self.friendly_name(&Given::default(), &new.naming, device.as_ref());
        let entity = self.entities.entry(id.clone()).or_insert_with(|| Entity {
            id: id.clone(),
            handle: None,
            key: Arc::clone(&new.key),
            unique_id: None,
            domain,
            device: None,
            naming: new.naming.clone(),
            friendly_name,
            traits: Arc::clone(&new.traits),
            enabled_by_default: new.enabled_by_default,
            given: Given::default(),
            producer: new.producer.clone(),
            caps: None,
            state: None,
            extra: Vec::new(),
            source: Source::Restored,
            availability: Availability::Unknown,
            port_is_up: true,
            restored: None,
            heard_at: None,
            changed_at: now,
            updated_at: now,
        });
        let is_touched = entity.handle.is_none()
            || entity.unique_id != new.unique_id
            || entity.device != device
            || entity.naming != new.naming
            || entity.traits != new.traits
            || entity.enabled_by_default != new.enabled_by_default
            || entity.producer != new.producer;
        if let Some(old) = entity.handle.replace(handle).filter(|old| *old != handle) {
            self.by_handle.remove(&old);
        }
        entity.unique_id = new.unique_id;
        if entity.device != device {
            if let Some(before) = entity.device.take() {
                self.by_device.remove(&(before, id.clone()));
            }
            if let Some(device) = &device {
                self.by_device.insert((device.clone(), id.clone()));
            }
            entity.device = device;
        }
        entity.naming = new.naming;
        if entity.traits != new.traits
            && let Some(restored) = &mut entity.restored
        {
            // What was shown before the restart had the unit of then.
            entity.traits.put_kept(&mut restored.attributes);
        }
        entity.traits = new.traits;
        entity.enabled_by_default = new.enabled_by_default;
        entity.producer = new.producer;
        entity.caps = Some(new.caps);
        entity.port_is_up = true;
        if new.always_available {
            entity.availability = Availability::Online;
        }
        self.by_handle.insert(handle, id.clone());
        self.by_key.insert((domain, new.key), id.clone());
        if is_touched {
            self.names += 1;
            changes.registry.push(Touched::Entity(id.clone()));
        }
        self.rename(&id);
        changes.states.extend(self.settle(&id, before, now));
        changes
    }

    /// Forgets an announcement. With `forget` the entity leaves the house with all that the owner
    /// decided about it; without, it only goes silent until it is announced again.
    pub fn withdraw(&mut self, handle: Handle, forget: bool, now: Timestamp) -> Changes {
        let mut changes = Changes::default();
        let Some(id) = self.by_handle.remove(&handle) else { return changes };
        let Some(entity) = self.entities.get_mut(&id) else { return changes };
        let before = entity.record();
        if !forget {
            entity.handle = None;
            entity.caps = None;
            entity.availability = Availability::Offline;
            changes.states.extend(self.settle(&id, before, now));
            return changes;
        }
        self.drop_entity(&id, now)
    }

    /// Takes an entity out of the house, and its device if that has no other.
    pub(super) fn drop_entity(&mut self, id: &EntityId, now: Timestamp) -> Changes {
        let mut changes = Changes::default();
        let Some(entity) = self.entities.remove(id) else { return changes };
        self.names += 1;
        self.by_key.remove(&(entity.domain, entity.key.clone()));
        changes.states.extend(self.settle(id, entity.record(), now));
        changes.registry.push(Touched::Entity(id.clone()));
        if let Some(device) = entity.device {
            let membership = (device, id.clone());
            self.by_device.remove(&membership);
            self.leave(&membership.0, &mut changes);
        }
        changes
    }

    /// Takes in a device that announced something other than an entity, such as a trigger. `None`
    /// when it names nothing by which it could be known again.
    pub fn announce_device(
        &mut self,
        facts: &DeviceFacts,
        now: Timestamp,
    ) -> (Option<DeviceId>, Changes) {
        let mut changes = Changes::default();
        let id = self.meet(facts, now, &mut changes);
        (id, changes)
    }

    /// Takes in what a device said. `None` when nothing that is shown differs.
    pub fn report(&mut self, handle: Handle, report: Report, now: Timestamp) -> Option<Change> {
        let id = self.by_handle.get(&handle)?;
        let entity = self.entities.get_mut(id)?;
        if !entity.is_enabled() {
            return None;
        }
        if report.source == Source::Live {
            entity.heard_at = Some(now);
        }
        let state_is_same =
            report.state.as_ref().is_none_or(|new| entity.state.as_ref() == Some(new));
        let extra_is_same = report.extra.as_ref().is_none_or(|new| entity.extra == *new);
        let force = report.force || entity.traits.force_update;
        if state_is_same && extra_is_same && !force && entity.restored.is_none() {
            entity.source = report.source;
            return None;
        }
        if is_outdated(entity, &report) {
            return None;
        }
        let before = entity.record();
        if let Some(state) = report.state {
            entity.state = Some(state);
            entity.restored = None;
            entity.source = report.source;
        }
        if let Some(extra) = report.extra {
            entity.extra = extra;
        }
        if force {
            entity.updated_at = now;
        }
        let id = id.clone();
        self.settle(&id, before, now)
    }

    /// Takes in whether a device can be reached.
    pub fn set_available(
        &mut self,
        handle: Handle,
        availability: Availability,
        now: Timestamp,
    ) -> Option<Change> {
        let id = self.by_handle.get(&handle)?;
        let entity = self.entities.get_mut(id)?;
        if entity.availability == availability {
            return None;
        }
        let before = entity.record();
        entity.availability = availability;
        let id = id.clone();
        self.settle(&id, before, now)
    }

    /// Takes in that the port of all announced entities lost or found its connection: without it
    /// nothing can be reached.
    pub fn set_port_up(&mut self, is_up: bool, now: Timestamp) -> Vec<Change> {
        let ids: Vec<EntityId> = self.by_handle.values().cloned().collect();
        let mut changes = Vec::new();
        for id in ids {
            let Some(entity) = self.entities.get_mut(&id) else { continue };
            // What the house does by itself needs no connection.
            let is_own = entity.handle.is_some_and(Handle::is_own);
            if entity.port_is_up == is_up || is_own {
                continue;
            }
            let before = entity.record();
            entity.port_is_up = is_up;
            changes.extend(self.settle(&id, before, now));
        }
        changes
    }

    /// Compares an entity with what it was, keeps the times, and tells the difference.
    pub(super) fn settle(
        &mut self,
        id: &EntityId,
        before: Option<Record>,
        now: Timestamp,
    ) -> Option<Change> {
        let mut after = None;
        if let Some(entity) = self.entities.get_mut(id) {
            let view = entity.view();
            let old = before.as_ref().map(|record| &record.view);
            if view.as_ref().map(|view| &view.word) != old.map(|view| &view.word) {
                entity.changed_at = now;
                entity.updated_at = now;
            } else if view.as_ref() != old {
                entity.updated_at = now;
            }
            let (changed_at, updated_at) = (entity.changed_at, entity.updated_at);
            after = view.map(|view| Record { view, changed_at, updated_at });
        }
        if before == after { None } else { Some(Change { id: id.clone(), before, after }) }
    }

    /// Forms the shown name anew.
    pub(super) fn rename(&mut self, id: &EntityId) {
        let Some(entity) = self.entities.get(id) else { return };
        let name = self.friendly_name(&entity.given, &entity.naming, entity.device.as_ref());
        if let Some(entity) = self.entities.get_mut(id)
            && entity.friendly_name != name
        {
            entity.friendly_name = name;
            self.names += 1;
        }
    }

    fn friendly_name(&self, given: &Given, naming: &Naming, device: Option<&DeviceId>) -> Arc<str> {
        if let Some(name) = &given.name {
            return name.as_str().into();
        }
        let device = device.and_then(|id| self.devices.get(id)).and_then(Device::name);
        match (naming, device) {
            (Naming::Named(own) | Naming::Unnamed(own), Some(device)) => {
                format!("{device} {own}").into()
            }
            (Naming::Named(own) | Naming::Unnamed(own), None) => Arc::clone(own),
            (Naming::Main, Some(device)) => device.into(),
            (Naming::Main, None) => "".into(),
        }
    }

    fn choose_id(&self, domain: Domain, new: &Announcement, device: Option<&DeviceId>) -> EntityId {
        let wished = new.wished_object.as_deref().map(text::slug).filter(|slug| !slug.is_empty());
        let object = wished
            .or_else(|| {
                let name = self.friendly_name(&Given::default(), &new.naming, device);
                Some(text::slug(&name)).filter(|slug| !slug.is_empty())
            })
            .unwrap_or_else(|| text::slug(&new.key));
        let mut id = EntityId::new(&format!("{domain}.{object}"));
        let mut n = 2;
        while self.entities.contains_key(&id) {
            id = EntityId::new(&format!("{domain}.{object}_{n}"));
            n += 1;
        }
        id
    }

    /// The device these facts describe: known by any identifier or connection, or new.
    fn meet(
        &mut self,
        facts: &DeviceFacts,
        now: Timestamp,
        changes: &mut Changes,
    ) -> Option<DeviceId> {
        let identities: Vec<Arc<str>> = identities(facts).collect();
        let first = identities.first()?;
        let known = identities.iter().find_map(|identity| self.device_by_identity.get(identity));
        let id = known.cloned().unwrap_or_else(|| DeviceId::new(first));
        for identity in identities {
            self.identify(identity, &id);
        }
        if let Some(device) = self.devices.get_mut(&id) {
            if device.facts != *facts {
                let is_renamed = device.facts.name != facts.name;
                device.facts = facts.clone();
                changes.registry.push(Touched::Device(id.clone()));
                if is_renamed {
                    self.rename_entities_of(&id, now, changes);
                }
            }
            return Some(id);
        }
        let area = facts.suggested_area.as_deref().and_then(|name| self.area_called(name, changes));
        let device = Device { id: id.clone(), facts: facts.clone(), given_name: None, area };
        self.devices.insert(id.clone(), device);
        changes.registry.push(Touched::Device(id.clone()));
        Some(id)
    }

    pub(super) fn rename_entities_of(
        &mut self,
        device: &DeviceId,
        now: Timestamp,
        changes: &mut Changes,
    ) {
        let ids: Vec<EntityId> = self.entities_of(device).cloned().collect();
        for id in ids {
            let before = self.entities.get(&id).and_then(Entity::record);
            self.rename(&id);
            changes.states.extend(self.settle(&id, before, now));
        }
    }

    /// The area with this name or alias, made if there is none.
    fn area_called(&mut self, name: &str, changes: &mut Changes) -> Option<AreaId> {
        let wanted = text::slug(name);
        if wanted.is_empty() {
            return None;
        }
        let is_called = |area: &&Area| {
            text::slug(&area.name) == wanted
                || area.aliases.iter().any(|alias| text::slug(alias) == wanted)
        };
        if let Some(area) = self.areas.values().find(is_called) {
            return Some(area.id.clone());
        }
        let mut id = AreaId::new(&wanted);
        let mut n = 2;
        while self.areas.contains_key(&id) {
            id = AreaId::new(&format!("{wanted}_{n}"));
            n += 1;
        }
        let area = Area { id: id.clone(), name: name.to_owned(), aliases: Vec::new(), floor: None };
        self.areas.insert(id.clone(), area);
        self.names += 1;
        changes.registry.push(Touched::Area(id.clone()));
        Some(id)
    }

    /// Enters that a device is known by this, unless another is.
    pub(super) fn identify(&mut self, identity: Arc<str>, device: &DeviceId) {
        if let Entry::Vacant(vacant) = self.device_by_identity.entry(identity) {
            self.identities.insert((device.clone(), Arc::clone(vacant.key())));
            vacant.insert(device.clone());
        }
    }

    /// The entities of a device, in the order of their ids.
    fn entities_of(&self, device: &DeviceId) -> impl Iterator<Item = &EntityId> {
        let first = (device.clone(), EntityId::new(""));
        self.by_device.range(first..).take_while(move |(of, _)| of == device).map(|(_, id)| id)
    }

    /// Removes a device that has no entity left.
    fn leave(&mut self, device: &DeviceId, changes: &mut Changes) {
        if self.entities_of(device).next().is_some() {
            return;
        }
        self.devices.remove(device);
        let first: (DeviceId, Arc<str>) = (device.clone(), "".into());
        let its = |entry: &&(DeviceId, Arc<str>)| entry.0 == *device;
        let gone: Vec<_> = self.identities.range(first..).take_while(its).cloned().collect();
        for entry in gone {
            self.device_by_identity.remove(&entry.1);
            self.identities.remove(&entry);
        }
        changes.registry.push(Touched::Device(device.clone()));
    }
}

/// Whether what the broker kept contradicts what was shown before the restart and is older than
/// that: the last moments before a power cut are on the disk for what a person did, and not for
/// every retained message.
fn is_outdated(entity: &Entity, report: &Report) -> bool {
    let (Some(restored), Some(state), Some(said_at)) =
        (&entity.restored, &report.state, report.said_at)
    else {
        return false;
    };
    // The broker's times are whole seconds, and a report is shown a little after it was said.
    if report.source != Source::Retained
        || said_at.as_second().saturating_add(2) >= entity.updated_at.as_second()
    {
        return false;
    }
    let mut told = entity.clone();
    told.restored = None;
    told.state = Some(state.clone());
    told.availability = Availability::Online;
    told.port_is_up = true;
    let Some(told) = told.view() else { return false };
    // What this message does not speak of contradicts nothing: another one may.
    let contradicts = |(name, value): (&str, &Value)| {
        *value != Value::Null && restored.attributes.named(name).is_some_and(|known| known != value)
    };
    told.word != restored.word || told.attributes.iter().any(contradicts)
}

/// Under which names a device may be known: identifiers as they are, connections with their kind.
pub(super) fn identities(facts: &DeviceFacts) -> impl Iterator<Item = Arc<str>> {
    let connections =
        facts.connections.iter().map(|(kind, value)| format!("{kind}:{value}").into());
    facts.identifiers.iter().cloned().chain(connections)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::domain::{Caps, State, switch};
    use crate::home::entity::{Producer, Traits};

    fn announcement(key: &str, identifiers: &[&str], name: Option<&str>) -> Announcement {
        Announcement {
            key: key.into(),
            unique_id: Some(key.into()),
            caps: Caps::Switch(Box::default()),
            naming: Naming::Named(key.into()),
            wished_object: Some(key.into()),
            device: Some(Arc::new(DeviceFacts {
                identifiers: identifiers.iter().map(|id| Arc::from(*id)).collect(),
                name: name.map(Into::into),
                ..DeviceFacts::default()
            })),
            traits: Arc::new(Traits::default()),
            enabled_by_default: true,
            always_available: true,
            producer: Producer { name: None, topic: "t".into() },
        }
    }

    fn names(home: &Home) -> Vec<&str> {
        home.entities().map(|entity| &*entity.friendly_name).collect()
    }

    #[test]
    fn a_device_goes_with_its_last_entity_and_is_new_when_it_comes_again() {
        let now = Timestamp::UNIX_EPOCH;
        let mut home = Home::new();
        home.announce(Handle(1), announcement("a", &["d", "mac"], Some("Lamp")), now);
        home.announce(Handle(2), announcement("b", &["mac"], Some("Lamp")), now);
        home.announce(Handle(3), announcement("c", &["e"], None), now);
        assert_eq!(names(&home), ["Lamp a", "Lamp b", "c"]);
        // A new name of the device is one for all its entities and no other.
        home.announce(Handle(2), announcement("b", &["mac"], Some("Light")), now);
        assert_eq!(names(&home), ["Light a", "Light b", "c"]);
        // One entity moves to another device, and leaves it.
        home.announce(Handle(2), announcement("b", &["e"], None), now);
        home.announce(Handle(1), announcement("a", &["d"], Some("Bulb")), now);
        assert_eq!(names(&home), ["Bulb a", "b", "c"]);
        let gone = home.withdraw(Handle(1), true, now);
        assert!(gone.registry.contains(&Touched::Device(DeviceId::new("d"))));
        home.withdraw(Handle(2), true, now);
        assert_eq!(home.devices().map(|device| device.id.as_str()).collect::<Vec<_>>(), ["e"]);
        // None of the names by which it was known leads to it any more.
        home.announce(Handle(4), announcement("a", &["mac", "d"], None), now);
        assert!(home.device("mac").is_some() && home.device("d").is_none());
    }

    #[test]
    fn a_last_state_is_kept_without_what_is_kept_anyway_and_shown_with_it() {
        let now = Timestamp::UNIX_EPOCH;
        let with_unit = |unit: &str| Announcement {
            traits: Arc::new(Traits { unit: Some(unit.into()), ..Traits::default() }),
            ..announcement("a", &["d"], None)
        };
        let unit = |home: &Home| {
            let view = home.entities().next().unwrap().view().unwrap();
            view.attributes.named("unit_of_measurement").cloned()
        };
        let report = || Report {
            state: Some(State::Switch(switch::State { on: Some(true) })),
            extra: None,
            source: Source::Live,
            force: false,
            said_at: None,
        };
        let mut home = Home::new();
        home.announce(Handle(1), with_unit("W"), now);
        home.report(Handle(1), report(), now);
        let id = EntityId::new("switch.a");
        let last = home.last_state(&id).unwrap();
        assert_eq!(last.view.attributes.named("unit_of_measurement"), None);

        let known = vec![(home.remembered(&id).unwrap(), Some(last.clone()))];
        let mut home = Home::restore(Vec::new(), Vec::new(), Vec::new(), known, now);
        assert_eq!(unit(&home), Some("W".into()));
        assert_eq!(home.last_state(&id).unwrap(), last);
        // Another unit is one of the next value, not of this one.
        home.announce(Handle(1), with_unit("kW"), now);
        assert_eq!(unit(&home), Some("W".into()));
        assert!(
            home.last_state(&id).unwrap().view.attributes.named("unit_of_measurement").is_some()
        );
        home.report(Handle(1), report(), now);
        assert_eq!(unit(&home), Some("kW".into()));
    }

    /// Each removal looked through the whole house once: minutes for a house of this size.
    #[test]
    #[allow(clippy::disallowed_methods, reason = "real time is what is measured")]
    fn tens_of_thousands_can_leave_at_once() {
        const N: u32 = 20_000;
        let now = Timestamp::UNIX_EPOCH;
        let mut home = Home::new();
        for n in 0..N {
            let (key, device) = (format!("k{n}"), format!("d{}", n / 2));
            home.announce(Handle(n), announcement(&key, &[&device], Some("x")), now);
        }
        assert_eq!((home.entities().count(), home.devices().count()), (20_000, 10_000));
        let begun = std::time::Instant::now();
        for n in 0..N {
            home.withdraw(Handle(n), true, now);
        }
        let took = begun.elapsed();
        assert!(took < std::time::Duration::from_secs(10), "{took:?}");
        assert_eq!((home.entities().count(), home.devices().count()), (0, 0));
        assert!(home.device_by_identity.is_empty() && home.identities.is_empty());
        assert!(home.by_device.is_empty() && home.by_key.is_empty());
    }
}
