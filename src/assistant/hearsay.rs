//! What was heard may have been something else: of what a recogniser offers, and then of what sounds like it, the first
//! that makes sense in this house is taken, the likeliest first. Where the likeliest makes no sense, another may answer a
//! question or do what does no harm; never may it unlock, heat, arm, run what the owner wrote or keep something for later,
//! nor ask whether it shall. Only what sounds the same, and is only written otherwise, may heat; and one word alone, which
//! may be all that was heard of an order, heats nothing.

use crate::home::Home;
use crate::home::domain::Action;
use crate::home::guard::{self, Risk};
use crate::home::id::EntityId;
use crate::home::person::Means;
use crate::intent::meaning::Errand;
use crate::intent::words::{Echo, Part};
use crate::text::Likely;

use super::memory::{Ask, Talks};
use super::{Answer, Assistant, Code, Kind, Said, Turn};

/// Most other hearings that are tried: each is understood anew, which takes a millisecond or more.
const MOST: usize = 12;
/// What is so little less likely, as a logarithm, may as well have been said: half as likely.
const AS_LIKELY: f32 = 0.7;
/// What sounds so little less alike may as well have been meant; 1 is another sound somewhere.
const TOO_NEAR: f32 = 0.4;

/// What a hearing would do.
type Calls = Vec<(EntityId, Action)>;

impl Assistant {
    /// Understands what was heard or, where that makes no sense in this house, what else it may have been. What was
    /// written and has no others is [`Assistant::hear`].
    pub fn hear_any(&mut self, said: &Said<'_>, others: &[Likely], home: &Home) -> Turn {
        if others.is_empty() && said.means == Means::Written {
            return self.hear(said, home);
        }
        let before = self.talks.clone();
        let mut first = self.hear(said, home);
        if said.means == Means::Spoken && is_one_word(said.text) && heats(&first) {
            self.talks.clone_from(&before);
            first = self.hear(&Said { text: "", ..*said }, home);
        }
        // "Which one?" is asked of what was heard wrong as well.
        let only_asks = matches!(&first, Turn::Answer(answer) if answer.continues)
            && !others.is_empty()
            && !self.asks_whether(said);
        if makes_sense(&first) && !only_asks {
            return first;
        }
        let after = std::mem::replace(&mut self.talks, before.clone());
        let mut turn = self.likeliest(others, said, &before, home);
        if only_asks {
            turn = turn.filter(|turn| matches!(turn, Turn::Act(_)));
        } else if said.means == Means::Spoken {
            turn = turn.or_else(|| self.echoed(said, &before, home));
        }
        turn.unwrap_or_else(|| {
            self.talks = after;
            first
        })
    }

    /// What comes of the first of these that makes sense and may be done, where none that is nearly as likely does
    /// something else.
    fn likeliest(
        &mut self,
        others: &[Likely],
        said: &Said<'_>,
        before: &Talks,
        home: &Home,
    ) -> Option<Turn> {
        let mut best: Option<(&Likely, Option<Calls>)> = None;
        for other in others.iter().take(MOST) {
            if best.as_ref().is_some_and(|(best, _)| other.behind > best.behind + AS_LIKELY) {
                break;
            }
            let Some(turn) = self.hear_instead(&other.text, said, before, home) else { continue };
            let may_be = self.is_harmless(&turn, false, said, home);
            let is_answer = matches!(&turn, Turn::Answer(answer) if !answer.continues);
            let calls = match turn {
                Turn::Act(plan) => Some(plan.calls),
                _ => None,
            };
            match &best {
                Some((_, known)) if *known != calls => return None,
                Some(_) => {}
                None if may_be => best = Some((other, calls)),
                None if is_answer => {}
                // What it may not do could be what was meant.
                None => return None,
            }
        }
        let (best, _) = best?;
        self.hear_instead(&best.text, said, before, home)
    }

    /// What comes of other words, if they make sense.
    fn hear_instead(
        &mut self,
        text: &str,
        said: &Said<'_>,
        before: &Talks,
        home: &Home,
    ) -> Option<Turn> {
        self.talks.clone_from(before);
        let mut turn = self.hear(&Said { text, ..*said }, home);
        explain(&mut turn, format!("heard as `{text}`: `{}` makes no sense here", said.text));
        Some(turn).filter(makes_sense)
    }

