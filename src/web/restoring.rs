//! `POST /setup/restore`: a backup, on a fresh machine, from the first steps of the panel. Only as long as nobody runs the house,
//! and with the code where one is needed; what is in the file says who runs it from then on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use tokio::io::AsyncWriteExt;
use tokio_stream::StreamExt;

use super::Site;
use super::accounts::may_begin;
use super::failure::{self, Failure, Message};
use super::session::aside;

/// Where.
pub(super) const PATH: &str = "/setup/restore";
/// How long it may take, with a slow radio between: other requests are shorter.
pub(super) const TIME: Duration = Duration::from_secs(15 * 60);
/// Largest backup, in bytes.
const MOST: u64 = 2 << 30;
/// What the answer gets on its way before the house starts again is the daemon's to say.
const CODE: &str = "x-homard-code";
const PASSPHRASE: &str = "x-homard-passphrase";

/// Takes a backup as its body, and starts the house anew with what is in it. The code is sent as `X-Homard-Code`, the
/// passphrase of an encrypted backup as `X-Homard-Passphrase`, in base64.
#[utoipa::path(post, path = "/setup/restore", security(()),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = Message), (status = 400, body = Message),
        (status = 403, body = Message), (status = 409, body = Message)))]
pub(super) async fn restore(
    State(site): State<Arc<Site>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    may_begin(&site, from, &headers, text(CODE))?;
    let passphrase = text(PASSPHRASE).map(passphrase).transpose()?;
    let Ok(_alone) = site.doors.restoring.try_acquire() else {
        return Err(Failure::new(StatusCode::CONFLICT, "a backup is coming already"));
    };
    let place = site.daemon.incoming();
    let came = receive(body, &place).await;
    let daemon = Arc::clone(&site.daemon);
    let done = match came {
        Ok(()) => aside(move || daemon.restore(passphrase)).await?.map_err(|why| {
            tracing::warn!(why, "A backup was not taken.");
            Failure::bad(why).with_code("no_backup")
        }),
        Err(failure) => Err(failure),
    };
    // What was of use is elsewhere by now.
    let _ = tokio::fs::remove_file(&place).await;
    let made_at = done?;
    // Somebody may have become the owner meanwhile: then it is theirs to decide.
    if !site.access.people.is_empty()? {
        return Err(Failure::new(StatusCode::CONFLICT, "this house has an owner already"));
    }
    tracing::info!(%made_at, "A backup is put back; the house starts again.");
    site.daemon.restart();
    Ok(failure::json(&Message { message: format!("The house of {made_at} comes back.") }))
}

async fn receive(body: Body, place: &std::path::Path) -> Result<(), Failure> {
    let disk =
        |error: std::io::Error| Failure::bad(format!("it cannot be put on the disk: {error}"));
    let mut options = tokio::fs::OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(place).await.map_err(disk)?;
    let mut parts = body.into_data_stream();
    let mut n = 0;
    while let Some(part) = parts.next().await {
        let part = part.map_err(|_| Failure::bad("the line broke"))?;
        n += part.len() as u64;
        if n > MOST {
            return Err(Failure::bad("it is too large for a backup"));
        }
        file.write_all(&part).await.map_err(disk)?;
    }
    file.flush().await.map_err(disk)
}

/// Headers are ASCII; what people think of is not.
fn passphrase(text: String) -> Result<String, Failure> {
    use base64::Engine as _;
    let bytes = base64::prelude::BASE64_STANDARD.decode(text).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| Failure::bad("the passphrase is not in base64"))
}
