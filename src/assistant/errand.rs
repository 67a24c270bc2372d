//! Errands: timers, lists, announcements, in the house's own books. What is in the books is the
//! agenda's business; here is what a person meant and what is said back.

use std::sync::Arc;

use jiff::Zoned;

use crate::automation::{
    Agenda, Asker, Calendar, Due, Entry, EntryId, List, Moment, Task, TimerQuery, Unable,
};
use crate::home::Home;
use crate::home::domain::Domain;
use crate::home::entity::Entity;
use crate::home::id::AreaId;
use crate::home::person::Role;
use crate::home::place::Area;
use crate::home::target;
use crate::home::value::Value;
use crate::intent::meaning::{Errand, Reading, Step, TimerWords, Understanding, When};
use crate::intent::response::Phrase;
use crate::text;

use super::conversation::PATIENCE_S;
use super::memory::{Ask, Open};
use super::{Answer, Assistant, Code, Kind, Language, Said, Speaker, Turn};

/// Entries read out one by one.
pub(super) const MOST_TOLD: usize = 5;
/// Items of a list read out.
const MOST_ITEMS: usize = 30;

/// Something to be done in the books; see [`Assistant::book`].
#[derive(Debug, Clone, PartialEq)]
pub struct Booking {
    pub(super) errand: Errand,
    reading: Reading,
    from: Asker,
    language: Arc<Language>,
    /// The timer that was chosen when "which one?" was asked.
    chosen: Option<EntryId>,
}

impl Booking {
    /// The same for this timer, and nothing else.
    pub(super) fn about(&self, timer: EntryId) -> Booking {
        Booking { chosen: Some(timer), ..self.clone() }
    }
}

impl Assistant {
    /// What comes of an errand before the books are opened.
    pub(super) fn errand(
        &mut self,
        errand: Errand,
        reading: Reading,
        language: &Arc<Language>,
        said: &Said<'_>,
        home: &Home,
    ) -> Turn {
        let from = language.asker(said, home);
        let speaker = language.speaker();
        if let Some(area) = self.silent_room(&errand, home) {
            return Turn::Answer(speaker.no_loudspeaker(area, &reading));
        }
        match &errand {
            // "Turn off the oven in ten minutes": what it means is found out now, while somebody
            // can still say it better.
            Errand::StartTimer { seconds, name: None, then: Some(then) } => {
                let (seconds, then) = (*seconds, then.clone());
                let then = Said { text: &then, ..*said };
                self.wish_in(seconds, errand.clone(), reading, &then, said, home)
            }
            Errand::Media { area } => {
                let area = area.as_deref().and_then(|area| target::area_named(area, home));
                Turn::Answer(speaker.no_player(area, &reading))
            }
            Errand::Weather(name) => Turn::Answer(speaker.weather(name.as_deref(), &reading, home)),
            Errand::Respond => Turn::Answer(speaker.respond(&reading)),
            Errand::Clean { name, area } => {
                let (name, area) = (name.as_deref(), area.as_str());
                self.clean(name, area, reading, language, said, home)
            }
            _ if said.role == Role::Guest && is_of_household(&errand) => {
                Turn::Answer(speaker.not_for_guests(&reading))
            }
            _ if !self.has_agenda => Turn::Answer(speaker.not_yet(&reading)),
            Errand::Remind { when, matter } if when.is_none() || matter.is_none() => {
                let (has_when, has_matter) = (when.is_some(), matter.is_some());
                Turn::Answer(self.ask_reminder(has_when, has_matter, reading, language, said))
            }
            _ => {
                let language = Arc::clone(language);
                Turn::Book(Box::new(Booking { errand, reading, from, language, chosen: None }))
            }
        }
    }

