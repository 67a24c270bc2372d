//! What may stand in a slot: values of lists, numbers in digits and words, any words.

use crate::intent::pack::{Fractions, Range};
use crate::intent::program::{BlockRef, ListIndex, TextList, TextValue};
use crate::text::{self, Letter};

use super::{Fill, Run, State, allows};

impl Run<'_> {
    /// Adds to `out` every state that a value in the slot leads to.
    pub(super) fn slot(&mut self, slot: u32, state: State, out: &mut Vec<State>) {
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

    fn number(&mut self, range: u32, slot: u32, at: usize, state: State, out: &mut Vec<State>) {
        let program = self.program;
        let range = &program.ranges[range as usize];
        let said = self.letters_of(self.form);
        // Digits may follow a word without a space in some scripts, and a space in all.
        let start = at + usize::from(said.get(at).is_some_and(|l| l.plain == ' '));
        if let Some((number, end)) = digits(said, start, range.fractions) {
            if range.digits && contains(range, number) {
                let fill = Fill::Number((number * range.multiplier).to_bits());
                let slots = self.fill(state.slots, slot, start, end, fill);
                out.push(State { at: end as u16, slots, ..state });
            }
            return;
        }
        if !range.words {
            return;
        }
        let mut hits = Vec::new();
        let words = &program.number_words;
        words.words.find(said, at, &mut |end, index| {
            let number = words.tenths[index as usize] as f64 / 10.0;
            if contains(range, number) {
                hits.push((end, number));
            }
        });
        for (end, number) in hits {
            let fill = Fill::Number((number * range.multiplier).to_bits());
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
}

/// Whether a list value's context agrees with what the block demands, as far as it says anything.
fn is_allowed(value: &TextValue, block: &BlockRef) -> bool {
    value.context.is_empty()
        || allows(&block.requires, &block.excludes, |key| {
            value.context.iter().find(|(name, _)| &**name == key).map(|(_, value)| value)
        })
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
