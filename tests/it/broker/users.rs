//! Users, their rights, and TLS.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use homard::broker::{Broker, Error, Password, Settings, Tls, User, start};
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS, TlsConfiguration, Transport};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::LOCAL;
use super::client::{Client, Hello, PATIENCE, V3, V5};
use super::process::TempDir;
use super::store::MemoryStore;

fn user(name: &str, password: &str, filters: &[&str]) -> User {
    let filters = filters.iter().map(|filter| (*filter).to_owned()).collect();
    User { name: name.into(), password: Password::new(password), filters }
}

async fn guarded() -> Broker {
    let users = vec![user("alice", "apw", &["#"]), user("bob", "bpw", &["bob/#", "public/+"])];
    start(Settings { users, ..Settings::local(LOCAL) }, MemoryStore::new()).await.unwrap()
}

#[test]
fn settings_that_are_unsafe_or_wrong_are_refused_in_plain_words() {
    let open = Settings::local("0.0.0.0:1883".parse().unwrap());
    let with = |users: Vec<User>| Settings { users, ..open.clone() };
    let check = |settings: Settings, want: &str| {
        let error = settings.check().expect_err(want).to_string();
        assert!(error.contains(want), "`{error}` should say `{want}`");
    };
    check(open.clone(), "`0.0.0.0:1883` can be reached from the network");
    check(Settings::local("[::]:1883".parse().unwrap()), "add users, or listen on 127.0.0.1");
    check(Settings::local("192.168.1.5:1883".parse().unwrap()), "can be reached");
    let tls = Tls { cert: "a".into(), key: "b".into(), listen: "0.0.0.0:8883".parse().unwrap() };
    check(Settings { tls: Some(tls), ..Settings::local(LOCAL) }, "`0.0.0.0:8883` can be reached");
    check(with(vec![user("", "x", &["#"])]), "no name");
    check(with(vec![user("a", "", &["#"])]), "`a` has an empty password");
    check(with(vec![user("a", "x", &[]), user("a", "y", &[])]), "`a` is named twice");
    check(with(vec![user("a", "x", &["a/b#"])]), "`a/b#` is no topic filter");
    assert!(with(vec![user("a", "x", &["#"])]).check().is_ok());
    for local in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        assert!(Settings::local(local.parse().unwrap()).check().is_ok(), "{local}");
    }
}

#[tokio::test]
async fn an_open_listener_on_the_network_does_not_start() {
    let settings = Settings::local("0.0.0.0:0".parse().unwrap());
    let error = start(settings, MemoryStore::new()).await.err().unwrap();
    assert!(matches!(error, Error::OpenToNetwork { .. }), "{error}");
}

#[tokio::test]
async fn only_the_right_name_and_password_come_in() {
    let broker = guarded().await;
    for (version, refused) in [(V3, 4), (V5, 0x86)] {
        let hello = Hello::new(version, "client");
        for (login, want) in [
            (Some(("alice", "apw")), None),
            (Some(("alice", "wrong")), Some(refused)),
            (Some(("alice", "")), Some(refused)),
            (Some(("alice", "bpw")), Some(refused)),
            (Some(("eve", "apw")), Some(refused)),
            (Some(("", "")), Some(refused)),
            (None, Some(refused)),
        ] {
            let hello = Hello { login, ..hello.clone() };
            let got = Client::hello(broker.address(), &hello).await.err();
            assert_eq!(got, want, "version {version}, {login:?}");
        }
    }
    // A row of failures locks nobody out.
    for _ in 0..10 {
        let wrong = Hello::new(V5, "x").login("alice", "wrong");
        assert!(Client::hello(broker.address(), &wrong).await.is_err());
    }
    Client::hello(broker.address(), &Hello::new(V5, "x").login("alice", "apw")).await.unwrap();
    broker.stop().await;
}

#[tokio::test]
async fn users_read_and_write_only_within_their_filters() {
    let broker = guarded().await;
    let address = broker.address();
    let hello = |version, id| Hello::new(version, id);
    let mut alice = Client::hello(address, &hello(V5, "a").login("alice", "apw")).await.unwrap();
    alice.subscribe(&["#"], 1).await;
    let mut bob = Client::hello(address, &hello(V5, "b").login("bob", "bpw")).await.unwrap();

    let denied = ["#", "+/x", "secret/#", "public/#", "$share/g/#", "$share/g/secret", "$SYS/#"];
    for filter in denied {
        assert_eq!(bob.subscribe(&[filter], 1).await, [0x87], "{filter}");
    }
    let granted = ["bob/#", "bob", "bob/+/x", "public/+", "$share/g/bob/x"];
    for filter in granted {
        assert_eq!(bob.subscribe(&[filter], 1).await, [1], "{filter}");
    }
    assert_eq!(bob.publish("secret/x", b"1", 1, false).await, 0x87);
    assert_eq!(bob.publish("public/x/y", b"1", 2, false).await, 0x87);
    bob.publish("secret/x", b"1", 0, false).await;
    assert_eq!(bob.publish("bob/x", b"from bob", 1, false).await, 0);
    assert_eq!(alice.message().await.text(), "from bob");
    alice.expect_nothing().await;

    // A refused will is not sent either.
    let will = Hello { will: Some(("secret/will", "boo")), ..hello(V3, "w").login("bob", "bpw") };
    drop(Client::hello(address, &will).await.unwrap());
    alice.publish("secret/y", b"2", 1, false).await;
    assert_eq!(alice.message().await.topic, "secret/y");
    alice.expect_nothing().await;

    let mut old = Client::hello(address, &hello(V3, "o").login("bob", "bpw")).await.unwrap();
    assert_eq!(old.subscribe(&["#", "bob/#", "secret/#"], 1).await, [0x80, 1, 0x80]);
    broker.stop().await;
}

