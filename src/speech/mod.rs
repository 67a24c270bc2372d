//! Speech to text: a recording becomes the words that were said. It knows no house; which names are likely to be heard,
//! its callers tell it.
//!
//! Reading order: `clip` (what a recording is), `wav` and `ogg` (how it comes), `whisper` (the recogniser),
//! `recogniser` (its thread).

mod clip;
mod ogg;
mod recogniser;
mod wav;
mod whisper;

pub use self::clip::{Clip, ClipError, RATE};
pub use self::recogniser::{Recogniser, Request, Weights};
pub use self::whisper::{Heard, SpeechError, Whisper};
