//! A simulated device: what it can do, from the words of the notation, and what it is.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;

use super::keys::{Keys, Wrong};
use crate::home::color;
use crate::home::domain::light::mode::{ColorMode, Modes};
use crate::home::domain::{
    Caps, Domain, State, alarm_control_panel, binary_sensor, climate, cover, device_tracker, fan,
    humidifier, lawn_mower, light, lock, number, select, siren, switch, text, vacuum, valve,
    water_heater,
};
use crate::home::entity::View;
use crate::home::value::Attributes;

/// How a device behaves when it is told something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Manner {
    /// It does it and says so at once.
    #[default]
    Good,
    /// It does it and never says anything.
    Silent,
    /// It does it and says so after the reply.
    Slow,
    /// It cannot be reached.
    Offline,
    /// It cannot say anything, so its state is assumed.
    Assumed,
}

impl Manner {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "good" => Self::Good,
            "silent" => Self::Silent,
            "slow" => Self::Slow,
            "offline" => Self::Offline,
            "assumed" => Self::Assumed,
            _ => return None,
        })
    }
}

/// A device as a home describes it.
#[derive(Debug, Clone)]
pub(super) struct Device {
    pub(super) caps: Caps,
    pub(super) state: State,
    pub(super) manner: Manner,
}

impl Device {
    /// Reads what a home's file says of an entity of this domain.
    pub(super) fn read(domain: Domain, keys: &mut Keys) -> Result<Self, Wrong> {
        let caps = caps(domain, keys)?;
        let mut device = Self { state: caps.unknown(), caps, manner: Manner::default() };
        device.set(keys)?;
        Ok(device)
    }

    /// Sets what is said of its state, and leaves the rest.
    pub(super) fn set(&mut self, keys: &mut Keys) -> Result<(), Wrong> {
        if let Some(word) = keys.text("device")? {
            let known = "`good`, `silent`, `slow`, `offline` or `assumed`";
            let manner = Manner::of(&word);
            self.manner = manner.ok_or_else(|| keys.wrong(format!("`device` must be {known}")))?;
        }
        let word = keys.text("state")?;
        set(&mut self.state, &self.caps, word.as_deref(), keys)
    }

    /// The device's own truth, whether it has told it or not.
    pub(super) fn view(&self) -> View {
        let word = self.state.word(&self.caps);
        let word = word.map_or(Cow::Borrowed("unknown"), |word| Cow::Owned(word.into_owned()));
        let mut attributes = Attributes::new();
        self.state.attributes(&self.caps, &mut attributes);
        View { word, attributes }
    }
}

fn shared(texts: Vec<String>) -> Option<Vec<Arc<str>>> {
    let texts: Vec<Arc<str>> = texts.into_iter().map(Arc::from).collect();
    (!texts.is_empty()).then_some(texts)
}

