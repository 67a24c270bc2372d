//! Which timer is meant, by what was said of it, and by which words several are told apart. What is
//! done with it is not decided here.

use crate::automation::{Agenda, Entry, EntryId, Task, TimerQuery, Unable};
use crate::intent::meaning::TimerWords;
use crate::text;

use super::errand::{Clerk, timer_name};

impl Clerk<'_> {
    /// The timers that fit, each with the words that tell it from the others.
    pub(super) fn told_apart(&self, words: &TimerWords, agenda: &Agenda) -> Vec<(EntryId, String)> {
        let area = self.area(words.area.as_deref()).ok().flatten();
        let (name, started_s) = (words.name.as_deref(), words.started_s);
        let query = TimerQuery { name, area: area.as_ref(), started_s };
        let told = |entry: &Entry| {
            let named = self.speaker.timer_named(timer_name(entry)).text;
            let room = entry.from.area.as_ref().and_then(|area| self.home.area(area.as_str()));
            let room = room.map_or("", |area| &area.name);
            let length = match &entry.task {
                Task::Timer { started_s, .. } => self.speaker.length(*started_s),
                Task::Deed(_) | Task::Say(_) | Task::Remind(_) => String::new(),
            };
            (entry.id, text::key(&format!("{named} {length} {room}")))
        };
        agenda.timers(query, self.now).into_iter().map(told).collect()
    }

    /// The timer that was said or chosen. A name that is a room's is the room.
    pub(super) fn timer(&self, words: &TimerWords, agenda: &Agenda) -> Result<EntryId, Unable> {
        if let Some(id) = self.chosen {
            return agenda.entry(id).map(|_| id).ok_or(Unable::NoSuch);
        }
        let area = self.area(words.area.as_deref())?;
        let (name, started_s) = (words.name.as_deref(), words.started_s);
        let query = TimerQuery { name, area: area.as_ref(), started_s };
        let found = agenda.timer(query, self.from, self.now);
        if let (Err(Unable::NoSuch), Some(name)) = (&found, name)
            && let Ok(Some(area)) = self.area(Some(name))
        {
            let query = TimerQuery { name: None, area: Some(&area), started_s };
            return agenda.timer(query, self.from, self.now);
        }
        found
    }
}
