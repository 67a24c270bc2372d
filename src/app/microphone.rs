//! The microphone of this machine in the daemon: wake word, tone and light, what is said to the recogniser, its words to
//! the house, its answer to the loudspeaker.
//!
//! Two threads: one hears and never waits, the other (a task) thinks and answers. Between them is room for one utterance:
//! who speaks while the house thinks of the last one says it again.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::{debug, info, warn};

use super::listen::Ears;
use crate::config::{Voice, WakeWord};
use crate::home::person::{Means, Rights, Role};
use crate::home::target;
use crate::hub::HubHandle;
use crate::hub::event::{Event, Origin, Place, Problem, Query, Utterance};
use crate::speech::{
    self, ActivityModel, Attention, Clip, EMBEDDING, Limits, Microphone, Noticed, SILERO, Source,
    State, WakeModel,
};
use crate::web::hint;

/// Utterances that may wait while one is thought of.
const MOST_WAITING: usize = 1;
/// What has the problem where the microphone cannot be heard.
const PLACE: Place = Place::Part("microphone");
/// How long an answer that is a question is waited for.
const GOES_ON: Duration = Duration::from_secs(60);

/// How the house makes itself heard in the room of the microphone.
#[derive(Clone)]
pub(super) struct Mouth {
    /// A soft tone: it listens.
    pub(super) tone: Arc<dyn Fn() + Send + Sync>,
    /// Says a text in a language.
    pub(super) say: Arc<dyn Fn(String, String) + Send + Sync>,
    /// Stops what is being said, at once.
    pub(super) hush: Arc<dyn Fn() + Send + Sync>,
}

impl Mouth {
    /// Says nothing.
    pub(super) fn silent() -> Self {
        Self { tone: Arc::new(|| {}), say: Arc::new(|_, _| {}), hush: Arc::new(|| {}) }
    }
}

/// What listening needs.
pub(super) struct Setup {
    /// What the owner decided.
    pub(super) voice: Voice,
    /// Where models lie.
    pub(super) models: PathBuf,
    /// The recogniser.
    pub(super) ears: Ears,
    /// The house.
    pub(super) hub: HubHandle,
    /// How it answers.
    pub(super) mouth: Mouth,
}

/// A microphone that is listened to, until this is dropped.
pub(super) struct Listening {
    _microphone: Microphone,
    /// What thinks of what is said, and what tells the house when the microphone is gone.
    _tasks: JoinSet<()>,
}

