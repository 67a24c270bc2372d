//! What a write costs the disk, and why it failed, in figures and words.

use super::Error;

/// What a file system's own journal adds to every synced write; not counted in `/proc`.
const JOURNAL_BYTES: u64 = 16 << 10;

/// A write error as a person can use it.
pub(super) fn plain(error: &Error) -> String {
    match error {
        Error::Database(heed::Error::Io(io)) if io.kind() == std::io::ErrorKind::StorageFull => {
            "the disk is full".to_owned()
        }
        Error::Database(heed::Error::Io(io))
            if io.kind() == std::io::ErrorKind::ReadOnlyFilesystem =>
        {
            "the disk can only be read, as after a power cut or on a worn-out card (`dmesg` says why); restart the machine"
                .to_owned()
        }
        Error::Database(heed::Error::Mdb(heed::MdbError::MapFull)) => {
            "the database has reached its largest size".to_owned()
        }
        error => error.to_string(),
    }
}

/// Bytes that this thread has sent towards the disk, as Linux counts them.
pub(super) fn written_by_thread() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/io").ok()?;
    text.lines().find_map(|line| line.strip_prefix("write_bytes: ")?.parse().ok())
}

/// Bytes of a write, from what was counted before and after it.
pub(super) fn cost(before: Option<u64>, after: Option<u64>) -> u64 {
    let counted = match (before, after) {
        (Some(before), Some(after)) => after.saturating_sub(before),
        _ => 0,
    };
    // Kernels without this count, and file systems in memory, say zero; six pages is the least
    // that LMDB writes for a changed record.
    counted.max(6 * 4_096) + JOURNAL_BYTES
}
