//! `config/…_registry/…`: areas, floors, devices and entities in Home Assistant's shapes, and what
//! the owner changes about them. Homard keeps no icons, labels, pictures or times of creation: they
//! are shown as none, and a wish for one is refused.

use std::sync::Arc;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

use super::command::{Command, Refusal, written};
use crate::home::device::Device;
use crate::home::entity::{Entity, Naming};
use crate::home::id::{AreaId, DeviceId, EntityId, FloorId};
use crate::home::place::{Area, Floor};
use crate::home::{DeviceEdit, EntityEdit, Home};
use crate::hub::event::{EditError, Query};
use crate::json;
use crate::text;
use crate::web::auth::Caller;
use crate::web::failure::Failure;
use crate::web::registry::{MAX_LEVEL, clean_aliases, clean_name, given_name, said};

/// Through what everything came.
const PLATFORM: &str = "mqtt";

/// Answers a command of the registries.
pub(super) async fn answer(command: &Command, caller: &Caller) -> Result<Box<RawValue>, Refusal> {
    let hub = &caller.hub;
    match &*command.kind {
        "config/area_registry/list" => {
            written(&hub.read(|home| home.areas().map(area).collect::<Vec<_>>()))
        }
        "config/floor_registry/list" => {
            written(&hub.read(|home| home.floors().map(floor).collect::<Vec<_>>()))
        }
        "config/device_registry/list" => {
            written(&hub.read(|home| home.devices().map(device).collect::<Vec<_>>()))
        }
        "config/entity_registry/list" => {
            written(&hub.read(|home| home.entities().map(entity).collect::<Vec<_>>()))
        }
        "config/entity_registry/list_for_display" => written(&hub.read(display)),
        "config/entity_registry/get" => {
            let One { entity_id } = command.fields()?;
            written(&hub.read(|home| extended(home, &entity_id))?)
        }
        "config/entity_registry/get_entries" => {
            let Several { entity_ids } = command.fields()?;
            let entries = entity_ids.iter().map(|id| {
                let entry = hub.read(|home| extended(home, id)).unwrap_or_default();
                (id.clone(), entry)
            });
            written(&entries.collect::<serde_json::Map<_, _>>())
        }
        "config/area_registry/create" => put_area(caller, None, command.fields()?).await,
        "config/area_registry/update" => {
            let (id, wish) = with_id(command, "area_id")?;
            put_area(caller, Some(id), wish).await
        }
        "config/area_registry/delete" => {
            let (id, IgnoredAny) = with_id(command, "area_id")?;
            make(caller, |reply| Query::RemoveArea(AreaId::new(&id), reply)).await?;
            written(&"success")
        }
        "config/floor_registry/create" => put_floor(caller, None, command.fields()?).await,
        "config/floor_registry/update" => {
            let (id, wish) = with_id(command, "floor_id")?;
            put_floor(caller, Some(id), wish).await
        }
        "config/floor_registry/delete" => {
            let (id, IgnoredAny) = with_id(command, "floor_id")?;
            make(caller, |reply| Query::RemoveFloor(FloorId::new(&id), reply)).await?;
            written(&"success")
        }
        "config/device_registry/update" => {
            let (id, wish) = with_id(command, "device_id")?;
            edit_device(caller, &id, wish).await
        }
        "config/entity_registry/update" => {
            let (id, wish) = with_id(command, "entity_id")?;
            edit_entity(caller, &id, wish).await
        }
        "config/entity_registry/remove" => {
            let One { entity_id } = command.fields()?;
            make(caller, |reply| Query::RemoveEntity(EntityId::new(&entity_id), reply)).await?;
            written(&())
        }
        _ => Err(Refusal::new("unknown_command", "Unknown command.")),
    }
}

#[derive(Deserialize)]
struct One {
    entity_id: String,
}

#[derive(Deserialize)]
struct Several {
    entity_ids: Vec<String>,
}

/// The id a command is about, and its other fields.
fn with_id<T: serde::de::DeserializeOwned>(
    command: &Command,
    key: &str,
) -> Result<(String, T), Refusal> {
    let mut fields: serde_json::Map<String, Json> = command.fields()?;
    let Some(Json::String(id)) = fields.remove(key) else {
        return Err(Refusal::format(format!("`{key}` must be a text")));
    };
    let rest = serde_json::from_value(Json::Object(fields));
    Ok((id, rest.map_err(|error| Refusal::format(error.to_string()))?))
}

