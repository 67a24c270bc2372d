//! The port to the broker: devices announce themselves, tell their state and take commands.
//!
//! Only this module knows topics and payloads. [`engine::Engine`] is the port without its
//! connection.

mod abbreviation;
mod attempts;
mod binding;
mod common;
mod component;
mod connection;
mod discovery;
pub mod engine;
mod failure;
mod keys;
mod message;
mod names;
mod port;
mod routes;
mod trial;
mod trigger;
mod units;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::ClientConfig;
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::config::Secret;
use crate::hub::event::Effect;
use crate::hub::{HubHandle, Stopped};

pub use self::trial::{Trouble, try_out};

/// How to reach the broker and what to look for there.
#[derive(Clone)]
pub struct Settings {
    /// Name or address of the broker.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// TLS with these roots; plain when absent.
    pub tls: Option<Arc<ClientConfig>>,
    /// User name.
    pub user: Option<String>,
    /// Password.
    pub password: Option<Secret>,
    /// Under which id Homard connects.
    pub client_id: String,
    /// Announcements are below this: `homeassistant`.
    pub discovery_prefix: String,
    /// Where the birth message goes: `homeassistant/status`.
    pub status_topic: String,
    /// What the broker says on the status topic when Homard is lost. None by default: a Home
    /// Assistant beside it would be declared dead with it.
    pub will: Option<String>,
    /// What is known of the broker's retained messages; nothing of a broker that is not our own.
    pub kept_since: Option<KeptSince>,
    /// Who is told of every connection.
    pub witness: Option<Witness>,
}

/// Is told what becomes of connections, at once; must not wait.
pub type Witness = Arc<dyn Fn(&Passage<'_>) + Send + Sync>;

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage<'a> {
    /// It is being made.
    Trying,
    /// It stands.
    Connected,
    /// It is lost or could not be made, with why.
    Lost(&'a str),
}

impl Settings {
    fn tell(&self, passage: &Passage<'_>) {
        if let Some(witness) = &self.witness {
            witness(passage);
        }
    }
}

/// Since when the broker has had this message on this topic, if it kept it over a restart.
pub type KeptSince = Arc<dyn Fn(&str, &[u8]) -> Option<Timestamp> + Send + Sync>;

/// How patient the port is.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// How long a first attempt to connect may take, until the broker's answer; slow brokers get
    /// more at the next. At least a tenth of a second is sensible.
    pub connect: Duration,
    /// The pause after a first failed attempt; each failure doubles it.
    pub first_pause: Duration,
    /// The longest pause between attempts.
    pub longest_pause: Duration,
    /// Announcements have gone quiet after this long without one; then the birth message is sent.
    pub quiet: Duration,
    /// Pings are sent this often, but not more often than [`Timing::SHORTEST_KEEP_ALIVE`]. A
    /// broker that takes nothing is given up after one and a half times as long.
    pub keep_alive: Duration,
}

impl Timing {
    /// rumqttc refuses less.
    pub const SHORTEST_KEEP_ALIVE: Duration = Duration::from_secs(5);

    fn keep_alive(&self) -> Duration {
        self.keep_alive.max(Self::SHORTEST_KEEP_ALIVE)
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(30),
            quiet: Duration::from_secs(2),
            keep_alive: Duration::from_secs(60),
        }
    }
}

/// Connects, and again when the connection is lost; takes in what devices announce and say, and
/// sends what the hub wishes, until `stop` is done.
///
/// # Errors
/// [`Stopped`] when the hub has ended.
pub async fn run(
    settings: Settings,
    hub: HubHandle,
    clock: Clock,
    effects: &mut mpsc::Receiver<Vec<Effect>>,
    stop: impl Future<Output = ()>,
) -> Result<(), Stopped> {
    run_timed(settings, Timing::default(), hub, clock, effects, stop).await
}

/// [`run`] with another patience.
///
/// # Errors
/// The same.
pub async fn run_timed(
    settings: Settings,
    timing: Timing,
    hub: HubHandle,
    clock: Clock,
    effects: &mut mpsc::Receiver<Vec<Effect>>,
    stop: impl Future<Output = ()>,
) -> Result<(), Stopped> {
    port::run(settings, timing, hub, clock, effects, stop).await
}
