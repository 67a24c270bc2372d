//! A loaded model and what it has read: prompts that begin alike are read from where they differ, and what follows is
//! scored or written.

use std::path::Path;

use super::cache::Cache;
use super::chooser::{Features, Lens};
use super::decoder::Decoder;
use super::gguf::Gguf;
use super::shape::Shape;
use super::template::{Template, Turn};
use super::tokenizer::Tokenizer;
use super::{ModelError, Stop};
use crate::board::Board;

/// Tokens that a session remembers: prompts here are short, and memory is not.
const CONTEXT: usize = 2048;
/// Memory that stays free for the rest of the board, in MiB.
const SPARE_MIB: u64 = 64;

/// A model in memory.
pub struct Model {
    /// Its weights.
    pub decoder: Decoder,
    /// Its vocabulary.
    pub tokenizer: Tokenizer,
    template: Template,
    pool: rayon::ThreadPool,
}

impl Model {
    /// Loads a model file, to compute with so many threads.
    ///
    /// # Errors
    /// When there is none, it is of an unknown kind or damaged, or it would not fit in memory.
    pub fn load(path: &Path, n_threads: usize) -> Result<Self, ModelError> {
        Self::load_after(path, n_threads, &|_| {})
    }

    /// The same, after others have made room for so many bytes.
    pub(super) fn load_after(
        path: &Path,
        n_threads: usize,
        make_room: &dyn Fn(u64),
    ) -> Result<Self, ModelError> {
        if !path.exists() {
            return Err(ModelError::NotInstalled);
        }
        let mut gguf = Gguf::open(path)?;
        let shape = Shape::read(&mut gguf)?;
        let needed_mib = ((gguf.tensor_bytes() + 512 * shape.token_bytes()) >> 20) + SPARE_MIB;
        make_room(needed_mib << 20);
        if let Some(free_mib) = free_mib().filter(|free| *free < needed_mib) {
            return Err(ModelError::NoRoom { needed_mib, free_mib });
        }
        let source = gguf.text("tokenizer.chat_template").map(str::to_owned);
        let tokenizer = Tokenizer::take(&mut gguf)?;
        let name = |key: &str| {
            let id =
                gguf.int(&format!("tokenizer.ggml.{key}")).and_then(|id| u32::try_from(id).ok());
            id.map(|id| String::from_utf8_lossy(tokenizer.bytes(id)).into_owned())
                .unwrap_or_default()
        };
        let template =
            Template::new(source.as_deref(), &name("bos_token_id"), &name("eos_token_id"));
        let decoder = Decoder::load(&mut gguf, shape)?;
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(n_threads.max(1))
            .thread_name(|n| format!("model-{n}"))
            .build()
            .map_err(|error| ModelError::Failed(error.to_string()))?;
        Ok(Self { decoder, tokenizer, template, pool })
    }

    /// How it is built.
    pub fn shape(&self) -> &Shape {
        self.decoder.shape()
    }

    /// Reads a prompt, from where it differs from what was read with this cache before, and gives the vectors behind the
    /// cache's last layer for the tokens that were read now, of each one [`Shape::width`] numbers.
    ///
    /// # Errors
    /// When it is too long or `stop` says so.
    pub fn read(
        &self,
        tokens: &[u32],
        cache: &mut Cache,
        stop: &Stop,
    ) -> Result<Vec<f32>, ModelError> {
        self.read_seeing(tokens, cache, stop, &mut |_, _| {})
    }

    /// The same, and `see` is shown what is behind each layer, counted from 1, for some tokens at a time.
    ///
    /// # Errors
    /// As [`Model::read`].
    pub fn read_seeing(
        &self,
        tokens: &[u32],
        cache: &mut Cache,
        stop: &Stop,
        see: &mut (dyn FnMut(usize, &[f32]) + Send),
    ) -> Result<Vec<f32>, ModelError> {
        if tokens.is_empty() || tokens.len() > CONTEXT.min(self.shape().context) {
            return Err(ModelError::TooLong);
        }
        let common = cache.keep_common(tokens).min(tokens.len() - 1);
        cache.truncate(common);
        let new = tokens.get(common..).unwrap_or_default();
        self.pool.install(|| self.decoder.read_seeing(new, cache, stop, see))
    }

    /// The tokens of a conversation, with the beginning of the model's answer when it is to answer. Special tokens
    /// stand only where the model's own template has them.
    ///
    /// # Errors
    /// When the model's template cannot be used.
    pub fn prompt(&self, turns: &[Turn<'_>], answers: bool) -> Result<Vec<u32>, ModelError> {
        self.template.tokens(turns, answers, &self.tokenizer)
    }
}

/// A model and what it has read.
pub struct Session {
    /// The model.
    pub model: Model,
    cache: Cache,
    /// What was read through a lens, and the lens.
    lens: Option<(Lens, Cache)>,
}

/// What may follow, and how likely that is.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Logarithm of the probability of all its tokens.
    pub log_probability: f64,
    /// How many tokens it has.
    pub n_tokens: usize,
}

impl Session {
    /// A session that has read nothing.
    pub fn new(model: Model) -> Self {
        let cache = model.decoder.cache(usize::MAX);
        Self { model, cache, lens: None }
    }

    /// What it has read.
    pub fn cache(&mut self) -> &mut Cache {
        &mut self.cache
    }

    /// Reads a prompt, through all layers; see [`Model::read`].
    ///
    /// # Errors
    /// As [`Model::read`].
    pub fn read(&mut self, tokens: &[u32], stop: &Stop) -> Result<Vec<f32>, ModelError> {
        self.model.read(tokens, &mut self.cache, stop)
    }

