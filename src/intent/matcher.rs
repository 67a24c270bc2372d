//! Matches an utterance against a compiled pack and ranks what matches. It owns the meaning of the
//! notation at match time and the order of the results (hassil's `recognize_best`); it decides
//! nothing about the home.
//!
//! Cost: sentences whose literal words are not in the utterance are skipped; what remains is walked
//! as sets of states without duplicates, rules without slots once per place, permutations by subset.
//! A budget of steps bounds the rest, so no template and no utterance can take long.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;

use crate::intent::lists::HomeLists;
use crate::intent::pack::{Fractions, Pack, PackProblem, Range};
use crate::intent::program::{
    self, BlockRef, ListIndex, Node, Program, Sentence, Skips, TextList, TextValue,
};
use crate::intent::value::{Context, Demand, Value};
use crate::text::{self, Heard, Letter};

/// Longest utterance looked at, in letters. Nobody commands a lamp at greater length.
pub const MAX_UTTERANCE: usize = 600;
/// Steps for one sentence template and for one utterance: some ten milliseconds in all.
const MAX_SENTENCE_STEPS: u32 = 40_000;
const MAX_STEPS: u32 = 400_000;
/// Most states kept at one place of one template.
const MAX_STATES: usize = 4_000;

/// A compiled language pack.
#[derive(Debug, Clone, Default)]
pub struct Matcher {
    program: Program,
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
        let (program, problems) = Program::new(pack);
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
        run.finish()
    }
}

/// One way through a template so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    /// Next letter.
    at: u16,
    /// At the start of a word, so spaces here do not matter.
    is_word_start: bool,
    n_literal: u16,
    n_accents: u16,
    /// Slots filled so far: last of a chain, 0 for none.
    slots: u32,
}

/// A filled slot; the earlier ones follow `before`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Filled {
    before: u32,
    slot: u32,
    from: u16,
    to: u16,
    fill: Fill,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Fill {
    Value(ListIndex, u32),
    Number(u64),
    Wildcard,
    Unknown,
}

/// The utterance in one of its forms: with or without skip words.
struct Form {
    heard: Heard,
    /// From here on nothing but spaces and marks.
    tail: usize,
    /// Fragments that are in it.
    fragments: Vec<u64>,
    /// Results of rules without slots: offset into `remembered` plus 1, 0 for none yet.
    memo: Vec<(u32, u32)>,
    remembered: Vec<State>,
}

struct Run<'a> {
    program: &'a Program,
    home: &'a HomeLists,
    context: &'a Context,
    options: Options,
    utterance: &'a str,
    /// All words; without skip words; without those at the start; without those at the end.
    forms: [Option<Form>; 4],
    form: usize,
    /// Block of the sentence being matched.
    block: usize,
    filled: Vec<Filled>,
    known: HashMap<Filled, u32, BuildHasherDefault<FastHasher>>,
    n_steps: u32,
    n_sentence_steps: u32,
    is_cut: bool,
    found: Vec<Match>,
    pool: Vec<Vec<State>>,
}

const WITH_SKIPS: usize = 0;
const WITHOUT_SKIPS: usize = 1;
const WITHOUT_AT_START: usize = 2;
const WITHOUT_AT_END: usize = 3;

impl<'a> Run<'a> {
    fn new(
        program: &'a Program,
        home: &'a HomeLists,
        context: &'a Context,
        options: Options,
        utterance: &'a str,
        heard: Heard,
    ) -> Self {
        let skip = |start: bool, end: bool| {
            let shorter = without_skip_words(&heard, program, start, end);
            (shorter.letters.len() != heard.letters.len() && !shorter.letters.is_empty())
                .then(|| Form::new(shorter, program))
        };
        let forms = if program.skip_words.is_empty() {
            [None, None, None, None]
        } else {
            [None, skip(true, true), skip(true, false), skip(false, true)]
        };
        let mut run = Run {
            program,
            home,
            context,
            options,
            utterance,
            forms,
            form: WITH_SKIPS,
            block: 0,
            filled: vec![Filled { before: 0, slot: 0, from: 0, to: 0, fill: Fill::Wildcard }],
            known: HashMap::default(),
            n_steps: 0,
            n_sentence_steps: 0,
            is_cut: false,
            found: Vec::new(),
            pool: Vec::new(),
        };
        run.forms[WITH_SKIPS] = Some(Form::new(heard, program));
        run
    }

