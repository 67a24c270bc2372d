//! The certificate of the panel: the owner's, read again when its files change, or one that Homard makes, keeps in the data
//! directory and renews. Which of them is wanted says the configuration; who speaks TLS with it is `web`.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv6Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use super::run_file::write_private;
use crate::clock::Clock;
use crate::config::{WebTls, certified_key};
use crate::web;

/// How long one of our own making is good: what browsers accept at most is 398 days.
const GOOD_FOR_DAYS: i64 = 397;
/// It is renewed so long before its end.
const RENEWED_BEFORE_DAYS: i64 = 30;
/// How often it is looked at.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(60 * 60);
/// Below the data directory.
const FOLDER: &str = "tls";
/// Most names and addresses in it.
const MOST_NAMES: usize = 40;

/// The certificate that is shown to browsers. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Certificate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: Source,
    clock: Clock,
    now: RwLock<Now>,
}

#[derive(Debug)]
enum Source {
    Files { cert: PathBuf, key: PathBuf },
    Own { folder: PathBuf },
}

#[derive(Debug, Clone)]
struct Now {
    key: Arc<CertifiedKey>,
    /// Of the files it was read from.
    stamps: Vec<(u64, i64, i64)>,
    /// Of one of our own making.
    until: Option<Timestamp>,
}

/// What is noted beside a certificate of our own making.
#[derive(Debug, Serialize, Deserialize)]
struct Made {
    /// Seconds since 1970.
    until: i64,
    names: BTreeSet<String>,
}

impl Certificate {
    /// Reads it, or makes it where it is ours and missing, at its end, or without a name that this machine has.
    ///
    /// # Errors
    /// When there is none that can be used.
    pub(super) fn open(wanted: &WebTls, data_dir: &Path, clock: &Clock) -> Result<Self> {
        let source = match wanted {
            WebTls::Files { cert, key } => Source::Files { cert: cert.clone(), key: key.clone() },
            WebTls::SelfSigned => Source::Own { folder: data_dir.join(FOLDER) },
        };
        let now = source.load(clock.now())?;
        Ok(Self(Arc::new(Inner { source, clock: clock.clone(), now: RwLock::new(now) })))
    }

    /// How TLS is spoken with it.
    ///
    /// # Errors
    /// In no program that passed its tests.
    pub(super) fn server(&self) -> Result<Arc<ServerConfig>> {
        let provider = Arc::new(ring::default_provider());
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .context("TLS")?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&self.0) as Arc<dyn ResolvesServerCert>);
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(server))
    }

    /// As the panel shows it.
    pub(super) fn about(&self) -> web::Certificate {
        let now = self.0.now();
        let fingerprint = now.key.cert.first().map(Sha256::digest).unwrap_or_default();
        let pairs: Vec<String> = fingerprint.iter().map(|byte| format!("{byte:02X}")).collect();
        web::Certificate {
            is_own: matches!(self.0.source, Source::Own { .. }),
            fingerprint: pairs.join(":"),
            until: now.until,
        }
    }

    /// Keeps it good for as long as the daemon runs.
    pub(super) async fn keep(self) {
        let mut ticks = interval(LOOKED_AT_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let inner = Arc::clone(&self.0);
            // It ends by itself, and the next one looks again.
            let _ = tokio::task::spawn_blocking(move || inner.look_again()).await;
        }
    }
}

impl Inner {
    fn now(&self) -> Now {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn look_again(&self) {
        let now = self.now();
        let time = self.clock.now();
        let is_good = match &self.source {
            Source::Files { cert, key } => stamps(&[cert, key]) == now.stamps,
            Source::Own { .. } => now.until.is_some_and(|until| !is_near(until, time)),
        };
        if is_good {
            return;
        }
        match self.source.load(time) {
            Ok(fresh) => {
                *self.now.write().unwrap_or_else(PoisonError::into_inner) = fresh;
                info!("The panel has a new certificate.");
            }
            Err(error) => {
                warn!(error = %format!("{error:#}"), "The new certificate is not good; the old one stays.");
            }
        }
    }
}

impl ResolvesServerCert for Inner {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.now().key)
    }
}

