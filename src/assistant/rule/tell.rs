//! A rule in words: "When the front door opens, if it is dark: turn on the hall light, after 5 minutes turn off the hall
//! light." Made from the rule itself, so that what is shown is what is armed, whoever wrote it. What it cannot say it names
//! as such.

use std::sync::Arc;

use crate::automation::rule::condition::{self, Condition};
use crate::automation::rule::trigger::{self, At, Bound, Match, Range, Trigger};
use crate::automation::rule::{Expr, Rule, native};
use crate::home::Home;
use crate::home::domain::Domain;
use crate::home::entity::Entity;
use crate::home::id::EntityId;
use crate::home::rhythm::{Days, Rhythm};
use crate::intent::response::{Phrase, capital};

use crate::assistant::answer::{Fact, Freshness};
use crate::assistant::naming::is_person;
use crate::assistant::{Speaker, condition as tested};

use super::deeds::{plain, seconds};

/// Conditions in conditions, and steps in steps, are not told deeper than this.
pub(super) const DEEPEST: usize = 4;

impl Speaker<'_> {
    /// The whole rule as one sentence.
    pub(super) fn rule(&self, rule: &Rule, home: &Home) -> String {
        let mut days = None;
        let mut holds: Vec<String> = Vec::new();
        for condition in rule.conditions.iter().filter(|condition| condition.is_enabled) {
            match &condition.kind {
                condition::Kind::Time { after: None, before: None, days: Some(on) } => {
                    days = Some(*on);
                }
                _ => holds.extend(self.hold(condition, home, 0)),
            }
        }
        let events = self.events(&rule.triggers, &mut days, home);
        holds.extend(days.map(|on| self.on_days(on)));
        let does = self.steps(&rule.steps, home, 0);
        let holds = match holds.is_empty() {
            true => String::new(),
            false => {
                let list = self.joined(&holds, "and");
                self.voice.fill(self.voice.word("rule", "holds"), &[("list", &list)])
            }
        };
        let (events, holds, does) =
            (Phrase::plain(events), Phrase::plain(holds), Phrase::plain(does));
        let gaps = [("events", &events), ("holds", &holds), ("does", &does)];
        let text = self.voice.say("rule", "whole", &gaps);
        // « S'il fait nuit ».
        match self.voice.find("rule", "elided").and_then(|forms| forms.split_once('|')) {
            Some((full, short)) => text.replace(full, short),
            None => text,
        }
    }

    /// What begins it: "when the front door opens", "every weekday at 7:00".
    pub(super) fn events(
        &self,
        triggers: &[Trigger],
        days: &mut Option<Days>,
        home: &Home,
    ) -> String {
        let events: Vec<String> = triggers
            .iter()
            .filter(|trigger| trigger.is_enabled)
            .map(|trigger| self.event(&trigger.kind, days, home))
            .collect();
        match events.is_empty() {
            true => self.word("never"),
            false => self.joined(&events, "or").text,
        }
    }

    /// What has happened, as a sentence: "The front door opens".
    pub(super) fn happened(&self, triggers: &[Trigger], home: &Home) -> String {
        let clause = |trigger: &Trigger| match &trigger.kind {
            trigger::Kind::State(state) => {
                Some(self.for_length(self.changes(state, home), state.length.as_ref()))
            }
            trigger::Kind::Numeric(numeric) => {
                let clause = self.range(&numeric.range, home);
                Some(self.for_length(clause, numeric.length.as_ref()))
            }
            _ => None,
        };
        let clauses: Vec<String> = triggers.iter().filter_map(clause).collect();
        match clauses.is_empty() {
            true => self.events(triggers, &mut None, home),
            false => self.joined(&clauses, "or").text,
        }
    }

    pub(super) fn word(&self, key: &'static str) -> String {
        self.voice.word("rule", key).to_owned()
    }

    pub(super) fn joined(&self, texts: &[String], with: &'static str) -> Phrase {
        let (last, rest) = match texts.split_last() {
            Some((last, rest)) if !rest.is_empty() => (last, rest),
            _ => return Phrase::plain(texts.concat()),
        };
        let comma = self.voice.word("join", "comma");
        Phrase::plain(format!("{}{}{last}", rest.join(comma), self.voice.word("join", with)))
    }

    fn event(&self, kind: &trigger::Kind, days: &mut Option<Days>, home: &Home) -> String {
        let when = |clause: String| {
            let clause = Phrase::plain(clause);
            self.voice.fill(self.voice.word("rule", "when"), &[("event", &clause)])
        };
        match kind {
            trigger::Kind::Time { at, days: on } => {
                let on = match *on {
                    Days::DAILY => days.take().unwrap_or(Days::DAILY),
                    on => on,
                };
                let times: Vec<String> = at.iter().map(|at| self.time(at, on, home)).collect();
                self.joined(&times, "or").text
            }
            trigger::Kind::Sun { is_rise, offset_s } => {
                let days = days.take().unwrap_or(Days::DAILY);
                self.rhythm(Rhythm::Sun { days, is_rise: *is_rise, offset_s: *offset_s })
            }
            trigger::Kind::State(state) => {
                let clause = self.changes(state, home);
                when(self.for_length(clause, state.length.as_ref()))
            }
            trigger::Kind::Numeric(numeric) => {
                let clause = self.range(&numeric.range, home);
                when(self.for_length(clause, numeric.length.as_ref()))
            }
            trigger::Kind::Pattern(_) => self.word("regularly"),
            trigger::Kind::Template { .. } => when(self.word("template")),
            trigger::Kind::Event { names, .. } => {
                let names: Vec<String> = names.iter().map(plain).collect();
                let names = Phrase::plain(names.join(", "));
                when(self.voice.fill(self.voice.word("rule", "event"), &[("name", &names)]))
            }
            trigger::Kind::Device(device) => {
                let what = format!("{} {}", device.kind, device.subtype).replace('_', " ");
                let name = Phrase::plain(what);
                when(self.voice.fill(self.voice.word("rule", "button"), &[("name", &name)]))
            }
            trigger::Kind::Topic(topic) => {
                let name = Phrase::plain(&*topic.filter);
                when(self.voice.fill(self.voice.word("rule", "message"), &[("name", &name)]))
            }
            trigger::Kind::Tag { .. } => when(self.word("tag")),
            trigger::Kind::Start => when(self.word("start")),
            trigger::Kind::Never => self.word("never"),
        }
    }

    fn time(&self, at: &At, days: Days, home: &Home) -> String {
        match at {
            At::Clock(second) => {
                let (hour, minute) = ((second / 3_600) as u8, (second / 60 % 60) as u8);
                self.rhythm(Rhythm::Clock { days, hour, minute })
            }
            At::Entity { id, .. } => {
                let what = self.ids(std::slice::from_ref(id), home);
                self.voice.fill(self.voice.word("rule", "at_entity"), &[("what", &what)])
            }
        }
    }

    /// "… for 10 minutes".
    fn for_length(&self, clause: String, length: Option<&Expr>) -> String {
        let Some(length) = length.and_then(seconds) else { return clause };
        let (clause, length) = (Phrase::plain(clause), Phrase::plain(self.length(length)));
        self.voice.fill(self.voice.word("rule", "for"), &[("event", &clause), ("length", &length)])
    }

    /// "the front door opens".
    fn changes(&self, state: &trigger::StateTrigger, home: &Home) -> String {
        let entities = found(&state.entities, home);
        let what = self.ids(&state.entities, home);
        let one = |value: &Match| match value {
            Match::OneOf(values) => values.first().and_then(native::word),
            _ => None,
        };
        let (from, to) = (one(&state.from), one(&state.to));
        let first = entities.first().copied();
        let has_people = !entities.is_empty() && entities.iter().all(|entity| is_person(entity));
        if has_people && entities.len() > 1 {
            let key = match (from.as_deref(), to.as_deref()) {
                (_, Some("home")) => Some("somebody_comes"),
                (Some("home"), _) => Some("somebody_leaves"),
                _ => None,
            };
            if let Some(key) = key {
                return self.word(key);
            }
        }
        let word = to.as_deref();
        let key = first.and_then(|entity| change_key(entity, from.as_deref(), word));
        let several = state.entities.len() > 1;
        let what = if several {
            Phrase { is_plural: false, ..self.either(&entities, what) }
        } else {
            what
        };
        if let (Some(key), None) = (key, &state.attribute) {
            return self.voice.fill(self.voice.word("rule_when", key), &[("what", &what)]);
        }
        let name = match (&state.attribute, word, first) {
            (Some(attribute), ..) => attribute.replace('_', " "),
            (None, Some(word), Some(entity)) => self.state_word(entity, word, &what),
            (None, Some(word), None) => word.to_owned(),
            (None, None, _) => {
                return self
                    .voice
                    .fill(self.voice.word("rule_when", "changes"), &[("what", &what)]);
            }
        };
        let state = Phrase::plain(name);
        let gaps = [("what", &what), ("state", &state)];
        self.voice.fill(self.voice.word("rule_when", "becomes"), &gaps)
    }

    /// "the front door or the back door".
    fn either(&self, entities: &[&Entity], what: Phrase) -> Phrase {
        let names: Vec<Phrase> = entities.iter().map(|entity| self.name(entity)).collect();
        if names.is_empty() { what } else { self.voice.choice(&names) }
    }

    fn range(&self, range: &Range, home: &Home) -> String {
        let entities = found(&range.entities, home);
        let what = self.ids(&range.entities, home);
        let unit = entities.first().and_then(|entity| tested::unit(entity));
        let bound = |bound: &Option<Bound>| {
            Some(Phrase::plain(match bound.as_ref()? {
                Bound::Number(number) => self.voice.measured(&number.to_string(), unit),
                Bound::Entity(id) => self.ids(std::slice::from_ref(id), home).text,
            }))
        };
        let say = |key: &'static str, gaps: &[(&str, &Phrase)]| {
            self.voice.fill(self.voice.word("rule_when", key), gaps)
        };
        match (bound(&range.above), bound(&range.below)) {
            (Some(above), Some(below)) => {
                say("between", &[("what", &what), ("above", &above), ("below", &below)])
            }
            (Some(above), None) => say("above", &[("what", &what), ("value", &above)]),
            (None, Some(below)) => say("below", &[("what", &what), ("value", &below)]),
            (None, None) => say("changes", &[("what", &what)]),
        }
    }

    /// What must hold: "it is dark", "nobody is at home".
    pub(super) fn hold(&self, condition: &Condition, home: &Home, depth: usize) -> Option<String> {
        use condition::{Kind, Sun};
        if depth > DEEPEST {
            return Some(self.word("and_more"));
        }
        let all = |conditions: &[Condition]| -> Vec<String> {
            conditions.iter().filter_map(|c| self.hold(c, home, depth + 1)).collect()
        };
        let is_sun = |condition: &Condition, wanted: (Option<bool>, Option<bool>)| {
            let rise = |sun: &Option<Sun>| sun.filter(|sun| sun.offset_s == 0.0).map(|s| s.is_rise);
            matches!(&condition.kind, Kind::Sun { after, before } if (rise(after), rise(before)) == wanted)
        };
        Some(match &condition.kind {
            // After sunset, or before sunrise.
            Kind::Or(two)
                if two.len() == 2
                    && is_sun(&two[0], (Some(false), None))
                    && is_sun(&two[1], (None, Some(true))) =>
            {
                self.word("dark")
            }
            Kind::And(several) => self.joined(&all(several), "and").text,
            Kind::Or(several) => self.joined(&all(several), "or").text,
            Kind::Not(several) => {
                if let [Condition { kind: Kind::State { entities, states, .. }, .. }] = &several[..]
                    && found(entities, home).iter().all(|entity| is_person(entity))
                    && states.iter().any(|state| state.as_str() == Some("home"))
                    && entities.len() > 1
                {
                    return Some(self.word("nobody_home"));
                }
                let list = self.joined(&all(several), "or");
                self.voice.fill(self.voice.word("rule", "not"), &[("list", &list)])
            }
            Kind::State { entities, attribute, states, is_any, .. } => {
                let things = found(entities, home);
                let what = self.ids(entities, home);
                let has_people = things.len() > 1 && things.iter().all(|entity| is_person(entity));
                let is_home = states.iter().any(|state| state.as_str() == Some("home"));
                if has_people && is_home && *is_any {
                    return Some(self.word("somebody_home"));
                }
                let what = match *is_any && entities.len() > 1 {
                    true => Phrase { is_plural: false, ..self.either(&things, what) },
                    false => what,
                };
                let mut words: Vec<String> = Vec::new();
                let is_armed = states.len() > 2
                    && states.iter().all(|s| s.as_str().is_some_and(|s| s.starts_with("armed")));
                if is_armed {
                    words.push(self.word("armed"));
                } else {
                    for state in states {
                        let word = native::word(state).unwrap_or_default();
                        words.push(match things.first() {
                            Some(entity) if attribute.is_none() => {
                                self.state_word(entity, &word, &what)
                            }
                            _ => word.to_string(),
                        });
                    }
                }
                let state = self.joined(&words, "or");
                let gaps = [("what", &what), ("state", &state)];
                self.voice.fill(self.voice.word("rule_if", "state"), &gaps)
            }
            Kind::Numeric(range) => self.range_now(range, home),
            Kind::Time { after, before, days } => {
                let clock = |at: &Option<At>| match at.as_ref()? {
                    At::Clock(second) => Some(Phrase::plain(
                        self.clock_of(i64::from(second / 3_600), i64::from(second / 60 % 60)),
                    )),
                    At::Entity { id, .. } => Some(self.ids(std::slice::from_ref(id), home)),
                };
                let say = |key: &'static str, gaps: &[(&str, &Phrase)]| {
                    self.voice.fill(self.voice.word("rule_if", key), gaps)
                };
                let mut texts: Vec<String> = Vec::new();
                texts.extend(match (clock(after), clock(before)) {
                    (Some(after), Some(before)) => {
                        Some(say("between", &[("after", &after), ("before", &before)]))
                    }
                    (Some(after), None) => Some(say("after", &[("time", &after)])),
                    (None, Some(before)) => Some(say("before", &[("time", &before)])),
                    (None, None) => None,
                });
                texts.extend(days.map(|on| self.on_days(on)));
                self.joined(&texts, "and").text
            }
            Kind::Sun { .. } if is_sun(condition, (Some(true), Some(false))) => self.word("light"),
            Kind::Sun { after, before } => {
                let key = match (after, before) {
                    (Some(sun), _) if sun.is_rise => "after_sunrise",
                    (Some(_), _) => "after_sunset",
                    (None, Some(sun)) if sun.is_rise => "before_sunrise",
                    _ => "before_sunset",
                };
                self.word(key)
            }
            Kind::Template(_) => match &condition.alias {
                Some(alias) => alias.to_string(),
                None => self.word("template_holds"),
            },
            Kind::Trigger(_) => self.word("and_more"),
            Kind::Never => self.word("never_holds"),
        })
    }

    fn range_now(&self, range: &Range, home: &Home) -> String {
        let what = self.ids(&range.entities, home);
        let unit = found(&range.entities, home).first().and_then(|entity| tested::unit(entity));
        let value = |bound: &Option<Bound>| match bound.as_ref()? {
            Bound::Number(number) => {
                Some(Phrase::plain(self.voice.measured(&number.to_string(), unit)))
            }
            Bound::Entity(id) => Some(self.ids(std::slice::from_ref(id), home)),
        };
        let texts: Vec<String> = [("above", value(&range.above)), ("below", value(&range.below))]
            .into_iter()
            .filter_map(|(key, value)| {
                let gaps = [("what", &what), ("value", &value?)];
                Some(self.voice.fill(self.voice.word("rule_if", key), &gaps))
            })
            .collect();
        self.joined(&texts, "and").text
    }

    /// "on weekdays".
    fn on_days(&self, days: Days) -> String {
        let key = match days {
            Days::WEEKDAYS => "on_weekdays",
            Days::WEEKEND => "on_weekend",
            _ => {
                let name = |day: u8| {
                    let key = (day + 1).to_string();
                    self.voice.find("weekdays", &key).unwrap_or(&key).to_owned()
                };
                // Of most days those are told on which it is not.
                let others = Days::from_bits(!days.bits());
                let (key, told) = match others.filter(|others| others.each().count() < 3) {
                    Some(others) => ("not_on_days", others),
                    None => ("on_days", days),
                };
                let names: Vec<String> = told.each().map(name).collect();
                let names = self.joined(&names, "or");
                return self.voice.fill(self.voice.word("rule", key), &[("days", &names)]);
            }
        };
        self.word(key)
    }

    /// The names of these entities.
    pub(super) fn ids(&self, ids: &[Arc<str>], home: &Home) -> Phrase {
        let known: Vec<EntityId> = found(ids, home).iter().map(|e| e.id.clone()).collect();
        match known.is_empty() {
            true => Phrase::plain(ids.join(", ")),
            false => self.named(&known, known.len(), home),
        }
    }

    fn state_word(&self, entity: &Entity, word: &str, what: &Phrase) -> String {
        let (word, freshness) = (Some(word.to_owned()), Freshness::Live);
        self.state(&Fact { entity, word, freshness }, what)
    }

    /// The sentence as the name of a rule.
    pub(super) fn rule_name(&self, sentence: &str) -> String {
        const LONGEST: usize = 80;
        let name = capital(sentence.trim_end_matches('.'));
        match name.char_indices().nth(LONGEST) {
            Some((at, _)) => format!("{}…", name[..at].trim_end()),
            None => name,
        }
    }
}

