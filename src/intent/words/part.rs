//! One part of a noun phrase: a word or phrase and what in the home it is true of, by name, by place
//! and by kind. How the parts of a phrase come together is not its business.

use super::ground::{Ground, Set};
use super::noun::{Noun, Scene};
use super::spans::Span;
use super::tag::{Storey, Tag};

/// One part of a noun phrase and what it is true of.
pub(super) struct Part {
    pub span: Span,
    pub kind: Option<(u16, bool)>,
    pub places: Vec<u16>,
    pub storey: Option<Storey>,
    /// Only a part of the places' names was said.
    pub is_part_of_place: bool,
    pub by_name: Set,
    pub by_place: Set,
    pub by_kind: Set,
}

impl Part {
    pub(super) fn new(span: &Span, noun: &Noun, scene: &Scene<'_>) -> Part {
        let ground = scene.ground;
        let kind = span.kind();
        let storey = span.tags.iter().find_map(|tag| match tag {
            Tag::Storey(storey) => Some(*storey),
            _ => None,
        });
        let mut places = span.places.clone();
        let keys = || scene.tokens[span.at..span.end].iter().map(|token| token.key.as_str());
        let mut words: Option<Set> = None;
        for key in keys() {
            let with = ground.with_word(key, scene.lexicon).cloned().unwrap_or_default();
            words = Some(match words {
                Some(words) => words.and(&with),
                None => with,
            });
        }
        let mut is_part_of_place = false;
        if places.is_empty() && kind.is_none() && storey.is_none() && span.end == span.at + 1 {
            // Part of a place's name: "master" of "master bedroom". Where things are called so, only
            // after "in" or beside a kind.
            let names_thing = |other: &Span| other.at != span.at && !other.things.is_empty();
            let stands_for_place = noun.has_kind()
                || noun.spans.iter().any(names_thing)
                || noun.place_from.is_some_and(|from| {
                    noun.spans.iter().skip(from).any(|place| place.at == span.at)
                });
            let is_named = words.as_ref().is_some_and(|words| !words.is_empty());
            if stands_for_place || !is_named {
                places = keys()
                    .next()
                    .map(|key| ground.places_with_word(key, scene.lexicon).to_vec())
                    .unwrap_or_default();
                is_part_of_place = !places.is_empty();
            }
        }
        let mut by_place = Set::default();
        for place in &places {
            by_place = by_place.or(&ground.places[usize::from(*place)].things);
        }
        if let Some(storey) = storey
            && places.is_empty()
        {
            places = on_storey(storey, ground);
            for place in &places {
                by_place = by_place.or(&ground.places[usize::from(*place)].things);
            }
        }
        let by_kind = kind
            .map(|(index, _)| {
                ground.of_kind(&scene.lexicon.kinds[usize::from(index)], scene.lexicon)
            })
            .unwrap_or_default();
        let by_name = span.things.clone().or(&words.unwrap_or_default());
        Part {
            span: span.clone(),
            kind,
            places,
            storey,
            is_part_of_place,
            by_name,
            by_place,
            by_kind,
        }
    }

    pub(super) fn all(&self) -> Set {
        self.by_name.clone().or(&self.by_place).or(&self.by_kind)
    }

    /// It says a kind or a place, not (only) a name.
    pub(super) fn is_description(&self) -> bool {
        self.kind.is_some()
            || self.storey.is_some()
            || !self.span.places.is_empty()
            || self.is_part_of_place && self.places.len() == 1
    }
}

/// The areas and floors of a storey.
pub(super) fn on_storey(storey: Storey, ground: &Ground) -> Vec<u16> {
    let places = ground.places.iter().enumerate();
    let chosen = places.filter(|(_, place)| match storey {
        Storey::Up => place.is_floor && place.level.is_some_and(|level| level > 0),
        Storey::First => {
            let is_lower = |level: &i32| *level > 0;
            let levels = ground.places.iter().filter(|place| place.is_floor);
            let first = levels.filter_map(|place| place.level).filter(is_lower).min();
            place.is_floor && first.is_some() && place.level == first
        }
        Storey::Down => place.is_floor && place.level == Some(0),
        Storey::Cellar => place.is_floor && place.level.is_some_and(|level| level < 0),
        Storey::Outside => !place.is_floor && place.is_outside,
        Storey::Inside => !place.is_floor && !place.is_outside,
    });
    chosen.map(|(index, _)| index as u16).collect()
}
