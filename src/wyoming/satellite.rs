//! A satellite of the house: a microphone and a loudspeaker elsewhere. Homard connects to it, hears what is said after its
//! wake word, and answers where it was asked.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncWrite, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, info, warn};

use super::event::{Event, EventError};
use super::{Answer, Asked, CHUNK, Later, Services, Words, client, server};
use crate::speech::{
    ActivityModel, Attention, Clip, Endpointer, Limits, Manner, Noticed, Progress, RATE, Sound,
    Wake, sentences,
};

/// First and longest wait before a satellite is tried again.
const WAIT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));
/// A satellite that says nothing for so long is asked whether it is still there.
const QUIET: Duration = Duration::from_secs(30);
/// Announcements that may wait for one satellite.
const MOST_WAITING: usize = 8;
/// How much is sent ahead of what is heard, so that a voice can be stopped.
const AHEAD: Duration = Duration::from_millis(500);
/// What is said so soon after an answer belongs to it.
const CONTINUES: Duration = Duration::from_secs(60);

/// Where a satellite is and what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Satellite {
    /// Its name.
    pub name: String,
    /// Name or address of its host, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Its room: id, name or other name.
    pub area: Option<String>,
}

/// Told whether a satellite is there: its name, and why not.
pub type Tell = Arc<dyn Fn(&Satellite, Option<String>) + Send + Sync>;

/// Waits for the wake word in a satellite's sound.
#[derive(Clone)]
pub struct WakeService {
    /// The word.
    pub name: Arc<str>,
    /// A detector for one microphone.
    pub detector: Arc<dyn Fn() -> Wake + Send + Sync>,
    /// Makes sure that what was noticed is the word: its sound, and how much it was taken for it.
    pub is_called: Arc<dyn Fn(Clip, f32) -> Later<bool> + Send + Sync>,
}

/// What following a satellite needs.
#[derive(Clone)]
pub struct Circumstances {
    /// Who hears, understands and speaks.
    pub services: Services,
    /// Finds the end of what is said.
    pub activity: ActivityModel,
    /// For satellites that leave the wake word to Homard.
    pub wake: Option<WakeService>,
    /// How it is spoken where the language is all that is known.
    pub manner: Manner,
    /// Told of each attempt to connect.
    pub note: Arc<dyn Fn(&Satellite) + Send + Sync>,
    /// Told when it comes and goes.
    pub tell: Tell,
}

/// A text to be said, and who waits for its end.
struct Order {
    text: String,
    language: String,
    said: oneshot::Sender<bool>,
}

/// The near end of a satellite: by it something is said there.
#[derive(Debug, Clone)]
pub struct Station {
    satellite: Arc<Satellite>,
    orders: mpsc::Sender<Order>,
    is_there: Arc<AtomicBool>,
}

/// The far end, for [`follow`].
pub struct Orders {
    inbox: mpsc::Receiver<Order>,
    is_there: Arc<AtomicBool>,
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Order").finish_non_exhaustive()
    }
}

impl Station {
    /// Both ends of a satellite.
    pub fn new(satellite: Satellite) -> (Self, Orders) {
        let (orders, inbox) = mpsc::channel(MOST_WAITING);
        let is_there = Arc::new(AtomicBool::new(false));
        let theirs = Arc::clone(&is_there);
        let satellite = Arc::new(satellite);
        (Self { satellite, orders, is_there }, Orders { inbox, is_there: theirs })
    }

    /// Which it is.
    pub fn satellite(&self) -> &Satellite {
        &self.satellite
    }

    /// Whether it is connected.
    pub fn is_there(&self) -> bool {
        self.is_there.load(Ordering::Relaxed)
    }

    /// Says something there; false when it could not be said.
    pub async fn say(&self, text: &str, language: &str) -> bool {
        let (said, was_said) = oneshot::channel();
        let order = Order { text: text.to_owned(), language: language.to_owned(), said };
        self.is_there() && self.orders.try_send(order).is_ok() && was_said.await.unwrap_or_default()
    }
}

