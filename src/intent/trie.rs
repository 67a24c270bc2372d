//! A compact prefix tree over plain letters. It finds which of many texts stand at a place of an
//! utterance in time that depends on the text, not on how many there are.

use std::collections::VecDeque;

use crate::text::Letter;

/// Maps texts to numbers; a text may have several.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trie {
    /// Level by level, so that the children of a node and its values end where those of the next
    /// begin; the last one only ends those of the node before.
    nodes: Box<[Node]>,
    values: Box<[u32]>,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    letter: char,
    first_child: u32,
    first_value: u32,
}

impl Trie {
    /// Builds the tree. Texts without a letter are left out: they would match anywhere.
    pub(crate) fn new(mut entries: Vec<(Vec<char>, u32)>) -> Self {
        entries.retain(|(text, _)| !text.is_empty());
        entries.sort();
        let mut values = Vec::with_capacity(entries.len());
        let mut nodes = vec![Node { letter: ' ', first_child: 0, first_value: 0 }];
        // Of each node the entries below it and how many of their letters are used up.
        let mut below = VecDeque::from([(0..entries.len(), 0usize)]);
        let mut node = 0;
        while let Some((range, depth)) = below.pop_front() {
            nodes[node].first_child = nodes.len() as u32;
            nodes[node].first_value = values.len() as u32;
            node += 1;
            let mut from = range.start;
            while from < range.end && entries[from].0.len() == depth {
                values.push(entries[from].1);
                from += 1;
            }
            while from < range.end {
                let letter = entries[from].0[depth];
                let length =
                    entries[from..range.end].partition_point(|(text, _)| text[depth] == letter);
                below.push_back((from..from + length, depth + 1));
                nodes.push(Node { letter, first_child: 0, first_value: 0 });
                from += length;
            }
        }
        let (first_child, first_value) = (nodes.len() as u32, values.len() as u32);
        nodes.push(Node { letter: ' ', first_child, first_value });
        Trie { nodes: nodes.into(), values: values.into() }
    }

    /// Calls `found(end, value)` for every text that stands in `letters` from `start` on. A hyphen
    /// or underscore of the utterance also counts as a space of the text.
    pub(crate) fn find(
        &self,
        letters: &[Letter],
        start: usize,
        found: &mut impl FnMut(usize, u32),
    ) {
        if !self.nodes.is_empty() {
            self.walk(0, letters, start, found);
        }
    }

    fn walk(
        &self,
        mut node: usize,
        letters: &[Letter],
        mut at: usize,
        found: &mut impl FnMut(usize, u32),
    ) {
        while let Some(letter) = letters.get(at) {
            at += 1;
            if matches!(letter.plain, '-' | '_')
                && let Some(child) = self.child(node, ' ')
            {
                self.report(child, at, found);
                self.walk(child, letters, at, found);
            }
            let Some(child) = self.child(node, letter.plain) else { return };
            self.report(child, at, found);
            node = child;
        }
    }

    fn report(&self, node: usize, at: usize, found: &mut impl FnMut(usize, u32)) {
        let (first, end) = (self.nodes[node].first_value, self.nodes[node + 1].first_value);
        for value in &self.values[first as usize..end as usize] {
            found(at, *value);
        }
    }

    fn child(&self, node: usize, letter: char) -> Option<usize> {
        let first = self.nodes[node].first_child as usize;
        let children = &self.nodes[first..self.nodes[node + 1].first_child as usize];
        let found = children.binary_search_by_key(&letter, |node| node.letter).ok()?;
        Some(first + found)
    }

    /// Bytes held, for the memory figures.
    pub(crate) fn size(&self) -> usize {
        self.nodes.len() * size_of::<Node>() + self.values.len() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text;

    fn found(texts: &[&str], said: &str, start: usize) -> Vec<(usize, u32)> {
        let entries =
            texts.iter().enumerate().map(|(i, t)| (t.chars().collect(), i as u32)).collect();
        let mut out = Vec::new();
        Trie::new(entries).find(&text::letters(said), start, &mut |end, v| out.push((end, v)));
        out
    }

    #[test]
    fn all_prefixes_are_found() {
        let texts = ["hall", "hall light", "halls", "kitchen", "hall", ""];
        assert_eq!(found(&texts, "hall lights", 0), [(4, 0), (4, 4), (10, 1)]);
        assert_eq!(found(&texts, "the kitchen", 4), [(11, 3)]);
        assert!(found(&texts, "hal", 0).is_empty());
        assert!(found(&[], "hal", 0).is_empty());
    }

    #[test]
    fn a_hyphen_said_may_be_a_space() {
        assert_eq!(found(&["living room", "living-room"], "Living-Room", 0), [(11, 0), (11, 1)]);
    }
}
