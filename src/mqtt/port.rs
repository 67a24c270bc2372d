//! The port's task: the connection's messages through the engine to the hub, the hub's wishes
//! through the engine to the connection.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::connection::{self, Incoming, IncomingMessage, Request, Requests};
use super::engine::{Engine, Out, Publish};
use super::{KeptSince, Settings, Timing};
use crate::clock::Clock;
use crate::home::action::{Outcome, Refusal};
use crate::home::id::{AreaId, EntityId};
use crate::hub::event::{Effect, Event, Origin, Place, Problem, Query, Reply, Said, Utterance};
use crate::hub::{HubHandle, Stopped};

/// New subscriptions are gathered this long: a device announces its entities one by one, and most
/// of them listen to the same topic.
const GATHER: Duration = Duration::from_millis(20);
/// Filters in one SUBSCRIBE.
const MAX_FILTERS: usize = 200;
/// Bytes of filters in one SUBSCRIBE, more or less: brokers limit their packets.
const MAX_FILTER_BYTES: usize = 64 * 1024;
/// Different reasons why there is no connection that are remembered, to tell each once.
const MAX_COMPLAINTS: usize = 16;
/// Where a sentence may be said over MQTT, and where the reply is given.
const SAY: &str = "homard/say";
const REPLY: &str = "homard/reply";
/// Where Homard says whether it runs.
const STATUS: &str = "homard/status";
/// Sentences over MQTT that are thought about at once; more are dropped.
const MAX_SAID: usize = 8;
/// Batches of messages that are taken in at one go.
const TOGETHER: usize = 64;
/// Events in one batch to the hub.
const BATCH: usize = 1024;

/// The connection's errors are its own affair; only the end of the hub ends the port.
pub(super) async fn run(
    settings: Settings,
    timing: Timing,
    hub: HubHandle,
    clock: Clock,
    effects: &mut mpsc::Receiver<Vec<Effect>>,
    stop: impl Future<Output = ()>,
) -> Result<(), Stopped> {
    let mut tasks = JoinSet::new();
    let engine = Engine::new(&settings.discovery_prefix, clock);
    let birth_topic = settings.status_topic.clone();
    let kept_since = settings.kept_since.clone();
    let broker = format!("{}:{}", settings.host, settings.port);
    let (requests, mut incoming, mut unsent) = connection::start(settings, timing, &mut tasks);
    let mut port = Port {
        engine,
        hub,
        requests,
        generation: None,
        subscribe: HashMap::new(),
        gather_until: None,
        birth_topic: birth_topic.into(),
        birth_at: None,
        said: JoinSet::new(),
        broker,
        quiet: timing.quiet,
        complaints: HashSet::new(),
        kept_since,
    };
    tokio::pin!(stop);
    loop {
        let timer = port.next_timer();
        tokio::select! {
            () = &mut stop => break,
            received = incoming.recv() => match received {
                Some(Incoming::Messages(messages, share)) => {
                    port.take_in_messages(messages, &mut incoming).await?;
                    drop(share);
                }
                Some(received) => port.take_in(received).await?,
                None => return Ok(()),
            },
            wished = effects.recv() => match wished {
                Some(wished) => port.wished(wished).await?,
                None => return Ok(()),
            },
            Some(action) = unsent.recv() => {
                let failed = Event::ActionFailed(action, Refusal::NoBroker);
                port.hub.send(vec![failed]).await?;
            }
            Some(answer) = port.said.join_next() => {
                if let Ok(Some(reply)) = answer {
                    port.reply(&reply);
                }
            }
            () = tokio::time::sleep_until(timer.unwrap_or_else(far)), if timer.is_some() => {
                port.on_timer().await?;
            }
        }
    }
    port.say_goodbye();
    // The goodbye must reach the broker before the tasks end.
    let ended = async { while incoming.recv().await.is_some() {} };
    let _ = tokio::time::timeout(Duration::from_millis(500), ended).await;
    Ok(())
}

