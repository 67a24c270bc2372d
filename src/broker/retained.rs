//! Retained messages over a restart: what is handed to the store, when, and how it is loaded.
//!
//! mqtt5 keeps retained messages in memory (its file store syncs before every acknowledgement,
//! which an SD card pays for), and twice: in its router, which subscriptions are served from, and
//! in its storage, which only this file reads. So the storage is no more than a letter-box here:
//! what has been taken out of it is removed. This file notes which topics changed and gives them
//! to the [`RetainedStore`] in groups. How they are written is the store's affair.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use mqtt5::QoS;
use mqtt5::broker::events::{ClientPublishEvent, PublishAction, RetainedSetEvent};
use mqtt5::broker::router::MessageRouter;
use mqtt5::broker::storage::{DynamicStorage, RetainedMessage, unix_millis_now};
use mqtt5::broker::{
    BrokerEventHandler, ClientConnectEvent, ClientDisconnectEvent, StorageBackend,
};
use tokio::sync::{Notify, oneshot};
use tracing::{debug, error, info, warn};

use super::filter;
use super::quiet::Quiet;

/// Topics that may wait for the next save; more and the group is saved at once.
const GROUP_TOPICS: usize = 4_096;
/// Bytes of payload after which a group is split, so that a save needs no second copy of all.
const GROUP_BYTES: usize = 4 << 20;
/// Messages that are loaded in one go; so many are in memory twice.
const LOAD_TOGETHER: usize = 64;
/// User properties that mqtt5 adds to every message; they are not the producer's.
const ADDED_PROPERTIES: [&str; 2] = ["x-mqtt-client-id", "x-mqtt-sender"];

/// A retained message, with what must outlive a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retained {
    /// The topic; never starts with `$`.
    pub topic: String,
    /// The payload, any bytes; not empty.
    pub payload: Vec<u8>,
    /// Quality of service it was published with, 0 to 2.
    pub qos: u8,
    /// When it was published, in seconds since 1970.
    pub stored_at: u64,
    /// Seconds after `stored_at` at which it ends (MQTT 5, message expiry interval).
    pub expiry: Option<u32>,
    /// MQTT 5: whether the payload is said to be UTF-8 text.
    pub is_text: Option<bool>,
    /// MQTT 5: content type.
    pub content_type: Option<String>,
    /// MQTT 5: response topic.
    pub response_topic: Option<String>,
    /// MQTT 5: correlation data.
    pub correlation_data: Option<Vec<u8>>,
    /// MQTT 5: the producer's user properties, in its order.
    pub user_properties: Vec<(String, String)>,
}

/// One step of the difference between what the store holds and what the broker holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RetainedChange {
    /// The topic has this message now.
    Set(Retained),
    /// The topic has no message any more.
    Cleared {
        /// The topic.
        topic: String,
    },
}

/// Keeps retained messages over a restart.
///
/// Both calls come from a thread that may block. The store owns its own reliability: a group
/// that it cannot write now it has to keep or report itself.
pub trait RetainedStore: Send + Sync + 'static {
    /// Everything that is held, in any order; called once, before the broker listens.
    fn load(&self) -> Vec<Retained>;
    /// Takes over a group of changes, in any order; a topic is in a group at most once.
    fn save(&self, changes: Vec<RetainedChange>);
}

impl Retained {
    fn is_expired(&self, now: u64) -> bool {
        self.expiry.is_some_and(|seconds| self.stored_at.saturating_add(seconds.into()) <= now)
    }

    /// A number that is equal for messages between which a subscriber sees no difference.
    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let Self { topic: _, payload, qos, stored_at, expiry, .. } = self;
        (payload, qos, expiry, expiry.map(|_| stored_at)).hash(&mut hasher);
        (self.is_text, &self.content_type, &self.response_topic).hash(&mut hasher);
        (&self.correlation_data, &self.user_properties).hash(&mut hasher);
        hasher.finish()
    }
}

impl From<RetainedMessage> for Retained {
    fn from(message: RetainedMessage) -> Self {
        let mut user_properties = message.user_properties;
        user_properties.retain(|(name, _)| !ADDED_PROPERTIES.contains(&name.as_str()));
        Self {
            topic: message.topic,
            payload: message.payload,
            qos: message.qos as u8,
            stored_at: message.stored_at_secs,
            expiry: message.message_expiry_interval,
            is_text: message.payload_format_indicator,
            content_type: message.content_type,
            response_topic: message.response_topic,
            correlation_data: message.correlation_data,
            user_properties,
        }
    }
}

