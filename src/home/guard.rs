//! What could do harm, and who may do it: the one place that decides it, whatever way a wish comes by.
//! The hub asks [`check`] before every deed; what needs a yes on top of that is the assistant's and the
//! panel's to ask.

use super::Home;
use super::action::Refusal;
use super::domain::{
    Action, Domain, alarm_control_panel, climate, cover, lock, siren, valve, water_heater,
};
use super::entity::{Category, Entity};
use super::id::EntityId;
use super::person::{Rights, Role};
use crate::text;

/// What a thermostat is set to without a yes, in °C.
pub const ROOM_RANGE: std::ops::RangeInclusive<f64> = 5.0..=30.0;
/// What a boiler is set to without a yes, in °C.
pub const WATER_RANGE: std::ops::RangeInclusive<f64> = 30.0..=65.0;

/// Words that say of a cover without a device class that it lets people or cars in.
const ENTRANCES: &[&str] = &[
    "garage",
    "gate",
    "gateway",
    "door",
    "porte",
    "portail",
    "portillon",
    "tor",
    "garagentor",
    "tur",
    "haustur",
];
/// Of these, those that are also said of windows ("porte-fenêtre", "patio door blind").
const DOORS: &[&str] = &["door", "porte", "tur"];
/// Words of covers that only shade.
const SHADES: &[&str] = &[
    "blind", "shutter", "shade", "curtain", "awning", "window", "volet", "store", "rideau",
    "fenetre", "rollo", "jalousie", "vorhang", "markise",
];

/// What could go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Risk {
    /// Nothing that saying the opposite does not mend.
    Harmless,
    /// Ends a movement or a noise.
    Stops,
    /// A temperature that people live with.
    Heating,
    /// A temperature that harms people or pipes.
    Extreme,
    /// Locks, shuts or arms: somebody may stand before the door.
    Secures,
    /// Lets people in.
    Opens,
    /// Ends the watch.
    Disarms,
    /// Lets water or gas run.
    Flows,
    /// Wakes the street.
    Loud,
    /// Changes how a device works.
    Setting,
}

impl Risk {
    /// The word in explanations.
    pub fn word(self) -> &'static str {
        match self {
            Self::Harmless => "harmless",
            Self::Stops => "stops",
            Self::Heating => "heating",
            Self::Extreme => "extreme temperature",
            Self::Secures => "secures",
            Self::Opens => "opens an entrance",
            Self::Disarms => "disarms",
            Self::Flows => "lets flow",
            Self::Loud => "loud",
            Self::Setting => "setting",
        }
    }

    /// Whether this is for somebody of that role at all: a child and a guest open, lock, arm and set up
    /// nothing, and a child leaves the heating alone.
    pub fn is_for(self, role: Role) -> bool {
        match (self, role) {
            (_, Role::Admin | Role::Adult)
            | (Self::Harmless | Self::Stops, Role::Child | Role::Guest)
            | (Self::Heating, Role::Guest) => true,
            (
                Self::Extreme
                | Self::Secures
                | Self::Opens
                | Self::Disarms
                | Self::Flows
                | Self::Loud
                | Self::Setting,
                Role::Child | Role::Guest,
            )
            | (Self::Heating, Role::Child) => false,
        }
    }
}

/// Whether somebody may do this with a thing.
///
/// # Errors
/// What they may not see does not exist to them ([`Refusal::NoSuchName`]); the rest is
/// [`Refusal::NotAllowed`].
pub fn check(by: &Rights, entity: &Entity, action: &Action, home: &Home) -> Result<(), Refusal> {
    if !by.sees(entity, home) {
        return Err(unseen(&entity.id));
    }
    if !risk(entity, action, home).is_for(by.role) {
        return Err(Refusal::NotAllowed);
    }
    Ok(())
}

/// What somebody is told of a thing that is not there for them.
pub fn unseen(id: &EntityId) -> Refusal {
    Refusal::NoSuchName { said: id.to_string(), nearest: Vec::new() }
}

