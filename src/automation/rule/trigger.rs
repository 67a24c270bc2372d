//! What begins a rule.

use std::sync::Arc;

use super::pattern::Pattern;
use super::{Expr, Named};
use crate::home::rhythm::Days;
use crate::home::value::Value;
use crate::template::Template;

/// One trigger.
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    /// By which conditions and templates know it; its number without.
    pub id: Arc<str>,
    /// What it is called.
    pub alias: Option<Arc<str>>,
    /// Not switched off in the rule, and supported.
    pub is_enabled: bool,
    /// Values that the run has if it begins by this.
    pub variables: Named,
    /// What is watched.
    pub kind: Kind,
}

/// What is watched.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// An entity's state or attribute changes.
    State(StateTrigger),
    /// A number comes into a range.
    Numeric(NumericTrigger),
    /// The clock on the wall shows one of these.
    Time {
        /// When.
        at: Vec<At>,
        /// On which days.
        days: Days,
    },
    /// The clock on the wall shows something that fits.
    Pattern(Pattern),
    /// Sunrise, or sunset.
    Sun {
        /// Sunrise.
        is_rise: bool,
        /// Seconds after it, or before if negative.
        offset_s: f64,
    },
    /// A template turns true.
    Template {
        /// Which.
        template: Template,
        /// For so long.
        length: Option<Expr>,
    },
    /// An event is fired.
    Event {
        /// Its name: any of these.
        names: Vec<Expr>,
        /// What its data must hold.
        data: Named,
    },
    /// A device trigger: a button of a remote.
    Device(DeviceTrigger),
    /// A message comes on a topic, live.
    Topic(TopicTrigger),
    /// A tag is scanned.
    Tag {
        /// Any of these.
        tags: Vec<Arc<str>>,
        /// By one of these devices; any without.
        devices: Vec<Arc<str>>,
    },
    /// Homard has started.
    Start,
    /// Not supported.
    Never,
}

impl Kind {
    /// Home Assistant's word, `trigger.platform` in templates.
    pub fn word(&self) -> &'static str {
        match self {
            Self::State(_) => "state",
            Self::Numeric(_) => "numeric_state",
            Self::Time { .. } => "time",
            Self::Pattern(_) => "time_pattern",
            Self::Sun { .. } => "sun",
            Self::Template { .. } => "template",
            Self::Event { .. } => "event",
            Self::Device(_) => "device",
            Self::Topic(_) => "mqtt",
            Self::Tag { .. } => "tag",
            Self::Start => "homeassistant",
            Self::Never => "none",
        }
    }
}

/// A state or an attribute changes.
#[derive(Debug, Clone, PartialEq)]
pub struct StateTrigger {
    /// Of which entities.
    pub entities: Vec<Arc<str>>,
    /// This attribute; the state without.
    pub attribute: Option<Arc<str>>,
    /// From what.
    pub from: Match,
    /// To what.
    pub to: Match,
    /// And stays so for so long.
    pub length: Option<Expr>,
}

/// Which values are meant.
#[derive(Debug, Clone, PartialEq)]
pub enum Match {
    /// Nothing was said.
    Unsaid,
    /// `null`: whatever it is, but the value itself must change.
    Any,
    /// One of these.
    OneOf(Vec<Value>),
    /// None of these.
    NoneOf(Vec<Value>),
}

/// A number comes into a range; the bounds are outside of it.
#[derive(Debug, Clone, PartialEq)]
pub struct NumericTrigger {
    /// Whose, in which range.
    pub range: Range,
    /// And stays so for so long.
    pub length: Option<Expr>,
}

/// Numbers and a range; the bounds are outside of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Range {
    /// Of which entities.
    pub entities: Vec<Arc<str>>,
    /// This attribute; the state without.
    pub attribute: Option<Arc<str>>,
    /// The number is made of the state by this.
    pub value: Option<Template>,
    /// More than this.
    pub above: Option<Bound>,
    /// Less than this.
    pub below: Option<Bound>,
}

/// The end of a range.
#[derive(Debug, Clone, PartialEq)]
pub enum Bound {
    /// A number.
    Number(f64),
    /// What this entity is.
    Entity(Arc<str>),
}

/// A time of day, or where one is said.
#[derive(Debug, Clone, PartialEq)]
pub enum At {
    /// Seconds since midnight, as the clock shows it.
    Clock(u32),
    /// What this entity says: a time of day, or a moment.
    Entity {
        /// Which.
        id: Arc<str>,
        /// Seconds after it, or before if negative.
        offset_s: f64,
    },
}

/// A message on a topic.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicTrigger {
    /// The topic, or a filter with `+` and `#`.
    pub filter: Arc<str>,
    /// Only if the message is this.
    pub payload: Option<Expr>,
    /// What of the message is compared with it.
    pub value: Option<Template>,
}

/// A device trigger that was announced over MQTT.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceTrigger {
    /// The device.
    pub device: Arc<str>,
    /// `action`, `button_short_press`, …
    pub kind: Arc<str>,
    /// `button_1`, …
    pub subtype: Arc<str>,
}
