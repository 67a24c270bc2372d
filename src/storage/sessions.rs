//! Who has signed in at a browser: one record for each, by the hash of what its cookie holds. The cookie
//! itself is nowhere but in the browser.

use heed::RwTxn;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Error, Storage, hash, hex};
use crate::home::id::PersonId;
use crate::home::person::Person;

/// The use of a session is written down no more often than this: a disk wears.
const NOTED_EVERY: SignedDuration = SignedDuration::from_hours(6);
/// More sessions push out the one that was not used for longest.
const MOST: usize = 256;

/// A session as it stands in the database.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    /// The hash of the cookie.
    key: String,
    person: String,
    made: i64,
    used: i64,
}

/// The sessions of this house. Cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    storage: Storage,
}

impl Sessions {
    /// A session ends so long after its last request.
    pub const IDLE: SignedDuration = SignedDuration::from_hours(30 * 24);

    pub(super) fn new(storage: Storage) -> Self {
        Self { storage }
    }

    /// Opens a session; what its cookie is to hold.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn open(&self, person: &PersonId, now: Timestamp) -> Result<String, Error> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|error| Error::Random(error.to_string()))?;
        let cookie = hex(&random);
        let key = hash(&cookie);
        let now = now.as_microsecond();
        let Storage { env, tables, .. } = &self.storage;
        let mut txn = env.write_txn()?;
        let mut known = Vec::new();
        tables.sessions.each(&txn, &mut Vec::new(), |session| known.push(session))?;
        known.sort_by_key(|session| session.used);
        let n_over = (known.len() + 1).saturating_sub(MOST);
        for (n, session) in known.iter().enumerate() {
            if n < n_over || is_over(session, now) {
                tables.sessions.remove(&mut txn, &session.key)?;
            }
        }
        let record = Record { key: key.clone(), person: person.to_string(), made: now, used: now };
        tables.sessions.put(&mut txn, &key, &record)?;
        txn.commit()?;
        Ok(cookie)
    }

    /// Whose session it is, and whether its use is to be noted ([`Sessions::note`]).
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn find(&self, cookie: &str, now: Timestamp) -> Result<Option<(Person, bool)>, Error> {
        let Storage { env, tables, .. } = &self.storage;
        let txn = env.read_txn()?;
        // A hash of 256 random bits: looking it up tells an attacker nothing of use.
        let Some(Ok(session)) = tables.sessions.at(&txn, &hash(cookie))? else { return Ok(None) };
        let now = now.as_microsecond();
        if is_over(&session, now) {
            return Ok(None);
        }
        let Some(Ok(person)) = tables.people.at(&txn, &session.person)? else { return Ok(None) };
        let since = now.saturating_sub(session.used);
        Ok(Some((person.person(), since >= micros(NOTED_EVERY))))
    }

    /// Notes that a session is used now.
    ///
    /// # Errors
    /// When it cannot be written; it then ends as it would have before.
    pub fn note(&self, cookie: &str, now: Timestamp) -> Result<(), Error> {
        let Storage { env, tables, .. } = &self.storage;
        let key = hash(cookie);
        let mut txn = env.write_txn()?;
        if let Some(Ok(mut session)) = tables.sessions.at(&txn, &key)? {
            session.used = now.as_microsecond();
            tables.sessions.put(&mut txn, &key, &session)?;
            txn.commit()?;
        }
        Ok(())
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn close(&self, cookie: &str) -> Result<(), Error> {
        let Storage { env, tables, .. } = &self.storage;
        let mut txn = env.write_txn()?;
        tables.sessions.remove(&mut txn, &hash(cookie))?;
        txn.commit()?;
        Ok(())
    }
}

impl Storage {
    /// Ends all sessions of a person.
    pub(super) fn end_sessions(&self, txn: &mut RwTxn, person: &PersonId) -> Result<(), Error> {
        let mut keys = Vec::new();
        self.tables.sessions.each(txn, &mut Vec::new(), |session| {
            if session.person == person.as_str() {
                keys.push(session.key);
            }
        })?;
        for key in keys {
            self.tables.sessions.remove(txn, &key)?;
        }
        Ok(())
    }
}

/// A clock that was set back must not end a session, nor keep it for ever.
fn is_over(session: &Record, now: i64) -> bool {
    now.saturating_sub(session.used).abs() > micros(Sessions::IDLE)
}

fn micros(length: SignedDuration) -> i64 {
    i64::try_from(length.as_micros()).unwrap_or(i64::MAX)
}
