//! Who may connect and what they may publish and read: mqtt5's `AuthProvider`, our own.
//!
//! mqtt5's built-in provider locks an address out after five failures, which on a hub would
//! lock out everybody behind 127.0.0.1. Here a failure costs the one who failed a short wait.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mqtt5::broker::storage::DynamicStorage;
use mqtt5::broker::sys_topics::BrokerStats;
use mqtt5::broker::{AuthProvider, AuthResult, StorageBackend};
use mqtt5::packet::connect::ConnectPacket;
use mqtt5::protocol::v5::reason_codes::ReasonCode;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use tracing::warn;

use super::filter;
use super::quiet::Quiet;

/// How long a refused log-in waits for its answer, so that guessing is slow.
const REFUSAL_DELAY: Duration = Duration::from_millis(250);

/// A password. Kept as its SHA-256 digest and without `Debug` or `Display`, so that no log line
/// can show it.
#[derive(Clone)]
pub struct Password([u8; 32]);

impl Password {
    /// Takes the text of a password; only its digest is kept.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// Whether this is the password of the empty text, which protects nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.0 == Self::new("").0
    }

    /// Equal or not, in a time that does not depend on where they differ.
    fn matches(&self, offered: &[u8]) -> Choice {
        let offered: [u8; 32] = Sha256::digest(offered).into();
        self.0.ct_eq(&offered)
    }
}

/// Somebody, or some program, that may use the broker.
#[derive(Clone)]
pub struct User {
    /// The MQTT user name.
    pub name: String,
    /// The MQTT password.
    pub password: Password,
    /// Topic filters that may be published to and read; `["#"]` is everything but `$` topics.
    pub filters: Vec<String>,
}

/// Decides every log-in, publication and subscription of one broker.
pub(super) struct Access {
    pub(super) users: Vec<User>,
    /// Most clients that may be connected at one time.
    pub(super) max_clients: usize,
    /// Most sessions kept for clients that asked for it, connected or not.
    pub(super) max_sessions: usize,
    pub(super) stats: Arc<BrokerStats>,
    pub(super) storage: Arc<DynamicStorage>,
    /// Refusals are logged at most once a minute: anybody on the network can cause them.
    pub(super) refusals: Quiet,
}

impl Access {
    /// The reason to refuse `connect`, or the user it belongs to (none for anonymous).
    async fn admit(&self, connect: &ConnectPacket) -> Result<Option<&User>, ReasonCode> {
        let user = match self.users.as_slice() {
            [] => None,
            _ => Some(self.log_in(connect).ok_or(ReasonCode::BadUsernameOrPassword)?),
        };
        if self.stats.clients_connected.load(Ordering::Relaxed) >= self.max_clients {
            return Err(ReasonCode::ServerBusy);
        }
        let keeps_session = !connect.clean_start
            || connect.properties.get_session_expiry_interval().is_some_and(|s| s > 0);
        if keeps_session && !self.has_room_for_session(&connect.client_id).await {
            return Err(ReasonCode::QuotaExceeded);
        }
        Ok(user)
    }

    /// Looks at all users, also after a match, so that the time tells nothing about names.
    fn log_in(&self, connect: &ConnectPacket) -> Option<&User> {
        let name = connect.username.as_deref().unwrap_or_default();
        let password = connect.password.as_deref().unwrap_or_default();
        let mut found = None;
        for user in &self.users {
            let same_name = user.name.as_bytes().ct_eq(name.as_bytes());
            if bool::from(same_name & user.password.matches(password)) {
                found = Some(user);
            }
        }
        found
    }

    /// A client that asks for a kept session under ever new ids must not fill the memory.
    async fn has_room_for_session(&self, client_id: &str) -> bool {
        match self.storage.session_client_ids().await {
            Ok(ids) => ids.len() < self.max_sessions || ids.iter().any(|id| id == client_id),
            Err(_) => false,
        }
    }

    /// Whether the user of a connection may touch all topics of `wanted`.
    fn allows(&self, user: Option<&str>, wanted: &str) -> bool {
        if self.users.is_empty() {
            return true;
        }
        user.and_then(|name| self.users.iter().find(|known| known.name == name)).is_some_and(
            |known| known.filters.iter().any(|allowed| filter::covers(allowed, wanted)),
        )
    }
}

impl AuthProvider for Access {
    fn authenticate<'a>(
        &'a self,
        connect: &'a ConnectPacket,
        address: SocketAddr,
    ) -> Pin<Box<dyn Future<Output = mqtt5::Result<AuthResult>> + Send + 'a>> {
        Box::pin(async move {
            match self.admit(connect).await {
                Ok(None) => Ok(AuthResult::success()),
                Ok(Some(user)) => Ok(AuthResult::success_with_user(user.name.as_str())),
                Err(reason) => {
                    if let Some(n_unseen) = self.refusals.may_speak() {
                        warn!(%address, ?reason, n_unseen, "MQTT client refused by the broker.");
                    }
                    tokio::time::sleep(REFUSAL_DELAY).await;
                    Ok(AuthResult::fail(reason))
                }
            }
        })
    }

    fn authorize_publish<'a>(
        &'a self,
        _client_id: &str,
        user: Option<&'a str>,
        topic: &'a str,
    ) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        // `$SYS` is the broker's own; a client must not forge it, whatever its rights.
        let allowed = !topic.starts_with("$SYS") && self.allows(user, topic);
        Box::pin(std::future::ready(allowed))
    }

    fn authorize_subscribe<'a>(
        &'a self,
        _client_id: &str,
        user: Option<&'a str>,
        topic_filter: &'a str,
    ) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        Box::pin(std::future::ready(self.allows(user, topic_filter)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_match_only_themselves() {
        let check = |kept: &str, offered: &str, want: bool| {
            let same = bool::from(Password::new(kept).matches(offered.as_bytes()));
            assert_eq!(same, want, "`{kept}` against `{offered}`");
        };
        check("secret", "secret", true);
        check("secret", "Secret", false);
        check("secret", "", false);
        check("", "", true);
        assert!(Password::new("").is_empty());
        assert!(!Password::new(" ").is_empty());
    }
}
