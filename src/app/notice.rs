//! Notices when files in some folders change, without looking at them again and again: the kernel tells it (inotify).

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::thread;

use rustix::fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init};
use tracing::warn;

/// Starts a thread that calls `changed` after each change in one of the `folders`, which are asked for anew each time,
/// as a change may be a new folder. It ends when `changed` says false.
///
/// # Errors
/// When the system gives no way to watch, or no thread.
pub(super) fn changes(
    folders: impl Fn() -> Vec<PathBuf> + Send + 'static,
    changed: impl Fn() -> bool + Send + 'static,
) -> io::Result<()> {
    let notices = init(CreateFlags::CLOEXEC)?;
    add(&notices, &folders());
    thread::Builder::new().name("files".to_owned()).spawn(move || {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&notices, &mut buffer);
        loop {
            match reader.next() {
                Ok(_) => {
                    // Told when all that came together was taken.
                    if !reader.is_buffer_empty() {
                        continue;
                    }
                    // Watched before it is told: what comes into a new folder later is a change again.
                    add(&notices, &folders());
                    if !changed() {
                        return;
                    }
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => {
                    warn!(%error, "Files are no longer watched; changes need a restart.");
                    return;
                }
            }
        }
    })?;
    Ok(())
}

/// Watching a folder twice is watching it once; one that is not there is not watched.
fn add(notices: &OwnedFd, folders: &[PathBuf]) {
    let what = WatchFlags::CLOSE_WRITE
        | WatchFlags::CREATE
        | WatchFlags::DELETE
        | WatchFlags::MOVED_FROM
        | WatchFlags::MOVED_TO
        | WatchFlags::DELETE_SELF
        | WatchFlags::ONLYDIR;
    for folder in folders {
        let _ = add_watch(notices, folder.as_path(), what);
    }
}
