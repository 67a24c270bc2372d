//! Wrong passwords and codes: who was wrong waits, longer each time. By the name that was tried and by the address that
//! tried it, so that neither many names nor many addresses help. In memory only, and bounded.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::Instant;

/// So often one may be wrong without waiting: people mistype.
const FREE: u32 = 3;
/// The first wait; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait for an address.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// The longest wait for a name: short enough that nobody can lock somebody else out for long.
const LONGEST_FOR_NAME: Duration = Duration::from_secs(30);
/// After so long without a wrong one all is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(60 * 60);
/// More are not remembered: the one that was wrong longest ago goes.
const MOST: usize = 2_048;

/// Who was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// Of a network of IPv6 that one household or attacker has as a whole, its first half.
    Address(IpAddr),
    /// The hash of the name, which may be of any length.
    Name([u8; 8]),
}

impl Key {
    pub(super) fn address(from: IpAddr) -> Self {
        match from.to_canonical() {
            IpAddr::V4(address) => Self::Address(address.into()),
            IpAddr::V6(address) => {
                let network = u128::from(address) & (u128::MAX << 64);
                Self::Address(std::net::Ipv6Addr::from(network).into())
            }
        }
    }

    pub(super) fn name(name: &str) -> Self {
        let hash = Sha256::digest(name.trim().to_lowercase());
        let mut key = [0; 8];
        key.copy_from_slice(&hash[..8]);
        Self::Name(key)
    }

    fn longest(self) -> Duration {
        match self {
            Self::Address(_) => LONGEST,
            Self::Name(_) => LONGEST_FOR_NAME,
        }
    }
}

/// How often each was wrong.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    wrong: Mutex<HashMap<Key, Wrong>>,
}

#[derive(Debug)]
struct Wrong {
    n: u32,
    last: Instant,
    /// Nothing is tried before.
    until: Instant,
}

impl Attempts {
    /// How long they still have to wait.
    pub(super) fn wait(&self, keys: &[Key]) -> Option<Duration> {
        let now = Instant::now();
        let wrong = self.lock();
        let waits = keys.iter().filter_map(|key| wrong.get(key)?.until.checked_duration_since(now));
        waits.filter(|wait| !wait.is_zero()).max()
    }

    /// They were wrong.
    pub(super) fn failed(&self, keys: &[Key]) {
        let now = Instant::now();
        let mut wrong = self.lock();
        for key in keys {
            if wrong.len() >= MOST && !wrong.contains_key(key) {
                wrong.retain(|_, one| now.duration_since(one.last) < FORGOTTEN);
                let oldest = wrong.iter().min_by_key(|(_, one)| one.last).map(|(key, _)| *key);
                if wrong.len() >= MOST
                    && let Some(oldest) = oldest
                {
                    wrong.remove(&oldest);
                }
            }
            let one = wrong.entry(*key).or_insert(Wrong { n: 0, last: now, until: now });
            if now.duration_since(one.last) >= FORGOTTEN {
                one.n = 0;
            }
            one.n += 1;
            one.last = now;
            if let Some(doublings) = one.n.checked_sub(FREE) {
                let wait = FIRST_WAIT.saturating_mul(1 << doublings.min(20));
                one.until = now + wait.min(key.longest());
            }
        }
    }

    /// They were right.
    pub(super) fn succeeded(&self, keys: &[Key]) {
        let mut wrong = self.lock();
        wrong.retain(|key, _| !keys.contains(key));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Wrong>> {
        // A panic while it was held leaves nothing half done.
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_is_wrong_waits_longer_each_time() {
        let attempts = Attempts::default();
        let keys = [Key::address([192, 168, 1, 9].into()), Key::name("Ada")];
        let mut waits = Vec::new();
        for _ in 0..12 {
            attempts.failed(&keys);
            let wait = attempts.wait(&keys);
            waits.push(wait.map_or(0, |wait| wait.as_secs()));
            tokio::time::advance(wait.unwrap_or_default()).await;
            assert_eq!(attempts.wait(&keys), None);
        }
        assert_eq!(waits, [0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512]);
        attempts.failed(&keys);
        assert_eq!(attempts.wait(&[Key::name(" ADA ")]).map(|wait| wait.as_secs()), Some(30));
        assert_eq!(attempts.wait(&[Key::name("Bob")]), None);
        attempts.succeeded(&keys);
        assert_eq!(attempts.wait(&keys), None);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_a_network_is_one() {
        let attempts = Attempts::default();
        for n in 0..MOST as u32 + 100 {
            attempts.failed(&[Key::name(&n.to_string())]);
        }
        assert_eq!(attempts.lock().len(), MOST);
        let one = |text: &str| Key::address(text.parse().unwrap());
        assert_eq!(one("2001:db8::1"), one("2001:db8::ffff:2"));
        assert_ne!(one("2001:db8::1"), one("2001:db8:0:1::1"));
        assert_eq!(one("::ffff:10.0.0.1"), one("10.0.0.1"));
    }
}
