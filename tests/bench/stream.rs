//! The way of a message, from the publisher to the event stream: how many a second, and how long
//! each takes.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::homard::{Homard, Place};
use crate::house::{sensor_config, sensor_payload, sensor_topic};
use crate::mqtt::Publisher;
use crate::process::{Folder, Program, mosquitto};

pub(crate) const N_SENSORS: usize = 1_000;
/// An end is assumed after so long without an event.
const SILENCE: Duration = Duration::from_secs(5);

/// A broker, a house of sensors behind it, and a publisher.
pub(crate) struct Scene {
    broker: Program,
    address: SocketAddr,
    pub(crate) homard: Homard,
    publisher: Publisher,
    topics: Vec<String>,
    /// The number of the next report.
    next: usize,
    folder: Folder,
}

pub(crate) struct Rate {
    /// Events a second at the reader.
    pub(crate) per_s: f64,
    /// How far the messages came.
    pub(crate) way: Way,
    /// Microseconds of processor time a message, of Homard and of the broker.
    pub(crate) homard_us: f64,
    pub(crate) broker_us: f64,
}

/// How many messages of a flood were at each station of their way.
#[derive(Clone, Copy)]
pub(crate) struct Way {
    pub(crate) n_published: u64,
    /// What the broker says: came in, and could not be handed on.
    pub(crate) n_at_broker: u64,
    pub(crate) n_dropped_by_broker: u64,
    /// What Homard's figures say: taken in by the hub, written for the reader.
    pub(crate) n_at_hub: u64,
    pub(crate) n_written: u64,
    /// What came out of the stream, and how many events it said were lost.
    pub(crate) n_read: u64,
    pub(crate) n_said_lost: u64,
}

impl Way {
    /// All came, or the reader was told how many did not.
    pub(crate) fn is_honest(&self) -> bool {
        self.n_read + self.n_said_lost == self.n_published
    }
}

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "published {}, broker got {} and dropped {}, hub got {}, written {}, read {}, said to \
             be lost {}",
            self.n_published,
            self.n_at_broker,
            self.n_dropped_by_broker,
            self.n_at_hub,
            self.n_written,
            self.n_read,
            self.n_said_lost
        )
    }
}

impl Scene {
    pub(crate) fn new() -> io::Result<Self> {
        let folder = Folder::new("stream")?;
        let (broker, address) = mosquitto(&folder)?;
        let mut publisher = Publisher::connect(address)?;
        let homard = Place::new(&folder, Some(address))?.start()?;
        for n in 0..N_SENSORS {
            let (topic, payload) = sensor_config(n);
            publisher.put(&topic, payload.as_bytes(), true)?;
        }
        publisher.settle()?;
        homard.wait_for_entities(N_SENSORS)?;
        homard.wait_for_quiet()?;
        let topics = (0..N_SENSORS).map(sensor_topic).collect();
        let mut scene = Self { broker, address, homard, publisher, topics, next: 0, folder };
        // Everything once, so that nothing is said for the first time later.
        scene.publish(N_SENSORS)?;
        scene.homard.wait_for_quiet()?;
        Ok(scene)
    }

    fn publish(&mut self, n: usize) -> io::Result<()> {
        let mut payload = Vec::new();
        for number in self.next..self.next + n {
            sensor_payload(&mut payload, number);
            self.publisher.put(&self.topics[number % N_SENSORS], &payload, false)?;
        }
        self.next += n;
        self.publisher.flush()
    }

    /// So many messages as fast as they can be sent.
    pub(crate) fn full_speed(&mut self, n: usize) -> io::Result<Rate> {
        let events = self.homard.events()?;
        events.set_read_timeout(Some(SILENCE))?;
        let before = self.counters()?;
        let (homard, broker) = (self.homard.program.cpu()?, self.broker.cpu()?);
        let started = Instant::now();
        let reader = thread::spawn(move || count(events, n as u64));
        self.publish(n)?;
        let (seen, last) = reader.join().map_err(|_| io::Error::other("the reader failed"))??;
        let (homard, broker) =
            (self.homard.program.cpu()? - homard, self.broker.cpu()?.saturating_sub(broker));
        self.homard.wait_for_quiet()?;
        let after = self.counters()?;
        let [n_at_broker, n_dropped_by_broker, n_at_hub, n_written] =
            std::array::from_fn(|n| after[n] - before[n]);
        let micros = |spent: Duration| spent.as_secs_f64() * 1e6 / n as f64;
        Ok(Rate {
            per_s: seen.n_events as f64 / last.duration_since(started).as_secs_f64(),
            way: Way {
                n_published: n as u64,
                n_at_broker,
                n_dropped_by_broker,
                n_at_hub,
                n_written,
                n_read: seen.n_events,
                n_said_lost: seen.n_said_lost,
            },
            homard_us: micros(homard),
            broker_us: micros(broker),
        })
    }

