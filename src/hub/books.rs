//! The agenda in the loop: when it is asked, what becomes of what is due, and how it gets to the
//! disk. What is due and when is the agenda's own business; what is said about it, the ear's.
//!
//! What a person puts into the agenda is on the disk before it is answered. What is done or said by
//! itself is noted as begun on the disk before it is, so that a power cut in that moment is told and
//! it is neither forgotten nor done twice.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::warn;

use super::alarm::{self, Alarms};
use super::asks::Answer;
use super::ear::{Heard, Thought};
use super::event::{
    Books, Cause, EditError, Effect, Explained, ListEdit, Reply, ReplyKind, Said, Shown,
};
use super::{Hub, LAST_EDIT, Turn, read};
use crate::automation::{Agenda, Calendar, EntryId, Fate, Moment, Record, Ripe, Task, Unable};
use crate::home::Home;
use crate::home::action::Refusal;
use crate::home::person::Rights;
use crate::storage::{Committed, Keep};

/// Writes of the agenda that may wait for the disk; more are not waited for.
const MOST_WRITES: usize = 1_000;

/// Owns the agenda, and what of it is on its way to the disk.
pub(super) struct Keeper {
    agenda: Agenda,
    /// Nothing is due before somebody can say so.
    pub(super) is_open: bool,
    alarms: Alarms,
    writes: VecDeque<Write>,
}

/// On its way to the disk.
struct Write {
    /// What waits for it, in its order.
    then: Vec<Then>,
    records: Vec<Record>,
    answer: alarm::Answer,
}

/// What happened.
pub(super) enum News {
    /// Something is due by either clock, or the wall clock was set.
    Due,
    /// The disk has taken the oldest write, or not.
    Written(Result<Committed, String>),
}

/// What is to be done when the disk has taken a write.
enum Then {
    Nothing,
    Tell(Box<Reply>, oneshot::Sender<Reply>),
    Answer(oneshot::Sender<Result<(), EditError>>),
    Act(Vec<Ripe>),
}

/// The house, and what of it somebody sees.
#[derive(Clone, Copy)]
pub(super) struct Sight<'a> {
    pub(super) home: &'a Home,
    pub(super) seen: &'a Home,
    pub(super) by: &'a Rights,
}

/// Who is told.
pub(super) enum To {
    Person(oneshot::Sender<Reply>),
    House(Box<Said>),
}

impl Keeper {
    pub(super) fn new(agenda: Agenda) -> Self {
        Self { agenda, is_open: false, alarms: Alarms::default(), writes: VecDeque::new() }
    }

    /// Things come again by this calendar from now on.
    pub(super) fn set_calendar(&mut self, calendar: Calendar) {
        self.agenda.set_calendar(calendar);
    }
}

/// What happens next to the agenda.
pub(super) async fn news(books: &mut Keeper) -> News {
    let Keeper { is_open, alarms, writes, .. } = books;
    tokio::select! {
        result = written(writes) => News::Written(result),
        () = alarms.ring(), if *is_open => News::Due,
    }
}

async fn written(writes: &mut VecDeque<Write>) -> Result<Committed, String> {
    alarm::written(writes.front_mut().map(|write| &mut write.answer)).await
}

impl Hub {
    pub(super) fn moment(&self) -> Moment {
        Moment { wall: self.clock.now(), steady: self.clock.steady() }
    }

    /// Sets the alarms for what is due next, if that changed.
    pub(super) fn set_alarms(&mut self) {
        let Keeper { agenda, alarms, .. } = &mut self.books;
        alarms.set(agenda.next_steady(), agenda.next_wall(), &self.clock);
    }

    /// From now on what is due happens: first what was stopped in the middle of it.
    pub(super) fn open_books(&mut self) {
        if std::mem::replace(&mut self.books.is_open, true) {
            return;
        }
        let mut turn = Turn::default();
        for ripe in self.books.agenda.interrupted() {
            self.act_on(&ripe, &mut turn);
        }
        self.send_out(turn);
        self.happen();
    }

    /// Something may be due.
    pub(super) fn happen(&mut self) {
        let mut turn = Turn::default();
        let ripe = self.books.agenda.due(self.moment());
        let (missed, begun): (Vec<Ripe>, Vec<Ripe>) =
            ripe.into_iter().partition(|ripe| ripe.fate == Fate::Missed);
        for ripe in &missed {
            self.act_on(ripe, &mut turn);
        }
        self.send_out(turn);
        let then = if begun.is_empty() { Then::Nothing } else { Then::Act(begun) };
        self.write_books(then);
    }

