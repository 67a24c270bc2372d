//! A language pack compiled for matching: one shared graph of nodes, lists as prefix trees, and for
//! each sentence the literal fragments that an utterance must contain. It is built once per pack and
//! never changes; names of the home come in at match time.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::intent::pack::{Pack, Range, Template};
use crate::intent::sentence::Expr;
use crate::intent::trie::Trie;
use crate::intent::value::{Demand, Value};
use crate::text::{self, Letter};

/// The lists that come from the home instead of the pack.
pub const HOME_LISTS: [&str; 3] = ["name", "area", "floor"];

/// One node of the graph.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Node {
    /// Literal text: a slice of `letters`.
    Text {
        first: u32,
        len: u16,
        literal: u16,
    },
    Sequence {
        first: u32,
        len: u16,
    },
    Alternative {
        first: u32,
        len: u16,
    },
    Permutation {
        first: u32,
        len: u16,
    },
    /// A value of a list: index into `slots`.
    Slot(u32),
    /// A rule without slots, whose results are remembered per place: (memo, inner node).
    Memo(u32, u32),
    /// Never matches: what it refers to is missing and was told.
    Never,
}

/// A place in a template that takes a value of a list.
#[derive(Debug, Clone)]
pub(crate) struct SlotRef {
    pub(crate) list: ListIndex,
    pub(crate) slot: Arc<str>,
    pub(crate) is_capture: bool,
    pub(crate) ends_word: bool,
}

/// Which list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ListIndex {
    /// Index into `Program::lists`.
    Values(u32),
    /// Index into `Program::ranges`.
    Range(u32),
    Wildcard,
    /// Index into [`HOME_LISTS`].
    Home(u8),
}

/// Texts with what they stand for.
#[derive(Debug, Clone, Default)]
pub(crate) struct TextList {
    pub(crate) trie: Trie,
    pub(crate) entries: Vec<TextEntry>,
    pub(crate) exact: Vec<char>,
    pub(crate) values: Vec<TextValue>,
    /// Values whose template could not be written out: (node, value).
    pub(crate) templates: Vec<(u32, u32)>,
}

/// One text of a list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextEntry {
    /// Where its accented letters are in `exact`.
    pub(crate) first: u32,
    pub(crate) value: u32,
}

/// What a text of a list stands for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TextValue {
    pub(crate) out: Option<Value>,
    pub(crate) context: Vec<(Arc<str>, Value)>,
}

/// Numbers in words, of all ranges of a language.
#[derive(Debug, Clone, Default)]
pub(crate) struct NumberWords {
    /// The value indexes `tenths`.
    pub(crate) words: Trie,
    pub(crate) tenths: Box<[i64]>,
}

/// One sentence template.
#[derive(Debug, Clone)]
pub(crate) struct Sentence {
    pub(crate) root: u32,
    pub(crate) block: u32,
    pub(crate) template: Arc<str>,
    /// Each clause: one of these fragments must be in the utterance.
    pub(crate) clauses: Box<[Box<[u32]>]>,
    pub(crate) skips: Skips,
}

/// Where skip words may be dropped for a sentence: a wildcard at its edge wants them kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skips {
    Anywhere,
    AtStart,
    AtEnd,
    Nowhere,
}

/// What the sentences of a block have in common.
#[derive(Debug, Clone)]
pub(crate) struct BlockRef {
    pub(crate) intent: Arc<str>,
    pub(crate) slots: Vec<(Arc<str>, Value)>,
    pub(crate) response: Option<Arc<str>>,
    pub(crate) requires: Vec<Demand>,
    pub(crate) excludes: Vec<Demand>,
    pub(crate) keywords: Vec<Vec<char>>,
    pub(crate) metadata: Arc<[(Arc<str>, Value)]>,
}

/// The compiled pack.
#[derive(Debug, Clone, Default)]
pub(crate) struct Program {
    pub(crate) nodes: Vec<Node>,
    pub(crate) children: Vec<u32>,
    pub(crate) letters: Vec<Letter>,
    pub(crate) slots: Vec<SlotRef>,
    pub(crate) lists: Vec<TextList>,
    pub(crate) ranges: Vec<Range>,
    pub(crate) number_words: NumberWords,
    pub(crate) sentences: Vec<Sentence>,
    pub(crate) blocks: Vec<BlockRef>,
    pub(crate) fragments: Trie,
    pub(crate) n_fragments: usize,
    pub(crate) n_memos: u32,
    pub(crate) skip_words: Vec<Vec<char>>,
    pub(crate) ignore_whitespace: bool,
}