    fn all(&mut self) {
        let program = self.program;
        let mut last_block = usize::MAX;
        let mut is_open = false;
        for sentence in &program.sentences {
            let block = sentence.block as usize;
            if block != last_block {
                last_block = block;
                is_open = self.is_possible(&program.blocks[block]);
            }
            if !is_open || !self.has_fragments(sentence) {
                continue;
            }
            self.block = block;
            // What was really said comes first; a skip word may be a part of the sentence.
            let forms = match sentence.skips {
                Skips::Anywhere => [WITH_SKIPS, WITHOUT_SKIPS],
                Skips::AtStart => [WITHOUT_AT_START, WITHOUT_AT_START],
                Skips::AtEnd => [WITHOUT_AT_END, WITHOUT_AT_END],
                Skips::Nowhere => [WITH_SKIPS, WITH_SKIPS],
            };
            for (index, form) in forms.into_iter().enumerate() {
                let is_same = index > 0 && form == forms[0];
                let form = match self.forms[form] {
                    Some(_) => form,
                    // No skip word was there, so the form is the utterance itself.
                    None if index == 0 => WITH_SKIPS,
                    None => continue,
                };
                if !is_same {
                    self.sentence(sentence, form);
                }
            }
            if self.n_steps > MAX_STEPS {
                self.is_cut = true;
                return;
            }
        }
    }

    /// Whether the context that is known before matching allows a block at all.
    fn is_possible(&self, block: &BlockRef) -> bool {
        let words = &self.letters_of(WITH_SKIPS);
        let has_keyword = block.keywords.is_empty()
            || block.keywords.iter().any(|keyword| {
                words.split(|l| l.plain == ' ').any(|word| {
                    word.len() == keyword.len()
                        && word.iter().zip(keyword).all(|(l, k)| l.plain == *k)
                })
            });
        has_keyword
            && allows(&block.requires, &block.excludes, |key| {
                self.context.get(key).filter(|value| **value != Value::Null)
            })
    }

    fn letters_of(&self, form: usize) -> &[Letter] {
        self.forms[form].as_ref().map_or(&[], |form| &form.heard.letters)
    }

    fn has_fragments(&self, sentence: &Sentence) -> bool {
        let has =
            |fragment: u32| {
                self.forms.iter().flatten().take(2).any(|form| {
                    form.fragments[fragment as usize / 64] & (1 << (fragment % 64)) != 0
                })
            };
        sentence.clauses.iter().all(|clause| clause.iter().any(|fragment| has(*fragment)))
    }

    fn sentence(&mut self, sentence: &Sentence, form: usize) {
        self.form = form;
        self.n_sentence_steps = 0;
        let start = State { at: 0, is_word_start: true, n_literal: 0, n_accents: 0, slots: 0 };
        let mut ends = self.take();
        self.node(sentence.root, start, &mut ends);
        let Some(tail) = self.forms[form].as_ref().map(|form| form.tail) else { return };
        distinct(&mut ends);
        for end in &ends {
            if end.at as usize >= tail
                && let Some(found) = self.matched(sentence, end)
            {
                self.found.push(found);
            }
        }
        self.give(ends);
    }

    fn take(&mut self) -> Vec<State> {
        self.pool.pop().unwrap_or_default()
    }

    fn give(&mut self, mut states: Vec<State>) {
        states.clear();
        self.pool.push(states);
    }

    /// Adds to `out` every state that `node` leads to from `state`.
    fn node(&mut self, node: u32, state: State, out: &mut Vec<State>) {
        self.n_steps += 1;
        self.n_sentence_steps += 1;
        if self.n_sentence_steps > MAX_SENTENCE_STEPS || self.n_steps > MAX_STEPS {
            self.is_cut = true;
            return;
        }
        let program = self.program;
        match program.nodes[node as usize] {
            Node::Text { first, len, literal } => {
                let pattern = &program.letters[first as usize..first as usize + len as usize];
                out.extend(self.text(pattern, literal, state));
            }
            Node::Sequence { first, len } => {
                let items = &program.children[first as usize..first as usize + len as usize];
                self.sequence(items, state, out);
            }
            Node::Alternative { first, len } => {
                for item in &program.children[first as usize..first as usize + len as usize] {
                    self.node(*item, state, out);
                }
            }
            Node::Permutation { first, len } => {
                let items = &program.children[first as usize..first as usize + len as usize];
                self.permutation(items, state, out);
            }
            Node::Slot(slot) => self.slot(slot, state, out),
            Node::Memo(memo, inner) => self.memo(memo, inner, state, out),
            Node::Never => {}
        }
    }

