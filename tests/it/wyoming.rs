//! Wyoming with the real packages: Homard asked by the `wyoming` client library, and a `wyoming-satellite` in the kitchen.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use homard::speech::{Clip, RATE};
use serde_json::Value;

use crate::support::homard::{Daemon, Folder, homard};
use crate::support::models_with;
use crate::support::mosquitto::free_port;

/// Below the folder of models; `models/catalog.toml` has the same.
const TINY: &str = "whisper-tiny.en/ggml-tiny.en-q8_0.bin";

/// A Python with a package, if it is there.
fn python(folder: &str, package: &str) -> Option<PathBuf> {
    let python =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache").join(folder).join("bin/python");
    let has_it = Command::new(&python).args(["-c", &format!("import {package}")]).output();
    if has_it.is_ok_and(|run| run.status.success()) {
        return Some(python);
    }
    println!("skipped: no Python with {package} in .cache/{folder} (run `make setup`)");
    None
}

fn tool(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools").join(name)
}

/// A sentence as a WAV file.
fn spoken(folder: &Folder, name: &str, text: &str) -> Option<String> {
    let path = folder.path(name);
    let run = Command::new("espeak-ng").args(["-v", "en-us", "-w", &path, text]).status();
    if run.is_ok_and(|status| status.success()) {
        // As a microphone gives it.
        let clip = Clip::read(&fs::read(&path).unwrap()).unwrap();
        let sample_format = hound::SampleFormat::Int;
        let spec =
            hound::WavSpec { channels: 1, sample_rate: RATE, bits_per_sample: 16, sample_format };
        let mut wav = hound::WavWriter::create(&path, spec).unwrap();
        for sample in clip.samples() {
            wav.write_sample((sample * 32_767.0) as i16).unwrap();
        }
        wav.finalize().unwrap();
        return Some(path);
    }
    println!("skipped: espeak-ng is not installed (run `make setup`)");
    None
}

/// The simulated house with these lines in its configuration, and models where there are some.
fn demo(folder: &Folder, lines: &str, models: Option<&Path>) -> Daemon {
    if let Some(models) = models {
        fs::create_dir_all(folder.path("data")).unwrap();
        std::os::unix::fs::symlink(models, folder.path("data/models")).unwrap();
    }
    let lines = format!(
        "listen = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [home]\n{lines}"
    );
    let daemon = Daemon::start_configured("demo", folder, &lines);
    daemon.wait_for("light.kitchen_light", |_| true);
    daemon
}

/// Ends with the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = Command::new("pkill").args(["-P", &self.0.id().to_string()]).status();
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_wyoming_package_hears_speaks_and_commands_by_homard() {
    let Some(python) = python("clients", "wyoming") else { return };
    let folder = Folder::new("wyoming-server");
    let Some(order) = spoken(&folder, "order.wav", "Turn off the kitchen light.") else { return };
    let models = models_with(TINY);
    let port = free_port();
    let lines = format!(
        "languages = [\"en\", \"fr\"]\n[wyoming]\nlisten = \"127.0.0.1:{port}\"\nrole = \"child\"\n"
    );
    let daemon = demo(&folder, &lines, models.as_deref());
    let mut command = Command::new(python);
    command.arg(tool("wyoming_peer.py")).arg(format!("tcp://127.0.0.1:{port}"));
    if models.is_some() {
        command.arg(order);
    }
    let run = command.output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let told: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(told["info"]["asr"], serde_json::json!(["en", "fr"]), "{told}");
    assert_eq!(told["info"]["pong"], "still there?");
    assert_eq!(told["info"]["controls"], true);
    for (language, least) in [("english", 2.0), ("french", 1.0)] {
        assert!(told[language]["seconds"].as_f64().unwrap() > least, "{told}");
        assert!(told[language]["loudest"].as_i64().unwrap() > 3_000, "{told}");
    }
    assert_eq!(told["light"]["kind"], "handled", "{told}");
    daemon.wait_for("light.kitchen_light", |state| state["state"] == "on");
    assert_eq!(told["recognize"]["kind"], "handled", "{told}");
    // A child opens no door, whatever the words.
    assert_eq!(daemon.get("/api/states/lock.front_door_lock")["state"], "locked", "{told}");
    assert_eq!(told["gibberish"]["kind"], "not-handled", "{told}");
    if models.is_some() {
        let heard = told["heard"].as_str().unwrap().to_lowercase();
        assert!(heard.contains("turn off the kitchen light"), "{heard}");
    }
}

/// A satellite whose microphone hears a recording, again and again until it was answered; with a wake word of its own,
/// or one that leaves it to Homard.
fn satellite(python: &Path, port: u16, order: &str, played: &str, wakes_itself: bool) -> Program {
    let sound = tool("wyoming_sound.py");
    let (python_path, sound) = (python.display(), sound.display());
    let wake = ["--wake-command".to_owned(), format!("{python_path} {sound} wake")];
    let child = Command::new(python)
        .args(["-m", "wyoming_satellite", "--no-zeroconf", "--name", "Kitchen"])
        .args(["--uri", &format!("tcp://127.0.0.1:{port}")])
        .args(["--mic-command", &format!("{python_path} {sound} microphone {order} {played}")])
        .args(["--snd-command", &format!("tee -a {played}")])
        .args(wake.iter().filter(|_| wakes_itself))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Program(child)
}

