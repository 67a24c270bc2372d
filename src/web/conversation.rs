//! `POST /api/conversation/process`: what a person says, and the answer in Home Assistant's shape.

use std::time::Duration;

use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as JsonValue};
use utoipa::ToSchema;

use super::auth::Caller;
use super::failure::{self, Failure, Json, Message};
use crate::home::Home;
use crate::home::action::Outcome;
use crate::home::id::EntityId;
use crate::home::person::Means;
use crate::home::target;
use crate::hub::event::{Origin, Query, Reply, ReplyKind, Span, Utterance};
use crate::json;
use crate::text::Likely;

/// Nobody says more in one breath.
pub(super) const MAX_CHARS: usize = 2_000;
/// Known names listed where nothing is near.
const MAX_KNOWN: usize = 12;

/// What a person said or typed.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Said {
    /// The words.
    #[schema(example = "turn on the kitchen light")]
    pub(super) text: String,
    /// What else it may have been where it was heard.
    #[serde(skip)]
    pub(super) others: Vec<Likely>,
    /// `en`, `fr`, …; the home's own when absent.
    pub(super) language: Option<String>,
    /// To go on with a conversation.
    pub(super) conversation_id: Option<String>,
    /// The speaker's room: an area's id, name or alias.
    pub(super) area: Option<String>,
    /// The device that heard it; its room counts as the speaker's.
    pub(super) device_id: Option<String>,
}

/// Home Assistant's answer, and how it was found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Answer {
    response: ReplyObject,
    conversation_id: String,
    continue_conversation: bool,
    homard: Understood,
    /// What was heard, where it was spoken.
    #[serde(skip_serializing_if = "Option::is_none")]
    transcript: Option<String>,
}

impl Answer {
    /// What is said back, and in which language.
    pub(super) fn speech(&self) -> (&str, &str) {
        (&self.response.speech.plain.speech, &self.response.language)
    }

    /// The same, of something that was spoken; `took` is how long hearing it took.
    pub(super) fn heard(mut self, transcript: String, took: Duration) -> Self {
        self.transcript = Some(transcript);
        let millis = JsonValue::from(took.as_secs_f64() * 1e3);
        self.homard.elapsed_ms.insert("hear".to_owned(), millis);
        self
    }
}

/// What is said back and what was done.
#[derive(Debug, Serialize, ToSchema)]
struct ReplyObject {
    speech: Speech,
    card: Map<String, JsonValue>,
    language: String,
    /// `action_done`, `query_answer` or `error`.
    response_type: &'static str,
    data: Outcomes,
}

/// Plain text only.
#[derive(Debug, Serialize, ToSchema)]
struct Speech {
    plain: PlainSpeech,
}

/// The sentence.
#[derive(Debug, Serialize, ToSchema)]
struct PlainSpeech {
    speech: String,
    extra_data: Option<bool>,
}

/// What was done on which entity.
#[derive(Debug, Serialize, ToSchema)]
struct Outcomes {
    targets: Vec<Named>,
    success: Vec<Named>,
    failed: Vec<Named>,
    /// With an error: `no_intent_match`, `no_valid_targets` or `failed_to_handle`.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
}

/// An entity that was acted on.
#[derive(Debug, Serialize, ToSchema)]
struct Named {
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    /// `confirmed` by the device, `sent` but not confirmed, `refused`.
    outcome: &'static str,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Which refusal that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_code: Option<&'static str>,
}

impl Named {
    fn of(home: &Home, (id, outcome): &(EntityId, Outcome)) -> Self {
        let name = home.entity(id.as_str()).map(|entity| entity.friendly_name.to_string());
        let (word, reason) = match outcome {
            Outcome::Confirmed => ("confirmed", None),
            Outcome::Sent => ("sent", None),
            Outcome::Refused(refusal) => ("refused", Some(refusal.to_string())),
        };
        Self {
            name: name.unwrap_or_else(|| id.to_string()),
            kind: "entity",
            id: id.to_string(),
            outcome: word,
            reason,
            reason_code: match outcome {
                Outcome::Refused(refusal) => Some(failure::code_of(refusal)),
                Outcome::Confirmed | Outcome::Sent => None,
            },
        }
    }
}

/// What was understood, and how.
#[derive(Debug, Serialize, ToSchema)]
struct Understood {
    /// `HassTurnOn`, …
    intent: Option<String>,
    slots: Map<String, JsonValue>,
    /// How it was understood: `sentence`, `words` or `model`.
    by: Option<&'static str>,
    /// The sentence template that matched.
    #[serde(skip_serializing_if = "String::is_empty")]
    template: String,
    /// The parts of the utterance and what each was taken for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    spans: Vec<Part>,
    /// Other readings that were weighed, the best first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    candidates: Vec<Rival>,
    /// What was decided and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    why: Vec<String>,
    /// Milliseconds per step.
    elapsed_ms: Map<String, JsonValue>,
}