/// Only a stand-in for a timer that is not set.
fn far() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

struct Port {
    engine: Engine,
    hub: HubHandle,
    requests: Requests,
    /// The connection that stands, by its number.
    generation: Option<u64>,
    /// Filters to subscribe to when they have been gathered.
    subscribe: HashMap<Arc<str>, u8>,
    gather_until: Option<Instant>,
    birth_topic: Arc<str>,
    birth_at: Option<Instant>,
    said: JoinSet<Option<Reply>>,
    /// Its name and port, for people.
    broker: String,
    quiet: Duration,
    /// The reasons why there was no connection since there was a good one, so that each is told
    /// once.
    complaints: HashSet<String>,
    kept_since: Option<KeptSince>,
}

impl Port {
    fn next_timer(&self) -> Option<Instant> {
        let wake = self.engine.next_wake().map(Instant::from_std);
        [wake, self.gather_until, self.birth_at].into_iter().flatten().min()
    }

    async fn on_timer(&mut self) -> Result<(), Stopped> {
        let now = Instant::now();
        if self.engine.next_wake().is_some_and(|at| at <= now.into_std()) {
            let mut out = Out::default();
            self.engine.wake(now.into_std(), &mut out);
            self.put_out(out).await?;
        }
        if self.gather_until.is_some_and(|at| at <= now) {
            self.subscribe_now();
        }
        if self.birth_at.is_some_and(|at| at <= now) {
            self.birth_at = None;
            let topic = Arc::clone(&self.birth_topic);
            self.publish(topic, b"online".to_vec(), false);
            // It has stood for a while.
            self.complaints.clear();
        }
        Ok(())
    }

    async fn take_in(&mut self, incoming: Incoming) -> Result<(), Stopped> {
        match incoming {
            Incoming::Connected { generation, version } => {
                info!(version, "The broker is connected.");
                self.generation = Some(generation);
                self.subscribe.clear();
                for filter in self.engine.discovery_filters() {
                    self.subscribe.insert(filter, 0);
                }
                self.subscribe.insert(SAY.into(), 0);
                // Announcements first: what they bring is most of what there is to know.
                self.subscribe_now();
                for (filter, qos) in self.engine.resubscribe() {
                    self.subscribe.insert(filter, qos);
                }
                self.subscribe_now();
                self.birth_at = Some(Instant::now() + self.quiet);
                self.publish(STATUS.into(), b"online".to_vec(), true);
                let place = Place::Part("broker");
                self.hub
                    .send(vec![Event::ProblemSolved { place }, Event::BrokerConnected(true)])
                    .await
            }
            Incoming::Lost(why) => {
                let was_connected = self.generation.take().is_some();
                self.birth_at = None;
                let is_news = !self.complaints.contains(&why);
                if is_news {
                    if self.complaints.len() >= MAX_COMPLAINTS {
                        self.complaints.clear();
                    }
                    self.complaints.insert(why.clone());
                    warn!(error = %why, broker = %self.broker, "The broker cannot be reached; trying again.");
                } else {
                    debug!(error = %why, "The broker still cannot be reached.");
                }
                let text = format!("the broker `{}` cannot be reached: {why}", self.broker);
                let place = Place::Part("broker");
                let mut events = Vec::new();
                if was_connected || is_news {
                    // The newest reason only.
                    events.push(Event::ProblemSolved { place: place.clone() });
                }
                events.push(Event::ProblemFound(Problem { place, producer: None, text }));
                if was_connected || is_news {
                    events.push(Event::BrokerConnected(false));
                }
                self.hub.send(events).await
            }
            Incoming::Refused(n) => {
                let text = format!(
                    "the broker refuses {n} subscriptions; do its access rules let this user \
                     read what devices say?"
                );
                warn!(n, "The broker refuses subscriptions.");
                let place = Place::Part("broker");
                self.hub
                    .send(vec![Event::ProblemFound(Problem { place, producer: None, text })])
                    .await
            }
            Incoming::Messages(messages, _share) => {
                let mut out = Out::default();
                self.receive(messages, &mut out);
                self.put_out(out).await
            }
        }
    }

