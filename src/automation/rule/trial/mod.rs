//! When a rule would have run, had it been there: the engine itself on the time that was, told what
//! was recorded. What the rule calls is not done.
//!
//! What nobody recorded cannot be known, and is named ([`Unknown`]) instead of being taken for
//! something that did not happen. Where the past comes from is the caller's business ([`Past`]); so is
//! how long it may take: [`Replay::go_on`] does a bounded part of it.

mod then;
mod words;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::iter::Peekable;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use self::then::Then;
use super::condition::{self, Condition};
use super::engine::{Done, Effect, Ending, Rules, RunId, Trace};
use super::trigger::{At, Bound, Kind, Range, Trigger};
use super::{Rule, RuleKey, read};
use crate::automation::{Calendar, Moment};
use crate::home::value::{Attributes, Value};

/// Runs that are listed; of more the newest.
pub const MOST_LISTED: usize = 200;
/// Notes of the past that are looked at; of more the newest.
pub const MOST_NOTES: usize = 200_000;
/// Entities whose past is looked at.
pub const MOST_THINGS: usize = 300;

/// What was recorded.
#[derive(Debug, Clone, Default)]
pub struct Past {
    /// From when on it is looked at.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
    /// Of what.
    pub things: Vec<Thing>,
    /// What they said, in the order of time; what they were at the beginning is said then.
    pub notes: Vec<Note>,
}

impl Past {
    /// Puts the notes in order; of too many only the newest stay, and the time begins with them.
    pub fn cut(&mut self) {
        self.notes.sort_by_key(|note| (note.at, note.thing, note.track));
        let n_old = self.notes.len().saturating_sub(MOST_NOTES);
        let Some(first) = self.notes.get(n_old).filter(|_| n_old > 0) else { return };
        self.from = first.at;
        let newer = self.notes.split_off(n_old);
        // What each was at the new beginning.
        let mut was: BTreeMap<(u32, Option<&'static str>), Note> = BTreeMap::new();
        for note in self.notes.drain(..) {
            was.insert((note.thing, note.track), Note { at: self.from, ..note });
        }
        self.notes = was.into_values().chain(newer).collect();
    }
}

/// An entity whose past is looked at.
#[derive(Debug, Clone, Default)]
pub struct Thing {
    /// Its id.
    pub id: Arc<str>,
    /// What people call it.
    pub name: String,
    /// The id and the name of its area.
    pub area: Option<(String, String)>,
    /// The attributes that say what it is and not how: its name, its unit, its class.
    pub still: Attributes,
    /// Since when it is recorded within the time; `None` if it is not.
    pub since: Option<Timestamp>,
    /// The attributes that are recorded.
    pub tracks: Vec<&'static str>,
}

/// What one of the things was from a time on.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// From when on.
    pub at: Timestamp,
    /// Its number among [`Past::things`].
    pub thing: u32,
    /// Of what of it; the state without.
    pub track: Option<&'static str>,
    /// What; empty if nobody knows.
    pub word: Box<str>,
}

/// What would have been.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trial {
    /// From when on it was looked at.
    pub from: Timestamp,
    /// Until when: earlier than now if it took too long.
    pub to: Timestamp,
    /// The rule is not armed: parts of it are not supported.
    pub is_disarmed: bool,
    /// The last times it would have begun, the oldest first.
    pub runs: Vec<Would>,
    /// How often it would have begun.
    pub n_runs: usize,
    /// How often a trigger came and its conditions did not hold.
    pub n_held_back: usize,
    /// How often a trigger came while it was running, so that it did not begin.
    pub n_busy: usize,
    /// What it depends on and nobody knows.
    pub unknown: Vec<Unknown>,
    /// Nothing that could begin it is recorded: that it did not begin says nothing.
    pub is_blind: bool,
    /// What is recorded only from then on, by name.
    pub since: Vec<(String, Timestamp)>,
}

