//! From clauses to steps: what each verb and value is for the things that its noun phrases mean.
//! What a clause takes from what was said before is the business of `follow`.

use crate::home::domain::{Caps, Domain};
use crate::home::entity::Entity;
use crate::home::target::{Scope, TargetWords};
use crate::intent::matcher::Slot;
use crate::intent::meaning::{Amount, Command, Step, UnknownList, What};

use super::act;
use super::clause::Clause;
use super::follow;
use super::ground::{Named, Set};
use super::noun::{self, Found, Miss, Noun, Scene, Want};
use super::range;
use super::share;
use super::tag::{Act, Storey, Tag};
use super::token;

/// What the clauses of a sentence wish.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Wished {
    pub steps: Vec<Step>,
    pub slots: Vec<Slot>,
    /// How sure, 0–1.
    pub score: f64,
}

/// Why clauses are no wish.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum No {
    /// A name or place that the home does not have.
    Unknown(String, UnknownList),
    /// Words that are not explained.
    Unexplained(Vec<String>),
    /// It is none: a statement, a half sentence, a negation.
    Wish,
}

impl From<Miss> for No {
    fn from(miss: Miss) -> No {
        match miss {
            Miss::Unknown(said, list) => No::Unknown(said, list),
            Miss::Unexplained(said) => No::Unexplained(vec![said]),
        }
    }
}

/// The steps of a sentence.
///
/// # Errors
/// [`No`] when any clause is no wish: half a sentence is not acted on.
pub(super) fn wished(clauses: Vec<Clause>, scene: &Scene<'_>) -> Result<Wished, No> {
    let mut out = Wished { score: 1.0, ..Wished::default() };
    let mut last: Option<Clause> = None;
    let mut last_set = Set::default();
    let n_clauses = clauses.len();
    for (index, mut clause) in clauses.into_iter().enumerate() {
        let is_need = clause.act.is_some_and(Act::is_need);
        if clause.is_negated
            || clause.has_be && !clause.ensures
            || clause.has_subject && !is_need
            || is_need && !clause.feels && clause.act != Some(Act::NeedNight)
            // Good night needs no number: "bedtime 9" is about something else.
            || clause.act == Some(Act::NeedNight) && !clause.values.is_empty()
            // "J'ai verrouillé la porte."
            || clause.feels && !is_need && (clause.act.is_some() || clause.values.state.is_some())
        {
            return Err(No::Wish);
        }
        let strange: Vec<String> =
            clause.strange.iter().filter(|said| !said.is_empty()).cloned().collect();
        if !clause.strange.is_empty() {
            return Err(if strange.is_empty() { No::Wish } else { No::Unexplained(strange) });
        }
        // "No, the hall": only said to correct.
        if clause.corrects
            && clause.act.is_none()
            && clause.nouns.is_empty()
            && clause.values.is_empty()
        {
            return Err(No::Wish);
        }
        // "No lights upstairs", where nothing was said before, corrects nothing.
        let is_first = index == 0 && scene.memory.command.is_none();
        if clause.corrects && is_first && clause.act_at.is_none() {
            return Err(No::Wish);
        }
        if clause.act == Some(Act::Further) {
            let last = scene.memory.command.as_ref().and_then(|last| last.what.change());
            let is_less =
                last.is_some_and(|by| by < 0.0) && clause.nouns.iter().all(Noun::is_pronoun);
            clause.act = Some(if is_less { Act::Less } else { Act::More });
        }
        if matches!(clause.act, Some(Act::Vacuum | Act::Mow)) {
            by_robot(&mut clause, scene);
        }
        let before = last.as_ref().map_or(&[][..], |last: &Clause| &last.nouns);
        share::ones(&mut clause.nouns, before, scene);
        share::ones(&mut clause.except, &clause.nouns, scene);
        share::share(&mut clause.nouns);
        if clause.act.is_none()
            && clause.values.is_empty()
            && let Some(last) = &last
        {
            clause.act = last.act;
            clause.values = last.values.clone();
        }
        // "Get the iron and turn it off": the first only says what it is about.
        if index + 1 < n_clauses
            && clause.act == Some(Act::Set)
            && clause.values.is_empty()
            && let [noun] = &clause.nouns[..]
            && let Ok(found) = noun::find(noun, &Want::default(), scene)
            && found.is_single
        {
            last_set = found.set;
            continue;
        }
        let set = one(&clause, &last_set, scene, &mut out)?;
        last_set = set;
        last = Some(clause);
    }
    if out.steps.is_empty() { Err(No::Wish) } else { Ok(out) }
}

