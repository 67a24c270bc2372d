//! The house as it was, at one moment after the other.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::iter::Peekable;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::{Note, Thing, Unknown};
use crate::automation::rule::engine::House;
use crate::automation::rule::native;
use crate::home::Change;
use crate::home::entity::{Record, View};
use crate::home::id::EntityId;
use crate::home::value::{Attributes, Value};

/// The house as it was.
#[derive(Debug)]
pub(super) struct Then {
    things: Vec<Thing>,
    by_id: HashMap<Arc<str>, usize>,
    /// How each thing was then.
    records: Mutex<Vec<Option<Record>>>,
    /// What was asked for and is not known.
    missed: Mutex<BTreeSet<String>>,
}

impl Then {
    pub(super) fn new(things: Vec<Thing>) -> Self {
        let by_id =
            things.iter().enumerate().map(|(n, thing)| (Arc::clone(&thing.id), n)).collect();
        let records = Mutex::new(vec![None; things.len()]);
        Self { things, by_id, records, missed: Mutex::default() }
    }

    /// Takes what one thing said next, up to this time: the change, and whether it was one that
    /// somebody saw happen.
    pub(super) fn take(
        &self,
        notes: &mut Peekable<std::vec::IntoIter<Note>>,
        until: Timestamp,
    ) -> Option<(Change, bool)> {
        let first = notes.next_if(|note| note.at <= until)?;
        let (at, number) = (first.at, first.thing);
        let mut said = vec![first];
        while let Some(note) = notes.next_if(|note| note.at == at && note.thing == number) {
            said.push(note);
        }
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        let thing = self.things.get(number)?;
        let mut records = lock(&self.records);
        let record = records.get_mut(number)?;
        let before = record.clone();
        let mut after = before.clone();
        for Note { track, word, .. } in said {
            match track {
                None if word.is_empty() => after = None,
                None => {
                    let was = after.as_ref().or(before.as_ref());
                    let attributes = was.map_or(&thing.still, |was| &was.view.attributes).clone();
                    let view = View { word: word.into_string().into(), attributes };
                    after = Some(Record { view, changed_at: at, updated_at: at });
                }
                Some(name) => {
                    if let Some(after) = &mut after {
                        after.updated_at = at;
                        put(&mut after.view.attributes, name, &word);
                    }
                }
            }
        }
        record.clone_from(&after);
        // What was not there before came from a restart: nobody saw it change.
        let is_live = before.is_some() && after.is_some();
        Some((Change { id: EntityId::new(&thing.id), before, after }, is_live))
    }

    fn thing(&self, id: &str) -> Option<&Thing> {
        self.things.get(*self.by_id.get(id)?)
    }

    /// Why nobody can know what this was.
    pub(super) fn unknown(&self, id: &str, attribute: Option<&str>) -> Option<Unknown> {
        let is_computed = id == "sun.sun";
        match (self.thing(id), attribute) {
            _ if is_computed => None,
            (None, _) => Some(Unknown::Missing(id.to_owned())),
            (Some(thing), _) if thing.since.is_none() => {
                Some(Unknown::Unrecorded(id.to_owned(), thing.name.clone()))
            }
            (Some(thing), Some(name))
                if !thing.tracks.contains(&name) && thing.still.named(name).is_none() =>
            {
                Some(Unknown::Attribute(thing.name.clone(), name.to_owned()))
            }
            (Some(_), _) => None,
        }
    }

    /// What was asked for and is not known.
    pub(super) fn missed(&self) -> Vec<Unknown> {
        lock(&self.missed).iter().filter_map(|id| self.unknown(id, None)).collect()
    }

    /// What is recorded only since a time after this.
    pub(super) fn since(&self, late: Timestamp) -> Vec<(String, Timestamp)> {
        let all = self.things.iter().filter_map(|thing| Some((thing.name.clone(), thing.since?)));
        all.filter(|(_, since)| *since > late).collect()
    }
}

/// Puts what was recorded of an attribute.
fn put(attributes: &mut Attributes, name: &'static str, word: &str) {
    match word {
        "" => attributes.remove(name),
        word => attributes.put(name, native::native(word)),
    }
}

impl House for Then {
    fn record(&self, entity: &str) -> Option<Record> {
        let number = self.by_id.get(entity).copied();
        let is_known = number.and_then(|n| self.things.get(n)).is_some_and(|t| t.since.is_some());
        if !is_known && !entity.is_empty() {
            lock(&self.missed).insert(entity.to_owned());
        }
        lock(&self.records).get(number?)?.clone()
    }

    fn ids(&self, domain: Option<&str>) -> Vec<String> {
        let is_in = |thing: &&Thing| {
            domain.is_none_or(|domain| thing.id.split_once('.').is_some_and(|(d, _)| d == domain))
        };
        self.things.iter().filter(is_in).map(|thing| thing.id.to_string()).collect()
    }

    fn ids_in(&self, area: &str) -> Vec<String> {
        let is_there = |thing: &&Thing| {
            thing.area.as_ref().is_some_and(|(id, name)| id == area || name == area)
        };
        self.things.iter().filter(is_there).map(|thing| thing.id.to_string()).collect()
    }

    fn area_of(&self, entity: &str) -> Option<(String, String)> {
        self.thing(entity)?.area.clone()
    }
}

/// The attributes that say what a thing is and not how.
pub(super) const STILL: [&str; 9] = [
    "friendly_name",
    "unit_of_measurement",
    "device_class",
    "state_class",
    "supported_features",
    "min",
    "max",
    "step",
    "options",
];

impl Thing {
    /// Of all attributes those that say what a thing is and not how.
    pub fn still(attributes: &Attributes) -> Attributes {
        let mut still = Attributes::new();
        let kept: BTreeMap<&str, &Value> =
            attributes.iter().filter(|(name, _)| STILL.contains(name)).collect();
        for name in STILL {
            still.put_some(name, kept.get(name).copied().cloned());
        }
        still
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
