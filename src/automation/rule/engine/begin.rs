//! How a run begins and ends: conditions, modes, and the limits on how often.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;

use super::call::TRANSITION;
use super::judge::Judge;
use super::run::Run;
use super::sight::{Vars, given};
use super::trace::{self, Ending, Trace};
use super::{Chain, Effect, LONGEST_CHAIN, MOST_BEGUN, MOST_RUNS, RuleKey, Rules, RunId, Token};
use crate::automation::Moment;
use crate::automation::rule::{Kind, Mode};
use crate::home::value::Value;
use crate::template::Given;

/// Why a run begins.
#[derive(Debug, Clone)]
pub(super) struct Cause {
    /// The number of the trigger.
    pub(super) trigger: Option<usize>,
    /// What is known of it: `trigger` in templates.
    pub(super) told: Vec<(Arc<str>, Given)>,
    /// In plain English.
    pub(super) text: String,
    /// Rules that led to this one.
    pub(super) chain: Chain,
    pub(super) skips_conditions: bool,
    /// Values that whoever asked for it gave.
    pub(super) given: Vec<(Arc<str>, Value)>,
    /// Who waits for its end.
    pub(super) parent: Option<Token>,
}

impl Cause {
    pub(super) fn new(text: &str) -> Self {
        Self {
            trigger: None,
            told: Vec::new(),
            text: text.to_owned(),
            chain: Chain::default(),
            skips_conditions: false,
            given: Vec::new(),
            parent: None,
        }
    }
}

impl Rules {
    /// Begins a rule, if it may. `None` if it does not run.
    pub(super) fn begin(&mut self, key: &RuleKey, cause: Cause, now: Moment) -> Option<RunId> {
        let standing = self.rules.get_mut(key)?;
        let rule = Arc::clone(&standing.rule);
        let own = Arc::clone(&standing.entity);
        let run = self.next_run();
        let mut trace = Trace::new(run, now.wall, &cause.text);
        if !rule.is_armed() {
            let why = "parts of it are not supported".to_owned();
            return self.leave_out(key, trace, Ending::Failed(why), now);
        }
        if cause.chain.len() >= LONGEST_CHAIN {
            let mut names: Vec<&str> = cause.chain.iter().map(RuleKey::as_str).collect();
            names.push(key.as_str());
            let last = names.len().saturating_sub(6);
            let why = names.get(last..).unwrap_or_default().join(" → ");
            let text = format!("automations begin each other round and round, stopped: {why}");
            self.effects.push_back(Effect::Warn { rule: key.clone(), text });
            return self.leave_out(key, trace, Ending::Loop(why), now);
        }
        if !self.count_begun(key, now) {
            return self.leave_out(key, trace, Ending::TooOften, now);
        }
        let sight = self.sight(now);
        let mut vars: Vars = BTreeMap::new();
        let mut fault = sight.define(&rule.trigger_variables, &mut vars).err();
        if let Some(record) = sight.record(&own) {
            vars.insert("this".into(), Given::state(sight.told(&own, &record)));
        }
        let trigger = cause.trigger.and_then(|n| rule.triggers.get(n));
        vars.insert("trigger".into(), Given::map(cause.told.clone()));
        vars.extend(cause.given.iter().map(|(name, value)| (Arc::clone(name), given(value))));
        if let Some(trigger) = trigger {
            fault = fault.or_else(|| sight.define(&trigger.variables, &mut vars).err());
        }
        let is_given = |name: &Arc<str>| cause.given.iter().any(|(known, _)| known == name);
        for (name, expr) in rule.variables.iter().filter(|(name, _)| !is_given(name)) {
            match sight.value(expr, &vars) {
                Ok(value) => drop(vars.insert(Arc::clone(name), given(&value))),
                Err(why) => fault = fault.or(Some(format!("variable `{name}`: {why}"))),
            }
        }
        if let Some(why) = fault {
            return self.leave_out(key, trace, Ending::Failed(why), now);
        }
        let id = trigger.map(|trigger| Arc::clone(&trigger.id)).unwrap_or_default();
        if !cause.skips_conditions {
            let judge = Judge { sight: &sight, vars: &vars, trigger: &id };
            let mut holds = true;
            for (n, condition) in rule.conditions.iter().enumerate() {
                if !condition.is_enabled {
                    continue;
                }
                let held = judge.holds(condition);
                let result = match &held {
                    Ok(true) => "true",
                    Ok(false) => "false",
                    Err(why) => why,
                };
                trace.note(format!("condition/{n}"), now.wall, condition.kind.word(), result);
                if held != Ok(true) {
                    holds = false;
                    break;
                }
            }
            if !holds {
                return self.leave_out(key, trace, Ending::Conditions, now);
            }
        }
        let running = self.rules.get(key).map(|standing| standing.runs.len()).unwrap_or_default();
        let is_full = self.runs.len() >= MOST_RUNS;
        let may_run = match rule.mode {
            Mode::Single => running == 0,
            Mode::Restart => true,
            Mode::Queued | Mode::Parallel => running < rule.max,
        };
        if !may_run || is_full {
            return self.leave_out(key, trace, Ending::AlreadyRunning, now);
        }
        if rule.mode == Mode::Restart {
            self.cancel_runs(key, "it began anew", now);
        }
        let waits = rule.mode == Mode::Queued && running > 0;
        if waits {
            trace.ending = Ending::Queued;
        }
        let chain = cause.chain.iter().cloned().chain([key.clone()]).collect();
        let mut started = Run::new(run, rule, chain, trace, id, vars);
        started.parent = cause.parent;
        if key.kind() == Kind::Scene {
            let said = cause.given.into_iter().find(|(name, _)| &**name == TRANSITION);
            started.transition = said.map(|(_, seconds)| seconds);
        }
        self.runs.insert(run, started);
        let standing = self.rules.get_mut(key)?;
        standing.runs.push(run);
        standing.last_triggered = Some(now.wall);
        self.effects.push_back(Effect::Show(key.clone()));
        if !waits {
            self.ready.push_back(Token { run, fiber: Run::FIRST });
        }
        Some(run)
    }

