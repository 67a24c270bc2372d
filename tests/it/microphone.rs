//! The microphone, through ALSA: a device that ALSA makes of a pipe, into which a test plays what somebody says, in another
//! rate and two channels. The real road of the sound but for the sound card.

use std::fs;
use std::io::Write;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use homard::speech::{Clip, SILERO};

use crate::support::homard::{Folder, homard_with};
use crate::support::models_with;

/// What the device gives.
const RATE: u32 = 44_100;
const CHANNELS: usize = 2;

/// Makes a microphone of a pipe: the configuration of ALSA for it. It plays these samples of 16 kHz once somebody listens,
/// as fast as they are spoken, then silence.
fn microphone(folder: &Folder, samples: &[f32]) -> String {
    let pipe = folder.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let text = format!(
        "pcm.!default {{ type plug slave {{ pcm \"pipe\" format S16_LE rate {RATE} channels {CHANNELS} }} }}\n\
         pcm.pipe {{ type file slave.pcm \"nothing\" file \"/dev/null\" infile \"{pipe}\" format \"raw\" }}\n\
         pcm.nothing {{ type null }}\n"
    );
    let sound = as_played(samples);
    // It ends with the tests.
    thread::spawn(move || play(&pipe, &sound));
    folder.file("asound.conf", &text)
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

fn play(pipe: &str, sound: &[u8]) {
    // Both ends, as ALSA opens and closes it several times before it reads.
    let mut pipe = fs::OpenOptions::new().read(true).write(true).open(pipe).unwrap();
    // As much as is read at once: ALSA fills up what a pipe gives less.
    let piece = RATE as usize / 25 * 2 * CHANNELS;
    let silence = vec![0; piece];
    let mut pieces = sound.chunks(piece);
    let mut next = Instant::now();
    while pipe.write_all(pieces.next().unwrap_or(&silence)).is_ok() {
        next += Duration::from_millis(40);
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
    let config = microphone(&folder, &speech);
    let heard = heard_by_listen(&folder, &config);
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
        if let Some(what) = attention.hear(some) {
            noticed.push((at as f32 * 0.03, what));
        }
    }
    let kinds: Vec<_> =
        noticed.iter().map(|(at, what)| (*at, matches!(what, Noticed::Awake))).collect();
    let [(_, Noticed::Awake), (_, Noticed::Spoken(clip))] = noticed.as_slice() else {
        panic!("{kinds:?}")
    };
    assert!((1.2..3.0).contains(&clip.seconds()), "{}", clip.seconds());
}
