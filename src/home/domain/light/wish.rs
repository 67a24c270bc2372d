//! What one can ask of a light when it is turned on: read from a service call, then brought to
//! what the light can do.

use std::sync::Arc;

use super::mode::ColorMode;
use super::{Caps, State};
use crate::home::action::Refusal;
use crate::home::color::{self, Hs, Rgb, Rgbw, Rgbww, Xy};
use crate::home::service::{Fields, Invalid};
use crate::home::value::Value;

/// How bright. Becomes `To` when accepted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Brightness {
    /// 0 to 255; 0 turns the light off.
    To(u8),
    /// 0 to 100 percent; 0 turns the light off.
    Percent(f64),
    /// So much brighter (−255 to 255) than now; 255 steps are all.
    Step(i16),
    /// So many percent points (−100 to 100) brighter than now.
    StepPercent(f64),
}

/// Which colour. When accepted it is in one of the modes that the light supports.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Color {
    /// Hue and saturation.
    Hs(Hs),
    /// Red, green, blue.
    Rgb(Rgb),
    /// Red, green, blue, white.
    Rgbw(Rgbw),
    /// Red, green, blue, cold white, warm white.
    Rgbww(Rgbww),
    /// CIE chromaticity.
    Xy(Xy),
    /// Colour temperature, in kelvin, at least 1.
    Kelvin(u32),
    /// White at a brightness (0 to 255); `None` is the present one.
    White(Option<u8>),
}

/// How long the light flashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flash {
    /// Shortly.
    Short,
    /// Long.
    Long,
}

impl Flash {
    /// Home Assistant's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Long => "long",
        }
    }
}

/// How the light goes to what is asked.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Manner {
    /// Over so many seconds (0 to 6553).
    pub transition: Option<f64>,
    /// Flashing.
    pub flash: Option<Flash>,
}

impl Manner {
    /// What the light understands of it; the rest changes nothing about where it ends.
    pub(super) fn for_light(self, caps: &Caps) -> Self {
        Self {
            transition: self.transition.filter(|_| caps.has_transition),
            flash: self.flash.filter(|_| caps.has_flash),
        }
    }
}

/// What is asked of a light that is turned on; what is `None` stays as it is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TurnOn {
    /// How bright.
    pub brightness: Option<Brightness>,
    /// Which colour.
    pub color: Option<Color>,
    /// One of the light's effects.
    pub effect: Option<Arc<str>>,
    /// How it goes there.
    pub manner: Manner,
}

/// Names of the fields that [`TurnOn::read`] understands.
pub(super) const FIELDS: &[&str] = &[
    "brightness",
    "brightness_pct",
    "brightness_step",
    "brightness_step_pct",
    "color_name",
    "color_temp",
    "color_temp_kelvin",
    "effect",
    "flash",
    "hs_color",
    "kelvin",
    "rgb_color",
    "rgbw_color",
    "rgbww_color",
    "transition",
    "white",
    "xy_color",
];

/// Names of the fields that [`Manner`] is read from.
pub(super) const MANNER_FIELDS: &[&str] = &["flash", "transition"];

const ANY: std::ops::RangeInclusive<f64> = f64::MIN..=f64::MAX;

/// Reads how the light goes to what is asked.
pub(super) fn read_manner(fields: &mut Fields) -> Result<Manner, Invalid> {
    let transition = fields.number("transition", ANY, "a number of seconds")?;
    let flash = match fields.text("flash")?.as_deref() {
        None => None,
        Some("short") => Some(Flash::Short),
        Some("long") => Some(Flash::Long),
        Some(_) => return Err(Invalid::Field { name: "flash", expected: "`short` or `long`" }),
    };
    Ok(Manner { transition: transition.map(|seconds| seconds.clamp(0.0, 6553.0)), flash })
}

