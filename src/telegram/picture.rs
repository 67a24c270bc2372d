//! A chart as a picture: drawn into a bitmap of a few colours and packed as PNG with what is here anyway. A plotter, a font and
//! an encoder from elsewhere would be half a megabyte for two lines and some digits.

use std::io::Write;

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::view::short;
use crate::storage::history::Chart;

/// Points of a chart: one for every second column.
pub(super) const POINTS: usize = 320;
/// The picture's width and height.
const SIZE: (usize, usize) = (760, 360);
/// Where the chart is in it: left, top, right, bottom.
const FRAME: (usize, usize, usize, usize) = (96, 16, 744, 320);
/// Digits are drawn so many times as large as below.
const SCALE: usize = 2;

/// The colours, by number: paper, lines, words, the band between least and greatest, the mean.
const COLORS: [[u8; 3]; 5] =
    [[255, 255, 255], [222, 226, 230], [73, 80, 87], [173, 213, 247], [25, 113, 194]];
const PAPER: u8 = 0;
const LINE: u8 = 1;
const WORD: u8 = 2;
const BAND: u8 = 3;
const MEAN: u8 = 4;

/// Digits and marks, five columns wide: each byte a row, the highest first, of five bits.
const GLYPHS: [(char, [u8; 7]); 14] = [
    ('0', [14, 17, 19, 21, 25, 17, 14]),
    ('1', [4, 12, 4, 4, 4, 4, 14]),
    ('2', [14, 17, 1, 2, 4, 8, 31]),
    ('3', [31, 2, 4, 2, 1, 17, 14]),
    ('4', [2, 6, 10, 18, 31, 2, 2]),
    ('5', [31, 16, 30, 1, 1, 17, 14]),
    ('6', [6, 8, 16, 30, 17, 17, 14]),
    ('7', [31, 1, 2, 4, 8, 8, 8]),
    ('8', [14, 17, 17, 14, 17, 17, 14]),
    ('9', [14, 17, 17, 15, 1, 2, 12]),
    ('.', [0, 0, 0, 0, 0, 12, 12]),
    ('-', [0, 0, 0, 31, 0, 0, 0]),
    (':', [0, 12, 12, 0, 12, 12, 0]),
    ('k', [16, 16, 18, 20, 24, 20, 18]),
];

/// Draws a chart between two times, in milliseconds since 1970; `None` where there is nothing to see.
pub(super) fn draw(chart: &Chart, from: i64, to: i64, zone: &TimeZone) -> Option<Vec<u8>> {
    let mut bitmap = Bitmap::new();
    bitmap.hours(from, to, zone);
    match chart.statistics.numbers {
        Some(numbers) => {
            let (low, high) = around(numbers.min, numbers.max);
            bitmap.levels(low, high);
            bitmap.numbers(chart, (from, to), (low, high));
        }
        None if chart.bars.iter().any(|bar| !bar.word.is_empty()) => bitmap.bars(chart, (from, to)),
        None => return None,
    }
    Some(bitmap.png())
}

/// Room above and below, so that a line that never moves is in the middle.
fn around(min: f64, max: f64) -> (f64, f64) {
    let room = ((max - min) * 0.08).max(max.abs() * 0.01).max(0.1);
    (min - room, max + room)
}

struct Bitmap(Vec<u8>);

impl Bitmap {
    fn new() -> Self {
        Self(vec![PAPER; SIZE.0 * SIZE.1])
    }

    fn dot(&mut self, x: usize, y: usize, color: u8) {
        if x < SIZE.0 && y < SIZE.1 {
            self.0[y * SIZE.0 + x] = color;
        }
    }

    fn column(&mut self, x: usize, from: usize, to: usize, color: u8) {
        for y in from.min(to)..=from.max(to) {
            self.dot(x, y, color);
        }
    }

