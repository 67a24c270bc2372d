//! `GET /api/websocket`: Home Assistant's WebSocket protocol, for the panels, apps and scripts
//! that speak it. What a command means is in `command`, what is sent unasked in `subscription`.
//!
//! One task serves one socket. It answers commands in any order, as they are done, and sends what
//! changes to those that subscribed; a client that does not keep up is cut off with the reason,
//! because an entity's list with a gap in it would be wrong for ever.

mod command;
mod registry;
mod subscription;
mod unknown;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message as Frame, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use futures_util::SinkExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value as Json, json};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

use self::command::Command;
use self::subscription::{News, Subscription};
use self::unknown::Stranger;
pub(super) use self::unknown::Unknown;
use super::Site;
use super::failure::{Failure, Message};
use super::live::{Chunk, Event, MAX_READERS, Reader};
use super::pass::{Ended, Pass};

/// The version of Home Assistant whose dialect is spoken: clients choose by it how they ask.
pub(super) const DIALECT: &str = "2026.11.0";
/// More sockets are refused, those included that have not said who they are.
pub(super) const MAX_SOCKETS: usize = 256;
/// Who has not said who they are by then is cut off.
const AUTH_TIME: Duration = Duration::from_secs(10);
/// Larger messages end the connection.
const MAX_MESSAGE: usize = 256 * 1024;
/// Commands that are under way; more wait in the client's own socket.
const MAX_RUNNING: usize = 64;
/// Subscriptions of one client.
const MAX_SUBSCRIPTIONS: usize = 128;
/// A client that takes nothing for this long is gone.
const SEND_TIME: Duration = Duration::from_secs(10);
/// How often a silent client is asked whether it is there, and whether it may be.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// A client that says nothing at all for this long, not even an answer to a ping, is gone.
const MAX_SILENCE: Duration = Duration::from_secs(65);
/// How long the client may take to close, too.
const FAREWELL: Duration = Duration::from_secs(1);
/// Memory per socket for what comes in and goes out.
const BUFFER: usize = 4 * 1024;

/// WebSocket close codes (RFC 6455 and its registry).
mod close {
    pub(super) const AWAY: u16 = 1001;
    pub(super) const NOT_TEXT: u16 = 1003;
    pub(super) const POLICY: u16 = 1008;
    pub(super) const TOO_LARGE: u16 = 1009;
    pub(super) const TRY_LATER: u16 = 1013;
}

/// Home Assistant's WebSocket protocol: `auth` with a token (or without one from a page of the
/// panel that is signed in), then commands with rising ids.
#[utoipa::path(get, path = "/api/websocket", security(()),
    responses((status = 101), (status = 400, body = Message), (status = 503, body = Message)))]
pub(super) async fn open(
    State(site): State<Arc<Site>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Failure> {
    let upgrade =
        upgrade.map_err(|rejection| Failure::new(rejection.status(), rejection.body_text()))?;
    let Ok(permit) = Arc::clone(&site.sockets).try_acquire_owned() else {
        let message = format!("{MAX_SOCKETS} WebSockets are open; close one");
        return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, message));
    };
    let Some(stranger) = site.unknown.enter(from.ip()) else {
        let message = "too many WebSockets from there have not said who they are";
        return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, message));
    };
    // The cookie counts for our own page only; another site's page needs a token like a program.
    let page = Pass::of_page(&site, &headers);
    let upgrade = upgrade
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE);
    Ok(upgrade.on_upgrade(move |socket| async move {
        serve(site, from.ip(), stranger, page, socket).await;
        drop(permit);
    }))
}

/// Waits a moment for the sockets to say goodbye.
pub(super) async fn last(sockets: &Semaphore) {
    let all = u32::try_from(MAX_SOCKETS).unwrap_or(u32::MAX);
    let _ = timeout(2 * FAREWELL, sockets.acquire_many(all)).await;
}

/// Why a connection ends.
enum End {
    /// The client is gone; there is nobody to tell.
    Gone,
    /// The client is told.
    Cut(u16, String),
}

impl End {
    fn cut(code: u16, reason: impl Into<String>) -> Self {
        Self::Cut(code, reason.into())
    }
}

