//! Browsers that have signed in: by name and password, or with a token. The cookie is a random number; of people's
//! sessions only its hash is kept, on the disk; a session by token lives in memory and is as good as its token.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::Site;
use super::attempts::{Attempts, Key};
use super::auth::{self, Caller, Way, lock};
use super::failure::Failure;
use crate::home::id::PersonId;
use crate::home::person::Person;
use crate::storage::Sessions;

const COOKIE: &str = "homard_session";
/// More sessions by token push out the one that was not used for longest.
const MOST_BY_TOKEN: usize = 64;
/// Passwords that wait to be compared; more are turned away. Each needs 19 MiB and a core for a moment, so they are
/// compared one after the other.
const MOST_WAITING: usize = 8;

/// Who is in, and who tries to come in.
#[derive(Debug)]
pub(super) struct Doors {
    by_token: Mutex<HashMap<String, ByToken>>,
    /// Sessions by token that were ended.
    n_closed: AtomicU64,
    pub(super) attempts: Attempts,
    /// One backup at a time.
    pub(super) restoring: Semaphore,
    waiting: Semaphore,
    one: Semaphore,
}

impl Default for Doors {
    fn default() -> Self {
        Self {
            by_token: Mutex::default(),
            n_closed: AtomicU64::new(0),
            attempts: Attempts::default(),
            waiting: Semaphore::new(MOST_WAITING),
            one: Semaphore::new(1),
            restoring: Semaphore::new(1),
        }
    }
}

/// A session is as good as its token: it is checked each time, so that revoking the token ends it.
struct ByToken {
    token: String,
    used_at: Instant,
}

impl std::fmt::Debug for ByToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ByToken").field("used_at", &self.used_at).finish_non_exhaustive()
    }
}

impl Doors {
    fn open(&self, token: &str) -> Result<String, Failure> {
        let mut random = [0_u8; 32];
        getrandom::fill(&mut random).map_err(|error| {
            let message = format!("no random numbers for a session: {error}");
            Failure::new(StatusCode::INTERNAL_SERVER_ERROR, message)
        })?;
        let id: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let now = Instant::now();
        let mut open = lock(&self.by_token);
        open.retain(|_, session| now.duration_since(session.used_at) < idle());
        if open.len() >= MOST_BY_TOKEN
            && let Some(oldest) =
                open.iter().min_by_key(|(_, session)| session.used_at).map(|(id, _)| id.clone())
        {
            open.remove(&oldest);
        }
        open.insert(id.clone(), ByToken { token: token.to_owned(), used_at: now });
        Ok(id)
    }

    /// How many sessions by token were ended.
    pub(super) fn n_closed(&self) -> u64 {
        self.n_closed.load(Ordering::Acquire)
    }

    /// Ends a session by token; false when it is none.
    fn close(&self, id: &str) -> bool {
        let was_open = lock(&self.by_token).remove(id).is_some();
        if was_open {
            self.n_closed.fetch_add(1, Ordering::Release);
        }
        was_open
    }

    /// The token behind a session.
    fn token(&self, id: &str) -> Option<String> {
        // 256 random bits: looking them up in a map tells an attacker nothing of use.
        let mut open = lock(&self.by_token);
        let session = open.get_mut(id)?;
        let now = Instant::now();
        if now.duration_since(session.used_at) >= idle() {
            open.remove(id);
            return None;
        }
        session.used_at = now;
        Some(session.token.clone())
    }
}

/// A browser is asked again after this time without a request.
fn idle() -> Duration {
    Duration::from_secs(Sessions::IDLE.unsigned_abs().as_secs())
}

/// Who has signed in with this request's cookie.
pub(super) fn caller(site: &Site, headers: &HeaderMap) -> Option<Caller> {
    caller_of(site, cookie(headers)?)
}

/// Whose session this is, if it is open.
pub(super) fn caller_of(site: &Site, id: &str) -> Option<Caller> {
    let way = Way::Session(page_word(id));
    if let Some(token) = site.doors.token(id) {
        return Some(Caller::new(site, site.access.bearer(&token)?, way));
    }
    let now = site.access.clock.now();
    let found = site.access.sessions.find(id, now).unwrap_or_else(|error| {
        tracing::warn!(%error, "Sessions cannot be read; refused.");
        None
    });
    let (person, is_to_be_noted) = found?;
    if is_to_be_noted {
        let (sessions, id) = (site.access.sessions.clone(), id.to_owned());
        // Nobody waits for it, and it ends by itself.
        drop(tokio::task::spawn_blocking(move || {
            if let Err(error) = sessions.note(&id, now) {
                tracing::warn!(%error, "The use of a session is not on the disk.");
            }
        }));
    }
    Some(Caller::of_person(site, person, way))
}

/// The word that our own pages get with the page: made of the cookie, which no page can read.
fn page_word(id: &str) -> Arc<str> {
    let hash = Sha256::new().chain_update("homard page ").chain_update(id).finalize();
    hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

/// The session that a request names; it may be nobody's.
pub(super) fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, id)| id)
}

