//! The command line, with the real binary.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crate::support::homard::{Daemon, Folder, homard, homard_with};

#[test]
fn help_names_every_command_and_option() {
    let help = homard(&["--help"]);
    assert_eq!(help.code, 0);
    for command in ["run", "demo", "say", "models", "user", "token", "check", "doctor", "eval"] {
        assert!(help.out.contains(&format!("  {command} ")), "{command}: {}", help.out);
        let own = homard(&[command, "--help"]);
        assert_eq!(own.code, 0, "{own:?}");
        assert!(
            own.out.contains("HOMARD_") || command == "token" || command == "user",
            "{}",
            own.out
        );
    }
    assert_eq!(homard(&["--version"]).out, format!("homard {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn bad_usage_ends_with_2() {
    for line in [&["fly"][..], &["say"], &["run", "--colour"], &["token"], &[], &["--log", "", "x"]]
    {
        let done = homard(line);
        assert_eq!(done.code, 2, "{line:?}: {done:?}");
        assert!(!done.err.is_empty(), "{line:?}");
    }
    let done = homard(&["check", "--log", "homard=loud"]);
    assert_eq!(done.code, 2, "{done:?}");
    assert!(done.err.contains("use error, warn"), "{done:?}");
}

#[test]
fn without_a_daemon_say_tells_what_to_start() {
    let folder = Folder::new("no-daemon");
    for line in [
        &["say", "--data-dir", &folder.path("data"), "hello"][..],
        &["say", "--url", "http://127.0.0.1:9", "hello"],
    ] {
        let done = homard(line);
        assert_eq!(done.code, 1, "{done:?}");
        assert!(done.err.contains("`homard run`") && done.out.is_empty(), "{done:?}");
    }
}

#[test]
fn people_are_added_while_the_daemon_runs_and_while_it_does_not() {
    let folder = Folder::new("people");
    let data = folder.path("data");
    let user = |words: &[&str], password: &str| {
        let line: Vec<&str> =
            ["user"].iter().chain(words).chain(&["--data-dir", &data]).copied().collect();
        homard_with(&line, &[("HOMARD_PASSWORD", password)])
    };
    assert_eq!(user(&["list"], "").code, 1);
    let added = user(&["add", "Ada", "--role", "admin"], "four quiet lobsters");
    assert_eq!((added.code, added.out.trim()), (0, "Ada may sign in as admin."), "{added:?}");
    let daemon = Daemon::start("run", &folder);
    for (words, password, said) in [
        (&["add", "ada", "--role", "adult"][..], "another long one", "already somebody"),
        (&["add", "Bob", "--role", "lord"], "another long one", "`admin`"),
        (&["add", "Bob", "--role", "child"], "short", "at least 8"),
        (&["remove", "Ada"], "", "nobody would be left"),
        (&["remove", "Eve"], "", "nobody named"),
    ] {
        let done = user(words, password);
        assert!(done.code != 0 && done.err.contains(said), "{words:?}: {done:?}");
    }
    let guest = user(&["add", "Guy", "--role", "guest", "--area", "kitchen"], "a long holiday");
    assert_eq!(guest.code, 0, "{guest:?}");
    let list = user(&["list"], "");
    assert_eq!(list.out, "admin  Ada\nguest  Guy  (kitchen)\n");
    let people = daemon.get("/api/homard/people");
    assert_eq!(people[1]["name"], "Guy");
    assert_eq!(people[1]["areas"], serde_json::json!(["kitchen"]));
    // What the daemon answers is the disk's present state.
    let sign_in = |password: &str| {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .build()
            .into();
        let body = format!("name=Guy&password={}", password.replace(' ', "+"));
        let asked = agent
            .post(format!("{}/sign-in", daemon.url))
            .header("Origin", &daemon.url)
            .header("Content-Type", "application/x-www-form-urlencoded");
        asked.send(body).unwrap().status().as_u16()
    };
    assert_eq!(sign_in("a long holiday"), 303);
    assert_eq!(user(&["password", "guy"], "a longer holiday").code, 0);
    assert_eq!((sign_in("a long holiday"), sign_in("a longer holiday")), (401, 303));
    assert_eq!(user(&["remove", "Guy"], "").code, 0);
    assert_eq!(sign_in("a longer holiday"), 401);
}

#[test]
fn tokens_work_without_a_daemon() {
    let folder = Folder::new("tokens");
    let data = folder.path("data");
    let token = |words: &[&str]| {
        let mut line = vec!["token"];
        line.extend(words);
        line.extend(["--data-dir", &data]);
        homard(&line)
    };
    for only_looks in [&["list"][..], &["remove", "panel"]] {
        let none = token(only_looks);
        assert_eq!(none.code, 1, "{none:?}");
        assert!(none.err.contains(&data), "{none:?}");
        assert!(!std::path::Path::new(&data).exists(), "{only_looks:?} makes nothing");
    }
    let made = token(&["add", "panel"]);
    assert_eq!(made.code, 0, "{made:?}");
    let word = made.out.lines().last().unwrap();
    assert!(word.len() >= 32 && !word.contains(' '), "{made:?}");
    let again = token(&["add", "panel"]);
    assert_eq!(again.code, 1, "{again:?}");
    assert!(again.err.contains("already"), "{again:?}");
    let list = token(&["list"]);
    assert!(list.out.contains("panel") && !list.out.contains(word), "{list:?}");
    assert_eq!(token(&["remove", "panel"]).code, 0);
    assert_eq!(token(&["remove", "panel"]).code, 1);
    assert!(token(&["list"]).out.contains("no tokens"));
}

#[test]
fn the_daemon_starts_fast_knows_new_tokens_at_once_and_stops_in_order() {
    let folder = Folder::new("run");
    let daemon = Daemon::start("run", &folder);
    // The bar is 0.3 s for a release build on a quiet machine; tests run on busy ones.
    assert!(daemon.start_took < Duration::from_secs(3), "{:?}", daemon.start_took);
    let private = std::fs::metadata(format!("{}/running.json", daemon.data)).unwrap();
    assert_eq!(private.permissions().mode() & 0o777, 0o600);

    let made = homard(&["token", "add", "test", "--data-dir", &daemon.data]);
    let token = made.out.lines().last().unwrap();
    assert_eq!(daemon.get_as(token, "/api/").0, 200);
    assert_eq!(daemon.get_as("x", "/api/").0, 401);
    assert_eq!(homard(&["token", "remove", "test", "--data-dir", &daemon.data]).code, 0);
    assert_eq!(daemon.get_as(token, "/api/").0, 401);

    // Named by hand, as from another machine.
    let by_hand = ["say", "--url", &daemon.url, "hocus pocus"];
    assert_eq!(homard(&by_hand).code, 1, "no token");
    let told = homard_with(&by_hand, &[("HOMARD_TOKEN", &daemon.token)]);
    assert_eq!(told.code, 3, "{told:?}");

    let second =
        homard(&["run", "--config", &folder.path("homard.toml"), "--data-dir", &daemon.data]);
    assert_eq!(second.code, 1, "{second:?}");
    assert!(second.err.contains("another Homard"), "{second:?}");

    let doctor = homard(&["doctor", "--json", "--data-dir", &daemon.data]);
    let found: serde_json::Value = serde_json::from_str(&doctor.out).unwrap();
    let names: Vec<&str> =
        found.as_array().unwrap().iter().map(|line| line["what"].as_str().unwrap()).collect();
    for name in ["homard", "devices", "broker", "clock", "disk", "memory"] {
        assert!(names.contains(&name), "{name}: {}", doctor.out);
    }

    // A browser's spare connection says nothing; nobody waits for it.
    let _spare = std::net::TcpStream::connect(daemon.url.trim_start_matches("http://")).unwrap();
    // A client of the broker that never logs in.
    let _mute = std::net::TcpStream::connect(&daemon.broker).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let data = daemon.data.clone();
    let (code, took) = daemon.stop();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(!std::path::Path::new(&format!("{data}/running.json")).exists());
}

#[test]
fn a_port_in_use_is_said_with_what_to_do() {
    let folder = Folder::new("port-in-use");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let config = folder.file(
        "homard.toml",
        &format!("[http]\nlisten = \"{address}\"\n[mqtt]\nlisten = \"127.0.0.1:0\"\n"),
    );
    let done = homard(&["run", "--config", &config, "--data-dir", &folder.path("data")]);
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.err.contains(&address.to_string()), "{done:?}");
    assert!(done.err.contains("`[http] listen`"), "{done:?}");
}

#[test]
fn a_killed_daemon_leaves_nothing_that_confuses() {
    let folder = Folder::new("killed");
    let daemon = Daemon::start("run", &folder);
    let data = daemon.data.clone();
    daemon.kill();
    let done = homard(&["say", "--data-dir", &data, "hello"]);
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.err.contains("No Homard is running"), "{done:?}");
    let again = Daemon::start("run", &folder);
    assert_eq!(again.stop().0, Some(0));
}
