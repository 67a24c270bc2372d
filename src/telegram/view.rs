//! What is shown with buttons and kept as it is: the house, its rooms, a room, a thing. Made from the house as whoever looks
//! may see it; the messages in which it stands are edited when it changes.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use tokio::time::Instant;

use super::buttons::Press;
use super::words::Words;
use crate::home::domain::lock::Bolt;
use crate::home::domain::{Caps, Domain, State, climate};
use crate::home::entity::{Category, Entity};
use crate::home::id::{AreaId, EntityId};
use crate::home::value::Value;
use crate::home::{Home, guard};

/// A message is kept as it is for so long after somebody last looked.
pub(super) const LIVES: Duration = Duration::from_secs(15 * 60);
/// Two edits of a message are at least so far apart, so that a dimmed lamp is one edit.
const APART: Duration = Duration::from_secs(2);
/// More messages are not kept as they are.
const MOST: usize = 40;
/// More buttons below a message are too many to choose from.
const MOST_ROWS: usize = 30;
/// More names are counted instead.
const MOST_NAMES: usize = 12;

/// What a message shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum View {
    /// What is on, open, unlocked, warm.
    Home,
    /// The rooms.
    Rooms,
    /// What is in a room.
    Room(AreaId),
    /// One thing with all its controls.
    Thing(EntityId),
}

/// A page: its text, and rows of buttons.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Page {
    pub(super) text: String,
    pub(super) rows: Vec<Vec<(String, Press)>>,
    /// What it shows: a change of these changes the page.
    pub(super) of: BTreeSet<EntityId>,
}

/// Makes the page of a view.
pub(super) fn page(view: &View, home: &Home, words: &Words) -> Page {
    match view {
        View::Home => summary(home, words),
        View::Rooms => rooms(home, words),
        View::Room(area) => room(area, home, words),
        View::Thing(id) => thing(id, home, words),
    }
}

fn alive(home: &Home) -> impl Iterator<Item = &Entity> {
    home.entities().filter(|entity| entity.is_enabled() && entity.is_available())
}

/// Things that a person moves, and no settings of devices.
fn is_control(entity: &Entity) -> bool {
    entity.is_enabled()
        && entity.traits.category.is_none()
        && !entity.traits.hidden
        && matches!(
            entity.domain,
            Domain::Light
                | Domain::Switch
                | Domain::Cover
                | Domain::Climate
                | Domain::Lock
                | Domain::Fan
                | Domain::Valve
                | Domain::Vacuum
                | Domain::Siren
                | Domain::Humidifier
        )
}

fn is_on(entity: &Entity) -> Option<bool> {
    match entity.state.as_ref()? {
        State::Light(state) => state.on,
        State::Switch(state) => state.on,
        State::Fan(state) => state.on,
        State::Siren(state) => state.on,
        State::Humidifier(state) => state.on,
        State::Climate(state) => Some(state.0.mode? != climate::Mode::Off),
        _ => None,
    }
}

fn is_open(entity: &Entity) -> Option<bool> {
    match entity.state.as_ref()? {
        State::Cover(state) => state.is_closed.map(|is_closed| !is_closed),
        State::Valve(state) => state.is_closed.map(|is_closed| !is_closed),
        State::BinarySensor(state) => {
            let class = entity.traits.device_class.as_deref()?;
            matches!(class, "door" | "garage_door" | "opening" | "window").then_some(state.on?)
        }
        _ => None,
    }
}

fn is_unlocked(entity: &Entity) -> bool {
    match &entity.state {
        Some(State::Lock(state)) => state.bolt.is_some_and(|bolt| bolt != Bolt::Locked),
        _ => false,
    }
}

fn summary(home: &Home, words: &Words) -> Page {
    let mut page = Page::default();
    let (mut on, mut open, mut unlocked, mut warm) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut n_away = 0;
    for entity in home.entities().filter(|entity| entity.is_enabled()) {
        let is_main = entity.traits.category.is_none();
        if is_control(entity) && entity.caps.is_some() && !entity.is_available() {
            n_away += 1;
        }
        if !is_main || !entity.is_available() {
            continue;
        }
        let name = || entity.friendly_name.to_string();
        if is_control(entity) && is_on(entity) == Some(true) && entity.domain != Domain::Climate {
            on.push(name());
        }
        if is_open(entity) == Some(true) {
            open.push(name());
        }
        if is_unlocked(entity) {
            unlocked.push(name());
        }
        let warmth = match &entity.state {
            Some(State::Climate(state)) => state.0.current,
            Some(State::Sensor(state))
                if entity.traits.device_class.as_deref() == Some("temperature") =>
            {
                state.value.as_ref().and_then(|value| value.parse().ok())
            }
            _ => None,
        };
        if let Some(degrees) = warmth {
            let unit = entity.traits.unit.as_deref().unwrap_or("°C");
            warm.push(format!("{} {} {unit}", name(), short(degrees)));
        }
        if is_control(entity) || is_open(entity).is_some() || warmth.is_some() {
            page.of.insert(entity.id.clone());
        }
    }
    for (title, names) in
        [(words.on, &on), (words.open, &open), (words.unlocked, &unlocked), (words.warm, &warm)]
    {
        let _ = writeln!(page.text, "{title}: {}", listed(names, words));
    }
    if n_away > 0 {
        let _ = writeln!(page.text, "{}: {n_away}", words.not_reached);
    }
    page.rows.push(vec![(words.rooms.to_owned(), Press::Show(View::Rooms))]);
    page
}

