//! The MQTT engine and the house joined without hub, broker or clock: messages in, states out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use homard::clock::Clock;
use homard::home::action::Refusal;
use homard::home::domain::{Action, Domain};
use homard::home::id::{ActionId, EntityId, Handle};
use homard::home::service::{Fields, Invalid};
use homard::home::{EntityEdit, Home};
use homard::hub::event::{Effect, Event, Problem, Trigger};
use homard::json::from_json;
use homard::mqtt::engine::{Engine, Out, Publish};
use jiff::Timestamp;
use serde_json::Value as Json;

/// A house on an imaginary broker that keeps retained messages and replays them on subscribing.
pub(crate) struct House {
    pub(crate) engine: Engine,
    pub(crate) home: Home,
    pub(crate) clock: Clock,
    /// Moves only when a test says so.
    pub(crate) instant: Instant,
    pub(crate) retained: BTreeMap<String, Vec<u8>>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) triggers: BTreeMap<Handle, Trigger>,
    pub(crate) fired: Vec<Handle>,
    pub(crate) tags: Vec<Arc<str>>,
    pub(crate) failed: Vec<Refusal>,
    /// What was published without an action that asked for it.
    pub(crate) unasked: Vec<Publish>,
    next_action: u64,
}

/// Why a call published nothing.
#[derive(Debug)]
pub(crate) enum CallError {
    Invalid(Invalid),
    Refused(Refusal),
}

