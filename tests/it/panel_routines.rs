//! *Routines* in a real browser: an automation is made by picking and armed only after it was tried, its
//! runs are read, others are pasted, lists are kept; on a phone and a wide screen, light and dark.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::panel::{assert_no_complaint, call, house, is, url};
use crate::panel_settings::seen;
use crate::support::browser::Browser;
use crate::support::homard::Daemon;

/// Picks from the nth list of this kind.
fn pick(browser: &mut Browser, selector: &str, value: &str) {
    browser.wait(&format!("document.querySelector(\"{selector}\")"));
    browser.eval(&format!(
        "(() => {{ const s = document.querySelector(\"{selector}\"); s.value = {value:?}; \
         for (const kind of ['input', 'change']) s.dispatchEvent(new Event(kind, {{ bubbles: true }})); }})()"
    ));
}

fn rule(demo: &Daemon, alias: &str) -> serde_json::Value {
    let (_, all) = demo.get_as(&demo.token, "/api/homard/automations");
    let all = all.as_array().unwrap();
    all.iter().find(|rule| rule["alias"] == alias).cloned().unwrap_or_default()
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

const OPEN: &str = "document.querySelector('dialog[open]')";
const IDLE: &str = "!document.querySelector('[aria-busy=true]')";

/// The kitchen light goes on once before, so that there is something to look back at.
fn remember(demo: &Daemon) {
    for (service, word) in [("turn_on", "on"), ("turn_off", "off")] {
        call(demo, &format!("light/{service}"), json!({"entity_id": "light.kitchen_light"}));
        demo.wait_for("light.kitchen_light", is(word));
    }
}

#[test]
fn an_automation_is_picked_tried_armed_read_and_removed() {
    let Some((_folder, demo, mut browser)) = house("panel-routines", "en") else { return };
    remember(&demo);
    browser.open(&url(&demo, "/routines"));
    browser.wait(IDLE);
    seen(&mut browser, "routines-none");

    browser.click("#make");
    browser.wait(OPEN);
    browser.fill("[name=name]", "Lamp follows");
    pick(&mut browser, "[data-part=trigger] [data-pick]", "light.kitchen_light");
    pick(&mut browser, "[data-part=trigger] [aria-label=Becomes]", "on");
    browser.click("[data-add=condition]");
    pick(&mut browser, "[data-part=condition] select", "state");
    pick(&mut browser, "[data-part=condition] [data-pick]", "siren.siren");
    pick(&mut browser, "[data-part=condition] [aria-label=Becomes]", "off");
    pick(&mut browser, "[data-part=action] [data-pick]", "light.floor_lamp");
    assert_eq!(browser.eval("document.getElementById('arm').disabled"), true);
    browser.click("#try");
    browser.wait("document.querySelector('.tried-result')");
    let said = browser.text(".tried-result p");
    assert!(said.starts_with("It would have run once in the last 7 days: "), "{said}");
    assert_eq!(browser.eval("document.getElementById('arm').disabled"), false);
    seen(&mut browser, "routines-make");
    // What is changed after it was tried is tried again.
    pick(&mut browser, "[data-part=action] [aria-label='What to do']", "turn_on");
    assert_eq!(browser.eval("document.getElementById('arm').disabled"), true);
    assert_eq!(rule(&demo, "Lamp follows"), json!(null), "armed without a yes");
    browser.click("#try");
    browser.wait("!document.getElementById('arm').disabled");
    browser.click("#arm");
    browser.wait(&format!("!{OPEN}"));
    let row = "[data-rule='automation.lamp_follows']";
    browser.wait(&format!("document.querySelector(\"{row}\")"));
    assert_eq!(rule(&demo, "Lamp follows")["armed"], true);

    // It does what it was made for, and says why.
    call(&demo, "light/turn_on", json!({"entity_id": "light.kitchen_light"}));
    demo.wait_for("light.floor_lamp", is("on"));
    browser.wait(&format!("document.querySelector(\"{row}\").textContent.includes('ran')"));
    browser.click(&format!("{row} .words"));
    browser.wait("document.querySelector('.trace li')");
    let trace = browser.text(".trace");
    assert!(trace.contains("light.kitchen_light changed from off to on"), "{trace}");
    assert!(trace.contains("Condition 1: state") && trace.contains("light.turn_on"), "{trace}");
    browser.click("#try");
    browser.wait("document.querySelector('.tried-result')");
    seen(&mut browser, "routines-seen");
    // It is changed by picking, as it was made, and tried before it is armed again.
    browser.click("#change-rule");
    browser.wait("document.querySelector('[data-part=action] [data-pick]')");
    let value = |browser: &mut Browser, selector: &str| {
        browser.eval(&format!("document.querySelector(\"{selector}\").value"))
    };
    assert_eq!(value(&mut browser, "[name=name]"), "Lamp follows");
    assert_eq!(value(&mut browser, "[data-part=trigger] [aria-label=Becomes]"), "on");
    assert_eq!(value(&mut browser, "[data-part=condition] [data-pick]"), "siren.siren");
    assert_eq!(value(&mut browser, "[data-part=condition] [aria-label=Becomes]"), "off");
    assert_eq!(value(&mut browser, "[data-part=action] [data-pick]"), "light.floor_lamp");
    assert_eq!(value(&mut browser, "[data-part=action] [aria-label='What to do']"), "turn_on");
    assert_eq!(browser.eval("document.getElementById('arm').disabled"), true);
    pick(&mut browser, "[data-part=action] [aria-label='What to do']", "toggle");
    browser.click("#try");
    browser.wait("!document.getElementById('arm').disabled");
    let before = rule(&demo, "Lamp follows")["id"].clone();
    browser.click("#arm");
    browser.wait(&format!("!{OPEN}"));
    assert_eq!(rule(&demo, "Lamp follows")["id"], before, "it is another one");
    let (_, config) = demo.get_as(
        &demo.token,
        &format!("/api/config/automation/config/{}", before.as_str().unwrap()),
    );
    assert_eq!(config["actions"][0]["action"], "light.toggle", "{config}");

    browser.click(&format!("{row} [role=switch]"));
    until("it is off", || rule(&demo, "Lamp follows")["enabled"] == false);
    browser.wait(&format!("document.querySelector(\"{row} [aria-checked=false]\")"));
    browser.click(&format!("{row} .words"));
    browser.wait("document.querySelector('.trace li')");
    browser.click("#remove-rule");
    browser.wait("document.querySelectorAll('dialog[open]').length === 2");
    browser.click("dialog:last-of-type [type=submit]");
    until("it is gone", || rule(&demo, "Lamp follows").is_null());
    browser.wait(&format!("!document.querySelector(\"{row}\") && !{OPEN}"));
    assert_no_complaint(&browser);
}

const PASTED: &str = "\
- id: evening
  alias: Evening light
  triggers:
    - trigger: time
      at: '19:30:00'
  actions:
    - action: light.turn_on
      target: {entity_id: light.floor_lamp}
- id: strange
  alias: Strange
  triggers:
    - trigger: time
      at: '07:00:00'
  actions:
    - device_id: abc
      type: dance
      domain: robot
";

/// One that was made in words is changed by picking where its parts can be picked, and else as it is written.
#[test]
fn what_was_said_is_changed_by_picking_or_as_it_is_written() {
    let Some((_folder, demo, mut browser)) = house("panel-routines-said", "en") else { return };
    let say = |words: &str| {
        let asked = demo.say(&["--conversation", "rules", words]);
        assert!(asked.out.trim().ends_with("Shall I keep that?"), "{asked:?}");
        assert_eq!(demo.say(&["--conversation", "rules", "yes"]).code, 0);
    };
    say("every weekday at 7:15 turn on the floor lamp");
    say("when the front door opens turn on the kitchen light and the floor lamp");
    browser.open(&url(&demo, "/routines"));
    browser.wait(IDLE);
    browser.wait("document.querySelectorAll('[data-rule] .words').length === 2");
    let open = |browser: &mut Browser, words: &str| {
        browser.eval(&format!(
            "[...document.querySelectorAll('[data-rule] .words')].find((one) => one.textContent.includes('{words}')).click()"
        ));
        browser.wait("document.querySelector('#change-rule')");
        browser.click("#change-rule");
        browser.wait("document.querySelector('dialog[open] form')");
    };
    open(&mut browser, "7:15");
    let at = "document.querySelector('[data-part=trigger] input[type=time]').value";
    assert_eq!(browser.eval(at), "07:15");
    let days = "[...document.querySelectorAll('[data-part=condition] .days input')].filter((box) => box.checked).length";
    assert_eq!(browser.eval(days), 5);
    browser.key("Escape");
    browser.wait(&format!("!{OPEN}"));
    open(&mut browser, "front door");
    browser.wait("document.querySelector('[name=yaml]')");
    let written = browser.eval("document.querySelector('[name=yaml]').value");
    assert!(written.as_str().unwrap().contains("light.kitchen_light"), "{written}");
    browser.click("#check");
    browser.wait("!document.getElementById('take').disabled");
    seen(&mut browser, "routines-written");
    browser.click("#take");
    browser.wait(&format!("!{OPEN}"));
    let (_, all) = demo.get_as(&demo.token, "/api/homard/automations");
    assert_eq!(all.as_array().unwrap().len(), 2, "it took its own place: {all}");
    assert_no_complaint(&browser);
}

#[test]
fn pasted_automations_are_checked_by_line_and_lists_are_kept_in_french() {
    let Some((_folder, demo, mut browser)) = house("panel-routines-fr", "fr") else { return };
    browser.open(&url(&demo, "/routines"));
    browser.wait(IDLE);
    browser.click("#paste");
    browser.wait(OPEN);
    browser.eval(&format!(
        "(() => {{ const y = document.querySelector('[name=yaml]'); y.value = {PASTED:?}; \
         y.dispatchEvent(new Event('input', {{ bubbles: true }})); }})()"
    ));
    assert_eq!(browser.eval("document.getElementById('take').disabled"), true);
    browser.click("#check");
    browser.wait("document.querySelector('.report .unsupported')");
    let report = browser.text(".report");
    assert!(report.contains("2 trouvées") && report.contains("Ligne 15"), "{report}");
    assert!(rule(&demo, "Evening light").is_null(), "only checked");
    seen(&mut browser, "routines-paste-fr");
    browser.click("#take");
    browser.wait(&format!("!{OPEN}"));
    browser.wait("document.querySelectorAll('[data-rule]').length === 2");
    assert!(browser.text("[data-rule='automation.strange']").contains("Pas active"));
    assert!(browser.text("[data-rule='automation.evening_light']").contains("prochaine fois"));

    // The shopping list is that of the voice.
    let add = "#lists .entry";
    browser.fill(&format!("{add} input"), "du lait");
    browser.click(&format!("{add} [type=submit]"));
    browser.wait("document.querySelector('.shared-list li')?.textContent.includes('du lait')");
    let said = json!({"text": "ajoute du pain à la liste de courses", "language": "fr"});
    let sent = ureq::post(url(&demo, "/api/conversation/process"))
        .header("Authorization", format!("Bearer {}", demo.token))
        .send_json(said);
    assert!(sent.is_ok());
    browser.open(&url(&demo, "/routines"));
    browser.wait("document.querySelectorAll('.shared-list li').length === 2");
    browser.click(".shared-list li:first-child [type=checkbox]");
    browser.wait("document.querySelector('.shared-list .done')?.textContent.includes('du lait')");
    let timer = json!({"text": "mets un minuteur de dix minutes", "language": "fr"});
    let sent = ureq::post(url(&demo, "/api/conversation/process"))
        .header("Authorization", format!("Bearer {}", demo.token))
        .send_json(timer);
    assert!(sent.is_ok());
    browser.open(&url(&demo, "/routines"));
    browser.wait("document.querySelector('#plans li')");
    seen(&mut browser, "routines-fr");
    browser.click(".shared-list .done .round");
    browser.wait("document.querySelectorAll('.shared-list li').length === 1");
    browser.click("#plans li button");
    browser.wait("!document.querySelector('#plans li')");
    assert_no_complaint(&browser);
}
