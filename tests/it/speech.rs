//! Recordings, heard with the real weights by the real program: what they say is done, and whatever else is sent for one
//! is answered clearly and costs little.

use std::fs;
use std::io::Cursor;
use std::time::{Duration, Instant};

use homard::speech::{Clip, Patience, RATE, Recogniser, Request, SpeechError, Weights};
use hound::{SampleFormat, WavSpec, WavWriter};
use serde_json::{Value, json};

use crate::support::homard::{Daemon, Folder, homard};
use crate::support::models_with;

/// "Turn on the kitchen light.", spoken by espeak-ng.
pub(crate) const LIGHT_ON: &[u8] = include_bytes!("recordings/turn_on_the_kitchen_light.ogg");
/// The weights for English alone.
const ENGLISH: &str = "whisper-tiny.en/ggml-tiny.en-q8_0.bin";
/// What it is about.
const LAMP: &str = "light.kitchen_light";

/// The same as a WAV file of another rate with more channels.
pub(crate) fn as_wav(ogg: &[u8], channels: u16) -> Vec<u8> {
    let clip = Clip::read(ogg).unwrap();
    let spec = WavSpec {
        channels,
        sample_rate: 2 * RATE,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut file = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut file, spec).unwrap();
    for sample in clip.samples() {
        for _ in 0..2 * channels {
            writer.write_sample((sample * 32_000.0) as i16).unwrap();
        }
    }
    writer.finalize().unwrap();
    file.into_inner()
}

/// The demo's house with these models.
pub(crate) fn house(name: &str) -> Option<(Daemon, Folder)> {
    let models = models_with(ENGLISH)?;
    let folder = Folder::new(name);
    fs::create_dir(folder.path("data")).unwrap();
    std::os::unix::fs::symlink(fs::canonicalize(models).unwrap(), folder.path("data/models"))
        .unwrap();
    let daemon = Daemon::start("demo", &folder);
    daemon.wait_for(LAMP, |_| true);
    Some((daemon, folder))
}