async fn serve(
    site: Arc<Site>,
    from: IpAddr,
    stranger: Stranger,
    page: Option<Pass>,
    socket: WebSocket,
) {
    let mut closing = site.live.closing();
    let mut wire = Wire { socket, heard_at: Instant::now() };
    let admitted = tokio::select! {
        admitted = timeout(AUTH_TIME, admit(&site, from, page, &mut wire)) => {
            admitted.unwrap_or_else(|_| Err(End::cut(close::POLICY, "no `auth` message came")))
        }
        _ = closing.wait_for(|is_closing| *is_closing) => {
            Err(End::cut(close::AWAY, "Homard is stopping"))
        }
    };
    drop(stranger);
    let end = match admitted {
        Ok(pass) => {
            let mut session = Session {
                site,
                pass,
                wire,
                last_id: 0,
                coalesces: false,
                reader: None,
                subscriptions: BTreeMap::new(),
                running: FuturesUnordered::new(),
            };
            let end = session.run(closing).await;
            wire = session.wire;
            end
        }
        Err(end) => end,
    };
    if let End::Cut(code, reason) = end {
        tracing::debug!(%from, code, reason, "A WebSocket is closed.");
        wire.close(code, reason).await;
    }
}

/// The first exchange: who is it?
async fn admit(
    site: &Site,
    from: IpAddr,
    page: Option<Pass>,
    wire: &mut Wire,
) -> Result<Pass, End> {
    wire.send([json!({ "type": "auth_required", "ha_version": DIALECT }).to_string()]).await?;
    let said = wire.message().await?;
    let said: Json = serde_json::from_str(&said).unwrap_or_default();
    let shown = match (said["type"].as_str(), &said["access_token"], page) {
        (Some("auth"), Json::String(token), _) if !token.is_empty() => {
            Pass::of_token(site, from, token)
        }
        (Some("auth"), Json::Null | Json::String(_), Some(page)) => Ok(page),
        (Some("auth"), _, _) => Err(Failure::bad("`access_token` is missing")),
        _ => Err(Failure::bad("Auth message incorrectly formatted: `auth` comes first")),
    };
    match shown {
        Ok(known) => {
            wire.send([json!({ "type": "auth_ok", "ha_version": DIALECT }).to_string()]).await?;
            Ok(known)
        }
        Err(failure) => {
            let message = match failure.status() {
                StatusCode::UNAUTHORIZED => "Invalid access token or password",
                _ => failure.message(),
            };
            let told = json!({ "type": "auth_invalid", "message": message }).to_string();
            wire.send([told]).await?;
            Err(End::cut(close::POLICY, "not signed in"))
        }
    }
}

/// The socket itself.
struct Wire {
    socket: WebSocket,
    /// When the client last said anything.
    heard_at: Instant,
}

impl Wire {
    /// The next text. Nothing is lost when this is dropped before it is done.
    async fn message(&mut self) -> Result<Utf8Bytes, End> {
        loop {
            let frame = self.socket.recv().await;
            self.heard_at = Instant::now();
            match frame {
                Some(Ok(Frame::Text(text))) => return Ok(text),
                // Pings are answered below us.
                Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => {}
                Some(Ok(Frame::Binary(_))) => {
                    return Err(End::cut(close::NOT_TEXT, "only text is understood"));
                }
                Some(Ok(Frame::Close(_))) | None => return Err(End::Gone),
                Some(Err(error)) => {
                    tracing::debug!(%error, "A WebSocket broke.");
                    let is_large = error.to_string().contains("too long");
                    let reason = format!("a message may have {} KiB", MAX_MESSAGE / 1024);
                    return Err(match is_large {
                        true => End::cut(close::TOO_LARGE, reason),
                        false => End::Gone,
                    });
                }
            }
        }
    }

