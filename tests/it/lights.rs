//! Lights in all three schemas: what they are told, what they tell, what is refused.

use homard::json::to_json;
use serde_json::{Map, Value as Json, json};

use crate::support::house::House;

/// One step of a light's day.
enum Step {
    /// The device says so.
    Hear(&'static str, Json),
    /// A service call, and what is published for it.
    Call(&'static str, Json, Vec<(&'static str, Json)>),
    /// A service call that is refused: nothing is published.
    Refuse(&'static str, Json),
    /// The state's word, and attributes beside others.
    Show(&'static str, Json),
    /// Something was wrong, in words that contain these.
    Complain(&'static str),
}

use Step::{Call, Complain, Hear, Refuse, Show};

/// A payload as JSON where it is JSON, else as text.
fn text_of(payload: &Json) -> String {
    payload.as_str().map_or_else(|| payload.to_string(), str::to_owned)
}

fn check(name: &str, config: Json, steps: Vec<Step>) {
    let mut house = House::new();
    let mut config = config;
    config["unique_id"] = json!("lamp");
    config["name"] = json!("Lamp");
    house.publish("homeassistant/light/lamp/config", config.to_string().as_bytes(), true);
    for (at, step) in steps.into_iter().enumerate() {
        let place = format!("{name}, step {}", at + 1);
        match step {
            Hear(topic, payload) => house.publish(topic, text_of(&payload).as_bytes(), false),
            Call(service, data, wanted) => {
                let published = house.call("light.lamp", service, &data);
                let published = published.unwrap_or_else(|error| panic!("{place}: {error:?}"));
                let published: Vec<(String, String)> = published
                    .iter()
                    .map(|publish| {
                        let payload = String::from_utf8_lossy(&publish.payload);
                        (publish.topic.to_string(), payload.into_owned())
                    })
                    .collect();
                let wanted: Vec<(String, String)> = wanted
                    .iter()
                    .map(|(topic, payload)| ((*topic).to_owned(), text_of(payload)))
                    .collect();
                assert_eq!(published, wanted, "{place}");
            }
            Refuse(service, data) => {
                let result = house.call("light.lamp", service, &data);
                assert!(result.is_err(), "{place}: {:?}", result.map(|list| list.len()));
            }
            Show(word, wanted) => {
                let entity = house.home.entity("light.lamp").expect(&place);
                let view = entity.view().expect(&place);
                assert_eq!(view.word, word, "{place}");
                let shown: Map<String, Json> = wanted
                    .as_object()
                    .unwrap()
                    .keys()
                    .map(|name| {
                        let missing = json!("<missing>");
                        let value = view.attributes.named(name).map_or(missing, to_json);
                        (name.clone(), value)
                    })
                    .collect();
                assert_eq!(Json::Object(shown), wanted, "{place}");
            }
            Complain(words) => {
                let problem = house.problems.iter().find(|problem| problem.text.contains(words));
                assert!(problem.is_some(), "{place}: {:?}", house.problems);
            }
        }
    }
}

#[test]
fn a_light_of_topics_without_brightness_topic_is_dimmed_by_its_colour() {
    let config = json!({
        "command_topic": "l/set", "state_topic": "l",
        "rgb_command_topic": "l/rgb/set", "rgb_state_topic": "l/rgb",
    });
    check(
        "rgb",
        config,
        vec![
            Show("unknown", json!({"supported_color_modes": ["rgb"], "color_mode": null})),
            Hear("l", json!("ON")),
            Show("on", json!({"color_mode": "rgb", "brightness": null, "rgb_color": null})),
            Hear("l/rgb", json!("100,50,0")),
            Show("on", json!({"brightness": 100, "rgb_color": [255, 128, 0]})),
            // Black tells no colour.
            Hear("l/rgb", json!("0,0,0")),
            Show("on", json!({"brightness": 100, "rgb_color": [255, 128, 0]})),
            Call(
                "light.turn_on",
                json!({"rgb_color": [255, 0, 128]}),
                vec![("l/rgb/set", json!("100,0,50")), ("l/set", json!("ON"))],
            ),
            Call(
                "light.turn_on",
                json!({"brightness": 51}),
                vec![("l/rgb/set", json!("51,25,0")), ("l/set", json!("ON"))],
            ),
            Call(
                "light.turn_on",
                json!({"color_name": "Medium Sea Green", "brightness_pct": 50}),
                vec![("l/rgb/set", json!("30,89,56")), ("l/set", json!("ON"))],
            ),
            Hear("l/rgb", json!("1,2")),
            Complain("is not 3 channels"),
            Hear("l/rgb", json!("a,b,c")),
            Complain("is no whole number"),
            Show("on", json!({"brightness": 100, "rgb_color": [255, 128, 0]})),
            Hear("l", json!("None")),
            Show("unknown", json!({"brightness": null, "rgb_color": null})),
        ],
    );
}

#[test]
fn a_light_of_topics_is_switched_first_last_or_by_brightness() {
    let config = |kind: &str| {
        json!({
            "command_topic": "l/set", "state_topic": "l", "on_command_type": kind,
            "payload_on": 1, "payload_off": 0, "brightness_scale": 100,
            "brightness_command_topic": "l/dim/set", "brightness_state_topic": "l/dim",
            "effect_command_topic": "l/effect", "effect_list": ["rain"],
            "brightness_command_template": "{{ value }} %",
            "effect_command_template": "{\"e\":\"{{ value }}\"}",
        })
    };
    let half = || json!({"brightness": 128});
    let dim = ("l/dim/set", json!("50 %"));
    let on = ("l/set", json!("1"));
    check(
        "first",
        config("first"),
        vec![Call("light.turn_on", half(), vec![on.clone(), dim.clone()])],
    );
    check(
        "last",
        config("last"),
        vec![
            Call("light.turn_on", half(), vec![dim.clone(), on.clone()]),
            // Dimming never turns off.
            Call(
                "light.turn_on",
                json!({"brightness": 1}),
                vec![("l/dim/set", json!("1 %")), on.clone()],
            ),
            Call("light.turn_on", json!({"brightness": 0}), vec![("l/set", json!("0"))]),
            Call(
                "light.turn_on",
                json!({"effect": "rain"}),
                vec![("l/effect", json!("{\"e\":\"rain\"}")), on.clone()],
            ),
            Refuse("light.turn_on", json!({"effect": "snow"})),
            Hear("l/dim", json!("50")),
            Hear("l", json!("1")),
            // The effect has no report: it is what was told.
            Show("on", json!({"brightness": 128, "effect": "rain"})),
            Hear("l/dim", json!("0")),
            Hear("l/dim", json!("much")),
            Complain("`much` is no number"),
            Show("on", json!({"brightness": 128, "color_mode": "brightness"})),
            Call(
                "light.turn_on",
                json!({"brightness_step": -28}),
                vec![("l/dim/set", json!("39 %")), on.clone()],
            ),
            Call("light.toggle", json!({}), vec![("l/set", json!("0"))]),
        ],
    );
    check(
        "brightness",
        config("brightness"),
        vec![
            Call("light.turn_on", json!({}), vec![("l/dim/set", json!("100 %"))]),
            Hear("l/dim", json!("20")),
            Call("light.turn_on", json!({}), vec![("l/dim/set", json!("20 %"))]),
            Call("light.turn_off", json!({"transition": 3}), vec![("l/set", json!("0"))]),
        ],
    );
}

#[test]
fn a_light_of_topics_without_reports_shows_what_it_was_told() {
    let config = json!({
        "command_topic": "l/set", "rgbww_command_topic": "l/rgbww", "hs_command_topic": "l/hs",
        "hs_command_template": "{{ hue }}°/{{ sat }}", "white_command_topic": "l/white",
        "white_scale": 100, "brightness_command_topic": "l/dim",
        "rgbww_command_template": "{{ red }}.{{ cold_white }}.{{ warm_white }}",
    });
    let on = ("l/set", json!("ON"));
    check(
        "optimistic",
        config,
        vec![
            Show(
                "unknown",
                json!({"assumed_state": true, "supported_color_modes": ["hs", "rgbww", "white"]}),
            ),
            Call("light.turn_on", json!({}), vec![on.clone()]),
            Show("on", json!({"color_mode": "unknown", "brightness": null})),
            // White at the present brightness, which nobody knows.
            Refuse("light.turn_on", json!({"white": true})),
            Call(
                "light.turn_on",
                json!({"hs_color": [200, 50], "brightness": 77}),
                vec![("l/hs", json!("200.0°/50.0")), ("l/dim", json!("77")), on.clone()],
            ),
            Show(
                "on",
                json!({"color_mode": "hs", "brightness": 77, "hs_color": [200.0, 50.0],
                "rgb_color": [128, 212, 255], "rgbww_color": null}),
            ),
            Call(
                "light.turn_on",
                json!({"white": true}),
                vec![("l/white", json!("30")), on.clone()],
            ),
            Show("on", json!({"color_mode": "white", "brightness": 77, "hs_color": null})),
            Call(
                "light.turn_on",
                json!({"white": 10, "brightness": 255}),
                vec![("l/white", json!("100")), on.clone()],
            ),
            Call(
                "light.turn_on",
                json!({"color_temp_kelvin": 4000, "brightness": 200}),
                vec![("l/rgbww", json!("0.144.56")), ("l/dim", json!("200")), on.clone()],
            ),
            Show(
                "on",
                json!({"color_mode": "rgbww", "brightness": 200,
                "rgbww_color": [0, 0, 0, 144, 56]}),
            ),
            Call("light.turn_on", json!({"white": 0}), vec![("l/set", json!("OFF"))]),
            Show("off", json!({"color_mode": null, "brightness": null, "rgbww_color": null})),
        ],
    );
}

#[test]
fn a_light_of_topics_tells_its_colour_mode() {
    let config = json!({
        "command_topic": "l/set", "state_topic": "l", "state_value_template": "{{ value_json.s }}",
        "color_mode_state_topic": "l/mode", "color_temp_command_topic": "l/ct/set",
        "color_temp_state_topic": "l/ct", "color_temp_kelvin": true, "min_kelvin": 2200,
        "max_mireds": 400, "max_kelvin": 4000, "xy_command_topic": "l/xy/set",
        "xy_state_topic": "l/xy",
    });
    check(
        "mode",
        config,
        vec![
            Hear("l", json!({"s": "ON"})),
            Hear("l/ct", json!("3000")),
            Hear("l/xy", json!("0.3, 0.3")),
            Show(
                "on",
                json!({"color_mode": "unknown", "min_color_temp_kelvin": 2500,
                "max_color_temp_kelvin": 4000, "min_mireds": 250, "max_mireds": 400}),
            ),
            Hear("l/mode", json!("color_temp")),
            Show(
                "on",
                json!({"color_mode": "color_temp", "color_temp_kelvin": 3000,
                "color_temp": 333, "hs_color": [27.825, 56.895]}),
            ),
            Hear("l/mode", json!("xy")),
            Show(
                "on",
                json!({"color_mode": "xy", "color_temp_kelvin": null,
                "xy_color": [0.3, 0.3], "hs_color": [234.0, 11.765]}),
            ),
            Hear("l/mode", json!("sepia")),
            Complain("`sepia` is no colour mode"),
            Show("on", json!({"color_mode": "xy"})),
            // The bare word stands for itself where the template wants JSON.
            Hear("l", json!("OFF")),
            Show("off", json!({"color_mode": null})),
            Call(
                "light.turn_on",
                json!({"color_temp": 400}),
                vec![("l/ct/set", json!("2500")), ("l/set", json!("ON"))],
            ),
            Call(
                "light.turn_on",
                json!({"rgb_color": [255, 0, 0]}),
                vec![("l/xy/set", json!("0.701,0.299")), ("l/set", json!("ON"))],
            ),
        ],
    );
}

#[test]
fn a_light_that_speaks_json_is_told_and_tells_everything_at_once() {
    let config = json!({
        "schema": "JSON", "command_topic": "l/set", "state_topic": "l", "brightness": true,
        "brightness_scale": 100, "supported_color_modes": ["color_temp", "rgbw", "white"],
        "white_scale": 10, "flash_time_short": 1, "flash_time_long": 5, "transition": false,
        "effect": true, "effect_list": ["rain"],
    });
    check(
        "json",
        config,
        vec![
            Show("unknown", json!({"supported_features": 12})),
            Hear(
                "l",
                json!({"state": "ON", "brightness": 50, "color_mode": "rgbw",
                "color": {"r": 255, "g": "57", "b": 20.9, "w": 0}, "effect": "rain"}),
            ),
            Show(
                "on",
                json!({"color_mode": "rgbw", "brightness": 128, "effect": "rain",
                "rgbw_color": [255, 57, 20, 0], "rgb_color": [255, 57, 20],
                "hs_color": [9.447, 92.157], "xy_color": [0.676, 0.314]}),
            ),
            // A part that cannot be used does not spoil the rest.
            Hear(
                "l",
                json!({"state": "ON", "brightness": 10, "color_mode": "hs",
                "color": {"h": 1, "s": 2}}),
            ),
            Complain("does not have `color_mode` `hs`"),
            Show("on", json!({"color_mode": "rgbw", "brightness": 26})),
            Hear("l", json!({"state": "ON", "color_mode": "rgbw", "color": {"r": 1}})),
            Complain("missing or incomplete"),
            Hear("l", json!({"state": "ON", "brightness": "bright"})),
            Complain("`brightness` \"bright\" is no number"),
            Show("on", json!({"rgbw_color": [255, 57, 20, 0], "brightness": 26})),
            Hear("l", json!({"brightness": 99})),
            Complain("no `state`"),
            Hear("l", json!("ON")),
            Complain("is not a JSON object"),
            Show("on", json!({"brightness": 26})),
            Hear("l", json!({"state": null})),
            Show("unknown", json!({"brightness": null})),
            Hear("l", json!({"state": "ON", "color_mode": "color_temp", "color_temp": 0})),
            Complain("missing or incomplete"),
            Hear("l", json!({"state": "ON", "color_mode": "color_temp", "color_temp": 250})),
            Show("on", json!({"color_mode": "color_temp", "color_temp_kelvin": 4000})),
            Call(
                "light.turn_on",
                json!({"hs_color": [120, 100], "transition": 3, "flash": "long"}),
                vec![(
                    "l/set",
                    json!({"state": "ON", "color": {"r": 0, "g": 255, "b": 0, "w": 0},
                    "flash": 5}),
                )],
            ),
            Call(
                "light.turn_on",
                json!({"kelvin": 4000, "brightness_step_pct": -5}),
                vec![("l/set", json!({"state": "ON", "brightness": 5, "color_temp": 250}))],
            ),
            Call(
                "light.turn_on",
                json!({"white": true, "brightness": 1}),
                vec![("l/set", json!({"state": "ON", "white": 1}))],
            ),
            Call(
                "light.turn_on",
                json!({"brightness_pct": 0, "flash": "short", "transition": 3}),
                vec![("l/set", json!({"state": "OFF", "flash": 1}))],
            ),
            Refuse("light.turn_on", json!({"effect": "snow"})),
        ],
    );
}

#[test]
fn a_light_that_speaks_json_without_brightness_is_dimmed_by_its_colour() {
    let config = json!({
        "schema": "json", "command_topic": "l/set", "supported_color_modes": "rgb",
    });
    check(
        "json rgb",
        config,
        vec![
            Call(
                "light.turn_on",
                json!({"rgb_color": [255, 128, 3], "brightness": 128}),
                vec![("l/set", json!({"state": "ON", "color": {"r": 128, "g": 64, "b": 2}}))],
            ),
            Show(
                "on",
                json!({"color_mode": "rgb", "rgb_color": [128, 64, 2], "brightness": null,
                "assumed_state": true}),
            ),
            Call(
                "light.turn_on",
                json!({"brightness": 128, "transition": 1}),
                vec![("l/set", json!({"state": "ON", "transition": 1.0, "brightness": 128}))],
            ),
            Show("on", json!({"brightness": 128})),
            Call(
                "light.turn_off",
                json!({"flash": "long"}),
                vec![("l/set", json!({"state": "OFF", "flash": 10}))],
            ),
            Show("off", json!({"brightness": null})),
        ],
    );
}

#[test]
fn modes_that_cannot_be_are_left_out_and_told() {
    let config = json!({
        "schema": "json", "command_topic": "l/set", "state_topic": "l",
        "supported_color_modes": ["brightness", "rgbx", "hs"], "brightness_scale": 0,
    });
    check(
        "modes",
        config,
        vec![
            Complain("`rgbx` is no colour mode"),
            Complain("`brightness_scale`: must be at least 1"),
            Show("unknown", json!({"supported_color_modes": ["hs"]})),
        ],
    );
    let config = json!({"command_topic": "l/set", "white_command_topic": "l/w"});
    check(
        "white alone",
        config,
        vec![
            Complain("`white_command_topic`"),
            Show("unknown", json!({"supported_color_modes": ["onoff"]})),
            // What the light has no way to do is left out, as in Home Assistant.
            Call(
                "light.turn_on",
                json!({"brightness": 9, "rgb_color": [1, 2, 3], "transition": 4, "effect": "x"}),
                vec![("l/set", json!("ON"))],
            ),
        ],
    );
}

#[test]
fn a_light_of_templates_does_what_they_say() {
    let config = json!({
        "schema": "template", "command_topic": "l/set", "state_topic": "l",
        "command_on_template": "on{% if brightness is defined %},b{{ brightness }}{% endif %}\
            {% if color_temp is defined %},t{{ color_temp }}{% endif %}\
            {% if red is defined %},c{{ red }}-{{ green }}-{{ blue }}/{{ hue }}/{{ sat }}{% endif %}\
            {% if effect is defined %},e{{ effect }}{% endif %}\
            {% if flash is defined %},f{{ flash }}{% endif %}\
            {% if transition is defined %},d{{ transition }}{% endif %}",
        "command_off_template": "{{ 'on' if state else 'off' }}{% if transition is defined %},d{{ transition }}{% endif %}",
        "state_template": "{{ value.split(',')[0] }}",
        "color_temp_template": "{{ value.split(',')[1] }}",
        "red_template": "{{ value.split(',')[2] }}",
        "green_template": "{{ value.split(',')[3] }}",
        "blue_template": "{{ value.split(',')[4] }}",
        "effect_template": "{{ value.split(',')[5] }}", "effect_list": ["rain"],
    });
    check(
        "template",
        config,
        vec![
            Show(
                "unknown",
                json!({"supported_color_modes": ["color_temp", "hs"],
                "supported_features": 44}),
            ),
            Hear("l", json!("on,250,,,,")),
            Show(
                "on",
                json!({"color_mode": "color_temp", "color_temp_kelvin": 4000,
                "brightness": null, "effect": null}),
            ),
            Hear("l", json!("on,,255,128,0,rain")),
            Show(
                "on",
                json!({"color_mode": "hs", "hs_color": [30.118, 100.0], "effect": "rain",
                "color_temp_kelvin": null}),
            ),
            Hear("l", json!("on,None,None,None,None,snow")),
            Complain("`snow` is none of its effects"),
            Show(
                "on",
                json!({"color_mode": "color_temp", "color_temp_kelvin": null,
                "effect": "rain"}),
            ),
            Hear("l", json!("maybe,,,,,")),
            Complain("`maybe` is neither on nor off"),
            Call(
                "light.turn_on",
                json!({"rgb_color": [255, 128, 0], "brightness": 51}),
                vec![("l/set", json!("on,b51,c51-26-0/30.118/100.0"))],
            ),
            Call(
                "light.turn_on",
                json!({"color_temp_kelvin": 3000, "effect": "rain", "flash": "short",
                    "transition": 2}),
                vec![("l/set", json!("on,t333,erain,fshort,d2.0"))],
            ),
            Call("light.turn_off", json!({"transition": 1.5}), vec![("l/set", json!("off,d1.5"))]),
            Show("on", json!({})),
        ],
    );
    let config = json!({
        "schema": "template", "command_topic": "l/set", "command_on_template": "on",
        "command_off_template": "off", "brightness_template": "{{ value }}",
    });
    check(
        "template without reports",
        config,
        vec![
            Call("light.turn_on", json!({"brightness": 7}), vec![("l/set", json!("on"))]),
            Show("on", json!({"assumed_state": true, "color_mode": "brightness", "brightness": 7})),
            Call("light.toggle", json!({}), vec![("l/set", json!("off"))]),
            Show("off", json!({"brightness": null})),
        ],
    );
}

#[test]
fn calls_that_mean_nothing_are_refused() {
    let config = json!({
        "schema": "json", "command_topic": "l/set", "supported_color_modes": ["hs"],
    });
    let bad = [
        json!({"profile": "relax"}),
        json!({"rgb_color": [1, 2, 3], "color_name": "red"}),
        json!({"brightness": 1, "brightness_pct": 1}),
        json!({"brightness_pct": 101}),
        json!({"brightness": "much"}),
        json!({"color_name": "reddish"}),
        json!({"color_temp_kelvin": 0}),
        json!({"color_temp": 0}),
        json!({"hs_color": [361, 0]}),
        json!({"hs_color": [0, 101]}),
        json!({"hs_color": [0]}),
        json!({"rgb_color": [1, 2, 256]}),
        json!({"xy_color": [0.5, 1.5]}),
        json!({"white": false}),
        json!({"flash": "twice"}),
        json!({"transition": "slowly"}),
        json!({"brightnes": 3}),
    ];
    let mut steps: Vec<Step> = bad.into_iter().map(|data| Refuse("light.turn_on", data)).collect();
    steps.push(Refuse("light.turn_off", json!({"brightness": 3})));
    // Home Assistant brings these into their range.
    steps.push(Call(
        "light.turn_on",
        json!({"brightness": 300, "transition": 9999}),
        vec![("l/set", json!({"state": "ON", "transition": 6553.0, "brightness": 255}))],
    ));
    check("bad calls", config, steps);
}

#[test]
fn a_light_announced_anew_remembers_what_it_said() {
    let mut house = House::new();
    let mut config = json!({
        "schema": "json", "command_topic": "l/set", "state_topic": "l", "unique_id": "lamp",
        "name": "Lamp", "brightness": true, "supported_color_modes": ["hs", "color_temp"],
    });
    let topic = "homeassistant/light/lamp/config";
    house.publish(topic, config.to_string().as_bytes(), true);
    let state = json!({"state": "ON", "brightness": 99, "color_mode": "hs",
        "color": {"h": 10, "s": 20}});
    house.publish("l", state.to_string().as_bytes(), false);
    config["max_mireds"] = json!(400);
    house.publish(topic, config.to_string().as_bytes(), true);
    let show = |house: &House, name: &str| {
        to_json(
            house
                .home
                .entity("light.lamp")
                .unwrap()
                .view()
                .unwrap()
                .attributes
                .named(name)
                .unwrap(),
        )
    };
    assert_eq!(show(&house, "min_color_temp_kelvin"), json!(2500));
    assert_eq!(show(&house, "color_mode"), json!("hs"));
    assert_eq!(show(&house, "brightness"), json!(99));
}
