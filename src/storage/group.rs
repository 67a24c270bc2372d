//! Retained messages that are written together.

use std::collections::BTreeMap;

use super::budget::Lane;
use super::retained::RetainedChange;
use super::writer::group_records;

/// Payload bytes of one transaction of retained messages. LMDB keeps the memory of the largest one.
const GROUP_BYTES: usize = 1 << 18;

/// The next messages that share a transaction.
pub(super) fn take_group(
    lane: Lane,
    waiting: &mut BTreeMap<String, (Lane, RetainedChange)>,
) -> Vec<RetainedChange> {
    let mut n_bytes = 0;
    let mut group = Vec::new();
    while group.len() < group_records(lane)
        && n_bytes < GROUP_BYTES
        && let Some((_, (_, change))) = waiting.pop_first()
    {
        if let RetainedChange::Set(message) = &change {
            n_bytes += message.payload.len();
        }
        group.push(change);
    }
    group
}
