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
    WhisperState, WhisperSysContext, WhisperSysState, WhisperTokenData,
};

use super::clip::{Clip, RATE};
use super::expect::{Phrase, Search, Spelling, Words};
use super::rivals::{Decoder, Spoken};
use super::weigh::N_SPELLINGS;
use crate::text::Likely;

/// Silence put before a recording: one that starts on the first sound loses its first word.
pub(super) const LEAD: usize = RATE as usize * 3 / 10;
/// Silence put behind it.
pub(super) const TRAIL: usize = RATE as usize * 4 / 10;
/// Positions of the encoder per second of sound.
const POSITIONS: f32 = 50.0;
/// Positions beyond the recording's end: with fewer the last word suffers.
const SPARE_POSITIONS: usize = 48;
/// Positions are a multiple of this, which the kernels like.
const STEP: usize = 16;
/// All positions: 30 seconds.
const MAX_POSITIONS: usize = 1500;
/// Tokens that nobody says faster, per second and at least.
const TOKENS_PER_SECOND: f32 = 6.0;
const MIN_TOKENS: f32 = 16.0;
/// Tokens of which nobody says the same twice in one breath.
const MOST_AGAIN: usize = 6;
/// Tokens of the hint; each costs time.
pub(super) const MAX_HINT: usize = 96;
/// Above this probability of "no speech", and below this certainty of its words, a recording is silence. whisper.cpp's
/// defaults.
const NO_SPEECH: f32 = 0.6;
const UNCERTAIN: f32 = -1.0;
/// The root mean square below which a recording is silence whatever whisper makes of it: -60 dB of full scale.
const SILENT: f32 = 0.001;

/// Tokens that are likelier than this are not doubted.
const SURE_OF: f32 = 0.6;
/// By how much what the house would understand may be less likely than what Whisper writes by itself, as a logarithm,
/// and how unlikely it may be at all.
const MARGIN: f32 = 8.0;
const UNLIKELY: f32 = -14.0;
/// The share of the time there is in which it is looked for: one in so many.
const PATIENCE: u32 = 10;

/// What Whisper is known to write where nothing is said; letters, digits and spaces count. It learned from subtitles.
const INVENTIONS: &[&str] = &[
    "You",
    "Thank you.",
    "Thank you very much.",
    "Thanks for watching!",
    "Thank you for watching.",
    "Please subscribe.",
    "Bye.",
    "Sous-titres réalisés par la communauté d'Amara.org",
    "Sous-titres réalisés para la communauté d'Amara.org",
    "Sous-titrage ST' 501",
    "Sous-titrage Société Radio-Canada",
    "Merci d'avoir regardé cette vidéo !",
    "Merci d'avoir regardé !",
];

/// What was said.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// The words; empty where nothing was said.
    pub text: String,
    /// What else it may have been, the likeliest first; empty where the words are certain.
    pub others: Vec<Likely>,
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
    /// They would not fit in memory.
    #[error("speech recognition needs {needed_mib} MiB of memory and {free_mib} MiB are free")]
    NoRoom {
        /// What it takes.
        needed_mib: u64,
        /// What there is.
        free_mib: u64,
    },
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

/// What came of one run.
struct Attempt {
    heard: Heard,
    /// Another run may hear it better.
    is_doubtful: bool,
    /// No token may as well have been another.
    is_sure: bool,
    /// The logarithm of how likely all of it is.
    likely: f32,
}

impl Attempt {
    /// Nothing else needs to be looked for.
    fn is_expected(&self, words: &Words) -> bool {
        self.heard.text.is_empty() || self.is_sure && words.explain(&self.heard.text)
    }
}

/// How a recording is heard.
#[derive(Clone, Copy)]
struct Run {
    /// In all of the encoder's window.
    is_whole: bool,
    /// What else it may have been is looked for among the house's own words.
    has_words: bool,
}

const QUICK: Run = Run { is_whole: false, has_words: false };

fn of_words(phrases: Vec<Phrase>) -> Option<Words> {
    (!phrases.is_empty()).then(|| Words::new(&phrases))
}