fn caps(domain: Domain, keys: &mut Keys) -> Result<Caps, Wrong> {
    let mut can = keys.texts("can")?;
    let mut able = |what: &str| {
        let at = can.iter().position(|word| word == what);
        at.map(|at| can.swap_remove(at)).is_some()
    };
    let caps = match domain {
        Domain::Automation => Caps::Automation(Box::default()),
        Domain::Script => Caps::Script(Box::default()),
        Domain::AlarmControlPanel => {
            use alarm_control_panel::Arming;
            let armings = vec![Arming::Home, Arming::Away, Arming::Night];
            let code = match keys.text("code")? {
                Some(code) => alarm_control_panel::Code::Known(code.into()),
                None => alarm_control_panel::Code::None,
            };
            let needs_code_to_disarm = code != alarm_control_panel::Code::None;
            Caps::AlarmControlPanel(Box::new(alarm_control_panel::Caps {
                armings,
                code,
                needs_code_to_disarm,
                ..alarm_control_panel::Caps::default()
            }))
        }
        Domain::BinarySensor => Caps::BinarySensor(Box::default()),
        Domain::Button => Caps::Button(Box::default()),
        Domain::Climate => {
            let modes = shared(keys.texts("modes")?);
            Caps::Climate(Box::new(climate::Caps {
                modes: modes.unwrap_or_else(|| vec!["off".into(), "heat".into()]),
                fan_modes: shared(keys.texts("fan_modes")?),
                preset_modes: shared(keys.texts("presets")?),
                has_target: true,
                min: keys.number("min")?.unwrap_or(5.0),
                max: keys.number("max")?.unwrap_or(30.0),
                step: Some(keys.number("step")?.unwrap_or(0.5)),
                ..climate::Caps::default()
            }))
        }
        Domain::Cover => Caps::Cover(Box::new(cover::Caps {
            can_open: true,
            can_close: true,
            can_stop: !able("no stop"),
            has_position: able("position"),
            has_tilt: able("tilt"),
            can_stop_tilt: false,
        })),
        Domain::DeviceTracker => {
            Caps::DeviceTracker(Box::new(device_tracker::Caps { source_type: "gps" }))
        }
        Domain::Fan => Caps::Fan(Box::new(fan::Caps {
            n_speeds: keys.number("speeds")?.map(|n| n.clamp(1.0, 100.0) as u8),
            preset_modes: shared(keys.texts("presets")?),
            can_oscillate: able("oscillate"),
            has_direction: able("direction"),
        })),
        Domain::Humidifier => Caps::Humidifier(Box::new(humidifier::Caps {
            min: keys.number("min")?.unwrap_or(30.0),
            max: keys.number("max")?.unwrap_or(80.0),
            modes: shared(keys.texts("modes")?),
        })),
        Domain::LawnMower => Caps::LawnMower(Box::new(lawn_mower::Caps {
            can_start: true,
            can_pause: true,
            can_dock: true,
            can_stop: false,
        })),
        Domain::Light => {
            let mut modes = Vec::new();
            for (word, mode) in [
                ("brightness", ColorMode::Brightness),
                ("color_temp", ColorMode::ColorTemp),
                ("color", ColorMode::Hs),
            ] {
                modes.extend(able(word).then_some(mode));
            }
            let effects = shared(keys.texts("effects")?);
            Caps::Light(Box::new(light::Caps {
                modes: Modes::of(modes),
                has_effects: effects.is_some(),
                effects,
                has_transition: true,
                ..light::Caps::default()
            }))
        }
        Domain::Lock => {
            Caps::Lock(Box::new(lock::Caps { can_open: able("open"), ..lock::Caps::default() }))
        }
        Domain::Number => Caps::Number(Box::new(number::Caps {
            min: keys.number("min")?.unwrap_or(0.0),
            max: keys.number("max")?.unwrap_or(100.0),
            step: keys.number("step")?.unwrap_or(1.0),
            mode: "auto",
        })),
        Domain::Scene => Caps::Scene(Box::default()),
        Domain::Select => Caps::Select(Box::new(select::Caps {
            options: shared(keys.texts("options")?).unwrap_or_default(),
        })),
        Domain::Sensor => Caps::Sensor(Box::default()),
        Domain::Siren => Caps::Siren(Box::new(siren::Caps {
            tones: None,
            has_duration: able("duration"),
            has_volume: able("volume"),
        })),
        Domain::Switch => Caps::Switch(Box::default()),
        Domain::Text => {
            Caps::Text(Box::new(text::Caps { min: 0, max: 255, pattern: None, is_password: false }))
        }
        Domain::Vacuum => Caps::Vacuum(Box::new(vacuum::Caps {
            can_clean_segments: able("segments"),
            can_start: true,
            can_pause: true,
            can_stop: true,
            can_return: true,
            can_locate: true,
            fan_speeds: shared(keys.texts("fan_speeds")?),
            ..vacuum::Caps::default()
        })),
        Domain::Valve => Caps::Valve(Box::new(valve::Caps {
            can_open: true,
            can_close: true,
            can_stop: false,
            has_position: able("position"),
        })),
        Domain::WaterHeater => Caps::WaterHeater(Box::new(water_heater::Caps {
            modes: shared(keys.texts("modes")?),
            has_target: true,
            has_power: true,
            min: keys.number("min")?.unwrap_or(30.0),
            max: keys.number("max")?.unwrap_or(70.0),
            precision: crate::home::domain::temperature::Precision::Tenths,
        })),
        Domain::Camera
        | Domain::Date
        | Domain::DateTime
        | Domain::Event
        | Domain::Image
        | Domain::Infrared
        | Domain::Notify
        | Domain::Time
        | Domain::Update => {
            return Err(keys.wrong(format!("`{domain}` is not simulated")));
        }
    };
    match can.first() {
        None => Ok(caps),
        Some(word) => Err(keys.wrong(format!("a {domain} of the notation cannot `{word}`"))),
    }
}

