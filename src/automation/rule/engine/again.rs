//! Steps that are done again and again, and steps that are done at once.

use std::sync::Arc;

use super::run::{Fiber, FiberId, Flow, Frame, Wait};
use super::sight::given;
use super::{Rules, Token};
use crate::automation::Moment;
use crate::automation::rule::step::{Kind, Repeat, Step, Steps};
use crate::home::value::Value;
use crate::template::Given;

/// Sequences at once in one run.
const MOST_FIBERS: usize = 200;

impl Rules {
    pub(super) fn repeat(&mut self, token: Token, now: Moment) -> Flow {
        let sight = self.sight(now);
        let Some(again) = self.fiber(token).and_then(|f| f.stack.last()?.again.as_ref()) else {
            return Flow::Go;
        };
        let (n, total, of) = (again.n, again.total, again.of.clone());
        let Some(Step { kind: Kind::Repeat { how, .. }, .. }) = of.0.get(of.1) else {
            return Flow::Go;
        };
        let goes_on = match how {
            Repeat::Count(_) | Repeat::ForEach(_) => total.is_some_and(|total| n < total),
            Repeat::While(conditions) => {
                self.set_repeat(token, n + 1);
                self.all_hold(token, conditions, &sight) == Ok(true)
            }
            Repeat::Until(conditions) => {
                n == 0 || self.all_hold(token, conditions, &sight) == Ok(false)
            }
        };
        if goes_on {
            self.set_repeat(token, n + 1);
        }
        let Some(fiber) = self.fiber_mut(token) else { return Flow::Go };
        if goes_on {
            if let Some(frame) = fiber.stack.last_mut() {
                frame.at = 0;
                if let Some(again) = &mut frame.again {
                    again.n += 1;
                }
            }
        } else if let Some(Frame { again: Some(again), .. }) = fiber.stack.pop() {
            match again.outer {
                Some(outer) => drop(fiber.vars.insert("repeat".into(), outer)),
                None => drop(fiber.vars.remove("repeat")),
            }
        }
        Flow::Go
    }

    /// `repeat` in templates, in its nth round.
    pub(super) fn set_repeat(&mut self, token: Token, n: usize) {
        let Some(fiber) = self.fiber_mut(token) else { return };
        let Some(again) = fiber.stack.last().and_then(|frame| frame.again.as_ref()) else { return };
        let mut repeat: Vec<(Arc<str>, Given)> = vec![
            ("first".into(), given(&Value::Bool(n == 1))),
            ("index".into(), given(&Value::Int(i64::try_from(n).unwrap_or(i64::MAX)))),
        ];
        if let Some(total) = again.total {
            repeat.push(("last".into(), given(&Value::Bool(n == total))));
        }
        if let Some(item) = n.checked_sub(1).and_then(|n| again.items.get(n)) {
            repeat.push(("item".into(), given(item)));
        }
        let repeat = Given::map(repeat);
        fiber.vars.insert("repeat".into(), repeat);
    }

    pub(super) fn fork(&mut self, token: Token, all: &[Steps], path: &str) -> Result<Flow, String> {
        let run = self.runs.get_mut(&token.run).ok_or("the run has ended")?;
        if run.fibers.len() + all.len() > MOST_FIBERS {
            return Err(format!("more than {MOST_FIBERS} sequences at once"));
        }
        let fiber = run.fibers.get_mut(&token.fiber).ok_or("the run has ended")?;
        if all.is_empty() {
            return Ok(Flow::Go);
        }
        fiber.wait = Wait::Join(all.len());
        let vars = fiber.vars.clone();
        for (n, steps) in all.iter().enumerate() {
            run.last_fiber += 1;
            let id = FiberId(run.last_fiber);
            let stack = vec![Frame::new(steps, format!("{path}/parallel/{n}/sequence"))];
            let parent = Some(token.fiber);
            run.fibers.insert(id, Fiber { stack, vars: vars.clone(), wait: Wait::No, parent });
            self.ready.push_back(Token { run: token.run, fiber: id });
        }
        Ok(Flow::Wait)
    }
}
