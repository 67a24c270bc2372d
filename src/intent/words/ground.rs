//! What the home has names for, indexed by word: entities with their names, kinds and rooms, areas
//! and floors. Made for one language, because stems and sounds are; made anew when a name changes.
//! It finds; what is meant is decided by `noun`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::home::Home;
use crate::home::domain::{Caps, Domain};
use crate::home::guard;
use crate::home::id::EntityId;
use crate::home::place::Area;

use super::lexicon::Lexicon;
use super::tag::Kind;
use super::token::{self, Token};

/// A set of entities by their index.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Set(Vec<u64>);

impl Set {
    pub(super) fn put(&mut self, index: usize) {
        if self.0.len() <= index / 64 {
            self.0.resize(index / 64 + 1, 0);
        }
        self.0[index / 64] |= 1 << (index % 64);
    }

    pub(super) fn has(&self, index: usize) -> bool {
        self.0.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    pub(super) fn and(mut self, other: &Set) -> Set {
        self.0.truncate(other.0.len());
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= other);
        self
    }

    pub(super) fn or(mut self, other: &Set) -> Set {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
        self
    }

    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        let bits = |(at, word): (usize, &u64)| {
            let word = *word;
            (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| at * 64 + bit)
        };
        self.0.iter().enumerate().flat_map(bits)
    }

    pub(super) fn filter(&self, keep: impl Fn(usize) -> bool) -> Set {
        self.iter().filter(|index| keep(*index)).collect()
    }
}

impl FromIterator<usize> for Set {
    fn from_iter<I: IntoIterator<Item = usize>>(indices: I) -> Set {
        let mut set = Set::default();
        indices.into_iter().for_each(|index| set.put(index));
        set
    }
}

/// An entity, as far as words are about it.
#[derive(Debug, Clone)]
pub(super) struct Thing {
    pub id: EntityId,
    pub name: String,
    pub domain: Domain,
    pub class: Option<String>,
    /// Index of its area.
    pub area: Option<u16>,
    /// It could do harm: see [`guard::is_guarded`].
    pub is_guarded: bool,
    /// Its names.
    pub names: Vec<Name>,
}

/// An area or a floor.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub name: String,
    /// It is a floor.
    pub is_floor: bool,
    /// How high the floor is.
    pub level: Option<i32>,
    /// It is outside: an area that the language's words or the lack of a floor say so of.
    pub is_outside: bool,
    /// Its names.
    pub names: Vec<Name>,
    /// What is there.
    pub things: Set,
    /// The areas of a floor.
    pub areas: Vec<u16>,
}

/// The words of a name, as keys.
pub(super) type Name = Arc<[String]>;

/// Something with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    Thing(u16),
    Place(u16),
}

/// A mode, preset or option by its words.
type Choice = (Vec<String>, Arc<str>);

/// The index.
#[derive(Debug, Clone, Default)]
pub(super) struct Ground {
    pub things: Vec<Thing>,
    pub places: Vec<Place>,
    /// All things that are a main function.
    pub main: Set,
    /// Names by their first word.
    by_first: HashMap<String, Vec<(Name, Named)>>,
    /// Names without any space.
    by_whole: HashMap<String, Vec<(Name, Named)>>,
    /// Things by the stem of a word of their names.
    by_word: HashMap<String, Set>,
    /// Places by the stem of a word of their names.
    place_words: HashMap<String, Vec<u16>>,
    /// Every word of names, with its sound.
    vocabulary: Vec<(String, String)>,
    by_domain: BTreeMap<Domain, Set>,
    /// Modes, presets and options that things offer, by their first word.
    options: HashMap<String, Vec<Choice>>,
}

