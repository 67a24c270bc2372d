//! A house that may have little memory, in a real cgroup: models come and go within the budget, and the system never has to
//! end the program.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::speech::LIGHT_ON;
use crate::support::homard::{Daemon, Folder, PATIENCE};
use crate::support::models_with;

const MODEL: &str = "smollm2-135m/SmolLM2-135M-Instruct.Q4_1.gguf";
const SPEECH: &str = "whisper-tiny.en/ggml-tiny.en-q8_0.bin";
/// How an answer in the model's own words begins.
const MARK: &str = "My language model says";

/// A cgroup with a limit, of whichever version this machine has.
struct Group {
    path: PathBuf,
    is_second: bool,
}

impl Group {
    /// With so many megabytes; `None` where none can be made.
    fn new(name: &str, mib: u64) -> Option<Self> {
        let name = format!("homard-it-{}-{name}", std::process::id());
        let made = [("/sys/fs/cgroup", true), ("/sys/fs/cgroup/memory", false)].map(
            |(root, is_second)| -> std::io::Result<Self> {
                let (file, root) = match is_second {
                    true => ("memory.max", PathBuf::from(root)),
                    false => ("memory.limit_in_bytes", PathBuf::from(root)),
                };
                // In the root of the second version there is always this file, and of the first this one.
                let mark = if is_second { "cgroup.controllers" } else { "memory.stat" };
                fs::metadata(root.join(mark))?;
                let group = Self { path: root.join(&name), is_second };
                fs::create_dir(&group.path)?;
                fs::write(group.path.join(file), (mib << 20).to_string())?;
                Ok(group)
            },
        );
        match made {
            [Ok(group), _] | [_, Ok(group)] => Some(group),
            [Err(second), Err(first)] => {
                println!(
                    "skipped: no cgroup with a limit of memory can be made here (it needs root): {second}; {first}"
                );
                None
            }
        }
    }

    /// What a shell does to become one of it.
    fn entered(&self) -> String {
        format!("echo $$ >'{}/cgroup.procs' && exec \"$@\"", self.path.display())
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path.join(name)).unwrap()
    }

    /// How many of its processes the system has ended.
    fn n_killed(&self) -> u64 {
        let file = if self.is_second { "memory.events" } else { "memory.oom_control" };
        let text = self.text(file);
        let row = text.lines().find_map(|line| line.strip_prefix("oom_kill ")).unwrap();
        row.trim().parse().unwrap()
    }

    /// Of its limit, what was taken at most, in MiB; with pages of files, which count as long as there is room for them.
    fn peak(&self) -> u64 {
        let file = if self.is_second { "memory.peak" } else { "memory.max_usage_in_bytes" };
        fs::read_to_string(self.path.join(file)).map_or(0, |text| text.trim().parse().unwrap_or(0))
            >> 20
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let began = Instant::now();
        while fs::remove_dir(&self.path).is_err() && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A house in the group.
fn house(group: &Group, folder: &Folder) -> Option<Daemon> {
    let models = models_with(SPEECH)?;
    let model = models_with(MODEL)?.join(MODEL);
    fs::create_dir(folder.path("data")).unwrap();
    let models = fs::canonicalize(models).unwrap();
    std::os::unix::fs::symlink(models, folder.path("data/models")).unwrap();
    let text = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n[model]\nask = false\ntalk = {:?}\n[mqtt]\nlisten = \"127.0.0.1:0\"\n",
        fs::canonicalize(model).unwrap().display().to_string()
    );
    Some(Daemon::start_in_shell(&group.entered(), Stdio::null(), "demo", folder, &text))
}

fn talk(house: &Daemon) -> String {
    let done = house.say(&["--language", "en", "who wrote the moonlight sonata?"]);
    done.out + &done.err
}

fn hear(house: &Daemon) -> u16 {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let answer = agent
        .post(format!("{}/api/speech?language=en", house.url))
        .header("authorization", format!("Bearer {}", house.token))
        .send(LIGHT_ON);
    answer.unwrap().status().as_u16()
}

/// Somebody else of the same service, who takes memory and keeps it.
struct Hog(Child);

impl Hog {
    fn new(group: &Group, mib: usize) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", &group.entered(), "sh"]);
        // Without a line's end `tail` keeps all that comes: slower than the house looks.
        let more = "head -c 20M /dev/zero; sleep 1; ".repeat(mib / 20);
        shell.args(["sh", "-c", &format!("({more} sleep 60) | tail -n 1")]);
        shell.stdout(Stdio::null());
        std::os::unix::process::CommandExt::process_group(&mut shell, 0);
        Self(shell.spawn().unwrap())
    }
}

impl Drop for Hog {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.0.wait();
    }
}

#[test]
fn models_make_room_for_each_other_and_for_others_before_the_system_ends_anybody() {
    // Models may take 164 MiB of it: one of the two.
    let Some(group) = Group::new("room", 420) else { return };
    let folder = Folder::new("memory-room");
    let Some(house) = house(&group, &folder) else { return };
    let log = || fs::read_to_string(folder.path("log")).unwrap();
    house.wait_for("light.kitchen_light", |_| true);
    let gone = ["The language model has given back", "Speech recognition has given back"];
    for n in 1..=2 {
        let answer = talk(&house);
        assert!(answer.starts_with(MARK), "{answer}\n{}", log());
        assert!(log().matches(gone[1]).count() >= n - 1, "{}", log());
        assert_eq!(hear(&house), 200, "{}", log());
        assert!(log().matches(gone[0]).count() >= n, "{}", log());
    }

    let answer = talk(&house);
    assert!(answer.starts_with(MARK), "{answer}\n{}", log());
    let n_gone = log().matches(gone[0]).count();
    let _hog = Hog::new(&group, 280);
    // As the limit is near, or as programs wait for memory already: whichever is seen first.
    house.wait(|| match log().matches(gone[0]).count() > n_gone {
        true => Ok(()),
        false => Err(format!("{}\n{}", log(), group.text("memory.stat"))),
    });
    assert!(log().contains("Memory is given back. what="), "{}", log());
    // And it does not come back while there is no room, which the other takes little by little: the house answers without it.
    house.wait(|| match talk(&house) {
        answer if answer.contains(MARK) => Err(answer),
        _ => Ok(()),
    });
    assert!(log().contains("The language model is not used."), "{}", log());
    // On a busy machine the other may take it faster than anybody can look, and is ended; the house never is.
    println!(
        "memory: at most {} of 420 MiB taken, {} others were ended",
        group.peak(),
        group.n_killed()
    );
    assert_eq!(house.stop().0, Some(0));
}

#[test]
fn what_does_not_fit_is_not_loaded() {
    let Some(group) = Group::new("small", 100) else { return };
    let folder = Folder::new("memory-small");
    let Some(house) = house(&group, &folder) else { return };
    house.wait_for("light.kitchen_light", |_| true);
    let answer = talk(&house);
    assert!(!answer.contains(MARK), "{answer}");
    let log = fs::read_to_string(folder.path("log")).unwrap();
    assert!(log.contains("MiB of memory and"), "{log}");
    let done = house.say(&["turn on the kitchen light"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(group.n_killed(), 0);
    println!("memory: at most {} of 100 MiB taken, nobody was ended", group.peak());
    assert_eq!(house.stop().0, Some(0));
}
