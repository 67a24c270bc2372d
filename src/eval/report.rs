//! The scores of an evaluation, for people and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::judge::Verdict;

/// How an evaluation went.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Homes.
    pub n_homes: usize,
    /// All tests.
    pub total: Score,
    /// By group, in the order of their names.
    pub groups: BTreeMap<String, Score>,
    /// By home.
    pub homes: BTreeMap<String, Score>,
    /// What was not right.
    pub failures: Vec<Failure>,
    /// How long understanding took, milliseconds, sorted.
    pub understood_ms: Vec<f64>,
}

/// How many tests ended in which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Score {
    /// As expected.
    pub right: usize,
    /// Something changed that must not have.
    pub wrong: usize,
    /// Not done, not asked or not answered.
    pub missed: usize,
}

/// A test that was not right.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The file and the number in it.
    pub place: String,
    /// Its group.
    pub group: String,
    /// Its home.
    pub home: String,
    /// What was said, all turns up to the failure.
    pub said: Vec<String>,
    /// Where it was said.
    pub area: Option<String>,
    /// Something changed that must not have.
    pub is_wrong_action: bool,
    /// What was expected, in short.
    pub expected: String,
    /// What happened.
    pub actual: String,
    /// What was said back.
    pub reply: String,
}

impl Score {
    /// All tests.
    pub fn n(self) -> usize {
        self.right + self.wrong + self.missed
    }

    /// The share that was right, 0 to 1; 1 of nothing.
    pub fn share(self) -> f64 {
        match self.n() {
            0 => 1.0,
            n => self.right as f64 / n as f64,
        }
    }

    pub(super) fn count(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Right => self.right += 1,
            Verdict::Missed(_) => self.missed += 1,
            Verdict::WrongAction(_) => self.wrong += 1,
        }
    }
}

impl Report {
    /// The scores as a table.
    pub fn table(&self, by_group: bool) -> String {
        let mut out = String::new();
        let width = self.groups.keys().map(|name| name.chars().count()).max().unwrap_or(0).max(8);
        let mut line = |name: &str, score: Score| {
            let share = score.share() * 100.0;
            let Score { right, wrong, missed } = score;
            let n = score.n();
            // Writing to a text cannot fail.
            let _ = writeln!(
                out,
                "{name:width$}  {share:5.1} %  {right:4} of {n:4}  {missed:4} missed  {wrong:3} wrong"
            );
        };
        if by_group {
            for (name, score) in &self.groups {
                line(name, *score);
            }
            for (name, score) in &self.homes {
                line(&format!("@{name}"), *score);
            }
        }
        line("all", self.total);
        if let (Some(median), Some(p99)) = (self.quantile(0.5), self.quantile(0.99)) {
            let _ = writeln!(out, "understanding: median {median:.2} ms, p99 {p99:.2} ms");
        }
        out
    }

    fn quantile(&self, share: f64) -> Option<f64> {
        let last = self.understood_ms.len().checked_sub(1)?;
        self.understood_ms.get((last as f64 * share).round() as usize).copied()
    }

    /// All as JSON.
    pub fn json(&self) -> Json {
        let score = |score: &Score| {
            json!({"n": score.n(), "right": score.right, "wrong_action": score.wrong,
                "missed": score.missed, "share": score.share()})
        };
        let scores = |scores: &BTreeMap<String, Score>| -> Json {
            scores
                .iter()
                .map(|(name, of)| (name.clone(), score(of)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        let failure = |failure: &Failure| {
            json!({"place": failure.place, "group": failure.group, "home": failure.home,
                "said": failure.said, "area": failure.area,
                "verdict": if failure.is_wrong_action { "wrong_action" } else { "missed" },
                "expected": failure.expected, "actual": failure.actual, "reply": failure.reply})
        };
        json!({
            "homes": self.n_homes,
            "total": score(&self.total),
            "groups": scores(&self.groups),
            "by_home": scores(&self.homes),
            "understand_ms": {"median": self.quantile(0.5), "p99": self.quantile(0.99)},
            "failures": self.failures.iter().map(failure).collect::<Vec<_>>(),
        })
    }
}

impl Failure {
    /// For people: several lines.
    pub fn lines(&self) -> String {
        let Self { place, group, home, said, expected, actual, reply, .. } = self;
        let kind = if self.is_wrong_action { "WRONG ACTION" } else { "missed" };
        let area = self.area.as_ref().map(|area| format!(" in {area}")).unwrap_or_default();
        let said = said.join("” / “");
        format!(
            "{kind}  {place} ({group}, {home}{area})\n    said      “{said}”\n    expected  {expected}\n    \
             actual    {actual}\n    reply     “{reply}”"
        )
    }
}
