//! What one entity is to do for what was wished: the service of its domain, with relative amounts
//! made whole from what it is now, and modes and options found among those that it offers. Whether
//! somebody may wish it is not decided here.

use std::sync::Arc;

use crate::home::action::Refusal;
use crate::home::domain::light::mode::ColorMode;
use crate::home::domain::{Action, Caps, Domain, State};
use crate::home::entity::Entity;
use crate::home::service::Fields;
use crate::home::value::Value;
use crate::intent::meaning::{Amount, What};
use crate::text;

/// A service and its fields.
pub(super) type Call = (&'static str, Vec<(&'static str, Value)>);

/// What the entity is to do.
///
/// # Errors
/// [`Refusal::CannotDo`] if it has nothing like it, [`Refusal::NotAnOption`] for a mode that it does
/// not offer, [`Refusal::NotKnown`] when a relative amount has nothing to start from,
/// [`Refusal::OutOfRange`], and [`Refusal::NotAnnounced`].
pub(super) fn action(what: &What, entity: &Entity) -> Result<Action, Refusal> {
    let caps = entity.caps.as_ref().ok_or(Refusal::NotAnnounced)?;
    let (service, fields) = call(what, entity, caps)?;
    let fields = fields.into_iter().map(|(name, value)| (Arc::from(name), value));
    let action = entity.domain.action(service, Fields::new(fields));
    action.map_err(|_| Refusal::CannotDo(service))
}

/// The service of the entity's domain, and its fields.
///
/// # Errors
/// As [`action`].
pub(super) fn service(what: &What, entity: &Entity) -> Result<Call, Refusal> {
    call(what, entity, entity.caps.as_ref().ok_or(Refusal::NotAnnounced)?)
}

fn call(what: &What, entity: &Entity, caps: &Caps) -> Result<Call, Refusal> {
    let domain = entity.domain;
    match what {
        What::TurnOn
        | What::TurnOff
        | What::Toggle
        | What::Open
        | What::Close
        | What::Lock
        | What::Unlock
        | What::Stop
        | What::Start
        | What::Dock
        | What::Pause
        | What::Resume
        | What::Locate
        | What::Activate => {
            let service = plain(what, entity, caps).ok_or(Refusal::CannotDo(ability(what)))?;
            Ok((service, Vec::new()))
        }
        What::Brightness(amount) => brightness(*amount, entity, caps),
        What::Color(name) => match caps {
            Caps::Light(light) if light.modes.has_color() => {
                let rgb = rgb(name).ok_or(Refusal::CannotDo("color"))?;
                let rgb = rgb.into_iter().map(Value::Int).collect();
                Ok(with("turn_on", "rgb_color", Value::List(rgb)))
            }
            // White is a color that every lamp with a color temperature has.
            Caps::Light(light) if light.modes.has(ColorMode::ColorTemp) && &**name == "white" => {
                Ok(with("turn_on", "color_temp_kelvin", Value::Int(4_000)))
            }
            _ => Err(Refusal::CannotDo("color")),
        },
        What::Kelvin(amount) => kelvin(*amount, entity, caps),
        What::Effect(name) => match caps {
            Caps::Light(light) if light.has_effects => {
                let offered = light.effects.as_deref().unwrap_or_default();
                let effect = match offered.is_empty() {
                    true => Arc::clone(name),
                    false => option("effect", name, offered)?,
                };
                Ok(with("turn_on", "effect", Value::Text(effect)))
            }
            _ => Err(Refusal::CannotDo("effect")),
        },
        What::Position(amount) => {
            let service = match caps {
                Caps::Cover(cover) if cover.has_position => "set_cover_position",
                Caps::Valve(valve) if valve.has_position => "set_valve_position",
                _ => return whole_way(*amount, entity, caps),
            };
            percent(service, "position", *amount, "position", position(entity), 0.0)
        }
        What::Tilt(amount) => match caps {
            Caps::Cover(cover) if cover.has_tilt => {
                let service = "set_cover_tilt_position";
                percent(service, "tilt_position", *amount, "tilt", tilt(entity), 0.0)
            }
            _ => Err(Refusal::CannotDo("tilt")),
        },
        What::Temperature(amount) => temperature(*amount, entity, caps),
        What::Humidity(amount) => humidity(*amount, entity, caps),
        What::Speed(amount) => match (caps, &entity.state) {
            (Caps::Fan(fan), state) if fan.n_speeds.is_some() => {
                let now = match state {
                    Some(State::Fan(fan)) if fan.on == Some(false) => Some(0.0),
                    Some(State::Fan(fan)) => fan.percentage.map(f64::from),
                    _ => None,
                };
                // Slower is not off.
                percent("set_percentage", "percentage", *amount, "percentage", now, 1.0)
            }
            _ => Err(Refusal::CannotDo("percentage")),
        },
        What::Mode(name) => mode(name, caps),
        What::FanMode(name) => match caps {
            Caps::Climate(climate) => match slice(climate.fan_modes.as_ref()) {
                [] => Err(Refusal::CannotDo("mode")),
                offered => {
                    let mode = option("fan_mode", name, offered)?;
                    Ok(with("set_fan_mode", "fan_mode", Value::Text(mode)))
                }
            },
            _ => Err(Refusal::CannotDo("mode")),
        },
        What::Number(amount) => match (caps, &entity.state) {
            (Caps::Number(number), state) => {
                let now = match state {
                    Some(State::Number(state)) => state.number(),
                    _ => None,
                };
                let (min, max) = (number.min, number.max);
                let value = reach(*amount, now, "value", min, max)?;
                Ok(with("set_value", "value", Value::Float(value)))
            }
            _ => Err(Refusal::CannotDo("value")),
        },
        What::Arm(way) if domain == Domain::AlarmControlPanel => {
            let service = match &**way {
                "home" => "alarm_arm_home",
                "away" => "alarm_arm_away",
                "night" => "alarm_arm_night",
                "vacation" => "alarm_arm_vacation",
                "custom_bypass" => "alarm_arm_custom_bypass",
                _ => return Err(Refusal::CannotDo("arm")),
            };
            Ok((service, Vec::new()))
        }
        What::Disarm if domain == Domain::AlarmControlPanel => Ok(("alarm_disarm", Vec::new())),
        What::Arm(_) | What::Disarm => Err(Refusal::CannotDo(ability(what))),
    }
}

