//! PORT: the embedded MQTT broker, for a house that has none.
//!
//! Owns the listener, who may come in, the limits, and the retained messages over a restart. The
//! protocol itself is the crate `mqtt5`, which no other module names; the rest of Homard talks
//! to this broker as to any other, through an ordinary client, so that another broker is a
//! setting and not a change of code.
//!
//! Of mqtt5 only the engine is used (router, sessions, one handler per connection), not its
//! `MqttBroker`: that would bring timers which run while the house sleeps, an accept loop that
//! spins when file descriptors run out, and a TLS listener that one silent peer blocks.
//!
//! Known limits of mqtt5 0.49: client ids with `/` or `\` are refused; MQTT 5 subscribers see the
//! sender's client id and user name as user properties; a client with keep-alive 0 that says
//! nothing for five minutes is cut off; sessions and queued messages do not survive a restart.

mod access;
mod filter;
mod listener;
mod probe;
mod quiet;
mod retained;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mqtt5::broker::router::MessageRouter;
use mqtt5::broker::storage::{DynamicStorage, MemoryBackend, QueueLimits};
use mqtt5::broker::sys_topics::{BrokerStats, SysTopicsProvider};
use mqtt5::broker::{
    BrokerConfig, BrokerEventHandler, ResourceLimits, ResourceMonitor, StorageBackend,
};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, broadcast, oneshot};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, timeout};
use tracing::{info, warn};

pub use self::access::{Password, User};
pub use self::probe::{Probe, probe};
pub use self::retained::{Retained, RetainedChange, RetainedStore};

use self::access::Access;
use self::listener::{Door, Engine};
use self::quiet::Quiet;
use self::retained::Keeper;

/// Connections beyond the clients that may be open: some are just coming, some just going.
const SPARE_SEATS: usize = 56;
/// Messages on their way to one client, beyond a burst of all retained ones.
const LANE: usize = 4_096;
/// Topic aliases one client may set up; each can cost 64 KiB.
const TOPIC_ALIASES: u16 = 32;
/// Retained topics of the broker's own, which do not count against the limit.
const SYS_TOPICS: usize = 3;
/// How often expired sessions and messages are looked for.
const SWEEP: Duration = Duration::from_secs(300);
/// Longest time for the connections to end when the broker stops.
const FAREWELL: Duration = Duration::from_millis(300);

/// What a broker is to be.
#[derive(Clone)]
pub struct Settings {
    /// Where plain MQTT is spoken, 3.1.1 and 5 on the same port; port 0 takes a free one. Must
    /// be a loopback address unless there are users.
    pub listen: SocketAddr,
    /// Who may connect; nobody here means that anybody may, from this machine.
    pub users: Vec<User>,
    /// A second listener with TLS, for the network.
    pub tls: Option<Tls>,
    /// Bounds of memory and time.
    pub limits: Limits,
}

impl Settings {
    /// Anybody on this machine may connect to `listen`, which must be a loopback address.
    #[must_use]
    pub fn local(listen: SocketAddr) -> Self {
        Self { listen, users: Vec::new(), tls: None, limits: Limits::default() }
    }

    /// Whether these settings can be started, without starting anything.
    ///
    /// # Errors
    /// The first problem found, in words for the owner.
    pub fn check(&self) -> Result<(), Error> {
        let listeners = std::iter::once(self.listen).chain(self.tls.as_ref().map(|t| t.listen));
        for listen in listeners {
            if self.users.is_empty() && !listen.ip().to_canonical().is_loopback() {
                return Err(Error::OpenToNetwork { listen });
            }
        }
        for (index, user) in self.users.iter().enumerate() {
            let name = || user.name.clone();
            if user.name.is_empty() {
                return Err(Error::NamelessUser);
            }
            if user.password.is_empty() {
                return Err(Error::NoPassword { user: name() });
            }
            if self.users[..index].iter().any(|other| other.name == user.name) {
                return Err(Error::DuplicateUser { user: name() });
            }
            if let Some(bad) = user.filters.iter().find(|wanted| !filter::is_valid(wanted)) {
                return Err(Error::BadFilter { user: name(), filter: bad.clone() });
            }
        }
        Ok(())
    }
}

/// The TLS listener.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Certificate chain, PEM.
    pub cert: PathBuf,
    /// Private key of the certificate, PEM.
    pub key: PathBuf,
    /// Where it listens, usually port 8883.
    pub listen: SocketAddr,
}