impl Ground {
    pub(super) fn new(home: &Home, lexicon: &Lexicon) -> Ground {
        let mut ground = Ground::default();
        let mut area_index = BTreeMap::new();
        for area in home.areas() {
            area_index.insert(area.id.clone(), ground.places.len() as u16);
            let names = std::iter::once(&area.name).chain(&area.aliases);
            ground.places.push(Place {
                name: area.name.clone(),
                is_floor: false,
                level: None,
                is_outside: is_outside(area, home, lexicon),
                names: names.map(|name| spoken(name, lexicon)).collect(),
                things: Set::default(),
                areas: Vec::new(),
            });
        }
        let mut floor_index = BTreeMap::new();
        for floor in home.floors() {
            floor_index.insert(floor.id.clone(), ground.places.len() as u16);
            let names = std::iter::once(&floor.name).chain(&floor.aliases);
            ground.places.push(Place {
                name: floor.name.clone(),
                is_floor: true,
                level: floor.level,
                is_outside: false,
                names: names.map(|name| spoken(name, lexicon)).collect(),
                things: Set::default(),
                areas: Vec::new(),
            });
        }
        for area in home.areas() {
            let floor = area.floor.as_ref().and_then(|floor| floor_index.get(floor));
            if let (Some(floor), Some(index)) = (floor, area_index.get(&area.id)) {
                let floor: u16 = *floor;
                ground.places[usize::from(floor)].areas.push(*index);
            }
        }
        // An automation has the name of what it does, and is not meant by it.
        let is_named = |entity: &&crate::home::entity::Entity| {
            entity.is_enabled() && !matches!(entity.domain, Domain::Automation | Domain::Script)
        };
        for entity in home.entities().filter(is_named) {
            let index = ground.things.len();
            if index > usize::from(u16::MAX) {
                break;
            }
            let area = home.area_of(entity);
            let place = area.and_then(|area| area_index.get(&area.id)).copied();
            let floor = area.and_then(|a| a.floor.as_ref()).and_then(|f| floor_index.get(f));
            for place in place.iter().chain(floor) {
                ground.places[usize::from(*place)].things.put(index);
            }
            for option in entity.caps.as_ref().into_iter().flat_map(options) {
                let words = token::keys(option);
                let Some(first) = words.first().cloned() else { continue };
                let known = ground.options.entry(first).or_default();
                if !known.iter().any(|(_, known)| known == option) {
                    known.push((words, Arc::clone(option)));
                }
            }
            let is_aside = entity.traits.category.is_some();
            if !is_aside {
                ground.main.put(index);
            }
            ground.by_domain.entry(entity.domain).or_default().put(index);
            ground.things.push(Thing {
                id: entity.id.clone(),
                name: entity.friendly_name.to_string(),
                domain: entity.domain,
                class: entity.traits.device_class.as_deref().map(str::to_owned),
                area: place,
                is_guarded: guard::is_guarded(entity, home),
                names: entity.names().map(|name| spoken(name, lexicon)).collect(),
            });
        }
        ground.index(lexicon);
        ground
    }

    fn index(&mut self, lexicon: &Lexicon) {
        let things = self.things.iter().enumerate();
        let things = things.map(|(index, thing)| (Named::Thing(index as u16), &thing.names));
        let places = self.places.iter().enumerate();
        let places = places.map(|(index, place)| (Named::Place(index as u16), &place.names));
        let mut vocabulary = BTreeMap::new();
        for (named, names) in things.chain(places) {
            for name in names {
                let Some(first) = name.first() else { continue };
                let first = lexicon.stem(first).to_owned();
                self.by_first.entry(first).or_default().push((name.clone(), named));
                self.by_whole.entry(name.concat()).or_default().push((name.clone(), named));
                for word in name.iter() {
                    let stem = lexicon.stem(word).to_owned();
                    match named {
                        Named::Thing(index) => {
                            self.by_word.entry(stem).or_default().put(usize::from(index));
                        }
                        Named::Place(index) => {
                            let known = self.place_words.entry(stem).or_default();
                            if !known.contains(&index) {
                                known.push(index);
                            }
                        }
                    }
                    if word.chars().count() >= 3 {
                        vocabulary.entry(word.clone()).or_insert_with(|| lexicon.sound.key(word));
                    }
                }
            }
        }
        for word in lexicon.kind_words() {
            vocabulary.entry(word.to_owned()).or_insert_with(|| lexicon.sound.key(word));
        }
        self.vocabulary = vocabulary.into_iter().collect();
    }

