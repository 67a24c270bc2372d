//! The port for browsers and programs: the panel, the REST API and the event stream.
//!
//! Owns HTTP and JSON. What a call means is decided by `home` and `hub`; this module only
//! translates. A request holds the house for microseconds at a time and never stops it.

mod accounts;
mod agenda;
mod attempts;
mod auth;
mod automations;
mod calls;
mod conversation;
mod daemon;
mod devices;
mod dialect;
mod failure;
mod gzip;
mod history;
mod live;
mod metrics;
mod owner;
mod panel;
mod pass;
mod picture;
mod registry;
mod restoring;
mod seats;
mod server;
mod services;
mod session;
mod speech;
mod states;
#[cfg(feature = "model")]
mod talker;
#[cfg(feature = "telegram")]
mod telegram;
mod template;
mod trial;
mod updates;
mod upkeep;
mod websocket;
mod wire;

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use jiff::tz::TimeZone;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

use self::failure::Failure;
use crate::clock::Clock;
use crate::home::person::Rights;
use crate::hub::HubHandle;

pub use self::auth::Access;
pub use self::calls::description;
#[cfg(feature = "model")]
pub use self::daemon::ModelTrial;
pub use self::daemon::{
    About, BrokerState, Certificate, Daemon, Held, LogLine, ModelLine, NoPull, Pull, Trial,
    Unreached, Updates,
};
#[cfg(feature = "telegram")]
pub use self::daemon::{Bot, BotState};
pub use self::speech::{
    Aloud, Hearing, Listen, Recording, Transcript, Unheard, Voicing, deaf, hint, mute,
};
pub use self::states::{ContextObject, StateObject};

/// Larger bodies are refused.
const MAX_BODY: usize = 1024 * 1024;
/// A request that is not answered by then is given up. Event streams are answered at once.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Whoever follows the house sees nothing more once they may not; by then their connection is cut too.
const RIGHTS_EVERY: Duration = Duration::from_secs(1);

/// What the port must know about the home and cannot learn from the hub.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The home's name.
    pub name: String,
    /// Degrees north.
    pub latitude: Option<f64>,
    /// Degrees east.
    pub longitude: Option<f64>,
    /// Meters above the sea.
    pub elevation: Option<f64>,
    /// `Europe/Paris`.
    pub time_zone: String,
    /// The home's own language, `en`.
    pub language: String,
    /// Metric units, else US customary ones.
    pub is_metric: bool,
    /// Browsers come by TLS.
    pub is_tls: bool,
    /// Without it nobody may become the first owner; `None` where the panel is reachable from this
    /// machine only.
    pub setup_code: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: "Home".to_owned(),
            latitude: None,
            longitude: None,
            elevation: None,
            time_zone: "UTC".to_owned(),
            language: "en".to_owned(),
            is_metric: true,
            is_tls: false,
            setup_code: None,
        }
    }
}

/// The house, as far as the port reaches it.
#[derive(Clone)]
pub struct House {
    /// The house itself.
    pub hub: HubHandle,
    /// Who may come in.
    pub access: Access,
    /// Who listens to recordings.
    pub listen: Listen,
    /// Who says answers.
    pub aloud: Aloud,
    /// The daemon itself.
    pub daemon: Arc<dyn Daemon>,
    /// With it, browsers come by TLS.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

/// What every request may need.
struct Site {
    /// Of nobody: what is done for a request is done by its [`auth::Caller`]'s.
    hub: HubHandle,
    /// As they are now.
    settings: RwLock<Arc<Settings>>,
    access: Access,
    daemon: Arc<dyn Daemon>,
    /// Who decides something reads what was decided first: one after the other.
    deciding: Mutex<()>,
    /// Who tries a broker.
    trying: Mutex<()>,
    wrong_tokens: auth::WrongTokens,
    doors: session::Doors,
    live: Arc<live::Live>,
    seats: seats::Seats,
    /// Who may have a WebSocket open.
    sockets: Arc<Semaphore>,
    unknown: websocket::Unknown,
    clock: Clock,
    listen: Listen,
    aloud: Aloud,
    requests: metrics::Requests,
    started_at: Instant,
    /// Reachable from this machine only: then the `Host` must be this machine too.
    is_loopback: bool,
}

impl Site {
    /// What the pages show now.
    fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Shows other settings from now on.
    fn show(&self, settings: Arc<Settings>) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }
}

