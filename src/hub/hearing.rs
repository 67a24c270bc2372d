//! What people say on its way through the loop: to the ear, or kept until the ear is ready.

use std::sync::Arc;

use tokio::sync::{oneshot, watch};
use tracing::warn;

use super::books::{Sight, To};
use super::ear::Heard;
use super::event::{Reply, Utterance};
use super::{Hub, Turn, read};

/// Sentences that may wait for the ear to be ready.
const MOST_UNHEARD: usize = 64;

/// Comes back when the ear is ready.
pub(super) async fn can_hear(ready: &mut watch::Receiver<bool>) {
    // An error means that it will never be more ready.
    let _ = ready.wait_for(|is_ready| *is_ready).await;
}

impl Hub {
    pub(super) fn is_ear_ready(&self) -> bool {
        *self.ear_ready.borrow() || self.ear_ready.has_changed().is_err()
    }

    pub(super) fn hear(
        &mut self,
        utterance: Utterance,
        reply: oneshot::Sender<Reply>,
        turn: &mut Turn,
    ) {
        let shared = Arc::clone(&self.home);
        let home = read(&shared);
        // Who is bound to some rooms is heard as if there were no others.
        let sight = home.seen_by(&utterance.origin.by);
        let seen = sight.as_ref().unwrap_or(&home);
        match self.ear.hear(&utterance, seen, self.clock.now()) {
            Heard::NotYet => self.hear_later(utterance, reply),
            Heard::Thinks(thinking) => self.thinking.begin(thinking, utterance.origin.by, reply),
            heard => {
                let sight = Sight { home: &home, seen, by: &utterance.origin.by };
                self.deal_with(heard, To::Person(reply), sight, turn);
            }
        }
    }

    pub(super) fn hear_later(&mut self, utterance: Utterance, reply: oneshot::Sender<Reply>) {
        if self.unheard.len() < MOST_UNHEARD {
            self.unheard.push_back((utterance, reply));
        } else {
            warn!("Too much is said before the languages are ready; a sentence was dropped.");
        }
    }

    /// The ear is ready for what was said before it was.
    pub(super) fn hear_unheard(&mut self) {
        let mut turn = Turn::default();
        for (utterance, reply) in std::mem::take(&mut self.unheard) {
            self.hear(utterance, reply, &mut turn);
        }
        self.send_out(turn);
    }
}
