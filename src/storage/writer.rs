//! The one thread that writes: at once what a person did, and in groups, within the [`Budget`],
//! what devices did; and in its own time the history. Not what is written: a [`Source`] is asked when the time has come, so nothing
//! waits here twice and a slow disk costs no memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};
use tracing::{error, info};

use super::cost::{cost, plain, written_by_thread};
use super::group::take_group;
use super::health::{Part, Retry, Status};
use super::history::{self, History};
use super::retained::RetainedChange;
use super::{Budget, Error, Keep, Lane, Storage};

/// Edits of a person that may wait for the disk; more are answered with an error.
const MOST_URGENT: usize = 1_000;

/// Records of one transaction: bounds the memory of a write, and how long an edit waits behind it.
pub(super) fn group_records(lane: Lane) -> usize {
    match lane {
        // Long, and many at once only when devices are announced.
        Lane::Registry => 250,
        // Short, and each page that is written twice is written to the card twice.
        Lane::Told | Lane::States => 1_000,
    }
}

/// How the writer paces itself.
#[derive(Debug, Clone)]
pub struct Settings {
    /// See [`Budget`].
    pub budget: Budget,
    /// How long the first changed state waits for others, so that they share a write.
    pub gather: Duration,
    /// How long nothing new is announced before the registry is written: devices announce their
    /// entities one by one. While it never gets quiet, twice that.
    pub quiet: Duration,
    /// How long a failed write waits; doubled each time, up to sixteen times this.
    pub retry: Duration,
    /// What is recorded.
    pub history: history::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            budget: Budget::daily(Budget::DAILY_BYTES),
            gather: Duration::from_secs(3),
            quiet: Duration::from_millis(1_500),
            retry: Duration::from_secs(5),
            history: history::Settings::default(),
        }
    }
}

/// Where the writer fetches what has changed. Called on the writer's thread.
pub trait Source: Send + Sync {
    /// A write of this lane begins: what has changed by now is what [`Source::take`] gives. What
    /// changes later is for the next write, or a busy house would never come to an end of one.
    fn gather(&self, lane: Lane);
    /// Takes at most `n` of the gathered things of a lane, as they are now, and what they refer to
    /// beside it: they share a transaction. Empty when there are no more.
    fn take(&self, lane: Lane, n: usize) -> Vec<Keep>;
    /// Takes back what could not be written of a lane; it is fetched again later.
    fn give_back(&self, lane: Lane, keeps: Vec<Keep>);
}

/// The way to the writing thread. Cheap to clone; no call waits for the disk but
/// [`Writer::stop`].
#[derive(Clone)]
pub struct Writer {
    shared: Arc<Shared>,
}

/// An edit is on the disk. Until this is dropped the registry is not fetched from the
/// [`Source`], so that the model's older version cannot overwrite the edit: drop it once the model
/// has the edit too.
#[derive(Debug)]
#[must_use]
pub struct Committed {
    shared: Arc<Shared>,
}

struct Shared {
    storage: Storage,
    /// `None` when it could not be opened: a house without a past is still a house.
    history: Option<History>,
    inbox: Mutex<Inbox>,
    /// Rung when the thread has something to look at.
    bell: Condvar,
    /// Rung when the thread has ended.
    ended: Condvar,
    status: watch::Sender<Status>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

#[derive(Default)]
struct Inbox {
    urgent: VecDeque<Urgent>,
    /// By topic, so that only the newest of each waits.
    retained: BTreeMap<String, (Lane, RetainedChange)>,
    source: Option<Arc<dyn Source>>,
    registry_since: Option<Instant>,
    /// When the registry last changed.
    registry_last: Option<Instant>,
    told_since: Option<Instant>,
    states_since: Option<Instant>,
    history_since: Option<Instant>,
    n_unapplied: usize,
    is_stopping: bool,
    end: Option<Result<(), String>>,
}

struct Urgent {
    keeps: Vec<Keep>,
    done: oneshot::Sender<Result<Committed, String>>,
}

enum Work {
    Urgent(Urgent),
    Flush(Lane),
    Record,
    /// Something failed and nothing waits: whether the disk works again.
    Try,
    Stop,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(storage: Storage, settings: Settings) -> Result<Self, std::io::Error> {
        let history = History::open(&storage.dir().join("history"), &settings.history);
        let shared = Arc::new(Shared {
            storage,
            history: history::or_none(history),
            inbox: Mutex::default(),
            bell: Condvar::new(),
            ended: Condvar::new(),
            status: watch::Sender::default(),
            thread: Mutex::default(),
        });
        let pen = Pen {
            shared: Arc::clone(&shared),
            budget: settings.budget,
            gather: settings.gather,
            quiet: settings.quiet,
            retry: Retry::new(settings.retry),
            history_retry: Retry::new(settings.retry),
            pause: settings.history.pause,
            crowded_pause: settings.history.pause / 15,
            recorded_at: None,
            started: now(),
        };
        let thread = thread::Builder::new().name("storage".into()).spawn(move || pen.run())?;
        *shared.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(Self { shared })
    }

