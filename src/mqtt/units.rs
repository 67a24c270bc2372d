//! Units of measurement: what is shown in a metric house whatever the device sends. The table is
//! that of Home Assistant's metric unit system.

use crate::template::python;

/// From the device's unit to the house's: `value * factor + offset`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Conversion {
    factor: f64,
    offset: f64,
    /// The unit shown.
    pub(super) to: &'static str,
}

impl Conversion {
    /// What a value of this device class in this unit needs; `None` is nothing.
    pub(super) fn of(device_class: Option<&str>, unit: Option<&str>) -> Option<Self> {
        let (factor, offset, to) = match (device_class?, unit?) {
            ("temperature", "°F") => (5.0 / 9.0, -160.0 / 9.0, "°C"),
            ("temperature", "K") => (1.0, -273.15, "°C"),
            ("atmospheric_pressure", unit) => (pascals(unit)? / 100.0, 0.0, "hPa"),
            ("pressure", "psi") => (pascals("psi")? / 1000.0, 0.0, "kPa"),
            ("pressure", "inHg") => (pascals("inHg")? / 100.0, 0.0, "hPa"),
            ("area", "in²") => (6.4516, 0.0, "cm²"),
            ("area", "ft²") => (0.092_903_04, 0.0, "m²"),
            ("area", "yd²") => (0.836_127_36, 0.0, "m²"),
            ("area", "mi²") => (2.589_988_110_336, 0.0, "km²"),
            ("area", "ac") => (0.404_685_642_24, 0.0, "ha"),
            ("distance", "ft") => (0.3048, 0.0, "m"),
            ("distance", "yd") => (0.9144, 0.0, "m"),
            ("distance" | "precipitation", "in") => (25.4, 0.0, "mm"),
            ("distance", "mi") => (1.609_344, 0.0, "km"),
            ("distance", "nmi") => (1.852, 0.0, "km"),
            ("gas" | "volume" | "water", "ft³") => (CUBIC_FOOT, 0.0, "m³"),
            ("gas" | "volume" | "water", "CCF") => (100.0 * CUBIC_FOOT, 0.0, "m³"),
            ("volume" | "water", "gal") => (3.785_411_784, 0.0, "L"),
            ("volume", "fl. oz.") => (29.573_529_562_5, 0.0, "mL"),
            ("precipitation_intensity" | "speed", "in/d") => (25.4, 0.0, "mm/d"),
            ("precipitation_intensity" | "speed", "in/h") => (25.4, 0.0, "mm/h"),
            ("speed" | "wind_speed", "ft/s") => (1.097_28, 0.0, "km/h"),
            ("speed" | "wind_speed", "mph") => (1.609_344, 0.0, "km/h"),
            ("speed", "in/s") => (25.4, 0.0, "mm/s"),
            ("wind_speed", "m/s") => (3.6, 0.0, "km/h"),
            ("wind_speed", "m/min") => (0.06, 0.0, "km/h"),
            ("wind_speed", "mm/s") => (0.0036, 0.0, "km/h"),
            ("wind_speed", "in/s") => (0.091_44, 0.0, "km/h"),
            _ => return None,
        };
        (to != unit?).then_some(Self { factor, offset, to })
    }

    /// The value in the house's unit, with as many decimals as it came with, and more where the
    /// house's unit is ten, a hundred … times the device's. With `exact` it is not rounded.
    pub(super) fn convert(&self, value: &str, exact: bool) -> String {
        let Ok(number) = value.trim().parse::<f64>() else { return value.to_owned() };
        let decimals = value.trim().split_once('.').map_or(0, |(_, decimals)| decimals.len());
        let more = (1.0 / self.factor).log10().floor().max(0.0) as usize;
        let converted = number * self.factor + self.offset;
        if exact {
            return python::float_repr(converted);
        }
        let text = format!("{converted:.*}", decimals.min(12) + more);
        // No minus zero.
        if text.bytes().all(|byte| matches!(byte, b'0' | b'.' | b'-')) {
            return text.trim_start_matches('-').to_owned();
        }
        text
    }
}

/// Cubic metres.
const CUBIC_FOOT: f64 = 0.028_316_846_592;

fn pascals(unit: &str) -> Option<f64> {
    Some(match unit {
        "Pa" => 1.0,
        "mPa" => 0.001,
        "hPa" | "mbar" => 100.0,
        "kPa" => 1_000.0,
        "bar" => 100_000.0,
        "cbar" => 1_000.0,
        "mmHg" => 133.322_387_415,
        "inHg" => 3_386.388_640_341,
        "inH₂O" => 249.088_908_333,
        "psi" => 6_894.757_293_168,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(class: &str, value: &str, unit: &str, shown: &str, shown_unit: &str) {
        let conversion = Conversion::of(Some(class), Some(unit)).unwrap();
        assert_eq!(
            (&*conversion.convert(value, false), conversion.to),
            (shown, shown_unit),
            "{value}"
        );
    }

    #[test]
    fn values_keep_their_precision_in_the_metric_unit() {
        check("temperature", "70.5", "°F", "21.4", "°C");
        check("temperature", "32", "°F", "0", "°C");
        check("temperature", "31.99", "°F", "-0.01", "°C");
        check("atmospheric_pressure", "101.3", "kPa", "1013.0", "hPa");
        check("atmospheric_pressure", "101325", "Pa", "1013.25", "hPa");
        check("wind_speed", "17", "m/s", "61", "km/h");
        check("water", "1.5", "gal", "5.7", "L");
    }

    #[test]
    fn metric_values_stay_as_they_are() {
        for (class, unit) in [
            ("temperature", "°C"),
            ("atmospheric_pressure", "hPa"),
            ("wind_speed", "km/h"),
            ("wind_speed", "kn"),
            ("energy", "Wh"),
        ] {
            assert_eq!(Conversion::of(Some(class), Some(unit)), None, "{class} {unit}");
        }
    }
}
