//! Outside engines: another program, perhaps on a stronger machine, that hears or speaks in Homard's place.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncWrite, BufReader};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::warn;

use super::event::{Event, EventError};
use super::{CHUNK, Words, server};
use crate::speech::{Clip, Manner, RATE, Sound, VARIANT};

/// A machine that does not answer is off.
const CONNECT: Duration = Duration::from_secs(5);
/// An answer that comes later is not wanted any more.
const WITHIN: Duration = Duration::from_secs(30);
/// Most sound that is taken for one text, in bytes: three minutes at a high rate.
const MOST_SOUND: usize = 16 << 20;

/// An engine at the other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    /// Name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// Why an engine did not do it.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Nobody answers there.
    #[error("nothing answers at {0}")]
    Unreachable(String),
    /// It ended the connection or said something that is no event.
    #[error("the engine at {0}: {1}")]
    Broken(String, String),
    /// It says itself that it cannot.
    #[error("the engine at {0} says: {1}")]
    Refused(String, String),
    /// It takes too long.
    #[error("the engine at {0} took longer than {limit} seconds", limit = WITHIN.as_secs())]
    TooSlow(String),
}

impl Engine {
    /// The words of a recording.
    ///
    /// # Errors
    /// When it cannot be reached, refuses, or takes too long.
    pub async fn transcribe(&self, clip: &Clip, language: &str) -> Result<Words, EngineError> {
        let mut stream = self.connect().await?;
        let end = Instant::now() + WITHIN;
        let told = async {
            let (read, mut write) = stream.split();
            let mut read = BufReader::new(read);
            Event::new("transcribe", json!({ "language": language })).write(&mut write).await?;
            send_clip(clip, &mut write).await?;
            loop {
                let event = Event::read(&mut read, WITHIN).await?;
                match event.kind.as_str() {
                    "transcript" => {
                        let text = event.text("text").unwrap_or_default().trim().to_owned();
                        let language = event.text("language").unwrap_or(language).to_owned();
                        return Ok(Ok(Words { text, others: Vec::new(), language }));
                    }
                    "error" => return Ok(Err(complaint(&event))),
                    _ => {}
                }
            }
        };
        self.ended(timeout_at(end, told).await)
    }

    /// Says a piece of a text.
    ///
    /// # Errors
    /// When it cannot be reached, refuses, or takes too long.
    pub async fn speak(&self, piece: &str, manner: &Manner) -> Result<Sound, EngineError> {
        let said = self.speak_as(piece, manner).await;
        let (Err(error @ EngineError::Refused(..)), Some(name)) = (&said, manner.named()) else {
            return said;
        };
        warn!(%error, name, "The voice that was chosen does not speak, the engine's own does.");
        self.speak_as(piece, &Manner { voice: None, ..manner.clone() }).await
    }

    async fn speak_as(&self, piece: &str, manner: &Manner) -> Result<Sound, EngineError> {
        let mut stream = self.connect().await?;
        let end = Instant::now() + WITHIN;
        let told = async {
            let (read, mut write) = stream.split();
            let mut read = BufReader::new(read);
            // A variant is espeak-ng's.
            let voice = match manner.named().filter(|name| !name.contains(VARIANT)) {
                Some(name) => json!({ "name": name }),
                None => json!({ "language": manner.language }),
            };
            let text = json!({ "text": piece, "voice": voice });
            Event::new("synthesize", text).write(&mut write).await?;
            let (mut bytes, mut rate) = (Vec::new(), super::SILENT_RATE);
            loop {
                let event = Event::read(&mut read, WITHIN).await?;
                match event.kind.as_str() {
                    "audio-start" | "audio-chunk" => {
                        rate = event.number("rate").unwrap_or(rate);
                        let is_known = event.number("width").is_none_or(|width| width == 2)
                            && event.number("channels").is_none_or(|channels| channels == 1);
                        if !is_known {
                            return Ok(Err(
                                "its sound is not of one channel with 16 bits".to_owned()
                            ));
                        }
                        let room = MOST_SOUND.saturating_sub(bytes.len());
                        bytes.extend_from_slice(&event.payload[..event.payload.len().min(room)]);
                    }
                    "audio-stop" => {
                        let sound = Sound::from_bytes(&bytes, rate);
                        return Ok(sound.map_err(|error| error.to_string()));
                    }
                    "error" => return Ok(Err(complaint(&event))),
                    _ => {}
                }
            }
        };
        let sound: Sound = self.ended(timeout_at(end, told).await)?;
        Ok(sound.at(manner.volume))
    }

