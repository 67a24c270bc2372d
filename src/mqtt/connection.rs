//! One connection to the broker at a time, in MQTT 5 or 3.1.1, behind two queues: what came in and
//! what is to go out. Knows rumqttc and its pitfalls; knows nothing of discovery.
//!
//! Three tasks that never wait for each other in a ring (rumqttc's own loop stops reading while
//! its request queue is full): the reader polls, the writer feeds requests, the engine's task in
//! `port.rs` does the rest. Each connection is polled in a task of its own, so that whatever a
//! broker sends can end this connection only. Which version is tried when, and how long to wait,
//! is decided in `attempts.rs`; what a failure is called, in `failure.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rumqttc::{Outgoing, QoS, TlsConfiguration, Transport, v5};
use rustls::ClientConfig;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::attempts::{Attempts, Version};
use super::engine::Publish;
use super::failure::{self, Failure};
use super::{Passage, Settings, Timing};
use crate::home::id::ActionId;

/// Messages of up to this size are taken: zigbee2mqtt's list of devices passes 256 KiB, a camera's
/// frame a megabyte.
const MAX_INCOMING: u32 = 16 * 1024 * 1024;
/// Requests between the writer and rumqttc's loop.
const REQUESTS: usize = 64;
/// Batches of incoming messages that may wait for the engine; then the broker has to.
const BATCHES: usize = 64;
/// Bytes of messages that may wait for the engine; the same.
const MAX_WAITING: u32 = 32 * 1024 * 1024;
/// What a message costs besides its topic and payload.
const MESSAGE_COST: usize = 100;
/// Messages in one batch.
const BATCH: usize = 1024;
/// Commands that may wait to be sent; more are refused.
const MAX_QUEUED: usize = 10_000;
/// Commands with QoS 1 or 2 that the broker has not acknowledged yet; more wait. rumqttc's default
/// keeps room for 65,535 of them, 13 MB.
const IN_FLIGHT: u16 = 100;
/// A command that has waited this long for a broker that takes nothing is not sent any more: who
/// wished it no longer expects it.
const TOO_LATE: Duration = Duration::from_secs(10);

/// How long the broker may take to close after our goodbye.
const FAREWELL: Duration = Duration::from_millis(300);

/// What comes from the broker.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A connection stands; nothing is subscribed on it yet.
    Connected {
        /// Counts connections; commands of an earlier one are not sent on a later.
        generation: u64,
        version: &'static str,
    },
    /// Messages, in order, and their share of what may wait.
    Messages(Vec<IncomingMessage>, OwnedSemaphorePermit),
    /// The broker refuses that many of the subscriptions.
    Refused(usize),
    /// The connection is lost, or could not be made; tried again by itself.
    Lost(String),
}

/// One message.
#[derive(Debug)]
pub(super) struct IncomingMessage {
    pub(super) topic: String,
    pub(super) payload: bytes::Bytes,
    pub(super) is_retained: bool,
}

/// What goes to the broker.
#[derive(Debug)]
pub(super) enum Request {
    Publish(Publish),
    Subscribe(Vec<(Arc<str>, u8)>),
    Unsubscribe(Arc<str>),
    /// Say goodbye; the connection ends.
    Disconnect,
}

struct Queued {
    generation: u64,
    at: Instant,
    request: Request,
}

/// The sending side.
pub(super) struct Requests {
    sender: mpsc::UnboundedSender<Queued>,
    n_queued: Arc<AtomicUsize>,
}

impl Requests {
    /// Queues a request for this connection. Commands are refused (and come back) when too many
    /// wait; subscriptions are bounded by what devices announced.
    pub(super) fn send(&self, generation: u64, request: Request) -> Result<(), Request> {
        let is_command = matches!(request, Request::Publish(_));
        if is_command && self.n_queued.load(Ordering::Relaxed) >= MAX_QUEUED {
            return Err(request);
        }
        self.n_queued.fetch_add(1, Ordering::Relaxed);
        let queued = Queued { generation, at: Instant::now(), request };
        self.sender.send(queued).map_err(|error| error.0.request)
    }
}

