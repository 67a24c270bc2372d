//! Shares of numbers that can be set: "the volume all the way up". What a share is of other kinds of
//! things is the business of `act`.

use crate::home::domain::Caps;
use crate::intent::meaning::{Amount, What};

use super::act::Values;
use super::ground::Set;
use super::noun::Scene;
use super::tag::Unit;

/// "All the way up", "half": a share of a number that counts something else is one of its range.
pub(super) fn in_range(whats: &mut [What], values: &Values, set: &Set, scene: &Scene<'_>) {
    let Some((percent, Some(Unit::Percent))) = values.number else { return };
    let things = set.iter().map(|index| scene.ground.things[index].id.as_str());
    let mut numbers = things.filter_map(|id| match &scene.home.entity(id)?.caps {
        Some(Caps::Number(caps)) => Some(caps),
        _ => None,
    });
    let (Some(caps), None) = (numbers.next(), numbers.next()) else { return };
    let is_share = caps.max != 100.0;
    for what in whats.iter_mut().filter(|_| is_share) {
        if let What::Number(Amount::To(value)) = what {
            let share = caps.min + (caps.max - caps.min) * percent / 100.0;
            let step = if caps.step > 0.0 { caps.step } else { 1.0 };
            *value = caps.min + ((share - caps.min) / step).round() * step;
        }
    }
}
