//! What people say that is to become of rules: done in their name when the house is not locked, and answered when it is on
//! the disk. And what is to happen once only, forgotten when it has happened.

use tokio::sync::oneshot;

use super::event::Reply;
use super::rules::Then;
use super::{Hub, Turn};
use crate::automation::rule::engine::Stand;
use crate::automation::rule::kept::{RuleEdit, RuleRecord};
use crate::automation::rule::{Kind, RuleKey};
use crate::home::person::{Matter, Rights};

/// What somebody said that is to become of rules.
pub(super) struct RuleWish {
    by: Rights,
    edits: Vec<RuleEdit>,
    then: Then,
}

impl RuleWish {
    /// By the house itself.
    pub(super) fn own(edits: Vec<RuleEdit>, then: Then) -> Self {
        Self { by: Rights::all(), edits, then }
    }
}

impl Hub {
    /// How all rules stand.
    pub(super) fn stands(&self) -> Vec<Stand> {
        self.rules.owners.keys().filter_map(|key| self.rules.engine.stand(key)).collect()
    }

    pub(super) fn wish_of_rules(
        &mut self,
        by: &Rights,
        edits: Vec<RuleEdit>,
        reply: Reply,
        asked: oneshot::Sender<Reply>,
    ) {
        // Whoever may see what is planned may be told of something once; the assistant asks no more of them.
        if edits.is_empty() || !by.allow(Matter::Agenda) {
            drop(asked.send(reply));
            return;
        }
        let then = Then::Tell(Box::new(reply), asked);
        self.rules.wished.push(RuleWish { by: by.clone(), edits, then });
    }

    pub(super) fn do_rule_wish(&mut self, wish: RuleWish, turn: &mut Turn) {
        let RuleWish { by, mut edits, then } = wish;
        // Each says of itself that it is on the disk; there is one answer, after the last.
        let Some(last) = edits.pop() else { return };
        for edit in edits {
            let (ignored, _) = oneshot::channel();
            self.edit_rule(&by, edit, Then::Answer(ignored), turn);
        }
        self.edit_rule(&by, last, then, turn);
    }

    fn edit_rule(&mut self, by: &Rights, edit: RuleEdit, then: Then, turn: &mut Turn) {
        match edit {
            RuleEdit::Put(key, source) => self.put_rule(by, &key, &source, then, turn),
            RuleEdit::Forget(key) => self.forget_rule(&key, then, turn),
            RuleEdit::Turn(key, is_on) => {
                let now = self.moment();
                self.rules.engine.turn(&key, is_on, now);
                self.settle_rules(turn);
                self.rules.changed.remove(&key);
                let record = self.rules.record(&key).map(|kept| RuleRecord::Rule(Box::new(kept)));
                self.write_rules(record.into_iter().collect(), Some(then));
            }
        }
    }

    /// A rule that was to run once has run: it is forgotten.
    pub(super) fn is_over(&self, key: &RuleKey) -> bool {
        key.kind() == Kind::Automation
            && self.rules.engine.stand(key).is_some_and(|stand| {
                stand.rule.is_once && stand.n_runs == 0 && stand.last_triggered.is_some()
            })
    }
}