/// Waits until so many seconds were played; 22,050 Hz, 16 bits.
fn wait_played(path: &str, seconds: f64) -> f64 {
    let began = Instant::now();
    loop {
        let length = fs::metadata(path).map_or(0, |file| file.len()) as f64 / 44_100.0;
        if length >= seconds {
            return length;
        }
        let log = format!("{} s of {seconds} s were played", length);
        assert!(began.elapsed() < Duration::from_secs(300), "{log}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_satellite_is_heard_answered_where_it_stands_told_of_and_missed() {
    let Some(peer) = python("satellite", "wyoming_satellite") else { return };
    let Some(python) = python("clients", "wyoming") else { return };
    let folder = Folder::new("wyoming-satellite");
    // "The light" is that of the room.
    let Some(order) = spoken(&folder, "order.wav", "Turn on the lights.") else { return };
    let (port, played) = (free_port(), folder.path("played.raw"));
    // Its owner prefers engines of their own; whether Homard hears by itself is tested above.
    let (engine, notes) = (free_port(), folder.path("notes"));
    let _engine = Program(
        Command::new(python)
            .arg(tool("wyoming_engine.py"))
            .args([&format!("tcp://127.0.0.1:{engine}"), "turn on the lights", &notes])
            .spawn()
            .unwrap(),
    );
    let lines = format!(
        "[voice]\nstt = \"tcp://127.0.0.1:{engine}\"\ntts = \"tcp://127.0.0.1:{engine}\"\n\
         [[satellite]]\naddress = \"127.0.0.1:{port}\"\narea = \"Kitchen\"\nname = \"Kitchen\"\n"
    );
    let daemon = demo(&folder, &lines, None);
    let problems = |daemon: &Daemon| {
        let all = daemon.get("/api/homard/problems");
        let all = all.as_array().unwrap().clone();
        all.into_iter().filter(|one| one["text"].as_str().unwrap().contains("satellite")).count()
    };
    daemon.wait(|| match problems(&daemon) {
        1 => Ok(()),
        other => Err(format!("{other} problems instead of one")),
    });
    assert_eq!(daemon.say(&["turn off the kitchen lights"]).code, 0);
    let running = satellite(&peer, port, &order, &played, true);
    let answered = wait_played(&played, 0.5);
    daemon.wait_for("light.kitchen_light", |state| state["state"] == "on");
    assert_eq!(problems(&daemon), 0);
    let noted = fs::read_to_string(&notes).unwrap();
    let (heard, said) = noted.split_once('\n').unwrap();
    let seconds: f64 =
        heard.strip_prefix("heard ").unwrap().trim_end_matches(" s").parse().unwrap();
    // The sentence takes one second; the silence around it was left out.
    assert!((0.8..3.0).contains(&seconds), "{noted}");
    assert!(said.starts_with("said Turned on"), "{noted}");
    // The engine is the house's own ears too, whoever brings a recording.
    assert_eq!(daemon.say(&["turn off the kitchen lights"]).code, 0);
    daemon.wait_for("light.kitchen_light", |state| state["state"] == "off");
    let heard = homard(&["hear", &order, "--area", "Kitchen", "--data-dir", &daemon.data]);
    assert!(heard.code == 0 && heard.out.contains("turn on the lights"), "{heard:?}");
    daemon.wait_for("light.kitchen_light", |state| state["state"] == "on");
    // What is announced to all is heard there too, after the answer.
    std::thread::sleep(Duration::from_secs(3));
    let before = wait_played(&played, answered);
    assert_eq!(daemon.say(&["broadcast dinner is ready"]).code, 0);
    wait_played(&played, before + 0.5);
    // In the room that was named, and not where nothing could say it.
    std::thread::sleep(Duration::from_secs(2));
    let before = wait_played(&played, before);
    let told = daemon.say(&["tell the kitchen that dinner is ready"]);
    assert_eq!((told.code, told.out.trim()), (0, "I said it in the kitchen."));
    wait_played(&played, before + 0.5);
    let told = daemon.say(&["tell the bedroom that dinner is ready"]);
    assert_eq!(told.out.trim(), "There is no loudspeaker in the bedroom.");
    drop(running);
    daemon.wait(|| match problems(&daemon) {
        1 => Ok(()),
        other => Err(format!("{other} problems instead of one")),
    });
}

#[test]
fn a_satellite_without_a_wake_word_is_woken_by_homard() {
    let Some(peer) = python("satellite", "wyoming_satellite") else { return };
    let Some(models) = models_with(homard::speech::EMBEDDING) else { return };
    let Some(name) = crate::microphone::spoken("en-us+f4", "hey homard") else { return };
    let folder = Folder::new("wyoming-wake");
    let order = crate::microphone::spoken("en-us", "turn off the lights").unwrap();
    let (port, played, file) = (free_port(), folder.path("played.raw"), folder.path("said.wav"));
    let said = Clip::new([name, order].concat(), RATE).unwrap();
    fs::write(&file, said.to_wav()).unwrap();
    let lines = format!(
        "[[satellite]]\naddress = \"127.0.0.1:{port}\"\narea = \"Kitchen\"\nname = \"Kitchen\"\n"
    );
    let daemon = demo(&folder, &lines, Some(&models));
    assert_eq!(daemon.say(&["turn on the kitchen light"]).code, 0);
    daemon.wait_for("light.kitchen_light", |state| state["state"] == "on");
    let _running = satellite(&peer, port, &file, &played, false);
    wait_played(&played, 0.5);
    daemon.wait_for("light.kitchen_light", |state| state["state"] == "off");
}
