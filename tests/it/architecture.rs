//! The rules of `src/lib.rs` that the compiler cannot see: who may name whom, who does no I/O, who names which
//! foreign crate, how a file opens and how long it gets. A scan of the text is enough, because other modules are always
//! written `crate::name`.

use std::path::{Path, PathBuf};

/// What each module may name, and does. The order is the order of the layers; a new edge is explained in its commit.
const MAY_USE: &[(&str, &[&str])] = &[
    ("text", &[]),
    ("clock", &[]),
    ("packed", &[]),
    ("board", &[]),
    ("update", &[]),
    ("config", &[]),
    ("home", &["text"]),
    ("json", &["home"]),
    ("yaml", &["home"]),
    ("template", &["clock"]),
    ("catalog", &[]),
    ("intent", &["text", "packed", "home"]),
    // Automations have templates, which read a clock and speak JSON.
    ("automation", &["text", "clock", "home", "json", "template"]),
    ("assistant", &["text", "clock", "home", "template", "intent", "automation"]),
    // How much memory is left for its weights.
    ("speech", &["text", "board"]),
    ("tidings", &["home"]),
    // How much memory is left for a model.
    ("llm", &["board"]),
    // What the owner decided in the panel is typed by `config` and kept here.
    ("storage", &["text", "config", "home", "json", "automation"]),
    ("hub", &["text", "clock", "home", "automation", "storage"]),
    ("broker", &[]),
    ("mqtt", &["config", "clock", "home", "json", "template", "hub"]),
    // Who may come in is the disk's to say, at every request: another process may have changed it; the
    // history is read there, as its rows are too many to go through the hub.
    // The owner changes what `config` checks.
    (
        "web",
        &[
            "text",
            "clock",
            "config",
            "packed",
            "board",
            "home",
            "json",
            "template",
            "automation",
            "storage",
            "hub",
            "yaml",
        ],
    ),
    // Sound and words come and go; what is asked is asked through what `app` hands it.
    ("wyoming", &["speech"]),
    // Who of Telegram's users is whom is the disk's to say, as is what was begun; charts are read from the history.
    ("telegram", &["text", "clock", "config", "home", "tidings", "storage", "hub"]),
    ("demo", &[]),
    // The whole road without a port: it wires a hub and the daemon's own ear to simulated devices.
    (
        "eval",
        &[
            "app",
            "assistant",
            "automation",
            "clock",
            "config",
            "home",
            "hub",
            "json",
            "storage",
            "text",
        ],
    ),
];

/// Files that wire the others together and may name everything.
const WIRING: &[&str] = &["lib", "main", "app", "cli"];

/// Modules that do no I/O, start no task and read no clock: same input, same output.
const PURE: &[&str] = &["text", "home", "template", "intent", "automation", "assistant", "tidings"];

/// What a pure module does not say.
const IMPURE: &[&str] = &[
    "tokio",
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "serde",
    "serde_json",
];

/// Words of [`IMPURE`] that one place may say, with the reason.
const PURE_BUT: &[(&str, &str, &str)] = &[
    ("src/intent/pack.rs", "serde", "language packs are parsed from text that others have read"),
    ("src/intent/pack.rs", "serde_json", "packs of the official collection come as JSON too"),
    ("src/intent/script.rs", "serde_json", "a part of a sentence file, as `pack` reads it"),
    ("src/automation/rule/engine/sight.rs", "serde_json", "templates ask for attributes, as JSON"),
    ("src/assistant/script.rs", "serde_json", "templates may ask for attributes, as JSON"),
    ("src/template/", "serde_json", "`value_json` is what templates are about"),
    ("src/assistant/official.rs", "serde_json", "what the templates of official replies read"),
];

/// Foreign crates that only these modules name, so that what speaks to the outside stays at the outside.
const OWNERS: &[(&str, &[&str])] = &[
    ("rumqttc", &["mqtt", "demo"]),
    ("mqtt5", &["broker"]),
    ("heed", &["storage"]),
    ("candle_core", &["llm"]),
    // The templates of MQTT discovery, and those of chats in a model's file.
    ("minijinja", &["template", "llm"]),
    ("axum", &["web"]),
    ("argon2", &["storage"]),
    ("utoipa", &["web"]),
    ("ureq", &["cli", "catalog", "llm"]),
    ("cpal", &["speech"]),
    ("mdns_sd", &["wyoming"]),
    ("teloxide", &["telegram"]),
    ("reqwest", &["telegram"]),
    ("zip", &["catalog", "storage"]),
    ("clap", &["cli", "main"]),
    ("anyhow", &["app", "cli", "main"]),
];

/// A file that nears this asks to be split. Tests at its end do not count.
const MAX_LINES: usize = 600;

/// Longer files, each with the reason why it is not split.
const LONG: &[(&str, &str)] = &[];

