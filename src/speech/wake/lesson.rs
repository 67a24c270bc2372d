//! A lesson: the word and much else, in rooms with noises, as examples to learn from.
//!
//! Each recording is heard several times: nearer and farther, in silence, noise, music and beside other talk, with and
//! without an echo, higher and lower, the command right behind the word or not.

use std::f32::consts::TAU;

use super::WakeModel;
use super::train::{Dice, Examples};
use crate::speech::clip::RATE;

/// How often each recording of the word is heard, and each of something else.
const TIMES: usize = 6;
const TIMES_OTHER: usize = 2;
/// Seconds of other talk that are kept, to be heard around the word.
const MOST_TALK: usize = 240;
/// Longest recording of the word, in seconds.
const LONGEST: f32 = 2.5;
/// Below this part of its loudest sample a recording is silence.
const SILENCE: f32 = 0.03;

/// Collects examples.
#[derive(Debug)]
pub struct Lesson {
    model: WakeModel,
    examples: Examples,
    dice: Dice,
    /// Talk without the word.
    talk: Vec<f32>,
}

impl Lesson {
    /// One without examples.
    pub fn new(model: WakeModel) -> Self {
        Self { model, examples: Examples::default(), dice: Dice::new(7), talk: Vec::new() }
    }

    /// What it has so far: examples of the word's end, and of everything else.
    pub fn examples(&self) -> &Examples {
        &self.examples
    }

    /// Hears something that is not the word, 16,000 samples a second. Talk should come before words, to be heard around
    /// them.
    pub fn hear_other(&mut self, samples: &[f32]) {
        let most = (MOST_TALK * RATE as usize).saturating_sub(self.talk.len());
        self.talk.extend(samples.iter().take(most));
        for time in 0..TIMES_OTHER {
            let mut scene = if time == 0 { samples.to_vec() } else { self.varied(samples) };
            self.place(&mut scene);
            self.examples.add_other(&self.model, &scene);
        }
    }

    /// Hears the word, with or without silence around it. A recording that is too long to be a word is none.
    pub fn hear_word(&mut self, samples: &[f32]) {
        let word = trimmed(samples);
        if word.is_empty() || word.len() > seconds(LONGEST) {
            return;
        }
        for time in 0..TIMES {
            let word = if time == 0 { word.to_vec() } else { self.varied(word) };
            let before = self.dice.between(1.3, 2.2);
            let mut scene = self.around(before);
            if self.dice.below(2) == 0 {
                // A breath between what was said before and the word.
                let breath = seconds(self.dice.between(0.1, 0.6));
                scene.extend(vec![0.0; breath]);
            }
            scene.extend(&word);
            let end = scene.len() as f32 / RATE as f32;
            let pause = seconds(self.dice.between(0.0, 0.3));
            scene.extend(vec![0.0; pause]);
            scene.extend(self.around(0.6));
            self.place(&mut scene);
            self.examples.add_word(&self.model, &scene, end);
        }
    }

    /// Seconds of silence or of somebody who talks.
    fn around(&mut self, length: f32) -> Vec<f32> {
        let n = seconds(length);
        if self.talk.len() <= n || self.dice.below(2) == 0 {
            return vec![0.0; n];
        }
        let from = self.dice.below(self.talk.len() - n);
        self.talk[from..from + n].to_vec()
    }

    /// Said a little higher and faster, or lower and slower.
    fn varied(&mut self, samples: &[f32]) -> Vec<f32> {
        let by = self.dice.between(0.85, 1.18);
        let n = (samples.len() as f32 / by) as usize;
        let at = |at: usize| samples.get(at).copied().unwrap_or_default();
        (0..n)
            .map(|to| {
                let from = to as f32 * by;
                let part = from.fract();
                at(from as usize) * (1.0 - part) + at(from as usize + 1) * part
            })
            .collect()
    }

    /// Puts it into a room: an echo, a noise, a distance.
    fn place(&mut self, scene: &mut [f32]) {
        if self.dice.below(2) == 0 {
            self.echo(scene);
        }
        let power = power(scene);
        if self.dice.below(5) > 0 && power > 0.0 {
            let below = self.dice.between(3.0, 30.0);
            let level = (power / 10.0_f32.powf(below / 10.0)).sqrt();
            let noise = self.noise(scene.len());
            for (sample, noise) in scene.iter_mut().zip(noise) {
                *sample += noise * level;
            }
        }
        let loudest = scene.iter().fold(0.01_f32, |most, sample| most.max(sample.abs()));
        let loud = 10.0_f32.powf(self.dice.between(-30.0, -1.0) / 20.0) / loudest;
        scene.iter_mut().for_each(|sample| *sample *= loud);
    }

