//! Who may ask: tokens in a header, sessions of the panel in a cookie, and requests that a foreign
//! page makes a browser send.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;
use tokio::time::Instant;

use super::Site;
use super::failure::Failure;
use crate::home::person::{Matter, Rights};
use crate::hub::HubHandle;
use crate::storage::{Bearer, Storage, Tokens};

/// What the port needs of the disk to know who somebody is.
#[derive(Clone)]
pub struct Access {
    tokens: Tokens,
    /// Of whoever started the daemon: good as long as it runs.
    local_token: Option<Arc<str>>,
}

impl Access {
    /// To this house; the local token runs it, as whoever started the daemon does.
    pub fn new(storage: &Storage, local_token: Option<&str>) -> Self {
        let local_token = local_token.map(Arc::from);
        Self { tokens: storage.tokens(), local_token }
    }

    /// What a token stands for, if it is good. Compares in constant time.
    fn bearer(&self, token: &str) -> Option<Bearer> {
        let local = self.local_token.as_deref();
        if local.is_some_and(|local| bool::from(local.as_bytes().ct_eq(token.as_bytes()))) {
            return Some(Bearer { name: "this machine".to_owned(), rights: Rights::all() });
        }
        self.tokens.check(token).unwrap_or_else(|error| {
            tracing::warn!(%error, "Tokens cannot be read; refused.");
            None
        })
    }
}

/// Who sent a request. Every route takes one: what it does, it does by this handle, which sees and does
/// no more than they may.
#[derive(Clone)]
pub(super) struct Caller {
    /// Of the person, or of the token.
    pub(super) name: Arc<str>,
    /// How far they reach.
    pub(super) rights: Arc<Rights>,
    /// The house, as far as it is theirs.
    pub(super) hub: HubHandle,
    /// How they came in.
    pub(super) way: Way,
}

/// How somebody came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// A program, with a token in its header.
    Token,
    /// A browser, with a cookie.
    Session,
}

impl Caller {
    fn new(site: &Site, bearer: Bearer, way: Way) -> Self {
        let hub = site.hub.by(bearer.rights.clone());
        Self { name: bearer.name.into(), rights: Arc::new(bearer.rights), hub, way }
    }

    /// Whether this matter is for them.
    ///
    /// # Errors
    /// 403 when it is not.
    pub(super) fn needs(&self, matter: Matter) -> Result<(), Failure> {
        if self.rights.allow(matter) {
            return Ok(());
        }
        let role = self.rights.role.word();
        let message = format!("this is not for the role `{role}`");
        Err(Failure::new(StatusCode::FORBIDDEN, message).with_code("not_allowed"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        // Put there by the guard; a route that it does not stand before has no caller.
        parts.extensions.get().cloned().ok_or_else(no_token)
    }
}

const COOKIE: &str = "homard_session";
/// The panel asks for the token again after this time without a request.
const SESSION_IDLE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// More sessions push out the one that was not used for longest.
const MAX_SESSIONS: usize = 64;
/// An address may be wrong this often, and then once per `WRONG_EVERY`. Tokens are far too long to
/// be guessed; this only keeps a misconfigured program from filling the log.
const WRONG_BURST: u32 = 20;
const WRONG_EVERY: Duration = Duration::from_secs(3);
const MAX_ADDRESSES: usize = 1024;

/// The open sessions and the addresses that showed wrong tokens. In memory only.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    open: Mutex<HashMap<String, Session>>,
    wrong: Mutex<HashMap<IpAddr, Wrong>>,
}

/// A session is as good as its token: it is checked each time, so that revoking the token ends it.
struct Session {
    token: String,
    used_at: Instant,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("used_at", &self.used_at).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Wrong {
    n_left: u32,
    since: Instant,
}

impl Sessions {
    /// Opens a session for a token that was checked; the value of the cookie.
    fn open(&self, token: &str) -> Result<String, Failure> {
        let mut random = [0_u8; 32];
        getrandom::fill(&mut random).map_err(|error| {
            let message = format!("no random numbers for a session: {error}");
            Failure::new(StatusCode::INTERNAL_SERVER_ERROR, message)
        })?;
        let id: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let now = Instant::now();
        let mut open = lock(&self.open);
        open.retain(|_, session| now.duration_since(session.used_at) < SESSION_IDLE);
        if open.len() >= MAX_SESSIONS
            && let Some(oldest) =
                open.iter().min_by_key(|(_, session)| session.used_at).map(|(id, _)| id.clone())
        {
            open.remove(&oldest);
        }
        open.insert(id.clone(), Session { token: token.to_owned(), used_at: now });
        Ok(id)
    }

