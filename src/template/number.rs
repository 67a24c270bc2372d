//! Filters and functions on numbers, and the conversions `int`, `float`, `bool` and `round` as Home Assistant has
//! them: input that is not a number is an error unless the template gives a default.

use std::cmp::Ordering;

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use super::call::{Call, to_float, to_int, truncated};
use super::list::attribute_of;
use super::operators::{self, failed, is_list, order, refuse_undefined, type_name};
use super::python::{self, Number, int_value, parse_float, parse_int, strip};

/// `int(value, default, base)`: `"42.7"` is 42, as in Jinja.
pub(super) fn int(call: &mut Call) -> Result<Value, Error> {
    let value = call.need(0)?;
    refuse_undefined(&value)?;
    let int = match value.kind() {
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            let base = call.optional_int(2)?.unwrap_or(10);
            u32::try_from(base)
                .ok()
                .and_then(|base| parse_int(text, base))
                .or_else(|| parse_float(text).and_then(truncated))
        }
        _ => to_int(&value).ok(),
    };
    match int {
        Some(int) => Ok(int_value(int)),
        None => call.fallback(1, "int", &value),
    }
}

/// `float(value, default)`.
pub(super) fn float(call: &mut Call) -> Result<Value, Error> {
    let value = call.need(0)?;
    refuse_undefined(&value)?;
    match to_float(&value) {
        Ok(float) => Ok(Value::from(float)),
        Err(_) => call.fallback(1, "float", &value),
    }
}

/// `bool(value, default)`: also the words that people write for yes and no.
pub(super) fn bool(call: &mut Call) -> Result<Value, Error> {
    let value = call.need(0)?;
    let truth = match (value.kind(), Number::of(&value)) {
        (_, Some(number)) => Some(number.to_f64() != 0.0),
        (ValueKind::String, None) => {
            match strip(value.as_str().unwrap_or_default()).to_lowercase().as_str() {
                "1" | "true" | "yes" | "on" | "enable" => Some(true),
                "0" | "false" | "no" | "off" | "disable" => Some(false),
                _ => None,
            }
        }
        _ => None,
    };
    match truth {
        Some(truth) => Ok(Value::from(truth)),
        None => call.fallback(1, "bool", &value),
    }
}

/// `round(value, precision, method, default)`. Precision 0 gives an integer, unlike Jinja's own filter.
pub(super) fn round(call: &mut Call) -> Result<Value, Error> {
    let value = call.need(0)?;
    refuse_undefined(&value)?;
    let precision = call.optional_int(1)?.unwrap_or(0).clamp(-400, 400);
    let precision = i32::try_from(precision).unwrap_or(0);
    let method = call.optional_text(2)?.unwrap_or_default();
    let Ok(float) = to_float(&value) else { return call.fallback(3, "round", &value) };
    let unit = 10f64.powi(precision);
    let rounded = match method.as_str() {
        "ceil" => (float * unit).ceil() / unit,
        "floor" => (float * unit).floor() / unit,
        "half" => (float * 2.0).round_ties_even() / 2.0,
        _ => python::round(float, precision),
    };
    if precision != 0 {
        return Ok(Value::from(rounded));
    }
    match truncated(rounded) {
        Some(int) => Ok(int_value(int)),
        None => call.fallback(3, "round", &value),
    }
}

/// `is_number(value)`: whether `float` would give a finite number.
pub(super) fn is_number(call: &mut Call) -> Result<Value, Error> {
    let value = call.need(0)?;
    refuse_undefined(&value)?;
    Ok(Value::from(to_float(&value).is_ok_and(f64::is_finite)))
}

pub(super) fn abs(call: &mut Call) -> Result<Value, Error> {
    let value = call.need(0)?;
    match Number::of(&value) {
        Some(Number::Int(int)) => Ok(int_value(int.saturating_abs())),
        Some(Number::Float(float)) => Ok(Value::from(float.abs())),
        None => {
            refuse_undefined(&value)?;
            Err(failed(format!("bad operand type for abs(): '{}'", type_name(&value))))
        }
    }
}

