//! Times of the clock on the wall that come again: `time` and `time_pattern` triggers. As Home
//! Assistant has it: a time that the clock skips when summer time begins does not come on that day,
//! and one that it shows twice when summer time ends comes twice.

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::home::rhythm::Days;

/// Which hours, minutes and seconds are meant, and on which days: a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pattern {
    hours: u64,
    minutes: u64,
    seconds: u64,
    days: Days,
}

/// Days looked through: any day of the week comes within these, even past one whose hour is skipped.
const DAYS: i32 = 16;

impl Pattern {
    /// A time of day, in seconds since midnight.
    pub fn once(second_of_day: u32, days: Days) -> Self {
        let second_of_day = second_of_day.min(86_399);
        Self {
            hours: 1 << (second_of_day / 3_600),
            minutes: 1 << (second_of_day / 60 % 60),
            seconds: 1 << (second_of_day % 60),
            days,
        }
    }

    /// What `hours`, `minutes` and `seconds` of a `time_pattern` mean: `*`, `/5`, `7`. What is left
    /// out is any, or 0 where something greater was said. `None` if one cannot be read.
    pub fn parse(
        hours: Option<&str>,
        minutes: Option<&str>,
        seconds: Option<&str>,
    ) -> Option<Self> {
        let minutes_or = if hours.is_some() { "0" } else { "*" };
        let seconds_or = if hours.is_some() || minutes.is_some() { "0" } else { "*" };
        Some(Self {
            hours: bits(hours.unwrap_or("*"), 24)?,
            minutes: bits(minutes.unwrap_or(minutes_or), 60)?,
            seconds: bits(seconds.unwrap_or(seconds_or), 60)?,
            days: Days::DAILY,
        })
    }

    /// The first time after `after` at which the clock shows what is meant.
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let until = after.checked_add(SignedDuration::from_hours(24 * i64::from(DAYS))).ok()?;
        let mut from = after;
        // Between two changes of the clock, what it shows grows with the time.
        loop {
            let offset = zone.to_offset(from);
            let end = zone.following(from).next().map(|change| change.timestamp());
            let shown = offset.to_datetime(from).with().subsec_nanosecond(0).build().ok()?;
            // The second in which a stretch begins is in it; the one that was, is over.
            let first = if from == after { shown.checked_add(1.second()).ok()? } else { shown };
            if let Some(found) = self.first_from(first)
                && let Ok(at) = offset.to_timestamp(found)
                && end.is_none_or(|end| at < end)
            {
                return Some(at);
            }
            from = end.filter(|end| *end < until)?;
        }
    }

    /// The first date and time that fits, from this on, on a clock without jumps.
    fn first_from(&self, from: jiff::civil::DateTime) -> Option<jiff::civil::DateTime> {
        let mut date = from.date();
        let mut time = from.time();
        for _ in 0..DAYS {
            if self.days.has(number(date.weekday()))
                && let Some(found) = self.first_of_day(time)
            {
                return Some(date.to_datetime(found));
            }
            date = date.tomorrow().ok()?;
            time = Time::midnight();
        }
        None
    }

    fn first_of_day(&self, from: Time) -> Option<Time> {
        let (mut hour, mut minute, mut second) =
            (from.hour() as u32, from.minute() as u32, from.second() as u32);
        loop {
            let found = at_or_after(self.hours, hour)?;
            if found != hour {
                (hour, minute, second) = (found, 0, 0);
            }
            let Some(found) = at_or_after(self.minutes, minute) else {
                (hour, minute, second) = (hour + 1, 0, 0);
                continue;
            };
            if found != minute {
                (minute, second) = (found, 0);
            }
            let Some(found) = at_or_after(self.seconds, second) else {
                (minute, second) = (minute + 1, 0);
                continue;
            };
            return Time::new(hour as i8, minute as i8, found as i8, 0).ok();
        }
    }
}

fn number(day: Weekday) -> u8 {
    day.to_monday_zero_offset().unsigned_abs()
}

/// The lowest bit that is set, at or above this one.
fn at_or_after(bits: u64, from: u32) -> Option<u32> {
    let above = bits.checked_shr(from)?;
    (above != 0).then(|| from + above.trailing_zeros())
}

