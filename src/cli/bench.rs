//! `homard model bench`: how fast the language models that are here are on this board, and what they take.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use super::{FAILED, Failure, say};
use crate::app::thinking;
use crate::board::Board;
use crate::catalog::{Catalog, Store};
use crate::llm::{Model, ModelError, Session, Stop};

/// What the catalogue calls them.
const KIND: &str = "language model";
/// Tokens of the prompt that is read, and of what is written behind it.
const N_READ: usize = 128;
const N_WRITTEN: usize = 32;
/// Said again and again until the prompt is long enough.
const FILLER: &str = "The house is quiet and the lamps in the hall are off. ";
/// Utterances of ten words, as the house asks the model about them.
const SAID: [&str; 5] = [
    "my toes are like ice and I cannot get warm",
    "I can barely make out the pages of this book",
    "there are crumbs all over the floor of this room",
    "the neighbours can look right into our room from there",
    "who won the match that was on television last night",
];

/// Measures a model file, and prints one line of figures.
pub(super) fn bench(name: &str, path: &Path, n_threads: usize) -> Result<(), Failure> {
    let failed = |error: ModelError| Failure::new(FAILED, format!("{name}: {error}"));
    let before = resident_mib();
    let (load, model) = timed(|| Model::load(path, n_threads));
    let mut session = Session::new(model.map_err(failed)?);
    let memory = resident_mib().saturating_sub(before);
    let stop = Stop::default();
    let tokens = session.model.tokenizer.encode(&FILLER.repeat(N_READ / 8));
    let tokens = tokens.get(..N_READ).unwrap_or(&tokens);
    let (read, result) = timed(|| session.read(tokens, &stop));
    result.map_err(failed)?;
    let (written, result) = timed(|| session.write(tokens, N_WRITTEN, &stop, |_| true));
    let n_written = result.map_err(failed)?.len();
    let rate = |n: usize, time: Duration| n as f64 / time.as_secs_f64();
    let command = match thinking::chooser(&session.model) {
        Some(chooser) => {
            let mut times = Vec::new();
            for said in std::iter::once(&SAID[0]).chain(&SAID) {
                let (time, seen) = timed(|| session.look(&chooser.lens, said, &stop));
                chooser.weigh(&seen.map_err(failed)?);
                times.push(time);
            }
            // The first reads what stands before all of them.
            let mut warm = times.split_off(1);
            warm.sort();
            format!("{:.0} ms", warm.get(warm.len() / 2).map_or(0.0, Duration::as_secs_f64) * 1e3)
        }
        None => "not asked by the house".to_owned(),
    };
    say(format!(
        "{name}: {n_threads} threads, loaded in {:.2} s, {memory} MiB; reads {:.0} tokens/s, writes {:.1} tokens/s; a \
         command: {command}",
        load.as_secs_f64(),
        rate(tokens.len(), read),
        rate(n_written, written),
    ))
}

/// The model files to measure: those that were named, or all of the catalogue that are there.
///
/// # Errors
/// When there are none, or a name is that of no language model that is there.
pub(super) fn files(
    names: &[String],
    catalog: &Catalog,
    store: &Store,
) -> Result<Vec<(String, PathBuf)>, Failure> {
    if !names.is_empty() {
        return names.iter().map(|name| Ok((name.clone(), file(name, catalog, store)?))).collect();
    }
    let models = catalog.models.iter().filter(|model| model.kind == KIND);
    let files =
        models.filter_map(|model| Some((model.name.clone(), store.path(model.files.first()?))));
    let files: Vec<_> = files.filter(|(_, path)| path.exists()).collect();
    match files.is_empty() {
        true => {
            let text = "There is no language model; `homard models pull` fetches one.";
            Err(Failure::new(FAILED, text))
        }
        false => Ok(files),
    }
}

/// The file of a name of the catalogue, or of a path.
fn file(name: &str, catalog: &Catalog, store: &Store) -> Result<PathBuf, Failure> {
    let refused = |text: String| Err(Failure::new(FAILED, text));
    let Some(model) = catalog.model(name) else {
        return match Path::new(name) {
            path if path.is_file() => Ok(path.to_owned()),
            _ => refused(thinking::Unfit::Absent(name.to_owned()).to_string()),
        };
    };
    match model.files.first().map(|file| store.path(file)) {
        _ if model.kind != KIND => refused(format!("{name} is no language model")),
        Some(path) if path.exists() => Ok(path),
        _ => refused(format!("{name} is not there; `homard models pull {name}` fetches it")),
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let began = Instant::now();
    let result = work();
    (began.elapsed(), result)
}

fn resident_mib() -> u64 {
    Board::here().resident().unwrap_or(0) >> 20
}
