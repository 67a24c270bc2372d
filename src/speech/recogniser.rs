//! The recogniser's thread: one recording after another, weights loaded when they are needed and given back when they
//! are not.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::{info, warn};

use super::clip::Clip;
use super::expect::Phrase;
use super::whisper::{Heard, SpeechError, Whisper};
use crate::board::Board;

/// Recordings that may wait.
const MOST_WAITING: usize = 8;
/// More threads do not make it faster on any board.
const MAX_THREADS: usize = 4;
/// In memory weights take so many times what their file does, with what is computed.
const TIMES: u64 = 2;

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

/// What is wanted, and who waits for it.
enum Job {
    Hear(Request, Answer<Heard>),
    Weigh {
        clip: Clip,
        phrase: String,
        languages: Vec<String>,
        answer: Answer<f32>,
    },
    /// What is dropped once it is done.
    GiveBack(SyncSender<()>),
}

/// Called before so many bytes are loaded, so that others can give theirs back.
type MakeRoom = Box<dyn Fn(u64) + Send>;

type Answer<T> = oneshot::Sender<Result<T, SpeechError>>;

/// The words of which the house's orders in a language are made.
type OfHouse = Box<dyn Fn(&str) -> Vec<Phrase> + Send + Sync>;

/// Who tells them, once that is known.
#[derive(Default)]
struct HouseWords(OnceLock<OfHouse>);

impl fmt::Debug for HouseWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HouseWords").field(&self.0.get().is_some()).finish()
    }
}

/// Turns recordings into words. Clones share one thread.
#[derive(Debug, Clone)]
pub struct Recogniser {
    jobs: SyncSender<Job>,
    is_loaded: Arc<AtomicBool>,
    words: Arc<HouseWords>,
}

impl Recogniser {
    /// Starts the thread. `weights` are files of which the first that exists is used; one of English alone is only used
    /// where English alone may be spoken. Before they are loaded, `make_room` is told how many bytes that takes, and may
    /// wait for others to give theirs back.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(
        weights: Weights,
        patience: Patience,
        make_room: impl Fn(u64) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (jobs, inbox) = mpsc::sync_channel(MOST_WAITING);
        let is_loaded = Arc::new(AtomicBool::new(false));
        let words = Arc::new(HouseWords::default());
        let make_room: MakeRoom = Box::new(make_room);
        let mut thread = Thread {
            weights,
            patience,
            make_room,
            is_loaded: Arc::clone(&is_loaded),
            words: Arc::clone(&words),
            loaded: None,
        };
        thread::Builder::new().name("speech".to_owned()).spawn(move || thread.work(&inbox))?;
        Ok(Self { jobs, is_loaded, words })
    }

    /// From now on what makes no sense by itself is listened to for orders that these words make. Only the first counts.
    pub fn expect(&self, words: impl Fn(&str) -> Vec<Phrase> + Send + Sync + 'static) {
        let _ = self.words.0.set(Box::new(words));
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
        let _ = self.jobs.try_send(Job::GiveBack(done));
        is_done
    }

    /// What is said in a recording.
    ///
    /// # Errors
    /// When there are no weights, too much waits, or it takes too long.
    pub async fn hear(&self, request: Request) -> Result<Heard, SpeechError> {
        let (answer, answered) = oneshot::channel();
        self.send(Job::Hear(request, answer))?;
        answered.await.map_err(|_| ended())?
    }

    /// Whether a phrase is said in a recording, in the first of these languages: [`Whisper::weigh`].
    ///
    /// # Errors
    /// As for [`Self::hear`].
    pub async fn weigh(
        &self,
        clip: Clip,
        phrase: String,
        languages: Vec<String>,
    ) -> Result<f32, SpeechError> {
        let (answer, answered) = oneshot::channel();
        self.send(Job::Weigh { clip, phrase, languages, answer })?;
        answered.await.map_err(|_| ended())?
    }

    fn send(&self, job: Job) -> Result<(), SpeechError> {
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => SpeechError::Busy,
            TrySendError::Disconnected(_) => ended(),
        })
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
    make_room: MakeRoom,
    is_loaded: Arc<AtomicBool>,
    words: Arc<HouseWords>,
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
                // Who has gone wants no answer.
                Ok(Job::Hear(_, answer)) if answer.is_closed() => {}
                Ok(Job::Hear(request, answer)) => {
                    let _ = answer.send(self.hear(&request));
                }
                Ok(Job::Weigh { answer, .. }) if answer.is_closed() => {}
                Ok(Job::Weigh { clip, phrase, languages, answer }) => {
                    let _ = answer.send(self.weigh(&clip, &phrase, &languages));
                }
                Ok(Job::GiveBack(done)) => {
                    self.give_back();
                    drop(done);
                }
                Err(RecvTimeoutError::Timeout) => self.give_back(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn give_back(&mut self) {
        if self.loaded.take().is_some() {
            self.is_loaded.store(false, Ordering::Relaxed);
            info!("Speech recognition has given back its memory.");
        }
    }

    fn hear(&mut self, request: &Request) -> Result<Heard, SpeechError> {
        let within = self.patience.within;
        let words = Arc::clone(&self.words);
        let expected =
            |language: &str| words.0.get().map(|words| words(language)).unwrap_or_default();
        let whisper = self.whisper(&request.languages)?;
        let languages: Vec<&str> = request.languages.iter().map(String::as_str).collect();
        let heard = whisper.hear(&request.clip, &languages, &request.hint, &expected, within);
        if let Err(error) = &heard {
            warn!(%error, "A recording was not understood.");
        }
        heard
    }

    fn weigh(
        &mut self,
        clip: &Clip,
        phrase: &str,
        languages: &[String],
    ) -> Result<f32, SpeechError> {
        let within = self.patience.within;
        let first = languages.first().map_or("en", String::as_str);
        self.whisper(languages)?.weigh(clip, phrase, first, within)
    }

    /// The weights for these languages, in memory.
    fn whisper(&mut self, languages: &[String]) -> Result<&mut Whisper, SpeechError> {
        let path = self.weights.of(languages).ok_or(SpeechError::NotInstalled)?;
        if self.loaded.as_ref().is_none_or(|loaded| loaded.path != path) {
            // Two at once would be more memory than a board has to spare.
            self.loaded = None;
            self.is_loaded.store(false, Ordering::Relaxed);
            let mib = std::fs::metadata(path).map_or(0, |file| file.len() >> 20);
            let needed_mib = mib * TIMES;
            (self.make_room)(needed_mib << 20);
            let free_mib = Board::here().room().map(|bytes| bytes >> 20);
            if let Some(free_mib) = free_mib.filter(|free| *free < needed_mib) {
                let error = SpeechError::NoRoom { needed_mib, free_mib };
                warn!(%error, "Speech recognition is not used.");
                return Err(error);
            }
            let whisper = Whisper::load(path, 1)?;
            info!(path = %path.display(), mib, "Speech recognition is loaded.");
            self.loaded = Some(Loaded { path: path.to_owned(), whisper });
            self.is_loaded.store(true, Ordering::Relaxed);
        }
        let Some(Loaded { whisper, .. }) = &mut self.loaded else { return Err(ended()) };
        whisper.set_threads(idle_cores().min(MAX_THREADS));
        Ok(whisper)
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
