//! The vacuum cleaner.

use serde_json::{Value, json};

use super::{Device, Dice, Facts, Said};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Docked,
    Cleaning,
    Paused,
    Idle,
    Returning,
}

/// A robot that cleans for two minutes and drives home.
pub(in crate::demo) struct Vacuum {
    facts: Facts,
    doing: Doing,
    speed: &'static str,
    /// Seconds until it has done what it does.
    remaining: f64,
}

const SPEEDS: &[&str] = &["quiet", "standard", "turbo"];
/// Seconds a cleaning takes.
const CLEANING: f64 = 120.0;
/// Seconds the way home takes.
const RETURN: f64 = 15.0;

impl Vacuum {
    pub(in crate::demo) fn new(facts: Facts) -> Self {
        Self { facts, doing: Doing::Docked, speed: "standard", remaining: 0.0 }
    }

    fn begin(&mut self, doing: Doing, seconds: f64) {
        self.doing = doing;
        self.remaining = seconds;
    }
}

impl Device for Vacuum {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn announce(&self) -> Vec<(String, Value)> {
        let keys = json!({
            "name": null, "state_topic": self.facts.topic(""),
            "command_topic": self.facts.topic("set"), "fan_speed_list": SPEEDS,
            "set_fan_speed_topic": self.facts.topic("set/speed"),
            "supported_features": [
                "start", "pause", "stop", "return_home", "locate", "clean_spot", "fan_speed",
                "status",
            ],
        });
        vec![self.facts.single("vacuum", "vacuum", keys)]
    }

    fn report(&self) -> Vec<Said> {
        let word = match self.doing {
            Doing::Docked => "docked",
            Doing::Cleaning => "cleaning",
            Doing::Paused => "paused",
            Doing::Idle => "idle",
            Doing::Returning => "returning",
        };
        vec![self.facts.said("", json!({"state": word, "fan_speed": self.speed}))]
    }

    fn obey(&mut self, what: &str, payload: &str) {
        if what == "speed" {
            let known = SPEEDS.iter().find(|speed| **speed == payload);
            self.speed = known.copied().unwrap_or(self.speed);
            return;
        }
        match payload {
            "start" if self.doing == Doing::Paused => self.doing = Doing::Cleaning,
            "start" => self.begin(Doing::Cleaning, CLEANING),
            "clean_spot" => self.begin(Doing::Cleaning, CLEANING / 4.0),
            "pause" if self.doing == Doing::Cleaning => self.doing = Doing::Paused,
            "stop" if self.doing != Doing::Docked => self.begin(Doing::Idle, 0.0),
            "return_to_base" if self.doing != Doing::Docked => {
                self.begin(Doing::Returning, RETURN);
            }
            _ => {}
        }
    }

    fn pass(&mut self, seconds: f64, _dice: &mut Dice) {
        if !matches!(self.doing, Doing::Cleaning | Doing::Returning) {
            return;
        }
        self.remaining = (self.remaining - seconds).max(0.0);
        if self.remaining > 0.0 {
            return;
        }
        match self.doing {
            Doing::Cleaning => self.begin(Doing::Returning, RETURN),
            Doing::Docked | Doing::Paused | Doing::Idle | Doing::Returning => {
                self.doing = Doing::Docked;
            }
        }
    }
}