/// Keeps the one that was given; several exclude each other.
fn only<T>(slot: &mut Option<T>, name: &'static str, value: Option<T>) -> Result<(), Invalid> {
    match (slot.is_some(), value) {
        (_, None) => Ok(()),
        (false, value) => {
            *slot = value;
            Ok(())
        }
        (true, Some(_)) => {
            Err(Invalid::Field { name, expected: "the only brightness or the only colour given" })
        }
    }
}

impl TurnOn {
    /// Reads the fields of `light.turn_on`. Home Assistant clamps brightness, its steps and the
    /// transition, and refuses other values outside their range; so does this.
    pub(super) fn read(fields: &mut Fields) -> Result<Self, Invalid> {
        Ok(Self {
            brightness: read_brightness(fields)?,
            color: read_color(fields)?,
            effect: fields.text("effect")?,
            manner: read_manner(fields)?,
        })
    }

    /// What the light can do of it, in its own colour modes, as Home Assistant brings it there:
    /// what the light has no way to do (a colour of a white light) is left out. `None` when the
    /// brightness asked for is 0: the light is to be turned off.
    pub(super) fn for_light(self, caps: &Caps, state: &State) -> Result<Option<Self>, Refusal> {
        let mut level = self.brightness.map(|brightness| brightness.level(state));
        let color = self.color.and_then(|color| color.for_light(caps, level.or(state.brightness)));
        let color = match color {
            Some(Color::White(given)) => {
                let unknown = || Refusal::BadValue {
                    what: "white",
                    why: "the present brightness is not known, say how bright".to_owned(),
                };
                let given = given.or(state.brightness);
                if !caps.modes.has(ColorMode::White) {
                    if given == Some(0) {
                        return Ok(None);
                    }
                    None
                } else {
                    let white = level.take().or(given).ok_or_else(unknown)?;
                    if white == 0 {
                        return Ok(None);
                    }
                    Some(Color::White(Some(white)))
                }
            }
            color => color,
        };
        if level == Some(0) {
            return Ok(None);
        }
        let level = level.filter(|_| caps.modes.has_brightness());
        Ok(Some(Self {
            brightness: level.map(Brightness::To),
            color,
            effect: caps.effect(self.effect)?,
            manner: self.manner.for_light(caps),
        }))
    }

    /// How bright (1 to 255), once accepted.
    pub fn level(&self) -> Option<u8> {
        match self.brightness {
            Some(Brightness::To(level)) => Some(level),
            None
            | Some(Brightness::Percent(_) | Brightness::Step(_) | Brightness::StepPercent(_)) => {
                None
            }
        }
    }
}

impl Brightness {
    /// The brightness asked for, 0 to 255, given what the light is now.
    fn level(self, state: &State) -> u8 {
        let now = f64::from(state.brightness.filter(|_| state.on == Some(true)).unwrap_or(0));
        let level = match self {
            Self::To(level) => return level,
            Self::Percent(percent) => (255.0 * percent / 100.0).round_ties_even(),
            Self::Step(step) => now + f64::from(step),
            Self::StepPercent(percent) => now + (percent / 100.0 * 255.0).round_ties_even(),
        };
        level.clamp(0.0, 255.0) as u8
    }
}

