//! What people say, in the homes of `tests/eval`: how much is understood may only rise. And the
//! evaluation itself: that it tells right, wrong and missed apart.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use homard::eval::{Report, Set};

use crate::support::homard::{Folder, homard};
use crate::support::models;

/// Percent of the tests that were right when this was last raised. Never lowered: what makes it
/// fall is a step back.
const BAR: f64 = 97.0;

async fn evaluated(dir: &Path) -> Report {
    Set::load(dir).unwrap().run().await.unwrap()
}

fn is_good_enough(report: &Report) {
    println!("{}", report.table(true));
    let share = report.total.share() * 100.0;
    assert!(share >= BAR, "only {share:.1} % are right, it was {BAR} %");
    let wrong: Vec<String> =
        report.failures.iter().filter(|f| f.is_wrong_action).map(|f| f.lines()).collect();
    assert!(wrong.is_empty(), "wrong actions:\n{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn understanding_is_no_worse_than_it_was() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/eval");
    is_good_enough(&evaluated(&dir).await);
}

/// The same with the official packs beside Homard's own sentences, as every house has them that
/// fetched the models: a pack's sentence must not do what the words do not mean.
#[tokio::test(flavor = "multi_thread")]
async fn official_packs_make_understanding_no_worse() {
    let Some(models) = models() else { return };
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/eval");
    is_good_enough(&Set::load(&dir).unwrap().with_models(models).run().await.unwrap());
}

/// What else may have been said helps where nothing is at stake, and never does harm.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_heard_may_have_been_something_harmless_else() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/eval/heard");
    let report = evaluated(&dir).await;
    let failed: Vec<String> = report.failures.iter().map(|failure| failure.lines()).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(report.total.n() >= 15, "{:?}", report.total);
}

/// As the issue wants it: six homes of 20 to 500 entities, two of them French, and enough that must
/// not act.
#[tokio::test]
async fn the_set_is_as_varied_as_promised() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/eval");
    let census = Set::load(&dir).unwrap().census();
    assert!(census.n_tests >= 700, "{census:?}");
    assert!(census.n_idle >= 170, "{census:?}");
    assert!(census.n_entities.len() >= 6, "{census:?}");
    assert!(census.n_entities.values().any(|n| *n <= 25), "{census:?}");
    assert!(census.n_entities.values().any(|n| *n >= 500), "{census:?}");
    let french: usize = census.by_language.get("fr").copied().unwrap_or_default();
    assert!(french * 100 >= census.n_tests * 33, "{census:?}");
}

const HOME: &str = r#"
name: Tiny
areas: [{id: den, name: Den}, {id: hall, name: Hall}]
entities:
  - {id: light.den, name: Den lamp, area: den, can: [brightness, color], state: off}
  - {id: light.hall, name: Hall lamp, area: hall, can: [brightness], state: on, brightness: 40%}
  - {id: switch.mute, name: Silent plug, area: hall, device: silent, state: off}
  - {id: switch.gone, name: Lost plug, area: hall, device: offline, state: off}
  - {id: switch.late, name: Slow plug, area: hall, device: slow, state: off}
  - {id: switch.assumed, name: Assumed plug, area: hall, device: assumed, state: off}
  - {id: sensor.warmth, name: Den temperature, area: den, class: temperature, unit: °C, state: "21.4"}
"#;

