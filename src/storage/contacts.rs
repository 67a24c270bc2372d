//! Who of a messenger's users is whom in this house, who waits to be let in, in which groups the house talks, and which
//! messages were begun. Each call reads the disk's present state, and what it writes is on the disk when it returns. Not
//! what any of it means: that is the port's.

use heed::RwTxn;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Error, Storage};
use crate::home::id::{AreaId, PersonId};

/// Letters and digits of codes, without those that are taken for one another.
const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Length of a code: 40 bits, and it is only good for who may let others in.
const CODE: usize = 8;
/// Who has a code and is not let in by then must ask again.
const CODE_LIVES: SignedDuration = SignedDuration::from_hours(1);
/// More who ask at once get no answer.
const MOST_WAITING: usize = 3;
/// More than a household has.
const MOST_PAIRED: usize = 200;
/// Names come from strangers.
const LONGEST_NAME: usize = 64;

/// A record as it stands in the database.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Record {
    User { user: i64, name: String, person: String, telling: Telling },
    Group { chat: i64, title: String, area: Option<String> },
    Code { code: String, user: i64, name: String, at: i64 },
    Mark { bot: i64, next: i64, at: i64 },
    Begun { id: i64, chat: i64, user: i64, text: String },
}

/// A user of the messenger who is somebody of this house.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The messenger's number.
    pub user: i64,
    /// What they call themselves there.
    pub name: String,
    /// Who they are here.
    pub person: PersonId,
    /// What they want to be told.
    pub telling: Telling,
}

/// What somebody wants to be told without asking.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Telling {
    /// Nothing but dangers until then, in seconds since 1970.
    pub muted_until: i64,
    /// Nothing but dangers between these minutes of the day; `None` leaves it to the port's own hours, equal ones are none.
    pub quiet: Option<(u16, u16)>,
    /// What is not told again before a time: its key, and seconds since 1970.
    pub snoozed: Vec<(String, i64)>,
}

/// A group in which the house talks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The messenger's number.
    pub chat: i64,
    /// What it is called there.
    pub title: String,
    /// The room that is meant when none is named.
    pub area: Option<AreaId>,
}

/// Somebody who wants to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// What they were given.
    pub code: String,
    /// The messenger's number.
    pub user: i64,
    /// What they call themselves there.
    pub name: String,
    /// Since when.
    pub since: Timestamp,
}

/// What becomes of somebody who is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// This is their code.
    Given(String),
    /// They have this one already.
    Has(String),
    /// Too many wait.
    TooMany,
}

/// A message that is being acted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// The messenger's number of the update.
    pub id: i64,
    /// Where.
    pub chat: i64,
    /// By whom.
    pub user: i64,
    /// What was said; empty where it was no text.
    pub text: String,
}

/// How far the messages were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The messenger's number of the bot.
    pub bot: i64,
    /// The next update.
    pub next: i64,
    /// When the last one came.
    pub at: Timestamp,
}

/// Who of a messenger is whom. Cheap to clone.
#[derive(Clone)]
pub struct Contacts {
    storage: Storage,
}

impl Contacts {
    pub(super) fn new(storage: Storage) -> Self {
        Self { storage }
    }

