//! What is asked of the rules that there are: which there are, and that one is to go, to rest or to change. Where no rule is
//! named the one that was spoken of last is meant, so such a sentence counts only if one was.

use crate::home::rhythm::Days;
use crate::intent::meaning::{Day, When};
use crate::intent::rule::{Change, RuleErrand};

use super::spans_of;
use super::table::Mark;
use crate::intent::words::noun::Scene;
use crate::intent::words::spans::Span;
use crate::intent::words::tag::{DayPart, Tag, Unit, Word};
use crate::intent::words::time;

/// Words that say what is wanted, and are no part of which rule.
const ASIDE: &[Mark] = &[
    Mark::Automation,
    Mark::List,
    Mark::Remove,
    Mark::Rest,
    Mark::GoOn,
    Mark::NoLonger,
    Mark::Also,
    Mark::Only,
    Mark::Instead,
    Mark::Rather,
    Mark::Skip,
    Mark::That,
    Mark::WakeWith,
    Mark::Again,
];

/// What a sentence asks of the rules; `None` for any other one. `goes_on` if one was spoken of just now.
pub(in crate::intent::words) fn read(scene: &Scene<'_>, goes_on: bool) -> Option<RuleErrand> {
    let table = &scene.lexicon.rules;
    let n = scene.tokens.len();
    let find = |mark: Mark| {
        (0..n).find_map(|at| Some((at, at + table.mark_at(scene.tokens, at, &[mark])?.0)))
    };
    let has = |mark: Mark| find(mark).is_some();
    let begins = |mark: Mark| find(mark).is_some_and(|(at, _)| at == 0);
    let is_named = has(Mark::Automation);
    if !is_named && !goes_on {
        return None;
    }
    let (time, words) = split(scene);
    let change = change(&has, time, is_named);
    // Of a rule that is not named only what can mean nothing else is heard.
    let is_whole = is_named || words.is_empty();
    if let (Some(change), true) = (change, is_whole) {
        return Some(RuleErrand::Change(words, change));
    }
    if !is_named {
        return match words.is_empty() {
            true if begins(Mark::Remove) => Some(RuleErrand::Remove(words)),
            true if begins(Mark::Rest) => Some(RuleErrand::Turn(words, false)),
            true if begins(Mark::GoOn) => Some(RuleErrand::Turn(words, true)),
            _ => None,
        };
    }
    if has(Mark::Remove) {
        return Some(RuleErrand::Remove(words));
    }
    // "Which automation turns off …" asks.
    if begins(Mark::List) {
        return Some(match words.is_empty() {
            true => RuleErrand::List,
            false => RuleErrand::Which(words),
        });
    }
    if has(Mark::GoOn) {
        return Some(RuleErrand::Turn(words, true));
    }
    has(Mark::Rest).then_some(RuleErrand::Turn(words, false))
}

/// What is said of times and days.
#[derive(Default)]
struct Said {
    days: Option<Days>,
    is_today: bool,
    clock: Option<(u8, u8, bool)>,
    /// It can be nothing but an hour: "7:30", "eight o'clock".
    is_hour: bool,
}

fn change(has: &dyn Fn(Mark) -> bool, said: Said, is_named: bool) -> Option<Change> {
    if said.is_today && (has(Mark::Skip) || has(Mark::NoLonger)) {
        return Some(Change::SkipToday);
    }
    if let Some(days) = said.days {
        return Some(match () {
            () if has(Mark::NoLonger) || has(Mark::Skip) => Change::Without(days),
            () if has(Mark::Only) => Change::Only(days),
            () if has(Mark::Also) => Change::With(days),
            () => return None,
        });
    }
    let (hour, minute, is_half) = said.clock?;
    let is_meant = has(Mark::Rather) || has(Mark::Instead) && (is_named || said.is_hour);
    is_meant.then_some(Change::At(hour, minute, is_half))
}

/// The time of a sentence, and the words by which a rule is named.
fn split(scene: &Scene<'_>) -> (Said, String) {
    let table = &scene.lexicon.rules;
    let n = scene.tokens.len();
    let mut aside = vec![false; n];
    let mut at = 0;
    while at < n {
        match table.mark_at(scene.tokens, at, ASIDE) {
            Some((words, _)) => {
                aside[at..at + words].fill(true);
                at += words;
            }
            None => at += 1,
        }
    }
    let mut said = Said::default();
    let mut rest: Vec<Span> = Vec::new();
    let spans: Vec<Span> = spans_of(scene, 0, n)
        .into_iter()
        .filter(|span| !aside[span.at..span.end].contains(&true))
        .collect();
    let mut at = 0;
    while let Some(span) = spans.get(at) {
        if let Some((again, n)) = time::again(&spans, at) {
            said.days = again.days;
            at += n;
            continue;
        }
        let day = span.tags.iter().find_map(|tag| match tag {
            Tag::Weekday(day) => Some(Days::one(*day)),
            _ => None,
        });
        match day.filter(|_| !span.is_name()) {
            Some(day) => said.days = Some(said.days.map_or(day, |days| days.and(day))),
            None if span.tags.contains(&Tag::DayPart(DayPart::Today)) => said.is_today = true,
            None => rest.push(span.clone()),
        }
        at += 1;
    }
    said.is_hour = rest.iter().any(|span| {
        [Word::Oclock, Word::HalfHour, Word::Quarter, Word::Past].iter().any(|word| span.is(*word))
            || span.tags.contains(&Tag::Unit(Unit::Hour))
    });
    // "Make it half past seven": an hour without "at".
    let is_number =
        |span: &Span| span.number().is_some() || span.is(Word::HalfHour) || span.is(Word::Quarter);
    if let Some(first) = rest.iter().position(is_number)
        && first.checked_sub(1).is_none_or(|before| !rest[before].is(Word::AtTime))
    {
        let (tags, from) = (vec![Tag::Word(Word::AtTime)], rest[first].at);
        rest.insert(first, Span { at: from, end: from, tags, ..Span::default() });
    }
    let (time, rest) = time::take(rest, true, scene);
    if let When::At { hour, minute, is_half_day, day: Day::Next } = time.when {
        said.clock = Some((hour, minute, is_half_day));
    }
    let is_silent = |span: &Span| {
        let is_grammar = |tag: &Tag| {
            matches!(
                tag,
                Tag::Verb(_)
                    | Tag::Particle(_)
                    | Tag::Talk(_)
                    | Tag::Word(
                        Word::Article
                            | Word::In
                            | Word::To
                            | Word::And
                            | Word::It
                            | Word::Filler
                            | Word::Please
                            | Word::Be
                            | Word::What
                            | Word::Which
                            | Word::ThereIs
                            | Word::AtTime
                            | Word::All
                            | Word::Any
                            | Word::Instead
                    )
            )
        };
        !span.is_name()
            && !span.tags.is_empty()
            && (span.verb().is_some() || span.tags.iter().all(is_grammar))
    };
    let words = rest.iter().filter(|span| !is_silent(span) && span.end > span.at);
    let words: Vec<String> = words.map(|span| scene.said_of(span)).collect();
    (said, words.join(" "))
}
