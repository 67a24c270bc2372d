//! Lights, in the three ways in which MQTT discovery knows them.

use serde_json::{Value, json};

use super::{Device, Dice, Facts, Said, number, on_off, switched};

/// What light a lamp can give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::demo) enum Light {
    /// Warm to cold white.
    White,
    /// Any color, and white.
    Color,
}

/// A Zigbee bulb: JSON.
pub(in crate::demo) struct Bulb {
    facts: Facts,
    light: Light,
    is_on: bool,
    /// 1 to 254.
    brightness: u8,
    mireds: u16,
    /// Hue in degrees and saturation in percent; `None` while it shines white.
    color: Option<(f64, f64)>,
    effect: Option<String>,
}

const EFFECTS: &[&str] = &["blink", "breathe", "candle"];

impl Bulb {
    pub(in crate::demo) fn new(facts: Facts, light: Light) -> Self {
        Self { facts, light, is_on: false, brightness: 180, mireds: 370, color: None, effect: None }
    }
}

impl Device for Bulb {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn announce(&self) -> Vec<(String, Value)> {
        let topic = self.facts.topic("");
        let mut keys = json!({
            "name": null, "schema": "json", "state_topic": topic,
            "command_topic": self.facts.topic("set"), "brightness": true, "brightness_scale": 254,
            "min_mireds": 153, "max_mireds": 500,
        });
        let colors = json!(["color_temp", "hs"]);
        match self.light {
            Light::White => {
                keys["supported_color_modes"] = json!(["color_temp"]);
                vec![self.facts.single("light", "light", keys)]
            }
            Light::Color => {
                keys["platform"] = json!("light");
                keys["supported_color_modes"] = colors;
                keys["effect"] = json!(true);
                keys["effect_list"] = json!(EFFECTS);
                let update = json!({
                    "platform": "sensor", "name": "Signal", "state_topic": topic,
                    "value_template": "{{ value_json.linkquality }}",
                    "unit_of_measurement": "lqi", "entity_category": "diagnostic",
                    "enabled_by_default": false, "state_class": "measurement",
                });
                vec![self.facts.whole(json!({"light": keys, "signal": update}))]
            }
        }
    }

    fn report(&self) -> Vec<Said> {
        let mut state = json!({
            "state": on_off(self.is_on), "brightness": self.brightness, "linkquality": 132,
        });
        match self.color {
            Some((hue, saturation)) => {
                state["color_mode"] = json!("hs");
                state["color"] = json!({"h": hue, "s": saturation});
            }
            None => {
                state["color_mode"] = json!("color_temp");
                state["color_temp"] = json!(self.mireds);
            }
        }
        if let Some(effect) = &self.effect {
            state["effect"] = json!(effect);
        }
        vec![self.facts.said("", state)]
    }

    fn obey(&mut self, what: &str, payload: &str) {
        let Ok(Value::Object(wish)) = serde_json::from_str::<Value>(payload) else { return };
        if !what.is_empty() {
            return;
        }
        if let Some(state) = wish.get("state").and_then(Value::as_str) {
            self.is_on = switched(self.is_on, state);
        }
        if let Some(brightness) = wish.get("brightness").and_then(Value::as_f64) {
            self.brightness = brightness.round().clamp(1.0, 254.0) as u8;
        }
        if let Some(mireds) = wish.get("color_temp").and_then(Value::as_f64) {
            self.mireds = mireds.round().clamp(153.0, 500.0) as u16;
            self.color = None;
        }
        if let Some(color) = wish.get("color")
            && self.light == Light::Color
            && let (Some(hue), Some(saturation)) = (color["h"].as_f64(), color["s"].as_f64())
        {
            self.color = Some((hue.clamp(0.0, 360.0), saturation.clamp(0.0, 100.0)));
        }
        if let Some(effect) = wish.get("effect").and_then(Value::as_str) {
            self.effect = EFFECTS.contains(&effect).then(|| effect.to_owned());
        }
    }

    fn pass(&mut self, _seconds: f64, _dice: &mut Dice) {}
}

/// A wall dimmer: one topic for each value, short words.
pub(in crate::demo) struct Dimmer {
    facts: Facts,
    is_on: bool,
    /// 1 to 100.
    percent: u8,
}

impl Dimmer {
    pub(in crate::demo) fn new(facts: Facts) -> Self {
        Self { facts, is_on: true, percent: 60 }
    }
}

impl Device for Dimmer {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn announce(&self) -> Vec<(String, Value)> {
        let keys = json!({
            "name": null, "stat_t": "~/state", "cmd_t": "~/set", "bri_stat_t": "~/percent",
            "bri_cmd_t": "~/set/percent", "bri_scl": 100, "on_cmd_type": "brightness",
        });
        vec![self.facts.short("light", "dimmer", keys)]
    }

    fn report(&self) -> Vec<Said> {
        vec![self.facts.said("state", on_off(self.is_on)), self.facts.said("percent", self.percent)]
    }

    fn obey(&mut self, what: &str, payload: &str) {
        match what {
            "" => self.is_on = switched(self.is_on, payload),
            "percent" => {
                let Some(percent) = number(payload) else { return };
                self.is_on = percent >= 1.0;
                if self.is_on {
                    self.percent = percent.min(100.0) as u8;
                }
            }
            _ => {}
        }
    }

    fn pass(&mut self, _seconds: f64, _dice: &mut Dice) {}
}

/// A night light that wants its commands as text: template schema.
pub(in crate::demo) struct NightLight {
    facts: Facts,
    is_on: bool,
    /// 0 to 255.
    brightness: u8,
}

impl NightLight {
    pub(in crate::demo) fn new(facts: Facts) -> Self {
        Self { facts, is_on: false, brightness: 40 }
    }
}

impl Device for NightLight {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn announce(&self) -> Vec<(String, Value)> {
        let keys = json!({
            "name": null, "schema": "template", "stat_t": "~", "cmd_t": "~/set",
            "cmd_on_tpl": "on{% if brightness is defined %} {{ brightness }}{% endif %}",
            "cmd_off_tpl": "off", "stat_tpl": "{{ value.split(' ')[0] }}",
            "bri_tpl": "{{ value.split(' ')[1] }}",
        });
        vec![self.facts.short("light", "night", keys)]
    }

    fn report(&self) -> Vec<Said> {
        let word = if self.is_on { "on" } else { "off" };
        vec![self.facts.said("", format!("{word} {}", self.brightness))]
    }

    fn obey(&mut self, what: &str, payload: &str) {
        let mut words = payload.split_whitespace();
        let (Some(word), "") = (words.next(), what) else { return };
        self.is_on = switched(self.is_on, word);
        if let Some(brightness) = words.next().and_then(|word| word.parse().ok()) {
            self.brightness = brightness;
        }
    }

    fn pass(&mut self, _seconds: f64, _dice: &mut Dice) {}
}
