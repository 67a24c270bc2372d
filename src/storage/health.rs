//! How writing goes: what was done, what fails, and when that is tried again: later each time, up to a limit.

use std::time::{Duration, Instant};

use super::writer::now;

/// What the writer has done so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// Transactions that changed something.
    pub n_writes: u64,
    /// Bytes they sent to the disk, as the kernel counts them, and the journal's share.
    pub bytes: u64,
    /// Attempts that failed.
    pub n_failures: u64,
    /// Why the last attempt to write down the house failed; `None` when it did not.
    pub failing: Option<String>,
    /// The same of its history, which is a thing of its own: neither waits for the other.
    pub failing_history: Option<String>,
}

/// The two databases.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    House,
    History,
}

impl Status {
    pub(super) fn failing_of(&mut self, part: Part) -> &mut Option<String> {
        match part {
            Part::House => &mut self.failing,
            Part::History => &mut self.failing_history,
        }
    }
}

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