    /// A sentence to be heard later: if it is a wish, it is one for later, and if it is nothing it is
    /// not understood now. What is for the books or asks something is heard when its time has come.
    fn wish_in(
        &mut self,
        seconds: f64,
        errand: Errand,
        reading: Reading,
        then: &Said<'_>,
        said: &Said<'_>,
        home: &Home,
    ) -> Turn {
        let here = said.area.and_then(|area| target::area_named(area, home));
        let memory = self.talk(said).memory().clone();
        let (understanding, index) = self.understand(then, home, here, &memory);
        let Some(language) = self.languages.get(index).cloned() else {
            return Turn::Answer(Answer::error(Code::NoIntentMatch, "", ""));
        };
        match understanding {
            Understanding::Wish(steps, _) => {
                let later = |step: Step| match step.when {
                    When::Now => Step { when: When::In(seconds), ..step },
                    _ => step,
                };
                let steps: Vec<Step> = steps.into_iter().map(later).collect();
                self.act(&steps, reading, &language, said, here, home, false)
            }
            Understanding::Errand(..) | Understanding::Question(..) | Understanding::Talk(..)
                if self.has_agenda =>
            {
                let from = language.asker(said, home);
                Turn::Book(Box::new(Booking { errand, reading, from, language, chosen: None }))
            }
            other => self.respond(other, index, said, here, home),
        }
    }

    /// Writes in the books what was meant, and says what came of it.
    pub fn book(
        &mut self,
        booking: &Booking,
        agenda: &mut Agenda,
        home: &Home,
        now: Moment,
    ) -> Answer {
        let Booking { errand, reading, from, language, chosen } = booking;
        let clerk = Clerk {
            speaker: language.speaker(),
            reading,
            from,
            home,
            now,
            zoned: now.wall.to_zoned(self.zone.clone()),
            calendar: self.calendar(),
            chosen: *chosen,
        };
        let answer = match clerk.run(errand, agenda) {
            Ok(answer) => {
                let answer = clerk.worded(errand, answer, agenda);
                // "Cancel that" means the timer or reminder that came of it.
                let newest = agenda.entries().map(|entry| entry.id).max();
                if let (Errand::StartTimer { .. } | Errand::Remind { .. }, Some(id)) =
                    (errand, newest)
                {
                    self.remember_planned(from, &[id], true, now);
                }
                answer
            }
            Err(unable) => {
                let foreign = clerk.speaker.foreign();
                let answer = foreign.map(|foreign| foreign.unable(unable, reading));
                let answer = answer.unwrap_or_else(|| clerk.speaker.cannot(unable, reading));
                match errand.timer().filter(|_| unable == Unable::Ambiguous) {
                    Some(words) => {
                        let candidates = clerk.told_apart(words, agenda);
                        let ask = Ask::Timer { candidates, booking: Box::new(booking.clone()) };
                        let at = now.wall.as_second();
                        let (steps, until) = (Vec::new(), at + PATIENCE_S);
                        let open = Open { ask, steps, reading: reading.clone(), until };
                        self.talks.open(&from.conversation, None, at).open = Some(open);
                        Answer { continues: true, ..answer }
                    }
                    None => answer,
                }
            }
        };
        self.know_lists(agenda);
        answer
    }
}

/// What an errand needs to know.
pub(super) struct Clerk<'a> {
    pub(super) speaker: Speaker<'a>,
    pub(super) reading: &'a Reading,
    pub(super) from: &'a Asker,
    pub(super) home: &'a Home,
    pub(super) now: Moment,
    pub(super) zoned: Zoned,
    pub(super) calendar: Calendar,
    pub(super) chosen: Option<EntryId>,
}

