//! The listening loop: connections within limits, each with a deadline for its handshake and its request's head. With a
//! certificate browsers are served by TLS only: whoever comes without is sent there, but for programs on this machine.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::seats::{Seat, Seats};

/// A connection that sends no complete request head for this long is closed; also an idle one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Larger request heads are refused (431).
const MAX_HEAD: usize = 64 * 1024;
/// What open requests get when the daemon stops.
const FAREWELL: Duration = Duration::from_secs(3);

/// The ports of browsers that are told no other.
const HTTP: u16 = 80;
const HTTPS: u16 = 443;
/// First byte of a TLS connection: a record of the handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;

/// Serves until `stop` is done.
pub(super) async fn serve(
    listeners: Vec<TcpListener>,
    served: Served,
    seats: Seats,
    stop: impl Future<Output = ()>,
) {
    let (stopping, is_stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let (stream, from, seat) = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listeners, &seats) => accepted,
            // Ended connections are taken off the set as they end.
            Some(_) = connections.join_next() => continue,
        };
        let connection = connection(stream, from, served.clone(), is_stopping.clone());
        connections.spawn(async move {
            tokio::select! {
                () = connection => {}
                () = seat.left() => {}
            }
        });
    }
    drop(listeners);
    stopping.send_replace(true);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(FAREWELL, all_ended).await.is_err() {
        tracing::debug!("Open connections were cut at the stop.");
    }
}

async fn accept(listeners: &[TcpListener], seats: &Seats) -> (TcpStream, SocketAddr, Seat) {
    seats.room().await;
    let next = |context: &mut Context<'_>| {
        let mut all = listeners.iter().map(|listener| listener.poll_accept(context));
        all.find(Poll::is_ready).unwrap_or(Poll::Pending)
    };
    loop {
        match poll_fn(next).await {
            Ok((stream, from)) => return (stream, from, seats.take(from)),
            Err(error) => {
                // Out of file descriptors, or the peer has gone already.
                tracing::debug!(%error, "A connection could not be accepted.");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// What every connection is served with.
#[derive(Clone)]
pub(super) struct Served {
    router: Router,
    tls: Option<TlsAcceptor>,
    /// Where a browser is sent that came to the port of plain HTTP: none where TLS has its own.
    tls_port: Option<u16>,
}

impl Served {
    /// At these addresses; the panel's own is the first.
    pub(super) fn new(
        router: Router,
        tls: Option<Arc<ServerConfig>>,
        addresses: &[SocketAddr],
    ) -> Self {
        let has_https = addresses.iter().any(|at| at.port() == HTTPS);
        let tls_port = addresses.first().map(SocketAddr::port).filter(|_| !has_https);
        Self { router, tls: tls.map(TlsAcceptor::from), tls_port }
    }
}

async fn connection(
    stream: TcpStream,
    from: SocketAddr,
    served: Served,
    mut is_stopping: watch::Receiver<bool>,
) {
    // Events are small and must not wait for more.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::trace!(%error, "No TCP_NODELAY.");
    }
    let Served { router, tls, tls_port } = served;
    let Some(tls) = tls else { return answer(stream, from, router, is_stopping).await };
    // The guard that `wait_for` gives must not live on.
    let stopped = is_stopping.clone();
    let first = tokio::select! {
        first = first_byte(&stream) => first,
        _ = is_stopping.wait_for(|is_stopping| *is_stopping) => return,
    };
    match first {
        None => {}
        Some(HANDSHAKE) => match tokio::time::timeout(HEAD_TIMEOUT, tls.accept(stream)).await {
            Ok(Ok(stream)) => answer(stream, from, router, stopped).await,
            Ok(Err(error)) => tracing::debug!(%from, %error, "A TLS handshake failed."),
            Err(_) => tracing::trace!(%from, "A TLS handshake took too long."),
        },
        Some(_) if is_from_here(&stream, from) => answer(stream, from, router, stopped).await,
        Some(_) => {
            let came_to = stream.local_addr().map_or(0, |here| here.port());
            let port = tls_port.filter(|_| came_to == HTTP);
            let away = Router::new()
                .fallback(move |uri, headers| async move { to_tls(&uri, &headers, port) });
            answer(stream, from, away, stopped).await;
        }
    }
}

/// The first byte that comes, which stays to be read; `None` when there is none in time.
async fn first_byte(stream: &TcpStream) -> Option<u8> {
    let mut byte = [0];
    match tokio::time::timeout(HEAD_TIMEOUT, stream.peek(&mut byte)).await {
        Ok(Ok(1..)) => Some(byte[0]),
        Ok(Ok(0) | Err(_)) | Err(_) => None,
    }
}

/// Whether the other end is on this machine: what it sends crosses no network.
fn is_from_here(stream: &TcpStream, from: SocketAddr) -> bool {
    let from = from.ip().to_canonical();
    from.is_loopback() || stream.local_addr().is_ok_and(|here| here.ip().to_canonical() == from)
}

/// Sends a browser to where it is served: the same place, or another port of it.
fn to_tls(uri: &Uri, headers: &HeaderMap, port: Option<u16>) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let is_host = |host: &&str| {
        !host.is_empty()
            && host
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']'))
    };
    match host.filter(is_host) {
        Some(host) => {
            let path = uri.path_and_query().map_or("/", |path| path.as_str());
            let port = port.map_or_else(String::new, |port| format!(":{port}"));
            let host = host.strip_suffix(":80").filter(|_| !port.is_empty()).unwrap_or(host);
            Redirect::temporary(&format!("https://{host}{port}{path}")).into_response()
        }
        None => {
            (StatusCode::UPGRADE_REQUIRED, "This house speaks TLS: use https://\n").into_response()
        }
    }
}

/// Answers the requests of one connection.
async fn answer<S>(
    stream: S,
    from: SocketAddr,
    router: Router,
    mut is_stopping: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let was_asked = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&was_asked);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        asked.store(true, Ordering::Relaxed);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(from));
        let router = router.clone();
        async move {
            let answer: Result<_, Infallible> = router.oneshot(request).await;
            answer
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut served = pin!(served);
    // The guard that `wait_for` gives must not live on.
    let stopped = async { drop(is_stopping.wait_for(|is_stopping| *is_stopping).await) };
    let ended = tokio::select! {
        ended = &mut served => ended,
        // A browser opens spare connections and says nothing on them; nobody waits there.
        () = stopped => {
            if !was_asked.load(Ordering::Relaxed) {
                return;
            }
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%from, %error, "A connection ended early.");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_without_tls_is_sent_to_the_same_page() {
        for (host, path, port, expected) in [
            ("house:8466", "/talk?a=b", None, Some("https://house:8466/talk?a=b")),
            ("[fd00::5]:8466", "/", None, Some("https://[fd00::5]:8466/")),
            ("house", "/talk", None, Some("https://house/talk")),
            ("house", "/talk", Some(8466), Some("https://house:8466/talk")),
            ("house:80", "/", Some(8466), Some("https://house:8466/")),
            ("[fd00::80]", "/", Some(8466), Some("https://[fd00::80]:8466/")),
            ("evil/../x", "/", None, None),
            ("a b", "/", None, None),
            ("", "/", Some(8466), None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            let response = to_tls(&path.parse().unwrap(), &headers, port);
            let to = response.headers().get(header::LOCATION).map(|to| to.to_str().unwrap());
            assert_eq!(to, expected, "{host}");
        }
    }
}
