//! An event on the wire: one line of JSON, then JSON of a stated length, then bytes of a stated length. Whoever is at the
//! other end may be anybody, so that lengths are held against limits before they are believed, and time runs.

use std::io;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt,
};
use tokio::time::timeout;

/// The version of the protocol that is spoken.
const VERSION: &str = "1.5.4";
/// Longest first line; texts stand in it with some peers.
const MAX_LINE: usize = 16 << 10;
/// Most data, in bytes.
const MAX_DATA: usize = 256 << 10;
/// Largest payload: five seconds of what a sound card gives at its best.
const MAX_PAYLOAD: usize = 1 << 20;
/// An event that has begun is whole after so long.
const WITHIN: Duration = Duration::from_secs(10);

/// One event.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Event {
    /// What it is: `audio-chunk`.
    pub(super) kind: String,
    /// What it says.
    pub(super) data: Map<String, Value>,
    /// Samples.
    pub(super) payload: Vec<u8>,
}

/// Why no event was read.
#[derive(Debug, thiserror::Error)]
pub(super) enum EventError {
    /// The other side closed the connection.
    #[error("the connection was closed")]
    Closed,
    /// It did not come in time.
    #[error("nothing came within {} seconds", .0.as_secs_f32())]
    TooSlow(Duration),
    /// It is larger than anything that is said here.
    #[error("it sent {0} that is larger than {1} bytes")]
    TooLarge(&'static str, usize),
    /// It is no event.
    #[error("what came is no event of the Wyoming protocol: {0}")]
    Garbage(String),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
}

/// The first line.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    data: Option<Map<String, Value>>,
    #[serde(default)]
    data_length: Option<usize>,
    #[serde(default)]
    payload_length: Option<usize>,
}

impl Event {
    /// An event that only says something.
    pub(super) fn new(kind: &str, data: Value) -> Self {
        let data = match data {
            Value::Object(data) => data,
            _ => Map::new(),
        };
        Self { kind: kind.to_owned(), data, payload: Vec::new() }
    }

    /// A text of its data.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.data.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// A number of its data.
    pub(super) fn number(&self, key: &str) -> Option<u32> {
        self.data.get(key).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok())
    }

    /// Reads the next one, which is to begin within `patience`.
    pub(super) async fn read<R: AsyncBufRead + Unpin>(
        from: &mut R,
        patience: Duration,
    ) -> Result<Self, EventError> {
        let slow = |limit| move |_| EventError::TooSlow(limit);
        let begun = timeout(patience, from.fill_buf()).await.map_err(slow(patience))??;
        if begun.is_empty() {
            return Err(EventError::Closed);
        }
        timeout(WITHIN, Self::read_begun(from)).await.map_err(slow(WITHIN))?
    }

    async fn read_begun<R: AsyncBufRead + Unpin>(from: &mut R) -> Result<Self, EventError> {
        let mut line = Vec::new();
        let read = (&mut *from).take(MAX_LINE as u64).read_until(b'\n', &mut line).await?;
        if line.last() != Some(&b'\n') {
            return Err(match read {
                MAX_LINE => EventError::TooLarge("a line", MAX_LINE),
                _ => EventError::Closed,
            });
        }
        let head: Head = parse(&line)?;
        let Head { kind, data, data_length, payload_length } = head;
        let mut data = data.unwrap_or_default();
        let more = exactly(from, data_length.unwrap_or(0), "data", MAX_DATA).await?;
        if !more.is_empty() {
            data.extend(parse::<Map<String, Value>>(&more)?);
        }
        let payload = exactly(from, payload_length.unwrap_or(0), "a payload", MAX_PAYLOAD).await?;
        Ok(Self { kind, data, payload })
    }

    /// Sends it. A peer that takes nothing for as long as an event may take is gone.
    pub(super) async fn write<W: AsyncWrite + Unpin>(&self, to: &mut W) -> Result<(), EventError> {
        let bytes = self.encode();
        let written = async {
            to.write_all(&bytes).await?;
            to.flush().await
        };
        match timeout(WITHIN, written).await {
            Ok(written) => Ok(written?),
            Err(_) => Err(EventError::TooSlow(WITHIN)),
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut head = json!({ "type": self.kind, "version": VERSION });
        let data = match self.data.is_empty() {
            true => Vec::new(),
            false => Value::Object(self.data.clone()).to_string().into_bytes(),
        };
        if !data.is_empty() {
            head["data_length"] = data.len().into();
        }
        if !self.payload.is_empty() {
            head["payload_length"] = self.payload.len().into();
        }
        let mut bytes = head.to_string().into_bytes();
        bytes.push(b'\n');
        bytes.extend(data);
        bytes.extend_from_slice(&self.payload);
        bytes
    }
}

