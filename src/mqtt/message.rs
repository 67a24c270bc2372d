//! One message as it came in, read as text and as JSON at most once for all its entities.

use super::component::Fault;
use crate::template::Payload;

/// A message.
pub(crate) struct Message<'a> {
    /// Where it came.
    pub(crate) topic: &'a str,
    /// As it came.
    pub(crate) bytes: &'a [u8],
    /// The broker kept it: it may be old, and nothing may be acted on because of it.
    pub(crate) is_retained: bool,
    payload: Option<Payload<'a>>,
}

impl<'a> Message<'a> {
    pub(crate) fn new(topic: &'a str, bytes: &'a [u8], is_retained: bool) -> Self {
        let payload = std::str::from_utf8(bytes).ok().map(Payload::new);
        Self { topic, bytes, is_retained, payload }
    }

    /// The text.
    ///
    /// # Errors
    /// A [`Fault`] when it is not UTF-8.
    pub(crate) fn payload(&self) -> Result<&Payload<'a>, Fault> {
        self.payload
            .as_ref()
            .ok_or_else(|| Fault(format!("a message on `{}` is not UTF-8 text", self.topic)))
    }
}
