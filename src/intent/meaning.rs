//! What an utterance can mean: the types that every way of understanding produces, whether a
//! sentence matched, words were combined or a model chose. They say what was meant; what comes of
//! it is the assistant's business.
//!
//! A [`Question`] and a [`Command`] are different types, so that a question cannot act.

use std::sync::Arc;

use crate::home::id::EntityId;
use crate::home::rhythm::Rhythm;
use crate::home::target::TargetWords;
use crate::intent::matcher::Slot;
use crate::intent::value::Value;

pub use crate::home::test::Test;

/// What an utterance means.
#[derive(Debug, Clone, PartialEq)]
pub enum Understanding {
    /// Something is to be done: one step or several, in the order said. Never empty.
    Wish(Vec<Step>, Reading),
    /// Something is to be told.
    Question(Box<Question>, Reading),
    /// Something for the house's own books: timers, lists, announcements.
    Errand(Errand, Reading),
    /// Something that has nothing to do with devices.
    Talk(Talk, Reading),
    /// A sentence that is known, with a name in it that is not.
    UnknownName(UnknownName, Reading),
    /// Nearly understood: these important words of the utterance were not, and without them it is
    /// not sure what is meant. In the order said.
    Unexplained(Vec<String>, Reading),
    /// Nothing fits.
    Nothing,
}

/// One wish of an utterance: what, when, and on what condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What is to be done.
    pub command: Command,
    /// When.
    pub when: When,
    /// "for ten minutes": seconds after which it is undone.
    pub lasting_s: Option<f64>,
    /// Only if this holds at that time. All of them must.
    pub only_if: Vec<Condition>,
    /// "No, the other one": what was done last is undone first.
    pub instead_of_last: bool,
}

impl Step {
    /// At once and without a condition.
    pub fn now(command: Command) -> Step {
        Step {
            command,
            when: When::Now,
            lasting_s: None,
            only_if: Vec::new(),
            instead_of_last: false,
        }
    }
}

/// A wish to change something.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// What to do.
    pub what: What,
    /// With what.
    pub target: TargetWords,
    /// And with what else: "the kitchen and the hall".
    pub and: Vec<TargetWords>,
    /// But not with these: "all but the bedroom". A name in it that means nothing refuses the whole.
    pub except: Vec<TargetWords>,
}

impl Command {
    /// On one target.
    pub fn new(what: What, target: TargetWords) -> Command {
        Command { what, target, and: Vec::new(), except: Vec::new() }
    }
}

/// A value that is wished: itself, or by how much it differs from what it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Amount {
    /// This value.
    To(f64),
    /// This much more, or less if negative.
    By(f64),
}

/// What is to be done. What on and off mean for a lock, a cover or a valve, its domain says.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// On; of a sentence template also open, lock, activate, press.
    TurnOn,
    /// Off; of a sentence template also close, unlock.
    TurnOff,
    /// The other one.
    Toggle,
    /// Open, and nothing else.
    Open,
    /// Close, and nothing else.
    Close,
    /// Lock.
    Lock,
    /// Unlock.
    Unlock,
    /// Stop moving, cleaning, mowing, playing.
    Stop,
    /// Start cleaning or mowing.
    Start,
    /// Back to the base.
    Dock,
    /// Pause what it does.
    Pause,
    /// Go on with what was paused.
    Resume,
    /// Make itself heard, to be found.
    Locate,
    /// Press, activate, run: what has one effect and no state.
    Activate,
    /// Brightness in percent.
    Brightness(Amount),
    /// A color by its English name.
    Color(Arc<str>),
    /// A color temperature in kelvin.
    Kelvin(Amount),
    /// A light's effect by its name.
    Effect(Arc<str>),
    /// How far open, in percent.
    Position(Amount),
    /// How far the slats are open, in percent.
    Tilt(Amount),
    /// A temperature in the unit of the home.
    Temperature(Amount),
    /// A humidity in percent.
    Humidity(Amount),
    /// A fan's speed in percent.
    Speed(Amount),
    /// A mode, preset or option by its name as the entity has it: `heat`, `eco`, `auto`.
    Mode(Arc<str>),
    /// How the fan of a thermostat runs, by its name as the entity has it: `low`, `auto`.
    FanMode(Arc<str>),
    /// The value of a number, in its own unit.
    Number(Amount),
    /// Arm an alarm: `away`, `home`, `night`, `vacation`.
    Arm(Arc<str>),
    /// Disarm an alarm.
    Disarm,
}

impl What {
    /// By how much it is to become more or, below zero, less; `None` for what is set to a value or has none.
    pub fn change(&self) -> Option<f64> {
        match self {
            Self::Brightness(amount)
            | Self::Kelvin(amount)
            | Self::Position(amount)
            | Self::Tilt(amount)
            | Self::Temperature(amount)
            | Self::Humidity(amount)
            | Self::Speed(amount)
            | Self::Number(amount) => match amount {
                Amount::By(by) => Some(*by),
                Amount::To(_) => None,
            },
            _ => None,
        }
    }
}

