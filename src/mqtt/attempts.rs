//! Which version of MQTT is tried when, and how long Homard waits between attempts. Pure.

use std::time::Duration;

use super::Timing;
use super::failure::{Failure, Verdict};

/// A connection that stood so long was a good one: the next pause is the first again.
const GOOD: Duration = Duration::from_secs(5);
/// After a connection that stood, however short, the pause is at most this.
const LONGEST_AFTER_SUCCESS: Duration = Duration::from_secs(2);
/// An attempt gets at most so many times the time of the first.
const MOST_PATIENCE: u32 = 6;

/// A version of MQTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V5,
    V311,
}

impl Version {
    /// As people write it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::V5 => "5",
            Self::V311 => "3.1.1",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::V5 => Self::V311,
            Self::V311 => Self::V5,
        }
    }
}

/// The sequence of attempts.
pub(super) struct Attempts {
    timing: Timing,
    /// Tried first: MQTT 5, unless the broker said that it does not speak it.
    preferred: Version,
    next: Version,
    pause: Duration,
    /// How many times the usual time the next attempt gets: a broker that was too slow gets more.
    patience: u32,
}

impl Attempts {
    pub(super) fn new(timing: Timing) -> Self {
        let (preferred, next) = (Version::V5, Version::V5);
        Self { timing, preferred, next, pause: timing.first_pause, patience: 1 }
    }

    /// What the next attempt speaks.
    pub(super) fn version(&self) -> Version {
        self.next
    }

    /// How long the next attempt may take.
    pub(super) fn patience(&self) -> Duration {
        self.timing.connect * self.patience
    }

    /// An attempt failed, or a connection ended that `stood` so long. How long to wait now.
    pub(super) fn failed(&mut self, failure: &Failure, stood: Option<Duration>) -> Duration {
        match (stood, failure.verdict) {
            (None, Verdict::Refused) => {
                self.preferred = self.next.other();
                self.next = self.preferred;
            }
            // The other one gets one try; a broker that was only away is found again in the
            // version it prefers.
            (None, Verdict::Suspect) if self.next == self.preferred => {
                self.next = self.next.other();
            }
            (None, Verdict::Suspect | Verdict::Unrelated) | (Some(_), _) => {
                self.next = self.preferred;
            }
        }
        self.patience = match (stood, failure.verdict) {
            // Grows after both versions had the same time.
            (None, Verdict::Suspect) if self.next == self.preferred => {
                (self.patience * 2).min(MOST_PATIENCE)
            }
            (None, Verdict::Suspect) => self.patience,
            (None, Verdict::Refused | Verdict::Unrelated) | (Some(_), _) => 1,
        };
        if stood.is_some_and(|stood| stood > GOOD) {
            self.pause = self.timing.first_pause;
        }
        let pause = self.pause;
        let longest = match stood {
            Some(_) => LONGEST_AFTER_SUCCESS.min(self.timing.longest_pause),
            None => self.timing.longest_pause,
        };
        self.pause = (pause * 2).min(longest);
        pause.min(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::failure::Code;

    fn failure(verdict: Verdict) -> Failure {
        Failure { code: Code::Other, text: String::new(), verdict }
    }

    /// Each failure, how long the connection stood before (seconds), and what is tried next, after
    /// which pause (milliseconds), with how much patience (seconds).
    #[track_caller]
    fn check(steps: &[(Verdict, Option<u64>, Version, u64, u64)]) {
        let mut attempts = Attempts::new(Timing::default());
        assert_eq!(attempts.version(), Version::V5);
        for (n, (verdict, stood, version, pause, patience)) in steps.iter().enumerate() {
            let got = attempts.failed(&failure(*verdict), stood.map(Duration::from_secs));
            let got = (attempts.version(), got.as_millis() as u64, attempts.patience().as_secs());
            assert_eq!(got, (*version, *pause, *patience), "step {n}");
        }
    }

    #[test]
    fn versions_pauses_and_patience() {
        use Verdict::{Refused, Suspect, Unrelated};
        use Version::{V5, V311};
        // A broker of old says so once.
        check(&[(Refused, None, V311, 200, 10), (Unrelated, Some(9), V311, 200, 10)]);
        // Or hangs up: each connection begins with an attempt in MQTT 5, as it may only have been
        // away for a moment.
        check(&[
            (Suspect, None, V311, 200, 10),
            (Suspect, Some(9), V5, 200, 10),
            (Suspect, None, V311, 400, 10),
        ]);
        // Nobody there: no reason to try another version; pauses grow.
        check(&[
            (Unrelated, None, V5, 200, 10),
            (Unrelated, None, V5, 400, 10),
            (Unrelated, None, V5, 800, 10),
        ]);
        // Too slow: more patience.
        check(&[
            (Suspect, None, V311, 200, 10),
            (Suspect, None, V5, 400, 20),
            (Suspect, None, V311, 800, 20),
            (Suspect, None, V5, 1600, 40),
            (Suspect, None, V311, 3200, 40),
            (Suspect, None, V5, 6400, 60),
        ]);
        // Cut off again and again, as by another client with the same id.
        check(&[
            (Suspect, Some(0), V5, 200, 10),
            (Suspect, Some(0), V5, 400, 10),
            (Suspect, Some(0), V5, 800, 10),
            (Suspect, Some(0), V5, 1600, 10),
            (Suspect, Some(0), V5, 2000, 10),
            (Suspect, Some(0), V5, 2000, 10),
        ]);
    }
}
