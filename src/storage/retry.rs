//! When what failed is tried again: later each time, up to a limit.

use std::time::{Duration, Instant};

use super::writer::now;

/// When something is tried again that failed.
pub(super) struct Retry {
    first: Duration,
    wait: Duration,
    at: Option<Instant>,
}

impl Retry {
    pub(super) fn new(first: Duration) -> Self {
        Self { first, wait: first, at: None }
    }

    pub(super) fn succeeded(&mut self) {
        (self.wait, self.at) = (self.first, None);
    }

    pub(super) fn failed(&mut self) {
        self.at = Some(now() + self.wait);
        self.wait = (self.wait * 2).min(self.first * 16);
    }

    /// `due`, but not before it is tried again.
    pub(super) fn after(&self, due: Instant) -> Instant {
        self.at.map_or(due, |at| at.max(due))
    }
}
