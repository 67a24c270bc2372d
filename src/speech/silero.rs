//! Silero VAD, computed by ourselves: how likely is it that somebody speaks in the last 32 milliseconds?
//!
//! whisper.cpp can run this network over a whole recording only, and for an end to be found while somebody speaks it must
//! run along. It is small (a Fourier transform by weights, four convolutions, one recurrent cell), so that it is written
//! out: about 0.7 million multiplications per frame.

use std::path::Path;
use std::sync::Arc;

use half::f16;

use super::kernel::{add_product, add_scaled, sigmoid, turned};

/// Samples per frame, 32 milliseconds.
pub const FRAME: usize = 512;
/// Samples before a frame that the network looks back at.
const CONTEXT: usize = 64;
/// Samples that the transform adds behind a frame, mirrored.
const MIRRORED: usize = 64;
/// The transform: samples, samples from one to the next, and how many there are in a frame.
const WINDOW: usize = 256;
const HOP: usize = 128;
const N_WINDOWS: usize = (CONTEXT + FRAME + MIRRORED - WINDOW) / HOP + 1;
/// Frequencies.
const BINS: usize = WINDOW / 2 + 1;
/// Values that the recurrent cell remembers.
const HIDDEN: usize = 128;
/// From one output to the next, of each convolution. The file does not say it.
const STRIDES: [usize; 4] = [1, 2, 2, 1];
/// Inputs of one output of a convolution.
const KERNEL: usize = 3;
/// Sides of the network's matrices are smaller.
const MAX_SIDE: usize = 4096;

/// The network's weights, from whisper.cpp's file. Several listeners share them.
#[derive(Debug)]
pub struct Weights {
    /// For each sample of a window its part in the real and imaginary value of each frequency.
    transform: Vec<f32>,
    convolutions: Vec<Convolution>,
    /// For each input of the cell its part in the four gates; then the same for what it remembers.
    input: Vec<f32>,
    memory: Vec<f32>,
    gates: Vec<f32>,
    output: Vec<f32>,
    output_bias: f32,
}

#[derive(Debug)]
struct Convolution {
    n_in: usize,
    n_out: usize,
    stride: usize,
    /// For each place of the kernel and each input its part in all outputs.
    weights: Vec<f32>,
    bias: Vec<f32>,
}

/// Weights that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    File(#[from] std::io::Error),
    /// It is not Silero's network as whisper.cpp has it, or cut off.
    #[error("it is no voice activity detector that is known: {0}")]
    Format(&'static str),
}

impl Weights {
    /// Reads whisper.cpp's file, version 6.
    ///
    /// # Errors
    /// When it cannot be read or is something else.
    pub fn load(path: &Path) -> Result<Arc<Self>, WeightsError> {
        Self::read(&std::fs::read(path)?).map(Arc::new)
    }

