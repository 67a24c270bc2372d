//! The language models beside llama.cpp, in one run and with as many threads: what each finds likely, and how fast it is.
//! `BENCH=model tests/bench/run`; `THREADS=2`. Models are those of `$HOMARD_MODELS`, else of `.cache/models`.
//!
//! Both round activations to eight bits before they multiply them with quantised weights. A sum in another order turns
//! some roundings the other way, and with each layer more of them, so that probabilities come out some hundredths apart,
//! whoever computes: llama.cpp is as far from itself when it keeps keys and values in 32 bits and not in 16, which is
//! measured here too. So the bar is held where nobody rounds, with the weights of the smallest model unpacked to 32 bits:
//! the same best token at every step, and probabilities within 0.02. So is it for families of which no file can be had,
//! with a few layers of random weights. `FAMILIES=1` compares those alone.

// It prints what it measured, by the clock that nobody sets.
#![allow(clippy::print_stdout, clippy::disallowed_methods, missing_docs)]

mod command;
mod families;

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use candle_core::Device;
use candle_core::quantized::{GgmlDType, QTensor, gguf_file};
use homard::llm::{Model, Session, Stop, likeliest};

const PROMPTS: [&str; 5] = [
    "<|im_start|>system\nYou are the voice of a house.<|im_end|>\n<|im_start|>user\nIt is too dark in here, what could \
     you do about it?<|im_end|>\n<|im_start|>assistant\n",
    "The three most important things to know about heating a home are",
    "def fibonacci(n):\n",
    "Le soir, quand il fait froid dans la maison,",
    "Here is a list of 12 rooms, 1234 lamps and 56 % of doors:\n\n1.",
];
const FILLER: &str = "The house is quiet and the lamps in the hall are off. ";
/// How far apart probabilities may be where nobody rounds.
const BAR: f64 = 0.02;

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let models =
        std::env::var_os("HOMARD_MODELS").map_or(root.join(".cache/models"), PathBuf::from);
    let n_threads = std::env::var("THREADS").ok().and_then(|n| n.parse().ok()).unwrap_or(2);
    let names = [
        "smollm2-135m/SmolLM2-135M-Instruct.Q4_1.gguf",
        "qwen2.5-coder-0.5b/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
    ];
    let there: Vec<PathBuf> =
        names.iter().map(|name| models.join(name)).filter(|path| path.exists()).collect();
    let only_families = std::env::var_os("FAMILIES").is_some();
    for path in there.iter().filter(|_| !only_families) {
        println!("\n{}, {n_threads} threads", path.file_name().unwrap_or_default().display());
        compare(path, n_threads, true)?;
        command::compare(path, n_threads)?;
    }
    let Some(smallest) = there.first() else {
        println!("There is no model in {}: `homard models pull`.", models.display());
        return Ok(());
    };
    let made = std::env::temp_dir().join(format!("homard-bench-{}.gguf", std::process::id()));
    if !only_families {
        beside_itself(smallest, n_threads)?;
        println!("\nthe first one's weights in 32 bits");
        unpack(smallest, &made)?;
        equal(&made, n_threads)?;
    }
    for family in families::FAMILIES {
        println!("\n{family}: random weights in 32 bits");
        families::write(family, smallest, &made)?;
        equal(&made, n_threads)?;
    }
    Ok(())
}

/// Holds what is likely to what llama.cpp finds likely, where nobody rounds; the file is gone afterwards.
fn equal(path: &Path, n_threads: usize) -> Result<(), Box<dyn Error>> {
    let result = compare(path, n_threads, false);
    std::fs::remove_file(path)?;
    let (n_same, n_steps, apart) = result?;
    if n_same != n_steps || apart > BAR {
        return Err("the numbers are not llama.cpp's".into());
    }
    Ok(())
}

