//! A series drawn: as many points as fit on a screen, and what it was in figures.
//!
//! Numbers become the least, the greatest and the mean of each of some equal stretches of time, so
//! that no peak is lost however wide a stretch is; other states become bars. Where nothing is known
//! there is nothing.

use std::sync::Arc;

use super::block::Value;
use super::hours::{HOUR, Row};
use super::view::{Seen, View};
use crate::storage::Error;

/// Different words whose time is counted; what comes up later counts as "other".
pub const WORDS: usize = 64;

/// A series within a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Begin, in milliseconds since 1970.
    pub from: i64,
    /// End; not after the time until which something is known.
    pub to: i64,
    /// Milliseconds of each stretch.
    pub step: i64,
    /// What the numbers of each stretch were; empty if it never was a number.
    pub buckets: Vec<Option<Bucket>>,
    /// What it was from when on, if it never was a number.
    pub bars: Vec<Bar>,
    /// All of it in figures.
    pub statistics: Statistics,
}

/// The numbers of a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// The mean over time.
    pub mean: f64,
}

/// A state and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// Milliseconds since 1970.
    pub at: i64,
    /// The state; empty where nothing is known.
    pub word: Arc<str>,
}

/// What a series was, in figures.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Statistics {
    /// The numbers, if there were any.
    pub numbers: Option<Bucket>,
    /// Milliseconds in which it was a number.
    pub ms: i64,
    /// Milliseconds of each other state.
    pub words: Vec<(Arc<str>, i64)>,
    /// Times it changed; by the hour where only hours are kept.
    pub n_changes: u64,
}

/// What is added up of a stretch.
#[derive(Debug, Clone, Copy)]
struct Sum {
    min: f64,
    max: f64,
    /// Of the numbers, each as often as it was there milliseconds.
    weighed: f64,
    ms: i64,
    last: f64,
}

const EMPTY: Sum =
    Sum { min: f64::INFINITY, max: f64::NEG_INFINITY, weighed: 0.0, ms: 0, last: 0.0 };

impl Sum {
    #[inline]
    fn add(&mut self, number: f64, ms: i64) {
        if number < self.min {
            self.min = number;
        }
        if number > self.max {
            self.max = number;
        }
        self.weighed += number * ms as f64;
        self.ms += ms;
        self.last = number;
    }

    fn bucket(&self) -> Option<Bucket> {
        let mean = if self.ms > 0 { self.weighed / self.ms as f64 } else { self.last };
        let Self { min, max, .. } = *self;
        (min <= max).then_some(Bucket { min, max, mean })
    }
}

/// What a series is at some time.
enum Now {
    Unknown,
    Number(f64),
    Word(Arc<str>),
}

/// Draws one series after another, without taking new memory for each.
struct Pen {
    from: i64,
    to: i64,
    step: i64,
    sums: Vec<Sum>,
    /// The stretch that was drawn in last, and its begin.
    stretch: usize,
    stretch_from: i64,
    all: Sum,
    bars: Vec<Bar>,
    words: Vec<(Arc<str>, i64)>,
    /// What it is, and since when.
    now: Now,
    since: i64,
    n_changes: u64,
}

impl Pen {
    fn new(from: i64, to: i64, n_points: usize) -> Self {
        let n = i64::try_from(n_points.clamp(2, 2_000)).unwrap_or(2_000);
        let length = (to - from).max(1);
        let step = (length + n - 1) / n;
        let n_sums = usize::try_from((length + step - 1) / step).unwrap_or(1);
        Self {
            from,
            to,
            step,
            sums: vec![EMPTY; n_sums],
            stretch: 0,
            stretch_from: from,
            all: EMPTY,
            bars: Vec::new(),
            words: Vec::new(),
            now: Now::Unknown,
            since: from,
            n_changes: 0,
        }
    }

    /// It is this from now on.
    #[inline]
    fn sample(&mut self, at: i64, value: Value) {
        if !matches!(self.now, Now::Unknown) {
            self.n_changes += 1;
        }
        self.hold_until(at);
        self.set(at, value);
    }

    #[inline]
    fn set(&mut self, at: i64, value: Value) {
        self.since = at;
        self.now = match (value.to_f64(), value) {
            (Some(number), _) => Now::Number(number),
            (None, Value::Word(word)) => Now::Word(word),
            (None, Value::Number(_)) => Now::Unknown,
        };
    }

    /// It was what it is until now, and stays it.
    #[inline]
    fn hold_until(&mut self, at: i64) {
        match &self.now {
            Now::Unknown => {}
            Now::Number(number) => self.numbers(self.since, at, *number),
            Now::Word(word) => self.word(self.since, at, Arc::clone(word)),
        }
    }

