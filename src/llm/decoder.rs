//! The decoder: tokens in, vectors out. One pass for all families; what a family has beside the rest (biases, norms of
//! heads, norms behind the parts of a layer) is there or is not in its file.

use rayon::prelude::*;

use super::cache::{self, Cache};
use super::gguf::{Gguf, missing};
use super::kernel;
use super::matrix::{Matrix, vector};
use super::shape::{Rope, Shape};
use super::{ModelError, Stop};

/// Tokens that are read at once: more do not make it faster, and take memory.
const AT_ONCE: usize = 128;

/// Numbers for which it pays to wake another thread.
const PART: usize = 8192;

/// The weights of a model.
pub struct Decoder {
    shape: Shape,
    tokens: Matrix,
    layers: Vec<Layer>,
    norm: Vec<f32>,
    /// Of models whose tokens have other vectors when they come out.
    output: Option<Matrix>,
}

/// A layer: it looks back, then thinks for itself.
struct Layer {
    before_look: Vec<f32>,
    query: Projection,
    key: Projection,
    value: Projection,
    query_norm: Option<Vec<f32>>,
    key_norm: Option<Vec<f32>>,
    look: Matrix,
    behind_look: Option<Vec<f32>>,
    before_think: Vec<f32>,
    gate: Matrix,
    up: Matrix,
    down: Matrix,
    behind_think: Option<Vec<f32>>,
}

struct Projection {
    weights: Matrix,
    bias: Option<Vec<f32>>,
}

impl Projection {
    fn load(
        gguf: &mut Gguf,
        name: &str,
        part: Option<std::ops::Range<usize>>,
        columns: usize,
    ) -> Result<Self, ModelError> {
        let weight = format!("{name}.weight");
        let weights = match part {
            Some(rows) => Matrix::load_rows(gguf, &weight, rows, columns)?,
            None => Matrix::load(gguf, &weight, columns)?,
        };
        let bias = optional(gguf, &format!("{name}.bias"), weights.rows())?;
        Ok(Self { weights, bias })
    }

    fn add_bias(&self, out: &mut [f32]) {
        if let Some(bias) = &self.bias {
            for row in out.chunks_exact_mut(bias.len()) {
                row.iter_mut().zip(bias).for_each(|(x, bias)| *x += bias);
            }
        }
    }
}

fn optional(gguf: &mut Gguf, name: &str, length: usize) -> Result<Option<Vec<f32>>, ModelError> {
    gguf.tensor(name).is_some().then(|| vector(gguf, name, length)).transpose()
}

impl Layer {
    fn load(gguf: &mut Gguf, shape: &Shape, layer: usize) -> Result<Self, ModelError> {
        let name = |part: &str| format!("blk.{layer}.{part}");
        let (width, inner, head) = (shape.width, shape.inner, shape.head);
        let (asking, asked) = (shape.n_heads * head, shape.n_kv_heads * head);
        // Phi 3 has what others have in several tensors in one.
        let is_joined = gguf.tensor(&name("attn_qkv.weight")).is_some();
        let mut projection = |part: &str, rows: std::ops::Range<usize>| match is_joined {
            true => Projection::load(gguf, &name("attn_qkv"), Some(rows), width),
            false => Projection::load(gguf, &name(part), None, width),
        };
        let query = projection("attn_q", 0..asking)?;
        let key = projection("attn_k", asking..asking + asked)?;
        let value = projection("attn_v", asking + asked..asking + 2 * asked)?;
        let sizes = [(&query, asking), (&key, asked), (&value, asked)];
        if sizes.iter().any(|(projection, rows)| projection.weights.rows() != *rows) {
            return Err(super::gguf::broken("its heads do not fit its weights"));
        }
        let up = name("ffn_up.weight");
        let (gate, up) = if gguf.tensor(&name("ffn_gate.weight")).is_some() {
            (Matrix::load(gguf, &name("ffn_gate.weight"), width)?, Matrix::load(gguf, &up, width)?)
        } else {
            (
                Matrix::load_rows(gguf, &up, 0..inner, width)?,
                Matrix::load_rows(gguf, &up, inner..2 * inner, width)?,
            )
        };
        let behind_think = match optional(gguf, &name("post_ffw_norm.weight"), width)? {
            Some(norm) => Some(norm),
            None => optional(gguf, &name("post_feedforward_norm.weight"), width)?,
        };
        let layer = Self {
            before_look: vector(gguf, &name("attn_norm.weight"), width)?,
            query,
            key,
            value,
            query_norm: optional(gguf, &name("attn_q_norm.weight"), head)?,
            key_norm: optional(gguf, &name("attn_k_norm.weight"), head)?,
            look: Matrix::load(gguf, &name("attn_output.weight"), asking)?,
            behind_look: optional(gguf, &name("post_attention_norm.weight"), width)?,
            before_think: vector(gguf, &name("ffn_norm.weight"), width)?,
            gate,
            up,
            down: Matrix::load(gguf, &name("ffn_down.weight"), inner)?,
            behind_think,
        };
        let fits = layer.look.rows() == width
            && layer.down.rows() == width
            && layer.gate.rows() == inner
            && layer.up.rows() == inner;
        if fits { Ok(layer) } else { Err(super::gguf::broken("its layers do not fit each other")) }
    }
}

