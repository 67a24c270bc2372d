//! The lock of the front door.

use serde_json::{Value, json};

use super::{Device, Dice, Facts, Said};

/// A motor lock: takes two seconds for its way.
pub(in crate::demo) struct Lock {
    facts: Facts,
    is_locked: bool,
    /// Seconds of the way that are left.
    remaining: f64,
    battery: f64,
}

/// Seconds it takes.
const WAY: f64 = 2.0;

impl Lock {
    pub(in crate::demo) fn new(facts: Facts) -> Self {
        Self { facts, is_locked: true, remaining: 0.0, battery: 82.0 }
    }

    fn word(&self) -> &'static str {
        match (self.is_locked, self.remaining > 0.0) {
            (true, true) => "LOCKING",
            (true, false) => "LOCKED",
            (false, true) => "UNLOCKING",
            (false, false) => "UNLOCKED",
        }
    }
}

impl Device for Lock {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn announce(&self) -> Vec<(String, Value)> {
        let topic = self.facts.topic("");
        vec![self.facts.whole(json!({
            "lock": {
                "platform": "lock", "name": null, "state_topic": topic,
                "value_template": "{{ value_json.lock }}", "command_topic": self.facts.topic("set"),
            },
            "battery": {
                "platform": "sensor", "device_class": "battery", "state_topic": topic,
                "value_template": "{{ value_json.battery }}", "unit_of_measurement": "%",
                "state_class": "measurement", "entity_category": "diagnostic",
            },
        }))]
    }

    fn report(&self) -> Vec<Said> {
        let state = json!({"lock": self.word(), "battery": self.battery.round() as i64});
        vec![self.facts.said("", state)]
    }

    fn obey(&mut self, what: &str, payload: &str) {
        let wish = match (what, payload) {
            ("", "LOCK") => true,
            ("", "UNLOCK") => false,
            _ => return,
        };
        if wish != self.is_locked {
            self.is_locked = wish;
            self.remaining = WAY;
            self.battery = (self.battery - 0.1).max(1.0);
        }
    }

    fn pass(&mut self, seconds: f64, _dice: &mut Dice) {
        self.remaining = (self.remaining - seconds).max(0.0);
    }
}
