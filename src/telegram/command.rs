//! The commands: what each shows or says. What acts goes the way of a sentence, or that of a button.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tracing::{debug, info, warn};

use super::buttons::Press;
use super::talk::{self, Place, Said};
use super::view::{self, View};
use super::words::Words;
use super::{Bot, Speaker, aside, picture, press};
use crate::home::domain::image::Picture;
use crate::home::domain::{Domain, State};
use crate::home::entity::Entity;
use crate::home::id::EntityId;
use crate::home::person::Matter;
use crate::home::{Home, target};
use crate::hub::event::Query;
use crate::storage::{Group, Telling};
use crate::text;
use crate::tidings::desk;

/// How long a choice can be made.
const CHOICE: Duration = Duration::from_secs(600);
/// Choices that are offered.
const MOST: usize = 12;
/// A chart goes back so far.
const CHARTED: SignedDuration = SignedDuration::from_hours(24);
/// Longest silence that can be wished for, in hours.
const LONGEST_MUTE_H: i64 = 24 * 14;

/// Tells Telegram what commands there are, for its menu. In the languages that the bot has words for.
pub(super) async fn announce(bot: Arc<Bot>) {
    let words = bot.words(&bot.language(None));
    if let Err(error) = bot.api.set_commands(&words.commands).await {
        debug!(%error, "The menu of commands is not shown.");
    }
}

/// Does what `/word rest` asks for.
pub(super) async fn run(bot: &Bot, speaker: &Speaker, place: &Place, text: &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let word = word.trim_start_matches('/').split('@').next().unwrap_or_default().to_lowercase();
    let rest = rest.trim();
    let words = bot.words(&speaker.language);
    let none = Vec::new();
    match word.as_str() {
        "start" if place.answers.is_some() => start_in_group(bot, speaker, place, rest).await,
        "start" => {
            let text = words.welcome.replace("{name}", &speaker.person.name);
            talk::send(bot, place, &text, &none).await;
        }
        "help" => talk::send(bot, place, words.help, &none).await,
        "home" => talk::show(bot, speaker, place, View::Home).await,
        "rooms" => talk::show(bot, speaker, place, View::Rooms).await,
        "camera" => camera(bot, speaker, place, rest).await,
        "history" => history(bot, speaker, place, rest).await,
        "scene" => scene(bot, speaker, place, rest).await,
        "remind" if rest.is_empty() => talk::send(bot, place, words.remind_how, &none).await,
        "remind" => {
            let said = words.remind_said.replace("{text}", rest);
            talk::say(bot, speaker, place, Said::written(said)).await;
        }
        "mute" => mute(bot, speaker, place, rest).await,
        "who" => who(bot, speaker, place).await,
        "stop" => talk::say(bot, speaker, place, Said::written(words.stop_said)).await,
        "pair" => {
            let (code, name) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            pair(bot, speaker, place, code, name.trim()).await;
        }
        _ => talk::send(bot, place, words.help, &none).await,
    }
}

/// Brings the house into a group, or says which room is meant there.
async fn start_in_group(bot: &Bot, speaker: &Speaker, place: &Place, said: &str) {
    let words = bot.words(&speaker.language);
    if !speaker.rights.allow(Matter::House) {
        return talk::send(bot, place, words.not_allowed, &Vec::new()).await;
    }
    if said.is_empty() {
        return talk::send(bot, place, words.group_open, &Vec::new()).await;
    }
    let hub = bot.setup.hub.by(speaker.rights.clone());
    let area = hub.read(|home| {
        target::area_named(said, home).map(|area| (area.id.clone(), area.name.clone()))
    });
    let Some((id, name)) = area else {
        let text = words.no_such_room.replace("{name}", said);
        return talk::send(bot, place, &text, &Vec::new()).await;
    };
    let (contacts, chat) = (bot.setup.contacts.clone(), place.chat);
    let kept = aside(move || {
        let known = contacts.group(chat)?;
        let title = known.map(|group| group.title).unwrap_or_default();
        contacts.keep_group(&Group { chat, title, area: Some(id) })
    });
    match kept.await {
        Some(Ok(())) => {
            let text = words.group_room.replace("{name}", &name);
            talk::send(bot, place, &text, &Vec::new()).await;
        }
        Some(Err(error)) => warn!(%error, "The room of a group is not on the disk."),
        None => {}
    }
}

