//! The Wyoming protocol, by which voice programs speak to each other. Both sides of it: `server` lets satellites, Home
//! Assistant and others use Homard's ears, voice and understanding; `satellite` uses microphones and loudspeakers
//! elsewhere in the house; `client` uses outside engines.
//!
//! It owns what is on the wire and who may send how much of it. What is heard and said is done by whom [`Services`] name.
//! Nobody signs in by Wyoming, so that what is asked by it is asked with the rights of a role that the owner chose.

mod client;
mod event;
mod satellite;
mod server;
mod zeroconf;

use std::pin::Pin;
use std::sync::Arc;

use crate::speech::{Clip, Likely, Manner, Sound, VoiceError};

pub use self::client::{Engine, EngineError};
pub use self::satellite::{Circumstances, Orders, Satellite, Station, Tell, WakeService, follow};
pub use self::server::{Settings, run};
pub use self::zeroconf::Announced;

/// Something that is there later.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The words of a recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Words {
    /// What was said; empty where nothing was.
    pub text: String,
    /// What else it may have been, the likeliest first.
    pub others: Vec<Likely>,
    /// In which language.
    pub language: String,
}

/// What is answered to what was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The sentence.
    pub text: String,
    /// The language it is in.
    pub language: String,
    /// To go on with the conversation.
    pub conversation: String,
    /// Whether it was understood, whatever came of it.
    pub is_understood: bool,
    /// Whether an answer is expected.
    pub continues: bool,
}

/// What somebody says by Wyoming.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Asked {
    /// The words.
    pub text: String,
    /// What else may have been said, the likeliest first.
    pub others: Vec<Likely>,
    /// Their language, if it was said.
    pub language: Option<String>,
    /// The room it was said in: id, name or other name.
    pub area: Option<String>,
    /// To go on with a conversation.
    pub conversation: Option<String>,
}

/// Turns a recording into words; the language where it is known.
pub type Transcribe =
    Arc<dyn Fn(Clip, Option<String>) -> Later<Result<Words, String>> + Send + Sync>;
/// Says a piece of a text.
pub type Speak = Arc<dyn Fn(String, Manner) -> Later<Result<Sound, VoiceError>> + Send + Sync>;
/// Does what is asked, with the rights that whoever gave this has chosen.
pub type Handle = Arc<dyn Fn(Asked) -> Later<Result<Answer, String>> + Send + Sync>;

/// Who does what is asked by Wyoming.
#[derive(Clone)]
pub struct Services {
    /// Hears.
    pub transcribe: Transcribe,
    /// Speaks.
    pub speak: Speak,
    /// Understands and acts.
    pub handle: Handle,
    /// The household's languages, the home's own first.
    pub languages: Vec<String>,
}

/// Bytes of sound in one event: a tenth of a second or so.
const CHUNK: usize = 4096;
/// The rate of sound that there is none of, in samples per second.
const SILENT_RATE: u32 = 22_050;
