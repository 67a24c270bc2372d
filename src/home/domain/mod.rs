//! The kinds of entity and, for each, what it can do, what it is and what one can wish of it.
//!
//! One file per domain, all of one shape (`switch.rs` is the one to copy): `Caps`, `State`,
//! `Action`, `SERVICES`, `action()`. This file joins them into one type each; adding a domain
//! means one line in the table below.

mod check;
pub mod temperature;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use super::action::Refusal;
use super::service::{Fields, Invalid, Service};
use super::value::Attributes;

/// What a domain may need to know about the rest of the entity when it accepts an action.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context {
    /// The entity assumes its state after a command because its device reports none.
    pub assumes_state: bool,
}

macro_rules! domains {
    ($($(#[$doc:meta])* $variant:ident $module:ident;)*) => {
        $(#[allow(missing_docs)] pub mod $module;)*

        /// The kind of an entity: the part of its id before the dot.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Domain {
            $($(#[$doc])* $variant,)*
        }

        /// What an entity can do.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Caps {
            $($(#[$doc])* $variant(Box<$module::Caps>),)*
        }

        /// What an entity is, as its device last said (or is assumed to be after a command).
        #[derive(Debug, Clone, PartialEq)]
        pub enum State {
            $($(#[$doc])* $variant($module::State),)*
        }

        /// A wish to change something.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Action {
            $($(#[$doc])* $variant($module::Action),)*
        }

        impl Domain {
            /// All, in the order of their names.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word in ids and service calls.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($module),)*
                }
            }

            /// Home Assistant's services of this domain.
            pub fn services(self) -> &'static [Service] {
                match self {
                    $(Self::$variant => $module::SERVICES,)*
                }
            }

            /// Reads a service call of this domain.
            ///
            /// # Errors
            /// See [`Invalid`].
            pub fn action(self, service: &str, fields: Fields) -> Result<Action, Invalid> {
                match self {
                    $(Self::$variant => $module::action(service, fields).map(Action::$variant),)*
                }
            }
        }

        impl Caps {
            /// The domain these belong to.
            pub fn domain(&self) -> Domain {
                match self {
                    $(Self::$variant(_) => Domain::$variant,)*
                }
            }

            /// Home Assistant's `supported_features`; `None` where the domain shows none.
            pub fn features(&self) -> Option<u32> {
                match self {
                    $(Self::$variant(caps) => caps.features(),)*
                }
            }

            /// Puts what is shown even while the entity is unavailable.
            pub fn attributes(&self, out: &mut Attributes) {
                match self {
                    $(Self::$variant(caps) => caps.attributes(out),)*
                }
            }

            /// The action as this entity does it in this state.
            ///
            /// # Errors
            /// A [`Refusal`] when it cannot; [`Refusal::CannotDo`] also when the action is of
            /// another domain.
            pub fn accept(
                &self,
                action: Action,
                state: &State,
                context: &Context,
            ) -> Result<Action, Refusal> {
                match (self, action, state) {
                    $((Self::$variant(caps), Action::$variant(action), State::$variant(state)) => {
                        caps.accept(action, state, context).map(Action::$variant)
                    })*
                    (_, action, _) => Err(Refusal::CannotDo(action.domain().word())),
                }
            }

            /// The state of which nothing is known.
            pub fn unknown(&self) -> State {
                match self {
                    $(Self::$variant(_) => State::$variant($module::State::default()),)*
                }
            }
        }

        impl State {
            /// The main value in Home Assistant's word; `None` is unknown.
            pub fn word(&self, caps: &Caps) -> Option<Cow<'_, str>> {
                match (self, caps) {
                    $((Self::$variant(state), Caps::$variant(caps)) => state.word(caps),)*
                    _ => None,
                }
            }

            /// Puts what is shown while the entity is available.
            pub fn attributes(&self, caps: &Caps, out: &mut Attributes) {
                match (self, caps) {
                    $((Self::$variant(state), Caps::$variant(caps)) => {
                        state.attributes(caps, out);
                    })*
                    _ => {}
                }
            }

            /// Whether this state, reported by the device, fulfils the wish.
            pub fn confirms(&self, action: &Action) -> bool {
                match (self, action) {
                    $((Self::$variant(state), Action::$variant(action)) => {
                        state.confirms(action)
                    })*
                    _ => false,
                }
            }
        }

        impl Action {
            /// The domain this belongs to.
            pub fn domain(&self) -> Domain {
                match self {
                    $(Self::$variant(_) => Domain::$variant,)*
                }
            }
        }
    };
}

domains! {
    /// An alarm system.
    AlarmControlPanel alarm_control_panel;
    /// Something that the house does by itself.
    Automation automation;
    /// A sensor with two states.
    BinarySensor binary_sensor;
    /// Something to press.
    Button button;
    /// Moving pictures; the latest frame.
    Camera camera;
    /// A thermostat or air conditioner.
    Climate climate;
    /// A blind, curtain, shutter, awning, gate or garage door.
    Cover cover;
    /// A date that can be set.
    Date date;
    /// A moment that can be set.
    DateTime datetime;
    /// Where a person's or thing's tag is.
    DeviceTracker device_tracker;
    /// Something that happens, such as a button press on a remote.
    Event event;
    /// A fan.
    Fan fan;
    /// A humidifier or dehumidifier.
    Humidifier humidifier;
    /// A picture.
    Image image;
    /// An infrared sender or receiver.
    Infrared infrared;
    /// A robotic lawn mower.
    LawnMower lawn_mower;
    /// A lamp.
    Light light;
    /// A lock.
    Lock lock;
    /// Somewhere to send a message.
    Notify notify;
    /// A number that can be set.
    Number number;
    /// A scene that a device offers.
    Scene scene;
    /// Steps that are done when somebody asks for it.
    Script script;
    /// A choice.
    Select select;
    /// Something measured or told.
    Sensor sensor;
    /// A siren.
    Siren siren;
    /// A switch or socket.
    Switch switch;
    /// A text that can be set.
    Text text;
    /// A time of day that can be set.
    Time time;
    /// Software of a device that can be renewed.
    Update update;
    /// A robotic vacuum cleaner.
    Vacuum vacuum;
    /// A valve.
    Valve valve;
    /// A water heater.
    WaterHeater water_heater;
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A word that is no domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSuchDomain;

impl FromStr for Domain {
    type Err = NoSuchDomain;

    fn from_str(word: &str) -> Result<Self, NoSuchDomain> {
        Self::ALL.iter().copied().find(|domain| domain.word() == word).ok_or(NoSuchDomain)
    }
}

/// `on` or `off`.
fn on_off(on: bool) -> Cow<'static, str> {
    Cow::Borrowed(if on { "on" } else { "off" })
}

/// A moment as Home Assistant shows it in states: RFC 3339 in UTC, seconds.
fn moment(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

/// The same with milliseconds.
fn moment_millis(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3f+00:00").to_string()
}

/// The same with microseconds.
fn moment_micros(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string()
}
