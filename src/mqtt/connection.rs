//! One connection to the broker at a time, in MQTT 5 or 3.1.1, behind two queues: what came in and
//! what is to go out. Knows rumqttc and its pitfalls; knows nothing of discovery.
//!
//! Three tasks that never wait for each other in a ring (rumqttc's own loop stops reading while
//! its request queue is full): the reader polls, the writer feeds requests, the engine's task in
//! `port.rs` does the rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rumqttc::{Outgoing, QoS, TlsConfiguration, Transport, v5};
use rustls::ClientConfig;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::Settings;
use super::engine::Publish;
use crate::home::id::ActionId;

/// Messages of up to this size are taken: zigbee2mqtt's list of devices passes 256 KiB, a camera's
/// frame a megabyte.
const MAX_INCOMING: u32 = 16 * 1024 * 1024;
/// Requests between the writer and rumqttc's loop.
const REQUESTS: usize = 64;
/// Batches of incoming messages that may wait for the engine; then the broker has to.
const BATCHES: usize = 64;
/// Messages in one batch.
const BATCH: usize = 1024;
/// Commands that may wait to be sent; more are refused.
const MAX_QUEUED: usize = 10_000;
/// Commands with quality 1 or 2 that may wait for the broker's answer. rumqttc sets 216 bytes aside
/// for each; its own limit of 65,535 costs 14 MB.
const MAX_UNANSWERED: u16 = 100;
const KEEP_ALIVE: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const FIRST_DELAY: Duration = Duration::from_millis(200);
const LAST_DELAY: Duration = Duration::from_secs(30);

/// What comes from the broker.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A connection stands; nothing is subscribed on it yet.
    Connected {
        /// Counts connections; commands of an earlier one are not sent on a later.
        generation: u64,
        version: &'static str,
    },
    /// Messages, in order.
    Messages(Vec<IncomingMessage>),
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

/// The sending side.
pub(super) struct Requests {
    sender: mpsc::UnboundedSender<(u64, Request)>,
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
        self.sender.send((generation, request)).map_err(|error| error.0.1)
    }
}

/// Starts the tasks of the connection in `tasks`.
pub(super) fn start(
    settings: Settings,
    tasks: &mut JoinSet<()>,
) -> (Requests, mpsc::Receiver<Incoming>, mpsc::UnboundedReceiver<ActionId>) {
    let (incoming, receiver) = mpsc::channel(BATCHES);
    let (sender, requests) = mpsc::unbounded_channel();
    let (unsent, unsent_receiver) = mpsc::unbounded_channel();
    let n_queued = Arc::new(AtomicUsize::new(0));
    let (client_sender, client) = tokio::sync::watch::channel(None);
    tasks.spawn(read(settings, incoming, client_sender));
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
    Other,
    /// The connection ended because we said goodbye.
    Goodbye,
}

struct Failure {
    text: String,
    /// The broker may not know MQTT 5.
    may_be_version: bool,
}

async fn read(
    settings: Settings,
    incoming: mpsc::Sender<Incoming>,
    clients: tokio::sync::watch::Sender<Option<Client>>,
) {
    let mut is_v5 = true;
    let mut delay = FIRST_DELAY;
    let mut generation = 0;
    loop {
        generation += 1;
        let (client, mut eventloop) = open(&settings, is_v5, generation);
        let mut connected_at = None;
        let failure = loop {
            match poll(&mut eventloop).await {
                Ok(Polled::Connected) => {
                    connected_at = Some(Instant::now());
                    clients.send_replace(Some(client.clone()));
                    let version = if is_v5 { "5" } else { "3.1.1" };
                    let connected = Incoming::Connected { generation, version };
                    if incoming.send(connected).await.is_err() {
                        return;
                    }
                }
                Ok(Polled::Message(message)) => {
                    let mut batch = vec![message];
                    let mut ended = None;
                    // What was read from the network together goes on together.
                    while has_more(&eventloop) && batch.len() < BATCH {
                        match poll(&mut eventloop).await {
                            Ok(Polled::Message(message)) => batch.push(message),
                            Ok(Polled::Connected | Polled::Other) => {}
                            Ok(Polled::Goodbye) => {
                                ended = Some(None);
                                break;
                            }
                            Err(failure) => {
                                ended = Some(Some(failure));
                                break;
                            }
                        }
                    }
                    if incoming.send(Incoming::Messages(batch)).await.is_err() {
                        return;
                    }
                    match ended {
                        None => {}
                        Some(None) => return,
                        Some(Some(failure)) => break failure,
                    }
                }
                Ok(Polled::Other) => {}
                Ok(Polled::Goodbye) => return,
                Err(failure) => break failure,
            }
        };
        clients.send_replace(None);
        if connected_at.is_none() && failure.may_be_version {
            is_v5 = !is_v5;
        }
        if connected_at.is_some_and(|at| at.elapsed() > Duration::from_secs(5)) {
            delay = FIRST_DELAY;
        }
        if incoming.send(Incoming::Lost(failure.text)).await.is_err() {
            return;
        }
        sleep(delay).await;
        delay = (delay * 2).min(LAST_DELAY);
        if connected_at.is_some() {
            delay = delay.min(Duration::from_secs(2));
        }
    }
}

