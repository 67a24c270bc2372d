//! `make bench-sentences`: understanding sentences (way 1), measured inside the program: a home of
//! 500 entities beside hassil on the same sentences, loading and memory of every language, and input
//! that nobody means well. Official packs come from `HOMARD_PACKS` (a folder of `*.json`) or
//! `HOMARD_MODELS` (a folder that holds `sentences`); without them only Homard's own are measured.
//! A missed bar is no failure.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]
// It measures real time, in a program that has nothing else to do.
#![allow(clippy::disallowed_methods)]

#[path = "../it/support/sampler.rs"]
mod sampler;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use homard::intent::lists::{HomeLists, NamedEntity, NamedPlace, Names};
use homard::intent::matcher::{Matcher, Options};
use homard::intent::number::Speller;
use homard::intent::own;
use homard::intent::pack::{Pack, Source};
use homard::intent::value::{Context, Wanted};
use serde_json::{Value as Json, json};

use crate::sampler::{Dice, Sampler};

const AREAS: [&str; 8] =
    ["Kitchen", "Hall", "Bedroom", "Living Room", "Office", "Garage", "Attic", "Guest Room"];
const THINGS: [(&str, &str); 10] = [
    ("lamp", "light"),
    ("ceiling light", "light"),
    ("plug", "switch"),
    ("blind", "cover"),
    ("curtain", "cover"),
    ("thermostat", "climate"),
    ("fan", "fan"),
    ("door lock", "lock"),
    ("speaker", "media_player"),
    ("air sensor", "sensor"),
];
const N_ENTITIES: usize = 500;
const N_SENTENCES: usize = 1_500;

fn main() {
    let folder = std::env::var_os("HOMARD_PACKS")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOMARD_MODELS")?).join("sentences")))
        .filter(|folder| folder.is_dir());
    for language in own::languages() {
        let start = Instant::now();
        let (pack, _) = own::pack(language).unwrap();
        let (matcher, _) = Matcher::new(&pack);
        println!("own pack {language}: {:.1?}, {:.1} MB", start.elapsed(), mb(&matcher));
        hostile(language, &matcher);
    }
    let Some(folder) = folder else {
        println!("skipped: no official packs (HOMARD_PACKS or HOMARD_MODELS)");
        return;
    };
    loading(&folder);
    beside_hassil(&folder);
}

fn mb(matcher: &Matcher) -> f64 {
    matcher.size() as f64 / 1e6
}

fn read(folder: &Path, language: &str) -> Pack {
    let text = std::fs::read_to_string(folder.join(format!("{language}.json"))).unwrap();
    Pack::read(language, &[Source { file: "official.json", text: &text }]).0
}

fn loading(folder: &Path) {
    let mut all: Vec<(Duration, String, f64)> = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        let Some(language) = name.strip_suffix(".json") else { continue };
        let start = Instant::now();
        let (matcher, _) = Matcher::new(&read(folder, language));
        all.push((start.elapsed(), language.to_owned(), mb(&matcher)));
    }
    all.sort_by_key(|(took, ..)| *took);
    let (worst, language, _) = all.last().unwrap();
    let largest = all.iter().max_by(|a, b| a.2.total_cmp(&b.2)).unwrap();
    let english = all.iter().find(|(_, language, _)| language == "en").unwrap();
    println!(
        "{} languages load: median {:.1?}, worst {worst:.1?} ({language}; bar 150 ms); English {:.1} MB (bar 10), \
         largest {:.1} MB ({})",
        all.len(),
        all[all.len() / 2].0,
        english.2,
        largest.2,
        largest.1
    );
}

