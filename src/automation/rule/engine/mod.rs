//! What rules do: told what changes, what happens and what the clocks show, it says what is to be
//! done ([`Rules::next_effect`]) and when it wants to be asked next ([`Rules::next_steady`],
//! [`Rules::next_wall`]). A change costs only the rules that watch what changed.
//!
//! As Home Assistant has it, but for this: nothing begins because of a retained or restored message
//! (such a change ends what had to hold, and begins nothing); what was due more than
//! [`TOO_LATE_S`] ago when Homard learns of it is not done but kept as missed; rules that begin each
//! other round and round are stopped and named; a rule that begins too often waits a minute.
//!
//! What runs or waits when Homard stops does not go on after the start: the house is another by
//! then. It is told instead ([`Rules::waiting`], [`Rules::interrupted`]).

mod act;
mod again;
mod begin;
mod call;
mod clockwork;
mod heard;
mod judge;
mod run;
mod sight;
mod trace;
mod wait;
mod watch;
mod wheel;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{Rule, RuleKey};
use crate::automation::{Calendar, Moment, TOO_LATE_S};
use crate::home::Change;
use crate::home::value::Value;
use crate::template::Templates;

pub use self::run::FiberId;
pub use self::sight::House;
pub use self::trace::{Did, Ending, Trace};

use self::begin::Cause;
use self::heard::Heard;
use self::run::Run;
use self::sight::Sight;
use self::watch::{Owner, Watch};
use self::wheel::{Key, Wheel};

/// Rules kept.
pub const MOST_RULES: usize = 5_000;
/// Runs of all rules at once.
const MOST_RUNS: usize = 2_000;
/// So many rules that began each other are a loop.
const LONGEST_CHAIN: usize = 12;
/// How long what a device says is taken for what a rule told it.
const CAUSED_WITHIN: SignedDuration = SignedDuration::from_secs(5);
/// Things done by rules that are remembered for that.
const MOST_CAUSED: usize = 5_000;
/// Times that a rule begins within a minute; more are left out.
const MOST_BEGUN: u32 = 600;
/// The clock was set when it differs from the time that passed by more than this.
const JUMP: SignedDuration = SignedDuration::from_secs(2);
/// A clock before 2024 has never been set.
const UNSET_BEFORE: i64 = 1_704_067_200;

/// A run of a rule; unique since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u64);

/// A trigger that is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WatchId(u64);

/// Who called a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    run: RunId,
    fiber: FiberId,
}

/// A service call.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// `light`.
    pub domain: Arc<str>,
    /// `turn_on`.
    pub service: Arc<str>,
    /// Its fields, and on what: `entity_id`, `area_id`, `device_id`, `floor_id`.
    pub data: Vec<(Arc<str>, Value)>,
}

/// Where in a trace something is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The run.
    pub run: RunId,
    /// The step; `None` where it is not kept.
    pub step: Option<usize>,
}

/// What rules want to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Call a service, and say at once what became of it: [`Rules::done`].
    Call {
        /// Who waits for it.
        token: Token,
        /// What.
        order: Order,
        /// Whose.
        by: RuleKey,
        /// Where more can be told of it later: [`Rules::learned`].
        place: Place,
    },
    /// Tell everybody who follows the house.
    Fire {
        /// The event's name.
        name: Arc<str>,
        /// Its data.
        data: Value,
        /// Whose.
        by: RuleKey,
    },
    /// What is shown of a rule has changed: on, off, running, last begun.
    Show(RuleKey),
    /// Something a person may want to know.
    Warn {
        /// Whose.
        rule: RuleKey,
        /// What.
        text: String,
    },
}

/// What was called, and on what.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Done {
    /// Entities that were told something: what they say soon is because of it.
    pub entities: Vec<Arc<str>>,
    /// What became of it, in plain English.
    pub text: String,
}

/// What was running or waiting when Homard stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Whose.
    pub rule: RuleKey,
    /// When it began.
    pub began: Timestamp,
    /// In the middle of what, in plain English.
    pub text: String,
}