/// One file: its path from the top of the checkout, with `/`, and its text.
struct File {
    path: String,
    text: String,
}

impl File {
    /// `mqtt` for `src/mqtt/component/light.rs` and for `src/mqtt.rs`.
    fn module(&self) -> &str {
        let below = self.path.trim_start_matches("src/");
        below.split('/').next().unwrap_or(below).trim_end_matches(".rs")
    }

    /// The lines of code before the unit tests, without comments, numbered from 1.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_tests = |path: &str| path.ends_with("/tests.rs") || path.contains("/tests/");
        let end = if is_tests(&self.path) { 0 } else { lines_before_tests(&self.text) };
        self.text
            .lines()
            .take(end)
            .map(without_comment)
            .enumerate()
            .map(|(at, line)| (at + 1, line))
    }

    /// Whether `super` is the crate itself here.
    fn is_top(&self) -> bool {
        let below = self.path.trim_start_matches("src/");
        !below.contains('/') || (below.ends_with("/mod.rs") && below.matches('/').count() == 1)
    }
}

fn lines_before_tests(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines.windows(2).position(|pair| {
        pair[0].trim() == "#[cfg(test)]" && pair[1].trim_start().starts_with("mod tests {")
    });
    tests.unwrap_or(lines.len())
}

/// A `//` inside a text is mostly an address, so one after a colon is no comment.
fn without_comment(line: &str) -> &str {
    let comment = line.match_indices("//").find(|(at, _)| !line[..*at].ends_with(':'));
    comment.map_or(line, |(at, _)| &line[..at])
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where `word` stands in `line` as a word of its own.
fn find_word(line: &str, word: &str) -> Option<usize> {
    line.match_indices(word).map(|(at, _)| at).find(|at| {
        let before = line[..*at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// Top-level modules that the text names after `prefix`, `crate::` say; also those of a group in braces.
fn names_after<'a>(text: &'a str, prefix: &str) -> Vec<&'a str> {
    let mut names = Vec::new();
    for (at, _) in text.match_indices(prefix) {
        if text[..at].chars().next_back().is_some_and(|c| is_word(c) || c == '$' || c == ':') {
            continue;
        }
        let rest = &text[at + prefix.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            names.push(first_word(rest));
            continue;
        };
        let mut depth = 0;
        let mut item = 0;
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                ',' | '}' if depth == 0 => {
                    names.push(first_word(group[item..at].trim_start()));
                    item = at + 1;
                    if c == '}' {
                        break;
                    }
                }
                '}' => depth -= 1,
                _ => {}
            }
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn first_word(text: &str) -> &str {
    &text[..text.find(|c| !is_word(c)).unwrap_or(text.len())]
}

/// Every use of a module that its user may not name.
fn forbidden_edges(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        let module = file.module();
        if WIRING.contains(&module) {
            continue;
        }
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == module) else {
            found.push(format!("{}: `{module}` has no place in MAY_USE", file.path));
            continue;
        };
        let code: String =
            file.text.lines().flat_map(|line| [without_comment(line), "\n"]).collect();
        let mut used = names_after(&code, "crate::");
        if file.is_top() {
            // In the tests at the end of a file, `super` is the file.
            let code: String = file.code().flat_map(|(_, line)| [line, "\n"]).collect();
            let beside = names_after(&code, "super::").into_iter().map(str::to_owned);
            let known = |name: &String| MAY_USE.iter().any(|(module, _)| module == name);
            for name in beside.filter(known) {
                found.push(format!("{}: write `crate::{name}`, not `super::{name}`", file.path));
            }
        }
        used.sort_unstable();
        used.dedup();
        for name in used {
            let is_module =
                MAY_USE.iter().any(|(module, _)| *module == name) || WIRING.contains(&name);
            if is_module && name != module && !allowed.contains(&name) {
                found.push(format!("{}: `{module}` may not use `{name}`", file.path));
            }
        }
    }
    found
}

/// Modules that one may name and does not: a permission that nobody needs hides the next mistake.
fn unused_edges(files: &[File], may_use: &[(&str, &[&str])]) -> Vec<String> {
    let mut found = Vec::new();
    for (module, allowed) in may_use {
        let named = |name: &str| {
            files.iter().filter(|file| file.module() == *module).any(|file| {
                let code: String = file.code().flat_map(|(_, line)| [line, "\n"]).collect();
                names_after(&code, "crate::").contains(&name)
            })
        };
        for name in allowed.iter().filter(|name| !named(name)) {
            found.push(format!("`{module}` does not use `{name}`; take it off MAY_USE"));
        }
    }
    found
}

/// Every word of a pure module that reaches outside.
fn impurities(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| PURE.contains(&file.module())) {
        let allowed = |word: &str| {
            PURE_BUT.iter().any(|(place, what, _)| file.path.starts_with(place) && *what == word)
        };
        for (at, line) in file.code() {
            for word in IMPURE.iter().filter(|word| find_word(line, word).is_some()) {
                if !allowed(word) {
                    found.push(format!(
                        "{}:{at}: `{}` is pure: no `{word}`",
                        file.path,
                        file.module()
                    ));
                }
            }
        }
    }
    found
}

/// Every foreign crate named outside of the modules that own it.
fn strangers(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        for (at, line) in file.code() {
            for (name, owners) in OWNERS {
                let path = format!("{name}::");
                let named =
                    !names_after(line, &path).is_empty() || line.contains(&format!("use {name};"));
                if named && !owners.contains(&file.module()) {
                    found.push(format!("{}:{at}: only {owners:?} may name `{name}`", file.path));
                }
            }
        }
    }
    found
}

