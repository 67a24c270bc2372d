//! What a noun phrase of an utterance means in this home. One rule: it means the things of which
//! every one of its words is true, be it by their name, their kind or their room. `part` is what one
//! word is true of, `phrase` the words together, `misheard` words that are true of nothing. Here is
//! the way through them; what is to be done with the things is the business of `wish` and `ask`.

use crate::home::Home;
use crate::home::domain::Domain;
use crate::home::target::TargetWords;
use crate::intent::matcher::Slot;
use crate::intent::meaning::{Memory, UnknownList};

use super::ground::{Ground, Set};
use super::lexicon::Lexicon;
use super::misheard::misheard;
use super::part::Part;
use super::phrase::{described, everything, read};
use super::spans::{self, Span};
use super::tag::Tag;
use super::token::Token;

/// Everything that a reading may look at.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub utterance: &'a str,
    pub tokens: &'a [Token],
    pub lexicon: &'a Lexicon,
    pub ground: &'a Ground,
    pub home: &'a Home,
    /// The speaker's area.
    pub here: Option<u16>,
    pub memory: &'a Memory,
}

impl Scene<'_> {
    /// The words `from..to` as they were said.
    pub(super) fn said(&self, from: usize, to: usize) -> String {
        let range = self.tokens.get(from).zip(self.tokens.get(to.wrapping_sub(1)));
        let said = range.and_then(|(first, last)| self.utterance.get(first.from..last.to));
        said.unwrap_or("").to_owned()
    }

    /// The words of a span as they were said.
    pub(super) fn said_of(&self, span: &Span) -> String {
        self.said(span.at, span.end)
    }
}

/// A noun phrase.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Noun {
    /// Its words of content: names, places, kinds, unknown ones.
    pub spans: Vec<Span>,
    /// "all", "every", "both".
    pub is_all: bool,
    /// "any".
    pub is_any: bool,
    /// "everything".
    pub is_everything: bool,
    pub is_everywhere: bool,
    pub is_here: bool,
    /// "it", "them".
    pub is_it: bool,
    /// "there".
    pub is_there: bool,
    /// "the other one".
    pub is_other: bool,
    /// The index of the first span that stands behind "in" or "of".
    pub place_from: Option<usize>,
    /// Where its words begin, to say them again.
    pub at: usize,
    /// Where they end.
    pub end: usize,
    /// It stands after "and".
    pub after_and: bool,
    /// "the two lamps".
    pub count: Option<usize>,
    /// "celui de Paul", "the one in the hall": of the kind that was said before.
    pub is_one: bool,
}

impl Noun {
    /// Whether nothing was said that could be a thing or a place.
    pub(super) fn is_empty(&self) -> bool {
        self.spans.is_empty() && !self.is_pronoun() && !self.is_wide() && !self.is_here
    }

    pub(super) fn is_pronoun(&self) -> bool {
        self.is_it || self.is_there || self.is_other
    }

    pub(super) fn is_wide(&self) -> bool {
        self.is_all || self.is_everything || self.is_everywhere
    }

    /// Only a place was said, no thing and no kind.
    pub(super) fn is_place_only(&self) -> bool {
        let is_place = |span: &Span| {
            (!span.places.is_empty() || span.tags.iter().any(|t| matches!(t, Tag::Storey(_))))
                && span.kind().is_none()
        };
        !self.spans.is_empty() && self.spans.iter().all(is_place)
    }

    /// A kind was said and no place.
    pub(super) fn has_kind(&self) -> bool {
        self.spans.iter().any(|span| span.kind().is_some())
    }

    /// A kind was said in the plural: "the shutters".
    pub(super) fn is_plural_kind(&self) -> bool {
        self.spans.iter().any(|span| span.kind().is_some_and(|(_, is_plural)| is_plural))
    }

    pub(super) fn has_place(&self) -> bool {
        self.is_here
            || self.is_there
            || self.is_everywhere
            || self.spans.iter().any(|span| {
                !span.places.is_empty() || span.tags.iter().any(|t| matches!(t, Tag::Storey(_)))
            })
    }
}