impl Program {
    /// Bytes held, about.
    pub(crate) fn size(&self) -> usize {
        let lists: usize = self.lists.iter().map(TextList::size).sum();
        let numbers = self.number_words.words.size() + size_of_val(&*self.number_words.tenths);
        let clauses: usize = self
            .sentences
            .iter()
            .flat_map(|s| s.clauses.iter())
            .map(|clause| size_of_val(clause) + clause.len() * size_of::<u32>())
            .sum();
        self.nodes.len() * size_of::<Node>()
            + self.children.len() * size_of::<u32>()
            + self.letters.len() * size_of::<Letter>()
            + self.slots.len() * size_of::<SlotRef>()
            + self.sentences.len() * size_of::<Sentence>()
            + self.sentences.iter().map(|s| s.template.len()).sum::<usize>()
            + self.fragments.size()
            + lists
            + numbers
            + clauses
    }
}

impl TextList {
    /// A list of plain texts, for the names of a home.
    pub(crate) fn plain(texts: impl IntoIterator<Item = (String, TextValue)>) -> TextList {
        let mut builder = TextListBuilder::default();
        for (said, value) in texts {
            let value = builder.value(value);
            builder.text(&said, value, false);
        }
        builder.finish()
    }

    fn size(&self) -> usize {
        self.trie.size()
            + self.entries.len() * size_of::<TextEntry>()
            + self.exact.len() * size_of::<char>()
            + self.values.len() * size_of::<TextValue>()
    }
}

/// Collects the texts of a list.
#[derive(Default)]
pub(crate) struct TextListBuilder {
    list: TextList,
    keys: Vec<(Vec<char>, u32)>,
}

impl TextListBuilder {
    pub(crate) fn value(&mut self, value: TextValue) -> u32 {
        let values = &mut self.list.values;
        if values.last() != Some(&value) {
            values.push(value);
        }
        values.len() as u32 - 1
    }

    /// Adds a text of a value; `is_joined` for a language that writes without spaces.
    pub(crate) fn text(&mut self, said: &str, value: u32, is_joined: bool) {
        let mut letters = trimmed(text::letters(said));
        if is_joined {
            letters = without_inner_spaces(letters);
        }
        self.keys.push((letters.iter().map(|l| l.plain).collect(), self.list.entries.len() as u32));
        self.list.entries.push(TextEntry { first: self.list.exact.len() as u32, value });
        self.list.exact.extend(letters.iter().map(|l| l.exact));
    }

    pub(crate) fn finish(mut self) -> TextList {
        self.list.trie = Trie::new(self.keys);
        self.list
    }
}

/// Letters without spaces at the edges.
pub(crate) fn trimmed(mut letters: Vec<Letter>) -> Vec<Letter> {
    while letters.last().is_some_and(|l| l.plain == ' ') {
        letters.pop();
    }
    let start = letters.iter().position(|l| l.plain != ' ').unwrap_or(letters.len());
    letters.drain(..start);
    letters
}

/// Drops the spaces between two characters of a script that writes without them.
pub(crate) fn without_inner_spaces(letters: Vec<Letter>) -> Vec<Letter> {
    let is_cjk = |letter: Option<&Letter>| {
        letter.is_some_and(|l| {
            matches!(l.plain, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}'
                | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}')
        })
    };
    (0..letters.len())
        .filter(|&i| {
            letters[i].plain != ' '
                || i == 0
                || !(is_cjk(letters.get(i - 1)) && is_cjk(letters.get(i + 1)))
        })
        .map(|i| letters[i])
        .collect()
}

/// Rules and lists that no sentence reaches, for the tests of a pack.
pub fn unused(pack: &Pack) -> Vec<String> {
    fn visit<'a>(
        expr: &'a Expr,
        rules: &'a BTreeMap<String, Template>,
        seen: &mut std::collections::BTreeSet<String>,
    ) {
        match expr {
            Expr::Text(_) => {}
            Expr::Sequence(items) | Expr::Alternative(items) | Expr::Permutation(items) => {
                items.iter().for_each(|item| visit(item, rules, seen));
            }
            Expr::List(list) => {
                seen.insert(format!("{{{}}}", list.list));
            }
            Expr::Rule(name) => {
                if seen.insert(format!("<{name}>"))
                    && let Some(rule) = rules.get(name)
                {
                    visit(&rule.expr, rules, seen);
                }
            }
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    for block in &pack.blocks {
        for sentence in &block.sentences {
            visit(&sentence.expr, &pack.rules, &mut seen);
        }
    }
    let rules = pack.rules.keys().map(|name| format!("<{name}>"));
    let lists = pack.lists.keys().map(|name| format!("{{{name}}}"));
    rules.chain(lists).filter(|name| !seen.contains(name)).collect()
}