impl Decoder {
    /// Reads the weights.
    pub(super) fn load(gguf: &mut Gguf, shape: Shape) -> Result<Self, ModelError> {
        let tokens = Matrix::load(gguf, "token_embd.weight", shape.width)?;
        let layers = (0..shape.n_layers).map(|layer| Layer::load(gguf, &shape, layer));
        let layers = layers.collect::<Result<_, _>>()?;
        let norm = vector(gguf, "output_norm.weight", shape.width)?;
        let output = match gguf.tensor("output.weight").is_some() {
            true => Some(Matrix::load(gguf, "output.weight", shape.width)?),
            false => None,
        };
        let n_tokens = output.as_ref().map_or(tokens.rows(), Matrix::rows);
        if n_tokens != tokens.rows() {
            return Err(missing("a vector for each token"));
        }
        Ok(Self { shape, tokens, layers, norm, output })
    }

    /// How it is built.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// An empty cache for its first layers. What is read with it goes through these alone, which is all that is needed
    /// to know what a text is about.
    pub fn cache(&self, n_layers: usize) -> Cache {
        Cache::new(n_layers.min(self.layers.len()), self.shape.n_kv_heads * self.shape.head)
    }

    /// Reads tokens behind those of the cache, and gives the vector of each behind the cache's last layer, before the
    /// final norm. `see` is shown what is behind each layer, counted from 1, for some tokens at a time.
    ///
    /// # Errors
    /// [`ModelError::Stopped`] when `stop` says so: then the cache is as it was.
    pub fn read_seeing(
        &self,
        tokens: &[u32],
        cache: &mut Cache,
        stop: &Stop,
        see: &mut dyn FnMut(usize, &[f32]),
    ) -> Result<Vec<f32>, ModelError> {
        let before = cache.tokens.len();
        let mut all = Vec::with_capacity(tokens.len() * self.shape.width);
        for part in tokens.chunks(AT_ONCE) {
            match self.read_part(part, cache, stop, see) {
                Ok(vectors) => all.extend(vectors),
                Err(error) => {
                    cache.truncate(before);
                    return Err(error);
                }
            }
        }
        Ok(all)
    }

    fn read_part(
        &self,
        tokens: &[u32],
        cache: &mut Cache,
        stop: &Stop,
        see: &mut dyn FnMut(usize, &[f32]),
    ) -> Result<Vec<f32>, ModelError> {
        let shape = &self.shape;
        let at = cache.tokens.len();
        let mut xs = Vec::with_capacity(tokens.len() * shape.width);
        for token in tokens {
            xs.extend(self.tokens.row(*token as usize)?.iter().map(|x| x * shape.embedding_scale));
        }
        let turns = Turns::new(&shape.rope, at, tokens.len());
        let local = shape.local.as_ref();
        let local_turns = local.map(|local| Turns::new(&local.rope, at, tokens.len()));
        let mut room = Room::default();
        for (n, (layer, kept)) in self.layers.iter().zip(&mut cache.layers).enumerate() {
            stop.check()?;
            let near = local.filter(|local| (n + 1) % local.every != 0);
            let turns = near.and(local_turns.as_ref()).unwrap_or(&turns);
            let window = near.map_or(usize::MAX, |local| local.window);
            self.look(layer, &mut xs, kept, turns, window, &mut room)?;
            self.think(layer, &mut xs, &mut room)?;
            see(n + 1, &xs);
        }
        cache.tokens.extend(tokens);
        Ok(xs)
    }

