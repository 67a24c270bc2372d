//! Rules on simulated time: what is told to them, and what they do when.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp, Zoned};

use super::engine::{Done, Effect, Ending, House, Rules};
use super::{Kind, Rule, RuleKey, Weight, read};
use crate::automation::sun::Place;
use crate::automation::{Calendar, Moment};
use crate::home::Change;
use crate::home::entity::{Record, View};
use crate::home::id::EntityId;
use crate::home::value::{Attributes, Value};
use crate::json::from_json;
use crate::template::Templates;

#[derive(Debug, Default)]
struct Fake(Mutex<BTreeMap<String, Record>>);

impl House for Fake {
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

struct Sim {
    rules: Rules,
    house: Arc<Fake>,
    now: Moment,
    zone: jiff::tz::TimeZone,
    log: Vec<String>,
    warnings: Vec<String>,
    /// What devices say to a call at once: `light.turn_on` of an entity.
    answers: bool,
}

fn value(yaml: &str) -> Value {
    let options = serde_saphyr::options! { strict_booleans: true };
    let json: serde_json::Value = serde_saphyr::from_str_with_options(yaml, options).unwrap();
    from_json(&json)
}

impl Sim {
    fn new(at: &str) -> Self {
        let at: Zoned = at.parse().unwrap();
        let house = Arc::new(Fake::default());
        let mut rules = Rules::new(house.clone());
        let now = Moment { wall: at.timestamp(), steady: SignedDuration::from_secs(1_000) };
        let place = match at.time_zone().iana_name() {
            Some("America/New_York") => Place { latitude: 40.7128, longitude: -74.006 },
            _ => Place { latitude: 48.8566, longitude: 2.3522 },
        };
        let zone = at.time_zone().clone();
        rules.set_calendar(Calendar { zone: zone.clone(), place: Some(place) }, now);
        let (log, warnings) = (Vec::new(), Vec::new());
        Self { rules, house, now, zone, log, warnings, answers: false }
    }

    fn rule(&mut self, id: &str, yaml: &str) {
        let rule = read::automation(id, &value(yaml), self.rules.templates());
        assert!(rule.is_armed(), "{id}: {:?}", rule.problems);
        self.rules.put(rule, &format!("automation.{id}"), true, self.now);
        self.drain();
    }

    fn script(&mut self, id: &str, yaml: &str) {
        let rule = read::script(id, &value(yaml), self.rules.templates());
        assert!(rule.is_armed(), "{id}: {:?}", rule.problems);
        self.rules.put(rule, &format!("script.{id}"), true, self.now);
    }

    /// `sensor.x 21.5 battery=80`
    fn set(&mut self, said: &str, is_live: bool) {
        let mut words = said.split(' ');
        let (id, word) = (words.next().unwrap(), words.next().unwrap());
        let mut attributes = Attributes::new();
        for pair in words {
            let (name, value) = pair.split_once('=').unwrap();
            attributes.put(name.to_owned(), super::native::native(value));
        }
        let view = View { word: word.to_owned().into(), attributes };
        let before = self.house.record(id);
        let is_new = before.as_ref().is_none_or(|before| before.view.word != view.word);
        let changed_at = if is_new { self.now.wall } else { before.as_ref().unwrap().changed_at };
        let after = Record { view, changed_at, updated_at: self.now.wall };
        self.house.0.lock().unwrap().insert(id.to_owned(), after.clone());
        let change = Change { id: EntityId::new(id), before, after: Some(after) };
        self.rules.tell(&change, is_live, self.now);
        self.drain();
    }

    /// Time passes on both clocks, from one alarm to the next.
    fn pass(&mut self, seconds: i64) {
        let end = self.now.steady + SignedDuration::from_secs(seconds);
        loop {
            let steady = self.rules.next_steady();
            let wall = self.rules.next_wall().map(|at| {
                let left = at.duration_since(self.now.wall).max(SignedDuration::ZERO);
                self.now.steady.saturating_add(left)
            });
            let next = [steady, wall].into_iter().flatten().min().filter(|at| *at <= end);
            let to = next.unwrap_or(end).max(self.now.steady);
            let passed = to - self.now.steady;
            self.now = Moment { wall: self.now.wall + passed, steady: to };
            if next.is_none() {
                return;
            }
            self.rules.due(self.now);
            self.drain();
        }
    }

    fn set_clock(&mut self, at: &str) {
        let at: Zoned = at.parse().unwrap();
        self.now.wall = at.timestamp();
        self.rules.due(self.now);
        self.drain();
    }

    fn time(&self) -> String {
        self.now.wall.to_zoned(self.zone.clone()).strftime("%H:%M:%S").to_string()
    }

    fn drain(&mut self) {
        while let Some(effect) = self.rules.next_effect() {
            match effect {
                Effect::Call { token, order, .. } => {
                    let mut line = format!("{} {}.{}", self.time(), order.domain, order.service);
                    for (name, value) in &order.data {
                        let text = match value {
                            Value::List(items) => items
                                .iter()
                                .map(|item| super::native::word(item).unwrap().to_string())
                                .collect::<Vec<_>>()
                                .join(","),
                            value => super::native::word(value)
                                .map_or(format!("{value:?}"), |word| word.to_string()),
                        };
                        if &**name == "entity_id" {
                            write!(line, " {text}").unwrap();
                        } else {
                            write!(line, " {name}={text}").unwrap();
                        }
                    }
                    self.log.push(line);
                    let target = order.data.iter().find(|(name, _)| &**name == "entity_id");
                    let target = target.and_then(|(_, value)| value.as_str()).map(str::to_owned);
                    let result = match &*order.service {
                        "fail" => Err("no such service".to_owned()),
                        _ => Ok(Done {
                            entities: target.iter().map(|id| id.as_str().into()).collect(),
                            text: "sent".to_owned(),
                        }),
                    };
                    self.rules.done(token, result, self.now);
                    if let (true, Some(target)) = (self.answers, target) {
                        let word = order.service.strip_prefix("turn_").unwrap_or("on").to_owned();
                        self.set(&format!("{target} {word}"), true);
                    }
                }
                Effect::Fire { name, data, .. } => {
                    self.log.push(format!("{} event {name} {data:?}", self.time()));
                }
                Effect::Show(_) => {}
                Effect::Warn { rule, text } => self.warnings.push(format!("{rule}: {text}")),
            }
        }
    }

