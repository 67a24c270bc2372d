//! The history from outside: what the API says of it, what a kill and a full disk leave of it.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use homard::home::Change;
use homard::home::entity::{Record, View as Shown};
use homard::home::id::EntityId;
use homard::home::value::Attributes;
use homard::storage::history::{History, Settings, Value};
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::hub::Dir;
use crate::support::homard::{Daemon, Folder};

/// The directory in which a child process records.
const CHILD: &str = "HOMARD_HISTORY_CHILD";
/// 2026-11-22, noon.
const NOON: i64 = 1_795_348_800_000;

fn say(history: &History, id: &str, word: &str, at: i64) {
    let view = Shown { word: word.to_owned().into(), attributes: Attributes::new() };
    let at = Timestamp::from_millisecond(at).unwrap();
    let after = Some(Record { view, changed_at: at, updated_at: at });
    history.note(&[Change { id: EntityId::new(id), before: None, after }], at);
}

fn samples(history: &History, id: &str) -> Vec<(i64, String)> {
    let view = history.view([id]).unwrap();
    let mut found = Vec::new();
    for seen in view.series() {
        let tell = |at, value: Value| found.push((at, value.to_string()));
        view.visit(seen, 0, i64::MAX, tell).unwrap();
    }
    found
}

/// Records without end, says each number once it is on the disk; does nothing as a test of its own.
#[test]
fn child() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let history = History::open(Path::new(&dir), &Settings::default()).unwrap();
    let known = samples(&history, "sensor.a").len() as i64;
    let mut out = std::io::stdout();
    for n in known.. {
        // A change each second, so that no restart is long enough for a gap.
        say(&history, "sensor.a", &n.to_string(), NOON + n * 1_000);
        say(&history, &format!("sensor.b{}", n % 40), &n.to_string(), NOON + n * 1_000);
        if n % 7 == 6 {
            history.flush().unwrap();
            writeln!(out, "\nack {n}").unwrap();
            let mut n_steps = 0;
            while history.tidy(n_steps).unwrap() {
                n_steps += 1;
            }
        }
    }
}

#[test]
fn a_kill_in_the_middle_of_writing_loses_nothing_written_and_breaks_nothing() {
    const KILLS: u64 = 60;
    let dir = Dir::new();
    let mut last = -1;
    for round in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["history::child", "--exact", "--nocapture", "--test-threads=1"])
            .env(CHILD, &dir.0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let (acknowledged, first) = std::sync::mpsc::channel::<()>();
        let delay = Duration::from_micros((round * 7_919) % 60_000);
        let killer = std::thread::spawn(move || {
            let _ = first.recv_timeout(Duration::from_secs(20));
            std::thread::park_timeout(delay);
            child.kill().unwrap();
            child.wait().unwrap();
        });
        for line in BufReader::new(stdout).lines() {
            if let Some(n) = line.unwrap().strip_prefix("ack ").and_then(|n| n.parse().ok()) {
                last = last.max(n);
                let _ = acknowledged.send(());
            }
        }
        killer.join().unwrap();
        let history = History::open(&dir.0, &Settings::default()).unwrap();
        let found = samples(&history, "sensor.a");
        assert!(found.len() as i64 > last, "round {round}: {} of {last}", found.len());
        for (n, (at, word)) in found.iter().enumerate() {
            assert_eq!((*at, word), (NOON + n as i64 * 1_000, &n.to_string()), "round {round}");
        }
    }
    println!("history: {KILLS} kills, {} samples written, none lost", last + 1);
    assert!(last > 500, "only {last}: killed too early");
}

fn text(demo: &Daemon, path: &str) -> (u16, String) {
    let answer = ureq::get(format!("{}{path}", demo.url))
        .config()
        .http_status_as_error(false)
        .build()
        .header("Authorization", format!("Bearer {}", demo.token))
        .call();
    let mut answer = answer.unwrap();
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
}

fn call(demo: &Daemon, service: &str, body: Json) {
    let sent = ureq::post(format!("{}/api/services/{service}", demo.url))
        .header("Authorization", format!("Bearer {}", demo.token))
        .send_json(body);
    assert!(sent.is_ok(), "{service}: {sent:?}");
}

