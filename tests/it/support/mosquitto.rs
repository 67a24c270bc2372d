//! A real mosquitto (a Debian package) on a port of its own, that can be killed and started again.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::hub::Dir;

/// A broker; killed when dropped.
pub(crate) struct Mosquitto {
    pub(crate) port: u16,
    dir: Dir,
    child: Child,
}

impl Mosquitto {
    /// A broker that lets everybody in; `None`, said so, when there is no mosquitto.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with("allow_anonymous true")
    }

    /// A broker with these lines of configuration besides `listener`; `$DIR` is a directory of its
    /// own.
    pub(crate) fn start_with(config: &str) -> Option<Self> {
        Self::start_in(Dir::new(), config)
    }

    /// The same in a directory that holds what the configuration names.
    pub(crate) fn start_in(dir: Dir, config: &str) -> Option<Self> {
        let program = program()?;
        std::fs::create_dir_all(&dir.0).unwrap();
        let port = free_port();
        // `user root`: it would otherwise leave root for a user that may not read its directory.
        let config = format!(
            "listener {port} 127.0.0.1\nuser root\npersistence false\nmax_queued_messages 100000\n{}\n",
            config.replace("$DIR", dir.0.to_str().unwrap())
        );
        std::fs::write(dir.0.join("mosquitto.conf"), config).unwrap();
        let child = spawn(&program, &dir.0);
        let broker = Self { port, dir, child };
        broker.wait();
        Some(broker)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Ends it as a power cut does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Its directory, to change its configuration.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir.0
    }

    /// Starts it again on the same port.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(&program().unwrap(), &self.dir.0);
        self.wait();
    }

    fn wait(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(self.address()).is_err() {
            assert!(Instant::now() < deadline, "mosquitto did not start: {}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What it said.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.0.join("log")).unwrap_or_default()
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Debian has it where only root looks.
fn program() -> Option<PathBuf> {
    let found = find("mosquitto").or_else(|| {
        let path = PathBuf::from("/usr/sbin/mosquitto");
        path.exists().then_some(path)
    });
    if found.is_none() {
        println!("skipped: `mosquitto` is missing (Debian: mosquitto)");
    }
    found
}

/// A program on the PATH.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.exists())
}

fn spawn(program: &Path, dir: &Path) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(dir.join("log")).unwrap();
    Command::new(program)
        .arg("-c")
        .arg(dir.join("mosquitto.conf"))
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}
