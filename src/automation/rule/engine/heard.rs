//! What happens and is no change of a state: events, buttons of remotes, tags, the start.

use std::sync::Arc;

use super::begin::Cause;
use super::judge::is_same;
use super::sight::{Sight, Vars, given};
use super::{Chain, Rules, WatchId};
use crate::automation::Moment;
use crate::automation::rule::trigger::{Kind, TopicTrigger, Trigger};
use crate::automation::rule::{Expr, Named};
use crate::home::value::Value;
use crate::template::Given;

/// Something that happened and is no change.
#[derive(Debug, Clone, Copy)]
pub(super) enum Heard<'a> {
    Start,
    Event { name: &'a str, data: &'a Value },
    Device { device: &'a str, kind: &'a str, subtype: &'a str },
    Tag { tag: &'a str, device: Option<&'a str> },
    Message { filter: &'a str, topic: &'a str, payload: &'a str },
}

impl Rules {
    /// Something happened that is no change.
    pub(super) fn heard_all(&mut self, heard: &Heard<'_>, chain: &Chain, now: Moment) {
        let ids: Vec<WatchId> = self.listening.iter().copied().collect();
        let sight = self.sight(now);
        for id in ids {
            let Some(watch) = self.watches.get(&id) else { continue };
            let Some(trigger) = watch.trigger() else { continue };
            if !is_meant(trigger, heard, &sight, &watch.vars) {
                continue;
            }
            let text = |text: &str| given(&Value::from(text));
            let (more, why) = match *heard {
                Heard::Start => (vec![("event", text("start"))], "Homard started".to_owned()),
                Heard::Event { name, data } => {
                    let event: Vec<(Arc<str>, Given)> = vec![
                        ("event_type".into(), text(name)),
                        ("data".into(), given(data)),
                        ("time_fired".into(), Given::moment(sight.zoned(now.wall))),
                    ];
                    (vec![("event", Given::map(event))], format!("the event {name}"))
                }
                Heard::Device { device, kind, subtype } => (
                    vec![
                        ("device_id", text(device)),
                        ("type", text(kind)),
                        ("subtype", text(subtype)),
                        ("payload", text(subtype)),
                    ],
                    format!("{kind} {subtype} of {device}"),
                ),
                Heard::Message { topic, payload, .. } => (
                    vec![
                        ("topic", text(topic)),
                        ("payload", text(payload)),
                        ("payload_json", Given::parsed(payload)),
                    ],
                    format!("a message on {topic}"),
                ),
                Heard::Tag { tag, device } => (
                    vec![("tag_id", text(tag)), ("device_id", text(device.unwrap_or_default()))],
                    format!("the tag {tag} was scanned"),
                ),
            };
            let mut more = more;
            more.push(("description", text(&why)));
            let cause = Cause {
                trigger: Some(watch.n),
                told: watch.told(more),
                chain: Arc::clone(chain),
                ..Cause::new(&why)
            };
            self.fire(id, cause, now);
        }
    }
}

fn is_meant(trigger: &Trigger, heard: &Heard<'_>, sight: &Sight, vars: &Vars) -> bool {
    match (&trigger.kind, *heard) {
        (Kind::Start, Heard::Start) => true,
        (Kind::Event { names, data: wished }, Heard::Event { name, data }) => {
            let is_name = |expr: &Expr| match expr {
                Expr::Value(value) => value.as_str() == Some(name),
                expr => sight.value(expr, vars).is_ok_and(|value| value.as_str() == Some(name)),
            };
            names.iter().any(is_name) && has_data(wished, data, sight, vars)
        }
        (Kind::Device(wished), Heard::Device { device, kind, subtype }) => {
            *wished.device == *device && *wished.kind == *kind && *wished.subtype == *subtype
        }
        (Kind::Topic(wished), Heard::Message { filter, payload, .. }) => {
            *wished.filter == *filter && has_payload(wished, payload, sight, vars)
        }
        (Kind::Tag { tags, devices }, Heard::Tag { tag, device }) => {
            tags.iter().any(|known| **known == *tag)
                && (devices.is_empty() || devices.iter().any(|known| device == Some(&**known)))
        }
        _ => false,
    }
}

fn has_payload(wished: &TopicTrigger, payload: &str, sight: &Sight, vars: &Vars) -> bool {
    let Some(expr) = &wished.payload else { return true };
    let found = match &wished.value {
        None => Value::from(payload),
        Some(template) => {
            let mut vars = vars.clone();
            vars.insert("value".into(), given(&Value::from(payload)));
            vars.insert("value_json".into(), Given::parsed(payload));
            match sight.text(template, &vars).0 {
                Ok(text) => Value::from(text),
                Err(_) => return false,
            }
        }
    };
    sight.value(expr, vars).is_ok_and(|wished| is_same(&found, &wished, false))
}

fn has_data(wished: &Named, data: &Value, sight: &Sight, vars: &Vars) -> bool {
    let found = |name: &Arc<str>| match data {
        Value::Map(map) => map.iter().find(|(known, _)| known == name).map(|(_, value)| value),
        _ => None,
    };
    wished.iter().all(|(name, expr)| {
        let wished = sight.value(expr, vars);
        matches!((found(name), wished), (Some(value), Ok(wished)) if is_same(value, &wished, true))
    })
}
