//! "Remind me tomorrow at eight to call the doctor": that somebody wants to be reminded, when, and of what. The time stands
//! before or behind the matter; the matter is any words at all, and means nothing else: "to turn off the oven" turns nothing
//! off. What is no plain time is no time, and is asked for.

use crate::intent::meaning::{Errand, Reading, Understanding, When};

use super::noun::Scene;
use super::spans::{self, Span};
use super::tag::{DayPart, Tag, Unit, Word};
use super::time;

/// The intent's name.
pub(super) const INTENT: &str = "HomardRemind";
/// Longest words about time.
const MOST_WORDS: usize = 14;

/// What was said of a reminder; what was not is asked for.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Reminder {
    /// When; never at once.
    pub when: Option<When>,
    /// Of what, as it was said.
    pub matter: Option<String>,
    /// A day was said, with or without its hour.
    pub has_day: bool,
}

impl Reminder {
    pub(super) fn meant(self, reading: Reading) -> Understanding {
        let Self { when, matter, .. } = self;
        Understanding::Errand(Errand::Remind { when, matter }, reading)
    }
}

/// What some words say of a time.
enum Found {
    /// All of it.
    Whole(When),
    /// Only the day: its hour stands elsewhere.
    Day,
}

/// The reminder that is wished; `None` for any other sentence. From `answer_at` on the words answer the question when it is
/// to be.
pub(super) fn read(scene: &Scene<'_>, answer_at: Option<usize>) -> Option<Reminder> {
    let n = scene.tokens.len();
    let (before, mut begin) = opener(scene)?;
    let lead = stripped(scene, 0, before, true);
    let mut head: Vec<Span> = spans_of(scene, lead.0, lead.1);
    let mut found = match head.is_empty() {
        true => None,
        // Somebody tells of a reminder.
        false => Some(time_of(head.clone(), scene, true)?),
    };
    let mut end = answer_at.unwrap_or(n);
    (begin, end) = stripped(scene, begin, end, false);
    if found.is_none() {
        let longest = (begin + 1..=end.min(begin + MOST_WORDS)).rev();
        let heads = longest.filter_map(|to| {
            let spans = spans_of(scene, begin, to);
            Some((time_of(spans.clone(), scene, true)?, spans, to))
        });
        let mut heads: Vec<(Found, Vec<Span>, usize)> = heads.collect();
        let whole = heads.iter().position(|(found, ..)| matches!(found, Found::Whole(_)));
        if !heads.is_empty() {
            let (first, spans, to) = heads.swap_remove(whole.unwrap_or(0));
            (found, head, begin) = (Some(first), spans, to);
        }
    }
    let mut when = match found {
        Some(Found::Whole(when)) => Some(when),
        Some(Found::Day) | None => None,
    };
    if when.is_none() {
        let longest = end.saturating_sub(MOST_WORDS).max(begin)..end;
        let mut tails = longest.filter_map(|from| {
            let tail = spans_of(scene, from, end);
            if !is_lead(tail.first()?, scene) {
                return None;
            }
            let spans: Vec<Span> = head.iter().cloned().chain(tail.clone()).collect();
            Some((time_of(spans, scene, false)?, tail, from))
        });
        // The hour of a day that was said, or else all of it.
        let tail = tails.find(|(found, ..)| matches!(found, Found::Whole(_)) || head.is_empty());
        if let Some((found, tail, from)) = tail {
            end = from;
            match found {
                Found::Whole(whole) => when = Some(whole),
                Found::Day => head.extend(tail),
            }
        }
    }
    let mut has_day = !head.is_empty();
    if let (None, Some(at)) = (when, answer_at) {
        let answer = spans_of(scene, at, n);
        // "At what time?" – "Eight."
        let tags = vec![Tag::Word(Word::AtTime)];
        let lead = Span { at, end: at, tags, ..Span::default() };
        let joined = |lead: Option<Span>| head.iter().cloned().chain(lead).chain(answer.clone());
        for lead in [None, Some(lead)] {
            match time_of(joined(lead).collect(), scene, true) {
                Some(Found::Whole(whole)) => when = Some(whole),
                Some(Found::Day) => has_day = true,
                None => {}
            }
        }
    }
    Some(Reminder { when, matter: matter(scene, begin, end), has_day })
}

/// Of what, in the words of an answer.
pub(super) fn matter_of(scene: &Scene<'_>) -> Option<String> {
    matter(scene, 0, scene.tokens.len())
}

/// Where "remind me" begins and ends.
fn opener(scene: &Scene<'_>) -> Option<(usize, usize)> {
    (0..scene.tokens.len().min(MOST_WORDS)).find_map(|at| {
        let phrases = scene.lexicon.phrases_at(scene.tokens, at).into_iter();
        let ends = phrases.filter(|(_, tag)| *tag == Tag::Word(Word::Remind));
        Some((at, at + ends.map(|(n, _)| n).max()?))
    })
}

