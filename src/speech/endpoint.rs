//! End-pointing: where in the stream of a microphone somebody begins to speak and has finished.
//!
//! Samples in, at last a [`Clip`] out. Who speaks is told by [`Silero`](super::silero), or, where its weights are not
//! there, by how loud it is. It knows no microphone and no clock: time is counted in samples.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use tracing::warn;

use super::clip::{Clip, RATE};
use super::silero::{FRAME, Silero, Weights};

/// Where Silero's weights lie below the folder of models; `models/catalog.toml` has the same.
pub const SILERO: &str = "silero-vad/ggml-silero-v6.2.0.bin";
/// Seconds per frame.
const FRAME_SECONDS: f32 = FRAME as f32 / RATE as f32;
/// Speech begins above this probability and goes on above the lower one, so that soft endings belong to it.
const BEGINS: f32 = 0.5;
const GOES_ON: f32 = 0.3;
/// So many frames of the last few must be speech for it to begin: a click or a knock is shorter.
const N_BEGINNING: usize = 3;
const N_WATCHED: usize = 5;
/// What is heard before somebody begins, as the first sound is often too soft to be noticed: seconds.
const PRE_ROLL: f32 = 0.5;
/// What is left of the silence at the end, seconds.
const POST_ROLL: f32 = 0.3;

/// How long an utterance may take. All in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Silence that ends it.
    pub silence: f32,
    /// Longest utterance; then what was said so far is it.
    pub longest: f32,
    /// Longest wait for somebody to begin.
    pub patience: f32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { silence: 0.7, longest: 15.0, patience: 6.0 }
    }
}

/// What became of the samples so far.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// Nobody has begun.
    Waiting,
    /// Somebody speaks.
    Speaking,
    /// Somebody has spoken: this, with a little of what was before and after.
    Spoken(Clip),
    /// Nobody has begun in all the time there was.
    Nothing,
}

/// Tells speech from other sounds. One per microphone, as it remembers what it heard.
#[derive(Debug)]
pub enum Activity {
    /// By Silero's network.
    Silero(Box<Silero>),
    /// By how loud it is; music is speech to it.
    Loudness(Loudness),
}

/// Makes an [`Activity`] for each microphone.
#[derive(Debug, Clone)]
pub struct ActivityModel(Option<Arc<Weights>>);

impl ActivityModel {
    /// Loads Silero's weights, or does without, and says so.
    pub fn open(path: &Path) -> Self {
        let weights = Weights::load(path).inspect_err(|error| {
            warn!(
                path = %path.display(), %error,
                "Without Silero's weights the end of speech is found by loudness alone; `homard models pull silero-vad` \
                 fetches them.",
            );
        });
        Self(weights.ok())
    }

    /// Without weights.
    pub fn loudness() -> Self {
        Self(None)
    }

    /// For one microphone.
    pub fn activity(&self) -> Activity {
        match &self.0 {
            Some(weights) => Activity::Silero(Box::new(Silero::new(Arc::clone(weights)))),
            None => Activity::Loudness(Loudness::default()),
        }
    }

    /// For one utterance on one microphone.
    pub fn endpointer(&self, limits: Limits) -> Endpointer {
        Endpointer::new(self.activity(), limits)
    }
}

impl Activity {
    /// The probability, from 0 to 1, that somebody speaks in this frame.
    pub fn probability(&mut self, frame: &[f32; FRAME]) -> f32 {
        match self {
            Self::Silero(silero) => silero.probability(frame),
            Self::Loudness(loudness) => loudness.probability(frame),
        }
    }
}

/// Waits for one utterance.
#[derive(Debug)]
pub struct Endpointer {
    activity: Activity,
    limits: Limits,
    /// Samples that are no whole frame yet.
    rest: Vec<f32>,
    /// What was heard; before somebody begins only as much as is wanted of it.
    heard: VecDeque<f32>,
    /// Whether somebody spoke in each of the last frames, until it begins.
    watched: VecDeque<bool>,
    is_speaking: bool,
    /// Frames since the start or, once somebody has begun, since then.
    n_frames: usize,
    /// Frames of silence at the end.
    n_silent: usize,
}