impl House {
    pub(crate) fn new() -> Self {
        let clock = Clock::movable(&"2026-11-22T09:35:39+01:00[Europe/Paris]".parse().unwrap());
        Self {
            engine: Engine::new("homeassistant", clock.clone()),
            home: Home::new(),
            clock,
            instant: Instant::now(),
            retained: BTreeMap::new(),
            problems: Vec::new(),
            triggers: BTreeMap::new(),
            fired: Vec::new(),
            tags: Vec::new(),
            failed: Vec::new(),
            unasked: Vec::new(),
            next_action: 0,
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A message arrives at the broker.
    pub(crate) fn publish(&mut self, topic: &str, payload: &[u8], retain: bool) {
        if retain {
            if payload.is_empty() {
                self.retained.remove(topic);
            } else {
                self.retained.insert(topic.to_owned(), payload.to_vec());
            }
        }
        let mut out = Out::default();
        self.engine.receive(topic, payload, false, self.instant, &mut out);
        self.settle(out);
    }

    /// The broker sends what it keeps, and says since when.
    pub(crate) fn keeps(&mut self, topic: &str, payload: &[u8], said_at: Option<Timestamp>) {
        let mut out = Out::default();
        match said_at {
            Some(at) => self.engine.receive_kept(topic, payload, at, self.instant, &mut out),
            None => self.engine.receive(topic, payload, true, self.instant, &mut out),
        }
        self.settle(out);
    }

    /// Time passes.
    pub(crate) fn wait(&mut self, time: Duration) {
        self.instant += time;
        let mut out = Out::default();
        self.engine.wake(self.instant, &mut out);
        self.settle(out);
    }

    /// A service call on one entity.
    pub(crate) fn call(
        &mut self,
        entity: &str,
        service: &str,
        data: &Json,
    ) -> Result<Vec<Publish>, CallError> {
        let (domain, service) = service.split_once('.').unwrap();
        let domain: Domain = domain.parse().unwrap();
        let fields = data.as_object().into_iter().flatten();
        let fields = Fields::new(fields.map(|(k, v)| (k.as_str().into(), from_json(v))));
        let action = domain.action(service, fields).map_err(CallError::Invalid)?;
        self.act(entity, action)
    }

    /// An action on one entity.
    pub(crate) fn act(&mut self, entity: &str, action: Action) -> Result<Vec<Publish>, CallError> {
        let (handle, action) = self.home.accept(entity, action).map_err(CallError::Refused)?;
        self.next_action += 1;
        let effect = Effect::Act { id: ActionId(self.next_action), handle, action };
        let mut out = Out::default();
        self.engine.effect(effect, self.instant, &mut out);
        let publish = std::mem::take(&mut out.publish);
        self.settle(out);
        match self.failed.pop() {
            Some(refusal) => Err(CallError::Refused(refusal)),
            None => Ok(publish),
        }
    }

    /// The owner removes an entity. What is then published reaches the broker and comes back from
    /// it, as everything does.
    pub(crate) fn remove(&mut self, entity: &str) -> Vec<Publish> {
        let (_, handle) = self.home.remove_entity(entity, self.now()).unwrap();
        let mut out = Out::default();
        self.engine.effect(Effect::Discard(handle.unwrap()), self.instant, &mut out);
        let publish = std::mem::take(&mut out.publish);
        self.settle(out);
        for publish in &publish {
            self.publish(&publish.topic, &publish.payload, publish.retain);
        }
        publish
    }

    /// Enables every entity that is disabled.
    pub(crate) fn enable_all(&mut self) {
        let ids: Vec<EntityId> = self
            .home
            .entities()
            .filter(|entity| !entity.is_enabled())
            .map(|entity| entity.id.clone())
            .collect();
        for id in ids {
            let edit = EntityEdit { enabled: Some(Some(true)), ..EntityEdit::default() };
            let (_, rebind) = self.home.edit_entity(id.as_str(), edit, self.now()).unwrap();
            if let Some((handle, is_enabled)) = rebind {
                let mut out = Out::default();
                let effect = Effect::Bind { handle, id, is_enabled };
                self.engine.effect(effect, self.instant, &mut out);
                self.settle(out);
            }
        }
    }

    fn settle(&mut self, mut out: Out) {
        let now = self.now();
        loop {
            let mut next = Out::default();
            self.unasked.append(&mut out.publish);
            for event in out.events {
                match event {
                    Event::Announced(handle, announcement) => {
                        self.home.announce(handle, *announcement, now);
                        if let Some(entity) = self.home.by_handle(handle) {
                            let (id, is_enabled) = (entity.id.clone(), entity.is_enabled());
                            let effect = Effect::Bind { handle, id, is_enabled };
                            self.engine.effect(effect, self.instant, &mut next);
                        }
                    }
                    Event::TriggerAnnounced(handle, trigger) => {
                        self.triggers.insert(handle, *trigger);
                    }
                    Event::Withdrawn { handle, forget } => {
                        self.triggers.remove(&handle);
                        self.home.withdraw(handle, forget, now);
                    }
                    Event::StateReported(handle, report) => {
                        self.home.report(handle, *report, now);
                    }
                    Event::AvailabilityReported(handle, availability) => {
                        self.home.set_available(handle, availability, now);
                    }
                    Event::TriggerFired(handle) => self.fired.push(handle),
                    Event::TagScanned { tag, .. } => self.tags.push(tag),
                    Event::ActionFailed(_, refusal) => self.failed.push(refusal),
                    Event::ProblemFound(problem) => self.problems.push(problem),
                    Event::ProblemSolved { place } => {
                        self.problems.retain(|problem| problem.place != place);
                    }
                    Event::BrokerConnected(_)
                    | Event::CalendarSet(_)
                    | Event::Fired { .. }
                    | Event::Overheard { .. }
                    | Event::Flushed { .. }
                    | Event::FlushFailed(_) => {}
                }
            }
            // The broker replays what it keeps for each new subscription.
            for (filter, _) in std::mem::take(&mut out.subscribe) {
                for (topic, payload) in self.retained.clone() {
                    if *topic == *filter {
                        self.engine.receive(&topic, &payload, true, self.instant, &mut next);
                    }
                }
            }
            let is_quiet = next.events.is_empty() && next.subscribe.is_empty();
            out = next;
            if is_quiet {
                return;
            }
        }
    }
}
