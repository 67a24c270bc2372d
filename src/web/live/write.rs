//! Writes what the hub shows as Home Assistant's events, and changes of states also in the short
//! form of `subscribe_entities`.

use std::sync::Arc;

use jiff::Timestamp;

use super::{CHUNK, Chunk, Event, Kind, Type};
use crate::home::action::Outcome;
use crate::home::device::Device;
use crate::home::id::{AreaId, DeviceId, EntityId};
use crate::home::{Change, Home};
use crate::hub::event::{Said, Shown, Trigger};
use crate::json;
use crate::web::wire::{self, Placed};

/// What stands around an event's JSON in an event stream.
pub(super) const BEFORE: &[u8] = b"data: ";
pub(super) const AFTER: &[u8] = b"\n\n";

/// Writes events one after the other into a buffer.
#[derive(Default)]
pub(super) struct Writer {
    out: Vec<u8>,
    briefs: Vec<u8>,
    events: Vec<Event>,
}

impl Writer {
    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    /// The chunk; its first event has this number.
    pub(super) fn finish(self, first: u64) -> Chunk {
        Chunk { first, events: self.events, bytes: self.out.into(), briefs: self.briefs.into() }
    }

    pub(super) fn write(&mut self, home: &Home, shown: &Shown) {
        match shown {
            Shown::Changed(change, at) => {
                let id = change.id.as_str();
                let area = home.entity(id).and_then(|entity| home.area_of(entity));
                let area = area.map(|area| area.id.clone());
                self.event(Type::Own(Kind::StateChanged), area, *at, id, |out| {
                    change_data(out, home, change);
                });
                let start = self.briefs.len();
                brief(&mut self.briefs, home, change);
                if let Some(event) = self.events.last_mut() {
                    event.entity = Some(change.id.clone());
                    event.brief = start..self.briefs.len();
                }
            }
            Shown::TriggerFired(trigger, device, at) => {
                let area = device.as_ref().and_then(|id| home.device(id.as_str())?.area.clone());
                self.event(Type::Own(Kind::Trigger), area, *at, &trigger.topic, |out| {
                    trigger_data(out, home, trigger, device.as_ref());
                });
            }
            Shown::TagScanned(tag, device, at) => {
                self.event(Type::Own(Kind::TagScanned), None, *at, tag, |out| {
                    out.extend_from_slice(b"{\"tag_id\":");
                    wire::text(out, tag);
                    out.push(b',');
                    device_data(out, home, device.as_ref());
                    out.push(b'}');
                });
            }
            Shown::Fired(name, data, at) => {
                let data = json::to_json(data).to_string();
                self.event(Type::Fired(Arc::clone(name)), None, *at, name, |out| {
                    out.extend_from_slice(data.as_bytes());
                });
            }
            Shown::Said(said, at) => {
                let area = said.area.clone();
                self.event(Type::Own(Kind::Said), area, *at, "", |out| said_data(out, said));
            }
            Shown::RegistryChanged(at) => {
                self.event(Type::Own(Kind::RegistryUpdated), None, *at, "", |out| {
                    out.extend_from_slice(b"{}");
                });
            }
        }
    }

    /// What a program fired; `data` is a JSON object.
    pub(super) fn fired(&mut self, kind: &str, data: &str, at: Timestamp) {
        self.event(Type::Fired(kind.into()), None, at, kind, |out| {
            out.extend_from_slice(data.as_bytes());
        });
    }

    fn event(
        &mut self,
        kind: Type,
        area: Option<AreaId>,
        at: Timestamp,
        about: &str,
        data: impl FnOnce(&mut Vec<u8>),
    ) {
        let start = self.out.len();
        let out = &mut self.out;
        if out.capacity() == 0 {
            out.reserve(CHUNK / 16);
        }
        out.extend_from_slice(BEFORE);
        out.extend_from_slice(b"{\"event_type\":");
        wire::text(out, kind.word());
        out.extend_from_slice(b",\"data\":");
        data(out);
        let origin = match kind {
            Type::Own(_) => &b",\"origin\":\"LOCAL\",\"time_fired\":\""[..],
            Type::Fired(_) => b",\"origin\":\"REMOTE\",\"time_fired\":\"",
        };
        out.extend_from_slice(origin);
        wire::time(out, at);
        out.extend_from_slice(b"\",\"context\":");
        wire::context(out, about, at);
        out.push(b'}');
        out.extend_from_slice(AFTER);
        let line = start..self.out.len();
        self.events.push(Event { kind, entity: None, area, line, brief: 0..0 });
    }
}

fn change_data(out: &mut Vec<u8>, home: &Home, change: &Change) {
    let id = change.id.as_str();
    let placed = Placed::of(home, id);
    out.extend_from_slice(b"{\"entity_id\":");
    wire::text(out, id);
    for (name, record) in [
        (&b",\"old_state\":"[..], change.before.as_ref()),
        (&b",\"new_state\":"[..], change.after.as_ref()),
    ] {
        out.extend_from_slice(name);
        match record {
            Some(record) => wire::state(out, id, record, placed),
            None => out.extend_from_slice(b"null"),
        }
    }
    out.push(b'}');
}

/// The change in the form of `subscribe_entities`, after the letter of its kind.
fn brief(out: &mut Vec<u8>, home: &Home, change: &Change) {
    let id = change.id.as_str();
    match (&change.before, &change.after) {
        (_, None) => {
            out.push(b'r');
            wire::text(out, id);
        }
        (None, Some(after)) => {
            out.push(b'a');
            wire::text(out, id);
            out.push(b':');
            wire::brief_state(out, id, after, Placed::of(home, id));
        }
        (Some(before), Some(after)) => {
            out.push(b'c');
            wire::text(out, id);
            out.push(b':');
            wire::difference(out, id, before, after);
        }
    }
}

fn trigger_data(out: &mut Vec<u8>, home: &Home, trigger: &Trigger, device: Option<&DeviceId>) {
    out.extend_from_slice(b"{\"type\":");
    wire::text(out, &trigger.kind);
    out.extend_from_slice(b",\"subtype\":");
    wire::text(out, &trigger.subtype);
    out.push(b',');
    device_data(out, home, device);
    out.push(b'}');
}

fn said_data(out: &mut Vec<u8>, said: &Arc<Said>) {
    let Said { cause, entry, name, area, reply } = &**said;
    let ids = |list: &[(EntityId, Outcome)]| -> Vec<String> {
        list.iter().map(|(id, _)| id.to_string()).collect()
    };
    let data = serde_json::json!({
        "cause": cause.word(),
        "text": reply.text,
        "language": reply.language,
        "area_id": area.as_ref().map(AreaId::as_str),
        "name": name,
        "entry_id": entry.0,
        "conversation_id": reply.conversation,
        "success": ids(&reply.success),
        "failed": ids(&reply.failed),
    });
    out.extend_from_slice(data.to_string().as_bytes());
}

fn device_data(out: &mut Vec<u8>, home: &Home, id: Option<&DeviceId>) {
    let name = id.and_then(|id| home.device(id.as_str())).and_then(Device::name);
    for (key, text) in
        [(&b"\"device_id\":"[..], id.map(DeviceId::as_str)), (b",\"device_name\":", name)]
    {
        out.extend_from_slice(key);
        match text {
            Some(text) => wire::text(out, text),
            None => out.extend_from_slice(b"null"),
        }
    }
}