    /// Looks back: adds to each vector what the tokens before it have for it.
    fn look(
        &self,
        layer: &Layer,
        xs: &mut [f32],
        kept: &mut cache::Layer,
        turns: &Turns,
        window: usize,
        room: &mut Room,
    ) -> Result<(), ModelError> {
        let shape = &self.shape;
        let (head, row) = (shape.head, shape.n_kv_heads * shape.head);
        self.normed(xs, &layer.before_look, &mut room.normed);
        let mut parts = [
            (&layer.query, &mut room.query),
            (&layer.key, &mut room.key),
            (&layer.value, &mut room.value),
        ];
        let matrices = parts.each_mut().map(|(part, out)| (&part.weights, &mut **out));
        Matrix::apply_all(matrices, &room.normed)?;
        parts.into_iter().for_each(|(part, out)| part.add_bias(out));
        for (numbers, norm) in
            [(&mut room.query, &layer.query_norm), (&mut room.key, &layer.key_norm)]
        {
            if let Some(norm) = norm {
                numbers
                    .chunks_exact_mut(head)
                    .for_each(|head| normalise(head, norm, shape.epsilon));
            }
        }
        turns.apply(&mut room.query, shape.n_heads, head);
        turns.apply(&mut room.key, shape.n_kv_heads, head);
        room.query.iter_mut().for_each(|x| *x *= shape.scale);
        kept.keys.extend_from_slice(&room.key);
        kept.values.extend_from_slice(&room.value);
        let shared = shape.n_heads / shape.n_kv_heads;
        let (keys, values) = (&kept.keys, &kept.values);
        room.looked.clear();
        room.looked.resize(room.query.len(), 0.0);
        let tasks = room.looked.par_chunks_mut(head).zip(room.query.par_chunks(head)).enumerate();
        let n_keys = kept.keys.len() / row.max(1);
        let tasks = tasks.with_min_len((PART / (n_keys * head).max(1)).max(1));
        tasks.for_each(|(n, (out, query))| {
            let (token, of) = (n / shape.n_heads, n % shape.n_heads / shared * head);
            let end = turns.at + token + 1;
            let begin = end.saturating_sub(window);
            let rows = |numbers: &'_ [f32]| -> std::ops::Range<usize> {
                begin * row..(end * row).min(numbers.len())
            };
            let keys = keys.get(rows(keys)).unwrap_or_default().chunks_exact(row);
            let mut weights: Vec<f32> = keys
                .map(|key| key.get(of..of + head).map_or(0.0, |key| kernel::dot(query, key)))
                .collect();
            softmax(&mut weights);
            let values = values.get(rows(values)).unwrap_or_default().chunks_exact(row);
            for (weight, value) in weights.iter().zip(values) {
                let value = value.get(of..of + head).unwrap_or_default();
                kernel::add(out, *weight, value);
            }
        });
        layer.look.apply(&room.looked, &mut room.out)?;
        self.add(xs, &mut room.out, layer.behind_look.as_deref());
        Ok(())
    }

    /// Thinks: each vector for itself.
    fn think(&self, layer: &Layer, xs: &mut [f32], room: &mut Room) -> Result<(), ModelError> {
        self.normed(xs, &layer.before_think, &mut room.normed);
        let matrices = [(&layer.gate, &mut room.gate), (&layer.up, &mut room.up)];
        Matrix::apply_all(matrices, &room.normed)?;
        let is_gelu = self.shape.is_gelu;
        let gates = room.gate.par_chunks_mut(PART).zip(room.up.par_chunks(PART));
        gates.for_each(|(gates, ups)| {
            for (gate, up) in gates.iter_mut().zip(ups) {
                *gate = up * if is_gelu { gelu(*gate) } else { *gate / (1.0 + (-*gate).exp()) };
            }
        });
        layer.down.apply(&room.gate, &mut room.out)?;
        self.add(xs, &mut room.out, layer.behind_think.as_deref());
        Ok(())
    }

    fn normed(&self, xs: &[f32], norm: &[f32], out: &mut Vec<f32>) {
        out.clear();
        out.extend_from_slice(xs);
        out.chunks_exact_mut(norm.len()).for_each(|x| normalise(x, norm, self.shape.epsilon));
    }

    fn add(&self, xs: &mut [f32], more: &mut [f32], norm: Option<&[f32]>) {
        if let Some(norm) = norm {
            more.chunks_exact_mut(norm.len()).for_each(|x| normalise(x, norm, self.shape.epsilon));
        }
        xs.iter_mut().zip(more).for_each(|(x, more)| *x += *more);
    }

    /// The last vector of those that were read, behind the final norm.
    pub fn last(&self, vectors: &[f32]) -> Vec<f32> {
        let begin = vectors.len().saturating_sub(self.shape.width);
        let mut last = vectors.get(begin..).unwrap_or_default().to_vec();
        normalise(&mut last, &self.norm, self.shape.epsilon);
        last
    }

    /// How much each token is expected behind a vector of [`Decoder::last`].
    ///
    /// # Errors
    /// When the weights are damaged.
    pub fn logits(&self, last: &[f32]) -> Result<Vec<f32>, ModelError> {
        let mut logits = Vec::new();
        self.output.as_ref().unwrap_or(&self.tokens).apply(last, &mut logits)?;
        Ok(logits)
    }
}

