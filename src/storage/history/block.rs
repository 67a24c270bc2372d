//! A block: some hundred samples of one series in a few bytes each, readable by itself.
//!
//! Times are tenths of a second, and each differs from the one before by about the usual pause: what is kept is by how
//! much not. (Gorilla keeps how much the pause changed, T. Pelkonen et al., "Gorilla: A Fast, Scalable, In-Memory Time
//! Series Database", VLDB 2015; devices that wake up when they like make that twice as large.) Values are not Gorilla's
//! either: its XOR suits binary fractions, but devices say decimal ones, whose bits share nothing. So a number is kept
//! as the digits that were said, `21.40` as 2140 with two places, and each differs from the one
//! before by a few units; its text comes back exactly as it was. Words are numbered as they first
//! come up in a block. How many bits a difference takes is [`super::bits`]' business.
//!
//! ```text
//! format version, 1 byte │ flags, 1 byte │ n samples, 2 bytes │ bits … │ CRC-32, 4 bytes
//! ```
//!
//! A block begins with what the series was *before* its first sample, where that is known: so "what
//! was it at six o'clock" needs no look at earlier blocks.

use std::fmt;
use std::sync::Arc;

use super::bits::{BitReader, BitWriter, Broken, Rice, unzigzag, zigzag};

/// Written into each block; a reader that does not know it leaves the block alone.
const VERSION: u8 = 2;
/// The flag that says that the first sample is from before the block.
const HAS_BEFORE: u8 = 1;
/// Samples of a block: what one broken byte can cost, and what must be read to find one.
pub(super) const MAX_SAMPLES: u16 = 2_048;
/// Longer words are cut, as in Home Assistant.
const MAX_WORD: usize = 255;
/// Different words of a block; a block ends before there are more.
const MAX_WORDS: usize = 512;
/// Milliseconds of which times are multiples: nobody sees less on a chart, and it would take a byte a sample.
pub(super) const GRAIN: i64 = 100;
/// The usual pause is known in parts of [`GRAIN`], and follows each pause by a part of the difference.
const PARTS: i64 = 16;
const FOLLOWS: i64 = 4;
/// Places and digits of a number; what has more is kept as a word.
const MAX_SCALE: u8 = 15;
const MAX_DIGITS: usize = 17;

/// A decimal number as it was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    /// All digits.
    pub(super) digits: i64,
    /// How many of them stand behind the point.
    pub(super) scale: u8,
}

impl Decimal {
    /// The number, if the text is one in the usual form: `-3`, `21.40`; not `1e5`, `.5` or `007`.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.strip_prefix('-').unwrap_or(text);
        let (whole, places) = plain.split_once('.').unwrap_or((plain, ""));
        let is_whole = !whole.is_empty() && (whole == "0" || !whole.starts_with('0'));
        let has_places = plain.len() == whole.len() || !places.is_empty();
        let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_whole || !has_places || !is_digits(whole) || !is_digits(places) {
            return None;
        }
        if whole.len() + places.len() > MAX_DIGITS || places.len() > usize::from(MAX_SCALE) {
            return None;
        }
        let digits = whole.bytes().chain(places.bytes());
        let digits = digits.fold(0, |sum, byte| sum * 10 + i64::from(byte - b'0'));
        let is_negative = plain.len() != text.len();
        if is_negative && digits == 0 {
            // `-0.0` would come back as `0.0`.
            return None;
        }
        Some(Self { digits: if is_negative { -digits } else { digits }, scale: places.len() as u8 })
    }

    /// The nearest number with so many places.
    pub(super) fn rounded(number: f64, scale: u8) -> Self {
        let scale = scale.min(MAX_SCALE);
        Self { digits: (number * float_power(scale)).round() as i64, scale }
    }

    /// The number.
    #[inline]
    pub fn to_f64(self) -> f64 {
        self.digits as f64 / float_power(self.scale)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (size, one) = (self.digits.unsigned_abs(), power(self.scale));
        let sign = if self.digits < 0 { "-" } else { "" };
        if self.scale == 0 {
            return write!(f, "{sign}{size}");
        }
        let places = usize::from(self.scale);
        write!(f, "{sign}{}.{:0places$}", size / one, size % one)
    }
}