/// The service of a wish without a value; `None` if the entity has nothing like it.
fn plain(what: &What, entity: &Entity, caps: &Caps) -> Option<&'static str> {
    use Domain::{
        Button, Climate, Cover, Fan, Humidifier, LawnMower, Light, Lock, Scene, Siren, Switch,
        Update, Vacuum, Valve, WaterHeater,
    };
    let word = || entity.view().map(|view| view.word);
    Some(match (what, entity.domain) {
        // What turning on and off means for things that move or lock, as Home Assistant has it.
        (What::TurnOn | What::Open, Cover) => match caps {
            Caps::Cover(cover) if !cover.can_open && cover.has_tilt => "open_cover_tilt",
            _ => "open_cover",
        },
        (What::TurnOff | What::Close, Cover) => match caps {
            Caps::Cover(cover) if !cover.can_close && cover.has_tilt => "close_cover_tilt",
            _ => "close_cover",
        },
        (What::TurnOn | What::Open, Valve) => "open_valve",
        (What::TurnOff | What::Close, Valve) => "close_valve",
        (What::TurnOn | What::Lock | What::Close, Lock) => "lock",
        (What::TurnOff | What::Unlock | What::Open, Lock) => "unlock",
        (What::Toggle, Lock) => match word().as_deref()? {
            "locked" | "locking" => "unlock",
            _ => "lock",
        },
        (What::Lock, Cover) => "close_cover",
        (What::TurnOn | What::Activate | What::Start, Button) => "press",
        (What::TurnOn | What::Activate | What::Start, Scene) => "turn_on",
        (What::Activate | What::Start, Update) => "install",
        (What::TurnOn | What::Start | What::Resume | What::Activate, Vacuum) => "start",
        (What::TurnOn | What::Start | What::Resume | What::Activate, LawnMower) => "start_mowing",
        (What::TurnOff | What::Dock, Vacuum) => "return_to_base",
        (What::TurnOff | What::Dock, LawnMower) => "dock",
        (What::Toggle, Vacuum) => match word().as_deref()? {
            "cleaning" => "return_to_base",
            _ => "start",
        },
        (What::Toggle, LawnMower) => match word().as_deref()? {
            "mowing" => "dock",
            _ => "start_mowing",
        },
        (What::Locate, Vacuum) => "locate",
        (What::Stop | What::Pause, Cover) => "stop_cover",
        (What::Stop | What::Pause, Valve) => "stop_valve",
        (What::Stop, Vacuum) => match caps {
            Caps::Vacuum(vacuum) if !vacuum.can_stop && vacuum.can_pause => "pause",
            _ => "stop",
        },
        (What::Stop, LawnMower) => match caps {
            Caps::LawnMower(mower) if !mower.can_stop && mower.can_pause => "pause",
            _ => "stop",
        },
        (What::Pause, Vacuum | LawnMower) => "pause",
        (
            What::TurnOn | What::Activate | What::Start | What::Resume,
            Light | Switch | Fan | Siren | Humidifier | Climate | WaterHeater,
        ) => "turn_on",
        (
            What::TurnOff | What::Stop | What::Pause,
            Light | Switch | Fan | Siren | Humidifier | Climate | WaterHeater,
        ) => "turn_off",
        (What::Toggle, Light | Switch | Fan | Siren | Humidifier | Climate | Cover | Valve) => {
            "toggle"
        }
        (What::Toggle, WaterHeater) => match word().as_deref()? {
            "off" => "turn_on",
            _ => "turn_off",
        },
        _ => return None,
    })
}

