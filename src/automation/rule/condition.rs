//! What must hold.

use std::sync::Arc;

use super::Expr;
use super::trigger::{At, Range};
use crate::home::rhythm::Days;
use crate::home::value::Value;
use crate::template::Template;

/// One condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// What it is called.
    pub alias: Option<Arc<str>>,
    /// One that is switched off is not looked at.
    pub is_enabled: bool,
    /// What must hold.
    pub kind: Kind,
}

/// What must hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// All of these.
    And(Vec<Condition>),
    /// One of these.
    Or(Vec<Condition>),
    /// None of these.
    Not(Vec<Condition>),
    /// Entities are so.
    State {
        /// Which.
        entities: Vec<Arc<str>>,
        /// This attribute; the state without.
        attribute: Option<Arc<str>>,
        /// One of these; a text that is an entity's id means its state too.
        states: Vec<Value>,
        /// For so long.
        length: Option<Expr>,
        /// One of the entities will do.
        is_any: bool,
    },
    /// Numbers are in a range.
    Numeric(Range),
    /// The time of day and the day of the week.
    Time {
        /// Not before this.
        after: Option<At>,
        /// Before this.
        before: Option<At>,
        /// On these days.
        days: Option<Days>,
    },
    /// Where the sun is.
    Sun {
        /// After this.
        after: Option<Sun>,
        /// Before this.
        before: Option<Sun>,
    },
    /// A template is true.
    Template(Template),
    /// The run began by one of these triggers.
    Trigger(Vec<Arc<str>>),
    /// Not supported; never holds.
    Never,
}

impl Kind {
    /// Home Assistant's word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::And(_) => "and",
            Self::Or(_) => "or",
            Self::Not(_) => "not",
            Self::State { .. } => "state",
            Self::Numeric(_) => "numeric_state",
            Self::Time { .. } => "time",
            Self::Sun { .. } => "sun",
            Self::Template(_) => "template",
            Self::Trigger(_) => "trigger",
            Self::Never => "unsupported",
        }
    }
}

/// Sunrise or sunset, or near it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sun {
    /// Sunrise.
    pub is_rise: bool,
    /// Seconds after it, or before if negative.
    pub offset_s: f64,
}