impl From<Retained> for RetainedMessage {
    fn from(retained: Retained) -> Self {
        let mut message = Self {
            topic: retained.topic,
            payload: retained.payload,
            qos: match retained.qos {
                0 => QoS::AtMostOnce,
                1 => QoS::AtLeastOnce,
                _ => QoS::ExactlyOnce,
            },
            retain: true,
            stored_at_secs: retained.stored_at,
            message_expiry_interval: retained.expiry,
            expires_at: None,
            user_properties: retained.user_properties,
            content_type: retained.content_type,
            response_topic: retained.response_topic,
            correlation_data: retained.correlation_data,
            payload_format_indicator: retained.is_text,
        };
        message.recompute_expiry();
        message
    }
}

/// Watches the retained messages of one broker and brings changes to the store.
pub(super) struct Keeper {
    store: Arc<dyn RetainedStore>,
    /// Messages that came since they were last looked at.
    messages: Arc<DynamicStorage>,
    /// Holds all messages. Weak, as it holds this value too.
    router: OnceLock<Weak<MessageRouter>>,
    max_topics: usize,
    max_bytes: usize,
    inner: Mutex<Inner>,
    /// Something changed since the last save.
    changed: Notify,
    /// The group is large enough to be saved now.
    full: Notify,
    too_many_bytes: Quiet,
    too_many_topics: Quiet,
}

#[derive(Default)]
struct Inner {
    /// Topics to look at when saving.
    changed: HashSet<Arc<str>>,
    /// What the store holds: topic and fingerprint.
    saved: HashMap<Arc<str>, u64>,
    /// Bytes of payload per topic that the broker holds now, and their sum.
    sizes: HashMap<Arc<str>, usize>,
    bytes: usize,
}

impl Inner {
    fn set_size(&mut self, topic: &Arc<str>, size: usize) {
        let before = match size {
            0 => self.sizes.remove(topic),
            _ => self.sizes.insert(topic.clone(), size),
        };
        self.bytes = self.bytes + size - before.unwrap_or(0);
    }
}