/// Stays with a satellite until `stop` is done: connects, and again when it was lost, later each time.
pub async fn follow(
    satellite: &Satellite,
    orders: &mut Orders,
    around: &Circumstances,
    stop: impl Future<Output = ()>,
) {
    let stay = async {
        let mut wait = WAIT.0;
        let mut was_there = true;
        loop {
            (around.note)(satellite);
            let began = Instant::now();
            let why = match client::connect(&satellite.host, satellite.port).await {
                None => "it does not answer".to_owned(),
                Some(stream) => {
                    keep_alive(&stream);
                    info!(satellite = %satellite.name, "A satellite is connected.");
                    was_there = true;
                    orders.is_there.store(true, Ordering::Relaxed);
                    (around.tell)(satellite, None);
                    let (read, write) = stream.into_split();
                    let mut link = Link::new(satellite, around, write);
                    let ended = link.run(read, &mut orders.inbox).await;
                    orders.is_there.store(false, Ordering::Relaxed);
                    ended.to_string()
                }
            };
            if began.elapsed() > WAIT.1 {
                wait = WAIT.0;
            }
            // Who waits for something to be said there waits no longer.
            while orders.inbox.try_recv().is_ok() {}
            if was_there {
                was_there = false;
                warn!(satellite = %satellite.name, error = %why, "A satellite is not there.");
                (around.tell)(satellite, Some(why));
            }
            sleep(wait).await;
            wait = (wait * 2).min(WAIT.1);
        }
    };
    tokio::select! {
        () = stay => {}
        () = stop => orders.is_there.store(false, Ordering::Relaxed),
    }
}

/// A satellite whose plug was pulled says no goodbye; the system finds out.
fn keep_alive(stream: &tokio::net::TcpStream) {
    use rustix::net::sockopt;
    let set = || -> rustix::io::Result<()> {
        sockopt::set_socket_keepalive(stream, true)?;
        sockopt::set_tcp_keepidle(stream, QUIET)?;
        sockopt::set_tcp_keepintvl(stream, Duration::from_secs(10))?;
        sockopt::set_tcp_keepcnt(stream, 3)
    };
    if let Err(error) = set() {
        debug!(%error, "A satellite's connection is not watched by the system.");
    }
}

/// What became of listening.
enum Turn {
    /// Somebody has spoken.
    Spoken(Clip),
    /// Nobody has.
    Silence,
}

/// What is under way; ends by itself, or soon after it is told to.
type Work<'a> =
    Pin<Box<dyn Future<Output = (OwnedWriteHalf, Result<Option<Told>, EventError>)> + Send + 'a>>;
/// The conversation to go on with.
type Told = (String, Instant);

/// One connection to a satellite.
struct Link<'a> {
    satellite: &'a Satellite,
    around: &'a Circumstances,
    /// There while nothing is under way.
    write: Option<OwnedWriteHalf>,
    /// There while somebody may speak.
    endpointer: Option<Endpointer>,
    /// There while the satellite leaves it to Homard to notice the wake word.
    attention: Option<Attention>,
    /// Whether what was noticed is the wake word: not known yet.
    doubt: Option<Later<bool>>,
    told: Option<Told>,
}

impl<'a> Link<'a> {
    fn new(satellite: &'a Satellite, around: &'a Circumstances, write: OwnedWriteHalf) -> Self {
        Self {
            satellite,
            around,
            write: Some(write),
            endpointer: None,
            attention: None,
            doubt: None,
            told: None,
        }
    }

    /// Until it is lost.
    async fn run(&mut self, read: OwnedReadHalf, orders: &mut mpsc::Receiver<Order>) -> EventError {
        let Err(error) = self.talk(read, orders).await;
        error
    }

    async fn talk(
        &mut self,
        read: OwnedReadHalf,
        orders: &mut mpsc::Receiver<Order>,
    ) -> Result<std::convert::Infallible, EventError> {
        if let Some(write) = &mut self.write {
            Event::new("run-satellite", Value::Null).write(write).await?;
        }
        let (stop, stops) = watch::channel(false);
        let mut work: Option<Work<'a>> = None;
        // What was said while something else was still under way.
        let mut waiting: Option<Turn> = None;
        let mut read = Box::pin(next(BufReader::new(read)));
        loop {
            tokio::select! {
                (reader, event) = &mut read => {
                    let event = event?;
                    read = Box::pin(next(reader));
                    let waits = event.text("start_stage") == Some("wake");
                    if event.kind == "run-pipeline" && !waits && work.is_some() {
                        // Somebody speaks again: what is being said ends.
                        stop.send_replace(true);
                    }
                    if let Some(turn) = self.take(&event).await? {
                        waiting = Some(turn);
                    }
                }
                was_called = known(&mut self.doubt) => {
                    self.doubt = None;
                    if was_called && work.is_some() {
                        stop.send_replace(true);
                    }
                    waiting = self.believe(was_called).await?.or(waiting);
                }
                (write, told) = under_way(&mut work) => {
                    work = None;
                    self.write = Some(write);
                    self.told = told?.or(self.told.take());
                }
                order = orders.recv(), if work.is_none() => match (order, self.write.take()) {
                    (Some(order), Some(write)) => {
                        stop.send_replace(false);
                        work = Some(self.announce(order, write, stops.clone()));
                    }
                    // Nobody can order anything any more.
                    (None, _) => return Err(EventError::Closed),
                    (Some(_), None) => {}
                }
            }
            if waiting.is_some()
                && let Some(write) = self.write.take()
            {
                stop.send_replace(false);
                work = match waiting.take() {
                    Some(Turn::Spoken(clip)) => Some(self.answer(clip, write, stops.clone())),
                    Some(Turn::Silence) => Some(dismiss(write)),
                    None => None,
                };
            }
        }
    }