/// What kinds of things can be meant.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Want {
    /// Those that can do it; empty for any.
    pub can: Vec<Domain>,
    /// Those meant when only a place is said.
    pub implied: Vec<Domain>,
    /// Those meant by "everything".
    pub everything: Vec<Domain>,
    /// It is only asked, so nothing can do harm.
    pub is_question: bool,
}

/// What a noun phrase means.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Found {
    /// The targets, at least one.
    pub targets: Vec<TargetWords>,
    /// The things, as far as the words say: for a kind without a place all of it.
    pub set: Set,
    /// How sure, 0–1.
    pub score: f64,
    /// What was said, for replies.
    pub slots: Vec<Slot>,
    /// One thing was meant: by its name or by words that fit only it.
    pub is_single: bool,
    /// More than one thing was meant by the words.
    pub is_plural: bool,
    /// Some of the things are of a kind that can do what is wished.
    pub is_able: bool,
}

/// Why a noun phrase means nothing.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Miss {
    /// Words where a name should be.
    Unknown(String, UnknownList),
    /// Words that are known but fit nothing together, or that need something said before.
    Unexplained(String),
}

/// What a noun phrase means.
///
/// # Errors
/// [`Miss`] when it means nothing here.
pub(super) fn find(noun: &Noun, want: &Want, scene: &Scene<'_>) -> Result<Found, Miss> {
    // Beside "it" nothing may stay unexplained: "make it flurb".
    if noun.is_it && !noun.spans.is_empty() && !noun.is_place_only() {
        return Err(Miss::Unexplained(scene.said(noun.at, noun.end)));
    }
    if noun.is_it || noun.is_there && noun.spans.is_empty() && !noun.has_kind() {
        return remembered(noun, want, scene);
    }
    if noun.spans.is_empty()
        && let Some(count) = noun.count
    {
        // "Both off": the two that were spoken of.
        return match scene.memory.entities.len() == count {
            true => remembered(noun, want, scene),
            false => Err(Miss::Unexplained(scene.said(noun.at, noun.end))),
        };
    }
    if noun.spans.is_empty() {
        let domains =
            if noun.is_everything || noun.is_all { &want.everything } else { &want.implied };
        if domains.is_empty() {
            return Err(Miss::Unexplained(scene.said(noun.at, noun.end)));
        }
        let turns_off = domains.contains(&Domain::Switch);
        if noun.is_everything && noun.is_here && turns_off && !want.is_question {
            return Ok(everything(noun, &[], domains.clone(), scene));
        }
        // Of a whole house more may have to run than anybody thinks of.
        let domains = match (noun.is_everything || noun.is_all) && domains.contains(&Domain::Light)
        {
            true => &vec![Domain::Light],
            false => domains,
        };
        let is_everything = noun.is_everything || noun.is_all;
        if is_everything && *domains == [Domain::Cover] && !want.is_question {
            // "Close everything" may mean more or less than blinds.
            let found = described(noun, &[], domains.clone(), scene);
            let words = exactly(&found.set, false, scene);
            let words = TargetWords { must_choose: true, ..words };
            return Ok(Found { targets: vec![words], ..found });
        }
        return Ok(described(noun, &[], domains.clone(), scene));
    }
    let first = read(noun, &noun.spans, want, scene, false);
    if let Ok(found) = &first
        && found.is_able
    {
        return first;
    }
    // Names that swallowed a room or a kind: "bedroom window" is also a window in the bedroom. And where a sensor is called
    // "front door", what can be locked is the "front door lock".
    let again = recut(&noun.spans, scene.tokens, true, scene);
    let is_wider = again.len() > noun.spans.len();
    let is_description = again.iter().all(|span| Part::new(span, noun, scene).is_description());
    if is_wider
        && let Ok(found) = read(noun, &again, want, scene, false)
        && (first.is_err() || found.is_able && (is_description || found.is_single))
    {
        if first.is_ok() && !is_description {
            // No guess: all its words were said, and nothing else that has them can do this.
            return Ok(Found { targets: vec![exactly(&found.set, false, scene)], ..found });
        }
        return Ok(found);
    }
    if first.is_ok() {
        return first;
    }
    misheard(noun, want, scene).unwrap_or(first)
}

