//! The noise of a kitchen, made here: the hum of a refrigerator, running water and the clatter of dishes, louder or less
//! loud than the speech by so many decibels. The same seed makes the same noise.

use std::f32::consts::TAU;

/// Samples per second.
const RATE: f32 = 16_000.0;

/// Numbers between -1 and 1 that look random.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }
}

/// The speech with a kitchen around it, `snr` decibels less loud (root mean square of both).
pub(crate) fn in_a_kitchen(speech: &[f32], snr: f32, seed: u64) -> Vec<f32> {
    let noise = kitchen(speech.len(), seed);
    let scale =
        loudness(speech) / loudness(&noise).max(f32::MIN_POSITIVE) / 10_f32.powf(snr / 20.0);
    speech.iter().zip(&noise).map(|(said, noise)| (said + noise * scale).clamp(-1.0, 1.0)).collect()
}

/// So many samples of a kitchen.
pub(crate) fn kitchen(n: usize, seed: u64) -> Vec<f32> {
    let mut random = Random(seed.wrapping_mul(2).wrapping_add(1));
    for _ in 0..8 {
        random.next();
    }
    let mut sound = water(n, &mut random);
    for (at, sample) in sound.iter_mut().enumerate() {
        // A motor on the mains: its overtones carry.
        let t = at as f32 / RATE;
        let hum = [(1.0, 0.5), (2.0, 1.0), (3.0, 0.4), (4.0, 0.3), (6.0, 0.15)];
        *sample +=
            hum.iter().map(|(n, loud)| 0.35 * loud * (TAU * 50.0 * n * t).sin()).sum::<f32>();
    }
    clatter(&mut sound, &mut random);
    sound
}

/// Water from a tap: noise without its lowest and highest parts, that swells and ebbs.
fn water(n: usize, random: &mut Random) -> Vec<f32> {
    let (mut low, mut lower, mut swell) = (0.0_f32, 0.0_f32, 0.0_f32);
    let one = |at: usize| {
        let noise = random.next();
        // One-pole filters at about 4 kHz and 300 Hz.
        low += 0.79 * (noise - low);
        lower += 0.11 * (low - lower);
        swell += 0.0005 * (noise - swell);
        let ebb = 0.3 * (TAU * 0.7 * at as f32 / RATE).sin();
        (low - lower) * (1.0 + ebb + 10.0 * swell)
    };
    (0..n).map(one).collect()
}

/// Dishes: about three times a second something rings and dies away.
fn clatter(sound: &mut [f32], random: &mut Random) {
    let mut at = (random.next().abs() * RATE * 0.3) as usize;
    while at < sound.len() {
        let (pitch, loud) = (2_400.0 + 1_600.0 * random.next(), 0.6 + 0.4 * random.next());
        let dies = 0.01 + 0.02 * random.next().abs();
        for (n, sample) in sound[at..].iter_mut().take((RATE * 0.12) as usize).enumerate() {
            let t = n as f32 / RATE;
            let ring = (TAU * pitch * t).sin() + 0.6 * (TAU * pitch * 1.47 * t).sin();
            *sample += loud * ring * (-t / dies).exp();
        }
        at += (RATE * (0.1 + 0.5 * random.next().abs())) as usize;
    }
}

fn loudness(samples: &[f32]) -> f32 {
    let sum: f32 = samples.iter().map(|sample| sample * sample).sum();
    (sum / samples.len().max(1) as f32).sqrt()
}
