//! The wall clock and the time zone of the house. The only file that asks the system for the time, so that
//! everything above it can be run at a time of a test's choosing. Measuring durations is not its business.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// Tells the time of day, in the house's time zone. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System(TimeZone),
    Fixed(Zoned),
    Movable(TimeZone, Arc<Mutex<Timestamp>>),
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

    /// A clock that stands still until it is [set](Clock::set); its zone is that of `at`. Its
    /// clones are set with it.
    pub fn movable(at: &Zoned) -> Self {
        let instant = Arc::new(Mutex::new(at.timestamp()));
        Self(Source::Movable(at.time_zone().clone(), instant))
    }

    /// Sets a [movable](Clock::movable) clock; does nothing to others.
    pub fn set(&self, at: Timestamp) {
        if let Source::Movable(_, instant) = &self.0 {
            *instant.lock().unwrap_or_else(PoisonError::into_inner) = at;
        }
    }

    /// The present instant.
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System(_) => Timestamp::now(),
            Source::Fixed(at) => at.timestamp(),
            Source::Movable(_, at) => *at.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// The present instant as the house's wall clock shows it.
    pub fn zoned(&self) -> Zoned {
        self.now().to_zoned(self.time_zone().clone())
    }

    /// The house's time zone.
    pub fn time_zone(&self) -> &TimeZone {
        match &self.0 {
            Source::System(zone) | Source::Movable(zone, _) => zone,
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
    fn a_movable_clock_is_set_with_its_clones() {
        let at: Zoned = "2026-11-22T09:35:39+01:00[Europe/Paris]".parse().unwrap();
        let clock = Clock::movable(&at);
        let other = clock.clone();
        assert_eq!(other.zoned(), at);
        clock.set(Timestamp::UNIX_EPOCH);
        assert_eq!(other.now(), Timestamp::UNIX_EPOCH);
    }

    #[test]
    fn the_system_clock_moves_on() {
        let clock = Clock::system(TimeZone::UTC);
        let before = clock.now();
        assert!(clock.now() >= before);
        assert_eq!(clock.zoned().offset().seconds(), 0);
    }
}
