//! What one turn of the loop brought.

use super::event::{Effect, Shown};
use crate::home::entity::Source;
use crate::home::{Changes, Home};

/// What one turn brought, to be sent when the house is no longer locked.
#[derive(Default)]
pub(super) struct Turn {
    pub(super) changes: Changes,
    /// Which of these states are news from a device that speaks now; those beyond the end are not.
    pub(super) live: Vec<bool>,
    pub(super) effects: Vec<Effect>,
    /// What happened that is no change of a state, and before which of the changes.
    pub(super) happened: Vec<(usize, Shown)>,
    pub(super) shown: Vec<Shown>,
}

impl Turn {
    pub(super) fn extend(&mut self, changes: Changes) {
        self.changes.states.extend(changes.states);
        self.changes.registry.extend(changes.registry);
    }

    pub(super) fn happened(&mut self, what: Shown) {
        self.happened.push((self.changes.states.len(), what));
    }

    /// The states that changed since there were `n` of them are news, where a device said so itself in
    /// this run.
    pub(super) fn mark_live(&mut self, n: usize, home: &Home) {
        self.live.resize(n, false);
        for change in self.changes.states.iter().skip(n) {
            let source = home.entity(change.id.as_str()).map(|entity| entity.source);
            self.live.push(matches!(source, Some(Source::Live | Source::Assumed)));
        }
    }
}
