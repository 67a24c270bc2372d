//! What the loop waits for beside what is sent to it: a time on either clock, and the disk.

use std::pin::Pin;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::storage::Committed;

/// What the disk says to a write.
pub(super) type Answer = oneshot::Receiver<Result<Committed, String>>;

type Ring = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Rings when either clock shows its time, or the wall clock is set while something waits for it.
#[derive(Default)]
pub(super) struct Alarms {
    steady: Option<(SignedDuration, Ring)>,
    wall: Option<(Timestamp, Ring)>,
}

impl Alarms {
    /// Sets them to these times, if they are others than before.
    pub(super) fn set(
        &mut self,
        steady: Option<SignedDuration>,
        wall: Option<Timestamp>,
        clock: &Clock,
    ) {
        if steady != self.steady.as_ref().map(|(at, _)| *at) {
            self.steady = steady.map(|at| (at, clock.until_steady(at)));
        }
        if wall != self.wall.as_ref().map(|(at, _)| *at) {
            self.wall = wall.map(|at| (at, clock.until(at)));
        }
    }

    /// Waits for the first of them, which is not set any more then: one that has rung cannot be asked again.
    pub(super) async fn ring(&mut self) {
        tokio::select! {
            () = rings(self.steady.as_mut().map(|(_, ring)| ring)) => self.steady = None,
            () = rings(self.wall.as_mut().map(|(_, ring)| ring)) => self.wall = None,
        }
    }
}

async fn rings(ring: Option<&mut Ring>) {
    match ring {
        Some(ring) => ring.await,
        None => std::future::pending().await,
    }
}

/// Waits for the disk's word on a write; for ever where there is none.
pub(super) async fn written(answer: Option<&mut Answer>) -> Result<Committed, String> {
    match answer {
        Some(answer) => answer.await.unwrap_or_else(|_| Err("the writer has stopped".to_owned())),
        None => std::future::pending().await,
    }
}
