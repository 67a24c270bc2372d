//! `BENCH=speech tests/bench/run`: recognition beside whisper.cpp at its defaults (pywhispercpp), clip by clip in turn,
//! with the same weights and threads (`THREADS=2`), over the recordings of `$HOMARD_SHARED/corpora/speech-dev`, as they
//! are and in a kitchen. Of each recording some words are known to be said; the figures are the share of them that was
//! heard and the ratio of the times. `WEIGHTS=tiny.en,base` picks, `SNR=clean,24,12` too, `CLIPS=20` shortens,
//! `HINT=…` gives a hint, `PEER=no` leaves the peer out, `SHOW=1` prints what was heard otherwise. A missed bar is no failure.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]
// It measures real time, in a program that has nothing else to do.
#![allow(clippy::disallowed_methods)]

#[path = "../speech/noise.rs"]
mod noise;
mod table;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use homard::speech::{Clip, RATE, Whisper};
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value as Json;

use crate::table::Table;

/// Recognition may take this part of the peer's time.
const BAR: f64 = 0.4;

fn main() {
    if let Err(reason) = measure() {
        println!("Speech was not measured: {reason}");
    }
}

fn measure() -> Result<(), String> {
    let setting =
        |name: &str, otherwise: &str| std::env::var(name).unwrap_or_else(|_| otherwise.to_owned());
    let shared = std::env::var("HOMARD_SHARED").map_err(|_| "HOMARD_SHARED is not set")?;
    let corpus = Path::new(&shared).join("corpora/speech-dev");
    let labels = std::fs::read_to_string(corpus.join("labels.json"))
        .map_err(|error| format!("{}: {error}", corpus.display()))?;
    let labels: Json = serde_json::from_str(&labels).map_err(|error| error.to_string())?;
    let models = PathBuf::from(setting("HOMARD_MODELS", ".cache/models"));
    let n_threads: usize = setting("THREADS", "2").parse().unwrap();
    let n_clips: usize = setting("CLIPS", "1000").parse().unwrap();
    let has_peer = setting("PEER", "yes") != "no";
    let hint = setting("HINT", "");
    let folder = std::env::temp_dir().join(format!("homard-bench-speech-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let mut table = Table::default();
    for name in setting("WEIGHTS", "tiny.en,base").split(',') {
        let weights = models.join(format!("whisper-{name}/ggml-{name}-q8_0.bin"));
        let mut peer = Peer::start(&weights, n_threads)?;
        let mut ours = Whisper::load(&weights, n_threads).map_err(|error| error.to_string())?;
        let clips = labels.as_object().unwrap().iter().take(n_clips);
        let clips: Vec<(Vec<f32>, Vec<String>)> = clips
            .map(|(id, label)| {
                let flac = corpus.join(format!("{id}.flac"));
                Ok((peer.decode(&flac, &folder.join("clip"))?, words_of(label)))
            })
            .collect::<Result<_, String>>()?;
        for snr in setting("SNR", "clean,24,18,12,6").split(',') {
            let (mut theirs, mut own) = (Tally::default(), Tally::default());
            for (n, (samples, wanted)) in clips.iter().enumerate() {
                let samples = match snr.parse() {
                    Ok(snr) => noise::in_a_kitchen(samples, snr, n as u64),
                    Err(_) => samples.clone(),
                };
                let (said, took) = match has_peer {
                    true => peer.hear(&samples, &folder.join("clip"))?,
                    false => (String::new(), (0.0, 0.0)),
                };
                let n_theirs = theirs.count(&said, wanted, took);
                let clip = Clip::new(samples, RATE).map_err(|error| error.to_string())?;
                let (wall, cpu) = (Instant::now(), cpu_time());
                let heard =
                    ours.hear(&clip, &["en"], &hint, &|_| Vec::new(), Duration::from_secs(60));
                let took = (wall.elapsed().as_secs_f64(), cpu_time() - cpu);
                let heard = heard.map_err(|error| error.to_string())?;
                own.n_others += heard.others.len();
                let text = heard.text;
                if own.count(&text, wanted, took) != n_theirs && std::env::var_os("SHOW").is_some()
                {
                    println!("    {wanted:?}\n      theirs {said}\n      ours   {text}");
                }
            }
            let note = format!("peer {}, Homard {}", theirs.note(), own.note());
            let figure = format!("{name}, {snr}: words heard");
            let (share, peers) = (own.share(), theirs.share());
            let measured = format!("{:.1} % : {:.1} %", share * 100.0, peers * 100.0);
            table.row(&figure, ">= the peer", measured, Some(share >= peers), &note);
            let (wall, cpu) = (own.wall / theirs.wall, own.cpu / theirs.cpu);
            let figure = format!("{name}, {snr}: time");
            let measured = format!("{wall:.2} x");
            let note = format!("processor time {cpu:.2} x, {n_threads} threads");
            table.row(&figure, "<= 0.40 x", measured, Some(wall <= BAR), &note);
        }
    }
    let _ = std::fs::remove_dir_all(&folder);
    table.print();
    Ok(())
}

/// What one recogniser did with the recordings of one kind.
#[derive(Default)]
struct Tally {
    n_words: usize,
    n_heard: usize,
    wall: f64,
    cpu: f64,
    slowest: f64,
    n_clips: usize,
    n_others: usize,
}

impl Tally {
    fn count(&mut self, text: &str, wanted: &[String], (wall, cpu): (f64, f64)) -> usize {
        let heard = words(text);
        let n_heard = wanted.iter().filter(|word| heard.contains(word)).count();
        self.n_words += wanted.len();
        self.n_heard += n_heard;
        self.wall += wall;
        self.cpu += cpu;
        self.slowest = self.slowest.max(wall);
        self.n_clips += 1;
        n_heard
    }

    fn share(&self) -> f64 {
        self.n_heard as f64 / self.n_words.max(1) as f64
    }

    fn note(&self) -> String {
        let mean = self.wall / self.n_clips.max(1) as f64 * 1e3;
        let Self { n_heard, n_words, slowest, .. } = self;
        format!("{n_heard}/{n_words} in {mean:.0} ms a clip, {:.0} at most", slowest * 1e3)
    }
}

/// The words that were said for certain.
fn words_of(label: &Json) -> Vec<String> {
    let slots = label["slots"].as_object().unwrap();
    slots.values().flat_map(|value| words(value.as_str().unwrap())).collect()
}

/// Words in lower case without punctuation, numbers and "oz" as they are spoken, however they are written.
fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let mut out = Vec::new();
    for word in lower.split(|c: char| !c.is_alphanumeric() && c != '\'') {
        let digits: String = word.chars().take_while(char::is_ascii_digit).collect();
        let rest = &word[digits.len()..];
        let number = match digits.as_str() {
            "1" => "one",
            "2" => "two",
            "3" => "three",
            "8" => "eight",
            "12" => "twelve",
            "16" => "sixteen",
            "20" => "twenty",
            other => other,
        };
        let rest = match rest {
            "oz" | "ounces" => "ounce",
            "shots" => "shot",
            other => other,
        };
        out.extend([number, rest].into_iter().filter(|part| !part.is_empty()).map(str::to_owned));
    }
    out
}

/// Processor time of this program, all threads, in seconds.
fn cpu_time() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// whisper.cpp in Python.
struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts it in the Python of `VOICES_PYTHON` or of `.cache/voices` (`tests/tools/setup.sh voices`).
    fn start(weights: &Path, n_threads: usize) -> Result<Self, String> {
        let python = std::env::var_os("VOICES_PYTHON").map(PathBuf::from);
        let python = python.unwrap_or_else(|| ".cache/voices/bin/python".into());
        let mut child = Command::new(&python)
            .arg("tests/bench/whisper_peer.py")
            .arg(weights)
            .arg(n_threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| {
                format!("{}: {error}; tests/tools/setup.sh voices", python.display())
            })?;
        let input = child.stdin.take().ok_or("no input")?;
        let output = BufReader::new(child.stdout.take().ok_or("no output")?);
        Ok(Self { child, input, output })
    }

    fn ask(&mut self, line: &str) -> Result<Json, String> {
        let told = |error: std::io::Error| format!("pywhispercpp: {error}");
        writeln!(self.input, "{line}").map_err(told)?;
        let mut answer = String::new();
        self.output.read_line(&mut answer).map_err(told)?;
        serde_json::from_str(&answer).map_err(|_| format!("pywhispercpp said {answer:?} to {line}"))
    }

    /// The samples of a FLAC file.
    fn decode(&mut self, flac: &Path, raw: &Path) -> Result<Vec<f32>, String> {
        self.ask(&format!("{} > {}", flac.display(), raw.display()))?;
        let bytes = std::fs::read(raw).map_err(|error| error.to_string())?;
        Ok(bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect())
    }

    /// What it hears, and how many seconds of the clock and of processors that took.
    fn hear(&mut self, samples: &[f32], raw: &Path) -> Result<(String, (f64, f64)), String> {
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        std::fs::write(raw, bytes).map_err(|error| error.to_string())?;
        let answer = self.ask(&raw.display().to_string())?;
        let seconds = |key: &str| answer[key].as_f64().unwrap_or(0.0) / 1e3;
        let text = answer["text"].as_str().unwrap_or_default().to_owned();
        Ok((text, (seconds("ms"), seconds("cpu_ms"))))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