/// A time it would have begun.
#[derive(Debug, Clone, PartialEq)]
pub struct Would {
    /// When.
    pub at: Timestamp,
    /// Why, in plain English as in a trace.
    pub why: String,
    /// What it would have called, in order, in Home Assistant's words; the first few.
    pub calls: Vec<String>,
    /// How it would have ended.
    pub ending: Ending,
}

/// What nobody can know of the past.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unknown {
    /// There is no such entity: its id.
    Missing(String),
    /// An entity that is not recorded: its id and name.
    Unrecorded(String, String),
    /// An attribute that is not recorded: of which entity, by its name; and the attribute.
    Attribute(String, String),
    /// When an event was fired, by its name.
    Event(String),
    /// When a button was pressed: its kind and which.
    Button(String),
    /// When messages came on a topic.
    Topic(String),
    /// When tags were scanned.
    Tag,
    /// When Homard started.
    Start,
}

/// Calls listed of one run.
const MOST_CALLS: usize = 8;
/// What is recorded from later than this after the beginning is said to be.
const LATE: SignedDuration = SignedDuration::from_hours(1);

/// A rule on its way through the past.
#[derive(Debug)]
pub struct Replay {
    rules: Rules,
    then: Arc<Then>,
    key: RuleKey,
    notes: Peekable<std::vec::IntoIter<Note>>,
    now: Moment,
    to: Timestamp,
    calls: BTreeMap<RunId, Vec<String>>,
    runs: VecDeque<Would>,
    trial: Trial,
}

impl Replay {
    /// At the beginning of the past.
    pub fn new(key: &RuleKey, source: &Value, past: Past, calendar: Calendar) -> Self {
        let Past { from, to, things, notes } = past;
        let then = Arc::new(Then::new(things));
        let mut rules = Rules::new(Arc::clone(&then) as _);
        let now = Moment { wall: from, steady: SignedDuration::ZERO };
        rules.set_calendar(calendar, now);
        let rule = read::rule(key, source, rules.templates());
        let (unknown, is_blind) = unknown(&rule, &then);
        let trial = Trial {
            from,
            to,
            is_disarmed: !rule.is_armed(),
            unknown,
            is_blind,
            ..Trial::default()
        };
        let mut replay = Self {
            rules,
            then,
            key: key.clone(),
            notes: notes.into_iter().peekable(),
            now,
            to,
            calls: BTreeMap::new(),
            runs: VecDeque::new(),
            trial,
        };
        while let Some((change, _)) = replay.then.take(&mut replay.notes, from) {
            drop(change);
        }
        // As it was, before anything is watched.
        replay.rules.put(rule, "", true, now);
        replay.settle();
        replay
    }

    /// Goes on by so many steps; false when the end is reached.
    pub fn go_on(&mut self, n_steps: usize) -> bool {
        (0..n_steps).all(|_| self.step())
    }

    fn step(&mut self) -> bool {
        let from = self.trial.from;
        let steady = self.rules.next_steady().and_then(|at| from.checked_add(at).ok());
        let alarm = [steady, self.rules.next_wall()].into_iter().flatten().min();
        let noted = self.notes.peek().map(|note| note.at);
        let is_alarm = alarm.is_some_and(|at| noted.is_none_or(|noted| at <= noted));
        let Some(at) = (if is_alarm { alarm } else { noted }).filter(|at| *at <= self.to) else {
            return false;
        };
        let wall = at.max(self.now.wall);
        self.now = Moment { wall, steady: wall.duration_since(from) };
        if is_alarm {
            self.rules.due(self.now);
        } else if let Some((change, is_live)) = self.then.take(&mut self.notes, at) {
            self.rules.tell(&change, is_live, self.now);
        }
        self.settle();
        true
    }

    /// Nothing of what it wishes is done; what it did is counted.
    fn settle(&mut self) {
        while let Some(effect) = self.rules.next_effect() {
            if let Effect::Call { token, order, place, .. } = effect {
                let calls = self.calls.entry(place.run).or_default();
                if calls.len() < MOST_CALLS {
                    calls.push(format!("{}.{}", order.domain, order.service));
                }
                self.rules.done(token, Ok(Done::default()), self.now);
            }
        }
        for trace in self.rules.take_traces(&self.key) {
            self.count(trace);
        }
    }

