//! Everything that goes wrong between the house and Telegram: nothing is done twice, nothing is lost that was not asked about,
//! and the house itself notices nothing of it.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::json;

use super::server::{Fault, Server, TOKEN, button, labels, now_s, text};
use super::{ADA, House, start};
use crate::support::homard::Folder;

const LIGHT: &str = "light.kitchen_light";

impl House {
    /// How the bot is, by the panel's word.
    fn bot(&self) -> String {
        self.daemon.get("/api/homard/telegram")["state"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    fn is_obeyed(&self, said: &str, state: &str) {
        self.telegram.says(ADA, said);
        self.daemon.wait_for(LIGHT, |light| light["state"] == state);
    }
}

#[test]
fn answers_that_fail_come_later_and_deeds_are_done_once() {
    let house = House::paired("telegram-faults");
    let telegram = &house.telegram;
    // Too fast: the answer comes after the pause.
    telegram.trouble("sendMessage", &[Fault::TooMany(3)]);
    let began = Instant::now();
    telegram.answer(ADA, "", || house.is_obeyed("turn on the kitchen light", "on"));
    assert!(began.elapsed() >= Duration::from_secs(3), "the pause was not kept");
    // The connection ends before the answer to something that was sent: it may come twice, and is done once.
    telegram.trouble("sendMessage", &[Fault::Cut]);
    telegram.answer(ADA, "", || house.is_obeyed("turn off the kitchen light", "off"));
    // While polling: a proxy's page, nonsense that ends too soon, and what was given out and lost on its way, which comes
    // again.
    telegram.trouble("getUpdates", &[Fault::Cut, Fault::DoneAndCut]);
    telegram.answer(ADA, "", || house.is_obeyed("turn on the kitchen light", "on"));
    telegram.trouble("getUpdates", &[Fault::TooMany(1), Fault::BadGateway]);
    let n = telegram.sent(ADA).len();
    telegram.says(ADA, "what time is it?");
    telegram.wait(|| (telegram.sent(ADA).len() > n).then_some(()).ok_or("no answer".to_owned()));
    assert_eq!(telegram.sent(ADA).len(), n + 1);
    // The house is told by the panel and the log, and works.
    telegram.revoke(true);
    telegram.wait(|| match house.bot().as_str() {
        "refused" => Ok(()),
        other => Err(format!("the bot is {other}")),
    });
    let bot = house.daemon.get("/api/homard/telegram");
    assert_eq!(bot["code"], "revoked", "{bot}");
    let problems = house.daemon.get("/api/homard/problems").to_string();
    assert!(problems.contains("token"), "{problems}");
    assert!(house.log().contains("refused") && house.log().contains("revoked"));
    assert_eq!(house.daemon.say(&["turn off the kitchen light"]).code, 0);
    // Nothing that holds the token is written anywhere.
    let secret = TOKEN.split_once(':').unwrap().1;
    let log = house.daemon.get("/api/homard/log?level=debug&limit=1000").to_string();
    for place in [house.log(), log, problems, bot.to_string()] {
        assert!(!place.contains(secret), "{place}");
    }
    let made = house.daemon.get("/api/homard/connections");
    assert_eq!(made, json!([]), "what stays on this machine is no connection to another");
}

#[test]
fn what_waited_for_a_day_is_asked_about_and_not_done() {
    let (folder, telegram) = (Folder::new("telegram-late"), Server::start());
    let house = House { daemon: start(&folder, &telegram, ""), telegram, folder };
    house.add("Ada", "admin");
    house.pair(ADA, "Ada");
    let House { daemon, telegram, folder } = house;
    let (code, _) = daemon.stop();
    assert_eq!(code, Some(0));
    for n in 0..999 {
        let said = if n % 2 == 0 { "turn on the siren" } else { "unlock the front door" };
        telegram.message(ADA, ADA, 86_400 - n, json!({ "text": said }));
    }
    telegram.message(ADA, ADA, 3_600, json!({ "text": "turn on the kitchen light" }));
    // Nor is a recording of yesterday listened to.
    telegram.message(ADA, ADA, 86_000, json!({ "voice": { "file_id": "x", "duration": 2 } }));
    let n = telegram.sent(ADA).len();
    let daemon = start(&folder, &telegram, "");
    let house = House { daemon, telegram, folder };
    let telegram = &house.telegram;
    let asked = telegram.wait(|| telegram.sent(ADA).get(n).cloned().ok_or("not asked".to_owned()));
    assert!(text(&asked).starts_with("1000 messages"), "{asked:?}");
    assert_eq!(labels(&asked)[0], "turn on the kitchen light", "the newest first");
    assert_eq!((labels(&asked).len(), telegram.sent(ADA).len()), (4, n + 1), "asked once");
    assert_eq!(house.state("lock.front_door_lock"), "locked");
    assert_eq!(house.state("siren.siren"), "off");
    assert_eq!(house.state(LIGHT), "off");
    assert!(telegram.calls("getFile").is_empty());
    telegram.presses(ADA, &asked, "turn on the kitchen light");
    house.daemon.wait_for(LIGHT, |light| light["state"] == "on");
    // One alone is shown as it is, and may be left.
    let asked = telegram.answer(ADA, "3 h ago", || {
        telegram.message(ADA, ADA, 3 * 3_600, json!({ "text": "turn off the kitchen light" }));
    });
    telegram.presses(ADA, &asked, "Leave it");
    // What is new is done.
    telegram.answer(ADA, "", || {
        telegram.says(ADA, "what time is it?");
    });
    assert_eq!(house.state(LIGHT), "on");
}

/// A house that is killed while it does something: after the start nothing is done again, and it is asked about.
#[test]
fn what_was_begun_when_the_power_went_is_asked_about_and_never_done_twice() {
    let (folder, telegram) = (Folder::new("telegram-killed"), Server::start());
    let house = House { daemon: start(&folder, &telegram, ""), telegram, folder };
    house.add("Ada", "admin");
    house.pair(ADA, "Ada");
    let before = house.state(LIGHT);
    let other = if before == "on" { "off" } else { "on" };
    // Between the deed and the acknowledgement: the deed is done, and its answer hangs.
    house.telegram.trouble("sendMessage", &[Fault::Silence]);
    house.telegram.says(ADA, "toggle the kitchen light");
    house.daemon.wait_for(LIGHT, |light| light["state"] == other);
    house.telegram.wait(|| {
        let has_begun =
            house.telegram.calls("sendMessage").iter().any(|call| call.body["fault"] == "silence");
        has_begun.then_some(()).ok_or("it was not answered".to_owned())
    });
    let House { daemon, telegram, folder } = house;
    daemon.kill();
    // The messenger sends it again, as it would have been if the next poll had not come.
    telegram.repeat(true);
    let n = telegram.sent(ADA).len();
    let daemon = start(&folder, &telegram, "");
    let house = House { daemon, telegram, folder };
    let telegram = &house.telegram;
    let asked = telegram.wait(|| telegram.sent(ADA).get(n).cloned().ok_or("not asked".to_owned()));
    assert!(text(&asked).contains("interrupted"), "{asked:?}");
    assert!(text(&asked).contains("toggle the kitchen light"), "{asked:?}");
    // The simulated lamp begins as it did before, once it is heard of: until then it is as it was remembered.
    house.daemon.wait_for(LIGHT, |light| light["state"] == before);
    let now = before.clone();
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(house.state(LIGHT), now, "it was done again");
    assert_eq!(telegram.sent(ADA).len(), n + 1, "it was asked or done again");
    // A yes does it, once; and after another start nobody is asked again.
    let data = button(&asked, "Do it now").unwrap();
    telegram.press(ADA, &asked, &data);
    let toggled = if now == "on" { "off" } else { "on" };
    house.daemon.wait_for(LIGHT, |light| light["state"] == toggled);
    telegram.press(ADA, &asked, &data);
    telegram.answer(ADA, "", || {
        telegram.says(ADA, "what time is it?");
    });
    assert_eq!(house.state(LIGHT), toggled);
    let n = telegram.sent(ADA).len();
    let House { daemon, telegram, folder } = house;
    daemon.kill();
    let daemon = start(&folder, &telegram, "");
    let house = House { daemon, telegram, folder };
    house.telegram.answer(ADA, "", || {
        house.telegram.says(ADA, "what time is it?");
    });
    assert_eq!(house.telegram.sent(ADA).len(), n + 1, "asked again");
}

/// The same where a button was pressed: it is told, as nobody knows any more what the button was.
#[test]
fn a_button_that_was_pressed_when_the_power_went_does_nothing_twice() {
    let (folder, telegram) = (Folder::new("telegram-button-killed"), Server::start());
    let house = House { daemon: start(&folder, &telegram, ""), telegram, folder };
    house.add("Ada", "admin");
    house.pair(ADA, "Ada");
    let done =
        house.telegram.answer(ADA, "", || house.is_obeyed("turn on the kitchen light", "on"));
    house.telegram.trouble("sendMessage", &[Fault::Silence]);
    house.telegram.presses(ADA, &done, "Undo");
    house.daemon.wait_for(LIGHT, |light| light["state"] == "off");
    house.telegram.wait(|| {
        let calls = house.telegram.calls("sendMessage");
        let has_begun = calls.iter().any(|call| call.body["fault"] == "silence");
        has_begun.then_some(()).ok_or("it was not answered".to_owned())
    });
    let House { daemon, telegram, folder } = house;
    daemon.kill();
    telegram.repeat(true);
    let n = telegram.sent(ADA).len();
    let daemon = start(&folder, &telegram, "");
    let house = House { daemon, telegram, folder };
    let told = house
        .telegram
        .wait(|| house.telegram.sent(ADA).get(n).cloned().ok_or("not told".to_owned()));
    assert!(text(&told).contains("by a button") && labels(&told).is_empty(), "{told:?}");
    // The button is from before the restart, and does nothing.
    house.daemon.say(&["turn on the kitchen light"]);
    house.daemon.wait_for(LIGHT, |light| light["state"] == "on");
    house.telegram.presses(ADA, &done, "Undo");
    house.telegram.wait(|| {
        let answers = house.telegram.calls("answerCallbackQuery");
        let is_told = answers.last().is_some_and(|call| text(call).contains("too old"));
        is_told.then_some(()).ok_or_else(|| format!("{answers:?}"))
    });
    assert_eq!(house.state(LIGHT), "on");
    assert_eq!(house.telegram.sent(ADA).len(), n + 1);
}

/// Processor time of a process so far, in ticks of a hundredth of a second.
fn ticks(data: &str) -> u64 {
    let run = fs::read_to_string(format!("{data}/running.json")).unwrap();
    let run: serde_json::Value = serde_json::from_str(&run).unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", run["pid"])).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn without_telegram_the_house_lives_on_and_nobody_is_busy() {
    let folder = Folder::new("telegram-away");
    let telegram = Server::start();
    // Nobody listens at this port.
    let port = crate::support::mosquitto::free_port();
    let lines = format!(
        "listen = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [telegram]\ntoken = \"{TOKEN}\"\napi_url = \"http://127.0.0.1:{port}\"\n"
    );
    let daemon = crate::support::homard::Daemon::start_configured("run", &folder, &lines);
    let house = House { daemon, telegram, folder };
    house.telegram.wait(|| match house.bot().as_str() {
        "lost" => Ok(()),
        other => Err(format!("the bot is {other}")),
    });
    assert_eq!(house.daemon.get("/api/")["message"], "API running.");
    // What has to do with a start is over by then.
    std::thread::sleep(Duration::from_secs(8));
    let (began, before) = (now_s(), ticks(&house.daemon.data));
    std::thread::sleep(Duration::from_secs(10));
    let (seconds, spent) = (now_s() - began, ticks(&house.daemon.data) - before);
    // A hundredth of one processor would be as many ticks as seconds; the tested program is not optimised.
    assert!(spent <= 3 * seconds, "{spent} ticks in {seconds} seconds");
    println!("processor time without Telegram: {spent} ticks of 10 ms in {seconds} s");
}
