//! Things that are on or off: plugs that measure, a relay, a siren.

use serde_json::{Value, json};

use super::{Device, Dice, Facts, Said, on_off, switched, tenths};

/// A plug that measures what goes through it.
pub(in crate::demo) struct Plug {
    facts: Facts,
    is_on: bool,
    /// What the appliance draws, in watts.
    load: f64,
    watts: f64,
    kilowatt_hours: f64,
}

impl Plug {
    pub(in crate::demo) fn new(facts: Facts, load: f64, is_on: bool) -> Self {
        let watts = if is_on { load } else { 0.0 };
        Self { facts, is_on, load, watts, kilowatt_hours: 12.3 }
    }
}

impl Device for Plug {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn announce(&self) -> Vec<(String, Value)> {
        let topic = self.facts.topic("");
        vec![self.facts.whole(json!({
            "switch": {
                "platform": "switch", "name": null, "device_class": "outlet", "state_topic": topic,
                "value_template": "{{ value_json.state }}", "command_topic": self.facts.topic("set"),
            },
            "power": {
                "platform": "sensor", "device_class": "power", "state_topic": topic,
                "value_template": "{{ value_json.power }}", "unit_of_measurement": "W",
                "state_class": "measurement",
            },
            "energy": {
                "platform": "sensor", "device_class": "energy", "state_topic": topic,
                "value_template": "{{ value_json.energy | float | round(2) }}",
                "unit_of_measurement": "kWh", "state_class": "total_increasing",
            },
        }))]
    }

    fn report(&self) -> Vec<Said> {
        let energy = (self.kilowatt_hours * 1000.0).round() / 1000.0;
        let state =
            json!({"state": on_off(self.is_on), "power": tenths(self.watts), "energy": energy});
        vec![self.facts.said("", state)]
    }

    fn obey(&mut self, what: &str, payload: &str) {
        if what.is_empty() {
            self.is_on = switched(self.is_on, payload);
            self.watts = if self.is_on { self.load } else { 0.0 };
        }
    }

    fn pass(&mut self, seconds: f64, dice: &mut Dice) {
        self.kilowatt_hours += self.watts * seconds / 3_600_000.0;
        if self.is_on && dice.happens(20.0, seconds) {
            self.watts = self.load * dice.between(0.9, 1.1);
        }
    }
}

/// A relay behind a light that cannot be dimmed.
pub(in crate::demo) struct Relay {
    facts: Facts,
    is_on: bool,
}

impl Relay {
    pub(in crate::demo) fn new(facts: Facts) -> Self {
        Self { facts, is_on: false }
    }
}

impl Device for Relay {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn announce(&self) -> Vec<(String, Value)> {
        let keys = json!({"name": null, "stat_t": "~/state", "cmd_t": "~/set"});
        vec![self.facts.short("light", "relay", keys)]
    }

    fn report(&self) -> Vec<Said> {
        vec![self.facts.said("state", on_off(self.is_on))]
    }

    fn obey(&mut self, what: &str, payload: &str) {
        if what.is_empty() {
            self.is_on = switched(self.is_on, payload);
        }
    }

    fn pass(&mut self, _seconds: f64, _dice: &mut Dice) {}
}

/// A siren; falls silent by itself.
pub(in crate::demo) struct Siren {
    facts: Facts,
    tone: String,
    volume: f64,
    /// Seconds that it still sounds.
    remaining: f64,
}

const TONES: &[&str] = &["burglar", "fire", "chime"];
/// Seconds it sounds when nobody says how long.
const USUAL_DURATION: f64 = 10.0;

impl Siren {
    pub(in crate::demo) fn new(facts: Facts) -> Self {
        Self { facts, tone: "burglar".to_owned(), volume: 0.5, remaining: 0.0 }
    }
}

impl Device for Siren {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn announce(&self) -> Vec<(String, Value)> {
        let keys = json!({
            "name": null, "state_topic": self.facts.topic(""),
            "command_topic": self.facts.topic("set"), "available_tones": TONES,
        });
        vec![self.facts.single("siren", "siren", keys)]
    }

    fn report(&self) -> Vec<Said> {
        let state = json!({
            "state": on_off(self.remaining > 0.0), "tone": self.tone, "volume_level": self.volume,
        });
        vec![self.facts.said("", state)]
    }

    fn obey(&mut self, what: &str, payload: &str) {
        let Ok(Value::Object(wish)) = serde_json::from_str::<Value>(payload) else { return };
        if !what.is_empty() {
            return;
        }
        if let Some(tone) = wish.get("tone").and_then(Value::as_str).filter(|t| TONES.contains(t)) {
            self.tone = tone.to_owned();
        }
        if let Some(volume) = wish.get("volume_level").and_then(Value::as_f64) {
            self.volume = volume.clamp(0.0, 1.0);
        }
        let duration = wish.get("duration").and_then(Value::as_f64).unwrap_or(USUAL_DURATION);
        match wish.get("state").and_then(Value::as_str) {
            Some("ON") => self.remaining = duration.clamp(0.0, 600.0),
            Some("OFF") => self.remaining = 0.0,
            _ => {}
        }
    }

    fn pass(&mut self, seconds: f64, _dice: &mut Dice) {
        self.remaining = (self.remaining - seconds).max(0.0);
    }
}
