//! Clients that people have for Home Assistant, unmodified, against a running house: what works
//! with it shall work with Homard. What is not installed is named and skipped.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value as Json;

use crate::support::homard::{Daemon, Folder};

fn cache(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache").join(path)
}

fn tool(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools").join(name)
}

/// Says what is missing, if it is.
fn is_there(path: &Path) -> bool {
    let is_there = path.exists();
    if !is_there {
        println!("skipped: {} is missing (tests/tools/setup.sh test)", path.display());
    }
    is_there
}

fn assert_passed(said: &str, n_checks: usize) {
    assert!(!said.lines().any(|line| line.starts_with("FAIL")), "{said}");
    let n_ok = said.lines().filter(|line| line.starts_with("ok ")).count();
    assert!(n_ok >= n_checks, "only {n_ok} checks:\n{said}");
}

fn demo(folder: &Folder) -> Daemon {
    let demo = Daemon::start("demo", folder);
    // The demo puts things into rooms once they have announced themselves.
    demo.wait_for("light.kitchen_light", |state| {
        state["state"] == "off" && state["attributes"]["area"] == "Kitchen"
    });
    demo.wait_for("light.floor_lamp", |state| state["state"] == "off");
    demo
}

#[test]
fn the_client_of_home_assistants_own_pages_works() {
    let (node, npm) = (cache("python/bin/node"), cache("npm"));
    if !is_there(&node) || !is_there(&npm.join("node_modules/home-assistant-js-websocket")) {
        return;
    }
    let folder = Folder::new("client-js");
    // The client comes back to the address it knows.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let start = || Daemon::start_at("demo", &folder, port);
    let mut house = start();
    house.wait_for("light.floor_lamp", |state| state["state"] == "off");
    let mut client = Command::new(node)
        .arg(tool("client_js.mjs"))
        .args([npm.to_str().unwrap(), &house.url, &owners_token(&house)])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    for line in BufReader::new(client.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if line == "restart" {
            house.stop();
            house = start();
        }
        said += &line;
        said.push('\n');
    }
    assert!(client.wait().unwrap().success(), "{said}");
    assert_passed(&said, 25);
}

/// A token that outlives the daemon; the one of `running.json` does not.
fn owners_token(house: &Daemon) -> String {
    let arguments = ["token", "add", "client", "--data-dir", &house.data];
    let made = crate::support::homard::homard(&arguments);
    assert_eq!(made.code, 0, "{}", made.err);
    made.out.lines().last().unwrap().to_owned()
}

#[test]
fn homeassistant_api_works() {
    let python = cache("clients/bin/python");
    if !is_there(&python) || !is_there(&cache("clients/bin/hass-cli")) {
        return;
    }
    let folder = Folder::new("client-api");
    let house = demo(&folder);
    let run = Command::new(python)
        .arg(tool("client_api.py"))
        .args([&house.url, &house.token])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}\n{}", String::from_utf8_lossy(&run.stderr));
    assert_passed(&said, 30);
}

#[test]
fn homeassistant_cli_works() {
    let (python, program) = (cache("clients/bin/python"), cache("clients/bin/hass-cli"));
    if !is_there(&python) || !is_there(&program) {
        return;
    }
    let folder = Folder::new("client-cli");
    let house = demo(&folder);
    let run = |arguments: &[&str]| {
        // The kernel limits the length of a script's first line, Python does not.
        let output = Command::new(&python)
            .arg(&program)
            .args(["--output", "json"])
            .args(arguments)
            .env("HASS_SERVER", &house.url)
            .env("HASS_TOKEN", &house.token)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), said, errors)
    };
    let json = |arguments: &[&str]| -> Json {
        let (is_good, said, errors) = run(arguments);
        assert!(is_good, "{arguments:?}: {said}\n{errors}");
        serde_json::from_str(&said).unwrap_or_else(|_| panic!("{arguments:?}: {said}"))
    };
    let n = |list: &Json| list.as_array().map_or(0, Vec::len);
    assert!(n(&json(&["state", "list"])) > 40);
    assert_eq!(n(&json(&["state", "list", "light\\..*"])), 6);
    assert_eq!(json(&["state", "get", "light.hall_light"])[0]["state"], "off");
    let call = ["service", "call", "light.turn_on", "--arguments", "entity_id=light.hall_light"];
    assert_eq!(json(&call)[0]["state"], "on");
    assert_eq!(json(&["state", "toggle", "light.hall_light"])[0]["state"], "off");
    assert!(n(&json(&["service", "list", "light.*"])) >= 1);
    assert_eq!(n(&json(&["area", "list", "Kitchen"])), 1);
    assert_eq!(json(&["area", "create", "Cave"])[0]["result"]["area_id"], "cave");
    assert_eq!(json(&["area", "rename", "Cave", "Cellar"])[0]["result"]["name"], "Cellar");
    assert!(n(&json(&["device", "list"])) > 20);
    let (is_good, said, errors) = run(&["device", "assign", "Cellar", "--match", "Hall light"]);
    assert!(is_good && said.contains("Successfully assigned"), "{said}{errors}");
    let renamed = run(&["device", "rename", "Hall light", "Cellar light"]);
    assert!(renamed.0, "{}{}", renamed.1, renamed.2);
    let lamp = json(&["state", "get", "light.hall_light"]);
    assert_eq!(lamp[0]["attributes"]["friendly_name"], "Cellar light");
    assert_eq!(lamp[0]["attributes"]["area"], "Cellar");
    assert!(n(&json(&["entity", "list", "light.*"])) >= 6);
    let name = ["entity", "rename", "light.hall_light", "--name", "Nice lamp"];
    let named = json(&name);
    assert_eq!(named[0]["result"]["entity_entry"]["name"], "Nice lamp", "{named}");
    let assigned = run(&["entity", "assign", "Kitchen", "light.hall_light"]);
    assert!(assigned.0, "{}{}", assigned.1, assigned.2);
    assert_eq!(json(&["area", "delete", "Cellar"])[0]["success"], true);
    assert_eq!(json(&["raw", "get", "/api/config"])["location_name"], "Home");
    assert_eq!(json(&["raw", "ws", "get_config"])["result"]["location_name"], "Home");
    assert_eq!(json(&["info"])[0]["location_name"], "Home");
    assert!(json(&["config", "full"])[0]["unit_system"].is_object());
    let (is_good, said, errors) = run(&["template", &template(&folder)]);
    assert!(is_good && said.contains("It is off."), "{said}{errors}");
    let (is_good, said, errors) =
        run(&["event", "fire", "doorbell", "--json", "{\"who\": \"me\"}"]);
    assert!(is_good, "{said}{errors}");
    assert!(run(&["system", "log"]).0);
    assert!(json(&["system", "health"])[0]["mqtt"].is_object());
    let (is_good, said, errors) = run(&["state", "edit", "light.hall_light", "on"]);
    assert!(!is_good && errors.contains("what devices report"), "{said}{errors}");
}

fn template(folder: &Folder) -> String {
    folder.file("template", "It is {{ states('light.hall_light') }}.")
}