impl Source {
    fn load(&self, time: Timestamp) -> Result<Now> {
        match self {
            Self::Files { cert, key } => {
                let stamps = stamps(&[cert, key]);
                let read = |path: &Path| fs::read(path).with_context(|| path.display().to_string());
                let key = certified_key(&read(cert)?, &read(key)?)
                    .with_context(|| format!("{} and its key", cert.display()))?;
                Ok(Now { key: Arc::new(key), stamps, until: None })
            }
            Self::Own { folder } => own(folder, time),
        }
    }
}

/// Size and time of change of files: others when one was changed.
fn stamps(paths: &[&PathBuf]) -> Vec<(u64, i64, i64)> {
    let of = |path: &&PathBuf| {
        fs::metadata(path)
            .map(|found| (found.len(), found.mtime(), found.mtime_nsec()))
            .unwrap_or_default()
    };
    paths.iter().map(of).collect()
}

fn is_near(end: Timestamp, time: Timestamp) -> bool {
    end.duration_since(time) < jiff::SignedDuration::from_hours(24 * RENEWED_BEFORE_DAYS)
}

/// The certificate of our own making that is kept, or a new one for the same key and all names so far.
fn own(folder: &Path, time: Timestamp) -> Result<Now> {
    let names = names();
    let made = fs::read(folder.join("made.json")).ok();
    let made: Option<Made> = made.and_then(|text| serde_json::from_slice(&text).ok());
    if let Some(Made { until, names: known }) = &made
        && let Ok(until) = Timestamp::from_second(*until)
        && !is_near(until, time)
        && names.is_subset(known)
        && let Ok(kept) = kept(folder)
    {
        return Ok(Now { key: Arc::new(kept), stamps: Vec::new(), until: Some(until) });
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| folder.display().to_string())?;
    let mut names: Vec<String> =
        names.into_iter().chain(made.map(|made| made.names).unwrap_or_default()).collect();
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names.truncate(MOST_NAMES);
    let until = make(folder, &names, time)?;
    let noted = Made { until: until.as_second(), names: names.into_iter().collect() };
    write_private(&folder.join("made.json"), &serde_json::to_vec(&noted)?)?;
    info!("A certificate was made for the panel.");
    Ok(Now { key: Arc::new(kept(folder)?), stamps: Vec::new(), until: Some(until) })
}

fn kept(folder: &Path) -> Result<CertifiedKey> {
    let read = |name| fs::read(folder.join(name));
    let chain = vec![CertificateDer::from(read("homard.crt")?)];
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(read("homard.key")?));
    let provider = Arc::new(ring::default_provider());
    CertifiedKey::from_der(chain, key, &provider).context("the panel's certificate")
}

/// Writes a certificate for these names, and its key where there is none yet; until when it is good.
fn make(folder: &Path, names: &[String], time: Timestamp) -> Result<Timestamp> {
    let at = folder.join("homard.key");
    let key = fs::read(&at).ok().and_then(|der| KeyPair::try_from(der).ok());
    let key = match key {
        Some(key) => key,
        None => {
            let key = KeyPair::generate().map_err(|error| anyhow!("no key: {error}"))?;
            write_private(&at, &key.serialize_der()).context("the panel's key")?;
            key
        }
    };
    let today = time.to_zoned(TimeZone::UTC).date();
    let day = |days: i64| today.checked_add(days.days()).context("the date");
    // From yesterday on, for browsers whose clock is behind.
    let (first, last) = (day(-1)?, day(GOOD_FOR_DAYS - 1)?);
    let date = |date: jiff::civil::Date| {
        rcgen::date_time_ymd(
            date.year().into(),
            date.month().unsigned_abs(),
            date.day().unsigned_abs(),
        )
    };
    let mut wanted = CertificateParams::new(names.to_vec())
        .map_err(|error| anyhow!("the panel's names: {error}"))?;
    wanted.distinguished_name.push(DnType::CommonName, "Homard");
    wanted.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    (wanted.not_before, wanted.not_after) = (date(first), date(last));
    let made = wanted.self_signed(&key).map_err(|error| anyhow!("no certificate: {error}"))?;
    write_private(&folder.join("homard.crt"), made.der()).context("the panel's certificate")?;
    let until = last.to_zoned(TimeZone::UTC).context("the date")?;
    Ok(until.timestamp())
}

