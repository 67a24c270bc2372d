//! What each kind of step does.

use std::sync::Arc;

use super::heard::Heard;
use super::run::{Again, Flow, Frame};
use super::sight::Sight;
use super::trace::Ending;
use super::{Effect, Rules, Token};
use crate::automation::Moment;
use crate::automation::rule::step::{Kind, Repeat, Step, Steps};
use crate::automation::rule::trigger::{self, Trigger};
use crate::automation::rule::{Expr, native};
use crate::home::value::Value;

/// Items of a `for_each`.
const MOST_ITEMS: usize = 10_000;

impl Rules {
    pub(super) fn do_step(
        &mut self,
        token: Token,
        of: (&Steps, usize),
        step: &Step,
        path: &str,
        sight: &Sight,
        now: Moment,
    ) -> Result<Flow, String> {
        let word = step.kind.word();
        let note = |rules: &mut Self, result: &str| {
            rules.note(token, path.to_owned(), word, result, now);
        };
        Ok(match &step.kind {
            Kind::Call(call) => self.call(token, call, step, path, sight, now)?,
            Kind::Delay(length) => {
                let value = self.value(token, length, sight)?;
                let length = native::length(&value, false)
                    .ok_or_else(|| format!("not a length of time: {value:?}"))?;
                note(self, &format!("{length:#}"));
                self.wait_until(token, now.steady.saturating_add(length))
            }
            Kind::WaitTemplate { template, limit } => {
                let vars = self.fiber(token).map(|fiber| fiber.vars.clone()).unwrap_or_default();
                let is_true = native::is_true(&sight.template(template, &vars)?);
                let kind = trigger::Kind::Template { template: template.clone(), length: None };
                let trigger = Trigger {
                    id: "".into(),
                    alias: None,
                    is_enabled: true,
                    variables: Vec::new(),
                    kind,
                };
                let timeout = self.timeout(token, limit, sight)?;
                if is_true {
                    note(self, "true already");
                    self.set_wait(token, true, None, timeout, true);
                    return Ok(Flow::Go);
                }
                note(self, "waiting");
                self.wait_for(token, &Arc::from([trigger]), true, (limit, timeout), vars, now)
            }
            Kind::WaitFor { triggers, limit } => {
                let vars = self.fiber(token).map(|fiber| fiber.vars.clone()).unwrap_or_default();
                let timeout = self.timeout(token, limit, sight)?;
                note(self, "waiting");
                self.wait_for(token, triggers, false, (limit, timeout), vars, now)
            }
            Kind::Condition(condition) => {
                let held = self.all_hold(token, std::slice::from_ref(condition), sight);
                let what = condition.kind.word();
                let result = match &held {
                    Ok(true) => "true",
                    Ok(false) => "false",
                    Err(why) => why,
                };
                self.note(token, path.to_owned(), what, result, now);
                if held == Ok(true) { Flow::Go } else { Flow::Leave }
            }
            Kind::Choose { options, default } => {
                for (n, (conditions, steps)) in options.iter().enumerate() {
                    match self.all_hold(token, conditions, sight) {
                        Ok(true) => {
                            note(self, &format!("option {n}"));
                            let path = format!("{path}/choose/{n}/sequence");
                            return Ok(self.push(token, Frame::new(steps, path)));
                        }
                        Ok(false) => {}
                        Err(why) => note(self, &format!("option {n}: {why}")),
                    }
                }
                note(self, if default.is_some() { "default" } else { "none" });
                match default {
                    Some(steps) => self.push(token, Frame::new(steps, format!("{path}/default"))),
                    None => Flow::Go,
                }
            }
            Kind::If { conditions, then, otherwise } => {
                let held = self.all_hold(token, conditions, sight);
                if let Err(why) = &held {
                    note(self, why);
                }
                let (steps, word) = if held == Ok(true) {
                    (Some(then), "then")
                } else {
                    (otherwise.as_ref(), "else")
                };
                note(self, word);
                match steps {
                    Some(steps) => self.push(token, Frame::new(steps, format!("{path}/{word}"))),
                    None => Flow::Go,
                }
            }
            Kind::Repeat { how, steps } => {
                let (mut total, mut items) = (None, Vec::new());
                match how {
                    Repeat::Count(count) => {
                        let value = self.value(token, count, sight)?;
                        let count = native::number(&value).filter(|count| *count < 1e9);
                        let count = count.ok_or_else(|| format!("not a number: {value:?}"))?;
                        total = Some(count.max(0.0) as usize);
                    }
                    Repeat::ForEach(list) => match self.value(token, list, sight)? {
                        Value::List(list) if list.len() <= MOST_ITEMS => {
                            total = Some(list.len());
                            items = list;
                        }
                        _ => {
                            return Err(format!(
                                "`for_each` must be a list, of {MOST_ITEMS} at most"
                            ));
                        }
                    },
                    Repeat::While(_) | Repeat::Until(_) => {}
                }
                note(self, &total.map_or("begins".to_owned(), |total| format!("{total} times")));
                let outer = self.fiber(token).and_then(|fiber| fiber.vars.get("repeat").cloned());
                let of = (Arc::clone(of.0), of.1);
                let mut frame = Frame::new(steps, format!("{path}/repeat/sequence"));
                frame.at = frame.steps.len();
                frame.again = Some(Again { of, n: 0, total, items, outer });
                self.push(token, frame)
            }
            Kind::Parallel(all) => {
                note(self, &format!("{} at once", all.len()));
                self.fork(token, all, path)?
            }
            Kind::Sequence(steps) => {
                self.push(token, Frame::new(steps, format!("{path}/sequence")))
            }
            Kind::Stop { text, is_error } => {
                let text = self.value(token, text, sight)?;
                let text = native::word(&text).unwrap_or_default().to_string();
                note(self, &text);
                Flow::End(if *is_error { Ending::Failed(text) } else { Ending::Stopped(text) })
            }
            Kind::Fire { name, data } => {
                let data = self.value(token, &Expr::Map(data.clone()), sight)?;
                note(self, name);
                let Some(run) = self.runs.get(&token.run) else { return Ok(Flow::Wait) };
                let (by, chain) = (run.rule.key.clone(), Arc::clone(&run.chain));
                let effect = Effect::Fire { name: Arc::clone(name), data: data.clone(), by };
                self.effects.push_back(effect);
                self.heard_all(&Heard::Event { name, data: &data }, &chain, now);
                Flow::Go
            }
            Kind::Variables(named) => {
                let Some(fiber) = self.fiber_mut(token) else { return Ok(Flow::Wait) };
                let mut vars = std::mem::take(&mut fiber.vars);
                let defined = sight.define(named, &mut vars);
                if let Some(fiber) = self.fiber_mut(token) {
                    fiber.vars = vars;
                }
                defined?;
                let names: Vec<&str> = named.iter().map(|(name, _)| &**name).collect();
                note(self, &names.join(", "));
                Flow::Go
            }
            Kind::Never => return Err("not supported".to_owned()),
        })
    }
}
