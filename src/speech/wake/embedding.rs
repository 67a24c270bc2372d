//! What a second of sound is like, as 96 numbers, 12.5 times a second: Google's speech embedding (Apache-2.0), in the form
//! that openWakeWord publishes. It was trained to tell words of many voices apart, so that a tiny network on top of it
//! learns a new word from few examples.
//!
//! The network looks at 76 columns of the spectrogram and moves on by 8. Its layers see no edges in time, so that each
//! layer's last columns are remembered and nothing is computed twice: a tenth of the work.

use std::path::Path;

use super::WakeError;
use super::mel::BANDS;
use super::onnx;
use crate::speech::kernel::add_product;

/// Numbers that say what it is like.
pub(super) const SIZE: usize = 96;
/// Places of a kernel.
const KERNEL: usize = 3;
/// The slope of what is below zero, and where it ends.
const SLOPE: f32 = 0.2;
const LEAST: f32 = -0.4;
/// The first layer's outputs and what keeps its scaling from dividing by nothing.
const FIRST: usize = 24;
const EPSILON: f32 = 0.001;

/// The layers after the first: what each looks along, its inputs and outputs; or how it picks the largest.
const LAYERS: [Shape; 24] = [
    Shape::Bands(24, 24),
    Shape::Time(24, 24),
    Shape::Pool { halves_time: true },
    Shape::Bands(24, 48),
    Shape::Time(48, 48),
    Shape::Bands(48, 48),
    Shape::Time(48, 48),
    Shape::Pool { halves_time: false },
    Shape::Bands(48, 72),
    Shape::Time(72, 72),
    Shape::Bands(72, 72),
    Shape::Time(72, 72),
    Shape::Pool { halves_time: true },
    Shape::Bands(72, 96),
    Shape::Time(96, 96),
    Shape::Bands(96, 96),
    Shape::Time(96, 96),
    Shape::Pool { halves_time: false },
    Shape::Bands(96, 96),
    Shape::Time(96, 96),
    Shape::Bands(96, 96),
    Shape::Time(96, 96),
    Shape::Pool { halves_time: true },
    Shape::Time(96, 96),
];

#[derive(Debug, Clone, Copy)]
enum Shape {
    Bands(usize, usize),
    Time(usize, usize),
    Pool { halves_time: bool },
}

/// The network's weights.
#[derive(Debug)]
pub(super) struct Weights {
    /// The first layer: places in time and bands to [`FIRST`] outputs; then what scales and shifts each.
    first: Vec<f32>,
    scale: Vec<f32>,
    shift: Vec<f32>,
    /// Of each of [`LAYERS`] that has any, for each place of the kernel and input its part in all outputs, and the bias.
    layers: Vec<(Vec<f32>, Vec<f32>)>,
}

impl Weights {
    /// Reads openWakeWord's file.
    pub(super) fn load(path: &Path) -> Result<Self, WakeError> {
        let bytes = std::fs::read(path)?;
        let tensors = onnx::tensors(&bytes)?;
        let find = |name: &str, n: usize| {
            let found = tensors.iter().find(|tensor| tensor.name == name);
            let values = found.map(|tensor| tensor.values.clone()).unwrap_or_default();
            if values.len() == n {
                Ok(values)
            } else {
                Err(WakeError::Format("a layer is missing"))
            }
        };
        let norm = |part: &str| find(&format!("model/batch_normalization/{part}:0"), FIRST);
        let (scale, shift) = (norm("ReadVariableOp")?, norm("ReadVariableOp_1")?);
        let mean = norm("FusedBatchNormV3/ReadVariableOp")?;
        let variance = norm("FusedBatchNormV3/ReadVariableOp_1")?;
        let scale: Vec<f32> = scale
            .iter()
            .zip(&variance)
            .map(|(scale, variance)| scale / (variance + EPSILON).sqrt())
            .collect();
        let shift: Vec<f32> = shift
            .iter()
            .zip(&mean)
            .zip(&scale)
            .map(|((shift, mean), scale)| shift - mean * scale)
            .collect();
        let first = find(
            "model/conv2d/StatefulPartitionedCall/StatefulPartitionedCall/Conv2D/ReadVariableOp:0",
            FIRST * KERNEL * KERNEL,
        )?;
        let mut layers = Vec::new();
        for shape in LAYERS {
            let (Shape::Bands(n_in, n_out) | Shape::Time(n_in, n_out)) = shape else {
                layers.push((Vec::new(), Vec::new()));
                continue;
            };
            let number = 1 + layers.iter().filter(|(weights, _)| !Vec::is_empty(weights)).count();
            let is_last = number == 19;
            let name = |part: &str| format!("model/conv2d_{number}/Conv2D_{part}_fused_bn");
            let weights = match is_last {
                true => find("model/conv2d_19/Conv2D/ReadVariableOp:0", n_out * n_in * KERNEL)?,
                false => find(&name("weights"), n_out * n_in * KERNEL)?,
            };
            let bias = if is_last { vec![0.0; n_out] } else { find(&name("bias"), n_out)? };
            layers.push((turned(&weights, n_in, n_out), bias));
        }
        let first = turned(&first, KERNEL, FIRST);
        Ok(Self { first, scale, shift, layers })
    }
}

