//! One message as it came in, read as text and as JSON at most once for all its entities.

use jiff::Timestamp;

use super::component::Fault;
use crate::template::Payload;

/// Texts of up to this size are read: zigbee2mqtt's list of 500 devices has this. As JSON they
/// take ten times the memory.
const MAX_TEXT: usize = 4 * 1024 * 1024;

/// A message.
pub(crate) struct Message<'a> {
    /// Where it came.
    pub(crate) topic: &'a str,
    /// As it came.
    pub(crate) bytes: &'a [u8],
    /// The broker kept it: it may be old, and nothing may be acted on because of it.
    pub(crate) is_retained: bool,
    /// When it was said, if the broker tells.
    pub(crate) said_at: Option<Timestamp>,
    payload: Option<Payload<'a>>,
}

impl<'a> Message<'a> {
    pub(crate) fn new(topic: &'a str, bytes: &'a [u8], is_retained: bool) -> Self {
        let text = if bytes.len() > MAX_TEXT { None } else { std::str::from_utf8(bytes).ok() };
        let payload = text.map(Payload::new);
        Self { topic, bytes, is_retained, said_at: None, payload }
    }

    /// The text.
    ///
    /// # Errors
    /// A [`Fault`] when it is not UTF-8, or larger than any text that a device sends.
    pub(crate) fn payload(&self) -> Result<&Payload<'a>, Fault> {
        self.payload.as_ref().ok_or_else(|| {
            let topic = self.topic;
            Fault(if self.bytes.len() > MAX_TEXT {
                format!("a message on `{topic}` is too large to be read as text")
            } else {
                format!("a message on `{topic}` is not UTF-8 text")
            })
        })
    }
}
