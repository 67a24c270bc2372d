//! The kinds of thing that can be announced: reading their keys, understanding their messages,
//! forming their commands. One file per kind; `switch.rs` is the one to copy.

mod alarm_control_panel;
mod binary_sensor;
mod climate;
mod cover;
mod datetime;
mod device_tracker;
mod event;
mod fan;
mod humidifier;
mod infrared;
mod lawn_mower;
mod light;
mod lock;
mod momentary;
mod number;
mod percentage;
mod picture;
mod select;
mod sensor;
mod siren;
mod switch;
mod text;
mod thermal;
mod update;
mod vacuum;
mod valve;
mod water_heater;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::keys::{Keys, Reject};
use super::message::Message;
use crate::home::action::Refusal;
use crate::home::domain::{Action, Caps, State};
use crate::template::{Scope, Template};

/// Which of a component's topics a message came on. Numbers are each component's own, from 0 to
/// 99; those above belong to the binding.
pub(crate) type Slot = u8;

/// What a component knows of the world while it reads or writes.
pub(crate) struct Moment<'a> {
    /// For templates: the entity's id and name, and the clock.
    pub(crate) scope: Scope<'a>,
    /// When set, the component's `wake` is called after this time, unless set anew before.
    pub(crate) wake_in: Option<Duration>,
    /// What was wrong with a part of a message of which the rest was used.
    pub(crate) doubt: Option<Fault>,
}

/// What a message meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Nothing for this component.
    Nothing,
    /// The state may be another.
    State,
    /// It happened, even if the state looks the same.
    Event,
}

/// Why a message could not be used; the state stays. Kept as a problem of the entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault(pub(crate) String);

/// What a command becomes on the wire.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Commands {
    /// Topic and payload, in order.
    pub(crate) publish: Vec<(Arc<str>, Vec<u8>)>,
    /// The component changed its state on the assumption that the device obeys.
    pub(crate) assumed: bool,
}

impl Commands {
    /// One message.
    pub(crate) fn one(topic: &Arc<str>, payload: impl Into<Vec<u8>>) -> Self {
        Self { publish: vec![(Arc::clone(topic), payload.into())], assumed: false }
    }

    /// One more message.
    pub(crate) fn push(&mut self, topic: &Arc<str>, payload: impl Into<Vec<u8>>) {
        self.publish.push((Arc::clone(topic), payload.into()));
    }
}

/// Collects the topics that a component listens to.
#[derive(Debug, Default)]
pub(crate) struct Topics(pub(crate) Vec<(Arc<str>, Slot)>);

impl Topics {
    /// Listens, if the key was given.
    pub(crate) fn add(&mut self, topic: Option<&Arc<str>>, slot: Slot) {
        if let Some(topic) = topic {
            self.0.push((Arc::clone(topic), slot));
        }
    }
}

/// What a component waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// Nothing.
    Nothing,
    /// The end of its value (`expire_after`).
    Expiry,
    /// To be off by itself (`off_delay`).
    Off {
        /// How much longer the value holds then (`expire_after`).
        expires_in: Option<Duration>,
    },
}

/// One announced entity's dealings with MQTT. Owns the entity's state as the device said it.
pub(crate) trait Component: Send {
    /// What the entity can do.
    fn caps(&self) -> Caps;

    /// Where its messages come from.
    fn topics(&self, topics: &mut Topics);

    /// Its state now.
    fn state(&self) -> State;

    /// Takes over what an earlier announcement of the same entity had heard.
    fn adopt(&mut self, state: State);

    /// Takes in a message. Nothing may be acted on because of it.
    fn receive(
        &mut self,
        slot: Slot,
        message: &Message<'_>,
        moment: &mut Moment<'_>,
    ) -> Result<Heard, Fault>;

