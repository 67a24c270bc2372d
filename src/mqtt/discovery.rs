//! From a config topic and its payload to the components it announces. Knows nothing of what was
//! announced before.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::abbreviation::{expand, expand_base, expand_child};
use super::component::KINDS;

/// Where something was announced: `<prefix>/<component>/[<node>/]<object>/config`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ConfigTopic<'t> {
    pub(super) component: &'t str,
    node: Option<&'t str>,
    object: &'t str,
}

/// By what a component is known again, also when it moves from a topic of its own into a device's
/// payload: its kind and its discovery id (`node object` or `object`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ConfigId {
    pub(super) component: &'static str,
    pub(super) id: Arc<str>,
}

/// One component of an announcement, keys written out in full.
#[derive(Debug, PartialEq)]
pub(super) struct Item {
    pub(super) id: ConfigId,
    pub(super) wish: Wish,
}

/// What is wished for a component.
#[derive(Debug, PartialEq)]
pub(super) enum Wish {
    /// Be there, with these keys.
    Be(Map<String, Value>),
    /// Be gone: a device payload that names only the platform.
    BeGone,
}

/// What a payload on a config topic asks for.
#[derive(Debug, PartialEq)]
pub(super) enum Request {
    /// Everything announced here is gone.
    Remove,
    /// Everything announced here will come back on another topic; keep what is known.
    Migrate,
    /// These components, and what was wrong with others of the same payload.
    Announce(Vec<Item>, Vec<String>),
}

/// Reads a config topic. `None` when it is no config topic at all.
///
/// # Errors
/// In plain words, when it looks like one but is not.
pub(super) fn config_topic<'t>(
    prefix: &str,
    topic: &'t str,
) -> Option<Result<ConfigTopic<'t>, String>> {
    let rest = topic.strip_prefix(prefix)?.strip_prefix('/')?.strip_suffix("/config")?;
    let levels: Vec<&str> = rest.split('/').collect();
    let (component, node, object) = match levels[..] {
        [component, object] => (component, None, object),
        [component, node, object] => (component, Some(node), object),
        _ => return None,
    };
    let is_id = |id: &&str| {
        !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    Some(if !is_id(&object) || node.is_some_and(|node| !is_id(&node)) {
        Err("ids in a config topic are made of letters, digits, `_` and `-`".to_owned())
    } else {
        Ok(ConfigTopic { component, node, object })
    })
}

/// Largest payload of an announcement, in bytes. A large device needs 50 KiB.
const MAX_PAYLOAD: usize = 1024 * 1024;
/// Most components and child devices in one payload.
const MAX_COMPONENTS: usize = 2_000;
/// Most bytes of facts repeated for the components of one payload: each gets the whole of the
/// device and of the shared keys.
const MAX_REPEATED: usize = 16 * 1024 * 1024;

/// Reads a payload.
///
/// # Errors
/// In plain words, when nothing of it can be used.
pub(super) fn request(topic: &ConfigTopic<'_>, payload: &[u8]) -> Result<Request, String> {
    if payload.is_empty() {
        return Ok(Request::Remove);
    }
    if payload.len() > MAX_PAYLOAD {
        return Err("the announcement is larger than 1 MiB".to_owned());
    }
    let mut config: Map<String, Value> = serde_json::from_slice(payload)
        .map_err(|error| format!("the announcement is not a JSON object: {error}"))?;
    let migrate = config.get("migrate_discovery").or_else(|| config.get("migr_discvry"));
    if migrate == Some(&Value::Bool(true)) {
        return Ok(Request::Migrate);
    }
    if topic.component == "device" {
        return device_items(topic, config);
    }
    let component = known_kind(topic.component)?;
    expand(&mut config);
    expand_base(&mut config);
    let id = match topic.node {
        Some(node) => format!("{node} {}", topic.object),
        None => topic.object.to_owned(),
    };
    let id = ConfigId { component, id: id.into() };
    Ok(Request::Announce(vec![Item { id, wish: Wish::Be(config) }], Vec::new()))
}

fn known_kind(kind: &str) -> Result<&'static str, String> {
    KINDS
        .iter()
        .copied()
        .find(|known| *known == kind)
        .ok_or_else(|| format!("`{kind}` is not a component that Homard knows"))
}

/// Keys of a device payload that each of its components takes over unless it has its own.
const SHARED: &[&str] = &[
    "availability",
    "availability_mode",
    "availability_template",
    "availability_topic",
    "command_topic",
    "encoding",
    "message_expiry_interval",
    "payload_available",
    "payload_not_available",
    "state_topic",
    "qos",
];

