//! Talking: who may, what is said to the house and what it answers, and what a button does.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::api::{Error, Keyboard, Me};
use super::buttons::{Offer, Press};
use super::update::{Message, Voice};
use super::view::{self, Live, Page, View};
use super::words::Words;
use super::{Bot, Speaker, aside, command, meet};
use crate::home::person::{Matter, Means};
use crate::hub::event::{Asks, Origin, Query, Reply, ReplyKind, Utterance};
use crate::storage::Group;
use crate::text::Likely;

/// What is older is not done without asking.
const FRESH_S: i64 = 120;
/// Clocks that are right differ by less.
const CLOCKS_DIFFER_S: i64 = 10;
/// Nobody writes more in one breath.
const MOST_CHARS: usize = 2_000;
/// How long "which one?" waits; the house's own question waits as long.
const QUESTION: Duration = Duration::from_secs(120);
/// How long a yes is good; the house's own question waits as long.
pub(super) const YES: Duration = Duration::from_secs(60);
/// How long something can be undone.
const UNDO: Duration = Duration::from_secs(600);
/// How long the controls of a page can be pressed.
const CONTROLS: Duration = Duration::from_secs(24 * 3_600);
/// Choices that are offered as buttons.
const MOST_CHOICES: usize = 8;
/// Longest and largest recording.
const VOICE: (u32, usize) = (60, 2 << 20);

/// Where something was said.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) chat: i64,
    /// The message that is answered, in a group.
    pub(super) answers: Option<i64>,
    /// The room that is meant.
    pub(super) area: Option<String>,
}

impl Place {
    /// Alone with somebody.
    pub(super) fn alone(chat: i64) -> Self {
        Self { chat, answers: None, area: None }
    }
}

/// How old a message is, in seconds. A clock that is behind makes nothing old.
pub(super) fn age_s(message: &Message, now: Timestamp) -> i64 {
    now.as_second().saturating_sub(message.date)
}

/// Whether a message is too old to be done without asking. A clock that was not set yet, on a board without a battery, knows
/// nothing of the age of what waited while the house was off.
pub(super) fn is_late(age_s: i64, has_caught_up: bool) -> bool {
    age_s > FRESH_S || !has_caught_up && age_s < -CLOCKS_DIFFER_S
}

/// Whether a message is for the house: in a group only where it is mentioned or answered.
pub(super) fn is_for_house(message: &Message, me: &Me) -> bool {
    if message.chat.is_private() {
        return true;
    }
    let answers = message.reply_to_message.as_ref().and_then(|one| one.from.as_ref());
    message.chat.is_group()
        && (answers.is_some_and(|from| from.id == me.id)
            || message.text.as_ref().is_some_and(|text| mention(text, me).is_some()))
}