/// Asks the hub for an edit; done when it is on the disk.
async fn make(
    caller: &Caller,
    query: impl FnOnce(tokio::sync::oneshot::Sender<Result<(), EditError>>) -> Query,
) -> Result<(), Refusal> {
    let made = caller.hub.ask(query).await.map_err(|_| Refusal::from(Failure::stopping()))?;
    made.map_err(|error| Refusal::from(Failure::from(error)))
}

fn area(area: &Area) -> Json {
    json!({
        "area_id": area.id.as_str(),
        "name": area.name,
        "aliases": area.aliases,
        "floor_id": area.floor.as_ref().map(FloorId::as_str),
        "icon": null, "labels": [], "picture": null,
        "humidity_entity_id": null, "temperature_entity_id": null,
        "created_at": 0.0, "modified_at": 0.0,
    })
}

fn floor(floor: &Floor) -> Json {
    json!({
        "floor_id": floor.id.as_str(),
        "name": floor.name,
        "aliases": floor.aliases,
        "level": floor.level,
        "icon": null, "created_at": 0.0, "modified_at": 0.0,
    })
}

fn device(device: &Device) -> Json {
    let facts = &device.facts;
    let identifiers: Vec<_> = facts.identifiers.iter().map(|id| [PLATFORM, &**id]).collect();
    let connections: Vec<_> = facts.connections.iter().map(|(kind, id)| [&**kind, &**id]).collect();
    json!({
        "id": device.id.as_str(),
        "area_id": device.area.as_ref().map(AreaId::as_str),
        "name": facts.name,
        "name_by_user": device.given_name,
        "manufacturer": facts.manufacturer,
        "model": facts.model,
        "model_id": facts.model_id,
        "hw_version": facts.hw_version,
        "sw_version": facts.sw_version,
        "serial_number": facts.serial_number,
        "via_device_id": facts.via_device,
        "configuration_url": facts.configuration_url,
        "identifiers": identifiers,
        "connections": connections,
        "config_entries": [], "config_entries_subentries": {}, "primary_config_entry": null,
        "disabled_by": null, "entry_type": null, "labels": [],
        "created_at": 0.0, "modified_at": 0.0,
    })
}

fn entity(entity: &Entity) -> Json {
    let disabled_by = match (entity.is_enabled(), entity.given.enabled) {
        (true, _) => None,
        (false, Some(false)) => Some("user"),
        (false, _) => Some("integration"),
    };
    json!({
        "entity_id": entity.id.as_str(),
        // Unlike Home Assistant's, an entity's id never changes.
        "id": entity.id.as_str(),
        "unique_id": entity.unique_id.as_ref().unwrap_or(&entity.key),
        "platform": PLATFORM,
        "device_id": entity.device.as_ref().map(DeviceId::as_str),
        "area_id": entity.given.area.as_ref().map(AreaId::as_str),
        "name": entity.given.name,
        "original_name": own_name(entity),
        "has_entity_name": entity.device.is_some(),
        "entity_category": entity.traits.category.map(|category| category.word()),
        "disabled_by": disabled_by,
        "hidden_by": entity.traits.hidden.then_some("integration"),
        "icon": null, "labels": [], "categories": {}, "options": {}, "translation_key": null,
        "config_entry_id": null, "config_subentry_id": null,
        "created_at": 0.0, "modified_at": 0.0,
    })
}

/// The name its producer gave it beside its device's.
fn own_name(entity: &Entity) -> Option<&Arc<str>> {
    match &entity.naming {
        Naming::Named(name) | Naming::Unnamed(name) => Some(name),
        Naming::Main => None,
    }
}

