//! What a person changes. Written first, then made: nobody sees an edit that a power cut would
//! undo. So each edit says which records it will leave, before it is applied.

use jiff::Timestamp;

use super::event::Effect;
use super::{Turn, bind};
use crate::home::action::Refusal;
use crate::home::entity::Entity;
use crate::home::id::{AreaId, DeviceId, EntityId, FloorId};
use crate::home::place::{Area, Floor};
use crate::home::{DeviceEdit, EntityEdit, Home, Touched};
use crate::storage::Keep;
use crate::text;

/// One edit.
#[derive(Debug, Clone)]
pub(super) enum Edit {
    Entity(EntityId, EntityEdit),
    Device(DeviceId, DeviceEdit),
    PutFloor(Floor),
    RemoveFloor(FloorId),
    PutArea(Area),
    RemoveArea(AreaId),
    RemoveEntity(EntityId),
}

impl Edit {
    /// The records as they are after the edit.
    pub(super) fn records(&self, home: &Home) -> Result<Vec<Keep>, Refusal> {
        match self {
            Self::Entity(id, edit) => {
                let mut known =
                    home.remembered(id).ok_or_else(|| home.no_such_entity(id.as_str()))?;
                if let Some(Some(area)) = &edit.area
                    && home.area(area.as_str()).is_none()
                {
                    return Err(home.no_such_area(area.as_str()));
                }
                let EntityEdit { name, area, aliases, enabled } = edit.clone();
                let given = &mut known.given;
                given.name = name.unwrap_or_else(|| given.name.take());
                given.area = area.unwrap_or_else(|| given.area.take());
                given.aliases = aliases.unwrap_or_else(|| std::mem::take(&mut given.aliases));
                given.enabled = enabled.unwrap_or(given.enabled);
                Ok(vec![Keep::Entity(Box::new(known))])
            }
            Self::Device(id, edit) => {
                Ok(vec![Keep::Device(Box::new(home.edited_device(id.as_str(), edit)?))])
            }
            Self::PutFloor(floor) => {
                home.check_floor_names(floor)?;
                Ok(vec![Keep::Floor(floor.clone())])
            }
            Self::RemoveFloor(id) => {
                home.floor(id.as_str()).ok_or_else(|| no_such_floor(home, id))?;
                let on_it = home.areas().filter(|area| area.floor.as_ref() == Some(id));
                let areas = on_it.map(|area| Keep::Area(Area { floor: None, ..area.clone() }));
                Ok(std::iter::once(Keep::ForgetFloor(id.clone())).chain(areas).collect())
            }
            Self::PutArea(area) => {
                if let Some(floor) = &area.floor
                    && home.floor(floor.as_str()).is_none()
                {
                    return Err(no_such_floor(home, floor));
                }
                home.check_area_names(area)?;
                Ok(vec![Keep::Area(area.clone())])
            }
            Self::RemoveArea(id) => {
                home.area(id.as_str()).ok_or_else(|| home.no_such_area(id.as_str()))?;
                let mut keeps = vec![Keep::ForgetArea(id.clone())];
                for device in home.devices().filter(|device| device.area.as_ref() == Some(id)) {
                    let mut device = device.clone();
                    device.area = None;
                    keeps.push(Keep::Device(Box::new(device)));
                }
                let in_it = |entity: &&Entity| entity.given.area.as_ref() == Some(id);
                for entity in home.entities().filter(in_it) {
                    if let Some(mut known) = home.remembered(&entity.id) {
                        known.given.area = None;
                        keeps.push(Keep::Entity(Box::new(known)));
                    }
                }
                Ok(keeps)
            }
            Self::RemoveEntity(id) => {
                home.entity(id.as_str()).ok_or_else(|| home.no_such_entity(id.as_str()))?;
                Ok(vec![Keep::ForgetEntity(id.clone())])
            }
        }
    }

    /// What the edit is about.
    pub(super) fn touched(&self) -> Touched {
        match self {
            Self::Entity(id, _) | Self::RemoveEntity(id) => Touched::Entity(id.clone()),
            Self::Device(id, _) => Touched::Device(id.clone()),
            Self::PutFloor(floor) => Touched::Floor(floor.id.clone()),
            Self::RemoveFloor(id) => Touched::Floor(id.clone()),
            Self::PutArea(area) => Touched::Area(area.id.clone()),
            Self::RemoveArea(id) => Touched::Area(id.clone()),
        }
    }

    /// Makes the edit.
    pub(super) fn apply(
        self,
        home: &mut Home,
        now: Timestamp,
        turn: &mut Turn,
    ) -> Result<(), Refusal> {
        let changes = match self {
            Self::Entity(id, edit) => {
                let (changes, rebind) = home.edit_entity(id.as_str(), edit, now)?;
                if let Some((handle, _)) = rebind {
                    turn.effects.extend(home.by_handle(handle).map(|entity| bind(handle, entity)));
                }
                changes
            }
            Self::Device(id, edit) => home.edit_device(id.as_str(), &edit, now)?,
            Self::PutFloor(floor) => home.put_floor(floor),
            Self::RemoveFloor(id) => home.remove_floor(id.as_str())?,
            Self::PutArea(area) => home.put_area(area)?,
            Self::RemoveArea(id) => home.remove_area(id.as_str())?,
            Self::RemoveEntity(id) => {
                let (changes, handle) = home.remove_entity(id.as_str(), now)?;
                turn.effects.extend(handle.map(Effect::Discard));
                changes
            }
        };
        turn.extend(changes);
        Ok(())
    }
}

fn no_such_floor(home: &Home, id: &FloorId) -> Refusal {
    let nearest = text::nearest(id.as_str(), home.floors().map(|floor| floor.id.as_str()));
    Refusal::NoSuchPlace { said: id.to_string(), nearest }
}
