//! How a thing is brought back to what it was: only what differs is sent, by the same services that
//! people call. What only happens, such as a press, cannot be taken back.

use std::sync::Arc;

use crate::home::action::Refusal;
use crate::home::domain::light::mode::ColorMode;
use crate::home::domain::lock::Bolt;
use crate::home::domain::{
    Action, State, alarm_control_panel, climate, cover, lawn_mower, light, lock, vacuum, valve,
};
use crate::home::entity::Entity;
use crate::home::id::EntityId;
use crate::home::service::Fields;
use crate::home::target::TargetWords;
use crate::home::value::Value;
use crate::intent::meaning::{Amount, Command, Step, What};

/// A service and its fields.
type Call = (&'static str, Vec<(&'static str, Value)>);

/// What brings the entity back; nothing if it is as it was.
///
/// # Errors
/// [`Refusal::NotKnown`] when it is not known how it was, [`Refusal::CannotDo`] when nothing brings
/// it back.
pub(super) fn restore(entity: &Entity, before: Option<&State>) -> Result<Vec<Action>, Refusal> {
    let Some(before) = before else {
        return Err(match entity.caps.as_ref().map(|caps| caps.unknown()) {
            // What has no state was not left in another.
            Some(State::Button(_) | State::Scene(_) | State::Notify(_)) => {
                Refusal::CannotDo("undo")
            }
            _ => Refusal::NotKnown("state"),
        });
    };
    let now = entity.state.as_ref();
    if now == Some(before) {
        return Ok(Vec::new());
    }
    let calls = calls(entity, before, now)?;
    let read = |(service, fields): Call| {
        let fields = fields.into_iter().map(|(name, value)| (Arc::from(name), value));
        let action = entity.domain.action(service, Fields::new(fields));
        action.map_err(|_| Refusal::CannotDo(service))
    };
    calls.into_iter().map(read).collect()
}

fn calls(entity: &Entity, before: &State, now: Option<&State>) -> Result<Vec<Call>, Refusal> {
    let on_off = |on: Option<bool>| match on {
        Some(true) => Ok(plain("turn_on")),
        Some(false) => Ok(plain("turn_off")),
        None => Err(Refusal::NotKnown("state")),
    };
    let differs = |is_same: bool, call: Option<Call>| call.filter(|_| !is_same);
    Ok(match (before, now) {
        (State::Light(before), _) => vec![lamp(before, entity)?],
        (State::Switch(before), _) => vec![on_off(before.on)?],
        (State::Siren(before), _) => vec![on_off(before.on)?],
        (State::Fan(before), now) => {
            let now = match now {
                Some(State::Fan(now)) => now.clone(),
                _ => Default::default(),
            };
            if before.on == Some(false) {
                return Ok(vec![plain("turn_off")]);
            }
            let speed = before.percentage.map(|percent| {
                with("set_percentage", "percentage", Value::Int(i64::from(percent)))
            });
            let preset = text("set_preset_mode", "preset_mode", before.preset.as_ref());
            let swing = before
                .oscillating
                .map(|swings| with("oscillate", "oscillating", Value::Bool(swings)));
            let direction = text("set_direction", "direction", before.direction.as_ref());
            let on = (before.on == Some(true)).then(|| plain("turn_on"));
            [
                differs(now.on == before.on, on),
                differs(now.percentage == before.percentage, speed),
                differs(now.preset == before.preset, preset),
                differs(now.oscillating == before.oscillating, swing),
                differs(now.direction == before.direction, direction),
            ]
            .into_iter()
            .flatten()
            .collect()
        }
        (State::Humidifier(before), now) => {
            let now = match now {
                Some(State::Humidifier(now)) => now.clone(),
                _ => Default::default(),
            };
            let humidity = before
                .humidity
                .map(|percent| with("set_humidity", "humidity", Value::Int(i64::from(percent))));
            let mode = text("set_mode", "mode", before.mode.as_ref());
            let on = on_off(before.on).ok();
            [
                differs(now.on == before.on, on),
                differs(now.humidity == before.humidity, humidity),
                differs(now.mode == before.mode, mode),
            ]
            .into_iter()
            .flatten()
            .collect()
        }
        (State::Climate(before), now) => thermostat(&before.0, now),
        (State::WaterHeater(before), now) => {
            let now = match now {
                Some(State::WaterHeater(now)) => now.clone(),
                _ => Default::default(),
            };
            let mode = text("set_operation_mode", "operation_mode", before.mode.as_ref());
            let target = before
                .target
                .map(|degrees| with("set_temperature", "temperature", Value::Float(degrees)));
            [differs(now.mode == before.mode, mode), differs(now.target == before.target, target)]
                .into_iter()
                .flatten()
                .collect()
        }
        (State::Cover(before), now) => shade(before, now)?,
        (State::Valve(before), _) => match (before.position, before.is_closed) {
            (Some(at), _) => {
                vec![with("set_valve_position", "position", Value::Int(i64::from(at)))]
            }
            (None, Some(true)) => vec![plain("close_valve")],
            (None, Some(false)) => vec![plain("open_valve")],
            (None, None) => return Err(Refusal::NotKnown("state")),
        },
        (State::Lock(before), _) => match before.bolt {
            Some(Bolt::Locked | Bolt::Locking) => vec![plain("lock")],
            Some(Bolt::Unlocked | Bolt::Unlocking) => vec![plain("unlock")],
            Some(Bolt::Open | Bolt::Opening | Bolt::Jammed) | None => {
                return Err(Refusal::CannotDo("undo"));
            }
        },
        (State::AlarmControlPanel(before), _) => match before.alarm {
            Some(alarm_control_panel::Alarm::Disarmed) => vec![plain("alarm_disarm")],
            Some(alarm_control_panel::Alarm::Armed(way)) => vec![plain(match way {
                alarm_control_panel::Arming::Home => "alarm_arm_home",
                alarm_control_panel::Arming::Away => "alarm_arm_away",
                alarm_control_panel::Arming::Night => "alarm_arm_night",
                alarm_control_panel::Arming::Vacation => "alarm_arm_vacation",
                alarm_control_panel::Arming::CustomBypass => "alarm_arm_custom_bypass",
            })],
            _ => return Err(Refusal::CannotDo("undo")),
        },
        (State::Vacuum(before), now) => robot(before, now)?,
        (State::LawnMower(before), _) => match before.activity {
            Some(lawn_mower::Activity::Mowing) => vec![plain("start_mowing")],
            Some(lawn_mower::Activity::Docked | lawn_mower::Activity::Returning) => {
                vec![plain("dock")]
            }
            Some(lawn_mower::Activity::Paused) => vec![plain("pause")],
            _ => return Err(Refusal::CannotDo("undo")),
        },
        (State::Number(before), _) => {
            let value = before.number().ok_or(Refusal::NotKnown("value"))?;
            vec![with("set_value", "value", Value::Float(value))]
        }
        (State::Select(before), _) => {
            let option = text("select_option", "option", before.option.as_ref());
            vec![option.ok_or(Refusal::NotKnown("option"))?]
        }
        _ => return Err(Refusal::CannotDo("undo")),
    })
}

