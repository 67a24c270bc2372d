//! Lights with a topic for each thing: switching, brightness, each colour mode, effect.

use std::sync::Arc;

use super::{
    RESERVED, Temperature, adopt, channels, float, floats, int, read_caps, read_scale, to_scale,
    value_or_raw, whole,
};
use crate::home::action::Refusal;
use crate::home::color;
use crate::home::domain::light::mode::{ColorMode, Modes};
use crate::home::domain::light::wish::{Color, TurnOn};
use crate::home::domain::light::{Action as Wish, Caps as LightCaps, Colors, State as LightState};
use crate::home::domain::{Action, Caps, State};
use crate::mqtt::component::sensor::short;
use crate::mqtt::component::{
    Commands, Component, Fault, Heard, Moment, NONE, Slot, Topics, command_payload, value,
};
use crate::mqtt::keys::{Keys, Reject};
use crate::mqtt::message::Message;
use crate::template::{Template, Variable, python};

/// Where the light's messages come from, in the order in which they are read when several come on
/// one topic.
const STATE: Slot = 0;
const BRIGHTNESS: Slot = 1;
const RGB: Slot = 2;
const RGBW: Slot = 3;
const RGBWW: Slot = 4;
const COLOR_MODE: Slot = 5;
const COLOR_TEMP: Slot = 6;
const EFFECT: Slot = 7;
const HS: Slot = 8;
const XY: Slot = 9;

/// One thing about a light that has topics of its own.
struct Part {
    state_topic: Option<Arc<str>>,
    value_template: Option<Template>,
    command_topic: Option<Arc<str>>,
    command_template: Option<Template>,
    /// No report comes of it: it is what the light was last told.
    is_optimistic: bool,
}

impl Part {
    fn read(keys: &mut Keys<'_>, name: &str, is_optimistic: bool) -> Self {
        let state_topic = keys.topic(&format!("{name}_state_topic"));
        Self {
            is_optimistic: is_optimistic || state_topic.is_none(),
            state_topic,
            value_template: keys.template(&format!("{name}_value_template")),
            command_topic: keys.publish_topic(&format!("{name}_command_topic")),
            command_template: keys.template(&format!("{name}_command_template")),
        }
    }

