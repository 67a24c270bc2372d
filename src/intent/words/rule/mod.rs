//! "When the front door opens after sunset turn on the hall light for five minutes": the parts of a sentence by which the
//! house is to act by itself. A part begins at a [`table::Mark`] and ends before the next word that may begin another one;
//! the sentence is a rule if all its words belong to parts that can be read: events, what must hold, and one deed. What
//! the deed means is found out as of any other sentence. A rule is never guessed: a word too many, and it is none.

pub(super) mod errand;
mod event;
mod half;
mod hold;
mod keep;
pub(super) mod table;

use crate::home::id::EntityId;
use crate::home::target::TargetWords;
use crate::intent::meaning::{Memory, Reading, Step, Test, Understanding, When};
use crate::intent::rule::{Event, HalfRule, Hold, RuleErrand, RuleWords, Tells};

use super::noun::Scene;
use super::remind;
use super::spans::{self, Span};
use super::tag::{Tag, Word};
use super::token::{self, Token};
use super::{Situation, Vocabulary, understand};

use self::table::{Mark, Table};

/// The intent's name.
pub(super) const INTENT: &str = "HomardRule";
/// What opens a part that is no deed.
const OPENERS: &[Mark] = &[
    Mark::When,
    Mark::Whenever,
    Mark::If,
    Mark::OnlyIf,
    Mark::Unless,
    Mark::Between,
    Mark::After,
    Mark::Before,
    Mark::Night,
    Mark::Day,
];
/// What makes it worth looking at a sentence at all.
const WORTH: &[Mark] = &[
    Mark::When,
    Mark::Whenever,
    Mark::If,
    Mark::OnlyIf,
    Mark::Unless,
    Mark::Always,
    Mark::Wake,
    Mark::After,
];
/// Readings of parts that are tried for one sentence.
const MOST_TRIES: usize = 400;

/// Words of an event of which it is not known where it ends.
const LONGEST_EVENT: usize = 16;

impl Vocabulary {
    /// What is to happen by itself, where a sentence says so; `None` for any other one.
    pub fn rule(&self, utterance: &str, situation: &Situation<'_>) -> Option<RuleWords> {
        self.look_for_rule(utterance, situation, |scene, deeds| read(scene, deeds))
    }

    /// What of a rule is understood, where one half of it is not; `None` for any other sentence.
    pub fn half_rule(&self, utterance: &str, situation: &Situation<'_>) -> Option<HalfRule> {
        self.look_for_rule(utterance, situation, |scene, deeds| half::read(scene, deeds))
    }

    fn look_for_rule<T>(
        &self,
        utterance: &str,
        situation: &Situation<'_>,
        look: impl FnOnce(&Scene<'_>, Deeds<'_>) -> Option<T>,
    ) -> Option<T> {
        let (tokens, is_cut) = token::cut(utterance);
        let (lexicon, ground) = (&*self.lexicon, &*situation.names.ground);
        let Situation { home, memory, .. } = *situation;
        let here = situation.here.and_then(|area| ground.place_named(&area.name));
        let scene = Scene { utterance, tokens: &tokens, lexicon, ground, home, here, memory };
        let deeds = |text: &str, about: &[EntityId]| {
            let memory = Memory { entities: about.to_vec(), ..Memory::default() };
            let there = Situation { memory: &memory, ..*situation };
            match understand(text, &there, lexicon, ground) {
                Understanding::Wish(steps, _) => Some(steps),
                _ => None,
            }
        };
        if is_cut { None } else { look(&scene, &deeds) }
    }

    /// What is asked of the rules that there are; `None` for any other sentence. `goes_on` if one was spoken of just now.
    pub fn rule_errand(
        &self,
        utterance: &str,
        goes_on: bool,
        situation: &Situation<'_>,
    ) -> Option<(RuleErrand, Reading)> {
        self.remind(utterance, situation, |scene| {
            keep::read(scene).or_else(|| errand::read(scene, goes_on))
        })
        .map(|(errand, reading)| (errand, Reading { intent: INTENT.to_owned(), ..reading }))
    }
}

/// A deed as it may be said otherwise: the steps it means, if it is a wish.
pub(super) type Deeds<'a> = &'a dyn Fn(&str, &[EntityId]) -> Option<Vec<Step>>;

/// The rule of a sentence; `None` for any other one. `deeds` understands what is to be done, with what "it" is.
pub(super) fn read(scene: &Scene<'_>, deeds: Deeds<'_>) -> Option<RuleWords> {
    if !is_worth(scene) {
        return None;
    }
    let table = &scene.lexicon.rules;
    let near = near(scene, deeds);
    let reader = Reader { scene, table, deeds, near, n_tries: std::cell::Cell::new(0) };
    let found = [Grasp::Whole, Grasp::Verb].into_iter().find_map(|grasp| {
        reader.n_tries.set(0);
        reader.parse(0, &Parts::default(), grasp)
    });
    found.or_else(|| always(scene, deeds))
}

