//! Attention: asleep until the wake word, then all ears for one utterance.
//!
//! Samples in, what is noticed out. It knows neither the microphone nor what becomes of an utterance. Nothing that was
//! said before the wake word leaves it.

use super::clip::{Clip, RATE};
use super::endpoint::{Endpointer, Progress};
use super::wake::Wake;

/// Samples before the wake was noticed that belong to what follows it, as many go on speaking without a pause.
const OVERLAP: usize = RATE as usize / 8;

/// What it notices.
#[derive(Debug, Clone, PartialEq)]
pub enum Noticed {
    /// The wake word.
    Awake,
    /// What was said after it.
    Spoken(Clip),
    /// Nothing was said after it.
    Nothing,
}

/// Waits for the wake word, then for what is said.
#[derive(Debug)]
pub struct Attention {
    wake: Wake,
    endpointer: Endpointer,
    is_awake: bool,
    /// The last samples, while asleep.
    last: Vec<f32>,
}

impl Attention {
    /// Asleep. `endpointer` says how long it listens.
    pub fn new(wake: Wake, endpointer: Endpointer) -> Self {
        Self { wake, endpointer, is_awake: false, last: Vec::with_capacity(2 * OVERLAP) }
    }

    /// Whether it listens to what is said now.
    pub fn is_awake(&self) -> bool {
        self.is_awake
    }

    /// Takes more samples, [`RATE`] a second; none at all say that what comes does not continue what came before.
    pub fn hear(&mut self, samples: &[f32]) -> Option<Noticed> {
        if samples.is_empty() {
            self.wake.reset();
            self.last.clear();
            return self.is_awake.then(|| self.sleep(Noticed::Nothing));
        }
        // It hears its name also while it listens: somebody begins anew.
        if self.wake.hear(samples) {
            self.is_awake = true;
            self.endpointer.reset();
            self.endpointer.hear(&self.last);
            self.last.clear();
            return Some(Noticed::Awake);
        }
        if !self.is_awake {
            self.last.extend_from_slice(samples);
            self.last.drain(..self.last.len().saturating_sub(OVERLAP));
            return None;
        }
        match self.endpointer.hear(samples) {
            Progress::Waiting | Progress::Speaking => None,
            Progress::Spoken(clip) => Some(self.sleep(Noticed::Spoken(clip))),
            Progress::Nothing => Some(self.sleep(Noticed::Nothing)),
        }
    }

    fn sleep(&mut self, noticed: Noticed) -> Noticed {
        self.is_awake = false;
        self.endpointer.reset();
        noticed
    }
}