fn spans_of(scene: &Scene<'_>, from: usize, to: usize) -> Vec<Span> {
    let mut spans = spans::spans(scene.tokens, (from, to), true, scene.lexicon, scene.ground);
    // "20m", "1h30".
    for span in spans.iter_mut().filter(|span| span.at > from && span.end == span.at + 1) {
        let said = scene.tokens.get(span.at - 1).zip(scene.tokens.get(span.at));
        let Some((number, letter)) = said else { continue };
        let unit = match letter.key.as_str() {
            "s" => Unit::Second,
            "m" => Unit::Minute,
            "h" => Unit::Hour,
            _ => continue,
        };
        if number.number.is_some() && number.to == letter.from {
            span.tags = vec![Tag::Unit(unit)];
        }
    }
    spans
}

/// The words from `from` to `to` without politeness around them: anything polite before "remind me", behind it only "please".
fn stripped(scene: &Scene<'_>, from: usize, to: usize, is_before: bool) -> (usize, usize) {
    let is_polite = |span: &Span| {
        let is_talk = |tag: &Tag| matches!(tag, Tag::Talk(_));
        !span.is_name()
            && !span.is(Word::Not)
            && !time::is_of_day(span)
            && (span.is(Word::Filler) || span.tags.iter().any(is_talk))
    };
    let is_left_out = |span: &Span| is_polite(span) && (is_before || span.is(Word::Please));
    let spans = spans::spans(scene.tokens, (from, to), true, scene.lexicon, scene.ground);
    let n_last = spans.iter().rev().take_while(|span| is_left_out(span)).count();
    let n_first = spans.iter().take_while(|span| is_left_out(span)).count();
    match (spans.get(n_first), spans.get(spans.len().wrapping_sub(n_last + 1))) {
        (Some(first), Some(last)) => (first.at, last.end),
        _ => (to, to),
    }
}

/// What these words say of a time, if they say nothing else.
fn time_of(spans: Vec<Span>, scene: &Scene<'_>, is_first: bool) -> Option<Found> {
    let is_day = |span: &Span| {
        let is_again = |tag: &Tag| matches!(tag, Tag::Again(Some(_), _));
        time::is_of_day(span) || span.tags.iter().any(is_again) || span.is_only(Word::And)
    };
    // "1h30" alone is no hour of the clock.
    if let Some((seconds, n)) = time::duration(&spans, 0).filter(|_| is_first)
        && n == spans.len()
    {
        return Some(Found::Whole(When::In(seconds)));
    }
    let says_day = spans.iter().all(is_day);
    let (time, rest) = time::take(spans, true, scene);
    if !rest.is_empty() || time.n_said > 1 {
        return None;
    }
    match (time.when, time.lasting_s, time.unexplained.is_empty()) {
        (When::Now, None, false) if says_day => Some(Found::Day),
        (When::Now, ..) | (_, Some(_), _) | (_, _, false) => None,
        (when, None, true) => Some(Found::Whole(when)),
    }
}

/// Whether words about time begin so behind other words: "watch the sunset" is not at sunset.
fn is_lead(span: &Span, scene: &Scene<'_>) -> bool {
    let is_sun = |tag: &Tag| {
        matches!(
            tag,
            Tag::DayPart(DayPart::Sunrise | DayPart::Sunset | DayPart::Noon | DayPart::Midnight)
        )
    };
    if span.tags.iter().any(is_sun) {
        // "Au coucher du soleil" is one phrase.
        let first = scene.lexicon.phrases_at(scene.tokens, span.at).into_iter();
        let leads = [Word::AtTime, Word::In, Word::To].map(Tag::Word);
        let mut first = first.filter(|(n, _)| *n == 1 && span.end > span.at + 1);
        return first.any(|(_, tag)| leads.contains(&tag));
    }
    let is_time = |tag: &Tag| {
        matches!(
            tag,
            Tag::DayPart(_)
                | Tag::Weekday(_)
                | Tag::Again(..)
                | Tag::Number(_)
                | Tag::Word(Word::InTime | Word::AtTime | Word::Before | Word::After | Word::All)
        )
    };
    !span.is_name() && span.tags.iter().any(is_time)
}

/// Of what, without the words that join it.
pub(super) fn matter(scene: &Scene<'_>, from: usize, to: usize) -> Option<String> {
    let (mut from, to) = stripped(scene, from, to, false);
    let joins =
        |at: usize| scene.tokens.get(at).is_some_and(|t| scene.lexicon.remind_of.contains(&t.key));
    while from < to && joins(from) {
        from += 1;
    }
    Some(scene.said(from, to)).filter(|said| !said.is_empty())
}
