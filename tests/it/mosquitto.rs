//! Homard's MQTT side with a real mosquitto and real clients: both versions of MQTT, users, TLS,
//! and what producers and listeners rely on. What is not installed is named and skipped.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use homard::config::Secret;
use homard::home::action::Outcome;
use homard::hub::event::Shown;
use homard::mqtt;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use crate::broker::client::{Client, Message, V3, V5};
use crate::hub::Dir;
use crate::support::mosquitto::{Mosquitto, find};
use crate::support::stack::{PATIENCE, Stack, settings};

const LAMP: &str = "homeassistant/switch/lamp/config";

/// A switch that listens on `lamp/set` and says its state on `lamp`.
pub(crate) fn lamp() -> String {
    json!({
        "name": "Lamp", "unique_id": "lamp", "state_topic": "lamp", "command_topic": "lamp/set",
        "availability_topic": "lamp/there", "device": {"identifiers": ["lamp"]},
        "origin": {"name": "test"},
    })
    .to_string()
}

/// A device that does what it is told, until the test ends.
pub(crate) async fn obedient_lamp(address: std::net::SocketAddr, version: u8) {
    let mut lamp = Client::connect(address, version, "lamp").await;
    lamp.subscribe(&["lamp/set"], 0).await;
    tokio::spawn(async move {
        let for_ever = Duration::from_secs(3600);
        // Until the connection is closed.
        while let Some(message) = lamp.messages_within(1, for_ever).await.pop() {
            lamp.publish_raw("lamp", &message.payload, 0, false, &[]).await;
        }
    });
}

