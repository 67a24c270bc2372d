//! The directory of the data, and the lock that one daemon at a time holds on it.

use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use super::Error;

pub(super) fn make_directory(dir: &Path) -> Result<(), Error> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|source| Error::Directory { dir: dir.to_owned(), source })
}

/// Takes the lock that one daemon at a time can hold. The kernel gives it back however we end.
pub(super) fn lock(dir: &Path) -> Result<File, Error> {
    let to_error = |source| Error::Directory { dir: dir.to_owned(), source };
    let mut options = File::options();
    options.create(true).read(true).write(true).truncate(false);
    let mut file = options.open(dir.join("homard.lock")).map_err(to_error)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut pid = String::new();
            let _ = file.read_to_string(&mut pid);
            return Err(Error::InUse { dir: dir.to_owned(), pid: pid.trim().parse().ok() });
        }
        Err(errno) => return Err(to_error(errno.into())),
    }
    // The number only makes the message better: a full disk must not keep the house from starting.
    let _ = file
        .rewind()
        .and_then(|()| file.set_len(0))
        .and_then(|()| writeln!(file, "{}", std::process::id()));
    Ok(file)
}
