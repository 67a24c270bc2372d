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

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use heed::types::{Bytes, Str};
use heed::{CommitOrAbort, Database, Env, EnvOpenOptions, RoTxn, RwTxn, WithoutTls};
use tracing::warn;

use super::block::{Reader, Sample, Writer};
use super::hours::{self, HOUR, MAX_ROWS, Roller, Row};
use crate::storage::Error;

/// Address space set aside; the file only grows as it is needed.
const MAP_SIZE: usize = if usize::BITS >= 64 { 8 << 30 } else { 512 << 20 };
/// From each format of the tables to the next; only ever appended to. Blocks have their own number.
const UPGRADES: &[Upgrade] = &[];

type Upgrade = fn(&Tables, &mut RwTxn) -> Result<(), Error>;
const FORMAT: &str = "format";
/// Until when the history was kept, in milliseconds since 1970.
const ALIVE: &str = "alive";
/// The time by which old data are thrown away; see [`Disk::tidy`].
const HORIZON: &str = "horizon";

/// Segments of a level that are merged into one of the next. Samples: a quarter of an hour, two and a half hours, a
/// day. Hours: a day, a month, a year.
const RAW_LEVELS: &[usize] = &[10, 10];
/// The level of samples whose hours are there too: they are made when the samples are about to be thrown away, as
/// nobody needs both.
const ROLLED_UP: u8 = 3;
/// How long before.
const ROLL_UP_BEFORE: i64 = 2 * HOUR;
const HOURS_LEVELS: &[usize] = &[30, 12];
/// What is older is merged even if there are few: then it can be thrown away in time.
const MERGE_AFTER: i64 = 48 * HOUR;
/// Blocks that one step throws away.
const STEP: usize = 2_000;
/// How much faster than time the horizon may move: a clock that is a year ahead for an hour costs a
/// day of the oldest samples and not all of them.
const HASTE: i64 = 24;
/// Clocks are put right by less than this all the time.
const SMALL_STEP: i64 = 60_000;

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

struct Tables {
    meta: Database<'static, Str, Str>,
    /// Names by number.
    series: Raw,
    segments: Raw,
    raw: Raw,
    hours: Raw,
}

/// The opened environment.
pub(super) struct Disk {
    env: Env<WithoutTls>,
    tables: Tables,
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
        let env = open_env(dir)?;
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

