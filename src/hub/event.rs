//! What happens to the hub ([`Event`]), what it is asked ([`Query`]) and what it wishes from the
//! ports ([`Effect`], [`Shown`]). The whole flow of the house can be read here.
//!
//! Events are in the past tense, effects in the imperative. From here inwards no topic, no JSON and
//! no chat id exists.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::automation::rule::RuleKey;
use crate::automation::rule::engine::{Stand, Trace};
use crate::automation::rule::kept::RuleOwner;
use crate::automation::rule::trial::Trial;
use crate::automation::{Calendar, Entry, EntryId, List, Moment};
use crate::home::action::{Outcome, Refusal};
use crate::home::device::DeviceFacts;
use crate::home::domain::Action;
use crate::home::entity::{Announcement, Availability, Record};
use crate::home::id::{ActionId, AreaId, DeviceId, EntityId, FloorId, Handle};
use crate::home::person::{Means, Rights};
use crate::home::place::{Area, Floor};
use crate::home::value::Value;
use crate::home::{Change, DeviceEdit, EntityEdit, Report};
use crate::storage::history::History;
use crate::text::Likely;

/// What happened. Sent by ports, in batches, in order.
#[derive(Debug)]
pub enum Event {
    /// A port announced an entity, or announced it anew. Answered by [`Effect::Bind`].
    Announced(Handle, Box<Announcement>),
    /// A port announced something that happens and is no entity: a device trigger.
    TriggerAnnounced(Handle, Box<Trigger>),
    /// The announcement is gone. With `forget` the producer removed it for good.
    Withdrawn {
        /// Whose.
        handle: Handle,
        /// Its registry entry goes too.
        forget: bool,
    },
    /// A device said something of its state.
    StateReported(Handle, Box<Report>),
    /// A device came or went.
    AvailabilityReported(Handle, Availability),
    /// A device trigger fired, live; never from a retained message.
    TriggerFired(Handle),
    /// A tag was scanned, live.
    TagScanned {
        /// The scanner's trigger handle.
        handle: Handle,
        /// What the tag says.
        tag: Arc<str>,
    },
    /// A message came that an automation's author wanted to hear, live; see [`Effect::Overhear`].
    Overheard {
        /// Of which wish to hear.
        handle: Handle,
        /// Where.
        topic: Arc<str>,
        /// Its text.
        payload: Arc<str>,
    },
    /// Somebody outside fired an event by this name.
    Fired {
        /// Its name.
        name: Arc<str>,
        /// Its data.
        data: Value,
    },
    /// The connection to the broker came up or went down.
    BrokerConnected(bool),
    /// The owner moved the house: by which calendar the sun rises and things come again.
    CalendarSet(Calendar),
    /// An action could not be sent after all.
    ActionFailed(ActionId, Refusal),
    /// Something is wrong outside; kept and shown, nothing stops.
    ProblemFound(Problem),
    /// What was wrong at this place is right again.
    ProblemSolved {
        /// See [`Problem::place`].
        place: Place,
    },
    /// A group of writes reached the disk.
    Flushed {
        /// Bytes written to the disk, as far as known.
        bytes: u64,
    },
    /// A write failed; what it held is kept in memory and tried again.
    FlushFailed(String),
}

/// A thing that happens at a device, without a state: a button of a remote.
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    /// The device.
    pub device: Arc<DeviceFacts>,
    /// `action`, `button_short_press`, …; `tag` for a tag scanner.
    pub kind: Arc<str>,
    /// `button_1`, `turn_on`, …
    pub subtype: Arc<str>,
    /// Where it was announced.
    pub topic: Arc<str>,
}

/// Where a problem is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// At an announced entity.
    Handle(Handle),
    /// At a topic.
    Topic(Arc<str>),
    /// In a part of Homard: `broker`, `storage`, `sentences`.
    Part(&'static str),
}

/// Something wrong that a person may want to know. The same text at the same place is counted, not
/// repeated.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// The producer's name, where known.
    pub producer: Option<Arc<str>>,
    /// What, in plain words, naming the key or template.
    pub text: String,
}

/// A problem as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptProblem {
    /// What and where.
    pub problem: Problem,
    /// The entity, where the place is one.
    pub entity: Option<EntityId>,
    /// The topic on which it was announced, or which it is about.
    pub topic: Option<Arc<str>>,
    /// How often.
    pub count: u64,
    /// First.
    pub first_at: Timestamp,
    /// Last.
    pub last_at: Timestamp,
}

/// What the hub wishes from the port that announced an entity.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// The announced entity is known under this id; listen to it if it is enabled, else do not.
    Bind {
        /// Whose.
        handle: Handle,
        /// Its id in the house.
        id: EntityId,
        /// Listen or not.
        is_enabled: bool,
    },
    /// Do this. The action was accepted by the entity's capabilities.
    Act {
        /// To speak of it in [`Event::ActionFailed`].
        id: ActionId,
        /// Whose.
        handle: Handle,
        /// What.
        action: Action,
    },
    /// The owner removed this entity: make its producer's announcement disappear too.
    Discard(Handle),
    /// An automation's author wants to hear what comes on these topics, announced or not.
    Overhear(Handle, Arc<str>),
    /// Nobody wants that any more.
    Unhear(Handle),
    /// Say this to whoever listens outside.
    Say(Box<Said>),
}

