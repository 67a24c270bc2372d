//! One table: records of one kind, as JSON, by their id. Not what the records mean.

use std::borrow::Cow;
use std::marker::PhantomData;

use heed::types::Bytes;
use heed::{Database, RoTxn, RwTxn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::Error;

/// A table without its record type.
pub(super) type Raw = Database<'static, Bytes, Bytes>;

/// LMDB's keys end at 511 bytes.
const LONGEST_KEY: usize = 500;

/// Records of type `W` by id.
pub(super) struct Table<W> {
    name: &'static str,
    raw: Raw,
    record: PhantomData<fn() -> W>,
}

impl<W: Serialize + DeserializeOwned> Table<W> {
    pub(super) fn new(name: &'static str, raw: Raw) -> Self {
        Self { name, raw, record: PhantomData }
    }

    pub(super) fn raw(&self) -> Raw {
        self.raw
    }

    /// Writes a record, unless it already stands there as it is: after a restart every producer
    /// announces what is long known, and an equal record would cost its pages again.
    pub(super) fn put(&self, txn: &mut RwTxn, id: &str, record: &W) -> Result<(), Error> {
        let encoded = serde_json::to_vec(record)
            .map_err(|source| Error::Encode { table: self.name, source })?;
        put_raw(self.raw, txn, id, &encoded)
    }

    pub(super) fn remove(&self, txn: &mut RwTxn, id: &str) -> Result<(), Error> {
        remove_raw(self.raw, txn, id)
    }

    /// One record; the inner error is its own, in plain words.
    pub(super) fn at(&self, txn: &RoTxn, id: &str) -> Result<Option<Result<W, String>>, Error> {
        let found = self.raw.get(txn, &key(id))?;
        Ok(found.map(|bytes| decode(bytes)))
    }

    /// Every record that can be read; the others become problems.
    pub(super) fn each(
        &self,
        txn: &RoTxn,
        problems: &mut Vec<String>,
        mut take: impl FnMut(W),
    ) -> Result<(), Error> {
        for entry in self.raw.iter(txn)? {
            let (key, bytes) = entry?;
            match decode(bytes) {
                Ok(record) => take(record),
                Err(error) => {
                    problems.push(format!("stored {} `{}`: {error}", self.name, shown(key)));
                }
            }
        }
        Ok(())
    }
}

pub(super) fn put_raw(raw: Raw, txn: &mut RwTxn, id: &str, encoded: &[u8]) -> Result<(), Error> {
    let key = key(id);
    if raw.get(txn, &key)? != Some(encoded) {
        raw.put(txn, &key, encoded)?;
    }
    Ok(())
}

pub(super) fn remove_raw(raw: Raw, txn: &mut RwTxn, id: &str) -> Result<(), Error> {
    let key = key(id);
    // Looked for first: deleting in vain still marks pages as written.
    if raw.get(txn, &key)?.is_some() {
        raw.delete(txn, &key)?;
    }
    Ok(())
}

/// The key of an id. Ids come from producers, so they may be longer than LMDB's keys, or empty;
/// such an id is known by its hash. The record itself holds the id.
pub(super) fn key(id: &str) -> Cow<'_, [u8]> {
    if (1..=LONGEST_KEY).contains(&id.len()) && !id.starts_with('\0') {
        return Cow::Borrowed(id.as_bytes());
    }
    let mut key = vec![0];
    key.extend_from_slice(&Sha256::digest(id));
    Cow::Owned(key)
}

/// Bytes as a person can read them, whatever they are.
pub(super) fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).escape_debug().to_string()
}

fn decode<W: DeserializeOwned>(bytes: &[u8]) -> Result<W, String> {
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}
