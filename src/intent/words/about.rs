//! What of a thing a question asks for: its state, a quantity, since when it is so. It owns which
//! kinds of things have that, and what in the house measures it; the kind of answer is the business
//! of `ask`.

use std::sync::Arc;

use crate::home::domain::Domain;
use crate::home::target::{Scope, TargetWords};
use crate::home::test::opposite;
use crate::intent::meaning::{About, Asked};

use super::clause::Clause;
use super::ground::{Set, Thing};
use super::noun::{self, Found, Noun, Scene, Want};
use super::spans::Span;
use super::tag::{Act, Tag, Word};

/// What a battery is below when it is low, in percent.
const LOW_BATTERY: f64 = 20.0;

/// Things whose state can be asked for with "on" and "off".
const SWITCHABLE: &[Domain] = &[
    Domain::Light,
    Domain::Switch,
    Domain::Fan,
    Domain::Climate,
    Domain::Humidifier,
    Domain::Siren,
    Domain::WaterHeater,
];

/// Things that are set to a value of their own.
const SETTABLE: &[Domain] = &[Domain::Climate, Domain::WaterHeater, Domain::Humidifier];

/// Classes of sensors that tell whether something is open.
const OPENINGS: &[&str] = &["door", "window", "opening", "garage_door", "garage", "gate"];

/// Classes of sensors that detect something: nothing but that is asked of them.
const DETECTIONS: &[&str] = &[
    "motion",
    "occupancy",
    "presence",
    "smoke",
    "gas",
    "carbon_monoxide",
    "moisture",
    "vibration",
    "sound",
    "problem",
    "tamper",
];

/// In a question how it feels is a quantity: "is it cold outside", "is it dark in the hall".
pub(super) fn felt(span: &Span) -> Option<Span> {
    let class = match span.verb().filter(|_| span.kind().is_none() && !span.is_name())? {
        Act::NeedWarm | Act::NeedCool | Act::Warmer | Act::Cooler => "temperature",
        Act::NeedHumid => "humidity",
        Act::NeedLight | Act::NeedDark | Act::Brighter | Act::Darker => "illuminance",
        _ => return None,
    };
    Some(Span { tags: vec![Tag::Measure(class.into())], ..span.clone() })
}

/// What is asked of the things.
pub(super) fn about(has: &dyn Fn(Word) -> bool, clause: &Clause) -> About {
    let measure = clause.values.measure.clone();
    let number = clause.values.number.map(|(number, _)| number);
    if has(Word::Since) {
        return About::Since;
    }
    if has(Word::Where) {
        return About::Where;
    }
    let nobody_else = clause.nouns.iter().all(|noun| noun.spans.is_empty());
    if has(Word::Who) && (has(Word::Home) || nobody_else && clause.act.is_none()) {
        return About::Who;
    }
    let measure = measure.or_else(|| {
        let felt = [
            (Word::HowWarm, "temperature"),
            (Word::HowHumid, "humidity"),
            (Word::HowBright, "illuminance"),
        ];
        felt.into_iter().find(|(word, _)| has(*word)).map(|(_, class)| class.into())
    });
    match (measure, number) {
        (Some(measure), _) if has(Word::Most) => About::Most(measure),
        (Some(measure), _) if has(Word::Least) => About::Least(measure),
        (Some(measure), Some(number)) if has(Word::Below) => About::Below(measure, number),
        (Some(measure), Some(number)) if has(Word::Above) => About::Above(measure, number),
        (Some(measure), _) if has(Word::Low) && &*measure == "battery" => {
            About::Below(measure, LOW_BATTERY)
        }
        // The reply tells what it is set to beside what it measures.
        (Some(measure), _) if has(Word::SetTo) && &*measure == "temperature" => About::State,
        (Some(measure), _) if &*measure == "temperature" => About::Temperature,
        (Some(measure), _) => About::Measured(measure),
        (None, _) => About::State,
    }
}

