//! What brokers and devices do wrong, or what is done to them: never a panic, a hang, unbounded
//! memory or a wrong command.

mod brokers;
mod messages;

use std::time::Duration;

use homard::home::action::{Outcome, Refusal};
use serde_json::json;
use tokio::task::block_in_place;

use crate::broker::client::{Client, V3, V5};
use crate::mosquitto::{lamp, obedient_lamp};
use crate::support::homard::{Daemon, Folder};
use crate::support::mosquitto::Mosquitto;
use crate::support::stack::{Stack, settings};

const ROUNDS: usize = 100;
const ROUNDS_OF_THE_PROGRAM: usize = 6;

/// Open files of this process that are connections to this port.
fn n_connections(port: u16) -> usize {
    let remote = format!("0100007F:{port:04X}");
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap_or_default();
    // Both ends are in the table; only the client's has the port as the remote one. Those that
    // are closed but not forgotten by the system (TIME_WAIT, 06) are no files.
    let is_open = |line: &&str| {
        let mut fields = line.split_whitespace().skip(2);
        fields.next() == Some(&*remote) && fields.next().is_some_and(|state| state != "06")
    };
    table.lines().filter(is_open).count()
}

fn n_tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

/// Every round: everything is unavailable, then available, subscriptions are back, a command works.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_broker_dies_and_comes_back_a_hundred_times() {
    let Some(mut broker) = Mosquitto::start() else { return };
    let stack = Stack::start(settings(broker.port));
    let mut first = None;
    for round in 0..ROUNDS {
        let version = if round % 2 == 0 { V5 } else { V3 };
        if round == 0 {
            // Announced once, never again: what Homard knows is what it knows.
            let mut producer = Client::connect(broker.address(), V5, "producer").await;
            producer.retain("homeassistant/switch/lamp/config", lamp()).await;
            stack.until("the lamp is known", |home| home.entities().count() == 1).await;
        }
        obedient_lamp(broker.address(), version).await;
        let mut producer = Client::connect(broker.address(), version, "producer").await;
        producer.retain("lamp/there", "online").await;
        producer.retain("lamp", "OFF").await;
        stack.shows("switch.lamp", "off").await;
        let done = stack.call("switch.lamp", "switch.turn_on", json!({})).await;
        assert_eq!(done.outcome, Outcome::Confirmed, "round {round}");
        broker.kill();
        stack.shows("switch.lamp", "unavailable").await;
        if round % 10 == 0 {
            let done = stack.call("switch.lamp", "switch.turn_off", json!({})).await;
            let Outcome::Refused(refusal) = done.outcome else { panic!("{:?}", done.outcome) };
            assert!(matches!(refusal, Refusal::NoBroker | Refusal::Unreachable), "{refusal:?}");
        }
        drop(producer);
        broker.restart();
        if round == 9 {
            first = Some(n_tasks());
        }
    }
    stack.no_problem("cannot be reached").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let first = first.unwrap();
    assert!(n_connections(broker.port) <= 3, "{} connections", n_connections(broker.port));
    assert!(n_tasks() <= first + 4, "{first} tasks after ten rounds, {} at the end", n_tasks());
    stack.stop().await;
}

/// The program as people run it, with its own patience.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_outlives_its_broker() {
    let Some(mut broker) = Mosquitto::start() else { return };
    let folder = Folder::new("outlives");
    let address = format!("broker = \"mqtt://127.0.0.1:{}\"", broker.port);
    let daemon = block_in_place(|| Daemon::start_with("run", &folder, &address));
    let mut held = Vec::new();
    for round in 0..ROUNDS_OF_THE_PROGRAM {
        obedient_lamp(broker.address(), V5).await;
        let mut producer = Client::connect(broker.address(), V3, "producer").await;
        producer.retain("homeassistant/switch/lamp/config", lamp()).await;
        producer.retain("lamp/there", "online").await;
        producer.retain("lamp", "OFF").await;
        block_in_place(|| daemon.wait_for("switch.lamp", |lamp| lamp["state"] == "off"));
        let done = block_in_place(|| daemon.say(&["turn on the lamp"]));
        assert_eq!((done.out.trim(), done.code), ("Turned on the lamp.", 0), "round {round}");
        held.push(daemon.holds());
        broker.kill();
        block_in_place(|| daemon.wait_for("switch.lamp", |lamp| lamp["state"] == "unavailable"));
        let done = block_in_place(|| daemon.say(&["turn off the lamp"]));
        assert_ne!(done.code, 0, "nothing was turned off: {done:?}");
        let problems = block_in_place(|| daemon.get("/api/homard/problems")).to_string();
        assert!(problems.contains("cannot be reached: "), "{problems}");
        broker.restart();
    }
    let ((files, memory), last) = (held[1], held[held.len() - 1]);
    assert!(last.0 <= files + 2, "{held:?}");
    assert!(last.1 <= memory + 6 * 1024, "{held:?}");
    let (code, _) = block_in_place(|| daemon.stop());
    assert_eq!(code, Some(0));
}
