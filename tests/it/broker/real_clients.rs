//! Clients that people really use against the broker: mosquitto's tools, paho and mqtt.js. What
//! is not installed is named and skipped.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use homard::broker::{Probe, probe};
use tokio::net::TcpListener;

use super::process::TempDir;
use super::{LOCAL, broker, users};

/// Longest run of one client program.
const PATIENCE: Duration = Duration::from_secs(60);

async fn run(program: &Path, args: &[impl AsRef<std::ffi::OsStr>]) -> Output {
    let child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    timeout(PATIENCE, child.wait_with_output())
        .await
        .expect("the client must come to an end")
        .unwrap()
}

async fn is_there(program: &Path, args: &[&str], missing: &str) -> bool {
    let mut command = Command::new(program);
    command.args(args).stdout(Stdio::null()).stderr(Stdio::null());
    let is_there = command.status().await.is_ok_and(|status| status.success());
    if !is_there {
        eprintln!("skipped: {missing}");
    }
    is_there
}

fn cache(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache").join(path)
}

fn assert_passed(output: &Output) {
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(said.lines().any(|line| line.starts_with("ok ")), "no check ran: {said}");
    assert!(!said.lines().any(|line| line.starts_with("FAIL")), "{said}");
}

#[tokio::test]
async fn mosquitto_pub_and_sub() {
    let (publisher, subscriber) = (Path::new("mosquitto_pub"), Path::new("mosquitto_sub"));
    let missing = "`mosquitto_pub` and `mosquitto_sub` are missing (Debian: mosquitto-clients)";
    if !is_there(Path::new("sh"), &["-c", "command -v mosquitto_pub mosquitto_sub"], missing).await
    {
        return;
    }
    let broker = broker().await;
    let port = broker.address().port().to_string();
    for version in ["311", "5"] {
        let base = ["-h", "127.0.0.1", "-p", &port, "-V", version];
        let with = |rest: &[&'static str]| -> Vec<String> {
            base.iter().chain(rest).map(|text| (*text).to_owned()).collect()
        };
        for qos in ["0", "1", "2"] {
            let args = with(&["-t", "m/retained", "-m", "held", "-r", "-q", qos]);
            let output = run(publisher, &args).await;
            assert!(output.status.success(), "{output:?}");
            let args = with(&["-t", "m/#", "-C", "1", "-W", "10", "-F", "%t %r %p", "-q", "2"]);
            let output = run(subscriber, &args).await;
            assert_eq!(
                String::from_utf8_lossy(&output.stdout),
                "m/retained 1 held\n",
                "{output:?}"
            );
        }
        let args = with(&["-t", "m/retained", "-n", "-r", "-q", "1"]);
        assert!(run(publisher, &args).await.status.success());
        let args = with(&["-t", "m/#", "-C", "1", "-W", "1"]);
        assert_eq!(run(subscriber, &args).await.stdout, b"", "cleared in version {version}");
    }
    broker.stop().await;
}

#[tokio::test]
async fn mosquitto_pub_over_tls_with_a_ca_of_ones_own() {
    let missing = "`mosquitto_pub` is missing (Debian: mosquitto-clients)";
    if !is_there(Path::new("sh"), &["-c", "command -v mosquitto_pub"], missing).await {
        return;
    }
    let dir = TempDir::new("mosquitto-tls");
    let Some((broker, ca)) = users::with_tls(&dir).await else { return };
    let port = broker.tls_address().unwrap().port().to_string();
    let ca = ca.to_str().unwrap();
    let base = ["-h", "localhost", "-p", &port, "-t", "x", "-m", "1", "-q", "1", "-u", "alice"];
    let with = |rest: &[&str]| [&base, rest].concat().iter().map(ToString::to_string).collect();
    for (rest, want) in [
        (["--cafile", ca, "-P", "apw"], true),
        (["--cafile", ca, "-P", "wrong"], false),
        (["--capath", "/etc/ssl/certs", "-P", "apw"], false),
    ] {
        let args: Vec<String> = with(&rest);
        let output = run(Path::new("mosquitto_pub"), &args).await;
        assert_eq!(output.status.success(), want, "{rest:?}: {output:?}");
    }
    broker.stop().await;
}

#[tokio::test]
async fn a_mosquitto_that_listens_already_is_recognized() {
    let mut path = std::env::var("PATH").unwrap_or_default();
    path.push_str(":/usr/sbin:/usr/local/sbin");
    let reserved = TcpListener::bind(LOCAL).await.unwrap();
    let address = reserved.local_addr().unwrap();
    drop(reserved);
    let started = Command::new("mosquitto")
        .args(["-p", &address.port().to_string()])
        .env("PATH", path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let Ok(mut mosquitto) = started else {
        eprintln!("skipped: `mosquitto` is missing (Debian: mosquitto)");
        return;
    };
    let found = timeout(Duration::from_secs(10), async {
        while probe(address).await != Probe::Broker {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(found.await.is_ok(), "mosquitto on {address} was not recognized");
    mosquitto.kill().await.unwrap();
}

#[tokio::test]
async fn paho() {
    let python = cache("venv/bin/python");
    let missing = "paho-mqtt 2 is missing in `.cache/venv`";
    if !is_there(&python, &["-c", "import paho.mqtt.properties"], missing).await {
        return;
    }
    let broker = broker().await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tools/broker_paho.py");
    let port = broker.address().port().to_string();
    assert_passed(&run(&python, &[script, &port]).await);
    broker.stop().await;
}

#[tokio::test]
async fn mqtt_js() {
    let node = Path::new("node");
    let package = cache("node/node_modules/mqtt");
    if !package.exists() {
        eprintln!("skipped: the npm package `mqtt` is missing in `.cache/node`");
        return;
    }
    if !is_there(node, &["--version"], "`node` is missing").await {
        return;
    }
    let broker = broker().await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tools/broker_mqttjs.js");
    let port = broker.address().port().to_string();
    assert_passed(&run(node, &[script, package.to_str().unwrap(), &port]).await);
    broker.stop().await;
}
