//! `POST /api/speech`: what a person says as a recording, and the answer in Home Assistant's shape with the words that
//! were heard, or as sound; and `POST /api/homard/voice`, a text as sound.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Query as UrlQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::conversation::{self, Answer, MAX_CHARS, Said};
use super::failure::{self, Failure, Json, Message};
use super::{Site, accounts};
use crate::home::Home;
use crate::home::person::{Means, Voice};
use crate::text::Likely;

/// Largest recording: half a minute of what a sound card gives at its best.
pub(super) const MAX_RECORDING: usize = 16 << 20;
/// Nobody listens to something that was wished longer ago.
const SAID_WITHIN: Duration = Duration::from_secs(30);
/// Names given as a hint; more cost more time than they help.
const MAX_NAMES: usize = 40;

/// A recording to be listened to.
#[derive(Debug, Clone)]
pub struct Recording {
    /// The file as it came.
    pub bytes: Bytes,
    /// The language that is spoken, if it is known; else one of the household's.
    pub language: Option<String>,
    /// Names of the house, which may well be heard.
    pub hint: String,
}

/// What was heard.
#[derive(Debug, Clone, PartialEq)]
pub struct Transcript {
    /// The words; empty where nothing was said.
    pub text: String,
    /// What else it may have been, the likeliest first.
    pub others: Vec<Likely>,
    /// In which language.
    pub language: String,
    /// How long it took.
    pub took: Duration,
}

/// Why nothing was heard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unheard {
    /// There is no speech recognition here.
    #[error("{0}")]
    NotHere(String),
    /// It is no recording that can be listened to.
    #[error("{0}")]
    NoRecording(String),
    /// It did not work out this time.
    #[error("{0}")]
    NotNow(String),
}

/// What is heard in a recording, later.
pub type Hearing = Pin<Box<dyn Future<Output = Result<Transcript, Unheard>> + Send>>;
/// Whoever can listen to recordings.
pub type Listen = Arc<dyn Fn(Recording) -> Hearing + Send + Sync>;

/// An answer as a WAV file, later; nothing where it cannot be said.
pub type Voicing = Pin<Box<dyn Future<Output = Option<Vec<u8>>> + Send>>;
/// Whoever can say a text in a language, with the voice that somebody wants to be spoken to with.
pub type Aloud = Arc<dyn Fn(String, String, Voice) -> Voicing + Send + Sync>;

/// Says nothing: for a house that was built without a voice.
pub fn mute() -> Aloud {
    Arc::new(|_, _, _| Box::pin(std::future::ready(None)))
}

/// Listens to nothing: for a house that was built without ears.
pub fn deaf() -> Listen {
    Arc::new(|_| {
        let text = "this Homard was built without speech recognition";
        Box::pin(std::future::ready(Err(Unheard::NotHere(text.to_owned()))))
    })
}

/// Where and by whom it is said; the recording itself is the body.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Circumstances {
    /// `en`, `fr`, …; found out among the household's languages when absent.
    language: Option<String>,
    /// To go on with a conversation.
    conversation_id: Option<String>,
    /// The speaker's room: an area's id, name or alias.
    area: Option<String>,
    /// The device that heard it; its room counts as the speaker's.
    device_id: Option<String>,
}

/// Says something to the house, as a recording: WAV, or Ogg with Opus. Whoever accepts `audio/wav` hears the answer.
#[utoipa::path(post, path = "/api/speech", params(Circumstances),
    request_body(content = Vec<u8>, content_type = "audio/wav"),
    responses((status = 200, content((Answer = "application/json"), (Vec<u8> = "audio/wav"))), (status = 400, body = Message), (status = 503, body = Message)))]
pub(super) async fn process(
    State(site): State<Arc<Site>>,
    caller: Caller,
    UrlQuery(said): UrlQuery<Circumstances>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, Failure> {
    let hint = caller.hub.read(hint);
    let recording = Recording { bytes, language: said.language, hint };
    let Transcript { text, others, language, took } =
        (site.listen)(recording).await.map_err(refused)?;
    let said = Said {
        text: text.clone(),
        others,
        language: Some(language),
        conversation_id: said.conversation_id,
        area: said.area,
        device_id: said.device_id,
    };
    let answer = conversation::hear(&caller, said, Means::Spoken).await?;
    if accepts_sound(&headers) {
        let (text, language) = answer.speech();
        let (text, language) = (text.to_owned(), language.to_owned());
        if let Some(wav) = (site.aloud)(text, language, caller.voice(&site)).await {
            return Ok(([(header::CONTENT_TYPE, SOUND)], wav).into_response());
        }
    }
    Ok(failure::json(&answer.heard(text, took)))
}

/// What somebody accepts who wants to hear the answer.
const SOUND: &str = "audio/wav";

fn accepts_sound(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|kinds| {
        kinds.split(',').any(|kind| kind.split(';').next().map(str::trim) == Some(SOUND))
    })
}

/// A text that is to be heard.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Spoken {
    /// At most 2,000 characters.
    text: String,
    /// Its language, `fr`.
    language: String,
}

/// Says a text, with the voice that the caller has chosen for themselves.
#[utoipa::path(post, path = "/api/homard/voice", request_body = Spoken,
    responses((status = 200, body = Vec<u8>, content_type = "audio/wav"), (status = 400, body = Message), (status = 503, body = Message)))]
pub(super) async fn say(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Json(Spoken { text, language }): Json<Spoken>,
) -> Result<Response, Failure> {
    if text.trim().is_empty() || text.chars().count() > MAX_CHARS {
        return Err(Failure::bad(format!("`text` must have 1 to {MAX_CHARS} characters")));
    }
    let Some(language) = accounts::language(&language)? else {
        return Err(Failure::bad("`language` must be a code such as `fr`"));
    };
    let wav = tokio::time::timeout(SAID_WITHIN, (site.aloud)(text, language, caller.voice(&site)));
    match wav.await {
        Ok(Some(wav)) => Ok(([(header::CONTENT_TYPE, SOUND)], wav).into_response()),
        Ok(None) | Err(_) => {
            let why = "Homard cannot say this here; its log tells why";
            Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, why).with_code("no_voice"))
        }
    }
}

fn refused(why: Unheard) -> Failure {
    let text = why.to_string();
    match why {
        // The panel says it in its own language.
        Unheard::NotHere(_) => {
            Failure::new(StatusCode::SERVICE_UNAVAILABLE, text).with_code("no_speech")
        }
        Unheard::NoRecording(_) => Failure::bad(text),
        Unheard::NotNow(_) => Failure::new(StatusCode::SERVICE_UNAVAILABLE, text),
    }
}

/// Names of the house that may well be heard. Rooms first: they are said most.
pub fn hint(home: &Home) -> String {
    let areas = home.areas().map(|area| area.name.as_str());
    let entities = home.entities().filter(|entity| entity.is_enabled());
    let names = areas.chain(entities.map(|entity| &*entity.friendly_name));
    let mut hint: Vec<&str> = Vec::new();
    for name in names {
        if hint.len() == MAX_NAMES {
            break;
        }
        if !hint.contains(&name) {
            hint.push(name);
        }
    }
    hint.join(", ")
}
