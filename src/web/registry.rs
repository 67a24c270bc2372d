//! What the owner decides: names, areas, floors; and what is wrong with the house.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::Path;
use axum::response::Response;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::auth::Caller;
use super::failure::{self, Failure, Json, Message};
use super::states::PAGE;
use super::wire;
use crate::home::entity::Entity;
use crate::home::guard;
use crate::home::id::{AreaId, EntityId, FloorId};
use crate::home::person::Matter;
use crate::home::place::{Area, Floor};
use crate::home::{EntityEdit, Home};
use crate::hub::event::{KeptProblem, Place, Query};

/// Names longer than this are refused.
const MAX_NAME: usize = 255;
/// Other names per thing.
const MAX_ALIASES: usize = 64;
/// Levels of floors, in both directions.
pub(super) const MAX_LEVEL: i32 = 200;

/// An entity as the owner administers it.
#[derive(Debug, Serialize, ToSchema)]
struct EntityObject {
    entity_id: String,
    /// The producer's.
    unique_id: Option<String>,
    /// The discovery component.
    component: &'static str,
    domain: &'static str,
    /// As it is shown.
    name: String,
    /// Other names it is called by.
    aliases: Vec<String>,
    device: Option<DeviceObject>,
    /// The name of its area.
    area: Option<String>,
    /// The id of its area.
    area_id: Option<String>,
    /// The name of its floor.
    floor: Option<String>,
    /// The id of its floor.
    floor_id: Option<String>,
    /// Who announced it, as it names itself.
    producer: Option<String>,
    /// Where it was announced.
    discovery_topic: String,
    /// The producer's wish.
    disabled_by_default: bool,
    /// Shown and alive.
    enabled: bool,
    /// Its state is from before the restart.
    restored: bool,
    /// When the device last spoke.
    last_heard: Option<String>,
    /// Its services that could do harm: a panel asks before it calls them.
    asks_first: Vec<&'static str>,
    /// What is wrong with it.
    problems: Vec<String>,
}

/// The services of an entity that a panel asks about before it calls them.
pub(super) fn asks_first(entity: &Entity, home: &Home) -> Vec<&'static str> {
    let services = entity.domain.services().iter().map(|service| service.name);
    services.filter(|name| guard::needs_yes(entity, name, home)).collect()
}

/// The device of an entity.
#[derive(Debug, Serialize, ToSchema)]
struct DeviceObject {
    id: String,
    identifiers: Vec<String>,
    name: Option<String>,
    manufacturer: Option<String>,
    model: Option<String>,
}

impl EntityObject {
    fn of(home: &Home, entity: &Entity, problems: Vec<String>) -> Self {
        let area = home.area_of(entity);
        let floor = home.floor_of(entity);
        let device = entity.device.as_ref().and_then(|id| home.device(id.as_str()));
        let owned = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
        Self {
            entity_id: entity.id.to_string(),
            unique_id: owned(&entity.unique_id),
            component: entity.domain.word(),
            domain: entity.domain.word(),
            name: entity.friendly_name.to_string(),
            aliases: entity.given.aliases.clone(),
            device: device.map(|device| DeviceObject {
                id: device.id.to_string(),
                identifiers: device.facts.identifiers.iter().map(|id| id.to_string()).collect(),
                name: device.name().map(str::to_owned),
                manufacturer: owned(&device.facts.manufacturer),
                model: owned(&device.facts.model),
            }),
            area: area.map(|area| area.name.clone()),
            area_id: area.map(|area| area.id.to_string()),
            floor: floor.map(|floor| floor.name.clone()),
            floor_id: floor.map(|floor| floor.id.to_string()),
            producer: owned(&entity.producer.name),
            discovery_topic: entity.producer.topic.to_string(),
            disabled_by_default: !entity.enabled_by_default,
            enabled: entity.is_enabled(),
            restored: entity.is_restored() || entity.caps.is_none(),
            last_heard: entity.heard_at.map(wire::time_text),
            asks_first: asks_first(entity, home),
            problems,
        }
    }
}

