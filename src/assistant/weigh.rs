//! Which of several readings of an utterance counts. The owner's sentences come before everything.
//! Then Homard's own sentences and the words make one reading and the official pack's sentences
//! another, and what each would come to in this home decides:
//!
//! 1. Do both come to the same, the sentence is right about its slots, so its reading is taken.
//! 2. Do they differ, the reading by words is: it looks at the whole home, where a pack's sentence
//!    fixes one kind of thing ("nursery to 21" as a brightness).
//! 3. A reading that finds nothing in the home gives way to one that does.
//! 4. What only the pack understands counts if a wish says what is to be done: "bedroom lamp" alone
//!    is half a sentence, even if a pack has a template for it.
//!
//! It looks and plans, but nothing is done or remembered here. What lost is kept as
//! [`Reading::rivals`], so that a person can see why.

use std::sync::Arc;

use crate::home::Home;
use crate::home::domain::Action;
use crate::home::id::EntityId;
use crate::home::place::Area;
use crate::home::target::TargetWords;
use crate::intent::meaning::{
    About, Asked, Errand, Memory, Question, Reading, Step, Talk, Understanding, Way, What, When,
};
use crate::intent::rule::{HalfRule, RuleErrand, RuleWords};
use crate::intent::words::Situation;

use super::answer::{asked_about, fact, is_in_state};
use super::language::{Language, Sentences};
use super::plan::{Instead, Planned, Told};
use super::{Assistant, Said, clean, wish};

/// Most readings that are told beside the one that counts.
const MOST_RIVALS: usize = 4;
/// The score of a reading that finds nothing in the home, in parts of its own.
const FINDS_NOTHING: f64 = 0.5;
/// The score of a reading with a word that was not understood.
const LOST: f64 = 0.25;

/// What a reading would come to in this home, to compare it with another.
#[derive(Debug, PartialEq)]
enum Effect<'a> {
    /// Something is done, now, later or after a yes.
    Acts(Vec<Deed>),
    /// One of these has to be chosen.
    Asks(Vec<EntityId>),
    /// Something is told of these, and whether each is as was asked.
    Tells(Asked, &'a About, Vec<(EntityId, bool)>),
    /// It needs no device.
    Errand(&'a Errand),
    /// As well.
    Talk(Talk),
    /// A condition does not hold, or the like: it is told why nothing happens.
    Explains,
    /// Understood, but nothing in the home is meant by it or can do it.
    Nothing,
    /// Not understood.
    Lost,
}

/// What happens to one entity, and when.
#[derive(Debug, PartialEq)]
struct Deed {
    entity: EntityId,
    action: Option<Action>,
    when: When,
    lasting_s: Option<f64>,
}

impl Effect<'_> {
    fn is_useful(&self) -> bool {
        !matches!(self, Effect::Nothing | Effect::Lost)
    }

    /// Part of its own score that a reading keeps.
    fn weight(&self) -> f64 {
        match self {
            Effect::Lost => LOST,
            Effect::Nothing => FINDS_NOTHING,
            _ => 1.0,
        }
    }
}

impl Assistant {
    /// Understands in the language said, else in any other that the assistant speaks. The second
    /// value is the language to answer in. `memory` is what was spoken of.
    pub(super) fn understand(
        &self,
        said: &Said<'_>,
        home: &Home,
        here: Option<&Area>,
        memory: &Memory,
    ) -> (Understanding, usize) {
        let first = self.language_of(said);
        let mut lost = (Understanding::Nothing, first);
        let mut n_known = 0;
        let mut by_pack = None;
        for (index, language) in self.spoken(said) {
            let scale = Scale { assistant: self, language, said, home, here, memory };
            let understanding = scale.weigh();
            if !is_lost(&understanding) {
                return (understanding, index);
            }
            // Another language may know all the words; if none does, the one that knows most of
            // them is spoken.
            match scale.known_words() {
                Some(n) if index == first || n > n_known => {
                    n_known = n;
                    lost = (understanding, index);
                }
                Some(_) => {}
                None if understanding != Understanding::Nothing => {
                    by_pack.get_or_insert((understanding, index));
                }
                None => {}
            }
        }
        match by_pack {
            Some(told) if lost.0 == Understanding::Nothing => told,
            _ => lost,
        }
    }
}

