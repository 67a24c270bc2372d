//! The data of a house, for the commands that work beside its daemon as well as without one.

use super::{FAILED, Failure, Place};
use crate::config;
use crate::home::person::Person;
use crate::storage::{Error, Storage};

/// What to do where no house was ever remembered.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum IfAbsent {
    Make,
    Fail,
}

/// The data of a house, beside its daemon or without one.
pub(super) fn open(place: &Place, if_absent: IfAbsent) -> Result<Storage, Failure> {
    // A bad configuration is said here too: the same options must mean the same house.
    place.config()?;
    let dir = place.data_dir(config::RUN)?;
    if if_absent == IfAbsent::Fail && !Storage::is_there(&dir) {
        let text = format!(
            "There are no data of a house in {}. Name another place with --data-dir.",
            dir.display()
        );
        return Err(Failure::new(FAILED, text));
    }
    Storage::open_shared(&dir).map_err(failed)
}

/// The person of this name.
pub(super) fn named(storage: &Storage, name: &str) -> Result<Person, Failure> {
    storage.people().named(name).map_err(failed)?.ok_or_else(|| {
        let text = format!("There is nobody named `{name}`. `homard user list` shows everybody.");
        Failure::new(FAILED, text)
    })
}

pub(super) fn failed(error: Error) -> Failure {
    Failure::new(FAILED, error)
}
