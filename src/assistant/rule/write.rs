//! From what was said of a rule to its source in Home Assistant's schema, as a person would write it by hand. It finds the
//! things that are meant and how their states are called; what is to be done was planned before.

use std::sync::Arc;

use crate::automation::Wish;
use crate::home::Home;
use crate::home::action::Refusal;
use crate::home::domain::{Caps, Domain};
use crate::home::entity::Entity;
use crate::home::id::EntityId;
use crate::home::place::Area;
use crate::home::rhythm::{Days, Rhythm};
use crate::home::target::{self, TargetWords};
use crate::home::test::opposite;
use crate::home::value::Value;
use crate::intent::meaning::{Amount, Asked, Condition, Test, What};
use crate::intent::rule::{Event, Hold, RuleWords, Who};

use crate::assistant::naming::is_person;
use crate::assistant::plan::Part;
use crate::assistant::{later, wish};

/// Watts below which a machine that is watched by its plug has finished, and for how long.
const IDLE_W: f64 = 5.0;
const IDLE_FOR_S: f64 = 120.0;
/// What machines call it when they have finished.
const FINISHED: &[&str] = &[
    "done",
    "finished",
    "finish",
    "complete",
    "completed",
    "end",
    "ended",
    "off",
    "idle",
    "standby",
];
const DAY_WORDS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Why a rule cannot be written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Trouble {
    /// What was meant is not there, or is not able.
    Refused(Box<TargetWords>, Refusal),
    /// Nothing tells who is at home.
    NoPeople,
    /// It is not known who speaks.
    WhoAreYou,
    /// That cannot be waited for, or be done by itself.
    Unable,
}

/// Fields of a trigger or condition, and the entities for which they are the same.
type Alike = (Vec<(&'static str, Value)>, Vec<EntityId>);

/// Who speaks, and where.
pub(super) struct Pen<'a> {
    pub(super) home: &'a Home,
    pub(super) here: Option<&'a Area>,
    /// The name of whoever speaks.
    pub(super) speaker: Option<&'a str>,
}

/// A map of these.
pub(super) fn map(fields: &[(&str, Value)]) -> Value {
    Value::Map(fields.iter().map(|(name, value)| (Arc::from(*name), value.clone())).collect())
}

fn texts<'t>(texts: impl IntoIterator<Item = &'t str>) -> Value {
    let mut all: Vec<Value> = texts.into_iter().map(Value::from).collect();
    match all.len() {
        1 => all.swap_remove(0),
        _ => Value::List(all),
    }
}

fn ids(ids: &[EntityId]) -> Value {
    texts(ids.iter().map(EntityId::as_str))
}

/// `00:10:00`.
pub(super) fn length(seconds: f64) -> Value {
    let whole = seconds.abs().round() as u64;
    let sign = if seconds < 0.0 { "-" } else { "" };
    format!("{sign}{:02}:{:02}:{:02}", whole / 3_600, whole % 3_600 / 60, whole % 60).into()
}

fn clock(hour: u8, minute: u8) -> Value {
    format!("{hour:02}:{minute:02}:00").into()
}

/// A condition of the days of the week.
pub(super) fn days(days: Days) -> Value {
    let words = days.each().filter_map(|day| DAY_WORDS.get(usize::from(day)).copied());
    map(&[("condition", "time".into()), ("weekday", texts(words))])
}

fn number(number: f64) -> Value {
    match number.fract() == 0.0 && number.abs() < 1e15 {
        true => Value::Int(number as i64),
        false => Value::Float(number),
    }
}

