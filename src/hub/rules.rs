//! Automations and scripts in the loop: they are told what changes and happens, and what they wish
//! walks the one road: the rights of whoever made them, guard, target, capability, outcome. What
//! they do and when is the engine's business.
//!
//! Their entities (`automation.…`, `script.…`) are the hub's own: it announces them, and what is
//! wished of them does not leave it.
//!
//! A rule that a person made is on the disk before that is answered. What runs and waits is noted
//! on the disk a while after it began ([`NOTE_AFTER`]), so that it can be told after a power cut.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, RwLock};

use jiff::SignedDuration;
use tokio::sync::oneshot;
use tracing::warn;

use super::alarm::{self, Alarms};
use super::event::{EditError, Effect, Place, Reply, ReplyKind, RuleView, Shown};
use super::rule_call::announcement;
use super::rule_wish::RuleWish;
use super::seen::Seen;
use super::{Hub, Turn, read, write};
use crate::automation::rule::engine::{self, Rules};
use crate::automation::rule::kept::{KeptRule, KeptRules, RuleEdit, RuleOwner, RuleRecord};
use crate::automation::rule::{Kind, Rule, RuleKey, read as reading};
use crate::automation::{Calendar, Moment};
use crate::home::action::{Outcome, Refusal};
use crate::home::domain::{Action, State, automation, scene, script};
use crate::home::entity::Source;
use crate::home::id::Handle;
use crate::home::person::Rights;
use crate::home::value::Value;
use crate::home::{Change, Home, Report};
use crate::storage::{Committed, Keep};

/// How long what runs has run before it is noted on the disk.
const NOTE_AFTER: SignedDuration = SignedDuration::from_secs(15);
/// How long after the broker was first reached `homeassistant: start` is: devices announce themselves.
const START_AFTER: SignedDuration = SignedDuration::from_secs(10);
/// Rounds of one turn: what rules do to rules. The engine stops loops long before.
const MOST_ROUNDS: usize = 200;
/// Topics that rules may hear; more are not heard.
const MOST_FILTERS: usize = 500;
/// Writes that may wait for the disk; more are not waited for.
const MOST_WRITES: usize = 1_000;

/// Owns the rules, and what of them is on its way to the disk.
pub(super) struct RuleKeeper {
    pub(super) engine: Rules,
    pub(super) owners: BTreeMap<RuleKey, RuleOwner>,
    by_handle: BTreeMap<Handle, RuleKey>,
    pub(super) by_key: BTreeMap<RuleKey, Handle>,
    n_handles: u32,
    /// The topics that rules want to hear.
    filters: BTreeMap<Arc<str>, Handle>,
    /// What the rules have not been told yet.
    told: Vec<Told>,
    /// Not told yet.
    calendar: Option<Calendar>,
    alarms: Alarms,
    /// When what runs is noted.
    note_at: Option<SignedDuration>,
    noted: Vec<engine::Waiting>,
    start_at: Option<SignedDuration>,
    has_started: bool,
    /// Rules whose record is no longer what is on the disk.
    pub(super) changed: BTreeSet<RuleKey>,
    writes: VecDeque<Write>,
    /// What people said that is to become of rules, done when the house is not locked.
    pub(super) wished: Vec<RuleWish>,
}

struct Write {
    answer: alarm::Answer,
    then: Option<Then>,
}

/// Who waits for the disk.
pub(super) enum Then {
    Answer(oneshot::Sender<Result<(), EditError>>),
    Tell(Box<Reply>, oneshot::Sender<Reply>),
}

impl Then {
    pub(super) fn end(self, result: Result<(), EditError>) {
        match self {
            Self::Answer(asked) => drop(asked.send(result)),
            Self::Tell(reply, asked) => drop(asked.send(match result {
                Ok(()) => *reply,
                Err(why) => Reply {
                    text: match why {
                        EditError::NotKept(why) => why,
                        EditError::Refused(refusal) => refusal.to_string(),
                    },
                    kind: ReplyKind::Error("failed_to_handle"),
                    ..*reply
                },
            })),
        }
    }
}

/// What rules are told.
pub(super) enum Told {
    Changed(Arc<Change>, bool),
    Device { device: Arc<str>, kind: Arc<str>, subtype: Arc<str> },
    Tag { tag: Arc<str>, device: Option<Arc<str>> },
    Event { name: Arc<str>, data: Value },
    Message { filter: Arc<str>, topic: Arc<str>, payload: Arc<str> },
}

