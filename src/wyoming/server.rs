//! The server: what others may ask of Homard by Wyoming, and how much of it at once.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncWrite, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::event::{Event, EventError};
use super::{Asked, CHUNK, Services};
use crate::speech::{Clip, Manner, Sound, sentences};

/// Connections at once, of all and of one address: a house has a handful of satellites.
const MOST: usize = 32;
const MOST_OF_ONE: usize = 8;
/// A connection on which nothing comes is closed.
const IDLE: Duration = Duration::from_secs(120);
/// Longest that somebody may speak, in seconds; the recogniser takes no more.
const MAX_SECONDS: usize = 60;
/// Wait after a connection could not be accepted: the system is out of something.
const BREATH: Duration = Duration::from_millis(100);

/// How it serves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Homard's name for others, the home's.
    pub name: String,
}

/// Answers whoever connects, until `stop` is done.
///
/// # Errors
/// None: who misbehaves is let go.
pub async fn run(
    listener: TcpListener,
    settings: Settings,
    services: Services,
    stop: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let info = Arc::new(info(&settings.name, &services.languages));
    let places = Places::default();
    let mut guests = JoinSet::new();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return Ok(()),
            Some(_) = guests.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, from)) => {
                    let Some(place) = places.take(from.ip()) else {
                        debug!(%from, "Too many connections by Wyoming; one was refused.");
                        continue;
                    };
                    let (info, services) = (Arc::clone(&info), services.clone());
                    guests.spawn(async move {
                        let _place = place;
                        if let Err(error) = serve(stream, &info, &services).await {
                            debug!(%from, %error, "A connection by Wyoming was ended.");
                        }
                    });
                }
                Err(error) => {
                    warn!(%error, "A connection by Wyoming could not be accepted.");
                    tokio::time::sleep(BREATH).await;
                }
            }
        }
    }
}

/// Who is connected, by address.
#[derive(Clone, Default)]
struct Places(Arc<Mutex<BTreeMap<IpAddr, usize>>>);

/// One connection's place; given back when it goes.
struct Place {
    places: Places,
    ip: IpAddr,
}

impl Places {
    fn take(&self, ip: IpAddr) -> Option<Place> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = taken.values().sum::<usize>() >= MOST
            || taken.get(&ip).is_some_and(|count| *count >= MOST_OF_ONE);
        if is_full {
            return None;
        }
        *taken.entry(ip).or_default() += 1;
        drop(taken);
        Some(Place { places: self.clone(), ip })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.ip);
            }
        }
    }
}

/// What one connection has said so far.
#[derive(Default)]
struct Session {
    /// Of the recording that is to come.
    language: Option<String>,
    recording: Option<Recording>,
    /// A text that comes in pieces, and how it is to be said.
    streamed: Option<(String, Option<Manner>)>,
}

async fn serve(stream: TcpStream, info: &Event, services: &Services) -> Result<(), EventError> {
    let _ = stream.set_nodelay(true);
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    let mut session = Session::default();
    loop {
        let event = match Event::read(&mut read, IDLE).await {
            Ok(event) => event,
            Err(EventError::Closed) => return Ok(()),
            Err(error) => {
                // Who can still listen learns why.
                let _ = failure(&error.to_string()).write(&mut write).await;
                return Err(error);
            }
        };
        session.take(event, info, services, &mut write).await?;
    }
}

fn failure(text: &str) -> Event {
    Event::new("error", json!({ "text": text }))
}

