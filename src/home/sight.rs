//! The house as somebody sees it who is bound to some rooms. Not what they may do in them.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::Home;
use super::person::Rights;

impl Home {
    /// What of the house these rights let see; `None` when that is all of it. Made for one sentence:
    /// it costs a copy of what is seen.
    pub fn seen_by(&self, by: &Rights) -> Option<Home> {
        let areas = by.areas.as_ref()?;
        let entities: BTreeMap<_, _> = self
            .entities
            .iter()
            .filter(|(_, entity)| by.sees(entity, self))
            .map(|(id, entity)| (id.clone(), entity.clone()))
            .collect();
        let devices = entities.values().filter_map(|entity| {
            let id = entity.device.as_ref()?;
            Some((id.clone(), self.devices.get(id)?.clone()))
        });
        let areas: BTreeMap<_, _> = self
            .areas
            .iter()
            .filter(|(id, _)| areas.contains(*id))
            .map(|(id, area)| (id.clone(), area.clone()))
            .collect();
        let floors = areas.values().filter_map(|area| {
            let id = area.floor.as_ref()?;
            Some((id.clone(), self.floors.get(id)?.clone()))
        });
        // Lists of names that were made of another sight must not serve for this one.
        let mut hasher = DefaultHasher::new();
        (self.names, by.areas.as_ref()).hash(&mut hasher);
        Some(Home {
            floors: floors.collect(),
            devices: devices.collect(),
            by_handle: entities.values().filter_map(|e| Some((e.handle?, e.id.clone()))).collect(),
            names: hasher.finish() | 1 << 63,
            areas,
            entities,
            ..Home::default()
        })
    }
}
