//! Things that are named after what they serve: "start the car" does not mean its charger, nor "turn on the cat" the feeder.
//! Where such a thing is found by the word for what it serves alone, and no verb says what it does to it, a person has to
//! say that it is meant.

use super::ground::Set;
use super::noun::{Noun, Scene, is_content};
use super::part::Part;

/// Words before and behind a noun phrase that may say what is done to it: "start charging the", "get the car charging".
const NEAR: usize = 3;

/// Whether one of these things is not what was said, but something for it.
pub(super) fn only_serves(noun: &Noun, parts: &[Part], set: &Set, scene: &Scene<'_>) -> bool {
    let lexicon = scene.lexicon;
    let is_one_of = |words: &[String], word: &str| {
        let stem = lexicon.stem(word);
        words.iter().any(|known| lexicon.stem(known) == stem)
    };
    let near = scene.tokens.iter().take(noun.end + NEAR).skip(noun.at.saturating_sub(NEAR));
    if near.into_iter().any(|token| is_one_of(&lexicon.serving, &token.key)) {
        return false;
    }
    let said: Vec<&str> = parts
        .iter()
        .filter(|part| is_content(&part.span))
        .flat_map(|part| &scene.tokens[part.span.at..part.span.end])
        .map(|token| token.key.as_str())
        .collect();
    let is_said = |word: &String| said.iter().any(|said| lexicon.stem(said) == lexicon.stem(word));
    let is_apart = said.iter().all(|word| is_one_of(&lexicon.served, word));
    set.iter().any(|index| {
        let names = scene.ground.things[index].names.iter();
        let mut unsaid = names.filter(|name| name.iter().any(is_said)).map(|name| {
            name.iter().filter(|word| !is_said(word) && !lexicon.is_glue(word)).collect::<Vec<_>>()
        });
        unsaid.all(|unsaid| {
            !unsaid.is_empty()
                && (is_apart || unsaid.iter().any(|word| is_one_of(&lexicon.serves, word)))
        })
    })
}
