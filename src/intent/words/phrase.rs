//! The parts of a noun phrase together: one thing by its name, things by what they are and where, or
//! things by words of their names. It decides between one, several and a question back.

use crate::home::domain::Domain;
use crate::home::target::{Scope, TargetWords};
use crate::intent::matcher::{Slot, Source};
use crate::intent::value::Value;

use super::ground::Set;
use super::misheard::{contradiction, unknown};
use super::noun::{Found, Miss, Noun, Scene, Want, able, exactly, one_of};
use super::part::Part;
use super::serve::only_serves;
use super::spans::Span;
use super::tag::Kind;

/// Reads a noun phrase cut into these spans.
pub(super) fn read(
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
        // "Noah's rocket": a word of a name may be that of a room.
        let as_places = Noun { place_from: Some(0), ..noun.clone() };
        if noun.place_from != Some(0)
            && let Ok(found) = read(&as_places, spans, want, scene, is_misheard)
            && found.is_able
        {
            return Ok(found);
        }
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

pub(super) fn by_name(noun: &Noun, part: &Part, named: &Set, scene: &Scene<'_>) -> Found {
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
        let turns_off = domains.contains(&Domain::Switch);
        if (noun.is_everything || noun.is_all) && turns_off && !want.is_question {
            return Some(Ok(everything(noun, parts, domains, scene)));
        }
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
    if !is_plural && !said_place && parts[0].span.is_special_kind() {
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
    if is_plural
        && !said_place
        && !(noun.is_wide() || noun.is_here || noun.count.is_some() || want.is_question)
        && let Some(found) = of_one_room(&able(&strict, want, scene), scene)
    {
        return Some(Ok(found));
    }
    // "Both lamps" are those of this room, where there are two.
    let is_here = |i: usize| scene.here.is_some() && scene.ground.things[i].area == scene.here;
    let here = able(&strict.filter(is_here), want, scene);
    if !said_place && noun.count == Some(here.len()) {
        return Some(Ok(Found {
            targets: vec![exactly(&here, false, scene)],
            set: here,
            score: 0.95,
            is_plural,
            is_able: true,
            ..Found::default()
        }));
    }
    // Those that are called by the very word: "the radiators" leave the air conditioning alone.
    // But "every lamp" is every light.
    let is_every =
        |part: &Part| noun.is_all && scene.lexicon.is_general_in_plural(part.span.key(scene));
    let is_special = parts.iter().any(|part| part.span.is_special_kind() && !is_every(part));
    let called = strict.clone().and(&kind_named(parts, scene));
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
    if noun.count.is_some_and(|n| strict.len() != n) && !strict.is_empty() {
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

/// "The curtains" of a house that has them in one room only.
fn of_one_room(set: &Set, scene: &Scene<'_>) -> Option<Found> {
    let things = || set.iter().map(|index| &scene.ground.things[index]);
    let area = things().next()?.area?;
    let is_there = things().all(|thing| thing.area == Some(area) && !thing.is_guarded);
    is_there.then(|| Found {
        targets: vec![exactly(set, false, scene)],
        set: set.clone(),
        score: 1.0,
        is_plural: true,
        is_able: true,
        ..Found::default()
    })
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
fn kind_named(parts: &[Part], scene: &Scene<'_>) -> Set {
    let kinds = parts.iter().filter(|part| part.kind.is_some());
    kinds.fold(Set::default(), |set, part| {
        let by_rest = match part.by_name.is_empty() {
            true => by_rest_of_kind(part, scene),
            false => Set::default(),
        };
        set.or(&part.by_name).or(&by_rest)
    })
}

/// "Bedside lights" where things are called "left bedside": by what the words say beside the kind.
fn by_rest_of_kind(part: &Part, scene: &Scene<'_>) -> Set {
    let Some((index, _)) = part.kind else { return Set::default() };
    let stem = |word: &str| scene.lexicon.stem(word).to_owned();
    let word = stem(&scene.lexicon.kinds[usize::from(index)].word);
    let said = scene.tokens[part.span.at..part.span.end].iter();
    let rest = said.filter(|token| stem(&token.key) != word);
    let mut sets = rest.filter_map(|token| scene.ground.with_word(&token.key, scene.lexicon));
    let first = sets.next().cloned().unwrap_or_default();
    sets.fold(first, |set, with| set.and(with))
}

/// The classes said and those that things which are called so have.
fn similar(classes: &[String], set: &Set, scene: &Scene<'_>) -> Vec<String> {
    let mut out = classes.to_vec();
    out.extend(set.iter().filter_map(|index| scene.ground.things[index].class.clone()));
    out.sort();
    out.dedup();
    out
}

/// "Everything in the lounge": all of these domains that is there, but what has to run.
pub(super) fn everything(
    noun: &Noun,
    parts: &[Part],
    domains: Vec<Domain>,
    scene: &Scene<'_>,
) -> Found {
    let found = described(noun, parts, domains, scene);
    let is_here = |index: usize| !noun.is_here || scene.ground.things[index].area == scene.here;
    let has_to_run = |index: usize| {
        let names = scene.ground.things[index].names.iter();
        let mut words = names.flat_map(|name| name.iter());
        words.any(|word| scene.lexicon.has_to_run(word))
    };
    let set = found.set.filter(|index| is_here(index) && !has_to_run(index));
    let is_light = |index: usize| scene.ground.things[index].domain == Domain::Light;
    if set.iter().all(is_light) {
        // Said of the lights of a room, as a reply says it.
        let domains = |words: TargetWords| match words.domains.contains(&Domain::Light) {
            true => TargetWords { domains: vec![Domain::Light], ..words },
            false => words,
        };
        let targets = found.targets.into_iter().map(domains).collect();
        return Found { targets, set, is_plural: true, ..found };
    }
    Found { targets: vec![exactly(&set, false, scene)], set, is_plural: true, ..found }
}

/// Things of these domains where the noun phrase says.
pub(super) fn described(
    noun: &Noun,
    parts: &[Part],
    domains: Vec<Domain>,
    scene: &Scene<'_>,
) -> Found {
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

/// Rooms of which things that are called alike are meant together without being asked about.
const MOST_ROOMS: usize = 3;

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
    // "The wall lights", said of a whole house without "all".
    let has_place = parts.iter().any(|part| !part.by_place.is_empty());
    let mut rooms: Vec<_> = chosen.iter().map(|i| scene.ground.things[i].area).collect();
    rooms.sort_unstable();
    rooms.dedup();
    let is_scattered = is_plural && !noun.is_wide() && !noun.is_here && !has_place;
    let must_choose = words.must_choose
        || guess && only_serves(noun, parts, &chosen, scene)
        || is_scattered && !want.is_question && rooms.len() > MOST_ROOMS
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
