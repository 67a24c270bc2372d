//! From a sentence that asks to a question: what kind of answer, of what, and about what of it.

use std::sync::Arc;

use crate::home::domain::Domain;
use crate::home::target::{Scope, TargetWords};
use crate::intent::matcher::Slot;
use crate::intent::meaning::{About, Asked, Question};

use super::clause::{self, Clause};
use super::ground::Set;
use super::noun::{self, Found, Noun, Scene, Want, is_content};
use super::share;
use super::spans::Span;
use super::tag::{Act, Tag, Word};
use super::wish::No;

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

/// Whether a sentence asks, whatever else it says.
pub(super) fn is_question(spans: &[Span], scene: &Scene<'_>) -> bool {
    let asks = |span: &Span| {
        [
            Word::Which,
            Word::HowMany,
            Word::What,
            Word::Who,
            Word::Where,
            Word::Since,
            Word::HowWarm,
            Word::HowHumid,
            Word::HowBright,
            Word::OtherQuestion,
            Word::AskYesNo,
            Word::ThereIs,
        ]
        .into_iter()
        .any(|word| span.is(word))
    };
    let Some(first) = spans.first() else { return false };
    let lead = spans.iter().find(|span| !span.is(Word::And)).unwrap_or(first);
    let has_mark = scene.tokens.last().is_some_and(|token| token.before_question);
    let has_verb = lead.verb().is_some() && spans.iter().filter(|s| s.is(Word::Be)).count() == 0;
    // How one feels is not asked.
    if spans.iter().any(|s| s.verb().is_some_and(Act::is_need) && s.end - s.at > 1) {
        return false;
    }
    // "La lampe est allumée": told of a thing, it is asked.
    let tells_state = scene.lexicon.statements_ask
        && spans.iter().take(3).any(is_content)
        && spans.iter().any(|span| span.is(Word::Be))
        && spans.iter().all(|span| span.verb().is_none() || span.is_name());
    spans.iter().any(asks)
        || lead.is(Word::Be)
        || lead.is(Word::Any)
        || has_mark && !has_verb
        || tells_state
}

/// Words that only say that and how it is asked.
fn is_asking(span: &Span) -> bool {
    [
        Word::Which,
        Word::HowMany,
        Word::What,
        Word::Who,
        Word::Where,
        Word::Since,
        Word::HowWarm,
        Word::HowHumid,
        Word::HowBright,
        Word::AskYesNo,
        Word::ThereIs,
        Word::Be,
        Word::Home,
        Word::Low,
        Word::Above,
        Word::Below,
        Word::Too,
    ]
    .into_iter()
    .any(|word| span.is(word))
        && !span.is_name()
        && span.verb().is_none()
        && !span.tags.iter().any(|tag| matches!(tag, Tag::State(_)))
}

/// The question of a sentence and what it is about.
///
/// # Errors
/// [`No`] when it is not understood.
pub(super) fn asked(spans: &[Span], scene: &Scene<'_>) -> Result<(Question, Vec<Slot>, f64), No> {
    let has = |word: Word| spans.iter().any(|span| span.is(word));
    if has(Word::OtherQuestion) {
        return Err(No::Wish);
    }
    let rest: Vec<Span> = spans.iter().filter(|span| !is_asking(span)).cloned().collect();
    let mut clauses = clause::clauses(&rest, scene);
    if clauses.len() > 1 {
        return Err(No::Wish);
    }
    let mut clause = clauses.pop().unwrap_or_default();
    if let Some(strange) = clause.strange.iter().find(|said| !said.is_empty()) {
        return Err(No::Unexplained(vec![strange.clone()]));
    }
    share::share(&mut clause.nouns);
    let measure = clause.values.measure.clone();
    let about = about(&has, measure, &clause);
    if clause.goes_on && about == About::State && clause.act.is_none() && clause.values.is_empty() {
        return again(&clause, scene);
    }
    let state = state(&clause).or_else(|| has(Word::Home).then(|| Arc::from("home")));
    let want = want(&about, state.as_deref());
    let mut found = Vec::new();
    for noun in clause.nouns.iter().filter(|noun| !noun.is_empty()) {
        found.push(noun::find(noun, &want, scene)?);
    }
    // "What isn't locked?"
    let asks_which = has(Word::Which) || has(Word::What) || has(Word::HowMany);
    let state = match state.as_deref() {
        Some(state) if clause.is_negated && asks_which => opposite(state).map(Arc::from),
        _ => state,
    };
    let is_any = clause.nouns.iter().any(|noun| noun.is_any || noun.is_everything);
    let is_all = clause.nouns.iter().any(|noun| noun.is_all);
    if found.is_empty() {
        if state.is_none() && matches!(about, About::State) {
            return Err(No::Wish);
        }
        let noun = Noun {
            is_everywhere: !matches!(about, About::Temperature | About::Measured(_)),
            ..Noun::default()
        };
        found.push(noun::find(&noun, &want, scene)?);
    }
    let is_detection = found.iter().all(|found| is_detection(found, scene));
    let state = state.or_else(|| {
        (is_detection && !matches!(about, About::Since | About::Where)).then(|| Arc::from("on"))
    });
    let is_single = found.len() == 1 && found[0].is_single;
    let kind = if has(Word::HowMany) {
        Asked::HowMany
    } else if has(Word::Which)
        || has(Word::Who) && !is_single
        || matches!(about, About::Below(..) | About::Above(..))
    {
        Asked::Which
    } else if !matches!(about, About::State) || state.is_none() {
        Asked::One
    } else if has(Word::What) && !is_single {
        Asked::Which
    } else if is_any || has(Word::ThereIs) {
        Asked::Any
    } else if is_all {
        Asked::All
    } else if is_single {
        Asked::YesNo
    } else {
        Asked::Any
    };
    let mut except = Vec::new();
    for noun in &clause.except {
        except.extend(noun::find(noun, &want, scene)?.targets);
    }
    let score = found.iter().map(|found| found.score).fold(1.0, f64::min);
    let slots: Vec<Slot> = found.iter().flat_map(|found| found.slots.clone()).collect();
    let mut targets = Vec::new();
    for found in &found {
        targets.extend(measuring(found, &about, kind, scene));
    }
    let mut targets = targets.into_iter();
    let Some(target) = targets.next() else { return Err(No::Wish) };
    let question =
        Question { and: targets.collect(), except, about, ..Question::new(kind, state, target) };
    Ok((question, slots, score))
}