    /// Who this user is.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn find(&self, user: i64) -> Result<Option<Contact>, Error> {
        let Storage { env, tables, .. } = &self.storage;
        let txn = env.read_txn()?;
        let found = tables.contacts.at(&txn, &user_key(user))?;
        Ok(found.and_then(Result::ok).and_then(Record::contact))
    }

    /// Everybody, in no order that means anything.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn all(&self) -> Result<Vec<Contact>, Error> {
        self.each(Record::contact)
    }

    /// Keeps what somebody wants to be told; nothing for who is not known.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn tell(&self, user: i64, wanted: Telling) -> Result<(), Error> {
        self.write(|txn, storage| {
            let found = storage.tables.contacts.at(txn, &user_key(user))?;
            let Some(Contact { name, person, .. }) =
                found.and_then(Result::ok).and_then(Record::contact)
            else {
                return Ok(());
            };
            let person = person.to_string();
            let record = Record::User { user, name, person, telling: wanted };
            storage.tables.contacts.put(txn, &user_key(user), &record)
        })
    }

    /// Forgets a user; whether there was one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn remove(&self, user: i64) -> Result<bool, Error> {
        let is_known = self.find(user)?.is_some();
        self.write(|txn, storage| storage.tables.contacts.remove(txn, &user_key(user)))?;
        Ok(is_known)
    }

    /// Somebody who is not known has written.
    ///
    /// # Errors
    /// When it cannot be written, or the system gives no random numbers.
    pub fn ask(&self, user: i64, name: &str, now: Timestamp) -> Result<Asked, Error> {
        let mut random = [0; CODE];
        getrandom::fill(&mut random).map_err(|error| Error::Random(error.to_string()))?;
        let letter = |byte: &u8| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]);
        let code: String = random.iter().map(letter).collect();
        let name = shown(name);
        let mut asked = Asked::TooMany;
        self.write(|txn, storage| {
            let waiting = clear(txn, storage, now)?;
            if let Some(known) = waiting.iter().find(|one| one.user == user) {
                asked = Asked::Has(known.code.clone());
            } else if waiting.len() < MOST_WAITING {
                asked = Asked::Given(code.clone());
                let at = now.as_second();
                let record = Record::Code { code: code.clone(), user, name, at };
                storage.tables.contacts.put(txn, &code_key(&code), &record)?;
            }
            Ok(())
        })?;
        Ok(asked)
    }

    /// Who waits to be let in, the first first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn waiting(&self, now: Timestamp) -> Result<Vec<Waiting>, Error> {
        let mut waiting = self.each(Record::waiting)?;
        waiting.retain(|one| !is_over(one, now));
        waiting.sort_by_key(|one| (one.since, one.code.clone()));
        Ok(waiting)
    }

    /// Lets in who has this code, as this person; `None` for a code that is wrong or too old.
    ///
    /// # Errors
    /// When it cannot be written; [`Error::Account`] when there are too many.
    pub fn approve(
        &self,
        code: &str,
        person: &PersonId,
        now: Timestamp,
    ) -> Result<Option<Contact>, Error> {
        let code = code.trim().to_uppercase();
        if self.all()?.len() >= MOST_PAIRED {
            return Err(Error::Account(format!("{MOST_PAIRED} chats are paired already")));
        }
        let mut found = None;
        self.write(|txn, storage| {
            let waiting = clear(txn, storage, now)?;
            let Some(one) = waiting.into_iter().find(|one| one.code == code) else { return Ok(()) };
            storage.tables.contacts.remove(txn, &code_key(&code))?;
            let Waiting { user, name, .. } = one;
            let (person, telling) = (person.to_string(), Telling::default());
            let record = Record::User { user, name, person, telling };
            storage.tables.contacts.put(txn, &user_key(user), &record)?;
            found = record.contact();
            Ok(())
        })?;
        Ok(found)
    }

    /// Takes a code back; whether there was one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn refuse(&self, code: &str, now: Timestamp) -> Result<bool, Error> {
        let code = code.trim().to_uppercase();
        let is_there = self.waiting(now)?.iter().any(|one| one.code == code);
        self.write(|txn, storage| storage.tables.contacts.remove(txn, &code_key(&code)))?;
        Ok(is_there)
    }

    /// A group in which the house talks.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn group(&self, chat: i64) -> Result<Option<Group>, Error> {
        let Storage { env, tables, .. } = &self.storage;
        let txn = env.read_txn()?;
        let found = tables.contacts.at(&txn, &group_key(chat))?;
        Ok(found.and_then(Result::ok).and_then(Record::group))
    }

    /// All groups.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn groups(&self) -> Result<Vec<Group>, Error> {
        self.each(Record::group)
    }

    /// Talks in a group from now on, or in another room's name.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_group(&self, group: &Group) -> Result<(), Error> {
        let area = group.area.as_ref().map(ToString::to_string);
        let record = Record::Group { chat: group.chat, title: shown(&group.title), area };
        self.write(|txn, storage| storage.tables.contacts.put(txn, &group_key(group.chat), &record))
    }

    /// Talks in a group no more; whether it did.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn remove_group(&self, chat: i64) -> Result<bool, Error> {
        let is_known = self.group(chat)?.is_some();
        self.write(|txn, storage| storage.tables.contacts.remove(txn, &group_key(chat)))?;
        Ok(is_known)
    }

    /// How far the messages were taken.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn mark(&self) -> Result<Option<Mark>, Error> {
        let mark = |record| match record {
            Record::Mark { bot, next, at } => {
                let at = Timestamp::from_second(at).ok()?;
                Some(Mark { bot, next, at })
            }
            _ => None,
        };
        Ok(self.each(mark)?.pop())
    }

    /// Notes that these are begun and how far the messages were taken, before anything is done.
    ///
    /// # Errors
    /// When it cannot be written; then nothing must be done.
    pub fn begin(&self, mark: Mark, begun: &[Begun]) -> Result<(), Error> {
        self.write(|txn, storage| {
            let Mark { bot, next, at } = mark;
            let record = Record::Mark { bot, next, at: at.as_second() };
            storage.tables.contacts.put(txn, MARK, &record)?;
            for Begun { id, chat, user, text } in begun.iter().cloned() {
                let record = Record::Begun { id, chat, user, text };
                storage.tables.contacts.put(txn, &begun_key(id), &record)?;
            }
            Ok(())
        })
    }

    /// These were done.
    ///
    /// # Errors
    /// When it cannot be written; they are asked about after a restart.
    pub fn finish(&self, ids: &[i64]) -> Result<(), Error> {
        self.write(|txn, storage| {
            ids.iter().try_for_each(|id| storage.tables.contacts.remove(txn, &begun_key(*id)))
        })
    }

    /// What was begun and not finished, the first first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn unfinished(&self) -> Result<Vec<Begun>, Error> {
        let begun = |record| match record {
            Record::Begun { id, chat, user, text } => Some(Begun { id, chat, user, text }),
            _ => None,
        };
        let mut all = self.each(begun)?;
        all.sort_by_key(|one| one.id);
        Ok(all)
    }

    fn each<T>(&self, take: impl Fn(Record) -> Option<T>) -> Result<Vec<T>, Error> {
        let Storage { env, tables, .. } = &self.storage;
        let (txn, mut found) = (env.read_txn()?, Vec::new());
        // One that cannot be read is nobody.
        tables.contacts.each(&txn, &mut Vec::new(), |record| found.extend(take(record)))?;
        Ok(found)
    }

    fn write(
        &self,
        change: impl FnOnce(&mut RwTxn, &Storage) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut txn = self.storage.env.write_txn()?;
        change(&mut txn, &self.storage)?;
        txn.commit()?;
        Ok(())
    }
}