/// Listens, if the owner wants it.
///
/// # Errors
/// When a microphone is wanted and there is no wake word to wait for: without one, nothing may be listened to.
pub(super) fn start(setup: Setup) -> Result<Option<Listening>> {
    let Setup { voice, models, ears, hub, mouth } = setup;
    let Some(device) = voice.microphone.clone() else { return Ok(None) };
    let model = WakeModel::load(&models.join(EMBEDDING)).with_context(
        || "the wake word's model is not there; `homard models pull wake-embedding` fetches it",
    )?;
    let word = word(&voice.wake_word)?;
    info!(word = word.name(), "The microphone waits for its wake word.");
    let wake = model.wait_for(Arc::new(word), voice.sensitivity);
    let endpointer = ActivityModel::open(&models.join(SILERO)).endpointer(Limits::default());
    let mut attention = Attention::new(wake, endpointer);

    let (utterances, inbox) = mpsc::channel(MOST_WAITING);
    let thinker = Thinker {
        ears,
        hub: hub.by(Rights::of(Role::Adult)),
        area: voice.area.clone(),
        mouth: mouth.clone(),
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(thinker.think(inbox));
    let signal = Signal::new(&voice);
    let source = Source { device: Some(device).filter(|name| name != "default"), gain: voice.gain };
    let has_tone = voice.tone;
    let microphone = Microphone::listen(source, move |samples| match attention.hear(samples) {
        None => {}
        Some(Noticed::Awake) => {
            (mouth.hush)();
            signal.show(true);
            if has_tone {
                (mouth.tone)();
            }
        }
        Some(Noticed::Spoken(clip)) => {
            signal.show(false);
            if utterances.try_send(clip).is_err() {
                debug!("Something was said while the house still thought of the last.");
            }
        }
        Some(Noticed::Nothing) => signal.show(false),
    })
    .context("the system gives no thread")?;
    tasks.spawn(tell(microphone.watch(), hub));
    Ok(Some(Listening { _microphone: microphone, _tasks: tasks }))
}

/// Keeps the house's list of problems true to how the microphone is.
async fn tell(mut state: watch::Receiver<State>, hub: HubHandle) {
    loop {
        let event = match &*state.borrow_and_update() {
            State::Opening => None,
            State::Listening { .. } => Some(Event::ProblemSolved { place: PLACE }),
            State::Missing(why) => Some(problem(why)),
        };
        let is_gone = match event {
            Some(event) => hub.send(vec![event]).await.is_err(),
            None => false,
        };
        if is_gone || state.changed().await.is_err() {
            return;
        }
    }
}

/// What is told where the microphone cannot be listened to.
pub(super) fn problem(why: impl std::fmt::Display) -> Event {
    let text = format!("the microphone is not listened to: {why}");
    Event::ProblemFound(Problem { place: PLACE, producer: None, text })
}

fn word(wanted: &WakeWord) -> Result<speech::WakeWord> {
    let word = match wanted {
        WakeWord::BuiltIn => speech::WakeWord::built_in()?,
        WakeWord::File(path) => std::fs::read(path)
            .map_err(anyhow::Error::from)
            .and_then(|bytes| Ok(speech::WakeWord::from_bytes(&bytes)?))
            .with_context(|| format!("the wake word `{}`", path.display()))?,
    };
    Ok(word)
}

/// Hands what was said to the house.
struct Thinker {
    ears: Ears,
    hub: HubHandle,
    /// The owner's name for the room.
    area: Option<String>,
    mouth: Mouth,
}

impl Thinker {
    async fn think(self, mut inbox: mpsc::Receiver<Clip>) {
        let mut conversation: Option<(String, tokio::time::Instant)> = None;
        while let Some(clip) = inbox.recv().await {
            let fresh = conversation.take().filter(|(_, at)| at.elapsed() < GOES_ON);
            conversation = self.answer(clip, fresh.map(|(id, _)| id)).await;
        }
    }

    /// Answers, and says with which conversation the next utterance goes on.
    async fn answer(
        &self,
        clip: Clip,
        conversation: Option<String>,
    ) -> Option<(String, tokio::time::Instant)> {
        let hint = self.hub.read(hint);
        let heard = match self.ears.words(clip, None, hint).await {
            Ok(heard) if heard.text.trim().is_empty() => return None,
            Ok(heard) => heard,
            Err(error) => {
                warn!(%error, "What was said to the microphone was not heard.");
                return None;
            }
        };
        let area = self.area.as_deref().and_then(|said| {
            self.hub.read(|home| target::area_named(said, home).map(|area| area.id.to_string()))
        });
        let origin = Origin { area, conversation, means: Means::Spoken, ..Origin::default() };
        let utterance = Utterance {
            text: heard.text,
            others: heard.others,
            language: Some(heard.language),
            origin,
        };
        let reply = self.hub.ask(|reply| Query::Hear(utterance, reply)).await.ok()?;
        (self.mouth.say)(reply.text, reply.language);
        Some((reply.conversation, tokio::time::Instant::now()))
    }
}

/// The light and the program that say whether it listens. Only `homard.toml` names them, and no word that comes from
/// anywhere else reaches them.
struct Signal {
    brightness: Option<PathBuf>,
    command: Option<PathBuf>,
    /// The program that still runs.
    running: Mutex<Option<std::process::Child>>,
}

impl Signal {
    fn new(voice: &Voice) -> Self {
        let brightness = voice.led.as_deref().map(|led: &Path| led.join("brightness"));
        Self { brightness, command: voice.command.clone(), running: Mutex::new(None) }
    }

    fn show(&self, is_awake: bool) {
        if let Some(path) = &self.brightness {
            let value = if is_awake { "1" } else { "0" };
            if let Err(error) = std::fs::write(path, value) {
                debug!(%error, path = %path.display(), "The light cannot be switched.");
            }
        }
        let Some(command) = &self.command else { return };
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        // One that hangs gets no company.
        if running.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None))) {
            return;
        }
        let word = if is_awake { "awake" } else { "asleep" };
        let started = Command::new(command)
            .arg(word)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        *running = started
            .inspect_err(|error| debug!(%error, "The program of `[voice] command` did not start."))
            .ok();
    }
}
