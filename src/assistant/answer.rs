//! From a question to its answer: values, yes or no, which ones, how many. It only looks; what is
//! from before the restart or from a device that is offline is said to be so.

use jiff::{Timestamp, Zoned};

use crate::home::Home;
use crate::home::action::Refusal;
use crate::home::domain::Domain;
use crate::home::entity::Entity;
use crate::home::id::EntityId;
use crate::home::place::Area;
use crate::home::target::{self, TargetWords};
use crate::intent::meaning::{About, Asked, Command, Question, Reading, What};
use crate::intent::response::{MAX_NAMED, Phrase};

use super::naming::is_person;
use super::{Answer, Speaker, measure};

/// A question and by whom it was asked.
#[derive(Clone, Copy)]
pub(super) struct Asker<'a> {
    pub(super) question: &'a Question,
    pub(super) reading: &'a Reading,
    pub(super) here: Option<&'a Area>,
    pub(super) home: &'a Home,
    pub(super) now: &'a Zoned,
}

/// What is known of one entity.
#[derive(Clone)]
pub(super) struct Fact<'h> {
    pub(super) entity: &'h Entity,
    /// Its state in Home Assistant's word; `None` if nothing is known.
    pub(super) word: Option<String>,
    pub(super) freshness: Freshness,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Freshness {
    Live,
    /// From before the restart; heard then.
    Restored(Option<Timestamp>),
    /// The device is gone; last heard then.
    Offline(Option<Timestamp>),
}

