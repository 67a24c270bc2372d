//! Models of the families of which no file can be had here: a few layers of random weights around a known tokenizer.
//! What they say means nothing, but llama.cpp computes it from the same file, so that every key, tensor, rotation, norm
//! and window of a family is held against it.

use std::collections::HashMap;
use std::error::Error;
use std::io::Write;
use std::path::Path;

use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};

/// Families of which a model is made.
pub(crate) const FAMILIES: [&str; 4] = ["llama", "qwen3", "gemma3", "phi3"];

const WIDTH: usize = 128;
const INNER: usize = 256;
const LAYERS: usize = 7;
const HEADS: usize = 4;
const KV_HEADS: usize = 2;
/// Not what the width gives, as in Qwen 3 and Gemma 3; Phi 3 knows no other than that.
const HEAD: usize = 64;
/// Tokens that the layers with a window look back on: fewer than are read.
const WINDOW: u32 = 24;

/// Writes such a model, with the tokenizer of another one.
pub(crate) fn write(family: &str, tokenizer: &Path, to: &Path) -> Result<(), Box<dyn Error>> {
    let mut file = std::fs::File::open(tokenizer)?;
    let known = gguf_file::Content::read(&mut file)?;
    let vocabulary = match known.metadata.get("tokenizer.ggml.tokens") {
        Some(Value::Array(tokens)) => tokens.len(),
        _ => return Err("the tokenizer has no tokens".into()),
    };
    let mut values: HashMap<String, Value> =
        known.metadata.into_iter().filter(|(key, _)| key.starts_with("tokenizer.")).collect();
    let head = if family == "phi3" { WIDTH / HEADS } else { HEAD };
    let mut put = |key: &str, value: Value| values.insert(format!("{family}.{key}"), value);
    let count = |n: usize| Value::U32(n as u32);
    put("block_count", count(LAYERS));
    put("embedding_length", count(WIDTH));
    put("feed_forward_length", count(INNER));
    put("context_length", count(4096));
    put("vocab_size", count(vocabulary));
    put("attention.head_count", count(HEADS));
    put("attention.head_count_kv", count(KV_HEADS));
    put("attention.key_length", count(head));
    put("attention.value_length", count(head));
    put("attention.layer_norm_rms_epsilon", Value::F32(1e-6));
    put("rope.dimension_count", count(head));
    put("rope.freq_base", Value::F32(if family == "qwen3" { 1e6 } else { 1e4 }));
    match family {
        "gemma3" => put("attention.sliding_window", Value::U32(WINDOW)),
        // A window as long as everything: llama.cpp wants one.
        "phi3" => {
            put("attention.sliding_window", Value::U32(0));
            put("rope.scaling.original_context_length", count(4096))
        }
        _ => None,
    };
    values.insert("general.architecture".to_owned(), Value::String(family.to_owned()));
    values.insert("general.name".to_owned(), Value::String("random weights".to_owned()));
    let mut random = Random(7);
    let mut tensors: Vec<(String, QTensor)> = Vec::new();
    let mut weights = |name: String, rows: usize, columns: usize| -> Result<(), Box<dyn Error>> {
        // A norm multiplies with about one; a matrix keeps a vector about as long as it was.
        let shape: &[usize] = if rows == 0 { &[columns] } else { &[rows, columns] };
        let (middle, spread) = match rows {
            0 => (1.0, 0.3),
            _ if name.starts_with("token_embd") => (0.0, 1.0),
            // So that one token is far likelier than most.
            _ if name.starts_with("output") => (0.0, 10.0 / (columns as f32).sqrt()),
            _ => (0.0, 1.7 / (columns as f32).sqrt()),
        };
        let numbers: Vec<f32> =
            (0..rows.max(1) * columns).map(|_| middle + spread * random.next()).collect();
        let tensor = Tensor::from_vec(numbers, shape, &Device::Cpu)?;
        tensors.push((name, QTensor::quantize(&tensor, GgmlDType::F32)?));
        Ok(())
    };
    weights("token_embd.weight".to_owned(), vocabulary, WIDTH)?;
    weights("output_norm.weight".to_owned(), 0, WIDTH)?;
    if family != "gemma3" {
        weights("output.weight".to_owned(), vocabulary, WIDTH)?;
    }
    for layer in 0..LAYERS {
        let mut part = |name: &str, rows: usize, columns: usize| {
            weights(format!("blk.{layer}.{name}.weight"), rows, columns)
        };
        let (asking, asked) = (HEADS * head, KV_HEADS * head);
        part("attn_norm", 0, WIDTH)?;
        part("ffn_norm", 0, WIDTH)?;
        part("attn_output", WIDTH, asking)?;
        part("ffn_down", WIDTH, INNER)?;
        match family {
            "phi3" => {
                part("attn_qkv", asking + 2 * asked, WIDTH)?;
                part("ffn_up", 2 * INNER, WIDTH)?;
            }
            _ => {
                part("attn_q", asking, WIDTH)?;
                part("attn_k", asked, WIDTH)?;
                part("attn_v", asked, WIDTH)?;
                part("ffn_gate", INNER, WIDTH)?;
                part("ffn_up", INNER, WIDTH)?;
            }
        }
        if matches!(family, "qwen3" | "gemma3") {
            part("attn_q_norm", 0, head)?;
            part("attn_k_norm", 0, head)?;
        }
        if family == "gemma3" {
            part("post_attention_norm", 0, WIDTH)?;
            part("post_ffw_norm", 0, WIDTH)?;
        }
    }
    let values: Vec<(&str, &Value)> =
        values.iter().map(|(key, value)| (key.as_str(), value)).collect();
    let tensors: Vec<(&str, &QTensor)> =
        tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    let mut file = std::io::BufWriter::new(std::fs::File::create(to)?);
    gguf_file::write(&mut file, &values, &tensors)?;
    file.flush()?;
    Ok(())
}

/// Numbers between -1 and 1, the same ones each time (xorshift of G. Marsaglia).
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }
}
