//! Who has a connection open, so that nobody who only holds connections can keep the others out. When all are taken,
//! whoever comes gets the place of one that has not shown yet who it is: of the address that has most of them, the one
//! that has waited longest. A slow attacker so crowds out itself.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use super::auth::lock;

/// Connections at a time.
const MOST: usize = 512;

/// All connections. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Seats {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    taken: Mutex<Taken>,
    /// One became free.
    freed: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    /// By the other end, in the order in which they came.
    list: Vec<(SocketAddr, Place)>,
}

#[derive(Debug)]
struct Place {
    /// A request on it showed a good token or session.
    is_known: bool,
    leave: Arc<Notify>,
}

/// The place of one connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Seats,
    from: SocketAddr,
    leave: Arc<Notify>,
}

impl Seats {
    /// Waits until there is a place, or somebody unknown who has to leave theirs. Nothing is lost when this is dropped.
    pub(super) async fn room(&self) {
        loop {
            // Before looking, or the one that becomes free meanwhile would be missed.
            let freed = self.inner.freed.notified();
            if lock(&self.inner.taken).has_room() {
                return;
            }
            freed.await;
        }
    }

    /// A place for a connection from there, after [`Seats::room`].
    pub(super) fn take(&self, from: SocketAddr) -> Seat {
        let leave = lock(&self.inner.taken).take(from);
        Seat { seats: self.clone(), from, leave }
    }

    /// A request on the connection from there showed who it is: it has its place for good.
    pub(super) fn know(&self, from: SocketAddr) {
        let mut taken = lock(&self.inner.taken);
        if let Some((_, place)) = taken.list.iter_mut().find(|(other, _)| *other == from) {
            place.is_known = true;
        }
    }
}

impl Taken {
    fn has_room(&self) -> bool {
        self.list.len() < MOST || self.list.iter().any(|(_, place)| !place.is_known)
    }

    fn take(&mut self, from: SocketAddr) -> Arc<Notify> {
        if self.list.len() >= MOST
            && let Some(at) = self.whose()
        {
            let (_, place) = self.list.remove(at);
            place.leave.notify_one();
        }
        let leave = Arc::new(Notify::new());
        self.list.push((from, Place { is_known: false, leave: Arc::clone(&leave) }));
        leave
    }

    /// Who must leave: the first unknown one of the address that has most of them.
    fn whose(&self) -> Option<usize> {
        let unknown = || self.list.iter().enumerate().filter(|(_, (_, place))| !place.is_known);
        let mut n_of: HashMap<IpAddr, usize> = HashMap::new();
        for (_, (from, _)) in unknown() {
            *n_of.entry(from.ip()).or_default() += 1;
        }
        let most = n_of.values().copied().max()?;
        unknown().find(|(_, (from, _))| n_of.get(&from.ip()) == Some(&most)).map(|(at, _)| at)
    }
}

impl Seat {
    /// Done when somebody else is to have it.
    pub(super) async fn left(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = lock(&self.seats.inner.taken);
        // The same other end may have come anew after this one had to leave.
        let is_this = |(_, place): &(SocketAddr, Place)| Arc::ptr_eq(&place.leave, &self.leave);
        if let Some(at) = taken.list.iter().position(is_this) {
            taken.list.remove(at);
        }
        drop(taken);
        self.seats.inner.freed.notify_waiters();
        tracing::trace!(from = %self.from, "A connection has ended.");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(host: u8, port: u16) -> SocketAddr {
        ([192, 168, 1, host], port).into()
    }

    fn ports(taken: &Taken) -> Vec<u16> {
        taken.list.iter().map(|(from, _)| from.port()).collect()
    }

    #[test]
    fn who_holds_most_and_showed_nothing_leaves_first() {
        let mut taken = Taken::default();
        // Somebody's tablet, an attacker with all the rest, and somebody who has just come.
        let tablet = taken.take(at(7, 1));
        for port in 2..MOST as u16 {
            taken.take(at(66, port));
        }
        taken.take(at(8, 9_000));
        assert_eq!(taken.list.len(), MOST);
        // Each newcomer takes a place of the attacker, the oldest first; also the attacker's own.
        for port in 10_000..10_600 {
            taken.take(at(66, port));
        }
        assert_eq!(taken.list.len(), MOST);
        assert!(ports(&taken).contains(&1) && ports(&taken).contains(&9_000));
        assert!(!ports(&taken).contains(&2) && ports(&taken).contains(&10_599));
        assert_eq!(Arc::strong_count(&tablet), 2);
    }

    #[test]
    fn who_is_known_stays() {
        let seats = Seats::default();
        for port in 0..MOST as u16 {
            lock(&seats.inner.taken).take(at(7, port));
            seats.know(at(7, port));
        }
        assert!(!lock(&seats.inner.taken).has_room());
    }
}
