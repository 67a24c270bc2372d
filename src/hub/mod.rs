//! The one loop of the house: takes events and queries in, changes the [`Home`] (nobody else does),
//! and sends effects, changes and answers out. What happens is in [`event`]; this file only says in
//! which order.
//!
//! The loop never waits for a disk, a device or a port: writes are the writer's, wishes wait in
//! [`asks`], effects wait in the backlog of the [`outbox`]. Only what comes in may wait a moment,
//! so that a watcher of what is shown is not left behind by a flood.

mod alarm;
mod asks;
mod books;
mod dirty;
mod ear;
mod edit;
mod edits;
pub mod event;
mod gate;
mod handle;
mod hearing;
mod outbox;
mod problems;
mod rule_call;
mod rule_wish;
mod rules;
mod seen;
mod thinking;
mod trial;
mod turn;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::Instant;
use tracing::debug;

pub use self::ear::{Book, Deaf, Ear, Finish, Heard, RuleTalk, Thinking, Thought, Tried};
pub use self::handle::{HubHandle, Stopped};

use self::asks::Asks;
use self::books::Keeper;
use self::dirty::Dirty;
use self::edit::Edit;
use self::event::{
    Counters, EditError, Effect, Event, Place, Problem, Query, Reply, Showing, Shown, Trigger,
    Utterance,
};
use self::outbox::Outbox;
use self::problems::{Named, Problems};
use self::rules::{RuleKeeper, Told};
use self::turn::Turn;
use crate::automation::Agenda;
use crate::clock::Clock;
use crate::home::action::{Outcome, Refusal};
use crate::home::entity::{Entity, Source};
use crate::home::id::{ActionId, DeviceId, Handle, PersonId};
use crate::home::person::Rights;
use crate::home::{Changes, Home};
use crate::storage::{Committed, Status, Writer};

/// Batches and queries that may wait for the hub; more make their senders wait.
const INBOX: usize = 32;

/// Inputs taken in one turn, before edits, deadlines and the stop are looked at.
const TURN: usize = 8;

/// Things shown that go out together. Small, so that what a slow watcher holds back stays small.
const SHOWN_TOGETHER: usize = 64;

/// Showings that a slow watcher may be behind; then it loses the oldest.
const SHOWN_BEHIND: usize = 256;

/// So many behind, a watcher is waited for: nothing is taken in meanwhile. Leaves room for what one
/// turn shows.
const SHOWN_FAR_BEHIND: usize = 64;

/// How long a watcher is waited for. It shares the processors with everything else, so that a
/// moment says nothing about it; after that it is too slow, and nobody waits for it any more until
/// it has caught up.
const WAIT_FOR_WATCHERS: Duration = Duration::from_millis(250);

/// How often it is looked whether it has.
const LOOK_AT_WATCHERS: Duration = Duration::from_millis(1);

/// Edits that may wait for the disk; more are answered with an error.
const MOST_EDITS: usize = 1_000;

/// How long the stop waits for an edit that is on its way to the disk, and then for the writer.
const LAST_EDIT: Duration = Duration::from_millis(500);
const LAST_WRITES: Duration = Duration::from_millis(1_500);

/// The place of the problem that the disk does not take what is written.
const DISK: Place = Place::Part("disk");
/// The same of what is recorded.
const HISTORY: Place = Place::Part("history");

/// What a hub is made of.
pub struct Setup {
    /// The house as it was before the restart, or empty.
    pub home: Home,
    /// What is to happen, as it was before the restart; or empty.
    pub agenda: Agenda,
    /// Keeps it. The hub becomes its source and stops it at the end.
    pub writer: Writer,
    /// The time of day.
    pub clock: Clock,
    /// Understands what people say.
    pub ear: Box<dyn Ear>,
    /// The port that announces entities.
    pub outbox: mpsc::Sender<Vec<Effect>>,
}

/// Says how far a person reaches now; `None` where there is no such person any more. Quick: the hub
/// waits for it.
pub type LookUp = Box<dyn Fn(&PersonId) -> Option<Rights> + Send>;