/// Sends a recording; the status and the answer.
fn hear(daemon: &Daemon, query: &str, recording: &[u8]) -> (u16, Value) {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = agent
        .post(format!("{}/api/speech{query}", daemon.url))
        .header("authorization", format!("Bearer {}", daemon.token))
        .send(recording)
        .unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

#[test]
fn what_a_recording_says_is_done() {
    let Some((daemon, folder)) = house("speech-done") else { return };
    let off = |daemon: &Daemon| {
        daemon.say(&["turn off the kitchen light"]);
        daemon.wait_for(LAMP, |state| state["state"] == "off");
    };
    let wav = as_wav(LIGHT_ON, 2);
    for (case, query, recording) in [
        ("Ogg", "", LIGHT_ON),
        ("WAV", "?language=en", &wav[..]),
        ("room", "?area=kitchen", LIGHT_ON),
    ] {
        off(&daemon);
        let (status, answer) = hear(&daemon, query, recording);
        assert_eq!(status, 200, "{case}: {answer:#}");
        let heard = answer["transcript"].as_str().unwrap().to_lowercase();
        assert!(heard.contains("kitchen light"), "{case}: {answer:#}");
        assert_eq!(answer["response"]["data"]["success"][0]["id"], LAMP, "{case}: {answer:#}");
        assert!(answer["homard"]["elapsed_ms"]["hear"].as_f64().unwrap() > 0.0, "{case}");
        daemon.wait_for(LAMP, |state| state["state"] == "on");
    }
    off(&daemon);
    let file = folder.path("said.wav");
    fs::write(&file, &wav).unwrap();
    let done = homard(&["hear", "--data-dir", &daemon.data, &file]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert!(done.out.to_lowercase().contains("kitchen light"), "{}", done.out);
    daemon.wait_for(LAMP, |state| state["state"] == "on");
    // The answer as sound, for whoever wants to hear it.
    off(&daemon);
    let mut answer = ureq::post(format!("{}/api/speech", daemon.url))
        .header("authorization", format!("Bearer {}", daemon.token))
        .header("accept", "audio/wav, application/json;q=0.5")
        .send(&wav[..])
        .unwrap();
    daemon.wait_for(LAMP, |state| state["state"] == "on");
    if answer.headers()["content-type"] == "audio/wav" {
        let sound = answer.body_mut().read_to_vec().unwrap();
        let clip = Clip::read(&sound).unwrap();
        assert!((0.5..5.0).contains(&clip.seconds()), "{}", clip.seconds());
        assert!(clip.samples().iter().any(|sample| sample.abs() > 0.1));
    } else {
        println!("skipped in part: espeak-ng is not installed, and answers nothing as sound");
    }
    // Nothing is said, nothing is done.
    let (status, answer) = hear(&daemon, "", &silence(16_000, 1, 16_000));
    assert_eq!((status, &answer["transcript"]), (200, &Value::from("")), "{answer:#}");
    assert_eq!(answer["response"]["response_type"], "error", "{answer:#}");
}

/// A text as sound, or what was wrong.
fn said(daemon: &Daemon, token: &str, body: &Value) -> Result<Clip, (u16, Value)> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = agent
        .post(format!("{}/api/homard/voice", daemon.url))
        .header("authorization", format!("Bearer {token}"))
        .send_json(body)
        .unwrap();
    let bytes = answer.body_mut().read_to_vec().unwrap();
    if answer.status() != 200 {
        return Err((answer.status().as_u16(), serde_json::from_slice(&bytes).unwrap()));
    }
    assert_eq!(answer.headers()["content-type"], "audio/wav");
    Ok(Clip::read(&bytes).unwrap())
}

#[test]
fn each_is_spoken_to_with_the_voice_they_chose() {
    if std::process::Command::new("espeak-ng").arg("--version").output().is_err() {
        println!("skipped: espeak-ng is not installed (run `make setup`)");
        return;
    }
    let folder = Folder::new("speech-voices");
    let daemon = Daemon::start("demo", &folder);
    let send = |method: &str, path: &str, token: &str, body: Value| {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}/api/homard/{path}", daemon.url))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(body.to_string())
            .unwrap();
        let mut answer = ureq::run(request).unwrap();
        answer.body_mut().read_json::<Value>().unwrap()
    };
    let ada = json!({"name": "Ada", "role": "adult", "volume": 20});
    let ada = send("POST", "people", &daemon.token, ada);
    assert_eq!((&ada["volume"], &ada["voice"]), (&json!(20), &Value::Null), "{ada:#}");
    let hers = json!({"name": "hers", "person_id": ada["id"]});
    let hers = send("POST", "tokens", &daemon.token, hers)["token"].as_str().unwrap().to_owned();
    let text = json!({"text": "The kitchen light is on.", "language": "en"});
    let loudest =
        |clip: &Clip| clip.samples().iter().fold(0.0, |most: f32, one| most.max(one.abs()));
    let house = said(&daemon, &daemon.token, &text).unwrap();
    let soft = said(&daemon, &hers, &text).unwrap();
    let (loud, quiet) = (loudest(&house), loudest(&soft));
    assert!(loud > 0.3 && quiet < loud / 3.0 && quiet > 0.001, "{quiet} of {loud}");
    assert!((0.5..5.0).contains(&house.seconds()), "{}", house.seconds());
    // Another voice and as loud as to anybody; each may change that of themselves.
    send("PATCH", "me", &hers, json!({"voice": "+croak", "volume": null}));
    let me = send("GET", "me", &hers, json!({}));
    assert_eq!((&me["voice"], &me["volume"]), (&json!("+croak"), &Value::Null), "{me:#}");
    let croaked = said(&daemon, &hers, &text).unwrap();
    assert!(croaked != house && loudest(&croaked) > 2.0 * quiet, "{}", loudest(&croaked));
    // One that is not there is told of in the log, and the house speaks all the same.
    send("PATCH", "me", &hers, json!({"voice": "alan"}));
    assert_eq!(said(&daemon, &hers, &text), Ok(house));
    let log = fs::read_to_string(folder.path("log")).unwrap();
    assert!(log.contains("The voice that was chosen does not speak"), "{log}");
    for (body, status, expected) in [
        (json!({"text": " ", "language": "en"}), 400, "1 to 2000 characters"),
        (json!({"text": "a".repeat(2_001), "language": "en"}), 400, "1 to 2000 characters"),
        (json!({"text": "Hi", "language": "../x"}), 400, "a code such as `fr`"),
        (json!({"text": "Hi", "language": ""}), 400, "a code such as `fr`"),
        (json!({"text": "Hi", "language": "xx"}), 503, "its log tells why"),
    ] {
        let (found, answer) = said(&daemon, &hers, &body).unwrap_err();
        let told = answer["message"].as_str().unwrap();
        assert!(found == status && told.contains(expected), "{body}: {found} {answer}");
    }
}

/// A WAV file's head that promises so many bytes of sound, 16 bits a sample.
fn head(rate: u32, channels: u16, n_bytes: u32) -> Vec<u8> {
    let block = channels * 2;
    let mut out = b"RIFF".to_vec();
    out.extend(n_bytes.saturating_add(36).to_le_bytes());
    out.extend(b"WAVEfmt \x10\0\0\0\x01\0");
    out.extend(channels.to_le_bytes());
    out.extend(rate.to_le_bytes());
    out.extend((rate * u32::from(block)).to_le_bytes());
    out.extend(block.to_le_bytes());
    out.extend(16_u16.to_le_bytes());
    out.extend(b"data");
    out.extend(n_bytes.to_le_bytes());
    out
}

/// A WAV file of so many samples in which nothing is heard.
fn silence(rate: u32, channels: u16, n: u32) -> Vec<u8> {
    let n_bytes = n * u32::from(channels) * 2;
    let mut out = head(rate, channels, n_bytes);
    out.resize(out.len() + n_bytes as usize, 0);
    out
}

