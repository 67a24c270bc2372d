//! Roll-ups: what each hour of a series was in one row, kept when its samples are long gone.
//!
//! Hours are those of the world's clock (UTC), so that none is missing or double when a house's
//! clocks are put forward or back; days are made of them by whoever shows them. There is a row for
//! each hour with a sample, and none for hours in which a series stayed what it was.

use std::sync::Arc;

use super::bits::{BitReader, BitWriter, Broken, Rice, unzigzag, zigzag};
use super::block::{Decimal, Reader, Value, seal, unseal};

/// Milliseconds of an hour.
pub(super) const HOUR: i64 = 3_600_000;
const VERSION: u8 = 1;
/// Rows of a block: six weeks.
pub(super) const MAX_ROWS: usize = 1_024;
/// Words of a row; what is rarer counts as the first of them.
const MAX_WORDS: usize = 16;
/// A mean is kept with so many places more than what was said.
const MORE_PLACES: u8 = 2;

/// One hour of one series. Its parts add up to the time from the hour's begin to the last sample;
/// from there to the next row it was `last`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// Hours since 1970.
    pub hour: i64,
    /// While it was a number.
    pub numbers: Option<Numbers>,
    /// Milliseconds of each word, in the order in which they came up.
    pub words: Vec<(Arc<str>, i64)>,
    /// What it was at the last sample.
    pub last: Value,
}

/// What the numbers of an hour were.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Numbers {
    /// The least.
    pub min: Decimal,
    /// The greatest.
    pub max: Decimal,
    /// The mean over time.
    pub mean: f64,
    /// Milliseconds in which it was a number.
    pub ms: i64,
}

impl Row {
    fn new(hour: i64, last: Value) -> Self {
        Self { hour, numbers: None, words: Vec::new(), last }
    }

    /// Milliseconds that the row tells of.
    pub(super) fn covered(&self) -> i64 {
        self.numbers.map_or(0, |numbers| numbers.ms)
            + self.words.iter().map(|(_, ms)| ms).sum::<i64>()
    }

    /// It was this for so long.
    fn add(&mut self, value: &Value, ms: i64) {
        match value {
            Value::Number(number) => {
                let more = Numbers { min: *number, max: *number, mean: number.to_f64(), ms };
                self.add_numbers(more);
            }
            Value::Word(word) => self.add_word(word, ms),
        }
    }

    fn add_numbers(&mut self, more: Numbers) {
        let Some(numbers) = &mut self.numbers else {
            self.numbers = Some(more);
            return;
        };
        let ms = numbers.ms + more.ms;
        if ms > 0 {
            let sum = numbers.mean * numbers.ms as f64 + more.mean * more.ms as f64;
            numbers.mean = sum / ms as f64;
        }
        numbers.ms = ms;
        if more.min.to_f64() < numbers.min.to_f64() {
            numbers.min = more.min;
        }
        if more.max.to_f64() > numbers.max.to_f64() {
            numbers.max = more.max;
        }
    }

    fn add_word(&mut self, word: &Arc<str>, ms: i64) {
        if let Some((_, sum)) = self.words.iter_mut().find(|(known, _)| known == word) {
            *sum += ms;
        } else if self.words.len() < MAX_WORDS {
            self.words.push((Arc::clone(word), ms));
        } else if let Some((_, sum)) = self.words.first_mut() {
            *sum += ms;
        }
    }

    /// Adds a later part of the same hour.
    pub(super) fn join(&mut self, later: Self) {
        if let Some(numbers) = later.numbers {
            self.add_numbers(numbers);
        }
        later.words.iter().for_each(|(word, ms)| self.add_word(word, *ms));
        self.last = later.last;
    }
}

/// Makes rows of samples.
#[derive(Debug, Default)]
pub(super) struct Roller {
    rows: Vec<Row>,
    open: Option<Row>,
    /// The last sample.
    since: Option<(i64, Value)>,
}

impl Roller {
    /// All samples of a block.
    pub(super) fn block(&mut self, block: Reader<'_>) {
        if self.since.is_none() {
            self.since = block.before().map(|before| (before.at, before.value.clone()));
        }
        block.for_each(|sample| self.sample(sample.at, sample.value));
    }