/// Lets somebody in.
pub(super) async fn pair(bot: &Bot, speaker: &Speaker, place: &Place, code: &str, name: &str) {
    let words = bot.words(&speaker.language);
    if !speaker.rights.allow(Matter::Daemon) {
        return talk::send(bot, place, words.not_allowed, &Vec::new()).await;
    }
    let (contacts, people) = (bot.setup.contacts.clone(), bot.setup.people.clone());
    let (code, name, now) = (code.to_owned(), name.to_owned(), bot.setup.clock.now());
    let paired = aside(move || {
        let Ok(Some(person)) = people.named(&name) else {
            let names = people.list().unwrap_or_default();
            return Err(names.into_iter().map(|person| person.name).collect::<Vec<_>>());
        };
        let paired = contacts.approve(&code, &person.id, now).ok().flatten();
        Ok(paired.map(|contact| (contact, person)))
    });
    let text = match paired.await {
        Some(Ok(Some((contact, person)))) => {
            info!(person = %person.name, "Somebody may talk to the house by Telegram now.");
            greet(bot, contact.user).await;
            words.paired.replace("{name}", &person.name)
        }
        Some(Ok(None)) => words.no_such_code.to_owned(),
        Some(Err(names)) => words.no_such_person.replace("{name}", &names.join(", ")),
        None => return,
    };
    talk::send(bot, place, &text, &Vec::new()).await;
}

/// Says hello to somebody who was let in.
pub(super) async fn greet(bot: &Bot, user: i64) {
    let Some(speaker) = bot.speaker(user, None).await else { return };
    let words = bot.words(&speaker.language);
    let text = words.welcome.replace("{name}", &speaker.person.name);
    talk::send(bot, &Place::alone(user), &text, &Vec::new()).await;
}

/// What somebody means by a name: the one of this name, else those with these words.
fn named<'a>(said: &str, of: impl Iterator<Item = &'a Entity>) -> Vec<&'a Entity> {
    let key = text::key(said);
    let all: Vec<&Entity> = of.collect();
    let is = |test: &dyn Fn(&str) -> bool| -> Vec<&'a Entity> {
        let fits = |entity: &&&Entity| entity.names().any(|name| test(&text::key(name)));
        all.iter().filter(fits).copied().collect()
    };
    let same = is(&|name| name == key);
    if !same.is_empty() || key.is_empty() {
        return same;
    }
    is(&|name| key.split(' ').all(|word| name.split(' ').any(|part| part == word)))
}

async fn camera(bot: &Bot, speaker: &Speaker, place: &Place, said: &str) {
    let words = bot.words(&speaker.language);
    let found = bot.setup.hub.by(speaker.rights.clone()).read(|home| {
        let is_camera = |entity: &&Entity| {
            entity.is_enabled() && matches!(entity.domain, Domain::Camera | Domain::Image)
        };
        let all = || home.entities().filter(is_camera);
        let found = if said.is_empty() { all().collect() } else { named(said, all()) };
        choices(&found)
    });
    match &found[..] {
        [] => talk::send(bot, place, words.no_camera, &Vec::new()).await,
        [(id, _)] => camera_of(bot, speaker, place, id).await,
        _ => offer(bot, speaker, place, words.which_camera, found, Press::Camera).await,
    }
}

fn choices(found: &[&Entity]) -> Vec<(EntityId, String)> {
    found.iter().map(|entity| (entity.id.clone(), entity.friendly_name.to_string())).collect()
}

