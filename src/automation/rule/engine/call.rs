//! Service calls: those of automations and scripts are done here, the others are the house's.

use std::sync::Arc;

use super::begin::Cause;
use super::run::{Fiber, Flow, Run, Wait};
use super::sight::Sight;
use super::trace::Ending;
use super::{Chain, Done, Effect, Order, Place, RuleKey, Rules, Token};
use crate::automation::Moment;
use crate::automation::rule::step::{Call, Step};
use crate::automation::rule::{Kind as RuleKind, native};
use crate::home::value::Value;

/// Whose lamps take their time, and the field that says how long.
const LIGHT: &str = "light";
pub(super) const TRANSITION: &str = "transition";

impl Rules {
    pub(super) fn call(
        &mut self,
        token: Token,
        call: &Call,
        step: &Step,
        path: &str,
        sight: &Sight,
        now: Moment,
    ) -> Result<Flow, String> {
        let service = self.value(token, &call.service, sight)?;
        let service = native::word(&service).unwrap_or_default().trim().to_owned();
        let (domain, name) =
            service.split_once('.').ok_or_else(|| format!("`{service}` is no service"))?;
        let mut data: Vec<(Arc<str>, Value)> = Vec::new();
        for expr in [&call.data, &call.target].into_iter().flatten() {
            match self.value(token, expr, sight)? {
                Value::Map(map) => data.extend(map),
                Value::Null => {}
                other => return Err(format!("the fields are no map: {other:?}")),
            }
        }
        if let Some(seconds) = self.runs.get(&token.run).and_then(|run| run.transition.as_ref())
            && domain == LIGHT
        {
            data.push((TRANSITION.into(), seconds.clone()));
        }
        let order = Order { domain: domain.into(), service: name.into(), data };
        let place = self.note(token, path.to_owned(), &service, "called", now);
        let Some(run) = self.runs.get(&token.run) else { return Ok(Flow::Wait) };
        let (by, chain) = (run.rule.key.clone(), Arc::clone(&run.chain));
        if let Some(flow) = self.own_call(token, &order, &chain, now)? {
            return Ok(flow);
        }
        let survives = step.survives_errors;
        if let Some(fiber) = self.fiber_mut(token) {
            fiber.wait = Wait::Call { step: place, survives };
        }
        let place = Place { run: token.run, step: place };
        self.effects.push_back(Effect::Call { token, order, by, place });
        Ok(Flow::Wait)
    }

    /// What became of a call.
    pub(super) fn called(&mut self, token: Token, result: Result<Done, String>, now: Moment) {
        let Some(Fiber { wait: Wait::Call { step, survives }, .. }) = self.fiber(token) else {
            return;
        };
        let (step, survives) = (*step, *survives);
        let text = match &result {
            Ok(done) => done.text.clone(),
            Err(why) => format!("failed: {why}"),
        };
        if let (Some(step), Some(run)) = (step, self.runs.get_mut(&token.run)) {
            run.trace.learn(step, &text);
        }
        match result {
            Err(why) if !survives => {
                let path = self.runs.get(&token.run).map(Run::where_it_is).unwrap_or_default();
                self.end_fiber(token, Some(Ending::Failed(format!("{path}: {why}"))), now);
            }
            Ok(_) | Err(_) => self.ready.push_back(token),
        }
    }

    /// A script that was called has ended: whoever waits goes on.
    pub(super) fn called_script_ended(&mut self, parent: Token) {
        if let Some(Fiber { wait: Wait::Call { .. }, .. }) = self.fiber(parent) {
            self.ready.push_back(parent);
        }
    }

    /// Calls of automations and scripts; `None` for those of the house.
    pub(super) fn own_call(
        &mut self,
        token: Token,
        order: &Order,
        chain: &Chain,
        now: Moment,
    ) -> Result<Option<Flow>, String> {
        let kind = match &*order.domain {
            "automation" => RuleKind::Automation,
            "script" => RuleKind::Script,
            _ => return Ok(None),
        };
        let variables = || match order.data.iter().find(|(name, _)| &**name == "variables") {
            Some((_, Value::Map(map))) => map.clone(),
            _ => Vec::new(),
        };
        if kind == RuleKind::Script
            && let Some(key) = self.key_of(&format!("script.{}", order.service)).cloned()
        {
            // Called by its name, the caller waits for its end; its fields are its variables.
            let cause = Cause {
                given: order.data.clone(),
                chain: Arc::clone(chain),
                parent: Some(token),
                ..Cause::new("called by a rule")
            };
            if let Some(fiber) = self.fiber_mut(token) {
                fiber.wait = Wait::Call { step: None, survives: true };
            }
            return Ok(Some(match self.begin(&key, cause, now) {
                Some(_) => Flow::Wait,
                None => Flow::Go,
            }));
        }
        let flag = |name: &str, default: bool| {
            let found = order.data.iter().find(|(known, _)| &**known == name);
            found.and_then(|(_, value)| native::truth(value)).unwrap_or(default)
        };
        for key in self.meant(kind, order)? {
            let is_on = self.rules.get(&key).is_some_and(|standing| standing.is_on);
            let begins = Cause {
                given: variables(),
                chain: Arc::clone(chain),
                skips_conditions: flag("skip_condition", true),
                ..Cause::new("begun by a rule")
            };
            let is_running = self.rules.get(&key).is_some_and(|s| !s.runs.is_empty());
            match (kind, &*order.service) {
                (RuleKind::Automation, "trigger") | (RuleKind::Script, "turn_on") => {
                    self.begin(&key, begins, now);
                }
                (RuleKind::Script, "toggle") if !is_running => {
                    self.begin(&key, begins, now);
                }
                (RuleKind::Script, "turn_off" | "toggle") => {
                    self.cancel_runs(&key, "it was stopped", now);
                }
                (RuleKind::Automation, "turn_on") => self.turn(&key, true, now),
                (RuleKind::Automation, "toggle") if !is_on => self.turn(&key, true, now),
                (RuleKind::Automation, "turn_off" | "toggle") => {
                    self.turn(&key, false, now);
                    if flag("stop_actions", true) {
                        self.cancel_runs(&key, "it was switched off", now);
                    }
                }
                (_, "reload") => {}
                (_, other) => return Err(format!("there is no `{}.{other}`", order.domain)),
            }
        }
        Ok(Some(Flow::Go))
    }

    /// The rules that a call means.
    pub(super) fn meant(&self, kind: RuleKind, order: &Order) -> Result<Vec<RuleKey>, String> {
        if &*order.service == "reload" {
            return Ok(Vec::new());
        }
        let said = order.data.iter().find(|(name, _)| &**name == "entity_id");
        let ids: Vec<Arc<str>> = match said.map(|(_, value)| value) {
            Some(Value::List(items)) => items.iter().filter_map(native::word).collect(),
            Some(Value::Text(text)) => text.split(',').map(|id| id.trim().into()).collect(),
            _ => return Err(format!("nothing says which {} is meant", kind.word())),
        };
        ids.iter()
            .map(|id| {
                let key = self.key_of(id).filter(|key| key.kind() == kind).cloned();
                key.ok_or_else(|| format!("no {} `{id}`", kind.word()))
            })
            .collect()
    }
}