fn bits(text: &str, n: u32) -> Option<u64> {
    let text = text.trim();
    let all = (1_u64 << n) - 1;
    if text == "*" {
        return Some(all);
    }
    if let Some(step) = text.strip_prefix('/') {
        let step: usize =
            step.trim().parse().ok().filter(|step| (1..=n as usize).contains(step))?;
        return Some((0..n).step_by(step).fold(0, |bits, at| bits | 1 << at));
    }
    let at: u32 = text.parse().ok().filter(|at| *at < n)?;
    Some(1 << at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(pattern: Pattern, zone: &str, after: &str, n: usize) -> Vec<String> {
        let zone = TimeZone::get(zone).unwrap();
        let mut at: Timestamp = after.parse().unwrap();
        (0..n)
            .map(|_| {
                at = pattern.next(at, &zone).unwrap();
                at.to_zoned(zone.clone()).strftime("%m-%d %H:%M:%S%:z").to_string()
            })
            .collect()
    }

    fn at(hour: u32, minute: u32) -> Pattern {
        Pattern::once(hour * 3_600 + minute * 60, Days::DAILY)
    }

    #[test]
    fn what_the_clock_skips_does_not_come_and_what_it_shows_twice_comes_twice() {
        for (zone, after, pattern, expected) in [
            (
                "Europe/Paris",
                "2026-03-28T12:00:00Z",
                at(2, 30),
                ["03-30 02:30:00+02:00", "03-31 02:30:00+02:00"],
            ),
            (
                "Europe/Paris",
                "2026-03-28T12:00:00Z",
                at(7, 0),
                ["03-29 07:00:00+02:00", "03-30 07:00:00+02:00"],
            ),
            (
                "Europe/Paris",
                "2026-10-24T12:00:00Z",
                at(2, 30),
                ["10-25 02:30:00+02:00", "10-25 02:30:00+01:00"],
            ),
            (
                "America/New_York",
                "2026-03-07T12:00:00Z",
                at(2, 30),
                ["03-09 02:30:00-04:00", "03-10 02:30:00-04:00"],
            ),
            (
                "America/New_York",
                "2026-10-31T12:00:00Z",
                at(1, 30),
                ["11-01 01:30:00-04:00", "11-01 01:30:00-05:00"],
            ),
            (
                "Europe/Paris",
                "2028-02-28T12:00:00Z",
                at(12, 0),
                ["02-29 12:00:00+01:00", "03-01 12:00:00+01:00"],
            ),
        ] {
            assert_eq!(times(pattern, zone, after, 2), expected, "{zone} {after}");
        }
    }

    #[test]
    fn patterns_mean_what_home_assistant_says() {
        let noon = "2026-11-22T12:00:00Z";
        for (hours, minutes, seconds, expected) in [
            (None, Some("/15"), None, ["11-22 12:15:00+00:00", "11-22 12:30:00+00:00"]),
            (Some("/6"), None, None, ["11-22 18:00:00+00:00", "11-23 00:00:00+00:00"]),
            (None, None, Some("/20"), ["11-22 12:00:20+00:00", "11-22 12:00:40+00:00"]),
            (None, Some("5"), None, ["11-22 12:05:00+00:00", "11-22 13:05:00+00:00"]),
            (Some("7"), Some("5"), Some("3"), ["11-23 07:05:03+00:00", "11-24 07:05:03+00:00"]),
            (Some("*"), Some("59"), Some("59"), ["11-22 12:59:59+00:00", "11-22 13:59:59+00:00"]),
        ] {
            let pattern = Pattern::parse(hours, minutes, seconds).unwrap();
            assert_eq!(times(pattern, "UTC", noon, 2), expected);
        }
        for bad in ["/0", "60", "x", "-1", "/61", ""] {
            assert_eq!(Pattern::parse(None, Some(bad), None), None, "{bad}");
        }
    }

    #[test]
    fn every_ten_minutes_come_six_in_each_hour_of_a_long_night() {
        let pattern = Pattern::parse(None, Some("/10"), None).unwrap();
        let night = times(pattern, "Europe/Paris", "2026-10-24T23:59:00Z", 18);
        assert_eq!(night[0], "10-25 02:00:00+02:00");
        assert_eq!(night[6], "10-25 02:00:00+01:00");
        assert_eq!(night[12], "10-25 03:00:00+01:00");
    }

    #[test]
    fn only_on_some_days() {
        let pattern = Pattern::once(7 * 3_600, Days::WEEKEND);
        let found = times(pattern, "UTC", "2026-11-22T12:00:00Z", 2);
        assert_eq!(found, ["11-28 07:00:00+00:00", "11-29 07:00:00+00:00"]);
    }
}
