//! Buttons: what each does, who may press it and until when. A button says only a number, which means nothing after a
//! restart; what was pressed once is done once.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::view::View;
use crate::home::id::EntityId;
use crate::home::value::Value;

/// More are forgotten, the oldest first.
const MOST: usize = 4_000;

/// What a button does.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Press {
    /// As if they had said it now.
    Say(String),
    /// The same, of a message of the past.
    SayLate(String),
    /// Nothing is done.
    Leave,
    /// Something is done with a thing.
    Act { entity: EntityId, service: &'static str, field: Option<(&'static str, Value)> },
    /// The same, after a yes.
    Sure { entity: EntityId, service: &'static str, field: Option<(&'static str, Value)> },
    /// Show this instead.
    Show(View),
    /// Send a picture of a camera.
    Camera(EntityId),
    /// Send a chart.
    Chart(EntityId),
    /// Do not tell this again for so many hours.
    Snooze(Vec<String>, u32),
    /// Somebody is let in.
    Pair { code: String, name: String },
}

/// How a set of buttons is offered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offer {
    pub(super) chat: i64,
    /// Who alone may press.
    pub(super) user: i64,
    /// Until then.
    pub(super) lives: Duration,
    /// One of them can be pressed, once.
    pub(super) once: bool,
}

#[derive(Debug)]
struct Kept {
    id: u64,
    set: u64,
    offer: Offer,
    until: Instant,
    /// What is said to another conversation ends it.
    is_answer: bool,
    press: Press,
}

/// What comes of pressing.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Pressing {
    /// This is to be done.
    Do(Press),
    /// It is somebody else's.
    NotYours,
    /// It is used, too old or from before a restart.
    Over,
}

/// All buttons that can be pressed.
#[derive(Debug, Default)]
pub(super) struct Buttons {
    kept: VecDeque<Kept>,
    n_sets: u64,
}

impl Buttons {
    /// Offers these together; what each is to say.
    pub(super) fn offer(
        &mut self,
        offer: Offer,
        presses: impl IntoIterator<Item = Press>,
        now: Instant,
    ) -> Vec<String> {
        self.kept.retain(|kept| kept.until > now);
        self.n_sets += 1;
        let set = self.n_sets;
        let keep = |press: Press| {
            let mut random = [0; 8];
            // Without random numbers it can be guessed, and still only be pressed by whom it is for.
            let _ = getrandom::fill(&mut random);
            let id = u64::from_le_bytes(random);
            let is_answer = matches!(press, Press::Say(_));
            let until = now + offer.lives;
            self.kept.push_back(Kept { id, set, offer, until, is_answer, press });
            format!("{id:016x}")
        };
        let said = presses.into_iter().map(keep).collect();
        while self.kept.len() > MOST {
            self.kept.pop_front();
        }
        said
    }

    /// Presses one.
    pub(super) fn press(&mut self, said: &str, chat: i64, user: i64, now: Instant) -> Pressing {
        self.kept.retain(|kept| kept.until > now);
        let id = u64::from_str_radix(said, 16).ok();
        let found = self.kept.iter().find(|kept| Some(kept.id) == id && kept.offer.chat == chat);
        let Some(kept) = found else { return Pressing::Over };
        if kept.offer.user != user {
            return Pressing::NotYours;
        }
        let (set, press) = (kept.set, kept.press.clone());
        if kept.offer.once {
            self.kept.retain(|kept| kept.set != set);
        }
        Pressing::Do(press)
    }

    /// Somebody said something else: what was asked and what could be undone before is not any more.
    pub(super) fn go_on(&mut self, chat: i64, user: i64) {
        self.kept
            .retain(|kept| !(kept.is_answer && kept.offer.chat == chat && kept.offer.user == user));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(once: bool) -> Offer {
        Offer { chat: -7, user: 1, lives: Duration::from_secs(60), once }
    }

    fn say(text: &str) -> Press {
        Press::Say(text.to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_asker_presses_only_once_and_only_in_time() {
        let (mut buttons, now) = (Buttons::default(), Instant::now());
        let said = buttons.offer(offer(true), [say("yes"), say("no")], now);
        assert!(said.iter().all(|said| said.len() <= 64));
        assert_eq!(buttons.press(&said[0], -7, 2, now), Pressing::NotYours);
        assert_eq!(buttons.press(&said[0], 1, 1, now), Pressing::Over, "in another chat");
        assert_eq!(buttons.press(&said[0], -7, 1, now), Pressing::Do(say("yes")));
        for said in &said {
            assert_eq!(buttons.press(said, -7, 1, now), Pressing::Over, "a second time");
        }
        let said = buttons.offer(offer(true), [say("yes")], now);
        let late = now + Duration::from_secs(60);
        assert_eq!(buttons.press(&said[0], -7, 1, late), Pressing::Over);
        for made_up in ["", "zz", "0", "00000000000000000000000000000000000"] {
            assert_eq!(buttons.press(made_up, -7, 1, now), Pressing::Over);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn controls_can_be_pressed_again_and_answers_end_with_the_next_sentence() {
        let (mut buttons, now) = (Buttons::default(), Instant::now());
        let show = Press::Show(View::Rooms);
        let control = buttons.offer(offer(false), [show.clone()], now);
        let answer = buttons.offer(offer(true), [say("yes")], now);
        let others = buttons.offer(Offer { user: 2, ..offer(true) }, [say("yes")], now);
        buttons.go_on(-7, 1);
        assert_eq!(buttons.press(&answer[0], -7, 1, now), Pressing::Over);
        assert_eq!(buttons.press(&others[0], -7, 2, now), Pressing::Do(say("yes")));
        for _ in 0..2 {
            assert_eq!(buttons.press(&control[0], -7, 1, now), Pressing::Do(show.clone()));
        }
        for _ in 0..MOST {
            buttons.offer(offer(true), [say("x"), say("y")], now);
        }
        assert_eq!(buttons.kept.len(), MOST);
    }
}
