//! The lists that a home brings: names of entities, areas and floors as texts to match. It owns how
//! a name may be said (its aliases, with and without hyphens); what a name means is resolved by the
//! target.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::home::Home;
use crate::home::domain::Domain;
use crate::intent::program::{HOME_LISTS, TextList, TextValue, without_inner_spaces};
use crate::intent::value::Value;
use crate::text;

/// The packs' word for the domain of people, of whom `device_tracker` tells where they are.
pub(crate) const PERSON: &str = "person";
/// The packs' word for the domain of lists of things to do or to buy.
const LIST: &str = "todo";

/// The names of a home, as the matcher needs them.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// What can be named.
    pub entities: Vec<NamedEntity>,
    /// Rooms and zones.
    pub areas: Vec<NamedPlace>,
    /// Storeys.
    pub floors: Vec<NamedPlace>,
}

/// An entity and how people call it.
#[derive(Debug, Clone, Default)]
pub struct NamedEntity {
    /// Its name first, then aliases.
    pub names: Vec<String>,
    /// Its domain, for example `light`.
    pub domain: String,
    /// What else sentences may ask for, for example `device_class`.
    pub context: Vec<(String, Value)>,
}

/// An area or a floor and how people call it.
#[derive(Debug, Clone, Default)]
pub struct NamedPlace {
    /// Its name first, then aliases.
    pub names: Vec<String>,
}

impl Names {
    /// All names of a home: of entities that are shown, of areas and of floors, with their aliases.
    pub fn of(home: &Home) -> Names {
        // An automation has the name of what it does, and is not meant by it.
        let is_named = |entity: &&crate::home::entity::Entity| {
            entity.is_enabled() && !matches!(entity.domain, Domain::Automation | Domain::Script)
        };
        let entities = home.entities().filter(is_named).flat_map(|entity| {
            let class = entity.traits.device_class.as_deref();
            let named = |domain: &str| NamedEntity {
                names: entity.names().map(str::to_owned).collect(),
                domain: domain.to_owned(),
                context: class
                    .map(|class| ("device_class".to_owned(), Value::from(class)))
                    .into_iter()
                    .collect(),
            };
            let person = (entity.domain == Domain::DeviceTracker).then(|| named(PERSON));
            std::iter::once(named(entity.domain.word())).chain(person)
        });
        let place = |name: &str, aliases: &[String]| NamedPlace {
            names: std::iter::once(name.to_owned()).chain(aliases.iter().cloned()).collect(),
        };
        Names {
            entities: entities.collect(),
            areas: home.areas().map(|area| place(&area.name, &area.aliases)).collect(),
            floors: home.floors().map(|floor| place(&floor.name, &floor.aliases)).collect(),
        }
    }

    /// Adds lists of things to do or to buy by their names.
    pub fn with_lists(mut self, lists: &[String]) -> Names {
        let named = |name: &String| NamedEntity {
            names: vec![name.clone()],
            domain: LIST.to_owned(),
            context: Vec::new(),
        };
        self.entities.extend(lists.iter().map(named));
        self
    }
}

/// The compiled names of a home. Rebuilt when a name changes, shared by all languages.
#[derive(Debug, Clone, Default)]
pub struct HomeLists {
    lists: [TextList; HOME_LISTS.len()],
}

impl HomeLists {
    /// Compiles names. The value of a slot is the first name of what was said, so an alias leads to
    /// the name; several entities of one name and domain are one value.
    pub fn new(names: &Names) -> HomeLists {
        let entities = names.entities.iter().flat_map(|entity| {
            let mut context: Vec<(Arc<str>, Value)> =
                vec![("domain".into(), entity.domain.as_str().into())];
            context.extend(
                entity.context.iter().map(|(key, value)| (key.as_str().into(), value.clone())),
            );
            spoken(&entity.names, context)
        });
        let places = |places: &'_ [NamedPlace]| {
            TextList::plain(distinct(places.iter().flat_map(|p| spoken(&p.names, Vec::new()))))
        };
        HomeLists {
            lists: [
                TextList::plain(distinct(entities)),
                places(&names.areas),
                places(&names.floors),
            ],
        }
    }

    pub(crate) fn list(&self, index: u8) -> &TextList {
        &self.lists[usize::from(index).min(HOME_LISTS.len() - 1)]
    }
}

/// Every way to say one of `names`, each standing for the first.
fn spoken(names: &[String], context: Vec<(Arc<str>, Value)>) -> Vec<(String, TextValue)> {
    let Some(first) = names.first() else { return Vec::new() };
    let value = TextValue { out: Some(first.as_str().into()), context };
    let mut out = Vec::new();
    for name in names {
        // Names are normalised as utterances are, so punctuation in them cannot be in the way.
        let said: String = text::hear(name).letters.iter().map(|l| l.exact).collect();
        if said.contains(['-', '_']) {
            out.push((said.replace(['-', '_'], " "), value.clone()));
        }
        // Languages without spaces lose those of a name too, in what is heard.
        let letters = text::letters(&said);
        let n_letters = letters.len();
        let joined = without_inner_spaces(letters);
        if joined.len() != n_letters {
            out.push((joined.iter().map(|letter| letter.exact).collect(), value.clone()));
        }
        out.push((said, value.clone()));
    }
    out
}

fn distinct(values: impl Iterator<Item = (String, TextValue)>) -> Vec<(String, TextValue)> {
    let mut seen: BTreeMap<String, Vec<TextValue>> = BTreeMap::new();
    let mut out = Vec::new();
    for (said, value) in values {
        let known = seen.entry(said.clone()).or_default();
        if !said.is_empty() && !known.contains(&value) {
            known.push(value.clone());
            out.push((said, value));
        }
    }
    out
}