    fn sample(&mut self, at: i64, value: Value) {
        let hour = at.div_euclid(HOUR);
        let begin = hour * HOUR;
        let open = self.open.take();
        let mut row = match open {
            Some(row) if row.hour == hour => row,
            other => {
                if let Some(mut row) = other {
                    if let Some((since, before)) = &self.since {
                        // To the end of its hour; a clock that was set back adds nothing.
                        let end = (row.hour + 1) * HOUR;
                        if at >= end {
                            row.add(before, end - since.clamp(&(end - HOUR), &end));
                        }
                    }
                    self.rows.push(row);
                }
                Row::new(hour, value.clone())
            }
        };
        let (since, before) = self.since.take().unwrap_or_else(|| (begin, Value::nothing()));
        row.add(&before, (at - since.max(begin)).max(0));
        // It counts as seen, however short.
        row.add(&value, 0);
        row.last = value.clone();
        self.open = Some(row);
        self.since = Some((at, value));
    }

    /// The rows.
    pub(super) fn rows(mut self) -> Vec<Row> {
        self.rows.extend(self.open);
        self.rows
    }
}

struct Model {
    hour: i64,
    scale: u8,
    min: i64,
    words: Vec<Arc<str>>,
    hours: Rice,
    missing: Rice,
    mins: Rice,
    spans: Rice,
    means: Rice,
    lasts: Rice,
    counts: Rice,
    codes: Rice,
    times: Rice,
}

impl Model {
    fn new() -> Self {
        Self {
            hour: 0,
            scale: 0,
            min: 0,
            words: Vec::new(),
            hours: Rice::new(1),
            missing: Rice::new(60_000),
            mins: Rice::new(4),
            spans: Rice::new(4),
            means: Rice::new(100),
            lasts: Rice::new(4),
            counts: Rice::new(1),
            codes: Rice::new(1),
            times: Rice::new(600_000),
        }
    }
}

/// Writes rows down.
pub(super) fn encode(rows: &[Row]) -> Vec<u8> {
    let (mut model, mut bits) = (Model::new(), BitWriter::default());
    for row in rows {
        put(row, &mut model, &mut bits);
    }
    let mut out = vec![VERSION];
    out.extend((rows.len().min(usize::from(u16::MAX)) as u16).to_le_bytes());
    out.extend(bits.bytes());
    seal(&mut out);
    out
}

fn put(row: &Row, model: &mut Model, bits: &mut BitWriter) {
    model.hours.put_signed(row.hour.wrapping_sub(model.hour).wrapping_sub(1), bits);
    model.hour = row.hour;
    bits.put(row.numbers.is_some().into(), 1);
    if let Some(numbers) = &row.numbers {
        let scale = numbers.min.scale.max(numbers.max.scale);
        bits.put((scale != model.scale).into(), 1);
        if scale != model.scale {
            bits.put(scale.into(), 4);
        }
        let at_scale = |number: Decimal| match number.scale == scale {
            true => number.digits,
            false => Decimal::rounded(number.to_f64(), scale).digits,
        };
        let (min, max) = (at_scale(numbers.min), at_scale(numbers.max));
        let min_before = Decimal { digits: model.min, scale: model.scale };
        let expected = Decimal::rounded(min_before.to_f64(), scale).digits;
        model.mins.put_signed(min.wrapping_sub(expected), bits);
        model.spans.put_signed(max.wrapping_sub(min), bits);
        (model.scale, model.min) = (scale, min);
        let mean = Decimal::rounded(numbers.mean, scale + MORE_PLACES);
        model.means.put_signed(mean.digits.wrapping_sub(middle(min, max, scale)), bits);
        model.missing.put_signed(HOUR - numbers.ms, bits);
    }
    model.counts.put(row.words.len() as u64, bits);
    for (word, ms) in &row.words {
        put_word(word, model, bits);
        model.times.put_signed(*ms, bits);
    }
    match &row.last {
        Value::Number(last) => {
            bits.put(0, 1);
            bits.put((last.scale != model.scale).into(), 1);
            if last.scale != model.scale {
                bits.put(last.scale.into(), 4);
                bits.put_any(zigzag(last.digits));
            } else {
                model.lasts.put_signed(last.digits.wrapping_sub(model.min), bits);
            }
        }
        Value::Word(word) => {
            bits.put(1, 1);
            put_word(word, model, bits);
        }
    }
}

