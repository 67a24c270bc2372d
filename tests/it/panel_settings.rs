//! The owner's pages in a real browser: what is decided there holds, outlives a restart, and needs no file and no terminal.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::support::browser::Browser;
use crate::support::homard::{Daemon, Folder};
use crate::support::mosquitto::{Mosquitto, free_port};

const SIZES: [(&str, (u32, u32)); 2] = [("phone", (360, 780)), ("tablet", (1280, 800))];
const CHAPTERS: &[&str] = &[
    "home",
    "broker",
    "voice",
    #[cfg(feature = "telegram")]
    "telegram",
    "system",
    "connections",
    "log",
];

fn url(demo: &Daemon, path: &str) -> String {
    format!("{}{path}", demo.url)
}

/// Keeps what is seen on every screen, and asks axe-core.
pub(crate) fn seen(browser: &mut Browser, name: &str) {
    for (device, (width, height)) in SIZES {
        for (scheme, is_dark) in [("light", false), ("dark", true)] {
            browser.size(width, height, is_dark);
            browser.picture(&format!("{name}-{device}-{scheme}"));
            let wide = browser.eval("document.documentElement.scrollWidth");
            assert!(wide.as_u64().unwrap() <= u64::from(width), "{name} at {width}: {wide}");
            if let Some(found) = browser.accessibility() {
                assert!(found.is_empty(), "{name} on a {scheme} {device}: {found:#?}");
            }
        }
    }
}

/// Becomes the first owner, past all steps.
pub(crate) fn settle(browser: &mut Browser, demo: &Daemon) {
    browser.visit(&url(demo, "/?language=en"));
    let next = ".step:not([hidden]) [type=submit]";
    let at =
        |step: &str| format!("document.querySelector('#step-{step}')?.getClientRects().length > 0");
    browser.wait(&at("language"));
    browser.click(next);
    browser.wait(&at("home"));
    browser.click(next);
    browser.wait(&at("owner"));
    browser.fill("#name", "Ada");
    browser.fill("#password", "four quiet lobsters");
    browser.click(next);
    browser.wait(&at("place"));
    browser.click("#skip-place");
    browser.wait(&at("broker"));
}

fn wait_for(demo: &Daemon, path: &str, is_so: impl Fn(&Json) -> bool) {
    demo.wait(|| {
        let found = demo.get(path);
        if is_so(&found) { Ok(()) } else { Err(found.to_string()) }
    });
}

#[test]
fn what_the_owner_decides_holds_at_once_or_after_a_restart() {
    let Some(mut browser) = Browser::start("en") else { return };
    let folder = Folder::new("panel-settings");
    // At a port that stays over a restart.
    let demo = Daemon::start_at("demo", &folder, free_port());
    settle(&mut browser, &demo);
    browser.click(".step:not([hidden]) [type=submit]");
    // What is counted is written above the button, which moves no more then.
    browser.wait("document.querySelector('#found')?.textContent && document.querySelector('#step-devices').getClientRects().length > 0");
    browser.click(".step:not([hidden]) [type=submit]");
    browser.wait("document.querySelectorAll('.card .switch').length > 5");

    browser.open(&url(&demo, "/settings"));
    let n_chapters = if cfg!(feature = "telegram") { 7 } else { 6 };
    browser.wait(&format!("document.querySelectorAll('.chapters a').length === {n_chapters} && document.querySelector('#me .who')"));
    seen(&mut browser, "settings-all");
    for chapter in CHAPTERS {
        browser.open(&url(&demo, &format!("/settings/{chapter}")));
        browser.wait("[...document.querySelectorAll('main .panel-box')].every((box) => box.childNodes.length > 0)");
        browser.wait(
            "document.querySelector('nav [aria-current]')?.getAttribute('href') === '/settings'",
        );
        seen(&mut browser, &format!("settings-{chapter}"));
    }

    // A name and languages, live.
    browser.open(&url(&demo, "/settings/home"));
    browser.fill("[name=home]", "Chez <b>nous</b>");
    browser.click("#home [type=submit]");
    wait_for(&demo, "/api/config", |config| config["location_name"] == "Chez <b>nous</b>");
    browser.wait("document.querySelector('[name=language]')");
    browser.eval("document.querySelector('[name=language]').value = 'fr'");
    browser.click("#languages [type=submit]");
    wait_for(&demo, "/api/config", |config| config["language"] == "fr");
    let done = demo.say(&["charabia du homard"]);
    assert!(done.out.contains("compris"), "{done:?}");
    // Nothing waits for a restart so far.
    assert_eq!(browser.eval("document.querySelector('#restart').hidden"), true);
    let zone = "document.querySelector('[name=zone]')";
    browser.eval(&format!("{zone}.value = 'Pacific/Auckland'"));
    browser.fill("[name=latitude]", "-36.85");
    browser.fill("[name=longitude]", "174,76");
    browser.fill("[name=elevation]", "20");
    browser.click("#place [type=submit]");
    browser.wait("!document.querySelector('#restart').hidden");
    let config = demo.get("/api/config");
    assert_eq!(
        (&config["latitude"], &config["longitude"], &config["elevation"]),
        (&json!(-36.85), &json!(174.76), &json!(20.0))
    );
    assert_ne!(config["time_zone"], "Pacific/Auckland");
    browser.click("#restart-now");
    browser.wait("document.querySelector('[name=zone]')?.value === 'Pacific/Auckland' && document.querySelector('#restart').hidden");
    wait_for(&demo, "/api/config", |config| config["time_zone"] == "Pacific/Auckland");
    let config = demo.get("/api/config");
    assert_eq!(
        (&config["location_name"], &config["language"]),
        (&json!("Chez <b>nous</b>"), &json!("fr"))
    );

    // What stands in the file is not the panel's.
    browser.open(&url(&demo, "/settings/broker"));
    browser.wait("document.querySelector('#broker .in-file')");
    browser.wait("document.querySelector('.tried.good')");
    browser.open(&url(&demo, "/settings/log"));
    browser.wait("[...document.querySelectorAll('#lines .log-text')].some((line) => line.textContent.startsWith('Homard runs.'))");
    browser.eval("document.querySelector('#level').value = 'error', document.querySelector('#level').dispatchEvent(new Event('change'))");
    browser.wait("document.querySelector('#counted').textContent.startsWith('0 ')");
    // While it starts again, a page that asks gets no answer.
    browser
        .complaints
        .retain(|complaint| !complaint.contains("ERR_") && !complaint.contains("401"));
    assert!(browser.complaints.is_empty(), "{:#?}", browser.complaints);
}

