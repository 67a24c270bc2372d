//! Things that only say: air, motion, doors, water, smoke.

use serde_json::{Value, json};

use super::{Device, Dice, Facts, Said, tenths};

/// Temperature and humidity.
pub(in crate::demo) struct Air {
    facts: Facts,
    celsius: f64,
    humidity: f64,
}

impl Air {
    pub(in crate::demo) fn new(facts: Facts, celsius: f64, humidity: f64) -> Self {
        Self { facts, celsius, humidity }
    }
}

impl Device for Air {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn announce(&self) -> Vec<(String, Value)> {
        let sensor = |class: &str, key: &str, unit: &str| {
            let keys = json!({
                "dev_cla": class, "stat_t": "~", "val_tpl": format!("{{{{ value_json.{key} }}}}"),
                "unit_of_meas": unit, "stat_cla": "measurement",
            });
            self.facts.short("sensor", key, keys)
        };
        vec![
            sensor("temperature", "temperature", "°C"),
            sensor("humidity", "humidity", "%"),
            sensor("battery", "battery", "%"),
        ]
    }

    fn report(&self) -> Vec<Said> {
        let state = json!({
            "temperature": tenths(self.celsius), "humidity": self.humidity.round() as i64,
            "battery": 91,
        });
        vec![self.facts.said("", state)]
    }

    fn obey(&mut self, _what: &str, _payload: &str) {}

    fn pass(&mut self, seconds: f64, dice: &mut Dice) {
        let drift = seconds.sqrt() * 0.02;
        self.celsius = (self.celsius + dice.between(-drift, drift)).clamp(-15.0, 38.0);
        self.humidity = (self.humidity + dice.between(-drift, drift) * 4.0).clamp(20.0, 95.0);
    }
}

/// What a [`Watch`] watches for.
#[derive(Debug, Clone, Copy)]
pub(in crate::demo) struct Watched {
    /// Home Assistant's device class.
    pub(in crate::demo) class: &'static str,
    /// Seconds between two occurrences on average; `None` never happens by itself.
    pub(in crate::demo) every: Option<f64>,
    /// Seconds that one lasts.
    pub(in crate::demo) lasts: f64,
}

/// Something that happens now and then: an opened door, motion, water, smoke.
pub(in crate::demo) struct Watch {
    facts: Facts,
    watched: Watched,
    /// Seconds that it still lasts.
    remaining: f64,
}

impl Watch {
    pub(in crate::demo) fn new(facts: Facts, watched: Watched) -> Self {
        Self { facts, watched, remaining: 0.0 }
    }
}

impl Device for Watch {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn announce(&self) -> Vec<(String, Value)> {
        let topic = self.facts.topic("");
        // Native booleans on both sides, as zigbee2mqtt sends them.
        let watch = json!({
            "name": null, "device_class": self.watched.class, "state_topic": topic,
            "value_template": "{{ value_json[\"detected\"] }}",
            "payload_on": true, "payload_off": false,
        });
        let battery = json!({
            "device_class": "battery", "state_topic": topic,
            "value_template": "{{ value_json['battery'] }}", "unit_of_measurement": "%",
            "state_class": "measurement", "entity_category": "diagnostic",
        });
        vec![
            self.facts.single("binary_sensor", self.watched.class, watch),
            self.facts.single("sensor", "battery", battery),
        ]
    }

    fn report(&self) -> Vec<Said> {
        vec![self.facts.said("", json!({"detected": self.remaining > 0.0, "battery": 76}))]
    }

    fn obey(&mut self, _what: &str, _payload: &str) {}

    fn pass(&mut self, seconds: f64, dice: &mut Dice) {
        self.remaining = (self.remaining - seconds).max(0.0);
        if let Some(every) = self.watched.every
            && self.remaining == 0.0
            && dice.happens(every, seconds)
        {
            self.remaining = self.watched.lasts * dice.between(0.5, 1.5);
        }
    }
}
