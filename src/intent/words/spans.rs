//! Cuts an utterance into spans: which neighbouring words belong together, and what each group can
//! be. The cut that explains most wins; what a group is of the things it can be, its context decides
//! later. It owns the weights of that choice.

use std::sync::Arc;

use super::ground::{Ground, Named, Set};
use super::lexicon::Lexicon;
use super::noun::Scene;
use super::tag::{Act, Tag, Word};
use super::token::Token;

/// Neighbouring words and what they can be.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Span {
    /// First word.
    pub at: usize,
    /// Behind the last word.
    pub end: usize,
    /// What it can be, by the language.
    pub tags: Vec<Tag>,
    /// Things with exactly this name.
    pub things: Set,
    /// Areas and floors with exactly this name.
    pub places: Vec<u16>,
}

impl Span {
    /// Whether it can be this word of grammar.
    pub(super) fn is(&self, word: Word) -> bool {
        self.tags.contains(&Tag::Word(word))
    }

    /// Whether it can be nothing but words of grammar of this kind.
    pub(super) fn is_only(&self, word: Word) -> bool {
        self.is(word) && self.tags.len() == 1 && !self.is_name()
    }

    /// The verb that it can be.
    pub(super) fn verb(&self) -> Option<Act> {
        self.tags.iter().find_map(|tag| if let Tag::Verb(act) = tag { Some(*act) } else { None })
    }

    /// The particle that it can be.
    pub(super) fn particle(&self) -> Option<Act> {
        self.tags
            .iter()
            .find_map(|tag| if let Tag::Particle(act) = tag { Some(*act) } else { None })
    }

    /// The number that it can be.
    pub(super) fn number(&self) -> Option<f64> {
        self.tags.iter().find_map(|tag| if let Tag::Number(n) = tag { Some(*n) } else { None })
    }

    /// The kind of device that it can be.
    pub(super) fn kind(&self) -> Option<(u16, bool)> {
        self.tags.iter().find_map(|tag| match tag {
            Tag::Kind { index, is_plural, .. } => Some((*index, *is_plural)),
            _ => None,
        })
    }

    /// Whether its kind is rather of single things: "chandelier".
    pub(super) fn is_special_kind(&self) -> bool {
        let mut kinds = self.tags.iter().filter_map(|tag| match tag {
            Tag::Kind { is_special, .. } => Some(*is_special),
            _ => None,
        });
        kinds.next().is_some_and(|first| first && kinds.all(|is_special| is_special))
    }

    /// Whether the home has something of exactly this name.
    pub(super) fn is_name(&self) -> bool {
        !self.things.is_empty() || !self.places.is_empty()
    }

    /// Its first word.
    pub(super) fn key<'a>(&self, scene: &Scene<'a>) -> &'a str {
        scene.tokens.get(self.at).map_or("", |token| token.key.as_str())
    }

    /// Whether neither the language nor the home knows it.
    pub(super) fn is_unknown(&self) -> bool {
        self.tags.is_empty() && !self.is_name()
    }
}

/// What a span is worth for each of its words, and for each word beyond the first.
const NAME: (f64, f64) = (1.0, 0.35);
const PHRASE: (f64, f64) = (1.0, 0.2);
const NUMBER: (f64, f64) = (1.0, 0.1);
const JOINED_NAME: (f64, f64) = (0.9, 0.1);
const UNKNOWN: f64 = 0.3;

/// The spans of `tokens[from..to]`. With `without_things` names of things are not looked at, to read
/// "kitchen light" as a room and a kind.
pub(super) fn spans(
    tokens: &[Token],
    (from, to): (usize, usize),
    without_things: bool,
    lexicon: &Lexicon,
    ground: &Ground,
) -> Vec<Span> {
    let n = to.saturating_sub(from);
    // best[i]: worth of the best cut of the first i words, and its last span.
    let mut best: Vec<Option<(f64, Span)>> = vec![None; n + 1];
    best[0] = Some((0.0, Span::default()));
    for start in 0..n {
        let Some((before, _)) = best[start] else { continue };
        for (worth, span) in candidates(tokens, from + start, to, without_things, lexicon, ground) {
            let end = span.end - from;
            let total = before + worth;
            if best[end].as_ref().is_none_or(|(known, _)| total > *known) {
                best[end] = Some((total, span));
            }
        }
    }
    let mut out = Vec::new();
    let mut end = n;
    while end > 0 {
        let Some((_, span)) = best[end].take() else { break };
        end = span.at - from;
        out.push(span);
    }
    out.reverse();
    out
}

/// What can begin at a word, one span for each length.
fn candidates(
    tokens: &[Token],
    at: usize,
    to: usize,
    without_things: bool,
    lexicon: &Lexicon,
    ground: &Ground,
) -> Vec<(f64, Span)> {
    let mut out: Vec<(f64, Span)> = Vec::new();
    let mut put = |n: usize, (each, more): (f64, f64), fill: &mut dyn FnMut(&mut Span)| {
        let worth = each * n as f64 + more * (n - 1) as f64;
        let known = out.iter().position(|(_, span)| span.end == at + n);
        let index = known.unwrap_or_else(|| {
            out.push((worth, Span { at, end: at + n, ..Span::default() }));
            out.len() - 1
        });
        let (known, span) = &mut out[index];
        *known = known.max(worth);
        fill(span);
    };
    for (n, tag) in lexicon.phrases_at(&tokens[..to], at) {
        let worth = if matches!(tag, Tag::Number(_)) { NUMBER } else { PHRASE };
        put(n, worth, &mut |span| {
            if !span.tags.contains(&tag) {
                span.tags.push(tag.clone());
            }
        });
    }
    if tokens[at].key == ":" {
        put(1, PHRASE, &mut |span| span.tags.push(Tag::Word(Word::Oclock)));
    }
    if let Some(number) = tokens[at].number {
        put(1, NUMBER, &mut |span| span.tags.push(Tag::Number(number)));
    }
    for (n, named, is_joined) in ground.names_at(&tokens[..to], at, lexicon) {
        let worth = if is_joined { JOINED_NAME } else { NAME };
        match named {
            Named::Thing(_) if without_things => {}
            Named::Thing(index) => put(n, worth, &mut |span| span.things.put(usize::from(index))),
            Named::Place(index) => put(n, worth, &mut |span| {
                if !span.places.contains(&index) {
                    span.places.push(index);
                }
            }),
        }
    }
    for (n, option) in ground.options_at(&tokens[..to], at) {
        let known = out.iter().any(|(_, span)| span.end == at + n);
        for (_, span) in &mut out {
            // "Confort" is the thing's own word, not the language's `comfort`.
            let is_mode = |tag: &Tag| matches!(tag, Tag::Mode(_));
            if span.end == at + n && span.tags.iter().any(is_mode) {
                span.tags.retain(|tag| !is_mode(tag));
                span.tags.insert(0, Tag::Mode(Arc::clone(option)));
            }
        }
        let is_number = tokens[at].number.is_some();
        if !known && !is_number {
            let span = Span { at, end: at + n, ..Span::default() };
            let worth = PHRASE.0 * n as f64 + PHRASE.1 * (n - 1) as f64;
            out.push((worth, Span { tags: vec![Tag::Mode(Arc::clone(option))], ..span }));
        }
    }
    if !out.iter().any(|(_, span)| span.end == at + 1) {
        out.push((UNKNOWN, Span { at, end: at + 1, ..Span::default() }));
    }
    out
}
