//! `homard doctor`: is everything well? Asks the daemon what only it knows, and looks itself at the
//! rest, so it says something useful without a daemon too.

use std::fs;
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::daemon::{Connection, Daemon, usual_places};
use super::{FAILED, Failure, ModelDir, Place, say};
use crate::app::run_file::RunFile;
use crate::catalog::{Catalog, Presence, SENTENCES, Store};
use crate::clock::Clock;
use crate::config::{Broker, Config};

/// Problems shown one by one; the rest is counted.
const SHOWN: usize = 20;
/// Longest wait for the broker's port.
const PATIENCE: Duration = Duration::from_secs(2);
const GIB: f64 = (1_u64 << 30) as f64;

#[derive(Args)]
pub(super) struct Doctor {
    /// Print the findings as JSON
    #[arg(long, env = "HOMARD_JSON", value_parser = BoolishValueParser::new())]
    json: bool,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    models: ModelDir,
    #[command(flatten)]
    daemon: Daemon,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Good,
    Watch,
    Bad,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Watch => "warning",
            Self::Bad => "problem",
        }
    }
}

/// One line.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    what: &'static str,
    level: Level,
    text: String,
}

impl Finding {
    fn new(what: &'static str, level: Level, text: impl Into<String>) -> Self {
        Self { what, level, text: text.into() }
    }
}

impl Doctor {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut findings = Vec::new();
        let config = match self.place.config() {
            Ok(config) => config,
            Err(failure) => {
                findings.push(Finding::new("configuration", Level::Bad, failure.text));
                Config::new()
            }
        };
        let places = usual_places(self.place.data_dir.as_deref())?;
        let running = places.iter().find_map(|dir| Some((dir, RunFile::read(dir)?)));
        let dir = running.as_ref().map_or_else(|| places.first(), |(dir, _)| Some(*dir));
        match self.daemon.find(&places) {
            Ok(daemon) => house(&daemon, &mut findings),
            Err(failure) => findings.push(Finding::new("homard", Level::Watch, failure.text)),
        }
        let broker =
            running.as_ref().map_or_else(|| address(&config), |(_, run)| run.broker.clone());
        findings.push(reach(&broker));
        findings.push(clock(&config.home.time_zone));
        if let Some(dir) = dir {
            let models = Store::new(self.models.of(dir)?);
            findings.push(sentences(&models));
            #[cfg(feature = "model")]
            findings.push(model(&models, config.model.ask));
            findings.push(disk(dir));
        }
        findings.extend(memory(&text_of("/proc/meminfo")));
        findings.extend(temperature(&thermal_zones()));
        let throttled = text_of("/sys/devices/platform/soc/soc:firmware/get_throttled");
        findings.extend(throttling(&throttled));
        self.show(&findings)?;
        if findings.iter().any(|finding| finding.level == Level::Bad) {
            return Err(Failure::new(FAILED, ""));
        }
        Ok(())
    }

    fn show(&self, findings: &[Finding]) -> Result<(), Failure> {
        if self.json {
            let all: Vec<Value> = findings
                .iter()
                .map(|finding| {
                    json!({
                        "what": finding.what, "level": finding.level.word(), "text": finding.text,
                    })
                })
                .collect();
            return say(format!("{:#}", Value::Array(all)));
        }
        for finding in findings {
            say(format!("{:8} {:13} {}", finding.level.word(), finding.what, finding.text))?;
        }
        Ok(())
    }
}

