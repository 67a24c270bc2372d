//! What is remembered of conversations, for minutes: what was said last, what it changed and how
//! that was before, what it set moving, and the question that waits for an answer. How many are
//! remembered is bounded. What is made of it is decided elsewhere.

use std::collections::BTreeMap;

use crate::automation::EntryId;
use crate::automation::rule::RuleKey;
use crate::home::domain::State;
use crate::home::id::EntityId;
use crate::intent::meaning::{self, Command, Question, Reading, Step};
use crate::intent::rule::RuleWords;

use super::Booking;
use super::rule::Draft;

/// How long "it" and "and the hall" mean what was spoken of last, in seconds.
const REMEMBERED_S: i64 = 300;
/// How long something can be undone, in seconds.
const UNDONE_WITHIN_S: i64 = 600;
/// How long "stop" means what was set moving, in seconds.
const MOVING_S: i64 = 300;
/// Most utterances of a conversation that can be undone.
const MAX_CHANGES: usize = 5;
/// Most entities remembered of one utterance.
const MAX_ENTITIES: usize = 500;
/// Most questions and answers of small talk that are remembered, and most bytes of each question.
const MAX_CHAT: usize = 3;
const LONGEST_CHAT: usize = 300;
/// Most conversations; the one that was silent longest is forgotten.
const MAX_TALKS: usize = 64;

/// All conversations.
#[derive(Debug, Clone, Default)]
pub(super) struct Talks(BTreeMap<String, Talk>);

/// One conversation.
#[derive(Debug, Clone, Default)]
pub(super) struct Talk {
    /// When something was said last, in Unix seconds.
    at: i64,
    memory: meaning::Memory,
    /// The things of all wishes of the same kind in a row: "and the right one", "open them again".
    together: Vec<EntityId>,
    /// What was chosen of what when "which one?" was answered last, for "the other one".
    pub(super) choice: Option<Choice>,
    /// Oldest first.
    changes: Vec<Changed>,
    /// What was set moving, and when.
    moving: Vec<(EntityId, i64)>,
    /// A question of the house that waits.
    pub(super) open: Option<Open>,
    /// The rule that was spoken of last.
    pub(super) rule: Option<RuleKey>,
    /// What was said that is not about the house, and what a model answered; oldest first.
    chat: Vec<(String, String)>,
}

/// What an utterance changed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Changed {
    /// When, in Unix seconds.
    pub(super) at: i64,
    /// How each thing was before; `None` if that was not known.
    pub(super) before: Vec<(EntityId, Option<State>)>,
    /// What it put in the agenda.
    pub(super) planned: Vec<EntryId>,
}

/// A question of the house.
#[derive(Debug, Clone)]
pub(super) struct Open {
    pub(super) ask: Ask,
    /// What it was asked about, to be done when it is answered.
    pub(super) steps: Vec<Step>,
    pub(super) reading: Reading,
    /// Unix seconds.
    pub(super) until: i64,
}

/// Kinds of question.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ask {
    /// "Which one?", of these, for a part of a step.
    Which {
        candidates: Vec<EntityId>,
        step: usize,
        slot: Slot,
        is_guarded: bool,
        /// The rule by which the step is to be done.
        rule: Option<Box<RuleWords>>,
    },
    /// "Shall I really?"
    Really,
    /// Shall this rule be kept?
    Arm(Box<Draft>),
    /// "When?", or "of what?", of a reminder.
    Reminder,
    /// "Which timer?", of these, each with the words that tell it; for what is to be booked.
    Timer { candidates: Vec<(EntryId, String)>, booking: Box<Booking> },
}

/// Which words of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Target,
    And(usize),
    Except(usize),
}

/// An answer to "which one?".
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub(super) candidates: Vec<EntityId>,
    pub(super) chosen: Vec<EntityId>,
    pub(super) steps: Vec<Step>,
    pub(super) step: usize,
    pub(super) slot: Slot,
    pub(super) reading: Reading,
    pub(super) until: i64,
}

