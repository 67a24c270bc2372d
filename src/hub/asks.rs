//! Wishes that were sent to devices and wait for what becomes of them.
//!
//! A wish is confirmed by the device's own live report only: one that comes after the command, or
//! the last one before it if the device was as wished already and does not say otherwise. What is
//! assumed, and what has not come in time, is "sent".

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::debug;

use super::dirty::Dirty;
use super::ear::Finish;
use super::event::{Done, Effect, Reply, Said, Wish};
use crate::automation::rule::RuleKey;
use crate::automation::rule::engine::Place;
use crate::home::Home;
use crate::home::action::{Outcome, Refusal};
use crate::home::domain::{Action, Domain, State};
use crate::home::entity::{Entity, Record, Source};
use crate::home::guard;
use crate::home::id::{ActionId, EntityId, Handle};
use crate::home::person::Rights;

/// How long a port may take to assume a state after it sent a command.
const ASSUMED_WITHIN: Duration = Duration::from_millis(500);

/// How long a device that is as wished already may take to say otherwise.
const CONTRADICT_WITHIN: Duration = Duration::from_millis(250);

/// How long a program waits for a device that did not answer its last command in time, or that is
/// as wished already: a script of thousands of calls to silent devices must stay fast.
const IF_SILENT: Duration = Duration::from_millis(100);

/// To whom the outcome goes.
pub(super) enum Answer {
    Done(oneshot::Sender<Vec<Done>>),
    Reply(Finish, oneshot::Sender<Reply>),
    /// The house says it: with the reply that is made at the end.
    Said(Finish, Box<Said>),
    /// A rule has it in its trace.
    Rule {
        rule: RuleKey,
        place: Place,
        /// What was asked for in vain.
        left_out: Vec<String>,
    },
}

/// All that waits.
#[derive(Default)]
pub(super) struct Asks {
    last_action: u64,
    last_ask: u64,
    asks: BTreeMap<u64, Ask>,
    /// By the entity they are for.
    waiting: BTreeMap<Handle, Vec<Waiting>>,
    handles: BTreeMap<ActionId, Handle>,
    deadlines: BTreeSet<(Instant, ActionId)>,
    /// Asks of which nothing waits any more.
    ready: Vec<u64>,
    /// Entities that did not answer their last command in time, and what it was; until they do.
    silent: BTreeMap<Handle, Action>,
    /// Sent, and not confirmed when the person was answered; the device may still say it.
    late: BTreeMap<Handle, (EntityId, Action)>,
    /// Whose states a person caused and knows.
    told: Vec<EntityId>,
    /// What is to be said by now.
    said: Vec<Said>,
    /// What became of what rules called, for their traces.
    learned: Vec<(RuleKey, Place, String)>,
}

struct Ask {
    parts: Vec<Part>,
    n_waiting: usize,
    answer: Answer,
}

struct Part {
    entity: EntityId,
    before: Option<Record>,
    outcome: Outcome,
}

struct Waiting {
    id: ActionId,
    ask: u64,
    part: usize,
    action: Action,
    until: Instant,
    /// The device's own last word was the wished state already; it may well say nothing now.
    is_so_already: bool,
    /// The device has said something since, though not that it is as wished: it is on its way.
    has_spoken: bool,
}

