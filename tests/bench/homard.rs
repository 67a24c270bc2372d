//! The daemon under measurement, and its HTTP interface as a cheap client.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::process::{Folder, Program, free_address};

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Homard {
    pub(crate) program: Program,
    pub(crate) http: SocketAddr,
    pub(crate) token: String,
    /// From the start of the process to its first answer with a token.
    pub(crate) answered_after: Duration,
}

/// Where one house lives: its settings, data and token, over several starts.
pub(crate) struct Place {
    config: PathBuf,
    data: PathBuf,
    log: PathBuf,
    http: SocketAddr,
    /// Where Homard's own broker listens.
    pub(crate) own_broker: SocketAddr,
    token: String,
}

impl Place {
    /// With a broker outside, or Homard's own.
    pub(crate) fn new(folder: &Folder, broker: Option<SocketAddr>) -> io::Result<Self> {
        let (http, own_broker) = (free_address()?, free_address()?);
        let mqtt = match broker {
            Some(broker) => format!("broker = \"mqtt://{broker}\""),
            None => format!("listen = \"{own_broker}\""),
        };
        let config = folder.path().join("homard.toml");
        fs::write(&config, format!("[http]\nlisten = \"{http}\"\n[mqtt]\n{mqtt}\n"))?;
        let data = folder.path().join("data");
        let made = command("token", &config, &data, &["add", "bench"]).output()?;
        let words = String::from_utf8_lossy(&made.stdout);
        let token = words.lines().last().unwrap_or_default().to_owned();
        if token.is_empty() {
            let why = String::from_utf8_lossy(&made.stderr).into_owned();
            return Err(io::Error::other(format!("no token: {why}")));
        }
        let log = folder.path().join("homard.log");
        Ok(Self { config, data, log, http, own_broker, token })
    }

    /// Starts it and waits for its first answer.
    pub(crate) fn start(&self) -> io::Result<Homard> {
        let started = Instant::now();
        let mut run = command("run", &self.config, &self.data, &[]);
        let mut program = Program::start(&mut run, &self.log)?;
        loop {
            let answer = get(self.http, &self.token, "/api/");
            if answer.is_ok_and(|body| !body.is_empty()) {
                let (http, token) = (self.http, self.token.clone());
                let answered_after = started.elapsed();
                return Ok(Homard { program, http, token, answered_after });
            }
            if program.has_ended() || started.elapsed() > PATIENCE {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                return Err(io::Error::other(format!("homard does not start: {log}")));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// The program that is measured: the release build, or `HOMARD_BINARY`.
pub(crate) fn binary() -> PathBuf {
    let chosen = std::env::var_os("HOMARD_BINARY").map(PathBuf::from);
    chosen.unwrap_or_else(|| PathBuf::from("target/release/homard"))
}

fn command(what: &str, config: &PathBuf, data: &PathBuf, rest: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(std::iter::once(what)).args(rest);
    command.arg("--config").arg(config).arg("--data-dir").arg(data).stdin(Stdio::null());
    command.env("HOMARD_LOG", "warn");
    command
}

impl Homard {
    /// Where it listens for browsers and programs, and a token.
    pub(crate) fn door(&self) -> (SocketAddr, &str) {
        (self.http, &self.token)
    }

    pub(crate) fn get(&self, path: &str) -> io::Result<String> {
        get(self.http, &self.token, path)
    }

    /// Says a sentence and waits for the reply, whatever it is.
    pub(crate) fn say(&self, text: &str) -> io::Result<()> {
        let body = format!("{{\"text\":\"{text}\"}}");
        let mut stream = TcpStream::connect(self.http)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let head = format!(
            "POST /api/conversation/process HTTP/1.0\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        match answer.lines().next().unwrap_or_default() {
            line if line.contains(" 200") => Ok(()),
            line => Err(io::Error::other(format!("`{text}`: {line}"))),
        }
    }

    /// A figure of `/metrics`, summed over its labels.
    pub(crate) fn metric(&self, name: &str) -> io::Result<f64> {
        let page = self.get("/metrics")?;
        let rows = page.lines().filter_map(|line| line.strip_prefix(name));
        Ok(rows
            .filter(|rest| rest.starts_with([' ', '{']))
            .filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok())
            .sum())
    }

    /// Waits until at least so many entities are known.
    pub(crate) fn wait_for_entities(&self, n: usize) -> io::Result<()> {
        let started = Instant::now();
        while (self.metric("homard_entities")? as usize) < n {
            if started.elapsed() > PATIENCE {
                let known = self.metric("homard_entities")?;
                return Err(io::Error::other(format!("only {known} of {n} entities are known")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Waits until it does nothing any more: little processor time in a second.
    pub(crate) fn wait_for_quiet(&self) -> io::Result<()> {
        let started = Instant::now();
        loop {
            let before = self.program.cpu()?;
            std::thread::sleep(Duration::from_secs(1));
            let spent = self.program.cpu()?.saturating_sub(before);
            if spent < Duration::from_millis(20) || started.elapsed() > PATIENCE {
                return Ok(());
            }
        }
    }

    /// Opens the event stream; it begins with what happens from now on.
    pub(crate) fn events(&self) -> io::Result<TcpStream> {
        let mut stream = request(self.http, &self.token, "/api/events")?;
        // The greeting says that it listens.
        let mut head = Vec::new();
        let mut byte = [0; 1];
        while !head.ends_with(b": listening\n\n") {
            if stream.read(&mut byte)? == 0 {
                let said = String::from_utf8_lossy(&head).into_owned();
                return Err(io::Error::other(format!("no event stream: {said}")));
            }
            head.push(byte[0]);
        }
        Ok(stream)
    }
}

/// HTTP/1.0, so that bodies come as they are.
fn request(http: SocketAddr, token: &str, path: &str) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(http)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let head = format!("GET {path} HTTP/1.0\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    Ok(stream)
}

/// The body of a good answer.
fn get(http: SocketAddr, token: &str, path: &str) -> io::Result<String> {
    let mut answer = String::new();
    request(http, token, path)?.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if !head.lines().next().unwrap_or_default().contains(" 200") {
        return Err(io::Error::other(format!("{path}: {head}")));
    }
    Ok(body.to_owned())
}
