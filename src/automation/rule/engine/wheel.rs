//! One wheel for everything that waits for a time: by the clock on the wall, or for time to pass.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::run::FiberId;
use super::{RunId, WatchId};
use crate::automation::Moment;

/// One that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TimerId(u64);

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// What a trigger saw has held long enough: of this entity.
    Held(WatchId, Arc<str>),
    /// The time of a trigger has come.
    At(WatchId),
    /// A template that reads the clock is looked at again.
    Minute(WatchId),
    /// A delay is over, or nobody waits any longer.
    Run(RunId, FiberId),
}

#[derive(Debug, Clone, Copy)]
enum When {
    Steady(SignedDuration),
    Wall(Timestamp),
}

#[derive(Debug, Default)]
pub(super) struct Wheel {
    last: u64,
    steady: BTreeSet<(SignedDuration, TimerId)>,
    wall: BTreeSet<(Timestamp, TimerId)>,
    all: BTreeMap<TimerId, (When, Key)>,
}

impl Wheel {
    /// When so much time has passed since the start of this run.
    pub(super) fn steady(&mut self, at: SignedDuration, key: Key) -> TimerId {
        let id = self.next_id();
        self.steady.insert((at, id));
        self.all.insert(id, (When::Steady(at), key));
        id
    }

    /// When the clock shows this.
    pub(super) fn wall(&mut self, at: Timestamp, key: Key) -> TimerId {
        let id = self.next_id();
        self.wall.insert((at, id));
        self.all.insert(id, (When::Wall(at), key));
        id
    }

    fn next_id(&mut self) -> TimerId {
        self.last += 1;
        TimerId(self.last)
    }

    pub(super) fn cancel(&mut self, id: TimerId) {
        match self.all.remove(&id) {
            Some((When::Steady(at), _)) => drop(self.steady.remove(&(at, id))),
            Some((When::Wall(at), _)) => drop(self.wall.remove(&(at, id))),
            None => {}
        }
    }

    pub(super) fn next_steady(&self) -> Option<SignedDuration> {
        self.steady.first().map(|(at, _)| *at)
    }

    pub(super) fn next_wall(&self) -> Option<Timestamp> {
        self.wall.first().map(|(at, _)| *at)
    }

    /// How long until a timer of passing time rings.
    pub(super) fn left(&self, id: TimerId, now: Moment) -> Option<SignedDuration> {
        match self.all.get(&id)?.0 {
            When::Steady(at) => Some(at.saturating_sub(now.steady).max(SignedDuration::ZERO)),
            When::Wall(_) => None,
        }
    }

    /// What the clock shows when a timer by it rings.
    pub(super) fn at(&self, id: TimerId) -> Option<Timestamp> {
        match self.all.get(&id)?.0 {
            When::Wall(at) => Some(at),
            When::Steady(_) => None,
        }
    }

    /// The next that is due, and of one by the wall clock at what time it was.
    pub(super) fn pop(&mut self, now: Moment) -> Option<(Key, Option<Timestamp>)> {
        let steady = self.steady.first().filter(|(at, _)| *at <= now.steady).copied();
        if let Some((at, id)) = steady {
            self.steady.remove(&(at, id));
            return self.all.remove(&id).map(|(_, key)| (key, None));
        }
        let (at, id) = self.wall.first().filter(|(at, _)| *at <= now.wall).copied()?;
        self.wall.remove(&(at, id));
        self.all.remove(&id).map(|(_, key)| (key, Some(at)))
    }
}