/// A part of what was said.
#[derive(Debug, Serialize, ToSchema)]
struct Part {
    /// The words.
    said: String,
    /// What they were taken for: `name`, `area`, `verb`, `value`, …
    role: &'static str,
    /// What they mean: an entity's name, a number, …
    meaning: String,
    /// How sure, 0 to 1.
    score: f64,
}

impl Part {
    fn of(span: Span) -> Self {
        let Span { said, role, meaning, score } = span;
        Self { said, role, meaning, score }
    }
}

/// Another reading.
#[derive(Debug, Serialize, ToSchema)]
struct Rival {
    /// In words.
    reading: String,
    /// How good, the higher the better.
    score: f64,
}

/// Says something to the house.
#[utoipa::path(post, path = "/api/conversation/process", request_body = Said,
    responses((status = 200, body = Answer), (status = 400, body = Message)))]
pub(super) async fn process(caller: Caller, Json(said): Json<Said>) -> Result<Response, Failure> {
    Ok(failure::json(&hear(&caller, said, Means::Written).await?))
}

/// Lets the house hear it, by this means unless a device heard it; the answer.
///
/// # Errors
/// When the words are too many, or it was said in a room that is not known.
pub(super) async fn hear(caller: &Caller, said: Said, means: Means) -> Result<Answer, Failure> {
    if said.text.chars().count() > MAX_CHARS {
        return Err(Failure::bad(format!("`text` must be at most {MAX_CHARS} characters")));
    }
    let (area, device) = (said.area.as_deref(), said.device_id.as_deref());
    let area = caller.hub.read(|home| speakers_room(home, area, device))?;
    // A device that heard it has heard whoever was near.
    let means = if device.is_some() { Means::Spoken } else { means };
    let origin = Origin { area, conversation: said.conversation_id, means, ..Origin::default() };
    let Said { text, others, language, .. } = said;
    let utterance = Utterance { text, others, language, origin };
    let ask = |reply| Query::Hear(utterance, reply);
    let reply = caller.hub.ask(ask).await.map_err(|_| Failure::stopping())?;
    Ok(caller.hub.read(|home| answer(home, reply)))
}

/// The id of the room where it was said. A room or device that is not known is told, or the house
/// would answer as if nobody knew where the speaker is.
fn speakers_room(
    home: &Home,
    area: Option<&str>,
    device: Option<&str>,
) -> Result<Option<String>, Failure> {
    if let Some(said) = area {
        let Some(area) = target::area_named(said, home) else {
            let names = home.areas().map(|area| area.name.as_str());
            return Err(unknown("area", said, &home.nearest_areas(said), names));
        };
        return Ok(Some(area.id.to_string()));
    }
    let Some(said) = device else { return Ok(None) };
    let Some(device) = home.device(said) else {
        let ids = home.devices().map(|device| device.id.as_str());
        return Err(unknown("device_id", said, &home.nearest_devices(said), ids));
    };
    Ok(device.area.as_ref().map(ToString::to_string))
}

fn unknown<'a>(
    key: &str,
    said: &str,
    near: &[String],
    known: impl Iterator<Item = &'a str>,
) -> Failure {
    let hint = if near.is_empty() {
        let some: Vec<&str> = known.take(MAX_KNOWN).collect();
        format!("known: {}", some.join(", "))
    } else {
        format!("did you mean {}?", near.join(", "))
    };
    Failure::bad(format!("`{key}`: there is no `{said}`; {hint}"))
}

fn answer(home: &Home, reply: Reply) -> Answer {
    let (response_type, code) = match reply.kind {
        ReplyKind::ActionDone => ("action_done", None),
        ReplyKind::QueryAnswer => ("query_answer", None),
        ReplyKind::Error(code) => ("error", Some(code)),
    };
    let named = |list: &[_]| list.iter().map(|item| Named::of(home, item)).collect();
    Answer {
        response: ReplyObject {
            speech: Speech { plain: PlainSpeech { speech: reply.text, extra_data: None } },
            card: Map::new(),
            language: reply.language,
            response_type,
            data: Outcomes {
                targets: Vec::new(),
                success: named(&reply.success),
                failed: named(&reply.failed),
                code,
            },
        },
        conversation_id: reply.conversation,
        continue_conversation: reply.continues,
        homard: Understood {
            by: reply.explained.by,
            template: reply.explained.template,
            spans: reply.explained.spans.into_iter().map(Part::of).collect(),
            candidates: reply
                .explained
                .rivals
                .into_iter()
                .map(|(reading, score)| Rival { reading, score })
                .collect(),
            why: reply.explained.why,
            intent: reply.intent,
            slots: reply
                .slots
                .iter()
                .map(|(name, slot)| (name.clone(), json::to_json(slot)))
                .collect(),
            elapsed_ms: reply
                .elapsed_ms
                .iter()
                .map(|&(step, millis)| (step.to_owned(), JsonValue::from(millis)))
                .collect(),
        },
        transcript: None,
    }
}