impl Record {
    fn contact(self) -> Option<Contact> {
        let Self::User { user, name, person, telling } = self else { return None };
        Some(Contact { user, name, person: PersonId::new(&person), telling })
    }

    fn group(self) -> Option<Group> {
        let Self::Group { chat, title, area } = self else { return None };
        Some(Group { chat, title, area: area.as_deref().map(AreaId::new) })
    }

    fn waiting(self) -> Option<Waiting> {
        let Self::Code { code, user, name, at } = self else { return None };
        Some(Waiting { code, user, name, since: Timestamp::from_second(at).ok()? })
    }
}

const MARK: &str = "mark";

fn user_key(user: i64) -> String {
    format!("user/{user}")
}

fn group_key(chat: i64) -> String {
    format!("group/{chat}")
}

fn code_key(code: &str) -> String {
    format!("code/{code}")
}

fn begun_key(id: i64) -> String {
    format!("begun/{id}")
}

/// A stranger's name, on one line.
fn shown(name: &str) -> String {
    let plain = name.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(LONGEST_NAME).collect::<String>().trim().to_owned()
}

/// A clock that was set back must not keep a code for ever.
fn is_over(one: &Waiting, now: Timestamp) -> bool {
    now.duration_since(one.since).abs() > CODE_LIVES
}

