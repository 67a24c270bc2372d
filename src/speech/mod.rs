//! Speech to text and text to speech: a recording becomes the words that were said, a reply becomes sound. It knows no
//! house; which names are likely to be heard, its callers tell it.
//!
//! Reading order: `clip` (what a recording is), `wav` and `ogg` (how it comes), `whisper` (the recogniser),
//! `rivals` (what else it may have been), `expect` (what the house would understand of it), `weigh` (whether a phrase was said), `recogniser` (its thread); `endpoint` (where speech begins and ends in a stream)
//! and `silero` (what tells it); `audio` (the microphone); `wake` (the word that makes it listen), `attend` (the two
//! together), `interruption` (who speaks while the house does);
//! `sound` (what is to be heard), `reading` (how a text is read aloud), `espeak` (the voice), `play` (the loudspeaker);
//! `closing` (devices that hang).

mod attend;
mod audio;
mod clip;
mod closing;
mod endpoint;
mod espeak;
mod expect;
mod interruption;
mod kernel;
mod ogg;
mod play;
mod reading;
mod recogniser;
mod rivals;
mod silero;
mod sound;
mod wake;
mod wav;
mod weigh;
mod whisper;

pub use crate::text::Likely;

pub use self::attend::{Attention, Noticed};
pub use self::audio::{Microphone, Source, State, microphones};
pub use self::clip::{Clip, ClipError, RATE};
pub use self::endpoint::{Activity, ActivityModel, Endpointer, Limits, Loudness, Progress, SILERO};
pub use self::espeak::{Espeak, Manner, VARIANT, VoiceError};
pub use self::expect::{Part, Phrase};
pub use self::interruption::Interruption;
pub use self::play::{Loudspeaker, PlayError, Played, Turn};
pub use self::reading::sentences;
pub use self::recogniser::{Patience, Recogniser, Request, Weights};
pub use self::silero::{FRAME, Silero};
pub use self::sound::{FULL_VOLUME, Sound, SoundError};
pub use self::wake::{
    EMBEDDING, Examples, Learnt, Lesson, Wake, WakeError, WakeModel, WakeWord, in_kitchen,
    is_called, train,
};
pub use self::whisper::{Heard, SpeechError, Whisper};
