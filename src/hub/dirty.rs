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
        let (states_slept, registry_slept) = (names.states.is_empty(), names.registry_is_empty());
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
        if registry_slept && !registry.is_empty() {
            self.writer.nudge(Lane::Registry);
        }
    }
}

impl Names {
    fn registry_is_empty(&self) -> bool {
        self.entities.is_empty()
            && self.devices.is_empty()
            && self.areas.is_empty()
            && self.floors.is_empty()
    }
}

impl Source for Dirty {
    fn gather(&self, lane: Lane) {
        let mut names = lock(&self.names);
        let mut gathered = lock(&self.gathered);
        match lane {
            Lane::States => gathered.states.append(&mut names.states),
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
        let mut names = lock(&self.gathered);
        match lane {
            Lane::States => take(&mut names.states, &mut taken.states, n),
            Lane::Registry => {
                // Places first: what a crash in between leaves refers to what is there.
                take(&mut names.floors, &mut taken.floors, n);
                take(&mut names.areas, &mut taken.areas, n - taken.floors.len());
                let left = n - taken.floors.len() - taken.areas.len();
                take(&mut names.devices, &mut taken.devices, left);
                let left = left - taken.devices.len();
                take(&mut names.entities, &mut taken.entities, left);
            }
        }
        drop(names);
        let home = read(&self.home);
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

    fn give_back(&self, keeps: Vec<Keep>) {
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
                Keep::State(id, _) | Keep::ForgetState(id) => names.states.insert(id),
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
    use crate::storage::{Settings, Storage};

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
        dirty.give_back(last);
        dirty.gather(Lane::States);
        let all = [state("a.a"), state("a.c"), state("a.d")];
        assert_eq!(dirty.take(Lane::States, 9), all);
        dirty.gather(Lane::Registry);
        assert_eq!(dirty.take(Lane::Registry, 9), [Keep::ForgetArea(AreaId::new("x"))]);
        let _ = std::fs::remove_dir_all(&dir);
    }
}