/// How a rule stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Stand {
    /// The rule.
    pub rule: Arc<Rule>,
    /// Its entity.
    pub entity: Arc<str>,
    /// Switched on.
    pub is_on: bool,
    /// Runs that have not ended.
    pub n_runs: usize,
    /// When it last began.
    pub last_triggered: Option<Timestamp>,
    /// When a time of its triggers comes next; `None` where none is a time.
    pub next: Option<Timestamp>,
}

/// A rule in force.
#[derive(Debug)]
struct Standing {
    rule: Arc<Rule>,
    entity: Arc<str>,
    is_on: bool,
    watches: Vec<WatchId>,
    /// Runs that have not ended, those that wait in the queue last.
    runs: Vec<RunId>,
    traces: VecDeque<Trace>,
    last_triggered: Option<Timestamp>,
    /// Since when, and how often it began since.
    begun: (SignedDuration, u32),
}

/// Rules that began each other, the first first.
type Chain = Arc<[RuleKey]>;

/// All automations and scripts.
#[derive(Debug)]
pub struct Rules {
    house: Arc<dyn House>,
    templates: Templates,
    calendar: Calendar,
    rules: BTreeMap<RuleKey, Standing>,
    by_entity_of_rule: HashMap<Arc<str>, RuleKey>,
    last: u64,
    watches: BTreeMap<WatchId, Watch>,
    /// Who watches an entity, a domain, or everything.
    of_entity: HashMap<Arc<str>, BTreeSet<WatchId>>,
    of_domain: HashMap<Arc<str>, BTreeSet<WatchId>>,
    of_all: BTreeSet<WatchId>,
    /// Who waits for what happens and is no change: events, device triggers, tags, the start.
    listening: BTreeSet<WatchId>,
    runs: BTreeMap<RunId, Run>,
    wheel: Wheel,
    effects: VecDeque<Effect>,
    /// Fibers that go on now.
    ready: VecDeque<Token>,
    caused: HashMap<Arc<str>, (SignedDuration, Chain)>,
    seen: Option<Moment>,
}

impl Rules {
    /// No rules yet.
    pub fn new(house: Arc<dyn House>) -> Self {
        Self {
            house,
            templates: Templates::default(),
            calendar: Calendar::default(),
            rules: BTreeMap::new(),
            by_entity_of_rule: HashMap::new(),
            last: 0,
            watches: BTreeMap::new(),
            of_entity: HashMap::new(),
            of_domain: HashMap::new(),
            of_all: BTreeSet::new(),
            listening: BTreeSet::new(),
            runs: BTreeMap::new(),
            wheel: Wheel::default(),
            effects: VecDeque::new(),
            ready: VecDeque::new(),
            caused: HashMap::new(),
            seen: None,
        }
    }

    /// With which rules for these are to be read: equal templates are shared.
    pub fn templates(&self) -> &Templates {
        &self.templates
    }

    /// Where the house is and what its clocks show.
    pub fn set_calendar(&mut self, calendar: Calendar, now: Moment) {
        self.calendar = calendar;
        self.look_at_clock_again(now, false);
        self.work(now);
    }

    /// Where the house is and what its clocks show.
    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// Takes a rule in, or in place of the one of its key: what ran of that is stopped. Under which
    /// entity it is shown, and whether it is on.
    pub fn put(&mut self, rule: Rule, entity: &str, is_on: bool, now: Moment) {
        self.see(now);
        let key = rule.key.clone();
        let before = self.remove(&key, now);
        if self.rules.len() >= MOST_RULES {
            let text = format!("more than {MOST_RULES} automations and scripts; it is left out");
            self.effects.push_back(Effect::Warn { rule: key, text });
            return;
        }
        let entity: Arc<str> = entity.into();
        self.by_entity_of_rule.insert(Arc::clone(&entity), key.clone());
        let (traces, last_triggered) = before.unwrap_or_default();
        let standing = Standing {
            rule: Arc::new(rule),
            entity,
            is_on: false,
            watches: Vec::new(),
            runs: Vec::new(),
            traces,
            last_triggered,
            begun: (now.steady, 0),
        };
        self.rules.insert(key.clone(), standing);
        self.turn(&key, is_on, now);
    }

