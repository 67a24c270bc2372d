//! Answers about what is measured, where things are, since when they are as they are, and who is
//! there. It only looks.

use jiff::Timestamp;

use crate::home::Home;
use crate::home::domain::Domain;
use crate::home::id::EntityId;
use crate::home::place::Area;
use crate::home::target::{Scope, TargetWords};
use crate::intent::meaning::{About, Asked, Question};
use crate::intent::response::{MAX_NAMED, Phrase};

use super::answer::{Asker, Fact, Freshness, fact, is_in_state};
use super::{Answer, Code, Speaker, condition};

/// Whether something measures what is asked.
pub(super) fn is_measured(about: &About) -> bool {
    match about {
        About::Temperature
        | About::Measured(_)
        | About::Below(..)
        | About::Above(..)
        | About::Most(_)
        | About::Least(_) => true,
        About::State | About::Since | About::Where | About::Who => false,
    }
}

/// The same words without the kind, and in the whole house where no place was said.
pub(super) fn wider(words: &TargetWords) -> TargetWords {
    let is_placed = words.area.is_some() || words.floor.is_some() || words.name.is_some();
    TargetWords {
        domains: Vec::new(),
        classes: Vec::new(),
        class_word: None,
        scope: if is_placed { words.scope } else { Scope::Everywhere },
        ..words.clone()
    }
}

/// A quantity of a thing: "12 %".
struct Reading<'h> {
    fact: Fact<'h>,
    /// The number, if it is one and known.
    number: Option<f64>,
    unit: Option<&'h str>,
}

impl Reading<'_> {
    fn is_live(&self) -> bool {
        self.fact.freshness == Freshness::Live
    }
}

/// What tells the quantity among these things, or on them: a sensor of its class, a sensor on the
/// same device, a thermostat's own measure.
fn readings<'h>(
    class: &str,
    facts: Vec<Fact<'h>>,
    is_named: bool,
    home: &'h Home,
) -> Vec<Reading<'h>> {
    let is_class = |fact: &Fact<'_>| fact.entity.traits.device_class.as_deref() == Some(class);
    let is_sensor = |fact: &Fact<'_>| fact.entity.domain == Domain::Sensor && is_class(fact);
    let read = |fact: Fact<'h>| Reading {
        number: condition::number(&fact),
        unit: condition::unit(fact.entity),
        fact,
    };
    let (sensors, others): (Vec<Fact<'_>>, Vec<Fact<'_>>) = facts.into_iter().partition(is_sensor);
    if !sensors.is_empty() {
        return sensors.into_iter().map(read).collect();
    }
    if is_named {
        let device = |fact: &Fact<'_>| fact.entity.device.clone();
        let devices: Vec<_> = others.iter().filter_map(device).collect();
        let on_it = home.entities().filter(|entity| {
            entity.is_enabled()
                && entity.device.as_ref().is_some_and(|device| devices.contains(device))
        });
        let on_it: Vec<Fact<'_>> = on_it.map(fact).filter(is_sensor).collect();
        if !on_it.is_empty() {
            return on_it.into_iter().map(read).collect();
        }
    }
    let own = |fact: Fact<'h>| {
        let (name, unit) = match (class, fact.entity.domain) {
            ("temperature", Domain::Climate | Domain::WaterHeater) => ("current_temperature", "°"),
            ("humidity", Domain::Climate | Domain::Humidifier) => ("current_humidity", "%"),
            ("battery", Domain::Vacuum | Domain::LawnMower) => ("battery_level", "%"),
            ("speed", Domain::Fan) => ("percentage", "%"),
            ("position", Domain::Cover) => ("current_position", "%"),
            ("tilt", Domain::Cover) => ("current_tilt_position", "%"),
            ("illuminance", Domain::Light) => ("brightness", "%"),
            _ => return None,
        };
        let view = fact.entity.view()?;
        let number = view.attributes.named(name).and_then(|value| value.as_f64());
        let number = match name {
            // Of 255.
            "brightness" => number.map(|number| (number / 2.55).round()),
            _ => number,
        };
        (number.is_some() || is_named).then_some(Reading { number, unit: Some(unit), fact })
    };
    let (warners, others): (Vec<Fact<'_>>, Vec<Fact<'_>>) = others
        .into_iter()
        .partition(|fact| fact.entity.domain == Domain::BinarySensor && is_class(fact));
    let own: Vec<Reading<'_>> = others.into_iter().filter_map(own).collect();
    match own.is_empty() {
        // "The battery is low" is all that some things say.
        true => {
            warners.into_iter().map(|fact| Reading { number: None, unit: None, fact }).collect()
        }
        false => own,
    }
}

