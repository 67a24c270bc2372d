//! Temperatures of thermostats and boilers: degrees Celsius inside the house, and how finely they
//! are shown.

use crate::home::value::Value;

/// How close a reported temperature must be to the wished one to count as it, in degrees: devices
/// report in tenths.
const CLOSE: f64 = 0.06;

/// How finely a temperature is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// 0.1 degrees.
    #[default]
    Tenths,
    /// 0.5 degrees.
    Halves,
    /// Whole degrees.
    Whole,
}

impl Precision {
    /// A temperature in degrees Celsius as it is shown; null when it is not known. Ties go to the
    /// even neighbour, as in Python.
    pub fn show(self, celsius: Option<f64>) -> Value {
        let Some(celsius) = celsius else { return Value::Null };
        match self {
            // Formatting rounds by the exact value, as Python's `round(x, 1)` does.
            Self::Tenths => Value::Float(format!("{celsius:.1}").parse().unwrap_or(celsius)),
            Self::Halves => Value::Float((celsius * 2.0).round_ties_even() / 2.0),
            Self::Whole => Value::Int(celsius.round_ties_even() as i64),
        }
    }
}

/// Whether a reported temperature is the wished one; a wish for none is fulfilled.
pub(super) fn is_reached(reported: Option<f64>, wished: Option<f64>) -> bool {
    match (reported, wished) {
        (_, None) => true,
        (Some(reported), Some(wished)) => (reported - wished).abs() <= CLOSE,
        (None, Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temperatures_are_shown_as_finely_as_the_device_measures() {
        for (precision, celsius, shown) in [
            (Precision::Tenths, 21.111_111, Value::Float(21.1)),
            (Precision::Tenths, 32.25, Value::Float(32.2)),
            (Precision::Tenths, 0.35, Value::Float(0.3)),
            (Precision::Halves, 21.3, Value::Float(21.5)),
            (Precision::Halves, 21.25, Value::Float(21.0)),
            (Precision::Whole, 21.5, Value::Int(22)),
            (Precision::Whole, 20.5, Value::Int(20)),
        ] {
            assert_eq!(precision.show(Some(celsius)), shown, "{celsius}");
        }
        assert_eq!(Precision::Whole.show(None), Value::Null);
    }

    #[test]
    fn only_the_wished_temperature_fulfils_a_wish() {
        for (reported, wished, reached) in [
            (Some(21.0), Some(21.0), true),
            (Some(21.05), Some(21.0), true),
            (Some(20.5), Some(21.0), false),
            (None, Some(21.0), false),
            (None, None, true),
        ] {
            assert_eq!(is_reached(reported, wished), reached, "{reported:?} {wished:?}");
        }
    }
}
