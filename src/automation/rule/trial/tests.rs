//! Rules that are tried against a week that was written down by hand.

use super::*;
use crate::automation::sun::Place;
use crate::json::from_json;
use jiff::Zoned;

const ZONE: &str = "Europe/Paris";

fn at(text: &str) -> Timestamp {
    let zoned: Zoned = format!("{text}[{ZONE}]").parse().unwrap();
    zoned.timestamp()
}

fn thing(id: &str, name: &str, tracks: &[&'static str]) -> Thing {
    let since = Some(at("2026-11-16T12:00:00"));
    Thing {
        id: id.into(),
        name: name.to_owned(),
        since,
        tracks: tracks.to_vec(),
        ..Thing::default()
    }
}

/// A week until Monday noon. `when thing[.track] word` on each line.
fn week(notes: &str) -> Past {
    let mut things = vec![
        thing("binary_sensor.door", "Front door", &[]),
        thing("light.hall", "Hall light", &["brightness"]),
        thing("sensor.cellar", "Cellar", &[]),
        thing("person.ada", "Ada", &[]),
    ];
    things[3].since = None;
    let mut all: Vec<Note> = Vec::new();
    for line in notes.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split(' ').collect();
        let (id, track) = match words[1].split_once('/') {
            Some((id, "brightness")) => (id, Some("brightness")),
            Some(other) => panic!("{other:?}"),
            None => (words[1], None),
        };
        let thing = things.iter().position(|thing| *thing.id == *id).unwrap();
        let word = words.get(2).copied().unwrap_or_default().into();
        all.push(Note { at: at(words[0]), thing: thing as u32, track, word });
    }
    all.sort_by_key(|note| (note.at, note.thing, note.track));
    Past { from: at("2026-11-16T12:00:00"), to: at("2026-11-23T12:00:00"), things, notes: all }
}

fn trial(yaml: &str, notes: &str) -> Trial {
    let options = serde_saphyr::options! { strict_booleans: true };
    let json: serde_json::Value = serde_saphyr::from_str_with_options(yaml, options).unwrap();
    let key = RuleKey::parse("automation.tried").unwrap();
    let zone = jiff::tz::TimeZone::get(ZONE).unwrap();
    let place = Some(Place { latitude: 48.8566, longitude: 2.3522 });
    replay(&key, &from_json(&json), week(notes), Calendar { zone, place })
}

/// What is said in English.
#[track_caller]
fn check(yaml: &str, notes: &str, expected: &str) {
    let found = trial(yaml, notes);
    let zone = jiff::tz::TimeZone::get(ZONE).unwrap();
    assert_eq!(found.say("en", &zone), expected, "{found:#?}");
}

const DOOR: &str = "
    2026-11-16T12:00:00 binary_sensor.door off
    2026-11-17T08:00:00 binary_sensor.door on
    2026-11-17T08:00:10 binary_sensor.door off
    2026-11-18T18:32:00 binary_sensor.door on
    2026-11-18T18:34:00 binary_sensor.door off
    2026-11-20T19:05:00 binary_sensor.door on
    2026-11-20T19:05:05 binary_sensor.door off";

#[test]
fn what_was_recorded_begins_a_rule_as_it_would_have() {
    let door = "triggers: {trigger: state, entity_id: binary_sensor.door, to: 'on'}\n\
                actions: {action: light.turn_on, target: {entity_id: light.hall}}";
    check(
        door,
        DOOR,
        "It would have run 3 times in the last 7 days: Tue 08:00, Wed 18:32 and Fri 19:05.",
    );
    let dark = format!("{door}\nconditions: {{condition: sun, after: sunset}}");
    check(
        &dark,
        DOOR,
        "It would have run twice in the last 7 days: Wed 18:32 and Fri 19:05. Once more its conditions did not \
         hold.",
    );
    let long = door.replace("to: 'on'", "to: 'on', for: '00:01:00'");
    check(&long, DOOR, "It would have run once in the last 7 days: Wed 18:33.");
    // A condition at the head of the steps holds it back as well.
    let head = door.replace("actions: ", "actions:\n- {condition: time, after: '18:00:00'}\n- ");
    check(
        &head,
        DOOR,
        "It would have run twice in the last 7 days: Wed 18:32 and Fri 19:05. Once more its conditions did not \
         hold.",
    );
    assert_eq!(trial(door, DOOR).runs[0].calls, ["light.turn_on"]);
}

#[test]
fn time_and_the_sun_come_without_anything_recorded() {
    check(
        "triggers: {trigger: time, at: '07:00:00', weekday: [tue, wed]}\nactions: {delay: 1}",
        "",
        "It would have run twice in the last 7 days: Tue 07:00 and Wed 07:00.",
    );
    let found = trial("triggers: {trigger: sun, event: sunset}\nactions: {delay: 1}", "");
    assert_eq!(found.n_runs, 7);
    let every = trial("triggers: {trigger: time_pattern, minutes: '/1'}\nactions: []", "");
    assert_eq!((every.n_runs, every.runs.len()), (7 * 24 * 60, MOST_LISTED));
}

