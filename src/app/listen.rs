//! Listening to recordings: the recogniser, as the port for browsers and programs wants it.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tracing::warn;

use crate::speech::{Clip, Recogniser, Request, SpeechError, Weights};
use crate::web::{Hearing, Listen, Recording, Transcript, Unheard};

/// Below the folder of models; `models/catalog.toml` has the same.
const ANY: &str = "whisper-base/ggml-base-q8_0.bin";
const ENGLISH: &str = "whisper-tiny.en/ggml-tiny.en-q8_0.bin";

/// Listens with the weights in this folder, in these languages, the home's own first.
pub(super) fn listen(models: &Path, languages: Vec<String>) -> Listen {
    let weights = Weights { any: models.join(ANY), english: models.join(ENGLISH) };
    let recogniser = Recogniser::start(weights)
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
    let language = language.unwrap_or(heard.language);
    Ok(Transcript { text: heard.text, language, took: began.elapsed() })
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
