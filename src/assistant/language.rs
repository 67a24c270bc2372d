//! A language as the assistant speaks it: the owner's sentences, the official pack and Homard's own, compiled, in the
//! order in which they are asked. It owns that order and what one pack lends to another; it reads no file.

use std::collections::BTreeMap;

use crate::intent::lists::HomeLists;
use crate::intent::matcher::Matcher;
use crate::intent::meaning::Understanding;
use crate::intent::pack::{Pack, PackProblem};
use crate::intent::words::Vocabulary;
use crate::intent::{self, own};

use super::{Speaker, Voice};

/// A pack's words for replies, see [`Voice`].
pub(super) type Words = BTreeMap<String, BTreeMap<String, String>>;

/// What a language is made of. One without any of them understands nothing.
#[derive(Debug, Default)]
pub struct Packs {
    /// The owner's sentences.
    pub owner: Option<Pack>,
    /// The pack of the official collection.
    pub official: Option<Pack>,
    /// Homard's own, see [`own::pack`].
    pub own: Option<Pack>,
}

/// A compiled language. It never changes: another one takes its place.
#[derive(Debug, PartialEq)]
pub struct Language {
    pub(super) code: String,
    /// What replies are made of: Homard's own, in English where the language has none.
    pub(super) words: Words,
    /// Asked one after the other; the first that understands has understood.
    matchers: Vec<Matcher>,
    /// The official pack's wording for replies, with the owner's: intent, then key, then template.
    pub(super) responses: Words,
    /// The official pack's wording for what went wrong, by key.
    pub(super) errors: BTreeMap<String, String>,
    /// Its words for way 2.
    pub(super) vocabulary: Option<Vocabulary>,
    /// It is heard only where somebody says that it is spoken, and does not guess at the rest.
    pub(super) is_on_demand: bool,
}

impl Language {
    /// Compiles what there is of a language: takes milliseconds, so not in the hub's loop. What cannot be used is
    /// left out and told.
    pub fn compile(code: &str, packs: Packs) -> (Language, Vec<PackProblem>) {
        let Packs { owner, mut official, mut own } = packs;
        let mut problems = Vec::new();
        if let Some(owner) = &owner {
            // As in Home Assistant, the owner's lists, rules and skip words hold for all sentences.
            for base in [&mut official, &mut own].into_iter().flatten() {
                base.borrow(owner);
            }
        }
        let own_sentences = owner.map(|owner| {
            let mut whole = Pack { language: code.to_owned(), ..Pack::default() };
            for base in [&own, &official].into_iter().flatten() {
                whole.ignore_whitespace |= base.ignore_whitespace;
                // What both have is the official pack's: the owner's sentences are written for that.
                for name in base.lists.keys() {
                    whole.lists.remove(name);
                }
                whole.borrow(base);
            }
            whole.borrow(&owner);
            whole.blocks = owner.blocks;
            whole
        });
        let responses = [&official, &own_sentences].into_iter().flatten().fold(
            Words::new(),
            |mut all, pack| {
                for (intent, replies) in &pack.responses {
                    all.entry(intent.clone()).or_default().extend(replies.clone());
                }
                all
            },
        );
        let errors = official.as_ref().map(|pack| pack.errors.clone()).unwrap_or_default();
        let words = match &mut own {
            Some(own) => std::mem::take(&mut own.words),
            None => own::pack("en").map(|(english, _)| english.words).unwrap_or_default(),
        };
        let matchers = [own_sentences, official, own]
            .into_iter()
            .flatten()
            .filter(|pack| !pack.blocks.is_empty())
            .map(|pack| {
                let (matcher, found) = Matcher::new(&pack);
                problems.extend(found);
                matcher
            })
            .collect();
        let vocabulary = Vocabulary::own(code).map(|(vocabulary, found)| {
            problems.extend(found);
            vocabulary
        });
        let code = code.to_owned();
        let is_on_demand = false;
        let language =
            Language { code, words, matchers, responses, errors, vocabulary, is_on_demand };
        (language, problems)
    }

    /// The language, heard only where somebody says that it is spoken.
    pub fn on_demand(self) -> Language {
        Language { is_on_demand: true, ..self }
    }

    /// Its code, as its pack has it.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Bytes held by its sentences, about.
    pub fn size(&self) -> usize {
        self.matchers.iter().map(Matcher::size).sum()
    }

    /// What an utterance means in this language. `area` is the speaker's, by name.
    pub(super) fn understand(
        &self,
        utterance: &str,
        area: Option<&str>,
        lists: &HomeLists,
    ) -> Understanding {
        let mut unknown = None;
        for matcher in &self.matchers {
            match intent::understand(utterance, area, &self.code, matcher, lists) {
                Understanding::Nothing => {}
                // The next may know all the words.
                understanding @ Understanding::UnknownName(..) => {
                    unknown.get_or_insert(understanding);
                }
                understanding => return understanding,
            }
        }
        unknown.unwrap_or(Understanding::Nothing)
    }

    pub(super) fn speaker(&self) -> Speaker<'_> {
        Speaker { voice: Voice::new(&self.words), code: &self.code }
    }
}
