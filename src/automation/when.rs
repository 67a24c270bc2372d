//! From words about time to an instant: the next seven o'clock, tomorrow, sunset. In the house's
//! time zone, over changes to and from summer time: an hour that the clocks skip is meant as the
//! one after it, an hour that they show twice as the next of the two.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned};

use super::Unable;
use super::sun::{self, Place};
use crate::home::rhythm::{Days, Rhythm};

/// Longest time ahead that is accepted: a year and a day.
const FARTHEST_S: f64 = 366.0 * 86_400.0;
/// What comes again by itself does not come more often, in seconds.
const OFTENEST_S: f64 = 60.0;
/// Days looked through for a sunrise or sunset: the polar night is shorter.
const DAYS_OF_SUN: i32 = 200;

/// The calendar of a house: what its clocks show, and where the sun rises.
#[derive(Debug, Clone)]
pub struct Calendar {
    /// The time zone.
    pub zone: TimeZone,
    /// Where the house is, if that is known.
    pub place: Option<Place>,
}

impl Default for Calendar {
    fn default() -> Calendar {
        Calendar { zone: TimeZone::UTC, place: None }
    }
}

impl Calendar {
    /// The next time of a rhythm. An hour that the clocks skip is meant as the one after it, and of
    /// one that they show twice only the first counts, so that a day has it once.
    ///
    /// # Errors
    /// [`Unable::BadTime`] for what is no time or too often, [`Unable::NoPosition`] and
    /// [`Unable::NoSun`].
    pub fn next(&self, rhythm: Rhythm, after: Timestamp) -> Result<Timestamp, Unable> {
        let zoned = after.to_zoned(self.zone.clone());
        let dates = |from: i32, to: i32, days: Days| {
            let today = zoned.date();
            (from..to)
                .filter_map(move |ahead| today.checked_add(ahead.days()).ok())
                .filter(move |date| days.has(date.weekday().to_monday_zero_offset() as u8))
        };
        match rhythm {
            Rhythm::Clock { days, hour, minute } => {
                let (Ok(hour), Ok(minute)) = (i8::try_from(hour), i8::try_from(minute)) else {
                    return Err(Unable::BadTime);
                };
                let time = Time::new(hour, minute, 0, 0).map_err(|_| Unable::BadTime)?;
                let at = |date: Date| {
                    let shown = self.zone.to_ambiguous_zoned(date.to_datetime(time));
                    Some(shown.compatible().ok()?.timestamp())
                };
                let found = dates(0, 9, days).filter_map(at).find(|at| *at > after);
                found.ok_or(Unable::BadTime)
            }
            Rhythm::Sun { days, is_rise, offset_s } => {
                let place = self.place.ok_or(Unable::NoPosition)?;
                let offset = sun_offset(offset_s)?;
                dates(-1, DAYS_OF_SUN, days)
                    .filter_map(|date| sun::moment(date, place, is_rise)?.checked_add(offset).ok())
                    .find(|at| *at > after)
                    .ok_or(Unable::NoSun)
            }
            Rhythm::Each { seconds } => {
                if ahead(seconds)? < OFTENEST_S {
                    return Err(Unable::BadTime);
                }
                let length = SignedDuration::from_secs_f64(seconds);
                after.checked_add(length).map_err(|_| Unable::BadTime)
            }
        }
    }
}

/// Longest that something is moved from a sunrise or sunset.
fn sun_offset(offset_s: f64) -> Result<SignedDuration, Unable> {
    match offset_s.is_finite() && offset_s.abs() <= 12.0 * 3_600.0 {
        true => Ok(SignedDuration::from_secs(offset_s.round() as i64)),
        false => Err(Unable::BadTime),
    }
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
    let offset = sun_offset(offset_s)?;
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
    fn what_comes_again_keeps_its_hour_over_summer_time() {
        let calendar = Calendar {
            zone: zoned("2026-11-22T12:00:00[Europe/Paris]").time_zone().clone(),
            place: Some(Place { latitude: 48.8566, longitude: 2.3522 }),
        };
        let clock = |days, hour, minute| Rhythm::Clock { days, hour, minute };
        let cases = [
            // A Sunday.
            (clock(Days::DAILY, 13, 0), "2026-11-22T12:00:00+01", "2026-11-22T13:00:00+01"),
            (clock(Days::DAILY, 12, 0), "2026-11-22T12:00:00+01", "2026-11-23T12:00:00+01"),
            (clock(Days::WEEKDAYS, 7, 5), "2026-11-22T12:00:00+01", "2026-11-23T07:05:00+01"),
            (clock(Days::WEEKDAYS, 7, 5), "2026-11-27T07:05:00+01", "2026-11-30T07:05:00+01"),
            (clock(Days::one(6), 12, 0), "2026-11-22T12:00:00+01", "2026-11-29T12:00:00+01"),
            // Clocks go forward on 2026-03-29 at two: half past two is skipped, seven stays seven.
            (clock(Days::DAILY, 2, 30), "2026-03-28T12:00:00+01", "2026-03-29T03:30:00+02"),
            (clock(Days::DAILY, 2, 30), "2026-03-29T03:30:00+02", "2026-03-30T02:30:00+02"),
            (clock(Days::DAILY, 7, 0), "2026-03-28T07:00:00+01", "2026-03-29T07:00:00+02"),
            // Clocks go back on 2026-10-25 at three: half past two comes twice, and counts once.
            (clock(Days::DAILY, 2, 30), "2026-10-24T12:00:00+02", "2026-10-25T02:30:00+02"),
            (clock(Days::DAILY, 2, 30), "2026-10-25T02:30:00+02", "2026-10-26T02:30:00+01"),
            (Rhythm::Each { seconds: 7_200.0 }, "2026-10-25T02:00:00+02", "2026-10-25T03:00:00+01"),
        ];
        for (rhythm, after, expected) in cases {
            let (after, expected): (Timestamp, Timestamp) =
                (after.parse().unwrap(), expected.parse().unwrap());
            assert_eq!(calendar.next(rhythm, after), Ok(expected), "{rhythm:?} {after}");
        }
        let noon = "2026-11-22T12:00:00+01".parse().unwrap();
        let sun = Rhythm::Sun { days: Days::one(2), is_rise: false, offset_s: -600.0 };
        let at = calendar.next(sun, noon).unwrap().to_zoned(calendar.zone.clone());
        assert_eq!(at.strftime("%a %d %H").to_string(), "Wed 25 16");
        let nowhere = Calendar { place: None, ..calendar.clone() };
        assert_eq!(nowhere.next(sun, noon), Err(Unable::NoPosition));
        for seconds in [0.0, 1.0, -5.0, f64::NAN, 1e12] {
            assert_eq!(calendar.next(Rhythm::Each { seconds }, noon), Err(Unable::BadTime));
        }
        assert_eq!(calendar.next(clock(Days::DAILY, 25, 0), noon), Err(Unable::BadTime));
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