impl Pen<'_> {
    /// The triggers of a rule, and the conditions that come with them.
    pub(super) fn events(&self, events: &[Event]) -> Result<(Vec<Value>, Vec<Value>), Trouble> {
        let (mut triggers, mut conditions) = (Vec::new(), Vec::new());
        for event in events {
            match event {
                Event::Time(rhythm) => {
                    let (trigger, on) = time(*rhythm).ok_or(Trouble::Unable)?;
                    triggers.push(trigger);
                    conditions.extend(on);
                }
                Event::Becomes { condition, for_s } => {
                    triggers.extend(self.becomes(condition, *for_s)?);
                }
                Event::Arrives(who) => {
                    triggers.push(arrives(&self.who(who)?));
                    if *who == Who::Everybody {
                        conditions.push(self.at_home(who, true)?);
                    }
                }
                Event::Leaves(who) => {
                    triggers.push(leaves(&self.who(who)?));
                    if *who == Who::Everybody {
                        conditions.push(self.at_home(&Who::Anybody, false)?);
                    }
                }
                Event::Done(words) => triggers.push(self.done(words)?),
            }
        }
        Ok((triggers, conditions))
    }

    fn found(&self, words: &TargetWords) -> Result<Vec<&Entity>, Trouble> {
        let refused = |refusal| Trouble::Refused(Box::new(words.clone()), refusal);
        let found = target::to_ask(words, self.here, self.home).map_err(refused)?;
        Ok(found.entities.iter().filter_map(|id| self.home.entity(id.as_str())).collect())
    }

    /// The things that tell where people are.
    fn who(&self, who: &Who) -> Result<Vec<EntityId>, Trouble> {
        let people =
            || self.home.entities().filter(|entity| entity.is_enabled() && is_person(entity));
        let found: Vec<EntityId> = match who {
            Who::Anybody | Who::Everybody => people().map(|person| person.id.clone()).collect(),
            Who::Named(words) => {
                self.found(words)?.into_iter().map(|person| person.id.clone()).collect()
            }
            Who::Speaker => {
                let all: Vec<&Entity> = people().collect();
                let is_it = |person: &&&Entity| {
                    let name = self.speaker.map(crate::text::key);
                    name.is_some_and(|name| person.names().any(|n| crate::text::key(n) == name))
                };
                let found = all.iter().find(is_it).copied();
                let only = if let [only] = all[..] { Some(only) } else { None };
                let me = found.or(only).ok_or(match all.is_empty() {
                    true => Trouble::NoPeople,
                    false => Trouble::WhoAreYou,
                })?;
                vec![me.id.clone()]
            }
        };
        if found.is_empty() { Err(Trouble::NoPeople) } else { Ok(found) }
    }

    fn at_home(&self, who: &Who, is_home: bool) -> Result<Value, Trouble> {
        let people = self.who(who)?;
        let mut fields = vec![
            ("condition", "state".into()),
            ("entity_id", ids(&people)),
            ("state", "home".into()),
        ];
        if *who == Who::Anybody {
            fields.push(("match", "any".into()));
        }
        let condition = map(&fields);
        Ok(if is_home { condition } else { not(condition) })
    }

    /// The triggers of something that comes to be so.
    fn becomes(&self, condition: &Condition, for_s: Option<f64>) -> Result<Vec<Value>, Trouble> {
        let mut fields: Vec<Alike> = Vec::new();
        for (entity, wanted) in self.tested(condition)? {
            let of = match wanted {
                Wanted::States(states) => vec![
                    ("trigger", "state".into()),
                    ("not_from", texts(["unavailable", "unknown"])),
                    ("to", texts(states.iter().map(|state| &**state))),
                ],
                Wanted::Number(attribute, bound, limit) => {
                    let mut of = vec![("trigger", "numeric_state".into())];
                    of.extend(attribute.map(|name| ("attribute", name.into())));
                    of.push((bound, number(limit)));
                    of
                }
            };
            match fields.iter_mut().find(|(known, _)| *known == of) {
                Some((_, entities)) => entities.push(entity),
                None => fields.push((of, vec![entity])),
            }
        }
        let trigger = |(mut of, entities): Alike| {
            of.insert(1, ("entity_id", ids(&entities)));
            of.extend(for_s.map(|seconds| ("for", length(seconds))));
            map(&of)
        };
        Ok(fields.into_iter().map(trigger).collect())
    }

    /// What must hold, as conditions.
    pub(super) fn hold(&self, hold: &Hold) -> Result<Value, Trouble> {
        Ok(match hold {
            Hold::Dark(is_dark) => dark(*is_dark),
            Hold::Clock { after, before } => {
                let mut fields = vec![("condition", "time".into())];
                fields.extend(after.map(|(hour, minute)| ("after", clock(hour, minute))));
                fields.extend(before.map(|(hour, minute)| ("before", clock(hour, minute))));
                map(&fields)
            }
            Hold::On(on) => days(*on),
            Hold::Home(who, is_home) => self.at_home(who, *is_home)?,
            Hold::Not(hold) => not(self.hold(hold)?),
            Hold::State(condition) => self.state(condition)?,
        })
    }

    fn state(&self, condition: &Condition) -> Result<Value, Trouble> {
        let mut alike: Vec<Alike> = Vec::new();
        for (entity, wanted) in self.tested(condition)? {
            let of = match wanted {
                Wanted::States(states) => vec![
                    ("condition", Value::from("state")),
                    ("state", texts(states.iter().map(|state| &**state))),
                ],
                Wanted::Number(attribute, bound, limit) => {
                    let mut of = vec![("condition", "numeric_state".into())];
                    of.extend(attribute.map(|name| ("attribute", name.into())));
                    of.push((bound, number(limit)));
                    of
                }
            };
            match alike.iter_mut().find(|(known, _)| *known == of) {
                Some((_, entities)) => entities.push(entity),
                None => alike.push((of, vec![entity])),
            }
        }
        let is_any = condition.kind != Asked::All;
        let mut all: Vec<Value> = Vec::new();
        for (mut of, entities) in alike {
            let is_state = of.first().is_some_and(|(_, kind)| kind.as_str() == Some("state"));
            of.insert(1, ("entity_id", ids(&entities)));
            if is_any && is_state && entities.len() > 1 {
                of.push(("match", "any".into()));
            }
            all.push(map(&of));
        }
        let both = if is_any { "or" } else { "and" };
        Ok(match all.len() {
            1 => all.swap_remove(0),
            _ => map(&[("condition", both.into()), ("conditions", Value::List(all))]),
        })
    }

    /// The things of a condition, and what each must be for it.
    fn tested(&self, condition: &Condition) -> Result<Vec<(EntityId, Wanted)>, Trouble> {
        let words = &condition.target;
        let mut found = self.found(words)?;
        if let Test::Above(_) | Test::Below(_) = condition.test {
            let class = words.classes.first().map(String::as_str);
            let is_sensor = |entity: &&Entity| {
                entity.domain == Domain::Sensor
                    && class
                        .is_none_or(|class| entity.traits.device_class.as_deref() == Some(class))
            };
            if found.iter().any(is_sensor) {
                found.retain(is_sensor);
            }
        }
        let tested = |entity: &Entity| {
            let entity = self.opening(entity, &condition.test);
            Some((entity.id.clone(), wanted(entity, &condition.test)?))
        };
        let all: Vec<_> = found.into_iter().filter_map(tested).collect();
        let mut once: Vec<(EntityId, Wanted)> = Vec::new();
        for one in all {
            if !once.contains(&one) {
                once.push(one);
            }
        }
        if once.is_empty() { Err(Trouble::Unable) } else { Ok(once) }
    }

    /// A lock does not tell whether its door is open; the sensor of that door does.
    fn opening<'s>(&'s self, entity: &'s Entity, test: &Test) -> &'s Entity {
        let asks_door = match test {
            Test::Is(word) | Test::IsNot(word) => matches!(&**word, "open" | "closed"),
            Test::Above(_) | Test::Below(_) => false,
        };
        let (Domain::Lock, true) = (entity.domain, asks_door) else { return entity };
        let area = self.home.area_of(entity).map(|area| &area.id);
        let is_door = |other: &&Entity| {
            let class = other.traits.device_class.as_deref();
            other.is_enabled()
                && other.domain == Domain::BinarySensor
                && matches!(class, Some("door" | "opening" | "garage_door"))
                && self.home.area_of(other).map(|area| &area.id) == area
        };
        let name = crate::text::key(&entity.friendly_name);
        let doors: Vec<&Entity> = self.home.entities().filter(is_door).collect();
        let named = doors.iter().find(|door| crate::text::key(&door.friendly_name).contains(&name));
        match (named, &doors[..]) {
            (Some(door), _) => door,
            (None, [only]) => only,
            (None, _) => entity,
        }
    }

    /// The trigger of a machine that has finished.
    fn done(&self, words: &TargetWords) -> Result<Value, Trouble> {
        let found = self.found(words)?;
        let state = |entity: &Entity, to: &[&str]| {
            let from = ("not_from", texts(["unavailable", "unknown"]));
            let (id, to) = (entity.id.as_str().into(), texts(to.iter().copied()));
            map(&[("trigger", "state".into()), ("entity_id", id), from, ("to", to)])
        };
        let below = |entity: &Entity, limit: f64, for_s: Option<f64>| {
            let (id, limit) = (entity.id.as_str().into(), number(limit));
            let mut fields =
                vec![("trigger", "numeric_state".into()), ("entity_id", id), ("below", limit)];
            fields.extend(for_s.map(|seconds| ("for", length(seconds))));
            map(&fields)
        };
        let tells = |entity: &&Entity| {
            let class = entity.traits.device_class.as_deref();
            Some(match (entity.domain, class) {
                (Domain::BinarySensor, None | Some("running" | "power" | "plug")) => {
                    (0, state(entity, &["off"]))
                }
                (Domain::Vacuum | Domain::LawnMower, _) => (1, state(entity, &["docked"])),
                (Domain::Sensor, Some("duration")) => (3, below(entity, 1.0, None)),
                (Domain::Sensor, Some("power")) => (4, below(entity, IDLE_W, Some(IDLE_FOR_S))),
                (Domain::Sensor, _) if entity.traits.unit.is_none() => (2, state(entity, FINISHED)),
                (Domain::Switch | Domain::Fan | Domain::Light, _) => (5, state(entity, &["off"])),
                _ => return None,
            })
        };
        let best = found.iter().filter_map(tells).min_by_key(|(order, _)| *order);
        best.map(|(_, trigger)| trigger).ok_or(Trouble::Unable)
    }
}