/// Signs in with a token: the `Set-Cookie` header.
pub(super) fn by_token(site: &Site, from: IpAddr, token: &str) -> Result<HeaderValue, Failure> {
    let token = token.trim();
    if site.access.bearer(token).is_none() {
        return Err(auth::wrong_token(site, from));
    }
    set_cookie(site, &site.doors.open(token)?)
}

/// Signs in with a name and a password: the `Set-Cookie` header.
pub(super) async fn by_password(
    site: &Site,
    from: IpAddr,
    name: &str,
    password: &str,
) -> Result<HeaderValue, Failure> {
    let person = check_password(site, from, name, password).await?;
    let person = person.ok_or_else(|| {
        Failure::new(StatusCode::UNAUTHORIZED, "the name or the password is wrong")
    })?;
    open(site, &person.id).await
}

/// A new session of a person: the `Set-Cookie` header.
pub(super) async fn open(site: &Site, person: &PersonId) -> Result<HeaderValue, Failure> {
    Ok(open_with_word(site, person).await?.0)
}

/// The same, and the word of its pages.
pub(super) async fn open_with_word(
    site: &Site,
    person: &PersonId,
) -> Result<(HeaderValue, Arc<str>), Failure> {
    let (sessions, person, now) =
        (site.access.sessions.clone(), person.clone(), site.access.clock.now());
    let id = blocking(move || sessions.open(&person, now)).await?;
    Ok((set_cookie(site, &id)?, page_word(&id)))
}

/// The person with this name and password. Who was wrong waits before the next is looked at.
pub(super) async fn check_password(
    site: &Site,
    from: IpAddr,
    name: &str,
    password: &str,
) -> Result<Option<Person>, Failure> {
    let keys = [Key::address(from), Key::name(name)];
    let busy = || Failure::new(StatusCode::TOO_MANY_REQUESTS, "too many sign in; try again soon");
    let doors = &site.doors;
    let _waits = doors.waiting.try_acquire().map_err(|_| busy())?;
    let _one = doors.one.acquire().await.map_err(|_| Failure::stopping())?;
    is_to_wait(site, &keys)?;
    let (people, said, secret) = (site.access.people.clone(), name.to_owned(), password.to_owned());
    let found = blocking(move || people.sign_in(&said, &secret)).await?;
    match &found {
        Some(_) => doors.attempts.succeeded(&keys),
        None => {
            tracing::warn!(%from, "A wrong name or password.");
            doors.attempts.failed(&keys);
        }
    }
    Ok(found)
}

/// Whether somebody was wrong too often.
///
/// # Errors
/// 429 and how long to wait.
pub(super) fn is_to_wait(site: &Site, keys: &[Key]) -> Result<(), Failure> {
    let Some(wait) = site.doors.attempts.wait(keys) else { return Ok(()) };
    let seconds = wait.as_secs() + 1;
    let message = format!("wrong too often; try again in {seconds} seconds");
    Err(Failure::new(StatusCode::TOO_MANY_REQUESTS, message).after(seconds))
}

/// Does beside the event loop what waits for the disk or takes a processor for long.
pub(super) async fn aside<T: Send + 'static>(
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(run).await.map_err(|_| Failure::stopping())
}

/// [`aside`], of what may fail in the database.
pub(super) async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> Result<T, crate::storage::Error> + Send + 'static,
) -> Result<T, Failure> {
    Ok(aside(run).await??)
}

fn set_cookie(site: &Site, id: &str) -> Result<HeaderValue, Failure> {
    let secure = if site.settings().is_tls { "; Secure" } else { "" };
    let age = idle().as_secs();
    let line = format!("{COOKIE}={id}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}");
    HeaderValue::from_str(&line)
        .map_err(|_| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "no cookie could be made"))
}

/// Ends the session of this request.
pub(super) async fn close(site: &Site, headers: &HeaderMap) -> Result<(), Failure> {
    let Some(id) = cookie(headers) else { return Ok(()) };
    if site.doors.close(id) {
        return Ok(());
    }
    let (sessions, id) = (site.access.sessions.clone(), id.to_owned());
    blocking(move || sessions.close(&id)).await
}

/// The `Set-Cookie` header that clears the cookie.
pub(super) fn no_cookie() -> HeaderValue {
    HeaderValue::from_static("homard_session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_by_token_are_bounded_and_the_oldest_goes_first() {
        let doors = Doors::default();
        let first = doors.open("token").unwrap();
        for _ in 0..MOST_BY_TOKEN {
            doors.open("token").unwrap();
        }
        assert_eq!(doors.token(&first), None);
        assert_eq!(lock(&doors.by_token).len(), MOST_BY_TOKEN);
    }

    #[test]
    fn the_page_s_word_is_of_the_session_and_does_not_tell_it() {
        assert_ne!(page_word("a"), page_word("b"));
        assert_eq!(page_word("a").len(), 32);
    }
}
