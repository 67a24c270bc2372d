//! Why there is no connection to the broker, in words that help. Knows rumqttc's errors; none of
//! its words reach a person unless there are no better ones.

use std::error::Error;
use std::io::ErrorKind;
use std::time::Duration;

use rumqttc::{ConnectReturnCode as Code4, StateError, TlsError, v5};
use rustls::CertificateError;
use tokio::task::JoinError;

/// Why a connection ended or could not be made.
#[derive(Debug)]
pub(super) struct Failure {
    /// In plain words, without a stop; never holds a password.
    pub(super) text: String,
    /// What it says about the version that was tried.
    pub(super) verdict: Verdict,
}

/// What a failure says about the version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing.
    Unrelated,
    /// It may be the reason: old brokers hang up, or answer in their own version.
    Suspect,
    /// The broker says that it does not speak it.
    Refused,
}

impl Failure {
    /// Its word, for those who say it in another language.
    pub(super) fn code(&self) -> &'static str {
        match self.text.as_str() {
            CREDENTIALS => "credentials",
            NOBODY => "nobody",
            text if text.starts_with("no answer") => "silent",
            text if text.starts_with("its certificate") => "certificate",
            text if text.contains("TLS") => "no_tls",
            text if text.contains("lookup address") => "no_host",
            text if text.starts_with(HUNG_UP) || text.starts_with("what it sen") => "no_mqtt",
            _ => "other",
        }
    }
}

const NOBODY: &str = "nobody listens there";
const CREDENTIALS: &str = "it refuses the user name or the password";
const VERSION: &str = "it does not speak this version of MQTT";
const CLIENT_ID: &str = "it refuses the client id";
const HUNG_UP: &str = "it ended the connection";

/// Nothing was heard for so long.
pub(super) fn silent(time: Duration) -> Failure {
    // A broker that cannot read MQTT 5 may wait for the rest of it.
    let text = format!("no answer in {} s", time.as_secs_f32().ceil());
    Failure { text, verdict: Verdict::Suspect }
}

/// The client library could not take what the broker sent.
pub(super) fn panicked(error: &JoinError) -> Failure {
    let text = format!("what it sent cannot be understood ({error})");
    Failure { text, verdict: Verdict::Suspect }
}

/// An error of a connection in MQTT 5.
pub(super) fn v5(error: &v5::ConnectionError) -> Failure {
    use v5::ConnectionError as E;
    use v5::StateError as State;
    use v5::mqttbytes::v5::ConnectReturnCode as Code;
    let known = |text: &str, verdict| Failure { text: text.to_owned(), verdict };
    match error {
        E::ConnectionRefused(Code::BadUserNamePassword | Code::NotAuthorized) => {
            known(CREDENTIALS, Verdict::Unrelated)
        }
        E::ConnectionRefused(Code::UnsupportedProtocolVersion | Code::RefusedProtocolVersion) => {
            known(VERSION, Verdict::Refused)
        }
        E::ConnectionRefused(Code::ClientIdentifierNotValid | Code::BadClientId) => {
            known(CLIENT_ID, Verdict::Unrelated)
        }
        E::ConnectionRefused(Code::ProtocolError) => Failure {
            text: "it refuses the connection: a protocol error".to_owned(),
            verdict: Verdict::Suspect,
        },
        E::ConnectionRefused(code) => Failure {
            text: format!("it refuses the connection: `{code:?}`"),
            verdict: Verdict::Unrelated,
        },
        E::Timeout(_) => known("no answer in time", Verdict::Suspect),
        E::Io(error) => io(error),
        E::Tls(error) => tls(error),
        E::MqttState(State::ConnectionAborted) => known(HUNG_UP, Verdict::Suspect),
        E::MqttState(State::ServerDisconnect { reason_code, .. }) => {
            Failure { text: format!("{HUNG_UP}: `{reason_code:?}`"), verdict: Verdict::Suspect }
        }
        E::MqttState(State::AwaitPingResp) => known("it does not answer pings", Verdict::Suspect),
        E::MqttState(_) | E::NotConnAck(_) => Failure {
            text: format!("what it sends cannot be understood: {}", in_words(error)),
            verdict: Verdict::Suspect,
        },
        E::RequestsDone => known(HUNG_UP, Verdict::Unrelated),
    }
}

/// An error of a connection in MQTT 3.1.1.
pub(super) fn v311(error: &rumqttc::ConnectionError) -> Failure {
    use rumqttc::ConnectionError as E;
    let known = |text: &str, verdict| Failure { text: text.to_owned(), verdict };
    match error {
        E::ConnectionRefused(Code4::BadUserNamePassword | Code4::NotAuthorized) => {
            known(CREDENTIALS, Verdict::Unrelated)
        }
        E::ConnectionRefused(Code4::RefusedProtocolVersion) => known(VERSION, Verdict::Refused),
        E::ConnectionRefused(Code4::BadClientId) => known(CLIENT_ID, Verdict::Unrelated),
        E::ConnectionRefused(code) => Failure {
            text: format!("it refuses the connection: `{code:?}`"),
            verdict: Verdict::Unrelated,
        },
        E::NetworkTimeout | E::FlushTimeout => known("no answer in time", Verdict::Suspect),
        E::Io(error) => io(error),
        E::Tls(error) => tls(error),
        E::MqttState(StateError::ConnectionAborted) => known(HUNG_UP, Verdict::Suspect),
        E::MqttState(StateError::AwaitPingResp) => {
            known("it does not answer pings", Verdict::Suspect)
        }
        E::MqttState(_) | E::NotConnAck(_) => Failure {
            text: format!("what it sends cannot be understood: {}", in_words(error)),
            verdict: Verdict::Suspect,
        },
        E::RequestsDone => known(HUNG_UP, Verdict::Unrelated),
    }
}

fn io(error: &std::io::Error) -> Failure {
    if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return certificate(error);
    }
    let (text, verdict) = match error.kind() {
        ErrorKind::ConnectionRefused => (NOBODY.to_owned(), Verdict::Unrelated),
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => (HUNG_UP.to_owned(), Verdict::Suspect),
        _ => (in_words(error), Verdict::Unrelated),
    };
    Failure { text, verdict }
}

fn tls(error: &TlsError) -> Failure {
    match error {
        TlsError::Io(error) => match io(error) {
            Failure { text, .. } if text == HUNG_UP => Failure {
                text: "it ended the TLS handshake; does it speak TLS on this port?".to_owned(),
                verdict: Verdict::Unrelated,
            },
            failure => Failure { verdict: Verdict::Unrelated, ..failure },
        },
        TlsError::TLS(error) => certificate(error),
        _ => Failure { text: format!("TLS: {}", in_words(error)), verdict: Verdict::Unrelated },
    }
}

fn certificate(error: &rustls::Error) -> Failure {
    let text = match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "its certificate is signed by an authority that is not trusted (`ca_file` names the \
             one to trust)"
                .to_owned()
        }
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => format!("its certificate is not for this host: {error}"),
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => format!("its certificate has expired: {error}"),
        rustls::Error::InvalidCertificate(_) => format!("its certificate is not good: {error}"),
        rustls::Error::InvalidMessage(_) => "it does not speak TLS on this port".to_owned(),
        _ => format!("TLS: {error}"),
    };
    Failure { text, verdict: Verdict::Unrelated }
}

/// An error and what caused it, in one line. Never holds a password: rumqttc's errors do not.
fn in_words(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    // A packet may be quoted in it.
    text.truncate(text.floor_char_boundary(300));
    text
}