fn not(condition: Value) -> Value {
    map(&[("condition", "not".into()), ("conditions", Value::List(vec![condition]))])
}

/// Between sunset and sunrise, which a day divides in two; or the other half of it.
fn dark(is_dark: bool) -> Value {
    let sun = |key: &str, event: &str| map(&[("condition", "sun".into()), (key, event.into())]);
    match is_dark {
        true => map(&[
            ("condition", "or".into()),
            ("conditions", Value::List(vec![sun("after", "sunset"), sun("before", "sunrise")])),
        ]),
        false => map(&[
            ("condition", "sun".into()),
            ("after", "sunrise".into()),
            ("before", "sunset".into()),
        ]),
    }
}

/// The trigger of a time that comes again, and on which days.
fn time(rhythm: Rhythm) -> Option<(Value, Option<Value>)> {
    let on = |of: Days| (of != Days::DAILY).then(|| days(of));
    Some(match rhythm {
        Rhythm::Clock { days, hour, minute } => {
            (map(&[("trigger", "time".into()), ("at", clock(hour, minute))]), on(days))
        }
        Rhythm::Sun { days, is_rise, offset_s } => {
            let event = if is_rise { "sunrise" } else { "sunset" };
            let mut fields = vec![("trigger", "sun".into()), ("event", event.into())];
            if offset_s != 0.0 {
                fields.push(("offset", length(offset_s)));
            }
            (map(&fields), on(days))
        }
        Rhythm::Each { seconds } => {
            // Only what divides an hour or a day comes as regularly as it is said.
            let whole = seconds.round() as u64;
            let (unit, every) = match whole {
                60..=3_599 if whole.is_multiple_of(60) && 3_600_u64.is_multiple_of(whole) => {
                    ("minutes", whole / 60)
                }
                3_600..=43_200
                    if whole.is_multiple_of(3_600) && 86_400_u64.is_multiple_of(whole) =>
                {
                    ("hours", whole / 3_600)
                }
                _ => return None,
            };
            (map(&[("trigger", "time_pattern".into()), (unit, format!("/{every}").into())]), None)
        }
    })
}