/// `multiply(value, amount, default)`.
pub(super) fn multiply(call: &mut Call) -> Result<Value, Error> {
    scaled(call, "multiply", |value, amount| value * amount)
}

/// `add(value, amount, default)`.
pub(super) fn add(call: &mut Call) -> Result<Value, Error> {
    scaled(call, "add", |value, amount| value + amount)
}

fn scaled(call: &Call, name: &str, operate: fn(f64, f64) -> f64) -> Result<Value, Error> {
    let value = call.need(0)?;
    refuse_undefined(&value)?;
    match (to_float(&value), call.float(1)) {
        (Ok(float), Ok(amount)) => Ok(Value::from(operate(float, amount))),
        _ => call.fallback(2, name, &value),
    }
}

pub(super) fn bitwise_and(call: &mut Call) -> Result<Value, Error> {
    Ok(int_value(call.int(0)? & call.int(1)?))
}

pub(super) fn bitwise_or(call: &mut Call) -> Result<Value, Error> {
    Ok(int_value(call.int(0)? | call.int(1)?))
}

pub(super) fn bitwise_xor(call: &mut Call) -> Result<Value, Error> {
    Ok(int_value(call.int(0)? ^ call.int(1)?))
}

/// The functions of one float; the default is the second argument.
fn one(call: &Call, name: &str, function: impl Fn(f64) -> f64) -> Result<Value, Error> {
    let value = call.need(0)?;
    refuse_undefined(&value)?;
    match to_float(&value).map(function) {
        Ok(result) if !result.is_nan() => Ok(Value::from(result)),
        _ => call.fallback(1, name, &value),
    }
}

pub(super) fn sqrt(call: &mut Call) -> Result<Value, Error> {
    one(call, "sqrt", f64::sqrt)
}

pub(super) fn sin(call: &mut Call) -> Result<Value, Error> {
    one(call, "sin", f64::sin)
}

pub(super) fn cos(call: &mut Call) -> Result<Value, Error> {
    one(call, "cos", f64::cos)
}

pub(super) fn tan(call: &mut Call) -> Result<Value, Error> {
    one(call, "tan", f64::tan)
}

pub(super) fn asin(call: &mut Call) -> Result<Value, Error> {
    one(call, "asin", f64::asin)
}

pub(super) fn acos(call: &mut Call) -> Result<Value, Error> {
    one(call, "acos", f64::acos)
}

pub(super) fn atan(call: &mut Call) -> Result<Value, Error> {
    one(call, "atan", f64::atan)
}

/// `log(value, base, default)`.
pub(super) fn log(call: &mut Call) -> Result<Value, Error> {
    let value = call.need(0)?;
    refuse_undefined(&value)?;
    let base = call.optional_float(1)?.unwrap_or(std::f64::consts::E);
    let usable = |float: &f64| *float > 0.0 && base > 0.0 && base != 1.0;
    match to_float(&value).ok().filter(usable) {
        Some(float) => Ok(Value::from(match base {
            10.0 => float.log10(),
            2.0 => float.log2(),
            std::f64::consts::E => float.ln(),
            base => float.ln() / base.ln(),
        })),
        None => call.fallback(2, "log", &value),
    }
}

/// `max(…)`: of one list, or of the arguments.
pub(super) fn max(call: &mut Call) -> Result<Value, Error> {
    extreme(call, Ordering::Greater)
}

pub(super) fn min(call: &mut Call) -> Result<Value, Error> {
    extreme(call, Ordering::Less)
}