#[test]
fn a_broker_is_tried_and_then_used_without_a_file() {
    let Some(mut broker) = Mosquitto::start() else { return };
    let Some(mut browser) = Browser::start("en") else { return };
    let folder = Folder::new("panel-broker");
    // Without a broker in the file: whichever is at the usual port, ours or another.
    let demo = Daemon::start_as("demo", &folder, free_port(), "client_id = \"homard-it-broker\"");
    settle(&mut browser, &demo);
    browser.wait("document.querySelector('#broker [value=outside]')");
    browser.click("#broker .pick:has([value=outside])");
    browser.fill("[name=host]", "127.0.0.1");
    browser.fill("[name=port]", "9");
    browser.click("#try-broker");
    browser.wait("document.querySelector('#tried.bad')?.textContent.includes('nothing listens')");
    browser.fill("[name=host]", "no-such-machine.invalid");
    browser.click("#try-broker");
    browser.wait("document.querySelector('#tried.bad')?.textContent.includes('of this name')");
    browser.fill("[name=host]", "127.0.0.1");
    browser.fill("[name=port]", &broker.port.to_string());
    browser.click("#try-broker");
    browser.wait("document.querySelector('#tried.good')?.textContent.includes('It works')");
    seen(&mut browser, "welcome-broker-tried");
    // It is used after a restart, which the steps do by themselves.
    browser.click(".step:not([hidden]) [type=submit]");
    // What is counted is written above the button, which moves no more then.
    browser.wait("document.querySelector('#found')?.textContent && document.querySelector('#step-devices').getClientRects().length > 0");
    browser.wait("/\\d+ devices found/.test(document.querySelector('#found').textContent)");
    browser.click(".step:not([hidden]) [type=submit]");
    browser.wait("document.querySelectorAll('.card .switch').length > 5");
    browser.open(&url(&demo, "/settings/broker"));
    browser.wait("document.querySelector('.tried.good') && document.querySelector('#broker-state dd')?.textContent.includes('127.0.0.1:')");
    seen(&mut browser, "settings-broker-own");
    broker.kill();
    browser.wait("document.querySelector('.tried.bad')?.textContent.startsWith('Not connected')");
    broker.restart();
    browser.wait("document.querySelector('.tried.good')");
    // The try went to another machine's name; what is on this one is no outgoing connection.
    browser.open(&url(&demo, "/settings/connections"));
    browser.wait("document.querySelectorAll('#connections li').length === 1");
    assert!(browser.text("#connections li").starts_with("no-such-machine.invalid:9"));
    std::thread::sleep(Duration::from_millis(50));
    browser
        .complaints
        .retain(|complaint| !complaint.contains("ERR_") && !complaint.contains("401"));
    assert!(browser.complaints.is_empty(), "{:#?}", browser.complaints);
}