    #[inline]
    fn numbers(&mut self, begin: i64, end: i64, number: f64) {
        self.all.add(number, (end - begin).max(0));
        let mut at = begin.max(self.from);
        loop {
            // Most samples lie in the stretch of the one before: a division saved for each.
            if at < self.stretch_from || at >= self.stretch_from + self.step {
                self.stretch = ((at - self.from) / self.step) as usize;
                self.stretch_from = self.from + self.stretch as i64 * self.step;
            }
            let Some(sum) = self.sums.get_mut(self.stretch) else { return };
            let until = end.min(self.stretch_from + self.step);
            sum.add(number, (until - at).max(0));
            if until >= end {
                return;
            }
            at = until;
        }
    }

    fn word(&mut self, begin: i64, end: i64, word: Arc<str>) {
        let ms = (end - begin).max(0);
        if let Some((_, sum)) = self.words.iter_mut().find(|(known, _)| *known == word) {
            *sum += ms;
        } else if self.words.len() < WORDS {
            self.words.push((Arc::clone(&word), ms));
        }
        if self.bars.last().is_none_or(|last| last.word != word) {
            self.bars.push(Bar { at: begin.max(self.from), word });
            if self.bars.len() >= self.sums.len() * 8 {
                self.thin_out();
            }
        }
    }

    /// Leaves out what is too short to be seen: less than a stretch.
    fn thin_out(&mut self) {
        let all = std::mem::take(&mut self.bars);
        let ends: Vec<i64> = all.iter().skip(1).map(|bar| bar.at).chain([self.to]).collect();
        for (bar, end) in all.into_iter().zip(ends) {
            let is_seen = end - bar.at >= self.step;
            let is_same = self.bars.last().is_some_and(|last| last.word == bar.word);
            if self.bars.is_empty() || (is_seen && !is_same) {
                self.bars.push(bar);
            }
        }
    }

    /// An hour, of which only a row is left.
    fn row(&mut self, row: &Row) {
        let begin = row.hour * HOUR;
        let mut at = begin;
        if begin >= self.from && begin < self.to {
            self.hold_until(begin);
            self.n_changes += 1;
            if let Some(numbers) = row.numbers {
                let n = ((begin - self.from) / self.step) as usize;
                // Wider than an hour: one stretch. Narrower: each of the hour looks the same.
                let n_last = ((begin + numbers.ms.max(1) - 1 - self.from) / self.step) as usize;
                let n_last = n_last.min(self.sums.len() - 1);
                let share = numbers.ms / (n_last - n + 1) as i64;
                for sum in self.sums[n..=n_last].iter_mut().chain([&mut self.all]) {
                    sum.add(numbers.min.to_f64(), 0);
                    sum.add(numbers.max.to_f64(), 0);
                }
                for sum in &mut self.sums[n..=n_last] {
                    sum.add(numbers.mean, share);
                }
                self.all.add(numbers.mean, numbers.ms);
                at += numbers.ms;
            }
            for (word, ms) in &row.words {
                self.word(at, at + ms, Arc::clone(word));
                at += ms;
            }
        } else {
            at += row.covered();
        }
        self.set(at.max(self.from), row.last.clone());
    }

    fn chart(mut self) -> Chart {
        self.hold_until(self.to);
        if self.bars.len() > self.sums.len() {
            self.thin_out();
        }
        let statistics = Statistics {
            numbers: self.all.bucket(),
            ms: self.all.ms,
            words: self.words,
            n_changes: self.n_changes,
        };
        let is_number = statistics.numbers.is_some();
        Chart {
            from: self.from,
            to: self.to,
            step: self.step,
            buckets: match is_number {
                true => self.sums.iter().map(Sum::bucket).collect(),
                false => Vec::new(),
            },
            bars: if is_number { Vec::new() } else { self.bars },
            statistics,
        }
    }
}

impl View<'_> {
    /// Draws a series from `from` to `to` (milliseconds since 1970; not after now, as what is
    /// last known is drawn to the end) with at most so many points. What is older than the samples
    /// that are kept is drawn by the hour.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn chart(&self, seen: &Seen, from: i64, to: i64, n_points: usize) -> Result<Chart, Error> {
        self.chart_since(seen, from, to, n_points, self.samples_since(to))
    }

    /// The same with samples from a time on, and hours before.
    pub(super) fn chart_since(
        &self,
        seen: &Seen,
        from: i64,
        to: i64,
        n_points: usize,
        samples_since: i64,
    ) -> Result<Chart, Error> {
        let mut pen = Pen::new(from, to, n_points);
        let mut begin = from;
        if from < samples_since {
            for row in self.rows(seen, from, to.min(samples_since))? {
                // An hour of which there are samples too is drawn from those.
                if (row.hour + 1) * HOUR <= samples_since {
                    pen.row(&row);
                }
            }
            begin = samples_since.min(to);
        }
        if begin < to {
            self.visit(seen, begin, to, |at, value| pen.sample(at, value))?;
        }
        Ok(pen.chart())
    }
}