    /// Adds the message that tells the light this, if it can be told.
    fn tell(
        &self,
        plain: &str,
        variables: &[(&str, Variable<'_>)],
        commands: &mut Commands,
        moment: &Moment<'_>,
    ) -> Result<bool, Refusal> {
        let Some(topic) = &self.command_topic else { return Ok(false) };
        let template = self.command_template.as_ref();
        commands.push(topic, command_payload(template, plain, variables, moment)?);
        Ok(true)
    }
}

/// When the bare "on" is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnCommand {
    First,
    Last,
    /// Never: a brightness turns the light on.
    Brightness,
}

struct BasicLight {
    state: LightState,
    caps: LightCaps,
    state_topic: Option<Arc<str>>,
    state_template: Option<Template>,
    command_topic: Arc<str>,
    payload_on: Arc<str>,
    payload_off: Arc<str>,
    on_command: OnCommand,
    brightness: Part,
    color_mode_topic: Option<Arc<str>>,
    color_mode_template: Option<Template>,
    /// The mode is that of the colour heard or told last.
    guesses_mode: bool,
    color_temp: Part,
    effect: Part,
    hs: Part,
    rgb: Part,
    rgbw: Part,
    rgbww: Part,
    xy: Part,
    white_topic: Option<Arc<str>>,
    temperature: Temperature,
    brightness_scale: f64,
    white_scale: f64,
    is_optimistic: bool,
}

/// Reads the keys of a light with a topic for each thing.
pub(super) fn read(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    let optimistic = keys.flag("optimistic", false);
    let state_topic = keys.topic("state_topic");
    let color_mode_topic = keys.topic("color_mode_state_topic");
    let rgb = Part::read(keys, "rgb", optimistic);
    let mut brightness = Part::read(keys, "brightness", optimistic);
    brightness.is_optimistic = optimistic
        || match brightness.command_topic {
            Some(_) => brightness.state_topic.is_none(),
            // The brightness is then that of the colour.
            None => rgb.state_topic.is_none(),
        };
    let color_temp = Part::read(keys, "color_temp", optimistic);
    let hs = Part::read(keys, "hs", optimistic);
    let rgbw = Part::read(keys, "rgbw", optimistic);
    let rgbww = Part::read(keys, "rgbww", optimistic);
    let xy = Part::read(keys, "xy", optimistic);
    let effect = Part::read(keys, "effect", optimistic);
    let mut white_topic = keys.publish_topic("white_command_topic");
    let with_commands = [
        (ColorMode::ColorTemp, &color_temp),
        (ColorMode::Hs, &hs),
        (ColorMode::Rgb, &rgb),
        (ColorMode::Rgbw, &rgbw),
        (ColorMode::Rgbww, &rgbww),
        (ColorMode::Xy, &xy),
        (ColorMode::Brightness, &brightness),
    ];
    let mut modes: Vec<ColorMode> = with_commands
        .into_iter()
        .filter(|(_, part)| part.command_topic.is_some())
        .map(|(mode, _)| mode)
        .collect();
    if white_topic.is_some() {
        if modes.iter().any(|mode| mode.has_color()) {
            modes.push(ColorMode::White);
        } else {
            keys.problem("white_command_topic", "needs a colour's command topic beside it");
            white_topic = None;
        }
    }
    let modes = Modes::of(modes);
    let on_command = match keys.choice("on_command_type", &["first", "last", "brightness"]) {
        Some("first") => OnCommand::First,
        Some("brightness") => OnCommand::Brightness,
        _ => OnCommand::Last,
    };
    let caps = LightCaps { modes, has_effects: effect.command_topic.is_some(), ..read_caps(keys) };
    let mode = modes.only().unwrap_or(ColorMode::Unknown);
    Ok(Box::new(BasicLight {
        state: LightState { mode: Some(mode), ..LightState::default() },
        caps,
        is_optimistic: optimistic || state_topic.is_none(),
        state_topic,
        state_template: keys.template("state_value_template"),
        command_topic: keys.required_publish_topic("command_topic")?,
        payload_on: keys.string_or("payload_on", "ON"),
        payload_off: keys.string_or("payload_off", "OFF"),
        on_command,
        brightness,
        guesses_mode: optimistic || color_mode_topic.is_none(),
        color_mode_topic,
        color_mode_template: keys.template("color_mode_value_template"),
        color_temp,
        effect,
        hs,
        rgb,
        rgbw,
        rgbww,
        xy,
        white_topic,
        temperature: Temperature::read(keys),
        brightness_scale: read_scale(keys, "brightness_scale"),
        white_scale: read_scale(keys, "white_scale"),
    }))
}

impl Component for BasicLight {
    fn caps(&self) -> Caps {
        Caps::Light(Box::new(self.caps.clone()))
    }

    fn topics(&self, topics: &mut Topics) {
        topics.add(self.state_topic.as_ref(), STATE);
        topics.add(self.brightness.state_topic.as_ref(), BRIGHTNESS);
        topics.add(self.rgb.state_topic.as_ref(), RGB);
        topics.add(self.rgbw.state_topic.as_ref(), RGBW);
        topics.add(self.rgbww.state_topic.as_ref(), RGBWW);
        topics.add(self.color_mode_topic.as_ref(), COLOR_MODE);
        topics.add(self.color_temp.state_topic.as_ref(), COLOR_TEMP);
        topics.add(self.effect.state_topic.as_ref(), EFFECT);
        topics.add(self.hs.state_topic.as_ref(), HS);
        topics.add(self.xy.state_topic.as_ref(), XY);
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
        slot: Slot,
        message: &Message<'_>,
        moment: &mut Moment<'_>,
    ) -> Result<Heard, Fault> {
        if slot == STATE {
            let payload = value_or_raw(self.state_template.as_ref(), message, moment)?;
            self.state.on = if *payload == *self.payload_on && !payload.is_empty() {
                Some(true)
            } else if *payload == *self.payload_off && !payload.is_empty() {
                Some(false)
            } else if payload == NONE {
                None
            } else {
                return Ok(Heard::Nothing);
            };
            return Ok(Heard::State);
        }
        let template = match slot {
            BRIGHTNESS => &self.brightness.value_template,
            RGB => &self.rgb.value_template,
            RGBW => &self.rgbw.value_template,
            RGBWW => &self.rgbww.value_template,
            COLOR_MODE => &self.color_mode_template,
            COLOR_TEMP => &self.color_temp.value_template,
            EFFECT => &self.effect.value_template,
            HS => &self.hs.value_template,
            _ => &self.xy.value_template,
        };
        let payload = value(template.as_ref(), message, moment)?;
        if payload.is_empty() {
            return Ok(Heard::Nothing);
        }
        self.read_part(slot, &payload)
    }

