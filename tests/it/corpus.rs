//! Real producers' messages: what Homard makes of them against what Home Assistant made of them.
//!
//! `CORPUS=light` prints every difference of one domain, `CORPUS=all` of all.

use std::collections::{BTreeMap, BTreeSet};

use homard::home::domain::Domain;
use homard::home::value::Value;
use homard::json::to_json;
use serde_json::{Map, Value as Json};

use crate::support::house::House;
use crate::support::unzstd;

/// A difference that stays, and why.
struct Allowed {
    /// All of these are in the difference's text.
    what: &'static [&'static str],
    reason: &'static str,
}

/// Differences that are meant, by what they are called below.
const ALLOWED: &[Allowed] = &[
    Allowed {
        what: &["_climate_water_zigbee2mqtt: current_temperature 21.0, should be null"],
        reason: "the thermostat is in a mode that Home Assistant has no word for (`emergency_heating`) \
                 and cannot write its state then; Homard shows its temperatures",
    },
    Allowed {
        what: &["should be \"Shelly 2.5 000004R"],
        reason: "three devices of the corpus share one made-up MAC address; whose name the device \
                 keeps depends on the order in which Home Assistant happened to load its platforms",
    },
    Allowed {
        what: &["entity_picture missing, should be \"https://brands.home-assistant.io"],
        reason: "an address outside the house that no device announced: Homard names none",
    },
    Allowed {
        what: &["0xd016c1f14957a9ff_", "should be unknown"],
        reason: "removed, announced anew and told its state at once: Home Assistant had not yet \
                 subscribed again when the state came, Homard had",
    },
];

#[derive(Default)]
struct Score {
    same: BTreeMap<String, usize>,
    different: BTreeMap<String, Vec<String>>,
}

impl Score {
    fn add(&mut self, domain: &str, difference: Option<String>) {
        match difference {
            None => *self.same.entry(domain.to_owned()).or_default() += 1,
            Some(text) => self.different.entry(domain.to_owned()).or_default().push(text),
        }
    }

    fn print(&self, title: &str) -> f64 {
        let wanted = std::env::var("CORPUS").unwrap_or_default();
        let (mut same, mut all) = (0, 0);
        for domain in Domain::ALL.iter().map(|domain| domain.word()) {
            let good = self.same.get(domain).copied().unwrap_or(0);
            let bad = self.different.get(domain).map_or(&[][..], Vec::as_slice);
            if good + bad.len() == 0 {
                continue;
            }
            same += good;
            all += good + bad.len();
            println!("{title}: {domain}: {good} of {} equal", good + bad.len());
            if wanted == domain || wanted == "all" {
                for text in bad {
                    println!("    {text}");
                }
            }
        }
        let share = same as f64 / all.max(1) as f64;
        println!("{title}: {same} of {all} equal ({:.3} %)", share * 100.0);
        share
    }
}

fn replay(name: &str) {
    let Some(transcript) = unzstd(&format!("corpora/mqtt/{name}.jsonl.zst")) else { return };
    let states: Json =
        serde_json::from_str(&unzstd(&format!("corpora/mqtt/{name}_states.json.zst")).unwrap())
            .unwrap();
    let commands: Json =
        serde_json::from_str(&unzstd(&format!("corpora/mqtt/{name}_commands.json.zst")).unwrap())
            .unwrap();
    let rounds: Vec<&str> =
        states["rounds"].as_array().unwrap().iter().map(|round| round.as_str().unwrap()).collect();
    let mut house = House::new();
    let mut state_score = Score::default();
    let mut command_score = Score::default();
    let lines: Vec<Json> = transcript.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let mut expected: BTreeMap<usize, Json> = BTreeMap::new();
    let mut done = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        house.publish(
            line["topic"].as_str().unwrap(),
            line["payload"].as_str().unwrap().as_bytes(),
            line["retain"].as_bool().unwrap(),
        );
        let phase = line["phase"].as_str().unwrap();
        if lines.get(at + 1).is_some_and(|next| next["phase"] == phase) {
            continue;
        }
        if phase == "discovery" {
            house.enable_all();
        }
        if !rounds.contains(&phase) {
            continue;
        }
        compare(&house, &states, phase, &mut expected, &mut state_score);
        done.push(phase.to_owned());
        let last_before_commands = if rounds.len() > 1 { "state2_action" } else { "state" };
        if phase == last_before_commands {
            call_all(&mut house, &commands, &mut command_score);
        }
    }
    assert_eq!(done, rounds, "every round was compared");
    let states = state_score.print(&format!("{name}, states"));
    let commands = command_score.print(&format!("{name}, commands"));
    assert!(states >= 0.995, "states: {states}");
    assert!(commands >= 0.995, "commands: {commands}");
}

