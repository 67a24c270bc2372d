//! The people who may sign in: who they are and what is kept of their passwords. Each call reads the
//! disk's present state, so that what another process changes holds at once.

use std::collections::BTreeSet;

use heed::RwTxn;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Error, Storage, hex, password};
use crate::home::id::{AreaId, PersonId};
use crate::home::person::{Person, Rights, Role, Voice};
use crate::text;

/// More people than a household has.
const MOST: usize = 200;
/// Names are shown in lists and logs, of people and of voices.
const LONGEST_NAME: usize = 100;

/// A person as they stand in the database.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) name: String,
    role: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    voice: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    volume: Option<u8>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    areas: Vec<String>,
    /// See [`password`]; who has none cannot sign in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    /// Microseconds since 1970.
    made: i64,
}

impl Record {
    pub(super) fn person(&self) -> Person {
        Person {
            id: PersonId::new(&self.id),
            name: self.name.clone(),
            // A role of a later version may do least.
            role: self.role.parse().unwrap_or(Role::Guest),
            language: self.language.clone(),
            voice: Voice { name: self.voice.clone(), volume: self.volume },
            areas: self.areas.iter().map(|id| AreaId::new(id)).collect(),
        }
    }
}

/// The people of this house. Cheap to clone.
#[derive(Clone)]
pub struct People {
    storage: Storage,
}

/// A person as they are to be; what is `None` stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PersonEdit {
    /// What they are called.
    pub name: Option<String>,
    /// What they are.
    pub role: Option<Role>,
    /// Their language; `Some(None)` leaves it to the browser and the home.
    pub language: Option<Option<String>>,
    /// The name of the voice they are spoken to with; `Some(None)` is the house's own.
    pub voice: Option<Option<String>>,
    /// How loud they are spoken to, 0 to 100 percent; `Some(None)` is as loud as to anybody.
    pub volume: Option<Option<u8>>,
    /// The rooms of a guest.
    pub areas: Option<BTreeSet<AreaId>>,
}

impl People {
    pub(super) fn new(storage: Storage) -> Self {
        Self { storage }
    }