    fn sequence(&mut self, items: &[u32], state: State, out: &mut Vec<State>) {
        let mut states = self.take();
        let mut next = self.take();
        states.push(state);
        for item in items {
            for state in &states {
                self.node(*item, *state, &mut next);
            }
            distinct(&mut next);
            if next.len() > MAX_STATES {
                next.truncate(MAX_STATES);
                self.is_cut = true;
            }
            std::mem::swap(&mut states, &mut next);
            next.clear();
            if states.is_empty() {
                break;
            }
        }
        out.extend_from_slice(&states);
        self.give(states);
        self.give(next);
    }

    /// All orders at once: for each subset of items the states after them. Two to the number of
    /// items, which the parser bounds, instead of all orders one by one.
    fn permutation(&mut self, items: &[u32], state: State, out: &mut Vec<State>) {
        let n_subsets = 1usize << items.len().min(16);
        let mut after: Vec<Vec<State>> = vec![Vec::new(); n_subsets];
        after[0].push(state);
        for subset in 0..n_subsets - 1 {
            let mut states = std::mem::take(&mut after[subset]);
            distinct(&mut states);
            for (index, item) in items.iter().enumerate() {
                if subset & (1 << index) == 0 {
                    for state in &states {
                        self.node(*item, *state, &mut after[subset | (1 << index)]);
                    }
                }
            }
        }
        if let Some(states) = after.last_mut() {
            distinct(states);
            out.extend_from_slice(states);
        }
    }

    /// A rule without slots leads to the same places whoever asks.
    fn memo(&mut self, memo: u32, inner: u32, state: State, out: &mut Vec<State>) {
        let Some(form) = &self.forms[self.form] else { return };
        let key = (memo as usize * (form.heard.letters.len() + 2) + state.at as usize) * 2
            + usize::from(state.is_word_start);
        let (first, len) = form.memo[key];
        let range = if first > 0 {
            first as usize - 1..(first - 1 + len) as usize
        } else {
            let mut results = self.take();
            let start = State { n_literal: 0, n_accents: 0, slots: 0, ..state };
            self.node(inner, start, &mut results);
            distinct(&mut results);
            let Some(form) = &mut self.forms[self.form] else { return };
            let first = form.remembered.len();
            form.remembered.extend_from_slice(&results);
            form.memo[key] = (first as u32 + 1, results.len() as u32);
            self.give(results);
            let Some(form) = &self.forms[self.form] else { return };
            first..form.remembered.len()
        };
        let Some(form) = &self.forms[self.form] else { return };
        out.extend(form.remembered[range].iter().map(|end| State {
            n_literal: state.n_literal + end.n_literal,
            n_accents: state.n_accents + end.n_accents,
            slots: state.slots,
            ..*end
        }));
    }

    fn text(&self, pattern: &[Letter], n_literal: u16, state: State) -> Option<State> {
        if pattern.is_empty() {
            return Some(state);
        }
        let said = self.letters_of(self.form);
        let mut at = state.at as usize;
        let mut wanted = pattern;
        if state.is_word_start {
            while wanted.first().is_some_and(|l| l.plain == ' ') {
                wanted = &wanted[1..];
            }
            while said.get(at).is_some_and(|l| l.plain == ' ') {
                at += 1;
            }
        }
        let mut n_accents = 0;
        for letter in wanted {
            match said.get(at) {
                Some(said) if said.plain == letter.plain => {
                    n_accents += u16::from(said.exact != letter.exact);
                }
                Some(said) if letter.plain == ' ' && matches!(said.plain, '-' | '_') => {}
                // The utterance ends where a space of the template would follow.
                None if letter.plain == ' ' => continue,
                _ => return None,
            }
            at += 1;
        }
        Some(State {
            at: at as u16,
            // An elided article ("l'") ends a word without a space.
            is_word_start: pattern.last().is_some_and(|l| matches!(l.plain, ' ' | '\'')),
            n_literal: state.n_literal + n_literal,
            n_accents: state.n_accents + n_accents,
            slots: state.slots,
        })
    }