    fn command(&mut self, action: &Action, moment: &mut Moment<'_>) -> Result<Commands, Refusal> {
        match action {
            Action::Light(Wish::TurnOn(wish)) => self.turn_on(wish, moment),
            Action::Light(Wish::TurnOff(_)) => {
                let mut commands = Commands::one(&self.command_topic, &*self.payload_off);
                if self.is_optimistic {
                    self.state.on = Some(false);
                    commands.assumed = true;
                }
                Ok(commands)
            }
            _ => Err(Refusal::CannotDo("light")),
        }
    }

    fn assumes_state(&self) -> bool {
        self.is_optimistic
    }

    fn reserved_attributes(&self) -> &'static [&'static str] {
        RESERVED
    }
}

impl BasicLight {
    /// Reads what came on a topic other than that of the state.
    fn read_part(&mut self, slot: Slot, payload: &str) -> Result<Heard, Fault> {
        match slot {
            BRIGHTNESS => {
                let said = float(payload)?;
                if said == 0.0 {
                    return Ok(Heard::Nothing);
                }
                let level = (said / self.brightness_scale * 255.0).round_ties_even();
                self.state.brightness = Some(level.clamp(0.0, 255.0) as u8);
            }
            RGB => {
                let rgb = channels::<3>(payload)?;
                if let Some(rgb) = self.full(ColorMode::Rgb, rgb, rgb) {
                    self.state.colors.rgb = Some(rgb);
                }
            }
            RGBW => {
                let rgbw = channels::<4>(payload)?;
                if let Some(rgbw) = self.full(ColorMode::Rgbw, rgbw, color::rgbw_to_rgb(rgbw)) {
                    self.state.colors.rgbw = Some(rgbw);
                }
            }
            RGBWW => {
                let rgbww = channels::<5>(payload)?;
                let (min, max) = (self.caps.min_kelvin, self.caps.max_kelvin);
                let rgb = color::rgbww_to_rgb(rgbww, min, max);
                if let Some(rgbww) = self.full(ColorMode::Rgbww, rgbww, rgb) {
                    self.state.colors.rgbww = Some(rgbww);
                }
            }
            COLOR_MODE => {
                let bad = |_| Fault(format!("`{}` is no colour mode", short(payload)));
                self.state.mode = Some(payload.parse().map_err(bad)?);
            }
            COLOR_TEMP => {
                let bad = || Fault(format!("`{}` is no colour temperature", short(payload)));
                let kelvin = self.temperature.kelvin(whole(payload)? as f64).ok_or_else(bad)?;
                self.state.colors.kelvin = Some(kelvin);
                self.guess_mode(ColorMode::ColorTemp);
            }
            EFFECT => self.state.effect = Some(payload.into()),
            HS => {
                self.state.colors.hs = Some(floats::<2>(payload)?);
                self.guess_mode(ColorMode::Hs);
            }
            _ => {
                self.state.colors.xy = Some(floats::<2>(payload)?);
                self.guess_mode(ColorMode::Xy);
            }
        }
        Ok(Heard::State)
    }

    /// A colour at full brightness. Where no topic tells the brightness, it is in the colour;
    /// `None` when that is 0, which says nothing about the colour.
    fn full<const N: usize>(
        &mut self,
        mode: ColorMode,
        color: [u8; N],
        rgb: [u8; 3],
    ) -> Option<[u8; N]> {
        self.guess_mode(mode);
        if self.brightness.state_topic.is_some() {
            return Some(color);
        }
        let level = rgb.into_iter().max().filter(|level| *level > 0)?;
        self.state.brightness = Some(level);
        Some(color.map(|channel| {
            let full = (f64::from(channel) / f64::from(level) * 255.0).round_ties_even();
            full.min(255.0) as u8
        }))
    }

