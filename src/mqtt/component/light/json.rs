//! Lights that speak JSON: one topic for the whole state, one for the whole command.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::{
    RESERVED, Temperature, adopt, doubt, json_channel, json_float, read_caps, read_scale, to_scale,
};
use crate::home::action::Refusal;
use crate::home::domain::light::mode::{ColorMode, Modes};
use crate::home::domain::light::wish::{Color, Flash, Manner, TurnOn};
use crate::home::domain::light::{Action as Wish, Caps as LightCaps, State as LightState};
use crate::home::domain::{Action, Caps, State};
use crate::mqtt::component::sensor::short;
use crate::mqtt::component::{Commands, Component, Fault, Heard, Moment, Slot, Topics};
use crate::mqtt::keys::{Keys, Reject};
use crate::mqtt::message::Message;
use crate::template::python;

const STATE: Slot = 0;

struct JsonLight {
    state: LightState,
    caps: LightCaps,
    state_topic: Option<Arc<str>>,
    command_topic: Arc<str>,
    temperature: Temperature,
    /// The device takes a brightness of its own beside a colour; without it the colour is dimmed.
    has_brightness_key: bool,
    brightness_scale: f64,
    white_scale: f64,
    flash_short: i64,
    flash_long: i64,
    is_optimistic: bool,
}

/// Reads the keys of a light that speaks JSON.
pub(super) fn read(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    let state_topic = keys.topic("state_topic");
    let has_brightness_key = keys.flag("brightness", false);
    let modes = read_modes(keys);
    let fixed_mode = modes.as_ref().map(|modes| modes.only().unwrap_or(ColorMode::Unknown));
    let poor_mode = if has_brightness_key { ColorMode::Brightness } else { ColorMode::OnOff };
    let caps = LightCaps {
        modes: modes.unwrap_or_else(|| Modes::of([poor_mode])),
        has_effects: keys.flag("effect", false),
        has_flash: keys.flag("flash", true),
        has_transition: keys.flag("transition", true),
        ..read_caps(keys)
    };
    Ok(Box::new(JsonLight {
        state: LightState { mode: fixed_mode, ..LightState::default() },
        caps,
        is_optimistic: keys.flag("optimistic", false) || state_topic.is_none(),
        state_topic,
        command_topic: keys.required_publish_topic("command_topic")?,
        temperature: Temperature::read(keys),
        has_brightness_key,
        brightness_scale: read_scale(keys, "brightness_scale"),
        white_scale: read_scale(keys, "white_scale"),
        flash_short: keys.positive_int("flash_time_short").unwrap_or(2),
        flash_long: keys.positive_int("flash_time_long").unwrap_or(10),
    }))
}

/// The colour modes that the announcement names, without those that cannot be.
fn read_modes(keys: &mut Keys<'_>) -> Option<Modes> {
    const KEY: &str = "supported_color_modes";
    let words = keys.list(KEY)?;
    let mut modes = Vec::new();
    for word in &words {
        match word.parse() {
            Ok(ColorMode::Unknown) | Err(_) => {
                keys.problem(KEY, format!("`{}` is no colour mode", short(word)));
            }
            Ok(mode) => modes.push(mode),
        }
    }
    if modes.contains(&ColorMode::White) && !modes.iter().any(|mode| mode.has_color()) {
        keys.problem(KEY, "`white` needs a colour beside it");
        modes.retain(|mode| *mode != ColorMode::White);
    }
    (!modes.is_empty()).then(|| Modes::of(modes))
}

impl Component for JsonLight {
    fn caps(&self) -> Caps {
        Caps::Light(Box::new(self.caps.clone()))
    }

    fn topics(&self, topics: &mut Topics) {
        topics.add(self.state_topic.as_ref(), STATE);
    }

    fn state(&self) -> State {
        State::Light(self.state.clone())
    }

    fn adopt(&mut self, state: State) {
        if let State::Light(state) = state {
            adopt(&mut self.state, state, &self.caps);
        }
    }

