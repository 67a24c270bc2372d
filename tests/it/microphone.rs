//! The microphone and the loudspeaker, through ALSA: a device that ALSA makes of a pipe, into which a test plays what
//! somebody says, in another rate and two channels, and of a program, which keeps what is played. The real road of the
//! sound but for the sound card.

use std::collections::VecDeque;
use std::fs;
use std::io::{Read as _, Write};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use homard::speech::{Clip, SILERO};

use crate::support::homard::{Daemon, Folder, homard_with};
use crate::support::models_with;

/// What the device gives.
const RATE: u32 = 44_100;
const CHANNELS: usize = 2;
/// What the loudspeaker takes, samples per second.
const PLAYED_RATE: usize = 48_000;

/// A sound card that ALSA makes of a pipe and a program: what is said goes in, what was played comes out.
struct Card {
    /// The configuration of ALSA for it.
    config: String,
    /// What is said to it next; silence until then.
    say: mpsc::Sender<Vec<f32>>,
    /// It was taken as far as it came.
    is_taken: Arc<AtomicBool>,
    /// What was played: 16 bits, [`PLAYED_RATE`], [`CHANNELS`].
    played: String,
}

/// How much slower than in life a test speaks to the daemon: as it is built for tests, the networks that listen all the
/// time take most of a core.
const SLOWLY: u32 = 3;

/// A sound card in a room in which the microphone hears the loudspeaker, half as loud as it is.
fn room(folder: &Folder, slower: u32) -> Card {
    let (pipe, out, played) = (folder.path("pipe"), folder.path("out"), folder.path("played"));
    assert!(Command::new("mkfifo").args([&pipe, &out]).status().unwrap().success());
    let text = alsa(&pipe, &out);
    let (say, said) = mpsc::channel();
    let is_taken = Arc::new(AtomicBool::new(false));
    let done = Arc::clone(&is_taken);
    let mut air = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(&out)
        .unwrap();
    let mut record = fs::File::create(&played).unwrap();
    let echo = move || {
        let mut bytes = vec![0; PLAYED_RATE / 25 * 2 * CHANNELS];
        let n = air.read(&mut bytes).unwrap_or_default();
        record.write_all(&bytes[..n]).unwrap();
        let sample = |frame: &[u8; 4]| f32::from(i16::from_le_bytes([frame[0], frame[1]]));
        let sound: Vec<f32> =
            bytes.as_chunks::<4>().0.iter().map(|frame| sample(frame) / 65_536.0).collect();
        (0..RATE as usize / 25).map(|at| sound[at * PLAYED_RATE / RATE as usize]).collect()
    };
    thread::spawn(move || play(&pipe, &said, slower, &done, echo));
    Card { config: folder.file("asound.conf", &text), say, is_taken, played }
}

/// The configuration of ALSA for a device whose microphone is a pipe and whose loudspeaker is another, or a program.
fn alsa(pipe: &str, out: &str) -> String {
    format!(
        "</usr/share/alsa/alsa.conf>\n\
         pcm.!default {{ type asym playback.pcm \"outward\" capture.pcm \"inward\" }}\n\
         pcm.inward {{ type plug slave {{ pcm \"pipe\" format S16_LE rate {RATE} channels {CHANNELS} }} }}\n\
         pcm.pipe {{ type file slave.pcm \"nothing\" file \"/dev/null\" infile \"{pipe}\" format \"raw\" }}\n\
         pcm.outward {{ type plug slave {{ pcm \"card\" rate {PLAYED_RATE} channels {CHANNELS} format S16_LE }} }}\n\
         pcm.card {{ type file slave.pcm \"nothing\" file \"{out}\" format \"raw\" }}\n\
         pcm.nothing {{ type null }}\n"
    )
}

