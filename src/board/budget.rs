//! How much of this board's memory models may take together, and whether it is time to give some back.

use super::{Board, kibibytes};

/// Of the memory that there is, what models may take.
const SHARE: f64 = 0.4;
/// What is left to the house and the system whatever the share says, in bytes.
const REST: u64 = 256 << 20;
/// Percent of the last ten seconds in which programs waited for memory: some of them, all of them.
const WAITED: (f64, f64) = (10.0, 4.0);
/// Less than this share of memory that can be had is too little.
const LEAST: f64 = 0.06;
/// More than this share of a service's limit taken is too much.
const MOST: f64 = 0.85;

/// The memory of this board, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// What there is for this process: the board's, or less where its service has a limit.
    pub total: u64,
    /// What models may take of it together.
    pub models: u64,
}

/// Why memory is to be given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Squeeze {
    /// Programs wait for memory.
    Pressure,
    /// Hardly any can be had.
    Little,
    /// The service has nearly reached its limit, at which the system would end it.
    Limit,
}

impl Squeeze {
    /// In plain words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Pressure => "programs wait for memory",
            Self::Little => "hardly any memory is left",
            Self::Limit => "the limit of the service is near",
        }
    }
}

impl Board {
    /// What models may take: two fifths of the memory, less where the house would be left with too little.
    pub fn budget(&self) -> Option<Budget> {
        let board = self.memory()?.total;
        let total = self.limit().map_or(board, |limit| limit.min(board));
        let share = (total as f64 * SHARE) as u64;
        Some(Budget { total, models: share.min(total.saturating_sub(REST)) })
    }

    /// Whether memory is so scarce that what can be had again is to be given back.
    pub fn squeeze(&self) -> Option<Squeeze> {
        let text = self.text("proc/pressure/memory");
        let waited = |kind: &str| -> Option<f64> {
            let line = text.lines().find_map(|line| line.strip_prefix(kind))?;
            line.split_whitespace().find_map(|word| word.strip_prefix("avg10="))?.parse().ok()
        };
        let is_over = |kind, bar| waited(kind).is_some_and(|share| share >= bar);
        if is_over("some ", WAITED.0) || is_over("full ", WAITED.1) {
            return Some(Squeeze::Pressure);
        }
        let memory = self.memory()?;
        if (memory.available as f64) < memory.total as f64 * LEAST {
            return Some(Squeeze::Little);
        }
        self.groups().iter().any(|group| group.room() == 0).then_some(Squeeze::Limit)
    }

    /// What this process can take without anybody waiting for it or being ended: of the board's memory, and of what its
    /// service may have.
    pub fn room(&self) -> Option<u64> {
        let of_groups = self.groups().iter().map(Group::room).min();
        let available = self.memory().map(|memory| memory.available);
        [of_groups, available].into_iter().flatten().min()
    }

    /// The least limit of memory of this process's service and of those around it, in bytes.
    pub fn limit(&self) -> Option<u64> {
        self.groups().iter().map(|group| group.limit).min()
    }

    /// The cgroups that this process is in and that have a limit, of both versions.
    fn groups(&self) -> Vec<Group> {
        let text = self.text("proc/self/cgroup");
        let found = text.lines().filter_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, path) = (parts.next()?, parts.next()?.trim_matches('/'));
            let version = match controllers {
                "" => &SECOND,
                all if all.split(',').any(|one| one == "memory") => &FIRST,
                _ => return None,
            };
            // The group itself and all that it is in. Within a container its path may not be there.
            let above = path.match_indices('/').map(|(at, _)| &path[..at]);
            let groups = above.chain([path, ""]);
            Some(groups.filter_map(|path| self.group(version, path)).collect::<Vec<_>>())
        });
        found.flatten().collect()
    }

    fn group(&self, version: &Version, path: &str) -> Option<Group> {
        let file = |name: &str| self.text(&format!("{}/{path}/{name}", version.root));
        let limits = version.limits.iter().filter_map(|name| file(name).trim().parse().ok());
        // Version 1 writes a number beyond all memory where there is none.
        let limit = limits.min().filter(|limit| *limit < 1 << 50)?;
        let stat = file("memory.stat");
        let taken =
            stat.lines().find_map(|line| line.strip_prefix(version.taken)?.trim().parse().ok());
        // What this process has, where nobody says what all have.
        let own = || kibibytes(&self.text("proc/self/status"), "RssAnon");
        Some(Group { limit, taken: taken.or_else(own).unwrap_or(0) })
    }
}

/// Where a version of cgroups has its files, and how they are called.
struct Version {
    root: &'static str,
    limits: &'static [&'static str],
    /// The row of `memory.stat` with what was not read from files. Their pages are taken back by the system itself before
    /// the limit counts.
    taken: &'static str,
}

