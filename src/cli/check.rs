//! `homard check`: every problem of the configuration, and nothing else.

use clap::Args;

use super::{Failure, Place, say};

#[derive(Args)]
pub(super) struct Check {
    #[command(flatten)]
    place: Place,
}

impl Check {
    pub(super) fn run(&self) -> Result<(), Failure> {
        self.place.config()?;
        match &self.place.config {
            Some(path) => say(format!("{}: no problem found.", path.display())),
            None => {
                say("No configuration was named, so the defaults hold. Name one with --config.")
            }
        }
    }
}