    fn guess_mode(&mut self, mode: ColorMode) {
        if self.guesses_mode {
            self.state.mode = Some(mode);
        }
    }

    fn turn_on(&mut self, wish: &TurnOn, moment: &Moment<'_>) -> Result<Commands, Refusal> {
        let mut commands = Commands::default();
        let mut after = self.state.clone();
        let mut assumed = self.is_optimistic;
        let mut level = wish.level();
        match self.on_command {
            OnCommand::First => commands.push(&self.command_topic, &*self.payload_on),
            OnCommand::Brightness if !matches!(wish.color, Some(Color::White(_))) => {
                level =
                    level.or(Some(self.state.brightness.filter(|level| *level > 0).unwrap_or(255)));
            }
            OnCommand::Brightness | OnCommand::Last => {}
        }
        // In this order: colour, brightness, temperature, effect, white.
        let told = self.tell_color(wish.color, level, &mut commands, moment)?;
        if let Some((mode, colors)) = told {
            assumed = true;
            *after.colors = colors;
            if self.guesses_mode {
                after.mode = Some(mode);
            }
        }
        if let Some(level) = level
            && self.tell_brightness(level, wish.color, &mut commands, moment)?
            && self.brightness.is_optimistic
        {
            assumed = true;
            after.brightness = Some(level);
        }
        if let Some(Color::Kelvin(kelvin)) = wish.color {
            let device_value = self.temperature.device_value(kelvin);
            let variables = [("value", int(device_value))];
            let plain = device_value.to_string();
            let was_told = self.color_temp.tell(&plain, &variables, &mut commands, moment)?;
            if was_told && self.color_temp.is_optimistic {
                assumed = true;
                after.colors.kelvin = Some(kelvin);
                if self.guesses_mode {
                    after.mode = Some(ColorMode::ColorTemp);
                }
            }
        }
        // An effect that is not listed is not sent.
        let is_listed =
            |effect: &&Arc<str>| self.caps.effects.iter().flatten().any(|it| it == *effect);
        if let Some(effect) = wish.effect.as_ref().filter(is_listed) {
            let variables = [("value", Variable::Text(effect))];
            let was_told = self.effect.tell(effect, &variables, &mut commands, moment)?;
            if was_told && self.effect.is_optimistic {
                assumed = true;
                after.effect = Some(Arc::clone(effect));
            }
        }
        if let (Some(Color::White(Some(level))), Some(topic)) = (wish.color, &self.white_topic) {
            commands.push(topic, to_scale(level, self.white_scale, 0.0).to_string());
            if self.brightness.is_optimistic {
                assumed = true;
                after.brightness = Some(level);
                if self.guesses_mode {
                    after.mode = Some(ColorMode::White);
                }
            }
        }
        if self.on_command == OnCommand::Last {
            commands.push(&self.command_topic, &*self.payload_on);
        }
        if self.is_optimistic {
            after.on = Some(true);
        }
        self.state = after;
        commands.assumed = assumed;
        Ok(commands)
    }

    /// Tells a colour other than a white. What is answered is assumed, because no report comes.
    fn tell_color(
        &self,
        color: Option<Color>,
        level: Option<u8>,
        commands: &mut Commands,
        moment: &Moment<'_>,
    ) -> Result<Option<(ColorMode, Colors)>, Refusal> {
        let mut colors = *self.state.colors;
        // Without a brightness of its own the light gets a dimmer colour.
        let dim = match &self.brightness.command_topic {
            Some(_) => 255,
            None => [level, self.state.brightness]
                .into_iter()
                .flatten()
                .find(|level| *level > 0)
                .unwrap_or(255),
        };
        let (mode, part, was_told) = match color {
            Some(Color::Hs(hs)) => {
                colors.hs = Some(hs);
                let names = ["hue", "sat"];
                (ColorMode::Hs, &self.hs, tell_pair(&self.hs, names, hs, commands, moment)?)
            }
            Some(Color::Xy(xy)) => {
                colors.xy = Some(xy);
                let names = ["x", "y"];
                (ColorMode::Xy, &self.xy, tell_pair(&self.xy, names, xy, commands, moment)?)
            }
            Some(Color::Rgb(rgb)) => {
                colors.rgb = Some(rgb);
                let was_told = tell_channels(&self.rgb, &RGB_NAMES, &rgb, dim, commands, moment)?;
                (ColorMode::Rgb, &self.rgb, was_told)
            }
            Some(Color::Rgbw(rgbw)) => {
                colors.rgbw = Some(rgbw);
                let was_told =
                    tell_channels(&self.rgbw, &RGBW_NAMES, &rgbw, dim, commands, moment)?;
                (ColorMode::Rgbw, &self.rgbw, was_told)
            }
            Some(Color::Rgbww(rgbww)) => {
                colors.rgbww = Some(rgbww);
                let was_told =
                    tell_channels(&self.rgbww, &RGBWW_NAMES, &rgbww, dim, commands, moment)?;
                (ColorMode::Rgbww, &self.rgbww, was_told)
            }
            Some(Color::Kelvin(_) | Color::White(_)) | None => return Ok(None),
        };
        Ok((was_told && part.is_optimistic).then_some((mode, colors)))
    }

