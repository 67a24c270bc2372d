//! A small language model of the house's own, on this board: loads a GGUF file, reads tokens, says how likely what
//! follows is, and writes. It knows nothing of houses: what is asked of it and what is made of its answers is
//! [`crate::app`]'s and [`crate::intent`]'s business.
//!
//! ```text
//!  gguf ──► shape, tokenizer, template      what the file says of itself
//!    └────► decoder ◄── matrix ◄── kernel   the weights, and one pass over them
//!              └─ cache                     what was read; cut back to a prompt's beginning, kept on the disk
//!  session: a loaded model and its cache    thinker: the thread that has one, when it is needed
//!  outside: a model on another machine
//!  chooser: what a text is about, of a closed list, by a small trained layer above the model's lower ones
//! ```
//!
//! Numbers are those of llama.cpp, as far as those are the same twice (`tests/bench/model.rs` compares them): weights stay
//! quantised, and what they are multiplied with is rounded as llama.cpp rounds it.

mod cache;
mod chooser;
mod decoder;
mod gguf;
mod kernel;
mod matrix;
mod outside;
mod session;
mod shape;
mod template;
mod thinker;
mod tokenizer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

pub use self::cache::Cache;
pub use self::chooser::{Chooser, Features, Lens};
pub use self::decoder::Decoder;
pub use self::gguf::Gguf;
pub use self::outside::{Chosen, Outside, Protocol};
pub use self::session::{Choice, Model, Session, likeliest};
pub use self::shape::{Family, Shape};
pub use self::template::{Role, Turn};
pub use self::thinker::{Patience, Thinker};
pub use self::tokenizer::Tokenizer;

/// Why a model does not answer.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// There is no such file.
    #[error("the language model is not there: `homard models pull` fetches it")]
    NotInstalled,
    /// The file cannot be read.
    #[error("the model's file cannot be read: {0}")]
    File(#[from] std::io::Error),
    /// The file is not what a model's file should be.
    #[error("the model's file is damaged: {0}")]
    Broken(String),
    /// A model of a kind that is not known.
    #[error("{0} is not known; models of Llama, Mistral, Qwen 2 and 3, Gemma 3 and Phi 3 are")]
    NotKnown(String),
    /// It would not fit in memory.
    #[error(
        "the model needs {needed_mib} MiB of memory and {free_mib} MiB are free; a smaller one may fit"
    )]
    NoRoom {
        /// What it takes.
        needed_mib: u64,
        /// What there is.
        free_mib: u64,
    },
    /// More was said than a model can read.
    #[error("that is longer than the model can read")]
    TooLong,
    /// It took too long, or nobody waits any more.
    #[error("the model took too long")]
    Stopped,
    /// Too much waits.
    #[error("the model is busy")]
    Busy,
    /// Something else.
    #[error("the model failed: {0}")]
    Failed(String),
    /// What it chose is none of what was offered.
    #[error("what the model answered is none of what was offered")]
    NotOffered,
    /// A model on another machine gave no answer that can be used.
    #[error("the model on another machine: {0}")]
    Outside(String),
}

impl From<candle_core::Error> for ModelError {
    fn from(error: candle_core::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// When to give up: at a time, or when nobody waits any more. Asked between layers, some milliseconds apart.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    until: Option<Instant>,
    is_wanted: Arc<AtomicBool>,
}

impl Stop {
    /// After this time.
    pub fn after(time: Duration) -> Self {
        Self { until: Some(Instant::now() + time), ..Self::default() }
    }

    /// Stops whoever computes for it, in whatever thread.
    pub fn stop(&self) {
        self.is_wanted.store(true, Ordering::Relaxed);
    }

    /// # Errors
    /// [`ModelError::Stopped`] when it is time.
    pub fn check(&self) -> Result<(), ModelError> {
        let is_late = self.until.is_some_and(|until| Instant::now() >= until);
        match is_late || self.is_wanted.load(Ordering::Relaxed) {
            true => Err(ModelError::Stopped),
            false => Ok(()),
        }
    }
}
