//! What a clause takes from what was said before: "it", "and the hall", "warmer", "50 %", "the other
//! one". That nothing is changed that the last exchange was not about is its business.

use crate::home::domain::Domain;
use crate::home::target::TargetWords;
use crate::intent::meaning::{Command, Step, What};

use super::clause::Clause;
use super::ground::Set;
use super::noun::{self, Found, Miss, Noun, Scene, Want};
use super::tag::Act;
use super::wish::{No, Wished};

/// The noun phrase of a verb that stands alone: what was spoken of, or what the verb implies.
pub(super) fn unsaid(
    clause: &Clause,
    act: Act,
    base: &Want,
    scene: &Scene<'_>,
) -> Result<Noun, No> {
    let needs_thing = matches!(
        act,
        Act::On
            | Act::Off
            | Act::Toggle
            | Act::Open
            | Act::Close
            | Act::Lock
            | Act::Unlock
            | Act::Start
            | Act::Activate
            | Act::Turn
            | Act::Ensure
            | Act::Stop
            | Act::Pause
            | Act::Resume
            | Act::Up
            | Act::Down
            | Act::Locate
            | Act::Again
    );
    let recent = scene.ground.set_of(&scene.memory.entities);
    let is_able = |index: usize| base.can.contains(&scene.ground.things[index].domain);
    let can = recent.filter(is_able);
    let goes_on =
        !matches!(act, Act::NeedLight | Act::NeedDark | Act::NeedNight | Act::Vacuum | Act::Mow);
    // "Okay, now off": no verb, so nothing else was begun to be said.
    let is_bare = clause.act_at.is_none();
    // After an answer about several things, nobody changes all of them with a bare "50 %".
    let is_told_of_many = scene.memory.command.is_none() && recent.len() > 1;
    if goes_on && !can.is_empty() && !is_told_of_many && (is_bare || !needs_thing || clause.goes_on)
    {
        return Ok(Noun { is_it: true, ..Noun::default() });
    }
    // "Stop mowing" says what is to be stopped.
    if clause.values.task.is_some() {
        return Ok(Noun::default());
    }
    if needs_thing && !(clause.values.measure.is_some() && act != Act::Turn) {
        return Err(No::Wish);
    }
    let says_nothing = clause.act.is_none() && clause.values.measure.is_none();
    if matches!(act, Act::Set) && (says_nothing || clause.values.is_empty()) {
        return Err(No::Wish);
    }
    let is_everywhere = matches!(act, Act::NeedNight | Act::LockUp);
    Ok(Noun { is_everywhere, ..Noun::default() })
}

/// No verb and no value: what was wished before, on something else; or a scene by its name.
pub(super) fn again(clause: &Clause, scene: &Scene<'_>, out: &mut Wished) -> Result<Set, No> {
    let nouns: Vec<&Noun> = clause.nouns.iter().filter(|noun| !noun.is_empty()).collect();
    if let [only] = &nouns[..]
        && !only.spans.is_empty()
        && !clause.goes_on
        && !clause.corrects
    {
        let can = vec![Domain::Scene, Domain::Button];
        let want = Want { can: can.clone(), ..Want::default() };
        if let Ok(found) = noun::find(only, &want, scene)
            && found.score >= 1.0
            && found.is_single
            && found.set.iter().all(|index| can.contains(&scene.ground.things[index].domain))
        {
            out.slots.extend(found.slots);
            let steps = found.targets.into_iter();
            out.steps.extend(steps.map(|t| Step::now(Command::new(What::Activate, t))));
            return Ok(found.set);
        }
    }
    let is_other = nouns.iter().any(|noun| noun.is_other);
    let Some(last) = &scene.memory.command else { return Err(No::Wish) };
    if nouns.is_empty() || !(clause.goes_on || clause.corrects || is_other) {
        return Err(No::Wish);
    }
    let recent = scene.ground.set_of(&scene.memory.entities);
    let mut domains: Vec<Domain> = last.target.domains.clone();
    domains.extend(recent.iter().map(|index| scene.ground.things[index].domain));
    domains.sort();
    domains.dedup();
    let want = Want {
        can: domains.clone(),
        implied: if last.target.domains.is_empty() { domains } else { last.target.domains.clone() },
        ..Want::default()
    };
    let mut targets = Vec::new();
    let mut set = Set::default();
    for noun in nouns {
        let found = match noun.is_other {
            true => the_other(noun, &want, scene)?,
            false => noun::find(noun, &want, scene)?,
        };
        out.score = out.score.min(found.score);
        out.slots.extend(found.slots);
        set = set.or(&found.set);
        targets.extend(found.targets);
    }
    let mut targets = targets.into_iter();
    let Some(target) = targets.next() else { return Err(No::Wish) };
    let command = Command { and: targets.collect(), ..Command::new(last.what.clone(), target) };
    let instead_of_last = clause.corrects || is_other;
    out.steps.push(Step { instead_of_last, ..Step::now(command) });
    Ok(set)
}

/// "The other one": of the same kind and, if there is one, in the same room as the last.
pub(super) fn the_other(noun: &Noun, want: &Want, scene: &Scene<'_>) -> Result<Found, Miss> {
    let miss = || Miss::Unexplained(scene.said(noun.at, noun.end));
    let recent = scene.ground.set_of(&scene.memory.entities);
    let first = recent.iter().next().ok_or_else(miss)?;
    let last = &scene.ground.things[first];
    let of_kind = scene.ground.main.filter(|index| {
        let thing = &scene.ground.things[index];
        let can = want.can.is_empty() || want.can.contains(&thing.domain);
        !recent.has(index) && thing.domain == last.domain && can
    });
    let near = of_kind.filter(|index| scene.ground.things[index].area == last.area);
    let set = if near.is_empty() { of_kind } else { near };
    if set.is_empty() {
        return Err(miss());
    }
    let words = noun::exactly(&set, false, scene);
    let words = TargetWords { must_choose: words.must_choose || set.len() > 1, ..words };
    Ok(Found { targets: vec![words], is_single: true, set, score: 0.9, ..Found::default() })
}
