//! From a language pack to a program: rules are joined in by reference, lists become prefix trees,
//! and each sentence gets the fragments that it needs. What cannot be resolved never matches and is
//! told.

use std::collections::{BTreeSet, HashMap};

use crate::intent::number::Speller;
use crate::intent::pack::{Block, Fractions, List, ListValue, Pack, PackProblem, Range, Template};
use crate::intent::program::{
    BlockRef, HOME_LISTS, ListIndex, Node, NumberWords, Program, Sentence, Skips, SlotRef,
    TextList, TextListBuilder, TextValue, trimmed, without_inner_spaces,
};
use crate::intent::sentence::{Expr, ListRef};
use crate::intent::trie::Trie;
use crate::text;

/// Most texts that a list value's template is written out to; beyond that it stays a template.
const MAX_EXPANSION: usize = 512;
/// Most whole numbers of a range that are indexed as words.
const MAX_SPELLED: usize = 4000;
/// Up to here each of them is, beyond those that are round.
const ALL_SPELLED: i64 = 400;

/// Compiles a pack.
pub(crate) fn compile(pack: &Pack) -> (Program, Vec<PackProblem>) {
    let mut compiler = Compiler {
        pack,
        program: Program { ignore_whitespace: pack.ignore_whitespace, ..Program::default() },
        problems: Vec::new(),
        lists: HashMap::new(),
        ranges: HashMap::new(),
        spelled: BTreeSet::new(),
        fragments: HashMap::new(),
        speller: Speller::new(&pack.language),
    };
    let mut shared = Scope::default();
    for block in &pack.blocks {
        if block.rules.is_empty() && block.lists.is_empty() {
            compiler.block(block, &mut shared);
        } else {
            compiler.block(block, &mut Scope::default());
        }
    }
    compiler.finish()
}

/// Rules compiled so far. Blocks with rules or lists of their own have a scope of their own.
#[derive(Default)]
struct Scope {
    rules: HashMap<String, Compiled>,
    /// Rules being compiled, to find one that leads to itself.
    open: Vec<String>,
    lists: HashMap<String, Option<ListIndex>>,
}

/// A compiled part of a template.
#[derive(Clone)]
struct Compiled {
    node: u32,
    has_slots: bool,
    /// What an utterance must contain for it: all clauses, of each one fragment.
    clauses: Vec<Vec<u32>>,
}

struct Compiler<'p> {
    pack: &'p Pack,
    program: Program,
    problems: Vec<PackProblem>,
    lists: HashMap<String, Option<ListIndex>>,
    ranges: HashMap<RangeKey, u32>,
    /// Numbers, in tenths, that some range may have in words.
    spelled: BTreeSet<i64>,
    fragments: HashMap<String, u32>,
    speller: Speller,
}

type RangeKey = (i64, i64, i64, Fractions, u64, bool, bool);

/// What is being compiled, for messages.
#[derive(Clone, Copy)]
struct Place<'a> {
    block: &'a Block,
    template: &'a str,
}

