//! What the hub needs of the assistant: somebody who understands.

use std::pin::Pin;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use super::event::{Done, Explained, Reply, ReplyKind, Utterance, Wish};
use crate::automation::rule::RuleKey;
use crate::automation::rule::engine::Stand;
use crate::automation::rule::kept::RuleEdit;
use crate::automation::rule::trial::Trial;
use crate::automation::{Agenda, Asker, Moment, Ripe};
use crate::home::Home;
use crate::home::value::Value;

/// Understands what people say. Pure and fast: the hub waits for it.
pub trait Ear: Send {
    /// Turns true when it can hear; until then, and whenever it turns false again, the hub keeps what
    /// is said and goes on with the rest. One whose sender is gone will never be more ready than it
    /// is.
    fn ready(&self) -> watch::Receiver<bool> {
        watch::channel(true).1
    }

    /// What is to be done about an utterance.
    fn hear(&mut self, utterance: &Utterance, home: &Home, now: Timestamp) -> Heard;

    /// What is to be done about an entry of the agenda whose time has come; what is answered is
    /// told to the house.
    fn due(&mut self, ripe: &Ripe, home: &Home, now: Timestamp) -> Heard {
        let _ = (home, now);
        let Asker { language, conversation, .. } = ripe.entry.from.clone();
        Heard::Reply(Reply { text: ripe.entry.said.clone(), language, conversation, ..silence() })
    }
}

/// Writes in the agenda, and says what is to be done then: only an answer waits for the disk.
pub type Book = Box<dyn FnOnce(&mut Agenda, &Home, Moment) -> Heard + Send>;

/// Looks at the rules that there are, and says what is to become of them and what is answered then: that waits for the
/// disk.
pub type RuleTalk = Box<dyn FnOnce(&[Stand], &Home) -> (Reply, Vec<RuleEdit>) + Send>;

/// Makes the answer once it is known what became of the wishes.
pub type Finish = Box<dyn FnOnce(&Home, Vec<Done>) -> Reply + Send>;

/// Says what is to be done, in the house as it is then. Quick: the hub waits for it.
pub type Thought = Box<dyn FnOnce(&Home, Timestamp) -> Heard + Send>;

/// Comes to a thought, sometime. Whoever gives one sees to it that there are few at a time.
pub type Thinking = Pin<Box<dyn Future<Output = Thought> + Send>>;

/// Says what is to be done once it is known when a rule would have run ([`Trial::say`] puts it in
/// words). Quick: the hub waits for it.
pub type Tried = Box<dyn FnOnce(&Home, Timestamp, &Trial) -> Heard + Send>;

/// What is to be done about an utterance.
// One for each utterance: its size is no matter.
#[allow(clippy::large_enum_variant)]
pub enum Heard {
    /// Only answer.
    Reply(Reply),
    /// Act, then answer.
    Acts {
        /// On what and what.
        wishes: Vec<Wish>,
        /// How long to wait for the devices' own reports.
        patience: Duration,
        /// Makes the answer.
        finish: Finish,
    },
    /// What is needed to understand it is being made ready: say it again when [`Ear::ready`], which
    /// is false by now, has turned true.
    NotYet,
    /// Write in the house's books first.
    Books(Book),
    /// A rule is tried against the last week, beside the loop and with the eyes of whoever speaks;
    /// then this goes on. Only where a person waits for the answer.
    Tries {
        /// Under which it is to be kept.
        key: RuleKey,
        /// As Home Assistant writes it.
        source: Value,
        /// What comes then.
        then: Tried,
    },
    /// Look at the rules first.
    Rules(RuleTalk),
    /// It takes a while to think about, and the hub goes on meanwhile.
    Thinks(Thinking),
}

/// Understands nothing: for a hub without sentences.
#[derive(Debug, Clone, Copy, Default)]
pub struct Deaf;

impl Ear for Deaf {
    fn hear(&mut self, utterance: &Utterance, _: &Home, _: Timestamp) -> Heard {
        Heard::Reply(Reply {
            language: utterance.language.clone().unwrap_or_default(),
            conversation: utterance.origin.conversation.clone().unwrap_or_default(),
            ..silence()
        })
    }
}

/// An answer that says nothing.
pub(super) fn silence() -> Reply {
    Reply {
        text: String::new(),
        language: String::new(),
        kind: ReplyKind::Error("no_intent_match"),
        success: Vec::new(),
        failed: Vec::new(),
        intent: None,
        slots: Vec::new(),
        conversation: String::new(),
        continues: false,
        asks: None,
        elapsed_ms: Vec::new(),
        explained: Explained::default(),
    }
}