/// Powers of ten, all of which a double holds exactly.
const POWERS: [u64; 16] = {
    let mut powers = [1; 16];
    let mut n = 1;
    while n < 16 {
        powers[n] = powers[n - 1] * 10;
        n += 1;
    }
    powers
};

/// The same as doubles: to convert one for each sample of a chart takes as long as the division by it.
const FLOAT_POWERS: [f64; 16] = {
    let mut powers = [1.0; 16];
    let mut n = 0;
    while n < 16 {
        powers[n] = POWERS[n] as f64;
        n += 1;
    }
    powers
};

#[inline]
fn power(scale: u8) -> u64 {
    POWERS[usize::from(scale.min(MAX_SCALE))]
}

#[inline]
fn float_power(scale: u8) -> f64 {
    FLOAT_POWERS[usize::from(scale.min(MAX_SCALE))]
}

/// The digits with another number of places; for a guess only.
#[inline]
fn rescaled(digits: i64, from: u8, to: u8) -> i64 {
    if from == to {
        return digits;
    }
    let digits = i128::from(digits) * i128::from(power(to)) / i128::from(power(from));
    digits.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

/// What a series was at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A number.
    Number(Decimal),
    /// Any other state. Empty where there was nothing: the entity was gone, or nobody looked.
    Word(Arc<str>),
}

impl Value {
    /// What a state's word is.
    pub fn of(word: &str) -> Self {
        match Decimal::parse(word) {
            Some(number) => Self::Number(number),
            None => Self::Word(cut(word).into()),
        }
    }

    /// Nothing is known.
    pub fn nothing() -> Self {
        Self::Word(Arc::from(""))
    }

    /// Whether this is the word, without making a value of it.
    pub(super) fn is(&self, word: &str) -> bool {
        match self {
            Self::Number(number) => Decimal::parse(word) == Some(*number),
            Self::Word(known) => **known == *cut(word),
        }
    }

    /// Whether the device said nothing meanwhile: it was gone, or its state is not known.
    pub fn is_gap(&self) -> bool {
        matches!(self, Self::Word(word) if matches!(&**word, "" | "unavailable" | "unknown"))
    }

    /// The number, also of a word that is one in an unusual form.
    #[inline]
    pub fn to_f64(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number.to_f64()),
            Self::Word(word) => {
                let first = word.bytes().next()?;
                // Not `nan` and `inf`, which Rust reads too.
                let is_number = first.is_ascii_digit() || matches!(first, b'-' | b'+' | b'.');
                let number = is_number.then(|| word.parse().ok())?;
                number.filter(|number: &f64| number.is_finite())
            }
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Word(word) => f.write_str(word),
        }
    }
}

fn cut(word: &str) -> &str {
    &word[..word.floor_char_boundary(MAX_WORD)]
}

/// A value and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Milliseconds since 1970.
    pub at: i64,
    /// What it was from then on.
    pub value: Value,
}

/// What writer and reader know of the samples so far.
#[derive(Debug, Clone)]
struct Model {
    /// The time of the last sample, in [`GRAIN`]s; 0 before the first.
    at: i64,
    /// The usual pause, in [`PARTS`] of a [`GRAIN`], once there was one.
    pause: Option<i64>,
    is_word: bool,
    number: Decimal,
    words: Vec<Arc<str>>,
    times: Rice,
    numbers: Rice,
    codes: Rice,
}

impl Model {
    fn new() -> Self {
        Self {
            at: 0,
            pause: None,
            is_word: false,
            number: Decimal { digits: 0, scale: 0 },
            words: Vec::new(),
            times: Rice::new(1),
            numbers: Rice::new(4),
            codes: Rice::new(1),
        }
    }

    /// What the next pause is taken for.
    #[inline]
    fn expected(pause: i64) -> i64 {
        pause.div_euclid(PARTS)
    }

    /// Another sample, so long after the last.
    #[inline]
    fn passed(&mut self, step: i64) {
        self.at = self.at.wrapping_add(step);
        let parts = step.wrapping_mul(PARTS);
        self.pause = Some(match self.pause {
            Some(pause) => pause.wrapping_add(parts.wrapping_sub(pause) / FOLLOWS),
            None => {
                self.times = Rice::new(step.unsigned_abs() / 4);
                parts
            }
        });
    }
}

