//! The answer to "which one?": which of the candidates was meant. It never takes one that was not
//! told apart from the others.

use crate::automation::EntryId;
use crate::home::Home;
use crate::home::entity::Entity;
use crate::home::id::EntityId;
use crate::intent::response::{MAX_NAMED, Voice};
use crate::text;

/// Words that are less alike than this are different words.
const ALIKE: f64 = 0.72;
/// Shorter words must be said as they are.
const MIN_MISSPELT: usize = 4;

/// What was chosen.
#[derive(Debug, PartialEq)]
pub(super) enum Chosen {
    /// These.
    These(Vec<EntityId>),
    /// One of these, which are fewer than before.
    Fewer(Vec<EntityId>),
}

/// Which candidates an utterance chooses; `None` if it is no answer. `is_guarded`: several at once
/// are not chosen.
pub(super) fn choose(
    said: &str,
    candidates: &[EntityId],
    is_guarded: bool,
    voice: &Voice<'_>,
    home: &Home,
) -> Option<Chosen> {
    let key = text::key(said);
    if let ([only], Some(_)) = (candidates, voice.find("yes", &key)) {
        return Some(Chosen::These(vec![only.clone()]));
    }
    let words: Vec<&str> = key
        .split(' ')
        .filter(|word| !word.is_empty() && voice.find("fillers", word).is_none())
        .collect();
    let bare = words.join(" ");
    if voice.find("both", &key).or_else(|| voice.find("both", &bare)).is_some() {
        return (!is_guarded).then(|| Chosen::These(candidates.to_vec()));
    }
    if let Some(place) = voice.find("ordinals", &bare) {
        // Only what was said one by one has an order.
        let n = candidates.len();
        let at = match place.parse::<usize>() {
            Ok(place) => place.checked_sub(1),
            Err(_) => n.checked_sub(1),
        };
        let one = candidates.get(at?).filter(|_| n <= MAX_NAMED)?;
        return Some(Chosen::These(vec![one.clone()]));
    }
    if words.is_empty() {
        return None;
    }
    let known: Vec<Known> = candidates.iter().filter_map(|id| Known::of(id, home)).collect();
    let named = |known: &&Known| known.names.contains(&bare) || known.names.contains(&key);
    let fits = |known: &&Known| words.iter().all(|word| known.words().any(|part| part == *word));
    let nearly =
        |known: &&Known| words.iter().all(|word| known.words().any(|part| is_alike(part, word)));
    for is_meant in [&named as &dyn Fn(&&Known) -> bool, &fits, &nearly] {
        let meant: Vec<&Known> = known.iter().filter(is_meant).collect();
        let ids = || meant.iter().map(|known| known.id.clone()).collect::<Vec<EntityId>>();
        match meant.len() {
            0 => {}
            1 => return Some(Chosen::These(ids())),
            // "In which room?" was asked, and the room is the answer.
            _ if candidates.len() > MAX_NAMED
                && !is_guarded
                && meant.iter().all(|known| known.places.contains(&bare)) =>
            {
                return Some(Chosen::These(ids()));
            }
            n if n < candidates.len() => return Some(Chosen::Fewer(ids())),
            // All are there, but one is also called so: "upstairs".
            _ => {
                let is_called = |known: &&Known| {
                    let mut called = known.names.iter().flat_map(|name| name.split(' '));
                    words.iter().all(|word| called.any(|part| part == *word))
                };
                let called: Vec<&Known> = known.iter().filter(is_called).collect();
                let [only] = &called[..] else { return None };
                return Some(Chosen::These(vec![only.id.clone()]));
            }
        }
    }
    None
}

/// Words by which each candidate is chosen: its name, with its room where another has the same.
pub(super) fn told_apart(candidates: &[EntityId], home: &Home) -> Vec<String> {
    let known: Vec<&Entity> = candidates.iter().filter_map(|id| home.entity(id.as_str())).collect();
    let words = known.iter().map(|entity| {
        let key = text::key(&entity.friendly_name);
        let n_same = known.iter().filter(|one| text::key(&one.friendly_name) == key).count();
        match home.area_of(entity).filter(|_| n_same > 1) {
            Some(area) => format!("{} ({})", entity.friendly_name, area.name),
            None => entity.friendly_name.to_string(),
        }
    });
    words.collect()
}

/// Which timer an utterance chooses, by the words that tell each; `None` if it is no answer or
/// fits several.
pub(super) fn choose_timer(
    said: &str,
    candidates: &[(EntryId, String)],
    voice: &Voice<'_>,
) -> Option<EntryId> {
    let key = text::key(said);
    let words: Vec<&str> = key
        .split(' ')
        .filter(|word| !word.is_empty() && voice.find("fillers", word).is_none())
        .collect();
    let fits = |told: &&(EntryId, String)| {
        words.iter().all(|word| told.1.split(' ').any(|part| is_alike(part, word)))
    };
    let fitting: Vec<EntryId> = candidates.iter().filter(fits).map(|told| told.0).collect();
    match fitting[..] {
        [only] if !words.is_empty() => Some(only),
        _ => None,
    }
}

fn is_alike(a: &str, b: &str) -> bool {
    let is_long = a.chars().count() >= MIN_MISSPELT && b.chars().count() >= MIN_MISSPELT;
    a == b || is_long && text::likeness(a, b) >= ALIKE
}

/// By which words a candidate can be told.
struct Known {
    id: EntityId,
    names: Vec<String>,
    /// Its room and floor.
    places: Vec<String>,
}

impl Known {
    fn of(id: &EntityId, home: &Home) -> Option<Known> {
        let entity: &Entity = home.entity(id.as_str())?;
        let area = home.area_of(entity);
        let floor = home.floor_of(entity);
        let places = area.iter().flat_map(|area| std::iter::once(&area.name).chain(&area.aliases));
        let floors =
            floor.iter().flat_map(|floor| std::iter::once(&floor.name).chain(&floor.aliases));
        Some(Known {
            id: id.clone(),
            names: entity.names().map(text::key).collect(),
            places: places.chain(floors).map(|name| text::key(name)).collect(),
        })
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        self.names.iter().chain(&self.places).flat_map(|name| name.split(' '))
    }
}