/// Where a text names the bot: `@name`, as a word of its own.
fn mention(text: &str, me: &Me) -> Option<std::ops::Range<usize>> {
    let name = format!("@{}", me.username.to_ascii_lowercase());
    if name.len() == 1 {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let at = lower.match_indices(&name).map(|(at, _)| at).find(|at| {
        let next = lower[at + name.len()..].chars().next();
        next.is_none_or(|c| !(c.is_alphanumeric() || c == '_'))
    })?;
    Some(at..at + name.len())
}

/// What is said to the house, without its name.
pub(super) fn without_mention(text: &str, me: &Me) -> String {
    match mention(text, me) {
        Some(at) => {
            let left = format!("{}{}", &text[..at.start], &text[at.end..]);
            let is_mark = |c: char| c.is_whitespace() || matches!(c, ',' | ':');
            left.trim_matches(is_mark).to_owned()
        }
        None => text.trim().to_owned(),
    }
}

/// A message came.
pub(super) async fn heard(bot: &Bot, message: Message) {
    let Some(from) = message.from.clone().filter(|from| !from.is_bot) else { return };
    if let Some(to) = message.migrate_to_chat_id {
        return moved(bot, message.chat.id, to).await;
    }
    let speaker = bot.speaker(from.id, from.language_code.as_deref()).await;
    if message.chat.is_private() {
        let place = Place::alone(message.chat.id);
        let said = message.text.clone().unwrap_or_default();
        return match speaker {
            Some(speaker) => respond(bot, &speaker, &place, message).await,
            None => {
                meet::meet(bot, from.id, &from.name(), from.language_code.as_deref(), &said).await
            }
        };
    }
    let Some(speaker) = speaker.filter(|_| is_for_house(&message, bot.me())) else { return };
    let Some(place) = place_in_group(bot, &speaker, &message).await else { return };
    respond(bot, &speaker, &place, message).await;
}

/// The room of a group in which the house talks; `None` in any other.
async fn place_in_group(bot: &Bot, speaker: &Speaker, message: &Message) -> Option<Place> {
    let (contacts, chat) = (bot.setup.contacts.clone(), message.chat.id);
    let known = aside(move || contacts.group(chat).ok().flatten()).await.flatten();
    let is_start = message.text.as_ref().is_some_and(|text| text.starts_with("/start"));
    let group = match known {
        Some(group) => group,
        // Whoever may change the house brings it into a group.
        None if is_start && speaker.rights.allow(Matter::House) => {
            let title = message.chat.title.clone().unwrap_or_default();
            let group = Group { chat, title, area: None };
            let (contacts, kept) = (bot.setup.contacts.clone(), group.clone());
            aside(move || contacts.keep_group(&kept)).await?.ok()?;
            group
        }
        None => return None,
    };
    let area = group.area.map(|area| area.to_string());
    Some(Place { chat, answers: Some(message.message_id), area })
}

/// A group goes on under another number.
async fn moved(bot: &Bot, from: i64, to: i64) {
    let contacts = bot.setup.contacts.clone();
    let moved = aside(move || -> Result<(), crate::storage::Error> {
        if let Some(group) = contacts.group(from)? {
            contacts.keep_group(&Group { chat: to, ..group })?;
            contacts.remove_group(from)?;
        }
        Ok(())
    });
    if let Some(Err(error)) = moved.await {
        warn!(%error, "A group has moved and is not known any more.");
    }
}

/// The bot was thrown out of a group, or somebody has blocked it: nothing is written there any more, and whoever wants to
/// talk to the house again begins anew.
pub(super) async fn forget(bot: &Bot, chat: i64) {
    let contacts = bot.setup.contacts.clone();
    // Numbers of groups are negative.
    let forgotten =
        aside(move || if chat < 0 { contacts.remove_group(chat) } else { contacts.remove(chat) });
    match forgotten.await {
        Some(Ok(true)) => info!("The bot was thrown out of a chat, which is forgotten."),
        Some(Err(error)) => warn!(%error, "A chat that threw the bot out is not forgotten."),
        Some(Ok(false)) | None => {}
    }
}

/// Something could not be written to a chat.
pub(super) async fn unsent(bot: &Bot, chat: i64, error: &Error) {
    debug!(%error, "Something was not sent.");
    match error {
        Error::Out => forget(bot, chat).await,
        Error::Moved(to) => moved(bot, chat, *to).await,
        _ => {}
    }
}

async fn respond(bot: &Bot, speaker: &Speaker, place: &Place, message: Message) {
    let words = bot.words(&speaker.language);
    bot.buttons().go_on(place.chat, speaker.contact.user);
    if let Some(text) = &message.text {
        return take(bot, speaker, place, &without_mention(text, bot.me())).await;
    }
    match message.voice {
        Some(voice) => listen(bot, speaker, place, voice).await,
        // In a group nobody asked for an answer to a picture.
        None if place.answers.is_none() => send(bot, place, words.only_words, &Vec::new()).await,
        None => {}
    }
}

/// A command, or a sentence.
pub(super) async fn take(bot: &Bot, speaker: &Speaker, place: &Place, text: &str) {
    match text.starts_with('/') {
        true => command::run(bot, speaker, place, text).await,
        false => say(bot, speaker, place, Said::written(text)).await,
    }
}

/// What is said, and how it was heard.
pub(super) struct Said {
    text: String,
    others: Vec<Likely>,
    language: Option<String>,
    means: Means,
}

impl Said {
    pub(super) fn written(text: impl Into<String>) -> Self {
        Self { text: text.into(), others: Vec::new(), language: None, means: Means::Written }
    }
}

async fn listen(bot: &Bot, speaker: &Speaker, place: &Place, voice: Voice) {
    let words = bot.words(&speaker.language);
    let is_large = voice.file_size.is_some_and(|size| size > VOICE.1 as u64);
    if voice.duration > VOICE.0 || is_large {
        return send(bot, place, words.too_long, &Vec::new()).await;
    }
    let bytes = match bot.api.file(&voice.file_id, VOICE.1).await {
        Ok(bytes) => bytes,
        Err(Error::TooLarge) => return send(bot, place, words.too_long, &Vec::new()).await,
        Err(error) => {
            let text = words.not_heard.replace("{text}", &error.to_string());
            return send(bot, place, &text, &Vec::new()).await;
        }
    };
    let language = speaker.person.language.as_ref().map(|_| speaker.language.clone());
    let heard = (bot.setup.listen)(bytes, language).await;
    let heard = match heard {
        Ok(heard) if heard.text.trim().is_empty() => Err("…".to_owned()),
        other => other,
    };
    match heard {
        Ok(heard) => {
            let told = words.heard.replace("{text}", heard.text.trim());
            let said = Said {
                text: heard.text,
                others: heard.others,
                language: Some(heard.language),
                means: Means::Spoken,
            };
            let reply = ask(bot, speaker, place, said).await;
            answer(bot, speaker, place, reply, Some(told)).await;
        }
        Err(why) => {
            let text = words.not_heard.replace("{text}", &why);
            send(bot, place, &text, &Vec::new()).await;
        }
    }
}

/// Says something to the house, and answers what it answers.
pub(super) async fn say(bot: &Bot, speaker: &Speaker, place: &Place, said: Said) {
    let reply = ask(bot, speaker, place, said).await;
    answer(bot, speaker, place, reply, None).await;
}

/// Each in a chat has a conversation of their own, so that nobody says yes to what another asked for.
pub(super) fn conversation(chat: i64, user: i64) -> String {
    format!("telegram:{chat}:{user}")
}

/// The chat and the user of a conversation, if it is one of ours.
pub(super) fn of_conversation(conversation: &str) -> Option<(i64, i64)> {
    let (chat, user) = conversation.strip_prefix("telegram:")?.split_once(':')?;
    Some((chat.parse().ok()?, user.parse().ok()?))
}

async fn ask(bot: &Bot, speaker: &Speaker, place: &Place, said: Said) -> Option<Reply> {
    let Said { text, others, language, means } = said;
    let origin = Origin {
        area: place.area.clone(),
        conversation: Some(conversation(place.chat, speaker.contact.user)),
        means,
        ..Origin::default()
    };
    let text: String = text.chars().take(MOST_CHARS).collect();
    let language = Some(language.unwrap_or_else(|| speaker.language.clone()));
    let utterance = Utterance { text, others, language, origin };
    let hub = bot.setup.hub.by(speaker.rights.clone());
    hub.ask(|answer| Query::Hear(utterance, answer)).await.ok()
}

async fn answer(
    bot: &Bot,
    speaker: &Speaker,
    place: &Place,
    reply: Option<Reply>,
    before: Option<String>,
) {
    let words = bot.words(&speaker.language);
    let Some(reply) = reply else { return send(bot, place, words.stopping, &Vec::new()).await };
    let keyboard = offers(bot, speaker, place, &reply);
    let text = match before {
        Some(before) => format!("{before}\n{}", reply.text),
        None => reply.text,
    };
    send(bot, place, &text, &keyboard).await;
}

/// Buttons that help to go on: yes and no, which one, undo.
fn offers(bot: &Bot, speaker: &Speaker, place: &Place, reply: &Reply) -> Keyboard {
    let words = Words::of(&reply.language);
    // In another language the house would not understand ours.
    let is_ours = words.are_of(&reply.language);
    let (labels, lives): (Vec<(String, String)>, _) = match &reply.asks {
        Some(Asks::YesOrNo) if is_ours => {
            let both = [words.yes, words.no].map(|word| (word.to_owned(), word.to_owned()));
            (both.to_vec(), YES)
        }
        Some(Asks::Which(names)) if names.len() <= MOST_CHOICES => {
            (names.iter().map(|name| (name.clone(), name.clone())).collect(), QUESTION)
        }
        Some(Asks::YesOrNo | Asks::Which(_)) => return Vec::new(),
        None if is_ours
            && reply.kind == ReplyKind::ActionDone
            && !reply.success.is_empty()
            && !is_undo(reply) =>
        {
            (vec![(words.undo.to_owned(), words.undo_said.to_owned())], UNDO)
        }
        None => return Vec::new(),
    };
    let offer = Offer { chat: place.chat, user: speaker.contact.user, lives, once: true };
    let presses = labels.iter().map(|(_, said)| Press::Say(said.clone()));
    let said = bot.buttons().offer(offer, presses, Instant::now());
    let buttons: Vec<_> = labels.into_iter().map(|(label, _)| label).zip(said).collect();
    match reply.asks {
        Some(Asks::Which(_)) => buttons.into_iter().map(|button| vec![button]).collect(),
        _ => vec![buttons],
    }
}

fn is_undo(reply: &Reply) -> bool {
    reply.intent.as_deref().is_some_and(|intent| intent.contains("Undo"))
}

/// Sends a text. Who cannot be reached hears it when they ask again.
pub(super) async fn send(bot: &Bot, place: &Place, text: &str, keyboard: &Keyboard) {
    if let Err(error) = bot.api.send(place.chat, text, keyboard, place.answers).await {
        unsent(bot, place.chat, &error).await;
    }
}

/// Shows a page, and keeps it as it is.
pub(super) async fn show(bot: &Bot, speaker: &Speaker, place: &Place, view: View) {
    let (page, live) = compose(bot, speaker, place.chat, 0, view);
    let keyboard = keyboard(bot, speaker, place.chat, &page);
    match bot.api.send(place.chat, &page.text, &keyboard, place.answers).await {
        Ok(message) => bot.views().keep(Live { message, ..live }, Instant::now()),
        Err(error) => unsent(bot, place.chat, &error).await,
    }
}

/// What a view is now for somebody.
pub(super) fn compose(
    bot: &Bot,
    speaker: &Speaker,
    chat: i64,
    message: i64,
    view: View,
) -> (Page, Live) {
    let words = bot.words(&speaker.language);
    let hub = bot.setup.hub.by(speaker.rights.clone());
    let page = hub.read(|home| view::page(&view, home, words));
    let labels = page.rows.iter().flatten().map(|(label, _)| label.clone()).collect();
    let (text, of) = (page.text.clone(), page.of.clone());
    let user = speaker.contact.user;
    (page, Live { chat, message, user, view, of, text, labels })
}

/// The buttons of a page.
pub(super) fn keyboard(bot: &Bot, speaker: &Speaker, chat: i64, page: &Page) -> Keyboard {
    let offer = Offer { chat, user: speaker.contact.user, lives: CONTROLS, once: false };
    let presses = page.rows.iter().flatten().map(|(_, press)| press.clone());
    let mut said = bot.buttons().offer(offer, presses, Instant::now()).into_iter();
    let row = |row: &Vec<(String, Press)>| {
        row.iter().filter_map(|(label, _)| Some((label.clone(), said.next()?))).collect()
    };
    page.rows.iter().map(row).collect()
}

/// Buttons of which one is pressed once, each in a row of its own.
pub(super) fn choice(
    bot: &Bot,
    speaker: &Speaker,
    chat: i64,
    lives: Duration,
    of: Vec<(String, Press)>,
) -> Keyboard {
    let offer = Offer { chat, user: speaker.contact.user, lives, once: true };
    let (labels, presses): (Vec<_>, Vec<_>) = of.into_iter().unzip();
    let said = bot.buttons().offer(offer, presses, Instant::now());
    labels.into_iter().zip(said).map(|button| vec![button]).collect()
}

/// Whether the house talks in this group.
pub(super) async fn is_open(bot: &Bot, chat: i64) -> bool {
    let contacts = bot.setup.contacts.clone();
    aside(move || contacts.group(chat).ok().flatten().is_some()).await.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_old_is_asked_about_also_by_a_clock_that_was_not_set() {
        for (age_s, has_caught_up, expected) in [
            (0, true, false),
            (120, true, false),
            (121, true, true),
            (-5, false, false),
            (-80_000_000, false, true),
            (-80_000_000, true, false),
        ] {
            assert_eq!(is_late(age_s, has_caught_up), expected, "{age_s} {has_caught_up}");
        }
    }

    #[test]
    fn a_mention_is_a_word_of_its_own_and_no_part_of_what_is_said() {
        let me = Me { id: 1, username: "Home_bot".to_owned() };
        for (said, expected) in [
            ("@home_bot turn it on", Some("turn it on")),
            ("turn it on, @Home_Bot!", Some("turn it on, !")),
            ("/rooms@home_bot", Some("/rooms")),
            ("/start@home_bot kitchen", Some("/start kitchen")),
            ("@home_bot: é", Some("é")),
            ("@home_botany is nice", None),
            ("@home_bot2 turn it on", None),
            ("mail me@home", None),
            ("", None),
        ] {
            let found = mention(said, &me).map(|_| without_mention(said, &me));
            assert_eq!(found.as_deref(), expected, "{said}");
        }
        assert_eq!(of_conversation(&conversation(-5, 7)), Some((-5, 7)));
        assert_eq!(of_conversation("telegram:1"), None);
    }
}