    /// What an event makes of it.
    async fn take(&mut self, event: &Event) -> Result<Option<Turn>, EventError> {
        match event.kind.as_str() {
            "run-pipeline" => {
                (self.endpointer, self.attention, self.doubt) = (None, None, None);
                let endpointer = self.around.activity.endpointer(Limits::default());
                match (event.text("start_stage"), &self.around.wake) {
                    (Some("wake"), Some(wake)) => {
                        self.attention = Some(Attention::new((wake.detector)(), endpointer));
                    }
                    (Some("wake"), None) => {
                        let text = "it leaves the wake word to Homard, whose model is not there \
                                    (`homard models pull wake-embedding`)";
                        warn!(satellite = %self.satellite.name, "A satellite is not listened to: {text}.");
                        (self.around.tell)(self.satellite, Some(text.to_owned()));
                    }
                    _ => self.endpointer = Some(endpointer),
                }
            }
            "audio-chunk" => {
                if self.endpointer.is_none() && self.attention.is_none() {
                    return Ok(None);
                }
                let is_known = event.number("rate") == Some(RATE)
                    && event.number("width") == Some(2)
                    && event.number("channels") == Some(1);
                if !is_known {
                    let text =
                        "its sound is not of one channel with 16 bits, 16,000 times a second";
                    return Err(EventError::Garbage(text.to_owned()));
                }
                let sample =
                    |pair: &[u8]| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32_768.0;
                let samples: Vec<f32> = event.payload.chunks_exact(2).map(sample).collect();
                if let Some(attention) = &mut self.attention {
                    let noticed = attention.hear(&samples);
                    return Ok(self.notice(noticed));
                }
                let Some(endpointer) = &mut self.endpointer else { return Ok(None) };
                let progress = endpointer.hear(&samples);
                return Ok(self.heard(progress));
            }
            // It found the end by itself.
            "voice-stopped" | "audio-stop" | "streaming-stopped" => {
                let Some(endpointer) = &mut self.endpointer else { return Ok(None) };
                let progress = endpointer.end();
                return Ok(self.heard(progress));
            }
            "ping" => {
                if let Some(write) = &mut self.write {
                    Event::new("pong", Value::Object(event.data.clone())).write(write).await?;
                }
            }
            // What it is doing, for whom it may concern.
            _ => {}
        }
        Ok(None)
    }

    fn notice(&mut self, noticed: Option<Noticed>) -> Option<Turn> {
        match noticed? {
            Noticed::Called(clip, score) => {
                self.doubt = self.around.wake.as_ref().map(|wake| (wake.is_called)(clip, score));
                None
            }
            Noticed::Spoken(clip) => Some(Turn::Spoken(clip)),
            Noticed::Nothing => Some(Turn::Silence),
        }
    }

    /// What comes of knowing whether it was the wake word; the satellite is told that it was.
    async fn believe(&mut self, was_called: bool) -> Result<Option<Turn>, EventError> {
        let Some(attention) = &mut self.attention else { return Ok(None) };
        let said = attention.believe(was_called);
        if was_called && let (Some(write), Some(wake)) = (&mut self.write, &self.around.wake) {
            let told = json!({ "name": &*wake.name, "timestamp": null });
            Event::new("detection", told).write(write).await?;
        }
        Ok(self.notice(said))
    }

    fn heard(&mut self, progress: Progress) -> Option<Turn> {
        let turn = match progress {
            Progress::Waiting | Progress::Speaking => return None,
            Progress::Spoken(clip) => Turn::Spoken(clip),
            Progress::Nothing => Turn::Silence,
        };
        self.endpointer = None;
        Some(turn)
    }

    /// Understands a recording, does it, and answers.
    fn answer(
        &self,
        clip: Clip,
        mut write: OwnedWriteHalf,
        stop: watch::Receiver<bool>,
    ) -> Work<'a> {
        let conversation = self.told.as_ref().filter(|(_, at)| at.elapsed() < CONTINUES);
        let conversation = conversation.map(|(conversation, _)| conversation.clone());
        let (around, area) = (self.around, self.satellite.area.clone());
        Box::pin(async move {
            let result = obey(around, clip, area, conversation, &mut write, stop).await;
            (write, result)
        })
    }

    /// Says something that nobody there has asked for.
    fn announce(
        &self,
        order: Order,
        mut write: OwnedWriteHalf,
        stop: watch::Receiver<bool>,
    ) -> Work<'a> {
        let around = self.around;
        Box::pin(async move {
            let Order { text, language, said } = order;
            let result = say(around, &text, &language, &mut write, stop).await;
            // Whoever asked may be gone.
            let _ = said.send(result.as_ref().is_ok_and(|was_said| *was_said));
            (write, result.map(|_| None))
        })
    }
}