impl Assistant {
    /// The reminder that an utterance and the answer to what was missing of it make.
    pub(super) fn reminder(
        &self,
        said: &Said<'_>,
        answer: Option<&str>,
        language: &std::sync::Arc<Language>,
        here: Option<&Area>,
        home: &Home,
    ) -> Option<Understanding> {
        let memory = &Memory::default();
        let scale = Scale { assistant: self, language, said, home, here, memory };
        scale.with_words(|words, there| words.reminder(said.text, answer, there)).flatten()
    }
}

impl Assistant {
    /// What is to happen by itself, and in which language that was said.
    pub(super) fn rule_words(
        &self,
        said: &Said<'_>,
        here: Option<&Area>,
        home: &Home,
    ) -> Option<(RuleWords, Arc<Language>)> {
        let memory = &Memory::default();
        self.spoken(said).find_map(|(_, language)| {
            let scale = Scale { assistant: self, language, said, home, here, memory };
            let words = scale.with_words(|words, there| words.rule(said.text, there)).flatten()?;
            Some((words, Arc::clone(language)))
        })
    }

    /// What of a rule is understood, where one half of it is not.
    pub(super) fn half_rule(
        &self,
        said: &Said<'_>,
        here: Option<&Area>,
        home: &Home,
    ) -> Option<(HalfRule, Arc<Language>)> {
        let memory = &Memory::default();
        self.spoken(said).find_map(|(_, language)| {
            let scale = Scale { assistant: self, language, said, home, here, memory };
            let half =
                scale.with_words(|words, there| words.half_rule(said.text, there)).flatten()?;
            Some((half, Arc::clone(language)))
        })
    }

    /// What is asked of the rules that there are, and in which language.
    pub(super) fn errand_of_rules(
        &self,
        said: &Said<'_>,
        goes_on: bool,
        here: Option<&Area>,
        home: &Home,
    ) -> Option<(RuleErrand, Reading, Arc<Language>)> {
        let memory = &Memory::default();
        self.spoken(said).find_map(|(_, language)| {
            let scale = Scale { assistant: self, language, said, home, here, memory };
            let asked =
                scale.with_words(|words, there| words.rule_errand(said.text, goes_on, there));
            let (errand, reading) = asked.flatten()?;
            Some((errand, reading, Arc::clone(language)))
        })
    }
}

/// An utterance in one language, to be weighed.
struct Scale<'a> {
    assistant: &'a Assistant,
    language: &'a std::sync::Arc<Language>,
    said: &'a Said<'a>,
    home: &'a Home,
    here: Option<&'a Area>,
    memory: &'a Memory,
}