/// All entities, disabled ones too.
#[utoipa::path(get, path = "/api/homard/entities",
    responses((status = 200, body = [EntityObject])))]
pub(super) async fn entities(caller: Caller) -> Result<Response, Failure> {
    let mut problems: HashMap<EntityId, Vec<String>> = HashMap::new();
    for kept in problems_of(&caller).await? {
        if let Some(entity) = kept.entity {
            problems.entry(entity).or_default().push(kept.problem.text);
        }
    }
    let ids: Vec<EntityId> =
        caller.hub.read(|home| home.entities().map(|e| e.id.clone()).collect());
    let mut list = Vec::with_capacity(ids.len());
    for page in ids.chunks(PAGE) {
        caller.hub.read(|home| {
            for entity in page.iter().filter_map(|id| home.entity(id.as_str())) {
                let problems = problems.remove(&entity.id).unwrap_or_default();
                list.push(EntityObject::of(home, entity, problems));
            }
        });
        tokio::task::yield_now().await;
    }
    Ok(failure::json(&list))
}

/// What the owner changes about an entity. What is left out stays; `null` takes back what the
/// owner decided.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EntityPatch {
    /// The name shown and spoken.
    #[serde(default, deserialize_with = "said")]
    name: Option<Option<String>>,
    /// An area's id, name or alias.
    #[serde(default, deserialize_with = "said")]
    area: Option<Option<String>>,
    /// Other names it is called by.
    #[serde(default)]
    aliases: Option<Vec<String>>,
    /// Shown and alive, or not.
    #[serde(default, deserialize_with = "said")]
    enabled: Option<Option<bool>>,
}

/// Tells `null` from a key that is not there.
pub(super) fn said<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Changes what the owner decides about an entity. Answered when it is on the disk.
#[utoipa::path(patch, path = "/api/homard/entities/{entity_id}",
    params(("entity_id" = String, Path)), request_body = EntityPatch,
    responses((status = 200, body = EntityObject), (status = 400, body = Message),
        (status = 404, body = Message)))]
pub(super) async fn edit_entity(
    caller: Caller,
    Path(id): Path<String>,
    Json(patch): Json<EntityPatch>,
) -> Result<Response, Failure> {
    caller.needs(Matter::House)?;
    let id = caller.hub.read(|home| match home.entity(&id) {
        Some(entity) => Ok(entity.id.clone()),
        None => Err(Failure::refused("", &home.no_such_entity(&id))),
    })?;
    let edit = EntityEdit {
        name: given_name(patch.name)?,
        area: given_area(&caller, patch.area)?,
        aliases: patch.aliases.map(clean_aliases).transpose()?,
        enabled: patch.enabled,
    };
    let ask = |reply| Query::EditEntity(id.clone(), edit, reply);
    caller.hub.ask(ask).await.map_err(|_| Failure::stopping())??;
    let mut problems = problems_of(&caller).await?;
    problems.retain(|kept| kept.entity.as_ref() == Some(&id));
    let problems = problems.into_iter().map(|kept| kept.problem.text).collect();
    let entity = caller.hub.read(|home| {
        home.entity(id.as_str()).map(|entity| EntityObject::of(home, entity, problems))
    });
    match entity {
        Some(entity) => Ok(failure::json(&entity)),
        None => Err(Failure::unknown(format!("`{id}` was removed meanwhile"))),
    }
}

/// Removes an entity with all that the owner decided about it, and its announcement from the
/// broker. One that its producer announces together with others, or announces again, comes back;
/// to be rid of it for good, disable it (`{"enabled": false}`).
#[utoipa::path(delete, path = "/api/homard/entities/{entity_id}",
    params(("entity_id" = String, Path)),
    responses((status = 200, body = Message), (status = 404, body = Message)))]
