//! Whisper: weights in memory, and what they make of a recording.
//!
//! Three things make it fit for commands. The encoder looks at as much of its 30-second window as the recording is long,
//! which makes it several times faster; in exchange it may repeat itself, so that the number of tokens is capped, the
//! slow second tries of whisper.cpp are off and a repeated tail is dropped. Silence and noise are not turned into words.
//! And there is a deadline.

use std::ffi::{c_int, c_void};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use whisper_rs::{
    FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperError,
    WhisperState,
};

use super::clip::{Clip, RATE};

/// Silence put before a recording: one that starts on the first sound loses its first word.
const LEAD: usize = RATE as usize * 3 / 10;
/// Silence put behind it.
const TRAIL: usize = RATE as usize * 4 / 10;
/// Positions of the encoder per second of sound.
const POSITIONS: f32 = 50.0;
/// Positions beyond the recording's end: with fewer the last word suffers.
const SPARE_POSITIONS: usize = 48;
/// Positions are a multiple of this, which the kernels like.
const STEP: usize = 16;
/// All positions: 30 seconds.
const MAX_POSITIONS: usize = 1500;
/// Tokens that nobody says faster, per second and at least.
const TOKENS_PER_SECOND: f32 = 8.0;
const MIN_TOKENS: f32 = 16.0;
/// Tokens of the hint; each costs time.
const MAX_HINT: usize = 96;
/// Above this probability of "no speech", and below this certainty of its words, a recording is silence. whisper.cpp's
/// defaults.
const NO_SPEECH: f32 = 0.6;
const UNCERTAIN: f32 = -1.0;
/// The root mean square below which a recording is silence whatever whisper makes of it: -60 dB of full scale.
const SILENT: f32 = 0.001;

/// What Whisper is known to hear where nothing is said, without case and punctuation. It learned from subtitles.
const INVENTIONS: &[&str] = &[
    "you",
    "thank you",
    "thanks for watching",
    "thank you for watching",
    "please subscribe",
    "bye",
    "sous titres réalisés par la communauté damaraorg",
    "soustitres réalisés para la communauté damaraorg",
    "soustitrage st 501",
    "merci davoir regardé cette vidéo",
];

/// What was said.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// The words; empty where nothing was said.
    pub text: String,
    /// In which language: the code that Whisper has for it.
    pub language: String,
    /// The mean logarithm of the tokens' probabilities: 0 is certain, below -1 is guessed.
    pub certainty: f32,
}

/// Why nothing was heard.
#[derive(Debug, thiserror::Error)]
pub enum SpeechError {
    /// The weights cannot be used.
    #[error("{}: {text}", path.display())]
    Weights {
        /// Their file.
        path: PathBuf,
        /// What is wrong.
        text: String,
    },
    /// There are no weights.
    #[error("speech recognition is not installed; `homard models pull whisper-base` fetches it")]
    NotInstalled,
    /// It took too long.
    #[error("the recording could not be understood within {} seconds", .0.as_secs())]
    TooSlow(Duration),
    /// Too many recordings wait.
    #[error("too many recordings at once; try again in a moment")]
    Busy,
    /// Something in whisper.cpp.
    #[error("speech recognition failed: {0}")]
    Failed(String),
}

/// Loaded weights.
pub struct Whisper {
    context: WhisperContext,
    state: WhisperState,
    n_threads: c_int,
}

impl Whisper {
    /// Loads weights from whisper.cpp's file.
    ///
    /// # Errors
    /// When the file is not there or not of that kind.
    pub fn load(path: &Path, n_threads: usize) -> Result<Self, SpeechError> {
        whisper_rs::install_logging_hooks();
        let fail = |text: String| SpeechError::Weights { path: path.to_owned(), text };
        // whisper.cpp says "cannot be opened" of whatever is wrong.
        std::fs::File::open(path).map_err(|error| fail(error.to_string()))?;
        let mut settings = WhisperContextParameters::default();
        settings.use_gpu(false).flash_attn(true);
        let context = WhisperContext::new_with_params(path, settings)
            .map_err(|_| fail("these are no weights of Whisper's".to_owned()))?;
        let state = context.create_state().map_err(|error| fail(error.to_string()))?;
        Ok(Self { context, state, n_threads: c_int::try_from(n_threads).unwrap_or(1).max(1) })
    }

