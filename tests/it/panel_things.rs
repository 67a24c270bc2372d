//! The panel in a real browser, thing by thing: each kind of card that the demo house lacks, answered by a device that
//! says what it was told; and the devices' page as who looks after a house uses it.

use rumqttc::{Client, Event, Incoming, MqttOptions, QoS};
use serde_json::{Value as Json, json};

use crate::panel::{PHONE, TABLET, assert_no_complaint, card, house, is, publish, url};
use crate::support::browser::Browser;

/// A device that does as it is told: what comes on `it/…/set` is said on `it/…`.
fn answer(broker: &str) {
    let (host, port) = broker.rsplit_once(':').unwrap();
    let options = MqttOptions::new("homard-it-answers", host, port.parse().unwrap());
    let (client, mut connection) = Client::new(options, 50);
    client.subscribe("it/#", QoS::AtLeastOnce).unwrap();
    let (ready, is_ready) = std::sync::mpsc::channel();
    // It ends with the broker.
    std::thread::spawn(move || {
        for event in connection.iter() {
            match event {
                Ok(Event::Incoming(Incoming::SubAck(_))) => drop(ready.send(())),
                Ok(Event::Incoming(Incoming::Publish(told))) => {
                    if let Some(topic) = told.topic.strip_suffix("/set") {
                        let _ =
                            client.publish(topic, QoS::AtLeastOnce, true, answered(&told.payload));
                    }
                }
                Ok(_) => {}
                Err(_) => return,
            }
        }
    });
    is_ready.recv_timeout(std::time::Duration::from_secs(20)).expect("the broker takes it");
}

/// What a device says to what it is told: a lamp also in which way it shines.
fn answered(told: &[u8]) -> Vec<u8> {
    let Ok(Json::Object(mut lamp)) = serde_json::from_slice(told) else { return told.to_vec() };
    for (key, mode) in [("color_temp", "color_temp"), ("color", "hs")] {
        if lamp.contains_key(key) {
            lamp.insert("color_mode".to_owned(), mode.into());
        }
    }
    serde_json::to_vec(&lamp).unwrap()
}

/// Announces a thing of the room "Workshop".
fn thing(component: &str, id: &str, name: &str, own: Json) -> (String, Json) {
    let mut payload = json!({"name": null, "unique_id": format!("it-{id}"),
        "device": {"identifiers": [format!("it-{id}")], "name": name, "suggested_area": "Workshop"}});
    payload.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
    (format!("homeassistant/{component}/{id}/config"), payload)
}

fn said(topic: &str, payload: &str) -> (String, Json) {
    (topic.to_owned(), json!(payload))
}

/// Moves a slider to a value, as a drag does when it ends.
fn slide(browser: &mut Browser, slider: &str, value: u32) {
    browser.wait(&format!("document.querySelector(\"{slider}\")"));
    browser.eval(&format!(
        "(() => {{ const s = document.querySelector(\"{slider}\"); s.value = {value}; s.dispatchEvent(new Event('input')); s.dispatchEvent(new Event('change')); }})()"
    ));
}

/// Presses what asks first, and says yes.
fn press_and_confirm(browser: &mut Browser, button: &str) {
    browser.click(button);
    browser.wait("document.querySelector('dialog[open] [type=submit]')");
    browser.click("dialog [type=submit]");
    browser.wait("!document.querySelector('dialog')");
}

