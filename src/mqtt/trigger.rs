//! Things that happen at a device and have no state: device triggers and tag scanners.

use std::sync::Arc;

use super::binding::Listen;
use super::common::Common;
use super::discovery::ConfigId;
use super::engine::Out;
use super::keys::{Keys, Reject};
use super::message::Message;
use crate::clock::Clock;
use crate::home::device::DeviceFacts;
use crate::home::id::Handle;
use crate::hub::event::{Event, Place, Problem, Trigger};
use crate::template::{Scope, Template};

/// A trigger and its topic.
pub(super) struct TriggerBinding {
    pub(super) config: ConfigId,
    /// Where it was announced.
    pub(super) announced_on: Arc<str>,
    pub(super) topic: Arc<str>,
    pub(super) listens: Vec<Listen>,
    pub(super) qos: u8,
    pub(super) producer: Option<Arc<str>>,
    device: Arc<DeviceFacts>,
    kind: Arc<str>,
    subtype: Arc<str>,
    /// Fires only on this payload; on any when absent.
    payload: Option<Arc<str>>,
    template: Option<Template>,
    is_tag: bool,
}

impl TriggerBinding {
    pub(super) fn read(
        config: ConfigId,
        announced_on: &Arc<str>,
        common: Common,
        keys: &mut Keys<'_>,
    ) -> Result<Self, Reject> {
        let is_tag = config.component == "tag";
        let device = match common.device {
            Some(device) => device,
            None if is_tag => Arc::default(),
            None => return Err(keys.missing("device")),
        };
        if !is_tag && keys.string("automation_type").as_deref() != Some("trigger") {
            return Err(Reject("`automation_type` must be `trigger`".to_owned()));
        }
        let (kind, subtype) = if is_tag {
            (keys.intern("tag"), keys.intern("scanned"))
        } else {
            let kind = keys.string("type").ok_or_else(|| keys.missing("type"))?;
            (kind, keys.string("subtype").ok_or_else(|| keys.missing("subtype"))?)
        };
        Ok(Self {
            topic: keys.required_topic("topic")?,
            payload: keys.nullable_string("payload").flatten(),
            template: keys.template("value_template"),
            config,
            announced_on: Arc::clone(announced_on),
            listens: Vec::new(),
            qos: common.qos,
            producer: None,
            device,
            kind,
            subtype,
            is_tag,
        })
    }

    /// As the house knows it.
    pub(super) fn announced(&self) -> Trigger {
        Trigger {
            device: Arc::clone(&self.device),
            kind: Arc::clone(&self.kind),
            subtype: Arc::clone(&self.subtype),
            topic: Arc::clone(&self.announced_on),
        }
    }

    /// Fires if this is its payload. A retained message is old news and never fires anything.
    pub(super) fn receive(
        &self,
        handle: Handle,
        message: &Message<'_>,
        clock: &Clock,
        out: &mut Out,
    ) {
        if message.is_retained {
            return;
        }
        match self.read_payload(message, clock) {
            Err(text) => out.events.push(Event::ProblemFound(Problem {
                place: Place::Handle(handle),
                producer: self.producer.clone(),
                text,
            })),
            Ok(text) if text.is_empty() => {}
            Ok(text) if self.is_tag => {
                out.events.push(Event::TagScanned { handle, tag: text.into() });
            }
            Ok(text) => {
                if self.payload.as_deref().is_none_or(|payload| payload == text) {
                    out.events.push(Event::TriggerFired(handle));
                }
            }
        }
    }

    fn read_payload(&self, message: &Message<'_>, clock: &Clock) -> Result<String, String> {
        let payload = message.payload().map_err(|fault| fault.0)?;
        match &self.template {
            None => Ok(payload.text().to_owned()),
            Some(template) => {
                let scope = Scope::new("", clock);
                template.render_value(payload, &scope).map_err(|error| error.to_string())
            }
        }
    }
}