/// The hub; does nothing until it [runs](Hub::run).
pub struct Hub {
    home: Arc<RwLock<Home>>,
    inbox: mpsc::Receiver<Input>,
    shown: broadcast::Sender<Arc<Showing>>,
    /// Things shown since the start.
    n_shown: u64,
    n_registry_changes: Arc<AtomicU64>,
    /// Since when a watcher is far behind.
    behind_since: Option<Instant>,
    writer: Writer,
    status: watch::Receiver<Status>,
    dirty: Arc<Dirty>,
    clock: Clock,
    look_up: LookUp,
    ear: Box<dyn Ear>,
    ear_ready: watch::Receiver<bool>,
    /// What was said before the ear was ready.
    unheard: VecDeque<(Utterance, oneshot::Sender<Reply>)>,
    thinking: thinking::Pending,
    outbox: Outbox,
    triggers: BTreeMap<Handle, (Arc<Trigger>, Option<DeviceId>)>,
    problems: Problems,
    asks: Asks,
    books: Keeper,
    rules: RuleKeeper,
    edits: VecDeque<Waiting>,
    in_flight: Option<(Waiting, oneshot::Receiver<Result<Committed, String>>)>,
    counters: Counters,
}

/// What comes in. One queue, so that what a port sends and asks stays in its order.
#[derive(Debug)]
enum Input {
    Events(Vec<Event>),
    Query(Arc<Rights>, Query),
}

struct Waiting {
    edit: Edit,
    reply: oneshot::Sender<Result<(), EditError>>,
}

