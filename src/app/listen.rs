//! Listening to recordings: the owner's own engine or the recogniser, as the port for browsers and programs wants it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::time::Instant;
use tracing::warn;

use super::languages::Speech;
use super::memory::{Holder, Keeper};
use super::outgoing::Outgoing;
use super::spoken;
use super::wyoming::engine;
use crate::assistant;
use crate::catalog::Catalog;
use crate::config::Config;
use crate::hub::HubHandle;
use crate::speech::{
    Clip, Heard, Part, Patience, Phrase, Recogniser, Request, SpeechError, Weights,
};
use crate::web::{Hearing, Listen, Recording, Transcript, Unheard};
use crate::wyoming::{Engine, Words};

/// Models of the catalogue: for many languages, and for English alone.
const ANY: &str = "whisper-base";
const ENGLISH: &str = "whisper-tiny.en";

/// The house's ears: the engine that its owner prefers, the recogniser, and the languages that are spoken, the home's own
/// first. Cheap to clone.
#[derive(Clone)]
pub(super) struct Ears {
    preferred: Option<(Engine, Outgoing)>,
    recogniser: Option<Recogniser>,
    languages: Arc<[String]>,
}

impl Ears {
    /// With the weights in this folder, where the owner's engine does not answer or there is none.
    pub(super) fn open(
        models: &Path,
        config: &Config,
        outgoing: &Outgoing,
        keeper: Keeper,
    ) -> Self {
        let weights = Weights { any: file(models, ANY), english: file(models, ENGLISH) };
        let make_room = move |bytes| keeper.make_room(bytes);
        let recogniser = Recogniser::start(weights, Patience::default(), make_room)
            .inspect_err(|error| warn!(%error, "There is no thread for speech recognition."))
            .ok();
        let stt = config.voice.stt.as_ref();
        let preferred = stt.map(|peer| (engine(peer), outgoing.clone()));
        Self { preferred, recogniser, languages: spoken(&config.home).into() }
    }

    /// What it holds of the board's memory, where there is a recogniser.
    pub(super) fn holder(&self, models: &Path) -> Option<Holder> {
        let catalog = Catalog::built_in().ok()?;
        let here = [ANY, ENGLISH].into_iter().filter(|name| file(models, name).exists());
        let mib = here.filter_map(|name| Some(catalog.model(name)?.memory_mib)).max()?;
        let (asked, told) = (self.recogniser.clone()?, self.recogniser.clone()?);
        Some(Holder {
            name: "speech recognition",
            bytes: Box::new(move || u64::from(mib) << 20),
            is_loaded: Box::new(move || asked.is_loaded()),
            give_back: Box::new(move || told.give_back()),
        })
    }

    /// From now on it listens for the orders that the words and names of this house make.
    pub(super) fn expect(&self, speech: Speech, hub: HubHandle) {
        let Some(recogniser) = &self.recogniser else { return };
        recogniser.expect(move |language| {
            let words = hub.read(|home| speech.assistant().expects(language, home));
            let phrase = |(text, part)| Phrase { text, part: part_of(part) };
            words.into_iter().map(phrase).collect()
        });
    }

    /// Whether a phrase is said in a recording ([`Whisper::weigh`](crate::speech::Whisper::weigh)), where there is a
    /// recogniser that has time.
    pub(super) async fn weigh(&self, clip: Clip, phrase: String) -> Option<f32> {
        let spoken = self.languages.iter().map(|tag| base(tag).to_owned()).collect();
        self.recogniser.as_ref()?.weigh(clip, phrase, spoken).await.ok()
    }

    /// The words of a recording in one of the languages, or in this one; some names may well be heard.
    pub(super) async fn words(
        &self,
        clip: Clip,
        language: Option<String>,
        hint: String,
    ) -> Result<Transcript, Unheard> {
        let began = Instant::now();
        if let Some(Words { text, others, language }) =
            self.by_preferred(&clip, language.as_deref()).await
        {
            return Ok(Transcript { text, others, language, took: began.elapsed() });
        }
        let recogniser = self
            .recogniser
            .as_ref()
            .ok_or_else(|| Unheard::NotNow("the system has no thread left".to_owned()))?;
        let languages = language.map_or_else(|| self.languages.to_vec(), |one| vec![one]);
        let spoken = languages.iter().map(|tag| base(tag).to_owned()).collect();
        let heard =
            recogniser.hear(Request { clip, languages: spoken, hint }).await.map_err(told)?;
        // The house knows `fr-CA` where whisper knows `fr`.
        let language = languages.into_iter().find(|tag| base(tag) == heard.language);
        let language = language.unwrap_or_else(|| heard.language.clone());
        let Heard { text, others, .. } = heard;
        Ok(Transcript { text, others, language, took: began.elapsed() })
    }

    /// What the engine that the owner prefers has heard, if there is one and it answers.
    async fn by_preferred(&self, clip: &Clip, language: Option<&str>) -> Option<Words> {
        let (engine, outgoing) = self.preferred.as_ref()?;
        outgoing.note(&engine.host, Some(engine.port), "stt", "");
        let home = self.languages.first().map_or("en", String::as_str);
        let words = engine.transcribe(clip, language.unwrap_or(home)).await;
        words.inspect_err(|error| warn!(%error, "Homard listens by itself for now.")).ok()
    }
}

fn part_of(part: assistant::Part) -> Part {
    match part {
        assistant::Part::Deed => Part::Deed,
        assistant::Part::Thing => Part::Thing,
        assistant::Part::Other => Part::Other,
        assistant::Part::Glue => Part::Glue,
    }
}

/// The weights of a model of the catalogue, in the folder of models.
fn file(models: &Path, name: &str) -> PathBuf {
    let catalog = Catalog::built_in().ok();
    models.join(catalog.as_ref().and_then(|catalog| catalog.path(name)).unwrap_or(name))
}

/// The ears, as the port for browsers and programs wants them.
pub(super) fn listen(ears: Ears) -> Listen {
    Arc::new(move |recording: Recording| -> Hearing {
        let ears = ears.clone();
        Box::pin(async move {
            let Recording { bytes, language, hint } = recording;
            // Unpacking and resampling take milliseconds, too long for a thread that serves others.
            let clip = tokio::task::spawn_blocking(move || Clip::read(&bytes))
                .await
                .map_err(|_| Unheard::NoRecording("the recording is damaged".to_owned()))?
                .map_err(|error| Unheard::NoRecording(error.to_string()))?;
            ears.words(clip, language, hint).await
        })
    })
}

/// `fr` of `fr-CA`.
fn base(tag: &str) -> &str {
    tag.split(['-', '_']).next().unwrap_or(tag)
}

fn told(error: SpeechError) -> Unheard {
    let text = error.to_string();
    match error {
        SpeechError::NotInstalled => Unheard::NotHere(text),
        SpeechError::Weights { .. }
        | SpeechError::NoRoom { .. }
        | SpeechError::TooSlow(_)
        | SpeechError::Busy
        | SpeechError::Failed(_) => Unheard::NotNow(text),
    }
}
