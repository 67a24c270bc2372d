//! Edits on their way to the disk, one at a time: only when it has taken one, the house has it.

use std::sync::Arc;

use tokio::sync::oneshot;
use tracing::warn;

use super::edit::Edit;
use super::event::EditError;
use super::{Hub, MOST_EDITS, Turn, Waiting, read, write};
use crate::storage::Committed;

impl Hub {
    pub(super) fn queue(&mut self, edit: Edit, reply: oneshot::Sender<Result<(), EditError>>) {
        if self.edits.len() >= MOST_EDITS {
            let why = "too many edits are waiting for the disk".to_owned();
            drop(reply.send(Err(EditError::NotKept(why))));
            return;
        }
        self.edits.push_back(Waiting { edit, reply });
        self.next_edit();
    }

    /// Starts writing the next edit, if none is on its way. One at a time, because an edit's
    /// records are made from the house as the one before left it.
    fn next_edit(&mut self) {
        while self.in_flight.is_none() {
            let Some(waiting) = self.edits.pop_front() else { return };
            match waiting.edit.records(&read(&self.home)) {
                Ok(keeps) => {
                    let answer = self.writer.write_now(keeps);
                    self.in_flight = Some((waiting, answer));
                }
                Err(refusal) => drop(waiting.reply.send(Err(EditError::Refused(refusal)))),
            }
        }
    }

    /// The disk has taken an edit, or not. Only then the house has it.
    pub(super) fn finish_edit(&mut self, result: Result<Committed, String>) {
        let Some((Waiting { edit, reply }, _)) = self.in_flight.take() else { return };
        match result {
            Ok(committed) => {
                let now = self.clock.now();
                let mut turn = Turn::default();
                let result = {
                    let shared = Arc::clone(&self.home);
                    let mut home = write(&shared);
                    // Marked in either case: should the house have changed meanwhile so that the
                    // edit no longer fits, the disk must follow the house.
                    turn.changes.registry.push(edit.touched());
                    let result = edit.apply(&mut home, now, &mut turn);
                    self.note_changes(now, &mut turn);
                    result
                };
                drop(committed);
                drop(reply.send(result.map_err(EditError::Refused)));
                self.send_out(turn);
            }
            Err(why) => {
                warn!(error = %why, "Edit not written, so not made.");
                drop(reply.send(Err(EditError::NotKept(why))));
            }
        }
        self.next_edit();
    }
}