impl Compiler<'_> {
    fn block(&mut self, block: &Block, scope: &mut Scope) {
        let index = self.program.blocks.len() as u32;
        for template in &block.sentences {
            let place = Place { block, template: &template.text };
            let compiled = self.expr(&template.expr, place, scope);
            let skips = self.skips(&template.expr, block);
            let mut clauses = compiled.clauses;
            clauses.sort_by_key(Vec::len);
            self.program.sentences.push(Sentence {
                root: compiled.node,
                block: index,
                template: template.text.clone(),
                clauses: clauses.into_iter().map(Vec::into_boxed_slice).collect(),
                skips,
            });
        }
        self.program.blocks.push(BlockRef {
            intent: block.intent.clone(),
            slots: block.slots.clone(),
            response: block.response.clone(),
            requires: block.requires.clone(),
            excludes: block.excludes.clone(),
            keywords: block
                .required_keywords
                .iter()
                .map(|word| text::letters(word).iter().map(|l| l.plain).collect())
                .collect(),
            metadata: block.metadata.clone().into(),
        });
    }

    fn skips(&self, expr: &Expr, block: &Block) -> Skips {
        let is_wildcard = |expr: &Expr| match expr {
            Expr::List(list) => matches!(
                block.lists.get(&list.list).or_else(|| self.pack.lists.get(&list.list)),
                Some(List::Wildcard)
            ),
            _ => false,
        };
        match expr {
            Expr::Sequence(items) if items.first().is_some_and(&is_wildcard) => Skips::AtEnd,
            Expr::Sequence(items) if items.last().is_some_and(&is_wildcard) => Skips::AtStart,
            single if is_wildcard(single) => Skips::Nowhere,
            _ => Skips::Anywhere,
        }
    }

    fn node(&mut self, node: Node) -> u32 {
        self.program.nodes.push(node);
        self.program.nodes.len() as u32 - 1
    }

    fn expr(&mut self, expr: &Expr, place: Place<'_>, scope: &mut Scope) -> Compiled {
        match expr {
            Expr::Text(text) => self.text(text),
            Expr::Sequence(items) => {
                let parts = self.parts(items, place, scope);
                self.group(parts, |first, len| Node::Sequence { first, len })
            }
            Expr::Permutation(items) => {
                let parts = self.parts(items, place, scope);
                self.group(parts, |first, len| Node::Permutation { first, len })
            }
            Expr::Alternative(items) => {
                let parts = self.parts(items, place, scope);
                let clauses = either(&parts);
                let mut compiled = self.group(parts, |first, len| Node::Alternative { first, len });
                compiled.clauses = clauses;
                compiled
            }
            Expr::List(list) => self.slot(list, place, scope),
            Expr::Rule(name) => self.rule(name, place, scope),
        }
    }

    fn parts(&mut self, items: &[Expr], place: Place<'_>, scope: &mut Scope) -> Vec<Compiled> {
        items.iter().map(|item| self.expr(item, place, scope)).collect()
    }

    fn group(&mut self, parts: Vec<Compiled>, node: impl Fn(u32, u16) -> Node) -> Compiled {
        let first = self.program.children.len() as u32;
        self.program.children.extend(parts.iter().map(|part| part.node));
        Compiled {
            node: self.node(node(first, parts.len().min(u16::MAX as usize) as u16)),
            has_slots: parts.iter().any(|part| part.has_slots),
            clauses: parts.into_iter().flat_map(|part| part.clauses).collect(),
        }
    }

    fn text(&mut self, text: &str) -> Compiled {
        let mut letters = text::letters(text);
        if self.pack.ignore_whitespace {
            letters = without_inner_spaces(letters);
        }
        let plain: String = letters.iter().map(|l| l.plain).collect();
        let clauses = plain
            .split_whitespace()
            .filter(|piece| !piece.contains(text::is_mark))
            .map(|piece| vec![self.fragment(piece)])
            .collect();
        let literal = letters.iter().filter(|l| l.plain != ' ').count() as u16;
        let first = self.program.letters.len() as u32;
        let len = letters.len() as u16;
        self.program.letters.extend(letters);
        Compiled { node: self.node(Node::Text { first, len, literal }), has_slots: false, clauses }
    }

    fn fragment(&mut self, piece: &str) -> u32 {
        let next = self.fragments.len() as u32;
        *self.fragments.entry(piece.to_owned()).or_insert(next)
    }

    fn rule(&mut self, name: &str, place: Place<'_>, scope: &mut Scope) -> Compiled {
        if let Some(known) = scope.rules.get(name) {
            return known.clone();
        }
        let never = |compiler: &mut Self| Compiled {
            node: compiler.node(Node::Never),
            has_slots: false,
            clauses: Vec::new(),
        };
        let pack = self.pack;
        let template: Option<&Template> =
            place.block.rules.get(name).or_else(|| pack.rules.get(name));
        let Some(template) = template else {
            self.missing(place, format!("there is no rule <{name}>"));
            return never(self);
        };
        if scope.open.iter().any(|open| open == name) {
            self.missing(place, format!("rule <{name}> leads back to itself"));
            return never(self);
        }
        scope.open.push(name.to_owned());
        let mut compiled = self.expr(&template.expr, place, scope);
        scope.open.pop();
        if !compiled.has_slots {
            let memo = self.program.n_memos;
            self.program.n_memos += 1;
            compiled.node = self.node(Node::Memo(memo, compiled.node));
        }
        scope.rules.insert(name.to_owned(), compiled.clone());
        compiled
    }

    fn slot(&mut self, list: &ListRef, place: Place<'_>, scope: &mut Scope) -> Compiled {
        let index = match list.range {
            Some((from, to, step)) => Some(self.range(Range {
                from,
                to,
                step,
                fractions: Fractions::None,
                multiplier: 1.0,
                digits: true,
                words: true,
            })),
            None => self.list(&list.list, place, scope),
        };
        let node = match index {
            Some(index) => {
                self.program.slots.push(SlotRef {
                    list: index,
                    slot: list.slot.as_str().into(),
                    is_capture: list.is_capture,
                    ends_word: list.ends_word,
                });
                Node::Slot(self.program.slots.len() as u32 - 1)
            }
            None => Node::Never,
        };
        Compiled { node: self.node(node), has_slots: true, clauses: Vec::new() }
    }

    fn list(&mut self, name: &str, place: Place<'_>, scope: &mut Scope) -> Option<ListIndex> {
        let pack = self.pack;
        if let Some(list) = place.block.lists.get(name) {
            if let Some(known) = scope.lists.get(name) {
                return *known;
            }
            let index = self.compile_list(list, place, scope);
            scope.lists.insert(name.to_owned(), index);
            return index;
        }
        if let Some(known) = self.lists.get(name) {
            return *known;
        }
        let index = match pack.lists.get(name) {
            Some(list) => self.compile_list(list, place, scope),
            None => match HOME_LISTS.iter().position(|home| *home == name) {
                Some(home) => Some(ListIndex::Home(home as u8)),
                None => {
                    self.missing(place, format!("there is no list {{{name}}}"));
                    None
                }
            },
        };
        self.lists.insert(name.to_owned(), index);
        index
    }

    fn compile_list(
        &mut self,
        list: &List,
        place: Place<'_>,
        scope: &mut Scope,
    ) -> Option<ListIndex> {
        Some(match list {
            List::Wildcard => ListIndex::Wildcard,
            List::Range(range) => self.range(*range),
            List::Values(values) => {
                let list = self.values(values, place, scope);
                self.program.lists.push(list);
                ListIndex::Values(self.program.lists.len() as u32 - 1)
            }
        })
    }

    fn values(&mut self, values: &[ListValue], place: Place<'_>, scope: &mut Scope) -> TextList {
        let mut builder = TextListBuilder::default();
        let mut templates = Vec::new();
        for value in values {
            let index =
                builder.value(TextValue { out: value.out.clone(), context: value.context.clone() });
            match written_out(&value.said) {
                Some(texts) => {
                    for said in texts {
                        builder.text(&said, index, self.pack.ignore_whitespace);
                    }
                }
                None => {
                    let compiled = self.expr(&value.said, place, scope);
                    templates.push((compiled.node, index));
                }
            }
        }
        let mut list = builder.finish();
        list.templates = templates;
        list
    }

    fn range(&mut self, range: Range) -> ListIndex {
        let Range { from, to, step, fractions, multiplier, digits, words } = range;
        let key = (from, to, step, fractions, multiplier.to_bits(), digits, words);
        if let Some(known) = self.ranges.get(&key) {
            return ListIndex::Range(*known);
        }
        if words {
            let tenths: &[i64] = match fractions {
                Fractions::None => &[0],
                Fractions::Halves => &[0, 5],
                Fractions::Tenths => &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
            };
            let wholes = (from..=to).step_by(step.unsigned_abs().max(1) as usize);
            // Nobody says "one thousand and seventeen seconds".
            let is_round = |whole: &i64| step > 1 || whole.abs() <= ALL_SPELLED || whole % 5 == 0;
            for whole in wholes.filter(is_round).take(MAX_SPELLED) {
                self.spelled.extend(tenths.iter().map(|tenth| whole * 10 + tenth));
            }
        }
        self.program.ranges.push(range);
        let index = self.program.ranges.len() as u32 - 1;
        self.ranges.insert(key, index);
        ListIndex::Range(index)
    }

    /// The words of all numbers that some range may have in words.
    fn number_words(&self) -> NumberWords {
        let mut entries = Vec::new();
        let tenths: Box<[i64]> = self.spelled.iter().copied().collect();
        for (index, tenths) in tenths.iter().enumerate() {
            for said in self.speller.spell(*tenths) {
                // As an utterance is heard: without commas between words.
                let letters = text::hear(&said).letters;
                entries.push((letters.iter().map(|l| l.plain).collect(), index as u32));
            }
        }
        entries.sort();
        entries.dedup();
        NumberWords { words: Trie::new(entries), tenths }
    }

    fn missing(&mut self, place: Place<'_>, problem: String) {
        self.problems.push(PackProblem::Reference {
            file: place.block.file.to_string(),
            place: place.block.intent.to_string(),
            template: place.template.to_owned(),
            problem,
        });
    }

    fn finish(mut self) -> (Program, Vec<PackProblem>) {
        self.program.number_words = self.number_words();
        self.program.n_fragments = self.fragments.len();
        self.program.fragments = Trie::new(
            self.fragments.into_iter().map(|(f, id)| (f.chars().collect(), id)).collect(),
        );
        let mut skip_words: Vec<Vec<char>> = self
            .pack
            .skip_words
            .iter()
            .map(|word| trimmed(text::letters(word)).iter().map(|l| l.plain).collect())
            .filter(|word: &Vec<char>| !word.is_empty())
            .collect();
        skip_words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        skip_words.dedup();
        self.program.skip_words = skip_words;
        // It stays for as long as the program runs.
        self.program.nodes.shrink_to_fit();
        self.program.children.shrink_to_fit();
        self.program.letters.shrink_to_fit();
        self.program.slots.shrink_to_fit();
        self.program.lists.shrink_to_fit();
        self.program.sentences.shrink_to_fit();
        self.program.blocks.shrink_to_fit();
        (self.program, self.problems)
    }
}

