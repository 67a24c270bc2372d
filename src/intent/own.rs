//! Homard's own language packs, built into the program. The sentences are in `models/sentences`.

use std::collections::BTreeMap;

use crate::intent::pack::{Pack, PackProblem, Source};
use crate::packed::{Packed, packed};

/// Files within the program: their paths in the repository, and their texts.
type Files = &'static [(&'static str, Packed)];

macro_rules! files {
    ($language:literal: $($name:literal),*) => {
        &[$((
            concat!("models/sentences/", $language, "/", $name, ".yaml"),
            packed!("models/sentences/", $language, "/", $name, ".yaml"),
        )),*]
    };
}

/// The languages with sentences of Homard's own, and their files.
const OWN: &[(&str, Files)] = &[
    ("en", files!("en": "rules", "commands", "questions", "replies")),
    ("fr", files!("fr": "rules", "commands", "questions", "replies")),
];

/// The words of languages that are understood in any order, see `intent::words`.
const WORDS: &[(&str, Files)] = &[("en", files!("en": "words")), ("fr", files!("fr": "words"))];

/// The files of a language, or of its family (`en` for `en-GB`), and whose they are.
fn of_family(all: &[(&'static str, Files)], language: &str) -> Option<(&'static str, Files)> {
    let family = language.split(['-', '_']).next().unwrap_or(language).to_lowercase();
    all.iter().find(|(code, _)| *code == family).copied()
}

/// What `read` makes of the file of words of a language, or of its family.
pub(crate) fn words<T>(language: &str, read: impl FnOnce(&Source<'_>) -> T) -> Option<T> {
    let (file, packed) = of_family(WORDS, language)?.1.first()?;
    Some(read(&Source { file, text: &packed.text() }))
}

/// The codes of the languages that Homard speaks without any pack fetched.
pub fn languages() -> impl Iterator<Item = &'static str> {
    OWN.iter().map(|(language, _)| *language)
}

/// Homard's own pack of a language, or of its family (`en` for `en-GB`). The problems are empty in
/// any program that passed its tests.
pub fn pack(language: &str) -> Option<(Pack, Vec<PackProblem>)> {
    let (code, files) = of_family(OWN, language)?;
    Some(read(code, files.iter()))
}

/// Homard's own words for replies in English, with which a language is spoken that has none.
pub(crate) fn english_replies() -> BTreeMap<String, BTreeMap<String, String>> {
    let english = of_family(OWN, "en").map_or(&[][..], |(_, files)| files);
    read("en", english.iter().filter(|(file, _)| file.ends_with("/replies.yaml"))).0.words
}

fn read<'a>(
    language: &str,
    files: impl Iterator<Item = &'a (&'static str, Packed)>,
) -> (Pack, Vec<PackProblem>) {
    let texts: Vec<(&str, String)> = files.map(|(file, packed)| (*file, packed.text())).collect();
    let sources: Vec<Source<'_>> = texts.iter().map(|(file, text)| Source { file, text }).collect();
    Pack::read(language, &sources)
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
