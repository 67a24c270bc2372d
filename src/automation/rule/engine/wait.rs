//! Delays and waiting for what happens, with a limit or without.

use std::sync::Arc;

use jiff::SignedDuration;

use super::run::{Flow, Run, Wait};
use super::sight::{Sight, Vars, given};
use super::trace::Ending;
use super::watch::Owner;
use super::wheel::Key;
use super::{Rules, Token};
use crate::automation::Moment;
use crate::automation::rule::native;
use crate::automation::rule::step::Limit;
use crate::automation::rule::trigger::Trigger;
use crate::home::value::Value;
use crate::template::Given;

impl Rules {
    pub(super) fn wait_until(&mut self, token: Token, at: SignedDuration) -> Flow {
        let timer = self.wheel.steady(at, Key::Run(token.run, token.fiber));
        if let Some(fiber) = self.fiber_mut(token) {
            fiber.wait = Wait::Time(timer);
        }
        Flow::Wait
    }

    pub(super) fn timeout(
        &self,
        token: Token,
        limit: &Limit,
        sight: &Sight,
    ) -> Result<Option<SignedDuration>, String> {
        let Some(timeout) = &limit.timeout else { return Ok(None) };
        let value = self.value(token, timeout, sight)?;
        let timeout = native::length(&value, false);
        timeout.map(Some).ok_or_else(|| format!("not a length of time: {value:?}"))
    }

    pub(super) fn wait_for(
        &mut self,
        token: Token,
        triggers: &Arc<[Trigger]>,
        is_template: bool,
        (limit, timeout): (&Limit, Option<SignedDuration>),
        vars: Vars,
        now: Moment,
    ) -> Flow {
        let owner = || if is_template { Owner::Until(token) } else { Owner::Run(token) };
        let watches = self.watch_all(triggers, owner, Some(Arc::new(vars)), now);
        let timer = timeout.map(|timeout| {
            let at = now.steady.saturating_add(timeout);
            self.wheel.steady(at, Key::Run(token.run, token.fiber))
        });
        if let Some(fiber) = self.fiber_mut(token) {
            fiber.wait = Wait::Trigger { watches, timer, limit: limit.goes_on, is_template };
        }
        Flow::Wait
    }

    /// `wait` in templates.
    pub(super) fn set_wait(
        &mut self,
        token: Token,
        completed: bool,
        trigger: Option<Vec<(Arc<str>, Given)>>,
        left: Option<SignedDuration>,
        is_template: bool,
    ) {
        let left = left.map(|left| Value::Float(left.as_secs_f64()));
        let mut wait: Vec<(Arc<str>, Given)> = vec![
            ("completed".into(), given(&Value::Bool(completed))),
            ("remaining".into(), given(&left.unwrap_or_default())),
        ];
        if !is_template {
            let trigger = trigger.map_or_else(|| given(&Value::Null), Given::map);
            wait.push(("trigger".into(), trigger));
        }
        if let Some(fiber) = self.fiber_mut(token) {
            fiber.vars.insert("wait".into(), Given::map(wait));
        }
    }

    /// What a sequence waited for has happened.
    pub(super) fn happened(
        &mut self,
        token: Token,
        trigger: Option<Vec<(Arc<str>, Given)>>,
        now: Moment,
    ) {
        self.end_waiting(token, true, trigger, now);
    }

    /// A delay is over, or nobody waits any longer.
    pub(super) fn waited_long_enough(&mut self, token: Token, now: Moment) {
        let Some(fiber) = self.fiber_mut(token) else { return };
        match &fiber.wait {
            Wait::Time(_) => self.ready.push_back(token),
            Wait::Trigger { .. } => self.end_waiting(token, false, None, now),
            Wait::No | Wait::Call { .. } | Wait::Join(_) => {}
        }
    }

    pub(super) fn end_waiting(
        &mut self,
        token: Token,
        completed: bool,
        trigger: Option<Vec<(Arc<str>, Given)>>,
        now: Moment,
    ) {
        let Some(fiber) = self.fiber_mut(token) else { return };
        let Wait::Trigger { .. } = &fiber.wait else { return };
        let Wait::Trigger { watches, timer, limit, is_template } =
            std::mem::replace(&mut fiber.wait, Wait::No)
        else {
            return;
        };
        for watch in watches {
            self.unwatch(watch);
        }
        let left = timer.map(|timer| {
            let left = self.wheel.left(timer, now);
            self.wheel.cancel(timer);
            left.unwrap_or_default()
        });
        self.set_wait(token, completed, trigger, left, is_template);
        let path = self.runs.get(&token.run).map(Run::where_it_is).unwrap_or_default();
        let result = if completed { "happened" } else { "timed out" };
        self.note(token, path, "wait", result, now);
        if completed || limit {
            self.ready.push_back(token);
        } else {
            self.end_fiber(token, Some(Ending::Aborted), now);
        }
    }
}
