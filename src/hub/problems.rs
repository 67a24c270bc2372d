//! What is wrong, kept for people to see: each thing once, counted, at most a thousand.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tracing::{debug, warn};

use super::event::{KeptProblem, Place, Problem};
use crate::home::Home;

/// Distinct problems that are kept; beyond, the one not seen for the longest time makes room.
const MOST: usize = 1_000;

/// Bytes of a problem's text: producers' payloads may be quoted in it.
const LONGEST_TEXT: usize = 2_000;

/// All that is wrong now.
#[derive(Default)]
pub(super) struct Problems {
    kept: BTreeMap<Place, BTreeMap<String, Kept>>,
    n: usize,
    n_found: u64,
    n_dropped: u64,
}

struct Kept {
    problem: Problem,
    count: u64,
    first_at: Timestamp,
    last_at: Timestamp,
    /// Orders problems, as the clock may step back.
    seen: u64,
}

impl Problems {
    pub(super) fn found(&mut self, mut problem: Problem, now: Timestamp) {
        shorten(&mut problem.text);
        self.n_found += 1;
        let seen = self.n_found;
        let known = self.kept.get_mut(&problem.place).and_then(|at| at.get_mut(&problem.text));
        if let Some(kept) = known {
            kept.count += 1;
            kept.last_at = now;
            kept.seen = seen;
            return;
        }
        let Problem { place, producer, text } = &problem;
        let producer = producer.as_deref().unwrap_or_default();
        if self.n < MOST {
            warn!(topic = topic(place), producer, error = %text, "Problem found.");
        } else {
            // A flood must not fill the log too.
            debug!(topic = topic(place), producer, error = %text, "Problem found.");
            self.drop_oldest();
        }
        let (place, text) = (place.clone(), text.clone());
        let kept = Kept { problem, count: 1, first_at: now, last_at: now, seen };
        self.kept.entry(place).or_default().insert(text, kept);
        self.n += 1;
    }

    pub(super) fn solved(&mut self, place: &Place) {
        if let Some(at) = self.kept.remove(place) {
            self.n -= at.len();
        }
    }

    /// All, newest first.
    pub(super) fn list(&self, home: &Home) -> Vec<KeptProblem> {
        let mut all: Vec<&Kept> = self.kept.values().flat_map(BTreeMap::values).collect();
        all.sort_by_key(|kept| std::cmp::Reverse(kept.seen));
        let shown = |kept: &Kept| KeptProblem {
            problem: kept.problem.clone(),
            entity: match &kept.problem.place {
                Place::Handle(handle) => home.by_handle(*handle).map(|entity| entity.id.clone()),
                Place::Topic(_) | Place::Part(_) => None,
            },
            count: kept.count,
            first_at: kept.first_at,
            last_at: kept.last_at,
        };
        all.into_iter().map(shown).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.n
    }

    pub(super) fn n_dropped(&self) -> u64 {
        self.n_dropped
    }

    fn drop_oldest(&mut self) {
        let all = self.kept.values().flat_map(BTreeMap::values);
        let Some(oldest) = all.min_by_key(|kept| kept.seen) else { return };
        let Problem { place, text, .. } = oldest.problem.clone();
        if let Some(at) = self.kept.get_mut(&place) {
            at.remove(&text);
            if at.is_empty() {
                self.kept.remove(&place);
            }
        }
        self.n -= 1;
        self.n_dropped += 1;
    }
}

fn topic(place: &Place) -> &str {
    match place {
        Place::Handle(_) => "",
        Place::Topic(topic) => topic,
        Place::Part(part) => part,
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
        problems.found(problem("a", "x"), at(9));
        problems.found(problem("b", "x"), at(9));
        problems.found(problem("a", "y"), at(9));
        // The clock steps back.
        problems.found(problem("a", "x"), at(5));
        let list = problems.list(&Home::new());
        let seen: Vec<(&str, u64)> =
            list.iter().map(|kept| (kept.problem.text.as_str(), kept.count)).collect();
        assert_eq!(seen, [("x", 2), ("y", 1), ("x", 1)]);
        assert_eq!((list[0].first_at, list[0].last_at), (at(9), at(5)));
        problems.solved(&Place::Topic("a".into()));
        problems.solved(&Place::Topic("c".into()));
        assert_eq!(problems.len(), 1);
    }

    #[test]
    fn a_flood_of_problems_costs_bounded_memory() {
        let mut problems = Problems::default();
        for n in 0..1_500 {
            problems.found(problem("a", &format!("{n} {}", "é".repeat(5_000))), at(n));
            problems.found(problem("b", "often"), at(n));
        }
        let list = problems.list(&Home::new());
        assert_eq!((list.len(), problems.len(), problems.n_dropped()), (1_000, 1_000, 501));
        assert!(list.iter().all(|kept| kept.problem.text.len() <= LONGEST_TEXT + 3));
        assert!(list.iter().any(|kept| kept.count == 1_500));
    }
}
