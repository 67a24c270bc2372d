//! From a sentence that asks to a question: whether it asks, of what, and what kind of answer it
//! wants. What of the things is asked for is the business of `about`.

use std::sync::Arc;

use crate::home::domain::Domain;
use crate::home::target::TargetWords;
use crate::home::test::opposite;
use crate::intent::matcher::Slot;
use crate::intent::meaning::{About, Asked, Question};

use super::about;
use super::clause::{self, Clause};
use super::noun::{self, Found, Noun, Scene, Want, is_content};
use super::share;
use super::spans::Span;
use super::tag::{Act, DayPart, Tag, Word};
use super::wish::No;

/// Words that make a sentence a question.
pub(super) const ASKING: &[Word] = &[
    Word::Which,
    Word::HowMany,
    Word::What,
    Word::Who,
    Word::Where,
    Word::Since,
    Word::HowWarm,
    Word::HowHumid,
    Word::HowBright,
    Word::AskYesNo,
    Word::Forgot,
    Word::ThereIs,
    Word::Most,
    Word::Least,
];

/// Words that stand in a question and are no part of what it is about.
const ASIDE: &[Word] = &[
    Word::Be,
    Word::Home,
    Word::Low,
    Word::Above,
    Word::Below,
    Word::Too,
    Word::SetTo,
    Word::When,
];

fn is_any_of(span: &Span, words: &[Word]) -> bool {
    words.iter().any(|word| span.is(*word))
}

/// Whether a sentence asks, whatever else it says.
pub(super) fn is_question(spans: &[Span], scene: &Scene<'_>) -> bool {
    let asks = |span: &Span| is_any_of(span, ASKING) || span.is(Word::OtherQuestion);
    let Some(first) = spans.first() else { return false };
    let lead = spans.iter().find(|span| !span.is(Word::And)).unwrap_or(first);
    let has_mark = scene.tokens.last().is_some_and(|token| token.before_question);
    let has_verb = lead.verb().is_some() && spans.iter().filter(|s| s.is(Word::Be)).count() == 0;
    // How one feels is not asked.
    let asks_feeling = has_mark || lead.is(Word::Be) || asks(lead);
    let tells_feeling =
        |span: &Span| span.verb().is_some_and(Act::is_need) && span.end - span.at > 1;
    if spans.iter().any(tells_feeling) && !asks_feeling {
        return false;
    }
    // "La lampe est allumée": told of a thing, it is asked.
    let tells_state = scene.lexicon.statements_ask
        && spans.iter().take(3).any(is_content)
        && spans.iter().any(|span| span.is(Word::Be))
        && spans.iter().all(|span| span.verb().is_none() || span.is_name());
    spans.iter().any(asks)
        || lead.is(Word::Be)
        || lead.is(Word::Any)
        || has_mark && !has_verb
        || tells_state
        || reads(spans, scene)
}

/// Whether a sentence only names what can be nothing but looked at: "pool temperature", "the
/// batteries".
fn reads(spans: &[Span], scene: &Scene<'_>) -> bool {
    let first = spans.first().map_or(0, |span| span.at);
    let is_plain = |span: &Span| {
        // "Give me the temperature" wishes nothing else.
        let is_told = matches!(span.verb(), Some(Act::Set | Act::Put)) && span.at == first;
        let is_other = span.verb().is_some() && !is_told
            || span.particle().is_some()
            || span.number().is_some()
            || is_any_of(span, &[Word::And, Word::Too, Word::No, Word::Not, Word::Instead])
            || span.tags.iter().any(|tag| tag.is_value() || matches!(tag, Tag::Degree(_)));
        !is_other || span.is_name()
    };
    if !spans.iter().all(is_plain) {
        return false;
    }
    let mut clauses = clause::clauses(&content(spans), scene);
    let Some(clause) = clauses.pop().filter(|_| clauses.is_empty()) else { return false };
    let acts = clause.act.is_some_and(|act| act != Act::Set || clause.values.measure.is_none());
    if acts || !clause.strange.is_empty() || !clause.except.is_empty() {
        return false;
    }
    let is_measured = clause.values.measure.is_some();
    let is_read_only = |domain: Domain| {
        matches!(domain, Domain::Sensor | Domain::BinarySensor | Domain::DeviceTracker)
    };
    let nouns = || clause.nouns.iter().filter(|noun| !noun.is_empty());
    is_measured
        || nouns().count() == 1
            && nouns().all(|noun| {
                let want = Want { is_question: true, ..Want::default() };
                noun::find(noun, &want, scene).is_ok_and(|found| {
                    found.score >= 1.0
                        && found.is_single
                        && found.set.iter().all(|i| is_read_only(scene.ground.things[i].domain))
                })
            })
}

