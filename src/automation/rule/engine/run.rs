//! One run of a rule: where it is in its steps, what it knows, and for what it waits. A plain
//! value: a run goes on when the engine says so.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;

use super::judge::Judge;
use super::sight::{Sight, Vars};
use super::trace::{Ending, Trace};
use super::wheel::TimerId;
use super::{Chain, Rules, RunId, Token, WatchId};
use crate::automation::Moment;
use crate::automation::rule::condition::Condition;
use crate::automation::rule::step::{Step, Steps};
use crate::automation::rule::{Expr, Kind as RuleKind, Rule, native};
use crate::home::value::Value;
use crate::template::Given;

/// Steps that a run does without time passing; more are a mistake.
const MOST_AT_ONCE: usize = 10_000;

/// One sequence of a run, of which there are several in `parallel`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FiberId(pub(super) u32);

#[derive(Debug)]
pub(super) struct Run {
    pub(super) rule: Arc<Rule>,
    /// The rules that led here, this one last.
    pub(super) chain: Chain,
    pub(super) trace: Trace,
    /// Who waits for its end.
    pub(super) parent: Option<Token>,
    /// The id of the trigger.
    trigger: Arc<str>,
    pub(super) fibers: BTreeMap<FiberId, Fiber>,
    pub(super) last_fiber: u32,
    /// How many seconds the lamps of a scene take, where whoever applied it said so.
    pub(super) transition: Option<Value>,
    /// Since when no time has passed, and how many steps were done in it.
    at_once: (SignedDuration, usize),
    /// How it ends when the sequences beside the one that ended it have ended too.
    ending: Option<Ending>,
}

#[derive(Debug)]
pub(super) struct Fiber {
    pub(super) stack: Vec<Frame>,
    pub(super) vars: Vars,
    pub(super) wait: Wait,
    pub(super) parent: Option<FiberId>,
}

/// A sequence of steps, and the next of it.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) steps: Steps,
    pub(super) at: usize,
    pub(super) path: Arc<str>,
    pub(super) again: Option<Again>,
}

/// A sequence that is repeated.
#[derive(Debug)]
pub(super) struct Again {
    /// The step that says how often.
    pub(super) of: (Steps, usize),
    pub(super) n: usize,
    pub(super) total: Option<usize>,
    pub(super) items: Vec<Value>,
    /// What `repeat` was outside of it.
    pub(super) outer: Option<Given>,
}

#[derive(Debug)]
pub(super) enum Wait {
    No,
    Time(TimerId),
    Trigger { watches: Vec<WatchId>, timer: Option<TimerId>, limit: bool, is_template: bool },
    Call { step: Option<usize>, survives: bool },
    Join(usize),
}

/// What a step comes to.
pub(super) enum Flow {
    Go,
    Wait,
    /// The rest of the sequence is left out.
    Leave,
    End(Ending),
}

impl Run {
    /// The sequence that a run begins with.
    pub(super) const FIRST: FiberId = FiberId(0);

    pub(super) fn new(
        _: RunId,
        rule: Arc<Rule>,
        chain: Chain,
        trace: Trace,
        trigger: Arc<str>,
        vars: Vars,
    ) -> Self {
        let path = match rule.key.kind() {
            RuleKind::Automation => "action",
            RuleKind::Script => "sequence",
            RuleKind::Scene => "entities",
        };
        let frame = Frame { steps: Arc::clone(&rule.steps), at: 0, path: path.into(), again: None };
        let fiber = Fiber { stack: vec![frame], vars, wait: Wait::No, parent: None };
        Self {
            rule,
            chain,
            trace,
            parent: None,
            trigger,
            fibers: BTreeMap::from([(Self::FIRST, fiber)]),
            last_fiber: 0,
            transition: None,
            at_once: (SignedDuration::MIN, 0),
            ending: None,
        }
    }

    pub(super) fn take_fibers(&mut self) -> Vec<Fiber> {
        std::mem::take(&mut self.fibers).into_values().collect()
    }

    /// At which step it is, in plain English.
    pub(super) fn where_it_is(&self) -> String {
        if self.trace.ending == Ending::Queued {
            return "waiting in the queue".to_owned();
        }
        let place = |fiber: &Fiber| {
            let frame = fiber.stack.last()?;
            let n = frame.at.checked_sub(1)?;
            let step = frame.steps.get(n)?;
            Some(format!("{} at {}/{n}", step.kind.word(), frame.path))
        };
        let places: Vec<String> = self.fibers.values().filter_map(place).collect();
        places.join(", ")
    }

    /// Counts a step; false if there were too many without time passing.
    fn may_go_on(&mut self, now: Moment) -> bool {
        if self.at_once.0 != now.steady {
            self.at_once = (now.steady, 0);
        }
        self.at_once.1 += 1;
        self.at_once.1 <= MOST_AT_ONCE
    }
}

impl Frame {
    pub(super) fn new(steps: &Steps, path: String) -> Self {
        Self { steps: Arc::clone(steps), at: 0, path: path.into(), again: None }
    }
}

impl Rules {
    pub(super) fn fiber(&self, token: Token) -> Option<&Fiber> {
        self.runs.get(&token.run)?.fibers.get(&token.fiber)
    }

    pub(super) fn fiber_mut(&mut self, token: Token) -> Option<&mut Fiber> {
        self.runs.get_mut(&token.run)?.fibers.get_mut(&token.fiber)
    }