fn device_items(
    topic: &ConfigTopic<'_>,
    mut config: Map<String, Value>,
) -> Result<Request, String> {
    expand(&mut config);
    check_size(&config)?;
    // The base topic of a device payload counts for its shared keys; components have their own.
    expand_base(&mut config);
    let Some(Value::Object(device)) = config.shift_remove("device") else {
        return Err("`device` is missing".to_owned());
    };
    let origin = match config.shift_remove("origin") {
        Some(Value::Object(origin)) => Some(origin),
        Some(_) | None => None,
    };
    let mut shared = Map::new();
    for key in SHARED {
        if let Some(value) = config.shift_remove(*key) {
            shared.insert((*key).to_owned(), value);
        }
    }
    let mut items = Vec::new();
    let mut problems = Vec::new();
    if origin.is_none() {
        problems.push("`origin` is missing; a device payload should say who made it".to_owned());
    }
    let mut reader =
        DeviceReader { topic, shared, origin, items: &mut items, problems: &mut problems };
    let components = config.shift_remove("components");
    if components.is_none() && !config.contains_key("child_devices") {
        return Err("`components` is missing".to_owned());
    }
    reader.read(components, &device);
    if let Some(Value::Array(children)) = config.shift_remove("child_devices") {
        for child in children {
            let Value::Object(mut child) = child else {
                reader.problems.push("`child_devices`: each must be an object".to_owned());
                continue;
            };
            expand_child(&mut child);
            let components = child.shift_remove("components");
            reader.read(components, &child_device(&device, child));
        }
    }
    Ok(Request::Announce(items, problems))
}

/// A payload of a megabyte can be one device and a hundred thousand components, each of which
/// would repeat the device.
fn check_size(config: &Map<String, Value>) -> Result<(), String> {
    let size = |value: &Value| value.to_string().len();
    let n_components = |map: &Map<String, Value>| {
        let components = map.get("components").or_else(|| map.get("cmps"));
        components.and_then(Value::as_object).map_or(0, Map::len)
    };
    let children = config.get("child_devices").and_then(Value::as_array);
    let children = || children.into_iter().flatten();
    let n_in_child = |child: &Value| 1 + child.as_object().map_or(0, n_components);
    let n = n_components(config) + children().map(n_in_child).sum::<usize>();
    let keys =
        config.iter().filter(|(key, _)| !matches!(key.as_str(), "components" | "child_devices"));
    let shared = keys.map(|(_, value)| size(value)).sum::<usize>();
    let of_children = children().map(|child| size(child) * n_in_child(child)).sum::<usize>();
    if n > MAX_COMPONENTS || shared * n + of_children > MAX_REPEATED {
        return Err(format!("the announcement is too large: {n} components"));
    }
    Ok(())
}

/// A child has its own identity and name; its parent is what it speaks through.
fn child_device(parent: &Map<String, Value>, child: Map<String, Value>) -> Map<String, Value> {
    let mut device = parent.clone();
    for key in ["identifiers", "connections", "name", "suggested_area"] {
        device.shift_remove(key);
    }
    let parent_id = match parent.get("identifiers") {
        Some(Value::Array(ids)) => ids.first().cloned(),
        other => other.cloned(),
    };
    if let Some(parent_id) = parent_id {
        device.insert("via_device".to_owned(), parent_id);
    }
    device.extend(child);
    device
}

struct DeviceReader<'a> {
    topic: &'a ConfigTopic<'a>,
    shared: Map<String, Value>,
    origin: Option<Map<String, Value>>,
    items: &'a mut Vec<Item>,
    problems: &'a mut Vec<String>,
}

impl DeviceReader<'_> {
    fn read(&mut self, components: Option<Value>, device: &Map<String, Value>) {
        let components = match components {
            Some(Value::Object(components)) => components,
            None => return,
            Some(_) => {
                self.problems.push("`components` must be an object".to_owned());
                return;
            }
        };
        for (name, component) in components {
            if let Err(why) = self.component(&name, component, device) {
                self.problems.push(format!("component `{name}`: {why}"));
            }
        }
    }

    fn component(
        &mut self,
        name: &str,
        component: Value,
        device: &Map<String, Value>,
    ) -> Result<(), String> {
        let Value::Object(mut config) = component else {
            return Err("must be an object".to_owned());
        };
        expand(&mut config);
        expand_base(&mut config);
        let Some(Value::String(platform)) = config.shift_remove("platform") else {
            return Err("`platform` is missing".to_owned());
        };
        let component = known_kind(&platform)?;
        // The component's id takes the place of the object id and the topic's object id that of
        // the node: so a device payload can take over what was announced one by one.
        let id = match self.topic.node {
            Some(node) => format!("{} {node} {name}", self.topic.object),
            None => format!("{} {name}", self.topic.object),
        };
        let id = ConfigId { component, id: id.into() };
        if self.items.iter().any(|item| item.id == id) {
            return Err("its id is used twice in this payload".to_owned());
        }
        let wish = if config.is_empty() {
            Wish::BeGone
        } else {
            for (key, value) in &self.shared {
                if !config.contains_key(key) {
                    config.insert(key.clone(), value.clone());
                }
            }
            config.insert("device".to_owned(), Value::Object(device.clone()));
            if let Some(origin) = &self.origin {
                config.insert("origin".to_owned(), Value::Object(origin.clone()));
            }
            Wish::Be(config)
        };
        self.items.push(Item { id, wish });
        Ok(())
    }
}
