//! From words about time to an instant: the next seven o'clock, tomorrow, sunset. In the house's
//! time zone, over changes to and from summer time: an hour that the clocks skip is meant as the
//! one after it, an hour that they show twice as the next of the two.

use jiff::civil::Time;
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned};

use super::Unable;
use super::sun::{self, Place};

/// Longest time ahead that is accepted: a year and a day.
const FARTHEST_S: f64 = 366.0 * 86_400.0;
/// Days looked through for a sunrise or sunset: the polar night is shorter.
const DAYS_OF_SUN: i32 = 200;

/// A time as it was said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Said {
    /// After so many seconds.
    In(f64),
    /// The next time that the clock shows this.
    At {
        /// 0–23; with `is_half_day` 1–12 and the next of the two is meant.
        hour: u8,
        /// 0–59.
        minute: u8,
        /// Morning or evening was not said.
        is_half_day: bool,
        /// Not before so many days from today.
        days: u8,
    },
    /// At the next sunrise or sunset.
    Sun {
        /// Sunrise; else sunset.
        is_rise: bool,
        /// Seconds after it, or before if negative.
        offset_s: f64,
    },
}

/// The next instant of a clock time.
pub fn at_clock(
    hour: u8,
    minute: u8,
    is_half_day: bool,
    days: u8,
    now: &Zoned,
) -> Result<Timestamp, Unable> {
    let hours = match (is_half_day, hour) {
        (true, 1..=12) => vec![hour % 12, hour % 12 + 12],
        (_, 24) => vec![0],
        _ => vec![hour],
    };
    let mut found: Vec<Timestamp> = Vec::new();
    for ahead in [0_i32, 1] {
        let day = (i32::from(days) + ahead).days();
        let date = now.date().checked_add(day).map_err(|_| Unable::BadTime)?;
        for hour in &hours {
            let (Ok(hour), Ok(minute)) = (i8::try_from(*hour), i8::try_from(minute)) else {
                return Err(Unable::BadTime);
            };
            let time = Time::new(hour, minute, 0, 0).map_err(|_| Unable::BadTime)?;
            let shown = now.time_zone().to_ambiguous_zoned(date.to_datetime(time));
            let is_gap = shown.is_ambiguous()
                && matches!(shown.offset(), jiff::tz::AmbiguousOffset::Gap { .. });
            // Of an hour that is skipped only the one after it; of one shown twice either.
            let both = match is_gap {
                true => [shown.clone().later(), shown.later()],
                false => [shown.clone().earlier(), shown.later()],
            };
            found.extend(both.into_iter().flatten().map(|at| at.timestamp()));
        }
    }
    found.into_iter().filter(|at| *at > now.timestamp()).min().ok_or(Unable::BadTime)
}

/// The next sunrise or sunset, that many seconds later.
pub fn at_sun(
    is_rise: bool,
    offset_s: f64,
    now: &Zoned,
    place: Option<Place>,
) -> Result<Timestamp, Unable> {
    let place = place.ok_or(Unable::NoPosition)?;
    if !offset_s.is_finite() || offset_s.abs() > 12.0 * 3_600.0 {
        return Err(Unable::BadTime);
    }
    let offset = SignedDuration::from_secs(offset_s.round() as i64);
    (-1..DAYS_OF_SUN)
        .filter_map(|ahead| now.date().checked_add(ahead.days()).ok())
        .filter_map(|date| sun::moment(date, place, is_rise)?.checked_add(offset).ok())
        .find(|at| *at > now.timestamp())
        .ok_or(Unable::NoSun)
}

