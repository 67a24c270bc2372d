//! Spans in order to clauses: one verb, what it is done with, and with what value. Verbs and values
//! reach over "and", and a second one begins a second clause: "turn off the TV and close the
//! blinds", "the kitchen to 50 and the hall to 20". It owns which span plays which part; what the
//! parts mean in the home is the business of `noun` and `act`.

use super::act::{self, Values};
use super::noun::{Noun, Scene, is_content};
use super::spans::Span;
use super::tag::{Act, Tag, Unit, Word};

/// One clause.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Clause {
    pub act: Option<Act>,
    /// Where the verb stands: index of its span's first word.
    pub act_at: Option<usize>,
    pub nouns: Vec<Noun>,
    pub except: Vec<Noun>,
    pub values: Values,
    /// It began with "and" or had "too": it goes on with what was said before.
    pub goes_on: bool,
    /// "No", "instead": it corrects what was said before.
    pub corrects: bool,
    /// "Not" was said of it.
    pub is_negated: bool,
    /// A statement was made: "the light is on".
    pub has_be: bool,
    /// Words that have no place in it.
    pub strange: Vec<String>,
    /// Its verb means "on" without a value.
    pub puts: bool,
    /// It is to be made sure of.
    pub ensures: bool,
    /// "It is", "I am": how one feels.
    pub feels: bool,
    /// Somebody is said to do it.
    pub has_subject: bool,
    /// What was said before in it is taken back: "the corner, I mean the desk lamp".
    retracts: bool,
    n_nouns_at_slot: usize,
    has_particle: bool,
}

impl Clause {
    pub(super) fn is_empty(&self) -> bool {
        self.act.is_none()
            && self.nouns.is_empty()
            && self.except.is_empty()
            && self.values.is_empty()
            && self.values.measure.is_none()
            && self.strange.is_empty()
            && !self.corrects
    }
}

/// The part of a clause that a value fills; filled twice, a new clause begins.
#[derive(Clone, Copy, PartialEq)]
enum Slot {
    Particle,
    Number,
    Color,
    White,
    Mode,
    State,
}

/// Cuts a sentence into clauses.
pub(super) fn clauses(spans: &[Span], scene: &Scene<'_>) -> Vec<Clause> {
    let mut parser = Parser {
        scene,
        done: Vec::new(),
        clause: Clause::default(),
        open: None,
        after_and: false,
        excepts: false,
        pending_in: false,
        after_to: false,
    };
    let mut at = 0;
    while at < spans.len() {
        at += parser.take(spans, at).max(1);
    }
    parser.finish();
    parser.done
}

struct Parser<'a> {
    scene: &'a Scene<'a>,
    done: Vec<Clause>,
    clause: Clause,
    /// The noun phrase that is being said.
    open: Option<Noun>,
    after_and: bool,
    excepts: bool,
    pending_in: bool,
    /// "to" stood before: what follows may be the name of a mode.
    after_to: bool,
}

