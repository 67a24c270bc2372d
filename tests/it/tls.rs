//! The panel over TLS, with the real binary: a certificate of Homard's own making, the owner's, and bad ones; in a program
//! that trusts it and in a browser.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::support::browser::Browser;
use crate::support::homard::{Daemon, Folder, homard};

/// A file of a kind of PEM.
fn pem(kind: &str, der: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"))
}

/// A certificate for these names and its key, as PEM and the first also as it is.
fn made(names: &[&str]) -> (CertificateDer<'static>, String, String) {
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    let chain = pem("CERTIFICATE", made.der());
    (made.der().clone(), chain, pem("PRIVATE KEY", &key.serialize_der()))
}

/// GET over TLS of who trusts only this certificate and looks for this name.
fn get(
    port: u16,
    name: &str,
    trusted: &CertificateDer<'static>,
    head: &str,
) -> Result<String, String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).map_err(|error| error.to_string())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut stream = StreamOwned::new(connection, stream);
    write!(stream, "{head}\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .map_err(|error| error.to_string())?;
    let mut answer = Vec::new();
    // Who closes without saying so has said all that it had to.
    let _ = stream.read_to_end(&mut answer);
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn port(demo: &Daemon) -> u16 {
    demo.url.rsplit(':').next().unwrap().parse().unwrap()
}

#[test]
fn a_certificate_of_our_own_is_for_this_machine_kept_and_private() {
    let folder = Folder::new("tls-own");
    let config =
        "listen = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\ntls = \"self-signed\"";
    let demo = Daemon::start_configured("demo", &folder, config);
    let kept = format!("{}/tls/homard", demo.data);
    let mode = |name: &str| fs::metadata(format!("{kept}.{name}")).unwrap().permissions().mode();
    assert_eq!((mode("key") & 0o777, mode("crt") & 0o777), (0o600, 0o600));
    let certificate = CertificateDer::from(fs::read(format!("{kept}.crt")).unwrap());
    for name in ["localhost", "127.0.0.1", "homard.local"] {
        let answer = get(port(&demo), name, &certificate, "GET /healthz HTTP/1.1").unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{name}: {answer}");
    }
    let stranger = get(port(&demo), "evil.example", &certificate, "GET / HTTP/1.1");
    assert!(stranger.unwrap_err().contains("certificate"));
    // Who trusts another one is told.
    assert!(get(port(&demo), "localhost", &made(&["localhost"]).0, "GET / HTTP/1.1").is_err());

    // Programs on this machine come as ever, and what opens a session goes over TLS only.
    let done = demo.say(&["is the kitchen light on?"]);
    assert_eq!(done.code, 0, "{done:?}");
    let path = format!("GET /?token={} HTTP/1.1", demo.token);
    let answer = get(port(&demo), "localhost", &certificate, &path).unwrap();
    assert!(answer.contains("; Secure"), "{answer}");

    // The same after a restart.
    drop(demo);
    let again = Daemon::start_configured("demo", &folder, config);
    assert_eq!(fs::read(format!("{}/tls/homard.crt", again.data)).unwrap(), certificate.as_ref());
    get(port(&again), "localhost", &certificate, "GET /healthz HTTP/1.1").unwrap();
}

#[test]
fn the_owner_s_certificate_is_used_and_a_bad_one_is_an_error_of_the_configuration() {
    let folder = Folder::new("tls-files");
    let (trusted, chain, key) = made(&["localhost"]);
    let (_, _, other) = made(&["localhost"]);
    for (name, text) in [("a.pem", &chain), ("a.key", &key), ("b.key", &other)] {
        folder.file(name, text);
    }
    folder.file("empty.pem", "nothing\n");
    for (cert, key, line, expected) in [
        ("a.pem", "b.key", 3, "cannot be used with the certificate"),
        ("empty.pem", "a.key", 2, "holds no certificate"),
        ("a.pem", "empty.pem", 3, "holds no private key"),
        ("none.pem", "a.key", 2, "cannot be read"),
    ] {
        let text = format!("[http]\ntls_cert = \"{cert}\"\ntls_key = \"{key}\"\n");
        let file = folder.file("bad.toml", &text);
        let done = homard(&["check", "--config", &file]);
        assert_eq!(done.code, 2, "{done:?}");
        assert!(done.err.contains(&format!("{file}:{line}:")), "{done:?}");
        assert!(done.err.contains(expected), "{done:?}");
    }
    let config = "listen = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\ntls_cert = \"a.pem\"\ntls_key = \"a.key\"";
    let demo = Daemon::start_configured("demo", &folder, config);
    let answer = get(port(&demo), "localhost", &trusted, "GET /healthz HTTP/1.1").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_browser_sees_the_house_by_tls() {
    let Some(mut browser) = Browser::start("en") else { return };
    let folder = Folder::new("tls-browser");
    let config =
        "listen = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\ntls = \"self-signed\"";
    let demo = Daemon::start_configured("demo", &folder, config);
    browser.trust_all();
    let url = demo.url.replace("http://", "https://");
    browser.open(&format!("{url}/?token={}", demo.token));
    browser.wait("document.querySelectorAll('.card .switch').length > 5");
    browser.open(&format!("{url}/settings/system"));
    browser.wait("document.querySelector('#network details')");
    browser.eval("document.querySelector('#network details').open = true");
    browser.eval("document.querySelector('#network').scrollIntoView()");
    browser.size(360, 780, false);
    browser.picture("settings-tls-phone-light");
    let wide = browser.eval("document.documentElement.scrollWidth");
    assert!(wide.as_u64().unwrap() <= 360, "{wide}");
    if let Some(found) = browser.accessibility() {
        assert!(found.is_empty(), "{found:#?}");
    }
    assert!(browser.complaints.is_empty(), "{:#?}", browser.complaints);
}
