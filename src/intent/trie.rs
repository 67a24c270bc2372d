//! A compact prefix tree over plain letters. It finds which of many texts stand at a place of an
//! utterance in time that depends on the text, not on how many there are.

use crate::text::Letter;

/// Maps texts to numbers; a text may have several.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trie {
    nodes: Vec<Node>,
    values: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    letter: char,
    first_child: u32,
    n_children: u32,
    first_value: u32,
    n_values: u32,
}

impl Trie {
    /// Builds the tree. Texts without a letter are left out: they would match anywhere.
    pub(crate) fn new(mut entries: Vec<(Vec<char>, u32)>) -> Self {
        entries.retain(|(text, _)| !text.is_empty());
        entries.sort();
        let mut trie = Trie { nodes: Vec::new(), values: Vec::new() };
        trie.nodes.push(Node {
            letter: ' ',
            first_child: 0,
            n_children: 0,
            first_value: 0,
            n_values: 0,
        });
        // Each task: a node, the entries below it, and how many of their letters are used up.
        let mut tasks = vec![(0usize, 0..entries.len(), 0usize)];
        while let Some((node, range, depth)) = tasks.pop() {
            let first_value = trie.values.len() as u32;
            let mut start = range.start;
            while start < range.end && entries[start].0.len() == depth {
                trie.values.push(entries[start].1);
                start += 1;
            }
            let first_child = trie.nodes.len() as u32;
            let mut from = start;
            while from < range.end {
                let letter = entries[from].0[depth];
                let length =
                    entries[from..range.end].partition_point(|(text, _)| text[depth] == letter);
                tasks.push((trie.nodes.len(), from..from + length, depth + 1));
                trie.nodes.push(Node {
                    letter,
                    first_child: 0,
                    n_children: 0,
                    first_value: 0,
                    n_values: 0,
                });
                from += length;
            }
            let n_nodes = trie.nodes.len() as u32;
            let node = &mut trie.nodes[node];
            node.n_values = (start - range.start) as u32;
            node.first_value = first_value;
            node.n_children = n_nodes - first_child;
            node.first_child = first_child;
        }
        trie.nodes.shrink_to_fit();
        trie.values.shrink_to_fit();
        trie
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
        let Node { first_value, n_values, .. } = self.nodes[node];
        for value in &self.values[first_value as usize..(first_value + n_values) as usize] {
            found(at, *value);
        }
    }

    fn child(&self, node: usize, letter: char) -> Option<usize> {
        let Node { first_child, n_children, .. } = self.nodes[node];
        let children = &self.nodes[first_child as usize..(first_child + n_children) as usize];
        let found = children.binary_search_by_key(&letter, |node| node.letter).ok()?;
        Some(first_child as usize + found)
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
