//! The broker in a process of its own: what its death loses, what memory it takes, what it costs
//! when nothing happens.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use homard::broker::{Settings, start};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::LOCAL;
use super::client::{Client, Hello, PATIENCE, V3, V5, packet, string};
use super::store::FileStore;

/// How long a change may wait for its save in these tests.
const INTERVAL: Duration = Duration::from_millis(300);
/// The file of the store; its presence in the environment makes this process a broker.
const STORE: &str = "HOMARD_TEST_BROKER_STORE";

/// A directory that goes away with the test.
pub(super) struct TempDir(pub(super) PathBuf);

impl TempDir {
    pub(super) fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("homard-broker-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The body of the child process; does nothing when run as a test.
#[tokio::test]
async fn child() {
    let Some(path) = std::env::var_os(STORE) else { return };
    let mut settings = Settings::local(LOCAL);
    settings.limits.save_interval = INTERVAL;
    let broker = start(settings, Arc::new(FileStore::new(path.into()))).await.unwrap();
    eprintln!("listening {}", broker.address());
    std::future::pending::<()>().await;
}

struct Running {
    child: Child,
    address: SocketAddr,
}

impl Running {
    async fn start(store: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "broker::process::child", "--nocapture"])
            .env(STORE, store)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = timeout(PATIENCE, async {
            loop {
                let line =
                    lines.next_line().await.unwrap().expect("the child must say its address");
                if let Some(address) = line.strip_prefix("listening ") {
                    return address.parse().unwrap();
                }
            }
        });
        let address = address.await.unwrap();
        Self { child, address }
    }

    async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    fn stat(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id().unwrap())).unwrap()
    }

    fn resident_kib(&self) -> u64 {
        let status = self.stat("status");
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// CPU time so far, in ticks of 10 ms.
    fn cpu_ticks(&self) -> u64 {
        let stat = self.stat("stat");
        let after_name = stat.rsplit(") ").next().unwrap();
        let fields: Vec<&str> = after_name.split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }
}

#[tokio::test]
async fn being_killed_loses_at_most_the_last_interval() {
    let dir = TempDir::new("killed");
    let store = dir.0.join("retained.json");
    let mut expected = 0;
    for round in 0..5 {
        let broker = Running::start(&store).await;
        let mut client = Client::connect(broker.address, V5, "client").await;
        client.subscribe(&["k/#"], 1).await;
        let found = client.messages_within(expected + 1, Duration::from_millis(500)).await.len();
        assert!(found >= expected, "round {round}: {found} of {expected} after the kill");
        for n in 0..50 {
            client.retain(&format!("k/{round}/{n}"), [round, n, 0xff]).await;
        }
        expected = found + 50;
        tokio::time::sleep(INTERVAL * 2).await;
        // These may be lost.
        client.retain(&format!("k/{round}/late"), "1").await;
        broker.kill().await;
    }
}

#[tokio::test]
async fn a_subscriber_that_does_not_read_costs_bounded_memory_and_delays_nobody() {
    let dir = TempDir::new("slow");
    let broker = Running::start(&dir.0.join("retained.json")).await;
    let mut stuck = TcpStream::connect(broker.address).await.unwrap();
    stuck.write_all(&Hello { keep_alive: 0, ..Hello::new(V3, "stuck") }.packet()).await.unwrap();
    let mut subscribe = vec![0, 1];
    subscribe.extend(string("flood"));
    subscribe.push(0);
    stuck.write_all(&packet(0x82, &subscribe)).await.unwrap();
    let mut other = Client::connect(broker.address, V3, "other").await;
    other.subscribe(&["other"], 0).await;

    let before = broker.resident_kib();
    let mut publisher = Client::connect(broker.address, V3, "publisher").await;
    for n in 0..80_000 {
        publisher.publish_raw("flood", &[b'z'; 1000], 0, false, &[]).await;
        if n % 20_000 == 0 {
            let begin = std::time::Instant::now();
            other.publish("other", b"1", 0, false).await;
            other.message().await;
            let elapsed = begin.elapsed();
            assert!(elapsed < Duration::from_secs(2), "others waited {elapsed:?}");
        }
    }
    publisher.ping().await;
    let grown = broker.resident_kib() - before;
    eprintln!("slow subscriber: 80 MB were published, the broker grew by {grown} KiB");
    assert!(grown < 60 * 1024, "grew by {grown} KiB");
    broker.kill().await;
}

/// The time-out of the socket: until it strikes, messages for this peer pile up.
#[tokio::test]
async fn a_subscriber_that_does_not_read_is_cut_off() {
    let dir = TempDir::new("stalled");
    let broker = Running::start(&dir.0.join("retained.json")).await;
    let will = Hello { keep_alive: 0, will: Some(("will", "gone")), ..Hello::new(V3, "stuck") };
    let mut stuck = TcpStream::connect(broker.address).await.unwrap();
    stuck.write_all(&will.packet()).await.unwrap();
    let mut subscribe = vec![0, 1];
    subscribe.extend(string("flood"));
    subscribe.push(0);
    stuck.write_all(&packet(0x82, &subscribe)).await.unwrap();
    let mut watcher = Client::connect(broker.address, V3, "watcher").await;
    watcher.subscribe(&["will"], 0).await;
    for _ in 0..60 {
        watcher.publish("flood", &[b'z'; 200_000], 0, false).await;
    }
    let gone = watcher.messages_within(1, Duration::from_secs(45)).await;
    assert_eq!(gone.len(), 1, "it must be cut off although it wants no keep-alive");
    drop(stuck);
    broker.kill().await;
}

#[tokio::test]
async fn an_idle_broker_costs_next_to_nothing() {
    let dir = TempDir::new("idle");
    let broker = Running::start(&dir.0.join("retained.json")).await;
    let mut clients = Vec::new();
    for n in 0..20 {
        let mut client = Client::connect(broker.address, V5, &format!("c{n}")).await;
        client.subscribe(&["#"], 0).await;
        clients.push(client);
    }
    clients[0].retain("r", "1").await;
    tokio::time::sleep(INTERVAL * 3).await;
    let before = broker.cpu_ticks();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let ticks = broker.cpu_ticks() - before;
    eprintln!("idle broker: {ticks} ticks of 10 ms in 5 s; {} KiB resident", broker.resident_kib());
    // 0.5 % of a core would be 2.5 ticks, for the whole hub.
    assert!(ticks <= 1, "{ticks} ticks in 5 s");
    broker.kill().await;
}