    /// The token behind a session.
    fn token(&self, id: &str) -> Option<String> {
        // 256 random bits: looking them up in a map tells an attacker nothing of use.
        let mut open = lock(&self.open);
        let session = open.get_mut(id)?;
        let now = Instant::now();
        if now.duration_since(session.used_at) >= SESSION_IDLE {
            open.remove(id);
            return None;
        }
        session.used_at = now;
        Some(session.token.clone())
    }

    fn close(&self, id: &str) {
        lock(&self.open).remove(id);
    }

    /// Counts a wrong token; says whether the address has been wrong too often.
    fn is_wrong_too_often(&self, from: IpAddr) -> bool {
        let now = Instant::now();
        let mut wrong = lock(&self.wrong);
        if wrong.len() >= MAX_ADDRESSES {
            wrong.clear();
        }
        let tries = wrong.entry(from).or_insert(Wrong { n_left: WRONG_BURST, since: now });
        let n_earned = now.duration_since(tries.since).as_secs() / WRONG_EVERY.as_secs();
        if n_earned > 0 {
            let n_earned = u32::try_from(n_earned).unwrap_or(WRONG_BURST);
            tries.n_left = tries.n_left.saturating_add(n_earned).min(WRONG_BURST);
            tries.since = now;
        }
        if tries.n_left == 0 {
            return true;
        }
        tries.n_left -= 1;
        if tries.n_left == 0 {
            tracing::warn!(%from, "Many requests with a wrong token.");
        }
        false
    }
}

/// A panic while one of these locks was held leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets only requests with a good token or session through.
pub(super) async fn guard(
    State(site): State<Arc<Site>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    match admit(&site, from.ip(), request.method(), request.headers()) {
        Ok(caller) => {
            tracing::trace!(person = %caller.name, way = ?caller.way, "A request.");
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(failure) => {
            let mut response = failure.into_response();
            let headers = response.headers_mut();
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            if response.status() == StatusCode::TOO_MANY_REQUESTS {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("3"));
            }
            response
        }
    }
}

fn admit(
    site: &Site,
    from: IpAddr,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Caller, Failure> {
    if let Some(authorization) = headers.get(header::AUTHORIZATION) {
        let token = authorization.to_str().ok().and_then(bearer).ok_or_else(|| {
            Failure::new(
                StatusCode::UNAUTHORIZED,
                "the header must be `Authorization: Bearer TOKEN`",
            )
        })?;
        return match site.access.bearer(token) {
            Some(bearer) => Ok(Caller::new(site, bearer, Way::Token)),
            None => Err(wrong_token(site, from)),
        };
    }
    let caller = signed_in(site, headers).ok_or_else(no_token)?;
    // The cookie goes with whatever a page makes the browser send; only our own page may act.
    if !method.is_safe() && !is_same_origin(headers) {
        return Err(Failure::new(
            StatusCode::FORBIDDEN,
            "this request came from another site's page",
        ));
    }
    Ok(caller)
}

fn no_token() -> Failure {
    let message =
        "a token is needed: `Authorization: Bearer TOKEN`; `homard token add NAME` makes one";
    Failure::new(StatusCode::UNAUTHORIZED, message)
}

fn wrong_token(site: &Site, from: IpAddr) -> Failure {
    if site.sessions.is_wrong_too_often(from) {
        Failure::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too many wrong tokens; try again in a few seconds",
        )
    } else {
        Failure::new(StatusCode::UNAUTHORIZED, "the token is not known")
    }
}

fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// By what somebody was let in for longer than a request. It is looked at again and again, so that
/// who takes a token back, signs out or gets another role is not what they were.
#[derive(Clone)]
pub(super) enum Key {
    /// A token that was shown.
    Token(String),
    /// A session of the panel.
    Session(String),
}

impl Key {
    /// The key that a token is, and whose it is.
    ///
    /// # Errors
    /// When nobody has it, or too many wrong ones came from there.
    pub(super) fn of_token(
        site: &Site,
        from: IpAddr,
        token: &str,
    ) -> Result<(Self, Caller), Failure> {
        let key = Self::Token(token.to_owned());
        key.caller(site).map(|caller| (key, caller)).ok_or_else(|| wrong_token(site, from))
    }

    /// The session that comes with a request of our own page.
    pub(super) fn of_page(site: &Site, headers: &HeaderMap) -> Option<(Self, Caller)> {
        if !is_same_origin(headers) {
            return None;
        }
        let key = Self::Session(cookie(headers)?.to_owned());
        key.caller(site).map(|caller| (key, caller))
    }

