//! What people say to have the house act by itself, in the two homes of `tests/automations/words`: each sentence becomes
//! the rule that is written beside it, and none without a yes.

use std::path::{Path, PathBuf};

use homard::eval::{Report, Set};

/// Percent of the sentences that must be right.
const BAR: f64 = 95.0;

fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/automations/words")
}

fn is_good_enough(report: &Report) {
    println!("{}", report.table(true));
    // A rule that was armed without a yes, or that nobody asked for, is a wrong action.
    let wrong: Vec<String> =
        report.failures.iter().filter(|f| f.is_wrong_action).map(|f| f.lines()).collect();
    assert!(wrong.is_empty(), "armed or done unasked:\n{}", wrong.join("\n"));
    let share = report.total.share() * 100.0;
    let failed: Vec<String> = report.failures.iter().map(|failure| failure.lines()).collect();
    assert!(share >= BAR, "only {share:.1} % are right:\n{}", failed.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_becomes_the_rule_that_was_meant_after_a_yes() {
    let set = Set::load(&dir()).unwrap();
    let census = set.census();
    assert!(census.n_tests >= 250, "{census:?}");
    let french: usize = census.by_language.get("fr").copied().unwrap_or_default();
    assert!(french >= 100, "{census:?}");
    is_good_enough(&set.run().await.unwrap());
}