impl Scale<'_> {
    fn weigh(&self) -> Understanding {
        let owner = self.by_sentence(Sentences::Owner);
        if !is_lost(&owner) {
            return owner;
        }
        // Before all sentences: of what somebody wants to be reminded is not to be done.
        let reminder = self.with_words(|words, there| words.reminder(self.said.text, None, there));
        if let Some(reminder) = reminder.flatten() {
            return reminder;
        }
        let (ours, passed) = self.ours();
        let pack = self.by_sentence(Sentences::Pack);
        let mut weighed = self.choose(ours, pack);
        weighed.losers.extend(passed);
        weighed.losers.push(owner);
        // Which word is not known, whoever says so.
        if weighed.best == Understanding::Nothing
            && let Some(told) = weighed.losers.iter().rposition(says_what)
        {
            weighed.best = weighed.losers.remove(told);
        }
        self.explained(weighed)
    }

    /// Homard's own sentences and the words; the second value is what was passed over.
    fn ours(&self) -> (Understanding, Option<Understanding>) {
        let by_sentence = self.by_sentence(Sentences::Own);
        let is_vague = names_nothing(&by_sentence);
        let asks = asks(self.said.text);
        let finds_nothing =
            matches!(by_sentence, Understanding::Wish(..) | Understanding::Errand(..))
                && !is_vague
                && self.effect(&by_sentence) == Effect::Nothing;
        // "In an hour and a half turn off the TV": the words know where the time ends.
        let is_deferred = matches!(
            by_sentence,
            Understanding::Errand(Errand::StartTimer { then: Some(_), .. }, _)
        );
        if !is_lost(&by_sentence) && !is_vague && !asks && !finds_nothing && !is_deferred {
            return (by_sentence, None);
        }
        let by_words = self.by_words();
        let finds_less = finds_nothing && self.effect(&by_words).is_useful();
        let is_asked = asks
            && matches!(by_sentence, Understanding::Wish(..))
            && matches!(by_words, Understanding::Question(..));
        let takes_words = match &by_sentence {
            // "Lights on upstairs?"
            _ if is_asked => true,
            _ if finds_less => true,
            _ if is_deferred => is_for_later(&by_words),
            // A sentence for a kind of thing gives way to words that name one.
            _ if is_vague => names_one(&by_words),
            sentence if is_lost(sentence) => by_words != Understanding::Nothing,
            _ => false,
        };
        match takes_words {
            true => (by_words, Some(by_sentence)),
            false => (by_sentence, Some(by_words)),
        }
    }

    fn choose(&self, ours: Understanding, pack: Understanding) -> Weighed {
        if is_lost(&pack) {
            return match ours {
                Understanding::Nothing => Weighed::of(pack, ours, ""),
                ours => Weighed::of(ours, pack, ""),
            };
        }
        if self.language.vocabulary.is_none() && ours == Understanding::Nothing {
            return Weighed::of(pack, ours, "");
        }
        let (our_effect, pack_effect) = (self.effect(&ours), self.effect(&pack));
        if our_effect == pack_effect {
            return Weighed::of(pack, ours, "the words say the same as the sentence");
        }
        if let (Understanding::Wish(our_steps, _), Understanding::Wish(its_steps, _)) =
            (&ours, &pack)
            && is_same_but_value(our_steps, its_steps)
            && is_on_same(&our_effect, &pack_effect)
        {
            return Weighed::of(pack, ours, "the sentence says which value is meant");
        }
        if matches!(our_effect, Effect::Errand(_)) && matches!(pack_effect, Effect::Errand(_)) {
            return Weighed::of(pack, ours, "of two sentences for the books, the pack's");
        }
        if our_effect.is_useful() {
            return Weighed::of(ours, pack, "a sentence of the pack would do something else here");
        }
        if !pack_effect.is_useful() {
            // What was looked for and not found says more than a word that is not known.
            return match is_lost(&ours) {
                true => Weighed::of(pack, ours, "the sentence has no unknown word"),
                false => Weighed::of(ours, pack, ""),
            };
        }
        if matches!(pack, Understanding::Wish(..)) && !self.says_deed() {
            return Weighed::of(ours, pack, "no word says what is to be done");
        }
        Weighed::of(pack, ours, "only the sentence finds something in this home")
    }

    fn by_sentence(&self, sentences: Sentences) -> Understanding {
        let area = self.here.map(|area| area.name.as_str());
        self.language.understand(sentences, self.said.text, area, &self.assistant.lists)
    }

    /// What an utterance means by its words, if the language has a vocabulary.
    fn by_words(&self) -> Understanding {
        self.with_words(|vocabulary, situation| vocabulary.understand(self.said.text, situation))
            .unwrap_or(Understanding::Nothing)
    }

    /// Whether some word says what is to be done; true in a language whose words are not known.
    fn says_deed(&self) -> bool {
        self.with_words(|vocabulary, situation| vocabulary.says_deed(self.said.text, situation))
            .unwrap_or(true)
    }

    /// How many words it knows; `None` in a language whose words are not known.
    fn known_words(&self) -> Option<usize> {
        self.with_words(|vocabulary, situation| vocabulary.n_known(self.said.text, situation))
    }

    fn with_words<T>(
        &self,
        ask: impl FnOnce(&crate::intent::words::Vocabulary, &Situation<'_>) -> T,
    ) -> Option<T> {
        let Scale { language, home, here, memory, .. } = *self;
        let vocabulary = language.vocabulary.as_ref()?;
        // A language that nobody speaks learns no names: they take as much memory as it does.
        let names = self.assistant.indices.get(&language.code)?;
        let names = names.get_or_init(|| vocabulary.learn(home));
        Some(ask(vocabulary, &Situation { home, names, here, memory }))
    }

    /// What an understanding would come to.
    fn effect<'u>(&self, understanding: &'u Understanding) -> Effect<'u> {
        match understanding {
            Understanding::Wish(steps, reading) => self.wished(steps, reading),
            Understanding::Question(question, _) => {
                let Question { kind, state, about, .. } = &**question;
                match asked_about(question, self.here, self.home) {
                    Ok(mut found) => {
                        found.sort();
                        let state = state.as_deref();
                        let is_so = |id: &EntityId| {
                            let entity = self.home.entity(id.as_str());
                            entity.zip(state).is_some_and(|(e, state)| is_in_state(&fact(e), state))
                        };
                        let found = found.into_iter().map(|id| (id.clone(), is_so(&id)));
                        Effect::Tells(*kind, about, found.collect())
                    }
                    Err(_) => Effect::Nothing,
                }
            }
            // No house has a player yet: "not so loud" is rather of a lamp that was spoken of.
            Understanding::Errand(Errand::Media { .. }, _) => Effect::Nothing,
            Understanding::Errand(Errand::Clean { name, area }, _)
                if !clean::can_clean(name.as_deref(), area, self.home) =>
            {
                Effect::Nothing
            }
            Understanding::Errand(errand, _) => Effect::Errand(errand),
            Understanding::Talk(talk, _) => Effect::Talk(*talk),
            Understanding::UnknownName(..)
            | Understanding::Unexplained(..)
            | Understanding::Nothing => Effect::Lost,
        }
    }

    fn wished(&self, steps: &[Step], reading: &Reading) -> Effect<'static> {
        let planner = self.assistant.planner(self.language, self.said, self.here, self.home, false);
        let plan = match planner.plan(steps, reading.clone(), None) {
            Planned::Which { mut candidates, .. } => {
                candidates.sort();
                return Effect::Asks(candidates);
            }
            Planned::Plan(plan) => plan,
        };
        let now = |(entity, action): &(EntityId, Action)| Deed {
            entity: entity.clone(),
            action: Some(action.clone()),
            when: When::Now,
            lasting_s: None,
        };
        let mut deeds: Vec<Deed> = plan.calls.iter().map(now).collect();
        for step in plan.asks.iter().chain(&plan.later) {
            deeds.extend(step.command.target.entities.iter().map(|id| {
                Deed {
                    entity: id.clone(),
                    action: self
                        .home
                        .entity(id.as_str())
                        .and_then(|entity| wish::action(&step.command.what, entity).ok()),
                    when: step.when,
                    lasting_s: step.lasting_s,
                }
            }));
        }
        deeds.sort_by(|a, b| a.entity.cmp(&b.entity));
        let is_told = |told: &Told| {
            matches!(told, Told::Undone)
                || matches!(told, Told::Instead(instead) if !matches!(instead, Instead::NoTarget(_)))
        };
        match deeds.is_empty() {
            false => Effect::Acts(deeds),
            true if plan.parts.iter().any(|part| is_told(&part.told)) => Effect::Explains,
            true => Effect::Nothing,
        }
    }

    /// The winner with what it won against, and why.
    fn explained(&self, weighed: Weighed) -> Understanding {
        let Weighed { mut best, losers, why } = weighed;
        let mut rivals: Vec<(String, f64)> = losers
            .iter()
            .filter_map(|lost| {
                let score = reading(lost)?.score * self.effect(lost).weight();
                Some((described(lost)?, (score * 100.0).round() / 100.0))
            })
            .collect();
        if let Some(reading) = reading_mut(&mut best) {
            rivals.append(&mut reading.rivals);
            rivals.sort_by(|a, b| b.1.total_cmp(&a.1));
            rivals.truncate(MOST_RIVALS);
            reading.rivals = rivals;
            reading.why.extend(why);
        }
        best
    }
}

