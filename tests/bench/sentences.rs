//! `make bench-sentences`: understanding, measured inside the program: way 1 in a home of 500 entities beside hassil on
//! the same sentences in the same run, way 2 on what the households of tests/eval say, loading and memory of every
//! language, and input that nobody means well. Prints one table. Official packs come from `HOMARD_PACKS` (a folder of
//! `*.json`) or `HOMARD_MODELS` (a folder that holds `sentences`); without them only Homard's own are measured. A missed
//! bar is no failure.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]
// It measures real time, in a program that has nothing else to do.
#![allow(clippy::disallowed_methods)]

#[allow(dead_code, unreachable_pub, reason = "the tests use more of it")]
#[path = "../it/support/house.rs"]
mod house;
#[path = "../it/support/sampler.rs"]
mod sampler;
mod table;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use homard::intent::lists::{HomeLists, NamedEntity, NamedPlace, Names};
use homard::intent::matcher::{Matcher, Options};
use homard::intent::meaning::{Memory, Understanding};
use homard::intent::number::Speller;
use homard::intent::own;
use homard::intent::pack::{Pack, Source};
use homard::intent::value::{Context, Wanted};
use homard::intent::words::{Situation, Vocabulary};
use serde_json::{Value as Json, json};

use crate::house::House;
use crate::sampler::{Dice, Sampler};
use crate::table::Table;

const AREAS: [&str; 8] =
    ["Kitchen", "Hall", "Bedroom", "Living Room", "Office", "Garage", "Attic", "Guest Room"];
/// What is called so, its domain for the sentences, and the kind of device that is announced for way 2.
const THINGS: [(&str, &str, &str); 10] = [
    ("lamp", "light", "light"),
    ("ceiling light", "light", "light"),
    ("plug", "switch", "switch"),
    ("blind", "cover", "cover"),
    ("curtain", "cover", "cover"),
    ("thermostat", "climate", "climate"),
    ("fan", "fan", "fan"),
    ("door lock", "lock", "lock"),
    ("speaker", "media_player", "siren"),
    ("air sensor", "sensor", "sensor"),
];
const N_ENTITIES: usize = 500;
const N_SENTENCES: usize = 1_500;

fn main() {
    let folder = std::env::var_os("HOMARD_PACKS")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOMARD_MODELS")?).join("sentences")))
        .filter(|folder| folder.is_dir());
    let mut table = Table::default();
    println!("Way 2 and Homard's own packs …");
    for language in own::languages() {
        let start = Instant::now();
        let (pack, _) = own::pack(language).unwrap();
        let (matcher, _) = Matcher::new(&pack);
        let took = start.elapsed();
        let figure = format!("own pack, {language}");
        let note = format!("loaded in {}", ms(took));
        memory(&mut table, &figure, &matcher, &note);
        hostile(&mut table, &figure, &matcher);
        by_words(&mut table, language);
    }
    match folder {
        Some(folder) => {
            println!("Official packs …");
            loading(&mut table, &folder);
            beside_hassil(&mut table, &folder);
        }
        None => println!("skipped: no official packs (HOMARD_PACKS or HOMARD_MODELS)"),
    }
    table.print();
}

fn ms(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}

/// A row about a time: that below so many milliseconds meets the bar.
fn time(table: &mut Table, figure: &str, bar: f64, time: Duration, note: &str) {
    let is_met = Some(time.as_secs_f64() * 1e3 <= bar);
    table.row(figure, &format!("<= {bar} ms"), ms(time), is_met, note);
}

fn memory(table: &mut Table, figure: &str, matcher: &Matcher, note: &str) {
    let mb = matcher.size() as f64 / 1e6;
    table.row(
        &format!("{figure}, compiled"),
        "<= 10 MB",
        format!("{mb:.1} MB"),
        Some(mb <= 10.0),
        note,
    );
}

fn read(folder: &Path, language: &str) -> Pack {
    let text = std::fs::read_to_string(folder.join(format!("{language}.json"))).unwrap();
    Pack::read(language, &[Source { file: "official.json", text: &text }]).0
}

fn loading(table: &mut Table, folder: &Path) {
    let mut all: Vec<(Duration, String, Matcher)> = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        let Some(language) = name.strip_suffix(".json") else { continue };
        // The median of three: one may be held up by what else runs.
        let mut loads = [(); 3].map(|()| {
            let start = Instant::now();
            let (matcher, _) = Matcher::new(&read(folder, language));
            (start.elapsed(), matcher)
        });
        loads.sort_by_key(|(took, _)| *took);
        let [_, (took, matcher), _] = loads;
        all.push((took, language.to_owned(), matcher));
    }
    all.sort_by_key(|(took, ..)| *took);
    let (worst, slowest, _) = all.last().unwrap();
    let largest = all.iter().max_by_key(|(.., matcher)| matcher.size()).unwrap();
    let (.., english) = all.iter().find(|(_, language, _)| language == "en").unwrap();
    let figure = format!("a language loads, worst of {}", all.len());
    let note = format!("`{slowest}`; median {}", ms(all[all.len() / 2].0));
    time(table, &figure, 150.0, *worst, &note);
    let mb = largest.2.size() as f64 / 1e6;
    let note = format!("largest: `{}` with {mb:.1} MB", largest.1);
    memory(table, "official English", english, &note);
}

