//! Triggers that are watched: what they saw, and what has to last before they begin something.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::begin::Cause;
use super::judge::{fits, in_range, value_of};
use super::sight::{Asked, Sight, Vars, given};
use super::wheel::{Key, TimerId};
use super::{Chain, Effect, RuleKey, Rules, Token, WatchId};
use crate::automation::Moment;
use crate::automation::rule::Expr;
use crate::automation::rule::native;
use crate::automation::rule::trigger::{At, Kind, Match, StateTrigger, Trigger};
use crate::home::Change;
use crate::home::entity::Record;
use crate::home::value::Value;
use crate::template::{Given, Template};

/// What reads the clock in a template: it is looked at again each minute, as in Home Assistant.
const CLOCKS: &[&str] = &["now(", "today_at(", "relative_time(", "time_since(", "time_until("];

/// For whom something is watched.
#[derive(Debug, Clone)]
pub(super) enum Owner {
    /// It begins this rule.
    Rule(RuleKey),
    /// It ends a `wait_for_trigger`.
    Run(Token),
    /// It ends a `wait_template`.
    Until(Token),
}

/// Where a watch stands in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    Entity(Arc<str>),
    Domain(Arc<str>),
    All,
}

#[derive(Debug)]
pub(super) struct Watch {
    pub(super) owner: Owner,
    pub(super) triggers: Arc<[Trigger]>,
    pub(super) n: usize,
    pub(super) vars: Arc<Vars>,
    /// What has to last, by entity.
    held: BTreeMap<Arc<str>, Held>,
    /// Outside of the range, or false: ready to begin something.
    armed: BTreeSet<Arc<str>>,
    entries: Vec<Entry>,
    /// Its next time on the wall clock.
    pub(super) timer: Option<TimerId>,
    /// When a template that reads the clock is looked at again.
    minute: Option<TimerId>,
    /// Its last time.
    pub(super) last_at: Option<Timestamp>,
}

#[derive(Debug)]
struct Held {
    timer: TimerId,
    since: Timestamp,
    cause: Cause,
    same: Same,
}

/// What must stay so.
#[derive(Debug, Clone, PartialEq)]
enum Same {
    Is(Option<Value>),
    IsNot(Option<Value>),
    /// In the range; or the template true.
    Holds,
}

impl Watch {
    pub(super) fn trigger(&self) -> Option<&Trigger> {
        self.triggers.get(self.n)
    }

    /// The filter of the topics it wants to hear.
    pub(super) fn filter(&self) -> Option<Arc<str>> {
        match &self.trigger()?.kind {
            Kind::Topic(topic) => Some(Arc::clone(&topic.filter)),
            _ => None,
        }
    }

    /// What has to last, since when.
    pub(super) fn held_since(&self) -> Option<(Timestamp, String)> {
        let held = self.held.values().min_by_key(|held| held.since)?;
        Some((held.since, held.cause.text.clone()))
    }

    /// `trigger` in templates.
    pub(super) fn told(&self, more: Vec<(&str, Given)>) -> Vec<(Arc<str>, Given)> {
        let Some(trigger) = self.trigger() else { return Vec::new() };
        let text = |text: &str| given(&Value::from(text));
        let mut told: Vec<(Arc<str>, Given)> = vec![
            ("platform".into(), text(trigger.kind.word())),
            ("id".into(), text(&trigger.id)),
            ("idx".into(), text(&self.n.to_string())),
            ("alias".into(), given(&Value::from(trigger.alias.as_ref().map(Value::from)))),
        ];
        told.extend(more.into_iter().map(|(name, given)| (Arc::from(name), given)));
        told
    }
}

