//! `GET /api/events`: what changes, in Home Assistant's words, as server-sent events.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use tokio::time::{Instant, Interval};
use tokio_stream::Stream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use utoipa::IntoParams;

use super::{Chunk, MAX_READERS, Reader};
use crate::web::Site;
use crate::web::failure::Failure;
use crate::web::pass::Pass;

/// A silent house still says that it is there; proxies close silent connections after a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// What of the stream is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct Wanted {
    /// Only these event types, separated by commas: `state_changed`, `homard_trigger`,
    /// `tag_scanned`, `homard_registry_updated`, `homard_said`, and those that programs fire. All
    /// without it.
    restrict: Option<String>,
}

/// Everything that changes from now on, as server-sent events, each in Home Assistant's event
/// format. A reader that is too slow loses events and gets a `homard_lagged` event with their
/// `count`.
#[utoipa::path(get, path = "/api/events", params(Wanted),
    responses((status = 200, content_type = "text/event-stream", body = String)))]
pub(in crate::web) async fn events(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    wanted: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Failure> {
    let Query(wanted) = wanted.map_err(|rejection| Failure::bad(rejection.body_text()))?;
    // Types that Homard does not have are no mistake: a client may ask for Home Assistant's.
    let types = wanted
        .restrict
        .map(|list| list.split(',').map(|word| word.trim().to_owned()).collect::<Vec<_>>());
    let pass = Pass::of_request(&site, &headers)?;
    let rights = Arc::clone(&pass.caller.rights);
    let Some(reader) = site.live.join(&site.hub, rights) else {
        let message = format!("{MAX_READERS} programs and pages follow the house; close one");
        return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, message));
    };
    let mut response = Response::new(Body::from_stream(Lines::new(site, pass, reader, types)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Proxies such as nginx would hold events back.
    headers.insert(
        header::HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    Ok(response)
}

/// One open stream.
struct Lines {
    site: Arc<Site>,
    pass: Pass,
    reader: Reader,
    /// `None` wants all.
    types: Option<Vec<String>>,
    keep_alive: Interval,
    said_hello: bool,
}

impl Lines {
    fn new(site: Arc<Site>, pass: Pass, reader: Reader, types: Option<Vec<String>>) -> Self {
        let keep_alive = tokio::time::interval_at(Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
        Self { site, pass, reader, types, keep_alive, said_hello: false }
    }

    /// The part of a chunk that this reader wants, after word of what it lost.
    fn take(&mut self, chunk: &Chunk) -> Bytes {
        let n_lost = self.reader.lost_before(chunk);
        if n_lost == 0 && self.types.is_none() && self.reader.sees_all() {
            return chunk.bytes.clone();
        }
        let mut out = Vec::new();
        if n_lost > 0 {
            lagged(&mut out, n_lost);
        }
        for event in &chunk.events {
            let is_wanted = |types: &Vec<String>| types.iter().any(|one| one == event.kind.word());
            if self.reader.sees(event) && self.types.as_ref().is_none_or(is_wanted) {
                out.extend_from_slice(&chunk.bytes[event.line.clone()]);
            }
        }
        out.into()
    }
}

fn lagged(out: &mut Vec<u8>, count: u64) {
    let line = format!(
        "data: {{\"event_type\":\"homard_lagged\",\"data\":{{\"count\":{count}}},\"origin\":\"LOCAL\"}}\n\n"
    );
    out.extend_from_slice(line.as_bytes());
}

impl Stream for Lines {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if !self.said_hello {
            self.said_hello = true;
            return Poll::Ready(Some(Ok(Bytes::from_static(b": listening\n\n"))));
        }
        loop {
            if self.reader.live.is_closed() {
                return Poll::Ready(None);
            }
            match Pin::new(&mut self.reader.chunks).poll_next(cx) {
                Poll::Ready(Some(Ok(chunk))) => {
                    let this = &mut *self;
                    if let Err(ended) = this.pass.look(&this.site) {
                        tracing::debug!(reason = ended.reason(), "An event stream is closed.");
                        return Poll::Ready(None);
                    }
                    let bytes = self.take(&chunk);
                    if bytes.is_empty() {
                        continue;
                    }
                    self.keep_alive.reset();
                    return Poll::Ready(Some(Ok(bytes)));
                }
                // The gap in the numbers says how many events that were.
                Poll::Ready(Some(Err(BroadcastStreamRecvError::Lagged(_)))) => {}
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => break,
            }
        }
        self.keep_alive.poll_tick(cx).map(|_| Some(Ok(Bytes::from_static(b": still here\n\n"))))
    }
}