impl Parser<'_> {
    /// Takes one span or several; how many.
    fn take(&mut self, spans: &[Span], at: usize) -> usize {
        let span = &spans[at];
        let after_pause = self.scene.tokens[span.at].after_pause;
        if after_pause {
            if self.open.is_some() {
                self.close();
                self.after_and |= !self.clause.nouns.is_empty() && is_content(span);
            }
        }
        // The longer the name, the less it is anything else.
        let is_firm_name = span.is_name() && (span.end - span.at > 1 || span.tags.is_empty());
        if is_firm_name {
            self.content(span);
            return 1;
        }
        if let Some(act) = span.verb()
            && self.is_verb(spans, at)
        {
            self.verb(act, span);
            return 1;
        }
        if let Some(act) = span.particle()
            && !self.is_preposition(spans, at)
        {
            self.particle(act);
            return 1;
        }
        if self.grammar(spans, at) {
            return 1;
        }
        if let Some(n) = self.value(spans, at) {
            return n;
        }
        if self.link(spans, at) {
            return 1;
        }
        let is_misread = span.verb().is_some_and(Act::is_need);
        if is_content(span) || is_misread {
            self.content(&Span {
                tags: if is_misread { Vec::new() } else { span.tags.clone() },
                ..span.clone()
            });
            return 1;
        }
        self.clause.strange.push(self.scene.said_of(span));
        1
    }

    /// Words that say what the next ones are: a value, or where.
    fn link(&mut self, spans: &[Span], at: usize) -> bool {
        let span = &spans[at];
        let next = spans[at + 1..].iter().find(|next| !next.is_only(Word::Article));
        let is_value = next.is_some_and(|next| {
            !next.is_name()
                && next.kind().is_none()
                && (next.number().is_some()
                    || next.key(self.scene) == "-"
                    || next.tags.iter().any(|tag| {
                        matches!(
                            tag,
                            Tag::Level(_)
                                | Tag::Color(_)
                                | Tag::White(_)
                                | Tag::Mode(_)
                                | Tag::State(_)
                        )
                    }))
        });
        let by = span.is(Word::By);
        let to = span.is(Word::To) || span.is(Word::AtTime);
        if by && (is_value || !span.is(Word::In)) {
            self.close();
            self.clause.values.is_by = true;
        } else if to && (is_value || !span.is(Word::In)) {
            self.close();
            self.clause.values.is_to = true;
            self.after_to = !is_value;
        } else if span.is(Word::In) || span.particle().is_some() {
            self.pending_in = true;
        } else {
            return false;
        }
        true
    }

    /// Whether a span that may be a verb is one here.
    fn is_verb(&self, spans: &[Span], at: usize) -> bool {
        let span = &spans[at];
        let after_and = at > 0 && (spans[at - 1].is(Word::And) || spans[at - 1].is(Word::Then));
        let is_start = at == 0 || after_and || self.scene.tokens[span.at].after_pause;
        let is_else = span.tags.iter().any(|tag| {
            matches!(tag, Tag::Kind { .. } | Tag::State(_) | Tag::Mode(_) | Tag::Measure(_))
        }) || span.is_name();
        let has_more = spans[at + 1..]
            .iter()
            .take_while(|next| next.verb().is_none() || is_content(next))
            .any(|next| {
                is_content(next)
                    || next.is(Word::It)
                    || next.is(Word::Everything)
                    || next.is(Word::All)
            });
        if span.verb().is_some_and(Act::is_need) {
            // "Hot" in "the hot tub" is no feeling.
            return self.clause.feels
                || span.end - span.at > 1
                || span.verb() == Some(Act::NeedNight);
        }
        let is_mode = self.clause.values.is_to
            && span.tags.iter().any(|tag| matches!(tag, Tag::Mode(_) | Tag::State(_)));
        match self.clause.act {
            _ if is_mode => false,
            // "Start vacuuming".
            Some(Act::Start) if !is_start => {
                matches!(span.verb(), Some(Act::Vacuum | Act::Mow | Act::Water))
            }
            // "Make it brighter", "set it to open".
            Some(Act::Set | Act::Turn | Act::Ensure) if !is_start => {
                let is_state = span.tags.iter().any(|tag| matches!(tag, Tag::State(_)));
                !is_state && !span.tags.iter().any(|tag| matches!(tag, Tag::Kind { .. }))
            }
            Some(_) if is_start => has_more || !is_else || at + 1 == spans.len(),
            Some(_) => !is_else && !self.clause.nouns.is_empty() | self.open.is_some(),
            None => {
                let has_noun = self.open.is_some() || !self.clause.nouns.is_empty();
                !is_else
                    || !has_noun && (has_more || spans.len() == 1)
                    || has_noun && !has_more && span.kind().is_none()
            }
        }
    }

    /// "on" before a floor is where, not that something be on.
    fn is_preposition(&self, spans: &[Span], at: usize) -> bool {
        let span = &spans[at];
        if !span.is(Word::In) {
            return false;
        }
        let next = spans[at + 1..].iter().find(|next| !next.is_only(Word::Article));
        let has_article = spans.get(at + 1).is_some_and(|next| {
            next.is_only(Word::Article) || self.scene.lexicon.is_article(next.key(self.scene))
        });
        let has_particle = self.clause.has_particle
            || self
                .clause
                .act
                .is_some_and(|act| !matches!(act, Act::Turn | Act::Set | Act::Ensure));
        has_article
            && next.is_some_and(|next| {
                next.places.iter().any(|place| {
                    self.scene.ground.places[usize::from(*place)].is_floor || has_particle
                }) || next.tags.iter().any(|tag| matches!(tag, Tag::Storey(_)))
            })
    }

    fn verb(&mut self, act: Act, span: &Span) {
        self.close();
        self.excepts = false;
        if act == Act::Again {
            self.clause.goes_on = true;
            return;
        }
        if self.clause.retracts {
            self.clause = Clause { goes_on: self.clause.goes_on, ..Clause::default() };
        }
        if act == Act::Ensure {
            self.clause.ensures = true;
        }
        let puts = act == Act::Put;
        let act = if puts { Act::Set } else { act };
        let is_start = self.clause.act == Some(Act::Start)
            && matches!(act, Act::Vacuum | Act::Mow | Act::Water);
        let refines = (is_start
            || matches!(self.clause.act, Some(Act::Set | Act::Turn | Act::Ensure)))
            && !self.after_and;
        if self.clause.act.is_some() && !refines {
            self.split();
        }
        if refines && act == Act::Set {
            return;
        }
        self.after_and = false;
        // "Too dark" says of itself how it is.
        self.clause.feels |= act.is_need() && span.end - span.at > 1;
        self.clause.puts = puts;
        self.clause.act = Some(act);
        self.clause.act_at = Some(span.at);
    }

    fn particle(&mut self, act: Act) {
        self.close();
        // "On … off": which of them is meant is not known.
        if self.clause.has_particle
            && self.clause.act != Some(act)
            && !self.after_and
            && !self.excepts
            && !self.has_new_nouns()
            && matches!(act, Act::On | Act::Off)
        {
            self.clause.strange.push(String::new());
        }
        let is_complete = act != Act::Lock && self.clause.has_particle
            || self
                .clause
                .act
                .is_some_and(|act| !matches!(act, Act::Turn | Act::Set | Act::Ensure));
        if is_complete && act != Act::Lock && (self.after_and || self.has_new_nouns()) {
            self.split_slot();
            self.clause.act = Some(Act::Turn);
        }
        self.clause.act = Some(match (self.clause.act, act) {
            (None | Some(Act::Turn | Act::Set | Act::Ensure), act) => act,
            // "Ferme la porte à clé."
            (Some(Act::Close), Act::Lock) => Act::Lock,
            (Some(verb), _) => verb,
        });
        self.clause.has_particle = true;
        self.after_and = false;
        self.fill(Slot::Particle);
    }

    fn has_new_nouns(&self) -> bool {
        self.clause.n_nouns_at_slot > 0 && self.clause.nouns.len() > self.clause.n_nouns_at_slot
    }

    fn fill(&mut self, _: Slot) {
        self.clause.n_nouns_at_slot = self.clause.nouns.len();
    }

    /// A slot was filled again: what was said since belongs to a clause of its own.
    fn split_slot(&mut self) {
        let since = self.clause.n_nouns_at_slot.min(self.clause.nouns.len());
        let nouns = self.clause.nouns.split_off(since);
        let act = self.clause.act;
        let done = std::mem::take(&mut self.clause);
        self.done.push(done);
        self.clause.act = act;
        self.clause.nouns = nouns;
    }

    fn split(&mut self) {
        let done = std::mem::take(&mut self.clause);
        self.done.push(done);
    }

    fn finish(&mut self) {
        self.close();
        if !self.clause.is_empty() {
            self.split();
        }
    }

    /// Words of grammar; false if the span is something else.
    fn grammar(&mut self, spans: &[Span], at: usize) -> bool {
        let span = &spans[at];
        let next = spans.get(at + 1);
        // "Éteins-la": an article before nothing is a pronoun.
        let is_pronoun = span.is(Word::It)
            && next.is_none_or(|next| {
                !is_content(next) && next.number().is_none() && !next.is(Word::Other)
            });
        let is_counted = next.is_some_and(|next| {
            next.tags.iter().any(|tag| matches!(tag, Tag::Unit(_) | Tag::Degree(_)))
        });
        if span.is(Word::And) || span.is(Word::Then) {
            self.close();
            if self.clause.is_empty() && self.done.is_empty() {
                self.clause.goes_on = true;
            }
            self.after_and = true;
        } else if span.is(Word::Article) && !is_pronoun && !(span.number().is_some() && is_counted)
        {
            // Before a second room a second thing begins: "the kitchen the foyer".
            let place = next.is_some_and(|next| !next.places.is_empty());
            if place && self.open.as_ref().is_some_and(Noun::has_place) && !self.pending_in {
                self.close();
                self.after_and = true;
            }
            self.noun(span);
        } else if span.is(Word::Whole) {
            let place = next.is_some_and(|next| {
                !next.places.is_empty() || next.tags.iter().any(|t| matches!(t, Tag::Storey(_)))
            });
            match place {
                true => self.noun(span).is_all = true,
                false => self.content(&Span { tags: Vec::new(), ..span.clone() }),
            }
        } else if span.is(Word::Minus) && next.is_some_and(|next| next.number().is_some())
            || span.key(self.scene) == "-"
        {
            // The number heeds it.
        } else if span.is(Word::One) && span.number().is_none() && self.open.is_none() {
            // "Celui de Chloé."
            self.noun(span);
        } else if span.is(Word::Feel) {
            self.clause.feels = true;
        } else if span.is(Word::Subject) {
            self.clause.has_subject = true;
        } else if span.is(Word::Except) {
            self.close();
            self.excepts = true;
            self.after_and = false;
        } else if span.is(Word::All) || span.is(Word::Both) {
            let noun = self.noun(span);
            noun.is_all = true;
            noun.end = span.end;
        } else if span.is(Word::Any) {
            self.noun(span).is_any = true;
        } else if span.is(Word::Everything) {
            self.noun(span).is_everything = true;
        } else if span.is(Word::Everywhere) {
            self.near(span).is_everywhere = true;
        } else if span.is(Word::Here) {
            self.near(span).is_here = true;
        } else if span.is(Word::There) {
            self.near(span).is_there = true;
        } else if span.is(Word::It) {
            let noun = self.noun(span);
            noun.is_it = true;
            noun.end = span.end;
        } else if span.is(Word::Other) {
            let noun = self.noun(span);
            noun.is_other = true;
            noun.end = span.end;
        } else if span.is(Word::Too) {
            self.clause.goes_on = true;
        } else if span.is(Word::Not) {
            self.clause.is_negated = true;
        } else if span.is(Word::No) || span.is(Word::Instead) {
            self.close();
            match self.clause.is_empty() && self.done.is_empty() {
                true => self.clause.corrects = true,
                false => self.clause.retracts = true,
            }
        } else if span.is(Word::Be) {
            self.close();
            self.clause.has_be = true;
        } else if span.is(Word::One)
            && !is_counted
            && self.open.as_ref().is_some_and(|noun| !noun.spans.is_empty())
        {
            // "The hall one".
        } else {
            return false;
        }
        true
    }

    /// A value and how many spans it takes.
    fn value(&mut self, spans: &[Span], at: usize) -> Option<usize> {
        let span = &spans[at];
        let next = spans.get(at + 1);
        let unit = |span: &Span| {
            span.tags.iter().find_map(|tag| match tag {
                Tag::Unit(unit) => Some(*unit),
                _ => None,
            })
        };
        if let Some(mut number) = span.number() {
            let mut n = 1;
            // "The two lamps".
            let of_many = next.is_some_and(|next| {
                next.kind().is_some_and(|(_, is_plural)| is_plural) || next.is_unknown()
            });
            if number.fract() == 0.0
                && (2.0..=9.0).contains(&number)
                && of_many
                && self.open.as_ref().is_some_and(|noun| noun.spans.is_empty())
            {
                let noun = self.noun(span);
                noun.count = Some(number as usize);
                return Some(1);
            }
            // "Twenty-one and a half".
            let half = |span: &Span| span.is(Word::HalfHour);
            if next.is_some_and(|next| next.is(Word::And)) && spans.get(at + 2).is_some_and(half) {
                number += 0.5;
                n = 3;
            }
            let mut unit_said = spans.get(at + n).and_then(unit);
            n += usize::from(unit_said.is_some());
            // "Degrees celsius".
            if unit_said == Some(Unit::Degree)
                && spans.get(at + n).and_then(unit) == Some(Unit::Degree)
            {
                n += 1;
            }
            if at > 0 && (spans[at - 1].key(self.scene) == "-" || spans[at - 1].is(Word::Minus)) {
                number = -number;
            }
            if unit_said.is_none()
                && !self.clause.values.is_to
                && !self.clause.values.is_by
                && self.belongs_to_name(span)
            {
                self.content(span);
                return Some(1);
            }
            if matches!(unit_said, Some(Unit::Second | Unit::Minute | Unit::Hour | Unit::Day)) {
                unit_said = None;
                self.clause.strange.push(self.scene.said_of(span));
            }
            self.close();
            let repeats = self.clause.values.number.is_some() && !self.clause.retracts;
            self.next_if(repeats);
            self.clause.values.number = Some((number, unit_said));
            self.fill(Slot::Number);
            return Some(n);
        }
        let tag = span.tags.iter().find(|tag| {
            matches!(
                tag,
                Tag::Level(_)
                    | Tag::Color(_)
                    | Tag::White(_)
                    | Tag::Mode(_)
                    | Tag::State(_)
                    | Tag::Degree(_)
                    | Tag::Measure(_)
            )
        })?;
        if span.kind().is_some() && !self.clause.values.is_to {
            return None;
        }
        match tag.clone() {
            Tag::Degree(degree) => self.clause.values.degree = Some(degree),
            Tag::Measure(measure) => {
                self.close();
                self.clause.values.measure = Some(measure);
            }
            Tag::Level(percent) => {
                self.close();
                self.next_if(self.clause.values.number.is_some());
                self.clause.values.number = Some((percent, Some(Unit::Percent)));
                self.fill(Slot::Number);
            }
            Tag::Color(color) => {
                self.close();
                self.next_if(self.clause.values.color.is_some());
                self.clause.values.color = Some(color);
                self.fill(Slot::Color);
            }
            Tag::White(kelvin) => {
                self.close();
                self.next_if(self.clause.values.white.is_some());
                self.clause.values.white = Some(kelvin);
                self.fill(Slot::White);
            }
            Tag::Mode(mode) => {
                self.close();
                self.next_if(self.clause.values.mode.is_some());
                self.clause.values.mode = Some(mode);
                self.fill(Slot::Mode);
            }
            Tag::State(state) => {
                self.close();
                self.next_if(self.clause.values.state.is_some());
                self.clause.values.state = Some(state);
                self.fill(Slot::State);
            }
            _ => return None,
        }
        Some(1)
    }

    /// A second value of its kind begins a new clause if things were named since the first.
    fn next_if(&mut self, is_filled: bool) {
        if !is_filled {
            return;
        }
        if self.has_new_nouns() {
            self.split_slot();
        } else {
            self.clause.strange.push(String::new());
        }
        self.after_and = false;
    }

    /// "Lamp 2": the number is part of a name that the home has.
    fn belongs_to_name(&self, span: &Span) -> bool {
        let Some(noun) = &self.open else { return false };
        let ground = self.scene.ground;
        let words = noun.spans.iter().chain([span]).flat_map(|span| span.at..span.end);
        let mut set = None;
        for word in words {
            let key = &self.scene.tokens[word].key;
            let Some(with) = ground.with_word(key, self.scene.lexicon) else { return false };
            set = Some(match set {
                None => with.clone(),
                Some(set) => with.clone().and(&set),
            });
        }
        !noun.spans.is_empty() && set.is_some_and(|set| !set.is_empty())
    }

    fn content(&mut self, span: &Span) {
        // "To wool": a word that names nothing is a mode of the thing.
        if self.after_to && span.is_unknown() && self.clause.values.mode.is_none() {
            self.close();
            self.clause.values.mode = Some(self.scene.said_of(span).as_str().into());
            return;
        }
        if self.pending_in {
            self.pending_in = false;
            let is_place = !span.places.is_empty()
                || span.is_unknown()
                || span.tags.iter().any(|tag| matches!(tag, Tag::Storey(_)));
            let list = if self.excepts { &mut self.clause.except } else { &mut self.clause.nouns };
            if self.open.as_ref().is_none_or(|noun| noun.spans.is_empty())
                && !self.after_and
                && is_place
                && let Some(last) = list.last_mut()
                && !last.has_place()
            {
                let mut noun = last.clone();
                list.pop();
                noun.place_from = Some(noun.spans.len());
                noun.spans.push(span.clone());
                noun.end = span.end;
                self.open = Some(noun);
                return;
            }
            if let Some(noun) = &mut self.open {
                noun.place_from.get_or_insert(noun.spans.len());
            } else {
                self.noun(span).place_from = Some(0);
            }
        }
        let noun = self.noun(span);
        noun.spans.push(span.clone());
        noun.end = span.end;
    }

    /// The noun phrase that is being said, or a new one.
    fn noun(&mut self, span: &Span) -> &mut Noun {
        let after_and = &mut self.after_and;
        self.open.get_or_insert_with(|| Noun {
            at: span.at,
            end: span.end,
            after_and: std::mem::take(after_and),
            ..Noun::default()
        })
    }

    /// The noun phrase that "here" belongs to: the last one.
    fn near(&mut self, span: &Span) -> &mut Noun {
        if self.open.is_none() && !self.after_and && !self.excepts {
            self.open = self.clause.nouns.pop();
        }
        self.pending_in = false;
        self.noun(span)
    }

    fn close(&mut self) {
        self.pending_in = false;
        if let Some(noun) = self.open.take()
            && !noun.is_empty()
        {
            if self.clause.retracts {
                self.clause.retracts = false;
                self.clause.nouns.clear();
            }
            if self.excepts { &mut self.clause.except } else { &mut self.clause.nouns }.push(noun);
        }
    }
}