/// Whether something on these things tells the quantity of a device class.
fn is_told(class: &str, facts: &[Fact<'_>], home: &Home) -> bool {
    !readings(class, facts.to_vec(), true, home).is_empty()
}

/// Which of these things tell the quantity of a device class.
pub(super) fn measuring(
    class: &str,
    facts: &[Fact<'_>],
    question: &Question,
    home: &Home,
) -> Vec<EntityId> {
    let is_named = question.target.name.is_some() || !question.target.entities.is_empty();
    let found = readings(class, facts.to_vec(), is_named, home).into_iter();
    found.map(|one| one.fact.entity.id.clone()).collect()
}

impl Speaker<'_> {
    /// "It is 21.5 °C in the kitchen." "The bedroom humidity is 61 %."
    pub(super) fn measured(&self, asker: &Asker<'_>, class: &str, facts: Vec<Fact<'_>>) -> Answer {
        let Asker { question, reading, here, home, now } = *asker;
        let is_named = question.target.name.is_some() || !question.target.entities.is_empty();
        // "Is the washing machine done", where nothing tells how long: how it is.
        if class == "duration" && is_named && facts.len() == 1 && !is_told(class, &facts, home) {
            let text = self.one(&facts[0], reading, now);
            return self.answer(text, reading);
        }
        let found = readings(class, facts, is_named, home);
        let text = match &found[..] {
            [] => {
                let text = self.voice.say("refused", "nothing_there", &[]);
                return Answer::error(Code::NoValidTargets, text, self.code).of(reading);
            }
            [only] if only.is_live() && only.number.is_some() => {
                let value = Phrase::plain(self.amount(only));
                let area =
                    (class == "temperature").then(|| self.asked_area(asker, only, here)).flatten();
                match area {
                    Some(in_area) => {
                        let gaps = [("value", &value), ("in_area", &in_area)];
                        self.voice.say("answer", "temperature", &gaps)
                    }
                    None => {
                        let what = self.said_name(only.fact.entity, reading);
                        self.voice.say("answer", "one", &[("what", &what), ("state", &value)])
                    }
                }
            }
            few if few.len() <= MAX_NAMED => few
                .iter()
                .map(|only| match only.fact.entity.domain {
                    Domain::Sensor | Domain::BinarySensor | Domain::Climate => {
                        self.one(&only.fact, reading, now)
                    }
                    _ => {
                        let what = self.name(only.fact.entity);
                        let value = Phrase::plain(self.amount(only));
                        self.voice.say("answer", "one", &[("what", &what), ("state", &value)])
                    }
                })
                .collect::<Vec<_>>()
                .join(" "),
            many => {
                let named: Vec<Phrase> = many.iter().map(|one| self.with_amount(one)).collect();
                self.voice.say("answer", "which", &[("what", &self.voice.list(&named))])
            }
        };
        self.answer(text, reading)
    }

    /// "Which room is the warmest?" "Which battery is the emptiest?"
    pub(super) fn extreme(
        &self,
        asker: &Asker<'_>,
        class: &str,
        is_most: bool,
        facts: Vec<Fact<'_>>,
    ) -> Answer {
        let found = readings(class, facts, false, asker.home).into_iter();
        let known = found.filter(|one| one.is_live()).filter_map(|one| Some((one.number?, one)));
        let best = match is_most {
            true => known.max_by(|a, b| a.0.total_cmp(&b.0)),
            false => known.min_by(|a, b| a.0.total_cmp(&b.0)),
        };
        let Some((_, best)) = best else {
            let text = self.voice.say("refused", "nothing_there", &[]);
            return Answer::error(Code::NoValidTargets, text, self.code).of(asker.reading);
        };
        let value = Phrase::plain(self.amount(&best));
        let what = self.said_name(best.fact.entity, asker.reading);
        let gaps = [("what", &what), ("state", &value)];
        self.answer(self.voice.say("answer", "one", &gaps), asker.reading)
    }

    /// Where a temperature is measured, if the place was said or is the speaker's.
    fn asked_area(
        &self,
        asker: &Asker<'_>,
        only: &Reading<'_>,
        here: Option<&Area>,
    ) -> Option<Phrase> {
        let noun = match asker.question.target.area.as_deref() {
            Some(area) => self.voice.noun(area, Some((asker.reading, "area"))),
            None => {
                let is_here = |here: &&Area| {
                    asker.home.area_of(only.fact.entity).is_some_and(|area| area.id == here.id)
                };
                self.voice.noun(self.area_name(here.filter(is_here)?), None)
            }
        };
        Some(self.voice.with("in", &noun))
    }

    /// "Which batteries are below 20 %?"
    pub(super) fn beyond(
        &self,
        asker: &Asker<'_>,
        class: &str,
        limit: f64,
        is_below: bool,
        facts: Vec<Fact<'_>>,
    ) -> Answer {
        let question = asker.question;
        let is_named = question.target.name.is_some() || !question.target.entities.is_empty();
        let found = readings(class, facts, is_named, asker.home);
        if found.is_empty() {
            let text = self.voice.say("refused", "nothing_there", &[]);
            return Answer::error(Code::NoValidTargets, text, self.code).of(asker.reading);
        }
        let is_beyond = |one: &&Reading<'_>| match one.number {
            Some(number) if is_below => number < limit,
            Some(number) => number > limit,
            // A battery's warning.
            None => is_below && is_in_state(&one.fact, "on"),
        };
        let known: Vec<&Reading<'_>> = found.iter().filter(|one| one.is_live()).collect();
        let beyond: Vec<&Reading<'_>> = known.iter().copied().filter(is_beyond).collect();
        let named: Vec<Phrase> = beyond.iter().map(|one| self.with_amount(one)).collect();
        let what = self.voice.list(&named);
        let count = Phrase::plain(beyond.len().to_string());
        let kind = self.voice.the(&self.voice.kind("sensor", false));
        let key = match (question.kind, beyond.len(), known.len()) {
            (Asked::YesNo | Asked::Any, 0, _) => "any_no",
            (Asked::YesNo | Asked::Any, _, _) => "any_yes",
            (Asked::All, n, all) if n == all => "all_yes",
            (Asked::All, _, _) => "any_no",
            (Asked::HowMany, 0, _) => "how_many_none",
            (Asked::HowMany, _, _) => "how_many",
            (Asked::One | Asked::Which, 0, _) => "which_none",
            (Asked::One | Asked::Which, _, _) => "which",
        };
        let gaps = [("what", &what), ("count", &count), ("kind", &kind)];
        let mut text = self.voice.say("answer", key, &gaps);
        let silent: Vec<Phrase> = found
            .iter()
            .filter(|one| !one.is_live())
            .map(|one| self.name(one.fact.entity))
            .collect();
        if !silent.is_empty() {
            let what = self.voice.list(&silent);
            text.push(' ');
            text.push_str(&self.voice.say("answer", "not_heard", &[("what", &what)]));
        }
        self.answer(text, asker.reading)
    }

    /// "12 %".
    fn amount(&self, one: &Reading<'_>) -> String {
        match one.number {
            Some(number) => self.voice.measured(&number.to_string(), one.unit),
            None => self.state(&one.fact, &self.name(one.fact.entity)),
        }
    }

    /// "the hall sensor (12 %)".
    fn with_amount(&self, one: &Reading<'_>) -> Phrase {
        let name = self.name(one.fact.entity);
        Phrase { text: format!("{} ({})", name.text, self.amount(one)), ..name }
    }

    /// "The kitchen light has been on since 8:35, for 2 hours."
    pub(super) fn since(&self, asker: &Asker<'_>, facts: &[Fact<'_>]) -> String {
        let one = |fact: &Fact<'_>| {
            let what = self.said_name(fact.entity, asker.reading);
            if let Some(text) = self.not_live(fact, &what, asker.now) {
                return text;
            }
            let at = fact.entity.changed_at;
            let state = Phrase::plain(self.state(fact, &what));
            let time = Phrase::plain(self.since_when(at, asker));
            let age = Phrase::plain(self.age(at, asker.now.timestamp()));
            let gaps = [("what", &what), ("state", &state), ("time", &time), ("age", &age)];
            self.voice.say("answer", "since", &gaps)
        };
        // "Since when is the garage door open" is about the one that is.
        let asked = asker.question.state.as_deref();
        let is_so = |fact: &&Fact<'_>| asked.is_some_and(|state| is_in_state(fact, state));
        let so: Vec<&Fact<'_>> = facts.iter().filter(is_so).collect();
        let told = if so.is_empty() { facts.iter().collect() } else { so };
        told.into_iter().take(MAX_NAMED).map(one).collect::<Vec<_>>().join(" ")
    }

    /// "8:35", "yesterday at 21:04".
    fn since_when(&self, at: Timestamp, asker: &Asker<'_>) -> String {
        let then = at.to_zoned(asker.now.time_zone().clone());
        match then.date() == asker.now.date() {
            true => self.clock(&then),
            false => self.when(at, asker.now),
        }
    }

    /// "5 minutes", "2 hours".
    fn age(&self, at: Timestamp, now: Timestamp) -> String {
        let seconds = now.as_second().saturating_sub(at.as_second()).max(0);
        let (n, unit) = match seconds {
            0..60 => (seconds, "second"),
            60..7_200 => (seconds / 60, "minute"),
            7_200..172_800 => (seconds / 3_600, "hour"),
            _ => (seconds / 86_400, "day"),
        };
        let forms = self.voice.find("units", unit).unwrap_or(unit);
        let form = forms.split('|').nth(usize::from(n > 1)).unwrap_or(forms);
        format!("{n} {form}")
    }

    /// "The robot is in the kitchen."
    pub(super) fn places(&self, asker: &Asker<'_>, facts: &[Fact<'_>]) -> String {
        let one = |fact: &Fact<'_>| {
            let what = self.said_name(fact.entity, asker.reading);
            if fact.entity.domain == Domain::DeviceTracker {
                return self.one(fact, asker.reading, asker.now);
            }
            match asker.home.area_of(fact.entity) {
                Some(area) => {
                    let in_area = self.voice.noun(self.area_name(area), None);
                    let in_area = self.voice.with("in", &in_area);
                    self.voice.say("answer", "where", &[("what", &what), ("in_area", &in_area)])
                }
                None => self.voice.say("answer", "nowhere", &[("what", &what)]),
            }
        };
        facts.iter().take(MAX_NAMED).map(one).collect::<Vec<_>>().join(" ")
    }

    /// "Who is at home?" "Is Anna at home?" "Where is Anna?"
    pub(super) fn who(&self, asker: &Asker<'_>, facts: Vec<Fact<'_>>) -> String {
        let question = asker.question;
        let is_person = |fact: &Fact<'_>| {
            fact.entity.domain == Domain::DeviceTracker
                || fact.entity.traits.device_class.as_deref() == Some("presence")
        };
        let is_named = question.target.name.is_some() || !question.target.entities.is_empty();
        let people: Vec<Fact<'_>> =
            facts.into_iter().filter(|fact| is_named || is_person(fact)).collect();
        if people.is_empty() {
            return self.voice.say("answer", "who_unknown", &[]);
        }
        let state = question.state.as_deref().unwrap_or("home");
        let is_there = |fact: &Fact<'_>| match fact.entity.domain {
            Domain::BinarySensor => is_in_state(fact, if state == "home" { "on" } else { "off" }),
            _ => is_in_state(fact, state),
        };
        if let (true, [only]) = (is_named, &people[..]) {
            let what = self.said_name(only.entity, asker.reading);
            if let Some(text) = self.not_live(only, &what, asker.now) {
                return text;
            }
            if question.kind == Asked::YesNo {
                let key = if is_there(only) { "yes" } else { "no" };
                let word = Phrase::plain(self.state(only, &what));
                return self.voice.say("answer", key, &[("what", &what), ("state", &word)]);
            }
            return self.one(only, asker.reading, asker.now);
        }
        let (known, silent): (Vec<&Fact<'_>>, Vec<&Fact<'_>>) = people
            .iter()
            .partition(|fact| fact.freshness == Freshness::Live && fact.word.is_some());
        let there: Vec<&&Fact<'_>> = known.iter().filter(|fact| is_there(fact)).collect();
        let names: Vec<Phrase> = there.iter().map(|fact| self.name(fact.entity)).collect();
        let what = self.voice.list(&names);
        let count = Phrase::plain(there.len().to_string());
        let key = match (question.kind, there.len(), known.len()) {
            (_, 0, 0) => "who_unknown",
            (Asked::Any | Asked::YesNo, 0, _) => "any_no",
            (Asked::Any | Asked::YesNo, _, _) => "any_yes",
            (Asked::All, n, all) if n == all => "all_yes",
            (Asked::All, _, _) => "any_no",
            (_, 0, _) => "who_none",
            (Asked::HowMany, _, _) => "how_many",
            (Asked::One | Asked::Which, _, _) => "which",
        };
        let mut text = self.voice.say("answer", key, &[("what", &what), ("count", &count)]);
        if !silent.is_empty() && key != "who_unknown" {
            let names: Vec<Phrase> = silent.iter().map(|fact| self.name(fact.entity)).collect();
            let what = self.voice.list(&names);
            text.push(' ');
            text.push_str(&self.voice.say("answer", "not_heard", &[("what", &what)]));
        }
        text
    }
}
