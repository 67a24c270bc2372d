//! How a model is built: its family, sizes and rotations, read from its file alone.

use super::ModelError;
use super::gguf::{Gguf, Value, broken, missing};

/// Families of models. What differs between them is decided in [`Shape`] and, for the names of tensors, in `decoder`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Llama, Mistral, SmolLM and what was built like them.
    Llama,
    /// Qwen 2 and 2.5.
    Qwen2,
    /// Qwen 3.
    Qwen3,
    /// Gemma 3, of text.
    Gemma3,
    /// Phi 3 and 3.5.
    Phi3,
}

/// The numbers of a model.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Its family.
    pub family: Family,
    /// Its name.
    pub name: String,
    /// Layers.
    pub n_layers: usize,
    /// Length of a token's vector.
    pub width: usize,
    /// Length of the vector between the two halves of a layer's second part.
    pub inner: usize,
    /// Heads that ask.
    pub n_heads: usize,
    /// Heads that are asked; each serves several that ask.
    pub n_kv_heads: usize,
    /// Length of a head's vector.
    pub head: usize,
    /// Tokens that it was trained to look back on.
    pub context: usize,
    /// Keeps the norm from dividing by zero.
    pub epsilon: f32,
    /// What questions are multiplied by.
    pub scale: f32,
    /// What tokens' vectors are multiplied by.
    pub embedding_scale: f32,
    /// Rotation of most layers.
    pub rope: Rope,
    /// Layers that look back on this many tokens only, and have a rotation of their own.
    pub local: Option<Local>,
    /// The gate is GELU, as in Gemma; else SiLU.
    pub is_gelu: bool,
}

/// Layers that look back on few tokens.
#[derive(Debug, Clone)]
pub struct Local {
    /// How many tokens.
    pub window: usize,
    /// One layer in so many sees everything.
    pub every: usize,
    /// Their rotation.
    pub rope: Rope,
}

/// How positions are written into heads: pairs of numbers are rotated, the first pairs fast.
#[derive(Debug, Clone)]
pub struct Rope {
    /// Angle per position of each pair.
    pub angles: Vec<f32>,
    /// Pairs are neighbours; else the halves of the head are paired.
    pub is_interleaved: bool,
    /// What the rotated numbers are multiplied by.
    pub scale: f32,
}

impl Rope {
    fn new(n_rotated: usize, base: f64, stretch: f64, is_interleaved: bool) -> Self {
        let angle =
            |pair: usize| (base.powf(-((2 * pair) as f64) / n_rotated as f64) / stretch) as f32;
        Self { angles: (0..n_rotated / 2).map(angle).collect(), is_interleaved, scale: 1.0 }
    }
}

impl Shape {
    /// Reads it from a file.
    pub(super) fn read(gguf: &mut Gguf) -> Result<Self, ModelError> {
        let architecture = gguf.text("general.architecture").unwrap_or_default().to_owned();
        let family = match architecture.as_str() {
            "llama" | "mistral" => Family::Llama,
            "qwen2" => Family::Qwen2,
            "qwen3" => Family::Qwen3,
            "gemma3" => Family::Gemma3,
            "phi3" => Family::Phi3,
            "" => return Err(missing("general.architecture")),
            other => return Err(ModelError::NotKnown(format!("the architecture `{other}`"))),
        };
        let key = |name: &str| format!("{architecture}.{name}");
        let count = |name: &str, most: i64| {
            let count = gguf.int(&key(name)).ok_or_else(|| missing(&key(name)))?;
            if (1..=most).contains(&count) {
                return Ok(count as usize);
            }
            Err(broken(&format!("`{}` cannot be {count}", key(name))))
        };
        let n_layers = count("block_count", 512)?;
        let width = count("embedding_length", 1 << 16)?;
        let inner = count("feed_forward_length", 1 << 18)?;
        let n_heads = count("attention.head_count", 1024)?;
        let n_kv_heads = count("attention.head_count_kv", 1024).unwrap_or(n_heads);
        let head = count("attention.key_length", 1024).unwrap_or(width / n_heads);
        let context = count("context_length", 1 << 24).unwrap_or(2048);
        if head < 2 || head % 2 != 0 || !n_heads.is_multiple_of(n_kv_heads) {
            return Err(broken("its heads do not fit each other"));
        }
        let number = |name: &str| gguf.number(&key(name));
        let epsilon = number("attention.layer_norm_rms_epsilon").unwrap_or(1e-5) as f32;
        let base = number("rope.freq_base").filter(|base| *base > 1.0);
        let n_rotated = count("rope.dimension_count", head as i64).unwrap_or(head);
        let stretch = match gguf.text(&key("rope.scaling.type")).unwrap_or("none") {
            "none" | "longrope" => 1.0,
            "linear" => number("rope.scaling.factor").filter(|by| *by > 0.0).unwrap_or(1.0),
            // Only beyond what it was trained on does it matter, and nobody here says that much.
            "yarn" => 1.0,
            other => return Err(ModelError::NotKnown(format!("the rotation `{other}`"))),
        };
        let is_gemma = family == Family::Gemma3;
        let is_interleaved = family == Family::Llama;
        let usual_base = if is_gemma { 1_000_000.0 } else { 10_000.0 };
        let rope = Rope::new(n_rotated, base.unwrap_or(usual_base), stretch, is_interleaved);
        let window = number("attention.sliding_window").filter(|window| *window >= 1.0);
        let local = window.filter(|_| is_gemma).map(|window| Local {
            window: window as usize,
            every: 6,
            rope: Rope::new(head, 10_000.0, 1.0, false),
        });
        let mut shape = Self {
            family,
            name: gguf.text("general.name").unwrap_or("a model without a name").to_owned(),
            n_layers,
            width,
            inner,
            n_heads,
            n_kv_heads,
            head,
            context,
            epsilon,
            scale: 1.0 / (head as f32).sqrt(),
            embedding_scale: if is_gemma { (width as f32).sqrt() } else { 1.0 },
            rope,
            local,
            is_gelu: is_gemma,
        };
        // Gemma 3 27B asks with the scale of heads of another size.
        if is_gemma && n_layers == 62 {
            shape.scale = 1.0 / ((width / n_heads) as f32).sqrt();
        }
        shape.stretch(gguf)?;
        Ok(shape)
    }

    /// Llama 3 and Phi 3 carry a factor for each pair.
    fn stretch(&mut self, gguf: &mut Gguf) -> Result<(), ModelError> {
        let name = ["rope_freqs.weight", "rope_factors_short.weight"];
        let Some(name) = name.into_iter().find(|name| gguf.tensor(name).is_some()) else {
            return Ok(());
        };
        let factors = super::matrix::vector(gguf, name, self.rope.angles.len())?;
        for (angle, factor) in self.rope.angles.iter_mut().zip(factors) {
            if factor > 0.0 {
                *angle /= factor;
            }
        }
        if let Some(Value::Float(scale)) = gguf.value("phi3.rope.scaling.attn_factor") {
            self.rope.scale = *scale as f32;
        }
        Ok(())
    }

    /// Bytes that what was read takes for each token.
    pub fn token_bytes(&self) -> u64 {
        (self.n_layers * self.n_kv_heads * self.head * 2 * size_of::<f32>()) as u64
    }
}
