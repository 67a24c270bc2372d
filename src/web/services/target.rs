//! On what a service call acts, as it was said, and the entities that are meant. What is meant is
//! never widened: only `all`, said literally, means everything of the domain.

use std::collections::BTreeSet;

use serde_json::Value as JsonValue;

use super::Call;
use crate::home::Home;
use crate::home::entity::Entity;
use crate::home::id::EntityId;
use crate::web::failure::Failure;

/// Keys that say on what to act.
const TARGET_KEYS: [&str; 4] = ["entity_id", "device_id", "area_id", "floor_id"];

/// On what to act, as it was said.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Target {
    entities: Ids,
    devices: Ids,
    areas: Ids,
    floors: Ids,
}

/// Ids of one kind.
#[derive(Debug, Default, PartialEq)]
enum Ids {
    /// Not said at all.
    #[default]
    Unsaid,
    /// The word `all`.
    All,
    /// These; possibly none.
    These(Vec<String>),
}

impl Target {
    /// Takes the target out of a call's body; the rest are the service's fields.
    pub(super) fn take(body: &mut serde_json::Map<String, JsonValue>) -> Result<Self, Failure> {
        if let Some(target) = body.remove("target") {
            let JsonValue::Object(target) = target else {
                return Err(Failure::bad(
                    "`target` must be an object with `entity_id`, `area_id` or `device_id`",
                ));
            };
            for (key, ids) in target {
                if !TARGET_KEYS.contains(&key.as_str()) {
                    let known = TARGET_KEYS.join(", ");
                    return Err(Failure::bad(format!(
                        "`target` has no key `{key}`; it has: {known}"
                    )));
                }
                if body.insert(key.clone(), ids).is_some() {
                    return Err(Failure::bad(format!("`{key}` is given twice, also in `target`")));
                }
            }
        }
        let mut ids = |key: &str| Ids::read(key, body.remove(key));
        Ok(Self {
            entities: ids("entity_id")?,
            devices: ids("device_id")?,
            areas: ids("area_id")?,
            floors: ids("floor_id")?,
        })
    }

    /// The entities meant, each once, in the order said.
    pub(super) fn resolve(&self, call: Call<'_>, home: &Home) -> Result<Vec<EntityId>, Failure> {
        if self.is_unsaid() {
            let keys = TARGET_KEYS.join("`, `");
            return Err(Failure::bad(format!("nothing says on what to act; give one of `{keys}`")));
        }
        let mut meant = Vec::new();
        let mut seen = BTreeSet::new();
        let mut add = |entity: &Entity| {
            if seen.insert(entity.id.clone()) {
                meant.push(entity.id.clone());
            }
        };
        match &self.entities {
            Ids::Unsaid => {}
            Ids::All => {
                home.entities().filter(|e| e.is_enabled() && call.is_for(e)).for_each(&mut add)
            }
            Ids::These(ids) => {
                for id in ids {
                    let entity = home.entity(id).filter(|entity| entity.is_enabled());
                    add(entity.ok_or_else(|| Failure::refused("", &home.no_such_entity(id)))?);
                }
            }
        }
        for id in self.devices.these("device_id")? {
            if home.device(id).is_none() {
                return Err(Failure::unknown(format!("no device `{id}`")));
            }
        }
        for id in self.areas.these("area_id")? {
            if home.area(id).is_none() {
                return Err(Failure::refused("", &home.no_such_area(id)));
            }
        }
        for id in self.floors.these("floor_id")? {
            if home.floor(id).is_none() {
                return Err(Failure::unknown(format!("no floor `{id}`")));
            }
        }
        let has = |ids: &Ids, id: Option<&str>| match (ids, id) {
            (Ids::These(ids), Some(id)) => ids.iter().any(|known| known == id),
            (Ids::These(_) | Ids::All | Ids::Unsaid, _) => false,
        };
        // Settings and diagnostic values of a device are not meant by the room they stand in.
        let is_main =
            |e: &&Entity| e.is_enabled() && e.traits.category.is_none() && !e.traits.hidden;
        for entity in home.entities().filter(is_main).filter(|e| call.is_for(e)) {
            let area = home.area_of(entity);
            let floor = area.and_then(|area| area.floor.as_ref());
            if has(&self.devices, entity.device.as_ref().map(|id| id.as_str()))
                || has(&self.areas, area.map(|area| area.id.as_str()))
                || has(&self.floors, floor.map(|id| id.as_str()))
            {
                add(entity);
            }
        }
        Ok(meant)
    }

