//! Rules as they outlive a restart.

use jiff::Timestamp;

use super::engine::Waiting;
use super::{Rule, RuleKey, read};
use crate::home::id::PersonId;
use crate::home::person::Role;
use crate::home::value::Value;
use crate::template::Templates;

/// A rule as it outlives a restart.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptRule {
    /// Under which it is kept.
    pub key: RuleKey,
    /// As it was read.
    pub source: Value,
    /// Switched on.
    pub is_on: bool,
    /// Whose it is: it may do what they may.
    pub owner: RuleOwner,
    /// When it last began, as of the last write.
    pub last_triggered: Option<Timestamp>,
}

/// In whose name a rule acts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuleOwner {
    /// Who made it, if that is known; what they may do is looked up each time.
    pub person: Option<PersonId>,
    /// What whoever made it was, where it was nobody in particular.
    pub role: Role,
}

/// What of rules is written.
#[derive(Debug, Clone, PartialEq)]
pub enum RuleRecord {
    /// A rule as it is now.
    Rule(Box<KeptRule>),
    /// A rule that is gone.
    Forget(RuleKey),
    /// What runs and waits now; told after a restart.
    Waiting(Vec<Waiting>),
}

/// What somebody wants to become of a rule.
#[derive(Debug, Clone, PartialEq)]
pub enum RuleEdit {
    /// Keep it, in place of what has its key.
    Put(RuleKey, Value),
    /// Take it out.
    Forget(RuleKey),
    /// Switch it on or off.
    Turn(RuleKey, bool),
}

/// All that was known of rules before a restart.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KeptRules {
    /// The rules.
    pub rules: Vec<KeptRule>,
    /// What ran and waited.
    pub waiting: Vec<Waiting>,
}

impl KeptRule {
    /// The rule itself.
    pub fn read(&self, templates: &Templates) -> Rule {
        read::rule(&self.key, &self.source, templates)
    }
}
