//! The microphone of this machine in the daemon: wake word, tone and light, what is said to the recogniser, its words to
//! the house, its answer to the loudspeaker.
//!
//! Two threads: one hears and never waits, the other (a task) thinks and answers. Between them is room for one utterance:
//! who speaks while the house thinks of the last one says it again. Whoever says the wake word while the house answers,
//! or just speaks, is not talked over.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::listen::Ears;
use super::name::Name;
use super::speak::Mouths;
use crate::config::Voice;
use crate::home::id::AreaId;
use crate::home::person::{Means, Rights, Role};
use crate::home::target;
use crate::hub::HubHandle;
use crate::hub::event::{Event, Origin, Place, Problem, Query, Reply, Utterance};
use crate::speech::{
    ActivityModel, Attention, Clip, Interruption, Limits, Microphone, Noticed, SILERO, Source,
    State,
};
use crate::web::hint;

/// Utterances that may wait while one is thought of.
const MOST_WAITING: usize = 1;
/// What has the problem where the microphone cannot be heard.
const PLACE: Place = Place::Part("microphone");
/// How long an answer that is a question is waited for.
const GOES_ON: Duration = Duration::from_secs(60);

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
    pub(super) mouths: Mouths,
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
    let Setup { voice, models, ears, hub, mouths } = setup;
    let Some(device) = voice.microphone.clone() else { return Ok(None) };
    let name = Name::open(&voice, &models, &ears)?;
    info!(word = name.word(), "The microphone waits for its wake word.");
    let wake = name.detector();
    let own = name.clone();
    mouths.mind(Box::new(move |sound| own.is_said_by(sound)));
    let activity = ActivityModel::open(&models.join(SILERO));
    let asked = Arc::new(Asked::default());
    let (utterances, inbox) = mpsc::channel(MOST_WAITING);
    let thinker = Thinker {
        ears,
        hub: hub.by(Rights::of(Role::Adult)),
        area: voice.area.clone(),
        mouths: mouths.clone(),
        asked: Arc::clone(&asked),
    };
    let (calls, called) = mpsc::channel(MOST_WAITING);
    let (tell_verdict, verdicts) = std::sync::mpsc::channel();
    let mut tasks = JoinSet::new();
    tasks.spawn(make_sure(name, called, tell_verdict));
    tasks.spawn(thinker.think(inbox));
    let mut listener = Listener {
        attention: Attention::new(wake, activity.endpointer(Limits::default())),
        interruption: Interruption::new(activity.activity()),
        mouths,
        asked,
        signal: Signal::new(&voice),
        has_tone: voice.tone,
        utterances,
        calls,
        verdicts,
        n_calls: 0,
    };
    let source = Source { device: Some(device).filter(|name| name != "default"), gain: voice.gain };
    let microphone = Microphone::listen(source, move |samples| listener.hear(samples))
        .context("the system gives no thread")?;
    tasks.spawn(tell(microphone.watch(), hub));
    Ok(Some(Listening { _microphone: microphone, _tasks: tasks }))
}

/// What the house has asked and waits to be answered, as the thread that hears and the one that thinks both see it.
#[derive(Default)]
struct Asked {
    /// What is being said is a question.
    is_asking: AtomicBool,
    /// A question was said to its end.
    is_open: AtomicBool,
}

/// What may be the wake word: the how-manieth, its sound, and how much the first stage takes it for the word.
struct Call {
    number: u64,
    clip: Clip,
    score: f32,
}

/// Makes sure of each call.
async fn make_sure(
    name: Name,
    mut called: mpsc::Receiver<Call>,
    tell: std::sync::mpsc::Sender<(u64, bool)>,
) {
    while let Some(Call { number, clip, score }) = called.recv().await {
        let was_called = name.is_in(clip, score).await;
        if tell.send((number, was_called)).is_err() {
            return;
        }
    }
}

/// The thread that hears. It never waits.
struct Listener {
    attention: Attention,
    interruption: Interruption,
    mouths: Mouths,
    asked: Arc<Asked>,
    signal: Signal,
    has_tone: bool,
    utterances: mpsc::Sender<Clip>,
    /// What may be the wake word goes out, and whether it is comes back, by number.
    calls: mpsc::Sender<Call>,
    verdicts: std::sync::mpsc::Receiver<(u64, bool)>,
    n_calls: u64,
}

impl Listener {
    fn hear(&mut self, samples: &[f32]) {
        if self.is_interrupted(samples) {
            debug!("Somebody speaks while the house does, and it falls silent.");
            self.mouths.hush();
            if self.asked.is_asking.swap(false, Ordering::Relaxed) {
                self.attention.listen(true);
                self.signal.show(true);
            }
        }
        if self.asked.is_open.swap(false, Ordering::Relaxed) && !self.attention.is_awake() {
            self.attention.listen(false);
            self.awake();
        }
        while let Ok((number, was_called)) = self.verdicts.try_recv() {
            if number == self.n_calls {
                self.believe(was_called);
            }
        }
        let noticed = self.attention.hear(samples);
        self.notice(noticed);
    }

