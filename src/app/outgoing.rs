//! The connections that the daemon makes to other machines, so that its owner can see them: to whom, why, when, how often.
//! Equal ones are counted. What stays on this machine is no such connection. In memory, and now and then on the disk.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use crate::clock::Clock;
use crate::storage::{Connection, Storage};

/// More are not kept: the one that was made longest ago goes.
const MOST: usize = 200;
/// A connection that is only made again is on the disk after so long at the latest; a new one at once.
const WRITTEN_EVERY: Duration = Duration::from_secs(15 * 60);

/// All of them. Cheap to clone.
#[derive(Clone)]
pub(super) struct Outgoing(Arc<Inner>);

struct Inner {
    storage: Storage,
    clock: Clock,
    kept: Mutex<Kept>,
}

struct Kept {
    list: Vec<Connection>,
    written_at: Option<Instant>,
}

impl Outgoing {
    /// Those that were kept, and those to come.
    pub(super) fn new(storage: Storage, clock: Clock) -> Self {
        let list = storage.connections().unwrap_or_else(|error| {
            warn!(%error, "Earlier connections cannot be read.");
            Vec::new()
        });
        Self(Arc::new(Inner { storage, clock, kept: Mutex::new(Kept { list, written_at: None }) }))
    }

    /// Notes a connection that is about to be made to `HOST` at a port. Blocks for the disk at most every quarter of an
    /// hour, or where one is new.
    pub(super) fn note(&self, host: &str, port: Option<u16>, why: &str, what: &str) {
        if is_here(host) {
            return;
        }
        let to = match port {
            Some(port) if host.contains(':') => format!("[{host}]:{port}"),
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let now = self.0.clock.now();
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let known =
            kept.list.iter().position(|one| one.to == to && one.why == why && one.what == what);
        let is_new = known.is_none();
        let one = match known {
            Some(at) => {
                let one = kept.list.remove(at);
                Connection { last_at: now, count: one.count + 1, ..one }
            }
            None => Connection {
                to,
                why: why.to_owned(),
                what: what.to_owned(),
                first_at: now,
                last_at: now,
                count: 1,
            },
        };
        kept.list.push(one);
        let n_over = kept.list.len().saturating_sub(MOST);
        kept.list.drain(..n_over);
        if is_new || kept.written_at.is_none_or(|at| at.elapsed() > WRITTEN_EVERY) {
            kept.written_at = Some(Instant::now());
            self.write(&kept.list);
        }
    }

    /// All, the oldest first.
    pub(super) fn all(&self) -> Vec<Connection> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner).list.clone()
    }

    /// Writes what is only in memory; for the end of the daemon.
    pub(super) fn close(&self) {
        let kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.written_at.is_some() {
            self.write(&kept.list);
        }
    }

    fn write(&self, list: &[Connection]) {
        if let Err(error) = self.0.storage.keep_connections(list) {
            warn!(%error, "The list of connections is not on the disk.");
        }
    }
}

/// Whether a host is this machine.
fn is_here(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost")
        || host.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_counted_bounded_and_outlive_a_restart() {
        let dir = std::env::temp_dir().join(format!("homard-outgoing-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        let clock = Clock::fixed("2026-01-02T03:04:05+00:00[UTC]".parse().unwrap());
        let storage = Storage::open(&dir).unwrap();
        let outgoing = Outgoing::new(storage.clone(), clock.clone());
        for host in ["127.0.0.1", "localhost", "::1", "127.9.9.9", "[::1]", "::ffff:127.0.0.1"] {
            outgoing.note(host, Some(1), "broker", "");
        }
        assert!(outgoing.all().is_empty());
        outgoing.note("hub", Some(1883), "broker", "");
        outgoing.note("fd00::5", Some(1883), "broker", "");
        outgoing.note("hub", Some(1883), "broker", "");
        let shown = |outgoing: &Outgoing| {
            let all = outgoing.all();
            all.iter().map(|one| format!("{} {}", one.to, one.count)).collect::<Vec<_>>()
        };
        assert_eq!(shown(&outgoing), ["[fd00::5]:1883 1", "hub:1883 2"]);
        outgoing.close();
        let again = Outgoing::new(storage.clone(), clock);
        assert_eq!(shown(&again), ["[fd00::5]:1883 1", "hub:1883 2"]);
        for n in 0..MOST {
            again.note("models.example", None, "model", &n.to_string());
        }
        assert_eq!(again.all().len(), MOST);
        drop((storage, outgoing, again));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
