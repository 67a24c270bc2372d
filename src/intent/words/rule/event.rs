//! What begins a rule: somebody comes or goes, a machine has finished, the sun rises or sets, something comes to be so.

use crate::home::domain::Domain;
use crate::home::id::EntityId;
use crate::home::rhythm::{Days, Rhythm};
use crate::home::target::TargetWords;
use crate::intent::meaning::{Condition, Test, When};
use crate::intent::rule::{Event, Who};

use super::table::Mark;
use super::{Reader, spans_of};
use crate::intent::words::noun::{self, Scene, Want};
use crate::intent::words::spans::{self, Span};
use crate::intent::words::tag::Word;
use crate::intent::words::token::{self, Token};
use crate::intent::words::{clause, time};

/// What some words say that happens.
#[derive(PartialEq)]
pub(super) struct Read {
    pub(super) events: Vec<Event>,
    /// The things they are about.
    pub(super) things: Vec<EntityId>,
    /// It is told as something that happens, not as something that is.
    pub(super) happens: bool,
}

/// Sentences that tell how it is when it has happened, and the word of the state where they do not say it.
struct Way {
    texts: Vec<String>,
    word: Option<String>,
}

impl Reader<'_> {
    /// What happens, in all these words.
    pub(super) fn event(&self, from: usize, to: usize) -> Option<Read> {
        if from >= to {
            return None;
        }
        let begins =
            |event: Event| Some(Read { events: vec![event], things: Vec::new(), happens: true });
        if let Some(rhythm) = self.sun(&spans_of(self.scene, from, to)) {
            return begins(Event::Time(rhythm));
        }
        if let Some((event, happens)) = self.comes_or_goes(from, to) {
            return begins(event).map(|read| Read { happens, ..read });
        }
        if let Some((target, thing)) = self.finished(from, to) {
            let read = begins(Event::Done(target))?;
            return Some(Read { things: thing, ..read });
        }
        let said = self.scene.said(from, to);
        let (tokens, _) = token::cut(&said);
        let scene = Scene { utterance: &said, tokens: &tokens, ..*self.scene };
        let (said, for_s) = self.without_length(&scene);
        let (tokens, _) = token::cut(&said);
        let (ways, happens) = self.as_state(&said, &tokens);
        for Way { texts, word } in ways {
            let read: Option<Vec<_>> =
                texts.iter().map(|text| self.becomes(text, word.as_deref())).collect();
            let Some(read) = read else { continue };
            let mut out = Read { events: Vec::new(), things: Vec::new(), happens };
            for (event, things) in read {
                out.things.extend(things);
                out.events.push(match event {
                    Event::Becomes { condition, .. } => Event::Becomes { condition, for_s },
                    other => other,
                });
            }
            out.happens |= for_s.is_some();
            return Some(out);
        }
        None
    }

    /// One sentence that tells how something is.
    fn becomes(&self, text: &str, word: Option<&str>) -> Option<(Event, Vec<EntityId>)> {
        let text = &self.signed(text);
        let (tokens, _) = token::cut(text);
        let scene = Scene { utterance: text, tokens: &tokens, ..*self.scene };
        let all = spans_of(&scene, 0, tokens.len());
        if let Some(rhythm) = self.sun(&all) {
            return Some((Event::Time(rhythm), Vec::new()));
        }
        let spans: Vec<Span> =
            all.into_iter().filter(|span| !span.is(Word::Filler) || span.is_name()).collect();
        let (mut condition, things): (Condition, _) = self.condition(&spans, &scene)?;
        if let Some(word) = word {
            let domain = |id: &EntityId| scene.home.entity(id.as_str()).map(|entity| entity.domain);
            let fits = |domain: Domain| match word {
                "triggered" => matches!(
                    domain,
                    Domain::AlarmControlPanel | Domain::Siren | Domain::BinarySensor
                ),
                _ => matches!(domain, Domain::Vacuum | Domain::LawnMower),
            };
            if !things.iter().filter_map(domain).all(fits) {
                return None;
            }
            condition.test = Test::Is(word.into());
        }
        Some((Event::Becomes { condition, for_s: None }, things))
    }

    /// "Moins 10" as it is written.
    fn signed(&self, text: &str) -> String {
        let (tokens, _) = token::cut(text);
        let is_minus = |at: &usize| {
            self.table.mark_at(&tokens, *at, &[Mark::Minus]).is_some()
                && tokens.get(at + 1).is_some_and(|next| next.number.is_some())
        };
        match (0..tokens.len()).find(is_minus) {
            Some(at) => {
                let (word, number) = (&tokens[at], &tokens[at + 1]);
                let range = (text.get(..word.from), text.get(number.from..));
                let (before, after) = (range.0.unwrap_or(""), range.1.unwrap_or(""));
                format!("{before}-{after}")
            }
            None => text.to_owned(),
        }
    }

    /// The sun, if the words say nothing else.
    fn sun(&self, spans: &[Span]) -> Option<Rhythm> {
        let (time, rest) = time::take(spans.to_vec(), true, self.scene);
        let rest = rest.iter().all(|span| span.is_only(Word::Article) || span.is(Word::Filler));
        match time.when {
            When::Sun { is_rise, offset_s } if rest && time.unexplained.is_empty() => {
                Some(Rhythm::Sun { days: Days::DAILY, is_rise, offset_s })
            }
            _ => None,
        }
    }

    /// Somebody comes home, or leaves.
    fn comes_or_goes(&self, from: usize, to: usize) -> Option<(Event, bool)> {
        let whos = [Mark::Anybody, Mark::Everybody, Mark::Nobody, Mark::Me, Mark::Last];
        let moves = |at: usize| {
            let mut all = [Mark::Arrives, Mark::Leaves, Mark::Home, Mark::Away].into_iter();
            all.find(|mark| self.mark(at, &[*mark]).is_some_and(|(n, _)| at + n == to))
        };
        if let Some((n, who)) = self.mark(from, &whos) {
            let how = moves(from + n)?;
            let comes = matches!(how, Mark::Arrives | Mark::Home);
            let happens = matches!(how, Mark::Arrives | Mark::Leaves);
            let event = match (who, comes) {
                (Mark::Nobody, true) => Event::Leaves(Who::Everybody),
                (Mark::Nobody, false) => return None,
                (Mark::Everybody | Mark::Last, false) => Event::Leaves(Who::Everybody),
                (Mark::Everybody | Mark::Last, true) => Event::Arrives(Who::Everybody),
                (Mark::Me, true) => Event::Arrives(Who::Speaker),
                (Mark::Me, false) => Event::Leaves(Who::Speaker),
                (_, true) => Event::Arrives(Who::Anybody),
                (_, false) => Event::Leaves(Who::Anybody),
            };
            return Some((event, happens));
        }
        let (at, how) = (from + 1..to).find_map(|at| Some((at, moves(at)?)))?;
        let who = Who::Named(self.person(from, at)?);
        let happens = matches!(how, Mark::Arrives | Mark::Leaves);
        Some(match how {
            Mark::Arrives | Mark::Home => (Event::Arrives(who), happens),
            _ => (Event::Leaves(who), happens),
        })
    }

    /// A person of the household, by name.
    pub(super) fn person(&self, from: usize, to: usize) -> Option<TargetWords> {
        let (target, domains, _) = self.thing(from, to)?;
        domains.iter().all(|domain| *domain == Domain::DeviceTracker).then_some(target)
    }

    /// "The washing machine is done".
    fn finished(&self, from: usize, to: usize) -> Option<(TargetWords, Vec<EntityId>)> {
        let ends = |at: &usize| self.mark(*at, &[Mark::Done]).is_some_and(|(n, _)| *at + n == to);
        let at = (from + 1..to).find(ends)?;
        let (target, _, things) = self.thing(from, at)?;
        Some((target, things))
    }

    /// One thing, or several of a kind, by their words.
    fn thing(&self, from: usize, to: usize) -> Option<(TargetWords, Vec<Domain>, Vec<EntityId>)> {
        let scene = self.scene;
        let spans = spans_of(scene, from, to);
        let mut clauses = clause::clauses(&spans, scene);
        let clause = clauses.pop().filter(|_| clauses.is_empty())?;
        let is_plain =
            clause.act.is_none() && clause.strange.is_empty() && clause.except.is_empty();
        let [noun] = &clause.nouns[..] else { return None };
        let want = Want { is_question: true, ..Want::default() };
        let found = noun::find(noun, &want, scene).ok().filter(|_| is_plain && !noun.is_it)?;
        if found.score < crate::intent::words::LEAST_SCORE {
            return None;
        }
        let things = || found.set.iter().map(|index| &scene.ground.things[index]);
        let domains = things().map(|thing| thing.domain).collect();
        let ids = things().map(|thing| thing.id.clone()).collect();
        Some((found.targets.first()?.clone(), domains, ids))
    }

    /// "… for ten minutes": the words without the length, and the length in seconds.
    fn without_length(&self, scene: &Scene<'_>) -> (String, Option<f64>) {
        let n = scene.tokens.len();
        let said = |from: usize, to: usize| match from < to {
            true => scene.said(from, to),
            false => String::new(),
        };
        for at in 0..n {
            let lead = self.table.mark_at(scene.tokens, at, &[Mark::ForTime]).map_or(0, |(n, _)| n);
            if at + lead >= n {
                continue;
            }
            let spans =
                spans::spans(scene.tokens, (at + lead, n), false, scene.lexicon, scene.ground);
            let Some((seconds, n_spans)) = time::duration(&spans, 0) else { continue };
            let Some(last) = spans.get(n_spans - 1) else { continue };
            return (
                format!("{} {}", said(0, at), said(last.end, n)).trim().to_owned(),
                Some(seconds),
            );
        }
        (scene.utterance.to_owned(), None)
    }

    /// What happens, as sentences that tell how it is afterwards: one way to take it after the other.
    fn as_state(&self, said: &str, tokens: &[Token]) -> (Vec<Way>, bool) {
        let part = |from: usize, to: usize| {
            let range = tokens.get(from).zip(tokens.get(to.wrapping_sub(1)));
            range.and_then(|(a, b)| said.get(a.from..b.to)).unwrap_or("").to_owned()
        };
        let way =
            |texts: Vec<String>, word: Option<&str>| Way { texts, word: word.map(str::to_owned) };
        let n = tokens.len();
        let mut ways = Vec::new();
        if let Some((n_words, states)) = self.table.event_at(tokens, 0) {
            let heads = states.iter().filter_map(|state| state.split_once("{}"));
            ways.extend(heads.map(|(before, after)| {
                let text = format!("{before}{}{after}", part(n_words, n));
                way(vec![text.trim().to_owned()], None)
            }));
        }
        let found = (0..n).find_map(|at| {
            let (n_words, mut states) = self.table.event_at(tokens, at)?;
            states.retain(|state| !state.contains("{}"));
            (!states.is_empty()).then_some((at, at + n_words, states))
        });
        if let (true, Some((at, end, states))) = (ways.is_empty(), found) {
            for state in states {
                let (state, word) = match state.split_once('=') {
                    Some((state, word)) => (state.trim(), Some(word)),
                    None => (state, None),
                };
                let rest = format!("{state} {}", part(end, n));
                let one = |subject: String| format!("{subject} {rest}").trim().to_owned();
                ways.push(way(vec![one(part(0, at))], word));
                // "The front door or the back door opens."
                let or = (1..at).find(|at| self.table.mark_at(tokens, *at, &[Mark::Or]).is_some());
                if let Some(or) = or {
                    ways.push(way(vec![one(part(0, or)), one(part(or + 1, at))], word));
                }
            }
            // What only rings does not go off.
            ways.sort_by_key(|way| way.word.is_none());
        }
        match ways.is_empty() {
            true => (vec![way(vec![said.to_owned()], None)], false),
            false => (ways, true),
        }
    }

    /// "After ten minutes without motion in the hall".
    pub(super) fn quiet_for(&self, at: usize) -> Option<(f64, Condition, Vec<EntityId>, usize)> {
        let (n, _) = self.mark(at, &[Mark::After])?;
        let spans = spans_of(self.scene, at + n, self.tokens().len());
        let (seconds, n_spans) = time::duration(&spans, 0)?;
        let begin = spans.get(n_spans - 1)?.end;
        self.ends(begin).find_map(|end| {
            let read = self.event(begin, end).filter(|read| read.happens)?;
            let [Event::Becomes { condition, for_s: None }] = &read.events[..] else { return None };
            Some((seconds, condition.clone(), read.things, end))
        })
    }
}
