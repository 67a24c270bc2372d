//! One announced thing and its topics: which message feeds what, and what is told to the house.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::common::{ATTRIBUTES, AVAILABILITY, AttributeSource, Common, Tracker};
use super::component::{Commands, Component, Fault, Heard, Moment, Slot, Topics};
use super::discovery::ConfigId;
use super::message::Message;
use crate::clock::Clock;
use crate::home::Report;
use crate::home::action::Refusal;
use crate::home::domain::Action;
use crate::home::entity::{Availability, Source};
use crate::home::id::EntityId;
use crate::json::from_json;
use crate::template::Scope;

/// One topic of a binding.
pub(super) struct Listen {
    pub(super) filter: Arc<str>,
    pub(super) slot: Slot,
    /// Nothing was heard on it since it was subscribed to: what the broker kept still counts.
    pub(super) is_fresh: bool,
}

/// One entity and its topics.
pub(super) struct Binding {
    pub(super) config: ConfigId,
    /// Where it was announced.
    pub(super) topic: Arc<str>,
    pub(super) unique_id: Option<Arc<str>>,
    pub(super) producer: Option<Arc<str>>,
    /// Its id in the house, as soon as the hub has told.
    pub(super) id: Option<EntityId>,
    pub(super) name: Arc<str>,
    pub(super) is_enabled: bool,
    pub(super) listens: Vec<Listen>,
    pub(super) component: Box<dyn Component>,
    tracker: Option<Box<Tracker>>,
    attributes: Option<Box<AttributeSource>>,
    pub(super) qos: u8,
    pub(super) retain: bool,
    told: Availability,
    /// When the component wants to be woken.
    pub(super) wake_at: Option<Instant>,
    /// The earliest entry of this binding in the engine's queue.
    pub(super) queued_at: Option<Instant>,
}

/// What one message or moment changed, to be told to the house.
#[derive(Default)]
pub(super) struct Told {
    pub(super) report: Option<Report>,
    pub(super) availability: Option<Availability>,
    pub(super) fault: Option<Fault>,
}

impl Binding {
    pub(super) fn new(
        config: ConfigId,
        topic: Arc<str>,
        name: Arc<str>,
        common: Common,
        component: Box<dyn Component>,
    ) -> Self {
        Self {
            config,
            topic,
            unique_id: common.unique_id,
            producer: common.producer,
            id: None,
            name,
            is_enabled: false,
            listens: Vec::new(),
            component,
            tracker: common.availability,
            attributes: common.attributes,
            qos: common.qos,
            retain: common.retain,
            told: Availability::Unknown,
            wake_at: None,
            queued_at: None,
        }
    }

    /// Takes over what an earlier announcement of the same thing had learnt.
    pub(super) fn adopt(&mut self, old: &Self) {
        self.id = old.id.clone();
        self.component.adopt(old.component.state());
        if let (Some(tracker), Some(old)) = (&mut self.tracker, &old.tracker) {
            tracker.adopt(old);
        }
        self.told = old.told;
        if old.wake_at.is_some() && self.component.wait_on(old.component.waiting()) {
            self.wake_at = old.wake_at;
        }
        self.queued_at = old.queued_at;
    }

    /// All topics it wants to hear.
    pub(super) fn wanted(&self) -> Vec<(Arc<str>, Slot)> {
        let mut topics = Topics::default();
        self.component.topics(&mut topics);
        topics.add(self.attributes.as_ref().map(|source| &source.topic), ATTRIBUTES);
        if let Some(tracker) = &self.tracker {
            for (topic, slot) in tracker.topics.iter().zip(AVAILABILITY..) {
                topics.add(Some(&topic.topic), slot);
            }
        }
        topics.0
    }

    /// Takes in one message on one or several of its slots.
    pub(super) fn receive(
        &mut self,
        slots: &[Slot],
        message: &Message<'_>,
        clock: &Clock,
        now: Instant,
    ) -> Told {
        let mut told = Told::default();
        let mut heard = Heard::Nothing;
        let mut extra = None;
        for &slot in slots {
            let Some(listen) = self.listens.iter_mut().find(|listen| listen.slot == slot) else {
                continue;
            };
            // A subscription renewed for another entity's sake brings old messages back.
            let is_replay = message.is_retained
                && !listen.is_fresh
                && !super::routes::is_wildcard(&listen.filter);
            if is_replay {
                continue;
            }
            listen.is_fresh = false;
            let result = match slot {
                ATTRIBUTES => self.read_attributes(message, clock).map(|map| extra = Some(map)),
                slot if slot >= AVAILABILITY => self.read_availability(slot, message, clock),
                slot => self
                    .with_moment(clock, now, |component, moment| {
                        let result = component.receive(slot, message, moment);
                        told.fault = moment.doubt.take().or(told.fault.take());
                        result
                    })
                    .map(|new| {
                        if heard != Heard::Event && new != Heard::Nothing {
                            heard = new;
                        }
                    }),
            };
            if let Err(fault) = result {
                told.fault = Some(fault);
            }
        }
        let source = if message.is_retained { Source::Retained } else { Source::Live };
        if heard != Heard::Nothing || extra.is_some() {
            told.report = Some(Report {
                state: (heard != Heard::Nothing).then(|| self.component.state()),
                extra,
                source,
                force: heard == Heard::Event,
                said_at: message.said_at,
            });
        }
        told.availability = self.news_of_availability();
        told
    }

