//! Which broker is used: one that runs already, or Homard's own; and how its messages are kept.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, anyhow, bail};
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tracing::{info, warn};

use crate::broker::{self, Password, Probe};
use crate::config::{self, Outside, Secret};
use crate::mqtt;
use crate::storage::{RetainedChange, RetainedMessage, Storage, Writer};

/// Under which name Homard itself uses its own broker, where that has users.
const OURSELVES: &str = "homard-hub";
/// Where systems keep the authorities they trust: Debian and most others, Fedora, Alpine.
const SYSTEM_AUTHORITIES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// The broker that is used.
pub(super) struct Reached {
    /// How to get there.
    pub(super) outside: Outside,
    /// It is Homard's own.
    pub(super) is_ours: bool,
    /// Which it is, for a person.
    pub(super) words: String,
}

impl Reached {
    /// The host as it stands before a port.
    pub(super) fn shown_host(&self) -> String {
        match &self.outside.host {
            host if host.contains(':') => format!("[{host}]"),
            host => host.clone(),
        }
    }
}

/// Finds or starts the broker of `chosen`. Where the owner chose it in the panel and it cannot be used, that of the file is
/// taken instead: nobody must be kept out of the house, and so of the panel, by what was decided there.
///
/// # Errors
/// When that of the file cannot be used.
pub(super) async fn reach(
    chosen: &config::Mqtt,
    file: &config::Mqtt,
    retained: Arc<Retained>,
    is_demo: bool,
    notes: &mut Vec<String>,
) -> Result<(Reached, Option<broker::Broker>)> {
    let opened = match &chosen.broker {
        config::Broker::Outside(outside) => settings(chosen, outside).map(|_| ()),
        config::Broker::Embedded { .. } => Ok(()),
    };
    let opened = match opened {
        Ok(()) => open(&chosen.broker, Arc::clone(&retained), is_demo, notes).await,
        Err(error) => Err(error),
    };
    let error = match opened {
        Err(error) if chosen.broker != file.broker => format!("{error:#}"),
        other => return other,
    };
    warn!(%error, "The broker that was chosen in the panel cannot be used; the usual one is.");
    notes.push(format!("The broker that was chosen in the panel cannot be used: {error}"));
    let (mut reached, broker) = open(&file.broker, retained, is_demo, notes).await?;
    reached.words = format!("{}; the one that was chosen cannot be used: {error}", reached.words);
    Ok((reached, broker))
}

/// Finds or starts the broker.
///
/// # Errors
/// When it cannot be started, or the owner's own address for it is in use.
pub(super) async fn open(
    wanted: &config::Broker,
    retained: Arc<Retained>,
    is_demo: bool,
    notes: &mut Vec<String>,
) -> Result<(Reached, Option<broker::Broker>)> {
    let (listen, users, is_default) = match wanted {
        config::Broker::Outside(outside) => {
            let words = format!("{}:{}", outside.host, outside.port);
            return Ok((Reached { outside: outside.clone(), is_ours: false, words }, None));
        }
        config::Broker::Embedded { listen, users, is_default } => (*listen, users, *is_default),
    };
    let mut settings = broker::Settings::local(listen);
    settings.users = users.iter().map(user).collect();
    match broker::probe(listen).await {
        Probe::Broker if is_default => {
            let note = format!("An MQTT broker already listens on {listen}; it is used.");
            info!(%listen, "An MQTT broker already listens there; it is used.");
            notes.push(note);
            let words = format!("{listen} (one that runs already)");
            return Ok((Reached { outside: plain(listen), is_ours: false, words }, None));
        }
        Probe::Broker => bail!(
            "another MQTT broker already listens on {listen}; write `broker = \"mqtt://{listen}\"` \
             in place of `listen` below `[mqtt]` to use it, or give Homard's another port"
        ),
        Probe::Other if is_demo => {
            settings.listen = SocketAddr::new(listen.ip(), 0);
            notes.push(format!(
                "{listen} is in use by something that is no MQTT broker, so the demo's broker is \
                 at another port."
            ));
        }
        Probe::Other => bail!(
            "{listen} is in use by a program that is no MQTT broker; give Homard's broker another \
             port with `[mqtt] listen`"
        ),
        Probe::Nobody => {}
    }
    let mut outside = plain(listen);
    if !settings.users.is_empty() {
        let password = random()?;
        settings.users.push(broker::User {
            name: OURSELVES.to_owned(),
            password: Password::new(&password),
            filters: vec!["#".to_owned()],
        });
        outside.user = Some(OURSELVES.to_owned());
        outside.password = Some(Secret::new(password));
    }
    let broker = broker::start(settings, retained).await.context("the MQTT broker")?;
    outside.port = broker.address().port();
    let words = format!("{} (Homard's own)", broker.address());
    Ok((Reached { outside, is_ours: true, words }, Some(broker)))
}

fn user(user: &config::User) -> broker::User {
    broker::User {
        name: user.name.clone(),
        password: Password::new(user.password.expose()),
        filters: vec!["#".to_owned()],
    }
}