async fn next(client: &mut Client) -> Message {
    client.messages_within(1, PATIENCE).await.pop().expect("a message in time")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lamp_is_found_heard_and_switched() {
    // The devices' version. Homard speaks MQTT 5 here, as mosquitto does; brokers that know only
    // 3.1.1 are in `faults/brokers.rs`.
    for version in [V5, V3] {
        let Some(broker) = Mosquitto::start() else { return };
        let mut producer = Client::connect(broker.address(), version, "producer").await;
        // Before Homard starts.
        producer.retain(LAMP, lamp()).await;
        producer.retain("lamp", "ON").await;
        producer.retain("lamp/there", "online").await;
        obedient_lamp(broker.address(), version).await;
        let stack = Stack::start(settings(broker.port));
        stack.shows("switch.lamp", "on").await;
        assert!(broker.log().contains("as homard-test (p5,"), "{}", broker.log());
        producer.publish("lamp", b"OFF", 1, false).await;
        stack.shows("switch.lamp", "off").await;
        producer.publish("lamp/there", b"offline", 1, true).await;
        stack.shows("switch.lamp", "unavailable").await;
        producer.publish("lamp/there", b"online", 1, true).await;
        stack.shows("switch.lamp", "off").await;
        let done = stack.call("switch.lamp", "switch.turn_on", json!({})).await;
        assert_eq!(done.outcome, Outcome::Confirmed);
        assert_eq!(stack.word("switch.lamp").as_deref(), Some("on"));
        // And another that comes later; then its announcement goes.
        producer
            .retain(
                "homeassistant/sensor/late/config",
                json!({
                    "name": "Late", "unique_id": "late", "state_topic": "late", "qos": 1,
                })
                .to_string(),
            )
            .await;
        producer.publish("late", b"1", 1, true).await;
        stack.shows("sensor.late", "1").await;
        producer.retain("homeassistant/sensor/late/config", "").await;
        stack.until("the sensor is gone", |home| home.entity("sensor.late").is_none()).await;
        assert_eq!(stack.problems().await, []);
        stack.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_entity_gets_what_is_kept_on_a_topic_already_subscribed() {
    let Some(broker) = Mosquitto::start() else { return };
    let mut producer = Client::connect(broker.address(), V5, "producer").await;
    let sensor = |key: &str| {
        json!({
            "name": key, "unique_id": key, "state_topic": "both",
            "value_template": format!("{{{{ value_json.{key} }}}}"),
        })
        .to_string()
    };
    producer.retain("both", json!({"one": 1, "two": 2}).to_string()).await;
    let stack = Stack::start(settings(broker.port));
    producer.retain("homeassistant/sensor/one/config", sensor("one")).await;
    stack.shows("sensor.one", "1").await;
    // Newer than what is kept; it must not be undone by the replay for the second.
    producer.publish("both", json!({"one": 11}).to_string().as_bytes(), 1, false).await;
    stack.shows("sensor.one", "11").await;
    producer.retain("homeassistant/sensor/two/config", sensor("two")).await;
    stack.shows("sensor.two", "2").await;
    assert_eq!(stack.word("sensor.one").as_deref(), Some("11"));
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn birth_comes_when_announcements_are_quiet_and_again_after_a_reconnect() {
    let Some(mut broker) = Mosquitto::start() else { return };
    let mut listener = Client::connect(broker.address(), V5, "listener").await;
    listener.subscribe(&["homeassistant/status", "homeassistant/switch/+/config"], 0).await;
    let stack = Stack::start(settings(broker.port));
    // Announcements without a pause as long as the quiet time hold the birth message back.
    let mut producer = Client::connect(broker.address(), V3, "producer").await;
    for n in 0..20 {
        let config = json!({"name": n, "unique_id": n, "command_topic": "c"}).to_string();
        let topic = format!("homeassistant/switch/s{n}/config");
        // The first may come before Homard listens.
        producer.publish(&topic, config.as_bytes(), 1, n == 0).await;
        if n == 0 {
            // Counted from when Homard hears them.
            stack.until("the first is known", |home| home.entities().count() > 0).await;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let mut topics = Vec::new();
    let birth = loop {
        let message = next(&mut listener).await;
        if message.topic == "homeassistant/status" {
            break message;
        }
        topics.push(message.topic);
    };
    assert_eq!(topics.len(), 20, "birth before announcements went quiet");
    assert_eq!((birth.text(), birth.retain), ("online", false));
    // Nothing is kept there.
    let mut late = Client::connect(broker.address(), V5, "late").await;
    late.subscribe(&["homeassistant/status"], 0).await;
    late.expect_nothing().await;
    broker.kill();
    broker.restart();
    let mut listener = Client::connect(broker.address(), V5, "listener").await;
    listener.subscribe(&["homeassistant/status"], 0).await;
    assert_eq!(next(&mut listener).await.text(), "online");
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_will_is_left_only_when_wished() {
    let Some(broker) = Mosquitto::start() else { return };
    for (will, version) in [(None, V3), (Some("offline"), V5)] {
        let mut listener = Client::connect(broker.address(), version, "listener").await;
        listener.subscribe(&["homeassistant/status"], 0).await;
        let stack =
            Stack::start(mqtt::Settings { will: will.map(str::to_owned), ..settings(broker.port) });
        assert_eq!(next(&mut listener).await.text(), "online");
        // Another client with the same id: the broker cuts the first off and sends its will.
        let thief = Client::connect(broker.address(), V3, "homard-test").await;
        if let Some(will) = will {
            let message = next(&mut listener).await;
            assert_eq!((message.text(), message.retain), (will, false));
        }
        drop(thief);
        // Homard is back, and says so.
        assert_eq!(next(&mut listener).await.text(), "online");
        // Leaving politely sends no will.
        stack.stop().await;
        listener.expect_nothing().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_done_because_of_what_the_broker_kept() {
    let Some(broker) = Mosquitto::start() else { return };
    let mut producer = Client::connect(broker.address(), V5, "producer").await;
    let device = json!({"identifiers": ["remote"]});
    let trigger = json!({
        "automation_type": "trigger", "topic": "remote", "type": "press", "subtype": "b1",
        "payload": "single", "device": device,
    });
    producer.retain("homeassistant/device_automation/remote/config", trigger.to_string()).await;
    let tag = json!({"topic": "tags", "device": device});
    producer.retain("homeassistant/tag/reader/config", tag.to_string()).await;
    let bell = json!({
        "name": "Bell", "unique_id": "bell", "state_topic": "bell", "event_types": ["ring"],
    });
    producer.retain("homeassistant/event/bell/config", bell.to_string()).await;
    producer.retain(LAMP, lamp()).await;
    producer.retain("lamp/there", "online").await;
    producer.retain("remote", "single").await;
    producer.retain("tags", "04-1B").await;
    producer.retain("bell", r#"{"event_type":"ring"}"#).await;
    producer.retain("lamp", "ON").await;
    producer.retain("homard/say", "turn off everything").await;
    let mut listener = Client::connect(broker.address(), V3, "listener").await;
    listener.subscribe(&["lamp/set", "homard/reply"], 0).await;

    let stack = Stack::start(settings(broker.port));
    let mut shown = stack.watch();
    stack.shows("switch.lamp", "on").await;
    stack.shows("event.bell", "unknown").await;
    // A wish is not confirmed by an old message either: another entity on the same topic brings it
    // again while the wish waits.
    let call = stack.call("switch.lamp", "switch.turn_on", json!({}));
    let replay = async {
        assert_eq!(next(&mut listener).await.topic, "lamp/set");
        let twin = lamp().replace(r#""unique_id":"lamp""#, r#""unique_id":"twin""#);
        producer.retain("homeassistant/switch/twin/config", twin).await;
        stack.until("the twin is known", |home| home.entities().count() == 3).await;
        // The device itself answers.
        producer.publish("lamp", b"ON", 0, false).await;
    };
    let (done, ()) = tokio::join!(call, replay);
    assert_eq!(done.outcome, Outcome::Confirmed);
    // Live, each counts; what comes first in this connection came after what was kept.
    for (topic, payload) in [
        ("remote", "single"),
        ("tags", "04-1C"),
        ("bell", r#"{"event_type":"ring"}"#),
        ("homard/say", "hello"),
    ] {
        producer.publish(topic, payload.as_bytes(), 1, false).await;
    }
    let reply = next(&mut listener).await;
    let reply: Json = serde_json::from_slice(&reply.payload).unwrap();
    assert_eq!(reply["text"], "heard: hello");
    stack
        .until("the bell rang", |home| {
            home.entity("event.bell")
                .and_then(|bell| bell.view())
                .is_some_and(|v| v.word != "unknown")
        })
        .await;
    // A state can be read a moment before it is shown: what is shown may still be on its way.
    let mut happened = Vec::new();
    while happened.len() < 2 {
        let group = tokio::time::timeout(Duration::from_secs(20), shown.recv()).await;
        for what in &group.expect("both are shown").unwrap().shown {
            match what {
                Shown::TriggerFired(trigger, ..) => happened.push(trigger.subtype.to_string()),
                Shown::TagScanned(tag, ..) => happened.push(tag.to_string()),
                Shown::Changed(..)
                | Shown::RegistryChanged(_)
                | Shown::Fired(..)
                | Shown::Said(..) => {}
            }
        }
    }
    assert_eq!(happened, ["b1", "04-1C"]);
    listener.expect_nothing().await;
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_and_a_password_are_given_and_a_wrong_one_is_told_once() {
    let dir = Dir::new();
    std::fs::create_dir_all(&dir.0).unwrap();
    let Some(tool) = find("mosquitto_passwd") else {
        println!("skipped: `mosquitto_passwd` is missing (Debian: mosquitto)");
        return;
    };
    let file = dir.0.join("users");
    let mut make = Command::new(tool);
    make.args(["-b", "-c"]).arg(&file).args(["homard", "s3cret"]);
    assert!(make.status().await.unwrap().success());
    let config = "allow_anonymous false\npassword_file $DIR/users";
    let Some(mut broker) = Mosquitto::start_in(dir, config) else { return };
    let with = |password: &str| mqtt::Settings {
        user: Some("homard".to_owned()),
        password: Some(Secret::new(password)),
        ..settings(broker.port)
    };
    let wrong = Stack::start(with("guess"));
    let kept = wrong.problem("it refuses the user name or the password").await;
    assert!(!format!("{kept:?}").contains("guess"));
    // Tried again and again, told once.
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while wrong.problem("refuses").await.count < 4 {
        assert!(tokio::time::Instant::now() < deadline, "it must be tried again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(wrong.problems().await.len(), 1);
    let right = Stack::start(mqtt::Settings { client_id: "right".to_owned(), ..with("s3cret") });
    right.until("connected", |_| broker.log().contains("as right")).await;
    assert_eq!(right.problems().await, []);
    // The owner mends the password file.
    right.stop().await;
    broker.kill();
    std::fs::write(
        broker.dir().join("mosquitto.conf"),
        format!("listener {} 127.0.0.1\nuser root\nallow_anonymous true\n", broker.port),
    )
    .unwrap();
    broker.restart();
    wrong.no_problem("refuses").await;
    wrong.stop().await;
}

/// A CA of our own, a certificate for this machine and another CA; none without `openssl`.
async fn certificates(dir: &Path) -> bool {
    let script = "
        for ca in ca other; do
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
                -subj /CN=home-$ca -keyout $ca.key -out $ca.crt || exit 1
        done
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
            -subj /CN=localhost -keyout srv.key -out srv.csr &&
        printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\\nbasicConstraints=CA:FALSE\\n' > ext &&
        openssl x509 -req -in srv.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
            -extfile ext -out srv.crt";
    std::fs::create_dir_all(dir).unwrap();
    let made = Command::new("sh").args(["-c", script]).current_dir(dir).output().await;
    let is_made = made.is_ok_and(|output| output.status.success());
    if !is_made {
        println!("skipped: `openssl` is missing, so there are no certificates for the TLS tests");
    }
    is_made
}

fn trusting(ca: &Path) -> Arc<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_with_an_own_authority_and_what_is_said_when_it_is_another() {
    let dir = Dir::new();
    if !certificates(&dir.0).await {
        return;
    }
    let (ca, other) = (trusting(&dir.0.join("ca.crt")), trusting(&dir.0.join("other.crt")));
    let config = "allow_anonymous true\ncafile $DIR/ca.crt\ncertfile $DIR/srv.crt\n\
                  keyfile $DIR/srv.key";
    let Some(broker) = Mosquitto::start_in(dir, config) else { return };
    for host in ["127.0.0.1", "localhost"] {
        let stack = Stack::start(mqtt::Settings {
            tls: Some(Arc::clone(&ca)),
            host: host.to_owned(),
            client_id: format!("by-{host}"),
            ..settings(broker.port)
        });
        stack.until("connected", |_| broker.log().contains(&format!("as by-{host}"))).await;
        assert_eq!(stack.problems().await, [], "{host}");
        stack.stop().await;
    }
    let stack = Stack::start(mqtt::Settings { tls: Some(other), ..settings(broker.port) });
    stack.problem("signed by an authority that is not trusted (`ca_file`").await;
    stack.stop().await;
    let stack = Stack::start(mqtt::Settings {
        tls: Some(Arc::clone(&ca)),
        host: "127.0.0.2".to_owned(),
        ..settings(broker.port)
    });
    // mosquitto listens on 127.0.0.1 only.
    stack.problem("nobody listens there").await;
    stack.stop().await;
    let Some(plain) = Mosquitto::start() else { return };
    let stack = Stack::start(mqtt::Settings { tls: Some(ca), ..settings(plain.port) });
    stack.problem("does it speak TLS on this port?").await;
    stack.stop().await;
}

async fn run(program: &Path, args: &[&str]) {
    let mut command = Command::new(program);
    let output = command.args(args).kill_on_drop(true).output();
    let output = timeout(PATIENCE, output).await.expect("the client must end").unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mosquitto_pub_announces_and_mosquitto_sub_sees_the_command() {
    let (Some(publish), Some(subscribe)) = (find("mosquitto_pub"), find("mosquitto_sub")) else {
        println!("skipped: `mosquitto_pub` is missing (Debian: mosquitto-clients)");
        return;
    };
    let Some(broker) = Mosquitto::start() else { return };
    let port = broker.port.to_string();
    let config = lamp();
    let stack = Stack::start(settings(broker.port));
    for version in ["311", "5"] {
        let base = ["-h", "127.0.0.1", "-p", &port, "-V", version];
        let send = |rest: &[&str]| {
            let args: Vec<String> = base.iter().chain(rest).map(|arg| (*arg).to_owned()).collect();
            let publish = publish.clone();
            async move {
                let args: Vec<&str> = args.iter().map(String::as_str).collect();
                run(&publish, &args).await;
            }
        };
        send(&["-t", LAMP, "-m", &config, "-r", "-q", "1"]).await;
        stack.until("the lamp is known", |home| home.entity("switch.lamp").is_some()).await;
        send(&["-t", "lamp/there", "-m", "online", "-r"]).await;
        send(&["-t", "lamp", "-m", "OFF", "-r"]).await;
        stack.shows("switch.lamp", "off").await;
        let mut watcher = Command::new(&subscribe)
            .args(base)
            .args(["-t", "lamp/set", "-t", "watching", "-F", "%t %p %r"])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(watcher.stdout.take().unwrap()).lines();
        send(&["-t", "watching", "-m", "?", "-r"]).await;
        let line = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
        assert!(line.starts_with("watching ?"), "{line}");
        let see = async {
            let line = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
            send(&["-t", "lamp", "-m", "ON"]).await;
            line
        };
        let call = stack.call("switch.lamp", "switch.turn_on", json!({}));
        let (done, line) = tokio::join!(call, see);
        assert_eq!((done.outcome, &*line), (Outcome::Confirmed, "lamp/set ON 0"));
        for topic in [LAMP, "watching", "lamp", "lamp/there"] {
            send(&["-t", topic, "-n", "-r", "-q", "1"]).await;
        }
        stack.until("the lamp is gone", |home| home.entity("switch.lamp").is_none()).await;
    }
    stack.stop().await;
}

/// A lamp in Python: announces itself, obeys, and announces again at Homard's birth message.
const PAHO_LAMP: &str = r#"
import sys, paho.mqtt.client as mqtt
port, version, config = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=version)
def announce(client):
    client.publish("homeassistant/switch/lamp/config", config, qos=1)
    client.publish("lamp/there", "online", qos=1, retain=True)
def connected(client, *rest):
    client.subscribe([("homeassistant/status", 1), ("lamp/set", 1)])
def message(client, data, message):
    if message.topic == "lamp/set":
        client.publish("lamp", message.payload, qos=2)
    elif message.payload == b"online":
        announce(client)
        # What is said before Homard listens is lost, unless it is kept.
        client.publish("lamp", "OFF", qos=1, retain=True)
client.on_connect, client.on_message = connected, message
client.on_subscribe = lambda *rest: print("ready", flush=True)
client.connect("127.0.0.1", port)
client.loop_forever()
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paho_announces_at_birth_without_retaining_and_obeys() {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/python/bin/python");
    let mut has = Command::new(&python);
    has.args(["-c", "import paho.mqtt.client"]).stdout(Stdio::null()).stderr(Stdio::null());
    if !has.status().await.is_ok_and(|status| status.success()) {
        println!("skipped: paho is missing (`make setup` installs it)");
        return;
    }
    let Some(broker) = Mosquitto::start() else { return };
    for version in ["4", "5"] {
        let mut lamp = Command::new(&python)
            .args(["-c", PAHO_LAMP, &broker.port.to_string(), version, &lamp()])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(lamp.stdout.take().unwrap()).lines();
        let ready = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap();
        assert_eq!(ready.as_deref(), Some("ready"));
        let stack = Stack::start(settings(broker.port));
        stack.shows("switch.lamp", "off").await;
        let done = stack.call("switch.lamp", "switch.turn_on", json!({})).await;
        assert_eq!(done.outcome, Outcome::Confirmed);
        stack.stop().await;
        lamp.kill().await.unwrap();
    }
}