impl Color {
    /// The same colour in a mode that the light supports; `None` when it can show no colour.
    /// `brightness` is the one the light will have, if known.
    fn for_light(self, caps: &Caps, brightness: Option<u8>) -> Option<Self> {
        use ColorMode::{ColorTemp, Hs, Rgb, Rgbw, Rgbww, Xy};
        let (min, max) = (caps.min_kelvin, caps.max_kelvin);
        let has = |mode| caps.modes.has(mode);
        match self {
            Self::Kelvin(kelvin) => {
                if has(ColorTemp) {
                    return Some(self);
                }
                if has(Rgbww) {
                    let level = brightness.unwrap_or(255);
                    return Some(Self::Rgbww(color::kelvin_to_rgbww(kelvin, level, min, max)));
                }
                if !caps.modes.has_color() {
                    return None;
                }
                Self::Hs(color::kelvin_to_hs(kelvin)).for_light(caps, brightness)
            }
            Self::Hs(hs) => {
                let rgb = color::hs_to_rgb(hs);
                match caps.modes.first_of(&[Hs, Rgb, Rgbw, Rgbww, Xy, ColorTemp])? {
                    Hs => Some(self),
                    Xy => Some(Self::Xy(color::hs_to_xy(hs))),
                    ColorTemp => Some(Self::of_xy(color::hs_to_xy(hs))),
                    mode => Self::of_rgb(rgb, mode, min, max),
                }
            }
            Self::Rgb(rgb) => Self::of_rgb(
                rgb,
                caps.modes.first_of(&[Rgb, Rgbw, Rgbww, Hs, Xy, ColorTemp])?,
                min,
                max,
            ),
            Self::Xy(xy) => match caps.modes.first_of(&[Xy, Hs, Rgb, Rgbw, Rgbww, ColorTemp])? {
                Xy => Some(self),
                Hs => Some(Self::Hs(color::xy_to_hs(xy))),
                ColorTemp => Some(Self::of_xy(xy)),
                mode => Self::of_rgb(color::xy_to_rgb(xy), mode, min, max),
            },
            Self::Rgbw(_) if has(Rgbw) => Some(self),
            Self::Rgbw(rgbw) => {
                let mode = caps.modes.first_of(&[Rgb, Rgbww, Hs, Xy, ColorTemp])?;
                Self::of_rgb(color::rgbw_to_rgb(rgbw), mode, min, max)
            }
            Self::Rgbww(_) if has(Rgbww) => Some(self),
            Self::Rgbww(rgbww) => {
                let mode = caps.modes.first_of(&[Rgb, Rgbw, Hs, Xy, ColorTemp])?;
                Self::of_rgb(color::rgbww_to_rgb(rgbww, min, max), mode, min, max)
            }
            Self::White(_) => Some(self),
        }
    }

    /// The temperature nearest to a chromaticity.
    fn of_xy(xy: Xy) -> Self {
        Self::Kelvin(color::xy_to_kelvin(xy))
    }

    /// An RGB colour in another mode.
    fn of_rgb(rgb: Rgb, mode: ColorMode, min_kelvin: u32, max_kelvin: u32) -> Option<Self> {
        Some(match mode {
            ColorMode::Rgb => Self::Rgb(rgb),
            ColorMode::Rgbw => Self::Rgbw(color::rgb_to_rgbw(rgb)),
            ColorMode::Rgbww => Self::Rgbww(color::rgb_to_rgbww(rgb, min_kelvin, max_kelvin)),
            ColorMode::Hs => Self::Hs(color::rgb_to_hs(rgb.map(f64::from))),
            ColorMode::Xy => Self::Xy(color::rgb_to_xy(rgb)),
            ColorMode::ColorTemp => Self::of_xy(color::rgb_to_xy(rgb)),
            ColorMode::Brightness | ColorMode::OnOff | ColorMode::Unknown | ColorMode::White => {
                return None;
            }
        })
    }
}

fn read_brightness(fields: &mut Fields) -> Result<Option<Brightness>, Invalid> {
    let mut brightness = None;
    let to = fields.number("brightness", ANY, "a number from 0 to 255")?;
    only(&mut brightness, "brightness", to.map(|level| Brightness::To(byte(level))))?;
    let percent = fields.number("brightness_pct", 0.0..=100.0, "a number from 0 to 100")?;
    only(&mut brightness, "brightness_pct", percent.map(Brightness::Percent))?;
    let step = fields.number("brightness_step", ANY, "a number from -255 to 255")?;
    let step = step.map(|step| Brightness::Step(step.clamp(-255.0, 255.0) as i16));
    only(&mut brightness, "brightness_step", step)?;
    let step = fields.number("brightness_step_pct", ANY, "a number from -100 to 100")?;
    let step = step.map(|step| Brightness::StepPercent(step.clamp(-100.0, 100.0)));
    only(&mut brightness, "brightness_step_pct", step)?;
    Ok(brightness)
}