    fn slot(&mut self, slot: u32, state: State, out: &mut Vec<State>) {
        let said = self.letters_of(self.form);
        let mut at = state.at as usize;
        while state.is_word_start && said.get(at).is_some_and(|l| l.plain == ' ') {
            at += 1;
        }
        if at >= said.len() {
            return;
        }
        let (program, home) = (self.program, self.home);
        let place = &program.slots[slot as usize];
        match place.list {
            ListIndex::Values(list) => {
                self.values(&program.lists[list as usize], slot, at, state, out);
            }
            ListIndex::Home(list) => {
                self.values(home.list(list), slot, at, state, out);
                if self.options.allow_unknown {
                    self.wildcard(slot, true, Fill::Unknown, at, state, out);
                }
            }
            ListIndex::Range(list) => self.number(list, slot, at, state, out),
            ListIndex::Wildcard => {
                self.wildcard(slot, place.ends_word, Fill::Wildcard, at, state, out);
            }
        }
    }

    fn values(
        &mut self,
        list: &TextList,
        slot: u32,
        at: usize,
        state: State,
        out: &mut Vec<State>,
    ) {
        let place = &self.program.slots[slot as usize];
        let block = &self.program.blocks[self.block];
        let said = match &self.forms[self.form] {
            Some(form) => &form.heard.letters,
            None => return,
        };
        let mut hits = Vec::new();
        list.trie.find(said, at, &mut |end, entry| {
            let entry = &list.entries[entry as usize];
            if is_allowed(&list.values[entry.value as usize], block) {
                let exact = &list.exact[entry.first as usize..];
                let n_accents = said[at..end].iter().zip(exact).filter(|(l, e)| l.exact != **e);
                hits.push((end, entry.value, n_accents.count() as u16));
            }
        });
        // Words of a list are not literal text of the sentence: they do not count in the ranking.
        for (end, value, n_accents) in hits {
            let fill = Fill::Value(place.list, value);
            let slots = self.fill(state.slots, slot, at, end, fill);
            out.push(State {
                at: end as u16,
                is_word_start: state.is_word_start,
                n_literal: state.n_literal,
                n_accents: state.n_accents + n_accents,
                slots,
            });
        }
        for (node, value) in &list.templates {
            if !is_allowed(&list.values[*value as usize], block) {
                continue;
            }
            let mut ends = self.take();
            self.node(*node, State { at: at as u16, ..state }, &mut ends);
            for end in &ends {
                let fill = Fill::Value(place.list, *value);
                let slots = self.fill(end.slots, slot, at, end.at as usize, fill);
                let State { is_word_start, n_literal, .. } = state;
                out.push(State { is_word_start, n_literal, slots, ..*end });
            }
            self.give(ends);
        }
    }

    fn number(&mut self, list: u32, slot: u32, at: usize, state: State, out: &mut Vec<State>) {
        let list = &self.program.ranges[list as usize];
        let said = self.letters_of(self.form);
        // Digits may follow a word without a space in some scripts, and a space in all.
        let start = at + usize::from(said.get(at).is_some_and(|l| l.plain == ' '));
        if let Some((number, end)) = digits(said, start, list.range.fractions) {
            if list.range.digits && contains(&list.range, number) {
                let fill = Fill::Number((number * list.range.multiplier).to_bits());
                let slots = self.fill(state.slots, slot, start, end, fill);
                out.push(State { at: end as u16, slots, ..state });
            }
            return;
        }
        let mut hits = Vec::new();
        list.words.find(said, at, &mut |end, index| hits.push((end, list.spelled[index as usize])));
        for (end, number) in hits {
            let fill = Fill::Number((number * list.range.multiplier).to_bits());
            let slots = self.fill(state.slots, slot, at, end, fill);
            out.push(State {
                at: end as u16,
                is_word_start: false,
                n_literal: state.n_literal + (end - at) as u16,
                n_accents: state.n_accents,
                slots,
            });
        }
    }

