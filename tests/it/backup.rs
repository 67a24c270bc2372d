//! Everything that a house knows in one file and back: beside a running daemon, cut off at any moment, by a stranger's file.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use homard::storage::Storage;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::panel_settings::seen;
use super::support::browser::Browser;
use super::support::homard::{Daemon, Folder, PATIENCE, homard, homard_with, program};

/// The lines that do not change while a house only stands there.
fn lasting(dump: &str) -> BTreeSet<String> {
    let kinds = ["area ", "floor ", "device ", "entity ", "token ", "meta "];
    let lines = dump.lines().filter(|line| kinds.iter().any(|kind| line.starts_with(kind)));
    lines.map(str::to_owned).collect()
}

/// Opened without the daemon's lock: a process that another test is just starting would hold it for a moment longer.
fn registry(data: &str) -> BTreeSet<String> {
    lasting(&Storage::open_shared(Path::new(data)).unwrap().dump().unwrap())
}

/// A house with something in it, stopped; a backup of it, made while it lived, and what it then knew.
fn house(folder: &Folder) -> (String, String, BTreeSet<String>) {
    let daemon = Daemon::start("demo", folder);
    let added = homard(&["token", "add", "phone", "--data-dir", &daemon.data]);
    assert_eq!(added.code, 0, "{added:?}");
    fs::create_dir_all(format!("{}/sentences/en", daemon.data)).unwrap();
    fs::write(format!("{}/sentences/en/own.yaml", daemon.data), "language: en\n").unwrap();
    let file = folder.path("house.zip");
    let known = || lasting(&Storage::open_shared(Path::new(&daemon.data)).unwrap().dump().unwrap());
    // What was announced comes to the disk by and by.
    let known = daemon.wait(|| {
        let before = known();
        let n = before.iter().filter(|line| line.starts_with("device ")).count();
        let done = homard(&["backup", &file, "--data-dir", &daemon.data]);
        assert_eq!(done.code, 0, "{done:?}");
        if n > 10 && before == known() { Ok(before) } else { Err(format!("{n} devices")) }
    });
    let data = daemon.data.clone();
    let refused = homard(&["restore", &file, "--data-dir", &data]);
    assert_eq!(refused.code, 1, "a house that lives is not replaced: {refused:?}");
    assert!(refused.err.contains("another Homard"), "{refused:?}");
    assert_eq!(daemon.stop().0, Some(0));
    (data, file, known)
}

#[test]
fn a_house_comes_back_on_a_fresh_machine() {
    let folder = Folder::new("backup");
    let (_, file, known) = house(&folder);
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&file).unwrap()) & 0o777;
    assert_eq!(mode, 0o600, "it holds what opens the house");
    let names: Vec<String> = ZipArchive::new(File::open(&file).unwrap())
        .unwrap()
        .file_names()
        .map(|name| name.unwrap().into_owned())
        .collect();
    assert!(names.iter().any(|name| name == "history/data.mdb"), "{names:?}");
    assert!(
        !names.iter().any(|name| name.contains("lock") || name.contains("running")),
        "{names:?}"
    );

    let fresh = folder.path("fresh");
    let done = homard(&["restore", &file, "--data-dir", &fresh]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(registry(&fresh) == known);
    assert_eq!(
        fs::read_to_string(format!("{fresh}/sentences/en/own.yaml")).unwrap(),
        "language: en\n"
    );

    // What is there is replaced, and kept beside.
    Storage::open_shared(Path::new(&folder.path("other"))).unwrap();
    let other = folder.path("other");
    assert!(registry(&other).iter().all(|line| !line.starts_with("entity ")));
    assert_eq!(homard(&["restore", &file, "--data-dir", &other]).code, 0);
    assert!(registry(&other) == known);
    assert!(fs::exists(format!("{other}/before-restore/data.mdb")).unwrap());
    assert!(!fs::exists(format!("{other}/restoring")).unwrap());
}

