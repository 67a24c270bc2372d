//! Keeps the resident memory small. glibc gives each thread a heap of its own, and keeps what a
//! burst of announcements freed; and what was needed for the start only stays mapped: its code, and
//! the whole database, which is only written to from then on. A home needs none of that.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::storage::Storage;

/// Heaps that threads share; more cost memory and gain nothing with so little contention.
#[cfg(target_env = "gnu")]
const HEAPS: i32 = 2;
/// The announcements after a start are over by then.
const FIRST: Duration = Duration::from_secs(10);
/// And from time to time, for what comes later. Takes a millisecond.
const AGAIN: Duration = Duration::from_secs(60);
/// Pages of files are let go at the first time, and then every so many times: they gather slowly.
const FILES_EVERY: u32 = 10;

/// To be called before there are threads.
pub(super) fn share_heaps() {
    #[cfg(target_env = "gnu")]
    // SAFETY: `mallopt` only sets a number of the allocator, at any time and under its own lock.
    #[allow(unsafe_code)]
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, HEAPS);
    }
}

/// Gives freed memory, and pages of files that can be read again, back to the system, now and then.
pub(super) async fn give_back(storage: Storage, data_dir: PathBuf) {
    let files = Files::new(storage, &data_dir);
    let mut ticks = interval_at(Instant::now() + FIRST, AGAIN);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for n in 0_u32.. {
        ticks.tick().await;
        #[cfg(target_env = "gnu")]
        // SAFETY: `malloc_trim` may be called from any thread at any time; it takes the
        // allocator's own locks.
        #[allow(unsafe_code)]
        unsafe {
            libc::malloc_trim(0);
        }
        if n % FILES_EVERY == 0 {
            files.let_go();
        }
    }
}

/// The program and the database, which stay mapped for as long as this value lives.
struct Files {
    /// As the kernel writes them: without links.
    paths: Vec<PathBuf>,
    _storage: Storage,
}

impl Files {
    fn new(storage: Storage, data_dir: &Path) -> Self {
        let program = std::fs::read_link("/proc/self/exe");
        let database = Storage::file(data_dir).canonicalize();
        Self { paths: [program, database].into_iter().flatten().collect(), _storage: storage }
    }

    /// Lets go of their pages. They stay in the system's cache while it has room, and what is used
    /// comes back from there at the next access.
    fn let_go(&self) {
        // In memory, so reading it waits for nothing. Where it is not readable, all stays as it is.
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
        for (start, len) in maps.lines().filter_map(|line| self.read_only(line)) {
            // SAFETY: this is a mapping of a file that cannot be written through and never was, so
            // that each of its pages is read from the file again when it is touched, and nobody
            // sees a difference. Nothing else comes to stand at this address meanwhile: the program
            // is never unmapped, and the database not while this value lives.
            #[allow(unsafe_code)]
            unsafe {
                libc::madvise(start as *mut libc::c_void, len, libc::MADV_DONTNEED);
            }
        }
    }

    /// The address and length of a mapping, if this line of the kernel's list is one of code or of
    /// the shared view of the database. Private data that is read-only now is neither: the loader
    /// may have written to it.
    fn read_only(&self, line: &str) -> Option<(usize, usize)> {
        let (head, path) = line.split_at(line.find('/')?);
        if !self.paths.iter().any(|known| known.as_os_str() == path) {
            return None;
        }
        let mut words = head.split_ascii_whitespace();
        let (range, rights) = (words.next()?, words.next()?);
        if !matches!(rights, "r-xp" | "r--s") {
            return None;
        }
        let (start, end) = range.split_once('-')?;
        let start = usize::from_str_radix(start, 16).ok()?;
        let end = usize::from_str_radix(end, 16).ok()?;
        Some((start, end.checked_sub(start)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::id::FloorId;
    use crate::home::place::Floor;
    use crate::storage::{Keep, Settings, Writer};

    /// Kilobytes of a mapping of the database that are in memory.
    fn resident(path: &Path) -> u64 {
        let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut rows = smaps.lines().skip_while(|line| !line.ends_with(path.to_str().unwrap()));
        let row = rows.find_map(|line| line.strip_prefix("Rss:")).expect("it is mapped");
        row.trim().strip_suffix(" kB").unwrap().parse().unwrap()
    }

    #[test]
    fn the_database_is_let_go_and_reads_the_same() {
        let dir = std::env::temp_dir().join(format!("homard-{}-let-go", std::process::id()));
        let storage = Storage::open(&dir).unwrap();
        let writer = Writer::start(storage.clone(), Settings::default()).unwrap();
        let floor = |n: u32| Floor {
            id: FloorId::new(&format!("f{n}")),
            name: "x".repeat(400),
            aliases: Vec::new(),
            level: None,
        };
        let keeps = (0..500).map(|n| Keep::Floor(floor(n))).collect();
        drop(writer.write_now(keeps).blocking_recv().unwrap().unwrap());
        writer.stop(Duration::from_secs(5)).unwrap();
        let before = storage.dump().unwrap();
        let file = Storage::file(&dir).canonicalize().unwrap();
        let was_resident = resident(&file);
        Files::new(storage.clone(), &dir).let_go();
        let is_resident = resident(&file);
        assert!(was_resident >= 200 && is_resident < 100, "{was_resident} → {is_resident} kB");
        assert_eq!(storage.dump().unwrap(), before);
        let _ = std::fs::remove_dir_all(&dir);
    }

    #[test]
    fn only_what_is_never_written_to_is_let_go() {
        let dir = std::env::temp_dir().join(format!("homard-{}-let-go-not", std::process::id()));
        let mut files = Files::new(Storage::open(&dir).unwrap(), &dir);
        assert_eq!(files.paths.len(), 2);
        files.paths = vec!["/opt/a b/homard".into()];
        let mapping = |rights: &str, path: &str| {
            files.read_only(&format!("1000-3000 {rights} 00000000 fe:00 7      {path}"))
        };
        for rights in ["r-xp", "r--s"] {
            assert_eq!(mapping(rights, "/opt/a b/homard"), Some((0x1000, 0x2000)), "{rights}");
        }
        for rights in ["r--p", "rw-p", "rw-s", "rwxp", "---p"] {
            assert_eq!(mapping(rights, "/opt/a b/homard"), None, "{rights}");
        }
        for other in ["/opt/a", "/usr/lib/libc.so.6", "[vdso]", ""] {
            assert_eq!(mapping("r-xp", other), None, "{other}");
        }
        let _ = std::fs::remove_dir_all(&dir);
    }
}