    /// Names that begin at a word of the utterance: number of words, what has the name, and whether
    /// it is written apart or together otherwise than there. Words that only join others may be
    /// said or not: "volet de la cuisine" is "Volet cuisine".
    pub(super) fn names_at(
        &self,
        tokens: &[Token],
        at: usize,
        lexicon: &Lexicon,
    ) -> Vec<(usize, Named, bool)> {
        let mut out = Vec::new();
        let Some(first) = tokens.get(at) else { return out };
        for (name, named) in self.by_first.get(lexicon.stem(&first.key)).into_iter().flatten() {
            let is_place = matches!(named, Named::Place(_));
            if let Some(n) = said_whole(name, &tokens[at..], is_place, lexicon) {
                out.push((n, *named, false));
            }
        }
        // "bed room" for "bedroom", "livingroom" for "living room".
        for n in 1..=3_usize {
            let Some(said) = tokens.get(at..at + n) else { break };
            let whole: String = said.iter().map(|token| token.key.as_str()).collect();
            for (name, named) in self.by_whole.get(&whole).into_iter().flatten() {
                let is_same = name.len() == n && name.iter().zip(said).all(|(a, b)| *a == b.key);
                if !is_same && whole.len() >= 6 {
                    out.push((n, *named, true));
                }
            }
        }
        out
    }

    /// Options of things that are said from a word on: number of words and the option.
    pub(super) fn options_at(&self, tokens: &[Token], at: usize) -> Vec<(usize, &Arc<str>)> {
        let known = tokens.get(at).and_then(|first| self.options.get(&first.key));
        let is_said = |words: &[String]| {
            let said = tokens.get(at..at + words.len());
            said.is_some_and(|said| words.iter().zip(said).all(|(word, token)| *word == token.key))
        };
        let known = known.into_iter().flatten().filter(|(words, _)| is_said(words));
        known.map(|(words, option)| (words.len(), option)).collect()
    }

    /// All names, and whether they are a place's.
    pub(super) fn names(&self) -> impl Iterator<Item = (&Name, bool)> {
        let names = self.by_first.values().flatten();
        names.map(|(name, named)| (name, matches!(named, Named::Place(_))))
    }

    /// What things offer by name: modes, presets and options.
    pub(super) fn offers(&self) -> impl Iterator<Item = &[String]> {
        self.options.values().flatten().map(|(words, _)| &**words)
    }

    /// Things with the word in a name.
    pub(super) fn with_word(&self, key: &str, lexicon: &Lexicon) -> Option<&Set> {
        self.by_word.get(lexicon.stem(key))
    }

    /// Places with the word in a name.
    pub(super) fn places_with_word(&self, key: &str, lexicon: &Lexicon) -> &[u16] {
        self.place_words.get(lexicon.stem(key)).map_or(&[], Vec::as_slice)
    }

    /// Words of names that sound or look like this one, with how alike they are, the best first.
    pub(super) fn near(&self, key: &str, lexicon: &Lexicon) -> Vec<(&str, f64)> {
        let sound = lexicon.sound.key(key);
        let mut out: Vec<(&str, f64)> = self
            .vocabulary
            .iter()
            .map(|(word, other)| (word.as_str(), lexicon.sound.likeness(key, &sound, word, other)))
            .filter(|(_, score)| *score > 0.0)
            .collect();
        out.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        out.truncate(3);
        out
    }

    /// Things of a kind. A cover, sensor or switch without a class counts if its name says it.
    pub(super) fn of_kind(&self, kind: &Kind, lexicon: &Lexicon) -> Set {
        let mut out = Set::default();
        for (domain, class) in &kind.of {
            let Some(all) = self.by_domain.get(domain) else { continue };
            match class {
                None => out = out.or(all),
                Some(class) => {
                    let word = kind.word.split(' ').next().unwrap_or(&kind.word);
                    let named = self.with_word(word, lexicon);
                    let is_called = |index: usize| named.is_some_and(|named| named.has(index));
                    let of_class = all.filter(|index| match self.things[index].class.as_deref() {
                        Some(own) => own == &**class || is_same_class(class, own),
                        None => *domain == Domain::Cover && is_called(index),
                    });
                    let is_exact =
                        |index: usize| self.things[index].class.as_deref() == Some(&**class);
                    let called = match *domain == Domain::Cover && !of_class.iter().any(is_exact) {
                        true => all.filter(is_called),
                        false => Set::default(),
                    };
                    // A shutter is no blind where there are both, unless it is called so.
                    let some_exact = of_class.iter().any(is_exact);
                    let of_class = of_class.filter(|index| {
                        let has_twin = matches!(&**class, "shutter" | "blind");
                        !some_exact || !has_twin || is_exact(index) || is_called(index)
                    });
                    out = out.or(if called.is_empty() { &of_class } else { &called });
                }
            }
        }
        out
    }

