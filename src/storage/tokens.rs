//! Tokens: who may speak to the hub's interfaces. Only hashes are kept; a token is shown once.

use heed::RwTxn;
use jiff::Timestamp;
use subtle::ConstantTimeEq;

use super::{Error, Storage, hash, hex, wire};
use crate::home::id::PersonId;
use crate::home::person::{Rights, Role};

/// What every token begins with, so that people and secret scanners know it when they see it.
const PREFIX: &str = "hmd_";

/// Names are shown in lists and logs.
const LONGEST_NAME: usize = 100;

/// The tokens of this home. Cheap to clone. Each call reads the disk's present state, so a token
/// that another process adds works at once.
#[derive(Clone)]
pub struct Tokens {
    storage: Storage,
}

/// A token as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownToken {
    /// The name its maker gave it.
    pub name: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// What it may do.
    pub holder: Holder,
}

/// Whose a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// Nobody's: it may do what this role may, everywhere.
    Role(Role),
    /// A person's: it may do what they may, and goes with them.
    Person(PersonId),
}

/// What a good token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    /// The token's name.
    pub name: String,
    /// What it may do now.
    pub rights: Rights,
}

impl Tokens {
    pub(super) fn new(storage: Storage) -> Self {
        Self { storage }
    }

    /// Makes a token and writes its hash to the disk. The token itself is nowhere but in the
    /// result.
    ///
    /// # Errors
    /// [`Error::Token`] when the name is taken, empty or longer than 100 bytes; otherwise as
    /// writing fails.
    pub fn add(&self, name: &str, holder: &Holder, now: Timestamp) -> Result<String, Error> {
        let name = name.trim();
        if name.is_empty() || name.len() > LONGEST_NAME || name.contains(char::is_control) {
            let why = format!("a token's name has 1 to {LONGEST_NAME} bytes, on one line");
            return Err(Error::Token(why));
        }
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|error| Error::Random(error.to_string()))?;
        let token = format!("{PREFIX}{}", hex(&random));
        let Storage { env, tables, .. } = &self.storage;
        let mut txn = env.write_txn()?;
        if tables.tokens.at(&txn, name)?.is_some() {
            return Err(Error::Token(format!("there is already a token named `{name}`")));
        }
        let (role, person) = match holder {
            Holder::Role(role) => (Some(role.word().to_owned()), None),
            Holder::Person(id) => (None, Some(id.to_string())),
        };
        let record = wire::Token {
            name: name.to_owned(),
            sha256: hash(&token),
            made: now.as_microsecond(),
            role,
            person,
        };
        tables.tokens.put(&mut txn, name, &record)?;
        txn.commit()?;
        Ok(token)
    }

    /// What a token stands for, if it is one. Every stored hash is compared, each in constant time, so
    /// that the time taken says nothing of how near a guess was.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn check(&self, token: &str) -> Result<Option<Bearer>, Error> {
        let said = hash(token);
        let mut found = None;
        self.each(|known| {
            if bool::from(known.sha256.as_bytes().ct_eq(said.as_bytes())) {
                found = Some(known);
            }
        })?;
        let Some(known) = found else { return Ok(None) };
        let rights = match holder(&known) {
            Holder::Role(role) => Some(Rights::of(role)),
            Holder::Person(id) => self.storage.people().rights(&id),
        };
        Ok(rights.map(|rights| Bearer { name: known.name, rights }))
    }

    /// All tokens, in the order of their names.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn list(&self) -> Result<Vec<KnownToken>, Error> {
        let mut tokens = Vec::new();
        self.each(|known| {
            let made_at = wire::time(known.made).unwrap_or(Timestamp::UNIX_EPOCH);
            let holder = holder(&known);
            tokens.push(KnownToken { name: known.name, made_at, holder });
        })?;
        Ok(tokens)
    }

    /// Removes a token; false when there is none of that name.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn remove(&self, name: &str) -> Result<bool, Error> {
        let Storage { env, tables, .. } = &self.storage;
        let mut txn = env.write_txn()?;
        if tables.tokens.at(&txn, name)?.is_none() {
            return Ok(false);
        }
        tables.tokens.remove(&mut txn, name)?;
        txn.commit()?;
        Ok(true)
    }

    fn each(&self, take: impl FnMut(wire::Token)) -> Result<(), Error> {
        let txn = self.storage.env.read_txn()?;
        // A record that cannot be read is a token that no longer works.
        self.storage.tables.tokens.each(&txn, &mut Vec::new(), take)
    }
}

impl Storage {
    /// Removes the tokens of a person.
    pub(super) fn remove_tokens_of(&self, txn: &mut RwTxn, person: &PersonId) -> Result<(), Error> {
        let mut names = Vec::new();
        self.tables.tokens.each(txn, &mut Vec::new(), |token| {
            if token.person.as_deref() == Some(person.as_str()) {
                names.push(token.name);
            }
        })?;
        for name in names {
            self.tables.tokens.remove(txn, &name)?;
        }
        Ok(())
    }
}

fn holder(known: &wire::Token) -> Holder {
    match (&known.person, &known.role) {
        (Some(id), _) => Holder::Person(PersonId::new(id)),
        // A role of a later version may do least.
        (None, Some(role)) => Holder::Role(role.parse().unwrap_or(Role::Guest)),
        (None, None) => Holder::Role(Role::Admin),
    }
}
