//! What could do harm when it is moved by mistake: the one place that decides it, for sentences and
//! for the panel.

use super::Home;
use super::domain::Domain;
use super::entity::Entity;
use crate::text;

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