async fn offer(
    bot: &Bot,
    speaker: &Speaker,
    place: &Place,
    text: &str,
    found: Vec<(EntityId, String)>,
    press: impl Fn(EntityId) -> Press,
) {
    let of = found.into_iter().take(MOST).map(|(id, name)| (name, press(id))).collect();
    let keyboard = talk::choice(bot, speaker, place.chat, CHOICE, of);
    talk::send(bot, place, text, &keyboard).await;
}

/// Sends what a camera saw last.
pub(super) async fn camera_of(bot: &Bot, speaker: &Speaker, place: &Place, id: &EntityId) {
    let words = bot.words(&speaker.language);
    let hub = bot.setup.hub.by(speaker.rights.clone());
    let frame = |home: &Home| {
        let entity = home.entity(id.as_str()).filter(|entity| entity.is_enabled())?;
        let bytes = match &entity.state {
            Some(State::Camera(camera)) => camera.frame.clone(),
            Some(State::Image(image)) => match &image.picture {
                Some(Picture::Bytes(bytes)) => Some(Arc::clone(bytes)),
                Some(Picture::Url(_)) | None => None,
            },
            _ => None,
        };
        let at = entity.heard_at.unwrap_or(entity.updated_at);
        Some((entity.friendly_name.to_string(), bytes, at))
    };
    let zone = bot.setup.clock.time_zone().clone();
    match hub.read(frame) {
        Some((name, Some(bytes), at)) => {
            let caption = format!("{name}, {}", words.time(at, &zone));
            send_picture(bot, place, bytes.to_vec(), "camera.jpg", &caption, words).await;
        }
        Some((name, None, _)) => {
            let text = words.no_picture.replace("{name}", &name);
            talk::send(bot, place, &text, &Vec::new()).await;
        }
        None => talk::send(bot, place, words.no_camera, &Vec::new()).await,
    }
}

async fn send_picture(
    bot: &Bot,
    place: &Place,
    bytes: Vec<u8>,
    name: &'static str,
    caption: &str,
    words: &Words,
) {
    if let Err(error) = bot.api.photo(place.chat, bytes, name, caption).await {
        let text = words.not_done.replace("{text}", &error.to_string());
        talk::send(bot, place, &text, &Vec::new()).await;
    }
}

async fn history(bot: &Bot, speaker: &Speaker, place: &Place, said: &str) {
    let words = bot.words(&speaker.language);
    let found = bot.setup.hub.by(speaker.rights.clone()).read(|home| {
        if said.is_empty() {
            return view::charted(home);
        }
        let alive = home.entities().filter(|entity| entity.is_enabled());
        choices(&named(said, alive))
    });
    match &found[..] {
        [] => talk::send(bot, place, words.no_chart, &Vec::new()).await,
        [(id, _)] if !said.is_empty() => chart_of(bot, speaker, place, id).await,
        _ => offer(bot, speaker, place, words.which_chart, found, Press::Chart).await,
    }
}

/// Sends a chart of the last day.
pub(super) async fn chart_of(bot: &Bot, speaker: &Speaker, place: &Place, id: &EntityId) {
    let words = bot.words(&speaker.language);
    let hub = bot.setup.hub.by(speaker.rights.clone());
    let about = hub.read(|home| {
        let entity = home.entity(id.as_str()).filter(|entity| entity.is_enabled())?;
        Some((entity.friendly_name.to_string(), entity.traits.unit.clone()))
    });
    let history = hub.ask(Query::History).await.ok().flatten();
    let (Some((name, unit)), Some(history)) = (about, history) else {
        return talk::send(bot, place, words.no_chart, &Vec::new()).await;
    };
    let (now, zone) = (bot.setup.clock.now(), bot.setup.clock.time_zone().clone());
    let id = id.clone();
    let drawn = aside(move || {
        let view = history.view([id.as_str()]).ok()?;
        let seen = view.series().first()?;
        let (from, to) = ((now - CHARTED).as_millisecond(), now.as_millisecond());
        let chart = view.chart(seen, from, to, picture::POINTS).ok()?;
        Some((picture::draw(&chart, from, to, &zone)?, chart.statistics))
    });
    let Some(Some((png, statistics))) = drawn.await else {
        return talk::send(bot, place, words.no_chart, &Vec::new()).await;
    };
    let caption = match statistics.numbers {
        Some(numbers) => {
            let unit = unit.as_deref().unwrap_or_default();
            let [least, mean, most] = [numbers.min, numbers.mean, numbers.max].map(view::short);
            format!("{name}, 24 h\n↓ {least} {unit}  ∅ {mean} {unit}  ↑ {most} {unit}")
        }
        None => {
            let hours = |(word, ms): &(Arc<str>, i64)| {
                format!("{word} {} h", view::short(*ms as f64 / 3_600_000.0))
            };
            let parts: Vec<String> = statistics.words.iter().take(4).map(hours).collect();
            format!("{name}, 24 h\n{}", parts.join("  "))
        }
    };
    send_picture(bot, place, png, "history.png", &caption, words).await;
}

