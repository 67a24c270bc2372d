//! What was heard may have been something else: of what a recogniser offers, the first that makes sense in this house is
//! taken, the likeliest first. Where the likeliest makes no sense, another may answer a question or do what does no
//! harm; never may it unlock, heat, arm, run what the owner wrote or keep something for later, nor ask whether it shall.

use crate::home::Home;
use crate::home::domain::Action;
use crate::home::guard::{self, Risk};
use crate::home::id::EntityId;
use crate::intent::meaning::Errand;

use super::memory::Ask;
use super::{Answer, Assistant, Code, Kind, Said, Turn};

/// Most other hearings that are tried: each is understood anew, which takes a millisecond or more.
const MOST: usize = 5;

impl Assistant {
    /// Understands what was heard or, where that makes no sense in this house, what else it may have been. With nothing
    /// else it is [`Assistant::hear`].
    pub fn hear_any(&mut self, said: &Said<'_>, others: &[String], home: &Home) -> Turn {
        if others.is_empty() {
            return self.hear(said, home);
        }
        let before = self.talks.clone();
        let first = self.hear(said, home);
        if makes_sense(&first) {
            return first;
        }
        let after = std::mem::replace(&mut self.talks, before.clone());
        for other in others.iter().take(MOST) {
            let mut turn = self.hear(&Said { text: other, ..*said }, home);
            if makes_sense(&turn) && self.is_harmless(&turn, said, home) {
                explain(
                    &mut turn,
                    format!("heard as `{other}`: `{}` makes no sense here", said.text),
                );
                return turn;
            }
            self.talks.clone_from(&before);
        }
        self.talks = after;
        first
    }

    /// Whether it may be done though something else was the likeliest.
    fn is_harmless(&mut self, turn: &Turn, said: &Said<'_>, home: &Home) -> bool {
        let asks_whether = match self.talk(said).open.as_ref().map(|open| &open.ask) {
            Some(Ask::Really | Ask::Which { is_guarded: true, .. }) => true,
            Some(Ask::Which { .. } | Ask::Timer { .. }) | None => false,
        };
        let does_no_harm = |(id, action): &(EntityId, Action)| {
            // What a scene or a button does is not known.
            let is_known = !matches!(action, Action::Scene(_) | Action::Button(_));
            home.entity(id.as_str()).is_some_and(|entity| {
                let risk = guard::risk(entity, action, home);
                is_known && risk == Risk::Harmless && !guard::is_guarded(entity, home)
            })
        };
        !asks_whether
            && match turn {
                Turn::Answer(answer) => !matches!(answer.kind, Kind::Error(_)) || answer.continues,
                Turn::Act(plan) => plan.is_all_now() && plan.calls.iter().all(does_no_harm),
                Turn::Script(_) => false,
                Turn::Book(booking) => only_tells_or_adds(&booking.errand),
            }
    }
}

/// A timer or an item too many does no harm.
fn only_tells_or_adds(errand: &Errand) -> bool {
    matches!(
        errand,
        Errand::StartTimer { then: None, .. }
            | Errand::TimerStatus(_)
            | Errand::AddItem { .. }
            | Errand::ShowList(_)
            | Errand::Plans
            | Errand::Weather(_)
            | Errand::Respond
    )
}

/// It says something in this house, if only that it may not be.
fn makes_sense(turn: &Turn) -> bool {
    let Turn::Answer(answer) = turn else { return true };
    let is_lost = matches!(answer.kind, Kind::Error(Code::NoIntentMatch | Code::NoValidTargets));
    answer.continues || !is_lost
}

fn explain(turn: &mut Turn, why: String) {
    match turn {
        Turn::Answer(Answer { why: known, .. }) => known.push(why),
        Turn::Act(plan) => plan.why.push(why),
        Turn::Script(_) | Turn::Book(_) => {}
    }
}
