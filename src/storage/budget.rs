//! When the next write is due, so that memory cards live long. Pure: it is told the time.
//!
//! Each lane has a share of its own, so that none can starve another: the first announcements of a
//! big house must not keep last states from the disk, nor may a chatty sensor delay what a person
//! was told. A share earns bytes all day and saves up a few; who has spent more waits until that is
//! earned again, but never longer than the lane's longest pause.
//!
//! The history is not paced here: it writes every quarter of an hour whatever that costs, a fifth of
//! the budget in the usual house.
//!
//! That longest pause has a price, which only big houses pay. A thousand entities at five messages
//! a second stay within the budget (40 MB a day; `tests/it/storage.rs` measures it). LMDB writes
//! whole pages of 4 KiB, and ten minutes of five messages a second touch up to 3,000 different
//! pages where 40,000 entities live: up to 12 MB a write, so up to 1.8 GB a day. An SD card that
//! bears 10 TB lives fifteen years of that; the alternative would be last states that are hours old
//! after a power cut.

use std::time::Duration;

/// Kinds of write-behind, because they are not equally bad to lose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Announced devices and entities, and retained topics that came or went: seldom, and a battery
    /// device may not say them again for months.
    Registry,
    /// States that a person caused and was told.
    Told,
    /// Last states and new payloads of known retained topics: often, and soon said again.
    States,
}

/// Paces writes: after `n` bytes the lane's next write waits until its share has earned them.
///
/// All times are [`Duration`]s since one fixed moment, from a clock that never steps back.
#[derive(Debug, Clone)]
pub struct Budget {
    registry: Share,
    told: Share,
    states: Share,
}

/// What one lane may write.
#[derive(Debug, Clone)]
struct Share {
    bytes_per_s: f64,
    /// Bytes that can be saved up.
    most: f64,
    /// Bytes saved up at `since`; negative when more was written.
    saved: f64,
    since: Duration,
    shortest: Duration,
    longest: Duration,
    due: Duration,
}

impl Budget {
    /// 40 MB a day: a house of five messages a second must stay under 50 MB, with what the file
    /// system adds.
    pub const DAILY_BYTES: u64 = 40_000_000;

    /// A budget of so many bytes a day, with the usual pauses: last states wait a minute at least,
    /// and nothing waits longer than ten.
    pub fn daily(bytes: u64) -> Self {
        Self::new(bytes, Duration::from_secs(60), Duration::from_secs(600))
    }

    /// A budget with other pauses: `shortest` between two writes of last states, and `longest` for
    /// any lane however much was written. What a person was told waits a sixtieth of `shortest`,
    /// and at most `shortest`.
    pub fn new(daily_bytes: u64, shortest: Duration, longest: Duration) -> Self {
        let daily = daily_bytes.max(1) as f64;
        let longest = longest.max(shortest);
        Self {
            // Five days' share at once, 20 MB: a house announces itself once.
            registry: Share::new(daily * 0.1, 720.0, Duration::ZERO, longest),
            // A write of one state is about 40 kB: two hundred in a row (two days' share), and a
            // hundred a day for ever.
            told: Share::new(daily * 0.1, 2_880.0, shortest / 60, shortest),
            states: Share::new(daily * 0.6, 1.0, shortest, longest),
        }
    }

    /// From when on a lane may be written.
    pub fn due(&self, lane: Lane) -> Duration {
        match lane {
            Lane::Registry => self.registry.due,
            Lane::Told => self.told.due,
            Lane::States => self.states.due,
        }
    }

    /// Notes that a lane was written at `now`, with so many bytes.
    pub fn spend(&mut self, lane: Lane, bytes: u64, now: Duration) {
        match lane {
            Lane::Registry => self.registry.spend(bytes, now),
            Lane::Told => self.told.spend(bytes, now),
            Lane::States => self.states.spend(bytes, now),
        }
    }
}

impl Share {
    /// It saves up what so many of its longest pauses earn.
    fn new(daily: f64, n_pauses: f64, shortest: Duration, longest: Duration) -> Self {
        let bytes_per_s = daily / 86_400.0;
        let most = bytes_per_s * longest.as_secs_f64() * n_pauses;
        Self {
            bytes_per_s,
            most,
            saved: most,
            since: Duration::ZERO,
            shortest,
            longest,
            due: Duration::ZERO,
        }
    }

