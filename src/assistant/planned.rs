//! What is planned, read out and dropped: deeds for once, and what comes again.

use crate::automation::{Agenda, Entry, EntryId, Task, Unable};
use crate::intent::response::Phrase;
use crate::text;

use super::errand::{Clerk, MOST_TOLD};
use super::{Answer, Code};

impl Clerk<'_> {
    /// Whether it is a plan of whoever asks: of what others want to be reminded is theirs.
    fn is_plan(&self, entry: &Entry) -> bool {
        match entry.task {
            Task::Deed(_) => true,
            Task::Remind(_) => entry.from.person == self.from.person,
            Task::Timer { .. } | Task::Say(_) => false,
        }
    }

    /// "Planned: tomorrow at 7:00: «turn on the heater at 7»."
    pub(super) fn plans(&self, agenda: &Agenda) -> Answer {
        let mut found: Vec<&Entry> = agenda.entries().filter(|entry| self.is_plan(entry)).collect();
        if found.is_empty() {
            return self.told("books", "nothing_planned", &[]);
        }
        let left = |entry: &Entry| entry.left_s(self.now).unwrap_or(0.0);
        found.sort_by(|a, b| left(a).total_cmp(&left(b)));
        let sentence = |entry: &&Entry| self.planned("planned", entry);
        let mut sentences: Vec<String> = found.iter().take(MOST_TOLD).map(sentence).collect();
        sentences.extend(self.more(found.len()));
        self.speaker.answer(sentences.join(" "), self.reading)
    }

    /// "Planned tomorrow at 7:00: …", "Dropped tomorrow at 7:00: …".
    fn planned(&self, key: &'static str, entry: &Entry) -> String {
        let time = match entry.again {
            Some(rhythm) => self.speaker.rhythm(rhythm),
            None => self.speaker.due(entry.due, self.now, &self.zoned),
        };
        let (time, what) = (Phrase::plain(time), Phrase::plain(entry.said.as_str()));
        self.speaker.voice.say("books", key, &[("time", &time), ("text", &what)])
    }

    /// Drops the plan that has these words, in what was said or in the names of its things. Of
    /// several none, but they are told.
    pub(super) fn cancel_plan(&self, words: &str, agenda: &mut Agenda) -> Result<Answer, Unable> {
        let wanted = text::key(self.bare(words));
        let wanted: Vec<&str> = wanted.split(' ').filter(|word| !word.is_empty()).collect();
        let has_words = |entry: &&Entry| {
            if !self.is_plan(entry) {
                return false;
            }
            let wishes = match &entry.task {
                Task::Deed(deed) => &deed.wishes[..],
                _ => &[],
            };
            let ids = wishes.iter().flat_map(|wish| &wish.entities);
            let names = ids.filter_map(|id| self.home.entity(id.as_str()));
            let mut all = vec![text::key(&entry.said)];
            all.extend(names.flat_map(|entity| entity.names().map(text::key).collect::<Vec<_>>()));
            !wanted.is_empty()
                && wanted
                    .iter()
                    .all(|word| all.iter().any(|all| all.split(' ').any(|w| w == *word)))
        };
        let found: Vec<&Entry> = agenda.entries().filter(has_words).collect();
        match &found[..] {
            [] => {
                let what = Phrase::plain(words);
                let text = self.speaker.voice.say("books", "no_such_plan", &[("what", &what)]);
                let answer = Answer::error(Code::FailedToHandle, text, self.speaker.code);
                Ok(answer.of(self.reading))
            }
            [only] => {
                let (id, text) = (only.id, self.planned("dropped_one", only));
                agenda.cancel(id);
                Ok(self.speaker.noted(text, self.reading))
            }
            several => {
                let told =
                    several.iter().take(MOST_TOLD).map(|entry| self.planned("planned", entry));
                let told = Phrase::plain(told.collect::<Vec<_>>().join(" "));
                let text = self.speaker.voice.say("books", "which_plan", &[("plans", &told)]);
                let answer = Answer::error(Code::NoValidTargets, text, self.speaker.code);
                Ok(answer.of(self.reading))
            }
        }
    }

    /// Drops all that is planned.
    pub(super) fn cancel_plans(&self, agenda: &mut Agenda) -> Answer {
        let plans = agenda.entries().filter(|entry| self.is_plan(entry));
        let found: Vec<EntryId> = plans.map(|entry| entry.id).collect();
        let count = found.into_iter().filter_map(|id| agenda.cancel(id)).count();
        let key = if count == 0 { "nothing_planned" } else { "dropped" };
        let count = Phrase { is_plural: count > 1, ..Phrase::plain(count.to_string()) };
        self.done("books", key, &[("count", &count)])
    }
}