/// Serves until `shutdown` is done; then open requests get a few seconds and event streams end.
///
/// # Errors
/// When the listener does not say its address.
pub async fn run(
    listeners: Vec<TcpListener>,
    settings: Settings,
    house: House,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let House { hub, access, listen, aloud, daemon, tls } = house;
    let addresses = listeners.iter().map(TcpListener::local_addr);
    let addresses: Vec<SocketAddr> = addresses.collect::<std::io::Result<_>>()?;
    let zone = TimeZone::get(&settings.time_zone).unwrap_or(TimeZone::UTC);
    let clock = Clock::system(zone);
    let site = Arc::new(Site {
        hub: hub.by(Rights::none()),
        settings: RwLock::new(Arc::new(settings)),
        access,
        daemon,
        deciding: Mutex::default(),
        trying: Mutex::default(),
        wrong_tokens: auth::WrongTokens::default(),
        doors: session::Doors::default(),
        live: Arc::new(live::Live::new()),
        seats: seats::Seats::default(),
        sockets: Arc::new(Semaphore::new(websocket::MAX_SOCKETS)),
        unknown: websocket::Unknown::default(),
        clock,
        listen,
        aloud,
        requests: metrics::Requests::default(),
        started_at: Instant::now(),
        is_loopback: addresses.iter().all(|at| at.ip().to_canonical().is_loopback()),
    });
    let live = Arc::clone(&site.live);
    let rights = follow_rights(Arc::clone(&site));
    let sockets = Arc::clone(&site.sockets);
    let seats = site.seats.clone();
    let router = router(site);
    let stop = async {
        // When the hub ends there is nothing left to serve.
        tokio::select! {
            () = shutdown => {}
            () = live.run(&hub) => {}
            () = rights => {}
        }
        live.close();
    };
    let served = server::Served::new(router, tls, &addresses);
    server::serve(listeners, served, seats, stop).await;
    websocket::last(&sockets).await;
    Ok(())
}

/// Lets those who follow the house look whether they still may, soon after it was changed who may.
async fn follow_rights(site: Arc<Site>) {
    let mut seen = pass::Pass::version(&site);
    loop {
        tokio::time::sleep(RIGHTS_EVERY).await;
        let now = pass::Pass::version(&site);
        if now != seen {
            seen = now;
            site.live.knock();
        }
    }
}

/// All routes, and what goes around every request.
fn router(site: Arc<Site>) -> Router {
    let recordings =
        calls::recordings(Router::new()).layer(DefaultBodyLimit::max(speech::MAX_RECORDING));
    calls::closed(Router::new())
        .merge(recordings)
        .layer(middleware::from_fn_with_state(Arc::clone(&site), auth::guard))
        .merge(calls::open(Router::new()))
        .merge(panel::routes())
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(Arc::clone(&site), around))
        .with_state(site)
}

/// Around every request: the right host, a time limit, JSON errors, safe headers, counting.
async fn around(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let response = if site.is_loopback && !auth::is_loopback_host(request.headers()) {
        let message = "this address belongs to the machine itself; use `localhost` or 127.0.0.1";
        Failure::new(StatusCode::MISDIRECTED_REQUEST, message).into_response()
    } else {
        let is_large = request.uri().path() == restoring::PATH;
        let patience = if is_large { restoring::TIME } else { REQUEST_TIMEOUT };
        match tokio::time::timeout(patience, next.run(request)).await {
            Ok(response) => failure::speak_json(response).await,
            Err(_) => {
                Failure::new(StatusCode::REQUEST_TIMEOUT, "this took too long").into_response()
            }
        }
    };
    site.requests.count(response.status());
    let mut response = response;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // Whatever is not marked otherwise may change at any moment and is not for shared caches.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