/// Room that all layers share.
#[derive(Default)]
struct Room {
    normed: Vec<f32>,
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    looked: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
    out: Vec<f32>,
}

/// The rotations of some tokens.
struct Turns {
    /// Position of the first.
    at: usize,
    /// Cosine and sine of each pair, token after token.
    turns: Vec<(f32, f32)>,
    n_pairs: usize,
    is_interleaved: bool,
}

impl Turns {
    fn new(rope: &Rope, at: usize, n: usize) -> Self {
        let turn = |position: usize, angle: &f32| {
            let (sin, cos) = (position as f32 * angle).sin_cos();
            (cos * rope.scale, sin * rope.scale)
        };
        let turns =
            (at..at + n).flat_map(|at| rope.angles.iter().map(move |angle| turn(at, angle)));
        let is_interleaved = rope.is_interleaved;
        Self { at, turns: turns.collect(), n_pairs: rope.angles.len(), is_interleaved }
    }

    fn apply(&self, heads: &mut [f32], n_heads: usize, head: usize) {
        let tokens = heads.chunks_exact_mut(n_heads * head);
        for (token, turns) in tokens.zip(self.turns.chunks_exact(self.n_pairs.max(1))) {
            for head in token.chunks_exact_mut(head) {
                self.turn(head, turns);
            }
        }
    }

    fn turn(&self, head: &mut [f32], turns: &[(f32, f32)]) {
        if self.is_interleaved {
            for (pair, (cos, sin)) in head.as_chunks_mut::<2>().0.iter_mut().zip(turns) {
                let [a, b] = *pair;
                *pair = [a * cos - b * sin, a * sin + b * cos];
            }
        } else if let Some((first, second)) = head.split_at_mut_checked(self.n_pairs) {
            for ((a, b), (cos, sin)) in first.iter_mut().zip(second).zip(turns) {
                (*a, *b) = (*a * cos - *b * sin, *a * sin + *b * cos);
            }
        }
    }
}

fn normalise(x: &mut [f32], norm: &[f32], epsilon: f32) {
    let mean = kernel::dot(x, x) / x.len() as f32;
    let scale = 1.0 / (mean + epsilon).sqrt();
    x.iter_mut().zip(norm).for_each(|(x, norm)| *x *= scale * norm);
}

fn softmax(weights: &mut [f32]) {
    let most = weights.iter().copied().fold(f32::MIN, f32::max);
    let mut sum = 0.0;
    for weight in weights.iter_mut() {
        *weight = (*weight - most).exp();
        sum += *weight;
    }
    weights.iter_mut().for_each(|weight| *weight /= sum);
}

/// By its usual approximation, with which the models were trained.
fn gelu(x: f32) -> f32 {
    let inner = (2.0 / std::f32::consts::PI).sqrt() * x * (1.0 + 0.044_715 * x * x);
    0.5 * x * (1.0 + inner.tanh())
}