fn plain(service: &'static str) -> Call {
    (service, Vec::new())
}

fn with(service: &'static str, field: &'static str, value: Value) -> Call {
    (service, vec![(field, value)])
}

fn text(service: &'static str, field: &'static str, word: Option<&Arc<str>>) -> Option<Call> {
    word.map(|word| with(service, field, Value::Text(Arc::clone(word))))
}

/// On as bright and in the color as it was.
fn lamp(before: &light::State, entity: &Entity) -> Result<Call, Refusal> {
    match before.on {
        Some(false) => return Ok(plain("turn_off")),
        None => return Err(Refusal::NotKnown("state")),
        Some(true) => {}
    }
    let mut fields = Vec::new();
    let colors = &*before.colors;
    let mode = match &entity.caps {
        Some(crate::home::domain::Caps::Light(caps)) => before.shown_mode(caps),
        _ => ColorMode::Unknown,
    };
    let floats =
        |parts: &[f64]| Value::List(parts.iter().map(|part| Value::Float(*part)).collect());
    let bytes =
        |parts: &[u8]| Value::List(parts.iter().map(|part| Value::Int(i64::from(*part))).collect());
    let color = match mode {
        ColorMode::ColorTemp => {
            colors.kelvin.map(|kelvin| ("color_temp_kelvin", Value::Int(i64::from(kelvin))))
        }
        ColorMode::Hs => colors.hs.map(|hs| ("hs_color", floats(&hs))),
        ColorMode::Xy => colors.xy.map(|xy| ("xy_color", floats(&xy))),
        ColorMode::Rgb => colors.rgb.map(|rgb| ("rgb_color", bytes(&rgb))),
        ColorMode::Rgbw => colors.rgbw.map(|rgbw| ("rgbw_color", bytes(&rgbw))),
        ColorMode::Rgbww => colors.rgbww.map(|rgbww| ("rgbww_color", bytes(&rgbww))),
        ColorMode::White => before.brightness.map(|level| ("white", Value::Int(i64::from(level)))),
        ColorMode::Brightness | ColorMode::OnOff | ColorMode::Unknown => None,
    };
    if let Some(level) = before.brightness.filter(|_| mode != ColorMode::White) {
        fields.push(("brightness", Value::Int(i64::from(level))));
    }
    fields.extend(color);
    fields.extend(before.effect.as_ref().map(|name| ("effect", Value::Text(Arc::clone(name)))));
    Ok(("turn_on", fields))
}

