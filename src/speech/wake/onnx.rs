//! The weights in an ONNX file: as much of its format, which is Protocol Buffers, as they need.

use super::WakeError;

/// The fields that lead to a weight: of the model, its graph; of the graph, its tensors; and of a tensor, its parts.
const GRAPH: u64 = 7;
const INITIALIZER: u64 = 5;
const TYPE: u64 = 2;
const NAME: u64 = 8;
const RAW: u64 = 9;
const FLOATS: u64 = 4;
/// Numbers of 32 bits with a point.
const FLOAT: u64 = 1;

/// Named numbers.
pub(super) struct Tensor {
    pub(super) name: String,
    pub(super) values: Vec<f32>,
}

/// What a field holds.
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The tensors of a model that hold numbers with a point.
pub(super) fn tensors(model: &[u8]) -> Result<Vec<Tensor>, WakeError> {
    let mut tensors = Vec::new();
    for field in fields(model)? {
        let (GRAPH, Value::Bytes(graph)) = field else { continue };
        for field in fields(graph)? {
            let (INITIALIZER, Value::Bytes(bytes)) = field else { continue };
            tensors.extend(tensor(bytes)?);
        }
    }
    Ok(tensors)
}

fn tensor(bytes: &[u8]) -> Result<Option<Tensor>, WakeError> {
    let mut tensor = Tensor { name: String::new(), values: Vec::new() };
    let mut kind = FLOAT;
    for field in fields(bytes)? {
        match field {
            (TYPE, Value::Number(found)) => kind = found,
            (NAME, Value::Bytes(name)) => tensor.name = String::from_utf8_lossy(name).into_owned(),
            (RAW | FLOATS, Value::Bytes(bytes)) => {
                tensor.values =
                    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            }
            _ => {}
        }
    }
    Ok((kind == FLOAT).then_some(tensor))
}

/// The fields of a message: numbers and what they hold.
fn fields(mut bytes: &[u8]) -> Result<Vec<(u64, Value<'_>)>, WakeError> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = number(&mut bytes)?;
        let value = match key & 7 {
            0 => Value::Number(number(&mut bytes)?),
            1 => Value::Bytes(take(&mut bytes, 8)?),
            2 => {
                let length = number(&mut bytes)?;
                Value::Bytes(take(&mut bytes, usize::try_from(length).unwrap_or(usize::MAX))?)
            }
            5 => Value::Bytes(take(&mut bytes, 4)?),
            _ => return Err(WakeError::Format("it is no ONNX file")),
        };
        fields.push((key >> 3, value));
    }
    Ok(fields)
}

fn number(bytes: &mut &[u8]) -> Result<u64, WakeError> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)?[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(WakeError::Format("it is no ONNX file"))
}

fn take<'a>(bytes: &mut &'a [u8], n: usize) -> Result<&'a [u8], WakeError> {
    let (taken, rest) = bytes.split_at_checked(n).ok_or(WakeError::Format("it is cut off"))?;
    *bytes = rest;
    Ok(taken)
}
