//! What who runs the house decides over the API: what is refused, what stays, what never comes back; and what the daemon says
//! of itself.

use serde_json::{Value as Json, json};

use crate::support::homard::{Daemon, Folder};
use crate::support::mosquitto::free_port;
use crate::web::House;

const SECRET: &str = "s3cret-w0rd";

fn patch(house: &House, body: Json) -> (u16, Json) {
    let answer = house.call("PATCH", "/api/homard/settings", &body.to_string());
    (answer.status, serde_json::from_str(answer.text()).unwrap())
}

#[test]
fn passwords_only_ever_go_in() {
    let house = House::new();
    let broker = json!({"kind": "outside", "host": "hub.lan", "port": 8883, "tls": true, "user": "ann",
        "password": SECRET});
    let (status, settings) = patch(&house, json!({"broker": broker}));
    assert_eq!(status, 200, "{settings}");
    let read = house.call("GET", "/api/homard/settings", "");
    for text in [settings.to_string(), read.text().to_owned()] {
        assert!(!text.contains(SECRET), "{text}");
    }
    assert_eq!(
        settings["broker"],
        json!({"value": {"kind": "outside", "host": "hub.lan", "port": 8883, "tls": true, "user": "ann",
            "has_password": true, "has_authority": false}, "by": "panel"})
    );
    // For the same broker it stays, for another it is not taken along.
    let (_, same) = patch(
        &house,
        json!({"broker": {"kind": "outside", "host": "hub.lan", "port": 8883,
        "tls": true, "user": "ann"}}),
    );
    assert_eq!(same["broker"]["value"]["has_password"], true);
    let (_, other) =
        patch(&house, json!({"broker": {"kind": "outside", "host": "evil", "user": "ann"}}));
    assert_eq!(other["broker"]["value"]["has_password"], false);
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_word_and_changes_nothing() {
    let house = House::new();
    for (body, code) in [
        (json!({"name": ""}), "bad_name"),
        (json!({"language": "tlh"}), "bad_language"),
        (json!({"languages": []}), "bad_language"),
        (json!({"position": {"latitude": 91.0, "longitude": 0.0}}), "bad_position"),
        (
            json!({"position": {"latitude": 1.0, "longitude": 0.0, "elevation": -600.0}}),
            "bad_elevation",
        ),
        (json!({"time_zone": "Mars/Base"}), "bad_time_zone"),
        (json!({"broker": {"kind": "outside", "host": "mqtt://x"}}), "bad_host"),
        (json!({"broker": {"kind": "outside", "host": "x", "port": 0}}), "bad_port"),
        (json!({"broker": {"kind": "network", "user": "ann"}}), "bad_credentials"),
        (json!({"name": "Good", "language": "tlh"}), "bad_language"),
    ] {
        let (status, answer) = patch(&house, body.clone());
        assert_eq!((status, answer["code"].as_str()), (400, Some(code)), "{body}: {answer}");
    }
    for body in
        [json!({"unit_system": "old"}), json!({"broker": {"kind": "x"}}), json!({"other": 1})]
    {
        assert!([400, 422].contains(&patch(&house, body.clone()).0), "{body}");
    }
    let settings: Json =
        serde_json::from_str(house.call("GET", "/api/homard/settings", "").text()).unwrap();
    for key in ["name", "language", "languages", "position", "time_zone", "unit_system", "broker"] {
        assert_eq!(settings[key]["by"], "default", "{key}");
    }
    // What is shown is changed at once, and is text whatever it holds.
    assert_eq!(patch(&house, json!({"name": "<script>x"})).0, 200);
    let page = house.raw("GET", "/sign-in", &[], b"");
    assert!(page.text().contains("<h1>&lt;script&gt;x</h1>"), "{}", page.text());
}

#[test]
fn the_file_wins_and_the_daemon_tells_whom_it_calls() {
    let folder = Folder::new("owner-daemon");
    let port = free_port();
    let mqtt = format!("broker = \"mqtt://ann:{SECRET}@no-such-machine.invalid:1883\"");
    let demo = Daemon::start_as("run", &folder, port, &mqtt);
    let of_broker = |demo: &Daemon| {
        demo.wait(|| {
            let made = demo.get("/api/homard/connections");
            let first = made[0].clone();
            match (first["to"].as_str(), first["why"].as_str()) {
                (Some("no-such-machine.invalid:1883"), Some("broker")) => Ok(first),
                _ => Err(made.to_string()),
            }
        })
    };
    let first = of_broker(&demo);
    let system = demo.wait(|| {
        let system = demo.get("/api/homard/system");
        if system["broker_connected"] == false { Ok(system) } else { Err(system.to_string()) }
    });
    assert!(system["disk_free"].as_u64().unwrap() > 0, "{system}");
    assert!(system["broker_problem"].as_str().unwrap().contains("lookup"), "{system}");
    // Neither the log nor anything else holds the password.
    for path in
        ["/api/homard/log?level=debug&limit=1000", "/api/homard/settings", "/api/homard/system"]
    {
        let text = demo.get(path).to_string();
        assert!(!text.contains(SECRET), "{path}: {text}");
    }
    let log = demo.get("/api/homard/log");
    let says = |line: &Json| line["text"].as_str().unwrap().starts_with("Homard runs.");
    assert!(log.as_array().unwrap().iter().any(says), "{log}");
    assert_eq!(demo.get_as(&demo.token, "/api/homard/log?level=loud").0, 400);

    let refused = ureq::patch(format!("{}/api/homard/settings", demo.url))
        .config()
        .http_status_as_error(false)
        .build()
        .header("Authorization", format!("Bearer {}", demo.token))
        .send_json(json!({"broker": {"kind": "embedded"}}))
        .unwrap();
    assert_eq!(refused.status().as_u16(), 409);
    assert_eq!(demo.get("/api/homard/settings")["broker"]["by"], "file");
    // After a restart it is still known whom it has called.
    demo.stop();
    let again = Daemon::start_as("run", &folder, port, &mqtt);
    let later = of_broker(&again);
    assert_eq!(later["first_at"], first["first_at"]);
}