async fn scene(bot: &Bot, speaker: &Speaker, place: &Place, said: &str) {
    let words = bot.words(&speaker.language);
    let found = bot.setup.hub.by(speaker.rights.clone()).read(|home| {
        if said.is_empty() {
            return view::scenes(home);
        }
        let scenes = home.entities().filter(|one| one.is_enabled() && one.domain == Domain::Scene);
        choices(&named(said, scenes))
    });
    let turn_on = |entity| Press::Act { entity, service: "turn_on", field: None };
    match &found[..] {
        [] => talk::send(bot, place, words.no_scene, &Vec::new()).await,
        [(id, _)] if !said.is_empty() => {
            let told = press::act(bot, speaker, id.clone(), "turn_on", None).await;
            talk::send(bot, place, &told, &Vec::new()).await;
        }
        _ => offer(bot, speaker, place, words.which_scene, found, turn_on).await,
    }
}

/// What was wished of silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mute {
    For(SignedDuration),
    Daily(u16, u16),
    Off,
}

/// `2h`, `30m`, `90 min`, `22-7`, `22:30-06:00`, `off`.
fn mute_of(said: &str) -> Option<Mute> {
    let said = said.trim().to_lowercase();
    if matches!(said.as_str(), "off" | "non" | "fin" | "0") {
        return Some(Mute::Off);
    }
    if let Some((from, to)) = said.split_once('-') {
        let minute = |text: &str| {
            let (hour, minute) = text.trim().split_once([':', 'h']).unwrap_or((text.trim(), "0"));
            let minute = if minute.is_empty() { "0" } else { minute };
            let (hour, minute) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
            (hour < 24 && minute < 60).then_some(hour * 60 + minute)
        };
        return Some(Mute::Daily(minute(from)?, minute(to)?));
    }
    let digits = said.find(|c: char| !c.is_ascii_digit()).unwrap_or(said.len());
    let n: i64 = said[..digits].parse().ok()?;
    let length = match said[digits..].trim() {
        "m" | "min" | "minutes" => SignedDuration::from_mins(n),
        "" | "h" | "hours" | "heures" => SignedDuration::from_hours(n.min(LONGEST_MUTE_H)),
        "d" | "j" => SignedDuration::from_hours(n.min(LONGEST_MUTE_H) * 24),
        _ => return None,
    };
    let longest = SignedDuration::from_hours(LONGEST_MUTE_H);
    (n > 0).then_some(Mute::For(length.min(longest)))
}

