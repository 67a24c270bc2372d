//! A newer program beside the old one, with the real binary: who may have signed it, that it must answer, that the old one
//! comes back, and that a power cut at any moment leaves a house that runs.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use homard::update::PROCESSOR;
use serde_json::Value;

use super::panel_settings::seen;
use super::support::browser::Browser;
use super::support::homard::{Done, Folder, PATIENCE, homard, homard_with, program};
use super::support::signing::Signer;

/// A machine on which a house may be updated.
struct Machine {
    folder: Folder,
    signer: Signer,
    config: String,
    data: String,
}

/// A running house, with everything that it has started.
struct House<'a> {
    machine: &'a Machine,
    child: Child,
}

/// A program that is as good as this one.
fn good() -> String {
    format!("#!/bin/sh\nexec {} \"$@\"\n", program().display())
}

impl Machine {
    fn new(name: &str) -> Self {
        Self::with(name, "")
    }

    fn with(name: &str, lines: &str) -> Self {
        let (folder, signer) = (Folder::new(name), Signer::new(7));
        // The same at each start.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = folder.file(
            "homard.toml",
            &format!(
                "[http]\nlisten = \"127.0.0.1:{port}\"\n[mqtt]\nlisten = \"127.0.0.1:0\"\n\
                 [update]\nkey = \"{}\"\nwithin = 6\n{lines}",
                signer.key()
            ),
        );
        let data = folder.path("data");
        fs::create_dir_all(&data).unwrap();
        Self { folder, signer, config, data }
    }

    /// A program and its signature as files.
    fn offer(&self, version: &str, text: &str) -> String {
        let comment = format!("homard {version} {PROCESSOR}");
        self.offer_signed(text, &self.signer.sign(text.as_bytes(), &comment))
    }

    fn offer_signed(&self, text: &str, signature: &str) -> String {
        self.folder.file("new.minisig", signature);
        self.folder.file("new", text)
    }

    fn update(&self, arguments: &[&str]) -> Done {
        let mut all = vec!["update", "--config", &self.config, "--data-dir", &self.data];
        all.extend(arguments);
        homard(&all)
    }

    fn house(&self) -> House<'_> {
        let log = fs::File::options().create(true).append(true).open(self.folder.path("log"));
        let mut command = Command::new(program());
        command.args(["run", "--config", &self.config, "--data-dir", &self.data]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.unwrap());
        // Whatever it starts dies with it, as in a power cut.
        command.process_group(0);
        House { machine: self, child: command.spawn().unwrap() }
    }

    fn running(&self) -> Option<Value> {
        let text = fs::read_to_string(format!("{}/running.json", self.data)).ok()?;
        let run: Value = serde_json::from_str(&text).ok()?;
        let url = run["url"].as_str()?;
        ureq::get(format!("{url}/healthz")).call().ok().map(|_| run)
    }

    /// Where a link in the folder of programs leads.
    fn link(&self, name: &str) -> Option<String> {
        let target = fs::read_link(format!("{}/program/{name}", self.data)).ok()?;
        Some(target.to_str().unwrap().to_owned())
    }

    #[track_caller]
    fn wait(&self, what: &str, look: impl Fn() -> bool) {
        let began = Instant::now();
        while !look() {
            let log = || fs::read_to_string(self.folder.path("log")).unwrap_or_default();
            assert!(began.elapsed() < 2 * PATIENCE, "{what}: {:?}\n{}", self.links(), log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn links(&self) -> [Option<String>; 4] {
        ["wanted", "trying", "current", "refused"].map(|name| self.link(name))
    }
}

impl House<'_> {
    /// Waits until it answers.
    #[track_caller]
    fn answers(&self) {
        let pid = self.child.id().to_string();
        self.machine.wait("the house answers", || {
            let Some(run) = self.machine.running() else { return false };
            // A process of this house, and not of one before.
            let stat = fs::read_to_string(format!("/proc/{}/stat", run["pid"])).unwrap_or_default();
            Stat::read(&stat).is_some_and(|stat| stat.group == pid)
        });
    }

    /// Whether the program that answers is one of the newer ones: they know who has started them.
    fn is_newer(&self) -> bool {
        let began = Instant::now();
        loop {
            // One that just ends says nothing any more.
            let run = self.machine.running().unwrap_or_default();
            match fs::read(format!("/proc/{}/environ", run["pid"])) {
                Ok(text) if !text.is_empty() => {
                    return String::from_utf8_lossy(&text).contains("HOMARD_BASE=");
                }
                Ok(_) | Err(_) => assert!(began.elapsed() < PATIENCE, "nothing runs"),
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether anything that it has started is still there.
    fn lives(&self) -> bool {
        let group = self.child.id().to_string();
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let stats =
            processes.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
        // Who is dead and was not waited for holds nothing any more, but its threads may be dying yet and hold it.
        stats
            .filter_map(|stat| Stat::read(&stat))
            .any(|stat| stat.group == group && (stat.state != "Z" || stat.n_threads > 1))
    }

    fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(&pid).status().unwrap().success());
        let began = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < PATIENCE, "it does not stop");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(self.machine.running().is_none(), "something of it still runs");
    }
}

impl Drop for House<'_> {
    /// As a power cut does it.
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.child.wait();
        // A killed process is there until the system has taken it down, and holds the data until then. What was started
        // a moment ago may not have written down who it is: all of them are looked at.
        let began = Instant::now();
        while self.lives() && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// What `/proc/PID/stat` says of a process, see proc(5).
struct Stat {
    state: String,
    group: String,
    n_threads: u32,
}

impl Stat {
    fn read(text: &str) -> Option<Self> {
        // The name before may hold any character.
        let (_, rest) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        let field = |at: usize| fields.get(at).copied();
        Some(Self {
            state: field(0)?.to_owned(),
            group: field(2)?.to_owned(),
            n_threads: field(17)?.parse().ok()?,
        })
    }
}

fn links(all: [Option<&str>; 4]) -> [Option<String>; 4] {
    all.map(|link| link.map(|version| format!("homard-{version}")))
}

#[test]
fn only_a_newer_program_of_whom_is_trusted_is_taken() {
    let machine = Machine::new("update-trust");
    let text = good();
    let ours = |comment: &str| machine.signer.sign(text.as_bytes(), comment);
    let check = |file: &str, signature: &str, code: i32, expected: &str| {
        let file = machine.offer_signed(file, signature);
        let done = machine.update(&[&file]);
        assert_eq!(done.code, code, "{done:?}");
        assert!(done.err.contains(expected), "{done:?}");
        let left = fs::read_dir(format!("{}/program", machine.data));
        assert_eq!(left.map_or(0, Iterator::count), 0, "{expected}");
    };
    let right = format!("homard 99.0.0 {PROCESSOR}");
    check("#!/bin/sh\nreboot\n", &ours(&right), 2, "signature is not right");
    let strangers = Signer::new(8).sign(text.as_bytes(), &right);
    check(&text, &strangers, 2, "signature is not right");
    // What is said of it is signed too.
    let renamed = ours(&right).replace("99.0.0", "99.0.1");
    check(&text, &renamed, 2, "signature is not right");
    check(&text, &ours(&format!("homard 0.0.1 {PROCESSOR}")), 2, "is not newer");
    let own = env!("CARGO_PKG_VERSION");
    check(&text, &ours(&format!("homard {own} {PROCESSOR}")), 2, "is not newer");
    check(&text, &ours("homard 99.0.0 m68k"), 2, "no program of Homard's for this machine");
    check(&text, &ours("timestamp:1\tfile:homard"), 2, "no program of Homard's");
    check(&text, "nothing", 2, "is not understood");
    fs::remove_file(machine.folder.path("new.minisig")).unwrap();
    let done = machine.update(&[&machine.folder.path("new")]);
    assert!(done.code == 1 && done.err.contains("new.minisig"), "{done:?}");
    // Nobody has said whom to trust.
    let file = machine.offer("99.0.0", &text);
    let done = homard(&["update", &file, "--data-dir", &machine.data]);
    assert!(done.code == 2 && done.err.contains("names no key"), "{done:?}");
}

#[test]
fn a_good_program_stays_and_a_package_overtakes_it() {
    let machine = Machine::new("update-good");
    let house = machine.house();
    house.answers();
    assert!(!house.is_newer());
    let done = machine.update(&[&machine.offer("99.0.0", &good())]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.out.ends_with("Homard 99.0.0 answers, and stays.\n"), "{done:?}");
    assert_eq!(machine.links(), links([None, None, Some("99.0.0"), None]));
    assert!(house.is_newer());
    // A stop ends both.
    house.stop();
    // From now on nobody stays beside it.
    let house = machine.house();
    house.answers();
    assert!(house.is_newer());
    assert_eq!(machine.running().unwrap()["pid"], u64::from(house.child.id()));
    let older = machine.update(&[&machine.offer("98.0.0", &good())]);
    assert!(older.code == 2 && older.err.contains("99.0.0, which is here"), "{older:?}");
    // The next one is tried by whoever was installed, and the one before goes.
    let done = machine.update(&[&machine.offer("99.1.0", &good())]);
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(machine.links(), links([None, None, Some("99.1.0"), None]));
    assert!(!fs::exists(format!("{}/program/homard-99.0.0", machine.data)).unwrap());
    drop(house);
    // What was installed is newer by now: it wins.
    let at = |name: &str| format!("{}/program/{name}", machine.data);
    fs::rename(at("homard-99.1.0"), at("homard-0.0.1")).unwrap();
    fs::remove_file(at("current")).unwrap();
    std::os::unix::fs::symlink("homard-0.0.1", at("current")).unwrap();
    let house = machine.house();
    house.answers();
    assert!(!house.is_newer());
}

#[test]
fn a_bad_program_is_taken_back() {
    let check = |name: &str, text: &str| {
        let machine = Machine::new(name);
        let house = machine.house();
        house.answers();
        let done = machine.update(&[&machine.offer("99.0.0", text)]);
        assert_eq!(done.code, 1, "{done:?}");
        assert!(done.err.contains("was taken back"), "{done:?}");
        assert_eq!(machine.links(), links([None, None, None, Some("99.0.0")]));
        house.answers();
        machine.wait("the old program is back", || !house.is_newer());
        house.answers();
        house.stop();
    };
    std::thread::scope(|scope| {
        scope.spawn(|| check("update-ends", "#!/bin/sh\nexit 3\n"));
        scope.spawn(|| check("update-hangs", "#!/bin/sh\nexec sleep 1000\n"));
        scope.spawn(|| check("update-garbage", "\u{1}not a program"));
        // It answers, and dies a moment later.
        let dies = format!("#!/bin/sh\n{} \"$@\" &\nsleep 3\nkill -9 $!\n", program().display());
        scope.spawn(move || check("update-dies", &dies));
    });
}

#[test]
fn the_program_that_proved_itself_comes_back_too() {
    let machine = Machine::new("update-back");
    assert_eq!(machine.update(&[&machine.offer("99.0.0", &good())]).code, 0);
    let house = machine.house();
    machine.wait("the trial", || machine.link("current").is_some());
    let done = machine.update(&[&machine.offer("99.1.0", "#!/bin/sh\nexit 1\n")]);
    assert!(done.code == 1 && done.err.contains("was taken back"), "{done:?}");
    assert_eq!(machine.links(), links([None, None, Some("99.0.0"), Some("99.1.0")]));
    house.answers();
    assert!(house.is_newer());
}

/// Whatever was on the disk when the power went: the house runs, with the program that this leaves.
#[test]
fn every_state_that_a_power_cut_leaves_is_a_house_that_runs() {
    type Move<'a> = &'a dyn Fn(&str, &str);
    let check = |name: &str, make: &dyn Fn(&Machine, Move<'_>), newer: bool| {
        let machine = Machine::new(&format!("update-cut-{name}"));
        let done = machine.update(&["--later", &machine.offer("99.0.0", &good())]);
        assert!(done.code == 0 && done.out.contains("when the house starts"), "{done:?}");
        let folder = format!("{}/program", machine.data);
        make(&machine, &|from, to| {
            let _ = fs::rename(format!("{folder}/{from}"), format!("{folder}/{to}"));
        });
        let house = machine.house();
        house.answers();
        assert_eq!(house.is_newer(), newer, "{name}: {:?}", machine.links());
        drop(house);
    };
    let write = |machine: &Machine, name: &str, text: &str| {
        fs::write(format!("{}/program/{name}", machine.data), text).unwrap();
    };
    let remove = |machine: &Machine, name: &str| {
        fs::remove_file(format!("{}/program/{name}", machine.data)).unwrap();
    };
    // Before the program was whole, before it had its signature, before it was wanted.
    check(
        "part",
        &|m, mv| {
            mv("homard-99.0.0", "homard-99.0.0.part");
            remove(m, "wanted")
        },
        false,
    );
    check(
        "half",
        &|m, _| {
            write(m, "homard-99.0.0.part", "#!");
            remove(m, "wanted")
        },
        false,
    );
    check(
        "unsigned",
        &|m, _| {
            remove(m, "homard-99.0.0.minisig");
            remove(m, "wanted")
        },
        false,
    );
    check("unwanted", &|m, _| remove(m, "wanted"), false);
    check("wanted.new", &|_, mv| mv("wanted", "wanted.new"), false);
    // Wanted, and damaged on the way.
    check("missing", &|m, _| remove(m, "homard-99.0.0"), false);
    check("no-signature", &|m, _| remove(m, "homard-99.0.0.minisig"), false);
    check("altered", &|m, _| write(m, "homard-99.0.0", "#!/bin/sh\n"), false);
    check("empty", &|m, _| write(m, "homard-99.0.0", ""), false);
    // While it was being tried, and when it was good already.
    check("tried", &|_, mv| mv("wanted", "trying"), false);
    check("accepted", &|_, mv| mv("wanted", "current"), true);
    check(
        "accepted-altered",
        &|m, mv| {
            mv("wanted", "current");
            write(m, "homard-99.0.0", "x")
        },
        false,
    );
    check(
        "accepted-gone",
        &|m, mv| {
            mv("wanted", "current");
            remove(m, "homard-99.0.0")
        },
        false,
    );
}

/// The real thing: killed at moments that nobody chose.
#[test]
fn killed_at_any_moment_a_house_runs_after_it() {
    let machine = Machine::new("update-killed");
    // As large as a program is.
    let large = good() + &"#".repeat(20 << 20);
    let file = machine.offer("99.0.0", &large);
    let began = Instant::now();
    assert_eq!(machine.update(&["--later", &file]).code, 0);
    let whole = began.elapsed();
    let mut n_whole = 0;
    for n in 0..16_u32 {
        let _ = fs::remove_dir_all(format!("{}/program", machine.data));
        let arguments =
            ["update", "--later", "--config", &machine.config, "--data-dir", &machine.data];
        let mut child = Command::new(program())
            .args(arguments)
            .arg(&file)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(whole * n / 14);
        child.kill().unwrap();
        child.wait().unwrap();
        if machine.link("wanted").is_some() {
            n_whole += 1;
        }
        // Whatever is left is either nothing or the whole of it.
        if n % 4 == 3 {
            let house = machine.house();
            house.answers();
            drop(house);
        }
    }
    assert!(n_whole < 16, "it was never killed in time");
    // During the trial, with the one that tries.
    for n in 0..3_u32 {
        let _ = fs::remove_dir_all(format!("{}/program", machine.data));
        assert_eq!(machine.update(&["--later", &file]).code, 0);
        let house = machine.house();
        machine.wait("it is tried", || machine.link("trying").is_some());
        std::thread::sleep(Duration::from_millis(u64::from(n) * 400));
        drop(house);
        assert!(machine.link("current").is_none());
        let house = machine.house();
        house.answers();
        assert!(!house.is_newer(), "{:?}", machine.links());
        assert_eq!(machine.links(), links([None, None, None, Some("99.0.0")]));
        drop(house);
    }
}

/// A stop in good order is not its fault: it is tried again.
#[test]
fn a_stop_during_the_trial_is_no_verdict() {
    let machine = Machine::new("update-stop");
    assert_eq!(machine.update(&["--later", &machine.offer("99.0.0", &good())]).code, 0);
    let house = machine.house();
    house.answers();
    assert_eq!(machine.links(), links([None, Some("99.0.0"), None, None]));
    house.stop();
    assert_eq!(machine.links(), links([Some("99.0.0"), None, None, None]));
    let house = machine.house();
    machine.wait("the trial", || machine.link("current").is_some());
    house.answers();
}

/// A web server with these files; what it was asked for.
fn server(files: Vec<(String, Vec<u8>)>) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.2:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream: TcpStream = stream.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                head.push(byte[0]);
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let file = files.iter().find(|(name, _)| path == *name);
            noted.lock().unwrap().push(path);
            let (status, body) =
                file.map_or(("404 Not Found", &[][..]), |(_, body)| ("200 OK", body));
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(&[head.as_bytes(), body].concat());
        }
    });
    (port, asked)
}

