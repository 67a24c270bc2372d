//! Keeps the resident memory small. glibc gives each thread a heap of its own, and keeps what a
//! burst of announcements freed; and what was needed for the start only stays mapped: its code, and
//! the whole database, which is only written to from then on. A home needs none of that.
//!
//! And it holds the models to their budget ([`crate::board::Budget`]): what is loaded together takes no more, and all of
//! it is given back while memory is scarce, before the system ends a program. What is given back first is what a house
//! misses least.

use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, interval_at};
use tracing::info;

use crate::board::Board;
use crate::storage::Storage;

/// Heaps that threads share; more cost memory and gain nothing with so little contention.
#[cfg(target_env = "gnu")]
const HEAPS: i32 = 2;
/// From so many bytes on, what is freed is the system's again at once. By itself glibc learns to keep such blocks from the first
/// that is freed (mallopt(3), `M_MMAP_THRESHOLD`), of which some come again and again: 19 MiB for each password.
#[cfg(target_env = "gnu")]
const LARGE: i32 = 4 << 20;
/// The announcements after a start are over by then.
const FIRST: Duration = Duration::from_secs(5);
/// And from time to time, for what comes later. Takes a millisecond.
const AGAIN: Duration = Duration::from_secs(15);

/// How often it is looked whether memory is scarce while something is loaded.
const LOOKED: Duration = Duration::from_secs(5);
/// How long it is waited for something that is to be given back and is in use.
const WAITED: Duration = Duration::from_secs(5);

/// To be called before there are threads.
pub(super) fn share_heaps() {
    #[cfg(target_env = "gnu")]
    // SAFETY: `mallopt` only sets a number of the allocator, at any time and under its own lock.
    #[allow(unsafe_code)]
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, HEAPS);
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
    }
}

/// Gives freed memory, and pages of files that can be read again, back to the system, now and then.
pub(super) async fn give_back(storage: Storage, data_dir: PathBuf) {
    let files = Files::new(storage, &data_dir);
    let mut ticks = interval_at(Instant::now() + FIRST, AGAIN);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        trim();
        files.let_go();
    }
}

/// Gives what was freed back to the system.
fn trim() {
    #[cfg(target_env = "gnu")]
    // SAFETY: `malloc_trim` may be called from any thread at any time; it takes the
    // allocator's own locks.
    #[allow(unsafe_code)]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Something that takes much memory while it is loaded, and comes back by itself when it is needed.
pub(super) struct Holder {
    pub(super) name: &'static str,
    /// What it takes while it is loaded.
    pub(super) bytes: Box<dyn Fn() -> u64 + Send + Sync>,
    pub(super) is_loaded: Box<dyn Fn() -> bool + Send + Sync>,
    /// What it answers is disconnected once the memory is given back.
    pub(super) give_back: Box<dyn Fn() -> Receiver<()> + Send + Sync>,
}

/// Those that hold memory, for who wants to load something. Cheap to clone.
#[derive(Clone)]
pub(super) struct Keeper {
    board: Board,
    holders: Arc<OnceLock<Vec<Holder>>>,
}

impl Keeper {
    pub(super) fn new(board: Board) -> Self {
        Self { board, holders: Arc::default() }
    }

    /// Once, before anything is loaded. What is to be missed first stands first.
    pub(super) fn know(&self, holders: impl Iterator<Item = Holder>) {
        let is_first = self.holders.set(holders.collect()).is_ok();
        debug_assert!(is_first, "those that hold memory are known already");
    }

    /// Has others give back their memory until so much fits beside them. It waits for them: to be called by the thread that
    /// loads something.
    #[cfg(any(feature = "speech", feature = "model"))]
    pub(super) fn make_room(&self, bytes: u64) {
        let (Some(budget), Some(holders)) = (self.board.budget(), self.holders.get()) else {
            return;
        };
        for (at, holder) in holders.iter().enumerate().filter(|(_, holder)| (holder.is_loaded)()) {
            let others = holders[at..].iter().filter(|holder| (holder.is_loaded)());
            let sum: u64 = others.map(|holder| (holder.bytes)()).sum();
            let is_scarce = self.board.room().is_some_and(|room| room < bytes);
            if sum + bytes <= budget.models && !is_scarce {
                return;
            }
            info!(what = holder.name, "Memory is given back, as something else is needed.");
            done((holder.give_back)());
        }
    }
}

/// Keeps what is loaded within the budget; never ends.
pub(super) async fn keep_within(keeper: Keeper) {
    let Keeper { board, holders } = keeper;
    let (Some(budget), Some(holders)) = (board.budget(), holders.get()) else { return };
    if holders.is_empty() {
        return;
    }
    let mib = budget.models >> 20;
    info!(total_mib = budget.total >> 20, models_mib = mib, "Memory that models may take.");
    let mut ticks = interval(LOOKED);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        for (holder, why) in too_much(&board, budget.models, holders) {
            info!(what = holder.name, why, "Memory is given back.");
            let is_done = (holder.give_back)();
            // Nobody waits for it.
            drop(tokio::task::spawn_blocking(move || done(is_done)));
        }
    }
}