const FIRST: Version = Version {
    root: "sys/fs/cgroup/memory",
    limits: &["memory.limit_in_bytes"],
    taken: "total_rss ",
};
const SECOND: Version =
    Version { root: "sys/fs/cgroup", limits: &["memory.max", "memory.high"], taken: "anon " };

/// A cgroup with a limit of memory, in bytes.
struct Group {
    limit: u64,
    /// What all its processes have of it.
    taken: u64,
}

impl Group {
    /// What can still be taken.
    fn room(&self) -> u64 {
        ((self.limit as f64 * MOST) as u64).saturating_sub(self.taken)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    /// A machine made of files.
    struct Machine(PathBuf);

    impl Machine {
        fn new(name: &str, mib: u64, available: u64) -> Self {
            let dir =
                std::env::temp_dir().join(format!("homard-budget-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&dir);
            let machine = Self(dir);
            let text =
                format!("MemTotal: {} kB\nMemAvailable: {} kB\n", mib << 10, available << 10);
            machine.write("proc/meminfo", &text);
            machine.write("proc/self/status", "RssAnon:\t 102400 kB\n");
            machine
        }

        fn write(&self, path: &str, text: &str) -> &Self {
            let path = self.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
            self
        }

        fn board(&self) -> Board {
            Board::below(&self.0)
        }
    }

    impl Drop for Machine {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn each_board_has_its_budget() {
        // What Linux has of 512 MB, and of 1, 2, 4 and 8 GB, on Raspberry Pis; in MiB.
        for (total, models) in
            [(416, 160), (906, 362), (1_848, 739), (3_792, 1_516), (7_930, 3_172)]
        {
            let machine = Machine::new(&format!("board-{total}"), total, total / 2);
            let budget = machine.board().budget().unwrap();
            assert_eq!((budget.total >> 20, budget.models >> 20), (total, models));
        }
    }

    #[test]
    fn a_limit_of_the_service_counts_and_those_around_it() {
        let machine = Machine::new("limit", 4_000, 2_000);
        let check = |expected: Option<u64>| {
            assert_eq!(machine.board().limit().map(|limit| limit >> 20), expected);
        };
        check(None);
        machine.write("proc/self/cgroup", "0::/system.slice/homard.service\n");
        check(None);
        machine.write("sys/fs/cgroup/system.slice/memory.max", "max\n");
        machine.write("sys/fs/cgroup/system.slice/homard.service/memory.max", "1048576000\n");
        check(Some(1_000));
        assert_eq!(machine.board().budget().map(|budget| budget.models >> 20), Some(400));
        machine.write("sys/fs/cgroup/system.slice/homard.service/memory.high", "943718400\n");
        check(Some(900));
        machine.write("sys/fs/cgroup/system.slice/memory.max", "524288000\n");
        check(Some(500));
        machine.write("proc/self/cgroup", "8:memory:/a/b\n4:cpu:/c\n");
        machine.write("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n");
        check(None);
        machine.write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "314572800\n");
        check(Some(300));
    }

    #[test]
    fn it_is_noticed_when_memory_is_scarce() {
        let machine = Machine::new("squeeze", 1_000, 500);
        let check = |expected| assert_eq!(machine.board().squeeze(), expected);
        check(None);
        let pressure = |some: f64, full: f64| {
            let line =
                |kind, share| format!("{kind} avg10={share:.2} avg60=0.00 avg300=0.00 total=5\n");
            machine.write("proc/pressure/memory", &(line("some", some) + &line("full", full)));
        };
        pressure(9.9, 3.9);
        check(None);
        pressure(10.0, 0.0);
        check(Some(Squeeze::Pressure));
        pressure(0.0, 4.0);
        check(Some(Squeeze::Pressure));
        pressure(0.0, 0.0);
        machine
            .write("proc/self/cgroup", "0::/x\n")
            .write("sys/fs/cgroup/x/memory.max", "115343360\n");
        check(Some(Squeeze::Limit));
        assert_eq!(machine.board().room(), Some(0));
        machine.write("sys/fs/cgroup/x/memory.max", "157286400\n");
        check(None);
        assert_eq!(machine.board().room(), Some(157_286_400 * 85 / 100 - (100 << 20)));
        // Others of the service count: a voice that speaks is a program of its own.
        machine.write("sys/fs/cgroup/x/memory.stat", "anon 146800640\nfile 1048576\n");
        check(Some(Squeeze::Limit));
        machine.write("sys/fs/cgroup/x/memory.stat", "anon 52428800\nfile 99048576\n");
        check(None);
        assert_eq!(machine.board().room(), Some(157_286_400 * 85 / 100 - (50 << 20)));
        machine.write("proc/meminfo", "MemTotal: 1024000 kB\nMemAvailable: 60000 kB\n");
        check(Some(Squeeze::Little));
    }
}
