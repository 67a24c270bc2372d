//! Effects on their way to the port. The port may be waiting to be heard while the hub has
//! something to say to it: so the hub never waits, and keeps what the port has not taken yet.

use std::collections::BTreeSet;

use tokio::sync::mpsc;

use super::event::Effect;
use crate::home::id::{ActionId, Handle};

/// From here on only the last word for each entity is kept.
const LONG: usize = 65_536;

pub(super) struct Outbox {
    sender: mpsc::Sender<Vec<Effect>>,
    backlog: Vec<Effect>,
    /// Length at which the backlog is looked through again.
    compact_at: usize,
}

/// The port has ended.
pub(super) struct Gone;

impl Outbox {
    pub(super) fn new(sender: mpsc::Sender<Vec<Effect>>) -> Self {
        Self { sender, backlog: Vec::new(), compact_at: LONG }
    }

    pub(super) fn sender(&self) -> mpsc::Sender<Vec<Effect>> {
        self.sender.clone()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.backlog.is_empty()
    }

    pub(super) fn push(&mut self, effects: Vec<Effect>) {
        if self.backlog.is_empty() {
            self.backlog = effects;
            return;
        }
        self.backlog.extend(effects);
        if self.backlog.len() >= self.compact_at {
            self.compact();
        }
    }

    /// Sends what waits, if the port has room.
    pub(super) fn flush(&mut self) -> Result<(), Gone> {
        if self.backlog.is_empty() {
            return Ok(());
        }
        match self.sender.try_reserve() {
            Ok(permit) => {
                permit.send(std::mem::take(&mut self.backlog));
                Ok(())
            }
            Err(mpsc::error::TrySendError::Full(())) => Ok(()),
            Err(mpsc::error::TrySendError::Closed(())) => Err(Gone),
        }
    }

    /// Everything that waits.
    pub(super) fn take(&mut self) -> Vec<Effect> {
        self.compact_at = LONG;
        std::mem::take(&mut self.backlog)
    }

    /// Takes an action back that was not sent yet; false when it was sent.
    pub(super) fn withdraw(&mut self, action: ActionId) -> bool {
        let before = self.backlog.len();
        self.backlog.retain(|effect| !matches!(effect, Effect::Act { id, .. } if *id == action));
        self.backlog.len() != before
    }

    /// Drops every `Bind` that a later one overtakes. Actions end with their deadlines, so what is
    /// left is bounded by what the port announced.
    fn compact(&mut self) {
        let mut seen: BTreeSet<Handle> = BTreeSet::new();
        self.backlog.reverse();
        self.backlog.retain(|effect| match effect {
            Effect::Bind { handle, .. } | Effect::Discard(handle) => seen.insert(*handle),
            Effect::Act { .. } | Effect::Say(_) | Effect::Overhear(..) | Effect::Unhear(_) => true,
        });
        self.backlog.reverse();
        self.compact_at = LONG.max(self.backlog.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::id::EntityId;

    fn bind(handle: u32, is_enabled: bool) -> Effect {
        Effect::Bind { handle: Handle(handle), id: EntityId::new("switch.a"), is_enabled }
    }

    #[test]
    fn a_port_that_does_not_listen_costs_bounded_memory() {
        let (sender, mut receiver) = mpsc::channel(1);
        let mut outbox = Outbox::new(sender);
        for round in 0..100_000 {
            outbox.push(vec![bind(round % 10, round >= 50_000)]);
            assert!(outbox.flush().is_ok());
        }
        assert!(outbox.backlog.len() <= LONG + 10, "{}", outbox.backlog.len());
        outbox.compact();
        assert_eq!(outbox.backlog.len(), 10);
        assert!(
            outbox
                .backlog
                .iter()
                .all(|effect| matches!(effect, Effect::Bind { is_enabled: true, .. }))
        );
        assert_eq!(receiver.try_recv().unwrap(), [bind(0, false)]);
        assert!(outbox.flush().is_ok());
        assert_eq!(receiver.try_recv().unwrap().len(), 10);
        drop(receiver);
        outbox.push(vec![bind(0, true)]);
        assert!(outbox.flush().is_err());
    }
}