    fn count(&mut self, trace: Trace) {
        let calls = self.calls.remove(&trace.run).unwrap_or_default();
        match &trace.ending {
            Ending::Conditions => self.trial.n_held_back += 1,
            // A condition at the head of its steps is one of the rule.
            Ending::Aborted if calls.is_empty() => self.trial.n_held_back += 1,
            Ending::AlreadyRunning | Ending::TooOften | Ending::Loop(_) | Ending::Missed => {
                self.trial.n_busy += 1;
            }
            _ => {
                self.trial.n_runs += 1;
                if self.runs.len() >= MOST_LISTED {
                    self.runs.pop_front();
                }
                let Trace { began, trigger, ending, .. } = trace;
                self.runs.push_back(Would { at: began, why: trigger, calls, ending });
            }
        }
    }

    /// What would have been, as far as it came.
    pub fn end(mut self) -> Trial {
        for trace in self.rules.traces(&self.key) {
            self.count(trace);
        }
        let has_more = self.notes.peek().is_some_and(|note| note.at <= self.to)
            || self.rules.next_wall().is_some_and(|at| at <= self.to);
        let mut trial = self.trial;
        if has_more {
            trial.to = self.now.wall;
        }
        trial.runs = self.runs.into();
        trial.runs.sort_by_key(|run| run.at);
        let mut unknown: BTreeSet<Unknown> = trial.unknown.into_iter().collect();
        unknown.extend(self.then.missed());
        trial.unknown = unknown.into_iter().collect();
        let late = trial.from.checked_add(LATE).unwrap_or(trial.from);
        trial.since = self.then.since(late);
        trial
    }
}

/// The whole way at once.
pub fn replay(key: &RuleKey, source: &Value, past: Past, calendar: Calendar) -> Trial {
    let mut replay = Replay::new(key, source, past, calendar);
    while replay.go_on(1_000) {}
    replay.end()
}

/// The ids that a rule names anywhere, in templates too, and the domains of which a template asks for
/// all; the domain `*` is everything.
pub fn named(source: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut ids, mut domains) = (BTreeSet::new(), BTreeSet::new());
    visit(source, &mut |text| {
        let is_part =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.');
        for word in text.split(|c| !is_part(c)).filter(|word| word.len() < 300) {
            let mut parts = word.split('.').filter(|part| !part.is_empty());
            match (parts.next(), parts.next(), parts.next()) {
                (Some("states"), Some(domain), Some(object)) => {
                    ids.insert(format!("{domain}.{object}"));
                }
                (Some("states"), Some(domain), None) => drop(domains.insert(domain.to_owned())),
                (Some(domain), Some(object), _) => {
                    ids.insert(format!("{domain}.{object}"));
                }
                _ => {}
            }
        }
        let asks_for_all = ["states |", "states|", "area_entities", "in states "];
        if text.contains("{") && asks_for_all.iter().any(|asked| text.contains(asked)) {
            domains.insert("*".to_owned());
        }
    });
    (ids, domains)
}

fn visit(value: &Value, tell: &mut impl FnMut(&str)) {
    match value {
        Value::Text(text) => tell(text),
        Value::List(items) => items.iter().for_each(|item| visit(item, tell)),
        Value::Map(map) => map.iter().for_each(|(name, value)| {
            // In a scene, entities are names.
            tell(name);
            visit(value, tell);
        }),
        _ => {}
    }
}