/// Makes a sound card. Samples are of 16 kHz and are heard as fast as they are spoken, or slower by a factor, once
/// somebody listens.
fn card(folder: &Folder, slower: u32) -> Card {
    let (pipe, pace, played) = (folder.path("pipe"), folder.path("pace"), folder.path("played"));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // ALSA's null device takes no time; a loudspeaker does. 40 milliseconds a piece.
    let script = "#!/bin/sh\nexec >>\"$1\"\nwhile dd bs=7680 count=1 iflag=fullblock 2>/dev/null >\"$1.part\" \
                  && [ -s \"$1.part\" ]; do cat \"$1.part\"; sleep 0.036; done\n";
    program(&pace, script);
    let text = alsa(&pipe, &format!("| {pace} {played}"));
    let (say, said) = mpsc::channel();
    // It ends with the tests.
    let is_taken = Arc::new(AtomicBool::new(false));
    let done = Arc::clone(&is_taken);
    thread::spawn(move || play(&pipe, &said, slower, &done, Vec::new));
    Card { config: folder.file("asound.conf", &text), say, is_taken, played }
}

impl Card {
    /// Says something and waits until it was heard.
    fn hears(&self, samples: Vec<f32>) {
        self.say.send(samples).unwrap();
        // A machine that is busy with something else takes longer.
        self.is_taken.store(false, Ordering::Relaxed);
        while !self.is_taken.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(100));
        }
        // What lies in the buffers of ALSA and of the daemon.
        thread::sleep(Duration::from_secs(6));
    }
}