    fn spend(&mut self, bytes: u64, now: Duration) {
        let earned = now.saturating_sub(self.since).as_secs_f64() * self.bytes_per_s;
        self.since = now;
        self.saved = (self.saved + earned).min(self.most) - bytes as f64;
        let to_earn = (-self.saved / self.bytes_per_s).clamp(0.0, self.longest.as_secs_f64());
        let pause = Duration::from_secs_f64(to_earn).max(self.shortest);
        // What the longest pause does not earn is forgiven, or one burst would be paid for ever.
        self.saved = self.saved.max(-self.longest.as_secs_f64() * self.bytes_per_s);
        self.due = now.saturating_add(pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn seconds(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    /// Writes whenever it is due, `bytes` each time: what a day cost, and the longest pause.
    fn day_of(bytes: u64, lane: Lane) -> (u64, Duration) {
        let mut budget = Budget::daily(Budget::DAILY_BYTES);
        let (mut now, mut total, mut longest) = (Duration::ZERO, 0, Duration::ZERO);
        while now < DAY {
            total += bytes;
            budget.spend(lane, bytes, now);
            // The registry's next change is never at the same moment.
            let due = budget.due(lane).max(now + seconds(1));
            longest = longest.max(due - now);
            now = due;
        }
        (total, longest)
    }

    #[test]
    fn a_day_of_states_stays_within_the_budget_whatever_one_write_costs() {
        // A thousand typical entities cost about 200 kB.
        for bytes in [1, 4_096, 60_000, 200_000] {
            let (total, longest) = day_of(bytes, Lane::States);
            assert!(total <= Budget::DAILY_BYTES, "{bytes} each: {total} a day");
            assert!(longest <= seconds(600), "{bytes} each: {longest:?}");
        }
        assert_eq!(day_of(12_000_000, Lane::States), (144 * 12_000_000, seconds(600)));
    }

    #[test]
    fn all_lanes_together_stay_under_fifty_megabytes_a_day() {
        let total: u64 = [(Lane::States, 200_000), (Lane::Told, 40_000), (Lane::Registry, 40_000)]
            .map(|(lane, bytes)| day_of(bytes, lane).0)
            .iter()
            .sum();
        // What was saved up before is spent once only.
        let saved_up = Budget::DAILY_BYTES / 10 * 7 + Budget::DAILY_BYTES / 100;
        // A person who acts every minute, day and night, costs that beside it.
        let every_minute = 1_440 * 40_000;
        assert!(total <= Budget::DAILY_BYTES + saved_up + every_minute, "{total}");
    }

    #[test]
    fn last_states_wait_a_minute_even_when_it_is_little() {
        let mut budget = Budget::daily(Budget::DAILY_BYTES);
        budget.spend(Lane::States, 100, seconds(5));
        assert_eq!(budget.due(Lane::States), seconds(65));
        assert_eq!(budget.due(Lane::Registry), Duration::ZERO);
    }

    #[test]
    fn a_burst_of_announcements_delays_no_state_and_the_registry_ten_minutes() {
        let mut budget = Budget::daily(Budget::DAILY_BYTES);
        budget.spend(Lane::Registry, 10_000_000, seconds(10));
        assert_eq!(budget.due(Lane::Registry), seconds(10), "saved up");
        budget.spend(Lane::Registry, 60_000_000, seconds(12));
        assert_eq!(budget.due(Lane::Registry), seconds(612));
        assert_eq!(budget.due(Lane::States), Duration::ZERO);
        assert_eq!(budget.due(Lane::Told), Duration::ZERO);
        // Paid after that: the next is not late again.
        budget.spend(Lane::Registry, 0, seconds(612));
        assert_eq!(budget.due(Lane::Registry), seconds(612));
    }

    #[test]
    fn what_a_person_was_told_waits_a_second_and_a_minute_if_there_is_no_end_of_it() {
        let mut budget = Budget::daily(Budget::DAILY_BYTES);
        let mut now = seconds(100);
        for _ in 0..200 {
            budget.spend(Lane::Told, 40_000, now);
            assert_eq!(budget.due(Lane::Told), now + seconds(1));
            now += seconds(1);
        }
        for _ in 0..200 {
            budget.spend(Lane::Told, 40_000, now);
            assert!(budget.due(Lane::Told) <= now + seconds(60));
            now = budget.due(Lane::Told);
        }
        assert!(now > seconds(3_600), "{now:?}: a program that acts without end is slowed down");
        assert_eq!(budget.due(Lane::States), Duration::ZERO);
    }

    #[test]
    fn huge_figures_do_not_overflow() {
        let mut budget = Budget::daily(0);
        for _ in 0..3 {
            for lane in [Lane::States, Lane::Registry, Lane::Told] {
                budget.spend(lane, u64::MAX, DAY);
                assert!(budget.due(lane) > DAY);
            }
        }
        let mut hasty = Budget::new(u64::MAX, Duration::ZERO, Duration::ZERO);
        hasty.spend(Lane::States, 1_000_000, DAY);
        assert_eq!(hasty.due(Lane::States), DAY);
    }
}
