//! `homard models`: what there is to fetch and what is there, fetching it, and whether it is whole.

use std::io::{self, IsTerminal, Write};

use clap::{Args, Subcommand};

use super::{BAD_USAGE, FAILED, Failure, ModelDir, Place, say};
use crate::catalog::{Catalog, Model, Presence, Step, Store, Verdict};
use crate::config;

/// Letters of a line of progress; longer ones would break on a narrow terminal.
const WIDTH: usize = 78;
const MIB: f64 = (1_u64 << 20) as f64;

#[derive(Args)]
pub(super) struct Models {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Shows all models of the catalogue and which are there
    List(Where),
    /// Fetches models that are not there yet; without a name, those that belong to every house
    Pull(Chosen),
    /// Reads models that are there and compares them with the catalogue; without a name, all
    Check(Chosen),
    /// Measures language models that are there, or a GGUF file: tokens a second, loading, memory
    #[cfg(feature = "model")]
    Bench(Measured),
    /// Has the running house answer what is not about it by another language model; it is loaded first
    #[cfg(feature = "model")]
    Talk(Talking),
}

#[cfg(feature = "model")]
#[derive(Args)]
struct Talking {
    /// A name of the catalogue, the path of a GGUF file, `outside`, or `nobody`
    #[arg(value_name = "NAME")]
    name: String,
    /// The data directory of the house [default: those of the real house, then of the demo]
    #[arg(long, env = "HOMARD_DATA_DIR", value_name = "DIR")]
    data_dir: Option<std::path::PathBuf>,
    #[command(flatten)]
    daemon: super::daemon::Daemon,
}

/// Nobody, as `homard models talk` calls it.
#[cfg(feature = "model")]
const NOBODY: &str = "nobody";

#[cfg(feature = "model")]
#[derive(Args)]
struct Measured {
    /// Names of the catalogue or paths of files; without one, all language models that are there
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// With so many threads
    #[arg(long, env = "HOMARD_THREADS", value_name = "N", default_value_t = 2)]
    threads: usize,
    #[command(flatten)]
    place: Where,
}

#[derive(Args)]
struct Where {
    /// The data directory of the house [default: $XDG_DATA_HOME/homard or ~/.local/share/homard]
    #[arg(long, env = "HOMARD_DATA_DIR", value_name = "DIR")]
    data_dir: Option<std::path::PathBuf>,
    #[command(flatten)]
    models: ModelDir,
}

#[derive(Args)]
struct Chosen {
    /// Names, as `homard models list` shows them
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    place: Where,
}

impl Where {
    fn store(&self) -> Result<Store, Failure> {
        let place = Place { config: None, data_dir: self.data_dir.clone() };
        // Where the models are said to lie, no data directory is needed.
        let data_dir = match &self.models.models {
            Some(dir) => dir.clone(),
            None => place.data_dir(config::RUN)?,
        };
        Ok(Store::new(self.models.of(&data_dir)?))
    }
}

impl Chosen {
    /// The models of these names, or those that `usual` picks.
    fn models<'c>(
        &self,
        catalog: &'c Catalog,
        usual: impl Fn(&Model) -> bool,
    ) -> Result<Vec<&'c Model>, Failure> {
        if self.names.is_empty() {
            return Ok(catalog.models.iter().filter(|model| usual(model)).collect());
        }
        let model = |name: &String| {
            catalog.model(name).ok_or_else(|| {
                let known: Vec<&str> =
                    catalog.models.iter().map(|model| model.name.as_str()).collect();
                let known = known.join(", ");
                Failure::new(BAD_USAGE, format!("No model is called `{name}`. There are: {known}."))
            })
        };
        self.names.iter().map(model).collect()
    }
}

impl Models {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let catalog = Catalog::built_in().map_err(|error| Failure::new(FAILED, error))?;
        match &self.what {
            What::List(place) => list(&catalog, &place.store()?),
            What::Pull(wanted) => {
                // What is not built in needs no models.
                let is_of_use = |model: &Model| match model.kind.as_str() {
                    "sentences" => true,
                    "language model" => cfg!(feature = "model"),
                    _ => cfg!(feature = "speech"),
                };
                let is_wanted = |model: &Model| model.default && is_of_use(model);
                pull(&wanted.models(&catalog, is_wanted)?, &wanted.place.store()?)
            }
            What::Check(wanted) => {
                check(&wanted.models(&catalog, |_| true)?, &wanted.place.store()?)
            }
            #[cfg(feature = "model")]
            What::Talk(Talking { name, data_dir, daemon }) => {
                let places = super::daemon::usual_places(data_dir.as_deref())?;
                let name = if name == NOBODY { "" } else { name };
                // A path of this folder means nothing to the house.
                let path = std::path::absolute(name).ok().filter(|path| path.is_file());
                let talk = path.map_or_else(|| name.to_owned(), |path| path.display().to_string());
                let wish = serde_json::json!({ "talk": talk });
                daemon.find(&places)?.put("/api/homard/model", &wish)?;
                say(match name {
                    "" => "Nobody answers what is not about the house.".to_owned(),
                    name => format!("{name} answers what is not about the house."),
                })
            }
            #[cfg(feature = "model")]
            What::Bench(wanted) => {
                let store = wanted.place.store()?;
                super::bench::files(&wanted.names, &catalog, &store)?
                    .iter()
                    .try_for_each(|(name, path)| super::bench::bench(name, path, wanted.threads))
            }
        }
    }
}

