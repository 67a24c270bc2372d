//! Things that happen and have no state: a remote's buttons and the doorbell.

use serde_json::{Value, json};

use super::{Device, Dice, Facts, Said};

/// A remote with four gestures: device triggers, and a battery.
pub(in crate::demo) struct Remote {
    facts: Facts,
    pressed: Option<&'static str>,
}

const GESTURES: &[&str] = &["on", "off", "brightness_up", "brightness_down"];
/// Seconds between two presses on average.
const PRESSES: f64 = 900.0;

impl Remote {
    pub(in crate::demo) fn new(facts: Facts) -> Self {
        Self { facts, pressed: None }
    }
}

impl Device for Remote {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn announce(&self) -> Vec<(String, Value)> {
        let mut all = Vec::new();
        for gesture in GESTURES {
            let keys = json!({
                "automation_type": "trigger", "type": "action", "subtype": gesture,
                "payload": gesture, "topic": self.facts.topic("action"),
            });
            let (topic, mut payload) = self.facts.single("device_automation", gesture, keys);
            if let Value::Object(map) = &mut payload {
                map.retain(|key, _| key != "availability" && key != "unique_id");
            }
            all.push((topic, payload));
        }
        let battery = json!({
            "device_class": "battery", "state_topic": self.facts.topic(""),
            "value_template": "{{ value_json.battery }}", "unit_of_measurement": "%",
            "state_class": "measurement", "entity_category": "diagnostic",
        });
        all.push(self.facts.single("sensor", "battery", battery));
        all
    }

    fn report(&self) -> Vec<Said> {
        vec![self.facts.said("", json!({"battery": 64}))]
    }

    fn obey(&mut self, _what: &str, _payload: &str) {}

    fn pass(&mut self, seconds: f64, dice: &mut Dice) {
        if dice.happens(PRESSES, seconds) {
            let which = (dice.roll() * GESTURES.len() as f64) as usize;
            self.pressed = GESTURES.get(which).copied();
        }
    }

    fn happened(&mut self) -> Vec<Said> {
        let said = self.pressed.take().map(|gesture| Said {
            topic: self.facts.topic("action"),
            payload: gesture.to_owned(),
            retain: false,
        });
        said.into_iter().collect()
    }
}

/// The doorbell: an event entity, and a button that rings it for a try.
pub(in crate::demo) struct Doorbell {
    facts: Facts,
    rings: u32,
}

/// Seconds between two visitors on average.
const VISITORS: f64 = 1_200.0;

impl Doorbell {
    pub(in crate::demo) fn new(facts: Facts) -> Self {
        Self { facts, rings: 0 }
    }
}

impl Device for Doorbell {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn announce(&self) -> Vec<(String, Value)> {
        let event = json!({
            "name": null, "device_class": "doorbell", "state_topic": self.facts.topic("event"),
            "event_types": ["press"],
        });
        let button = json!({
            "name": "Ring", "command_topic": self.facts.topic("set/ring"), "payload_press": "RING",
            "entity_category": "diagnostic",
        });
        vec![self.facts.single("event", "bell", event), self.facts.single("button", "ring", button)]
    }

    fn report(&self) -> Vec<Said> {
        Vec::new()
    }

    fn obey(&mut self, what: &str, payload: &str) {
        if (what, payload) == ("ring", "RING") {
            self.rings = (self.rings + 1).min(10);
        }
    }

    fn pass(&mut self, seconds: f64, dice: &mut Dice) {
        if dice.happens(VISITORS, seconds) {
            self.rings += 1;
        }
    }

    fn happened(&mut self) -> Vec<Said> {
        let ring = || Said {
            topic: self.facts.topic("event"),
            payload: json!({"event_type": "press"}).to_string(),
            retain: false,
        };
        (0..std::mem::take(&mut self.rings)).map(|_| ring()).collect()
    }
}