    /// From where changed things are fetched.
    pub fn set_source(&self, source: Arc<dyn Source>) {
        self.shared.lock().source = Some(source);
    }

    /// Something of this lane has changed: it is fetched when the budget allows.
    pub fn nudge(&self, lane: Lane) {
        // Who waits already looks again by itself when its time has come.
        if self.shared.lock().ask(lane) {
            self.shared.bell.notify_one();
        }
    }

    /// The history; `None` when it could not be opened.
    pub fn history(&self) -> Option<&History> {
        self.shared.history.as_ref()
    }

    /// The history has something to write: it is written when its time has come, or soon when it
    /// is much.
    pub fn nudge_history(&self) {
        self.shared.lock().history_since.get_or_insert_with(now);
        self.shared.bell.notify_one();
    }

    /// Writes what a person did, before everything else and whatever the budget says. Answered
    /// when it is on the disk, or with the reason why it is not; then it is not written later.
    pub fn write_now(&self, keeps: Vec<Keep>) -> oneshot::Receiver<Result<Committed, String>> {
        let (done, answer) = oneshot::channel();
        let mut inbox = self.shared.lock();
        if inbox.is_stopping {
            let _ = done.send(Err("Homard is stopping".to_owned()));
        } else if inbox.urgent.len() >= MOST_URGENT {
            let _ = done.send(Err("the disk is too slow for so many edits".to_owned()));
        } else {
            inbox.urgent.push_back(Urgent { keeps, done });
            self.shared.bell.notify_one();
        }
        answer
    }

    /// Takes over changes of retained messages; of each topic the newest is written when the
    /// budget allows. Reads the database to tell new topics from known ones: not for an
    /// asynchronous task.
    pub fn save_retained(&self, changes: Vec<RetainedChange>) {
        let known = self.shared.storage.has_retained(&changes).unwrap_or_default();
        let mut inbox = self.shared.lock();
        for (n, change) in changes.into_iter().enumerate() {
            let lane = match (&change, known.get(n)) {
                (RetainedChange::Set(_), Some(true)) => Lane::States,
                (RetainedChange::Set(_) | RetainedChange::Cleared(_), _) => Lane::Registry,
            };
            // A topic that waits as new stays new, whatever its payload is by now.
            let waiting = inbox.retained.get(change.topic()).map(|(lane, _)| *lane);
            let lane = if waiting == Some(Lane::Registry) { Lane::Registry } else { lane };
            inbox.ask(lane);
            inbox.retained.insert(change.topic().to_owned(), (lane, change));
        }
        drop(inbox);
        self.shared.bell.notify_one();
    }

    /// What has been written, and whether writing fails.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.shared.status.subscribe()
    }