/// A block that grows.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    model: Model,
    bits: BitWriter,
    n: u16,
    has_before: bool,
}

impl Writer {
    /// An empty block of a series that was this before.
    pub(super) fn new(before: Option<&Sample>) -> Self {
        let mut writer =
            Self { model: Model::new(), bits: BitWriter::default(), n: 0, has_before: false };
        if let Some(before) = before {
            writer.model.at = before.at.div_euclid(GRAIN);
            writer.bits.put_any(zigzag(writer.model.at));
            writer.put_value(&before.value);
            writer.has_before = true;
        }
        writer
    }

    /// The next sample belongs into another block.
    pub(super) fn is_full(&self) -> bool {
        self.n >= MAX_SAMPLES || self.model.words.len() >= MAX_WORDS
    }

    /// Adds a sample; also one from before the last, as clocks may be set.
    pub(super) fn push(&mut self, at: i64, value: &Value) {
        let model = &mut self.model;
        let step = at.div_euclid(GRAIN).wrapping_sub(model.at);
        if self.n == 0 && !self.has_before {
            self.bits.put_any(zigzag(step));
            model.at = step;
        } else {
            match model.pause {
                Some(pause) => {
                    let other = step.wrapping_sub(Model::expected(pause));
                    model.times.put_signed(other, &mut self.bits);
                }
                None => self.bits.put_any(zigzag(step)),
            }
            model.passed(step);
        }
        self.put_value(value);
        self.n += 1;
    }

    fn put_value(&mut self, value: &Value) {
        let (model, bits) = (&mut self.model, &mut self.bits);
        match value {
            Value::Number(number) => {
                if model.is_word || model.number.scale != number.scale {
                    bits.put(0b10, 2);
                    bits.put(number.scale.into(), 4);
                } else {
                    bits.put(0, 1);
                }
                let expected = rescaled(model.number.digits, model.number.scale, number.scale);
                model.numbers.put_signed(number.digits.wrapping_sub(expected), bits);
                model.number = *number;
                model.is_word = false;
            }
            Value::Word(word) => {
                if model.is_word {
                    bits.put(0, 1);
                } else {
                    bits.put(0b11, 2);
                }
                model.is_word = true;
                let known = model.words.iter().position(|known| known == word);
                let code = known.unwrap_or(model.words.len());
                model.codes.put(code as u64, bits);
                if known.is_none() {
                    let word_bytes = cut(word).as_bytes();
                    bits.put(word_bytes.len() as u64, 8);
                    word_bytes.iter().for_each(|byte| bits.put((*byte).into(), 8));
                    model.words.push(Arc::clone(word));
                }
            }
        }
    }

    /// The block as it is now.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bits.bytes().len() + 8);
        out.extend([VERSION, if self.has_before { HAS_BEFORE } else { 0 }]);
        out.extend(self.n.to_le_bytes());
        out.extend(self.bits.bytes());
        seal(&mut out);
        out
    }
}

/// Adds the checksum.
pub(super) fn seal(bytes: &mut Vec<u8>) {
    bytes.extend(checksum(bytes).to_le_bytes());
}

/// Takes the checksum off, if it is right.
pub(super) fn unseal(bytes: &[u8]) -> Result<&[u8], Broken> {
    let (body, sum) = bytes.split_last_chunk::<4>().ok_or(Broken)?;
    if checksum(body) == u32::from_le_bytes(*sum) { Ok(body) } else { Err(Broken) }
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// Reads a block's samples, in the order in which they were written.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    model: Model,
    bits: BitReader<'a>,
    n_left: u16,
    before: Option<Sample>,
    /// The next sample is the first of which anything is known.
    is_first: bool,
}

