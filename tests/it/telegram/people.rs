//! Who lets whom in, what guests may, what lets people into the house, what a camera sees, and what becomes of chats that
//! threw the bot out.

use std::process::Command;
use std::sync::mpsc;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{Client, Event, MqttOptions};
use serde_json::json;

use super::server::{Fault, labels, text};
use super::{ADA, BOB, House};
use crate::support::homard::homard_with;

const LIGHT: &str = "light.kitchen_light";
const GROUP: i64 = -1_000_700;
/// Users of the messenger whom nobody knows yet.
const CLEO: i64 = 61;
const DAN: i64 = 62;
const GUS: i64 = 63;

impl House {
    fn kept(&self, what: &str) -> Vec<serde_json::Value> {
        self.daemon.get("/api/homard/telegram")[what].as_array().unwrap().clone()
    }

    fn toast(&self, n: usize) -> String {
        self.telegram.wait(|| {
            let answers = self.telegram.calls("answerCallbackQuery");
            answers.get(n).map(text).ok_or("no answer to a button".to_owned())
        })
    }
}

#[test]
fn who_runs_the_house_lets_people_in_from_their_own_chat() {
    let house = House::paired("telegram-approval");
    let telegram = &house.telegram;
    house.add("Cleo", "adult");
    let bobs = telegram.sent(BOB).len();
    // Whoever asks is shown as what they are: somebody with a name of their own choosing.
    let asked = telegram.answer(ADA, "wants to talk to the house", || {
        let from =
            json!({ "id": CLEO, "is_bot": false, "first_name": "Ada\n*Admin*", "username": "x" });
        telegram.message(CLEO, CLEO, 0, json!({ "text": "/start", "from": from }));
    });
    let given = telegram.wait(|| telegram.sent(CLEO).first().cloned().ok_or("no code".to_owned()));
    let code = text(&given).lines().next().unwrap().to_owned();
    assert!(text(&asked).contains(&code) && !text(&asked).contains('\n'), "{asked:?}");
    assert_eq!(labels(&asked), ["Ada", "Bob", "Cleo", "Leave it"]);
    assert_eq!(telegram.sent(BOB).len(), bobs, "a child was asked");
    // Nobody else presses it, and it is good once.
    let data = super::server::button(&asked, "Cleo").unwrap();
    telegram.press(BOB, &asked, &data);
    telegram.press(CLEO, &asked, &data);
    telegram.answer(ADA, "", || {
        telegram.says(ADA, "what time is it?");
    });
    assert_eq!(house.kept("people").len(), 2);
    telegram.answer(CLEO, "Hello Cleo", || telegram.presses(ADA, &asked, "Cleo"));
    telegram.press(ADA, &asked, &super::server::button(&asked, "Bob").unwrap());
    telegram.answer(CLEO, "", || {
        telegram.says(CLEO, "turn on the kitchen light");
    });
    house.daemon.wait_for(LIGHT, |state| state["state"] == "on");
    let people = house.kept("people");
    assert_eq!(people.len(), 3, "{people:?}");
    // By a word: only who runs the house, only a code that there is, only somebody who is known.
    let code = house.code(DAN);
    let says = |user: i64, said: String, words: &str| {
        telegram.answer(user, words, || {
            telegram.says(user, &said);
        })
    };
    says(BOB, format!("/pair {code} Bob"), "not for you");
    says(CLEO, format!("/pair {code} Cleo"), "not for you");
    says(ADA, "/pair AAAAAAAA Bob".to_owned(), "no such code");
    says(ADA, format!("/pair {code}"), "Ada, Bob, Cleo");
    says(ADA, format!("/pair {code} Zoe"), "Ada, Bob, Cleo");
    assert_eq!(house.kept("people").len(), 3);
    says(ADA, format!("/pair {} bob", code.to_lowercase()), "Bob may talk");
    says(ADA, format!("/pair {code} Ada"), "no such code");
    assert_eq!(house.kept("people").len(), 4);
}