#[test]
fn what_is_no_backup_changes_nothing() {
    let folder = Folder::new("backup-strange");
    let (data, file, _) = house(&folder);
    let before = registry(&data);
    let whole = fs::read(&file).unwrap();
    let manifest = |text: &str| {
        let mut archive = ZipWriter::new(std::io::Cursor::new(Vec::new()));
        archive.start_file("homard-backup.json", SimpleFileOptions::default()).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
        archive
    };
    let says = |layout: u32, format: u32| {
        format!(
            r#"{{"layout":{layout},"format":{format},"homard":"9.9.9","made_at":"2027-01-01T00:00:00Z"}}"#
        )
    };
    let of = |text: &str| manifest(text).finish().unwrap().into_inner();
    let elsewhere = |name: &str| {
        let mut archive = manifest(&says(1, 3));
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(b"x").unwrap();
        archive.finish().unwrap().into_inner()
    };
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0xff;
    let cases: [(&str, Vec<u8>, &str); 10] = [
        ("half", whole[..whole.len() / 2].to_vec(), "no whole backup"),
        ("flipped", flipped, ""),
        ("empty", Vec::new(), "no whole backup"),
        ("newer layout", of(&says(2, 3)), "made by Homard 9.9.9"),
        ("newer format", of(&says(1, 99)), "made by Homard 9.9.9"),
        ("nonsense", of("{}"), "is not understood"),
        ("no house", of(&says(1, 3)), "no house in it"),
        ("above", elsewhere("../evil"), "lie elsewhere"),
        ("absolute", elsewhere("/tmp/evil"), "lie elsewhere"),
        ("no database", elsewhere("data.mdb"), ""),
    ];
    for (name, bytes, why) in cases {
        let file = folder.path(name);
        fs::write(&file, bytes).unwrap();
        let done = homard(&["restore", &file, "--data-dir", &data]);
        assert_eq!(done.code, 1, "{name}: {done:?}");
        assert!(done.err.contains(why), "{name}: {done:?}");
        assert!(registry(&data) == before, "{name}");
    }
    let nothing = homard(&["backup", &folder.path("b.zip"), "--data-dir", &folder.path("none")]);
    assert_eq!(nothing.code, 1, "{nothing:?}");
    assert!(!fs::exists(folder.path("none")).unwrap());
}

/// A power cut is a SIGKILL here: what was synced and what was not this does not show.
#[test]
fn cut_off_at_any_moment_there_is_a_house_and_a_backup_or_none() {
    let folder = Folder::new("backup-cut");
    let (data, file, new) = house(&folder);
    let old = folder.path("old");
    Storage::open_shared(Path::new(&old)).unwrap();
    let empty = registry(&old);
    let cut = |arguments: &[&str], after: Duration| {
        let mut command = Command::new(program());
        let mut child =
            command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(after);
        let _ = child.kill();
        child.wait().unwrap().success()
    };
    let (mut n_done, mut n_cut) = (0, 0);
    let copy = folder.path("copy.zip");
    for step in 0..25 {
        let after = Duration::from_millis(step * 4);
        let is_done = cut(&["restore", &file, "--data-dir", &old], after);
        let found = registry(&old);
        assert!(
            found == new || found == empty && !is_done,
            "after {after:?}: {} lines",
            found.len()
        );
        if found == new {
            fs::remove_dir_all(&old).unwrap();
            Storage::open_shared(Path::new(&old)).unwrap();
        }
        let is_backed_up = cut(&["backup", &copy, "--data-dir", &data], after);
        assert!(fs::exists(&copy).unwrap() || !is_backed_up);
        if let Ok(mut archive) = File::open(&copy) {
            let mut all = Vec::new();
            archive.read_to_end(&mut all).unwrap();
            assert!(ZipArchive::new(std::io::Cursor::new(all)).is_ok(), "after {after:?}");
            fs::remove_file(&copy).unwrap();
        }
        n_done += usize::from(is_done) + usize::from(is_backed_up);
        n_cut += usize::from(!is_done) + usize::from(!is_backed_up);
    }
    println!("backup: {n_cut} cut off, {n_done} done");
    // Nothing that was cut off is in the way.
    assert_eq!(homard(&["restore", &file, "--data-dir", &old]).code, 0);
    assert!(registry(&old) == new);
    assert_eq!(homard(&["backup", &copy, "--data-dir", &data]).code, 0);
}

