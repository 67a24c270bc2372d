//! Floors and areas: where things are.

use super::id::{AreaId, FloorId};

/// A storey of the home.
#[derive(Debug, Clone, PartialEq)]
pub struct Floor {
    /// Its id; does not change when it is renamed.
    pub id: FloorId,
    /// The name shown and spoken.
    pub name: String,
    /// Other names it is called by.
    pub aliases: Vec<String>,
    /// 0 is the ground floor, 1 the one above, -1 the one below.
    pub level: Option<i32>,
}

/// A room, or another part of the home that has a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Area {
    /// Its id; does not change when it is renamed.
    pub id: AreaId,
    /// The name shown and spoken.
    pub name: String,
    /// Other names it is called by, in any language.
    pub aliases: Vec<String>,
    /// The floor it is on.
    pub floor: Option<FloorId>,
}
