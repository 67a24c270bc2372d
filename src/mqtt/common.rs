//! The keys that every component may have: who it is, its device, its producer, whether it can be
//! reached.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::component::Slot;
use super::keys::{Keys, Reject};
use super::names;
use crate::home::device::DeviceFacts;
use crate::home::entity::{Category, Naming, Traits};
use crate::template::Template;

/// What was read of the common keys.
pub(super) struct Common {
    pub(super) unique_id: Option<Arc<str>>,
    pub(super) naming: Naming,
    pub(super) wished_object: Option<Arc<str>>,
    pub(super) device: Option<Arc<DeviceFacts>>,
    pub(super) producer: Option<Arc<str>>,
    pub(super) traits: Traits,
    pub(super) enabled_by_default: bool,
    pub(super) availability: Option<Box<Tracker>>,
    pub(super) attributes: Option<Box<AttributeSource>>,
    pub(super) qos: u8,
    pub(super) retain: bool,
}

/// Attributes of the device's own making.
pub(super) struct AttributeSource {
    pub(super) topic: Arc<str>,
    pub(super) template: Option<Template>,
}

/// Slot of the first availability topic; the others follow.
pub(super) const AVAILABILITY: Slot = 200;
/// Slot of the attributes' topic.
pub(super) const ATTRIBUTES: Slot = 199;
/// More availability topics than this are not listened to.
const MAX_AVAILABILITY_TOPICS: usize = 50;

/// Whether a device can be reached, as several topics may tell.
pub(super) struct Tracker {
    pub(super) topics: Vec<AvailabilityTopic>,
    mode: Mode,
    latest: bool,
}

pub(super) struct AvailabilityTopic {
    pub(super) topic: Arc<str>,
    pub(super) template: Option<Template>,
    available: Arc<str>,
    not_available: Arc<str>,
    is_online: Option<bool>,
}

#[derive(Clone, Copy)]
enum Mode {
    All,
    Any,
    Latest,
}

impl Tracker {
    /// Takes in a rendered payload; other words than the two agreed ones say nothing.
    pub(super) fn receive(&mut self, at: usize, payload: &str) {
        let Some(topic) = self.topics.get_mut(at) else { return };
        let is_online = if payload == &*topic.available {
            true
        } else if payload == &*topic.not_available {
            false
        } else {
            return;
        };
        topic.is_online = Some(is_online);
        self.latest = is_online;
    }

    /// Online, offline, or not told yet.
    pub(super) fn is_online(&self) -> Option<bool> {
        if self.topics.iter().all(|topic| topic.is_online.is_none()) {
            return None;
        }
        let mut told = self.topics.iter().map(|topic| topic.is_online == Some(true));
        Some(match self.mode {
            Mode::All => told.all(|online| online),
            Mode::Any => told.any(|online| online),
            Mode::Latest => self.latest,
        })
    }

    /// Takes over what is known of the topics that stay.
    pub(super) fn adopt(&mut self, old: &Self) {
        for topic in &mut self.topics {
            let known = old.topics.iter().find(|known| known.topic == topic.topic);
            topic.is_online = known.and_then(|known| known.is_online);
        }
        self.latest = old.latest;
    }
}

/// Devices already read: every entity of a device repeats the whole of it.
#[derive(Default)]
pub(super) struct DeviceCache(HashMap<u64, Arc<DeviceFacts>>);

impl DeviceCache {
    fn read(&mut self, device: &Value, keys: &mut Keys<'_>) -> Option<Arc<DeviceFacts>> {
        let Value::Object(map) = device else {
            keys.problem("device", "must be an object");
            return None;
        };
        let mut hasher = DefaultHasher::new();
        device.to_string().hash(&mut hasher);
        let hash = hasher.finish();
        if let Some(facts) = self.0.get(&hash) {
            return Some(Arc::clone(facts));
        }
        let facts = Arc::new(read_device(map, keys));
        if facts.identifiers.is_empty() && facts.connections.is_empty() {
            keys.problem("device", "has neither `identifiers` nor `connections`");
            return None;
        }
        if self.0.len() >= 10_000 {
            self.0.retain(|_, facts| Arc::strong_count(facts) > 1);
        }
        self.0.insert(hash, Arc::clone(&facts));
        Some(facts)
    }
}

fn read_device(map: &Map<String, Value>, keys: &mut Keys<'_>) -> DeviceFacts {
    let mut device = keys.nested(map.clone());
    let mut facts = DeviceFacts {
        identifiers: device.list("identifiers").unwrap_or_default(),
        connections: Vec::new(),
        name: device.string("name"),
        manufacturer: device.string("manufacturer"),
        model: device.string("model"),
        model_id: device.string("model_id"),
        hw_version: device.string("hw_version"),
        sw_version: device.string("sw_version"),
        serial_number: device.string("serial_number"),
        via_device: device.string("via_device"),
        suggested_area: device.string("suggested_area"),
        configuration_url: device.string("configuration_url"),
    };
    if let Some(Value::Array(pairs)) = device.take("connections") {
        for pair in &pairs {
            match pair.as_array().map(Vec::as_slice) {
                Some([Value::String(kind), Value::String(value)]) => {
                    let value = normal_connection(kind, value);
                    facts.connections.push((device.intern(kind), device.intern(&value)));
                }
                Some(_) | None => device.problem("connections", "each must be [kind, value]"),
            }
        }
    }
    let problems = device.into_problems();
    for problem in problems {
        keys.problem("device", problem);
    }
    facts
}

