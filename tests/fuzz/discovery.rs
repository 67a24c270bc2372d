//! Discovery payloads: the first line is a config topic, the second its payload, and each further line is a topic and a
//! message there with a tab between them. Then every service of every entity is called, and all is removed again.

use std::collections::BTreeSet;

use homard::home::Home;
use homard::home::id::EntityId;
use serde_json::{Map, Value as Json, json};

use crate::house::House;

pub(crate) fn check(input: &str) {
    let (topic, rest) = super::two_parts(input);
    let (payload, messages) = super::two_parts(rest);
    let mut house = House::new();
    house.publish(topic, payload.as_bytes(), true);
    house.enable_all();
    for (topic, payload) in messages.lines().take(20).filter_map(|line| line.split_once('\t')) {
        house.publish(topic, payload.as_bytes(), false);
    }
    views(&house.home);
    let entities: Vec<EntityId> = house.home.entities().take(8).map(|e| e.id.clone()).collect();
    for entity in &entities {
        call_all(&mut house, entity.as_str());
    }
    views(&house.home);

    // The same again changes nothing.
    let before = (house.home.entities().count(), problems(&house));
    house.publish(topic, payload.as_bytes(), true);
    assert_eq!((house.home.entities().count(), problems(&house)), before, "announced again");

    house.publish(topic, b"", true);
    let left: Vec<&str> = house.home.entities().map(|e| e.id.as_str()).collect();
    assert!(left.is_empty(), "still there after removal: {left:?}");
}

fn problems(house: &House) -> BTreeSet<String> {
    house.problems.iter().map(|problem| format!("{problem:?}")).collect()
}

/// Forms what is shown of everything.
fn views(home: &Home) {
    for entity in home.entities() {
        assert_eq!(entity.view(), entity.view());
    }
}

/// Calls every service of an entity's domain, bare and with a value for each field.
fn call_all(house: &mut House, entity: &str) {
    let (word, _) = entity.split_once('.').unwrap();
    let domain: homard::home::domain::Domain = word.parse().unwrap();
    for service in domain.services() {
        let name = format!("{word}.{}", service.name);
        let _ = house.call(entity, &name, &json!({}));
        for value in [json!(1), json!(50.5), json!("ON"), json!([1, 2, 3]), json!(null)] {
            let fields: Map<String, Json> =
                service.fields.iter().map(|field| ((*field).to_owned(), value.clone())).collect();
            let _ = house.call(entity, &name, &Json::Object(fields));
        }
    }
}
