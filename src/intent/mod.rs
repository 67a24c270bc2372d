//! Understanding: an utterance becomes an intent. Pure: no file, no clock, no task. Way 1 is here,
//! sentence templates in hassil's notation; way 2, by words, is `words`. What an intent does is the
//! assistant's business.
//!
//! Reading order: `meaning` (what can be meant), `sentence` (the notation), `pack` (what a language
//! brings), `own` (Homard's own packs), `program` (compiled), `matcher` (matching and ranking),
//! `lists` (names of the home), this file and `errand` (what a match means), `response` (what is said back).

mod compile;
mod errand;
mod form;
pub mod lists;
pub mod matcher;
pub mod meaning;
pub mod number;
pub mod own;
pub mod pack;
mod problem;
pub mod program;
pub mod response;
pub mod rule;
mod run;
pub mod script;
pub mod sentence;
mod trie;
pub mod value;
pub mod words;

use std::str::FromStr;
use std::sync::Arc;

use crate::home::domain::Domain;
use crate::home::target::{Scope, TargetWords};
use crate::intent::lists::HomeLists;
use crate::intent::matcher::{Match, Matcher, Options, Source};
use crate::intent::meaning::{
    About, Amount, Asked, Command, Question, Reading, Step, Talk, Understanding, UnknownList,
    UnknownName, What,
};
use crate::intent::value::{Context, Value};
use crate::text;

/// Other matches of a sentence that are told beside the best.
const MOST_RIVALS: usize = 2;

/// What an utterance means in one language. `area` is the speaker's, by name.
pub fn understand(
    utterance: &str,
    area: Option<&str>,
    language: &str,
    matcher: &Matcher,
    home: &HomeLists,
) -> Understanding {
    let context: Context =
        area.map(|area| (Arc::from("area"), Value::from(area))).into_iter().collect();
    let found = matcher.recognize(utterance, home, &context, Options::default());
    for (at, candidate) in found.matches.iter().enumerate() {
        let rivals = rivals(candidate, &found.matches[at + 1..]);
        let reading = Reading { rivals, ..reading(utterance, language, candidate) };
        if let Some(meant) = meaning(candidate, &named_domains(candidate, &found.matches), reading)
        {
            return meant;
        }
    }
    // Only to say which word was not understood: such a match never acts.
    let options = Options { allow_unknown: true };
    let found = matcher.recognize(utterance, home, &context, options);
    // Only the best reading counts: if it is not about a name, no worse one is. The same words may
    // stand where a place should; that says more.
    let best = found.matches.first();
    let same = |other: &&Match| {
        let said = |found: &Match| found.unknown().next().map(|slot| slot.said.clone());
        best.is_some_and(|best| said(best) == said(other))
            && other.unknown().all(|slot| &*slot.name != "name")
    };
    if let Some(candidate) = found.matches.iter().find(same).or(best)
        && let Some(unknown) = unknown(candidate, matcher)
        && is_of_whole_words(&unknown.said, utterance)
    {
        return Understanding::UnknownName(unknown, reading(utterance, language, candidate));
    }
    Understanding::Nothing
}

/// Whether what would be blamed was said as words of their own: the "s" of "lights" names nothing.
fn is_of_whole_words(said: &str, utterance: &str) -> bool {
    let padded = |text: &str| format!(" {} ", text::key(text));
    padded(utterance).contains(&padded(said))
}

/// How a match reads an utterance.
pub fn reading(utterance: &str, language: &str, found: &Match) -> Reading {
    Reading {
        utterance: utterance.to_owned(),
        language: language.to_owned(),
        intent: found.intent.to_string(),
        slots: found.slots.clone(),
        response: found.response.to_string(),
        template: found.template.to_string(),
        score: 1.0,
        ..Reading::default()
    }
}

/// Other matches that mean something else, with how much of them is literal text compared to `best`.
fn rivals(best: &Match, others: &[Match]) -> Vec<(String, f64)> {
    let differs = |other: &&Match| other.intent != best.intent || other.slots != best.slots;
    let weighed = |other: &Match| {
        let share = f64::from(other.n_literal) / f64::from(best.n_literal.max(1));
        let told = reading("", "", other);
        let text = format!("{}, by `{}`", told.described(), told.template);
        (text, (share.min(1.0) * 100.0).round() / 100.0)
    };
    others.iter().filter(differs).take(MOST_RIVALS).map(weighed).collect()
}