fn with(service: &'static str, field: &'static str, value: Value) -> Call {
    (service, vec![(field, value)])
}

/// The value that an amount comes to. What is said outright must be in the range; what is said as a
/// difference goes as far as the range does.
fn reach(
    amount: Amount,
    now: Option<f64>,
    what: &'static str,
    min: f64,
    max: f64,
) -> Result<f64, Refusal> {
    match amount {
        Amount::To(value) if (min..=max).contains(&value) => Ok(value),
        Amount::To(value) => Err(Refusal::OutOfRange { what, value, min, max }),
        Amount::By(by) => {
            let now = now.ok_or(Refusal::NotKnown(what))?;
            // A range that a producer turned round is no reason to panic.
            Ok((now + by).max(min).min(max))
        }
    }
}

/// A service with a whole percentage. `least` is what a lowered value does not go below.
fn percent(
    service: &'static str,
    field: &'static str,
    amount: Amount,
    what: &'static str,
    now: Option<f64>,
    least: f64,
) -> Result<Call, Refusal> {
    let is_less = matches!(amount, Amount::By(by) if by < 0.0);
    if is_less && least > 0.0 && now == Some(0.0) {
        return Err(Refusal::IsOff);
    }
    let value = reach(amount, now, what, if is_less { least } else { 0.0 }, 100.0)?;
    Ok(with(service, field, Value::Int(value.round() as i64)))
}

fn brightness(amount: Amount, entity: &Entity, caps: &Caps) -> Result<Call, Refusal> {
    let Caps::Light(light) = caps else { return Err(Refusal::CannotDo("brightness")) };
    let is_zero = matches!(amount, Amount::To(percent) if percent <= 0.0);
    if is_zero {
        return Ok(("turn_off", Vec::new()));
    }
    if !light.modes.has_brightness() {
        // All of it is what such a lamp has.
        let is_full = matches!(amount, Amount::To(percent) if percent == 100.0);
        return match is_full {
            true => Ok(("turn_on", Vec::new())),
            false => Err(Refusal::CannotDo("brightness")),
        };
    }
    let now = match &entity.state {
        Some(State::Light(light)) if light.on == Some(false) => Some(0.0),
        Some(State::Light(light)) => light.brightness.map(|level| f64::from(level) / 2.55),
        _ => None,
    };
    // Dimmed is not off.
    percent("turn_on", "brightness_pct", amount, "brightness", now, 1.0)
}

fn kelvin(amount: Amount, entity: &Entity, caps: &Caps) -> Result<Call, Refusal> {
    let Caps::Light(light) = caps else { return Err(Refusal::CannotDo("color_temp")) };
    if !light.modes.has(ColorMode::ColorTemp) && !light.modes.has_color() {
        return Err(Refusal::CannotDo("color_temp"));
    }
    let (min, max) = (f64::from(light.min_kelvin), f64::from(light.max_kelvin));
    let value = match amount {
        // "Warm white" is as warm as the lamp can.
        Amount::To(kelvin) => kelvin.max(min).min(max),
        Amount::By(_) => {
            let now = match &entity.state {
                Some(State::Light(state)) if state.on != Some(false) => state
                    .colors
                    .kelvin
                    .filter(|_| state.shown_mode(light) == ColorMode::ColorTemp)
                    .map(f64::from),
                _ => None,
            };
            reach(amount, now, "color_temp", min, max)?
        }
    };
    Ok(with("turn_on", "color_temp_kelvin", Value::Int(value.round() as i64)))
}