    /// It knows more languages than English.
    pub fn is_multilingual(&self) -> bool {
        self.context.is_multilingual()
    }

    /// What is said in a recording, in one of these languages, the likeliest first; English without any. The hint is
    /// what may well be said, such as the names of rooms.
    ///
    /// # Errors
    /// When it takes longer than `within`.
    pub fn hear(
        &mut self,
        clip: &Clip,
        languages: &[&str],
        hint: &str,
        within: Duration,
    ) -> Result<Heard, SpeechError> {
        let known = |language: &&&str| whisper_rs::get_lang_id(language).is_some();
        let languages: Vec<&str> = match self.is_multilingual() {
            true => languages.iter().filter(known).copied().collect(),
            false => Vec::new(),
        };
        let first = languages.first().copied().unwrap_or("en");
        let silence =
            Heard { text: String::new(), language: first.to_owned(), certainty: f32::NEG_INFINITY };
        if loudness(clip.samples()) < SILENT {
            return Ok(silence);
        }
        let deadline = Instant::now() + within;
        let sound = [&[0.0; LEAD], clip.samples(), &[0.0; TRAIL]].concat();
        let hint = self.hint(hint);
        let heard = self.run(&sound, first, &hint, deadline, within)?;
        let Some(other) = self.other_language(&languages)? else { return Ok(heard) };
        self.run(&sound, other, &hint, deadline, within)
    }

    /// The hint as tokens.
    fn hint(&self, hint: &str) -> Vec<c_int> {
        let hint = hint.replace('\0', " ");
        let mut tokens = self.context.tokenize(&hint, 4 * MAX_HINT).unwrap_or_default();
        tokens.truncate(MAX_HINT);
        tokens
    }

    fn run(
        &mut self,
        sound: &[f32],
        language: &str,
        hint: &[c_int],
        deadline: Instant,
        within: Duration,
    ) -> Result<Heard, SpeechError> {
        let seconds = sound.len() as f32 / RATE as f32;
        let mut settings = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
        settings.set_n_threads(self.n_threads);
        settings.set_language(Some(language));
        settings.set_audio_ctx(positions(seconds));
        settings.set_max_tokens((seconds * TOKENS_PER_SECOND).max(MIN_TOKENS) as c_int);
        settings.set_temperature_inc(0.0);
        settings.set_single_segment(true);
        settings.set_no_timestamps(true);
        settings.set_no_context(true);
        settings.set_suppress_nst(true);
        settings.set_print_progress(false);
        settings.set_print_special(false);
        settings.set_print_realtime(false);
        settings.set_tokens(hint);
        // whisper-rs's safe way to give a function hands whisper.cpp a pointer of another type than it reads.
        // SAFETY: `is_late` reads an `Instant`, and `deadline` outlives the call of `full`, the only one that uses it.
        #[allow(unsafe_code)]
        unsafe {
            settings.set_abort_callback(Some(is_late));
            settings.set_abort_callback_user_data((&raw const deadline).cast_mut().cast());
        }
        let done = self.state.full(settings, sound);
        if Instant::now() >= deadline {
            return Err(SpeechError::TooSlow(within));
        }
        done.map_err(failed)?;
        Ok(self.heard(language))
    }

    /// What the state holds after a run.
    fn heard(&self, language: &str) -> Heard {
        let (mut text, mut sum, mut n, mut no_speech) = (String::new(), 0.0, 0, 0.0_f32);
        for segment in self.state.as_iter() {
            text.push_str(&segment.to_str_lossy().unwrap_or_default());
            no_speech = no_speech.max(segment.no_speech_probability());
            for token in (0..segment.n_tokens()).filter_map(|at| segment.get_token(at)) {
                sum += token.token_probability().max(f32::MIN_POSITIVE).ln();
                n += 1;
            }
        }
        let certainty = if n == 0 { f32::NEG_INFINITY } else { sum / n as f32 };
        let text = cleaned(&text);
        let is_silence = no_speech > NO_SPEECH && certainty < UNCERTAIN;
        let text = if is_silence || is_invented(&text) { String::new() } else { text };
        Heard { text, language: language.to_owned(), certainty }
    }