fn byte(number: f64) -> u8 {
    number.clamp(0.0, 255.0) as u8
}

fn read_color(fields: &mut Fields) -> Result<Option<Color>, Invalid> {
    const CHANNELS: std::ops::RangeInclusive<f64> = 0.0..=255.0;
    let mut color = None;
    if let Some(name) = fields.text("color_name")? {
        let expected = "a CSS colour name";
        let rgb = color::named(&name).ok_or(Invalid::Field { name: "color_name", expected })?;
        only(&mut color, "color_name", Some(Color::Rgb(rgb)))?;
    }
    let mired = fields.number("color_temp", 1.0..=1e9, "a number of mired, at least 1")?;
    let kelvin = mired.and_then(|mired| color::kelvin(mired.trunc()));
    only(&mut color, "color_temp", kelvin.map(|kelvin| Color::Kelvin(kelvin.max(1))))?;
    for name in ["color_temp_kelvin", "kelvin"] {
        let kelvin = fields.number(name, 1.0..=1e9, "a number of kelvin, at least 1")?;
        only(&mut color, name, kelvin.map(|kelvin| Color::Kelvin(kelvin as u32)))?;
    }
    let expected = "hue from 0 to 360 and saturation from 0 to 100";
    let hs = fields.numbers::<2>("hs_color", 0.0..=360.0, expected)?;
    if hs.is_some_and(|hs| hs[1] > 100.0) {
        return Err(Invalid::Field { name: "hs_color", expected });
    }
    only(&mut color, "hs_color", hs.map(Color::Hs))?;
    let rgb = fields.numbers::<3>("rgb_color", CHANNELS, "three numbers from 0 to 255")?;
    only(&mut color, "rgb_color", rgb.map(|rgb| Color::Rgb(rgb.map(byte))))?;
    let rgbw = fields.numbers::<4>("rgbw_color", CHANNELS, "four numbers from 0 to 255")?;
    only(&mut color, "rgbw_color", rgbw.map(|rgbw| Color::Rgbw(rgbw.map(byte))))?;
    let rgbww = fields.numbers::<5>("rgbww_color", CHANNELS, "five numbers from 0 to 255")?;
    only(&mut color, "rgbww_color", rgbww.map(|rgbww| Color::Rgbww(rgbww.map(byte))))?;
    let xy = fields.numbers::<2>("xy_color", 0.0..=1.0, "two numbers from 0 to 1")?;
    only(&mut color, "xy_color", xy.map(Color::Xy))?;
    only(&mut color, "white", read_white(fields)?.map(Color::White))?;
    Ok(color)
}