    /// Forms a command. The action was accepted by `caps` (no `Toggle`, values in range).
    fn command(&mut self, action: &Action, moment: &mut Moment<'_>) -> Result<Commands, Refusal>;

    /// The time set by `wake_in` is over.
    fn wake(&mut self, _moment: &mut Moment<'_>) -> Heard {
        Heard::Nothing
    }

    /// What the time set by `wake_in` is for.
    fn waiting(&self) -> Waiting {
        Waiting::Nothing
    }

    /// Goes on waiting as an earlier announcement of the same entity did, until the same moment.
    /// False when it has nothing to wait for.
    fn wait_on(&mut self, _: Waiting) -> bool {
        false
    }

    /// Its last value is too old to be shown (`expire_after`): the entity is unavailable.
    fn is_expired(&self) -> bool {
        false
    }

    /// Whether the state after a command is assumed, because no report will come.
    fn assumes_state(&self) -> bool {
        false
    }

    /// Names that the device's own attributes (`json_attributes_topic`) may not use.
    fn reserved_attributes(&self) -> &'static [&'static str] {
        &[]
    }
}

/// Reads a component's own keys. The common ones were taken out before.
///
/// # Errors
/// [`Reject`] when a key without which there is no entity is missing or bad.
pub(crate) fn read(kind: &str, keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    match kind {
        "alarm_control_panel" => alarm_control_panel::read(keys),
        "binary_sensor" => binary_sensor::read(keys),
        "button" => momentary::read_button(keys),
        "camera" => picture::read_camera(keys),
        "climate" => climate::read(keys),
        "cover" => cover::read(keys),
        "date" => datetime::read_date(keys),
        "datetime" => datetime::read_datetime(keys),
        "device_tracker" => device_tracker::read(keys),
        "event" => event::read(keys),
        "fan" => fan::read(keys),
        "humidifier" => humidifier::read(keys),
        "image" => picture::read_image(keys),
        "infrared" => infrared::read(keys),
        "lawn_mower" => lawn_mower::read(keys),
        "light" => light::read(keys),
        "lock" => lock::read(keys),
        "notify" => momentary::read_notify(keys),
        "number" => number::read(keys),
        "scene" => momentary::read_scene(keys),
        "select" => select::read(keys),
        "sensor" => sensor::read(keys),
        "siren" => siren::read(keys),
        "switch" => switch::read(keys),
        "text" => text::read(keys),
        "time" => datetime::read_time(keys),
        "update" => update::read(keys),
        "vacuum" => vacuum::read(keys),
        "valve" => valve::read(keys),
        "water_heater" => water_heater::read(keys),
        _ => Err(Reject(format!("`{kind}` is not a component that Homard knows"))),
    }
}

/// All kinds of component of Home Assistant 2026.11's discovery.
pub(crate) const KINDS: &[&str] = &[
    "alarm_control_panel",
    "binary_sensor",
    "button",
    "camera",
    "climate",
    "cover",
    "date",
    "datetime",
    "device_automation",
    "device_tracker",
    "event",
    "fan",
    "humidifier",
    "image",
    "infrared",
    "lawn_mower",
    "light",
    "lock",
    "notify",
    "number",
    "scene",
    "select",
    "sensor",
    "siren",
    "switch",
    "tag",
    "text",
    "time",
    "update",
    "vacuum",
    "valve",
    "water_heater",
];

/// The payload as its template renders it; as it is when there is none. A failing template is a
/// fault: the message counts for nothing and the state stays.
pub(crate) fn value<'m>(
    template: Option<&Template>,
    message: &'m Message<'_>,
    moment: &Moment<'_>,
) -> Result<Cow<'m, str>, Fault> {
    let payload = message.payload()?;
    match template {
        None => Ok(Cow::Borrowed(payload.text())),
        Some(template) => template
            .render_value(payload, &moment.scope)
            .map(Cow::Owned)
            .map_err(|error| Fault(error.to_string())),
    }
}

/// A command's payload as its template renders the variables; `plain` when there is none.
pub(crate) fn command_payload(
    template: Option<&Template>,
    plain: &str,
    variables: &[(&str, crate::template::Variable)],
    moment: &Moment<'_>,
) -> Result<Vec<u8>, Refusal> {
    match template {
        None => Ok(plain.as_bytes().to_vec()),
        Some(template) => template
            .render_command(variables, &moment.scope)
            .map_err(|error| Refusal::TemplateFailed(error.to_string())),
    }
}

/// What a device says when a value is not known (Home Assistant's `PAYLOAD_NONE`).
pub(crate) const NONE: &str = "None";