impl Hub {
    /// A hub and the way to it.
    pub fn new(setup: Setup) -> (Self, HubHandle) {
        let Setup { home, agenda, writer, clock, ear, outbox } = setup;
        let (inputs, inbox) = mpsc::channel(INBOX);
        let (shown, _) = broadcast::channel(SHOWN_BEHIND);
        let home = Arc::new(RwLock::new(home));
        let dirty = Arc::new(Dirty::new(Arc::clone(&home), writer.clone()));
        writer.set_source(dirty.clone());
        let rules = RuleKeeper::new(Arc::clone(&home));
        let n_registry_changes = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&n_registry_changes);
        let handle = HubHandle::new(Arc::clone(&home), inputs, shown.clone(), counted);
        let hub = Self {
            home,
            inbox,
            shown,
            n_shown: 0,
            n_registry_changes,
            behind_since: None,
            status: writer.status(),
            writer,
            dirty,
            clock,
            look_up: Box::new(|_| None),
            ear_ready: ear.ready(),
            ear,
            unheard: VecDeque::new(),
            thinking: thinking::Pending::default(),
            outbox: Outbox::new(outbox),
            triggers: BTreeMap::new(),
            problems: Problems::default(),
            asks: Asks::default(),
            books: Keeper::new(agenda),
            rules,
            edits: VecDeque::new(),
            in_flight: None,
            counters: Counters::default(),
        };
        (hub, handle)
    }

    /// Where people are looked up when something happens that they planned. Without it nobody is known,
    /// and nothing is done in anybody's name.
    #[must_use]
    pub fn knowing(mut self, look_up: LookUp) -> Self {
        self.look_up = look_up;
        self
    }

    /// Runs until `stop` is done; then takes in what was sent, answers everybody and writes
    /// everything, in two seconds at most.
    ///
    /// # Errors
    /// When not everything could be written at the end, in plain words.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), String> {
        tokio::pin!(stop);
        let outbox = self.outbox.sender();
        let mut inputs = Vec::with_capacity(TURN);
        loop {
            let deadline = self.asks.next_deadline();
            let waits_for_watchers = self.waits_for_watchers();
            self.set_alarms();
            self.set_rule_alarms();
            tokio::select! {
                () = &mut stop => break,
                n = self.inbox.recv_many(&mut inputs, TURN), if !waits_for_watchers => {
                    if n == 0 {
                        break;
                    }
                    self.take(inputs.drain(..));
                }
                () = tokio::time::sleep(LOOK_AT_WATCHERS), if waits_for_watchers => {}
                () = until(deadline) => self.expire(),
                permit = outbox.reserve(), if !self.outbox.is_empty() => match permit {
                    Ok(permit) => permit.send(self.outbox.take()),
                    Err(_) => self.refuse_unsent(),
                },
                result = answer_of(&mut self.in_flight) => self.finish_edit(result),
                Ok(()) = self.status.changed() => self.note_status(),
                done = self.thinking.next() => self.thought(done),
                news = books::news(&mut self.books) => self.take_news(news),
                news = rules::news(&mut self.rules) => self.take_rule_news(news),
                () = hearing::can_hear(&mut self.ear_ready),
                    if !self.unheard.is_empty() || !self.books.is_open =>
                {
                    self.hear_unheard();
                    self.open_books();
                }
            }
        }
        self.end().await
    }

    /// Whether a watcher is far behind and may still catch up: what comes in then waits at its
    /// sender, as it does when the hub itself is behind.
    fn waits_for_watchers(&mut self) -> bool {
        if self.shown.len() < SHOWN_FAR_BEHIND {
            self.behind_since = None;
            return false;
        }
        self.behind_since.get_or_insert_with(Instant::now).elapsed() < WAIT_FOR_WATCHERS
    }

    fn take(&mut self, inputs: impl Iterator<Item = Input>) {
        let mut turn = Turn::default();
        for input in inputs {
            match input {
                Input::Events(events) => self.take_events(events, &mut turn),
                Input::Query(by, query) => self.take_query(&by, query, &mut turn),
            }
        }
        self.send_out(turn);
    }

    fn take_events(&mut self, events: Vec<Event>, turn: &mut Turn) {
        let now = self.clock.now();
        let shared = Arc::clone(&self.home);
        let mut home = write(&shared);
        self.counters.n_events += events.len() as u64;
        for event in events {
            // What is only told again, or comes from before the restart, is no news to anybody.
            let is_news = matches!(
                event,
                Event::StateReported(..)
                    | Event::AvailabilityReported(..)
                    | Event::BrokerConnected(false)
            );
            let n = turn.changes.states.len();
            self.step(&mut home, event, now, turn);
            if is_news {
                turn.mark_live(n, &home);
            }
        }
        self.note_changes(now, turn);
        self.asks.finish(&home, &self.dirty);
        self.say(turn);
    }

    /// One event. Fast: the house is locked.
    fn step(&mut self, home: &mut Home, event: Event, now: Timestamp, turn: &mut Turn) {
        match event {
            Event::Announced(handle, announcement) => {
                turn.extend(home.announce(handle, *announcement, now));
                turn.effects.extend(home.by_handle(handle).map(|entity| bind(handle, entity)));
            }
            Event::TriggerAnnounced(handle, trigger) => {
                let (device, changes) = home.announce_device(&trigger.device, now);
                turn.extend(changes);
                self.triggers.insert(handle, (Arc::from(trigger), device));
            }
            Event::Withdrawn { handle, forget } => {
                self.triggers.remove(&handle);
                self.asks.forget(handle);
                turn.extend(home.withdraw(handle, forget, now));
            }
            Event::StateReported(handle, report) => {
                if let Some(state) = &report.state {
                    match report.source {
                        Source::Live => self.asks.reported(handle, state, Outcome::Confirmed),
                        Source::Assumed => self.asks.reported(handle, state, Outcome::Sent),
                        // Never acted on: nobody knows when it was said.
                        Source::Retained | Source::Restored => {}
                    }
                }
                turn.changes.states.extend(home.report(handle, *report, now));
            }
            Event::AvailabilityReported(handle, availability) => {
                turn.changes.states.extend(home.set_available(handle, availability, now));
            }
            Event::TriggerFired(handle) => {
                if let Some((trigger, device)) = self.triggers.get(&handle) {
                    let (trigger, device) = (Arc::clone(trigger), device.clone());
                    if let Some(device) = &device {
                        let (kind, subtype) = (trigger.kind.clone(), trigger.subtype.clone());
                        self.rules.tell(Told::Device { device: device.shared(), kind, subtype });
                    }
                    turn.happened(Shown::TriggerFired(trigger, device, now));
                }
            }
            Event::TagScanned { handle, tag } => {
                let device = self.triggers.get(&handle).and_then(|(_, device)| device.clone());
                let by = device.as_ref().map(DeviceId::shared);
                self.rules.tell(Told::Tag { tag: Arc::clone(&tag), device: by });
                turn.happened(Shown::TagScanned(tag, device, now));
            }
            Event::BrokerConnected(is_up) => {
                if is_up {
                    turn.effects.extend(self.rules.broker_is_up(self.clock.steady()));
                }
                turn.changes.states.extend(home.set_port_up(is_up, now));
            }
            Event::Overheard { handle, topic, payload } => {
                self.rules.overheard(handle, topic, payload);
            }
            Event::Fired { name, data } => self.rules.tell(Told::Event { name, data }),
            Event::CalendarSet(calendar) => {
                self.books.set_calendar(calendar.clone());
                self.rules.set_calendar(calendar);
            }
            Event::ActionFailed(id, refusal) => self.asks.failed(id, refusal),
            Event::ProblemFound(problem) => self.problem_found(problem, home, now),
            Event::ProblemSolved { place } => self.problems.solved(&place),
            Event::Flushed { .. } => self.problems.solved(&DISK),
            Event::FlushFailed(why) => {
                let text = format!(
                    "Cannot write to the disk: {why}. Nothing is lost while Homard runs; it is \
                     tried again."
                );
                self.problem_found(Problem { place: DISK, producer: None, text }, home, now);
            }
        }
    }

    /// Tells the problem by the names that people know, where the place is a handle.
    fn problem_found(&mut self, problem: Problem, home: &Home, now: Timestamp) {
        let named = match &problem.place {
            Place::Handle(handle) => match home.by_handle(*handle) {
                Some(entity) => Named {
                    entity: Some(entity.id.clone()),
                    topic: Some(Arc::clone(&entity.producer.topic)),
                    producer: entity.producer.name.clone(),
                },
                None => Named {
                    topic: self.triggers.get(handle).map(|(trigger, _)| Arc::clone(&trigger.topic)),
                    ..Named::default()
                },
            },
            Place::Topic(topic) => Named { topic: Some(Arc::clone(topic)), ..Named::default() },
            Place::Part(_) => Named::default(),
        };
        self.problems.found(problem, named, now);
    }

    fn counters(&self) -> Counters {
        let status = self.status.borrow();
        Counters {
            n_waiting: self.inbox.len() as u64,
            n_watchers: self.shown.receiver_count() as u64,
            n_problems: self.problems.len() as u64,
            n_problems_dropped: self.problems.n_dropped(),
            n_writes: status.n_writes,
            n_bytes_written: status.bytes,
            n_writes_failed: status.n_failures,
            n_booking: self.n_booking(),
            ..self.counters
        }
    }

    /// Turns what changed into what is kept and what is shown.
    fn note_changes(&mut self, now: Timestamp, turn: &mut Turn) {
        let Changes { states, registry } = std::mem::take(&mut turn.changes);
        let mut happened = std::mem::take(&mut turn.happened).into_iter().peekable();
        self.counters.n_changes += states.len() as u64;
        self.dirty.mark(&states, &registry);
        if self.writer.history().is_some_and(|history| history.note(&states, now)) {
            self.writer.nudge_history();
        }
        // Before anybody is told, so that who follows from now on reads the new number.
        self.n_registry_changes.fetch_add(u64::from(!registry.is_empty()), Ordering::Release);
        let live = std::mem::take(&mut turn.live);
        let is_watched = self.shown.receiver_count() > 0;
        if !is_watched && self.rules.is_idle() {
            return;
        }
        for (n, change) in states.into_iter().enumerate() {
            let change = Arc::new(change);
            let is_live = live.get(n).copied().unwrap_or(false);
            self.rules.tell(Told::Changed(Arc::clone(&change), is_live));
            if !is_watched {
                continue;
            }
            while let Some((_, what)) = happened.next_if(|(before, _)| *before <= n) {
                turn.shown.push(what);
            }
            turn.shown.push(Shown::Changed(change, now));
        }
        if !is_watched {
            return;
        }
        turn.shown.extend(happened.map(|(_, what)| what));
        if !registry.is_empty() {
            turn.shown.push(Shown::RegistryChanged(now));
        }
    }

    fn send_out(&mut self, mut turn: Turn) {
        self.settle_rules(&mut turn);
        let is_act = |effect: &&Effect| matches!(effect, Effect::Act { .. });
        self.counters.n_actions += turn.effects.iter().filter(is_act).count() as u64;
        self.outbox.push(turn.effects);
        if self.outbox.flush().is_err() {
            self.refuse_unsent();
        }
        let mut shown = turn.shown.into_iter().peekable();
        while shown.peek().is_some() {
            let shown: Box<[Shown]> = shown.by_ref().take(SHOWN_TOGETHER).collect();
            let first = self.n_shown;
            self.n_shown += shown.len() as u64;
            // Nobody watching any more is no error.
            let _ = self.shown.send(Arc::new(Showing { first, shown }));
        }
    }

    /// The port has ended: nothing that waits for it will be sent.
    fn refuse_unsent(&mut self) {
        for effect in self.outbox.take() {
            if let Effect::Act { id, .. } = effect {
                self.asks.failed(id, Refusal::NoBroker);
            }
        }
        self.asks.finish(&read(&self.home), &self.dirty);
    }

    fn expire(&mut self) {
        let outbox = &mut self.outbox;
        // What still waits for the port was not sent and must not be sent later, when the person
        // no longer expects it.
        let was_sent = |id: ActionId| !outbox.withdraw(id);
        let home = read(&self.home);
        self.asks.expire(&home, Instant::now(), was_sent);
        self.asks.finish(&home, &self.dirty);
        drop(home);
        let mut turn = Turn::default();
        self.say(&mut turn);
        self.send_out(turn);
    }

    fn note_status(&mut self) {
        let status = self.status.borrow_and_update().clone();
        if status.failing.is_none() {
            self.write_unwritten();
        }
        let event = match status.failing {
            None => Event::Flushed { bytes: status.bytes },
            Some(why) => Event::FlushFailed(why),
        };
        let of_history = match status.failing_history {
            None => Event::ProblemSolved { place: HISTORY },
            Some(why) => {
                let text = format!(
                    "Cannot write the history: {why}. Samples wait in memory as long as there is room; it is tried \
                     again."
                );
                Event::ProblemFound(Problem { place: HISTORY, producer: None, text })
            }
        };
        let now = self.clock.now();
        let shared = Arc::clone(&self.home);
        for event in [event, of_history] {
            self.step(&mut write(&shared), event, now, &mut Turn::default());
        }
    }

    async fn end(mut self) -> Result<(), String> {
        self.inbox.close();
        while let Ok(input) = self.inbox.try_recv() {
            self.take(std::iter::once(input));
        }
        if self.is_ear_ready() {
            self.hear_unheard();
        }
        for waiting in self.edits.drain(..) {
            let why = "Homard is stopping".to_owned();
            drop(waiting.reply.send(Err(EditError::NotKept(why))));
        }
        if self.in_flight.is_some()
            && let Ok(result) =
                tokio::time::timeout(LAST_EDIT, answer_of(&mut self.in_flight)).await
        {
            self.finish_edit(result);
        }
        self.in_flight = None;
        self.asks.expire_all();
        self.asks.finish(&read(&self.home), &self.dirty);
        self.end_books().await;
        self.end_rules().await;
        debug!("The hub has stopped; writing what is left.");
        let writer = self.writer.clone();
        match tokio::task::spawn_blocking(move || writer.stop(LAST_WRITES)).await {
            Ok(result) => result,
            Err(_) => Err("the writer ended unexpectedly".to_owned()),
        }
    }
}

fn bind(handle: Handle, entity: &Entity) -> Effect {
    Effect::Bind { handle, id: entity.id.clone(), is_enabled: entity.is_enabled() }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

async fn answer_of(
    in_flight: &mut Option<(Waiting, oneshot::Receiver<Result<Committed, String>>)>,
) -> Result<Committed, String> {
    match in_flight {
        Some((_, answer)) => {
            answer.await.unwrap_or_else(|_| Err("the writer has stopped".to_owned()))
        }
        None => std::future::pending().await,
    }
}

/// A panic of a reader cannot leave the house half changed, so its mark on the lock is ignored.
fn read(home: &RwLock<Home>) -> RwLockReadGuard<'_, Home> {
    home.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(home: &RwLock<Home>) -> RwLockWriteGuard<'_, Home> {
    home.write().unwrap_or_else(PoisonError::into_inner)
}
