//! What changes, for all who follow it: event streams (`stream`) and WebSockets (`websocket`).
//!
//! What the hub shows is written once, into one buffer that all readers share. A reader that does
//! not keep up loses events and is told how many; nothing waits for it.

mod stream;
mod write;

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use jiff::Timestamp;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{Notify, broadcast, watch};
use tokio::time::Instant;
use tokio_stream::wrappers::BroadcastStream;

use self::write::Writer;
use crate::home::id::{AreaId, EntityId};
use crate::home::person::Rights;
use crate::hub::HubHandle;
use crate::hub::event::Showing;

pub(super) use self::stream::{__path_events, events};

/// A chunk is sent when it is this large, even if more waits.
const CHUNK: usize = 64 * 1024;
/// Chunks that wait for a slow reader; all readers share them, so the worst case is about 16 MiB.
const MAX_WAITING: usize = 256;
/// More readers are refused. A household has a few dozen screens and programs.
pub(super) const MAX_READERS: usize = 256;
/// With many readers chunks follow each other no faster than this a reader, up to the second: what
/// a lively house does meanwhile goes to each in one piece. Nobody sees the difference, and a
/// hundred readers cost a tenth.
const PACE_A_READER: Duration = Duration::from_micros(150);
const SLOWEST_PACE: Duration = Duration::from_millis(15);
/// A few readers are not worth a timer.
const FASTEST_PACE: Duration = Duration::from_millis(1);
/// But the hub is never kept waiting: this much of what it shows is taken at once.
const MANY: usize = 32;

/// The kinds of event that Homard itself sends, as `restrict` and `subscribe_events` name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    StateChanged,
    Trigger,
    TagScanned,
    RegistryUpdated,
    Said,
}

impl Kind {
    pub(super) const ALL: [Self; 5] =
        [Self::StateChanged, Self::Trigger, Self::TagScanned, Self::RegistryUpdated, Self::Said];

    /// The word in `event_type`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::StateChanged => "state_changed",
            Self::Trigger => "homard_trigger",
            Self::TagScanned => "tag_scanned",
            Self::RegistryUpdated => "homard_registry_updated",
            Self::Said => "homard_said",
        }
    }
}

/// What an event is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Type {
    /// Homard's own.
    Own(Kind),
    /// Fired by a program, under a name of its choice.
    Fired(Arc<str>),
}

impl Type {
    pub(super) fn word(&self) -> &str {
        match self {
            Self::Own(kind) => kind.word(),
            Self::Fired(word) => word,
        }
    }
}

/// One event of a chunk.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) kind: Type,
    /// Whose state changed.
    pub(super) entity: Option<EntityId>,
    /// The room it is about, for those who are bound to rooms.
    area: Option<AreaId>,
    /// Its line of an event stream: `data: `, the JSON object, a blank line.
    line: Range<usize>,
    /// The change as `subscribe_entities` has it: `"light.a":{"+":{…}}`, after a letter that says
    /// whether the entity is added (`a`), changed (`c`) or removed (`r`).
    brief: Range<usize>,
}

/// Several events, written as they go over the wire.
#[derive(Debug)]
pub(super) struct Chunk {
    /// The number of its first event since the start.
    pub(super) first: u64,
    pub(super) events: Vec<Event>,
    bytes: Bytes,
    briefs: Bytes,
}

impl Chunk {
    /// The number of the event after its last.
    pub(super) fn end(&self) -> u64 {
        self.first + self.events.len() as u64
    }

    /// An event's JSON object.
    pub(super) fn json(&self, event: &Event) -> &[u8] {
        &self.bytes[event.line.start + write::BEFORE.len()..event.line.end - write::AFTER.len()]
    }

    /// See [`Event::brief`]; `None` for an event that is no change of a state.
    pub(super) fn brief(&self, event: &Event) -> Option<(u8, &[u8])> {
        self.briefs[event.brief.clone()].split_first().map(|(letter, brief)| (*letter, brief))
    }
}

