//! What a word or phrase can be: the closed vocabulary that language files name and the rest of way
//! 2 combines. It owns the meanings and their words in the files; which words have them is data.

use std::sync::Arc;

use crate::home::domain::Domain;
use crate::home::rhythm::Days;
use crate::intent::meaning::Talk;

/// One thing that a phrase can be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tag {
    /// Something to do.
    Verb(Act),
    /// A word that completes a verb: "off", "up".
    Particle(Act),
    /// A kind of device, by its index in the lexicon.
    Kind {
        /// See [`Kind`].
        index: u16,
        /// "lamps".
        is_plural: bool,
        /// The word is rather of single things than of the whole kind: "chandelier", "radiator".
        /// Where things are called so, only they are meant.
        is_special: bool,
    },
    /// A state, in Home Assistant's word.
    State(Arc<str>),
    /// Something measured, by its device class.
    Measure(Arc<str>),
    /// A color by its English name.
    Color(Arc<str>),
    /// A white, in kelvin.
    White(f64),
    /// A number.
    Number(f64),
    /// A share of the whole, in percent: "half".
    Level(f64),
    /// What a number counts.
    Unit(Unit),
    /// A mode of a device.
    Mode(Arc<str>),
    /// How much, for what is relative: "a bit" is 0.5, "much" 2.
    Degree(f64),
    /// A word of grammar.
    Word(Word),
    /// That it comes again: on which days, and in which part of them. Without days every hour.
    Again(Option<Days>, Option<DayPart>),
    /// A day of the week: 0 is Monday.
    Weekday(u8),
    /// Part of a day, as an hour and whether it is in the afternoon.
    DayPart(DayPart),
    /// A whole utterance about the conversation.
    Talk(Talk),
    /// A storey by its relation to the ground.
    Storey(Storey),
}

