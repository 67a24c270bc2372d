//! Reminders: what somebody wants to be told, when. What was not said of it is asked, and the answer goes with what was said
//! before; nothing is noted before both are known.

use std::sync::Arc;

use crate::automation::{Agenda, Task, Unable};
use crate::home::Home;
use crate::home::place::Area;
use crate::intent::meaning::{Reading, Understanding, When};
use crate::intent::response::Phrase;

use super::conversation::PATIENCE_S;
use super::errand::Clerk;
use super::memory::{Ask, Open};
use super::{Answer, Assistant, Kind, Language, Said, Turn, ahead};

impl Assistant {
    /// Asks for what was not said of a reminder.
    pub(super) fn ask_reminder(
        &mut self,
        has_when: bool,
        has_matter: bool,
        reading: Reading,
        language: &Language,
        said: &Said<'_>,
    ) -> Answer {
        let speaker = language.speaker();
        let key = match (has_when, has_matter) {
            (false, true) => "when",
            (true, _) => "what",
            (false, false) => "when_what",
        };
        let answer = speaker.answer(speaker.voice.say("remind", key, &[]), &reading);
        let until = said.now.as_second() + PATIENCE_S;
        self.talk(said).open = Some(Open { ask: Ask::Reminder, steps: Vec::new(), reading, until });
        Answer { kind: Kind::QueryAnswer, continues: true, ..answer }
    }

    /// Takes an utterance as what was missing of a reminder, if it is that.
    pub(super) fn reminded(
        &mut self,
        open: &Open,
        language: &Arc<Language>,
        said: &Said<'_>,
        here: Option<&Area>,
        home: &Home,
    ) -> Option<Turn> {
        let first = Said { text: &open.reading.utterance, ..*said };
        let known = self.reminder(&first, Some(said.text), language, here, home)?;
        match known {
            Understanding::Errand(errand, reading) => {
                Some(self.errand(errand, reading, language, said, home))
            }
            _ => None,
        }
    }
}

impl Clerk<'_> {
    /// Notes a reminder.
    pub(super) fn remind(
        &self,
        when: When,
        matter: &str,
        agenda: &mut Agenda,
    ) -> Result<Answer, Unable> {
        let due = ahead::due(when, self.now, &self.zoned, &self.calendar)?;
        let (from, said) = (self.from.clone(), self.reading.utterance.as_str());
        let task = Task::Remind(matter.to_owned());
        let time = match when {
            When::Every(rhythm) => {
                agenda.add_standing(from, said, rhythm, task, self.now)?;
                self.speaker.rhythm(rhythm)
            }
            _ => {
                agenda.add(from, said, due, task, self.now)?;
                self.speaker.due(due, self.now, &self.zoned)
            }
        };
        let (time, text) = (Phrase::plain(time), Phrase::plain(matter));
        Ok(self.done("remind", "noted", &[("time", &time), ("text", &text)]))
    }
}