fn listed(names: &[String], words: &Words) -> String {
    let n_more = names.len().saturating_sub(MOST_NAMES);
    let shown = names.iter().take(MOST_NAMES).cloned().collect::<Vec<_>>().join(", ");
    match (names.len(), n_more) {
        (0, _) => words.nothing.to_owned(),
        (_, 0) => shown,
        _ => format!("{shown} {}", words.more.replace("{n}", &n_more.to_string())),
    }
}

fn rooms(home: &Home, words: &Words) -> Page {
    let mut page = Page { text: words.rooms_title.to_owned(), ..Page::default() };
    let mut row = Vec::new();
    for area in home.areas() {
        let of_it: Vec<&Entity> = home
            .entities()
            .filter(|entity| {
                is_control(entity) && home.area_of(entity).is_some_and(|one| one.id == area.id)
            })
            .collect();
        if of_it.is_empty() {
            continue;
        }
        let n_on = of_it.iter().filter(|entity| is_on(entity) == Some(true)).count();
        let label = match n_on {
            0 => area.name.clone(),
            _ => format!("{} · {n_on}", area.name),
        };
        page.of.extend(of_it.iter().map(|entity| entity.id.clone()));
        row.push((label, Press::Show(View::Room(area.id.clone()))));
        if row.len() == 2 {
            page.rows.push(std::mem::take(&mut row));
        }
    }
    if !row.is_empty() {
        page.rows.push(row);
    }
    page.rows.truncate(MOST_ROWS);
    if page.rows.is_empty() {
        page.text = words.no_rooms.to_owned();
    }
    page
}

fn room(area: &AreaId, home: &Home, words: &Words) -> Page {
    let Some(found) = home.area(area.as_str()) else { return rooms(home, words) };
    let mut page = Page { text: found.name.clone(), ..Page::default() };
    for entity in home.entities() {
        let is_here = home.area_of(entity).is_some_and(|one| one.id == *area);
        if !is_here || !is_control(entity) || page.rows.len() >= MOST_ROWS {
            continue;
        }
        page.of.insert(entity.id.clone());
        let label = format!("{} · {}", entity.friendly_name, shown(entity, words));
        let mut row = vec![(label, Press::Show(View::Thing(entity.id.clone())))];
        if entity.is_available() {
            row.extend(toggle(entity, words));
        }
        page.rows.push(row);
    }
    page.rows.push(vec![(words.back.to_owned(), Press::Show(View::Rooms))]);
    page
}

/// The one button that most people want of a thing. It says what it does, so that pressing it twice does it once.
fn toggle(entity: &Entity, words: &Words) -> Option<(String, Press)> {
    let press = |label: &str, service| {
        let press = Press::Act { entity: entity.id.clone(), service, field: None };
        Some((label.to_owned(), press))
    };
    match (entity.domain, is_on(entity), is_open(entity)) {
        (Domain::Light | Domain::Switch | Domain::Fan | Domain::Humidifier, Some(true), _) => {
            press(words.turn_off, "turn_off")
        }
        (Domain::Light | Domain::Switch | Domain::Fan | Domain::Humidifier, _, _) => {
            press(words.turn_on, "turn_on")
        }
        (Domain::Siren, Some(true), _) => press(words.turn_off, "turn_off"),
        (Domain::Cover, _, Some(true)) => press(words.close, "close_cover"),
        (Domain::Cover, _, _) => press(words.do_open, "open_cover"),
        (Domain::Valve, _, Some(true)) => press(words.close, "close_valve"),
        (Domain::Lock, _, _) if is_unlocked(entity) => press(words.lock, "lock"),
        _ => None,
    }
}