/// Words that only say that and how it is asked.
fn is_asking(span: &Span) -> bool {
    let is_said_elsewhere =
        span.tags.iter().any(|tag| matches!(tag, Tag::State(_) | Tag::Measure(_)));
    (is_any_of(span, ASKING) || is_any_of(span, ASIDE))
        && !span.is_name()
        && span.verb().is_none()
        && !is_said_elsewhere
}

/// The spans of a question that say what it is about.
fn content(spans: &[Span]) -> Vec<Span> {
    let has = |word: Word| spans.iter().any(|span| span.is(word));
    let (asks_who, asks_warmth) = (has(Word::Who) || has(Word::Where), has(Word::HowWarm));
    let is_now = |span: &Span| span.tags.contains(&Tag::DayPart(DayPart::Today));
    let kept = spans.iter().filter(|span| (span.is_name() || !is_now(span)) && !is_asking(span));
    let last = spans.last().map_or(0, |span| span.at);
    let measures = spans.iter().any(|span| span.tags.iter().any(|t| matches!(t, Tag::Measure(_))));
    kept.map(|span| about::felt(span).unwrap_or_else(|| span.clone()))
        .map(|mut span| {
            let is_home = |tag: &Tag| matches!(tag, Tag::State(state) if &**state == "home");
            let is_storey = |tag: &Tag| matches!(tag, Tag::Storey(_));
            // "Là" of "qui est là", "out" of "how cold is it out".
            let is_in = |tag: &Tag| *tag == Tag::Word(Word::In);
            // "On" of "the time left on the washer".
            if measures && span.particle() == Some(Act::On) && span.at < last {
                span.tags.retain(is_in);
            } else if asks_who && span.tags.iter().any(is_home) {
                span.tags.retain(is_home);
            } else if asks_warmth && span.tags.iter().any(is_storey) {
                span.tags.retain(is_storey);
            }
            span
        })
        .collect()
}

/// The question of a sentence and what it is about.
///
/// # Errors
/// [`No`] when it is not understood.
pub(super) fn asked(spans: &[Span], scene: &Scene<'_>) -> Result<(Question, Vec<Slot>, f64), No> {
    let has = |word: Word| spans.iter().any(|span| span.is(word));
    if has(Word::OtherQuestion) {
        return Err(No::Wish);
    }
    let mut clauses = clause::clauses(&content(spans), scene);
    if clauses.len() > 1 {
        return Err(No::Wish);
    }
    let mut clause = clauses.pop().unwrap_or_default();
    if let Some(strange) = clause.strange.iter().find(|said| !said.is_empty()) {
        return Err(No::Unexplained(vec![strange.clone()]));
    }
    share::share(&mut clause.nouns);
    let about = about::about(&has, &clause);
    if clause.goes_on && about == About::State && clause.act.is_none() && clause.values.is_empty() {
        return again(&clause, scene);
    }
    let state = about::state(&clause, has(Word::Forgot))
        .or_else(|| has(Word::Home).then(|| Arc::from("home")));
    let is_set = has(Word::SetTo) && clause.act.is_none_or(|act| act == Act::Set);
    let want = about::want(&about, state.as_deref(), is_set);
    let mut nouns: Vec<Noun> =
        clause.nouns.iter().filter(|noun| !noun.is_empty()).cloned().collect();
    let mut found = Vec::new();
    for noun in &nouns {
        found.push(find(noun, &about, &want, scene)?);
    }
    // "What isn't locked?"
    let asks_which = has(Word::Which) || has(Word::What) || has(Word::HowMany);
    let state = match state.as_deref() {
        Some(state) if (clause.is_negated || has(Word::Not)) && asks_which => {
            opposite(state).map(Arc::from)
        }
        _ => state,
    };
    if found.is_empty() {
        if state.is_none() && !is_set && matches!(about, About::State) {
            return Err(No::Wish);
        }
        let noun = Noun {
            is_everywhere: !is_set && !matches!(about, About::Temperature | About::Measured(_)),
            ..Noun::default()
        };
        found.push(noun::find(&noun, &want, scene)?);
        nouns.push(noun);
    }
    let is_detection = found.iter().all(|found| about::is_detection(found, scene));
    found = match state.as_deref() {
        Some("open" | "closed") => {
            found.into_iter().map(|found| about::openings(found, scene)).collect()
        }
        Some("locked" | "unlocked") => {
            found.into_iter().map(|found| about::locks(found, scene)).collect()
        }
        _ => found,
    };
    let state = state.or_else(|| {
        (is_detection && !matches!(about, About::Since | About::Where)).then(|| Arc::from("on"))
    });
    let kind = kind(&has, &about, state.as_deref(), &clause, &found);
    let mut except = Vec::new();
    for noun in &clause.except {
        except.extend(noun::find(noun, &want, scene)?.targets);
    }
    let score = found.iter().map(|found| found.score).fold(1.0, f64::min);
    let slots: Vec<Slot> = found.iter().flat_map(|found| found.slots.clone()).collect();
    let mut targets = Vec::new();
    for (found, noun) in found.iter().zip(&nouns) {
        targets.extend(about::targets(found, noun, &about, kind, scene));
    }
    let mut targets = targets.into_iter();
    let Some(target) = targets.next() else { return Err(No::Wish) };
    let question =
        Question { and: targets.collect(), except, about, ..Question::new(kind, state, target) };
    Ok((question, slots, score))
}

