//! Words to entities: which things of the house a person meant. It never returns more than was said:
//! an unknown name or place is refused, a kind without a place means the speaker's room, several
//! that fit without a reason to prefer one are asked about, and what could do harm is never meant by
//! "all" nor guessed. What is to be done with them is not its business.

use std::collections::BTreeSet;

use super::Home;
use super::action::Refusal;
use super::domain::Domain;
use super::entity::Entity;
use super::guard;
use super::id::{AreaId, EntityId};
use super::place::Area;
use crate::text;

/// What was said of a target.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TargetWords {
    /// A name or alias of an entity.
    pub name: Option<String>,
    /// Exactly these: what was chosen or spoken of before. Nothing else is looked at then.
    pub entities: Vec<EntityId>,
    /// A name or alias of an area.
    pub area: Option<String>,
    /// A name or alias of a floor.
    pub floor: Option<String>,
    /// The wished kinds; empty for any.
    pub domains: Vec<Domain>,
    /// The wished device classes; empty for any.
    pub classes: Vec<String>,
    /// The word that said the class ("blinds"): a cover without a class fits if it is named so.
    pub class_word: Option<String>,
    /// How far it reaches when no place is named.
    pub scope: Scope,
    /// It is not known which of `entities` is meant, or a person has to say that it is: this is
    /// asked, nothing is done.
    pub must_choose: bool,
}

/// How far words reach that name no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// Nothing was said: the speaker's room, else the only one.
    #[default]
    Unsaid,
    /// "here".
    Here,
    /// "all", "everywhere".
    Everywhere,
}

/// The entities meant, and by which words.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// At least one, in the order of their ids.
    pub entities: Vec<EntityId>,
    /// Why these.
    pub by: By,
}

/// By which words a target was found.
#[derive(Debug, Clone, PartialEq)]
pub enum By {
    /// By name.
    Name,
    /// By the area said.
    Area(AreaId),
    /// By the floor said.
    Floor,
    /// By the speaker's area.
    Here(AreaId),
    /// Because the whole house was said.
    Everywhere,
    /// Because there is only one.
    OnlyOne,
}

/// The entities to act on.
///
/// # Errors
/// [`Refusal::NoSuchName`] or [`Refusal::NoSuchPlace`] with the nearest names,
/// [`Refusal::NothingThere`], [`Refusal::Ambiguous`] with the candidates, or
/// [`Refusal::NotAllowed`] for harmful things meant by "all".
pub fn to_act(words: &TargetWords, here: Option<&Area>, home: &Home) -> Result<Target, Refusal> {
    let found = resolve(words, here, home, Purpose::Act)?;
    let is_guess = matches!(found.by, By::OnlyOne);
    let is_group = !matches!(found.by, By::Name) && found.entities.len() > 1;
    let guarded =
        |id: &EntityId| home.entity(id.as_str()).is_some_and(|e| guard::is_guarded(e, home));
    if is_guess && found.entities.iter().any(guarded) {
        return Err(Refusal::Ambiguous(found.entities));
    }
    if matches!(found.by, By::Everywhere) && found.entities.iter().any(guarded) {
        // "Open all blinds" leaves the garage door alone; "unlock all doors" does nothing.
        let harmless: Vec<EntityId> = found.entities.into_iter().filter(|e| !guarded(e)).collect();
        return match harmless.is_empty() || !harmful_is_incidental(words) {
            true => Err(Refusal::NotAllowed),
            false => Ok(Target { entities: harmless, by: found.by }),
        };
    }
    if is_group && found.entities.iter().any(guarded) {
        return Err(Refusal::Ambiguous(found.entities));
    }
    Ok(found)
}

/// The entities that a question is about. A question may look at everything, so "all" is no matter
/// and several that fit are all answered for.
///
/// # Errors
/// As [`to_act`], without [`Refusal::NotAllowed`]; [`Refusal::Ambiguous`] only for a name.
pub fn to_ask(words: &TargetWords, here: Option<&Area>, home: &Home) -> Result<Target, Refusal> {
    resolve(words, here, home, Purpose::Ask)
}

#[derive(Clone, Copy, PartialEq)]
enum Purpose {
    Act,
    Ask,
}