/// MAC addresses are compared in one form: lower case, with colons.
fn normal_connection(kind: &str, value: &str) -> String {
    if kind != "mac" {
        return value.to_owned();
    }
    let digits: String = value.chars().filter(char::is_ascii_hexdigit).collect();
    if digits.len() != 12 {
        return value.to_owned();
    }
    let digits = digits.to_ascii_lowercase();
    let pairs: Vec<&str> = (0..6).map(|at| &digits[at * 2..at * 2 + 2]).collect();
    pairs.join(":")
}

/// Reads the common keys.
pub(super) fn read(
    kind: &'static str,
    keys: &mut Keys<'_>,
    devices: &mut DeviceCache,
) -> Result<Common, Reject> {
    let device = keys.take("device").and_then(|device| devices.read(&device, keys));
    let producer = match keys.take("origin") {
        Some(Value::Object(mut origin)) => match origin.shift_remove("name") {
            Some(Value::String(name)) => Some(keys.intern(&name)),
            Some(_) | None => None,
        },
        Some(_) => {
            keys.problem("origin", "must be an object");
            None
        }
        None => None,
    };
    let traits = read_traits(kind, keys);
    let naming = match keys.nullable_string("name") {
        Some(Some(name)) if name.trim().is_empty() => Naming::Main,
        Some(Some(name)) => Naming::Named(name),
        Some(None) => Naming::Main,
        None => {
            let word = names::default_name(kind, traits.device_class.as_deref());
            Naming::Unnamed(keys.intern(&word))
        }
    };
    // `object_id` is older than `default_entity_id` and counts only in its absence.
    let object_id = keys.string("object_id");
    let wished_object = match keys.string("default_entity_id") {
        Some(id) => match id.split_once('.') {
            Some((_, object)) => Some(keys.intern(object)),
            None => Some(id),
        },
        None => object_id,
    };
    let qos = keys.int("qos").unwrap_or(0);
    if !(0..=2).contains(&qos) {
        keys.problem("qos", "must be 0, 1 or 2");
    }
    Ok(Common {
        unique_id: keys.string("unique_id").filter(|id| !id.is_empty()),
        naming,
        wished_object,
        device,
        producer,
        traits,
        enabled_by_default: keys.flag("enabled_by_default", true),
        availability: read_availability(keys),
        attributes: keys.topic("json_attributes_topic").map(|topic| {
            Box::new(AttributeSource { topic, template: keys.template("json_attributes_template") })
        }),
        qos: qos.clamp(0, 2) as u8,
        retain: keys.flag("retain", false),
    })
}

fn read_traits(kind: &'static str, keys: &mut Keys<'_>) -> Traits {
    let category = match keys.choice("entity_category", &["config", "diagnostic"]) {
        Some("config") if matches!(kind, "sensor" | "binary_sensor") => {
            keys.problem("entity_category", "`config` is for things that can be set");
            None
        }
        Some("config") => Some(Category::Config),
        Some(_) => Some(Category::Diagnostic),
        None => None,
    };
    Traits {
        device_class: names::device_class(kind, keys),
        unit: keys.nullable_string("unit_of_measurement").flatten(),
        icon: keys.string("icon"),
        entity_picture: keys.string("entity_picture"),
        category,
        assumes_state: false,
        hidden: !keys.flag("visible_by_default", true),
        force_update: keys.flag("force_update", false),
    }
}

fn read_availability(keys: &mut Keys<'_>) -> Option<Box<Tracker>> {
    let mode = match keys.choice("availability_mode", &["all", "any", "latest"]) {
        Some("all") => Mode::All,
        Some("any") => Mode::Any,
        Some(_) | None => Mode::Latest,
    };
    let single = keys.topic("availability_topic");
    let template = keys.template("availability_template");
    let available = keys.string_or("payload_available", "online");
    let not_available = keys.string_or("payload_not_available", "offline");
    let mut topics = Vec::new();
    match keys.take("availability") {
        Some(list) => {
            if single.is_some() {
                keys.problem("availability_topic", "is not used beside `availability`");
            }
            let items = match list {
                Value::Array(items) => items,
                one => vec![one],
            };
            for item in items {
                let Value::Object(map) = item else {
                    keys.problem("availability", "each must be an object with a `topic`");
                    continue;
                };
                let mut item = keys.nested(map);
                let topic = item.topic("topic");
                let entry = topic.map(|topic| AvailabilityTopic {
                    topic,
                    template: item.template("value_template"),
                    available: item.string_or("payload_available", "online"),
                    not_available: item.string_or("payload_not_available", "offline"),
                    is_online: None,
                });
                for problem in item.into_problems() {
                    keys.problem("availability", problem);
                }
                match entry {
                    Some(entry) if topics.len() < MAX_AVAILABILITY_TOPICS => topics.push(entry),
                    Some(_) => keys.problem("availability", "has too many topics"),
                    None => keys.problem("availability", "an item without a usable `topic`"),
                }
            }
        }
        None => topics.extend(single.map(|topic| AvailabilityTopic {
            topic,
            template,
            available,
            not_available,
            is_online: None,
        })),
    }
    (!topics.is_empty()).then(|| Box::new(Tracker { topics, mode, latest: false }))
}
