//! The spectrogram that the embedding was trained on: 32 bands between 60 and 3,800 Hz, one column every 10
//! milliseconds, as a logarithm.

use std::f32::consts::TAU;

use crate::speech::clip::RATE;

/// Samples from one column to the next.
pub(super) const HOP: usize = 160;
/// Samples of the transform, and of the window in the middle of it.
const SIZE: usize = 512;
const WINDOW: usize = 400;
/// Bands.
pub(super) const BANDS: usize = 32;
const LOWEST: f64 = 60.0;
const HIGHEST: f64 = 3_800.0;
/// What counts as nothing.
const FLOOR: f32 = 1e-10;
/// The network was trained on samples of 16 bits.
const FULL: f32 = 32_768.0;

/// Part of a band: a frequency of the transform and its weight.
type Weight = (usize, f32);

/// Makes columns of samples.
#[derive(Debug)]
pub(super) struct Mel {
    window: Vec<f32>,
    /// Cosine and sine of the transform's turns.
    turns: Vec<(f32, f32)>,
    bands: Vec<Vec<Weight>>,
    /// Samples of the columns to come.
    rest: Vec<f32>,
}

impl Mel {
    pub(super) fn new() -> Self {
        let start = (SIZE - WINDOW) / 2;
        let hann = |at: usize| 0.5 - 0.5 * (TAU * at as f32 / WINDOW as f32).cos();
        let window = (0..SIZE)
            .map(|at| at.checked_sub(start).filter(|at| *at < WINDOW).map_or(0.0, hann))
            .collect();
        let turn = |at: usize| (TAU * at as f32 / SIZE as f32).sin_cos();
        let turns = (0..SIZE / 2).map(|at| (turn(at).1, -turn(at).0)).collect();
        Self { window, turns, bands: bands(), rest: Vec::new() }
    }

    /// Hands each column that these samples complete to `each`.
    pub(super) fn hear(&mut self, samples: &[f32], mut each: impl FnMut(&[f32; BANDS])) {
        self.rest.extend_from_slice(samples);
        let mut at = 0;
        while at + SIZE <= self.rest.len() {
            each(&self.column(&self.rest[at..at + SIZE]));
            at += HOP;
        }
        self.rest.drain(..at);
    }

    fn column(&self, samples: &[f32]) -> [f32; BANDS] {
        let mut re = [0.0; SIZE];
        let mut im = [0.0; SIZE];
        // Bits of the place in reverse, as the transform wants them.
        for (at, (sample, window)) in samples.iter().zip(&self.window).enumerate() {
            let place = at.reverse_bits() >> (usize::BITS - SIZE.trailing_zeros());
            re[place] = sample * FULL * window;
        }
        self.transform(&mut re, &mut im);
        let mut column = [0.0; BANDS];
        for (value, band) in column.iter_mut().zip(&self.bands) {
            let power: f32 = band
                .iter()
                .map(|(at, weight)| (re[*at] * re[*at] + im[*at] * im[*at]) * weight)
                .sum();
            *value = power.max(FLOOR).log10() + 2.0;
        }
        column
    }

    /// The discrete Fourier transform, in place.
    fn transform(&self, re: &mut [f32; SIZE], im: &mut [f32; SIZE]) {
        let mut half = 1;
        while half < SIZE {
            for start in (0..SIZE).step_by(2 * half) {
                for at in 0..half {
                    let (cos, sin) = self.turns[at * (SIZE / 2 / half)];
                    let (one, other) = (start + at, start + at + half);
                    let (x, y) =
                        (re[other] * cos - im[other] * sin, re[other] * sin + im[other] * cos);
                    (re[other], im[other]) = (re[one] - x, im[one] - y);
                    (re[one], im[one]) = (re[one] + x, im[one] + y);
                }
            }
            half *= 2;
        }
    }
}

/// Triangles that are equally wide on Slaney's mel scale and of equal area.
fn bands() -> Vec<Vec<Weight>> {
    let step = 6.4_f64.ln() / 27.0;
    let mel = |hertz: f64| match hertz < 1_000.0 {
        true => hertz * 3.0 / 200.0,
        false => 15.0 + (hertz / 1_000.0).ln() / step,
    };
    let hertz = |mel: f64| match mel < 15.0 {
        true => mel * 200.0 / 3.0,
        false => 1_000.0 * ((mel - 15.0) * step).exp(),
    };
    let (from, to) = (mel(LOWEST), mel(HIGHEST));
    let edge = |at: usize| hertz(from + (to - from) * at as f64 / (BANDS + 1) as f64);
    let band = |at: usize| {
        let (low, middle, high) = (edge(at), edge(at + 1), edge(at + 2));
        let weight = |bin: usize| {
            let f = bin as f64 * f64::from(RATE) / SIZE as f64;
            let weight = ((f - low) / (middle - low)).min((high - f) / (high - middle));
            (bin, (weight.max(0.0) * 2.0 / (high - low)) as f32)
        };
        (0..=SIZE / 2).map(weight).filter(|(_, weight)| *weight > 0.0).collect()
    };
    (0..BANDS).map(band).collect()
}