impl Session {
    async fn take<W: AsyncWrite + Unpin>(
        &mut self,
        event: Event,
        info: &Event,
        services: &Services,
        to: &mut W,
    ) -> Result<(), EventError> {
        match event.kind.as_str() {
            "describe" => info.write(to).await,
            "ping" => Event::new("pong", Value::Object(event.data)).write(to).await,
            "transcribe" => {
                self.language = event.text("language").map(str::to_owned);
                self.recording = None;
                Ok(())
            }
            "audio-start" => {
                self.recording = Recording::new(&event);
                Ok(())
            }
            "audio-chunk" => {
                let recording = match &mut self.recording {
                    Some(recording) => recording,
                    None => match Recording::new(&event) {
                        Some(new) => self.recording.insert(new),
                        None => return failure("this sound has no known form").write(to).await,
                    },
                };
                recording.add(&event.payload);
                Ok(())
            }
            "audio-stop" => {
                let recording = self.recording.take();
                let heard = transcribe(recording, self.language.take(), services).await;
                heard.write(to).await
            }
            "transcript" | "recognize" => handle(&event, services).await.write(to).await,
            "synthesize" => {
                // Whoever sends a text in pieces sends it whole too, for those who know no pieces.
                if self.streamed.is_some() {
                    return Ok(());
                }
                let text = event.text("text").unwrap_or_default();
                speak(text, &manner(&event, services), services, to).await
            }
            "synthesize-start" => {
                self.streamed = Some((String::new(), Some(manner(&event, services))));
                Ok(())
            }
            "synthesize-chunk" => {
                if let Some((text, _)) = &mut self.streamed {
                    let more = event.text("text").unwrap_or_default();
                    let room = MAX_TEXT.saturating_sub(text.len());
                    text.extend(more.chars().take(room));
                }
                Ok(())
            }
            "synthesize-stop" => {
                if let Some((text, manner)) = self.streamed.take() {
                    let manner = manner.unwrap_or_else(|| plain(services));
                    speak(&text, &manner, services, to).await?;
                }
                Event::new("synthesize-stopped", Value::Null).write(to).await
            }
            // Peers say more than there is to do: what is played, who is where.
            _ => Ok(()),
        }
    }
}

/// Longest text that is collected, in bytes; what is read aloud is shorter.
const MAX_TEXT: usize = 16 << 10;

async fn transcribe(
    recording: Option<Recording>,
    language: Option<String>,
    services: &Services,
) -> Event {
    let Some(recording) = recording.filter(|recording| !recording.bytes.is_empty()) else {
        return Event::new("transcript", json!({ "text": "" }));
    };
    // Unpacking and resampling take milliseconds, too long for a thread that serves others.
    let clip = tokio::task::spawn_blocking(move || recording.clip()).await;
    let clip = match clip {
        Ok(Ok(clip)) => clip,
        Ok(Err(error)) => return failure(&error),
        Err(_) => return failure("the recording is damaged"),
    };
    match (services.transcribe)(clip, language).await {
        Ok(words) => {
            Event::new("transcript", json!({ "text": words.text, "language": words.language }))
        }
        Err(error) => failure(&error),
    }
}

