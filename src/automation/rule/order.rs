//! Service calls of rules, read into wishes of entities: Home Assistant's targets and fields. A
//! target is never widened; what is not there is named and left out, as in Home Assistant.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::engine::Order;
use super::native;
use crate::home::Home;
use crate::home::domain::{Action, Domain};
use crate::home::entity::Entity;
use crate::home::id::EntityId;
use crate::home::service::{Fields, Invalid};
use crate::home::value::Value;

/// Keys that say on what to act.
const TARGETS: [&str; 4] = ["entity_id", "device_id", "area_id", "floor_id"];
/// The domain that stands for each entity's own.
const ANY: &str = "homeassistant";
/// Entities of one call.
const MOST_ENTITIES: usize = 1_000;

/// What a call comes to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wishes {
    /// On which entity and what.
    pub wishes: Vec<(EntityId, Action)>,
    /// What was asked for in vain, in plain English.
    pub left_out: Vec<String>,
}

/// Reads a call.
///
/// # Errors
/// When there is no such service, a field is wrong, or nothing says on what to act.
pub fn wishes(order: &Order, home: &Home) -> Result<Wishes, String> {
    let Order { domain, service, data } = order;
    let own: Option<Domain> = match &**domain {
        ANY => None,
        word => Some(word.parse().map_err(|_| format!("there are no services of `{word}`"))?),
    };
    let is_target = |name: &Arc<str>| TARGETS.contains(&&**name);
    let (targets, fields): (Vec<_>, Vec<_>) =
        data.iter().cloned().partition(|(name, _)| is_target(name));
    let fields = Fields::new(fields);
    let read = |domain: Domain| {
        domain
            .action(service, fields.clone())
            .map_err(|why: Invalid| format!("{domain}.{service}: {why}"))
    };
    let mut actions: BTreeMap<Domain, Action> = BTreeMap::new();
    if let Some(domain) = own {
        // Wrong fields are wrong whatever the target is.
        actions.insert(domain, read(domain)?);
    }
    if targets.is_empty() {
        return Err(format!("nothing says on what to act; give one of `{}`", TARGETS.join("`, `")));
    }
    let mut out = Wishes::default();
    for entity in meant(&targets, own, service, home, &mut out.left_out) {
        let is_own = own.is_none_or(|domain| domain == entity.domain);
        if !is_own || !has(entity.domain, service) {
            out.left_out.push(format!("{} cannot do `{domain}.{service}`", entity.id));
            continue;
        }
        let action = match actions.get(&entity.domain) {
            Some(action) => action.clone(),
            None => {
                let action = read(entity.domain)?;
                actions.insert(entity.domain, action.clone());
                action
            }
        };
        out.wishes.push((entity.id.clone(), action));
    }
    if out.wishes.len() > MOST_ENTITIES {
        return Err(format!("more than {MOST_ENTITIES} entities"));
    }
    Ok(out)
}

fn has(domain: Domain, service: &str) -> bool {
    domain.services().iter().any(|known| known.name == service)
}

/// The entities meant, each once: those that are named, and those that can do it in the places named.
fn meant<'h>(
    targets: &[(Arc<str>, Value)],
    own: Option<Domain>,
    service: &str,
    home: &'h Home,
    left_out: &mut Vec<String>,
) -> Vec<&'h Entity> {
    let mut found: Vec<&Entity> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut add = |entity: &'h Entity| {
        if seen.insert(entity.id.clone()) {
            found.push(entity);
        }
    };
    let can = |entity: &&Entity| {
        entity.is_enabled()
            && own.is_none_or(|domain| domain == entity.domain)
            && has(entity.domain, service)
    };
    for (key, value) in targets {
        let ids = ids(value);
        match &**key {
            "entity_id" => {
                for id in &ids {
                    match home.entity(id).filter(|entity| entity.is_enabled()) {
                        Some(entity) => add(entity),
                        None if id == "all" => home.entities().filter(can).for_each(&mut add),
                        None if id == "none" => {}
                        None => left_out.push(home.no_such_entity(id).to_string()),
                    }
                }
            }
            key => {
                for id in &ids {
                    let is_known = match key {
                        "device_id" => home.device(id).is_some(),
                        "area_id" => home.area(id).is_some(),
                        _ => home.floor(id).is_some(),
                    };
                    if !is_known {
                        left_out.push(format!("no `{key}` `{id}`"));
                    }
                }
                let has =
                    |id: Option<&str>| id.is_some_and(|id| ids.iter().any(|known| known == id));
                // Settings and diagnostic values of a device are not meant by the room they stand in.
                let is_main = |e: &&Entity| e.traits.category.is_none() && !e.traits.hidden;
                for entity in home.entities().filter(can).filter(is_main) {
                    let area = home.area_of(entity);
                    let is_there = match key {
                        "device_id" => has(entity.device.as_ref().map(|id| id.as_str())),
                        "area_id" => has(area.map(|area| area.id.as_str())),
                        _ => has(area.and_then(|area| area.floor.as_ref()).map(|id| id.as_str())),
                    };
                    if is_there {
                        add(entity);
                    }
                }
            }
        }
    }
    found
}

/// A text, several with commas, or a list.
fn ids(value: &Value) -> Vec<String> {
    let texts = match value {
        Value::List(items) => items.iter().filter_map(native::word).collect(),
        one => native::word(one).into_iter().collect::<Vec<_>>(),
    };
    let texts = texts.iter().flat_map(|text| text.split(','));
    texts.map(|id| id.trim().to_owned()).filter(|id| !id.is_empty()).collect()
}