impl Rules {
    /// Watches triggers.
    pub(super) fn watch_all(
        &mut self,
        triggers: &Arc<[Trigger]>,
        owner: impl Fn() -> Owner,
        vars: Option<Arc<Vars>>,
        now: Moment,
    ) -> Vec<WatchId> {
        let sight = self.sight(now);
        let vars = vars.unwrap_or_else(|| {
            let mut vars = Vars::new();
            if let Owner::Rule(key) = owner()
                && let Some(standing) = self.rules.get(&key)
            {
                // What is wrong with them is told when it begins.
                let _ = sight.define(&standing.rule.trigger_variables, &mut vars);
            }
            Arc::new(vars)
        });
        let enabled = triggers.iter().enumerate().filter(|(_, trigger)| trigger.is_enabled);
        let enabled: Vec<usize> = enabled.map(|(n, _)| n).collect();
        enabled
            .into_iter()
            .map(|n| {
                self.last += 1;
                let id = WatchId(self.last);
                let watch = Watch {
                    owner: owner(),
                    triggers: Arc::clone(triggers),
                    n,
                    vars: Arc::clone(&vars),
                    held: BTreeMap::new(),
                    armed: BTreeSet::new(),
                    entries: Vec::new(),
                    timer: None,
                    minute: None,
                    last_at: None,
                };
                self.watches.insert(id, watch);
                self.begin_watching(id, &sight, now);
                id
            })
            .collect()
    }

    fn begin_watching(&mut self, id: WatchId, sight: &Sight, now: Moment) {
        let Some(watch) = self.watches.get_mut(&id) else { return };
        let triggers = Arc::clone(&watch.triggers);
        let Some(trigger) = triggers.get(watch.n) else { return };
        match &trigger.kind {
            Kind::State(StateTrigger { entities, .. }) => {
                self.index(id, entities.iter().cloned().map(Entry::Entity).collect());
            }
            Kind::Numeric(numeric) => {
                let range = &numeric.range;
                for entity in &range.entities {
                    let is_outside = sight.record(entity).is_some_and(|record| {
                        in_range(sight, &watch.vars, range, entity, &record) == Ok(false)
                    });
                    if is_outside {
                        watch.armed.insert(Arc::clone(entity));
                    }
                }
                self.index(id, range.entities.iter().cloned().map(Entry::Entity).collect());
            }
            Kind::Time { at, .. } => {
                let entities = at.iter().filter_map(|at| match at {
                    At::Entity { id, .. } => Some(Entry::Entity(Arc::clone(id))),
                    At::Clock(_) => None,
                });
                self.index(id, entities.collect());
                self.set_timer(id, now.wall, now);
            }
            Kind::Pattern(_) | Kind::Sun { .. } => self.set_timer(id, now.wall, now),
            Kind::Template { .. } => {
                // False before anything: what is true now begins nothing.
                self.look_at_template(id, None, false, &Chain::default(), now);
                // `wait_template` has looked already.
                if let Some(watch) = self.watches.get_mut(&id)
                    && matches!(watch.owner, Owner::Until(_))
                {
                    watch.armed.insert("".into());
                }
            }
            Kind::Event { .. }
            | Kind::Device(_)
            | Kind::Topic(_)
            | Kind::Tag { .. }
            | Kind::Start => {
                self.listening.insert(id);
            }
            Kind::Never => {}
        }
    }

    pub(super) fn unwatch(&mut self, id: WatchId) {
        self.index(id, Vec::new());
        self.listening.remove(&id);
        let Some(watch) = self.watches.remove(&id) else { return };
        let held = watch.held.into_values().map(|held| held.timer);
        for timer in held.chain(watch.timer).chain(watch.minute) {
            self.wheel.cancel(timer);
        }
    }

