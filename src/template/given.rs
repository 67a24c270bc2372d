//! Values made once and given to many renderings, and the house as templates look through it:
//! `states.light.kitchen.state`, `states.light | selectattr(…)`, `area_entities('kitchen')`.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Zoned};
use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Error, State, Value};
use serde_json::Value as Json;

use super::call::Call;
use super::moment::Moment;
use super::{Named, States, Told, frame, json};

/// A value ready for templates. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Given(pub(super) Value);

impl Given {
    /// A plain value.
    pub fn json(json: &Json) -> Self {
        Self(json::value_of(&Arc::new(json.clone())))
    }

    /// A text read as JSON; undefined where it is none.
    pub fn parsed(text: &str) -> Self {
        match serde_json::from_str::<Json>(text) {
            Ok(json) => Self::json(&json),
            Err(_) => Self(Value::UNDEFINED),
        }
    }

    /// A date and time with its zone.
    pub fn moment(at: Zoned) -> Self {
        Self(Moment::Zoned(at).into())
    }

    /// A length of time.
    pub fn length(length: SignedDuration) -> Self {
        Self(Moment::Delta(length).into())
    }

    /// An entity as it is or was.
    pub fn state(told: Told) -> Self {
        Self(state_object(told))
    }

    /// Values by name.
    pub fn map(entries: impl IntoIterator<Item = (Arc<str>, Given)>) -> Self {
        let entries = entries.into_iter().map(|(name, given)| ((&*name).into(), given.0));
        Self(Value::from_object(Named(entries.collect())))
    }
}

/// One entity, as `states.light.kitchen` and `trigger.to_state` are.
fn state_object(told: Told) -> Value {
    let Told { entity_id, name, state, attributes, changed, updated } = told;
    let (domain, object) = entity_id.split_once('.').unwrap_or(("", &entity_id));
    let moment = |at: Option<Zoned>| at.map_or(Value::from(()), |at| Moment::Zoned(at).into());
    let mut entries: BTreeMap<Box<str>, Value> = BTreeMap::new();
    let mut put = |name: &str, value: Value| entries.insert(name.into(), value);
    put("domain", domain.into());
    put("object_id", object.into());
    put("entity_id", Value::from(entity_id.as_str()));
    put("name", Value::from(name));
    put("state", Value::from(state));
    put("attributes", json::value_of(&Arc::new(Json::Object(attributes))));
    put("last_changed", moment(changed.clone()));
    put("last_updated", moment(updated.clone()));
    put("last_reported", moment(updated));
    Value::from_object(Named(entries))
}

/// `states`: a function, and all entities by domain.
#[derive(Debug)]
pub(super) struct Everything(pub(super) Arc<dyn States>);

impl Object for Everything {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let domain = key.as_str()?;
        // `states['light.kitchen']` is one entity.
        if domain.contains('.') {
            return self.0.told(domain).map(state_object);
        }
        Some(Value::from_object(OfDomain { states: Arc::clone(&self.0), domain: domain.into() }))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(all(&*self.0, None))
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        super::library::states(&mut Call::bind(
            state,
            &["entity_id", "rounded", "with_unit"],
            args,
        )?)
    }
}

/// `states.light`.
#[derive(Debug)]
struct OfDomain {
    states: Arc<dyn States>,
    domain: Box<str>,
}

impl Object for OfDomain {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let object = key.as_str()?;
        self.states.told(&format!("{}.{object}", self.domain)).map(state_object)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(all(&*self.states, Some(&self.domain)))
    }
}

fn all(states: &dyn States, domain: Option<&str>) -> Vec<Value> {
    let ids = states.ids(domain);
    ids.iter().filter_map(|id| states.told(id)).map(state_object).collect()
}

/// `expand(ids or states, …)`: entities as state objects.
pub(super) fn expand(call: &mut Call) -> Result<Value, Error> {
    let states = call.frame.states.clone();
    let mut found = Vec::new();
    let mut waiting: Vec<Value> = call.rest.clone();
    waiting.reverse();
    while let Some(value) = waiting.pop() {
        call.frame.charge(frame::ITEM_COST)?;
        if let Some(id) = value.as_str() {
            found.extend(states.as_ref().and_then(|states| states.told(id)).map(state_object));
        } else if value.get_attr("entity_id").is_ok_and(|id| id.as_str().is_some()) {
            found.push(value);
        } else if let Ok(items) = value.try_iter() {
            let items: Vec<Value> = items.collect();
            waiting.extend(items.into_iter().rev());
        }
    }
    Ok(Value::from(found))
}

/// `area_entities(area)`, by its id or name.
pub(super) fn area_entities(call: &mut Call) -> Result<Value, Error> {
    let area = call.text(0)?;
    let ids = call.frame.states.as_ref().map(|states| states.ids_in(&area)).unwrap_or_default();
    Ok(Value::from(ids))
}

/// `area_name(entity)`.
pub(super) fn area_name(call: &mut Call) -> Result<Value, Error> {
    let id = call.text(0)?;
    let area = call.frame.states.as_ref().and_then(|states| states.area_of(&id));
    Ok(area.map_or(Value::from(()), |(_, name)| Value::from(name)))
}

/// `area_id(entity)`.
pub(super) fn area_id(call: &mut Call) -> Result<Value, Error> {
    let id = call.text(0)?;
    let area = call.frame.states.as_ref().and_then(|states| states.area_of(&id));
    Ok(area.map_or(Value::from(()), |(id, _)| Value::from(id)))
}