/// Weights by output, input and place, as outputs by place and input.
fn turned(weights: &[f32], n_in: usize, n_out: usize) -> Vec<f32> {
    let mut turned = vec![0.0; weights.len()];
    for (at, weight) in weights.iter().enumerate() {
        let (output, input, place) = (at / (n_in * KERNEL), at / KERNEL % n_in, at % KERNEL);
        turned[(place * n_in + input) * n_out + output] = *weight;
    }
    turned
}

/// What each layer remembers of the columns before. A column is one band after another, each with all its values.
#[derive(Debug)]
pub(super) struct Memory {
    first: Vec<Vec<f32>>,
    layers: Vec<Vec<Vec<f32>>>,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self { first: Vec::new(), layers: vec![Vec::new(); LAYERS.len()] }
    }

    /// The embedding that this column completes, if it does.
    pub(super) fn hear(&mut self, weights: &Weights, column: &[f32; BANDS]) -> Option<[f32; SIZE]> {
        let mut padded = vec![0.0; BANDS + 2];
        padded[1..=BANDS].copy_from_slice(column);
        let columns = with_before(&mut self.first, padded)?;
        let mut values = vec![0.0; BANDS * FIRST];
        for (band, outputs) in values.chunks_exact_mut(FIRST).enumerate() {
            for (time, column) in columns.iter().enumerate() {
                // The weights of the first layer are by band, then time: its one input stands for the time.
                for place in 0..KERNEL {
                    let row = (place * KERNEL + time) * FIRST;
                    add_product(
                        outputs,
                        &column[band + place..=band + place],
                        &weights.first[row..row + FIRST],
                    );
                }
            }
            for (at, output) in outputs.iter_mut().enumerate() {
                *output = leaky(output.max(0.0) * weights.scale[at] + weights.shift[at]);
            }
        }
        let is_last = LAYERS.len() - 1;
        for (at, shape) in LAYERS.into_iter().enumerate() {
            let (matrix, bias) = &weights.layers[at];
            let memory = &mut self.layers[at];
            values = match shape {
                Shape::Bands(n_in, _) => along_bands(&values, n_in, matrix, bias),
                Shape::Time(n_in, _) => {
                    along_time(&with_before(memory, values)?, n_in, matrix, bias)
                }
                Shape::Pool { halves_time } => {
                    let wide = match (halves_time, memory.pop()) {
                        (false, _) => values,
                        (true, Some(before)) => larger(&before, &values),
                        (true, None) => {
                            memory.push(values);
                            return None;
                        }
                    };
                    let n = LAYERS[..at].iter().rev().find_map(|shape| match shape {
                        Shape::Bands(_, n) | Shape::Time(_, n) => Some(*n),
                        Shape::Pool { .. } => None,
                    });
                    let n = n.unwrap_or(FIRST);
                    wide.chunks_exact(2 * n).flat_map(|two| larger(&two[..n], &two[n..])).collect()
                }
            };
            if at != is_last && !matches!(shape, Shape::Pool { .. }) {
                values.iter_mut().for_each(|value| *value = leaky(*value));
            }
        }
        values.try_into().ok()
    }
}

/// The last columns up to this one, once there are enough; remembers what the next needs.
fn with_before(memory: &mut Vec<Vec<f32>>, column: Vec<f32>) -> Option<[Vec<f32>; KERNEL]> {
    if memory.len() < KERNEL - 1 {
        memory.push(column);
        return None;
    }
    let first = memory.remove(0);
    let second = memory[0].clone();
    memory.push(column.clone());
    Some([first, second, column])
}

fn along_bands(values: &[f32], n_in: usize, matrix: &[f32], bias: &[f32]) -> Vec<f32> {
    let n_bands = values.len() / n_in;
    let mut outputs = Vec::with_capacity(n_bands * bias.len());
    for band in 0..n_bands {
        let mut output = bias.to_vec();
        // Bands beyond the edges are nothing.
        let from = band.saturating_sub(1);
        let to = (band + 2).min(n_bands);
        let skipped = usize::from(band == 0) * n_in * bias.len();
        add_product(&mut output, &values[from * n_in..to * n_in], &matrix[skipped..]);
        outputs.extend(output);
    }
    outputs
}

fn along_time(columns: &[Vec<f32>; KERNEL], n_in: usize, matrix: &[f32], bias: &[f32]) -> Vec<f32> {
    let n_bands = columns[0].len() / n_in;
    let mut outputs = Vec::with_capacity(n_bands * bias.len());
    let rows = n_in * bias.len();
    for band in 0..n_bands {
        let mut output = bias.to_vec();
        for (column, matrix) in columns.iter().zip(matrix.chunks_exact(rows)) {
            add_product(&mut output, &column[band * n_in..(band + 1) * n_in], matrix);
        }
        outputs.extend(output);
    }
    outputs
}

fn larger(one: &[f32], other: &[f32]) -> Vec<f32> {
    one.iter().zip(other).map(|(one, other)| one.max(*other)).collect()
}

fn leaky(value: f32) -> f32 {
    let value = if value < 0.0 { value * SLOPE } else { value };
    value.max(LEAST)
}
