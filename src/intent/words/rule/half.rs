//! A rule of which one half is told in words that nobody knows: "when the front door opens polish the silver", "turn on the
//! lamp when the wombat sings". It is never done as if the other half had not been said: it can be told which one is not
//! understood, and a model asked what the deed may be.

use std::cell::Cell;

use crate::intent::rule::HalfRule;
use crate::intent::words::noun::Scene;

use super::table::Mark;
use super::{Deeds, Grasp, Parts, Reader, is_worth, near};

/// Words before a deed at which it is tried to begin.
const MOST_BEGINNINGS: usize = 8;
/// What opens an event.
const WHEN: &[Mark] = &[Mark::When, Mark::Whenever, Mark::If];

/// What is understood of a rule, and what not; `None` for any other sentence.
pub(super) fn read(scene: &Scene<'_>, deeds: Deeds<'_>) -> Option<HalfRule> {
    if !is_worth(scene) {
        return None;
    }
    let table = &scene.lexicon.rules;
    let reader = Reader { scene, table, deeds, near: near(scene, deeds), n_tries: Cell::new(0) };
    let words = reader.parse(0, &Parts::default(), Grasp::Nothing);
    let is_half = |text: &String, about: &[_]| deeds(text, about).is_none();
    let words = words.filter(|words| match &words.deeds[..] {
        [only] => words.tells.is_none() && is_half(only, &words.about),
        _ => false,
    });
    words.map(|words| HalfRule::Deed(Box::new(words))).or_else(|| without_event(&reader))
}

/// A deed that is understood, before or behind a "when" that is not.
fn without_event(reader: &Reader<'_>) -> Option<HalfRule> {
    let n = reader.tokens().len();
    let find = |at: usize| Some((at, reader.mark(at, WHEN)?.0));
    let (opener, length) = (0..n).find_map(find)?;
    // "Once", at the end.
    if opener + length >= n {
        return None;
    }
    let said = |from: usize, to: usize| reader.scene.said(from, to);
    let is_deed = |deed: &String| (reader.deeds)(deed, &[]).is_some();
    if opener > 0 {
        let deed = Some(said(0, opener)).filter(is_deed)?;
        return Some(HalfRule::Event { deed, event: said(opener, n) });
    }
    reader.ends(length).filter(|end| *end < n).take(MOST_BEGINNINGS).find_map(|end| {
        let deed = Some(said(end, n)).filter(is_deed)?;
        Some(HalfRule::Event { deed, event: said(0, end) })
    })
}
