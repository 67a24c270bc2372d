//! What rules call: wishes, with the rights of whoever made the rule, and what the house is told. And
//! what a rule is as an entity.

use std::sync::Arc;
use std::time::Duration;

use super::asks::Answer;
use super::ear::silence;
use super::event::{Cause, Place, Problem, ReplyKind, Said, Wish};
use super::{Hub, Turn, read};
use crate::automation::rule::engine::{self, Done, Order};
use crate::automation::rule::{Kind, Mode, Rule, RuleKey, native, order};
use crate::automation::{EntryId, Moment};
use crate::home::domain::{Caps, automation, scene, script};
use crate::home::entity::{Announcement, Naming, Producer, Traits};
use crate::home::person::Rights;
use crate::home::value::Value;

/// How long a rule's call is followed, to be told in its trace.
const PATIENCE: Duration = Duration::from_secs(5);

impl Hub {
    /// A rule calls a service: it may do what whoever made it may.
    pub(super) fn call_for_rule(
        &mut self,
        by: &RuleKey,
        place: engine::Place,
        order: &Order,
        turn: &mut Turn,
    ) -> Result<Done, String> {
        let owner = self.rules.owners.get(by).cloned().unwrap_or_default();
        let rights = match &owner.person {
            None => Rights::of(owner.role),
            // A person may have been given another role since, or have left.
            Some(person) => (self.look_up)(person).unwrap_or_else(Rights::none),
        };
        let names_entities = order.data.iter().any(|(name, _)| &**name == "entity_id");
        match &*order.domain {
            "notify" if !names_entities => return self.notify(order, turn),
            "persistent_notification" if &*order.service == "create" => {
                return self.notify(order, turn);
            }
            "persistent_notification" => return Ok(Done::default()),
            "logbook" | "system_log" => {
                let said = text_of(order, "message").unwrap_or_default();
                return Ok(Done { entities: Vec::new(), text: format!("noted: {said}") });
            }
            _ => {}
        }
        let shared = Arc::clone(&self.home);
        let home = read(&shared);
        let order::Wishes { wishes, left_out } = order::wishes(order, &home)?;
        let entities: Vec<Arc<str>> = wishes.iter().map(|(id, _)| id.shared()).collect();
        let text = match (wishes.len(), left_out.as_slice()) {
            (n, []) => format!("sent to {n}"),
            (n, left_out) => format!("sent to {n}; left out: {}", left_out.join("; ")),
        };
        if !wishes.is_empty() {
            let wishes = wishes.into_iter().map(|(entity, action)| Wish { entity, action });
            let answer = Answer::Rule { rule: by.clone(), place, left_out };
            let wishes = wishes.collect();
            self.asks.begin(&rights, &home, wishes, PATIENCE, answer, &mut turn.effects);
            self.asks.finish(&home, &self.dirty);
        }
        Ok(Done { entities, text })
    }

    /// Something about a rule that a person may want to know.
    pub(super) fn warn_of_rule(&mut self, key: &RuleKey, text: String, now: Moment) {
        let Some(handle) = self.rules.by_key.get(key).copied() else { return };
        let problem = Problem { place: Place::Handle(handle), producer: None, text };
        let shared = Arc::clone(&self.home);
        self.problem_found(problem, &read(&shared), now.wall);
    }

    /// Somebody in the house is told something.
    fn notify(&mut self, order: &Order, turn: &mut Turn) -> Result<Done, String> {
        let message = text_of(order, "message").ok_or("field `message` is missing")?;
        let text = match text_of(order, "title") {
            Some(title) => format!("{title}: {message}"),
            None => message.to_string(),
        };
        let mut reply = silence();
        reply.kind = ReplyKind::QueryAnswer;
        reply.text = text;
        let said =
            Said { cause: Cause::Broadcast, entry: EntryId(0), name: None, area: None, reply };
        self.show(said, turn);
        Ok(Done { entities: Vec::new(), text: "told".to_owned() })
    }
}

fn text_of(order: &Order, name: &str) -> Option<Arc<str>> {
    let (_, value) = order.data.iter().find(|(known, _)| &**known == name)?;
    native::word(value).filter(|text| !text.is_empty())
}

/// A rule as an entity.
pub(super) fn announcement(rule: &Rule) -> Announcement {
    let id: Arc<str> = rule.key.id().into();
    let has_many = matches!(rule.mode, Mode::Queued | Mode::Parallel);
    let max = has_many.then(|| u32::try_from(rule.max).unwrap_or(u32::MAX));
    let mode = rule.mode.word();
    let (caps, wished_object) = match rule.key.kind() {
        Kind::Automation => {
            (Caps::Automation(Box::new(automation::Caps { id: Arc::clone(&id), mode, max })), None)
        }
        Kind::Scene => (Caps::Scene(Box::new(scene::Caps { entities: members(rule) })), None),
        Kind::Script => (Caps::Script(Box::new(script::Caps { mode, max })), Some(Arc::clone(&id))),
    };
    Announcement {
        key: rule.key.as_str().into(),
        unique_id: Some(id),
        caps,
        naming: Naming::Named(Arc::clone(&rule.alias)),
        wished_object,
        device: None,
        traits: Arc::new(Traits::default()),
        enabled_by_default: true,
        always_available: true,
        producer: Producer { name: Some("Homard".into()), topic: "homard".into() },
    }
}

/// The entities of a scene.
fn members(scene: &Rule) -> Vec<Arc<str>> {
    let Value::Map(fields) = &scene.source else { return Vec::new() };
    match fields.iter().find(|(name, _)| &**name == "entities") {
        Some((_, Value::Map(entities))) => entities.iter().map(|(id, _)| Arc::clone(id)).collect(),
        _ => Vec::new(),
    }
}