/// Files that do not say first what they own, or grew too long, and stale exceptions.
fn shapeless(files: &[File], long: &[(&str, &str)]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        if !file.text.starts_with("//! ") {
            found.push(format!("{}: does not open with `//!`", file.path));
        }
        let lines = lines_before_tests(&file.text);
        let excused =
            long.iter().any(|(path, _)| *path == file.path) || file.path.ends_with("/tests.rs");
        if lines > MAX_LINES && !excused {
            found.push(format!("{}: {lines} lines before its tests; split it", file.path));
        }
    }
    for (path, _) in long {
        let file = files.iter().find(|file| file.path == *path);
        if file.is_none_or(|file| lines_before_tests(&file.text) <= MAX_LINES) {
            found.push(format!("{path}: no longer too long; take it off LONG"));
        }
    }
    found
}

/// Lines that name a folder of the machine they were written on.
fn machine_paths(files: &[File], machine: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        for (at, line) in file.text.lines().enumerate() {
            for path in machine.iter().filter(|path| line.contains(path.as_str())) {
                found.push(format!(
                    "{}:{}: names a folder of one machine: {path}",
                    file.path,
                    at + 1
                ));
            }
        }
    }
    found
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All text files below `folder`, without what is built or fetched.
fn read_tree(folder: &Path) -> Vec<File> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries.map(Result::unwrap) {
            let name = entry.file_name();
            let kind = entry.file_type().unwrap();
            let skipped = [".git", ".cache", "target", "node_modules", "__pycache__"];
            if kind.is_dir() && !skipped.iter().any(|skip| name == *skip) {
                folders.push(entry.path());
            } else if kind.is_file()
                && let Ok(text) = std::fs::read_to_string(entry.path())
            {
                let path = entry.path().strip_prefix(top()).unwrap().to_str().unwrap().to_owned();
                files.push(File { path, text });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn sources() -> Vec<File> {
    let mut files = read_tree(&top().join("src"));
    files.retain(|file| file.path.ends_with(".rs"));
    assert!(files.len() > 1, "no sources found");
    files
}

fn assert_none(found: &[String], rule: &str) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}

#[test]
fn modules_use_only_lower_modules() {
    assert_none(&forbidden_edges(&sources()), "layers, see src/lib.rs");
    assert_none(&unused_edges(&sources(), MAY_USE), "the layers as they are, see src/lib.rs");
}

#[test]
fn pure_modules_reach_nothing_outside() {
    assert_none(&impurities(&sources()), "these modules decide and do not act");
}

#[test]
fn foreign_crates_stay_with_their_owners() {
    assert_none(&strangers(&sources()), "what the outside speaks stays in one module");
}

#[test]
fn files_say_what_they_own_and_stay_short() {
    assert_none(&shapeless(&sources(), LONG), "one file, one concept");
}

#[test]
fn nothing_names_a_folder_of_one_machine() {
    let mut machine =
        vec![top().to_str().unwrap().to_owned(), format!("/{}/", "root"), format!("/{}/", "Users")];
    machine.extend(std::env::var("HOME").ok().filter(|home| home.matches('/').count() > 1));
    assert_none(&machine_paths(&read_tree(top()), &machine), "say it without the folder");
}

#[test]
fn violations_are_found() {
    fn files(files: &[(&str, &str)]) -> Vec<File> {
        files
            .iter()
            .map(|(path, text)| File { path: (*path).into(), text: (*text).into() })
            .collect()
    }
    fn check(rule: fn(&[File]) -> Vec<String>, path: &str, text: &str, expected: &[&str]) {
        assert_eq!(rule(&files(&[(path, text)])), expected, "{path}: {text}");
    }
    let edges = forbidden_edges;
    check(edges, "src/home/mod.rs", "use crate::text;\nuse crate::home::id::Id;", &[]);
    check(
        edges,
        "src/home/a/b.rs",
        "use crate::hub::Event;",
        &["src/home/a/b.rs: `home` may not use `hub`"],
    );
    check(
        edges,
        "src/text.rs",
        "fn f(_: &crate::home::Home) {}",
        &["src/text.rs: `text` may not use `home`"],
    );
    check(
        edges,
        "src/web/mod.rs",
        "use crate::{\n    hub::{Event, mqtt},\n    mqtt::Topic,\n    json,\n};",
        &["src/web/mod.rs: `web` may not use `mqtt`"],
    );
    check(
        edges,
        "src/web/mod.rs",
        "pub(crate) mod a; // crate::mqtt\n/// [`crate::mqtt`]\nmac!($crate::mqtt);",
        &[],
    );
    check(
        edges,
        "src/web/mod.rs",
        "use crate::app::App;",
        &["src/web/mod.rs: `web` may not use `app`"],
    );
    check(
        edges,
        "src/hub/mod.rs",
        "use super::web;",
        &["src/hub/mod.rs: write `crate::web`, not `super::web`"],
    );
    check(edges, "src/hub/event.rs", "use super::web;", &[]);
    check(edges, "src/new.rs", "//! New.", &["src/new.rs: `new` has no place in MAY_USE"]);
    check(edges, "src/app.rs", "use crate::mqtt;", &[]);
    check(
        edges,
        "src/home/mod.rs",
        "#[cfg(test)]\nmod tests {\n    use crate::web;\n}",
        &["src/home/mod.rs: `home` may not use `web`"],
    );

    let used = files(&[
        ("src/web/mod.rs", "use crate::hub;\n#[cfg(test)]\nmod tests {\n    use crate::text;\n}"),
        ("src/web/live.rs", "// crate::clock\nfn f(_: &crate::home::Home) {}"),
    ]);
    assert_eq!(
        unused_edges(&used, &[("web", &["hub", "home", "text", "clock"]), ("text", &["home"])]),
        [
            "`web` does not use `text`; take it off MAY_USE",
            "`web` does not use `clock`; take it off MAY_USE",
            "`text` does not use `home`; take it off MAY_USE",
        ]
    );

    check(
        impurities,
        "src/home/mod.rs",
        "use serde_json::Value;",
        &["src/home/mod.rs:1: `home` is pure: no `serde_json`"],
    );
    check(
        impurities,
        "src/text.rs",
        "\nstd::fs::read(x)",
        &["src/text.rs:2: `text` is pure: no `std::fs`"],
    );
    check(
        impurities,
        "src/home/a.rs",
        "jiff::Timestamp::now()",
        &["src/home/a.rs:1: `home` is pure: no `Timestamp::now`"],
    );
    check(impurities, "src/intent/pack.rs", "use serde::Deserialize; use serde_json::Value;", &[]);
    check(
        impurities,
        "src/intent/lists.rs",
        "use serde::Deserialize;",
        &["src/intent/lists.rs:1: `intent` is pure: no `serde`"],
    );
    check(impurities, "src/template/mod.rs", "serde_json::from_str(x)", &[]);
    check(
        impurities,
        "src/home/mod.rs",
        "// tokio\nlet tokio_like = 1;\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}",
        &[],
    );
    check(impurities, "src/web/mod.rs", "use tokio::net; use std::fs;", &[]);

    check(
        strangers,
        "src/hub/mod.rs",
        "fn f(_: rumqttc::Publish) {}",
        &["src/hub/mod.rs:1: only [\"mqtt\", \"demo\"] may name `rumqttc`"],
    );
    check(strangers, "src/broker/mod.rs", "use mqtt5::QoS;", &[]);
    check(
        strangers,
        "src/web/mod.rs",
        "use anyhow::Context;",
        &["src/web/mod.rs:1: only [\"app\", \"cli\", \"main\"] may name `anyhow`"],
    );

    let long = "//! Long.\n".repeat(MAX_LINES + 1);
    let check_shape = |text: &str, long: &[(&str, &str)], expected: &[&str]| {
        assert_eq!(shapeless(&files(&[("src/a.rs", text)]), long), expected);
    };
    check_shape("//! A.\nfn f() {}", &[], &[]);
    check_shape("fn f() {}", &[], &["src/a.rs: does not open with `//!`"]);
    check_shape(&long, &[], &["src/a.rs: 601 lines before its tests; split it"]);
    check_shape(&long, &[("src/a.rs", "a table")], &[]);
    check_shape(
        "//! A.\n",
        &[("src/a.rs", "a table")],
        &["src/a.rs: no longer too long; take it off LONG"],
    );
    check_shape(&format!("//! A.\n#[cfg(test)]\nmod tests {{\n{long}}}"), &[], &[]);

    let machine = ["/build/me".to_owned()];
    let named = machine_paths(&files(&[("a.md", "one\nsee /build/me/x")]), &machine);
    assert_eq!(named, ["a.md:2: names a folder of one machine: /build/me"]);
}
