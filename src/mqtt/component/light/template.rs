//! Lights whose messages and commands are formed by templates alone.

use std::sync::Arc;

use super::{RESERVED, Temperature, adopt, doubt, int, read_caps, value_or_raw, whole};
use crate::home::action::Refusal;
use crate::home::color;
use crate::home::domain::light::mode::{ColorMode, Modes};
use crate::home::domain::light::wish::{Color, TurnOn};
use crate::home::domain::light::{Action as Wish, Caps as LightCaps, State as LightState};
use crate::home::domain::{Action, Caps, State};
use crate::mqtt::component::sensor::short;
use crate::mqtt::component::{
    Commands, Component, Fault, Heard, Moment, NONE, Slot, Topics, command_payload,
};
use crate::mqtt::keys::{Keys, Reject};
use crate::mqtt::message::Message;
use crate::template::{Template, Variable};

const STATE: Slot = 0;

struct TemplateLight {
    state: LightState,
    caps: LightCaps,
    state_topic: Option<Arc<str>>,
    command_topic: Arc<str>,
    command_on: Template,
    command_off: Template,
    state_template: Option<Template>,
    brightness: Option<Template>,
    color_temp: Option<Template>,
    /// Red, green, blue: all three or none.
    rgb: Option<[Template; 3]>,
    effect: Option<Template>,
    temperature: Temperature,
    is_optimistic: bool,
}

/// Reads the keys of a light of templates.
pub(super) fn read(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    let state_topic = keys.topic("state_topic");
    let state_template = keys.template("state_template");
    let brightness = keys.template("brightness_template");
    let color_temp = keys.template("color_temp_template");
    let channels =
        ["red_template", "green_template", "blue_template"].map(|key| keys.template(key));
    let rgb = match channels {
        [Some(red), Some(green), Some(blue)] => Some([red, green, blue]),
        _ => None,
    };
    let modes = Modes::of(
        [
            brightness.as_ref().map(|_| ColorMode::Brightness),
            color_temp.as_ref().map(|_| ColorMode::ColorTemp),
            rgb.as_ref().map(|_| ColorMode::Hs),
        ]
        .into_iter()
        .flatten(),
    );
    let caps = read_caps(keys);
    let caps = LightCaps {
        modes,
        has_effects: caps.effects.is_some(),
        has_flash: true,
        has_transition: true,
        ..caps
    };
    let is_optimistic =
        keys.flag("optimistic", false) || state_topic.is_none() || state_template.is_none();
    Ok(Box::new(TemplateLight {
        state: LightState { mode: modes.only(), ..LightState::default() },
        caps,
        state_topic,
        command_topic: keys.required_publish_topic("command_topic")?,
        command_on: keys.required_template("command_on_template")?,
        command_off: keys.required_template("command_off_template")?,
        state_template,
        brightness,
        color_temp,
        rgb,
        effect: keys.template("effect_template"),
        temperature: Temperature::read(keys),
        is_optimistic,
    }))
}

