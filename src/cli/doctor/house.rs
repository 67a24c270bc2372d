//! What the doctor says of the house: whether the daemon answers, how its devices are, whether the broker is reached.

use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use serde_json::Value;

use super::{Finding, Level};
use crate::cli::Failure;
use crate::cli::daemon::Connection;
use crate::config::{Broker, Config};

/// Problems shown one by one; the rest is counted.
const SHOWN: usize = 20;
/// Longest wait for the broker's port.
const PATIENCE: Duration = Duration::from_secs(2);

/// What only the daemon knows.
pub(super) fn house(daemon: &Connection, findings: &mut Vec<Finding>) {
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

/// Where the broker is, by the configuration.
pub(super) fn address(config: &Config) -> String {
    match &config.mqtt.broker {
        Broker::Embedded { listen, .. } => listen.to_string(),
        Broker::Outside(outside) if outside.host.contains(':') => {
            format!("[{}]:{}", outside.host, outside.port)
        }
        Broker::Outside(outside) => format!("{}:{}", outside.host, outside.port),
    }
}

/// Whether the broker can be reached.
pub(super) fn reach(address: &str) -> Finding {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

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
    fn many_problems_are_counted() {
        let problem = json!({"entity_id": "light.a", "topic": null, "part": null,
            "producer": "zigbee2mqtt", "text": "bad template", "count": 3});
        let findings = problems_of(&vec![problem; SHOWN + 5]);
        assert_eq!(findings.len(), SHOWN + 1);
        assert_eq!(findings[0].text, "light.a (zigbee2mqtt): bad template, 3 times");
        assert!(findings[SHOWN].text.starts_with("and 5 more"));
    }
}