    fn blocks_of(&self, kind: Kind) -> Raw {
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
    fn blocks<'t>(
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

    fn merge_some(&self, txn: &mut RwTxn, kind: Kind, now: i64) -> Result<bool, Error> {
        let all = self.segments(txn, kind)?;
        let levels = if kind == Kind::Raw { RAW_LEVELS } else { HOURS_LEVELS };
        for (level, n) in levels.iter().enumerate() {
            let of_level: Vec<Segment> =
                all.iter().filter(|one| usize::from(one.level) == level).copied().collect();
            let Some(first) = of_level.first() else { continue };
            // Hours wait as long as it takes: they are small, and nothing waits for them.
            let is_old = kind == Kind::Raw && first.to < now - MERGE_AFTER;
            if of_level.len() < *n && !is_old {
                continue;
            }
            // What was recorded before the clock was set back is not mixed with what came after.
            let steps = of_level.windows(2).take(n - 1);
            let n_joined =
                1 + steps.take_while(|two| two[1].from >= two[0].to - SMALL_STEP).count();
            self.merge(txn, kind, &of_level[..n_joined])?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Makes one segment of some. The newest number is taken over, so that the order stays.
    fn merge(&self, txn: &mut RwTxn, kind: Kind, parts: &[Segment]) -> Result<(), Error> {
        let (Some(first), Some(newest)) = (parts.first(), parts.last()) else { return Ok(()) };
        let mut merged = Segment { level: first.level + 1, n: 0, ..*newest };
        merged.from = parts.iter().map(|part| part.from).min().unwrap_or(merged.from);
        merged.to = parts.iter().map(|part| part.to).max().unwrap_or(merged.to);
        let table = self.blocks_of(kind);
        let mut series = BTreeSet::new();
        for part in parts {
            let prefix = part.seq.to_be_bytes();
            for entry in table.prefix_iter(txn, &prefix)? {
                series.extend(series_of(entry?.0));
            }
        }
        let mut made: Vec<(u32, Vec<Vec<u8>>)> = Vec::with_capacity(series.len());
        for series in series {
            let mut blocks: Vec<Vec<u8>> = Vec::new();
            for part in parts {
                let found = self.blocks(txn, part, series)?;
                let n_found = found.len();
                blocks.extend(found.into_iter().map(<[u8]>::to_vec));
                for n in 0..n_found {
                    table.delete(txn, &key(part.seq, series, n as u16))?;
                }
            }
            let joined = match kind {
                Kind::Raw => join_samples(series, &blocks, &mut merged.n),
                Kind::Hours => join_rows(series, &blocks, &mut merged.n),
            };
            made.push((series, joined));
        }
        // In one go and in order, where nothing is left between: so pages become full.
        for (series, blocks) in &made {
            for (part, block) in blocks.iter().enumerate().take(usize::from(u16::MAX)) {
                table.put(txn, &key(merged.seq, *series, part as u16), block)?;
            }
        }
        for part in parts {
            self.tables.segments.delete(txn, &part.key())?;
        }
        self.tables.segments.put(txn, &merged.key(), &merged.encode())?;
        Ok(())
    }

    /// Makes hours of a day of samples that are soon to be thrown away.
    fn roll_up_some(&self, txn: &mut RwTxn, horizon: i64, limits: &Limits) -> Result<bool, Error> {
        let until = horizon.saturating_sub(limits.raw).saturating_add(ROLL_UP_BEFORE);
        let all = self.segments(txn, Kind::Raw)?;
        let is_due = |one: &&Segment| is_day(one) && one.from < until;
        let Some(segment) = all.iter().find(is_due) else { return Ok(false) };
        self.roll_up_day(txn, segment)?;
        Ok(true)
    }

    fn roll_up_day(&self, txn: &mut RwTxn, segment: &Segment) -> Result<(), Error> {
        let mut series = BTreeSet::new();
        for entry in self.tables.raw.prefix_iter(txn, &segment.seq.to_be_bytes())? {
            series.extend(series_of(entry?.0));
        }
        let mut rolled = Rolled { n: 0, from: i64::MAX, to: i64::MIN };
        for series in series {
            let blocks = self.blocks(txn, segment, series)?;
            let blocks: Vec<Vec<u8>> = blocks.into_iter().map(<[u8]>::to_vec).collect();
            self.roll_up(txn, segment.seq, series, &blocks, &mut rolled)?;
        }
        let done = Segment { level: ROLLED_UP, ..*segment };
        self.tables.segments.put(txn, &done.key(), &done.encode())?;
        if rolled.n > 0 {
            let Rolled { n, from, to } = rolled;
            // Hours have the number of the samples they are made of.
            let hours = Segment { kind: Kind::Hours, seq: segment.seq, level: 0, from, to, n };
            self.tables.segments.put(txn, &hours.key(), &hours.encode())?;
        }
        Ok(())
    }

    fn roll_up(
        &self,
        txn: &mut RwTxn,
        seq: u32,
        series: u32,
        blocks: &[Vec<u8>],
        rolled: &mut Rolled,
    ) -> Result<(), Error> {
        let mut roller = Roller::default();
        blocks
            .iter()
            .filter_map(|block| Reader::new(block).ok())
            .for_each(|block| roller.block(block));
        let rows = roller.rows();
        for (part, rows) in rows.chunks(MAX_ROWS).enumerate().take(usize::from(u16::MAX)) {
            self.tables.hours.put(txn, &key(seq, series, part as u16), &hours::encode(rows))?;
        }
        rolled.n += rows.len() as u64;
        for row in &rows {
            rolled.from = rolled.from.min(row.hour * HOUR);
            rolled.to = rolled.to.max((row.hour + 1) * HOUR);
        }
        Ok(())
    }

    /// Throws away some blocks of the oldest segment, if it is too old or all is too much.
    fn throw_away(&self, txn: &mut RwTxn, horizon: i64, limits: &Limits) -> Result<bool, Error> {
        let mut all = self.segments(txn, Kind::Raw)?;
        let newest = all.iter().map(|one| one.seq).max();
        all.extend(self.segments(txn, Kind::Hours)?);
        let is_too_old = |one: &&Segment| {
            let kept = if one.kind == Kind::Raw { limits.raw } else { limits.hours };
            one.to < horizon.saturating_sub(kept)
        };
        let mut victim = all.iter().find(is_too_old).copied();
        if victim.is_none() && self.n_bytes(txn)? > limits.bytes {
            let others =
                all.iter().filter(|one| one.kind == Kind::Hours || Some(one.seq) != newest);
            victim = others.min_by_key(|one| one.to).copied();
        }
        let Some(victim) = victim else { return Ok(false) };
        if is_day(&victim) {
            self.roll_up_day(txn, &victim)?;
            return Ok(true);
        }
        let table = self.blocks_of(victim.kind);
        let prefix = victim.seq.to_be_bytes();
        let mut keys: Vec<Vec<u8>> = Vec::new();
        for entry in table.prefix_iter(txn, &prefix)?.take(STEP) {
            keys.push(entry?.0.to_vec());
        }
        for key in &keys {
            table.delete(txn, key)?;
        }
        if keys.len() < STEP {
            self.tables.segments.delete(txn, &victim.key())?;
        }
        Ok(true)
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

/// Whether these are samples of a day, of which no hours were made yet.
fn is_day(segment: &Segment) -> bool {
    segment.kind == Kind::Raw && usize::from(segment.level) == RAW_LEVELS.len()
}

struct Rolled {
    n: u64,
    from: i64,
    to: i64,
}

/// One or more blocks of all samples. A broken block costs itself.
fn join_samples(series: u32, blocks: &[Vec<u8>], n: &mut u64) -> Vec<Vec<u8>> {
    let mut made = Vec::new();
    let mut open: Option<Writer> = None;
    let mut last: Option<Sample> = None;
    for block in blocks {
        let Ok(reader) = Reader::new(block) else {
            warn!(series, "A block of the history is broken; left out.");
            continue;
        };
        if open.is_none() {
            open = Some(Writer::new(reader.before()));
        }
        for sample in reader {
            if let Some(full) = open.take_if(|open| open.is_full()) {
                made.push(full.bytes());
                open = Some(Writer::new(last.as_ref()));
            }
            if let Some(open) = &mut open {
                open.push(sample.at, &sample.value);
                *n += 1;
            }
            last = Some(sample);
        }
    }
    made.extend(open.map(|open| open.bytes()));
    made
}

/// The same of rows; parts of an hour become one.
fn join_rows(series: u32, blocks: &[Vec<u8>], n: &mut u64) -> Vec<Vec<u8>> {
    let mut rows: Vec<Row> = Vec::new();
    for block in blocks {
        let Ok(more) = hours::decode(block) else {
            warn!(series, "A block of hours is broken; left out.");
            continue;
        };
        for row in more {
            match rows.last_mut() {
                Some(last) if last.hour == row.hour => last.join(row),
                _ => rows.push(row),
            }
        }
    }
    *n += rows.len() as u64;
    rows.chunks(MAX_ROWS).map(hours::encode).collect()
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

    fn key(&self) -> [u8; 5] {
        let [a, b, c, d] = self.seq.to_be_bytes();
        [self.kind.byte(), a, b, c, d]
    }

    fn encode(&self) -> Vec<u8> {
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

fn key(seq: u32, series: u32, part: u16) -> [u8; 10] {
    let mut key = [0; 10];
    key[..4].copy_from_slice(&seq.to_be_bytes());
    key[4..8].copy_from_slice(&series.to_be_bytes());
    key[8..].copy_from_slice(&part.to_be_bytes());
    key
}

fn series_of(key: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(key.get(4..8)?.try_into().ok()?))
}

#[allow(unsafe_code)]
fn open_env(dir: &Path) -> Result<Env<WithoutTls>, Error> {
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    options.map_size(MAP_SIZE).max_dbs(8);
    // SAFETY: as for the main environment: the directory is ours, no flag that relaxes LMDB's own
    // locking is set, and heed refuses to open the same environment twice in one process.
    Ok(unsafe { options.open(dir) }?)
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