impl Asks {
    /// Takes wishes in: what may and can be done becomes an effect, the rest is refused.
    pub(super) fn begin(
        &mut self,
        by: &Rights,
        home: &Home,
        wishes: Vec<Wish>,
        patience: Duration,
        answer: Answer,
        effects: &mut Vec<Effect>,
    ) {
        self.last_ask += 1;
        let now = Instant::now();
        // A person who spoke wants to know; a program goes on.
        let is_program = matches!(answer, Answer::Done(_) | Answer::Rule { .. });
        let mut ask = Ask { parts: Vec::with_capacity(wishes.len()), n_waiting: 0, answer };
        for Wish { entity: id, action } in wishes {
            let entity = home.entity(id.as_str());
            let before = entity.and_then(Entity::record);
            let is_allowed = match entity {
                Some(entity) => guard::check(by, entity, &action, home),
                // Which names are near would tell what there is.
                None if by.areas.is_some() => Err(guard::unseen(&id)),
                None => Ok(()),
            };
            let outcome = match is_allowed.and_then(|()| home.accept(id.as_str(), action)) {
                Err(refusal) => Outcome::Refused(refusal),
                Ok((handle, action)) => {
                    self.last_action += 1;
                    let id = ActionId(self.last_action);
                    effects.push(Effect::Act { id, handle, action: action.clone() });
                    let is_so_already = entity.is_some_and(|entity| is_so(entity, &action));
                    let patience = entity.map_or(Duration::ZERO, |entity| fair(patience, entity));
                    let is_silent = is_so_already || self.silent.contains_key(&handle);
                    let patience = match (is_program, is_so_already) {
                        (true, _) if is_silent => patience.min(IF_SILENT),
                        (false, true) => patience.min(CONTRADICT_WITHIN),
                        _ => patience,
                    };
                    if !patience.is_zero() {
                        ask.n_waiting += 1;
                        // A patience beyond the clock's end waits for a day.
                        let day = Duration::from_secs(86_400);
                        let until = now + patience.min(day);
                        let part = ask.parts.len();
                        let ask = self.last_ask;
                        let waiting = Waiting {
                            id,
                            ask,
                            part,
                            action,
                            until,
                            is_so_already,
                            has_spoken: false,
                        };
                        self.waiting.entry(handle).or_default().push(waiting);
                        self.handles.insert(id, handle);
                        self.deadlines.insert((until, id));
                    } else if let Some(entity) = entity {
                        self.late.insert(handle, (entity.id.clone(), action));
                    }
                    Outcome::Sent
                }
            };
            ask.parts.push(Part { entity: id, before, outcome });
        }
        if ask.n_waiting == 0 {
            self.ready.push(self.last_ask);
        }
        self.asks.insert(self.last_ask, ask);
    }

    /// A device is in this state: wishes that it fulfils have this outcome.
    pub(super) fn reported(&mut self, handle: Handle, state: &State, outcome: Outcome) {
        // The way of every message: nearly always nothing waits and nothing is silent.
        if !self.silent.is_empty()
            && self.silent.get(&handle).is_some_and(|action| state.confirms(action))
        {
            self.silent.remove(&handle);
        }
        if outcome == Outcome::Confirmed
            && let Some((_, (id, _))) =
                self.late.extract_if(handle..=handle, |_, (_, late)| state.confirms(late)).next()
        {
            self.told.push(id);
        }
        let Some(waiting) = self.waiting.get_mut(&handle) else { return };
        let fulfilled: Vec<Waiting> =
            waiting.extract_if(.., |waiting| state.confirms(&waiting.action)).collect();
        for waiting in waiting.iter_mut() {
            waiting.has_spoken = true;
        }
        if waiting.is_empty() {
            self.waiting.remove(&handle);
        }
        for waiting in fulfilled {
            self.settle(waiting, outcome.clone());
        }
    }

    /// A wish could not be sent after all.
    pub(super) fn failed(&mut self, id: ActionId, refusal: Refusal) {
        match self.take(id) {
            Some(waiting) => self.settle(waiting, Outcome::Refused(refusal)),
            None => debug!(error = %refusal, "An action failed that nobody waits for any more."),
        }
    }

    /// The entity is gone.
    pub(super) fn forget(&mut self, handle: Handle) {
        self.silent.remove(&handle);
    }

