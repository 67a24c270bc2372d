//! What Homard's automations call is what Home Assistant's call: fifty automations through some days
//! (`tests/automations/days.txt`). What Home Assistant 2025.4.4 called then was written down by
//! `tests/tools/home_assistant_peer.py` (`tests/automations/days.calls`); `make peer` writes it anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use homard::automation::rule::engine::{Done, Effect, House, Rules};
use homard::automation::rule::read;
use homard::automation::sun::Place;
use homard::automation::{Calendar, Moment};
use homard::home::Change;
use homard::home::entity::{Record, View};
use homard::home::id::EntityId;
use homard::home::value::{Attributes, Value};
use homard::json::{from_json, to_json};
use homard::text;
use homard::yaml;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;

#[derive(Debug, Default)]
struct Told(Mutex<BTreeMap<String, Record>>);

impl House for Told {
    fn record(&self, entity: &str) -> Option<Record> {
        self.0.lock().unwrap().get(entity).cloned()
    }

    fn ids(&self, domain: Option<&str>) -> Vec<String> {
        let is_in = |id: &&String| domain.is_none_or(|d| id.split_once('.').unwrap().0 == d);
        self.0.lock().unwrap().keys().filter(is_in).cloned().collect()
    }

    fn ids_in(&self, _: &str) -> Vec<String> {
        Vec::new()
    }

    fn area_of(&self, _: &str) -> Option<(String, String)> {
        None
    }
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/automations").join(name)
}

fn text_of(name: &str) -> String {
    std::fs::read_to_string(file(name)).unwrap()
}

/// As Home Assistant shows it: names of things are lists.
fn plain(mut data: Json) -> Json {
    for name in ["entity_id", "area_id", "device_id"] {
        if let Some(Json::String(said)) = data.get(name) {
            let parts: Vec<Json> = said.split(',').map(|part| part.trim().into()).collect();
            data[name] = parts.into();
        }
    }
    data
}

/// How far the two may be apart, in what they do by the sun.
const SUN: SignedDuration = SignedDuration::from_secs(30);

struct Days {
    rules: Rules,
    house: Arc<Told>,
    zone: TimeZone,
    now: Moment,
    calls: Vec<String>,
}

impl Days {
    fn new(at: Timestamp) -> Self {
        let zone = TimeZone::get("Europe/Paris").unwrap();
        let house = Arc::new(Told::default());
        let mut rules = Rules::new(house.clone());
        let now = Moment { wall: at, steady: SignedDuration::ZERO };
        let place = Some(Place { latitude: 48.8566, longitude: 2.3522 });
        rules.set_calendar(Calendar { zone: zone.clone(), place }, now);
        Self { rules, house, zone, now, calls: Vec::new() }
    }

    fn take_in(&mut self, which: &str, refused: &[&str]) {
        let Value::List(all) = yaml::parse(&text_of(which)).unwrap().0 else { panic!() };
        for (n, source) in all.iter().enumerate() {
            let rule = read::automation(&n.to_string(), source, self.rules.templates());
            assert!(rule.is_armed(), "{}", rule.alias);
            let entity = format!("automation.{}", text::slug(&rule.alias));
            if refused.contains(&&*entity) {
                continue;
            }
            self.rules.put(rule, &entity, true, self.now);
        }
        let Value::Map(scripts) = yaml::parse(&text_of("scripts.yaml")).unwrap().0 else {
            panic!()
        };
        for (id, source) in &scripts {
            let rule = read::script(id, source, self.rules.templates());
            self.rules.put(rule, &format!("script.{id}"), true, self.now);
        }
        self.settle();
        self.rules.start(self.now);
        self.settle();
    }

    fn set(&mut self, entity: &str, word: &str, attributes: Attributes) {
        let before = self.house.record(entity);
        let view = View { word: word.to_owned().into(), attributes };
        if before.as_ref().is_some_and(|before| before.view == view) {
            return;
        }
        let same = before.as_ref().filter(|before| before.view.word == view.word);
        let changed_at = same.map_or(self.now.wall, |before| before.changed_at);
        let after = Record { view, changed_at, updated_at: self.now.wall };
        self.house.0.lock().unwrap().insert(entity.to_owned(), after.clone());
        let change = Change { id: EntityId::new(entity), before, after: Some(after) };
        self.rules.tell(&change, true, self.now);
    }

    fn settle(&mut self) {
        while let Some(effect) = self.rules.next_effect() {
            match effect {
                Effect::Call { token, order, .. } => {
                    let at = self.now.wall.to_zoned(self.zone.clone());
                    let data = plain(to_json(&Value::Map(order.data.clone())));
                    let data = python(&data);
                    let at = at.strftime("%Y-%m-%dT%H:%M:%S");
                    self.calls.push(format!("{at} {}.{} {data}", order.domain, order.service));
                    self.rules.done(token, Ok(Done::default()), self.now);
                }
                Effect::Show(key) => {
                    let Some(stand) = self.rules.stand(&key) else { continue };
                    let mut attributes = Attributes::new();
                    let last = stand.last_triggered.map(|at| at.to_string());
                    attributes.put("last_triggered", last.as_deref());
                    attributes.put("friendly_name", &*stand.rule.alias);
                    attributes.put("mode", stand.rule.mode.word());
                    let word = if stand.is_on { "on" } else { "off" };
                    self.set(&stand.entity, word, attributes);
                }
                Effect::Fire { .. } => {}
                Effect::Warn { rule, text } => println!("{rule}: {text}"),
            }
        }
    }