/// The state that is asked for: a word for it, or what a verb leads to.
pub(super) fn state(clause: &Clause, was_forgotten: bool) -> Option<Arc<str>> {
    if let Some(state) = &clause.values.state {
        // "Fermé à clé."
        let is_locked = &**state == "closed" && clause.act == Some(Act::Lock);
        return Some(if is_locked { "locked".into() } else { Arc::clone(state) });
    }
    let word = match clause.act? {
        Act::On => "on",
        Act::Off => "off",
        Act::Open | Act::Up | Act::Raise => "open",
        Act::Close | Act::Down | Act::Lower => "closed",
        Act::Lock | Act::LockUp => "locked",
        Act::Unlock => "unlocked",
        Act::Vacuum => "cleaning",
        Act::Mow => "mowing",
        Act::Dock => "docked",
        Act::Arm => "armed",
        Act::Disarm => "disarmed",
        _ => return None,
    };
    // "Did I forget to lock it?" asks whether it is open.
    let word = if was_forgotten { opposite(word).unwrap_or(word) } else { word };
    Some(word.into())
}

/// Whether it is good to hear that all are so: "are the windows closed" is about every one of them,
/// "are the windows open" about any.
pub(super) fn is_safe(state: &str) -> bool {
    matches!(state, "off" | "closed" | "locked" | "docked" | "armed")
}

/// Which things can have what is asked for.
pub(super) fn want(about: &About, state: Option<&str>, is_set: bool) -> Want {
    let measures = vec![Domain::Sensor];
    let (can, implied) = match about {
        About::Temperature => (
            vec![Domain::Climate, Domain::Sensor, Domain::WaterHeater],
            vec![Domain::Climate, Domain::Sensor],
        ),
        About::Measured(_) => (Vec::new(), measures),
        About::Below(..) | About::Above(..) | About::Most(_) | About::Least(_) => {
            (measures.clone(), measures)
        }
        About::Who => (vec![Domain::DeviceTracker], vec![Domain::DeviceTracker]),
        About::State if is_set => (SETTABLE.to_vec(), vec![Domain::Climate]),
        About::State | About::Since | About::Where => match state {
            Some("open" | "closed") => (
                vec![Domain::Cover, Domain::BinarySensor, Domain::Valve, Domain::Lock],
                vec![Domain::Cover, Domain::BinarySensor],
            ),
            Some("locked" | "unlocked") => {
                (vec![Domain::Lock, Domain::BinarySensor], vec![Domain::Lock])
            }
            Some("armed" | "disarmed") => {
                (vec![Domain::AlarmControlPanel], vec![Domain::AlarmControlPanel])
            }
            Some("home" | "not_home") => (vec![Domain::DeviceTracker], vec![Domain::DeviceTracker]),
            Some("on" | "off") => {
                let mut can = SWITCHABLE.to_vec();
                can.extend([Domain::BinarySensor, Domain::AlarmControlPanel]);
                (can, SWITCHABLE.to_vec())
            }
            _ => (Vec::new(), SWITCHABLE.to_vec()),
        },
    };
    Want { everything: implied.clone(), can, implied, is_question: true }
}

/// Whether only sensors of two states are meant, which detect something.
pub(super) fn is_detection(found: &Found, scene: &Scene<'_>) -> bool {
    let is_detection =
        |thing: &Thing| thing.class.as_deref().is_some_and(|class| DETECTIONS.contains(&class));
    let mut things = found.set.iter().map(|index| &scene.ground.things[index]);
    !found.set.is_empty()
        && things.all(|thing| thing.domain == Domain::BinarySensor && is_detection(thing))
}

/// What can be open or closed, without the sensors in the same place that detect something else.
pub(super) fn openings(found: Found, scene: &Scene<'_>) -> Found {
    let opens = |index: usize| {
        let thing = &scene.ground.things[index];
        thing.domain != Domain::BinarySensor
            || thing.class.as_deref().is_some_and(|class| OPENINGS.contains(&class))
    };
    only(found, opens, scene)
}

/// What can be locked, without the sensors that only see whether a door is open.
pub(super) fn locks(found: Found, scene: &Scene<'_>) -> Found {
    only(found, |index| scene.ground.things[index].domain == Domain::Lock, scene)
}