/// An entity with what a page about it shows.
fn extended(home: &Home, id: &str) -> Result<Json, Refusal> {
    let found = home.entity(id).ok_or_else(|| Refusal::new("not_found", "Entity not found"))?;
    let mut object = entity(found);
    let mut capabilities = serde_json::Map::new();
    if let Some(caps) = &found.caps {
        let mut attributes = crate::home::value::Attributes::new();
        caps.attributes(&mut attributes);
        for (name, value) in attributes.iter() {
            capabilities.insert(name.to_string(), json::to_json(value));
        }
    }
    object["aliases"] = json!(found.given.aliases);
    object["capabilities"] = Json::Object(capabilities);
    object["device_class"] = Json::Null;
    object["original_device_class"] = json!(found.traits.device_class);
    object["original_icon"] = json!(found.traits.icon);
    Ok(object)
}

/// All entities with short keys, as Home Assistant's own pages load them.
fn display(home: &Home) -> Json {
    let entities = home.entities().filter(|entity| entity.is_enabled()).map(|entity| {
        let mut short = serde_json::Map::new();
        short.insert("ei".into(), entity.id.as_str().into());
        short.insert("pl".into(), PLATFORM.into());
        if let Some(device) = &entity.device {
            short.insert("di".into(), device.as_str().into());
        }
        if let Some(area) = &entity.given.area {
            short.insert("ai".into(), area.as_str().into());
        }
        if let Some(category) = entity.traits.category {
            let number = if category.word() == "config" { 0 } else { 1 };
            short.insert("ec".into(), number.into());
        }
        if entity.traits.hidden {
            short.insert("hb".into(), true.into());
        }
        if let Some(name) = entity.given.name.as_deref().or(own_name(entity).map(|name| &**name)) {
            short.insert("en".into(), name.into());
        }
        Json::Object(short)
    });
    let entities: Vec<Json> = entities.collect();
    json!({ "entity_categories": { "0": "config", "1": "diagnostic" }, "entities": entities })
}

/// What Homard does not keep: `null` and empty are no wish.
fn refuse_others(others: &serde_json::Map<String, Json>) -> Result<(), Refusal> {
    let is_wish = |value: &Json| match value {
        Json::Null => false,
        Json::Array(items) => !items.is_empty(),
        Json::Object(items) => !items.is_empty(),
        _ => true,
    };
    match others.iter().find(|(_, value)| is_wish(value)) {
        Some((key, _)) => Err(Refusal::not_supported(format!("Homard keeps no `{key}`"))),
        None => Ok(()),
    }
}

/// What is wished of an area; what is left out stays.
#[derive(Deserialize)]
struct AreaWish {
    name: Option<String>,
    aliases: Option<Vec<String>>,
    #[serde(default, deserialize_with = "said")]
    floor_id: Option<Option<String>>,
    #[serde(flatten)]
    others: serde_json::Map<String, Json>,
}

/// An id for a new thing of this name.
fn new_id(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let slug = text::slug(name);
    let slug = if slug.is_empty() { "place" } else { &slug[..slug.len().min(50)] };
    let mut id = slug.to_owned();
    let mut n = 2;
    while is_taken(&id) {
        id = format!("{slug}_{n}");
        n += 1;
    }
    id
}

async fn put_area(
    caller: &Caller,
    id: Option<String>,
    wish: AreaWish,
) -> Result<Box<RawValue>, Refusal> {
    refuse_others(&wish.others)?;
    let mut wished = match (id, &wish.name) {
        (Some(id), _) => caller
            .hub
            .read(|home| home.area(&id).cloned())
            .ok_or_else(|| Refusal::new("invalid_info", format!("Area ID doesn't exist: {id}")))?,
        (None, Some(name)) => {
            let id = caller.hub.read(|home| new_id(name, |id| home.area(id).is_some()));
            let name = String::new();
            Area { id: AreaId::new(&id), name, aliases: Vec::new(), floor: None }
        }
        (None, None) => return Err(Refusal::format("`name` must be a text")),
    };
    if let Some(name) = wish.name {
        wished.name = clean_name("name", &name)?;
    }
    if let Some(aliases) = wish.aliases {
        wished.aliases = clean_aliases(aliases)?;
    }
    if let Some(floor) = wish.floor_id {
        wished.floor = floor.as_deref().map(FloorId::new);
    }
    let object = area(&wished);
    make(caller, |reply| Query::PutArea(wished, reply)).await?;
    written(&object)
}

