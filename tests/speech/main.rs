//! `make eval-speech`: commands of the households of `tests/eval`, spoken by espeak-ng, a Piper voice (English) and SVOX
//! Pico (French and English, at different pitch and speed), as they are and in a kitchen, through the whole road: the
//! recogniser with the house's names as a hint, what it offers, the assistant, the hub, simulated devices. Prints the
//! share of right actions by language, voice and noise, and every wrong action on a lock, a heating or an alarm.
//!
//! Commands that are not understood when they are written are left out and counted, as `make eval` measures those, and
//! slips of the pen are, as nobody speaks them.
//! `N=160` commands a language, `LANGUAGES=en,fr`, `SNR=clean,20,10,5`, `THREADS=2`, `SHOW=1` prints what was missed,
//! `IDLE=1` says what is no command instead, `WORDS=no` does not listen for the house's own words, `ENGLISH=base` hears
//! English with other weights, `PEER=1` gives the same sounds to whisper.cpp at its defaults (pywhispercpp, same weights,
//! told the language) and what it writes to the same understanding, `KEEP=FOLDER` writes down what was heard, for `homard eval FOLDER` beside a copy of
//! `tests/eval/homes`.
//! What was spoken is kept in `.cache/voices/said`.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]
// It measures real time, in a program that has nothing else to do.
#![allow(clippy::disallowed_methods)]

mod noise;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use homard::eval::{Failure, Report, Set};
use homard::speech::{Clip, Heard, Likely, Part, Phrase, RATE, Whisper};
use serde_json::{Value as Json, json};

/// Where what people say is taken from.
const SOURCES: [&str; 3] = ["dev", "first", "second"];
/// Domains with which a mistake does harm.
const GUARDED: [&str; 6] =
    ["lock.", "climate.", "alarm_control_panel.", "water_heater.", "valve.", "siren."];
/// The group of commands with slips of the pen, which nobody speaks.
const ONLY_WRITTEN: &str = "slips";
/// Names given as a hint, as the daemon does.
const MAX_NAMES: usize = 40;
/// How long it may take, as the daemon has it.
const WITHIN: Duration = Duration::from_secs(20);
/// Words of a command.
const WORDS: std::ops::RangeInclusive<usize> = 3..=12;
/// Voices: the language, the name, and what the program that speaks is told. Each says the next command in turn.
const VOICES: [(&str, &str, Voice); 8] = [
    ("en", "en-piper", Voice::Python("piper")),
    ("en", "en-espeak-us", Voice::Espeak("en-us", "150")),
    ("en", "en-pico-gb", Voice::Python("pico en-GB 1.0 1.0")),
    ("en", "en-espeak-gb", Voice::Espeak("en-gb+f3", "165")),
    ("fr", "fr-pico", Voice::Python("pico fr-FR 1.0 1.0")),
    ("fr", "fr-pico-slow", Voice::Python("pico fr-FR 0.9 1.15")),
    ("fr", "fr-pico-quick", Voice::Python("pico fr-FR 1.1 0.88")),
    ("fr", "fr-espeak", Voice::Espeak("fr-fr", "150")),
];

