//! GGUF files: what they say of a model, and where its tensors lie. Any file may be handed in, so nothing in it is
//! believed: lengths are held against the file's own before anything is allocated.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use candle_core::quantized::GgmlDType;

use super::ModelError;

/// More keys or tensors no model has.
const MOST_ENTRIES: u64 = 65_536;
/// Longest text: a chat template.
const LONGEST_TEXT: u64 = 1 << 20;
/// Longest list: a vocabulary and its merges.
const LONGEST_LIST: u64 = 1 << 21;

/// A value of the metadata. Numbers of all widths are one kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Any integer, and bools.
    Int(i64),
    /// Any float.
    Float(f64),
    /// A text.
    Text(String),
    /// Texts, as the vocabulary.
    Texts(Vec<String>),
    /// Numbers, as scores and kinds of tokens.
    Numbers(Vec<f32>),
}

/// A tensor: its rows and columns, how it is stored and where it begins.
#[derive(Debug, Clone)]
pub struct Tensor {
    /// 1 for a vector.
    pub rows: usize,
    /// Length of a row.
    pub columns: usize,
    /// How its numbers are stored.
    pub dtype: GgmlDType,
    /// Where it begins, in bytes from the file's beginning.
    at: u64,
}

impl Tensor {
    /// Bytes of one row.
    pub fn row_bytes(&self) -> usize {
        self.columns / self.dtype.block_size() * self.dtype.type_size()
    }
}

/// An open model file.
#[derive(Debug)]
pub struct Gguf {
    file: BufReader<File>,
    length: u64,
    values: BTreeMap<String, Value>,
    tensors: BTreeMap<String, Tensor>,
}

