//! Lights: brightness, colour modes, colour temperature, effects, transitions.
//!
//! What is asked for is read and brought to the light's own colour modes in `wish`.

pub mod mode;
pub mod wish;

use std::borrow::Cow;
use std::sync::Arc;

use self::mode::{ColorMode, Modes};
use self::wish::{Color, Manner, TurnOn};
use super::{Context, on_off};
use crate::home::action::Refusal;
use crate::home::color::{self, Hs, Rgb, Rgbw, Rgbww, Xy};
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::{Attributes, Value};

/// Warmest white of a light that names none, in kelvin (500 mired).
pub const MIN_KELVIN: u32 = 2000;
/// Coldest white of a light that names none, in kelvin (153 mired).
pub const MAX_KELVIN: u32 = 6535;

/// What a light can do.
#[derive(Debug, Clone, PartialEq)]
pub struct Caps {
    /// In which ways it can be told its colour.
    pub modes: Modes,
    /// Its warmest white, in kelvin.
    pub min_kelvin: u32,
    /// Its coldest white, in kelvin.
    pub max_kelvin: u32,
    /// It has effects.
    pub has_effects: bool,
    /// The names of its effects, if it lists them.
    pub effects: Option<Vec<Arc<str>>>,
    /// It can flash.
    pub has_flash: bool,
    /// It can go to a state slowly.
    pub has_transition: bool,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            modes: Modes::default(),
            min_kelvin: MIN_KELVIN,
            max_kelvin: MAX_KELVIN,
            has_effects: false,
            effects: None,
            has_flash: false,
            has_transition: false,
        }
    }
}

/// The colours that a light last told or was told, each in its own mode; the mode says which of
/// them is the one shown.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Colors {
    /// Hue and saturation.
    pub hs: Option<Hs>,
    /// CIE chromaticity.
    pub xy: Option<Xy>,
    /// Red, green, blue.
    pub rgb: Option<Rgb>,
    /// With white.
    pub rgbw: Option<Rgbw>,
    /// With cold and warm white.
    pub rgbww: Option<Rgbww>,
    /// Colour temperature, in kelvin.
    pub kelvin: Option<u32>,
}

/// What a light is; the default is unknown. What it was when it was last on stays known while it
/// is off, but is not shown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// On or off, if known.
    pub on: Option<bool>,
    /// How bright, 1 to 255.
    pub brightness: Option<u8>,
    /// In which mode its colour is told; `None` leaves it to what is known of the colours.
    pub mode: Option<ColorMode>,
    /// The effect that runs.
    pub effect: Option<Arc<str>>,
    /// Its colours.
    pub colors: Box<Colors>,
}

/// What one can wish of a light.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// On, as asked.
    TurnOn(Box<TurnOn>),
    /// Off.
    TurnOff(Manner),
    /// Off if it is on, else on as asked; becomes one of the above when accepted.
    Toggle(Box<TurnOn>),
}

/// Home Assistant's services of this domain.
pub const SERVICES: &[Service] = &[
    Service { name: "turn_on", fields: wish::FIELDS },
    Service { name: "turn_off", fields: wish::MANNER_FIELDS },
    Service { name: "toggle", fields: wish::FIELDS },
];

/// Reads a service call. `profile` is not known here: it names a file of Home Assistant's.
///
/// # Errors
/// See [`Invalid`].
pub fn action(service: &str, mut fields: Fields) -> Result<Action, Invalid> {
    let action = match service {
        "turn_on" => Action::TurnOn(Box::new(TurnOn::read(&mut fields)?)),
        "turn_off" => Action::TurnOff(wish::read_manner(&mut fields)?),
        "toggle" => Action::Toggle(Box::new(TurnOn::read(&mut fields)?)),
        _ => return Err(Invalid::NoSuchService),
    };
    fields.finish()?;
    Ok(action)
}