fn arrives(people: &[EntityId]) -> Value {
    let from = ("not_from", texts(["unavailable", "unknown"]));
    map(&[("trigger", "state".into()), ("entity_id", ids(people)), from, ("to", "home".into())])
}

fn leaves(people: &[EntityId]) -> Value {
    let to = ("not_to", texts(["unavailable", "unknown"]));
    map(&[("trigger", "state".into()), ("entity_id", ids(people)), ("from", "home".into()), to])
}

/// What an entity must be.
#[derive(Debug, Clone, PartialEq)]
enum Wanted {
    States(Vec<Arc<str>>),
    /// An attribute or the state, `above` or `below`, this.
    Number(Option<&'static str>, &'static str, f64),
}

fn wanted(entity: &Entity, test: &Test) -> Option<Wanted> {
    let attribute = match entity.domain {
        Domain::Climate | Domain::WaterHeater => Some("current_temperature"),
        Domain::Humidifier => Some("current_humidity"),
        Domain::Cover | Domain::Valve => Some("current_position"),
        Domain::Fan => Some("percentage"),
        _ => None,
    };
    match test {
        Test::Above(limit) => Some(Wanted::Number(attribute, "above", *limit)),
        Test::Below(limit) => Some(Wanted::Number(attribute, "below", *limit)),
        Test::Is(word) => states(entity, word).map(Wanted::States),
        Test::IsNot(word) => states(entity, opposite(word)?).map(Wanted::States),
    }
}

