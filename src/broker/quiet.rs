//! A log line that others can provoke, said at most once a minute.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Shortest time between two lines.
const PAUSE: Duration = Duration::from_secs(60);

/// When the line was last said, and how often it was held back since.
#[derive(Default)]
pub(super) struct Quiet(Mutex<(Option<Instant>, u64)>);

impl Quiet {
    /// `Some(n)` when the line may be said now, `n` being how often it was held back before.
    pub(super) fn may_speak(&self) -> Option<u64> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, held_back) = &mut *inner;
        if last.is_some_and(|last| last.elapsed() < PAUSE) {
            *held_back += 1;
            return None;
        }
        *last = Some(Instant::now());
        Some(std::mem::take(held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn speaks_once_a_minute_and_counts_the_rest() {
        let quiet = Quiet::default();
        assert_eq!(quiet.may_speak(), Some(0));
        assert_eq!(quiet.may_speak(), None);
        assert_eq!(quiet.may_speak(), None);
        tokio::time::advance(PAUSE).await;
        assert_eq!(quiet.may_speak(), Some(2));
        assert_eq!(quiet.may_speak(), None);
    }
}