    /// What the broker and Homard have counted so far.
    fn counters(&self) -> io::Result<[u64; 4]> {
        // The broker writes its figures down once a second.
        thread::sleep(Duration::from_millis(1_500));
        let homard = |name| self.homard.metric(name).map(|n| n as u64);
        Ok([
            self.broker_says("received")?,
            self.broker_says("dropped")?,
            homard("homard_hub_changes_total")?,
            homard("homard_events_total")?,
        ])
    }

    fn broker_says(&self, what: &str) -> io::Result<u64> {
        let topic = format!("$SYS/broker/publish/messages/{what}");
        let port = self.address.port().to_string();
        let mut command = Command::new("mosquitto_sub");
        command.args(["-h", "127.0.0.1", "-p", &port, "-t", &topic, "-C", "1", "-W", "5"]);
        let said = command.output()?.stdout;
        // It says nothing of what never happened.
        Ok(String::from_utf8_lossy(&said).trim().parse().unwrap_or(0))
    }

    /// What the same stream costs `mosquitto_sub` in place of Homard: messages a second.
    pub(crate) fn ceiling(&mut self, n: usize) -> io::Result<f64> {
        let port = self.address.port().to_string();
        let count = n.to_string();
        let log = self.folder.path().join("mosquitto_sub.log");
        let mut command = Command::new("mosquitto_sub");
        command.args(["-h", "127.0.0.1", "-p", &port, "-t", "alone/+", "-C", &count]);
        let mut sub = Program::start(&mut command, &log)?;
        thread::sleep(Duration::from_millis(500));
        let started = Instant::now();
        let mut payload = Vec::new();
        let topics: Vec<String> = (0..N_SENSORS).map(|n| format!("alone/sensor_{n}")).collect();
        for number in 0..n {
            sensor_payload(&mut payload, number);
            self.publisher.put(&topics[number % N_SENSORS], &payload, false)?;
        }
        self.publisher.flush()?;
        match sub.ends_within(Duration::from_secs(120))? {
            true => Ok(n as f64 / started.elapsed().as_secs_f64()),
            false => Err(io::Error::other("mosquitto_sub did not get all messages")),
        }
    }

    /// The number of the next report.
    pub(crate) fn next(&self) -> usize {
        self.next
    }

    /// Publishes at a steady pace and notes when each was sent, after `base`; looks around ten times
    /// a second.
    pub(crate) fn publish_at_pace(
        &mut self,
        per_s: u32,
        sent: &[AtomicU64],
        base: Instant,
        mut look: impl FnMut(&Homard),
    ) -> io::Result<()> {
        let mut payload = Vec::new();
        let step = Duration::from_secs(1) / per_s;
        let started = base.elapsed();
        for (at, sent) in sent.iter().enumerate() {
            let due = started + step * u32::try_from(at).unwrap_or(u32::MAX);
            thread::sleep(due.saturating_sub(base.elapsed()));
            let number = self.next + at;
            sensor_payload(&mut payload, number);
            let nanos = u64::try_from(base.elapsed().as_nanos()).unwrap_or(u64::MAX);
            sent.store(nanos, Ordering::Release);
            self.publisher.put(&self.topics[number % N_SENSORS], &payload, false)?;
            self.publisher.flush()?;
            if at % (per_s as usize / 10).max(1) == 0 {
                look(&self.homard);
            }
        }
        self.next += sent.len();
        Ok(())
    }

