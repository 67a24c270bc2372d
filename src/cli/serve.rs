//! `homard run` and `homard demo`: the daemon.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::Args;
use tracing::{error, warn};

use super::{FAILED, Failure, ModelDir, Place, pause, say};
use crate::app::door::Handed;
use crate::app::journal::Journal;
use crate::app::run_file::RunFile;
use crate::app::{self, Ended, Options, Running};
use crate::config::{self, Config};
use crate::storage::backup::{self, BackupError};
use crate::update::Programs;
use crate::update::trial::{self, Data, Started};

#[derive(Args)]
pub(super) struct Run {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    models: ModelDir,
    /// What the first owner must show where the panel is open to the network: the first line of this file, eight letters and
    /// digits or more; without the file there is another code at each start
    #[arg(long, env = "HOMARD_SETUP_CODE_FILE", value_name = "FILE")]
    setup_code_file: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct Demo {
    /// The configuration; without one, the defaults hold
    #[arg(long, env = "HOMARD_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the simulated house is remembered [default: $XDG_DATA_HOME/homard-demo or
    /// ~/.local/share/homard-demo]
    #[arg(long, env = "HOMARD_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where models lie [default: `models` in the data directory if that is given, else those of
    /// the real house]
    #[arg(long, env = "HOMARD_MODELS", value_name = "DIR")]
    models: Option<PathBuf>,
}

/// Runs the house until it is told to stop.
pub(super) fn run(run: &Run, journal: Journal) -> Result<(), Failure> {
    let config = run.place.config()?;
    let data_dir = run.place.data_dir(config::RUN)?;
    let models = run.models.of(&data_dir)?;
    if let Some(ended) = newer(&config, &data_dir) {
        return ended;
    }
    let handed = Handed::of_environment();
    let code_file = run.setup_code_file.as_deref();
    let options =
        Options { config, data_dir, models, is_demo: false, journal, handed: &handed, code_file };
    let ended = app::run(options, |running| {
        if let Err(failure) = tell_code(running) {
            warn!(error = %failure.text, "The setup code could not be printed.");
        }
    })?;
    after(ended, &handed)
}

/// Lets a newer program run the house, where there is one that is trusted; how it ended.
fn newer(config: &Config, data_dir: &Path) -> Option<Result<(), Failure>> {
    let programs = Programs::new(data_dir, config.update.key.clone());
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let sign = || RunFile::read(data_dir).map(|run| (run.pid, run.url, run.token));
    let kept = programs.registry();
    let data = |what| {
        let done = match what {
            Data::Keep => backup::keep_registry(data_dir, &kept).map(|()| false),
            Data::PutBack => put_back(&kept, data_dir),
        };
        match done {
            Ok(true) => warn!(
                "The new program had changed the data, which are again as they were before it."
            ),
            Ok(false) => {}
            Err(error) => error!(%error, "The data could not be kept, or not be put back."),
        }
    };
    match trial::start(&programs, &arguments, config.update.within, &sign, &data) {
        Started::Nobody => None,
        Started::Ended(0) => Some(Ok(())),
        Started::Ended(code) => Some(Err(Failure::new(code, ""))),
    }
}

/// What a program that was taken back has left running may hold the data for a moment longer.
fn put_back(kept: &Path, data_dir: &Path) -> Result<bool, BackupError> {
    let mut n_left = 50;
    loop {
        match backup::put_back_registry(kept, data_dir) {
            Err(_) if n_left > 0 => n_left -= 1,
            done => return done,
        }
        pause(Duration::from_millis(100));
    }
}

/// Ends, or becomes the program that lies there now, with the same command line. It stays the same process, so that
/// whoever watches it (systemd) sees no end.
fn after(ended: Ended, handed: &Handed) -> Result<(), Failure> {
    match ended {
        Ended::Stopped => Ok(()),
        Ended::ToRestart => {
            let program = trial::starter()?;
            // So Linux calls a program that was replaced while it ran.
            let shown = program.to_string_lossy();
            let program = shown.strip_suffix(" (deleted)").unwrap_or(&shown);
            let mut command = Command::new(program);
            command.args(std::env::args_os().skip(1)).env_remove(trial::BASE);
            handed.leave_to(&mut command);
            let error = command.exec();
            Err(Failure::new(FAILED, format!("{program} cannot be started again: {error}")))
        }
    }
}

/// On standard output alone: what is logged may be read by others.
fn tell_code(running: &Running) -> Result<(), Failure> {
    let Some(code) = &running.setup_code else { return Ok(()) };
    let (first, rest) = code.split_at(code.len() / 2);
    say("")?;
    say("Nobody runs this house yet, and its panel is open to your network. Open it in a browser")?;
    say("and give this code, which shows that the house is yours:")?;
    say("")?;
    say(format!("  {first}-{rest}"))?;
    say("")?;
    say("Or add yourself here: homard user add NAME --role admin")?;
    say("")
}

/// Runs the simulated house.
pub(super) fn demo(demo: &Demo, journal: Journal) -> Result<(), Failure> {
    let place = Place { config: demo.config.clone(), data_dir: demo.data_dir.clone() };
    let data_dir = place.data_dir(config::DEMO)?;
    // Models are large: a demo without a folder of its own takes those of the real house.
    let models = ModelDir { models: demo.models.clone() }.of(&place.data_dir(config::RUN)?)?;
    let mut config = place.config()?;
    if demo.config.is_none() {
        // Beside a real house on the same broker, which must not be thrown out by an equal id.
        config.mqtt.client_id = "homard-demo".to_owned();
    }
    let shown_dir = demo.data_dir.clone();
    let handed = Handed::default();
    let (is_demo, code_file) = (true, None);
    let options =
        Options { config, data_dir, models, is_demo, journal, handed: &handed, code_file };
    let ended = app::run(options, move |running| {
        if let Err(failure) = greet(running, shown_dir) {
            warn!(error = %failure.text, "The demo's greeting could not be printed.");
        }
    })?;
    after(ended, &handed)
}

fn greet(running: &Running, data_dir: Option<PathBuf>) -> Result<(), Failure> {
    let Running { url, token, broker, notes, .. } = running;
    // As this command was called: it need not be where the shell looks.
    let homard = std::env::args().next().unwrap_or_else(|| "homard".to_owned());
    let there = match data_dir {
        Some(dir) => format!(" --data-dir {}", dir.display()),
        None => String::new(),
    };
    say("")?;
    say("Homard runs with a simulated house. Ctrl-C stops it.")?;
    for note in notes {
        say(format!("  Note: {note}"))?;
    }
    tell_code(running)?;
    say("")?;
    // The panel takes the token from the address and forgets the address.
    say(format!("  Panel   {url}/?token={token}"))?;
    say(format!("  Token   {token}"))?;
    say(format!("  Broker  {broker}"))?;
    say("")?;
    say("Three things to try, in another terminal:")?;
    say("")?;
    say(format!("  {homard} say{there} \"turn on the kitchen light\""))?;
    say(format!("  {homard} say{there} --language fr \"allume la lumière de la cuisine\""))?;
    say(format!(
        "  curl -H \"Authorization: Bearer {token}\" {url}/api/states/light.kitchen_light"
    ))?;
    say("")
}
