//! `homard doctor`: is everything well? Asks the daemon what only it knows, and looks itself at the
//! rest, so it says something useful without a daemon too.
//!
//! What is asked of the daemon and the broker is `house`, of the machine beneath `machine`, of the models `models`, of
//! ears and voice `voice`.

mod house;
mod machine;
mod models;
#[cfg(feature = "speech")]
mod voice;

use clap::Args;
use clap::builder::BoolishValueParser;
use serde_json::{Value, json};

use super::daemon::{Daemon, usual_places};
use super::{FAILED, Failure, ModelDir, Place, say};
use crate::app::run_file::RunFile;
use crate::board::Board;
use crate::catalog::Store;
use crate::config::Config;

#[derive(Args)]
pub(super) struct Doctor {
    /// Print the findings as JSON
    #[arg(long, env = "HOMARD_JSON", value_parser = BoolishValueParser::new())]
    json: bool,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    models: ModelDir,
    #[command(flatten)]
    daemon: Daemon,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Good,
    Watch,
    Bad,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Watch => "warning",
            Self::Bad => "problem",
        }
    }
}

/// What was looked at, how it is, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    what: &'static str,
    level: Level,
    text: String,
    remedy: Option<String>,
}

impl Finding {
    fn new(what: &'static str, level: Level, text: impl Into<String>) -> Self {
        Self { what, level, text: text.into(), remedy: None }
    }

    /// The same, this bad.
    fn at(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// The same, with what to do.
    fn with(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }
}

impl Doctor {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut findings = Vec::new();
        let config = match self.place.config() {
            Ok(config) => config,
            Err(failure) => {
                findings.push(Finding::new("configuration", Level::Bad, failure.text));
                Config::new()
            }
        };
        let places = usual_places(self.place.data_dir.as_deref())?;
        let running = places.iter().find_map(|dir| Some((dir, RunFile::read(dir)?)));
        let dir = running.as_ref().map_or_else(|| places.first(), |(dir, _)| Some(*dir));
        let daemon = self.daemon.find(&places);
        match &daemon {
            Ok(daemon) => house::house(daemon, &mut findings),
            Err(failure) => {
                findings.push(Finding::new("homard", Level::Watch, failure.text.as_str()));
            }
        }
        let broker =
            running.as_ref().map_or_else(|| house::address(&config), |(_, run)| run.broker.clone());
        findings.push(house::reach(&broker));
        let board = Board::here();
        if let Some(dir) = dir {
            let store = Store::new(self.models.of(dir)?);
            findings.push(models::sentences(&store));
            #[cfg(feature = "model")]
            let chosen = daemon.as_ref().ok().and_then(models::chosen);
            #[cfg(feature = "model")]
            findings.push(models::model(&store, chosen.as_ref().unwrap_or(&config.model)));
            findings.extend(models::room(&store, &board));
            #[cfg(feature = "speech")]
            findings.extend(voice::all(&store, &config.voice));
            findings.push(machine::disk(dir));
            findings.extend(machine::rights(dir));
        }
        if let Some((_, run)) = &running {
            findings.extend(machine::exposure(&board, run.pid, config.http.tls.is_some()));
        }
        findings.extend(machine::all(&board, &config));
        self.show(&findings)?;
        if findings.iter().any(|finding| finding.level == Level::Bad) {
            return Err(Failure::new(FAILED, ""));
        }
        Ok(())
    }

    fn show(&self, findings: &[Finding]) -> Result<(), Failure> {
        if self.json {
            let all: Vec<Value> = findings
                .iter()
                .map(|finding| {
                    json!({
                        "what": finding.what, "level": finding.level.word(), "text": finding.text,
                        "remedy": finding.remedy,
                    })
                })
                .collect();
            return say(format!("{:#}", Value::Array(all)));
        }
        for Finding { what, level, text, remedy } in findings {
            say(format!("{:8} {what:13} {text}", level.word()))?;
            if let Some(remedy) = remedy {
                say(format!("{:22} → {remedy}", ""))?;
            }
        }
        Ok(())
    }
}
