//! Attention: asleep until the wake word, then all ears for one utterance.
//!
//! Samples in, what is noticed out. It knows neither the microphone nor what becomes of an utterance. Nothing that was
//! said before the wake word leaves it, but the word's own sound for whoever makes sure of it, and the beginning of an
//! answer to what the house asked.

use super::clip::{Clip, RATE};
use super::endpoint::{Endpointer, Progress};
use super::wake::Wake;

/// Samples before the wake was noticed that belong to what follows it, as many go on speaking without a pause.
const OVERLAP: usize = RATE as usize / 8;
/// Samples that are kept, for the word's sound and for an answer that began before the question was over.
const KEPT: usize = RATE as usize * 7 / 5;
/// Samples after it was noticed by which it has been most like the word.
const PEAK: usize = RATE as usize / 4;
/// Of what is kept, what belongs to such an answer.
const BEGINNING: usize = RATE as usize;
/// An utterance right behind the wake word that is shorter, in seconds with the silence around it, is the end of that
/// word: who calls it often waits for its tone.
const TAIL: f32 = 0.75;

/// What it notices.
#[derive(Debug, Clone, PartialEq)]
pub enum Noticed {
    /// What sounds like the wake word, to be made sure of, and [how much](Wake::score). It listens already; until
    /// [`Attention::believe`] is told, nothing else is noticed.
    Called(Clip, f32),
    /// What was said after it.
    Spoken(Clip),
    /// Nothing was said after it.
    Nothing,
}

/// How much attention there is.
#[derive(Debug, PartialEq)]
enum Mood {
    /// Waits for the wake word.
    Asleep,
    /// Listens, though that may not have been the wake word. What was said since.
    Doubtful(Option<Noticed>),
    /// Listens.
    Awake,
}

/// Waits for the wake word, then for what is said.
#[derive(Debug)]
pub struct Attention {
    wake: Wake,
    endpointer: Endpointer,
    mood: Mood,
    /// It was called, and nothing was said since.
    is_fresh: bool,
    /// Samples until what was noticed is told.
    n_to_peak: Option<usize>,
    /// The last samples.
    last: Vec<f32>,
}

impl Attention {
    /// Asleep. `endpointer` says how long it listens.
    pub fn new(wake: Wake, endpointer: Endpointer) -> Self {
        let last = Vec::with_capacity(2 * KEPT);
        Self { wake, endpointer, mood: Mood::Asleep, is_fresh: false, n_to_peak: None, last }
    }

    /// Whether it listens to what is said now.
    pub fn is_awake(&self) -> bool {
        self.mood != Mood::Asleep
    }

    /// Listens at once, without its wake word: the house has asked something. What was heard in the last second belongs
    /// to the answer where `began_before` says that it has begun already.
    pub fn listen(&mut self, began_before: bool) {
        self.begin(Mood::Awake, if began_before { BEGINNING } else { 0 });
    }

    /// Whether what it was called by was the wake word. What was said meanwhile comes now.
    pub fn believe(&mut self, was_called: bool) -> Option<Noticed> {
        let Mood::Doubtful(said) = &mut self.mood else { return None };
        let said = said.take();
        if was_called && said.is_none() {
            self.mood = Mood::Awake;
        } else {
            self.sleep();
        }
        said.filter(|_| was_called)
    }

    /// Goes back to waiting for the wake word.
    pub fn sleep(&mut self) {
        self.mood = Mood::Asleep;
        self.n_to_peak = None;
        self.endpointer.reset();
    }

    /// Takes more samples, [`RATE`] a second; none at all say that what comes does not continue what came before.
    pub fn hear(&mut self, samples: &[f32]) -> Option<Noticed> {
        if samples.is_empty() {
            self.wake.reset();
            self.last.clear();
            let was_awake = self.is_awake();
            self.sleep();
            return was_awake.then_some(Noticed::Nothing);
        }
        // It hears its name also while it listens: somebody begins anew.
        if self.wake.hear(samples) {
            self.begin(Mood::Doubtful(None), OVERLAP);
            (self.is_fresh, self.n_to_peak) = (true, Some(PEAK));
        } else if self.is_awake() {
            let noticed = self.listen_to(samples);
            if noticed.is_some() {
                return noticed;
            }
        }
        self.last.extend_from_slice(samples);
        self.last.drain(..self.last.len().saturating_sub(KEPT));
        let n_left = self.n_to_peak?.saturating_sub(samples.len());
        self.n_to_peak = (n_left > 0).then_some(n_left);
        if n_left > 0 {
            return None;
        }
        let clip = Clip::new(self.last.clone(), RATE).ok()?;
        Some(Noticed::Called(clip, self.wake.score()))
    }

    fn listen_to(&mut self, samples: &[f32]) -> Option<Noticed> {
        let noticed = match self.endpointer.hear(samples) {
            Progress::Waiting | Progress::Speaking => return None,
            Progress::Spoken(clip) if self.is_fresh && clip.seconds() < TAIL => {
                self.is_fresh = false;
                return None;
            }
            Progress::Spoken(clip) => Noticed::Spoken(clip),
            Progress::Nothing => Noticed::Nothing,
        };
        match &mut self.mood {
            // What comes after what was said is nobody's order.
            Mood::Doubtful(said) => {
                said.get_or_insert(noticed);
                None
            }
            Mood::Asleep | Mood::Awake => {
                self.sleep();
                Some(noticed)
            }
        }
    }

    fn begin(&mut self, mood: Mood, n_before: usize) {
        self.mood = mood;
        (self.is_fresh, self.n_to_peak) = (false, None);
        self.endpointer.reset();
        let from = self.last.len().saturating_sub(n_before);
        self.endpointer.hear(&self.last[from..]);
    }
}