    /// Takes a rule out; what runs of it is stopped. Its traces and when it last began.
    fn remove(
        &mut self,
        key: &RuleKey,
        now: Moment,
    ) -> Option<(VecDeque<Trace>, Option<Timestamp>)> {
        self.deafen(key);
        self.cancel_runs(key, "it was edited or removed", now);
        let standing = self.rules.remove(key)?;
        self.by_entity_of_rule.remove(&standing.entity);
        Some((standing.traces, standing.last_triggered))
    }

    /// Takes a rule out; what runs of it is stopped.
    pub fn forget(&mut self, key: &RuleKey, now: Moment) -> bool {
        let is_known = self.remove(key, now).is_some();
        self.work(now);
        is_known
    }

    /// Switches a rule on or off; off, what runs goes on unless [`Rules::stop`] ends it.
    pub fn turn(&mut self, key: &RuleKey, is_on: bool, now: Moment) {
        self.see(now);
        let Some(standing) = self.rules.get_mut(key) else { return };
        let was_on = std::mem::replace(&mut standing.is_on, is_on);
        let rule = Arc::clone(&standing.rule);
        if is_on && !was_on && rule.is_armed() {
            let watches = self.watch_all(&rule.triggers, || Owner::Rule(key.clone()), None, now);
            if let Some(standing) = self.rules.get_mut(key) {
                standing.watches = watches;
            }
        } else if !is_on {
            self.deafen(key);
        }
        self.effects.push_back(Effect::Show(key.clone()));
    }

    fn deafen(&mut self, key: &RuleKey) {
        let Some(standing) = self.rules.get_mut(key) else { return };
        for watch in std::mem::take(&mut standing.watches) {
            self.unwatch(watch);
        }
    }

    /// Ends what runs of a rule.
    pub fn stop(&mut self, key: &RuleKey, now: Moment) {
        self.cancel_runs(key, "it was stopped", now);
        self.work(now);
    }

    fn cancel_runs(&mut self, key: &RuleKey, why: &'static str, now: Moment) {
        let runs = self.rules.get(key).map(|standing| standing.runs.clone()).unwrap_or_default();
        for run in runs.into_iter().rev() {
            self.end_run(run, Ending::Cancelled(why), now);
        }
    }

    /// Begins a rule because somebody asked for it.
    pub fn trigger(
        &mut self,
        key: &RuleKey,
        given: &[(Arc<str>, Value)],
        skips_conditions: bool,
        now: Moment,
    ) {
        self.see(now);
        // A rule may have asked for it, through the house.
        let own = self.rules.get(key).map(|standing| &standing.entity);
        let caused = own.and_then(|entity| self.caused.get(entity));
        let chain = match caused {
            Some((until, chain)) if *until >= now.steady => Arc::clone(chain),
            _ => Chain::default(),
        };
        let text = if chain.is_empty() { "somebody asked for it" } else { "a rule asked for it" };
        let cause = Cause { given: given.to_vec(), skips_conditions, chain, ..Cause::new(text) };
        self.begin(key, cause, now);
        self.work(now);
    }

    /// Homard has started.
    pub fn start(&mut self, now: Moment) {
        self.see(now);
        self.heard_all(&Heard::Start, &Chain::default(), now);
        self.work(now);
    }

    /// An entity has changed. One that is not live begins nothing.
    pub fn tell(&mut self, change: &Change, is_live: bool, now: Moment) {
        self.see(now);
        let id = change.id.as_str();
        let domain = id.split_once('.').map_or("", |(domain, _)| domain);
        let mut watches: Vec<WatchId> = Vec::new();
        watches.extend(self.of_entity.get(id).into_iter().flatten());
        watches.extend(self.of_domain.get(domain).into_iter().flatten());
        watches.extend(&self.of_all);
        if watches.is_empty() {
            return;
        }
        watches.sort_unstable();
        watches.dedup();
        let chain = match self.caused.get(id) {
            Some((until, chain)) if is_live && *until >= now.steady => Arc::clone(chain),
            _ => Chain::default(),
        };
        for watch in watches {
            self.changed(watch, change, is_live, &chain, now);
        }
        self.work(now);
    }

