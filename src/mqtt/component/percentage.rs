//! A device's own range of positions or speeds as the house's percentage, and back, rounded as
//! Home Assistant rounds (its `util.percentage`).

/// A device's range. It may run downwards: a blind that is open at 0 and closed at 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// The device's value for 0 %.
    zero: i64,
    /// The device's value for 100 %, less `zero`; never 0.
    length: i64,
}

impl Span {
    /// From the device's values for 0 and 100 %; `None` when they are the same.
    pub(super) fn new(zero: i64, full: i64) -> Option<Self> {
        let length = full.checked_sub(zero)?;
        (length != 0).then_some(Self { zero, length })
    }

    /// The percentage, rounded down; may be outside 0 to 100.
    pub(super) fn percentage(self, value: f64) -> f64 {
        let part = (value - self.zero as f64) * 100.0;
        let length = self.length as f64;
        let rest = part % length;
        let mut percentage = (part - rest) / length;
        if rest != 0.0 && (rest < 0.0) != (length < 0.0) {
            percentage -= 1.0;
        }
        percentage
    }

    /// The device's value, not rounded.
    pub(super) fn value(self, percentage: u8) -> f64 {
        f64::from(percentage) * self.length as f64 / 100.0 + self.zero as f64
    }

    /// How many steps the device has.
    pub(super) fn steps(self) -> u64 {
        self.length.unsigned_abs()
    }
}

/// A percentage within 0 to 100, whatever was computed.
pub(super) fn clamped(percentage: f64) -> u8 {
    percentage.clamp(0.0, 100.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_rounded_as_home_assistant_rounds_them() {
        for (zero, full, value, percentage) in [
            (0, 3, 2.0, 66.0),
            (0, 255, 200.0, 78.0),
            (0, 100, 42.0, 42.0),
            (100, 0, 25.0, 75.0),
            (100, 0, 100.0, 0.0),
            (0, 3, -1.0, -34.0),
            (0, 10, 3.0, 30.0),
        ] {
            let span = Span::new(zero, full).unwrap();
            assert_eq!(span.percentage(value), percentage, "{zero}..{full} {value}");
        }
        for (zero, full, percentage, value) in
            [(0, 255, 42, 107.1), (100, 0, 25, 75.0), (0, 254, 1, 2.54)]
        {
            let is = Span::new(zero, full).unwrap().value(percentage);
            assert!((is - value).abs() < 1e-9, "{zero}..{full} {percentage}: {is}");
        }
        assert_eq!(Span::new(5, 5), None);
        assert_eq!(clamped(-3.0), 0);
        assert_eq!(clamped(300.0), 100);
    }
}