/// Runs a program with something on its standard input; what it says. `None` where it is not installed.
fn tool(program: &str, arguments: &[&str]) -> Option<Vec<u8>> {
    match Command::new(program).args(arguments).stdin(Stdio::null()).output() {
        Ok(done) => {
            assert!(done.status.success(), "{program} {arguments:?}: {done:?}");
            Some(done.stdout)
        }
        Err(error) => {
            println!("skipped: `{program}` cannot be run ({error}); `make setup` installs it");
            None
        }
    }
}

#[test]
fn an_encrypted_backup_is_for_its_key_alone_and_age_opens_it() {
    let folder = Folder::new("backup-sealed");
    let (data, _, known) = house(&folder);
    let passphrase = folder.file("passphrase", "été à Sète\n");
    let file = folder.path("house.zip.age");
    let done = homard(&["backup", &file, "--data-dir", &data, "--passphrase-file", &passphrase]);
    assert_eq!(done.code, 0, "{done:?}");
    let text = fs::read(&file).unwrap();
    assert!(text.starts_with(b"age-encryption.org/v1\n-> scrypt "));
    // Nothing of it lies about.
    let left: Vec<_> = fs::read_dir(folder.path("")).unwrap().flatten().collect();
    assert!(!left.iter().any(|one| one.file_name().to_string_lossy().contains("part")), "{left:?}");
    assert!(!fs::exists(format!("{data}/backup.mdb")).unwrap());

    let fresh = folder.path("fresh");
    let refused = homard(&["restore", &file, "--data-dir", &fresh]);
    assert!(refused.code == 1 && refused.err.contains("is encrypted"), "{refused:?}");
    let other = folder.file("other", "été à Nice\n");
    let wrong = homard(&["restore", &file, "--data-dir", &fresh, "--passphrase-file", &other]);
    assert!(wrong.code == 1 && wrong.err.contains("another key or passphrase"), "{wrong:?}");
    assert!(!Storage::is_there(Path::new(&fresh)));
    let done = homard(&["restore", &file, "--data-dir", &fresh, "--passphrase-file", &passphrase]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(registry(&fresh) == known);
    assert!(!fs::exists(format!("{fresh}/restoring.zip")).unwrap());

    // Its own keys, and both ways.
    let secret = folder.path("key");
    let Some(_) = tool("age-keygen", &["-o", &secret]) else { return };
    let public = String::from_utf8(tool("age-keygen", &["-y", &secret]).unwrap()).unwrap();
    let for_key = folder.path("key.zip.age");
    let recipient = public.trim();
    let done = homard(&["backup", &for_key, "--data-dir", &data, "--recipient", recipient]);
    assert_eq!(done.code, 0, "{done:?}");
    let plain = folder.path("opened.zip");
    tool("age", &["-d", "-i", &secret, "-o", &plain, &for_key]).unwrap();
    ZipArchive::new(File::open(&plain).unwrap()).unwrap();
    let sealed = folder.path("theirs.age");
    tool("age", &["-r", recipient, "-o", &sealed, &plain]).unwrap();
    for (n, file) in [&for_key, &sealed].into_iter().enumerate() {
        let dir = folder.path(&format!("by-key-{n}"));
        let done = homard(&["restore", file, "--data-dir", &dir, "--identity", &secret]);
        assert_eq!(done.code, 0, "{done:?}");
        assert!(registry(&dir) == known);
    }
    let bad = homard(&["backup", &for_key, "--data-dir", &data, "--recipient", "age1nobody"]);
    assert!(bad.code == 2 && bad.err.contains("`--recipient`"), "{bad:?}");
}

/// `POST /setup/restore`, as the page of the first steps does it.
fn upload(daemon: &Daemon, file: &[u8], passphrase: Option<&str>, origin: &str) -> (u16, String) {
    use base64::Engine as _;
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut request = agent
        .post(format!("{}/setup/restore", daemon.url))
        .header("Origin", origin)
        .header("Content-Type", "application/octet-stream");
    if let Some(passphrase) = passphrase {
        let text = base64::prelude::BASE64_STANDARD.encode(passphrase);
        request = request.header("X-Homard-Passphrase", text);
    }
    let mut answer = request.send(file).unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), text)
}

