//! Where the panel is reached: its own port, and sockets that systemd listens on for it, as for port 80, which needs
//! rights that this program does not have. And what the first owner must show where others can reach it.

use std::fs::File;
use std::io::{self, Read};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};
use listenfd::ListenFd;
use rustix::io::{FdFlags, fcntl_setfd};
use tracing::{info, warn};

use crate::config;
use crate::storage::Storage;

/// Letters and digits of a code that somebody chose: what is told of one that was not chosen is as hard to guess.
const LEAST_OF_CODE: usize = 8;
/// Bytes of its file that are looked at.
const MOST_OF_CODE_FILE: u64 = 1024;

/// Sockets that systemd listens on for this program (`homard.socket`, sd_listen_fds(3)). They stay open for as long as the
/// process lives, also while it becomes another program.
#[derive(Debug, Default)]
pub(crate) struct Handed {
    listeners: Vec<TcpListener>,
    /// With those that cannot be used.
    n_all: usize,
}

impl Handed {
    /// Those that the environment tells of, which is forgotten there. To be called while there is one thread.
    pub(crate) fn of_environment() -> Self {
        let mut handed = ListenFd::from_env();
        let n_all = handed.len();
        let take = |at| {
            match handed.take_tcp_listener(at) {
            Ok(listener) => listener.filter(|listener| {
                let listens = rustix::net::sockopt::socket_acceptconn(listener);
                if listens != Ok(true) {
                    warn!("A socket that systemd handed over is left alone: nobody listens on it (`Accept=` must be no).");
                }
                listens == Ok(true)
            }),
            Err(error) => {
                warn!(%error, "A socket that systemd handed over is left alone: the panel speaks TCP.");
                None
            }
        }
        };
        Self { listeners: (0..n_all).filter_map(take).collect(), n_all }
    }

    /// Leaves them to the program that this process becomes by this command.
    pub(crate) fn leave_to(&self, command: &mut Command) {
        if self.n_all == 0 {
            return;
        }
        for listener in &self.listeners {
            if let Err(error) = fcntl_setfd(listener, FdFlags::empty()) {
                warn!(%error, "A socket of systemd's is lost until the next start.");
            }
        }
        command.env("LISTEN_FDS", self.n_all.to_string());
        command.env("LISTEN_PID", std::process::id().to_string());
    }
}

/// Takes the panel's port, which comes first, and what systemd listens on for it. A demo takes a free port where the usual
/// one is in use.
pub(super) fn open(
    http: &config::Http,
    handed: &Handed,
    is_demo: bool,
    notes: &mut Vec<String>,
) -> Result<Vec<TcpListener>> {
    let mut listeners = vec![bind(http, is_demo, notes)?];
    for listener in &handed.listeners {
        let address = listener.local_addr().context("a socket of systemd's")?;
        info!(%address, "systemd listens for the panel.");
        listeners.push(listener.try_clone().context("a socket of systemd's")?);
    }
    for listener in &listeners {
        listener.set_nonblocking(true).context("the panel's port")?;
    }
    Ok(listeners)
}

fn bind(http: &config::Http, is_demo: bool, notes: &mut Vec<String>) -> Result<TcpListener> {
    match TcpListener::bind(http.listen) {
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && is_demo => {
            notes.push(format!(
                "{} is in use, so the panel is at another port than usual.",
                http.listen
            ));
            TcpListener::bind(SocketAddr::new(http.listen.ip(), 0))
                .context("no free port for the panel")
        }
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => bail!(
            "{} is in use by another program, perhaps another Homard; choose another address with \
             `[http] listen`",
            http.listen
        ),
        other => other.with_context(|| format!("cannot listen on {}", http.listen)),
    }
}

/// Where a browser on this machine finds an address.
pub(super) fn url(scheme: &str, address: SocketAddr) -> String {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        ip if ip.is_ipv4() => Ipv4Addr::LOCALHOST.into(),
        _ => Ipv6Addr::LOCALHOST.into(),
    };
    format!("{scheme}://{}", SocketAddr::new(ip, address.port()))
}

/// What the first owner must show in a house that nobody runs yet and that others than this machine can reach: what stands in
/// the file, else new at each start, so that one that was seen is soon worth nothing.
pub(super) fn setup_code(
    storage: &Storage,
    listeners: &[TcpListener],
    file: Option<&Path>,
) -> Result<Option<String>> {
    let is_ours_alone = |listener: &TcpListener| {
        listener.local_addr().is_ok_and(|at| at.ip().to_canonical().is_loopback())
    };
    if listeners.iter().all(is_ours_alone) || !storage.people().is_empty()? {
        return Ok(None);
    }
    match file.map(chosen_code) {
        Some(Ok(Some(code))) => return Ok(Some(code)),
        Some(Err(why)) => {
            warn!(file = ?file, "The code of the first owner is not taken from its file: {why}")
        }
        Some(Ok(None)) | None => {}
    }
    let mut random = [0_u8; 8];
    getrandom::fill(&mut random).map_err(|error| anyhow!("no random numbers: {error}"))?;
    Ok(Some(format!("{:08}", u64::from_le_bytes(random) % 100_000_000)))
}

/// The letters and digits of a file's first line; `None` without a file. Why it is none is told without a word of it.
fn chosen_code(file: &Path) -> Result<Option<String>> {
    let mut text = String::new();
    match File::open(file) {
        Ok(file) => file.take(MOST_OF_CODE_FILE).read_to_string(&mut text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // Editors of other systems begin a text with a mark of its encoding.
    let line = text.trim_start_matches('\u{feff}').lines().find(|line| !line.trim().is_empty());
    let code: String =
        line.unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).collect();
    if code.len() < LEAST_OF_CODE {
        bail!("it must have {LEAST_OF_CODE} letters (a to z) and digits or more");
    }
    Ok(Some(code))
}