    /// Takes in messages, and in the same go those that came meanwhile: the connection hands them
    /// on ten at a time, and each batch wakes the hub and all who watch it.
    async fn take_in_messages(
        &mut self,
        messages: Vec<IncomingMessage>,
        incoming: &mut mpsc::Receiver<Incoming>,
    ) -> Result<(), Stopped> {
        let mut out = Out::default();
        self.receive(messages, &mut out);
        let mut other = None;
        for _ in 0..TOGETHER {
            match incoming.try_recv() {
                Ok(Incoming::Messages(messages, _share)) => self.receive(messages, &mut out),
                Ok(received) => other = Some(received),
                Err(_) => break,
            }
            if other.is_some() || out.events.len() >= BATCH {
                break;
            }
        }
        self.put_out(out).await?;
        match other {
            Some(received) => self.take_in(received).await,
            None => Ok(()),
        }
    }

    fn receive(&mut self, messages: Vec<IncomingMessage>, out: &mut Out) {
        let now = Instant::now();
        let n_known = out.events.len();
        for message in messages {
            if message.topic == SAY {
                self.hear(&message.payload, message.is_retained);
                continue;
            }
            let IncomingMessage { topic, payload, is_retained } = &message;
            let kept_since = self.kept_since.as_ref().filter(|_| *is_retained);
            match kept_since.and_then(|kept_since| kept_since(topic, payload)) {
                Some(said_at) => {
                    self.engine.receive_kept(topic, payload, said_at, now.into_std(), out);
                }
                None => self.engine.receive(topic, payload, *is_retained, now.into_std(), out),
            }
        }
        let has_news =
            out.events[n_known..].iter().any(|event| matches!(event, Event::Announced(..)));
        if has_news && let Some(birth_at) = &mut self.birth_at {
            *birth_at = now + self.quiet;
        }
    }

    async fn wished(&mut self, effects: Vec<Effect>) -> Result<(), Stopped> {
        let now = Instant::now().into_std();
        let mut out = Out::default();
        for effect in effects {
            match (effect, self.generation) {
                (Effect::Act { id, .. }, None) => {
                    out.events.push(Event::ActionFailed(id, Refusal::NoBroker));
                }
                (Effect::Say(said), _) => self.say(&said),
                (effect, _) => self.engine.effect(effect, now, &mut out),
            }
        }
        self.put_out(out).await
    }

    /// Sends what the engine wishes, and tells the hub.
    async fn put_out(&mut self, out: Out) -> Result<(), Stopped> {
        let Out { mut events, publish, subscribe, unsubscribe } = out;
        for publish in publish {
            let action = publish.action;
            let is_taken = self.generation.is_some_and(|generation| {
                self.requests.send(generation, Request::Publish(publish)).is_ok()
            });
            if !is_taken && let Some(action) = action {
                events.push(Event::ActionFailed(action, Refusal::NoBroker));
            }
        }
        for filter in unsubscribe {
            // It may be wanted again already.
            if self.engine.listens_to(&filter) || self.is_own(&filter) {
                continue;
            }
            if self.subscribe.remove(&filter).is_none()
                && let Some(generation) = self.generation
            {
                let _ = self.requests.send(generation, Request::Unsubscribe(filter));
            }
        }
        if !subscribe.is_empty() && self.generation.is_some() {
            for (filter, qos) in subscribe {
                // Added and taken away in one go.
                if !self.engine.listens_to(&filter) {
                    continue;
                }
                let wanted = self.subscribe.entry(filter).or_insert(qos);
                *wanted = qos.max(*wanted);
            }
            self.gather_until.get_or_insert_with(|| Instant::now() + GATHER);
        }
        while events.len() > BATCH {
            let rest = events.split_off(BATCH);
            self.hub.send(events).await?;
            events = rest;
        }
        self.hub.send(events).await
    }

