//! The standing will of the house: timers, deeds that are to be done later, lists. Pure: it is
//! told the time on both clocks ([`Moment`]) and says when it next wants to be asked
//! ([`Agenda::next_steady`], [`Agenda::next_wall`]) and what has become due ([`Agenda::due`]).
//! Whether an entity can do what is wished, and in which words all this is told, is not its
//! business.
//!
//! Timers and "in ten minutes" count time that passes: a wall clock that is set, or that a board
//! without a battery gets from the network after its start, moves none of them. "At seven" is what
//! the clock on the wall shows. What acts is not done more than [`TOO_LATE_S`] after its time, but
//! told; what is only told is told late.
//!
//! What comes again stays: each time an entry of its own is made of it, which begins, is done and
//! told as any other, while the standing one waits for its next time. What was missed is told once,
//! however often.
//!
//! Every change is noted ([`Agenda::take_touched`]), so that whoever owns the agenda can write what
//! changed and nothing else.

pub mod entry;
pub mod list;
pub mod rule;
pub mod sun;
mod timer;
pub mod when;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::home::id::EntityId;
use crate::home::rhythm::Rhythm;

pub use self::entry::{Asker, Check, Deed, Due, Entry, EntryId, Fate, Ripe, Task, Test, Wish};
pub use self::list::{Item, List};
pub use self::timer::TimerQuery;
pub use self::when::Calendar;

/// What acts is not done any more so many seconds after its time.
pub const TOO_LATE_S: f64 = 120.0;
/// What is told so many seconds after its time is told to be late.
const LATE_S: f64 = 10.0;
/// The clock was set when it differs from the time that passed by more than this.
const JUMP: SignedDuration = SignedDuration::from_secs(2);

/// Timers that run at once.
pub const MOST_TIMERS: usize = 100;
/// Deeds and other entries that wait at once.
pub const MOST_DEEDS: usize = 500;
/// Entities of one deed.
pub const MOST_ENTITIES: usize = 1_000;
/// Bytes of a name, an item or a sentence.
pub const LONGEST_TEXT: usize = 500;

/// Now, on both clocks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// What the clock on the wall shows. It may be set.
    pub wall: Timestamp,
    /// Time that has passed since the start of this run. It never jumps.
    pub steady: SignedDuration,
}

/// Why something cannot be put into the agenda or found in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unable {
    /// There are as many as are kept.
    TooMany,
    /// Too many words.
    TooLong,
    /// No such time, none ahead, or none that is near enough.
    BadTime,
    /// The house does not know where it is.
    NoPosition,
    /// The sun does not rise or set there for months.
    NoSun,
    /// There is no such timer or item.
    NoSuch,
    /// There is no list of that name.
    NoSuchList,
    /// Several timers fit.
    Ambiguous,
    /// "For ten minutes" of something that has no end.
    NoEnd,
}

/// What was changed: an entry or a list, by its key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Touched {
    /// An entry.
    Entry(EntryId),
    /// A list.
    List(Arc<str>),
}

/// What outlives a restart of something touched.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// An entry as it is now.
    Entry(Box<Kept>),
    /// An entry that is gone.
    ForgetEntry(EntryId),
    /// A list as it is now.
    List(Box<List>),
    /// A list that is gone, by its key.
    ForgetList(Arc<str>),
}

/// An entry as it outlives a restart.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// The entry without its time.
    pub id: EntryId,
    /// See [`Entry::from`].
    pub from: Asker,
    /// See [`Entry::said`].
    pub said: String,
    /// See [`Entry::made_at`].
    pub made_at: Timestamp,
    /// Its time.
    pub due: KeptDue,
    /// See [`Entry::again`].
    pub again: Option<Rhythm>,
    /// See [`Entry::task`].
    pub task: Task,
}

/// [`Due`] as it outlives a restart, after which the steady clock begins anew.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum KeptDue {
    /// See [`Due::In`].
    In {
        /// What the wall clock will show.
        until: Timestamp,
        /// How much was left when it was written: never more, should the clock be behind.
        left: SignedDuration,
    },
    /// See [`Due::Held`].
    Held(SignedDuration),
    /// See [`Due::At`].
    At(Timestamp),
    /// See [`Due::Begun`].
    Begun,
}

/// All that is to happen, and the lists.
#[derive(Debug, Clone, Default)]
pub struct Agenda {
    entries: BTreeMap<EntryId, Entry>,
    lists: BTreeMap<Arc<str>, List>,
    last_id: u64,
    calendar: Calendar,
    touched: BTreeSet<Touched>,
    /// When it was last asked what is due.
    seen: Option<Moment>,
}

impl Agenda {
    /// The agenda as it was before a restart.
    pub fn restore(
        kept: impl IntoIterator<Item = Kept>,
        lists: impl IntoIterator<Item = List>,
        now: Moment,
    ) -> Agenda {
        let mut agenda = Agenda { seen: Some(now), ..Agenda::default() };
        for Kept { id, from, said, made_at, due, again, task } in kept {
            let due = match due {
                KeptDue::In { until, left } => {
                    let left = until.duration_since(now.wall).min(left);
                    Due::In { at: now.steady.saturating_add(left), restored: Some(until) }
                }
                KeptDue::Held(left) => Due::Held(left),
                KeptDue::At(at) => Due::At(at),
                KeptDue::Begun => Due::Begun,
            };
            agenda.last_id = agenda.last_id.max(id.0);
            agenda.entries.insert(id, Entry { id, from, said, made_at, due, again, task });
        }
        for list in lists {
            agenda.restore_list(list);
        }
        agenda
    }

