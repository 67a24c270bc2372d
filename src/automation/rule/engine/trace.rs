//! What a run did and why, kept for people who ask.

use std::collections::VecDeque;
use std::fmt;

use jiff::Timestamp;

use super::{Rules, RunId};
use crate::automation::rule::RuleKey;

/// Traces kept of each rule.
const KEPT: usize = 5;
/// Steps kept of each trace.
const MOST_STEPS: usize = 200;
/// Bytes of what is said of one step.
const LONGEST: usize = 400;

/// One run, or one that was to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// The run's number.
    pub run: RunId,
    /// When it began.
    pub began: Timestamp,
    /// When it ended; `None` as long as it runs.
    pub ended: Option<Timestamp>,
    /// What began it, in plain English.
    pub trigger: String,
    /// Its conditions, steps and what became of them.
    pub steps: Vec<Did>,
    /// Steps that are not kept because there were too many.
    pub n_left_out: usize,
    /// How it ended.
    pub ending: Ending,
}

/// A condition that was looked at or a step that was done.
#[derive(Debug, Clone, PartialEq)]
pub struct Did {
    /// Where in the rule: `action/0`.
    pub path: String,
    /// When.
    pub at: Timestamp,
    /// What: `light.turn_on`, `delay`, `state`.
    pub what: String,
    /// What became of it.
    pub result: String,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// It has not.
    Running,
    /// It waits for one before it to end.
    Queued,
    /// All was done.
    Finished,
    /// Its conditions did not hold; nothing was done.
    Conditions,
    /// A condition among its steps did not hold.
    Aborted,
    /// A `stop` ended it.
    Stopped(String),
    /// Something failed.
    Failed(String),
    /// It was ended from outside: begun anew, switched off, edited.
    Cancelled(&'static str),
    /// It did not begin, because one was running.
    AlreadyRunning,
    /// It did not begin, because automations began each other round and round.
    Loop(String),
    /// It did not begin, because it began too often.
    TooOften,
    /// Its time was long over when Homard learned of it; nothing was done.
    Missed,
    /// Homard was stopped in the middle of it.
    Interrupted(String),
}

impl Ending {
    /// The word for programs; Home Assistant's where it has one.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Queued => "queued",
            Self::Finished => "finished",
            Self::Conditions => "failed_conditions",
            Self::Aborted => "aborted",
            Self::Stopped(_) => "stopped",
            Self::Failed(_) => "error",
            Self::Cancelled(_) => "cancelled",
            Self::AlreadyRunning => "failed_single",
            Self::Loop(_) => "loop",
            Self::TooOften => "too_often",
            Self::Missed => "missed",
            Self::Interrupted(_) => "interrupted",
        }
    }

    /// Why, where the word alone does not say it.
    pub fn why(&self) -> &str {
        match self {
            Self::Stopped(why) | Self::Failed(why) | Self::Loop(why) | Self::Interrupted(why) => {
                why
            }
            Self::Cancelled(why) => why,
            Self::Running
            | Self::Queued
            | Self::Finished
            | Self::Conditions
            | Self::Aborted
            | Self::AlreadyRunning
            | Self::TooOften
            | Self::Missed => "",
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.why() {
            "" => f.write_str(self.word()),
            why => write!(f, "{}: {why}", self.word()),
        }
    }
}

impl Trace {
    pub(super) fn new(run: RunId, began: Timestamp, trigger: &str) -> Self {
        Self {
            run,
            began,
            ended: None,
            trigger: clip(trigger),
            steps: Vec::new(),
            n_left_out: 0,
            ending: Ending::Running,
        }
    }

    /// Notes what was done; its number, if it is kept.
    pub(super) fn note(
        &mut self,
        path: String,
        at: Timestamp,
        what: &str,
        result: &str,
    ) -> Option<usize> {
        if self.steps.len() >= MOST_STEPS {
            self.n_left_out += 1;
            return None;
        }
        self.steps.push(Did { path, at, what: clip(what), result: clip(result) });
        Some(self.steps.len() - 1)
    }

    pub(super) fn learn(&mut self, step: usize, result: &str) {
        if let Some(did) = self.steps.get_mut(step) {
            did.result = clip(result);
        }
    }

    pub(super) fn end(&mut self, ending: Ending, now: Timestamp) {
        self.ending = ending;
        self.ended = Some(now);
    }
}

impl Rules {
    /// Takes out the traces of what has ended.
    pub(in crate::automation::rule) fn take_traces(&mut self, key: &RuleKey) -> Vec<Trace> {
        self.rules.get_mut(key).map(|rule| rule.traces.drain(..).collect()).unwrap_or_default()
    }
}

/// Keeps a trace, and forgets the oldest.
pub(super) fn keep(traces: &mut VecDeque<Trace>, trace: Trace) {
    // A flood of what did not even begin leaves what was done to be seen.
    let is_idle = |trace: &Trace| {
        matches!(trace.ending, Ending::AlreadyRunning | Ending::TooOften | Ending::Conditions)
    };
    if is_idle(&trace)
        && let Some(last) = traces.back_mut()
        && last.ending == trace.ending
    {
        *last = trace;
        return;
    }
    if traces.len() >= KEPT {
        traces.pop_front();
    }
    traces.push_back(trace);
}

/// A text of at most so many bytes, whole characters.
pub(super) fn clip(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    let end = (0..=LONGEST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}…", &text[..end])
}