fn found<'h>(ids: &[Arc<str>], home: &'h Home) -> Vec<&'h Entity> {
    ids.iter().filter_map(|id| home.entity(id)).collect()
}

/// The key of the words for a change to a state.
fn change_key(entity: &Entity, from: Option<&str>, to: Option<&str>) -> Option<&'static str> {
    let class = entity.traits.device_class.as_deref();
    Some(match (entity.domain, class, to) {
        (Domain::DeviceTracker, _, Some("home")) => "arrives",
        (Domain::DeviceTracker, ..) if from == Some("home") => "leaves",
        (Domain::BinarySensor, Some("door" | "window" | "opening" | "garage_door"), Some("on"))
        | (Domain::Cover | Domain::Valve, _, Some("open")) => "opens",
        (
            Domain::BinarySensor,
            Some("door" | "window" | "opening" | "garage_door"),
            Some("off"),
        )
        | (Domain::Cover | Domain::Valve, _, Some("closed")) => "closes",
        (Domain::BinarySensor, Some("motion" | "occupancy"), Some("on")) => "moves",
        (Domain::BinarySensor, Some("motion" | "occupancy"), Some("off")) => "is_still",
        (Domain::BinarySensor, Some("moisture" | "smoke" | "gas"), Some("on")) => "reports",
        (Domain::BinarySensor, Some("running"), Some("off")) => "is_done",
        (Domain::Lock, _, Some("locked")) => "is_locked",
        (Domain::Lock, _, Some("unlocked")) => "is_unlocked",
        (Domain::AlarmControlPanel, _, Some("triggered")) => "rings",
        (Domain::Light | Domain::Switch | Domain::Fan | Domain::Siren, _, Some("on")) => "on",
        (Domain::Light | Domain::Switch | Domain::Fan | Domain::Siren, _, Some("off")) => "off",
        _ => return None,
    })
}
