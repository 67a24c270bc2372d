//! One simulated device: what it announces, says and obeys. No network here, and no clock: time
//! passes when it is told so.

pub(super) mod climate;
pub(super) mod cover;
pub(super) mod lamp;
pub(super) mod lock;
pub(super) mod plug;
pub(super) mod remote;
pub(super) mod sensor;
pub(super) mod system;
pub(super) mod vacuum;

use serde_json::{Map, Value, json};

/// A message that a device publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) topic: String,
    pub(super) payload: String,
    /// States are kept by the broker, happenings are not.
    pub(super) retain: bool,
}

/// One simulated device.
pub(super) trait Device: Send {
    /// Who it is.
    fn facts(&self) -> &Facts;

    /// Discovery messages: (topic below the prefix, payload).
    fn announce(&self) -> Vec<(String, Value)>;

    /// All that it says of itself now; what did not change since is not published again.
    fn report(&self) -> Vec<Said>;

    /// Takes a command that came on `demo/ID/set/WHAT`; `what` is empty for `demo/ID/set`. What it
    /// does not understand it ignores, as real devices do.
    fn obey(&mut self, what: &str, payload: &str);

    /// Time goes by.
    fn pass(&mut self, seconds: f64, dice: &mut Dice);

    /// What happened since the last call: button presses.
    fn happened(&mut self) -> Vec<Said> {
        Vec::new()
    }
}

/// Who a device is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    /// Part of its topics and unique ids.
    pub(super) id: &'static str,
    /// What it is called.
    pub(super) name: &'static str,
    /// The room it proposes.
    pub(super) area: &'static str,
    /// Its model.
    pub(super) model: &'static str,
}

impl Facts {
    /// `demo/ID` or `demo/ID/WHAT`.
    pub(super) fn topic(&self, what: &str) -> String {
        match what {
            "" => format!("demo/{}", self.id),
            what => format!("demo/{}/{what}", self.id),
        }
    }

    /// A retained message of this device.
    pub(super) fn said(&self, what: &str, payload: impl ToString) -> Said {
        Said { topic: self.topic(what), payload: payload.to_string(), retain: true }
    }

    /// An announcement of one entity, with whole words, as zigbee2mqtt writes it.
    pub(super) fn single(&self, component: &str, object: &str, keys: Value) -> (String, Value) {
        let mut payload = object_of(keys);
        put(&mut payload, "unique_id", json!(format!("{}_{object}_demo", self.id)));
        put(&mut payload, "availability", availability());
        put(&mut payload, "device", self.device());
        put(&mut payload, "origin", json!({"name": "Homard demo"}));
        (format!("{component}/{}/{object}/config", self.id), Value::Object(payload))
    }

    /// An announcement of one entity, with short words and a base topic, as firmware writes it.
    pub(super) fn short(&self, component: &str, object: &str, keys: Value) -> (String, Value) {
        let mut payload = Map::new();
        put(&mut payload, "~", json!(self.topic("")));
        payload.append(&mut object_of(keys));
        put(&mut payload, "uniq_id", json!(format!("{}_{object}_demo", self.id)));
        put(&mut payload, "avty_t", json!(BRIDGE));
        put(&mut payload, "avty_tpl", json!("{{ value_json.state }}"));
        let device = json!({
            "ids": [format!("demo_{}", self.id)], "name": self.name, "mf": MAKER,
            "mdl": self.model, "sa": self.area,
        });
        put(&mut payload, "dev", device);
        (format!("{component}/{}_{object}/config", self.id), Value::Object(payload))
    }

    /// An announcement of the whole device at once.
    pub(super) fn whole(&self, components: Value) -> (String, Value) {
        let mut components = object_of(components);
        for (object, keys) in &mut components {
            if let Value::Object(keys) = keys {
                put(keys, "unique_id", json!(format!("{}_{object}_demo", self.id)));
            }
        }
        let payload = json!({
            "device": self.device(),
            "origin": {"name": "Homard demo", "sw_version": env!("CARGO_PKG_VERSION")},
            "availability": availability(),
            "components": components,
        });
        (format!("device/{}/config", self.id), payload)
    }

    fn device(&self) -> Value {
        json!({
            "identifiers": [format!("demo_{}", self.id)], "name": self.name,
            "manufacturer": MAKER, "model": self.model, "suggested_area": self.area,
        })
    }
}

/// Where the simulated bridge says whether its devices can be reached.
pub(super) const BRIDGE: &str = "demo/bridge/state";
/// Who "made" the devices.
const MAKER: &str = "Homard demo";

fn availability() -> Value {
    json!([{"topic": BRIDGE, "value_template": "{{ value_json.state }}"}])
}

fn object_of(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn put(map: &mut Map<String, Value>, key: &str, value: Value) {
    map.insert(key.to_owned(), value);
}

/// `ON` for true.
pub(super) fn on_off(is_on: bool) -> &'static str {
    if is_on { "ON" } else { "OFF" }
}

/// What a plain `ON`, `OFF` or `TOGGLE` makes of a switch.
pub(super) fn switched(was_on: bool, payload: &str) -> bool {
    match payload.trim().to_ascii_uppercase().as_str() {
        "ON" => true,
        "OFF" => false,
        "TOGGLE" => !was_on,
        _ => was_on,
    }
}

/// A number that a command says; neither infinite nor none.
pub(super) fn number(payload: &str) -> Option<f64> {
    payload.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

/// Rounded to tenths, as sensors report.
pub(super) fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// `value` moved towards `goal`, by at most `step`.
pub(super) fn towards(value: f64, goal: f64, step: f64) -> f64 {
    value + (goal - value).clamp(-step, step)
}

/// Chance, the same each time from the same seed (xorshift64*, Vigna 2014).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// 0 to just below 1.
    pub(super) fn roll(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11;
        // 53 bits fit a double exactly.
        bits as f64 / (1_u64 << 53) as f64
    }

    /// `low` to just below `high`.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + self.roll() * (high - low)
    }

    /// Whether something that happens every `mean` seconds on average happens within `seconds`.
    pub(super) fn happens(&mut self, mean: f64, seconds: f64) -> bool {
        self.roll() < seconds / mean
    }
}