    /// Any words from here to any later place; what follows in the template decides which.
    fn wildcard(
        &mut self,
        slot: u32,
        ends_word: bool,
        fill: Fill,
        at: usize,
        state: State,
        out: &mut Vec<State>,
    ) {
        let Some(form) = &self.forms[self.form] else { return };
        let n_letters = form.heard.letters.len();
        for end in at + 1..=n_letters {
            let Some(form) = &self.forms[self.form] else { return };
            let said = &form.heard.letters;
            let before = said[end - 1].plain;
            if before == ' ' {
                continue;
            }
            let is_edge = said
                .get(end)
                .is_none_or(|next| !text::is_word(next.plain) || !text::is_word(before));
            if ends_word && !is_edge {
                continue;
            }
            let slots = self.fill(state.slots, slot, at, end, fill);
            out.push(State { at: end as u16, is_word_start: true, slots, ..state });
        }
    }

    /// Adds a filled slot to a chain; the same one twice is one.
    fn fill(&mut self, before: u32, slot: u32, from: usize, to: usize, fill: Fill) -> u32 {
        let filled = Filled { before, slot, from: from as u16, to: to as u16, fill };
        *self.known.entry(filled).or_insert_with(|| {
            self.filled.push(filled);
            self.filled.len() as u32 - 1
        })
    }

    fn chain(&self, mut slots: u32) -> Vec<Filled> {
        let mut chain = Vec::new();
        while slots != 0 {
            let filled = self.filled[slots as usize];
            chain.push(filled);
            slots = filled.before;
        }
        chain.reverse();
        chain
    }

    /// The value behind a filled slot, for list values.
    fn text_value(&self, list: ListIndex, value: u32) -> Option<&'a TextValue> {
        match list {
            ListIndex::Values(list) => self.program.lists[list as usize].values.get(value as usize),
            ListIndex::Home(list) => self.home.list(list).values.get(value as usize),
            ListIndex::Range(_) | ListIndex::Wildcard => None,
        }
    }

    /// The match of a way that reached the end, unless the context forbids it.
    fn matched(&self, sentence: &Sentence, end: &State) -> Option<Match> {
        let block = &self.program.blocks[sentence.block as usize];
        let chain = self.chain(end.slots);
        let mut context = self.context.clone();
        for filled in &chain {
            if let Fill::Value(list, value) = filled.fill
                && let Some(value) = self.text_value(list, value)
            {
                context.extend(value.context.iter().cloned());
            }
        }
        // Where a name is unknown, so is what it would have brought along.
        let is_unknown = chain.iter().any(|filled| filled.fill == Fill::Unknown);
        let is_met = |demand: &Demand| match context.get(&demand.key) {
            Some(value) => demand.accepts(value),
            None => is_unknown && &*demand.key != "area",
        };
        let is_excluded = |d: &Demand| context.get(&d.key).is_some_and(|value| d.accepts(value));
        if !block.requires.iter().all(is_met) || block.excludes.iter().any(is_excluded) {
            return None;
        }
        let heard = &self.forms[self.form].as_ref()?.heard;
        let mut slots = Vec::with_capacity(chain.len() + block.slots.len());
        let mut captures = Vec::new();
        for filled in &chain {
            let place = &self.program.slots[filled.slot as usize];
            let said = heard.said(self.utterance, filled.from as usize, filled.to as usize);
            if place.is_capture {
                captures.push((place.slot.clone(), said.to_owned()));
                continue;
            }
            let (value, source) = match filled.fill {
                Fill::Value(list, value) => {
                    let out = self.text_value(list, value).and_then(|value| value.out.clone());
                    (out.unwrap_or_else(|| said.into()), Source::Said)
                }
                Fill::Number(bits) => (Value::Number(f64::from_bits(bits)), Source::Said),
                Fill::Wildcard => (said.into(), Source::Wildcard),
                Fill::Unknown => (said.into(), Source::Unknown),
            };
            let from = heard.at.get(filled.from as usize).map_or(0, |(from, _)| *from as usize);
            let (name, said) = (place.slot.clone(), said.to_owned());
            slots.push(Slot { name, value, said, from, source });
        }
        let n_said = slots.len();
        let is_said = |slots: &[Slot], name: &str| slots[..n_said].iter().any(|s| &*s.name == name);
        for (name, value) in &block.slots {
            if !is_said(&slots, name) {
                slots.push(Slot {
                    name: name.clone(),
                    value: value.clone(),
                    said: String::new(),
                    from: 0,
                    source: Source::Fixed,
                });
            }
        }
        for demand in &block.requires {
            if let Some(name) = &demand.slot
                && !is_said(&slots, name)
                && let Some(value) = context.get(&demand.key)
            {
                slots.push(Slot {
                    name: name.clone(),
                    value: value.clone(),
                    said: String::new(),
                    from: 0,
                    source: Source::Context,
                });
            }
        }
        Some(Match {
            intent: block.intent.clone(),
            slots,
            captures,
            response: block.response.clone().unwrap_or_else(|| "default".into()),
            metadata: block.metadata.clone(),
            context,
            template: sentence.template.clone(),
            n_literal: end.n_literal,
            n_accents: end.n_accents,
        })
    }

    fn finish(self) -> Recognition {
        let mut matches = self.found;
        // A named thing before a place or a kind, the longest name first; then as little open text
        // as possible, the exact spelling, as much literal text as possible. The last two only make
        // the order certain.
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
        Recognition { matches, is_cut: self.is_cut }
    }
}

