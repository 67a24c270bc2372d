//! `homard token`: who may use the API. Works while the daemon runs and while it does not; a
//! running one knows the change at once.

use clap::{Args, Subcommand};
use jiff::tz::TimeZone;

use super::{FAILED, Failure, Place, say};
use crate::clock::Clock;
use crate::config;
use crate::storage::{Error, Storage, Tokens};

#[derive(Args)]
pub(super) struct Token {
    #[command(subcommand)]
    wish: Wish,
}

#[derive(Subcommand)]
enum Wish {
    /// Makes a token and prints it, once, alone on the last line
    Add {
        /// What it is for, `panel` or `backup script`
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// Shows the names of all tokens and when they were made
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Removes a token: it no longer works, from now on
    Remove {
        /// The name it was made with
        name: String,
        #[command(flatten)]
        place: Place,
    },
}

impl Token {
    pub(super) fn run(&self) -> Result<(), Failure> {
        match &self.wish {
            Wish::Add { name, place } => {
                let now = Clock::system(TimeZone::UTC).now();
                let token = tokens(place, IfAbsent::Make)?.add(name, now).map_err(failed)?;
                say(format!("Token `{name}` was made. It is shown only now:"))?;
                say(token)
            }
            Wish::List { place } => {
                let zone = place.config()?.home.time_zone;
                let all = tokens(place, IfAbsent::Fail)?.list().map_err(failed)?;
                if all.is_empty() {
                    return say("There are no tokens. Make one with `homard token add NAME`.");
                }
                for token in all {
                    let made_at = token.made_at.to_zoned(zone.clone());
                    say(format!("{}  {}", made_at.strftime("%Y-%m-%d %H:%M"), token.name))?;
                }
                Ok(())
            }
            Wish::Remove { name, place } => {
                if tokens(place, IfAbsent::Fail)?.remove(name).map_err(failed)? {
                    return say(format!("Token `{name}` was removed."));
                }
                let text =
                    format!("There is no token named `{name}`. `homard token list` shows all.");
                Err(Failure::new(FAILED, text))
            }
        }
    }
}

/// What to do where no house was ever remembered.
#[derive(Clone, Copy, PartialEq)]
enum IfAbsent {
    Make,
    Fail,
}

fn tokens(place: &Place, if_absent: IfAbsent) -> Result<Tokens, Failure> {
    // A bad configuration is said here too: the same options must mean the same house.
    place.config()?;
    let dir = place.data_dir(config::RUN)?;
    if if_absent == IfAbsent::Fail && !Storage::is_there(&dir) {
        let text = format!(
            "There are no data of a house in {}, so no tokens either. Name another place with \
             --data-dir.",
            dir.display()
        );
        return Err(Failure::new(FAILED, text));
    }
    Ok(Storage::open_shared(&dir).map_err(failed)?.tokens())
}

fn failed(error: Error) -> Failure {
    Failure::new(FAILED, error)
}
