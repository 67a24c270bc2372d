//! Quantised matrices: multiplied with one vector as they are, with many after their weights were unpacked once.

use std::borrow::Cow;

use candle_core::quantized::{GgmlDType, QStorage, QTensor, QuantizedType};
use candle_core::{CpuStorage, Device, Tensor as Candle};

use super::ModelError;
use super::gguf::{Gguf, broken, missing};

/// From so many vectors on it pays to unpack the weights and multiply plain numbers: the quantised kernels go over all
/// weights again for each vector.
const BATCH: usize = 6;

/// A matrix of weights.
pub(super) struct Matrix {
    rows: usize,
    columns: usize,
    weights: Box<dyn QuantizedType>,
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
        Ok(Self { rows: n_rows, columns, weights: dtype.from_data(Cow::Borrowed(&bytes)) })
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Each vector of `xs` times the matrix, one after the other in `out`.
    pub(super) fn apply(&self, xs: &[f32], out: &mut Vec<f32>) -> Result<(), ModelError> {
        let n = xs.len() / self.columns;
        if n < BATCH {
            out.resize(n * self.rows, 0.0);
            self.weights.matmul_t((n, self.columns, self.rows), xs, out)?;
            return Ok(());
        }
        let CpuStorage::F32(weights) = self.weights.dequantize(self.rows * self.columns)? else {
            return Err(ModelError::Failed("weights were not unpacked as f32".to_owned()));
        };
        let weights = Candle::from_vec(weights, (self.rows, self.columns), &Device::Cpu)?;
        let xs = Candle::from_slice(xs, (n, self.columns), &Device::Cpu)?;
        let product = xs.matmul(&weights.t()?)?.flatten_all()?;
        *out = product.to_vec1()?;
        Ok(())
    }
}

/// A matrix of which single rows are wanted too: the vectors of tokens, and what turns a vector into the weights of
/// tokens.
pub(super) struct Table {
    weights: QTensor,
    rows: usize,
    columns: usize,
}

impl Table {
    pub(super) fn load(gguf: &mut Gguf, name: &str, columns: usize) -> Result<Self, ModelError> {
        let Matrix { rows, columns, weights } = Matrix::load(gguf, name, columns)?;
        let weights = QTensor::new(QStorage::Cpu(weights), (rows, columns))?;
        Ok(Self { weights, rows, columns })
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// One row, unpacked.
    pub(super) fn row(&self, row: usize) -> Result<Vec<f32>, ModelError> {
        match self.packed(row)?.dequantize(self.columns)? {
            CpuStorage::F32(row) => Ok(row),
            _ => Err(ModelError::Failed("a row was not unpacked as f32".to_owned())),
        }
    }

    /// The product of every row with a vector.
    pub(super) fn products(&self, x: &[f32]) -> Result<Vec<f32>, ModelError> {
        let x = Candle::from_slice(x, (1, self.columns), &Device::Cpu)?;
        Ok(x.apply_op1_no_bwd(&self.weights)?.flatten_all()?.to_vec1()?)
    }

    fn packed(&self, row: usize) -> Result<Box<dyn QuantizedType>, ModelError> {
        let dtype = self.weights.dtype();
        let size = self.columns / dtype.block_size() * dtype.type_size();
        let bytes = self.weights.data()?;
        let bytes = bytes.get(row * size..(row + 1) * size);
        let bytes = bytes.ok_or_else(|| broken("a token has no vector"))?;
        Ok(dtype.from_data(Cow::Borrowed(bytes)))
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
