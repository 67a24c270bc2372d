//! How things are spoken of: by what was said, by name, by kind and place, or counted.

use std::collections::BTreeMap;

use crate::home::Home;
use crate::home::domain::Domain;
use crate::home::entity::Entity;
use crate::home::id::EntityId;
use crate::home::place::Area;
use crate::home::target::{By, Target, TargetWords};
use crate::intent::meaning::Reading;
use crate::intent::response::{MAX_NAMED, Noun, Phrase};
use crate::text;

use super::Speaker;
use super::plan::{Part, Plan};

impl Speaker<'_> {
    /// The whole target of a step in words, as it was said.
    pub(super) fn target(&self, plan: &Plan, part: &Part, home: &Home) -> Phrase {
        // Slots tell how something was said only where it was said once.
        let heard = (plan.parts.len() == 1 && part.found.len() == 1).then_some(&plan.reading);
        let phrases: Vec<Phrase> = match &part.found[..] {
            [] => return self.named(&part.entities, part.entities.len(), home),
            found => {
                found.iter().map(|(words, target)| self.found(words, target, heard, home)).collect()
            }
        };
        let what = self.voice.list(&phrases);
        let but: Vec<Phrase> = part
            .except
            .iter()
            .map(|(words, target)| {
                let mut words = words.clone();
                if words.domains.is_empty() && words.name.is_none() {
                    words.domains = part.command.target.domains.clone();
                }
                let of_kind = |id: &EntityId| {
                    words.domains.is_empty()
                        || home
                            .entity(id.as_str())
                            .is_some_and(|e| words.domains.contains(&e.domain))
                };
                let entities: Vec<EntityId> =
                    target.entities.iter().filter(|id| of_kind(id)).cloned().collect();
                (words, Target { entities, by: target.by.clone() })
            })
            .filter(|(_, target)| !target.entities.is_empty())
            .map(|(words, target)| self.found(&words, &target, None, home))
            .collect();
        if but.is_empty() {
            return what;
        }
        let but = self.voice.list(&but);
        let text = self.voice.word("phrase", "except");
        let text = self.voice.fill(text, &[("what", &what), ("but", &but)]);
        Phrase { text, ..what }
    }

    /// What some words found, in words.
    fn found(
        &self,
        words: &TargetWords,
        target: &Target,
        heard: Option<&Reading>,
        home: &Home,
    ) -> Phrase {
        let ids = &target.entities;
        let entities: Vec<&Entity> = ids.iter().filter_map(|id| home.entity(id.as_str())).collect();
        let place = match (&target.by, &entities[..]) {
            (By::Name, [only]) if is_person(only) => return self.name(only),
            (By::Name, [only]) => {
                let heard = heard.map(|reading| (reading, "name"));
                return self.voice.the(&self.voice.noun(&only.friendly_name, heard));
            }
            (By::OnlyOne | By::Name, _) => return self.named(ids, ids.len(), home),
            (By::Area(id), _) => home.area(id.as_str()).map(|area| (self.area_name(area), "area")),
            (By::Here(id), _) => home.area(id.as_str()).map(|area| (self.area_name(area), "")),
            (By::Floor, _) => words.floor.as_deref().map(|floor| (floor, "floor")),
            (By::Everywhere, _) => None,
        };
        let kind = self.kind_said(words, heard, &entities);
        let kind = match (kind, &entities[..]) {
            (Some(kind), _) => kind,
            (None, [only]) => return self.name(only),
            (None, _) => return self.counted(&entities),
        };
        match place {
            Some((name, slot)) => {
                let area = self.voice.noun(name, heard.map(|reading| (reading, slot)));
                self.placed(&kind, &area)
            }
            None => self.everywhere(&kind),
        }
    }

    /// "the kitchen lights".
    fn placed(&self, kind: &Noun, area: &Noun) -> Phrase {
        let text = self.voice.fill(
            self.voice.word("phrase", "kind_area"),
            &[
                ("kind", &Phrase::plain(kind.text.clone())),
                ("area", &Phrase::plain(area.text.clone())),
                ("the_kind", &self.voice.the(kind)),
                ("of_area", &self.voice.with("of", area)),
            ],
        );
        Phrase { text, gender: kind.gender, is_plural: kind.is_plural }
    }

    fn everywhere(&self, kind: &Noun) -> Phrase {
        let feminine = kind.gender == crate::intent::response::Gender::Feminine;
        let all = self.voice.find("all", if feminine { "f" } else { "m" }).unwrap_or("");
        let text = self.voice.fill(
            self.voice.word("phrase", "kind_all"),
            &[("kind", &Phrase::plain(kind.text.clone())), ("all", &Phrase::plain(all))],
        );
        Phrase { text, gender: kind.gender, is_plural: true }
    }

    /// The kind of the target as it was said, in the right number; `None` for several kinds and for
    /// one thing that was not said as one.
    fn kind_said(
        &self,
        words: &TargetWords,
        heard: Option<&Reading>,
        entities: &[&Entity],
    ) -> Option<Noun> {
        let is_plural = entities.len() != 1;
        let said = ["device_class", "domain"].into_iter().find_map(|slot| heard?.said(slot));
        if let Some(said) = said {
            let noun = self.voice.common(&said.said);
            if noun.is_plural == is_plural {
                let domain = entities.first().map_or("", |entity| entity.domain.word());
                let usual = self.voice.kind(domain, is_plural);
                let is_usual = text::key(&usual.text) == text::key(&noun.text);
                return Some(if is_usual { usual } else { noun });
            }
        }
        // One of many said, or one of a kind that was not said: it has a name of its own, if this
        // language can say it.
        if let ([only], false) = (entities, is_plural) {
            let is_foreign = said.is_some() && !self.voice.knows(&only.friendly_name);
            return is_foreign.then(|| self.voice.kind(only.domain.word(), false));
        }
        let domain = entities.first()?.domain;
        let is_one_kind = entities.iter().all(|entity| entity.domain == domain);
        (is_one_kind && words.classes.len() < 2).then(|| self.voice.kind(domain.word(), is_plural))
    }

    /// The name of an area by which this language can speak of it.
    pub(super) fn area_name<'h>(&self, area: &'h Area) -> &'h str {
        let aliases = area.aliases.iter().map(String::as_str);
        let mut names = std::iter::once(area.name.as_str()).chain(aliases);
        names.find(|name| self.voice.knows(name)).unwrap_or(&area.name)
    }

    /// "2 lights and 1 fan".
    fn counted(&self, entities: &[&Entity]) -> Phrase {
        let mut counts: BTreeMap<Domain, usize> = BTreeMap::new();
        for entity in entities {
            *counts.entry(entity.domain).or_default() += 1;
        }
        let parts: Vec<Phrase> = counts
            .into_iter()
            .map(|(domain, count)| {
                let kind = self.voice.kind(domain.word(), count > 1);
                Phrase {
                    text: format!("{count} {}", kind.text),
                    gender: kind.gender,
                    is_plural: count > 1,
                }
            })
            .collect();
        self.voice.list(&parts)
    }

    /// Entities by their names; many by their number.
    pub(super) fn named(&self, ids: &[EntityId], total: usize, home: &Home) -> Phrase {
        let entities: Vec<&Entity> = ids.iter().filter_map(|id| home.entity(id.as_str())).collect();
        if entities.len() <= MAX_NAMED {
            let names: Vec<Phrase> = entities.iter().map(|entity| self.name(entity)).collect();
            return self.voice.list(&names);
        }
        let domain = entities.first().map(|entity| entity.domain);
        let is_one_kind = entities.iter().all(|entity| Some(entity.domain) == domain);
        let word = domain.filter(|_| is_one_kind).map_or("any", Domain::word);
        let kind = self.voice.kind(word, true);
        if entities.len() == total {
            return self.counted(&entities);
        }
        let text = self.voice.fill(
            self.voice.word("phrase", "some_of"),
            &[
                ("count", &Phrase::plain(entities.len().to_string())),
                ("total", &Phrase::plain(total.to_string())),
                ("kind", &Phrase::plain(kind.text)),
            ],
        );
        Phrase { text, gender: kind.gender, is_plural: true }
    }

    /// An entity by the name by which this language can speak of it, if it has one, else by its own.
    pub(super) fn name(&self, entity: &Entity) -> Phrase {
        if is_person(entity) {
            return Phrase::plain(&*entity.friendly_name);
        }
        let known = entity.names().find(|name| self.voice.knows(name));
        self.voice.the(&self.voice.noun(known.unwrap_or(&entity.friendly_name), None))
    }

    /// Names told apart by their rooms where they are alike.
    pub(super) fn placed_names(&self, ids: &[EntityId], home: &Home) -> Phrase {
        let entities: Vec<&Entity> = ids.iter().filter_map(|id| home.entity(id.as_str())).collect();
        let names: Vec<Phrase> = entities
            .iter()
            .map(|entity| {
                let is_alike = entities
                    .iter()
                    .any(|o| o.id != entity.id && o.friendly_name == entity.friendly_name);
                let name = self.name(entity);
                match home.area_of(entity) {
                    Some(area) if is_alike => {
                        let area = self.voice.noun(self.area_name(area), None);
                        let in_area = self.voice.with("in", &area).text;
                        Phrase { text: format!("{} {in_area}", name.text), ..name }
                    }
                    _ => name,
                }
            })
            .collect();
        self.voice.choice(&names)
    }
}

/// Whether its name is that of somebody: people have no article.
pub(super) fn is_person(entity: &Entity) -> bool {
    entity.domain == Domain::DeviceTracker
}