/// What is wished of a floor; what is left out stays.
#[derive(Deserialize)]
struct FloorWish {
    name: Option<String>,
    aliases: Option<Vec<String>>,
    #[serde(default, deserialize_with = "said")]
    level: Option<Option<i32>>,
    #[serde(flatten)]
    others: serde_json::Map<String, Json>,
}

async fn put_floor(
    caller: &Caller,
    id: Option<String>,
    wish: FloorWish,
) -> Result<Box<RawValue>, Refusal> {
    refuse_others(&wish.others)?;
    let mut wished = match (id, &wish.name) {
        (Some(id), _) => caller
            .hub
            .read(|home| home.floor(&id).cloned())
            .ok_or_else(|| Refusal::new("invalid_info", format!("Floor ID doesn't exist: {id}")))?,
        (None, Some(name)) => {
            let id = caller.hub.read(|home| new_id(name, |id| home.floor(id).is_some()));
            let name = String::new();
            Floor { id: FloorId::new(&id), name, aliases: Vec::new(), level: None }
        }
        (None, None) => return Err(Refusal::format("`name` must be a text")),
    };
    if let Some(name) = wish.name {
        wished.name = clean_name("name", &name)?;
    }
    if let Some(aliases) = wish.aliases {
        wished.aliases = clean_aliases(aliases)?;
    }
    if let Some(level) = wish.level {
        if level.is_some_and(|level| level.abs() > MAX_LEVEL) {
            let what = format!("`level` must be from -{MAX_LEVEL} to {MAX_LEVEL}");
            return Err(Refusal::format(what));
        }
        wished.level = level;
    }
    let object = floor(&wished);
    make(caller, |reply| Query::PutFloor(wished, reply)).await?;
    written(&object)
}

/// What is wished of a device.
#[derive(Deserialize)]
struct DeviceWish {
    #[serde(default, deserialize_with = "said")]
    name_by_user: Option<Option<String>>,
    #[serde(default, deserialize_with = "said")]
    area_id: Option<Option<String>>,
    #[serde(flatten)]
    others: serde_json::Map<String, Json>,
}

async fn edit_device(
    caller: &Caller,
    id: &str,
    wish: DeviceWish,
) -> Result<Box<RawValue>, Refusal> {
    refuse_others(&wish.others)?;
    let edit = DeviceEdit { name: given_name(wish.name_by_user)?, area: place(wish.area_id) };
    make(caller, |reply| Query::EditDevice(DeviceId::new(id), edit, reply)).await?;
    match caller.hub.read(|home| home.device(id).map(device)) {
        Some(object) => written(&object),
        None => Err(Refusal::new("not_found", "Device not found")),
    }
}

fn place(said: Option<Option<String>>) -> Option<Option<AreaId>> {
    said.map(|area| area.as_deref().map(AreaId::new))
}

/// What is wished of an entity.
#[derive(Deserialize)]
struct EntityWish {
    #[serde(default, deserialize_with = "said")]
    name: Option<Option<String>>,
    #[serde(default, deserialize_with = "said")]
    area_id: Option<Option<String>>,
    aliases: Option<Vec<String>>,
    #[serde(default, deserialize_with = "said")]
    disabled_by: Option<Option<String>>,
    new_entity_id: Option<String>,
    #[serde(flatten)]
    others: serde_json::Map<String, Json>,
}

async fn edit_entity(
    caller: &Caller,
    id: &str,
    wish: EntityWish,
) -> Result<Box<RawValue>, Refusal> {
    refuse_others(&wish.others)?;
    if wish.new_entity_id.is_some_and(|new| new != id) {
        let what = "an entity keeps its id in Homard, so that what refers to it stays true; \
                    change its name";
        return Err(Refusal::not_supported(what));
    }
    let edit = EntityEdit {
        name: given_name(wish.name)?,
        area: place(wish.area_id),
        aliases: wish.aliases.map(clean_aliases).transpose()?,
        enabled: wish.disabled_by.map(|by| Some(by.is_none())),
    };
    make(caller, |reply| Query::EditEntity(EntityId::new(id), edit, reply)).await?;
    let entry = caller.hub.read(|home| extended(home, id))?;
    written(&json!({ "entity_entry": entry }))
}