/// A kind of device that people have a word for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kind {
    /// The domains and, within one, the class: `cover.blind`.
    pub of: Vec<(Domain, Option<Arc<str>>)>,
    /// Its first word, for `class_word`.
    pub word: String,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident: $($(#[$each:meta])* $variant:ident $word:literal,)*) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(super) enum $name {
            $($(#[$each])* $variant,)*
        }

        impl $name {
            /// The meaning of a word in a language file.
            pub(super) fn named(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The word in language files.
            pub(super) fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }
    };
}

words! {
    /// What a verb asks for. What it is for a thing, `act` says.
    Act:
    /// On.
    On "on",
    /// Off.
    Off "off",
    /// The other one of two.
    Toggle "toggle",
    /// Open.
    Open "open",
    /// Close.
    Close "close",
    /// Lock.
    Lock "lock",
    /// Unlock.
    Unlock "unlock",
    /// Lock everything that locks.
    LockUp "lock_up",
    /// Stop.
    Stop "stop",
    /// Start.
    Start "start",
    /// Back to the base.
    Dock "dock",
    /// Hold.
    Pause "pause",
    /// Go on.
    Resume "resume",
    /// Be heard, to be found.
    Locate "locate",
    /// Press, run, activate.
    Activate "activate",
    /// To a value; without one, on: "mets la lampe".
    Put "put",
    /// To a value; the value says what.
    Set "set",
    /// A verb that only its particle gives a meaning: "turn".
    Turn "turn",
    /// Make sure that it is so.
    Ensure "ensure",
    /// More of what the thing has.
    Raise "raise",
    /// Less of it.
    Lower "lower",
    /// "Up" as a particle.
    Up "up",
    /// "Down" as a particle.
    Down "down",
    /// More light.
    Brighten "brighten",
    /// Less light.
    Dim "dim",
    /// "Brighter": always relative.
    Brighter "brighter",
    /// "Dimmer", "darker".
    Darker "darker",
    /// "Warmer".
    Warmer "warmer",
    /// "Cooler".
    Cooler "cooler",
    /// "A bit more": always relative.
    More "more",
    /// The same once more: less after "dim it", else more.
    Further "further",
    /// "A bit less".
    Less "less",
    /// "Faster".
    Faster "faster",
    /// "Slower".
    Slower "slower",
    /// Heat to, in warmth.
    Heat "heat",
    /// Cool to.
    Cool "cool",
    /// Let a vacuum clean.
    Vacuum "vacuum",
    /// Mow.
    Mow "mow",
    /// Water the garden.
    Water "water",
    /// Arm an alarm.
    Arm "arm",
    /// Disarm it.
    Disarm "disarm",
    /// Too dark here.
    NeedLight "need_light",
    /// Too bright here.
    NeedDark "need_dark",
    /// Too cold.
    NeedWarm "need_warm",
    /// Too warm.
    NeedCool "need_cool",
    /// Too dry.
    NeedHumid "need_humid",
    /// Going to bed.
    NeedNight "need_night",
    /// Only repeat what was wished, on another target: "do the same".
    Again "again",
}

words! {
    /// What a number counts.
    Unit:
    /// Percent.
    Percent "percent",
    /// Degrees.
    Degree "degree",
    /// Kelvin.
    Kelvin "kelvin",
    /// Seconds.
    Second "second",
    /// Minutes.
    Minute "minute",
    /// Hours.
    Hour "hour",
    /// Days.
    Day "day",
    /// Weeks.
    Week "week",
}

words! {
    /// Parts of a day.
    DayPart:
    /// In the morning.
    Morning "morning",
    /// In the afternoon.
    Afternoon "afternoon",
    /// In the evening.
    Evening "evening",
    /// At night.
    Night "night",
    /// This evening, as a time of its own.
    Tonight "tonight",
    /// Noon.
    Noon "noon",
    /// Midnight.
    Midnight "midnight",
    /// Tomorrow.
    Tomorrow "tomorrow",
    /// Today.
    Today "today",
    /// When the sun rises.
    Sunrise "sunrise",
    /// When the sun sets.
    Sunset "sunset",
}

words! {
    /// Storeys by where they are.
    Storey:
    /// Above the ground.
    Up "up",
    /// The first above the ground: "l'étage".
    First "first",
    /// On the ground.
    Down "down",
    /// Below the ground.
    Cellar "cellar",
    /// Outside of the house.
    Outside "outside",
    /// Inside of it.
    Inside "inside",
}

words! {
    /// Words of grammar.
    Word:
    /// "the".
    Article "article",
    /// "in", "of": what follows says where, or of what.
    In "in",
    /// "to": what follows is a value.
    To "to",
    /// "by": what follows is a difference.
    By "by",
    /// "and".
    And "and",
    /// "then".
    Then "then",
    /// "but", "except".
    Except "except",
    /// "all".
    All "all",
    /// "both".
    Both "both",
    /// "from now", after a length of time.
    Hence "hence",
    /// "any".
    Any "any",
    /// "everything".
    Everything "everything",
    /// "everywhere".
    Everywhere "everywhere",
    /// "here".
    Here "here",
    /// "it", "them".
    It "it",
    /// "there".
    There "there",
    /// "the other one".
    Other "other",
    /// "whole": all of a place, or a word misheard.
    Whole "whole",
    /// "it is", "I am": what follows is how one feels.
    Feel "feel",
    /// "he", "she": what follows is told of somebody.
    Subject "subject",
    /// Before a number: it is below zero.
    Minus "minus",
    /// "too", "as well".
    Too "too",
    /// "one", as in "the hall one".
    One "one",
    /// "not".
    Not "not",
    /// "no", before a correction.
    No "no",
    /// "instead", "I meant".
    Instead "instead",
    /// "is", "are".
    Be "be",
    /// Begins a question about yes or no, whatever follows: "did I leave".
    AskYesNo "ask_yes_no",
    /// "Did I forget to": it asks whether the opposite is so.
    Forgot "forgot",
    /// "I forgot the iron": says what the command after it is about.
    Told "told",
    /// "Because": what follows is no command.
    Because "because",
    /// "Please", "I would like": beside a thing alone it wishes it on.
    Please "please",
    /// "The warmest", "the fullest".
    Most "most",
    /// "The coldest", "the emptiest".
    Least "least",
    /// "Set to": what it is to be is asked, not what it is.
    SetTo "set_to",
    /// Begins a statement: "I am".
    Statement "statement",
    /// "which".
    Which "which",
    /// "how many".
    HowMany "how_many",
    /// "what".
    What "what",
    /// "who".
    Who "who",
    /// "where".
    Where "where",
    /// "since when".
    Since "since",
    /// "how warm".
    HowWarm "how_warm",
    /// "how humid".
    HowHumid "how_humid",
    /// "how bright".
    HowBright "how_bright",
    /// "why", "when": asked, and there is no answer to it.
    OtherQuestion "other_question",
    /// "if".
    If "if",
    /// "unless".
    Unless "unless",
    /// "when": what follows is no time that is known.
    When "when",
    /// "above".
    Above "above",
    /// "below".
    Below "below",
    /// "low", of a battery.
    Low "low",
    /// "in" or "after", before a time.
    InTime "in_time",
    /// "for", before a time.
    ForTime "for_time",
    /// "at", before an hour.
    AtTime "at_time",
    /// "before" an hour or the sun.
    Before "before",
    /// "after" an hour or the sun.
    After "after",
    /// "until".
    Until "until",
    /// "half", of an hour.
    HalfHour "half_hour",
    /// "a quarter".
    Quarter "quarter",
    /// "past".
    Past "past",
    /// "moins": so many minutes before the hour that was said.
    MinusTime "minus_time",
    /// "o'clock".
    Oclock "oclock",
    /// "am".
    Am "am",
    /// "pm".
    Pm "pm",
    /// "every", before a day: it repeats.
    Every "every",
    /// Somebody said something, or did.
    Reported "reported",
    /// "Remind me".
    Remind "remind",
    /// Politeness, and words without meaning here.
    Filler "filler",
    /// "home", of people.
    Home "home",
    /// "there is", "are there".
    ThereIs "there_is",
}

impl Tag {
    /// What a thing can be set to beside a number: a share, a color, a white, a mode, a state.
    pub(super) fn is_value(&self) -> bool {
        matches!(self, Tag::Level(_) | Tag::Color(_) | Tag::White(_) | Tag::Mode(_) | Tag::State(_))
    }

    /// What a span is taken for and what it means, to explain a reading.
    pub(super) fn explained(&self, kinds: &[Kind]) -> (&'static str, String) {
        match self {
            Tag::Verb(act) => ("verb", act.word().to_owned()),
            Tag::Particle(act) => ("particle", act.word().to_owned()),
            Tag::Kind { index, .. } => {
                let word = kinds.get(usize::from(*index)).map(|kind| kind.word.clone());
                ("kind", word.unwrap_or_default())
            }
            Tag::State(state) => ("state", state.to_string()),
            Tag::Measure(class) => ("measure", class.to_string()),
            Tag::Color(color) => ("color", color.to_string()),
            Tag::White(kelvin) => ("white", kelvin.to_string()),
            Tag::Number(number) => ("number", number.to_string()),
            Tag::Level(percent) => ("value", percent.to_string()),
            Tag::Unit(unit) => ("unit", unit.word().to_owned()),
            Tag::Mode(mode) => ("mode", mode.to_string()),
            Tag::Degree(degree) => ("degree", degree.to_string()),
            Tag::Word(word) => ("word", word.word().to_owned()),
            Tag::DayPart(part) => ("time", part.word().to_owned()),
            Tag::Again(..) => ("time", "again".to_owned()),
            Tag::Weekday(day) => ("time", format!("weekday {}", day + 1)),
            Tag::Talk(_) => ("talk", String::new()),
            Tag::Storey(storey) => ("place", storey.word().to_owned()),
        }
    }
}

impl Act {
    /// How somebody feels, not what is to be done.
    pub(super) fn is_need(self) -> bool {
        matches!(
            self,
            Act::NeedLight
                | Act::NeedDark
                | Act::NeedWarm
                | Act::NeedCool
                | Act::NeedHumid
                | Act::NeedNight
        )
    }
}