/// The middle of two numbers with the places of a mean.
fn middle(min: i64, max: i64, scale: u8) -> i64 {
    let places = if scale + MORE_PLACES > 15 { 15_u8.saturating_sub(scale) } else { MORE_PLACES };
    let factor = 10_i128.pow(places.into());
    let middle = (i128::from(min) + i128::from(max)) * factor / 2;
    middle.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

fn put_word(word: &Arc<str>, model: &mut Model, bits: &mut BitWriter) {
    let known = model.words.iter().position(|known| known == word);
    model.codes.put(known.unwrap_or(model.words.len()) as u64, bits);
    if known.is_none() {
        let bytes = &word.as_bytes()[..word.floor_char_boundary(255)];
        bits.put(bytes.len() as u64, 8);
        bytes.iter().for_each(|byte| bits.put((*byte).into(), 8));
        model.words.push(Arc::clone(word));
    }
}

fn take_word(model: &mut Model, bits: &mut BitReader<'_>) -> Result<Arc<str>, Broken> {
    let code = usize::try_from(model.codes.take(bits)?).map_err(|_| Broken)?;
    if code == model.words.len() {
        let n_bytes = bits.take(8)?;
        let bytes = (0..n_bytes).map(|_| Ok(bits.take(8)? as u8));
        let bytes = bytes.collect::<Result<Vec<u8>, Broken>>()?;
        model.words.push(String::from_utf8(bytes).map_err(|_| Broken)?.into());
    }
    model.words.get(code).map(Arc::clone).ok_or(Broken)
}

/// Reads rows back.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<Row>, Broken> {
    let [VERSION, low, high, body @ ..] = unseal(bytes)? else { return Err(Broken) };
    let (mut model, mut bits) = (Model::new(), BitReader::new(body));
    let n = u16::from_le_bytes([*low, *high]);
    (0..n).map(|_| take(&mut model, &mut bits)).collect()
}

