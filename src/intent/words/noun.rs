//! What a noun phrase of an utterance means in this home. One rule: it means the things of which
//! every one of its words is true, be it by their name, their kind or their room. A word that is
//! true of nothing may have been misheard; what could do harm is never found through such a word,
//! nor through half a name. It decides between one thing, a group, a question back and "no such
//! name"; what is to be done with them is the business of `wish` and `ask`.

use crate::home::Home;
use crate::home::domain::Domain;
use crate::home::target::{Scope, TargetWords};
use crate::intent::matcher::{Slot, Source};
use crate::intent::meaning::{Memory, UnknownList};
use crate::intent::value::Value;

use super::ground::{Ground, Set};
use super::lexicon::Lexicon;
use super::spans::{self, Span};
use super::tag::{Kind, Storey, Tag};
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

/// One part of a noun phrase and what it is true of.
struct Part {
    span: Span,
    kind: Option<(u16, bool)>,
    places: Vec<u16>,
    storey: Option<Storey>,
    /// Only a part of the places' names was said.
    is_part_of_place: bool,
    by_name: Set,
    by_place: Set,
    by_kind: Set,
}

impl Part {
    fn new(span: &Span, noun: &Noun, scene: &Scene<'_>) -> Part {
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
            let stands_for_place = noun.has_kind()
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

    fn all(&self) -> Set {
        self.by_name.clone().or(&self.by_place).or(&self.by_kind)
    }

    /// It says a kind or a place, not (only) a name.
    fn is_description(&self) -> bool {
        self.kind.is_some()
            || self.storey.is_some()
            || !self.span.places.is_empty()
            || self.is_part_of_place && self.places.len() == 1
    }
}

/// The areas and floors of a storey.
fn on_storey(storey: Storey, ground: &Ground) -> Vec<u16> {
    let places = ground.places.iter().enumerate();
    let chosen = places.filter(|(_, place)| match storey {
        Storey::Up => place.is_floor && place.level.is_some_and(|level| level > 0),
        Storey::Down => place.is_floor && place.level == Some(0),
        Storey::Cellar => place.is_floor && place.level.is_some_and(|level| level < 0),
        Storey::Outside => !place.is_floor && place.is_outside,
        Storey::Inside => !place.is_floor && !place.is_outside,
    });
    chosen.map(|(index, _)| index as u16).collect()
}

/// What a noun phrase means.
///
/// # Errors
/// [`Miss`] when it means nothing here.
pub(super) fn find(noun: &Noun, want: &Want, scene: &Scene<'_>) -> Result<Found, Miss> {
    if noun.is_it || noun.is_there && noun.spans.is_empty() && !noun.has_kind() {
        return remembered(noun, want, scene);
    }
    if noun.spans.is_empty() {
        let domains =
            if noun.is_everything || noun.is_all { &want.everything } else { &want.implied };
        if domains.is_empty() {
            return Err(Miss::Unexplained(scene.said(noun.at, noun.end)));
        }
        if noun.is_everything && *domains == [Domain::Cover] && !want.is_question {
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
    // Names that swallowed a room or a kind: "bedroom window" is also a window in the bedroom.
    let again = recut(&noun.spans, scene.tokens, true, scene);
    let is_wider = again.len() > noun.spans.len();
    let is_description = again.iter().all(|span| Part::new(span, noun, scene).is_description());
    if is_wider
        && (is_description || first.is_err())
        && let Ok(found) = read(noun, &again, want, scene, false)
        && (found.is_able || first.is_err())
    {
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
fn recut(spans: &[Span], tokens: &[Token], without_things: bool, scene: &Scene<'_>) -> Vec<Span> {
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
fn able(set: &Set, want: &Want, scene: &Scene<'_>) -> Set {
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
fn one_of(set: &Set, scene: &Scene<'_>) -> (TargetWords, Set) {
    let near =
        set.filter(|index| scene.here.is_some() && scene.ground.things[index].area == scene.here);
    let recent = set.clone().and(&scene.ground.set_of(&scene.memory.entities));
    let set =
        [near, recent].into_iter().find(|some| some.len() == 1).unwrap_or_else(|| set.clone());
    let words = exactly(&set, false, scene);
    (TargetWords { must_choose: words.must_choose || set.len() > 1, ..words }, set)
}

/// Reads a noun phrase cut into these spans.
fn read(
    noun: &Noun,
    spans: &[Span],
    want: &Want,
    scene: &Scene<'_>,
    is_misheard: bool,
) -> Result<Found, Miss> {
    let parts: Vec<Part> = spans.iter().map(|span| Part::new(span, noun, scene)).collect();
    if let Some(part) = parts.iter().find(|part| part.all().is_empty() && !part.is_description()) {
        return Err(unknown(noun, part, &parts, want, scene));
    }
    // A name, whole and alone.
    if let [only] = &parts[..]
        && !only.span.things.is_empty()
    {
        let named = able(&only.span.things, want, scene);
        if !named.is_empty() && is_nearest(only, &named, want, scene) {
            return Ok(by_name(noun, only, &named, scene));
        }
        if named.is_empty() && !only.is_description() {
            let found = by_name(noun, only, &only.span.things, scene);
            return Ok(Found { is_able: false, ..found });
        }
    }
    let mut set = parts.iter().skip(1).fold(parts[0].all(), |set, part| set.and(&part.all()));
    if noun.is_here
        && let Some(here) = scene.here
    {
        set = set.filter(|index| scene.ground.things[index].area == Some(here));
    }
    let main = set.clone().and(&scene.ground.main);
    if !main.is_empty() && !want.is_question {
        set = main;
    }
    let can = able(&set, want, scene);
    if parts.len() > 1
        && !is_plural(noun, &parts)
        && let Some(found) = by_whole_name(&parts, &can, scene, is_misheard)
    {
        return Ok(found);
    }
    if parts.iter().all(Part::is_description)
        && let Some(found) = by_description(noun, &parts, want, scene, is_misheard)
    {
        return found;
    }
    let is_able = !can.is_empty();
    if is_able {
        set = can;
    }
    if set.is_empty() {
        return contradiction(noun, &parts, scene);
    }
    Ok(Found { is_able, ..by_words(noun, &parts, set, want, scene, is_misheard) })
}

fn is_plural(noun: &Noun, parts: &[Part]) -> bool {
    noun.is_all
        || noun.is_any
        || noun.count.is_some()
        || parts.iter().any(|part| part.kind.is_some_and(|(_, is_plural)| is_plural))
}

/// The thing of which a name was said with every word, beside what else is true of it: "the volet du
/// salon" is "Volet salon", whatever other shutters are there.
fn by_whole_name(parts: &[Part], set: &Set, scene: &Scene<'_>, is_misheard: bool) -> Option<Found> {
    let n_said = |index: usize| {
        let names = scene.ground.things[index].names.iter();
        let said = names.filter(|name| name.iter().all(|word| is_said(word, parts, scene)));
        said.map(|name| name.iter().filter(|word| !scene.lexicon.is_glue(word)).count()).max()
    };
    let most = set.iter().filter_map(n_said).max().filter(|most| *most > 0)?;
    let chosen = set.filter(|index| n_said(index) == Some(most));
    // One word of a name that is a room or a kind as well says no more than that.
    if most == 1 && chosen.len() > 1 || most < 2 && parts.iter().all(Part::is_description) {
        return None;
    }
    let is_guarded = chosen.iter().any(|index| scene.ground.things[index].is_guarded);
    let (words, chosen) = match chosen.len() {
        1 => (exactly(&chosen, is_misheard && is_guarded, scene), chosen),
        _ => one_of(&chosen, scene),
    };
    Some(Found {
        targets: vec![words],
        is_single: chosen.len() == 1,
        set: chosen,
        score: if is_misheard { 0.8 } else { 1.0 },
        is_able: true,
        ..Found::default()
    })
}

/// Whether a name that is also a kind ("fan") is meant as the name: not if the speaker's room has
/// another thing of that kind.
fn is_nearest(part: &Part, named: &Set, want: &Want, scene: &Scene<'_>) -> bool {
    let (Some(_), Some(here)) = (part.kind, scene.here) else { return true };
    let is_here = |index: usize| scene.ground.things[index].area == Some(here);
    named.iter().any(is_here) || !able(&part.by_kind, want, scene).iter().any(is_here)
}

fn by_name(noun: &Noun, part: &Part, named: &Set, scene: &Scene<'_>) -> Found {
    let things: Vec<_> = named.iter().map(|index| &scene.ground.things[index]).collect();
    let name = &things[0].name;
    let is_one_name = things.iter().all(|thing| thing.name == *name);
    let mut domains: Vec<Domain> = things.iter().map(|thing| thing.domain).collect();
    domains.sort();
    domains.dedup();
    let words = match is_one_name {
        true => TargetWords { name: Some(name.clone()), domains, ..TargetWords::default() },
        false if noun.is_all => exactly(named, false, scene),
        false => one_of(named, scene).0,
    };
    let mut slots = Vec::new();
    if is_one_name {
        slots.push(slot("name", name, part, scene));
    }
    Found {
        targets: vec![words],
        set: named.clone(),
        score: 1.0,
        slots,
        is_single: true,
        is_plural: named.len() > 1 && !is_one_name,
        is_able: true,
    }
}

fn slot(name: &str, value: &str, part: &Part, scene: &Scene<'_>) -> Slot {
    Slot {
        name: name.into(),
        value: Value::from(value),
        said: scene.said_of(&part.span),
        from: scene.tokens[part.span.at].from,
        source: Source::Said,
    }
}

/// Only places and kinds were said.
fn by_description(
    noun: &Noun,
    parts: &[Part],
    want: &Want,
    scene: &Scene<'_>,
    is_misheard: bool,
) -> Option<Result<Found, Miss>> {
    let placed = || parts.iter().filter(|part| part.kind.is_none());
    if placed().count() > 1
        && placed().all(|part| !part.by_place.is_empty())
        && placed().fold(parts_all(parts), |set, part| set.and(&part.by_place)).is_empty()
    {
        // Two rooms at once.
        return Some(contradiction(noun, parts, scene));
    }
    let kinds: Vec<(u16, bool)> = parts.iter().filter_map(|part| part.kind).collect();
    let is_plural = is_plural(noun, parts);
    let kind = |index: u16| &scene.lexicon.kinds[usize::from(index)];
    if kinds.is_empty() {
        let domains = match noun.is_everything || noun.is_all {
            true => want.everything.clone(),
            false => want.implied.clone(),
        };
        let found = described(noun, parts, domains, scene);
        // The thermostat of a storey is the one that is called after it.
        let of_storey = found.set.clone().and(&parts_named(parts));
        if found.set.len() > 1
            && of_storey.len() == 1
            && want.implied == [Domain::Climate]
            && !noun.is_wide()
        {
            let targets = vec![exactly(&of_storey, false, scene)];
            return Some(Ok(Found { targets, set: of_storey, is_single: true, ..found }));
        }
        return Some(Ok(Found { is_plural: true, ..found }));
    }
    // What one can do is meant rather than what one can only look at.
    let mut of: Vec<_> = kinds.iter().flat_map(|(index, _)| kind(*index).of.clone()).collect();
    let can: Vec<_> = of.iter().filter(|(domain, _)| want.can.contains(domain)).cloned().collect();
    if !can.is_empty() {
        of = can;
    }
    let word = kind(kinds[0].0).word.clone();
    let meant = Kind { of, word: word.clone() };
    let strict = parts
        .iter()
        .filter(|part| part.kind.is_none())
        .fold(scene.ground.of_kind(&meant, scene.lexicon), |set, part| set.and(&part.by_place))
        .and(&scene.ground.main);
    let named_too: Set =
        parts.iter().skip(1).fold(parts[0].by_name.clone(), |set, part| set.and(&part.by_name));
    let said_place = parts.iter().any(|part| part.kind.is_none());
    if kinds.len() > 1 || strict.is_empty() {
        // "The heating blanket", "the kitchen window" of which the room is not known.
        let loose = parts.iter().skip(1).fold(parts[0].all(), |set, part| set.and(&part.all()));
        let loose = able(&loose, want, scene);
        if !loose.is_empty() {
            let found = by_words(noun, parts, loose, want, scene, is_misheard);
            return Some(Ok(Found { is_able: true, ..found }));
        }
        if !strict.is_empty() || kinds.len() > 1 {
            return None;
        }
    }
    if !is_plural && !said_place {
        // "The lamp" where only one thing is called so, in this room or in the house.
        let called = able(&strict.clone().and(&named_too), want, scene);
        let near =
            called.filter(|i| scene.here.is_some() && scene.ground.things[i].area == scene.here);
        let here_of_kind =
            strict.filter(|i| scene.here.is_some() && scene.ground.things[i].area == scene.here);
        for some in [near, called] {
            if some.len() == 1
                && (here_of_kind.is_empty() || here_of_kind.clone().and(&some) == some)
            {
                let is_guess = some.iter().any(|i| scene.ground.things[i].is_guarded);
                return Some(Ok(Found {
                    targets: vec![exactly(&some, is_guess, scene)],
                    set: some,
                    score: 0.95,
                    is_single: true,
                    is_able: true,
                    ..Found::default()
                }));
            }
        }
    }
    // Those that are called by the very word: "the radiators" leave the air conditioning alone.
    let is_special = parts.iter().any(|part| part.span.is_special_kind());
    let called = strict.clone().and(&kind_named(parts));
    let counted = noun.count.is_some_and(|n| strict.len() != n && called.len() == n);
    if (is_special || counted)
        && !called.is_empty()
        && called != strict
        && said_place_or_all(noun, said_place)
    {
        let words = match is_plural || called.len() == 1 {
            true => exactly(&called, false, scene),
            false => one_of(&called, scene).0,
        };
        return Some(Ok(Found {
            targets: vec![words],
            is_single: called.len() == 1,
            set: called,
            score: 0.95,
            is_plural,
            is_able: true,
            ..Found::default()
        }));
    }
    if noun.count.is_some_and(|n| strict.len() != n && said_place) {
        let words = TargetWords { must_choose: true, ..exactly(&strict, false, scene) };
        return Some(Ok(Found {
            targets: vec![words],
            set: strict,
            is_plural,
            is_able: true,
            ..Found::default()
        }));
    }
    let mut domains: Vec<Domain> = meant.of.iter().map(|(domain, _)| *domain).collect();
    domains.dedup();
    let classes: Vec<String> =
        meant.of.iter().filter_map(|(_, class)| class.as_deref().map(str::to_owned)).collect();
    let is_mixed = !classes.is_empty() && classes.len() < meant.of.len();
    let mut found = described(noun, parts, domains, scene);
    if is_mixed && !strict.is_empty() {
        // Words for a class of one domain and all of another have no common description.
        let words = match (strict.len(), is_plural) {
            // "All doors" is not the one door that can be unlocked.
            (_, true) => exactly(&strict, !want.is_question, scene),
            (1, _) => exactly(&strict, false, scene),
            _ => one_of(&strict, scene).0,
        };
        found.targets = vec![words];
    } else if !classes.is_empty() {
        for words in &mut found.targets {
            words.classes = similar(&classes, &strict, scene);
            words.class_word = Some(word.clone());
        }
    }
    found.set = strict;
    found.is_plural = is_plural;
    Some(Ok(found))
}

fn said_place_or_all(noun: &Noun, said_place: bool) -> bool {
    said_place || noun.is_wide() || noun.is_here
}

/// Things of which any part is true.
fn parts_all(parts: &[Part]) -> Set {
    parts.iter().fold(Set::default(), |set, part| set.or(&part.by_place))
}

/// Things with all words in their names.
fn parts_named(parts: &[Part]) -> Set {
    parts.iter().skip(1).fold(parts[0].by_name.clone(), |set, part| set.and(&part.by_name))
}

/// Things with the words of the kinds in their names.
fn kind_named(parts: &[Part]) -> Set {
    let kinds = parts.iter().filter(|part| part.kind.is_some());
    kinds.fold(Set::default(), |set, part| set.or(&part.by_name))
}

/// The classes said and those that things which are called so have.
fn similar(classes: &[String], set: &Set, scene: &Scene<'_>) -> Vec<String> {
    let mut out = classes.to_vec();
    out.extend(set.iter().filter_map(|index| scene.ground.things[index].class.clone()));
    out.sort();
    out.dedup();
    out
}

/// Things of these domains where the noun phrase says.
fn described(noun: &Noun, parts: &[Part], domains: Vec<Domain>, scene: &Scene<'_>) -> Found {
    let scope = match (noun.is_here, noun.is_everywhere || noun.is_all || noun.is_everything) {
        (true, _) => Scope::Here,
        (_, true) => Scope::Everywhere,
        _ => Scope::Unsaid,
    };
    let words = TargetWords { domains: domains.clone(), scope, ..TargetWords::default() };
    let mut set = scene.ground.of_domains(&domains).and(&scene.ground.main);
    let mut slots = Vec::new();
    let mut targets = vec![words.clone()];
    let mut placed: Vec<&Part> = parts.iter().filter(|part| part.kind.is_none()).collect();
    // "The bedroom upstairs": the smaller place says it all.
    placed.sort_by_key(|part| part.by_place.len());
    for part in &placed {
        set = set.and(&part.by_place);
    }
    if let Some(part) = placed.first() {
        let areas: Vec<u16> = match part.span.places.is_empty() {
            true => part.places.clone(),
            false => {
                let is_area = |place: &&u16| !scene.ground.places[usize::from(**place)].is_floor;
                vec![part.places.iter().find(is_area).copied().unwrap_or(part.places[0])]
            }
        };
        let has_some = |place: &&u16| {
            let things = scene.ground.places[usize::from(**place)].things.clone();
            areas.len() == 1 || !things.and(&set).is_empty()
        };
        let chosen = areas.iter().filter(has_some).map(|place| {
            let place = &scene.ground.places[usize::from(*place)];
            let (area, floor) = match place.is_floor {
                true => (None, Some(place.name.clone())),
                false => (Some(place.name.clone()), None),
            };
            TargetWords { area, floor, scope: Scope::Unsaid, ..words.clone() }
        });
        targets = chosen.collect();
        if let [target] = &targets[..] {
            let name = if target.area.is_some() { "area" } else { "floor" };
            let value = target.area.as_deref().or(target.floor.as_deref()).unwrap_or_default();
            slots.push(slot(name, value, part, scene));
        }
        if targets.is_empty() {
            // The house has no such storey, or nothing of the kind is there: said so, not guessed.
            targets.push(TargetWords { floor: Some(scene.said_of(&part.span)), ..words });
        }
    }
    let is_able = !set.is_empty();
    Found { targets, set, score: 1.0, slots, is_single: false, is_plural: noun.is_wide(), is_able }
}

/// Words of names, perhaps with a kind or a room: one thing is meant, unless several are said.
fn by_words(
    noun: &Noun,
    parts: &[Part],
    set: Set,
    want: &Want,
    scene: &Scene<'_>,
    is_misheard: bool,
) -> Found {
    let is_plural = is_plural(noun, parts);
    // "The bedroom lights" in a house with three bedrooms.
    let which_place = !noun.is_all
        && !want.is_question
        && parts.iter().any(|part| part.is_part_of_place && part.places.len() > 1);
    let n_said: usize = parts.iter().map(|part| part.span.end - part.span.at).sum();
    // All words of a name were said.
    let whole = set.filter(|index| {
        scene.ground.things[index]
            .names
            .iter()
            .any(|name| name.len() <= n_said && name.iter().all(|word| is_said(word, parts, scene)))
    });
    let exact = parts.iter().fold(set.clone(), |set, part| match part.span.things.is_empty() {
        true => set,
        false => set.and(&part.span.things),
    });
    let is_whole = !whole.is_empty() || !exact.is_empty() && exact != set;
    let chosen = [exact, whole, set.clone()]
        .into_iter()
        .find(|some| !some.is_empty() && (!is_plural || *some == set))
        .unwrap_or(set);
    // A thing that is found by its kind and its room is not guessed.
    let by_facts = parts.iter().all(Part::is_description) && !is_misheard;
    let is_guess = is_misheard || !is_whole && !by_facts;
    let score = if is_misheard {
        0.8
    } else if is_guess {
        0.9
    } else {
        1.0
    };
    let guess = is_guess && !want.is_question;
    let (words, chosen) = match chosen.len() {
        1 => (exactly(&chosen, guess, scene), chosen),
        _ if is_plural => (exactly(&chosen, guess, scene), chosen),
        _ => {
            let (words, chosen) = one_of(&chosen, scene);
            let is_guarded = chosen.iter().any(|index| scene.ground.things[index].is_guarded);
            let must_choose = words.must_choose || guess && is_guarded;
            (TargetWords { must_choose, ..words }, chosen)
        }
    };
    let must_choose = words.must_choose
        || which_place && chosen.len() > 1
        || noun.count.is_some_and(|n| n != chosen.len());
    Found {
        targets: vec![TargetWords { must_choose, ..words }],
        is_single: chosen.len() == 1,
        set: chosen,
        score,
        is_plural,
        ..Found::default()
    }
}

fn is_said(word: &str, parts: &[Part], scene: &Scene<'_>) -> bool {
    let stem = scene.lexicon.stem(word);
    scene.lexicon.is_article(word)
        || parts.iter().any(|part| {
            scene.tokens[part.span.at..part.span.end]
                .iter()
                .any(|token| scene.lexicon.stem(&token.key) == stem)
        })
}

/// A word of which nothing in the home is true.
fn unknown(noun: &Noun, part: &Part, parts: &[Part], want: &Want, scene: &Scene<'_>) -> Miss {
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
fn contradiction(noun: &Noun, parts: &[Part], scene: &Scene<'_>) -> Result<Found, Miss> {
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
fn misheard(noun: &Noun, want: &Want, scene: &Scene<'_>) -> Option<Result<Found, Miss>> {
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
            if let Ok(found) = read(noun, &spans, want, &heard, true)
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
            let Ok(found) = read(noun, &spans, want, &heard, true) else { continue };
            let is_guarded = found.set.iter().any(|index| scene.ground.things[index].is_guarded);
            let is_place = strange.iter().any(|strange| {
                let key = &tokens[strange.at].key;
                let is_thing = scene.ground.with_word(key, scene.lexicon).is_some();
                let places = scene.ground.places_with_word(key, scene.lexicon);
                !places.is_empty() && (noun.has_kind() || !is_thing)
            });
            // A place is found only through a small slip; what could do harm is asked about.
            if is_place && !found.is_single && *likeness < 0.85 {
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
