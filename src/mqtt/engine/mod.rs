//! The port without its connection: messages in, events, publishes and subscriptions out. Does no
//! input or output of its own, so that it can be tested message by message.

mod announce;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use crate::clock::Clock;
use crate::home::action::Refusal;
use crate::home::id::{ActionId, Handle};
use crate::hub::event::{Effect, Event, Place, Problem};
use crate::mqtt::binding::{Binding, Listen, Told};
use crate::mqtt::common::DeviceCache;
use crate::mqtt::component::Slot;
use crate::mqtt::discovery::{self, ConfigId};
use crate::mqtt::keys::{Interner, Workshop};
use crate::mqtt::message::Message;
use crate::mqtt::routes::{Listener, Routes};
use crate::mqtt::trigger::TriggerBinding;
use crate::template::Templates;

/// At most this many things can be announced; more are refused and told.
const MAX_BINDINGS: usize = 200_000;
const TOO_MANY: &str = "too many things are announced";

/// A message to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// Where to.
    pub topic: Arc<str>,
    /// What.
    pub payload: Vec<u8>,
    /// Quality of service, 0 to 2.
    pub qos: u8,
    /// The broker keeps it.
    pub retain: bool,
    /// For which wish, to say if it fails.
    pub action: Option<ActionId>,
}

/// What the engine wishes from its connection and tells the hub.
#[derive(Debug, Default)]
pub struct Out {
    /// For the hub, in order.
    pub events: Vec<Event>,
    /// For the broker, in order.
    pub publish: Vec<Publish>,
    /// Filters to subscribe to (again: what the broker keeps is wanted), with the quality.
    pub subscribe: Vec<(Arc<str>, u8)>,
    /// Filters that nobody listens to any more.
    pub unsubscribe: Vec<Arc<str>>,
}

/// Something announced, behind its handle.
enum Bound {
    Entity(Box<Binding>),
    Trigger(Box<TriggerBinding>),
    /// What an automation's author wants to hear.
    Overheard {
        filter: Arc<str>,
        listens: Vec<Listen>,
    },
}

/// Everything announced over MQTT and its topics.
pub struct Engine {
    prefix: String,
    clock: Clock,
    workshop: Workshop,
    devices: DeviceCache,
    bound: BTreeMap<Handle, Bound>,
    /// What each config topic announced, and the hash of its last payload.
    topics: HashMap<Arc<str>, Announced>,
    by_config: HashMap<ConfigId, Handle>,
    by_unique_id: HashMap<(&'static str, Arc<str>), Handle>,
    routes: Routes,
    wakes: BinaryHeap<Reverse<(Instant, Handle)>>,
    listeners: Vec<Listener>,
    slots: Vec<Slot>,
    max_bindings: usize,
}

struct Announced {
    hash: u64,
    handles: Vec<Handle>,
}

impl Engine {
    /// An engine for announcements below `prefix` (`homeassistant`).
    pub fn new(prefix: &str, clock: Clock) -> Self {
        Self {
            prefix: prefix.to_owned(),
            clock,
            workshop: Workshop { texts: Interner::default(), templates: Templates::default() },
            devices: DeviceCache::default(),
            bound: BTreeMap::new(),
            topics: HashMap::new(),
            by_config: HashMap::new(),
            by_unique_id: HashMap::new(),
            routes: Routes::default(),
            wakes: BinaryHeap::new(),
            listeners: Vec::new(),
            slots: Vec::new(),
            max_bindings: MAX_BINDINGS,
        }
    }

    /// The same with room for fewer things than 200,000.
    #[must_use]
    pub fn with_room_for(self, max_bindings: usize) -> Self {
        Self { max_bindings, ..self }
    }

    /// The filters by which announcements are found.
    pub fn discovery_filters(&self) -> [Arc<str>; 2] {
        let prefix = &self.prefix;
        [format!("{prefix}/+/+/config").into(), format!("{prefix}/+/+/+/config").into()]
    }

    /// Everything that must be subscribed to on a new connection. What the broker keeps is
    /// listened to again, as it may have changed meanwhile.
    pub fn resubscribe(&mut self) -> Vec<(Arc<str>, u8)> {
        let mut filters = HashMap::new();
        for bound in self.bound.values_mut() {
            let (listens, qos) = match bound {
                Bound::Entity(binding) => (&mut binding.listens, binding.qos),
                Bound::Trigger(trigger) => (&mut trigger.listens, trigger.qos),
                Bound::Overheard { listens, .. } => (listens, 0),
            };
            for listen in listens {
                listen.is_fresh = true;
                let wanted = filters.entry(Arc::clone(&listen.filter)).or_insert(qos);
                *wanted = qos.max(*wanted);
            }
        }
        filters.into_iter().collect()
    }

    /// Whether anything listens to this filter, written so.
    pub(super) fn listens_to(&self, filter: &str) -> bool {
        self.routes.has(filter)
    }

    /// Takes in a message. `now` is for delays only.
    pub fn receive(
        &mut self,
        topic: &str,
        payload: &[u8],
        is_retained: bool,
        now: Instant,
        out: &mut Out,
    ) {
        self.take(&Message::new(topic, payload, is_retained), now, out);
    }