/// How many best tokens are the same, of how many, and how far probabilities are apart at most.
fn compare(
    path: &Path,
    n_threads: usize,
    with_speed: bool,
) -> Result<(usize, usize, f64), Box<dyn Error>> {
    let theirs = llama(path, n_threads, if with_speed { "speed" } else { "wide" })?;
    let began = Instant::now();
    let mut session = Session::new(Model::load(path, n_threads)?);
    let load = began.elapsed();
    let stop = Stop::default();
    let (mut n_same, mut n_steps, mut apart) = (0, 0, 0.0_f64);
    for (prompt, answer) in PROMPTS.iter().zip(theirs["answers"].as_array().ok_or("no answers")?) {
        let mut tokens: Vec<u32> = serde_json::from_value(answer["tokens"].clone())?;
        if session.model.tokenizer.encode_special(prompt) != tokens {
            return Err(format!("other tokens: {prompt}").into());
        }
        for step in answer["steps"].as_array().ok_or("no steps")? {
            let top: Vec<(u32, f64)> = serde_json::from_value(step.clone())?;
            let logits = session.logits(&tokens, &stop)?;
            let most = logits.iter().copied().fold(f32::MIN, f32::max);
            let sum: f64 = logits.iter().map(|logit| f64::from(logit - most).exp()).sum();
            for (token, share) in &top {
                let ours = f64::from(logits[*token as usize] - most).exp() / sum;
                apart = apart.max((ours - share).abs());
            }
            n_same += usize::from(likeliest(&logits) == Some(top[0].0));
            n_steps += 1;
            tokens.push(top[0].0);
        }
    }
    println!(
        "  {n_same} of {n_steps} best tokens are llama.cpp's, probabilities are {apart:.4} apart at most"
    );
    if with_speed {
        let text = FILLER.repeat(20);
        let tokens: Vec<u32> =
            session.model.tokenizer.encode(&text).into_iter().take(128).collect();
        let (mut read, mut write) = (Duration::MAX, Duration::MAX);
        for _ in 0..3 {
            session.cache().truncate(0);
            let began = Instant::now();
            session.read(&tokens, &stop)?;
            read = read.min(began.elapsed());
            let began = Instant::now();
            let n = session.write(&tokens, 64, &stop, |_| true)?.len();
            write = write.min(began.elapsed() / n.max(1) as u32);
        }
        let line = |what: &str, ours: Duration, theirs: f64| {
            let ours = ours.as_secs_f64() * 1e3;
            println!(
                "  {what:<16} {ours:>8.1} ms, llama.cpp {theirs:>8.1} ms: {:.2} of its speed",
                theirs / ours
            );
        };
        let theirs = |key: &str| theirs[key].as_f64().unwrap_or(f64::NAN);
        line("load", load, theirs("loadMs"));
        line("read 128 tokens", read, theirs("prefillMs"));
        line("write a token", write, theirs("decodeMs"));
    }
    Ok((n_same, n_steps, apart))
}

/// How far llama.cpp is from itself, which depends on how wide the numbers are that it keeps.
fn beside_itself(path: &Path, n_threads: usize) -> Result<(), Box<dyn Error>> {
    let (one, other) = (llama(path, n_threads, "")?, llama(path, n_threads, "wide")?);
    let answers = |of: &serde_json::Value| of["answers"].as_array().cloned().unwrap_or_default();
    let (mut n_same, mut n_steps, mut apart) = (0, 0, 0.0_f64);
    for (one, other) in answers(&one).iter().zip(answers(&other)) {
        let steps = |of: &serde_json::Value| -> Result<Vec<Vec<(u32, f64)>>, serde_json::Error> {
            serde_json::from_value(of["steps"].clone())
        };
        for (one, other) in steps(one)?.iter().zip(steps(&other)?) {
            n_steps += 1;
            let shares: std::collections::BTreeMap<u32, f64> = other.iter().copied().collect();
            let known = one.iter().filter_map(|(token, share)| Some((shares.get(token)?, share)));
            apart = known.map(|(a, b)| (a - b).abs()).fold(apart, f64::max);
            // What is written decides what is asked next: behind another token nothing can be compared.
            if one.first().map(|top| top.0) != other.first().map(|top| top.0) {
                break;
            }
            n_same += 1;
        }
    }
    println!(
        "  llama.cpp beside itself with wider keys: {n_same} of {n_steps} best tokens until they part, {apart:.4} apart"
    );
    Ok(())
}

fn llama(path: &Path, n_threads: usize, mode: &str) -> Result<serde_json::Value, Box<dyn Error>> {
    peer("llama_peer.mjs", path, n_threads, mode, &PROMPTS.as_slice().into())
}

/// What a program for llama.cpp answers to a job.
fn peer(
    program: &str,
    path: &Path,
    n_threads: usize,
    mode: &str,
    job: &serde_json::Value,
) -> Result<serde_json::Value, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let node = root.join(".cache/python/bin/node");
    let node = if node.exists() { node } else { PathBuf::from("node") };
    let mut peer = Command::new(node)
        .arg(root.join("tests/tools/llama").join(program))
        .arg(path)
        .args([n_threads.to_string().as_str(), mode])
        .env("LLAMA_MODULES", root.join(".cache/llama"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    peer.stdin.take().ok_or("no input")?.write_all(job.to_string().as_bytes())?;
    let output = peer.wait_with_output()?;
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The same model with weights of 32 bits.
fn unpack(from: &Path, to: &Path) -> Result<(), Box<dyn Error>> {
    let mut file = std::fs::File::open(from)?;
    let content = gguf_file::Content::read(&mut file)?;
    let mut tensors = Vec::new();
    for name in content.tensor_infos.keys() {
        let tensor = content.tensor(&mut file, name, &Device::Cpu)?.dequantize(&Device::Cpu)?;
        tensors.push((name.as_str(), QTensor::quantize(&tensor, GgmlDType::F32)?));
    }
    let tensors: Vec<(&str, &QTensor)> =
        tensors.iter().map(|(name, tensor)| (*name, tensor)).collect();
    let values: Vec<_> =
        content.metadata.iter().map(|(key, value)| (key.as_str(), value)).collect();
    let mut file = std::io::BufWriter::new(std::fs::File::create(to)?);
    gguf_file::write(&mut file, &values, &tensors)?;
    file.flush()?;
    Ok(())
}
