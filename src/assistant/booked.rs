//! What was done in the books in the words of packs, see `foreign`: the owner's, or those of a language without words
//! of Homard's own.

use serde_json::{Value as Json, json};

use crate::automation::{Agenda, Due, Entry, Task};
use crate::home::value::Value;
use crate::intent::meaning::Errand;

use super::errand::Clerk;
use super::official::Facts;
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
            facts.slots.push(("canceled".to_owned(), json!(canceled)));
        }
        if let Errand::TimerStatus(words) = errand {
            let timers = self.timers(words, agenda).unwrap_or_default();
            let timers = timers.into_iter().map(|entry| self.shown(entry)).collect();
            facts.slots.push(("timers".to_owned(), Json::Array(timers)));
        }
        let mut packs = packs.into_iter().flatten();
        match packs.find_map(|pack| pack.worded(self.reading, &facts, &self.zoned)) {
            Some(text) => Answer { text, ..answer },
            None => answer,
        }
    }

    /// A timer as reply templates of packs see it.
    fn shown(&self, entry: &Entry) -> Json {
        let Task::Timer { name, started_s, .. } = &entry.task else { return Json::Null };
        let left = entry.left_s(self.now).unwrap_or(0.0).max(0.0).round() as u64;
        // Of hours nobody wants to hear the seconds.
        let said = if left >= 3_600 { (left + 30) / 60 * 60 } else { left };
        let started = started_s.max(0.0).round() as u64;
        let area = entry.from.area.as_ref().and_then(|area| self.home.area(area.as_str()));
        json!({
            "name": name.as_deref().unwrap_or(""),
            "area": area.map_or("", |area| area.name.as_str()),
            "is_active": !matches!(entry.due, Due::Held(_)),
            "total_seconds_left": left,
            "rounded_hours_left": said / 3_600,
            "rounded_minutes_left": said % 3_600 / 60,
            "rounded_seconds_left": said % 60,
            "start_hours": started / 3_600,
            "start_minutes": started % 3_600 / 60,
            "start_seconds": started % 60,
        })
    }
}