    /// The component's time is over.
    pub(super) fn wake(&mut self, clock: &Clock, now: Instant) -> Told {
        self.wake_at = None;
        let heard = self.with_moment(clock, now, |component, moment| component.wake(moment));
        let report = (heard != Heard::Nothing).then(|| Report {
            state: Some(self.component.state()),
            extra: None,
            source: Source::Live,
            force: heard == Heard::Event,
            said_at: None,
        });
        Told { report, availability: self.news_of_availability(), fault: None }
    }

    /// Forms a command; the second value is the assumed state, if the component assumes one.
    pub(super) fn command(
        &mut self,
        action: &Action,
        clock: &Clock,
        now: Instant,
    ) -> Result<(Commands, Option<Report>), Refusal> {
        let commands =
            self.with_moment(clock, now, |component, moment| component.command(action, moment))?;
        let report = commands.assumed.then(|| Report {
            state: Some(self.component.state()),
            extra: None,
            source: Source::Assumed,
            force: false,
            said_at: None,
        });
        Ok((commands, report))
    }

    /// Whether it can be reached, if that is news.
    pub(super) fn news_of_availability(&mut self) -> Option<Availability> {
        let availability = match self.tracker.as_ref().map(|tracker| tracker.is_online()) {
            _ if self.component.is_expired() => Availability::Offline,
            None | Some(Some(true)) => Availability::Online,
            Some(Some(false)) => Availability::Offline,
            Some(None) => Availability::Unknown,
        };
        if availability == self.told {
            return None;
        }
        self.told = availability;
        Some(availability)
    }

    fn with_moment<T>(
        &mut self,
        clock: &Clock,
        now: Instant,
        act: impl FnOnce(&mut dyn Component, &mut Moment<'_>) -> T,
    ) -> T {
        let id = self.id.as_ref().map_or("", EntityId::as_str);
        let scope = Scope { name: Some(&self.name), ..Scope::new(id, clock) };
        let mut moment = Moment { scope, wake_in: None, doubt: None };
        let result = act(&mut *self.component, &mut moment);
        if let Some(delay) = moment.wake_in {
            // A delay of years is as good as none.
            self.wake_at = now.checked_add(delay.min(Duration::from_secs(3600 * 24 * 365)));
        }
        result
    }

    fn read_attributes(
        &self,
        message: &Message<'_>,
        clock: &Clock,
    ) -> Result<Vec<(Arc<str>, crate::home::value::Value)>, Fault> {
        let Some(source) = &self.attributes else { return Ok(Vec::new()) };
        let payload = message.payload()?;
        let rendered;
        let object = match &source.template {
            None => payload.json(),
            Some(template) => {
                let text = template
                    .render_value(payload, &self.scope(clock))
                    .map_err(|error| Fault(format!("`json_attributes_template`: {error}")))?;
                rendered = serde_json::from_str::<Json>(&text).ok();
                rendered.as_ref()
            }
        };
        let Some(Json::Object(map)) = object else {
            return Err(Fault("the attributes are not a JSON object".to_owned()));
        };
        let reserved = self.component.reserved_attributes();
        Ok(map
            .iter()
            .filter(|(name, _)| !reserved.contains(&name.as_str()))
            .map(|(name, value)| (name.as_str().into(), from_json(value)))
            .collect())
    }

    fn read_availability(
        &mut self,
        slot: Slot,
        message: &Message<'_>,
        clock: &Clock,
    ) -> Result<(), Fault> {
        let at = usize::from(slot - AVAILABILITY);
        let payload = message.payload()?;
        let rendered;
        let topic = self.tracker.as_ref().and_then(|tracker| tracker.topics.get(at));
        let text = match topic.and_then(|topic| topic.template.as_ref()) {
            None => payload.text(),
            // A failing template says as much as the bare payload, as in Home Assistant.
            Some(template) => match template.render_value(payload, &self.scope(clock)) {
                Ok(text) => {
                    rendered = text;
                    &rendered
                }
                Err(_) => payload.text(),
            },
        };
        let text = text.to_owned();
        if let Some(tracker) = &mut self.tracker {
            tracker.receive(at, &text);
        }
        Ok(())
    }

    fn scope<'s>(&'s self, clock: &'s Clock) -> Scope<'s> {
        let id = self.id.as_ref().map_or("", EntityId::as_str);
        Scope { name: Some(&self.name), ..Scope::new(id, clock) }
    }
}
