//! `POST /api/speech`: what somebody said aloud. Until speech is installed it is answered with the
//! reason, in the form of every error.

use axum::http::StatusCode;

use super::auth::Caller;
use super::failure::{Failure, Message};

/// Says a recording to the house (`audio/wav`, or `audio/ogg` with Opus).
#[utoipa::path(post, path = "/api/speech",
    request_body(content = String, content_type = "audio/wav"),
    responses((status = 503, body = Message)))]
pub(super) async fn hear(_: Caller) -> Failure {
    let message = "speech is not installed in this house; POST the words to \
                   /api/conversation/process";
    Failure::new(StatusCode::SERVICE_UNAVAILABLE, message).with_code("no_speech")
}