    async fn connect(&self) -> Result<TcpStream, EngineError> {
        connect(&self.host, self.port).await.ok_or_else(|| EngineError::Unreachable(self.shown()))
    }

    fn shown(&self) -> String {
        shown(&self.host, self.port)
    }

    fn ended<T, E>(
        &self,
        told: Result<Result<Result<T, String>, EventError>, E>,
    ) -> Result<T, EngineError> {
        match told {
            Err(_) | Ok(Err(EventError::TooSlow(_))) => Err(EngineError::TooSlow(self.shown())),
            Ok(Err(error)) => Err(EngineError::Broken(self.shown(), error.to_string())),
            Ok(Ok(Err(text))) => Err(EngineError::Refused(self.shown(), text)),
            Ok(Ok(Ok(found))) => Ok(found),
        }
    }
}

/// A connection, unless nobody answers soon.
pub(super) async fn connect(host: &str, port: u16) -> Option<TcpStream> {
    let stream = timeout(CONNECT, TcpStream::connect((host, port))).await.ok()?.ok()?;
    let _ = stream.set_nodelay(true);
    Some(stream)
}

/// `HOST:PORT`.
pub(super) fn shown(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// What an engine complains of, on one line and no longer than a line.
fn complaint(event: &Event) -> String {
    let text = event.text("text").unwrap_or("no reason");
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

async fn send_clip<W: AsyncWrite + Unpin>(clip: &Clip, to: &mut W) -> Result<(), EventError> {
    server::start(RATE).write(to).await?;
    let sample = |sample: &f32| ((sample * 32_767.0) as i16).to_le_bytes();
    let bytes: Vec<u8> = clip.samples().iter().flat_map(sample).collect();
    let format = json!({ "rate": RATE, "width": 2, "channels": 1 });
    for chunk in bytes.chunks(CHUNK) {
        let event = Event::new("audio-chunk", format.clone());
        Event { payload: chunk.to_vec(), ..event }.write(to).await?;
    }
    Event::new("audio-stop", Value::Null).write(to).await
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// An engine that knows one voice and says whatever it is to say in a second of it.
    async fn engine(known: &'static str) -> Engine {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (read, mut to) = stream.split();
                let asked = Event::read(&mut BufReader::new(read), WITHIN).await.unwrap();
                let name = asked.data["voice"]["name"].as_str();
                if name.is_some_and(|name| name != known) {
                    let why = json!({ "text": "no such voice" });
                    Event::new("error", why).write(&mut to).await.unwrap();
                    continue;
                }
                let loud = if name.is_some() { 9_000_i16 } else { 1_000 };
                server::start(RATE).write(&mut to).await.unwrap();
                let format = json!({ "rate": RATE, "width": 2, "channels": 1 });
                let payload = loud.to_le_bytes().repeat(RATE as usize);
                let chunk = Event { payload, ..Event::new("audio-chunk", format) };
                chunk.write(&mut to).await.unwrap();
                Event::new("audio-stop", Value::Null).write(&mut to).await.unwrap();
            }
        });
        Engine { host: "127.0.0.1".to_owned(), port }
    }

    #[tokio::test]
    async fn a_voice_that_it_does_not_have_is_said_by_its_own() {
        let engine = engine("en_GB-alan-medium").await;
        for (voice, language, expected) in [
            (None, "en", 1_000),
            (Some("en_GB-alan-medium"), "en", 9_000),
            (Some("alan"), "en", 1_000),
            // That would read French as an Englishman, and that is espeak-ng's.
            (Some("en_GB-alan-medium"), "fr", 1_000),
            (Some("+f3"), "en", 1_000),
        ] {
            let manner = Manner {
                language: language.to_owned(),
                voice: voice.map(str::to_owned),
                volume: 100,
            };
            let sound = engine.speak("Hello.", &manner).await.unwrap();
            assert_eq!(sound.samples()[0], expected, "{voice:?} {language}");
        }
    }
}
