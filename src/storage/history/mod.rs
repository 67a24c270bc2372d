//! The history of the house: what each entity was and when, for days as it was said and for years
//! by the hour.
//!
//! What happens is recorded in memory ([`tail`]) as growing blocks ([`block`]), written in groups
//! every quarter of an hour and kept in order on the disk ([`disk`]), rolled up by the hour
//! ([`hours`]) and thrown away when it is old. Whoever wants to see it takes a [`View`]
//! ([`view`]), and a [`Chart`] ([`chart`]) of that.
//!
//! # What a power cut costs
//!
//! The samples of the last fifteen minutes, and no more: they are in memory only until then. At a
//! stop in good order nothing is lost. What nobody saw, because Homard did not run, is a gap.

mod bits;
mod block;
mod chart;
mod disk;
mod hours;
mod order;
mod tail;
mod view;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tracing::warn;

pub use self::block::{Decimal, Sample, Value};
pub use self::chart::{Bar, Bucket, Chart, Statistics, WORDS};
pub use self::tail::Track;
pub use self::view::{Seen, View};

use self::disk::{Disk, Kind, Limits};
use self::hours::HOUR;
use self::tail::Tail;
use super::Error;
use crate::home::Change;
use crate::home::id::EntityId;

/// After so long without Homard nobody knows what things were meanwhile. Shorter is a restart.
const LOST_AFTER: i64 = 5 * 60_000;
/// Hours are kept for ten years, or as long as there is room.
const HOURS_KEPT: i64 = 10 * 366 * 24 * HOUR;
/// Steps of keeping order after one write: a house that was off for long must not stand still.
const MOST_STEPS: usize = 8;

/// What is recorded and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Days for which every sample is kept; hours are kept for years.
    pub days: u32,
    /// Room on the disk for all of it; the oldest goes first.
    pub megabytes: u32,
    /// Entities (`sensor.noise`) and domains (`update`) that are not recorded.
    pub exclude: Vec<String>,
    /// How long samples wait in memory: what a power cut costs at most.
    pub pause: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { days: 10, megabytes: 500, exclude: Vec::new(), pause: Duration::from_secs(15 * 60) }
    }
}

/// The history. Cheap to clone.
#[derive(Clone)]
pub struct History {
    inner: Arc<Inner>,
}

struct Inner {
    disk: Disk,
    tail: Mutex<Tail>,
    /// Until when the last run kept it; taken at the first sample of this one.
    alive: Mutex<Option<i64>>,
    /// What the wall clock last showed, and when.
    clock: Mutex<Option<(i64, Instant)>>,
    tidied: Mutex<Instant>,
    limits: Limits,
}

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("History").finish_non_exhaustive()
    }
}

