//! The history on the disk: segments of blocks in an LMDB environment of their own.
//!
//! A segment holds what all series did in one stretch of time, side by side in the order of the
//! series. New ones are small (what was held in memory); when there are enough of one size they are
//! merged into one of the next, up to about a day. So each byte is written a handful of times and
//! always next to its neighbours, where one table by series would rewrite a page of 4 KiB for each
//! of a thousand series every time. Segments are numbered as they were made, never by a clock: what
//! is recorded under a wrong time is found under that time and disturbs nothing.
//!
//! An environment of its own: it may be full, broken or large without touching what the house
//! needs to start; its pages come and go in bulk; and its size is what the owner allows it.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use heed::types::{Bytes, Str};
use heed::{CommitOrAbort, Database, Env, RoTxn, RwTxn, WithoutTls};

use super::block::{Reader, Sample};
use super::hours::{self, HOUR, Row};
use crate::storage::Error;

/// Address space set aside; the file only grows as it is needed.
const MAP_SIZE: usize = if usize::BITS >= 64 { 8 << 30 } else { 512 << 20 };
const MAX_TABLES: u32 = 8;
/// From each format of the tables to the next; only ever appended to. Blocks have their own number.
const UPGRADES: &[Upgrade] = &[];

type Upgrade = fn(&Tables, &mut RwTxn) -> Result<(), Error>;
const FORMAT: &str = "format";
/// Until when the history was kept, in milliseconds since 1970.
const ALIVE: &str = "alive";
/// The time by which old data are thrown away; see [`Disk::tidy`].
const HORIZON: &str = "horizon";

/// How much faster than time the horizon may move: a clock that is a year ahead for an hour costs a
/// day of the oldest samples and not all of them.
const HASTE: i64 = 24;

/// Two kinds of segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Samples.
    Raw,
    /// Rows of hours.
    Hours,
}

/// What is known of a segment without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) kind: Kind,
    pub(super) seq: u32,
    pub(super) level: u8,
    /// The earliest time in it.
    pub(super) from: i64,
    /// The latest.
    pub(super) to: i64,
    /// Samples or rows.
    pub(super) n: u64,
}

/// A segment that is not on the disk yet.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) segment: Segment,
    /// By series and part.
    pub(super) blocks: Vec<(u32, u16, Vec<u8>)>,
}

type Raw = Database<'static, Bytes, Bytes>;

pub(super) struct Tables {
    meta: Database<'static, Str, Str>,
    /// Names by number.
    series: Raw,
    pub(super) segments: Raw,
    pub(super) raw: Raw,
    pub(super) hours: Raw,
}

/// The opened environment.
pub(super) struct Disk {
    env: Env<WithoutTls>,
    pub(super) tables: Tables,
    /// The time by which old data are thrown away; follows the clock, but not into every error.
    horizon: Mutex<Option<i64>>,
}

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Milliseconds of samples.
    pub(super) raw: i64,
    /// Milliseconds of hours.
    pub(super) hours: i64,
    /// Bytes of it all.
    pub(super) bytes: u64,
}

impl Disk {
    pub(super) fn open(dir: &Path) -> Result<Self, Error> {
        std::fs::create_dir_all(dir)
            .map_err(|source| Error::Directory { dir: dir.to_owned(), source })?;
        let env = crate::storage::open_env(dir, MAP_SIZE, MAX_TABLES)?;
        env.clear_stale_readers()?;
        let tables = open_tables(&env)?;
        let known = UPGRADES.len() + 1;
        let mut txn = env.write_txn()?;
        let found = super::super::format_of(dir, tables.meta.get(&txn, FORMAT)?)?;
        let horizon = tables.meta.get(&txn, HORIZON)?.and_then(|text| text.parse().ok());
        if let Some(found) = found.filter(|found| *found > known) {
            return Err(Error::Newer { dir: dir.to_owned(), found, known });
        }
        for upgrade in UPGRADES.iter().skip(found.map_or(known, |found| found - 1)) {
            upgrade(&tables, &mut txn)?;
        }
        if found != Some(known) {
            tables.meta.put(&mut txn, FORMAT, &known.to_string())?;
            txn.commit()?;
        } else {
            txn.abort();
        }
        Ok(Self { env, tables, horizon: Mutex::new(horizon) })
    }

