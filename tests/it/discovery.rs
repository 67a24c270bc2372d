//! Announcements: what they make, how they change, move and go, and what a bad one costs.

use serde_json::{Value as Json, json};

use crate::support::house::House;

fn announce(house: &mut House, topic: &str, config: &Json) {
    house.publish(&format!("homeassistant/{topic}/config"), config.to_string().as_bytes(), true);
}

fn word(house: &House, id: &str) -> Option<String> {
    Some(house.home.entity(id)?.view()?.word.into_owned())
}

fn problems(house: &House) -> String {
    house.problems.iter().map(|problem| problem.text.as_str()).collect::<Vec<_>>().join("; ")
}

#[test]
fn short_keys_and_the_base_topic_make_the_same_entity_as_long_ones() {
    let mut house = House::new();
    let short = json!({"~": "plug/", "name": "Plug", "uniq_id": "p1", "cmd_t": "~set",
        "stat_t": "~state", "avty_t": "~up", "dev": {"ids": "d1", "name": "Desk", "sa": "Study"},
        "o": {"name": "maker"}});
    announce(&mut house, "switch/plug", &short);
    house.publish("plug/up", b"online", true);
    house.publish("plug/state", b"ON", false);
    assert_eq!(word(&house, "switch.desk_plug").unwrap(), "on");
    let entity = house.home.entity("switch.desk_plug").unwrap();
    assert_eq!(house.home.area_of(entity).unwrap().name, "Study");
    assert_eq!(entity.producer.name.as_deref(), Some("maker"));
    let sent = house.call("switch.desk_plug", "switch.turn_off", &json!({})).unwrap();
    assert_eq!((&*sent[0].topic, &*sent[0].payload), ("plug/set", &b"OFF"[..]));
    assert_eq!(problems(&house), "");
}

#[test]
fn a_device_payload_takes_over_what_was_announced_one_by_one_and_the_names_stay() {
    let mut house = House::new();
    let single = json!({"name": "Relay", "unique_id": "r1", "command_topic": "r/set",
        "state_topic": "r", "device": {"identifiers": ["box"], "name": "Box"}});
    announce(&mut house, "switch/box/relay", &single);
    house.publish("r", b"ON", false);
    let id = "switch.box_relay";
    let edit = homard::home::EntityEdit {
        name: Some(Some("Boiler".to_owned())),
        ..homard::home::EntityEdit::default()
    };
    house.home.edit_entity(id, edit, house.clock.now()).unwrap();

    let whole = json!({"device": {"identifiers": ["box"], "name": "Box"}, "origin": {"name": "m"},
        "state_topic": "r", "components": {
            "relay": {"platform": "switch", "name": "Relay", "unique_id": "r1",
                      "command_topic": "r/set2"},
            "watts": {"p": "sensor", "name": "Power", "unique_id": "w1", "unit_of_meas": "W",
                      "val_tpl": "{{ value_json.w }}"}}});
    // Without a word of migration the old announcement keeps its place.
    announce(&mut house, "device/box", &whole);
    assert!(
        problems(&house).contains("homeassistant/switch/box/relay/config"),
        "{}",
        problems(&house)
    );
    assert!(house.home.entity("sensor.box_power").is_some(), "the rest of the payload counts");

    let mut house = House::new();
    announce(&mut house, "switch/box/relay", &single);
    house.publish("r", b"ON", false);
    announce(&mut house, "switch/box/relay", &json!({"migrate_discovery": true}));
    announce(&mut house, "device/box", &whole);
    house.publish("homeassistant/switch/box/relay/config", b"", true);
    assert_eq!(problems(&house), "");
    let sent = house.call(id, "switch.turn_on", &json!({})).unwrap();
    assert_eq!(&*sent[0].topic, "r/set2", "the new announcement counts");
    assert_eq!(house.home.entities().count(), 2);

    // A component named by its platform alone is gone; one left out stays.
    let less = json!({"device": {"identifiers": ["box"], "name": "Box"}, "origin": {"name": "m"},
        "components": {"watts": {"p": "sensor"}}});
    announce(&mut house, "device/box", &less);
    assert!(house.home.entity("sensor.box_power").is_none());
    assert!(house.home.entity(id).is_some());
    house.publish("homeassistant/device/box/config", b"", true);
    assert_eq!(house.home.entities().count(), 0);
    assert_eq!(house.home.devices().count(), 0);
}