fn opposite(state: &str) -> Option<&'static str> {
    Some(match state {
        "on" => "off",
        "off" => "on",
        "open" => "closed",
        "closed" => "open",
        "locked" => "unlocked",
        "unlocked" => "locked",
        _ => return None,
    })
}

fn about(has: &dyn Fn(Word) -> bool, measure: Option<Arc<str>>, clause: &Clause) -> About {
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
    if has(Word::HowWarm) {
        return About::Temperature;
    }
    if has(Word::HowHumid) {
        return About::Measured("humidity".into());
    }
    if has(Word::HowBright) {
        return About::Measured("illuminance".into());
    }
    match (measure, number) {
        (Some(measure), Some(number)) if has(Word::Below) => About::Below(measure, number),
        (Some(measure), Some(number)) if has(Word::Above) => About::Above(measure, number),
        (Some(measure), _) if has(Word::Low) && &*measure == "battery" => {
            About::Below(measure, LOW_BATTERY)
        }
        (Some(measure), _) if &*measure == "temperature" => About::Temperature,
        (Some(measure), _) => About::Measured(measure),
        (None, _) => About::State,
    }
}

/// The state that is asked for: a word for it, or what a verb leads to.
fn state(clause: &Clause) -> Option<Arc<str>> {
    if let Some(state) = &clause.values.state {
        // "Fermé à clé."
        let is_locked = &**state == "closed" && clause.act == Some(Act::Lock);
        return Some(if is_locked { "locked".into() } else { Arc::clone(state) });
    }
    let word = match clause.act? {
        Act::On => "on",
        Act::Off => "off",
        Act::Open => "open",
        Act::Close => "closed",
        Act::Lock | Act::LockUp => "locked",
        Act::Unlock => "unlocked",
        Act::Vacuum => "cleaning",
        Act::Mow => "mowing",
        Act::Dock => "docked",
        Act::Arm => "armed_away",
        Act::Disarm => "disarmed",
        _ => return None,
    };
    Some(word.into())
}

fn want(about: &About, state: Option<&str>) -> Want {
    let measures = vec![Domain::Sensor];
    let (can, implied) = match about {
        About::Temperature => (
            vec![Domain::Climate, Domain::Sensor, Domain::WaterHeater],
            vec![Domain::Climate, Domain::Sensor],
        ),
        About::Measured(_) => (Vec::new(), measures),
        About::Below(..) | About::Above(..) => (measures.clone(), measures),
        About::Who => (vec![Domain::DeviceTracker], vec![Domain::DeviceTracker]),
        About::State | About::Since | About::Where => match state {
            Some("open" | "closed") => (
                vec![Domain::Cover, Domain::BinarySensor, Domain::Valve, Domain::Lock],
                vec![Domain::Cover, Domain::BinarySensor],
            ),
            Some("locked" | "unlocked") => {
                (vec![Domain::Lock, Domain::BinarySensor], vec![Domain::Lock])
            }
            Some("home" | "not_home") => (vec![Domain::DeviceTracker], vec![Domain::DeviceTracker]),
            Some("on" | "off") => {
                let mut can = SWITCHABLE.to_vec();
                can.push(Domain::BinarySensor);
                (can, SWITCHABLE.to_vec())
            }
            _ => (Vec::new(), SWITCHABLE.to_vec()),
        },
    };
    Want { everything: implied.clone(), can, implied, is_question: true }
}

