//! Utterances, said to the assistant of a small house in English and French: each line is one, in one conversation; a
//! line that begins with `@` is said in the kitchen. What the reading says is not trusted: the words themselves are
//! looked at again.

use std::cell::RefCell;
use std::collections::BTreeSet;

use homard::assistant::{Answer, Assistant, Plan, Said, Turn};
use homard::home::Home;
use homard::home::domain::{Action, light, lock};
use homard::home::id::{AreaId, FloorId};
use homard::home::place::{Area, Floor};
use homard::text;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::house::House;

/// A reply is spoken: nobody listens to a longer one. What was said may be repeated in it.
const MAX_REPLY: usize = 8 << 10;

/// How like a name misheard words must be, of one, to be meant with it.
const LIKE_ENOUGH: f64 = 0.7;

/// How like a name they must be so that "all" are those there and no others.
const HARDLY_ELSE: f64 = 0.8;

/// Floor, room, its other names.
const ROOMS: &[(&str, &str, &[&str])] = &[
    ("Ground floor", "Kitchen", &["cuisine"]),
    ("Ground floor", "Living room", &["lounge", "salon"]),
    ("First floor", "Bedroom", &["chambre"]),
    ("First floor", "Office", &["bureau"]),
];

/// Component, room, name.
const THINGS: &[(&str, &str, &str)] = &[
    ("light", "Kitchen", "Kitchen light"),
    ("light", "Kitchen", "Worktop"),
    ("light", "Living room", "Floor lamp"),
    ("light", "Living room", "Lampe de l’été"),
    ("light", "Bedroom", "Bedside lamp"),
    ("light", "Office", "Desk lamp"),
    ("switch", "Kitchen", "Coffee machine"),
    ("switch", "Office", "Fan"),
    ("fan", "Bedroom", "Fan"),
    ("cover", "Living room", "Blind 2"),
    ("cover", "Bedroom", "Shutter"),
    ("cover", "Kitchen", "Kitchen blind"),
    ("lock", "Living room", "Front door"),
    ("lock", "Kitchen", "Back door"),
    ("climate", "Living room", "Radiator"),
    ("climate", "Bedroom", "Bedroom heating"),
    ("vacuum", "Living room", "Robot"),
    ("button", "Office", "Restart"),
    ("scene", "Living room", "Film"),
    ("sensor", "Bedroom", "Bedroom temperature"),
    ("binary_sensor", "Kitchen", "Kitchen window"),
];

/// Words without which nothing is done in more than one room.
const ALL: &[&str] = &[
    "all",
    "every",
    "each",
    "everything",
    "everywhere",
    "throughout",
    "whole",
    "entire",
    "house",
    "home",
    "apartment",
    "flat",
    "place",
    "tout",
    "toute",
    "tous",
    "toutes",
    "chaque",
    "partout",
    "maison",
    "appartement",
];

/// Words of wishes for the whole house that only make it dark and safe: "good night", "lock up".
const FOR_THE_NIGHT: &[&str] = &[
    "night",
    "goodnight",
    "bed",
    "bedtime",
    "sleep",
    "turning",
    "secure",
    "lock",
    "nuit",
    "lit",
    "dodo",
    "dormir",
    "couche",
    "coucher",
];

/// Words that begin a question and no command.
const ASKING: &[&str] = &[
    "is", "are", "what", "which", "how", "who", "why", "when", "quel", "quelle", "quels",
    "quelles", "combien", "est", "sont",
];

/// Words that say what is to become of a thing and name no place, however like one they look: "off" is no office.
const OF_VERBS: &[&str] = &["on", "off", "out", "up", "down", "open", "close", "lock"];

/// The assistant, its house, and the time, which moves on with each input so that no conversation outlives it.
struct Talk {
    home: Home,
    assistant: Assistant,
    now: Timestamp,
}

pub(crate) fn check(input: &str) {
    thread_local! {
        static TALK: RefCell<Talk> = RefCell::new(Talk::new());
    }
    TALK.with_borrow_mut(|talk| {
        talk.now += SignedDuration::from_hours(1);
        for (at, line) in input.lines().take(3).enumerate() {
            let (area, text) = match line.strip_prefix('@') {
                Some(text) => (Some("kitchen"), text),
                None => (None, line),
            };
            talk.say(text, area, at == 0);
        }
    });
}

impl Talk {
    fn new() -> Self {
        let (assistant, problems) = Assistant::new("en", TimeZone::UTC);
        assert!(problems.is_empty(), "{problems:?}");
        Self { home: home(), assistant, now: Timestamp::UNIX_EPOCH }
    }

    fn say(&mut self, text: &str, area: Option<&str>, is_first: bool) {
        let said = Said { text, area, conversation: "c", now: self.now, ..Said::default() };
        let turn = self.assistant.hear(&said, &self.home);
        let answer = match &turn {
            Turn::Answer(answer) => answer.clone(),
            Turn::Act(plan) => {
                self.check_plan(plan, text, area, is_first);
                plan.conclude(&[], &self.home)
            }
            Turn::Script(_) => panic!("no owner wrote sentences here"),
            Turn::Book(booking) => panic!("books without an agenda: {booking:?}"),
            turn @ (Turn::Rules(_) | Turn::Tries(_)) => panic!("rules that nobody keeps: {turn:?}"),
        };
        let Answer { text: reply, .. } = answer;
        assert!(!reply.is_empty(), "no reply to {text:?}");
        assert!(reply.len() <= MAX_REPLY, "{} bytes of reply", reply.len());
    }

