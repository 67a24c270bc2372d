//! The panel's history in a real browser, on a demo house that has a past.

use homard::home::Change;
use homard::home::entity::{Record, View as Shown};
use homard::home::id::EntityId;
use homard::home::value::Attributes;
use homard::storage::history::{History, Settings};
use jiff::Timestamp;
use serde_json::Value as Json;

use crate::support::browser::Browser;
use crate::support::homard::{Daemon, Folder};

const PHONE: (u32, u32) = (360, 780);
const TABLET: (u32, u32) = (1280, 800);
const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// The places of a temperature that follows the day, in tenths.
fn temperature(at: i64, mean: f64, swing: f64) -> String {
    let share = (at % DAY) as f64 / DAY as f64;
    let wave = (std::f64::consts::TAU * (share - 0.35)).sin();
    let noise = ((at / MINUTE * 7_919) % 13) as f64 / 20.0;
    format!("{:.1}", mean + swing * wave + noise)
}

/// Fills in what the demo's things were for forty days; nobody looked for some hours two days ago.
fn live_before(folder: &Folder) {
    let dir = std::path::PathBuf::from(folder.path("data")).join("history");
    let history = History::open(&dir, &Settings::default()).unwrap();
    let now = Timestamp::now().as_millisecond();
    let say = |id: &str, word: String, attributes: &[(&'static str, f64)], at: i64| {
        let mut shown = Shown { word: word.into(), attributes: Attributes::new() };
        attributes.iter().for_each(|(name, value)| shown.attributes.put(*name, *value));
        let time = Timestamp::from_millisecond(at).unwrap();
        let after = Some(Record { view: shown, changed_at: time, updated_at: time });
        history.note(&[Change { id: EntityId::new(id), before: None, after }], time);
    };
    for n in 0..40 * 24 * 6 {
        let at = now - 40 * DAY + n * 10 * MINUTE;
        let hour = n / 6 % 24;
        let is_lost = (now - 2 * DAY - 9 * 60 * MINUTE..now - 2 * DAY).contains(&at);
        let gone = |word: String| if is_lost { "unavailable".to_owned() } else { word };
        say("sensor.kitchen_air_temperature", gone(temperature(at, 20.5, 1.4)), &[], at);
        say("sensor.bathroom_air_temperature", gone(temperature(at, 18.0, 1.0)), &[], at);
        let is_heating = if hour % 5 < 2 { "heat" } else { "off" };
        let values =
            [("current_temperature", 19.0 + (hour % 7) as f64 / 4.0), ("temperature", 20.0)];
        say("climate.living_room_heating", is_heating.to_owned(), &values, at);
        let is_on = (17..23).contains(&hour) || (hour == 7 && n % 6 < 4);
        let on = |is_on: bool| if is_on { "on" } else { "off" }.to_owned();
        let brightness = [("brightness", if hour < 20 { 254.0 } else { 120.0 })];
        say("light.floor_lamp", gone(on(is_on)), if is_on { &brightness } else { &[] }, at);
        say("binary_sensor.front_door", on(n % 37 == 0 || n % 53 == 1), &[], at);
        if n % 24 == 0 {
            history.flush().unwrap();
            let mut n_steps = 0;
            while history.tidy(n_steps).unwrap() {
                n_steps += 1;
            }
        }
    }
    history.flush().unwrap();
}

fn house(name: &str, language: &str) -> Option<(Folder, Daemon, Browser)> {
    let mut browser = Browser::start(language)?;
    let folder = Folder::new(name);
    live_before(&folder);
    let demo = Daemon::start("demo", &folder);
    demo.wait_for("light.kitchen_light", |state| state["state"] == "off");
    browser.size(TABLET.0, TABLET.1, false);
    browser.open(&format!("{}/?token={}", demo.url, demo.token));
    Some((folder, demo, browser))
}

fn ready(browser: &mut Browser) {
    browser.wait("document.querySelector('#charts figure svg rect, #charts figure svg polyline') && !document.querySelector('#charts[aria-busy]')");
}

#[test]
fn what_was_is_found_from_a_card_drawn_and_told() {
    let Some((_folder, demo, mut browser)) = house("panel-history", "en") else { return };
    // From the card's dialog.
    browser.click("[data-id=\"light.floor_lamp\"] .name");
    browser.click("dialog a[href^='/history']");
    ready(&mut browser);
    assert_eq!(browser.eval("document.querySelector('#what').value"), "light.floor_lamp");
    assert_eq!(browser.text("figure h2"), "Floor lamp");
    assert_eq!(browser.eval("document.querySelectorAll('figure').length"), 2, "and brightness");
    // A week; the address says so, and the bars are words.
    browser.click("#spans button[value='168']");
    browser.wait(
        "location.search.includes('hours=168') && !document.querySelector('#charts[aria-busy]')",
    );
    browser.wait("document.querySelectorAll('figure:first-child .bar.on').length >= 10");
    let facts = browser.text("figure .statistics");
    assert!(facts.contains("off") && facts.contains("on") && facts.contains('%'), "{facts}");
    assert!(browser.text(".gap-note").contains("Nothing is known"));

    // Numbers: a line, a gap in it, figures, a cursor for the keyboard, and a table.
    browser.open(&format!("{}/history?entity=sensor.kitchen_air_temperature&hours=168", demo.url));
    ready(&mut browser);
    let n_lines = browser.eval("document.querySelectorAll('figure polyline').length");
    assert!(n_lines.as_u64().unwrap() >= 2, "a gap parts the line: {n_lines}");
    let facts = browser.text("figure .statistics");
    assert!(facts.contains("°C") && facts.contains("Mean2"), "{facts}");
    browser.eval("document.querySelector('.cursor').focus()");
    browser.key("ArrowRight");
    browser.wait("document.querySelector('.readout').textContent.includes('°C')");
    let told = browser.eval("document.querySelector('.cursor').getAttribute('aria-valuetext')");
    assert_eq!(browser.text(".readout"), told.as_str().unwrap());
    browser.click("figure details summary");
    browser.wait("document.querySelectorAll('figure tbody tr').length > 20");

    // A room has all that is in it; earlier is another time, later not after now.
    browser.eval("document.querySelector('#what').value = 'room Living room', document.querySelector('#what').dispatchEvent(new Event('change'))");
    browser.wait("document.querySelectorAll('#charts figure').length >= 5 && !document.querySelector('#charts[aria-busy]')");
    let range = browser.text("#when");
    browser.click("#earlier");
    browser.wait(&format!("document.querySelector('#when').textContent !== {} && !document.querySelector('#charts[aria-busy]')", Json::from(range.clone())));
    browser.click("#later");
    browser.wait("document.querySelector('#later').disabled");
    // Of a month most is only known by the hour.
    browser.open(&format!("{}/history?entity=sensor.bathroom_air_temperature&hours=720", demo.url));
    ready(&mut browser);
    let csv =
        browser.eval("fetch(document.querySelector('#csv').href).then((answer) => answer.text())");
    let csv = csv.as_str().unwrap();
    let n_rows = csv.lines().count();
    assert!(n_rows > 1_500, "{n_rows}: {}", &csv[..300]);
    assert!(browser.complaints.is_empty(), "{:#?}", browser.complaints);
}

#[test]
fn the_history_fits_every_screen_and_hinders_nobody() {
    let Some((_folder, demo, mut browser)) = house("panel-history-looks", "fr") else { return };
    for (device, size) in [("phone", PHONE), ("tablet", TABLET)] {
        for is_dark in [false, true] {
            browser.size(size.0, size.1, is_dark);
            let scheme = if is_dark { "dark" } else { "light" };
            for (name, query) in [
                ("day", "entity=sensor.kitchen_air_temperature&hours=24"),
                ("week", "entity=light.floor_lamp&hours=168"),
                ("month", "entity=sensor.kitchen_air_temperature&hours=720"),
                ("room", "area=Living%20room&hours=168"),
            ] {
                browser.open(&format!("{}/history?{query}", demo.url));
                ready(&mut browser);
                assert_eq!(
                    browser.eval("document.documentElement.scrollWidth - innerWidth"),
                    0,
                    "{name} is too wide for a {device}"
                );
                browser.eval("document.querySelector('.cursor').focus()");
                browser.key("ArrowRight");
                browser.picture(&format!("history-{name}-{device}-{scheme}"));
                if let Some(found) = browser.accessibility() {
                    assert!(found.is_empty(), "{name} on a {scheme} {device}: {found:#?}");
                }
            }
        }
    }
    assert!(browser.complaints.is_empty(), "{:#?}", browser.complaints);
}