/// Gives every noun phrase what it shares with its neighbours: "the kitchen and hall lights", "the
/// lamp and the fan in the bedroom", "in the kitchen, turn on the light".
pub(super) fn share(nouns: &mut Vec<Noun>) {
    // A place said apart from its thing.
    let mut at = 0;
    while at + 1 < nouns.len() {
        let (first, second) = (&nouns[at], &nouns[at + 1]);
        let joins = !second.after_and
            && (first.is_place_only() && !second.has_place() && !second.is_it
                || second.is_place_only() && !first.has_place() && !first.is_it);
        if joins {
            let second = nouns.remove(at + 1);
            let first = &mut nouns[at];
            let (place, thing) = match first.is_place_only() {
                true => (first.clone(), second),
                false => (second, first.clone()),
            };
            let mut whole = thing;
            whole.place_from = Some(whole.spans.len());
            whole.spans.extend(place.spans);
            whole.after_and = first.after_and;
            *first = whole;
        } else {
            at += 1;
        }
    }
    // "Every curtain and blind."
    for at in 1..nouns.len() {
        if nouns[at].after_and && nouns[at - 1].is_all && nouns[at].has_kind() {
            nouns[at].is_all = true;
        }
    }
    // Backwards: the last one's kind is that of bare places before it.
    for at in (0..nouns.len().saturating_sub(1)).rev() {
        if nouns[at + 1].after_and && nouns[at].is_place_only() && nouns[at + 1].has_kind() {
            let kinds: Vec<Span> =
                nouns[at + 1].spans.iter().filter(|span| span.kind().is_some()).cloned().collect();
            if nouns[at + 1].has_place() {
                nouns[at].spans.extend(kinds);
            }
        }
    }
    // Forwards: a bare place after "and" is about the same kind.
    for at in 1..nouns.len() {
        let is_bare = nouns[at].spans.iter().all(|span| span.things.is_empty())
            && !nouns[at].has_kind()
            && !nouns[at].is_pronoun();
        if nouns[at].after_and && is_bare && nouns[at - 1].has_kind() {
            let kinds: Vec<Span> =
                nouns[at - 1].spans.iter().filter(|span| span.kind().is_some()).cloned().collect();
            nouns[at].spans.extend(kinds);
        }
    }
    // A place after the last one holds for a kind before it that has none.
    for at in (0..nouns.len().saturating_sub(1)).rev() {
        let next = &nouns[at + 1];
        let said_behind = next.place_from.is_some_and(|from| from > 0);
        if next.after_and && said_behind && nouns[at].has_kind() && !nouns[at].has_place() {
            let from = next.place_from.unwrap_or(0).min(next.spans.len());
            let place = next.spans[from..].to_vec();
            nouns[at].spans.extend(place);
        }
        if nouns[at + 1].is_here && nouns[at].has_kind() && !nouns[at].has_place() {
            nouns[at].is_here = true;
        }
    }
}

/// The verb of a clause, or what its value says without one.
pub(super) fn act(clause: &Clause) -> Option<Act> {
    let by_state = || clause.values.state.as_deref().and_then(act::by_state);
    match clause.act {
        Some(Act::Turn | Act::Set | Act::Ensure) if clause.values.state.is_some() => {
            by_state().or(clause.act)
        }
        Some(Act::Set) if clause.puts && clause.values.is_empty() && !clause.values.is_to => {
            Some(Act::On)
        }
        Some(act) => Some(act),
        None if clause.values.is_empty() => None,
        None if clause.values.state.is_some() => by_state(),
        None => Some(Act::Set),
    }
}