    /// What is seen of a text through a lens, whose prefix is read once.
    ///
    /// # Errors
    /// As [`Lens::look`].
    pub fn look(&mut self, lens: &Lens, text: &str, stop: &Stop) -> Result<Features, ModelError> {
        let Self { model, lens: known, .. } = self;
        let mut cache = match known.take() {
            Some((of, cache)) if of == *lens => cache,
            _ => lens.cache(model),
        };
        let features = lens.look(text, model, &mut cache, stop);
        *known = Some((lens.clone(), cache));
        features
    }

    /// Makes a lens ready, once: what it reads before each text is taken from a file, or read and kept there. A file
    /// that cannot be written costs half a second at the next start.
    ///
    /// # Errors
    /// As [`Model::read`].
    pub fn prepare(&mut self, lens: &Lens, kept: &Path, stop: &Stop) -> Result<(), ModelError> {
        if self.lens.as_ref().is_some_and(|(known, _)| known == lens) {
            return Ok(());
        }
        let mut cache = lens.cache(&self.model);
        let prefix = self.model.tokenizer.encode(&lens.prefix);
        let is_back = std::fs::read(kept).is_ok_and(|bytes| cache.restore(&bytes));
        if !is_back || cache.tokens() != prefix {
            self.model.read(&prefix, &mut cache, stop)?;
            let new = kept.with_extension("new");
            let _ =
                std::fs::write(&new, cache.to_bytes()).and_then(|()| std::fs::rename(&new, kept));
        }
        self.lens = Some((lens.clone(), cache));
        Ok(())
    }

    /// How much each token is expected behind a prompt.
    ///
    /// # Errors
    /// As [`Session::read`].
    pub fn logits(&mut self, tokens: &[u32], stop: &Stop) -> Result<Vec<f32>, ModelError> {
        let vectors = self.read(tokens, stop)?;
        let decoder = &self.model.decoder;
        let last = decoder.last(&vectors);
        self.model.pool.install(|| decoder.logits(&last))
    }

    /// How likely each of these continuations of a prompt is.
    ///
    /// # Errors
    /// As [`Session::read`].
    pub fn choices(
        &mut self,
        prompt: &[u32],
        continuations: &[Vec<u32>],
        stop: &Stop,
    ) -> Result<Vec<Choice>, ModelError> {
        let first = log_softmax(&self.logits(prompt, stop)?);
        let width = self.model.shape().width;
        let mut choices = Vec::with_capacity(continuations.len());
        for continuation in continuations {
            let Some((head, tail)) = continuation.split_first() else {
                choices.push(Choice { log_probability: f64::NEG_INFINITY, n_tokens: 0 });
                continue;
            };
            let mut sum = first.get(*head as usize).copied().unwrap_or(f64::NEG_INFINITY);
            if !tail.is_empty() {
                let tokens: Vec<u32> = prompt.iter().chain(continuation).copied().collect();
                self.cache.truncate(prompt.len());
                let read = tokens.get(..tokens.len() - 1).unwrap_or_default();
                let vectors = self.read(read, stop)?;
                let begin = vectors.len().saturating_sub(tail.len() * width);
                let each = vectors.get(begin..).unwrap_or_default().chunks_exact(width);
                for (token, vector) in tail.iter().zip(each) {
                    let decoder = &self.model.decoder;
                    let last = decoder.last(vector);
                    let logits = self.model.pool.install(|| decoder.logits(&last))?;
                    let logs = log_softmax(&logits);
                    sum += logs.get(*token as usize).copied().unwrap_or(f64::NEG_INFINITY);
                }
            }
            choices.push(Choice { log_probability: sum, n_tokens: continuation.len() });
        }
        self.cache.truncate(prompt.len());
        Ok(choices)
    }

    /// Writes on behind a prompt, always the likeliest token, until the model ends its answer, `most` tokens are
    /// written, or `goes_on` says no to what is written so far.
    ///
    /// # Errors
    /// As [`Session::read`].
    pub fn write(
        &mut self,
        prompt: &[u32],
        most: usize,
        stop: &Stop,
        mut goes_on: impl FnMut(&[u32]) -> bool,
    ) -> Result<Vec<u32>, ModelError> {
        let mut tokens = prompt.to_vec();
        for _ in 0..most {
            let logits = self.logits(&tokens, stop)?;
            let Some(best) = likeliest(&logits) else { break };
            if self.model.tokenizer.last.contains(&best) {
                break;
            }
            tokens.push(best);
            if !goes_on(tokens.get(prompt.len()..).unwrap_or_default()) {
                break;
            }
        }
        Ok(tokens.split_off(prompt.len()))
    }
}

/// The token that is expected most.
pub fn likeliest(logits: &[f32]) -> Option<u32> {
    let best =
        logits.iter().enumerate().reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map(|(token, _)| token as u32)
}

/// Logarithms of probabilities.
fn log_softmax(logits: &[f32]) -> Vec<f64> {
    let most = logits.iter().copied().fold(f32::MIN, f32::max);
    let sum: f64 = logits.iter().map(|logit| f64::from(logit - most).exp()).sum();
    logits.iter().map(|logit| f64::from(logit - most) - sum.ln()).collect()
}

/// Memory that this program can have without anything being swapped out, and without its service being ended.
fn free_mib() -> Option<u64> {
    Board::here().room().map(|bytes| bytes >> 20)
}
