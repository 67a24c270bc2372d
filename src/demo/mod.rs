//! PORT: a simulated house that speaks MQTT discovery, to try Homard without any hardware.
//!
//! Owns a set of devices that announce themselves, answer commands and change by themselves. It is
//! an ordinary client of the broker, under ids of its own: to the rest of Homard its devices are
//! as real as others.

mod device;
mod house;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use rumqttc::{AsyncClient, Event, EventLoop, Incoming, LastWill, MqttOptions, QoS};
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{debug, info};

pub use self::house::{ALIASES, FLOORS, Floor, ROOMS, Room};

use self::device::{BRIDGE, Device, Dice, Said};

/// How often time passes in the house.
const TICK: Duration = Duration::from_secs(1);
/// Messages that may wait for the broker; more than the whole house says at once.
const LANE: usize = 1_024;
/// Largest packet, in bytes.
const PACKET: usize = 1 << 20;
/// First and longest wait before connecting again.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));
/// Longest time for the last words.
const FAREWELL: Duration = Duration::from_millis(500);
/// Devices answer a command after this many milliseconds.
const REACTION: (f64, f64) = (50.0, 200.0);

/// Where the house announces itself.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The broker's name or address.
    pub host: String,
    /// Its port; plain MQTT.
    pub port: u16,
    /// First part of discovery topics.
    pub prefix: String,
    /// Where the hub says `online`; the house then announces itself again.
    pub status_topic: String,
    /// Takes everything back at the end: on a broker that others use too.
    pub leaves_no_trace: bool,
    /// The house behaves the same each time from the same seed.
    pub seed: u64,
}

/// Lives until `shutdown` turns true. A lost broker is connected to again.
pub async fn run(settings: Settings, mut shutdown: watch::Receiver<bool>) {
    let mut options = MqttOptions::new("homard-demo-house", &settings.host, settings.port);
    options.set_keep_alive(Duration::from_secs(30)).set_max_packet_size(PACKET, PACKET);
    options.set_last_will(LastWill::new(BRIDGE, bridge("offline"), QoS::AtLeastOnce, true));
    let (client, events) = AsyncClient::new(options, LANE);
    let (tell, mut told) = mpsc::channel(LANE);
    let mut connection = JoinSet::new();
    connection.spawn(connect(events, tell));

    let mut house = House::new(settings, client);
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let next_answer = house.next_answer();
        tokio::select! {
            incoming = told.recv() => match incoming {
                Some(Told::Connected) => house.greet(),
                Some(Told::Message(topic, payload)) => house.hear(&topic, &payload),
                None => break,
            },
            _ = ticks.tick() => house.pass(TICK.as_secs_f64()),
            () = tokio::time::sleep_until(next_answer) => house.answer(Instant::now()),
            _ = shutdown.wait_for(|stop| *stop) => break,
        }
    }
    house.leave();
    let farewell = async { while connection.join_next().await.is_some() {} };
    if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
        debug!("The demo's last words may not have reached the broker.");
    }
}

/// What the connection tells.
enum Told {
    Connected,
    Message(String, String),
}

/// Keeps the connection; ends after a disconnect that the house asked for.
async fn connect(mut events: EventLoop, tell: mpsc::Sender<Told>) {
    let mut wait = BACKOFF.0;
    loop {
        let told = match events.poll().await {
            Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                wait = BACKOFF.0;
                Told::Connected
            }
            Ok(Event::Incoming(Incoming::Publish(publish))) if !publish.retain => {
                let payload = String::from_utf8_lossy(&publish.payload).into_owned();
                Told::Message(publish.topic, payload)
            }
            Ok(Event::Outgoing(rumqttc::Outgoing::Disconnect)) => {
                // Who closes first while acknowledgements are on their way resets the connection,
                // and the broker may never read the goodbye. So the broker closes.
                while events.poll().await.is_ok() {}
                return;
            }
            Ok(_) => continue,
            Err(error) => {
                if tell.is_closed() {
                    return;
                }
                debug!(%error, "The demo has no connection to the broker.");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(BACKOFF.1);
                continue;
            }
        };
        if tell.send(told).await.is_err() {
            return;
        }
    }
}

/// The devices and what they have said.
struct House {
    settings: Settings,
    client: AsyncClient,
    devices: Vec<Box<dyn Device>>,
    /// When a device answers a command: index and time.
    answers: Vec<(usize, Instant)>,
    /// Retained messages that the broker has from us.
    said: HashMap<String, String>,
    dice: Dice,
    is_connected: bool,
}

impl House {
    fn new(settings: Settings, client: AsyncClient) -> Self {
        let dice = Dice::new(settings.seed);
        Self {
            settings,
            client,
            devices: house::devices(),
            answers: Vec::new(),
            said: HashMap::new(),
            dice,
            is_connected: false,
        }
    }

