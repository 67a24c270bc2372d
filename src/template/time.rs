//! Home Assistant's helpers around dates and times: `now()`, `as_timestamp`, `timestamp_custom`, …
//! The values themselves are in `moment.rs`.

use jiff::civil::{Date, Time};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::fmt::temporal::Pieces;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};
use minijinja::{Error, Value};

use super::call::Call;
use super::moment::{Moment, delta_of_seconds, out_of_range};
use super::operators::{failed, refuse_undefined, type_name};
use super::python::{Number, parse_float};

/// An ISO 8601 date, or date and time, with or without an offset.
fn parse(text: &str) -> Option<Moment> {
    let pieces = Pieces::parse(text.trim()).ok()?;
    let civil = pieces.date().to_datetime(pieces.time().unwrap_or(Time::midnight()));
    match pieces.to_numeric_offset().or_else(|| pieces.offset().map(|_| Offset::UTC)) {
        Some(offset) => civil.to_zoned(TimeZone::fixed(offset)).ok().map(Moment::Zoned),
        None => Some(Moment::Naive(civil)),
    }
}

fn from_timestamp(seconds: f64, zone: TimeZone) -> Option<Zoned> {
    let micros = (seconds * 1e6).round_ties_even();
    #[allow(
        clippy::cast_possible_truncation,
        reason = "the cast saturates and jiff checks the range"
    )]
    Timestamp::from_microsecond(micros as i64)
        .ok()
        .filter(|_| micros.is_finite())
        .map(|at| at.to_zoned(zone))
}

/// A number, or a text that is one.
fn seconds_of(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some(text) => parse_float(text),
        None => Number::of(value).map(Number::to_f64),
    }
}

fn to_zone(moment: Moment, zone: &TimeZone) -> Result<Zoned, Error> {
    match moment {
        Moment::Zoned(zoned) => Ok(zoned.with_time_zone(zone.clone())),
        Moment::Naive(civil) => civil.to_zoned(zone.clone()).map_err(|_| out_of_range()),
        _ => Err(failed("expected a datetime")),
    }
}

fn moment_of(value: &Value) -> Result<Moment, Error> {
    refuse_undefined(value)?;
    value
        .downcast_object_ref::<Moment>()
        .cloned()
        .ok_or_else(|| failed(format!("expected a datetime, not '{}'", type_name(value))))
}

pub(super) fn now(call: &mut Call) -> Result<Value, Error> {
    Ok(Moment::Zoned(call.frame.clock.zoned()).into())
}

pub(super) fn utcnow(call: &mut Call) -> Result<Value, Error> {
    Ok(Moment::Zoned(call.frame.clock.now().to_zoned(TimeZone::UTC)).into())
}

/// `today_at("HH:MM")`: today at that time of day; midnight without one.
pub(super) fn today_at(call: &mut Call) -> Result<Value, Error> {
    let text = call.optional_text(0)?.unwrap_or_default();
    let time = if text.is_empty() {
        Some(Time::midnight())
    } else {
        let mut parts = text.split(':').map(|part| part.trim().parse::<i8>().ok());
        let (hour, minute, second) = (parts.next(), parts.next(), parts.next());
        match (hour, minute, second, parts.next()) {
            (Some(Some(hour)), Some(Some(minute)), second, None) => {
                second.unwrap_or(Some(0)).and_then(|second| Time::new(hour, minute, second, 0).ok())
            }
            _ => None,
        }
    };
    let time = time.ok_or_else(|| failed(format!("'{text}' is not a time of day")))?;
    let today = call.frame.clock.zoned();
    let at = today.date().to_datetime(time).to_zoned(today.time_zone().clone());
    at.map(|at| Moment::Zoned(at).into()).map_err(|_| out_of_range())
}

/// `timedelta(days, seconds, microseconds, milliseconds, minutes, hours, weeks)`.
pub(super) fn timedelta(call: &mut Call) -> Result<Value, Error> {
    const UNITS: [f64; 7] = [86_400.0, 1.0, 1e-6, 1e-3, 60.0, 3600.0, 604_800.0];
    let mut seconds = 0.0;
    for (index, unit) in UNITS.iter().enumerate() {
        seconds += call.optional_float(index)?.unwrap_or(0.0) * unit;
    }
    delta_of_seconds(seconds).map(|delta| Moment::Delta(delta).into())
}

pub(super) fn as_timedelta(call: &mut Call) -> Result<Value, Error> {
    let text = call.text(0)?;
    let (days, clock) = match text.split_once(' ') {
        Some((days, clock)) => (days.trim().parse::<f64>().ok(), clock),
        None => (Some(0.0), &*text),
    };
    let mut parts = clock.rsplit(':').map(parse_float);
    let seconds = [1.0, 60.0, 3600.0].iter().try_fold(0.0, |sum, unit| match parts.next() {
        Some(Some(part)) => Some(sum + part * unit),
        Some(None) => None,
        None => Some(sum),
    });
    match (days, seconds, parts.next()) {
        (Some(days), Some(seconds), None) => {
            delta_of_seconds(days * 86_400.0 + seconds).map(|delta| Moment::Delta(delta).into())
        }
        _ => Ok(Value::from(())),
    }
}