/// The reading that counts and those that do not.
struct Weighed {
    best: Understanding,
    losers: Vec<Understanding>,
    why: Option<String>,
}

impl Weighed {
    fn of(best: Understanding, lost: Understanding, why: &str) -> Weighed {
        let why = (!why.is_empty()).then(|| why.to_owned());
        Weighed { best, losers: vec![lost], why }
    }
}

/// Whether one thing is wished both times, with another value perhaps.
fn is_same_but_value(a: &[Step], b: &[Step]) -> bool {
    let kind = |step: &Step| (std::mem::discriminant(&step.command.what), step.when);
    // Of a fan's speed the words know better: a small number is one of its steps, not percent.
    let is_speed = |step: &Step| matches!(step.command.what, What::Speed(_));
    matches!((a, b), ([a], [b])
        if kind(a) == kind(b) && a.lasting_s == b.lasting_s && !is_speed(a))
}

/// Whether the same entities are acted on.
fn is_on_same(a: &Effect<'_>, b: &Effect<'_>) -> bool {
    match (a, b) {
        (Effect::Acts(a), Effect::Acts(b)) => {
            a.iter().map(|deed| &deed.entity).eq(b.iter().map(|deed| &deed.entity))
        }
        _ => false,
    }
}

/// Whether all of a wish waits for its time.
fn is_for_later(understanding: &Understanding) -> bool {
    match understanding {
        Understanding::Wish(steps, _) => steps.iter().all(|step| step.when != When::Now),
        _ => false,
    }
}

