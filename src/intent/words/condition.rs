//! "If it is above 23", "unless the window is open": what must hold for a wish. It takes the
//! condition out of a sentence and reads it; that it is tested, others see to.

use std::sync::Arc;

use crate::home::domain::Domain;
use crate::home::target::TargetWords;
use crate::intent::meaning::{Asked, Condition, Test};

use super::act;
use super::clause::{self, Clause};
use super::ground::Set;
use super::noun::{self, Noun, Scene, Want};
use super::share;
use super::spans::Span;
use super::tag::{Tag, Word};
use super::wish::No;

/// The spans of a sentence without its condition, and those of the condition.
pub(super) struct Parts {
    pub rest: Vec<Span>,
    pub condition: Option<Vec<Span>>,
    /// "Unless".
    pub is_unless: bool,
    /// It is said before the wish.
    pub is_first: bool,
}

/// Takes the condition out of a sentence.
pub(super) fn take(spans: Vec<Span>, scene: &Scene<'_>) -> Parts {
    let at = spans.iter().position(|span| span.is(Word::If) || span.is(Word::Unless));
    let Some(at) = at else {
        return Parts { rest: spans, condition: None, is_unless: false, is_first: false };
    };
    let is_unless = spans[at].is(Word::Unless);
    if at > 0 {
        let mut rest = spans;
        let condition = rest.split_off(at).split_off(1);
        while rest.last().is_some_and(|span| span.is(Word::And)) {
            rest.pop();
        }
        return Parts { rest, condition: Some(condition), is_unless, is_first: false };
    }
    let behind = &spans[1..];
    // It ends at "then", at a pause after something was said, or where the wish's verb begins.
    let has_test = |until: usize| {
        behind[..until].iter().any(|span| {
            span.number().is_some()
                || span.particle().is_some()
                || span.tags.iter().any(|tag| matches!(tag, Tag::State(_)))
        })
    };
    let end = behind.iter().enumerate().position(|(index, span)| {
        let after_pause = scene.tokens[span.at].after_pause;
        // "If the window is open open the door": the second of two words that may be a state.
        let is_state = |span: &Span| span.tags.iter().any(|tag| matches!(tag, Tag::State(_)));
        let before = || behind[..index].iter();
        // "Si la température est sous 20 degrés allume le radiateur": a comparison needs no state.
        let is_compared = before().any(|span| span.is(Word::Above) || span.is(Word::Below))
            && before().any(|span| span.number().is_some());
        let has_test_of_it = is_compared || before().any(is_state);
        let is_verb = span.verb().is_some() && (!is_state(span) || has_test_of_it);
        span.is(Word::Then) || index > 0 && has_test(index) && (after_pause || is_verb)
    });
    let end = end.unwrap_or(behind.len());
    let condition = behind[..end].to_vec();
    let rest = behind[end..].iter().skip_while(|span| span.is(Word::Then)).cloned().collect();
    Parts { rest, condition: Some(condition), is_unless, is_first: true }
}

/// Reads a condition. `near` is what the wish is about, for "if it is above 23".
///
/// # Errors
/// [`No`] when it is not understood: then nothing is done.
pub(super) fn read(
    spans: &[Span],
    is_unless: bool,
    near: &TargetWords,
    scene: &Scene<'_>,
) -> Result<(Condition, Set), No> {
    let said = || No::Unexplained(spans.iter().take(8).map(|span| scene.said_of(span)).collect());
    let (above, below) = (
        spans.iter().any(|span| span.is(Word::Above)),
        spans.iter().any(|span| span.is(Word::Below)),
    );
    let is_not = spans.iter().any(|span| span.is(Word::Not)) != is_unless;
    let rest: Vec<Span> = spans
        .iter()
        .filter(|span| {
            !span.is(Word::Above)
                && !span.is(Word::Below)
                && !span.is(Word::Not)
                && !span.is(Word::Be)
                && !span.is(Word::ThereIs)
                && !span.is(Word::Feel)
        })
        .cloned()
        .collect();
    let mut clauses = clause::clauses(&rest, scene);
    let mut clause: Clause = match clauses.len() {
        1 => clauses.remove(0),
        _ => return Err(said()),
    };
    if !clause.strange.is_empty() || !clause.except.is_empty() {
        return Err(said());
    }
    share::share(&mut clause.nouns);
    let number = clause.values.number.map(|(number, _)| number);
    let state = clause.values.state.clone().or_else(|| {
        let act = clause.act?;
        let known = ["on", "off", "open", "closed", "locked", "unlocked"];
        known.into_iter().find(|state| act::by_state(state) == Some(act)).map(Arc::from)
    });
    let test = match (number, above, below) {
        (Some(number), true, false) if !is_not => Test::Above(number),
        (Some(number), false, true) if !is_not => Test::Below(number),
        (Some(number), true, false) => Test::Below(number),
        (Some(number), false, true) => Test::Above(number),
        (None, false, false) => match (state, is_not) {
            (Some(state), false) => Test::Is(state),
            (Some(state), true) => Test::IsNot(state),
            (None, _) => return Err(said()),
        },
        _ => return Err(said()),
    };
    let is_measure = matches!(test, Test::Above(_) | Test::Below(_));
    let class = clause.values.measure.clone().unwrap_or_else(|| "temperature".into());
    let nouns: Vec<&Noun> = clause.nouns.iter().filter(|noun| !noun.is_empty()).collect();
    let kind = match nouns.iter().any(|noun| noun.is_all) {
        true => Asked::All,
        false => Asked::Any,
    };
    let measured = |target: TargetWords| {
        let has_sensor =
            scene.ground.things.iter().any(|thing| {
                thing.domain == Domain::Sensor && thing.class.as_deref() == Some(&*class)
            });
        match has_sensor {
            true => TargetWords {
                domains: vec![Domain::Sensor],
                classes: vec![class.to_string()],
                ..target
            },
            false => TargetWords { domains: vec![Domain::Climate], ..target },
        }
    };
    let mut set = Set::default();
    let target = match nouns[..] {
        [noun] if noun.is_it && !noun.has_place() && !is_measure => near.clone(),
        [] if !is_measure && *near != TargetWords::default() => near.clone(),
        [] if is_measure => {
            let (area, floor) = (near.area.clone(), near.floor.clone());
            measured(TargetWords { area, floor, ..TargetWords::default() })
        }
        [noun] if is_measure && noun.is_it && !noun.has_place() => {
            let (area, floor) = (near.area.clone(), near.floor.clone());
            measured(TargetWords { area, floor, ..TargetWords::default() })
        }
        [noun] => {
            let domains = match is_measure {
                true => vec![Domain::Sensor, Domain::Climate],
                false => Vec::new(),
            };
            let want = Want {
                can: domains,
                implied: vec![Domain::Sensor],
                is_question: true,
                ..Want::default()
            };
            // "It" of "it is above 20 in the hall" is nothing.
            let noun = Noun { is_it: noun.is_it && !noun.has_place(), ..noun.clone() };
            let found = noun::find(&noun, &want, scene)?;
            set = found.set.clone();
            let target = found.targets.into_iter().next().ok_or_else(said)?;
            let is_place = target.entities.is_empty() && target.name.is_none();
            if is_measure && is_place { measured(target) } else { target }
        }
        _ => return Err(said()),
    };
    Ok((Condition { target, kind, test }, set))
}