/// One clause; what it is about, for "it" in the next.
fn one(clause: &Clause, before: &Set, scene: &Scene<'_>, out: &mut Wished) -> Result<Set, No> {
    let Some(act) = share::act(clause) else { return follow::again(clause, scene, out) };
    let mut clause = clause.clone();
    if clause.values.state.is_some() && clause.act != Some(act) {
        clause.values.state = None;
    }
    if clause.values.is_to && clause.values.is_empty() {
        // "Set the lamp to": half a sentence.
        return Err(No::Wish);
    }
    let clause = &clause;
    let able = act::able(act, &clause.values);
    if matches!(act, Act::Turn | Act::Ensure) && clause.values.is_empty() {
        return Err(No::Wish);
    }
    let mut nouns: Vec<Noun> =
        clause.nouns.iter().filter(|noun| !noun.is_empty()).cloned().collect();
    // "Close the shutters except that of the children": else all.
    if !clause.except.is_empty() {
        for noun in nouns.iter_mut().filter(|noun| noun.is_plural_kind() && !noun.has_place()) {
            noun.is_all = true;
        }
    }
    // "The bedroom light, turn it off": "it" is what was just named.
    if nouns.iter().any(|noun| !noun.is_pronoun()) && nouns.len() > 1 {
        nouns.retain(|noun| !noun.is_it);
    }
    // "Make it 21 in the nursery" is about the nursery.
    for noun in &mut nouns {
        let is_dummy = !clause.values.is_empty() || scene.memory.entities.is_empty();
        if noun.is_it && noun.has_place() && is_dummy {
            noun.is_it = false;
        }
    }
    // "The TV and all that": all what?
    let is_vague = |noun: &Noun| noun.is_everything && noun.after_and && !noun.has_place();
    if let Some(noun) = nouns.iter().find(|noun| is_vague(noun)).filter(|_| nouns.len() > 1) {
        return Err(No::Unexplained(vec![scene.said(noun.at, noun.end)]));
    }
    let is_outside = nouns
        .iter()
        .flat_map(|noun| &noun.spans)
        .any(|span| span.tags.contains(&Tag::Storey(Storey::Outside)));
    if act.is_need() && is_outside {
        return Err(No::Wish);
    }
    // "55 in the house": degrees, or percent of what?
    let is_bare = matches!(clause.values.number, Some((_, None)));
    if is_bare && nouns.iter().any(|noun| noun.is_everywhere && noun.spans.is_empty()) {
        return Err(No::Wish);
    }
    let mut memory = scene.memory.clone();
    if !before.is_empty() {
        memory.entities =
            before.iter().map(|index| scene.ground.things[index].id.clone()).collect();
    }
    let scene = &Scene { memory: &memory, ..*scene };
    let base = Want {
        can: able.clone(),
        implied: Vec::new(),
        everything: act::everything(act).to_vec(),
        is_question: false,
    };
    if nouns.is_empty() {
        nouns.push(follow::unsaid(clause, act, &base, scene)?);
    }
    if act == Act::NeedNight
        && let Some(set) = night_scene(clause, scene)
    {
        let target = noun::exactly(&set, false, scene);
        let target = TargetWords { must_choose: set.len() > 1, ..target };
        out.steps.push(Step::now(Command::new(What::Activate, target)));
        return Ok(set);
    }
    let mut found = Vec::new();
    for noun in &nouns {
        if noun.is_other {
            found.push(follow::the_other(noun, &base, scene)?);
            continue;
        }
        found.push(find(noun, act, clause, &base, scene)?);
    }
    out.score = found.iter().map(|found| found.score).fold(out.score, f64::min);
    let set = found.iter().fold(Set::default(), |set, found| set.or(&found.set));
    // "Emma closed the curtain" tells of Emma.
    let is_person = |index: usize| scene.ground.things[index].domain == Domain::DeviceTracker;
    if found.iter().any(|found| !found.set.is_empty() && found.set.iter().all(is_person)) {
        return Err(No::Wish);
    }
    let mut except = Vec::new();
    let is_of_everything =
        nouns.iter().any(|noun| noun.is_everything || noun.is_all && noun.spans.is_empty());
    for noun in &clause.except {
        let implied: Vec<Domain> =
            found.iter().flat_map(|found| &found.targets).flat_map(|t| t.domains.clone()).collect();
        let want = Want { implied, is_question: true, ..base.clone() };
        except.extend(left_out(noun, &want, &set, is_of_everything, scene)?.targets);
    }
    for found in &found {
        out.slots.extend(found.slots.iter().cloned());
    }
    let mut commands: Vec<Command> = Vec::new();
    for found in found {
        for (what, target) in assigned(&found, act, clause, scene)? {
            match commands.iter_mut().find(|command| command.what == what) {
                Some(command) if command.target != target => command.and.push(target),
                Some(_) => {}
                None => {
                    commands.push(Command { what, target, and: Vec::new(), except: except.clone() })
                }
            }
        }
    }
    let corrects = clause.corrects || nouns.iter().any(|noun| noun.is_other);
    for (index, command) in commands.into_iter().enumerate() {
        let instead_of_last = corrects && index == 0 && scene.memory.command.is_some();
        out.steps.push(Step { instead_of_last, ..Step::now(command) });
    }
    Ok(set)
}