/// Whether only sensors of two states are meant, which detect something.
fn is_detection(found: &Found, scene: &Scene<'_>) -> bool {
    let things = || found.set.iter().map(|index| &scene.ground.things[index]);
    !found.set.is_empty()
        && things().all(|thing| {
            thing.domain == Domain::BinarySensor
                && thing.class.as_deref().is_some_and(|class| {
                    matches!(
                        class,
                        "motion" | "occupancy" | "presence" | "smoke" | "gas" | "moisture"
                    )
                })
        })
}

/// The targets of a question about something measured: what measures it.
fn measuring(found: &Found, about: &About, kind: Asked, scene: &Scene<'_>) -> Vec<TargetWords> {
    let class = match about {
        About::Measured(class) | About::Below(class, _) | About::Above(class, _) => class,
        About::Temperature => {
            let sensors = of_class(&found.set, "temperature", scene);
            if found.targets.iter().any(|target| !target.entities.is_empty()) && !sensors.is_empty()
            {
                return vec![noun::exactly(&sensors, false, scene)];
            }
            return found.targets.clone();
        }
        About::State | About::Since | About::Where | About::Who => {
            return found
                .targets
                .iter()
                .map(|target| {
                    let is_bare = target.name.is_none()
                        && target.area.is_none()
                        && target.floor.is_none()
                        && target.entities.is_empty()
                        && target.scope == Scope::Unsaid;
                    let is_wide = is_bare && !matches!(kind, Asked::One | Asked::YesNo);
                    let scope = if is_wide { Scope::Everywhere } else { target.scope };
                    TargetWords { scope, ..target.clone() }
                })
                .collect();
        }
    };
    let place: Option<&Set> = found
        .targets
        .first()
        .and_then(|target| target.area.as_deref().or(target.floor.as_deref()))
        .and_then(|name| scene.ground.place_named(name))
        .map(|place| &scene.ground.places[usize::from(place)].things);
    // Batteries and the like are asides of their devices.
    let everywhere: Set = (0..scene.ground.things.len())
        .filter(|index| place.is_none_or(|place| place.has(*index)))
        .collect();
    let sensors = of_class(&everywhere, class, scene);
    if matches!(about, About::Below(..) | About::Above(..)) && !sensors.is_empty() {
        return vec![noun::exactly(&sensors, false, scene)];
    }
    let sensors = of_class(&found.set, class, scene);
    let is_named = found.is_single || found.targets.iter().any(|t| !t.entities.is_empty());
    if is_named && !sensors.is_empty() {
        return vec![noun::exactly(&sensors, false, scene)];
    }
    if is_named {
        return found.targets.clone();
    }
    let wide = matches!(about, About::Below(..) | About::Above(..));
    found
        .targets
        .iter()
        .map(|target| TargetWords {
            domains: vec![Domain::Sensor],
            classes: vec![class.to_string()],
            class_word: None,
            scope: if wide && target.scope == Scope::Unsaid {
                Scope::Everywhere
            } else {
                target.scope
            },
            ..target.clone()
        })
        .collect()
}

fn of_class(set: &Set, class: &str, scene: &Scene<'_>) -> Set {
    set.filter(|index| {
        let thing = &scene.ground.things[index];
        thing.domain == Domain::Sensor && thing.class.as_deref() == Some(class)
    })
}

/// Whether a sentence only names something else to ask the last question of: "and the hall".
pub(super) fn goes_on(spans: &[Span], scene: &Scene<'_>) -> bool {
    let begins = spans.first().is_some_and(|first| first.is(Word::And) || first.is(Word::Too));
    begins
        && scene.memory.question.is_some()
        && scene.memory.command.is_none()
        && spans.iter().all(|span| span.verb().is_none() || span.is_name())
}

/// "And the hall?": what was asked before, of something else.
fn again(clause: &Clause, scene: &Scene<'_>) -> Result<(Question, Vec<Slot>, f64), No> {
    let last = scene.memory.question.as_ref().filter(|_| clause.goes_on).ok_or(No::Wish)?;
    let want = want(&last.about, last.state.as_deref());
    let implied =
        if last.target.domains.is_empty() { want.implied } else { last.target.domains.clone() };
    let want = Want { implied, ..want };
    let mut targets = Vec::new();
    let mut slots = Vec::new();
    for noun in clause.nouns.iter().filter(|noun| !noun.is_empty()) {
        let found = noun::find(noun, &want, scene)?;
        let same_classes = found.targets.iter().all(|target| {
            target.entities.is_empty() && target.name.is_none() && target.classes.is_empty()
        });
        targets.extend(measuring(&found, &last.about, last.kind, scene).into_iter().map(
            |target| match same_classes && target.classes.is_empty() {
                true => TargetWords {
                    classes: last.target.classes.clone(),
                    class_word: last.target.class_word.clone(),
                    ..target
                },
                false => target,
            },
        ));
        slots.extend(found.slots);
    }
    let mut targets = targets.into_iter();
    let target = targets.next().ok_or(No::Wish)?;
    // The thing may have other words for the state: a window is not locked but closed.
    let kind = if last.kind == Asked::YesNo { Asked::One } else { last.kind };
    let question =
        Question { target, kind, and: targets.collect(), except: Vec::new(), ..last.clone() };
    Ok((question, slots, 0.95))
}