/// A kept session of one user is not for another one who knows the client id.
#[tokio::test]
async fn a_session_belongs_to_its_user() {
    let broker = guarded().await;
    let hello = Hello { clean: false, ..Hello::new(V3, "session") };
    let alice = Client::hello(broker.address(), &hello.clone().login("alice", "apw")).await;
    let mut alice = alice.unwrap();
    alice.subscribe(&["#"], 1).await;
    alice.disconnect().await;
    let bob = Client::hello(broker.address(), &hello.clone().login("bob", "bpw")).await;
    assert_eq!(bob.err(), Some(5), "not authorized");
    broker.stop().await;
}

/// A CA of our own and a certificate for this machine, made by `openssl`; none without it.
fn certificates(dir: &Path) -> Option<(PathBuf, PathBuf, PathBuf)> {
    let script = "
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
            -subj /CN=home-ca -keyout ca.key -out ca.crt &&
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
            -subj /CN=localhost -keyout srv.key -out srv.csr &&
        printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\\nbasicConstraints=CA:FALSE\\n' > ext &&
        openssl x509 -req -in srv.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
            -extfile ext -out srv.crt";
    let made = Command::new("sh").args(["-c", script]).current_dir(dir).output();
    if !made.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: `openssl` is missing, so there are no certificates for the TLS tests");
        return None;
    }
    Some((dir.join("ca.crt"), dir.join("srv.crt"), dir.join("srv.key")))
}

pub(super) async fn with_tls(dir: &TempDir) -> Option<(Broker, PathBuf)> {
    let (ca, cert, key) = certificates(&dir.0)?;
    let settings = Settings {
        users: vec![user("alice", "apw", &["#"])],
        tls: Some(Tls { cert, key, listen: LOCAL }),
        ..Settings::local(LOCAL)
    };
    Some((start(settings, MemoryStore::new()).await.unwrap(), ca))
}

fn tls_options(broker: &Broker, ca: &Path, id: &str) -> MqttOptions {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let port = broker.tls_address().unwrap().port();
    let mut options = MqttOptions::new(id, "localhost", port);
    options.set_credentials("alice", "apw");
    options.set_transport(Transport::Tls(TlsConfiguration::Rustls(Arc::new(config))));
    options
}

#[tokio::test]
async fn tls_with_a_ca_of_ones_own_shares_messages_with_the_plain_listener() {
    let dir = TempDir::new("tls");
    let Some((broker, ca)) = with_tls(&dir).await else { return };
    let (client, mut events) = AsyncClient::new(tls_options(&broker, &ca, "secure"), 10);
    client.subscribe("t/#", QoS::AtLeastOnce).await.unwrap();
    client.publish("t/x", QoS::AtLeastOnce, true, "over tls").await.unwrap();
    let received = timeout(PATIENCE, async {
        loop {
            if let Event::Incoming(Packet::Publish(publish)) = events.poll().await.unwrap() {
                return publish.payload;
            }
        }
    });
    assert_eq!(&received.await.unwrap()[..], b"over tls");
    let login = Hello::new(V3, "plain").login("alice", "apw");
    let mut plain = Client::hello(broker.address(), &login).await.unwrap();
    plain.subscribe(&["t/#"], 1).await;
    assert_eq!(plain.message().await.text(), "over tls");
    broker.stop().await;
}

#[tokio::test]
async fn silent_tls_connections_block_nobody_and_are_closed() {
    use tokio::io::AsyncReadExt;

    let dir = TempDir::new("silent-tls");
    let Some((broker, ca)) = with_tls(&dir).await else { return };
    let mut silent = Vec::new();
    for _ in 0..10 {
        silent.push(TcpStream::connect(broker.tls_address().unwrap()).await.unwrap());
    }
    let begin = Instant::now();
    let (_client, mut events) = AsyncClient::new(tls_options(&broker, &ca, "secure"), 10);
    let first = timeout(Duration::from_secs(2), events.poll()).await.unwrap().unwrap();
    assert!(matches!(first, Event::Incoming(Packet::ConnAck(_))), "{first:?}");
    for mut stream in silent {
        let end = timeout(Duration::from_secs(8), stream.read_u8()).await;
        assert!(end.expect("it must be closed").is_err());
    }
    let elapsed = begin.elapsed();
    assert!(elapsed > Duration::from_secs(4), "the time for a handshake is 5 s: {elapsed:?}");
    broker.stop().await;
}

#[tokio::test]
async fn a_bad_certificate_file_is_named() {
    let tls = Tls { cert: "/nowhere/srv.crt".into(), key: "x".into(), listen: LOCAL };
    let settings = Settings { tls: Some(tls), ..Settings::local(LOCAL) };
    let error = start(settings, MemoryStore::new()).await.err().unwrap().to_string();
    assert!(error.starts_with("`/nowhere/srv.crt` cannot be used for TLS"), "{error}");
}
