//! Starts the newest program that is good. One that has not proved itself yet is tried: this program stays beside it, sees
//! whether it answers in time, and takes its place where it does not.
//!
//! Whoever is started this way finds [`BASE`] in its environment, and starts nobody else.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};
use tracing::{error, info, warn};

use super::{Next, Programs, Version};

/// The program that was installed, which starts the others.
pub(crate) const BASE: &str = "HOMARD_BASE";
/// How often it is asked whether it answers.
const ASKED: Duration = Duration::from_millis(100);
/// It must go on answering so long.
const STEADY: Duration = Duration::from_secs(5);
/// For one answer.
const ANSWER: Duration = Duration::from_secs(3);
/// For a program that is told to stop.
const FAREWELL: Duration = Duration::from_secs(10);

/// Where the tried program says that it is, once it is there: its process, its address, a token.
pub(crate) type Sign<'a> = &'a (dyn Fn() -> Option<(u32, String, String)> + Send + Sync);

/// What became of it.
pub(crate) enum Started {
    /// Nobody else: this program is to run the house.
    Nobody,
    /// Another has run it and has ended, with this exit code.
    Ended(u8),
}

/// What a trial came to.
enum Verdict {
    /// It answers.
    Good,
    /// It does not; why.
    Bad(String),
    /// Everything is to stop.
    Stopped,
}

/// Starts the newest good program with this command line, if it is another than this. Returns only where this one runs the
/// house, or another has.
pub(crate) fn start(
    programs: &Programs,
    arguments: &[OsString],
    within: Duration,
    sign: Sign<'_>,
    data: &dyn Fn(Data),
) -> Started {
    if std::env::var_os(BASE).is_some() {
        return Started::Nobody;
    }
    match programs.next() {
        Ok(Next::Itself) => Started::Nobody,
        Ok(Next::Current(path)) => {
            let error = command(&path, arguments).exec();
            error!(program = %path.display(), %error, "The newer program cannot be started.");
            Started::Nobody
        }
        Ok(Next::Trial(path, version)) => {
            info!(%version, "A new program is tried.");
            data(Data::Keep);
            match tried(programs, &path, version, arguments, within, sign) {
                Ok(status) => Started::Ended(code(status)),
                Err(()) => {
                    data(Data::PutBack);
                    // What proved itself before, if there is such a one, is next.
                    start(programs, arguments, within, sign, data)
                }
            }
        }
        Err(error) => {
            error!(%error, "Newer programs are left alone.");
            Started::Nobody
        }
    }
}

/// What is to be done with what the house knows, as a newer program may write it in a form that this one cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Data {
    /// Keep it as it is, beside.
    Keep,
    /// Where it cannot be read any more, put back what was kept.
    PutBack,
}

fn command(program: &Path, arguments: &[OsString]) -> Command {
    let mut command = Command::new(program);
    // As it was called: on a PC a script has chosen this program.
    let base = std::env::current_exe().unwrap_or_default();
    command.args(arguments).env(BASE, base);
    command
}

/// Tries a program, and waits for its end if it is good.
fn tried(
    programs: &Programs,
    path: &Path,
    version: Version,
    arguments: &[OsString],
    within: Duration,
    sign: Sign<'_>,
) -> Result<ExitStatus, ()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let judged = match runtime {
        Ok(runtime) => runtime.block_on(watched(programs, path, version, arguments, within, sign)),
        Err(error) => Err(error.to_string()),
    };
    judged.map_err(|why| {
        error!(%version, why, "The new program did not prove itself; the old one is back.");
        if let Err(error) = programs.refuse() {
            error!(%error, "It could not be noted that it did not.");
        }
    })
}