impl History {
    /// Opens it, or makes it. Reads the newest blocks to know what each series was last.
    ///
    /// # Errors
    /// See [`Error`]; nothing was changed.
    pub fn open(dir: &Path, settings: &Settings) -> Result<Self, Error> {
        let disk = Disk::open(dir)?;
        let txn = disk.read()?;
        let (raw, hours) = (disk.segments(&txn, Kind::Raw)?, disk.segments(&txn, Kind::Hours)?);
        let series = disk.series(&txn)?;
        let next_number = series.iter().map(|(number, _)| number + 1).max().unwrap_or(0);
        let next_seq = raw.iter().chain(&hours).map(|one| one.seq + 1).max().unwrap_or(0);
        let mut tail = Tail::new(settings, next_number, next_seq);
        let mut left = Vec::new();
        for (number, name) in series {
            match disk.last(&txn, &raw, &hours, number)? {
                Some(last) => tail.known(&name, number, last),
                None => left.push(number),
            }
        }
        let alive = disk.alive(&txn)?;
        drop(txn);
        disk.forget(&left)?;
        let limits = Limits {
            raw: i64::from(settings.days.max(1)) * 24 * HOUR,
            hours: HOURS_KEPT,
            bytes: u64::from(settings.megabytes.max(1)) << 20,
        };
        let inner = Inner {
            disk,
            tail: Mutex::new(tail),
            alive: Mutex::new(alive),
            clock: Mutex::default(),
            tidied: Mutex::new(super::writer::now()),
            limits,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Records what is shown from `now` on. Fast: it is called while the house is locked. True if a
    /// write should be planned.
    pub fn note(&self, changes: &[Change], now: Timestamp) -> bool {
        if changes.is_empty() {
            return false;
        }
        let now = now.as_millisecond();
        *lock(&self.inner.clock) = Some((now, super::writer::now()));
        let alive = lock(&self.inner.alive).take();
        let mut tail = lock(&self.inner.tail);
        if let Some(alive) = alive {
            let is_lost = !(alive - LOST_AFTER..=alive + LOST_AFTER).contains(&now);
            tail.lost_at = is_lost.then_some(alive);
        }
        let (was_empty, was_crowded) = (tail.is_empty(), tail.is_crowded());
        for change in changes {
            tail.note(change, now);
        }
        (was_empty && !tail.is_empty()) || (!was_crowded && tail.is_crowded())
    }

    /// Whether a write must not wait for its time.
    pub(super) fn is_crowded(&self) -> bool {
        lock(&self.inner.tail).is_crowded()
    }

    /// Samples in memory.
    pub fn n_waiting(&self) -> u64 {
        lock(&self.inner.tail).n_waiting()
    }

    /// Samples that were lost because there were too many at once.
    pub fn n_dropped(&self) -> u64 {
        lock(&self.inner.tail).n_dropped
    }

    /// Bytes that it takes on the disk.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn n_bytes(&self) -> Result<u64, Error> {
        self.inner.disk.n_bytes(&*self.inner.disk.read()?)
    }

    /// All entities of which something is recorded, in the order of their ids.
    pub fn entities(&self) -> Vec<EntityId> {
        lock(&self.inner.tail).ids().cloned().collect()
    }

    /// How it stands now for some entities. Not to be held for long: pages that it sees are not
    /// used again meanwhile.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn view<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> Result<View<'_>, Error> {
        let tail = lock(&self.inner.tail);
        // Within the lock, so that each sample is either seen there or here.
        let txn = self.inner.disk.read()?;
        View::new(&self.inner.disk, txn, &tail, self.inner.limits.raw, ids)
    }

    /// The time now, as far as known: the last recorded one and what has passed since.
    fn now(&self) -> Option<i64> {
        let (at, since) = (*lock(&self.inner.clock))?;
        Some(at.saturating_add(millis(since.elapsed())))
    }

    /// Differs after a write.
    pub(super) fn version(&self) -> usize {
        self.inner.disk.version()
    }

    /// Writes what waits. Blocks; the writer's thread calls it.
    ///
    /// # Errors
    /// When the disk does not take it; then it still waits.
    pub fn flush(&self) -> Result<(), Error> {
        let Some(now) = self.now() else { return Ok(()) };
        let taken = lock(&self.inner.tail).take();
        let sealed = taken.sealed.iter().map(|sealed| &**sealed);
        self.inner.disk.write(sealed, &taken.names, Some(now))?;
        lock(&self.inner.tail).written(&taken);
        Ok(())
    }

    /// One step of keeping order on the disk, after so many others; true if there may be another.
    ///
    /// # Errors
    /// When the disk does not take it; nothing was changed.
    pub fn tidy(&self, n_done: usize) -> Result<bool, Error> {
        let Some(now) = self.now().filter(|_| n_done < MOST_STEPS) else { return Ok(false) };
        let mut tidied = lock(&self.inner.tidied);
        let passed = millis(tidied.elapsed());
        *tidied = super::writer::now();
        drop(tidied);
        self.inner.disk.tidy(now, passed, &self.inner.limits)
    }
}

/// Says once why there is no history.
pub(super) fn or_none(opened: Result<History, Error>) -> Option<History> {
    opened.map_err(|error| warn!(%error, "The history cannot be opened; nothing is recorded.")).ok()
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// A panic while one of these locks was held leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