fn keys(object: &Json) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn the_api_answers_in_home_assistants_shape_and_in_its_own() {
    let folder = Folder::new("history-api");
    let demo = Daemon::start("demo", &folder);
    demo.wait_for("light.kitchen_light", |state| state["state"] == "off");
    let before = Timestamp::now();
    // Samples are kept by the tenth of a second: each change, also the first after `before`, is in one of its own.
    let a_moment = || std::thread::sleep(Duration::from_millis(150));
    for n in 0..3 {
        a_moment();
        call(
            &demo,
            "light/turn_on",
            json!({"entity_id": "light.kitchen_light", "brightness": 100 + n}),
        );
        demo.wait_for("light.kitchen_light", |state| state["state"] == "on");
        a_moment();
        call(&demo, "light/turn_off", json!({"entity_id": "light.kitchen_light"}));
        demo.wait_for("light.kitchen_light", |state| state["state"] == "off");
    }
    // The time before was the light's too, and in a house's zone an hour's offset is an offset.
    let start = before.to_string();
    let path =
        format!("/api/history/period/{start}?filter_entity_id=light.kitchen_light,light.none");
    let all = demo.get(&path);
    let [light] = &all.as_array().unwrap()[..] else { panic!("{all}") };
    let words: Vec<&str> =
        light.as_array().unwrap().iter().map(|state| state["state"].as_str().unwrap()).collect();
    assert_eq!(words, ["off", "on", "off", "on", "off", "on", "off"]);
    let full = ["entity_id", "state", "attributes", "last_changed", "last_updated"];
    for state in light.as_array().unwrap() {
        assert_eq!(keys(state), full);
        assert_eq!(state["attributes"]["friendly_name"], "Kitchen light");
    }
    // What it was at the start was so at the start.
    let first: Timestamp = light[0]["last_changed"].as_str().unwrap().parse().unwrap();
    assert_eq!(first.as_millisecond(), before.as_millisecond());
    assert!(light[1]["last_changed"].as_str() > light[0]["last_changed"].as_str());

    let minimal = demo.get(&format!("{path}&minimal_response&no_attributes"));
    assert_eq!(keys(&minimal[0][0]), full);
    assert_eq!(minimal[0][0]["attributes"], json!({}));
    assert_eq!(keys(&minimal[0][1]), ["state", "last_changed"]);
    assert_eq!(keys(&minimal[0][6]), full);
    let later = demo.get(&format!("{path}&skip_initial_state"));
    assert_eq!(later[0].as_array().unwrap().len(), 6);
    let every = demo.get(&format!("{path}&significant_changes_only=0"));
    let brightness: Vec<&Json> = every[0]
        .as_array()
        .unwrap()
        .iter()
        .filter(|state| state["state"] == "on")
        .map(|state| &state["attributes"]["brightness"])
        .collect();
    assert!(brightness.contains(&&json!(102)), "{every}");
    // Up to an end; nothing of the future; everything, if nothing is named.
    assert_eq!(demo.get(&format!("{path}&end_time={start}"))[0].as_array().unwrap().len(), 1);
    assert_eq!(demo.get("/api/history/period/2999-01-01T00:00:00+01:00"), json!([]));
    assert!(demo.get("/api/history/period").as_array().unwrap().len() > 20);

    let chart = demo.get("/api/homard/history/light.kitchen_light?points=50");
    assert_eq!(chart["name"], "Kitchen light");
    let [state, brightness] = &chart["series"].as_array().unwrap()[..] else { panic!("{chart}") };
    assert_eq!(
        (&state["attribute"], &brightness["attribute"]),
        (&json!(null), &json!("brightness"))
    );
    assert_eq!(state["points"], json!([]));
    let bars = state["bars"].as_array().unwrap();
    assert!(bars.iter().any(|bar| bar[1] == "on" || bar[1] == "off"), "{chart}");
    assert!(state["statistics"]["states_s"]["off"].as_f64().unwrap() > 0.0);
    assert!(brightness["statistics"]["max"].as_f64().unwrap() >= 100.0, "{chart}");
    assert!(brightness["points"].as_array().unwrap().len() <= 50);

    let (status, csv) = text(&demo, "/api/homard/history.csv?entity_id=light.kitchen_light");
    let lines: Vec<&str> = csv.split("\r\n").collect();
    assert_eq!((status, lines[0]), (200, "time,entity_id,attribute,state,min,max,unit"));
    assert_eq!(lines.last(), Some(&""));
    let on = |line: &&str| line.contains(",light.kitchen_light,,on,");
    assert_eq!(lines.iter().copied().filter(|line| on(line)).count(), 3, "{csv}");

    for (path, said) in [
        ("/api/history/period/yesterday", "`start` must be a time"),
        ("/api/history/period?filter_entity_id=", "no entity is named"),
        ("/api/history/period?filter_entity_id=../etc", "is no entity id"),
        ("/api/history/period?end_time=noon", "`end_time` must be a time"),
        ("/api/homard/history/light.kitchen_light?points=1", "`points` must be 2 to 2000"),
        ("/api/homard/history/light.kitchen_light?from=2999-01-01", "`from` must be before `to`"),
        ("/api/homard/history.csv", "entity_id"),
        ("/api/homard/history.csv?entity_id=%3D1", "is no entity id"),
    ] {
        let (status, body) = text(&demo, path);
        assert_eq!(status, 400, "{path}: {body}");
        assert!(body.contains(said), "{path}: {body}");
    }
    assert_eq!(text(&demo, "/api/homard/history/light.nowhere").0, 404);

    // Stopped in good order nothing is lost, and a short restart is no gap.
    let known = demo.get(&path);
    // The light is gone with the house, which is a change too.
    a_moment();
    let (_, _) = demo.stop();
    let demo = Daemon::start("demo", &folder);
    demo.wait_for("light.kitchen_light", |state| state["state"] == "off");
    let again = demo.get(&path);
    assert_eq!(again[0].as_array().unwrap()[..7], known[0].as_array().unwrap()[..7]);
}