/// What the hub shows to everyone who watches (panel, event stream, Telegram).
#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    /// A state changed.
    Changed(Arc<Change>, Timestamp),
    /// A device trigger fired.
    TriggerFired(Arc<Trigger>, Option<DeviceId>, Timestamp),
    /// A tag was scanned.
    TagScanned(Arc<str>, Option<DeviceId>, Timestamp),
    /// An automation fired an event: its name and data.
    Fired(Arc<str>, Value, Timestamp),
    /// Names, areas, devices or floors changed: lists must be read anew.
    RegistryChanged(Timestamp),
    /// The house said something by itself.
    Said(Arc<Said>, Timestamp),
}

/// What the house says without being asked: a timer is over, something planned was done or was
/// not, an announcement.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// Why.
    pub cause: Cause,
    /// The entry of the agenda.
    pub entry: EntryId,
    /// Its name: of a timer.
    pub name: Option<String>,
    /// Where it was asked for, and where it is to be said; everywhere without.
    pub area: Option<AreaId>,
    /// The sentence and what was done.
    pub reply: Reply,
}

/// Why the house says something by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A timer is over.
    Timer,
    /// Something planned was done, or not.
    Deed,
    /// Somebody wanted it to be said everywhere.
    Broadcast,
    /// Somebody wanted to be reminded.
    Reminder,
}

impl Cause {
    /// The word for programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Timer => "timer",
            Self::Deed => "planned",
            Self::Broadcast => "broadcast",
            Self::Reminder => "reminder",
        }
    }
}

/// Things shown at once, in order.
#[derive(Debug)]
pub struct Showing {
    /// The number of the first of them since the start, so that who missed a showing knows how many
    /// things that were.
    pub first: u64,
    /// At least one.
    pub shown: Box<[Shown]>,
}

/// Where an utterance comes from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Origin {
    /// The room of the speaker, if known: an area's id, name or alias.
    pub area: Option<String>,
    /// To continue a conversation.
    pub conversation: Option<String>,
    /// How far the speaker reaches. Set by the hub: the rights of the handle by which it was asked.
    pub by: Rights,
    /// How it came here.
    pub means: Means,
}

/// What a person said or typed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Utterance {
    /// The words.
    pub text: String,
    /// What else it may have been where it was heard, the likeliest first; empty where it was written.
    pub others: Vec<Likely>,
    /// `en`, `fr`, …; the home's own language when absent.
    pub language: Option<String>,
    /// Where from.
    pub origin: Origin,
}

/// What is said back, and what was done. Built from outcomes, never from a wish.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The sentence.
    pub text: String,
    /// The language it is in.
    pub language: String,
    /// What kind of answer.
    pub kind: ReplyKind,
    /// Entities on which it was done (confirmed or sent), with what became of it.
    pub success: Vec<(EntityId, Outcome)>,
    /// Entities on which it was not done, and why.
    pub failed: Vec<(EntityId, Outcome)>,
    /// The recognised intent's name, `HassTurnOn`.
    pub intent: Option<String>,
    /// Its slots.
    pub slots: Vec<(String, Value)>,
    /// To continue.
    pub conversation: String,
    /// An answer is expected.
    pub continues: bool,
    /// What it can be, where that is known.
    pub asks: Option<Asks>,
    /// Milliseconds per step: (`understand`, 0.08).
    pub elapsed_ms: Vec<(&'static str, f64)>,
    /// How it was understood.
    pub explained: Explained,
}

/// What a question of the house can be answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asks {
    /// Yes or no.
    YesOrNo,
    /// One of these.
    Which(Vec<String>),
}

/// How an utterance was understood, and why what was done was done.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Explained {
    /// Which way: `sentence`, `words`; `None` if it was not understood.
    pub by: Option<&'static str>,
    /// The sentence template that matched; empty if none did.
    pub template: String,
    /// The parts of the utterance.
    pub spans: Vec<Span>,
    /// Other readings that were weighed, the best first, with their score.
    pub rivals: Vec<(String, f64)>,
    /// What was decided and why, in plain English.
    pub why: Vec<String>,
}

/// A part of an utterance and what it was taken for.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// The words.
    pub said: String,
    /// For what: `name`, `area`, `verb`, `value`, …
    pub role: &'static str,
    /// What it means: an entity's name, a number, …
    pub meaning: String,
    /// How sure, 0–1.
    pub score: f64,
}

/// Kinds of answer; the words are those of Home Assistant's conversation API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyKind {
    /// Something was done.
    ActionDone,
    /// A question was answered.
    QueryAnswer,
    /// Nothing was done: not understood (`no_intent_match`), no such thing
    /// (`no_valid_targets`), or refused / failed (`failed_to_handle`).
    Error(&'static str),
}

/// Why an edit was not made.
#[derive(Debug, Clone, PartialEq)]
pub enum EditError {
    /// The house has no such thing.
    Refused(Refusal),
    /// It could not be written to the disk; it was not made.
    NotKept(String),
}