    /// What becomes of one entry whose time has come.
    fn act_on(&mut self, ripe: &Ripe, turn: &mut Turn) {
        let shared = Arc::clone(&self.home);
        let home = read(&shared);
        self.books.agenda.cancel(ripe.entry.id);
        let from = &ripe.entry.from;
        let by = match &from.person {
            None => Rights::of(from.role),
            // A person may have been given another role since, or have left.
            Some(person) => (self.look_up)(person).unwrap_or_else(Rights::none),
        };
        let sight = home.seen_by(&by);
        let seen = sight.as_ref().unwrap_or(&home);
        let heard = self.ear.due(ripe, seen, self.clock.now());
        let to = To::House(Box::new(said(ripe)));
        self.deal_with(heard, to, Sight { home: &home, seen, by: &by }, turn);
    }

    /// What was decided about an utterance or an entry is done.
    pub(super) fn deal_with(&mut self, heard: Heard, to: To, sight: Sight<'_>, turn: &mut Turn) {
        let Sight { home, seen, by } = sight;
        let mut heard = heard;
        let mut is_booked = false;
        while let Heard::Books(book) = heard {
            let now = self.moment();
            heard = book(&mut self.books.agenda, seen, now);
            is_booked = true;
        }
        match (heard, to) {
            (Heard::Reply(reply), To::Person(asked)) if is_booked => {
                self.write_books(Then::Tell(Box::new(reply), asked));
            }
            // A question does not wait for the disk.
            (Heard::Reply(reply), To::Person(asked)) => drop(asked.send(reply)),
            (Heard::Reply(reply), To::House(said)) => {
                self.write_books(Then::Nothing);
                self.show(Said { reply, ..*said }, turn);
            }
            (Heard::Acts { wishes, patience, finish }, to) => {
                self.write_books(Then::Nothing);
                let answer = match to {
                    To::Person(asked) => Answer::Reply(finish, asked),
                    To::House(said) => Answer::Said(finish, said),
                };
                self.asks.begin(by, home, wishes, patience, answer, &mut turn.effects);
                self.asks.finish(home, &self.dirty);
                self.say(turn);
            }
            (Heard::Rules(talk), to) => {
                let (reply, edits) = talk(&self.stands(), seen);
                match to {
                    // What is done by itself changes no rules.
                    To::House(said) => {
                        let reply = if edits.is_empty() { reply } else { said.reply.clone() };
                        self.show(Said { reply, ..*said }, turn);
                    }
                    To::Person(asked) => self.wish_of_rules(by, edits, reply, asked),
                }
            }
            // The ear is asked again by whoever could wait; what is due does not.
            (Heard::Books(_) | Heard::NotYet, _) => {}
            (Heard::Tries { key, source, then }, To::Person(asked)) => {
                self.write_books(Then::Nothing);
                let job = self.trial(seen, key, source);
                let thinking = Box::pin(async move {
                    let trial = job.run().await;
                    let thought: Thought = Box::new(move |home, now| then(home, now, &trial));
                    thought
                });
                self.thinking.begin(thinking, by.clone(), asked);
            }
            // Nobody waits for that.
            (Heard::Tries { .. }, To::House(_)) => {}
            // Nobody thinks twice about the same.
            (Heard::Thinks(_), _) => {}
        }
    }

    /// Shows what the house has to say of what it did by itself.
    pub(super) fn say(&mut self, turn: &mut Turn) {
        for said in self.asks.take_said() {
            self.show(said, turn);
        }
    }

    pub(super) fn show(&self, said: Said, turn: &mut Turn) {
        if said.reply.text.is_empty() {
            return;
        }
        turn.effects.push(Effect::Say(Box::new(said.clone())));
        turn.shown.push(Shown::Said(Arc::new(said), self.clock.now()));
    }

    /// Sends what changed in the agenda to the disk, then goes on.
    fn write_books(&mut self, then: Then) {
        let now = self.moment();
        if self.books.writes.len() >= MOST_WRITES {
            return self.go_on(then);
        }
        let records = self.books.agenda.take_touched(now);
        if records.is_empty() {
            // What it waits for may be on its way already.
            return match self.books.writes.back_mut() {
                Some(write) => write.then.push(then),
                None => self.go_on(then),
            };
        }
        let then = vec![then];
        let answer = self.writer.write_now(records.iter().cloned().map(Keep::Agenda).collect());
        self.books.writes.push_back(Write { then, records, answer });
    }

    /// Writes that are under way, and one if something is due that has not happened yet.
    pub(super) fn n_booking(&self) -> u64 {
        let now = self.moment();
        let agenda = &self.books.agenda;
        let is_due = agenda.next_steady().is_some_and(|at| at <= now.steady)
            || agenda.next_wall().is_some_and(|at| at <= now.wall);
        self.books.writes.len() as u64 + u64::from(self.books.is_open && is_due)
    }

