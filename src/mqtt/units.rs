//! Units of measurement: what is shown in the house's own units whatever the device sends.

/// From the device's unit to the house's.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Conversion {
    factor: f64,
    offset: f64,
    /// Digits that are added to keep the value's precision in the greater unit.
    digits: usize,
    /// The unit shown.
    pub(super) to: &'static str,
}

impl Conversion {
    /// What a value of this device class in this unit needs in a metric house; `None` is nothing.
    pub(super) fn of(device_class: Option<&str>, unit: Option<&str>) -> Option<Self> {
        match (device_class?, unit?) {
            ("temperature", "°F") => {
                Some(Self { factor: 5.0 / 9.0, offset: -32.0 * 5.0 / 9.0, digits: 0, to: "°C" })
            }
            ("temperature", "K") => {
                Some(Self { factor: 1.0, offset: -273.15, digits: 0, to: "°C" })
            }
            _ => None,
        }
    }

    /// The value in the house's unit, with as many decimals as it came with.
    pub(super) fn convert(&self, value: &str) -> String {
        let Ok(number) = value.trim().parse::<f64>() else { return value.to_owned() };
        let decimals = value.trim().split_once('.').map_or(0, |(_, decimals)| decimals.len());
        let converted = number * self.factor + self.offset;
        let text = format!("{converted:.*}", decimals.min(12) + self.digits);
        // No minus zero.
        if text.trim_start_matches('-').bytes().all(|byte| matches!(byte, b'0' | b'.')) {
            return text.trim_start_matches('-').to_owned();
        }
        text
    }
}
