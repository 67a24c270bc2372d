//! The simulated devices without a broker.

use serde_json::Value;

use super::*;

fn said_of(device: &dyn Device, topic: &str) -> Option<String> {
    device.report().into_iter().find(|said| said.topic == topic).map(|said| said.payload)
}

#[test]
fn devices_obey_and_say_so() {
    let check = |id: &str, what: &str, payload: &str, seconds: f64, says: &str, part: &str| {
        let mut devices = house::devices();
        let device = devices.iter_mut().find(|device| device.facts().id == id).unwrap();
        let topic = device.facts().topic(says);
        let before = said_of(device.as_ref(), &topic).unwrap();
        assert!(!before.contains(part), "{id} is so already: {before}");
        device.obey(what, payload);
        let mut dice = Dice::new(1);
        for _ in 0..(seconds as usize) {
            device.pass(1.0, &mut dice);
        }
        let after = said_of(device.as_ref(), &topic).unwrap();
        assert!(after.contains(part), "{id} {what} {payload}: {after}");
    };
    check(
        "kitchen_light",
        "",
        r#"{"state":"ON","brightness":100}"#,
        0.0,
        "",
        r#""brightness":100"#,
    );
    check("kitchen_light", "", r#"{"state":"ON"}"#, 0.0, "", r#""state":"ON""#);
    check("kitchen_light", "", r#"{"color_temp":200}"#, 0.0, "", r#""color_temp":200"#);
    check("floor_lamp", "", r#"{"state":"ON","color":{"h":120,"s":50}}"#, 0.0, "", r#""h":120.0"#);
    check("floor_lamp", "", r#"{"state":"ON","effect":"candle"}"#, 0.0, "", "candle");
    check("ceiling", "percent", "35", 0.0, "percent", "35");
    check("ceiling", "", "OFF", 0.0, "state", "OFF");
    check("hall_light", "", "ON", 0.0, "state", "ON");
    check("night_light", "", "on 200", 0.0, "", "on 200");
    check("tv", "", "OFF", 0.0, "", r#""power":0.0"#);
    check("living_blind", "", "CLOSE", 1.0, "", "closing");
    check("living_blind", "", "CLOSE", 9.0, "", r#""state":"closed""#);
    check("living_blind", "position", "40", 9.0, "", r#""position":40"#);
    check("living_blind", "tilt", "10", 9.0, "", r#""tilt":10"#);
    check("garage_door", "", "OPEN", 2.0, "state", "opening");
    check("garage_door", "", "OPEN", 9.0, "state", "open");
    check("sprinkler", "position", "100", 9.0, "", r#""position":100"#);
    check("living_heating", "target", "23.5", 1.0, "", r#""target":23.5"#);
    check("living_heating", "mode", "off", 0.0, "", r#""action":"off""#);
    check("living_heating", "preset", "eco", 0.0, "", "eco");
    check("bathroom_fan", "speed", "3", 0.0, "speed", "3");
    check("bathroom_fan", "", "ON", 0.0, "state", "ON");
    check("front_lock", "", "UNLOCK", 0.0, "", "UNLOCKING");
    check("front_lock", "", "UNLOCK", 3.0, "", "UNLOCKED");
    check("siren", "", r#"{"state":"ON","tone":"fire"}"#, 1.0, "", r#""state":"ON","tone":"fire""#);
    check("vacuum", "", "start", 1.0, "", "cleaning");
    check("vacuum", "", "start", 125.0, "", "returning");
    check("vacuum", "speed", "turbo", 1.0, "", "turbo");
    check("boiler", "program", "summer", 0.0, "", "summer");
    check("boiler", "update", "install", 30.0, "update", r#""installed_version":"2.1.0""#);
}

#[test]
fn nonsense_changes_nothing_and_panics_nowhere() {
    for device in &mut house::devices() {
        let before = device.report();
        let listened = ["", "position", "percent", "target", "mode", "speed", "boost", "nothing"];
        for what in listened {
            for payload in ["", "x", "null", "[1]", "{}", "{\"state\":3}", "NaN", "\u{0}"] {
                device.obey(what, payload);
            }
        }
        let after = device.report();
        assert_eq!(before, after, "{}", device.facts().id);
    }
}

#[test]
fn the_house_announces_about_twenty_devices_of_every_room() {
    let devices = house::devices();
    assert!((20..=30).contains(&devices.len()), "{}", devices.len());
    let mut unique = BTreeSet::new();
    let mut rooms = BTreeSet::new();
    for device in &devices {
        rooms.insert(device.facts().area);
        for (topic, payload) in device.announce() {
            let parts: Vec<&str> = topic.split('/').collect();
            assert!(matches!(parts.as_slice(), [_, _, "config"] | [_, _, _, "config"]), "{topic}");
            assert!(unique.insert(topic.clone()), "announced twice: {topic}");
            let keys: Vec<&Value> = match payload.get("components") {
                Some(components) => components.as_object().unwrap().values().collect(),
                None => vec![&payload],
            };
            for keys in keys {
                let id = keys.get("unique_id").or_else(|| keys.get("uniq_id"));
                if let Some(id) = id.and_then(Value::as_str) {
                    assert!(unique.insert(id.to_owned()), "not unique: {id}");
                }
            }
        }
    }
    let named: BTreeSet<&str> = ROOMS.iter().map(|room| room.name).collect();
    assert_eq!(rooms, named);
    let floors: BTreeSet<&str> = FLOORS.iter().map(|floor| floor.name).collect();
    assert!(ROOMS.iter().filter_map(|room| room.floor).all(|floor| floors.contains(floor)));
}

#[test]
fn things_happen_by_themselves() {
    let mut dice = Dice::new(7);
    let mut devices = house::devices();
    let mut changed = BTreeSet::new();
    let mut happened = 0;
    for _ in 0..3_600 {
        for device in &mut devices {
            let before = device.report();
            device.pass(1.0, &mut dice);
            happened += device.happened().len();
            if device.report() != before {
                changed.insert(device.facts().id);
            }
        }
    }
    for id in ["kitchen_air", "hall_motion", "front_door", "tv", "living_heating", "boiler"] {
        assert!(changed.contains(id), "{id} did nothing in an hour: {changed:?}");
    }
    assert!(!changed.contains("smoke") && !changed.contains("kitchen_light"));
    assert!((1..60).contains(&happened), "{happened} presses in an hour");
}

#[test]
fn commands_are_told_apart() {
    let check = |topic: &str, expected| assert_eq!(command(topic), expected, "{topic}");
    check("demo/tv/set", Some(("tv", "")));
    check("demo/tv/set/speed", Some(("tv", "speed")));
    check("demo/tv/settle", None);
    check("demo/tv", None);
    check("other/tv/set", None);
}