fn thermostat(before: &climate::Facts, now: Option<&State>) -> Vec<Call> {
    let now = match now {
        Some(State::Climate(now)) => (*now.0).clone(),
        _ => climate::Facts::default(),
    };
    let mut calls = Vec::new();
    let mut word = |is: bool, call: Option<Call>| {
        if !is {
            calls.extend(call);
        }
    };
    let mode =
        before.mode.map(|mode| with("set_hvac_mode", "hvac_mode", Value::Text(mode.word().into())));
    word(now.mode == before.mode, mode);
    let preset = text("set_preset_mode", "preset_mode", before.preset.as_ref());
    word(now.preset == before.preset, preset);
    let target =
        before.target.map(|degrees| with("set_temperature", "temperature", Value::Float(degrees)));
    word(now.target == before.target, target);
    let range = before.low.zip(before.high).map(|(low, high)| {
        let fields =
            vec![("target_temp_low", Value::Float(low)), ("target_temp_high", Value::Float(high))];
        ("set_temperature", fields)
    });
    word((now.low, now.high) == (before.low, before.high), range);
    word(
        now.fan_mode == before.fan_mode,
        text("set_fan_mode", "fan_mode", before.fan_mode.as_ref()),
    );
    let swing = text("set_swing_mode", "swing_mode", before.swing_mode.as_ref());
    word(now.swing_mode == before.swing_mode, swing);
    let humidity = before
        .humidity
        .map(|percent| with("set_humidity", "humidity", Value::Int(percent.round() as i64)));
    word(now.humidity == before.humidity, humidity);
    calls
}

fn shade(before: &cover::State, now: Option<&State>) -> Result<Vec<Call>, Refusal> {
    let now = match now {
        Some(State::Cover(now)) => now.clone(),
        _ => cover::State::default(),
    };
    let mut calls = Vec::new();
    if before.position != now.position || before.is_closed != now.is_closed || now.moving.is_some()
    {
        calls.push(match (before.position, before.is_closed) {
            (Some(at), _) => with("set_cover_position", "position", Value::Int(i64::from(at))),
            (None, Some(true)) => plain("close_cover"),
            (None, Some(false)) => plain("open_cover"),
            (None, None) => return Err(Refusal::NotKnown("position")),
        });
    }
    if let Some(tilt) = before.tilt.filter(|_| before.tilt != now.tilt) {
        let tilt = Value::Int(i64::from(tilt));
        calls.push(with("set_cover_tilt_position", "tilt_position", tilt));
    }
    Ok(calls)
}

fn robot(before: &vacuum::State, now: Option<&State>) -> Result<Vec<Call>, Refusal> {
    let now = match now {
        Some(State::Vacuum(now)) => now.clone(),
        _ => vacuum::State::default(),
    };
    let mut calls = Vec::new();
    if before.activity != now.activity {
        calls.push(plain(match before.activity {
            Some(vacuum::Activity::Cleaning) => "start",
            Some(vacuum::Activity::Docked | vacuum::Activity::Returning) => "return_to_base",
            Some(vacuum::Activity::Paused) => "pause",
            Some(vacuum::Activity::Idle) => "stop",
            Some(vacuum::Activity::Error) | None => return Err(Refusal::CannotDo("undo")),
        }));
    }
    if let Some(Value::Text(speed)) =
        before.fan_speed.as_ref().filter(|_| before.fan_speed != now.fan_speed)
    {
        calls.push(with("set_fan_speed", "fan_speed", Value::Text(Arc::clone(speed))));
    }
    Ok(calls)
}

/// The step that does the same when it is confirmed; only what may need a yes has one.
pub(super) fn step(id: &EntityId, action: &Action) -> Option<Step> {
    let what = match action {
        Action::Lock(lock::Action::Lock(_)) => What::Lock,
        Action::Lock(lock::Action::Unlock(_)) => What::Unlock,
        Action::Cover(cover::Action::Open) | Action::Valve(valve::Action::Open) => What::Open,
        Action::Cover(cover::Action::Close) | Action::Valve(valve::Action::Close) => What::Close,
        Action::Cover(cover::Action::SetPosition(at))
        | Action::Valve(valve::Action::SetPosition(at)) => {
            What::Position(Amount::To(f64::from(*at)))
        }
        Action::AlarmControlPanel(alarm_control_panel::Action::Arm(way, _)) => {
            What::Arm(way.word().trim_start_matches("arm_").into())
        }
        Action::AlarmControlPanel(alarm_control_panel::Action::Disarm(_)) => What::Disarm,
        Action::Climate(climate::Action::SetTemperature { target: Some(degrees), .. }) => {
            What::Temperature(Amount::To(*degrees))
        }
        Action::Siren(_) => What::TurnOn,
        _ => return None,
    };
    let words = TargetWords { entities: vec![id.clone()], ..TargetWords::default() };
    Some(Step::now(Command::new(what, words)))
}