    /// Goes on with a sequence until it waits or ends.
    pub(super) fn advance(&mut self, token: Token, now: Moment) {
        loop {
            let Some(run) = self.runs.get_mut(&token.run) else { return };
            if !run.may_go_on(now) {
                let why = format!("more than {MOST_AT_ONCE} steps without waiting");
                return self.end_run(token.run, Ending::Failed(why), now);
            }
            let Some(fiber) = run.fibers.get_mut(&token.fiber) else { return };
            fiber.wait = Wait::No;
            let Some(frame) = fiber.stack.last_mut() else {
                return self.end_fiber(token, None, now);
            };
            let flow = if frame.at < frame.steps.len() {
                let (steps, at) = (Arc::clone(&frame.steps), frame.at);
                frame.at += 1;
                let path = format!("{}/{at}", frame.path);
                self.step(token, &steps, at, path, now)
            } else if frame.again.is_some() {
                self.repeat(token, now)
            } else {
                fiber.stack.pop();
                Flow::Go
            };
            match flow {
                Flow::Go => {}
                Flow::Wait => return,
                Flow::Leave => {
                    let Some(fiber) = self.fiber_mut(token) else { return };
                    let is_outermost = fiber.stack.len() == 1 && fiber.parent.is_none();
                    if let Some(frame) = fiber.stack.last_mut() {
                        frame.at = frame.steps.len();
                    }
                    if is_outermost {
                        return self.end_fiber(token, Some(Ending::Aborted), now);
                    }
                }
                Flow::End(ending) => return self.end_fiber(token, Some(ending), now),
            }
        }
    }

    /// A sequence has ended; without `ending` as it should.
    pub(super) fn end_fiber(&mut self, token: Token, ending: Option<Ending>, now: Moment) {
        let Some(run) = self.runs.get_mut(&token.run) else { return };
        let Some(parent) = run.fibers.get(&token.fiber).and_then(|fiber| fiber.parent) else {
            return self.end_run(token.run, ending.unwrap_or(Ending::Finished), now);
        };
        run.fibers.remove(&token.fiber);
        if run.ending.is_none() {
            run.ending = ending;
        }
        let Some(Fiber { wait: Wait::Join(left), .. }) = run.fibers.get_mut(&parent) else {
            return;
        };
        *left = left.saturating_sub(1);
        if *left > 0 {
            return;
        }
        let parent = Token { run: token.run, fiber: parent };
        match run.ending.take() {
            Some(ending) => self.end_fiber(parent, Some(ending), now),
            None => self.ready.push_back(parent),
        }
    }

    /// Nobody waits for this any more.
    pub(super) fn end_wait(&mut self, fiber: Fiber) {
        match fiber.wait {
            Wait::Time(timer) => self.wheel.cancel(timer),
            Wait::Trigger { watches, timer, .. } => {
                watches.into_iter().for_each(|watch| self.unwatch(watch));
                if let Some(timer) = timer {
                    self.wheel.cancel(timer);
                }
            }
            Wait::No | Wait::Call { .. } | Wait::Join(_) => {}
        }
    }

    pub(super) fn note(
        &mut self,
        token: Token,
        path: String,
        what: &str,
        result: &str,
        now: Moment,
    ) -> Option<usize> {
        self.runs.get_mut(&token.run)?.trace.note(path, now.wall, what, result)
    }

    pub(super) fn all_hold(
        &self,
        token: Token,
        conditions: &[Condition],
        sight: &Sight,
    ) -> Result<bool, String> {
        let run = self.runs.get(&token.run).ok_or("the run has ended")?;
        let fiber = run.fibers.get(&token.fiber).ok_or("the run has ended")?;
        Judge { sight, vars: &fiber.vars, trigger: &run.trigger }.all(conditions)
    }

    pub(super) fn value(&self, token: Token, expr: &Expr, sight: &Sight) -> Result<Value, String> {
        let fiber = self.fiber(token).ok_or("the run has ended")?;
        sight.value(expr, &fiber.vars)
    }

    pub(super) fn push(&mut self, token: Token, frame: Frame) -> Flow {
        if let Some(fiber) = self.fiber_mut(token) {
            fiber.stack.push(frame);
        }
        Flow::Go
    }

    pub(super) fn step(
        &mut self,
        token: Token,
        steps: &Steps,
        at: usize,
        path: String,
        now: Moment,
    ) -> Flow {
        let Some(step) = steps.get(at) else { return Flow::Go };
        let sight = self.sight(now);
        match self.value(token, &step.enabled, &sight) {
            Ok(enabled) if native::truth(&enabled) == Some(false) => {
                self.note(token, path, step.kind.word(), "switched off", now);
                return Flow::Go;
            }
            Ok(_) => {}
            Err(why) => return self.fail(token, path, step, why, now),
        }
        match self.do_step(token, (steps, at), step, &path, &sight, now) {
            Ok(flow) => flow,
            Err(why) => self.fail(token, path, step, why, now),
        }
    }

    pub(super) fn fail(
        &mut self,
        token: Token,
        path: String,
        step: &Step,
        why: String,
        now: Moment,
    ) -> Flow {
        self.note(token, path.clone(), step.kind.word(), &format!("failed: {why}"), now);
        Flow::End(Ending::Failed(format!("{path}: {why}")))
    }
}