#[test]
fn a_guest_sees_and_moves_the_guests_rooms_and_nothing_else() {
    let house = House::paired("telegram-guest");
    let telegram = &house.telegram;
    let arguments = [
        "user",
        "add",
        "Gus",
        "--role",
        "guest",
        "--area",
        "kitchen",
        "--data-dir",
        &house.daemon.data,
    ];
    let done = homard_with(&arguments, &[("HOMARD_PASSWORD", "a long password")]);
    assert_eq!(done.code, 0, "{done:?}");
    house.pair(GUS, "Gus");
    telegram.answer(ADA, "I will remind you", || {
        telegram.says(ADA, "remind me tomorrow at 8 to hide the present");
    });
    let bedroom = house.state("light.bedroom_light");
    let ask = |said: &str| {
        text(&telegram.answer(GUS, "", || {
            telegram.says(GUS, said);
        }))
    };
    ask("turn on the kitchen light");
    house.daemon.wait_for(LIGHT, |state| state["state"] == "on");
    for said in ["toggle the bedroom light", "unlock the front door", "open the garage door"] {
        ask(said);
    }
    assert_eq!(house.state("light.bedroom_light"), bedroom);
    assert_eq!(house.state("lock.front_door_lock"), "locked");
    assert_eq!(house.state("cover.garage_door"), "closed");
    let rooms = telegram.answer(GUS, "Rooms", || {
        telegram.says(GUS, "/rooms");
    });
    assert!(labels(&rooms).iter().all(|label| label.starts_with("Kitchen")), "{rooms:?}");
    let home = ask("/home");
    assert!(!home.contains("Bedroom") && !home.contains("Front door"), "{home}");
    let charts = telegram.answer(GUS, "", || {
        telegram.says(GUS, "/history");
    });
    assert!(!labels(&charts).join(" ").contains("Bedroom"), "{charts:?}");
    assert!(ask("/history Bedroom temperature").contains("Nothing is recorded"));
    assert!(ask("/pair AAAAAAAA Gus").contains("not for you"));
    assert!(!ask("/who").contains("Ada"), "a guest was told who lives here");
    // What is planned, and the lists, are the household's.
    for said in [
        "what is planned",
        "cancel all plans",
        "what's on the shopping list",
        "remind me in 10 minutes to leave",
    ] {
        let told = ask(said);
        assert!(told.contains("guests") && !told.contains("present"), "{said}: {told}");
    }
    assert!(house.daemon.get("/api/homard/agenda").to_string().contains("present"));
}

