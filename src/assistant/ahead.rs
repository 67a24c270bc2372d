//! Times ahead: what somebody meant by "tomorrow at seven" as an instant of the agenda, and how that is said back.

use std::cmp::Ordering;

use jiff::{SignedDuration, Timestamp, Zoned};

use crate::automation::{Calendar, Due, Moment, Unable, when};
use crate::home::rhythm::{Days, Rhythm};
use crate::intent::meaning::{Day, When};
use crate::intent::response::Phrase;

use super::Speaker;

/// When something is due that is wished for then.
pub(super) fn due(
    when: When,
    now: Moment,
    zoned: &Zoned,
    calendar: &Calendar,
) -> Result<Due, Unable> {
    Ok(match when {
        When::Now => return Err(Unable::BadTime),
        When::Every(rhythm) => Due::At(calendar.next(rhythm, now.wall)?),
        When::In(seconds) => after(seconds, now)?,
        When::At { hour, minute, is_half_day, day } => {
            Due::At(at(hour, minute, is_half_day, day, zoned)?)
        }
        When::Sun { is_rise, offset_s } => {
            Due::At(when::at_sun(is_rise, offset_s, zoned, calendar.place)?)
        }
    })
}

/// So many seconds from now.
pub(super) fn after(seconds: f64, now: Moment) -> Result<Due, Unable> {
    let length = SignedDuration::from_secs_f64(when::ahead(seconds)?);
    Ok(Due::In { at: now.steady.saturating_add(length), restored: None })
}

/// The next time that the clock shows this on such a day.
fn at(hour: u8, minute: u8, is_half: bool, day: Day, now: &Zoned) -> Result<Timestamp, Unable> {
    let weekday = match day {
        Day::Next => return when::at_clock(hour, minute, is_half, 0, now),
        Day::Ahead(days) => return when::at_clock(hour, minute, is_half, days, now),
        Day::On(weekday) => weekday % 7,
    };
    let today = now.weekday().to_monday_zero_offset() as u8 % 7;
    let ahead = (weekday + 7 - today) % 7;
    let is_on = |at: &Timestamp| {
        let day = at.to_zoned(now.time_zone().clone()).weekday().to_monday_zero_offset();
        i16::from(day) == i16::from(weekday)
    };
    // Its hour may be over today.
    let found = [ahead, ahead + 7]
        .into_iter()
        .find_map(|days| when::at_clock(hour, minute, is_half, days, now).ok().filter(is_on));
    found.ok_or(Unable::BadTime)
}

impl Speaker<'_> {
    /// "in 10 minutes", "at 19:00", "tomorrow at 7:00".
    pub(super) fn due(&self, due: Due, now: Moment, zoned: &Zoned) -> String {
        match due {
            Due::At(at) => {
                let at = at.to_zoned(zoned.time_zone().clone());
                let days = zoned.date().until(at.date()).map_or(0, |span| span.get_days());
                let clock = Phrase::plain(self.clock(&at));
                let key = match days {
                    0 => "today",
                    1 => "tomorrow",
                    _ => "day",
                };
                let month = at.month().to_string();
                let month = Phrase::plain(self.voice.find("months", &month).unwrap_or(&month));
                let day = Phrase::plain(at.day().to_string());
                let gaps = [("clock", &clock), ("day", &day), ("month", &month)];
                self.voice.fill(self.voice.word("ahead", key), &gaps)
            }
            Due::In { at, .. } => {
                let length = at.saturating_sub(now.steady).as_secs_f64();
                let length = Phrase::plain(self.length(length));
                self.voice.fill(self.voice.word("ahead", "in"), &[("length", &length)])
            }
            Due::Held(_) | Due::Begun => String::new(),
        }
    }

    /// "every weekday at 7:00", "every Monday at sunset", "every 2 hours".
    pub(super) fn rhythm(&self, rhythm: Rhythm) -> String {
        let word = |key: &'static str| self.voice.word("rhythm", key);
        let days_of = |days: Days| match days {
            Days::DAILY => word("daily").to_owned(),
            Days::WEEKDAYS => word("weekdays").to_owned(),
            Days::WEEKEND => word("weekend").to_owned(),
            days => {
                let name = |day: u8| {
                    let key = (day + 1).to_string();
                    Phrase::plain(self.voice.find("weekdays", &key).unwrap_or(&key).to_owned())
                };
                let names: Vec<Phrase> = days.each().map(name).collect();
                let names = Phrase::plain(self.voice.list(&names).text);
                self.voice.fill(word("days"), &[("days", &names)])
            }
        };
        match rhythm {
            Rhythm::Clock { days, hour, minute } => {
                let days = Phrase::plain(days_of(days));
                let clock = Phrase::plain(self.clock_of(i64::from(hour), i64::from(minute)));
                self.voice.fill(word("clock"), &[("days", &days), ("clock", &clock)])
            }
            Rhythm::Sun { days, is_rise, offset_s } => {
                let days = Phrase::plain(days_of(days));
                let length = Phrase::plain(self.length(offset_s.abs()));
                let key = match (is_rise, offset_s.total_cmp(&0.0)) {
                    (true, Ordering::Less) => "before_sunrise",
                    (true, Ordering::Equal) => "sunrise",
                    (true, Ordering::Greater) => "after_sunrise",
                    (false, Ordering::Less) => "before_sunset",
                    (false, Ordering::Equal) => "sunset",
                    (false, Ordering::Greater) => "after_sunset",
                };
                self.voice.fill(word(key), &[("days", &days), ("length", &length)])
            }
            Rhythm::Each { seconds } => {
                let length = Phrase::plain(self.length(seconds));
                self.voice.fill(word("each"), &[("length", &length)])
            }
        }
    }
}
