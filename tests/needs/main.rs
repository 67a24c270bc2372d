//! Trains the chooser of way 3 and tells how good it is: `cargo run --release --example needs -- MODEL.gguf [OUT]`.
//!
//! What it learns from is `learn.txt`. It is judged twice: by itself, a fifth of the sentences at a time kept out, which is
//! where the margin of `assistant/need.rs` comes from; and by `tests/needs/free`, which it never learns from. Beside it the
//! same with words alone, so that it can be seen what the language model is worth. The same sentences give the same file.

// It prints what it found.
#![allow(clippy::print_stdout, clippy::expect_used, missing_docs)]

use std::error::Error;
use std::path::{Path, PathBuf};

use homard::llm::{Chooser, Features, Lens, Model, Stop};

/// What stands before each sentence.
const PREFIX: &str = "A house listens to the people who live in it. Each thing they say is a wish about light, warmth, \
                      sleep, cleaning, the garden, leaving home, curtains or films, or it is nothing for the house.\n\
                      Somebody says:";
/// Layers that are looked at, of 30: more of them, or higher ones, were not better.
const DEPTHS: [f64; 2] = [6.0 / 30.0, 14.0 / 30.0];
const PIECES: usize = 4096;
const NONE: &str = "none";
/// Steps of training, their size, and how strongly large weights are held back.
const STEPS: i32 = 300;
const RATE: f32 = 0.02;
const DECAY: f32 = 3e-4;
/// How much what is seen is spread out before training; the weights are divided by it again.
const SPREAD: f32 = 4.0;

struct Sentence {
    label: String,
    language: String,
    text: String,
    features: Features,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let path = args.next().ok_or("which model?")?;
    let out = args.next().map(PathBuf::from);
    let n_threads = std::thread::available_parallelism()?.get().min(2);
    let model = Model::load(Path::new(&path), n_threads)?;
    let depth = |part: &f64| (part * model.shape().n_layers as f64).round() as usize;
    let lens = Lens {
        prefix: PREFIX.to_owned(),
        depths: DEPTHS.iter().map(depth).collect(),
        n_pieces: PIECES,
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let learn = seen(learn(&folder.join("needs/learn.txt"))?, &lens, &model)?;
    let judge = seen(judge(&folder.join("needs/free"))?, &lens, &model)?;

    let mut labels: Vec<String> = learn.iter().map(|one| one.label.clone()).collect();
    labels.sort();
    labels.dedup();
    let learn: Vec<&Sentence> = learn.iter().collect();
    let judge: Vec<&Sentence> = judge.iter().collect();
    println!(
        "{} sentences to learn from, {} to judge by, {} labels",
        learn.len(),
        judge.len(),
        labels.len()
    );

    for (what, words_alone) in [("words alone", true), ("with the model", false)] {
        let of = |from: &[&Sentence]| train(from, &labels, &lens, &model, words_alone);
        let mut crossed = Vec::new();
        for fold in 0..5 {
            let (mut rest, mut kept) = (Vec::new(), Vec::new());
            for (n, sentence) in learn.iter().enumerate() {
                if n % 5 == fold { kept.push(*sentence) } else { rest.push(*sentence) }
            }
            crossed.extend(weighed(&of(&rest), &kept));
        }
        tell(&format!("{what}, a fifth kept out"), &crossed);
        let chooser = of(&learn);
        tell(&format!("{what}, tests/needs/free"), &weighed(&chooser, &judge));
        if let (Some(out), false) = (&out, words_alone) {
            std::fs::write(out, chooser.to_bytes())?;
        }
    }
    Ok(())
}

/// `[label language]`, then sentences.
fn learn(path: &Path) -> Result<Vec<[String; 3]>, Box<dyn Error>> {
    let (mut label, mut language, mut sentences) = (String::new(), String::new(), Vec::new());
    for line in std::fs::read_to_string(path)?.lines().map(str::trim) {
        if let Some(head) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            let (of, code) = head.split_once(' ').ok_or("a heading is `[label language]`")?;
            (label, language) = (of.to_owned(), code.to_owned());
        } else if !line.is_empty() && !line.starts_with('#') {
            sentences.push([label.clone(), language.clone(), line.to_owned()]);
        }
    }
    Ok(sentences)
}

