//! The daemon and its agenda after power cuts, from outside.

use std::path::Path;
use std::time::Duration;

use homard::storage::Storage;
use serde_json::Value;

use super::support::homard::{Daemon, Folder};

fn agenda(daemon: &Daemon) -> Value {
    let url = format!("{}/api/homard/agenda", daemon.url);
    let token = format!("Bearer {}", daemon.token);
    let mut answer = ureq::get(url).header("Authorization", token).call().unwrap();
    serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
}

fn say(daemon: &Daemon, text: &str) -> String {
    let url = format!("{}/api/conversation/process", daemon.url);
    let token = format!("Bearer {}", daemon.token);
    let body = serde_json::json!({"text": text, "language": "en"});
    let request = ureq::post(url).header("Authorization", token);
    let mut answer = request.send_json(&body).unwrap();
    let answer: Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
    answer["response"]["speech"]["plain"]["speech"].as_str().unwrap().to_owned()
}

/// What comes again outlives a power cut with its days and its hour, and goes by the API.
#[test]
fn what_comes_again_outlives_kill_and_can_be_cancelled() {
    let folder = Folder::new("agenda-again");
    let daemon = Daemon::start("demo", &folder);
    let talk = |daemon: &Daemon, text: &str| {
        let url = format!("{}/api/conversation/process", daemon.url);
        let token = format!("Bearer {}", daemon.token);
        let body = serde_json::json!({"text": text, "language": "en", "conversation_id": "again"});
        let mut answer = ureq::post(url).header("Authorization", token).send_json(&body).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap();
        answer["response"]["speech"]["plain"]["speech"].as_str().unwrap().to_owned()
    };
    daemon.wait(|| match talk(&daemon, "every weekday at 7 turn on the kitchen light") {
        asked if asked.starts_with("Every weekday at 7:00: turn on the kitchen light.") => Ok(()),
        other => Err(other),
    });
    assert_eq!(talk(&daemon, "what automations are there"), "There are no automations.");
    talk(&daemon, "every weekday at 7 turn on the kitchen light");
    assert_eq!(talk(&daemon, "yes"), "All right, I will do that from now on.");
    let said = talk(&daemon, "remind me every weekday at 7 to water the plants");
    assert_eq!(said, "I will remind you every weekday at 7:00: water the plants.");
    daemon.kill();
    let daemon = Daemon::start("demo", &folder);
    let books = agenda(&daemon);
    let entry = &books["entries"][0];
    let days = serde_json::json!(["mon", "tue", "wed", "thu", "fri"]);
    assert_eq!(entry["every"]["days"], days, "{books}");
    assert_eq!(entry["every"]["at"], "07:00", "{books}");
    assert!(entry["due"].is_string(), "{books}");
    let told = talk(&daemon, "what automations are there");
    assert_eq!(told, "Every weekday at 7:00: turn on the kitchen light.");
    let url = format!("{}/api/homard/agenda/{}", daemon.url, entry["id"]);
    let token = format!("Bearer {}", daemon.token);
    assert_eq!(ureq::delete(&url).header("Authorization", &token).call().unwrap().status(), 200);
    assert_eq!(talk(&daemon, "what is planned"), "Nothing is planned.");
    daemon.kill();
}

#[test]
fn what_was_answered_outlives_kill_and_can_be_cancelled() {
    let folder = Folder::new("agenda");
    let daemon = Daemon::start("run", &folder);
    assert_eq!(say(&daemon, "set a 20 minute timer called pizza"), "20 minutes, starting now.");
    assert_eq!(say(&daemon, "add milk to the shopping list"), "Added milk to the shopping list.");
    assert_eq!(say(&daemon, "set a timer for 1 second"), "1 second, starting now.");
    daemon.kill();
    let dump = Storage::open_shared(Path::new(&folder.path("data"))).unwrap().dump().unwrap();
    let n_kept = dump.lines().filter(|line| line.starts_with("agenda ")).count();
    assert!(n_kept >= 1, "{dump}");
    std::thread::sleep(Duration::from_millis(1_100));

    let daemon = Daemon::start("run", &folder);
    daemon.wait(|| match agenda(&daemon)["entries"].as_array().unwrap().len() {
        // The short one was over meanwhile, and is told when somebody can tell it.
        1 => Ok(()),
        n => Err(format!("{n} entries")),
    });
    let books = agenda(&daemon);
    let entry = &books["entries"][0];
    assert_eq!(entry["name"], "pizza", "{books}");
    let left = entry["left_s"].as_f64().unwrap();
    assert!((1_100.0..1_199.0).contains(&left), "{left}");
    assert_eq!(books["lists"][0]["items"][0]["text"], "milk", "{books}");
    let status = say(&daemon, "how long is left on the pizza timer");
    assert!(status.starts_with("19 minutes and "), "{status}");

    let url = format!("{}/api/homard/agenda/{}", daemon.url, entry["id"]);
    let token = format!("Bearer {}", daemon.token);
    let cancel = || ureq::delete(&url).header("Authorization", &token).call();
    assert_eq!(cancel().unwrap().status(), 200);
    assert!(cancel().is_err());
    assert_eq!(say(&daemon, "what timers are running"), "No timer is running.");
    daemon.kill();
    let daemon = Daemon::start("run", &folder);
    assert_eq!(agenda(&daemon)["entries"].as_array().unwrap().len(), 0);
    daemon.kill();
}
