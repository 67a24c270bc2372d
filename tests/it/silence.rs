//! A fresh house calls nobody: in a network namespace of its own, in which everything that leaves is counted, not a single
//! packet does. `HOMARD_SILENCE_SECONDS=600` listens longer than a test may.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::support::homard::{Folder, PATIENCE, program};

/// A machine with one network, of which nothing comes back.
const NETWORK: &str = "set -e
sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip link set lo up
ip link add out0 type dummy
ip addr add 192.0.2.1/24 dev out0
ip link set out0 up
ip route add default via 192.0.2.2
exec \"$@\"";

struct Alone(Child);

impl Drop for Alone {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Alone {
    /// Starts the house in a namespace; `None` where this user may not have one.
    fn start(folder: &Folder, lines: &str) -> Option<Self> {
        let may =
            Command::new("unshare").args(["--net", "sh", "-c", NETWORK, "sh", "true"]).output();
        match may {
            Ok(done) if done.status.success() => {}
            other => {
                println!(
                    "skipped: no network namespace can be made here (it needs root, `ip` and `sysctl`): {other:?}"
                );
                return None;
            }
        }
        let config = folder.file("homard.toml", lines);
        let data = folder.path("data");
        let log = fs::File::create(folder.path("log")).unwrap();
        let child = Command::new("unshare")
            .args(["--net", "sh", "-c", NETWORK, "sh"])
            .arg(program())
            .args(["run", "--config", &config, "--data-dir", &data])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        let alone = Self(child.unwrap());
        let began = std::time::Instant::now();
        while !fs::exists(format!("{data}/running.json")).unwrap() {
            let log = || fs::read_to_string(folder.path("log")).unwrap();
            assert!(began.elapsed() < PATIENCE, "it does not start: {}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(alone)
    }

    /// Packets that left, or tried to.
    fn sent(&self) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/net/dev", self.0.id())).unwrap();
        let line = text.lines().find_map(|line| line.trim().strip_prefix("out0:")).expect(&text);
        // Eight figures of what came, then bytes and packets of what went.
        line.split_whitespace().nth(9).unwrap().parse().unwrap()
    }
}

#[test]
fn a_fresh_house_sends_nothing() {
    let seconds = std::env::var("HOMARD_SILENCE_SECONDS").ok().and_then(|text| text.parse().ok());
    let folder = Folder::new("silence");
    // As the package has it: open to the network.
    let lines = "[http]\nlisten = \"0.0.0.0:8466\"\n[mqtt]\nlisten = \"127.0.0.1:1883\"\n";
    let Some(alone) = Alone::start(&folder, lines) else { return };
    std::thread::sleep(Duration::from_secs(seconds.unwrap_or(15)));
    assert_eq!(alone.sent(), 0, "{}", fs::read_to_string(folder.path("log")).unwrap());
}

/// What would be seen if it did.
#[test]
fn a_house_that_calls_somebody_is_noticed() {
    let folder = Folder::new("silence-not");
    let lines =
        "[http]\nlisten = \"127.0.0.1:8466\"\n[mqtt]\nbroker = \"mqtt://198.51.100.7:1883\"\n";
    let Some(alone) = Alone::start(&folder, lines) else { return };
    let began = std::time::Instant::now();
    while alone.sent() == 0 {
        assert!(began.elapsed() < PATIENCE, "its call to the broker was not seen");
        std::thread::sleep(Duration::from_millis(50));
    }
}