    /// Writes everything that waits and ends the thread. Blocks, at most `patience`.
    ///
    /// # Errors
    /// When not everything could be written (in time), in plain words.
    pub fn stop(&self, patience: Duration) -> Result<(), String> {
        let mut inbox = self.shared.lock();
        inbox.is_stopping = true;
        self.shared.bell.notify_one();
        let until = now() + patience;
        loop {
            if let Some(end) = inbox.end.clone() {
                drop(inbox);
                // It has nothing left to do; after this the data can be opened again.
                let thread = &self.shared.thread;
                let thread = thread.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(thread) = thread {
                    let _ = thread.join();
                }
                return end;
            }
            let Some(rest) = until.checked_duration_since(now()).filter(|rest| !rest.is_zero())
            else {
                return Err("the disk did not take everything in time".to_owned());
            };
            let waited = self.shared.ended.wait_timeout(inbox, rest);
            inbox = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Committed {
    fn drop(&mut self) {
        let mut inbox = self.shared.lock();
        inbox.n_unapplied = inbox.n_unapplied.saturating_sub(1);
        drop(inbox);
        self.shared.bell.notify_one();
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared")
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inbox {
    fn since(&mut self, lane: Lane) -> &mut Option<Instant> {
        match lane {
            Lane::Registry => &mut self.registry_since,
            Lane::Told => &mut self.told_since,
            Lane::States => &mut self.states_since,
        }
    }

    /// Notes that a lane has something to write; true if it had nothing before.
    fn ask(&mut self, lane: Lane) -> bool {
        let now = now();
        if lane == Lane::Registry {
            self.registry_last = Some(now);
        }
        let since = self.since(lane);
        let is_first = since.is_none();
        since.get_or_insert(now);
        is_first
    }
}

/// What the thread owns.
struct Pen {
    shared: Arc<Shared>,
    budget: Budget,
    gather: Duration,
    quiet: Duration,
    /// Of the house itself.
    retry: Retry,
    /// Of its history.
    history_retry: Retry,
    /// How long samples of the history wait, and how long when there are many.
    pause: Duration,
    crowded_pause: Duration,
    /// When the history was last written.
    recorded_at: Option<Instant>,
    /// Zero of the budget's time.
    started: Instant,
}

impl Pen {
    fn run(mut self) {
        loop {
            match self.next() {
                Work::Urgent(urgent) => self.write_urgent(urgent),
                Work::Flush(lane) => {
                    let _ = self.flush(lane);
                }
                Work::Record => {
                    let _ = self.record();
                }
                Work::Try => {
                    let _ = self.measured(Part::House, self.version(), Storage::touch);
                }
                Work::Stop => break,
            }
        }
        let end = self
            .flush(Lane::Registry)
            .and_then(|()| self.flush(Lane::Told))
            .and_then(|()| self.flush(Lane::States))
            .and_then(|()| self.record());
        if let Err(error) = &end {
            error!(%error, "Not everything could be written at the end.");
        }
        let mut inbox = self.shared.lock();
        inbox.end = Some(end);
        inbox.source = None;
        self.shared.ended.notify_all();
    }

    /// Waits for the next thing to do.
    fn next(&self) -> Work {
        let mut inbox = self.shared.lock();
        loop {
            if let Some(urgent) = inbox.urgent.pop_front() {
                return Work::Urgent(urgent);
            }
            if inbox.is_stopping {
                return Work::Stop;
            }
            let registry = inbox.registry_since.filter(|_| inbox.n_unapplied == 0);
            let registry = registry.map(|since| {
                let quiet = inbox.registry_last.unwrap_or(since) + self.quiet;
                (Lane::Registry, quiet.min(since + self.quiet * 2))
            });
            let told = inbox.told_since.map(|since| (Lane::Told, since));
            let states = inbox.states_since.map(|since| (Lane::States, since + self.gather));
            let next = [registry, told, states]
                .into_iter()
                .flatten()
                .map(|(lane, ready)| (self.due(lane, ready), Work::Flush(lane)))
                .chain(inbox.history_since.map(|since| (self.record_due(since), Work::Record)))
                .min_by_key(|(due, _)| *due)
                .or_else(|| self.is_failing().then(|| (self.retry.after(now()), Work::Try)));
            let waited = match next {
                None => self.shared.bell.wait(inbox).unwrap_or_else(PoisonError::into_inner),
                Some((due, work)) => {
                    let rest = due.saturating_duration_since(now());
                    if rest.is_zero() {
                        return work;
                    }
                    let waited = self.shared.bell.wait_timeout(inbox, rest);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
            inbox = waited;
        }
    }

    fn is_failing(&self) -> bool {
        self.shared.status.borrow().failing.is_some()
    }

    fn due(&self, lane: Lane, ready: Instant) -> Instant {
        self.retry.after((self.started + self.budget.due(lane)).max(ready))
    }

    /// When samples that wait since then are written.
    fn record_due(&self, since: Instant) -> Instant {
        let is_crowded = self.shared.history.as_ref().is_some_and(History::is_crowded);
        let due = match (is_crowded, self.recorded_at) {
            (false, _) => since + self.pause,
            (true, None) => since,
            (true, Some(recorded_at)) => since.max(recorded_at + self.crowded_pause),
        };
        self.history_retry.after(due)
    }

    /// Writes the samples that wait, then keeps order among the old ones, in steps between which
    /// edits of a person go.
    fn record(&mut self) -> Result<(), String> {
        self.shared.lock().history_since = None;
        let Some(history) = self.shared.history.clone() else { return Ok(()) };
        self.recorded_at = Some(now());
        let version = || history.version();
        let mut result = self.measured(Part::History, version, |_| history.flush()).map(|_| true);
        let mut n_steps = 0;
        while result == Ok(true) {
            self.write_all_urgent();
            let mut goes_on = false;
            let step = self.measured(Part::History, version, |_| {
                goes_on = history.tidy(n_steps)?;
                Ok(())
            });
            n_steps += 1;
            result = step.map(|_| goes_on);
        }
        if result.is_err() {
            self.shared.lock().history_since.get_or_insert_with(now);
        }
        result.map(|_| ())
    }

    /// The number of the main database's last change.
    fn version(&self) -> impl Fn() -> usize + use<> {
        let storage = self.shared.storage.clone();
        move || storage.version()
    }

    fn write_urgent(&mut self, urgent: Urgent) {
        let result =
            self.measured(Part::House, self.version(), |storage| storage.write(&urgent.keeps));
        let answer = result.map(|bytes| {
            // Written whatever the budget says; what a person is told of devices pays for it.
            self.budget.spend(Lane::Told, bytes, self.started.elapsed());
            self.shared.lock().n_unapplied += 1;
            Committed { shared: Arc::clone(&self.shared) }
        });
        let _ = urgent.done.send(answer);
    }

    /// Writes all that waits in a lane, in groups. Edits of a person go between the groups.
    fn flush(&mut self, lane: Lane) -> Result<(), String> {
        let mut inbox = self.shared.lock();
        *inbox.since(lane) = None;
        let source = inbox.source.clone();
        drop(inbox);
        let mut bytes = 0;
        let mut result = Ok(());
        if let Some(source) = source {
            source.gather(lane);
            result = self.flush_source(lane, &*source, &mut bytes);
        }
        if result.is_ok() {
            result = self.flush_retained(lane, &mut bytes);
        }
        if result.is_err() {
            self.shared.lock().ask(lane);
        }
        self.budget.spend(lane, bytes, self.started.elapsed());
        result
    }

    fn flush_source(
        &mut self,
        lane: Lane,
        source: &dyn Source,
        bytes: &mut u64,
    ) -> Result<(), String> {
        loop {
            if lane == Lane::Registry && self.shared.lock().n_unapplied > 0 {
                self.shared.lock().ask(lane);
                return Ok(());
            }
            let keeps = source.take(lane, group_records(lane));
            if keeps.is_empty() {
                return Ok(());
            }
            match self.measured(Part::House, self.version(), |storage| storage.write(&keeps)) {
                Ok(more) => *bytes += more,
                Err(error) => {
                    source.give_back(lane, keeps);
                    return Err(error);
                }
            }
            self.write_all_urgent();
        }
    }

    fn flush_retained(&mut self, lane: Lane, bytes: &mut u64) -> Result<(), String> {
        let mut inbox = self.shared.lock();
        let (mut waiting, others) =
            std::mem::take(&mut inbox.retained).into_iter().partition(|(_, (of, _))| *of == lane);
        inbox.retained = others;
        drop(inbox);
        loop {
            let group = take_group(lane, &mut waiting);
            if group.is_empty() {
                return Ok(());
            }
            match self
                .measured(Part::House, self.version(), |storage| storage.write_retained(&group))
            {
                Ok(more) => *bytes += more,
                Err(error) => {
                    let mut inbox = self.shared.lock();
                    let group = group.into_iter().map(|change| (lane, change));
                    for (lane, change) in group.chain(waiting.into_values()) {
                        // A newer one may wait by now.
                        let topic = change.topic().to_owned();
                        inbox.retained.entry(topic).or_insert((lane, change));
                    }
                    return Err(error);
                }
            }
            self.write_all_urgent();
        }
    }

    fn write_all_urgent(&mut self) {
        loop {
            let urgent = self.shared.lock().urgent.pop_front();
            let Some(urgent) = urgent else { return };
            self.write_urgent(urgent);
        }
    }

    fn retry_of(&mut self, part: Part) -> &mut Retry {
        match part {
            Part::House => &mut self.retry,
            Part::History => &mut self.history_retry,
        }
    }

    /// Does one write; returns the bytes it cost and tells everybody how it went.
    fn measured(
        &mut self,
        part: Part,
        version: impl Fn() -> usize,
        write: impl FnOnce(&Storage) -> Result<(), Error>,
    ) -> Result<u64, String> {
        let (io_before, version_before) = (written_by_thread(), version());
        match write(&self.shared.storage) {
            Ok(()) => {
                // LMDB numbers only transactions that changed something.
                let changed = version() != version_before;
                let bytes = if changed { cost(io_before, written_by_thread()) } else { 0 };
                // Where nothing was to be changed the disk was not asked.
                if !changed {
                    return Ok(bytes);
                }
                self.retry_of(part).succeeded();
                self.shared.status.send_modify(|status| {
                    if status.failing_of(part).take().is_some() {
                        info!("Writing works again.");
                    }
                    status.n_writes += 1;
                    status.bytes += bytes;
                });
                Ok(bytes)
            }
            Err(error) => {
                let error = plain(&error);
                self.retry_of(part).failed();
                self.shared.status.send_modify(|status| {
                    status.n_failures += 1;
                    *status.failing_of(part) = Some(error.clone());
                });
                Err(error)
            }
        }
    }
}

/// The writer measures how long things take; nothing here is a time of day.
#[allow(clippy::disallowed_methods, reason = "condition variables wait for a std `Instant`")]
pub(super) fn now() -> Instant {
    Instant::now()
}