    /// Filters that are wanted whatever devices announce.
    fn is_own(&self, filter: &str) -> bool {
        filter == SAY || self.engine.discovery_filters().iter().any(|own| &**own == filter)
    }

    fn subscribe_now(&mut self) {
        self.gather_until = None;
        let Some(generation) = self.generation else { return };
        let mut group = Vec::new();
        let mut n_bytes = 0;
        for (filter, qos) in self.subscribe.drain() {
            let size = filter.len() + 3;
            if group.len() >= MAX_FILTERS
                || (!group.is_empty() && n_bytes + size > MAX_FILTER_BYTES)
            {
                let full = Request::Subscribe(std::mem::take(&mut group));
                let _ = self.requests.send(generation, full);
                n_bytes = 0;
            }
            n_bytes += size;
            group.push((filter, qos));
        }
        if !group.is_empty() {
            let _ = self.requests.send(generation, Request::Subscribe(group));
        }
    }

    fn publish(&self, topic: Arc<str>, payload: Vec<u8>, retain: bool) {
        let Some(generation) = self.generation else { return };
        let publish = Publish { topic, payload, qos: 0, retain, action: None };
        if self.requests.send(generation, Request::Publish(publish)).is_err() {
            warn!("Too many messages wait to be sent; one of Homard's own was dropped.");
        }
    }

    fn say_goodbye(&self) {
        let Some(generation) = self.generation else { return };
        self.publish(STATUS.into(), b"offline".to_vec(), true);
        let _ = self.requests.send(generation, Request::Disconnect);
    }

    /// A sentence said over MQTT: plain text, or `{"text", "language"?, "area"?,
    /// "conversation_id"?}`.
    fn hear(&mut self, payload: &[u8], is_retained: bool) {
        // What the broker kept was said some time ago, perhaps before a restart.
        if is_retained {
            return;
        }
        if self.said.len() >= MAX_SAID {
            warn!(topic = SAY, "Too much is said at once; a sentence was dropped.");
            return;
        }
        let Ok(text) = std::str::from_utf8(payload) else { return };
        if text.trim().is_empty() {
            return;
        }
        let object = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).ok();
        let field = |name: &str| {
            object.as_ref().and_then(|object| object.get(name)?.as_str().map(str::to_owned))
        };
        let utterance = Utterance {
            text: field("text").unwrap_or_else(|| text.to_owned()),
            others: Vec::new(),
            language: field("language"),
            origin: Origin {
                area: field("area"),
                conversation: field("conversation_id"),
                ..Origin::default()
            },
        };
        let hub = self.hub.clone();
        self.said.spawn(async move { hub.ask(|reply| Query::Hear(utterance, reply)).await.ok() });
    }

    fn reply(&self, reply: &Reply) {
        self.publish(REPLY.into(), reply_object(reply).to_string().into_bytes(), false);
    }

    /// What the house says by itself goes where its replies go, with why and where.
    fn say(&self, said: &Said) {
        let mut json = reply_object(&said.reply);
        json["cause"] = said.cause.word().into();
        json["entry_id"] = said.entry.0.into();
        json["name"] = said.name.as_deref().into();
        json["area_id"] = said.area.as_ref().map(AreaId::as_str).into();
        self.publish(REPLY.into(), json.to_string().into_bytes(), false);
    }
}

fn reply_object(reply: &Reply) -> serde_json::Value {
    let ids = |list: &[(EntityId, Outcome)]| -> Vec<String> {
        list.iter().map(|(id, _)| id.to_string()).collect()
    };
    json!({
        "text": reply.text,
        "language": reply.language,
        "intent": reply.intent,
        "success": ids(&reply.success),
        "failed": ids(&reply.failed),
        "conversation_id": reply.conversation,
        "continue_conversation": reply.continues,
    })
}