impl Clerk<'_> {
    fn run(&self, errand: &Errand, agenda: &mut Agenda) -> Result<Answer, Unable> {
        let said = self.reading.utterance.as_str();
        Ok(match errand {
            Errand::StartTimer { seconds, name, then } => {
                let timer = (*seconds, name.clone(), then.clone());
                agenda.start_timer(self.from.clone(), said, timer, self.now)?;
                let length = Phrase::plain(self.speaker.length(*seconds));
                let timer = self.speaker.timer_named(name.as_deref());
                let key = if then.is_some() { "then" } else { "started" };
                self.done("timer", key, &[("length", &length), ("timer", &timer)])
            }
            Errand::CancelTimer(words) => {
                let id = self.timer(words, agenda)?;
                self.changed(agenda.cancel(id).as_ref(), "cancelled", None)
            }
            Errand::CancelAllTimers(area) => {
                let area = self.area(area.as_deref())?;
                let count = agenda.cancel_timers(area.as_ref());
                let count = Phrase { is_plural: count > 1, ..Phrase::plain(count.to_string()) };
                let key = if count.text == "0" { "none" } else { "cancelled_all" };
                let answer = self.done("timer", key, &[("count", &count)]);
                let number = Value::Int(count.text.parse().unwrap_or(0));
                let mut slots = answer.slots;
                slots.push(("canceled".to_owned(), number));
                Answer { slots, ..answer }
            }
            Errand::ChangeTimer(words, seconds) => {
                let id = self.timer(words, agenda)?;
                agenda.change_timer(id, *seconds, self.now)?;
                let key = if *seconds < 0.0 { "less" } else { "more" };
                self.changed(agenda.entry(id), key, Some(seconds.abs()))
            }
            Errand::PauseTimer(words) => {
                let id = self.timer(words, agenda)?;
                agenda.pause_timer(id, self.now)?;
                self.changed(agenda.entry(id), "paused", None)
            }
            Errand::UnpauseTimer(words) => {
                let id = self.timer(words, agenda)?;
                agenda.unpause_timer(id, self.now)?;
                self.changed(agenda.entry(id), "goes_on", None)
            }
            Errand::TimerStatus(words) => self.status(words, agenda)?,
            Errand::AddItem { list, item } => {
                let item = self.bare(item);
                agenda.add_item(known(list.as_deref()), item)?;
                self.listed("added", list.as_deref(), item)
            }
            Errand::CompleteItem { list, item } => {
                let item = self.bare(item);
                match agenda.complete_item(known(list.as_deref()), item) {
                    Ok(item) => self.listed("completed", list.as_deref(), &item),
                    Err(unable) => self.not_listed(unable, list.as_deref(), item)?,
                }
            }
            Errand::RemoveItem { list, item } => {
                let item = self.bare(item);
                match agenda.remove_item(known(list.as_deref()), item) {
                    Ok(item) => self.listed("removed", list.as_deref(), &item),
                    Err(unable) => self.not_listed(unable, list.as_deref(), item)?,
                }
            }
            Errand::ShowList(name) => {
                self.show(agenda.list(known(name.as_deref())), name.as_deref())
            }
            Errand::Broadcast { message, area } => {
                self.announce(message, area.as_deref(), agenda)?
            }
            Errand::Remind { when: Some(when), matter: Some(matter) } => {
                self.remind(*when, matter, agenda)?
            }
            Errand::Plans => self.plans(agenda),
            Errand::CancelPlan(words) => self.cancel_plan(words, agenda)?,
            Errand::CancelPlans => self.cancel_plans(agenda),
            // These were answered without the books.
            Errand::Remind { .. }
            | Errand::Weather(_)
            | Errand::Respond
            | Errand::Clean { .. }
            | Errand::Media { .. } => self.speaker.not_yet(self.reading),
        })
    }

    pub(super) fn done(
        &self,
        group: &'static str,
        key: &'static str,
        gaps: &[(&str, &Phrase)],
    ) -> Answer {
        self.speaker.noted(self.speaker.voice.say(group, key, gaps), self.reading)
    }

    pub(super) fn told(
        &self,
        group: &'static str,
        key: &'static str,
        gaps: &[(&str, &Phrase)],
    ) -> Answer {
        self.speaker.answer(self.speaker.voice.say(group, key, gaps), self.reading)
    }

    /// The area of a name that was said.
    pub(super) fn area(&self, name: Option<&str>) -> Result<Option<AreaId>, Unable> {
        let Some(name) = name else { return Ok(None) };
        let area = target::area_named(name, self.home).ok_or(Unable::NoSuch)?;
        Ok(Some(area.id.clone()))
    }

    fn changed(&self, entry: Option<&Entry>, key: &'static str, seconds: Option<f64>) -> Answer {
        let timer = self.speaker.timer_named(entry.and_then(timer_name));
        let length = Phrase::plain(seconds.map(|s| self.speaker.length(s)).unwrap_or_default());
        let left = entry.and_then(|entry| entry.left_s(self.now)).unwrap_or(0.0);
        let left = Phrase::plain(self.speaker.length(left));
        self.done("timer", key, &[("timer", &timer), ("length", &length), ("left", &left)])
    }

    /// The timers that were asked for, the one that is over first before the others.
    pub(super) fn timers<'g>(
        &self,
        words: &TimerWords,
        agenda: &'g Agenda,
    ) -> Result<Vec<&'g Entry>, Unable> {
        let area = self.area(words.area.as_deref())?;
        let query = TimerQuery {
            name: words.name.as_deref(),
            area: area.as_ref(),
            started_s: words.started_s,
        };
        Ok(agenda.timers(query, self.now))
    }

    fn status(&self, words: &TimerWords, agenda: &Agenda) -> Result<Answer, Unable> {
        let found = self.timers(words, agenda)?;
        if found.is_empty() {
            let is_any = *words == TimerWords::default();
            return if is_any { Ok(self.told("timer", "none", &[])) } else { Err(Unable::NoSuch) };
        }
        let sentence = |entry: &&Entry| {
            let timer = self.speaker.timer_named(timer_name(entry));
            let left = entry.left_s(self.now).unwrap_or(0.0);
            let left = Phrase::plain(self.speaker.length(left));
            let key = if matches!(entry.due, Due::Held(_)) { "left_paused" } else { "left" };
            self.speaker.voice.say("timer", key, &[("timer", &timer), ("left", &left)])
        };
        let mut sentences: Vec<String> = found.iter().take(MOST_TOLD).map(sentence).collect();
        sentences.extend(self.more(found.len()));
        Ok(self.speaker.answer(sentences.join(" "), self.reading))
    }

    /// "And 3 more."
    pub(super) fn more(&self, total: usize) -> Option<String> {
        let count = total.checked_sub(MOST_TOLD).filter(|count| *count > 0)?;
        let count = Phrase::plain(count.to_string());
        Some(self.speaker.voice.say("books", "more", &[("count", &count)]))
    }

    /// A thing without its article: "du lait" and "le lait" are the same on a list.
    pub(super) fn bare<'t>(&self, item: &'t str) -> &'t str {
        let mut rest = item.trim();
        while let Some((word, after)) = rest.split_once([' ', '\'', '’']) {
            if self.speaker.voice.find("bare", &text::key(word)).is_none() || after.is_empty() {
                break;
            }
            rest = after.trim_start();
        }
        rest
    }

    /// "the shopping list", "the Trader Joes list".
    fn list_named(&self, name: Option<&str>) -> Phrase {
        let voice = &self.speaker.voice;
        match known(name) {
            Some(name) => {
                let name = Phrase::plain(name);
                Phrase::plain(voice.fill(voice.word("list", "named"), &[("name", &name)]))
            }
            None => Phrase::plain(voice.word("list", "shopping")),
        }
    }

    fn listed(&self, key: &'static str, list: Option<&str>, item: &str) -> Answer {
        let (list, item) = (self.list_named(list), Phrase::plain(item));
        self.done("list", key, &[("list", &list), ("item", &item)])
    }

    fn not_listed(&self, unable: Unable, list: Option<&str>, item: &str) -> Result<Answer, Unable> {
        let key = match unable {
            Unable::NoSuch | Unable::NoSuchList if known(list).is_none() => "not_on_it",
            Unable::NoSuch => "not_on_it",
            Unable::NoSuchList => "no_such",
            other => return Err(other),
        };
        let (list, item) = (self.list_named(list), Phrase::plain(item));
        let text = self.speaker.voice.say("list", key, &[("list", &list), ("item", &item)]);
        let answer = Answer::error(Code::FailedToHandle, text, self.speaker.code);
        Ok(answer.of(self.reading))
    }

    fn show(&self, list: Option<&List>, name: Option<&str>) -> Answer {
        let items = list.into_iter().flat_map(|list| &list.items).filter(|item| !item.is_done);
        let mut items: Vec<Phrase> = items.map(|item| Phrase::plain(item.text.as_str())).collect();
        let list = self.list_named(name);
        if items.is_empty() {
            return self.told("list", "empty", &[("list", &list)]);
        }
        let n_items = items.len();
        items.truncate(MOST_ITEMS);
        let voice = &self.speaker.voice;
        let texts: Vec<&str> = items.iter().map(|item| item.text.as_str()).collect();
        let text = match &texts[..] {
            [rest @ .., last] if !rest.is_empty() && n_items == texts.len() => {
                let rest = rest.join(voice.word("join", "comma"));
                format!("{rest}{}{last}", voice.word("join", "and"))
            }
            all => all.join(voice.word("join", "comma")),
        };
        let (text, count) = (Phrase::plain(text), Phrase::plain(n_items.to_string()));
        let key = if n_items > MOST_ITEMS { "shown_some" } else { "shown" };
        self.told("list", key, &[("list", &list), ("items", &text), ("count", &count)])
    }
}

