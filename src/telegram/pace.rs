//! How fast may be written: the limits of the Bot API, 30 messages a second over all and one a second in one chat, and in a
//! group twenty a minute. Whoever wants to write is told when it is their turn.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// So many in a second over all; the limit is 30.
const OVER_ALL: usize = 28;
const SECOND: Duration = Duration::from_secs(1);
/// Between two messages in a chat.
const IN_A_CHAT: Duration = SECOND;
/// Between two in a group: twenty a minute.
const IN_A_GROUP: Duration = Duration::from_secs(3);

/// Who writes when.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<Turns>);

#[derive(Debug, Default)]
struct Turns {
    /// The last turns over all, in order.
    last: VecDeque<Instant>,
    /// When a chat has its next.
    chats: BTreeMap<i64, Instant>,
    /// Nobody writes before.
    held: Option<Instant>,
}

impl Pace {
    /// When it is this chat's turn. The turn is taken by asking.
    pub(super) fn turn(&self, chat: i64, now: Instant) -> Instant {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Turns { last, chats, held } = &mut *turns;
        chats.retain(|_, next| *next > now);
        let mut at = now.max(chats.get(&chat).copied().unwrap_or(now));
        at = at.max(held.unwrap_or(now));
        while last.front().is_some_and(|one| *one + SECOND <= now) {
            last.pop_front();
        }
        // As many as may be within the second before this turn.
        let mut earlier: Vec<Instant> = last.iter().copied().collect();
        earlier.sort_unstable();
        while let Some(first) =
            earlier.iter().rev().filter(|one| **one <= at && **one + SECOND > at).nth(OVER_ALL - 1)
        {
            at = *first + SECOND;
        }
        last.push_back(at);
        // Numbers of groups are negative.
        chats.insert(chat, at + if chat < 0 { IN_A_GROUP } else { IN_A_CHAT });
        at
    }

    /// Telegram wants a pause.
    pub(super) fn hold(&self, until: Instant) {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.held = Some(turns.held.map_or(until, |held| held.max(until)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_limits_hold_however_much_is_to_be_written() {
        let (pace, now) = (Pace::default(), Instant::now());
        let mut all = Vec::new();
        for n in 0..300_i64 {
            all.push((n % 50 + 1, pace.turn(n % 50 + 1, now)));
        }
        all.push((-1, pace.turn(-1, now)));
        all.push((-1, pace.turn(-1, now)));
        for (chat, at) in &all {
            let within = |one: &Instant| *one >= *at && *one < *at + SECOND;
            assert!(all.iter().filter(|(_, one)| within(one)).count() <= 30);
            let same = all.iter().filter(|(one, other)| one == chat && within(other)).count();
            assert_eq!(same, 1, "one a second in a chat");
        }
        let groups: Vec<_> = all.iter().filter(|(chat, _)| *chat < 0).collect();
        assert_eq!(groups[1].1 - groups[0].1, IN_A_GROUP);
        assert!(all.iter().map(|(_, at)| *at).max().unwrap() < now + Duration::from_secs(20));
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_word_waits_for_nothing_and_a_pause_is_kept() {
        let (pace, now) = (Pace::default(), Instant::now());
        assert_eq!(pace.turn(1, now), now);
        pace.hold(now + Duration::from_secs(7));
        assert_eq!(pace.turn(2, now), now + Duration::from_secs(7));
        assert_eq!(pace.turn(3, now + Duration::from_secs(9)), now + Duration::from_secs(9));
    }
}
