//! What goes wrong with a request: a status and a sentence, always as JSON.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::home::action::Refusal;
use crate::hub::event::EditError;
use crate::storage;

/// A request that is answered with an error. Nothing was done unless the message says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    status: StatusCode,
    message: String,
    /// Which refusal it is, for those who say it in another language.
    code: Option<&'static str>,
    /// Seconds.
    retry_after: Option<u64>,
}

/// The body of an error.
#[derive(Debug, Serialize)]
struct Told<'a> {
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
}

/// `{"message": "…"}`: the body of every error, and of answers that only say that it is done.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Message {
    /// In plain English.
    pub(super) message: String,
}

impl Failure {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), code: None, retry_after: None }
    }

    /// Whose fault it is.
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// The sentence.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// 400: what was asked for cannot be understood, and what would be right.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// The same, with when to try again.
    pub(super) fn after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// 404.
    pub(super) fn unknown(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 503: the hub is stopping.
    pub(super) fn stopping() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Homard is stopping")
    }

    /// The disk did not take it, so it is as it was.
    pub(super) fn not_written(why: impl std::fmt::Display) -> Self {
        let message = format!("it could not be written to the disk and was not changed: {why}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// The owner decided it in the file.
    pub(super) fn in_file() -> Self {
        let message = "this is set in `homard.toml`, which wins";
        Self::new(StatusCode::CONFLICT, message).with_code("in_file")
    }

    /// An action that was not done, with the sentence's beginning (whose it is).
    pub(super) fn refused(about: &str, refusal: &Refusal) -> Self {
        let message =
            if about.is_empty() { refusal.to_string() } else { format!("{about}: {refusal}") };
        Self::new(status_of(refusal), message).with_code(code_of(refusal))
    }

    /// The same with the word for which refusal it is.
    pub(super) fn with_code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }
}

/// The word by which a page that speaks another language knows why.
pub(super) fn code_of(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::NoSuchName { .. } => "no_such_name",
        Refusal::NoSuchPlace { .. } => "no_such_place",
        Refusal::NothingThere => "nothing_there",
        Refusal::Ambiguous(_) => "ambiguous",
        Refusal::CannotDo(_) => "cannot_do",
        Refusal::OutOfRange { .. } => "out_of_range",
        Refusal::NotAnOption { .. } => "not_an_option",
        Refusal::BadValue { .. } => "bad_value",
        Refusal::NotKnown(_) => "not_known",
        Refusal::IsOff => "is_off",
        Refusal::NeedsCode => "needs_code",
        Refusal::WrongCode => "wrong_code",
        Refusal::NotAllowed => "not_allowed",
        Refusal::Unreachable => "unreachable",
        Refusal::NotAnnounced => "not_announced",
        Refusal::NoBroker => "no_broker",
        Refusal::TemplateFailed(_) => "template_failed",
    }
}