#[test]
fn a_fresh_house_takes_a_backup_from_the_browser_once() {
    let folder = Folder::new("backup-wizard");
    let (data, file, _) = house(&folder);
    let environment = [("HOMARD_PASSWORD", "a long password")];
    let arguments = ["user", "add", "Ada", "--role", "admin", "--data-dir", &data];
    assert_eq!(homard_with(&arguments, &environment).code, 0);
    let passphrase = folder.file("passphrase", "s e c r e t\n");
    let sealed = folder.path("house.zip.age");
    let done = homard(&["backup", &sealed, "--data-dir", &data, "--passphrase-file", &passphrase]);
    assert_eq!(done.code, 0, "{done:?}");
    let sealed = fs::read(sealed).unwrap();
    let known = registry(&data);
    assert!(known.iter().any(|line| line.contains("phone")), "{file}");

    let fresh = Folder::new("backup-wizard-fresh");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let daemon = Daemon::start_at("run", &fresh, port);
    let (own, data) = (daemon.url.clone(), daemon.data.clone());
    let check = |file: &[u8], passphrase: Option<&str>, origin: &str, status: u16, words: &str| {
        let (found, text) = upload(&daemon, file, passphrase, origin);
        assert!(found == status && text.contains(words), "{found}: {text}");
        for left in ["restore.part", "restore.zip", "restoring.zip", "restoring"] {
            assert!(!fs::exists(format!("{data}/{left}")).unwrap(), "{left}");
        }
    };
    check(&sealed, Some("s e c r e t"), "http://elsewhere.example", 403, "");
    check(&sealed, None, &own, 400, "is encrypted");
    check(&sealed, Some("guessed"), &own, 400, "another key or passphrase");
    check(&sealed[..sealed.len() / 2], Some("s e c r e t"), &own, 400, "damaged");
    check(b"no backup", None, &own, 400, "no whole backup");
    let (status, text) = upload(&daemon, &sealed, Some("s e c r e t"), &own);
    assert!(status == 200 && text.contains("comes back"), "{status}: {text}");
    // It starts again, with the people of before: nobody else may do this now.
    daemon.wait(|| match registry(&data) == known {
        true => Ok(()),
        false => Err("it is not the house of the backup".to_owned()),
    });
    let answer = daemon.wait(|| {
        let answered = std::panic::catch_unwind(|| upload(&daemon, b"x", None, &own));
        match answered {
            Ok((503, _)) | Err(_) => Err("it does not answer".to_owned()),
            Ok(answer) => Ok(answer),
        }
    });
    assert!(answer.0 == 409 && answer.1.contains("has an owner already"), "{answer:?}");
}

/// Who has a backup and a fresh machine needs a browser and nothing else.
#[test]
fn the_first_steps_take_a_backup() {
    let Some(mut browser) = Browser::start("en") else { return };
    let folder = Folder::new("backup-page");
    let (data, _, _) = house(&folder);
    let environment = [("HOMARD_PASSWORD", "a long password")];
    let arguments = ["user", "add", "Ada", "--role", "admin", "--data-dir", &data];
    assert_eq!(homard_with(&arguments, &environment).code, 0);
    let passphrase = folder.file("passphrase", "s é c r e t\n");
    let sealed = folder.path("house.zip.age");
    let done = homard(&["backup", &sealed, "--data-dir", &data, "--passphrase-file", &passphrase]);
    assert_eq!(done.code, 0, "{done:?}");

    let fresh = Folder::new("backup-page-fresh");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let daemon = Daemon::start_at("run", &fresh, port);
    browser.visit(&format!("{}/", daemon.url));
    browser.click("details.other-way summary");
    seen(&mut browser, "welcome-restore");
    let told =
        |words: &str| format!("document.querySelector('#told').textContent.includes('{words}')");
    browser.click("#restore");
    browser.wait(&told("Choose the file first"));
    browser.choose("#backup", &passphrase);
    browser.click("#restore");
    browser.wait(&told("no whole backup"));
    browser.choose("#backup", &sealed);
    browser.click("#restore");
    browser.wait(&told("is encrypted"));
    browser.fill("#backup-passphrase", "guessed");
    browser.click("#restore");
    browser.wait(&told("another key or passphrase"));
    browser.fill("#backup-passphrase", "s é c r e t");
    browser.click("#restore");
    // It has started again, and asks for the people of before.
    browser.wait(
        "document.querySelector('form [name=password]') && !document.querySelector('#restore')",
    );
    browser.fill("[name=name]", "Ada");
    browser.fill("[name=password]", "a long password");
    browser.key("Enter");
    browser.wait("document.querySelectorAll('.card').length > 5");
    browser.picture("welcome-restored");
}