    /// Takes in what the broker kept, when it tells since when.
    pub fn receive_kept(
        &mut self,
        topic: &str,
        payload: &[u8],
        said_at: Timestamp,
        now: Instant,
        out: &mut Out,
    ) {
        let mut message = Message::new(topic, payload, true);
        message.said_at = Some(said_at);
        self.take(&message, now, out);
    }

    fn take(&mut self, message: &Message<'_>, now: Instant, out: &mut Out) {
        let (topic, payload) = (message.topic, message.bytes);
        match discovery::config_topic(&self.prefix, topic) {
            Some(Ok(config)) => self.discover(topic, &config, payload, out),
            Some(Err(why)) => found(out, Place::Topic(topic.into()), None, why),
            None => {}
        }
        self.deliver(message, now, out);
    }

    fn deliver(&mut self, message: &Message<'_>, now: Instant, out: &mut Out) {
        let mut listeners = std::mem::take(&mut self.listeners);
        listeners.clear();
        self.routes.listeners(message.topic, &mut listeners);
        for group in listeners.chunk_by(|a, b| a.0 == b.0) {
            let handle = group[0].0;
            self.slots.clear();
            self.slots.extend(group.iter().map(|(_, slot)| *slot));
            match self.bound.get_mut(&handle) {
                Some(Bound::Entity(binding)) => {
                    let told = binding.receive(&self.slots, message, &self.clock, now);
                    tell(handle, binding, told, out);
                    queue_wake(&mut self.wakes, handle, binding);
                }
                Some(Bound::Trigger(trigger)) => {
                    trigger.receive(handle, message, &self.clock, out);
                }
                // What the broker kept is no news to anybody.
                Some(Bound::Overheard { .. }) if message.is_retained => {}
                Some(Bound::Overheard { .. }) => {
                    if let Ok(text) = std::str::from_utf8(message.bytes) {
                        let (topic, payload) = (message.topic.into(), text.into());
                        out.events.push(Event::Overheard { handle, topic, payload });
                    }
                }
                None => {}
            }
        }
        self.listeners = listeners;
    }

    /// When `wake` wants to be called.
    pub fn next_wake(&self) -> Option<Instant> {
        self.wakes.peek().map(|Reverse((at, _))| *at)
    }

    /// Lets components act whose time is over.
    pub fn wake(&mut self, now: Instant, out: &mut Out) {
        while let Some(Reverse((at, handle))) = self.wakes.peek().copied() {
            if at > now {
                return;
            }
            self.wakes.pop();
            let Some(Bound::Entity(binding)) = self.bound.get_mut(&handle) else { continue };
            if binding.queued_at == Some(at) {
                binding.queued_at = None;
            }
            if binding.wake_at.is_some_and(|wake_at| wake_at <= now) {
                let told = binding.wake(&self.clock, now);
                tell(handle, binding, told, out);
            }
            queue_wake(&mut self.wakes, handle, binding);
        }
    }

    /// Does what the hub wishes.
    pub fn effect(&mut self, effect: Effect, now: Instant, out: &mut Out) {
        match effect {
            Effect::Bind { handle, id, is_enabled } => {
                if let Some(Bound::Entity(binding)) = self.bound.get_mut(&handle) {
                    binding.id = Some(id);
                    binding.is_enabled = is_enabled;
                    if is_enabled {
                        let news = binding.news_of_availability();
                        let told = Told { availability: news, ..Told::default() };
                        tell(handle, binding, told, out);
                    }
                    self.listen(handle, out);
                }
            }
            // Said again after each connection, should the port be another by then.
            Effect::Overhear(handle, _) if self.bound.contains_key(&handle) => {}
            Effect::Overhear(handle, filter) => {
                self.bound.insert(handle, Bound::Overheard { filter, listens: Vec::new() });
                self.listen(handle, out);
            }
            Effect::Unhear(handle) => {
                if let Some(Bound::Overheard { listens, .. }) = self.bound.remove(&handle) {
                    for listen in listens {
                        if self.routes.remove(&listen.filter, (handle, listen.slot)) {
                            out.unsubscribe.push(listen.filter);
                        }
                    }
                }
            }
            // The port's own word, not an entity's.
            Effect::Say(_) => {}
            Effect::Act { id, handle, action } => {
                let Some(Bound::Entity(binding)) = self.bound.get_mut(&handle) else {
                    // Withdrawn while the wish was on its way.
                    out.events.push(Event::ActionFailed(id, Refusal::NotAnnounced));
                    return;
                };
                match binding.command(&action, &self.clock, now) {
                    Ok((commands, report)) => {
                        for (topic, payload) in commands.publish {
                            let (qos, retain) = (binding.qos, binding.retain);
                            out.publish.push(Publish {
                                topic,
                                payload,
                                qos,
                                retain,
                                action: Some(id),
                            });
                        }
                        let told = Told { report, ..Told::default() };
                        tell(handle, binding, told, out);
                        queue_wake(&mut self.wakes, handle, binding);
                    }
                    Err(refusal) => out.events.push(Event::ActionFailed(id, refusal)),
                }
            }
            Effect::Discard(handle) => {
                let Some(Bound::Entity(binding)) = self.bound.get(&handle) else { return };
                let topic = Arc::clone(&binding.topic);
                let is_alone =
                    self.topics.get(&topic).is_none_or(|announced| announced.handles.len() <= 1);
                self.release(handle, true, out);
                if is_alone {
                    self.topics.remove(&topic);
                    out.publish.push(Publish {
                        topic,
                        payload: Vec::new(),
                        qos: 1,
                        retain: true,
                        action: None,
                    });
                }
            }
        }
    }

