//! The event stream, `GET /api/events`: what changes, in Home Assistant's words, as server-sent
//! events.
//!
//! Each batch of the hub is written once into one buffer that all readers share. A reader that
//! does not keep up loses events and is told how many; nothing waits for it.

use std::convert::Infallible;
use std::ops::Range;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{Notify, broadcast};
use tokio::time::{Instant, Interval};
use tokio_stream::Stream;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use utoipa::IntoParams;

use super::Site;
use super::auth::Caller;
use super::failure::Failure;
use super::wire::{self, Placed};
use crate::home::action::Outcome;
use crate::home::device::Device;
use crate::home::id::{AreaId, DeviceId, EntityId};
use crate::home::person::Rights;
use crate::home::{Change, Home};
use crate::hub::HubHandle;
use crate::hub::event::{Said, Showing, Shown, Trigger};

/// A chunk is sent when it is this large, even if more waits.
const CHUNK: usize = 64 * 1024;
/// Chunks that wait for a slow reader; all readers share them, so the worst case is about 16 MiB.
const MAX_WAITING: usize = 256;
/// More readers are refused.
const MAX_READERS: usize = 64;
/// A silent house still says that it is there; proxies close silent connections after a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// The kinds of event, as `restrict` names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    StateChanged,
    Trigger,
    TagScanned,
    RegistryUpdated,
    Said,
}

impl Kind {
    const ALL: [Self; 5] =
        [Self::StateChanged, Self::Trigger, Self::TagScanned, Self::RegistryUpdated, Self::Said];

    /// The word in `event_type`.
    fn word(self) -> &'static str {
        match self {
            Self::StateChanged => "state_changed",
            Self::Trigger => "homard_trigger",
            Self::TagScanned => "tag_scanned",
            Self::RegistryUpdated => "homard_registry_updated",
            Self::Said => "homard_said",
        }
    }
}

/// Several events, written as they go over the wire.
#[derive(Debug)]
struct Chunk {
    /// The number of its first event since the start.
    first: u64,
    events: Vec<Written>,
    bytes: Bytes,
}

/// One event in a chunk.
#[derive(Debug)]
struct Written {
    kind: Kind,
    /// The room it is about, for those who are bound to rooms.
    area: Option<AreaId>,
    at: Range<usize>,
}

/// Shares what the hub shows among all readers.
#[derive(Debug)]
pub(super) struct Live {
    chunks: broadcast::Sender<Arc<Chunk>>,
    readers: Mutex<Readers>,
    /// Tells [`Live::run`] that the first reader came.
    first_came: Notify,
    /// The number of the next event. Set before a chunk is sent, so that a new reader never takes
    /// for lost what came before it.
    next: AtomicU64,
    is_closed: AtomicBool,
    /// Events written since the start.
    pub(super) n_events: AtomicU64,
    /// Events that readers lost.
    pub(super) n_lost: AtomicU64,
}

/// Without readers the hub is not watched at all, which saves it the work of showing.
#[derive(Debug, Default)]
struct Readers {
    count: usize,
    is_watching: bool,
    /// What the hub shows since the first reader came, until [`Live::run`] takes it over.
    shown: Option<broadcast::Receiver<Arc<Showing>>>,
}

impl Live {
    pub(super) fn new() -> Self {
        Self {
            chunks: broadcast::Sender::new(MAX_WAITING),
            readers: Mutex::default(),
            first_came: Notify::new(),
            next: AtomicU64::new(0),
            is_closed: AtomicBool::new(false),
            n_events: AtomicU64::new(0),
            n_lost: AtomicU64::new(0),
        }
    }

    /// Open streams.
    pub(super) fn n_readers(&self) -> usize {
        self.readers().count
    }

