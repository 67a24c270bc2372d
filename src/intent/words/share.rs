//! What the noun phrases and the verb of a clause share: "the kitchen and hall lights", "the lamp and
//! the fan in the bedroom"; and the verb that a value says without one.

use super::act;
use super::clause::Clause;
use super::noun::{Noun, Scene, is_content};
use super::spans::{self, Span};
use super::tag::Act;

/// Gives every noun phrase what it shares with its neighbours: "the kitchen and hall lights", "the
/// lamp and the fan in the bedroom", "in the kitchen, turn on the light".
pub(super) fn share(nouns: &mut Vec<Noun>) {
    // A place said apart from its thing.
    let mut at = 0;
    while at + 1 < nouns.len() {
        let (first, second) = (&nouns[at], &nouns[at + 1]);
        let joins = !second.after_and
            && (first.is_place_only() && !second.has_place() && !second.is_it
                || second.is_place_only() && !first.has_place() && !first.is_it);
        if joins {
            let second = nouns.remove(at + 1);
            let first = &mut nouns[at];
            let (place, thing) = match first.is_place_only() {
                true => (first.clone(), second),
                false => (second, first.clone()),
            };
            let mut whole = thing;
            whole.place_from = Some(whole.spans.len());
            whole.spans.extend(place.spans);
            whole.after_and = first.after_and;
            *first = whole;
        } else {
            at += 1;
        }
    }
    // "Every curtain and blind."
    for at in 1..nouns.len() {
        if nouns[at].after_and && nouns[at - 1].is_all && nouns[at].has_kind() {
            nouns[at].is_all = true;
        }
    }
    // Backwards: the last one's kind is that of bare places before it.
    for at in (0..nouns.len().saturating_sub(1)).rev() {
        if nouns[at + 1].after_and && nouns[at].is_place_only() && nouns[at + 1].has_kind() {
            let kinds: Vec<Span> =
                nouns[at + 1].spans.iter().filter(|span| span.kind().is_some()).cloned().collect();
            if nouns[at + 1].has_place() {
                nouns[at].spans.extend(kinds);
            }
        }
    }
    // Forwards: a bare place after "and" is about the same kind.
    for at in 1..nouns.len() {
        let is_bare = nouns[at].spans.iter().all(|span| span.things.is_empty())
            && !nouns[at].has_kind()
            && !nouns[at].is_pronoun();
        if nouns[at].after_and && is_bare && nouns[at - 1].has_kind() {
            let kinds: Vec<Span> =
                nouns[at - 1].spans.iter().filter(|span| span.kind().is_some()).cloned().collect();
            nouns[at].spans.extend(kinds);
        }
    }
    // A place after the last one holds for a kind before it that has none.
    for at in (0..nouns.len().saturating_sub(1)).rev() {
        let next = &nouns[at + 1];
        let said_behind = next.place_from.is_some_and(|from| from > 0);
        if next.after_and && said_behind && nouns[at].has_kind() && !nouns[at].has_place() {
            let from = next.place_from.unwrap_or(0).min(next.spans.len());
            let place = next.spans[from..].to_vec();
            nouns[at].spans.extend(place);
        }
        if nouns[at + 1].is_here && nouns[at].has_kind() && !nouns[at].has_place() {
            nouns[at].is_here = true;
        }
    }
}

/// "The blind of the lounge and the one in the hall", "the lamp to 10 and that of Paul off": "the
/// one" is what was named last, here or in the clause before.
pub(super) fn ones(nouns: &mut [Noun], before: &[Noun], scene: &Scene<'_>) {
    let mut named: Vec<Span> =
        before.iter().rev().find_map(|noun| called(noun, scene)).unwrap_or_default();
    for noun in nouns {
        if noun.is_one && !noun.has_kind() {
            let n_named = named.len();
            noun.spans.splice(0..0, named.iter().cloned());
            noun.place_from = noun.place_from.map(|from| from + n_named);
        } else if let Some(called) = called(noun, scene) {
            named = called;
        }
    }
}

/// What sort of thing a noun phrase says: its kind, or in a name the word for it, "blind" of "Blind
/// lounge", else its first word.
fn called(noun: &Noun, scene: &Scene<'_>) -> Option<Vec<Span>> {
    let kinds = |spans: &[Span]| -> Vec<Span> {
        spans.iter().filter(|span| span.kind().is_some()).cloned().collect()
    };
    let direct = kinds(&noun.spans);
    if !direct.is_empty() {
        return Some(direct);
    }
    let name = noun.spans.iter().find(|span| span.is_name())?;
    let all = (name.at, name.end);
    let words = spans::spans(scene.tokens, all, true, scene.lexicon, scene.ground);
    let inner = kinds(&words);
    match inner.is_empty() {
        false => Some(inner),
        true => words.into_iter().find(is_content).map(|first| vec![first]),
    }
}

/// The verb of a clause, or what its value says without one.
pub(super) fn act(clause: &Clause) -> Option<Act> {
    let by_state = || clause.values.state.as_deref().and_then(act::by_state);
    match clause.act {
        Some(Act::Turn | Act::Set | Act::Ensure) if clause.values.state.is_some() => {
            by_state().or(clause.act)
        }
        Some(Act::Set) if clause.puts && clause.values.is_empty() && !clause.values.is_to => {
            Some(Act::On)
        }
        Some(act) => Some(act),
        None if clause.values.is_empty() => None,
        // "The alarm to home": a state that is no deed is set.
        None if clause.values.state.is_some() => {
            by_state().or(Some(Act::Set).filter(|_| clause.values.is_to))
        }
        None => Some(Act::Set),
    }
}