/// The power goes while the house starts with a backup that a browser has brought: at the next start it is put back, or was.
#[test]
fn a_backup_that_waits_is_put_back_whenever_the_power_goes() {
    let folder = Folder::new("backup-waits-cut");
    let (_, file, known) = house(&folder);
    let (mut n_waits, mut n_back) = (0, 0);
    for step in 0..20 {
        let fresh = folder.path(&format!("fresh-{step}"));
        fs::create_dir_all(&fresh).unwrap();
        fs::copy(&file, format!("{fresh}/restore.zip")).unwrap();
        let config = folder.file(
            "cut.toml",
            "[http]\nlisten = \"127.0.0.1:0\"\n[mqtt]\nlisten = \"127.0.0.1:0\"\n",
        );
        let mut command = Command::new(program());
        command.args(["run", "--config", &config, "--data-dir", &fresh]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(step * 6));
        child.kill().unwrap();
        child.wait().unwrap();
        // What was killed holds its folder until its last thread is gone.
        let began = std::time::Instant::now();
        let put_back = loop {
            match homard::storage::backup::restore_uploaded(Path::new(&fresh)) {
                Err(error) => assert!(began.elapsed() < PATIENCE, "{error}"),
                Ok(put_back) => break put_back.is_some(),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        assert!(registry(&fresh) == known, "after {} ms: {put_back}", step * 6);
        let left = |name: &str| fs::exists(format!("{fresh}/{name}")).unwrap();
        assert!(!left("restore.zip") && !left("restoring.zip"), "after {} ms", step * 6);
        n_waits += usize::from(put_back);
        n_back += usize::from(!put_back);
    }
    println!("put back by the next start: {n_waits}, by the one that was cut off: {n_back}");
}

/// Whoever becomes the owner while a backup waits keeps the house: it was theirs when it was to be replaced.
#[test]
fn a_backup_that_waits_is_not_put_back_over_an_owner() {
    let folder = Folder::new("backup-waits");
    let (data, file, known) = house(&folder);
    let environment = [("HOMARD_PASSWORD", "a long password")];
    let check = |name: &str, has_owner: bool| {
        let fresh = folder.path(name);
        fs::create_dir_all(&fresh).unwrap();
        if has_owner {
            let arguments = ["user", "add", "Grace", "--role", "admin", "--data-dir", &fresh];
            assert_eq!(homard_with(&arguments, &environment).code, 0);
        }
        let waiting = format!("{fresh}/restore.zip");
        fs::copy(&file, &waiting).unwrap();
        let put_back = homard::storage::backup::restore_uploaded(Path::new(&fresh)).unwrap();
        assert_eq!(put_back.is_some(), !has_owner);
        assert_eq!(registry(&fresh) == known, !has_owner);
        assert!(!fs::exists(&waiting).unwrap());
        // It is over: nothing happens at the start after this one.
        assert!(homard::storage::backup::restore_uploaded(Path::new(&fresh)).unwrap().is_none());
    };
    check("nobody", false);
    check("owned", true);
    assert!(registry(&data) == known);
}