    /// One line each: `+90s`, `sensor.x 5` (live), `~ sensor.x 5` (retained), `clock ZONED`,
    /// `event NAME key=value`, `press DEVICE KIND SUBTYPE`, `tag ID`, `start`, `stop ID`, `run ID`.
    fn play(&mut self, script: &str) {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
            match first {
                "~" => self.set(rest, false),
                "clock" => self.set_clock(rest),
                "start" => {
                    self.rules.start(self.now);
                    self.drain();
                }
                "event" => {
                    let (name, data) = rest.split_once(' ').unwrap_or((rest, ""));
                    let data = data.split(' ').filter_map(|pair| pair.split_once('='));
                    let data = data.map(|(k, v)| (k.into(), super::native::native(v))).collect();
                    self.rules.tell_event(name, &Value::Map(data), self.now);
                    self.drain();
                }
                "press" => {
                    let words: Vec<&str> = rest.split(' ').collect();
                    self.rules.tell_device(words[0], words[1], words[2], self.now);
                    self.drain();
                }
                "message" => {
                    let (topic, payload) = rest.split_once(' ').unwrap();
                    self.rules.tell_message(topic, topic, payload, self.now);
                    self.drain();
                }
                "tag" => {
                    self.rules.tell_tag(rest, None, self.now);
                    self.drain();
                }
                "run" => {
                    let key = self.rules.key_of(rest).unwrap().clone();
                    self.rules.trigger(&key, &[], false, self.now);
                    self.drain();
                }
                "off" | "on" => {
                    let key = self.rules.key_of(rest).unwrap().clone();
                    self.rules.turn(&key, first == "on", self.now);
                    self.drain();
                }
                _ => match first.strip_prefix('+') {
                    Some(length) => {
                        let (n, unit) = length.split_at(length.len() - 1);
                        let unit = match unit {
                            "s" => 1,
                            "m" => 60,
                            "h" => 3_600,
                            "d" => 86_400,
                            other => panic!("{other}"),
                        };
                        self.pass(n.parse::<i64>().unwrap() * unit);
                    }
                    None => self.set(line, true),
                },
            }
        }
    }

    fn endings(&self, entity: &str) -> Vec<Ending> {
        let key = self.rules.key_of(entity).unwrap();
        self.rules.traces(key).into_iter().map(|trace| trace.ending).collect()
    }
}

const NOON: &str = "2026-11-22T12:00:00[Europe/Paris]";

/// One rule, from noon of a Sunday in November in Paris.
fn check(yaml: &str, script: &str, expected: &[&str]) {
    check_at(NOON, yaml, script, expected);
}

fn check_at(at: &str, yaml: &str, script: &str, expected: &[&str]) {
    let mut sim = Sim::new(at);
    sim.rule("x", yaml);
    sim.play(script);
    assert_eq!(
        sim.log,
        expected,
        "{yaml}\n{script}\n{:#?}",
        sim.rules.traces(&RuleKey::new(Kind::Automation, "x"))
    );
    assert_eq!(sim.warnings, [""; 0], "{yaml}\n{script}");
}

#[test]
fn state_triggers_are_home_assistants() {
    let rule = |trigger: &str| {
        format!(
            "trigger: [{{platform: state, entity_id: sensor.a, {trigger}}}]\naction: [{{service: scene.turn_on}}]"
        )
    };
    let once = |at: &str| format!("{at} scene.turn_on");
    for (trigger, script, expected) in [
        ("to: 'on'", "sensor.a off\nsensor.a on\nsensor.a on x=1\nsensor.a off", vec!["12:00:00"]),
        ("from: 'off', to: 'on'", "sensor.a on\nsensor.a off\nsensor.a on", vec!["12:00:00"]),
        // Without `to` and `from`, attributes count too.
        ("alias: any", "sensor.a off\nsensor.a off x=1", vec!["12:00:00", "12:00:00"]),
        ("to: null", "sensor.a off\nsensor.a off x=1\nsensor.a on", vec!["12:00:00", "12:00:00"]),
        (
            "not_to: ['unavailable', 'off']",
            "sensor.a off\nsensor.a on\nsensor.a unavailable",
            vec!["12:00:00"],
        ),
        (
            "not_from: unavailable, to: 'on'",
            "sensor.a unavailable\nsensor.a on\nsensor.a off\nsensor.a on",
            vec!["12:00:00"],
        ),
        (
            "attribute: x, to: 2",
            "sensor.a on x=1\nsensor.a on x=2\nsensor.a off x=2",
            vec!["12:00:00"],
        ),
        (
            "attribute: x",
            "sensor.a on x=1\nsensor.a off x=1\nsensor.a off x=2",
            vec!["12:00:00", "12:00:00"],
        ),
        (
            "to: 'on', for: '00:05:00'",
            "sensor.a on\n+4m\nsensor.a off\n+10m\nsensor.a on\n+5m",
            vec!["12:19:00"],
        ),
        // Another value of the attribute does not break it.
        ("to: 'on', for: {minutes: 5}", "sensor.a on\n+4m\nsensor.a on x=1\n+2m", vec!["12:05:00"]),
        (
            "from: 'on', for: 60",
            "sensor.a on\n+1s\nsensor.a off\n+30s\nsensor.a unknown\n+2m",
            vec!["12:01:01"],
        ),
        ("to: 'on', for: \"{{ 30 + 30 }}\"", "sensor.a on\n+2m", vec!["12:01:00"]),
        // What the broker kept begins nothing, and breaks what had to last.
        ("to: 'on'", "~ sensor.a off\n~ sensor.a on", vec![]),
        ("to: 'on', for: 60", "~ sensor.a on\n+5m", vec![]),
        ("to: 'on', for: 60", "sensor.a on\n+30s\n~ sensor.a off\n+5m", vec![]),
        ("to: on", "sensor.a off\nsensor.a on", vec!["12:00:00"]),
        ("to: true", "sensor.a off\nsensor.a on", vec!["12:00:00"]),
        ("to: 5", "sensor.a 4\nsensor.a 5", vec!["12:00:00"]),
    ] {
        let expected: Vec<String> = expected.into_iter().map(once).collect();
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        check(&rule(trigger), script, &expected);
    }
}

