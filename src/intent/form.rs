//! The forms of an utterance that templates are matched with: whole, and without skip words. It owns
//! what is prepared once per form so that each template is cheap.

use std::hash::Hasher;

use crate::intent::program::{self, Program};
use crate::intent::run::State;
use crate::text::{self, Heard};

/// The utterance in one of its forms: with or without skip words.
pub(crate) struct Form {
    pub(crate) heard: Heard,
    /// From here on nothing but spaces and marks.
    pub(crate) tail: usize,
    /// Fragments that are in it.
    pub(crate) fragments: Vec<u64>,
    /// Results of rules without slots: offset into `remembered` plus 1, 0 for none yet.
    pub(crate) memo: Vec<(u32, u32)>,
    pub(crate) remembered: Vec<State>,
}

impl Form {
    pub(crate) fn new(mut heard: Heard, program: &Program) -> Form {
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

/// The utterance without skip words: anywhere, or only at its start or end.
pub(crate) fn without_skip_words(
    heard: &Heard,
    program: &Program,
    start: bool,
    end: bool,
) -> Heard {
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
pub(crate) struct FastHasher(u64);

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