    fn readers(&self) -> MutexGuard<'_, Readers> {
        // A panic while it was held leaves a count at worst one too high.
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all streams.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        // An empty chunk wakes the readers.
        self.send(Writer::new(self.next.load(Ordering::Relaxed)).finish());
    }

    fn send(&self, chunk: Chunk) {
        // Without a reader nobody misses it.
        let _ = self.chunks.send(Arc::new(chunk));
    }

    /// A new stream; what the hub shows from now on is in it. `None` when there are too many.
    fn join(
        self: &Arc<Self>,
        hub: &HubHandle,
        rights: Arc<Rights>,
        kinds: Option<Vec<Kind>>,
    ) -> Option<Reader> {
        let mut readers = self.readers();
        if readers.count >= MAX_READERS {
            return None;
        }
        readers.count += 1;
        if !readers.is_watching {
            readers.is_watching = true;
            readers.shown = Some(hub.watch());
            self.first_came.notify_one();
        }
        Some(Reader::new(Arc::clone(self), rights, kinds))
    }

    /// Writes what the hub shows, for as long as the hub lives.
    pub(super) async fn run(&self, hub: &HubHandle) {
        loop {
            self.first_came.notified().await;
            let Some(shown) = self.readers().shown.take() else { continue };
            let mut watch = Watch { shown, next: None };
            loop {
                match watch.shown.recv().await {
                    Ok(showing) => self.write(hub, showing, &mut watch),
                    Err(RecvError::Lagged(n_showings)) => {
                        tracing::debug!(n_showings, "The event stream does not keep up.");
                        // Otherwise the gap in the numbers says how many things that were.
                        if watch.next.is_none() {
                            self.next.fetch_add(n_showings, Ordering::Relaxed);
                        }
                    }
                    Err(RecvError::Closed) => return,
                }
                let mut readers = self.readers();
                if readers.count == 0 {
                    readers.is_watching = false;
                    break;
                }
            }
        }
    }

    /// Writes a showing and whatever else waits already into one chunk.
    fn write(&self, hub: &HubHandle, mut showing: Arc<Showing>, watch: &mut Watch) {
        // What was missed leaves a gap in the numbers, which every reader sees.
        let n_missed = watch.next.map_or(0, |next| showing.first.saturating_sub(next));
        let first = self.next.fetch_add(n_missed, Ordering::Relaxed) + n_missed;
        let mut writer = Writer::new(first);
        loop {
            watch.next = Some(showing.first + showing.shown.len() as u64);
            hub.read(|home| showing.shown.iter().for_each(|shown| writer.write(home, shown)));
            if writer.out.len() >= CHUNK {
                break;
            }
            showing = match watch.shown.try_recv() {
                Ok(showing) => showing,
                Err(TryRecvError::Empty | TryRecvError::Closed | TryRecvError::Lagged(_)) => break,
            };
        }
        let chunk = writer.finish();
        let n_events = chunk.events.len() as u64;
        self.next.fetch_add(n_events, Ordering::Relaxed);
        self.n_events.fetch_add(n_events, Ordering::Relaxed);
        self.send(chunk);
    }
}

/// What the hub shows.
struct Watch {
    shown: broadcast::Receiver<Arc<Showing>>,
    /// The hub's number of the next thing; a later one says that those between are lost.
    next: Option<u64>,
}

/// Writes events one after the other into a buffer.
struct Writer {
    first: u64,
    out: Vec<u8>,
    events: Vec<Written>,
}

impl Writer {
    fn new(first: u64) -> Self {
        Self { first, out: Vec::with_capacity(CHUNK / 8), events: Vec::new() }
    }

    fn finish(self) -> Chunk {
        Chunk { first: self.first, events: self.events, bytes: self.out.into() }
    }

    fn write(&mut self, home: &Home, shown: &Shown) {
        match shown {
            Shown::Changed(change, at) => {
                let id = change.id.as_str();
                let area = home.entity(id).and_then(|entity| home.area_of(entity));
                let area = area.map(|area| area.id.clone());
                self.event(Kind::StateChanged, area, *at, id, |out| change_data(out, home, change));
            }
            Shown::TriggerFired(trigger, device, at) => {
                let area = device.as_ref().and_then(|id| home.device(id.as_str())?.area.clone());
                self.event(Kind::Trigger, area, *at, &trigger.topic, |out| {
                    trigger_data(out, home, trigger, device.as_ref());
                });
            }
            Shown::TagScanned(tag, device, at) => {
                self.event(Kind::TagScanned, None, *at, tag, |out| {
                    out.extend_from_slice(b"{\"tag_id\":");
                    wire::text(out, tag);
                    out.push(b',');
                    device_data(out, home, device.as_ref());
                    out.push(b'}');
                });
            }
            Shown::Said(said, at) => {
                self.event(Kind::Said, said.area.clone(), *at, "", |out| said_data(out, said));
            }
            Shown::RegistryChanged(at) => {
                self.event(Kind::RegistryUpdated, None, *at, "", |out| {
                    out.extend_from_slice(b"{}")
                });
            }
        }
    }

    fn event(
        &mut self,
        kind: Kind,
        area: Option<AreaId>,
        at: Timestamp,
        about: &str,
        data: impl FnOnce(&mut Vec<u8>),
    ) {
        let start = self.out.len();
        let out = &mut self.out;
        out.extend_from_slice(b"data: {\"event_type\":\"");
        out.extend_from_slice(kind.word().as_bytes());
        out.extend_from_slice(b"\",\"data\":");
        data(out);
        out.extend_from_slice(b",\"origin\":\"LOCAL\",\"time_fired\":\"");
        wire::time(out, at);
        out.extend_from_slice(b"\",\"context\":");
        wire::context(out, about, at);
        out.extend_from_slice(b"}\n\n");
        self.events.push(Written { kind, area, at: start..self.out.len() });
    }
}

fn change_data(out: &mut Vec<u8>, home: &Home, change: &Change) {
    let id = change.id.as_str();
    let placed = Placed::of(home, id);
    out.extend_from_slice(b"{\"entity_id\":");
    wire::text(out, id);
    for (name, record) in [
        (&b",\"old_state\":"[..], change.before.as_ref()),
        (&b",\"new_state\":"[..], change.after.as_ref()),
    ] {
        out.extend_from_slice(name);
        match record {
            Some(record) => wire::state(out, id, record, placed),
            None => out.extend_from_slice(b"null"),
        }
    }
    out.push(b'}');
}

