//! Discovery payloads, through the whole engine and house: the first line is a config topic, the second its payload, and
//! each further line a topic and a message there with a tab between them. All messages are retained before anything is
//! announced; then they come live, every service of every entity is called, all is announced again, a day passes, and all is removed.

use std::time::Duration;

use homard::home::domain::Domain;
use homard::home::entity::View;
use homard::home::id::EntityId;
use homard::mqtt::engine::Publish;
use serde_json::{Map, Value as Json, json};

use crate::house::House;

/// Most entities that are commanded, and most lines that are taken.
const MOST: usize = 8;
/// The longest message that one command may make: what a template may build.
const MAX_PAYLOAD: usize = 1 << 20;
/// Most messages of one call: a light in the basic schema has a topic for each of its powers.
const MAX_MESSAGES: usize = 16;

pub(crate) fn check(input: &str) {
    let (topic, rest) = super::two_parts(input);
    let (payload, rest) = super::two_parts(rest);
    let messages = || rest.lines().filter_map(|line| line.split_once('\t')).take(MOST);
    let mut house = House::new();
    for (topic, payload) in messages().filter(|(_, payload)| !payload.is_empty()) {
        house.retained.insert(topic.to_owned(), payload.as_bytes().to_vec());
    }
    house.publish(topic, payload.as_bytes(), true);
    house.enable_all();
    assert!(house.fired.is_empty() && house.tags.is_empty(), "a retained message fired");
    for entity in house.home.entities().filter(|entity| entity.domain == Domain::Event) {
        let word = entity.view().unwrap().word;
        assert!(word == "unknown" || word == "unavailable", "a retained event: {word}");
    }
    for (topic, payload) in messages() {
        house.publish(topic, payload.as_bytes(), false);
    }
    views(&house);
    let entities: Vec<EntityId> = house.home.entities().map(|entity| entity.id.clone()).collect();
    for entity in entities.iter().take(MOST) {
        call_all(&mut house, entity.as_str());
    }
    views(&house);

    // The same again, written otherwise, changes nothing.
    let is_json = serde_json::from_str::<Json>(payload).is_ok();
    if is_json && messages().all(|(topic, _)| !topic.starts_with("homeassistant/")) {
        let before = views(&house);
        house.publish(topic, format!("{payload} ").as_bytes(), true);
        assert_eq!(views(&house), before, "announced again");
    }
    house.wait(Duration::from_secs(86_400));
    views(&house);
    assert!(house.unasked.is_empty(), "without a command: {:?}", house.unasked);

    // A migration keeps what it lets go, until it is announced elsewhere.
    let texts = || std::iter::once(payload).chain(messages().map(|(_, payload)| payload));
    let is_migrated = texts().any(|payload| payload.contains("migrate"));
    for topic in std::iter::once(topic).chain(messages().map(|(topic, _)| topic)) {
        house.publish(topic, b"", true);
    }
    let left: Vec<&str> = house.home.entities().map(|entity| entity.id.as_str()).collect();
    assert!(is_migrated || left.is_empty(), "still there after removal: {left:?}");
    assert!(house.triggers.is_empty(), "still there after removal: {:?}", house.triggers);
    let listens = house.engine.resubscribe();
    assert!(listens.is_empty(), "still listened to after removal: {listens:?}");
}

/// What is shown of everything.
fn views(house: &House) -> Vec<(String, Option<View>)> {
    house.home.entities().map(|entity| (entity.id.to_string(), entity.view())).collect()
}

/// Calls every service of an entity's domain, bare and with a value for each field.
fn call_all(house: &mut House, entity: &str) {
    let (word, _) = entity.split_once('.').unwrap();
    let domain: Domain = word.parse().unwrap();
    for service in domain.services() {
        let name = format!("{word}.{}", service.name);
        let _ = house.call(entity, &name, &json!({})).map(|sent| sound(&sent));
        for value in [json!(1), json!(50.5), json!("ON"), json!([1, 2, 3]), json!(null)] {
            let fields: Map<String, Json> =
                service.fields.iter().map(|field| ((*field).to_owned(), value.clone())).collect();
            let _ = house.call(entity, &name, &Json::Object(fields)).map(|sent| sound(&sent));
        }
    }
}

/// What is sent can be sent: a broker hangs up on a topic with wildcards.
fn sound(sent: &[Publish]) {
    assert!(sent.len() <= MAX_MESSAGES, "{} messages", sent.len());
    for Publish { topic, payload, qos, .. } in sent {
        assert!(super::is_topic(topic), "cannot be sent to {topic:?}");
        assert!(payload.len() <= MAX_PAYLOAD, "{} bytes", payload.len());
        assert!(*qos <= 2, "QoS {qos}");
    }
}