    /// Where a watch stands in the index from now on.
    fn index(&mut self, id: WatchId, entries: Vec<Entry>) {
        let Some(watch) = self.watches.get_mut(&id) else { return };
        if watch.entries == entries {
            return;
        }
        for entry in std::mem::replace(&mut watch.entries, entries.clone()) {
            let (map, key) = match &entry {
                Entry::Entity(key) => (&mut self.of_entity, key),
                Entry::Domain(key) => (&mut self.of_domain, key),
                Entry::All => {
                    self.of_all.remove(&id);
                    continue;
                }
            };
            if let Some(watches) = map.get_mut(key) {
                watches.remove(&id);
                if watches.is_empty() {
                    map.remove(key);
                }
            }
        }
        for entry in entries {
            match entry {
                Entry::Entity(key) => {
                    self.of_entity.entry(key).or_default().insert(id);
                }
                Entry::Domain(key) => {
                    self.of_domain.entry(key).or_default().insert(id);
                }
                Entry::All => {
                    self.of_all.insert(id);
                }
            }
        }
    }

    /// Something that is watched has changed.
    pub(super) fn changed(
        &mut self,
        id: WatchId,
        change: &Change,
        is_live: bool,
        chain: &Chain,
        now: Moment,
    ) {
        let Some(watch) = self.watches.get(&id) else { return };
        let triggers = Arc::clone(&watch.triggers);
        let Some(trigger) = triggers.get(watch.n) else { return };
        match &trigger.kind {
            Kind::State(state) => self.state_changed(id, state, change, is_live, chain, now),
            Kind::Numeric(numeric) => {
                self.number_changed(id, numeric, change, is_live, chain, now);
            }
            Kind::Time { .. } => self.set_timer(id, now.wall, now),
            Kind::Template { .. } => self.look_at_template(id, Some(change), is_live, chain, now),
            Kind::Pattern(_)
            | Kind::Sun { .. }
            | Kind::Event { .. }
            | Kind::Device(_)
            | Kind::Topic(_)
            | Kind::Tag { .. }
            | Kind::Start
            | Kind::Never => {}
        }
    }

    fn state_changed(
        &mut self,
        id: WatchId,
        state: &StateTrigger,
        change: &Change,
        is_live: bool,
        chain: &Chain,
        now: Moment,
    ) {
        let attribute = state.attribute.as_deref();
        let value = |record: &Option<Record>| value_of(record.as_ref()?, attribute);
        let (old, new) = (value(&change.before), value(&change.after));
        let entity = change.id.shared();
        if let Some(held) = self.watches.get(&id).and_then(|watch| watch.held.get(&entity)) {
            let is_same = change.after.is_some()
                && match &held.same {
                    Same::Is(value) => new == *value,
                    Same::IsNot(value) => new != *value,
                    Same::Holds => true,
                };
            if !is_same {
                self.let_go(id, &entity);
            }
        }
        if !is_live || change.after.is_none() || (attribute.is_some() && old == new) {
            return;
        }
        let is_any = state.from == Match::Unsaid && state.to == Match::Unsaid;
        let is_attribute = attribute.is_some();
        if !fits(&state.from, old.as_ref(), is_attribute)
            || !fits(&state.to, new.as_ref(), is_attribute)
            || (!is_any && old == new)
        {
            return;
        }
        let words = |value: &Option<Value>| match value {
            Some(value) => native::word(value).unwrap_or_else(|| format!("{value:?}").into()),
            None => "nothing".into(),
        };
        let text = format!("{entity} changed from {} to {}", words(&old), words(&new));
        let has_from = !matches!(state.from, Match::Unsaid);
        let has_to = matches!(state.to, Match::OneOf(_) | Match::Any);
        let same = if has_from && !has_to { Same::IsNot(old) } else { Same::Is(new) };
        let more = vec![("attribute", given(&Value::from(attribute)))];
        self.saw(id, Sighted { change: Some(change), text, more, same }, &state.length, chain, now);
    }

