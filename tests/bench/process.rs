//! Programs that are started and measured, each ended with its value, and what the kernel counts
//! of them.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A folder that goes away with its value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("homard-bench-{}-{name}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A running program; killed when dropped.
pub(crate) struct Program(Child);

impl Program {
    /// Starts it, with its errors in a file.
    pub(crate) fn start(command: &mut Command, log: &Path) -> io::Result<Self> {
        let log = fs::File::create(log)?;
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().map_err(
                |error| io::Error::other(format!("{:?}: {error}", command.get_program())),
            )?;
        Ok(Self(child))
    }

    /// Asks it to end (SIGTERM) and waits.
    pub(crate) fn stop(mut self) -> io::Result<()> {
        Command::new("kill").arg(self.0.id().to_string()).status()?;
        self.0.wait()?;
        Ok(())
    }

    /// Waits for its end, at most so long; false when it has not ended.
    pub(crate) fn ends_within(&mut self, patience: Duration) -> io::Result<bool> {
        let started = Instant::now();
        while self.0.try_wait()?.is_none() {
            if started.elapsed() > patience {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(true)
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }

    /// Processor time so far, of all its threads, of itself and of the system for it.
    pub(crate) fn cpu(&self) -> io::Result<Duration> {
        // The scheduler's own count in nanoseconds; `stat` has ticks of 10 ms only.
        let mut nanos = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.0.id()))? {
            let text = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
            nanos += text.split(' ').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// Resident memory now and at most so far, in MB of 1,000,000 bytes.
    pub(crate) fn memory(&self) -> io::Result<(f64, f64)> {
        Ok((self.status("VmRSS")?, self.status("VmHWM")?))
    }

    /// Resident memory that is no page of a file, in MB of 1,000,000 bytes.
    pub(crate) fn own_memory(&self) -> io::Result<f64> {
        self.status("RssAnon")
    }

    fn status(&self, name: &str) -> io::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let kib = status.lines().find_map(|line| {
            let rest = line.strip_prefix(name)?.strip_prefix(':')?;
            rest.trim().strip_suffix(" kB")?.parse::<f64>().ok()
        });
        Ok(kib.map_or(f64::NAN, |kib| kib * 1024.0 / 1e6))
    }

    /// Bytes it has sent to the disk.
    pub(crate) fn written(&self) -> io::Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/io", self.0.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("write_bytes: "));
        Ok(line.and_then(|n| n.parse().ok()).unwrap_or_default())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An address nobody listens on at the moment.
pub(crate) fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

/// A mosquitto that keeps nothing and drops nothing, and counts what it does once a second.
pub(crate) fn mosquitto(folder: &Folder) -> io::Result<(Program, SocketAddr)> {
    let address = free_address()?;
    let file = folder.path().join("mosquitto.conf");
    let config = format!(
        "listener {} 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\n\
         max_queued_messages 0\nlog_type error\nsys_interval 1\n",
        address.port()
    );
    fs::write(&file, config)?;
    // Debian puts it where only the administrator's path leads.
    let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("mosquitto");
    command.env("PATH", path).arg("-c").arg(&file);
    Ok((Program::start(&mut command, &folder.path().join("mosquitto.log"))?, address))
}