    fn receive(
        &mut self,
        _: Slot,
        message: &Message<'_>,
        moment: &mut Moment<'_>,
    ) -> Result<Heard, Fault> {
        let payload = message.payload()?;
        let Some(Json::Object(values)) = payload.json() else {
            return Err(Fault(format!("`{}` is not a JSON object", short(payload.text()))));
        };
        match values.get("state") {
            None => return Err(Fault("the message has no `state`".to_owned())),
            Some(Json::Null) => self.state.on = None,
            Some(Json::String(word)) if word == "ON" => self.state.on = Some(true),
            Some(Json::String(word)) if word == "OFF" => self.state.on = Some(false),
            Some(_) => {}
        }
        if let Some(mode) = values.get("color_mode")
            && let Err(why) = self.read_color(mode, values)
        {
            doubt(moment, why);
        }
        if self.caps.modes.has_brightness()
            && let Err(why) = self.read_brightness(values.get("brightness"))
        {
            doubt(moment, why);
        }
        match values.get("effect") {
            None => {}
            Some(Json::Null) => self.state.effect = None,
            Some(Json::String(effect)) => self.state.effect = Some(effect.as_str().into()),
            Some(other) => self.state.effect = Some(python::str_of_json(other).into()),
        }
        Ok(Heard::State)
    }

    fn command(&mut self, action: &Action, _: &mut Moment<'_>) -> Result<Commands, Refusal> {
        let message = match action {
            Action::Light(Wish::TurnOn(wish)) => self.turn_on(wish),
            Action::Light(Wish::TurnOff(manner)) => self.turn_off(*manner),
            _ => return Err(Refusal::CannotDo("light")),
        };
        let mut commands = Commands::one(&self.command_topic, Json::Object(message).to_string());
        commands.assumed = self.is_optimistic;
        Ok(commands)
    }

    fn assumes_state(&self) -> bool {
        self.is_optimistic
    }

    fn reserved_attributes(&self) -> &'static [&'static str] {
        RESERVED
    }
}

impl JsonLight {
    /// Reads the colour of the mode that the message names; whole or not at all.
    fn read_color(&mut self, mode: &Json, values: &Map<String, Json>) -> Result<(), String> {
        let word = mode.as_str().unwrap_or_default();
        let mode: ColorMode = word
            .parse()
            .ok()
            .filter(|mode| self.caps.modes.has(*mode))
            .ok_or_else(|| format!("the light does not have `color_mode` `{}`", short(word)))?;
        let color = |name: &str| values.get("color").and_then(|color| color.get(name));
        let bad = || format!("the colour for `color_mode` `{mode}` is missing or incomplete");
        let channel = |name| json_channel(color(name)).ok_or_else(bad);
        let part = |name| json_float(color(name)).ok_or_else(bad);
        let colors = &mut *self.state.colors;
        match mode {
            ColorMode::ColorTemp => {
                let said = match values.get("color_temp") {
                    Some(Json::Number(number)) => number.as_f64(),
                    Some(Json::Null) if self.temperature == Temperature::Kelvin => None,
                    _ => return Err(bad()),
                };
                let kelvin = said.map(|said| self.temperature.kelvin(said).ok_or_else(bad));
                colors.kelvin = kelvin.transpose()?;
            }
            ColorMode::Hs => colors.hs = Some([part("h")?, part("s")?]),
            ColorMode::Xy => colors.xy = Some([part("x")?, part("y")?]),
            ColorMode::Rgb => colors.rgb = Some([channel("r")?, channel("g")?, channel("b")?]),
            ColorMode::Rgbw => {
                colors.rgbw = Some([channel("r")?, channel("g")?, channel("b")?, channel("w")?]);
            }
            ColorMode::Rgbww => {
                let (cold, warm) = (channel("c")?, channel("w")?);
                colors.rgbww = Some([channel("r")?, channel("g")?, channel("b")?, cold, warm]);
            }
            ColorMode::White => {}
            // Nothing is read for these: they are the light's only mode.
            ColorMode::Brightness | ColorMode::OnOff | ColorMode::Unknown => return Ok(()),
        }
        self.state.mode = Some(mode);
        Ok(())
    }

    /// Reads the brightness. Lights that are off say 0; what they were is not forgotten.
    fn read_brightness(&mut self, said: Option<&Json>) -> Result<(), String> {
        let level = match said {
            None | Some(Json::Null | Json::Bool(false)) => return Ok(()),
            Some(Json::String(text)) if text.is_empty() => return Ok(()),
            Some(Json::Bool(true)) => 1.0,
            Some(Json::Number(number)) => number.as_f64().unwrap_or(0.0),
            Some(other) => {
                return Err(format!("`brightness` {} is no number", short(&other.to_string())));
            }
        };
        if level != 0.0 {
            let level = (level * 255.0 / self.brightness_scale).round_ties_even();
            self.state.brightness = Some(level.clamp(1.0, 255.0) as u8);
        }
        Ok(())
    }