/// Something without positions can still be opened and closed.
fn whole_way(amount: Amount, entity: &Entity, caps: &Caps) -> Result<Call, Refusal> {
    let what = match amount {
        Amount::To(0.0) => What::Close,
        Amount::To(100.0) => What::Open,
        Amount::To(_) | Amount::By(_) => return Err(Refusal::CannotDo("position")),
    };
    let service = match entity.domain {
        Domain::Cover | Domain::Valve => plain(&what, entity, caps),
        _ => None,
    };
    service.map(|service| (service, Vec::new())).ok_or(Refusal::CannotDo("position"))
}

/// How far open it is, in percent.
fn position(entity: &Entity) -> Option<f64> {
    match &entity.state {
        Some(State::Cover(cover)) => cover.position.map(f64::from),
        Some(State::Valve(valve)) => valve.position.map(f64::from),
        _ => None,
    }
}

fn tilt(entity: &Entity) -> Option<f64> {
    match &entity.state {
        Some(State::Cover(cover)) => cover.tilt.map(f64::from),
        _ => None,
    }
}

fn temperature(amount: Amount, entity: &Entity, caps: &Caps) -> Result<Call, Refusal> {
    let degrees = |value: f64| Value::Float((value * 100.0).round() / 100.0);
    match (caps, &entity.state) {
        (Caps::Climate(climate), state) => {
            let facts = match state {
                Some(State::Climate(state)) => Some(&*state.0),
                _ => None,
            };
            let (min, max) = (climate.min, climate.max);
            let range = facts.and_then(|facts| Some((facts.low?, facts.high?)));
            let strives_for_range = !climate.has_target
                || facts.is_some_and(|facts| facts.target.is_none()) && range.is_some();
            if let (true, true, Amount::By(by), Some((low, high))) =
                (climate.has_range, strives_for_range, amount, range)
            {
                // The range keeps its width.
                let by = by.max(min - low).min(max - high);
                let fields = vec![
                    ("target_temp_low", degrees(low + by)),
                    ("target_temp_high", degrees(high + by)),
                ];
                return Ok(("set_temperature", fields));
            }
            if !climate.has_target {
                return Err(Refusal::CannotDo("temperature"));
            }
            let now = facts.and_then(|facts| facts.target);
            let value = reach(amount, now, "temperature", min, max)?;
            Ok(with("set_temperature", "temperature", degrees(value)))
        }
        (Caps::WaterHeater(heater), state) if heater.has_target => {
            let now = match state {
                Some(State::WaterHeater(state)) => state.target,
                _ => None,
            };
            let value = reach(amount, now, "temperature", heater.min, heater.max)?;
            Ok(with("set_temperature", "temperature", degrees(value)))
        }
        _ => Err(Refusal::CannotDo("temperature")),
    }
}

fn humidity(amount: Amount, entity: &Entity, caps: &Caps) -> Result<Call, Refusal> {
    let (range, now) = match (caps, &entity.state) {
        (Caps::Humidifier(humidifier), state) => {
            let now = match state {
                Some(State::Humidifier(state)) => state.humidity.map(f64::from),
                _ => None,
            };
            ((humidifier.min, humidifier.max), now)
        }
        (Caps::Climate(climate), state) => {
            let now = match state {
                Some(State::Climate(state)) => state.0.humidity,
                _ => None,
            };
            (climate.humidity.ok_or(Refusal::CannotDo("humidity"))?, now)
        }
        _ => return Err(Refusal::CannotDo("humidity")),
    };
    let value = reach(amount, now, "humidity", range.0, range.1)?;
    Ok(with("set_humidity", "humidity", Value::Int(value.round() as i64)))
}