impl Speaker<'_> {
    pub(super) fn question(
        &self,
        question: &Question,
        reading: &Reading,
        here: Option<&Area>,
        home: &Home,
        now: &Zoned,
    ) -> (Answer, Vec<EntityId>) {
        let entities = match asked_about(question, here, home) {
            Ok(entities) => entities,
            Err(refused) => {
                let (refusal, words) = *refused;
                // A refusal is worded alike whether something was asked or wished.
                let asked = Command::new(What::TurnOn, words);
                let answer = self.no_target(&refusal, &asked, reading, home);
                return (Answer { continues: false, ..answer }, Vec::new());
            }
        };
        let found = entities.iter().filter_map(|id| home.entity(id.as_str()));
        let facts: Vec<Fact<'_>> = found.map(fact).collect();
        if let Some(foreign) = self.foreign() {
            let spoken_of = spoken_of(question, &facts, home);
            return (foreign.question(question, &facts, reading, home, now), spoken_of);
        }
        if let Some(answer) =
            self.owners().and_then(|owners| owners.state(question, &facts, reading, now))
        {
            return (answer, spoken_of(question, &facts, home));
        }
        let spoken_of = spoken_of(question, &facts, home);
        let asker = Asker { question, reading, here, home, now };
        let answer = match &question.about {
            About::State => self.answer(self.states(&asker, facts), reading),
            About::Temperature => self.measured(&asker, "temperature", facts),
            About::Measured(class) => self.measured(&asker, class, facts),
            About::Below(class, limit) => self.beyond(&asker, class, *limit, true, facts),
            About::Above(class, limit) => self.beyond(&asker, class, *limit, false, facts),
            About::Most(class) => self.extreme(&asker, class, true, facts),
            About::Least(class) => self.extreme(&asker, class, false, facts),
            About::Since => self.answer(self.since(&asker, &facts), reading),
            About::Where => self.answer(self.places(&asker, &facts), reading),
            About::Who => self.answer(self.who(&asker, facts), reading),
        };
        (answer, spoken_of)
    }

    fn states(&self, asker: &Asker<'_>, mut facts: Vec<Fact<'_>>) -> String {
        let Asker { question, reading, now, .. } = *asker;
        let state = question.state.as_deref().unwrap_or("on");
        match (question.kind, &facts[..]) {
            (Asked::One, _) => {
                facts.truncate(MAX_NAMED);
                let sentences: Vec<String> =
                    facts.iter().map(|fact| self.one(fact, reading, now)).collect();
                sentences.join(" ")
            }
            (Asked::YesNo, [fact]) => self.yes_or_no(fact, state, reading, now),
            // "Are the kitchen and the hall dark?"
            (Asked::YesNo, _) => self.several(Asked::All, state, &facts),
            (kind @ (Asked::Any | Asked::All | Asked::Which | Asked::HowMany), _) => {
                self.several(kind, state, &facts)
            }
        }
    }

    /// "The hall lamp is on."
    pub(super) fn one(&self, fact: &Fact<'_>, reading: &Reading, now: &Zoned) -> String {
        let what = self.said_name(fact.entity, reading);
        if let Some(text) = self.not_live(fact, &what, now) {
            return text;
        }
        let state = Phrase::plain(self.state(fact, &what));
        if let Some(text) = self.thermostat(fact, &what, &state) {
            return text;
        }
        self.voice.say("answer", "one", &[("what", &what), ("state", &state)])
    }

    pub(super) fn yes_or_no(
        &self,
        fact: &Fact<'_>,
        state: &str,
        reading: &Reading,
        now: &Zoned,
    ) -> String {
        let what = self.said_name(fact.entity, reading);
        if let Some(text) = self.not_live(fact, &what, now) {
            return text;
        }
        let key = if is_in_state(fact, state) { "yes" } else { "no" };
        let word = Phrase::plain(self.state(fact, &what));
        self.voice.say("answer", key, &[("what", &what), ("state", &word)])
    }

    /// What is to be said of a value that is not from now; `None` if it is.
    pub(super) fn not_live(&self, fact: &Fact<'_>, what: &Phrase, now: &Zoned) -> Option<String> {
        let state = fact.word.is_some().then(|| Phrase::plain(self.state(fact, what)));
        let when = |at: Option<Timestamp>| at.map(|at| Phrase::plain(self.when(at, now)));
        let (key, time) = match (fact.freshness, &state) {
            (Freshness::Live, Some(_)) => return None,
            (Freshness::Live, None) => ("unknown", None),
            (Freshness::Restored(at), Some(_)) => match when(at) {
                Some(time) => ("restored", Some(time)),
                None => ("restored_no_time", None),
            },
            (Freshness::Restored(_), None) => ("unknown", None),
            (Freshness::Offline(at), Some(_)) if at.is_some() => ("offline_was", when(at)),
            (Freshness::Offline(_), _) => ("offline", None),
        };
        let empty = Phrase::plain("");
        let gaps = [
            ("what", what),
            ("state", state.as_ref().unwrap_or(&empty)),
            ("time", time.as_ref().unwrap_or(&empty)),
        ];
        Some(self.voice.say("answer", key, &gaps))
    }

    /// "The thermostat is heating, at 20.5, set to 21."
    fn thermostat(&self, fact: &Fact<'_>, what: &Phrase, state: &Phrase) -> Option<String> {
        if fact.entity.domain != Domain::Climate {
            return None;
        }
        let view = fact.entity.view()?;
        let number = |name: &str| {
            let number = view.attributes.named(name)?.as_f64()?;
            Some(Phrase::plain(self.voice.measured(&number.to_string(), Some("°"))))
        };
        let (current, target) = (number("current_temperature")?, number("temperature")?);
        let gaps = [("what", what), ("state", state), ("current", &current), ("target", &target)];
        Some(self.voice.say("answer", "set_to", &gaps))
    }

    fn several(&self, kind: Asked, state: &str, facts: &[Fact<'_>]) -> String {
        let is_known = |fact: &&Fact<'_>| {
            fact.word.is_some() && !matches!(fact.freshness, Freshness::Offline(_))
        };
        let known: Vec<&Fact<'_>> = facts.iter().filter(is_known).collect();
        let (matched, other): (Vec<&Fact<'_>>, Vec<&Fact<'_>>) =
            known.into_iter().partition(|fact| is_in_state(fact, state));
        let names = |facts: &[&Fact<'_>]| {
            let names: Vec<Phrase> = facts.iter().map(|fact| self.name(fact.entity)).collect();
            match kind {
                Asked::Which => self.voice.long_list(&names),
                _ => self.voice.list(&names),
            }
        };
        // "None" agrees with what there is none of.
        let domain = facts.first().map_or("any", |fact| fact.entity.domain.word());
        let kind_of_all = |speaker: &Self| speaker.voice.the(&speaker.voice.kind(domain, false));
        let say = |key: &'static str, facts: &[&Fact<'_>]| {
            let what = names(facts);
            let count = Phrase::plain(facts.len().to_string());
            let state = facts.first().map(|fact| self.state(fact, &what)).unwrap_or_default();
            let state = Phrase::plain(state);
            let none = kind_of_all(self);
            let gaps = [("what", &what), ("count", &count), ("state", &state), ("kind", &none)];
            self.voice.say("answer", key, &gaps)
        };
        let mut sentences = Vec::new();
        if !matched.is_empty() || !other.is_empty() {
            sentences.push(match (kind, matched.is_empty(), other.is_empty()) {
                (Asked::Any, false, _) => say("any_yes", &matched),
                (Asked::Any, true, _) => say("any_no", &[]),
                (Asked::All, _, true) => say("all_yes", &[]),
                (Asked::All, _, false) => {
                    let is_alike = other.iter().all(|fact| fact.word == other[0].word);
                    say(if is_alike { "all_no" } else { "all_no_mixed" }, &other)
                }
                (Asked::HowMany, false, _) => say("how_many", &matched),
                (Asked::HowMany, true, _) => say("how_many_none", &[]),
                (_, false, _) => say("which", &matched),
                (_, true, _) => say("which_none", &[]),
            });
        }
        // What this answer does not know, it says.
        let offline = facts.iter().filter(|f| matches!(f.freshness, Freshness::Offline(_)));
        let offline: Vec<&Fact<'_>> = offline.collect();
        let silent = facts.iter().filter(|fact| {
            matches!(fact.freshness, Freshness::Restored(_))
                || fact.word.is_none() && fact.freshness == Freshness::Live
        });
        let silent: Vec<&Fact<'_>> = silent.collect();
        if !offline.is_empty() {
            sentences.push(say("are_offline", &offline));
        }
        if !silent.is_empty() {
            sentences.push(say("not_heard", &silent));
        }
        sentences.join(" ")
    }

    /// The entity by the name that was said, else by its own.
    pub(super) fn said_name(&self, entity: &Entity, reading: &Reading) -> Phrase {
        if is_person(entity) {
            return self.name(entity);
        }
        self.voice.the(&self.voice.noun(&entity.friendly_name, Some((reading, "name"))))
    }

    pub(super) fn state(&self, fact: &Fact<'_>, what: &Phrase) -> String {
        let word = fact.word.as_deref().unwrap_or("unknown");
        let entity = fact.entity;
        match entity.domain {
            Domain::Sensor | Domain::Number => {
                self.voice.measured(word, entity.traits.unit.as_deref())
            }
            Domain::BinarySensor => {
                self.voice.state(word, entity.traits.device_class.as_deref(), what)
            }
            _ => self.voice.state(word, None, what),
        }
    }

    /// "at 21:04", "yesterday at 21:04", "on 3 November at 21:04".
    pub(super) fn when(&self, at: Timestamp, now: &Zoned) -> String {
        let at = at.to_zoned(now.time_zone().clone());
        let clock = Phrase::plain(self.clock(&at));
        let key = if at.date() == now.date() {
            "today"
        } else if now.date().yesterday().is_ok_and(|yesterday| yesterday == at.date()) {
            "yesterday"
        } else {
            "day"
        };
        let month = at.month().to_string();
        let month = Phrase::plain(self.voice.find("months", &month).unwrap_or(&month));
        let day = Phrase::plain(at.day().to_string());
        let template = self.voice.word("time", key);
        self.voice.fill(template, &[("clock", &clock), ("day", &day), ("month", &month)])
    }
}