    /// The likeliest of these languages, if it is not the first. Costs one step of the decoder: the encoder's view of
    /// the recording is still there.
    fn other_language<'l>(
        &mut self,
        languages: &[&'l str],
    ) -> Result<Option<&'l str>, SpeechError> {
        if languages.len() < 2 {
            return Ok(None);
        }
        let threads = usize::try_from(self.n_threads).unwrap_or(1);
        self.state.decode(&[self.context.token_sot()], 0, threads).map_err(failed)?;
        let logits = self.state.get_logits().map_err(failed)?;
        let score = |language: &str| {
            let token = self.context.token_lang(whisper_rs::get_lang_id(language)?);
            logits.get(usize::try_from(token).ok()?).copied()
        };
        let likeliest = languages
            .iter()
            .copied()
            .filter_map(|language| Some((language, score(language)?)))
            .max_by(|one, other| one.1.total_cmp(&other.1));
        Ok(likeliest.map(|(language, _)| language).filter(|&language| language != languages[0]))
    }
}

/// whisper.cpp asks now and then whether to give up.
extern "C" fn is_late(deadline: *mut c_void) -> bool {
    // SAFETY: `run` gave a pointer to the deadline, which lives until `full` returns.
    #[allow(unsafe_code)]
    let deadline = unsafe { *deadline.cast::<Instant>().cast_const() };
    Instant::now() >= deadline
}

fn failed(error: WhisperError) -> SpeechError {
    SpeechError::Failed(error.to_string())
}

/// How much of its window the encoder looks at.
fn positions(seconds: f32) -> c_int {
    let needed = (seconds * POSITIONS).ceil() as usize + SPARE_POSITIONS;
    needed.next_multiple_of(STEP).min(MAX_POSITIONS) as c_int
}

/// Root mean square.
fn loudness(samples: &[f32]) -> f32 {
    let sum: f64 = samples.iter().map(|&sample| f64::from(sample) * f64::from(sample)).sum();
    (sum / samples.len().max(1) as f64).sqrt() as f32
}

/// Without what is no word, `[Music]`, `(laughs)`, and without a tail that repeats.
fn cleaned(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut depth = 0_usize;
    for c in text.chars() {
        match c {
            '[' | '(' => depth += 1,
            ']' | ')' => depth = depth.saturating_sub(1),
            '*' | '♪' | '\u{fffd}' => {}
            _ if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    let mut kept: Vec<String> = Vec::new();
    for sentence in sentences(&plain) {
        if kept.last().is_none_or(|last| bare(last) != bare(&sentence)) {
            kept.push(sentence);
        }
    }
    kept.join(" ")
}

/// Words up to one that ends a sentence; the point of 21.5 ends none.
fn sentences(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let sentences = words.split_inclusive(|word| word.ends_with(['.', '!', '?']));
    sentences.map(|words| words.join(" ")).collect()
}

/// Letters, digits and single spaces, in lower case.
fn bare(text: &str) -> String {
    let letters: String =
        text.chars().filter(|c| c.is_alphanumeric() || c.is_whitespace()).collect();
    letters.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_invented(text: &str) -> bool {
    let bare = bare(text);
    bare.is_empty() || INVENTIONS.contains(&bare.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_fits_the_recording() {
        assert_eq!(positions(2.0), 160);
        assert_eq!(positions(0.0), 48);
        assert_eq!(positions(60.0), 1500);
    }

    #[test]
    fn noises_and_repetitions_are_no_words() {
        let check = |text: &str, expected: &str| assert_eq!(cleaned(text), expected, "{text}");
        check(" Turn on the light.", "Turn on the light.");
        check("[Music]", "");
        check("(door closes) Open it. ♪", "Open it.");
        check("Close the door. Close the door. close the door!", "Close the door.");
        check("Set it to 21.5 degrees", "Set it to 21.5 degrees");
    }

    #[test]
    fn inventions_are_silence() {
        for text in ["", "...", " You", "Thank you.", "Thanks for watching!"] {
            assert!(is_invented(text), "{text}");
        }
        for text in ["Thank you, turn it off.", "Stop"] {
            assert!(!is_invented(text), "{text}");
        }
    }
}
