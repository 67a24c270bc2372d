//! Matrices of weights as they lie in a model's file: multiplied as they are. Kinds without a kernel of our own are
//! multiplied by candle.

use std::borrow::Cow;

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{CpuStorage, Device, Tensor as Candle};

use super::ModelError;
use super::gguf::{Gguf, broken, missing};
use super::kernel::{self, Kind, Product};

/// From so many vectors on candle multiplies faster with weights that are unpacked first: its kernels go over all weights
/// again for each vector.
const BATCH: usize = 6;

/// A matrix of weights.
pub(super) struct Matrix {
    rows: usize,
    columns: usize,
    weights: Weights,
}

enum Weights {
    Packed(Kind, Vec<u8>),
    Candle(QTensor),
}

impl Matrix {
    /// All rows of a tensor.
    pub(super) fn load(gguf: &mut Gguf, name: &str, columns: usize) -> Result<Self, ModelError> {
        let rows = gguf.tensor(name).ok_or_else(|| missing(name))?.rows;
        Self::load_rows(gguf, name, 0..rows, columns)
    }

    /// Some rows of a tensor.
    pub(super) fn load_rows(
        gguf: &mut Gguf,
        name: &str,
        rows: std::ops::Range<usize>,
        columns: usize,
    ) -> Result<Self, ModelError> {
        let tensor = gguf.tensor(name).ok_or_else(|| missing(name))?;
        if tensor.columns != columns {
            return Err(broken(&format!("`{name}` has rows of another length")));
        }
        let dtype = tensor.dtype;
        let n_rows = rows.len();
        let bytes = gguf.rows(name, rows)?;
        let weights = match Kind::of(dtype) {
            Some(kind) => Weights::Packed(kind, bytes),
            None => {
                let weights = QStorage::Cpu(dtype.from_data(Cow::Borrowed(&bytes)));
                Weights::Candle(QTensor::new(weights, (n_rows, columns))?)
            }
        };
        Ok(Self { rows: n_rows, columns, weights })
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Each vector of `xs` times the matrix, one after the other in `out`.
    pub(super) fn apply(&self, xs: &[f32], out: &mut Vec<f32>) -> Result<(), ModelError> {
        Self::apply_all([(self, out)], xs)
    }

    /// The same with several matrices.
    pub(super) fn apply_all<const N: usize>(
        matrices: [(&Self, &mut Vec<f32>); N],
        xs: &[f32],
    ) -> Result<(), ModelError> {
        let mut products = Vec::with_capacity(N);
        let mut columns = 0;
        for (matrix, out) in matrices {
            match &matrix.weights {
                Weights::Packed(kind, rows) => {
                    columns = matrix.columns;
                    products.push(Product { kind: *kind, rows, out });
                }
                Weights::Candle(weights) => matrix.apply_candle(weights, xs, out)?,
            }
        }
        if !products.is_empty() {
            kernel::multiply(columns, xs, &mut products);
        }
        Ok(())
    }

    fn apply_candle(
        &self,
        weights: &QTensor,
        xs: &[f32],
        out: &mut Vec<f32>,
    ) -> Result<(), ModelError> {
        let n = xs.len() / self.columns;
        let xs = Candle::from_slice(xs, (n, self.columns), &Device::Cpu)?;
        let product = match n < BATCH {
            true => xs.apply_op1_no_bwd(weights)?,
            false => xs.matmul(&weights.dequantize(&Device::Cpu)?.t()?)?,
        };
        *out = product.flatten_all()?.to_vec1()?;
        Ok(())
    }

    /// One row, unpacked.
    pub(super) fn row(&self, row: usize) -> Result<Vec<f32>, ModelError> {
        let none = || broken("a token has no vector");
        match &self.weights {
            Weights::Packed(kind, bytes) => {
                let size = bytes.len() / self.rows.max(1);
                let bytes = bytes.get(row * size..(row + 1) * size).ok_or_else(none)?;
                Ok(kind.unpack(bytes))
            }
            Weights::Candle(weights) => {
                let dtype = weights.dtype();
                let size = self.columns / dtype.block_size() * dtype.type_size();
                let bytes = weights.data()?;
                let bytes = bytes.get(row * size..(row + 1) * size).ok_or_else(none)?;
                match dtype.from_data(Cow::Borrowed(bytes)).dequantize(self.columns)? {
                    CpuStorage::F32(row) => Ok(row),
                    _ => Err(none()),
                }
            }
        }
    }
}

/// A vector of plain numbers.
pub(super) fn vector(gguf: &mut Gguf, name: &str, length: usize) -> Result<Vec<f32>, ModelError> {
    let tensor = gguf.tensor(name).ok_or_else(|| missing(name))?;
    let (rows, columns, dtype) = (tensor.rows, tensor.columns, tensor.dtype);
    if rows * columns != length || dtype != GgmlDType::F32 {
        return Err(broken(&format!("`{name}` is no vector of {length} plain numbers")));
    }
    let bytes = gguf.rows(name, 0..rows)?;
    let numbers = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
    Ok(numbers.collect())
}