/// What happened to the rules.
pub(super) enum News {
    Due,
    Written(Result<Committed, String>),
}

impl RuleKeeper {
    pub(super) fn new(home: Arc<RwLock<Home>>) -> Self {
        Self {
            engine: Rules::new(Arc::new(Seen(home))),
            owners: BTreeMap::new(),
            by_handle: BTreeMap::new(),
            by_key: BTreeMap::new(),
            n_handles: 0,
            filters: BTreeMap::new(),
            told: Vec::new(),
            calendar: None,
            alarms: Alarms::default(),
            note_at: None,
            noted: Vec::new(),
            start_at: None,
            has_started: false,
            changed: BTreeSet::new(),
            writes: VecDeque::new(),
            wished: Vec::new(),
        }
    }

    /// Where the house is; told when the house is not locked.
    pub(super) fn set_calendar(&mut self, calendar: Calendar) {
        self.calendar = Some(calendar);
    }

    /// There is nobody to tell.
    pub(super) fn is_idle(&self) -> bool {
        self.owners.is_empty()
    }

    pub(super) fn tell(&mut self, told: Told) {
        if !self.is_idle() {
            self.told.push(told);
        }
    }

    /// A message that somebody wanted to hear.
    pub(super) fn overheard(&mut self, handle: Handle, topic: Arc<str>, payload: Arc<str>) {
        let found = self.filters.iter().find(|(_, known)| **known == handle);
        if let Some((filter, _)) = found {
            let filter = Arc::clone(filter);
            self.tell(Told::Message { filter, topic, payload });
        }
    }

    /// What the port is to hear from now on, and what no more.
    fn listen(&mut self) -> Vec<Effect> {
        let wanted = self.engine.filters();
        let mut effects = Vec::new();
        self.filters.retain(|filter, handle| {
            let stays = wanted.contains(filter);
            if !stays {
                effects.push(Effect::Unhear(*handle));
            }
            stays
        });
        for filter in wanted.into_iter().take(MOST_FILTERS) {
            if !self.filters.contains_key(&filter) {
                self.n_handles += 1;
                let handle = Handle::own(self.n_handles);
                effects.push(Effect::Overhear(handle, Arc::clone(&filter)));
                self.filters.insert(filter, handle);
            }
        }
        effects
    }

    /// The broker is reached: soon the house is there.
    pub(super) fn broker_is_up(&mut self, now: SignedDuration) -> Vec<Effect> {
        if !self.has_started && self.start_at.is_none() {
            self.start_at = Some(now.saturating_add(START_AFTER));
        }
        let filters = self.filters.iter();
        filters.map(|(filter, handle)| Effect::Overhear(*handle, Arc::clone(filter))).collect()
    }

    fn next_steady(&self) -> Option<SignedDuration> {
        let start = self.start_at.filter(|_| !self.is_idle());
        [self.engine.next_steady(), self.note_at, start].into_iter().flatten().min()
    }

    pub(super) fn record(&self, key: &RuleKey) -> Option<KeptRule> {
        let stand = self.engine.stand(key)?;
        Some(KeptRule {
            key: key.clone(),
            source: stand.rule.source.clone(),
            is_on: stand.is_on,
            owner: self.owners.get(key).cloned().unwrap_or_default(),
            last_triggered: stand.last_triggered,
        })
    }
}

/// What happens next to the rules.
pub(super) async fn news(keeper: &mut RuleKeeper) -> News {
    let RuleKeeper { alarms, writes, .. } = keeper;
    tokio::select! {
        result = written(writes) => News::Written(result),
        () = alarms.ring() => News::Due,
    }
}

async fn written(writes: &mut VecDeque<Write>) -> Result<Committed, String> {
    alarm::written(writes.front_mut().map(|write| &mut write.answer)).await
}

impl Hub {
    /// With the rules as they were before the restart.
    #[must_use]
    pub fn ruled(mut self, kept: KeptRules, calendar: Calendar) -> Self {
        let now = self.moment();
        self.rules.engine.set_calendar(calendar, now);
        let mut turn = Turn::default();
        for kept in kept.rules {
            let rule = kept.read(self.rules.engine.templates());
            // It ran, and the power went before it was forgotten.
            if rule.is_once && kept.last_triggered.is_some() {
                self.write_rules(vec![RuleRecord::Forget(rule.key)], None);
                continue;
            }
            let is_on = rule.initial.unwrap_or(kept.is_on);
            self.take_rule(rule, is_on, kept.owner, now, &mut turn);
        }
        // Until when it was on is not written anywhere; until when devices were heard is.
        let heard = read(&self.home).entities().filter_map(|entity| entity.heard_at).max();
        if let Some(since) = heard {
            self.rules.engine.was_off(since, now);
        }
        self.rules.engine.interrupted(kept.waiting.clone(), now);
        // What is there is told once, and forgotten with the next note.
        self.rules.noted = kept.waiting;
        self.rules.note_at = Some(now.steady);
        self.rules.changed.clear();
        self.outbox.push(turn.effects);
        self
    }

