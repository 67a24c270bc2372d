//! What an accepted action makes of a simulated device's state. Everything ends at once: a cover is
//! open as soon as it was told to open.

use std::sync::Arc;

use jiff::Timestamp;

use super::device::{Device, used};
use crate::home::domain::light::mode::ColorMode;
use crate::home::domain::light::wish::Color;
use crate::home::domain::{
    Action, State, alarm_control_panel, climate, cover, fan, humidifier, lawn_mower, light, lock,
    number, select, siren, switch, text, vacuum, valve, water_heater,
};

/// Does it.
pub(super) fn obey(device: &mut Device, action: &Action, at: Timestamp) {
    match (&mut device.state, action) {
        (State::AlarmControlPanel(state), Action::AlarmControlPanel(action)) => {
            alarm(state, action)
        }
        (State::Climate(state), Action::Climate(action)) => climate(state, action),
        (State::Cover(state), Action::Cover(action)) => cover(state, action),
        (State::Fan(state), Action::Fan(action)) => fan(state, action),
        (State::Humidifier(state), Action::Humidifier(action)) => humidifier(state, action),
        (State::LawnMower(state), Action::LawnMower(action)) => {
            state.activity = Some(match action {
                lawn_mower::Action::StartMowing => lawn_mower::Activity::Mowing,
                lawn_mower::Action::Pause => lawn_mower::Activity::Paused,
                lawn_mower::Action::Dock => lawn_mower::Activity::Docked,
                lawn_mower::Action::Stop => lawn_mower::Activity::Idle,
            });
        }
        (State::Light(state), Action::Light(action)) => light(state, action),
        (State::Lock(state), Action::Lock(action)) => {
            state.bolt = Some(match action {
                lock::Action::Lock(_) => lock::Bolt::Locked,
                lock::Action::Unlock(_) => lock::Bolt::Unlocked,
                lock::Action::Open(_) => lock::Bolt::Open,
            });
        }
        (State::Number(state), Action::Number(number::Action::Set(value))) => {
            state.value = Some(value.to_string().into());
        }
        (State::Select(state), Action::Select(select::Action::Select(option))) => {
            state.option = Some(Arc::clone(option));
        }
        (State::Siren(state), Action::Siren(action)) => {
            state.on = Some(match action {
                siren::Action::TurnOn(_) => true,
                siren::Action::TurnOff => false,
                siren::Action::Toggle => state.on != Some(true),
            });
        }
        (State::Switch(state), Action::Switch(action)) => {
            state.on = Some(match action {
                switch::Action::TurnOn => true,
                switch::Action::TurnOff => false,
                switch::Action::Toggle => state.on != Some(true),
            });
        }
        (State::Text(state), Action::Text(text::Action::Set(value))) => {
            state.value = Some(Arc::clone(value));
        }
        (State::Vacuum(state), Action::Vacuum(action)) => vacuum(state, action),
        (State::Valve(state), Action::Valve(action)) => valve(state, action),
        (State::WaterHeater(state), Action::WaterHeater(action)) => match action {
            water_heater::Action::SetTemperature(target, mode) => {
                state.target = Some(*target);
                state.mode = mode.clone().or(state.mode.take());
            }
            water_heater::Action::SetMode(mode) => state.mode = Some(Arc::clone(mode)),
            water_heater::Action::TurnOn => state.mode = Some("performance".into()),
            water_heater::Action::TurnOff => state.mode = Some("off".into()),
        },
        (state @ (State::Button(_) | State::Scene(_)), Action::Button(_) | Action::Scene(_)) => {
            used(state, at);
        }
        // Sensors and the like take no actions, and no other pair is accepted.
        _ => {}
    }
}

fn alarm(state: &mut alarm_control_panel::State, action: &alarm_control_panel::Action) {
    use alarm_control_panel::{Action, Alarm};
    state.alarm = Some(match action {
        Action::Arm(arming, _) => Alarm::Armed(*arming),
        Action::Disarm(_) => Alarm::Disarmed,
        Action::Trigger(_) => Alarm::Triggered,
    });
}

fn climate(state: &mut climate::State, action: &climate::Action) {
    use climate::{Action, Mode};
    let facts = &mut *state.0;
    match action {
        Action::SetTemperature { target, low, high, mode } => {
            facts.target = target.or(facts.target);
            facts.low = low.or(facts.low);
            facts.high = high.or(facts.high);
            facts.mode = mode.or(facts.mode);
        }
        Action::SetMode(mode) => facts.mode = Some(*mode),
        Action::SetPreset(preset) => facts.preset = Some(Arc::clone(preset)),
        Action::SetFanMode(mode) => facts.fan_mode = Some(Arc::clone(mode)),
        Action::SetSwingMode(mode) => facts.swing_mode = Some(Arc::clone(mode)),
        Action::SetSwingHorizontalMode(mode) => {
            facts.swing_horizontal_mode = Some(Arc::clone(mode));
        }
        Action::SetHumidity(humidity) => facts.humidity = Some(*humidity as f64),
        Action::TurnOn | Action::Toggle => facts.mode = Some(Mode::Heat),
        Action::TurnOff => facts.mode = Some(Mode::Off),
    }
}

