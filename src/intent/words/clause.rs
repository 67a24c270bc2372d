//! Spans in order to clauses: one verb, what it is done with, and with what value. Verbs and values
//! reach over "and", and a second one begins a second clause: "turn off the TV and close the
//! blinds", "the kitchen to 50 and the hall to 20". It owns which span plays which part; what the
//! parts mean in the home is the business of `noun` and `act`.

use super::act::Values;
use super::noun::{Noun, Scene, is_content};
use super::spans::Span;
use super::tag::{Act, Tag, Word};

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
    pub(super) retracts: bool,
    n_nouns_at_slot: usize,
    has_particle: bool,
}

impl Clause {
    pub(super) fn is_empty(&self) -> bool {
        !self.corrects && self.says_nothing()
    }

    /// Only that something was wrong, not yet what is right.
    fn only_corrects(&self) -> bool {
        self.corrects && self.says_nothing()
    }

    fn says_nothing(&self) -> bool {
        self.act.is_none()
            && self.nouns.is_empty()
            && self.except.is_empty()
            && self.values.is_empty()
            && self.values.measure.is_none()
            && self.strange.is_empty()
    }
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

/// Whether a span is a verb and no thing.
fn begins_verb(span: Option<&Span>) -> bool {
    span.is_some_and(|span| {
        let is_verb = |tag: &Tag| {
            matches!(tag, Tag::Verb(_) | Tag::Particle(_) | Tag::State(_) | Tag::Mode(_))
                || matches!(span.verb(), Some(Act::Vacuum | Act::Mow))
        };
        span.verb().is_some() && !span.is_name() && span.tags.iter().all(is_verb)
    })
}

pub(super) struct Parser<'a> {
    pub(super) scene: &'a Scene<'a>,
    done: Vec<Clause>,
    pub(super) clause: Clause,
    /// The noun phrase that is being said.
    pub(super) open: Option<Noun>,
    pub(super) after_and: bool,
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
        if after_pause && self.open.is_some() {
            self.close();
            self.after_and |= !self.clause.nouns.is_empty() && is_content(span);
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
        // "Stop mowing."
        if matches!(self.clause.act, Some(Act::Stop | Act::Pause))
            && self.clause.nouns.is_empty()
            && self.open.is_none()
            && let Some(task @ (Act::Vacuum | Act::Mow | Act::Water)) = span.verb()
        {
            self.clause.values.task = Some(task);
            return 1;
        }
        // "The alarm to home."
        let is_mode =
            self.clause.values.is_to && span.tags.iter().any(|tag| matches!(tag, Tag::Mode(_)));
        if span.particle().is_some() && self.is_preposition(spans, at) {
            self.pending_in = true;
            return 1;
        }
        if let Some(act) = span.particle().filter(|_| !is_mode) {
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
                    || next.tags.iter().any(Tag::is_value))
        });
        let by = span.is(Word::By);
        let to = span.is(Word::To) || span.is(Word::AtTime);
        if by && (is_value || !span.is(Word::In)) {
            self.close();
            self.clause.values.is_by = true;
        } else if to && self.clause.act.is_some() && !is_value && begins_verb(spans.get(at + 1)) {
            // "Tell Rosie to clean".
            self.close();
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
        let last = at.checked_sub(1).map(|last| &spans[last]);
        let is_last = |word: Word| last.is_some_and(|last| last.is(word));
        let after_and = is_last(Word::And) || is_last(Word::Then) || is_last(Word::Except);
        let is_start = at == 0 || after_and || self.scene.tokens[span.at].after_pause;
        let is_else = span.tags.iter().any(|tag| {
            matches!(
                tag,
                Tag::Kind { .. } | Tag::State(_) | Tag::Mode(_) | Tag::Measure(_) | Tag::Level(_)
            )
        }) || span.is_name();
        let has_more = spans[at + 1..]
            .iter()
            .take_while(|next| next.verb().is_none() || is_content(next))
            .any(|next| {
                let points = [
                    Word::It,
                    Word::Everything,
                    Word::All,
                    Word::Everywhere,
                    Word::Here,
                    Word::There,
                ];
                is_content(next) || points.into_iter().any(|word| next.is(word))
            });
        let is_level = span.tags.iter().any(|tag| matches!(tag, Tag::Level(_)));
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
            // "Get Robbie to vacuum".
            Some(Act::Set) if is_last(Word::To) && begins_verb(Some(span)) => true,
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
                    || has_noun && has_more && is_start
                    || has_noun && !has_more && span.kind().is_none() && !is_level
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
        // "The lights to half and close the blinds": the first is whole without a verb.
        let is_whole =
            self.after_and && !self.clause.nouns.is_empty() && !self.clause.values.is_empty();
        if self.clause.act.is_some() && !refines || is_whole {
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
            // "Make the lamp blue and the spot off."
            || !self.clause.values.is_empty() && self.after_and | self.has_new_nouns()
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
            // "Pull the blind up."
            (Some(Act::Down), Act::Up) => Act::Up,
            (Some(verb), _) => verb,
        });
        self.clause.has_particle = true;
        self.after_and = false;
        self.fill();
    }

    pub(super) fn has_new_nouns(&self) -> bool {
        self.clause.n_nouns_at_slot > 0 && self.clause.nouns.len() > self.clause.n_nouns_at_slot
    }

    /// A value was said; when a second one comes after other things, a new clause begins.
    pub(super) fn fill(&mut self) {
        self.clause.n_nouns_at_slot = self.clause.nouns.len();
    }

    /// A slot was filled again: what was said since belongs to a clause of its own.
    pub(super) fn split_slot(&mut self) {
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
        // "Turn off the lamp, no": taken back, and nothing is said instead.
        if self.clause.retracts && !self.clause.is_empty() {
            self.clause.strange.push(String::new());
        }
        if !self.clause.is_empty() {
            self.split();
        }
    }

    /// Words of grammar; false if the span is something else.
    fn grammar(&mut self, spans: &[Span], at: usize) -> bool {
        let span = &spans[at];
        let next = spans.get(at + 1);
        // "Éteins-la": an article before nothing is a pronoun.
        let from = self.scene.tokens[span.at].from;
        let is_joined = self.scene.utterance.get(..from).is_some_and(|said| said.ends_with('-'));
        let is_known = is_joined || !self.scene.memory.entities.is_empty();
        let is_pronoun = span.is(Word::It)
            && (is_known || !span.is(Word::Article))
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
        } else if span.is(Word::One)
            && span.number().is_none()
            && self.open.as_ref().is_none_or(|noun| noun.spans.is_empty() && !noun.is_wide())
        {
            // "Celui de Chloé."
            self.noun(span).is_one = true;
        } else if span.is(Word::Feel) {
            self.clause.feels = true;
        } else if span.is(Word::Subject) {
            self.clause.has_subject = true;
        } else if span.is(Word::Except) {
            self.close();
            // "Close the drapes but open the shade."
            self.excepts = !begins_verb(next);
            self.after_and = !self.excepts;
        } else if span.is(Word::All) || span.is(Word::Both) {
            let noun = self.noun(span);
            noun.is_all = true;
            if span.is(Word::Both) {
                noun.count = Some(2);
            }
            noun.end = span.end;
        } else if span.is(Word::Any) {
            self.noun(span).is_any = true;
        } else if span.is(Word::Everything) {
            self.noun(span).is_everything = true;
        } else if span.is(Word::Everywhere) {
            self.near(span).is_everywhere = true;
        } else if span.is(Word::Here) {
            self.near(span).is_here = true;
        } else if span.is(Word::There) && self.clause.feels {
            // "Il fait froid là": where one feels it.
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
            // "Sorry, I meant …" is one correction.
            let is_first = self.clause.is_empty() || self.clause.only_corrects();
            match is_first && self.done.is_empty() {
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

    /// "Lamp 2": the number is part of a name that the home has.
    pub(super) fn belongs_to_name(&self, span: &Span) -> bool {
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

    pub(super) fn content(&mut self, span: &Span) {
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
            if self.open.as_ref().is_none_or(|noun| noun.spans.is_empty() && !noun.is_one)
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
    pub(super) fn noun(&mut self, span: &Span) -> &mut Noun {
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

    pub(super) fn close(&mut self) {
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