/// Loaded weights.
pub struct Whisper {
    pub(super) context: WhisperContext,
    pub(super) state: WhisperState,
    pub(super) n_threads: c_int,
    /// How likely a phrase last was after silence: the phrase, its language, so many samples of silence.
    pub(super) silence: Option<((String, String, usize), [f32; N_SPELLINGS])>,
    spelling: Option<Spelling>,
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
        // Flash attention takes longer without a graphics card, and reads beyond the end of a window that is cut short.
        settings.use_gpu(false).flash_attn(false);
        let context = WhisperContext::new_with_params(path, settings)
            .map_err(|_| fail("these are no weights of Whisper's".to_owned()))?;
        let state = context.create_state().map_err(|error| fail(error.to_string()))?;
        let n_threads = c_int::try_from(n_threads).unwrap_or(1).max(1);
        Ok(Self { context, state, n_threads, silence: None, spelling: None })
    }

    /// From now on it uses so many threads.
    pub fn set_threads(&mut self, n_threads: usize) {
        self.n_threads = c_int::try_from(n_threads).unwrap_or(1).max(1);
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
        expected: &dyn Fn(&str) -> Vec<Phrase>,
        within: Duration,
    ) -> Result<Heard, SpeechError> {
        let known = |language: &&&str| whisper_rs::get_lang_id(language).is_some();
        let languages: Vec<&str> = match self.is_multilingual() {
            true => languages.iter().filter(known).copied().collect(),
            false => Vec::new(),
        };
        let first = languages.first().copied().unwrap_or("en");
        if loudness(clip.samples()) < SILENT {
            let (text, certainty) = (String::new(), f32::NEG_INFINITY);
            return Ok(Heard { text, others: Vec::new(), language: first.to_owned(), certainty });
        }
        let deadline = now() + within;
        let sound = [&[0.0; LEAD], clip.samples(), &[0.0; TRAIL]].concat();
        let mut words = of_words(expected(first));
        let has_words = words.is_some();
        let mut attempt =
            self.run(&sound, first, hint, Run { has_words, ..QUICK }, deadline, within)?;
        if let Some(other) = self.other_language(&languages)? {
            words = of_words(expected(other));
            let run = Run { has_words: words.is_some(), ..QUICK };
            attempt = self.run(&sound, other, hint, run, deadline, within)?;
        }
        if let Some(words) = words.filter(|words| !attempt.is_expected(words)) {
            let until = deadline.min(now() + within / PATIENCE);
            // To tell languages apart makes it forget.
            let is_told = languages.len() < 2 || attempt.heard.language != first;
            attempt.heard.others = self.search(&words, &attempt, hint, is_told, until)?;
        }
        if attempt.is_doubtful && attempt.heard.others.is_empty() {
            let language = attempt.heard.language.clone();
            // Where there is no time for it, what was heard is better than nothing.
            let run = Run { is_whole: true, has_words };
            let again = self.run(&sound, &language, hint, run, deadline, within).ok();
            let is_better = |again: &Attempt| again.heard.certainty > attempt.heard.certainty;
            if let Some(again) = again.filter(is_better) {
                attempt = again;
            }
        }
        Ok(attempt.heard)
    }

    /// What the house would understand of a recording that has just been heard.
    fn search(
        &mut self,
        words: &Words,
        attempt: &Attempt,
        hint: &str,
        is_told: bool,
        deadline: Instant,
    ) -> Result<Vec<Likely>, SpeechError> {
        let language = &attempt.heard.language;
        let hint = self.hint(hint, language);
        let mut prompt = Vec::new();
        if !hint.is_empty() {
            prompt.push(self.context.token_prev());
            prompt.extend(hint);
        }
        prompt.push(self.context.token_sot());
        if self.is_multilingual() {
            let id = whisper_rs::get_lang_id(language).unwrap_or(0);
            prompt.extend([self.context.token_lang(id), self.context.token_transcribe()]);
        }
        prompt.push(self.context.token_not());
        let mut search = Search {
            context: &self.context,
            state: &mut self.state,
            spelling: self.spelling.get_or_insert_with(|| Spelling::new(&self.context)),
            n_threads: usize::try_from(self.n_threads).unwrap_or(1),
            prompt: &prompt,
            is_told,
        };
        let least = (attempt.likely - MARGIN).max(UNLIKELY);
        search.run(words, &attempt.heard.text, least, deadline)
    }

    /// Names as tokens, in a sentence before which others were said: after a bare list it writes lists.
    fn hint(&self, names: &str, language: &str) -> Vec<c_int> {
        if names.is_empty() {
            return Vec::new();
        }
        let (before, after) = match language {
            "en" => ("In this house: ", ". Turn it on, please."),
            "fr" => ("Dans cette maison : ", ". Allume, s'il te plaît."),
            _ => ("", "."),
        };
        let tokens = |text: String| {
            let text = text.replace('\0', " ");
            self.context.tokenize(&text, 4 * MAX_HINT).unwrap_or_default()
        };
        let mut hint = tokens(format!("{before}{names}"));
        hint.truncate(MAX_HINT);
        hint.extend(tokens(after.to_owned()));
        hint
    }

    /// One quick try of a command: one segment, without times, second tries and anything printed.
    pub(super) fn settings<'l>(&self, language: &'l str) -> FullParams<'l, 'static> {
        let mut settings = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
        settings.set_n_threads(self.n_threads);
        settings.set_language(Some(language));
        settings.set_temperature_inc(0.0);
        settings.set_single_segment(true);
        settings.set_no_timestamps(true);
        settings.set_no_context(true);
        settings.set_print_progress(false);
        settings.set_print_special(false);
        settings.set_print_realtime(false);
        settings
    }

    /// Has whisper.cpp do its work, no longer than until then.
    pub(super) fn full(
        &mut self,
        mut settings: FullParams<'_, '_>,
        sound: &[f32],
        deadline: Instant,
        within: Duration,
    ) -> Result<(), SpeechError> {
        let watch = Watch { deadline, end: self.context.token_eot() };
        let data = (&raw const watch).cast_mut().cast();
        // whisper-rs's safe way to give a function hands whisper.cpp a pointer of another type than it reads.
        // SAFETY: both functions read a `Watch`, and `watch` outlives the call of `full`, the only one that uses it.
        #[allow(unsafe_code)]
        unsafe {
            settings.set_abort_callback(Some(is_late));
            settings.set_abort_callback_user_data(data);
            settings.set_filter_logits_callback(Some(end_repetition));
            settings.set_filter_logits_callback_user_data(data);
        }
        let done = self.state.full(settings, sound);
        if now() >= deadline {
            return Err(SpeechError::TooSlow(within));
        }
        done.map(drop).map_err(failed)
    }

    fn run(
        &mut self,
        sound: &[f32],
        language: &str,
        hint: &str,
        run: Run,
        deadline: Instant,
        within: Duration,
    ) -> Result<Attempt, SpeechError> {
        let hint = self.hint(hint, language);
        let seconds = sound.len() as f32 / RATE as f32;
        let mut settings = self.settings(language);
        settings.set_audio_ctx(if run.is_whole {
            MAX_POSITIONS as c_int
        } else {
            positions(seconds)
        });
        settings.set_max_tokens((seconds * TOKENS_PER_SECOND).max(MIN_TOKENS) as c_int);
        settings.set_suppress_nst(true);
        settings.set_tokens(&hint);
        self.full(settings, sound, deadline, within)?;
        let (mut attempt, said) = self.heard(language);
        let heard = &mut attempt.heard;
        if !heard.text.is_empty() && !run.has_words {
            // The sign for "what came before" and the hint, then that it begins, in which language, that it is to be
            // written down, and without times.
            let hint = if hint.is_empty() { 0 } else { hint.len() + 1 };
            let n_before = hint + if self.is_multilingual() { 4 } else { 2 };
            let n_threads = usize::try_from(self.n_threads).unwrap_or(1);
            let (context, state) = (&self.context, &mut self.state);
            let mut decoder = Decoder { context, state, n_threads, n_before, said: &said };
            heard.others = decoder.rivals(deadline)?;
        }
        Ok(attempt)
    }

    /// What the state holds after a run, and its tokens.
    fn heard(&self, language: &str) -> (Attempt, Vec<Spoken>) {
        let mut said = Vec::new();
        let mut no_speech = 0.0_f32;
        for segment in self.state.as_iter() {
            no_speech = no_speech.max(segment.no_speech_probability());
            let tokens = (0..segment.n_tokens()).filter_map(|at| segment.get_token(at));
            said.extend(tokens.map(|token| Spoken {
                token: token.token_id(),
                likely: token.token_probability(),
            }));
        }
        said.retain(|spoken| spoken.token < self.context.token_eot());
        let again = repetition(&said, |spoken| spoken.token);
        said.truncate(again.unwrap_or(said.len()));
        let sum: f32 = said.iter().map(|spoken| spoken.likely.max(f32::MIN_POSITIVE).ln()).sum();
        let certainty = if said.is_empty() { f32::NEG_INFINITY } else { sum / said.len() as f32 };
        let text = text(&self.context, said.iter().map(|spoken| spoken.token));
        let is_silence = no_speech > NO_SPEECH && certainty < UNCERTAIN;
        let text = if is_silence || is_invented(&text) { String::new() } else { text };
        let is_doubtful = !is_silence && (text.is_empty() || certainty < UNCERTAIN);
        let heard = Heard { text, others: Vec::new(), language: language.to_owned(), certainty };
        let is_word = |token: c_int| {
            let bytes = self.context.token_to_bytes(token).unwrap_or_default();
            bytes.iter().any(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii())
        };
        let is_sure = said.iter().all(|spoken| spoken.likely >= SURE_OF || !is_word(spoken.token));
        (Attempt { heard, is_doubtful, is_sure, likely: sum }, said)
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

/// What a deadline is held against. whisper.cpp works in real time, on a thread of its own.
#[allow(clippy::disallowed_methods)]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// What whisper.cpp is told while it works.
struct Watch {
    deadline: Instant,
    /// The token that ends what is said.
    end: c_int,
}

/// whisper.cpp asks now and then whether to give up.
extern "C" fn is_late(watch: *mut c_void) -> bool {
    // SAFETY: `run` gave a pointer to a `Watch`, which lives until `full` returns.
    #[allow(unsafe_code)]
    let watch = unsafe { &*watch.cast::<Watch>() };
    now() >= watch.deadline
}

/// whisper.cpp asks before each token what may come next: nothing, where it says everything once more.
extern "C" fn end_repetition(
    _: *mut WhisperSysContext,
    _: *mut WhisperSysState,
    tokens: *const WhisperTokenData,
    n_tokens: c_int,
    logits: *mut f32,
    watch: *mut c_void,
) {
    let n_tokens = usize::try_from(n_tokens).unwrap_or(0);
    // SAFETY: `run` gave a pointer to a `Watch`; there are as many tokens as told, and before `end` as many logits.
    #[allow(unsafe_code)]
    let (tokens, logits) = unsafe {
        let end = (*watch.cast::<Watch>()).end;
        let tokens = if n_tokens == 0 { &[] } else { std::slice::from_raw_parts(tokens, n_tokens) };
        (tokens, std::slice::from_raw_parts_mut(logits, usize::try_from(end).unwrap_or(0)))
    };
    if repetition(tokens, |token| token.id).is_some() {
        logits.fill(f32::NEG_INFINITY);
    }
}

/// Where what was said begins to be said once more.
fn repetition<T>(said: &[T], token: impl Fn(&T) -> c_int) -> Option<usize> {
    (1..said.len()).find(|&at| {
        let again = &said[at..];
        // A whole short sentence, or so much of a long one that nobody means it.
        again.len() >= MOST_AGAIN.min(at.max(3))
            && again.iter().zip(said).all(|(one, other)| token(one) == token(other))
    })
}

pub(super) fn failed(error: WhisperError) -> SpeechError {
    SpeechError::Failed(error.to_string())
}

/// Tokens as they are written.
pub(super) fn text(context: &WhisperContext, tokens: impl Iterator<Item = c_int>) -> String {
    let bytes = tokens.flat_map(|token| context.token_to_bytes(token).unwrap_or_default());
    let bytes: Vec<u8> = bytes.copied().collect();
    cleaned(&String::from_utf8_lossy(&bytes))
}

/// How much of its window the encoder looks at.
pub(super) fn positions(seconds: f32) -> c_int {
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
    bare.is_empty() || INVENTIONS.iter().any(|&invention| self::bare(invention) == bare)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::Part;

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
    fn what_is_said_once_more_is_noticed() {
        let check = |said: &[c_int], expected: Option<usize>| {
            assert_eq!(repetition(said, |&token| token), expected, "{said:?}");
        };
        check(&[], None);
        check(&[1, 2, 3, 4, 5, 6, 7], None);
        // "Turn on the kitchen light. Turn on the hall light."
        check(&[1, 2, 3, 4, 5, 9, 1, 2, 3, 6, 5, 9], None);
        check(&[1, 2, 3, 4, 1, 2, 3, 4], Some(4));
        check(&[1, 2, 1, 2, 1], Some(2));
        check(&[1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5], None);
        check(&[1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6], Some(8));
        // "No, no, no" may be meant.
        check(&[1, 1, 1], None);
        check(&[1, 1, 1, 1], Some(1));
    }

    #[test]
    fn inventions_are_silence() {
        let french = "Sous-titres réalisés par la communauté d'Amara.org";
        let merci = "Merci d’avoir regardé cette vidéo!";
        for text in ["", "...", " You", "Thank you.", "Thanks for watching!", french, merci] {
            assert!(is_invented(text), "{text}");
        }
        for text in ["Thank you, turn it off.", "Stop", "Mets les sous-titres"] {
            assert!(!is_invented(text), "{text}");
        }
    }

    /// `cross/test` has this run in qemu as the boards' processors, where it takes its time.
    #[test]
    fn a_short_order_is_heard() {
        let named = std::env::var_os("HOMARD_MODELS").map(PathBuf::from);
        let here = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".cache/models");
        let weights = named.unwrap_or_else(here).join("whisper-tiny.en/ggml-tiny.en-q8_0.bin");
        if !weights.exists() {
            eprintln!("skipped: no {} (run `make setup`)", weights.display());
            return;
        }
        let said = include_bytes!("../../tests/it/recordings/turn_on_the_kitchen_light.ogg");
        let clip = Clip::read(said).unwrap();
        let began = now();
        let mut whisper = Whisper::load(&weights, 2).unwrap();
        let heard =
            whisper.hear(&clip, &["en"], "", &|_| Vec::new(), Duration::from_secs(3_600)).unwrap();
        eprintln!("whisper: {:.1} s of speech in {:.1?}", clip.seconds(), began.elapsed());
        assert!(heard.text.to_lowercase().contains("turn on the kitchen light"), "{heard:?}");
        // In a house without that light it listens for what is there.
        let house = |thing: &'static str| {
            move |_: &str| {
                let part = |(text, part): (&str, Part)| Phrase { text: text.to_owned(), part };
                [("turn on", Part::Deed), ("the", Part::Glue), (thing, Part::Thing)]
                    .map(part)
                    .into()
            }
        };
        let within = Duration::from_secs(3_600);
        let known = whisper.hear(&clip, &["en"], "", &house("kitchen light"), within).unwrap();
        assert!(known.others.iter().all(|other| other.behind > 1.0), "{known:?}");
        let other = whisper.hear(&clip, &["en"], "", &house("kitchen lights"), within).unwrap();
        let text = other.others[0].text.to_lowercase();
        assert_eq!(text.trim_end_matches('.'), "turn on the kitchen lights");
        let none = whisper.hear(&clip, &["en"], "", &house("garage door"), within).unwrap();
        assert_eq!(none.others, []);
    }
}
