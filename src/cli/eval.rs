//! `homard eval`: how well the sentences of a folder are understood in the homes of that folder.

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;

use super::{BAD_USAGE, FAILED, Failure, ModelDir, Place, say};
use crate::config;
use crate::eval::{Error, Set};

#[derive(Args)]
pub(super) struct Eval {
    /// A folder with `homes/*.yaml` and, in other files, what is said in them
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Print the scores of each group and home
    #[arg(long, env = "HOMARD_BY_GROUP", value_parser = BoolishValueParser::new())]
    by_group: bool,
    /// Print each failure: what was expected and what happened
    #[arg(long, env = "HOMARD_FAILURES", value_parser = BoolishValueParser::new())]
    failures: bool,
    /// Print everything as JSON
    #[arg(long, env = "HOMARD_JSON", value_parser = BoolishValueParser::new())]
    json: bool,
    /// Only tests with this in a sentence, or in the name of their group, home or file
    #[arg(long, env = "HOMARD_ONLY", value_name = "TEXT")]
    only: Option<String>,
    /// Fail unless so many percent are right and there is no wrong action
    #[arg(long, env = "HOMARD_BAR", value_name = "PERCENT")]
    bar: Option<f64>,
    #[command(flatten)]
    models: ModelDir,
}

impl Eval {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let failed = |error: Error| match error {
            Error::NoHomes(_) | Error::Wrong(_) | Error::Unreadable { .. } => {
                Failure::new(BAD_USAGE, error)
            }
            Error::Storage(_) | Error::Panicked => Failure::new(FAILED, error),
        };
        let place = Place { config: None, data_dir: None };
        let models = match &self.models.models {
            Some(dir) => dir.clone(),
            None => place.data_dir(config::RUN)?.join("models"),
        };
        let mut set = Set::load(&self.dir).map_err(failed)?.with_models(models).thinking();
        if let Some(only) = &self.only {
            set.only(only);
        }
        let census = set.census();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let report = runtime.block_on(set.run()).map_err(failed)?;
        if self.json {
            say(format!("{:#}", report.json()))?;
        } else {
            say(format!(
                "{} homes with {} entities, {} tests, {} things said",
                census.n_entities.len(),
                census.n_entities.values().sum::<usize>(),
                census.n_tests,
                census.n_utterances,
            ))?;
            if self.failures {
                for failure in &report.failures {
                    say(failure.lines())?;
                }
            }
            say(report.table(self.by_group).trim_end())?;
        }
        let is_below = |bar: f64| report.total.share() * 100.0 < bar || report.total.wrong > 0;
        match self.bar {
            Some(bar) if is_below(bar) => {
                Err(Failure::new(FAILED, format!("Below the bar of {bar} % and no wrong action.")))
            }
            _ => Ok(()),
        }
    }
}
