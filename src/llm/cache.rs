//! What a model has read: the keys and values of each layer. It can be cut back to its beginning, which is how a prompt
//! that always begins in the same way is read only once; and kept on a disk.

/// Keys and values of all tokens read so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Cache {
    pub(super) layers: Vec<Layer>,
    /// Numbers that a token has in each layer's keys, and in its values.
    pub(super) row: usize,
    /// The tokens.
    pub(super) tokens: Vec<u32>,
}

/// Keys and values of one layer, one token after the other.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Layer {
    pub(super) keys: Vec<f32>,
    pub(super) values: Vec<f32>,
}

/// First bytes of a kept cache, with the version of its form.
const MAGIC: &[u8; 8] = b"HMDKV001";

impl Cache {
    pub(super) fn new(n_layers: usize, row: usize) -> Self {
        Self { layers: vec![Layer::default(); n_layers], row, tokens: Vec::new() }
    }

    /// The tokens that were read.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Forgets all but the first tokens.
    pub fn truncate(&mut self, n_tokens: usize) {
        self.tokens.truncate(n_tokens);
        for layer in &mut self.layers {
            layer.keys.truncate(n_tokens * self.row);
            layer.values.truncate(n_tokens * self.row);
        }
    }

    /// Forgets all but what these tokens begin with too, and tells how many that are.
    pub fn keep_common(&mut self, tokens: &[u32]) -> usize {
        let common = self.tokens.iter().zip(tokens).take_while(|(a, b)| a == b).count();
        self.truncate(common);
        common
    }

    /// As bytes, for the disk.
    pub fn to_bytes(&self) -> Vec<u8> {
        let count = |n: usize| (n as u32).to_le_bytes();
        let mut bytes = MAGIC.to_vec();
        for n in [self.layers.len(), self.row, self.tokens.len()] {
            bytes.extend(count(n));
        }
        bytes.extend(self.tokens.iter().flat_map(|token| token.to_le_bytes()));
        for layer in &self.layers {
            let numbers = layer.keys.iter().chain(&layer.values);
            bytes.extend(numbers.flat_map(|number| number.to_le_bytes()));
        }
        bytes
    }

    /// Puts bytes of [`Cache::to_bytes`] in the place of what was read; false, and nothing changes, when they are of
    /// another model or damaged.
    pub fn restore(&mut self, bytes: &[u8]) -> bool {
        let Some(rest) = bytes.strip_prefix(MAGIC) else { return false };
        let (words, []) = rest.as_chunks::<4>() else { return false };
        let word = |at: usize| words.get(at).map(|word| u32::from_le_bytes(*word) as usize);
        let (Some(n_layers), Some(row), Some(n_tokens)) = (word(0), word(1), word(2)) else {
            return false;
        };
        let numbers = 2 * n_layers.saturating_mul(row).saturating_mul(n_tokens);
        let fits = n_layers == self.layers.len() && row == self.row;
        if !fits || words.len() != 3 + n_tokens + numbers {
            return false;
        }
        let (tokens, numbers) = words.split_at(3 + n_tokens);
        self.tokens = tokens.iter().skip(3).map(|word| u32::from_le_bytes(*word)).collect();
        let mut parts = numbers
            .chunks(row * n_tokens)
            .map(|part| part.iter().map(|word| f32::from_le_bytes(*word)).collect::<Vec<f32>>());
        for layer in &mut self.layers {
            layer.keys = parts.next().unwrap_or_default();
            layer.values = parts.next().unwrap_or_default();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_from_the_disk_and_nothing_else_does() {
        let mut cache = Cache::new(2, 3);
        cache.tokens = vec![7, 8];
        for (at, layer) in cache.layers.iter_mut().enumerate() {
            layer.keys = (0..6).map(|n| (at * 10 + n) as f32).collect();
            layer.values = layer.keys.iter().map(|n| -n).collect();
        }
        let bytes = cache.to_bytes();
        let mut other = Cache::new(2, 3);
        assert!(other.restore(&bytes));
        assert_eq!(other, cache);
        for bytes in [&bytes[..bytes.len() - 1], &bytes[..bytes.len() - 4], &[], &bytes[1..]] {
            assert!(!other.restore(bytes));
        }
        assert!(!Cache::new(3, 3).restore(&bytes));
        assert_eq!(other, cache);
        assert_eq!(cache.keep_common(&[7, 9]), 1);
        assert_eq!(cache.tokens(), [7]);
        assert_eq!(cache.layers[1].keys, [10.0, 11.0, 12.0]);
    }
}
