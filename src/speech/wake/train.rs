//! Teaching a word: from recordings of it, and of much else, to the few weights that tell them apart.
//!
//! The same embeddings as when listening, so that nothing differs between the two. Plain gradient descent with momentum
//! and adapted steps (Adam) on one thread; a word takes a minute. The same examples give the same weights.

use super::embedding::SIZE;
use super::word::{HIDDEN, INPUTS, SPAN, WakeWord};
use super::{Listener, WakeError, WakeModel};
use crate::speech::kernel::{add_scaled, sigmoid};

/// Rounds over all examples.
const ROUNDS: usize = 24;
const BATCH: usize = 64;
const STEP: f32 = 1e-3;
/// How much weights shrink, so that none grows without a reason.
const DECAY: f32 = 0.02;
/// One input of so many is left out each time.
const MISSING: usize = 6;
/// Weight of what is not the word: a false alarm is worse than a word that is said again.
const AGAINST: f32 = 2.0;
/// How long after the word's end it counts as just said, and how long before it surely was not yet, seconds.
const JUST: std::ops::RangeInclusive<f32> = 0.0..=0.28;
const NOT_YET: f32 = -0.2;
/// Seconds per embedding, and how far the first one's looks back: it is complete then.
const SECONDS: f32 = 0.08;
const FIRST: f32 = 0.775;

/// What it learns from.
#[derive(Debug, Default)]
pub struct Examples {
    /// [`INPUTS`] numbers each.
    with: Vec<f32>,
    without: Vec<f32>,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Learnt {
    /// Rounds done, of so many.
    pub round: usize,
    /// All rounds.
    pub rounds: usize,
    /// The mean error.
    pub loss: f32,
}

impl Examples {
    /// A sound in which the word ends `end` seconds after its start; what comes before is not it.
    pub fn add_word(&mut self, model: &WakeModel, samples: &[f32], end: f32) {
        self.add(model, samples, |time| {
            if JUST.contains(&(time - end)) {
                Some(true)
            } else {
                (time - end < NOT_YET).then_some(false)
            }
        });
    }

    /// A sound without the word.
    pub fn add_other(&mut self, model: &WakeModel, samples: &[f32]) {
        self.add(model, samples, |_| Some(false));
    }

    /// How many there are, with the word and without.
    pub fn len(&self) -> (usize, usize) {
        (self.with.len() / INPUTS, self.without.len() / INPUTS)
    }

    fn add(&mut self, model: &WakeModel, samples: &[f32], is_word: impl Fn(f32) -> Option<bool>) {
        let mut last: Vec<f32> = Vec::new();
        let mut at = 0;
        Listener::new(model).hear(samples, |embedding| {
            let time = FIRST + at as f32 * SECONDS;
            at += 1;
            last.extend(embedding);
            let Some(from) = last.len().checked_sub(INPUTS) else { return };
            match is_word(time) {
                Some(true) => self.with.extend(&last[from..]),
                Some(false) => self.without.extend(&last[from..]),
                None => {}
            }
        });
    }
}

/// Learns a word from examples; tells `progress` after each round.
///
/// # Errors
/// When there are too few examples.
pub fn train(
    name: &str,
    examples: &Examples,
    mut progress: impl FnMut(Learnt),
) -> Result<WakeWord, WakeError> {
    let (n_with, n_without) = examples.len();
    if n_with < 8 || n_without < 8 {
        return Err(WakeError::Examples("record or speak the word more often"));
    }
    let (mean, scale) = spread(examples);
    let mut dice = Dice::new(1);
    let mut word = WakeWord {
        name: name.to_owned(),
        first: (0..INPUTS * HIDDEN).map(|_| dice.roll() * (3.0 / INPUTS as f32).sqrt()).collect(),
        bias: vec![0.0; HIDDEN],
        second: (0..HIDDEN).map(|_| dice.roll() * (6.0 / HIDDEN as f32).sqrt()).collect(),
        last_bias: -3.0,
        threshold: 0.0,
    };
    let mut steps =
        [Adam::new(INPUTS * HIDDEN), Adam::new(HIDDEN), Adam::new(HIDDEN), Adam::new(1)];
    let mut time = 0;
    for round in 0..ROUNDS {
        // As many of both in a round, as far as there are.
        let n = n_without.min(n_with * 12);
        let mut loss = 0.0;
        let rate = STEP * (1.0 - round as f32 / ROUNDS as f32).max(0.05);
        for _ in 0..n / BATCH {
            let mut gradient = Gradient::new();
            for _ in 0..BATCH {
                let is_word = dice.below(4) == 0;
                let (from, n) =
                    if is_word { (&examples.with, n_with) } else { (&examples.without, n_without) };
                let at = dice.below(n) * INPUTS;
                let inputs: Vec<f32> = from[at..at + INPUTS]
                    .iter()
                    .zip(mean.iter().zip(&scale).cycle())
                    .map(|(value, (mean, scale))| {
                        // What is missing now and then is relied on less.
                        let kept = if dice.below(MISSING) == 0 { 0.0 } else { *scale };
                        (value - mean) * kept
                    })
                    .collect();
                loss += gradient.add(&word, &inputs, is_word);
            }
            time += 1;
            let one = 1.0 / BATCH as f32;
            steps[0].step(&mut word.first, &gradient.first, one, rate, DECAY, time);
            steps[1].step(&mut word.bias, &gradient.bias, one, rate, 0.0, time);
            steps[2].step(&mut word.second, &gradient.second, one, rate, 0.0, time);
            let mut last = [word.last_bias];
            steps[3].step(&mut last, &[gradient.last_bias], one, rate, 0.0, time);
            word.last_bias = last[0];
        }
        progress(Learnt { round: round + 1, rounds: ROUNDS, loss: loss / n.max(1) as f32 });
    }
    Ok(plain(word, &mean, &scale))
}

/// The mean of each number of an embedding, and what makes its spread 1.
fn spread(examples: &Examples) -> ([f32; SIZE], [f32; SIZE]) {
    let (mut sum, mut squares, mut n) = ([0.0_f64; SIZE], [0.0_f64; SIZE], 0.0);
    for embedding in examples.without.chunks_exact(SIZE).step_by(SPAN) {
        n += 1.0;
        for (at, value) in embedding.iter().enumerate() {
            sum[at] += f64::from(*value);
            squares[at] += f64::from(*value).powi(2);
        }
    }
    let mean = sum.map(|sum| (sum / n) as f32);
    let mut scale = [1.0; SIZE];
    for (at, scale) in scale.iter_mut().enumerate() {
        let variance = squares[at] / n - f64::from(mean[at]).powi(2);
        *scale = 1.0 / (variance as f32).sqrt().max(1e-3);
    }
    (mean, scale)
}

/// The same network for embeddings as they are.
fn plain(mut word: WakeWord, mean: &[f32; SIZE], scale: &[f32; SIZE]) -> WakeWord {
    for (input, weights) in word.first.chunks_exact_mut(HIDDEN).enumerate() {
        let at = input % SIZE;
        for (weight, bias) in weights.iter_mut().zip(&mut word.bias) {
            *weight *= scale[at];
            *bias -= *weight * mean[at];
        }
    }
    word
}

/// In which direction the weights get worse.
struct Gradient {
    first: Vec<f32>,
    bias: Vec<f32>,
    second: Vec<f32>,
    last_bias: f32,
}

impl Gradient {
    fn new() -> Self {
        Self {
            first: vec![0.0; INPUTS * HIDDEN],
            bias: vec![0.0; HIDDEN],
            second: vec![0.0; HIDDEN],
            last_bias: 0.0,
        }
    }