    /// Announces everything, says everything, listens for commands.
    fn greet(&mut self) {
        self.is_connected = true;
        let listened = ["demo/+/set", "demo/+/set/+", self.settings.status_topic.as_str()];
        for topic in listened {
            if let Err(error) = self.client.try_subscribe(topic, QoS::AtLeastOnce) {
                debug!(%error, topic, "The demo could not subscribe.");
            }
        }
        self.announce();
        info!(devices = self.devices.len(), "The simulated house has announced itself.");
    }

    fn announce(&mut self) {
        self.said.clear();
        for (topic, payload) in self.announcements() {
            self.say(Said { topic, payload, retain: true });
        }
        self.say(Said { topic: BRIDGE.to_owned(), payload: bridge("online"), retain: true });
        for at in 0..self.devices.len() {
            self.report(at);
        }
    }

    fn announcements(&self) -> Vec<(String, String)> {
        let prefix = &self.settings.prefix;
        let all = self.devices.iter().flat_map(|device| device.announce());
        all.map(|(topic, payload)| (format!("{prefix}/{topic}"), payload.to_string())).collect()
    }

    fn hear(&mut self, topic: &str, payload: &str) {
        if topic == self.settings.status_topic {
            if payload == "online" {
                self.announce();
            }
            return;
        }
        let Some((id, what)) = command(topic) else { return };
        let found = self.devices.iter_mut().enumerate().find(|(_, device)| device.facts().id == id);
        let Some((at, device)) = found else { return };
        device.obey(what, payload);
        let delay = Duration::from_secs_f64(self.dice.between(REACTION.0, REACTION.1) / 1_000.0);
        if self.answers.iter().all(|(other, _)| *other != at) {
            self.answers.push((at, Instant::now() + delay));
        }
    }

    fn next_answer(&self) -> Instant {
        let next = self.answers.iter().map(|(_, at)| *at).min();
        next.unwrap_or_else(|| Instant::now() + Duration::from_secs(3_600))
    }

    fn answer(&mut self, now: Instant) {
        let due: Vec<usize> =
            self.answers.iter().filter(|(_, at)| *at <= now).map(|(device, _)| *device).collect();
        self.answers.retain(|(_, at)| *at > now);
        for at in due {
            // Also what is so already: a real device answers every command.
            if let Some(device) = self.devices.get(at) {
                for said in device.report() {
                    self.said.remove(&said.topic);
                }
            }
            self.report(at);
        }
    }

    fn pass(&mut self, seconds: f64) {
        let waiting: BTreeSet<usize> = self.answers.iter().map(|(at, _)| *at).collect();
        for at in 0..self.devices.len() {
            if let Some(device) = self.devices.get_mut(at) {
                device.pass(seconds, &mut self.dice);
            }
            if !waiting.contains(&at) {
                self.report(at);
            }
        }
    }

    /// Publishes what a device says that it has not said before.
    fn report(&mut self, at: usize) {
        let Some(device) = self.devices.get_mut(at) else { return };
        let mut all = device.report();
        all.append(&mut device.happened());
        for said in all {
            self.say(said);
        }
    }

    fn say(&mut self, said: Said) {
        if !self.is_connected || (said.retain && self.said.get(&said.topic) == Some(&said.payload))
        {
            return;
        }
        let qos = if said.retain { QoS::AtLeastOnce } else { QoS::AtMostOnce };
        let sent =
            self.client.try_publish(said.topic.as_str(), qos, said.retain, said.payload.as_bytes());
        match sent {
            Ok(()) if said.retain => {
                self.said.insert(said.topic, said.payload);
            }
            Ok(()) => {}
            // What is retained is said again at the next occasion.
            Err(error) => debug!(%error, "The demo's message waits."),
        }
    }

    fn leave(&mut self) {
        if self.settings.leaves_no_trace {
            let topics: Vec<String> = self.said.keys().cloned().collect();
            for topic in topics {
                self.say(Said { topic, payload: String::new(), retain: true });
            }
        } else {
            self.say(Said { topic: BRIDGE.to_owned(), payload: bridge("offline"), retain: true });
        }
        if let Err(error) = self.client.try_disconnect() {
            debug!(%error, "The demo could not disconnect.");
        }
    }
}

fn bridge(word: &str) -> String {
    json!({"state": word}).to_string()
}

/// `demo/ID/set` or `demo/ID/set/WHAT`, taken apart.
fn command(topic: &str) -> Option<(&str, &str)> {
    let (id, rest) = topic.strip_prefix("demo/")?.split_once("/set")?;
    match rest {
        "" => Some((id, "")),
        _ => Some((id, rest.strip_prefix('/')?)),
    }
}

#[cfg(test)]
mod tests;