/// What is so of several things, if anything is.
fn only(found: Found, is_so: impl Fn(usize) -> bool, scene: &Scene<'_>) -> Found {
    let set = found.set.filter(is_so);
    if found.is_single || set.is_empty() || set == found.set {
        return found;
    }
    Found { targets: vec![noun::exactly(&set, false, scene)], set, ..found }
}

/// The sensor that is called by these words and what it measures: "the freezer" of "how cold is the
/// freezer" is in the name of a thermometer.
pub(super) fn called(noun: &Noun, class: &str, scene: &Scene<'_>) -> Option<Found> {
    let words = || noun.spans.iter().flat_map(|span| span.at..span.end);
    let mut set = of_class(&all(scene), class, scene);
    let mut n_words = 0;
    for at in words() {
        let key = &scene.tokens[at].key;
        if !scene.lexicon.is_glue(key) {
            set = set.and(scene.ground.with_word(key, scene.lexicon)?);
            n_words += 1;
        }
    }
    if n_words == 0 || set.is_empty() {
        return None;
    }
    Some(Found {
        targets: vec![noun::exactly(&set, false, scene)],
        is_single: set.len() == 1,
        set,
        score: 1.0,
        is_able: true,
        ..Found::default()
    })
}

/// The targets of a question: of a quantity what measures it.
pub(super) fn targets(
    found: &Found,
    noun: &Noun,
    about: &About,
    kind: Asked,
    scene: &Scene<'_>,
) -> Vec<TargetWords> {
    match about {
        About::State | About::Since | About::Where | About::Who => {
            found.targets.iter().map(|target| wide(target, kind)).collect()
        }
        About::Temperature => measuring(found, noun, "temperature", scene).unwrap_or_else(|| {
            let sensors = of_class(&found.set, "temperature", scene);
            let rooms = of_rooms(&sensors, scene);
            let is_bare = found.targets.iter().all(is_bare);
            match rooms == sensors || is_bare && scene.here.is_some() {
                true => found.targets.clone(),
                false => vec![noun::exactly(&rooms, false, scene)],
            }
        }),
        About::Measured(class) => measuring(found, noun, class, scene).unwrap_or_else(|| {
            // Batteries are asides of their devices, which no place and no kind names.
            let all = of_class(&all(scene), class, scene);
            if found.targets.iter().all(is_bare) && &**class == "battery" && !all.is_empty() {
                return vec![noun::exactly(&all, false, scene)];
            }
            let sensors = |target: &TargetWords| TargetWords {
                domains: vec![Domain::Sensor],
                classes: vec![class.to_string()],
                class_word: None,
                ..target.clone()
            };
            found.targets.iter().map(sensors).collect()
        }),
        About::Below(class, _) | About::Above(class, _) => {
            let sensors = of_class(&placed(found, scene), class, scene);
            match sensors.is_empty() {
                true => found.targets.iter().map(|target| everywhere(target, class)).collect(),
                false => vec![noun::exactly(&sensors, false, scene)],
            }
        }
        About::Most(class) | About::Least(class) => {
            let sensors = of_class(&placed(found, scene), class, scene);
            let rooms = match &**class {
                "battery" => sensors,
                // The garden is no room.
                _ => {
                    let rooms = of_rooms(&sensors, scene);
                    let inside = rooms.filter(|index| !is_outside(index, scene));
                    if inside.is_empty() { rooms } else { inside }
                }
            };
            match rooms.is_empty() {
                true => found.targets.iter().map(|target| everywhere(target, class)).collect(),
                false => vec![noun::exactly(&rooms, false, scene)],
            }
        }
    }
}

/// A kind without a place is asked about in the whole house.
fn wide(target: &TargetWords, kind: Asked) -> TargetWords {
    let is_wide = is_bare(target) && !matches!(kind, Asked::One | Asked::YesNo);
    let scope = if is_wide { Scope::Everywhere } else { target.scope };
    TargetWords { scope, ..target.clone() }
}

