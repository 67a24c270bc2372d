//! Lights: which of the three schemas an announcement follows, and what the three share.

mod basic;
mod json;
mod template;

use std::borrow::Cow;

use serde_json::Value as Json;

use super::sensor::short;
use super::{Component, Fault, Moment};
use crate::home::color;
use crate::home::domain::light::{Caps as LightCaps, MAX_KELVIN, MIN_KELVIN, State as LightState};
use crate::mqtt::keys::{Keys, Reject};
use crate::mqtt::message::Message;
use crate::template::{Template, Variable, python};

/// Names that attributes of the device's own making may not use.
const RESERVED: &[&str] = &[
    "brightness",
    "color_mode",
    "color_temp",
    "color_temp_kelvin",
    "effect",
    "effect_list",
    "hs_color",
    "max_color_temp_kelvin",
    "max_mireds",
    "min_color_temp_kelvin",
    "min_mireds",
    "rgb_color",
    "rgbw_color",
    "rgbww_color",
    "supported_color_modes",
    "xy_color",
];

/// Reads the keys of a light.
pub(super) fn read(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    let schema = keys.string_or("schema", "basic").to_lowercase();
    match &*schema {
        "basic" => basic::read(keys),
        "json" => json::read(keys),
        "template" => template::read(keys),
        _ => Err(Reject(format!("`schema`: `{schema}` is none of basic, json, template"))),
    }
}

/// How a device counts colour temperature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Temperature {
    Kelvin,
    Mired,
}

impl Temperature {
    fn read(keys: &mut Keys<'_>) -> Self {
        if keys.flag("color_temp_kelvin", false) { Self::Kelvin } else { Self::Mired }
    }

    /// Kelvin of what the device said.
    fn kelvin(self, said: f64) -> Option<u32> {
        match self {
            Self::Kelvin => (said >= 0.0).then(|| said.round() as u32),
            Self::Mired => color::kelvin(said),
        }
    }

    /// What the device is told.
    fn device_value(self, kelvin: u32) -> i64 {
        match self {
            Self::Kelvin => i64::from(kelvin),
            Self::Mired => i64::from(color::mired(kelvin).unwrap_or(0)),
        }
    }
}

/// The span of whites and the effects; the schemas add the rest.
fn read_caps(keys: &mut Keys<'_>) -> LightCaps {
    let mut kelvin = |mired_key: &str, kelvin_key: &str, default: u32| {
        let of_mired = keys.positive_int(mired_key).and_then(|mired| color::kelvin(mired as f64));
        let named = keys.positive_int(kelvin_key).and_then(|kelvin| u32::try_from(kelvin).ok());
        of_mired.or(named).unwrap_or(default)
    };
    let min_kelvin = kelvin("max_mireds", "min_kelvin", MIN_KELVIN);
    let max_kelvin = kelvin("min_mireds", "max_kelvin", MAX_KELVIN);
    let effects = keys.list("effect_list");
    LightCaps { min_kelvin, max_kelvin, effects, ..LightCaps::default() }
}

/// The device's own highest brightness, at least 1.
fn read_scale(keys: &mut Keys<'_>, key: &str) -> f64 {
    let Some(scale) = keys.int(key) else { return 255.0 };
    if scale < 1 {
        keys.problem(key, "must be at least 1");
        return 255.0;
    }
    scale as f64
}

/// A brightness in the device's scale, at least `lowest`: dimming never turns off.
fn to_scale(level: u8, scale: f64, lowest: f64) -> i64 {
    (f64::from(level) / 255.0 * scale).round_ties_even().min(scale).max(lowest) as i64
}

/// Takes over what an earlier announcement had heard, as far as the light can still do it.
fn adopt(state: &mut LightState, old: LightState, caps: &LightCaps) {
    let mode = old.mode.filter(|mode| caps.modes.has(*mode)).or(state.mode);
    *state = old;
    state.mode = mode;
}

/// The payload as its template renders it. Where the template fails the bare payload stands for
/// it, as in Home Assistant: a device that says `ON` to a template that wants JSON is understood.
fn value_or_raw<'m>(
    template: Option<&Template>,
    message: &'m Message<'_>,
    moment: &mut Moment<'_>,
) -> Result<Cow<'m, str>, Fault> {
    let payload = message.payload()?;
    let Some(template) = template else { return Ok(Cow::Borrowed(payload.text())) };
    match template.render_value(payload, &moment.scope) {
        Ok(text) => Ok(Cow::Owned(text)),
        Err(error) => {
            moment.doubt = Some(Fault(error.to_string()));
            Ok(Cow::Borrowed(payload.text()))
        }
    }
}

/// Notes that a part of a message cannot be used.
fn doubt(moment: &mut Moment<'_>, why: String) {
    moment.doubt = Some(Fault(why));
}

/// A text as Python's `int()` reads it.
fn whole(text: &str) -> Result<i64, Fault> {
    python::parse_int(text, 10)
        .and_then(|number| i64::try_from(number).ok())
        .ok_or_else(|| Fault(format!("`{}` is no whole number", short(text))))
}

/// A text as Python's `float()` reads it, finite.
fn float(text: &str) -> Result<f64, Fault> {
    python::parse_float(text)
        .filter(|number| number.is_finite())
        .ok_or_else(|| Fault(format!("`{}` is no number", short(text))))
}

/// A text of so many numbers with commas between.
fn floats<const N: usize>(text: &str) -> Result<[f64; N], Fault> {
    let numbers: Vec<f64> = text.split(',').take(N + 1).map(float).collect::<Result<_, _>>()?;
    numbers.try_into().map_err(|_| Fault(format!("`{}` is not {N} numbers", short(text))))
}

/// A text of so many channels (0 to 255) with commas between.
fn channels<const N: usize>(text: &str) -> Result<[u8; N], Fault> {
    let channels: Vec<u8> = text
        .split(',')
        .take(N + 1)
        .map(|channel| whole(channel).map(|channel| channel.clamp(0, 255) as u8))
        .collect::<Result<_, _>>()?;
    channels.try_into().map_err(|_| Fault(format!("`{}` is not {N} channels", short(text))))
}

/// A JSON value as Python's `float()` takes it.
fn json_float(json: Option<&Json>) -> Option<f64> {
    match json? {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => python::parse_float(text).filter(|number| number.is_finite()),
        Json::Bool(truth) => Some(f64::from(u8::from(*truth))),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// A JSON value as Python's `int()` takes it, as a channel.
fn json_channel(json: Option<&Json>) -> Option<u8> {
    let number = match json? {
        Json::String(text) => python::parse_int(text, 10)?.clamp(0, 255) as f64,
        other => json_float(Some(other))?,
    };
    Some(number.clamp(0.0, 255.0) as u8)
}

/// A template's variable for whole numbers.
fn int(number: impl Into<i64>) -> Variable<'static> {
    Variable::Int(number.into())
}
