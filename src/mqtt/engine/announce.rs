//! What an announcement does to the engine: new things, changed ones, those that move or go.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Map, Value as Json};

use super::{Announced, Bound, Engine, Out, TOO_MANY, found, queue_wake};
use crate::home::Report;
use crate::home::entity::{Announcement, Naming, Producer, Source};
use crate::home::id::Handle;
use crate::hub::event::{Event, Place};
use crate::mqtt::binding::Binding;
use crate::mqtt::common;
use crate::mqtt::component;
use crate::mqtt::discovery::{self, ConfigId, Item, Request, Wish};
use crate::mqtt::keys::{Keys, Reject};
use crate::mqtt::trigger::TriggerBinding;

impl Engine {
    pub(super) fn discover(
        &mut self,
        topic: &str,
        config: &discovery::ConfigTopic<'_>,
        payload: &[u8],
        out: &mut Out,
    ) {
        let mut hasher = DefaultHasher::new();
        payload.hash(&mut hasher);
        let hash = hasher.finish();
        if self.topics.get(topic).is_some_and(|known| known.hash == hash) {
            return;
        }
        let place = Place::Topic(topic.into());
        match discovery::request(config, payload) {
            Err(why) => found(out, place, None, why),
            Ok(Request::Remove) => {
                out.events.push(Event::ProblemSolved { place });
                for handle in self.topics.remove(topic).map(|old| old.handles).unwrap_or_default() {
                    self.release(handle, true, out);
                }
            }
            Ok(Request::Migrate) => {
                for handle in self.topics.remove(topic).map(|old| old.handles).unwrap_or_default() {
                    self.release(handle, false, out);
                }
            }
            Ok(Request::Announce(items, problems)) => {
                out.events.push(Event::ProblemSolved { place: place.clone() });
                for problem in problems {
                    found(out, place.clone(), None, problem);
                }
                let topic = self.workshop.texts.intern(topic);
                let nothing = || Announced { hash, handles: Vec::new() };
                self.topics.entry(Arc::clone(&topic)).or_insert_with(nothing).hash = hash;
                for item in items {
                    self.take_in(&topic, item, out);
                }
                // What made nothing is not remembered: there may be more of it than of anything,
                // and what stood in its way may be gone when it comes again.
                if self.topics.get(&topic).is_some_and(|announced| announced.handles.is_empty()) {
                    self.topics.remove(&topic);
                }
            }
        }
    }

    /// One component of an announcement: new, changed or gone.
    fn take_in(&mut self, topic: &Arc<str>, item: Item, out: &mut Out) {
        let known = self.by_config.get(&item.id).copied();
        let keys = match item.wish {
            Wish::BeGone => {
                if let Some(handle) = known.filter(|handle| self.topic_of(*handle) == Some(topic)) {
                    self.release(handle, true, out);
                }
                return;
            }
            Wish::Be(keys) => keys,
        };
        if let Some(other) = known.and_then(|handle| self.topic_of(handle))
            && other != topic
        {
            let why = format!(
                "`{}` is announced on `{other}` already; it must be removed or migrated there first",
                item.id.id
            );
            return found(out, Place::Topic(Arc::clone(topic)), None, why);
        }
        let result = match item.id.component {
            "device_automation" | "tag" => self.bind_trigger(topic, &item.id, keys, known, out),
            _ => self.bind_entity(topic, &item.id, keys, known, out),
        };
        if let Err((producer, Reject(why))) = result {
            let why = format!("{}: {why}", item.id.component);
            found(out, Place::Topic(Arc::clone(topic)), producer, why);
        }
    }

