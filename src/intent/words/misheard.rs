//! Words of a noun phrase that mean nothing here: what they may have been instead, and what is told
//! of them if that is nothing. What could do harm is never acted on through such a word, only asked
//! about; a place is found only through a small slip.

use crate::home::target::TargetWords;
use crate::intent::meaning::UnknownList;

use super::noun::{Found, Miss, Noun, Scene, Want, exactly, recut};
use super::part::Part;
use super::phrase::{by_name, read};
use super::spans::Span;
use super::token::Token;

/// A word of which nothing in the home is true.
pub(super) fn unknown(
    noun: &Noun,
    part: &Part,
    parts: &[Part],
    want: &Want,
    scene: &Scene<'_>,
) -> Miss {
    // All unknown words side by side are one name.
    let is_unknown = |part: &Part| part.all().is_empty() && !part.is_description();
    let first = part.span.at;
    let mut last = part.span.end;
    for other in parts.iter().filter(|other| is_unknown(other)) {
        if other.span.at <= last + 1 {
            last = last.max(other.span.end);
        }
    }
    let stands_for_place = noun.place_from.is_some_and(|from| {
        noun.spans.iter().position(|span| span.at == first).is_some_and(|at| at >= from)
    });
    let has_place = parts.iter().any(|part| !part.places.is_empty());
    let is_place = !has_place
        && (stands_for_place
            || noun.has_kind()
            || parts.iter().all(is_unknown) && !want.implied.is_empty() && noun.spans.len() == 1);
    let list = if is_place && (noun.has_kind() || stands_for_place) {
        UnknownList::Place
    } else {
        UnknownList::Entity
    };
    Miss::Unknown(scene.said(first, last), list)
}

/// All words are known, and nothing in the home is all of it: a thing that is elsewhere is told to
/// be so, the rest is not understood.
pub(super) fn contradiction(noun: &Noun, parts: &[Part], scene: &Scene<'_>) -> Result<Found, Miss> {
    let thing = parts.iter().find(|part| !part.span.things.is_empty());
    let place = parts.iter().find_map(|part| part.span.places.first());
    if let (Some(part), Some(place)) = (thing, place) {
        let found = by_name(noun, part, &part.span.things, scene);
        let place = &scene.ground.places[usize::from(*place)];
        let targets = found.targets.into_iter().map(|words| match place.is_floor {
            true => TargetWords { floor: Some(place.name.clone()), ..words },
            false => TargetWords { area: Some(place.name.clone()), ..words },
        });
        return Ok(Found { targets: targets.collect(), is_able: false, ..found });
    }
    Err(Miss::Unexplained(scene.said(noun.at, noun.end)))
}

/// The same with words that are true of nothing replaced by such as sound or look alike.
pub(super) fn misheard(noun: &Noun, want: &Want, scene: &Scene<'_>) -> Option<Result<Found, Miss>> {
    let is_strange = |span: &&Span| {
        let part = Part::new(span, noun, scene);
        part.all().is_empty() && !part.is_description() && span.end == span.at + 1
    };
    let strange: Vec<&Span> = noun.spans.iter().filter(is_strange).take(2).collect();
    if strange.is_empty() {
        return None;
    }
    let mut ways: Vec<(Vec<Token>, f64)> = vec![(scene.tokens.to_vec(), 1.0)];
    // "Mantle piece", "pee anno": one name heard as two words.
    if let [first, second] = strange[..]
        && first.end == second.at
    {
        let whole = format!("{}{}", scene.tokens[first.at].key, scene.tokens[second.at].key);
        for (word, likeness) in scene.ground.near(&whole, scene.lexicon) {
            let mut tokens = scene.tokens.to_vec();
            tokens[first.at].key = word.to_owned();
            tokens[first.at].exact = word.to_owned();
            let mut spans = noun.spans.clone();
            spans.retain(|span| span.at != second.at);
            let heard = Scene { tokens: &tokens, ..*scene };
            let spans: Vec<Span> = spans
                .iter()
                .flat_map(|span| match span.at == first.at {
                    true => recut(std::slice::from_ref(span), &tokens, false, scene),
                    false => vec![span.clone()],
                })
                .collect();
            // The whole word may be no name at all.
            if !spans.is_empty()
                && let Ok(found) = read(noun, &spans, want, &heard, true)
                && (want.is_question
                    || !found.set.iter().any(|i| scene.ground.things[i].is_guarded))
            {
                return Some(Ok(Found { score: found.score * likeness, ..found }));
            }
        }
    }
    for span in &strange {
        let near = scene.ground.near(&scene.tokens[span.at].key, scene.lexicon);
        let mut more = Vec::new();
        for (tokens, score) in &ways {
            for (word, likeness) in &near {
                let mut tokens = tokens.clone();
                tokens[span.at].key = (*word).to_owned();
                tokens[span.at].exact = (*word).to_owned();
                more.push((tokens, score * likeness));
            }
        }
        ways = more;
    }
    let mut best: Option<(Found, f64)> = None;
    for (tokens, likeness) in &ways {
        let heard = Scene { tokens, ..*scene };
        for without_things in [false, true] {
            let spans = recut(&noun.spans, tokens, without_things, scene);
            // Nothing is left of it that means anything, or a kind that the house does not have.
            let means_nothing = |strange: &&Span| {
                let span = spans.iter().find(|span| (span.at..span.end).contains(&strange.at));
                span.is_none_or(|span| Part::new(span, noun, &heard).all().is_empty())
            };
            if spans.is_empty() || strange.iter().any(means_nothing) {
                continue;
            }
            let Ok(found) = read(noun, &spans, want, &heard, true) else { continue };
            let is_guarded = found.set.iter().any(|index| scene.ground.things[index].is_guarded);
            let is_place = strange.iter().any(|strange| {
                let key = &tokens[strange.at].key;
                let is_thing = scene.ground.with_word(key, scene.lexicon).is_some();
                let places = scene.ground.places_with_word(key, scene.lexicon);
                !places.is_empty() && (noun.has_kind() || !is_thing)
            });
            // A place is found only through a small slip; what could do harm is asked about.
            let is_whole_name = spans.iter().any(|span| !span.things.is_empty());
            if is_place && !is_whole_name && *likeness < 0.8 {
                continue;
            }
            let mut found = found;
            if is_guarded && !want.is_question {
                found.targets =
                    vec![TargetWords { must_choose: true, ..exactly(&found.set, true, scene) }];
            }
            match &best {
                Some((_, score)) if *score >= *likeness => {}
                _ => best = Some((Found { score: found.score * likeness, ..found }, *likeness)),
            }
            break;
        }
    }
    best.map(|(found, _)| Ok(found))
}