fn unknown(found: &Match, matcher: &Matcher) -> Option<UnknownName> {
    // A few letters of a template are too little to blame the rest of the words.
    if found.n_literal < 4 {
        return None;
    }
    let mut unknown = found.unknown();
    let slot = unknown.next()?;
    if unknown.next().is_some() || !matcher.may_be_name(&text::key(&slot.said)) {
        return None;
    }
    Some(UnknownName {
        said: slot.said.clone(),
        list: if &*slot.name == "name" { UnknownList::Entity } else { UnknownList::Place },
        is_question: matches!(&*found.intent, "HassGetState" | "HassClimateGetTemperature"),
    })
}

/// What a match means; `None` for an intent or a value that Homard does not know.
fn meaning(found: &Match, named: &[Domain], reading: Reading) -> Option<Understanding> {
    let talk = |talk: Talk, reading: Reading| Some(Understanding::Talk(talk, reading));
    let number = |slot: &str| found.slot(slot).and_then(Value::as_number);
    let what = match &*found.intent {
        "HassTurnOn" => What::TurnOn,
        "HassTurnOff" => What::TurnOff,
        "HassToggle" => What::Toggle,
        "HassStopMoving" => What::Stop,
        "HassSetPosition" => What::Position(Amount::To(number("position")?)),
        "HassClimateSetTemperature" => What::Temperature(Amount::To(number("temperature")?)),
        "HassClimateSetFanMode" => What::FanMode(found.slot("fan_mode")?.as_text()?.into()),
        "HassFanSetSpeed" => What::Speed(Amount::To(number("percentage")?)),
        "HassVacuumStart" | "HassLawnMowerStartMowing" => What::Start,
        "HassVacuumReturnToBase" | "HassLawnMowerDock" => What::Dock,
        "HassLightSet" => {
            match (number("brightness"), found.slot("color"), number("temperature")) {
                (Some(percent), _, _) => What::Brightness(Amount::To(percent)),
                (None, Some(Value::Text(color)), _) => What::Color(color.clone()),
                (None, _, Some(kelvin)) => What::Kelvin(Amount::To(kelvin)),
                _ => return None,
            }
        }
        "HassGetState" => {
            return Some(Understanding::Question(Box::new(question(found, named)?), reading));
        }
        "HassClimateGetTemperature" => {
            let mut target = target_words(found)?;
            if target.name.is_none() {
                target.domains = vec![Domain::Climate, Domain::Sensor];
            }
            let question = Question::new(Asked::One, None, target);
            let question = Question { about: About::Temperature, ..question };
            return Some(Understanding::Question(Box::new(question), reading));
        }
        "HassNevermind" => return talk(Talk::Nevermind, reading),
        "HomardUndo" => return talk(Talk::Undo, reading),
        "HassGetCurrentTime" => return talk(Talk::Time, reading),
        "HassGetCurrentDate" => return talk(Talk::Date, reading),
        _ => return Some(Understanding::Errand(errand::errand(found)?, reading)),
    };
    let mut target = target_words(found)?;
    if target.domains.is_empty() && target.name.is_none() {
        target.domains = match &*found.intent {
            "HassVacuumStart" | "HassVacuumReturnToBase" => vec![Domain::Vacuum],
            "HassLawnMowerStartMowing" | "HassLawnMowerDock" => vec![Domain::LawnMower],
            _ => implied_domains(&what),
        };
    }
    if target.name.is_some() && target.domains.is_empty() {
        // The sentence was for these domains only; a namesake of another kind is not meant.
        target.domains = named.to_vec();
    }
    // Without a name and without a kind there is nothing that was said.
    if target.name.is_none() && target.domains.is_empty() {
        return None;
    }
    Some(Understanding::Wish(vec![Step::now(Command::new(what, target))], reading))
}

fn question(found: &Match, named: &[Domain]) -> Option<Question> {
    let kind = match &*found.response {
        "one" | "default" | "where" => Asked::One,
        "one_yesno" => Asked::YesNo,
        "any" | "any_short" => Asked::Any,
        "all" => Asked::All,
        "which" | "which_person" => Asked::Which,
        "how_many" => Asked::HowMany,
        _ => return None,
    };
    let mut target = target_words(found)?;
    if says_everything(found) {
        // To look at more than what is harmless to switch does no harm.
        target.domains.extend([Domain::Switch, Domain::Humidifier, Domain::Siren]);
    }
    if target.name.is_some() && target.domains.is_empty() {
        target.domains = named.to_vec();
    }
    let is_about_people = target.domains == [Domain::DeviceTracker];
    if is_about_people && target.name.is_none() && target.area.is_none() && target.floor.is_none() {
        target.scope = Scope::Everywhere;
    }
    let state = found.slot("state").and_then(Value::as_text).map(Arc::from);
    let kind = match state.as_deref() {
        // "Are the windows closed?" asks whether one of them is not.
        Some("off" | "closed" | "locked") if kind == Asked::Any && is_definite(found) => Asked::All,
        _ => kind,
    };
    let about = if is_about_people { About::Who } else { About::State };
    Some(Question { about, ..Question::new(kind, state, target) })
}

