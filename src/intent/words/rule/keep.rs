//! "Save the living room as movie night": the present state of a room, or of the house, is to be a scene of that name.

use crate::intent::rule::RuleErrand;
use crate::intent::words::noun::Scene;
use crate::intent::words::tag::Word;

use super::spans_of;
use super::table::Mark;

/// Longest name, in words.
const MOST_WORDS: usize = 8;

/// The scene that is to be made; `None` for any other sentence.
pub(in crate::intent::words) fn read(scene: &Scene<'_>) -> Option<RuleErrand> {
    let table = &scene.lexicon.rules;
    let n = scene.tokens.len();
    let mark =
        |at: usize, mark: Mark| table.mark_at(scene.tokens, at, &[mark]).map(|(n, _)| at + n);
    // Politeness may stand before it.
    let polite = spans_of(scene, 0, n).into_iter().take_while(|span| span.is(Word::Filler));
    let begin = polite.last().map_or(0, |span| span.end);
    let what = mark(begin, Mark::Keep)?;
    let (at, name) = (what..n).find_map(|at| Some((at, mark(at, Mark::KeepAs)?)))?;
    let name = mark(name, Mark::Called).unwrap_or(name);
    if name >= n || n - name > MOST_WORDS || scene.tokens.last()?.before_question {
        return None;
    }
    let spans = spans_of(scene, what, at);
    let place = spans.iter().find_map(|span| {
        let place = span.places.first()?;
        Some(scene.ground.places[usize::from(*place)].name.clone())
    });
    let is_all = spans.iter().any(|span| span.is(Word::Everywhere) || span.is(Word::Everything));
    // A word that names nothing here is no room that is meant.
    if place.is_none() && spans.iter().any(|span| span.is_unknown() && !span.is(Word::It)) {
        return None;
    }
    Some(RuleErrand::Keep { name: scene.said(name, n), place, is_all })
}