fn set(tests: &str) -> Folder {
    static N: AtomicU32 = AtomicU32::new(0);
    let folder = Folder::new(&format!("eval-{}", N.fetch_add(1, Ordering::Relaxed)));
    std::fs::create_dir_all(folder.path("homes")).unwrap();
    std::fs::write(folder.path("homes/tiny.yaml"), HOME).unwrap();
    std::fs::write(folder.path("tests.yaml"), tests).unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn right_wrong_and_missed_are_told_apart() {
    for (test, verdict) in [
        ("{say: turn on the den lamp, changes: {light.den: on}}", "right"),
        ("{say: turn on the den lamp, changes: {light.hall: off}}", "wrong"),
        ("{say: turn on the den lamp, nothing: true}", "wrong"),
        ("{say: hocus pocus, changes: {light.den: on}}", "missed"),
        ("{say: hocus pocus, nothing: true}", "right"),
        ("{say: hocus pocus, refuses: true}", "right"),
        ("{say: hocus pocus, asks: true}", "missed"),
        (
            "{say: set the den lamp to 30%, changes: {light.den: {state: on, brightness: 30}}}",
            "right",
        ),
        ("{say: set the den lamp to 30%, changes: {light.den: {brightness: \">50\"}}}", "wrong"),
        ("{say: set the hall lamp to 60%, changes: {light.hall: {brightness: up}}}", "right"),
        ("{say: set the hall lamp to 60%, changes: {light.hall: {brightness: down}}}", "wrong"),
        ("{say: set the den lamp to blue, changes: {light.den: {color: blue}}}", "right"),
        ("{say: set the den lamp to blue, changes: {light.den: {color: red}}}", "wrong"),
        ("{say: turn on all the lights, changes: {light.*: on}}", "right"),
        ("{say: turn on all the lights, changes: {light.*: on, light.den: same}}", "wrong"),
        ("{say: turn on the lights in the den, changes: {light.*@den: on}}", "right"),
        ("{say: turn on the hall lamp, changes: {light.hall: on}}", "right"),
        (
            "{say: turn off the hall lamp, state: {light.hall: off}, changes: {light.hall: off}}",
            "right",
        ),
        ("{say: what is the den temperature, answers: [\"21.4\"]}", "right"),
        ("{say: what is the den temperature, answers: [\"21.4\", \"!degrees|warm\"]}", "right"),
        ("{say: what is the den temperature, answers: [\"22\"]}", "missed"),
        (
            "{say: turn on the silent plug, changes: {switch.mute: on}, says: [\"!turned on|done\"]}",
            "right",
        ),
        ("{say: turn on the slow plug, changes: {switch.late: on}}", "right"),
        ("{say: turn on the assumed plug, changes: {switch.assumed: on}}", "right"),
        ("{say: turn on the lost plug, refuses: true}", "right"),
        ("{say: turn on the lost plug, changes: {switch.gone: on}}", "missed"),
        ("{say: turn on the den lamp, or: [{nothing: true}, {changes: {light.den: on}}]}", "right"),
        ("{say: turn on the den lamp, later: [{after: 5min, changes: {light.den: on}}]}", "wrong"),
        (
            "{turns: [{say: turn on the den lamp, changes: {light.den: on}}, {say: turn off the den lamp, changes: {light.den: off}}]}",
            "right",
        ),
        (
            "{turns: [{say: turn on the den lamp, changes: {light.den: on}}, {say: hocus pocus, changes: {light.den: off}}]}",
            "missed",
        ),
        ("{say: turn on the lights, area: den, changes: {light.den: on}}", "right"),
    ] {
        let folder = set(&format!("home: tiny\ngroup: all\ntests:\n  - {test}\n"));
        let report = evaluated(Path::new(&folder.path(""))).await;
        let ended = match (report.total.right, report.total.wrong, report.total.missed) {
            (1, 0, 0) => "right",
            (0, 1, 0) => "wrong",
            (0, 0, 1) => "missed",
            _ => "several",
        };
        let why: Vec<String> = report.failures.iter().map(|failure| failure.lines()).collect();
        assert_eq!(ended, verdict, "{test}\n{}", why.join("\n"));
    }
}

#[test]
fn the_command_prints_scores_and_ends_by_the_bar() {
    let folder = set(
        "home: tiny\ngroup: lamps\ntests:\n  - {say: [turn on the den lamp, den lamp on], changes: {light.den: on}}\n  - {say: hocus pocus, changes: {light.den: on}}\n",
    );
    let dir = folder.path("");
    let done = homard(&["eval", &dir, "--by-group", "--failures"]);
    assert_eq!(done.code, 0, "{done:?}");
    for part in ["3 tests", "lamps", "66.7 %", "hocus pocus", "nothing changed"] {
        assert!(done.out.contains(part), "{part}: {}", done.out);
    }
    for (bar, code) in [("60", 0), ("90", 1)] {
        assert_eq!(homard(&["eval", &dir, "--bar", bar]).code, code, "{bar}");
    }
    let done = homard(&["eval", &dir, "--json", "--only", "hocus"]);
    let json: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(json["total"]["missed"], 1);
    assert_eq!(json["failures"][0]["said"][0], "hocus pocus");
}

#[test]
fn what_a_file_says_wrong_is_told_with_its_place() {
    for (tests, part) in [
        (
            "home: tiny\ngroup: a\ntests: [{say: x, changes: {light.cellar: on}}]",
            "no `light.cellar`",
        ),
        ("home: big\ngroup: a\ntests: [{say: x, nothing: true}]", "no home `big`"),
        ("home: tiny\ngroup: a\ntests: [{say: x}]", "expected one of"),
        (
            "home: tiny\ngroup: a\ntests: [{say: x, nothing: true, tone: loud}]",
            "unknown key `tone`",
        ),
        (
            "home: tiny\ngroup: a\ntests: [{say: x, nothing: true, state: {light.den: open}}]",
            "`open` is no state",
        ),
        ("home: tiny\ngroup: a\ntests: [{say: x, later: {after: soon}}]", "`after`"),
        ("home: tiny\ngroup: a\ntests: [", "tests.yaml"),
    ] {
        let done = homard(&["eval", &set(tests).path("")]);
        assert_eq!(done.code, 2, "{tests}: {done:?}");
        assert!(done.err.contains(part), "{part}: {}", done.err);
    }
    let empty = Folder::new("eval-empty");
    assert_eq!(homard(&["eval", &empty.path("")]).code, 2);
}
