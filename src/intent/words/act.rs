//! What a verb and a value are for a kind of thing: "up" opens a blind, brightens a lamp and warms a
//! room. One table; who is meant is the business of `noun`.

use std::sync::Arc;

use crate::home::domain::Domain;
use crate::intent::meaning::{Amount, What};

use super::tag::{Act, Unit};

/// The values of a clause.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Values {
    /// A number and what it counts; levels are percent.
    pub number: Option<(f64, Option<Unit>)>,
    /// "by" stood before it.
    pub is_by: bool,
    /// "to" stood before it.
    pub is_to: bool,
    pub color: Option<Arc<str>>,
    /// Kelvin.
    pub white: Option<f64>,
    pub mode: Option<Arc<str>>,
    /// "a bit" is 0.5, "much" 2.
    pub degree: Option<f64>,
    pub state: Option<Arc<str>>,
    /// The device class of what is to be changed, or a word like `speed`.
    pub measure: Option<Arc<str>>,
    /// What is to be stopped: cleaning, mowing, watering.
    pub task: Option<Act>,
}

impl Values {
    pub(super) fn is_empty(&self) -> bool {
        self.number.is_none()
            && self.color.is_none()
            && self.white.is_none()
            && self.mode.is_none()
            && self.degree.is_none()
            && self.state.is_none()
    }
}

/// Ordinary steps of what is relative, and what counts as a temperature to set.
const LIGHT_STEP: f64 = 20.0;
const COVER_STEP: f64 = 20.0;
const FAN_STEP: f64 = 25.0;
const HUMIDITY_STEP: f64 = 5.0;
const DEGREE_STEP: f64 = 1.0;
const KELVIN_STEP: f64 = 500.0;
/// A change of temperature by more than this is rather a temperature.
const MOST_DEGREES: f64 = 7.0;

/// Which way an act goes: 1 up, -1 down, 0 neither.
fn direction(act: Act) -> f64 {
    match act {
        Act::More
        | Act::Raise
        | Act::Up
        | Act::Brighten
        | Act::Brighter
        | Act::Warmer
        | Act::Faster => 1.0,
        Act::Heat | Act::NeedWarm | Act::NeedLight => 1.0,
        Act::Less | Act::Lower | Act::Down | Act::Dim | Act::Darker | Act::Cooler | Act::Slower => {
            -1.0
        }
        Act::Cool | Act::NeedCool | Act::NeedDark => -1.0,
        _ => 0.0,
    }
}

/// Whether an act alone says that a number is a difference: "ten percent brighter".
fn is_relative(act: Act) -> bool {
    matches!(
        act,
        Act::More
            | Act::Less
            | Act::Brighter
            | Act::Darker
            | Act::Warmer
            | Act::Cooler
            | Act::Faster
            | Act::Slower
    )
}

