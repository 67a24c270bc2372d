//! Matches an utterance against a language pack. It owns what a match is and which of several is the
//! best (hassil's `recognize_best`); `run` walks the templates.

use std::sync::Arc;

use crate::intent::compile;
use crate::intent::lists::HomeLists;
use crate::intent::pack::{Pack, PackProblem};
use crate::intent::program::Program;
use crate::intent::run::Run;
use crate::intent::value::{Context, Value};
use crate::text;

/// Longest utterance looked at, in letters. Nobody commands a lamp at greater length.
pub const MAX_UTTERANCE: usize = 600;
/// A compiled language pack.
#[derive(Debug, Clone, Default)]
pub struct Matcher {
    program: Program,
}

impl PartialEq for Matcher {
    /// The same matcher, not an equal one: there is one per language and it never changes.
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

/// How to match.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Names, areas and floors that the home does not have match too, marked as unknown: to say
    /// which word was not understood.
    pub allow_unknown: bool,
}

/// What a matcher found.
#[derive(Debug, Clone, Default)]
pub struct Recognition {
    /// All matches, the best first.
    pub matches: Vec<Match>,
    /// The budget ran out, so there may be more.
    pub is_cut: bool,
}

/// A sentence template that the utterance matches, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// The intent.
    pub intent: Arc<str>,
    /// Its slots: said ones in the order said, then fixed ones, then those from the context.
    pub slots: Vec<Slot>,
    /// What is for the reply only (`{list:@name}`): name and the words said.
    pub captures: Vec<(Arc<str>, String)>,
    /// Key of the reply.
    pub response: Arc<str>,
    /// What else the pack says about the sentence.
    pub metadata: Arc<[(Arc<str>, Value)]>,
    /// What was known before, and what the words brought along.
    pub context: Context,
    /// The template, for `--explain`.
    pub template: Arc<str>,
    /// Letters of literal text matched.
    pub n_literal: u16,
    /// Letters that matched only without their accent.
    pub n_accents: u16,
}

/// A slot of an intent.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    /// Its name.
    pub name: Arc<str>,
    /// Its value.
    pub value: Value,
    /// The words said; empty for a fixed slot or one from the context.
    pub said: String,
    /// Where they begin in the utterance, in bytes; 0 if none were said.
    pub from: usize,
    /// How it was filled.
    pub source: Source,
}

/// How a slot was filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// By a value of a list or a number.
    Said,
    /// By any words.
    Wildcard,
    /// By words that stand where a name of the home should.
    Unknown,
    /// By the sentence block.
    Fixed,
    /// By what was known around the utterance.
    Context,
}

impl Match {
    /// The value of a slot.
    pub fn slot(&self, name: &str) -> Option<&Value> {
        self.find(name).map(|slot| &slot.value)
    }

    /// A slot; the last one if the sentence fills it twice.
    pub fn find(&self, name: &str) -> Option<&Slot> {
        self.slots.iter().rev().find(|slot| &*slot.name == name)
    }

    /// What the pack says about the sentence under `key`.
    pub fn about(&self, key: &str) -> Option<&Value> {
        self.metadata.iter().find(|(name, _)| &**name == key).map(|(_, value)| value)
    }

    /// The slots that stand where a name of the home should, but are none.
    pub fn unknown(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(|slot| slot.source == Source::Unknown)
    }

    fn n_wildcards(&self) -> usize {
        self.slots.iter().filter(|s| matches!(s.source, Source::Wildcard | Source::Unknown)).count()
    }

    fn wildcard_length(&self) -> usize {
        let open = |s: &&Slot| matches!(s.source, Source::Wildcard | Source::Unknown);
        self.slots.iter().filter(open).map(|s| s.said.chars().count()).sum()
    }

    /// How long the name is that was said; 0 without one.
    fn name_length(&self) -> usize {
        match self.find("name") {
            Some(Slot { source: Source::Said, said, .. }) => said.chars().count(),
            _ => 0,
        }
    }
}

impl Matcher {
    /// Compiles a pack. Sentences that name a missing rule or list match nothing and are told.
    pub fn new(pack: &Pack) -> (Matcher, Vec<PackProblem>) {
        let (program, problems) = compile::compile(pack);
        (Matcher { program }, problems)
    }

    /// Number of sentence templates.
    pub fn n_sentences(&self) -> usize {
        self.program.sentences.len()
    }

    /// Bytes held, about.
    pub fn size(&self) -> usize {
        self.program.size()
    }

    /// Matches an utterance. `context` is what is known around it, for example the speaker's area.
    pub fn recognize(
        &self,
        utterance: &str,
        home: &HomeLists,
        context: &Context,
        options: Options,
    ) -> Recognition {
        let heard = text::hear(utterance);
        if heard.letters.is_empty() || heard.letters.len() > MAX_UTTERANCE {
            return Recognition::default();
        }
        let mut run = Run::new(&self.program, home, context, options, utterance, heard);
        run.all();
        let (found, is_cut) = run.found();
        Recognition { matches: ranked(found), is_cut }
    }
}

/// The matches, the best first: a named thing before a place or a kind, the longest name first; then
/// as little open text as possible, the exact spelling, as much literal text as possible. The last
/// two keys only make the order certain.
fn ranked(mut matches: Vec<Match>) -> Vec<Match> {
    matches.sort_by_cached_key(|found| {
        (
            std::cmp::Reverse(found.name_length()),
            found.n_wildcards(),
            found.n_accents,
            std::cmp::Reverse(found.n_literal),
            found.wildcard_length(),
            found.intent.clone(),
        )
    });
    matches.dedup();
    matches
}
