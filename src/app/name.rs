//! The word by which this house is called: what notices it in a microphone's sound, and what makes sure of it.
//!
//! Two stages. A small network always listens and misses little; what it notices the recogniser is asked about, which
//! knows far more of speech and costs nothing while nobody seems to call.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};

use super::listen::Ears;
use crate::config::{Voice, WakeWord};
use crate::speech::{self, Clip, EMBEDDING, RATE, Sound, Wake, WakeModel};

/// What calls the house. Cheap to clone.
#[derive(Clone)]
pub(super) struct Name {
    model: WakeModel,
    word: Arc<speech::WakeWord>,
    /// From 0, which nearly nothing wakes, to 1.
    sensitivity: f32,
    ears: Ears,
}

impl Name {
    /// The owner's word, with the network in this folder of models.
    ///
    /// # Errors
    /// When either cannot be read.
    pub(super) fn open(voice: &Voice, models: &Path, ears: &Ears) -> Result<Self> {
        let model = WakeModel::load(&models.join(EMBEDDING)).with_context(
            || "the wake word's model is not there; `homard models pull wake-embedding` fetches it",
        )?;
        let word = match &voice.wake_word {
            WakeWord::BuiltIn => speech::WakeWord::built_in()?,
            WakeWord::File(path) => std::fs::read(path)
                .map_err(anyhow::Error::from)
                .and_then(|bytes| Ok(speech::WakeWord::from_bytes(&bytes)?))
                .with_context(|| format!("the wake word `{}`", path.display()))?,
        };
        let (word, sensitivity) = (Arc::new(word), voice.sensitivity);
        Ok(Self { model, word, sensitivity, ears: ears.clone() })
    }

    /// As people write it.
    pub(super) fn word(&self) -> &str {
        self.word.name()
    }

    /// The first stage, for one microphone.
    pub(super) fn detector(&self) -> Wake {
        self.model.notice(Arc::clone(&self.word), self.sensitivity)
    }

    /// The second stage. Where there is no recogniser, or it has no time, the first is believed.
    pub(super) async fn is_in(&self, clip: Clip, score: f32) -> bool {
        let weight = self.ears.weigh(clip, self.word().to_owned()).await;
        weight.is_none_or(|weight| speech::is_called(score, weight, self.sensitivity))
    }

    /// Whether a sound would wake the house that makes it, as far as the first stage can tell.
    pub(super) fn is_said_by(&self, sound: &Sound) -> bool {
        /// Samples that are heard at once, and silence before and after a sound.
        const PIECE: usize = 1_600;
        let around = [0.0; RATE as usize];
        let mut wake = self.detector();
        let all = [around.as_slice(), &sound.heard_as(RATE), &around].concat();
        all.chunks(PIECE).any(|some| wake.hear(some))
    }
}