fn trigger_data(out: &mut Vec<u8>, home: &Home, trigger: &Trigger, device: Option<&DeviceId>) {
    out.extend_from_slice(b"{\"type\":");
    wire::text(out, &trigger.kind);
    out.extend_from_slice(b",\"subtype\":");
    wire::text(out, &trigger.subtype);
    out.push(b',');
    device_data(out, home, device);
    out.push(b'}');
}

fn said_data(out: &mut Vec<u8>, said: &Said) {
    let Said { cause, entry, name, area, reply } = said;
    let ids = |list: &[(EntityId, Outcome)]| -> Vec<String> {
        list.iter().map(|(id, _)| id.to_string()).collect()
    };
    let data = serde_json::json!({
        "cause": cause.word(),
        "text": reply.text,
        "language": reply.language,
        "area_id": area.as_ref().map(AreaId::as_str),
        "name": name,
        "entry_id": entry.0,
        "conversation_id": reply.conversation,
        "success": ids(&reply.success),
        "failed": ids(&reply.failed),
    });
    out.extend_from_slice(data.to_string().as_bytes());
}

fn device_data(out: &mut Vec<u8>, home: &Home, id: Option<&DeviceId>) {
    let name = id.and_then(|id| home.device(id.as_str())).and_then(Device::name);
    for (key, text) in
        [(&b"\"device_id\":"[..], id.map(DeviceId::as_str)), (b",\"device_name\":", name)]
    {
        out.extend_from_slice(key);
        match text {
            Some(text) => wire::text(out, text),
            None => out.extend_from_slice(b"null"),
        }
    }
}

/// What of the stream is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Only these event types, separated by commas: `state_changed`, `homard_trigger`,
    /// `tag_scanned`, `homard_registry_updated`, `homard_said`. All without it.
    restrict: Option<String>,
}

/// Everything that changes from now on, as server-sent events, each in Home Assistant's event
/// format. A reader that is too slow loses events and gets a `homard_lagged` event with their
/// `count`.
#[utoipa::path(get, path = "/api/events", params(Wanted),
    responses((status = 200, content_type = "text/event-stream", body = String)))]
pub(super) async fn events(
    State(site): State<Arc<Site>>,
    caller: Caller,
    wanted: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Failure> {
    let Query(wanted) = wanted.map_err(|rejection| Failure::bad(rejection.body_text()))?;
    let kinds = match wanted.restrict {
        None => None,
        // Types that Homard does not have are no mistake: a client may ask for Home Assistant's.
        Some(list) => {
            let is_wanted = |kind: &Kind| list.split(',').any(|word| word.trim() == kind.word());
            Some(Kind::ALL.into_iter().filter(is_wanted).collect())
        }
    };
    let Some(stream) = site.live.join(&site.hub, caller.rights, kinds) else {
        let message = format!("{MAX_READERS} event streams are open; close one");
        return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, message));
    };
    let mut response = Response::new(Body::from_stream(stream));
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
struct Reader {
    live: Arc<Live>,
    chunks: BroadcastStream<Arc<Chunk>>,
    rights: Arc<Rights>,
    /// `None` wants all.
    kinds: Option<Vec<Kind>>,
    /// The number of the next event; a later one says that those between are lost.
    next: u64,
    keep_alive: Interval,
    said_hello: bool,
}

impl Reader {
    fn new(live: Arc<Live>, rights: Arc<Rights>, kinds: Option<Vec<Kind>>) -> Self {
        let chunks = BroadcastStream::new(live.chunks.subscribe());
        let keep_alive = tokio::time::interval_at(Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
        let next = live.next.load(Ordering::Relaxed);
        Self { live, chunks, rights, kinds, next, keep_alive, said_hello: false }
    }

    /// The part of a chunk that this reader wants, after word of what it lost.
    fn take(&mut self, chunk: &Chunk) -> Bytes {
        let n_lost = chunk.first.saturating_sub(self.next);
        self.next = chunk.first + chunk.events.len() as u64;
        if n_lost == 0 && self.kinds.is_none() && self.rights.areas.is_none() {
            return chunk.bytes.clone();
        }
        let mut out = Vec::new();
        if n_lost > 0 {
            self.live.n_lost.fetch_add(n_lost, Ordering::Relaxed);
            lagged(&mut out, n_lost);
        }
        for Written { kind, area, at } in &chunk.events {
            let is_theirs = self.rights.areas.is_none()
                || *kind == Kind::RegistryUpdated
                || area.as_ref().is_some_and(|area| self.rights.sees_area(area));
            if is_theirs && self.kinds.as_ref().is_none_or(|kinds| kinds.contains(kind)) {
                out.extend_from_slice(&chunk.bytes[at.clone()]);
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

impl Drop for Reader {
    fn drop(&mut self) {
        self.live.readers().count -= 1;
    }
}

impl Stream for Reader {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if !self.said_hello {
            self.said_hello = true;
            return Poll::Ready(Some(Ok(Bytes::from_static(b": listening\n\n"))));
        }
        loop {
            if self.live.is_closed.load(Ordering::Acquire) {
                return Poll::Ready(None);
            }
            match Pin::new(&mut self.chunks).poll_next(cx) {
                Poll::Ready(Some(Ok(chunk))) => {
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
