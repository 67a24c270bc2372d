//! The recogniser's thread: one recording after another, weights loaded when they are needed and given back when they
//! are not.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::{info, warn};

use super::clip::Clip;
use super::whisper::{Heard, SpeechError, Whisper};

/// Recordings that may wait.
const MOST_WAITING: usize = 8;
/// More threads do not make it faster on any board.
const MAX_THREADS: usize = 4;

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For one recording: an order that comes later is not wanted any more.
    pub within: Duration,
    /// How long weights stay in memory without being used.
    pub idle: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { within: Duration::from_secs(20), idle: Duration::from_secs(600) }
    }
}

/// A recording to listen to.
#[derive(Debug)]
pub struct Request {
    /// The recording.
    pub clip: Clip,
    /// The languages that may be spoken, the likeliest first.
    pub languages: Vec<String>,
    /// Names that may well be heard.
    pub hint: String,
}

/// A request and who waits for its answer.
type Job = (Request, oneshot::Sender<Result<Heard, SpeechError>>);

/// Turns recordings into words. Clones share one thread.
#[derive(Debug, Clone)]
pub struct Recogniser {
    jobs: SyncSender<Job>,
    is_loaded: Arc<AtomicBool>,
}

impl Recogniser {
    /// Starts the thread. `weights` are files of which the first that exists is used; one of English alone is only used
    /// where English alone may be spoken.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(weights: Weights, patience: Patience) -> std::io::Result<Self> {
        let (jobs, inbox) = mpsc::sync_channel(MOST_WAITING);
        let is_loaded = Arc::new(AtomicBool::new(false));
        let mut thread =
            Thread { weights, patience, is_loaded: Arc::clone(&is_loaded), loaded: None };
        thread::Builder::new().name("speech".to_owned()).spawn(move || thread.work(&inbox))?;
        Ok(Self { jobs, is_loaded })
    }

    /// Weights are in memory.
    pub fn is_loaded(&self) -> bool {
        self.is_loaded.load(Ordering::Relaxed)
    }

    /// What is said in a recording.
    ///
    /// # Errors
    /// When there are no weights, too much waits, or it takes too long.
    pub async fn hear(&self, request: Request) -> Result<Heard, SpeechError> {
        let (answer, answered) = oneshot::channel();
        self.jobs.try_send((request, answer)).map_err(|error| match error {
            TrySendError::Full(_) => SpeechError::Busy,
            TrySendError::Disconnected(_) => ended(),
        })?;
        answered.await.map_err(|_| ended())?
    }
}

/// Where weights lie, if they do.
#[derive(Debug, Clone)]
pub struct Weights {
    /// For many languages.
    pub any: PathBuf,
    /// For English alone.
    pub english: PathBuf,
}

impl Weights {
    /// The file for these languages.
    fn of(&self, languages: &[String]) -> Option<&Path> {
        let is_english = languages.iter().all(|language| language == "en");
        let [first, second] =
            if is_english { [&self.english, &self.any] } else { [&self.any, &self.english] };
        [first, second].into_iter().find(|path| path.exists()).map(PathBuf::as_path)
    }
}

fn ended() -> SpeechError {
    SpeechError::Failed("its thread has ended".to_owned())
}

/// Loaded weights and where they came from.
struct Loaded {
    path: PathBuf,
    whisper: Whisper,
}

/// What the thread has.
struct Thread {
    weights: Weights,
    patience: Patience,
    is_loaded: Arc<AtomicBool>,
    loaded: Option<Loaded>,
}

impl Thread {
    fn work(&mut self, inbox: &Receiver<Job>) {
        loop {
            self.is_loaded.store(self.loaded.is_some(), Ordering::Relaxed);
            let job = match &self.loaded {
                Some(_) => inbox.recv_timeout(self.patience.idle),
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match job {
                Ok((request, answer)) => {
                    // Who has gone wants no answer.
                    if !answer.is_closed() {
                        let _ = answer.send(self.hear(&request));
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.loaded = None;
                    info!("Speech recognition has given back its memory.");
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn hear(&mut self, request: &Request) -> Result<Heard, SpeechError> {
        let path = self.weights.of(&request.languages).ok_or(SpeechError::NotInstalled)?;
        if self.loaded.as_ref().is_none_or(|loaded| loaded.path != path) {
            // Two at once would be more memory than a board has to spare.
            self.loaded = None;
            let whisper = Whisper::load(path, 1)?;
            let mib = std::fs::metadata(path).map_or(0, |file| file.len() >> 20);
            info!(path = %path.display(), mib, "Speech recognition is loaded.");
            self.loaded = Some(Loaded { path: path.to_owned(), whisper });
            self.is_loaded.store(true, Ordering::Relaxed);
        }
        let Some(Loaded { whisper, .. }) = &mut self.loaded else { return Err(ended()) };
        whisper.set_threads(idle_cores().min(MAX_THREADS));
        let languages: Vec<&str> = request.languages.iter().map(String::as_str).collect();
        let heard = whisper.hear(&request.clip, &languages, &request.hint, self.patience.within);
        if let Err(error) = &heard {
            warn!(%error, "A recording was not understood.");
        }
        heard
    }
}

/// Processors that nobody else uses at this moment, and one at least. whisper.cpp's threads wait for each other by
/// spinning: two on a core that is busy with something else take ten times as long as one.
fn idle_cores() -> usize {
    let all = thread::available_parallelism().map_or(1, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    // "0.20 0.18 0.12 1/80 11206": of 80 tasks one is running, which is this one.
    let running = load.split_whitespace().nth(3).and_then(|of| of.split('/').next()?.parse().ok());
    all.saturating_sub(running.unwrap_or(1_usize).saturating_sub(1)).max(1)
}
