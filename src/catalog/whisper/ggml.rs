//! The file that whisper.cpp reads: numbers, filters, tokens, tensors. Little-endian.

use std::io::{self, Write};

use half::f16;

use super::{Form, Shape, blocks};

/// `ggml` as a number.
const MAGIC: u32 = 0x6767_6d6c;
/// `GGML_QNT_VERSION`, in the thousands of the file's type.
const BLOCK_VERSION: u32 = 2;

/// One tensor, the last dimension running fastest.
pub(super) struct Tensor<'a> {
    pub(super) name: &'a str,
    pub(super) dimensions: &'a [u32],
    pub(super) values: &'a [f32],
    /// whisper.cpp wants it with 32 bits in every file.
    pub(super) is_exact: bool,
}

impl Form {
    /// `ggml_ftype`: which type the matrices of a file have.
    fn file_type(self) -> u32 {
        match self {
            Self::F16 => 1,
            Self::Q8_0 => 7 + 1000 * BLOCK_VERSION,
            Self::Q5_1 => 9 + 1000 * BLOCK_VERSION,
        }
    }

    /// `ggml_type`: which type a tensor has.
    fn tensor_type(self) -> u32 {
        match self {
            Self::F16 => 1,
            Self::Q5_1 => 7,
            Self::Q8_0 => 8,
        }
    }
}

pub(super) fn write_header(shape: &Shape, form: Form, to: &mut impl Write) -> io::Result<()> {
    let numbers = [
        MAGIC,
        shape.n_vocab,
        shape.n_audio_ctx,
        shape.n_state,
        shape.n_audio_head,
        shape.n_audio_layer,
        shape.n_text_ctx,
        shape.n_state,
        shape.n_text_head,
        shape.n_text_layer,
        shape.n_mels,
        form.file_type(),
    ];
    write_numbers(&numbers, to)
}

/// `filters` has one row a band.
pub(super) fn write_filters(filters: &[Vec<f32>], to: &mut impl Write) -> io::Result<()> {
    let n_columns = filters.first().map_or(0, Vec::len);
    write_numbers(&[filters.len() as u32, n_columns as u32], to)?;
    filters.iter().try_for_each(|row| write_f32(row, to))
}

pub(super) fn write_tokens(tokens: &[Vec<u8>], to: &mut impl Write) -> io::Result<()> {
    write_numbers(&[tokens.len() as u32], to)?;
    tokens.iter().try_for_each(|token| {
        write_numbers(&[token.len() as u32], to)?;
        to.write_all(token)
    })
}

/// Matrices are written in `form`; vectors and what is exact with 32 bits; what has three dimensions, the convolutions,
/// with 16.
pub(super) fn write_tensor(tensor: &Tensor<'_>, form: Form, to: &mut impl Write) -> io::Result<()> {
    const EXACT: u32 = 0;
    let form = match tensor.dimensions {
        _ if tensor.is_exact => None,
        [_] => None,
        // whisper.cpp quantises matrices only, in blocks within a row.
        [_, n_columns] if n_columns.is_multiple_of(blocks::LENGTH) => Some(form),
        _ => Some(Form::F16),
    };
    let head = [
        tensor.dimensions.len() as u32,
        tensor.name.len() as u32,
        form.map_or(EXACT, Form::tensor_type),
    ];
    write_numbers(&head, to)?;
    // ggml counts dimensions from the one that runs fastest.
    let reversed: Vec<u32> = tensor.dimensions.iter().rev().copied().collect();
    write_numbers(&reversed, to)?;
    to.write_all(tensor.name.as_bytes())?;
    match form {
        None => write_f32(tensor.values, to),
        Some(Form::F16) => {
            let bytes = |&value: &f32| f16::from_f32(value).to_le_bytes();
            to.write_all(&tensor.values.iter().flat_map(bytes).collect::<Vec<u8>>())
        }
        Some(Form::Q8_0) => to.write_all(&blocks::q8_0(tensor.values)),
        Some(Form::Q5_1) => to.write_all(&blocks::q5_1(tensor.values)),
    }
}

fn write_numbers(numbers: &[u32], to: &mut impl Write) -> io::Result<()> {
    numbers.iter().try_for_each(|number| to.write_all(&number.to_le_bytes()))
}

fn write_f32(values: &[f32], to: &mut impl Write) -> io::Result<()> {
    to.write_all(&values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
}