#[test]
fn nobody_is_asked_unless_the_owner_has_said_where_and_says_so() {
    let machine = Machine::new("update-closed");
    let done = machine.update(&["--check"]);
    assert!(done.code == 1 && done.err.contains("nobody is asked"), "{done:?}");
    assert_eq!(machine.update(&[]).code, 1);
    let house = machine.house();
    house.answers();
    let done = machine.update(&["--check"]);
    assert!(done.code == 1 && done.err.contains("do not say where to ask"), "{done:?}");
    drop(house);

    let text = good();
    let signature = Signer::new(7).sign(text.as_bytes(), &format!("homard 99.0.0 {PROCESSOR}"));
    let at = format!("/programs/homard-{PROCESSOR}");
    let files =
        vec![(format!("{at}.minisig"), signature.into_bytes()), (at.clone(), text.into_bytes())];
    let (port, asked) = server(files);
    let machine = Machine::with(
        "update-asked",
        &format!("url = \"http://localhost.homard.test:{port}/programs/\"\n"),
    );
    // A name of no machine: it is noted before it is tried.
    let done = homard_with(
        &["update", "--check", "--config", &machine.config, "--data-dir", &machine.data],
        &[("http_proxy", ""), ("HTTP_PROXY", "")],
    );
    assert_eq!(done.code, 1, "{done:?}");
    let config = fs::read_to_string(&machine.config).unwrap();
    fs::write(&machine.config, config.replace("localhost.homard.test", "127.0.0.2")).unwrap();
    let house = machine.house();
    house.answers();
    assert!(asked.lock().unwrap().is_empty(), "a start asks nobody");
    let run = machine.running().unwrap();
    let (url, token) = (run["url"].as_str().unwrap(), run["token"].as_str().unwrap());
    let noted = || {
        let answer = ureq::get(format!("{url}/api/homard/connections"))
            .header("Authorization", format!("Bearer {token}"))
            .call();
        answer.unwrap().body_mut().read_to_string().unwrap()
    };
    let before: Value = serde_json::from_str(&noted()).unwrap();
    assert_eq!(before[0]["why"], "update", "{before}");
    let done = machine.update(&["--check"]);
    assert!(done.out.contains("Homard 99.0.0 is there"), "{done:?}");
    assert_eq!(*asked.lock().unwrap(), [format!("{at}.minisig")]);
    let done = machine.update(&[]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.out.contains("answers, and stays"), "{done:?}");
    assert_eq!(asked.lock().unwrap().last(), Some(&at));
}

