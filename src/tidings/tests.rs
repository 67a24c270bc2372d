//! What is worth telling, and to whom when.

use std::sync::Arc;

use jiff::Zoned;

use super::desk::{Pile, Wishes, when};
use super::*;
use crate::home::Report;
use crate::home::device::DeviceFacts;
use crate::home::domain::{self, binary_sensor, sensor};
use crate::home::entity::{Announcement, Naming, Producer, Traits};
use crate::home::id::Handle;
use crate::home::person::{Rights, Role};

struct House {
    home: Home,
    lookout: Lookout,
    /// Seconds since the begin.
    now: i64,
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

impl House {
    fn new() -> Self {
        let mut home = Home::new();
        home.set_port_up(true, at(0));
        Self { home, lookout: Lookout::default(), now: 0 }
    }

    /// A sensor of a device of its own, which is there.
    fn add(&mut self, number: u32, class: &str, is_number: bool) {
        let caps = match is_number {
            true => domain::Caps::Sensor(Box::default()),
            false => domain::Caps::BinarySensor(Box::default()),
        };
        let key: Arc<str> = number.to_string().into();
        let facts = DeviceFacts {
            identifiers: vec![Arc::clone(&key)],
            name: Some(format!("Thing {number}").into()),
            ..DeviceFacts::default()
        };
        let traits = Traits { device_class: Some(class.into()), ..Traits::default() };
        let announcement = Announcement {
            key: Arc::clone(&key),
            unique_id: Some(key),
            caps,
            naming: Naming::Main,
            wished_object: None,
            device: Some(Arc::new(facts)),
            traits: Arc::new(traits),
            enabled_by_default: true,
            always_available: false,
            producer: Producer::default(),
        };
        self.home.announce(Handle(number), announcement, at(self.now));
        self.available(number, Availability::Online);
    }

    fn available(&mut self, number: u32, availability: Availability) -> Vec<String> {
        let changes = self.home.set_available(Handle(number), availability, at(self.now));
        self.told(changes)
    }

    fn port(&mut self, is_up: bool) -> Vec<String> {
        let changes = self.home.set_port_up(is_up, at(self.now));
        self.told(changes)
    }

    fn says(&mut self, number: u32, word: &str, source: Source) -> Vec<String> {
        let state = match word.parse::<f64>() {
            Ok(_) => State::Sensor(sensor::State {
                value: Some(word.into()),
                ..sensor::State::default()
            }),
            Err(_) => State::BinarySensor(binary_sensor::State { on: Some(word == "on") }),
        };
        let report =
            Report { state: Some(state), extra: None, source, force: false, said_at: None };
        let changes = self.home.report(Handle(number), report, at(self.now));
        self.told(changes)
    }

    fn told(&mut self, changes: impl IntoIterator<Item = Change>) -> Vec<String> {
        let mut told = Vec::new();
        for change in changes {
            told.extend(self.lookout.saw(&change, &self.home, at(self.now)));
        }
        shown(told)
    }