/// A mode, preset or option, wherever the entity offers it.
fn mode(name: &Arc<str>, caps: &Caps) -> Result<Call, Refusal> {
    let lists: Vec<(&'static str, &'static str, &[Arc<str>])> = match caps {
        Caps::Climate(climate) => vec![
            ("set_hvac_mode", "hvac_mode", &climate.modes),
            ("set_preset_mode", "preset_mode", slice(climate.preset_modes.as_ref())),
            ("set_fan_mode", "fan_mode", slice(climate.fan_modes.as_ref())),
            ("set_swing_mode", "swing_mode", slice(climate.swing_modes.as_ref())),
            (
                "set_swing_horizontal_mode",
                "swing_horizontal_mode",
                slice(climate.swing_horizontal_modes.as_ref()),
            ),
        ],
        Caps::Fan(fan) => {
            if fan.has_direction && matches!(&**name, "forward" | "reverse") {
                return Ok(with("set_direction", "direction", Value::Text(Arc::clone(name))));
            }
            if fan.can_oscillate && matches!(&**name, "oscillate" | "oscillating" | "swing") {
                return Ok(with("oscillate", "oscillating", Value::Bool(true)));
            }
            vec![("set_preset_mode", "preset_mode", slice(fan.preset_modes.as_ref()))]
        }
        Caps::Humidifier(humidifier) => {
            vec![("set_mode", "mode", slice(humidifier.modes.as_ref()))]
        }
        Caps::WaterHeater(heater) => {
            vec![("set_operation_mode", "operation_mode", slice(heater.modes.as_ref()))]
        }
        Caps::Select(select) => vec![("select_option", "option", &select.options)],
        Caps::Vacuum(vacuum) => {
            vec![("set_fan_speed", "fan_speed", slice(vacuum.fan_speeds.as_ref()))]
        }
        Caps::Siren(siren) => vec![("turn_on", "tone", slice(siren.tones.as_ref()))],
        Caps::Light(light) => vec![("turn_on", "effect", slice(light.effects.as_ref()))],
        _ => Vec::new(),
    };
    for (service, field, offered) in &lists {
        if let Ok(option) = option(field, name, offered) {
            return Ok(with(service, field, Value::Text(option)));
        }
    }
    let all: Vec<Arc<str>> = lists.iter().flat_map(|list| list.2).cloned().collect();
    match all.is_empty() {
        true => Err(Refusal::CannotDo("mode")),
        false => Err(Refusal::NotAnOption { what: "mode", value: name.to_string(), options: all }),
    }
}

fn slice(list: Option<&Vec<Arc<str>>>) -> &[Arc<str>] {
    list.map(Vec::as_slice).unwrap_or_default()
}

/// The option as the entity spells it.
fn option(what: &'static str, said: &str, offered: &[Arc<str>]) -> Result<Arc<str>, Refusal> {
    let bare = |word: &str| text::key(word).replace(' ', "");
    let wanted = bare(said);
    let found = offered.iter().find(|option| bare(option) == wanted);
    found.cloned().ok_or_else(|| Refusal::NotAnOption {
        what,
        value: said.to_owned(),
        options: offered.to_vec(),
    })
}

/// The ability that a wish needs, for a refusal.
fn ability(what: &What) -> &'static str {
    match what {
        What::TurnOn => "turn_on",
        What::TurnOff => "turn_off",
        What::Toggle => "toggle",
        What::Open => "open",
        What::Close => "close",
        What::Lock => "lock",
        What::Unlock => "unlock",
        What::Stop => "stop",
        What::Start => "start",
        What::Dock => "dock",
        What::Pause => "pause",
        What::Resume => "resume",
        What::Locate => "locate",
        What::Activate => "activate",
        What::Brightness(_) => "brightness",
        What::Color(_) => "color",
        What::Kelvin(_) => "color_temp",
        What::Effect(_) => "effect",
        What::Position(_) => "position",
        What::Tilt(_) => "tilt",
        What::Temperature(_) => "temperature",
        What::Humidity(_) => "humidity",
        What::Speed(_) => "percentage",
        What::Mode(_) | What::FanMode(_) => "mode",
        What::Number(_) => "value",
        What::Arm(_) => "arm",
        What::Disarm => "disarm",
    }
}

/// The colors of the packs. CSS values, with green and purple as lamps show them best.
/// The name of a color that was wished by name.
pub(super) fn color_name(rgb_of: [u8; 3]) -> Option<&'static str> {
    const NAMES: [&str; 12] = [
        "white",
        "red",
        "orange",
        "yellow",
        "green",
        "blue",
        "purple",
        "pink",
        "turquoise",
        "cyan",
        "magenta",
        "brown",
    ];
    NAMES.into_iter().find(|name| rgb(name) == Some(rgb_of.map(i64::from)))
}

fn rgb(name: &str) -> Option<[i64; 3]> {
    Some(match name {
        "white" => [255, 255, 255],
        "red" => [255, 0, 0],
        "orange" => [255, 165, 0],
        "yellow" => [255, 255, 0],
        "green" => [0, 255, 0],
        "blue" => [0, 0, 255],
        "purple" => [128, 0, 255],
        "pink" => [255, 105, 180],
        "turquoise" => [64, 224, 208],
        "cyan" => [0, 255, 255],
        "magenta" => [255, 0, 255],
        "brown" => [165, 42, 42],
        other => {
            let rgb = crate::home::color::named(other)?;
            rgb.map(i64::from)
        }
    })
}