    pub(super) fn read(&self) -> Result<RoTxn<'_, WithoutTls>, Error> {
        Ok(self.env.read_txn()?)
    }

    /// For counting writes: differs after one.
    pub(super) fn version(&self) -> usize {
        self.env.info().last_txn_id
    }

    /// Until when the history was kept.
    pub(super) fn alive(&self, txn: &RoTxn) -> Result<Option<i64>, Error> {
        Ok(self.tables.meta.get(txn, ALIVE)?.and_then(|text| text.parse().ok()))
    }

    /// Names by number.
    pub(super) fn series(&self, txn: &RoTxn) -> Result<Vec<(u32, String)>, Error> {
        let mut found = Vec::new();
        for entry in self.tables.series.iter(txn)? {
            let (key, name) = entry?;
            if let (Ok(key), Ok(name)) = (key.try_into(), std::str::from_utf8(name)) {
                found.push((u32::from_be_bytes(key), name.to_owned()));
            }
        }
        Ok(found)
    }

    /// All segments of a kind, as they were made.
    pub(super) fn segments(&self, txn: &RoTxn, kind: Kind) -> Result<Vec<Segment>, Error> {
        let mut found = Vec::new();
        for entry in self.tables.segments.prefix_iter(txn, &[kind.byte()])? {
            let (key, record) = entry?;
            found.extend(Segment::decode(kind, key, record));
        }
        Ok(found)
    }

    pub(super) fn blocks_of(&self, kind: Kind) -> Raw {
        match kind {
            Kind::Raw => self.tables.raw,
            Kind::Hours => self.tables.hours,
        }
    }

    /// One block of a series in a segment; there are parts from 0 on, without a gap.
    pub(super) fn block<'t>(
        &self,
        txn: &'t RoTxn,
        segment: &Segment,
        series: u32,
        part: u16,
    ) -> Result<Option<&'t [u8]>, Error> {
        Ok(self.blocks_of(segment.kind).get(txn, &key(segment.seq, series, part))?)
    }

    /// All blocks of a series in a segment, in order.
    pub(super) fn blocks<'t>(
        &self,
        txn: &'t RoTxn,
        segment: &Segment,
        series: u32,
    ) -> Result<Vec<&'t [u8]>, Error> {
        let mut blocks = Vec::new();
        for part in 0..=u16::MAX {
            match self.block(txn, segment, series, part)? {
                Some(block) => blocks.push(block),
                None => break,
            }
        }
        Ok(blocks)
    }

    /// The last sample of a series, looked for from the newest segment on.
    pub(super) fn last(
        &self,
        txn: &RoTxn,
        raw: &[Segment],
        hours: &[Segment],
        series: u32,
    ) -> Result<Option<Sample>, Error> {
        for segment in raw.iter().rev() {
            let mut last = None;
            for block in self.blocks(txn, segment, series)? {
                if let Ok(reader) = Reader::new(block) {
                    last = reader.last().or(last);
                }
            }
            if last.is_some() {
                return Ok(last);
            }
        }
        for segment in hours.iter().rev() {
            let mut last = None;
            for block in self.blocks(txn, segment, series)? {
                last = hours::decode(block).ok().and_then(|mut rows| rows.pop()).or(last);
            }
            if let Some(Row { hour, last: value, .. }) = last {
                return Ok(Some(Sample { at: hour * HOUR, value }));
            }
        }
        Ok(None)
    }

    /// Forgets series of which nothing is left.
    pub(super) fn forget(&self, series: &[u32]) -> Result<(), Error> {
        if series.is_empty() {
            return Ok(());
        }
        let mut txn = self.env.write_txn()?;
        for number in series {
            self.tables.series.delete(&mut txn, &number.to_be_bytes())?;
        }
        txn.commit()?;
        Ok(())
    }

    /// Writes segments and new names in one transaction; on the disk when it returns.
    pub(super) fn write<'a>(
        &self,
        sealed: impl Iterator<Item = &'a Sealed>,
        names: &[(u32, String)],
        alive: Option<i64>,
    ) -> Result<(), Error> {
        let mut txn = self.env.write_txn()?;
        for Sealed { segment, blocks } in sealed {
            for (series, part, block) in blocks {
                self.tables.raw.put(&mut txn, &key(segment.seq, *series, *part), block)?;
            }
            self.tables.segments.put(&mut txn, &segment.key(), &segment.encode())?;
        }
        for (number, name) in names {
            self.tables.series.put(&mut txn, &number.to_be_bytes(), name.as_bytes())?;
        }
        if let Some(alive) = alive {
            self.tables.meta.put(&mut txn, ALIVE, &alive.to_string())?;
        }
        txn.commit()?;
        Ok(())
    }

    /// One step of keeping order: merges some segments, or throws some old blocks away. False when
    /// there is nothing to do. `passed` is how long Homard has run since the last time.
    pub(super) fn tidy(&self, now: i64, passed: i64, limits: &Limits) -> Result<bool, Error> {
        let mut horizon = self.horizon.lock().unwrap_or_else(PoisonError::into_inner);
        let known = *horizon;
        let moved = match known {
            // The clock was set back: nothing is older than it was.
            Some(known) if now < known => now,
            Some(known) => now.min(known.saturating_add(passed.saturating_mul(HASTE))),
            None => now,
        };
        *horizon = Some(moved);
        drop(horizon);
        let mut txn = self.env.write_txn()?;
        let did = self.merge_some(&mut txn, Kind::Raw, now)?
            || self.merge_some(&mut txn, Kind::Hours, now)?
            || self.roll_up_some(&mut txn, moved, limits)?
            || self.throw_away(&mut txn, moved, limits)?;
        if did || known.is_none() {
            self.tables.meta.put(&mut txn, HORIZON, &moved.to_string())?;
            txn.commit()?;
        }
        Ok(did)
    }

    /// Bytes of all pages that hold something.
    pub(super) fn n_bytes(&self, txn: &RoTxn) -> Result<u64, Error> {
        let Tables { meta: _, series, segments, raw, hours } = &self.tables;
        let mut n_pages = 0;
        for table in [series, segments, raw, hours] {
            let stat = table.stat(txn)?;
            n_pages += stat.branch_pages + stat.leaf_pages + stat.overflow_pages;
        }
        Ok(n_pages as u64 * 4_096)
    }

    /// Says another format, for a test.
    #[cfg(test)]
    pub(super) fn set_format(&self, format: &str) {
        let mut txn = self.env.write_txn().unwrap();
        self.tables.meta.put(&mut txn, FORMAT, format).unwrap();
        txn.commit().unwrap();
    }

    /// Changes every block of samples, for tests that break some.
    #[cfg(test)]
    pub(super) fn change_blocks(&self, change: impl Fn(u32, &mut Vec<u8>)) {
        let mut txn = self.env.write_txn().unwrap();
        let all = self.tables.raw.iter(&txn).unwrap();
        let all: Vec<(Vec<u8>, Vec<u8>)> = all
            .map(|entry| entry.map(|(key, block)| (key.to_vec(), block.to_vec())).unwrap())
            .collect();
        for (key, mut block) in all {
            change(series_of(&key).unwrap(), &mut block);
            self.tables.raw.put(&mut txn, &key, &block).unwrap();
        }
        txn.commit().unwrap();
    }
}

