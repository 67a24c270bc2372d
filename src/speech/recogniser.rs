//! The recogniser's thread: one recording after another, weights loaded when they are needed and given back when they
//! are not.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::{info, warn};

use super::clip::Clip;
use super::whisper::{Heard, SpeechError, Whisper};

/// Recordings that may wait.
const MOST_WAITING: usize = 8;
/// How long weights stay in memory without being used.
const IDLE: Duration = Duration::from_secs(600);
/// Longest time for one recording: an order that comes later is not wanted any more.
const WITHIN: Duration = Duration::from_secs(20);
/// More threads do not make it faster on any board.
const MAX_THREADS: usize = 4;

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
}

impl Recogniser {
    /// Starts the thread. `weights` are files of which the first that exists is used; one of English alone is only used
    /// where English alone may be spoken.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(weights: Weights) -> std::io::Result<Self> {
        let (jobs, inbox) = mpsc::sync_channel(MOST_WAITING);
        thread::Builder::new().name("speech".to_owned()).spawn(move || work(&inbox, &weights))?;
        Ok(Self { jobs })
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

fn work(inbox: &Receiver<Job>, weights: &Weights) {
    let mut loaded: Option<Loaded> = None;
    loop {
        let job = match &loaded {
            Some(_) => inbox.recv_timeout(IDLE),
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match job {
            Ok((request, answer)) => {
                // Who has gone wants no answer.
                if !answer.is_closed() {
                    let _ = answer.send(hear(&request, weights, &mut loaded));
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                loaded = None;
                info!("Speech recognition has given back its memory.");
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn hear(
    request: &Request,
    weights: &Weights,
    loaded: &mut Option<Loaded>,
) -> Result<Heard, SpeechError> {
    let path = weights.of(&request.languages).ok_or(SpeechError::NotInstalled)?;
    if loaded.as_ref().is_none_or(|loaded| loaded.path != path) {
        // Two at once would be more memory than a board has to spare.
        *loaded = None;
        let n_threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
        let whisper = Whisper::load(path, n_threads)?;
        info!(path = %path.display(), threads = n_threads, "Speech recognition is loaded.");
        *loaded = Some(Loaded { path: path.to_owned(), whisper });
    }
    let Some(Loaded { whisper, .. }) = loaded else { return Err(ended()) };
    let languages: Vec<&str> = request.languages.iter().map(String::as_str).collect();
    let heard = whisper.hear(&request.clip, &languages, &request.hint, WITHIN);
    if let Err(error) = &heard {
        warn!(%error, "A recording was not understood.");
    }
    heard
}
