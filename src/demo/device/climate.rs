//! Warmth and air: thermostats and a fan.

use serde_json::{Value, json};

use super::{Device, Dice, Facts, Said, number, on_off, switched, tenths, towards};

/// A radiator thermostat. The room follows it slowly, and the cold outside.
pub(in crate::demo) struct Thermostat {
    facts: Facts,
    mode: &'static str,
    preset: &'static str,
    target: f64,
    room: f64,
}

const MODES: &[&str] = &["off", "heat", "auto"];
const PRESETS: &[&str] = &["comfort", "eco", "away"];
/// Temperature to which a room falls without heating.
const COLD: f64 = 12.0;

impl Thermostat {
    pub(in crate::demo) fn new(facts: Facts, target: f64) -> Self {
        Self { facts, mode: "heat", preset: "comfort", target, room: target - 0.6 }
    }

    fn heats(&self) -> bool {
        self.mode != "off" && self.room < self.target
    }
}

impl Device for Thermostat {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn announce(&self) -> Vec<(String, Value)> {
        let topic = self.facts.topic("");
        vec![self.facts.single(
            "climate",
            "climate",
            json!({
                "name": null, "modes": MODES, "mode_state_topic": topic,
                "mode_state_template": "{{ value_json.mode }}",
                "mode_command_topic": self.facts.topic("set/mode"),
                "temperature_state_topic": topic,
                "temperature_state_template": "{{ value_json.target }}",
                "temperature_command_topic": self.facts.topic("set/target"),
                "current_temperature_topic": topic,
                "current_temperature_template": "{{ value_json.room }}",
                "action_topic": topic, "action_template": "{{ value_json.action }}",
                "preset_modes": PRESETS, "preset_mode_state_topic": topic,
                "preset_mode_value_template": "{{ value_json.preset }}",
                "preset_mode_command_topic": self.facts.topic("set/preset"),
                "min_temp": 5, "max_temp": 30, "temp_step": 0.5, "temperature_unit": "C",
            }),
        )]
    }

    fn report(&self) -> Vec<Said> {
        let action = match (self.mode, self.heats()) {
            ("off", _) => "off",
            (_, true) => "heating",
            (_, false) => "idle",
        };
        let state = json!({
            "mode": self.mode, "target": self.target, "room": tenths(self.room), "action": action,
            "preset": self.preset,
        });
        vec![self.facts.said("", state)]
    }

    fn obey(&mut self, what: &str, payload: &str) {
        let known = |words: &[&'static str]| words.iter().find(|word| **word == payload).copied();
        match what {
            "mode" => self.mode = known(MODES).unwrap_or(self.mode),
            "target" => {
                if let Some(target) = number(payload) {
                    self.target = target.clamp(5.0, 30.0);
                }
            }
            "preset" => {
                if let Some(preset) = known(PRESETS) {
                    self.preset = preset;
                    self.target = match preset {
                        "eco" => 18.0,
                        "away" => 14.0,
                        _ => 21.0,
                    };
                }
            }
            _ => {}
        }
    }

    fn pass(&mut self, seconds: f64, dice: &mut Dice) {
        let goal = if self.heats() { self.target + 0.5 } else { COLD };
        let degrees_a_second = if self.heats() { 0.01 } else { 0.002 };
        self.room = towards(self.room, goal, degrees_a_second * seconds * dice.between(0.5, 1.5));
    }
}

/// A bathroom fan: speeds, presets, oscillation.
pub(in crate::demo) struct Fan {
    facts: Facts,
    is_on: bool,
    /// 1 to 4.
    speed: u8,
    preset: &'static str,
    oscillates: bool,
}

const FAN_PRESETS: &[&str] = &["auto", "smart", "night"];

impl Fan {
    pub(in crate::demo) fn new(facts: Facts) -> Self {
        Self { facts, is_on: false, speed: 2, preset: "auto", oscillates: false }
    }
}

impl Device for Fan {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn announce(&self) -> Vec<(String, Value)> {
        let keys = json!({
            "name": null, "stat_t": "~/state", "cmd_t": "~/set", "pct_stat_t": "~/speed",
            "pct_cmd_t": "~/set/speed", "spd_rng_min": 1, "spd_rng_max": 4,
            "pr_mode_stat_t": "~/preset", "pr_mode_cmd_t": "~/set/preset", "pr_modes": FAN_PRESETS,
            "osc_stat_t": "~/oscillation", "osc_cmd_t": "~/set/oscillation",
        });
        vec![self.facts.short("fan", "fan", keys)]
    }

    fn report(&self) -> Vec<Said> {
        let oscillation = if self.oscillates { "oscillate_on" } else { "oscillate_off" };
        vec![
            self.facts.said("state", on_off(self.is_on)),
            self.facts.said("speed", if self.is_on { self.speed } else { 0 }),
            self.facts.said("preset", self.preset),
            self.facts.said("oscillation", oscillation),
        ]
    }

    fn obey(&mut self, what: &str, payload: &str) {
        match what {
            "" => self.is_on = switched(self.is_on, payload),
            "speed" => {
                let Ok(speed) = payload.trim().parse::<u8>() else { return };
                self.is_on = speed > 0;
                if self.is_on {
                    self.speed = speed.min(4);
                }
            }
            "preset" => {
                let known = FAN_PRESETS.iter().find(|preset| **preset == payload);
                self.preset = known.copied().unwrap_or(self.preset);
            }
            "oscillation" => self.oscillates = payload == "oscillate_on",
            _ => {}
        }
    }

    fn pass(&mut self, _seconds: f64, _dice: &mut Dice) {}
}