async fn watched(
    programs: &Programs,
    path: &Path,
    version: Version,
    arguments: &[OsString],
    within: Duration,
    sign: Sign<'_>,
) -> Result<ExitStatus, String> {
    let told = |error: std::io::Error| error.to_string();
    let mut terminate = signal(SignalKind::terminate()).map_err(told)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(told)?;
    // systemd's watchdog means this process; its signs of life come from the other. So with the sockets that it listens on:
    // without a process that they are meant for, they are the other's.
    let mut command = command(path, arguments);
    command.env_remove("WATCHDOG_PID").env_remove("LISTEN_PID");
    let mut child = command.spawn().map_err(told)?;
    let pid = child.id();
    let (ends, mut ended) = oneshot::channel();
    let waiting = std::thread::Builder::new().name("program".to_owned()).spawn(move || {
        // Nobody may wait for it any more.
        let _ = ends.send(child.wait());
    });
    waiting.map_err(told)?;
    let end = |ended: Result<std::io::Result<ExitStatus>, oneshot::error::RecvError>| match ended {
        Ok(Ok(status)) => Ok(status),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("nobody knows what became of it".to_owned()),
    };

    let verdict = tokio::select! {
        ended = &mut ended => return Err(format!("it ended at once ({})", end(ended)?)),
        verdict = judge(pid, within, sign) => verdict,
        _ = terminate.recv() => Verdict::Stopped,
        _ = interrupt.recv() => Verdict::Stopped,
    };
    match verdict {
        Verdict::Good => {
            info!(%version, "The new program answers, and stays.");
            if let Err(error) = programs.accept() {
                warn!(%error, "It could not be noted that the new program is good.");
            }
        }
        Verdict::Bad(why) => {
            tell(pid, Signal::KILL);
            // As long as it is there, the data are its own.
            end(ended.await)?;
            return Err(why);
        }
        Verdict::Stopped => {
            if let Err(error) = programs.postpone() {
                warn!(%error, "The new program will not be tried again.");
            }
            tell(pid, Signal::TERM);
        }
    }
    loop {
        tokio::select! {
            ended = &mut ended => return end(ended),
            _ = terminate.recv() => tell(pid, Signal::TERM),
            _ = interrupt.recv() => tell(pid, Signal::INT),
            () = sleep(FAREWELL), if matches!(verdict, Verdict::Stopped) => tell(pid, Signal::KILL),
        }
    }
}

/// Whether the house that a process runs answers in time, and goes on answering.
async fn judge(pid: u32, within: Duration, sign: Sign<'_>) -> Verdict {
    let began = Instant::now();
    let mut since: Option<Instant> = None;
    let mut why = "it said nothing";
    loop {
        sleep(ASKED).await;
        let found = sign().filter(|(of, ..)| *of == pid);
        let answers = match found {
            Some((_, url, token)) => {
                why = "it does not answer";
                let asked = tokio::task::spawn_blocking(move || answers(&url, &token));
                asked.await.unwrap_or(false)
            }
            None => false,
        };
        match (answers, since) {
            (true, None) => since = Some(Instant::now()),
            (true, Some(since)) if since.elapsed() >= STEADY => return Verdict::Good,
            (true, Some(_)) => {}
            (false, _) => since = None,
        }
        // Once it answers it gets the time to show that it goes on.
        if since.is_none() && began.elapsed() > within {
            return Verdict::Bad(format!("{why}, after {} s", within.as_secs()));
        }
    }
}

/// Whether the panel answers, and the hub behind it: its figures come from there.
fn answers(url: &str, token: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let address = url.trim_start_matches("http://");
        let address = address.parse().map_err(std::io::Error::other)?;
        let mut stream = TcpStream::connect_timeout(&address, ANSWER)?;
        stream.set_read_timeout(Some(ANSWER))?;
        write!(stream, "GET /metrics HTTP/1.0\r\nAuthorization: Bearer {token}\r\n\r\n")?;
        let mut head = [0_u8; 12];
        stream.read_exact(&mut head)?;
        Ok(head.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}

fn tell(pid: u32, what: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // One that has ended needs to be told nothing.
        let _ = kill_process(pid, what);
    }
}

/// As a shell has it: 128 and the signal for who was killed.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    u8::try_from(code).unwrap_or(1)
}

/// What is started where the house is to start again: who starts the newest good one.
pub(crate) fn starter() -> std::io::Result<PathBuf> {
    match std::env::var_os(BASE) {
        Some(base) => Ok(base.into()),
        None => std::env::current_exe(),
    }
}
