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
use super::session;
use crate::clock::Clock;
use crate::home::person::{Matter, Person, Rights, Voice};
use crate::hub::HubHandle;
use crate::storage::{Bearer, People, Sessions, Storage, Tokens};

/// What the port needs of the disk to know who somebody is.
#[derive(Clone)]
pub struct Access {
    pub(super) people: People,
    pub(super) sessions: Sessions,
    pub(super) tokens: Tokens,
    pub(super) clock: Clock,
    /// Of whoever started the daemon: good as long as it runs.
    local_token: Option<Arc<str>>,
    storage: Storage,
}

impl Access {
    /// To this house; the local token runs it, as whoever started the daemon does.
    pub fn new(storage: &Storage, clock: Clock, local_token: Option<&str>) -> Self {
        Self {
            people: storage.people(),
            sessions: storage.sessions(),
            tokens: storage.tokens(),
            clock,
            local_token: local_token.map(Arc::from),
            storage: storage.clone(),
        }
    }

    /// Differs after anybody wrote to the disk, in this process or another: who was let in before may be
    /// somebody else now. Costs nothing.
    pub(super) fn version(&self) -> usize {
        self.storage.version()
    }

    /// What a token stands for, if it is good. Compares in constant time.
    pub(super) fn bearer(&self, token: &str) -> Option<Bearer> {
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
    /// The language they chose, of people.
    pub(super) language: Option<Arc<str>>,
}

/// How somebody came in.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// A program, with a token in its header.
    Token,
    /// A browser, with a cookie. Its own pages know this word and send it with whatever is to do
    /// something, which no other page can.
    Session(Arc<str>),
}

impl Caller {
    pub(super) fn new(site: &Site, bearer: Bearer, way: Way) -> Self {
        let hub = site.hub.by(bearer.rights.clone());
        let (name, rights) = (bearer.name.into(), Arc::new(bearer.rights));
        Self { name, rights, hub, way, language: None }
    }

    /// Who shows this token, if it is good.
    pub(super) fn of_token(site: &Site, token: &str) -> Option<Self> {
        Some(Self::new(site, site.access.bearer(token)?, Way::Token))
    }

    /// Of somebody who has signed in.
    pub(super) fn of_person(site: &Site, person: Person, way: Way) -> Self {
        let bearer = Bearer { rights: person.rights(), name: person.name };
        Self { language: person.language.map(Arc::from), ..Self::new(site, bearer, way) }
    }

    /// The voice they want to be spoken to with.
    pub(super) fn voice(&self, site: &Site) -> Voice {
        let person = self.rights.person.as_ref();
        let person = person.and_then(|id| site.access.people.person(id).ok().flatten());
        person.map(|person| person.voice).unwrap_or_default()
    }

    /// The word that the caller's pages must send; none of programs.
    pub(super) fn page_word(&self) -> &str {
        match &self.way {
            Way::Token => "",
            Way::Session(word) => word,
        }
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

/// The header in which our own pages send their word ([`Way::Session`]).
const PAGE_WORD: &str = "x-homard-page";
/// An address may be wrong this often, and then once per `WRONG_EVERY`. Tokens are far too long to
/// be guessed; this only keeps a misconfigured program from filling the log.
const WRONG_BURST: u32 = 20;
const WRONG_EVERY: Duration = Duration::from_secs(3);
const MAX_ADDRESSES: usize = 1024;

/// The addresses that showed wrong tokens. In memory only.
#[derive(Debug, Default)]
pub(super) struct WrongTokens(Mutex<HashMap<IpAddr, Wrong>>);

#[derive(Debug)]
struct Wrong {
    n_left: u32,
    since: Instant,
}

impl WrongTokens {
    /// Counts a wrong token; says whether the address has been wrong too often.
    fn is_wrong_too_often(&self, from: IpAddr) -> bool {
        let now = Instant::now();
        let mut wrong = lock(&self.0);
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
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
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
            tracing::trace!(person = %caller.name, "A request.");
            site.seats.know(from);
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
        let token = bearer(authorization).ok_or_else(|| {
            Failure::new(
                StatusCode::UNAUTHORIZED,
                "the header must be `Authorization: Bearer TOKEN`",
            )
        })?;
        return Caller::of_token(site, token).ok_or_else(|| wrong_token(site, from));
    }
    let caller = session::caller(site, headers).ok_or_else(no_token)?;
    // The cookie goes with whatever a page makes the browser send; only our own page may act.
    let is_ours = is_same_origin(headers) && has_page_word(headers, &caller);
    if !method.is_safe() && !is_ours {
        return Err(foreign_page());
    }
    Ok(caller)
}

/// Whether a request holds the word that only our own page knows.
fn has_page_word(headers: &HeaderMap, caller: &Caller) -> bool {
    let said = headers.get(PAGE_WORD).map(HeaderValue::as_bytes).unwrap_or_default();
    bool::from(said.ct_eq(caller.page_word().as_bytes()))
}

pub(super) fn foreign_page() -> Failure {
    Failure::new(StatusCode::FORBIDDEN, "this request came from another site's page")
}

pub(super) fn no_token() -> Failure {
    let message =
        "a token is needed: `Authorization: Bearer TOKEN`; `homard token add NAME` makes one";
    Failure::new(StatusCode::UNAUTHORIZED, message)
}

pub(super) fn wrong_token(site: &Site, from: IpAddr) -> Failure {
    if site.wrong_tokens.is_wrong_too_often(from) {
        Failure::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too many wrong tokens; try again in a few seconds",
        )
    } else {
        Failure::new(StatusCode::UNAUTHORIZED, "the token is not known")
    }
}

/// The token in an `Authorization` header.
pub(super) fn bearer(authorization: &HeaderValue) -> Option<&str> {
    let (scheme, token) = authorization.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
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
    fn wrong_tokens_run_out() {
        let wrong = WrongTokens::default();
        let from = IpAddr::from([127, 0, 0, 1]);
        for _ in 0..WRONG_BURST {
            assert!(!wrong.is_wrong_too_often(from));
        }
        assert!(wrong.is_wrong_too_often(from));
        assert!(!wrong.is_wrong_too_often(IpAddr::from([127, 0, 0, 2])));
    }
}
