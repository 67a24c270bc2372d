//! The wall clock and the time zone of the house. The only file that asks the system for the time, so that
//! everything above it can be run at a time of a test's choosing. Measuring durations is not its business.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// Tells the time of day, in the house's time zone. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System(TimeZone),
    Fixed(Zoned),
}

impl Clock {
    /// The system's clock, read in `zone`.
    pub fn system(zone: TimeZone) -> Self {
        Self(Source::System(zone))
    }

    /// A clock that stands still at `at`; its zone is that of `at`.
    pub fn fixed(at: Zoned) -> Self {
        Self(Source::Fixed(at))
    }

    /// The present instant.
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System(_) => Timestamp::now(),
            Source::Fixed(at) => at.timestamp(),
        }
    }

    /// The present instant as the house's wall clock shows it.
    pub fn zoned(&self) -> Zoned {
        self.now().to_zoned(self.time_zone().clone())
    }

    /// The house's time zone.
    pub fn time_zone(&self) -> &TimeZone {
        match &self.0 {
            Source::System(zone) => zone,
            Source::Fixed(at) => at.time_zone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_stands_still_in_its_zone() {
        let at: Zoned = "2026-11-22T09:35:39+01:00[Europe/Paris]".parse().unwrap();
        let clock = Clock::fixed(at.clone());
        assert_eq!(clock.zoned(), at);
        assert_eq!(clock.now(), at.timestamp());
        assert_eq!(clock.zoned().hour(), 9);
    }

    #[test]
    fn the_system_clock_moves_on() {
        let clock = Clock::system(TimeZone::UTC);
        let before = clock.now();
        assert!(clock.now() >= before);
        assert_eq!(clock.zoned().offset().seconds(), 0);
    }
}