/// What only the daemon knows.
fn house(daemon: &Connection, findings: &mut Vec<Finding>) {
    let health = match daemon.get("/healthz") {
        Ok(health) => health,
        Err(no) => {
            findings.push(Finding::new("homard", Level::Bad, Failure::from(no).text));
            return;
        }
    };
    let version = health["version"].as_str().unwrap_or("?");
    let text = format!("version {version} answers at {}", daemon.url());
    findings.push(Finding::new("homard", Level::Good, text));
    match daemon.text("/metrics") {
        Ok(figures) => findings.push(devices(&figures)),
        Err(no) => findings.push(Finding::new("devices", Level::Watch, Failure::from(no).text)),
    }
    match daemon.get("/api/homard/problems") {
        Ok(Value::Array(problems)) => findings.extend(problems_of(&problems)),
        Ok(_) => {}
        Err(no) => findings.push(Finding::new("problems", Level::Watch, Failure::from(no).text)),
    }
}

/// From the figures in Prometheus' text format.
fn devices(figures: &str) -> Finding {
    let sum = |name: &str| -> f64 {
        // Not `sum`: of nothing it is a negative zero.
        let rows = figures.lines().filter_map(|line| {
            let (head, number) = line.rsplit_once(' ')?;
            let is_it = head == name || head.strip_prefix(name)?.starts_with('{');
            is_it.then(|| number.parse::<f64>().ok())?
        });
        rows.fold(0.0, |all, row| all + row)
    };
    let (n_devices, n_entities) = (sum("homard_devices"), sum("homard_entities"));
    let unavailable = sum("homard_entities_unavailable");
    let memory = sum("process_resident_memory_bytes") / f64::from(1 << 20);
    let all = format!("{n_devices} devices, {n_entities} entities, {memory:.0} MiB of memory");
    if unavailable > 0.0 {
        let text = format!("{all}; {unavailable} entities cannot be reached");
        return Finding::new("devices", Level::Watch, text);
    }
    Finding::new("devices", Level::Good, all)
}

fn problems_of(problems: &[Value]) -> Vec<Finding> {
    let text = |problem: &Value, key: &str| problem[key].as_str().map(str::to_owned);
    let line = |problem: &Value| {
        let place = ["entity_id", "topic", "part"].iter().find_map(|key| text(problem, key));
        let producer = text(problem, "producer").map(|name| format!(" ({name})"));
        let count = match problem["count"].as_u64() {
            Some(count) if count > 1 => format!(", {count} times"),
            _ => String::new(),
        };
        let what = text(problem, "text").unwrap_or_default();
        let place = place.unwrap_or_default();
        let text = format!("{place}{}: {what}{count}", producer.unwrap_or_default());
        Finding::new("problem", Level::Watch, text)
    };
    let mut findings: Vec<Finding> = problems.iter().take(SHOWN).map(line).collect();
    if problems.len() > SHOWN {
        let text = format!("and {} more; see /api/homard/problems", problems.len() - SHOWN);
        findings.push(Finding::new("problem", Level::Watch, text));
    }
    findings
}

fn address(config: &Config) -> String {
    match &config.mqtt.broker {
        Broker::Embedded { listen, .. } => listen.to_string(),
        Broker::Outside(outside) if outside.host.contains(':') => {
            format!("[{}]:{}", outside.host, outside.port)
        }
        Broker::Outside(outside) => format!("{}:{}", outside.host, outside.port),
    }
}

fn reach(address: &str) -> Finding {
    let resolved = address.to_socket_addrs().map(Iterator::collect::<Vec<_>>);
    let reached = match resolved {
        Err(error) => Err(error),
        Ok(all) => all.iter().find_map(|one| TcpStream::connect_timeout(one, PATIENCE).ok()).ok_or(
            std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "nothing listens there"),
        ),
    };
    match reached {
        Ok(_) => Finding::new("broker", Level::Good, format!("{address} can be reached")),
        Err(error) => {
            let text = format!("{address} cannot be reached: {error}");
            Finding::new("broker", Level::Bad, text)
        }
    }
}