    fn read(bytes: &[u8]) -> Result<Self, WeightsError> {
        let mut file = Reader { rest: bytes };
        if file.int()? != 0x6767_6d6c {
            return Err(WeightsError::Format("it does not begin like one"));
        }
        let name = file.int()?;
        if file.take(name)? != b"silero-16k" {
            return Err(WeightsError::Format("another network"));
        }
        let version = [file.int()?, file.int()?, file.int()?];
        if version[0] != 6 || [file.int()?, file.int()?, file.int()?] != [FRAME, CONTEXT, 4] {
            return Err(WeightsError::Format("another version"));
        }
        // The shapes, which the tensors say again.
        file.take(4 * (3 * STRIDES.len() + 4))?;
        let mut tensors = Vec::new();
        while !file.rest.is_empty() {
            tensors.push(file.tensor()?);
        }
        let find = |name: &str, n: usize| {
            let found = tensors.iter().find(|tensor| tensor.name == name);
            let found = found.ok_or(WeightsError::Format("a part is missing"))?;
            if found.values.len() != n {
                return Err(WeightsError::Format("a part has another size"));
            }
            Ok(found)
        };
        let mut convolutions = Vec::new();
        for (at, stride) in STRIDES.into_iter().enumerate() {
            let name = |part: &str| format!("_model.encoder.{at}.reparam_conv.{part}");
            let weights = tensors.iter().find(|tensor| tensor.name == name("weight"));
            let Some(&[KERNEL, n_in, n_out]) = weights.map(|weights| weights.sides.as_slice())
            else {
                return Err(WeightsError::Format("a convolution is missing"));
            };
            let expected = convolutions.last().map_or(BINS, |before: &Convolution| before.n_out);
            if n_in != expected {
                return Err(WeightsError::Format("convolutions do not fit each other"));
            }
            let weights = &find(&name("weight"), KERNEL * n_in * n_out)?.values;
            let bias = find(&name("bias"), n_out)?.values.clone();
            let weights = turned(weights, n_out, n_in * KERNEL);
            convolutions.push(Convolution { n_in, n_out, stride, weights, bias });
        }
        if convolutions.last().is_none_or(|last| last.n_out != HIDDEN) {
            return Err(WeightsError::Format("the convolutions do not fit the cell"));
        }
        let rnn = |part: &str| find(&format!("_model.decoder.rnn.{part}"), 4 * HIDDEN * HIDDEN);
        let bias = |part: &str| find(&format!("_model.decoder.rnn.{part}"), 4 * HIDDEN);
        let (bias_in, bias_memory) = (bias("bias_ih")?, bias("bias_hh")?);
        let both = bias_in.values.iter().zip(&bias_memory.values);
        let basis = find("_model.stft.forward_basis_buffer", WINDOW * 2 * BINS)?;
        Ok(Self {
            transform: turned(&basis.values, 2 * BINS, WINDOW),
            convolutions,
            input: turned(&rnn("weight_ih")?.values, 4 * HIDDEN, HIDDEN),
            memory: turned(&rnn("weight_hh")?.values, 4 * HIDDEN, HIDDEN),
            gates: both.map(|(one, other)| one + other).collect(),
            output: find("_model.decoder.decoder.2.weight", HIDDEN)?.values.clone(),
            output_bias: find("_model.decoder.decoder.2.bias", 1)?.values[0],
        })
    }
}

struct Tensor {
    name: String,
    /// The innermost first.
    sides: Vec<usize>,
    values: Vec<f32>,
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], WeightsError> {
        let cut = WeightsError::Format("it is cut off");
        let (taken, rest) = self.rest.split_at_checked(n).ok_or(cut)?;
        self.rest = rest;
        Ok(taken)
    }

    fn int(&mut self) -> Result<usize, WeightsError> {
        let bytes = self.take(4)?.try_into().unwrap_or_default();
        usize::try_from(i32::from_le_bytes(bytes)).map_err(|_| WeightsError::Format("a size"))
    }

    fn tensor(&mut self) -> Result<Tensor, WeightsError> {
        let (n_sides, n_name, kind) = (self.int()?, self.int()?, self.int()?);
        if n_sides > 4 {
            return Err(WeightsError::Format("a part has too many sides"));
        }
        let mut sides = Vec::new();
        let mut n: usize = 1;
        for _ in 0..n_sides {
            let side = self.int()?;
            if side > MAX_SIDE {
                return Err(WeightsError::Format("a part is too large"));
            }
            n = n.saturating_mul(side);
            sides.push(side);
        }
        let name = String::from_utf8_lossy(self.take(n_name)?).into_owned();
        let values = match kind {
            0 => self.values(n, |bytes: [u8; 4]| f32::from_le_bytes(bytes))?,
            1 => self.values(n, |bytes: [u8; 2]| f16::from_le_bytes(bytes).to_f32())?,
            _ => return Err(WeightsError::Format("numbers of another kind")),
        };
        Ok(Tensor { name, sides, values })
    }

    fn values<const N: usize>(
        &mut self,
        n: usize,
        of: impl Fn([u8; N]) -> f32,
    ) -> Result<Vec<f32>, WeightsError> {
        let bytes = self.take(n.saturating_mul(N))?;
        Ok(bytes.as_chunks::<N>().0.iter().map(|bytes| of(*bytes)).collect())
    }
}

/// One listener: the weights and what was heard last.
#[derive(Debug)]
pub struct Silero {
    weights: Arc<Weights>,
    context: [f32; CONTEXT],
    hidden: [f32; HIDDEN],
    cell: [f32; HIDDEN],
}

