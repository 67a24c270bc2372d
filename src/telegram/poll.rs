//! Taking what comes: the long poll, its pauses and its stalls, and the mark on the disk before anything is done. In the order
//! in which somebody wrote it, each chat by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};

use std::sync::{Arc, Mutex, OnceLock};

use super::api::{Api, BATCH, Error, Me, Unusable};
use super::late::{self, Late};
use super::pace::Pace;
use super::update::{Message, Pressed, Update, What};
use super::{Bot, Settings, Setup, State, aside, command, press, talk, tell};
use crate::hub::event::{Event, Place, Problem};
use crate::storage::{Begun, Mark};

/// Pauses after a poll that failed: the first, and the longest. Offline for days costs a knock every five minutes.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// A token that is not known is tried again so often: perhaps it was a mistake on the other side.
const REVOKED: Duration = Duration::from_secs(15 * 60);
/// A server that never holds the line is not asked more often than this.
const LEAST: Duration = Duration::from_millis(250);
/// A poll that waited for so long had nothing to give before.
const WAITED: Duration = Duration::from_secs(1);
/// Telegram begins to number anew after a week without messages.
const NUMBERS_LAST: SignedDuration = SignedDuration::from_hours(6 * 24);
/// Messages of one chat that wait; more are not done.
const MOST_WAITING: usize = 128;
/// A chat that was silent for so long needs nobody to wait for it.
const SILENT: Duration = Duration::from_secs(300);
/// The part of Homard that this is, in problems.
const PLACE: Place = Place::Part("telegram");
/// Longest text that is kept of a message that is being done.
const LONGEST_BEGUN: usize = 500;

/// What is to be done in a chat.
pub(super) enum Job {
    Message(i64, Message),
    Pressed(i64, Pressed),
    /// Messages of a chat that came too late to be done without asking.
    Late(i64, Vec<Late>),
    /// The bot was thrown out of a chat.
    Out(i64, i64),
}

impl Job {
    fn updates(&self) -> Vec<i64> {
        match self {
            Self::Message(id, _) | Self::Pressed(id, _) | Self::Out(id, _) => vec![*id],
            Self::Late(_, late) => late.iter().map(|one| one.update).collect(),
        }
    }
}

/// Serves one bot for ever.
///
/// # Errors
/// When there is no client for its address.
pub(super) async fn serve(setup: &Setup, settings: Settings) -> Result<(), Unusable> {
    let pace = Arc::new(Pace::default());
    setup.state.send_replace(State::Trying);
    let mut api = Api::new(&settings, Arc::clone(&pace))?;
    let host = host(&settings.api_url);
    let bot = Arc::new(Bot {
        api: api.clone(),
        me: OnceLock::new(),
        setup: setup.clone(),
        buttons: Mutex::default(),
        views: Mutex::default(),
    });
    let mut tasks = JoinSet::new();
    // What happens before Telegram is reached for the first time is told when it is.
    let teller = tasks.spawn(tell::tell(Arc::clone(&bot)));
    let me = introduce(setup, &api, &host).await;
    info!(bot = me.username, "Telegram is reached.");
    let me = bot.me.get_or_init(|| me).clone();
    tasks.spawn(command::announce(Arc::clone(&bot)));
    let mut desk = Desk::new(Arc::clone(&bot)).await;
    desk.ask_about_unfinished(&mut tasks).await;
    let mut pause = PAUSE.0;
    loop {
        (setup.note)(&host);
        let began = Instant::now();
        // The client gives up by itself; this is for a client that does not.
        let limit = settings.poll + settings.grace + Duration::from_secs(5);
        let polled = tokio::time::timeout(limit, api.updates(desk.offset())).await;
        let polled = polled.unwrap_or_else(|_| Err(Error::Unreached("it stalls".to_owned())));
        while tasks.try_join_next().is_some() {}
        if teller.is_finished() {
            // All of it begins anew.
            return Err(Unusable::failed("telling has ended"));
        }
        match polled {
            Ok(updates) => {
                pause = PAUSE.0;
                report(setup, Ok(&me)).await;
                let is_empty = updates.is_empty();
                desk.has_caught_up |= is_empty || began.elapsed() > WAITED;
                desk.take(updates, &mut tasks).await;
                if is_empty && began.elapsed() < LEAST {
                    sleep(LEAST).await;
                }
            }
            Err(error) => {
                report(setup, Err(&error)).await;
                desk.has_caught_up = false;
                if error == Error::Webhook && api.delete_webhook().await.is_ok() {
                    warn!("A webhook was set for the bot; it is not any more.");
                }
                // Connections that stall are not used again.
                api = Api::new(&settings, Arc::clone(&pace))?;
                let wait = match error {
                    Error::Wait(wait) => wait,
                    Error::Revoked => REVOKED,
                    _ => pause,
                };
                sleep(wait).await;
                pause = (pause * 2).min(PAUSE.1);
            }
        }
    }
}