/// The groups of an evaluation are the labels; `talk` is none of them.
fn judge(folder: &Path) -> Result<Vec<[String; 3]>, Box<dyn Error>> {
    let mut sentences = Vec::new();
    for name in ["house.yaml", "maison.yaml"] {
        let text = std::fs::read_to_string(folder.join(name))?;
        let set: serde_json::Value = serde_saphyr::from_str(&text)?;
        let language = set["language"].as_str().unwrap_or_default();
        for (group, tests) in set["groups"].as_object().ok_or("no groups")? {
            let label = if group == "talk" { NONE } else { group };
            let says =
                tests.as_array().into_iter().flatten().filter_map(|test| test["say"].as_array());
            for say in says.flatten().filter_map(|say| say.as_str()) {
                sentences.push([label.to_owned(), language.to_owned(), say.to_owned()]);
            }
        }
    }
    Ok(sentences)
}

fn seen(
    all: Vec<[String; 3]>,
    lens: &Lens,
    model: &Model,
) -> Result<Vec<Sentence>, Box<dyn Error>> {
    let mut cache = lens.cache(model);
    let mut sentences = Vec::new();
    for [label, language, text] in all {
        let features = lens.look(&text, model, &mut cache, &Stop::default())?;
        sentences.push(Sentence { label, language, text, features });
    }
    Ok(sentences)
}

/// Softmax regression with Adam, on vectors that were brought to mean 0 and deviation 1.
fn train(
    from: &[&Sentence],
    labels: &[String],
    lens: &Lens,
    model: &Model,
    words_alone: bool,
) -> Chooser {
    let k = labels.len();
    let d = from[0].features.vectors.len();
    let n = from.len() as f32;
    let (mut mean, mut scale) = (vec![0.0_f32; d], vec![0.0_f32; d]);
    for sentence in from {
        mean.iter_mut().zip(&sentence.features.vectors).for_each(|(mean, x)| *mean += x / n);
    }
    for sentence in from {
        let x = sentence.features.vectors.iter().zip(&mean);
        scale.iter_mut().zip(x).for_each(|(sum, (x, mean))| *sum += (x - mean).powi(2) / n);
    }
    let width = model.shape().width as f32;
    for sum in &mut scale {
        *sum = if words_alone { 0.0 } else { SPREAD / ((sum.sqrt() + 1e-3) * width.sqrt()) };
    }
    // All that is seen of a sentence, as places and values.
    let rows: Vec<Vec<(usize, f32)>> = from
        .iter()
        .map(|sentence| {
            let x = sentence.features.vectors.iter().zip(mean.iter().zip(&scale)).enumerate();
            let vectors = x.map(|(at, (x, (mean, scale)))| (at, (x - mean) * scale));
            let pieces = sentence.features.pieces.iter().map(|(at, x)| (d + at, x * SPREAD));
            vectors.chain(pieces).filter(|(_, x)| *x != 0.0).collect()
        })
        .collect();
    let answers: Vec<usize> = from
        .iter()
        .map(|sentence| labels.iter().position(|label| *label == sentence.label).unwrap_or(0))
        .collect();
    let size = (d + lens.n_pieces + 1) * k;
    let bias = size - k;
    let (mut weights, mut first, mut second) =
        (vec![0.0_f32; size], vec![0.0_f32; size], vec![0.0_f32; size]);
    for step in 1..=STEPS {
        let mut slope: Vec<f32> = weights.iter().map(|weight| weight * DECAY).collect();
        slope[bias..].fill(0.0);
        for (row, answer) in rows.iter().zip(&answers) {
            let mut sums = weights[bias..].to_vec();
            for (at, x) in row {
                let weights = &weights[at * k..(at + 1) * k];
                sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += x * weight);
            }
            let most = sums.iter().copied().fold(f32::MIN, f32::max);
            sums.iter_mut().for_each(|sum| *sum = (*sum - most).exp());
            let all: f32 = sums.iter().sum();
            sums.iter_mut().for_each(|sum| *sum /= all * n);
            sums[*answer] -= 1.0 / n;
            for (at, x) in row {
                let slope = &mut slope[at * k..(at + 1) * k];
                slope.iter_mut().zip(&sums).for_each(|(slope, error)| *slope += x * error);
            }
            slope[bias..].iter_mut().zip(&sums).for_each(|(slope, error)| *slope += error);
        }
        let (a, b) = (1.0 - 0.9_f32.powi(step), 1.0 - 0.99_f32.powi(step));
        for at in 0..size {
            first[at] = 0.9 * first[at] + 0.1 * slope[at];
            second[at] = 0.99 * second[at] + 0.01 * slope[at] * slope[at];
            weights[at] -= RATE * (first[at] / a) / ((second[at] / b).sqrt() + 1e-8);
        }
    }
    // As if nothing had been shifted and spread.
    let mut shifted = weights.split_off(bias);
    for at in 0..d {
        for label in 0..k {
            weights[at * k + label] *= scale[at];
            shifted[label] -= weights[at * k + label] * mean[at];
        }
    }
    weights[d * k..].iter_mut().for_each(|weight| *weight *= SPREAD);
    let model = model.shape().name.clone();
    Chooser { model, lens: lens.clone(), labels: labels.to_vec(), weights, bias: shifted }
}