fn extreme(call: &mut Call, wanted: Ordering) -> Result<Value, Error> {
    let candidates = match &call.rest[..] {
        [] => return Err(failed("expected at least one argument")),
        [one]
            if is_list(one)
                || matches!(
                    one.kind(),
                    ValueKind::Map | ValueKind::String | ValueKind::Undefined
                ) =>
        {
            operators::items(&call.frame, one)?
        }
        [one] => return Err(failed(format!("'{}' object is not iterable", type_name(one)))),
        many => many.to_vec(),
    };
    let named =
        |name: &str| call.named.iter().find(|(given, _)| given == name).map(|(_, value)| value);
    let attribute = named("attribute").cloned();
    let case_sensitive = named("case_sensitive").is_some_and(Value::is_true);
    let mut best: Option<(Value, Value)> = None;
    for candidate in candidates {
        let mut key = match &attribute {
            Some(attribute) => attribute_of(&candidate, attribute)?,
            None => candidate.clone(),
        };
        if let Some(text) = key.as_str().filter(|_| !case_sensitive) {
            call.frame.charge(text.len())?;
            key = Value::from(text.to_lowercase());
        }
        let better = match &best {
            Some((_, so_far)) => order(call.state, &key, so_far)? == Some(wanted),
            None => true,
        };
        if better {
            best = Some((candidate, key));
        }
    }
    Ok(best.map_or(Value::UNDEFINED, |(value, _)| value))
}

/// The numbers of one list or of the arguments; `default` is a named argument, or follows a list.
fn numbers(call: &Call) -> Result<Option<Vec<f64>>, Error> {
    let values = match &call.rest[..] {
        [list, ..] if is_list(list) => operators::items(&call.frame, list)?,
        values => values.to_vec(),
    };
    let floats: Result<Vec<f64>, Error> = values.iter().map(to_float).collect();
    Ok(floats.ok().filter(|floats| !floats.is_empty()))
}

fn statistic(call: &Call, name: &str, of: impl Fn(Vec<f64>) -> f64) -> Result<Value, Error> {
    match numbers(call)? {
        Some(floats) => Ok(Value::from(of(floats))),
        None => {
            let named =
                call.named.iter().find(|(given, _)| given == "default").map(|(_, value)| value);
            let after_list = call.rest.get(1).filter(|_| call.rest.first().is_some_and(is_list));
            named.or(after_list).cloned().ok_or_else(|| {
                failed(format!("{name} got invalid input and no default was specified"))
            })
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "lists are short")]
pub(super) fn average(call: &mut Call) -> Result<Value, Error> {
    statistic(call, "average", |floats| floats.iter().sum::<f64>() / floats.len() as f64)
}

pub(super) fn median(call: &mut Call) -> Result<Value, Error> {
    let median = statistic(call, "median", |mut floats| {
        floats.sort_by(f64::total_cmp);
        let middle = floats.len() / 2;
        let upper = floats.get(middle).copied().unwrap_or(f64::NAN);
        match middle.checked_sub(1).filter(|_| floats.len().is_multiple_of(2)) {
            Some(lower) => f64::midpoint(floats[lower], upper),
            None => upper,
        }
    })?;
    // The middle one of an odd number of integers is one of them.
    let values = match &call.rest[..] {
        [list, ..] if is_list(list) => operators::items(&call.frame, list)?,
        values => values.to_vec(),
    };
    let whole = values.iter().all(|value| matches!(Number::of(value), Some(Number::Int(_))));
    match Number::of(&median) {
        Some(Number::Float(float)) if whole && !values.len().is_multiple_of(2) => {
            Ok(truncated(float).map_or(median, int_value))
        }
        _ => Ok(median),
    }
}

/// `clamp(value, min, max)`.
pub(super) fn clamp(call: &mut Call) -> Result<Value, Error> {
    let (value, low, high) = (call.need(0)?, call.need(1)?, call.need(2)?);
    for bound in [&value, &low, &high] {
        to_float(bound)?;
    }
    if order(call.state, &value, &low)? == Some(Ordering::Less) {
        return Ok(low);
    }
    Ok(if order(call.state, &value, &high)? == Some(Ordering::Greater) { high } else { value })
}

/// `ordinal(1)` is `1st`.
pub(super) fn ordinal(call: &mut Call) -> Result<Value, Error> {
    let number = call.int(0)?;
    let size = number.unsigned_abs();
    let suffix = match (size % 10, size % 100 / 10) {
        (_, 1) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    Ok(Value::from(format!("{number}{suffix}")))
}
