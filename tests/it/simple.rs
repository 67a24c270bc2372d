//! Sensors, events, triggers, pictures, dates: what their messages mean and when they say nothing.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::support::house::{CallError, House};

const SECOND: Duration = Duration::from_secs(1);

/// A house with one entity `DOMAIN.a` of these keys.
fn house_with(domain: &str, keys: &Json) -> House {
    let mut house = House::new();
    let mut config = json!({"name": "A", "unique_id": "a"});
    for (key, value) in keys.as_object().unwrap() {
        config[key] = value.clone();
    }
    let topic = format!("homeassistant/{domain}/a/config");
    house.publish(&topic, config.to_string().as_bytes(), true);
    assert!(house.problems.is_empty(), "{:?}", house.problems);
    house
}

fn shown(house: &House, id: &str) -> (String, Json) {
    let view = house.home.entity(id).unwrap().view().unwrap();
    let attributes: serde_json::Map<String, Json> = view
        .attributes
        .iter()
        .map(|(name, value)| (name.to_owned(), homard::json::to_json(value)))
        .collect();
    (view.word.into_owned(), Json::Object(attributes))
}

/// What a sensor of these keys shows after each payload.
fn check_sensor(keys: &Json, steps: &[(&str, &str)]) {
    let mut house = house_with("sensor", keys);
    for (payload, expected) in steps {
        house.publish("s", payload.as_bytes(), false);
        assert_eq!(shown(&house, "sensor.a").0, *expected, "{keys} after `{payload}`");
    }
}