/// Whether nothing that could be done or told was understood.
pub(super) fn is_lost(understanding: &Understanding) -> bool {
    matches!(
        understanding,
        Understanding::Nothing | Understanding::UnknownName(..) | Understanding::Unexplained(..)
    )
}

/// Whether it says which word is not known.
fn says_what(understanding: &Understanding) -> bool {
    is_lost(understanding) && *understanding != Understanding::Nothing
}

fn reading(understanding: &Understanding) -> Option<&Reading> {
    match understanding {
        Understanding::Wish(_, reading)
        | Understanding::Question(_, reading)
        | Understanding::Errand(_, reading)
        | Understanding::Talk(_, reading)
        | Understanding::UnknownName(_, reading)
        | Understanding::Unexplained(_, reading) => Some(reading),
        Understanding::Nothing => None,
    }
}

fn reading_mut(understanding: &mut Understanding) -> Option<&mut Reading> {
    match understanding {
        Understanding::Wish(_, reading)
        | Understanding::Question(_, reading)
        | Understanding::Errand(_, reading)
        | Understanding::Talk(_, reading)
        | Understanding::UnknownName(_, reading)
        | Understanding::Unexplained(_, reading) => Some(reading),
        Understanding::Nothing => None,
    }
}

/// A reading in plain English: "HassTurnOn, name Lamp, by `turn on {name}`".
fn described(understanding: &Understanding) -> Option<String> {
    let reading = reading(understanding)?;
    let mut text = match understanding {
        Understanding::UnknownName(unknown, _) => format!("unknown name “{}”", unknown.said),
        Understanding::Unexplained(words, _) => format!("unexplained “{}”", words.join(" ")),
        _ => reading.described(),
    };
    match reading.way {
        Way::Sentence => text.push_str(&format!(", by `{}`", reading.template)),
        Way::Words => text.push_str(", by its words"),
        Way::Model => text.push_str(", by the model"),
    }
    Some(text)
}

/// Whether an utterance is written as a question.
fn asks(text: &str) -> bool {
    text.trim_end().ends_with(['?', '？', '؟'])
}

/// Whether an understanding is of a kind of thing and no name.
fn names_nothing(understanding: &Understanding) -> bool {
    let is_bare = |target: &TargetWords| target.name.is_none() && target.entities.is_empty();
    match understanding {
        Understanding::Wish(steps, _) => steps.iter().all(|step| is_bare(&step.command.target)),
        Understanding::Question(question, _) => is_bare(&question.target),
        _ => false,
    }
}

/// Whether an understanding is of certain things and no others, and sure.
fn names_one(understanding: &Understanding) -> bool {
    let is_one = |target: &TargetWords| {
        !target.must_choose && (target.name.is_some() || !target.entities.is_empty())
    };
    match understanding {
        Understanding::Wish(steps, _) => steps.iter().all(|step| {
            let command = &step.command;
            command.what == What::Lock && !command.target.must_choose
                || is_one(&command.target) && command.and.iter().all(is_one)
        }),
        Understanding::Question(question, _) => is_one(&question.target),
        _ => false,
    }
}
