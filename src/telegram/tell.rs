//! What the house says without being asked: what `tidings` finds worth telling, to whom and when it says; what somebody planned
//! from here; and the pages that are kept as the house is. It never waits for Telegram where the house waits for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::debug;

use super::api::Keyboard;
use super::buttons::Press;
use super::talk;
use super::words::Words;
use super::{Bot, Speaker, State, aside, command};
use crate::home::Home;
use crate::hub::event::{Cause, ReplyKind, Said, Shown};
use crate::tidings::desk::{self, Pile};
use crate::tidings::{Kind, Lookout, Tiding};

/// Whatever is due is looked for at least so often: a clock may be set.
const LOOK: Duration = Duration::from_secs(60);
/// How often a message that was not sent is tried again while Telegram is reached, and the pauses between.
const TRIES: (u32, Duration) = (8, Duration::from_secs(5));
/// What comes so much later than it was meant says so.
const LATE: Duration = Duration::from_secs(120);
/// How long "not again" can be pressed.
const SNOOZE: Duration = Duration::from_secs(24 * 3_600);
/// Messages on their way; more wait in their piles.
const MOST_ON_THEIR_WAY: usize = 64;
/// Reminders on their way; nobody has more.
const MOST_REMINDERS: usize = 500;

/// What waits to be told, by user.
type Piles = BTreeMap<i64, Pile>;

/// Tells for ever.
pub(super) async fn tell(bot: Arc<Bot>) {
    let mut shown = bot.setup.hub.watch();
    let (mut lookout, mut piles) = (Lookout::default(), Piles::new());
    let (mut sending, mut reminding) = (JoinSet::new(), JoinSet::new());
    let mut state = bot.setup.state.subscribe();
    loop {
        let now = bot.setup.clock.now();
        let due = lookout.next().into_iter().chain(piles.values().filter_map(Pile::next)).min();
        // What cannot be sent waits until it can.
        let is_online = matches!(*state.borrow_and_update(), State::Online(_));
        let has_room = sending.len() < MOST_ON_THEIR_WAY;
        let next = due.filter(|_| is_online && has_room || lookout.next() == due).map(|at| {
            let wait = at.duration_since(now).max(jiff::SignedDuration::from_millis(50));
            Duration::try_from(wait).unwrap_or(LOOK).min(LOOK)
        });
        let view = bot.views().next();
        let mut tidings = Vec::new();
        tokio::select! {
            showing = shown.recv() => match showing {
                Ok(showing) => {
                    let hub = &bot.setup.hub;
                    for one in &showing.shown {
                        match one {
                            Shown::Changed(change, at) => {
                                bot.views().touch(&change.id, Instant::now());
                                tidings.extend(hub.read(|home| lookout.saw(change, home, *at)));
                            }
                            Shown::Said(said, _) => tidings.extend(said_here(&bot, said, &mut reminding)),
                            Shown::TriggerFired(..) | Shown::TagScanned(..) | Shown::Fired(..) | Shown::RegistryChanged(_) => {}
                        }
                    }
                }
                // What was missed is seen when it changes again.
                Err(RecvError::Lagged(n)) => debug!(n, "More happened than could be looked at."),
                Err(RecvError::Closed) => return,
            },
            () = until(next) => {}
            () = at(view) => {}
            Ok(()) = state.changed() => {}
            Some(_) = sending.join_next(), if sending.len() >= MOST_ON_THEIR_WAY => {}
        }
        while sending.try_join_next().is_some() {}
        while reminding.try_join_next().is_some() {}
        let now = bot.setup.clock.now();
        tidings.extend(bot.setup.hub.read(|home| lookout.due(home, now)));
        if !tidings.is_empty() {
            put(&bot, tidings, &mut piles).await;
        }
        if matches!(*state.borrow(), State::Online(_)) {
            hand_over(&bot, &mut piles, now, &mut sending).await;
        }
        refresh(&bot, &mut sending);
    }
}

async fn until(wait: Option<Duration>) {
    match wait {
        Some(wait) => sleep(wait).await,
        None => std::future::pending().await,
    }
}

