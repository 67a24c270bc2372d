//! The history as it stands at one moment, on the disk and in memory together: the samples of a
//! series in the order of time.

use heed::{RoTxn, WithoutTls};
use tracing::warn;

use super::block::{Reader, Sample, Value};
use super::disk::{Disk, Kind, Segment};
use super::hours::{self, Row};
use super::tail::{Series, Tail, Track};
use crate::home::id::EntityId;
use crate::storage::Error;

/// How it stood when it was taken.
pub struct View<'h> {
    disk: &'h Disk,
    txn: RoTxn<'h, WithoutTls>,
    /// Sorted by their earliest time.
    raw: Vec<Segment>,
    hours: Vec<Segment>,
    series: Vec<Seen>,
    /// Milliseconds for which samples are kept.
    kept: i64,
}

/// One series of a view.
#[derive(Debug)]
pub struct Seen {
    /// Whose.
    pub id: EntityId,
    /// What of it.
    pub track: Track,
    number: u32,
    last: Option<Sample>,
    /// It said nothing in this run, and since then nobody knows.
    lost_at: Option<i64>,
    /// What is not on the disk yet.
    waiting: Vec<(Segment, Vec<Vec<u8>>)>,
}

/// Samples of some segments that lie over each other in time, because the clock was set back.
#[derive(Default)]
struct Pile {
    samples: Vec<Sample>,
    to: i64,
}

impl<'h> View<'h> {
    pub(super) fn new<'a>(
        disk: &'h Disk,
        txn: RoTxn<'h, WithoutTls>,
        tail: &Tail,
        kept: i64,
        ids: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, Error> {
        let mut raw = disk.segments(&txn, Kind::Raw)?;
        let hours = disk.segments(&txn, Kind::Hours)?;
        // They come sorted by number.
        let is_on_disk = |seq| raw.binary_search_by_key(&seq, |one| one.seq).is_ok();
        let seen = |id: &'a str| {
            tail.series_of(id).iter().map(move |series: &Series| Seen {
                id: EntityId::new(id),
                track: series.track,
                number: series.number,
                last: series.last.clone(),
                lost_at: tail.lost_at.filter(|_| !series.is_heard),
                waiting: tail.blocks(series.number, series, is_on_disk),
            })
        };
        let series = ids.into_iter().flat_map(seen).collect();
        raw.sort_by_key(|one| (one.from, one.seq));
        Ok(Self { disk, txn, raw, hours, series, kept })
    }

    /// What can be seen: of each entity that was asked for its state, and the attributes that are
    /// recorded.
    pub fn series(&self) -> &[Seen] {
        &self.series
    }

    /// From when on there are samples, if it is now (or was) `now`; before there are hours only.
    /// Times in milliseconds since 1970.
    pub fn samples_since(&self, now: i64) -> i64 {
        // What was recorded under a wrong time long ago is no reason to look for samples there.
        let not_before = now.saturating_sub(self.kept);
        let waiting = self.series.iter().flat_map(|seen| seen.waiting.iter().map(|(one, _)| one));
        let sound = self.raw.iter().chain(waiting).filter(|one| one.to >= not_before);
        sound.map(|one| one.from.max(not_before)).min().unwrap_or(i64::MAX)
    }

    /// Tells what a series was at `from` (at that time) and each sample up to `to`, in the order of
    /// time. Nothing is told of the time before it was known. What is broken is left out.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn visit(
        &self,
        seen: &Seen,
        from: i64,
        to: i64,
        mut tell: impl FnMut(i64, Value),
    ) -> Result<(), Error> {
        let mut pile = Pile::default();
        let mut walk = Walk { from, to, before: None, is_begun: false, is_over: false };
        let mut disk = self.raw.iter().filter(|one| one.to >= from && one.from <= to).peekable();
        let is_here = |one: &&(Segment, _)| one.0.to >= from && one.0.from <= to;
        let mut waiting = seen.waiting.iter().filter(is_here).peekable();
        while !walk.is_over {
            let is_disk = match (disk.peek(), waiting.peek()) {
                (None, None) => break,
                (Some(one), Some((other, _))) => one.from <= other.from,
                (one, _) => one.is_some(),
            };
            if is_disk {
                let Some(segment) = disk.next() else { break };
                if segment.from < pile.to {
                    // Goes onto the pile.
                } else {
                    walk.take(&mut pile, &mut tell);
                }
                for part in 0..=u16::MAX {
                    let Some(block) = self.disk.block(&self.txn, segment, seen.number, part)?
                    else {
                        break;
                    };
                    walk.open(block, &mut pile, seen);
                }
                pile.to = pile.to.max(segment.to);
            } else {
                let Some((segment, blocks)) = waiting.next() else { break };
                if segment.from >= pile.to {
                    walk.take(&mut pile, &mut tell);
                }
                blocks.iter().for_each(|block| walk.open(block, &mut pile, seen));
                pile.to = pile.to.max(segment.to);
            }
        }
        walk.take(&mut pile, &mut tell);
        if !walk.is_begun && walk.before.is_none() {
            walk.before = self.later_before(seen, to)?;
        }
        let is_lost = |at: &i64| seen.last.as_ref().is_some_and(|last| last.at < *at);
        let lost_at = seen.lost_at.filter(is_lost);
        if lost_at.is_some_and(|at| at <= from) {
            walk.before = Some(Value::nothing());
        }
        walk.begin(&mut tell);
        if let Some(at) = lost_at.filter(|at| (from + 1..=to).contains(at)) {
            tell(at, Value::nothing());
        }
        Ok(())
    }

    /// What a series without a sample in some time was then: what the next sample says was before,
    /// or what it still is.
    fn later_before(&self, seen: &Seen, to: i64) -> Result<Option<Value>, Error> {
        for segment in self.raw.iter().filter(|one| one.from > to) {
            if let Some(block) = self.disk.block(&self.txn, segment, seen.number, 0)? {
                let before = Reader::new(block).ok().and_then(|block| block.before().cloned());
                return Ok(before.filter(|before| before.at <= to).map(|before| before.value));
            }
        }
        let next = seen
            .waiting
            .iter()
            .filter(|(one, _)| one.from > to)
            .find_map(|(_, blocks)| blocks.first());
        if let Some(block) = next {
            let before = Reader::new(block).ok().and_then(|block| block.before().cloned());
            return Ok(before.filter(|before| before.at <= to).map(|before| before.value));
        }
        let last = seen.last.as_ref().filter(|last| last.at <= to);
        Ok(last.map(|last| last.value.clone()))
    }

    /// The rows of a series whose hours begin in a time, in order; the first may be the one
    /// before, which says what it was at `from`.
    pub(super) fn rows(&self, seen: &Seen, from: i64, to: i64) -> Result<Vec<Row>, Error> {
        let (first, end) = (from.div_euclid(hours::HOUR), to.div_euclid(hours::HOUR));
        let mut rows: Vec<Row> = Vec::new();
        let mut before: Option<Row> = None;
        for segment in &self.hours {
            for part in 0..=u16::MAX {
                let Some(block) = self.disk.block(&self.txn, segment, seen.number, part)? else {
                    break;
                };
                let Ok(more) = hours::decode(block) else {
                    warn!(entity = %seen.id, "A block of hours is broken; left out.");
                    continue;
                };
                for row in more {
                    if row.hour < first {
                        before = before.filter(|known| known.hour > row.hour).or(Some(row));
                    } else if row.hour <= end {
                        rows.push(row);
                    }
                }
            }
        }
        // Stable: parts of an hour stay in their order.
        rows.sort_by_key(|row| row.hour);
        rows.dedup_by(|later, row| {
            let is_same = later.hour == row.hour;
            if is_same {
                row.join(later.clone());
            }
            is_same
        });
        if let Some(before) = before {
            rows.insert(0, before);
        }
        Ok(rows)
    }
}