pub(super) async fn remove_entity(
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    caller.needs(Matter::House)?;
    let ask = |reply| Query::RemoveEntity(EntityId::new(&id), reply);
    caller.hub.ask(ask).await.map_err(|_| Failure::stopping())??;
    Ok(failure::json(&Message { message: "Entity removed.".to_owned() }))
}

/// The name of a patch: not said, none of its own, or this one.
pub(super) fn given_name(said: Option<Option<String>>) -> Result<Option<Option<String>>, Failure> {
    said.map(|name| name.map(|name| clean_name("name", &name)).transpose()).transpose()
}

/// The area of a patch, likewise, by what it is called.
pub(super) fn given_area(
    caller: &Caller,
    said: Option<Option<String>>,
) -> Result<Option<Option<AreaId>>, Failure> {
    let find = |area: String| caller.hub.read(|home| find_area(home, &area));
    said.map(|area| area.map(find).transpose()).transpose()
}

/// An area by its id, name or alias; capitals do not count.
fn find_area(home: &Home, said: &str) -> Result<AreaId, Failure> {
    if let Some(area) = home.area(said) {
        return Ok(area.id.clone());
    }
    let lower = said.trim().to_lowercase();
    let is_called = |area: &&Area| {
        area.name.to_lowercase() == lower || area.aliases.iter().any(|a| a.to_lowercase() == lower)
    };
    let mut found = home.areas().filter(is_called);
    match (found.next(), found.next()) {
        (Some(area), None) => Ok(area.id.clone()),
        (Some(one), Some(other)) => {
            Err(Failure::bad(format!("`area`: `{said}` can be {} or {}", one.id, other.id)))
        }
        (None, _) => Err(Failure::bad(format!("`area`: {}", home.no_such_area(said)))),
    }
}

pub(super) fn clean_name(key: &str, name: &str) -> Result<String, Failure> {
    let name = name.trim();
    let is_good =
        !name.is_empty() && name.chars().count() <= MAX_NAME && !name.chars().any(char::is_control);
    if !is_good {
        return Err(Failure::bad(format!(
            "`{key}` must be a text of 1 to {MAX_NAME} characters on one line"
        )));
    }
    Ok(name.to_owned())
}

pub(super) fn clean_aliases(aliases: Vec<String>) -> Result<Vec<String>, Failure> {
    if aliases.len() > MAX_ALIASES {
        return Err(Failure::bad(format!("`aliases` may be at most {MAX_ALIASES}")));
    }
    let mut clean: Vec<String> = Vec::new();
    for alias in &aliases {
        let alias = clean_name("aliases", alias)?;
        if !clean.contains(&alias) {
            clean.push(alias);
        }
    }
    Ok(clean)
}

/// Something wrong, as it is kept.
#[derive(Debug, Serialize, ToSchema)]
struct ProblemObject {
    /// The entity, where it is one's.
    entity_id: Option<String>,
    /// The topic on which it was announced, or which it is about.
    topic: Option<String>,
    /// The part of Homard, where it is one's.
    part: Option<&'static str>,
    /// Who announced it.
    producer: Option<String>,
    text: String,
    /// How often.
    count: u64,
    /// The first time.
    first: String,
    /// The last time.
    last: String,
}

async fn problems_of(caller: &Caller) -> Result<Vec<KeptProblem>, Failure> {
    caller.hub.ask(Query::Problems).await.map_err(|_| Failure::stopping())
}

/// Everything that is wrong, newest first.
#[utoipa::path(get, path = "/api/homard/problems",
    responses((status = 200, body = [ProblemObject])))]
pub(super) async fn problems(caller: Caller) -> Result<Response, Failure> {
    caller.needs(Matter::House)?;
    let problems = problems_of(&caller).await?.into_iter().map(|kept| {
        let part = match &kept.problem.place {
            Place::Handle(_) | Place::Topic(_) => None,
            Place::Part(part) => Some(*part),
        };
        ProblemObject {
            entity_id: kept.entity.map(|id| id.to_string()),
            topic: kept.topic.map(|topic| topic.to_string()),
            part,
            producer: kept.problem.producer.map(|producer| producer.to_string()),
            text: kept.problem.text,
            count: kept.count,
            first: wire::time_text(kept.first_at),
            last: wire::time_text(kept.last_at),
        }
    });
    Ok(failure::json(&problems.collect::<Vec<_>>()))
}