    /// At a steady pace: milliseconds from before the publish to after the read, sorted.
    pub(crate) fn at_pace(&mut self, per_s: u32, n: usize) -> io::Result<Vec<f64>> {
        let events = self.homard.events()?;
        events.set_read_timeout(Some(SILENCE))?;
        let base = Instant::now();
        let sent: Arc<[AtomicU64]> = (0..n).map(|_| AtomicU64::new(0)).collect();
        let first = self.next;
        let times = Arc::clone(&sent);
        let reader = thread::spawn(move || delays(events, first, &times, base));
        self.publish_at_pace(per_s, &sent, base, |_| {})?;
        let mut delays = reader.join().map_err(|_| io::Error::other("the reader failed"))??;
        // What never came took for ever.
        delays.resize(n, f64::INFINITY);
        delays.sort_by(f64::total_cmp);
        Ok(delays)
    }
}

/// What was read from the stream.
#[derive(Default)]
struct Seen {
    n_events: u64,
    n_said_lost: u64,
}

/// Counts events up to `n`, those that are said to be lost among them; and when the last one came.
/// Each event is one line; its first word is enough to tell which it is.
fn count(mut events: TcpStream, n: u64) -> io::Result<(Seen, Instant)> {
    const CHANGED: &[u8] = b"data: {\"event_type\":\"state_changed\"";
    const LAGGED: &[u8] = b"data: {\"event_type\":\"homard_lagged\",\"data\":{\"count\":";
    let mut buffer = vec![0; 512 * 1024];
    let mut rest: Vec<u8> = Vec::new();
    let mut seen = Seen::default();
    let mut last = Instant::now();
    while seen.n_events + seen.n_said_lost < n {
        let got = match events.read(&mut buffer) {
            Ok(0) => break,
            Ok(got) => got,
            Err(error) if is_timeout(&error) => break,
            Err(error) => return Err(error),
        };
        last = Instant::now();
        for part in buffer[..got].split_inclusive(|byte| *byte == b'\n') {
            let is_whole = part.ends_with(b"\n");
            if !rest.is_empty() || !is_whole {
                rest.extend_from_slice(part);
            }
            if !is_whole {
                continue;
            }
            let line = if rest.is_empty() { part } else { &rest };
            if line.starts_with(CHANGED) {
                seen.n_events += 1;
            } else if let Some(count) = line.strip_prefix(LAGGED) {
                let digits = count.iter().take_while(|byte| byte.is_ascii_digit());
                let count = digits.fold(0, |count, digit| count * 10 + u64::from(digit - b'0'));
                seen.n_said_lost += count;
            }
            rest.clear();
        }
    }
    Ok((seen, last))
}

pub(crate) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// For each event the milliseconds since its message was sent. Ends when all have come.
fn delays(
    mut events: TcpStream,
    first: usize,
    sent: &[AtomicU64],
    base: Instant,
) -> io::Result<Vec<f64>> {
    let mut delays = Vec::with_capacity(sent.len());
    let mut waiting: Vec<u8> = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    while delays.len() < sent.len() {
        let got = match events.read(&mut buffer) {
            Ok(0) => break,
            Ok(got) => got,
            Err(error) if is_timeout(&error) => break,
            Err(error) => return Err(error),
        };
        let now = base.elapsed();
        waiting.extend_from_slice(&buffer[..got]);
        let mut done = 0;
        while let Some(end) = find(&waiting[done..], b"\n\n") {
            let event = &waiting[done..done + end];
            done += end + 2;
            let Some(at) = number_of(event).and_then(|number| number.checked_sub(first)) else {
                continue;
            };
            if let Some(sent) = sent.get(at) {
                let sent = Duration::from_nanos(sent.load(Ordering::Acquire));
                delays.push(now.saturating_sub(sent).as_secs_f64() * 1e3);
            }
        }
        waiting.drain(..done);
    }
    Ok(delays)
}

/// The number of the report that an event shows.
fn number_of(event: &[u8]) -> Option<usize> {
    let after = find(event, b"\"new_state\":")?;
    let rest = &event[after..];
    let start = find(rest, b"\"state\":\"")? + 9;
    let end = start + find(&rest[start..], b"\"")?;
    let value: f64 = std::str::from_utf8(&rest[start..end]).ok()?.parse().ok()?;
    Some((value * 100.0).round() as usize)
}

pub(crate) fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