#[test]
fn what_lets_people_in_needs_a_yes_of_whoever_asked() {
    let house = House::paired("telegram-guarded");
    let telegram = &house.telegram;
    let config = json!({ "name": "House alarm", "unique_id": "alarm", "state_topic": "x/alarm",
        "command_topic": "x/alarm/set", "code_arm_required": false, "code_disarm_required": false,
        "default_entity_id": "alarm_control_panel.house_alarm" });
    let topic = "homeassistant/alarm_control_panel/alarm/config";
    if !house.publish(topic, &config.to_string()) {
        return;
    }
    let (host, port) = house.daemon.broker.rsplit_once(':').unwrap();
    let options = MqttOptions::new("alarm", host, port.parse::<u16>().unwrap());
    let (client, mut connection) = Client::new(options, 16);
    client.subscribe("x/alarm/set", QoS::AtLeastOnce).unwrap();
    let (commanded, commands) = mpsc::channel();
    std::thread::spawn(move || {
        for event in connection.iter() {
            match event {
                Ok(Event::Incoming(Packet::SubAck(_))) => drop(commanded.send("ready".to_owned())),
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    drop(commanded.send(String::from_utf8_lossy(&publish.payload).into_owned()));
                }
                _ => {}
            }
        }
    });
    let next = || commands.recv_timeout(std::time::Duration::from_secs(20)).unwrap();
    assert_eq!(next(), "ready");
    let alarm = "alarm_control_panel.house_alarm";
    house.daemon.wait_for(alarm, |state| state["state"].is_string());
    // It hears of its topic a moment after it is there.
    telegram.wait(|| {
        house.publish("x/alarm", "armed_away");
        let state = house.state("alarm_control_panel.house_alarm");
        (state == "armed_away").then_some(()).ok_or(state)
    });
    let refused = telegram.answer(BOB, "", || {
        telegram.says(BOB, "disarm the house alarm");
    });
    assert!(labels(&refused).is_empty(), "{refused:?}");
    let ask = |said: &str| {
        let asked = telegram.answer(ADA, "", || {
            telegram.says(ADA, said);
        });
        assert_eq!(labels(&asked), ["Yes", "No"], "{said}: {asked:?}");
        asked
    };
    // A no, and a yes that was not the last thing said, do nothing.
    let asked = ask("disarm the house alarm");
    telegram.answer(ADA, "", || telegram.presses(ADA, &asked, "No"));
    let asked = ask("disarm the house alarm");
    telegram.answer(ADA, "", || {
        telegram.says(ADA, "what time is it?");
    });
    let n = telegram.calls("answerCallbackQuery").len();
    telegram.presses(ADA, &asked, "Yes");
    assert!(house.toast(n).contains("too old"));
    assert!(commands.try_recv().is_err(), "disarmed without a yes");
    // A yes disarms once, however often it is pressed.
    let asked = ask("disarm the house alarm");
    for _ in 0..3 {
        telegram.presses(ADA, &asked, "Yes");
    }
    assert_eq!(next(), "DISARM");
    house.publish("x/alarm", "disarmed");
    telegram.wait(|| {
        let sent = telegram.sent(ADA);
        let is_told = sent.last().is_some_and(|call| text(call).starts_with("Disarmed"));
        is_told.then_some(()).ok_or_else(|| format!("{:?}", sent.last()))
    });
    // The garage, by a sentence and by a touch.
    let asked = ask("open the garage door");
    assert_eq!(house.state("cover.garage_door"), "closed");
    telegram.answer(ADA, "", || telegram.presses(ADA, &asked, "No"));
    let rooms = telegram.answer(ADA, "Rooms", || {
        telegram.says(ADA, "/rooms");
    });
    let page = |words: &str, press: &str, on: &super::server::Call| {
        let n = telegram.calls("editMessageText").len();
        telegram.presses(ADA, on, press);
        telegram.wait(|| {
            let edits = telegram.calls("editMessageText");
            let found = edits.iter().skip(n).find(|call| labels(call).join(" ").contains(words));
            found.cloned().ok_or_else(|| format!("no page with {words}"))
        })
    };
    let garage = page("Garage door", "Garage", &rooms);
    let really =
        telegram.answer(ADA, "Garage door: open?", || telegram.presses(ADA, &garage, "Open"));
    assert_eq!(house.state("cover.garage_door"), "closed");
    for _ in 0..2 {
        telegram.presses(ADA, &really, "Yes");
    }
    house.daemon.wait_for("cover.garage_door", |state| state["state"] == "open");
    assert!(commands.try_recv().is_err(), "disarmed twice");
}