/// What is planned, what is on lists, and what is said to everybody, is no guest's business.
fn is_of_household(errand: &Errand) -> bool {
    matches!(
        errand,
        Errand::Plans
            | Errand::CancelPlan(_)
            | Errand::CancelPlans
            | Errand::ShowList(_)
            | Errand::AddItem { .. }
            | Errand::CompleteItem { .. }
            | Errand::RemoveItem { .. }
            | Errand::Broadcast { .. }
            | Errand::Remind { .. }
    )
}

/// A list's name; the shopping list has none, however it is called.
fn known(name: Option<&str>) -> Option<&str> {
    name.filter(|name| !text::key(name).is_empty())
}

pub(super) fn timer_name(entry: &Entry) -> Option<&str> {
    match &entry.task {
        Task::Timer { name, .. } => name.as_deref(),
        Task::Deed(_) | Task::Say(_) | Task::Remind(_) => None,
    }
}

impl Speaker<'_> {
    /// MQTT discovery knows no player.
    fn no_player(&self, area: Option<&Area>, reading: &Reading) -> Answer {
        let text = match area {
            Some(area) => {
                self.voice.say("books", "no_player_in", &[("in_area", &self.in_area(area))])
            }
            None => self.voice.say("books", "no_player", &[]),
        };
        Answer::error(Code::NoValidTargets, text, self.code).of(reading)
    }

    /// What is measured outside: no device of MQTT discovery says what the weather is.
    fn weather(&self, name: Option<&str>, reading: &Reading, home: &Home) -> Answer {
        let wanted = name.map(text::key);
        let is_outside = |entity: &&Entity| {
            let mut names: Vec<String> = entity.names().map(text::key).collect();
            names.extend(home.area_of(entity).map(|area| text::key(&area.name)));
            match &wanted {
                Some(wanted) => names.contains(wanted),
                None => names.iter().any(|name| {
                    name.split(' ').any(|word| self.voice.find("outside", word).is_some())
                }),
            }
        };
        let measures = |entity: &&Entity, class: &str| {
            entity.domain == Domain::Sensor && entity.traits.device_class.as_deref() == Some(class)
        };
        let value = |class: &str| {
            let mut found = home.entities().filter(|entity| {
                entity.is_enabled()
                    && entity.is_available()
                    && !entity.is_restored()
                    && measures(entity, class)
                    && is_outside(entity)
            });
            let view = found.next().map(|entity| (entity, entity.view()))?;
            let (entity, view) = (view.0, view.1?);
            view.word.parse::<f64>().ok()?;
            Some(Phrase::plain(self.voice.measured(&view.word, entity.traits.unit.as_deref())))
        };
        let text = match (value("temperature"), value("humidity")) {
            (Some(temperature), Some(humidity)) => {
                let gaps = [("temperature", &temperature), ("humidity", &humidity)];
                self.voice.say("books", "weather_both", &gaps)
            }
            (Some(temperature), None) => {
                self.voice.say("books", "weather", &[("temperature", &temperature)])
            }
            _ => {
                let text = self.voice.say("books", "no_weather", &[]);
                return Answer::error(Code::NoValidTargets, text, self.code).of(reading);
            }
        };
        self.answer(text, reading)
    }

    fn not_for_guests(&self, reading: &Reading) -> Answer {
        let text = self.voice.say("books", "not_for_guests", &[]);
        Answer::error(Code::FailedToHandle, text, self.code).of(reading)
    }

    fn respond(&self, reading: &Reading) -> Answer {
        let key = match &*reading.response {
            "commands" => "help",
            _ => "courtesy",
        };
        let answer = self.answer(self.voice.say("talk", key, &[]), reading);
        Answer { kind: Kind::ActionDone, ..answer }
    }
}