    fn pass(&mut self, time: SignedDuration) {
        let end = self.now.steady + time;
        loop {
            let steady = self.rules.next_steady();
            let wall = self.rules.next_wall().map(|at| {
                let left = at.duration_since(self.now.wall).max(SignedDuration::ZERO);
                self.now.steady + left
            });
            let next = [steady, wall].into_iter().flatten().min().filter(|at| *at <= end);
            let to = next.unwrap_or(end).max(self.now.steady);
            let passed = to - self.now.steady;
            self.now = Moment { wall: self.now.wall + passed, steady: to };
            if next.is_none() {
                return;
            }
            self.rules.due(self.now);
            self.settle();
        }
    }

    fn play(&mut self, which: &str, line: &str, refused: &[&str]) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (first, json) = rest.split_once(' ').unwrap_or((rest, "{}"));
        let json = || from_json(&serde_json::from_str::<Json>(json).unwrap());
        match word {
            "begin" => self.take_in(which, refused),
            "service" => {}
            "event" => self.rules.tell_event(first, &json(), self.now),
            "until" => {
                let left = at(first).duration_since(self.now.wall);
                self.pass(left);
            }
            _ => match word.strip_prefix('+') {
                Some(length) => {
                    let (n, unit) = length.split_at(length.len() - 1);
                    let size = match unit {
                        "s" => 1,
                        "m" => 60,
                        _ => 3_600,
                    };
                    self.pass(SignedDuration::from_secs(n.parse::<i64>().unwrap() * size));
                }
                None => {
                    let mut attributes = Attributes::new();
                    if let Value::Map(map) = json() {
                        map.into_iter()
                            .for_each(|(name, value)| attributes.put(name.to_string(), value));
                    }
                    self.set(word, first, attributes);
                }
            },
        }
        self.settle();
    }
}

/// As Python writes it: a space after each comma and colon, names in order.
fn python(value: &Json) -> String {
    match value {
        Json::Object(map) => {
            let sorted: BTreeMap<&String, &Json> = map.iter().collect();
            let parts: Vec<String> = sorted
                .into_iter()
                .map(|(name, value)| format!("{}: {}", Json::from(name.as_str()), python(value)))
                .collect();
            format!("{{{}}}", parts.join(", "))
        }
        Json::Array(items) => {
            format!("[{}]", items.iter().map(python).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn at(text: &str) -> Timestamp {
    let civil: DateTime = text.parse().unwrap();
    civil.to_zoned(TimeZone::get("Europe/Paris").unwrap()).unwrap().timestamp()
}

#[test]
fn fifty_automations_call_what_home_assistant_calls() {
    compare("house.yaml", "days", 250);
}

#[test]
fn every_documented_form_calls_what_home_assistant_calls() {
    compare("forms.yaml", "forms", 200);
}

/// Plays a script to some automations; there are at least so many calls.
fn compare(which: &str, name: &str, least: usize) {
    let script = text_of(&format!("{name}.txt"));
    let lines: Vec<&str> =
        script.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')).collect();
    let begin = lines.iter().find_map(|line| line.strip_prefix("begin ")).unwrap();
    let theirs = text_of(&format!("{name}.calls"));
    // Buttons of MQTT are unknown to it without a broker, and days of the week in a time came with a later version.
    let refused = theirs.lines().filter_map(|line| line.strip_prefix("# ")?.rsplit(' ').next());
    let refused: Vec<&str> = refused.collect();
    assert!(refused.len() <= 3, "{refused:?}");
    let mut days = Days::new(at(begin));
    lines.iter().for_each(|line| days.play(which, line, &refused));
    let calls = days.calls.join("\n") + "\n";
    if std::env::var("UPDATE").is_ok_and(|is| is == "calls") {
        std::fs::write(file(&format!("{name}.homard")), &calls).unwrap();
    }
    let read = |calls: &str| -> Vec<(Timestamp, String)> {
        let calls = calls.lines().filter(|line| !line.starts_with('#'));
        calls
            .map(|line| line.split_once(' ').unwrap())
            .map(|(t, what)| (at(t), what.to_owned()))
            .collect()
    };
    let (ours, mut theirs) = (read(&calls), read(&theirs));
    let n = theirs.len();
    assert!(n >= least, "{n}");
    // By the second; which of two in the same second is first is nobody's business, as it differs from run to run in
    // Home Assistant. What is left is done by the sun, which the two reckon with a difference of some seconds.
    let mut left = Vec::new();
    for call in &ours {
        match theirs.iter().position(|their| their == call) {
            Some(at) => drop(theirs.remove(at)),
            None => left.push(call),
        }
    }
    let n_exact = ours.len() - left.len();
    let mut alone = Vec::new();
    for (time, what) in left {
        let is_same = |(their_time, their_what): &(Timestamp, String)| {
            their_what == what && their_time.duration_since(*time).abs() <= SUN
        };
        match theirs.iter().position(is_same) {
            Some(at) => drop(theirs.remove(at)),
            None => alone.push((time, what)),
        }
    }
    assert!(
        alone.is_empty() && theirs.is_empty(),
        "Homard alone: {alone:#?}; Home Assistant alone: {theirs:#?}"
    );
    println!("{name}: {n} calls are those of Home Assistant, {n_exact} of them to the second");
}
