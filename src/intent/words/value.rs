//! The values of a clause as they are said: numbers with their unit, shares, colors, modes, states.

use super::clause::Parser;
use super::spans::Span;
use super::tag::{Tag, Unit, Word};

impl Parser<'_> {
    /// A value and how many spans it takes.
    pub(super) fn value(&mut self, spans: &[Span], at: usize) -> Option<usize> {
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
            if matches!(
                unit_said,
                Some(Unit::Second | Unit::Minute | Unit::Hour | Unit::Day | Unit::Week)
            ) {
                unit_said = None;
                self.clause.strange.push(self.scene.said_of(span));
            }
            self.close();
            let repeats = self.clause.values.number.is_some() && !self.clause.retracts;
            self.next_if(repeats);
            self.clause.values.number = Some((number, unit_said));
            self.fill();
            return Some(n);
        }
        // "Two more degrees."
        if let Some(said @ (Unit::Degree | Unit::Percent)) = unit(span)
            && let Some((_, counts @ None)) = &mut self.clause.values.number
        {
            *counts = Some(said);
            return Some(1);
        }
        let tag = span
            .tags
            .iter()
            .find(|tag| tag.is_value() || matches!(tag, Tag::Degree(_) | Tag::Measure(_)))?;
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
                self.fill();
            }
            Tag::Color(color) => {
                self.close();
                self.next_if(self.clause.values.color.is_some());
                self.clause.values.color = Some(color);
                self.fill();
            }
            Tag::White(kelvin) => {
                self.close();
                self.next_if(self.clause.values.white.is_some());
                self.clause.values.white = Some(kelvin);
                self.fill();
            }
            Tag::Mode(mode) => {
                self.close();
                self.next_if(self.clause.values.mode.is_some());
                self.clause.values.mode = Some(mode);
                self.fill();
            }
            Tag::State(state) => {
                self.close();
                self.next_if(self.clause.values.state.is_some());
                self.clause.values.state = Some(state);
                self.fill();
            }
            _ => return None,
        }
        Some(1)
    }

    /// A second value of its kind begins a new clause if things were named since the first.
    fn next_if(&mut self, is_filled: bool) {
        if self.has_new_nouns() {
            self.split_slot();
        } else if is_filled {
            self.clause.strange.push(String::new());
        } else {
            return;
        }
        self.after_and = false;
    }
}