    fn is_unsaid(&self) -> bool {
        *self == Self::default()
    }
}

impl Ids {
    /// A text (one id, several separated by commas, `all` or `none`) or a list of ids.
    fn read(key: &str, said: Option<JsonValue>) -> Result<Self, Failure> {
        let wrong = || Failure::bad(format!("`{key}` must be a text or a list of texts"));
        match said {
            None | Some(JsonValue::Null) => Ok(Self::Unsaid),
            Some(JsonValue::String(text)) => Ok(match text.trim() {
                "all" => Self::All,
                "none" => Self::These(Vec::new()),
                text => Self::These(text.split(',').map(|id| id.trim().to_owned()).collect()),
            }),
            Some(JsonValue::Array(items)) => {
                let ids = items.into_iter().map(|item| match item {
                    JsonValue::String(id) => Ok(id.trim().to_owned()),
                    _ => Err(wrong()),
                });
                ids.collect::<Result<_, _>>().map(Self::These)
            }
            Some(JsonValue::Bool(_) | JsonValue::Number(_) | JsonValue::Object(_)) => Err(wrong()),
        }
    }

    /// The ids, where `all` has no meaning.
    fn these(&self, key: &str) -> Result<&[String], Failure> {
        match self {
            Self::Unsaid => Ok(&[]),
            Self::These(ids) => Ok(ids),
            Self::All => {
                Err(Failure::bad(format!("`{key}` must name each; only `entity_id` can be `all`")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(body: JsonValue) -> Result<Target, Failure> {
        let JsonValue::Object(mut body) = body else { panic!("an object") };
        Target::take(&mut body)
    }

    fn these(ids: &[&str]) -> Ids {
        Ids::These(ids.iter().map(|&id| id.to_owned()).collect())
    }

    #[test]
    fn targets_are_read_in_every_form() {
        use serde_json::json;
        for (body, entities, areas) in [
            (json!({"entity_id": "light.a"}), these(&["light.a"]), Ids::Unsaid),
            (json!({"entity_id": "light.a, light.b"}), these(&["light.a", "light.b"]), Ids::Unsaid),
            (json!({"entity_id": ["light.a"]}), these(&["light.a"]), Ids::Unsaid),
            (json!({"entity_id": []}), these(&[]), Ids::Unsaid),
            (json!({"entity_id": "none"}), these(&[]), Ids::Unsaid),
            (json!({"entity_id": "all"}), Ids::All, Ids::Unsaid),
            (json!({"target": {"area_id": "kitchen"}}), Ids::Unsaid, these(&["kitchen"])),
            (json!({"brightness": 3}), Ids::Unsaid, Ids::Unsaid),
        ] {
            let said = body.to_string();
            let expected = Target { entities, areas, ..Target::default() };
            assert_eq!(target(body).unwrap(), expected, "{said}");
        }
        for body in [
            json!({"entity_id": 3}),
            json!({"entity_id": [3]}),
            json!({"entity_id": {"a": 1}}),
            json!({"target": "light.a"}),
            json!({"target": {"label": "x"}}),
            json!({"target": {"entity_id": "light.a"}, "entity_id": "light.b"}),
        ] {
            assert!(target(body.clone()).is_err(), "{body}");
        }
    }

    #[test]
    fn nothing_said_is_not_everything() {
        let call = Call { domain: None, service: "turn_off" };
        assert!(Target::default().resolve(call, &Home::new()).is_err());
    }
}