/// The way to a broker on this machine.
fn plain(listen: SocketAddr) -> Outside {
    let ip = match listen.ip() {
        ip if !ip.is_unspecified() => ip,
        ip if ip.is_ipv4() => Ipv4Addr::LOCALHOST.into(),
        _ => Ipv6Addr::LOCALHOST.into(),
    };
    Outside { host: ip.to_string(), port: listen.port(), tls: None, user: None, password: None }
}

fn random() -> Result<String> {
    let mut random = [0_u8; 24];
    getrandom::fill(&mut random).map_err(|error| anyhow!("no random numbers: {error}"))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Keeps the broker's retained messages in the house's data.
pub(super) struct Retained {
    storage: Storage,
    writer: Writer,
    /// What was loaded: by the hash of topic and payload, when it was said, in seconds since 1970.
    loaded: OnceLock<HashMap<u64, u64>>,
}

impl Retained {
    pub(super) fn new(storage: Storage, writer: Writer) -> Self {
        Self { storage, writer, loaded: OnceLock::new() }
    }

    /// When a message was said that was kept over the restart: it may be older than what the house
    /// knows, as last states that a person caused are written sooner.
    pub(super) fn kept_since(&self, topic: &str, payload: &[u8]) -> Option<Timestamp> {
        let seconds = self.loaded.get()?.get(&hash_of(topic, payload))?;
        Timestamp::from_second(i64::try_from(*seconds).ok()?).ok()
    }
}

impl broker::RetainedStore for Retained {
    fn load(&self) -> Vec<broker::Retained> {
        match self.storage.load_retained() {
            Ok(messages) => {
                let seen = |message: &RetainedMessage| {
                    (hash_of(&message.topic, &message.payload), message.stored_at)
                };
                self.loaded.get_or_init(|| messages.iter().map(seen).collect());
                messages.into_iter().map(from_disk).collect()
            }
            Err(error) => {
                warn!(%error, "Retained messages cannot be read; devices will say them again.");
                Vec::new()
            }
        }
    }

    fn save(&self, changes: Vec<broker::RetainedChange>) {
        self.writer.save_retained(changes.into_iter().map(to_disk).collect());
    }
}

fn hash_of(topic: &str, payload: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (topic, payload).hash(&mut hasher);
    hasher.finish()
}

fn from_disk(message: RetainedMessage) -> broker::Retained {
    let RetainedMessage {
        topic,
        payload,
        qos,
        stored_at,
        expiry,
        is_text,
        content_type,
        response_topic,
        correlation_data,
        user_properties,
    } = message;
    broker::Retained {
        topic,
        payload,
        qos,
        stored_at,
        expiry,
        is_text,
        content_type,
        response_topic,
        correlation_data,
        user_properties,
    }
}

fn to_disk(change: broker::RetainedChange) -> RetainedChange {
    let message = match change {
        broker::RetainedChange::Cleared { topic } => return RetainedChange::Cleared(topic),
        broker::RetainedChange::Set(message) => message,
    };
    let broker::Retained {
        topic,
        payload,
        qos,
        stored_at,
        expiry,
        is_text,
        content_type,
        response_topic,
        correlation_data,
        user_properties,
    } = message;
    RetainedChange::Set(Arc::new(RetainedMessage {
        topic,
        payload,
        qos,
        stored_at,
        expiry,
        is_text,
        content_type,
        response_topic,
        correlation_data,
        user_properties,
    }))
}

/// What the port to the broker must know.
///
/// # Errors
/// When the authorities cannot be used.
pub(super) fn settings(mqtt: &config::Mqtt, outside: &Outside) -> Result<mqtt::Settings> {
    let tls = match &outside.tls {
        Some(tls) => Some(Arc::new(tls_client(tls)?)),
        None => None,
    };
    Ok(mqtt::Settings {
        host: outside.host.clone(),
        port: outside.port,
        tls,
        user: outside.user.clone(),
        password: outside.password.clone(),
        client_id: mqtt.client_id.clone(),
        discovery_prefix: mqtt.discovery_prefix.clone(),
        status_topic: mqtt.status_topic.clone(),
        will: mqtt.will.clone(),
        kept_since: None,
        witness: None,
    })
}

fn tls_client(tls: &config::Tls) -> Result<ClientConfig> {
    let pem = match &tls.authorities {
        Some(pem) => pem.clone(),
        None => system_authorities()?,
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| anyhow!("`[mqtt] ca_file`: {error}"))?;
        // A system's bundle may hold some that are too odd for rustls; one good one is enough.
        if let Err(error) = roots.add(certificate) {
            warn!(%error, "A certificate authority cannot be used; left out.");
        }
    }
    if roots.is_empty() {
        bail!("`[mqtt] ca_file` holds no certificate authority that can be used");
    }
    Ok(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

/// The authorities that the system trusts, as PEM.
fn system_authorities() -> Result<Vec<u8>> {
    SYSTEM_AUTHORITIES.iter().find_map(|path| std::fs::read(path).ok()).context(
        "this system has no list of certificate authorities (Debian: install `ca-certificates`); \
         name the broker's with `[mqtt] ca_file`",
    )
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::storage;

    const FREE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    struct Data(PathBuf);

    impl Drop for Data {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn data(name: &str) -> (Data, Arc<Retained>) {
        let dir = std::env::temp_dir().join(format!("homard-{}-{name}", std::process::id()));
        let storage = Storage::open(&dir).unwrap();
        let writer = Writer::start(storage.clone(), storage::Settings::default()).unwrap();
        (Data(dir), Arc::new(Retained::new(storage, writer)))
    }

    fn embedded(listen: SocketAddr, is_default: bool) -> config::Broker {
        config::Broker::Embedded { listen, users: Vec::new(), is_default }
    }

    #[tokio::test]
    async fn a_broker_that_runs_already_is_used_unless_the_owner_wanted_our_own() {
        let (_data, retained) = data("broker-there");
        let mut notes = Vec::new();
        let (first, broker) =
            open(&embedded(FREE, true), retained.clone(), false, &mut notes).await.unwrap();
        assert!(first.is_ours && notes.is_empty());
        let listen = broker.as_ref().unwrap().address();
        assert_eq!(first.outside.port, listen.port());

        let (second, none) =
            open(&embedded(listen, true), retained.clone(), false, &mut notes).await.unwrap();
        assert!(!second.is_ours && none.is_none());
        assert_eq!(second.outside.port, listen.port());
        assert!(notes[0].contains("already listens"), "{notes:?}");

        let refused = open(&embedded(listen, false), retained, false, &mut notes).await;
        let error = refused.err().unwrap().to_string();
        assert!(error.contains(&format!("broker = \"mqtt://{listen}\"")), "{error}");
        broker.unwrap().stop().await;
    }

    #[tokio::test]
    async fn what_was_chosen_in_the_panel_keeps_nobody_out() {
        let (_data, retained) = data("broker-chosen");
        let mut notes = Vec::new();
        let (_, broker) =
            open(&embedded(FREE, true), retained.clone(), false, &mut notes).await.unwrap();
        let listen = broker.as_ref().unwrap().address();
        let with = |broker| config::Mqtt { broker, ..config::Config::new().mqtt };
        let file = with(embedded(listen, true));
        // Somebody else's broker is there already; an authority that is none.
        let tls = Some(config::Tls { authorities: Some(b"none".to_vec()) });
        let outside = Outside { tls, ..plain(listen) };
        for chosen in [embedded(listen, false), config::Broker::Outside(outside)] {
            let chosen = with(chosen);
            let reached = reach(&chosen, &file, retained.clone(), false, &mut notes).await;
            let (reached, none) = reached.unwrap();
            assert!(
                none.is_none() && reached.words.contains("cannot be used"),
                "{}",
                reached.words
            );
            // What stands in the file is an error there.
            assert!(reach(&chosen, &chosen, retained.clone(), false, &mut notes).await.is_err());
        }
        broker.unwrap().stop().await;
    }

    #[tokio::test]
    async fn a_stranger_on_the_port_stops_the_house_but_not_the_demo() {
        let (_data, retained) = data("broker-stranger");
        let stranger = std::net::TcpListener::bind(FREE).unwrap();
        let listen = stranger.local_addr().unwrap();
        let mut notes = Vec::new();
        let refused = open(&embedded(listen, true), retained.clone(), false, &mut notes).await;
        let error = refused.err().unwrap().to_string();
        assert!(error.contains("`[mqtt] listen`"), "{error}");
        let (reached, broker) =
            open(&embedded(listen, true), retained, true, &mut notes).await.unwrap();
        assert!(reached.is_ours && reached.outside.port != listen.port());
        assert!(notes[0].contains("another port"), "{notes:?}");
        broker.unwrap().stop().await;
    }

    #[tokio::test]
    async fn where_the_broker_has_users_homard_is_one() {
        let (_data, retained) = data("broker-users");
        let users = vec![config::User { name: "ann".into(), password: Secret::new("x") }];
        let wanted = config::Broker::Embedded { listen: FREE, users, is_default: false };
        let (reached, broker) = open(&wanted, retained, false, &mut Vec::new()).await.unwrap();
        assert_eq!(reached.outside.user.as_deref(), Some(OURSELVES));
        assert!(reached.outside.password.unwrap().expose().len() >= 32);
        broker.unwrap().stop().await;
    }

    #[test]
    fn messages_come_back_as_they_were() {
        let message = broker::Retained {
            topic: "a/b".into(),
            payload: vec![0, 255],
            qos: 1,
            stored_at: 9,
            expiry: Some(60),
            is_text: Some(false),
            content_type: Some("x".into()),
            response_topic: Some("r".into()),
            correlation_data: Some(vec![1]),
            user_properties: vec![("k".into(), "v".into())],
        };
        let RetainedChange::Set(kept) = to_disk(broker::RetainedChange::Set(message.clone()))
        else {
            panic!("cleared")
        };
        assert_eq!(from_disk((*kept).clone()), message);
    }
}
