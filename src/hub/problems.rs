//! What is wrong, kept for people to see: each thing once, counted, at most a thousand.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use tracing::{debug, warn};

use super::event::{KeptProblem, Place, Problem};
use crate::home::id::EntityId;

/// Distinct problems that are kept; beyond, the one not seen for the longest time makes room.
const MOST: usize = 1_000;

/// Bytes of a problem's text: producers' payloads may be quoted in it.
const LONGEST_TEXT: usize = 2_000;

/// All that is wrong now.
#[derive(Default)]
pub(super) struct Problems {
    kept: BTreeMap<Place, BTreeMap<Arc<str>, Kept>>,
    /// The same by when they were last seen: the first makes room.
    by_seen: BTreeMap<u64, (Place, Arc<str>)>,
    n_found: u64,
    n_dropped: u64,
}

struct Kept {
    named: Named,
    count: u64,
    first_at: Timestamp,
    last_at: Timestamp,
    /// Orders problems, as the clock may step back.
    seen: u64,
}

/// What people know the place of a problem by, as far as it is known.
#[derive(Debug, Clone, Default)]
pub(super) struct Named {
    pub(super) entity: Option<EntityId>,
    /// Where it was announced.
    pub(super) topic: Option<Arc<str>>,
    pub(super) producer: Option<Arc<str>>,
}

impl Problems {
    pub(super) fn found(&mut self, problem: Problem, mut named: Named, now: Timestamp) {
        let Problem { place, producer, mut text } = problem;
        shorten(&mut text);
        self.n_found += 1;
        let seen = self.n_found;
        let known = self.kept.get_mut(&place).and_then(|at| at.get_mut(&*text));
        if let Some(kept) = known {
            kept.count += 1;
            kept.last_at = now;
            if let Some(key) = self.by_seen.remove(&kept.seen) {
                self.by_seen.insert(seen, key);
            }
            kept.seen = seen;
            return;
        }
        named.producer = producer.or(named.producer);
        let is_flood = self.by_seen.len() >= MOST;
        tell(&place, &named, &text, is_flood);
        if is_flood {
            self.drop_oldest();
        }
        let text: Arc<str> = text.into();
        self.by_seen.insert(seen, (place.clone(), Arc::clone(&text)));
        let kept = Kept { named, count: 1, first_at: now, last_at: now, seen };
        self.kept.entry(place).or_default().insert(text, kept);
    }

    pub(super) fn solved(&mut self, place: &Place) {
        for kept in self.kept.remove(place).into_iter().flat_map(BTreeMap::into_values) {
            self.by_seen.remove(&kept.seen);
        }
    }

    /// All, newest first.
    pub(super) fn list(&self) -> Vec<KeptProblem> {
        let shown = |(place, text): &(Place, Arc<str>)| {
            let Kept { named, count, first_at, last_at, .. } = self.kept.get(place)?.get(text)?;
            let Named { entity, topic, producer } = named.clone();
            let problem = Problem { place: place.clone(), producer, text: text.to_string() };
            let (first_at, last_at) = (*first_at, *last_at);
            Some(KeptProblem { problem, entity, topic, count: *count, first_at, last_at })
        };
        self.by_seen.values().rev().filter_map(shown).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.by_seen.len()
    }

    pub(super) fn n_dropped(&self) -> u64 {
        self.n_dropped
    }

    fn drop_oldest(&mut self) {
        let Some((_, (place, text))) = self.by_seen.pop_first() else { return };
        if let Some(at) = self.kept.get_mut(&place) {
            at.remove(&text);
            if at.is_empty() {
                self.kept.remove(&place);
            }
        }
        self.n_dropped += 1;
    }
}

fn tell(place: &Place, named: &Named, text: &str, is_flood: bool) {
    let part = match place {
        Place::Part(part) => Some(*part),
        Place::Handle(_) | Place::Topic(_) => None,
    };
    let entity = named.entity.as_ref().map(EntityId::as_str);
    let (topic, producer) = (named.topic.as_deref(), named.producer.as_deref());
    // A flood must not fill the log too.
    if is_flood {
        debug!(entity, topic, part, producer, error = %text, "Problem found.");
    } else {
        warn!(entity, topic, part, producer, error = %text, "Problem found.");
    }
}

fn shorten(text: &mut String) {
    if text.len() > LONGEST_TEXT {
        text.truncate(text.floor_char_boundary(LONGEST_TEXT));
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(topic: &str, text: &str) -> Problem {
        Problem { place: Place::Topic(topic.into()), producer: None, text: text.to_owned() }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_problem_is_counted_and_goes_when_solved() {
        let mut problems = Problems::default();
        problems.found(problem("a", "x"), Named::default(), at(9));
        problems.found(problem("b", "x"), Named::default(), at(9));
        problems.found(problem("a", "y"), Named::default(), at(9));
        // The clock steps back.
        problems.found(problem("a", "x"), Named::default(), at(5));
        let list = problems.list();
        let seen: Vec<(&str, u64)> =
            list.iter().map(|kept| (kept.problem.text.as_str(), kept.count)).collect();
        assert_eq!(seen, [("x", 2), ("y", 1), ("x", 1)]);
        assert_eq!((list[0].first_at, list[0].last_at), (at(9), at(5)));
        problems.solved(&Place::Topic("a".into()));
        problems.solved(&Place::Topic("c".into()));
        assert_eq!(problems.len(), 1);
    }

    #[test]
    fn a_flood_of_distinct_problems_costs_little_time() {
        let mut problems = Problems::default();
        let begun = tokio::time::Instant::now();
        for n in 0..200_000 {
            problems.found(problem("a", &n.to_string()), Named::default(), at(n));
        }
        // Looking through all thousand each time takes a minute here.
        assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{:?}", begun.elapsed());
        assert_eq!((problems.len(), problems.n_dropped()), (1_000, 199_000));
        problems.solved(&Place::Topic("a".into()));
        assert_eq!((problems.len(), problems.list().len(), problems.kept.len()), (0, 0, 0));
    }

    #[test]
    fn a_problem_keeps_the_names_of_its_place() {
        let mut problems = Problems::default();
        let named = Named {
            entity: Some(EntityId::new("light.hall")),
            topic: Some("homeassistant/light/hall/config".into()),
            producer: Some("zigbee2mqtt".into()),
        };
        let place = Place::Handle(crate::home::id::Handle(3));
        let found = Problem { place, producer: None, text: "x".to_owned() };
        problems.found(found, named, at(1));
        let list = problems.list();
        assert_eq!(list[0].entity.as_ref().map(EntityId::as_str), Some("light.hall"));
        assert_eq!(list[0].topic.as_deref(), Some("homeassistant/light/hall/config"));
        assert_eq!(list[0].problem.producer.as_deref(), Some("zigbee2mqtt"));
    }

    #[test]
    fn a_flood_of_problems_costs_bounded_memory() {
        let mut problems = Problems::default();
        for n in 0..1_500 {
            problems.found(
                problem("a", &format!("{n} {}", "é".repeat(5_000))),
                Named::default(),
                at(n),
            );
            problems.found(problem("b", "often"), Named::default(), at(n));
        }
        let list = problems.list();
        assert_eq!((list.len(), problems.len(), problems.n_dropped()), (1_000, 1_000, 501));
        assert!(list.iter().all(|kept| kept.problem.text.len() <= LONGEST_TEXT + 3));
        assert!(list.iter().any(|kept| kept.count == 1_500));
    }
}