impl Component for TemplateLight {
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
        let state = value_or_raw(self.state_template.as_ref(), message, moment)?;
        match &*state {
            "" => {}
            "on" => self.state.on = Some(true),
            "off" => self.state.on = Some(false),
            NONE => self.state.on = None,
            other => doubt(moment, format!("state `{}` is neither on nor off", short(other))),
        }
        if let Err(fault) = self.read_brightness(message, moment) {
            moment.doubt = Some(fault);
        }
        if let Err(fault) = self.read_temperature(message, moment) {
            moment.doubt = Some(fault);
        }
        if let Err(fault) = self.read_rgb(message, moment) {
            moment.doubt = Some(fault);
        }
        if let Err(fault) = self.read_effect(message, moment) {
            moment.doubt = Some(fault);
        }
        Ok(Heard::State)
    }

    fn command(&mut self, action: &Action, moment: &mut Moment<'_>) -> Result<Commands, Refusal> {
        let mut commands = match action {
            Action::Light(Wish::TurnOn(wish)) => self.turn_on(wish, moment)?,
            Action::Light(Wish::TurnOff(manner)) => {
                let mut variables =
                    vec![("value", Variable::None), ("state", Variable::Bool(false))];
                if let Some(transition) = manner.transition {
                    variables.push(("transition", Variable::Float(transition)));
                }
                let bytes = command_payload(Some(&self.command_off), "", &variables, moment)?;
                if self.is_optimistic {
                    self.state.on = Some(false);
                }
                Commands::one(&self.command_topic, bytes)
            }
            _ => return Err(Refusal::CannotDo("light")),
        };
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

impl TemplateLight {
    fn read_brightness(
        &mut self,
        message: &Message<'_>,
        moment: &mut Moment<'_>,
    ) -> Result<(), Fault> {
        let Some(template) = &self.brightness else { return Ok(()) };
        let text = value_or_raw(Some(template), message, moment)?;
        if text.is_empty() {
            return Ok(());
        }
        let level = whole(&text)?;
        if level != 0 {
            self.state.brightness = Some(level.clamp(0, 255) as u8);
        }
        Ok(())
    }

    fn read_temperature(
        &mut self,
        message: &Message<'_>,
        moment: &mut Moment<'_>,
    ) -> Result<(), Fault> {
        let Some(template) = &self.color_temp else { return Ok(()) };
        let text = value_or_raw(Some(template), message, moment)?;
        if text.is_empty() {
            return Ok(());
        }
        if text == NONE && self.temperature == Temperature::Mired {
            self.state.colors.kelvin = None;
            return Ok(());
        }
        let kelvin = self.temperature.kelvin(whole(&text)? as f64);
        let bad = || Fault(format!("`{}` is no colour temperature", short(&text)));
        self.state.colors.kelvin = Some(kelvin.ok_or_else(bad)?);
        Ok(())
    }

    fn read_rgb(&mut self, message: &Message<'_>, moment: &mut Moment<'_>) -> Result<(), Fault> {
        let Some([red, green, blue]) = &self.rgb else { return Ok(()) };
        let texts = [
            value_or_raw(Some(red), message, moment)?,
            value_or_raw(Some(green), message, moment)?,
            value_or_raw(Some(blue), message, moment)?,
        ];
        if texts.iter().any(|text| text.is_empty()) {
            return Ok(());
        }
        if texts.iter().all(|text| text == NONE) {
            self.state.colors.hs = None;
        } else {
            let [red, green, blue] = [whole(&texts[0])?, whole(&texts[1])?, whole(&texts[2])?];
            let rgb = [red, green, blue].map(|channel| channel.clamp(0, 255) as f64);
            self.state.colors.hs = Some(color::rgb_to_hs(rgb));
        }
        self.find_mode();
        Ok(())
    }

    fn read_effect(&mut self, message: &Message<'_>, moment: &mut Moment<'_>) -> Result<(), Fault> {
        let Some(template) = &self.effect else { return Ok(()) };
        let text = value_or_raw(Some(template), message, moment)?;
        if text.is_empty() {
            return Ok(());
        }
        let effect = self.caps.effects.iter().flatten().find(|effect| ***effect == *text);
        let bad = || Fault(format!("`{}` is none of its effects", short(&text)));
        self.state.effect = Some(Arc::clone(effect.ok_or_else(bad)?));
        Ok(())
    }

    /// A light with temperature and colour is in the mode of which it told something.
    fn find_mode(&mut self) {
        if self.caps.modes.only().is_none() {
            let has_color = self.state.colors.hs.is_some();
            let mode = if has_color { ColorMode::Hs } else { ColorMode::ColorTemp };
            self.state.mode = Some(mode);
        }
    }

    fn turn_on(&mut self, wish: &TurnOn, moment: &mut Moment<'_>) -> Result<Commands, Refusal> {
        let mut after = self.state.clone();
        after.on = Some(true);
        let mut variables = vec![("value", Variable::None), ("state", Variable::Bool(true))];
        if let Some(level) = wish.level() {
            variables.push(("brightness", int(level)));
            after.brightness = Some(level);
        }
        match wish.color {
            Some(Color::Kelvin(kelvin)) => {
                let value = self.temperature.device_value(kelvin);
                variables.push(("color_temp", int(value)));
                after.colors.kelvin = Some(kelvin);
                after.colors.hs = None;
            }
            Some(Color::Hs(hs)) => {
                // Without a brightness of its own the light gets a dimmer colour.
                let level = match &self.brightness {
                    Some(_) => 255,
                    None => wish.level().or(self.state.brightness).unwrap_or(255),
                };
                let rgb = color::hsv_to_rgb(hs, f64::from(level) / 255.0 * 100.0);
                for (name, channel) in ["red", "green", "blue"].into_iter().zip(rgb) {
                    variables.push((name, int(channel)));
                }
                variables.push(("hue", Variable::Float(hs[0])));
                variables.push(("sat", Variable::Float(hs[1])));
                after.colors.kelvin = None;
                after.colors.hs = Some(hs);
            }
            // A light of templates has no other modes.
            Some(
                Color::Rgb(_) | Color::Rgbw(_) | Color::Rgbww(_) | Color::Xy(_) | Color::White(_),
            )
            | None => {}
        }
        if let Some(effect) = &wish.effect {
            variables.push(("effect", Variable::Text(effect)));
            after.effect = Some(Arc::clone(effect));
        }
        if let Some(flash) = wish.manner.flash {
            variables.push(("flash", Variable::Text(flash.word())));
        }
        if let Some(transition) = wish.manner.transition {
            variables.push(("transition", Variable::Float(transition)));
        }
        let bytes = command_payload(Some(&self.command_on), "", &variables, moment)?;
        if self.is_optimistic {
            self.state = after;
            if wish.color.is_some() {
                self.find_mode();
            }
        }
        Ok(Commands::one(&self.command_topic, bytes))
    }
}