#[test]
fn sensors_keep_what_makes_no_sense_out() {
    let number = json!({"state_topic": "s", "unit_of_measurement": "W"});
    check_sensor(
        &number,
        &[
            ("12.50", "12.50"),
            ("", "12.50"),
            ("many", "12.50"),
            ("nan", "12.50"),
            ("None", "unknown"),
            ("-3", "-3"),
        ],
    );
    let words = json!({"state_topic": "s", "device_class": "enum", "options": ["wet", "dry"]});
    check_sensor(&words, &[("wet", "wet"), ("damp", "wet"), ("dry", "dry")]);
    let plain = json!({"state_topic": "s"});
    let long = "x".repeat(256);
    check_sensor(&plain, &[("hello", "hello"), (&long, "hello"), ("{}", "{}")]);
    let moment = json!({"state_topic": "s", "device_class": "timestamp"});
    check_sensor(
        &moment,
        &[
            ("2026-11-22T10:00:00+01:00", "2026-11-22T09:00:00+00:00"),
            ("2026-11-22T10:00:00", "2026-11-22T09:00:00+00:00"),
            ("soon", "2026-11-22T09:00:00+00:00"),
        ],
    );
    let date = json!({"state_topic": "s", "device_class": "date"});
    check_sensor(&date, &[("2026-02-29", "unknown"), ("2026-11-22", "2026-11-22")]);
    let fahrenheit = json!({"state_topic": "s", "device_class": "temperature",
        "unit_of_measurement": "°F"});
    check_sensor(&fahrenheit, &[("68.0", "20.0")]);
    let reset = json!({"state_topic": "s", "state_class": "total",
        "value_template": "{{ value_json.v }}",
        "last_reset_value_template": "{{ value_json.since }}"});
    let mut house = house_with("sensor", &reset);
    house.publish("s", br#"{"v": 5, "since": "2026-01-01T00:00:00+00:00"}"#, false);
    assert_eq!(shown(&house, "sensor.a").1["last_reset"], "2026-01-01T00:00:00+00:00");
}

#[test]
fn values_grow_old() {
    let mut house = house_with("sensor", &json!({"state_topic": "s", "expire_after": 10}));
    assert_eq!(shown(&house, "sensor.a").0, "unavailable");
    house.publish("s", b"1", false);
    house.wait(8 * SECOND);
    house.publish("s", b"2", false);
    house.wait(8 * SECOND);
    assert_eq!(shown(&house, "sensor.a").0, "2", "each message begins the time anew");
    house.wait(3 * SECOND);
    assert_eq!(shown(&house, "sensor.a").0, "unavailable");
    house.publish("s", b"3", false);
    assert_eq!(shown(&house, "sensor.a").0, "3");

    let keys = json!({"state_topic": "s", "off_delay": 5, "expire_after": 12});
    let mut house = house_with("binary_sensor", &keys);
    house.publish("s", b"ON", false);
    house.wait(4 * SECOND);
    assert_eq!(shown(&house, "binary_sensor.a").0, "on");
    house.wait(SECOND);
    assert_eq!(shown(&house, "binary_sensor.a").0, "off");
    house.wait(6 * SECOND);
    assert_eq!(shown(&house, "binary_sensor.a").0, "off");
    house.wait(2 * SECOND);
    assert_eq!(shown(&house, "binary_sensor.a").0, "unavailable");
}

#[test]
fn json_true_and_pythons_true_are_the_same_word() {
    let keys = json!({"state_topic": "s", "payload_on": true, "payload_off": false,
        "value_template": "{{ value_json[\"occupancy\"] }}"});
    let mut house = house_with("binary_sensor", &keys);
    house.publish("s", br#"{"occupancy":true}"#, false);
    assert_eq!(shown(&house, "binary_sensor.a").0, "on");
    house.publish("s", br#"{"occupancy":false}"#, false);
    assert_eq!(shown(&house, "binary_sensor.a").0, "off");
    house.publish("s", br#"{"battery":5}"#, false);
    assert_eq!(shown(&house, "binary_sensor.a").0, "off");
    house.publish("s", br#"{"occupancy":null}"#, false);
    assert_eq!(shown(&house, "binary_sensor.a").0, "unknown");
}

#[test]
fn events_happen_once_and_never_from_what_the_broker_kept() {
    let keys = json!({"state_topic": "s", "event_types": ["press", "hold"]});
    let mut house = house_with("event", &keys);
    for nothing in ["", "None", "{}", "press", r#"{"event_type":"kick"}"#, r#"{"a":1}"#] {
        house.publish("s", nothing.as_bytes(), false);
        assert_eq!(shown(&house, "event.a").0, "unknown", "{nothing}");
    }
    house.publish("s", br#"{"event_type":"press","button":2}"#, false);
    let (word, attributes) = shown(&house, "event.a");
    assert_eq!(word, "2026-11-22T08:35:39.000+00:00");
    assert_eq!((&attributes["event_type"], &attributes["button"]), (&json!("press"), &json!(2)));

    let mut house = House::new();
    house.publish("s", br#"{"event_type":"press"}"#, true);
    let config =
        json!({"name": "A", "unique_id": "a", "state_topic": "s", "event_types": ["press"]});
    house.publish("homeassistant/event/a/config", config.to_string().as_bytes(), true);
    assert_eq!(shown(&house, "event.a").0, "unknown");
}

#[test]
fn triggers_and_tags_fire_live_only() {
    let mut house = House::new();
    house.publish("remote/action", b"on", true);
    let trigger = json!({"automation_type": "trigger", "type": "action", "subtype": "on",
        "payload": "on", "topic": "remote/action", "device": {"identifiers": ["remote"]}});
    let topic = "homeassistant/device_automation/remote/action_on/config";
    house.publish(topic, trigger.to_string().as_bytes(), true);
    let tag = json!({"topic": "reader", "value_template": "{{ value_json.uid }}"});
    house.publish("homeassistant/tag/reader/config", tag.to_string().as_bytes(), true);
    assert!(house.problems.is_empty(), "{:?}", house.problems);
    assert_eq!((house.triggers.len(), house.fired.len()), (2, 0));
    house.publish("remote/action", b"off", false);
    house.publish("remote/action", b"on", false);
    house.publish("reader", br#"{"uid":"0A1B"}"#, false);
    assert_eq!(house.fired.len(), 1);
    assert_eq!(house.tags, ["0A1B".into()]);
    house.publish(topic, b"", true);
    house.publish("remote/action", b"on", false);
    assert_eq!(house.fired.len(), 1);
}

#[test]
fn an_update_is_told_whole_or_in_parts() {
    let keys = json!({"state_topic": "s", "command_topic": "c", "payload_install": "go",
        "latest_version_topic": "l", "title": "Firmware"});
    let mut house = house_with("update", &keys);
    house.publish("s", b"1.9.0", false);
    house.publish("l", b"1.10.0", false);
    let (word, attributes) = shown(&house, "update.a");
    assert_eq!((&*word, &attributes["title"]), ("on", &json!("Firmware")));
    let sent = house.call("update.a", "update.install", &json!({})).unwrap();
    assert_eq!((&*sent[0].topic, &*sent[0].payload), ("c", &b"go"[..]));
    house.publish("s", br#"{"installed_version":"1.9.0","update_percentage":40}"#, false);
    let (_, attributes) = shown(&house, "update.a");
    assert_eq!(
        (&attributes["in_progress"], &attributes["update_percentage"]),
        (&json!(true), &json!(40))
    );
    let again = house.call("update.a", "update.install", &json!({}));
    assert!(matches!(again, Err(CallError::Refused(_))), "{again:?}");
    let done = br#"{"installed_version":"1.10.0","update_percentage":null,"in_progress":false}"#;
    house.publish("s", done, false);
    assert_eq!(shown(&house, "update.a").0, "off");
    house.publish("s", br#"{"installed_version":"1.11.0","latest_version":"1.10.0"}"#, false);
    assert_eq!(shown(&house, "update.a").0, "off", "newer than the newest is no news");
}

#[test]
fn pictures_are_kept_as_they_came() {
    use homard::home::domain::State;
    use homard::home::domain::image::Picture;

    let mut house = house_with("camera", &json!({"topic": "s", "image_encoding": "b64"}));
    house.publish("s", b"/9j/", false);
    let Some(State::Camera(camera)) = &house.home.entity("camera.a").unwrap().state else {
        panic!()
    };
    assert_eq!(camera.frame.as_deref(), Some(&[0xff, 0xd8, 0xff][..]));
    house.publish("s", b"!!", false);
    assert_eq!(house.problems.len(), 1);

    let mut house = house_with("image", &json!({"image_topic": "s"}));
    house.publish("s", &[0xff, 0x00, 0xfe], false);
    let Some(State::Image(image)) = &house.home.entity("image.a").unwrap().state else { panic!() };
    assert_eq!(image.picture, Some(Picture::Bytes([0xff, 0x00, 0xfe].as_slice().into())));

    let mut house = house_with("image", &json!({"url_topic": "s"}));
    house.publish("s", b"javascript:alert(1)", false);
    assert_eq!((shown(&house, "image.a").0.as_str(), house.problems.len()), ("unknown", 1));
}

/// What a settable entity publishes for a call and shows after a payload.
fn check_settable(domain: &str, keys: &Json, data: &Json, sent: &str, told: &str, is: &str) {
    let mut house = house_with(domain, keys);
    let id = format!("{domain}.a");
    let published = house.call(&id, &format!("{domain}.set_value"), data).unwrap();
    assert_eq!(String::from_utf8_lossy(&published[0].payload), sent, "{domain} {data}");
    house.publish("s", told.as_bytes(), false);
    assert_eq!(shown(&house, &id).0, is, "{domain} after {told}");
}

#[test]
fn dates_times_numbers_and_texts_can_be_set() {
    let both = json!({"command_topic": "c", "state_topic": "s"});
    check_settable(
        "date",
        &both,
        &json!({"date": "2026-12-24"}),
        "2026-12-24",
        "2026-12-25",
        "2026-12-25",
    );
    check_settable("time", &both, &json!({"time": "07:30"}), "07:30:00", "06:15", "06:15:00");
    check_settable(
        "datetime",
        &both,
        &json!({"datetime": "2026-12-24T18:00:00+01:00"}),
        "2026-12-24T17:00:00+00:00",
        "2026-12-24T18:00:00",
        "2026-12-24T17:00:00+00:00",
    );
    check_settable("number", &both, &json!({"value": 7}), "7", "7.5", "7.5");
    check_settable("text", &both, &json!({"value": "salut"}), "salut", "été", "été");
    let scaled = json!({"command_topic": "c", "state_topic": "s", "step": 0.5, "max": 5,
        "command_template": "{\"v\": {{ value * 10 }}}"});
    check_settable("number", &scaled, &json!({"value": 1.5}), "{\"v\": 15.0}", "9", "unknown");
}

#[test]
fn what_a_device_cannot_take_is_not_sent() {
    let cases = [
        ("number", json!({"command_topic": "c", "max": 10}), "set_value", json!({"value": 11})),
        ("number", json!({"command_topic": "c"}), "set_value", json!({"value": "much"})),
        ("number", json!({"command_topic": "c"}), "set_value", json!({})),
        ("text", json!({"command_topic": "c", "max": 3}), "set_value", json!({"value": "four"})),
        (
            "text",
            json!({"command_topic": "c", "pattern": "[0-9]+"}),
            "set_value",
            json!({"value": "a1"}),
        ),
        (
            "select",
            json!({"command_topic": "c", "options": ["a"]}),
            "select_option",
            json!({"option": "b"}),
        ),
        ("date", json!({"command_topic": "c"}), "set_value", json!({"date": "2026-02-30"})),
        ("switch", json!({"command_topic": "c"}), "turn_on", json!({"brightness": 5})),
        (
            "infrared",
            json!({"schema": "receiver", "state_topic": "s"}),
            "send_command",
            json!({"timings": [9000, 4500]}),
        ),
    ];
    for (domain, keys, service, data) in cases {
        let mut house = house_with(domain, &keys);
        let result = house.call(&format!("{domain}.a"), &format!("{domain}.{service}"), &data);
        assert!(result.is_err(), "{domain}.{service} {data}: {result:?}");
    }
}

#[test]
fn attributes_of_the_devices_own_making_are_shown() {
    let keys = json!({"state_topic": "s", "json_attributes_topic": "attr",
        "json_attributes_template": "{{ value_json.data | tojson }}"});
    let mut house = house_with("sensor", &keys);
    house.publish("s", b"1", false);
    house.publish("attr", br#"{"data": {"wifi": {"rssi": -60}, "list": [1, null]}}"#, false);
    let (_, attributes) = shown(&house, "sensor.a");
    assert_eq!(
        (&attributes["wifi"], &attributes["list"]),
        (&json!({"rssi": -60}), &json!([1, null]))
    );
    house.publish("attr", br#"{"data": 5}"#, false);
    assert_eq!(shown(&house, "sensor.a").1["wifi"], json!({"rssi": -60}));
    assert_eq!(house.problems.len(), 1);
}
