//! The model's thread: one question after another, the weights loaded when they are needed and given back when they are
//! not.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::{info, warn};

use super::session::{Model, Session};
use super::{ModelError, Stop};

/// Questions that may wait: nobody wants the answer to more.
const MOST_WAITING: usize = 8;
/// On a board of four cores two are left for the house.
const MAX_THREADS: usize = 2;

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How long weights stay in memory without being used.
    pub idle: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { idle: Duration::from_secs(600) }
    }
}

/// What is to be done with the model; or it is not there, and why.
type Job = Box<dyn FnOnce(Result<&mut Session, ModelError>) + Send>;

/// What the thread is told.
enum Errand {
    Do(Job),
    /// What is dropped once it is done.
    GiveBack(SyncSender<()>),
}

/// Called before so many bytes are loaded, so that others can give theirs back.
type MakeRoom = Box<dyn Fn(u64) + Send>;

/// Asks the model. Clones share one thread.
#[derive(Debug, Clone)]
pub struct Thinker {
    jobs: SyncSender<Errand>,
    is_loaded: Arc<AtomicBool>,
}

impl Thinker {
    /// Starts the thread, for the model in this file. Nothing is loaded yet; before it is, `make_room` is told how many
    /// bytes that takes, and may wait for others to give theirs back.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(
        path: PathBuf,
        patience: Patience,
        make_room: impl Fn(u64) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (jobs, inbox) = mpsc::sync_channel(MOST_WAITING);
        let is_loaded = Arc::new(AtomicBool::new(false));
        let make_room: MakeRoom = Box::new(make_room);
        let mut thread =
            Thread { path, patience, make_room, is_loaded: Arc::clone(&is_loaded), session: None };
        thread::Builder::new().name("model".to_owned()).spawn(move || thread.work(&inbox))?;
        Ok(Self { jobs, is_loaded })
    }

    /// Weights are in memory.
    pub fn is_loaded(&self) -> bool {
        self.is_loaded.load(Ordering::Relaxed)
    }

    /// Gives the weights' memory back, as soon as nobody uses them; what is answered is disconnected then. They come back
    /// when they are needed.
    pub fn give_back(&self) -> Receiver<()> {
        let (done, is_done) = mpsc::sync_channel(0);
        // Where so much waits that this has no room, they are in use.
        let _ = self.jobs.try_send(Errand::GiveBack(done));
        is_done
    }

    /// Has something done with the model, within this time. Who drops the future stops the work.
    ///
    /// # Errors
    /// When there is no model, too much waits, it takes too long, or the work fails.
    pub async fn ask<T: Send + 'static>(
        &self,
        within: Duration,
        work: impl FnOnce(&mut Session, &Stop) -> Result<T, ModelError> + Send + 'static,
    ) -> Result<T, ModelError> {
        let stop = Stop::after(within);
        let stopper = StopAtDrop(stop.clone());
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |session| {
            let result = session.and_then(|session| {
                stop.check()?;
                work(session, &stop)
            });
            let _ = answer.send(result);
        });
        self.jobs.try_send(Errand::Do(job)).map_err(|error| match error {
            TrySendError::Full(_) => ModelError::Busy,
            TrySendError::Disconnected(_) => ended(),
        })?;
        let result = answered.await.map_err(|_| ended())?;
        drop(stopper);
        result
    }
}

/// Who asked has gone.
struct StopAtDrop(Stop);

impl Drop for StopAtDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

fn ended() -> ModelError {
    ModelError::Failed("its thread has ended".to_owned())
}

/// What the thread has.
struct Thread {
    path: PathBuf,
    patience: Patience,
    make_room: MakeRoom,
    is_loaded: Arc<AtomicBool>,
    session: Option<Session>,
}

impl Thread {
    fn work(&mut self, inbox: &Receiver<Errand>) {
        loop {
            self.is_loaded.store(self.session.is_some(), Ordering::Relaxed);
            let job = match &self.session {
                Some(_) => inbox.recv_timeout(self.patience.idle),
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match job {
                Ok(Errand::Do(job)) => job(self.session()),
                Ok(Errand::GiveBack(done)) => {
                    self.give_back();
                    drop(done);
                }
                Err(RecvTimeoutError::Timeout) => self.give_back(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn give_back(&mut self) {
        if self.session.take().is_some() {
            self.is_loaded.store(false, Ordering::Relaxed);
            info!("The language model has given back its memory.");
        }
    }

    fn session(&mut self) -> Result<&mut Session, ModelError> {
        if self.session.is_none() {
            let n_threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
            let model = Model::load_after(&self.path, n_threads, &self.make_room)
                .inspect_err(|error| warn!(%error, "The language model is not used."))?;
            info!(name = model.shape().name, "The language model is loaded.");
            self.session = Some(Session::new(model));
        }
        self.session.as_mut().ok_or_else(ended)
    }
}
