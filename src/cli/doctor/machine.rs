//! What the doctor says of the machine beneath: board, clock, disk, memory, heat, power, sound, rights, open ports.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use jiff::tz::TimeZone;
use rustix::fs::StatVfsMountFlags;

use super::{Finding, Level};
use crate::board::{Board, IS_FOR_OLD_PROCESSORS, Memory, Power, Pressure, Wear};
use crate::clock::Clock;
use crate::config::Config;

const GIB: f64 = (1_u64 << 30) as f64;

/// All that needs no data of a house.
pub(super) fn all(board: &Board, config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(board.model().map(|model| Finding::new("board", Level::Good, model)));
    if IS_FOR_OLD_PROCESSORS {
        let text =
            "this program is for processors without AVX2: speech and the language model are slow";
        let remedy =
            "where they are too slow, `[model] ask = false`, or `[voice] stt` on another machine";
        findings.push(Finding::new("processor", Level::Watch, text).with(remedy));
    }
    findings.push(clock(board, &config.home.time_zone));
    findings.extend(board.wear().iter().map(wear));
    findings.extend(board.memory().map(memory));
    findings.extend(board.pressure("memory").map(pressure));
    findings.extend(limits(board));
    findings.extend(board.hottest().map(heat));
    findings.extend(board.power().map(power));
    findings.extend(sound(board, config.voice.microphone.is_some()));
    findings
}

fn clock(board: &Board, zone: &TimeZone) -> Finding {
    let now = Clock::system(zone.clone()).zoned();
    let time = now.strftime("%Y-%m-%d %H:%M:%S %Z").to_string();
    let battery = match board.has_clock() {
        Some(true) => "; a clock with a battery keeps it",
        Some(false) => "; no clock with a battery, so it starts in the past",
        None => "",
    };
    if now.year() < 2026 {
        let text = format!("{time} cannot be right{battery}");
        let remedy = "it comes from the network: is the network up, and does `timedatectl` say that NTP is active?";
        return Finding::new("clock", Level::Bad, text).with(remedy);
    }
    match board.is_synchronized() {
        Some(false) => {
            let text = format!("{time}, not yet set from the network{battery}");
            let remedy = "`timedatectl` says why; timers and automations go by this clock";
            Finding::new("clock", Level::Watch, text).with(remedy)
        }
        Some(true) => {
            Finding::new("clock", Level::Good, format!("{time}, set from the network{battery}"))
        }
        None => Finding::new("clock", Level::Good, format!("{time}{battery}")),
    }
}

/// Room for the data.
pub(super) fn disk(dir: &Path) -> Finding {
    // Before the first start the directory does not exist; its disk does.
    let Some(there) = dir.ancestors().find(|path| path.exists()) else {
        return Finding::new("disk", Level::Bad, format!("{} does not exist", dir.display()));
    };
    match rustix::fs::statvfs(there) {
        Ok(disk) if disk.f_flag.contains(StatVfsMountFlags::RDONLY) => {
            let text = format!("{} can only be read, so nothing is remembered", there.display());
            let remedy = "a worn-out card or a power cut does that: `dmesg` says why, and a restart of the machine has it \
                          checked; then make a backup and change the card";
            Finding::new("disk", Level::Bad, text).with(remedy)
        }
        Ok(disk) => {
            let free = disk.f_bavail as f64 * disk.f_frsize as f64 / GIB;
            let text = format!("{free:.1} GiB are free for {}", dir.display());
            let finding = Finding::new("disk", Level::Good, text);
            let remedy = "`[history] megabytes` bounds what the house takes; `sudo apt-get clean` and old logs free some";
            match free {
                free if free < 0.1 => finding.at(Level::Bad).with(remedy),
                free if free < 1.0 => finding.at(Level::Watch).with(remedy),
                _ => finding,
            }
        }
        Err(error) => {
            let text = format!("{} cannot be looked at: {error}", there.display());
            Finding::new("disk", Level::Bad, text)
        }
    }
}

