//! The daemon as a service of systemd: what it says of itself, and the units that start it.

use std::collections::BTreeSet;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use super::support::homard::{Daemon, Folder, PATIENCE};

/// Stands in for systemd: keeps what it is told.
struct Inbox(UnixDatagram);

impl Inbox {
    fn new(folder: &Folder) -> (Self, String) {
        let path = folder.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        (Self(socket), path)
    }

    fn next(&self) -> String {
        let mut bytes = [0_u8; 1_000];
        let n = self.0.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..n].to_vec()).unwrap()
    }
}

#[test]
fn systemd_is_told_how_it_is() {
    let folder = Folder::new("systemd");
    let (inbox, path) = Inbox::new(&folder);
    let text = "[http]\nlisten = \"127.0.0.1:0\"\n[mqtt]\nlisten = \"127.0.0.1:0\"\n";
    let environment = [("NOTIFY_SOCKET", path.as_str()), ("WATCHDOG_USEC", "400000")];
    let daemon = Daemon::start_in("run", &folder, text, &environment);

    let ready = inbox.next();
    assert!(ready.starts_with("READY=1\nSTATUS="), "{ready}");
    assert!(ready.contains(&daemon.url), "{ready}");
    for _ in 0..3 {
        assert_eq!(inbox.next(), "WATCHDOG=1");
    }
    let (code, took) = daemon.stop();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(2), "{took:?}");
    let last = std::iter::repeat_with(|| inbox.next()).find(|told| told != "WATCHDOG=1").unwrap();
    assert!(last.starts_with("STOPPING=1\n"), "{last}");
}

#[test]
fn a_process_that_nobody_watches_says_nothing() {
    let folder = Folder::new("systemd-not");
    let (inbox, path) = Inbox::new(&folder);
    let text = "[http]\nlisten = \"127.0.0.1:0\"\n[mqtt]\nlisten = \"127.0.0.1:0\"\n";
    // Meant for the shell that has started it.
    let environment =
        [("NOTIFY_SOCKET", path.as_str()), ("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", "1")];
    let daemon = Daemon::start_in("run", &folder, text, &environment);
    assert!(inbox.next().starts_with("READY=1"));
    assert_eq!(daemon.stop().0, Some(0));
    assert!(inbox.next().starts_with("STOPPING=1"), "and no sign of life in between");
}

/// Rated by systemd itself, from 0 (nothing is exposed) to 10.
#[test]
fn the_units_are_hardened() {
    for unit in ["homard.service", "homard-backup.service"] {
        let path = format!("{}/systemd/{unit}", env!("CARGO_MANIFEST_DIR"));
        // Fails above its threshold, which is in tenths.
        let arguments = ["security", "--offline=true", "--no-pager", "--threshold=20", &path];
        let rated = match Command::new("systemd-analyze").args(arguments).output() {
            Ok(rated) => rated,
            Err(error) => {
                println!("systemd: not rated here, as there is no systemd-analyze: {error}");
                return;
            }
        };
        let table = String::from_utf8_lossy(&rated.stdout);
        let overall = table.lines().find(|line| line.contains("Overall exposure level"));
        println!("systemd: {}", overall.unwrap_or("no rating").trim());
        assert!(rated.status.success(), "{table}");
    }
}

/// What the documentation and other files promise of the unit.
#[test]
fn the_unit_says_what_the_program_needs() {
    let unit = include_str!("../../systemd/homard.service");
    let settings: BTreeSet<&str> =
        unit.lines().filter(|line| !line.starts_with(['#', '['])).collect();
    let wanted = [
        "Type=notify",
        "ExecStart=/usr/bin/homard run --config /etc/homard/homard.toml --data-dir /var/lib/homard",
        // The exit code of a configuration that cannot be read.
        "RestartPreventExitStatus=2",
        // Sound.
        "SupplementaryGroups=audio",
        "DeviceAllow=char-alsa rw",
    ];
    for line in wanted {
        assert!(settings.contains(line), "{line}");
    }
    // Each key once, or the last would silently win (but for lists).
    let keys: Vec<&str> = settings.iter().filter_map(|line| line.split('=').next()).collect();
    let twice: Vec<_> = keys
        .windows(2)
        .filter(|pair| pair[0] == pair[1] && pair[0] != "SystemCallFilter")
        .collect();
    assert!(twice.is_empty(), "{twice:?}");
}
