//! `/api/homard/agenda`: what is to happen in the house, and its lists.

use axum::extract::Path;
use axum::response::Response;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as JsonValue;
use utoipa::ToSchema;

use super::auth::Caller;
use super::failure::{self, Failure, Json, Message};
use super::wire;
use crate::automation::{Due, Entry, EntryId, List, Moment, Task, Wish};
use crate::home::id::{AreaId, EntityId};
use crate::home::person::Matter;
use crate::home::rhythm::{Days, Rhythm};
use crate::hub::event::{ListEdit, Query};
use crate::json;

/// What is to happen, and the lists.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AgendaObject {
    /// The next first.
    entries: Vec<EntryObject>,
    /// The shopping list has no name.
    lists: Vec<ListObject>,
}

/// Something that is to happen.
#[derive(Debug, Serialize, ToSchema)]
struct EntryObject {
    id: u64,
    /// `timer`, `planned`, `announcement` or `reminder`.
    kind: &'static str,
    /// A timer's name.
    name: Option<String>,
    /// The words with which it was asked for.
    said: String,
    language: String,
    area_id: Option<String>,
    /// When it will happen; null while it is held.
    due: Option<String>,
    /// Seconds left.
    left_s: Option<f64>,
    /// A timer that is held.
    paused: bool,
    /// The length with which a timer was started, in seconds.
    started_s: Option<f64>,
    /// A sentence that is heard then, or what is said then.
    text: Option<String>,
    /// When it happens again after that; null for what happens once.
    every: Option<EveryObject>,
    /// What will be done.
    wishes: Vec<WishObject>,
    /// When it was asked for.
    made: String,
}

/// Days with a time or the sun, or seconds between.
#[derive(Debug, Serialize, ToSchema)]
struct EveryObject {
    /// `mon` … `sun`.
    days: Vec<&'static str>,
    /// `07:00`, in the house's time.
    at: Option<String>,
    /// `sunrise` or `sunset`.
    sun: Option<&'static str>,
    /// Seconds after the sun, or before if negative.
    offset_s: Option<f64>,
    /// Seconds from one time to the next.
    each_s: Option<f64>,
}

/// What will be done with which entities.
#[derive(Debug, Serialize, ToSchema)]
struct WishObject {
    entity_id: Vec<String>,
    /// `turn_on`, `brightness`, …
    what: String,
    /// Its values.
    values: serde_json::Map<String, JsonValue>,
}

/// A list.
#[derive(Debug, Serialize, ToSchema)]
struct ListObject {
    name: String,
    items: Vec<ItemObject>,
}

/// Something on a list.
#[derive(Debug, Serialize, ToSchema)]
struct ItemObject {
    text: String,
    completed: bool,
}

impl From<Rhythm> for EveryObject {
    fn from(rhythm: Rhythm) -> Self {
        const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let names = |days: Days| days.each().map(|day| NAMES[usize::from(day)]).collect();
        let (days, at, sun, offset_s, each_s) = match rhythm {
            Rhythm::Clock { days, hour, minute } => {
                (names(days), Some(format!("{hour:02}:{minute:02}")), None, None, None)
            }
            Rhythm::Sun { days, is_rise, offset_s } => {
                let sun = if is_rise { "sunrise" } else { "sunset" };
                (names(days), None, Some(sun), Some(offset_s), None)
            }
            Rhythm::Each { seconds } => (Vec::new(), None, None, None, Some(seconds)),
        };
        Self { days, at, sun, offset_s, each_s }
    }
}

impl From<&Wish> for WishObject {
    fn from(wish: &Wish) -> Self {
        let values = wish.fields.iter();
        Self {
            entity_id: wish.entities.iter().map(EntityId::to_string).collect(),
            what: wish.what.to_string(),
            values: values.map(|(name, value)| (name.to_string(), json::to_json(value))).collect(),
        }
    }
}

impl From<&List> for ListObject {
    fn from(list: &List) -> Self {
        let items = list.items.iter();
        let item = |item: &crate::automation::Item| ItemObject {
            text: item.text.clone(),
            completed: item.is_done,
        };
        Self { name: list.name.clone(), items: items.map(item).collect() }
    }
}