    /// Somebody outside fired an event.
    pub fn tell_event(&mut self, name: &str, data: &Value, now: Moment) {
        self.see(now);
        self.heard_all(&Heard::Event { name, data }, &Chain::default(), now);
        self.work(now);
    }

    /// A device trigger fired, live.
    pub fn tell_device(&mut self, device: &str, kind: &str, subtype: &str, now: Moment) {
        self.see(now);
        self.heard_all(&Heard::Device { device, kind, subtype }, &Chain::default(), now);
        self.work(now);
    }

    /// A tag was scanned, live.
    pub fn tell_tag(&mut self, tag: &str, device: Option<&str>, now: Moment) {
        self.see(now);
        self.heard_all(&Heard::Tag { tag, device }, &Chain::default(), now);
        self.work(now);
    }

    /// A message came on a topic that fits this filter, live.
    pub fn tell_message(&mut self, filter: &str, topic: &str, payload: &str, now: Moment) {
        self.see(now);
        let heard = Heard::Message { filter, topic, payload };
        self.heard_all(&heard, &Chain::default(), now);
        self.work(now);
    }

    /// The filters of the topics that rules want to hear.
    pub fn filters(&self) -> BTreeSet<Arc<str>> {
        let heard = self.listening.iter().filter_map(|id| self.watches.get(id));
        heard.filter_map(Watch::filter).collect()
    }

    /// When time that passes next matters.
    pub fn next_steady(&self) -> Option<SignedDuration> {
        self.wheel.next_steady()
    }

    /// When the clock on the wall next matters; whoever waits for it must also ask when it was set.
    pub fn next_wall(&self) -> Option<Timestamp> {
        self.wheel.next_wall()
    }

    /// The time has come for something, or the clock was set. What something wishes is to be done before
    /// the next is due at the same moment: ask [`Rules::is_due`].
    pub fn due(&mut self, now: Moment) {
        self.see(now);
        while self.effects.is_empty()
            && let Some((key, at)) = self.wheel.pop(now)
        {
            match key {
                Key::Held(watch, entity) => self.held_long_enough(watch, &entity, now),
                Key::At(watch) => {
                    let at = at.unwrap_or(now.wall);
                    let late_s = now.wall.duration_since(at).as_secs_f64();
                    self.time_has_come(watch, at, late_s > TOO_LATE_S, now);
                }
                Key::Minute(watch) => {
                    self.look_at_template(watch, None, true, &Chain::default(), now)
                }
                Key::Run(run, fiber) => self.waited_long_enough(Token { run, fiber }, now),
            }
            self.work(now);
        }
    }

    /// The next thing to be done.
    pub fn next_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// What became of a service call.
    pub fn done(&mut self, token: Token, result: Result<Done, String>, now: Moment) {
        let chain = self.runs.get(&token.run).map(|run| Arc::clone(&run.chain));
        if let (Ok(done), Some(chain)) = (&result, chain) {
            if self.caused.len() > MOST_CAUSED {
                self.caused.retain(|_, (until, _)| *until >= now.steady);
            }
            let until = now.steady.saturating_add(CAUSED_WITHIN);
            for entity in &done.entities {
                self.caused.insert(Arc::clone(entity), (until, Arc::clone(&chain)));
            }
        }
        self.called(token, result, now);
        self.work(now);
    }

    /// What else became of it later: told in the trace.
    pub fn learned(&mut self, rule: &RuleKey, place: Place, text: &str) {
        let Some(step) = place.step else { return };
        if let Some(run) = self.runs.get_mut(&place.run) {
            return run.trace.learn(step, text);
        }
        let traces = self.rules.get_mut(rule).map(|standing| &mut standing.traces);
        if let Some(trace) = traces.into_iter().flatten().find(|trace| trace.run == place.run) {
            trace.learn(step, text);
        }
    }