fn list(catalog: &Catalog, store: &Store) -> Result<(), Failure> {
    for model in &catalog.models {
        let state = match (store.presence(model), &model.needs) {
            (Presence::Whole, _) => "there".to_owned(),
            (Presence::Partial(n), _) => format!("{n} of {} files are right", model.files.len()),
            (Presence::Absent, Some(_)) => "not usable yet".to_owned(),
            (Presence::Absent, None) => "not there".to_owned(),
        };
        say(format!("{}  ({state})", model.name))?;
        say(format!("    {}: {}", model.kind, model.about))?;
        let languages = match &model.languages[..] {
            [only] if only == "*" => "many languages".to_owned(),
            several if several.len() > 8 => format!("{} languages", several.len()),
            few => few.join(", "),
        };
        say(format!(
            "    {} on disk, {} MiB of memory, {languages}, {}",
            size(model.size()),
            model.memory_mib,
            model.license
        ))?;
        if let Some(needs) = &model.needs {
            say(format!("    needs {needs}, which this version does not do"))?;
        }
    }
    say(format!("Models lie in {}.", store.dir().display()))
}

fn pull(models: &[&Model], store: &Store) -> Result<(), Failure> {
    for model in models {
        let mut line = Line { is_shown: io::stderr().is_terminal(), width: 0 };
        let pulled = store.pull(model, &mut |step| line.show(&step));
        line.clear();
        let pulled = pulled.map_err(|error| Failure::new(FAILED, error))?;
        // What was there already is no news.
        if pulled.n_files > 0 {
            let files = if pulled.n_files == 1 { "file" } else { "files" };
            say(format!(
                "{}: fetched {} {files}, {}, to {}",
                model.name,
                pulled.n_files,
                size(pulled.n_bytes),
                store.dir().display()
            ))?;
        }
    }
    Ok(())
}

fn check(models: &[&Model], store: &Store) -> Result<(), Failure> {
    let mut is_bad = false;
    for model in models {
        let (mut n_right, mut wrong, mut missing) = (0, Vec::new(), Vec::new());
        for file in &model.files {
            let verdict = store.check(file).map_err(|error| {
                Failure::new(FAILED, format!("{}: {error}", store.path(file).display()))
            })?;
            match verdict {
                Verdict::Right => n_right += 1,
                Verdict::Wrong => wrong.push(&file.path),
                Verdict::Missing => missing.push(&file.path),
            }
        }
        if missing.len() == model.files.len() {
            say(format!("{}: not there", model.name))?;
            continue;
        }
        say(format!("{}: {n_right} of {} files are right", model.name, model.files.len()))?;
        for path in &wrong {
            say(format!("  {path}: damaged, or of another version"))?;
        }
        for path in &missing {
            say(format!("  {path}: missing"))?;
        }
        is_bad |= !wrong.is_empty() || !missing.is_empty();
    }
    if is_bad {
        let text = "Not all is as it should be; `homard models pull NAME` fetches it anew.";
        return Err(Failure::new(FAILED, text));
    }
    Ok(())
}

/// The line of progress on a terminal; nothing elsewhere.
struct Line {
    is_shown: bool,
    /// Letters on it now.
    width: usize,
}

impl Line {
    fn show(&mut self, step: &Step<'_>) {
        if !self.is_shown {
            return;
        }
        let text = progress(step);
        let width = text.chars().count();
        // Blanks over what was longer before.
        let rest = " ".repeat(self.width.saturating_sub(width));
        let _ = write!(io::stderr(), "\r{text}{rest}");
        self.width = width;
    }

    fn clear(&mut self) {
        if self.width > 0 {
            let _ = write!(io::stderr(), "\r{}\r", " ".repeat(self.width));
            self.width = 0;
        }
    }
}

fn progress(step: &Step<'_>) -> String {
    let Step { model, what, done, total, .. } = *step;
    let how_far = match total {
        Some(total) => {
            let hundredths = (done.min(total) * 100).checked_div(total).unwrap_or(100);
            let n = (hundredths / 5) as usize;
            format!("[{}{}] {hundredths:3} % of {}", "#".repeat(n), ".".repeat(20 - n), size(total))
        }
        None => size(done),
    };
    format!("{model}: {what} {how_far}").chars().take(WIDTH).collect()
}

fn size(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / MIB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_one_short_line() {
        let check = |done, total, expected: &str| {
            let step = Step { model: "m", what: "a.bin", done, total, from: None };
            assert_eq!(progress(&step), expected);
        };
        let mib = 1 << 20;
        check(0, Some(4 * mib), "m: a.bin [....................]   0 % of 4.0 MiB");
        check(mib, Some(4 * mib), "m: a.bin [#####...............]  25 % of 4.0 MiB");
        check(9 * mib, Some(4 * mib), "m: a.bin [####################] 100 % of 4.0 MiB");
        check(0, Some(0), "m: a.bin [####################] 100 % of 0.0 MiB");
        check(mib / 2, None, "m: a.bin 0.5 MiB");
        let long = "x".repeat(200);
        let step = Step { model: &long, what: "", done: 0, total: None, from: None };
        assert_eq!(progress(&step).len(), WIDTH);
    }
}
