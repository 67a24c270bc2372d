//! `homard token`: who may use the API. Works while the daemon runs and while it does not; a
//! running one knows the change at once.

use clap::{Args, Subcommand};
use jiff::tz::TimeZone;

use super::data::{IfAbsent, failed, named, open};
use super::{FAILED, Failure, Place, say};
use crate::clock::Clock;
use crate::home::person::Role;
use crate::storage::Holder;

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
        /// What it may do, everywhere in the house: `admin`, `adult` or `child`
        #[arg(long, env = "HOMARD_ROLE", default_value = "admin", conflicts_with = "person")]
        role: Role,
        /// The person whose it is: it may do what they may, and goes with them
        #[arg(long, env = "HOMARD_PERSON", value_name = "NAME")]
        person: Option<String>,
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
            Wish::Add { name, role, person, place } => {
                let now = Clock::system(TimeZone::UTC).now();
                let storage = open(place, IfAbsent::Make)?;
                let holder = match person {
                    None => Holder::Role(*role),
                    Some(person) => Holder::Person(named(&storage, person)?.id),
                };
                let token = storage.tokens().add(name, &holder, now).map_err(failed)?;
                say(format!("Token `{name}` was made. It is shown only now:"))?;
                say(token)
            }
            Wish::List { place } => {
                let zone = place.config()?.home.time_zone;
                let storage = open(place, IfAbsent::Fail)?;
                let all = storage.tokens().list().map_err(failed)?;
                if all.is_empty() {
                    return say("There are no tokens. Make one with `homard token add NAME`.");
                }
                for token in all {
                    let made_at = token.made_at.to_zoned(zone.clone());
                    let holder = match &token.holder {
                        Holder::Role(role) => role.word().to_owned(),
                        Holder::Person(id) => match storage.people().person(id).map_err(failed)? {
                            Some(person) => person.name,
                            None => "nobody".to_owned(),
                        },
                    };
                    let made_at = made_at.strftime("%Y-%m-%d %H:%M");
                    say(format!("{made_at}  {}  ({holder})", token.name))?;
                }
                Ok(())
            }
            Wish::Remove { name, place } => {
                if open(place, IfAbsent::Fail)?.tokens().remove(name).map_err(failed)? {
                    return say(format!("Token `{name}` was removed."));
                }
                let text =
                    format!("There is no token named `{name}`. `homard token list` shows all.");
                Err(Failure::new(FAILED, text))
            }
        }
    }
}