fn program(path: &str, script: &str) {
    fs::write(path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Frames of the device: nearest samples will do.
fn as_played(samples: &[f32]) -> Vec<u8> {
    let n = samples.len() * RATE as usize / 16_000;
    let frame = |at: usize| {
        let sample = (samples[at * 16_000 / RATE as usize] * 32_000.0) as i16;
        sample.to_le_bytes().repeat(CHANNELS)
    };
    (0..n).flat_map(frame).collect()
}

/// `echo` gives what is heard in the room beside, at this rate, for one piece.
fn play(
    pipe: &str,
    said: &mpsc::Receiver<Vec<f32>>,
    slower: u32,
    is_taken: &AtomicBool,
    mut echo: impl FnMut() -> Vec<f32>,
) {
    // Both ends, as ALSA opens and closes it several times before it reads.
    let mut pipe = fs::OpenOptions::new().read(true).write(true).open(pipe).unwrap();
    // As much as is read at once: ALSA fills up what a pipe gives less.
    let piece = RATE as usize / 25 * 2 * CHANNELS;
    let mut sound = VecDeque::new();
    let mut next = Instant::now();
    loop {
        sound.extend(said.try_iter().flat_map(|samples| as_played(&samples)));
        let n = piece.min(sound.len());
        let mut some: Vec<u8> = sound.drain(..n).collect();
        some.resize(piece, 0);
        for (frame, echo) in some.chunks_exact_mut(2 * CHANNELS).zip(echo()) {
            let sum =
                i16::from_le_bytes([frame[0], frame[1]]).saturating_add((echo * 32_767.0) as i16);
            frame.copy_from_slice(&sum.to_le_bytes().repeat(CHANNELS));
        }
        if pipe.write_all(&some).is_err() {
            return;
        }
        if n > 0 && sound.is_empty() {
            is_taken.store(true, Ordering::Relaxed);
        }
        next += Duration::from_millis(40) * slower;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

/// A sentence spoken by espeak-ng, with silence around it; nothing where espeak-ng is not installed.
pub(crate) fn spoken(voice: &str, text: &str) -> Option<Vec<f32>> {
    let output = Command::new("espeak-ng").args(["-v", voice, "--stdout", text]).output();
    let Ok(output) = output else {
        println!("skipped: espeak-ng is not installed (run `make setup`)");
        return None;
    };
    let clip = Clip::read(&output.stdout).unwrap();
    Some([&vec![0.0; 16_000], clip.samples(), &vec![0.0; 8_000]].concat())
}

#[test]
fn what_is_said_to_the_microphone_is_heard_until_a_silence() {
    if models_with(SILERO).is_none() {
        return;
    }
    let Some(speech) = spoken("en-gb", "turn on the kitchen light") else { return };
    let folder = Folder::new("listen");
    let card = card(&folder, 1);
    card.say.send(speech.clone()).unwrap();
    let heard = heard_by_listen(&folder, &card.config);
    // Half a second before and a bit after.
    let said = (speech.len() - 24_000) as f32 / 16_000.0;
    assert!((said..said + 1.2).contains(&heard), "{heard} s of {said} s");
}

/// Runs `homard listen` against a house that answers everything with the length of the recording, in seconds.
fn heard_by_listen(folder: &Folder, alsa: &str) -> f32 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let house = thread::spawn(move || answer_once(&listener));
    let models = models_with(SILERO).unwrap();
    let done = homard_with(
        &[
            "listen",
            "--url",
            &url,
            "--token",
            "x",
            "--area",
            "kitchen",
            "--models",
            models.to_str().unwrap(),
            "--data-dir",
            &folder.path("data"),
        ],
        &[("ALSA_CONFIG_PATH", alsa)],
    );
    let heard = house.join().unwrap();
    assert_eq!(done.code, 0, "{} {}", done.out, done.err);
    assert!(done.out.contains("done"), "{}", done.out);
    heard
}

/// One request, as a house takes it: a recording. Answers how long it was.
fn answer_once(listener: &std::net::TcpListener) -> f32 {
    use std::io::{BufRead, BufReader, Read};
    let (mut stream, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut length, mut line) = (0, String::new());
    let mut first = String::new();
    while reader.read_line(&mut line).unwrap() > 0 && line.trim() != "" {
        if first.is_empty() {
            first = line.clone();
        }
        if let Some(n) = line.to_lowercase().strip_prefix("content-length:") {
            length = n.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    assert!(first.starts_with("POST /api/speech?area=kitchen "), "{first}");
    let answer = r#"{"response":{"speech":{"plain":{"speech":"done"}},"response_type":"action_done"},"transcript":"x"}"#;
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", answer.len());
    stream.write_all((head + answer).as_bytes()).unwrap();
    Clip::read(&body).unwrap().seconds()
}

#[test]
fn a_microphone_that_is_not_there_is_a_clear_error() {
    let folder = Folder::new("listen-none");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let config = folder.file("asound.conf", "pcm.!default { type hw card 7 }\n");
    for (microphone, expected) in [("default", "default"), ("Kitchen", "no microphone `Kitchen`")] {
        let done = homard_with(
            &[
                "listen",
                "--url",
                &url,
                "--microphone",
                microphone,
                "--data-dir",
                &folder.path("data"),
            ],
            &[("ALSA_CONFIG_PATH", &config)],
        );
        assert_eq!(done.code, 1, "{} {}", done.out, done.err);
        assert!(
            done.err.contains("cannot be heard") && done.err.contains(expected),
            "{}",
            done.err
        );
    }
}

#[test]
fn it_listens_only_after_its_name_and_then_to_all_of_a_sentence() {
    use homard::speech::{
        ActivityModel, Attention, EMBEDDING, Limits, Noticed, WakeModel, WakeWord,
    };

    let Some(models) = models_with(EMBEDDING) else { return };
    let model = WakeModel::load(&models.join(EMBEDDING)).unwrap();
    let word = Arc::new(WakeWord::built_in().unwrap());
    let endpointer = ActivityModel::open(&models.join(SILERO)).endpointer(Limits::default());
    let mut attention = Attention::new(model.wait_for(word, 0.5), endpointer);
    let pause = vec![0.0; 19_200];
    let Some(other) = spoken("en-gb+m5", "the weather is nice, and the lights are on") else {
        return;
    };
    let name = spoken("en-us+f4", "hey homard").unwrap();
    let order = spoken("en-us+f4", "turn on the kitchen light").unwrap();
    let all = [other, name, order, pause].concat();
    let mut noticed = Vec::new();
    for (at, some) in all.chunks(480).enumerate() {
        let what = attention.hear(some);
        if matches!(what, Some(Noticed::Called(..))) {
            assert_eq!(attention.believe(true), None);
        }
        noticed.extend(what.map(|what| (at as f32 * 0.03, what)));
    }
    let kinds: Vec<_> =
        noticed.iter().map(|(at, what)| (*at, matches!(what, Noticed::Called(..)))).collect();
    let [(_, Noticed::Called(called, score)), (_, Noticed::Spoken(clip))] = noticed.as_slice()
    else {
        panic!("{kinds:?}")
    };
    assert!((1.0..1.5).contains(&called.seconds()) && *score > 0.0, "{}", called.seconds());
    assert!((1.2..3.0).contains(&clip.seconds()), "{}", clip.seconds());
}

/// Seconds that were played so far.
fn seconds_played(card: &Card) -> f32 {
    let bytes = fs::metadata(&card.played).map_or(0, |file| file.len());
    bytes as f32 / (PLAYED_RATE * CHANNELS * 2) as f32
}

/// Waits until so many seconds were played.
fn wait_played(card: &Card, seconds: f32, what: &str) {
    let began = Instant::now();
    while seconds_played(card) < seconds {
        let played = seconds_played(card);
        assert!(began.elapsed() < Duration::from_secs(60), "{what}: {played} s of {seconds} s");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until nothing more is played, and for how long something was.
fn wait_silent(card: &Card) -> f32 {
    loop {
        let before = seconds_played(card);
        thread::sleep(Duration::from_millis(1_500));
        if seconds_played(card) == before {
            return before;
        }
    }
}

/// How much of a sound from `from` to `to` seconds is near this frequency, from 0 to 1.
fn share_of(card: &Card, (from, to): (f32, f32), frequency: f32) -> f32 {
    let bytes = fs::read(&card.played).unwrap();
    let frames = bytes.as_chunks::<4>().0;
    let at = |seconds: f32| ((seconds * PLAYED_RATE as f32) as usize).min(frames.len());
    let sample = |frame: &[u8; 4]| f32::from(i16::from_le_bytes([frame[0], frame[1]])) / 32_768.0;
    let sound: Vec<f32> = frames[at(from)..at(to)].iter().map(sample).collect();
    let turn = std::f32::consts::TAU * frequency / PLAYED_RATE as f32;
    let (mut re, mut im, mut power) = (0.0, 0.0, 1e-9);
    for (index, sample) in sound.iter().enumerate() {
        re += sample * (turn * index as f32).cos();
        im += sample * (turn * index as f32).sin();
        power += sample * sample;
    }
    2.0 * (re * re + im * im) / (power * sound.len().max(1) as f32)
}

#[test]
fn the_daemon_listens_to_its_microphone_answers_aloud_and_falls_silent_when_somebody_speaks() {
    use homard::speech::EMBEDDING;

    let Some(models) = models_with(EMBEDDING) else { return };
    let Some(name) = spoken("en-us+f4", "hey homard") else { return };
    let folder = Folder::new("daemon-speaks");
    let card = card(&folder, SLOWLY);
    fs::create_dir_all(folder.path("led")).unwrap();
    let (light, log, command) =
        (folder.file("led/brightness", "0"), folder.path("signals"), folder.path("signal"));
    // What the light shows when the program is started.
    let script = format!("#!/bin/sh\nread shown <{light}\necho \"$1 $shown\" >>{log}\n");
    program(&command, &script);
    let lines = format!(
        "listen = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\n[home]\nlanguage = \"en\"\n\
         [voice]\nmicrophone = \"default\"\nspeaker = \"default\"\narea = \"Kitchen\"\n\
         led = \"{}\"\ncommand = \"{command}\"\n",
        folder.path("led")
    );
    fs::create_dir_all(folder.path("data")).unwrap();
    std::os::unix::fs::symlink(&models, folder.path("data/models")).unwrap();
    let daemon = Daemon::start_hearing("demo", &folder, &lines, &card.config);
    let before = daemon.wait_for("light.kitchen_light", |_| true);
    let (order, expected) = match before["state"].as_str() {
        Some("on") => ("turn off the kitchen light", "off"),
        _ => ("turn on the kitchen light", "on"),
    };

    let signals = || fs::read_to_string(&log).unwrap_or_default();

    // Its name, an order, its tone, its answer.
    card.say.send([name.clone(), spoken("en-us", order).unwrap()].concat()).unwrap();
    let began = Instant::now();
    while daemon.get("/api/states/light.kitchen_light")["state"] != expected {
        let log = || fs::read_to_string(folder.path("log")).unwrap_or_default();
        assert!(began.elapsed() < Duration::from_secs(60), "{} {}", signals(), log());
        thread::sleep(Duration::from_millis(100));
    }
    let tone = share_of(&card, (0.16, 0.25), 880.0);
    assert!(tone > 0.6, "no tone, but {tone}");
    wait_played(&card, 1.2, "the answer");
    assert_eq!(signals(), "awake 1\nasleep 0\n");
    let answered = wait_silent(&card);
    assert!((0.9..6.0).contains(&answered), "{answered}");

    // Somebody speaks while it does.
    let long = "broadcast the washing machine in the cellar has finished and somebody should come and hang up the \
                laundry before it starts to smell and then it can be filled again with the dark things that lie in \
                the basket next to the door of the bathroom and when that is done the towels of the guests can be \
                washed too";
    let said = daemon.say(&[long]);
    assert_eq!(said.code, 0, "{} {}", said.out, said.err);
    wait_played(&card, answered + 2.0, "the announcement");
    assert_eq!(signals(), "awake 1\nasleep 0\n", "its own voice woke it");
    let began = seconds_played(&card);
    let others = "wait a moment please, I am talking to my mother on the telephone just now";
    card.hears(spoken("en-gb+m5", others).unwrap());
    let stopped = wait_silent(&card);
    assert!(stopped - began < 8.0, "it spoke on for {} s", stopped - began);
    // It was not spoken to.
    assert_eq!(signals(), "awake 1\nasleep 0\n");

    // Somebody calls it while it does.
    let said = daemon.say(&[long]);
    assert_eq!(said.code, 0, "{} {}", said.out, said.err);
    wait_played(&card, stopped + 1.0, "the announcement");
    card.say.send(name).unwrap();
    let began = seconds_played(&card);
    let stopped = wait_silent(&card);
    assert!(stopped - began < 8.0, "it spoke on for {} s", stopped - began);
    let began = Instant::now();
    while !signals().starts_with("awake 1\nasleep 0\nawake 1\n") {
        assert!(began.elapsed() < Duration::from_secs(60), "{}", signals());
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_microphone_that_is_plugged_in_later_is_found_and_meanwhile_the_house_says_so() {
    use homard::speech::EMBEDDING;

    let Some(models) = models_with(EMBEDDING) else { return };
    let Some(name) = spoken("en-us+f4", "hey homard") else { return };
    let folder = Folder::new("microphone-later");
    let card = card(&folder, SLOWLY);
    let none = folder.file("later.conf", "pcm.!default { type hw card 7 }\n");
    let (log, command) = (folder.path("signals"), folder.path("signal"));
    program(&command, &format!("#!/bin/sh\necho \"$1\" >>{log}\n"));
    let lines = format!(
        "listen = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\n[home]\nlanguage = \"en\"\n\
         [voice]\nmicrophone = \"default\"\ncommand = \"{command}\"\n"
    );
    fs::create_dir_all(folder.path("data")).unwrap();
    std::os::unix::fs::symlink(&models, folder.path("data/models")).unwrap();
    let daemon = Daemon::start_hearing("run", &folder, &lines, &none);
    let is_told = |daemon: &Daemon| {
        let all = daemon.get("/api/homard/problems");
        let all = all.as_array().unwrap().clone();
        all.iter().any(|one| one["text"].as_str().unwrap().contains("microphone"))
    };
    daemon.wait(|| if is_told(&daemon) { Ok(()) } else { Err("nothing is told".to_owned()) });
    fs::rename(&card.config, &none).unwrap();
    let began = Instant::now();
    while is_told(&daemon) {
        assert!(began.elapsed() < Duration::from_secs(60), "it is not found");
        thread::sleep(Duration::from_millis(200));
    }
    card.say.send(name).unwrap();
    let began = Instant::now();
    while !fs::read_to_string(&log).unwrap_or_default().starts_with("awake") {
        assert!(began.elapsed() < Duration::from_secs(60), "it is not listened to");
        thread::sleep(Duration::from_millis(200));
    }
}

/// A sound server with a microphone that hears nothing, which ends as a card does that is pulled out. ALSA reaches it by
/// its plugin, as on many desktops.
struct SoundServer(Option<std::process::Child>);

impl SoundServer {
    fn start(folder: &Folder) -> Self {
        let arguments = [
            "-n",
            "--daemonize=no",
            "--exit-idle-time=-1",
            "-L",
            "module-native-protocol-unix",
            "-L",
            "module-null-sink sink_name=room",
            "-L",
            "module-remap-source master=room.monitor source_name=mic",
        ];
        let null = std::process::Stdio::null;
        let mut command = Command::new("pulseaudio");
        command
            .args(arguments)
            .env("PULSE_RUNTIME_PATH", folder.path("rt"))
            .env("HOME", folder.path(""));
        let child = command.stdin(null()).stdout(null()).stderr(null()).spawn().unwrap();
        Self(Some(child))
    }

    /// Without a word to who records.
    fn pull_out(&mut self) {
        if let Some(mut child) = self.0.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for SoundServer {
    fn drop(&mut self) {
        self.pull_out();
    }
}

#[test]
fn a_microphone_that_is_pulled_out_while_it_is_listened_to_is_told_of_and_found_again() {
    use homard::speech::EMBEDDING;

    let plugin = "libasound_module_pcm_pulse.so";
    let libraries = fs::read_dir("/usr/lib").unwrap().flatten();
    let has_plugin =
        libraries.into_iter().any(|one| one.path().join("alsa-lib").join(plugin).exists());
    if !has_plugin || Command::new("pulseaudio").arg("--version").output().is_err() {
        println!("skipped: pulseaudio or ALSA's plugin for it is not installed (run `make setup`)");
        return;
    }
    let Some(models) = models_with(EMBEDDING) else { return };
    let folder = Folder::new("pulled");
    let alsa = folder.file(
        "asound.conf",
        "</usr/share/alsa/alsa.conf>\npcm.!default { type pulse }\nctl.!default { type pulse }\n",
    );
    let runtime = folder.path("rt");
    let environment =
        [("ALSA_CONFIG_PATH", alsa.as_str()), ("PULSE_RUNTIME_PATH", runtime.as_str())];
    let mut server = SoundServer::start(&folder);
    let lines = "[mqtt]\nlisten = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\n[home]\nlanguage = \"en\"\n\
                 [voice]\nmicrophone = \"default\"\n";
    fs::create_dir_all(folder.path("data")).unwrap();
    std::os::unix::fs::symlink(&models, folder.path("data/models")).unwrap();
    let daemon = Daemon::start_in("run", &folder, lines, &environment);
    let wait = |what: &str, expected: bool| {
        let began = Instant::now();
        loop {
            let all = daemon.get("/api/homard/problems");
            let mut all = all.as_array().unwrap().iter();
            if all.any(|one| one["text"].as_str().unwrap().contains("microphone")) == expected {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{what}");
            thread::sleep(Duration::from_millis(200));
        }
    };
    // The server may have been later than the house.
    wait("it is not listened to", false);
    server.pull_out();
    wait("nobody says that it is gone", true);
    let mut server = SoundServer::start(&folder);
    wait("it is not found again", false);

    // And who only listens for one sentence is told.
    let listening = thread::spawn({
        let (models, data, alsa, runtime) =
            (models.clone(), folder.path("data"), alsa.clone(), runtime.clone());
        move || {
            let environment =
                [("ALSA_CONFIG_PATH", alsa.as_str()), ("PULSE_RUNTIME_PATH", runtime.as_str())];
            let models = models.to_str().unwrap();
            homard_with(&["listen", "--data-dir", &data, "--models", models], &environment)
        }
    });
    thread::sleep(Duration::from_secs(3));
    server.pull_out();
    let done = listening.join().unwrap();
    assert!(done.code == 1 && done.err.contains("The microphone cannot be heard"), "{done:?}");
    // Nor does it keep the house from stopping.
    assert_eq!(daemon.stop().0, Some(0));
}

#[test]
fn what_the_house_asks_is_answered_without_its_name_and_then_it_waits_for_that_again() {
    use homard::speech::EMBEDDING;

    let Some(models) = models_with(EMBEDDING) else { return };
    let Some(name) = spoken("en-us+f4", "hey homard") else { return };
    let folder = Folder::new("daemon-asks");
    let card = card(&folder, SLOWLY);
    let (log, command) = (folder.path("signals"), folder.path("signal"));
    program(&command, &format!("#!/bin/sh\necho \"$1\" >>{log}\n"));
    let lines = format!(
        "listen = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\n[home]\nlanguage = \"en\"\n\
         [voice]\nmicrophone = \"default\"\nspeaker = \"default\"\ncommand = \"{command}\"\n"
    );
    fs::create_dir_all(folder.path("data")).unwrap();
    std::os::unix::fs::symlink(&models, folder.path("data/models")).unwrap();
    let daemon = Daemon::start_hearing("demo", &folder, &lines, &card.config);
    const DOOR: &str = "cover.garage_door";
    daemon.wait_for(DOOR, |state| state["state"] == "closed");
    daemon.wait_for("light.kitchen_light", |state| state["state"] == "off");
    let wait = |expected: &str| {
        let began = Instant::now();
        loop {
            let signals = fs::read_to_string(&log).unwrap_or_default().replace('\n', " ");
            if signals == expected {
                return;
            }
            let log = || fs::read_to_string(folder.path("log")).unwrap_or_default();
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "{signals}, not {expected}: {}",
                log()
            );
            thread::sleep(Duration::from_millis(100));
        }
    };
    card.say.send([name, spoken("en-us", "open the garage door").unwrap()].concat()).unwrap();
    // Once it has asked, it listens without being called.
    wait("awake asleep awake ");
    assert_eq!(daemon.get(&format!("/api/states/{DOOR}"))["state"], "closed");
    card.say.send(spoken("en-us", "yes").unwrap()).unwrap();
    daemon.wait_for(DOOR, |state| state["state"] != "closed");
    wait("awake asleep awake asleep ");
    wait_silent(&card);
    card.hears(spoken("en-us", "turn on the kitchen light").unwrap());
    wait("awake asleep awake asleep ");
    assert_eq!(daemon.get("/api/states/light.kitchen_light")["state"], "off");
}

#[test]
fn the_house_does_not_obey_its_own_voice() {
    use homard::speech::EMBEDDING;

    let Some(models) = models_with(EMBEDDING) else { return };
    let Some(name) = spoken("en-us+f4", "hey homard") else { return };
    let folder = Folder::new("daemon-echo");
    let card = room(&folder, SLOWLY);
    let (log, command) = (folder.path("signals"), folder.path("signal"));
    program(&command, &format!("#!/bin/sh\necho \"$1\" >>{log}\n"));
    let lines = format!(
        "listen = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\n[home]\nlanguage = \"en\"\n\
         [voice]\nmicrophone = \"default\"\nspeaker = \"default\"\ncommand = \"{command}\"\n"
    );
    fs::create_dir_all(folder.path("data")).unwrap();
    std::os::unix::fs::symlink(&models, folder.path("data/models")).unwrap();
    let daemon = Daemon::start_hearing("demo", &folder, &lines, &card.config);
    daemon.wait_for("light.kitchen_light", |state| state["state"] == "off");
    // The second sentence is its name and an order; the microphone hears it as well as a person's.
    let said = "broadcast the washing machine in the cellar has finished. Hey homard, turn on the kitchen light.";
    assert_eq!(daemon.say(&[said]).code, 0);
    wait_played(&card, 4.0, "the announcement");
    let played = wait_silent(&card);
    assert!((4.5..12.0).contains(&played), "{played} s were played");
    thread::sleep(Duration::from_secs(4));
    let signals = || fs::read_to_string(&log).unwrap_or_default();
    assert_eq!(signals(), "", "its own voice woke it");
    assert_eq!(daemon.get("/api/states/light.kitchen_light")["state"], "off");
    // The microphone did hear: a person wakes it.
    card.say.send(name).unwrap();
    let began = Instant::now();
    while signals() != "awake\n" {
        assert!(began.elapsed() < Duration::from_secs(60), "{}", signals());
        thread::sleep(Duration::from_millis(100));
    }
}