    fn number_changed(
        &mut self,
        id: WatchId,
        numeric: &crate::automation::rule::trigger::NumericTrigger,
        change: &Change,
        is_live: bool,
        chain: &Chain,
        now: Moment,
    ) {
        let sight = self.sight(now);
        let Some(watch) = self.watches.get_mut(&id) else { return };
        let Some(after) = &change.after else { return };
        let entity = change.id.shared();
        let found = in_range(&sight, &watch.vars, &numeric.range, &entity, after);
        if found != Ok(true) && watch.held.contains_key(&entity) {
            self.let_go(id, &entity);
        }
        let Some(watch) = self.watches.get_mut(&id) else { return };
        match found {
            Err(why) => return self.warn(id, why),
            Ok(false) => {
                watch.armed.insert(entity);
                return;
            }
            Ok(true) if !watch.armed.remove(&entity) || !is_live => return,
            Ok(true) => {}
        }
        use crate::automation::rule::trigger::Bound;
        let side = |bound: &Option<Bound>| match bound {
            None => given(&Value::Null),
            Some(Bound::Number(number)) => given(&Value::Float(*number)),
            Some(Bound::Entity(id)) => given(&Value::from(id)),
        };
        let more =
            vec![("above", side(&numeric.range.above)), ("below", side(&numeric.range.below))];
        let text = format!("{entity} came into its range: {}", after.view.word);
        let sighted = Sighted { change: Some(change), text, more, same: Same::Holds };
        self.saw(id, sighted, &numeric.length, chain, now);
    }

    /// Looks whether a template is true now, and whom it asks.
    pub(super) fn look_at_template(
        &mut self,
        id: WatchId,
        change: Option<&Change>,
        is_live: bool,
        chain: &Chain,
        now: Moment,
    ) {
        let sight = self.sight(now);
        let Some(watch) = self.watches.get(&id) else { return };
        let triggers = Arc::clone(&watch.triggers);
        let Some(Trigger { kind: Kind::Template { template, length }, .. }) = triggers.get(watch.n)
        else {
            return;
        };
        let (text, asked) = sight.text(template, &watch.vars);
        self.index(id, entries(asked));
        self.set_minute(id, template, now);
        let all: Arc<str> = "".into();
        let is_true = match text {
            Ok(text) => native::is_true(&native::native(&text)),
            Err(why) => return self.warn(id, why),
        };
        if !is_true {
            self.let_go(id, &all);
        }
        let Some(watch) = self.watches.get_mut(&id) else { return };
        if !is_true {
            watch.armed.insert(all);
            return;
        }
        if !watch.armed.remove(&all) || !is_live {
            return;
        }
        let text = match change {
            Some(change) => format!("a template turned true with {}", change.id),
            None => "a template turned true".to_owned(),
        };
        let sighted = Sighted { change, text, more: Vec::new(), same: Same::Holds };
        self.saw(id, sighted, length, chain, now);
    }

    pub(super) fn set_minute(&mut self, id: WatchId, template: &Template, now: Moment) {
        if !CLOCKS.iter().any(|clock| template.source().contains(clock)) {
            return;
        }
        let Some(watch) = self.watches.get_mut(&id) else { return };
        if let Some(timer) = watch.minute.take() {
            self.wheel.cancel(timer);
        }
        let next = now.wall.as_second().div_euclid(60).saturating_add(1).saturating_mul(60);
        if let Ok(next) = Timestamp::from_second(next) {
            watch.minute = Some(self.wheel.wall(next, Key::Minute(id)));
        }
    }