fn parse<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Result<T, EventError> {
    serde_json::from_slice(bytes).map_err(|error| EventError::Garbage(error.to_string()))
}

/// So many bytes; memory grows with what comes, not with what is promised.
async fn exactly<R: AsyncRead + Unpin>(
    from: &mut R,
    length: usize,
    what: &'static str,
    most: usize,
) -> Result<Vec<u8>, EventError> {
    if length > most {
        return Err(EventError::TooLarge(what, most));
    }
    let mut bytes = Vec::new();
    let read = from.take(length as u64).read_to_end(&mut bytes).await?;
    if read < length { Err(EventError::Closed) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &[u8]) -> Result<Event, EventError> {
        Event::read(&mut &*bytes, Duration::from_secs(1)).await
    }

    #[tokio::test]
    async fn an_event_comes_back_as_it_was_sent() {
        let plain = Event::new("describe", Value::Null);
        let said = Event::new("transcript", json!({ "text": "allume la lumière\n" }));
        let payload = vec![0, 1, b'\n', 255];
        let sound = Event { payload, ..Event::new("audio-chunk", json!({ "rate": 16_000 })) };
        for event in [plain, said, sound] {
            let mut bytes = Vec::new();
            event.write(&mut bytes).await.unwrap();
            assert_eq!(read(&bytes).await.unwrap(), event);
            for end in 0..bytes.len() {
                let cut = read(&bytes[..end]).await.unwrap_err();
                assert!(matches!(cut, EventError::Closed), "{end}: {cut}");
            }
        }
    }

    #[tokio::test]
    async fn data_in_the_line_and_data_behind_it_are_one() {
        let bytes = b"{\"type\":\"a\",\"data\":{\"x\":1,\"y\":1},\"data_length\":7}\n{\"y\":2}";
        let event = read(bytes).await.unwrap();
        assert_eq!((event.number("x"), event.number("y")), (Some(1), Some(2)));
        let nulls =
            b"{\"type\":\"a\",\"data\":null,\"data_length\":null,\"payload_length\":null}\n";
        assert_eq!(read(nulls).await.unwrap().kind, "a");
    }

    #[tokio::test]
    async fn what_is_no_event_is_refused_before_it_costs_anything() {
        let check = async |bytes: &[u8], expected: &str| {
            let error = read(bytes).await.unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(b"", "closed").await;
        check(b"GET / HTTP/1.1\r\n", "no event").await;
        check(b"\n", "no event").await;
        check(b"[]\n", "no event").await;
        check(b"{\"type\":3}\n", "no event").await;
        check(b"{\"type\":\"a\",\"data_length\":-1}\n", "no event").await;
        check(b"{\"type\":\"a\",\"data_length\":2}\n[]", "no event").await;
        check(b"{\"type\":\"a\",\"data_length\":300000}\n", "data that is larger").await;
        check(b"{\"type\":\"a\",\"payload_length\":99999999999999}\n", "a payload that is larger")
            .await;
        check(&[b'x'; 20_000], "a line that is larger").await;
        let deep = [b"{\"type\":\"a\",\"data\":".as_slice(), &[b'['; 5_000], b"\n"].concat();
        check(&deep, "no event").await;
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_or_dribbles_is_too_slow() {
        let (mut theirs, ours) = tokio::io::duplex(64);
        let mut ours = tokio::io::BufReader::new(ours);
        let patience = Duration::from_secs(60);
        let nothing = Event::read(&mut ours, patience).await.unwrap_err();
        assert!(matches!(nothing, EventError::TooSlow(limit) if limit == patience));
        let dribble = tokio::spawn(async move {
            loop {
                if theirs.write_all(b"x").await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        let slow = Event::read(&mut ours, patience).await.unwrap_err();
        assert!(matches!(slow, EventError::TooSlow(limit) if limit == WITHIN), "{slow}");
        dribble.abort();
    }
}
