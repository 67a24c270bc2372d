//! Interruption: whether somebody speaks while the house does, told from the house's own voice in its microphone.
//!
//! It knows how loud the loudspeaker is and learns how much of that comes back, as the two stand where they stand. What
//! is clearly louder than that and is speech is somebody else's. It does not take the voice out of the sound; a word that
//! is softer than the house's own voice is not noticed here, though the wake word may be.

use std::collections::VecDeque;

use super::endpoint::Activity;
use super::silero::FRAME;

/// Frames, of 32 milliseconds each, in which it learns how much comes back before it believes anything.
const N_LEARNT: usize = 25;
/// Somebody else is so much louder than what comes back: 6 dB, as power.
const LOUDER: f32 = 4.0;
/// Speech, by the probability that [`Activity`] tells.
const IS_SPEECH: f32 = 0.5;
/// So many frames of the last few must be somebody else's.
const N_FOREIGN: usize = 8;
const N_WATCHED: usize = 12;
/// What is softer is nobody's who wants to be heard: -50 dB of full scale, as power.
const QUIET: f32 = 1e-5;
/// A loudspeaker that gives less is silent: -60 dB of full scale.
const SILENT: f32 = 1e-6;
/// How fast what was learnt follows what is heard, per frame: up while it is believed to be the own voice, down always.
const RISES: f32 = 0.05;
const FALLS: f32 = 0.999;

/// Listens for somebody else while the house speaks. One per microphone, as it remembers the room.
#[derive(Debug)]
pub struct Interruption {
    activity: Activity,
    /// Samples that are no whole frame yet.
    rest: Vec<f32>,
    /// The part of the loudspeaker's power that comes back.
    coupling: f32,
    n_learnt: usize,
    /// Whether each of the last frames was somebody else's.
    watched: VecDeque<bool>,
}

impl Interruption {
    /// One that knows nothing of the room.
    pub fn new(activity: Activity) -> Self {
        Self {
            activity,
            rest: Vec::with_capacity(FRAME),
            coupling: 0.0,
            n_learnt: 0,
            watched: VecDeque::with_capacity(N_WATCHED),
        }
    }

    /// Takes more samples of the microphone, while the loudspeaker is as loud as `given`
    /// ([`power`](super::Loudspeaker::power)). True when somebody else has begun to speak.
    pub fn hear(&mut self, samples: &[f32], given: f32) -> bool {
        let mut is_interrupted = false;
        for sample in samples {
            self.rest.push(if sample.is_finite() { *sample } else { 0.0 });
            if let Ok(frame) = <&[f32; FRAME]>::try_from(self.rest.as_slice()) {
                let frame = *frame;
                self.rest.clear();
                is_interrupted |= self.hear_frame(&frame, given);
            }
        }
        is_interrupted
    }

    /// The house has ended speaking. What was learnt of the room stays.
    pub fn rest(&mut self) {
        self.rest.clear();
        self.watched.clear();
    }

    fn hear_frame(&mut self, frame: &[f32; FRAME], given: f32) -> bool {
        if given < SILENT {
            return false;
        }
        let probability = self.activity.probability(frame);
        let power = frame.iter().map(|sample| sample * sample).sum::<f32>() / FRAME as f32;
        let part = power / given;
        if self.n_learnt < N_LEARNT {
            self.n_learnt += 1;
            self.coupling = self.coupling.max(part);
            return false;
        }
        self.coupling *= FALLS;
        let is_louder = power > QUIET && part > self.coupling * LOUDER;
        if !is_louder && part > self.coupling {
            self.coupling += (part - self.coupling) * RISES;
        }
        if self.watched.len() == N_WATCHED {
            self.watched.pop_front();
        }
        self.watched.push_back(is_louder && probability >= IS_SPEECH);
        let is_interrupted =
            self.watched.iter().filter(|is_foreign| **is_foreign).count() >= N_FOREIGN;
        if is_interrupted {
            self.watched.clear();
        }
        is_interrupted
    }
}

#[cfg(test)]
mod tests {
    use super::super::endpoint::ActivityModel;
    use super::*;

    /// A second of sound of some loudness, with the rises and falls that speech has.
    fn sound(loud: f32) -> Vec<f32> {
        let swell = |at: f32| 0.3 + 0.7 * (at * 0.0012).sin().abs();
        (0..16_000).map(|at| (at as f32 * 0.2).sin() * loud * swell(at as f32)).collect()
    }

    /// Seconds in which the house speaks and this comes back of it, and how loud somebody else is meanwhile; whether that
    /// was noticed in each.
    fn noticed(comes_back: f32, seconds: &[f32]) -> Vec<bool> {
        let mut interruption = Interruption::new(ActivityModel::loudness().activity());
        let given = 0.03;
        // A quiet room first, by which loudness tells what speech is.
        interruption.activity.probability(&[0.0001; FRAME]);
        let hear = |other: &f32| {
            let own = sound(comes_back);
            // Another voice, with other rises and falls.
            let mixed: Vec<f32> = match *other {
                0.0 => own,
                other => own.iter().zip(sound(other).iter().rev()).map(|(a, b)| a + b).collect(),
            };
            // All of it is heard, whatever was noticed.
            mixed.chunks(400).filter(|some| interruption.hear(some, given)).count() > 0
        };
        seconds.iter().map(hear).collect()
    }

    #[test]
    fn somebody_else_is_told_from_the_own_voice() {
        let check = |comes_back: f32, seconds: &[f32], expected: &[bool]| {
            assert_eq!(noticed(comes_back, seconds), expected, "{comes_back} {seconds:?}");
        };
        // Nobody else, however near the loudspeaker stands.
        for comes_back in [0.0, 0.01, 0.1, 0.5] {
            check(comes_back, &[0.0; 20], &[false; 20]);
        }
        // Somebody who is louder than what comes back, and somebody who is not.
        check(0.02, &[0.0, 0.0, 0.2], &[false, false, true]);
        check(0.2, &[0.0, 0.0, 0.1, 0.0], &[false; 4]);
        // A microphone that hears nothing of the loudspeaker.
        check(0.0, &[0.0, 0.05], &[false, true]);
        // Who speaks while it still learns is noticed once it has forgotten that.
        check(0.02, &[0.2, 0.2, 0.2], &[false; 3]);
    }

    #[test]
    fn nothing_is_noticed_while_the_house_is_silent() {
        let mut interruption = Interruption::new(ActivityModel::loudness().activity());
        for _ in 0..10 {
            assert!(!interruption.hear(&sound(0.3), 0.0));
        }
        assert!(!interruption.hear(&[f32::NAN; 16_000], 0.1));
    }
}