/// Asks Telegram who the bot is, until it says so.
async fn introduce(setup: &Setup, api: &Api, host: &str) -> Me {
    let mut pause = PAUSE.0;
    loop {
        (setup.note)(host);
        match api.me().await {
            Ok(me) => {
                report(setup, Ok(&me)).await;
                return me;
            }
            Err(error) => {
                report(setup, Err(&error)).await;
                sleep(if error == Error::Revoked { REVOKED } else { pause }).await;
                pause = (pause * 2).min(PAUSE.1);
            }
        }
    }
}

/// Says how it is, where that is new: to who looks, to the log, and to the house.
async fn report(setup: &Setup, polled: Result<&Me, &Error>) {
    let now = setup.clock.now();
    let state = match polled {
        Ok(me) => State::Online(me.username.clone()),
        Err(Error::Revoked) => State::Refused("revoked", Error::Revoked.to_string()),
        Err(Error::Conflict) => State::Refused("conflict", Error::Conflict.to_string()),
        Err(error) => {
            let since = match &*setup.state.borrow() {
                State::Lost(since, ..) => *since,
                _ => now,
            };
            let word = match error {
                Error::Wait(_) => "wait",
                Error::Unreached(_) => "unreached",
                _ => "refused",
            };
            State::Lost(since, word, error.to_string())
        }
    };
    let is_new = setup.state.send_if_modified(|known| {
        let is_new = match (&*known, &state) {
            (State::Lost(..), State::Lost(..)) => false,
            (known, state) => known != state,
        };
        *known = state.clone();
        is_new
    });
    if !is_new {
        return;
    }
    let found = match &state {
        State::Refused(_, why) => {
            tracing::error!(error = why, "The Telegram bot is refused.");
            Some(why)
        }
        State::Lost(_, _, why) => {
            warn!(error = why, "Telegram is not reached; it is tried again, later each time.");
            Some(why)
        }
        State::Online(_) | State::Off | State::Trying => None,
    };
    let event = match found {
        Some(why) => {
            let text = format!("Telegram: {why}.");
            Event::ProblemFound(Problem { place: PLACE, producer: None, text })
        }
        None => Event::ProblemSolved { place: PLACE },
    };
    // A hub that is gone ends the program.
    let _ = setup.hub.send(vec![Event::ProblemSolved { place: PLACE }, event]).await;
}

/// Hands out what came.
struct Desk {
    bot: Arc<Bot>,
    mark: Option<Mark>,
    /// What is late, by chat, until everything that waited is there.
    late: BTreeMap<i64, Vec<Late>>,
    chats: BTreeMap<i64, mpsc::Sender<Job>>,
    /// What comes now was written now, and has not waited for a house that was off.
    has_caught_up: bool,
}

impl Desk {
    async fn new(bot: Arc<Bot>) -> Self {
        let contacts = bot.setup.contacts.clone();
        let mark = aside(move || contacts.mark().ok().flatten()).await.flatten();
        let (late, chats) = (BTreeMap::new(), BTreeMap::new());
        Self { bot, mark, late, chats, has_caught_up: false }
    }