fn take(model: &mut Model, bits: &mut BitReader<'_>) -> Result<Row, Broken> {
    let step = model.hours.take_signed(bits)?;
    model.hour = model.hour.wrapping_add(step).wrapping_add(1);
    let mut numbers = None;
    if bits.take(1)? == 1 {
        let before = Decimal { digits: model.min, scale: model.scale };
        let scale = if bits.take(1)? == 1 { bits.take(4)? as u8 } else { model.scale };
        let expected = Decimal::rounded(before.to_f64(), scale).digits;
        let min = expected.wrapping_add(model.mins.take_signed(bits)?);
        let max = min.wrapping_add(model.spans.take_signed(bits)?);
        (model.scale, model.min) = (scale, min);
        let mean = middle(min, max, scale).wrapping_add(model.means.take_signed(bits)?);
        let mean = Decimal { digits: mean, scale: (scale + MORE_PLACES).min(15) }.to_f64();
        let ms = HOUR.wrapping_sub(model.missing.take_signed(bits)?);
        let number = |digits| Decimal { digits, scale };
        numbers = Some(Numbers { min: number(min), max: number(max), mean, ms });
    }
    let n_words = model.counts.take(bits)?;
    if n_words > MAX_WORDS as u64 {
        return Err(Broken);
    }
    let words = (0..n_words)
        .map(|_| Ok((take_word(model, bits)?, model.times.take_signed(bits)?)))
        .collect::<Result<_, Broken>>()?;
    let last = if bits.take(1)? == 1 {
        Value::Word(take_word(model, bits)?)
    } else if bits.take(1)? == 1 {
        let scale = bits.take(4)? as u8;
        Value::Number(Decimal { digits: unzigzag(bits.take_any()?), scale })
    } else {
        let digits = model.min.wrapping_add(model.lasts.take_signed(bits)?);
        Value::Number(Decimal { digits, scale: model.scale })
    };
    Ok(Row { hour: model.hour, numbers, words, last })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::history::block::{Sample, Writer};

    /// The rows of samples, minutes after 10 o'clock, and of what it was before.
    fn rows(before: Option<(i64, &str)>, samples: &[(i64, &str)]) -> Vec<Row> {
        let at = |minute: i64| 10 * HOUR + minute * 60_000;
        let before = before.map(|(minute, word)| Sample { at: at(minute), value: Value::of(word) });
        let mut block = Writer::new(before.as_ref());
        samples.iter().for_each(|(minute, word)| block.push(at(*minute), &Value::of(word)));
        let mut roller = Roller::default();
        roller.block(Reader::new(&block.bytes()).unwrap());
        let rows = roller.rows();
        let read = decode(&encode(&rows)).unwrap();
        assert_eq!(read.len(), rows.len());
        for (read, row) in read.iter().zip(&rows) {
            assert_eq!((read.hour, &read.words, &read.last), (row.hour, &row.words, &row.last));
            assert_eq!(read.numbers.is_some(), row.numbers.is_some());
            if let (Some(read), Some(row)) = (read.numbers, row.numbers) {
                assert_eq!(read.ms, row.ms);
                assert_eq!(read.min.to_f64(), row.min.to_f64());
                assert_eq!(read.max.to_f64(), row.max.to_f64());
                assert!((read.mean - row.mean).abs() < 0.005, "{} {}", read.mean, row.mean);
            }
        }
        rows
    }

    #[test]
    fn an_hour_is_weighed_by_time() {
        let rows = rows(Some((-90, "20.0")), &[(30, "22.0"), (45, "21"), (61, "25")]);
        let [first, second] = &rows[..] else { panic!("{rows:?}") };
        let numbers = first.numbers.unwrap();
        // Half an hour of 20, a quarter of 22, a quarter of 21.
        assert_eq!((first.hour, numbers.ms, first.covered()), (10, HOUR, HOUR));
        assert!((numbers.mean - 20.75).abs() < 1e-9, "{numbers:?}");
        assert_eq!((numbers.min.to_f64(), numbers.max.to_f64()), (20.0, 22.0));
        assert_eq!(first.last, Value::of("21"));
        assert_eq!((second.hour, second.covered()), (11, 60_000));
        assert_eq!(second.numbers.unwrap().max.to_f64(), 25.0);
    }

    #[test]
    fn hours_without_a_sample_have_no_row_and_gaps_are_words() {
        let rows = rows(None, &[(10, "on"), (20, "unavailable"), (200, "off")]);
        let [first, second] = &rows[..] else { panic!("{rows:?}") };
        let minutes = |row: &Row| -> Vec<(String, i64)> {
            row.words.iter().map(|(word, ms)| (word.to_string(), ms / 60_000)).collect()
        };
        let expected = [("", 10), ("on", 10), ("unavailable", 40)];
        assert_eq!(minutes(first), expected.map(|(word, n)| (word.to_owned(), n)));
        assert_eq!((first.hour, second.hour), (10, 13));
        let expected = [("unavailable", 20), ("off", 0)];
        assert_eq!(minutes(second), expected.map(|(word, n)| (word.to_owned(), n)));
    }

    #[test]
    fn parts_of_an_hour_join_as_if_they_had_been_one() {
        let whole = rows(Some((-5, "1")), &[(10, "5"), (20, "x"), (40, "2"), (50, "3")]);
        let mut joined = rows(Some((-5, "1")), &[(10, "5"), (20, "x")]).remove(0);
        joined.join(rows(Some((20, "x")), &[(40, "2"), (50, "3")]).remove(0));
        assert_eq!(joined.covered(), whole[0].covered());
        assert_eq!(joined.words, whole[0].words);
        let (joined, whole) = (joined.numbers.unwrap(), whole[0].numbers.unwrap());
        assert!((joined.mean - whole.mean).abs() < 1e-9);
        assert_eq!((joined.min, joined.max, joined.ms), (whole.min, whole.max, whole.ms));
    }

    #[test]
    fn a_clock_that_is_set_back_adds_no_time() {
        let rows = rows(None, &[(10, "1"), (130, "2"), (-400, "3"), (20, "4")]);
        assert!(rows.iter().all(|row| (0..=HOUR).contains(&row.covered())), "{rows:?}");
    }

    #[test]
    fn foreign_bytes_are_refused() {
        let good = encode(&rows(None, &[(10, "on"), (70, "5"), (80, "5.25")]));
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            assert!(decode(&bad).is_err());
            bad.truncate(bad.len() - 4);
            seal(&mut bad);
            let _ = decode(&bad);
        }
    }
}
