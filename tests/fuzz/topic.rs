//! Topics and filters: the first line is a filter, the rest a topic. A message reaches those and only those whom
//! section 4.7 of the MQTT specification names.

use serde_json::json;

use crate::house::House;

pub(crate) fn check(input: &str) {
    let (filter, topic) = super::two_parts(input);
    if topic.starts_with("homeassistant/") || filter == "set" {
        return;
    }
    let mut house = House::new();
    let config = json!({ "state_topic": filter, "command_topic": "set" }).to_string();
    house.publish("homeassistant/switch/fuzz/config", config.as_bytes(), true);
    // A bad filter costs the filter, not the switch.
    let listens: Vec<String> =
        house.engine.resubscribe().iter().map(|(filter, _)| filter.to_string()).collect();
    let wanted: &[&str] = if is_filter(filter) { &[filter] } else { &[] };
    assert_eq!(listens, wanted, "subscribed to for {filter:?}");
    if wanted.is_empty() {
        return;
    }
    if !super::is_topic(topic) {
        return;
    }
    house.publish(topic, b"ON", false);
    let entity = house.home.entities().next().unwrap();
    let is_told = entity.view().unwrap().word == "on";
    assert_eq!(is_told, matches(filter, topic), "{filter:?} and {topic:?}");
}

/// What can be subscribed to without a broker hanging up.
fn is_filter(filter: &str) -> bool {
    let levels: Vec<&str> = filter.split('/').collect();
    let is_whole = |level: &str| level.len() == 1 || !level.contains(['+', '#']);
    let hash_is_last = levels[..levels.len() - 1].iter().all(|level| *level != "#");
    // Control characters and non-characters may be refused (section 1.5.4), and are.
    let is_refused = |c: char| {
        c.is_control() || ('\u{fdd0}'..='\u{fdef}').contains(&c) || (c as u32) % 0x10000 >= 0xfffe
    };
    !filter.is_empty()
        && filter.len() <= 65535
        && !filter.contains(is_refused)
        // mosquitto takes no more levels.
        && levels.len() <= 200
        && !filter.starts_with("$share/")
        && levels.iter().all(|level| is_whole(level))
        && hash_is_last
}

/// The rules, level by level, with no thought for speed.
fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut levels = topic.split('/');
    for wanted in filter.split('/') {
        if wanted == "#" {
            return true;
        }
        match levels.next() {
            Some(level) if wanted == "+" || wanted == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}