/// Bounds of memory and time; the defaults fit a home on a small board.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest MQTT packet, in bytes; a client that sends more is cut off.
    pub packet_bytes: usize,
    /// Clients connected at one time.
    pub clients: usize,
    /// Messages with QoS 1 or 2 that a client may have on the way to us.
    pub receive_maximum: u16,
    /// Topics with a retained message. Reaching it is logged; further topics are not retained.
    pub retained_messages: usize,
    /// Sum of all retained payloads, in bytes; a message that would go past it is dropped.
    pub retained_bytes: usize,
    /// Messages kept for one client that is away.
    pub queued_messages: usize,
    /// Bytes kept for one client that is away.
    pub queued_bytes: usize,
    /// Sessions kept in all, of clients that are connected or away.
    pub sessions: usize,
    /// Longest time that the session of a client that is away is kept.
    pub session_expiry: Duration,
    /// Longest time that a changed retained message waits before it is handed to the store.
    pub save_interval: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            packet_bytes: 1 << 20,
            clients: 200,
            receive_maximum: 100,
            retained_messages: 20_000,
            retained_bytes: 64 << 20,
            queued_messages: 1_000,
            queued_bytes: 4 << 20,
            sessions: 400,
            session_expiry: Duration::from_secs(24 * 60 * 60),
            save_interval: Duration::from_secs(1),
        }
    }
}

/// Why a broker did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A network address without users: everybody in reach could switch the house.
    #[error(
        "`{listen}` can be reached from the network, but there are no users with passwords: \
         add users, or listen on 127.0.0.1"
    )]
    OpenToNetwork {
        /// The address in question.
        listen: SocketAddr,
    },
    /// A user without a name.
    #[error("a broker user has no name")]
    NamelessUser,
    /// A user whose password is empty.
    #[error("broker user `{user}` has an empty password")]
    NoPassword {
        /// The user's name.
        user: String,
    },
    /// Two users with one name.
    #[error("broker user `{user}` is named twice")]
    DuplicateUser {
        /// The user's name.
        user: String,
    },
    /// A topic filter that MQTT does not know.
    #[error(
        "broker user `{user}`: `{filter}` is no topic filter (`+` stands for one whole level, \
         `#` for the rest and only at the end)"
    )]
    BadFilter {
        /// The user's name.
        user: String,
        /// The filter as it was given.
        filter: String,
    },
    /// Another program listens there, perhaps another broker.
    #[error("`{address}` is in use: another program, perhaps another MQTT broker, listens there")]
    AddressInUse {
        /// The address in question.
        address: SocketAddr,
    },
    /// The address cannot be listened on for another reason.
    #[error("cannot listen on `{address}`")]
    Listen {
        /// The address in question.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The certificate or the key cannot be used.
    #[error("`{path}` cannot be used for TLS: {reason}")]
    Certificate {
        /// The file in question.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// mqtt5 refused the limits.
    #[error("the broker cannot start: {reason}")]
    Engine {
        /// What mqtt5 said.
        reason: String,
    },
}

/// A running broker. Dropping it ends everything at once, without the last save; [`Broker::stop`]
/// is the proper way.
pub struct Broker {
    address: SocketAddr,
    tls_address: Option<SocketAddr>,
    shutdown: broadcast::Sender<()>,
    /// The listeners with their connections.
    doors: JoinSet<()>,
    /// Timers that nobody waits for.
    _chores: JoinSet<()>,
    keeper: JoinSet<()>,
    stop_keeper: oneshot::Sender<()>,
}

/// Starts a broker. When this returns, it listens and all retained messages are there; before
/// they are loaded, nobody can connect.
///
/// # Errors
/// See [`Error`]; nothing runs then.
pub async fn start(settings: Settings, store: Arc<dyn RetainedStore>) -> Result<Broker, Error> {
    settings.check()?;
    let limits = &settings.limits;
    let storage = Arc::new(DynamicStorage::Memory(MemoryBackend::with_queue_limits(QueueLimits {
        max_messages: limits.queued_messages,
        max_bytes: limits.queued_bytes,
    })));
    let keeper = Arc::new(Keeper::new(
        store,
        storage.clone(),
        limits.retained_messages,
        limits.retained_bytes,
    ));
    let engine = Arc::new(engine(&settings, storage, keeper.clone())?);
    let tls_door = match &settings.tls {
        Some(tls) => Some((Door::tls(tls).await?, tls.listen)),
        None => None,
    };

    keeper.load(&engine.router).await;
    // Version and name, once: for those who look. Figures that change would cost a timer.
    let sys = SysTopicsProvider::new(engine.router.clone(), engine.stats.clone());
    sys.publish_static_topics().await;

    let mut doors = JoinSet::new();
    let (listener, address) = bind(settings.listen).await?;
    let mut tls_address = None;
    if let Some((door, listen)) = tls_door {
        let (listener, address) = bind(listen).await?;
        tls_address = Some(address);
        doors.spawn(engine.clone().accept(listener, door));
    }
    doors.spawn(engine.clone().accept(listener, Door::Plain));

    let mut chores = JoinSet::new();
    chores.spawn(sweep(engine.clone()));
    let (stop_keeper, stop) = oneshot::channel();
    let interval = limits.save_interval;
    let mut keeping = JoinSet::new();
    keeping.spawn(async move { keeper.run(interval, stop).await });

    info!(%address, "MQTT broker listening.");
    if let Some(address) = tls_address {
        info!(%address, "MQTT broker listening with TLS.");
    }
    if !address.ip().to_canonical().is_loopback() {
        warn!(%address, "Passwords cross the network unencrypted here; the TLS listener does not.");
    }
    let shutdown = engine.shutdown.clone();
    Ok(Broker {
        address,
        tls_address,
        shutdown,
        doors,
        _chores: chores,
        keeper: keeping,
        stop_keeper,
    })
}

impl Broker {
    /// Where plain MQTT is spoken, with the port really taken.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where MQTT in TLS is spoken, if it is.
    #[must_use]
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.tls_address
    }

    /// Ends all connections (their wills are sent) and saves what changed; returns when the port
    /// is free and the store has everything. Takes under a second, and as long as the store.
    pub async fn stop(mut self) {
        // No receiver only means that no listener is left to tell.
        let _ = self.shutdown.send(());
        let farewell = async { while self.doors.join_next().await.is_some() {} };
        if timeout(FAREWELL, farewell).await.is_err() {
            self.doors.shutdown().await;
        }
        let _ = self.stop_keeper.send(());
        while self.keeper.join_next().await.is_some() {}
        info!("MQTT broker stopped.");
    }
}

