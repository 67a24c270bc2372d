//! What the house says by itself, and what is said to it aloud.

use std::process::Command;
use std::time::Duration;

use serde_json::json;

use super::server::{Fault, labels, text};
use super::{ADA, BOB, House};
use crate::support::homard::{Folder, homard};

impl House {
    /// A device says something by the house's own broker; false where there is no program that could.
    pub(super) fn publish(&self, topic: &str, payload: &str) -> bool {
        let (host, port) = self.daemon.broker.rsplit_once(':').unwrap();
        let arguments = ["-h", host, "-p", port, "-t", topic, "-m", payload];
        let run = Command::new("mosquitto_pub").args(arguments).status();
        match run {
            Ok(status) => assert!(status.success(), "{topic}"),
            Err(_) => println!("skipped: mosquitto_pub is not installed (run `make setup`)"),
        }
        run_is_there()
    }

    fn announce(&self, component: &str, name: &str, class: &str) -> bool {
        let config = json!({ "name": name, "unique_id": name, "state_topic": format!("x/{name}"),
            "device_class": class,
            "default_entity_id": format!("{component}.{}", name.to_lowercase()), "device": { "identifiers": [name], "name": name } });
        let topic = format!("homeassistant/{component}/{name}/config");
        if !self.publish(&topic, &config.to_string()) {
            return false;
        }
        let id = format!("{component}.{}", name.to_lowercase());
        self.daemon.wait_for(&id, |_| true);
        true
    }
}

fn run_is_there() -> bool {
    Command::new("mosquitto_pub").arg("--help").output().is_ok()
}

#[test]
fn the_house_tells_dangers_to_all_and_the_rest_to_the_grown_up() {
    let house = House::paired("telegram-tidings");
    let telegram = &house.telegram;
    // A name that is markup in every dialect, and no more than a name.
    let leak = "Leak_*[x](tg)<b>";
    let config = json!({ "name": leak, "unique_id": "leak", "state_topic": "x/leak",
        "device_class": "moisture", "default_entity_id": "binary_sensor.leak" });
    if !house.publish("homeassistant/binary_sensor/leak/config", &config.to_string()) {
        return;
    }
    house.daemon.wait_for("binary_sensor.leak", |_| true);
    assert!(house.announce("sensor", "Remote", "battery"));
    telegram.answer(ADA, "00:00", || {
        telegram.says(ADA, "/mute 0-0");
    });
    house.publish("x/leak", "OFF");
    house.daemon.wait_for("binary_sensor.leak", |state| state["state"] == "off");
    let bobs = telegram.sent(BOB).len();
    let told = telegram.answer(ADA, "Water", || {
        house.publish("x/leak", "ON");
    });
    assert!(text(&told).contains(leak) && told.body.get("parse_mode").is_none(), "{told:?}");
    assert_eq!(labels(&told), ["Not for an hour", "Not for a day"]);
    telegram.wait(|| match telegram.sent(BOB).len() {
        n if n == bobs + 1 => Ok(()),
        n => Err(format!("a child was told {} things of a danger", n - bobs)),
    });
    telegram.answer(ADA, "Dry again", || {
        house.publish("x/leak", "OFF");
    });
    // A battery is nothing for children.
    house.publish("x/Remote", "50");
    house.daemon.wait_for("sensor.remote", |state| state["state"] == "50");
    let bobs = telegram.sent(BOB).len();
    // A broken line loses no message.
    telegram.trouble("sendMessage", &[Fault::Cut]);
    let low = telegram.answer(ADA, "Battery low", || {
        house.publish("x/Remote", "7");
    });
    assert!(text(&low).contains("Remote") && text(&low).contains("7 %"), "{low:?}");
    assert_eq!(telegram.sent(BOB).len(), bobs);
    // What was put off is not told, and the rest is.
    telegram.presses(ADA, &told, "Not for an hour");
    telegram.wait(|| {
        let calls = telegram.calls("answerCallbackQuery");
        let is_put_off = |call: &super::server::Call| text(call).contains("Not again until");
        calls.iter().any(is_put_off).then_some(()).ok_or("not put off".to_owned())
    });
    let n = telegram.sent(ADA).len();
    telegram.answer(BOB, "Water", || {
        house.publish("x/leak", "ON");
    });
    std::thread::sleep(Duration::from_secs(2));
    let since: Vec<String> = telegram.sent(ADA).iter().skip(n).map(text).collect();
    assert!(!since.iter().any(|text| text.contains("Water")), "{since:?}");

    // A reminder comes where it was asked for, and to nobody else.
    let bobs = telegram.sent(BOB).len();
    telegram.answer(ADA, "look at the oven", || {
        telegram.says(ADA, "remind me in 2 seconds to look at the oven");
    });
    telegram.wait(|| {
        let sent = telegram.sent(ADA);
        let is_there = sent.iter().any(|call| text(call) == "⏰ Reminder: look at the oven.");
        is_there.then_some(()).ok_or_else(|| format!("{:?}", sent.last()))
    });
    assert_eq!(telegram.sent(BOB).len(), bobs);
}

