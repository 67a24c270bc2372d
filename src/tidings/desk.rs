//! Who is told what, and when: by role and rooms, not at night unless it is a danger, not what was put off, and what comes
//! together as one. Pure.

use jiff::civil::Time;
use jiff::{SignedDuration, Timestamp, Zoned};

use super::{Kind, Tiding};
use crate::home::Home;
use crate::home::person::{Rights, Role};

/// Nobody who sleeps is woken by a battery, unless they want other hours: minutes of the day.
pub const NIGHT: (u16, u16) = (22 * 60, 7 * 60);
/// So long more of the same may come, to be told with it.
const TOGETHER: (SignedDuration, SignedDuration) =
    (SignedDuration::from_millis(500), SignedDuration::from_secs(5));
/// Between two messages that are no danger.
const APART: SignedDuration = SignedDuration::from_secs(60);
/// More wait for nobody; what is more is counted.
const MOST: usize = 50;

/// What somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wishes {
    /// Only dangers until then.
    pub muted_until: Timestamp,
    /// Only dangers between these minutes of the day; equal ones are no time.
    pub quiet: (u16, u16),
    /// Keys of tidings that were put off, each until then.
    pub snoozed: Vec<(String, Timestamp)>,
}

impl Default for Wishes {
    fn default() -> Self {
        Self { muted_until: Timestamp::UNIX_EPOCH, quiet: NIGHT, snoozed: Vec::new() }
    }
}

/// When something is told to somebody; `None` is never.
pub fn when(
    tiding: &Tiding,
    to: &Rights,
    wishes: &Wishes,
    home: &Home,
    now: &Zoned,
) -> Option<Timestamp> {
    let at = now.timestamp();
    if !is_for(tiding, to, home) {
        return None;
    }
    let is_snoozed = |(key, until): &(String, Timestamp)| *key == tiding.key() && *until > at;
    if wishes.snoozed.iter().any(is_snoozed) {
        return None;
    }
    if tiding.kind.is_danger() {
        return Some(at + TOGETHER.0);
    }
    if wishes.muted_until > at {
        return None;
    }
    Some(end_of_quiet(wishes.quiet, now).unwrap_or(at) + TOGETHER.1)
}

/// Whether it is somebody's business: a guest's it never is, a child's only where there is danger, and of rooms only who may see them.
fn is_for(tiding: &Tiding, to: &Rights, home: &Home) -> bool {
    let is_for_role = match to.role {
        Role::Admin | Role::Adult => true,
        Role::Child => tiding.kind.is_danger() || tiding.kind == Kind::Announced,
        Role::Guest => false,
    };
    let sees = |id: &crate::home::id::EntityId| {
        home.entity(id.as_str()).is_some_and(|entity| to.sees(entity, home))
    };
    is_for_role && tiding.entity.as_ref().is_none_or(sees)
}

/// When the quiet hours are over, if it is one of them.
fn end_of_quiet((from, to): (u16, u16), now: &Zoned) -> Option<Timestamp> {
    let minute = now.hour() as u16 * 60 + now.minute() as u16;
    let is_quiet = match from <= to {
        true => (from..to).contains(&minute),
        false => minute >= from || minute < to,
    };
    if !is_quiet {
        return None;
    }
    let end = Time::new((to / 60).min(23) as i8, (to % 60) as i8, 0, 0).ok()?;
    let day = if minute < to { now.date() } else { now.date().tomorrow().ok()? };
    day.to_datetime(end).to_zoned(now.time_zone().clone()).ok().map(|at| at.timestamp())
}

/// What somebody is to be told.
#[derive(Debug, Clone, Default)]
pub struct Pile {
    waiting: Vec<(Timestamp, Tiding)>,
    n_more: usize,
    told_at: Option<Timestamp>,
}

impl Pile {
    /// Puts something on it. What is over before it was told is not told at all.
    pub fn add(&mut self, tiding: Tiding, at: Timestamp) {
        let same = self.waiting.iter().position(|(_, one)| one.key() == tiding.key());
        if let Some(same) = same
            && tiding.kind != Kind::Announced
            && tiding.kind != Kind::Missed
        {
            let (_, before) = self.waiting.remove(same);
            // Of a danger both are told: that it was, and that it is over.
            if before.is_over != tiding.is_over && !tiding.kind.is_danger() {
                return;
            }
            if before.is_over != tiding.is_over {
                self.waiting.insert(same, (at, before));
            }
        }
        let is_danger = tiding.kind.is_danger();
        let at = match self.told_at {
            Some(told_at) if !is_danger => at.max(told_at + APART),
            _ => at,
        };
        if self.waiting.len() < MOST || is_danger && self.waiting.len() < 2 * MOST {
            self.waiting.push((at, tiding));
        } else {
            self.n_more += 1;
        }
    }

    /// When something is to be told next.
    pub fn next(&self) -> Option<Timestamp> {
        self.waiting.iter().map(|(at, _)| *at).min()
    }

    /// Whether something was told so lately that more has to wait for it.
    pub fn is_recent(&self, now: Timestamp) -> bool {
        self.told_at.is_some_and(|at| now.duration_since(at).abs() < APART)
    }

    /// What is to be told now, dangers first, and how much more there would have been.
    pub fn take(&mut self, now: Timestamp) -> Option<(Vec<Tiding>, usize)> {
        if self.next().is_none_or(|at| at > now) {
            return None;
        }
        let (mut ripe, left): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|(at, _)| *at <= now);
        self.waiting = left;
        ripe.sort_by_key(|(_, tiding)| !tiding.kind.is_danger());
        let ripe: Vec<Tiding> = ripe.into_iter().map(|(_, tiding)| tiding).collect();
        // What was left out was no danger, and is told with its like.
        let is_calm = ripe.iter().any(|tiding| !tiding.kind.is_danger());
        if !is_calm {
            return Some((ripe, 0));
        }
        self.told_at = Some(now);
        Some((ripe, std::mem::take(&mut self.n_more)))
    }
}