/// mqtt5's parts, set up for `settings`.
fn engine(
    settings: &Settings,
    storage: Arc<DynamicStorage>,
    events: Arc<dyn BrokerEventHandler>,
) -> Result<Engine, Error> {
    let limits = &settings.limits;
    let mut config = BrokerConfig::new()
        .with_max_clients(limits.clients)
        .with_max_packet_size(limits.packet_bytes)
        .with_session_expiry(limits.session_expiry)
        // A subscription puts all its retained messages into the client's lane before any is
        // sent, and mqtt5 drops silently what does not fit (QoS 0). So all must fit.
        .with_client_channel_capacity(limits.retained_messages + LANE);
    config.server_receive_maximum = Some(limits.receive_maximum);
    config.topic_alias_maximum = TOPIC_ALIASES;
    config.sys_topics_enabled = false;
    config.event_handler = Some(events.clone());
    config.validate().map_err(|error| Error::Engine { reason: error.to_string() })?;

    let queues =
        QueueLimits { max_messages: limits.queued_messages, max_bytes: limits.queued_bytes };
    let router = MessageRouter::with_storage(storage.clone())
        .with_fallback_queue_limits(queues)
        .with_event_handler(events)
        .with_retained_limits(limits.retained_messages + SYS_TOPICS, 0);
    let stats = Arc::new(BrokerStats::new());
    let access = Access {
        users: settings.users.clone(),
        max_clients: limits.clients,
        max_sessions: limits.sessions,
        stats: stats.clone(),
        storage: storage.clone(),
        refusals: Quiet::default(),
    };
    // Rates are not limited: a bridge that announces a whole house at once is no attack.
    let monitor = ResourceMonitor::new(ResourceLimits {
        max_connections: limits.clients,
        max_message_rate_per_client: 0,
        max_bandwidth_per_client: 0,
        ..ResourceLimits::default()
    });
    Ok(Engine {
        config: Arc::new(config),
        router: Arc::new(router),
        storage,
        stats,
        monitor: Arc::new(monitor),
        access: Arc::new(access),
        seats: Arc::new(Semaphore::new(limits.clients + SPARE_SEATS)),
        shutdown: broadcast::Sender::new(1),
    })
}

async fn bind(listen: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => Error::AddressInUse { address: listen },
        _ => Error::Listen { address: listen, source },
    };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Forgets expired sessions and messages, every few minutes.
async fn sweep(engine: Arc<Engine>) {
    let mut ticks = tokio::time::interval(SWEEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = engine.storage.cleanup_expired().await {
            warn!(%error, "The broker could not remove expired messages.");
        }
        engine.router.sweep_sessions().await;
    }
}
