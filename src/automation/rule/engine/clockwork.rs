//! Triggers by the clock on the wall: when they come next, and what becomes of them when it is set.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::begin::Cause;
use super::judge::{self, Said};
use super::sight::{Sight, given};
use super::watch::Owner;
use super::wheel::Key;
use super::{Rules, WatchId};
use crate::automation::Moment;
use crate::automation::rule::pattern::Pattern;
use crate::automation::rule::trigger::{At, Kind};
use crate::home::rhythm::Days;
use crate::home::value::Value;
use crate::template::Given;

/// What was missed longer ago is nobody's business any more.
const LONGEST_OFF: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Rules {
    /// Sets the timer of a time trigger for its next time after this.
    pub(super) fn set_timer(&mut self, id: WatchId, after: Timestamp, now: Moment) {
        let sight = self.sight(now);
        let Some(watch) = self.watches.get_mut(&id) else { return };
        if let Some(timer) = watch.timer.take() {
            self.wheel.cancel(timer);
        }
        let next = watch.trigger().and_then(|trigger| next_time(&trigger.kind, after, &sight));
        watch.timer = next.map(|next| self.wheel.wall(next, Key::At(id)));
    }

    /// The time of a trigger has come.
    pub(super) fn time_has_come(&mut self, id: WatchId, at: Timestamp, is_late: bool, now: Moment) {
        let sight = self.sight(now);
        let Some(watch) = self.watches.get_mut(&id) else { return };
        watch.timer = None;
        watch.last_at = Some(at);
        let Some(trigger) = watch.trigger() else { return };
        let kind = &trigger.kind;
        let shown = sight.zoned(at).strftime("%Y-%m-%d %H:%M:%S").to_string();
        let text = match kind {
            Kind::Sun { is_rise: true, .. } => format!("sunrise, {shown}"),
            Kind::Sun { .. } => format!("sunset, {shown}"),
            _ => format!("time {shown}"),
        };
        let mut more = vec![
            ("now", Given::moment(sight.zoned(now.wall))),
            ("description", given(&Value::from(text.as_str()))),
        ];
        if let Kind::Sun { is_rise, offset_s } = kind {
            more.push(("event", given(&Value::from(if *is_rise { "sunrise" } else { "sunset" }))));
            more.push(("offset", given(&Value::Float(*offset_s))));
        }
        // What comes again within the hour is not missed by anybody.
        let is_told = !matches!(kind, Kind::Pattern(_));
        let cause = Cause { trigger: Some(watch.n), told: watch.told(more), ..Cause::new(&text) };
        let owner = watch.owner.clone();
        self.set_timer(id, now.wall.max(at), now);
        match (is_late, owner) {
            (false, _) => self.fire(id, cause, now),
            (true, Owner::Rule(key)) if is_told => self.missed(&key, &text, now),
            (true, _) => {}
        }
    }

    /// Whether the time has come for something.
    pub fn is_due(&self, now: Moment) -> bool {
        self.next_steady().is_some_and(|at| at <= now.steady)
            || self.next_wall().is_some_and(|at| at <= now.wall)
    }

    /// Homard was off since then: times of rules that came meanwhile are told, one for each trigger.
    /// They are not made up for: the house is another by now.
    pub fn was_off(&mut self, since: Timestamp, now: Moment) {
        if now.wall.as_second() < super::UNSET_BEFORE {
            return;
        }
        let since = now.wall.checked_sub(LONGEST_OFF).map_or(since, |first| since.max(first));
        let sight = self.sight(now);
        let mut missed = Vec::new();
        for watch in self.watches.values() {
            let Owner::Rule(key) = &watch.owner else { continue };
            let Some(trigger) = watch.trigger() else { continue };
            if !matches!(trigger.kind, Kind::Time { .. } | Kind::Sun { .. }) {
                continue;
            }
            if let Some(at) = next_time(&trigger.kind, since, &sight).filter(|at| *at <= now.wall) {
                let shown = sight.zoned(at).strftime("%Y-%m-%d %H:%M:%S");
                missed.push((key.clone(), format!("time {shown}, while Homard was off")));
            }
        }
        for (key, text) in missed {
            self.missed(&key, &text, now);
        }
    }

    /// The wall clock was set, or the house has another one: all times are looked for anew.
    pub(super) fn look_at_clock_again(&mut self, now: Moment, is_first_set: bool) {
        let day = SignedDuration::from_hours(24);
        let ids: Vec<WatchId> = self.watches.keys().copied().collect();
        for id in ids {
            let Some(watch) = self.watches.get(&id) else { continue };
            let triggers = Arc::clone(&watch.triggers);
            let Some(trigger) = triggers.get(watch.n) else { continue };
            match &trigger.kind {
                Kind::Time { .. } | Kind::Sun { .. } => {
                    // A clock that was put back brings no time a second time.
                    let had = watch.last_at.filter(|at| {
                        !is_first_set && *at > now.wall && at.duration_since(now.wall) < day
                    });
                    self.set_timer(id, had.unwrap_or(now.wall), now);
                }
                Kind::Pattern(_) => self.set_timer(id, now.wall, now),
                Kind::Template { template, .. } => self.set_minute(id, template, now),
                Kind::State(_)
                | Kind::Numeric(_)
                | Kind::Event { .. }
                | Kind::Device(_)
                | Kind::Topic(_)
                | Kind::Tag { .. }
                | Kind::Start
                | Kind::Never => {}
            }
        }
    }
}

/// When a time trigger's time comes next.
fn next_time(kind: &Kind, after: Timestamp, sight: &Sight) -> Option<Timestamp> {
    let zone = &sight.calendar.zone;
    match kind {
        Kind::Time { at, days } => at
            .iter()
            .filter_map(|at| match at {
                At::Clock(second) => Pattern::once(*second, *days).next(after, zone),
                At::Entity { id, offset_s } => {
                    let record = sight.record(id)?;
                    let offset = SignedDuration::from_secs_f64(*offset_s);
                    match judge::said(&record)? {
                        Said::Moment(at) => at.checked_add(offset).ok().filter(|at| *at > after),
                        Said::Clock(second) => {
                            let before = after.checked_sub(offset).ok()?;
                            let next = Pattern::once(second, Days::DAILY).next(before, zone)?;
                            next.checked_add(offset).ok()
                        }
                    }
                }
            })
            .min(),
        Kind::Pattern(pattern) => pattern.next(after, zone),
        Kind::Sun { is_rise, offset_s } => sight.next_sun(*is_rise, *offset_s, after),
        Kind::State(_)
        | Kind::Numeric(_)
        | Kind::Template { .. }
        | Kind::Event { .. }
        | Kind::Device(_)
        | Kind::Topic(_)
        | Kind::Tag { .. }
        | Kind::Start
        | Kind::Never => None,
    }
}