fn thing(id: &EntityId, home: &Home, words: &Words) -> Page {
    let Some(entity) = home.entity(id.as_str()).filter(|entity| entity.is_enabled()) else {
        return rooms(home, words);
    };
    let mut page = Page::default();
    page.of.insert(id.clone());
    page.text = format!("{}\n{}", entity.friendly_name, shown(entity, words));
    let act = |label: &str, service: &'static str, field: Option<(&'static str, Value)>| {
        (label.to_owned(), Press::Act { entity: id.clone(), service, field })
    };
    let percents = |service: &'static str, field: &'static str, of: &[i64]| {
        of.iter()
            .map(|n| act(&format!("{n} %"), service, Some((field, Value::Int(*n)))))
            .collect::<Vec<_>>()
    };
    let on_off =
        || vec![act(words.turn_on, "turn_on", None), act(words.turn_off, "turn_off", None)];
    match (entity.domain, &entity.caps) {
        (Domain::Light, Some(Caps::Light(caps))) => {
            page.rows.push(on_off());
            if caps.modes.has_brightness() {
                page.rows.push(percents("turn_on", "brightness_pct", &[10, 40, 70, 100]));
            }
        }
        (Domain::Cover, Some(Caps::Cover(caps))) => {
            let mut row = vec![act(words.do_open, "open_cover", None)];
            if caps.can_stop {
                row.push(act(words.stop, "stop_cover", None));
            }
            row.push(act(words.close, "close_cover", None));
            page.rows.push(row);
            if caps.has_position {
                page.rows.push(percents("set_cover_position", "position", &[25, 50, 75]));
            }
        }
        (Domain::Fan, _) => {
            page.rows.push(on_off());
            page.rows.push(percents("set_percentage", "percentage", &[33, 66, 100]));
        }
        (Domain::Climate, Some(Caps::Climate(caps))) => {
            thermostat(entity, caps, &act, &mut page);
        }
        (Domain::Lock, _) => {
            page.rows.push(vec![act(words.lock, "lock", None), act(words.unlock, "unlock", None)]);
        }
        (Domain::Valve, _) => page.rows.push(vec![
            act(words.do_open, "open_valve", None),
            act(words.close, "close_valve", None),
        ]),
        (Domain::Vacuum, _) => page.rows.push(vec![
            act(words.start, "start", None),
            act(words.stop, "stop", None),
            act(words.dock, "return_to_base", None),
        ]),
        _ => page.rows.push(on_off()),
    }
    let back = home.area_of(entity).map_or(View::Rooms, |area| View::Room(area.id.clone()));
    page.rows.push(vec![(words.back.to_owned(), Press::Show(back))]);
    page
}

