//! Whisper's weights from CTranslate2's file, in which package registries have them, to the file that whisper.cpp
//! reads. It converts one file into another and knows neither where they come from nor what they are for.
//!
//! The names of the tensors on both sides and the order of what is in the files are facts of the two programs:
//! `model_spec.py` of CTranslate2 and `convert-pt-to-ggml.py` of whisper.cpp.

mod blocks;
mod ctranslate2;
mod ggml;
mod mel;
mod vocabulary;

use std::io::{self, Read, Seek, Write};

use serde::Deserialize;

use self::ctranslate2::{Variable, Weights};
use self::ggml::Tensor;

/// In which form the matrices are written; vectors, positions and convolutions keep theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// 16 bits, as they are.
    F16,
    /// Blocks of 32 values with 8 bits each and one scale.
    Q8_0,
    /// Blocks of 32 values with 5 bits each, a scale and a minimum.
    Q5_1,
}

/// Why weights were not converted.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// It is no file of CTranslate2's, or is cut off.
    #[error("the weights cannot be read: {0}")]
    Unreadable(String),
    /// It is one, but not of a Whisper model of the known shape.
    #[error("the weights are not those of a Whisper model: {0}")]
    Foreign(String),
    /// The vocabulary is not one of Whisper's.
    #[error("the vocabulary cannot be used: {0}")]
    Vocabulary(String),
    /// A file cannot be read or written.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// Writes the weights of `model` and the tokens of `vocabulary` (one a line, by their numbers) to `to`. Needs memory
/// for the largest matrix only.
///
/// # Errors
/// When either file is not what it should be, or the disk fails.
pub(super) fn convert(
    model: impl Read + Seek,
    vocabulary: &str,
    form: Form,
    to: &mut impl Write,
) -> Result<(), ConvertError> {
    let mut weights = Weights::open(model)?;
    let shape = Shape::of(&mut weights)?;
    ggml::write_header(&shape, form, to)?;
    ggml::write_filters(&mel::filters(), to)?;
    ggml::write_tokens(&vocabulary::tokens(vocabulary, shape.n_vocab)?, to)?;
    for (from, names) in table(&shape) {
        write_variable(&mut weights, &from, &names, form, to)?;
    }
    Ok(())
}

/// The dimensions of a Whisper model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    n_vocab: u32,
    n_audio_ctx: u32,
    n_text_ctx: u32,
    /// The width of both halves, which Whisper's models have in common.
    n_state: u32,
    n_audio_head: u32,
    n_text_head: u32,
    n_audio_layer: u32,
    n_text_layer: u32,
    n_mels: u32,
}

impl Shape {
    fn of(weights: &mut Weights<impl Read + Seek>) -> Result<Self, ConvertError> {
        let positions = weights.dimensions("encoder/position_encodings/encodings")?;
        let text_positions = weights.dimensions("decoder/position_encodings/encodings")?;
        let embeddings = weights.dimensions("decoder/embeddings/weight")?;
        let conv = weights.dimensions("encoder/conv1/weight")?;
        let (&[n_audio_ctx, n_state], &[n_text_ctx, _], &[n_vocab, _], &[_, n_mels, _]) =
            (&*positions, &*text_positions, &*embeddings, &*conv)
        else {
            return Err(ConvertError::Foreign("matrices of unknown shapes".to_owned()));
        };
        if n_mels != mel::N_MELS {
            let text = format!("it hears {n_mels} bands instead of {}", mel::N_MELS);
            return Err(ConvertError::Foreign(text));
        }
        Ok(Self {
            n_vocab,
            n_audio_ctx,
            n_text_ctx,
            n_state,
            n_audio_head: weights.number("encoder/num_heads")?,
            n_text_head: weights.number("decoder/num_heads")?,
            n_audio_layer: weights.layers("encoder"),
            n_text_layer: weights.layers("decoder"),
            n_mels,
        })
    }
}