/// When something is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum When {
    /// At once.
    #[default]
    Now,
    /// After so many seconds.
    In(f64),
    /// The next time that the clock shows this.
    At {
        /// 0–23; with `is_half_day` 1–12 and the next of the two is meant.
        hour: u8,
        /// 0–59.
        minute: u8,
        /// "At seven" may be morning or evening.
        is_half_day: bool,
        /// On which day.
        day: Day,
    },
    /// At the next sunrise or sunset.
    Sun {
        /// Sunrise; else sunset.
        is_rise: bool,
        /// Seconds after it, or before if negative.
        offset_s: f64,
    },
    /// Again and again.
    Every(Rhythm),
}

/// On which day something is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Day {
    /// The first on which the clock shows the hour.
    #[default]
    Next,
    /// Not before so many days from today: "tomorrow" is 1.
    Ahead(u8),
    /// The next such day of the week: 0 is Monday.
    On(u8),
}

/// What must hold for a step to be taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Of what. With several things it must hold for any of them, or for all with [`Asked::All`].
    pub target: TargetWords,
    /// Any, or all.
    pub kind: Asked,
    /// What.
    pub test: Test,
}

/// Something asked. It cannot act.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// What kind of answer.
    pub kind: Asked,
    /// The state that is asked for ("is it on"), in Home Assistant's word.
    pub state: Option<Arc<str>>,
    /// Of what.
    pub target: TargetWords,
    /// And of what else.
    pub and: Vec<TargetWords>,
    /// But not of these.
    pub except: Vec<TargetWords>,
    /// What of it is asked for.
    pub about: About,
}

impl Question {
    /// About the state of one target.
    pub fn new(kind: Asked, state: Option<Arc<str>>, target: TargetWords) -> Question {
        let (and, except) = (Vec::new(), Vec::new());
        Question { kind, state, target, and, except, about: About::State }
    }
}

/// What of a thing is asked for.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum About {
    /// Its state.
    #[default]
    State,
    /// A temperature, of whatever measures it there.
    Temperature,
    /// Another measured quantity by its device class (`humidity`, `battery`, `power`), of whatever
    /// measures it there.
    Measured(Arc<str>),
    /// Since when it is as it is.
    Since,
    /// In which room it is.
    Where,
    /// Which have a number below this ("which batteries are low"), with its device class.
    Below(Arc<str>, f64),
    /// Which have a number above this, with its device class.
    Above(Arc<str>, f64),
    /// Which has the highest number, with its device class.
    Most(Arc<str>),
    /// Which has the lowest number, with its device class.
    Least(Arc<str>),
    /// Which people or tags are there, or where a person is.
    Who,
}

/// Kinds of question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// What is it?
    One,
    /// Is it …?
    YesNo,
    /// Is any …?
    Any,
    /// Are all …?
    All,
    /// Which are …?
    Which,
    /// How many are …?
    HowMany,
}

/// Something for the house's own books.
#[derive(Debug, Clone, PartialEq)]
pub enum Errand {
    /// Start a timer.
    StartTimer {
        /// How long.
        seconds: f64,
        /// What it is called.
        name: Option<String>,
        /// A sentence to be heard when it is over: "turn off the oven".
        then: Option<String>,
    },
    /// Cancel one timer.
    CancelTimer(TimerWords),
    /// Cancel all timers, or those of a room.
    CancelAllTimers(Option<String>),
    /// So many seconds more, or less if negative.
    ChangeTimer(TimerWords, f64),
    /// Hold a timer.
    PauseTimer(TimerWords),
    /// Let it go on.
    UnpauseTimer(TimerWords),
    /// How long is left?
    TimerStatus(TimerWords),
    /// Put something on a list.
    AddItem {
        /// The list's name; the shopping list when absent.
        list: Option<String>,
        /// What.
        item: String,
    },
    /// Tick something off.
    CompleteItem {
        /// The list's name; the shopping list when absent.
        list: Option<String>,
        /// What.
        item: String,
    },
    /// Take something off a list.
    RemoveItem {
        /// The list's name; the shopping list when absent.
        list: Option<String>,
        /// What.
        item: String,
    },
    /// Say something in the house.
    Broadcast {
        /// What.
        message: String,
        /// In this room; everywhere when absent.
        area: Option<String>,
    },
    /// Say something to who asked, when its time has come. What was not said is asked for.
    Remind {
        /// When; never at once.
        when: Option<When>,
        /// Of what, as it was said.
        matter: Option<String>,
    },
    /// What is the weather? Of a named entity or any.
    Weather(Option<String>),
    /// Only say the pack's answer.
    Respond,
    /// What is on a list; the shopping list when no name was said.
    ShowList(Option<String>),
    /// What is planned.
    Plans,
    /// Drop all that is planned.
    CancelPlans,
    /// Drop what is planned and has these words: of the thing, or of what was said.
    CancelPlan(String),
    /// A robot is to clean a room.
    Clean {
        /// The robot's name; any that can when absent.
        name: Option<String>,
        /// The room.
        area: String,
    },
    /// Something of music, films or their volume.
    Media {
        /// The room, if one was said.
        area: Option<String>,
    },
}