/// Whether a sentence of Homard's own packs is about "the" things and not about "any".
fn is_definite(found: &Match) -> bool {
    ["(is|are) [the] ", "is [the] ", "<est_ce>"].iter().any(|lead| found.template.starts_with(lead))
}

fn says_everything(found: &Match) -> bool {
    let words = found.slot("domain").map(Value::texts).unwrap_or_default();
    words.contains(&"everything")
}

/// The domains that the said name brought along: several where namesakes of several kinds fit the
/// same sentence equally.
fn named_domains(found: &Match, all: &[Match]) -> Vec<Domain> {
    let name = |found: &Match| found.find("name").map(|slot| slot.said.clone());
    let is_twin = |other: &&Match| {
        other.intent == found.intent
            && other.template == found.template
            && name(other) == name(found)
    };
    let domain = |found: &Match| domain_of(found.context.get("domain").and_then(Value::as_text)?);
    let mut domains: Vec<Domain> = all.iter().filter(is_twin).filter_map(domain).collect();
    domains.sort();
    domains.dedup();
    domains
}

/// The domain of a pack's word for one. A person of theirs is what tells where somebody is.
fn domain_of(word: &str) -> Option<Domain> {
    match word {
        lists::PERSON => Some(Domain::DeviceTracker),
        word => Domain::from_str(word).ok(),
    }
}

/// What a value without a kind is set on: "50 % in the kitchen" is about lights.
fn implied_domains(what: &What) -> Vec<Domain> {
    match what {
        What::Brightness(_) | What::Color(_) | What::Kelvin(_) | What::Effect(_) => {
            vec![Domain::Light]
        }
        What::Position(_) | What::Tilt(_) | What::Stop => vec![Domain::Cover],
        What::Temperature(_) | What::FanMode(_) => vec![Domain::Climate],
        What::Humidity(_) => vec![Domain::Humidifier],
        What::Speed(_) => vec![Domain::Fan],
        What::Lock | What::Unlock => vec![Domain::Lock],
        What::Arm(_) | What::Disarm => vec![Domain::AlarmControlPanel],
        What::TurnOn
        | What::TurnOff
        | What::Toggle
        | What::Open
        | What::Close
        | What::Start
        | What::Dock
        | What::Pause
        | What::Resume
        | What::Locate
        | What::Activate
        | What::Mode(_)
        | What::Number(_) => Vec::new(),
    }
}

/// The words of the target; `None` if a kind was said that Homard does not have.
fn target_words(found: &Match) -> Option<TargetWords> {
    let text = |slot: &str| {
        let slot = found.find(slot).filter(|slot| slot.source != Source::Context)?;
        slot.value.as_text().map(str::to_owned)
    };
    let mut domains = Vec::new();
    for word in found.slot("domain").map(Value::texts).unwrap_or_default() {
        match word {
            // What is harmless to switch off: see `models/sentences`.
            "everything" => domains.extend([Domain::Light, Domain::Fan]),
            word => domains.push(domain_of(word)?),
        }
    }
    let combination = found.about("slot_combination").and_then(Value::as_text);
    let scope = match (found.slot("scope").and_then(Value::as_text), combination) {
        (Some("here"), _) => Scope::Here,
        (Some("everywhere" | "all"), _) | (None, Some("domain_all")) => Scope::Everywhere,
        _ => Scope::Unsaid,
    };
    let class = found.find("device_class");
    Some(TargetWords {
        entities: Vec::new(),
        name: text("name"),
        area: text("area"),
        floor: text("floor"),
        domains,
        classes: class
            .map(|slot| slot.value.texts().into_iter().map(str::to_owned).collect())
            .unwrap_or_default(),
        class_word: class.map(|slot| slot.said.clone()).filter(|said| !said.is_empty()),
        scope,
        must_choose: false,
    })
}