    /// When the next wish has waited long enough.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(until, _)| *until)
    }

    /// Ends the waiting of those whose time has come.
    pub(super) fn expire(
        &mut self,
        home: &Home,
        now: Instant,
        mut was_sent: impl FnMut(ActionId) -> bool,
    ) {
        while let Some((until, id)) = self.deadlines.first().copied()
            && until <= now
        {
            self.deadlines.remove(&(until, id));
            let handle = self.handles.get(&id).copied();
            if let Some(waiting) = self.take(id) {
                let entity = handle.and_then(|handle| home.by_handle(handle));
                let is_so = || entity.is_some_and(|entity| is_so(entity, &waiting.action));
                let outcome = match was_sent(id) {
                    true if waiting.is_so_already && is_so() => Outcome::Confirmed,
                    true => {
                        if let (Some(handle), Some(entity)) = (handle, entity) {
                            if !waiting.has_spoken {
                                self.silent.insert(handle, waiting.action.clone());
                            }
                            self.late.insert(handle, (entity.id.clone(), waiting.action.clone()));
                        }
                        Outcome::Sent
                    }
                    false => Outcome::Refused(Refusal::NoBroker),
                };
                self.settle(waiting, outcome);
            }
        }
    }

    /// Ends all waiting.
    pub(super) fn expire_all(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        for waiting in waiting.into_values().flatten() {
            self.settle(waiting, Outcome::Sent);
        }
    }

    /// Answers those of which nothing waits any more, and has kept what they are told.
    pub(super) fn finish(&mut self, home: &Home, dirty: &Dirty) {
        for id in &self.ready {
            let parts = self.asks.get(id).into_iter().flat_map(|ask| &ask.parts);
            // Sent may be assumed to be so; what nothing became of costs no write.
            let told = parts.filter(|part| !matches!(part.outcome, Outcome::Refused(_)));
            self.told.extend(told.map(|part| part.entity.clone()));
        }
        dirty.mark_told(std::mem::take(&mut self.told));
        for id in self.ready.drain(..) {
            let Some(ask) = self.asks.remove(&id) else { continue };
            let done = ask.parts.into_iter().map(|part| part.done(home)).collect();
            match ask.answer {
                Answer::Done(reply) => drop(reply.send(done)),
                Answer::Reply(finish, reply) => drop(reply.send(finish(home, done))),
                Answer::Said(finish, said) => {
                    self.said.push(Said { reply: finish(home, done), ..*said });
                }
                Answer::Rule { rule, place, left_out } => {
                    self.learned.push((rule, place, told(&done, left_out)));
                }
            }
        }
    }

    /// What the house has to say of what it did by itself.
    pub(super) fn take_said(&mut self) -> Vec<Said> {
        std::mem::take(&mut self.said)
    }

    /// What became of what rules called.
    pub(super) fn take_learned(&mut self) -> Vec<(RuleKey, Place, String)> {
        std::mem::take(&mut self.learned)
    }

    fn take(&mut self, id: ActionId) -> Option<Waiting> {
        let handle = *self.handles.get(&id)?;
        let waiting = self.waiting.get_mut(&handle)?;
        let at = waiting.iter().position(|waiting| waiting.id == id)?;
        let found = waiting.swap_remove(at);
        if waiting.is_empty() {
            self.waiting.remove(&handle);
        }
        Some(found)
    }

    fn settle(&mut self, waiting: Waiting, outcome: Outcome) {
        self.handles.remove(&waiting.id);
        self.deadlines.remove(&(waiting.until, waiting.id));
        let Some(ask) = self.asks.get_mut(&waiting.ask) else { return };
        if let Some(part) = ask.parts.get_mut(waiting.part) {
            part.outcome = outcome;
        }
        ask.n_waiting = ask.n_waiting.saturating_sub(1);
        if ask.n_waiting == 0 {
            self.ready.push(waiting.ask);
        }
    }
}

impl Part {
    fn done(self, home: &Home) -> Done {
        let now = home.entity(self.entity.as_str()).and_then(Entity::record);
        let changed = now.filter(|now| self.before.as_ref() != Some(now));
        Done { entity: self.entity, outcome: self.outcome, changed }
    }
}

/// What became of a rule's call, in plain English.
fn told(done: &[Done], left_out: Vec<String>) -> String {
    let one = |done: &Done| match &done.outcome {
        Outcome::Confirmed => format!("{} confirmed", done.entity),
        Outcome::Sent => format!("{} sent", done.entity),
        Outcome::Refused(refusal) => format!("{} refused: {refusal}", done.entity),
    };
    let told: Vec<String> = done.iter().map(one).chain(left_out).collect();
    told.join("; ")
}

/// Whether the device itself, in this run, said last that it is as wished. Many say nothing when
/// they are told to be what they are.
fn is_so(entity: &Entity, action: &Action) -> bool {
    entity.source == Source::Live
        && entity.state.as_ref().is_some_and(|state| state.confirms(action))
}

/// How long it is worth waiting for this entity's report.
fn fair(patience: Duration, entity: &Entity) -> Duration {
    // Pressed, sent, called: there is no state that would tell.
    let is_stateless =
        matches!(entity.domain, Domain::Button | Domain::Scene | Domain::Notify | Domain::Infrared);
    if is_stateless {
        return Duration::ZERO;
    }
    if entity.traits.assumes_state { patience.min(ASSUMED_WITHIN) } else { patience }
}
