//! The panel's voice in a real browser: what was said to its microphone is answered aloud, unless somebody does not want
//! that there, and everybody is spoken to as they chose.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::panel::{PHONE, assert_no_complaint, is, url};
use crate::speech::{LIGHT_ON, as_wav, house};
use crate::support::browser::Browser;
use crate::support::homard::{Daemon, Folder};

/// Notes each sound that the page begins, and whether it was played to its end, which takes a loudspeaker that runs.
const LISTEN: &str = "window.sounds = [];
    const theirs = AudioBufferSourceNode.prototype.start;
    AudioBufferSourceNode.prototype.start = function (...when) {
        const loudest = this.buffer.getChannelData(0).reduce((most, one) => Math.max(most, Math.abs(one)), 0);
        const sound = { seconds: this.buffer.duration, loudest, isOver: false };
        sounds.push(sound);
        this.addEventListener('ended', () => { sound.isOver = true; sound.played = this.context.currentTime; });
        return theirs.apply(this, when);
    };";

fn has_voice() -> bool {
    let has = Command::new("espeak-ng").arg("--version").output().is_ok();
    if !has {
        println!("skipped: espeak-ng is not installed (run `make setup`)");
    }
    has
}

/// The last of so many sounds was heard to its end.
fn wait_heard(browser: &mut Browser, n: usize) {
    browser.wait(&format!("sounds.length === {n} && sounds.at(-1).isOver"));
    let sound = browser.eval("sounds.at(-1)");
    let number = |key: &str| sound[key].as_f64().unwrap();
    assert!(number("seconds") > 0.5 && number("loudest") > 0.02, "{sound}");
    assert!(number("played") >= number("seconds"), "{sound}");
}

#[test]
fn what_is_said_to_the_panel_is_answered_aloud_unless_that_is_switched_off() {
    if !has_voice() {
        return;
    }
    let Some((demo, folder)) = house("panel-aloud") else { return };
    let said = folder.path("said.wav");
    fs::write(&said, as_wav(LIGHT_ON, 1)).unwrap();
    let Some(mut browser) = Browser::start_hearing("en", &said) else { return };
    browser.first_of_all(LISTEN);
    browser.size(PHONE.0, PHONE.1, false);
    browser.open(&format!("{}/?token={}", demo.url, demo.token));
    browser.open(&url(&demo, "/talk"));
    let off = || {
        demo.say(&["turn off the kitchen light"]);
        demo.wait_for("light.kitchen_light", is("off"));
    };
    let speak = |browser: &mut Browser, n_answers: usize| {
        off();
        browser.hold("#microphone", Duration::from_millis(3_500));
        demo.wait_for("light.kitchen_light", is("on"));
        browser.wait(&format!(
            "document.querySelectorAll('.turn.house .outcomes').length === {n_answers} && !document.querySelector('.thinking')"
        ));
    };
    assert_eq!(browser.eval("document.querySelector('#aloud').checked"), true);
    speak(&mut browser, 1);
    wait_heard(&mut browser, 1);
    browser.picture("talk-aloud");
    // What is written is answered in writing.
    browser.fill("#text", "turn off the kitchen light");
    browser.key("Enter");
    demo.wait_for("light.kitchen_light", is("off"));
    browser.wait("document.querySelectorAll('.turn.house .outcomes').length === 2");
    // And so is all in a browser where nobody wants to hear it, also another day.
    browser.click("#aloud");
    browser.open(&url(&demo, "/talk"));
    browser.wait("!document.querySelector('#aloud').disabled");
    assert_eq!(browser.eval("document.querySelector('#aloud').checked"), false);
    speak(&mut browser, 3);
    browser.click("#aloud");
    speak(&mut browser, 4);
    wait_heard(&mut browser, 1);
    if let Some(found) = browser.accessibility() {
        assert!(found.is_empty(), "{found:#?}");
    }
    assert_no_complaint(&browser);
}

#[test]
fn each_chooses_the_voice_in_which_the_house_speaks_to_them() {
    if !has_voice() {
        return;
    }
    let Some(mut browser) = Browser::start("fr") else { return };
    let folder = Folder::new("panel-voices");
    let demo = Daemon::start("demo", &folder);
    let add = |name: &str| {
        let body = json!({"name": name, "role": "admin", "password": "long enough"});
        ureq::post(url(&demo, "/api/homard/people"))
            .header("Authorization", format!("Bearer {}", demo.token))
            .send_json(body)
            .unwrap();
    };
    add("Ada");
    let ada = || demo.get("/api/homard/people").as_array().unwrap()[0].clone();
    browser.first_of_all(LISTEN);
    browser.size(PHONE.0, PHONE.1, false);
    browser.visit(&url(&demo, "/sign-in"));
    browser.fill("[name=name]", "Ada");
    browser.fill("[name=password]", "long enough");
    browser.key("Enter");
    browser.wait("location.pathname === '/'");
    browser.open(&url(&demo, "/settings"));
    browser.fill("#my-voice [name=voice]", "+f3");
    browser.eval(
        "(() => { const one = document.querySelector('#my-voice [name=volume]'); one.value = '40'; \
                  one.dispatchEvent(new Event('change', { bubbles: true })); })()",
    );
    demo.wait(|| {
        let ada = ada();
        if ada["voice"] == "+f3" && ada["volume"] == 40 { Ok(()) } else { Err(ada.to_string()) }
    });
    browser.wait("document.querySelector('#told').textContent === 'Enregistré.'");
    browser.picture("settings-my-voice");
    browser.click("#listen");
    wait_heard(&mut browser, 1);
    // Who runs the house may do it for others.
    browser.open(&url(&demo, "/settings"));
    assert_eq!(browser.eval("document.querySelector('#my-voice [name=voice]').value"), "+f3");
    browser.click("#people li:first-child button");
    assert_eq!(browser.eval("document.querySelector('dialog [name=volume]').value"), "40");
    browser.fill("dialog [name=voice]", " ");
    browser.picture("settings-their-voice");
    browser.eval("document.querySelector('dialog [name=volume]').value = ''");
    browser.eval("document.querySelector('dialog form').requestSubmit()");
    demo.wait(|| {
        let ada = ada();
        if ada["voice"].is_null() && ada["volume"].is_null() {
            Ok(())
        } else {
            Err(ada.to_string())
        }
    });
    if let Some(found) = browser.accessibility() {
        assert!(found.is_empty(), "{found:#?}");
    }
    assert_no_complaint(&browser);
}