    /// What comes back from the walls, weaker and weaker.
    fn echo(&mut self, scene: &mut [f32]) {
        let strong = self.dice.between(0.1, 0.45);
        let decay = self.dice.between(0.03, 0.15);
        let dry = scene.to_vec();
        for _ in 0..24 {
            let late = self.dice.between(0.004, 0.3);
            let loud = strong * (-late / decay).exp() * self.dice.roll();
            let by = seconds(late);
            for (sample, before) in scene.iter_mut().skip(by).zip(&dry) {
                *sample += before * loud;
            }
        }
    }

    /// One of the sounds of a house, of power 1.
    fn noise(&mut self, n: usize) -> Vec<f32> {
        let mut noise = match self.dice.below(5) {
            0 => (0..n).map(|_| self.dice.roll()).collect(),
            1 => rushing(n, &mut self.dice),
            2 => kitchen(n, &mut self.dice),
            3 => music(n, &mut self.dice),
            _ if self.talk.len() > n => {
                let voices = 1 + self.dice.below(3);
                let mut all = vec![0.0; n];
                for _ in 0..voices {
                    let from = self.dice.below(self.talk.len() - n);
                    all.iter_mut().zip(&self.talk[from..]).for_each(|(all, one)| *all += one);
                }
                all
            }
            _ => rushing(n, &mut self.dice),
        };
        let level = power(&noise).sqrt().max(1e-6);
        noise.iter_mut().for_each(|sample| *sample /= level);
        noise
    }
}

/// A word without the silence around it, 2.5 seconds after the start of a noise of water, a hum and dishes that is so many
/// dB below it, and goes on for a second; to measure with. The same `seed` is the same noise.
pub fn in_kitchen(samples: &[f32], below: f32, seed: u64) -> Vec<f32> {
    let word = trimmed(samples);
    let mut scene = vec![0.0; seconds(2.5)];
    scene.extend(word);
    scene.extend(vec![0.0; seconds(1.2)]);
    let noise = kitchen(scene.len(), &mut Dice::new(seed));
    let level = (power(word) / 10.0_f32.powf(below / 10.0) / power(&noise).max(1e-9)).sqrt();
    for (sample, noise) in scene.iter_mut().zip(noise) {
        *sample = 0.5 * (*sample + noise * level);
    }
    scene
}

fn seconds(seconds: f32) -> usize {
    (seconds * RATE as f32) as usize
}

fn power(samples: &[f32]) -> f32 {
    samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len().max(1) as f32
}

/// Without the silence around it.
fn trimmed(samples: &[f32]) -> &[f32] {
    let loudest = samples.iter().fold(0.0_f32, |most, sample| most.max(sample.abs()));
    let is_loud = |sample: &f32| sample.abs() > loudest * SILENCE;
    let from = samples.iter().position(is_loud).unwrap_or(0);
    let to = samples.iter().rposition(is_loud).map_or(0, |at| at + 1);
    samples.get(from..to).unwrap_or_default()
}

/// A fan, or rain.
fn rushing(n: usize, dice: &mut Dice) -> Vec<f32> {
    let dull = dice.between(0.01, 0.3);
    let mut low = 0.0;
    (0..n)
        .map(|_| {
            low += dull * (dice.roll() - low);
            low
        })
        .collect()
}

/// Water, a hum, and dishes.
fn kitchen(n: usize, dice: &mut Dice) -> Vec<f32> {
    let (mut low, mut ring, mut pitch) = (0.0, 0.0_f32, 2_500.0);
    let rush = dice.between(0.02, 0.2);
    (0..n)
        .map(|at| {
            let time = at as f32 / RATE as f32;
            let white = dice.roll();
            low += rush * (white - low);
            if dice.below(6_000) == 0 {
                (ring, pitch) = (dice.between(0.3, 1.5), dice.between(900.0, 5_000.0));
            }
            ring *= 0.9985;
            low * 2.0 + 0.1 * (time * 100.0 * TAU).sin() + ring * (time * pitch * TAU).sin()
        })
        .collect()
}

/// Notes with their overtones, and a beat.
fn music(n: usize, dice: &mut Dice) -> Vec<f32> {
    let mut all = vec![0.0; n];
    let beat = seconds(dice.between(0.2, 0.6));
    let mut at = 0;
    while at < n {
        for _ in 0..3 {
            let pitch = 110.0 * 2.0_f32.powf(dice.below(36) as f32 / 12.0);
            let bright = dice.between(0.3, 0.8);
            for (to, sample) in all.iter_mut().skip(at).take(2 * beat).enumerate() {
                let time = to as f32 / RATE as f32;
                let fade = (-3.0 * time).exp();
                let tone = |k: i32| bright.powi(k) * (time * pitch * TAU * (k + 1) as f32).sin();
                *sample += fade * (0..4).map(tone).sum::<f32>();
            }
        }
        for sample in all.iter_mut().skip(at).take(400) {
            *sample += dice.roll();
        }
        at += beat;
    }
    all
}