/// Whether a sentence may be one at all.
fn is_worth(scene: &Scene<'_>) -> bool {
    let table = &scene.lexicon.rules;
    let is_mark = |at| table.mark_at(scene.tokens, at, WORTH).is_some();
    let asks = scene.tokens.last().is_none_or(|last| last.before_question);
    (0..scene.tokens.len()).any(is_mark) && !asks && !tells_of_it(scene)
}

/// "Turn the light always on …": the same without the word.
fn always(scene: &Scene<'_>, deeds: Deeds<'_>) -> Option<RuleWords> {
    let table = &scene.lexicon.rules;
    let find = |at: usize| Some((at, table.mark_at(scene.tokens, at, &[Mark::Always])?.0));
    let (at, n) = (1..scene.tokens.len()).find_map(find)?;
    let text = format!("{} {}", scene.said(0, at), scene.said(at + n, scene.tokens.len()));
    let (tokens, _) = token::cut(&text);
    let scene = &Scene { utterance: &text, tokens: &tokens, ..*scene };
    let (near, n_tries) = (near(scene, deeds), std::cell::Cell::new(0));
    let reader = Reader { scene, table, deeds, near, n_tries };
    reader.parse(0, &Parts { is_always: true, ..Parts::default() }, Grasp::Whole)
}

/// "He said when the door opens the light goes on": it is told, not wished.
fn tells_of_it(scene: &Scene<'_>) -> bool {
    let all = spans_of(scene, 0, scene.tokens.len());
    let is_told = [Word::Reported, Word::Statement, Word::OtherQuestion];
    let asks = [Word::Since, Word::Where, Word::Which, Word::HowMany];
    all.iter().any(|span| !span.is_name() && is_told.iter().any(|word| span.is(*word)))
        || all.first().is_some_and(|first| asks.iter().any(|word| first.is(*word)))
}

/// What a deed that is said first is about, for "… when it has been on for an hour".
fn near(scene: &Scene<'_>, deeds: Deeds<'_>) -> TargetWords {
    let table = &scene.lexicon.rules;
    let begins = |at: &usize| table.mark_at(scene.tokens, *at, OPENERS).is_some();
    let first = (1..scene.tokens.len()).find(begins);
    let steps = first.and_then(|end| deeds(&scene.said(0, end), &[]));
    let step = steps.and_then(|steps| steps.into_iter().next());
    step.map(|step| step.command.target).unwrap_or_default()
}

fn spans_of(scene: &Scene<'_>, from: usize, to: usize) -> Vec<Span> {
    spans::spans(scene.tokens, (from, to), false, scene.lexicon, scene.ground)
}

/// What was read so far.
#[derive(Clone, Default)]
struct Parts {
    events: Vec<Event>,
    holds: Vec<Hold>,
    /// The things that the events are about.
    about: Vec<EntityId>,
    deed: Option<Deed>,
    /// Each time.
    is_always: bool,
    /// The last part was no deed.
    goes_on: bool,
    /// The last event was opened so.
    opener: Option<Mark>,
}

#[derive(Clone, Default)]
struct Deed {
    texts: Vec<String>,
    tells: Option<(Tells, Mark)>,
    /// It says itself when it is to be done, again and again.
    is_timed: bool,
    /// It says a time of day.
    has_time: bool,
}

/// How much of a deed must be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grasp {
    /// All of it.
    Whole,
    /// That it begins with something to be done.
    Verb,
    /// Nothing.
    Nothing,
}

struct Reader<'a> {
    scene: &'a Scene<'a>,
    table: &'a Table,
    deeds: Deeds<'a>,
    near: TargetWords,
    n_tries: std::cell::Cell<usize>,
}