    /// What comes of the words that sound most like what was heard and make sense. They do something, or answer what was
    /// heard as a question. Where others sound nearly as alike and do something else, nothing is done.
    fn echoed(&mut self, said: &Said<'_>, before: &Talks, home: &Home) -> Option<Turn> {
        let mut best: Option<(Echo, Calls)> = None;
        let mut answer: Option<String> = None;
        for echo in self.echoes(said, home) {
            let Some(turn) = self.hear_instead(&echo.text, said, before, home) else { continue };
            let may_be = self.is_harmless(&turn, echo.is_same(), said, home);
            match (turn, &best) {
                (Turn::Act(plan), Some((nearest, calls))) if plan.calls != *calls => {
                    if echo.away < nearest.away + TOO_NEAR {
                        return None;
                    }
                }
                (Turn::Act(_), Some(_)) => {}
                (Turn::Act(plan), None) if plan.calls.is_empty() => {}
                (Turn::Act(plan), None) if may_be => best = Some((echo, plan.calls)),
                // What it may not do could be what was meant.
                (Turn::Act(_), None) => return None,
                (_, _) if may_be && said.text.ends_with('?') => answer = answer.or(Some(echo.text)),
                (_, _) => {}
            }
        }
        let text = best.map(|(echo, _)| echo.text).or(answer)?;
        self.hear_instead(&text, said, before, home)
    }

    /// The words and names of which orders of this house are made, in one of its languages.
    pub fn expects(&mut self, language: &str, home: &Home) -> Vec<(String, Part)> {
        self.know(home);
        let known =
            self.languages.iter().find(|known| super::is_same_language(language, &known.code));
        let known = known.and_then(|known| {
            let vocabulary = known.vocabulary.as_ref()?;
            let names = self.indices.get(&known.code)?;
            Some(vocabulary.said(names.get_or_init(|| vocabulary.learn(home))))
        });
        known.unwrap_or_default()
    }

    /// What sounds like it and is made of words that mean something here.
    fn echoes(&self, said: &Said<'_>, home: &Home) -> Vec<Echo> {
        let language = self.languages.get(self.language_of(said));
        let echoes = language.and_then(|language| {
            let vocabulary = language.vocabulary.as_ref()?;
            let names = self.indices.get(&language.code)?;
            Some(vocabulary.echoes(said.text, names.get_or_init(|| vocabulary.learn(home))))
        });
        echoes.unwrap_or_default()
    }

    /// Whether it waits for a yes, or for which of the things that could do harm.
    fn asks_whether(&mut self, said: &Said<'_>) -> bool {
        match self.talk(said).open.as_ref().map(|open| &open.ask) {
            Some(Ask::Really | Ask::Arm(_) | Ask::Which { is_guarded: true, .. }) => true,
            Some(Ask::Which { .. } | Ask::Timer { .. } | Ask::Reminder) | None => false,
        }
    }

    /// Whether it may be done though something else was the likeliest.
    fn is_harmless(&mut self, turn: &Turn, may_heat: bool, said: &Said<'_>, home: &Home) -> bool {
        let asks_whether = self.asks_whether(said);
        let does_no_harm = |(id, action): &(EntityId, Action)| {
            if may_heat && matches!(action, Action::Climate(_)) {
                return true;
            }
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
                // It only asks.
                Turn::Tries(_) => true,
                Turn::Script(_) | Turn::Rules(_) => false,
                Turn::Book(booking) => only_tells_or_adds(&booking.errand),
            }
    }
}

/// "Heat" may be all that was heard of "heating down".
fn is_one_word(text: &str) -> bool {
    text.split_whitespace().count() < 2
}

fn heats(turn: &Turn) -> bool {
    let is_heat = |(_, action): &(EntityId, Action)| matches!(action, Action::Climate(_));
    matches!(turn, Turn::Act(plan) if plan.calls.iter().any(is_heat))
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
        Turn::Script(_) | Turn::Book(_) | Turn::Rules(_) | Turn::Tries(_) => {}
    }
}
