//! What a button does, for whom it is.

use jiff::Timestamp;
use std::time::Duration;
use tokio::time::Instant;
use tracing::debug;

use super::buttons::{Press, Pressing};
use super::talk::{self, Place, YES};
use super::update::Pressed;
use super::view::{self, View};
use super::{Bot, Speaker, aside, command};
use crate::home::action::{Outcome, Refusal};
use crate::home::id::EntityId;
use crate::home::service::Fields;
use crate::home::value::Value;
use crate::hub::event::{Query, Wish};
use crate::storage::Telling;

/// How long a press waits for the device's own word.
const PATIENCE: Duration = Duration::from_secs(2);

/// A button was pressed.
pub(super) async fn pressed(bot: &Bot, pressed: Pressed) {
    let Pressed { id, from, data, message } = pressed;
    let Some(message) = message else { return };
    let chat = message.chat.id;
    let Some(speaker) = bot.speaker(from.id, from.language_code.as_deref()).await else { return };
    let mut place = Place::alone(chat);
    if chat != from.id {
        let contacts = bot.setup.contacts.clone();
        let Some(group) = aside(move || contacts.group(chat).ok().flatten()).await.flatten() else {
            return;
        };
        place.area = group.area.map(|area| area.to_string());
    }
    let words = bot.words(&speaker.language);
    let said = data.unwrap_or_default();
    let pressing = bot.buttons().press(&said, chat, from.id, Instant::now());
    let press = match pressing {
        Pressing::Do(press) => press,
        Pressing::NotYours => return toast(bot, &id, words.not_yours).await,
        Pressing::Over => return toast(bot, &id, words.over).await,
    };
    let number = message.message_id;
    match press {
        Press::Say(text) | Press::SayLate(text) => {
            let again = talk::take(bot, &speaker, &place, &text);
            tokio::join!(toast(bot, &id, ""), bare(bot, chat, number), again);
        }
        Press::Leave => {
            tokio::join!(toast(bot, &id, words.left), bare(bot, chat, number));
        }
        Press::Show(view) => {
            tokio::join!(toast(bot, &id, ""), turn_to(bot, &speaker, chat, number, view));
        }
        Press::Act { entity, service, field } => {
            let hub = bot.setup.hub.by(speaker.rights.clone());
            if hub.read(|home| view::needs_yes(&entity, service, home)) {
                toast(bot, &id, "").await;
                return confirm(bot, &speaker, &place, entity, service, field).await;
            }
            let told = act(bot, &speaker, entity, service, field).await;
            toast(bot, &id, &told).await;
        }
        Press::Camera(entity) => {
            toast(bot, &id, "").await;
            command::camera_of(bot, &speaker, &place, &entity).await;
        }
        Press::Chart(entity) => {
            toast(bot, &id, "").await;
            command::chart_of(bot, &speaker, &place, &entity).await;
        }
        Press::Snooze(keys, hours) => {
            let until = bot.setup.clock.now() + jiff::SignedDuration::from_hours(hours.into());
            let zone = bot.setup.clock.time_zone().clone();
            let told = words.snoozed.replace("{text}", &words.time(until, &zone));
            let user = speaker.contact.user;
            let telling = put_off(speaker.contact.telling.clone(), keys, until, bot);
            let contacts = bot.setup.contacts.clone();
            let kept = aside(move || contacts.tell(user, telling)).await;
            let told = if matches!(kept, Some(Ok(()))) { told.as_str() } else { words.stopping };
            tokio::join!(toast(bot, &id, told), bare(bot, chat, number));
        }
        Press::Sure { entity, service, field } => {
            let told = act(bot, &speaker, entity, service, field).await;
            tokio::join!(toast(bot, &id, &told), bare(bot, chat, number));
        }
        Press::Pair { code, name } => {
            tokio::join!(toast(bot, &id, ""), bare(bot, chat, number));
            command::pair(bot, &speaker, &place, &code, &name).await;
        }
    }
}

fn put_off(telling: Telling, keys: Vec<String>, until: Timestamp, bot: &Bot) -> Telling {
    let now = bot.setup.clock.now().as_second();
    let Telling { mut snoozed, .. } = telling.clone();
    snoozed.retain(|(key, until)| *until > now && !keys.contains(key));
    snoozed.extend(keys.into_iter().map(|key| (key, until.as_second())));
    let n_over = snoozed.len().saturating_sub(100);
    snoozed.drain(..n_over);
    Telling { snoozed, ..telling }
}

async fn toast(bot: &Bot, press: &str, text: &str) {
    if let Err(error) = bot.api.answer(press, text).await {
        debug!(%error, "A button was not answered.");
    }
}

/// A message without its buttons, which are used.
async fn bare(bot: &Bot, chat: i64, message: i64) {
    if let Err(error) = bot.api.without_buttons(chat, message).await {
        debug!(%error, "Buttons were not taken away.");
    }
}

/// A message shows something else from now on.
async fn turn_to(bot: &Bot, speaker: &Speaker, chat: i64, message: i64, view: View) {
    let (page, live) = talk::compose(bot, speaker, chat, message, view);
    let keyboard = talk::keyboard(bot, speaker, chat, &page);
    match bot.api.edit(chat, message, &page.text, &keyboard).await {
        Ok(()) => bot.views().keep(live, Instant::now()),
        Err(error) => debug!(%error, "A page was not turned."),
    }
}

async fn confirm(
    bot: &Bot,
    speaker: &Speaker,
    place: &Place,
    entity: EntityId,
    service: &'static str,
    field: Option<(&'static str, Value)>,
) {
    let words = bot.words(&speaker.language);
    let hub = bot.setup.hub.by(speaker.rights.clone());
    let name = hub
        .read(|home| home.entity(entity.as_str()).map(|entity| entity.friendly_name.to_string()));
    let what = match service {
        "unlock" => words.unlock,
        "open_cover" | "open_valve" | "open" => words.do_open,
        "turn_on" => words.turn_on,
        other => other,
    };
    let name = name.unwrap_or_default();
    let text = words.really.replace("{name}", &name).replace("{text}", &what.to_lowercase());
    let sure = Press::Sure { entity, service, field };
    let of = vec![(words.yes.to_owned(), sure), (words.no.to_owned(), Press::Leave)];
    let keyboard = talk::choice(bot, speaker, place.chat, YES, of);
    talk::send(bot, place, &text, &keyboard).await;
}

/// Does something with a thing; what is to be said of it.
pub(super) async fn act(
    bot: &Bot,
    speaker: &Speaker,
    entity: EntityId,
    service: &str,
    field: Option<(&'static str, Value)>,
) -> String {
    let words = bot.words(&speaker.language);
    let hub = bot.setup.hub.by(speaker.rights.clone());
    let fields = Fields::new(field.map(|(name, value)| (name.into(), value)));
    let action =
        hub.read(|home| Some(home.entity(entity.as_str())?.domain.action(service, fields)));
    let Some(Ok(action)) = action else { return words.over.to_owned() };
    let wishes = vec![Wish { entity, action }];
    let done = hub.ask(|reply| Query::Act { wishes, patience: PATIENCE, reply }).await;
    match done.ok().and_then(|done| done.into_iter().next()).map(|done| done.outcome) {
        Some(Outcome::Confirmed | Outcome::Sent) => words.done.to_owned(),
        Some(Outcome::Refused(Refusal::NotAllowed)) => words.not_allowed.to_owned(),
        Some(Outcome::Refused(why)) => words.not_done.replace("{text}", &why.to_string()),
        None => words.stopping.to_owned(),
    }
}