    fn bind_entity(
        &mut self,
        topic: &Arc<str>,
        config: &ConfigId,
        map: Map<String, Json>,
        known: Option<Handle>,
        out: &mut Out,
    ) -> Result<(), (Option<Arc<str>>, Reject)> {
        let mut keys = Keys::new(map, &self.workshop);
        let mut common = common::read(config.component, &mut keys, &mut self.devices)
            .map_err(|reject| (None, reject))?;
        let producer = common.producer.clone();
        let reject = |reject| (producer.clone(), reject);
        if let Some(unique_id) = &common.unique_id
            && let Some(other) = self.by_unique_id.get(&(config.component, Arc::clone(unique_id)))
            && Some(*other) != known
        {
            return Err(reject(self.duplicate(unique_id, *other, producer.as_ref())));
        }
        keys.traits = std::mem::take(&mut common.traits);
        keys.has_attributes_topic = common.attributes.is_some();
        let component = component::read(config.component, &mut keys).map_err(reject)?;
        common.traits = std::mem::take(&mut keys.traits);
        common.traits.assumes_state = component.assumes_state();
        let problems = keys.into_problems();
        if known.is_none() && self.bound.len() >= self.max_bindings {
            return Err(reject(Reject(TOO_MANY.to_owned())));
        }
        let handle = known.unwrap_or_else(Self::new_handle);
        let place = Place::Handle(handle);
        out.events.push(Event::ProblemSolved { place: place.clone() });
        let key = match &common.unique_id {
            Some(unique_id) => Arc::clone(unique_id),
            None => self.workshop.texts.intern(&format!("topic:{topic}#{}", config.id)),
        };
        let name = match &common.naming {
            Naming::Named(name) | Naming::Unnamed(name) => Arc::clone(name),
            Naming::Main => common
                .device
                .as_ref()
                .and_then(|device| device.name.clone())
                .unwrap_or_else(|| self.workshop.texts.intern("")),
        };
        let announcement = Announcement {
            key,
            unique_id: common.unique_id.clone(),
            caps: component.caps(),
            naming: common.naming.clone(),
            wished_object: common.wished_object.clone(),
            device: common.device.clone(),
            traits: Arc::new(common.traits.clone()),
            enabled_by_default: common.enabled_by_default,
            always_available: common.availability.is_none() && !component.is_expired(),
            producer: Producer { name: producer.clone(), topic: Arc::clone(topic) },
        };
        let unique_id = common.unique_id.clone();
        let mut binding = Binding::new(config.clone(), Arc::clone(topic), name, common, component);
        out.events.push(Event::Announced(handle, Box::new(announcement)));
        // After that, so that they are told by the entity's name.
        for problem in problems {
            found(out, place.clone(), producer.clone(), problem);
        }
        let mut is_changed = false;
        if let Some(Bound::Entity(old)) = self.bound.get_mut(&handle) {
            binding.adopt(old);
            // What the new keys no longer allow (a colour mode, an option) is forgotten.
            if binding.component.state() != old.component.state() {
                let report = Report {
                    state: Some(binding.component.state()),
                    extra: None,
                    source: Source::Retained,
                    force: false,
                    said_at: None,
                };
                out.events.push(Event::StateReported(handle, Box::new(report)));
            }
            binding.is_enabled = old.is_enabled;
            binding.listens = std::mem::take(&mut old.listens);
            if let Some(old_id) = old.unique_id.take().filter(|old| Some(old) != unique_id.as_ref())
            {
                self.by_unique_id.remove(&(config.component, old_id));
            }
            is_changed = true;
        } else {
            self.remember(topic, config, handle);
        }
        if let Some(unique_id) = unique_id {
            self.by_unique_id.insert((config.component, unique_id), handle);
        }
        if is_changed && let Some(availability) = binding.news_of_availability() {
            out.events.push(Event::AvailabilityReported(handle, availability));
        }
        queue_wake(&mut self.wakes, handle, &mut binding);
        self.bound.insert(handle, Bound::Entity(Box::new(binding)));
        if is_changed {
            self.listen(handle, out);
        }
        Ok(())
    }

    fn bind_trigger(
        &mut self,
        topic: &Arc<str>,
        config: &ConfigId,
        map: Map<String, Json>,
        known: Option<Handle>,
        out: &mut Out,
    ) -> Result<(), (Option<Arc<str>>, Reject)> {
        let mut keys = Keys::new(map, &self.workshop);
        let mut common = common::read(config.component, &mut keys, &mut self.devices)
            .map_err(|reject| (None, reject))?;
        let producer = common.producer.take();
        let trigger = TriggerBinding::read(config.clone(), topic, common, &mut keys)
            .map_err(|reject| (producer.clone(), reject))?;
        if known.is_none() && self.bound.len() >= self.max_bindings {
            return Err((producer, Reject(TOO_MANY.to_owned())));
        }
        let problems = keys.into_problems();
        let handle = known.unwrap_or_else(Self::new_handle);
        out.events.push(Event::TriggerAnnounced(handle, Box::new(trigger.announced())));
        for problem in problems {
            found(out, Place::Handle(handle), producer.clone(), problem);
        }
        let mut trigger = Box::new(trigger);
        trigger.producer = producer;
        match self.bound.get_mut(&handle) {
            Some(Bound::Trigger(old)) => trigger.listens = std::mem::take(&mut old.listens),
            Some(Bound::Entity(_) | Bound::Overheard { .. }) | None => {
                self.remember(topic, config, handle)
            }
        }
        self.bound.insert(handle, Bound::Trigger(trigger));
        self.listen(handle, out);
        Ok(())
    }

    fn remember(&mut self, topic: &Arc<str>, config: &ConfigId, handle: Handle) {
        self.by_config.insert(config.clone(), handle);
        if let Some(announced) = self.topics.get_mut(topic) {
            announced.handles.push(handle);
        }
    }

    fn new_handle() -> Handle {
        // Unique in the process: the port may be started anew while the house still knows the
        // handles of the one before.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        Handle(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    fn topic_of(&self, handle: Handle) -> Option<&Arc<str>> {
        match self.bound.get(&handle)? {
            Bound::Entity(binding) => Some(&binding.topic),
            Bound::Trigger(trigger) => Some(&trigger.announced_on),
            Bound::Overheard { .. } => None,
        }
    }

    fn duplicate(&self, unique_id: &str, other: Handle, producer: Option<&Arc<str>>) -> Reject {
        let unnamed: Arc<str> = "a producer that gives no name".into();
        let (first, topic) = match self.bound.get(&other) {
            Some(Bound::Entity(binding)) => (binding.producer.as_ref(), &*binding.topic),
            Some(Bound::Trigger(_) | Bound::Overheard { .. }) | None => (None, ""),
        };
        Reject(format!(
            "the unique id `{unique_id}` of {} is in use already by {} (`{topic}`)",
            producer.unwrap_or(&unnamed),
            first.unwrap_or(&unnamed),
        ))
    }
}