/// What a question is about.
///
/// # Errors
/// Why nothing was found, and for which words.
pub(super) fn asked_about(
    question: &Question,
    here: Option<&Area>,
    home: &Home,
) -> Result<Vec<EntityId>, Box<(Refusal, TargetWords)>> {
    let find = |words: &TargetWords| {
        target::to_ask(words, here, home).map_err(|refusal| Box::new((refusal, words.clone())))
    };
    let mut out = Vec::new();
    for words in &question.except {
        match find(words) {
            Ok(found) => out.extend(found.entities),
            Err(refused) if refused.0 == Refusal::NothingThere => {}
            Err(refused) => return Err(refused),
        }
    }
    let mut entities: Vec<EntityId> = Vec::new();
    for words in std::iter::once(&question.target).chain(&question.and) {
        let found = match find(words) {
            // What measures it may be on the thing, or elsewhere in the house.
            Err(refused)
                if refused.0 == Refusal::NothingThere && measure::is_measured(&question.about) =>
            {
                find(&measure::wider(words))?
            }
            found => found?,
        };
        let new = found.entities.into_iter().filter(|id| !out.contains(id));
        for id in new {
            if !entities.contains(&id) {
                entities.push(id);
            }
        }
    }
    match entities.is_empty() {
        true => Err(Box::new((Refusal::NothingThere, question.target.clone()))),
        false => Ok(entities),
    }
}