impl Caps {
    /// Home Assistant's `supported_features`: 4 effects, 8 flash, 32 transition.
    pub fn features(&self) -> Option<u32> {
        let effects = u32::from(self.has_effects) * 4;
        let flash = u32::from(self.has_flash) * 8;
        Some(effects + flash + u32::from(self.has_transition) * 32)
    }

    /// Puts what is shown even while the entity is unavailable.
    pub fn attributes(&self, out: &mut Attributes) {
        if self.modes.has(ColorMode::ColorTemp) {
            out.put("min_color_temp_kelvin", self.min_kelvin);
            out.put("max_color_temp_kelvin", self.max_kelvin);
            out.put("min_mireds", color::mired(self.max_kelvin));
            out.put("max_mireds", color::mired(self.min_kelvin));
        }
        if self.has_effects {
            out.put("effect_list", self.effects.as_ref().map(Value::texts));
        }
        out.put("supported_color_modes", Value::words(self.modes.iter().map(ColorMode::word)));
    }

    /// The action as this entity does it in this state. What the light has no way to do (a colour
    /// of a white light, a transition) is left out, as Home Assistant does, so that one call can
    /// mean lights of several kinds; who must know beforehand asks `modes`.
    ///
    /// # Errors
    /// A [`Refusal`] for an effect that it does not list, or when `white: true` asks for a
    /// brightness that is not known.
    pub fn accept(&self, action: Action, state: &State, _: &Context) -> Result<Action, Refusal> {
        let wish = match action {
            Action::TurnOff(manner) => return Ok(Action::TurnOff(manner.for_light(self))),
            Action::Toggle(wish) if state.on == Some(true) => {
                return Ok(Action::TurnOff(wish.manner.for_light(self)));
            }
            Action::TurnOn(wish) | Action::Toggle(wish) => wish,
        };
        let manner = wish.manner.for_light(self);
        Ok(match wish.for_light(self, state)? {
            Some(wish) => Action::TurnOn(Box::new(wish)),
            None => Action::TurnOff(manner),
        })
    }

    /// The effect, if the light has effects at all.
    fn effect(&self, wished: Option<Arc<str>>) -> Result<Option<Arc<str>>, Refusal> {
        let Some(effect) = wished.filter(|_| self.has_effects) else { return Ok(None) };
        match &self.effects {
            Some(effects) if !effects.is_empty() && !effects.contains(&effect) => {
                Err(Refusal::NotAnOption {
                    what: "effect",
                    value: effect.to_string(),
                    options: effects.clone(),
                })
            }
            Some(_) | None => Ok(Some(effect)),
        }
    }
}

