//! What a board does to a house, with the real binary: its disk is full or read-only, its clock stands in 1970 or its time zone
//! is another, a second Homard is started, the configuration does not fit the new program. Each leaves a house that runs, or
//! words that say what is wrong.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::support::homard::{Daemon, Folder, PATIENCE, homard, program};

/// A house on a file system of its own, in memory, that only it sees.
struct Island {
    child: Child,
    folder: Rc<Folder>,
}

impl Drop for Island {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Island {
    /// With so many kilobytes; `None` where this user may not mount.
    fn start(name: &str, kilobytes: u32) -> Option<Self> {
        let folder = Folder::new(name);
        Self::start_on(
            Rc::new(folder),
            &format!("mount -t tmpfs -o size={kilobytes}k,mode=700 homard"),
        )
    }

    /// On what this command mounts.
    fn start_on(folder: Rc<Folder>, mount: &str) -> Option<Self> {
        let data = folder.path("data");
        fs::create_dir_all(&data).unwrap();
        let mount = format!("{mount} '{data}'");
        let may = Command::new("unshare").args(["--mount", "sh", "-c", &mount]).output();
        if !may.as_ref().is_ok_and(|done| done.status.success()) {
            println!("skipped: nothing can be mounted here (it needs root): {may:?}");
            return None;
        }
        let config = folder.file(
            "homard.toml",
            "[http]\nlisten = \"127.0.0.1:0\"\n[mqtt]\nlisten = \"127.0.0.1:0\"\n",
        );
        let log = fs::File::create(folder.path("log")).unwrap();
        let script = format!("{mount} && exec \"$@\"");
        let child = Command::new("unshare")
            .args(["--mount", "sh", "-c", &script, "sh"])
            .arg(program())
            .args(["run", "--config", &config, "--data-dir", &data])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        Some(Self { child: child.unwrap(), folder })
    }

    /// A file of the house, seen from outside.
    fn path(&self, name: &str) -> String {
        format!("/proc/{}/root{}/{name}", self.child.id(), self.folder.path("data"))
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path("log")).unwrap()
    }

    fn run(&self) -> Value {
        self.wait("it starts", || {
            let text = fs::read(self.path("running.json")).ok()?;
            serde_json::from_slice(&text).ok()
        })
    }

    #[track_caller]
    fn wait<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(began.elapsed() < 2 * PATIENCE, "{what}: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn ask(run: &Value, method: &str, path: &str, body: &str) -> (u16, Value) {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let (url, token) = (run["url"].as_str().unwrap(), run["token"].as_str().unwrap());
    let (url, bearer) = (format!("{url}{path}"), format!("Bearer {token}"));
    let answer = match method {
        "PUT" => agent
            .put(url)
            .header("Authorization", bearer)
            .content_type("application/json")
            .send(body),
        _ => agent.get(url).header("Authorization", bearer).call(),
    };
    let mut answer = answer.unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or_default())
}

#[test]
fn a_disk_that_is_full_costs_memory_alone_and_heals() {
    let Some(island) = Island::start("hard-disk", 8_192) else { return };
    let run = island.run();
    let room = |name: &str| {
        ask(&run, "PUT", &format!("/api/homard/areas/{name}"), &format!("{{\"name\":\"{name}\"}}"))
    };
    let problems = || ask(&run, "GET", "/api/homard/problems", "").1.to_string();
    // The kernel itself says how much fits.
    let filled = fs::write(island.path("filler"), vec![7; 64 << 20]);
    assert!(filled.is_err());
    let answers = || ask(&run, "GET", "/api/", "").0 == 200;
    for n in 0..40 {
        let (status, _) = room(&format!("room_{n}"));
        assert!(status < 600 && answers(), "{status}");
    }
    island.wait("it is said that the disk is full", || {
        (problems().contains("disk is full") || island.log().contains("disk is full")).then_some(())
    });
    assert!(answers());
    fs::remove_file(island.path("filler")).unwrap();
    island.wait("it is written again", || (room("cellar").0 == 200).then_some(()));
}

/// What a kernel does with a disk that fails: nothing can be written any more, until the machine starts again.
#[test]
fn a_disk_that_turns_read_only_is_named_and_what_was_kept_is_there_again() {
    let folder = Rc::new(Folder::new("hard-read-only"));
    let disk = folder.path("disk");
    let made = fs::File::create(&disk).unwrap().set_len(48 << 20).is_ok()
        && Command::new("mkfs.ext4").args(["-q", &disk]).status().is_ok_and(|done| done.success());
    if !made {
        println!("skipped: no file system can be made here: `mkfs.ext4` is not installed");
        return;
    }
    let mount = format!("mount -t ext4 -o loop '{disk}'");
    let Some(island) = Island::start_on(Rc::clone(&folder), &mount) else { return };
    let run = island.run();
    let room = |name: &str| {
        ask(&run, "PUT", &format!("/api/homard/areas/{name}"), &format!("{{\"name\":\"{name}\"}}"))
    };
    assert_eq!(room("kitchen").0, 200);
    let pid = island.child.id().to_string();
    let failed = Command::new("nsenter")
        .args(["--target", &pid, "--mount", "mount", "-o", "remount,abort", &folder.path("data")])
        .status();
    if !failed.as_ref().is_ok_and(|done| done.success()) {
        println!("skipped: the file system cannot be made to fail here: {failed:?}");
        return;
    }
    let words = "the disk can only be read";
    let (status, why) = room("cellar");
    assert!(status == 500 && why.to_string().contains(words), "{status} {why}");
    let problems = || ask(&run, "GET", "/api/homard/problems", "").1.to_string();
    island.wait("it is named", || problems().contains(words).then_some(()));
    // It is tried again after five seconds, and is no better then.
    std::thread::sleep(Duration::from_secs(7));
    assert!(problems().contains(words), "{}", island.log());
    assert!(!island.log().contains("Writing works again"), "{}", island.log());
    assert_eq!(ask(&run, "GET", "/api/", "").0, 200);
    drop(island);
    // The machine has started again.
    let Some(island) = Island::start_on(folder, &mount) else { return };
    let run = island.run();
    let rooms = ask(&run, "GET", "/api/homard/areas", "").1.to_string();
    assert!(rooms.contains("kitchen") && !rooms.contains("cellar"), "{rooms}");
}

