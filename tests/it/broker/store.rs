//! Stores of retained messages for the broker's tests: in memory and in a file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use homard::broker::{Retained, RetainedChange, RetainedStore};
use serde_json::{Value, json};

/// Holds messages in memory and remembers how it was called.
#[derive(Default)]
pub(super) struct MemoryStore {
    pub(super) held: Mutex<BTreeMap<String, Retained>>,
    /// The sizes of the groups that were saved.
    pub(super) groups: Mutex<Vec<usize>>,
    /// Slows `load` down.
    pub(super) load_delay: std::time::Duration,
}

impl MemoryStore {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(super) fn topics(&self) -> Vec<String> {
        self.held.lock().unwrap().keys().cloned().collect()
    }

    pub(super) fn n_groups(&self) -> usize {
        self.groups.lock().unwrap().len()
    }
}

fn apply(held: &mut BTreeMap<String, Retained>, changes: Vec<RetainedChange>) {
    for change in changes {
        match change {
            RetainedChange::Set(retained) => {
                held.insert(retained.topic.clone(), retained);
            }
            RetainedChange::Cleared { topic } => {
                held.remove(&topic).expect("only what is held can be cleared");
            }
        }
    }
}

impl RetainedStore for MemoryStore {
    fn load(&self) -> Vec<Retained> {
        std::thread::sleep(self.load_delay);
        self.held.lock().unwrap().values().cloned().collect()
    }

    fn save(&self, changes: Vec<RetainedChange>) {
        self.groups.lock().unwrap().push(changes.len());
        apply(&mut self.held.lock().unwrap(), changes);
    }
}

/// Holds messages in a JSON file that is replaced as a whole.
pub(super) struct FileStore {
    path: PathBuf,
    held: Mutex<BTreeMap<String, Retained>>,
}

impl FileStore {
    pub(super) fn new(path: PathBuf) -> Self {
        let text = std::fs::read_to_string(&path).unwrap_or_else(|_| "[]".into());
        let list: Vec<Value> = serde_json::from_str(&text).unwrap();
        let held = list.iter().map(|value| {
            let payload = value["payload"].as_array().unwrap();
            let retained = Retained {
                topic: value["topic"].as_str().unwrap().into(),
                payload: payload.iter().map(|b| b.as_u64().unwrap().try_into().unwrap()).collect(),
                qos: value["qos"].as_u64().unwrap().try_into().unwrap(),
                stored_at: value["stored_at"].as_u64().unwrap(),
                expiry: None,
                is_text: None,
                content_type: None,
                response_topic: None,
                correlation_data: None,
                user_properties: Vec::new(),
            };
            (retained.topic.clone(), retained)
        });
        let held = Mutex::new(held.collect());
        Self { path, held }
    }
}

impl RetainedStore for FileStore {
    fn load(&self) -> Vec<Retained> {
        self.held.lock().unwrap().values().cloned().collect()
    }

    fn save(&self, changes: Vec<RetainedChange>) {
        let mut held = self.held.lock().unwrap();
        apply(&mut held, changes);
        let list = held.values().map(|r| {
            json!({"topic": r.topic, "payload": r.payload, "qos": r.qos, "stored_at": r.stored_at})
        });
        let text = Value::from(list.collect::<Vec<_>>()).to_string();
        let next = self.path.with_extension("next");
        std::fs::write(&next, text).unwrap();
        std::fs::rename(&next, &self.path).unwrap();
    }
}
