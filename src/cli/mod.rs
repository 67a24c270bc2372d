//! The command line: what can be said to `homard`, and how it ends.
//!
//! Exit codes: 0 done, 1 failed, 2 bad usage or bad configuration, 3 not understood, 4 refused.

mod automations;
mod backup;
#[cfg(feature = "model")]
mod bench;
mod check;
mod daemon;
mod data;
mod doctor;
mod eval;
mod hear;
mod listen;
mod models;
mod say;
mod serve;
mod token;
mod update;
mod user;
mod wake;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::app::journal::Journal;
use crate::config::{self, Config};

/// Something else went wrong.
const FAILED: u8 = 1;
/// What was asked for cannot be: an unknown room or language.
const BAD_USAGE: u8 = 2;
/// The configuration is bad; systemd does not try again (`RestartPreventExitStatus=2`).
const BAD_CONFIG: u8 = 2;
/// A sentence was not understood.
const NOT_UNDERSTOOD: u8 = 3;
/// A sentence was understood, and nothing was done: refused, or asked back.
const REFUSED: u8 = 4;

/// The hub and assistant of your house, without any cloud.
///
/// `homard demo` starts a simulated house to try it on, `homard run` the real one. Every option can
/// also be set in the environment, as `HOMARD_…`.
#[derive(Parser)]
#[command(name = "homard", version, max_term_width = 100, propagate_version = true)]
#[command(after_help = "Exit codes: 0 done, 1 failed, 2 bad usage or configuration, \
                        3 sentence not understood, 4 sentence understood but not done: refused, or \
                        the house asks back and the next sentence answers it.")]
pub struct Cli {
    /// What is logged to standard error: error, warn, info, debug, trace, or finer
    /// (`info,homard::mqtt=debug`)
    #[arg(long, global = true, env = "HOMARD_LOG", value_name = "LEVEL")]
    log: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the house
    ///
    /// The panel is at `[http] listen`, and also where systemd listens for it: `homard.socket` is for port 80.
    Run(serve::Run),
    /// Runs a simulated house of about 30 devices, to try everything without hardware
    Demo(serve::Demo),
    /// Says a sentence to the running house and prints its answer
    Say(say::Say),
    /// Plays a recording to the running house and prints what it heard and its answer
    Hear(hear::Hear),
    /// Listens to this machine's microphone until a silence, and does as `hear`
    Listen(listen::Listen),
    /// Learns another wake word than “hey homard”
    Wake(wake::Wake),
    /// Lists, fetches and verifies the models: sentences of 65 languages, speech, a language model
    #[command(alias = "model")]
    Models(models::Models),
    /// Adds, lists and removes the people who may sign in
    User(user::User),
    /// Makes, lists and removes the tokens that programs need
    Token(token::Token),
    /// Takes in and gives out automations, scripts and scenes as Home Assistant writes them
    #[command(alias = "automation")]
    Automations(automations::Automations),
    /// Reads the configuration and shows every problem with its line; changes nothing
    Check(check::Check),
    /// Looks at broker, devices, models, and the machine beneath, and says what to do
    Doctor(doctor::Doctor),
    /// Writes all that the house knows into one file, while it lives
    Backup(backup::Backup),
    /// Puts a backup back, into a house that does not run
    Restore(backup::Restore),
    /// Brings a newer program, tries it, and takes it back where it does not answer
    Update(update::Update),
    /// Tries sentences on described homes with simulated devices, and counts what was understood
    Eval(eval::Eval),
}

/// Where configuration and data lie.
#[derive(Args, Clone, Default)]
struct Place {
    /// The configuration; without one, the defaults hold
    #[arg(long, env = "HOMARD_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the house is remembered [default: $XDG_DATA_HOME/homard or ~/.local/share/homard, else that
    /// of Debian's package, /var/lib/homard]
    #[arg(long, env = "HOMARD_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Place {
    /// The checked configuration.
    fn config(&self) -> Result<Config, Failure> {
        match &self.config {
            Some(path) => Config::load(path).map_err(Failure::config),
            None => Ok(Config::new()),
        }
    }

    /// The data directory, absolute.
    fn data_dir(&self, folder: &str) -> Result<PathBuf, Failure> {
        let dir = match &self.data_dir {
            Some(dir) => dir.clone(),
            None => usual_dir(folder)?,
        };
        std::path::absolute(&dir).map_err(|error| Failure::new(FAILED, error))
    }
}

/// Where a house is remembered when nobody says where: in this user's own folder, or, where there is none, the house that
/// Debian's package runs, for those who may look into it.
fn usual_dir(folder: &str) -> Result<PathBuf, Failure> {
    let own = config::data_dir(folder, |name| std::env::var_os(name));
    let packaged = Path::new(config::PACKAGED);
    let is_packaged = folder == config::RUN
        && own.as_ref().map_or(true, |own| !own.exists())
        && std::fs::read_dir(packaged).is_ok();
    if is_packaged {
        return Ok(packaged.to_owned());
    }
    own.map_err(|error| Failure::new(FAILED, error))
}

/// Where models lie.
#[derive(Args, Clone, Default)]
struct ModelDir {
    /// Where models lie [default: `models` in the data directory]
    #[arg(long, env = "HOMARD_MODELS", value_name = "DIR")]
    models: Option<PathBuf>,
}