/// The status that says whose fault it is: the request's (4xx) or the house's (5xx, try later).
pub(super) fn status_of(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::NoSuchName { .. } | Refusal::NoSuchPlace { .. } => StatusCode::NOT_FOUND,
        Refusal::NothingThere
        | Refusal::Ambiguous(_)
        | Refusal::CannotDo(_)
        | Refusal::OutOfRange { .. }
        | Refusal::NotAnOption { .. }
        | Refusal::BadValue { .. }
        | Refusal::NotKnown(_)
        | Refusal::IsOff
        | Refusal::NeedsCode
        | Refusal::WrongCode => StatusCode::BAD_REQUEST,
        Refusal::NotAllowed => StatusCode::FORBIDDEN,
        Refusal::Unreachable | Refusal::NotAnnounced | Refusal::NoBroker => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        Refusal::TemplateFailed(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<EditError> for Failure {
    fn from(error: EditError) -> Self {
        match error {
            EditError::Refused(refusal) => Self::refused("", &refusal),
            EditError::NotKept(why) => Self::not_written(why),
        }
    }
}

impl From<storage::Error> for Failure {
    fn from(error: storage::Error) -> Self {
        let status = match error {
            storage::Error::Account(_) | storage::Error::Token(_) => StatusCode::BAD_REQUEST,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.to_string())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = json(&Told { message: &self.message, code: self.code });
        *response.status_mut() = self.status;
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// A JSON answer.
pub(super) fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => json_bytes(bytes),
        Err(error) => {
            tracing::error!(%error, "An answer could not be written as JSON.");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A JSON answer that is written already.
pub(super) fn json_bytes(bytes: impl Into<Body>) -> Response {
    let mut response = Response::new(bytes.into());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A JSON body, whatever its content type says: as with Home Assistant, `curl -d '{…}'` will do.
pub(super) struct Json<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let body = read(request, state).await?;
        // No body is an empty one: `POST /api/services/…` without fields.
        let text = if body.is_empty() { b"{}" } else { &*body };
        match serde_json::from_slice(text) {
            Ok(value) => Ok(Self(value)),
            Err(error) if error.is_data() => Err(Failure::bad(wrong_data(text, &error))),
            Err(error) => Err(Failure::bad(format!("the body is not valid JSON: {error}"))),
        }
    }
}

/// What is wrong in a body that is JSON, with the key before the place where it is wrong.
fn wrong_data(text: &[u8], error: &serde_json::Error) -> String {
    let said = error.to_string();
    let what = said.rsplit_once(" at line ").map_or(&*said, |(what, _)| what);
    // The name of a type of ours says nothing to whoever asked.
    let what = match what.split_once(", expected struct ") {
        Some((what, _)) => &format!("{what}, expected an object"),
        None => what,
    };
    let line_start = (1..error.line()).try_fold(0, |start, _| {
        Some(start + text.get(start..)?.iter().position(|byte| *byte == b'\n')? + 1)
    });
    let until = line_start.unwrap_or_default().saturating_add(error.column()).min(text.len());
    let before = String::from_utf8_lossy(&text[..until]);
    let key = before.rfind("\":").and_then(|end| before[..end].rsplit('"').next());
    match key {
        // These name the key themselves.
        _ if what.starts_with("missing field") || what.starts_with("unknown field") => {
            what.to_owned()
        }
        Some(key) => format!("`{key}`: {what}"),
        None => what.to_owned(),
    }
}

/// The whole body, up to the limit set for all routes.
pub(super) async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Failure> {
    Bytes::from_request(request, state).await.map_err(|rejection| {
        let status = rejection.status();
        match status {
            StatusCode::PAYLOAD_TOO_LARGE => Failure::new(status, "the body is larger than 1 MiB"),
            _ => Failure::new(status, rejection.body_text()),
        }
    })
}

/// Turns every error answer that is not JSON yet (of the router or an extractor) into JSON.
pub(super) async fn speak_json(response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    if !is_error
        || matches!(kind, Some(kind) if kind.starts_with(b"application/json") || kind.starts_with(b"text/html"))
    {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let said = axum::body::to_bytes(body, 4096).await.unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let message = match (status, said.trim()) {
        (StatusCode::NOT_FOUND, "") => "there is nothing at this address; see /api/openapi.json",
        (StatusCode::METHOD_NOT_ALLOWED, "") => "this address does not know that method",
        (_, "") => status.canonical_reason().unwrap_or("error"),
        (_, said) => said,
    };
    let bytes = serde_json::to_vec(&Message { message: message.to_owned() }).unwrap_or_default();
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[allow(dead_code)]
        name: String,
        #[allow(dead_code)]
        level: Option<i8>,
    }

    #[test]
    fn wrong_data_names_its_key() {
        for (text, said) in [
            (r#"{"name": 3}"#, "`name`: invalid type: integer `3`, expected a string"),
            (
                "{\"name\": \"x\",\n \"level\":\n [1]}",
                "`level`: invalid type: sequence, expected i8",
            ),
            (r#"{}"#, "missing field `name`"),
            (r#"{"nme": 3}"#, "unknown field `nme`, expected `name` or `level`"),
            ("3", "invalid type: integer `3`, expected an object"),
        ] {
            let error = serde_json::from_str::<Body>(text).unwrap_err();
            assert_eq!(wrong_data(text.as_bytes(), &error), said, "{text}");
        }
    }
}