    pub(super) fn set_rule_alarms(&mut self) {
        let rules = &mut self.rules;
        // Where something waits, a clock that is set must be noticed.
        let (steady, wall) = (rules.next_steady(), rules.engine.next_wall());
        rules.alarms.set(steady, wall, &self.clock);
    }

    pub(super) fn take_rule_news(&mut self, news: News) {
        match news {
            News::Due => {
                let now = self.moment();
                if self.rules.start_at.is_some_and(|at| at <= now.steady) {
                    self.rules.start_at = None;
                    self.rules.has_started = true;
                    self.rules.engine.start(now);
                }
                self.rules.engine.due(now);
                while self.rules.engine.is_due(now) {
                    self.send_out(Turn::default());
                    self.rules.engine.due(now);
                }
                if self.rules.note_at.is_some_and(|at| at <= now.steady) {
                    self.rules.note_at = None;
                    self.note_waiting();
                }
                self.send_out(Turn::default());
            }
            News::Written(result) => {
                let Some(write) = self.rules.writes.pop_front() else { return };
                if let Err(why) = &result {
                    warn!(error = %why, "Automations are not on the disk; they hold as long as Homard runs.");
                }
                if let Some(then) = write.then {
                    then.end(result.map(drop).map_err(EditError::NotKept));
                }
            }
        }
    }

    /// Notes on the disk what runs and waits, if that changed.
    fn note_waiting(&mut self) {
        let waiting = self.rules.engine.waiting();
        if waiting != self.rules.noted {
            self.rules.noted.clone_from(&waiting);
            self.write_rules(vec![RuleRecord::Waiting(waiting)], None);
        }
    }

    pub(super) fn write_rules(&mut self, records: Vec<RuleRecord>, then: Option<Then>) {
        if self.rules.writes.len() >= MOST_WRITES {
            if let Some(then) = then {
                let why = "too many edits are waiting for the disk".to_owned();
                then.end(Err(EditError::NotKept(why)));
            }
            return;
        }
        let answer = self.writer.write_now(records.into_iter().map(Keep::Rule).collect());
        self.rules.writes.push_back(Write { answer, then });
    }

    /// At the end: what runs is noted.
    pub(super) async fn end_rules(&mut self) {
        self.note_waiting();
        let until = tokio::time::Instant::now() + super::LAST_EDIT;
        while !self.rules.writes.is_empty() {
            let write = tokio::time::timeout_at(until, written(&mut self.rules.writes)).await;
            let Ok(result) = write else { return };
            self.take_rule_news(News::Written(result));
        }
    }

    /// Takes a rule in: its entity, and what it watches.
    fn take_rule(
        &mut self,
        rule: Rule,
        is_on: bool,
        owner: RuleOwner,
        now: Moment,
        turn: &mut Turn,
    ) {
        let key = rule.key.clone();
        let handle = match self.rules.by_key.get(&key) {
            Some(handle) => *handle,
            None => {
                self.rules.n_handles += 1;
                Handle::own(self.rules.n_handles)
            }
        };
        self.rules.by_key.insert(key.clone(), handle);
        self.rules.by_handle.insert(handle, key.clone());
        self.rules.owners.insert(key, owner);
        let entity = {
            let shared = Arc::clone(&self.home);
            let mut home = write(&shared);
            let changes = home.announce(handle, announcement(&rule), now.wall);
            turn.changes.states.extend(changes.states);
            turn.changes.registry.extend(changes.registry);
            let id = home.by_handle(handle).map(|entity| entity.id.shared());
            drop(home);
            self.note_changes(now.wall, turn);
            id
        };
        self.rules.engine.put(rule, &entity.unwrap_or_default(), is_on, now);
        self.settle_rules(turn);
    }

