//! `homard check` and what a bad configuration does to the other commands, with the real binary.

use std::path::Path;

use crate::support::homard::{Folder, homard};

#[test]
fn the_example_has_no_problem() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/homard.toml.example");
    let done = homard(&["check", "--config", example.to_str().unwrap()]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.out.contains("no problem found"), "{done:?}");
}

#[test]
fn all_problems_are_shown_with_their_lines_and_the_daemon_does_not_start() {
    let folder = Folder::new("bad-config");
    let file = folder.file(
        "homard.toml",
        "[home]\nnmae = \"x\"\n\n[mqtt]\nlisten = \"127.0.0.1:1883\"\nbroker = \"mqtt://hub\"\n",
    );
    let data = folder.path("data");
    for command in ["check", "run", "demo"] {
        let mut line = vec![command, "--config", &file];
        if command != "check" {
            line.extend(["--data-dir", &data]);
        }
        let done = homard(&line);
        assert_eq!(done.code, 2, "{done:?}");
        assert!(done.err.contains(&format!("{file}:2: `[home] nmae` is no setting")), "{done:?}");
        assert!(done.err.contains("Did you mean `name`?"), "{done:?}");
        assert!(done.err.contains(&format!("{file}:6: `[mqtt]` has both")), "{done:?}");
    }
    assert!(!Path::new(&data).exists(), "a bad configuration must change nothing");
}

#[test]
fn a_missing_file_is_said_so() {
    let done = homard(&["check", "--config", "nowhere/homard.toml"]);
    assert_eq!(done.code, 2, "{done:?}");
    assert!(done.err.contains("nowhere/homard.toml: cannot be read"), "{done:?}");
}