/// Of each sentence: its language and label, the likeliest label and how likely it is.
fn weighed<'a>(chooser: &Chooser, sentences: &[&'a Sentence]) -> Vec<(&'a Sentence, String, f64)> {
    // As it will be read from its file.
    let chooser = Chooser::parse(&chooser.to_bytes()).expect("what it wrote itself");
    let best = |sentence: &&'a Sentence| {
        let weighed = chooser.weigh(&sentence.features).into_iter().enumerate();
        let (at, share) = weighed.reduce(|a, b| if b.1 > a.1 { b } else { a }).unwrap_or_default();
        (*sentence, chooser.labels[at].clone(), share)
    };
    sentences.iter().map(best).collect()
}

fn tell(what: &str, weighed: &[(&Sentence, String, f64)]) {
    let n_none = weighed.iter().filter(|(sentence, ..)| sentence.label == NONE).count();
    println!(
        "\n{what}: {} needs and {n_none} that are nothing for the house",
        weighed.len() - n_none
    );
    println!("  from  needs understood (en, fr)  taken for another  nothing taken for a need");
    for from in [0.4, 0.5, 0.6, 0.7, 0.8, 0.9] {
        let (mut right, mut wrong, mut false_) = ([0, 0], 0, 0);
        for (sentence, label, share) in weighed {
            if label == NONE || *share < from {
                continue;
            }
            match (&sentence.label == label, sentence.label == NONE) {
                (true, _) => right[usize::from(sentence.language == "fr")] += 1,
                (_, true) => false_ += 1,
                (_, false) => wrong += 1,
            }
        }
        println!(
            "  {from:.1}   {:>5} ({}, {}) {:>22} {false_:>22}",
            right[0] + right[1],
            right[0],
            right[1],
            wrong
        );
    }
    if std::env::var("SHOW").is_ok() {
        for (sentence, label, share) in
            weighed.iter().filter(|(s, l, p)| *l != s.label && *p >= 0.5)
        {
            println!("    {} taken for {label} ({share:.2}): {}", sentence.label, sentence.text);
        }
    }
}