    /// From which update on; `None` where the numbers may have begun anew.
    fn offset(&self) -> Option<i64> {
        let now = self.bot.setup.clock.now();
        self.mark
            .filter(|mark| mark.bot == self.bot.me().id)
            .filter(|mark| now.duration_since(mark.at).abs() < NUMBERS_LAST)
            .map(|mark| mark.next)
    }

    /// What was begun before a restart was perhaps done and perhaps not.
    async fn ask_about_unfinished(&mut self, tasks: &mut JoinSet<()>) {
        let contacts = self.bot.setup.contacts.clone();
        let found = aside(move || contacts.unfinished().unwrap_or_default()).await;
        let mut chats: BTreeMap<i64, Vec<Begun>> = BTreeMap::new();
        for one in found.unwrap_or_default() {
            chats.entry(one.chat).or_default().push(one);
        }
        for (chat, begun) in chats {
            let bot = Arc::clone(&self.bot);
            tasks.spawn(async move { late::ask_unfinished(&bot, chat, begun).await });
        }
    }

    async fn take(&mut self, updates: Vec<Update>, tasks: &mut JoinSet<()>) {
        let n = updates.len();
        let offset = self.offset();
        // What comes twice is done once.
        let mut new: Vec<Update> =
            updates.into_iter().filter(|one| offset.is_none_or(|next| one.id >= next)).collect();
        new.sort_by_key(|update| update.id);
        new.dedup_by_key(|update| update.id);
        if let Some(last) = new.last() {
            let (bot, at) = (self.bot.me().id, self.bot.setup.clock.now());
            let mark = Mark { bot, next: last.id + 1, at };
            let mut begun: Vec<Begun> = new.iter().filter_map(begun).collect();
            let contacts = self.bot.setup.contacts.clone();
            let written = aside(move || {
                // Of a stranger nothing is kept, and nothing is done.
                begun.retain(|one| contacts.find(one.user).ok().flatten().is_some());
                contacts.begin(mark, &begun)
            });
            let written = written.await;
            match written {
                Some(Ok(())) => self.mark = Some(mark),
                Some(Err(error)) => {
                    warn!(%error, "Messages cannot be noted on the disk, and are not done.");
                    // They come again.
                    return sleep(PAUSE.0).await;
                }
                None => return,
            }
            for update in new {
                self.hand_out(update, tasks);
            }
        }
        if n < BATCH {
            for (chat, late) in std::mem::take(&mut self.late) {
                self.give(chat, Job::Late(chat, late), tasks);
            }
        }
    }

    fn hand_out(&mut self, update: Update, tasks: &mut JoinSet<()>) {
        let Update { id, what } = update;
        match what {
            What::Message(message) => {
                let chat = message.chat.id;
                let age_s = talk::age_s(&message, self.bot.setup.clock.now());
                if !talk::is_late(age_s, self.has_caught_up) {
                    return self.give(chat, Job::Message(id, message), tasks);
                }
                let is_for_house = talk::is_for_house(&message, self.bot.me());
                match (message.from, message.text) {
                    (Some(from), Some(text)) if is_for_house => {
                        let (user, name) = (from.id, from.name());
                        let language = from.language_code;
                        let late = Late { update: id, user, name, language, text, age_s };
                        self.late.entry(chat).or_default().push(late);
                    }
                    // A recording of long ago is not even listened to.
                    _ => self.finish(vec![id], tasks),
                }
            }
            What::Pressed(pressed) => {
                let chat = pressed.message.as_ref().map_or(pressed.from.id, |one| one.chat.id);
                self.give(chat, Job::Pressed(id, pressed), tasks);
            }
            What::Out(chat) => self.give(chat.id, Job::Out(id, chat.id), tasks),
            What::Other => {}
        }
    }