#[test]
fn the_panel_sets_the_bot_shows_who_asks_and_lets_them_in() {
    let (folder, telegram) = (Folder::new("telegram-panel"), super::server::Server::start());
    // The server of the Bot API stands in the file, the token in the panel.
    let lines = format!(
        "listen = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\n[telegram]\napi_url = \"{}\"\n",
        telegram.url()
    );
    let daemon = crate::support::homard::Daemon::start_configured("demo", &folder, &lines);
    let house = House { daemon, telegram, folder };
    house.add("Ada", "admin");
    let call = |method: &str, path: &str, body: Option<serde_json::Value>| {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let url = format!("{}/api/homard/telegram{path}", house.daemon.url);
        let bearer = format!("Bearer {}", house.daemon.token);
        let answer = match (method, body) {
            ("put", Some(body)) => agent.put(url).header("Authorization", bearer).send_json(body),
            ("post", Some(body)) => agent.post(url).header("Authorization", bearer).send_json(body),
            ("delete", _) => agent.delete(url).header("Authorization", bearer).call(),
            _ => agent.get(url).header("Authorization", bearer).call(),
        };
        let mut answer = answer.unwrap();
        let body: serde_json::Value = answer.body_mut().read_json().unwrap();
        (answer.status().as_u16(), body)
    };
    assert_eq!(call("get", "", None).1["state"], "off");
    let (status, wrong) = call("put", "", Some(json!({ "token": "hello" })));
    assert_eq!((status, &wrong["code"]), (400, &json!("bad_token")));
    // One that looks right and is worth nothing is told as such, and another mends it.
    let other = json!({ "token": "4242:of-some-other-bot_that-is-no-more" });
    assert_eq!(call("put", "", Some(other)).0, 200);
    house.telegram.wait(|| match call("get", "", None).1 {
        bot if bot["state"] == "refused" && bot["code"] == "revoked" => Ok(()),
        bot => Err(bot.to_string()),
    });
    let (status, shown) = call("put", "", Some(json!({ "token": super::server::TOKEN })));
    assert_eq!((status, &shown["has_token"]), (200, &json!(true)));
    assert!(!shown.to_string().contains("a-Token"), "{shown}");
    house.telegram.wait(|| match call("get", "", None).1 {
        bot if bot["state"] == "online" => Ok(()),
        bot => Err(bot.to_string()),
    });
    let code = house.code(ADA);
    let bot = call("get", "", None).1;
    assert_eq!(bot["waiting"][0]["code"], code.as_str(), "{bot}");
    let people = house.daemon.get("/api/homard/people");
    let ada = people[0]["id"].as_str().unwrap();
    let wrong = json!({ "code": "AAAAAAAA", "person": ada });
    assert_eq!(call("post", "/pair", Some(wrong)).0, 404);
    let right = json!({ "code": code, "person": ada });
    assert_eq!(call("post", "/pair", Some(right)).0, 200);
    house.telegram.answer(ADA, "Ada", || {
        house.telegram.says(ADA, "/start");
    });
    assert_eq!(call("get", "", None).1["people"][0]["chat"], ADA);
    assert_eq!(call("delete", &format!("/{ADA}"), None).0, 200);
    house.code(ADA);
    // Without a token there is no bot.
    assert_eq!(call("put", "", Some(json!({ "token": "" }))).1["has_token"], false);
    house.telegram.wait(|| match call("get", "", None).1 {
        bot if bot["state"] == "off" => Ok(()),
        bot => Err(bot.to_string()),
    });
}