    /// Adds or changes a rule, in the name of whoever asks.
    pub(super) fn put_rule(
        &mut self,
        by: &Rights,
        key: &RuleKey,
        source: &Value,
        asked: Then,
        turn: &mut Turn,
    ) {
        let now = self.moment();
        let known = self.rules.engine.stand(key);
        if known.is_none() && self.rules.owners.len() >= engine::MOST_RULES {
            let why = format!("more than {} automations and scripts", engine::MOST_RULES);
            asked.end(Err(EditError::NotKept(why)));
            return;
        }
        let owner = RuleOwner { person: by.person.clone(), role: by.role };
        let templates = self.rules.engine.templates().clone();
        let rule = reading::rule(key, source, &templates);
        let is_on = known.map_or(rule.initial.unwrap_or(true), |stand| stand.is_on);
        self.take_rule(rule, is_on, owner, now, turn);
        self.rules.changed.remove(key);
        let record = self.rules.record(key).map(|kept| RuleRecord::Rule(Box::new(kept)));
        self.write_rules(record.into_iter().collect(), Some(asked));
    }

    /// Takes a rule out.
    pub(super) fn forget_rule(&mut self, key: &RuleKey, asked: Then, turn: &mut Turn) {
        let Some(handle) = self.rules.by_key.remove(key) else {
            let refusal = Refusal::NoSuchName { said: key.to_string(), nearest: Vec::new() };
            asked.end(Err(EditError::Refused(refusal)));
            return;
        };
        let now = self.moment();
        self.rules.by_handle.remove(&handle);
        self.rules.owners.remove(key);
        self.rules.changed.remove(key);
        self.rules.engine.forget(key, now);
        self.problems.solved(&Place::Handle(handle));
        {
            let shared = Arc::clone(&self.home);
            let mut home = write(&shared);
            let changes = home.withdraw(handle, true, now.wall);
            turn.changes.states.extend(changes.states);
            turn.changes.registry.extend(changes.registry);
            drop(home);
            self.note_changes(now.wall, turn);
        }
        self.settle_rules(turn);
        self.write_rules(vec![RuleRecord::Forget(key.clone())], Some(asked));
    }

    pub(super) fn rule_view(&self, key: &RuleKey) -> Option<RuleView> {
        let stand = self.rules.engine.stand(key)?;
        let owner = self.rules.owners.get(key).cloned().unwrap_or_default();
        Some(RuleView { stand, owner, traces: self.rules.engine.traces(key) })
    }

    pub(super) fn rule_views(&self) -> Vec<RuleView> {
        self.rules.owners.keys().filter_map(|key| self.rule_view(key)).collect()
    }

    /// Tells the rules what there is to tell, and does what they wish, until nothing is left.
    pub(super) fn settle_rules(&mut self, turn: &mut Turn) {
        if let Some(calendar) = self.rules.calendar.take() {
            let now = self.moment();
            self.rules.engine.set_calendar(calendar, now);
        }
        for wish in std::mem::take(&mut self.rules.wished) {
            self.do_rule_wish(wish, turn);
        }
        if self.rules.is_idle() {
            turn.effects.extend(self.rules.listen());
            return;
        }
        for _ in 0..MOST_ROUNDS {
            let own = self.take_own_acts(turn);
            let told = std::mem::take(&mut self.rules.told);
            let mut is_quiet = own.is_empty() && told.is_empty();
            let now = self.moment();
            for told in told {
                let engine = &mut self.rules.engine;
                match told {
                    Told::Changed(change, is_live) => engine.tell(&change, is_live, now),
                    Told::Device { device, kind, subtype } => {
                        engine.tell_device(&device, &kind, &subtype, now);
                    }
                    Told::Tag { tag, device } => engine.tell_tag(&tag, device.as_deref(), now),
                    Told::Event { name, data } => engine.tell_event(&name, &data, now),
                    Told::Message { filter, topic, payload } => {
                        engine.tell_message(&filter, &topic, &payload, now);
                    }
                }
            }
            for (handle, action) in own {
                self.act_on_rule(handle, action, now);
            }
            for (rule, place, text) in self.asks.take_learned() {
                self.rules.engine.learned(&rule, place, &text);
            }
            while let Some(effect) = self.rules.engine.next_effect() {
                is_quiet = false;
                self.do_effect(effect, turn);
            }
            if is_quiet {
                break;
            }
            let note_at = self.moment().steady.saturating_add(NOTE_AFTER);
            self.rules.note_at.get_or_insert(note_at);
        }
        if !self.rules.wished.is_empty() {
            self.settle_rules(turn);
        }
        turn.effects.extend(self.rules.listen());
        let changed = std::mem::take(&mut self.rules.changed);
        if !changed.is_empty() {
            let records = changed.iter().filter_map(|key| self.rules.record(key));
            let records = records.map(|kept| RuleRecord::Rule(Box::new(kept))).collect();
            self.write_rules(records, None);
        }
    }