impl Gguf {
    /// Opens a file and reads what stands before its tensors.
    ///
    /// # Errors
    /// When it cannot be read or is no GGUF file of version 2 or 3.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let file = BufReader::with_capacity(1 << 16, file);
        let mut gguf = Self { file, length, values: BTreeMap::new(), tensors: BTreeMap::new() };
        gguf.read_head()?;
        Ok(gguf)
    }

    /// A value of the metadata.
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    /// A whole number of the metadata.
    pub fn int(&self, key: &str) -> Option<i64> {
        match self.value(key)? {
            Value::Int(int) => Some(*int),
            Value::Numbers(numbers) => numbers.first().map(|number| *number as i64),
            Value::Float(_) | Value::Text(_) | Value::Texts(_) => None,
        }
    }

    /// A number of the metadata.
    pub fn number(&self, key: &str) -> Option<f64> {
        match self.value(key)? {
            Value::Int(int) => Some(*int as f64),
            Value::Float(float) => Some(*float),
            Value::Text(_) | Value::Texts(_) | Value::Numbers(_) => None,
        }
    }

    /// A text of the metadata.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.value(key)? {
            Value::Text(text) => Some(text),
            Value::Int(_) | Value::Float(_) | Value::Texts(_) | Value::Numbers(_) => None,
        }
    }

    /// Takes a list of texts out of the metadata; empty when there is none.
    pub fn take_texts(&mut self, key: &str) -> Vec<String> {
        match self.values.remove(key) {
            Some(Value::Texts(texts)) => texts,
            _ => Vec::new(),
        }
    }

    /// Takes a list of numbers out of the metadata; empty when there is none.
    pub fn take_numbers(&mut self, key: &str) -> Vec<f32> {
        match self.values.remove(key) {
            Some(Value::Numbers(numbers)) => numbers,
            _ => Vec::new(),
        }
    }

    /// The tensor of that name.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// Bytes of all tensors: what they take in memory.
    pub fn tensor_bytes(&self) -> u64 {
        self.tensors.values().map(|tensor| (tensor.row_bytes() * tensor.rows) as u64).sum()
    }

    /// The bytes of these rows of a tensor.
    ///
    /// # Errors
    /// When there is no such tensor, or the file ends before it.
    pub fn rows(
        &mut self,
        name: &str,
        rows: std::ops::Range<usize>,
    ) -> Result<Vec<u8>, ModelError> {
        let tensor = self.tensor(name).ok_or_else(|| missing(name))?;
        if rows.start > rows.end || rows.end > tensor.rows {
            return Err(broken(&format!("tensor `{name}` has too few rows")));
        }
        let begin = tensor.at + (rows.start * tensor.row_bytes()) as u64;
        let mut bytes = vec![0; rows.len() * tensor.row_bytes()];
        self.file.seek(SeekFrom::Start(begin))?;
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn read_head(&mut self) -> Result<(), ModelError> {
        if &self.bytes::<4>()? != b"GGUF" {
            return Err(broken("it is no GGUF file"));
        }
        let version = self.u32()?;
        if !(2..=3).contains(&version) {
            return Err(broken(&format!("GGUF version {version} is not known")));
        }
        let n_tensors = self.u64()?;
        let n_values = self.u64()?;
        if n_tensors > MOST_ENTRIES || n_values > MOST_ENTRIES {
            return Err(broken("it has too many entries"));
        }
        for _ in 0..n_values {
            let key = self.string()?;
            let kind = self.u32()?;
            let value = self.read_value(kind)?;
            self.values.insert(key, value);
        }
        let mut tensors = Vec::new();
        for _ in 0..n_tensors {
            let name = self.string()?;
            tensors.push((name, self.read_tensor()?));
        }
        let alignment = self.int("general.alignment").unwrap_or(32).clamp(1, 1 << 16) as u64;
        let data = self.file.stream_position()?.next_multiple_of(alignment);
        for (name, mut tensor) in tensors {
            let size = tensor.rows.checked_mul(tensor.row_bytes());
            let end = size.and_then(|size| data.checked_add(tensor.at)?.checked_add(size as u64));
            if end.is_none_or(|end| end > self.length) {
                return Err(broken(&format!("tensor `{name}` ends behind the file")));
            }
            tensor.at += data;
            self.tensors.insert(name, tensor);
        }
        Ok(())
    }

    fn read_tensor(&mut self) -> Result<Tensor, ModelError> {
        let n_dimensions = self.u32()?;
        if !(1..=4).contains(&n_dimensions) {
            return Err(broken("a tensor has no possible number of dimensions"));
        }
        let mut dimensions = [1_u64; 4];
        for dimension in dimensions.iter_mut().take(n_dimensions as usize) {
            *dimension = self.u64()?;
        }
        let kind = self.u32()?;
        let dtype = dtype(kind)
            .ok_or_else(|| broken(&format!("tensors of kind {kind} cannot be computed with")))?;
        let at = self.u64()?;
        let [columns, others @ ..] = dimensions;
        let rows = others.iter().try_fold(1_u64, |rows, more| rows.checked_mul(*more));
        let rows = rows.filter(|rows| rows.checked_mul(columns).is_some_and(|n| n < 1 << 40));
        let Some(rows) = rows else { return Err(broken("a tensor is too large")) };
        let (rows, columns) = (rows as usize, columns as usize);
        if !columns.is_multiple_of(dtype.block_size()) {
            return Err(broken("a tensor's rows are no whole blocks"));
        }
        Ok(Tensor { rows, columns, dtype, at })
    }

    fn read_value(&mut self, kind: u32) -> Result<Value, ModelError> {
        match kind {
            8 => Ok(Value::Text(self.string()?)),
            9 => {
                let kind = self.u32()?;
                let n = self.u64()?;
                if n > LONGEST_LIST {
                    return Err(broken("a list is too long"));
                }
                if kind == 8 {
                    let texts = (0..n).map(|_| self.string());
                    return Ok(Value::Texts(texts.collect::<Result<_, _>>()?));
                }
                let numbers = (0..n).map(|_| {
                    Ok(match self.scalar(kind)? {
                        Value::Int(int) => int as f32,
                        Value::Float(float) => float as f32,
                        Value::Text(_) | Value::Texts(_) | Value::Numbers(_) => 0.0,
                    })
                });
                Ok(Value::Numbers(numbers.collect::<Result<_, ModelError>>()?))
            }
            kind => self.scalar(kind),
        }
    }

    fn scalar(&mut self, kind: u32) -> Result<Value, ModelError> {
        Ok(match kind {
            0 | 7 => Value::Int(self.bytes::<1>()?[0].into()),
            1 => Value::Int(i8::from_le_bytes(self.bytes()?).into()),
            2 => Value::Int(u16::from_le_bytes(self.bytes()?).into()),
            3 => Value::Int(i16::from_le_bytes(self.bytes()?).into()),
            4 => Value::Int(self.u32()?.into()),
            5 => Value::Int(i32::from_le_bytes(self.bytes()?).into()),
            6 => Value::Float(f32::from_le_bytes(self.bytes()?).into()),
            10 => Value::Int(self.u64()? as i64),
            11 => Value::Int(i64::from_le_bytes(self.bytes()?)),
            12 => Value::Float(f64::from_le_bytes(self.bytes()?)),
            _ => return Err(broken("a value has no known type")),
        })
    }

    fn string(&mut self) -> Result<String, ModelError> {
        let length = self.u64()?;
        if length > LONGEST_TEXT {
            return Err(broken("a text is too long"));
        }
        let mut bytes = vec![0; length as usize];
        self.file.read_exact(&mut bytes)?;
        Ok(String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    fn u32(&mut self) -> Result<u32, ModelError> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    fn u64(&mut self) -> Result<u64, ModelError> {
        Ok(u64::from_le_bytes(self.bytes()?))
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], ModelError> {
        let mut bytes = [0; N];
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

/// GGUF's numbers of the kinds that candle computes with.
fn dtype(kind: u32) -> Option<GgmlDType> {
    Some(match kind {
        0 => GgmlDType::F32,
        1 => GgmlDType::F16,
        2 => GgmlDType::Q4_0,
        3 => GgmlDType::Q4_1,
        6 => GgmlDType::Q5_0,
        7 => GgmlDType::Q5_1,
        8 => GgmlDType::Q8_0,
        10 => GgmlDType::Q2K,
        11 => GgmlDType::Q3K,
        12 => GgmlDType::Q4K,
        13 => GgmlDType::Q5K,
        14 => GgmlDType::Q6K,
        30 => GgmlDType::BF16,
        _ => return None,
    })
}

/// The file is not what it should be.
pub(super) fn broken(why: &str) -> ModelError {
    ModelError::Broken(why.to_owned())
}

/// A tensor or value that a model needs is not there.
pub(super) fn missing(name: &str) -> ModelError {
    ModelError::Broken(format!("`{name}` is not in it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: &str) {
        let path = std::env::temp_dir().join(format!(
            "homard-gguf-{}-{}",
            std::process::id(),
            bytes.len()
        ));
        std::fs::write(&path, bytes).unwrap();
        let error = Gguf::open(&path).unwrap_err().to_string();
        std::fs::remove_file(&path).unwrap();
        assert!(error.contains(expected), "{error}");
    }

    fn head(n_tensors: u64, n_values: u64) -> Vec<u8> {
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        bytes.extend(n_tensors.to_le_bytes());
        bytes.extend(n_values.to_le_bytes());
        bytes
    }

    fn text(bytes: &mut Vec<u8>, text: &str) {
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text.as_bytes());
    }

    #[test]
    fn what_is_no_model_is_refused_without_allocating_what_it_claims() {
        check(b"", "fill whole buffer");
        check(b"hello, I am no model at all", "no GGUF");
        check(b"GGUF\x09\0\0\0", "version 9");
        check(&head(u64::MAX, 0), "too many");
        let mut long = head(0, 1);
        long.extend(u64::MAX.to_le_bytes());
        check(&long, "too long");
        let mut list = head(0, 1);
        text(&mut list, "tokens");
        list.extend(9_u32.to_le_bytes());
        list.extend(8_u32.to_le_bytes());
        list.extend(u64::MAX.to_le_bytes());
        check(&list, "too long");
        for (columns, rows, expected) in [
            (32_u64, 1_u64 << 30, "behind the file"),
            (u64::MAX, u64::MAX, "too large"),
            (31, 1, "no whole blocks"),
        ] {
            let mut tensor = head(1, 0);
            text(&mut tensor, "x");
            tensor.extend(2_u32.to_le_bytes());
            tensor.extend(columns.to_le_bytes());
            tensor.extend(rows.to_le_bytes());
            tensor.extend(3_u32.to_le_bytes());
            tensor.extend(0_u64.to_le_bytes());
            check(&tensor, expected);
        }
    }
}