/// Whether others than the house can read what it knows.
pub(super) fn rights(dir: &Path) -> Option<Finding> {
    let found = fs::metadata(dir).ok()?;
    let (mode, shown) = (found.mode() & 0o777, dir.display());
    if mode & 0o077 != 0 {
        let text = format!("{shown} can be opened by others on this machine (mode {mode:o})");
        let remedy =
            format!("`chmod 700 {shown}`: tokens and what the house remembers are in there");
        return Some(Finding::new("permissions", Level::Watch, text).with(remedy));
    }
    // Whoever asks may be root, or somebody else than the house.
    let strange = fs::read_dir(dir)
        .ok()?
        .flatten()
        .find(|entry| entry.metadata().is_ok_and(|of| of.uid() != found.uid()));
    if let Some(strange) = strange {
        let text = format!("{} belongs to somebody else than the data", strange.path().display());
        let remedy =
            format!("`chown -R --reference={shown} {shown}`: the house could not write to it");
        return Some(Finding::new("permissions", Level::Bad, text).with(remedy));
    }
    Some(Finding::new("permissions", Level::Good, format!("only its owner can open {shown}")))
}

/// Who can reach the house.
pub(super) fn exposure(board: &Board, pid: u32, is_tls: bool) -> Option<Finding> {
    let open: Vec<SocketAddr> =
        board.listens(pid)?.into_iter().filter(|at| !is_local(at.ip())).collect();
    if open.is_empty() {
        return Some(Finding::new("exposure", Level::Good, "only this machine can reach it"));
    }
    let shown: Vec<String> = open.iter().map(ToString::to_string).collect();
    let text = format!("your network can reach it at {}", shown.join(" and "));
    let finding = Finding::new("exposure", Level::Good, text);
    if is_tls {
        return Some(finding);
    }
    let remedy = "passwords cross the network unencrypted: `[http] tls = \"self-signed\"`; and never forward these ports \
                  from the internet";
    Some(finding.at(Level::Watch).with(remedy))
}

fn is_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => {
            ip.is_loopback() || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback())
        }
    }
}

fn wear(wear: &Wear) -> Finding {
    let Wear { device, used } = wear;
    let text = format!("{used} % of the life of the flash memory {device} is used up");
    let finding = Finding::new("wear", Level::Good, text);
    match used {
        90.. => finding.at(Level::Bad).with("replace it soon, and keep a backup"),
        70.. => finding.at(Level::Watch).with("it lasts some time yet; keep a backup"),
        _ => finding,
    }
}

fn memory(memory: Memory) -> Finding {
    let mib = |bytes: u64| bytes >> 20;
    let (free, all) = (mib(memory.available), mib(memory.total));
    let finding = Finding::new("memory", Level::Good, format!("{free} of {all} MiB are available"));
    if memory.available < memory.total / 10 {
        return finding.at(Level::Watch).with(
            "`ps --sort=-rss axo rss,comm | head` shows who takes it; a smaller model leaves more",
        );
    }
    finding
}

fn pressure(pressure: Pressure) -> Finding {
    let Pressure { some, full } = pressure;
    let text = format!("programs waited {some:.0} % of the last minute for memory");
    let finding = Finding::new("pressure", Level::Good, text);
    let remedy = "the board has too little memory for what runs on it: leave a model out, or stop other programs";
    match (some, full) {
        (_, full) if full >= 10.0 => finding.at(Level::Bad).with(remedy),
        (some, _) if some >= 10.0 => finding.at(Level::Watch).with(remedy),
        _ => finding,
    }
}

/// Whether `MemoryMax=` of the unit means anything here.
fn limits(board: &Board) -> Option<Finding> {
    if board.limits_memory()? {
        return None;
    }
    let text = "the kernel does not limit what a service takes, so `MemoryMax=` of homard.service does nothing";
    let remedy = "add `cgroup_enable=memory psi=1` to the one line of /boot/firmware/cmdline.txt, and restart the board";
    Some(Finding::new("limits", Level::Watch, text).with(remedy))
}

fn heat(celsius: f64) -> Finding {
    let finding = Finding::new("temperature", Level::Good, format!("{celsius:.0} °C"));
    // A Raspberry Pi slows down from 80 °C and stops at 85 °C.
    match celsius {
        hot if hot >= 80.0 => {
            finding.at(Level::Bad).with("it slows down: a heat sink, a fan, or another place")
        }
        warm if warm >= 70.0 => {
            finding.at(Level::Watch).with("it slows down from 80 °C; give it air")
        }
        _ => finding,
    }
}