/// `as_timestamp(value, default)`: seconds since 1970 of a datetime or an ISO text.
pub(super) fn as_timestamp(call: &mut Call) -> Result<Value, Error> {
    let value = call.need(0)?;
    refuse_undefined(&value)?;
    let moment = match value.downcast_object_ref::<Moment>() {
        Some(moment) => Some(moment.clone()),
        None => value.as_str().and_then(parse),
    };
    match moment.and_then(|moment| moment.timestamp(call.frame.clock.time_zone())) {
        Some(seconds) => Ok(Value::from(seconds)),
        None => call.fallback(1, "as_timestamp", &value),
    }
}

/// `as_datetime(value, default)`: a datetime of a timestamp, of an ISO text or of itself.
pub(super) fn as_datetime(call: &mut Call) -> Result<Value, Error> {
    let value = call.need(0)?;
    refuse_undefined(&value)?;
    match value.downcast_object_ref::<Moment>() {
        Some(Moment::Date(date)) => {
            return Ok(Moment::Naive(date.to_datetime(Time::midnight())).into());
        }
        Some(Moment::Zoned(_) | Moment::Naive(_)) => return Ok(value.clone()),
        _ => {}
    }
    if let Some(zoned) =
        seconds_of(&value).and_then(|seconds| from_timestamp(seconds, TimeZone::UTC))
    {
        return Ok(Moment::Zoned(zoned).into());
    }
    match value.as_str().and_then(parse) {
        Some(moment) => Ok(moment.into()),
        None => call.fallback(1, "as_datetime", &value),
    }
}

pub(super) fn as_local(call: &mut Call) -> Result<Value, Error> {
    let moment = moment_of(&call.need(0)?)?;
    Ok(Moment::Zoned(to_zone(moment, call.frame.clock.time_zone())?).into())
}

/// `strptime(text, format, default)`.
pub(super) fn strptime(call: &mut Call) -> Result<Value, Error> {
    let (value, format) = (call.need(0)?, call.text(1)?);
    // Python's `%f` takes one to six digits after a point that the format spells out.
    let format = format.replace(".%f", "%.f");
    let parsed =
        value.as_str().and_then(|text| BrokenDownTime::parse(format.as_bytes(), text).ok());
    let moment = parsed.and_then(|parsed| {
        let midnight = |date: Date| date.to_datetime(Time::midnight());
        let civil = parsed
            .to_datetime()
            .or_else(|_| parsed.to_date().map(midnight))
            .or_else(|_| parsed.to_time().map(|time| Date::constant(1900, 1, 1).to_datetime(time)));
        let civil = civil.ok()?;
        match parsed.offset() {
            Some(offset) => civil.to_zoned(TimeZone::fixed(offset)).ok().map(Moment::Zoned),
            None => Some(Moment::Naive(civil)),
        }
    });
    match moment {
        Some(moment) => Ok(moment.into()),
        None => call.fallback(2, "strptime", &value),
    }
}

/// `timestamp_local(value, default)`: ISO text in the house's zone.
pub(super) fn timestamp_local(call: &mut Call) -> Result<Value, Error> {
    let zone = call.frame.clock.time_zone().clone();
    timestamp_in(call, zone, "timestamp_local")
}

/// `timestamp_utc(value, default)`.
pub(super) fn timestamp_utc(call: &mut Call) -> Result<Value, Error> {
    timestamp_in(call, TimeZone::UTC, "timestamp_utc")
}

fn timestamp_in(call: &mut Call, zone: TimeZone, name: &str) -> Result<Value, Error> {
    let value = call.need(0)?;
    refuse_undefined(&value)?;
    match seconds_of(&value).and_then(|seconds| from_timestamp(seconds, zone)) {
        Some(zoned) => Ok(Value::from(Moment::Zoned(zoned).iso('T'))),
        None => call.fallback(1, name, &value),
    }
}

/// `timestamp_custom(value, format, local, default)`.
pub(super) fn timestamp_custom(call: &mut Call) -> Result<Value, Error> {
    let value = call.need(0)?;
    refuse_undefined(&value)?;
    let format = call.optional_text(1)?.unwrap_or_else(|| "%Y-%m-%d %H:%M:%S".to_owned());
    let zone =
        if call.flag(2, true) { call.frame.clock.time_zone().clone() } else { TimeZone::UTC };
    match seconds_of(&value).and_then(|seconds| from_timestamp(seconds, zone)) {
        Some(zoned) => Moment::Zoned(zoned).strftime(&format).map(Value::from),
        None => call.fallback(3, "timestamp_custom", &value),
    }
}