/// The clause that an alternative asks for: one fragment of each branch, nothing if a branch asks
/// for nothing.
fn either(parts: &[Compiled]) -> Vec<Vec<u32>> {
    let mut merged: Vec<u32> = Vec::new();
    for part in parts {
        match part.clauses.iter().min_by_key(|clause| clause.len()) {
            Some(smallest) => merged.extend(smallest),
            None => return Vec::new(),
        }
    }
    merged.sort_unstable();
    merged.dedup();
    if merged.is_empty() { Vec::new() } else { vec![merged] }
}

/// All texts that a template without lists, rules and permutations stands for; `None` if it has
/// those or stands for too many.
fn written_out(expr: &Expr) -> Option<Vec<String>> {
    let mut texts = expand(expr)?;
    for text in &mut texts {
        *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    texts.sort();
    texts.dedup();
    texts.retain(|text| !text.is_empty());
    Some(texts)
}

fn expand(expr: &Expr) -> Option<Vec<String>> {
    match expr {
        Expr::Text(text) => Some(vec![text.clone()]),
        Expr::Sequence(items) => {
            let mut out = vec![String::new()];
            for item in items {
                let tails = expand(item)?;
                if out.len() * tails.len() > MAX_EXPANSION {
                    return None;
                }
                out = out
                    .iter()
                    .flat_map(|head| tails.iter().map(move |tail| format!("{head}{tail}")))
                    .collect();
            }
            Some(out)
        }
        Expr::Alternative(items) => {
            let mut out = Vec::new();
            for item in items {
                out.extend(expand(item)?);
            }
            (out.len() <= MAX_EXPANSION).then_some(out)
        }
        Expr::Permutation(_) | Expr::List(_) | Expr::Rule(_) => None,
    }
}
