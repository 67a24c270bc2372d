//! "If it is above 23": whether a condition holds now, and what is said when it does not. It only
//! looks.

use crate::home::Home;
use crate::home::domain::Domain;
use crate::home::entity::Entity;
use crate::home::guard;
use crate::home::id::EntityId;
use crate::home::target::{self, TargetWords};
use crate::intent::meaning::{Asked, Command, Condition, Step, Test};
use crate::intent::response::Phrase;

use super::Speaker;
use super::answer::{Fact, Freshness, fact, is_in_state};
use super::plan::Planner;

/// Whether it holds.
///
/// # Errors
/// What to say instead of acting: it does not hold, or nobody knows.
pub(super) fn check(
    condition: &Condition,
    command: &Command,
    planner: &Planner<'_>,
) -> Result<(), String> {
    let speaker = planner.language.speaker();
    let home = planner.home;
    let is_number = matches!(condition.test, Test::Above(_) | Test::Below(_));
    let words = about(&condition.target, command, home);
    let found = match target::to_ask(&words, planner.here, home) {
        Ok(found) => found,
        Err(refusal) => {
            let asked = Command { target: words, ..command.clone() };
            let reading = crate::intent::meaning::Reading::default();
            return Err(speaker.no_target(&refusal, &asked, &reading, home).text);
        }
    };
    let entities = found.entities.iter().filter_map(|id| home.entity(id.as_str()));
    let mut facts: Vec<Fact<'_>> = entities.map(fact).collect();
    if is_number {
        facts = numbers(facts, &words);
    }
    let is_known = |fact: &Fact<'_>| {
        fact.word.is_some()
            && fact.freshness == Freshness::Live
            && (!is_number || number(fact).is_some())
    };
    let (known, unknown): (Vec<Fact<'_>>, Vec<Fact<'_>>) = facts.into_iter().partition(is_known);
    let holds = |fact: &&Fact<'_>| match &condition.test {
        Test::Is(word) => is_in_state(fact, word),
        Test::IsNot(word) => !is_in_state(fact, word),
        Test::Above(limit) => number(fact).is_some_and(|number| number > *limit),
        Test::Below(limit) => number(fact).is_some_and(|number| number < *limit),
    };
    let (good, bad): (Vec<&Fact<'_>>, Vec<&Fact<'_>>) = known.iter().partition(|fact| holds(fact));
    let is_met = match condition.kind {
        Asked::All => bad.is_empty() && unknown.is_empty() && !good.is_empty(),
        Asked::One | Asked::YesNo | Asked::Any | Asked::Which | Asked::HowMany => !good.is_empty(),
    };
    if is_met {
        return Ok(());
    }
    Err(match (bad.first(), unknown.first()) {
        // For all of several, one that is not known says nothing about the rest.
        (Some(fact), _) => speaker.unmet(fact, is_number, home),
        (None, Some(fact)) => {
            speaker.voice.say("unmet", "unknown", &[("what", &speaker.name(fact.entity))])
        }
        (None, None) => speaker.voice.say("unmet", "nothing", &[]),
    })
}

/// "If it is above 23, set the guest room to 22": it is the guest room.
pub(super) fn about(target: &TargetWords, command: &Command, home: &Home) -> TargetWords {
    let is_placeless = target.name.is_none()
        && target.entities.is_empty()
        && target.area.is_none()
        && target.floor.is_none();
    if !is_placeless
        || *target
            != (TargetWords {
                domains: target.domains.clone(),
                classes: target.classes.clone(),
                class_word: target.class_word.clone(),
                ..TargetWords::default()
            })
    {
        return target.clone();
    }
    let mut words = target.clone();
    let acted = &command.target;
    words.area = acted.area.clone();
    words.floor = acted.floor.clone();
    if words.area.is_none() && words.floor.is_none() {
        let is_bare = words.domains.is_empty() && words.classes.is_empty();
        if is_bare && (acted.name.is_some() || !acted.entities.is_empty()) {
            return acted.clone();
        }
        let named = target::to_ask(acted, None, home).ok();
        let entity = named.as_ref().and_then(|found| home.entity(found.entities.first()?.as_str()));
        words.area = entity.and_then(|entity| home.area_of(entity)).map(|area| area.name.clone());
    }
    words
}