/// The owner's click: what lies there is looked for, fetched, tried, and runs the house.
#[test]
fn the_panel_looks_for_a_newer_program_and_installs_it() {
    let Some(mut browser) = Browser::start("en") else { return };
    let text = good();
    let signature = Signer::new(7).sign(text.as_bytes(), &format!("homard 99.0.0 {PROCESSOR}"));
    let at = format!("/homard-{PROCESSOR}");
    let forged = format!("/forged{at}");
    let other = Signer::new(8).sign(text.as_bytes(), &format!("homard 99.0.0 {PROCESSOR}"));
    let (port, asked) = server(vec![
        (format!("{at}.minisig"), signature.into_bytes()),
        (at.clone(), text.clone().into_bytes()),
        (format!("{forged}.minisig"), other.into_bytes()),
        (forged, text.into_bytes()),
    ]);
    let machine = Machine::with("update-panel", &format!("url = \"http://127.0.0.2:{port}\"\n"));
    let config = fs::read_to_string(&machine.config).unwrap();
    let with_url = |url: &str| {
        let own = format!("url = \"http://127.0.0.2:{port}\"\n");
        fs::write(&machine.config, config.replace(&own, url)).unwrap();
    };
    let url = |path: &str| format!("{}{path}", machine.running().unwrap()["url"].as_str().unwrap());

    // Where the configuration says nothing of it there is nothing to press.
    with_url("");
    let house = machine.house();
    house.answers();
    let first =
        serde_json::json!({"name": "Ada", "password": "four quiet lobsters", "language": "fr"});
    ureq::post(url("/setup")).header("Origin", url("")).send_json(first).unwrap();
    browser.visit(&url("/sign-in?language=en"));
    browser.fill("#name", "Ada");
    browser.fill("#password", "four quiet lobsters");
    browser.click("form.panel-box [type=submit]");
    browser.wait("document.querySelector('nav')");
    browser.open(&url("/settings/system"));
    browser.wait(
        "document.querySelector('#updates p')?.textContent.startsWith('Personne n’est interrogé')",
    );
    assert_eq!(browser.eval("document.querySelectorAll('#updates button').length"), 0);
    house.stop();

    // Somebody else's signature: it is not taken, and the reader is told in their language.
    with_url(&format!("url = \"http://127.0.0.2:{port}/forged\"\n"));
    let house = machine.house();
    house.answers();
    browser.open(&url("/settings/system"));
    browser.wait("document.querySelector('#update-look')");
    assert!(asked.lock().unwrap().is_empty(), "who only looks at the page asks nobody");
    browser.click("#update-look");
    browser.wait(
        "document.querySelector('#update-install')?.textContent === 'Installer Homard 99.0.0'",
    );
    seen(&mut browser, "settings-update");
    browser.click("#update-install");
    browser.click("dialog [type=submit]");
    browser.wait("document.querySelector('#update-news .bad')?.textContent.includes('signature')");
    assert_eq!(machine.link("wanted"), None);
    house.stop();

    with_url(&format!("url = \"http://127.0.0.2:{port}\"\n"));
    let house = machine.house();
    house.answers();
    browser.open(&url("/settings/system"));
    browser.wait("document.querySelector('#update-look')");
    browser.click("#update-look");
    browser.wait("document.querySelector('#update-install')");
    browser.click("#update-install");
    browser.click("dialog [type=submit]");
    machine.wait("it is tried and stays", || machine.link("current").is_some());
    assert!(house.is_newer());
    browser.wait(
        "document.querySelector('#update-look') && !document.querySelector('#update-install')",
    );
    browser
        .complaints
        .retain(|complaint| !complaint.contains("ERR_") && !complaint.contains("401"));
    assert!(browser.complaints.is_empty(), "{:#?}", browser.complaints);
}
