//! What came too late, and what was begun when the power went: nothing of it is done unasked.

use std::collections::BTreeMap;
use std::time::Duration;

use super::api::Error;
use super::buttons::Press;
use super::talk::{self, Place};
use super::{Bot, aside, meet};
use crate::storage::Begun;

/// How long somebody may think about it.
const PATIENCE: Duration = Duration::from_secs(3_600);
/// Messages that are offered as buttons, the newest.
const MOST: usize = 3;

/// A message that came too late to be done without asking.
#[derive(Debug, Clone)]
pub(super) struct Late {
    pub(super) update: i64,
    pub(super) user: i64,
    pub(super) name: String,
    pub(super) language: Option<String>,
    pub(super) text: String,
    pub(super) age_s: i64,
}

/// Messages of a chat that came too late: none is done, and the newest may be.
pub(super) async fn ask_late(bot: &Bot, chat: i64, late: Vec<Late>) {
    let mut by_user: BTreeMap<i64, Vec<Late>> = BTreeMap::new();
    for one in late {
        by_user.entry(one.user).or_default().push(one);
    }
    for (user, said) in by_user {
        let Some(newest) = said.last() else { continue };
        let language = newest.language.as_deref();
        let Some(speaker) = bot.speaker(user, language).await else {
            if chat == user {
                meet::meet(bot, user, &newest.name, language, &newest.text).await;
            }
            continue;
        };
        if chat != user && !talk::is_open(bot, chat).await {
            continue;
        }
        let words = bot.words(&speaker.language);
        let again = |one: &Late| Press::SayLate(talk::without_mention(&one.text, bot.me()));
        let (text, mut of) = match &said[..] {
            [one] => {
                let told = words.late_one.replace("{n}", &words.ago(one.age_s));
                let of = vec![(words.do_it.to_owned(), again(one))];
                (told.replace("{text}", &one.text), of)
            }
            _ => {
                let newest = said.iter().rev().take(MOST);
                let of: Vec<_> = newest.map(|one| (short(&one.text), again(one))).collect();
                (words.late_many.replace("{n}", &said.len().to_string()), of)
            }
        };
        of.push((words.leave_it.to_owned(), Press::Leave));
        let keyboard = talk::choice(bot, &speaker, chat, PATIENCE, of);
        talk::send(bot, &Place::alone(chat), &text, &keyboard).await;
    }
}

/// What was begun before a restart is asked about, once; nothing of it is done again unasked.
pub(super) async fn ask_unfinished(bot: &Bot, chat: i64, begun: Vec<Begun>) {
    for one in begun {
        let speaker = bot.speaker(one.user, None).await;
        if let Some(speaker) = speaker {
            let words = bot.words(&speaker.language);
            // Of a button or a recording it is only said.
            let (text, of) = match one.text.is_empty() {
                true => (words.unfinished_deed.to_owned(), Vec::new()),
                false => {
                    let again = Press::SayLate(talk::without_mention(&one.text, bot.me()));
                    let leave = (words.leave_it.to_owned(), Press::Leave);
                    let text = words.unfinished.replace("{text}", &one.text);
                    (text, vec![(words.do_it.to_owned(), again), leave])
                }
            };
            let keyboard = talk::choice(bot, &speaker, chat, PATIENCE, of);
            let sent = bot.api.send(chat, &text, &keyboard, None).await;
            if sent.as_ref().is_err_and(Error::is_temporary) {
                // Asked after the next start.
                continue;
            }
        }
        let contacts = bot.setup.contacts.clone();
        let _ = aside(move || contacts.finish(&[one.id])).await;
    }
}

/// As much as stands on a button.
fn short(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