/// Starts the tasks of the connection in `tasks`.
pub(super) fn start(
    settings: Settings,
    timing: Timing,
    tasks: &mut JoinSet<()>,
) -> (Requests, mpsc::Receiver<Incoming>, mpsc::UnboundedReceiver<ActionId>) {
    let (incoming, receiver) = mpsc::channel(BATCHES);
    let (sender, requests) = mpsc::unbounded_channel();
    let (unsent, unsent_receiver) = mpsc::unbounded_channel();
    let n_queued = Arc::new(AtomicUsize::new(0));
    let (client_sender, client) = watch::channel(None);
    tasks.spawn(read(settings, timing, incoming, client_sender));
    tasks.spawn(write(requests, client, Arc::clone(&n_queued), unsent));
    (Requests { sender, n_queued }, receiver, unsent_receiver)
}

/// A client of either version, and the number of its connection.
#[derive(Clone)]
enum Client {
    V5(u64, v5::AsyncClient),
    V4(u64, rumqttc::AsyncClient),
}

enum Loop {
    V5(Box<v5::EventLoop>),
    V4(Box<rumqttc::EventLoop>),
}

/// What one poll gave.
enum Polled {
    Connected,
    Message(IncomingMessage),
    Refused(usize),
    Other,
    /// The connection ended because we said goodbye.
    Goodbye,
}

/// How one connection ended.
enum End {
    /// Nobody wants another one.
    Over,
    /// How long it stood, if it did at all.
    Lost(Failure, Option<Duration>),
}

/// What the connections of a port share.
#[derive(Clone)]
struct Shared {
    settings: Arc<Settings>,
    timing: Timing,
    incoming: mpsc::Sender<Incoming>,
    waiting: Arc<Semaphore>,
    clients: watch::Sender<Option<Client>>,
}

async fn read(
    settings: Settings,
    timing: Timing,
    incoming: mpsc::Sender<Incoming>,
    clients: watch::Sender<Option<Client>>,
) {
    let mut attempts = Attempts::new(timing);
    let settings = Arc::new(settings);
    let waiting = Arc::new(Semaphore::new(MAX_WAITING as usize));
    let shared = Shared { settings, timing, incoming, waiting, clients };
    let mut generation = 0;
    let mut task = JoinSet::new();
    loop {
        generation += 1;
        let (version, patience) = (attempts.version(), attempts.patience());
        shared.settings.tell(&Passage::Trying);
        task.spawn(connection(shared.clone(), version, patience, generation));
        let (failure, stood) = match task.join_next().await {
            Some(Ok(End::Lost(failure, stood))) => (failure, stood),
            Some(Ok(End::Over)) | None => return,
            Some(Err(error)) => (failure::panicked(&error), None),
        };
        shared.clients.send_replace(None);
        let pause = attempts.failed(&failure, stood);
        shared.settings.tell(&Passage::Lost(&failure.text));
        if shared.incoming.send(Incoming::Lost(failure.text)).await.is_err() {
            return;
        }
        sleep(pause).await;
    }
}