/// How an entity calls a state that people call so.
fn states(entity: &Entity, word: &str) -> Option<Vec<Arc<str>>> {
    let all = |words: &[&str]| Some(words.iter().map(|word| Arc::from(*word)).collect());
    match (entity.domain, word) {
        (Domain::BinarySensor, "on" | "open" | "unlocked" | "home" | "triggered") => all(&["on"]),
        (Domain::BinarySensor, "off" | "closed" | "locked" | "not_home") => all(&["off"]),
        (Domain::Cover | Domain::Valve, "on" | "open") => all(&["open"]),
        (Domain::Cover | Domain::Valve, "off" | "closed") => all(&["closed"]),
        (Domain::Lock, "off" | "open" | "unlocked") => all(&["unlocked"]),
        (Domain::Lock, "on" | "closed" | "locked") => all(&["locked"]),
        (Domain::AlarmControlPanel, "armed" | "on") => all(&[
            "armed_home",
            "armed_away",
            "armed_night",
            "armed_vacation",
            "armed_custom_bypass",
        ]),
        (Domain::AlarmControlPanel, "off") => all(&["disarmed"]),
        (Domain::Climate | Domain::WaterHeater, "on") => {
            let modes: Vec<Arc<str>> = match entity.caps.as_ref()? {
                Caps::Climate(climate) => climate.modes.to_vec(),
                Caps::WaterHeater(heater) => heater.modes.clone().unwrap_or_default(),
                _ => return None,
            };
            Some(modes.into_iter().filter(|mode| &**mode != "off").collect())
        }
        (Domain::Vacuum, "on") => all(&["cleaning"]),
        (Domain::LawnMower, "on") => all(&["mowing"]),
        (Domain::Vacuum | Domain::LawnMower, "off") => all(&["docked"]),
        (
            Domain::Light | Domain::Switch | Domain::Fan | Domain::Siren | Domain::Humidifier,
            "triggered",
        ) => all(&["on"]),
        (Domain::Light | Domain::Switch | Domain::Fan | Domain::Siren | Domain::Humidifier, _) => {
            matches!(word, "on" | "off").then(|| vec![word.into()])
        }
        _ => Some(vec![word.into()]),
    }
}

