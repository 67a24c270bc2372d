//! What systemd is told while the daemon runs as its service: that it is ready, what it does, that it is alive, that it
//! stops. The protocol of sd_notify(3): lines in a datagram to the socket that `NOTIFY_SOCKET` names.
//!
//! Without that variable nobody is told anything, and nothing runs for it.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::warn;

use crate::hub::HubHandle;
use crate::hub::event::Query;

/// Whoever started this process and wants to know how it is.
pub(super) struct Supervisor {
    socket: UnixDatagram,
    address: SocketAddr,
    /// How long it waits for a sign of life before it ends this process; `None` where it waits for none.
    patience: Option<Duration>,
}

impl Supervisor {
    /// The one that the environment names; `None` where this is no service of systemd's.
    pub(super) fn of_environment() -> Option<Self> {
        let socket = std::env::var_os("NOTIFY_SOCKET")?;
        let text = |name| std::env::var(name).ok();
        let patience = patience(
            text("WATCHDOG_USEC").as_deref(),
            text("WATCHDOG_PID").as_deref(),
            std::process::id(),
        );
        match Self::open(&socket, patience) {
            Ok(supervisor) => Some(supervisor),
            Err(error) => {
                warn!(%error, "systemd cannot be told how Homard is.");
                None
            }
        }
    }

    fn open(socket: &OsStr, patience: Option<Duration>) -> io::Result<Self> {
        // A leading @ stands for the NUL of a name that is in no folder.
        let address = match socket.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(socket)?,
        };
        let socket = UnixDatagram::unbound()?;
        // A supervisor that reads nothing must not hold the house.
        socket.set_nonblocking(true)?;
        Ok(Self { socket, address, patience })
    }

    /// Everything answers.
    pub(super) fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    /// It ends in good order from now on.
    pub(super) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=Writing down what is not on the disk yet.");
    }

    /// Says that the daemon is alive as long as the hub's loop answers; never ends. A hub that hangs is not vouched for:
    /// systemd then starts the house anew.
    pub(super) async fn vouch_for(&self, hub: HubHandle) {
        let Some(patience) = self.patience else { return };
        // Twice in its time, as sd_watchdog_enabled(3) advises.
        let period = patience / 2;
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match timeout(period, hub.ask(Query::Counters)).await {
                Ok(Ok(_)) => self.tell("WATCHDOG=1"),
                Ok(Err(_)) => return,
                Err(_) => {
                    warn!(waited = ?period, "The hub does not answer; systemd is not told that all is well.")
                }
            }
        }
    }

    fn tell(&self, lines: &str) {
        if let Err(error) = self.socket.send_to_addr(lines.as_bytes(), &self.address) {
            warn!(%error, "systemd could not be told how Homard is.");
        }
    }
}

/// What the environment says about the watchdog, if it means this process.
fn patience(microseconds: Option<&str>, pid: Option<&str>, own: u32) -> Option<Duration> {
    if pid.is_some_and(|pid| pid.parse() != Ok(own)) {
        return None;
    }
    let microseconds = microseconds?.parse().ok().filter(|microseconds| *microseconds > 0)?;
    Some(Duration::from_micros(microseconds))
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::automation::Agenda;
    use crate::clock::Clock;
    use crate::home::Home;
    use crate::hub::{Deaf, Hub, Setup};
    use crate::storage::{Settings, Storage, Writer};

    #[test]
    fn the_watchdog_is_meant_for_one_process() {
        let check = |microseconds, pid, expected: Option<u64>| {
            assert_eq!(
                patience(microseconds, pid, 7),
                expected.map(Duration::from_millis),
                "{microseconds:?} {pid:?}"
            );
        };
        check(Some("30000000"), None, Some(30_000));
        check(Some("500000"), Some("7"), Some(500));
        check(Some("500000"), Some("8"), None);
        check(Some("500000"), Some("?"), None);
        check(Some("0"), None, None);
        check(Some("soon"), None, None);
        check(None, Some("7"), None);
    }

    /// Of a socket without a name in the file system, as systemd itself uses.
    #[test]
    fn a_socket_needs_no_file() {
        let name = format!("homard-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let inbox = UnixDatagram::bind_addr(&address).unwrap();
        let supervisor = Supervisor::open(OsStr::new(&format!("@{name}")), None).unwrap();
        supervisor.ready("Panel at http://127.0.0.1:1");
        let mut bytes = [0_u8; 100];
        let n = inbox.recv(&mut bytes).unwrap();
        assert_eq!(&bytes[..n], b"READY=1\nSTATUS=Panel at http://127.0.0.1:1");
    }

    /// A hub whose loop does not turn is not vouched for; one that turns is.
    #[tokio::test(start_paused = true)]
    async fn only_a_hub_that_answers_is_vouched_for() {
        let name = format!("homard-watchdog-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let inbox = UnixDatagram::bind_addr(&address).unwrap();
        inbox.set_nonblocking(true).unwrap();
        let heard = || {
            let mut bytes = [0_u8; 100];
            inbox.recv(&mut bytes).map(|n| bytes[..n].to_vec()).unwrap_or_default()
        };
        let dir = std::env::temp_dir().join(&name);
        let storage = Storage::open(&dir).unwrap();
        let writer = Writer::start(storage, Settings::default()).unwrap();
        let clock = Clock::fixed("2026-01-01T12:00:00+00:00[UTC]".parse().unwrap());
        let (outbox, _effects) = mpsc::channel(1);
        let (home, agenda) = (Home::default(), Agenda::default());
        let (hub, handle) =
            Hub::new(Setup { home, agenda, writer, clock, ear: Box::new(Deaf), outbox });

        let minute = Duration::from_secs(60);
        let supervisor = Supervisor::open(OsStr::new(&format!("@{name}")), Some(minute)).unwrap();
        tokio::spawn(async move { supervisor.vouch_for(handle).await });
        tokio::time::sleep(minute * 3).await;
        assert_eq!(heard(), b"", "it hangs");

        tokio::spawn(hub.run(std::future::pending()));
        tokio::time::sleep(minute * 3).await;
        assert_eq!(heard(), b"WATCHDOG=1");
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