fn clock(zone: &TimeZone) -> Finding {
    let now = Clock::system(zone.clone()).zoned();
    let text = now.strftime("%Y-%m-%d %H:%M:%S %Z").to_string();
    if now.year() < 2026 {
        let hint = "is the network up? A board without a battery clock starts in the past";
        return Finding::new("clock", Level::Bad, format!("{text} cannot be right; {hint}"));
    }
    // Written by systemd-timesyncd once the time came from the network.
    if Path::new("/run/systemd/timesync").exists()
        && !Path::new("/run/systemd/timesync/synchronized").exists()
    {
        let text = format!("{text}, not yet set from the network");
        return Finding::new("clock", Level::Watch, text);
    }
    Finding::new("clock", Level::Good, text)
}

fn disk(dir: &Path) -> Finding {
    // Before the first start the directory does not exist; its disk does.
    let Some(there) = dir.ancestors().find(|path| path.exists()) else {
        return Finding::new("disk", Level::Bad, format!("{} does not exist", dir.display()));
    };
    match rustix::fs::statvfs(there) {
        Ok(disk) => {
            let free = disk.f_bavail as f64 * disk.f_frsize as f64 / GIB;
            let text = format!("{free:.1} GiB are free for {}", dir.display());
            let level = match free {
                free if free < 0.1 => Level::Bad,
                free if free < 1.0 => Level::Watch,
                _ => Level::Good,
            };
            Finding::new("disk", level, text)
        }
        Err(error) => {
            let text = format!("{} cannot be looked at: {error}", there.display());
            Finding::new("disk", Level::Bad, text)
        }
    }
}

/// Whether the packs of all languages are there. Homard works without them.
fn sentences(store: &Store) -> Finding {
    let finding = |level, text: String| Finding::new("sentences", level, text);
    let catalog = Catalog::built_in();
    let model = catalog.as_ref().ok().and_then(|catalog| catalog.model(SENTENCES));
    let fetch = "`homard models pull` fetches";
    match model.map(|model| (store.presence(model), model)) {
        Some((Presence::Whole, model)) => {
            finding(Level::Good, format!("{} languages", model.languages.len()))
        }
        Some((Presence::Partial(n), model)) => {
            let text = format!(
                "{n} of {} files of the packs are right; {fetch} the rest",
                model.files.len()
            );
            finding(Level::Watch, text)
        }
        Some((Presence::Absent, _)) => {
            let dir = store.dir().display();
            finding(
                Level::Good,
                format!("English and French, built in; {fetch} 65 languages to {dir}"),
            )
        }
        None => finding(Level::Bad, "the catalogue of models cannot be read".to_owned()),
    }
}

/// Whether the language model is there. Homard works without it.
#[cfg(feature = "model")]
fn model(store: &Store, is_asked: bool) -> Finding {
    let catalog = Catalog::built_in();
    let models = catalog.iter().flat_map(|catalog| &catalog.models);
    let mut models = models.filter(|model| model.kind == "language model" && model.default);
    let is_there = models.any(|model| store.presence(model) == Presence::Whole);
    let text = match (is_asked, is_there) {
        (false, _) => "is not asked, by `[model] ask`",
        (true, true) => "is asked about what nobody understands",
        (true, false) => {
            "is not there, so nothing unusual is understood; `homard models pull` fetches it"
        }
    };
    Finding::new("language model", Level::Good, text.to_owned())
}

/// From `/proc/meminfo`.
fn memory(text: &str) -> Option<Finding> {
    let kibibytes = |name: &str| -> Option<f64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    let mebibytes = |name| Some(kibibytes(name)? / 1024.0);
    let (free, all) = (mebibytes("MemAvailable")?, mebibytes("MemTotal")?);
    let level = if free < all * 0.1 { Level::Watch } else { Level::Good };
    Some(Finding::new("memory", level, format!("{free:.0} of {all:.0} MiB are available")))
}

/// In thousandths of a degree, as the kernel tells it.
fn thermal_zones() -> Vec<i64> {
    let Ok(zones) = fs::read_dir("/sys/class/thermal") else { return Vec::new() };
    let temperature =
        |zone: fs::DirEntry| fs::read_to_string(zone.path().join("temp")).ok()?.trim().parse().ok();
    zones.flatten().filter_map(temperature).collect()
}

