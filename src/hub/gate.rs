//! The one gate for what is asked of the house: whatever way it came by, it may do no more than its rights. What may be
//! done with a thing is told by `home::guard`; [`super::asks`] holds each wish against it.

use std::sync::Arc;

use super::asks::Answer;
use super::edit::Edit;
use super::event::{Books, EditError, Query};
use super::rules::Then;
use super::{Hub, Turn, read};
use crate::home::action::Refusal;
use crate::home::person::{Matter, Rights};

impl Hub {
    /// Takes in what is asked.
    pub(super) fn take_query(&mut self, by: &Rights, query: Query, turn: &mut Turn) {
        match query {
            Query::Act { wishes, patience, reply } => {
                let shared = Arc::clone(&self.home);
                let home = read(&shared);
                let answer = Answer::Done(reply);
                self.asks.begin(by, &home, wishes, patience, answer, &mut turn.effects);
                self.asks.finish(&home, &self.dirty);
                self.say(turn);
            }
            Query::Hear(mut utterance, reply) => {
                utterance.origin.by = by.clone();
                match self.unheard.is_empty() && self.is_ear_ready() {
                    true => self.hear(utterance, reply, turn),
                    false => self.hear_later(utterance, reply),
                }
            }
            Query::EditEntity(.., reply)
            | Query::EditDevice(.., reply)
            | Query::PutFloor(_, reply)
            | Query::RemoveFloor(_, reply)
            | Query::PutArea(_, reply)
            | Query::RemoveArea(_, reply)
            | Query::RemoveEntity(_, reply)
            | Query::Cancel(_, reply)
                if !by.allow(Matter::House) =>
            {
                drop(reply.send(Err(EditError::Refused(Refusal::NotAllowed))));
            }
            Query::EditEntity(id, edit, reply) => self.queue(Edit::Entity(id, edit), reply),
            Query::EditDevice(id, edit, reply) => self.queue(Edit::Device(id, edit), reply),
            Query::PutFloor(floor, reply) => self.queue(Edit::PutFloor(floor), reply),
            Query::RemoveFloor(id, reply) => self.queue(Edit::RemoveFloor(id), reply),
            Query::PutArea(area, reply) => self.queue(Edit::PutArea(area), reply),
            Query::RemoveArea(id, reply) => self.queue(Edit::RemoveArea(id), reply),
            Query::RemoveEntity(id, reply) => self.queue(Edit::RemoveEntity(id), reply),
            Query::PutRule { reply, .. } | Query::ForgetRule(_, reply)
                if !by.allow(Matter::Daemon) =>
            {
                drop(reply.send(Err(EditError::Refused(Refusal::NotAllowed))));
            }
            Query::PutRule { key, source, reply } => {
                self.put_rule(by, &key, &source, Then::Answer(reply), turn);
            }
            Query::ForgetRule(key, reply) => {
                self.forget_rule(&key, Then::Answer(reply), turn);
            }
            Query::Trial { reply, .. } if !by.allow(Matter::Daemon) => drop(reply.send(None)),
            Query::Trial { key, source, reply } => self.try_rule(by, key, source, reply),
            Query::Rules(reply) if !by.allow(Matter::Agenda) => drop(reply.send(Vec::new())),
            Query::Rules(reply) => drop(reply.send(self.rule_views())),
            Query::Agenda(reply) if !by.allow(Matter::Agenda) => {
                drop(reply.send(Books {
                    entries: Vec::new(),
                    lists: Vec::new(),
                    ..self.books_now()
                }));
            }
            Query::Agenda(reply) => drop(reply.send(self.books_now())),
            Query::Cancel(id, reply) => self.cancel(id, reply),
            Query::EditList { reply, .. } if !by.allow(Matter::Agenda) => {
                drop(reply.send(Err(EditError::Refused(Refusal::NotAllowed))));
            }
            Query::EditList { list, item, edit, reply } => {
                self.edit_list(list.as_deref(), &item, edit, reply);
            }
            Query::Problems(reply) => {
                let may_see = by.allow(Matter::House);
                drop(reply.send(if may_see { self.problems.list() } else { Vec::new() }));
            }
            // Of what somebody may see of it, whoever shows it to them keeps account.
            Query::History(reply) => drop(reply.send(self.writer.history().cloned())),
            Query::Counters(reply) => drop(reply.send(self.counters())),
        }
    }
}