/// Who speaks.
#[derive(Debug, Clone, Copy)]
enum Voice {
    /// espeak-ng: its voice, words per minute.
    Espeak(&'static str, &'static str),
    /// `speak.py`'s voice.
    Python(&'static str),
}

type Error = Box<dyn std::error::Error>;

/// Something that somebody says.
struct Saying {
    text: String,
    language: String,
    home: String,
    /// The test it comes from, without what is said.
    test: Json,
}

fn main() -> Result<(), Error> {
    let setting =
        |name: &str, otherwise: &str| std::env::var(name).unwrap_or_else(|_| otherwise.to_owned());
    let models = PathBuf::from(setting("HOMARD_MODELS", ".cache/models"));
    let n: usize = setting("N", "160").parse()?;
    let n_threads: usize = setting("THREADS", "2").parse()?;
    let languages = setting("LANGUAGES", "en,fr");
    let folder = std::env::temp_dir().join(format!("homard-eval-speech-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let homes = homes()?;
    let mut sayings = sayings(&homes, std::env::var_os("IDLE").is_some())?;
    let n_all = sayings.len();
    let written: Vec<Json> =
        sayings.iter().map(|saying| test(saying, &saying.text, &[], "written")).collect();
    let missed: BTreeSet<String> = play(&runtime, &folder, written)?
        .failures
        .into_iter()
        .map(|failure| failure.place)
        .collect();
    let mut at = 0;
    sayings.retain(|_| {
        at += 1;
        !missed.contains(&format!("said.yaml {at}"))
    });
    println!(
        "{n_all} commands of tests/eval; {} of them are understood when written.",
        sayings.len()
    );
    let mut chosen = Vec::new();
    for language in languages.split(',') {
        let of: Vec<Saying> =
            sayings.extract_if(.., |saying| saying.language == language).collect();
        let step = (of.len() as f64 / n as f64).max(1.0);
        let picked: BTreeSet<usize> = (0..n).map(|k| (k as f64 * step) as usize).collect();
        chosen
            .extend(of.into_iter().enumerate().filter(|(k, _)| picked.contains(k)).map(|(_, s)| s));
    }
    let words = words(&homes, &folder)?;
    let english = setting("ENGLISH", "tiny.en");
    let listens_for_words = setting("WORDS", "yes") == "yes";
    let mut speakers = Speakers::new()?;
    let mut weights: BTreeMap<&str, Whisper> = BTreeMap::new();
    let (mut n_clips, mut sound, mut took, mut slowest) = (0, 0.0, Duration::ZERO, Duration::ZERO);
    let mut scores = Vec::new();
    let mut peers: Option<Peers> = std::env::var_os("PEER").map(|_| Peers::new(&folder, n_threads));
    for condition in setting("SNR", "clean,20,10,5").split(',') {
        let mut tests = Vec::new();
        let mut by_peer = Vec::new();
        let mut truth = Vec::new();
        for (k, saying) in chosen.iter().enumerate() {
            let (voice, samples) = speakers.say(saying, k)?;
            let samples = match condition.parse() {
                Ok(snr) => noise::in_a_kitchen(&samples, snr, k as u64),
                Err(_) => samples,
            };
            let clip = Clip::new(samples, RATE)?;
            let home = &homes[&saying.home];
            let spoken = spoken(home);
            let kind = if spoken == ["en"] { &*english } else { "base" };
            if !weights.contains_key(kind) {
                let file = models.join(format!("whisper-{kind}/ggml-{kind}-q8_0.bin"));
                weights.insert(kind, Whisper::load(&file, n_threads)?);
            }
            let whisper = weights.get_mut(kind).unwrap();
            let spoken: Vec<&str> = spoken.iter().map(String::as_str).collect();
            let expected = |language: &str| {
                let known = words.get(&(saying.home.clone(), language.to_owned()));
                known.filter(|_| listens_for_words).cloned().unwrap_or_default()
            };
            if let Some(peers) = &mut peers {
                let file = models.join(format!("whisper-{kind}/ggml-{kind}-q8_0.bin"));
                let text = peers.hear(&file, &saying.language, clip.samples())?;
                by_peer.push(test(saying, &text, &[], &format!("{condition:>5} {voice}")));
            }
            let began = Instant::now();
            let heard = whisper.hear(&clip, &spoken, &hint(home), &expected, WITHIN)?;
            (n_clips, sound) = (n_clips + 1, sound + clip.seconds());
            (took, slowest) = (took + began.elapsed(), slowest.max(began.elapsed()));
            let Heard { text, others, language, .. } = heard;
            let mut heard = test(saying, &text, &others, &format!("{condition:>5} {voice}"));
            heard["language"] = json!(language);
            tests.push(heard);
            truth.push((saying, text));
        }
        if let Some(kept) = std::env::var_os("KEEP") {
            let text = json!({ "tests": tests }).to_string();
            std::fs::write(Path::new(&kept).join(format!("heard-{condition}.yaml")), text)?;
        }
        let report = play(&runtime, &folder, tests)?;
        show(&report, &truth);
        scores.push((condition.to_owned(), score(&report)));
        if peers.is_some() {
            let report = play(&runtime, &folder, by_peer)?;
            scores.push((format!("{condition}, whisper.cpp"), score(&report)));
        }
    }
    let _ = std::fs::remove_dir_all(&folder);
    println!("\n{} commands, each by one voice in turn, in each condition:", chosen.len());
    for (condition, (lines, harm)) in &scores {
        for line in lines {
            println!("{condition:>18}  {line}");
        }
        println!("{condition:>18}  wrong actions on locks, heating, alarms: {harm}");
    }
    if let Some(peers) = &peers {
        println!("whisper.cpp took {:.0} ms on average", peers.took_ms / f64::from(n_clips));
    }
    println!(
        "{n_clips} recordings of {:.1} s on average, heard in {:.0} ms on average, {:.0} at most, {n_threads} threads",
        sound / n_clips as f32,
        took.as_secs_f64() * 1e3 / f64::from(n_clips),
        slowest.as_secs_f64() * 1e3,
    );
    Ok(())
}

/// Prints failures: always those that do harm, the others if wished.
fn show(report: &Report, truth: &[(&Saying, String)]) {
    let is_shown = std::env::var_os("SHOW").is_some();
    for failure in &report.failures {
        if is_shown || is_harm(failure) {
            let at = failure.place.rsplit(' ').next().and_then(|n| n.parse::<usize>().ok());
            let said = at.and_then(|at| truth.get(at - 1)).map_or("", |(saying, _)| &saying.text);
            println!("  “{said}”\n{}", failure.lines());
        }
    }
}

fn is_harm(failure: &Failure) -> bool {
    failure.is_wrong_action && GUARDED.iter().any(|domain| failure.actual.contains(domain))
}

/// The lines of the table by language and voice, and how many wrong actions could do harm.
fn score(report: &Report) -> (Vec<String>, usize) {
    let mut sums: BTreeMap<String, (usize, usize, usize)> = BTreeMap::new();
    for (group, of) in &report.groups {
        let voice = group.split_whitespace().nth(1).unwrap_or_default();
        let language = voice.split(['-', ':']).next().unwrap_or_default();
        for key in [format!("{language}: all"), format!("{language}: {voice}")] {
            let sum = sums.entry(key).or_default();
            *sum = (sum.0 + of.right, sum.1 + of.n(), sum.2 + of.wrong);
        }
    }
    let line = |(name, (right, n, wrong)): (&String, &(usize, usize, usize))| {
        let share = *right as f64 * 100.0 / (*n).max(1) as f64;
        format!("{name:28} {share:5.1} % right of {n:3}, {wrong} wrong actions")
    };
    (sums.iter().map(line).collect(), report.failures.iter().filter(|f| is_harm(f)).count())
}

fn read(path: &Path) -> Result<Json, Error> {
    let options = serde_saphyr::options! { with_snippet: false, strict_booleans: true };
    Ok(serde_saphyr::from_str_with_options(&std::fs::read_to_string(path)?, options)?)
}

fn yaml_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let files: Result<Vec<_>, _> =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut files = files?;
    files.sort();
    Ok(files)
}

fn homes() -> Result<BTreeMap<String, Json>, Error> {
    let files = yaml_files(Path::new("tests/eval/homes"))?;
    let name = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    files.iter().map(|path| Ok((name(path), read(path)?))).collect()
}

/// What homes expect to hear, by home and language.
fn words(
    homes: &BTreeMap<String, Json>,
    folder: &Path,
) -> Result<BTreeMap<(String, String), Vec<Phrase>>, Error> {
    let set = Set::load(folder)?;
    let mut all = BTreeMap::new();
    for (id, home) in homes {
        for language in spoken(home) {
            let words = set.expects(id, &language)?.into_iter().map(|(text, part)| {
                let part = match part {
                    homard::eval::Part::Deed => Part::Deed,
                    homard::eval::Part::Thing => Part::Thing,
                    homard::eval::Part::Other => Part::Other,
                    homard::eval::Part::Glue => Part::Glue,
                };
                Phrase { text, part }
            });
            all.insert((id.clone(), language.clone()), words.collect());
        }
    }
    Ok(all)
}

/// The languages of a home, its own first.
fn spoken(home: &Json) -> Vec<String> {
    let text = |json: &Json| json.as_str().map(str::to_owned);
    let own = text(&home["language"]).unwrap_or_else(|| "en".to_owned());
    let others = home["languages"].as_array().into_iter().flatten().filter_map(text);
    let mut all = vec![own];
    for other in others {
        if !all.contains(&other) {
            all.push(other);
        }
    }
    all
}

/// As the port for recordings makes it of the house: rooms, then things.
fn hint(home: &Json) -> String {
    let named = |what: &str| home[what].as_array().into_iter().flatten();
    let names = named("areas").chain(named("entities")).filter_map(|one| one["name"].as_str());
    let mut hint: Vec<&str> = Vec::new();
    for name in names {
        if hint.len() < MAX_NAMES && !hint.contains(&name) {
            hint.push(name);
        }
    }
    hint.join(", ")
}

/// All commands that stand alone and have one result; or all of which nothing may come.
fn sayings(homes: &BTreeMap<String, Json>, is_idle: bool) -> Result<Vec<Saying>, Error> {
    let mut out = Vec::new();
    for source in SOURCES {
        for path in yaml_files(&Path::new("tests/eval").join(source))? {
            let file = read(&path)?;
            let groups = file["groups"].as_object().into_iter().flatten();
            let groups = groups.filter(|(name, _)| *name != ONLY_WRITTEN).map(|(_, tests)| tests);
            let tests = groups.chain([&file["tests"]]).filter_map(Json::as_array).flatten();
            for test in tests {
                let of = |key: &str| test.get(key).or_else(|| file.get(key)).and_then(Json::as_str);
                let home = of("home").unwrap_or_default().to_owned();
                let own = homes.get(&home).and_then(|home| home["language"].as_str());
                let language = of("language").or(own).unwrap_or("en").to_owned();
                let wanted = if is_idle { "nothing" } else { "changes" };
                let is_wanted = test.get(wanted).is_some() && test.get("or").is_none();
                if !is_wanted || test.get("turns").is_some() || test.get("later").is_some() {
                    continue;
                }
                let texts = match &test["say"] {
                    Json::String(text) => vec![text.clone()],
                    Json::Array(texts) => {
                        texts.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
                    }
                    _ => Vec::new(),
                };
                let texts = texts.into_iter().filter(|text| {
                    WORDS.contains(&text.split_whitespace().count())
                        && !text.contains(['°', '%', '/'])
                });
                out.extend(texts.map(|text| Saying {
                    text,
                    language: language.clone(),
                    home: home.clone(),
                    test: test.clone(),
                }));
            }
        }
    }
    Ok(out)
}

/// The test with other words.
fn test(saying: &Saying, heard: &str, others: &[Likely], group: &str) -> Json {
    let mut test = saying.test.clone();
    test["say"] = json!(if heard.is_empty() { "…" } else { heard });
    let others = others.iter().map(|other| json!({ other.text.as_str(): other.behind }));
    test["others"] = others.collect();
    test["spoken"] = json!("on");
    test["home"] = json!(saying.home);
    test["group"] = json!(group);
    test["language"] = json!(saying.language);
    test
}

fn play(
    runtime: &tokio::runtime::Runtime,
    folder: &Path,
    tests: Vec<Json>,
) -> Result<Report, Error> {
    let homes = folder.join("homes");
    if !homes.exists() {
        std::os::unix::fs::symlink(std::fs::canonicalize("tests/eval/homes")?, &homes)?;
    }
    // JSON is YAML.
    std::fs::write(folder.join("said.yaml"), json!({ "tests": tests }).to_string())?;
    Ok(runtime.block_on(Set::load(folder)?.run())?)
}

/// Whoever speaks, and what they have said already.
struct Speakers {
    kept: PathBuf,
    python: Option<Python>,
}

struct Python {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Speakers {
    fn new() -> Result<Self, Error> {
        let kept = PathBuf::from(".cache/voices/said");
        std::fs::create_dir_all(&kept)?;
        let python = Python::start();
        if python.is_none() {
            println!(
                "There is no Piper nor Pico (tests/tools/setup.sh voices); espeak-ng speaks alone."
            );
        }
        Ok(Self { kept, python })
    }

    /// The voice whose turn it is, and what it says.
    fn say(&mut self, saying: &Saying, turn: usize) -> Result<(String, Vec<f32>), Error> {
        let is_there = |voice: &Voice| self.python.is_some() || matches!(voice, Voice::Espeak(..));
        let voices = VOICES.iter().filter(|(language, ..)| *language == saying.language);
        let voices: Vec<_> = voices.filter(|(.., voice)| is_there(voice)).collect();
        let (_, name, voice) = voices[turn % voices.len()];
        let file = format!("{name} {}.wav", saying.text.replace(['/', '\t', '\n'], " "));
        let file = self.kept.join(file);
        if !file.exists() {
            let path = file.to_str().ok_or("a strange path")?;
            match (voice, &mut self.python) {
                (Voice::Python(voice), Some(python)) => python.say(path, voice, &saying.text)?,
                (Voice::Espeak(voice, speed), _) => {
                    let arguments = ["-v", voice, "-s", speed, "-w", path, &saying.text];
                    let done = Command::new("espeak-ng").args(arguments).status()?;
                    assert!(done.success(), "espeak-ng {arguments:?}");
                }
                (Voice::Python(_), None) => {}
            }
        }
        Ok(((*name).to_owned(), Clip::read(&std::fs::read(file)?)?.samples().to_vec()))
    }
}

/// whisper.cpp at its defaults, by weights and language.
struct Peers {
    running: BTreeMap<(PathBuf, String), Python>,
    sound: PathBuf,
    n_threads: usize,
    took_ms: f64,
}

impl Peers {
    fn new(folder: &Path, n_threads: usize) -> Self {
        let sound = folder.join("sound.raw");
        Self { running: BTreeMap::new(), sound, n_threads, took_ms: 0.0 }
    }

    /// What it writes.
    fn hear(&mut self, weights: &Path, language: &str, samples: &[f32]) -> Result<String, Error> {
        let key = (weights.to_owned(), language.to_owned());
        if !self.running.contains_key(&key) {
            let weights = weights.to_str().ok_or("a strange path")?;
            let n_threads = self.n_threads.to_string();
            let peer = ["tests/bench/whisper_peer.py", weights, &n_threads, language];
            let peer = Python::run(&peer).ok_or("no pywhispercpp (tests/tools/setup.sh voices)")?;
            self.running.insert(key.clone(), peer);
        }
        let peer = self.running.get_mut(&key).ok_or("it is there")?;
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        std::fs::write(&self.sound, bytes)?;
        writeln!(peer.input, "{}", self.sound.display())?;
        let mut line = String::new();
        peer.output.read_line(&mut line)?;
        let answer: Json = serde_json::from_str(&line)?;
        self.took_ms += answer["ms"].as_f64().unwrap_or_default();
        Ok(answer["text"].as_str().unwrap_or_default().trim().to_owned())
    }
}

impl Python {
    fn start() -> Option<Self> {
        Self::run(&["tests/speech/speak.py"])
    }

    fn run(arguments: &[&str]) -> Option<Self> {
        let python = std::env::var_os("VOICES_PYTHON").map(PathBuf::from);
        let mut child = Command::new(python.unwrap_or_else(|| ".cache/voices/bin/python".into()))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let (input, output) = (child.stdin.take()?, BufReader::new(child.stdout.take()?));
        Some(Self { child, input, output })
    }

    fn say(&mut self, path: &str, voice: &str, text: &str) -> Result<(), Error> {
        writeln!(self.input, "{path}\t{voice}\t{text}")?;
        let mut done = String::new();
        match self.output.read_line(&mut done)? {
            0 => Err("the program that speaks has stopped".into()),
            _ => Ok(()),
        }
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