impl Endpointer {
    /// Waits for somebody to begin.
    pub fn new(activity: Activity, limits: Limits) -> Self {
        Self {
            activity,
            limits,
            rest: Vec::with_capacity(FRAME),
            heard: VecDeque::new(),
            watched: VecDeque::new(),
            is_speaking: false,
            n_frames: 0,
            n_silent: 0,
        }
    }

    /// Takes more samples, as many as there are, between -1 and 1, [`RATE`] a second. After [`Progress::Spoken`] and
    /// [`Progress::Nothing`] it waits for the next utterance; what is left of `samples` is not heard then.
    pub fn hear(&mut self, samples: &[f32]) -> Progress {
        for sample in samples {
            self.rest.push(if sample.is_finite() { *sample } else { 0.0 });
            if let Ok(frame) = <&[f32; FRAME]>::try_from(self.rest.as_slice()) {
                let frame = *frame;
                self.rest.clear();
                let progress = self.hear_frame(&frame);
                if matches!(progress, Progress::Spoken(_) | Progress::Nothing) {
                    return progress;
                }
            }
        }
        if self.is_speaking { Progress::Speaking } else { Progress::Waiting }
    }

    /// Nothing more comes: what was said until now, if anything.
    pub fn end(&mut self) -> Progress {
        if self.is_speaking { self.spoken() } else { self.nothing() }
    }

    /// What is heard from now on is the next utterance. What the network has got used to stays.
    pub fn reset(&mut self) {
        self.rest.clear();
        self.heard.clear();
        self.watched.clear();
        (self.is_speaking, self.n_frames, self.n_silent) = (false, 0, 0);
    }

    fn hear_frame(&mut self, frame: &[f32; FRAME]) -> Progress {
        let probability = self.activity.probability(frame);
        self.heard.extend(frame);
        self.n_frames += 1;
        if self.is_speaking { self.go_on(probability) } else { self.wait(probability) }
    }

    fn wait(&mut self, probability: f32) -> Progress {
        if self.watched.len() == N_WATCHED {
            self.watched.pop_front();
        }
        self.watched.push_back(probability >= BEGINS);
        let n_speech = self.watched.iter().filter(|is_speech| **is_speech).count();
        if n_speech >= N_BEGINNING {
            (self.is_speaking, self.n_frames, self.n_silent) = (true, n_speech, 0);
            return Progress::Speaking;
        }
        let kept = samples(PRE_ROLL) + N_WATCHED * FRAME;
        if self.heard.len() > kept {
            self.heard.drain(..self.heard.len() - kept);
        }
        // Whoever is just beginning is heard out.
        if self.seconds() >= self.limits.patience && n_speech == 0 {
            return self.nothing();
        }
        Progress::Waiting
    }

    fn go_on(&mut self, probability: f32) -> Progress {
        self.n_silent = if probability >= GOES_ON { 0 } else { self.n_silent + 1 };
        let is_over = self.n_silent as f32 * FRAME_SECONDS >= self.limits.silence;
        if is_over || self.seconds() >= self.limits.longest {
            return self.spoken();
        }
        Progress::Speaking
    }

    fn seconds(&self) -> f32 {
        self.n_frames as f32 * FRAME_SECONDS
    }

    fn spoken(&mut self) -> Progress {
        let unwanted = (self.n_silent * FRAME).saturating_sub(samples(POST_ROLL));
        self.heard.truncate(self.heard.len() - unwanted.min(self.heard.len()));
        let clip = Clip::new(self.heard.iter().copied().collect(), RATE);
        self.reset();
        clip.map_or(Progress::Nothing, Progress::Spoken)
    }

    fn nothing(&mut self) -> Progress {
        self.reset();
        Progress::Nothing
    }
}

fn samples(seconds: f32) -> usize {
    (seconds * RATE as f32) as usize
}

/// Speech by loudness: what is clearly louder than the quietest of the last seconds.
#[derive(Debug, Default)]
pub struct Loudness {
    /// The levels of the last frames, in dB of full scale.
    levels: VecDeque<f32>,
}

