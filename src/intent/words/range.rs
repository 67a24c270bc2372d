//! What a number or share is of the range that a thing has: "the volume all the way up", "fan speed
//! 3". What a share is of other kinds of things is the business of `act`.

use crate::home::domain::{Caps, Domain};
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

/// Above this a bare number is a share rather than one of a fan's speeds.
const MOST_STEPS: f64 = 10.0;

/// "Fan speed 3": a small number without a unit is one of the fan's speeds. False if the fans have
/// no such speed, or not the same number of them.
pub(super) fn in_steps(whats: &mut [What], values: &Values, set: &Set, scene: &Scene<'_>) -> bool {
    let Some((step, None)) = values.number else { return true };
    if !(1.0..=MOST_STEPS).contains(&step) {
        return true;
    }
    let fans = set.iter().map(|index| &scene.ground.things[index]);
    let mut counts: Vec<Option<u8>> = fans
        .filter(|thing| thing.domain == Domain::Fan)
        .map(|thing| match &scene.home.entity(thing.id.as_str())?.caps {
            Some(Caps::Fan(caps)) => caps.n_speeds,
            _ => None,
        })
        .collect();
    counts.sort_unstable();
    counts.dedup();
    for what in whats {
        if let What::Speed(Amount::To(value)) = what {
            match counts[..] {
                [Some(n)] if step <= f64::from(n) && f64::from(n) <= MOST_STEPS => {
                    *value = (100.0 * step / f64::from(n)).round();
                }
                _ => return false,
            }
        }
    }
    true
}