    /// Things of these domains.
    pub(super) fn of_domains(&self, domains: &[Domain]) -> Set {
        let sets = domains.iter().filter_map(|domain| self.by_domain.get(domain));
        sets.fold(Set::default(), |all, set| all.or(set))
    }

    /// The index of an area by its name.
    pub(super) fn place_named(&self, name: &str) -> Option<u16> {
        let index = self.places.iter().position(|place| place.name == name)?;
        u16::try_from(index).ok()
    }

    /// Things by their ids.
    pub(super) fn set_of(&self, ids: &[EntityId]) -> Set {
        let is_one = |(_, thing): &(usize, &Thing)| ids.contains(&thing.id);
        self.things.iter().enumerate().filter(is_one).map(|(index, _)| index).collect()
    }
}

/// The modes, presets and options that a thing offers by name.
fn options(caps: &Caps) -> Vec<&Arc<str>> {
    let lists: Vec<Option<&Vec<Arc<str>>>> = match caps {
        Caps::Select(select) => vec![Some(&select.options)],
        Caps::Light(light) => vec![light.effects.as_ref()],
        Caps::Fan(fan) => vec![fan.preset_modes.as_ref()],
        Caps::Vacuum(vacuum) => vec![vacuum.fan_speeds.as_ref()],
        Caps::Humidifier(humidifier) => vec![humidifier.modes.as_ref()],
        Caps::Climate(climate) => vec![climate.preset_modes.as_ref(), climate.fan_modes.as_ref()],
        Caps::WaterHeater(heater) => vec![heater.modes.as_ref()],
        _ => Vec::new(),
    };
    lists.into_iter().flatten().flatten().collect()
}

/// Whether an area is outside of the house: named so, or the only kind of area without a floor in a
/// home that has floors.
fn is_outside(area: &Area, home: &Home, lexicon: &Lexicon) -> bool {
    let names = std::iter::once(&area.name).chain(&area.aliases);
    let is_named_so = names
        .flat_map(|name| token::keys(name))
        .any(|key| lexicon.outdoor.iter().any(|word| *word == lexicon.stem(&key)));
    is_named_so || area.floor.is_none() && home.floors().next().is_some()
}

/// As `home::target` compares them.
fn is_same_class(wanted: &str, class: &str) -> bool {
    matches!(
        (wanted, class),
        ("garage", "garage_door")
            | ("garage_door", "garage")
            | ("garage", "gate")
            | ("occupancy", "presence" | "motion")
            | ("motion", "occupancy" | "presence")
            | ("moisture", "water")
            | ("blind", "shade" | "shutter")
            | ("shade" | "shutter", "blind")
            | ("door" | "window", "opening")
    )
}

/// Number of words in which a name is said, if it is. Of places the plural does not matter.
fn said_whole(name: &[String], said: &[Token], is_place: bool, lexicon: &Lexicon) -> Option<usize> {
    let mut at = 0;
    let is_same = |word: &str, token: &Token| {
        lexicon.is_same(word, &token.key)
            || is_place && lexicon.stem(word) == lexicon.stem(&token.key)
    };
    for (index, word) in name.iter().enumerate() {
        let skipped = said[at.min(said.len())..]
            .iter()
            .take(3)
            .take_while(|token| index > 0 && !is_same(word, token) && lexicon.is_glue(&token.key))
            .count();
        match said.get(at + skipped) {
            Some(token) if is_same(word, token) => at += skipped + 1,
            _ if index > 0 && lexicon.is_glue(word) => {}
            _ => return None,
        }
    }
    Some(at)
}

/// The words of a name, without articles at its start: "Le lampadaire" is called "lampadaire".
fn spoken(name: &str, lexicon: &Lexicon) -> Name {
    let keys = token::keys(name);
    let n = keys.iter().take_while(|key| lexicon.is_article(key)).count();
    match n < keys.len() {
        true => keys[n..].into(),
        false => keys.into(),
    }
}