impl State {
    /// The main value in Home Assistant's word; `None` is unknown.
    pub fn word(&self, _: &Caps) -> Option<Cow<'_, str>> {
        self.on.map(on_off)
    }

    /// Puts what is shown while the entity is available: all of it, null where it is off.
    pub fn attributes(&self, caps: &Caps, out: &mut Attributes) {
        let is_on = self.on == Some(true);
        let mode = is_on.then(|| self.shown_mode(caps));
        if caps.has_effects {
            out.put("effect", self.effect.as_ref().filter(|_| is_on));
        }
        out.put("color_mode", mode.map(ColorMode::word));
        if caps.modes.has_brightness() {
            let has_brightness = mode.is_some_and(ColorMode::has_brightness);
            out.put("brightness", self.brightness.filter(|_| has_brightness).map(u32::from));
        }
        let has_temperature = caps.modes.has(ColorMode::ColorTemp);
        if has_temperature {
            let kelvin = self.colors.kelvin.filter(|_| mode == Some(ColorMode::ColorTemp));
            out.put("color_temp_kelvin", kelvin);
            out.put("color_temp", kelvin.and_then(color::mired));
        }
        if has_temperature || caps.modes.has_color() {
            let shown = mode.and_then(|mode| self.shown_color(mode, caps));
            out.put("hs_color", shown.map(|shown| floats(shown.hs)));
            out.put("rgb_color", shown.map(|shown| channels(&shown.rgb)));
            out.put("xy_color", shown.map(|shown| floats(shown.xy)));
        }
        if caps.modes.has(ColorMode::Rgbw) {
            let rgbw = self.colors.rgbw.filter(|_| mode == Some(ColorMode::Rgbw));
            out.put("rgbw_color", rgbw.map(|rgbw| channels(&rgbw)));
        }
        if caps.modes.has(ColorMode::Rgbww) {
            let rgbww = self.colors.rgbww.filter(|_| mode == Some(ColorMode::Rgbww));
            out.put("rgbww_color", rgbww.map(|rgbww| channels(&rgbww)));
        }
    }

    /// The mode of a light that is on. One that never told its mode has the richest of which
    /// something is known.
    pub fn shown_mode(&self, caps: &Caps) -> ColorMode {
        if let Some(mode) = self.mode {
            return mode;
        }
        let knows = |mode| match mode {
            ColorMode::Hs => self.colors.hs.is_some(),
            ColorMode::ColorTemp => self.colors.kelvin.is_some(),
            ColorMode::Brightness => self.brightness.is_some(),
            ColorMode::OnOff => true,
            ColorMode::Rgb
            | ColorMode::Rgbw
            | ColorMode::Rgbww
            | ColorMode::Unknown
            | ColorMode::White
            | ColorMode::Xy => false,
        };
        [ColorMode::Hs, ColorMode::ColorTemp, ColorMode::Brightness, ColorMode::OnOff]
            .into_iter()
            .find(|mode| caps.modes.has(*mode) && knows(*mode))
            .unwrap_or(ColorMode::Unknown)
    }

    /// The colour of this mode, in three of them.
    fn shown_color(&self, mode: ColorMode, caps: &Caps) -> Option<Shown> {
        let colors = &*self.colors;
        Some(match mode {
            ColorMode::Hs => {
                let hs = colors.hs?;
                Shown::of_hs(hs)
            }
            ColorMode::Xy => {
                let xy = colors.xy?;
                let rounded = xy.map(|part| color::round_to(part, 6));
                Shown { hs: color::xy_to_hs(xy), rgb: color::xy_to_rgb(xy), xy: rounded }
            }
            ColorMode::Rgb => Shown::of_rgb(colors.rgb?),
            ColorMode::Rgbw => Shown::of_rgb(color::rgbw_to_rgb(colors.rgbw?)),
            ColorMode::Rgbww => {
                let (min, max) = (caps.min_kelvin, caps.max_kelvin);
                Shown::of_rgb(color::rgbww_to_rgb(colors.rgbww?, min, max))
            }
            ColorMode::ColorTemp => {
                Shown::of_hs(color::kelvin_to_hs(colors.kelvin.filter(|kelvin| *kelvin > 0)?))
            }
            ColorMode::Brightness | ColorMode::OnOff | ColorMode::Unknown | ColorMode::White => {
                return None;
            }
        })
    }

    /// Whether this state, reported by the device, fulfils the wish. Devices round, each in its
    /// own way, so a few steps off are no other colour. An effect and flashing are seldom
    /// reported and not waited for.
    pub fn confirms(&self, action: &Action) -> bool {
        match action {
            Action::TurnOn(wish) => {
                let is_bright = |level| {
                    self.brightness.is_some_and(|brightness| brightness.abs_diff(level) <= 3)
                };
                self.on == Some(true)
                    && wish.level().is_none_or(is_bright)
                    && wish.color.is_none_or(|color| self.has_about(color))
            }
            Action::TurnOff(_) => self.on == Some(false),
            Action::Toggle(_) => true,
        }
    }

    fn has_about(&self, wished: Color) -> bool {
        let colors = &*self.colors;
        let is_near = |is: Option<f64>, wished: f64, tolerance: f64| {
            is.is_some_and(|is| (is - wished).abs() <= tolerance)
        };
        match wished {
            Color::Hs(wished) => {
                // Hues turn: 359° is next to 1°.
                colors.hs.is_some_and(|hs| {
                    let away = (hs[0] - wished[0]).rem_euclid(360.0);
                    away.min(360.0 - away) <= 4.0 && (hs[1] - wished[1]).abs() <= 4.0
                })
            }
            Color::Xy(wished) => {
                (0..2).all(|at| is_near(colors.xy.map(|xy| xy[at]), wished[at], 0.02))
            }
            Color::Rgb(wished) => colors.rgb.is_some_and(|rgb| are_near(&rgb, &wished)),
            Color::Rgbw(wished) => colors.rgbw.is_some_and(|rgbw| are_near(&rgbw, &wished)),
            Color::Rgbww(wished) => colors.rgbww.is_some_and(|rgbww| are_near(&rgbww, &wished)),
            Color::Kelvin(wished) => {
                let mired = |kelvin: u32| 1_000_000.0 / f64::from(kelvin.max(1));
                is_near(colors.kelvin.map(mired), mired(wished), 5.0)
            }
            Color::White(level) => {
                let is_bright = |level| self.brightness.is_some_and(|is| is.abs_diff(level) <= 3);
                self.mode == Some(ColorMode::White) && level.is_none_or(is_bright)
            }
        }
    }
}