fn is_bare(target: &TargetWords) -> bool {
    target.name.is_none()
        && target.area.is_none()
        && target.floor.is_none()
        && target.entities.is_empty()
        && target.scope == Scope::Unsaid
}

/// Sensors of a class where the words say, be it the whole house.
fn everywhere(target: &TargetWords, class: &str) -> TargetWords {
    let is_unsaid = target.scope == Scope::Unsaid;
    TargetWords {
        domains: vec![Domain::Sensor],
        classes: vec![class.to_owned()],
        class_word: None,
        scope: if is_unsaid { Scope::Everywhere } else { target.scope },
        ..target.clone()
    }
}

/// What measures it of a thing that was named: itself, what is called like it, or what the answer
/// finds on it. `None` if no thing was named.
fn measuring(
    found: &Found,
    noun: &Noun,
    class: &str,
    scene: &Scene<'_>,
) -> Option<Vec<TargetWords>> {
    let is_named = found.is_single || found.targets.iter().any(|t| !t.entities.is_empty());
    let sensors = of_class(&found.set, class, scene);
    if is_named && !sensors.is_empty() {
        return Some(vec![noun::exactly(&sensors, false, scene)]);
    }
    let own = found.set.iter().any(|index| tells(scene.ground.things[index].domain, class));
    if sensors.is_empty()
        && !own
        && let Some(called) = called(noun, class, scene)
    {
        return Some(called.targets);
    }
    is_named.then(|| found.targets.clone())
}

/// Whether things of a kind tell a quantity of their own.
fn tells(domain: Domain, class: &str) -> bool {
    matches!(
        (class, domain),
        ("temperature", Domain::Climate | Domain::WaterHeater)
            | ("humidity", Domain::Climate | Domain::Humidifier)
            | ("illuminance", Domain::Light)
            | ("speed", Domain::Fan)
            | ("position" | "tilt", Domain::Cover)
    )
}

/// Things where the words say; of a house all, for batteries and the like are asides of their
/// devices.
fn placed(found: &Found, scene: &Scene<'_>) -> Set {
    let place = found
        .targets
        .first()
        .and_then(|target| target.area.as_deref().or(target.floor.as_deref()))
        .and_then(|name| scene.ground.place_named(name));
    match place {
        Some(place) => scene.ground.places[usize::from(place)].things.clone(),
        None => all(scene),
    }
}

fn all(scene: &Scene<'_>) -> Set {
    (0..scene.ground.things.len()).collect()
}

pub(super) fn of_class(set: &Set, class: &str, scene: &Scene<'_>) -> Set {
    set.filter(|index| {
        let thing = &scene.ground.things[index];
        thing.domain == Domain::Sensor && thing.class.as_deref() == Some(class)
    })
}

/// The sensors that measure a room and not some thing in it, if there are any: those that are
/// called after the room.
fn of_rooms(sensors: &Set, scene: &Scene<'_>) -> Set {
    let of_room = |index: usize| {
        let thing = &scene.ground.things[index];
        let Some(area) = thing.area else { return false };
        let holds = |place: &super::ground::Place| place.areas.contains(&area);
        let floors = scene.ground.places.iter().filter(|place| place.is_floor && holds(place));
        let places: Vec<_> =
            std::iter::once(&scene.ground.places[usize::from(area)]).chain(floors).collect();
        let is_of_place = |word: &String| {
            let names = places.iter().flat_map(|place| &place.names).flat_map(|name| name.iter());
            let stem = scene.lexicon.stem(word);
            names.into_iter().any(|known| scene.lexicon.stem(known) == stem)
        };
        let is_idle = |word: &String| scene.lexicon.is_measure(word) || scene.lexicon.is_glue(word);
        thing.names.iter().any(|name| name.iter().all(|word| is_of_place(word) || is_idle(word)))
    };
    let rooms = sensors.filter(of_room);
    if rooms.is_empty() { sensors.clone() } else { rooms }
}

fn is_outside(index: usize, scene: &Scene<'_>) -> bool {
    let area = scene.ground.things[index].area;
    area.is_some_and(|area| scene.ground.places[usize::from(area)].is_outside)
}
