//! Announcements: what one person wants to be said in a room, or everywhere. Who speaks there is not known here, only
//! whether anything does.

use crate::automation::{Agenda, Asker, Due, Task, Unable};
use crate::home::Home;
use crate::home::place::Area;
use crate::home::target;
use crate::intent::meaning::{Errand, Reading};
use crate::intent::response::Phrase;

use super::errand::Clerk;
use super::{Answer, Assistant, Code, Speaker};

impl Assistant {
    /// The room in which something is to be said, if nothing there can say it.
    pub(super) fn silent_room<'h>(&self, errand: &Errand, home: &'h Home) -> Option<&'h Area> {
        let Errand::Broadcast { area: Some(area), .. } = errand else { return None };
        let area = target::area_named(area, home)?;
        let is_heard = |place: &String| {
            target::area_named(place, home).is_some_and(|heard| heard.id == area.id)
        };
        (!self.speakers.iter().any(is_heard)).then_some(area)
    }
}

impl Clerk<'_> {
    /// Due at once, so that it is on the disk before it is said.
    pub(super) fn announce(
        &self,
        message: &str,
        area: Option<&str>,
        agenda: &mut Agenda,
    ) -> Result<Answer, Unable> {
        let area = self.area(area)?;
        let from = Asker { area: area.clone(), ..self.from.clone() };
        let said = self.reading.utterance.as_str();
        agenda.add(from, said, Due::At(self.now.wall), Task::Say(message.to_owned()), self.now)?;
        Ok(match area.and_then(|area| self.home.area(area.as_str())) {
            None => self.done("books", "broadcast", &[]),
            Some(area) => {
                let in_area = self.speaker.in_area(area);
                self.done("books", "broadcast_in", &[("in_area", &in_area)])
            }
        })
    }
}

impl Speaker<'_> {
    /// Nothing speaks in this room.
    pub(super) fn no_loudspeaker(&self, area: &Area, reading: &Reading) -> Answer {
        let gaps = [("in_area", &self.in_area(area))];
        let text = self.voice.say("books", "no_loudspeaker_in", &gaps);
        Answer::error(Code::NoValidTargets, text, self.code).of(reading)
    }

    /// "in the kitchen".
    pub(super) fn in_area(&self, area: &Area) -> Phrase {
        self.voice.with("in", &self.voice.noun(self.area_name(area), None))
    }
}