/// How far a visit has come.
struct Walk {
    from: i64,
    to: i64,
    /// What it is before the next sample.
    before: Option<Value>,
    is_begun: bool,
    is_over: bool,
}

impl Walk {
    /// Adds a block's samples to the pile.
    fn open(&mut self, block: &[u8], pile: &mut Pile, seen: &Seen) {
        let Ok(reader) = Reader::new(block) else {
            warn!(entity = %seen.id, "A block of the history is broken; left out.");
            return;
        };
        if let Some(before) = reader.before()
            && !self.is_begun
            && self.before.is_none()
            && pile.samples.is_empty()
            && before.at <= self.from
        {
            self.before = Some(before.value.clone());
        }
        pile.samples.reserve(usize::from(reader.len()));
        pile.samples.extend(reader);
    }

    fn begin(&mut self, tell: &mut impl FnMut(i64, Value)) {
        if !std::mem::replace(&mut self.is_begun, true)
            && let Some(before) = self.before.take()
        {
            tell(self.from, before);
        }
    }

    /// Tells what lies on the pile.
    fn take(&mut self, pile: &mut Pile, tell: &mut impl FnMut(i64, Value)) {
        if !pile.samples.is_sorted_by_key(|sample| sample.at) {
            pile.samples.sort_by_key(|sample| sample.at);
        }
        for sample in pile.samples.drain(..) {
            if sample.at <= self.from {
                self.before = Some(sample.value);
                continue;
            }
            if sample.at > self.to {
                self.is_over = true;
                break;
            }
            self.begin(tell);
            tell(sample.at, sample.value);
        }
        pile.to = i64::MIN;
    }
}