/// Shares what the hub shows among all readers.
#[derive(Debug)]
pub(super) struct Live {
    chunks: broadcast::Sender<Arc<Chunk>>,
    readers: Mutex<Readers>,
    /// Tells [`Live::run`] that the first reader came.
    first_came: Notify,
    /// The number of the next event. Locked while a chunk is numbered and sent, so that numbers
    /// and chunks have one order.
    next: Mutex<u64>,
    closed: watch::Sender<bool>,
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
            next: Mutex::new(0),
            closed: watch::Sender::new(false),
            n_events: AtomicU64::new(0),
            n_lost: AtomicU64::new(0),
        }
    }

    /// Those who follow.
    pub(super) fn n_readers(&self) -> usize {
        self.readers().count
    }

    fn readers(&self) -> MutexGuard<'_, Readers> {
        // A panic while it was held leaves a count at worst one too high.
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> MutexGuard<'_, u64> {
        // A number is never half set.
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all streams and sockets.
    pub(super) fn close(&self) {
        self.closed.send_replace(true);
        self.knock();
    }

    /// Wakes all readers with an empty chunk: each looks whether it may stay.
    pub(super) fn knock(&self) {
        if self.n_readers() > 0 {
            self.send(Writer::default());
        }
    }

    fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// Turns true when all ends.
    pub(super) fn closing(&self) -> watch::Receiver<bool> {
        self.closed.subscribe()
    }

    fn send(&self, writer: Writer) {
        let mut next = self.next();
        let chunk = writer.finish(*next);
        *next = chunk.end();
        self.n_events.fetch_add(chunk.events.len() as u64, Ordering::Relaxed);
        // Without a reader nobody misses it.
        let _ = self.chunks.send(Arc::new(chunk));
    }

    /// Tells all who follow what a program fired. `data` is a JSON object.
    pub(super) fn fire(&self, kind: &str, data: &str, at: Timestamp) {
        let mut writer = Writer::default();
        writer.fired(kind, data, at);
        self.send(writer);
    }

    /// A new reader, of what the hub shows from now on and they may see. `None` when there are too
    /// many.
    pub(super) fn join(self: &Arc<Self>, hub: &HubHandle, rights: Arc<Rights>) -> Option<Reader> {
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
        let next = self.next();
        // Subscribed while no chunk can be sent, so that what came before is not taken for lost.
        let chunks = BroadcastStream::new(self.chunks.subscribe());
        Some(Reader { live: Arc::clone(self), rights, chunks, next: *next })
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
                            *self.next() += n_showings;
                        }
                    }
                    Err(RecvError::Closed) => return,
                }
                let n_readers = u32::try_from(self.n_readers()).unwrap_or(u32::MAX);
                let pace = PACE_A_READER.saturating_mul(n_readers).min(SLOWEST_PACE);
                let until = Instant::now() + pace;
                while pace >= FASTEST_PACE && watch.shown.len() < MANY && Instant::now() < until {
                    tokio::time::sleep(pace / 5).await;
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
        *self.next() += watch.next.map_or(0, |next| showing.first.saturating_sub(next));
        let mut writer = Writer::default();
        loop {
            watch.next = Some(showing.first + showing.shown.len() as u64);
            hub.read(|home| showing.shown.iter().for_each(|shown| writer.write(home, shown)));
            if writer.len() >= CHUNK {
                break;
            }
            showing = match watch.shown.try_recv() {
                Ok(showing) => showing,
                Err(TryRecvError::Empty | TryRecvError::Closed | TryRecvError::Lagged(_)) => break,
            };
        }
        self.send(writer);
    }
}

/// What the hub shows.
struct Watch {
    shown: broadcast::Receiver<Arc<Showing>>,
    /// The hub's number of the next thing; a later one says that those between are lost.
    next: Option<u64>,
}

/// One who follows; counted until it is dropped.
#[derive(Debug)]
pub(super) struct Reader {
    live: Arc<Live>,
    /// How far they reach.
    rights: Arc<Rights>,
    pub(super) chunks: BroadcastStream<Arc<Chunk>>,
    /// The number of the next event; a later one says that those between are lost.
    next: u64,
}

impl Reader {
    /// How many events were lost before this chunk.
    pub(super) fn lost_before(&mut self, chunk: &Chunk) -> u64 {
        let n_lost = chunk.first.saturating_sub(self.next);
        self.next = chunk.end();
        self.live.n_lost.fetch_add(n_lost, Ordering::Relaxed);
        n_lost
    }

    /// Whether everything is for them.
    fn sees_all(&self) -> bool {
        self.rights.areas.is_none()
    }

    /// Whether an event is for them.
    pub(super) fn sees(&self, event: &Event) -> bool {
        self.sees_all()
            || event.kind == Type::Own(Kind::RegistryUpdated)
            || event.area.as_ref().is_some_and(|area| self.rights.sees_area(area))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.live.readers().count -= 1;
    }
}