/// What could go wrong when this thing does that.
pub fn risk(entity: &Entity, action: &Action, home: &Home) -> Risk {
    let is_setting = entity.traits.category == Some(Category::Config);
    match action {
        Action::Lock(lock::Action::Lock(_)) => Risk::Secures,
        Action::Lock(lock::Action::Unlock(_) | lock::Action::Open(_)) => Risk::Opens,
        Action::Cover(cover::Action::Stop | cover::Action::StopTilt) => Risk::Stops,
        Action::Cover(action) if is_guarded(entity, home) => match action {
            cover::Action::Close | cover::Action::SetPosition(0) => Risk::Secures,
            _ => Risk::Opens,
        },
        Action::Valve(valve::Action::Stop) => Risk::Stops,
        Action::Valve(valve::Action::Close | valve::Action::SetPosition(0)) => Risk::Secures,
        Action::Valve(_) => Risk::Flows,
        Action::AlarmControlPanel(alarm_control_panel::Action::Arm(..)) => Risk::Secures,
        Action::AlarmControlPanel(alarm_control_panel::Action::Disarm(_)) => Risk::Disarms,
        Action::AlarmControlPanel(alarm_control_panel::Action::Trigger(_)) => Risk::Loud,
        Action::Siren(siren::Action::TurnOff) => Risk::Stops,
        Action::Siren(_) => Risk::Loud,
        Action::Climate(climate::Action::SetTemperature { target, low, high, .. }) => {
            let wished = [target, low, high];
            match wished.into_iter().flatten().all(|degrees| ROOM_RANGE.contains(degrees)) {
                true => Risk::Heating,
                false => Risk::Extreme,
            }
        }
        Action::WaterHeater(water_heater::Action::SetTemperature(degrees, _)) => {
            match WATER_RANGE.contains(degrees) {
                true => Risk::Heating,
                false => Risk::Extreme,
            }
        }
        Action::Climate(_) | Action::WaterHeater(_) => Risk::Heating,
        Action::Update(_) => Risk::Setting,
        _ if is_setting => Risk::Setting,
        // Boilers and radiators that are announced by their setpoint alone.
        Action::Number(_) if entity.traits.device_class.as_deref() == Some("temperature") => {
            Risk::Heating
        }
        _ => Risk::Harmless,
    }
}

/// Whether a thing could do harm when it is moved by mistake: locks, alarms, valves, sirens, and
/// covers that let people or cars in. Many producers give covers no class; then the cover's name
/// or its area's says it.
pub fn is_guarded(entity: &Entity, home: &Home) -> bool {
    match entity.domain {
        Domain::Lock | Domain::AlarmControlPanel | Domain::Valve | Domain::Siren => true,
        Domain::Cover => match entity.traits.device_class.as_deref() {
            Some(class) => matches!(class, "garage" | "gate" | "door"),
            None => is_named_entrance(entity, home),
        },
        _ => false,
    }
}

/// Whether a person must say yes before this service of the thing is called by a mere touch. What
/// stops, locks or silences must be quick and needs none.
pub fn needs_yes(entity: &Entity, service: &str, home: &Home) -> bool {
    let makes_safe = matches!(service, "stop_cover" | "stop_valve" | "lock" | "turn_off");
    is_guarded(entity, home) && !makes_safe
}

fn is_named_entrance(entity: &Entity, home: &Home) -> bool {
    let area = home.area_of(entity);
    let areas = area.iter().flat_map(|area| {
        std::iter::once(area.name.as_str()).chain(area.aliases.iter().map(String::as_str))
    });
    entity.names().chain(areas).any(says_entrance)
}

fn says_entrance(name: &str) -> bool {
    let key = text::key(name);
    let words = || {
        key.split(|c: char| !c.is_alphanumeric()).map(|word| word.strip_suffix('s').unwrap_or(word))
    };
    let is_shade = words().any(|word| SHADES.contains(&word));
    words().any(|word| ENTRANCES.contains(&word) && !(is_shade && DOORS.contains(&word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each line: the risk, and for whom of admin, adult, child and guest it is.
    #[test]
    fn the_roles() {
        for (risk, marks) in [
            (Risk::Harmless, "++++"),
            (Risk::Stops, "++++"),
            (Risk::Heating, "++-+"),
            (Risk::Extreme, "++--"),
            (Risk::Secures, "++--"),
            (Risk::Opens, "++--"),
            (Risk::Disarms, "++--"),
            (Risk::Flows, "++--"),
            (Risk::Loud, "++--"),
            (Risk::Setting, "++--"),
        ] {
            let mark = |role| if risk.is_for(role) { '+' } else { '-' };
            assert_eq!(Role::ALL.map(mark).iter().collect::<String>(), marks, "{risk:?}");
        }
    }

    #[test]
    fn a_name_says_whether_it_is_an_entrance() {
        for (name, expected) in [
            ("Garage", true),
            ("Left garage door", true),
            ("Portail", true),
            ("porte d'entrée", true),
            ("Porte du garage", true),
            ("Gates", true),
            ("Garagentor", true),
            ("Haustür", true),
            ("Volet porte-fenêtre", false),
            ("Patio door blind", false),
            ("Garage shutter", true),
            ("Outdoor awning", false),
            ("Kitchen blind", false),
            ("Porter", false),
            ("", false),
        ] {
            assert_eq!(says_entrance(name), expected, "{name}");
        }
    }
}