    /// Tells a brightness: on its own topic, else as a dimmer colour of the present one, unless
    /// the colour told just now was that already.
    fn tell_brightness(
        &self,
        level: u8,
        color: Option<Color>,
        commands: &mut Commands,
        moment: &Moment<'_>,
    ) -> Result<bool, Refusal> {
        if self.brightness.command_topic.is_some() {
            let device_value = to_scale(level, self.brightness_scale, 1.0);
            let variables = [("value", int(device_value))];
            return self.brightness.tell(&device_value.to_string(), &variables, commands, moment);
        }
        let colors = &*self.state.colors;
        if self.rgb.command_topic.is_some() && !matches!(color, Some(Color::Rgb(_))) {
            let rgb = colors.rgb.unwrap_or([255; 3]);
            return tell_channels(&self.rgb, &RGB_NAMES, &rgb, level, commands, moment);
        }
        if self.rgbw.command_topic.is_some() && !matches!(color, Some(Color::Rgbw(_))) {
            let rgbw = colors.rgbw.unwrap_or([255; 4]);
            return tell_channels(&self.rgbw, &RGBW_NAMES, &rgbw, level, commands, moment);
        }
        if self.rgbww.command_topic.is_some() && !matches!(color, Some(Color::Rgbww(_))) {
            let rgbww = colors.rgbww.unwrap_or([255; 5]);
            return tell_channels(&self.rgbww, &RGBWW_NAMES, &rgbww, level, commands, moment);
        }
        Ok(false)
    }
}

const RGB_NAMES: [&str; 3] = ["red", "green", "blue"];
const RGBW_NAMES: [&str; 4] = ["red", "green", "blue", "white"];
const RGBWW_NAMES: [&str; 5] = ["red", "green", "blue", "cold_white", "warm_white"];

/// Tells a colour of two numbers: `h,s` or `x,y`.
fn tell_pair(
    part: &Part,
    names: [&str; 2],
    pair: [f64; 2],
    commands: &mut Commands,
    moment: &Moment<'_>,
) -> Result<bool, Refusal> {
    let plain = pair.map(python::float_repr).join(",");
    let variables = [
        ("value", Variable::Text(&plain)),
        (names[0], Variable::Float(pair[0])),
        (names[1], Variable::Float(pair[1])),
    ];
    part.tell(&plain, &variables, commands, moment)
}

/// Tells a colour of channels, dimmed to `dim` of 255; fractions are cut.
fn tell_channels(
    part: &Part,
    names: &[&str],
    channels: &[u8],
    dim: u8,
    commands: &mut Commands,
    moment: &Moment<'_>,
) -> Result<bool, Refusal> {
    let dimmed: Vec<u8> =
        channels.iter().map(|channel| (u16::from(*channel) * u16::from(dim) / 255) as u8).collect();
    let plain = dimmed.iter().map(u8::to_string).collect::<Vec<_>>().join(",");
    let mut variables = vec![("value", Variable::Text(&plain))];
    variables.extend(names.iter().zip(&dimmed).map(|(name, channel)| (*name, int(*channel))));
    part.tell(&plain, &variables, commands, moment)
}
