//! Rooms that are warmed or cooled from another one: by the thermostat in the hall, for its floor or for the whole house.

use crate::home::action::Refusal;
use crate::home::domain::Domain;
use crate::home::entity::Entity;
use crate::home::id::EntityId;
use crate::home::target::{Scope, Target, TargetWords};
use crate::intent::meaning::What;

use super::plan::Planner;
use super::wish;

impl Planner<'_> {
    /// Where nothing in the speaker's room warms or cools it, the only thing on its floor that does, or else the only one
    /// of the house, is asked about: it is another room's too, so nobody guesses.
    pub(super) fn warmed_elsewhere(
        &self,
        refusal: Refusal,
        words: &TargetWords,
        what: &What,
    ) -> Result<Target, Refusal> {
        let is_warmth = matches!(what, What::Temperature(_)) && what.change().is_some();
        let is_of_here = words.scope != Scope::Everywhere
            && words.entities.is_empty()
            && words.name.is_none()
            && words.area.is_none()
            && words.floor.is_none();
        let Some(here) = self.here.filter(|_| is_warmth && is_of_here) else {
            return Err(refusal);
        };
        if !matches!(refusal, Refusal::NothingThere | Refusal::Ambiguous(_)) {
            return Err(refusal);
        }
        let warms = |entity: &&Entity| {
            entity.is_enabled()
                && entity.domain == Domain::Climate
                && wish::action(what, entity).is_ok()
        };
        let all: Vec<&Entity> = self.home.entities().filter(warms).collect();
        let is_near = |entity: &&&Entity| {
            let floor = self.home.floor_of(entity).map(|floor| &floor.id);
            floor.is_some() && floor == here.floor.as_ref()
        };
        let near: Vec<&Entity> = all.iter().filter(is_near).copied().collect();
        let shared = if near.is_empty() { all } else { near };
        match &shared[..] {
            [only] => Err(Refusal::Ambiguous(vec![EntityId::clone(&only.id)])),
            _ => Err(refusal),
        }
    }
}