    /// Gives a job to the one who does those of a chat, one after the other.
    fn give(&mut self, chat: i64, job: Job, tasks: &mut JoinSet<()>) {
        self.chats.retain(|_, jobs| !jobs.is_closed());
        let Some(jobs) = self.chats.get(&chat) else { return self.open(chat, job, tasks) };
        match jobs.try_send(job) {
            Ok(()) => {}
            Err(TrySendError::Full(job)) => {
                debug!("Somebody writes faster than the house can do it; left out.");
                self.finish(job.updates(), tasks);
            }
            Err(TrySendError::Closed(job)) => self.open(chat, job, tasks),
        }
    }

    fn open(&mut self, chat: i64, job: Job, tasks: &mut JoinSet<()>) {
        let (jobs, waiting) = mpsc::channel(MOST_WAITING);
        // There is room in a new one.
        let _ = jobs.try_send(job);
        self.chats.insert(chat, jobs);
        tasks.spawn(work(Arc::clone(&self.bot), waiting));
    }

    fn finish(&self, ids: Vec<i64>, tasks: &mut JoinSet<()>) {
        let bot = Arc::clone(&self.bot);
        tasks.spawn(async move { finish(&bot, ids).await });
    }
}

/// Does what is to be done in a chat, until it was silent for long.
async fn work(bot: Arc<Bot>, mut jobs: mpsc::Receiver<Job>) {
    loop {
        let job = match tokio::time::timeout(SILENT, jobs.recv()).await {
            Ok(Some(job)) => job,
            Ok(None) => return,
            Err(_) => {
                jobs.close();
                match jobs.recv().await {
                    Some(job) => job,
                    None => return,
                }
            }
        };
        let ids = job.updates();
        match job {
            Job::Message(_, message) => talk::heard(&bot, message).await,
            Job::Pressed(_, pressed) => press::pressed(&bot, pressed).await,
            Job::Late(chat, late) => late::ask_late(&bot, chat, late).await,
            Job::Out(_, chat) => talk::forget(&bot, chat).await,
        }
        finish(&bot, ids).await;
    }
}

async fn finish(bot: &Bot, ids: Vec<i64>) {
    let contacts = bot.setup.contacts.clone();
    if let Some(Err(error)) = aside(move || contacts.finish(&ids)).await {
        warn!(%error, "What was done is not noted on the disk; it will be asked about.");
    }
}

/// What is kept of an update until it is done; nothing of those for which nothing is done.
fn begun(update: &Update) -> Option<Begun> {
    match &update.what {
        What::Message(message) => {
            let user = message.from.as_ref()?.id;
            let text: String =
                message.text.as_deref().unwrap_or_default().chars().take(LONGEST_BEGUN).collect();
            Some(Begun { id: update.id, chat: message.chat.id, user, text })
        }
        What::Pressed(pressed) => {
            let chat = pressed.message.as_ref()?.chat.id;
            Some(Begun { id: update.id, chat, user: pressed.from.id, text: String::new() })
        }
        What::Out(_) | What::Other => None,
    }
}

/// The machine of an address, without its port.
fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let place = rest.split('/').next().unwrap_or(rest);
    let end = match place.rfind(']') {
        Some(bracket) => bracket + 1,
        None => place.find(':').unwrap_or(place.len()),
    };
    place[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_named_without_its_port() {
        for (url, expected) in [
            ("https://api.telegram.org", "api.telegram.org"),
            ("http://127.0.0.1:8081/bots", "127.0.0.1"),
            ("http://[::1]:8081", "[::1]"),
            ("", ""),
        ] {
            assert_eq!(host(url), expected, "{url}");
        }
    }

    /// An hour offline: how often it is tried.
    #[test]
    fn pauses_grow_and_end_growing() {
        let (mut pause, mut passed, mut n) = (PAUSE.0, Duration::ZERO, 0);
        while passed < Duration::from_secs(3_600) {
            passed += pause;
            pause = (pause * 2).min(PAUSE.1);
            n += 1;
        }
        assert!((10..=25).contains(&n), "{n} tries in an hour");
    }
}
