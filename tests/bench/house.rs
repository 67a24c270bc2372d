//! Houses to measure with: sensors made up here, and real zigbee2mqtt devices multiplied from the
//! corpus.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::Command;

use crate::mqtt::Publisher;

/// A sensor that says its value in JSON, as nearly all producers do.
pub(crate) fn sensor_config(n: usize) -> (String, String) {
    let topic = format!("homeassistant/sensor/bench_{n}/temperature/config");
    let payload = format!(
        "{{\"name\":\"Temperature\",\"unique_id\":\"bench_{n}_temperature\",\
         \"state_topic\":\"{}\",\"value_template\":\"{{{{ value_json.temperature }}}}\",\
         \"unit_of_measurement\":\"°C\",\"device_class\":\"temperature\",\
         \"state_class\":\"measurement\",\"device\":{{\"identifiers\":[\"bench_{n}\"],\
         \"name\":\"Sensor {n}\",\"manufacturer\":\"Bench\",\"model\":\"Thermometer\"}},\
         \"origin\":{{\"name\":\"bench\"}}}}",
        sensor_topic(n)
    );
    (topic, payload)
}

pub(crate) fn sensor_topic(n: usize) -> String {
    format!("bench/sensor_{n}")
}

/// A report whose value, `number / 100`, is another each time for the next 10 million.
pub(crate) fn sensor_payload(out: &mut Vec<u8>, number: usize) {
    use io::Write as _;
    out.clear();
    // Writing to memory cannot fail.
    let (whole, part) = (number / 100, number % 100);
    let _ = write!(out, "{{\"temperature\":{whole}.{part:02},\"battery\":87,\"linkquality\":120}}");
}

/// The messages of one device of the corpus.
#[derive(Default)]
struct Model {
    id: String,
    name: String,
    configs: Vec<(String, String)>,
    availability: Option<(String, String)>,
    state: Option<(String, String)>,
}

/// Devices of the corpus, in its order.
pub(crate) struct Corpus(Vec<Model>);

impl Corpus {
    /// Reads zigbee2mqtt's transcript; `None` where it is not.
    pub(crate) fn read() -> Option<Self> {
        let shared = std::env::var_os("HOMARD_SHARED").map(PathBuf::from);
        let shared = shared.unwrap_or_else(|| PathBuf::from("../shared"));
        let file = shared.join("corpora/mqtt/z2m_distinct.jsonl.zst");
        let unpacked = Command::new("zstd").arg("-dc").arg(file).output().ok()?;
        let text = String::from_utf8(unpacked.stdout).ok()?;
        let mut models: BTreeMap<String, Model> = BTreeMap::new();
        for line in text.lines() {
            let field = |name: &str| text_of(line, name).unwrap_or_default();
            let (topic, payload, id) = (field("topic"), field("payload"), field("device"));
            if !id.starts_with("0x") || payload.is_empty() {
                continue;
            }
            let model = models.entry(id.clone()).or_default();
            match field("phase").as_str() {
                "discovery" if topic.ends_with("/config") => model.configs.push((topic, payload)),
                "discovery" if topic.ends_with("/availability") => {
                    let path = topic.trim_start_matches("zigbee2mqtt/");
                    model.name = path.trim_end_matches("/availability").to_owned();
                    model.availability = Some((topic, payload));
                }
                "state" if model.state.is_none() => model.state = Some((topic, payload)),
                _ => {}
            }
            model.id = id;
        }
        let mut models: Vec<Model> = models.into_values().collect();
        models.retain(|model| !model.configs.is_empty() && !model.name.is_empty());
        models.sort_by_key(|model| model.configs.len());
        (!models.is_empty()).then_some(Self(models))
    }

    /// The models with the fewest entities, as many as have `per_device` on average: the corpus
    /// has one of each model, and those with fifty entities are rarer in houses.
    pub(crate) fn leave(&mut self, per_device: usize) {
        let mut n_configs = 0;
        let mut keep = 0;
        for (n, model) in self.0.iter().enumerate() {
            n_configs += model.configs.len();
            if n_configs <= per_device * (n + 1) {
                keep = n + 1;
            }
        }
        self.0.truncate(keep);
    }

    /// Announces so many devices, each copy with an id and a name of its own. Returns the number
    /// of announcements.
    pub(crate) fn announce(&self, to: &mut Publisher, n_devices: usize) -> io::Result<usize> {
        let mut n_configs = 0;
        for (model, copy) in self.copies(n_devices) {
            for (topic, payload) in &model.configs {
                put(to, model, copy, topic, payload, true)?;
                n_configs += 1;
            }
            if let Some((topic, payload)) = &model.availability {
                put(to, model, copy, topic, payload, true)?;
            }
        }
        to.settle()?;
        Ok(n_configs)
    }

    /// Says the state of each of these devices, and returns how many have one.
    pub(crate) fn report(&self, to: &mut Publisher, n_devices: usize) -> io::Result<usize> {
        let mut n_states = 0;
        for (model, copy) in self.copies(n_devices) {
            if let Some((topic, payload)) = &model.state {
                put(to, model, copy, topic, payload, false)?;
                n_states += 1;
            }
        }
        to.settle()?;
        Ok(n_states)
    }

    fn copies(&self, n_devices: usize) -> impl Iterator<Item = (&Model, usize)> {
        (0..).flat_map(|copy| self.0.iter().map(move |model| (model, copy))).take(n_devices)
    }

    /// How many devices it takes to announce about so many entities.
    pub(crate) fn devices_for(&self, n_entities: usize) -> usize {
        let mut left = n_entities;
        self.copies(n_entities)
            .take_while(|(model, _)| {
                let fits = left >= model.configs.len();
                left = left.saturating_sub(model.configs.len());
                fits
            })
            .count()
    }
}

fn put(
    to: &mut Publisher,
    model: &Model,
    copy: usize,
    topic: &str,
    payload: &str,
    retain: bool,
) -> io::Result<()> {
    let id = format!("0x{:06x}{}", copy, model.id.get(8..).unwrap_or_default());
    let name = format!("{} {copy}", model.name);
    let renew = |text: &str| text.replace(&model.id, &id).replace(&model.name, &name);
    to.put(&renew(topic), renew(payload).as_bytes(), retain)
}

/// The text of a key of a flat JSON object without blanks. By hand, so that this program needs no
/// crate and is compiled in a second.
fn text_of(line: &str, key: &str) -> Option<String> {
    let start = format!("\"{key}\":\"");
    // Quotes inside texts are escaped, so this is found as a key only.
    let mut rest = line.get(line.find(&start)? + start.len()..)?.chars();
    let mut text = String::new();
    loop {
        match rest.next()? {
            '"' => return Some(text),
            '\\' => match rest.next()? {
                'n' => text.push('\n'),
                'r' => text.push('\r'),
                't' => text.push('\t'),
                'u' => {
                    let digits: String = rest.by_ref().take(4).collect();
                    // Pairs of surrogates do not occur in the corpus.
                    text.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?);
                }
                other => text.push(other),
            },
            other => text.push(other),
        }
    }
}