impl<'a> Reader<'a> {
    /// Opens a block and looks whether it is whole.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, Broken> {
        let body = unseal(bytes)?;
        let [VERSION, flags, low, high, bits @ ..] = body else { return Err(Broken) };
        let mut reader = Self {
            model: Model::new(),
            bits: BitReader::new(bits),
            n_left: u16::from_le_bytes([*low, *high]),
            before: None,
            is_first: flags & HAS_BEFORE == 0,
        };
        if flags & HAS_BEFORE != 0 {
            reader.model.at = unzigzag(reader.bits.take_any()?);
            let value = reader.value()?;
            reader.before = Some(Sample { at: reader.model.at.wrapping_mul(GRAIN), value });
        }
        Ok(reader)
    }

    /// What the series was before the first sample.
    pub(super) fn before(&self) -> Option<&Sample> {
        self.before.as_ref()
    }

    /// Samples that are left.
    pub(super) fn len(&self) -> u16 {
        self.n_left
    }

    #[inline(always)]
    fn value(&mut self) -> Result<Value, Broken> {
        let model = &mut self.model;
        let mut scale = model.number.scale;
        if self.bits.take(1)? == 1 {
            model.is_word = self.bits.take(1)? == 1;
            if !model.is_word {
                scale = self.bits.take(4)? as u8;
            }
        }
        if !model.is_word {
            let expected = rescaled(model.number.digits, model.number.scale, scale);
            let digits = expected.wrapping_add(model.numbers.take_signed(&mut self.bits)?);
            model.number = Decimal { digits, scale };
            return Ok(Value::Number(model.number));
        }
        let code = usize::try_from(model.codes.take(&mut self.bits)?).map_err(|_| Broken)?;
        if code == model.words.len() {
            let n_bytes = self.bits.take(8)?;
            let bytes = (0..n_bytes).map(|_| Ok(self.bits.take(8)? as u8));
            let bytes = bytes.collect::<Result<Vec<u8>, Broken>>()?;
            model.words.push(String::from_utf8(bytes).map_err(|_| Broken)?.into());
        }
        model.words.get(code).map(|word| Value::Word(Arc::clone(word))).ok_or(Broken)
    }

    #[inline(always)]
    fn sample(&mut self) -> Result<Sample, Broken> {
        let model = &mut self.model;
        match model.pause {
            Some(pause) => {
                let other = model.times.take_signed(&mut self.bits)?;
                model.passed(Model::expected(pause).wrapping_add(other));
            }
            None => {
                let step = unzigzag(self.bits.take_any()?);
                if std::mem::take(&mut self.is_first) {
                    model.at = step;
                } else {
                    model.passed(step);
                }
            }
        }
        let at = model.at.wrapping_mul(GRAIN);
        Ok(Sample { at, value: self.value()? })
    }
}