#[test]
fn what_is_no_short_recording_is_refused_clearly_and_at_once() {
    let two_hours = 7_200 * 16_000 * 2;
    // The whole of 80 seconds is there; of two hours only the head and what a line carries at most.
    let long = silence(16_000, 1, 80 * 16_000);
    let mut hours = head(16_000, 1, two_hours);
    hours.resize(4 << 20, 1);
    let mut cut = LIGHT_ON.to_vec();
    cut.truncate(30);
    let mut corrupt = LIGHT_ON.to_vec();
    corrupt[60..].fill(0xa5);
    for (case, bytes, expected) in [
        ("empty", &b""[..], "empty"),
        ("no sound", &head(16_000, 1, 0), "empty"),
        ("80 seconds", &long, "longer than 60 seconds"),
        ("two hours", &hours, "longer than 60 seconds"),
        ("cut off in its head", &cut, "damaged"),
        ("no rate", &silence(0, 1, 100), "0 samples per second"),
        ("too many channels", &silence(16_000, 200, 100), "200 channels"),
        ("a picture", b"\x89PNG\r\n\x1a\n", "no recording that is known"),
    ] {
        let began = Instant::now();
        let error = Clip::read(bytes).unwrap_err().to_string();
        assert!(error.contains(expected), "{case}: {error}");
        assert!(began.elapsed() < Duration::from_secs(2), "{case}: {:?}", began.elapsed());
    }
    // What is damaged further on is heard as far as it goes, or refused.
    if let Ok(clip) = Clip::read(&corrupt) {
        assert!(clip.seconds() < 2.5, "{}", clip.seconds());
    }
    for length in (0..LIGHT_ON.len()).step_by(97) {
        let _ = Clip::read(&LIGHT_ON[..length]);
    }
}

fn request() -> Request {
    let clip = Clip::read(LIGHT_ON).unwrap();
    Request { clip, languages: vec!["en".to_owned()], hint: String::new() }
}

#[tokio::test]
async fn of_too_many_recordings_at_once_some_are_told_to_come_back() {
    let Some(models) = models_with(ENGLISH) else { return };
    let english = models.join(ENGLISH);
    let any = models.join("none");
    let recogniser =
        Recogniser::start(Weights { any, english }, Patience::default(), |_| {}).unwrap();
    let mut at_once = tokio::task::JoinSet::new();
    let Request { clip, languages, hint } = request();
    for _ in 0..20 {
        let (recogniser, clip) = (recogniser.clone(), clip.clone());
        let request = Request { clip, languages: languages.clone(), hint: hint.clone() };
        at_once.spawn(async move { recogniser.hear(request).await });
    }
    let (mut n_heard, mut n_busy) = (0, 0);
    while let Some(answer) = at_once.join_next().await {
        match answer.unwrap() {
            Ok(heard) => {
                assert!(heard.text.to_lowercase().contains("kitchen light"), "{heard:?}");
                n_heard += 1;
            }
            Err(SpeechError::Busy) => n_busy += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(n_heard >= 8 && n_busy > 0, "{n_heard} heard, {n_busy} told to come back");
}

#[tokio::test]
async fn weights_are_given_back_and_loaded_again_and_nothing_takes_for_ever() {
    let Some(models) = models_with(ENGLISH) else { return };
    let weights = Weights { any: models.join("none"), english: models.join(ENGLISH) };
    let patience = Patience { idle: Duration::from_millis(50), ..Patience::default() };
    let recogniser = Recogniser::start(weights.clone(), patience, |_| {}).unwrap();
    for _ in 0..2 {
        assert!(!recogniser.is_loaded());
        recogniser.hear(request()).await.unwrap();
        let began = Instant::now();
        while recogniser.is_loaded() {
            assert!(began.elapsed() < Duration::from_secs(10), "the weights are kept");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let patience = Patience { within: Duration::from_millis(20), ..Patience::default() };
    let recogniser = Recogniser::start(weights, patience, |_| {}).unwrap();
    let began = Instant::now();
    let error = recogniser.hear(request()).await.unwrap_err();
    assert!(matches!(error, SpeechError::TooSlow(_)), "{error}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn without_weights_it_says_how_to_get_them() {
    let none = Folder::new("speech-none");
    let weights = Weights { any: none.path("a").into(), english: none.path("b").into() };
    let recogniser = Recogniser::start(weights, Patience::default(), |_| {}).unwrap();
    let error = recogniser.hear(request()).await.unwrap_err().to_string();
    assert!(error.contains("homard models pull"), "{error}");
    let wrong = none.file("wrong.bin", "these are no weights");
    let weights = Weights { any: wrong.clone().into(), english: wrong.into() };
    let recogniser = Recogniser::start(weights, Patience::default(), |_| {}).unwrap();
    let error = recogniser.hear(request()).await.unwrap_err();
    assert!(matches!(error, SpeechError::Weights { .. }), "{error}");
}
