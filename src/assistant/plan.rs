//! From a command and its target to calls on entities: which service each domain has for what is
//! wished. Whether an entity can do it, its capabilities say when it is called.

use std::sync::Arc;

use crate::home::Home;
use crate::home::action::Refusal;
use crate::home::domain::Domain;
use crate::home::service::Fields;
use crate::home::target::Target;
use crate::home::value::Value;
use crate::intent::meaning::{Amount, Command, Reading, What};

use super::{Language, Plan, Turn};

/// A service and its fields.
type Call = (&'static str, Vec<(&'static str, Value)>);

/// The calls for a command, or the answer when none can be made.
pub(super) fn plan(
    command: Command,
    target: Target,
    reading: Reading,
    home: &Home,
    language: &Arc<Language>,
) -> Turn {
    let language = Arc::clone(language);
    let (calls, refused) = (Vec::new(), Vec::new());
    let mut plan = Plan { calls, refused, command, target, reading, language };
    for id in &plan.target.entities {
        let Some(entity) = home.entity(id.as_str()) else { continue };
        let action = call(&plan.command.what, entity.domain)
            .ok_or_else(|| Refusal::CannotDo(ability(&plan.command.what)))
            .and_then(|(service, fields)| {
                let fields = fields.into_iter().map(|(name, value)| (Arc::from(name), value));
                let fields = Fields::new(fields);
                entity.domain.action(service, fields).map_err(|_| Refusal::CannotDo(service))
            });
        match action {
            Ok(action) => plan.calls.push((id.clone(), action)),
            Err(refusal) => plan.refused.push((id.clone(), refusal)),
        }
    }
    if plan.calls.is_empty() {
        return Turn::Answer(plan.conclude(&[], home));
    }
    Turn::Act(Box::new(plan))
}

/// The service of a domain for a wish; `None` if the domain has nothing like it.
fn call(what: &What, domain: Domain) -> Option<Call> {
    let plain = |service: &'static str| Some((service, Vec::new()));
    let with = |service: &'static str, field: &'static str, value: Value| {
        Some((service, vec![(field, value)]))
    };
    match (what, domain) {
        (
            What::TurnOn,
            Domain::Light
            | Domain::Switch
            | Domain::Fan
            | Domain::Siren
            | Domain::Humidifier
            | Domain::Climate
            | Domain::WaterHeater
            | Domain::Scene,
        ) => plain("turn_on"),
        (
            What::TurnOff,
            Domain::Light
            | Domain::Switch
            | Domain::Fan
            | Domain::Siren
            | Domain::Humidifier
            | Domain::Climate
            | Domain::WaterHeater,
        ) => plain("turn_off"),
        (
            What::Toggle,
            Domain::Light
            | Domain::Switch
            | Domain::Fan
            | Domain::Siren
            | Domain::Humidifier
            | Domain::Climate
            | Domain::Cover
            | Domain::Valve,
        ) => plain("toggle"),
        // What turning on and off means for things that move or lock, as Home Assistant has it.
        (What::TurnOn | What::Open, Domain::Cover) => plain("open_cover"),
        (What::TurnOff | What::Close, Domain::Cover) => plain("close_cover"),
        (What::TurnOn | What::Open, Domain::Valve) => plain("open_valve"),
        (What::TurnOff | What::Close, Domain::Valve) => plain("close_valve"),
        (What::TurnOn | What::Lock | What::Close, Domain::Lock) => plain("lock"),
        (What::TurnOff | What::Unlock | What::Open, Domain::Lock) => plain("unlock"),
        (What::TurnOn | What::Activate, Domain::Button) => plain("press"),
        (What::Activate, Domain::Scene) => plain("turn_on"),
        (What::TurnOn | What::Start, Domain::Vacuum) => plain("start"),
        (What::TurnOff | What::Dock, Domain::Vacuum) => plain("return_to_base"),
        (What::TurnOn | What::Start, Domain::LawnMower) => plain("start_mowing"),
        (What::TurnOff | What::Dock, Domain::LawnMower) => plain("dock"),
        (What::Stop, Domain::Cover) => plain("stop_cover"),
        (What::Stop, Domain::Valve) => plain("stop_valve"),
        (What::Stop, Domain::Vacuum) => plain("stop"),
        (What::Brightness(Amount::To(percent)), Domain::Light) if *percent <= 0.0 => {
            plain("turn_off")
        }
        (What::Brightness(Amount::To(percent)), Domain::Light) => {
            with("turn_on", "brightness_pct", whole(*percent))
        }
        (What::Color(name), Domain::Light) => {
            let rgb = rgb(name)?.into_iter().map(Value::Int).collect();
            with("turn_on", "rgb_color", Value::List(rgb))
        }
        (What::Kelvin(Amount::To(kelvin)), Domain::Light) => {
            with("turn_on", "color_temp_kelvin", whole(*kelvin))
        }
        (What::Position(Amount::To(percent)), Domain::Cover) => {
            with("set_cover_position", "position", whole(*percent))
        }
        (What::Position(Amount::To(percent)), Domain::Valve) => {
            with("set_valve_position", "position", whole(*percent))
        }
        (What::Temperature(Amount::To(degrees)), Domain::Climate | Domain::WaterHeater) => {
            with("set_temperature", "temperature", Value::Float(*degrees))
        }
        (What::Speed(Amount::To(percent)), Domain::Fan) => {
            with("set_percentage", "percentage", whole(*percent))
        }
        _ => None,
    }
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
        What::Mode(_) => "mode",
        What::Number(_) => "value",
        What::Arm(_) => "arm",
        What::Disarm => "disarm",
    }
}

fn whole(number: f64) -> Value {
    Value::Int(number.round() as i64)
}

/// The colors of the packs. CSS values, with green and purple as lamps show them best.
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
        _ => return None,
    })
}