    /// Keeps the trace of what did not begin.
    fn leave_out(
        &mut self,
        key: &RuleKey,
        mut trace: Trace,
        ending: Ending,
        now: Moment,
    ) -> Option<RunId> {
        trace.end(ending, now.wall);
        let standing = self.rules.get_mut(key)?;
        trace::keep(&mut standing.traces, trace);
        None
    }

    /// Notes that the time of a trigger was long over.
    pub(super) fn missed(&mut self, key: &RuleKey, text: &str, now: Moment) {
        let run = self.next_run();
        let trace = Trace::new(run, now.wall, text);
        self.leave_out(key, trace, Ending::Missed, now);
        let text = format!("not done, as its time is long over: {text}");
        self.effects.push_back(Effect::Warn { rule: key.clone(), text });
    }

    /// Counts a beginning; false if there were too many within a minute.
    fn count_begun(&mut self, key: &RuleKey, now: Moment) -> bool {
        let Some(standing) = self.rules.get_mut(key) else { return false };
        let (since, n) = &mut standing.begun;
        if now.steady.saturating_sub(*since) >= SignedDuration::from_mins(1) {
            (*since, *n) = (now.steady, 0);
        }
        *n = n.saturating_add(1);
        let n = *n;
        if n == MOST_BEGUN + 1 {
            let text =
                format!("it begins more than {MOST_BEGUN} times a minute; the rest is left out");
            self.effects.push_back(Effect::Warn { rule: key.clone(), text });
        }
        n <= MOST_BEGUN
    }

    /// A run has ended: its trace is kept, the next of its queue begins, and who waited goes on.
    pub(super) fn end_run(&mut self, run: RunId, ending: Ending, now: Moment) {
        let Some(mut ended) = self.runs.remove(&run) else { return };
        for fiber in ended.take_fibers() {
            self.end_wait(fiber);
        }
        let key = ended.rule.key.clone();
        if let Ending::Failed(why) = &ending {
            let text = format!("failed: {why}");
            self.effects.push_back(Effect::Warn { rule: key.clone(), text });
        }
        ended.trace.end(ending, now.wall);
        if let Some(standing) = self.rules.get_mut(&key) {
            standing.runs.retain(|known| *known != run);
            trace::keep(&mut standing.traces, ended.trace);
            let next = standing.runs.first().copied();
            if let Some(next) = next
                && let Some(waiting) = self.runs.get_mut(&next)
                && waiting.trace.ending == Ending::Queued
            {
                waiting.trace.ending = Ending::Running;
                self.ready.push_back(Token { run: next, fiber: Run::FIRST });
            }
        }
        self.effects.push_back(Effect::Show(key));
        if let Some(parent) = ended.parent {
            self.called_script_ended(parent);
        }
    }
}