    fn check_plan(&self, plan: &Plan, text: &str, speaker: Option<&str>, is_first: bool) {
        assert!(!plan.calls.is_empty(), "a plan to do nothing: {text:?}");
        let called: BTreeSet<&str> = plan.calls.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(called.len(), plan.calls.len(), "called twice: {text:?}");
        // Numbers are words of their own wherever they stand: "down0living" is three.
        let mut apart = String::new();
        for character in text.chars() {
            let is_digit = apart.ends_with(|last: char| last.is_ascii_digit());
            if apart.ends_with(char::is_alphanumeric) && is_digit != character.is_ascii_digit() {
                apart.push(' ');
            }
            apart.push(character);
        }
        let key = text::key(&apart);
        let words: Vec<&str> = key.split(' ').collect();
        // An answer to "which one?" may be any words that name it.
        if is_first {
            assert!(!ASKING.contains(&words[0]), "the question {text:?} acts: {:?}", plan.calls);
        }
        if called.len() == 1 {
            return;
        }
        // The living room is also "the living", where that is not held against the assistant.
        let said = |least: f64, is_short: bool| -> BTreeSet<&str> {
            let is_said = |area: &&Area| {
                let floor = area.floor.as_ref().and_then(|floor| self.home.floor(floor.as_str()));
                let mut names = std::iter::once(&area.name)
                    .chain(&area.aliases)
                    .chain(floor.map(|floor| &floor.name));
                names.any(|name| is_said(&text::key(name), &words, least))
                    || is_short && is_said(first_word(&text::key(&area.name)), &words, least)
            };
            self.home.areas().filter(is_said).map(|area| area.id.as_str()).collect()
        };
        let is_safe = |action: &Action| {
            matches!(
                action,
                Action::Light(light::Action::TurnOff(_)) | Action::Lock(lock::Action::Lock(_))
            )
        };
        let is_all = words.iter().any(|word| ALL.contains(word))
            || words.iter().any(|word| FOR_THE_NIGHT.contains(word))
                && plan.calls.iter().all(|(_, action)| is_safe(action));
        if is_all && said(HARDLY_ELSE, false).is_empty() {
            return;
        }
        let mut is_meant = said(LIKE_ENOUGH, true);
        if is_meant.is_empty() {
            is_meant.extend(speaker);
            assert!(!is_meant.is_empty(), "{text:?} names no place, and yet: {:?}", plan.calls);
        }
        for id in &called {
            let area =
                self.home.area_of(self.home.entity(id).unwrap()).map(|area| area.id.as_str());
            let is_in = area.is_some_and(|area| is_meant.contains(area));
            assert!(is_in, "{text:?} means {is_meant:?}, and yet: {:?}", plan.calls);
        }
    }
}

/// Whether a name is among the words, perhaps misheard: as many words, or one more or fewer, that look at least so much like it, of one.
fn is_said(name: &str, words: &[&str], least: f64) -> bool {
    let n_words = name.split(' ').count();
    let name = name.replace(' ', "");
    (n_words.max(2) - 1..=n_words + 1)
        .flat_map(|n| words.windows(n))
        .filter(|said| !said.iter().all(|word| OF_VERBS.contains(word)))
        .any(|said| text::likeness(&said.concat(), &name) >= least)
}

fn first_word(name: &str) -> &str {
    name.split(' ').next().unwrap_or(name)
}

fn home() -> Home {
    let mut house = House::new();
    for (floor, room, aliases) in ROOMS {
        let floor_id = FloorId::new(&text::slug(floor));
        let floor =
            Floor { id: floor_id.clone(), name: (*floor).into(), aliases: Vec::new(), level: None };
        house.home.put_floor(floor);
        let area = Area {
            id: AreaId::new(&text::slug(room)),
            name: (*room).into(),
            aliases: aliases.iter().map(|alias| (*alias).into()).collect(),
            floor: Some(floor_id),
        };
        house.home.put_area(area).unwrap();
    }
    for (at, (component, room, name)) in THINGS.iter().enumerate() {
        let config = json!({
            "unique_id": at.to_string(), "name": null, "command_topic": "set", "state_topic": "said", "schema": "json",
            "brightness": true, "supported_color_modes": ["color_temp", "rgb"], "payload_on": "ON",
            "set_position_topic": "at", "percentage_command_topic": "speed", "modes": ["off", "heat"],
            "mode_command_topic": "mode", "temperature_command_topic": "target",
            "device": { "identifiers": [at.to_string()], "name": name, "suggested_area": room },
        });
        let topic = format!("homeassistant/{component}/{at}/config");
        house.publish(&topic, config.to_string().as_bytes(), true);
    }
    assert_eq!(house.home.entities().count(), THINGS.len(), "{:?}", house.problems);
    house.home
}
