//! What a text is about, of a closed list of labels. A model this small cannot be asked: it answers with whatever label
//! comes first. But its lower layers know what words have to do with each other, so a small layer trained above them
//! (`tests/needs`) tells labels apart; the words themselves, as pieces of a few letters, are looked at beside that.
//!
//! A chooser belongs to one model: its file says to which.

use std::collections::BTreeMap;

use half::f16;

use super::cache::Cache;
use super::gguf::broken;
use super::session::Model;
use super::{ModelError, Stop};

/// First line of a chooser's file.
const MAGIC: &str = "homard chooser 1";
/// Longest text that is looked at, in characters: a wish is short, and all of what is longer may be anything.
const LONGEST: usize = 200;

/// Through what a text is looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Lens {
    /// What stands before each text, so that the model knows what the text is.
    pub prefix: String,
    /// Layers behind which it is looked, counted from 1, the lowest first.
    pub depths: Vec<usize>,
    /// How many kinds of pieces of words are told apart.
    pub n_pieces: usize,
}

/// What is seen of a text: the mean of its tokens' vectors behind each depth, and which pieces of words it has.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// [`super::Shape::width`] numbers for each depth.
    pub vectors: Vec<f32>,
    /// The pieces that are in it and how much of it each is; their squares sum to 1.
    pub pieces: BTreeMap<usize, f32>,
}

impl Lens {
    /// An empty cache for what is read through it.
    pub fn cache(&self, model: &Model) -> Cache {
        model.decoder.cache(self.depths.last().copied().unwrap_or(0))
    }

    /// What is seen of a text. The prefix is read once for a cache.
    ///
    /// # Errors
    /// When the text is too long or empty, or `stop` says so.
    pub fn look(
        &self,
        text: &str,
        model: &Model,
        cache: &mut Cache,
        stop: &Stop,
    ) -> Result<Features, ModelError> {
        if text.chars().nth(LONGEST).is_some() {
            return Err(ModelError::TooLong);
        }
        let prefix = model.tokenizer.encode(&self.prefix);
        let said = model.tokenizer.encode(&format!(" {}", text.trim()));
        let width = model.shape().width;
        let tokens: Vec<u32> = prefix.iter().chain(&said).copied().collect();
        let known = cache.keep_common(&prefix);
        let mut vectors = vec![0.0; width * self.depths.len()];
        let share = 1.0 / said.len() as f32;
        // What of the prefix is read now comes first and does not count.
        let mut n_skipped = vec![prefix.len() - known; self.depths.len()];
        let mut see = |depth: usize, seen: &[f32]| {
            let at = self.depths.iter().position(|known| *known == depth);
            let Some((sums, skip)) = at.and_then(|at| {
                Some((vectors.get_mut(at * width..(at + 1) * width)?, n_skipped.get_mut(at)?))
            }) else {
                return;
            };
            for vector in seen.chunks_exact(width) {
                if *skip > 0 {
                    *skip -= 1;
                    continue;
                }
                sums.iter_mut().zip(vector).for_each(|(sum, x)| *sum += x * share);
            }
        };
        model.read_seeing(&tokens, cache, stop, &mut see)?;
        cache.truncate(prefix.len());
        Ok(Features { vectors, pieces: pieces(text, self.n_pieces) })
    }
}

/// Which pieces of four and five letters, and which whole words, a text has.
fn pieces(text: &str, n_pieces: usize) -> BTreeMap<usize, f32> {
    let plain = deunicode::deunicode(&text.to_lowercase());
    let mut found: BTreeMap<usize, f32> = BTreeMap::new();
    let mut note = |piece: &[u8]| {
        // FNV-1a, whose values are the same on every machine.
        let hash = piece.iter().fold(0x811C_9DC5_u32, |hash, byte| {
            (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
        });
        *found.entry(hash as usize % n_pieces.max(1)).or_default() += 1.0;
    };
    for word in plain.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        let word = format!("<{word}>").into_bytes();
        note(&word);
        for length in [4, 5] {
            word.windows(length).filter(|piece| piece.len() < word.len()).for_each(&mut note);
        }
    }
    let norm = found.values().map(|n| n * n).sum::<f32>().sqrt();
    found.values_mut().for_each(|n| *n /= norm);
    found
}

/// Tells labels apart.
#[derive(Debug, Clone)]
pub struct Chooser {
    /// The model's name.
    pub model: String,
    /// How it looks at texts.
    pub lens: Lens,
    /// What it tells apart.
    pub labels: Vec<String>,
    /// For each of the vectors' numbers and then for each piece, one weight for each label.
    pub weights: Vec<f32>,
    /// One for each label.
    pub bias: Vec<f32>,
}