impl Iterator for Reader<'_> {
    type Item = Sample;

    /// The next sample. A block that breaks off although its checksum is right ends there.
    #[inline(always)]
    fn next(&mut self) -> Option<Sample> {
        self.n_left = self.n_left.checked_sub(1)?;
        self.sample().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A time as it is kept.
    fn kept(at: i64) -> i64 {
        at.div_euclid(GRAIN).wrapping_mul(GRAIN)
    }

    fn check(samples: &[(i64, &str)], before: Option<(i64, &str)>) -> usize {
        let sample = |(at, word): (i64, &str)| Sample { at: kept(at), value: Value::of(word) };
        let before = before.map(sample);
        let samples: Vec<Sample> = samples.iter().copied().map(sample).collect();
        let mut writer = Writer::new(before.as_ref());
        for sample in &samples {
            writer.push(sample.at, &sample.value);
        }
        let bytes = writer.bytes();
        let reader = Reader::new(&bytes).unwrap();
        assert_eq!(reader.before(), before.as_ref());
        let read: Vec<Sample> = reader.collect();
        assert_eq!(read, samples);
        bytes.len()
    }

    #[test]
    fn a_number_is_said_again_as_it_was_said() {
        for text in ["0", "-1", "21.0", "21.40", "-0.05", "0.000001", "12345678901234567", "100"] {
            let number = Decimal::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(number.to_string(), text);
            assert_eq!(number.to_f64(), text.parse::<f64>().unwrap(), "{text}");
        }
        for text in
            ["", "-", "-0", "-0.0", ".5", "5.", "007", "1e5", "1 ", "+1", "1.2.3", "nan", "٣"]
        {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
        assert_eq!(Decimal::parse("123456789012345678"), None);
        assert_eq!(Value::of("1e5").to_f64(), Some(1e5));
        assert_eq!(Value::of("nan").to_f64(), None);
        assert_eq!(Value::of(&"é".repeat(200)).to_string().len(), 254);
    }

    #[test]
    fn blocks_come_back_as_they_were() {
        check(&[], None);
        check(&[], Some((5, "on")));
        check(&[(0, "21.0")], None);
        check(&[(1_000, "on"), (2_000, "off"), (1_500, "on")], Some((-7, "unavailable")));
        check(&[(9, "21"), (10, "21.5"), (11, "21.45"), (12, "21.4"), (13, "unknown")], None);
        check(&[(1 << 62, "1"), (-(1 << 62), "-99999999999999999"), (0, "")], Some((0, "x")));
        check(&[(0, "99999999999999999"), (0, "0.000000000000001"), (0, "-5")], None);
    }

    #[test]
    fn anything_comes_back_as_it_was() {
        // A generator of its own, so that a failure can be repeated.
        let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
        let mut random = move |below: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % below
        };
        for round in 0..400 {
            let (mut at, mut number) = (random(1 << 40) as i64, random(5_000) as i64);
            let n = random(300);
            let samples: Vec<Sample> = (0..n)
                .map(|_| {
                    at += match random(40) {
                        0 => -(random(1 << 35) as i64),
                        1 => random(1 << 35) as i64,
                        _ => random(60_000) as i64,
                    };
                    number += random(21) as i64 - 10;
                    let value = match random(12) {
                        0 => Value::of(["on", "off", "unavailable", "", "é"][random(5) as usize]),
                        1 => Value::of(&format!("text {}", random(1_000))),
                        2 => Value::Number(Decimal {
                            digits: random(1 << 56) as i64 - (1 << 55),
                            scale: random(16) as u8,
                        }),
                        _ => Value::Number(Decimal { digits: number, scale: (round % 3) as u8 }),
                    };
                    Sample { at: kept(at), value }
                })
                .collect();
            let before = (round % 2 == 0).then(|| Sample { at: 300, value: Value::of("19.5") });
            let mut writer = Writer::new(before.as_ref());
            samples.iter().for_each(|sample| writer.push(sample.at, &sample.value));
            let bytes = writer.bytes();
            let reader = Reader::new(&bytes).unwrap();
            assert_eq!(reader.before(), before.as_ref(), "round {round}");
            assert_eq!(reader.collect::<Vec<_>>(), samples, "round {round}");
        }
    }

    #[test]
    fn a_changed_byte_is_noticed_and_nothing_panics() {
        let mut writer = Writer::new(None);
        for n in 0..200 {
            let word =
                if n % 9 == 0 { "on".to_owned() } else { format!("{}.{}", 20 + n % 3, n % 10) };
            writer.push(1_700_000_000_000 + n * 30_000, &Value::of(&word));
        }
        let good = writer.bytes();
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                assert!(Reader::new(&bad).is_err(), "byte {at}");
                // With a checksum that is right again, as only a bug could make it.
                bad.truncate(bad.len() - 4);
                seal(&mut bad);
                if let Ok(reader) = Reader::new(&bad) {
                    assert!(reader.count() <= usize::from(u16::MAX));
                }
            }
        }
        for n in 0..good.len() {
            assert!(Reader::new(&good[..n]).is_err());
        }
    }

    #[test]
    fn usual_series_take_few_bytes() {
        let minutes = |n: i64| 1_700_000_000_000 + n * 60_000 + n * 7_919 % 800;
        let day: Vec<(i64, String)> = (0..1_440)
            .map(|n| (minutes(n), format!("{}.{}", 20 + (n / 300) % 3, (n / 7) % 10)))
            .collect();
        let day: Vec<(i64, &str)> = day.iter().map(|(at, word)| (*at, word.as_str())).collect();
        let n_bytes = check(&day, None);
        assert!(n_bytes < day.len() * 5 / 2, "{n_bytes}");
        let switch: Vec<(i64, &str)> =
            (0..100).map(|n| (minutes(n * 13), if n % 2 == 0 { "on" } else { "off" })).collect();
        let n_bytes = check(&switch, None);
        assert!(n_bytes < 300, "{n_bytes}");
    }
}