/// What households say, by words alone, in a home of many things.
fn by_words(table: &mut Table, language: &str) {
    let start = Instant::now();
    let (vocabulary, _) = Vocabulary::own(language).unwrap();
    let loaded = start.elapsed();
    let mut house = House::new();
    for index in 0..N_ENTITIES {
        let (thing, _, component) = THINGS[index % THINGS.len()];
        let area = AREAS[index / THINGS.len() % AREAS.len()];
        let config = json!({
            "unique_id": index.to_string(), "name": null, "command_topic": "set", "state_topic": "said",
            "schema": "json", "brightness": true, "supported_color_modes": ["color_temp", "rgb"], "payload_on": "ON",
            "set_position_topic": "at", "percentage_command_topic": "speed", "modes": ["off", "heat"],
            "mode_command_topic": "mode", "temperature_command_topic": "target",
            "device": {
                "identifiers": [index.to_string()], "name": format!("{area} {thing} {}", index / 80 + 1),
                "suggested_area": area,
            },
        });
        let topic = format!("homeassistant/{component}/{index}/config");
        house.publish(&topic, config.to_string().as_bytes(), true);
    }
    assert_eq!(house.home.entities().count(), N_ENTITIES, "{:?}", house.problems);
    let start = Instant::now();
    let names = vocabulary.learn(&house.home);
    let learnt = start.elapsed();
    let memory = Memory::default();
    let here = house.home.areas().next();
    let situation = Situation { home: &house.home, names: &names, here, memory: &memory };
    let said = households(language);
    let (mut times, mut n_understood) = (Vec::new(), 0);
    for round in 0..3 {
        for text in &said {
            let start = Instant::now();
            let meant = vocabulary.understand(text, &situation);
            times.push(start.elapsed());
            n_understood += usize::from(round == 0 && meant != Understanding::Nothing);
        }
    }
    times.sort();
    let (median, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    let note = format!(
        "{} sentences of tests/eval, {n_understood} read, {N_ENTITIES} entities; most {}",
        said.len(),
        ms(times[times.len() - 1])
    );
    time(table, &format!("way 2, {language}, median"), 1.0, median, &note);
    time(table, &format!("way 2, {language}, p99"), 5.0, p99, "");
    let note = format!("and {} for the names of {N_ENTITIES} entities", ms(learnt));
    time(table, &format!("words load, {language}"), 150.0, loaded, &note);
}

/// What is said in the homes of tests/eval whose language this is.
fn households(language: &str) -> Vec<String> {
    fn said(json: &Json, out: &mut Vec<String>) {
        match json {
            Json::Object(map) => {
                for (key, value) in map {
                    match (key.as_str(), value) {
                        ("say", Json::String(text)) => out.push(text.clone()),
                        ("say", Json::Array(texts)) => {
                            out.extend(texts.iter().filter_map(Json::as_str).map(str::to_owned));
                        }
                        _ => said(value, out),
                    }
                }
            }
            Json::Array(items) => items.iter().for_each(|item| said(item, out)),
            _ => {}
        }
    }
    let read = |path: PathBuf| -> Json {
        serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    let mut out = Vec::new();
    for entry in std::fs::read_dir("tests/eval/dev").unwrap() {
        let path = entry.unwrap().path();
        let file = read(path.clone());
        let home = read(Path::new("tests/eval/homes").join(path.file_name().unwrap()));
        if home["language"] == language {
            said(&file, &mut out);
        }
    }
    out
}

/// A home, its sentences, and who is faster.
fn beside_hassil(table: &mut Table, folder: &Path) {
    let pack = read(folder, "en");
    let (matcher, _) = Matcher::new(&pack);
    hostile(table, "official English", &matcher);
    let entity = |index: usize| {
        let (thing, domain, _) = THINGS[index % THINGS.len()];
        let area = AREAS[index / THINGS.len() % AREAS.len()];
        (format!("{area} {thing} {}", index / 80 + 1), domain)
    };
    let names: Vec<(String, &str)> = (0..N_ENTITIES).map(entity).collect();
    let place = |name: &&str| NamedPlace { names: vec![(*name).to_owned()] };
    let all = Names {
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
    };
    let start = Instant::now();
    let home = HomeLists::new(&all);
    let learnt = start.elapsed();
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
    let note = format!(
        "{N_SENTENCES} sentences of the official pack, {n_found} understood, {N_ENTITIES} entities; names made in {}",
        ms(learnt)
    );
    time(table, "way 1, median", 0.1, median, &note);
    time(table, "way 1, p99", 1.0, p99, "");
    let input = json!({
        "pack": folder.join("en.json"), "names": names, "areas": AREAS,
        "floors": ["First Floor", "Basement"], "sentences": sentences,
    });
    match hassil(&input) {
        Ok(theirs) => {
            let figure = |key: &str| theirs[key].as_f64().unwrap();
            let mut beside = |what: &str, theirs: f64, ours: Duration| {
                let ratio = theirs / (ours.as_secs_f64() * 1e3);
                let note = format!("hassil {theirs:.3} ms, Homard {}", ms(ours));
                let figure = format!("faster than hassil, {what}");
                table.row(&figure, ">= 30 x", format!("{ratio:.0} x"), Some(ratio >= 30.0), &note);
            };
            beside("median", figure("median"), median);
            beside("p99", figure("p99"), p99);
            beside("all sentences", figure("sum"), sum);
            println!("  hassil understood {}", theirs["found"]);
        }
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
        .arg("tests/bench/hassil_times.py")
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
fn hostile(table: &mut Table, pack: &str, matcher: &Matcher) {
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
    let note = format!("of {} inputs that nobody means, worst {:?}", inputs.len(), worst.1);
    time(table, &format!("hostile input, {pack}"), 50.0, worst.0, &note);
}
