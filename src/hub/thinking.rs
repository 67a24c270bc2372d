//! What the ear thinks about beside the loop, and what comes of it.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::books::{Sight, To};
use super::ear::{Thinking, Thought};
use super::event::Reply;
use super::{Hub, Turn, read};
use crate::home::person::Rights;

/// A thought, on whose behalf, and who waits for the answer.
pub(super) type Done = (Thought, Rights, oneshot::Sender<Reply>);

/// All that is thought about.
#[derive(Default)]
pub(super) struct Pending(JoinSet<Done>);

impl Pending {
    pub(super) fn begin(&mut self, thinking: Thinking, by: Rights, reply: oneshot::Sender<Reply>) {
        self.0.spawn(async move { (thinking.await, by, reply) });
    }

    /// What is thought to its end next.
    pub(super) async fn next(&mut self) -> Done {
        loop {
            match self.0.join_next().await {
                Some(Ok(done)) => return done,
                // Who asked hears that there is no answer.
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }
}

impl Hub {
    pub(super) fn thought(&mut self, (thought, by, reply): Done) {
        let shared = Arc::clone(&self.home);
        let home = read(&shared);
        let sight = home.seen_by(&by);
        let seen = sight.as_ref().unwrap_or(&home);
        let heard = thought(seen, self.clock.now());
        let mut turn = Turn::default();
        let sight = Sight { home: &home, seen, by: &by };
        self.deal_with(heard, To::Person(reply), sight, &mut turn);
        drop(home);
        self.send_out(turn);
    }
}