/// What an answer speaks of, for "turn them off" after it: of all that was asked about those that
/// measure the quantity, or those that are as was asked; all of them where none is.
fn spoken_of(question: &Question, facts: &[Fact<'_>], home: &Home) -> Vec<EntityId> {
    let ids = |facts: &mut dyn Iterator<Item = &Fact<'_>>| -> Vec<EntityId> {
        facts.map(|fact| fact.entity.id.clone()).collect()
    };
    let class = match &question.about {
        About::Temperature => Some("temperature"),
        About::Measured(class)
        | About::Below(class, _)
        | About::Above(class, _)
        | About::Most(class)
        | About::Least(class) => Some(&**class),
        About::State | About::Since | About::Where | About::Who => None,
    };
    if let Some(class) = class {
        return measure::measuring(class, facts, question, home);
    }
    let asks_for_some = matches!(question.kind, Asked::Any | Asked::Which | Asked::HowMany);
    let state = question.state.as_deref().filter(|_| asks_for_some);
    let so = ids(&mut facts.iter().filter(|fact| state.is_some_and(|s| is_in_state(fact, s))));
    if so.is_empty() { ids(&mut facts.iter()) } else { so }
}

pub(super) fn fact(entity: &Entity) -> Fact<'_> {
    let known = |word: &str| (!matches!(word, "unknown" | "unavailable")).then(|| word.to_owned());
    let shown = entity.view().and_then(|view| known(&view.word));
    if entity.is_restored() || entity.caps.is_none() {
        let freshness = Freshness::Restored(entity.heard_at);
        return Fact { entity, word: shown, freshness };
    }
    if !entity.is_available() {
        let last = match (&entity.state, &entity.caps) {
            (Some(state), Some(caps)) => state.word(caps).and_then(|word| known(&word)),
            _ => entity.restored.as_ref().and_then(|view| known(&view.word)),
        };
        return Fact { entity, word: last, freshness: Freshness::Offline(entity.heard_at) };
    }
    Fact { entity, word: shown, freshness: Freshness::Live }
}

/// Whether a state is what was asked for, in the word that the entity's kind has for it.
pub(super) fn is_in_state(fact: &Fact<'_>, asked: &str) -> bool {
    let Some(word) = fact.word.as_deref() else { return false };
    match fact.entity.domain {
        Domain::Climate | Domain::WaterHeater if asked == "on" => word != "off",
        Domain::BinarySensor => match asked {
            "open" | "unlocked" | "on" => word == "on",
            "closed" | "locked" | "off" => word == "off",
            other => word == other,
        },
        Domain::Cover | Domain::Valve => match asked {
            "open" | "on" => matches!(word, "open" | "opening" | "closing"),
            "closed" | "off" => word == "closed",
            other => word == other,
        },
        Domain::AlarmControlPanel => match asked {
            "armed" | "on" => !matches!(word, "disarmed" | "disarming"),
            "off" => word == "disarmed",
            other => word == other,
        },
        Domain::Lock => match asked {
            "unlocked" => matches!(word, "unlocked" | "open" | "unlocking" | "jammed"),
            other => word == other,
        },
        _ => word == asked,
    }
}
