//! "It's cold, turn on the heating", "turn off the light, I'm going to bed": people say why. It takes
//! the sentences that only tell out of those that wish; whether what remains is understood is not its
//! business.

use super::noun::{Scene, is_content};
use super::spans::Span;
use super::tag::{Act, Tag, Word};

/// The spans of what is wished, if something is; else all.
pub(super) fn without(spans: Vec<Span>, scene: &Scene<'_>) -> Vec<Span> {
    let has = |word: Word| spans.iter().any(|span| span.is(word));
    if [Word::If, Word::Unless, Word::When, Word::Reported, Word::Until].into_iter().any(has) {
        return spans;
    }
    let mut parts: Vec<Vec<Span>> = Vec::new();
    let after_pause = |span: &Span| scene.tokens[span.at].after_pause;
    let news: Vec<usize> = (0..spans.len())
        .filter(|at| after_pause(&spans[*at]))
        .filter(|at| {
            let end = spans[at + 1..].iter().position(after_pause);
            is_news(&spans[*at..end.map_or(spans.len(), |n| at + 1 + n)])
        })
        .collect();
    for (index, span) in spans.into_iter().enumerate() {
        let begins = after_pause(&span) && (begins_sentence(&span) || news.contains(&index))
            || span.is_only(Word::Because);
        match parts.last_mut() {
            Some(part) if !begins => part.push(span),
            _ => parts.push(vec![span]),
        }
    }
    let is_command: Vec<bool> = parts.iter().map(|part| commands(part)).collect();
    if parts.len() < 2 || !is_command.contains(&true) {
        return parts.into_iter().flatten().collect();
    }
    let refers = parts.iter().zip(&is_command).any(|(part, is_command)| {
        let names = |span: &Span| is_content(span) && span.verb().is_none();
        *is_command && part.iter().any(|span| span.is(Word::It)) && !part.iter().any(names)
    });
    let mut out = Vec::new();
    for (part, is_command) in parts.into_iter().zip(is_command) {
        if is_command || !tells(&part) {
            out.extend(part);
        } else if refers {
            // "I forgot the iron, switch it off."
            let names = part.into_iter().filter(|span| is_content(span) && !span.is_unknown());
            out.extend(names.map(|span| Span { tags: kinds(&span), ..span }));
        }
    }
    out
}

fn kinds(span: &Span) -> Vec<Tag> {
    span.tags.iter().filter(|tag| matches!(tag, Tag::Kind { .. })).cloned().collect()
}

fn begins_sentence(span: &Span) -> bool {
    let tells = [Word::Feel, Word::Subject, Word::Told, Word::Because];
    span.verb().is_some() || tells.into_iter().any(|word| span.is(word))
}

/// "The baby's asleep": told of something that the house does not have.
fn is_news(part: &[Span]) -> bool {
    let mut others =
        part.iter().filter(|span| !span.is(Word::Be) && !span.is_only(Word::Article)).peekable();
    part.iter().any(|span| span.is(Word::Be))
        && others.peek().is_some()
        && others.all(|span| span.is_unknown() && !span.is_name())
}

/// Whether a part begins as a command does.
fn commands(part: &[Span]) -> bool {
    let first = part.iter().find(|span| !span.is_only(Word::And));
    let is_wish = |act: Act| !act.is_need() && act != Act::Ensure;
    first.is_some_and(|first| first.verb().is_some_and(is_wish))
        && !part.iter().any(|span| span.is(Word::Subject) && span.is_only(Word::Subject))
}

/// Whether a part only tells something.
fn tells(part: &[Span]) -> bool {
    let telling = [Word::Feel, Word::Subject, Word::Told, Word::Because, Word::Be];
    let is_telling = |span: &Span| {
        telling.into_iter().any(|word| span.is(word))
            || span.verb().is_some_and(|act| act.is_need() || act == Act::Ensure)
    };
    let is_asking = part.first().is_some_and(|first| first.is(Word::Be) && !first.is(Word::Feel));
    part.iter().any(is_telling) && !is_asking
}
