//! A real zigbee2mqtt (`tests/zigbee2mqtt`) with forty pretended devices, a real mosquitto, and
//! Homard's MQTT side: everything announced is there, says its state, and obeys.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use homard::home::action::Outcome;
use homard::hub::event::Place;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::broker::client::{Client, V5};
use crate::support::mosquitto::Mosquitto;
use crate::support::stack::{Stack, settings};

/// It takes some seven seconds, more on a busy machine.
const START: Duration = Duration::from_secs(90);

struct Zigbee2mqtt {
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Zigbee2mqtt {
    /// `None`, said so, when it is not installed.
    fn start(port: u16) -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (node, modules) =
            (root.join(".cache/python/bin/node"), root.join(".cache/npm/node_modules"));
        if !node.exists() || !modules.join("zigbee2mqtt").exists() {
            println!("skipped: zigbee2mqtt is missing (`make setup` installs it)");
            return None;
        }
        let mut child = Command::new(node)
            .arg(root.join("tests/zigbee2mqtt/zigbee2mqtt.cjs"))
            .args(["--broker", &format!("mqtt://127.0.0.1:{port}"), "--modules"])
            .arg(modules)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Some(Self { input: child.stdin.take().unwrap(), lines, _child: child })
    }

    /// The next thing it tells of this kind.
    async fn next(&mut self, event: &str) -> Json {
        loop {
            let line = timeout(START, self.lines.next_line()).await.expect("it must speak in time");
            let line = line.unwrap().expect("it must not end");
            let Ok(json) = serde_json::from_str::<Json>(&line) else { continue };
            if json["event"] == event {
                return json;
            }
        }
    }

    /// Makes a device say this.
    async fn report(&mut self, device: &str, state: Json) {
        let line = format!("{}\n", json!({"device": device, "state": state}));
        self.input.write_all(line.as_bytes()).await.unwrap();
        self.next("reported").await;
    }
}

/// The retained announcements: topic and payload.
async fn announcements(broker: &Mosquitto, n: usize) -> Vec<(String, Json)> {
    let mut reader = Client::connect(broker.address(), V5, "reader").await;
    reader.subscribe(&["homeassistant/#"], 0).await;
    let messages = reader.messages(n).await;
    let mut known: Vec<(String, Json)> = messages
        .iter()
        .map(|message| (message.topic.clone(), serde_json::from_slice(&message.payload).unwrap()))
        .collect();
    known.sort_by(|a, b| a.0.cmp(&b.0));
    known
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_house_of_zigbee2mqtt() {
    let Some(broker) = Mosquitto::start() else { return };
    let Some(mut z2m) = Zigbee2mqtt::start(broker.port) else { return };
    let stack = Stack::start(settings(broker.port));
    let ready = z2m.next("ready").await;
    let components: Vec<(String, u64)> = ready["components"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(kind, n)| (kind.clone(), n.as_u64().unwrap()))
        .collect();
    let n = components.iter().map(|(_, n)| n).sum::<u64>();
    let announced = announcements(&broker, n as usize).await;
    assert!(n > 250, "{n}");

    // Everything announced is an entity or a trigger, or is named in a problem.
    let problems = stack.problems().await;
    let named: BTreeSet<&str> = problems
        .iter()
        .filter_map(|kept| match &kept.problem.place {
            Place::Topic(topic) => Some(&**topic),
            Place::Handle(_) | Place::Part(_) => None,
        })
        .collect();
    let known: BTreeSet<String> = stack.hub.read(|home| {
        home.entities()
            .filter_map(|entity| entity.unique_id.as_ref())
            .map(|id| id.to_string())
            .collect()
    });
    let mut missing = Vec::new();
    for (topic, config) in &announced {
        if topic.starts_with("homeassistant/device_automation/") || named.contains(&**topic) {
            continue;
        }
        let id = config["unique_id"].as_str().unwrap();
        if !known.contains(id) {
            missing.push(topic);
        }
    }
    assert!(missing.is_empty(), "neither known nor told: {missing:#?}");
    for kept in &problems {
        println!("{:?}: {}", kept.problem.place, kept.problem.text);
    }
    println!("{n} announcements, {} entities, {} problems", stack.n_entities(), problems.len());
    assert!(problems.is_empty(), "real announcements have no problems");

    // Each device has said its state.
    let silent: Vec<String> = stack.hub.read(|home| {
        let is_silent = |word: &str| word == "unavailable";
        home.entities()
            .filter(|entity| entity.view().is_some_and(|view| is_silent(&view.word)))
            .map(|entity| entity.id.to_string())
            .collect()
    });
    assert_eq!(silent, [""; 0], "must be available");
    let word = |id: &str| stack.word(id);
    for device in ready["devices"].as_array().unwrap() {
        let name = device["name"].as_str().unwrap().to_lowercase().replace(' ', "_");
        for (key, domain) in [("temperature", "sensor"), ("battery", "sensor")] {
            let id = format!("{domain}.{name}_{key}");
            let (Some(said), Some(shown)) = (device["state"][key].as_f64(), word(&id)) else {
                continue;
            };
            assert_eq!(shown.parse::<f64>().unwrap(), said, "{id}");
        }
    }

    // And does what it is told.
    let wishes = [
        ("light.kitchen_bulb", "light.turn_on", json!({"brightness": 100}), Some("on")),
        ("light.kitchen_bulb", "light.turn_off", json!({}), Some("off")),
        ("light.living_room_lamp", "light.turn_on", json!({"rgb_color": [255, 0, 0]}), Some("on")),
        ("switch.washing_machine_plug", "switch.turn_on", json!({}), Some("on")),
        ("switch.washing_machine_plug", "switch.turn_off", json!({}), Some("off")),
        ("cover.kitchen_blind", "cover.set_cover_position", json!({"position": 40}), Some("open")),
        ("cover.kitchen_blind", "cover.close_cover", json!({}), Some("closed")),
        ("lock.front_door_lock", "lock.lock", json!({}), Some("locked")),
        ("lock.front_door_lock", "lock.unlock", json!({}), Some("unlocked")),
        ("climate.bedroom_radiator", "climate.set_temperature", json!({"temperature": 23}), None),
        ("fan.bedroom_fan", "fan.turn_on", json!({}), Some("on")),
    ];
    for (entity, service, data, wanted) in wishes {
        let done = stack.call(entity, service, data.clone()).await;
        assert_eq!(done.outcome, Outcome::Confirmed, "{service} {data} on {entity}");
        if let Some(wanted) = wanted {
            assert_eq!(word(entity).as_deref(), Some(wanted), "{service} on {entity}");
        }
    }

    // A contact opens, a remote is pressed.
    z2m.report("Front door", json!({"contact": false})).await;
    stack.shows("binary_sensor.front_door_contact", "on").await;
    z2m.report("Hall motion", json!({"occupancy": true})).await;
    stack.shows("binary_sensor.hall_motion_occupancy", "on").await;
    stack.stop().await;
}
