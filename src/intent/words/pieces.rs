//! An utterance cut where one wish ends and the next begins, whatever is said in each.

use super::tag::{Tag, Word};
use super::{Vocabulary, token};

impl Vocabulary {
    /// The pieces of an utterance between "and", "then" and pauses, in the order said, without a "first" before them. It is
    /// not known that each is a wish.
    pub fn pieces<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let (tokens, is_cut) = token::cut(text);
        let mut pieces = Vec::new();
        let (mut at, mut begin) = (0, 0);
        let mut end_piece = |begin: usize, end: usize| {
            let is_begin = |at: &usize| self.lexicon.begins.contains(&tokens[*at].key);
            let begin = (begin..end).find(|at| !is_begin(at)).unwrap_or(end);
            let piece =
                tokens.get(begin..end).and_then(|piece| Some((piece.first()?, piece.last()?)));
            pieces.extend(piece.and_then(|(first, last)| text.get(first.from..last.to)));
        };
        while at < tokens.len() {
            let joins = |tag: &Tag| matches!(tag, Tag::Word(Word::And | Word::Then));
            let phrases = self.lexicon.phrases_at(&tokens, at);
            let n_joining = phrases.iter().filter(|(_, tag)| joins(tag)).map(|(n, _)| *n).max();
            if n_joining.is_some() || tokens[at].after_pause {
                end_piece(begin, at);
                begin = at + n_joining.unwrap_or(0);
            }
            at += n_joining.unwrap_or(1);
        }
        end_piece(begin, tokens.len());
        if is_cut { Vec::new() } else { pieces }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::intent::own;
    use crate::intent::words::lexicon::Lexicon;

    #[test]
    fn wishes_are_cut_apart_in_the_order_said() {
        let check = |language: &str, text: &str, expected: &[&str]| {
            let (lexicon, _) =
                own::words(language, |source| Lexicon::read(language, source)).unwrap();
            assert_eq!(Vocabulary { lexicon: Arc::new(lexicon) }.pieces(text), expected, "{text}");
        };
        check(
            "en",
            "first turn off the lamp and then, I freeze",
            &["turn off the lamp", "I freeze"],
        );
        check("en", "Dust everywhere; lights off!", &["Dust everywhere", "lights off"]);
        check("en", "turn on the lamp", &["turn on the lamp"]);
        check("en", "first and then", &[]);
        check("fr", "d'abord éteins la lampe puis j'ai froid", &["éteins la lampe", "j'ai froid"]);
        check("en", &"and ".repeat(200), &[]);
    }
}