/// What is to be left out: something of what is meant, be it by the room that is called so.
fn left_out(
    noun: &Noun,
    want: &Want,
    of: &Set,
    is_of_everything: bool,
    scene: &Scene<'_>,
) -> Result<Found, No> {
    let found = noun::find(noun, want, scene)?;
    // "Everything off but the router", which would not have been turned off anyway.
    if is_of_everything && !found.set.is_empty() {
        return Ok(found);
    }
    if of.is_empty() || found.set.is_empty() || !found.set.clone().and(of).is_empty() {
        return Ok(found);
    }
    let room = Noun { place_from: Some(0), ..noun.clone() };
    let found = noun::find(&room, want, scene)?;
    match found.set.clone().and(of).is_empty() {
        true => Err(No::Unexplained(vec![scene.said(noun.at, noun.end)])),
        false => Ok(found),
    }
}

/// The scene that is called as one says good night.
fn night_scene(clause: &Clause, scene: &Scene<'_>) -> Option<Set> {
    let from = clause.act_at?;
    let named = |at| scene.ground.names_at(scene.tokens, at, scene.lexicon);
    let scenes: Set = (from..scene.tokens.len())
        .flat_map(named)
        .filter_map(|(_, named, _)| match named {
            Named::Thing(index) => Some(usize::from(index)),
            Named::Place(_) => None,
        })
        .filter(|index| scene.ground.things[*index].domain == Domain::Scene)
        .collect();
    if !scenes.is_empty() {
        return Some(scenes);
    }
    if clause.nouns.iter().any(|noun| !noun.is_empty()) {
        return None;
    }
    // "I'm going to bed" in a house that has a scene "Good night" of its own.
    let of_house = scene.ground.of_domains(&[Domain::Scene]).filter(|index| {
        let thing = &scene.ground.things[index];
        thing.area.is_none() && says_good_night(&thing.name, scene)
    });
    (of_house.len() == 1).then_some(of_house)
}

/// Whether a name is what people say when they go to bed.
fn says_good_night(name: &str, scene: &Scene<'_>) -> bool {
    let (tokens, _) = token::cut(name);
    let phrases = scene.lexicon.phrases_at(&tokens, 0);
    phrases.iter().any(|(n, tag)| *n == tokens.len() && *tag == Tag::Verb(Act::NeedNight))
}