    /// Words from their left end, or with their right end at `x`.
    fn write(&mut self, text: &str, x: usize, y: usize, is_right: bool) {
        let width = text.chars().count() * 6 * SCALE;
        let mut left = if is_right { x.saturating_sub(width) } else { x };
        for letter in text.chars() {
            let glyph = GLYPHS.iter().find(|(known, _)| *known == letter);
            for (row, bits) in glyph.iter().flat_map(|(_, rows)| rows.iter().enumerate()) {
                for column in (0..5).filter(|column| bits >> (4 - column) & 1 == 1) {
                    for n in 0..SCALE * SCALE {
                        let (dx, dy) = (n % SCALE, n / SCALE);
                        self.dot(left + column * SCALE + dx, y + row * SCALE + dy, WORD);
                    }
                }
            }
            left += 6 * SCALE;
        }
    }

    /// A line and the time at each fourth hour of the day.
    fn hours(&mut self, from: i64, to: i64, zone: &TimeZone) {
        let Ok(begin) = Timestamp::from_millisecond(from) else { return };
        let mut at = begin.to_zoned(zone.clone());
        for _ in 0..200 {
            let Ok(next) = at.start_of_day().and_then(|day| {
                let hours = (i64::from(at.hour()) / 4 + 1) * 4;
                day.checked_add(SignedDuration::from_hours(hours))
            }) else {
                return;
            };
            at = next;
            let ms = at.timestamp().as_millisecond();
            if ms >= to {
                return;
            }
            let x = across(ms, (from, to));
            self.column(x, FRAME.1, FRAME.3, LINE);
            let text = at.strftime("%H:%M").to_string();
            self.write(&text, x.saturating_sub(15 * SCALE), FRAME.3 + 12, false);
        }
    }

    /// Four lines with their numbers.
    fn levels(&mut self, low: f64, high: f64) {
        for n in 0..=4 {
            let level = low + (high - low) * f64::from(n) / 4.0;
            let y = up(level, (low, high));
            for x in FRAME.0..FRAME.2 {
                self.dot(x, y, LINE);
            }
            let text = match level.abs() {
                10_000.0.. => format!("{}k", short(level / 1_000.0)),
                _ => short(level),
            };
            self.write(&text, FRAME.0 - 6, y.saturating_sub(3 * SCALE), true);
        }
    }

    fn numbers(&mut self, chart: &Chart, span: (i64, i64), levels: (f64, f64)) {
        let mut last: Option<(usize, usize)> = None;
        for (n, bucket) in chart.buckets.iter().enumerate() {
            let Some(bucket) = bucket else {
                last = None;
                continue;
            };
            let begin = chart.from + n as i64 * chart.step;
            let (left, right) = (across(begin, span), across(begin + chart.step, span));
            let (low, high) = (up(bucket.min, levels), up(bucket.max, levels));
            for x in left..=right {
                self.column(x, low, high, BAND);
            }
            let y = up(bucket.mean, levels);
            let from = last.map_or(y, |(_, y)| y);
            for x in left..=right {
                self.column(x, y, y + 1, MEAN);
            }
            self.column(left, from, y, MEAN);
            last = Some((right, y));
        }
    }

    /// Other states than off are bars.
    fn bars(&mut self, chart: &Chart, span: (i64, i64)) {
        let (top, bottom) = (FRAME.1 + 90, FRAME.3 - 90);
        for (n, bar) in chart.bars.iter().enumerate() {
            let end = chart.bars.get(n + 1).map_or(chart.to, |next| next.at);
            let (left, right) = (across(bar.at, span), across(end, span));
            let color = match &*bar.word {
                "" | "unavailable" | "unknown" => continue,
                "off" | "closed" | "locked" | "not_home" | "idle" => BAND,
                _ => MEAN,
            };
            for x in left..=right.max(left) {
                self.column(x, top, bottom, color);
            }
        }
    }