fn compare(
    house: &House,
    states: &Json,
    round: &str,
    expected: &mut BTreeMap<usize, Json>,
    score: &mut Score,
) {
    // One unique id may be announced on one topic and, after that is gone, on another.
    let announced: BTreeMap<(&str, &str, &str), _> = house
        .home
        .entities()
        .filter_map(|entity| {
            let unique_id = entity.unique_id.as_deref()?;
            Some(((entity.domain.word(), unique_id, &*entity.producer.topic), entity))
        })
        .collect();
    let entities = states["entities"].as_array().unwrap();
    let mut known = BTreeSet::new();
    let twice: BTreeSet<(&str, &str)> = entities
        .iter()
        .map(|entity| {
            (entity["component"].as_str().unwrap(), entity["unique_id"].as_str().unwrap())
        })
        .filter(|key| !known.insert(*key))
        .collect();
    for (at, entity) in entities.iter().enumerate() {
        let component = entity["component"].as_str().unwrap();
        let unique_id = entity["unique_id"].as_str().unwrap();
        if let Some(news) = entity["rounds"].get(round) {
            expected.insert(at, news.clone());
        }
        let Some(wanted) = expected.get(&at) else { continue };
        if wanted["time_dependent"] == true || entity["time_dependent"] == true {
            continue;
        }
        // Removed and announced anew it is listed twice; the one that is not there says nothing.
        if wanted.is_null() && twice.contains(&(component, unique_id)) {
            continue;
        }
        let topic = entity["discovery_topic"].as_str().unwrap();
        let view = announced.get(&(component, unique_id, topic)).and_then(|entity| entity.view());
        let difference = match (wanted, view) {
            (Json::Null, None) => None,
            (Json::Null, Some(view)) => Some(format!("should be gone, is {}", view.word)),
            (_, None) => Some("is missing".to_owned()),
            (wanted, Some(view)) => {
                let attributes: Map<String, Json> = view
                    .attributes
                    .iter()
                    .map(|(name, value): (&str, &Value)| (name.to_owned(), to_json(value)))
                    .collect();
                differ(wanted, &view.word, &attributes)
            }
        };
        let difference = difference.map(|text| format!("{round} {unique_id}: {text}"));
        score.add(component, difference.filter(|text| !is_allowed(text)));
    }
}

fn is_allowed(text: &str) -> bool {
    ALLOWED.iter().any(|allowed| {
        !allowed.reason.is_empty() && allowed.what.iter().all(|what| text.contains(what))
    })
}

fn differ(wanted: &Json, word: &str, attributes: &Map<String, Json>) -> Option<String> {
    let state = wanted["state"].as_str().unwrap();
    let is_time = state == "<timestamp>" && word.parse::<jiff::Timestamp>().is_ok();
    // The corpus spells floats with 15 digits.
    let is_number = match (state.parse::<f64>(), word.parse::<f64>()) {
        (Ok(a), Ok(b)) => state.len() >= 15 && close(a, b),
        _ => false,
    };
    if state != word && !is_time && !is_number {
        return Some(format!("state {word}, should be {state}"));
    }
    let wanted = wanted["attributes"].as_object().unwrap();
    for (name, value) in wanted {
        let is = attributes.get(name);
        if !is.is_some_and(|is| equal(is, value)) {
            let is = is.map_or("missing".to_owned(), ToString::to_string);
            return Some(format!("{name} {is}, should be {value}"));
        }
    }
    let extra = attributes.keys().find(|name| !wanted.contains_key(*name));
    extra.map(|name| format!("{name} {} is too much", attributes[name]))
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-13 * a.abs().max(b.abs())
}

/// Equal as JSON; numbers by value, not by spelling.
fn equal(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => close(a.as_f64().unwrap(), b.as_f64().unwrap()),
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| equal(a, b)))
        }
        (a, b) => a == b,
    }
}

fn call_all(house: &mut House, commands: &Json, score: &mut Score) {
    for command in commands["commands"].as_array().unwrap() {
        let component = command["component"].as_str().unwrap();
        let unique_id = command["unique_id"].as_str().unwrap();
        let service = command["service"].as_str().unwrap();
        let id = house
            .home
            .entities()
            .find(|entity| {
                entity.domain.word() == component && entity.unique_id.as_deref() == Some(unique_id)
            })
            .map(|entity| entity.id.clone());
        let difference = match id {
            None => Some("is missing".to_owned()),
            Some(id) => {
                let result = house.call(id.as_str(), service, &command["data"]);
                differ_in_publishes(&command["publishes"], result.as_deref().unwrap_or(&[])).map(
                    |text| match result {
                        Err(error) => format!("{text} ({error:?})"),
                        Ok(_) => text,
                    },
                )
            }
        };
        let data = &command["data"];
        let difference = difference.filter(|text| !is_allowed(text));
        score
            .add(component, difference.map(|text| format!("{service} {unique_id} {data}: {text}")));
    }
}

fn differ_in_publishes(
    wanted: &Json,
    published: &[homard::mqtt::engine::Publish],
) -> Option<String> {
    let wanted = wanted.as_array().unwrap();
    let show = || {
        let list: Vec<String> = published
            .iter()
            .map(|publish| {
                format!("{} {}", publish.topic, String::from_utf8_lossy(&publish.payload))
            })
            .collect();
        let wanted: Vec<String> = wanted
            .iter()
            .map(|wanted| format!("{} {}", wanted["topic"].as_str().unwrap(), wanted["payload"]))
            .collect();
        format!("published {list:?}, should be {wanted:?}")
    };
    if wanted.len() != published.len() {
        return Some(show());
    }
    for (wanted, published) in wanted.iter().zip(published.iter()) {
        let payload = String::from_utf8_lossy(&published.payload);
        let text = wanted["payload"].as_str().unwrap();
        let same_payload = text == payload
            || match (serde_json::from_str(text), serde_json::from_str(&payload)) {
                (Ok(a), Ok(b)) => equal(&a, &b),
                _ => false,
            };
        let same = wanted["topic"] == *published.topic
            && same_payload
            && wanted["retain"] == published.retain
            && wanted["qos"] == published.qos;
        if !same {
            return Some(show());
        }
    }
    None
}

#[test]
fn zigbee2mqtt_is_understood_as_home_assistant_understands_it() {
    replay("z2m_distinct");
}

#[test]
fn other_producers_are_understood_as_home_assistant_understands_them() {
    replay("producers");
}