#[test]
fn numbers_come_into_a_range_once() {
    let rule = |trigger: &str| {
        format!(
            "triggers: [{{trigger: numeric_state, entity_id: sensor.a, {trigger}}}]\nactions: [{{action: scene.turn_on}}]"
        )
    };
    for (trigger, script, n) in [
        ("above: 20", "sensor.a 19\nsensor.a 21\nsensor.a 22\nsensor.a 20\nsensor.a 20.5", 2),
        // Above from the start is no crossing.
        ("above: 20", "sensor.a 21\nsensor.a 22", 0),
        ("above: 20", "~ sensor.a 19\n~ sensor.a 21\nsensor.a 22", 0),
        ("above: 20, below: 25", "sensor.a 30\nsensor.a 22\nsensor.a 26\nsensor.a 24", 2),
        ("below: 20", "sensor.a unavailable\nsensor.a 10", 1),
        ("above: sensor.b", "sensor.b 5\nsensor.a 4\nsensor.a 6", 1),
        ("above: 10, attribute: x", "sensor.a on x=1\nsensor.a on x=11", 1),
        (
            "above: 10, value_template: \"{{ state.attributes.x * 10 }}\"",
            "sensor.a on x=1\nsensor.a on x=2",
            1,
        ),
        ("above: 20, for: 60", "sensor.a 1\nsensor.a 21\n+30s\nsensor.a 22\n+31s", 1),
        ("above: 20, for: 60", "sensor.a 1\nsensor.a 21\n+30s\nsensor.a 19\n+5m", 0),
    ] {
        let mut sim = Sim::new(NOON);
        sim.rule("x", &rule(trigger));
        sim.play(script);
        assert_eq!(sim.log.len(), n, "{trigger} {script} {:?}", sim.log);
    }
}

#[test]
fn times_of_day_come_as_the_clock_shows_them() {
    let rule =
        "triggers: {trigger: time, at: ['07:00', '19:30:10']}\nactions: [{action: scene.turn_on}]";
    check(rule, "+1d", &["19:30:10 scene.turn_on", "07:00:00 scene.turn_on"]);
    let night = "triggers: {trigger: time, at: '02:30'}\nactions: {action: scene.turn_on}";
    for (at, days, n) in [
        // Summer time begins: half past two does not come on that day.
        ("2026-03-28T12:00:00[Europe/Paris]", "+1d", 0),
        ("2026-03-28T12:00:00[Europe/Paris]", "+2d", 1),
        // It ends: it comes twice.
        ("2026-10-24T12:00:00[Europe/Paris]", "+1d", 2),
        ("2026-03-07T12:00:00[America/New_York]", "+1d", 0),
        ("2026-10-31T12:00:00[America/New_York]", "+2d", 3),
        ("2028-02-28T12:00:00[Europe/Paris]", "+2d", 2),
    ] {
        let mut sim = Sim::new(at);
        sim.rule(
            "x",
            night
                .replace(
                    "02:30",
                    if at.contains("New_York") && at.contains("10-31") { "01:30" } else { "02:30" },
                )
                .as_str(),
        );
        sim.play(days);
        assert_eq!(sim.log.len(), n, "{at} {days}: {:?}", sim.log);
    }
    let entity = "triggers: {trigger: time, at: {entity_id: sensor.wake, offset: '-00:10:00'}}\nactions: {action: scene.turn_on}";
    check(
        entity,
        "sensor.wake 2026-11-22T12:30:00+01:00\n+1h\n~ sensor.wake 2026-11-22T14:00:00+01:00\n+2h",
        &["12:20:00 scene.turn_on", "13:50:00 scene.turn_on"],
    );
}

#[test]
fn a_year_runs_in_a_moment() {
    for zone in ["Europe/Paris", "America/New_York"] {
        let mut sim = Sim::new(&format!("2028-01-01T00:00:00[{zone}]"));
        sim.rule("a", "triggers: {trigger: time, at: '07:00'}\nactions: {action: scene.turn_on}");
        sim.rule("b", "triggers: {trigger: sun, event: sunset, offset: '-00:30:00'}\nactions: {action: scene.turn_on}");
        sim.rule(
            "c",
            "triggers: {trigger: time_pattern, hours: '/6'}\nactions: {action: scene.turn_on}",
        );
        // 2028 is a leap year.
        sim.play("+366d");
        assert_eq!(sim.log.len(), 366 + 366 + 366 * 4, "{zone}");
        assert_eq!(sim.warnings, [""; 0]);
    }
}

#[test]
fn the_clock_may_be_set() {
    let seven = "triggers: {trigger: time, at: '13:00'}\nactions: {action: scene.turn_on}";
    // Back after it came: not a second time on that day.
    check(seven, "+70m\nclock 2026-11-22T12:30:00[Europe/Paris]\n+2h", &["13:00:00 scene.turn_on"]);
    // Back before it came: when the clock shows it.
    check(seven, "+30m\nclock 2026-11-22T11:30:00[Europe/Paris]\n+89m", &[]);
    check(
        seven,
        "+30m\nclock 2026-11-22T11:30:00[Europe/Paris]\n+91m",
        &["13:00:00 scene.turn_on"],
    );
    // A little over it: now.
    check(seven, "+30m\nclock 2026-11-22T13:01:00[Europe/Paris]", &["13:01:00 scene.turn_on"]);
    // Far over it: missed, and told.
    let mut sim = Sim::new(NOON);
    sim.rule("x", seven);
    sim.play("+30m\nclock 2026-11-22T15:00:00[Europe/Paris]");
    assert_eq!(sim.log, [""; 0]);
    assert_eq!(sim.warnings.len(), 1, "{:?}", sim.warnings);
    assert_eq!(sim.endings("automation.x"), [Ending::Missed]);
    sim.play("+1d");
    assert_eq!(sim.log.len(), 1);
    // A clock that was never set: nobody missed anything.
    let mut sim = Sim::new("1970-01-01T01:00:00[Europe/Paris]");
    sim.rule("x", seven);
    sim.play("+5s\nclock 2026-11-22T15:00:00[Europe/Paris]\n+1d");
    assert_eq!(sim.log, ["13:00:00 scene.turn_on"]);
    assert_eq!(sim.warnings, [""; 0]);
    // What waits for time to pass does not care.
    let delay = "triggers: {trigger: event, event_type: go}\nactions: [{delay: '00:10:00'}, {action: scene.turn_on}]";
    check(delay, "event go\n+5m\nclock 2026-11-23T12:00:00[Europe/Paris]\n+4m", &[]);
    check(
        delay,
        "event go\n+5m\nclock 2026-11-20T12:00:00[Europe/Paris]\n+5m",
        &["12:05:00 scene.turn_on"],
    );
}

