//! Things that move: blinds, a garage door, a valve.

use serde_json::{Value, json};

use super::{Device, Dice, Facts, Said, number, towards};

/// Percent a second.
const SPEED: f64 = 12.5;

/// Where something moving is and wants to be, in percent open.
struct Travel {
    position: f64,
    goal: f64,
}

impl Travel {
    fn at(position: f64) -> Self {
        Self { position, goal: position }
    }

    fn go(&mut self, goal: f64) {
        self.goal = goal.clamp(0.0, 100.0);
    }

    fn word(&self) -> &'static str {
        if self.goal > self.position {
            "opening"
        } else if self.goal < self.position {
            "closing"
        } else if self.position > 0.0 {
            "open"
        } else {
            "closed"
        }
    }

    fn obey(&mut self, command: &str) {
        match command {
            "OPEN" => self.go(100.0),
            "CLOSE" => self.go(0.0),
            "STOP" => self.goal = self.position,
            _ => {}
        }
    }

    fn pass(&mut self, seconds: f64) {
        self.position = towards(self.position, self.goal, SPEED * seconds);
    }
}

/// A blind or shutter with a position; slats too, if it has them.
pub(in crate::demo) struct Blind {
    facts: Facts,
    class: &'static str,
    travel: Travel,
    tilt: Option<Travel>,
}

impl Blind {
    pub(in crate::demo) fn new(facts: Facts, class: &'static str, has_slats: bool) -> Self {
        let tilt = has_slats.then(|| Travel::at(50.0));
        Self { facts, class, travel: Travel::at(100.0), tilt }
    }
}

impl Device for Blind {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn announce(&self) -> Vec<(String, Value)> {
        let topic = self.facts.topic("");
        let mut keys = json!({
            "name": null, "device_class": self.class, "state_topic": topic,
            "value_template": "{{ value_json.state }}", "command_topic": self.facts.topic("set"),
            "position_topic": topic, "position_template": "{{ value_json.position }}",
            "set_position_topic": self.facts.topic("set/position"),
        });
        if self.tilt.is_some() {
            keys["tilt_command_topic"] = json!(self.facts.topic("set/tilt"));
            keys["tilt_status_topic"] = json!(topic);
            keys["tilt_status_template"] = json!("{{ value_json.tilt }}");
        }
        vec![self.facts.single("cover", "cover", keys)]
    }

    fn report(&self) -> Vec<Said> {
        let mut state =
            json!({"state": self.travel.word(), "position": self.travel.position.round() as i64});
        if let Some(tilt) = &self.tilt {
            state["tilt"] = json!(tilt.position.round() as i64);
        }
        vec![self.facts.said("", state)]
    }

    fn obey(&mut self, what: &str, payload: &str) {
        match (what, number(payload), &mut self.tilt) {
            ("", _, _) => self.travel.obey(payload),
            ("position", Some(position), _) => self.travel.go(position),
            ("tilt", Some(position), Some(tilt)) => tilt.go(position),
            _ => {}
        }
    }

    fn pass(&mut self, seconds: f64, _dice: &mut Dice) {
        self.travel.pass(seconds);
        if let Some(tilt) = &mut self.tilt {
            tilt.pass(seconds * 4.0);
        }
    }
}

/// A garage door: opens, closes, stops, and only says which.
pub(in crate::demo) struct GarageDoor {
    facts: Facts,
    travel: Travel,
}

impl GarageDoor {
    pub(in crate::demo) fn new(facts: Facts) -> Self {
        Self { facts, travel: Travel::at(0.0) }
    }
}

impl Device for GarageDoor {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn announce(&self) -> Vec<(String, Value)> {
        let keys =
            json!({"name": null, "dev_cla": "garage", "stat_t": "~/state", "cmd_t": "~/set"});
        vec![self.facts.short("cover", "door", keys)]
    }

    fn report(&self) -> Vec<Said> {
        vec![self.facts.said("state", self.travel.word())]
    }

    fn obey(&mut self, what: &str, payload: &str) {
        if what.is_empty() {
            self.travel.obey(payload);
        }
    }

    fn pass(&mut self, seconds: f64, _dice: &mut Dice) {
        self.travel.pass(seconds);
    }
}

/// A water valve that reports how far it is open.
pub(in crate::demo) struct Valve {
    facts: Facts,
    travel: Travel,
}

impl Valve {
    pub(in crate::demo) fn new(facts: Facts) -> Self {
        Self { facts, travel: Travel::at(0.0) }
    }
}

impl Device for Valve {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn announce(&self) -> Vec<(String, Value)> {
        let topic = self.facts.topic("");
        vec![self.facts.whole(json!({
            "valve": {
                "platform": "valve", "name": null, "device_class": "water", "state_topic": topic,
                "command_topic": self.facts.topic("set/position"), "reports_position": true,
            },
            "flow": {
                "platform": "sensor", "name": "Flow", "device_class": "volume_flow_rate",
                "state_topic": topic, "unit_of_measurement": "L/min", "state_class": "measurement",
                "value_template": "{{ (value_json.position * 0.09) | round(1) }}",
            },
        }))]
    }

    fn report(&self) -> Vec<Said> {
        let position = self.travel.position.round() as i64;
        let mut state = json!({"position": position});
        // A resting valve says its position only; a state in words is for the way.
        if self.travel.goal != self.travel.position {
            state["state"] = json!(self.travel.word());
        }
        vec![self.facts.said("", state)]
    }

    fn obey(&mut self, what: &str, payload: &str) {
        if let ("position", Some(position)) = (what, number(payload)) {
            self.travel.go(position);
        }
    }

    fn pass(&mut self, seconds: f64, _dice: &mut Dice) {
        self.travel.pass(seconds * 2.0);
    }
}
