//! What is to happen by itself, as it was said: upon which events, on what conditions, and what. What the words come to
//! in a house, and that somebody has to say yes, is the assistant's business.

use crate::home::id::EntityId;
use crate::home::rhythm::{Days, Rhythm};
use crate::home::target::TargetWords;
use crate::intent::meaning::{Condition, Reading};

/// A rule as it was said.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RuleWords {
    /// Any of these begins it. Empty where the deed itself says when ("every day at 7 …").
    pub events: Vec<Event>,
    /// All of these must hold.
    pub holds: Vec<Hold>,
    /// The things that the events are about: "it".
    pub about: Vec<EntityId>,
    /// What is to be done, to be understood as any other sentence: the first of these that is understood is meant. Empty
    /// where somebody is only to be told.
    pub deeds: Vec<String>,
    /// Whom it tells something.
    pub tells: Option<Tells>,
    /// "Always": a time of day that was said comes again every day.
    pub is_always: bool,
    /// How it was read.
    pub reading: Reading,
}

/// A rule of which one half was not understood.
#[derive(Debug, Clone, PartialEq)]
pub enum HalfRule {
    /// What is to be done: its words are the only deed of these.
    Deed(Box<RuleWords>),
    /// When.
    Event {
        /// The words of what is to be done, which are understood.
        deed: String,
        /// All others.
        event: String,
    },
}

/// That somebody is to be told.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tells {
    /// What, as it was said; what has happened when nothing was said.
    pub text: Option<String>,
    /// It is told before anything is done.
    pub is_first: bool,
    /// "Tell me when …": once, and then no more.
    pub is_once: bool,
    /// "Remind me to …".
    pub is_reminder: bool,
}

/// What begins a rule.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The clock or the sun.
    Time(Rhythm),
    /// Something comes to be so.
    Becomes {
        /// What.
        condition: Condition,
        /// And has been so for this long, in seconds.
        for_s: Option<f64>,
    },
    /// Somebody comes home.
    Arrives(Who),
    /// Somebody leaves.
    Leaves(Who),
    /// A machine has finished.
    Done(TargetWords),
}

/// Who is meant.
#[derive(Debug, Clone, PartialEq)]
pub enum Who {
    /// Anybody.
    Anybody,
    /// All of the household; when they leave, the last of them.
    Everybody,
    /// Whoever speaks.
    Speaker,
    /// By name.
    Named(TargetWords),
}

/// What must hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Hold {
    /// Something is so.
    State(Condition),
    /// It is dark outside: between sunset and sunrise, or between sunrise and sunset.
    Dark(bool),
    /// The time of day: not before the one, and before the other.
    Clock {
        /// Hour and minute.
        after: Option<(u8, u8)>,
        /// Hour and minute.
        before: Option<(u8, u8)>,
    },
    /// The day of the week.
    On(Days),
    /// Somebody is at home, or is not.
    Home(Who, bool),
    /// The opposite of another one.
    Not(Box<Hold>),
}

/// What is asked of the rules that there are.
#[derive(Debug, Clone, PartialEq)]
pub enum RuleErrand {
    /// Which there are.
    List,
    /// Which have these words in what they do or are called.
    Which(String),
    /// Take the one with these words away; the one spoken of last without words.
    Remove(String),
    /// Let the one with these words rest, or go on.
    Turn(String, bool),
    /// Change the one with these words, or the one spoken of last.
    Change(String, Change),
    /// Make a scene of this name of how things are now, in a room or everywhere.
    Keep {
        /// What it is to be called.
        name: String,
        /// The room; the speaker's without.
        place: Option<String>,
        /// The whole house.
        is_all: bool,
    },
}

/// How a rule is to change.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Not on these days any more.
    Without(Days),
    /// On these days as well.
    With(Days),
    /// On these days only.
    Only(Days),
    /// At another time of day: hour, minute, and whether it may be the other half of the day.
    At(u8, u8, bool),
    /// Not today.
    SkipToday,
}
