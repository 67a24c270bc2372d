//! What an entity knows survives that it is announced again, with what fuzzing found.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::support::house::House;

const ID: &str = "binary_sensor.motion";

/// What the sensor shows after each of these steps.
enum Step {
    Announce(Json),
    Say(&'static str),
    Wait(u64),
    Shows(&'static str),
}
use Step::{Announce, Say, Shows, Wait};

fn check(steps: Vec<Step>) {
    let mut house = House::new();
    for (at, step) in steps.into_iter().enumerate() {
        match step {
            Announce(mut config) => {
                config["state_topic"] = json!("motion");
                config["default_entity_id"] = json!(ID);
                config["unique_id"] = json!("motion");
                let payload = config.to_string();
                house.publish(
                    "homeassistant/binary_sensor/motion/config",
                    payload.as_bytes(),
                    true,
                );
            }
            Say(payload) => house.publish("motion", payload.as_bytes(), false),
            Wait(seconds) => house.wait(Duration::from_secs(seconds)),
            Shows(word) => {
                let view = house.home.entity(ID).unwrap().view().unwrap();
                assert_eq!(view.word, word, "at step {at}");
            }
        }
    }
    assert!(house.problems.is_empty(), "{:?}", house.problems);
}

#[test]
fn a_value_holds_until_its_time_is_over() {
    check(vec![
        Announce(json!({"expire_after": 60})),
        Shows("unavailable"),
        Say("ON"),
        Wait(50),
        Announce(json!({"expire_after": 60, "name": "Motion"})),
        Shows("on"),
        Wait(9),
        Shows("on"),
        Wait(2),
        Shows("unavailable"),
        Announce(json!({"expire_after": 60})),
        Shows("unavailable"),
        Say("OFF"),
        Announce(json!({})),
        Wait(100),
        Shows("off"),
        Announce(json!({"expire_after": 60})),
        Shows("unavailable"),
    ]);
}

#[test]
fn a_value_without_an_end_does_not_turn_off() {
    check(vec![
        Announce(json!({"expire_after": 60})),
        Say("ON"),
        Announce(json!({})),
        Wait(61),
        Shows("on"),
    ]);
    check(vec![
        Announce(json!({"off_delay": 10})),
        Say("ON"),
        Announce(json!({})),
        Wait(11),
        Shows("on"),
    ]);
}

#[test]
fn motion_ends_when_it_would_have_ended() {
    check(vec![
        Announce(json!({"off_delay": 10})),
        Say("ON"),
        Wait(6),
        Announce(json!({"off_delay": 10, "name": "Motion"})),
        Wait(3),
        Shows("on"),
        Wait(2),
        Shows("off"),
    ]);
    check(vec![
        Announce(json!({"off_delay": 10, "expire_after": 30})),
        Say("ON"),
        Announce(json!({"off_delay": 10, "expire_after": 30, "name": "Motion"})),
        Wait(11),
        Shows("off"),
        Announce(json!({"off_delay": 10, "expire_after": 30})),
        Wait(18),
        Shows("off"),
        Wait(2),
        Shows("unavailable"),
    ]);
}

#[test]
fn a_number_holds_until_its_time_is_over() {
    let mut house = House::new();
    let announce = |house: &mut House, name: &str| {
        let config = json!({
            "name": name, "unique_id": "p", "default_entity_id": "sensor.p", "state_topic": "p",
            "expire_after": 60, "unit_of_measurement": "W",
        });
        house.publish("homeassistant/sensor/p/config", config.to_string().as_bytes(), true);
    };
    let shown = |house: &House| house.home.entity("sensor.p").unwrap().view().unwrap().word;
    announce(&mut house, "Power");
    house.publish("p", b"12", false);
    announce(&mut house, "Its power");
    assert_eq!(shown(&house), "12");
    house.wait(Duration::from_secs(61));
    assert_eq!(shown(&house), "unavailable");
}