impl Talks {
    /// A conversation, without what is too old. `fallback` is where to look when it is new.
    pub(super) fn open(&mut self, key: &str, fallback: Option<&str>, now: i64) -> &mut Talk {
        self.0.retain(|_, talk| {
            talk.forget(now);
            !talk.is_empty() || now.saturating_sub(talk.at) < UNDONE_WITHIN_S
        });
        if !self.0.contains_key(key) {
            if self.0.len() >= MAX_TALKS {
                let oldest = self.0.iter().min_by_key(|(_, talk)| talk.at);
                if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                    self.0.remove(&oldest);
                }
            }
            let mut begun = fallback.and_then(|key| self.0.get(key)).cloned().unwrap_or_default();
            // A yes counts only in the conversation in which it was asked for.
            begun.open = None;
            // Small talk is between those who had it.
            begun.chat.clear();
            self.0.insert(key.to_owned(), begun);
        }
        let talk = self.0.entry(key.to_owned()).or_default();
        talk.at = now;
        talk
    }

    /// Keeps a conversation also as that of a room.
    pub(super) fn copy(&mut self, from: &str, to: &str) {
        if let Some(talk) = self.0.get(from).cloned() {
            self.0.insert(to.to_owned(), Talk { open: None, chat: Vec::new(), ..talk });
        }
    }

    /// The question that waits in a conversation.
    pub(super) fn question(&self, key: &str) -> Option<&Open> {
        self.0.get(key)?.open.as_ref()
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Talk {
    fn forget(&mut self, now: i64) {
        let is_old = |at: i64, after: i64| !(0..after).contains(&now.saturating_sub(at));
        if is_old(self.at, REMEMBERED_S) {
            self.memory = meaning::Memory::default();
            self.together.clear();
            self.choice = None;
            self.rule = None;
            self.chat.clear();
        }
        self.choice.take_if(|choice| choice.until < now);
        self.open.take_if(|open| open.until < now);
        self.changes.retain(|changed| !is_old(changed.at, UNDONE_WITHIN_S));
        self.moving.retain(|(_, at)| !is_old(*at, MOVING_S));
    }

    fn is_empty(&self) -> bool {
        self.memory == meaning::Memory::default()
            && self.choice.is_none()
            && self.changes.is_empty()
            && self.moving.is_empty()
            && self.chat.is_empty()
            && self.open.is_none()
    }

    /// What was spoken of.
    pub(super) fn memory(&self) -> &meaning::Memory {
        &self.memory
    }

    /// What was spoken of, for who says "them": with one thing last, those before it as well.
    pub(super) fn memory_of_them(&self) -> meaning::Memory {
        let mut memory = self.memory.clone();
        if memory.entities.len() == 1 && self.together.len() > 1 {
            memory.entities.clone_from(&self.together);
        }
        memory
    }

    /// Something was wished of these.
    pub(super) fn wished(&mut self, command: Command, entities: Vec<EntityId>) {
        let kind = |command: &Command| std::mem::discriminant(&command.what);
        if self.memory.command.as_ref().map(kind) != Some(kind(&command)) {
            self.together.clear();
        }
        for id in &entities {
            if !self.together.contains(id) && self.together.len() < MAX_ENTITIES {
                self.together.push(id.clone());
            }
        }
        self.memory.command = Some(command);
        self.memory.question = None;
        self.spoke_of(entities);
    }

    /// Something was asked of these.
    pub(super) fn asked(&mut self, question: Question, entities: Vec<EntityId>) {
        self.together.clear();
        self.memory.question = Some(question);
        self.memory.command = None;
        self.spoke_of(entities);
    }

    /// The small talk so far.
    pub(super) fn chat(&self) -> &[(String, String)] {
        &self.chat
    }

    /// A model has answered something that is not about the house.
    pub(super) fn chatted(&mut self, said: &str, answer: &str) {
        let said = said.get(..said.floor_char_boundary(LONGEST_CHAT)).unwrap_or_default();
        self.chat.push((said.to_owned(), answer.to_owned()));
        if self.chat.len() > MAX_CHAT {
            self.chat.remove(0);
        }
    }

    fn spoke_of(&mut self, mut entities: Vec<EntityId>) {
        entities.truncate(MAX_ENTITIES);
        self.memory.entities = entities;
    }

    /// Something was changed.
    pub(super) fn changed(&mut self, mut changed: Changed) {
        changed.before.truncate(MAX_ENTITIES);
        self.changes.push(changed);
        if self.changes.len() > MAX_CHANGES {
            self.changes.remove(0);
        }
    }

    /// The last utterance put these in the agenda; `is_only` if it changed nothing.
    pub(super) fn planned(&mut self, ids: &[EntryId], is_only: bool, now: i64) {
        match self.changes.last_mut() {
            Some(last) if !is_only => last.planned = ids.to_vec(),
            _ => self.changed(Changed { at: now, before: Vec::new(), planned: ids.to_vec() }),
        }
    }

    /// What was put in the agenda, if that was the last and nothing was changed with it.
    pub(super) fn take_planned(&mut self) -> Vec<EntryId> {
        let last = self.changes.pop_if(|last| last.before.is_empty());
        last.map(|last| last.planned).unwrap_or_default()
    }

    /// What was changed last and can be undone, which is then no longer remembered.
    pub(super) fn take_changed(&mut self) -> Option<Changed> {
        self.changes.pop()
    }

    /// Something was set moving.
    pub(super) fn moves(&mut self, entities: impl IntoIterator<Item = EntityId>, now: i64) {
        for id in entities.into_iter().take(MAX_ENTITIES) {
            self.moving.retain(|(known, _)| *known != id);
            self.moving.push((id, now));
        }
        let extra = self.moving.len().saturating_sub(MAX_ENTITIES);
        self.moving.drain(..extra);
    }

    /// What was set moving, which is then no longer remembered.
    pub(super) fn take_moving(&mut self) -> Vec<EntityId> {
        std::mem::take(&mut self.moving).into_iter().map(|(id, _)| id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::target::TargetWords;
    use crate::intent::meaning::What;

    fn lamp() -> EntityId {
        EntityId::new("light.lamp")
    }

    #[test]
    fn things_are_forgotten_in_time() {
        let mut talks = Talks::default();
        let talk = talks.open("a", None, 0);
        talk.wished(Command::new(What::TurnOn, TargetWords::default()), vec![lamp()]);
        talk.changed(Changed { at: 0, before: vec![(lamp(), None)], planned: Vec::new() });
        talk.moves([lamp()], 0);
        for (now, is_known, n_changes, n_moving) in
            [(0, true, 1, 1), (299, true, 1, 1), (598, true, 1, 0), (1_200, false, 0, 0)]
        {
            let talk = talks.open("a", None, now);
            let known = talk.memory.command.is_some();
            let is = (known, talk.changes.len(), talk.moving.len());
            assert_eq!(is, (is_known, n_changes, n_moving), "{now}");
        }
        // A clock that was put back makes nothing younger.
        talks.open("a", None, 0).moves([lamp()], 5_000);
        assert!(talks.open("a", None, 0).moving.is_empty());
    }

    #[test]
    fn a_little_small_talk_is_remembered_by_those_who_had_it() {
        let mut talks = Talks::default();
        for n in 0..10 {
            talks.open("a", None, 0).chatted(&"é".repeat(5_000), &n.to_string());
        }
        let chat = talks.open("a", None, 1).chat();
        assert_eq!(
            chat.iter().map(|(_, answer)| answer.as_str()).collect::<Vec<_>>(),
            ["7", "8", "9"]
        );
        assert!(chat.iter().all(|(said, _)| said.len() <= LONGEST_CHAT));
        talks.copy("a", "room");
        for (conversation, from) in [("b", Some("a")), ("c", Some("room")), ("room", None)] {
            assert!(talks.open(conversation, from, 1).chat().is_empty(), "{conversation}");
        }
        assert!(talks.open("a", None, REMEMBERED_S + 2).chat().is_empty());
    }

    #[test]
    fn there_are_never_many_conversations() {
        let mut talks = Talks::default();
        for n in 0..1_000 {
            let talk = talks.open(&n.to_string(), None, n);
            for _ in 0..20 {
                talk.changed(Changed { at: n, before: Vec::new(), planned: Vec::new() });
            }
            assert_eq!(talk.changes.len(), MAX_CHANGES);
        }
        assert!(talks.len() <= MAX_TALKS);
    }

    #[test]
    fn a_new_conversation_goes_on_with_that_of_its_room_but_for_a_yes() {
        let mut talks = Talks::default();
        let talk = talks.open("a", None, 0);
        talk.wished(Command::new(What::TurnOn, TargetWords::default()), vec![lamp()]);
        let reading = Reading::default();
        talk.open = Some(Open { ask: Ask::Really, steps: Vec::new(), reading, until: 60 });
        talks.copy("a", "room");
        let begun = talks.open("b", Some("room"), 1);
        assert_eq!(begun.memory().entities, [lamp()]);
        assert!(begun.open.is_none());
        assert!(talks.open("c", Some("other"), 1).memory().entities.is_empty());
        assert!(talks.open("a", None, 2).open.is_some());
    }
}