#[test]
fn a_camera_shows_what_it_saw_last() {
    let house = House::paired("telegram-camera");
    let telegram = &house.telegram;
    let picture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/recordings/front_door.jpg");
    // A name that is markup in every dialect, and no more than a name.
    let name = "Door *cam* <b>[x](y)";
    let config = json!({ "name": name, "unique_id": "cam", "topic": "x/cam",
        "default_entity_id": "camera.cam" });
    if !house.publish("homeassistant/camera/cam/config", &config.to_string()) {
        return;
    }
    house.daemon.wait_for("camera.cam", |state| state["state"].is_string());
    telegram.answer(ADA, "has shown no picture yet", || {
        telegram.says(ADA, "/camera");
    });
    let (host, port) = house.daemon.broker.rsplit_once(':').unwrap();
    let arguments = ["-h", host, "-p", port, "-t", "x/cam", "-f", picture];
    assert!(Command::new("mosquitto_pub").args(arguments).status().unwrap().success());
    let bytes = std::fs::read(picture).unwrap();
    let photo = |n: usize, said: &str| {
        telegram.wait(|| {
            if telegram.calls("sendPhoto").len() <= n {
                telegram.says(ADA, said);
                std::thread::sleep(std::time::Duration::from_millis(1_500));
            }
            telegram.calls("sendPhoto").get(n).cloned().ok_or("no picture".to_owned())
        })
    };
    let sent = photo(0, "/camera");
    assert!(sent.raw.windows(bytes.len()).any(|part| part == bytes), "another picture");
    let raw = sent.body["raw"].as_str().unwrap();
    assert!(
        raw.contains(name) && raw.contains("camera.jpg") && !raw.contains("parse_mode"),
        "{raw}"
    );
    // Of several it is asked, and the one that is meant is sent.
    let other = json!({ "name": "Yard", "unique_id": "yard", "topic": "x/yard",
        "default_entity_id": "camera.yard" });
    house.publish("homeassistant/camera/yard/config", &other.to_string());
    house.daemon.wait_for("camera.yard", |state| state["state"].is_string());
    let which = telegram.answer(ADA, "Which camera?", || {
        telegram.says(ADA, "/camera");
    });
    assert_eq!(labels(&which).len(), 2, "{which:?}");
    let n = telegram.calls("sendPhoto").len();
    telegram.presses(ADA, &which, "Door");
    let sent = telegram
        .wait(|| telegram.calls("sendPhoto").get(n).cloned().ok_or("no picture".to_owned()));
    assert!(sent.raw.windows(bytes.len()).any(|part| part == bytes));
    telegram.answer(ADA, "Yard has shown no picture yet", || {
        telegram.says(ADA, "/camera yard");
    });
}

#[test]
fn a_chat_that_threw_the_bot_out_is_forgotten() {
    let house = House::paired("telegram-out");
    let telegram = &house.telegram;
    let at = super::server::BOT.1;
    let out = |chat: i64, status: &str| {
        let kind = if chat < 0 { "supergroup" } else { "private" };
        telegram.update(
            "my_chat_member",
            json!({ "chat": { "id": chat, "type": kind }, "from": { "id": ADA, "first_name": "Ada" },
                "date": super::server::now_s(), "old_chat_member": { "status": "member" },
                "new_chat_member": { "status": status, "user": { "id": 4242, "is_bot": true } } }),
        );
    };
    let open = || {
        telegram.answer(GROUP, "listens", || {
            telegram.message(ADA, GROUP, 0, json!({ "text": format!("/start@{at}") }));
        });
        assert_eq!(house.kept("groups").len(), 1);
    };
    let is_gone = |what: &str, left: usize| {
        telegram.wait(|| match house.kept(what) {
            kept if kept.len() == left => Ok(()),
            kept => Err(format!("{kept:?}")),
        });
    };
    open();
    out(GROUP, "member");
    out(GROUP, "kicked");
    is_gone("groups", 0);
    // Nothing is said there before somebody brings the house there again.
    let n = telegram.sent(GROUP).len();
    telegram.message(ADA, GROUP, 0, json!({ "text": format!("@{at} what time is it?") }));
    telegram.answer(ADA, "", || {
        telegram.says(ADA, "what time is it?");
    });
    assert_eq!(telegram.sent(GROUP).len(), n);
    // Told by the answer to a message alone.
    open();
    telegram.trouble("sendMessage", &[Fault::Forbidden("bot was kicked from the supergroup chat")]);
    telegram.message(ADA, GROUP, 0, json!({ "text": format!("@{at} what time is it?") }));
    is_gone("groups", 0);
    // Somebody blocks the bot, and begins anew.
    out(BOB, "kicked");
    is_gone("people", 1);
    house.code(BOB);
    house.telegram.trouble("sendMessage", &[Fault::Forbidden("bot was blocked by the user")]);
    telegram.says(ADA, "what time is it?");
    is_gone("people", 0);
    // A group that goes on under another number is the same group.
    house.pair(ADA, "Ada");
    open();
    telegram.trouble("sendMessage", &[Fault::MovedTo(GROUP - 1)]);
    telegram.message(ADA, GROUP, 0, json!({ "text": format!("@{at} what time is it?") }));
    telegram.wait(|| match &house.kept("groups")[..] {
        [one] if one["chat"] == GROUP - 1 => Ok(()),
        other => Err(format!("{other:?}")),
    });
}