/// Frames in which a pause is found even while somebody speaks.
const N_LEVELS: usize = 94;
/// Speech is so much louder than the room, in dB.
const ABOVE: f32 = 10.0;
/// What is quieter than this is silence in any room, in dB of full scale.
const QUIET: f32 = -50.0;

impl Loudness {
    fn probability(&mut self, frame: &[f32; FRAME]) -> f32 {
        let power = frame.iter().map(|sample| sample * sample).sum::<f32>() / FRAME as f32;
        let level = 10.0 * (power + 1e-10).log10();
        if self.levels.len() == N_LEVELS {
            self.levels.pop_front();
        }
        self.levels.push_back(level);
        let room = self.levels.iter().copied().fold(0.0, f32::min).max(QUIET - ABOVE);
        // Even odds where it is as much louder as speech is at least.
        1.0 / (1.0 + (room + ABOVE - level).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds of a tone as loud as speech, or of a room that is nearly silent.
    fn sound(parts: &[(f32, bool)]) -> Vec<f32> {
        let mut all = Vec::new();
        for (seconds, is_loud) in parts {
            let loud = if *is_loud { 0.2 } else { 0.002 };
            all.extend((0..samples(*seconds)).map(|at| (at as f32 * 0.3).sin() * loud));
        }
        all
    }

    /// What comes of it, and after how many seconds.
    fn heard(parts: &[(f32, bool)]) -> (Progress, f32) {
        let mut endpointer = ActivityModel::loudness().endpointer(Limits::default());
        let all = sound(parts);
        for (at, some) in all.chunks(100).enumerate() {
            let progress = endpointer.hear(some);
            if matches!(progress, Progress::Spoken(_) | Progress::Nothing) {
                return (progress, at as f32 * 100.0 / RATE as f32);
            }
        }
        (endpointer.hear(&[]), all.len() as f32 / RATE as f32)
    }

    #[test]
    fn an_utterance_ends_with_a_silence_or_when_it_is_too_long() {
        // What is played, how long the clip is and when it comes; a clip of no length is nothing said.
        let check = |parts: &[(f32, bool)], length: f32, at: f32| {
            let (progress, when) = heard(parts);
            let found = match &progress {
                Progress::Spoken(clip) => clip.seconds(),
                Progress::Nothing => 0.0,
                other => panic!("{parts:?}: {other:?}"),
            };
            assert!((found - length).abs() < 0.15, "{parts:?}: {found} s instead of {length}");
            assert!((when - at).abs() < 0.15, "{parts:?}: after {when} s instead of {at}");
        };
        check(&[(1.0, false), (1.5, true), (2.0, false)], 2.3, 3.2);
        check(&[(1.0, false), (1.0, true), (0.5, false), (1.0, true), (1.0, false)], 3.3, 4.2);
        check(&[(10.0, false)], 0.0, 6.0);
        // A knock is nobody's word.
        check(&[(1.0, false), (0.05, true), (10.0, false)], 0.0, 6.0);
        // Who begins late is heard out.
        check(&[(5.8, false), (1.0, true), (2.0, false)], 1.8, 7.5);
    }

    #[test]
    fn nothing_grows_without_an_end_and_what_is_no_number_is_silence() {
        let mut endpointer = ActivityModel::loudness()
            .endpointer(Limits { patience: f32::MAX, ..Limits::default() });
        for _ in 0..200 {
            assert_eq!(endpointer.hear(&[f32::NAN; RATE as usize / 2]), Progress::Waiting);
        }
        assert!(endpointer.heard.len() < RATE as usize, "{}", endpointer.heard.len());
        let mut is_over = false;
        for at in 0..40 {
            let loud = sound(&[(0.3, true), (0.2, false)]);
            if let Progress::Spoken(clip) = endpointer.hear(&loud) {
                assert!((15.0..16.0).contains(&clip.seconds()), "{}", clip.seconds());
                assert!(at > 25, "{at}");
                is_over = true;
                break;
            }
        }
        assert!(is_over);
    }
}