/// Under which names and addresses this machine may be reached.
fn names() -> BTreeSet<String> {
    let node = rustix::system::uname();
    let node = node.nodename().to_string_lossy().to_lowercase();
    let is_name = |name: &str| {
        !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
    };
    let mut names: BTreeSet<String> =
        ["localhost", "homard.local", "127.0.0.1", "::1"].map(str::to_owned).into();
    if is_name(&node) {
        if !node.contains('.') {
            names.insert(format!("{node}.local"));
        }
        names.insert(node);
    }
    names.extend(addresses());
    names
}

/// The addresses of this machine in its networks, as the kernel lists them. Those of IPv6 that change each day are left
/// out with all others that are not local: nobody types them.
fn addresses() -> Vec<String> {
    let mut found = Vec::new();
    // `|-- 192.168.1.5` and below it `/32 host LOCAL`.
    let trie = fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
    let mut last = "";
    for line in trie.lines() {
        if let Some((_, address)) = line.split_once("|-- ") {
            last = address;
        } else if line.contains("/32 host LOCAL") && !last.starts_with("127.") {
            found.push(last.to_owned());
        }
    }
    let six = fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
    let local = six.lines().filter_map(|line| {
        let digits = line.split_whitespace().next()?;
        let address = Ipv6Addr::from(u128::from_str_radix(digits, 16).ok()?);
        address.is_unique_local().then(|| address.to_string())
    });
    found.extend(local);
    found
}

/// Where a browser finds an address, with or without TLS.
pub(super) fn scheme(tls: Option<&WebTls>) -> &'static str {
    if tls.is_some() { "https" } else { "http" }
}

/// `https://127.0.0.1:8466`
pub(super) fn shown(tls: Option<&WebTls>, address: SocketAddr) -> String {
    format!("{}://{address}", scheme(tls))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn our_own_is_kept_private_and_renewed_in_time_with_the_same_key() {
        let dir = std::env::temp_dir().join(format!("homard-certificate-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        let time: Timestamp = "2026-03-04T05:06:07Z".parse().unwrap();
        let folder = dir.join(FOLDER);
        let first = own(&folder, time).unwrap();
        for (name, mode) in [("tls", 0o700), ("tls/homard.key", 0o600), ("tls/homard.crt", 0o600)] {
            let found = fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o777;
            assert_eq!(found, mode, "{name}");
        }
        let until = first.until.unwrap();
        let days = until.duration_since(time).as_hours() / 24;
        assert!((395..397).contains(&days), "{days}");
        let same = own(&folder, time + 300.hours()).unwrap();
        assert_eq!(same.key.cert, first.key.cert);
        let key = fs::read(folder.join("homard.key")).unwrap();
        let renewed = own(&folder, until - 400.hours()).unwrap();
        assert_ne!(renewed.key.cert, first.key.cert);
        assert!(renewed.until.unwrap() > until);
        assert_eq!(fs::read(folder.join("homard.key")).unwrap(), key);
        // A key that was damaged costs the certificate and not the start.
        fs::write(folder.join("homard.key"), b"x").unwrap();
        assert_ne!(own(&folder, time).unwrap().key.cert, renewed.key.cert);

        let clock = Clock::fixed(time.to_zoned(TimeZone::UTC));
        let certificate = Certificate::open(&WebTls::SelfSigned, &dir, &clock).unwrap();
        let about = certificate.about();
        assert!(about.is_own && about.fingerprint.len() == 95, "{about:?}");
        certificate.server().unwrap();
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn this_machine_has_names_and_no_address_of_every_machine() {
        let names = names();
        assert!(names.contains("homard.local") && names.contains("127.0.0.1"), "{names:?}");
        assert!(!names.contains("0.0.0.0"), "{names:?}");
    }
}