    /// Whether there is anybody.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn is_empty(&self) -> Result<bool, Error> {
        let txn = self.storage.env.read_txn()?;
        Ok(self.storage.tables.people.raw().is_empty(&txn)?)
    }

    /// Everybody, by their names.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn list(&self) -> Result<Vec<Person>, Error> {
        let mut people: Vec<Person> = self.records()?.iter().map(Record::person).collect();
        people.sort_by_key(|person| text::key(&person.name));
        Ok(people)
    }

    /// One person.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn person(&self, id: &PersonId) -> Result<Option<Person>, Error> {
        let txn = self.storage.env.read_txn()?;
        let found = self.storage.tables.people.at(&txn, id.as_str())?;
        // One that cannot be read can do nothing.
        Ok(found.and_then(Result::ok).map(|record| record.person()))
    }

    /// How far a person reaches now; `None` if there is no such person, or nobody can say.
    pub fn rights(&self, id: &PersonId) -> Option<Rights> {
        self.person(id).ok().flatten().map(|person| person.rights())
    }

    /// The person of this name; capitals and accents do not count.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn named(&self, name: &str) -> Result<Option<Person>, Error> {
        let wanted = text::key(name);
        let records = self.records()?;
        Ok(records.iter().find(|known| text::key(&known.name) == wanted).map(Record::person))
    }

    /// Who signs in with this name and password. Takes a tenth of a second and 19 MiB whether there is
    /// such a person or not: not for an async thread, and not many at once.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn sign_in(&self, name: &str, password: &str) -> Result<Option<Person>, Error> {
        let wanted = text::key(name);
        let records = self.records()?;
        let found = records.iter().find(|known| text::key(&known.name) == wanted);
        let kept = found.and_then(|known| known.password.as_deref());
        Ok(password::is_right(password, kept).then(|| found.map(Record::person)).flatten())
    }

    /// Adds somebody. Takes as long as [`People::sign_in`].
    ///
    /// # Errors
    /// [`Error::Account`] when the name is taken or cannot be one, or the password cannot be one;
    /// otherwise as writing fails.
    pub fn add(
        &self,
        edit: PersonEdit,
        password: Option<&str>,
        now: Timestamp,
    ) -> Result<Person, Error> {
        let password = password.map(password::hash).transpose()?;
        let added = self.insert(edit, password, now, false)?;
        added.ok_or_else(|| Error::Account("nobody was added".to_owned()))
    }

    /// Adds the one who is to run a house that has nobody yet; `None` when it has.
    ///
    /// # Errors
    /// As with [`People::add`].
    pub fn add_first(
        &self,
        edit: PersonEdit,
        password: &str,
        now: Timestamp,
    ) -> Result<Option<Person>, Error> {
        let password = password::hash(password)?;
        self.insert(edit, Some(password), now, true)
    }

    fn insert(
        &self,
        edit: PersonEdit,
        password: Option<String>,
        now: Timestamp,
        only_if_empty: bool,
    ) -> Result<Option<Person>, Error> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| Error::Random(error.to_string()))?;
        let mut record = Record {
            id: hex(&random),
            name: String::new(),
            role: Role::Guest.word().to_owned(),
            language: None,
            voice: None,
            volume: None,
            areas: Vec::new(),
            password,
            made: now.as_microsecond(),
        };
        let mut txn = self.storage.env.write_txn()?;
        if only_if_empty && !self.storage.tables.people.raw().is_empty(&txn)? {
            return Ok(None);
        }
        self.apply(
            &txn,
            &mut record,
            PersonEdit { name: Some(edit.name.unwrap_or_default()), ..edit },
        )?;
        if self.storage.tables.people.raw().len(&txn)? >= MOST as u64 {
            return Err(Error::Account(format!("there are {MOST} people already")));
        }
        self.storage.tables.people.put(&mut txn, &record.id, &record)?;
        txn.commit()?;
        Ok(Some(record.person()))
    }

    /// Changes somebody; `None` when there is no such person.
    ///
    /// # Errors
    /// [`Error::Account`] as with [`People::add`], and when nobody would be left who runs the house.
    pub fn edit(&self, id: &PersonId, edit: PersonEdit) -> Result<Option<Person>, Error> {
        self.change(id, |txn, record| self.apply(txn, record, edit))
    }

    /// Gives somebody another password and ends all their sessions; `None` when there is no such
    /// person. Takes as long as [`People::sign_in`].
    ///
    /// # Errors
    /// [`Error::Account`] when it cannot be a password.
    pub fn set_password(&self, id: &PersonId, password: &str) -> Result<Option<Person>, Error> {
        let hash = password::hash(password)?;
        self.change(id, |txn, record| {
            record.password = Some(hash);
            self.storage.end_sessions(txn, id)
        })
    }

    /// Removes somebody with their sessions and tokens; false when there is no such person.
    ///
    /// # Errors
    /// [`Error::Account`] when nobody would be left who runs the house.
    pub fn remove(&self, id: &PersonId) -> Result<bool, Error> {
        let Storage { env, tables, .. } = &self.storage;
        let mut txn = env.write_txn()?;
        if tables.people.at(&txn, id.as_str())?.is_none() {
            return Ok(false);
        }
        let had_admin = self.has_admin(&txn)?;
        tables.people.remove(&mut txn, id.as_str())?;
        self.storage.end_sessions(&mut txn, id)?;
        self.storage.remove_tokens_of(&mut txn, id)?;
        self.check_left(had_admin, &txn)?;
        txn.commit()?;
        Ok(true)
    }

    fn change(
        &self,
        id: &PersonId,
        change: impl FnOnce(&mut RwTxn, &mut Record) -> Result<(), Error>,
    ) -> Result<Option<Person>, Error> {
        let Storage { env, tables, .. } = &self.storage;
        let mut txn = env.write_txn()?;
        let Some(Ok(mut record)) = tables.people.at(&txn, id.as_str())? else { return Ok(None) };
        let had_admin = self.has_admin(&txn)?;
        change(&mut txn, &mut record)?;
        tables.people.put(&mut txn, id.as_str(), &record)?;
        self.check_left(had_admin, &txn)?;
        txn.commit()?;
        Ok(Some(record.person()))
    }

    fn apply(&self, txn: &heed::RoTxn, record: &mut Record, edit: PersonEdit) -> Result<(), Error> {
        let PersonEdit { name, role, language, voice, volume, areas } = edit;
        if let Some(name) = name {
            let name = name.trim();
            check_name(name, "person")?;
            let is_taken = self
                .records_in(txn)?
                .iter()
                .any(|known| known.id != record.id && text::key(&known.name) == text::key(name));
            if is_taken {
                return Err(Error::Account(format!("there is already somebody named `{name}`")));
            }
            record.name = name.to_owned();
        }
        if let Some(role) = role {
            record.role = role.word().to_owned();
        }
        if let Some(language) = language {
            record.language = language;
        }
        if let Some(voice) = voice {
            let voice = voice.map(|name| name.trim().to_owned());
            voice.iter().try_for_each(|name| check_name(name, "voice"))?;
            record.voice = voice;
        }
        if let Some(volume) = volume {
            if volume.is_some_and(|volume| volume > 100) {
                return Err(Error::Account("a volume is a number from 0 to 100".to_owned()));
            }
            record.volume = volume;
        }
        if let Some(areas) = areas {
            record.areas = areas.iter().map(ToString::to_string).collect();
        }
        Ok(())
    }

    /// Whether somebody runs the house who can sign in.
    fn has_admin(&self, txn: &heed::RoTxn) -> Result<bool, Error> {
        let runs = |known: &Record| known.role == Role::Admin.word() && known.password.is_some();
        Ok(self.records_in(txn)?.iter().any(runs))
    }

    fn check_left(&self, had_admin: bool, txn: &heed::RoTxn) -> Result<(), Error> {
        if had_admin && !self.has_admin(txn)? {
            return Err(Error::Account("nobody would be left who runs the house".to_owned()));
        }
        Ok(())
    }

    fn records(&self) -> Result<Vec<Record>, Error> {
        let txn = self.storage.env.read_txn()?;
        self.records_in(&txn)
    }

    fn records_in(&self, txn: &heed::RoTxn) -> Result<Vec<Record>, Error> {
        let mut records = Vec::new();
        self.storage.tables.people.each(txn, &mut Vec::new(), |record| records.push(record))?;
        Ok(records)
    }
}

fn check_name(name: &str, whose: &str) -> Result<(), Error> {
    if name.is_empty() || name.len() > LONGEST_NAME || name.contains(char::is_control) {
        let why = format!("a {whose}'s name has 1 to {LONGEST_NAME} bytes, on one line");
        return Err(Error::Account(why));
    }
    Ok(())
}