impl ModelDir {
    /// The folder of models, absolute, for a house with its data in `data_dir`.
    fn of(&self, data_dir: &Path) -> Result<PathBuf, Failure> {
        let dir = self.models.clone().unwrap_or_else(|| data_dir.join("models"));
        std::path::absolute(&dir).map_err(|error| Failure::new(FAILED, error))
    }

    /// A file in the folder of models of the first of these houses that has it.
    #[cfg(feature = "speech")]
    fn find(&self, data_dirs: &[PathBuf], file: &str) -> Result<Option<PathBuf>, Failure> {
        let all = data_dirs.iter().map(|dir| self.of(dir)).collect::<Result<Vec<_>, _>>()?;
        Ok(all.iter().map(|models| models.join(file)).find(|file| file.exists()))
    }
}

/// Says what goes on, to standard error: standard output is for what comes of it.
#[cfg(feature = "speech")]
fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Why a command did not do what it should: an exit code and words for standard error.
struct Failure {
    code: u8,
    text: String,
}

impl Failure {
    fn new(code: u8, text: impl ToString) -> Self {
        Self { code, text: text.to_string() }
    }

    fn config(problems: config::Problems) -> Self {
        Self::new(BAD_CONFIG, problems)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        // `{:#}` adds the causes, each after a colon.
        Self::new(FAILED, format!("{error:#}"))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(FAILED, error)
    }
}

impl Cli {
    /// Does what was said.
    pub fn run(self) -> ExitCode {
        let is_daemon = matches!(self.command, Command::Run(_) | Command::Demo(_));
        let journal = match log(self.log.as_deref(), if is_daemon { "info" } else { "warn" }) {
            Ok(journal) => journal,
            Err(failure) => return end(failure),
        };
        let done = match self.command {
            Command::Run(run) => serve::run(&run, journal),
            Command::Demo(demo) => serve::demo(&demo, journal),
            Command::Say(say) => say.run(),
            Command::Hear(hear) => hear.run(),
            Command::Listen(listen) => listen.run(),
            Command::Wake(wake) => wake.run(),
            Command::Models(models) => models.run(),
            Command::User(user) => user.run(),
            Command::Token(token) => token.run(),
            Command::Automations(automations) => automations.run(),
            Command::Check(check) => check.run(),
            Command::Doctor(doctor) => doctor.run(),
            Command::Backup(backup) => backup.run(),
            Command::Restore(restore) => restore.run(),
            Command::Update(update) => update.run(),
            Command::Eval(eval) => eval.run(),
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => end(failure),
        }
    }
}

fn end(failure: Failure) -> ExitCode {
    if !failure.text.is_empty() {
        // Nobody to tell when standard error is closed; the exit code still says it.
        let _ = writeln!(io::stderr(), "{}", failure.text);
    }
    ExitCode::from(failure.code)
}

/// Logs to standard error; journald adds the time there, so only a terminal gets one from us.
/// The last lines are kept for the panel.
fn log(wanted: Option<&str>, default: &str) -> Result<Journal, Failure> {
    // The embedded broker's own words are for its developers.
    let filter =
        wanted.map_or_else(|| format!("{default},mqtt5=error,rumqttc=error"), str::to_owned);
    let filter = EnvFilter::try_new(&filter).map_err(|error| {
        let hint =
            "use error, warn, info, debug or trace, or for one part `info,homard::mqtt=debug`";
        Failure::new(BAD_CONFIG, format!("`--log {filter}`: {error}; {hint}"))
    })?;
    let is_terminal = io::stderr().is_terminal();
    let journal = Journal::default();
    let written = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_target(false)
        .with_ansi(is_terminal)
        .compact();
    let both = tracing_subscriber::registry().with(filter).with(journal.clone());
    if is_terminal {
        both.with(written).init();
    } else {
        both.with(written.without_time()).init();
    }
    Ok(journal)
}

/// Waits, in a command that has nothing else to do.
#[allow(clippy::disallowed_methods)]
fn pause(time: std::time::Duration) {
    std::thread::sleep(time);
}

/// Prints a line. A closed standard output (`homard … | head -1`) ends the command as failed.
fn say(line: impl std::fmt::Display) -> Result<(), Failure> {
    writeln!(io::stdout(), "{line}").map_err(Failure::from)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_option_has_its_environment_form() {
        let command = Cli::command();
        command.clone().debug_assert();
        let mut commands = vec![command];
        let mut seen = 0;
        while let Some(command) = commands.pop() {
            commands.extend(command.get_subcommands().cloned());
            for option in command.get_opts().filter(|option| !option.is_hide_set()) {
                let Some(long) = option.get_long() else { continue };
                if matches!(long, "help" | "version") {
                    continue;
                }
                let expected = format!("HOMARD_{}", long.to_uppercase().replace('-', "_"));
                let variable = option.get_env().and_then(|name| name.to_str());
                assert_eq!(variable, Some(expected.as_str()), "{} --{long}", command.get_name());
                seen += 1;
            }
        }
        assert!(seen > 5, "{seen}");
    }
}