/// Waits until something is given back, or that takes too long, and hands it on to the system.
fn done(is_done: Receiver<()>) {
    let _ = is_done.recv_timeout(WAITED);
    trim();
}

/// What is to be given back now, and why. Reads nothing while nothing is loaded.
fn too_much<'h>(
    board: &Board,
    budget: u64,
    holders: &'h [Holder],
) -> Vec<(&'h Holder, &'static str)> {
    let loaded: Vec<&Holder> = holders.iter().filter(|holder| (holder.is_loaded)()).collect();
    if loaded.is_empty() {
        return Vec::new();
    }
    if let Some(squeeze) = board.squeeze() {
        return loaded.into_iter().map(|holder| (holder, squeeze.words())).collect();
    }
    let mut sum: u64 = loaded.iter().map(|holder| (holder.bytes)()).sum();
    let over = loaded.into_iter().take_while(|holder| {
        let is_over = sum > budget;
        sum = sum.saturating_sub((holder.bytes)());
        is_over
    });
    over.map(|holder| (holder, "more is loaded than this board has room for")).collect()
}

/// What is mapped of files for as long as this value lives.
struct Files {
    /// Of the program and its libraries, which are never unmapped, what nobody writes to.
    program: Vec<(usize, usize)>,
    /// As the kernel writes it: without links.
    database: PathBuf,
    _storage: Storage,
}

impl Files {
    /// To be called before there are libraries that come and go.
    fn new(storage: Storage, data_dir: &Path) -> Self {
        let database = Storage::file(data_dir);
        let program = maps().lines().filter_map(of_program).collect();
        Self { program, database: database.canonicalize().unwrap_or(database), _storage: storage }
    }