#[test]
fn a_house_that_cannot_begin_says_why() {
    let data = |folder: &Folder| folder.path("data");
    // Its disk is read-only from the start.
    let folder = Folder::new("hard-begin");
    let script = format!("mount -t tmpfs -o ro homard '{0}' && exec \"$@\"", data(&folder));
    fs::create_dir(data(&folder)).unwrap();
    let config = folder.file(
        "homard.toml",
        "[http]\nlisten = \"127.0.0.1:0\"\n[mqtt]\nlisten = \"127.0.0.1:0\"\n",
    );
    let done = Command::new("unshare")
        .args(["--mount", "sh", "-c", &script, "sh"])
        .arg(program())
        .args(["run", "--config", &config, "--data-dir", &data(&folder)])
        .output();
    let done = done.unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    if said.contains("unshare") {
        println!("skipped: nothing can be mounted here: {said}");
    } else {
        assert!(!done.status.success() && said.contains("Read-only file system"), "{said}");
    }
    // There is one already.
    let folder = Folder::new("hard-second");
    let daemon = Daemon::start("run", &folder);
    let second =
        homard(&["run", "--config", &folder.path("homard.toml"), "--data-dir", &daemon.data]);
    assert!(second.code == 1 && second.err.contains("another Homard (process"), "{second:?}");
    assert_eq!(daemon.get("/api/")["message"], "API running.");
    // An upgrade knows a key no more: systemd does not try again (2), and the file stays as it is.
    let broken = folder.file("broken.toml", "[http]\nlisen = \"127.0.0.1:0\"\n");
    let other = folder.path("other");
    let done = homard(&["run", "--config", &broken, "--data-dir", &other]);
    assert!(done.code == 2 && done.err.contains("`[http] lisen` is no setting"), "{done:?}");
    assert!(!fs::exists(&other).unwrap(), "nothing was begun");
}

/// A board without a clock, and one that was moved: `faketime` says what time it is.
#[test]
fn a_clock_in_1970_and_another_time_zone_are_no_harm() {
    if Command::new("faketime").arg("--version").output().is_err() {
        println!("skipped: `faketime` is not installed; `make setup` installs it");
        return;
    }
    let folder = Folder::new("hard-clock");
    let preload = Command::new("faketime").args(["1970-01-01 00:00:40", "env"]).output().unwrap();
    let lines = String::from_utf8(preload.stdout).unwrap();
    let value = |name: &str| {
        let line = lines.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_default().to_owned()
    };
    let (preload, time) = (value("LD_PRELOAD"), value("FAKETIME"));
    let text = "[http]\nlisten = \"127.0.0.1:0\"\n[mqtt]\nlisten = \"127.0.0.1:0\"\n";
    let faked = |zone: &str| {
        let environment = [
            ("LD_PRELOAD", preload.as_str()),
            ("FAKETIME", time.as_str()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("DONT_FAKE_MONOTONIC", "1"),
            ("TZ", zone),
        ];
        Daemon::start_in("demo", &folder, text, &environment)
    };
    let light = "light.kitchen_light";
    let daemon = faked("UTC");
    let state = daemon.wait_for(light, |_| true);
    assert!(state["last_updated"].as_str().unwrap().starts_with("1970-01-01"), "{state}");
    let said = daemon.say(&["set a timer for 10 minutes"]);
    assert_eq!(said.code, 0, "{said:?}");
    let said = daemon.say(&["turn on the kitchen light"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(daemon.stop().0, Some(0));
    // The network has set it meanwhile, half a century later, and somewhere else.
    let daemon = Daemon::start_in("demo", &folder, text, &[("TZ", "Pacific/Auckland")]);
    assert_eq!(daemon.get("/api/config")["time_zone"], "Pacific/Auckland");
    assert_eq!(daemon.say(&["turn off the kitchen light"]).code, 0);
    let state = daemon.wait_for(light, |state| state["state"] == "off");
    assert!(!state["last_changed"].as_str().unwrap().starts_with("1970"), "{state}");
    assert_eq!(daemon.stop().0, Some(0));
    // And back again: the battery of the clock is empty.
    let daemon = faked("Europe/Paris");
    assert_eq!(daemon.say(&["turn on the kitchen light"]).code, 0);
    assert_eq!(daemon.stop().0, Some(0));
}
