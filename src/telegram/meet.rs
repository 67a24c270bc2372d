//! Who is not known gets a code and nothing else.

use std::time::Duration;

use tracing::{info, warn};

use super::buttons::Press;
use super::talk::{self, Place};
use super::{Bot, aside};
use crate::home::person::Role;
use crate::storage::Asked;

/// How long who runs the house may think about it: as long as a code is good.
const PATIENCE: Duration = Duration::from_secs(3_600);
/// People of the house that are offered as buttons.
const MOST: usize = 8;

/// Somebody who is not known: a code, and nothing else.
pub(super) async fn meet(bot: &Bot, user: i64, name: &str, language: Option<&str>, said: &str) {
    let (contacts, now) = (bot.setup.contacts.clone(), bot.setup.clock.now());
    let stranger = name.to_owned();
    let code = match aside(move || contacts.ask(user, &stranger, now)).await {
        Some(Ok(Asked::Given(code))) => {
            info!("Somebody asks to talk to the house by Telegram; see Settings.");
            tell_admins(bot, name, &code).await;
            code
        }
        // Who has lost it may begin anew.
        Some(Ok(Asked::Has(code))) if said.starts_with("/start") => code,
        Some(Ok(Asked::Has(_) | Asked::TooMany)) | None => return,
        Some(Err(error)) => return warn!(%error, "A stranger cannot be given a code."),
    };
    let words = bot.words(&bot.language(language));
    talk::send(bot, &Place::alone(user), &words.your_code.replace("{code}", &code), &Vec::new())
        .await;
}

/// Who runs the house is asked in their own chat.
async fn tell_admins(bot: &Bot, name: &str, code: &str) {
    let (contacts, people) = (bot.setup.contacts.clone(), bot.setup.people.clone());
    let known =
        aside(move || (contacts.all().unwrap_or_default(), people.list().unwrap_or_default()));
    let (contacts, people) = known.await.unwrap_or_default();
    for contact in contacts {
        let Some(speaker) = bot.speaker(contact.user, None).await else { continue };
        if speaker.person.role == Role::Admin {
            let words = bot.words(&speaker.language);
            let text = words.waits.replace("{name}", name).replace("{code}", code);
            let is = |name: &String| Press::Pair { code: code.to_owned(), name: name.clone() };
            let names = people.iter().map(|person| &person.name).take(MOST);
            let mut of: Vec<_> = names.map(|name| (name.clone(), is(name))).collect();
            of.push((words.leave_it.to_owned(), Press::Leave));
            let keyboard = talk::choice(bot, &speaker, contact.user, PATIENCE, of);
            talk::send(bot, &Place::alone(contact.user), &text, &keyboard).await;
        }
    }
}
