//! Things that move, warm, ring or lock: announcements that no corpus has, what is shown after each
//! message, and what is published for a service call.

use homard::json::to_json;
use serde_json::{Value as Json, json};

use crate::support::house::House;

/// An announced entity, alone in its house.
struct One {
    house: House,
    id: String,
}

/// Announces one entity; the keys are those of its component.
fn one(component: &str, mut keys: Json) -> One {
    keys["unique_id"] = json!("u1");
    keys["name"] = json!("Thing");
    let mut house = House::new();
    let topic = format!("homeassistant/{component}/u1/config");
    house.publish(&topic, keys.to_string().as_bytes(), true);
    let id = house.home.entities().next().map(|entity| entity.id.as_str().to_owned());
    let id = id.unwrap_or_else(|| panic!("{component} {keys}: {:?}", house.problems));
    One { house, id }
}

impl One {
    fn hear(&mut self, topic: &str, payload: &str) {
        self.house.publish(topic, payload.as_bytes(), false);
    }

    fn word(&self) -> String {
        self.house.home.entity(&self.id).unwrap().view().unwrap().word.into_owned()
    }

    fn attribute(&self, name: &str) -> Json {
        let view = self.house.home.entity(&self.id).unwrap().view().unwrap();
        view.attributes.named(name).map_or(json!("absent"), to_json)
    }

    /// `topic payload` of each message, or `refused`.
    fn call(&mut self, service: &str, data: Json) -> Vec<String> {
        let domain = self.id.split('.').next().unwrap();
        match self.house.call(&self.id.clone(), &format!("{domain}.{service}"), &data) {
            Ok(publishes) => publishes
                .iter()
                .map(|publish| {
                    format!("{} {}", publish.topic, String::from_utf8_lossy(&publish.payload))
                })
                .collect(),
            Err(_) => vec!["refused".to_owned()],
        }
    }
}

/// Messages one after the other, and after each the state and one attribute.
fn check(component: &str, keys: Json, steps: &[(&str, &str, &str, &str, Json)]) {
    let mut one = one(component, keys);
    for (topic, payload, word, name, value) in steps {
        one.hear(topic, payload);
        assert_eq!(one.word(), *word, "{component}: {topic} {payload}");
        assert_eq!(one.attribute(name), *value, "{component}: {topic} {payload}: {name}");
    }
}

/// Service calls one after the other, and what each publishes.
fn check_calls(component: &str, keys: Json, calls: &[(&str, Json, &[&str])]) {
    let mut one = one(component, keys);
    for (service, data, published) in calls {
        assert_eq!(one.call(service, data.clone()), *published, "{component}.{service} {data}");
    }
}