/// What is meant by a noun phrase for this act: of the kinds that a bare place can mean the first
/// that is there.
fn find(
    noun: &Noun,
    act: Act,
    clause: &Clause,
    base: &Want,
    scene: &Scene<'_>,
) -> Result<Found, Miss> {
    let mut all = Vec::new();
    for domain in act::implied(act, &clause.values) {
        let want = Want { implied: vec![*domain], ..base.clone() };
        all.push(noun::find(noun, &want, scene)?);
    }
    let is_near = |found: &Found| {
        let is_here = |index: usize| scene.ground.things[index].area == scene.here;
        let here = scene.here.is_some() && meant_here(found, scene).iter().all(is_here);
        here && !found.set.is_empty()
    };
    let at = all.iter().position(is_near).or_else(|| all.iter().position(|f| !f.set.is_empty()));
    if let Some(at) = at {
        return Ok(all.swap_remove(at));
    }
    match all.into_iter().next() {
        // A robot cleans and mows where it does not stand.
        Some(found) if matches!(act, Act::Vacuum | Act::Mow) && is_somewhere(noun, &found) => {
            Ok(robot(&found, base, scene))
        }
        Some(found) => Ok(found),
        None => noun::find(noun, base, scene),
    }
}

/// Whether a place is meant and nothing else that the house does not have.
fn is_somewhere(noun: &Noun, found: &Found) -> bool {
    let has_place = |target: &TargetWords| target.area.is_some() || target.floor.is_some();
    noun.spans.is_empty() || found.targets.iter().any(has_place)
}

/// "Jeeves, hoover the hall": the robot goes where it is told, wherever it stands.
fn by_robot(clause: &mut Clause, scene: &Scene<'_>) {
    let is_robot = |noun: &Noun| {
        let domain = |index: usize| scene.ground.things[index].domain;
        let is_one = |span: &super::spans::Span| {
            !span.things.is_empty()
                && span
                    .things
                    .iter()
                    .all(|i| matches!(domain(i), Domain::Vacuum | Domain::LawnMower))
        };
        noun.spans.iter().any(is_one)
    };
    if clause.nouns.iter().any(is_robot) {
        clause.nouns.retain(|noun| is_robot(noun) || !noun.is_place_only());
    }
}

/// The robot for a place where none stands: that of the same floor, else the only one.
fn robot(found: &Found, base: &Want, scene: &Scene<'_>) -> Found {
    let all = scene.ground.of_domains(&base.can).and(&scene.ground.main);
    let said = found.targets.first().and_then(|target| target.area.as_deref());
    let place = said.and_then(|name| scene.ground.place_named(name));
    let floors =
        scene.ground.places.iter().filter(|floor| {
            floor.is_floor && place.is_some_and(|area| floor.areas.contains(&area))
        });
    let near = floors.fold(Set::default(), |set, floor| set.or(&floor.things)).and(&all);
    let set = if near.is_empty() { all } else { near };
    if set.is_empty() {
        return found.clone();
    }
    let target = noun::exactly(&set, false, scene);
    let target = TargetWords { must_choose: set.len() > 1, ..target };
    Found { targets: vec![target], set, ..found.clone() }
}

/// Which wish goes to which target.
fn assigned(
    found: &Found,
    act: Act,
    clause: &Clause,
    scene: &Scene<'_>,
) -> Result<Vec<(What, TargetWords)>, No> {
    let mut domains: Vec<Domain> =
        found.set.iter().map(|index| scene.ground.things[index].domain).collect();
    if domains.is_empty() {
        domains = found.targets.iter().flat_map(|target| target.domains.clone()).collect();
    }
    domains.sort();
    domains.dedup();
    let mut ways: Vec<(Vec<What>, Vec<Domain>)> = Vec::new();
    for domain in domains {
        let mut whats = act::what(act, &clause.values, domain);
        if domain == Domain::Number {
            range::in_range(&mut whats, &clause.values, &found.set, scene);
        }
        if domain == Domain::Fan && !range::in_steps(&mut whats, &clause.values, &found.set, scene)
        {
            let said = clause.values.number.map(|(number, _)| number.to_string());
            return Err(No::Unexplained(said.into_iter().collect()));
        }
        if domain == Domain::Climate
            && clause.values.number.is_none()
            && let Some(mode) = woken(act, &meant_here(found, scene), scene)
        {
            whats = vec![What::Mode(mode.into())];
        }
        if whats.is_empty() {
            continue;
        }
        match ways.iter_mut().find(|(known, _)| *known == whats) {
            Some((_, domains)) => domains.push(domain),
            None => ways.push((whats, vec![domain])),
        }
    }
    let mut out = Vec::new();
    match &ways[..] {
        [] => {
            // Said so by whoever tries it: "the sensor cannot be turned on".
            let Some(what) = cannot(act, clause) else {
                let at = clause.act_at;
                let verb = at.map(|at| scene.said(at, at + 1)).unwrap_or_default();
                return Err(No::Unexplained(vec![verb]));
            };
            out.extend(found.targets.iter().map(|target| (what.clone(), target.clone())));
        }
        [(whats, _), more @ ..]
            if more.is_empty() || found.targets.iter().any(|target| target.must_choose) =>
        {
            for what in whats {
                for target in &found.targets {
                    out.push((what.clone(), sure(target.clone(), found, what, scene)));
                }
            }
        }
        _ => {
            for (whats, domains) in &ways {
                let some = found.set.filter(|i| domains.contains(&scene.ground.things[i].domain));
                for what in whats {
                    let target = noun::exactly(&some, false, scene);
                    out.push((what.clone(), target));
                }
            }
        }
    }
    Ok(out)
}

