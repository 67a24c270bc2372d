//! What has changed since it was last written: only names, however often a thing changed. The
//! writer fetches what they stand for when its time has come.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::read;
use crate::home::id::{AreaId, DeviceId, EntityId, FloorId};
use crate::home::{Change, Home, Touched};
use crate::storage::{Keep, Lane, Source, Writer};

pub(super) struct Dirty {
    home: Arc<RwLock<Home>>,
    writer: Writer,
    names: Mutex<Names>,
    /// What the write that is going on still has to take.
    gathered: Mutex<Names>,
}

#[derive(Default)]
struct Names {
    states: BTreeSet<EntityId>,
    /// States that a person was told.
    told: BTreeSet<EntityId>,
    entities: BTreeSet<EntityId>,
    devices: BTreeSet<DeviceId>,
    areas: BTreeSet<AreaId>,
    floors: BTreeSet<FloorId>,
}

impl Dirty {
    pub(super) fn new(home: Arc<RwLock<Home>>, writer: Writer) -> Self {
        Self { home, writer, names: Mutex::default(), gathered: Mutex::default() }
    }

    pub(super) fn mark(&self, states: &[Change], registry: &[Touched]) {
        let mut names = lock(&self.names);
        let states_slept = names.states.is_empty();
        for change in states {
            if !names.states.contains(&change.id) {
                names.states.insert(change.id.clone());
            }
        }
        for touched in registry {
            match touched.clone() {
                Touched::Entity(id) => names.entities.insert(id),
                Touched::Device(id) => names.devices.insert(id),
                Touched::Area(id) => names.areas.insert(id),
                Touched::Floor(id) => names.floors.insert(id),
            };
        }
        drop(names);
        if states_slept && !states.is_empty() {
            self.writer.nudge(Lane::States);
        }
        if !registry.is_empty() {
            // Each time: the writer waits until it gets quiet.
            self.writer.nudge(Lane::Registry);
        }
    }

    /// The states of these were told to a person: they go to the disk before the others.
    pub(super) fn mark_told(&self, ids: Vec<EntityId>) {
        if ids.is_empty() {
            return;
        }
        lock(&self.names).told.extend(ids);
        self.writer.nudge(Lane::Told);
    }
}

impl Names {
    /// Moves at most `n` of the registry to `to`: entities with what they refer to, so that what a
    /// crash between two writes leaves is whole; then what no entity refers to.
    fn take_registry(&mut self, home: &Home, to: &mut Self, n: usize) {
        take(&mut self.entities, &mut to.entities, n);
        for id in &to.entities {
            let Some(entity) = home.entity(id.as_str()) else { continue };
            let device = entity.device.as_ref().and_then(|id| home.device(id.as_str()));
            let areas =
                [device.and_then(|device| device.area.as_ref()), entity.given.area.as_ref()];
            for area in areas.into_iter().flatten() {
                let floor = home.area(area.as_str()).and_then(|area| area.floor.as_ref());
                to.floors.extend(floor.and_then(|floor| self.floors.take(floor)));
                to.areas.extend(self.areas.take(area));
            }
            to.devices.extend(device.and_then(|device| self.devices.take(&device.id)));
        }
        let left = n.saturating_sub(to.entities.len());
        if left > 0 {
            take(&mut self.floors, &mut to.floors, left);
            take(&mut self.areas, &mut to.areas, left);
            take(&mut self.devices, &mut to.devices, left);
        }
    }
}

impl Source for Dirty {
    fn gather(&self, lane: Lane) {
        let mut names = lock(&self.names);
        let mut gathered = lock(&self.gathered);
        match lane {
            Lane::States => gathered.states.append(&mut names.states),
            Lane::Told => {
                // Not twice.
                let told = std::mem::take(&mut names.told);
                names.states.retain(|id| !told.contains(id));
                gathered.told.extend(told);
            }
            Lane::Registry => {
                gathered.floors.append(&mut names.floors);
                gathered.areas.append(&mut names.areas);
                gathered.devices.append(&mut names.devices);
                gathered.entities.append(&mut names.entities);
            }
        }
    }

    fn take(&self, lane: Lane, n: usize) -> Vec<Keep> {
        let mut taken = Names::default();
        // The hub never waits for `gathered`, so the house may be read meanwhile.
        let mut names = lock(&self.gathered);
        let home = read(&self.home);
        match lane {
            Lane::States => take(&mut names.states, &mut taken.states, n),
            Lane::Told => take(&mut names.told, &mut taken.states, n),
            Lane::Registry => names.take_registry(&home, &mut taken, n),
        }
        drop(names);
        let floors = taken.floors.into_iter().map(|id| match home.floor(id.as_str()) {
            Some(floor) => Keep::Floor(floor.clone()),
            None => Keep::ForgetFloor(id),
        });
        let areas = taken.areas.into_iter().map(|id| match home.area(id.as_str()) {
            Some(area) => Keep::Area(area.clone()),
            None => Keep::ForgetArea(id),
        });
        let devices = taken.devices.into_iter().map(|id| match home.device(id.as_str()) {
            Some(device) => Keep::Device(Box::new(device.clone())),
            None => Keep::ForgetDevice(id),
        });
        let entities = taken.entities.into_iter().map(|id| match home.remembered(&id) {
            Some(known) => Keep::Entity(Box::new(known)),
            None => Keep::ForgetEntity(id),
        });
        let states = taken.states.into_iter().map(|id| match home.last_state(&id) {
            Some(last) => Keep::State(id, Box::new(last)),
            None => Keep::ForgetState(id),
        });
        floors.chain(areas).chain(devices).chain(entities).chain(states).collect()
    }

