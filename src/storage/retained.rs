//! Retained messages of the embedded broker, as they stand in the database: a small header, then
//! the payload as it is. When they are written is the writer's affair.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tracing::warn;

use super::{Error, Storage, table};

/// A retained message, with what must outlive a restart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RetainedMessage {
    /// The topic.
    pub topic: String,
    /// The payload, any bytes.
    #[serde(skip)]
    pub payload: Vec<u8>,
    /// Quality of service it was published with, 0 to 2.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub qos: u8,
    /// When it was published, in seconds since 1970.
    pub stored_at: u64,
    /// Seconds after `stored_at` at which it ends (MQTT 5, message expiry interval).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry: Option<u32>,
    /// MQTT 5: whether the payload is said to be UTF-8 text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_text: Option<bool>,
    /// MQTT 5: content type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// MQTT 5: response topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_topic: Option<String>,
    /// MQTT 5: correlation data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_data: Option<Vec<u8>>,
    /// MQTT 5: the producer's user properties, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_properties: Vec<(String, String)>,
}

/// One step of the difference between what is on the disk and what the broker holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetainedChange {
    /// The topic has this message now.
    Set(Arc<RetainedMessage>),
    /// The topic has no message any more.
    Cleared(String),
}

impl RetainedChange {
    /// The topic it is about.
    pub fn topic(&self) -> &str {
        match self {
            Self::Set(message) => &message.topic,
            Self::Cleared(topic) => topic,
        }
    }
}

fn is_zero(n: &u8) -> bool {
    *n == 0
}

impl Storage {
    /// All retained messages, in the order of their topics. One that cannot be read is logged and
    /// left out.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn load_retained(&self) -> Result<Vec<RetainedMessage>, Error> {
        let txn = self.env.read_txn()?;
        let mut messages = Vec::new();
        for entry in self.tables.retained.iter(&txn)? {
            let (key, bytes) = entry?;
            match decode(bytes) {
                Some(message) => messages.push(message),
                None => {
                    let topic = table::shown(key);
                    warn!(%topic, "Stored retained message cannot be read; left out.");
                }
            }
        }
        Ok(messages)
    }

    /// Which of these topics have a message on the disk, in their order.
    pub(super) fn has_retained(&self, changes: &[RetainedChange]) -> Result<Vec<bool>, Error> {
        let txn = self.env.read_txn()?;
        let mut known = Vec::with_capacity(changes.len());
        for change in changes {
            known.push(self.tables.retained.get(&txn, &table::key(change.topic()))?.is_some());
        }
        Ok(known)
    }

    /// Writes all in one transaction; on the disk when it returns.
    pub(super) fn write_retained(&self, changes: &[RetainedChange]) -> Result<(), Error> {
        let mut txn = self.env.write_txn()?;
        for change in changes {
            match change {
                RetainedChange::Set(message) => {
                    let encoded = encode(message)?;
                    table::put_raw(self.tables.retained, &mut txn, &message.topic, &encoded)?;
                }
                RetainedChange::Cleared(topic) => {
                    table::remove_raw(self.tables.retained, &mut txn, topic)?;
                }
            }
        }
        txn.commit()?;
        Ok(())
    }
}

/// Four bytes of header length, least first; the header; the payload.
fn encode(message: &RetainedMessage) -> Result<Vec<u8>, Error> {
    let header = serde_json::to_vec(message)
        .map_err(|source| Error::Encode { table: "retained", source })?;
    let length = u32::try_from(header.len()).unwrap_or(u32::MAX).to_le_bytes();
    Ok([&length, &*header, &message.payload].concat())
}

fn decode(bytes: &[u8]) -> Option<RetainedMessage> {
    let (length, rest) = bytes.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (header, payload) = rest.split_at_checked(length)?;
    let mut message: RetainedMessage = serde_json::from_slice(header).ok()?;
    message.payload = payload.to_vec();
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back_as_it_was() {
        for payload in [&b""[..], b"on", b"\xff\x00\n"] {
            let message = RetainedMessage {
                topic: "a/b".into(),
                payload: payload.into(),
                qos: 1,
                stored_at: 7,
                expiry: Some(60),
                correlation_data: Some(vec![0, 255]),
                user_properties: vec![("a".into(), "b".into())],
                ..RetainedMessage::default()
            };
            assert_eq!(decode(&encode(&message).unwrap()), Some(message));
        }
    }

    #[test]
    fn broken_bytes_are_no_message() {
        for bytes in [&b""[..], b"\x00\x00", b"\xff\xff\xff\xff{}", b"\x02\x00\x00\x00{}"] {
            assert_eq!(decode(bytes), None, "{bytes:?}");
        }
    }
}