/// "If it is below 20 in the living room, set the heating to 22": of several the one that is where
/// the condition is.
pub(super) fn in_its_room(step: &Step, candidates: &[EntityId], home: &Home) -> Option<EntityId> {
    let mut areas = step.only_if.iter().map(|condition| {
        condition.target.area.as_deref().and_then(|area| target::area_named(area, home))
    });
    let area = areas.next()??;
    let is_there = |id: &&EntityId| {
        let entity = home.entity(id.as_str());
        entity.and_then(|entity| home.area_of(entity)).is_some_and(|there| there.id == area.id)
    };
    let there: Vec<&EntityId> = candidates.iter().filter(is_there).collect();
    let [only] = there[..] else { return None };
    let is_guarded = home.entity(only.as_str()).is_none_or(|e| guard::is_guarded(e, home));
    (areas.next().is_none() && !is_guarded).then(|| only.clone())
}

/// The facts that have the number that is tested: without a word for the quantity, temperatures.
fn numbers<'h>(facts: Vec<Fact<'h>>, words: &TargetWords) -> Vec<Fact<'h>> {
    let is_named = words.name.is_some() || !words.entities.is_empty();
    let wanted = match (&words.classes[..], is_named) {
        ([class, ..], _) => class.as_str(),
        ([], true) => return facts,
        ([], false) => "temperature",
    };
    let is_sensor = |fact: &Fact<'_>| {
        fact.entity.domain == Domain::Sensor
            && fact.entity.traits.device_class.as_deref() == Some(wanted)
    };
    let (sensors, others): (Vec<Fact<'_>>, Vec<Fact<'_>>) =
        facts.into_iter().partition(|fact| is_sensor(fact));
    if !sensors.is_empty() {
        return sensors;
    }
    others
        .into_iter()
        .filter(|fact| fact.entity.domain != Domain::Sensor && (is_named || number(fact).is_some()))
        .collect()
}

/// The number that an entity tells: of a thermostat what it measures.
pub(super) fn number(fact: &Fact<'_>) -> Option<f64> {
    let attribute = |name: &str| fact.entity.view()?.attributes.named(name)?.as_f64();
    match fact.entity.domain {
        Domain::Climate | Domain::WaterHeater => attribute("current_temperature"),
        Domain::Humidifier => attribute("current_humidity"),
        Domain::Cover | Domain::Valve => attribute("current_position"),
        Domain::Light => attribute("brightness").map(|level| level / 2.55),
        Domain::Fan => attribute("percentage"),
        _ => fact.word.as_deref()?.parse().ok().filter(|number: &f64| number.is_finite()),
    }
}

/// The unit of that number.
pub(super) fn unit(entity: &Entity) -> Option<&str> {
    match entity.domain {
        Domain::Climate | Domain::WaterHeater => Some("°C"),
        Domain::Humidifier | Domain::Cover | Domain::Valve | Domain::Light | Domain::Fan => {
            Some("%")
        }
        _ => entity.traits.unit.as_deref(),
    }
}

impl Speaker<'_> {
    /// "It is 21.5 °C in the guest room, so I changed nothing."
    fn unmet(&self, fact: &Fact<'_>, is_number: bool, home: &Home) -> String {
        let what = self.name(fact.entity);
        if let (true, Some(number)) = (is_number, number(fact)) {
            let value = self.voice.measured(&number.to_string(), unit(fact.entity));
            let value = Phrase::plain(value);
            let is_temperature = fact.entity.domain == Domain::Climate
                || fact.entity.traits.device_class.as_deref() == Some("temperature");
            if let (true, Some(area)) = (is_temperature, home.area_of(fact.entity)) {
                let area = self.voice.noun(self.area_name(area), None);
                let in_area = self.voice.with("in", &area);
                let gaps = [("value", &value), ("in_area", &in_area)];
                return self.voice.say("unmet", "temperature", &gaps);
            }
            return self.voice.say("unmet", "state", &[("what", &what), ("state", &value)]);
        }
        let state = Phrase::plain(self.state(fact, &what));
        self.voice.say("unmet", "state", &[("what", &what), ("state", &state)])
    }
}