#[test]
fn what_waits_for_time_to_pass_does_not_care_for_the_clock() {
    let go = "triggers: {trigger: event, event_type: go}\nactions:";
    let wait = format!(
        "{go} [{{wait_for_trigger: {{trigger: event, event_type: never}}, timeout: '00:10:00'}}, {{action: scene.turn_on}}]"
    );
    let repeat = format!(
        "{go} [{{repeat: {{count: 2, sequence: [{{delay: '00:05:00'}}]}}}}, {{action: scene.turn_on}}]"
    );
    let both = format!(
        "{go} [{{parallel: [{{delay: '00:10:00'}}, {{delay: '00:01:00'}}]}}, {{action: scene.turn_on}}]"
    );
    let lasts = "triggers: {trigger: state, entity_id: light.a, to: 'on', for: '00:10:00'}\nactions: {action: scene.turn_on}";
    for (rule, begins) in
        [(&*wait, "event go"), (&repeat, "event go"), (&both, "event go"), (lasts, "light.a on")]
    {
        for clock in ["2026-11-23T12:00:00", "2026-11-20T12:00:00", "2027-06-01T12:00:00"] {
            let mut sim = Sim::new(NOON);
            sim.rule("x", rule);
            sim.play(&format!("{begins}\n+4m\nclock {clock}[Europe/Paris]\n+5m"));
            assert_eq!(sim.log, [""; 0], "{rule} {clock}");
            sim.play("+1m");
            assert_eq!(sim.log, ["12:06:00 scene.turn_on"], "{rule} {clock}");
        }
    }
}

#[test]
fn summer_time_begins_and_ends_for_every_kind_of_clock() {
    let act = "actions: {action: scene.turn_on}";
    let hourly = format!("triggers: {{trigger: time_pattern, hours: '*', minutes: 30}}\n{act}");
    let night = "triggers: {trigger: time, at: '23:00'}\nactions: [{delay: '05:00:00'}, {action: scene.turn_on}]";
    let sun = format!("triggers: {{trigger: sun, event: sunrise}}\n{act}");
    let hours = format!(
        "triggers: {{trigger: time_pattern, minutes: 30}}\nconditions: {{condition: time, after: '02:00', before: '03:00'}}\n{act}"
    );
    for (zone, spring, autumn) in [
        ("Europe/Paris", "2026-03-28", "2026-10-24"),
        ("America/New_York", "2026-03-07", "2026-10-31"),
    ] {
        for (day, n_hours) in [(spring, 23), (autumn, 25)] {
            let at = format!("{day}T22:00:00[{zone}]");
            let log = |rule: &str| {
                let mut sim = Sim::new(&at);
                sim.rule("x", rule);
                sim.play(&format!("+{n_hours}h"));
                sim.log
            };
            // Each hour that passes has its half, be it shown twice or never.
            assert_eq!(log(&hourly).len(), n_hours, "{at}");
            // Five hours are five hours.
            let wakes = if day == spring { "05:00:00" } else { "03:00:00" };
            assert_eq!(log(night), [format!("{wakes} scene.turn_on")], "{at}");
            assert_eq!(log(&sun).len(), 1, "{at}");
        }
    }
    // Between two and three o'clock: an hour that Paris does not have in spring, and twice in autumn.
    for (at, n) in
        [("2026-03-28T22:00:00[Europe/Paris]", 0), ("2026-10-24T22:00:00[Europe/Paris]", 2)]
    {
        let mut sim = Sim::new(at);
        sim.rule("x", &hours);
        sim.play("+12h");
        assert_eq!(sim.log.len(), n, "{at}: {:?}", sim.log);
    }
}