#[test]
fn child_devices_stand_beside_their_parent() {
    let mut house = House::new();
    let config = json!({"dev": {"ids": ["hub"], "name": "Hub", "mf": "Acme"}, "o": {"name": "m"},
        "cmps": {"a": {"p": "button", "name": "Restart", "uniq_id": "b0", "cmd_t": "x"}},
        "cdevs": [{"ids": ["valve1"], "name": "Valve 1", "cmps": {
            "b": {"p": "binary_sensor", "uniq_id": "b1", "stat_t": "v", "dev_cla": "moisture"}}}]});
    announce(&mut house, "device/hub", &config);
    assert_eq!(problems(&house), "");
    let child = house.home.device("valve1").unwrap();
    assert_eq!(child.facts.via_device.as_deref(), Some("hub"));
    assert_eq!(child.facts.manufacturer.as_deref(), Some("Acme"));
    assert!(house.home.entity("binary_sensor.valve_1_moisture").is_some());
}

#[test]
fn an_announcement_changed_in_place_keeps_the_state_and_hears_the_new_topic() {
    let mut house = House::new();
    let mut config = json!({"name": "Lamp", "unique_id": "l", "command_topic": "old/set",
        "state_topic": "old"});
    announce(&mut house, "switch/lamp", &config);
    house.publish("old", b"ON", false);
    config["state_topic"] = json!("new");
    config["command_topic"] = json!("new/set");
    announce(&mut house, "switch/lamp", &config);
    assert_eq!(word(&house, "switch.lamp").unwrap(), "on");
    house.publish("old", b"OFF", false);
    assert_eq!(word(&house, "switch.lamp").unwrap(), "on", "nobody listens there any more");
    house.publish("new", b"OFF", false);
    assert_eq!(word(&house, "switch.lamp").unwrap(), "off");
    let sent = house.call("switch.lamp", "switch.toggle", &json!({})).unwrap();
    assert_eq!((&*sent[0].topic, &*sent[0].payload), ("new/set", &b"ON"[..]));
}

#[test]
fn the_same_unique_id_from_two_producers_names_both() {
    let mut house = House::new();
    let config = |origin: &str| json!({"name": "A", "unique_id": "same", "command_topic": "x", "origin": {"name": origin}});
    announce(&mut house, "switch/one", &config("zigbee2mqtt"));
    announce(&mut house, "switch/two", &config("tasmota"));
    let text = problems(&house);
    assert!(
        text.contains("zigbee2mqtt") && text.contains("tasmota") && text.contains("`same`"),
        "{text}"
    );
    assert_eq!(house.home.entities().count(), 1);
    // When the first is gone and the second announces itself again, the id is free.
    house.publish("homeassistant/switch/one/config", b"", true);
    let mut again = config("tasmota");
    again["name"] = json!("B");
    announce(&mut house, "switch/two", &again);
    assert_eq!(house.home.entities().next().unwrap().producer.name.as_deref(), Some("tasmota"));
}

#[test]
fn one_bad_key_costs_that_key_and_is_told() {
    let cases: &[(&str, Json, &str, bool)] = &[
        ("switch", json!({"icon": 5.5, "qos": 7}), "`qos`", true),
        ("switch", json!({"device_class": "door"}), "`device_class`", true),
        ("switch", json!({"value_template": "{{ value_json."}), "`value_template`", true),
        ("switch", json!({"state_topic": "a/#/b"}), "`state_topic`", true),
        ("switch", json!({"command_topic": "a/+"}), "`command_topic`", false),
        ("switch", json!({"command_topic": null}), "`command_topic`", false),
        ("switch", json!({"availability": [{"payload_available": "x"}]}), "`availability`", true),
        ("switch", json!({"device": "a box"}), "`device`", true),
        ("switch", json!({"optimistic": "maybe"}), "`optimistic`", true),
        (
            "sensor",
            json!({"entity_category": "config", "state_topic": "s"}),
            "`entity_category`",
            true,
        ),
        ("sensor", json!({"state_topic": "s", "state_class": "sum"}), "`state_class`", true),
        ("number", json!({"min": 5, "max": 1}), "`max`", false),
        ("number", json!({"step": 0}), "`step`", true),
        ("select", json!({}), "`options`", false),
        ("text", json!({"pattern": "("}), "`pattern`", true),
        ("datetime", json!({"timezone": "Nowhere/Nowhere"}), "`timezone`", true),
        ("image", json!({}), "`image_topic`", false),
        ("infrared", json!({"schema": "both"}), "`schema`", false),
        ("device_automation", json!({"automation_type": "trigger"}), "`device`", false),
        ("wormhole", json!({}), "wormhole", false),
    ];
    for (kind, keys, told, is_there) in cases {
        let mut house = House::new();
        let mut config = json!({"name": "A", "unique_id": "a", "command_topic": "c"});
        for (key, value) in keys.as_object().unwrap() {
            config[key] = value.clone();
        }
        announce(&mut house, &format!("{kind}/a"), &config);
        let text = problems(&house);
        assert!(text.contains(told), "{kind} {keys}: {text}");
        assert_eq!(house.home.entities().count() == 1, *is_there, "{kind} {keys}: {text}");
        // Announced properly, it is there and nothing is left to complain of.
        let good = json!({"name": "A", "unique_id": "a", "command_topic": "c", "state_topic": "s",
            "options": ["x"], "image_topic": "i", "schema": "emitter", "type": "t", "subtype": "s",
            "topic": "t", "automation_type": "trigger", "device": {"identifiers": ["d"]}});
        announce(&mut house, &format!("{kind}/a"), &good);
        if *kind != "wormhole" {
            assert_eq!(problems(&house), "", "{kind}");
        }
    }
}