/// `true` is "as bright as now"; Home Assistant takes no `false`.
fn read_white(fields: &mut Fields) -> Result<Option<Option<u8>>, Invalid> {
    const EXPECTED: &str = "true or a number from 0 to 255";
    match fields.take("white") {
        None => Ok(None),
        Some(Value::Bool(true)) => Ok(Some(None)),
        Some(Value::Text(text)) if &*text == "true" => Ok(Some(None)),
        Some(Value::Text(text)) => match text.trim().parse::<f64>() {
            Ok(level) if level.is_finite() => Ok(Some(Some(byte(level)))),
            _ => Err(Invalid::Field { name: "white", expected: EXPECTED }),
        },
        Some(value) => match value.as_f64() {
            Some(level) => Ok(Some(Some(byte(level)))),
            None => Err(Invalid::Field { name: "white", expected: EXPECTED }),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::domain::light::mode::Modes;

    /// Every colour in every mode; the numbers are what Home Assistant's conversions answer.
    #[test]
    fn colours_are_brought_to_the_modes_of_the_light() {
        use ColorMode::{Brightness, ColorTemp, OnOff, White};
        let hs = Color::Hs([200.0, 50.0]);
        let rgb = Color::Rgb([255, 128, 0]);
        let xy = Color::Xy([0.3, 0.3]);
        let rgbw = Color::Rgbw([10, 20, 30, 40]);
        let rgbww = Color::Rgbww([10, 20, 30, 40, 50]);
        let warm = Color::Kelvin(3000);
        let table: &[(Color, &[ColorMode], Option<Color>)] = &[
            (hs, &[ColorMode::Hs, ColorMode::Rgb], Some(hs)),
            (hs, &[ColorMode::Xy, ColorMode::Rgb], Some(Color::Rgb([128, 212, 255]))),
            (hs, &[ColorMode::Rgbw, ColorMode::Rgbww], Some(Color::Rgbw([0, 167, 253, 255]))),
            (hs, &[ColorMode::Rgbww], Some(Color::Rgbww([0, 157, 255, 165, 165]))),
            (hs, &[ColorMode::Xy, ColorTemp], Some(Color::Xy([0.205, 0.276]))),
            (hs, &[ColorTemp], Some(Color::Kelvin(23535))),
            (rgb, &[ColorMode::Hs, ColorMode::Xy], Some(Color::Hs([30.118, 100.0]))),
            (rgb, &[ColorMode::Hs, ColorMode::Rgbw], Some(Color::Rgbw([255, 128, 0, 0]))),
            (rgb, &[ColorMode::Xy], Some(Color::Xy([0.611, 0.375]))),
            (rgb, &[ColorTemp], Some(Color::Kelvin(1828))),
            (xy, &[ColorMode::Hs, ColorMode::Rgb], Some(Color::Hs([234.0, 11.765]))),
            (xy, &[ColorMode::Rgb, ColorMode::Rgbw], Some(Color::Rgb([225, 228, 255]))),
            (xy, &[ColorMode::Rgbw], Some(Color::Rgbw([0, 3, 34, 255]))),
            (xy, &[ColorMode::Rgbww], Some(Color::Rgbww([0, 79, 175, 255, 255]))),
            (xy, &[ColorTemp], Some(Color::Kelvin(7731))),
            (rgbw, &[ColorMode::Rgb, ColorMode::Hs], Some(Color::Rgb([29, 34, 40]))),
            (rgbw, &[ColorMode::Rgbww], Some(Color::Rgbww([0, 19, 37, 40, 40]))),
            (rgbw, &[ColorMode::Hs], Some(Color::Hs([212.727, 27.5]))),
            (rgbw, &[ColorTemp], Some(Color::Kelvin(10189))),
            (rgbww, &[ColorMode::Rgbw, ColorMode::Xy], Some(Color::Rgbw([10, 4, 0, 50]))),
            (rgbww, &[ColorMode::Xy], Some(Color::Xy([0.356, 0.34]))),
            (rgbww, &[ColorTemp], Some(Color::Kelvin(4534))),
            (warm, &[ColorTemp, ColorMode::Rgbww], Some(warm)),
            (warm, &[ColorMode::Rgbww, ColorMode::Hs], Some(Color::Rgbww([0, 0, 0, 123, 132]))),
            (warm, &[ColorMode::Hs], Some(Color::Hs([27.825, 56.895]))),
            (warm, &[ColorMode::Rgb, White], Some(Color::Rgb([255, 177, 110]))),
            (warm, &[ColorMode::Rgbw], Some(Color::Rgbw([255, 118, 0, 193]))),
            (warm, &[ColorMode::Xy], Some(Color::Xy([0.496, 0.383]))),
            (warm, &[Brightness], None),
            (hs, &[Brightness], None),
            (rgb, &[OnOff], None),
            (rgbww, &[Brightness], None),
        ];
        for (wished, modes, expected) in table {
            let caps = Caps { modes: Modes::of(modes.iter().copied()), ..Caps::default() };
            assert_eq!(wished.for_light(&caps, None), *expected, "{wished:?} as {modes:?}");
        }
    }
}