impl Silero {
    /// One that has heard nothing yet.
    pub fn new(weights: Arc<Weights>) -> Self {
        Self { weights, context: [0.0; CONTEXT], hidden: [0.0; HIDDEN], cell: [0.0; HIDDEN] }
    }

    /// The probability, from 0 to 1, that somebody speaks in this frame of 16,000 samples a second.
    pub fn probability(&mut self, frame: &[f32; FRAME]) -> f32 {
        let weights = Arc::clone(&self.weights);
        let mut values = self.spectrum(&weights, frame);
        for convolution in &weights.convolutions {
            values = convolution.of(&values);
        }
        // The convolutions leave one column of the four windows.
        let mut gates = weights.gates.clone();
        add_product(&mut gates, &values[..HIDDEN], &weights.input);
        add_product(&mut gates, &self.hidden, &weights.memory);
        let mut logit = weights.output_bias;
        for at in 0..HIDDEN {
            let gate = |which: usize| gates[which * HIDDEN + at];
            let kept = sigmoid(gate(1)) * self.cell[at] + sigmoid(gate(0)) * gate(2).tanh();
            self.cell[at] = kept;
            self.hidden[at] = sigmoid(gate(3)) * kept.tanh();
            logit += self.hidden[at].max(0.0) * weights.output[at];
        }
        sigmoid(logit)
    }

    /// How strong each frequency is, in each window.
    fn spectrum(&mut self, weights: &Weights, frame: &[f32; FRAME]) -> Vec<f32> {
        let mut samples = [0.0; CONTEXT + FRAME + MIRRORED];
        samples[..CONTEXT].copy_from_slice(&self.context);
        samples[CONTEXT..CONTEXT + FRAME].copy_from_slice(frame);
        self.context.copy_from_slice(&frame[FRAME - CONTEXT..]);
        let end = CONTEXT + FRAME;
        for at in 0..MIRRORED {
            samples[end + at] = samples[end - 2 - at];
        }
        let mut spectrum = Vec::with_capacity(N_WINDOWS * BINS);
        let mut both = [0.0; 2 * BINS];
        for window in samples.windows(WINDOW).step_by(HOP) {
            both.fill(0.0);
            add_product(&mut both, window, &weights.transform);
            let (real, imaginary) = both.split_at(BINS);
            spectrum.extend(real.iter().zip(imaginary).map(|(re, im)| (re * re + im * im).sqrt()));
        }
        spectrum
    }
}

impl Convolution {
    /// Its outputs, cut off below zero: one column of `n_out` values for every `stride` columns of `n_in`.
    fn of(&self, values: &[f32]) -> Vec<f32> {
        let columns: Vec<&[f32]> = values.chunks_exact(self.n_in).collect();
        let mut outputs = Vec::new();
        let mut at = 0;
        while at < columns.len() {
            let mut output = self.bias.clone();
            for place in 0..KERNEL {
                // One column of nothing before the first and behind the last.
                let Some(column) = (at + place).checked_sub(1).and_then(|at| columns.get(at))
                else {
                    continue;
                };
                for (input, value) in column.iter().enumerate() {
                    let from = (input * KERNEL + place) * self.n_out;
                    add_scaled(&mut output, *value, &self.weights[from..from + self.n_out]);
                }
            }
            outputs.extend(output.iter().map(|value| value.max(0.0)));
            at += self.stride;
        }
        outputs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_such_file_is_refused() {
        let check = |bytes: &[u8], expected: &str| {
            let error = Weights::read(bytes).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(b"", "cut off");
        check(b"RIFFxxxxxxxx", "does not begin");
        let mut head = 0x6767_6d6c_i32.to_le_bytes().to_vec();
        head.extend(10_i32.to_le_bytes());
        check(&head, "cut off");
        head.extend(b"silero-16k");
        for value in [6, 2, 0, 512, 64, 4] {
            head.extend(i32::to_le_bytes(value));
        }
        head.extend([0; 4 * 16]);
        check(&head, "is missing");
        // A part that claims to be larger than anything.
        for value in [2, 1, 0, i32::MAX, i32::MAX] {
            head.extend(i32::to_le_bytes(value));
        }
        check(&head, "too large");
    }
}