#[test]
fn availability_counts_in_all_its_forms() {
    let check = |mode: &str, told: &[(&str, &str)], expected: &str| {
        let mut house = House::new();
        let config = json!({"name": "A", "unique_id": "a", "state_topic": "s",
            "availability_mode": mode, "availability": [
                {"topic": "one"}, {"topic": "two", "value_template": "{{ value_json.state }}"}]});
        announce(&mut house, "sensor/a", &config);
        house.publish("s", b"7", false);
        for (topic, payload) in told {
            house.publish(topic, payload.as_bytes(), true);
        }
        assert_eq!(word(&house, "sensor.a").unwrap(), expected, "{mode} {told:?}");
    };
    let (on, off) = (r#"{"state":"online"}"#, r#"{"state":"offline"}"#);
    check("all", &[], "unavailable");
    check("all", &[("one", "online")], "unavailable");
    check("all", &[("one", "online"), ("two", on)], "7");
    check("all", &[("one", "online"), ("two", on), ("two", off)], "unavailable");
    check("any", &[("one", "online")], "7");
    check("any", &[("one", "online"), ("two", off)], "7");
    check("latest", &[("one", "online"), ("two", off)], "unavailable");
    check("latest", &[("two", off), ("one", "online")], "7");
    check("latest", &[("one", "online"), ("one", "perhaps")], "7");
}

#[test]
fn a_second_entity_on_a_topic_gets_what_the_broker_kept_and_the_first_is_not_turned_back() {
    let mut house = House::new();
    let config = |id: &str| json!({"name": id, "unique_id": id, "state_topic": "t"});
    announce(&mut house, "sensor/a", &config("a"));
    house.publish("t", b"old", true);
    house.publish("t", b"new", false);
    announce(&mut house, "sensor/b", &config("b"));
    assert_eq!(word(&house, "sensor.a").unwrap(), "new");
    assert_eq!(word(&house, "sensor.b").unwrap(), "old");
}

#[test]
fn wildcard_state_topics_hear_every_gateway() {
    let mut house = House::new();
    let config = json!({"name": "T", "unique_id": "t", "stat_t": "+/+/BTtoMQTT/AA",
        "val_tpl": "{{ value_json.tempc | is_defined }}", "dev_cla": "temperature"});
    announce(&mut house, "sensor/t", &config);
    house.publish("home/gw1/BTtoMQTT/AA", br#"{"tempc": 21.5}"#, false);
    assert_eq!(word(&house, "sensor.t").unwrap(), "21.5");
    house.publish("home/gw2/BTtoMQTT/AA", br#"{"rssi": -70}"#, false);
    assert_eq!(word(&house, "sensor.t").unwrap(), "21.5", "a failing template keeps the state");
    assert!(!house.problems.is_empty());
}

#[test]
fn a_removed_entity_s_announcement_is_taken_from_the_broker() {
    let mut house = House::new();
    let plug = json!({"name": "Plug", "uniq_id": "p1", "cmd_t": "p/set", "stat_t": "p"});
    announce(&mut house, "switch/plug", &plug);
    assert!(house.retained.contains_key("homeassistant/switch/plug/config"));
    let published = house.remove("switch.plug");
    assert_eq!(published.len(), 1);
    assert!(published[0].retain && published[0].payload.is_empty());
    assert_eq!(&*published[0].topic, "homeassistant/switch/plug/config");
    assert!(house.retained.is_empty(), "{:?}", house.retained);
    house.publish("p", b"ON", false);
    assert_eq!(house.home.entities().count(), 0);
    assert_eq!(problems(&house), "");

    // One of several in one announcement: that of the others stays, and the last one clears it.
    let whole = json!({"device": {"identifiers": ["box"], "name": "Box"}, "origin": {"name": "m"},
        "state_topic": "b", "components": {
            "a": {"platform": "switch", "name": "A", "unique_id": "a", "command_topic": "b/a"},
            "b": {"platform": "switch", "name": "B", "unique_id": "b", "command_topic": "b/b"}}});
    announce(&mut house, "device/box", &whole);
    assert_eq!(house.remove("switch.box_a").len(), 0);
    assert!(house.home.entity("switch.box_b").is_some());
    assert_eq!(&*house.remove("switch.box_b")[0].topic, "homeassistant/device/box/config");
    assert!(house.retained.is_empty(), "{:?}", house.retained);
    assert_eq!(house.home.entities().count(), 0);
}