    fn turn_on(&mut self, wish: &TurnOn) -> Map<String, Json> {
        let mut message = Map::new();
        message.insert("state".to_owned(), "ON".into());
        // A device that takes no brightness beside a colour gets a dimmer colour.
        let mut level = wish.level();
        if let Some(color) = wish.color {
            let dims = !self.has_brightness_key
                && matches!(color, Color::Rgb(_) | Color::Rgbw(_) | Color::Rgbww(_));
            let dim = if dims { level.take().unwrap_or(255) } else { 255 };
            self.put_color(color, dim, &mut message);
        }
        self.put_manner(wish.manner, &mut message);
        if let Some(level) = level {
            let scaled = (f64::from(level) * self.brightness_scale / 255.0).round_ties_even();
            message.insert("brightness".to_owned(), json!(scaled.max(1.0) as i64));
            if self.is_optimistic {
                self.state.brightness = Some(level);
            }
        }
        if let Some(Color::Kelvin(kelvin)) = wish.color {
            let value = self.temperature.device_value(kelvin);
            message.insert("color_temp".to_owned(), value.into());
            if self.is_optimistic {
                self.state.mode = Some(ColorMode::ColorTemp);
                self.state.colors.kelvin = Some(kelvin);
                self.state.colors.hs = None;
            }
        }
        if let Some(effect) = &wish.effect {
            message.insert("effect".to_owned(), (&**effect).into());
            if self.is_optimistic {
                self.state.effect = Some(Arc::clone(effect));
            }
        }
        if let Some(Color::White(Some(level))) = wish.color {
            let value = to_scale(level, self.white_scale, 1.0);
            message.insert("white".to_owned(), value.into());
            if self.is_optimistic {
                self.state.mode = Some(ColorMode::White);
                self.state.brightness = Some(level);
            }
        }
        if self.is_optimistic {
            self.state.on = Some(true);
        }
        message
    }

    /// Puts a colour other than a white. Channels are scaled to `dim` of 255.
    fn put_color(&mut self, color: Color, dim: u8, message: &mut Map<String, Json>) {
        let scale =
            |channel: u8| (f64::from(channel) / 255.0 * f64::from(dim)).round_ties_even() as u8;
        let mut told = *self.state.colors;
        let (mode, object) = match color {
            Color::Hs(hs) => {
                told.hs = Some(hs);
                (ColorMode::Hs, json!({ "h": hs[0], "s": hs[1] }))
            }
            Color::Xy(xy) => {
                told.xy = Some(xy);
                (ColorMode::Xy, json!({ "x": xy[0], "y": xy[1] }))
            }
            Color::Rgb(rgb) => {
                let rgb = rgb.map(scale);
                told.rgb = Some(rgb);
                (ColorMode::Rgb, json!({ "r": rgb[0], "g": rgb[1], "b": rgb[2] }))
            }
            Color::Rgbw(rgbw) => {
                let rgbw = rgbw.map(scale);
                told.rgbw = Some(rgbw);
                let [r, g, b, w] = rgbw;
                (ColorMode::Rgbw, json!({ "r": r, "g": g, "b": b, "w": w }))
            }
            Color::Rgbww(rgbww) => {
                let rgbww = rgbww.map(scale);
                told.rgbww = Some(rgbww);
                let [r, g, b, c, w] = rgbww;
                (ColorMode::Rgbww, json!({ "r": r, "g": g, "b": b, "c": c, "w": w }))
            }
            Color::Kelvin(_) | Color::White(_) => return,
        };
        message.insert("color".to_owned(), object);
        if self.is_optimistic {
            self.state.mode = Some(mode);
            *self.state.colors = told;
        }
    }

    fn turn_off(&mut self, manner: Manner) -> Map<String, Json> {
        let mut message = Map::new();
        message.insert("state".to_owned(), "OFF".into());
        self.put_manner(manner, &mut message);
        if self.is_optimistic {
            self.state.on = Some(false);
        }
        message
    }

    fn put_manner(&self, manner: Manner, message: &mut Map<String, Json>) {
        if let Some(transition) = manner.transition {
            message.insert("transition".to_owned(), json!(transition));
        }
        if let Some(flash) = manner.flash {
            let seconds = match flash {
                Flash::Short => self.flash_short,
                Flash::Long => self.flash_long,
            };
            message.insert("flash".to_owned(), seconds.into());
        }
    }
}
