//! Of which kinds the words of an utterance are, before anybody looks for what it means.

use super::spans::{self, Span};
use super::tag::Tag;
use super::{Situation, Vocabulary, token};

impl Vocabulary {
    /// How many words of an utterance are words of this language: names and numbers are of none.
    pub fn n_known(&self, utterance: &str, situation: &Situation<'_>) -> usize {
        let (tokens, _) = token::cut(utterance);
        let all = (0, tokens.len());
        let spans = spans::spans(&tokens, all, false, &self.lexicon, &situation.names.ground);
        let is_word = |span: &&Span| {
            !span.is_unknown()
                && !span.is_name()
                && span.tags.iter().any(|tag| !matches!(tag, Tag::Number(_)))
        };
        spans.iter().filter(is_word).map(|span| span.end - span.at).sum()
    }

    /// Whether an utterance is about the house: it has the name of a thing or a place, or a word for a kind of thing, a
    /// deed, a state or something measured.
    pub fn is_of_house(&self, utterance: &str, situation: &Situation<'_>) -> bool {
        let (tokens, is_cut) = token::cut(utterance);
        let all = (0, tokens.len());
        let spans = spans::spans(&tokens, all, false, &self.lexicon, &situation.names.ground);
        let is_of_house = |tag: &Tag| {
            matches!(
                tag,
                Tag::Verb(_)
                    | Tag::Particle(_)
                    | Tag::Kind { .. }
                    | Tag::State(_)
                    | Tag::Measure(_)
                    | Tag::Mode(_)
            )
        };
        is_cut || spans.iter().any(|span| span.is_name() || span.tags.iter().any(is_of_house))
    }

    /// Whether some word says what is to be done: a verb, "off", a state, a value with its unit; or
    /// is not known here, as the verb of somebody else's sentence. Names, kinds and numbers do not.
    pub fn says_deed(&self, utterance: &str, situation: &Situation<'_>) -> bool {
        let (tokens, _) = token::cut(utterance);
        let all = (0, tokens.len());
        let spans = spans::spans(&tokens, all, false, &self.lexicon, &situation.names.ground);
        let says = |tag: &Tag| {
            !matches!(
                tag,
                Tag::Kind { .. } | Tag::Number(_) | Tag::Word(_) | Tag::Talk(_) | Tag::Storey(_)
            )
        };
        let says = |span: &Span| span.is_unknown() || span.tags.iter().any(says);
        spans.iter().any(|span| !span.is_name() && says(span))
    }
}