fn cover(state: &mut cover::State, action: &cover::Action) {
    use cover::Action;
    let mut go = |position: u8| {
        state.is_closed = Some(position == 0);
        if state.position.is_some() {
            state.position = Some(position);
        }
        state.moving = None;
    };
    match action {
        Action::Open => go(100),
        Action::Close => go(0),
        Action::SetPosition(position) => go(*position),
        Action::OpenTilt => state.tilt = Some(100),
        Action::CloseTilt => state.tilt = Some(0),
        Action::SetTilt(tilt) => state.tilt = Some(*tilt),
        Action::Stop => state.moving = None,
        Action::StopTilt | Action::Toggle | Action::ToggleTilt => {}
    }
}

fn valve(state: &mut valve::State, action: &valve::Action) {
    use valve::Action;
    let mut go = |position: u8| {
        state.is_closed = Some(position == 0);
        if state.position.is_some() {
            state.position = Some(position);
        }
        state.moving = None;
    };
    match action {
        Action::Open => go(100),
        Action::Close => go(0),
        Action::SetPosition(position) => go(*position),
        Action::Stop => state.moving = None,
        Action::Toggle => {}
    }
}

fn fan(state: &mut fan::State, action: &fan::Action) {
    use fan::Action;
    match action {
        Action::TurnOn { percentage, preset } => {
            state.on = Some(true);
            if let Some(percentage) = percentage {
                state.percentage = Some(*percentage);
            }
            if let Some(preset) = preset {
                state.preset = Some(Arc::clone(preset));
            }
        }
        Action::TurnOff => state.on = Some(false),
        Action::SetPercentage(percentage) => {
            state.on = Some(*percentage > 0);
            state.percentage = Some(*percentage);
        }
        Action::SetPreset(preset) => {
            state.on = Some(true);
            state.preset = Some(Arc::clone(preset));
        }
        Action::Oscillate(on) => state.oscillating = Some(*on),
        Action::SetDirection(direction) => {
            state.direction = Some(match direction {
                fan::Direction::Forward => "forward".into(),
                fan::Direction::Reverse => "reverse".into(),
            });
        }
        Action::Toggle | Action::Increase(_) | Action::Decrease(_) => {}
    }
}

fn humidifier(state: &mut humidifier::State, action: &humidifier::Action) {
    use humidifier::Action;
    match action {
        Action::TurnOn => state.on = Some(true),
        Action::TurnOff => state.on = Some(false),
        Action::Toggle => state.on = Some(state.on != Some(true)),
        Action::SetHumidity(humidity) => state.humidity = Some(*humidity),
        Action::SetMode(mode) => state.mode = Some(Arc::clone(mode)),
    }
}

fn light(state: &mut light::State, action: &light::Action) {
    let wish = match action {
        light::Action::TurnOff(_) => {
            state.on = Some(false);
            return;
        }
        light::Action::TurnOn(wish) | light::Action::Toggle(wish) => wish,
    };
    state.on = Some(true);
    state.brightness = wish.level().or(state.brightness);
    state.effect = wish.effect.clone();
    let colors = &mut state.colors;
    let Some(color) = wish.color else { return };
    state.mode = Some(match color {
        Color::Hs(hs) => {
            colors.hs = Some(hs);
            ColorMode::Hs
        }
        Color::Rgb(rgb) => {
            colors.rgb = Some(rgb);
            ColorMode::Rgb
        }
        Color::Rgbw(rgbw) => {
            colors.rgbw = Some(rgbw);
            ColorMode::Rgbw
        }
        Color::Rgbww(rgbww) => {
            colors.rgbww = Some(rgbww);
            ColorMode::Rgbww
        }
        Color::Xy(xy) => {
            colors.xy = Some(xy);
            ColorMode::Xy
        }
        Color::Kelvin(kelvin) => {
            colors.kelvin = Some(kelvin);
            ColorMode::ColorTemp
        }
        Color::White(level) => {
            state.brightness = level.or(state.brightness);
            ColorMode::White
        }
    });
}

fn vacuum(state: &mut vacuum::State, action: &vacuum::Action) {
    use vacuum::{Action, Activity};
    match action {
        Action::Start | Action::CleanSpot | Action::CleanSegments(_) => {
            state.activity = Some(Activity::Cleaning);
        }
        Action::Pause => state.activity = Some(Activity::Paused),
        Action::Stop => state.activity = Some(Activity::Idle),
        Action::ReturnToBase => state.activity = Some(Activity::Docked),
        Action::SetFanSpeed(speed) => state.fan_speed = Some((&**speed).into()),
        Action::Locate | Action::SendCommand(..) => {}
    }
}