#[test]
fn templates_are_looked_at_when_what_they_ask_for_changes() {
    let rule = "
triggers: {trigger: template, value_template: \"{{ is_state('light.a', 'on') and states('sensor.b') | float(0) > 5 }}\"}
actions: {action: scene.turn_on}";
    check(
        rule,
        "light.a on\nsensor.b 6\nsensor.b 7\nlight.a off\nlight.a on",
        &["12:00:00 scene.turn_on"; 2],
    );
    check(rule, "~ light.a on\n~ sensor.b 6\nsensor.b 7", &[]);
    let count = "
triggers: {trigger: template, value_template: \"{{ states.light | selectattr('state', 'eq', 'on') | list | count >= 2 }}\", for: 10}
actions: {action: scene.turn_on}";
    check(
        count,
        "light.a on\nlight.b on\n+5s\nlight.a off\n+1m\nlight.a on\n+10s",
        &["12:01:15 scene.turn_on"],
    );
    let clock = "
triggers: {trigger: template, value_template: \"{{ now().hour == 13 }}\"}
actions: {action: scene.turn_on}";
    check(clock, "+3h", &["13:00:00 scene.turn_on"]);
    let since = "
triggers: {trigger: template, value_template: \"{{ has_value('light.a') and (now() - states.light.a.last_changed).total_seconds() > 600 }}\"}
actions: {action: scene.turn_on}";
    check(since, "light.a on\n+30m", &["12:11:00 scene.turn_on"]);
}

#[test]
fn other_triggers() {
    let rule =
        |trigger: &str| format!("triggers: [{trigger}]\nactions: [{{action: scene.turn_on}}]");
    for (trigger, script, n) in [
        (
            "{trigger: event, event_type: go, event_data: {room: hall}}",
            "event go\nevent go room=hall x=1\nevent go room=den",
            1,
        ),
        (
            "{platform: device, domain: mqtt, device_id: d1, type: action, subtype: single, discovery_id: q}",
            "press d1 action single\npress d1 action double\npress d2 action single",
            1,
        ),
        ("{trigger: tag, tag_id: [a, b]}", "tag a\ntag c\ntag b", 2),
        ("{trigger: homeassistant, event: start}", "start", 1),
        ("{trigger: mqtt, topic: a/b}", "message a/b x\nmessage a/c x", 1),
        ("{trigger: mqtt, topic: a/b, payload: 'on'}", "message a/b off\nmessage a/b on", 1),
        (
            "{trigger: mqtt, topic: a/b, payload: 5, value_template: \"{{ value_json.n }}\"}",
            "message a/b {\"n\":4}\nmessage a/b {\"n\":5}\nmessage a/b no",
            1,
        ),
        ("{trigger: time_pattern, minutes: /10}", "+1h", 6),
        ("{trigger: sun, event: sunset}", "+1d", 1),
        ("{trigger: state, entity_id: sun.sun, to: below_horizon}", "+1d", 1),
        ("{trigger: event, event_type: go, enabled: false}", "event go", 0),
    ] {
        let mut sim = Sim::new(NOON);
        sim.rule("x", &rule(trigger));
        sim.play(script);
        assert_eq!(sim.log.len(), n, "{trigger} {script} {:?}", sim.log);
    }
}

#[test]
fn conditions_hold_or_do_not() {
    let rule = |condition: &str| {
        format!(
            "triggers: {{trigger: event, event_type: go, id: me}}\nconditions: [{condition}]\nactions: {{action: scene.turn_on}}"
        )
    };
    for (condition, script, holds) in [
        ("{condition: state, entity_id: light.a, state: 'on'}", "light.a on", true),
        ("{condition: state, entity_id: light.a, state: ['on', dim]}", "light.a off", false),
        (
            "{condition: state, entity_id: [light.a, light.b], state: 'on'}",
            "light.a on\nlight.b off",
            false,
        ),
        (
            "{condition: state, entity_id: [light.a, light.b], state: 'on', match: any}",
            "light.a on\nlight.b off",
            true,
        ),
        ("{condition: state, entity_id: light.a, state: 'on', for: 60}", "light.a on\n+59s", false),
        ("{condition: state, entity_id: light.a, state: 'on', for: 60}", "light.a on\n+61s", true),
        ("{condition: state, entity_id: light.a, attribute: x, state: 3}", "light.a on x=3", true),
        // What is not there holds nothing.
        ("{condition: state, entity_id: light.none, state: 'on'}", "", false),
        (
            "{condition: not, conditions: [{condition: state, entity_id: light.none, state: 'on'}]}",
            "",
            false,
        ),
        (
            "{condition: numeric_state, entity_id: sensor.a, above: 5, below: 10}",
            "sensor.a 7",
            true,
        ),
        ("{condition: numeric_state, entity_id: sensor.a, above: 5}", "sensor.a unknown", false),
        ("{condition: time, after: '11:00', before: '13:00'}", "", true),
        ("{condition: time, after: '22:00', before: '06:00'}", "", false),
        ("{condition: time, after: '22:00', before: '06:00'}", "+11h", true),
        ("{condition: time, after: '22:00', before: '06:00'}", "+17h", true),
        ("{condition: time, weekday: [sat, sun]}", "", true),
        ("{condition: time, weekday: mon}", "", false),
        ("{condition: sun, after: sunset}", "", false),
        ("{condition: sun, after: sunset}", "+6h", true),
        ("{condition: sun, after: sunset, before: sunrise}", "+14h", true),
        ("{condition: sun, after: sunrise, before: sunset}", "", true),
        ("{condition: sun, before: sunset, before_offset: '-05:30:00'}", "", false),
        ("{condition: state, entity_id: sun.sun, state: above_horizon}", "", true),
        ("\"{{ trigger.id == 'me' }}\"", "", true),
        ("\"{{ state_attr('light.a', 'x') > 2 }}\"", "light.a on x=3", true),
        ("{condition: trigger, id: [me, you]}", "", true),
        ("{condition: trigger, id: you}", "", false),
        ("{or: [{condition: trigger, id: you}, \"{{ true }}\"]}", "", true),
        ("{and: [\"{{ false }}\", \"{{ true }}\"]}", "", false),
        ("{not: [\"{{ false }}\"]}", "", true),
        ("{condition: trigger, id: you, enabled: false}", "", true),
    ] {
        let expected = if holds { 1 } else { 0 };
        let mut sim = Sim::new(NOON);
        sim.rule("x", &rule(condition));
        sim.play(script);
        sim.play("event go");
        assert_eq!(
            sim.log.len(),
            expected,
            "{condition} {script}: {:?}",
            sim.rules.traces(&RuleKey::new(Kind::Automation, "x"))
        );
    }
}

#[test]
fn steps_are_done_in_order() {
    let rule = |steps: &str| {
        format!("triggers: {{trigger: event, event_type: go}}\nmode: restart\nactions: {steps}")
    };
    for (steps, script, expected) in [
        (
            "[{action: light.turn_on, target: {entity_id: light.a}, data: {brightness: \"{{ 5 * 5 }}\"}}]",
            "event go",
            vec!["12:00:00 light.turn_on brightness=25 light.a"],
        ),
        (
            "[{service: light.turn_on, entity_id: light.a}, {delay: 5}, {service: light.turn_off, entity_id: light.a}]",
            "event go\n+1m",
            vec!["12:00:00 light.turn_on light.a", "12:00:05 light.turn_off light.a"],
        ),
        (
            "[{delay: {minutes: \"{{ 1 + 1 }}\"}}, {action: scene.turn_on}]",
            "event go\n+5m",
            vec!["12:02:00 scene.turn_on"],
        ),
        // A run that begins anew has forgotten the old one.
        (
            "[{delay: 60}, {action: scene.turn_on}]",
            "event go\n+30s\nevent go\n+5m",
            vec!["12:01:30 scene.turn_on"],
        ),
        (
            "[{condition: state, entity_id: light.a, state: 'on'}, {action: scene.turn_on}]",
            "light.a off\nevent go",
            vec![],
        ),
        (
            "[{if: \"{{ false }}\", then: {action: scene.turn_on}, else: {action: scene.apply}}]",
            "event go",
            vec!["12:00:00 scene.apply"],
        ),
        // A condition within a sequence ends that sequence only.
        (
            "[{if: \"{{ true }}\", then: [\"{{ false }}\", {action: scene.apply}]}, {action: scene.turn_on}]",
            "event go",
            vec!["12:00:00 scene.turn_on"],
        ),
        (
            "[{choose: [{conditions: \"{{ false }}\", sequence: {action: scene.apply}}, {conditions: [\"{{ true }}\"], sequence: [{action: scene.turn_on}]}], default: []}]",
            "event go",
            vec!["12:00:00 scene.turn_on"],
        ),
        (
            "[{choose: [], default: [{action: scene.turn_on}]}]",
            "event go",
            vec!["12:00:00 scene.turn_on"],
        ),
        (
            "[{repeat: {count: 2, sequence: [{action: scene.turn_on, data: {n: \"{{ repeat.index }}\", last: \"{{ repeat.last }}\"}}, {delay: 1}]}}, {action: scene.apply}]",
            "event go\n+1m",
            vec![
                "12:00:00 scene.turn_on n=1 last=False",
                "12:00:01 scene.turn_on n=2 last=True",
                "12:00:02 scene.apply",
            ],
        ),
        (
            "[{repeat: {for_each: [a, b], sequence: [{action: scene.turn_on, data: {n: \"{{ repeat.item }}\"}}]}}]",
            "event go",
            vec!["12:00:00 scene.turn_on n=a", "12:00:00 scene.turn_on n=b"],
        ),
        (
            "[{repeat: {while: \"{{ repeat.index <= 2 }}\", sequence: [{action: scene.turn_on}]}}]",
            "event go",
            vec!["12:00:00 scene.turn_on"; 2],
        ),
        (
            "[{repeat: {until: \"{{ repeat.index == 3 }}\", sequence: [{action: scene.turn_on}]}}]",
            "event go",
            vec!["12:00:00 scene.turn_on"; 3],
        ),
        (
            "[{wait_for_trigger: {trigger: state, entity_id: light.a, to: 'on'}, timeout: 60}, {action: scene.turn_on, data: {n: \"{{ wait.trigger.to_state.state }}\"}}]",
            "event go\n+30s\nlight.a on\n+5m",
            vec!["12:00:30 scene.turn_on n=on"],
        ),
        (
            "[{wait_for_trigger: {trigger: state, entity_id: light.a, to: 'on'}, timeout: 60}, {action: scene.turn_on, data: {n: \"{{ wait.trigger }}\"}}]",
            "event go\n+5m",
            vec!["12:01:00 scene.turn_on n=Null"],
        ),
        (
            "[{wait_for_trigger: {trigger: state, entity_id: light.a, to: 'on'}, timeout: 60, continue_on_timeout: false}, {action: scene.turn_on}]",
            "event go\n+5m",
            vec![],
        ),
        (
            "[{wait_template: \"{{ is_state('light.a', 'on') }}\"}, {action: scene.turn_on}]",
            "light.a off\nevent go\n+1h\nlight.a on",
            vec!["13:00:00 scene.turn_on"],
        ),
        (
            "[{wait_template: \"{{ is_state('light.a', 'on') }}\", timeout: 5}, {action: scene.turn_on, data: {n: \"{{ wait.completed }}\"}}]",
            "light.a on\nevent go",
            vec!["12:00:00 scene.turn_on n=True"],
        ),
        (
            "[{parallel: [{action: scene.apply}, {sequence: [{delay: 5}, {action: scene.create}]}, [{delay: 2}]]}, {action: scene.turn_on}]",
            "event go\n+1m",
            vec!["12:00:00 scene.apply", "12:00:05 scene.create", "12:00:05 scene.turn_on"],
        ),
        ("[{stop: enough}, {action: scene.turn_on}]", "event go", vec![]),
        (
            "[{if: [\"{{ true }}\"], then: [{stop: enough}]}, {action: scene.turn_on}]",
            "event go",
            vec![],
        ),
        (
            "[{variables: {x: 1, y: \"{{ x + 1 }}\"}}, {if: \"{{ true }}\", then: {variables: {x: 5}}}, {action: scene.turn_on, data: {n: \"{{ x + y }}\"}}]",
            "event go",
            vec!["12:00:00 scene.turn_on n=7"],
        ),
        (
            "[{action: scene.turn_on, enabled: false}, {action: scene.apply}]",
            "event go",
            vec!["12:00:00 scene.apply"],
        ),
        ("[{scene: scene.evening}]", "event go", vec!["12:00:00 scene.turn_on scene.evening"]),
        (
            "[{sequence: [{action: scene.turn_on}, {action: scene.apply}]}]",
            "event go",
            vec!["12:00:00 scene.turn_on", "12:00:00 scene.apply"],
        ),
        (
            "[{device_id: abc, domain: switch, entity_id: switch.a, type: turn_on}]",
            "event go",
            vec!["12:00:00 switch.turn_on switch.a"],
        ),
        (
            "[{action: notify.fail, continue_on_error: true}, {action: scene.turn_on}]",
            "event go",
            vec!["12:00:00 notify.fail", "12:00:00 scene.turn_on"],
        ),
        (
            "[{action: \"light.turn_{{ 'on' if trigger.event.data.x == 1 else 'off' }}\", target: {entity_id: \"{{ trigger.event.data.e }}\"}}]",
            "event go x=1 e=light.q",
            vec!["12:00:00 light.turn_on light.q"],
        ),
    ] {
        // `scene.apply` and `scene.create` stand for any call here.
        let steps =
            steps.replace("scene.apply", "notify.apply").replace("scene.create", "notify.create");
        let expected: Vec<String> = expected
            .iter()
            .map(|line| {
                line.replace("scene.apply", "notify.apply").replace("scene.create", "notify.create")
            })
            .collect();
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        check(&rule(&steps), script, &expected);
    }
}

#[test]
fn modes_say_what_happens_while_it_runs() {
    let rule = |mode: &str| {
        format!(
            "triggers: {{trigger: event, event_type: go}}\n{mode}\nactions: [{{action: scene.turn_on}}, {{delay: 10}}, {{action: notify.end}}]"
        )
    };
    let script = "event go\n+5s\nevent go\n+5s\n+20s";
    for (mode, expected) in [
        ("mode: single", vec!["12:00:00 scene.turn_on", "12:00:10 notify.end"]),
        (
            "mode: restart",
            vec!["12:00:00 scene.turn_on", "12:00:05 scene.turn_on", "12:00:15 notify.end"],
        ),
        (
            "mode: queued",
            vec![
                "12:00:00 scene.turn_on",
                "12:00:10 notify.end",
                "12:00:10 scene.turn_on",
                "12:00:20 notify.end",
            ],
        ),
        (
            "mode: parallel",
            vec![
                "12:00:00 scene.turn_on",
                "12:00:05 scene.turn_on",
                "12:00:10 notify.end",
                "12:00:15 notify.end",
            ],
        ),
        ("mode: parallel\nmax: 1", vec!["12:00:00 scene.turn_on", "12:00:10 notify.end"]),
    ] {
        check(&rule(mode), script, &expected);
    }
}

#[test]
fn what_was_waiting_at_a_restart_is_told_and_does_not_go_on() {
    let start = "triggers: {trigger: event, event_type: go}";
    for (rule, script, place) in [
        (format!("{start}\nactions: [{{delay: 60}}, {{action: scene.turn_on}}]"), "event go", "delay at action/0"),
        (format!("{start}\nactions: [{{wait_template: \"{{{{ is_state('light.a', 'on') }}}}\"}}, {{action: scene.turn_on}}]"), "event go", "wait_template at action/0"),
        (format!("{start}\nactions: [{{wait_for_trigger: {{trigger: state, entity_id: light.a}}}}, {{action: scene.turn_on}}]"), "event go", "wait_for_trigger at action/0"),
        (format!("{start}\nactions: [{{repeat: {{count: 3, sequence: [{{delay: 60}}]}}}}]"), "event go", "delay at action/0/repeat/sequence/0"),
        ("triggers: {trigger: state, entity_id: light.a, to: 'on', for: 60}\nactions: {action: scene.turn_on}".to_owned(), "light.a on", "light.a changed from nothing to on"),
        ("triggers: {trigger: numeric_state, entity_id: sensor.x, above: 5, for: 60}\nactions: {action: scene.turn_on}".to_owned(), "sensor.x 1\nsensor.x 9", "sensor.x came into its range"),
        ("triggers: {trigger: template, value_template: \"{{ is_state('light.a', 'on') }}\", for: 60}\nactions: {action: scene.turn_on}".to_owned(), "light.a off\nlight.a on", "a template turned true"),
        (format!("{start}\nactions: [{{wait_for_trigger: {{trigger: state, entity_id: light.a}}, timeout: 60}}, {{action: scene.turn_on}}]"), "event go\n+30s", "wait_for_trigger at action/0"),
        (format!("{start}\nactions: [{{wait_template: \"{{{{ false }}}}\", timeout: 60}}, {{action: scene.turn_on}}]"), "event go\n+30s", "wait_template at action/0"),
        (format!("{start}\nactions: [{{choose: [{{conditions: [], sequence: [{{delay: 60}}, {{action: scene.turn_on}}]}}]}}]"), "event go", "delay at action/0/choose/0/sequence/0"),
        (format!("{start}\nactions: [{{if: [], then: [{{delay: 60}}, {{action: scene.turn_on}}]}}]"), "event go", "delay at action/0/then/0"),
        (format!("{start}\nactions: [{{parallel: [{{delay: 60}}, {{sequence: [{{delay: 90}}, {{action: scene.turn_on}}]}}]}}]"), "event go", "delay at action/0/parallel/1/sequence/0"),
        (format!("{start}\nactions: [{{repeat: {{while: \"{{{{ true }}}}\", sequence: [{{delay: 60}}]}}}}]"), "event go\n+90s", "delay at action/0/repeat/sequence/0"),
        (format!("{start}\nactions: [{{repeat: {{for_each: [1, 2], sequence: [{{delay: 60}}]}}}}]"), "event go\n+90s", "delay at action/0/repeat/sequence/0"),
    ] {
        let mut before = Sim::new(NOON);
        before.rule("x", &rule);
        before.play(script);
        let waiting = before.rules.waiting();
        assert_eq!(waiting.len(), 1, "{rule}");
        assert!(waiting[0].text.contains(place), "{}", waiting[0].text);
        let mut after = Sim::new(NOON);
        after.rule("x", &rule);
        after.rules.interrupted(waiting, after.now);
        after.drain();
        after.play("~ light.a on\n+1d");
        assert_eq!(after.log, [""; 0], "{rule}");
        assert_eq!(after.warnings.len(), 1);
        assert!(matches!(after.endings("automation.x")[..], [Ending::Interrupted(_)]));
    }
}

#[test]
fn what_was_missed_while_off_is_told_once_and_not_done() {
    for (since, n) in [
        ("2026-11-21T06:00:00[Europe/Paris]", 1),
        ("2026-11-22T06:00:00[Europe/Paris]", 1),
        ("2026-11-22T07:30:00[Europe/Paris]", 0),
        ("1970-01-01T00:00:00[Europe/Paris]", 1),
    ] {
        let mut sim = Sim::new(NOON);
        sim.rule("x", "triggers: {trigger: time, at: '07:00'}\nactions: {action: scene.turn_on}");
        sim.rule(
            "y",
            "triggers: {trigger: time_pattern, minutes: 5}\nactions: {action: scene.turn_on}",
        );
        let since: Zoned = since.parse().unwrap();
        sim.rules.was_off(since.timestamp(), sim.now);
        sim.drain();
        assert_eq!(sim.log, [""; 0]);
        assert_eq!(sim.warnings.len(), n, "{since}: {:?}", sim.warnings);
    }
}

#[test]
fn rules_that_begin_each_other_are_stopped_and_named() {
    let mut sim = Sim::new(NOON);
    sim.answers = true;
    let rule = |to: &str, turn: &str| {
        format!(
            "triggers: {{trigger: state, entity_id: light.a, to: '{to}'}}\nmode: parallel\nactions: {{action: light.turn_{turn}, target: {{entity_id: light.a}}}}"
        )
    };
    sim.rule("ping", &rule("on", "off"));
    sim.rule("pong", &rule("off", "on"));
    sim.play("light.a on");
    assert!(sim.log.len() < 20, "{:?}", sim.log);
    assert!(
        sim.warnings.iter().any(|text| text.contains("automation.ping → automation.pong")),
        "{:?}",
        sim.warnings
    );
    // By events, and by each other's names.
    let mut sim = Sim::new(NOON);
    sim.rule("a", "triggers: {trigger: event, event_type: x}\nmode: parallel\nactions: {event: y}");
    sim.rule("b", "triggers: {trigger: event, event_type: y}\nmode: parallel\nactions: {event: x}");
    sim.rule("c", "triggers: {trigger: event, event_type: z}\nmode: parallel\nactions: {action: automation.trigger, target: {entity_id: automation.c}}");
    sim.play("event x\nevent z");
    assert!(sim.log.len() < 20);
    assert_eq!(sim.warnings.len(), 2, "{:?}", sim.warnings);
    // A person who does it again and again is no loop.
    let mut sim = Sim::new(NOON);
    sim.rule("ping", &rule("on", "off"));
    for _ in 0..50 {
        sim.play("light.a on\nlight.a off\n+10s");
    }
    assert_eq!(sim.log.len(), 50);
}

#[test]
fn a_run_without_end_and_a_flood_are_stopped() {
    let mut sim = Sim::new(NOON);
    sim.rule("x", "triggers: {trigger: event, event_type: go}\nactions: {repeat: {while: \"{{ true }}\", sequence: [{variables: {x: 1}}]}}");
    sim.play("event go");
    assert!(
        matches!(&sim.endings("automation.x")[..], [Ending::Failed(why)] if why.contains("without waiting"))
    );
    let mut sim = Sim::new(NOON);
    sim.rule("x", "triggers: {trigger: event, event_type: go}\nactions: {action: scene.turn_on}");
    for _ in 0..2_000 {
        sim.play("event go");
    }
    assert_eq!(sim.log.len(), 600);
    assert_eq!(sim.warnings.len(), 1);
    sim.play("+61s\nevent go");
    assert_eq!(sim.log.len(), 601);
}

#[test]
fn scripts_are_called_with_fields_and_waited_for() {
    let mut sim = Sim::new(NOON);
    sim.script("blink", "fields: {n: {default: 3}}\nsequence: [{action: light.turn_on, data: {n: \"{{ n }}\"}}, {delay: 5}]");
    sim.rule("x", "triggers: {trigger: event, event_type: go}\nactions: [{action: script.blink, data: {n: 7}}, {action: scene.turn_on}]");
    sim.rule("y", "triggers: {trigger: event, event_type: other}\nactions: [{action: script.turn_on, target: {entity_id: script.blink}}, {action: scene.turn_on}]");
    sim.play("event go\n+1m\nevent other\n+1m");
    assert_eq!(
        sim.log,
        [
            "12:00:00 light.turn_on n=7",
            "12:00:05 scene.turn_on",
            "12:01:00 scene.turn_on",
            "12:01:00 light.turn_on n=3"
        ]
    );
}

#[test]
fn a_rule_that_is_off_is_deaf_and_stopped_with_its_actions() {
    let mut sim = Sim::new(NOON);
    sim.rule("x", "triggers: {trigger: event, event_type: go}\nactions: [{delay: 10}, {action: scene.turn_on}]");
    sim.rule("y", "triggers: {trigger: event, event_type: stop}\nactions: [{action: automation.turn_off, target: {entity_id: automation.x}}]");
    sim.play("event go\n+5s\nevent stop\n+1m\nevent go\n+1m");
    assert_eq!(sim.log, [""; 0]);
    sim.play("on automation.x\nevent go\n+1m");
    assert_eq!(sim.log.len(), 1);
}

#[test]
fn what_is_not_supported_is_told_with_its_place() {
    let read = |yaml: &str| read::automation("x", &value(yaml), &Templates::default());
    for (yaml, path, weight) in [
        (
            "triggers: [{trigger: zone, entity_id: person.a, zone: zone.home, event: enter}]\nactions: []",
            "triggers/0/trigger",
            Weight::Deaf,
        ),
        ("trigger: [{platform: mqtt, topic: '#'}]\naction: []", "trigger/0", Weight::Deaf),
        (
            "trigger: [{platform: webhook, webhook_id: a}]\naction: []",
            "trigger/0/platform",
            Weight::Deaf,
        ),
        (
            "triggers: []\nactions: [{action: input_boolean.turn_on, target: {entity_id: input_boolean.a}}]",
            "actions/0/action",
            Weight::Disarms,
        ),
        ("triggers: []\nactions: [{action: light.explode}]", "actions/0/action", Weight::Disarms),
        (
            "triggers: []\nactions: [{action: light.turn_on, target: {label_id: x}}]",
            "actions/0/target/label_id",
            Weight::Disarms,
        ),
        ("triggers: []\nactions: [{dance: now}]", "actions/0", Weight::Disarms),
        (
            "triggers: []\nconditions: [{condition: moon}]\nactions: []",
            "conditions/0/condition",
            Weight::Disarms,
        ),
        (
            "triggers: []\nconditions: [{condition: and, conditions: [{condition: state, entity_id: light.a}]}]\nactions: []",
            "conditions/0/conditions/0",
            Weight::Disarms,
        ),
        (
            "triggers: []\nactions: [{choose: [{conditions: [], sequence: [{delay: soon}]}]}]",
            "actions/0/choose/0/sequence/0/delay",
            Weight::Disarms,
        ),
        (
            "triggers: []\nactions: [{action: light.turn_on, data: {brightness: \"{{ 5 +\"}}]",
            "actions/0/data/brightness",
            Weight::Disarms,
        ),
        ("triggers: []\nactions: []\nfoo: 1", "foo", Weight::Note),
        (
            "triggers: [{trigger: state, entity_id: light.a, too: 'on'}]\nactions: []",
            "triggers/0/too",
            Weight::Deaf,
        ),
        (
            "triggers: [{trigger: zone, enabled: false}]\nactions: []",
            "triggers/0/trigger",
            Weight::Note,
        ),
        ("use_blueprint: {path: a}", "", Weight::Disarms),
        ("triggers: []\nactions: []\nmode: double", "mode", Weight::Disarms),
        ("- 1", "", Weight::Disarms),
    ] {
        let rule: Rule = read(yaml);
        let found = rule.problems.iter().find(|problem| problem.path == path);
        assert_eq!(
            found.map(|problem| problem.weight),
            Some(weight),
            "{yaml}: {:?}",
            rule.problems
        );
        assert_eq!(rule.is_armed(), weight != Weight::Disarms, "{yaml}");
    }
}

#[test]
fn a_failed_call_ends_the_run_and_is_told() {
    let mut sim = Sim::new(NOON);
    sim.rule("x", "triggers: {trigger: event, event_type: go}\nactions: [{action: notify.fail}, {action: scene.turn_on}]");
    sim.play("event go");
    assert_eq!(sim.log.len(), 1);
    assert!(matches!(&sim.endings("automation.x")[..], [Ending::Failed(_)]));
    let key = RuleKey::new(Kind::Automation, "x");
    let trace = &sim.rules.traces(&key)[0];
    assert_eq!(trace.steps[0].result, "failed: no such service");
    assert_eq!(trace.trigger, "the event go");
    let _: Timestamp = trace.began;
}

#[test]
fn the_lamps_of_a_scene_take_as_long_as_was_said() {
    let mut sim = Sim::new(NOON);
    let source = "name: Evening\nentities: {light.a: {state: 'on', brightness: 80}, light.b: 'off', switch.c: 'on'}";
    let rule = read::scene("evening", &value(source), sim.rules.templates());
    sim.rules.put(rule, "scene.evening", true, sim.now);
    let key = RuleKey::new(Kind::Scene, "evening");
    for given in [vec![("transition".into(), 10.0.into())], vec![]] {
        sim.rules.trigger(&key, &given, true, sim.now);
        sim.drain();
    }
    let takes: Vec<bool> = sim.log.iter().map(|call| call.contains("transition")).collect();
    assert_eq!(takes, [true, true, false, false, false, false], "{:?}", sim.log);
}