/// One connection, from the first attempt to its end.
async fn connection(shared: Shared, version: Version, patience: Duration, generation: u64) -> End {
    let Shared { settings, timing, incoming, waiting, clients } = shared;
    let (client, mut eventloop) = open(&settings, &timing, version, patience, generation);
    let mut connected_at: Option<Instant> = None;
    let lost = |failure, connected_at: Option<Instant>| {
        End::Lost(failure, connected_at.map(|at| at.elapsed()))
    };
    loop {
        // rumqttc has no limit for a connection that takes nothing: it would wait for ever, and
        // not even ping.
        let silence = if connected_at.is_some() {
            longest_silence(&eventloop)
        } else {
            patience + timing.connect
        };
        let Ok(polled) = timeout(silence, poll(&mut eventloop)).await else {
            return lost(failure::silent(silence), connected_at);
        };
        let told = match polled {
            Err(failure) => return lost(failure, connected_at),
            Ok(Polled::Goodbye) => {
                hang_up(&mut eventloop).await;
                return End::Over;
            }
            Ok(Polled::Other) => continue,
            Ok(Polled::Refused(n)) => Incoming::Refused(n),
            Ok(Polled::Connected) => {
                connected_at = Some(Instant::now());
                keep_alive_again(&mut eventloop, &timing);
                clients.send_replace(Some(client.clone()));
                settings.tell(&Passage::Connected);
                Incoming::Connected { generation, version: version.name() }
            }
            Ok(Polled::Message(message)) => {
                let (batch, end) = batch(&mut eventloop, message).await;
                let cost = batch.iter().map(IncomingMessage::cost).sum::<usize>();
                let cost = u32::try_from(cost).unwrap_or(MAX_WAITING).min(MAX_WAITING);
                let Ok(permit) = Arc::clone(&waiting).acquire_many_owned(cost).await else {
                    return End::Over;
                };
                if incoming.send(Incoming::Messages(batch, permit)).await.is_err() {
                    return End::Over;
                }
                match end {
                    None => continue,
                    Some(None) => {
                        hang_up(&mut eventloop).await;
                        return End::Over;
                    }
                    Some(Some(failure)) => return lost(failure, connected_at),
                }
            }
        };
        if incoming.send(told).await.is_err() {
            return End::Over;
        }
    }
}

/// One connection up to the broker's yes, and a goodbye.
pub(super) async fn attempt(
    settings: &Settings,
    timing: &Timing,
    version: Version,
) -> Result<(), Failure> {
    let (client, mut eventloop) = open(settings, timing, version, timing.connect, 0);
    loop {
        if let Polled::Connected = poll(&mut eventloop).await? {
            break;
        }
    }
    let said = match client {
        Client::V5(_, client) => client.disconnect().await.is_ok(),
        Client::V4(_, client) => client.disconnect().await.is_ok(),
    };
    if said {
        hang_up(&mut eventloop).await;
    }
    Ok(())
}

/// Lets the broker close after our goodbye: who closes first while messages are on their way resets
/// the connection, and the broker may never read it.
async fn hang_up(eventloop: &mut Loop) {
    let closed = async { while poll(eventloop).await.is_ok() {} };
    let _ = timeout(FAREWELL, closed).await;
}

/// What was read from the network together goes on together. The second value is how the
/// connection ended on the way, without a failure if we said goodbye.
async fn batch(
    eventloop: &mut Loop,
    first: IncomingMessage,
) -> (Vec<IncomingMessage>, Option<Option<Failure>>) {
    let mut batch = vec![first];
    while has_more(eventloop) && batch.len() < BATCH {
        match poll(eventloop).await {
            Ok(Polled::Message(message)) => batch.push(message),
            Ok(Polled::Connected | Polled::Refused(_) | Polled::Other) => {}
            Ok(Polled::Goodbye) => return (batch, Some(None)),
            Err(failure) => return (batch, Some(Some(failure))),
        }
    }
    (batch, None)
}

impl IncomingMessage {
    fn cost(&self) -> usize {
        self.topic.len() + self.payload.len() + MESSAGE_COST
    }
}

async fn write(
    mut requests: mpsc::UnboundedReceiver<Queued>,
    client: watch::Receiver<Option<Client>>,
    n_queued: Arc<AtomicUsize>,
    unsent: mpsc::UnboundedSender<ActionId>,
) {
    while let Some(Queued { generation, at, request }) = requests.recv().await {
        n_queued.fetch_sub(1, Ordering::Relaxed);
        let now = client.borrow().clone();
        let action = match &request {
            Request::Publish(publish) => publish.action,
            Request::Subscribe(_) | Request::Unsubscribe(_) | Request::Disconnect => None,
        };
        let is_too_late = action.is_some() && at.elapsed() > TOO_LATE;
        let is_sent = match now {
            _ if is_too_late => false,
            Some(Client::V5(number, client)) if number == generation => {
                send_v5(&client, request).await
            }
            Some(Client::V4(number, client)) if number == generation => {
                send_v4(&client, request).await
            }
            _ => false,
        };
        if let Some(action) = action.filter(|_| !is_sent) {
            // Nobody listens any more only at the very end.
            let _ = unsent.send(action);
        }
    }
}

