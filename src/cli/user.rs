//! `homard user`: who may sign in to the panel, and as what. Works while the daemon runs and while it does not; a running
//! one knows the change at once.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::{Args, Subcommand};
use jiff::tz::TimeZone;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use super::data::{IfAbsent, failed, named, open};
use super::{FAILED, Failure, Place, say};
use crate::clock::Clock;
use crate::home::id::AreaId;
use crate::home::person::Role;
use crate::storage::{PersonEdit, password};

#[derive(Args)]
pub(super) struct User {
    #[command(subcommand)]
    wish: Wish,
}

#[derive(Subcommand)]
enum Wish {
    /// Adds somebody; asks for their password, or takes it from HOMARD_PASSWORD or standard input
    Add {
        /// What they are called, and sign in with
        name: String,
        /// What they are here: `admin`, `adult`, `child` or `guest`
        #[arg(long, env = "HOMARD_ROLE")]
        role: Role,
        /// The language they are spoken to in, `fr`
        #[arg(long, env = "HOMARD_LANGUAGE", value_name = "CODE")]
        language: Option<String>,
        /// The voice they are spoken to with, by its name; `+f3` is a variant of espeak-ng's for any language
        #[arg(long, env = "HOMARD_VOICE", value_name = "NAME", allow_hyphen_values = true)]
        voice: Option<String>,
        /// How loud they are spoken to, 0 to 100
        #[arg(long, env = "HOMARD_VOLUME", value_name = "PERCENT")]
        volume: Option<u8>,
        /// A room that a guest may see and use, by its id, `guest_room`; several with commas or given several times
        #[arg(long = "area", env = "HOMARD_AREA", value_name = "ID", value_delimiter = ',')]
        areas: Vec<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Shows everybody, with their role
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Removes somebody, with their sessions and tokens
    Remove {
        /// What they are called
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// Lets somebody talk to the house by Telegram: the code is what the bot gave them
    #[cfg(feature = "telegram")]
    Pair {
        /// The eight letters and digits
        code: String,
        /// Which person of the house they are; may be left out where there is only one
        name: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Gives somebody another password, and ends all their sessions
    Password {
        /// What they are called
        name: String,
        #[command(flatten)]
        place: Place,
    },
}

impl User {
    pub(super) fn run(&self) -> Result<(), Failure> {
        match &self.wish {
            Wish::Add { name, role, language, voice, volume, areas, place } => {
                let storage = open(place, IfAbsent::Make)?;
                let password = secret()?;
                let edit = PersonEdit {
                    name: Some(name.clone()),
                    role: Some(*role),
                    language: Some(language.clone()),
                    voice: Some(voice.clone()),
                    volume: Some(*volume),
                    areas: Some(areas.iter().map(|id| AreaId::new(id)).collect()),
                };
                let now = Clock::system(TimeZone::UTC).now();
                let person = storage.people().add(edit, Some(&password), now).map_err(failed)?;
                say(format!("{} may sign in as {}.", person.name, role.word()))
            }
            Wish::List { place } => {
                let people = open(place, IfAbsent::Fail)?.people().list().map_err(failed)?;
                if people.is_empty() {
                    return say(
                        "There is nobody yet. `homard user add NAME --role admin` adds the owner.",
                    );
                }
                for person in people {
                    let areas: Vec<&str> = person.areas.iter().map(AreaId::as_str).collect();
                    let areas = match (person.role, areas.is_empty()) {
                        (Role::Guest, false) => format!("  ({})", areas.join(", ")),
                        (Role::Guest, true) => "  (no rooms)".to_owned(),
                        _ => String::new(),
                    };
                    say(format!("{:<6} {}{areas}", person.role.word(), person.name))?;
                }
                Ok(())
            }
            Wish::Remove { name, place } => {
                let storage = open(place, IfAbsent::Fail)?;
                let person = named(&storage, name)?;
                storage.people().remove(&person.id).map_err(failed)?;
                say(format!("{} was removed.", person.name))
            }
            #[cfg(feature = "telegram")]
            Wish::Pair { code, name, place } => pair(place, code, name.as_deref()),
            Wish::Password { name, place } => {
                let storage = open(place, IfAbsent::Fail)?;
                let person = named(&storage, name)?;
                let password = secret()?;
                storage.people().set_password(&person.id, &password).map_err(failed)?;
                say(format!(
                    "{} has a new password; who was signed in with the old one is not any more.",
                    person.name
                ))
            }
        }
    }
}

#[cfg(feature = "telegram")]
fn pair(place: &Place, code: &str, name: Option<&str>) -> Result<(), Failure> {
    let storage = open(place, IfAbsent::Fail)?;
    let people = storage.people().list().map_err(failed)?;
    let person = match (name, &people[..]) {
        (Some(name), _) => named(&storage, name)?,
        (None, [only]) => only.clone(),
        (None, all) => {
            let names: Vec<&str> = all.iter().map(|person| person.name.as_str()).collect();
            let why = format!(
                "Which person of the house is that? `homard user pair {code} NAME`, of: {}.",
                names.join(", ")
            );
            return Err(Failure::new(FAILED, why));
        }
    };
    let now = Clock::system(TimeZone::UTC).now();
    match storage.contacts().approve(code, &person.id, now).map_err(failed)? {
        Some(contact) => {
            say(format!("{} may talk to the house by Telegram as {}.", contact.name, person.name))
        }
        None => Err(Failure::new(FAILED, "There is no such code, or it is too old.")),
    }
}

/// A password: from `HOMARD_PASSWORD`, from the terminal (twice, unseen), or the first line of standard input. It is no
/// option, as everybody on the machine sees what stands in a command line.
fn secret() -> Result<String, Failure> {
    let secret = match std::env::var("HOMARD_PASSWORD") {
        Ok(secret) => secret,
        Err(_) if io::stdin().is_terminal() => {
            let secret = ask("Password: ")?;
            if ask("Again: ")? != secret {
                return Err(Failure::new(FAILED, "These are two different passwords."));
            }
            secret
        }
        Err(_) => line()?,
    };
    password::check(&secret).map_err(|why| Failure::new(FAILED, why))?;
    Ok(secret)
}

fn line() -> Result<String, Failure> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// Asks on the terminal, without showing what is typed.
fn ask(question: &str) -> Result<String, Failure> {
    let mut shown = io::stderr();
    write!(shown, "{question}")?;
    shown.flush()?;
    let stdin = io::stdin();
    let before = tcgetattr(&stdin).map_err(io::Error::from)?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&stdin, OptionalActions::Flush, &hidden).map_err(io::Error::from)?;
    let said = line();
    tcsetattr(&stdin, OptionalActions::Now, &before).map_err(io::Error::from)?;
    writeln!(shown)?;
    said
}