    /// Aligns the subscriptions of a binding with what it wants to hear.
    fn listen(&mut self, handle: Handle, out: &mut Out) {
        let (wanted, old, qos) = match self.bound.get_mut(&handle) {
            Some(Bound::Entity(binding)) => {
                let wanted = if binding.is_enabled { binding.wanted() } else { Vec::new() };
                (wanted, std::mem::take(&mut binding.listens), binding.qos)
            }
            Some(Bound::Trigger(trigger)) => {
                let wanted = vec![(Arc::clone(&trigger.topic), 0)];
                (wanted, std::mem::take(&mut trigger.listens), trigger.qos)
            }
            Some(Bound::Overheard { filter, listens }) => {
                (vec![(Arc::clone(filter), 0)], std::mem::take(listens), 0)
            }
            None => return,
        };
        let mut new = Vec::with_capacity(wanted.len());
        for (filter, slot) in wanted {
            let known = old.iter().find(|listen| listen.filter == filter && listen.slot == slot);
            if known.is_none() {
                self.routes.add(&filter, (handle, slot));
                // Also when others listen already: what the broker keeps must come again.
                out.subscribe.push((Arc::clone(&filter), qos));
            }
            let is_fresh = known.is_none_or(|listen| listen.is_fresh);
            new.push(Listen { filter, slot, is_fresh });
        }
        for listen in &old {
            let stays =
                new.iter().any(|kept| kept.filter == listen.filter && kept.slot == listen.slot);
            if !stays && self.routes.remove(&listen.filter, (handle, listen.slot)) {
                out.unsubscribe.push(Arc::clone(&listen.filter));
            }
        }
        match self.bound.get_mut(&handle) {
            Some(Bound::Entity(binding)) => binding.listens = new,
            Some(Bound::Trigger(trigger)) => trigger.listens = new,
            Some(Bound::Overheard { listens, .. }) => *listens = new,
            None => {}
        }
    }

    /// Lets go of a binding and its topics.
    fn release(&mut self, handle: Handle, forget: bool, out: &mut Out) {
        let (config, listens) = match self.bound.remove(&handle) {
            Some(Bound::Entity(binding)) => {
                if let Some(unique_id) = binding.unique_id {
                    self.by_unique_id.remove(&(binding.config.component, unique_id));
                }
                if let Some(announced) = self.topics.get_mut(&binding.topic) {
                    announced.handles.retain(|known| *known != handle);
                }
                (binding.config, binding.listens)
            }
            Some(Bound::Trigger(trigger)) => {
                if let Some(announced) = self.topics.get_mut(&trigger.announced_on) {
                    announced.handles.retain(|known| *known != handle);
                }
                (trigger.config, trigger.listens)
            }
            // Only announcements are let go of here.
            Some(Bound::Overheard { .. }) | None => return,
        };
        self.by_config.remove(&config);
        for listen in listens {
            if self.routes.remove(&listen.filter, (handle, listen.slot)) {
                out.unsubscribe.push(listen.filter);
            }
        }
        out.events.push(Event::ProblemSolved { place: Place::Handle(handle) });
        out.events.push(Event::Withdrawn { handle, forget });
        if self.bound.len().is_multiple_of(1000) {
            self.workshop.texts.sweep();
        }
    }
}

fn found(out: &mut Out, place: Place, producer: Option<Arc<str>>, text: String) {
    out.events.push(Event::ProblemFound(Problem { place, producer, text }));
}

/// Tells the house what a message or a moment changed.
fn tell(handle: Handle, binding: &Binding, told: Told, out: &mut Out) {
    if let Some(availability) = told.availability {
        out.events.push(Event::AvailabilityReported(handle, availability));
    }
    if let Some(report) = told.report {
        out.events.push(Event::StateReported(handle, Box::new(report)));
    }
    if let Some(fault) = told.fault {
        found(out, Place::Handle(handle), binding.producer.clone(), fault.0);
    }
}

/// Each binding has one entry in the queue, at the time of its wish or before: a sensor that moves
/// its `expire_after` with each message must not fill the queue.
fn queue_wake(
    wakes: &mut BinaryHeap<Reverse<(Instant, Handle)>>,
    handle: Handle,
    binding: &mut Binding,
) {
    let Some(at) = binding.wake_at else { return };
    if binding.queued_at.is_none_or(|queued_at| at < queued_at) {
        binding.queued_at = Some(at);
        wakes.push(Reverse((at, handle)));
    }
}