fn power(power: Power) -> Finding {
    let remedy = "the maker's own power supply, a short thick cable, and cooling";
    let Power { now, before } = power;
    if !now.is_empty() {
        let text = format!("now: {}", now.join(", "));
        return Finding::new("power", Level::Bad, text).with(remedy);
    }
    if !before.is_empty() {
        let text = format!("since the start: {}", before.join(", "));
        return Finding::new("power", Level::Watch, text).with(remedy);
    }
    Finding::new("power", Level::Good, "enough, and never throttled since the start")
}

fn sound(board: &Board, is_wanted: bool) -> Option<Finding> {
    let Some(cards) = board.sound_cards().filter(|cards| !cards.is_empty()) else {
        let remedy =
            "plug it in; a microphone HAT needs its `dtoverlay=` in /boot/firmware/config.txt";
        let text = "no sound card, and `[voice] microphone` wants one";
        return is_wanted.then(|| Finding::new("sound", Level::Bad, text).with(remedy));
    };
    let line: Vec<String> = cards
        .iter()
        .map(|card| {
            let can = match (card.hears, card.plays) {
                (true, true) => "hears and plays",
                (true, false) => "hears",
                (false, true) => "plays",
                (false, false) => "is silent",
            };
            format!("{} {can}", card.id)
        })
        .collect();
    let finding = Finding::new("sound", Level::Good, line.join(", "));
    if is_wanted && !cards.iter().any(|card| card.hears) {
        return Some(
            finding
                .at(Level::Bad)
                .with("none of them has a microphone, and `[voice] microphone` wants one"),
        );
    }
    Some(finding)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn level(finding: &Finding) -> (Level, bool) {
        (finding.level, finding.remedy.is_some())
    }

    const WELL: (Level, bool) = (Level::Good, false);
    const WATCH: (Level, bool) = (Level::Watch, true);
    const BAD: (Level, bool) = (Level::Bad, true);

    #[test]
    fn what_is_not_well_has_a_remedy() {
        let mib = 1 << 20;
        let of =
            |available: u64| Memory { total: 1_000 * mib, available: available * mib, swap: 0 };
        assert_eq!(level(&memory(of(500))), WELL);
        assert_eq!(level(&memory(of(10))), WATCH);
        assert_eq!(level(&pressure(Pressure { some: 1.0, full: 0.0 })), WELL);
        assert_eq!(level(&pressure(Pressure { some: 12.0, full: 2.0 })), WATCH);
        assert_eq!(level(&pressure(Pressure { some: 40.0, full: 12.0 })), BAD);
        assert_eq!(level(&heat(41.0)), WELL);
        assert_eq!(level(&heat(72.0)), WATCH);
        assert_eq!(level(&heat(82.0)), BAD);
        let worn = |used| Wear { device: "mmcblk0".to_owned(), used };
        assert_eq!(level(&wear(&worn(10))), WELL);
        assert_eq!(level(&wear(&worn(80))), WATCH);
        assert_eq!(level(&wear(&worn(110))), BAD);
        let volts = vec!["too little voltage"];
        assert_eq!(level(&power(Power::default())), WELL);
        assert_eq!(level(&power(Power { now: vec![], before: volts.clone() })), WATCH);
        assert_eq!(level(&power(Power { now: volts.clone(), before: volts })), BAD);
    }

    #[test]
    fn addresses_of_this_machine_expose_nothing() {
        for (ip, expected) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("0.0.0.0", false),
            ("::", false),
            ("192.168.1.5", false),
        ] {
            assert_eq!(is_local(ip.parse().unwrap()), expected, "{ip}");
        }
    }

    #[test]
    fn data_that_others_can_open_are_noticed() {
        let dir = std::env::temp_dir().join(format!("homard-rights-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let mode = |mode| fs::set_permissions(&dir, fs::Permissions::from_mode(mode)).unwrap();
        mode(0o755);
        assert_eq!(rights(&dir).as_ref().map(level), Some(WATCH));
        mode(0o700);
        assert_eq!(rights(&dir).as_ref().map(level), Some(WELL));
        fs::remove_dir_all(&dir).unwrap();
        assert_eq!(rights(&dir), None);
    }
}
