//! The house as rules see it. Asked while the house is not locked.

use std::sync::{Arc, RwLock};

use super::read;
use crate::automation::rule::engine::House;
use crate::home::Home;
use crate::home::entity::{Entity, Record};

/// The house as rules see it.
pub(super) struct Seen(pub(super) Arc<RwLock<Home>>);

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seen")
    }
}

impl House for Seen {
    fn record(&self, entity: &str) -> Option<Record> {
        read(&self.0).entity(entity).and_then(Entity::record)
    }

    fn ids(&self, domain: Option<&str>) -> Vec<String> {
        let home = read(&self.0);
        let shown = home.entities().filter(|entity| entity.is_enabled());
        let is_meant = |entity: &&Entity| domain.is_none_or(|word| entity.domain.word() == word);
        shown.filter(is_meant).map(|entity| entity.id.to_string()).collect()
    }

    fn ids_in(&self, area: &str) -> Vec<String> {
        let home = read(&self.0);
        let is_there = |entity: &&Entity| {
            home.area_of(entity)
                .is_some_and(|found| found.id.as_str() == area || found.name == area)
        };
        home.entities().filter(is_there).map(|entity| entity.id.to_string()).collect()
    }

    fn area_of(&self, entity: &str) -> Option<(String, String)> {
        let home = read(&self.0);
        let area = home.area_of(home.entity(entity)?)?;
        Some((area.id.to_string(), area.name.clone()))
    }
}