impl Errand {
    /// Which one timer it is for, if it is for one.
    pub fn timer(&self) -> Option<&TimerWords> {
        match self {
            Errand::CancelTimer(words)
            | Errand::ChangeTimer(words, _)
            | Errand::PauseTimer(words)
            | Errand::UnpauseTimer(words) => Some(words),
            _ => None,
        }
    }
}

/// Which timer is meant; nothing said means the only one, else that of the room.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TimerWords {
    /// Its name.
    pub name: Option<String>,
    /// The room in which it was started.
    pub area: Option<String>,
    /// The length with which it was started, in seconds.
    pub started_s: Option<f64>,
}

/// What has nothing to do with devices, or is about the conversation itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Talk {
    /// "Never mind".
    Nevermind,
    /// "What time is it?"
    Time,
    /// "What day is it?"
    Date,
    /// "Undo that".
    Undo,
    /// "Stop!": whatever moves and whatever was planned just now.
    Stop,
    /// "Yes", to a question of the house.
    Yes,
    /// "No", to a question of the house.
    No,
    /// "What can you do?"
    Help,
    /// "Thanks", "hello".
    Courtesy,
}

/// A word that stands where a name should, but the home has no such name.
#[derive(Debug, Clone, PartialEq)]
pub struct UnknownName {
    /// The words.
    pub said: String,
    /// What they should name.
    pub list: UnknownList,
    /// It was asked, not wished.
    pub is_question: bool,
}

/// What an unknown name should name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownList {
    /// An entity.
    Entity,
    /// An area or a floor.
    Place,
}

/// What is known of the conversation so far, for "it", "and the hall", "warmer".
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Memory {
    /// What was wished last, if it was a wish.
    pub command: Option<Command>,
    /// What was asked last, if it was a question.
    pub question: Option<Question>,
    /// The things spoken of last.
    pub entities: Vec<EntityId>,
}

/// Which way an utterance was understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Way {
    /// By a sentence template.
    #[default]
    Sentence,
    /// By combining words.
    Words,
    /// By a language model, which chose among what the house can do.
    Model,
}

impl Way {
    /// The word in answers.
    pub fn word(self) -> &'static str {
        match self {
            Way::Sentence => "sentence",
            Way::Words => "words",
            Way::Model => "model",
        }
    }
}

/// How an utterance was read: for the reply, and to explain it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    /// The utterance.
    pub utterance: String,
    /// Language code of the pack that understood it.
    pub language: String,
    /// The intent's name, as language packs have it.
    pub intent: String,
    /// All slots.
    pub slots: Vec<Slot>,
    /// The key of the pack's response; empty for none.
    pub response: String,
    /// The sentence template; empty when no sentence matched.
    pub template: String,
    /// Which way.
    pub way: Way,
    /// The parts of the utterance and what each was taken for.
    pub spans: Vec<Span>,
    /// How well it explains the utterance, 0–1: a sentence wholly, words as far as they were well
    /// said.
    pub score: f64,
    /// Other readings that were weighed, the best first: in words, with their score.
    pub rivals: Vec<(String, f64)>,
    /// Why this one, in plain English; empty where nothing had to be weighed.
    pub why: Vec<String>,
}

/// A part of an utterance and what it was taken for.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// The words.
    pub said: String,
    /// For what: `name`, `area`, `verb`, `value`, `filler`, …
    pub role: &'static str,
    /// What it means: an entity's name, a number, …
    pub meaning: String,
    /// How sure, 0–1.
    pub score: f64,
}

impl Reading {
    /// The intent and its slots, in plain English: "HassLightSet, area Hall, brightness 30".
    pub fn described(&self) -> String {
        let mut text = self.intent.clone();
        for Slot { name, value, .. } in &self.slots {
            let value = match value {
                Value::Number(number) => number.to_string(),
                value => value.texts().join(" or "),
            };
            text.push_str(&format!(", {name} {value}"));
        }
        text
    }

    /// The slot of that name, if its words were said.
    pub fn said(&self, name: &str) -> Option<&Slot> {
        self.slots.iter().rev().find(|slot| &*slot.name == name && !slot.said.is_empty())
    }
}
