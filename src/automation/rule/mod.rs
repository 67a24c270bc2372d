//! Automations and scripts in Home Assistant's schema: what they are ([`Rule`]), how they are read
//! from plain values ([`read`]), and what they do ([`engine`]). Pure: YAML, JSON, devices and the
//! disk are others' business.
//!
//! What is not supported is never dropped in silence: it is a [`Problem`] with its place, and
//! [`Rule::is_armed`] says what comes of it. A trigger that cannot be watched costs itself, the
//! other triggers stay; a condition or a step that cannot be understood costs the whole rule, as
//! half of what was meant is not what was meant.

pub mod condition;
pub mod engine;
pub mod kept;
pub mod native;
pub mod order;
pub mod pattern;
pub mod read;
pub mod step;
#[cfg(test)]
mod tests;
pub mod trial;
pub mod trigger;

use std::fmt;
use std::sync::Arc;

use crate::home::value::Value;
use crate::template::Template;

pub use self::condition::Condition;
pub use self::step::Step;
pub use self::trigger::Trigger;

/// What a rule is kept under: `automation.`, `script.` or `scene.` and its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleKey(Arc<str>);

impl RuleKey {
    /// The key of a kind and an id.
    pub fn new(kind: Kind, id: &str) -> Self {
        Self(format!("{}.{id}", kind.word()).into())
    }

    /// From its text; `None` if it begins with no kind.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, id) = text.split_once('.')?;
        Kind::parse(kind).filter(|_| !id.is_empty())?;
        Some(Self(text.into()))
    }

    /// What kind of rule it is of.
    pub fn kind(&self) -> Kind {
        self.0.split_once('.').and_then(|(kind, _)| Kind::parse(kind)).unwrap_or_default()
    }

    /// The id without the kind.
    pub fn id(&self) -> &str {
        self.0.split_once('.').map_or(&self.0, |(_, id)| id)
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RuleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Kinds of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// Begins by itself.
    #[default]
    Automation,
    /// Begins when it is called.
    Script,
    /// States of entities that are brought about together.
    Scene,
}

impl Kind {
    /// All.
    pub const ALL: [Self; 3] = [Self::Automation, Self::Script, Self::Scene];

    /// Home Assistant's domain.
    pub fn word(self) -> &'static str {
        match self {
            Self::Automation => "automation",
            Self::Script => "script",
            Self::Scene => "scene",
        }
    }

    /// From its word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// An automation or a script.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Under which it is kept.
    pub key: RuleKey,
    /// Its name.
    pub alias: Arc<str>,
    /// What is said about it.
    pub description: Arc<str>,
    /// What happens if it is to begin and has not ended.
    pub mode: Mode,
    /// Runs at once, with those that wait; 1 for [`Mode::Single`] and [`Mode::Restart`].
    pub max: usize,
    /// Whether it is on when Homard starts; `None` is as it was.
    pub initial: Option<bool>,
    /// It is forgotten when it has run; `homard: {once: true}`.
    pub is_once: bool,
    /// What begins it: any of these.
    pub triggers: Arc<[Trigger]>,
    /// All must hold for it to begin.
    pub conditions: Arc<[Condition]>,
    /// What is done.
    pub steps: Arc<[Step]>,
    /// Values by name, made before the triggers are watched.
    pub trigger_variables: Named,
    /// Values by name, made before the conditions are looked at.
    pub variables: Named,
    /// What of it is not supported.
    pub problems: Vec<Problem>,
    /// As it was read.
    pub source: Value,
}

impl Rule {
    /// Whether all that it needs to act as it was meant is supported.
    pub fn is_armed(&self) -> bool {
        self.problems.iter().all(|problem| problem.weight != Weight::Disarms)
    }
}

/// What happens if a rule is to begin and has not ended; Home Assistant's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// It does not begin anew.
    #[default]
    Single,
    /// What runs is stopped.
    Restart,
    /// It begins when what runs has ended.
    Queued,
    /// Both run.
    Parallel,
}

impl Mode {
    /// All.
    pub const ALL: [Self; 4] = [Self::Single, Self::Restart, Self::Queued, Self::Parallel];

    /// Home Assistant's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Restart => "restart",
            Self::Queued => "queued",
            Self::Parallel => "parallel",
        }
    }
}

/// A value that may have templates in it.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// As it is.
    Value(Value),
    /// What a template gives; what looks like a number, a truth, a list or a map is one.
    Template(Template),
    /// Values in order.
    List(Vec<Expr>),
    /// Values by name, in order.
    Map(Named),
}

/// Values by name, in order: later ones may use earlier ones.
pub type Named = Vec<(Arc<str>, Expr)>;

/// Something in a rule that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: `triggers/0/platform`.
    pub path: String,
    /// What, in plain words.
    pub text: String,
    /// What comes of it.
    pub weight: Weight,
}

/// What comes of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Nothing is done differently.
    Note,
    /// This trigger begins nothing.
    Deaf,
    /// The rule is kept and shown, and does not begin by itself.
    Disarms,
}

impl Weight {
    /// What comes of it, in plain words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Note => "ignored",
            Self::Deaf => "trigger off",
            Self::Disarms => "not armed",
        }
    }
}