fn percent(number: Option<f64>) -> Option<u8> {
    number.map(|number| number.clamp(0.0, 100.0).round() as u8)
}

/// Percent as the 1 to 255 of lights.
fn level(percent: f64) -> u8 {
    (percent.clamp(0.0, 100.0) * 2.55).round().max(1.0) as u8
}

fn set(state: &mut State, caps: &Caps, word: Option<&str>, keys: &mut Keys) -> Result<(), Wrong> {
    let place = keys.place().to_owned();
    let bad = |domain: Domain| {
        let what = format!("`{}` is no state of a {domain}", word.unwrap_or_default());
        Wrong { place: place.clone(), what }
    };
    let on_off = |domain: Domain| match word {
        None => Ok(None),
        Some("on") => Ok(Some(true)),
        Some("off") => Ok(Some(false)),
        Some(_) => Err(bad(domain)),
    };
    match state {
        State::Automation(state) => state.on = on_off(Domain::Automation)?.or(state.on),
        State::Script(state) => state.on = on_off(Domain::Script)?.or(state.on),
        State::AlarmControlPanel(alarm) => {
            if let Some(word) = word {
                let found = alarm_control_panel::Alarm::of(word);
                alarm.alarm = Some(found.ok_or_else(|| bad(Domain::AlarmControlPanel))?);
            }
        }
        State::BinarySensor(sensor) => {
            *sensor = binary_sensor::State { on: on_off(Domain::BinarySensor)?.or(sensor.on) };
        }
        State::Climate(state) => {
            let facts = &mut *state.0;
            if let Some(word) = word {
                let mode = climate::Mode::of(word).ok_or_else(|| bad(Domain::Climate))?;
                facts.mode = Some(mode);
            }
            facts.target = keys.number("temperature")?.or(facts.target);
            facts.current = keys.number("current")?.or(facts.current);
            facts.preset = keys.text("preset")?.map(Arc::from).or(facts.preset.take());
            facts.fan_mode = keys.text("fan_mode")?.map(Arc::from).or(facts.fan_mode.take());
        }
        State::Cover(cover) => {
            let position = percent(keys.number("position")?);
            let (is_closed, whole) = match word {
                None => (position.map(|position| position == 0), position),
                Some("open") => (Some(false), Some(position.unwrap_or(100))),
                Some("closed") => (Some(true), Some(0)),
                Some(_) => return Err(bad(Domain::Cover)),
            };
            cover.is_closed = is_closed.or(cover.is_closed);
            cover.position = whole.or(cover.position).filter(|_| has_position(caps));
            cover.tilt = percent(keys.number("tilt")?).or(cover.tilt);
        }
        State::DeviceTracker(tracker) => {
            tracker.place = word.map(Arc::from).or(tracker.place.take());
        }
        State::Fan(fan) => {
            fan.on = on_off(Domain::Fan)?.or(fan.on);
            fan.percentage = percent(keys.number("speed")?).or(fan.percentage);
            fan.preset = keys.text("preset")?.map(Arc::from).or(fan.preset.take());
            if let Some(word) = keys.text("oscillating")? {
                fan.oscillating = Some(word == "on");
            }
        }
        State::Humidifier(state) => {
            state.on = on_off(Domain::Humidifier)?.or(state.on);
            state.humidity = percent(keys.number("humidity")?).or(state.humidity);
            state.current = percent(keys.number("current")?).or(state.current);
            state.mode = keys.text("mode")?.map(Arc::from).or(state.mode.take());
        }
        State::LawnMower(mower) => {
            if let Some(word) = word {
                let found = lawn_mower::Activity::of(word);
                mower.activity = Some(found.ok_or_else(|| bad(Domain::LawnMower))?);
            }
        }
        State::Light(light) => {
            light.on = on_off(Domain::Light)?.or(light.on);
            if let Some(percent) = keys.number("brightness")? {
                light.brightness = Some(level(percent));
            }
            if let Some(name) = keys.text("color")? {
                let rgb = color::named(&name);
                let rgb = rgb.ok_or_else(|| keys.wrong(format!("`{name}` is no color")))?;
                light.mode = Some(ColorMode::Hs);
                light.colors.hs = Some(color::rgb_to_hs(rgb.map(f64::from)));
            }
            if let Some(kelvin) = keys.number("color_temp")? {
                light.mode = Some(ColorMode::ColorTemp);
                light.colors.kelvin = Some(kelvin.clamp(1_000.0, 12_000.0) as u32);
            }
            light.effect = keys.text("effect")?.map(Arc::from).or(light.effect.take());
            if let Caps::Light(caps) = caps {
                if light.brightness.is_none() && caps.modes.has_brightness() {
                    light.brightness = Some(255);
                }
                // One that has never told a color could not show its brightness either.
                if caps.modes.has(ColorMode::ColorTemp) && light.colors.kelvin.is_none() {
                    light.colors.kelvin = Some(3_000);
                } else if caps.modes.has(ColorMode::Hs)
                    && light.colors.kelvin.is_none()
                    && light.colors.hs.is_none()
                {
                    light.colors.hs = Some([35.0, 15.0]);
                }
            }
        }
        State::Lock(lock) => {
            if let Some(word) = word {
                let bolt = match word {
                    "locked" => lock::Bolt::Locked,
                    "unlocked" => lock::Bolt::Unlocked,
                    "jammed" => lock::Bolt::Jammed,
                    "open" => lock::Bolt::Open,
                    _ => return Err(bad(Domain::Lock)),
                };
                lock.bolt = Some(bolt);
            }
        }
        State::Number(number) => *number = number::State { value: text_of(word, &number.value) },
        State::Select(select) => *select = select::State { option: text_of(word, &select.option) },
        State::Sensor(sensor) => sensor.value = text_of(word, &sensor.value),
        State::Siren(siren) => siren.on = on_off(Domain::Siren)?.or(siren.on),
        State::Switch(switch) => {
            *switch = switch::State { on: on_off(Domain::Switch)?.or(switch.on) };
        }
        State::Text(text) => text.value = text_of(word, &text.value),
        State::Vacuum(vacuum) => {
            if let Some(word) = word {
                let found = vacuum::Activity::of(word);
                vacuum.activity = Some(found.ok_or_else(|| bad(Domain::Vacuum))?);
            }
            if let Some(speed) = keys.text("fan_speed")? {
                vacuum.fan_speed = Some(speed.into());
            }
            let segments = keys.texts("segments")?;
            if !segments.is_empty() {
                let segment = |name: &String| {
                    let name: Arc<str> = name.as_str().into();
                    vacuum::Segment { id: Arc::clone(&name), name }
                };
                vacuum.segments = segments.iter().map(segment).collect();
            }
        }
        State::Valve(valve) => {
            let position = percent(keys.number("position")?);
            let (is_closed, whole) = match word {
                None => (position.map(|position| position == 0), position),
                Some("open") => (Some(false), Some(position.unwrap_or(100))),
                Some("closed") => (Some(true), Some(0)),
                Some(_) => return Err(bad(Domain::Valve)),
            };
            valve.is_closed = is_closed.or(valve.is_closed);
            valve.position = whole.or(valve.position).filter(|_| has_position(caps));
        }
        State::WaterHeater(heater) => {
            heater.mode = text_of(word, &heater.mode);
            heater.target = keys.number("temperature")?.or(heater.target);
            heater.current = keys.number("current")?.or(heater.current);
        }
        State::Button(_)
        | State::Camera(_)
        | State::Date(_)
        | State::DateTime(_)
        | State::Event(_)
        | State::Image(_)
        | State::Infrared(_)
        | State::Notify(_)
        | State::Scene(_)
        | State::Time(_)
        | State::Update(_) => {
            if let Some(word) = word {
                return Err(Wrong { place, what: format!("it has no state `{word}`") });
            }
        }
    }
    Ok(())
}

fn has_position(caps: &Caps) -> bool {
    match caps {
        Caps::Cover(caps) => caps.has_position,
        Caps::Valve(caps) => caps.has_position,
        _ => false,
    }
}

fn text_of(word: Option<&str>, before: &Option<Arc<str>>) -> Option<Arc<str>> {
    word.map(Arc::from).or_else(|| before.clone())
}

/// When a button or scene was used.
pub(super) fn used(state: &mut State, at: Timestamp) {
    match state {
        State::Button(button) => button.at = Some(at),
        State::Scene(scene) => scene.at = Some(at),
        _ => {}
    }
}