impl Form {
    fn new(mut heard: Heard, program: &Program) -> Form {
        if program.ignore_whitespace {
            let letters = program::without_inner_spaces(heard.letters.clone());
            if letters.len() != heard.letters.len() {
                // Only spaces go, so the places of the other letters stay in order.
                let mut at = Vec::with_capacity(letters.len());
                let mut old = heard.letters.iter().zip(&heard.at);
                for letter in &letters {
                    if let Some((_, span)) = old.find(|(l, _)| *l == letter) {
                        at.push(*span);
                    }
                }
                heard = Heard { letters, at };
            }
        }
        let mut fragments = vec![0u64; program.n_fragments / 64 + 1];
        for start in 0..heard.letters.len() {
            program.fragments.find(&heard.letters, start, &mut |_, fragment| {
                fragments[fragment as usize / 64] |= 1 << (fragment % 64);
            });
        }
        let n_marks = heard
            .letters
            .iter()
            .rev()
            .take_while(|l| l.plain == ' ' || text::is_mark(l.plain))
            .count();
        let n_letters = heard.letters.len();
        Form {
            tail: n_letters - n_marks,
            fragments,
            memo: vec![(0, 0); program.n_memos as usize * (n_letters + 2) * 2],
            remembered: Vec::new(),
            heard,
        }
    }
}

/// Whether a list value's context agrees with what the block demands, as far as it says anything.
fn is_allowed(value: &TextValue, block: &BlockRef) -> bool {
    value.context.is_empty()
        || allows(&block.requires, &block.excludes, |key| {
            value.context.iter().find(|(name, _)| &**name == key).map(|(_, value)| value)
        })
}

/// Whether what is known contradicts no demand.
fn allows<'v>(
    requires: &[Demand],
    excludes: &[Demand],
    known: impl Fn(&str) -> Option<&'v Value>,
) -> bool {
    requires.iter().all(|demand| known(&demand.key).is_none_or(|value| demand.accepts(value)))
        && !excludes.iter().any(|d| known(&d.key).is_some_and(|value| d.accepts(value)))
}

/// Keeps of equal states the one with the most literal text, in the order of their first.
fn distinct(states: &mut Vec<State>) {
    if states.len() < 2 {
        return;
    }
    let same = |a: &State, b: &State| {
        a.at == b.at && a.is_word_start == b.is_word_start && a.slots == b.slots
    };
    let better = |kept: &mut State, other: &State| {
        if (kept.n_accents, std::cmp::Reverse(kept.n_literal))
            > (other.n_accents, std::cmp::Reverse(other.n_literal))
        {
            *kept = *other;
        }
    };
    if states.len() <= 24 {
        let mut n_kept = 1;
        for index in 1..states.len() {
            let state = states[index];
            match states[..n_kept].iter_mut().find(|kept| same(kept, &state)) {
                Some(kept) => better(kept, &state),
                None => {
                    states[n_kept] = state;
                    n_kept += 1;
                }
            }
        }
        states.truncate(n_kept);
        return;
    }
    let mut places: HashMap<(u16, bool, u32), usize, BuildHasherDefault<FastHasher>> =
        HashMap::default();
    let mut kept: Vec<State> = Vec::with_capacity(states.len());
    for state in states.iter() {
        let place =
            *places.entry((state.at, state.is_word_start, state.slots)).or_insert(kept.len());
        match kept.get_mut(place) {
            Some(old) => better(old, state),
            None => kept.push(*state),
        }
    }
    *states = kept;
}