    /// Adds one example's part and answers its error.
    fn add(&mut self, word: &WakeWord, inputs: &[f32], is_word: bool) -> f32 {
        let mut hidden = word.bias.clone();
        crate::speech::kernel::add_product(&mut hidden, inputs, &word.first);
        let weighed =
            hidden.iter().zip(&word.second).map(|(hidden, weight)| hidden.max(0.0) * weight);
        let probability = sigmoid(word.last_bias + weighed.sum::<f32>());
        let (wanted, weight) = if is_word { (1.0, 1.0) } else { (0.0, AGAINST) };
        let error = (probability - wanted) * weight;
        let mut back = [0.0; HIDDEN];
        for at in 0..HIDDEN {
            if hidden[at] > 0.0 {
                self.second[at] += error * hidden[at];
                back[at] = error * word.second[at];
                self.bias[at] += back[at];
            }
        }
        self.last_bias += error;
        for (input, parts) in inputs.iter().zip(self.first.chunks_exact_mut(HIDDEN)) {
            add_scaled(parts, *input, &back);
        }
        let right = if is_word { probability } else { 1.0 - probability };
        -right.max(1e-7).ln() * weight
    }
}

/// Steps that are as long as each weight needs (Kingma and Ba, 2015), with weights that shrink (Loshchilov and Hutter).
struct Adam {
    mean: Vec<f32>,
    square: Vec<f32>,
}

impl Adam {
    const MEAN: f32 = 0.9;
    const SQUARE: f32 = 0.999;

    fn new(n: usize) -> Self {
        Self { mean: vec![0.0; n], square: vec![0.0; n] }
    }

    fn step(
        &mut self,
        weights: &mut [f32],
        gradient: &[f32],
        by: f32,
        rate: f32,
        decay: f32,
        time: i32,
    ) {
        let rate_now =
            rate * (1.0 - Self::SQUARE.powi(time)).sqrt() / (1.0 - Self::MEAN.powi(time));
        let moments = self.mean.iter_mut().zip(&mut self.square);
        for ((weight, gradient), (mean, square)) in weights.iter_mut().zip(gradient).zip(moments) {
            let gradient = gradient * by;
            *mean += (1.0 - Self::MEAN) * (gradient - *mean);
            *square += (1.0 - Self::SQUARE) * (gradient * gradient - *square);
            *weight -= rate_now * *mean / (square.sqrt() + 1e-8) + rate * decay * *weight;
        }
    }
}

/// Random numbers that are the same each time.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Evenly between these.
    pub(super) fn between(&mut self, least: f32, most: f32) -> f32 {
        least + (most - least) * (self.roll() + 1.0) / 2.0
    }

    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// Between -1 and 1.
    pub(super) fn roll(&mut self) -> f32 {
        self.next() as f32 / (1_u64 << 30) as f32 - 1.0
    }

    /// From 0 to below `n`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next()).unwrap_or_default() % n.max(1)
    }
}
