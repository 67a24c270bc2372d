//! Dates, times and durations as templates see them: the types of Python's `datetime`.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Zoned};
use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, Value};

use super::call::Call;
use super::operators::failed;
use super::python::{Number, int_value, push_display};

/// A value of Python's `datetime` module.
#[derive(Clone, Debug)]
pub(super) enum Moment {
    /// A `datetime` with a time zone.
    Zoned(Zoned),
    /// A `datetime` without one.
    Naive(DateTime),
    Date(Date),
    Time(Time),
    /// A `timedelta`.
    Delta(SignedDuration),
}

impl From<Moment> for Value {
    fn from(moment: Moment) -> Self {
        Self::from_object(moment)
    }
}

impl Moment {
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Zoned(_) | Self::Naive(_) => "datetime",
            Self::Date(_) => "date",
            Self::Time(_) => "time",
            Self::Delta(_) => "timedelta",
        }
    }

    pub(super) fn civil(&self) -> Option<DateTime> {
        match self {
            Self::Zoned(zoned) => Some(zoned.datetime()),
            Self::Naive(civil) => Some(*civil),
            Self::Date(date) => Some(date.to_datetime(Time::midnight())),
            Self::Time(time) => Some(Date::constant(1900, 1, 1).to_datetime(*time)),
            Self::Delta(_) => None,
        }
    }

    /// The order of two moments of one kind; `None` where Python raises.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Zoned(a), Self::Zoned(b)) => Some(a.timestamp().cmp(&b.timestamp())),
            (Self::Naive(a), Self::Naive(b)) => Some(a.cmp(b)),
            (Self::Date(a), Self::Date(b)) => Some(a.cmp(b)),
            (Self::Time(a), Self::Time(b)) => Some(a.cmp(b)),
            (Self::Delta(a), Self::Delta(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    /// `left + right` where one of them is a moment.
    pub(super) fn add(left: &Value, right: &Value) -> Option<Result<Value, Error>> {
        let (left, right) =
            (left.downcast_object_ref::<Self>()?, right.downcast_object_ref::<Self>()?);
        let (moment, delta) = match (left, right) {
            (moment, Self::Delta(delta)) | (Self::Delta(delta), moment) => (moment, *delta),
            _ => return None,
        };
        Some(moment.shift(delta).map(Value::from))
    }

    pub(super) fn sub(left: &Value, right: &Value) -> Option<Result<Value, Error>> {
        let (left, right) =
            (left.downcast_object_ref::<Self>()?, right.downcast_object_ref::<Self>()?);
        let delta = match (left, right) {
            (moment, Self::Delta(delta)) => return Some(moment.shift(-*delta).map(Value::from)),
            // Python subtracts the wall clocks of one zone and the instants of two.
            (Self::Zoned(a), Self::Zoned(b)) if a.time_zone() == b.time_zone() => {
                a.datetime().duration_since(b.datetime())
            }
            (Self::Zoned(a), Self::Zoned(b)) => a.timestamp().duration_since(b.timestamp()),
            (Self::Naive(a), Self::Naive(b)) => a.duration_since(*b),
            (Self::Date(a), Self::Date(b)) => a.duration_since(*b),
            _ => return None,
        };
        Some(Ok(Self::Delta(delta).into()))
    }

    pub(super) fn scale(value: &Value, times: usize) -> Option<Result<Value, Error>> {
        let Self::Delta(delta) = value.downcast_object_ref()? else { return None };
        let scaled = i32::try_from(times).ok().and_then(|times| delta.checked_mul(times));
        Some(scaled.map(|delta| Self::Delta(delta).into()).ok_or_else(out_of_range))
    }

    pub(super) fn divide(left: &Value, right: &Value) -> Option<Result<Value, Error>> {
        let Self::Delta(delta) = left.downcast_object_ref()? else { return None };
        if let Some(Self::Delta(by)) = right.downcast_object_ref() {
            if by.is_zero() {
                return Some(Err(failed("division by zero")));
            }
            return Some(Ok(Value::from(delta.as_secs_f64() / by.as_secs_f64())));
        }
        let by = Number::of(right)?.to_f64();
        Some(delta_of_seconds(delta.as_secs_f64() / by).map(|delta| Self::Delta(delta).into()))
    }

    pub(super) fn negate(value: &Value) -> Option<Result<Value, Error>> {
        let Self::Delta(delta) = value.downcast_object_ref()? else { return None };
        Some(delta.checked_neg().map(|delta| Self::Delta(delta).into()).ok_or_else(out_of_range))
    }

    pub(super) fn shift(&self, by: SignedDuration) -> Result<Self, Error> {
        match self {
            Self::Zoned(zoned) => {
                let civil = zoned.datetime().checked_add(by).map_err(|_| out_of_range())?;
                civil
                    .to_zoned(zoned.time_zone().clone())
                    .map(Self::Zoned)
                    .map_err(|_| out_of_range())
            }
            Self::Naive(civil) => {
                civil.checked_add(by).map(Self::Naive).map_err(|_| out_of_range())
            }
            Self::Date(date) => date.checked_add(by).map(Self::Date).map_err(|_| out_of_range()),
            Self::Delta(delta) => delta.checked_add(by).map(Self::Delta).ok_or_else(out_of_range),
            Self::Time(_) => Err(failed("a time of day cannot be shifted")),
        }
    }

    /// Seconds since 1970; a naive time is read in `zone`.
    pub(super) fn timestamp(&self, zone: &TimeZone) -> Option<f64> {
        let instant = match self {
            Self::Zoned(zoned) => zoned.timestamp(),
            Self::Naive(civil) => civil.to_zoned(zone.clone()).ok()?.timestamp(),
            _ => return None,
        };
        #[allow(clippy::cast_precision_loss, reason = "as Python does")]
        Some(instant.as_microsecond() as f64 / 1e6)
    }

    /// ISO 8601 as Python's `isoformat` writes it; `str()` has a blank for the `T`.
    pub(super) fn iso(&self, separator: char) -> String {
        let mut out = String::new();
        let push_date = |out: &mut String, date: Date| {
            push_display(
                out,
                format_args!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day()),
            );
        };
        let push_time = |out: &mut String, time: Time| {
            push_display(
                out,
                format_args!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second()),
            );
            let micros = time.subsec_nanosecond() / 1000;
            if micros != 0 {
                push_display(out, format_args!(".{micros:06}"));
            }
        };
        match self {
            Self::Date(date) => push_date(&mut out, *date),
            Self::Time(time) => push_time(&mut out, *time),
            Self::Naive(civil) => {
                push_date(&mut out, civil.date());
                out.push(separator);
                push_time(&mut out, civil.time());
            }
            Self::Zoned(zoned) => {
                push_date(&mut out, zoned.date());
                out.push(separator);
                push_time(&mut out, zoned.time());
                out.push_str(&offset(zoned.offset(), ":"));
            }
            Self::Delta(delta) => {
                let micros = delta.as_micros();
                let days = micros.div_euclid(86_400_000_000);
                let rest = micros.rem_euclid(86_400_000_000);
                if days != 0 {
                    let plural = if days.abs() == 1 { "" } else { "s" };
                    push_display(&mut out, format_args!("{days} day{plural}, "));
                }
                let seconds = rest / 1_000_000;
                push_display(
                    &mut out,
                    format_args!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
                );
                if rest % 1_000_000 != 0 {
                    push_display(&mut out, format_args!(".{:06}", rest % 1_000_000));
                }
            }
        }
        out
    }

    /// A method call of a template on this moment; `None` for a method it does not have.
    pub(super) fn method(&self, name: &str, call: &mut Call) -> Option<Result<Value, Error>> {
        Some(match (name, self) {
            ("total_seconds", Self::Delta(delta)) => Ok(Value::from(delta.as_secs_f64())),
            (_, Self::Delta(_)) => return None,
            ("isoformat", _) => call.optional_text(0).map(|separator| {
                let separator =
                    separator.and_then(|separator| separator.chars().next()).unwrap_or('T');
                Value::from(self.iso(separator))
            }),
            ("strftime", _) => {
                call.text(0).and_then(|format| self.strftime(&format)).map(Value::from)
            }
            ("timestamp", Self::Zoned(_) | Self::Naive(_)) => self
                .timestamp(call.frame.clock.time_zone())
                .map(Value::from)
                .ok_or_else(out_of_range),
            ("date", Self::Zoned(_) | Self::Naive(_)) => {
                self.civil().map(|civil| Self::Date(civil.date()).into()).ok_or_else(out_of_range)
            }
            ("time", Self::Zoned(_) | Self::Naive(_)) => {
                self.civil().map(|civil| Self::Time(civil.time()).into()).ok_or_else(out_of_range)
            }
            ("weekday", _) => self.weekday().map(|day| Value::from(day - 1)),
            ("isoweekday", _) => self.weekday().map(Value::from),
            ("replace", _) => self.replace(call).map(Value::from),
            _ => return None,
        })
    }

    /// 1 for Monday to 7 for Sunday.
    fn weekday(&self) -> Result<i8, Error> {
        match self {
            Self::Time(_) | Self::Delta(_) => Err(failed("no weekday")),
            _ => self
                .civil()
                .map(|civil| civil.weekday().to_monday_one_offset())
                .ok_or_else(out_of_range),
        }
    }

    fn replace(&self, call: &mut Call) -> Result<Self, Error> {
        let Some(mut civil) = self.civil() else { return Err(failed("cannot replace")) };
        for (index, name) in REPLACEABLE.iter().enumerate() {
            let Some(value) = call.optional_int(index)? else { continue };
            let narrow = i16::try_from(value).map_err(|_| out_of_range())?;
            let small = i8::try_from(value).map_err(|_| out_of_range());
            let with = civil.with();
            let with = match *name {
                "year" => with.year(narrow),
                "month" => with.month(small?),
                "day" => with.day(small?),
                "hour" => with.hour(small?),
                "minute" => with.minute(small?),
                "second" => with.second(small?),
                _ => with.subsec_nanosecond(i32::from(narrow).saturating_mul(1000)),
            };
            civil = with.build().map_err(|_| out_of_range())?;
        }
        Ok(match self {
            Self::Zoned(zoned) => {
                Self::Zoned(civil.to_zoned(zoned.time_zone().clone()).map_err(|_| out_of_range())?)
            }
            Self::Date(_) => Self::Date(civil.date()),
            Self::Time(_) => Self::Time(civil.time()),
            _ => Self::Naive(civil),
        })
    }

    pub(super) fn strftime(&self, format: &str) -> Result<String, Error> {
        let Some(civil) = self.civil() else { return Err(failed("a timedelta has no strftime")) };
        let mut out = String::new();
        let mut rest = format.chars();
        while let Some(char) = rest.next() {
            if out.len() > super::frame::MAX_TEXT {
                return Err(super::python::too_long());
            }
            if char != '%' {
                out.push(char);
                continue;
            }
            let Some(mut directive) = rest.next() else {
                out.push('%');
                break;
            };
            let unpadded = directive == '-';
            if unpadded {
                directive = rest.next().unwrap_or('-');
            }
            self.push_directive(&mut out, civil, directive, unpadded);
        }
        Ok(out)
    }

    fn push_directive(&self, out: &mut String, civil: DateTime, directive: char, unpadded: bool) {
        let mut number = |number: i64, width: usize| {
            let width = if unpadded { 0 } else { width };
            push_display(out, format_args!("{number:0width$}"));
        };
        let hour12 = match civil.hour() % 12 {
            0 => 12,
            hour => hour,
        };
        let weekday = civil.weekday();
        let week = |first: i8| (i64::from(civil.day_of_year()) + 6 - i64::from(first)) / 7;
        match directive {
            'Y' => number(civil.year().into(), 4),
            'y' => number(i64::from(civil.year()).rem_euclid(100), 2),
            'm' => number(civil.month().into(), 2),
            'd' => number(civil.day().into(), 2),
            'H' => number(civil.hour().into(), 2),
            'I' => number(hour12.into(), 2),
            'M' => number(civil.minute().into(), 2),
            'S' => number(civil.second().into(), 2),
            'f' => push_display(out, format_args!("{:06}", civil.subsec_nanosecond() / 1000)),
            'j' => number(civil.day_of_year().into(), 3),
            'u' => number(weekday.to_monday_one_offset().into(), 1),
            'w' => number(weekday.to_sunday_zero_offset().into(), 1),
            'U' => number(week(weekday.to_sunday_zero_offset()), 2),
            'W' => number(week(weekday.to_monday_zero_offset()), 2),
            'V' => number(civil.date().iso_week_date().week().into(), 2),
            'G' => number(civil.date().iso_week_date().year().into(), 4),
            'e' => push_display(out, format_args!("{:2}", civil.day())),
            'k' => push_display(out, format_args!("{:2}", civil.hour())),
            'l' => push_display(out, format_args!("{hour12:2}")),
            'p' => out.push_str(if civil.hour() < 12 { "AM" } else { "PM" }),
            'P' => out.push_str(if civil.hour() < 12 { "am" } else { "pm" }),
            'A' => {
                out.push_str(WEEKDAYS[usize::from(weekday.to_monday_zero_offset().unsigned_abs())])
            }
            'a' => out.push_str(
                &WEEKDAYS[usize::from(weekday.to_monday_zero_offset().unsigned_abs())][..3],
            ),
            'B' => out.push_str(MONTHS[usize::from(civil.month().unsigned_abs()) - 1]),
            'b' | 'h' => out.push_str(&MONTHS[usize::from(civil.month().unsigned_abs()) - 1][..3]),
            'n' => out.push('\n'),
            't' => out.push('\t'),
            '%' => out.push('%'),
            's' => push_display(out, self.timestamp(&TimeZone::UTC).unwrap_or_default().floor()),
            'z' => {
                if let Self::Zoned(zoned) = self {
                    out.push_str(&offset(zoned.offset(), ""));
                }
            }
            'Z' => {
                if let Self::Zoned(zoned) = self {
                    let info = zoned.time_zone().to_offset_info(zoned.timestamp());
                    out.push_str(info.abbreviation());
                }
            }
            // The composed ones, in the C locale.
            'c' => "abexY".chars().enumerate().for_each(|(index, part)| {
                if index > 0 {
                    out.push(' ');
                }
                self.push_directive(out, civil, if part == 'x' { 'T' } else { part }, false);
            }),
            'D' | 'x' => self.push_joined(out, civil, "mdy", '/'),
            'F' => self.push_joined(out, civil, "Ymd", '-'),
            'T' | 'X' => self.push_joined(out, civil, "HMS", ':'),
            'R' => self.push_joined(out, civil, "HM", ':'),
            'r' => {
                self.push_joined(out, civil, "IMS", ':');
                out.push(' ');
                self.push_directive(out, civil, 'p', false);
            }
            other => {
                out.push('%');
                out.push(other);
            }
        }
    }

    fn push_joined(&self, out: &mut String, civil: DateTime, directives: &str, separator: char) {
        for (index, directive) in directives.chars().enumerate() {
            if index > 0 {
                out.push(separator);
            }
            self.push_directive(out, civil, directive, false);
        }
    }
}

