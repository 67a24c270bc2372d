//! Keeping order among the segments on the disk: small ones become larger ones, samples become hours before they go,
//! and what is too old or too much goes.

use std::collections::BTreeSet;

use heed::RwTxn;
use tracing::warn;

use super::block::{Reader, Sample, Writer};
use super::disk::{Disk, Kind, Limits, Segment, key, series_of};
use super::hours::{self, HOUR, MAX_ROWS, Roller, Row};
use crate::storage::Error;

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
/// Clocks are put right by less than this all the time.
const SMALL_STEP: i64 = 60_000;

impl Disk {
    pub(super) fn merge_some(&self, txn: &mut RwTxn, kind: Kind, now: i64) -> Result<bool, Error> {
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
    pub(super) fn roll_up_some(
        &self,
        txn: &mut RwTxn,
        horizon: i64,
        limits: &Limits,
    ) -> Result<bool, Error> {
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
    pub(super) fn throw_away(
        &self,
        txn: &mut RwTxn,
        horizon: i64,
        limits: &Limits,
    ) -> Result<bool, Error> {
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