fn temperature(millidegrees: &[i64]) -> Option<Finding> {
    let celsius = *millidegrees.iter().max()? as f64 / 1_000.0;
    // A Raspberry Pi slows down from 80 °C and stops at 85 °C.
    let level = match celsius {
        hot if hot >= 80.0 => Level::Bad,
        warm if warm >= 70.0 => Level::Watch,
        _ => Level::Good,
    };
    Some(Finding::new("temperature", level, format!("{celsius:.0} °C")))
}

/// From the Raspberry Pi firmware's word, hexadecimal. Bits 0 to 3 are now, 16 to 19 since the
/// start: under-voltage, frequency capped, throttled, soft temperature limit.
fn throttling(text: &str) -> Option<Finding> {
    let bits = u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok()?;
    let names = ["too little voltage", "frequency capped", "throttled", "temperature limit"];
    let set = |shift: usize| -> Vec<&str> {
        let is_set = |at: &usize| bits >> (at + shift) & 1 == 1;
        (0..names.len()).filter(is_set).filter_map(|at| names.get(at).copied()).collect()
    };
    let (now, before) = (set(0), set(16));
    if !now.is_empty() {
        let text = format!("now: {}; check the power supply and the cooling", now.join(", "));
        return Some(Finding::new("power", Level::Bad, text));
    }
    if !before.is_empty() {
        let text = format!("since the start: {}", before.join(", "));
        return Some(Finding::new("power", Level::Watch, text));
    }
    Some(Finding::new("power", Level::Good, "enough, and never throttled since the start"))
}

fn text_of(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_become_a_line() {
        let check = |unavailable: u32, level, part: &str| {
            let figures = format!(
                "# HELP homard_entities Enabled.\nhomard_entities{{domain=\"light\"}} 3\n\
                 homard_entities{{domain=\"lock\"}} 1\nhomard_entities_unavailable {unavailable}\n\
                 homard_devices 2\nprocess_resident_memory_bytes 20971520\n"
            );
            let finding = devices(&figures);
            assert_eq!(finding.level, level);
            assert!(finding.text.contains(part), "{}", finding.text);
        };
        check(0, Level::Good, "2 devices, 4 entities, 20 MiB");
        check(2, Level::Watch, "2 entities cannot be reached");
    }

    #[test]
    fn the_board_speaks() {
        let levels = |finding: Option<Finding>| finding.map(|finding| finding.level);
        assert_eq!(levels(throttling("0\n")), Some(Level::Good));
        assert_eq!(levels(throttling("50000")), Some(Level::Watch));
        assert_eq!(levels(throttling("0x50005")), Some(Level::Bad));
        assert_eq!(levels(throttling("")), None);
        assert_eq!(levels(temperature(&[])), None);
        assert_eq!(levels(temperature(&[41_000, 39_000])), Some(Level::Good));
        assert_eq!(levels(temperature(&[41_000, 82_000])), Some(Level::Bad));
        let meminfo = |free: u32| format!("MemTotal: 1024000 kB\nMemAvailable: {free} kB\n");
        assert_eq!(levels(memory(&meminfo(512_000))), Some(Level::Good));
        assert_eq!(levels(memory(&meminfo(10_000))), Some(Level::Watch));
        assert_eq!(levels(memory("")), None);
    }

    #[test]
    fn many_problems_are_counted() {
        let problem = json!({"entity_id": "light.a", "topic": null, "part": null,
            "producer": "zigbee2mqtt", "text": "bad template", "count": 3});
        let findings = problems_of(&vec![problem; SHOWN + 5]);
        assert_eq!(findings.len(), SHOWN + 1);
        assert_eq!(findings[0].text, "light.a (zigbee2mqtt): bad template, 3 times");
        assert!(findings[SHOWN].text.starts_with("and 5 more"));
    }
}
