//! A rule is tried against what was recorded: what is needed of the house is taken in the loop, the
//! rest is done on a thread that may wait for the disk, a few at a time and for a bounded time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::Instant;
use tracing::warn;

use super::{Hub, read};
use crate::automation::Calendar;
use crate::automation::rule::RuleKey;
use crate::automation::rule::trial::{self, Note, Past, Replay, Thing, Trial};
use crate::home::Home;
use crate::home::entity::Entity;
use crate::home::person::Rights;
use crate::home::value::Value;
use crate::storage;
use crate::storage::history::{History, Track};

/// How far back it is looked.
const BACK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long a trial may take; then it is told as far as it came.
const LONGEST: Duration = Duration::from_secs(10);
/// Steps between two looks at the clock.
const STEPS: usize = 500;
/// Trials at once: each may hold some megabytes.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// A rule and what is needed to try it.
pub(super) struct Job {
    key: RuleKey,
    source: Value,
    calendar: Calendar,
    history: Option<History>,
    things: Vec<Thing>,
    to: Timestamp,
}

impl Hub {
    /// Tries a rule for whoever asks.
    pub(super) fn try_rule(
        &self,
        by: &Rights,
        key: RuleKey,
        source: Option<Value>,
        reply: oneshot::Sender<Option<Trial>>,
    ) {
        let kept = || self.rules.engine.stand(&key).map(|stand| stand.rule.source.clone());
        let Some(source) = source.or_else(kept) else {
            drop(reply.send(None));
            return;
        };
        let home = read(&self.home);
        let seen = home.seen_by(by);
        let job = self.trial(seen.as_ref().unwrap_or(&home), key, source);
        tokio::spawn(async move { drop(reply.send(Some(job.run().await))) });
    }

    /// What is needed of the house to try a rule in it, with the eyes of whoever sees this house.
    pub(super) fn trial(&self, seen: &Home, key: RuleKey, source: Value) -> Job {
        let (ids, domains) = trial::named(&source);
        let is_all = domains.contains("*");
        let of_domains = seen.entities().filter(|entity| {
            entity.is_enabled() && (is_all || domains.contains(entity.domain.word()))
        });
        let named = ids.iter().filter_map(|id| seen.entity(id));
        let mut taken = BTreeSet::new();
        let all = named.chain(of_domains).filter(|entity| taken.insert(entity.id.clone()));
        let things = all.take(trial::MOST_THINGS).map(|entity| thing(entity, seen)).collect();
        Job {
            key,
            source,
            calendar: self.rules.engine.calendar().clone(),
            history: self.writer.history().cloned(),
            things,
            to: self.clock.now(),
        }
    }
}

fn thing(entity: &Entity, home: &Home) -> Thing {
    let record = entity.record();
    Thing {
        id: entity.id.shared(),
        name: entity.friendly_name.to_string(),
        area: home.area_of(entity).map(|area| (area.id.to_string(), area.name.clone())),
        still: record.map(|record| Thing::still(&record.view.attributes)).unwrap_or_default(),
        since: None,
        tracks: Vec::new(),
    }
}

impl Job {
    /// Tries it, beside the loop.
    pub(super) async fn run(self) -> Trial {
        let Ok(_room) = AT_ONCE.acquire().await else { return Trial::default() };
        let done = tokio::task::spawn_blocking(move || self.replay());
        done.await.unwrap_or_default()
    }

    fn replay(self) -> Trial {
        let until = Instant::now() + LONGEST;
        let from = self.to.checked_sub(BACK).unwrap_or(self.to);
        let mut past = Past { from, to: self.to, things: self.things, notes: Vec::new() };
        if let Some(history) = &self.history
            && let Err(error) = read_past(history, &mut past)
        {
            warn!(%error, "The history cannot be read; a rule is tried without it.");
        }
        let mut replay = Replay::new(&self.key, &self.source, past, self.calendar);
        while replay.go_on(STEPS) && Instant::now() < until {}
        replay.end()
    }
}

/// Reads what was recorded of the things.
fn read_past(history: &History, past: &mut Past) -> Result<(), storage::Error> {
    let ids: Vec<Arc<str>> = past.things.iter().map(|thing| Arc::clone(&thing.id)).collect();
    let numbers: BTreeMap<&str, usize> = ids.iter().enumerate().map(|(n, id)| (&**id, n)).collect();
    let view = history.view(ids.iter().map(|id| &**id))?;
    let (from, to) = (past.from.as_millisecond(), past.to.as_millisecond());
    for seen in view.series() {
        let Some(number) = numbers.get(seen.id.as_str()).copied() else { continue };
        let track = match seen.track {
            Track::State => None,
            Track::Attribute(name) => Some(name),
        };
        let mut since = None;
        view.visit(seen, from, to, |at, value| {
            let at = Timestamp::from_millisecond(at).unwrap_or(past.from);
            let word = value.to_string();
            if !word.is_empty() {
                since.get_or_insert(at);
            }
            let thing = u32::try_from(number).unwrap_or(u32::MAX);
            past.notes.push(Note { at, thing, track, word: word.into() });
            if past.notes.len() > 2 * trial::MOST_NOTES {
                past.cut();
            }
        })?;
        let Some(thing) = past.things.get_mut(number) else { continue };
        match track {
            None => thing.since = since,
            Some(name) => thing.tracks.push(name),
        }
    }
    past.cut();
    Ok(())
}
