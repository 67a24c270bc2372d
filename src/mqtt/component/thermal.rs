//! What thermostats and boilers share: the unit their device speaks, limits, and how a
//! temperature is read and written.

use std::sync::Arc;

use super::{Fault, Moment, NONE, command_payload};
use crate::home::action::Refusal;
use crate::home::domain::temperature::Precision;
use crate::mqtt::keys::Keys;
use crate::template::{Template, Variable, python};

/// The unit that a device speaks; the house speaks Celsius.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Celsius,
    Fahrenheit,
}

impl Unit {
    /// As announced; the house's where nothing is said.
    pub(super) fn read(keys: &mut Keys<'_>) -> Self {
        match keys.choice("temperature_unit", &["C", "F", "°C", "°F"]) {
            Some("F" | "°F") => Self::Fahrenheit,
            Some(_) | None => Self::Celsius,
        }
    }

    /// From the device's unit.
    pub(super) fn to_celsius(self, degrees: f64) -> f64 {
        match self {
            Self::Celsius => degrees,
            Self::Fahrenheit => (degrees - 32.0) / 1.8,
        }
    }

    /// Into the device's unit.
    pub(super) fn of_celsius(self, celsius: f64) -> f64 {
        match self {
            Self::Celsius => celsius,
            Self::Fahrenheit => celsius * 1.8 + 32.0,
        }
    }
}

/// Reads `precision`.
pub(super) fn precision(keys: &mut Keys<'_>) -> Precision {
    match keys.float("precision") {
        None => Precision::Tenths,
        Some(0.1) => Precision::Tenths,
        Some(0.5) => Precision::Halves,
        Some(1.0) => Precision::Whole,
        Some(_) => {
            keys.problem("precision", "must be 0.1, 0.5 or 1");
            Precision::Tenths
        }
    }
}

/// Reads `min_temp` and `max_temp`; `default` and the result are in degrees Celsius.
pub(super) fn limits(keys: &mut Keys<'_>, unit: Unit, default: (f64, f64)) -> (f64, f64) {
    let min = keys.float("min_temp").map_or(default.0, |degrees| unit.to_celsius(degrees));
    let max = keys.float("max_temp").map_or(default.1, |degrees| unit.to_celsius(degrees));
    (min, max)
}

/// A number that a device reports: `None` when the message says nothing, `Some(None)` when it says
/// that it does not know.
pub(super) fn reported(what: &str, payload: &str) -> Result<Option<Option<f64>>, Fault> {
    if payload.is_empty() {
        return Ok(None);
    }
    if payload == NONE {
        return Ok(Some(None));
    }
    match python::parse_float(payload).filter(|number| number.is_finite()) {
        Some(number) => Ok(Some(Some(number))),
        None => Err(Fault(format!("{what}: `{}` is not a number", short(payload)))),
    }
}

/// The beginning of a payload, to be shown to a person.
pub(super) fn short(payload: &str) -> String {
    payload.chars().take(80).collect()
}

/// Where a wished value goes, if the device takes it, and in what form.
#[derive(Default)]
pub(super) struct Outlet {
    topic: Option<Arc<str>>,
    template: Option<Template>,
}

impl Outlet {
    /// Reads a command topic and its template.
    pub(super) fn read(keys: &mut Keys<'_>, topic: &str, template: &str) -> Self {
        Self { topic: keys.publish_topic(topic), template: keys.template(template) }
    }

    /// Whether the device takes it.
    pub(super) fn is_there(&self) -> bool {
        self.topic.is_some()
    }

    /// Adds the message, if there is a topic.
    pub(super) fn send(
        &self,
        out: &mut super::Commands,
        plain: &str,
        value: Variable,
        moment: &Moment<'_>,
    ) -> Result<(), Refusal> {
        if let Some(topic) = &self.topic {
            let variables = [("value", value)];
            out.push(topic, command_payload(self.template.as_ref(), plain, &variables, moment)?);
        }
        Ok(())
    }

    /// Adds a text.
    pub(super) fn send_text(
        &self,
        out: &mut super::Commands,
        text: &str,
        moment: &Moment<'_>,
    ) -> Result<(), Refusal> {
        self.send(out, text, Variable::from(text), moment)
    }

    /// Adds a number, written as Python does.
    pub(super) fn send_float(
        &self,
        out: &mut super::Commands,
        number: f64,
        moment: &Moment<'_>,
    ) -> Result<(), Refusal> {
        self.send(out, &python::float_repr(number), Variable::from(number), moment)
    }

    /// Adds a whole number.
    pub(super) fn send_int(
        &self,
        out: &mut super::Commands,
        number: i64,
        moment: &Moment<'_>,
    ) -> Result<(), Refusal> {
        self.send(out, &number.to_string(), Variable::from(number), moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reported_number_is_read_as_python_reads_it() {
        for (payload, number) in [
            ("21.5", Some(Some(21.5))),
            (" 21 ", Some(Some(21.0))),
            ("1e1", Some(Some(10.0))),
            ("None", Some(None)),
            ("", None),
        ] {
            assert_eq!(reported("temperature", payload), Ok(number), "{payload}");
        }
        for payload in ["warm", "nan", "inf", "21,5"] {
            assert!(reported("temperature", payload).is_err(), "{payload}");
        }
    }

    #[test]
    fn fahrenheit_goes_both_ways() {
        assert_eq!(Unit::Fahrenheit.of_celsius(21.0), 69.800_000_000_000_01);
        assert_eq!(Unit::Fahrenheit.to_celsius(50.0), 10.0);
        assert_eq!(Unit::Celsius.of_celsius(21.0), 21.0);
    }
}