    /// Lets go of their pages. They stay in the system's cache while it has room, and what is used
    /// comes back from there at the next access.
    fn let_go(&self) {
        let maps = maps();
        let database = maps.lines().filter_map(|line| self.of_database(line));
        for (start, len) in self.program.iter().copied().chain(database) {
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

    /// The shared view of the database.
    fn of_database(&self, line: &str) -> Option<(usize, usize)> {
        let mapping = Mapping::read(line)?;
        (mapping.rights == "r--s" && self.database.as_os_str() == mapping.path)
            .then_some(mapping.place)
    }
}

/// Code, and the constants at the head of a program or library. Other private data that is read-only
/// now is neither: the loader may have written to it.
fn of_program(line: &str) -> Option<(usize, usize)> {
    let mapping = Mapping::read(line)?;
    let is_untouched = match mapping.rights {
        "r-xp" => true,
        "r--p" => mapping.offset.bytes().all(|digit| digit == b'0'),
        _ => false,
    };
    is_untouched.then_some(mapping.place)
}

/// The kernel's list. In memory, so reading it waits for nothing; where it is not readable, nothing
/// is let go.
fn maps() -> String {
    std::fs::read_to_string("/proc/self/maps").unwrap_or_default()
}

/// A mapping of a file, as the kernel lists it.
struct Mapping<'a> {
    /// Address and length.
    place: (usize, usize),
    rights: &'a str,
    offset: &'a str,
    path: &'a str,
}

impl<'a> Mapping<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let (head, path) = line.split_at(line.find('/')?);
        let mut words = head.split_ascii_whitespace();
        let (range, rights, offset) = (words.next()?, words.next()?, words.next()?);
        let (start, end) = range.split_once('-')?;
        let start = usize::from_str_radix(start, 16).ok()?;
        let end = usize::from_str_radix(end, 16).ok()?;
        Some(Self { place: (start, end.checked_sub(start)?), rights, offset, path })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;

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
        files.database = "/var/a b/data.mdb".into();
        let line = |rights: &str, offset: &str, path: &str| {
            format!("1000-3000 {rights} {offset} fe:00 7      {path}")
        };
        let check = |rights, offset, path, of_program: bool, of_database: bool| {
            let line = line(rights, offset, path);
            let found = (super::of_program(&line).is_some(), files.of_database(&line).is_some());
            assert_eq!(found, (of_program, of_database), "{line}");
        };
        let place = Some((0x1000, 0x2000));
        assert_eq!(of_program(&line("r-xp", "00026000", "/opt/a b/homard")), place);
        assert_eq!(files.of_database(&line("r--s", "00000000", "/var/a b/data.mdb")), place);
        check("r-xp", "00026000", "/usr/lib/libc.so.6", true, false);
        check("r--p", "00000000", "/opt/a b/homard", true, false);
        check("r--s", "00000000", "/var/a b/data.mdb", false, true);
        check("r--s", "00000000", "/var/data.mdb", false, false);
        // What the loader writes to before it is read-only comes after the head of a file.
        check("r--p", "00d1c000", "/opt/a b/homard", false, false);
        for rights in ["rw-p", "rw-s", "rwxp", "---p"] {
            check(rights, "00000000", "/opt/a b/homard", false, false);
        }
        check("r-xp", "00000000", "[vdso]", false, false);
        check("r-xp", "00000000", "", false, false);
        let _ = std::fs::remove_dir_all(&dir);
    }

    /// Something that is loaded until it is given back.
    fn held(name: &'static str, mib: u64) -> Holder {
        let is_there = Arc::new(AtomicBool::new(true));
        let told = Arc::clone(&is_there);
        Holder {
            name,
            bytes: Box::new(move || mib << 20),
            is_loaded: Box::new(move || is_there.load(Ordering::Relaxed)),
            give_back: Box::new(move || {
                told.store(false, Ordering::Relaxed);
                mpsc::sync_channel(0).1
            }),
        }
    }

    #[test]
    fn models_stay_within_the_budget_and_go_when_memory_is_scarce() {
        let root = std::env::temp_dir().join(format!("homard-{}-budget", std::process::id()));
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let board = Board::below(&root);
        let check = |mib: u64, expected: &[&str]| {
            let holders = [held("model", 130), held("speech", 150)];
            let found = too_much(&board, mib << 20, &holders);
            assert_eq!(found.iter().map(|(one, _)| one.name).collect::<Vec<_>>(), expected);
            found.iter().for_each(|(holder, _)| drop((holder.give_back)()));
            // What is over is over once.
            assert!(expected.len() == 2 || too_much(&board, mib << 20, &holders).is_empty());
        };
        write("proc/meminfo", "MemTotal: 1000000 kB\nMemAvailable: 500000 kB\n");
        write("proc/self/status", "RssAnon: 300000 kB\n");
        check(280, &[]);
        check(279, &["model"]);
        check(150, &["model"]);
        check(149, &["model", "speech"]);
        write("proc/pressure/memory", "some avg10=25.00 avg60=9.00 avg300=1.00 total=9\n");
        check(1_000, &["model", "speech"]);
        let nothing = held("model", 130);
        drop((nothing.give_back)());
        assert!(too_much(&board, 1_000 << 20, &[nothing]).is_empty());
        std::fs::remove_dir_all(&root).unwrap();
    }

    #[cfg(any(feature = "speech", feature = "model"))]
    #[test]
    fn what_is_to_be_loaded_gets_room_before_it_is() {
        let root = std::env::temp_dir().join(format!("homard-{}-room", std::process::id()));
        std::fs::create_dir_all(root.join("proc")).unwrap();
        let check = |available_mib: u64, mib: u64, stay: &[&str]| {
            let text = format!("MemTotal: 1000000 kB\nMemAvailable: {} kB\n", available_mib << 10);
            std::fs::write(root.join("proc/meminfo"), text).unwrap();
            let keeper = Keeper::new(Board::below(&root));
            keeper.make_room(mib << 20);
            keeper.know([held("chat", 130), held("model", 130), held("speech", 90)].into_iter());
            keeper.make_room(mib << 20);
            let holders = keeper.holders.get().unwrap().iter();
            let loaded: Vec<_> =
                holders.filter(|one| (one.is_loaded)()).map(|one| one.name).collect();
            assert_eq!(loaded, stay, "{mib} of {available_mib}");
        };
        // Two fifths of the memory are 390 MiB.
        check(700, 40, &["chat", "model", "speech"]);
        check(700, 41, &["model", "speech"]);
        check(700, 171, &["speech"]);
        check(700, 301, &[]);
        // There are less than that. What the others give back does not show in these files.
        check(39, 40, &[]);
        std::fs::remove_dir_all(&root).unwrap();
    }
}