fn object(entry: &Entry, now: Moment) -> EntryObject {
    let (kind, name, started_s, text) = match &entry.task {
        Task::Timer { name, started_s, then } => {
            ("timer", name.clone(), Some(*started_s), then.clone())
        }
        Task::Deed(_) => ("planned", None, None, None),
        Task::Say(text) => ("announcement", None, None, Some(text.clone())),
        Task::Remind(text) => ("reminder", None, None, Some(text.clone())),
    };
    let wishes = match &entry.task {
        Task::Deed(deed) => deed.wishes.iter().map(WishObject::from).collect(),
        Task::Timer { .. } | Task::Say(_) | Task::Remind(_) => Vec::new(),
    };
    let due: Option<Timestamp> = match entry.due {
        Due::In { at, .. } => now.wall.checked_add(at.saturating_sub(now.steady)).ok(),
        Due::At(at) => Some(at),
        Due::Held(_) | Due::Begun => None,
    };
    EntryObject {
        id: entry.id.0,
        kind,
        name,
        said: entry.said.clone(),
        language: entry.from.language.clone(),
        area_id: entry.from.area.as_ref().map(AreaId::to_string),
        due: due.map(wire::time_text),
        left_s: entry.left_s(now),
        paused: matches!(entry.due, Due::Held(_)),
        started_s,
        text,
        every: entry.again.map(EveryObject::from),
        wishes,
        made: wire::time_text(entry.made_at),
    }
}

/// Everything that is to happen, the next first, and all lists.
#[utoipa::path(get, path = "/api/homard/agenda", responses((status = 200, body = AgendaObject)))]
pub(super) async fn agenda(caller: Caller) -> Result<Response, Failure> {
    caller.needs(Matter::Agenda)?;
    let books = caller.hub.ask(Query::Agenda).await.map_err(|_| Failure::stopping())?;
    let mut entries: Vec<EntryObject> =
        books.entries.iter().map(|entry| object(entry, books.now)).collect();
    entries.sort_by(|a, b| {
        let left = |entry: &EntryObject| entry.left_s.unwrap_or(0.0);
        a.paused.cmp(&b.paused).then(left(a).total_cmp(&left(b)))
    });
    let lists = books.lists.iter().map(ListObject::from).collect();
    Ok(failure::json(&AgendaObject { entries, lists }))
}

/// What is done with something on a list.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ListWish {
    /// The list's name; the shopping list without.
    #[serde(default)]
    list: Option<String>,
    /// What.
    item: String,
    /// `add` (wanted, anew if it was ticked off), `complete` or `remove`.
    #[serde(rename = "do")]
    act: String,
}

/// Changes something on a list; a list that there is not is made. Answered when it is on the disk.
#[utoipa::path(post, path = "/api/homard/lists", request_body = ListWish,
    responses((status = 200, body = Message), (status = 400, body = Message)))]
pub(super) async fn edit_list(
    caller: Caller,
    Json(wish): Json<ListWish>,
) -> Result<Response, Failure> {
    caller.needs(Matter::Agenda)?;
    let edit = match wish.act.as_str() {
        "add" => ListEdit::Add,
        "complete" => ListEdit::Tick,
        "remove" => ListEdit::Remove,
        _ => return Err(Failure::bad("`do` must be `add`, `complete` or `remove`")),
    };
    if wish.item.trim().is_empty() {
        return Err(Failure::bad("`item` is empty"));
    }
    let ListWish { list, item, .. } = wish;
    let list = list.filter(|name| !name.is_empty());
    let done = caller.hub.ask(|reply| Query::EditList { list, item, edit, reply }).await;
    done.map_err(|_| Failure::stopping())??;
    Ok(failure::json(&Message { message: "Done.".to_owned() }))
}

/// Takes something out of the agenda; it will not happen. Answered when that is on the disk.
#[utoipa::path(delete, path = "/api/homard/agenda/{id}", params(("id" = u64, Path)),
    responses((status = 200, body = Message), (status = 404, body = Message)))]
pub(super) async fn cancel(caller: Caller, Path(id): Path<String>) -> Result<Response, Failure> {
    caller.needs(Matter::House)?;
    let unknown = || Failure::unknown(format!("nothing in the agenda has the id `{id}`"));
    let entry = EntryId(id.parse().map_err(|_| unknown())?);
    let done = caller.hub.ask(|reply| Query::Cancel(entry, reply)).await;
    match done.map_err(|_| Failure::stopping())? {
        Ok(()) => Ok(failure::json(&Message { message: "Cancelled.".to_owned() })),
        Err(crate::hub::event::EditError::Refused(_)) => Err(unknown()),
        Err(error) => Err(error.into()),
    }
}