/// The parameters of Python's `datetime.replace`.
pub(super) const REPLACEABLE: &[&str] =
    &["year", "month", "day", "hour", "minute", "second", "microsecond"];
const WEEKDAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn offset(offset: Offset, separator: &str) -> String {
    let seconds = offset.seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.unsigned_abs();
    let mut out = format!("{sign}{:02}{separator}{:02}", seconds / 3600, seconds / 60 % 60);
    if !seconds.is_multiple_of(60) {
        push_display(&mut out, format_args!("{separator}{:02}", seconds % 60));
    }
    out
}

pub(super) fn out_of_range() -> Error {
    failed("time out of range")
}

pub(super) fn delta_of_seconds(seconds: f64) -> Result<SignedDuration, Error> {
    // Python keeps whole microseconds.
    let micros = (seconds * 1e6).round_ties_even();
    if micros.is_nan() || micros.abs() >= 9.0e18 {
        return Err(out_of_range());
    }
    #[allow(clippy::cast_possible_truncation, reason = "checked above")]
    Ok(SignedDuration::from_micros(micros as i64))
}

impl Object for Moment {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        if let Self::Delta(delta) = &**self {
            let micros = delta.as_micros();
            return Some(int_value(match key.as_str()? {
                "days" => micros.div_euclid(86_400_000_000),
                "seconds" => micros.rem_euclid(86_400_000_000) / 1_000_000,
                "microseconds" => micros.rem_euclid(1_000_000),
                _ => return None,
            }));
        }
        let civil = self.civil()?;
        let (has_date, has_time) =
            (!matches!(**self, Self::Time(_)), !matches!(**self, Self::Date(_)));
        Some(match key.as_str()? {
            "year" if has_date => Value::from(civil.year()),
            "month" if has_date => Value::from(civil.month()),
            "day" if has_date => Value::from(civil.day()),
            "hour" if has_time => Value::from(civil.hour()),
            "minute" if has_time => Value::from(civil.minute()),
            "second" if has_time => Value::from(civil.second()),
            "microsecond" if has_time => Value::from(civil.subsec_nanosecond() / 1000),
            "tzinfo" if has_time => match &**self {
                Self::Zoned(zoned) => Value::from(zoned.time_zone().iana_name().unwrap_or("UTC")),
                _ => Value::from(()),
            },
            _ => return None,
        })
    }

    fn is_true(self: &Arc<Self>) -> bool {
        !matches!(**self, Self::Delta(delta) if delta.is_zero())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iso(' '))
    }
}
