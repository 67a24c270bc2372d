//! How the agenda stands in the database: see [`super::wire`]. Times are microseconds since 1970,
//! lengths milliseconds.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::wire::{Unusable, time};
use crate::automation::{self, Asker, Check, Deed, EntryId, Item, Kept, KeptDue, Test, Wish};
use crate::home::id::{AreaId, EntityId, PersonId};
use crate::home::person::{Means, Role};
use crate::home::rhythm::{Days, Rhythm};
use crate::json::{from_json, to_json};
use crate::text;

/// Entries in their order.
pub(super) fn key(id: EntryId) -> String {
    format!("{:016x}", id.0)
}

/// The shopping list has no name, and a key is not empty.
pub(super) fn list_key(list: &automation::List) -> String {
    text::key(&list.name)
}

#[derive(Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) id: u64,
    language: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    area: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    conversation: String,
    role: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    person: Option<Arc<str>>,
    #[serde(default)]
    spoken: bool,
    said: String,
    made: i64,
    due: Due,
    /// Not written by versions that knew nothing that comes again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    again: Option<Again>,
    task: Task,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Due {
    In { until: i64, left: i64 },
    Held(i64),
    At(i64),
    Begun,
}

/// Days are a bit each, the lowest for Monday.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Again {
    Clock { days: u8, hour: u8, minute: u8 },
    Sunrise { days: u8, offset: f64 },
    Sunset { days: u8, offset: f64 },
    Each(f64),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Task {
    Timer {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        started: f64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        then: Option<String>,
    },
    Deed {
        wishes: Vec<Wished>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        only_if: Vec<Condition>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lasting: Option<f64>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        ends: bool,
    },
    Say(String),
    Remind(String),
}

#[derive(Serialize, Deserialize)]
struct Wished {
    entities: Vec<Arc<str>>,
    what: Arc<str>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    fields: Vec<(Arc<str>, Json)>,
}