/// An area.
#[derive(Debug, Serialize, ToSchema)]
struct AreaObject {
    area_id: String,
    name: String,
    aliases: Vec<String>,
    /// The id of its floor.
    floor: Option<String>,
}

impl From<&Area> for AreaObject {
    fn from(area: &Area) -> Self {
        Self {
            area_id: area.id.to_string(),
            name: area.name.clone(),
            aliases: area.aliases.clone(),
            floor: area.floor.as_ref().map(ToString::to_string),
        }
    }
}

/// An area as the owner wishes it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AreaWish {
    /// The name shown and spoken.
    name: String,
    /// Other names it is called by.
    #[serde(default)]
    aliases: Vec<String>,
    /// The id of its floor.
    floor: Option<String>,
}

/// All areas.
#[utoipa::path(get, path = "/api/homard/areas", responses((status = 200, body = [AreaObject])))]
pub(super) async fn areas(caller: Caller) -> Response {
    let areas: Vec<AreaObject> =
        caller.hub.read(|home| home.areas().map(AreaObject::from).collect());
    failure::json(&areas)
}

/// One area.
#[utoipa::path(get, path = "/api/homard/areas/{area_id}", params(("area_id" = String, Path)),
    responses((status = 200, body = AreaObject), (status = 404, body = Message)))]
pub(super) async fn area(caller: Caller, Path(id): Path<String>) -> Result<Response, Failure> {
    caller.hub.read(|home| match home.area(&id) {
        Some(area) => Ok(failure::json(&AreaObject::from(area))),
        None => Err(Failure::refused("", &home.no_such_area(&id))),
    })
}

/// Adds or changes an area. Answered when it is on the disk.
#[utoipa::path(put, path = "/api/homard/areas/{area_id}", params(("area_id" = String, Path)),
    request_body = AreaWish,
    responses((status = 200, body = AreaObject), (status = 400, body = Message)))]
pub(super) async fn put_area(
    caller: Caller,
    Path(id): Path<String>,
    Json(wish): Json<AreaWish>,
) -> Result<Response, Failure> {
    caller.needs(Matter::House)?;
    check_id("area", &id)?;
    let floor = wish.floor.as_deref().map(FloorId::new);
    if let Some(floor) = &floor
        && !caller.hub.read(|home| home.floor(floor.as_str()).is_some())
    {
        let known: Vec<String> =
            caller.hub.read(|home| home.floors().map(|floor| floor.id.to_string()).collect());
        return Err(Failure::bad(format!(
            "`floor`: no floor `{floor}`; known: {}",
            known.join(", ")
        )));
    }
    let area = Area {
        id: AreaId::new(&id),
        name: clean_name("name", &wish.name)?,
        aliases: clean_aliases(wish.aliases)?,
        floor,
    };
    let object = AreaObject::from(&area);
    caller
        .hub
        .ask(|reply| Query::PutArea(area, reply))
        .await
        .map_err(|_| Failure::stopping())??;
    Ok(failure::json(&object))
}

/// Removes an area; what stood in it stands nowhere. Answered when it is on the disk.
#[utoipa::path(delete, path = "/api/homard/areas/{area_id}", params(("area_id" = String, Path)),
    responses((status = 200, body = Message), (status = 404, body = Message)))]
pub(super) async fn remove_area(
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    caller.needs(Matter::House)?;
    let ask = |reply| Query::RemoveArea(AreaId::new(&id), reply);
    caller.hub.ask(ask).await.map_err(|_| Failure::stopping())??;
    Ok(failure::json(&Message { message: "Area removed.".to_owned() }))
}