/// Whether it was the wake word, once that is known; never where nobody asks.
async fn known(doubt: &mut Option<Later<bool>>) -> bool {
    match doubt {
        Some(doubt) => doubt.await,
        None => std::future::pending().await,
    }
}

/// What is under way, once it is over; never where nothing is.
async fn under_way(
    work: &mut Option<Work<'_>>,
) -> (OwnedWriteHalf, Result<Option<Told>, EventError>) {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}

/// Tells it to go back to its wake word.
fn dismiss<'a>(mut write: OwnedWriteHalf) -> Work<'a> {
    Box::pin(async move {
        let told = Event::new("transcript", json!({ "text": "" })).write(&mut write).await;
        (write, told.map(|()| None))
    })
}

/// The next event, and what to read the one after it from. Without limit, as a house may be silent for days.
async fn next(
    mut read: BufReader<OwnedReadHalf>,
) -> (BufReader<OwnedReadHalf>, Result<Event, EventError>) {
    loop {
        match Event::read(&mut read, QUIET).await {
            Err(EventError::TooSlow(limit)) if limit == QUIET => {}
            event => return (read, event),
        }
    }
}

async fn obey<W: AsyncWrite + Unpin>(
    around: &Circumstances,
    clip: Clip,
    area: Option<String>,
    conversation: Option<String>,
    write: &mut W,
    stop: watch::Receiver<bool>,
) -> Result<Option<Told>, EventError> {
    let services = &around.services;
    Event::new("voice-stopped", json!({ "timestamp": null })).write(write).await?;
    let words = match (services.transcribe)(clip, None).await {
        Ok(words) => words,
        Err(error) => {
            warn!(%error, "A satellite was not understood.");
            Event::new("transcript", json!({ "text": "" })).write(write).await?;
            Event::new("error", json!({ "text": error })).write(write).await?;
            return Ok(None);
        }
    };
    // It stops to send what it hears.
    Event::new("transcript", json!({ "text": words.text, "language": words.language }))
        .write(write)
        .await?;
    if words.text.is_empty() {
        return Ok(None);
    }
    let Words { text, others, language } = words;
    let asked = Asked { text, others, language: Some(language), area, conversation };
    let Answer { text, language, conversation, .. } = match (services.handle)(asked).await {
        Ok(answer) => answer,
        Err(error) => {
            Event::new("error", json!({ "text": error })).write(write).await?;
            return Ok(None);
        }
    };
    Event::new("synthesize", json!({ "text": text, "voice": { "language": language } }))
        .write(write)
        .await?;
    say(around, &text, &language, write, stop).await?;
    Ok(Some((conversation, Instant::now())))
}

/// Says a text, no faster than it is heard, so that it can be stopped; whether all of it was said.
async fn say<W: AsyncWrite + Unpin>(
    around: &Circumstances,
    text: &str,
    language: &str,
    write: &mut W,
    mut stop: watch::Receiver<bool>,
) -> Result<bool, EventError> {
    let manner = Manner { language: language.to_owned(), ..around.manner.clone() };
    let mut rate = None;
    let mut heard_at = Instant::now();
    let mut is_whole = true;
    'said: for piece in sentences(text, language) {
        let sound = match (around.services.speak)(piece, manner.clone()).await {
            Ok(sound) => sound,
            Err(error) => {
                warn!(%error, "A satellite was not answered.");
                Event::new("error", json!({ "text": error.to_string() })).write(write).await?;
                is_whole = false;
                break;
            }
        };
        if rate.is_none() {
            rate = Some(sound.rate());
            server::start(sound.rate()).write(write).await?;
            heard_at = Instant::now();
        }
        for part in parts(&sound) {
            if *stop.borrow() {
                is_whole = false;
                break 'said;
            }
            server::send(&part, write).await?;
            heard_at += Duration::from_secs_f32(part.seconds());
            let ahead = heard_at.saturating_duration_since(Instant::now());
            // An error is a satellite that is gone, which is found out when it is written to.
            let _ =
                timeout(ahead.saturating_sub(AHEAD), stop.wait_for(|is_stopped| *is_stopped)).await;
        }
    }
    if rate.is_some() {
        Event::new("audio-stop", json!({ "timestamp": null })).write(write).await?;
    }
    Ok(is_whole)
}

/// A sound in the pieces in which it is sent.
fn parts(sound: &Sound) -> Vec<Sound> {
    let parts = sound.samples().chunks(CHUNK / 2);
    parts.filter_map(|part| Sound::new(part.to_vec(), sound.rate()).ok()).collect()
}