fn are_near(is: &[u8], wished: &[u8]) -> bool {
    is.iter().zip(wished).all(|(is, wished)| is.abs_diff(*wished) <= 5)
}

/// One colour as it is shown: in three modes at once.
#[derive(Clone, Copy)]
struct Shown {
    hs: Hs,
    rgb: Rgb,
    xy: Xy,
}

impl Shown {
    fn of_hs(hs: Hs) -> Self {
        Self { hs: hs.map(color::round3), rgb: color::hs_to_rgb(hs), xy: color::hs_to_xy(hs) }
    }

    fn of_rgb(rgb: Rgb) -> Self {
        Self { hs: color::rgb_to_hs(rgb.map(f64::from)), rgb, xy: color::rgb_to_xy(rgb) }
    }
}

fn floats(pair: [f64; 2]) -> Value {
    Value::List(pair.into_iter().map(Value::Float).collect())
}

fn channels(channels: &[u8]) -> Value {
    Value::List(channels.iter().map(|channel| Value::Int(i64::from(*channel))).collect())
}

#[cfg(test)]
mod tests {
    use super::wish::Brightness;
    use super::*;

    #[test]
    fn a_report_about_as_wished_confirms() {
        let state = State {
            on: Some(true),
            brightness: Some(100),
            mode: Some(ColorMode::Hs),
            colors: Box::new(Colors {
                hs: Some([359.0, 50.0]),
                xy: Some([0.3, 0.3]),
                rgb: Some([10, 20, 30]),
                kelvin: Some(2702),
                ..Colors::default()
            }),
            ..State::default()
        };
        let on = |brightness: Option<u8>, color| {
            let brightness = brightness.map(Brightness::To);
            Action::TurnOn(Box::new(TurnOn { brightness, color, ..TurnOn::default() }))
        };
        for (action, is_confirmed) in [
            (on(None, None), true),
            (on(Some(102), None), true),
            (on(Some(110), None), false),
            (on(None, Some(Color::Hs([1.0, 52.0]))), true),
            (on(None, Some(Color::Hs([20.0, 50.0]))), false),
            (on(None, Some(Color::Xy([0.31, 0.29]))), true),
            (on(None, Some(Color::Xy([0.4, 0.3]))), false),
            (on(None, Some(Color::Rgb([12, 18, 30]))), true),
            (on(None, Some(Color::Rgb([12, 18, 60]))), false),
            (on(None, Some(Color::Kelvin(2700))), true),
            (on(None, Some(Color::Kelvin(4000))), false),
            (on(None, Some(Color::White(Some(100)))), false),
            (Action::TurnOff(Manner::default()), false),
        ] {
            assert_eq!(state.confirms(&action), is_confirmed, "{action:?}");
        }
        let off = State { on: Some(false), ..state };
        assert!(!off.confirms(&on(None, None)));
        assert!(off.confirms(&Action::TurnOff(Manner::default())));
    }
}