async fn handle(event: &Event, services: &Services) -> Event {
    let context = event.data.get("context").and_then(Value::as_object);
    let of_context = |key: &str| {
        let text = context.and_then(|context| context.get(key)).and_then(Value::as_str);
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let asked = Asked {
        text: event.text("text").unwrap_or_default().to_owned(),
        others: Vec::new(),
        language: event.text("language").map(str::to_owned),
        area: of_context("area"),
        conversation: of_context("conversation_id"),
    };
    match (services.handle)(asked).await {
        Ok(answer) => {
            let kind = if answer.is_understood { "handled" } else { "not-handled" };
            let context = json!({ "conversation_id": answer.conversation });
            let data =
                json!({ "text": answer.text, "language": answer.language, "context": context });
            Event::new(kind, data)
        }
        Err(error) => Event::new("not-handled", json!({ "text": error })),
    }
}

/// How somebody wants to be spoken to.
fn manner(event: &Event, services: &Services) -> Manner {
    let voice = event.data.get("voice").and_then(Value::as_object);
    let word = |key: &str| voice.and_then(|voice| voice.get(key)).and_then(Value::as_str);
    let plain = plain(services);
    // Our voices have the names of their languages.
    match (word("name"), word("language")) {
        (Some(name), _) => Manner { language: name.to_owned(), ..plain },
        (None, Some(language)) => Manner { language: language.to_owned(), ..plain },
        (None, None) => plain,
    }
}

fn plain(services: &Services) -> Manner {
    let language = services.languages.first().cloned().unwrap_or_else(|| "en".to_owned());
    Manner { language, voice: None, volume: 100 }
}

/// Says a text, each piece as soon as it is made.
async fn speak<W: AsyncWrite + Unpin>(
    text: &str,
    manner: &Manner,
    services: &Services,
    to: &mut W,
) -> Result<(), EventError> {
    let mut format = None;
    for piece in sentences(text, &manner.language) {
        let sound = match (services.speak)(piece, manner.clone()).await {
            Ok(sound) => sound,
            Err(error) => return failure(&error.to_string()).write(to).await,
        };
        if format.is_none() {
            format = Some(sound.rate());
            start(sound.rate()).write(to).await?;
        }
        send(&sound, to).await?;
    }
    if format.is_none() {
        start(super::SILENT_RATE).write(to).await?;
    }
    Event::new("audio-stop", json!({ "timestamp": null })).write(to).await
}

/// Sound is about to come.
pub(super) fn start(rate: u32) -> Event {
    Event::new("audio-start", json!({ "rate": rate, "width": 2, "channels": 1 }))
}

/// Sends a sound in pieces.
pub(super) async fn send<W: AsyncWrite + Unpin>(
    sound: &Sound,
    to: &mut W,
) -> Result<(), EventError> {
    let format = json!({ "rate": sound.rate(), "width": 2, "channels": 1 });
    for chunk in sound.bytes().chunks(CHUNK) {
        let event = Event::new("audio-chunk", format.clone());
        Event { payload: chunk.to_vec(), ..event }.write(to).await?;
    }
    Ok(())
}

/// Sound that comes in, as it came.
pub(super) struct Recording {
    rate: u32,
    width: usize,
    channels: usize,
    bytes: Vec<u8>,
}

impl Recording {
    /// With the form that an event says, if there is such a form.
    pub(super) fn new(event: &Event) -> Option<Self> {
        let rate = event.number("rate")?;
        let width = event.number("width").unwrap_or(2) as usize;
        let channels = event.number("channels").unwrap_or(1) as usize;
        let is_known = (1..=4).contains(&width)
            && (1..=32).contains(&channels)
            && (4_000..=192_000).contains(&rate);
        is_known.then(|| Self { rate, width, channels, bytes: Vec::new() })
    }

    /// What is longer than anybody speaks to a house is left out.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        let most = MAX_SECONDS * self.rate as usize * self.width * self.channels;
        let room = most.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn clip(self) -> Result<Clip, String> {
        let frame = self.width * self.channels;
        let value = |sample: &[u8]| match sample {
            // One byte has no sign, as in WAV files.
            [byte] => f32::from(*byte) / 128.0 - 1.0,
            [low, high] => f32::from(i16::from_le_bytes([*low, *high])) / 32_768.0,
            [a, b, c] => i32::from_le_bytes([0, *a, *b, *c]) as f32 / 2_147_483_648.0,
            [a, b, c, d] => i32::from_le_bytes([*a, *b, *c, *d]) as f32 / 2_147_483_648.0,
            _ => 0.0,
        };
        let mix = |frame: &[u8]| {
            frame.chunks_exact(self.width).map(value).sum::<f32>() / self.channels as f32
        };
        let samples = self.bytes.chunks_exact(frame).map(mix).collect();
        Clip::new(samples, self.rate).map_err(|error| error.to_string())
    }
}

/// What there is to ask for.
fn info(name: &str, languages: &[String]) -> Event {
    let by = json!({ "name": "Homard", "url": "" });
    let version = env!("CARGO_PKG_VERSION");
    let one = |name: &str, description: &str, more: Value| {
        let mut one = json!({
            "name": name,
            "attribution": by,
            "installed": true,
            "description": description,
            "version": version,
        });
        if let (Value::Object(one), Value::Object(more)) = (&mut one, more) {
            one.extend(more);
        }
        one
    };
    let all = json!({ "languages": languages });
    let model = |description: &str| one("homard", description, all.clone());
    let voice = |code: &String| {
        one(code, &format!("espeak-ng, {code}"), json!({ "languages": [code], "speakers": null }))
    };
    let voices: Vec<Value> = languages.iter().map(voice).collect();
    let data = json!({
        "asr": [one("homard", name, json!({
            "models": [model("Whisper")],
            "supports_transcript_streaming": false,
        }))],
        "tts": [one("homard", name, json!({
            "voices": voices,
            "supports_synthesize_streaming": true,
        }))],
        "handle": [one("homard", name, json!({
            "models": [model("What Homard understands")],
            "supports_handled_streaming": false,
            "supports_home_control": true,
        }))],
        "intent": [],
        "wake": [],
        "mic": [],
        "snd": [],
    });
    Event::new("info", data)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;

    use super::super::{Answer, Words};
    use super::*;

    /// A server whose ears count seconds, whose voice hums and whose house says what it was asked.
    async fn server() -> (SocketAddr, oneshot::Sender<()>) {
        let services = Services {
            transcribe: Arc::new(|clip, language| {
                let text = format!("{:.1} seconds", clip.seconds());
                let language = language.unwrap_or_else(|| "en".to_owned());
                Box::pin(std::future::ready(Ok(Words { text, others: Vec::new(), language })))
            }),
            speak: Arc::new(|piece, _| {
                let samples = vec![1_000; 100 * piece.len()];
                Box::pin(std::future::ready(Ok(Sound::new(samples, 16_000).unwrap())))
            }),
            handle: Arc::new(|asked| {
                let answer = Answer {
                    text: format!("{asked:?}"),
                    language: "en".to_owned(),
                    conversation: "1".to_owned(),
                    is_understood: asked.text != "gibberish",
                    continues: false,
                };
                Box::pin(std::future::ready(Ok(answer)))
            }),
            languages: vec!["en".to_owned(), "fr".to_owned()],
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let settings = Settings { name: "Home".to_owned() };
        tokio::spawn(async move {
            run(listener, settings, services, async {
                let _ = stopped.await;
            })
            .await
        });
        (address, stop)
    }

    struct Guest(BufReader<TcpStream>);

    impl Guest {
        async fn at(address: SocketAddr) -> Self {
            Self(BufReader::new(TcpStream::connect(address).await.unwrap()))
        }

        async fn say(&mut self, kind: &str, data: Value) {
            Event::new(kind, data).write(self.0.get_mut()).await.unwrap();
        }

        async fn hear(&mut self) -> Event {
            Event::read(&mut self.0, Duration::from_secs(5)).await.unwrap()
        }

        /// Whether the connection was ended by the server.
        async fn is_shut(&mut self) -> bool {
            let mut rest = Vec::new();
            let read = tokio::time::timeout(Duration::from_secs(5), self.0.read_to_end(&mut rest));
            read.await.is_ok()
        }
    }

    #[tokio::test]
    async fn what_is_asked_is_answered() {
        let (address, _stop) = server().await;
        let mut guest = Guest::at(address).await;
        guest.say("describe", Value::Null).await;
        let info = guest.hear().await;
        assert_eq!(info.data["tts"][0]["voices"][1]["languages"], json!(["fr"]));
        assert_eq!(info.data["handle"][0]["supports_home_control"], true);
        guest.say("ping", json!({ "text": "x" })).await;
        assert_eq!(guest.hear().await, Event::new("pong", json!({ "text": "x" })));

        guest.say("transcribe", json!({ "language": "fr" })).await;
        let format = json!({ "rate": 8_000, "width": 2, "channels": 2 });
        guest.say("audio-start", format.clone()).await;
        let chunk = Event { payload: vec![7; 16_000], ..Event::new("audio-chunk", format) };
        for _ in 0..4 {
            chunk.write(guest.0.get_mut()).await.unwrap();
        }
        guest.say("audio-stop", Value::Null).await;
        let heard = guest.hear().await;
        assert_eq!((heard.text("text"), heard.text("language")), (Some("2.0 seconds"), Some("fr")));

        let context = json!({ "conversation_id": "7", "area": "kitchen" });
        guest.say("transcript", json!({ "text": "hello", "context": context })).await;
        let handled = guest.hear().await;
        assert_eq!(handled.kind, "handled");
        assert!(handled.text("text").unwrap().contains("area: Some(\"kitchen\")"), "{handled:?}");
        guest.say("recognize", json!({ "text": "gibberish" })).await;
        assert_eq!(guest.hear().await.kind, "not-handled");

        guest.say("synthesize", json!({ "text": "One. Two." })).await;
        let mut n_bytes = 0;
        assert_eq!(guest.hear().await.kind, "audio-start");
        loop {
            let event = guest.hear().await;
            if event.kind == "audio-stop" {
                break;
            }
            assert!(event.payload.len() <= CHUNK);
            n_bytes += event.payload.len();
        }
        assert_eq!(n_bytes, 2 * 2 * 400);
    }

    #[tokio::test]
    async fn what_is_too_long_is_cut_and_what_has_no_form_is_refused() {
        let (address, _stop) = server().await;
        let mut guest = Guest::at(address).await;
        let format = json!({ "rate": 16_000, "width": 2, "channels": 1 });
        let chunk = Event { payload: vec![0; 1 << 20], ..Event::new("audio-chunk", format) };
        for _ in 0..4 {
            chunk.write(guest.0.get_mut()).await.unwrap();
        }
        guest.say("audio-stop", Value::Null).await;
        assert_eq!(guest.hear().await.text("text"), Some("60.0 seconds"));
        for bad in [
            json!({}),
            json!({ "rate": 0 }),
            json!({ "rate": 16_000, "width": 9 }),
            json!({ "rate": 16_000, "channels": 0 }),
            json!({ "rate": 4_000_000_000_u64 }),
        ] {
            guest.say("audio-chunk", bad).await;
            assert_eq!(guest.hear().await.kind, "error");
        }
        guest.say("audio-stop", Value::Null).await;
        assert_eq!(guest.hear().await, Event::new("transcript", json!({ "text": "" })));
    }

    #[tokio::test]
    async fn who_sends_garbage_or_promises_too_much_is_let_go_and_the_others_are_served() {
        let (address, _stop) = server().await;
        let mut well = Guest::at(address).await;
        for garbage in [
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".as_slice(),
            b"{\"type\":\"audio-chunk\",\"payload_length\":18446744073709551615}\n",
            b"{\"type\":\"audio-chunk\",\"payload_length\":2000000}\n",
            b"{\"type\":\"a\",\"data_length\":1e9}\n",
            &[0; 40_000],
        ] {
            let mut guest = Guest::at(address).await;
            // It may be let go before all of it was sent.
            let _ = guest.0.get_mut().write_all(garbage).await;
            assert!(guest.is_shut().await);
        }
        well.say("ping", Value::Null).await;
        assert_eq!(well.hear().await.kind, "pong");
    }

    #[tokio::test]
    async fn one_address_has_few_connections_and_gets_them_back() {
        let (address, stop) = server().await;
        let mut guests = Vec::new();
        for _ in 0..MOST_OF_ONE {
            let mut guest = Guest::at(address).await;
            guest.say("ping", Value::Null).await;
            assert_eq!(guest.hear().await.kind, "pong");
            guests.push(guest);
        }
        assert!(Guest::at(address).await.is_shut().await);
        drop(guests.pop());
        let patience = tokio::time::Instant::now() + Duration::from_secs(5);
        loop {
            let mut guest = Guest::at(address).await;
            let _ = Event::new("ping", Value::Null).write(guest.0.get_mut()).await;
            if Event::read(&mut guest.0, Duration::from_secs(5)).await.is_ok() {
                break;
            }
            assert!(tokio::time::Instant::now() < patience, "no place was given back");
        }
        // At the end nobody keeps it.
        drop(stop);
        assert!(guests[0].is_shut().await);
    }
}
