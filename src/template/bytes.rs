//! `pack` and `unpack`: one number to bytes and back, in the formats of Python's `struct` module.

use minijinja::{Error, Value};

use super::call::{Call, to_float, to_int};
use super::operators::{failed, refuse_undefined};
use super::python::int_value;

/// Byte order and type of one number.
struct Format {
    little: bool,
    kind: char,
    size: usize,
}

fn format_of(text: &str) -> Result<Format, Error> {
    let (little, kind) = match text.as_bytes() {
        [b'>' | b'!', kind] => (false, *kind),
        // Without a sign, Python uses the machine's order; all of Homard's machines are little-endian.
        [b'<' | b'=' | b'@', kind] | [kind] => (true, *kind),
        _ => return Err(failed(format!("unsupported format '{text}'"))),
    };
    let size = match kind {
        b'b' | b'B' | b'?' => 1,
        b'h' | b'H' => 2,
        b'i' | b'I' | b'l' | b'L' | b'f' => 4,
        b'q' | b'Q' | b'd' => 8,
        _ => return Err(failed(format!("unsupported format '{text}'"))),
    };
    Ok(Format { little, kind: char::from(kind), size })
}

/// `pack(value, format)`.
pub(super) fn pack(call: &mut Call) -> Result<Value, Error> {
    let value = call.need(0)?;
    refuse_undefined(&value)?;
    let format = format_of(&call.text(1)?)?;
    let mut bytes = match format.kind {
        #[allow(
            clippy::cast_possible_truncation,
            reason = "a single-precision float was asked for"
        )]
        'f' => (to_float(&value)? as f32).to_be_bytes().to_vec(),
        'd' => to_float(&value)?.to_be_bytes().to_vec(),
        '?' => vec![u8::from(value.is_true())],
        kind => {
            let int = to_int(&value)?;
            let bits = format.size * 8;
            let (low, high) = if kind.is_ascii_lowercase() {
                (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1)
            } else {
                (0, (1i128 << bits) - 1)
            };
            if !(low..=high).contains(&int) {
                return Err(failed(format!("format '{kind}' cannot hold {int}")));
            }
            int.to_be_bytes()[16 - format.size..].to_vec()
        }
    };
    if format.little {
        bytes.reverse();
    }
    Ok(Value::from_bytes(bytes))
}

/// `unpack(bytes, format, offset)`.
pub(super) fn unpack(call: &mut Call) -> Result<Value, Error> {
    let value = call.need(0)?;
    refuse_undefined(&value)?;
    let format = format_of(&call.text(1)?)?;
    let offset = call.size(2, 0)?;
    let bytes = value.as_bytes().and_then(|bytes| bytes.get(offset..)?.get(..format.size));
    let Some(bytes) = bytes else { return Ok(Value::from(())) };
    let mut wide = [0u8; 8];
    for (index, byte) in bytes.iter().enumerate() {
        let place = if format.little { 7 - index } else { 8 - format.size + index };
        wide[place] = *byte;
    }
    let unsigned = u64::from_be_bytes(wide);
    Ok(match format.kind {
        #[allow(clippy::cast_possible_truncation, reason = "four bytes were read")]
        'f' => Value::from(f64::from(f32::from_bits(unsigned as u32))),
        'd' => Value::from(f64::from_bits(unsigned)),
        '?' => Value::from(unsigned != 0),
        kind if kind.is_ascii_lowercase() => {
            let bits = format.size * 8;
            let int = i128::from(unsigned);
            int_value(if int >> (bits - 1) == 1 { int - (1i128 << bits) } else { int })
        }
        _ => int_value(i128::from(unsigned)),
    })
}
