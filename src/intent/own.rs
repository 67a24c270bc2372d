//! Homard's own language packs, built into the program. The sentences are in `models/sentences`.

use std::collections::BTreeMap;

use crate::intent::pack::{Pack, PackProblem, Source};

macro_rules! sources {
    ($language:literal: $($name:literal),*) => {
        &[$(Source {
            file: concat!("models/sentences/", $language, "/", $name, ".yaml"),
            text: include_str!(concat!("../../models/sentences/", $language, "/", $name, ".yaml")),
        }),*]
    };
}

/// The languages with sentences of Homard's own, and their files.
const OWN: &[(&str, &[Source<'static>])] = &[
    ("en", sources!("en": "rules", "commands", "questions", "replies")),
    ("fr", sources!("fr": "rules", "commands", "questions", "replies")),
];

/// The words of languages that are understood in any order, see `intent::words`.
const WORDS: &[(&str, &[Source<'static>])] =
    &[("en", sources!("en": "words")), ("fr", sources!("fr": "words"))];

/// The file of words of a language, or of its family.
pub(crate) fn words(language: &str) -> Option<Source<'static>> {
    let family = language.split(['-', '_']).next().unwrap_or(language).to_lowercase();
    let (_, sources) = WORDS.iter().find(|(code, _)| *code == family)?;
    sources.first().copied()
}

/// The codes of the languages that Homard speaks without any pack fetched.
pub fn languages() -> impl Iterator<Item = &'static str> {
    OWN.iter().map(|(language, _)| *language)
}

/// Homard's own pack of a language, or of its family (`en` for `en-GB`). The problems are empty in
/// any program that passed its tests.
pub fn pack(language: &str) -> Option<(Pack, Vec<PackProblem>)> {
    let family = language.split(['-', '_']).next().unwrap_or(language).to_lowercase();
    let (code, sources) = OWN.iter().find(|(code, _)| *code == family)?;
    Some(Pack::read(code, sources))
}

/// Homard's own words for replies in English, with which a language is spoken that has none.
pub(crate) fn english_replies() -> BTreeMap<String, BTreeMap<String, String>> {
    let english =
        OWN.iter().find(|(code, _)| *code == "en").map_or(&[][..], |(_, sources)| *sources);
    let replies = english.iter().filter(|source| source.file.ends_with("/replies.yaml"));
    Pack::read("en", &replies.copied().collect::<Vec<_>>()).0.words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intent::matcher::Matcher;
    use crate::intent::program;

    #[test]
    fn own_packs_have_no_problems_and_nothing_unused() {
        for language in languages() {
            let (pack, problems) = pack(language).unwrap();
            assert!(problems.is_empty(), "{problems:#?}");
            let (matcher, problems) = Matcher::new(&pack);
            assert!(problems.is_empty(), "{problems:#?}");
            assert!(matcher.n_sentences() > 200);
            let unused = program::unused(&pack);
            assert!(unused.is_empty(), "{language}: {unused:?}");
        }
        assert_eq!(english_replies(), pack("en").unwrap().0.words);
        assert!(pack("tlh").is_none());
        assert_eq!(pack("en-GB").unwrap().0.language, "en");
    }
}
