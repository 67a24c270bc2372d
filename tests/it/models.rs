//! `homard models` and the catalogue behind it: sources that work, break, lie and are not there. Nothing here needs a
//! network: the other side is a server of the test, and `pip` a script in its place.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use homard::catalog::{Catalog, Presence, PullError, Store, Verdict};
use serde_json::Value;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;

use crate::support::homard::{Daemon, Folder, PATIENCE, homard, homard_with};
use crate::support::models;

/// What the file of the tests has in it.
fn content() -> Vec<u8> {
    (0..300_000_u32).map(|n| (n % 251) as u8).collect()
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A catalogue of one model with one file.
fn catalog(source: &str, bytes: &[u8]) -> Catalog {
    let text = format!(
        "[[model]]\nname = 'm'\nkind = 'k'\nabout = 'a'\nlicense = 'l'\nlanguages = ['*']\nmemory_mib = 1\n\
         files = [{{ path = 'm/a.bin', size = {}, sha256 = '{}', {source} }}]\n",
        bytes.len(),
        hash(bytes)
    );
    Catalog::parse(&text).unwrap()
}

/// How the other side answers one request.
#[derive(Clone, Copy)]
enum Answer {
    /// The file, from where it was asked for.
    Good,
    /// The file from its start, whatever was asked for.
    NoRange,
    /// So many bytes from where it was asked for, and then the line breaks.
    Breaks(usize),
    /// Other bytes of the same length.
    Lies,
    /// An error.
    Refuses,
}

/// A server that answers one request after the other, as told; its address and the ranges asked for.
fn server(answers: &[Answer]) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let ranges = Arc::new(Mutex::new(Vec::new()));
    let (asked, answers) = (Arc::clone(&ranges), answers.to_vec());
    std::thread::spawn(move || {
        for answer in answers {
            let Ok((mut stream, _)) = listener.accept() else { return };
            let mut range = String::new();
            for line in BufReader::new(stream.try_clone().unwrap()).lines() {
                let line = line.unwrap().to_lowercase();
                if let Some(value) = line.strip_prefix("range: ") {
                    range = value.to_owned();
                }
                if line.is_empty() {
                    break;
                }
            }
            let from =
                range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap_or(0);
            asked.lock().unwrap().push(range);
            let whole = content();
            let (from, body) = match answer {
                Answer::NoRange => (0, whole.clone()),
                Answer::Lies => (from, vec![7; whole.len() - from]),
                Answer::Good | Answer::Breaks(_) | Answer::Refuses => {
                    (from, whole[from..].to_vec())
                }
            };
            let head = match (answer, from) {
                (Answer::Refuses, _) => "HTTP/1.1 404 Not Found\r\n".to_owned(),
                (_, 0) => "HTTP/1.1 200 OK\r\n".to_owned(),
                (_, from) => format!(
                    "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {from}-{}/{}\r\n",
                    whole.len() - 1,
                    whole.len()
                ),
            };
            let n = if let Answer::Breaks(n) = answer { n } else { body.len() };
            let head = format!("{head}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.write_all(&body[..n]);
        }
    });
    (format!("http://{address}/a.bin"), ranges)
}

/// Files below a folder, without those of the store's own.
fn files_below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if entry.file_name() != "lock" && entry.file_name() != ".verified" {
                found.push(entry.file_name().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_file_comes_over_http_and_a_second_pull_asks_nobody() {
    let folder = Folder::new("models-http");
    let (url, ranges) = server(&[Answer::Good]);
    let catalog = catalog(&format!("url = '{url}'"), &content());
    let (model, store) = (&catalog.models[0], Store::new(folder.path("models")));
    assert_eq!(store.presence(model), Presence::Absent);
    let mut steps = Vec::new();
    let pulled = store.pull(model, &mut |step| steps.push((step.done, step.total))).unwrap();
    assert_eq!((pulled.n_files, pulled.n_bytes), (1, 300_000));
    assert_eq!(steps.last(), Some(&(300_000, Some(300_000))));
    assert_eq!(fs::read(store.path(&model.files[0])).unwrap(), content());
    assert_eq!(store.pull(model, &mut |_| panic!("nothing is to be fetched")).unwrap().n_files, 0);
    assert_eq!(ranges.lock().unwrap().len(), 1);

    // Damaged on the disk: noticed, and fetched anew when it is asked for.
    let mut damaged = content();
    damaged[5] ^= 1;
    fs::write(store.path(&model.files[0]), damaged).unwrap();
    assert_eq!(store.check(&model.files[0]).unwrap(), Verdict::Wrong);
    assert_eq!(store.presence(model), Presence::Partial(0));
    store.pull(model, &mut |_| {}).unwrap_err();
    assert_eq!(files_below(store.dir()), ["a.bin"]);
}

#[test]
fn what_was_interrupted_goes_on_and_lies_are_thrown_away() {
    /// Pulls that end like this, then one that succeeds, with these ranges asked for in all.
    fn check(name: &str, answers: &[Answer], errors: &[&str], ranges: &[&str]) {
        let folder = Folder::new(&format!("models-{name}"));
        let (url, asked) = server(answers);
        let catalog = catalog(&format!("url = '{url}'"), &content());
        let (model, store) = (&catalog.models[0], Store::new(folder.path("models")));
        for expected in errors {
            let error = store.pull(model, &mut |_| {}).unwrap_err().to_string();
            assert!(error.contains(expected), "{name}: {error}");
            assert_eq!(store.presence(model), Presence::Absent, "{name}");
        }
        store.pull(model, &mut |_| {}).unwrap();
        assert_eq!(fs::read(store.path(&model.files[0])).unwrap(), content(), "{name}");
        assert_eq!(files_below(store.dir()), ["a.bin"], "{name}");
        assert_eq!(*asked.lock().unwrap(), ranges, "{name}");
    }
    use Answer::{Breaks, Good, Lies, NoRange, Refuses};
    let broke = "127.0.0.1";
    check("resumed", &[Breaks(100_000), Good], &[broke], &["", "bytes=100000-"]);
    check("no-range", &[Breaks(100_000), NoRange], &[broke], &["", "bytes=100000-"]);
    check("lies", &[Lies, Good], &["is not the file of the catalogue"], &["", ""]);
    check("refuses", &[Refuses, Good], &["answered 404"], &["", ""]);
    // What was there is of another version: from the start, within the same pull.
    check("lied-first", &[Breaks(100_000), Lies, Good], &[broke], &["", "bytes=100000-", ""]);
}

#[test]
fn nobody_there_no_space_for_the_impossible_and_two_at_once_are_said() {
    let folder = Folder::new("models-faults");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let catalog = catalog(&format!("url = 'http://{closed}/a.bin'"), &content());
    let store = Store::new(folder.path("models"));
    let error = store.pull(&catalog.models[0], &mut |_| {}).unwrap_err();
    assert!(matches!(error, PullError::NoSource { .. }), "{error}");
    assert!(error.to_string().contains(&closed.to_string()), "{error}");
    assert!(files_below(store.dir()).is_empty());

    let mut large = catalog.clone();
    large.models[0].files[0].size = 1 << 55;
    let error = store.pull(&large.models[0], &mut |_| {}).unwrap_err();
    assert!(matches!(error, PullError::NoSpace { .. }), "{error}");

    // A file stands where the folder should be.
    let blocked = Store::new(folder.file("file", ""));
    let error = blocked.pull(&catalog.models[0], &mut |_| {}).unwrap_err();
    assert!(matches!(error, PullError::Disk { .. }), "{error}");

    let lock = fs::File::create(store.dir().join(".pull/lock")).unwrap();
    lock.lock().unwrap();
    let error = store.pull(&catalog.models[0], &mut |_| {}).unwrap_err();
    assert!(matches!(error, PullError::Busy(_)), "{error}");
}

/// A folder for the PATH in which `python3` is this shell script; `$dest` is where a wheel is to be put.
fn python(folder: &Folder, script: &str) -> String {
    let bin = folder.path("bin");
    fs::create_dir_all(&bin).unwrap();
    let text = format!(
        "#!/bin/sh\n[ \"$1 $2 $3\" = \"-m pip download\" ] || exit 9\n\
         while [ $# -gt 1 ]; do [ \"$1\" = --dest ] && dest=$2; shift; done\n{script}\n"
    );
    let path = Path::new(&bin).join("python3");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    format!("{bin}:/usr/bin:/bin")
}

fn wheel(path: &Path, members: &[(String, Vec<u8>)]) {
    let mut zip = zip::ZipWriter::new(fs::File::create(path).unwrap());
    for (name, bytes) in members {
        let options =
            SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        zip.start_file(name.as_str(), options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
}

#[test]
fn whatever_goes_wrong_with_a_wheel_is_said_and_leaves_nothing() {
    let folder = Folder::new("models-wheels");
    wheel(Path::new(&folder.path("empty.whl")), &[]);
    let member = "home_assistant_intents/data/af.json".to_owned();
    wheel(Path::new(&folder.path("wrong.whl")), &[(member, b"{}".to_vec())]);
    let member = "home_assistant_intents/data/af.json".to_owned();
    wheel(Path::new(&folder.path("bomb.whl")), &[(member, vec![b' '; 30 << 20])]);
    let copy = |name: &str| format!("cp {} \"$dest/x-1-py3-none-any.whl\"", folder.path(name));
    for (name, script, expected) in [
        ("refused", "echo 'ERROR: No matching distribution' >&2; exit 1".to_owned(), "No matching"),
        ("no-pip", "echo 'python3: No module named pip' >&2; exit 1".to_owned(), "python3-pip"),
        ("nothing", "exit 0".to_owned(), "it brought no wheel"),
        ("garbage", "echo garbage >\"$dest/x.whl\"".to_owned(), "cannot be opened"),
        ("empty", copy("empty.whl"), "has no `home_assistant_intents/data/af.json`"),
        ("wrong", copy("wrong.whl"), "is not the file of the catalogue: 2 bytes"),
        ("bomb", copy("bomb.whl"), "is not the file of the catalogue"),
    ] {
        let path = python(&folder, &script);
        let data = folder.path(name);
        let done = homard_with(&["models", "pull", "--data-dir", &data], &[("PATH", &path)]);
        assert_eq!(done.code, 1, "{name}: {done:?}");
        assert!(done.err.contains(expected), "{name}: {}", done.err);
        assert_eq!(done.out, "", "{name}");
        assert!(files_below(Path::new(&data)).is_empty(), "{name}");
    }
    let empty = folder.path("no-programs");
    let done = homard_with(&["models", "pull", "--data-dir", &empty], &[("PATH", &empty)]);
    assert_eq!(done.code, 1);
    assert!(done.err.contains("no program `python3`"), "{}", done.err);
}

#[test]
fn the_sentence_packs_come_out_of_their_wheel() {
    let Some(there) = models() else { return };
    let folder = Folder::new("models-sentences");
    let catalog = Catalog::built_in().unwrap();
    let sentences = catalog.model("sentences").unwrap();
    let members: Vec<(String, Vec<u8>)> = sentences
        .files
        .iter()
        .map(|file| (file.member.clone().unwrap(), fs::read(there.join(&file.path)).unwrap()))
        .collect();
    wheel(Path::new(&folder.path("packs.whl")), &members);
    let packs = folder.path("packs.whl");
    let log = folder.path("log");
    let script = format!("echo \"$1\" >>{log}; cp {packs} \"$dest/x-1-py3-none-any.whl\"");
    let path = python(&folder, &script);
    let data = folder.path("data");
    let pull =
        || homard_with(&["models", "pull", "sentences", "--data-dir", &data], &[("PATH", &path)]);
    let done = pull();
    assert_eq!((done.code, done.err.as_str()), (0, ""), "{done:?}");
    assert!(done.out.starts_with("sentences: fetched 66 files"), "{}", done.out);
    // The same again, with one file gone: only then somebody is asked.
    let done = pull();
    assert_eq!((done.code, done.out.as_str(), done.err.as_str()), (0, "", ""));
    fs::remove_file(PathBuf::from(&data).join("models/sentences/de.json")).unwrap();
    let check = || homard(&["models", "check", "sentences", "--data-dir", &data]);
    let done = check();
    assert_eq!(done.code, 1, "{done:?}");
    assert!(
        done.out.contains("65 of 66 files are right\n  sentences/de.json: missing"),
        "{}",
        done.out
    );
    assert!(pull().out.starts_with("sentences: fetched 1 file,"));
    assert_eq!(check().code, 0);
    assert_eq!(fs::read_to_string(&log).unwrap(), "home-assistant-intents==2026.10.27\n".repeat(2));
    let done = homard(&["models", "list", "--data-dir", &data]);
    assert!(done.out.contains("sentences  (there)"), "{}", done.out);
    assert!(done.out.contains("smollm2-135m  (not there)"), "{}", done.out);
}

#[test]
fn what_cannot_be_fetched_is_said_plainly() {
    let folder = Folder::new("models-usage");
    let data = folder.path("data");
    let done = homard(&["models", "pull", "nonsense", "--data-dir", &data]);
    assert_eq!(done.code, 2);
    assert!(done.err.contains("There are: sentences, silero-vad"), "{}", done.err);
    let done = homard(&["models", "check", "--data-dir", &data]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.out.contains("sentences: not there"), "{}", done.out);
    assert!(!Path::new(&data).exists(), "looking makes no folders");
}

/// Says it to the house; the answer's whole JSON.
fn say(daemon: &Daemon, language: Option<&str>, text: &str) -> Value {
    let mut arguments = vec!["say", "--json", "--data-dir", &daemon.data];
    arguments.extend(language.iter().flat_map(|code| ["--language", code]));
    arguments.push(text);
    let done = homard(&arguments);
    serde_json::from_str(&done.out).unwrap_or_else(|_| panic!("{done:?}"))
}

fn speech(answer: &Value) -> &str {
    answer["response"]["speech"]["plain"]["speech"].as_str().unwrap()
}

/// A folder in which the daemon finds the packs.
fn with_packs(name: &str) -> Option<Folder> {
    let models = models()?;
    let folder = Folder::new(name);
    fs::create_dir(folder.path("data")).unwrap();
    std::os::unix::fs::symlink(fs::canonicalize(models).unwrap(), folder.path("data/models"))
        .unwrap();
    Some(folder)
}

#[test]
fn english_and_french_answer_alike_with_and_without_the_packs() {
    let plain = Some(Folder::new("languages-plain"));
    for folder in [plain, with_packs("languages-packs")].into_iter().flatten() {
        let daemon = Daemon::start("demo", &folder);
        wait_for_light(&daemon);
        for (language, text, before, after) in [
            (None, "turn on the kitchen light", "Turned on the kitchen light.", ""),
            (Some("en"), "turn off the kitchen light", "Turned off the kitchen light.", ""),
            (Some("en-GB"), "turn on the kitchen light", "Turned on the kitchen light.", ""),
            // By its French name, or as the only light of the kitchen.
            (Some("fr"), "éteins la lumière de la cuisine", "J'ai éteint la ", " de la cuisine."),
            (
                Some("fr-CA"),
                "allume la lumière de la cuisine",
                "J'ai allumé la ",
                " de la cuisine.",
            ),
            // Nobody speaks that here: it is heard as the home's own language.
            (Some("tlh"), "turn off the kitchen light", "Turned off the kitchen light.", ""),
        ] {
            let answer = say(&daemon, language, text);
            let said = speech(&answer);
            let is_right = said.starts_with(before) && said.ends_with(after);
            assert!(is_right, "{language:?} {text}: {answer:#}");
            assert_eq!(answer["response"]["response_type"], "action_done", "{text}");
        }
    }
}

#[test]
fn a_language_is_loaded_when_somebody_speaks_it() {
    let Some(folder) = with_packs("languages-lazily") else { return };
    let daemon = Daemon::start("demo", &folder);
    wait_for_light(&daemon);
    for (language, code, text) in [
        ("de", "de", "schalte Kitchen light ein"),
        ("de-AT", "de", "schalte Kitchen light aus"),
        ("nl", "nl", "zet Kitchen light aan"),
        ("es", "es", "apaga Kitchen light"),
        ("it", "it", "accendi Kitchen light"),
        ("sv", "sv", "släck Kitchen light"),
        // Gone meanwhile, as others were spoken since; and back again.
        ("de", "de", "schalte Kitchen light ein"),
        ("pt_BR", "pt-BR", "desligar Kitchen light"),
        ("zh", "zh-CN", "打开Kitchen light"),
    ] {
        let answer = say(&daemon, Some(language), text);
        assert_eq!(answer["response"]["language"], code, "{text}: {answer:#}");
        let success = &answer["response"]["data"]["success"];
        assert_eq!(success[0]["id"], "light.kitchen_light", "{text}: {answer:#}");
    }
    // Without a word on the language, only the home's are tried.
    let answer = say(&daemon, None, "schalte Kitchen light ein");
    assert_eq!(answer["response"]["data"]["code"], "no_intent_match", "{answer:#}");
}

/// Waits until the demo's devices have announced themselves.
fn wait_for_light(daemon: &Daemon) {
    let began = std::time::Instant::now();
    while daemon.get_as(&daemon.token, "/api/states/light.kitchen_light").0 != 200 {
        assert!(began.elapsed() < PATIENCE, "the demo's devices do not come");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
