//! Listening to recordings: the recogniser, as the port for browsers and programs wants it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::time::Instant;
use tracing::warn;

use crate::catalog::Catalog;
use crate::speech::{Clip, Heard, Patience, Recogniser, Request, SpeechError, Weights};
use crate::web::{Hearing, Listen, Recording, Transcript, Unheard};

/// Models of the catalogue: for many languages, and for English alone.
const ANY: &str = "whisper-base";
const ENGLISH: &str = "whisper-tiny.en";

/// Listens with the weights in this folder, in these languages, the home's own first.
pub(super) fn listen(models: &Path, languages: Vec<String>) -> Listen {
    let weights = Weights { any: file(models, ANY), english: file(models, ENGLISH) };
    let recogniser = Recogniser::start(weights, Patience::default())
        .inspect_err(|error| warn!(%error, "There is no thread for speech recognition."))
        .ok();
    Arc::new(move |recording: Recording| -> Hearing {
        let (recogniser, languages) = (recogniser.clone(), languages.clone());
        Box::pin(async move {
            let recogniser = recogniser
                .ok_or_else(|| Unheard::NotNow("the system has no thread left".to_owned()))?;
            hear(&recogniser, languages, recording).await
        })
    })
}

/// The weights of a model of the catalogue, in the folder of models.
fn file(models: &Path, name: &str) -> PathBuf {
    let catalog = Catalog::built_in().ok();
    let model = catalog.as_ref().and_then(|catalog| catalog.model(name));
    let file = model.and_then(|model| model.files.first());
    file.map_or_else(|| models.join(name), |file| models.join(&file.path))
}

async fn hear(
    recogniser: &Recogniser,
    languages: Vec<String>,
    recording: Recording,
) -> Result<Transcript, Unheard> {
    let began = Instant::now();
    let Recording { bytes, language, hint } = recording;
    // Unpacking and resampling take milliseconds, too long for a thread that serves others.
    let clip = tokio::task::spawn_blocking(move || Clip::read(&bytes))
        .await
        .map_err(|_| Unheard::NoRecording("the recording is damaged".to_owned()))?
        .map_err(|error| Unheard::NoRecording(error.to_string()))?;
    let languages = match language {
        Some(language) => vec![language],
        None => languages,
    };
    let spoken = languages.iter().map(|tag| base(tag).to_owned()).collect();
    let heard = recogniser.hear(Request { clip, languages: spoken, hint }).await.map_err(told)?;
    // The house knows `fr-CA` where whisper knows `fr`.
    let language = languages.into_iter().find(|tag| base(tag) == heard.language);
    let language = language.unwrap_or_else(|| heard.language.clone());
    let Heard { text, others, .. } = heard;
    Ok(Transcript { text, others, language, took: began.elapsed() })
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
        | SpeechError::TooSlow(_)
        | SpeechError::Busy
        | SpeechError::Failed(_) => Unheard::NotNow(text),
    }
}