#[test]
fn covers_report_what_they_are() {
    let words = json!({"state_topic": "s", "command_topic": "c"});
    check(
        "cover",
        words,
        &[
            ("s", "open", "open", "current_position", json!("absent")),
            ("s", "closing", "closing", "current_position", json!("absent")),
            ("s", "stopped", "closed", "current_position", json!("absent")),
            ("s", "opening", "opening", "current_position", json!("absent")),
            ("s", "stopped", "open", "current_position", json!("absent")),
            ("s", "rubbish", "open", "current_position", json!("absent")),
            ("s", "None", "unknown", "current_position", json!("absent")),
        ],
    );
    let inverted = json!({
        "position_topic": "p", "set_position_topic": "sp", "command_topic": "c",
        "position_open": 0, "position_closed": 100, "tilt_status_topic": "t",
        "tilt_command_topic": "tc", "tilt_min": -90, "tilt_max": 90,
    });
    check(
        "cover",
        inverted,
        &[
            ("p", "100", "closed", "current_position", json!(0)),
            ("p", "25", "open", "current_position", json!(75)),
            ("p", "-20", "open", "current_position", json!(100)),
            ("p", "far", "open", "current_position", json!(100)),
            ("t", "0", "open", "current_tilt_position", json!(50)),
            ("t", "91", "open", "current_tilt_position", json!(50)),
            (
                "p",
                r#"{"position":100,"tilt_position":-90}"#,
                "closed",
                "current_tilt_position",
                json!(0),
            ),
            ("p", r#"{"tilt_position":90}"#, "closed", "current_tilt_position", json!(0)),
        ],
    );
}

#[test]
fn covers_are_commanded() {
    check_calls(
        "cover",
        json!({
            "command_topic": "c", "payload_stop": null, "position_topic": "p",
            "set_position_topic": "sp", "position_open": 0, "position_closed": 200,
            "set_position_template": "{{ position }}/{{ value }}/{{ position_open }}/{{ tilt_max }}",
            "tilt_command_topic": "t", "tilt_opened_value": 45, "tilt_min": 0, "tilt_max": 90,
            "tilt_command_template": "{{ tilt_position }}:{{ value }}",
        }),
        &[
            ("open_cover", json!({}), &["c OPEN"]),
            ("stop_cover", json!({}), &["refused"]),
            ("set_cover_position", json!({"position": 25}), &["sp 25/150/0/90"]),
            ("set_cover_position", json!({"position": 101}), &["refused"]),
            ("open_cover_tilt", json!({}), &["t 45:45"]),
            ("set_cover_tilt_position", json!({"tilt_position": 50}), &["t 50:45"]),
            ("stop_cover_tilt", json!({}), &["t STOP"]),
            ("toggle_cover_tilt", json!({}), &["t 0:0"]),
            ("toggle_cover_tilt", json!({}), &["t 45:45"]),
        ],
    );
    // Nobody reports: the wish is the fact.
    let mut blind = one("cover", json!({"command_topic": "c"}));
    assert_eq!(blind.attribute("assumed_state"), json!(true));
    assert_eq!(blind.call("open_cover", json!({})), ["c OPEN"]);
    assert_eq!(blind.word(), "open");
    assert_eq!(blind.call("toggle", json!({})), ["c CLOSE"]);
    assert_eq!(blind.word(), "closed");
}

#[test]
fn thermostats_report_and_obey() {
    let keys = json!({
        "temperature_unit": "F", "temperature_state_topic": "t", "temperature_command_topic": "tc",
        "current_temperature_topic": "ct", "mode_state_topic": "m", "mode_command_topic": "mc",
        "modes": ["off", "heat"], "precision": 0.5, "action_topic": "a",
        "preset_modes": ["eco"], "preset_mode_command_topic": "pc",
        "target_humidity_command_topic": "hc", "min_humidity": 40, "max_humidity": 60,
        "power_command_topic": "pw",
    });
    check(
        "climate",
        keys.clone(),
        &[
            ("ct", "70", "unknown", "current_temperature", json!(21.0)),
            ("ct", "warm", "unknown", "current_temperature", json!(21.0)),
            ("ct", "None", "unknown", "current_temperature", json!(null)),
            ("m", "heat", "heat", "hvac_action", json!("absent")),
            ("a", "heating", "heat", "hvac_action", json!("heating")),
            ("a", "dancing", "heat", "hvac_action", json!("heating")),
            ("m", "cool", "heat", "min_temp", json!(7.0)),
            ("m", "None", "unknown", "preset_mode", json!("none")),
        ],
    );
    check_calls(
        "climate",
        keys,
        &[
            ("set_temperature", json!({"temperature": 20}), &["tc 68.0"]),
            ("set_temperature", json!({"temperature": 5}), &["refused"]),
            (
                "set_temperature",
                json!({"target_temp_low": 18, "target_temp_high": 20}),
                &["refused"],
            ),
            ("set_hvac_mode", json!({"hvac_mode": "cool"}), &["refused"]),
            ("set_hvac_mode", json!({"hvac_mode": "party"}), &["refused"]),
            ("set_preset_mode", json!({"preset_mode": "eco"}), &["pc eco"]),
            ("set_preset_mode", json!({"preset_mode": "away"}), &["refused"]),
            ("set_humidity", json!({"humidity": 50}), &["hc 50"]),
            ("set_humidity", json!({"humidity": 70}), &["refused"]),
            ("set_fan_mode", json!({"fan_mode": "low"}), &["refused"]),
            ("turn_on", json!({}), &["pw ON"]),
            ("turn_off", json!({}), &["pw OFF"]),
        ],
    );
    // A mode that the house has no word for costs the mode, not the temperatures.
    let mut boiler = one(
        "climate",
        json!({
            "mode_state_topic": "m", "mode_command_topic": "mc",
            "modes": ["off", "emergency_heating"], "current_temperature_topic": "ct",
        }),
    );
    boiler.hear("m", "off");
    boiler.hear("m", "emergency_heating");
    boiler.hear("ct", "21.26");
    assert_eq!(boiler.word(), "unknown");
    assert_eq!(boiler.attribute("current_temperature"), json!(21.3));
}

#[test]
fn fans_report_and_obey() {
    let keys = json!({
        "state_topic": "s", "command_topic": "c", "command_template": "{{ value | lower }}",
        "percentage_state_topic": "p", "percentage_command_topic": "pc", "speed_range_max": 4,
        "preset_modes": ["eco"], "preset_mode_command_topic": "mc", "preset_mode_state_topic": "m",
        "oscillation_state_topic": "o", "direction_command_topic": "d",
    });
    check(
        "fan",
        keys.clone(),
        &[
            ("s", "ON", "on", "percentage", json!(null)),
            ("p", "3", "on", "percentage", json!(75)),
            ("p", "9", "on", "percentage", json!(75)),
            ("p", "2.5", "on", "percentage", json!(75)),
            ("p", "None", "on", "percentage", json!(null)),
            ("m", "eco", "on", "preset_mode", json!("eco")),
            ("m", "turbo", "on", "preset_mode", json!("eco")),
            ("m", "None", "on", "preset_mode", json!(null)),
            ("o", "oscillate_on", "on", "oscillating", json!("absent")),
            ("s", "None", "unknown", "supported_features", json!(61)),
        ],
    );
    check_calls(
        "fan",
        keys,
        &[
            (
                "turn_on",
                json!({"percentage": 30, "preset_mode": "eco"}),
                &["c on", "pc 2", "mc eco"],
            ),
            ("turn_on", json!({"preset_mode": "turbo"}), &["refused"]),
            ("set_percentage", json!({"percentage": 0}), &["pc 0"]),
            ("set_direction", json!({"direction": "reverse"}), &["d reverse"]),
            ("set_direction", json!({"direction": "up"}), &["refused"]),
            ("oscillate", json!({"oscillating": true}), &["refused"]),
            ("toggle", json!({}), &["c on"]),
        ],
    );
}

#[test]
fn valves_report_and_obey() {
    let keys = json!({
        "state_topic": "s", "command_topic": "c", "reports_position": true, "position_open": 200,
        "command_template": "{{ value }}/{{ position }}",
    });
    check(
        "valve",
        keys.clone(),
        &[
            ("s", "100", "open", "current_position", json!(50)),
            ("s", "opening", "opening", "current_position", json!(50)),
            (
                "s",
                r#"{"position": 120, "state": "opening"}"#,
                "opening",
                "current_position",
                json!(60),
            ),
            ("s", "200", "open", "current_position", json!(100)),
            ("s", r#"{"state": "closing"}"#, "open", "current_position", json!(100)),
            ("s", r#"{"position": null}"#, "open", "current_position", json!(100)),
            ("s", "0", "closed", "current_position", json!(0)),
        ],
    );
    check_calls(
        "valve",
        keys,
        &[
            ("open_valve", json!({}), &["c 200/100"]),
            ("set_valve_position", json!({"position": 33}), &["c 66/33"]),
            ("stop_valve", json!({}), &["refused"]),
        ],
    );
    check(
        "valve",
        json!({"state_topic": "s", "command_topic": "c"}),
        &[
            ("s", r#"{"state": "closing"}"#, "closing", "current_position", json!("absent")),
            ("s", "closed", "closed", "supported_features", json!(3)),
            ("s", "50", "closed", "current_position", json!("absent")),
            ("s", "None", "unknown", "current_position", json!("absent")),
        ],
    );
}

#[test]
fn locks_and_alarms_ask_for_codes() {
    check_calls(
        "lock",
        json!({
            "state_topic": "s", "command_topic": "c", "code_format": "^\\d{4}$",
            "command_template": "{{ value }} {{ code }}",
        }),
        &[
            ("lock", json!({"code": "1234"}), &["c LOCK 1234"]),
            ("unlock", json!({"code": "12"}), &["refused"]),
            ("unlock", json!({}), &["refused"]),
            ("open", json!({"code": "1234"}), &["refused"]),
        ],
    );
    check(
        "lock",
        json!({"state_topic": "s", "command_topic": "c", "state_jammed": "STUCK"}),
        &[
            ("s", "STUCK", "jammed", "code_format", json!("absent")),
            ("s", "UNLOCKED", "unlocked", "code_format", json!("absent")),
            ("s", " ", "unlocked", "code_format", json!("absent")),
            ("s", "None", "unknown", "code_format", json!("absent")),
        ],
    );
    let alarm = json!({
        "state_topic": "s", "command_topic": "c", "code": 1234,
        "command_template": "{{ action }}{{ code }}", "supported_features": ["arm_away"],
    });
    check_calls(
        "alarm_control_panel",
        alarm.clone(),
        &[
            ("alarm_arm_away", json!({"code": "1234"}), &["c ARM_AWAY1234"]),
            ("alarm_arm_away", json!({"code": 1234}), &["c ARM_AWAY1234"]),
            ("alarm_arm_away", json!({"code": "1"}), &["refused"]),
            ("alarm_arm_home", json!({"code": "1234"}), &["refused"]),
            ("alarm_disarm", json!({}), &["refused"]),
            ("alarm_trigger", json!({"code": "1234"}), &["refused"]),
        ],
    );
    check(
        "alarm_control_panel",
        alarm,
        &[
            ("s", "armed_away", "armed_away", "code_format", json!("number")),
            ("s", "armed", "armed_away", "code_format", json!("number")),
            ("s", "None", "unknown", "changed_by", json!(null)),
        ],
    );
}

#[test]
fn humidifiers_and_water_heaters_report_and_obey() {
    let keys = json!({
        "command_topic": "c", "target_humidity_command_topic": "hc", "state_topic": "s",
        "target_humidity_state_topic": "h", "current_humidity_topic": "ch", "action_topic": "a",
        "modes": ["eco", "sleep"], "mode_command_topic": "mc", "mode_state_topic": "m",
        "max_humidity": 80,
    });
    check(
        "humidifier",
        keys.clone(),
        &[
            ("h", "55.5", "unknown", "humidity", json!(56)),
            ("h", "90", "unknown", "humidity", json!(56)),
            ("h", "None", "unknown", "humidity", json!("absent")),
            ("ch", "90", "unknown", "current_humidity", json!(90)),
            ("a", "humidifying", "unknown", "action", json!("off")),
            ("s", "ON", "on", "action", json!("humidifying")),
            ("m", "sleep", "on", "mode", json!("sleep")),
            ("m", "party", "on", "mode", json!("sleep")),
            ("s", "OFF", "off", "device_class", json!("humidifier")),
        ],
    );
    check_calls(
        "humidifier",
        keys,
        &[
            ("set_humidity", json!({"humidity": 80}), &["hc 80"]),
            ("set_humidity", json!({"humidity": 81}), &["refused"]),
            ("set_mode", json!({"mode": "eco"}), &["mc eco"]),
            ("set_mode", json!({"mode": "party"}), &["refused"]),
        ],
    );
    let boiler = json!({
        "temperature_command_topic": "tc", "temperature_state_topic": "t",
        "mode_state_topic": "m", "value_template": "{{ value_json.v }}", "temperature_unit": "C",
    });
    check(
        "water_heater",
        boiler.clone(),
        &[
            ("m", r#"{"v": "eco"}"#, "eco", "operation_mode", json!("eco")),
            ("t", r#"{"v": 50.04}"#, "eco", "temperature", json!(50.0)),
            ("m", r#"{"v": "party"}"#, "eco", "min_temp", json!(43.3)),
            ("m", r#"{"v": null}"#, "unknown", "supported_features", json!(3)),
        ],
    );
    check_calls(
        "water_heater",
        boiler,
        &[
            ("set_temperature", json!({"temperature": 55}), &["tc 55.0"]),
            ("set_temperature", json!({"temperature": 20}), &["refused"]),
            ("turn_on", json!({}), &["refused"]),
        ],
    );
}

#[test]
fn sirens_ring_as_they_are_told() {
    let keys = json!({
        "state_topic": "s", "command_topic": "c", "available_tones": ["fire"],
        "support_volume_set": false,
        "command_template": "{{ state }} {{ tone }} {{ duration is defined }}",
        "command_off_template": "quiet",
    });
    check(
        "siren",
        keys.clone(),
        &[
            ("s", r#"{"state": "ON", "tone": "fire", "duration": 5}"#, "on", "tone", json!("fire")),
            ("s", r#"{"state": "OFF", "tone": "flood"}"#, "off", "tone", json!("fire")),
            ("s", "{}", "off", "duration", json!(5)),
            ("s", "ON", "on", "volume_level", json!("absent")),
            ("s", "loud", "on", "supported_features", json!(23)),
            ("s", "None", "unknown", "duration", json!(5)),
        ],
    );
    check_calls(
        "siren",
        keys,
        &[
            ("turn_on", json!({"tone": "fire", "duration": 4}), &["c ON fire True"]),
            ("turn_on", json!({"tone": "flood"}), &["refused"]),
            ("turn_on", json!({"volume_level": 0.5}), &["c ON  False"]),
            ("turn_off", json!({}), &["c quiet"]),
        ],
    );
}

#[test]
fn robots_report_and_obey() {
    let vacuum = json!({
        "state_topic": "s", "command_topic": "c", "supported_features": ["start", "fan_speed"],
        "fan_speed_list": ["low", "high"], "set_fan_speed_topic": "f",
        "clean_segments_command_topic": "g",
    });
    check(
        "vacuum",
        vacuum.clone(),
        &[
            ("s", r#"{"state": "cleaning"}"#, "cleaning", "fan_speed", json!(0)),
            (
                "s",
                r#"{"state": "docked", "fan_speed": "low"}"#,
                "docked",
                "fan_speed",
                json!("low"),
            ),
            ("s", r#"{"state": "flying"}"#, "docked", "fan_speed", json!("low")),
            ("s", "cleaning", "docked", "fan_speed", json!("low")),
            ("s", r#"{"state": null}"#, "unknown", "supported_features", json!(28704)),
        ],
    );
    let mut robot = one("vacuum", vacuum);
    robot.hear("s", r#"{"state": "docked", "segments": {"3": "Kitchen", "5": "Hall"}}"#);
    for (service, data, published) in [
        ("start", json!({}), "c start"),
        ("pause", json!({}), "refused"),
        ("set_fan_speed", json!({"fan_speed": "high"}), "f high"),
        ("set_fan_speed", json!({"fan_speed": "max"}), "refused"),
        ("clean_area", json!({"cleaning_area_id": ["hall", "3"]}), r#"g ["5","3"]"#),
        ("clean_area", json!({"cleaning_area_id": ["attic"]}), "refused"),
        ("send_command", json!({"command": "go"}), "refused"),
    ] {
        assert_eq!(robot.call(service, data.clone()), [published], "{service} {data}");
    }
    check(
        "lawn_mower",
        json!({"activity_state_topic": "s", "stop_command_topic": "x"}),
        &[
            ("s", "returning", "returning", "supported_features", json!(8)),
            ("s", "lost", "returning", "supported_features", json!(8)),
            ("s", "none", "unknown", "supported_features", json!(8)),
        ],
    );
    let mut mower = one(
        "lawn_mower",
        json!({"dock_command_topic": "d", "dock_command_template": "{{ value }}!"}),
    );
    assert_eq!(mower.call("dock", json!({})), ["d dock!"]);
    assert_eq!(mower.word(), "docked");
    assert_eq!(mower.call("start_mowing", json!({})), ["refused"]);
}