/// What of a rule's triggers and conditions nobody recorded, and whether that is all that could begin it.
fn unknown(rule: &Rule, then: &Then) -> (Vec<Unknown>, bool) {
    let mut found = Vec::new();
    let enabled = rule.triggers.iter().filter(|trigger| trigger.is_enabled);
    let (mut n_known, mut n_blind) = (0, 0);
    for trigger in enabled {
        let blind = of_trigger(trigger, then, &mut found);
        *(if blind { &mut n_blind } else { &mut n_known }) += 1;
    }
    of_conditions(&rule.conditions, then, &mut found);
    (found, n_blind > 0 && n_known == 0)
}

/// Whether nobody can know when this came.
fn of_trigger(trigger: &Trigger, then: &Then, found: &mut Vec<Unknown>) -> bool {
    let n_found = found.len();
    let mut entities: Vec<&Arc<str>> = Vec::new();
    let mut attribute = None;
    match &trigger.kind {
        Kind::State(state) => {
            entities.extend(&state.entities);
            attribute = state.attribute.as_deref();
        }
        Kind::Numeric(numeric) => {
            entities.extend(&numeric.range.entities);
            attribute = numeric.range.attribute.as_deref();
            bounds(&numeric.range, then, found);
        }
        Kind::Time { at, .. } => entities.extend(at.iter().filter_map(entity_of)),
        Kind::Event { names, .. } => {
            let name = |name: &super::Expr| match name {
                super::Expr::Value(value) => value.as_str().unwrap_or_default().to_owned(),
                _ => "…".to_owned(),
            };
            found.extend(names.iter().map(|expr| Unknown::Event(name(expr))));
        }
        Kind::Device(device) => {
            found.push(Unknown::Button(format!("{} {}", device.kind, device.subtype)));
        }
        Kind::Topic(topic) => found.push(Unknown::Topic(topic.filter.to_string())),
        Kind::Tag { .. } => found.push(Unknown::Tag),
        Kind::Start => found.push(Unknown::Start),
        Kind::Pattern(_) | Kind::Sun { .. } | Kind::Template { .. } | Kind::Never => {}
    }
    let n_others = found.len() - n_found;
    let unseen = entities.iter().filter_map(|id| then.unknown(id, attribute));
    let unseen: Vec<Unknown> = unseen.collect();
    let n_unseen = unseen.len();
    found.extend(unseen);
    match &trigger.kind {
        Kind::State(_) | Kind::Numeric(_) => n_unseen == entities.len(),
        Kind::Time { at, .. } => n_unseen == at.len(),
        _ => n_others > 0,
    }
}

fn of_conditions(conditions: &[Condition], then: &Then, found: &mut Vec<Unknown>) {
    for condition in conditions.iter().filter(|condition| condition.is_enabled) {
        match &condition.kind {
            condition::Kind::And(all) | condition::Kind::Or(all) | condition::Kind::Not(all) => {
                of_conditions(all, then, found);
            }
            condition::Kind::State { entities, attribute, .. } => {
                let unseen =
                    entities.iter().filter_map(|id| then.unknown(id, attribute.as_deref()));
                found.extend(unseen);
            }
            condition::Kind::Numeric(range) => {
                let attribute = range.attribute.as_deref();
                found.extend(range.entities.iter().filter_map(|id| then.unknown(id, attribute)));
                bounds(range, then, found);
            }
            condition::Kind::Time { after, before, .. } => {
                let at = [after, before].into_iter().flatten().filter_map(entity_of);
                found.extend(at.filter_map(|id| then.unknown(id, None)));
            }
            // Templates say themselves what they ask for.
            condition::Kind::Sun { .. }
            | condition::Kind::Template(_)
            | condition::Kind::Trigger(_)
            | condition::Kind::Never => {}
        }
    }
}

fn bounds(range: &Range, then: &Then, found: &mut Vec<Unknown>) {
    for bound in [&range.above, &range.below].into_iter().flatten() {
        if let Bound::Entity(id) = bound {
            found.extend(then.unknown(id, None));
        }
    }
}

fn entity_of(at: &At) -> Option<&Arc<str>> {
    match at {
        At::Entity { id, .. } => Some(id),
        At::Clock(_) => None,
    }
}

#[cfg(test)]
mod tests;