/// A number in digits at `at`: its value and end.
fn digits(said: &[Letter], at: usize, fractions: Fractions) -> Option<(f64, usize)> {
    let is_digit = |i: usize| said.get(i).is_some_and(|l| l.plain.is_ascii_digit());
    let mut end = at + usize::from(said.get(at).is_some_and(|l| l.plain == '-'));
    if !is_digit(end) {
        return None;
    }
    while is_digit(end) {
        end += 1;
    }
    if fractions != Fractions::None
        && said.get(end).is_some_and(|l| matches!(l.plain, '.' | ','))
        && is_digit(end + 1)
    {
        end += 1;
        while is_digit(end) {
            end += 1;
        }
    }
    let text: String =
        said[at..end].iter().map(|l| if l.plain == ',' { '.' } else { l.plain }).collect();
    Some((text.parse().ok()?, end))
}

fn contains(range: &Range, number: f64) -> bool {
    let whole = number.floor();
    let tenth = (number - whole) * 10.0;
    let is_fraction_fine = match range.fractions {
        Fractions::None => tenth == 0.0,
        Fractions::Halves => tenth == 0.0 || (tenth - 5.0).abs() < 1e-6,
        Fractions::Tenths => (tenth - tenth.round()).abs() < 1e-6,
    };
    is_fraction_fine
        && whole >= range.from as f64
        && whole <= range.to as f64
        && (whole as i64 - range.from) % range.step == 0
}

/// The utterance without skip words: anywhere, or only at its start or end.
fn without_skip_words(heard: &Heard, program: &Program, start: bool, end: bool) -> Heard {
    let letters = &heard.letters;
    let is_word = |index: Option<usize>| {
        index.and_then(|i| letters.get(i)).is_some_and(|l| text::is_word(l.plain))
    };
    let stands_at = |word: &Vec<char>, at: usize| {
        let fits = letters.len() >= at + word.len()
            && word.iter().zip(&letters[at..]).all(|(w, l)| *w == l.plain);
        fits && (program.ignore_whitespace
            || !is_word(at.checked_sub(1)) && !is_word(Some(at + word.len())))
    };
    let is_space = |at: usize| letters.get(at).is_some_and(|l| l.plain == ' ');
    let mut keep = vec![true; letters.len()];
    if start && end {
        let mut at = 0;
        while at < letters.len() {
            match program.skip_words.iter().find(|word| stands_at(word, at)) {
                Some(word) => {
                    keep[at..at + word.len()].fill(false);
                    at += word.len();
                }
                None => at += 1,
            }
        }
    } else if start {
        let mut at = 0;
        while let Some(word) = program.skip_words.iter().find(|word| stands_at(word, at)) {
            keep[at..at + word.len()].fill(false);
            at += word.len();
            while is_space(at) {
                at += 1;
            }
        }
    } else {
        let mut until = letters.len();
        while let Some(word) = program
            .skip_words
            .iter()
            .find(|word| until >= word.len() && stands_at(word, until - word.len()))
        {
            until -= word.len();
            keep[until..until + word.len()].fill(false);
            while until > 0 && is_space(until - 1) {
                until -= 1;
            }
        }
    }
    let mut out = Heard::default();
    for index in (0..letters.len()).filter(|index| keep[*index]) {
        let is_extra_space =
            letters[index].plain == ' ' && out.letters.last().is_none_or(|last| last.plain == ' ');
        if !is_extra_space {
            out.letters.push(letters[index]);
            out.at.push(heard.at[index]);
        }
    }
    while out.letters.last().is_some_and(|l| l.plain == ' ') {
        out.letters.pop();
        out.at.pop();
    }
    out
}

/// A quick hash for small keys of this module; nobody outside can choose them.
#[derive(Default)]
struct FastHasher(u64);

impl Hasher for FastHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    fn write_u16(&mut self, value: u16) {
        self.write_u64(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn write_isize(&mut self, value: isize) {
        self.write_u64(value as u64);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}
