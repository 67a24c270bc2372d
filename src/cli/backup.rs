//! `homard backup` and `homard restore`: everything that a house knows, in one file and back.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{BAD_USAGE, FAILED, Failure, Place, say};
use crate::clock::Clock;
use crate::config;
use crate::storage::backup::{self, BackupError};
use crate::storage::sealed::{Key, Lock};

/// What a backup is called that is put into a folder: `homard-20261123-031500.zip`, and what is behind it where it is sealed.
const NAME: (&str, &str) = ("homard-", ".zip");
const SEALED: &str = ".age";

#[derive(Args)]
pub(super) struct Backup {
    /// The file to write, or a folder, in which it is called after the time
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Of the backups in the folder keep only so many, the newest
    #[arg(long, env = "HOMARD_KEEP", value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    keep: Option<u16>,
    /// Encrypt it for the owner of this public key of age (`age1…`, made by `age-keygen`)
    #[arg(long, env = "HOMARD_RECIPIENT", value_name = "KEY", conflicts_with = "passphrase_file")]
    recipient: Option<String>,
    /// Encrypt it with the passphrase that is the first line of this file
    #[arg(long, env = "HOMARD_PASSPHRASE_FILE", value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

#[derive(Args)]
pub(super) struct Restore {
    /// A file that `homard backup` has written
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where it is encrypted for a public key: the file with the secret one (`AGE-SECRET-KEY-1…`)
    #[arg(long, env = "HOMARD_IDENTITY", value_name = "FILE", conflicts_with = "passphrase_file")]
    identity: Option<PathBuf>,
    /// Where it is encrypted with a passphrase: the file whose first line it is
    #[arg(long, env = "HOMARD_PASSPHRASE_FILE", value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

/// The first line of a file.
fn passphrase(file: &Path) -> Result<String, Failure> {
    let text = fs::read_to_string(file)
        .map_err(|error| Failure::new(FAILED, format!("{}: {error}", file.display())))?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(Failure::new(BAD_USAGE, format!("{}: there is no passphrase", file.display())));
    }
    Ok(line.to_owned())
}

impl Backup {
    /// Whom it is for, where not for everybody who has the file.
    fn lock(&self) -> Result<Option<Lock>, Failure> {
        match (&self.recipient, &self.passphrase_file) {
            (Some(key), _) => Lock::recipient(key)
                .map(Some)
                .map_err(|error| Failure::new(BAD_USAGE, format!("`--recipient`: {error}"))),
            (None, Some(file)) => Ok(Some(Lock::Passphrase(passphrase(file)?))),
            (None, None) => Ok(None),
        }
    }

    pub(super) fn run(&self) -> Result<(), Failure> {
        let config = self.place.config()?;
        let dir = self.place.data_dir(config::RUN)?;
        let now = Clock::system(config.home.time_zone).zoned();
        let lock = self.lock()?;
        let is_folder = self.file.is_dir();
        let file = if is_folder {
            let sealed = if lock.is_some() { SEALED } else { "" };
            let name = format!("{}{}{}{sealed}", NAME.0, now.strftime("%Y%m%d-%H%M%S"), NAME.1);
            self.file.join(name)
        } else {
            self.file.clone()
        };
        backup::write(&dir, &file, now.timestamp(), lock.as_ref()).map_err(failed)?;
        let size = fs::metadata(&file)?.len();
        say(format!(
            "{}: {:.1} MiB, whole and on the disk.",
            file.display(),
            size as f64 / 1_048_576.0
        ))?;
        match self.keep {
            Some(keep) if is_folder => thin_out(&self.file, usize::from(keep)),
            Some(_) => {
                Err(Failure::new(FAILED, "`--keep` counts the backups in a folder; name one."))
            }
            None => Ok(()),
        }
    }
}

impl Restore {
    pub(super) fn run(&self) -> Result<(), Failure> {
        self.place.config()?;
        let dir = self.place.data_dir(config::RUN)?;
        let key = match (&self.identity, &self.passphrase_file) {
            (Some(file), _) => {
                let text = fs::read_to_string(file)?;
                let key = Key::identity(&text);
                Some(
                    key.map_err(|error| Failure::new(BAD_USAGE, format!("`--identity`: {error}")))?,
                )
            }
            (None, Some(file)) => Some(Key::Passphrase(passphrase(file)?)),
            (None, None) => None,
        };
        let manifest = backup::restore(&self.file, &dir, key.as_ref()).map_err(failed)?;
        say(format!(
            "The house of {}, as Homard {} knew it, is in {}. What was there before is in its folder `before-restore`. \
             Models come back by `homard models pull`.",
            manifest.made_at,
            manifest.homard,
            dir.display()
        ))
    }
}

fn failed(error: BackupError) -> Failure {
    Failure::new(FAILED, error)
}

/// Removes the oldest backups of a folder.
fn thin_out(folder: &Path, keep: usize) -> Result<(), Failure> {
    let mut names: Vec<String> = fs::read_dir(folder)?
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| is_ours(name))
        .collect();
    // Their names are in the order of their times.
    names.sort();
    for name in names.iter().rev().skip(keep) {
        fs::remove_file(folder.join(name))?;
    }
    Ok(())
}

/// Whether a file's name is one that was made here: nothing else is ever removed.
fn is_ours(name: &str) -> bool {
    let name = name.strip_suffix(SEALED).unwrap_or(name);
    let time = name.strip_prefix(NAME.0).and_then(|rest| rest.strip_suffix(NAME.1));
    time.is_some_and(|time| {
        time.len() == 15
            && time.bytes().enumerate().all(|(at, byte)| match at {
                8 => byte == b'-',
                _ => byte.is_ascii_digit(),
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_oldest_of_our_own_go() {
        let folder = std::env::temp_dir().join(format!("homard-keep-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let kept = ["homard-20260102-030405.zip", "homard-20260103-030405.zip.age"];
        let others = ["homard.zip", "homard-mine-20200101.zip", "homard-20200101-0304050.zip", "a"];
        for name in ["homard-20251231-235959.zip", "homard-20260101-030405.zip"]
            .iter()
            .chain(&kept)
            .chain(&others)
        {
            fs::write(folder.join(name), "").unwrap();
        }
        assert!(thin_out(&folder, 2).is_ok());
        let mut found: Vec<String> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        found.sort();
        let mut expected: Vec<&str> = kept.into_iter().chain(others).collect();
        expected.sort_unstable();
        assert_eq!(found, expected);
        fs::remove_dir_all(&folder).unwrap();
    }
}