/// A home, its sentences, and who is faster.
fn beside_hassil(folder: &Path) {
    let pack = read(folder, "en");
    let (matcher, _) = Matcher::new(&pack);
    hostile("official en", &matcher);
    let entity = |index: usize| {
        let (thing, domain) = THINGS[index % THINGS.len()];
        let area = AREAS[index / THINGS.len() % AREAS.len()];
        (format!("{area} {thing} {}", index / 80 + 1), domain)
    };
    let names: Vec<(String, &str)> = (0..N_ENTITIES).map(entity).collect();
    let place = |name: &&str| NamedPlace { names: vec![(*name).to_owned()] };
    let home = HomeLists::new(&Names {
        entities: names
            .iter()
            .map(|(name, domain)| NamedEntity {
                names: vec![name.clone()],
                domain: (*domain).to_owned(),
                context: Vec::new(),
            })
            .collect(),
        areas: AREAS.iter().map(place).collect(),
        floors: ["First Floor", "Basement"].iter().map(place).collect(),
    });
    let speller = Speller::new("en");
    let mut dice = Dice(7);
    let mut sentences = Vec::new();
    while sentences.len() < N_SENTENCES {
        let block = &pack.blocks[dice.roll(pack.blocks.len())];
        let Some(template) = block.sentences.get(dice.roll(block.sentences.len())) else {
            continue;
        };
        let wanted = block.requires.iter().find(|demand| &*demand.key == "domain");
        let is_wanted = |domain: &str| match wanted.map(|demand| &demand.wanted) {
            Some(Wanted::OneOf(values)) => {
                values.iter().any(|value| value.as_text() == Some(domain))
            }
            _ => true,
        };
        let fitting: Vec<&(String, &str)> = names.iter().filter(|(_, d)| is_wanted(d)).collect();
        let Some((name, _)) = fitting.get(dice.roll(fitting.len())) else { continue };
        let names = [name.as_str(), AREAS[dice.roll(AREAS.len())], "Basement", "the old record"];
        let seed = Dice(sentences.len() as u64);
        let mut sampler =
            Sampler { pack: &pack, block, speller: &speller, dice: seed, names, slots: Vec::new() };
        let mut said = String::new();
        if sampler.write(&template.expr, &mut said, 0).is_some() {
            sentences.push(said.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
    let context: Context = [("area".into(), AREAS[0].into())].into();
    let mut times = Vec::new();
    let mut n_found = 0;
    for _ in 0..3 {
        n_found = 0;
        for said in &sentences {
            let start = Instant::now();
            let found = matcher.recognize(said, &home, &context, Options::default());
            times.push(start.elapsed());
            n_found += usize::from(!found.matches.is_empty());
        }
    }
    times.sort();
    let (median, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    let sum = times.iter().sum::<Duration>() / 3;
    println!(
        "{N_SENTENCES} sentences, {N_ENTITIES} entities: median {median:.1?} (bar 100 µs), p99 {p99:.1?} (bar 1 ms), \
         {n_found} understood"
    );
    let input = json!({
        "pack": folder.join("en.json"), "names": names, "areas": AREAS,
        "floors": ["First Floor", "Basement"], "sentences": sentences,
    });
    match hassil(&input) {
        Ok(theirs) => println!(
            "hassil on the same: median {:.2} ms, p99 {:.2} ms, {} understood; Homard is {:.0} times faster in the \
             median, {:.0} times in all (bar 30)",
            theirs["median"].as_f64().unwrap(),
            theirs["p99"].as_f64().unwrap(),
            theirs["found"],
            theirs["median"].as_f64().unwrap() / (median.as_secs_f64() * 1e3),
            theirs["sum"].as_f64().unwrap() / (sum.as_secs_f64() * 1e3),
        ),
        Err(reason) => println!("hassil was not measured: {reason}"),
    }
}

/// Runs hassil in the Python of `HASSIL_PYTHON`, of `.cache/hassil` (`make bench-sentences`) or of
/// the system.
fn hassil(input: &Json) -> Result<Json, String> {
    let own = PathBuf::from(".cache/hassil/bin/python");
    let python = std::env::var_os("HASSIL_PYTHON")
        .map(PathBuf::from)
        .or_else(|| own.is_file().then_some(own))
        .unwrap_or_else(|| "python3".into());
    let mut child = Command::new(&python)
        .arg("tests/bench/hassil.py")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("{}: {error}", python.display()))?;
    let mut stdin = child.stdin.take().ok_or("no input")?;
    stdin.write_all(input.to_string().as_bytes()).map_err(|error| error.to_string())?;
    drop(stdin);
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    serde_json::from_slice(&output.stdout)
        .map_err(|_| format!("{} has no hassil (pip install hassil)", python.display()))
}

/// What nobody means well: the longest time must stay below 50 ms.
fn hostile(language: &str, matcher: &Matcher) {
    let home = HomeLists::new(&Names {
        areas: AREAS.iter().map(|name| NamedPlace { names: vec![(*name).to_owned()] }).collect(),
        ..Names::default()
    });
    let mut dice = Dice(11);
    let words =
        ["turn", "on", "the", "lights", "in", "kitchen", "and", "twenty", "🦞", "شغل", "a-b_c"];
    let mut random = |n: usize| -> String {
        (0..n).map(|_| format!("{} ", words[dice.roll(words.len())])).collect()
    };
    let inputs = [
        random(10_000 / 5),
        random(110),
        random(60),
        random(12),
        "🦞".repeat(10_000),
        "turn on ".repeat(74),
        "the ".repeat(149),
        "kitchen hall ".repeat(45),
        "twenty ".repeat(85),
        "\u{627}\u{644}\u{202e} ".repeat(190),
        "\u{0}\u{7}\u{1b}[2J".repeat(80),
        "a\u{301}\u{302}".repeat(250),
        "가".repeat(590),
        "-_".repeat(290),
        "\"".repeat(590),
        "1 ".repeat(290),
    ];
    let mut worst = (Duration::ZERO, String::new());
    for said in &inputs {
        for allow_unknown in [false, true] {
            let start = Instant::now();
            matcher.recognize(said, &home, &Context::new(), Options { allow_unknown });
            worst = worst.max((start.elapsed(), said.chars().take(20).collect()));
        }
    }
    println!("{language}: worst of hostile input {:.1?} ({:?}; bar 50 ms)", worst.0, worst.1);
}