/// Most words of grammar between two words of one noun phrase: "lampe de la cuisine".
const MOST_BETWEEN: usize = 2;

/// Cuts the words of a noun phrase anew.
pub(super) fn recut(
    spans: &[Span],
    tokens: &[Token],
    without_things: bool,
    scene: &Scene<'_>,
) -> Vec<Span> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for span in spans {
        match runs.last_mut() {
            Some((_, end)) if span.at >= *end && span.at <= *end + MOST_BETWEEN => *end = span.end,
            _ => runs.push((span.at, span.end)),
        }
    }
    let cut = |run| spans::spans(tokens, run, without_things, scene.lexicon, scene.ground);
    runs.into_iter().flat_map(cut).filter(is_content).collect()
}

/// Whether a span can be part of a noun phrase.
pub(super) fn is_content(span: &Span) -> bool {
    span.is_name()
        || span.is_unknown()
        || span.kind().is_some()
        || span.tags.iter().any(|tag| matches!(tag, Tag::Storey(_)))
}

fn remembered(noun: &Noun, want: &Want, scene: &Scene<'_>) -> Result<Found, Miss> {
    let miss = || Miss::Unexplained(scene.said(noun.at, noun.end));
    let set = scene.ground.set_of(&scene.memory.entities);
    if noun.is_there {
        let area = set.iter().find_map(|index| scene.ground.things[index].area);
        let target = scene.memory.command.as_ref().map(|command| &command.target);
        let named = target.and_then(|target| target.area.as_deref());
        let area = named.and_then(|name| scene.ground.place_named(name)).or(area);
        let area = area.ok_or_else(miss)?;
        let words = TargetWords {
            area: Some(scene.ground.places[usize::from(area)].name.clone()),
            domains: want.implied.clone(),
            ..TargetWords::default()
        };
        let set = scene.ground.places[usize::from(area)].things.clone();
        let set = set.and(&scene.ground.of_domains(&want.implied));
        return Ok(Found {
            targets: vec![words],
            set,
            score: 0.95,
            is_able: true,
            ..Found::default()
        });
    }
    if set.is_empty() {
        // Nothing was spoken of: what is here, or a question back.
        if want.implied.is_empty() || want.is_question {
            return Err(miss());
        }
        let found =
            described(&Noun { is_it: false, ..noun.clone() }, &[], want.implied.clone(), scene);
        return Ok(Found { score: 0.9, ..found });
    }
    let able = able(&set, want, scene);
    let set = if able.is_empty() { set } else { able };
    Ok(Found {
        targets: vec![exactly(&set, false, scene)],
        is_single: set.len() == 1,
        set,
        score: 0.95,
        is_able: true,
        ..Found::default()
    })
}

/// The things of a set that can do what is wished.
pub(super) fn able(set: &Set, want: &Want, scene: &Scene<'_>) -> Set {
    if want.can.is_empty() {
        return set.clone();
    }
    set.filter(|index| want.can.contains(&scene.ground.things[index].domain))
}

/// These things and no others. Several of which one could do harm are asked about, as is one that
/// was found `by_guess`.
pub(super) fn exactly(set: &Set, by_guess: bool, scene: &Scene<'_>) -> TargetWords {
    let things = || set.iter().map(|index| &scene.ground.things[index]);
    let is_guarded = things().any(|thing| thing.is_guarded);
    TargetWords {
        entities: things().map(|thing| thing.id.clone()).collect(),
        must_choose: is_guarded && (by_guess || set.len() > 1),
        ..TargetWords::default()
    }
}

/// One of these, and nothing says which: the one in the speaker's room, else a question back.
pub(super) fn one_of(set: &Set, scene: &Scene<'_>) -> (TargetWords, Set) {
    let near =
        set.filter(|index| scene.here.is_some() && scene.ground.things[index].area == scene.here);
    let recent = set.clone().and(&scene.ground.set_of(&scene.memory.entities));
    let set =
        [near, recent].into_iter().find(|some| some.len() == 1).unwrap_or_else(|| set.clone());
    let words = exactly(&set, false, scene);
    (TargetWords { must_choose: words.must_choose || set.len() > 1, ..words }, set)
}