fn quality(qos: u8) -> QoS {
    match qos {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        _ => QoS::ExactlyOnce,
    }
}

/// The same for the other version of the protocol.
fn quality_v5(qos: u8) -> v5::mqttbytes::QoS {
    match qos {
        0 => v5::mqttbytes::QoS::AtMostOnce,
        1 => v5::mqttbytes::QoS::AtLeastOnce,
        _ => v5::mqttbytes::QoS::ExactlyOnce,
    }
}

async fn send_v5(client: &v5::AsyncClient, request: Request) -> bool {
    match request {
        Request::Publish(Publish { topic, payload, qos, retain, .. }) => {
            client.publish(&*topic, quality_v5(qos), retain, payload).await.is_ok()
        }
        Request::Subscribe(filters) => {
            let filters = filters
                .iter()
                .map(|(path, qos)| v5::mqttbytes::v5::Filter::new(&**path, quality_v5(*qos)));
            client.subscribe_many(filters).await.is_ok()
        }
        Request::Unsubscribe(filter) => client.unsubscribe(&*filter).await.is_ok(),
        Request::Disconnect => client.disconnect().await.is_ok(),
    }
}

async fn send_v4(client: &rumqttc::AsyncClient, request: Request) -> bool {
    match request {
        Request::Publish(Publish { topic, payload, qos, retain, .. }) => {
            client.publish(&*topic, quality(qos), retain, payload).await.is_ok()
        }
        Request::Subscribe(filters) => {
            let filters = filters
                .iter()
                .map(|(path, qos)| rumqttc::SubscribeFilter::new(path.to_string(), quality(*qos)));
            client.subscribe_many(filters).await.is_ok()
        }
        Request::Unsubscribe(filter) => client.unsubscribe(&*filter).await.is_ok(),
        Request::Disconnect => client.disconnect().await.is_ok(),
    }
}

fn transport(tls: Option<&Arc<ClientConfig>>) -> Transport {
    match tls {
        None => Transport::tcp(),
        Some(config) => Transport::tls_with_config(TlsConfiguration::Rustls(Arc::clone(config))),
    }
}

/// A fresh client for one connection: nothing that waited in an earlier one is sent twice or late.
fn open(
    settings: &Settings,
    timing: &Timing,
    version: Version,
    patience: Duration,
    generation: u64,
) -> (Client, Loop) {
    let (id, host, port) = (&settings.client_id, &settings.host, settings.port);
    let user = settings
        .user
        .as_ref()
        .map(|user| (user, settings.password.as_ref().map_or("", |password| password.expose())));
    // rumqttc counts in whole seconds; `patience` is kept by who polls.
    let connect_seconds = patience.as_secs().max(1) + 1;
    match version {
        Version::V5 => {
            let mut options = v5::MqttOptions::new(id, host, port);
            options.set_keep_alive(timing.keep_alive());
            options.set_connection_timeout(connect_seconds);
            options.set_max_packet_size(Some(MAX_INCOMING));
            options.set_outgoing_inflight_upper_limit(IN_FLIGHT);
            options.set_transport(transport(settings.tls.as_ref()));
            if let Some((user, password)) = user {
                options.set_credentials(user, password);
            }
            if let Some(will) = &settings.will {
                let (topic, payload) = (settings.status_topic.as_str(), will.clone());
                let qos = v5::mqttbytes::QoS::AtMostOnce;
                let will = v5::mqttbytes::v5::LastWill::new(topic, payload, qos, false, None);
                options.set_last_will(will);
            }
            let (client, eventloop) = v5::AsyncClient::new(options, REQUESTS);
            (Client::V5(generation, client), Loop::V5(Box::new(eventloop)))
        }
        Version::V311 => {
            let mut options = rumqttc::MqttOptions::new(id, host, port);
            options.set_keep_alive(timing.keep_alive());
            options.set_max_packet_size(MAX_INCOMING as usize, MAX_INCOMING as usize);
            options.set_inflight(IN_FLIGHT);
            options.set_transport(transport(settings.tls.as_ref()));
            if let Some((user, password)) = user {
                options.set_credentials(user, password);
            }
            if let Some(will) = &settings.will {
                let (topic, payload) = (settings.status_topic.as_str(), will.clone());
                let will = rumqttc::LastWill::new(topic, payload, QoS::AtMostOnce, false);
                options.set_last_will(will);
            }
            let (client, mut eventloop) = rumqttc::AsyncClient::new(options, REQUESTS);
            let mut network = rumqttc::NetworkOptions::new();
            network.set_connection_timeout(connect_seconds);
            eventloop.set_network_options(network);
            (Client::V4(generation, client), Loop::V4(Box::new(eventloop)))
        }
    }
}