impl Kind {
    fn byte(self) -> u8 {
        match self {
            Self::Raw => 0,
            Self::Hours => 1,
        }
    }
}

impl Segment {
    const VERSION: u8 = 1;

    pub(super) fn key(&self) -> [u8; 5] {
        let [a, b, c, d] = self.seq.to_be_bytes();
        [self.kind.byte(), a, b, c, d]
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = vec![Self::VERSION, self.level];
        for number in [self.from, self.to, self.n as i64] {
            out.extend(number.to_le_bytes());
        }
        out
    }

    fn decode(kind: Kind, key: &[u8], record: &[u8]) -> Option<Self> {
        let seq = u32::from_be_bytes(key.get(1..5)?.try_into().ok()?);
        let (&[Self::VERSION, level], numbers) = record.split_first_chunk()? else { return None };
        let number = |n: usize| -> Option<i64> {
            Some(i64::from_le_bytes(numbers.get(n * 8..n * 8 + 8)?.try_into().ok()?))
        };
        Some(Self { kind, seq, level, from: number(0)?, to: number(1)?, n: number(2)? as u64 })
    }
}

pub(super) fn key(seq: u32, series: u32, part: u16) -> [u8; 10] {
    let mut key = [0; 10];
    key[..4].copy_from_slice(&seq.to_be_bytes());
    key[4..8].copy_from_slice(&series.to_be_bytes());
    key[8..].copy_from_slice(&part.to_be_bytes());
    key
}

pub(super) fn series_of(key: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(key.get(4..8)?.try_into().ok()?))
}

fn open_tables(env: &Env<WithoutTls>) -> Result<Tables, Error> {
    let txn = env.write_txn()?;
    let opened = env.create_databases_and_commit(txn, |opener, txn| -> Result<_, heed::Error> {
        let meta = opener.create_database::<Str, Str>(txn, Some("meta"))?;
        let mut raw = |name| opener.create_database(txn, Some(name));
        let tables = (raw("series")?, raw("segment")?, raw("raw")?, raw("hours")?);
        Ok(CommitOrAbort::<_, ()>::Commit((meta, tables)))
    })?;
    let CommitOrAbort::Commit((meta, (series, segments, raw, hours))) = opened else {
        unreachable!("the closure above only commits")
    };
    Ok(Tables { meta, series, segments, raw, hours })
}
