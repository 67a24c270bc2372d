//! Who was let in for longer than a request: by what, and whether it is still good. A stream or socket that is open for
//! days must not outlive the right to it.

use std::net::IpAddr;

use axum::http::{HeaderMap, header};

use super::Site;
use super::auth::{self, Caller, bearer, is_same_origin, wrong_token};
use super::failure::Failure;
use super::session;

/// By what somebody was let in.
enum Key {
    /// A token that was shown.
    Token(String),
    /// A session of the panel.
    Session(String),
}

impl Key {
    /// Whose it is now; `None` when it is good no more.
    fn caller(&self, site: &Site) -> Option<Caller> {
        match self {
            Self::Token(token) => Caller::of_token(site, token),
            Self::Session(id) => session::caller_of(site, id),
        }
    }
}

/// Somebody who was let in.
pub(super) struct Pass {
    key: Key,
    /// Whose it is.
    pub(super) caller: Caller,
    /// [`Pass::version`] when that was last looked up.
    seen: Version,
}

/// Of all that says who may do what: the writes to the disk, and the sessions that ended in memory.
type Version = (usize, u64);

/// Why somebody who was let in may not stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The token was taken back, the session ended, the person removed.
    Gone,
    /// They may do other things than before: who comes again sees the house as it is theirs now.
    Changed,
}

impl Ended {
    /// In words for programs.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Gone => "the token or session has ended",
            Self::Changed => "the rights have changed; connect again",
        }
    }
}

impl Pass {
    fn new(site: &Site, key: Key) -> Option<Self> {
        // Before the key is looked up: what is written meanwhile is looked at again.
        let seen = Self::version(site);
        let caller = key.caller(site)?;
        Some(Self { key, caller, seen })
    }

    /// Of who shows a token.
    ///
    /// # Errors
    /// When nobody has it, or too many wrong ones came from there.
    pub(super) fn of_token(site: &Site, from: IpAddr, token: &str) -> Result<Self, Failure> {
        Self::new(site, Key::Token(token.to_owned())).ok_or_else(|| wrong_token(site, from))
    }

    /// Of the session that comes with a request of our own page.
    pub(super) fn of_page(site: &Site, headers: &HeaderMap) -> Option<Self> {
        if !is_same_origin(headers) {
            return None;
        }
        Self::new(site, Key::Session(session::cookie(headers)?.to_owned()))
    }

    /// Of a request that [`auth::guard`] let through.
    ///
    /// # Errors
    /// When what it showed is good no more.
    pub(super) fn of_request(site: &Site, headers: &HeaderMap) -> Result<Self, Failure> {
        let token = headers.get(header::AUTHORIZATION).and_then(bearer);
        let token = token.map(|token| Key::Token(token.to_owned()));
        let session = || session::cookie(headers).map(|id| Key::Session(id.to_owned()));
        let key = token.or_else(session).ok_or_else(auth::no_token)?;
        Self::new(site, key).ok_or_else(auth::no_token)
    }

    /// Differs when somebody may have other rights than before.
    pub(super) fn version(site: &Site) -> Version {
        (site.access.version(), site.doors.n_closed())
    }

    /// Whether they may stay, as who they were. Costs nothing while nobody writes.
    ///
    /// # Errors
    /// When they may not: they are to be cut off, and may come again.
    pub(super) fn look(&mut self, site: &Site) -> Result<(), Ended> {
        let now = Self::version(site);
        if now == self.seen {
            return Ok(());
        }
        let caller = self.key.caller(site).ok_or(Ended::Gone)?;
        if caller.rights != self.caller.rights {
            return Err(Ended::Changed);
        }
        (self.caller, self.seen) = (caller, now);
        Ok(())
    }
}
