//! Timers: started, found by what is said of them, changed, held.

use jiff::SignedDuration;

use super::{Agenda, Asker, Due, Entry, EntryId, Moment, Task, Touched, Unable, when};
use crate::home::id::AreaId;
use crate::text;

/// What was said of a timer.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TimerQuery<'a> {
    /// Its name.
    pub name: Option<&'a str>,
    /// The room in which it was started.
    pub area: Option<&'a AreaId>,
    /// The length with which it was started, in seconds.
    pub started_s: Option<f64>,
}

impl TimerQuery<'_> {
    fn fits(&self, entry: &Entry) -> bool {
        let Task::Timer { name, started_s, .. } = &entry.task else { return false };
        let has_name = |wanted: &str| {
            let wanted = text::key(wanted);
            name.as_ref().is_some_and(|name| text::key(name) == wanted)
        };
        self.name.is_none_or(has_name)
            && self.area.is_none_or(|area| entry.from.area.as_ref() == Some(area))
            && self.started_s.is_none_or(|wanted| (started_s - wanted).abs() < 0.5)
    }
}

impl Agenda {
    /// Starts a timer.
    ///
    /// # Errors
    /// [`Unable::BadTime`], [`Unable::TooMany`] or [`Unable::TooLong`].
    pub fn start_timer(
        &mut self,
        from: Asker,
        said: &str,
        timer: (f64, Option<String>, Option<String>),
        now: Moment,
    ) -> Result<EntryId, Unable> {
        let (seconds, name, then) = timer;
        let started_s = when::ahead(seconds)?;
        let at = now.steady.saturating_add(SignedDuration::from_secs_f64(started_s));
        let due = Due::In { at, restored: None };
        self.add(from, said, due, Task::Timer { name, started_s, then }, now)
    }

    /// The timers that fit, the one that is over first first.
    pub fn timers(&self, query: TimerQuery<'_>, now: Moment) -> Vec<&Entry> {
        let mut found: Vec<&Entry> = self.entries().filter(|entry| query.fits(entry)).collect();
        let left = |entry: &Entry| entry.left_s(now).unwrap_or(0.0);
        let is_held = |entry: &Entry| matches!(entry.due, Due::Held(_));
        found.sort_by(|a, b| is_held(a).cmp(&is_held(b)).then(left(a).total_cmp(&left(b))));
        found
    }

    /// The one timer that is meant: the only one that fits; of several that of the speaker's
    /// conversation, then that of the room.
    ///
    /// # Errors
    /// [`Unable::NoSuch`], or [`Unable::Ambiguous`] when nothing says which.
    pub fn timer(
        &self,
        query: TimerQuery<'_>,
        from: &Asker,
        now: Moment,
    ) -> Result<EntryId, Unable> {
        let found = self.timers(query, now);
        let only = |found: &[&Entry]| match found {
            [only] => Some(only.id),
            _ => None,
        };
        if found.is_empty() {
            return Err(Unable::NoSuch);
        }
        let near = |is_near: &dyn Fn(&Entry) -> bool| {
            let near: Vec<&Entry> = found.iter().copied().filter(|entry| is_near(entry)).collect();
            only(&near)
        };
        only(&found)
            .or_else(|| near(&|entry| entry.from.conversation == from.conversation))
            .or_else(|| near(&|entry| from.area.is_some() && entry.from.area == from.area))
            .ok_or(Unable::Ambiguous)
    }

    /// Cancels all timers, or those of a room; how many.
    pub fn cancel_timers(&mut self, area: Option<&AreaId>) -> usize {
        let query = TimerQuery { area, ..TimerQuery::default() };
        let found: Vec<EntryId> =
            self.entries().filter(|entry| query.fits(entry)).map(|entry| entry.id).collect();
        found.into_iter().filter_map(|id| self.cancel(id)).count()
    }

    /// Gives a timer so many seconds more, or less if negative; one with nothing left is over.
    ///
    /// # Errors
    /// [`Unable::NoSuch`], or [`Unable::BadTime`] when it would last too long.
    pub fn change_timer(&mut self, id: EntryId, seconds: f64, now: Moment) -> Result<(), Unable> {
        let entry = self.entries.get_mut(&id).filter(|e| e.is_timer()).ok_or(Unable::NoSuch)?;
        if !seconds.is_finite() {
            return Err(Unable::BadTime);
        }
        let left = entry.left_s(now).ok_or(Unable::NoSuch)? + seconds;
        let left = match left > 0.0 {
            true => SignedDuration::from_secs_f64(when::ahead(left)?),
            false => SignedDuration::ZERO,
        };
        match &mut entry.due {
            Due::In { at, restored } => {
                *at = now.steady.saturating_add(left);
                *restored = None;
            }
            Due::Held(held) => *held = left,
            Due::At(_) | Due::Begun => return Err(Unable::NoSuch),
        }
        self.touched.insert(Touched::Entry(id));
        Ok(())
    }

    /// Holds a timer; one that is held stays so.
    ///
    /// # Errors
    /// [`Unable::NoSuch`].
    pub fn pause_timer(&mut self, id: EntryId, now: Moment) -> Result<(), Unable> {
        let entry = self.entries.get_mut(&id).filter(|e| e.is_timer()).ok_or(Unable::NoSuch)?;
        if let Due::In { at, .. } = entry.due {
            entry.due = Due::Held(at.saturating_sub(now.steady).max(SignedDuration::ZERO));
            self.touched.insert(Touched::Entry(id));
        }
        Ok(())
    }

    /// Lets a timer go on; one that runs goes on running.
    ///
    /// # Errors
    /// [`Unable::NoSuch`].
    pub fn unpause_timer(&mut self, id: EntryId, now: Moment) -> Result<(), Unable> {
        let entry = self.entries.get_mut(&id).filter(|e| e.is_timer()).ok_or(Unable::NoSuch)?;
        if let Due::Held(left) = entry.due {
            entry.due = Due::In { at: now.steady.saturating_add(left), restored: None };
            self.touched.insert(Touched::Entry(id));
        }
        Ok(())
    }
}
