//! One word: a network of two layers over the embeddings of the last second and a half, and its file.

use half::f16;

use super::WakeError;
use super::embedding::SIZE;
use crate::speech::kernel::add_product;

/// Embeddings that are looked at, 80 milliseconds apart.
pub(super) const SPAN: usize = 12;
/// All numbers of them.
pub(super) const INPUTS: usize = SPAN * SIZE;
/// Values between the layers.
pub(super) const HIDDEN: usize = 24;
/// How a file begins; the last byte is its version.
const MAGIC: &[u8; 8] = b"HOMWAKE\x01";
/// Longest name, in bytes.
const MAX_NAME: usize = 64;
/// How much the whole range of sensitivity moves the threshold.
const RANGE: f32 = 10.0;

/// What tells one word from all others.
#[derive(Debug, Clone, PartialEq)]
pub struct WakeWord {
    /// As people write it.
    pub(super) name: String,
    /// For each input its part in the hidden values.
    pub(super) first: Vec<f32>,
    pub(super) bias: Vec<f32>,
    pub(super) second: Vec<f32>,
    pub(super) last_bias: f32,
    /// The score above which it is the word.
    pub(super) threshold: f32,
}

impl WakeWord {
    /// How it is written.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// “Hey Homard”, which comes with the program.
    ///
    /// # Errors
    /// Never, unless the program was built with something else in its place.
    pub fn built_in() -> Result<Self, WakeError> {
        Self::from_bytes(include_bytes!("../../../models/wake/hey-homard.wake"))
    }

    /// Reads a file that [`Self::to_bytes`] made.
    ///
    /// # Errors
    /// When it is something else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WakeError> {
        let cut = WakeError::Format("it is cut off");
        let rest =
            bytes.strip_prefix(MAGIC).ok_or(WakeError::Format("it does not begin like one"))?;
        let (&length, rest) = rest.split_first().ok_or(WakeError::Format("it is cut off"))?;
        let (name, rest) = rest.split_at_checked(usize::from(length)).ok_or(cut)?;
        let name = str::from_utf8(name).map_err(|_| WakeError::Format("its name"))?.to_owned();
        let numbers: Vec<f32> =
            rest.as_chunks().0.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect();
        if numbers.len() != (INPUTS + 2) * HIDDEN + 2 || numbers.iter().any(|n| !n.is_finite()) {
            return Err(WakeError::Format("it has another size"));
        }
        let (first, numbers) = numbers.split_at(INPUTS * HIDDEN);
        let (bias, numbers) = numbers.split_at(HIDDEN);
        let (second, numbers) = numbers.split_at(HIDDEN);
        let (first, bias, second) = (first.to_vec(), bias.to_vec(), second.to_vec());
        Ok(Self { name, first, bias, second, last_bias: numbers[0], threshold: numbers[1] })
    }

    /// As a file: numbers of 16 bits, about 55 kB.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let mut name = self.name.as_str();
        while name.len() > MAX_NAME {
            name = &name[..name.floor_char_boundary(name.len() - 1)];
        }
        bytes.push(name.len() as u8);
        bytes.extend(name.as_bytes());
        let ends = [self.last_bias, self.threshold];
        for number in self.first.iter().chain(&self.bias).chain(&self.second).chain(&ends) {
            bytes.extend(f16::from_f32(*number).to_le_bytes());
        }
        bytes
    }

    /// The score from which on it is the word.
    pub(super) fn threshold(&self, sensitivity: f32) -> f32 {
        self.threshold + (0.5 - sensitivity) * RANGE
    }

    /// Adds an embedding to the last ones; the score is the logarithm of the odds that the word has just ended.
    pub(super) fn score(&self, last: &mut Vec<f32>, embedding: &[f32; SIZE]) -> Option<f32> {
        if last.len() >= INPUTS {
            last.drain(..last.len() - INPUTS + SIZE);
        }
        last.extend(embedding);
        (last.len() == INPUTS).then(|| self.of(last))
    }

    /// The score of [`SPAN`] embeddings.
    pub(super) fn of(&self, inputs: &[f32]) -> f32 {
        let mut hidden = self.bias.clone();
        add_product(&mut hidden, inputs, &self.first);
        let weighed =
            hidden.iter().zip(&self.second).map(|(hidden, weight)| hidden.max(0.0) * weight);
        self.last_bias + weighed.sum::<f32>()
    }
}