    /// What is wished of the hub's own entities does not leave it.
    fn take_own_acts(&mut self, turn: &mut Turn) -> Vec<(Handle, Action)> {
        let mut own = Vec::new();
        let rules = &self.rules.by_handle;
        turn.effects.retain(|effect| match effect {
            Effect::Act { handle, action, .. } if rules.contains_key(handle) => {
                own.push((*handle, action.clone()));
                false
            }
            Effect::Bind { handle, .. } => !rules.contains_key(handle),
            Effect::Act { .. }
            | Effect::Discard(_)
            | Effect::Overhear(..)
            | Effect::Unhear(_)
            | Effect::Say(_) => true,
        });
        own
    }

    fn act_on_rule(&mut self, handle: Handle, action: Action, now: Moment) {
        let Some(key) = self.rules.by_handle.get(&handle).cloned() else { return };
        let engine = &mut self.rules.engine;
        match action {
            Action::Automation(action) => {
                match action {
                    automation::Action::TurnOn => engine.turn(&key, true, now),
                    automation::Action::TurnOff { stops } => {
                        engine.turn(&key, false, now);
                        if stops {
                            engine.stop(&key, now);
                        }
                    }
                    automation::Action::Trigger { skips_conditions, variables } => {
                        return engine.trigger(&key, &variables, skips_conditions, now);
                    }
                    // Accepted as one of the others.
                    automation::Action::Toggle => {}
                }
                self.rules.changed.insert(key);
            }
            Action::Script(script::Action::TurnOn { variables }) => {
                engine.trigger(&key, &variables, true, now);
            }
            Action::Scene(scene::Action::TurnOn { transition }) => {
                let said = transition.map(|seconds| ("transition".into(), seconds.into()));
                engine.trigger(&key, said.as_slice(), true, now);
            }
            Action::Script(script::Action::TurnOff) => engine.stop(&key, now),
            _ => {}
        }
    }

    fn do_effect(&mut self, effect: engine::Effect, turn: &mut Turn) {
        let now = self.moment();
        match effect {
            engine::Effect::Call { token, order, by, place } => {
                let result = self.call_for_rule(&by, place, &order, turn);
                self.rules.engine.done(token, result, now);
            }
            engine::Effect::Fire { name, data, .. } => {
                turn.shown.push(Shown::Fired(name, data, now.wall));
            }
            engine::Effect::Show(key) if self.is_over(&key) => {
                let (ignored, _) = oneshot::channel();
                let edits = vec![RuleEdit::Forget(key)];
                self.rules.wished.push(RuleWish::own(edits, Then::Answer(ignored)));
            }
            engine::Effect::Show(key) => self.show_rule(&key, now, turn),
            engine::Effect::Warn { rule, text } => self.warn_of_rule(&rule, text, now),
        }
    }

    /// A rule's entity shows how it stands.
    fn show_rule(&mut self, key: &RuleKey, now: Moment, turn: &mut Turn) {
        let Some(stand) = self.rules.engine.stand(key) else { return };
        let Some(handle) = self.rules.by_key.get(key).copied() else { return };
        let current = u32::try_from(stand.n_runs).unwrap_or(u32::MAX);
        let last_triggered = stand.last_triggered;
        let state = match key.kind() {
            Kind::Automation => State::Automation(automation::State {
                on: Some(stand.is_on && stand.rule.is_armed()),
                last_triggered,
                current,
            }),
            Kind::Scene => State::Scene(scene::State { at: last_triggered }),
            Kind::Script => {
                State::Script(script::State { on: Some(current > 0), last_triggered, current })
            }
        };
        self.asks.reported(handle, &state, Outcome::Confirmed);
        let report = Report {
            state: Some(state),
            extra: None,
            source: Source::Live,
            force: false,
            said_at: None,
        };
        let shared = Arc::clone(&self.home);
        let mut home = write(&shared);
        let change = home.report(handle, report, now.wall);
        turn.live.resize(turn.changes.states.len(), false);
        turn.changes.states.extend(change);
        turn.live.resize(turn.changes.states.len(), true);
        self.note_changes(now.wall, turn);
        self.asks.finish(&home, &self.dirty);
    }
}
