//! Where speech begins and ends: sentences spoken by espeak-ng, in silence and in the noise of a kitchen made here, given
//! to the end-pointer as a microphone gives them.

use std::path::Path;
use std::process::Command;

use homard::speech::{ActivityModel, Clip, Limits, Progress, RATE};

use crate::support::models_with;

/// Below the folder of models; `models/catalog.toml` has the same.
const SILERO: &str = "silero-vad/ggml-silero-v6.2.0.bin";
/// What a microphone gives at once.
const CHUNK: usize = 320;

/// Random numbers that are the same at each run.
struct Dice(u64);

impl Dice {
    /// Between -1 and 1.
    fn roll(&mut self) -> f32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 40) as f32 / (1_u64 << 23) as f32) - 1.0
    }
}

/// A sentence without the silence around it, or nothing where espeak-ng is not installed.
fn spoken(voice: &str, text: &str) -> Option<Vec<f32>> {
    let output = Command::new("espeak-ng").args(["-v", voice, "--stdout", text]).output();
    let Ok(output) = output else {
        println!("skipped: espeak-ng is not installed (run `make setup`)");
        return None;
    };
    let clip = Clip::read(&output.stdout).unwrap();
    let samples = clip.samples();
    let loud = |sample: &&f32| sample.abs() > 0.01;
    let first = samples.iter().position(|sample| loud(&sample)).unwrap();
    let last = samples.iter().rposition(|sample| loud(&sample)).unwrap();
    Some(samples[first..=last].to_vec())
}

/// A fan's rushing, the hum of a refrigerator, a tap for some time and something that falls now and then; of power 1.
fn kitchen(seconds: f32, dice: &mut Dice) -> Vec<f32> {
    let n = (seconds * RATE as f32) as usize;
    let (mut low, mut ring, mut noise) = (0.0_f32, 0.0_f32, Vec::with_capacity(n));
    for at in 0..n {
        let time = at as f32 / RATE as f32;
        let white = dice.roll();
        low += 0.05 * (white - low);
        let hum = (time * 100.0 * std::f32::consts::TAU).sin() * 0.1;
        let tap = if time % 5.0 > 3.0 { white * 0.3 } else { 0.0 };
        if dice.roll() > 0.9999 {
            ring = 1.5;
        }
        ring *= 0.997;
        let clink = ring * (time * 2_700.0 * std::f32::consts::TAU).sin();
        noise.push(low * 3.0 + hum + tap + clink);
    }
    let level = power(&noise).sqrt();
    noise.iter().map(|sample| sample / level).collect()
}

fn power(samples: &[f32]) -> f32 {
    samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32
}

/// Where speech was found in it, in seconds from the start: the clip's begin and end, and when it was said to be over.
/// Nothing where none was found.
fn found(model: &ActivityModel, samples: &[f32]) -> Option<(f32, f32, f32)> {
    let mut endpointer = model.endpointer(Limits { patience: 60.0, ..Limits::default() });
    for (at, some) in samples.chunks(CHUNK).enumerate() {
        let now = ((at + 1) * CHUNK) as f32 / RATE as f32;
        if let Progress::Spoken(clip) = endpointer.hear(some) {
            // The clip is a piece of what was played.
            let clip = clip.samples();
            let from = samples.windows(clip.len()).position(|piece| piece == clip).unwrap();
            let [from, to] = [from, from + clip.len()].map(|at| at as f32 / RATE as f32);
            return Some((from, to, now));
        }
    }
    None
}

/// 2 seconds without speech, a sentence, 3 seconds without; with noise `snr` dB below the speech, or none.
fn scene(speech: &[f32], snr: Option<f32>) -> Vec<f32> {
    let silence = |seconds: f32| vec![0.0; (seconds * RATE as f32) as usize];
    let mut all = [silence(2.0), speech.to_vec(), silence(3.0)].concat();
    let mut dice = Dice(7);
    let level = match snr {
        Some(snr) => (power(speech) / 10.0_f32.powf(snr / 10.0)).sqrt(),
        // No room is without any sound.
        None => 0.0005,
    };
    let noise = kitchen(all.len() as f32 / RATE as f32 + 0.01, &mut dice);
    for (sample, noise) in all.iter_mut().zip(noise) {
        // Room for both.
        *sample = (0.5 * (*sample + noise * level)).clamp(-1.0, 1.0);
    }
    all
}

#[test]
fn a_sentence_is_cut_out_whole_and_soon_also_in_a_kitchen() {
    let Some(models) = models_with(SILERO) else { return };
    let model = ActivityModel::open(&models.join(SILERO));
    let sentences = [
        ("en-gb", "turn on the kitchen light"),
        ("fr", "éteins la lumière de la chambre"),
        ("en+m7", "stop"),
        ("fr+f2", "il fait froid, monte le chauffage"),
    ];
    let (mut n, mut n_right, mut late) = (0, 0, 0.0_f32);
    for (voice, text) in sentences {
        let Some(speech) = spoken(voice, text) else { return };
        let end = 2.0 + speech.len() as f32 / RATE as f32;
        for snr in [None, Some(10.0), Some(5.0)] {
            let samples = scene(&speech, snr);
            let place = found(&model, &samples);
            let is_right = place.is_some_and(|(from, to, now)| {
                late = late.max(now - end);
                (1.0..=1.95).contains(&from) && to >= end - 0.05 && now - end < 1.2
            });
            println!(
                "{voice} {text:?} at {snr:?} dB, 2.00 to {end:.2}: {place:.2?}, right: {is_right}"
            );
            n += 1;
            n_right += usize::from(is_right);
        }
    }
    println!("{n_right} of {n}; at most {late:.2} s after the last sound");
    assert!(n_right * 10 >= n * 9, "{n_right} of {n}");
}

#[test]
fn without_silero_a_sentence_in_a_quiet_room_is_cut_out_by_loudness() {
    let model = ActivityModel::open(Path::new("/nowhere/silero.bin"));
    let Some(speech) = spoken("en-gb", "turn on the kitchen light") else { return };
    let end = 2.0 + speech.len() as f32 / RATE as f32;
    // A tap that is turned on would be speech to it.
    let (from, to, now) = found(&model, &scene(&speech, None)).unwrap();
    assert!((1.0..2.0).contains(&from) && to > end - 0.1 && now < end + 1.2, "{from} {to} {now}");
}

#[test]
fn a_kitchen_in_which_nobody_speaks_says_nothing() {
    let Some(models) = models_with(SILERO) else { return };
    let model = ActivityModel::open(&models.join(SILERO));
    let noise: Vec<f32> = kitchen(15.0, &mut Dice(3)).iter().map(|sample| sample * 0.05).collect();
    assert_eq!(found(&model, &noise), None);
    // And with patience it ends by itself.
    let mut endpointer = model.endpointer(Limits::default());
    let over = noise.chunks(CHUNK).position(|some| endpointer.hear(some) == Progress::Nothing);
    let after = over.unwrap() as f32 * CHUNK as f32 / RATE as f32;
    assert!((5.9..6.3).contains(&after), "{after}");
}