/// Each variable of CTranslate2's with the tensors that it holds, one above the other.
fn table(shape: &Shape) -> Vec<(String, Vec<String>)> {
    let mut table = Vec::new();
    let mut add = |from: String, to: &[String]| table.push((from, to.to_vec()));
    for conv in ["conv1", "conv2"] {
        for part in ["weight", "bias"] {
            add(format!("encoder/{conv}/{part}"), &[format!("encoder.{conv}.{part}")]);
        }
    }
    for half in ["encoder", "decoder"] {
        let to = format!("{half}.positional_embedding");
        add(format!("{half}/position_encodings/encodings"), &[to]);
    }
    let embeddings = ["decoder.token_embedding.weight".to_owned()];
    add("decoder/embeddings/weight".to_owned(), &embeddings);
    for (half, n_layers) in [("encoder", shape.n_audio_layer), ("decoder", shape.n_text_layer)] {
        for layer in 0..n_layers {
            let from = format!("{half}/layer_{layer}");
            let to = format!("{half}.blocks.{layer}");
            attention(&mut add, &format!("{from}/self_attention"), &format!("{to}.attn"));
            if half == "decoder" {
                cross_attention(
                    &mut add,
                    &format!("{from}/attention"),
                    &format!("{to}.cross_attn"),
                );
            }
            norm(&mut add, &format!("{from}/ffn/layer_norm"), &format!("{to}.mlp_ln"));
            for (linear, mlp) in [("linear_0", "mlp.0"), ("linear_1", "mlp.2")] {
                linear_of(&mut add, &format!("{from}/ffn/{linear}"), &format!("{to}.{mlp}"));
            }
        }
    }
    norm(&mut add, "encoder/layer_norm", "encoder.ln_post");
    norm(&mut add, "decoder/layer_norm", "decoder.ln");
    table
}

/// Where an entry of the table goes.
type Add<'a> = dyn FnMut(String, &[String]) + 'a;

fn norm(add: &mut Add<'_>, from: &str, to: &str) {
    add(format!("{from}/gamma"), &[format!("{to}.weight")]);
    add(format!("{from}/beta"), &[format!("{to}.bias")]);
}

fn linear_of(add: &mut Add<'_>, from: &str, to: &str) {
    for part in ["weight", "bias"] {
        add(format!("{from}/{part}"), &[format!("{to}.{part}")]);
    }
}

/// Query, key and value lie one above the other. Whisper's key has no bias; CTranslate2 writes zeros for it.
fn attention(add: &mut Add<'_>, from: &str, to: &str) {
    norm(add, &format!("{from}/layer_norm"), &format!("{to}_ln"));
    let parts = |part: &str| ["query", "key", "value"].map(|name| format!("{to}.{name}.{part}"));
    add(format!("{from}/linear_0/weight"), &parts("weight"));
    add(format!("{from}/linear_0/bias"), &parts("bias"));
    linear_of(add, &format!("{from}/linear_1"), &format!("{to}.out"));
}

fn cross_attention(add: &mut Add<'_>, from: &str, to: &str) {
    norm(add, &format!("{from}/layer_norm"), &format!("{to}_ln"));
    linear_of(add, &format!("{from}/linear_0"), &format!("{to}.query"));
    let parts = |part: &str| ["key", "value"].map(|name| format!("{to}.{name}.{part}"));
    add(format!("{from}/linear_1/weight"), &parts("weight"));
    add(format!("{from}/linear_1/bias"), &parts("bias"));
    linear_of(add, &format!("{from}/linear_2"), &format!("{to}.out"));
}

/// Writes the tensors that a variable holds.
fn write_variable(
    weights: &mut Weights<impl Read + Seek>,
    from: &str,
    names: &[String],
    form: Form,
    to: &mut impl Write,
) -> Result<(), ConvertError> {
    let Variable { dimensions, values } = weights.values(from)?;
    let n_rows = dimensions.first().copied().unwrap_or(0);
    let n_tensors = u32::try_from(names.len()).unwrap_or(u32::MAX);
    if n_rows == 0 || !n_rows.is_multiple_of(n_tensors) {
        let text = format!("`{from}` has {n_rows} rows for {n_tensors} tensors");
        return Err(ConvertError::Foreign(text));
    }
    let n_values = values.len() / names.len();
    for (name, values) in names.iter().zip(values.chunks(n_values)) {
        if name.ends_with(".key.bias") {
            continue;
        }
        let mut dimensions = dimensions.clone();
        dimensions[0] = n_rows / n_tensors;
        let is_conv_bias = name.starts_with("encoder.conv") && name.ends_with(".bias");
        if is_conv_bias {
            dimensions.push(1);
        }
        let is_exact = is_conv_bias || name.ends_with(".positional_embedding");
        ggml::write_tensor(&Tensor { name, dimensions: &dimensions, values, is_exact }, form, to)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