impl Chooser {
    /// Reads a file of [`Chooser::to_bytes`].
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, ModelError> {
        let no = || broken("a chooser's file");
        let end = bytes.windows(2).position(|pair| pair == b"\n\n").ok_or_else(no)?;
        let (head, body) = bytes.split_at_checked(end + 2).ok_or_else(no)?;
        let head = std::str::from_utf8(head).map_err(|_| no())?;
        let mut lines = head.lines();
        if lines.next() != Some(MAGIC) {
            return Err(no());
        }
        let keys: BTreeMap<&str, &str> = lines.filter_map(|line| line.split_once(' ')).collect();
        let text = |key: &str| keys.get(key).copied().ok_or_else(no);
        let number = |text: &str| text.parse::<usize>().map_err(|_| no());
        let depths = text("depths")?.split(' ').map(number).collect::<Result<Vec<_>, _>>()?;
        let lens = Lens {
            prefix: text("prefix")?.replace("\\n", "\n"),
            depths,
            n_pieces: number(text("pieces")?)?,
        };
        let labels: Vec<String> = text("labels")?.split(' ').map(str::to_owned).collect();
        let (halves, []) = body.as_chunks::<2>() else { return Err(no()) };
        let mut weights: Vec<f32> =
            halves.iter().map(|half| f16::from_le_bytes(*half).to_f32()).collect();
        let vectors = number(text("width")?)? * lens.depths.len();
        if weights.len() != (vectors + lens.n_pieces + 1) * labels.len() {
            return Err(no());
        }
        let bias = weights.split_off(weights.len() - labels.len());
        Ok(Self { model: text("model")?.to_owned(), lens, labels, weights, bias })
    }

    /// As a file: lines that say what it is, then the numbers.
    pub fn to_bytes(&self) -> Vec<u8> {
        let depths: Vec<String> = self.lens.depths.iter().map(usize::to_string).collect();
        let rows = self.weights.len() / self.labels.len().max(1);
        let width = rows.saturating_sub(self.lens.n_pieces) / depths.len().max(1);
        let head = format!(
            "{MAGIC}\nmodel {}\nwidth {width}\ndepths {}\npieces {}\nlabels {}\nprefix {}\n\n",
            self.model,
            depths.join(" "),
            self.lens.n_pieces,
            self.labels.join(" "),
            self.lens.prefix.replace('\n', "\\n"),
        );
        let numbers = self.weights.iter().chain(&self.bias);
        let numbers = numbers.flat_map(|number| f16::from_f32(*number).to_le_bytes());
        head.into_bytes().into_iter().chain(numbers).collect()
    }

    /// Whether it was trained above this model.
    pub fn fits(&self, model: &Model) -> bool {
        let shape = model.shape();
        let n_weights = shape.width * self.lens.depths.len() + self.lens.n_pieces;
        shape.name == self.model
            && self.weights.len() == n_weights * self.labels.len()
            && self.lens.depths.iter().all(|depth| *depth <= shape.n_layers)
    }

    /// How likely each label is, by what was seen of a text. They sum to 1.
    pub fn weigh(&self, features: &Features) -> Vec<f64> {
        let n = self.labels.len();
        let vectors = features.vectors.iter().copied().enumerate();
        let pieces = features.pieces.iter();
        let pieces = pieces.map(|(piece, share)| (features.vectors.len() + piece, *share));
        let mut sums: Vec<f32> = self.bias.clone();
        for (row, value) in vectors.chain(pieces) {
            let weights = self.weights.get(row * n..(row + 1) * n).unwrap_or_default();
            sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += value * weight);
        }
        let most = sums.iter().copied().fold(f32::MIN, f32::max);
        let each: Vec<f64> = sums.iter().map(|sum| f64::from(sum - most).exp()).collect();
        let all: f64 = each.iter().sum();
        each.into_iter().map(|one| one / all).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chooser() -> Chooser {
        Chooser {
            model: "Test 1".to_owned(),
            lens: Lens { prefix: "Said:\n".to_owned(), depths: vec![1], n_pieces: 8 },
            labels: vec!["a".to_owned(), "none".to_owned()],
            weights: (0..20).map(|n| n as f32 / 16.0).collect(),
            bias: vec![0.5, -0.5],
        }
    }

    #[test]
    fn it_comes_back_from_its_file_and_nothing_else_does() {
        let chooser = chooser();
        let bytes = chooser.to_bytes();
        let back = Chooser::parse(&bytes).unwrap();
        assert_eq!((back.to_bytes(), &back.lens), (bytes.clone(), &chooser.lens));
        for bytes in [&bytes[1..], &bytes[..bytes.len() - 2], b"", b"homard chooser 1\n\n"] {
            assert!(Chooser::parse(bytes).is_err());
        }
    }

    #[test]
    fn the_same_words_are_the_same_pieces_whatever_their_case_and_accents() {
        assert_eq!(pieces("Il fait FROID, là !", 4096), pieces("il fait froid la", 4096));
        assert_ne!(pieces("il fait froid", 4096), pieces("il fait chaud", 4096));
        assert_eq!(pieces("", 4096), BTreeMap::new());
        let weighed =
            chooser().weigh(&Features { vectors: vec![1.0, 0.0], pieces: pieces("x", 8) });
        assert!((weighed.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }
}