    async fn send(&mut self, messages: impl IntoIterator<Item = String>) -> Result<(), End> {
        let work = async {
            for message in messages {
                self.socket.feed(Frame::text(message)).await?;
            }
            self.socket.flush().await
        };
        match timeout(SEND_TIME, work).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => {
                tracing::debug!("A WebSocket took nothing for long and is dropped.");
                Err(End::Gone)
            }
        }
    }

    async fn close(&mut self, code: u16, reason: String) {
        // A close frame has room for 123 bytes.
        let end =
            reason.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|at| *at <= 120);
        let reason = reason[..end.last().unwrap_or_default()].into();
        let farewell = async {
            self.socket.send(Frame::Close(Some(CloseFrame { code, reason }))).await?;
            // Read to the end, or what is unread makes the system cut the reason off.
            while let Some(frame) = self.socket.recv().await {
                frame?;
            }
            Ok::<(), axum::Error>(())
        };
        let _ = timeout(FAREWELL, farewell).await;
    }
}

/// An answer that is being worked on.
type Running = Pin<Box<dyn Future<Output = String> + Send>>;

/// One client that is let in.
struct Session {
    site: Arc<Site>,
    pass: Pass,
    wire: Wire,
    /// Ids of commands rise.
    last_id: u64,
    /// The client takes several messages as one list.
    coalesces: bool,
    /// Only with subscriptions.
    reader: Option<Reader>,
    /// By the id of the command that began each.
    subscriptions: BTreeMap<u64, Subscription>,
    running: FuturesUnordered<Running>,
}

/// What happens next.
enum Next {
    Said(Utf8Bytes),
    Chunk(Arc<Chunk>),
    Done(String),
    Tick,
    End(End),
}

impl Session {
    async fn run(&mut self, mut closing: watch::Receiver<bool>) -> End {
        let mut tick = tokio::time::interval(KEEP_ALIVE);
        loop {
            let has_room = self.running.len() < MAX_RUNNING;
            let next = tokio::select! {
                said = self.wire.message(), if has_room => match said {
                    Ok(said) => Next::Said(said),
                    Err(end) => Next::End(end),
                },
                chunk = next_chunk(&mut self.reader) => match chunk {
                    Some(chunk) => Next::Chunk(chunk),
                    None => Next::End(End::cut(close::AWAY, "Homard is stopping")),
                },
                Some(done) = self.running.next() => Next::Done(done),
                _ = tick.tick() => Next::Tick,
                _ = closing.wait_for(|is_closing| *is_closing) => {
                    Next::End(End::cut(close::AWAY, "Homard is stopping"))
                }
            };
            let went_on = match next {
                Next::Said(said) => self.take(&said).await,
                Next::Chunk(chunk) => self.follow(&chunk).await,
                Next::Done(done) => self.wire.send([done]).await,
                Next::Tick => self.look().await,
                Next::End(end) => Err(end),
            };
            if let Err(end) = went_on {
                return end;
            }
        }
    }

    /// One message, which may be a list of several.
    async fn take(&mut self, said: &str) -> Result<(), End> {
        let Ok(said) = serde_json::from_str::<Json>(said) else {
            return Err(End::cut(close::POLICY, "a message is not valid JSON"));
        };
        let commands = match said {
            Json::Array(list) => list,
            one => vec![one],
        };
        for said in commands {
            // A key that was taken back is good for nothing at once.
            self.check()?;
            self.command(said).await?;
        }
        Ok(())
    }

    /// Whether the client may stay, and reaches as far as before.
    fn check(&mut self) -> Result<(), End> {
        self.pass.look(&self.site).map_err(|ended| {
            let code = match ended {
                Ended::Gone => close::POLICY,
                Ended::Changed => close::TRY_LATER,
            };
            End::cut(code, ended.reason())
        })
    }