    /// The disk works again: what it has not taken is written as it is now.
    pub(super) fn write_unwritten(&mut self) {
        if self.books.writes.is_empty() {
            self.write_books(Then::Nothing);
        }
    }

    pub(super) fn take_news(&mut self, news: News) {
        match news {
            News::Due => self.happen(),
            News::Written(result) => self.finish_booking(result),
        }
    }

    fn finish_booking(&mut self, result: Result<Committed, String>) {
        let Some(Write { then, records, .. }) = self.books.writes.pop_front() else { return };
        if let Err(why) = &result {
            warn!(error = %why, "The agenda is not on the disk; it holds as long as Homard runs.");
            self.books.agenda.touch_again(records);
        }
        for then in then {
            match (then, &result) {
                (Then::Answer(asked), Err(why)) => {
                    drop(asked.send(Err(EditError::NotKept(why.clone()))));
                }
                (then, _) => self.go_on(then),
            }
        }
    }

    fn go_on(&mut self, then: Then) {
        match then {
            Then::Nothing => {}
            Then::Tell(reply, asked) => drop(asked.send(*reply)),
            Then::Answer(asked) => drop(asked.send(Ok(()))),
            Then::Act(ripe) => {
                let mut turn = Turn::default();
                for ripe in &ripe {
                    self.act_on(ripe, &mut turn);
                }
                self.send_out(turn);
            }
        }
    }

    pub(super) fn books_now(&self) -> Books {
        let agenda = &self.books.agenda;
        Books {
            entries: agenda.entries().cloned().collect(),
            lists: agenda.lists().cloned().collect(),
            now: self.moment(),
        }
    }

    pub(super) fn cancel(&mut self, id: EntryId, asked: oneshot::Sender<Result<(), EditError>>) {
        match self.books.agenda.cancel(id) {
            Some(_) => self.write_books(Then::Answer(asked)),
            None => {
                let refusal = Refusal::NoSuchName { said: id.0.to_string(), nearest: Vec::new() };
                drop(asked.send(Err(EditError::Refused(refusal))));
            }
        }
    }

    /// Changes something on a list.
    pub(super) fn edit_list(
        &mut self,
        list: Option<&str>,
        item: &str,
        edit: ListEdit,
        asked: oneshot::Sender<Result<(), EditError>>,
    ) {
        let agenda = &mut self.books.agenda;
        let done = match edit {
            ListEdit::Add => agenda.add_item(list, item),
            ListEdit::Tick => agenda.complete_item(list, item).map(drop),
            ListEdit::Remove => agenda.remove_item(list, item).map(drop),
        };
        let error = match done {
            Ok(()) => return self.write_books(Then::Answer(asked)),
            Err(Unable::TooMany) => EditError::NotKept("the list is full".to_owned()),
            Err(Unable::TooLong) => EditError::NotKept("too many words".to_owned()),
            Err(_) => {
                let said = item.to_owned();
                EditError::Refused(Refusal::NoSuchName { said, nearest: Vec::new() })
            }
        };
        drop(asked.send(Err(error)));
    }

    /// Waits a moment for what is on its way to the disk.
    pub(super) async fn end_books(&mut self) {
        let until = Instant::now() + LAST_EDIT;
        while !self.books.writes.is_empty() {
            let Ok(result) = tokio::time::timeout_at(until, written(&mut self.books.writes)).await
            else {
                return;
            };
            // Nothing is begun any more; that it was about to be is told after the start.
            if let Some(write) = self.books.writes.front_mut() {
                write.then.retain(|then| !matches!(then, Then::Act(_)));
            }
            self.finish_booking(result);
        }
    }
}

/// What is known before it is worded.
fn said(ripe: &Ripe) -> Said {
    let (cause, name) = match &ripe.entry.task {
        Task::Timer { name, .. } => (Cause::Timer, name.clone()),
        Task::Deed(_) => (Cause::Deed, None),
        Task::Say(_) => (Cause::Broadcast, None),
        Task::Remind(_) => (Cause::Reminder, None),
    };
    let area = ripe.entry.from.area.clone();
    let reply = Reply {
        text: String::new(),
        language: ripe.entry.from.language.clone(),
        kind: ReplyKind::QueryAnswer,
        success: Vec::new(),
        failed: Vec::new(),
        intent: None,
        slots: Vec::new(),
        conversation: ripe.entry.from.conversation.clone(),
        continues: false,
        asks: None,
        elapsed_ms: Vec::new(),
        explained: Explained::default(),
    };
    Said { cause, entry: ripe.entry.id, name, area, reply }
}