/// What is to be done with a thing of this kind; empty if that is nothing.
pub(super) fn what(act: Act, values: &Values, domain: Domain) -> Vec<What> {
    if let Some(state) = &values.state
        && domain != Domain::AlarmControlPanel
    {
        let asked = by_state(state).filter(|_| matches!(act, Act::Set | Act::Turn | Act::Ensure));
        let rest = Values { state: None, ..values.clone() };
        return asked.map(|act| what(act, &rest, domain)).unwrap_or_default();
    }
    match domain {
        Domain::Light => light(act, values),
        Domain::Cover => cover(act, values),
        Domain::Fan => fan(act, values),
        Domain::Climate | Domain::WaterHeater => climate(act, values),
        Domain::Humidifier => humidifier(act, values),
        Domain::Switch | Domain::Siren => one(switch(act), values),
        Domain::Scene | Domain::Button => match act {
            Act::On | Act::Activate | Act::Start | Act::Set | Act::Turn | Act::Locate
                if values.is_empty() =>
            {
                vec![What::Activate]
            }
            _ => Vec::new(),
        },
        Domain::Vacuum => one(
            match act {
                Act::Set | Act::Turn | Act::On if values.mode.is_some() => {
                    return values.mode.clone().map(What::Mode).into_iter().collect();
                }
                Act::On => Some(What::TurnOn),
                Act::Off => Some(What::TurnOff),
                Act::Start | Act::Vacuum | Act::Activate => Some(What::Start),
                Act::Dock => Some(What::Dock),
                Act::Stop => Some(What::Stop),
                Act::Pause => Some(What::Pause),
                Act::Resume => Some(What::Resume),
                Act::Locate => Some(What::Locate),
                _ => None,
            },
            values,
        ),
        Domain::LawnMower => one(
            match act {
                Act::On => Some(What::TurnOn),
                Act::Off => Some(What::TurnOff),
                Act::Start | Act::Mow | Act::Vacuum | Act::Activate | Act::Resume => {
                    Some(What::Start)
                }
                Act::Dock => Some(What::Dock),
                Act::Pause | Act::Stop => Some(What::Pause),
                _ => None,
            },
            values,
        ),
        Domain::Lock => one(
            match act {
                Act::Lock | Act::LockUp | Act::Close => Some(What::Lock),
                Act::Unlock | Act::Open => Some(What::Unlock),
                _ => None,
            },
            values,
        ),
        Domain::Valve => match (act, values.number) {
            (Act::Set | Act::Open | Act::Turn, Some((percent, None | Some(Unit::Percent)))) => {
                vec![What::Position(Amount::To(percent))]
            }
            (Act::Open | Act::Water | Act::Start | Act::Activate, None) => vec![What::Open],
            (Act::On, None) => vec![What::TurnOn],
            (Act::Off, None) => vec![What::TurnOff],
            (Act::Close | Act::Stop, None) => vec![What::Close],
            _ => Vec::new(),
        },
        Domain::AlarmControlPanel => match act {
            Act::Arm | Act::On | Act::Activate | Act::Set | Act::Turn => {
                let way = match values.mode.as_deref() {
                    Some("sleep") => "night",
                    Some(mode) => mode,
                    None if values.state.as_deref() == Some("not_home") => "away",
                    None if values.state.as_deref() == Some("home") => "home",
                    None => "away",
                };
                vec![What::Arm(way.into())]
            }
            Act::Disarm | Act::Off => vec![What::Disarm],
            _ => Vec::new(),
        },
        Domain::Number => match (act, values.number) {
            (Act::Set | Act::Turn | Act::Raise | Act::Lower, Some((number, _))) => {
                let sign = direction(act);
                let is_by = values.is_by && sign != 0.0;
                vec![What::Number(match is_by {
                    true => Amount::By(sign * number),
                    false => Amount::To(number),
                })]
            }
            _ => Vec::new(),
        },
        Domain::Select => match (act, &values.mode) {
            (Act::Set | Act::Turn | Act::On | Act::Ensure | Act::Start, Some(mode)) => {
                vec![What::Mode(mode.clone())]
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// The act that a state asks for after "set" or "make sure".
pub(super) fn by_state(state: &str) -> Option<Act> {
    Some(match state {
        "on" => Act::On,
        "off" => Act::Off,
        "open" => Act::Open,
        "closed" => Act::Close,
        "locked" => Act::Lock,
        "unlocked" => Act::Unlock,
        "docked" => Act::Dock,
        "cleaning" => Act::Vacuum,
        _ => return None,
    })
}

/// One wish that takes no value.
fn one(what: Option<What>, values: &Values) -> Vec<What> {
    if values.is_empty() { what.into_iter().collect() } else { Vec::new() }
}

fn switch(act: Act) -> Option<What> {
    match act {
        Act::On | Act::Start | Act::Activate | Act::Water | Act::Heat | Act::Warmer => {
            Some(What::TurnOn)
        }
        Act::Off | Act::Stop => Some(What::TurnOff),
        Act::Toggle => Some(What::Toggle),
        _ => None,
    }
}

/// A share that is wished: to a value, by a value, or by a step.
fn share(act: Act, values: &Values, step: f64) -> Option<Amount> {
    let sign = direction(act);
    match values.number {
        // Nothing is less than nothing.
        Some((percent, _)) if percent < 0.0 => None,
        Some((percent, None | Some(Unit::Percent))) => {
            let is_by = values.is_by || is_relative(act) && !values.is_to;
            match (is_by, sign) {
                (true, sign) if sign != 0.0 => Some(Amount::By(sign * percent)),
                (true, _) => None,
                (false, _) => Some(Amount::To(percent)),
            }
        }
        Some(_) => None,
        None if sign != 0.0 => Some(Amount::By(sign * step * values.degree.unwrap_or(1.0))),
        None => None,
    }
}

fn light(act: Act, values: &Values) -> Vec<What> {
    // "The living room volume" is nothing of its lamps.
    let is_of_light = |measure| matches!(measure, "illuminance" | "color" | "color_temperature");
    if values.measure.as_deref().is_some_and(|measure| !is_of_light(measure)) {
        return Vec::new();
    }
    let sets = matches!(
        act,
        Act::Set
            | Act::Turn
            | Act::On
            | Act::Raise
            | Act::Lower
            | Act::Up
            | Act::Down
            | Act::Brighten
            | Act::Dim
            | Act::Brighter
            | Act::Darker
            | Act::More
            | Act::Less
            | Act::Ensure
    );
    let is_color = values.color.is_some() || values.white.is_some();
    let mut out = Vec::new();
    if sets && is_color || values.number.is_some_and(|(_, unit)| unit == Some(Unit::Kelvin)) {
        if let Some((kelvin, Some(Unit::Kelvin))) = values.number {
            out.push(What::Kelvin(Amount::To(kelvin)));
        }
        out.extend(values.color.clone().map(What::Color));
        out.extend(values.white.map(|kelvin| What::Kelvin(Amount::To(kelvin))));
        if let Some((percent, None | Some(Unit::Percent))) = values.number {
            out.push(What::Brightness(Amount::To(percent)));
        }
        return out;
    }
    if let Some(mode) = values.mode.clone().filter(|_| sets) {
        return vec![What::Effect(mode)];
    }
    match act {
        Act::On | Act::NeedLight | Act::Start | Act::Activate if values.number.is_none() => {
            vec![What::TurnOn]
        }
        Act::Off | Act::NeedNight | Act::Stop if values.is_empty() => {
            vec![What::TurnOff]
        }
        Act::Toggle if values.is_empty() => vec![What::Toggle],
        Act::Warmer | Act::Cooler => {
            let sign = -direction(act);
            let step = KELVIN_STEP * values.degree.unwrap_or(1.0);
            match values.number {
                None => vec![What::Kelvin(Amount::By(sign * step))],
                Some(_) => Vec::new(),
            }
        }
        Act::NeedDark => vec![What::Brightness(Amount::By(-LIGHT_STEP))],
        _ if sets => share(act, values, LIGHT_STEP).map(What::Brightness).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn cover(act: Act, values: &Values) -> Vec<What> {
    if values.measure.as_deref().is_some_and(|measure| !matches!(measure, "position" | "tilt")) {
        return Vec::new();
    }
    let wished = |amount: Amount| match values.measure.as_deref() {
        Some("tilt") => What::Tilt(amount),
        _ => What::Position(amount),
    };
    let is_open = matches!(act, Act::Open | Act::Raise | Act::Up);
    // An awning "goes home".
    let is_close = matches!(act, Act::Close | Act::Lower | Act::Down | Act::Dock);
    if matches!(act, Act::More | Act::Less) && values.number.is_none() {
        let sign = if act == Act::More { 1.0 } else { -1.0 };
        let step = sign * COVER_STEP * values.degree.unwrap_or(1.0).max(0.5);
        return vec![wished(Amount::By(step))];
    }
    if !values.is_empty() && values.number.is_none() && values.degree.is_none() {
        return Vec::new();
    }
    match (act, values.number, values.degree) {
        (Act::Toggle, None, None) => vec![What::Toggle],
        (Act::Stop | Act::Pause, None, None) => vec![What::Stop],
        (_, Some((percent, None | Some(Unit::Percent))), _) if is_open || is_close => {
            let sign = if is_open { 1.0 } else { -1.0 };
            vec![wished(match (values.is_by, is_close && !values.is_to) {
                (true, _) => Amount::By(sign * percent),
                // "Close it 30 %" leaves 70 % open; "close it to 30 %" says how far it is open.
                (false, true) => Amount::To(100.0 - percent),
                (false, false) => Amount::To(percent),
            })]
        }
        (Act::Set | Act::Turn, Some((percent, None | Some(Unit::Percent))), _) if !values.is_by => {
            vec![wished(Amount::To(percent))]
        }
        (_, None, Some(degree)) if is_open || is_close => {
            let sign = if is_open { 1.0 } else { -1.0 };
            vec![wished(Amount::By(sign * COVER_STEP * degree.max(0.5)))]
        }
        (_, None, None) if is_open => vec![What::Open],
        (_, None, None) if is_close => vec![What::Close],
        _ => Vec::new(),
    }
}

fn fan(act: Act, values: &Values) -> Vec<What> {
    if values.measure.as_deref().is_some_and(|measure| measure != "speed") {
        return Vec::new();
    }
    if let Some(mode) = values.mode.clone() {
        let sets = matches!(act, Act::Set | Act::Turn | Act::On);
        return if sets { vec![What::Mode(mode)] } else { Vec::new() };
    }
    let moves = matches!(
        act,
        Act::Set
            | Act::Turn
            | Act::On
            | Act::Raise
            | Act::Lower
            | Act::Up
            | Act::Down
            | Act::More
            | Act::Less
            | Act::Faster
            | Act::Slower
    );
    match act {
        Act::On | Act::Off | Act::Toggle | Act::Start | Act::Stop | Act::Activate
            if values.is_empty() =>
        {
            one(switch(act), values)
        }
        // Against the heat.
        Act::NeedCool => vec![What::Speed(Amount::By(FAN_STEP))],
        _ if moves && values.color.is_none() => {
            share(act, values, FAN_STEP).map(What::Speed).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn humidifier(act: Act, values: &Values) -> Vec<What> {
    if values.measure.as_deref().is_some_and(|measure| measure != "humidity") {
        return Vec::new();
    }
    if let Some(mode) = values.mode.clone() {
        return if act == Act::Set { vec![What::Mode(mode)] } else { Vec::new() };
    }
    match act {
        Act::On | Act::Off | Act::Toggle | Act::Start | Act::Stop if values.is_empty() => {
            one(switch(act), values)
        }
        Act::NeedHumid => vec![What::Humidity(Amount::By(HUMIDITY_STEP))],
        Act::Set
        | Act::Turn
        | Act::On
        | Act::Raise
        | Act::Lower
        | Act::Up
        | Act::Down
        | Act::More
        | Act::Less => share(act, values, HUMIDITY_STEP).map(What::Humidity).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn climate(act: Act, values: &Values) -> Vec<What> {
    if values.measure.as_deref().is_some_and(|measure| measure != "temperature")
        || values.color.is_some()
        || values.white.is_some()
    {
        return Vec::new();
    }
    if let Some(mode) = values.mode.clone() {
        let sets = matches!(act, Act::Set | Act::Turn | Act::On | Act::Activate);
        return if sets { vec![What::Mode(mode)] } else { Vec::new() };
    }
    let sign = direction(act);
    let is_light_only = matches!(
        act,
        Act::Brighten | Act::Dim | Act::Brighter | Act::Darker | Act::NeedLight | Act::NeedDark
    );
    if is_light_only || matches!(act, Act::Faster | Act::Slower) {
        return Vec::new();
    }
    match values.number {
        Some((degrees, None | Some(Unit::Degree))) => {
            let is_by = values.is_by
                || is_relative(act) && !values.is_to
                || sign != 0.0 && !values.is_to && degrees <= MOST_DEGREES;
            match (is_by, sign) {
                // So much colder is rather a slip.
                (true, _) if degrees > MOST_DEGREES => Vec::new(),
                (true, sign) if sign != 0.0 => vec![What::Temperature(Amount::By(sign * degrees))],
                (true, _) => Vec::new(),
                (false, _)
                    if sign != 0.0
                        || matches!(act, Act::Set | Act::Turn | Act::On | Act::Ensure) =>
                {
                    vec![What::Temperature(Amount::To(degrees))]
                }
                _ => Vec::new(),
            }
        }
        Some(_) => Vec::new(),
        None => match act {
            Act::On | Act::Start | Act::Activate if values.is_empty() => vec![What::TurnOn],
            Act::Off | Act::Stop if values.is_empty() => vec![What::TurnOff],
            _ if sign != 0.0 => {
                let step = DEGREE_STEP * values.degree.map_or(1.0, |degree| degree.max(0.5));
                vec![What::Temperature(Amount::By(sign * step))]
            }
            _ => Vec::new(),
        },
    }
}

/// The domains that can do it.
pub(super) fn able(act: Act, values: &Values) -> Vec<Domain> {
    Domain::ALL.iter().copied().filter(|domain| !what(act, values, *domain).is_empty()).collect()
}

/// The domains that are meant when only a place is said, or nothing: the first that the place has.
pub(super) fn implied(act: Act, values: &Values) -> &'static [Domain] {
    match values.task {
        Some(Act::Vacuum) => return &[Domain::Vacuum],
        Some(Act::Mow) => return &[Domain::LawnMower],
        Some(Act::Water) => return &[Domain::Valve],
        _ => {}
    }
    match values.measure.as_deref() {
        Some("temperature") => return &[Domain::Climate],
        Some("illuminance" | "color" | "color_temperature") => return &[Domain::Light],
        Some("speed") => return &[Domain::Fan],
        Some("position" | "tilt") => return &[Domain::Cover],
        Some("humidity") => return &[Domain::Humidifier],
        _ => {}
    }
    match act {
        Act::On | Act::Off | Act::Toggle | Act::Set | Act::Turn | Act::Ensure => {
            match values.number {
                Some((_, Some(Unit::Degree))) => &[Domain::Climate],
                Some((n, None)) if n < 0.0 => &[Domain::Climate],
                Some((n, None)) if (10.0..=30.0).contains(&n) && act == Act::Set => {
                    &[Domain::Climate, Domain::Light]
                }
                _ if values.mode.is_some() => &[Domain::Climate],
                _ => &[Domain::Light],
            }
        }
        Act::Brighten | Act::Dim | Act::Brighter | Act::Darker => &[Domain::Light],
        Act::NeedLight | Act::NeedDark | Act::NeedNight => &[Domain::Light],
        Act::Open | Act::Close => &[Domain::Cover],
        Act::NeedHumid => &[Domain::Humidifier],
        Act::Up | Act::Down | Act::Raise | Act::Lower | Act::More | Act::Further | Act::Less => {
            match values.number {
                Some((_, Some(Unit::Degree))) => &[Domain::Climate],
                _ => &[Domain::Light],
            }
        }
        Act::NeedCool => &[Domain::Climate, Domain::Fan],
        Act::Warmer | Act::Cooler | Act::Heat | Act::Cool | Act::NeedWarm => &[Domain::Climate],
        Act::Faster | Act::Slower => &[Domain::Fan],
        Act::Lock | Act::Unlock | Act::LockUp => &[Domain::Lock],
        Act::Vacuum => &[Domain::Vacuum],
        Act::Dock | Act::Locate => &[Domain::Vacuum],
        Act::Mow => &[Domain::LawnMower],
        Act::Water => &[Domain::Valve, Domain::Switch],
        Act::Arm | Act::Disarm => &[Domain::AlarmControlPanel],
        Act::Stop => &[Domain::Cover],
        Act::Start | Act::Pause | Act::Resume | Act::Activate | Act::Again | Act::Put => &[],
    }
}

/// The domains that "everything" means: what is harmless.
pub(super) fn everything(act: Act) -> &'static [Domain] {
    match act {
        Act::Off => &[Domain::Light, Domain::Switch, Domain::Fan],
        Act::On | Act::Toggle | Act::Turn | Act::Set => &[Domain::Light],
        Act::Close | Act::Down => &[Domain::Cover],
        Act::Lock | Act::LockUp | Act::Unlock => &[Domain::Lock],
        _ => &[],
    }
}

/// The intent's name for a wish, as language packs have it.
pub(super) fn intent(what: &What) -> &'static str {
    match what {
        What::TurnOn | What::Open | What::Lock | What::Activate | What::Arm(_) => "HassTurnOn",
        What::TurnOff | What::Close | What::Unlock | What::Disarm => "HassTurnOff",
        What::Toggle => "HassToggle",
        What::Stop | What::Pause | What::Resume => "HassStopMoving",
        What::Start => "HassVacuumStart",
        What::Dock => "HassVacuumReturnToBase",
        What::Locate => "HassVacuumLocate",
        What::Brightness(_) | What::Color(_) | What::Kelvin(_) | What::Effect(_) => "HassLightSet",
        What::Position(_) | What::Tilt(_) => "HassSetPosition",
        What::Temperature(_) | What::Mode(_) => "HassClimateSetTemperature",
        What::FanMode(_) => "HassClimateSetFanMode",
        What::Humidity(_) => "HassHumidifierSetpoint",
        What::Speed(_) => "HassFanSetSpeed",
        What::Number(_) => "HassSetNumber",
    }
}