    fn give_back(&self, lane: Lane, keeps: Vec<Keep>) {
        let mut names = lock(&self.gathered);
        for keep in keeps {
            match keep {
                Keep::Floor(floor) => names.floors.insert(floor.id),
                Keep::ForgetFloor(id) => names.floors.insert(id),
                Keep::Area(area) => names.areas.insert(area.id),
                Keep::ForgetArea(id) => names.areas.insert(id),
                Keep::Device(device) => names.devices.insert(device.id),
                Keep::ForgetDevice(id) => names.devices.insert(id),
                Keep::Entity(known) => names.entities.insert(known.id),
                Keep::ForgetEntity(id) => names.entities.insert(id),
                // Not fetched here: see `books`.
                Keep::Agenda(_) | Keep::Rule(_) => continue,
                Keep::State(id, _) | Keep::ForgetState(id) => match lane {
                    Lane::Told => names.told.insert(id),
                    Lane::States | Lane::Registry => names.states.insert(id),
                },
            };
        }
    }
}

fn take<T: Ord>(from: &mut BTreeSet<T>, to: &mut BTreeSet<T>, n: usize) {
    while to.len() < n
        && let Some(name) = from.pop_first()
    {
        to.insert(name);
    }
}

fn lock(names: &Mutex<Names>) -> MutexGuard<'_, Names> {
    names.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::Remembered;
    use crate::home::device::{Device, DeviceFacts};
    use crate::home::domain::Domain;
    use crate::home::entity::{Given, Naming, Producer, Traits};
    use crate::home::place::Area;
    use crate::storage::{Settings, Storage};

    #[test]
    fn entities_share_a_write_with_what_they_refer_to() {
        let area = |n: u32| Area {
            id: AreaId::new(&format!("area{n}")),
            name: "A".into(),
            aliases: Vec::new(),
            floor: None,
        };
        let device = |n: u32| Device {
            id: DeviceId::new(&format!("device{n}")),
            facts: DeviceFacts::default(),
            given_name: None,
            area: Some(area(n).id),
        };
        let entity = |n: u32| Remembered {
            id: EntityId::new(&format!("switch.s{n}")),
            key: format!("k{n}").into(),
            unique_id: None,
            domain: Domain::Switch,
            device: Some(device(n).id),
            naming: Naming::Main,
            traits: Traits::default(),
            enabled_by_default: true,
            given: Given::default(),
            producer: Producer::default(),
        };
        let now = jiff::Timestamp::UNIX_EPOCH;
        let home = Home::restore(
            Vec::new(),
            (0..5).map(area).collect(),
            (0..5).map(device).collect(),
            (0..4).map(|n| (entity(n), None)).collect(),
            now,
        );
        let mut names = Names::default();
        for n in 0..5 {
            names.areas.insert(area(n).id);
            names.devices.insert(device(n).id);
            names.entities.insert(entity(n).id);
        }
        let sizes = |names: &Names| (names.entities.len(), names.devices.len(), names.areas.len());
        let mut taken = Names::default();
        names.take_registry(&home, &mut taken, 2);
        assert_eq!(sizes(&taken), (2, 2, 2));
        assert!(taken.areas.contains("area0") && taken.devices.contains("device1"));
        let mut taken = Names::default();
        // The last entity is gone; its device and area follow alone.
        names.take_registry(&home, &mut taken, 9);
        assert_eq!(sizes(&taken), (3, 3, 3));
    }

    #[test]
    fn what_changes_during_a_write_is_for_the_next_one() {
        let dir = std::env::temp_dir().join(format!("homard-{}-dirty", std::process::id()));
        let writer = Writer::start(Storage::open(&dir).unwrap(), Settings::default()).unwrap();
        let dirty = Dirty::new(Arc::default(), writer);
        let change = |id: &str| Change { id: EntityId::new(id), before: None, after: None };
        let state = |id: &str| Keep::ForgetState(EntityId::new(id));
        dirty.mark(&[change("a.a"), change("a.b"), change("a.a"), change("a.c")], &[]);
        dirty.gather(Lane::States);
        assert_eq!(dirty.take(Lane::States, 2), [state("a.a"), state("a.b")]);
        dirty.mark(&[change("a.a"), change("a.d")], &[Touched::Area(AreaId::new("x"))]);
        assert_eq!(dirty.take(Lane::Registry, 2), []);
        let last = dirty.take(Lane::States, 2);
        assert_eq!(last, [state("a.c")]);
        assert_eq!(dirty.take(Lane::States, 2), []);
        // What could not be written is part of the next write.
        dirty.give_back(Lane::States, last);
        dirty.gather(Lane::States);
        let all = [state("a.a"), state("a.c"), state("a.d")];
        assert_eq!(dirty.take(Lane::States, 9), all);
        dirty.gather(Lane::Registry);
        assert_eq!(dirty.take(Lane::Registry, 9), [Keep::ForgetArea(AreaId::new("x"))]);
        // What a person was told is written once, in its own lane.
        dirty.mark(&[change("a.a"), change("a.b")], &[]);
        dirty.mark_told(vec![EntityId::new("a.b")]);
        dirty.gather(Lane::Told);
        let told = dirty.take(Lane::Told, 9);
        assert_eq!(told, [state("a.b")]);
        dirty.give_back(Lane::Told, told);
        assert_eq!(dirty.take(Lane::Told, 9), [state("a.b")]);
        dirty.gather(Lane::States);
        assert_eq!(dirty.take(Lane::States, 9), [state("a.a")]);
        let _ = std::fs::remove_dir_all(&dir);
    }
}