    fn pass(&mut self, seconds: i64) -> Vec<String> {
        self.now += seconds;
        shown(self.lookout.due(&self.home, at(self.now)))
    }
}

fn shown(tidings: Vec<Tiding>) -> Vec<String> {
    let line = |one: Tiding| {
        let over = if one.is_over { " over" } else { "" };
        format!("{} {}{over}", one.kind.word(), one.name)
    };
    tidings.into_iter().map(line).collect()
}

const NOTHING: [&str; 0] = [];

#[test]
fn a_danger_is_told_once_and_when_it_is_over() {
    let mut house = House::new();
    for (number, class, word) in
        [(1, "moisture", "water"), (2, "smoke", "smoke"), (3, "carbon_monoxide", "gas")]
    {
        house.add(number, class, false);
        assert_eq!(house.says(number, "off", Source::Live), NOTHING);
        // Also what the broker kept: where it burns it burns.
        assert_eq!(house.says(number, "on", Source::Retained), [format!("{word} Thing {number}")]);
        assert_eq!(house.says(number, "on", Source::Live), NOTHING);
        let over = house.says(number, "off", Source::Live);
        assert_eq!(over, [format!("{word} Thing {number} over")]);
    }
    house.add(4, "motion", false);
    assert_eq!(house.says(4, "on", Source::Live), NOTHING, "nobody asked to be told that");
}

#[test]
fn a_door_is_left_open_after_a_while_and_a_battery_is_low_once() {
    let mut house = House::new();
    house.add(1, "door", false);
    assert_eq!(house.says(1, "on", Source::Live), NOTHING);
    assert_eq!(house.pass(599), NOTHING);
    assert_eq!(house.says(1, "off", Source::Live), NOTHING);
    assert_eq!(house.pass(10), NOTHING, "it was shut in time");
    house.says(1, "on", Source::Live);
    assert_eq!(house.lookout.next(), Some(at(house.now + 600)));
    assert_eq!(house.pass(600), ["open Thing 1"]);
    assert_eq!(house.pass(6_000), NOTHING);
    assert_eq!(house.says(1, "off", Source::Live), ["open Thing 1 over"]);

    house.add(2, "battery", true);
    for (percent, told) in
        [("50", false), ("9", true), ("11", false), ("8", false), ("19", false), ("9", false)]
    {
        let expected: Vec<String> =
            told.then(|| "battery Thing 2".to_owned()).into_iter().collect();
        assert_eq!(house.says(2, percent, Source::Live), expected, "{percent}");
    }
    assert_eq!(house.says(2, "100", Source::Live), ["battery Thing 2 over"]);
    // One that was low before the start is no news.
    house.add(3, "battery", false);
    assert_eq!(house.says(3, "on", Source::Retained), NOTHING);
}

#[test]
fn a_device_is_lost_after_a_while_and_the_broker_is_one_thing() {
    let mut house = House::new();
    house.add(1, "motion", false);
    house.add(2, "motion", false);
    house.says(1, "on", Source::Live);
    assert_eq!(house.available(1, Availability::Offline), NOTHING);
    assert_eq!(house.pass(599), NOTHING);
    assert_eq!(house.pass(1), ["lost Thing 1"]);
    assert_eq!(house.available(1, Availability::Online), ["lost Thing 1 over"]);
    // Back in time.
    house.available(1, Availability::Offline);
    house.pass(300);
    assert_eq!(house.available(1, Availability::Online), NOTHING);
    assert_eq!(house.pass(6_000), NOTHING);
    // Without the broker everything is away: one thing.
    assert_eq!(house.port(false), NOTHING);
    assert_eq!(house.pass(30), NOTHING);
    assert_eq!(house.pass(30), ["broker "]);
    assert_eq!(house.pass(60_000), NOTHING);
    assert_eq!(house.lookout.next(), None);
    let back = house.port(true);
    assert_eq!(back, ["broker  over"]);
    // A restart of it takes less and is told to nobody.
    house.port(false);
    house.pass(10);
    assert_eq!(house.port(true), NOTHING);
}

fn tiding(kind: Kind) -> Tiding {
    Tiding::of_house(kind, "x".to_owned())
}

#[test]
fn who_is_told_and_when() {
    let home = Home::new();
    let noon: Zoned = "2026-03-05T12:00:00+01:00[Europe/Paris]".parse().unwrap();
    let night: Zoned = "2026-03-05T23:30:00+01:00[Europe/Paris]".parse().unwrap();
    let early: Zoned = "2026-03-06T06:59:00+01:00[Europe/Paris]".parse().unwrap();
    let morning: Timestamp = "2026-03-06T07:00:05+01:00".parse().unwrap();
    let check = |kind, role, wishes: &Wishes, now: &Zoned| {
        when(&tiding(kind), &Rights::of(role), wishes, &home, now)
    };
    let usual = Wishes::default();
    for (kind, marks) in [(Kind::Water, "+++-"), (Kind::Battery, "++--"), (Kind::Announced, "+++-")]
    {
        let mark = |role| if check(kind, role, &usual, &noon).is_some() { '+' } else { '-' };
        assert_eq!(Role::ALL.map(mark).iter().collect::<String>(), marks, "{kind:?}");
    }
    let adult = |kind, wishes: &Wishes, now| check(kind, Role::Adult, wishes, now);
    let second = SignedDuration::from_secs(1);
    for now in [&night, &early] {
        assert_eq!(adult(Kind::Battery, &usual, now), Some(morning), "not at night");
        assert!(adult(Kind::Smoke, &usual, now).unwrap() < now.timestamp() + second);
    }
    let muted = Wishes { muted_until: noon.timestamp() + second, ..usual.clone() };
    assert_eq!(adult(Kind::Battery, &muted, &noon), None);
    assert!(adult(Kind::Smoke, &muted, &noon).is_some());
    let snoozed = vec![(tiding(Kind::Smoke).key(), noon.timestamp() + second)];
    let snoozed = Wishes { snoozed, ..usual.clone() };
    assert_eq!(adult(Kind::Smoke, &snoozed, &noon), None);
    assert!(adult(Kind::Water, &snoozed, &noon).is_some());
    assert!(adult(Kind::Smoke, &snoozed, &night).is_some(), "the hour is over");
    let never = Wishes { quiet: (0, 0), ..usual };
    assert!(adult(Kind::Battery, &never, &night).unwrap() < night.timestamp() + second * 10);
}

#[test]
fn what_comes_together_is_one_and_nobody_is_flooded() {
    let mut pile = Pile::default();
    let named = |kind, n: usize, is_over| {
        let entity = Some(EntityId::new(&format!("sensor.s{n}")));
        Tiding { entity, is_over, ..tiding(kind) }
    };
    for n in 0..200 {
        pile.add(named(Kind::Battery, n, false), at(5));
    }
    pile.add(named(Kind::Smoke, 1, false), at(1));
    assert_eq!(pile.take(at(0)), None);
    let (first, _) = pile.take(at(1)).unwrap();
    assert_eq!(shown(first), ["smoke x"]);
    let (rest, n_more) = pile.take(at(5)).unwrap();
    assert_eq!((rest.len(), n_more), (50, 150));
    // A minute between two, but for dangers.
    pile.add(named(Kind::Battery, 1, false), at(6));
    pile.add(named(Kind::Water, 1, false), at(6));
    assert_eq!(pile.take(at(6)).unwrap().0.len(), 1);
    assert_eq!(pile.take(at(59)), None);
    assert_eq!(pile.take(at(66)).unwrap().0.len(), 1);
    // What was over before it was told is not told; of a danger both are.
    pile.add(named(Kind::LeftOpen, 1, false), at(200));
    pile.add(named(Kind::LeftOpen, 1, true), at(201));
    pile.add(named(Kind::Smoke, 1, false), at(202));
    pile.add(named(Kind::Smoke, 1, true), at(203));
    let (told, _) = pile.take(at(300)).unwrap();
    assert_eq!(shown(told), ["smoke x", "smoke x over"]);
    // The same again is once.
    for _ in 0..9 {
        pile.add(named(Kind::Lost, 1, false), at(400));
    }
    assert_eq!(pile.take(at(500)).unwrap().0.len(), 1);
}
