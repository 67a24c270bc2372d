//! Colour modes: in which way a light can be told its colour, and in which it is told just now.

use std::fmt;
use std::str::FromStr;

/// A colour mode of Home Assistant. In the alphabetical order of the words, in which lights list
/// what they support.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ColorMode {
    /// Brightness only.
    Brightness,
    /// White of a temperature.
    ColorTemp,
    /// Hue and saturation.
    Hs,
    /// On and off only.
    OnOff,
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue and a white channel.
    Rgbw,
    /// Red, green, blue, cold and warm white channels.
    Rgbww,
    /// The device has not said in which mode it is.
    Unknown,
    /// White without temperature, beside a colour.
    White,
    /// CIE chromaticity.
    Xy,
}

impl ColorMode {
    /// All that a light can support, in the order of their words.
    pub const SUPPORTABLE: &[Self] = &[
        Self::Brightness,
        Self::ColorTemp,
        Self::Hs,
        Self::OnOff,
        Self::Rgb,
        Self::Rgbw,
        Self::Rgbww,
        Self::White,
        Self::Xy,
    ];

    /// Home Assistant's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Brightness => "brightness",
            Self::ColorTemp => "color_temp",
            Self::Hs => "hs",
            Self::OnOff => "onoff",
            Self::Rgb => "rgb",
            Self::Rgbw => "rgbw",
            Self::Rgbww => "rgbww",
            Self::Unknown => "unknown",
            Self::White => "white",
            Self::Xy => "xy",
        }
    }

    /// Whether a brightness belongs to this mode.
    pub fn has_brightness(self) -> bool {
        !matches!(self, Self::OnOff | Self::Unknown)
    }

    /// Whether this mode tells a colour other than a white.
    pub fn has_color(self) -> bool {
        matches!(self, Self::Hs | Self::Rgb | Self::Rgbw | Self::Rgbww | Self::Xy)
    }
}

impl fmt::Display for ColorMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A word that is no colour mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSuchMode;

impl FromStr for ColorMode {
    type Err = NoSuchMode;

    fn from_str(word: &str) -> Result<Self, NoSuchMode> {
        let mut known = Self::SUPPORTABLE.iter().copied().chain([Self::Unknown]);
        known.find(|mode| mode.word() == word).ok_or(NoSuchMode)
    }
}

/// The colour modes that a light supports; never empty, and never one that says less than another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Modes(u16);

impl Default for Modes {
    fn default() -> Self {
        Self::of([])
    }
}

impl Modes {
    /// These modes. "On and off" and "brightness" say nothing beside a richer one and are left
    /// out; without any, the light can be switched on and off.
    pub fn of(modes: impl IntoIterator<Item = ColorMode>) -> Self {
        let bits = modes
            .into_iter()
            .filter(|mode| *mode != ColorMode::Unknown)
            .fold(0, |bits, mode| bits | Self::bit(mode));
        let rich = bits & !Self::bit(ColorMode::OnOff);
        let richer = rich & !Self::bit(ColorMode::Brightness);
        Self(match (richer, rich) {
            (0, 0) => Self::bit(ColorMode::OnOff),
            (0, rich) => rich,
            (richer, _) => richer,
        })
    }

    fn bit(mode: ColorMode) -> u16 {
        1 << mode as u16
    }

    /// Whether this one is supported.
    pub fn has(self, mode: ColorMode) -> bool {
        self.0 & Self::bit(mode) != 0
    }

    /// All, in the order of their words.
    pub fn iter(self) -> impl Iterator<Item = ColorMode> {
        ColorMode::SUPPORTABLE.iter().copied().filter(move |mode| self.has(*mode))
    }

    /// The mode, if it is the only one.
    pub fn only(self) -> Option<ColorMode> {
        let mut modes = self.iter();
        let first = modes.next();
        first.filter(|_| modes.next().is_none())
    }

    /// The first of these that is supported.
    pub fn first_of(self, wished: &[ColorMode]) -> Option<ColorMode> {
        wished.iter().copied().find(|mode| self.has(*mode))
    }

    /// Whether the light can be dimmed.
    pub fn has_brightness(self) -> bool {
        self.iter().any(ColorMode::has_brightness)
    }

    /// Whether the light can show colours.
    pub fn has_color(self) -> bool {
        self.iter().any(ColorMode::has_color)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poorer_modes_are_left_out() {
        use ColorMode::*;
        for (given, kept) in [
            (vec![], vec![OnOff]),
            (vec![OnOff, Brightness], vec![Brightness]),
            (vec![OnOff, Brightness, Xy, ColorTemp], vec![ColorTemp, Xy]),
            (vec![Unknown], vec![OnOff]),
        ] {
            assert_eq!(Modes::of(given).iter().collect::<Vec<_>>(), kept);
        }
        assert!(ColorMode::SUPPORTABLE.is_sorted_by_key(|mode| mode.word()));
        assert!(ColorMode::SUPPORTABLE.is_sorted());
        assert_eq!(Modes::of([Hs]).only(), Some(Hs));
        assert_eq!(Modes::of([Hs, Xy]).only(), None);
    }
}
