//! `homard automations`: files of Home Assistant's into the running house and out of it.

use std::path::{Path, PathBuf};

use clap::builder::BoolishValueParser;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use super::daemon::{Connection, Daemon, usual_places};
use super::{FAILED, Failure, REFUSED, say};

#[derive(Args)]
pub(super) struct Automations {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Takes in `automations.yaml`, `scripts.yaml` or `scenes.yaml` of Home Assistant's, and says by line what
    /// is not supported; what has such parts is kept, shown, and begins nothing. Exit 4 if there is any
    Import(Import),
    /// Writes all automations as such a file
    Export(Export),
    /// Lists automations, scripts and scenes
    List(List),
}

/// What is in a file.
#[derive(Clone, Copy, Default, ValueEnum)]
enum Kind {
    #[default]
    Automation,
    Script,
    Scene,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Automation => "automation",
            Self::Script => "script",
            Self::Scene => "scene",
        }
    }

    /// As the file's name says it.
    fn of(file: &Path) -> Self {
        match file.file_stem().and_then(|stem| stem.to_str()) {
            Some("scripts") => Self::Script,
            Some("scenes") => Self::Scene,
            _ => Self::Automation,
        }
    }
}

#[derive(Args)]
struct House {
    #[command(flatten)]
    daemon: Daemon,
    /// The data of the house to speak to [default: that of `run`, else that of `demo`]
    #[arg(long, env = "HOMARD_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl House {
    fn find(&self) -> Result<Connection, Failure> {
        self.daemon.find(&usual_places(self.data_dir.as_deref())?)
    }
}

#[derive(Args)]
struct Import {
    /// The file
    file: PathBuf,
    /// What is in it [default: as its name says]
    #[arg(long, env = "HOMARD_KIND")]
    kind: Option<Kind>,
    /// Print the report as JSON
    #[arg(long, env = "HOMARD_JSON", value_parser = BoolishValueParser::new())]
    json: bool,
    #[command(flatten)]
    house: House,
}

#[derive(Args)]
struct Export {
    /// Write to this file, and not to standard output
    file: Option<PathBuf>,
    /// What is written [default: as the file's name says]
    #[arg(long, env = "HOMARD_KIND")]
    kind: Option<Kind>,
    #[command(flatten)]
    house: House,
}

#[derive(Args)]
struct List {
    #[command(flatten)]
    house: House,
}

impl Automations {
    pub(super) fn run(&self) -> Result<(), Failure> {
        match &self.what {
            What::Import(import) => import.run(),
            What::Export(export) => export.run(),
            What::List(list) => list.run(),
        }
    }
}

impl Import {
    fn run(&self) -> Result<(), Failure> {
        let text = std::fs::read(&self.file).map_err(|error| {
            Failure::new(FAILED, format!("cannot read {}: {error}", self.file.display()))
        })?;
        let house = self.house.find()?;
        let kind = self.kind.unwrap_or_else(|| Kind::of(&self.file)).word();
        let path = "/api/homard/automations/import";
        let report = house.post_bytes(path, &[("kind", kind)], &text)?;
        let all = |key: &str| report[key].as_array().cloned().unwrap_or_default();
        let problems = all("problems");
        if self.json {
            say(format!("{report:#}"))?;
        } else {
            for found in &problems {
                let word = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
                let line =
                    found["line"].as_u64().map(|line| format!(":{line}")).unwrap_or_default();
                say(format!(
                    "{}{line}: {}: {} ({})",
                    self.file.display(),
                    word("path"),
                    word("text"),
                    word("consequence")
                ))?;
            }
            let (n, n_not) = (all("imported").len(), all("not_armed").len());
            say(format!("{n} taken in, {n_not} of them not armed."))?;
        }
        if problems.is_empty() { Ok(()) } else { Err(Failure::new(REFUSED, "")) }
    }
}

impl Export {
    fn run(&self) -> Result<(), Failure> {
        let of_file = self.file.as_deref().map(Kind::of).unwrap_or_default();
        let kind = self.kind.unwrap_or(of_file).word();
        let text =
            self.house.find()?.text(&format!("/api/homard/automations/export?kind={kind}"))?;
        match &self.file {
            None => say(text.trim_end()),
            Some(file) => std::fs::write(file, text).map_err(|error| {
                Failure::new(FAILED, format!("cannot write {}: {error}", file.display()))
            }),
        }
    }
}

impl List {
    fn run(&self) -> Result<(), Failure> {
        let all = self.house.find()?.get("/api/homard/automations")?;
        for rule in all.as_array().into_iter().flatten() {
            let word = |key: &str| rule[key].as_str().unwrap_or_default().to_owned();
            let is = |key: &str| rule[key].as_bool() == Some(true);
            let state = match (is("armed"), is("enabled")) {
                (false, _) => "not armed",
                (true, true) => "on",
                (true, false) => "off",
            };
            let last = rule["last_triggered"].as_str().unwrap_or("never");
            let result = match &rule["last_result"] {
                Value::String(result) => format!(", {result}"),
                _ => String::new(),
            };
            say(format!(
                "{} ({state}): {}; last {last}{result}",
                word("entity_id"),
                word("alias")
            ))?;
        }
        Ok(())
    }
}