async fn at(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Puts tidings on the piles of those whose business they are.
async fn put(bot: &Bot, tidings: Vec<Tiding>, piles: &mut Piles) {
    let now = bot.setup.clock.zoned();
    for speaker in everybody(bot).await {
        let wishes = command::wishes(&speaker.contact.telling);
        // Of the whole house, as rooms are asked for by the rights.
        let times: Vec<Option<Timestamp>> = bot.setup.hub.read(|home: &Home| {
            let when = |one| desk::when(one, &speaker.rights, &wishes, home, &now);
            tidings.iter().map(when).collect()
        });
        let pile = piles.entry(speaker.contact.user).or_default();
        for (tiding, at) in tidings.iter().zip(times) {
            if let Some(at) = at {
                pile.add(tiding.clone(), at);
            }
        }
    }
}

async fn everybody(bot: &Bot) -> Vec<Speaker> {
    let contacts = bot.setup.contacts.clone();
    let all = aside(move || contacts.all().unwrap_or_default()).await.unwrap_or_default();
    let mut speakers = Vec::new();
    for contact in all {
        speakers.extend(bot.speaker(contact.user, None).await);
    }
    speakers
}

/// Sends what is due.
async fn hand_over(bot: &Arc<Bot>, piles: &mut Piles, now: Timestamp, sending: &mut JoinSet<()>) {
    for (user, pile) in piles.iter_mut() {
        if sending.len() >= MOST_ON_THEIR_WAY {
            break;
        }
        let Some((tidings, n_more)) = pile.take(now) else { continue };
        // Somebody may have left the house since.
        let Some(speaker) = bot.speaker(*user, None).await else { continue };
        let words = bot.words(&speaker.language);
        let mut text: Vec<String> = tidings.iter().map(|one| words.tiding(one)).collect();
        if n_more > 0 {
            text.push(words.and_more.replace("{n}", &n_more.to_string()));
        }
        let keys: Vec<String> = tidings
            .iter()
            .filter(|one| !one.is_over && !matches!(one.kind, Kind::Missed | Kind::Announced))
            .map(Tiding::key)
            .collect();
        let mut of = Vec::new();
        if !keys.is_empty() {
            of.push((words.snooze_hour.to_owned(), Press::Snooze(keys.clone(), 1)));
            of.push((words.snooze_day.to_owned(), Press::Snooze(keys, 24)));
        }
        let keyboard = talk::choice(bot, &speaker, *user, SNOOZE, of);
        let (bot, user) = (Arc::clone(bot), *user);
        sending.spawn(async move { deliver(&bot, user, text.join("\n"), keyboard, None).await });
    }
    piles.retain(|_, pile| pile.next().is_some() || pile.is_recent(now));
}

/// Sends a message that nobody asked for until it has arrived, however long Telegram is away. `words` say how late it is,
/// where that matters.
async fn deliver(
    bot: &Bot,
    chat: i64,
    text: String,
    keyboard: Keyboard,
    words: Option<&'static Words>,
) {
    let (n_tries, mut pause) = TRIES;
    let (began, mut state) = (Instant::now(), bot.setup.state.subscribe());
    for _ in 0..n_tries {
        // Without its sender all of it ends.
        if state.wait_for(|state| matches!(state, State::Online(_))).await.is_err() {
            return;
        }
        let text = match words.filter(|_| began.elapsed() >= LATE) {
            Some(words) => format!("{text} (− {})", words.ago(began.elapsed().as_secs() as i64)),
            None => text.clone(),
        };
        match bot.api.send(chat, &text, &keyboard, None).await {
            Err(error) if error.is_temporary() => {
                sleep(pause).await;
                pause *= 2;
            }
            Err(error) => return talk::unsent(bot, chat, &error).await,
            Ok(_) => return,
        }
    }
    tracing::warn!("A message about the house could not be sent.");
}

/// What the house said by itself: it is told where it was asked for, and what everybody is to know to everybody.
fn said_here(bot: &Arc<Bot>, said: &Arc<Said>, reminding: &mut JoinSet<()>) -> Option<Tiding> {
    let text = said.reply.text.clone();
    if text.is_empty() {
        return None;
    }
    if said.cause == Cause::Broadcast && of_place(said).is_none() {
        return Some(Tiding::of_house(Kind::Announced, text));
    }
    let Some((chat, user)) = of_place(said) else {
        let is_missed = matches!(said.reply.kind, ReplyKind::Error(_));
        return is_missed.then(|| Tiding::of_house(Kind::Missed, text));
    };
    let (bot, is_everybodys) = (Arc::clone(bot), said.cause == Cause::Broadcast);
    let told = text.clone();
    if reminding.len() >= MOST_REMINDERS {
        tracing::warn!("Too much is to be told at once.");
        return None;
    }
    reminding.spawn(async move {
        // Messages leave to paired chats alone, also those that were asked for long ago.
        let Some(speaker) = bot.speaker(user, None).await else { return };
        if chat == user || talk::is_open(&bot, chat).await {
            let words = bot.words(&speaker.language);
            deliver(&bot, chat, format!("⏰ {text}"), Vec::new(), Some(words)).await;
        }
    });
    is_everybodys.then(|| Tiding::of_house(Kind::Announced, told))
}

fn of_place(said: &Said) -> Option<(i64, i64)> {
    talk::of_conversation(&said.reply.conversation)
}

/// Edits pages whose things have changed.
fn refresh(bot: &Arc<Bot>, sending: &mut JoinSet<()>) {
    for live in bot.views().due(Instant::now()) {
        let bot = Arc::clone(bot);
        if sending.len() >= MOST_ON_THEIR_WAY {
            return;
        }
        sending.spawn(async move {
            let Some(speaker) = bot.speaker(live.user, None).await else {
                return bot.views().forget(live.chat, live.message);
            };
            let (page, now) =
                talk::compose(&bot, &speaker, live.chat, live.message, live.view.clone());
            if (&now.text, &now.labels) == (&live.text, &live.labels) {
                return;
            }
            let keyboard = talk::keyboard(&bot, &speaker, live.chat, &page);
            match bot.api.edit(live.chat, live.message, &page.text, &keyboard).await {
                Ok(()) => bot.views().edited(&now),
                Err(error) if error.is_temporary() => {}
                // Somebody has deleted it, or thrown the bot out.
                Err(error) => {
                    bot.views().forget(live.chat, live.message);
                    talk::unsent(&bot, live.chat, &error).await;
                }
            }
        });
    }
}
