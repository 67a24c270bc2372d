//! What the board and its kernel say of themselves: model, memory, heat, power, clock, sound, sockets, wear. It reads
//! `/proc` and `/sys` and judges nothing; what is good or bad, and what to do, its users know.
//!
//! These files are in memory, so reading them waits for nothing. Where one is missing, as on other kernels or in a
//! container, its value is missing.

mod budget;
mod sockets;
mod sound;

use std::fs;
use std::path::{Path, PathBuf};

pub use self::budget::{Budget, Squeeze};
pub use self::sound::SoundCard;

/// Whether this program is the one for x86-64 processors without AVX2, in which speech and the language model are slow: their
/// kernels are chosen when they are compiled.
pub const IS_FOR_OLD_PROCESSORS: bool =
    cfg!(all(target_arch = "x86_64", not(target_feature = "avx2")));

/// The machine that this program runs on.
#[derive(Debug, Clone)]
pub struct Board {
    /// Where `proc`, `sys` and `run` are.
    root: PathBuf,
}

/// Working memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// All that the kernel has.
    pub total: u64,
    /// What programs can have without anything being swapped out.
    pub available: u64,
    /// Swap, free and used.
    pub swap: u64,
}

/// How much of the last minute was lost to waiting for something, in percent (PSI, "pressure stall information").
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pressure {
    /// Some program waited.
    pub some: f64,
    /// All of them waited, so that nothing was done.
    pub full: f64,
}

/// What a Raspberry Pi's firmware says about its power and heat, in words for a person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Power {
    /// What is wrong now.
    pub now: Vec<&'static str>,
    /// What was wrong at some time since the start.
    pub before: Vec<&'static str>,
}

/// How much of a flash memory's life is used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wear {
    /// `mmcblk0`
    pub device: String,
    /// Percent, in steps of ten; above 100 when it lives longer than promised.
    pub used: u32,
}

impl Board {
    /// The one beneath.
    pub fn here() -> Self {
        Self::below("/")
    }

    /// Another, whose `proc`, `sys` and `run` lie in this folder.
    pub fn below(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// `Raspberry Pi 4 Model B Rev 1.4`, or the maker's name of a PC.
    pub fn model(&self) -> Option<String> {
        // The device tree's texts end with a NUL.
        let tree = self.text("proc/device-tree/model");
        let tree = tree.trim_matches(['\0', '\n', ' ']);
        if !tree.is_empty() {
            return Some(tree.to_owned());
        }
        let of = |name| self.text(&format!("sys/class/dmi/id/{name}")).trim().to_owned();
        let name = format!("{} {}", of("sys_vendor"), of("product_name"));
        Some(name.trim().to_owned()).filter(|name| !name.is_empty())
    }

    /// Working memory.
    pub fn memory(&self) -> Option<Memory> {
        let text = self.text("proc/meminfo");
        Some(Memory {
            total: kibibytes(&text, "MemTotal")?,
            available: kibibytes(&text, "MemAvailable")?,
            swap: kibibytes(&text, "SwapTotal").unwrap_or(0),
        })
    }

    /// Working memory that this process has taken, in bytes.
    pub fn resident(&self) -> Option<u64> {
        kibibytes(&self.text("proc/self/status"), "VmRSS")
    }

    /// How much waiting there was for `cpu`, `memory` or `io`. Raspberry Pi OS says it only with `psi=1` on the kernel's
    /// command line.
    pub fn pressure(&self, of: &str) -> Option<Pressure> {
        let text = self.text(&format!("proc/pressure/{of}"));
        let minute = |kind: &str| -> Option<f64> {
            let line = text.lines().find_map(|line| line.strip_prefix(kind))?;
            line.split_whitespace().find_map(|word| word.strip_prefix("avg60="))?.parse().ok()
        };
        Some(Pressure { some: minute("some ")?, full: minute("full ").unwrap_or(0.0) })
    }

    /// Whether a service's memory can be limited. Raspberry Pi OS allows it only with `cgroup_enable=memory` on the
    /// kernel's command line.
    pub fn limits_memory(&self) -> Option<bool> {
        let controllers = self.text("sys/fs/cgroup/cgroup.controllers");
        let mut controllers = controllers.split_whitespace().peekable();
        controllers.peek()?;
        Some(controllers.any(|controller| controller == "memory"))
    }

    /// The hottest sensor, in degrees Celsius.
    pub fn hottest(&self) -> Option<f64> {
        let zones = self.entries("sys/class/thermal");
        let heat = |zone: PathBuf| text_of(&zone.join("temp")).trim().parse::<i64>().ok();
        zones.into_iter().filter_map(heat).max().map(|thousandths| thousandths as f64 / 1e3)
    }

    /// What the firmware of a Raspberry Pi has noted. Some kernels of the Pi 5 do not hand it out.
    pub fn power(&self) -> Option<Power> {
        // `soc/soc:firmware` up to the Pi 4, `soc@107c000000/soc@107c000000:firmware` on the Pi 5.
        let mut folders = self.entries("sys/devices/platform");
        folders.retain(|folder| name_of(folder).starts_with("soc"));
        let parts = folders.iter().flat_map(|folder| entries(folder));
        let mut firmware = parts.filter(|part| name_of(part).ends_with("firmware"));
        let text = firmware.find_map(|part| fs::read_to_string(part.join("get_throttled")).ok())?;
        let bits = u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok()?;
        // Bits 0 to 3 are now, 16 to 19 since the start.
        let names = ["too little voltage", "frequency capped", "throttled", "temperature limit"];
        let set = |shift: usize| {
            let named = names.iter().enumerate().filter(|(at, _)| bits >> (at + shift) & 1 == 1);
            named.map(|(_, name)| *name).collect()
        };
        Some(Power { now: set(0), before: set(16) })
    }

    /// Whether there is a clock with a battery, which knows the time at the start. `None` where nobody says.
    pub fn has_clock(&self) -> Option<bool> {
        let clocks = fs::read_dir(self.root.join("sys/class/rtc")).ok()?;
        Some(clocks.flatten().next().is_some())
    }

    /// Whether systemd-timesyncd has set the clock from the network. `None` where it does not run.
    pub fn is_synchronized(&self) -> Option<bool> {
        let folder = self.root.join("run/systemd/timesync");
        folder.exists().then(|| folder.join("synchronized").exists())
    }

    /// How much of the life of built-in flash memory (eMMC) is used up. SD cards do not say.
    pub fn wear(&self) -> Vec<Wear> {
        let of = |device: PathBuf| {
            // Two estimates, `0x01 0x02`: each is a tenth begun.
            let text = text_of(&device.join("device/life_time"));
            let tenth = |word: &str| u32::from_str_radix(word.trim_start_matches("0x"), 16).ok();
            let used = text.split_whitespace().filter_map(tenth).max().filter(|used| *used > 0)?;
            Some(Wear { device: name_of(&device), used: used * 10 })
        };
        self.entries("sys/block").into_iter().filter_map(of).collect()
    }

    fn text(&self, path: &str) -> String {
        text_of(&self.root.join(path))
    }

    fn entries(&self, path: &str) -> Vec<PathBuf> {
        entries(&self.root.join(path))
    }
}

/// Sorted, so that what is found first is always the same.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(found) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = found.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn text_of(path: &Path) -> String {
    // A missing file says as much as an empty one. The device tree is not always UTF-8.
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

/// `MemTotal:       16264704 kB`, in bytes.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests;
