//! A language as the assistant speaks it: the owner's sentences, the official pack and Homard's own, compiled. It owns
//! what one pack lends to another; it reads no file, and which of them counts is `weigh`'s business.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::intent::lists::HomeLists;
use crate::intent::matcher::{Matcher, Options};
use crate::intent::meaning::{Reading, Understanding};
use crate::intent::pack::{Pack, PackProblem};
use crate::intent::script::Script;
use crate::intent::value::{Context, Value};
use crate::intent::words::Vocabulary;
use crate::intent::{self, own};

use super::official::Official;
use super::script::Scripts;
use super::{Speaker, Voice};

/// How the names of the intents begin that Homard itself acts on; they are Home Assistant's.
const BUILT_IN: &str = "Hass";

/// A pack's words for replies, see [`Voice`].
pub(super) type Words = BTreeMap<String, BTreeMap<String, String>>;

/// What a language is made of. One without any of them understands nothing.
#[derive(Debug, Default)]
pub struct Packs {
    /// The owner's sentences.
    pub owner: Option<Pack>,
    /// What the owner's own intents do, by their names.
    pub scripts: BTreeMap<Arc<str>, Script>,
    /// The pack of the official collection.
    pub official: Option<Pack>,
    /// Homard's own, see [`own::pack`].
    pub own: Option<Pack>,
}

/// Whose sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sentences {
    /// The owner's.
    Owner,
    /// The official pack's.
    Pack,
    /// Homard's own.
    Own,
}

/// A compiled language. It never changes: another one takes its place.
#[derive(Debug, PartialEq)]
pub struct Language {
    pub(super) code: String,
    /// What replies are made of: Homard's own, in English where the language has none.
    pub(super) words: Words,
    /// The owner's sentences.
    owner: Option<Matcher>,
    /// The official pack's.
    pack: Option<Matcher>,
    /// Homard's own.
    own: Option<Matcher>,
    /// The official pack's wording for replies, with the owner's, and for what went wrong; where the language has
    /// no words of Homard's own, it answers with it.
    official: Option<Official>,
    /// The owner's wording for replies.
    owners: Option<Official>,
    /// What the owner's own intents do.
    pub(super) scripts: Scripts,
    /// Its words for way 2.
    pub(super) vocabulary: Option<Vocabulary>,
    /// It is heard only where somebody says that it is spoken, and does not guess at the rest.
    pub(super) is_on_demand: bool,
}

impl Language {
    /// Compiles what there is of a language: takes milliseconds, so not in the hub's loop. What cannot be used is
    /// left out and told.
    pub fn compile(code: &str, packs: Packs) -> (Language, Vec<PackProblem>) {
        let Packs { owner, scripts, mut official, mut own } = packs;
        let (scripts, mut problems) = Scripts::new(scripts);
        if let (Some(official), Some(own)) = (&mut official, &own) {
            official.no_names.add(&own.no_names);
        }
        let owners =
            owner.as_ref().map(|owner| Official::new(owner.responses.clone(), BTreeMap::new()));
        let owners = owners.filter(|owners| !owners.is_empty());
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
            for block in owner.blocks {
                if scripts.has(&block.intent) || block.intent.starts_with(BUILT_IN) {
                    whole.blocks.push(block);
                } else {
                    let problem = "is no intent of Homard's and has no `intent_script:`, so its \
                                   sentences can do nothing";
                    problems.push(PackProblem::Entry {
                        file: block.file.to_string(),
                        place: block.intent.to_string(),
                        problem: problem.to_owned(),
                    });
                }
            }
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
        let replies = Official::new(responses, errors);
        let official_voice = (own.is_none() && !replies.is_empty()).then_some(replies);
        let words = match &mut own {
            Some(own) => std::mem::take(&mut own.words),
            None => own::english_replies(),
        };
        let mut compiled = |pack: Option<Pack>| {
            let (matcher, found) = Matcher::new(&pack.filter(|pack| !pack.blocks.is_empty())?);
            problems.extend(found);
            Some(matcher)
        };
        let (owner, pack, own) = (compiled(own_sentences), compiled(official), compiled(own));
        let vocabulary = Vocabulary::own(code).map(|(vocabulary, found)| {
            problems.extend(found);
            vocabulary
        });
        let code = code.to_owned();
        let language = Language {
            code,
            words,
            owner,
            pack,
            own,
            official: official_voice,
            owners,
            scripts,
            vocabulary,
            is_on_demand: false,
        };
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
        [&self.owner, &self.pack, &self.own].into_iter().flatten().map(Matcher::size).sum()
    }

    /// What an utterance means by sentences of this kind. `area` is the speaker's, by name.
    pub(super) fn understand(
        &self,
        sentences: Sentences,
        utterance: &str,
        area: Option<&str>,
        lists: &HomeLists,
    ) -> Understanding {
        let matcher = match sentences {
            Sentences::Owner => &self.owner,
            Sentences::Pack => &self.pack,
            Sentences::Own => &self.own,
        };
        matcher.as_ref().map_or(Understanding::Nothing, |matcher| {
            intent::understand(utterance, area, &self.code, matcher, lists)
        })
    }

    /// How the owner's sentences read an utterance, if what they mean is for a script.
    pub(super) fn scripted(
        &self,
        utterance: &str,
        area: Option<&str>,
        lists: &HomeLists,
    ) -> Option<Reading> {
        let matcher = self.owner.as_ref()?;
        let context: Context =
            area.map(|area| (Arc::from("area"), Value::from(area))).into_iter().collect();
        let found = matcher.recognize(utterance, lists, &context, Options::default());
        let best = found.matches.into_iter().next()?;
        let is_scripted = self.scripts.has(&best.intent);
        is_scripted.then(|| intent::reading(utterance, &self.code, &best))
    }

    pub(super) fn speaker(&self) -> Speaker<'_> {
        let (official, owners) = (self.official.as_ref(), self.owners.as_ref());
        Speaker { voice: Voice::new(&self.words), official, owners, code: &self.code }
    }
}