#[test]
fn every_kind_of_card_moves_its_device_and_shows_what_it_says() {
    let Some((_folder, demo, mut browser)) = house("panel-cards", "en") else { return };
    answer(&demo.broker);
    let all = [
        thing(
            "cover",
            "awning",
            "Awning",
            json!({"device_class": "awning", "command_topic": "it/awning/move/set",
            "position_topic": "it/awning", "set_position_topic": "it/awning/set",
            "tilt_status_topic": "it/awning/tilt", "tilt_command_topic": "it/awning/tilt/set"}),
        ),
        said("it/awning", "0"),
        said("it/awning/tilt", "0"),
        thing(
            "valve",
            "water",
            "Main valve",
            json!({"state_topic": "it/water", "command_topic": "it/water/set",
            "reports_position": true}),
        ),
        said("it/water", "0"),
        thing(
            "light",
            "lamp",
            "Bench lamp",
            json!({"schema": "json", "state_topic": "it/lamp", "command_topic": "it/lamp/set",
            "brightness": true, "supported_color_modes": ["color_temp", "hs"], "effect": true, "effect_list": ["rainbow", "fire"]}),
        ),
        said("it/lamp", "{\"state\":\"OFF\"}"),
        thing(
            "humidifier",
            "fog",
            "Fog",
            json!({"state_topic": "it/fog", "command_topic": "it/fog/set",
            "target_humidity_state_topic": "it/fog/target", "target_humidity_command_topic": "it/fog/target/set"}),
        ),
        said("it/fog", "OFF"),
        said("it/fog/target", "50"),
        thing(
            "alarm_control_panel",
            "guard",
            "Guard",
            json!({"state_topic": "it/guard", "command_topic": "it/guard/set",
            "code_arm_required": false, "payload_arm_away": "armed_away", "payload_disarm": "disarmed"}),
        ),
        said("it/guard", "disarmed"),
        thing(
            "number",
            "speed",
            "Saw speed",
            json!({"state_topic": "it/speed", "command_topic": "it/speed/set", "min": 0, "max": 10}),
        ),
        said("it/speed", "4"),
        thing(
            "select",
            "mode",
            "Saw mode",
            json!({"state_topic": "it/mode", "command_topic": "it/mode/set", "options": ["slow", "fast"]}),
        ),
        said("it/mode", "slow"),
        thing(
            "text",
            "sign",
            "Door sign",
            json!({"state_topic": "it/sign", "command_topic": "it/sign/set"}),
        ),
        said("it/sign", "Come in"),
        thing("button", "bell", "Bell", json!({"command_topic": "it/bell/set"})),
        thing(
            "scene",
            "film",
            "Film night",
            json!({"command_topic": "it/film/set", "payload_on": "ON"}),
        ),
        thing(
            "fan",
            "fan",
            "Exhaust",
            json!({"state_topic": "it/fan", "command_topic": "it/fan/set",
            "percentage_state_topic": "it/fan/share", "percentage_command_topic": "it/fan/share/set"}),
        ),
        said("it/fan", "OFF"),
        said("it/fan/share", "0"),
    ];
    let all: Vec<(&str, Json)> =
        all.iter().map(|(topic, payload)| (&**topic, payload.clone())).collect();
    publish(&demo.broker, &all);
    demo.wait_for("fan.exhaust", is("off"));
    demo.wait_for("select.saw_mode", is("slow"));
    browser.open(&url(&demo, "/"));
    browser.wait(&format!(
        "document.querySelector('{}') && document.querySelectorAll('.card .switch').length > 5",
        card("text.door_sign")
    ));
    let attribute =
        |name: &'static str, value: i64| move |state: &Json| state["attributes"][name] == value;

    // Position and tilt.
    let awning = card("cover.awning");
    browser.click(&format!("{awning} .name"));
    browser.wait("document.querySelectorAll('dialog .slider').length === 2");
    slide(
        &mut browser,
        "dialog .slide:nth-of-type(1) input, dialog input[aria-label$='Position']",
        40,
    );
    demo.wait_for("cover.awning", attribute("current_position", 40));
    slide(&mut browser, "dialog input[aria-label$='Tilt']", 70);
    demo.wait_for("cover.awning", attribute("current_tilt_position", 70));
    browser.picture("dialog-position-and-tilt");
    browser.key("Escape");
    browser.wait(&format!("document.querySelector('{awning} .state').textContent.includes('40%')"));

    // Water asks before it flows.
    let valve = card("valve.main_valve");
    press_and_confirm(&mut browser, &format!("{valve} button[aria-label^='Open']"));
    demo.wait_for("valve.main_valve", is("open"));
    browser.wait(&format!("document.querySelector('{valve}').dataset.mood === 'open'"));
    press_and_confirm(&mut browser, &format!("{valve} button[aria-label^='Close']"));
    demo.wait_for("valve.main_valve", is("closed"));

    // Colour, its warmth, effects.
    let lamp = card("light.bench_lamp");
    browser.click(&format!("{lamp} [role=switch]"));
    demo.wait_for("light.bench_lamp", is("on"));
    browser.click(&format!("{lamp} .name"));
    slide(&mut browser, "dialog .slider.white", 4000);
    demo.wait_for("light.bench_lamp", |state| {
        (3900..=4100).contains(&state["attributes"]["color_temp_kelvin"].as_i64().unwrap_or(0))
    });
    browser.click("dialog .swatch[title=green]");
    demo.wait_for("light.bench_lamp", |state| {
        state["attributes"]["hs_color"][0].as_f64().is_some_and(|hue| (110.0..130.0).contains(&hue))
    });
    browser.eval("document.querySelectorAll('dialog select').forEach((s) => { s.value = 'fire'; s.dispatchEvent(new Event('change')); })");
    demo.wait_for("light.bench_lamp", |state| state["attributes"]["effect"] == "fire");
    browser.picture("dialog-colour");
    browser.key("Escape");

    // What is pressed step by step, chosen, typed, or only pressed.
    browser.click(&format!("{} button[aria-label$='More']", card("humidifier.fog")));
    demo.wait_for("humidifier.fog", attribute("humidity", 51));
    browser.click(&format!("{} [role=switch]", card("humidifier.fog")));
    demo.wait_for("humidifier.fog", is("on"));
    browser.click(&format!("{} button[aria-label$='More']", card("number.saw_speed")));
    demo.wait_for("number.saw_speed", |state| {
        state["state"].as_str().is_some_and(|word| word.starts_with('5'))
    });
    let select = format!("document.querySelector('{} select')", card("select.saw_mode"));
    browser.eval(&format!("{select}.value = 'fast', {select}.dispatchEvent(new Event('change'))"));
    demo.wait_for("select.saw_mode", is("fast"));
    browser.fill(&format!("{} input", card("text.door_sign")), "Gone <b>fishing</b>");
    browser.key("Enter");
    demo.wait_for("text.door_sign", is("Gone <b>fishing</b>"));
    for pressed in ["button.bell", "scene.film_night"] {
        browser.click(&format!("{} .buttons button", card(pressed)));
        demo.wait_for(pressed, |state| state["state"] != "unknown");
    }
    slide(&mut browser, "[data-id='fan.exhaust'] input[type=range]", 60);
    demo.wait_for("fan.exhaust", attribute("percentage", 60));

    let guard = card("alarm_control_panel.guard");
    press_and_confirm(&mut browser, &format!("{guard} button[aria-label^='Arm (away)']"));
    demo.wait_for("alarm_control_panel.guard", is("armed_away"));
    press_and_confirm(&mut browser, &format!("{guard} button[aria-label^='Disarm']"));
    demo.wait_for("alarm_control_panel.guard", is("disarmed"));

    browser.wait(&format!("!document.querySelector('{guard}.waiting')"));
    for (name, (width, height)) in [("phone", PHONE), ("tablet", TABLET)] {
        browser.size(width, height, false);
        browser
            .eval(&format!("document.querySelector('{awning}').closest('.room').scrollIntoView()"));
        browser.picture(&format!("cards-{name}"));
        let wide = browser.eval("document.documentElement.scrollWidth");
        assert!(wide.as_u64().unwrap() <= u64::from(width), "{name}: {wide}");
    }
    if let Some(found) = browser.accessibility() {
        assert!(found.is_empty(), "{found:#?}");
    }
    // From the room to what it was.
    browser.click("a[href='/history?area=Workshop']");
    browser.wait("location.pathname === '/history' && document.querySelector('#what')?.value === 'room Workshop'");
    assert_no_complaint(&browser);
}