    /// Whose it is now; `None` when it is good no more.
    pub(super) fn caller(&self, site: &Site) -> Option<Caller> {
        let (bearer, way) = match self {
            Self::Token(token) => (site.access.bearer(token)?, Way::Token),
            Self::Session(id) => (site.access.bearer(&site.sessions.token(id)?)?, Way::Session),
        };
        Some(Caller::new(site, bearer, way))
    }
}

/// Who has signed in to the panel with this request's cookie.
pub(super) fn signed_in(site: &Site, headers: &HeaderMap) -> Option<Caller> {
    let token = site.sessions.token(cookie(headers)?)?;
    Some(Caller::new(site, site.access.bearer(&token)?, Way::Session))
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, id)| id)
}

/// Whether the browser says that our own page sent this. Every browser since 2020 sends `Origin`
/// with a request that is not safe.
pub(super) fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site")) {
        return site == "same-origin";
    }
    let origin = text(header::ORIGIN).and_then(|origin| origin.split_once("://"));
    matches!((origin, text(header::HOST)), (Some((_, origin)), Some(host)) if origin == host)
}

/// Signs in with a token: the `Set-Cookie` header.
pub(super) fn sign_in(site: &Site, from: IpAddr, token: &str) -> Result<HeaderValue, Failure> {
    let token = token.trim();
    if site.access.bearer(token).is_none() {
        return Err(wrong_token(site, from));
    }
    let id = site.sessions.open(token)?;
    let line = format!(
        "{COOKIE}={id}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}",
        SESSION_IDLE.as_secs()
    );
    HeaderValue::from_str(&line)
        .map_err(|_| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "no cookie could be made"))
}

/// Signs out: the `Set-Cookie` header that clears the cookie.
pub(super) fn sign_out(site: &Site, headers: &HeaderMap) -> HeaderValue {
    if let Some(id) = cookie(headers) {
        site.sessions.close(id);
    }
    HeaderValue::from_static("homard_session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0")
}

/// Whether the `Host` header names this machine as a loopback address. A foreign page that makes
/// its own name point to 127.0.0.1 (DNS rebinding) is told apart by it.
pub(super) fn is_loopback_host(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST) else { return true };
    let Ok(host) = host.to_str() else { return false };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(name, _)| name),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let is_name =
        name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost");
    is_name || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        for (host, is_ours) in [
            ("localhost", true),
            ("LocalHost:8466", true),
            ("127.0.0.1:8466", true),
            ("127.0.0.1", true),
            ("127.3.2.1:1", true),
            ("[::1]:8466", true),
            ("homard.localhost:8466", true),
            ("evil.example:8466", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example:8466", false),
            ("192.168.1.4:8466", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
            assert_eq!(is_loopback_host(&headers), is_ours, "{host:?}");
        }
    }

    #[test]
    fn only_our_own_page_is_the_same_origin() {
        for (lines, is_ours) in [
            (&[("origin", "http://localhost:8466"), ("host", "localhost:8466")][..], true),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("origin", "http://evil.example"), ("host", "localhost:8466")], false),
            (&[("origin", "null"), ("host", "localhost:8466")], false),
            (&[("sec-fetch-site", "cross-site"), ("origin", "http://a"), ("host", "a")], false),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("host", "localhost:8466")], false),
        ] {
            let mut headers = HeaderMap::new();
            for &(name, value) in lines {
                let name = header::HeaderName::from_static(name);
                headers.insert(name, HeaderValue::from_static(value));
            }
            assert_eq!(is_same_origin(&headers), is_ours, "{lines:?}");
        }
    }

    #[test]
    fn sessions_are_bounded_and_the_oldest_goes_first() {
        let sessions = Sessions::default();
        let first = sessions.open("token").unwrap();
        for _ in 0..MAX_SESSIONS {
            sessions.open("token").unwrap();
        }
        assert_eq!(sessions.token(&first), None);
        assert_eq!(lock(&sessions.open).len(), MAX_SESSIONS);
    }

    #[test]
    fn wrong_tokens_run_out() {
        let sessions = Sessions::default();
        let from = IpAddr::from([127, 0, 0, 1]);
        for _ in 0..WRONG_BURST {
            assert!(!sessions.is_wrong_too_often(from));
        }
        assert!(sessions.is_wrong_too_often(from));
        assert!(!sessions.is_wrong_too_often(IpAddr::from([127, 0, 0, 2])));
    }
}