/// The calls of a planned step. What is to last for a while is a step of its own, see [`ending`].
pub(super) fn calls(part: &Part, home: &Home) -> Result<Vec<Value>, Trouble> {
    let refused = |refusal| Trouble::Refused(Box::new(part.command.target.clone()), refusal);
    let ids: Vec<EntityId> = part.entities.clone();
    acts(&[(part.command.what.clone(), ids)], home).map_err(refused)
}

/// The calls that end a step after a while.
pub(super) fn ending(part: &Part, home: &Home) -> Result<Vec<Value>, Trouble> {
    let is_light =
        |id: &EntityId| home.entity(id.as_str()).is_some_and(|e| e.domain == Domain::Light);
    // How bright it will be then nobody knows; that it is to be over, everybody.
    let what = match &part.command.what {
        What::Brightness(_) | What::Color(_) | What::Kelvin(_) | What::Effect(_)
            if part.entities.iter().all(is_light) =>
        {
            &What::TurnOn
        }
        what => what,
    };
    let ends = later::ending(what, &part.entities, home);
    let meant = |wish: &Wish| Some((later::meant(wish)?, wish.entities.clone()));
    let ends: Option<Vec<_>> = ends.iter().map(meant).collect();
    let ends = ends.filter(|ends| !ends.is_empty()).ok_or(Trouble::Unable)?;
    let refused = |refusal| Trouble::Refused(Box::new(part.command.target.clone()), refusal);
    acts(&ends, home).map_err(refused)
}

/// Service calls, one for all entities for which it is the same.
fn acts(wishes: &[(What, Vec<EntityId>)], home: &Home) -> Result<Vec<Value>, Refusal> {
    type Fields = Vec<(&'static str, Value)>;
    let mut calls: Vec<(String, Fields, Vec<EntityId>)> = Vec::new();
    for (what, entities) in wishes {
        for id in entities {
            let Some(entity) = home.entity(id.as_str()) else { continue };
            let (service, fields) = match what {
                What::Brightness(Amount::By(by)) if entity.domain == Domain::Light => {
                    ("turn_on", vec![("brightness_step_pct", number(*by))])
                }
                // What it will be then is not known now.
                _ if what.change().is_some() => return Err(Refusal::NotKnown("value")),
                _ => wish::service(what, entity)?,
            };
            let action = format!("{}.{service}", entity.domain.word());
            match calls.iter_mut().find(|(a, f, _)| *a == action && *f == fields) {
                Some((_, _, known)) => known.push(id.clone()),
                None => calls.push((action, fields, vec![id.clone()])),
            }
        }
    }
    let call = |(action, fields, entities): (String, Fields, Vec<EntityId>)| {
        let target = map(&[("entity_id", ids(&entities))]);
        let mut all = vec![("action", action.into()), ("target", target)];
        if !fields.is_empty() {
            all.push(("data", map(&fields)));
        }
        map(&all)
    };
    Ok(calls.into_iter().map(call).collect())
}

/// "Send me a message".
pub(super) fn message(text: &str) -> Value {
    map(&[("action", "notify.notify".into()), ("data", map(&[("message", text.into())]))])
}

/// The whole rule.
pub(super) fn source(
    words: &RuleWords,
    triggers: Vec<Value>,
    conditions: Vec<Value>,
    actions: Vec<Value>,
    lasts: bool,
) -> Vec<(Arc<str>, Value)> {
    let mut fields: Vec<(Arc<str>, Value)> = vec![("triggers".into(), Value::List(triggers))];
    if !conditions.is_empty() {
        fields.push(("conditions".into(), Value::List(conditions)));
    }
    fields.push(("actions".into(), Value::List(actions)));
    // What begins anew lasts anew.
    fields.push(("mode".into(), if lasts { "restart" } else { "single" }.into()));
    if words.tells.as_ref().is_some_and(|tells| tells.is_once) {
        fields.push(("homard".into(), map(&[("once", true.into())])));
    }
    fields
}
