//! The boiler: a number, a choice, a button, a text and an update.

use serde_json::{Value, json};

use super::{Device, Dice, Facts, Said, number};

/// The house's boiler with its settings.
pub(in crate::demo) struct Boiler {
    facts: Facts,
    /// Minutes.
    boost: f64,
    program: &'static str,
    installed: &'static str,
    /// Percent of the running update.
    progress: Option<f64>,
    pressure: f64,
}

const PROGRAMS: &[&str] = &["winter", "summer", "holiday"];
const OLD: &str = "2.0.4";
const NEW: &str = "2.1.0";

impl Boiler {
    pub(in crate::demo) fn new(facts: Facts) -> Self {
        Self {
            facts,
            boost: 20.0,
            program: "winter",
            installed: OLD,
            progress: None,
            pressure: 1.6,
        }
    }
}

impl Device for Boiler {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn announce(&self) -> Vec<(String, Value)> {
        let topic = self.facts.topic("");
        vec![self.facts.whole(json!({
            "boost": {
                "platform": "number", "name": "Boost", "state_topic": topic, "min": 0, "max": 120,
                "step": 5, "unit_of_measurement": "min", "command_topic": self.facts.topic("set/boost"),
                "value_template": "{{ value_json.boost }}", "entity_category": "config",
            },
            "program": {
                "platform": "select", "name": "Program", "state_topic": topic,
                "options": PROGRAMS, "command_topic": self.facts.topic("set/program"),
                "value_template": "{{ value_json.program }}",
            },
            "pressure": {
                "platform": "sensor", "device_class": "pressure", "state_topic": topic,
                "value_template": "{{ value_json.pressure }}", "unit_of_measurement": "bar",
                "state_class": "measurement",
            },
            "restart": {
                "platform": "button", "device_class": "restart", "entity_category": "config",
                "command_topic": self.facts.topic("set/restart"),
            },
            "firmware": {
                "platform": "update", "name": "Firmware", "device_class": "firmware",
                "state_topic": self.facts.topic("update"), "payload_install": "install",
                "command_topic": self.facts.topic("set/update"), "entity_category": "config",
            },
        }))]
    }

    fn report(&self) -> Vec<Said> {
        let state = json!({
            "boost": self.boost, "program": self.program,
            "pressure": (self.pressure * 100.0).round() / 100.0,
        });
        let update = json!({
            "installed_version": self.installed, "latest_version": NEW, "title": "Boiler firmware",
            "in_progress": self.progress.is_some(),
            "update_percentage": self.progress.map(f64::round),
        });
        vec![self.facts.said("", state), self.facts.said("update", update)]
    }

    fn obey(&mut self, what: &str, payload: &str) {
        match what {
            "boost" => {
                if let Some(minutes) = number(payload) {
                    self.boost = minutes.clamp(0.0, 120.0);
                }
            }
            "program" => {
                let known = PROGRAMS.iter().find(|program| **program == payload);
                self.program = known.copied().unwrap_or(self.program);
            }
            "restart" => self.pressure = 1.6,
            "update" if payload == "install" && self.installed == OLD => {
                self.progress.get_or_insert(0.0);
            }
            _ => {}
        }
    }

    fn pass(&mut self, seconds: f64, dice: &mut Dice) {
        if dice.happens(60.0, seconds) {
            self.pressure = (self.pressure + dice.between(-0.02, 0.02)).clamp(1.0, 2.5);
        }
        if let Some(progress) = &mut self.progress {
            *progress += seconds * 5.0;
            if *progress >= 100.0 {
                self.progress = None;
                self.installed = NEW;
            }
        }
    }
}
