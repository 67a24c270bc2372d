//! From a question to its answer: values, yes or no, which ones, how many. It only looks; what is
//! from before the restart or from a device that is offline is said to be so.

use jiff::{Timestamp, Zoned};

use crate::home::Home;
use crate::home::domain::Domain;
use crate::home::entity::Entity;
use crate::home::id::EntityId;
use crate::home::place::Area;
use crate::home::target;
use crate::intent::meaning::{About, Asked, Command, Question, Reading, What};
use crate::intent::response::Phrase;

use super::{Answer, Code, Speaker};

/// What is known of one entity.
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
        let found = match target::to_ask(&question.target, here, home) {
            Ok(found) => found,
            Err(refusal) => {
                let target = question.target.clone();
                // A refusal is worded alike whether something was asked or wished.
                let asked = Command::new(What::TurnOn, target);
                let answer = self.no_target(&refusal, &asked, reading, home);
                return (Answer { continues: false, ..answer }, Vec::new());
            }
        };
        let entities = found.entities.iter().filter_map(|id| home.entity(id.as_str()));
        let mut facts: Vec<Fact<'_>> = entities.map(fact).collect();
        if question.about == About::Temperature {
            let answer = self.temperature(question, facts, reading, here, home, now);
            return (answer, found.entities);
        }
        let state = question.state.as_deref().unwrap_or("on");
        let text = match question.kind {
            Asked::One => {
                facts.truncate(4);
                let sentences: Vec<String> =
                    facts.iter().map(|fact| self.one(fact, reading, now)).collect();
                sentences.join(" ")
            }
            Asked::YesNo => facts
                .first()
                .map(|fact| self.yes_or_no(fact, state, reading, now))
                .unwrap_or_default(),
            Asked::Any | Asked::All | Asked::Which | Asked::HowMany => {
                self.several(question.kind, state, &facts)
            }
        };
        (self.answer(text, reading), found.entities)
    }

    /// "The hall lamp is on."
    fn one(&self, fact: &Fact<'_>, reading: &Reading, now: &Zoned) -> String {
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

    fn yes_or_no(&self, fact: &Fact<'_>, state: &str, reading: &Reading, now: &Zoned) -> String {
        let what = self.said_name(fact.entity, reading);
        if let Some(text) = self.not_live(fact, &what, now) {
            return text;
        }
        let key = if is_in_state(fact, state) { "yes" } else { "no" };
        let word = Phrase::plain(self.state(fact, &what));
        self.voice.say("answer", key, &[("what", &what), ("state", &word)])
    }

    /// What is to be said of a value that is not from now; `None` if it is.
    fn not_live(&self, fact: &Fact<'_>, what: &Phrase, now: &Zoned) -> Option<String> {
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
            self.voice.list(&names)
        };
        let say = |key: &'static str, facts: &[&Fact<'_>]| {
            let what = names(facts);
            let count = Phrase::plain(facts.len().to_string());
            let state = facts.first().map(|fact| self.state(fact, &what)).unwrap_or_default();
            let state = Phrase::plain(state);
            let gaps = [("what", &what), ("count", &count), ("state", &state)];
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

    /// The temperature of a room or of a named thermostat.
    fn temperature(
        &self,
        question: &Question,
        facts: Vec<Fact<'_>>,
        reading: &Reading,
        here: Option<&Area>,
        home: &Home,
        now: &Zoned,
    ) -> Answer {
        let is_sensor = |fact: &&Fact<'_>| {
            fact.entity.domain == Domain::Sensor
                && fact.entity.traits.device_class.as_deref() == Some("temperature")
        };
        let measured = |fact: &Fact<'_>| -> Option<String> {
            if fact.entity.domain == Domain::Sensor {
                let unit = fact.entity.traits.unit.as_deref();
                return Some(self.voice.measured(fact.word.as_deref()?, unit));
            }
            let view = fact.entity.view()?;
            let current = view.attributes.named("current_temperature")?.as_f64()?;
            Some(self.voice.measured(&current.to_string(), Some("°")))
        };
        let sensors: Vec<&Fact<'_>> = facts.iter().filter(is_sensor).collect();
        let is_thermostat = |fact: &&Fact<'_>| {
            matches!(fact.entity.domain, Domain::Climate | Domain::WaterHeater)
                && (question.target.name.is_some() || measured(fact).is_some())
        };
        let sources: Vec<&Fact<'_>> = match sensors.is_empty() {
            true => facts.iter().filter(is_thermostat).collect(),
            false => sensors,
        };
        let text = match &sources[..] {
            [] => {
                let text = self.voice.say("refused", "nothing_there", &[]);
                return Answer::error(Code::NoValidTargets, text, self.code).of(reading);
            }
            [only] if only.freshness == Freshness::Live => match measured(only) {
                Some(value) => {
                    let value = Phrase::plain(value);
                    let area = match question.target.area.as_deref() {
                        Some(area) => Some(self.voice.noun(area, Some((reading, "area")))),
                        None => here
                            .filter(|here| {
                                home.area_of(only.entity).is_some_and(|area| area.id == here.id)
                            })
                            .map(|area| self.voice.noun(self.area_name(area), None)),
                    };
                    match area {
                        Some(area) => {
                            let in_area = self.voice.with("in", &area);
                            let gaps = [("value", &value), ("in_area", &in_area)];
                            self.voice.say("answer", "temperature", &gaps)
                        }
                        None => {
                            let what = self.said_name(only.entity, reading);
                            let gaps = [("what", &what), ("state", &value)];
                            self.voice.say("answer", "one", &gaps)
                        }
                    }
                }
                None => self.one(only, reading, now),
            },
            several => several
                .iter()
                .take(4)
                .map(|fact| self.one(fact, reading, now))
                .collect::<Vec<_>>()
                .join(" "),
        };
        self.answer(text, reading)
    }

    /// The entity by the name that was said, else by its own.
    fn said_name(&self, entity: &Entity, reading: &Reading) -> Phrase {
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
        Domain::Lock => match asked {
            "unlocked" => matches!(word, "unlocked" | "open" | "unlocking" | "jammed"),
            other => word == other,
        },
        _ => word == asked,
    }
}
