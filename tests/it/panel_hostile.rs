//! Names, states and whatever else comes over the network is text on every page, never markup or script: in a real
//! browser, whose content policy must have nothing to refuse.

use serde_json::{Value as Json, json};

use crate::panel::{card, house, publish, url};
use crate::support::browser::Browser;
use crate::support::homard::Daemon;

/// What an attacker would have run. Each would set this if a page took it for more than text.
const BAD: &[&str] = &[
    "<script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    "\"><svg onload=window.pwned=1>",
    "</span></li></ul></title></textarea><iframe srcdoc='<script>parent.pwned=1</script>'>",
    "javascript:window.pwned=1",
    "' autofocus onfocus='window.pwned=1",
    "{{ 7 * 7 }} ${window.pwned=1} `+(window.pwned=1)+`",
];
/// Seen on a page where something bad is shown as text.
const SEEN: &str = "<img src=x onerror=window.pwned=1>";

/// One of them and what tells its thing from the others.
fn bad(n: usize) -> String {
    format!("{} {n}", BAD[n % BAD.len()])
}

/// A device with something bad in everything that a device says of itself.
fn device(n: usize) -> Json {
    json!({
        "identifiers": [format!("it-bad-{n}"), bad(n)], "name": bad(n), "manufacturer": bad(n + 1), "model": bad(n + 2),
        "model_id": bad(n + 3), "hw_version": bad(n + 4), "sw_version": bad(n + 5), "serial_number": bad(n + 6),
        "suggested_area": BAD[n % BAD.len()], "configuration_url": "javascript:window.pwned=1",
        "connections": [["mac", bad(n)]], "via_device": bad(n + 1),
    })
}

/// Announcements with something bad wherever a text can be, and what the things then say.
fn messages() -> Vec<(String, Json)> {
    let mut all = Vec::new();
    let topic = |component: &str, n: usize| format!("homeassistant/{component}/bad{n}/config");
    for n in 0..BAD.len() {
        let origin = json!({"name": bad(n), "sw_version": bad(n + 1), "support_url": "javascript:window.pwned=1"});
        let mut thing = |component: &str, own: Json, said: Json| {
            let id = format!("{component}-{n}");
            let mut payload = json!({
                "unique_id": format!("it-bad-{id}"), "name": bad(n), "device": device(n), "origin": origin,
                "state_topic": format!("bad/{id}"), "json_attributes_topic": format!("bad/{id}/more"),
                "icon": bad(n), "entity_picture": "javascript:window.pwned=1",
            });
            let own = own.as_object().unwrap().clone();
            payload.as_object_mut().unwrap().extend(own);
            all.push((topic(component, n), payload));
            let mut more = json!({"note": bad(n), "entity_picture": "javascript:window.pwned=1"});
            more[bad(n)] = bad(n + 1).into();
            all.push((format!("bad/{id}/more"), more));
            all.push((format!("bad/{id}"), said));
        };
        thing("sensor", json!({}), json!(bad(n)));
        let options: Vec<String> = (0..BAD.len()).map(bad).collect();
        thing("select", json!({"options": options, "command_topic": "bad/set"}), json!(bad(n)));
        thing("text", json!({"command_topic": "bad/set", "pattern": ".*"}), json!(bad(n)));
        thing("binary_sensor", json!({"payload_on": "ON"}), json!("ON"));
        thing("switch", json!({"command_topic": "bad/set"}), json!("ON"));
        thing("event", json!({"event_types": options}), json!({"event_type": bad(n)}));
        thing(
            "light",
            json!({"schema": "json", "command_topic": "bad/set", "brightness": true, "effect": true, "effect_list": options}),
            json!({"state": "ON", "brightness": 200, "effect": bad(n)}),
        );
        thing(
            "fan",
            json!({"command_topic": "bad/set", "preset_modes": options,
            "preset_mode_command_topic": "bad/set", "preset_mode_state_topic": "bad/fan"}),
            json!("ON"),
        );
        thing(
            "update",
            json!({}),
            json!({"installed_version": bad(n), "latest_version": bad(n + 1), "title": bad(n),
            "release_summary": bad(n), "release_url": "javascript:window.pwned=1"}),
        );
        let measured = json!({"unique_id": format!("it-measured-{n}"), "name": bad(n), "state_topic": format!("bad/m{n}"),
            "unit_of_measurement": bad(n), "device": device(n)});
        all.push((topic("sensor", 200 + n), measured));
        all.push((format!("bad/m{n}"), json!("21.5")));
        // What cannot be understood is a problem, whose text repeats it.
        all.push((topic("sensor", 100 + n), json!({"name": bad(n), "unique_id": format!("it-worse-{n}"),
            "state_topic": "bad/worse", "device_class": bad(n), "state_class": bad(n + 1), "qos": bad(n),
            "origin": {"name": bad(n)}, "device": device(n)})));
        all.push((
            format!("homeassistant/sensor/<img src=x onerror=window.pwned=1>{n}/config"),
            json!({"name": bad(n)}),
        ));
    }
    all
}

