//! What a rule does, step by step.

use std::sync::Arc;

use super::{Condition, Expr, Named, Trigger};
use crate::template::Template;

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What it is called.
    pub alias: Option<Arc<str>>,
    /// One that is switched off is passed over; may be a template.
    pub enabled: Expr,
    /// The run goes on when this fails.
    pub survives_errors: bool,
    /// What.
    pub kind: Kind,
}

/// What is done.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A service is called.
    Call(Call),
    /// Time passes.
    Delay(Expr),
    /// Until a template is true.
    WaitTemplate {
        /// Which.
        template: Template,
        /// At most so long.
        limit: Limit,
    },
    /// Until something happens.
    WaitFor {
        /// Any of these.
        triggers: Arc<[Trigger]>,
        /// At most so long.
        limit: Limit,
    },
    /// What follows in this sequence is done only if this holds.
    Condition(Condition),
    /// The first whose conditions hold is done.
    Choose {
        /// In order.
        options: Vec<(Vec<Condition>, Steps)>,
        /// If none holds.
        default: Option<Steps>,
    },
    /// One or the other.
    If {
        /// All must hold.
        conditions: Vec<Condition>,
        /// Then.
        then: Steps,
        /// Else.
        otherwise: Option<Steps>,
    },
    /// Again and again.
    Repeat {
        /// How often.
        how: Repeat,
        /// What.
        steps: Steps,
    },
    /// At once.
    Parallel(Vec<Steps>),
    /// One after the other.
    Sequence(Steps),
    /// The run ends here.
    Stop {
        /// Why.
        text: Expr,
        /// As a failure.
        is_error: bool,
    },
    /// An event is fired.
    Fire {
        /// Its name.
        name: Arc<str>,
        /// Its data.
        data: Named,
    },
    /// Values get names.
    Variables(Named),
    /// Not supported; the run ends here.
    Never,
}

impl Kind {
    /// Home Assistant's word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Call(_) => "action",
            Self::Delay(_) => "delay",
            Self::WaitTemplate { .. } => "wait_template",
            Self::WaitFor { .. } => "wait_for_trigger",
            Self::Condition(_) => "condition",
            Self::Choose { .. } => "choose",
            Self::If { .. } => "if",
            Self::Repeat { .. } => "repeat",
            Self::Parallel(_) => "parallel",
            Self::Sequence(_) => "sequence",
            Self::Stop { .. } => "stop",
            Self::Fire { .. } => "event",
            Self::Variables(_) => "variables",
            Self::Never => "unsupported",
        }
    }
}

/// Steps, shared with the runs that are in them.
pub type Steps = Arc<[Step]>;

/// A service call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// `light.turn_on`; may be a template.
    pub service: Expr,
    /// On what: a map of `entity_id`, `area_id`, `device_id`, `floor_id`.
    pub target: Option<Expr>,
    /// Its fields.
    pub data: Option<Expr>,
}

/// How long is waited.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// At most so long; for ever without.
    pub timeout: Option<Expr>,
    /// The run goes on after that.
    pub goes_on: bool,
}

/// How often something is done again.
#[derive(Debug, Clone, PartialEq)]
pub enum Repeat {
    /// So many times.
    Count(Expr),
    /// As long as these hold.
    While(Vec<Condition>),
    /// Once, and until these hold.
    Until(Vec<Condition>),
    /// For each of these.
    ForEach(Expr),
}