    /// The key of the rule that is shown as this entity.
    pub fn key_of(&self, entity: &str) -> Option<&RuleKey> {
        self.by_entity_of_rule.get(entity)
    }

    /// How a rule stands.
    pub fn stand(&self, key: &RuleKey) -> Option<Stand> {
        self.rules.get(key).map(|rule| self.stand_of(rule))
    }

    /// How all stand, in the order of their keys.
    pub fn stands(&self) -> impl Iterator<Item = Stand> {
        self.rules.values().map(|rule| self.stand_of(rule))
    }

    fn stand_of(&self, rule: &Standing) -> Stand {
        let timers = rule.watches.iter().filter_map(|id| self.watches.get(id)?.timer);
        Stand {
            rule: Arc::clone(&rule.rule),
            entity: Arc::clone(&rule.entity),
            is_on: rule.is_on,
            n_runs: rule.runs.len(),
            last_triggered: rule.last_triggered,
            next: timers.filter_map(|timer| self.wheel.at(timer)).min(),
        }
    }

    /// The traces of a rule, the oldest first; those of what runs last.
    pub fn traces(&self, key: &RuleKey) -> Vec<Trace> {
        let Some(standing) = self.rules.get(key) else { return Vec::new() };
        let running =
            standing.runs.iter().filter_map(|run| Some(self.runs.get(run)?.trace.clone()));
        standing.traces.iter().cloned().chain(running).collect()
    }

    /// What runs or waits now, to be told should Homard stop.
    pub fn waiting(&self) -> Vec<Waiting> {
        let runs = self.runs.values().map(|run| Waiting {
            rule: run.rule.key.clone(),
            began: run.trace.began,
            text: run.where_it_is(),
        });
        let held = self.watches.values().filter_map(|watch| match &watch.owner {
            Owner::Rule(key) => watch.held_since().map(|(began, text)| Waiting {
                rule: key.clone(),
                began,
                text: format!("waiting for it to last: {text}"),
            }),
            Owner::Run(_) | Owner::Until(_) => None,
        });
        runs.chain(held).collect()
    }

    /// What ran or waited when Homard stopped: it is told, and does not go on.
    pub fn interrupted(&mut self, waiting: Vec<Waiting>, now: Moment) {
        for Waiting { rule, began, text } in waiting {
            let run = self.next_run();
            let Some(standing) = self.rules.get_mut(&rule) else { continue };
            let mut trace = Trace::new(run, began, "before the restart");
            trace.end(Ending::Interrupted(text.clone()), now.wall);
            trace::keep(&mut standing.traces, trace);
            let text =
                format!("Homard was stopped in the middle of it ({text}); it does not go on");
            self.effects.push_back(Effect::Warn { rule, text });
        }
    }

    fn next_run(&mut self) -> RunId {
        self.last += 1;
        RunId(self.last)
    }

    fn sight(&self, now: Moment) -> Sight {
        Sight { house: Arc::clone(&self.house), calendar: self.calendar.clone(), now: now.wall }
    }

    /// Notices that the wall clock was set.
    fn see(&mut self, now: Moment) {
        let Some(seen) = self.seen.replace(now) else { return };
        let passed = now.steady.saturating_sub(seen.steady);
        let jump = now.wall.duration_since(seen.wall).saturating_sub(passed);
        if jump.abs() <= JUMP {
            return;
        }
        // What a clock that was never set has left out, nobody has missed.
        let is_first_set = seen.wall.as_second() < UNSET_BEFORE && jump.is_positive();
        if jump.is_negative() || is_first_set {
            self.look_at_clock_again(now, is_first_set);
        }
    }

    /// Goes on with every fiber that can.
    fn work(&mut self, now: Moment) {
        while let Some(token) = self.ready.pop_front() {
            self.advance(token, now);
        }
    }
}
