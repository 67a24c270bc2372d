//! One walk of an utterance through the templates of a program. It owns the meaning of the notation
//! at match time; it ranks nothing and decides nothing about the home.
//!
//! Cost: sentences whose literal words are not in the utterance are skipped; what remains is walked
//! as sets of states without duplicates, rules without slots once per place, permutations by subset.
//! A budget of steps bounds the rest, so no template and no utterance can take long.

mod slots;

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use crate::intent::form::{FastHasher, Form, without_skip_words};
use crate::intent::lists::HomeLists;
use crate::intent::matcher::{Match, Options, Slot, Source};
use crate::intent::program::{BlockRef, ListIndex, Node, Program, Sentence, Skips, TextValue};
use crate::intent::value::{Context, Demand, Value};
use crate::text::{self, Heard, Letter};

/// Steps for one sentence template and for one utterance: some milliseconds in all. A step is a node
/// visited or a state reached; an ordinary utterance takes some hundreds.
const MAX_SENTENCE_STEPS: u32 = 20_000;
const MAX_STEPS: u32 = 100_000;
/// Most states kept at one place of one template.
const MAX_STATES: usize = 2_000;

/// One way through a template so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
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

/// The walk and what it remembers.
pub(crate) struct Run<'a> {
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
    /// A walk that has not begun.
    pub(crate) fn new(
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

    /// Walks all sentences.
    pub(crate) fn all(&mut self) {
        let program = self.program;
        let mut last_block = usize::MAX;
        let mut is_open = false;
        // Sentences whose own words may have been dropped as skip words at an edge.
        let mut cut_short: Vec<&'a Sentence> = Vec::new();
        for sentence in &program.sentences {
            let block = sentence.block as usize;
            if block != last_block {
                last_block = block;
                is_open = self.is_possible(&program.blocks[block]);
            }
            if !is_open || !self.has_fragments(sentence) {
                continue;
            }
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
                if index == 0 && form > WITHOUT_SKIPS {
                    cut_short.push(sentence);
                }
                if !is_same {
                    self.sentence(sentence, form);
                }
            }
            if self.n_steps > MAX_STEPS {
                self.is_cut = true;
                return;
            }
        }
        if self.found.is_empty() {
            for sentence in cut_short {
                self.sentence(sentence, WITH_SKIPS);
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
        self.block = sentence.block as usize;
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
        let n_before = out.len();
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
        let n_reached = (out.len() - n_before) as u32;
        self.n_steps += n_reached;
        self.n_sentence_steps += n_reached;
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
                // People write "50 %" and "50%".
                Some(space) if space.plain == ' ' && letter.plain == '%' => {
                    at += 1;
                    if said.get(at).is_none_or(|said| said.plain != '%') {
                        return None;
                    }
                }
                // The utterance ends where a space of the template would follow.
                None if letter.plain == ' ' => continue,
                // Marks at the edge of a word are not heard, so a template's need not be.
                _ if text::is_mark(letter.plain) => continue,
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
                Fill::Wildcard => (spaced(said).as_str().into(), Source::Wildcard),
                Fill::Unknown => (spaced(said).as_str().into(), Source::Unknown),
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

    /// What was found, in the order of the pack, and whether the budget cut it short.
    pub(crate) fn found(self) -> (Vec<Match>, bool) {
        (self.found, self.is_cut)
    }
}

/// Words with single spaces between them, their letters composed.
fn spaced(said: &str) -> String {
    text::composed(said).split_whitespace().collect::<Vec<_>>().join(" ")
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