/// Nothing of what is on the page came from a text.
fn assert_only_text(browser: &mut Browser, place: &str) {
    let found = browser.eval(
        "[...document.querySelectorAll('script:not([src]), iframe, img, [onerror], [onload], [onfocus], [href^=\"javascript\" i], [src^=\"javascript\" i], [style*=pwned]')].map((one) => one.outerHTML.slice(0, 200))",
    );
    assert_eq!(found, json!([]), "{place}");
    assert_eq!(browser.eval("window.pwned ?? null"), Json::Null, "{place}");
    assert!(browser.complaints.is_empty(), "{place}: {:#?}", browser.complaints);
}

fn assert_seen(browser: &mut Browser, place: &str) {
    let seen = format!(
        "document.body.textContent.includes({0}) || [...document.querySelectorAll('input, option')].some((one) => one.value.includes({0}))",
        json!(SEEN)
    );
    browser.wait(&seen);
    assert_only_text(browser, place);
}

fn ids(demo: &Daemon) -> Vec<String> {
    let states = demo.get("/api/states");
    let all = states.as_array().unwrap().iter();
    let bad = all.filter(|state| state["attributes"]["note"].is_string());
    bad.map(|state| state["entity_id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn whatever_devices_say_is_text_on_every_page() {
    let Some((_folder, demo, mut browser)) = house("panel-hostile", "en") else { return };
    let messages = messages();
    let all: Vec<(&str, Json)> =
        messages.iter().map(|(topic, said)| (&**topic, said.clone())).collect();
    publish(&demo.broker, &all);
    let n_expected = BAD.len() * 9;
    demo.wait(|| match ids(&demo).len() {
        n if n >= n_expected => Ok(()),
        n => Err(format!("{n} of {n_expected} things say what they are")),
    });
    let ids = ids(&demo);
    // States that change are drawn anew, and are in the history.
    let again: Vec<(String, Json)> =
        (0..BAD.len()).map(|n| (format!("bad/sensor-{n}"), json!(bad(n + 1)))).collect();

    browser.open(&url(&demo, "/"));
    browser.wait(&format!("document.querySelectorAll('[data-id]').length > {n_expected}"));
    assert_seen(&mut browser, "home");
    let again: Vec<(&str, Json)> =
        again.iter().map(|(topic, said)| (&**topic, said.clone())).collect();
    publish(&demo.broker, &again);
    browser.wait(&format!(
        "[...document.querySelectorAll('[data-id^=\"sensor.\"] .state')].some((one) => one.textContent.startsWith({}))",
        json!(bad(1))
    ));
    browser.picture("hostile-home");
    for id in &ids {
        if browser.eval(&format!("document.querySelector('{}') !== null", card(id))) == true {
            browser.click(&format!("{} .name", card(id)));
            browser.wait("document.querySelector('dialog[open] .facts-list')");
            browser.eval(
                "document.querySelectorAll('dialog details').forEach((one) => one.open = true)",
            );
            assert_only_text(&mut browser, id);
            browser.key("Escape");
            browser.wait("!document.querySelector('dialog')");
        }
    }
    // Refused, and told in words that repeat what was asked.
    browser
        .click(&format!("{} .name", card(ids.iter().find(|id| id.starts_with("light.")).unwrap())));
    browser.click("dialog [data-star]");
    browser.key("Escape");
    browser.wait("document.querySelector('#favourites [data-id]')");
    assert_only_text(&mut browser, "favourites");

    browser.open(&url(&demo, "/devices"));
    browser.wait("document.querySelectorAll('#devices > li').length > 20");
    browser.eval("document.querySelector('#devices .more button')?.click()");
    browser.eval("document.querySelectorAll('details').forEach((one) => one.open = true)");
    assert_seen(&mut browser, "devices");
    assert_eq!(
        browser.eval(&format!(
            "document.querySelector('#problems').textContent.includes({})",
            json!(SEEN)
        )),
        true
    );
    browser.picture("hostile-devices");
    let shown = browser.eval("[...document.querySelectorAll('#devices [data-focus^=\"edit \"]')].map((one) => one.dataset.focus)");
    let shown: Vec<String> = serde_json::from_value(shown).unwrap();
    let bad_ones: Vec<&String> =
        shown.iter().filter(|one| ids.iter().any(|id| one.ends_with(id))).collect();
    assert!(bad_ones.len() > 5, "{shown:?}");
    for focus in bad_ones.iter().take(10) {
        browser.click(&format!("[data-focus='{focus}']"));
        browser.wait("document.querySelector('dialog [name=aliases]')");
        assert_only_text(&mut browser, focus);
        browser.key("Escape");
        browser.wait("!document.querySelector('dialog')");
    }

    // Timelines of words, and a room of all that is bad.
    let sensors: Vec<&String> =
        ids.iter().filter(|id| id.starts_with("sensor.") || id.starts_with("select.")).collect();
    for id in sensors.iter().take(4) {
        browser.open(&url(&demo, &format!("/history?entity={id}")));
        browser.wait("document.querySelector('#charts figure svg') && !document.querySelector('#charts[aria-busy]')");
        browser.eval("document.querySelectorAll('details').forEach((one) => one.open = true)");
        browser.eval("document.querySelector('.cursor')?.focus()");
        browser.key("ArrowRight");
        assert_seen(&mut browser, id);
    }
    browser.picture("hostile-history");
    browser.eval(&format!(
        "document.querySelector('#what').value = 'room ' + {}, document.querySelector('#what').dispatchEvent(new Event('change'))",
        json!(BAD[1])
    ));
    browser.wait("document.querySelectorAll('#charts figure').length > 2 && !document.querySelector('#charts[aria-busy]')");
    assert_only_text(&mut browser, "history of a room");

    // The house repeats names in its answers.
    browser.open(&url(&demo, "/talk"));
    for said in [
        "how many lights are on",
        "turn off all the lights",
        BAD[1],
        "what is in the <img src=x onerror=window.pwned=1>",
    ] {
        let n = browser.eval("document.querySelectorAll('.turn.house').length").as_u64().unwrap();
        browser.fill("#text", said);
        browser.key("Enter");
        browser.wait(&format!("document.querySelectorAll('.turn.house').length === {} && !document.querySelector('.thinking')", n + 1));
        browser.eval("document.querySelectorAll('details').forEach((one) => one.open = true)");
        assert_only_text(&mut browser, said);
    }
    assert_seen(&mut browser, "talk");
    browser.picture("hostile-talk");

    // People, tokens and rooms may be called anything too.
    browser.open(&url(&demo, "/settings"));
    browser.wait("document.querySelector('#add-token')");
    browser.click("#add-token");
    browser.fill("dialog [name=name]", BAD[1]);
    browser.click("dialog button[type=submit]");
    browser.wait("document.querySelector('dialog .secret')");
    browser.key("Escape");
    assert_seen(&mut browser, "settings");

    // What is in an address.
    let coded = "%3Cimg%20src%3Dx%20onerror%3Dwindow.pwned%3D1%3E";
    for path in [
        format!("/history?entity={coded}&hours={coded}"),
        format!("/history?area=%22%3E{coded}"),
        format!("/devices#{coded}"),
        format!("/talk?say={coded}#{coded}"),
        format!("/?language={coded}"),
        format!("/settings#{coded}"),
    ] {
        browser.open(&url(&demo, &path));
        assert_only_text(&mut browser, &path);
    }
}