/// The words did not ask for the harmful things themselves: they named another class or none.
fn harmful_is_incidental(words: &TargetWords) -> bool {
    !words.classes.iter().any(|class| matches!(class.as_str(), "garage" | "gate" | "door"))
        && words.domains.iter().all(|domain| *domain == Domain::Cover)
}

fn class_of(entity: &Entity) -> Option<&str> {
    entity.traits.device_class.as_deref()
}

fn resolve(
    words: &TargetWords,
    here: Option<&Area>,
    home: &Home,
    purpose: Purpose,
) -> Result<Target, Refusal> {
    if !words.entities.is_empty() {
        let is_there = |id: &&EntityId| home.entity(id.as_str()).is_some_and(Entity::is_enabled);
        let entities: Vec<EntityId> = words.entities.iter().filter(is_there).cloned().collect();
        return match entities.is_empty() {
            true => Err(Refusal::NothingThere),
            false if words.must_choose && purpose == Purpose::Act => {
                Err(Refusal::Ambiguous(entities))
            }
            false => Ok(Target { entities, by: By::Name }),
        };
    }
    let place = said_place(words, home)?;
    if let Some(name) = &words.name {
        return named(name, words, &place, here, home);
    }
    let fits = |entity: &&Entity| {
        entity.is_enabled() && entity.traits.category.is_none() && is_of_kind(entity, words)
    };
    let all: Vec<&Entity> = home.entities().filter(fits).collect();
    let ids = |entities: Vec<&Entity>| entities.into_iter().map(|e| e.id.clone()).collect();
    let within = |areas: &BTreeSet<AreaId>| -> Vec<&Entity> {
        let is_in = |e: &&&Entity| home.area_of(e).is_some_and(|area| areas.contains(&area.id));
        all.iter().filter(is_in).copied().collect()
    };
    let some = |entities: Vec<&Entity>, by: By| match entities.is_empty() {
        true => Err(Refusal::NothingThere),
        false => Ok(Target { entities: ids(entities), by }),
    };
    match place {
        Place::Area(area) => return some(within(&BTreeSet::from([area.clone()])), By::Area(area)),
        Place::Floor(areas) => return some(within(&areas), By::Floor),
        Place::Unsaid => {}
    }
    if words.scope == Scope::Everywhere {
        return some(all, By::Everywhere);
    }
    let near = here.map(|area| (within(&BTreeSet::from([area.id.clone()])), area.id.clone()));
    match near {
        Some((near, area)) if !near.is_empty() => return some(near, By::Here(area)),
        Some(_) if words.scope == Scope::Here => return Err(Refusal::NothingThere),
        // "Here" and nobody knows where that is.
        None if words.scope == Scope::Here && purpose == Purpose::Act => {
            return Err(if all.is_empty() {
                Refusal::NothingThere
            } else {
                Refusal::Ambiguous(ids(all))
            });
        }
        _ => {}
    }
    match (all.len(), purpose) {
        (0, _) => Err(Refusal::NothingThere),
        (1, _) => some(all, By::OnlyOne),
        (_, Purpose::Ask) => some(all, By::Everywhere),
        (_, Purpose::Act) => Err(Refusal::Ambiguous(ids(all))),
    }
}

/// The place that was said.
enum Place {
    Unsaid,
    Area(AreaId),
    /// The areas of a floor.
    Floor(BTreeSet<AreaId>),
}

fn said_place(words: &TargetWords, home: &Home) -> Result<Place, Refusal> {
    if let Some(said) = &words.area {
        return match area_named(said, home) {
            Some(area) => Ok(Place::Area(area.id.clone())),
            None => {
                let known = home.areas().map(|area| area.name.as_str());
                let nearest = text::nearest(said, known);
                Err(Refusal::NoSuchPlace { said: said.clone(), nearest })
            }
        };
    }
    if let Some(said) = &words.floor {
        let wanted = text::key(said);
        let is_it = |name: &str| text::key(name) == wanted;
        let floor = home
            .floors()
            .find(|floor| is_it(&floor.name) || floor.aliases.iter().any(|a| is_it(a)));
        return match floor {
            Some(floor) => Ok(Place::Floor(
                home.areas()
                    .filter(|area| area.floor.as_ref() == Some(&floor.id))
                    .map(|area| area.id.clone())
                    .collect(),
            )),
            None => {
                let known = home.floors().map(|floor| floor.name.as_str());
                let nearest = text::nearest(said, known);
                Err(Refusal::NoSuchPlace { said: said.clone(), nearest })
            }
        };
    }
    Ok(Place::Unsaid)
}