#[test]
fn a_rule_that_runs_does_not_begin_anew() {
    let found = trial(
        "triggers: {trigger: state, entity_id: binary_sensor.door}\nactions: {delay: '00:01:00'}",
        DOOR,
    );
    assert_eq!((found.n_runs, found.n_busy), (4, 2));
}

#[test]
fn numbers_attributes_and_templates_are_what_they_were() {
    let cellar = "
        2026-11-16T12:00:00 sensor.cellar 18
        2026-11-19T02:00:00 sensor.cellar 21.5
        2026-11-19T03:00:00 sensor.cellar 22
        2026-11-19T04:00:00 sensor.cellar 19
        2026-11-16T12:00:00 light.hall on
        2026-11-16T12:00:00 light.hall/brightness 20
        2026-11-21T22:00:00 light.hall/brightness 200";
    check(
        "triggers: {trigger: numeric_state, entity_id: sensor.cellar, above: 20}\nactions: []",
        cellar,
        "It would have run once in the last 7 days: Thu 02:00.",
    );
    check(
        "triggers: {trigger: numeric_state, entity_id: light.hall, attribute: brightness, above: 100}\nactions: []",
        cellar,
        "It would have run once in the last 7 days: Sat 22:00.",
    );
    check(
        "triggers: {trigger: template, value_template: \"{{ states('sensor.cellar') | float > 21.9 }}\"}\nactions: []",
        cellar,
        "It would have run once in the last 7 days: Thu 03:00.",
    );
}

#[test]
fn what_nobody_recorded_is_named() {
    let event = "triggers: {trigger: event, event_type: doorbell}\nactions: []";
    check(
        event,
        "",
        "Nobody can say when it would have run. Cannot know: when the event doorbell was fired.",
    );
    check(
        "triggers: {trigger: state, entity_id: person.ada, to: home}\nactions: []",
        "",
        "Nobody can say when it would have run. Cannot know: how Ada was (not recorded).",
    );
    check(
        "triggers: {trigger: time, at: '07:00:00', weekday: tue}\n\
         conditions: \"{{ is_state('person.ada', 'home') }}\"\nactions: []",
        "",
        "It would not have run in the last 7 days. Once more its conditions did not hold. Cannot know: how Ada \
         was (not recorded).",
    );
    check(
        "triggers: {trigger: state, entity_id: light.attic, to: 'on'}\nactions: []",
        "",
        "Nobody can say when it would have run. Cannot know: there is no light.attic.",
    );
    check(
        "triggers: {trigger: state, entity_id: light.hall, attribute: color_temp}\nactions: []",
        "",
        "Nobody can say when it would have run. Cannot know: color_temp of Hall light (not recorded).",
    );
    let zone = jiff::tz::TimeZone::get(ZONE).unwrap();
    assert_eq!(
        trial(event, "").say("fr", &zone),
        "Personne ne peut dire quand elle se serait lancée. Impossible de savoir : quand l’événement doorbell a \
         eu lieu."
    );
    check(
        "triggers: {trigger: calendar, event: start, entity_id: calendar.x}\nactions: []",
        "",
        "It would not have run in the last 7 days.",
    );
}

#[test]
fn what_came_back_after_a_gap_was_not_seen_to_change() {
    let gap = "
        2026-11-16T12:00:00 binary_sensor.door off
        2026-11-18T10:00:00 binary_sensor.door
        2026-11-18T11:00:00 binary_sensor.door on
        2026-11-18T12:00:00 binary_sensor.door off";
    check(
        "triggers: {trigger: state, entity_id: binary_sensor.door}\nactions: []",
        gap,
        "It would have run once in the last 7 days: Wed 12:00.",
    );
}

#[test]
fn what_takes_too_long_is_told_as_far_as_it_came() {
    let key = RuleKey::parse("automation.tried").unwrap();
    let zone = jiff::tz::TimeZone::get(ZONE).unwrap();
    let source =
        "{\"triggers\": {\"trigger\": \"time_pattern\", \"hours\": \"/1\"}, \"actions\": []}";
    let source = from_json(&serde_json::from_str(source).unwrap());
    let mut tried =
        Replay::new(&key, &source, week(""), Calendar { zone: zone.clone(), place: None });
    assert!(tried.go_on(3));
    let found = tried.end();
    assert_eq!((found.n_runs, found.to), (3, at("2026-11-16T15:00:00")));
    assert_eq!(
        found.say("fr", &zone),
        "Elle se serait lancée 3 fois depuis lun. 12:00 : lun. 13:00, lun. 14:00 et lun. 15:00."
    );
}

#[test]
fn ids_are_found_wherever_they_are_named() {
    let source = from_json(&serde_json::json!({
        "triggers": [{"trigger": "state", "entity_id": ["light.a", "light.b"]}],
        "conditions": "{{ states.sensor.c.state == states('sensor.d') and states.lock | count }}",
    }));
    let (ids, domains) = named(&source);
    for id in ["light.a", "light.b", "sensor.c", "sensor.d"] {
        assert!(ids.contains(id), "{id}: {ids:?}");
    }
    assert_eq!(domains.into_iter().collect::<Vec<_>>(), ["lock"]);
}