async fn mute(bot: &Bot, speaker: &Speaker, place: &Place, said: &str) {
    let words = bot.words(&speaker.language);
    let Some(mute) = mute_of(said) else {
        return talk::send(bot, place, words.mute_how, &Vec::new()).await;
    };
    let now = bot.setup.clock.now();
    let telling = speaker.contact.telling.clone();
    let (telling, text) = match mute {
        Mute::For(length) => {
            let until = now + length;
            let at = until.to_zoned(bot.setup.clock.time_zone().clone());
            let text = words.muted.replace("{text}", &at.strftime("%a %H:%M").to_string());
            (Telling { muted_until: until.as_second(), ..telling }, text)
        }
        Mute::Daily(from, to) => {
            let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
            let text = words.quiet.replace("{text}", &format!("{} – {}", time(from), time(to)));
            (Telling { quiet: Some((from, to)), ..telling }, text)
        }
        Mute::Off => {
            let telling = Telling { muted_until: 0, snoozed: Vec::new(), ..telling };
            (telling, words.unmuted.to_owned())
        }
    };
    let (contacts, user) = (bot.setup.contacts.clone(), speaker.contact.user);
    match aside(move || contacts.tell(user, telling)).await {
        Some(Ok(())) => talk::send(bot, place, &text, &Vec::new()).await,
        Some(Err(error)) => warn!(%error, "Silence is not on the disk."),
        None => {}
    }
}

/// Wishes as they are kept, for who decides what is told.
pub(super) fn wishes(telling: &Telling) -> desk::Wishes {
    let at = |seconds: i64| Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    desk::Wishes {
        muted_until: at(telling.muted_until),
        quiet: telling.quiet.unwrap_or(desk::NIGHT),
        snoozed: telling.snoozed.iter().map(|(key, until)| (key.clone(), at(*until))).collect(),
    }
}

/// Who may talk to the house, and where whoever has a tracker is.
async fn who(bot: &Bot, speaker: &Speaker, place: &Place) {
    let words = bot.words(&speaker.language);
    let (contacts, people) = (bot.setup.contacts.clone(), bot.setup.people.clone());
    let known = aside(move || {
        let all = contacts.all().unwrap_or_default();
        let people = people.list().unwrap_or_default();
        let name = |person: &crate::home::person::Person| {
            let is = all.iter().any(|contact| contact.person == person.id);
            is.then(|| format!("{} ({})", person.name, person.role.word()))
        };
        people.iter().filter_map(name).collect::<Vec<_>>()
    });
    // Who lives here is no guest's business.
    let known = match speaker.rights.allow(Matter::Agenda) {
        true => known.await.unwrap_or_default(),
        false => vec![speaker.person.name.clone()],
    };
    let mut text = format!("{} {}", words.who_title, known.join(", "));
    let trackers = bot.setup.hub.by(speaker.rights.clone()).read(|home| {
        let is_tracker = |entity: &&Entity| {
            entity.domain == Domain::DeviceTracker && entity.is_enabled() && entity.is_available()
        };
        let line = |entity: &Entity| {
            let place = entity.view().map(|view| view.word.into_owned()).unwrap_or_default();
            format!("{}: {}", entity.friendly_name, place.replace('_', " "))
        };
        home.entities().filter(is_tracker).map(line).collect::<Vec<_>>()
    });
    for line in trackers {
        text.push('\n');
        text.push_str(&line);
    }
    talk::send(bot, place, &text, &Vec::new()).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_said_in_some_ways() {
        for (said, expected) in [
            ("2h", Some(Mute::For(SignedDuration::from_hours(2)))),
            ("2", Some(Mute::For(SignedDuration::from_hours(2)))),
            ("30 min", Some(Mute::For(SignedDuration::from_mins(30)))),
            ("1d", Some(Mute::For(SignedDuration::from_hours(24)))),
            ("99999999h", Some(Mute::For(SignedDuration::from_hours(LONGEST_MUTE_H)))),
            ("22-7", Some(Mute::Daily(1320, 420))),
            ("22:30 - 6h15", Some(Mute::Daily(1350, 375))),
            ("OFF", Some(Mute::Off)),
            ("", None),
            ("0h", None),
            ("25-7", None),
            ("2 weeks", None),
            ("99999999999999999999h", None),
        ] {
            assert_eq!(mute_of(said), expected, "{said}");
        }
    }
}
