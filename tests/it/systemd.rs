//! The daemon as a service of systemd: what it says of itself, and the units that start it.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use super::support::homard::{Daemon, Folder, PATIENCE};

const PORTS: &str = "[http]\nlisten = \"127.0.0.1:0\"\n[mqtt]\nlisten = \"127.0.0.1:0\"\n";

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
    let environment = [("NOTIFY_SOCKET", path.as_str()), ("WATCHDOG_USEC", "400000")];
    let daemon = Daemon::start_in("run", &folder, PORTS, &environment);

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
    // Meant for the shell that has started it.
    let environment =
        [("NOTIFY_SOCKET", path.as_str()), ("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", "1")];
    let daemon = Daemon::start_in("run", &folder, PORTS, &environment);
    assert!(inbox.next().starts_with("READY=1"));
    assert_eq!(daemon.stop().0, Some(0));
    assert!(inbox.next().starts_with("STOPPING=1"), "and no sign of life in between");
}

/// What systemd does for `homard.socket`: it listens, and the program finds the socket as its file 3.
fn handed(listener: TcpListener, folder: &Folder) -> Daemon {
    handed_with("", listener, folder)
}

/// The same, with more in the program's environment.
fn handed_with(more: &str, listener: TcpListener, folder: &Folder) -> Daemon {
    let script = format!("exec 3<&0 </dev/null; {more} LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\"");
    Daemon::start_in_shell(&script, OwnedFd::from(listener).into(), "run", folder, PORTS)
}

/// What a browser gets there: the status, and where it is sent.
fn visit(at: SocketAddr, path: &str, host: &str) -> Option<(u16, Option<String>)> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(PATIENCE))
        .build()
        .into();
    let answer = agent.get(format!("http://{at}{path}")).header("Host", host).call().ok()?;
    let to = answer.headers().get("location").and_then(|to| to.to_str().ok()).map(str::to_owned);
    Some((answer.status().as_u16(), to))
}

#[test]
fn the_panel_is_also_where_systemd_listens_for_it() {
    let folder = Folder::new("systemd-socket");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let daemon = handed(listener, &folder);
    let own: SocketAddr = daemon.url.trim_start_matches("http://").parse().unwrap();
    assert_ne!(own, at);
    for at in [own, at] {
        assert_eq!(visit(at, "/healthz", &at.to_string()), Some((200, None)));
        assert_eq!(visit(at, "/api/states", &at.to_string()).map(|(code, _)| code), Some(401));
        // Other names than this machine's are refused where only this machine can come.
        assert_eq!(visit(at, "/", "evil.example").map(|(code, _)| code), Some(421));
    }
    let log = std::fs::read_to_string(folder.path("log")).unwrap();
    assert!(log.contains("systemd listens for the panel"), "{log}");

    // It keeps the socket while it starts again, as another process image.
    let before = daemon.get("/api/homard/system")["started_at"].clone();
    let restarted = ureq::post(format!("{}/api/homard/restart", daemon.url))
        .header("Authorization", format!("Bearer {}", daemon.token))
        .send_empty();
    assert_eq!(restarted.unwrap().status(), 200);
    daemon.wait(|| {
        let run = std::fs::read_to_string(format!("{}/running.json", daemon.data));
        let run: serde_json::Value =
            run.ok().and_then(|run| serde_json::from_str(&run).ok()).unwrap_or_default();
        let token = run["token"].as_str().unwrap_or_default();
        let about = ureq::get(format!("http://{at}/api/homard/system"))
            .header("Authorization", format!("Bearer {token}"))
            .call();
        let about: serde_json::Value = match about {
            Ok(mut about) => about.body_mut().read_json().map_err(|error| error.to_string())?,
            Err(error) => return Err(error.to_string()),
        };
        match about["started_at"] == before {
            true => Err("it has not started again".to_owned()),
            false => Ok(()),
        }
    });
    assert_eq!(daemon.stop().0, Some(0));
}

/// A socket that others can reach makes a house that nobody runs yet ask for the code.
#[test]
fn a_socket_for_the_network_counts_as_open() {
    let folder = Folder::new("systemd-socket-open");
    let daemon = handed(TcpListener::bind("0.0.0.0:0").unwrap(), &folder);
    assert_eq!(begins(&daemon), 403);
    daemon.stop();
    let folder = Folder::new("systemd-socket-here");
    let daemon = handed(TcpListener::bind("127.0.0.1:0").unwrap(), &folder);
    assert_eq!(begins(&daemon), 200);
}

/// Whoever makes the card for a board without a screen chooses the code on it.
#[test]
fn the_code_may_be_chosen_in_a_file() {
    let cases = [
        (Some("\u{feff}\r\n four-Lobsters\r\nand a note"), "fourLobsters", 200),
        (Some("four-lobsters"), "four-Lobsters", 403),
        // Too short, not text, and none: there is another at each start.
        (Some("1234567"), "1234567", 403),
        (Some("\u{0}\u{0}"), "", 403),
        (None, "", 403),
    ];
    for (written, said, status) in cases {
        let folder = Folder::new("systemd-code");
        let file = folder.path("chosen code.txt");
        if let Some(text) = written {
            std::fs::write(&file, text).unwrap();
        }
        let told = format!("HOMARD_SETUP_CODE_FILE='{file}'");
        let daemon = handed_with(&told, TcpListener::bind("0.0.0.0:0").unwrap(), &folder);
        assert_eq!(begins_with(&daemon, Some(said)), status, "{written:?} {said:?}");
        daemon.stop();
        let log = std::fs::read_to_string(folder.path("log")).unwrap();
        let told = log.contains("The code of the first owner is not taken from its file");
        assert_eq!(told, written.is_some_and(|text| text.len() < 8), "{log}");
        assert!(!log.contains("1234567") && !log.contains("obsters"), "{log}");
    }
}

/// What becomes of somebody who wants to be the first owner, without a code.
fn begins(daemon: &Daemon) -> u16 {
    begins_with(daemon, None)
}

fn begins_with(daemon: &Daemon, code: Option<&str>) -> u16 {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let first = serde_json::json!({"name": "Ada", "password": "four quiet lobsters", "code": code});
    let post = agent.post(format!("{}/setup", daemon.url)).header("Origin", &daemon.url);
    post.send_json(first).unwrap().status().as_u16()
}

/// What systemd hands over by mistake costs nothing but a warning.
#[test]
fn what_is_no_listening_socket_is_left_alone() {
    let folder = Folder::new("systemd-socket-wrong");
    let here = UdpSocket::bind("127.0.0.1:0").unwrap();
    let script = "exec 3<&0 4</dev/null </dev/null; LISTEN_PID=$$ LISTEN_FDS=3 exec \"$@\"";
    let stdin = OwnedFd::from(here).into();
    let daemon = Daemon::start_in_shell(script, stdin, "run", &folder, PORTS);
    let log = std::fs::read_to_string(folder.path("log")).unwrap();
    assert_eq!(log.matches("is left alone").count(), 3, "{log}");
    daemon.stop();
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
