//! The port to the broker: devices announce themselves, tell their state and take commands.
//!
//! Only this module knows topics and payloads. [`engine::Engine`] is the port without its
//! connection.

mod abbreviation;
mod binding;
mod common;
mod component;
mod connection;
mod discovery;
pub mod engine;
mod keys;
mod message;
mod names;
mod port;
mod routes;
mod trigger;
mod units;

use std::sync::Arc;

use rustls::ClientConfig;
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::config::Secret;
use crate::hub::event::Effect;
use crate::hub::{HubHandle, Stopped};

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
    port::run(settings, hub, clock, effects, stop).await
}