/// An area by name, alias or id.
pub fn area_named<'h>(said: &str, home: &'h Home) -> Option<&'h Area> {
    let wanted = text::key(said);
    let is_it = |name: &str| text::key(name) == wanted;
    home.area(said).or_else(|| {
        home.areas().find(|area| is_it(&area.name) || area.aliases.iter().any(|a| is_it(a)))
    })
}

fn named(
    name: &str,
    words: &TargetWords,
    place: &Place,
    here: Option<&Area>,
    home: &Home,
) -> Result<Target, Refusal> {
    let wanted = text::key(name);
    let enabled = || home.entities().filter(|entity| entity.is_enabled());
    let fits_kind =
        |entity: &Entity| words.domains.is_empty() || words.domains.contains(&entity.domain);
    let mut found: Vec<&Entity> = enabled()
        .filter(|entity| entity.names().any(|name| text::key(name) == wanted))
        .filter(|entity| fits_kind(entity))
        .collect();
    if found.is_empty() {
        let known = enabled().filter(|entity| fits_kind(entity)).map(|e| &*e.friendly_name);
        let nearest = text::nearest(name, known);
        return Err(Refusal::NoSuchName { said: name.to_owned(), nearest });
    }
    let is_in = |entity: &Entity| {
        let area = home.area_of(entity).map(|area| &area.id);
        match place {
            Place::Unsaid => true,
            Place::Area(wanted) => area == Some(wanted),
            Place::Floor(areas) => area.is_some_and(|area| areas.contains(area)),
        }
    };
    found.retain(|entity| is_in(entity));
    if found.is_empty() {
        return Err(Refusal::NothingThere);
    }
    if found.len() > 1 {
        // The one in the speaker's room, then what is a main function rather than a setting.
        let near = |entity: &&&Entity| {
            here.is_some_and(|here| home.area_of(entity).is_some_and(|area| area.id == here.id))
        };
        let nearby: Vec<&Entity> = found.iter().filter(near).copied().collect();
        if !nearby.is_empty() {
            found = nearby;
        }
        let main: Vec<&Entity> =
            found.iter().filter(|e| e.traits.category.is_none()).copied().collect();
        if !main.is_empty() {
            found = main;
        }
    }
    let entities: Vec<EntityId> = found.into_iter().map(|entity| entity.id.clone()).collect();
    match entities.len() {
        1 => Ok(Target { entities, by: By::Name }),
        _ => Err(Refusal::Ambiguous(entities)),
    }
}

fn is_of_kind(entity: &Entity, words: &TargetWords) -> bool {
    if !words.domains.is_empty() && !words.domains.contains(&entity.domain) {
        return false;
    }
    if words.classes.is_empty() {
        return true;
    }
    match class_of(entity) {
        Some(class) => words.classes.iter().any(|wanted| is_same_class(wanted, class)),
        // Many producers give covers no class; then the name must say it.
        None => entity.domain == Domain::Cover && is_named_after(entity, words),
    }
}

/// Cover classes and those of the sensors on the same things have different names.
fn is_same_class(wanted: &str, class: &str) -> bool {
    wanted == class
        || matches!(
            (wanted, class),
            ("garage", "garage_door")
                | ("garage_door", "garage")
                | ("occupancy", "presence" | "motion")
                | ("moisture", "water")
        )
}

fn is_named_after(entity: &Entity, words: &TargetWords) -> bool {
    let Some(word) = &words.class_word else { return false };
    let stem = |word: &str| word.trim_end_matches(['s', 'x']).to_owned();
    let wanted = stem(&text::key(word));
    !wanted.is_empty()
        && entity.names().any(|name| text::key(name).split(' ').any(|part| stem(part) == wanted))
}
