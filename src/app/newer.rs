//! Newer programs from another machine: asked for and fetched only where the owner has written from where, and only when
//! somebody says so. Each time is in the list of outgoing connections.

use std::fs::File;
use std::path::Path;

use super::outgoing::Outgoing;
use super::run_file::RunFile;
use crate::catalog::{self, SourceError};
use crate::clock::Clock;
use crate::config;
use crate::storage::Storage;
use crate::update::{self, Programs, Release, UpdateError};

/// Why there is no newer program.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoNewer {
    /// The owner has not said where to ask.
    #[error(
        "nobody is asked: `[update] url` of the configuration names no place where newer programs lie"
    )]
    NotAllowed,
    /// The other side did not give it.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// It is not to be trusted, or not newer.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// This machine's disk.
    #[error(transparent)]
    Disk(#[from] std::io::Error),
}

/// Notes a connection to this host, for this reason.
pub(crate) type Note = dyn Fn(&str, &str) + Send + Sync;

/// The address of what is there for this machine; with `.minisig` behind it that of its signature.
fn address(update: &config::Update) -> Result<String, NoNewer> {
    let url = update.url.as_deref().ok_or(NoNewer::NotAllowed)?;
    Ok(format!("{url}/homard-{}", update::PROCESSOR))
}

/// Asks what the newest program is. Its signature says so, which is verified only with the program.
pub(crate) fn look(update: &config::Update, note: &Note) -> Result<Release, NoNewer> {
    let text = signature(&address(update)?, note)?;
    Ok(Release::claimed(&text)?)
}

/// The signature of the program at this address.
fn signature(program: &str, note: &Note) -> Result<String, NoNewer> {
    let from = format!("{program}{}", update::SIGNATURE);
    note(&catalog::host_of(&from), "");
    let mut bytes = Vec::new();
    catalog::download(&from, &mut bytes, update::MOST_SIGNATURE)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Fetches the newest program and puts it where the next start finds it, if it is newer and trusted.
pub(crate) fn fetch(
    update: &config::Update,
    programs: &Programs,
    note: &Note,
) -> Result<Release, NoNewer> {
    let from = address(update)?;
    let text = signature(&from, note)?;
    let release = Release::claimed(&text)?;
    programs.is_newer(release)?;
    note(&catalog::host_of(&from), &release.version.to_string());
    let fetched = programs.fetched()?;
    let done = File::create(&fetched)
        .map_err(NoNewer::from)
        .and_then(|mut file| {
            Ok(catalog::download(&from, &mut file, update::MOST_PROGRAM).map(drop)?)
        })
        .and_then(|()| Ok(programs.install(&fetched, &text)?));
    let _ = std::fs::remove_file(&fetched);
    done
}

/// Notes connections for a command: in the list that the house keeps.
///
/// # Errors
/// When a house runs with these data: it keeps the list in its memory, so it must ask by itself.
pub(crate) fn noting(dir: &Path) -> anyhow::Result<Box<Note>> {
    anyhow::ensure!(
        RunFile::read(dir).is_none(),
        "The house runs: look for newer programs on its page “Settings → System”, or stop it first."
    );
    let outgoing =
        Outgoing::new(Storage::open_shared(dir)?, Clock::system(jiff::tz::TimeZone::UTC));
    Ok(Box::new(move |host, what| noted(&outgoing, host, what)))
}

/// Notes a connection to where programs lie.
pub(super) fn noted(outgoing: &Outgoing, host: &str, what: &str) {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !name.ends_with(':') => (name, port.parse().ok()),
        _ => (host, None),
    };
    outgoing.note(name, port, "update", what);
}