#[test]
fn who_looks_after_a_house_finds_weak_batteries_duplicates_and_what_is_silent() {
    let Some((_folder, demo, mut browser)) = house("panel-upkeep", "en") else { return };
    let mut all = Vec::new();
    // Ninety sensors with batteries, of which some are weak; one device from two producers; many problems.
    for n in 0..90_u32 {
        let device = json!({"identifiers": [format!("it-b{n}")], "name": format!("Sensor {n:02}"),
            "suggested_area": format!("Room {n:02}")});
        all.push((
            format!("homeassistant/sensor/b{n}/config"),
            json!({"name": "Battery", "unique_id": format!("it-b{n}"), "state_topic": format!("it/b{n}"),
                "device_class": "battery", "unit_of_measurement": "%", "device": device}),
        ));
        all.push((format!("it/b{n}"), json!(format!("{}", 5 + (n * 37) % 90))));
        all.push((
            format!("homeassistant/sensor/x{n}/config"),
            json!({"name": format!("Broken {n}")}),
        ));
    }
    for (n, producer) in ["zigbee2mqtt", "tasmota"].into_iter().enumerate() {
        let payload = json!({"name": null, "unique_id": format!("it-twin{n}"), "state_topic": format!("it/twin{n}"),
            "command_topic": format!("it/twin{n}/set"), "origin": {"name": producer},
            "device": {"identifiers": [format!("it-twin{n}")], "name": "Shed plug"}});
        all.push((format!("homeassistant/switch/twin{n}/config"), payload));
        all.push((format!("it/twin{n}"), json!("ON")));
    }
    let all: Vec<(&str, Json)> =
        all.iter().map(|(topic, payload)| (&**topic, payload.clone())).collect();
    publish(&demo.broker, &all);
    demo.wait_for("switch.shed_plug", is("on"));
    demo.wait_for("sensor.sensor_89_battery", |state| state["state"] != "unknown");
    browser.open(&url(&demo, "/devices"));
    browser.wait("document.querySelectorAll('#devices > li').length === 41");
    browser.click("#devices .more button");
    browser.wait("document.querySelectorAll('#devices > li').length === 81");
    // Problems and rooms come in pages too.
    let n_problems = demo.get("/api/homard/problems").as_array().unwrap().len();
    assert!(n_problems >= 90, "{n_problems}");
    for (list, button) in
        [("#problems > li", "more problems"), ("#places ul:first-of-type > li", "more areas")]
    {
        assert_eq!(
            browser.eval(&format!("document.querySelectorAll('{list}').length")),
            41,
            "{list}"
        );
        browser.click(&format!("[data-focus='{button}']"));
        browser.wait(&format!("document.querySelectorAll('{list}').length > 80"));
    }

    let choose = |browser: &mut Browser, word: &str| {
        browser.eval(&format!("document.querySelector('#which').value = '{word}', document.querySelector('#which').dispatchEvent(new Event('change'))"));
    };
    let shares = "[...document.querySelectorAll('#devices > li:not(.more) > details > summary')].map((one) => Number((one.textContent.match(/Battery: (\\d+)/) ?? [])[1] ?? 101))";
    for which in ["vitals", "battery"] {
        choose(&mut browser, which);
        browser.wait(&format!("({shares})[0] === 5"));
        let found: Vec<u64> = serde_json::from_value(browser.eval(shares)).unwrap();
        assert!(found.is_sorted() && found.len() > 10, "{which}: {found:?}");
        assert!(which == "vitals" || found.iter().all(|share| *share <= 20), "{found:?}");
    }
    browser.picture("devices-batteries");
    choose(&mut browser, "silent");
    browser.wait("document.querySelectorAll('#devices > li').length === 41");
    choose(&mut browser, "");

    browser.fill("#search", "shed plug");
    browser.wait("document.querySelectorAll('#devices > li').length === 2");
    browser.click("#devices summary");
    browser.wait("document.querySelector('.twin')");
    let told = browser.text(".twin");
    assert!(told.contains("zigbee2mqtt announces") || told.contains("tasmota announces"), "{told}");
    assert!(told.contains("(zigbee2mqtt)") || told.contains("(tasmota)"), "{told}");
    browser.picture("devices-duplicate");

    // Disabled: it is no more in the house, and comes back when it is wanted.
    browser.click("#devices [data-focus^='edit ']");
    browser.click("dialog [name=enabled]");
    browser.click("dialog button[type=submit]");
    browser
        .wait("!document.querySelector('dialog') && document.querySelector('#devices .disabled')");
    demo.wait(|| {
        let states = demo.get("/api/states");
        let n = states
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["entity_id"].as_str().unwrap().starts_with("switch.shed_plug"))
            .count();
        if n == 1 { Ok(()) } else { Err(format!("{n} are there")) }
    });
    browser.click("#devices li:has(.disabled) [data-focus^='edit ']");
    browser.click("dialog [name=enabled]");
    browser.click("dialog button[type=submit]");
    browser
        .wait("!document.querySelector('dialog') && !document.querySelector('#devices .disabled')");
    if let Some(found) = browser.accessibility() {
        assert!(found.is_empty(), "{found:#?}");
    }
    assert_no_complaint(&browser);
}
