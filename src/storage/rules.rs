//! How automations and scripts stand in the database, and what of them waits. Times are
//! microseconds since 1970.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::wire::{Unusable, time};
use crate::automation::rule::RuleKey;
use crate::automation::rule::engine;
use crate::automation::rule::kept::{KeptRule, RuleOwner};
use crate::home::id::PersonId;
use crate::json::{from_json, to_json};

/// The key of the one record that says what waits.
pub(super) const ALL: &str = "all";

#[derive(Serialize, Deserialize)]
pub(super) struct Rule {
    pub(super) key: Arc<str>,
    source: Json,
    is_on: bool,
    role: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    person: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_triggered: Option<i64>,
}

#[derive(Serialize, Deserialize, Default)]
pub(super) struct Waiting(Vec<(Arc<str>, i64, String)>);

impl From<&KeptRule> for Rule {
    fn from(kept: &KeptRule) -> Self {
        Self {
            key: kept.key.as_str().into(),
            source: to_json(&kept.source),
            is_on: kept.is_on,
            role: kept.owner.role.word().to_owned(),
            person: kept.owner.person.as_ref().map(PersonId::shared),
            last_triggered: kept.last_triggered.map(Timestamp::as_microsecond),
        }
    }
}

impl TryFrom<Rule> for KeptRule {
    type Error = Unusable;

    fn try_from(wire: Rule) -> Result<Self, Unusable> {
        Ok(Self {
            key: RuleKey::parse(&wire.key).ok_or_else(|| Unusable::Domain(wire.key.to_string()))?,
            source: from_json(&wire.source),
            is_on: wire.is_on,
            owner: RuleOwner {
                person: wire.person.map(|id| PersonId::new(&id)),
                role: wire.role.parse().map_err(|_| Unusable::Category(wire.role.clone()))?,
            },
            last_triggered: wire.last_triggered.map(time).transpose()?,
        })
    }
}

impl From<&[engine::Waiting]> for Waiting {
    fn from(waiting: &[engine::Waiting]) -> Self {
        let one = |one: &engine::Waiting| {
            (Arc::from(one.rule.as_str()), one.began.as_microsecond(), one.text.clone())
        };
        Self(waiting.iter().map(one).collect())
    }
}

impl Waiting {
    pub(super) fn read(self) -> Vec<engine::Waiting> {
        let one = |(rule, began, text): (Arc<str>, i64, String)| {
            let (rule, began) = (RuleKey::parse(&rule)?, time(began).ok()?);
            Some(engine::Waiting { rule, began, text })
        };
        self.0.into_iter().filter_map(one).collect()
    }
}
