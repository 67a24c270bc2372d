//! What was done in the books in the words of packs, see `foreign`: the owner's, or those of a language without words
//! of Homard's own.

use crate::automation::{Agenda, Due, Entry, Task};
use crate::home::value::Value;
use crate::intent::meaning::Errand;

use super::errand::Clerk;
use super::official::{Facts, SeenTimer};
use super::{Answer, Kind};

impl Clerk<'_> {
    /// The answer in the words of a pack that has some for it: the owner's, or that of a language without words of
    /// Homard's own.
    pub(super) fn worded(&self, errand: &Errand, answer: Answer, agenda: &Agenda) -> Answer {
        let packs = [self.speaker.owners(), self.speaker.foreign()];
        if matches!(answer.kind, Kind::Error(_)) || packs.iter().all(Option::is_none) {
            return answer;
        }
        let mut facts = Facts::of(self.reading);
        let canceled = answer.slots.iter().find(|(name, _)| name == "canceled");
        if let Some((_, Value::Int(canceled))) = canceled {
            facts.add_count("canceled", *canceled);
        }
        if let Errand::TimerStatus(words) = errand {
            let timers = self.timers(words, agenda).unwrap_or_default();
            facts.add_timers(timers.into_iter().filter_map(|entry| self.shown(entry)));
        }
        let mut packs = packs.into_iter().flatten();
        match packs.find_map(|pack| pack.worded(self.reading, &facts, &self.zoned)) {
            Some(text) => Answer { text, ..answer },
            None => answer,
        }
    }

    /// A timer as reply templates see it.
    fn shown(&self, entry: &Entry) -> Option<SeenTimer> {
        let Task::Timer { name, started_s, .. } = &entry.task else { return None };
        let area = entry.from.area.as_ref().and_then(|area| self.home.area(area.as_str()));
        Some(SeenTimer {
            name: name.clone().unwrap_or_default(),
            area: area.map(|area| area.name.clone()).unwrap_or_default(),
            is_active: !matches!(entry.due, Due::Held(_)),
            left_s: entry.left_s(self.now).unwrap_or(0.0).max(0.0).round() as u64,
            started_s: started_s.max(0.0).round() as u64,
        })
    }
}