/// A floor.
#[derive(Debug, Serialize, ToSchema)]
struct FloorObject {
    floor_id: String,
    name: String,
    aliases: Vec<String>,
    /// 0 is the ground floor, 1 the one above, -1 the one below.
    level: Option<i32>,
}

impl From<&Floor> for FloorObject {
    fn from(floor: &Floor) -> Self {
        Self {
            floor_id: floor.id.to_string(),
            name: floor.name.clone(),
            aliases: floor.aliases.clone(),
            level: floor.level,
        }
    }
}

/// A floor as the owner wishes it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FloorWish {
    /// The name shown and spoken.
    name: String,
    /// Other names it is called by.
    #[serde(default)]
    aliases: Vec<String>,
    /// 0 is the ground floor, 1 the one above, -1 the one below.
    level: Option<i32>,
}

/// All floors.
#[utoipa::path(get, path = "/api/homard/floors", responses((status = 200, body = [FloorObject])))]
pub(super) async fn floors(caller: Caller) -> Response {
    let floors: Vec<FloorObject> =
        caller.hub.read(|home| home.floors().map(FloorObject::from).collect());
    failure::json(&floors)
}

/// One floor.
#[utoipa::path(get, path = "/api/homard/floors/{floor_id}", params(("floor_id" = String, Path)),
    responses((status = 200, body = FloorObject), (status = 404, body = Message)))]
pub(super) async fn floor(caller: Caller, Path(id): Path<String>) -> Result<Response, Failure> {
    caller.hub.read(|home| match home.floor(&id) {
        Some(floor) => Ok(failure::json(&FloorObject::from(floor))),
        None => Err(Failure::unknown(format!("no floor `{id}`"))),
    })
}

/// Adds or changes a floor. Answered when it is on the disk.
#[utoipa::path(put, path = "/api/homard/floors/{floor_id}", params(("floor_id" = String, Path)),
    request_body = FloorWish,
    responses((status = 200, body = FloorObject), (status = 400, body = Message)))]
pub(super) async fn put_floor(
    caller: Caller,
    Path(id): Path<String>,
    Json(wish): Json<FloorWish>,
) -> Result<Response, Failure> {
    caller.needs(Matter::House)?;
    check_id("floor", &id)?;
    if wish.level.is_some_and(|level| level.abs() > MAX_LEVEL) {
        return Err(Failure::bad(format!("`level` must be from -{MAX_LEVEL} to {MAX_LEVEL}")));
    }
    let floor = Floor {
        id: FloorId::new(&id),
        name: clean_name("name", &wish.name)?,
        aliases: clean_aliases(wish.aliases)?,
        level: wish.level,
    };
    let object = FloorObject::from(&floor);
    caller
        .hub
        .ask(|reply| Query::PutFloor(floor, reply))
        .await
        .map_err(|_| Failure::stopping())??;
    Ok(failure::json(&object))
}

/// Removes a floor; its areas stay, without a floor. Answered when it is on the disk.
#[utoipa::path(delete, path = "/api/homard/floors/{floor_id}", params(("floor_id" = String, Path)),
    responses((status = 200, body = Message), (status = 404, body = Message)))]
pub(super) async fn remove_floor(
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    caller.needs(Matter::House)?;
    let ask = |reply| Query::RemoveFloor(FloorId::new(&id), reply);
    caller.hub.ask(ask).await.map_err(|_| Failure::stopping())??;
    Ok(failure::json(&Message { message: "Floor removed.".to_owned() }))
}

/// Ids are slugs, so that they fit into addresses, sentences and files.
fn check_id(kind: &str, id: &str) -> Result<(), Failure> {
    let is_slug = !id.is_empty()
        && id.len() <= 64
        && id
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if is_slug {
        Ok(())
    } else {
        Err(Failure::bad(format!(
            "the {kind}'s id must be 1 to 64 small letters, digits and `_`, for example `living_room`"
        )))
    }
}