/// Seconds from now that can be kept, as they were said.
pub fn ahead(seconds: f64) -> Result<f64, Unable> {
    match seconds.is_finite() && seconds > 0.0 && seconds <= FARTHEST_S {
        true => Ok(seconds),
        false => Err(Unable::BadTime),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zoned(text: &str) -> Zoned {
        text.parse().unwrap()
    }

    #[test]
    fn a_clock_time_is_the_next_time_that_the_clock_shows_it() {
        let noon = "2026-11-22T12:00:00[Europe/Paris]";
        let cases = [
            (noon, (19, 0, false, 0), "2026-11-22T19:00:00[Europe/Paris]"),
            (noon, (12, 0, false, 0), "2026-11-23T12:00:00[Europe/Paris]"),
            (noon, (7, 0, true, 0), "2026-11-22T19:00:00[Europe/Paris]"),
            (noon, (12, 0, true, 0), "2026-11-23T00:00:00[Europe/Paris]"),
            (noon, (7, 0, true, 1), "2026-11-23T07:00:00[Europe/Paris]"),
            (noon, (7, 5, false, 2), "2026-11-24T07:05:00[Europe/Paris]"),
            (noon, (24, 0, false, 0), "2026-11-23T00:00:00[Europe/Paris]"),
            (
                "2028-02-28T23:00:00[Europe/Paris]",
                (7, 0, false, 1),
                "2028-02-29T07:00:00[Europe/Paris]",
            ),
            // Clocks go forward: half past two does not exist that night.
            (
                "2026-03-28T20:00:00[Europe/Paris]",
                (2, 30, false, 0),
                "2026-03-29T03:30:00[Europe/Paris]",
            ),
            (
                "2026-03-07T20:00:00[America/New_York]",
                (2, 30, false, 0),
                "2026-03-08T03:30:00[America/New_York]",
            ),
            // Clocks go back: half past two comes twice, the next of them is meant.
            (
                "2026-10-24T20:00:00[Europe/Paris]",
                (2, 30, false, 0),
                "2026-10-25T02:30:00+02:00[Europe/Paris]",
            ),
            (
                "2026-10-25T02:45:00+02:00[Europe/Paris]",
                (2, 30, false, 0),
                "2026-10-25T02:30:00+01:00[Europe/Paris]",
            ),
            (
                "2026-10-25T02:45:00+01:00[Europe/Paris]",
                (2, 30, false, 0),
                "2026-10-26T02:30:00+01:00[Europe/Paris]",
            ),
            // Seven in the morning is seven in the morning on the day of the change too.
            (
                "2026-03-28T20:00:00[Europe/Paris]",
                (7, 0, false, 0),
                "2026-03-29T07:00:00+02:00[Europe/Paris]",
            ),
        ];
        for (now, (hour, minute, is_half_day, days), expected) in cases {
            let at = at_clock(hour, minute, is_half_day, days, &zoned(now)).unwrap();
            assert_eq!(at, zoned(expected).timestamp(), "{now} {hour}:{minute} +{days}");
        }
        for (hour, minute) in [(25, 0), (7, 60), (255, 255)] {
            assert_eq!(at_clock(hour, minute, false, 0, &zoned(noon)), Err(Unable::BadTime));
        }
    }

    #[test]
    fn the_next_sunset_is_todays_until_it_has_been() {
        let paris = Some(Place { latitude: 48.8566, longitude: 2.3522 });
        let hour = |now: &str, is_rise, offset_s| {
            let at = at_sun(is_rise, offset_s, &zoned(now), paris)?;
            Ok(at.to_zoned(zoned(now).time_zone().clone()).strftime("%d %H").to_string())
        };
        let noon = "2026-11-22T12:00:00[Europe/Paris]";
        assert_eq!(hour(noon, false, 0.0), Ok("22 17".to_owned()));
        assert_eq!(hour(noon, true, 0.0), Ok("23 08".to_owned()));
        assert_eq!(hour(noon, false, -3_600.0), Ok("22 16".to_owned()));
        assert_eq!(hour("2026-11-22T20:00:00[Europe/Paris]", false, 0.0), Ok("23 17".to_owned()));
        // Before an offset back from tomorrow's, today's is over.
        assert_eq!(
            hour("2026-11-22T16:30:00[Europe/Paris]", false, -3_600.0),
            Ok("23 16".to_owned())
        );
        assert_eq!(hour(noon, false, f64::NAN), Err(Unable::BadTime));
        assert_eq!(at_sun(true, 0.0, &zoned(noon), None), Err(Unable::NoPosition));
        // The sun comes back to Tromsø in January.
        let tromso = Some(Place { latitude: 69.6492, longitude: 18.9553 });
        let dark = zoned("2026-11-28T12:00:00[Europe/Oslo]");
        let back = at_sun(true, 0.0, &dark, tromso).unwrap();
        assert_eq!(back.to_string()[..7], *"2027-01");
        let pole = Some(Place { latitude: 90.0, longitude: 0.0 });
        assert_eq!(at_sun(true, 0.0, &zoned(noon), pole), Err(Unable::NoSun));
    }
}
