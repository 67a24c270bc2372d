//! What stands in the agenda: a timer, a deed or something to say, with its time and who asked.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::home::id::{AreaId, EntityId, PersonId};
use crate::home::person::{Means, Role};
use crate::home::rhythm::Rhythm;
use crate::home::value::Value;

pub use crate::home::test::Test;

/// The number of an entry; unique in one house.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub u64);

/// Something that is to happen.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its number.
    pub id: EntryId,
    /// Who asked.
    pub from: Asker,
    /// The words with which it was asked for.
    pub said: String,
    /// When it was asked for.
    pub made_at: Timestamp,
    /// When it is to happen.
    pub due: Due,
    /// When it is to happen again after that; `None` for what happens once.
    pub again: Option<Rhythm>,
    /// What.
    pub task: Task,
}

/// In which conversation and where something was asked for, so that it can be told there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asker {
    /// Language code.
    pub language: String,
    /// The room.
    pub area: Option<AreaId>,
    /// The conversation.
    pub conversation: String,
    /// Who, if that is known; what they may do is looked up again when the time has come.
    pub person: Option<PersonId>,
    /// What the person may do.
    pub role: Role,
    /// How it came here.
    pub means: Means,
}

/// When something is to happen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Due {
    /// When so much time has passed, whatever the clock on the wall does meanwhile.
    In {
        /// On the steady clock of this run; negative is before its start.
        at: SignedDuration,
        /// What the wall clock should show then: only of an entry from before a restart, and only
        /// until the clock was set for the first time.
        restored: Option<Timestamp>,
    },
    /// Not before it goes on; so much was left.
    Held(SignedDuration),
    /// When the clock on the wall shows this.
    At(Timestamp),
    /// It has begun: the word of it went to the disk before the deed, or before it was said.
    Begun,
}

/// What is to happen.
#[derive(Debug, Clone, PartialEq)]
pub enum Task {
    /// A timer is over.
    Timer {
        /// What it is called.
        name: Option<String>,
        /// The length with which it was started, in seconds.
        started_s: f64,
        /// A sentence to be heard then.
        then: Option<String>,
    },
    /// Something is done.
    Deed(Deed),
    /// This is said, everywhere without a room.
    Say(String),
    /// Whoever asked is reminded of this, where they asked.
    Remind(String),
}

/// Something to be done later. On what was decided when it was asked for; whether it may be done and
/// what it comes to, when its time has come.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Deed {
    /// What is to be done, in order. Never empty.
    pub wishes: Vec<Wish>,
    /// Only if all of these hold then.
    pub only_if: Vec<Check>,
    /// "For ten minutes": so many seconds later it is ended.
    pub lasting_s: Option<f64>,
    /// It ends something that was done for a while only.
    pub is_end: bool,
}

/// One thing to be done with some entities.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    /// With these.
    pub entities: Vec<EntityId>,
    /// A word for what: `turn_on`, `brightness`.
    pub what: Arc<str>,
    /// Its values: `to` or `by` a number, or a `name`.
    pub fields: Vec<(Arc<str>, Value)>,
}

/// What must hold for a deed when its time has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// Of which entities. Never empty.
    pub entities: Vec<EntityId>,
    /// The device classes that were said.
    pub classes: Vec<String>,
    /// It must hold for all of them, else for any.
    pub is_all: bool,
    /// What must hold.
    pub test: Test,
}

/// An entry whose time has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Ripe {
    /// The entry.
    pub entry: Entry,
    /// How long ago its time was, in seconds.
    pub late_s: f64,
    /// What is to become of it.
    pub fate: Fate,
}

/// What is to become of an entry whose time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It happens.
    Happens,
    /// It is only told that it is over: timers and what is to be said.
    ToldLate,
    /// It is told that it was not done, because its time is too long ago.
    Missed,
    /// It is told that Homard was stopped in the middle of it: nobody knows whether it was done or said.
    Interrupted,
}

impl Entry {
    /// Whether something is done when its time has come, and not only said.
    pub fn acts(&self) -> bool {
        match &self.task {
            Task::Timer { then, .. } => then.is_some(),
            Task::Deed(_) => true,
            Task::Say(_) | Task::Remind(_) => false,
        }
    }

    /// It is a timer.
    pub fn is_timer(&self) -> bool {
        matches!(self.task, Task::Timer { .. })
    }

    /// Seconds left; `None` for one that has begun.
    pub fn left_s(&self, now: super::Moment) -> Option<f64> {
        let left = match self.due {
            Due::In { at, .. } => at.saturating_sub(now.steady),
            Due::Held(left) => left,
            Due::At(at) => at.duration_since(now.wall),
            Due::Begun => return None,
        };
        Some(left.as_secs_f64())
    }
}
