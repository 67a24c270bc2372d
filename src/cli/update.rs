//! `homard update`: a newer program for this house, from a file or from where the owner has said, tried and taken back where
//! it does not answer.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::daemon::{Daemon, usual_places};
use super::{BAD_USAGE, FAILED, Failure, Place, pause, say};
use crate::app::newer;
use crate::app::run_file::RunFile;
use crate::config;
use crate::update::{self, Programs, Release, Version};

/// How often it is looked whether the new program has proved itself.
const LOOKED: Duration = Duration::from_millis(200);
/// What ending the old one and starting the new one may take beside the trial.
const AROUND: Duration = Duration::from_secs(30);

#[derive(Args)]
pub(super) struct Update {
    /// The new program; its signature lies beside it as `FILE.minisig`. Without one it is fetched from where
    /// `[update] url` says
    #[arg(value_name = "FILE", conflicts_with = "check")]
    file: Option<PathBuf>,
    /// Only ask whether there is a newer one, where `[update] url` says
    #[arg(long, env = "HOMARD_CHECK", value_parser = clap::builder::BoolishValueParser::new())]
    check: bool,
    /// Do not start the house anew; the new program is tried at its next start
    #[arg(long, env = "HOMARD_LATER", value_parser = clap::builder::BoolishValueParser::new())]
    later: bool,
    #[command(flatten)]
    place: Place,
}

impl Update {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let config = self.place.config()?;
        let dir = self.place.data_dir(config::RUN)?;
        let programs = Programs::new(&dir, config.update.key.clone());
        if self.check {
            let found = asked(&config.update, &dir, &programs, false)?;
            let here = programs.newest();
            return say(if found > here {
                format!(
                    "Homard {found} is there; {here} is here. `homard update` fetches and tries it."
                )
            } else {
                format!("Homard {here} is the newest.")
            });
        }
        let release = match &self.file {
            Some(file) => {
                let beside = PathBuf::from(format!("{}{}", file.display(), update::SIGNATURE));
                let signature = update::read_signature(&beside).map_err(failed)?;
                programs.install(file, &signature).map_err(failed)?
            }
            None => Release { version: asked(&config.update, &dir, &programs, true)? },
        };
        self.begin(&dir, &programs, release, config.update.within)
    }

    /// Starts the house anew, if it runs, and says what came of it.
    fn begin(
        &self,
        dir: &Path,
        programs: &Programs,
        release: Release,
        within: Duration,
    ) -> Result<(), Failure> {
        let Release { version } = release;
        let runs = RunFile::read(dir).is_some();
        if self.later || !runs {
            return say(format!(
                "Homard {version} is in its place, and is tried when the house starts."
            ));
        }
        say(format!("Homard {version} is in its place. The house starts again and tries it …"))?;
        let daemon = Daemon::default().find(&usual_places(Some(dir))?)?;
        daemon.post("/api/homard/restart", &Value::Null)?;
        let n_looks = (within + AROUND).div_duration_f64(LOOKED) as u32;
        for _ in 0..n_looks {
            pause(LOOKED);
            let standing = programs.standing();
            if standing.current == Some(version) {
                return say(format!("Homard {version} answers, and stays."));
            }
            if standing.refused == Some(version) {
                return Err(taken_back(version));
            }
        }
        Err(Failure::new(FAILED, "The house does not say how it goes; see its log."))
    }
}

/// Asks for the newest program where the owner has said, and fetches it if wished. A house that runs does it itself: it
/// keeps the list of connections.
fn asked(
    update: &config::Update,
    dir: &Path,
    programs: &Programs,
    fetch: bool,
) -> Result<Version, Failure> {
    let failed = |error: newer::NoNewer| Failure::new(FAILED, error);
    if RunFile::read(dir).is_none() {
        let note = newer::noting(dir)?;
        let found = match fetch {
            true => newer::fetch(update, programs, &note),
            false => newer::look(update, &note),
        };
        return Ok(found.map_err(failed)?.version);
    }
    let daemon = Daemon::default().find(&usual_places(Some(dir))?)?;
    let path = if fetch { "/api/homard/update/fetch" } else { "/api/homard/update/check" };
    daemon.post(path, &Value::Null)?;
    loop {
        pause(LOOKED);
        let now = daemon.get("/api/homard/update")?;
        if now["is_busy"] == true {
            continue;
        }
        if let Some(problem) = now["problem"].as_str() {
            return Err(Failure::new(FAILED, problem));
        }
        let found = now["found"].as_str().and_then(|version| version.parse().ok());
        return found.ok_or_else(|| Failure::new(FAILED, "The house found nothing."));
    }
}

fn taken_back(version: Version) -> Failure {
    let text = format!(
        "Homard {version} did not answer, and was taken back: the house runs with the program of before. Its log says why."
    );
    Failure::new(FAILED, text)
}

fn failed(error: update::UpdateError) -> Failure {
    let code = match error {
        update::UpdateError::File { .. } => FAILED,
        _ => BAD_USAGE,
    };
    Failure::new(code, error)
}
