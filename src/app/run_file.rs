//! The file by which commands on this machine find the running daemon and may speak to it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Its name in the data directory.
const NAME: &str = "running.json";

/// Where the daemon is, and a token that is good as long as it runs.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct RunFile {
    /// `http://127.0.0.1:8466`
    pub(crate) url: String,
    /// The MQTT broker it uses, `127.0.0.1:1883`.
    pub(crate) broker: String,
    /// Good until the daemon ends.
    pub(crate) token: String,
    /// The daemon.
    pub(crate) pid: u32,
}

impl RunFile {
    /// The daemon that works on these data; `None` when there is none.
    pub(crate) fn read(dir: &Path) -> Option<Self> {
        let text = fs::read_to_string(path(dir)).ok()?;
        let run: Self = serde_json::from_str(&text).ok()?;
        // What a killed daemon left behind says nothing.
        let is_alive = Path::new("/proc").join(run.pid.to_string()).exists();
        is_alive.then_some(run)
    }

    /// Writes it so that only this user can read it, and never half.
    pub(crate) fn write(&self, dir: &Path) -> io::Result<()> {
        write_private(&path(dir), serde_json::to_string(self)?.as_bytes())
    }

    /// Removes it; a missing file is as good.
    pub(crate) fn remove(dir: &Path) {
        if let Err(error) = fs::remove_file(path(dir))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "The file that says that Homard runs cannot be removed.");
        }
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join(NAME)
}

/// Writes a file that only this user can read, in one step.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    // An old one may have other rights, which opening would keep.
    let _ = fs::remove_file(&beside);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_is_private_and_only_counts_while_the_daemon_lives() {
        let dir = std::env::temp_dir().join(format!("homard-run-file-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let url = "http://127.0.0.1:8466".to_owned();
        let mut run = RunFile {
            url: url.clone(),
            broker: "127.0.0.1:1883".into(),
            token: "t".into(),
            pid: std::process::id(),
        };
        assert!(RunFile::read(&dir).is_none());
        run.write(&dir).unwrap();
        run.write(&dir).unwrap();
        assert_eq!(fs::metadata(path(&dir)).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(RunFile::read(&dir).map(|run| run.url), Some(url));
        // Greater than any process id of Linux.
        run.pid = 1 << 30;
        run.write(&dir).unwrap();
        assert!(RunFile::read(&dir).is_none());
        RunFile::remove(&dir);
        RunFile::remove(&dir);
        fs::remove_dir_all(&dir).unwrap();
    }
}