    async fn command(&mut self, said: Json) -> Result<(), End> {
        let command = match Command::read(said, self.last_id) {
            Ok(command) => command,
            Err((id, refusal)) => {
                self.last_id = self.last_id.max(id);
                return self.wire.send([command::refused(id, &refusal)]).await;
            }
        };
        let id = command.id;
        self.last_id = id;
        let answer = match &*command.kind {
            "ping" => json!({ "id": id, "type": "pong" }).to_string(),
            "supported_features" => {
                let wants = &command.body["features"]["coalesce_messages"];
                self.coalesces = wants.as_u64() == Some(1) || wants == &Json::Bool(true);
                command::done(id, "null")
            }
            "unsubscribe_events" => match self.unsubscribe(&command) {
                true => command::done(id, "null"),
                false => {
                    let what = "Subscription not found.";
                    command::refused(id, &command::Refusal::new("not_found", what))
                }
            },
            kind if subscription::KINDS.contains(&kind) => return self.subscribe(command).await,
            _ => {
                let site = Arc::clone(&self.site);
                let caller = self.pass.caller.clone();
                self.running.push(Box::pin(async move { command.answer(&site, &caller).await }));
                return Ok(());
            }
        };
        self.wire.send([answer]).await
    }

    fn unsubscribe(&mut self, command: &Command) -> bool {
        let found = command.body["subscription"].as_u64();
        let found = found.and_then(|id| self.subscriptions.remove(&id)).is_some();
        if self.subscriptions.is_empty() {
            self.reader = None;
        }
        found
    }

    /// Follows the house from now on, says so, and then how things stand.
    async fn subscribe(&mut self, command: Command) -> Result<(), End> {
        let id = command.id;
        let begun = match self.subscriptions.len() < MAX_SUBSCRIPTIONS {
            true => Subscription::begin(&self.site, &self.pass.caller, &command).await,
            false => Err(command::Refusal::new("not_allowed", "too many subscriptions")),
        };
        let subscription = match begun {
            Ok(subscription) => subscription,
            Err(refusal) => return self.wire.send([command::refused(id, &refusal)]).await,
        };
        if self.reader.is_none() {
            self.reader = self.site.live.join(&self.site.hub, Arc::clone(&self.pass.caller.rights));
        }
        if self.reader.is_none() {
            let what = format!("{MAX_READERS} programs and pages follow the house; close one");
            return self
                .wire
                .send([command::refused(id, &command::Refusal::new("home_assistant_error", what))])
                .await;
        }
        // Read after the reader began: what changes meanwhile comes again, and nothing is missed.
        let first = subscription.first(&self.pass.caller, id).await;
        self.subscriptions.insert(id, subscription);
        self.wire.send([command::done(id, "null")].into_iter().chain(first)).await
    }

    /// Sends what of a chunk was subscribed to.
    async fn follow(&mut self, chunk: &Chunk) -> Result<(), End> {
        self.check()?;
        let Some(reader) = &mut self.reader else { return Ok(()) };
        let n_lost = reader.lost_before(chunk);
        if n_lost > 0 {
            return Err(End::cut(
                close::TRY_LATER,
                format!("too slow: {n_lost} events were lost; connect again"),
            ));
        }
        let seen: Vec<&Event> = chunk.events.iter().filter(|event| reader.sees(event)).collect();
        let news = News { chunk, seen, site: &self.site, caller: &self.pass.caller };
        let mut messages = Vec::new();
        for (id, subscription) in &mut self.subscriptions {
            subscription.follow(*id, &news, &mut messages).await;
        }
        if messages.is_empty() {
            return Ok(());
        }
        if self.coalesces && messages.len() > 1 {
            messages = vec![format!("[{}]", messages.join(","))];
        }
        self.wire.send(messages).await
    }

    /// Is the client there, and may it still be?
    async fn look(&mut self) -> Result<(), End> {
        self.check()?;
        if self.wire.heard_at.elapsed() > MAX_SILENCE {
            return Err(End::cut(close::POLICY, "nothing was heard for long"));
        }
        let ping = self.wire.socket.send(Frame::Ping(Vec::new().into()));
        match timeout(SEND_TIME, ping).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }
}

/// The next chunk; `None` when there will be none. Waits for ever without a reader.
async fn next_chunk(reader: &mut Option<Reader>) -> Option<Arc<Chunk>> {
    let Some(reader) = reader else { return std::future::pending().await };
    loop {
        match reader.chunks.next().await {
            Some(Ok(chunk)) => return Some(chunk),
            // The gap in the numbers says how many events that were.
            Some(Err(BroadcastStreamRecvError::Lagged(_))) => {}
            None => return None,
        }
    }
}
