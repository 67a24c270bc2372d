//! The phrases by which people say that something is to happen by itself: in `words.yaml`, `marks` for words that open a
//! part of such a sentence, and `happens` for events, each with how the state is called that it brings about ("opens":
//! "is open"), so that an event is read as the state that comes of it. Behind `=` stands the state's own word where people
//! have none that is understood elsewhere.

use std::collections::HashMap;

use crate::intent::words::token::{self, Token};

/// What a phrase opens or says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::intent::words) enum Mark {
    /// "When": an event, once or each time.
    When,
    /// "Whenever": each time.
    Whenever,
    /// "If": an event where it tells of one.
    If,
    /// "Only if", "while".
    OnlyIf,
    /// "Unless".
    Unless,
    /// "Between … and …", "from … to …".
    Between,
    /// "After".
    After,
    /// "Before".
    Before,
    /// "At night".
    Night,
    /// "By day".
    Day,
    /// "Always".
    Always,
    /// "Tell me".
    Tell,
    /// "Send me a message".
    Send,
    /// "Wake me".
    Wake,
    /// "With", of what somebody is woken with.
    WakeWith,
    /// "It is", before a time or a day.
    ItIs,
    /// "For", "for more than", before a length.
    ForTime,
    /// "Anybody".
    Anybody,
    /// "Everybody".
    Everybody,
    /// "Nobody".
    Nobody,
    /// "I".
    Me,
    /// "The last person".
    Last,
    /// "Comes home".
    Arrives,
    /// "Leaves".
    Leaves,
    /// "Is at home".
    Home,
    /// "Is away".
    Away,
    /// "Has finished".
    Done,
    /// "Or".
    Or,
    /// "That".
    That,
    /// "Minus".
    Minus,
    /// "Automation".
    Automation,
    /// "Which", "what".
    List,
    /// "Delete".
    Remove,
    /// "Pause".
    Rest,
    /// "Resume".
    GoOn,
    /// "No longer".
    NoLonger,
    /// "Also".
    Also,
    /// "Only".
    Only,
    /// "Make it … instead".
    Instead,
    /// "Instead".
    Rather,
    /// "Leave out".
    Skip,
    /// "Save".
    Keep,
    /// "As".
    KeepAs,
    /// "A scene called".
    Called,
    /// "Again".
    Again,
}

impl Mark {
    fn named(word: &str) -> Option<Self> {
        Some(match word {
            "when" => Self::When,
            "whenever" => Self::Whenever,
            "if" => Self::If,
            "only_if" => Self::OnlyIf,
            "unless" => Self::Unless,
            "between" => Self::Between,
            "after" => Self::After,
            "before" => Self::Before,
            "night" => Self::Night,
            "day" => Self::Day,
            "always" => Self::Always,
            "tell" => Self::Tell,
            "send" => Self::Send,
            "wake" => Self::Wake,
            "wake_with" => Self::WakeWith,
            "it_is" => Self::ItIs,
            "for_time" => Self::ForTime,
            "anybody" => Self::Anybody,
            "everybody" => Self::Everybody,
            "nobody" => Self::Nobody,
            "me" => Self::Me,
            "last" => Self::Last,
            "arrives" => Self::Arrives,
            "leaves" => Self::Leaves,
            "home" => Self::Home,
            "away" => Self::Away,
            "done" => Self::Done,
            "or" => Self::Or,
            "that" => Self::That,
            "minus" => Self::Minus,
            "automation" => Self::Automation,
            "list" => Self::List,
            "remove" => Self::Remove,
            "rest" => Self::Rest,
            "go_on" => Self::GoOn,
            "no_longer" => Self::NoLonger,
            "also" => Self::Also,
            "only" => Self::Only,
            "instead" => Self::Instead,
            "rather" => Self::Rather,
            "skip" => Self::Skip,
            "keep" => Self::Keep,
            "keep_as" => Self::KeepAs,
            "called" => Self::Called,
            "again" => Self::Again,
            _ => return None,
        })
    }
}

/// The phrases of a language.
#[derive(Debug, Clone, Default)]
pub(in crate::intent::words) struct Table {
    /// By their first word.
    marks: HashMap<String, Vec<(Vec<String>, Mark)>>,
    happens: HashMap<String, Vec<(Vec<String>, String)>>,
    /// Ways to say "turn on" and "open", for what somebody is woken with.
    pub(super) wakes: Vec<String>,
}

impl Table {
    /// Adds a phrase of the file; false for a group or meaning that there is not.
    pub(in crate::intent::words) fn put(
        &mut self,
        group: &str,
        meaning: &str,
        phrase: &str,
    ) -> bool {
        let keys = token::keys(phrase);
        let Some(first) = keys.first().cloned() else { return false };
        match (group, Mark::named(meaning)) {
            ("marks", Some(mark)) => self.marks.entry(first).or_default().push((keys, mark)),
            ("marks", None) if meaning == "wakes" => self.wakes.push(phrase.to_owned()),
            ("happens", _) => {
                self.happens.entry(first).or_default().push((keys, meaning.to_owned()));
            }
            _ => return false,
        }
        true
    }

    /// The longest phrase of these marks at a word: how many words, and which.
    pub(super) fn mark_at(
        &self,
        tokens: &[Token],
        at: usize,
        of: &[Mark],
    ) -> Option<(usize, Mark)> {
        let known = self.marks.get(&tokens.get(at)?.key)?;
        let fits = known.iter().filter(|(keys, mark)| of.contains(mark) && is_at(keys, tokens, at));
        fits.map(|(keys, mark)| (keys.len(), *mark)).max_by_key(|(n, _)| *n)
    }

    /// The longest event at a word: how many words, and the states that may come of it.
    pub(super) fn event_at(&self, tokens: &[Token], at: usize) -> Option<(usize, Vec<&str>)> {
        let known = self.happens.get(&tokens.get(at)?.key)?;
        let fits = || known.iter().filter(|(keys, _)| is_at(keys, tokens, at));
        let longest = fits().map(|(keys, _)| keys.len()).max()?;
        let states = fits().filter(|(keys, _)| keys.len() == longest);
        Some((longest, states.map(|(_, state)| state.as_str()).collect()))
    }
}

fn is_at(keys: &[String], tokens: &[Token], at: usize) -> bool {
    let said = tokens.get(at..at + keys.len());
    said.is_some_and(|said| keys.iter().zip(said).all(|(key, token)| *key == token.key))
}