/// Forgets codes that are too old; those that are left.
fn clear(txn: &mut RwTxn, storage: &Storage, now: Timestamp) -> Result<Vec<Waiting>, Error> {
    let mut waiting = Vec::new();
    storage
        .tables
        .contacts
        .each(txn, &mut Vec::new(), |record| waiting.extend(record.waiting()))?;
    let (over, left): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|one| is_over(one, now));
    for one in over {
        storage.tables.contacts.remove(txn, &code_key(&one.code))?;
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(name: &str) -> (Contacts, std::path::PathBuf) {
        let name = format!("homard-contacts-{}-{name}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&dir);
        (Storage::open(&dir).unwrap().contacts(), dir)
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap()
    }

    #[test]
    fn three_wait_an_hour_each_and_a_code_is_good_once() {
        let (contacts, dir) = open("codes");
        let ask = |user, minute| contacts.ask(user, "A\nda", at(minute)).unwrap();
        let Asked::Given(code) = ask(1, 0) else { panic!("no code") };
        assert_eq!(code.len(), CODE);
        assert_eq!(ask(1, 1), Asked::Has(code.clone()));
        assert!(matches!((ask(2, 1), ask(3, 1)), (Asked::Given(_), Asked::Given(_))));
        assert_eq!(ask(4, 1), Asked::TooMany);
        let person = PersonId::new("7");
        assert_eq!(contacts.approve("AAAAAAAA", &person, at(1)).unwrap(), None);
        let paired = contacts.approve(&code.to_lowercase(), &person, at(60)).unwrap().unwrap();
        assert_eq!((paired.user, paired.name.as_str()), (1, "A da"));
        assert_eq!(contacts.approve(&code, &person, at(60)).unwrap(), None, "a second time");
        assert_eq!(contacts.find(1).unwrap().unwrap().person, person);
        // One is free, and after an hour all are.
        assert!(matches!(ask(4, 60), Asked::Given(_)));
        let Asked::Given(late) = ask(5, 62) else { panic!("no code after an hour") };
        assert_eq!(contacts.waiting(at(62)).unwrap().len(), 2);
        assert_eq!(contacts.approve(&late, &person, at(123)).unwrap(), None, "too old");
        assert!(contacts.remove(1).unwrap() && !contacts.remove(1).unwrap());
        drop(contacts);
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn what_was_begun_and_not_finished_outlives_a_restart() {
        let (contacts, dir) = open("begun");
        let begun =
            |id: i64| Begun { id, chat: 3, user: 3, text: format!("turn off the lamp {id}") };
        let mark = Mark { bot: 5, next: 13, at: at(0) };
        contacts.begin(mark, &[begun(11), begun(12)]).unwrap();
        contacts.finish(&[11]).unwrap();
        drop(contacts);
        let contacts = Storage::open(&dir).unwrap().contacts();
        assert_eq!(contacts.mark().unwrap(), Some(mark));
        assert_eq!(contacts.unfinished().unwrap(), [begun(12)]);
        contacts.finish(&[12]).unwrap();
        assert!(contacts.unfinished().unwrap().is_empty());
        drop(contacts);
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn groups_and_wishes_are_kept() {
        let (contacts, dir) = open("groups");
        let mut group = Group { chat: -5, title: "Home".into(), area: None };
        contacts.keep_group(&group).unwrap();
        group.area = Some(AreaId::new("kitchen"));
        contacts.keep_group(&group).unwrap();
        assert_eq!(contacts.group(-5).unwrap(), Some(group));
        assert!(contacts.remove_group(-5).unwrap() && !contacts.remove_group(-5).unwrap());
        let Asked::Given(code) = contacts.ask(1, "Ada", at(0)).unwrap() else { panic!() };
        contacts.approve(&code, &PersonId::new("7"), at(0)).unwrap();
        let wanted = Telling { quiet: Some((1320, 420)), ..Telling::default() };
        contacts.tell(1, wanted.clone()).unwrap();
        contacts.tell(2, wanted.clone()).unwrap();
        assert_eq!(contacts.all().unwrap().len(), 1);
        assert_eq!(contacts.find(1).unwrap().unwrap().telling, wanted);
        drop(contacts);
        std::fs::remove_dir_all(dir).unwrap();
    }
}
