//! The wake word: the sound of one word, noticed by a small network that always listens, and nothing else of what is said.
//!
//! Three stages: `mel` (a spectrogram), `embedding` (what a second of it is like, by Google's network, the same for every
//! word) and `word` (whether that is the word: a few thousand weights of our own, trained by `train`). No sound is kept
//! longer than a column of the spectrogram takes.

mod embedding;
mod lesson;
mod mel;
mod onnx;
mod train;
mod word;

use std::path::Path;
use std::sync::Arc;

use self::embedding::Memory;
pub use self::lesson::{Lesson, in_kitchen};
use self::mel::Mel;
pub use self::train::{Examples, Learnt, train};
pub use self::word::WakeWord;

/// Where the embedding's network lies below the folder of models; `models/catalog.toml` has the same.
pub const EMBEDDING: &str = "wake-embedding/embedding_model.onnx";
/// Embeddings after a wake in which it is not noticed again: it is still the same word. About 1.2 seconds.
const QUIET: usize = 15;
/// What the recogniser finds ([`Whisper::weigh`](crate::speech::Whisper::weigh)) and a third of what the network found
/// must come to this at half sensitivity, so that each makes up for what the other is not sure of; how much the whole
/// range of sensitivity moves it; and how much more the network notices where the recogniser makes sure of it. From
/// `make bench-wake`: between what calls and what other talk come to.
const CALLED: f32 = 1.8;
const PART: f32 = 1.0 / 3.0;
const RANGE: f32 = 4.0;
const EAGER: f32 = 0.5;
/// In how many of the last embeddings it must be noticed.
const CONFIRMED: usize = 2;

/// Whether what the network noticed, with this [`Wake::score`], is the word, after the recogniser has weighed it.
pub fn is_called(score: f32, weight: f32, sensitivity: f32) -> bool {
    weight + score * PART >= CALLED + (0.5 - sensitivity.clamp(0.0, 1.0)) * RANGE
}

/// A network that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WakeError {
    /// The file cannot be read or written.
    #[error("it cannot be read: {0}")]
    File(#[from] std::io::Error),
    /// It is something else, or cut off.
    #[error("it is no wake word that is known: {0}")]
    Format(&'static str),
    /// There is too little to learn from.
    #[error("too few examples to learn from: {0}")]
    Examples(&'static str),
}

/// The embedding's network, which every word and every microphone shares.
#[derive(Debug, Clone)]
pub struct WakeModel(Arc<embedding::Weights>);

impl WakeModel {
    /// Reads the network, openWakeWord's `embedding_model.onnx`.
    ///
    /// # Errors
    /// When it cannot be read or is something else.
    pub fn load(path: &Path) -> Result<Self, WakeError> {
        Ok(Self(Arc::new(embedding::Weights::load(path)?)))
    }

    /// Waits for a word on one microphone where [`is_called`] makes sure of what is noticed, so that little is missed.
    pub fn notice(&self, word: Arc<WakeWord>, sensitivity: f32) -> Wake {
        self.wait_for(word, sensitivity + EAGER)
    }

    /// Waits for a word on one microphone. `sensitivity` is from 0, which nearly nothing wakes, over 0.5, as it was
    /// measured, to 1, which much wakes.
    pub fn wait_for(&self, word: Arc<WakeWord>, sensitivity: f32) -> Wake {
        let threshold = word.threshold(sensitivity);
        let listener = Listener::new(self);
        Wake { listener, last: Vec::new(), word, threshold, n_noticed: 0, quiet: 0, peak: 0.0 }
    }
}

/// Embeddings of a stream of samples.
#[derive(Debug)]
struct Listener {
    weights: Arc<embedding::Weights>,
    mel: Mel,
    memory: Memory,
}

impl Listener {
    fn new(model: &WakeModel) -> Self {
        Self { weights: Arc::clone(&model.0), mel: Mel::new(), memory: Memory::new() }
    }

    /// Hands each embedding that these samples complete to `each`.
    fn hear(&mut self, samples: &[f32], mut each: impl FnMut([f32; embedding::SIZE])) {
        let Self { weights, mel, memory } = self;
        mel.hear(samples, |column| {
            if let Some(embedding) = memory.hear(weights, column) {
                each(embedding);
            }
        });
    }
}

/// Waits for the word on one microphone.
#[derive(Debug)]
pub struct Wake {
    listener: Listener,
    /// The last embeddings, the oldest first.
    last: Vec<f32>,
    word: Arc<WakeWord>,
    threshold: f32,
    n_noticed: usize,
    /// Embeddings until it is noticed again.
    quiet: usize,
    /// The highest score since it was noticed.
    peak: f32,
}

impl Wake {
    /// Takes more samples, 16,000 a second between -1 and 1. True when the word has just been said.
    pub fn hear(&mut self, samples: &[f32]) -> bool {
        let mut is_awake = false;
        let Self { listener, last, word, threshold, n_noticed, quiet, peak } = self;
        listener.hear(samples, |embedding| {
            let Some(score) = word.score(last, &embedding) else { return };
            *n_noticed = if score >= *threshold { *n_noticed + 1 } else { 0 };
            if *quiet > 0 {
                *quiet -= 1;
                *peak = peak.max(score);
            } else if *n_noticed >= CONFIRMED {
                *quiet = QUIET;
                *peak = score;
                is_awake = true;
            }
        });
        is_awake
    }

    /// How far above the threshold it was learnt for what was last noticed has been so far.
    pub fn score(&self) -> f32 {
        self.peak - self.word.threshold
    }

    /// What comes does not continue what came before.
    pub fn reset(&mut self) {
        self.listener.mel = Mel::new();
        self.listener.memory = Memory::new();
        self.last.clear();
        (self.n_noticed, self.quiet) = (0, 0);
    }
}
