//! The doors of the broker: accepts connections, plain or TLS, and serves each in its own task.
//!
//! mqtt5 has listeners of its own, but its TLS one waits for each handshake before it accepts
//! the next connection, so that one silent peer shuts everybody out; and neither bounds how many
//! peers may sit there without ever saying CONNECT.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use mqtt5::broker::client_handler::ClientHandler;
use mqtt5::broker::router::MessageRouter;
use mqtt5::broker::storage::DynamicStorage;
use mqtt5::broker::sys_topics::BrokerStats;
use mqtt5::broker::tls_acceptor::{TlsAcceptorConfig, accept_tls_connection};
use mqtt5::broker::transport::BrokerTransport;
use mqtt5::broker::{AuthProvider, BrokerConfig, ResourceMonitor};
use rustls::crypto::CryptoProvider;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, broadcast};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{debug, error, warn};

use super::quiet::Quiet;
use super::{Error, Tls};

/// Longest time for a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Pause after a failed accept: out of file descriptors, it would fail again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(250);
/// A peer that takes no data for this long is cut off, whatever keep-alive it asked for: until
/// then its messages pile up in memory.
const STALLED_MS: u32 = 20_000;

type Handshake<'a> = Pin<Box<dyn Future<Output = mqtt5::Result<BrokerTransport>> + Send + 'a>>;

/// How a connection becomes a transport for MQTT.
pub(super) enum Door {
    /// MQTT right on TCP.
    Plain,
    /// MQTT in TLS; the function does the handshake.
    Tls(Box<dyn Fn(TcpStream, SocketAddr) -> Handshake<'static> + Send + Sync>),
}

impl Door {
    /// A TLS door with the certificate and key of `tls`, read now.
    pub(super) async fn tls(tls: &Tls) -> Result<Self, Error> {
        let bad = |path: &std::path::Path, error: mqtt5::MqttError| Error::Certificate {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        let chain = TlsAcceptorConfig::load_cert_chain_from_file(&tls.cert)
            .await
            .map_err(|error| bad(&tls.cert, error))?;
        let key = TlsAcceptorConfig::load_private_key_from_file(&tls.key)
            .await
            .map_err(|error| bad(&tls.key, error))?;
        if CryptoProvider::get_default().is_none() {
            // Lost races leave a provider installed as well, which is all that is needed.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let acceptor = TlsAcceptorConfig::new(chain, key)
            .build_acceptor()
            .map_err(|error| bad(&tls.cert, error))?;
        let acceptor = Arc::new(acceptor);
        Ok(Self::Tls(Box::new(move |stream, peer| {
            let acceptor = acceptor.clone();
            Box::pin(async move {
                let stream = accept_tls_connection(&acceptor, stream, peer).await?;
                Ok(BrokerTransport::tls(stream))
            })
        })))
    }

    async fn enter(&self, stream: TcpStream, peer: SocketAddr) -> Option<BrokerTransport> {
        match self {
            Self::Plain => Some(BrokerTransport::tcp(stream)),
            Self::Tls(handshake) => match timeout(HANDSHAKE, handshake(stream, peer)).await {
                Ok(Ok(transport)) => Some(transport),
                Ok(Err(error)) => {
                    debug!(%peer, %error, "TLS handshake failed.");
                    None
                }
                Err(_) => {
                    debug!(%peer, "TLS handshake took too long.");
                    None
                }
            },
        }
    }
}

/// The parts of mqtt5 that all connections of one broker share.
pub(super) struct Engine {
    pub(super) config: Arc<BrokerConfig>,
    pub(super) router: Arc<MessageRouter>,
    pub(super) storage: Arc<DynamicStorage>,
    pub(super) stats: Arc<BrokerStats>,
    pub(super) monitor: Arc<ResourceMonitor>,
    pub(super) access: Arc<dyn AuthProvider>,
    /// One for each connection that may be open, logged in or not.
    pub(super) seats: Arc<Semaphore>,
    /// Tells all connections to end.
    pub(super) shutdown: broadcast::Sender<()>,
}

impl Engine {
    /// Accepts on `listener` until the shutdown, then waits for its connections to end.
    pub(super) async fn accept(self: Arc<Self>, listener: TcpListener, door: Door) {
        let door = Arc::new(door);
        let mut shutdown = self.shutdown.subscribe();
        let mut connections = JoinSet::new();
        let (full, failed) = (Quiet::default(), Quiet::default());
        loop {
            let accepted = tokio::select! {
                _ = shutdown.recv() => break,
                Some(ended) = connections.join_next() => {
                    report(ended);
                    continue;
                }
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => match self.seats.clone().try_acquire_owned() {
                    Ok(seat) => {
                        let (engine, door) = (self.clone(), door.clone());
                        let shutdown = self.shutdown.subscribe();
                        connections.spawn(async move {
                            engine.serve(stream, peer, &door, shutdown).await;
                            drop(seat);
                        });
                    }
                    Err(_) => {
                        if let Some(n_unseen) = full.may_speak() {
                            warn!(%peer, n_unseen, "Too many MQTT connections; one was closed.");
                        }
                    }
                },
                Err(error) => {
                    if let Some(n_unseen) = failed.may_speak() {
                        warn!(%error, n_unseen, "An MQTT connection could not be accepted.");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(listener);
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    }

    async fn serve(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        door: &Door,
        shutdown: broadcast::Receiver<()>,
    ) {
        // Both are only about speed and memory; the connection works without.
        let _ = stream.set_nodelay(true);
        let _ = rustix::net::sockopt::set_tcp_user_timeout(&stream, STALLED_MS);
        let mut early = shutdown.resubscribe();
        let transport = tokio::select! {
            _ = early.recv() => None,
            transport = door.enter(stream, peer) => transport,
        };
        let Some(transport) = transport else { return };
        let handler = ClientHandler::new(
            transport,
            peer,
            self.config.clone(),
            self.router.clone(),
            self.access.clone(),
            Some(self.storage.clone()),
            self.stats.clone(),
            self.monitor.clone(),
            shutdown,
        );
        if let Err(error) = handler.run().await {
            debug!(%peer, %error, "MQTT connection ended.");
        }
    }
}

/// A panic in mqtt5 ends one connection and is told; the broker goes on.
fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        error!(%error, "The MQTT broker failed while serving a client.");
    }
}
