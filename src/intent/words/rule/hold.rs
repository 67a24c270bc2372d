//! What must hold for a rule to act: the time of day and of the week, whether it is dark, who is at home, how something is.

use crate::home::rhythm::Days;
use crate::home::target::TargetWords;
use crate::intent::meaning::When;
use crate::intent::rule::{Hold, Who};

use super::table::Mark;
use super::{Reader, spans_of};
use crate::intent::words::spans::Span;
use crate::intent::words::tag::{Tag, Word};
use crate::intent::words::{condition, time};

/// Longest words of one time.
const MOST_WORDS: usize = 7;

/// A time of day, or one of the sun.
#[derive(Clone, Copy)]
enum Point {
    Clock(u8, u8),
    Sun { is_rise: bool },
}

impl Reader<'_> {
    /// Something that must hold, in all these words.
    pub(super) fn hold(&self, from: usize, to: usize) -> Option<Hold> {
        if from >= to {
            return None;
        }
        if let Some((who, is_home)) = self.at_home(from, to) {
            return Some(Hold::Home(who, is_home));
        }
        let begin = self.mark(from, &[Mark::ItIs]).map_or(from, |(n, _)| from + n);
        let whole = |(hold, end): (Hold, usize)| (end == to).then_some(hold);
        if let Some(hold) = self.window(begin).into_iter().find_map(whole) {
            return Some(hold);
        }
        let read = self.state(from, to)?;
        Some(Hold::State(read.0))
    }

    /// "Nobody is home".
    fn at_home(&self, from: usize, to: usize) -> Option<(Who, bool)> {
        let whos = [Mark::Anybody, Mark::Everybody, Mark::Nobody, Mark::Me];
        let (who, rest) = match self.mark(from, &whos) {
            Some((n, who)) => (Some(who), from + n),
            None => (None, (from + 1..to).find(|at| self.is_whereabouts(*at, to).is_some())?),
        };
        let is_home = self.is_whereabouts(rest, to)?;
        Some(match who {
            Some(Mark::Nobody) => (Who::Anybody, !is_home),
            // "Everybody is away": nobody is at home.
            Some(Mark::Everybody) if !is_home => (Who::Anybody, false),
            Some(Mark::Everybody) => (Who::Everybody, true),
            Some(Mark::Me) => (Who::Speaker, is_home),
            Some(_) => (Who::Anybody, is_home),
            None => (Who::Named(self.person(from, rest)?), is_home),
        })
    }

    fn is_whereabouts(&self, at: usize, to: usize) -> Option<bool> {
        let ends = |mark: Mark| self.mark(at, &[mark]).is_some_and(|(n, _)| at + n == to);
        if ends(Mark::Home) {
            return Some(true);
        }
        ends(Mark::Away).then_some(false)
    }

    /// How something is, with the things that are meant.
    pub(super) fn state(
        &self,
        from: usize,
        to: usize,
    ) -> Option<(crate::intent::meaning::Condition, Vec<crate::home::id::EntityId>)> {
        let spans = spans_of(self.scene, from, to);
        let spans: Vec<Span> =
            spans.into_iter().filter(|span| !span.is(Word::Filler) || span.is_name()).collect();
        self.condition(&spans, self.scene)
    }

    pub(super) fn condition(
        &self,
        spans: &[Span],
        scene: &super::Scene<'_>,
    ) -> Option<(crate::intent::meaning::Condition, Vec<crate::home::id::EntityId>)> {
        let (condition, set) = condition::read(spans, false, &self.near, scene).ok()?;
        let things = set.iter().map(|index| scene.ground.things[index].id.clone());
        // Nothing but what was said: a state of nothing in particular is none.
        (condition.target != TargetWords::default()).then(|| (condition, things.collect()))
    }

    /// Times of the day and of the week that begin here, and where each ends.
    pub(super) fn window(&self, at: usize) -> Vec<(Hold, usize)> {
        let mut found: Vec<(Hold, usize)> = Vec::new();
        for (mark, is_dark) in [(Mark::Night, true), (Mark::Day, false)] {
            found.extend(self.mark(at, &[mark]).map(|(n, _)| (Hold::Dark(is_dark), at + n)));
        }
        if let Some((n, _)) = self.mark(at, &[Mark::Between]) {
            for (first, and) in self.points(at + n) {
                let Some(n) = self.is_word(and, Word::And).or_else(|| self.is_word(and, Word::To))
                else {
                    continue;
                };
                let ends = self.points(and + n).into_iter();
                found.extend(ends.filter_map(|(last, end)| Some((between(first, last)?, end))));
            }
        }
        for (mark, is_after) in [(Mark::After, true), (Mark::Before, false)] {
            let Some((n, _)) = self.mark(at, &[mark]) else { continue };
            found.extend(self.points(at + n).into_iter().map(|(point, end)| {
                let hold = match (point, is_after) {
                    (Point::Sun { is_rise }, is_after) => Hold::Dark(is_rise != is_after),
                    (Point::Clock(hour, minute), true) => {
                        Hold::Clock { after: Some((hour, minute)), before: None }
                    }
                    (Point::Clock(hour, minute), false) => {
                        Hold::Clock { after: None, before: Some((hour, minute)) }
                    }
                };
                (hold, end)
            }));
        }
        found.extend(self.day_at(at).map(|(days, end)| (Hold::On(days), end)));
        found
    }

    /// Days of the week that are said here, and where they end.
    pub(super) fn day_at(&self, at: usize) -> Option<(Days, usize)> {
        let to = (at + MOST_WORDS).min(self.tokens().len());
        let spans = spans_of(self.scene, at, to);
        let first = spans.first()?;
        let is_days =
            |tag: &Tag| matches!(tag, Tag::Again(Some(days), None) if *days != Days::DAILY);
        if !first.tags.iter().any(is_days) || first.is_name() {
            return None;
        }
        let (again, n) = time::again(&spans, 0)?;
        Some((again.days?, spans.get(n - 1)?.end))
    }

    /// Times of day that begin here, the longest words first.
    fn points(&self, at: usize) -> Vec<(Point, usize)> {
        let most = (at + MOST_WORDS).min(self.tokens().len());
        (at + 1..=most).rev().filter_map(|end| Some((self.point(at, end)?, end))).collect()
    }

    fn point(&self, from: usize, to: usize) -> Option<Point> {
        let mut spans = spans_of(self.scene, from, to);
        if spans.first().is_some_and(|first| first.number().is_some()) {
            let tags = vec![Tag::Word(Word::AtTime)];
            spans.insert(0, Span { at: from, end: from, tags, ..Span::default() });
        }
        spans.retain(|span| !span.is_only(Word::Article));
        let (time, rest) = time::take(spans, true, self.scene);
        if !rest.is_empty() || !time.unexplained.is_empty() || time.lasting_s.is_some() {
            return None;
        }
        match time.when {
            When::At { hour, minute, .. } => Some(Point::Clock(hour, minute)),
            When::Sun { is_rise, offset_s: 0.0 } => Some(Point::Sun { is_rise }),
            _ => None,
        }
    }
}

fn between(first: Point, last: Point) -> Option<Hold> {
    match (first, last) {
        (Point::Sun { is_rise: false }, Point::Sun { is_rise: true }) => Some(Hold::Dark(true)),
        (Point::Sun { is_rise: true }, Point::Sun { is_rise: false }) => Some(Hold::Dark(false)),
        (Point::Clock(hour, minute), Point::Clock(to_hour, to_minute)) => {
            Some(Hold::Clock { after: Some((hour, minute)), before: Some((to_hour, to_minute)) })
        }
        _ => None,
    }
}
