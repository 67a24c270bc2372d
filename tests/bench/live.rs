//! A hundred who follow a lively house at once, half of them over event streams and half over
//! WebSockets: how late each event is for each, and what that costs in memory.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::stream::{Scene, find, is_timeout};

/// A reader that hears nothing for this long has heard all.
const SILENCE: Duration = Duration::from_secs(5);

/// What the hundred saw.
pub(crate) struct Crowd {
    /// Milliseconds per event, sorted, for each reader; what never came took for ever.
    pub(crate) delays: Vec<Vec<f64>>,
    /// Megabytes before anybody came, and at most while all were there.
    pub(crate) memory: (f64, f64),
    /// Processor time of Homard, as a share of one core.
    pub(crate) load: f64,
}

/// Lets `n_readers` follow `n` changes, `per_s` of them a second.
pub(crate) fn crowd(
    scene: &mut Scene,
    n_readers: usize,
    per_s: u32,
    n: usize,
) -> io::Result<Crowd> {
    let (before, _) = scene.homard.program.memory()?;
    let base = Instant::now();
    let sent: Arc<[AtomicU64]> = (0..n).map(|_| AtomicU64::new(0)).collect();
    let first = scene.next();
    let mut readers = Vec::new();
    for at in 0..n_readers {
        let is_socket = at % 2 == 1;
        let stream = if is_socket { socket(scene)? } else { scene.homard.events()? };
        stream.set_read_timeout(Some(SILENCE))?;
        let sent = Arc::clone(&sent);
        readers.push(thread::spawn(move || follow(stream, is_socket, first, &sent, base)));
    }
    let cpu = scene.homard.program.cpu()?;
    let started = Instant::now();
    let mut most = before;
    scene.publish_at_pace(per_s, &sent, base, |homard| {
        most = most.max(homard.program.memory().map_or(most, |(now, _)| now));
    })?;
    let spent = scene.homard.program.cpu()?.saturating_sub(cpu);
    let load = spent.as_secs_f64() / started.elapsed().as_secs_f64();
    let mut delays = Vec::new();
    for reader in readers {
        let mut seen = reader.join().map_err(|_| io::Error::other("a reader failed"))??;
        seen.resize(n, f64::INFINITY);
        seen.sort_by(f64::total_cmp);
        delays.push(seen);
    }
    Ok(Crowd { delays, memory: (before, most), load })
}

/// A WebSocket that is signed in and follows every change.
fn socket(scene: &Scene) -> io::Result<TcpStream> {
    let (http, token) = scene.homard.door();
    let mut stream = TcpStream::connect(http)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let head = format!(
        "GET /api/websocket HTTP/1.1\r\nHost: {http}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    let mut answer = Vec::new();
    let mut byte = [0; 1];
    while !answer.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        answer.push(byte[0]);
    }
    let mut frames = Frames::default();
    for (said, heard) in [
        (String::new(), "auth_required"),
        (format!("{{\"type\":\"auth\",\"access_token\":\"{token}\"}}"), "auth_ok"),
        (
            "{\"id\":1,\"type\":\"subscribe_events\",\"event_type\":\"state_changed\"}".to_owned(),
            "\"success\":true",
        ),
    ] {
        if !said.is_empty() {
            stream.write_all(&frame(said.as_bytes()))?;
        }
        loop {
            if let Some(frame) = frames.next() {
                if find(&frame, heard.as_bytes()).is_some() {
                    break;
                }
                continue;
            }
            frames.read(&mut stream)?;
        }
    }
    Ok(stream)
}

/// A text as a client sends it; a mask of zeros changes nothing.
fn frame(text: &[u8]) -> Vec<u8> {
    let mut out = vec![0x81];
    match u8::try_from(text.len()) {
        Ok(short) if short < 126 => out.push(0x80 | short),
        _ => {
            out.push(0x80 | 126);
            out.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(text);
    out
}

/// The server's frames, as they come.
#[derive(Default)]
struct Frames {
    waiting: Vec<u8>,
    done: usize,
}

impl Frames {
    fn read(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        let mut buffer = [0; 32 * 1024];
        self.waiting.drain(..std::mem::take(&mut self.done));
        match stream.read(&mut buffer)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            got => {
                self.waiting.extend_from_slice(&buffer[..got]);
                Ok(())
            }
        }
    }

    fn next(&mut self) -> Option<Vec<u8>> {
        let rest = &self.waiting[self.done..];
        let length = usize::from(*rest.get(1)? & 0x7F);
        let (head, length) = match length {
            126 => (4, usize::from(u16::from_be_bytes(rest.get(2..4)?.try_into().ok()?))),
            127 => {
                (10, usize::try_from(u64::from_be_bytes(rest.get(2..10)?.try_into().ok()?)).ok()?)
            }
            short => (2, short),
        };
        let frame = rest.get(head..head + length)?.to_vec();
        self.done += head + length;
        Some(frame)
    }
}

/// For each event the milliseconds since its message was sent.
fn follow(
    mut stream: TcpStream,
    is_socket: bool,
    first: usize,
    sent: &[AtomicU64],
    base: Instant,
) -> io::Result<Vec<f64>> {
    let mut delays = Vec::with_capacity(sent.len());
    let mut frames = Frames::default();
    let take = |event: &[u8], now: Duration, delays: &mut Vec<f64>| {
        let number = number_of(event).and_then(|number| number.checked_sub(first));
        if let Some(sent) = number.and_then(|at| sent.get(at)) {
            let sent = Duration::from_nanos(sent.load(Ordering::Acquire));
            delays.push(now.saturating_sub(sent).as_secs_f64() * 1e3);
        }
    };
    while delays.len() < sent.len() {
        match frames.read(&mut stream) {
            Ok(()) => {}
            Err(error) if is_timeout(&error) || error.kind() == io::ErrorKind::UnexpectedEof => {
                break;
            }
            Err(error) => return Err(error),
        }
        let now = base.elapsed();
        if is_socket {
            while let Some(frame) = frames.next() {
                take(&frame, now, &mut delays);
            }
        } else {
            while let Some(end) = find(&frames.waiting[frames.done..], b"\n\n") {
                take(&frames.waiting[frames.done..frames.done + end], now, &mut delays);
                frames.done += end + 2;
            }
        }
    }
    Ok(delays)
}

/// The number of the report that an event shows. The new state is the second half of it.
fn number_of(event: &[u8]) -> Option<usize> {
    let half = &event[event.len() * 2 / 5..];
    let rest = &half[find(half, b"\"new_state\":")?..];
    let start = find(rest, b"\"state\":\"")? + 9;
    let end = start + find(&rest[start..], b"\"")?;
    let value: f64 = std::str::from_utf8(&rest[start..end]).ok()?.parse().ok()?;
    Some((value * 100.0).round() as usize)
}