#[derive(Serialize, Deserialize)]
struct Condition {
    entities: Vec<Arc<str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    classes: Vec<String>,
    #[serde(default)]
    is_all: bool,
    test: Compared,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Compared {
    Is(Arc<str>),
    IsNot(Arc<str>),
    Above(f64),
    Below(f64),
}

#[derive(Serialize, Deserialize)]
pub(super) struct List {
    name: String,
    /// What, and whether it is ticked off.
    items: Vec<(String, bool)>,
}

impl From<&automation::List> for List {
    fn from(list: &automation::List) -> Self {
        let items = list.items.iter().map(|item| (item.text.clone(), item.is_done));
        Self { name: list.name.clone(), items: items.collect() }
    }
}

impl From<List> for automation::List {
    fn from(wire: List) -> Self {
        let items = wire.items.into_iter().map(|(text, is_done)| Item { text, is_done });
        Self { name: wire.name, items: items.collect() }
    }
}

fn shared(ids: &[EntityId]) -> Vec<Arc<str>> {
    ids.iter().map(EntityId::shared).collect()
}

fn ids(shared: &[Arc<str>]) -> Vec<EntityId> {
    shared.iter().map(|id| EntityId::new(id)).collect()
}

impl From<&Wish> for Wished {
    fn from(wish: &Wish) -> Self {
        let fields = wish.fields.iter().map(|(name, value)| (Arc::clone(name), to_json(value)));
        let what = Arc::clone(&wish.what);
        Self { entities: shared(&wish.entities), what, fields: fields.collect() }
    }
}

impl From<Wished> for Wish {
    fn from(wire: Wished) -> Self {
        let fields = wire.fields.into_iter().map(|(name, value)| (name, from_json(&value)));
        Self { entities: ids(&wire.entities), what: wire.what, fields: fields.collect() }
    }
}

impl From<&Check> for Condition {
    fn from(check: &Check) -> Self {
        let test = match &check.test {
            Test::Is(word) => Compared::Is(Arc::clone(word)),
            Test::IsNot(word) => Compared::IsNot(Arc::clone(word)),
            Test::Above(limit) => Compared::Above(*limit),
            Test::Below(limit) => Compared::Below(*limit),
        };
        let (entities, classes) = (shared(&check.entities), check.classes.clone());
        Self { entities, classes, is_all: check.is_all, test }
    }
}

impl From<Condition> for Check {
    fn from(wire: Condition) -> Self {
        let test = match wire.test {
            Compared::Is(word) => Test::Is(word),
            Compared::IsNot(word) => Test::IsNot(word),
            Compared::Above(limit) => Test::Above(limit),
            Compared::Below(limit) => Test::Below(limit),
        };
        let entities = ids(&wire.entities);
        Self { entities, classes: wire.classes, is_all: wire.is_all, test }
    }
}

impl From<Rhythm> for Again {
    fn from(rhythm: Rhythm) -> Self {
        match rhythm {
            Rhythm::Clock { days, hour, minute } => Self::Clock { days: days.bits(), hour, minute },
            Rhythm::Sun { days, is_rise: true, offset_s } => {
                Self::Sunrise { days: days.bits(), offset: offset_s }
            }
            Rhythm::Sun { days, is_rise: false, offset_s } => {
                Self::Sunset { days: days.bits(), offset: offset_s }
            }
            Rhythm::Each { seconds } => Self::Each(seconds),
        }
    }
}

impl Again {
    fn rhythm(self) -> Rhythm {
        // Without a day it would be lost.
        let days = |bits: u8| Days::from_bits(bits).unwrap_or(Days::DAILY);
        match self {
            Self::Clock { days: bits, hour, minute } => {
                Rhythm::Clock { days: days(bits), hour, minute }
            }
            Self::Sunrise { days: bits, offset } => {
                Rhythm::Sun { days: days(bits), is_rise: true, offset_s: offset }
            }
            Self::Sunset { days: bits, offset } => {
                Rhythm::Sun { days: days(bits), is_rise: false, offset_s: offset }
            }
            Self::Each(seconds) => Rhythm::Each { seconds },
        }
    }
}

fn all<A, B: From<A>>(all: impl IntoIterator<Item = A>) -> Vec<B> {
    all.into_iter().map(B::from).collect()
}

impl From<&Kept> for Entry {
    fn from(kept: &Kept) -> Self {
        let Asker { language, area, conversation, person, role, means } = kept.from.clone();
        let millis = |length: SignedDuration| i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        let due = match kept.due {
            KeptDue::In { until, left } => {
                Due::In { until: until.as_microsecond(), left: millis(left) }
            }
            KeptDue::Held(left) => Due::Held(millis(left)),
            KeptDue::At(at) => Due::At(at.as_microsecond()),
            KeptDue::Begun => Due::Begun,
        };
        let task = match &kept.task {
            automation::Task::Timer { name, started_s, then } => {
                Task::Timer { name: name.clone(), started: *started_s, then: then.clone() }
            }
            automation::Task::Deed(deed) => Task::Deed {
                wishes: all(&deed.wishes),
                only_if: all(&deed.only_if),
                lasting: deed.lasting_s,
                ends: deed.is_end,
            },
            automation::Task::Say(text) => Task::Say(text.clone()),
            automation::Task::Remind(text) => Task::Remind(text.clone()),
        };
        Self {
            id: kept.id.0,
            language,
            area: area.map(|id| id.shared()),
            conversation,
            role: role.word().to_owned(),
            person: person.map(|id| id.shared()),
            spoken: means == Means::Spoken,
            said: kept.said.clone(),
            made: kept.made_at.as_microsecond(),
            due,
            again: kept.again.map(Again::from),
            task,
        }
    }
}

impl TryFrom<Entry> for Kept {
    type Error = Unusable;

    fn try_from(wire: Entry) -> Result<Self, Unusable> {
        let due = match wire.due {
            Due::In { until, left } => {
                KeptDue::In { until: clamped(until), left: SignedDuration::from_millis(left) }
            }
            Due::Held(left) => KeptDue::Held(SignedDuration::from_millis(left)),
            Due::At(at) => KeptDue::At(time(at)?),
            Due::Begun => KeptDue::Begun,
        };
        let task = match wire.task {
            Task::Timer { name, started, then } => {
                automation::Task::Timer { name, started_s: started, then }
            }
            Task::Deed { wishes, only_if, lasting, ends } => automation::Task::Deed(Deed {
                wishes: all(wishes),
                only_if: all(only_if),
                lasting_s: lasting,
                is_end: ends,
            }),
            Task::Say(text) => automation::Task::Say(text),
            Task::Remind(text) => automation::Task::Remind(text),
        };
        let from = Asker {
            language: wire.language,
            area: wire.area.map(|id| AreaId::new(&id)),
            conversation: wire.conversation,
            person: wire.person.map(|id| PersonId::new(&id)),
            // Who is not known may do least.
            role: wire.role.parse().unwrap_or(Role::Guest),
            means: if wire.spoken { Means::Spoken } else { Means::Written },
        };
        Ok(Self {
            id: EntryId(wire.id),
            from,
            said: wire.said,
            made_at: time(wire.made)?,
            due,
            again: wire.again.map(Again::rhythm),
            task,
        })
    }
}

/// A time that a wrong clock may have put beyond what can be written.
fn clamped(microseconds: i64) -> Timestamp {
    time(microseconds).unwrap_or(Timestamp::MAX)
}