/// What was found, of which nothing but what is in the speaker's room is meant if no place was said.
fn meant_here(found: &Found, scene: &Scene<'_>) -> Set {
    let is_unplaced = |target: &TargetWords| {
        let is_somewhere = target.area.is_some() || target.floor.is_some();
        !is_somewhere && target.entities.is_empty() && target.scope != Scope::Everywhere
    };
    let is_near =
        |index: usize| scene.here.is_some() && scene.ground.things[index].area == scene.here;
    let near = found.set.filter(is_near);
    match !near.is_empty() && found.targets.iter().all(is_unplaced) {
        true => near,
        false => found.set.clone(),
    }
}

/// The mode that cools or heats, for thermostats that are off: a target alone would change nothing.
fn woken(act: Act, set: &Set, scene: &Scene<'_>) -> Option<&'static str> {
    let mode = match act {
        Act::Cool | Act::Cooler | Act::NeedCool => "cool",
        Act::Heat | Act::Warmer | Act::NeedWarm => "heat",
        _ => return None,
    };
    let mut things = set.iter().filter_map(|index| {
        let thing = &scene.ground.things[index];
        scene.home.entity(thing.id.as_str()).filter(|_| thing.domain == Domain::Climate)
    });
    // One that cannot is told to all the same: it says what it can.
    let is_asleep = |entity: &Entity| {
        matches!(&entity.caps, Some(Caps::Climate(_)))
            && entity.view().is_some_and(|view| view.word == "off")
    };
    let first = things.next()?;
    (is_asleep(first) && things.all(is_asleep)).then_some(mode)
}

/// Locking is safe, so "lock all doors" is what it says; everything else stays as it was found.
fn sure(target: TargetWords, found: &Found, what: &What, scene: &Scene<'_>) -> TargetWords {
    let all_locks = *what == What::Lock
        && target.name.is_none()
        && target.scope == Scope::Everywhere
        && !found.set.is_empty();
    if *what == What::Lock && found.is_plural && !target.entities.is_empty() {
        return TargetWords { must_choose: false, ..target };
    }
    // One alarm is the alarm of the house.
    let only_alarm = matches!(what, What::Arm(_)) && found.set.len() == 1;
    if all_locks || only_alarm {
        let words = noun::exactly(&found.set, false, scene);
        return TargetWords { must_choose: false, ..words };
    }
    target
}

/// The wish that a thing will refuse.
fn cannot(act: Act, clause: &Clause) -> Option<What> {
    if clause.values.measure.is_some() {
        // What it has no such quantity of is not what was meant: "the living room volume" are not its lamps.
        return None;
    }
    if !clause.values.is_empty() {
        let percent = clause.values.number.map(|(number, _)| number);
        return percent.map(|n| What::Brightness(Amount::To(n)));
    }
    Some(match act {
        Act::On => What::TurnOn,
        Act::Off => What::TurnOff,
        Act::Toggle => What::Toggle,
        Act::Open => What::Open,
        Act::Close => What::Close,
        Act::Lock => What::Lock,
        Act::Unlock => What::Unlock,
        Act::Stop => What::Stop,
        Act::Start => What::Start,
        _ => return None,
    })
}