    /// PNG (RFC 2083) with a palette.
    fn png(&self) -> Vec<u8> {
        let mut rows = Vec::with_capacity((SIZE.0 + 1) * SIZE.1);
        for row in self.0.chunks(SIZE.0) {
            // No filter: rows of few colours pack well as they are.
            rows.push(0);
            rows.extend_from_slice(row);
        }
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
        // Writing to memory does not fail.
        let packed = packed.write_all(&rows).and_then(|()| packed.finish()).unwrap_or_default();
        let mut head = Vec::new();
        head.extend_from_slice(&(SIZE.0 as u32).to_be_bytes());
        head.extend_from_slice(&(SIZE.1 as u32).to_be_bytes());
        // Eight bits, palette, deflate, the five filters, not interlaced.
        head.extend_from_slice(&[8, 3, 0, 0, 0]);
        let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
        for (name, data) in [
            (b"IHDR", &head[..]),
            (b"PLTE", COLORS.as_flattened()),
            (b"IDAT", &packed),
            (b"IEND", &[]),
        ] {
            png.extend_from_slice(&(data.len() as u32).to_be_bytes());
            let mut crc = Crc::new();
            crc.update(name);
            crc.update(data);
            png.extend_from_slice(name);
            png.extend_from_slice(data);
            png.extend_from_slice(&crc.sum().to_be_bytes());
        }
        png
    }
}

/// The column of a time.
fn across(at: i64, (from, to): (i64, i64)) -> usize {
    let share = (at - from) as f64 / (to - from).max(1) as f64;
    FRAME.0 + (share.clamp(0.0, 1.0) * (FRAME.2 - FRAME.0) as f64) as usize
}

/// The row of a number.
fn up(level: f64, (low, high): (f64, f64)) -> usize {
    let share = (level - low) / (high - low);
    FRAME.3 - (share.clamp(0.0, 1.0) * (FRAME.3 - FRAME.1) as f64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::history::{Bar, Bucket, Statistics};

    const HOUR: i64 = 3_600_000;

    fn chart(buckets: Vec<Option<Bucket>>, bars: Vec<Bar>) -> Chart {
        let numbers = buckets.iter().flatten().copied().reduce(|a, b| Bucket {
            min: a.min.min(b.min),
            max: a.max.max(b.max),
            mean: f64::midpoint(a.mean, b.mean),
        });
        let statistics = Statistics { numbers, ..Statistics::default() };
        let step = 24 * HOUR / buckets.len().max(1) as i64;
        Chart { from: 0, to: 24 * HOUR, step, buckets, bars, statistics }
    }

    #[test]
    fn numbers_and_states_become_a_picture_and_nothing_becomes_none() {
        let bucket = |n: u32| {
            let mean = f64::from(n % 40) - 20.0;
            (!n.is_multiple_of(7)).then_some(Bucket { min: mean - 3.0, max: mean + 2.0, mean })
        };
        let numbers = chart((0..POINTS as u32).map(bucket).collect(), Vec::new());
        let bar = |at, word: &str| Bar { at: at * HOUR, word: word.into() };
        let states = chart(Vec::new(), vec![bar(0, "off"), bar(5, "on"), bar(6, "")]);
        let strange = Bucket { min: f64::MIN, max: f64::MAX, mean: 0.0 };
        let flat = Bucket { min: 5.0, max: 5.0, mean: 5.0 };
        for chart in
            [numbers, states, chart(vec![Some(strange)], vec![]), chart(vec![Some(flat)], vec![])]
        {
            let png = draw(&chart, 0, 24 * HOUR, &TimeZone::UTC).unwrap();
            assert!(png.starts_with(b"\x89PNG") && png.ends_with(b"\xaeB`\x82"));
            assert!((400..20_000).contains(&png.len()), "{}", png.len());
        }
        assert_eq!(draw(&chart(Vec::new(), Vec::new()), 0, HOUR, &TimeZone::UTC), None);
    }
}