/// What a noun phrase means, be it only by the name of what measures it.
fn find(noun: &Noun, about: &About, want: &Want, scene: &Scene<'_>) -> Result<Found, No> {
    let missed = match noun::find(noun, want, scene) {
        Ok(found) if found.score >= 1.0 => return Ok(found),
        other => other,
    };
    let class = match about {
        About::Temperature => Some("temperature"),
        About::Measured(class) | About::Most(class) | About::Least(class) => Some(&**class),
        About::Below(class, _) | About::Above(class, _) => Some(&**class),
        About::State | About::Since | About::Where | About::Who => None,
    };
    let called = class.and_then(|class| about::called(noun, class, scene));
    Ok(called.map_or(missed, Ok)?)
}

/// What kind of answer is wanted.
fn kind(
    has: &dyn Fn(Word) -> bool,
    about: &About,
    state: Option<&str>,
    clause: &Clause,
    found: &[Found],
) -> Asked {
    let is_any = clause.nouns.iter().any(|noun| noun.is_any);
    let is_all = clause.nouns.iter().any(|noun| noun.is_all || noun.is_everything);
    let is_single = found.len() == 1 && found[0].is_single;
    let is_state = matches!(about, About::State);
    let has_kind = clause.nouns.iter().any(Noun::has_kind);
    let counts = has(Word::HowMany)
        && !has(Word::SetTo)
        && (state.is_some() || !is_single)
        && (is_state || matches!(about, About::Who) || has_kind);
    if counts {
        Asked::HowMany
    } else if has(Word::Who) && (is_all || has(Word::All)) {
        Asked::All
    } else if has(Word::Who) && !is_single || matches!(about, About::Below(..) | About::Above(..)) {
        Asked::Which
    } else if !is_state && !matches!(about, About::Who) || state.is_none() {
        Asked::One
    } else if has(Word::Which) || has(Word::What) && !is_single {
        Asked::Which
    } else if is_any || has(Word::ThereIs) {
        Asked::Any
    } else if is_all || !is_single && state.is_some_and(about::is_safe) {
        Asked::All
    } else if is_single {
        Asked::YesNo
    } else {
        Asked::Any
    }
}

/// Whether a sentence only names something else to ask the last question of: "and the hall".
pub(super) fn goes_on(spans: &[Span], scene: &Scene<'_>) -> bool {
    let begins = spans.first().is_some_and(|first| first.is(Word::And) || first.is(Word::Too));
    begins
        && scene.memory.question.is_some()
        && scene.memory.command.is_none()
        && spans.iter().all(|span| span.verb().is_none() || span.is_name())
}

/// "And the hall?": what was asked before, of something else.
fn again(clause: &Clause, scene: &Scene<'_>) -> Result<(Question, Vec<Slot>, f64), No> {
    let last = scene.memory.question.as_ref().filter(|_| clause.goes_on).ok_or(No::Wish)?;
    let want = about::want(&last.about, last.state.as_deref(), false);
    let implied =
        if last.target.domains.is_empty() { want.implied } else { last.target.domains.clone() };
    let want = Want { implied, ..want };
    let mut targets = Vec::new();
    let mut slots = Vec::new();
    for noun in clause.nouns.iter().filter(|noun| !noun.is_empty()) {
        let found = noun::find(noun, &want, scene)?;
        let same_classes = found.targets.iter().all(|target| {
            target.entities.is_empty() && target.name.is_none() && target.classes.is_empty()
        });
        let of_same = |target: TargetWords| match same_classes && target.classes.is_empty() {
            true => TargetWords {
                classes: last.target.classes.clone(),
                class_word: last.target.class_word.clone(),
                ..target
            },
            false => target,
        };
        let found_targets = about::targets(&found, noun, &last.about, last.kind, scene);
        targets.extend(found_targets.into_iter().map(of_same));
        slots.extend(found.slots);
    }
    let mut targets = targets.into_iter();
    let target = targets.next().ok_or(No::Wish)?;
    // The thing may have other words for the state: a window is not locked but closed.
    let kind = if last.kind == Asked::YesNo { Asked::One } else { last.kind };
    let question =
        Question { target, kind, and: targets.collect(), except: Vec::new(), ..last.clone() };
    Ok((question, slots, 0.95))
}