    fn notice(&mut self, noticed: Option<Noticed>) {
        match noticed {
            None => {}
            Some(Noticed::Called(clip, score)) => self.called(clip, score),
            Some(Noticed::Spoken(clip)) => {
                self.signal.show(false);
                if self.utterances.try_send(clip).is_err() {
                    debug!("Something was said while the house still thought of the last.");
                }
            }
            Some(Noticed::Nothing) => self.signal.show(false),
        }
    }

    fn called(&mut self, clip: Clip, score: f32) {
        self.n_calls += 1;
        let call = Call { number: self.n_calls, clip, score };
        if self.mouths.says_name() {
            // Its own voice does not wake it.
            self.believe(false);
        } else if self.mouths.is_speaking() || self.calls.try_send(call).is_err() {
            // What comes with the house's own voice in it is not recognised; and who calls wants it to be silent.
            self.believe(true);
        }
    }

    fn believe(&mut self, was_called: bool) {
        let said = self.attention.believe(was_called);
        if was_called {
            self.mouths.hush();
            self.asked.is_asking.store(false, Ordering::Relaxed);
            // Who has spoken already needs no sign to do so.
            match said {
                None => self.awake(),
                Some(_) => self.signal.show(true),
            }
        } else {
            debug!("It was not the wake word.");
        }
        self.notice(said);
    }

    fn awake(&self) {
        self.signal.show(true);
        if self.has_tone {
            self.mouths.tone();
        }
    }

    /// Somebody speaks while the house answers. While it listens it says nothing but its tone.
    fn is_interrupted(&mut self, samples: &[f32]) -> bool {
        if self.attention.is_awake() || !self.mouths.is_speaking() {
            self.interruption.rest();
            return false;
        }
        self.interruption.hear(samples, self.mouths.power())
    }
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

/// Hands what was said to the house, and says its answer.
struct Thinker {
    ears: Ears,
    hub: HubHandle,
    /// The owner's name for the room.
    area: Option<String>,
    mouths: Mouths,
    asked: Arc<Asked>,
}

impl Thinker {
    async fn think(self, mut inbox: mpsc::Receiver<Clip>) {
        let mut conversation: Option<(String, Instant)> = None;
        // What is being said does not keep it from hearing what is said next.
        let mut said = JoinSet::new();
        while let Some(clip) = inbox.recv().await {
            let fresh = conversation.take().filter(|(_, at)| at.elapsed() < GOES_ON);
            let area = self.area();
            let reply = self.answer(clip, area.clone(), fresh.map(|(id, _)| id)).await;
            while said.try_join_next().is_some() {}
            let Some(reply) = reply else { continue };
            conversation = Some((reply.conversation.clone(), Instant::now()));
            said.spawn(say(self.mouths.clone(), self.hub.clone(), area, self.asked.clone(), reply));
        }
    }

    /// The room, by the name that its owner gave it.
    fn area(&self) -> Option<AreaId> {
        let said = self.area.as_deref()?;
        self.hub.read(|home| target::area_named(said, home).map(|area| area.id.clone()))
    }

    async fn answer(
        &self,
        clip: Clip,
        area: Option<AreaId>,
        conversation: Option<String>,
    ) -> Option<Reply> {
        let hint = self.hub.read(hint);
        let heard = match self.ears.words(clip, None, hint).await {
            Ok(heard) if heard.text.trim().is_empty() => return None,
            Ok(heard) => heard,
            Err(error) => {
                warn!(%error, "What was said to the microphone was not heard.");
                return None;
            }
        };
        let area = area.map(|area| area.to_string());
        let origin = Origin { area, conversation, means: Means::Spoken, ..Origin::default() };
        let utterance = Utterance {
            text: heard.text,
            others: heard.others,
            language: Some(heard.language),
            origin,
        };
        self.hub.ask(|reply| Query::Hear(utterance, reply)).await.ok()
    }
}

/// Says a reply; after a question the answer is listened to without a wake word.
async fn say(
    mouths: Mouths,
    hub: HubHandle,
    area: Option<AreaId>,
    asked: Arc<Asked>,
    reply: Reply,
) {
    asked.is_asking.store(reply.continues, Ordering::Relaxed);
    let was_heard = mouths.answer(area.as_ref(), &reply.text, &reply.language, &hub).await;
    if asked.is_asking.swap(false, Ordering::Relaxed) && was_heard {
        asked.is_open.store(true, Ordering::Relaxed);
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
