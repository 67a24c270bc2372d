//! The real binary: run to its end, or as a daemon with data, ports and a token of its own.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longest wait for anything, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A folder that goes away with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("homard-it-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        fs::write(self.0.join(name), text).unwrap();
        self.path(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The program that is tested: cargo's, unless another is named, as one for boards that runs in an emulator.
pub(crate) fn program() -> PathBuf {
    let named = std::env::var_os("HOMARD_PROGRAM").map(PathBuf::from);
    named.unwrap_or_else(|| env!("CARGO_BIN_EXE_homard").into())
}

fn command() -> Command {
    clean(program())
}

/// A command without what this shell has set for Homard.
fn clean(program: PathBuf) -> Command {
    let mut command = Command::new(program);
    for name in [
        "CONFIG",
        "DATA_DIR",
        "LOG",
        "URL",
        "TOKEN",
        "LANGUAGE",
        "AREA",
        "JSON",
        "CONVERSATION",
        "MODELS",
    ] {
        command.env_remove(format!("HOMARD_{name}"));
    }
    command.stdin(Stdio::null());
    command
}

/// Runs `homard ARGUMENTS` to its end.
pub(crate) fn homard(arguments: &[&str]) -> Done {
    homard_with(arguments, &[])
}

/// The same, with something in the environment.
pub(crate) fn homard_with(arguments: &[&str], environment: &[(&str, &str)]) -> Done {
    let output = command().args(arguments).envs(environment.iter().copied()).output().unwrap();
    Done {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A running daemon with data of its own, on free ports.
pub(crate) struct Daemon {
    child: Child,
    pub(crate) url: String,
    pub(crate) broker: String,
    pub(crate) token: String,
    pub(crate) data: String,
    /// From the start of the process to the first answer over HTTP.
    pub(crate) start_took: Duration,
}

impl Daemon {
    /// `what` is `run` or `demo`; `data` is kept, so that it can be started again.
    pub(crate) fn start(what: &str, folder: &Folder) -> Self {
        Self::start_with(what, folder, "listen = \"127.0.0.1:0\"")
    }

    /// The same with these lines in `[mqtt]`.
    pub(crate) fn start_with(what: &str, folder: &Folder, mqtt: &str) -> Self {
        Self::start_as(what, folder, 0, mqtt)
    }

    /// The same with the panel at this port.
    pub(crate) fn start_at(what: &str, folder: &Folder, port: u16) -> Self {
        Self::start_as(what, folder, port, "listen = \"127.0.0.1:0\"")
    }

    /// All of it said.
    pub(crate) fn start_as(what: &str, folder: &Folder, port: u16, mqtt: &str) -> Self {
        let text = format!("[http]\nlisten = \"127.0.0.1:{port}\"\n[mqtt]\n{mqtt}\n");
        Self::start_written(what, folder, &text)
    }

    /// The same with these lines in `[mqtt]` and after it, and nothing else.
    pub(crate) fn start_configured(what: &str, folder: &Folder, mqtt: &str) -> Self {
        Self::start_written(what, folder, &format!("[mqtt]\n{mqtt}\n"))
    }

    /// The same with this sound card: a configuration of ALSA.
    #[cfg(feature = "speech")]
    pub(crate) fn start_hearing(what: &str, folder: &Folder, mqtt: &str, card: &str) -> Self {
        Self::start_in(what, folder, &format!("[mqtt]\n{mqtt}\n"), &[("ALSA_CONFIG_PATH", card)])
    }

    fn start_written(what: &str, folder: &Folder, text: &str) -> Self {
        Self::start_in(what, folder, text, &[])
    }

    /// The same with this configuration, and something in the environment.
    pub(crate) fn start_in(
        what: &str,
        folder: &Folder,
        text: &str,
        environment: &[(&str, &str)],
    ) -> Self {
        Self::start_by(command(), what, folder, text, environment)
    }

    /// The same, started by a shell with this script, which becomes `"$@"`.
    pub(crate) fn start_in_shell(
        script: &str,
        stdin: Stdio,
        what: &str,
        folder: &Folder,
        text: &str,
    ) -> Self {
        let mut shell = clean("sh".into());
        shell.args(["-c", script, "sh"]).arg(program()).stdin(stdin);
        Self::start_by(shell, what, folder, text, &[])
    }

    fn start_by(
        mut command: Command,
        what: &str,
        folder: &Folder,
        text: &str,
        environment: &[(&str, &str)],
    ) -> Self {
        let config = folder.file("homard.toml", text);
        let data = folder.path("data");
        let log = fs::File::create(folder.path("log")).unwrap();
        let started = Instant::now();
        let mut child = command
            .args([what, "--config", &config, "--data-dir", &data])
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let file = format!("{data}/running.json");
        let pid = u64::from(child.id());
        loop {
            let run = fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok());
            let run: Value = run.unwrap_or_default();
            if let (Some(url), Some(token)) = (run["url"].as_str(), run["token"].as_str())
                && run["pid"] == pid
                && ureq::get(format!("{url}/healthz")).call().is_ok()
            {
                let start_took = started.elapsed();
                let (url, token) = (url.to_owned(), token.to_owned());
                let broker = run["broker"].as_str().unwrap().to_owned();
                return Self { child, url, broker, token, data, start_took };
            }
            let ended = child.try_wait().unwrap();
            if ended.is_some() || started.elapsed() > PATIENCE {
                let _ = child.kill();
                let log = fs::read_to_string(folder.path("log")).unwrap_or_default();
                panic!("the daemon did not start: {ended:?}\n{log}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Files that the process has open, and its memory in KiB.
    pub(crate) fn holds(&self) -> (usize, usize) {
        let files = format!("/proc/{}/fd", self.child.id());
        (fs::read_dir(files).unwrap().count(), self.memory("VmRSS"))
    }

    /// Its memory at its highest, in KiB.
    pub(crate) fn peak(&self) -> usize {
        self.memory("VmHWM")
    }

    /// Working memory that it has now, with the pages of files that it has touched, in KiB; counted page by page, where
    /// `VmRSS` may lag behind.
    #[cfg(feature = "model")]
    pub(crate) fn resident(&self) -> usize {
        self.row("smaps_rollup", "Rss:")
    }

    fn memory(&self, what: &str) -> usize {
        self.row("status", what)
    }

    fn row(&self, file: &str, what: &str) -> usize {
        let text = fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap();
        let line = text.lines().find(|line| line.starts_with(what)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// GET with a token: status and body.
    pub(crate) fn get_as(&self, token: &str, path: &str) -> (u16, Value) {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut response = agent
            .get(format!("{}{path}", self.url))
            .header("Authorization", format!("Bearer {token}"))
            .call()
            .unwrap();
        let body = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), serde_json::from_str(&body).unwrap_or_default())
    }

    /// GET; the answer must be good.
    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, body) = self.get_as(&self.token, path);
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// `homard say`, to this daemon.
    pub(crate) fn say(&self, arguments: &[&str]) -> Done {
        let mut all = vec!["say", "--data-dir", &self.data];
        all.extend(arguments);
        homard(&all)
    }

    /// Waits until an entity's state is as wished; the whole state object.
    pub(crate) fn wait_for(&self, entity: &str, wished: impl Fn(&Value) -> bool) -> Value {
        self.wait(|| {
            let (status, state) = self.get_as(&self.token, &format!("/api/states/{entity}"));
            match status {
                200 if wished(&state) => Ok(state),
                _ => Err(format!("{entity} stays {state}")),
            }
        })
    }

    /// Waits until something is so; an error says what is still missing.
    pub(crate) fn wait<T>(&self, look: impl Fn() -> Result<T, String>) -> T {
        let started = Instant::now();
        loop {
            match look() {
                Ok(found) => return found,
                Err(missing) => assert!(started.elapsed() < PATIENCE, "{missing}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// SIGTERM: how it ended and how long that took.
    pub(crate) fn stop(mut self) -> (Option<i32>, Duration) {
        let started = Instant::now();
        let sent = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status.code(), started.elapsed());
            }
            assert!(started.elapsed() < PATIENCE, "the daemon does not stop");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// SIGKILL, as a power cut does it.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
