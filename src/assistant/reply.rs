//! From outcomes to the reply: what was done, what has not answered, what was refused and why. It
//! says "done" only of what a device confirmed.

use std::collections::BTreeMap;

use crate::home::Home;
use crate::home::action::{Outcome, Refusal};
use crate::home::domain::Domain;
use crate::home::entity::Entity;
use crate::home::id::EntityId;
use crate::home::place::Area;
use crate::home::target::{self, By, TargetWords};
use crate::intent::meaning::{Amount, Command, Reading, What};
use crate::intent::response::{MAX_NAMED, Noun, Phrase};
use crate::text;

use super::{Answer, Code, Kind, Plan, Speaker};

/// What a toggle came to, if it came to the same for all.
fn toggled(ids: &[EntityId], home: &Home) -> &'static str {
    let key = |id: &EntityId| {
        let word = home.entity(id.as_str())?.view()?.word;
        Some(match &*word {
            "on" => "turn_on",
            "off" => "turn_off",
            "open" | "opening" => "open",
            "closed" | "closing" => "close",
            _ => return None,
        })
    };
    let first = ids.first().and_then(key);
    first.filter(|first| ids.iter().all(|id| key(id) == Some(first))).unwrap_or("toggle")
}

impl Speaker<'_> {
    /// The reply to a plan. Calls without an outcome count as sent.
    pub(super) fn outcomes(
        &self,
        plan: &Plan,
        outcomes: &[(EntityId, Outcome)],
        home: &Home,
    ) -> Answer {
        if let Some(foreign) = self.foreign() {
            return foreign.outcomes(plan, outcomes, home);
        }
        let mut confirmed: Vec<EntityId> = Vec::new();
        let mut sent: Vec<EntityId> = Vec::new();
        let mut refused: Vec<(EntityId, Refusal)> = plan.refused.clone();
        for (id, _) in &plan.calls {
            match outcomes.iter().find(|(known, _)| known == id).map(|(_, outcome)| outcome) {
                Some(Outcome::Confirmed) => confirmed.push(id.clone()),
                Some(Outcome::Sent) | None => sent.push(id.clone()),
                Some(Outcome::Refused(refusal)) => refused.push((id.clone(), refusal.clone())),
            }
        }
        let mut sentences: Vec<String> = Vec::new();
        let is_whole = |part: &[EntityId]| part.len() == plan.target.entities.len();
        let whole = self.target(plan, home);
        let part = |part: &[EntityId]| match is_whole(part) {
            true => whole.clone(),
            false => self.named(part, plan.target.entities.len(), home),
        };
        if !confirmed.is_empty() {
            sentences.push(self.done(plan, &confirmed, &part(&confirmed), home));
        }
        if !sent.is_empty() {
            sentences.push(self.sent(plan, &sent, &part(&sent), home));
        }
        // Things refused for the same reason share a sentence.
        let mut by_reason: BTreeMap<String, (Refusal, Vec<EntityId>)> = BTreeMap::new();
        for (id, refusal) in &refused {
            let entry = by_reason
                .entry(format!("{refusal:?}"))
                .or_insert_with(|| (refusal.clone(), Vec::new()));
            entry.1.push(id.clone());
        }
        for (refusal, ids) in by_reason.values() {
            let what = if is_whole(ids) { whole.clone() } else { part(ids) };
            sentences.push(self.refusal(refusal, &what));
        }
        sentences.extend(self.left_on(plan, home));
        let did_something = !confirmed.is_empty() || !sent.is_empty();
        let kind = if did_something { Kind::ActionDone } else { Kind::Error(Code::FailedToHandle) };
        let text = sentences.join(" ");
        let with = |ids: Vec<EntityId>, outcome: Outcome| {
            ids.into_iter().map(move |id| (id, outcome.clone()))
        };
        Answer {
            kind,
            success: with(confirmed, Outcome::Confirmed).chain(with(sent, Outcome::Sent)).collect(),
            failed: refused.into_iter().map(|(id, r)| (id, Outcome::Refused(r))).collect(),
            ..Answer::error(Code::FailedToHandle, text, self.code).of(&plan.reading)
        }
    }

    /// "Everything off" is lights and fans: nobody means the freezer's socket. What stays on is said.
    fn left_on(&self, plan: &Plan, home: &Home) -> Option<String> {
        let words = &plan.command.target;
        let is_everything = words.domains == [Domain::Light, Domain::Fan];
        if plan.command.what != What::TurnOff || !is_everything {
            return None;
        }
        let here = match &plan.target.by {
            By::Here(id) => home.area(id.as_str()),
            _ => None,
        };
        let words = TargetWords { domains: vec![Domain::Switch], ..words.clone() };
        let mut switches = target::to_ask(&words, here, home).ok()?.entities;
        switches.retain(|id| {
            let view = home.entity(id.as_str()).and_then(Entity::view);
            view.is_some_and(|view| view.word == "on")
        });
        if switches.is_empty() {
            return None;
        }
        let what = self.named(&switches, switches.len(), home);
        Some(self.voice.say("done", "left_on", &[("what", &what)]))
    }

    fn done(&self, plan: &Plan, ids: &[EntityId], what: &Phrase, home: &Home) -> String {
        let key = self.act_key(plan, ids, home);
        let value = Phrase::plain(self.value(&plan.command.what));
        let gaps = [("what", what), ("value", &value)];
        let is_moving = ids.iter().filter_map(|id| home.entity(id.as_str())).any(|entity| {
            let word = entity.view().map(|view| view.word);
            matches!(word.as_deref(), Some("opening" | "closing" | "locking" | "unlocking"))
        });
        if is_moving && self.voice.find("moving", key).is_some() {
            return self.voice.say("moving", key, &gaps);
        }
        self.voice.say("done", key, &gaps)
    }

    fn sent(&self, plan: &Plan, ids: &[EntityId], what: &Phrase, home: &Home) -> String {
        let key = self.act_key(plan, ids, home);
        let gaps = [("what", what)];
        // A button or a scene has nothing to report; sending it is all there is.
        if self.voice.find("sent", key).is_some() {
            return self.voice.say("sent", key, &gaps);
        }
        let is_all = ids.len() == plan.target.entities.len();
        self.voice.say("sent", if is_all { "all" } else { "some" }, &gaps)
    }

    /// The key of the sentence that tells what was done.
    fn act_key(&self, plan: &Plan, ids: &[EntityId], home: &Home) -> &'static str {
        let domain = ids.first().and_then(|id| home.entity(id.as_str())).map(|e| e.domain);
        match (&plan.command.what, domain) {
            (What::Open, _) | (What::TurnOn, Some(Domain::Cover | Domain::Valve)) => "open",
            (What::Close, _) | (What::TurnOff, Some(Domain::Cover | Domain::Valve)) => "close",
            (What::Lock, _) | (What::TurnOn, Some(Domain::Lock)) => "lock",
            (What::Unlock, _) | (What::TurnOff, Some(Domain::Lock)) => "unlock",
            (What::TurnOn | What::Activate, Some(Domain::Button)) => "press",
            (What::Activate, _) | (What::TurnOn, Some(Domain::Scene)) => "activate",
            (What::TurnOn | What::Start, Some(Domain::Vacuum | Domain::LawnMower)) => "start",
            (What::TurnOff | What::Dock, Some(Domain::Vacuum | Domain::LawnMower)) => "dock",
            (What::TurnOn, _) => "turn_on",
            (What::TurnOff, _) => "turn_off",
            (What::Toggle, _) => toggled(ids, home),
            (What::Stop, _) => "stop",
            (What::Brightness(Amount::To(percent)), _) if *percent <= 0.0 => "turn_off",
            (What::Brightness(_), _) => "brightness",
            (What::Color(_), _) => "color",
            (What::Kelvin(_), _) => "kelvin",
            (What::Position(_), _) => "position",
            (What::Temperature(_), _) => "temperature",
            (What::Speed(_), _) => "speed",
            (What::Start | What::Resume, _) => "start",
            (What::Dock, _) => "dock",
            (What::Pause, _) => "pause",
            (What::Locate, _) => "locate",
            (What::Effect(_), _) => "effect",
            (What::Tilt(_), _) => "tilt",
            (What::Humidity(_), _) => "humidity",
            (What::Mode(_), _) => "mode",
            (What::Number(_), _) => "number",
            (What::Arm(_), _) => "arm",
            (What::Disarm, _) => "disarm",
        }
    }

    fn value(&self, what: &What) -> String {
        match what {
            What::Brightness(amount)
            | What::Kelvin(amount)
            | What::Position(amount)
            | What::Tilt(amount)
            | What::Temperature(amount)
            | What::Humidity(amount)
            | What::Speed(amount)
            | What::Number(amount) => match amount {
                Amount::To(number) | Amount::By(number) => self.voice.number(*number),
            },
            What::Color(name) => self.voice.find("colors", name).unwrap_or(name).to_owned(),
            What::Effect(name) | What::Mode(name) | What::Arm(name) => name.to_string(),
            What::TurnOn
            | What::TurnOff
            | What::Toggle
            | What::Open
            | What::Close
            | What::Lock
            | What::Unlock
            | What::Stop
            | What::Start
            | What::Dock
            | What::Pause
            | What::Resume
            | What::Locate
            | What::Activate
            | What::Disarm => String::new(),
        }
    }

    /// The whole target in words, as it was said.
    fn target(&self, plan: &Plan, home: &Home) -> Phrase {
        let reading = &plan.reading;
        let ids = &plan.target.entities;
        let entities: Vec<&Entity> = ids.iter().filter_map(|id| home.entity(id.as_str())).collect();
        let place = match (&plan.target.by, &entities[..]) {
            (By::Name, [only]) => {
                return self
                    .voice
                    .the(&self.voice.noun(&only.friendly_name, Some((reading, "name"))));
            }
            (By::OnlyOne | By::Name, _) => return self.named(ids, ids.len(), home),
            (By::Area(id), _) => home.area(id.as_str()).map(|area| (area.name.as_str(), "area")),
            (By::Here(id), _) => home.area(id.as_str()).map(|area| (self.area_name(area), "")),
            (By::Floor, _) => plan.command.target.floor.as_deref().map(|floor| (floor, "floor")),
            (By::Everywhere, _) => None,
        };
        let kind = self.kind_said(&plan.command, reading, &entities);
        let kind = match (kind, &entities[..]) {
            (Some(kind), _) => kind,
            (None, [only]) => return self.name(only),
            (None, _) => return self.counted(&entities),
        };
        match place {
            Some((name, slot)) => {
                let area = self.voice.noun(name, Some((reading, slot)));
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
        command: &Command,
        reading: &Reading,
        entities: &[&Entity],
    ) -> Option<Noun> {
        let is_plural = entities.len() != 1;
        let said = ["device_class", "domain"].into_iter().find_map(|slot| reading.said(slot));
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
        (is_one_kind && command.target.classes.len() < 2)
            .then(|| self.voice.kind(domain.word(), is_plural))
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

    /// An entity by its name.
    pub(super) fn name(&self, entity: &Entity) -> Phrase {
        self.voice.the(&self.voice.noun(&entity.friendly_name, None))
    }

    /// Why something was not done, in words. `what` is what it was not done on.
    pub(super) fn refusal(&self, refusal: &Refusal, what: &Phrase) -> String {
        let say = |key: &str, gaps: &[(&str, &Phrase)]| {
            let template = self.voice.find("refused", key).unwrap_or(key);
            crate::intent::response::capital(&self.voice.fill(template, gaps))
        };
        let gaps = [("what", what)];
        match refusal {
            Refusal::NoSuchName { said, nearest } => {
                self.unknown_name(say("no_such_name", &[("said", &Phrase::plain(said))]), nearest)
            }
            Refusal::NoSuchPlace { said, nearest } => {
                self.unknown_name(say("no_such_place", &[("said", &Phrase::plain(said))]), nearest)
            }
            Refusal::NothingThere => say("nothing_there", &[]),
            Refusal::Ambiguous(_) => say("ambiguous", &[("list", what)]),
            Refusal::CannotDo(_) => say("cannot_do", &gaps),
            Refusal::OutOfRange { min, max, .. } => {
                let (min, max) = (self.voice.number(*min), self.voice.number(*max));
                let (min, max) = (Phrase::plain(min), Phrase::plain(max));
                say("out_of_range", &[("what", what), ("min", &min), ("max", &max)])
            }
            Refusal::NotAnOption { .. } => say("not_an_option", &gaps),
            Refusal::BadValue { .. } => say("bad_value", &gaps),
            Refusal::NeedsCode => say("needs_code", &gaps),
            Refusal::WrongCode => say("wrong_code", &gaps),
            Refusal::NotAllowed => say("not_allowed", &gaps),
            Refusal::Unreachable => say("unreachable", &gaps),
            Refusal::NotAnnounced => say("not_announced", &gaps),
            Refusal::NoBroker => say("no_broker", &gaps),
            Refusal::TemplateFailed(_) => say("template_failed", &gaps),
        }
    }

    fn unknown_name(&self, mut text: String, nearest: &[String]) -> String {
        if !nearest.is_empty() {
            let names: Vec<Phrase> =
                nearest.iter().map(|name| self.voice.the(&self.voice.noun(name, None))).collect();
            let list = self.voice.choice(&names);
            text.push(' ');
            text.push_str(&self.voice.say("refused", "did_you_mean", &[("list", &list)]));
        }
        text
    }

    /// The answer when no target was found: refused, or asked back.
    pub(super) fn no_target(
        &self,
        refusal: &Refusal,
        command: &Command,
        reading: &Reading,
        home: &Home,
    ) -> Answer {
        if let Some(foreign) = self.foreign() {
            return foreign.no_target(refusal, command, reading, home);
        }
        let kinds = || {
            let domain = command.target.domains.first().map_or("any", |domain| domain.word());
            Phrase::plain(self.voice.kind(domain, true).text)
        };
        let text = match refusal {
            Refusal::Ambiguous(ids) => match &ids[..] {
                [only] => {
                    let what = self.named(std::slice::from_ref(only), 1, home);
                    self.voice.say("refused", "only_candidate", &[("what", &what)])
                }
                _ if ids.len() > MAX_NAMED => {
                    let count = Phrase::plain(ids.len().to_string());
                    let gaps = [("count", &count), ("kind", &kinds())];
                    self.voice.say("refused", "which_room", &gaps)
                }
                _ => self.refusal(refusal, &self.placed_names(ids, home)),
            },
            Refusal::NothingThere if command.target.name.is_none() => {
                let area = reading.said("area").map(|slot| slot.said.clone());
                let area = area.or_else(|| command.target.area.clone());
                match area {
                    Some(area) => {
                        let area = self.voice.noun(&area, Some((reading, "area")));
                        let in_area = self.voice.with("in", &area);
                        let gaps =
                            [("kind", &self.kind_or(command, reading)), ("in_area", &in_area)];
                        self.voice.say("refused", "nothing_there_in", &gaps)
                    }
                    None => {
                        let kind = self.kind_or(command, reading);
                        self.voice.say("refused", "nothing_of_kind", &[("kind", &kind)])
                    }
                }
            }
            other => self.refusal(other, &self.what_said(command, reading)),
        };
        let code = match refusal {
            Refusal::NotAllowed => Code::FailedToHandle,
            _ => Code::NoValidTargets,
        };
        let answer = Answer::error(code, text, self.code).of(reading);
        Answer { continues: matches!(refusal, Refusal::Ambiguous(_)), ..answer }
    }

    /// The kind that was said, else that of the domain.
    fn kind_or(&self, command: &Command, reading: &Reading) -> Phrase {
        let said = ["device_class", "domain"].into_iter().find_map(|slot| reading.said(slot));
        match said {
            Some(slot) => Phrase::plain(slot.said.to_lowercase()),
            None => {
                let domain = command.target.domains.first().map_or("any", |domain| domain.word());
                Phrase::plain(self.voice.kind(domain, false).text)
            }
        }
    }

    fn what_said(&self, command: &Command, reading: &Reading) -> Phrase {
        let name = command.target.name.as_deref().unwrap_or("");
        self.voice.the(&self.voice.noun(name, Some((reading, "name"))))
    }

    /// Names told apart by their rooms where they are alike.
    fn placed_names(&self, ids: &[EntityId], home: &Home) -> Phrase {
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