async fn write(
    mut requests: mpsc::UnboundedReceiver<(u64, Request)>,
    client: tokio::sync::watch::Receiver<Option<Client>>,
    n_queued: Arc<AtomicUsize>,
    unsent: mpsc::UnboundedSender<ActionId>,
) {
    while let Some((generation, request)) = requests.recv().await {
        n_queued.fetch_sub(1, Ordering::Relaxed);
        let now = client.borrow().clone();
        let action = match &request {
            Request::Publish(publish) => publish.action,
            _ => None,
        };
        let is_sent = match now {
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
fn open(settings: &Settings, is_v5: bool, generation: u64) -> (Client, Loop) {
    let (id, host, port) = (&settings.client_id, &settings.host, settings.port);
    if is_v5 {
        let mut options = v5::MqttOptions::new(id, host, port);
        options.set_keep_alive(KEEP_ALIVE);
        options.set_connection_timeout(CONNECT_TIMEOUT.as_secs());
        options.set_max_packet_size(Some(MAX_INCOMING));
        options.set_outgoing_inflight_upper_limit(MAX_UNANSWERED);
        options.set_transport(transport(settings.tls.as_ref()));
        if let Some(user) = &settings.user {
            let password = settings.password.as_ref().map_or("", |password| password.expose());
            options.set_credentials(user, password);
        }
        if let Some(will) = &settings.will {
            let (topic, payload) = (settings.status_topic.as_str(), will.clone());
            let qos = v5::mqttbytes::QoS::AtMostOnce;
            let will = v5::mqttbytes::v5::LastWill::new(topic, payload, qos, false, None);
            options.set_last_will(will);
        }
        let (client, eventloop) = v5::AsyncClient::new(options, REQUESTS);
        return (Client::V5(generation, client), Loop::V5(Box::new(eventloop)));
    }
    let mut options = rumqttc::MqttOptions::new(id, host, port);
    options.set_keep_alive(KEEP_ALIVE);
    options.set_max_packet_size(MAX_INCOMING as usize, MAX_INCOMING as usize);
    options.set_transport(transport(settings.tls.as_ref()));
    if let Some(user) = &settings.user {
        let password = settings.password.as_ref().map_or("", |password| password.expose());
        options.set_credentials(user, password);
    }
    if let Some(will) = &settings.will {
        let (topic, payload) = (settings.status_topic.as_str(), will.clone());
        options.set_last_will(rumqttc::LastWill::new(topic, payload, QoS::AtMostOnce, false));
    }
    let (client, mut eventloop) = rumqttc::AsyncClient::new(options, REQUESTS);
    let mut network = rumqttc::NetworkOptions::new();
    network.set_connection_timeout(CONNECT_TIMEOUT.as_secs());
    eventloop.set_network_options(network);
    (Client::V4(generation, client), Loop::V4(Box::new(eventloop)))
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
            Ok(v5::Event::Outgoing(Outgoing::Disconnect)) => Ok(Polled::Goodbye),
            Ok(_) => Ok(Polled::Other),
            Err(error) => Err(failure_v5(&error)),
        },
        Loop::V4(eventloop) => match eventloop.poll().await {
            Ok(rumqttc::Event::Incoming(rumqttc::Incoming::Publish(publish))) => {
                Ok(message(publish.topic.as_bytes(), publish.payload, publish.retain))
            }
            Ok(rumqttc::Event::Incoming(rumqttc::Incoming::ConnAck(_))) => Ok(Polled::Connected),
            Ok(rumqttc::Event::Outgoing(Outgoing::Disconnect)) => Ok(Polled::Goodbye),
            Ok(_) => Ok(Polled::Other),
            Err(error) => Err(Failure { text: in_words(&error), may_be_version: true }),
        },
    }
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

fn failure_v5(error: &v5::ConnectionError) -> Failure {
    use v5::mqttbytes::v5::ConnectReturnCode as Code;
    let may_be_version = match error {
        v5::ConnectionError::ConnectionRefused(code) => matches!(
            code,
            Code::UnsupportedProtocolVersion | Code::RefusedProtocolVersion | Code::ProtocolError
        ),
        // Brokers of old hang up on a protocol that they do not know, or answer in their own.
        v5::ConnectionError::Io(error) => error.kind() != std::io::ErrorKind::ConnectionRefused,
        v5::ConnectionError::MqttState(_) | v5::ConnectionError::NotConnAck(_) => true,
        _ => false,
    };
    Failure { text: in_words(error), may_be_version }
}

/// An error and what caused it, in one line. Never holds a password: rumqttc's errors do not.
fn in_words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