impl Keeper {
    pub(super) fn new(
        store: Arc<dyn RetainedStore>,
        messages: Arc<DynamicStorage>,
        max_topics: usize,
        max_bytes: usize,
    ) -> Self {
        Self {
            store,
            messages,
            router: OnceLock::new(),
            max_topics,
            max_bytes,
            inner: Mutex::default(),
            changed: Notify::new(),
            full: Notify::new(),
            too_many_bytes: Quiet::default(),
            too_many_topics: Quiet::default(),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fills the router from the store; to be called before anybody can connect. What has expired,
    /// is malformed or is past the limits is left out, and cleared in the store with the next
    /// group.
    pub(super) async fn load(&self, router: &Arc<MessageRouter>) {
        self.router.get_or_init(|| Arc::downgrade(router));
        let store = self.store.clone();
        let Ok(held) = tokio::task::spawn_blocking(move || store.load()).await else {
            error!("Retained messages could not be loaded: the store failed.");
            return;
        };
        let now = unix_millis_now() / 1000;
        let (n_held, mut n_loaded) = (held.len(), 0);
        let mut held = held.into_iter().peekable();
        while held.peek().is_some() {
            let mut topics = Vec::with_capacity(LOAD_TOGETHER);
            for retained in held.by_ref().take(LOAD_TOGETHER) {
                let topic: Arc<str> = retained.topic.as_str().into();
                if self.admits(&topic, &retained, now)
                    && self.messages.store_retained_message(&topic, retained.into()).await.is_ok()
                {
                    topics.push(topic);
                }
            }
            match router.initialize().await {
                Ok(()) => n_loaded += topics.len(),
                Err(error) => error!(%error, "Retained messages could not be loaded."),
            }
            for topic in topics {
                // Only memory: this cannot fail.
                let _ = self.messages.remove_retained_message(&topic).await;
            }
        }
        debug!(n_loaded, n_dropped = n_held - n_loaded, "Retained messages loaded.");
    }

    /// Whether a message of the store may come in; if not, it is to be cleared there.
    fn admits(&self, topic: &Arc<str>, retained: &Retained, now: u64) -> bool {
        let size = retained.payload.len();
        let is_sound =
            filter::is_topic(topic) && !topic.starts_with('$') && !retained.payload.is_empty();
        let mut inner = self.inner();
        let has_room = inner.sizes.len() < self.max_topics
            && inner.bytes.saturating_add(size) <= self.max_bytes;
        inner.saved.insert(topic.clone(), retained.fingerprint());
        if is_sound && has_room && !retained.is_expired(now) {
            inner.set_size(topic, size);
            true
        } else {
            inner.changed.insert(topic.clone());
            self.changed.notify_one();
            false
        }
    }

    /// Saves groups until told to stop, then saves the last one. Sleeps while nothing changes.
    pub(super) async fn run(&self, interval: Duration, mut stop: oneshot::Receiver<()>) {
        loop {
            tokio::select! {
                _ = &mut stop => break,
                () = self.changed.notified() => {}
            }
            tokio::select! {
                _ = &mut stop => break,
                () = tokio::time::sleep(interval) => {}
                () = self.full.notified() => {}
            }
            self.save().await;
        }
        self.save().await;
    }

    /// Hands all changes since the last call to the store.
    async fn save(&self) {
        let topics = std::mem::take(&mut self.inner().changed);
        let (mut group, mut bytes) = (Vec::new(), 0);
        for topic in topics {
            let current = self.take(&topic).await;
            let Some(change) = self.difference(&topic, current.map(Retained::from)) else {
                continue;
            };
            if let RetainedChange::Set(retained) = &change {
                bytes += retained.payload.len();
            }
            group.push(change);
            if bytes >= GROUP_BYTES {
                self.hand_over(std::mem::take(&mut group)).await;
                bytes = 0;
            }
        }
        self.hand_over(group).await;
    }

    /// What is retained on a topic.
    async fn take(&self, topic: &str) -> Option<RetainedMessage> {
        if let Ok(Some(message)) = self.messages.get_retained_message(topic).await {
            // A newer one that came this instant goes with it, but is noted as a change after it
            // was stored, so that it is looked for again: below.
            let _ = self.messages.remove_retained_message(topic).await;
            return Some(message);
        }
        let router = self.router.get()?.upgrade()?;
        if !router.has_retained_message(topic).await {
            return None;
        }
        // Looks through all topics, which is why it is not the only way.
        router.get_retained_messages(topic).await.pop().map(RetainedMessage::new)
    }

    /// What the store has to learn about `topic`, if anything; assumes that it will.
    fn difference(&self, topic: &Arc<str>, current: Option<Retained>) -> Option<RetainedChange> {
        let saved = &mut self.inner().saved;
        match current {
            Some(retained) => {
                let fingerprint = retained.fingerprint();
                let before = saved.insert(topic.clone(), fingerprint);
                (before != Some(fingerprint)).then_some(RetainedChange::Set(retained))
            }
            None => {
                saved.remove(topic).map(|_| RetainedChange::Cleared { topic: topic.to_string() })
            }
        }
    }

    async fn hand_over(&self, group: Vec<RetainedChange>) {
        if group.is_empty() {
            return;
        }
        let store = self.store.clone();
        let n_changes = group.len();
        match tokio::task::spawn_blocking(move || store.save(group)).await {
            Ok(()) => debug!(n_changes, "Retained messages saved."),
            Err(error) => error!(n_changes, %error, "Retained messages not saved."),
        }
    }

    /// Whether a retained payload of `size` bytes still fits into the budget of all payloads.
    fn fits(&self, topic: &str, size: usize) -> bool {
        let inner = self.inner();
        let before = inner.sizes.get(topic).copied().unwrap_or(0);
        // What replaces a larger message always fits.
        size <= before || inner.bytes - before + size <= self.max_bytes
    }

    fn note(&self, topic: Arc<str>, size: usize) {
        if topic.starts_with('$') {
            return;
        }
        let mut inner = self.inner();
        inner.set_size(&topic, size);
        inner.changed.insert(topic);
        if inner.changed.len() >= GROUP_TOPICS {
            self.full.notify_one();
        }
        let is_full = size > 0 && inner.sizes.len() >= self.max_topics;
        drop(inner);
        self.changed.notify_one();
        if is_full && self.too_many_topics.may_speak().is_some() {
            warn!(
                limit = self.max_topics,
                "The broker holds as many retained messages as it may; \
                 messages on further topics are not retained."
            );
        }
    }
}

impl BrokerEventHandler for Keeper {
    fn on_client_publish<'a>(
        &'a self,
        event: ClientPublishEvent,
    ) -> Pin<Box<dyn Future<Output = PublishAction> + Send + 'a>> {
        let action = if event.retain && !self.fits(&event.topic, event.payload.len()) {
            if let Some(n_unseen) = self.too_many_bytes.may_speak() {
                warn!(
                    topic = %event.topic,
                    limit = self.max_bytes,
                    n_unseen,
                    "Retained message dropped: the broker's memory for them is used up."
                );
            }
            PublishAction::Handled
        } else {
            PublishAction::Continue
        };
        Box::pin(std::future::ready(action))
    }

    fn on_retained_set<'a>(
        &'a self,
        event: RetainedSetEvent,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        self.note(event.topic, event.payload.len());
        Box::pin(std::future::ready(()))
    }

    fn on_client_connect<'a>(
        &'a self,
        event: ClientConnectEvent,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        info!(client = %event.client_id, "MQTT client connected to the broker.");
        Box::pin(std::future::ready(()))
    }

    fn on_client_disconnect<'a>(
        &'a self,
        event: ClientDisconnectEvent,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        let was_clean = !event.unexpected;
        info!(client = %event.client_id, was_clean, "MQTT client left the broker.");
        Box::pin(std::future::ready(()))
    }
}