type Act<'a> = dyn Fn(&str, &'static str, Option<(&'static str, Value)>) -> (String, Press) + 'a;

fn thermostat(entity: &Entity, caps: &climate::Caps, act: &Act<'_>, page: &mut Page) {
    if let Some(State::Climate(state)) = &entity.state
        && let Some(target) = state.0.target.filter(|_| caps.has_target)
    {
        let to = |degrees: f64| {
            let degrees = degrees.clamp(caps.min, caps.max);
            let label = format!("{} °", short(degrees));
            act(&label, "set_temperature", Some(("temperature", Value::Float(degrees))))
        };
        page.rows.push(vec![
            to(target - 1.0),
            to(target - 0.5),
            to(target + 0.5),
            to(target + 1.0),
        ]);
    }
    let known =
        |mode: &std::sync::Arc<str>| climate::Mode::ALL.iter().any(|known| known.word() == &**mode);
    let modes = caps.modes.iter().filter(|mode| known(mode)).take(4).map(|mode| {
        let field = Some(("hvac_mode", Value::Text(std::sync::Arc::clone(mode))));
        act(&mode.replace('_', " "), "set_hvac_mode", field)
    });
    page.rows.push(modes.collect());
    page.rows.retain(|row| !row.is_empty());
}

/// How a thing is, in words.
pub(super) fn shown(entity: &Entity, words: &Words) -> String {
    if !entity.is_available() {
        return words.not_reached.to_owned();
    }
    let on_off = |on: Option<bool>| match on {
        Some(true) => words.is_on.to_owned(),
        Some(false) => words.is_off.to_owned(),
        None => words.unknown.to_owned(),
    };
    match &entity.state {
        Some(State::Light(state)) => match (state.on, state.brightness) {
            (Some(true), Some(level)) => {
                format!("{} {} %", words.is_on, (u32::from(level) * 100 + 127) / 255)
            }
            (on, _) => on_off(on),
        },
        Some(State::Cover(state)) => match (state.is_closed, state.position) {
            (_, Some(at @ 1..100)) => format!("{at} %"),
            (Some(true), _) => words.is_closed.to_owned(),
            (Some(false), _) => words.is_open.to_owned(),
            (None, _) => words.unknown.to_owned(),
        },
        Some(State::Climate(state)) => {
            let degrees = |value: Option<f64>| value.map(|value| format!("{} °C", short(value)));
            let mode = state.0.mode.map(|mode| mode.word().replace('_', " "));
            let target = degrees(state.0.target).map(|target| format!("→ {target}"));
            let parts = [degrees(state.0.current), target, mode];
            parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
        }
        Some(State::Lock(state)) => match state.bolt {
            Some(Bolt::Locked) => words.is_locked.to_owned(),
            Some(_) => words.is_unlocked.to_owned(),
            None => words.unknown.to_owned(),
        },
        Some(State::Valve(state)) => match state.is_closed {
            Some(true) => words.is_closed.to_owned(),
            Some(false) => words.is_open.to_owned(),
            None => words.unknown.to_owned(),
        },
        Some(State::Fan(state)) => match (state.on, state.percentage) {
            (Some(true), Some(percent)) => format!("{} {percent} %", words.is_on),
            (on, _) => on_off(on),
        },
        Some(_) => match is_on(entity) {
            Some(on) => on_off(Some(on)),
            None => entity.view().map(|view| view.word.into_owned()).unwrap_or_default(),
        },
        None => words.unknown.to_owned(),
    }
}

/// `21.5`, `21`
pub(super) fn short(number: f64) -> String {
    let rounded = (number * 10.0).round() / 10.0;
    format!("{rounded}")
}

/// Scenes that can be set.
pub(super) fn scenes(home: &Home) -> Vec<(EntityId, String)> {
    let scenes = alive(home).filter(|entity| entity.domain == Domain::Scene);
    scenes.map(|entity| (entity.id.clone(), entity.friendly_name.to_string())).collect()
}

/// Things of which there is a chart worth looking at, likeliest first.
pub(super) fn charted(home: &Home) -> Vec<(EntityId, String)> {
    let class = |entity: &Entity| match entity.traits.device_class.as_deref() {
        Some("temperature") => 0,
        Some("humidity") => 1,
        Some("power" | "energy") => 2,
        _ => 3,
    };
    let is_number = |entity: &&Entity| {
        entity.domain == Domain::Sensor
            && entity.traits.unit.is_some()
            && entity.traits.category != Some(Category::Diagnostic)
    };
    let mut found: Vec<&Entity> = alive(home).filter(is_number).collect();
    found.sort_by_key(|entity| (class(entity), entity.id.clone()));
    found.into_iter().map(|entity| (entity.id.clone(), entity.friendly_name.to_string())).collect()
}

/// Whether a mere touch may do this.
pub(super) fn needs_yes(id: &EntityId, service: &str, home: &Home) -> bool {
    home.entity(id.as_str()).is_some_and(|entity| guard::needs_yes(entity, service, home))
}

/// A message that is kept as it is.
#[derive(Debug, Clone)]
pub(super) struct Live {
    pub(super) chat: i64,
    pub(super) message: i64,
    pub(super) user: i64,
    pub(super) view: View,
    pub(super) of: BTreeSet<EntityId>,
    /// What stands in it.
    pub(super) text: String,
    pub(super) labels: Vec<String>,
}

/// All messages that are kept as they are.
#[derive(Debug, Default)]
pub(super) struct Views(Vec<(Live, Instant, Option<Instant>)>);

impl Views {
    /// Keeps a message as it is, in place of what it showed before.
    pub(super) fn keep(&mut self, live: Live, now: Instant) {
        self.0.retain(|(one, until, _)| {
            *until > now && (one.chat, one.message) != (live.chat, live.message)
        });
        if self.0.len() >= MOST {
            self.0.remove(0);
        }
        self.0.push((live, now + LIVES, None));
    }

    /// A thing changed; it is looked at again a moment later.
    pub(super) fn touch(&mut self, id: &EntityId, now: Instant) {
        for (_, _, due) in self.0.iter_mut().filter(|(live, ..)| live.of.contains(id)) {
            due.get_or_insert(now + APART);
        }
    }

    /// When one is to be looked at again.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().filter_map(|(_, _, due)| *due).min()
    }

    /// Those that are to be looked at again now.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Live> {
        self.0.retain(|(_, until, _)| *until > now);
        let mut found = Vec::new();
        for (live, _, due) in &mut self.0 {
            if due.is_some_and(|at| at <= now) {
                *due = None;
                found.push(live.clone());
            }
        }
        found
    }

    /// A message was edited: that is what it shows now.
    pub(super) fn edited(&mut self, edited: &Live) {
        let same = |one: &Live| (one.chat, one.message) == (edited.chat, edited.message);
        for (live, ..) in self.0.iter_mut().filter(|(one, ..)| same(one) && one.view == edited.view)
        {
            *live = edited.clone();
        }
    }

    /// Nobody can read it any more.
    pub(super) fn forget(&mut self, chat: i64, message: i64) {
        self.0.retain(|(one, ..)| (one.chat, one.message) != (chat, message));
    }
}