/// One action on one entity, as wished.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    /// The entity.
    pub entity: EntityId,
    /// The action.
    pub action: Action,
}

/// What became of one wish.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// The entity.
    pub entity: EntityId,
    /// What became of it.
    pub outcome: Outcome,
    /// Its state now, if it changed since the wish.
    pub changed: Option<Record>,
}

/// What the hub is asked and answers.
#[derive(Debug)]
pub enum Query {
    /// Act, and wait at most `patience` for the devices' own reports.
    Act {
        /// On what and what.
        wishes: Vec<Wish>,
        /// How long to wait for confirmations. Zero does not wait.
        patience: Duration,
        /// In the order of the wishes.
        reply: oneshot::Sender<Vec<Done>>,
    },
    /// Understand, act and answer.
    Hear(Utterance, oneshot::Sender<Reply>),
    /// Change what the owner decides about an entity. Answered when it is on the disk.
    EditEntity(EntityId, EntityEdit, oneshot::Sender<Result<(), EditError>>),
    /// Change what the owner decides about a device. Answered when it is on the disk.
    EditDevice(DeviceId, DeviceEdit, oneshot::Sender<Result<(), EditError>>),
    /// Add or change a floor. Answered when it is on the disk.
    PutFloor(Floor, oneshot::Sender<Result<(), EditError>>),
    /// Remove a floor.
    RemoveFloor(FloorId, oneshot::Sender<Result<(), EditError>>),
    /// Add or change an area.
    PutArea(Area, oneshot::Sender<Result<(), EditError>>),
    /// Remove an area.
    RemoveArea(AreaId, oneshot::Sender<Result<(), EditError>>),
    /// Remove an entity, and its announcement.
    RemoveEntity(EntityId, oneshot::Sender<Result<(), EditError>>),
    /// What is to happen, and the lists.
    Agenda(oneshot::Sender<Books>),
    /// Take an entry out of the agenda. Answered when that is on the disk.
    Cancel(EntryId, oneshot::Sender<Result<(), EditError>>),
    /// Change something on a list. Answered when it is on the disk.
    EditList {
        /// The list's name; the shopping list without.
        list: Option<String>,
        /// What on it.
        item: String,
        /// How.
        edit: ListEdit,
        /// Whether it was done.
        reply: oneshot::Sender<Result<(), EditError>>,
    },
    /// All automations and scripts.
    Rules(oneshot::Sender<Vec<RuleView>>),
    /// Add or change an automation or a script, in the name of whoever asks. Answered when it is on
    /// the disk; what of it is not supported stands in it.
    PutRule {
        /// Which.
        key: RuleKey,
        /// As Home Assistant writes it.
        source: Value,
        /// Whether it is kept.
        reply: oneshot::Sender<Result<(), EditError>>,
    },
    /// When a rule would have run in the last week. Answered when that is known, which may take
    /// seconds.
    Trial {
        /// Under which it is, or would be, kept.
        key: RuleKey,
        /// As Home Assistant writes it; the rule that is kept without.
        source: Option<Value>,
        /// `None` if there is no such rule, or whoever asks may not know.
        reply: oneshot::Sender<Option<Trial>>,
    },
    /// Remove an automation or a script.
    ForgetRule(RuleKey, oneshot::Sender<Result<(), EditError>>),
    /// The history, to read in it; `None` when it could not be opened.
    History(oneshot::Sender<Option<History>>),
    /// All problems, newest first.
    Problems(oneshot::Sender<Vec<KeptProblem>>),
    /// What the hub has counted since it started.
    Counters(oneshot::Sender<Counters>),
}

/// What is done with something on a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListEdit {
    /// It is wanted, anew if it was ticked off; the list is made if there is none.
    Add,
    /// It is ticked off.
    Tick,
    /// It goes.
    Remove,
}

/// An automation or a script as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleView {
    /// What it is, and whether it is on.
    pub stand: Stand,
    /// In whose name it acts.
    pub owner: RuleOwner,
    /// What it did last, the oldest first.
    pub traces: Vec<Trace>,
}

/// The agenda as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Books {
    /// What is to happen, the oldest first.
    pub entries: Vec<Entry>,
    /// All lists.
    pub lists: Vec<List>,
    /// The time by which the entries' times are to be read.
    pub now: Moment,
}

/// What the hub has counted since it started, and how it stands now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Events taken in.
    pub n_events: u64,
    /// Changes of states they made.
    pub n_changes: u64,
    /// Actions sent to ports.
    pub n_actions: u64,
    /// Batches and queries that wait for the hub now.
    pub n_waiting: u64,
    /// Writes of the agenda that are under way, and one if something of it is due now.
    pub n_booking: u64,
    /// Those who watch now.
    pub n_watchers: u64,
    /// Problems kept now.
    pub n_problems: u64,
    /// Problems that were dropped because there were too many.
    pub n_problems_dropped: u64,
    /// Writes to the disk.
    pub n_writes: u64,
    /// Bytes they cost.
    pub n_bytes_written: u64,
    /// Writes that failed.
    pub n_writes_failed: u64,
}