impl Reader<'_> {
    fn tokens(&self) -> &[Token] {
        self.scene.tokens
    }

    fn mark(&self, at: usize, of: &[Mark]) -> Option<(usize, Mark)> {
        self.table.mark_at(self.tokens(), at, of)
    }

    fn is_word(&self, at: usize, word: Word) -> Option<usize> {
        let phrases = self.scene.lexicon.phrases_at(self.tokens(), at).into_iter();
        phrases.filter(|(_, tag)| *tag == Tag::Word(word)).map(|(n, _)| n).max()
    }

    /// Where a part that begins before may end: before what may begin another one.
    fn ends(&self, from: usize) -> impl Iterator<Item = usize> + use<'_> {
        let n = self.tokens().len();
        (from + 1..=n).filter(move |at| *at == n || self.may_begin(*at))
    }

    fn may_begin(&self, at: usize) -> bool {
        let marks = [Mark::Tell, Mark::Send, Mark::Wake, Mark::Always, Mark::Or];
        let begins = |tag: &Tag| {
            matches!(
                tag,
                Tag::Verb(_)
                    | Tag::Again(Some(_), _)
                    | Tag::Word(Word::And | Word::Then | Word::Remind | Word::Except)
            )
        };
        self.tokens()[at].after_pause
            || self.mark(at, OPENERS).is_some()
            || self.mark(at, &marks).is_some()
            || self.scene.lexicon.phrases_at(self.tokens(), at).iter().any(|(_, tag)| begins(tag))
    }

    /// Reads what is left of the sentence.
    fn parse(&self, at: usize, parts: &Parts, grasp: Grasp) -> Option<RuleWords> {
        self.n_tries.set(self.n_tries.get() + 1);
        if self.n_tries.get() > MOST_TRIES {
            return None;
        }
        if at >= self.tokens().len() {
            return self.whole(parts);
        }
        if let Some((n, _)) = self.mark(at, &[Mark::Always])
            && let Some(found) =
                self.parse(at + n, &Parts { is_always: true, ..parts.clone() }, grasp)
        {
            return Some(found);
        }
        let joins = [Word::And, Word::Then, Word::Except].into_iter();
        let joins = joins.filter_map(|word| self.is_word(at, word)).max();
        if let Some(n) = joins
            && let Some(found) = self.joined(at, at + n, parts, grasp)
        {
            return Some(found);
        }
        self.part(at, parts, grasp).or_else(|| self.deed(at, parts, grasp))
    }

    /// What stands behind "and": another event, something that must hold, or the deed.
    fn joined(&self, at: usize, next: usize, parts: &Parts, grasp: Grasp) -> Option<RuleWords> {
        let is_or = self.mark(at, &[Mark::Or]).is_some();
        if let (true, Some(opener)) = (is_or && parts.goes_on, parts.opener)
            && let Some(found) = self.event_from(next, opener, parts, grasp)
        {
            return Some(found);
        }
        if parts.goes_on && !is_or && !parts.events.is_empty() {
            let begin = self.mark(next, &[Mark::That, Mark::If]).map_or(next, |(n, _)| next + n);
            for end in self.ends(begin) {
                if let Some(hold) = self.hold(begin, end)
                    && let Some(found) = self.parse(end, &parts.holding(hold), grasp)
                {
                    return Some(found);
                }
            }
        }
        (!is_or).then(|| self.parse(next, parts, grasp)).flatten()
    }

    /// A part that begins here and is no deed, and all behind it.
    fn part(&self, at: usize, parts: &Parts, grasp: Grasp) -> Option<RuleWords> {
        for (hold, end) in self.window(at) {
            if let Some(found) = self.parse(end, &parts.holding(hold), grasp) {
                return Some(found);
            }
        }
        if let Some((n, mark)) = self.mark(at, &[Mark::When, Mark::Whenever, Mark::If])
            && let Some(found) = self.event_from(at + n, mark, parts, grasp)
        {
            return Some(found);
        }
        let is_known = !parts.events.is_empty() || parts.deed.is_some();
        let mark = self.mark(at, &[Mark::OnlyIf, Mark::Unless]);
        let mark = mark.or_else(|| self.mark(at, &[Mark::If]).filter(|_| !parts.events.is_empty()));
        if let Some((n, mark)) = mark.filter(|_| is_known) {
            for end in self.ends(at + n) {
                let Some(hold) = self.hold(at + n, end) else { continue };
                let hold = if mark == Mark::Unless { hold.opposite() } else { hold };
                if let Some(found) = self.parse(end, &parts.holding(hold), grasp) {
                    return Some(found);
                }
            }
        }
        if let Some((seconds, condition, things, end)) = self.quiet_for(at) {
            let event = Event::Becomes { condition, for_s: Some(seconds) };
            let parts = parts.begun(vec![event], things, Mark::When);
            return self.parse(end, &parts, grasp);
        }
        None
    }

    fn event_from(
        &self,
        from: usize,
        opener: Mark,
        parts: &Parts,
        grasp: Grasp,
    ) -> Option<RuleWords> {
        let ends: Vec<usize> = match grasp {
            // What is not understood may begin anywhere.
            Grasp::Nothing => self.end_of_event(from).into_iter().collect(),
            Grasp::Whole | Grasp::Verb => self.ends(from).collect(),
        };
        for end in ends {
            let Some(event::Read { events, things, happens }) = self.event(from, end) else {
                continue;
            };
            // "If the window is open …" is looked at now, and no rule.
            let is_not = |event: &Event| matches!(event, Event::Becomes { condition, .. } if matches!(condition.test, Test::IsNot(_)));
            if !happens && (opener == Mark::If || events.iter().any(is_not)) {
                continue;
            }
            let parts = parts.begun(events, things, opener);
            if let Some(found) = self.parse(end, &parts, grasp) {
                return Some(found);
            }
        }
        None
    }

    /// Where an event ends that is as long as can be, without words that add nothing to it.
    fn end_of_event(&self, from: usize) -> Option<usize> {
        let ends = from + 1..=self.tokens().len().min(from + LONGEST_EVENT);
        let read = |end| Some((end, self.event(from, end)?));
        let longest = ends.clone().rev().find_map(read)?;
        ends.filter_map(read).find(|(_, event)| *event == longest.1).map(|(end, _)| end)
    }

    /// A deed that begins here, and all behind it.
    fn deed(&self, at: usize, parts: &Parts, grasp: Grasp) -> Option<RuleWords> {
        // What follows an event at once says what is to be done.
        let may_begin = !parts.goes_on
            || self.tokens()[at].after_pause
            || self.begins_deed(at)
            || grasp == Grasp::Nothing;
        if parts.deed.is_some() || !may_begin {
            return None;
        }
        let n = self.tokens().len();
        let is_end = |end: &usize| {
            *end == n
                || self.mark(*end, OPENERS).is_some()
                || self.mark(*end, &[Mark::Always]).is_some()
                || self.day_at(*end).is_some()
                || self.tokens()[*end].after_pause
                || self.is_word(*end, Word::Except).is_some()
        };
        for end in (at + 1..=n).filter(is_end) {
            let Some(deed) = self.deed_of(at, end, parts, grasp) else { continue };
            let next = Parts { deed: Some(deed), goes_on: false, ..parts.clone() };
            if let Some(found) = self.parse(end, &next, grasp) {
                return Some(found);
            }
        }
        None
    }

    fn begins_deed(&self, at: usize) -> bool {
        let begins = |tag: &Tag| {
            matches!(tag, Tag::Verb(_) | Tag::Word(Word::Remind | Word::Please | Word::Filler))
        };
        self.mark(at, &[Mark::Tell, Mark::Send, Mark::Wake]).is_some()
            || self.scene.lexicon.phrases_at(self.tokens(), at).iter().any(|(_, tag)| begins(tag))
    }

    fn deed_of(&self, from: usize, to: usize, parts: &Parts, grasp: Grasp) -> Option<Deed> {
        let scene = self.scene;
        if let Some(n) = self.is_word(from, Word::Remind) {
            let text = Some(remind::matter(scene, from + n, to)?);
            let tells = Tells { text, is_once: true, is_reminder: true, is_first: true };
            return Some(Deed { tells: Some((tells, Mark::Tell)), ..Deed::default() });
        }
        let tells = (from..to).find_map(|at| {
            let (n, mark) = self.mark(at, &[Mark::Tell, Mark::Send])?;
            (at + n <= to).then_some((at, at + n, mark))
        });
        let Some((at, end, mark)) = tells else {
            return self.plain_deed(from, to, parts, grasp);
        };
        let told = Some((Tells { is_once: mark == Mark::Tell, ..Tells::default() }, mark));
        let is_over = |mut at: usize| {
            while let Some((n, _)) =
                self.mark(at, &[Mark::Always, Mark::Whenever]).filter(|_| at < to)
            {
                at += n;
            }
            at >= to
        };
        if at == from && is_over(end) {
            let mut deed = Deed { tells: told, ..Deed::default() };
            if end < to {
                deed.tells =
                    deed.tells.map(|(tells, _)| (Tells { is_once: false, ..tells }, Mark::Send));
            }
            return Some(deed);
        }
        // "Tell me that dinner is ready."
        if let Some((n, _)) = self.mark(end, &[Mark::That]).filter(|_| at == from)
            && end + n < to
        {
            let text = Some(scene.said(end + n, to));
            return Some(Deed {
                tells: told.map(|(tells, mark)| (Tells { text, ..tells }, mark)),
                ..Deed::default()
            });
        }
        let (first, last) = match at == from {
            true => (end + self.is_word(end, Word::And)?, to),
            false if is_over(end) => (from, at.checked_sub(1)?),
            false => return None,
        };
        let joins = at == from || self.is_word(last, Word::And).is_some();
        let deed = self.plain_deed(first, last, parts, grasp).filter(|_| joins)?;
        // Who wants something done each time wants to be told each time.
        let tells = Tells { is_first: at == from, ..Tells::default() };
        Some(Deed { tells: Some((tells, Mark::Send)), ..deed })
    }

    fn plain_deed(&self, from: usize, to: usize, parts: &Parts, grasp: Grasp) -> Option<Deed> {
        let said = self.scene.said(from, to);
        let texts = match self.woken(from, to) {
            Some(texts) => texts,
            None => vec![said],
        };
        let mut known =
            texts.iter().filter_map(|text| Some((text, (self.deeds)(text, &parts.about)?)));
        if let Some((text, steps)) = known.next() {
            let times = steps.iter().map(|step| step.when);
            let is_timed = times.clone().any(|when| matches!(when, When::Every(_)));
            let has_time =
                times.clone().any(|when| matches!(when, When::At { .. } | When::Sun { .. }));
            if times.clone().any(|when| matches!(when, When::In(_)))
                || steps.iter().any(|step| !step.only_if.is_empty())
            {
                return None;
            }
            return Some(Deed { texts: vec![text.clone()], tells: None, is_timed, has_time });
        }
        let begins = self.scene.lexicon.phrases_at(self.tokens(), from);
        let has_verb = begins.iter().any(|(_, tag)| matches!(tag, Tag::Verb(_)));
        let is_enough = grasp == Grasp::Nothing || grasp == Grasp::Verb && has_verb;
        (is_enough && to > from + 1).then(|| Deed { texts, ..Deed::default() })
    }

    /// "Wake me at seven with the blinds": with what somebody is woken is opened, or turned on.
    fn woken(&self, from: usize, to: usize) -> Option<Vec<String>> {
        let find = |mark: Mark| (from..to).find_map(|at| Some((at, self.mark(at, &[mark])?.0)));
        let ((wake, n), (with, n_with)) = (find(Mark::Wake)?, find(Mark::WakeWith)?);
        let said = |from: usize, to: usize| match from < to {
            true => self.scene.said(from, to),
            false => String::new(),
        };
        let (first, when, what) =
            (said(from, wake), said(wake + n, with.max(wake + n)), said(with + n_with, to));
        let verbs = self.table.wakes.iter();
        Some(verbs.map(|verb| format!("{first} {when} {verb} {what}").trim().to_owned()).collect())
    }

    /// What the parts come to, if they are a rule.
    fn whole(&self, parts: &Parts) -> Option<RuleWords> {
        let deed = parts.deed.as_ref()?;
        let is_timed = deed.is_timed || deed.has_time && parts.is_always;
        let is_woken = deed.texts.iter().any(|text| !self.scene.utterance.contains(text));
        let is_rule = !parts.events.is_empty() && !deed.is_timed && !deed.has_time
            || parts.events.is_empty() && (is_timed || is_woken && deed.has_time);
        // Without anything beside it the sentence is understood as it is.
        let has_more =
            !parts.events.is_empty() || !parts.holds.is_empty() || parts.is_always || is_woken;
        if !is_rule || !has_more {
            return None;
        }
        let is_each = parts.is_always || parts.opener == Some(Mark::Whenever);
        let tells = deed.tells.clone().map(|(tells, mark)| Tells {
            is_once: tells.is_reminder && !is_each
                || mark == Mark::Tell && !is_each && tells.is_once,
            ..tells
        });
        let all = spans_of(self.scene, 0, self.tokens().len());
        let reader = super::Reader { scene: self.scene, all: &all };
        Some(RuleWords {
            events: parts.events.clone(),
            holds: parts.holds.clone(),
            about: parts.about.clone(),
            deeds: deed.texts.clone(),
            tells,
            is_always: parts.is_always,
            reading: Reading { ..reader.reading(INTENT, Vec::new(), 1.0) },
        })
    }
}

impl Parts {
    fn holding(&self, hold: Hold) -> Self {
        let mut parts = self.clone();
        parts.holds.push(hold);
        parts.goes_on = true;
        parts
    }

    fn begun(&self, events: Vec<Event>, things: Vec<EntityId>, opener: Mark) -> Self {
        let mut parts = self.clone();
        parts.events.extend(events);
        parts.about.extend(things);
        parts.goes_on = true;
        parts.opener = Some(opener);
        parts
    }
}

impl Hold {
    fn opposite(self) -> Self {
        match self {
            Self::Dark(is_dark) => Self::Dark(!is_dark),
            Self::Home(who, is_home) => Self::Home(who, !is_home),
            other => Self::Not(Box::new(other)),
        }
    }
}
