//! When the next write is due, so that memory cards live long. Pure: it is told the time.

use std::time::Duration;

/// Two kinds of write-behind, because they are not equally bad to lose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Announced devices and entities, and retained topics that came or went: seldom, and a battery
    /// device may not say them again for months.
    Registry,
    /// Last states and new payloads of known retained topics: often, and soon said again.
    States,
}

/// Paces writes: after `n` bytes the next write waits until the budget has earned them.
///
/// All times are [`Duration`]s since one fixed moment, from a clock that never steps back.
#[derive(Debug, Clone)]
pub struct Budget {
    bytes_per_s: f64,
    shortest: Duration,
    longest_for_registry: Duration,
    registry_due: Duration,
    states_due: Duration,
}

impl Budget {
    /// 40 MB a day: a house of five messages a second must stay under 50 MB.
    pub const DAILY_BYTES: u64 = 40_000_000;

    /// A budget of so many bytes a day, with the usual pauses: a minute at least, ten minutes at
    /// most before something new in the registry is written.
    pub fn daily(bytes: u64) -> Self {
        Self::new(bytes, Duration::from_secs(60), Duration::from_secs(600))
    }

    /// A budget with other pauses: `shortest` between two writes of a lane, and
    /// `longest_for_registry` for the registry however much was written.
    pub fn new(daily_bytes: u64, shortest: Duration, longest_for_registry: Duration) -> Self {
        Self {
            bytes_per_s: (daily_bytes.max(1) as f64) / 86_400.0,
            shortest,
            longest_for_registry: longest_for_registry.max(shortest),
            registry_due: Duration::ZERO,
            states_due: Duration::ZERO,
        }
    }

    /// From when on a lane may be written.
    pub fn due(&self, lane: Lane) -> Duration {
        match lane {
            Lane::Registry => self.registry_due,
            Lane::States => self.states_due,
        }
    }

    /// Notes that a lane was written at `now`, with so many bytes.
    pub fn spend(&mut self, lane: Lane, bytes: u64, now: Duration) {
        let pause = self.pause(bytes);
        self.states_due = self.states_due.max(now).saturating_add(pause);
        match lane {
            Lane::Registry => {
                let pause = pause.clamp(self.shortest, self.longest_for_registry);
                self.registry_due = now.saturating_add(pause);
            }
            Lane::States => self.states_due = self.states_due.max(now + self.shortest),
        }
    }

    /// Notes bytes that could not wait: what a person did. Last states pay for them.
    pub fn spend_at_once(&mut self, bytes: u64, now: Duration) {
        let pause = self.pause(bytes);
        self.states_due = self.states_due.max(now).saturating_add(pause);
    }

    fn pause(&self, bytes: u64) -> Duration {
        // Longer than a year is as good as never; it keeps the sum from overflowing.
        Duration::from_secs_f64((bytes as f64 / self.bytes_per_s).min(31_536_000.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn seconds(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    /// Writes whenever it is due, `bytes` each time, and returns what a day cost.
    fn day_of(bytes: u64, lane: Lane) -> u64 {
        let mut budget = Budget::daily(Budget::DAILY_BYTES);
        let (mut now, mut total) = (Duration::ZERO, 0);
        while now < DAY {
            total += bytes;
            budget.spend(lane, bytes, now);
            assert!(budget.due(lane) > now);
            now = budget.due(lane);
        }
        total
    }

    #[test]
    fn a_day_stays_within_the_budget_whatever_one_write_costs() {
        for bytes in [1, 4_096, 60_000, 1_000_000, 30_000_000] {
            let total = day_of(bytes, Lane::States);
            assert!(total <= Budget::DAILY_BYTES + bytes, "{bytes} each: {total} a day");
        }
    }

    #[test]
    fn a_write_waits_a_minute_even_when_it_is_small() {
        let mut budget = Budget::daily(Budget::DAILY_BYTES);
        budget.spend(Lane::States, 100, seconds(5));
        assert_eq!(budget.due(Lane::States), seconds(65));
        assert_eq!(budget.due(Lane::Registry), Duration::ZERO);
    }

    #[test]
    fn the_registry_waits_ten_minutes_at_most_and_states_pay_for_it() {
        let mut budget = Budget::daily(Budget::DAILY_BYTES);
        budget.spend(Lane::Registry, 40_000_000, seconds(10));
        assert_eq!(budget.due(Lane::Registry), seconds(610));
        assert_eq!(budget.due(Lane::States).as_secs(), 86_410);
    }

    #[test]
    fn what_a_person_did_is_paid_by_the_states() {
        let mut budget = Budget::daily(86_400_000);
        budget.spend_at_once(20_000, seconds(100));
        budget.spend_at_once(20_000, seconds(100));
        assert_eq!(budget.due(Lane::States), seconds(140));
        assert_eq!(budget.due(Lane::Registry), Duration::ZERO);
    }

    #[test]
    fn huge_figures_do_not_overflow() {
        let mut budget = Budget::daily(0);
        for _ in 0..3 {
            budget.spend(Lane::States, u64::MAX, DAY);
            budget.spend(Lane::Registry, u64::MAX, DAY);
        }
        assert!(budget.due(Lane::States) > DAY);
    }
}
