//! The running daemon, as the other commands find it and speak to it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::{BAD_USAGE, FAILED, Failure, usual_dir};
use crate::app::run_file::RunFile;
use crate::config;

/// Longest time for an answer; a house that waits for its devices takes a few seconds.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longest time to reach a daemon.
const REACH: Duration = Duration::from_secs(3);
/// Largest answer, in bytes: the states of a very large house.
const MOST: u64 = 64 << 20;

/// Which daemon.
#[derive(Args, Clone, Default)]
pub(super) struct Daemon {
    /// Where the daemon answers; found in the data directory unless given
    #[arg(long, env = "HOMARD_URL", value_name = "URL")]
    url: Option<String>,
    /// A token (`homard token add NAME`); found in the data directory unless given
    #[arg(long, env = "HOMARD_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    token: Option<String>,
}

/// A way to the daemon.
pub(super) struct Connection {
    agent: ureq::Agent,
    url: String,
    token: Option<String>,
}

/// Why the daemon gave no answer.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// Nothing answers there.
    Absent(String),
    /// It answered with this status and message.
    Status(u16, String),
    /// What it said is not to be understood.
    Garbled(String),
}

impl From<NoAnswer> for Failure {
    fn from(no: NoAnswer) -> Self {
        let code = if matches!(no, NoAnswer::Status(400, _)) { BAD_USAGE } else { FAILED };
        let text = match no {
            NoAnswer::Absent(text) | NoAnswer::Garbled(text) => text,
            NoAnswer::Status(401, _) => "Homard does not know this token. Make one with \
                                         `homard token add NAME` and give it with --token or \
                                         HOMARD_TOKEN."
                .to_owned(),
            NoAnswer::Status(status, message) => format!("Homard answered {status}: {message}"),
        };
        Self::new(code, text)
    }
}

impl Daemon {
    /// The daemon that was named, or the one that runs with these data. `places` are the data
    /// directories to look into, in this order.
    pub(super) fn find(&self, places: &[PathBuf]) -> Result<Connection, Failure> {
        let found = match &self.url {
            Some(_) => None,
            None => places.iter().find_map(|dir| RunFile::read(dir)),
        };
        let (url, local) = match (&self.url, found) {
            (Some(url), _) => (url.clone(), None),
            (None, Some(run)) => (run.url, Some(run.token)),
            (None, None) => return Err(Failure::new(FAILED, no_daemon(places))),
        };
        if !url.starts_with("http://") {
            let text =
                format!("`{url}` is no address that can be spoken to: write http://HOST:PORT");
            return Err(Failure::new(FAILED, text));
        }
        let settings = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .timeout_connect(Some(REACH))
            .http_status_as_error(false)
            .proxy(None)
            .build();
        Ok(Connection {
            agent: settings.into(),
            url: url.trim_end_matches('/').to_owned(),
            token: self.token.clone().or(local),
        })
    }
}

fn no_daemon(places: &[PathBuf]) -> String {
    let looked: Vec<String> = places.iter().map(|dir| dir.display().to_string()).collect();
    format!(
        "No Homard is running (looked in {}). Start `homard run`, or `homard demo` for a simulated \
         house; name another one with --url and --token.",
        looked.join(" and ")
    )
}

/// Where a daemon's data may lie when nobody says where: the real house, then the demo.
pub(super) fn usual_places(named: Option<&Path>) -> Result<Vec<PathBuf>, Failure> {
    if let Some(dir) = named {
        return Ok(vec![dir.to_owned()]);
    }
    // Where nothing says where a demo would be (root's own timers know no home), there is the house of Debian's package.
    let house = usual_dir(config::RUN)?;
    Ok([Some(house), usual_dir(config::DEMO).ok()].into_iter().flatten().collect())
}

impl Connection {
    /// Where it is.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Asks with GET; the answer as text.
    pub(super) fn text(&self, path: &str) -> Result<String, NoAnswer> {
        let request = self.agent.get(format!("{}{path}", self.url));
        let response = match &self.token {
            Some(token) => request.header("Authorization", format!("Bearer {token}")).call(),
            None => request.call(),
        };
        self.read(response)
    }

    /// Asks with GET.
    pub(super) fn get(&self, path: &str) -> Result<Value, NoAnswer> {
        self.json(&self.text(path)?)
    }

    /// Asks with POST.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, NoAnswer> {
        self.send(self.agent.post(format!("{}{path}", self.url)), body)
    }

    /// Asks with PUT.
    #[cfg(feature = "model")]
    pub(super) fn put(&self, path: &str, body: &Value) -> Result<Value, NoAnswer> {
        self.send(self.agent.put(format!("{}{path}", self.url)), body)
    }

    fn send(
        &self,
        request: ureq::RequestBuilder<ureq::typestate::WithBody>,
        body: &Value,
    ) -> Result<Value, NoAnswer> {
        let response = match &self.token {
            Some(token) => {
                request.header("Authorization", format!("Bearer {token}")).send_json(body)
            }
            None => request.send_json(body),
        };
        self.json(&self.read(response)?)
    }

    /// Sends a recording or a file with POST.
    pub(super) fn post_bytes(
        &self,
        path: &str,
        circumstances: &[(&str, &str)],
        recording: &[u8],
    ) -> Result<Value, NoAnswer> {
        let mut request = self.agent.post(format!("{}{path}", self.url));
        request = request.header("Content-Type", "application/octet-stream");
        for (name, value) in circumstances {
            request = request.query(name, value);
        }
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        self.json(&self.read(request.send(recording))?)
    }

    fn json(&self, text: &str) -> Result<Value, NoAnswer> {
        serde_json::from_str(text)
            .map_err(|_| NoAnswer::Garbled(format!("What answers at {} is no Homard.", self.url)))
    }

    fn read(
        &self,
        response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<String, NoAnswer> {
        let mut response = response.map_err(|error| {
            NoAnswer::Absent(format!(
                "No Homard answers at {}: {error}. Start it with `homard run`, or `homard demo` \
                 for a simulated house.",
                self.url
            ))
        })?;
        let text = response
            .body_mut()
            .with_config()
            .limit(MOST)
            .read_to_string()
            .map_err(|error| NoAnswer::Garbled(format!("{}: {error}", self.url)))?;
        let status = response.status();
        if status.is_success() {
            return Ok(text);
        }
        let message = serde_json::from_str::<Value>(&text)
            .ok()
            .and_then(|body| Some(body.get("message")?.as_str()?.to_owned()))
            .unwrap_or_else(|| status.canonical_reason().unwrap_or_default().to_owned());
        Err(NoAnswer::Status(status.as_u16(), message))
    }
}