    /// A trigger saw what it waits for: it begins something now, or if it lasts.
    fn saw(
        &mut self,
        id: WatchId,
        sighted: Sighted<'_>,
        length: &Option<Expr>,
        chain: &Chain,
        now: Moment,
    ) {
        let sight = self.sight(now);
        let Some(watch) = self.watches.get(&id) else { return };
        let Sighted { change, text, mut more, same } = sighted;
        let entity = match change {
            Some(change) => change.id.shared(),
            None => "".into(),
        };
        if let Some(change) = change {
            let state = |record: &Option<Record>| match record {
                Some(record) => Given::state(sight.told(change.id.as_str(), record)),
                None => given(&Value::Null),
            };
            more.push(("entity_id", given(&Value::from(change.id.as_str()))));
            more.push(("from_state", state(&change.before)));
            more.push(("to_state", state(&change.after)));
        }
        more.push(("description", given(&Value::from(text.as_str()))));
        let mut told = watch.told(more);
        let lasting = match length {
            None => SignedDuration::ZERO,
            Some(length) => {
                let mut vars = (*watch.vars).clone();
                vars.insert("trigger".into(), Given::map(told.clone()));
                match sight.length(length, &vars) {
                    Ok(lasting) => lasting,
                    Err(why) => return self.warn(id, why),
                }
            }
        };
        told.push((
            "for".into(),
            if length.is_some() { Given::length(lasting) } else { given(&Value::Null) },
        ));
        let cause =
            Cause { trigger: Some(watch.n), told, chain: Arc::clone(chain), ..Cause::new(&text) };
        if lasting.is_zero() {
            return self.fire(id, cause, now);
        }
        // A template lasts whatever entity turned it true.
        let held_as = match watch.trigger().map(|trigger| &trigger.kind) {
            Some(Kind::Template { .. }) => "".into(),
            _ => entity,
        };
        self.let_go(id, &held_as);
        let at = now.steady.saturating_add(lasting);
        let timer = self.wheel.steady(at, Key::Held(id, Arc::clone(&held_as)));
        if let Some(watch) = self.watches.get_mut(&id) {
            watch.held.insert(held_as, Held { timer, since: now.wall, cause, same });
        }
    }

    /// What had to last does not.
    fn let_go(&mut self, id: WatchId, entity: &str) {
        let Some(watch) = self.watches.get_mut(&id) else { return };
        if let Some(held) = watch.held.remove(entity) {
            self.wheel.cancel(held.timer);
        }
    }

    pub(super) fn held_long_enough(&mut self, id: WatchId, entity: &str, now: Moment) {
        let Some(watch) = self.watches.get_mut(&id) else { return };
        if let Some(held) = watch.held.remove(entity) {
            let mut cause = held.cause;
            cause.text.push_str(", and it lasted");
            self.fire(id, cause, now);
        }
    }

    pub(super) fn fire(&mut self, id: WatchId, cause: Cause, now: Moment) {
        let Some(watch) = self.watches.get(&id) else { return };
        match watch.owner.clone() {
            Owner::Rule(key) => {
                self.begin(&key, cause, now);
            }
            Owner::Run(token) => self.happened(token, Some(cause.told), now),
            Owner::Until(token) => self.happened(token, None, now),
        }
    }

    fn warn(&mut self, id: WatchId, why: String) {
        let Some(watch) = self.watches.get(&id) else { return };
        let rule = match &watch.owner {
            Owner::Rule(key) => key.clone(),
            Owner::Run(token) | Owner::Until(token) => match self.runs.get(&token.run) {
                Some(run) => run.rule.key.clone(),
                None => return,
            },
        };
        let text = format!("trigger {}: {why}", watch.n);
        self.effects.push_back(Effect::Warn { rule, text });
    }
}

/// What a trigger saw.
struct Sighted<'a> {
    change: Option<&'a Change>,
    text: String,
    more: Vec<(&'static str, Given)>,
    same: Same,
}

fn entries(asked: Asked) -> Vec<Entry> {
    if asked.domains.contains(&None) {
        return vec![Entry::All];
    }
    let domains = asked.domains.into_iter().flatten();
    let domains: Vec<String> = domains.collect();
    let is_covered = |id: &String| {
        id.split_once('.').is_some_and(|(domain, _)| domains.iter().any(|d| d == domain))
    };
    let entities = asked.entities.into_iter().filter(|id| !is_covered(id));
    let entities: Vec<Entry> = entities.map(|id| Entry::Entity(id.into())).collect();
    domains.iter().map(|domain| Entry::Domain(domain.as_str().into())).chain(entities).collect()
}