/// A broker may set the interval of pings in its answer; with 0 it wants none, which rumqttc takes
/// for pings without pause.
fn keep_alive_again(eventloop: &mut Loop, timing: &Timing) {
    if let Loop::V5(eventloop) = eventloop
        && eventloop.options.keep_alive() < Timing::SHORTEST_KEEP_ALIVE
    {
        eventloop.options.set_keep_alive(timing.keep_alive());
    }
}

/// A poll gives something at least at each ping.
fn longest_silence(eventloop: &Loop) -> Duration {
    let keep_alive = match eventloop {
        Loop::V5(eventloop) => eventloop.options.keep_alive(),
        Loop::V4(eventloop) => eventloop.mqtt_options.keep_alive(),
    };
    keep_alive + keep_alive / 2
}

/// Whether the next poll answers at once.
fn has_more(eventloop: &Loop) -> bool {
    match eventloop {
        Loop::V5(eventloop) => !eventloop.state.events.is_empty(),
        Loop::V4(eventloop) => !eventloop.state.events.is_empty(),
    }
}

async fn poll(eventloop: &mut Loop) -> Result<Polled, Failure> {
    match eventloop {
        Loop::V5(eventloop) => match eventloop.poll().await {
            Ok(v5::Event::Incoming(v5::Incoming::Publish(publish))) => {
                Ok(message(&publish.topic, publish.payload, publish.retain))
            }
            Ok(v5::Event::Incoming(v5::Incoming::ConnAck(_))) => Ok(Polled::Connected),
            Ok(v5::Event::Incoming(v5::Incoming::SubAck(suback))) => {
                use v5::mqttbytes::v5::SubscribeReasonCode::Success;
                let codes = suback.return_codes.iter();
                Ok(refused(codes.filter(|code| !matches!(code, Success(_))).count()))
            }
            Ok(v5::Event::Outgoing(Outgoing::Disconnect)) => Ok(Polled::Goodbye),
            Ok(_) => Ok(Polled::Other),
            Err(error) => Err(failure::v5(&error)),
        },
        Loop::V4(eventloop) => match eventloop.poll().await {
            Ok(rumqttc::Event::Incoming(rumqttc::Incoming::Publish(publish))) => {
                Ok(message(publish.topic.as_bytes(), publish.payload, publish.retain))
            }
            Ok(rumqttc::Event::Incoming(rumqttc::Incoming::ConnAck(_))) => Ok(Polled::Connected),
            Ok(rumqttc::Event::Incoming(rumqttc::Incoming::SubAck(suback))) => {
                use rumqttc::SubscribeReasonCode::Success;
                let codes = suback.return_codes.iter();
                Ok(refused(codes.filter(|code| !matches!(code, Success(_))).count()))
            }
            Ok(rumqttc::Event::Outgoing(Outgoing::Disconnect)) => Ok(Polled::Goodbye),
            Ok(_) => Ok(Polled::Other),
            Err(error) => Err(failure::v311(&error)),
        },
    }
}

fn refused(n: usize) -> Polled {
    if n == 0 { Polled::Other } else { Polled::Refused(n) }
}

fn message(topic: &[u8], payload: bytes::Bytes, is_retained: bool) -> Polled {
    match std::str::from_utf8(topic) {
        Ok(topic) => {
            Polled::Message(IncomingMessage { topic: topic.to_owned(), payload, is_retained })
        }
        // Against the protocol; no device of ours has such a topic.
        Err(_) => Polled::Other,
    }
}