#[cfg(feature = "speech")]
#[test]
fn a_voice_message_is_heard_and_obeyed() {
    use crate::support::models_with;

    let Some(models) = models_with("whisper-tiny.en/ggml-tiny.en-q8_0.bin") else { return };
    let (folder, telegram) = (Folder::new("telegram-voice"), super::server::Server::start());
    std::fs::create_dir_all(folder.path("data")).unwrap();
    std::os::unix::fs::symlink(models, folder.path("data/models")).unwrap();
    let daemon = super::start(&folder, &telegram, "[home]\nlanguages = [\"en\"]\n");
    let house = House { daemon, telegram, folder };
    house.add("Ada", "adult");
    house.pair(ADA, "Ada");
    let telegram = &house.telegram;
    let recording = include_bytes!("../recordings/turn_on_the_kitchen_light.ogg");
    telegram.keep_file("voice/order", recording.to_vec());
    telegram.keep_file("voice/noise", b"OggS but no more".to_vec());
    telegram.keep_file("voice/large", vec![0; 3 << 20]);
    let says = |file: &str, seconds: u32| {
        let voice = json!({ "file_id": file, "duration": seconds, "mime_type": "audio/ogg" });
        telegram.message(ADA, ADA, 0, json!({ "voice": voice }));
    };
    let heard = telegram.answer(ADA, "itchen light", || says("order", 2));
    assert!(text(&heard).to_lowercase().contains("turn on the kitchen light"), "{heard:?}");
    house.daemon.wait_for("light.kitchen_light", |state| state["state"] == "on");
    telegram.answer(ADA, "could not make out", || says("noise", 2));
    telegram.answer(ADA, "could not make out", || says("gone", 2));
    telegram.answer(ADA, "too long", || says("large", 2));
    telegram.answer(ADA, "too long", || says("order", 600));
    telegram.answer(ADA, "only understand", || {
        telegram.message(ADA, ADA, 0, json!({ "sticker": { "emoji": "x" } }));
    });
}

/// As somebody who moves over from Home Assistant has it: a file of theirs, a bell that speaks MQTT, a message.
#[test]
fn what_an_automation_notifies_of_is_told() {
    let house = House::paired("telegram-rule");
    if !house.publish("x/bell", "is there") {
        return;
    }
    let file = house.folder.file(
        "automations.yaml",
        "- id: bell\n  alias: Bell\n  triggers: {trigger: mqtt, topic: x/bell, payload: ding}\n  actions:\n    \
         - {action: notify.notify, data: {title: Bell, message: Somebody is at the door}}\n",
    );
    let rules = |arguments: &[&str]| {
        let done =
            homard(&[&["automations"], arguments, &["--data-dir", &house.daemon.data]].concat());
        assert_eq!(done.code, 0, "{done:?}");
        done.out
    };
    assert!(rules(&["import", &file]).contains("1 taken in"));
    house.telegram.answer(ADA, "00:00", || {
        house.telegram.says(ADA, "/mute 0-0");
    });
    let told = house.telegram.answer(ADA, "Somebody is at the door", || {
        house.publish("x/bell", "ding");
    });
    assert!(text(&told).contains("Bell"), "{told:?}");
    assert!(!rules(&["list"]).contains("last never"));
}