    /// By which calendar things come again.
    pub fn set_calendar(&mut self, calendar: Calendar) {
        self.calendar = calendar;
    }

    /// All entries, the oldest first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// One entry.
    pub fn entry(&self, id: EntryId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// [`Unable::TooMany`] or [`Unable::TooLong`].
    pub fn add(
        &mut self,
        from: Asker,
        said: &str,
        due: Due,
        task: Task,
        now: Moment,
    ) -> Result<EntryId, Unable> {
        let texts = match &task {
            Task::Timer { name, then, .. } => {
                name.as_ref().map_or(0, String::len).max(then.as_ref().map_or(0, String::len))
            }
            Task::Deed(deed) => {
                let entities = deed.wishes.iter().map(|wish| wish.entities.len());
                if entities.sum::<usize>() > MOST_ENTITIES {
                    return Err(Unable::TooMany);
                }
                0
            }
            Task::Say(text) | Task::Remind(text) => text.len(),
        };
        if texts > LONGEST_TEXT {
            return Err(Unable::TooLong);
        }
        let is_timer = matches!(task, Task::Timer { .. });
        let n_alike = self.entries.values().filter(|entry| entry.is_timer() == is_timer).count();
        if n_alike >= if is_timer { MOST_TIMERS } else { MOST_DEEDS } {
            return Err(Unable::TooMany);
        }
        self.last_id += 1;
        let id = EntryId(self.last_id);
        let said = said.chars().take(LONGEST_TEXT).collect();
        let entry = Entry { id, from, said, made_at: now.wall, due, again: None, task };
        self.entries.insert(id, entry);
        self.touched.insert(Touched::Entry(id));
        Ok(id)
    }

    /// Adds an entry that comes again and again.
    ///
    /// # Errors
    /// As [`Agenda::add`] and [`Calendar::next`].
    pub fn add_standing(
        &mut self,
        from: Asker,
        said: &str,
        rhythm: Rhythm,
        task: Task,
        now: Moment,
    ) -> Result<EntryId, Unable> {
        let at = self.calendar.next(rhythm, now.wall)?;
        let id = self.add(from, said, Due::At(at), task, now)?;
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.again = Some(rhythm);
        }
        Ok(id)
    }

    /// Takes an entry out; it will not happen.
    pub fn cancel(&mut self, id: EntryId) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        self.touched.insert(Touched::Entry(id));
        Some(entry)
    }

    /// Takes an entity out of whatever was to end with it and `is_meant`: it was wished anew since.
    pub fn release(&mut self, entity: &EntityId, is_meant: impl Fn(&Wish) -> bool) {
        let mut empty: Vec<EntryId> = Vec::new();
        for entry in self.entries.values_mut() {
            let Task::Deed(deed) = &mut entry.task else { continue };
            let is_of = |wish: &Wish| wish.entities.contains(entity) && is_meant(wish);
            if !deed.is_end || matches!(entry.due, Due::Begun) || !deed.wishes.iter().any(is_of) {
                continue;
            }
            for wish in deed.wishes.iter_mut().filter(|wish| is_meant(wish)) {
                wish.entities.retain(|known| known != entity);
            }
            deed.wishes.retain(|wish| !wish.entities.is_empty());
            self.touched.insert(Touched::Entry(entry.id));
            if deed.wishes.is_empty() {
                empty.push(entry.id);
            }
        }
        for id in empty {
            self.cancel(id);
        }
    }

    /// When something is next due on the steady clock.
    pub fn next_steady(&self) -> Option<SignedDuration> {
        let at = |entry: &Entry| match entry.due {
            Due::In { at, .. } => Some(at),
            Due::Held(_) | Due::At(_) | Due::Begun => None,
        };
        self.entries.values().filter_map(at).min()
    }

    /// When something is next due on the clock on the wall. Whoever waits for it must also ask
    /// [`Agenda::due`] when the clock was set; where nothing waits for a time of the wall clock but
    /// something for time to pass, this is the end of time.
    pub fn next_wall(&self) -> Option<Timestamp> {
        let at = |entry: &Entry| match entry.due {
            Due::At(at) => Some(at),
            Due::In { .. } => Some(Timestamp::MAX),
            Due::Held(_) | Due::Begun => None,
        };
        self.entries.values().filter_map(at).min()
    }

    /// Everything whose time has come, the earliest first. What was missed is out of the agenda then; all else has begun,
    /// and is out of it after [`Agenda::cancel`].
    pub fn due(&mut self, now: Moment) -> Vec<Ripe> {
        self.see(now);
        let mut ripe: Vec<Ripe> = Vec::new();
        for entry in self.entries.values() {
            let Some(late_s) = entry.left_s(now).map(|left| 0.0 - left) else { continue };
            if late_s < 0.0 || matches!(entry.due, Due::Held(_)) {
                continue;
            }
            let fate = match (entry.acts(), late_s) {
                (true, late) if late > TOO_LATE_S => Fate::Missed,
                (false, late) if late > LATE_S => Fate::ToldLate,
                _ => Fate::Happens,
            };
            ripe.push(Ripe { entry: entry.clone(), late_s, fate });
        }
        ripe.sort_by(|a, b| b.late_s.total_cmp(&a.late_s));
        for Ripe { entry, fate, .. } in &mut ripe {
            if entry.again.is_some() {
                *entry = self.one_of(entry, now);
            }
            if *fate == Fate::Missed {
                self.entries.remove(&entry.id);
            } else if let Some(entry) = self.entries.get_mut(&entry.id) {
                entry.due = Due::Begun;
            }
            self.touched.insert(Touched::Entry(entry.id));
        }
        ripe
    }

    /// One time of a standing entry, as an entry of its own; the standing one waits for the next.
    fn one_of(&mut self, standing: &Entry, now: Moment) -> Entry {
        self.last_id += 1;
        let one = Entry { id: EntryId(self.last_id), again: None, ..standing.clone() };
        self.entries.insert(one.id, one.clone());
        let next = standing.again.zip(match standing.due {
            // A clock that was put back brings no time a second time.
            Due::At(at) => Some(at.max(now.wall)),
            _ => None,
        });
        let next = next.and_then(|(rhythm, after)| self.calendar.next(rhythm, after).ok());
        match (self.entries.get_mut(&standing.id), next) {
            (Some(entry), Some(at)) => entry.due = Due::At(at),
            // No sun for months, or the end of all time.
            _ => drop(self.entries.remove(&standing.id)),
        }
        self.touched.insert(Touched::Entry(standing.id));
        one
    }

    /// What had begun when the house was stopped; it is out of the agenda then.
    pub fn interrupted(&mut self) -> Vec<Ripe> {
        let begun: Vec<EntryId> = self
            .entries
            .values()
            .filter(|entry| entry.due == Due::Begun)
            .map(|entry| entry.id)
            .collect();
        begun
            .into_iter()
            .filter_map(|id| self.cancel(id))
            .map(|entry| Ripe { entry, late_s: 0.0, fate: Fate::Interrupted })
            .collect()
    }

    /// Notices that the wall clock was set. What counts passing time keeps its time but for the
    /// first setting after a restart: the clock at the start may have been of the last shutdown.
    fn see(&mut self, now: Moment) {
        let Some(seen) = self.seen.replace(now) else { return };
        let passed = now.steady.saturating_sub(seen.steady);
        let jump = now.wall.duration_since(seen.wall).saturating_sub(passed);
        if jump.abs() <= JUMP {
            return;
        }
        for entry in self.entries.values_mut() {
            let Due::In { at, restored } = &mut entry.due else { continue };
            if let Some(until) = restored.take()
                && jump.is_positive()
            {
                let left = until.duration_since(now.wall);
                *at = (*at).min(now.steady.saturating_add(left));
            }
            // What stands on the disk counts from the wall clock.
            self.touched.insert(Touched::Entry(entry.id));
        }
    }

    /// What has changed since this was last asked.
    pub fn take_touched(&mut self, now: Moment) -> Vec<Record> {
        let touched = std::mem::take(&mut self.touched);
        touched.into_iter().map(|what| self.record(what, now)).collect()
    }

    /// These are not on the disk after all: they are to be written as they are then.
    pub fn touch_again(&mut self, records: Vec<Record>) {
        let keys = records.into_iter().map(|record| match record {
            Record::Entry(kept) => Touched::Entry(kept.id),
            Record::ForgetEntry(id) => Touched::Entry(id),
            Record::List(list) => Touched::List(crate::text::key(&list.name).into()),
            Record::ForgetList(key) => Touched::List(key),
        });
        self.touched.extend(keys);
    }

    fn record(&self, what: Touched, now: Moment) -> Record {
        match what {
            Touched::Entry(id) => match self.entries.get(&id) {
                Some(entry) => Record::Entry(Box::new(kept(entry, now))),
                None => Record::ForgetEntry(id),
            },
            Touched::List(key) => match self.list_of(&key) {
                Some(list) => Record::List(Box::new(list.clone())),
                None => Record::ForgetList(key),
            },
        }
    }
}

fn kept(entry: &Entry, now: Moment) -> Kept {
    let due = match entry.due {
        Due::In { at, .. } => {
            let left = at.saturating_sub(now.steady);
            let until = now.wall.saturating_add(left).unwrap_or(Timestamp::MAX);
            KeptDue::In { until, left }
        }
        Due::Held(left) => KeptDue::Held(left),
        Due::At(at) => KeptDue::At(at),
        Due::Begun => KeptDue::Begun,
    };
    let Entry { id, from, said, made_at, again, task, .. } = entry.clone();
    Kept { id, from, said, made_at, due, again, task }
}

#[cfg(test)]
mod tests;
