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
    /// What it was.
    pub(super) code: Code,
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
    fn new(code: Code, text: impl Into<String>, verdict: Verdict) -> Self {
        Self { code, text: text.into(), verdict }
    }
}

/// What went wrong, for those who say it in another language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    /// It refuses the user or the password.
    Credentials,
    /// Nothing listens at that port.
    Nobody,
    /// No answer came in time.
    Silent,
    /// Its certificate is not trusted.
    Certificate,
    /// No TLS where it was asked for.
    NoTls,
    /// No machine has that name.
    NoHost,
    /// What listens there is no broker.
    NoMqtt,
    /// Anything else.
    Other,
}

impl Code {
    /// Its word in the API.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Nobody => "nobody",
            Self::Silent => "silent",
            Self::Certificate => "certificate",
            Self::NoTls => "no_tls",
            Self::NoHost => "no_host",
            Self::NoMqtt => "no_mqtt",
            Self::Other => "other",
        }
    }
}

const CREDENTIALS: &str = "it refuses the user name or the password";
const LATE: &str = "no answer in time";
const NO_PING: &str = "it does not answer pings";
const VERSION: &str = "it does not speak this version of MQTT";
const CLIENT_ID: &str = "it refuses the client id";
const HUNG_UP: &str = "it ended the connection";

/// Nothing was heard for so long.
pub(super) fn silent(time: Duration) -> Failure {
    // A broker that cannot read MQTT 5 may wait for the rest of it.
    let text = format!("no answer in {} s", time.as_secs_f32().ceil());
    Failure::new(Code::Silent, text, Verdict::Suspect)
}

/// The client library could not take what the broker sent.
pub(super) fn panicked(error: &JoinError) -> Failure {
    let text = format!("what it sent cannot be understood ({error})");
    Failure::new(Code::NoMqtt, text, Verdict::Suspect)
}

/// An error of a connection in MQTT 5.
pub(super) fn v5(error: &v5::ConnectionError) -> Failure {
    use v5::ConnectionError as E;
    use v5::StateError as State;
    use v5::mqttbytes::v5::ConnectReturnCode as Code5;
    match error {
        E::ConnectionRefused(Code5::BadUserNamePassword | Code5::NotAuthorized) => {
            Failure::new(Code::Credentials, CREDENTIALS, Verdict::Unrelated)
        }
        E::ConnectionRefused(Code5::UnsupportedProtocolVersion | Code5::RefusedProtocolVersion) => {
            Failure::new(Code::Other, VERSION, Verdict::Refused)
        }
        E::ConnectionRefused(Code5::ClientIdentifierNotValid | Code5::BadClientId) => {
            Failure::new(Code::Other, CLIENT_ID, Verdict::Unrelated)
        }
        E::ConnectionRefused(Code5::ProtocolError) => {
            let text = "it refuses the connection: a protocol error";
            Failure::new(Code::Other, text, Verdict::Suspect)
        }
        E::ConnectionRefused(code) => {
            let text = format!("it refuses the connection: `{code:?}`");
            Failure::new(Code::Other, text, Verdict::Unrelated)
        }
        E::Timeout(_) => Failure::new(Code::Silent, LATE, Verdict::Suspect),
        E::Io(error) => io(error),
        E::Tls(error) => tls(error),
        E::MqttState(State::ConnectionAborted) => {
            Failure::new(Code::NoMqtt, HUNG_UP, Verdict::Suspect)
        }
        E::MqttState(State::ServerDisconnect { reason_code, .. }) => {
            let text = format!("{HUNG_UP}: `{reason_code:?}`");
            Failure::new(Code::NoMqtt, text, Verdict::Suspect)
        }
        E::MqttState(State::AwaitPingResp) => Failure::new(Code::Other, NO_PING, Verdict::Suspect),
        E::MqttState(_) | E::NotConnAck(_) => {
            let text = format!("what it sends cannot be understood: {}", in_words(error));
            Failure::new(Code::NoMqtt, text, Verdict::Suspect)
        }
        E::RequestsDone => Failure::new(Code::NoMqtt, HUNG_UP, Verdict::Unrelated),
    }
}

/// An error of a connection in MQTT 3.1.1.
pub(super) fn v311(error: &rumqttc::ConnectionError) -> Failure {
    use rumqttc::ConnectionError as E;
    match error {
        E::ConnectionRefused(Code4::BadUserNamePassword | Code4::NotAuthorized) => {
            Failure::new(Code::Credentials, CREDENTIALS, Verdict::Unrelated)
        }
        E::ConnectionRefused(Code4::RefusedProtocolVersion) => {
            Failure::new(Code::Other, VERSION, Verdict::Refused)
        }
        E::ConnectionRefused(Code4::BadClientId) => {
            Failure::new(Code::Other, CLIENT_ID, Verdict::Unrelated)
        }
        E::ConnectionRefused(code) => {
            let text = format!("it refuses the connection: `{code:?}`");
            Failure::new(Code::Other, text, Verdict::Unrelated)
        }
        E::NetworkTimeout | E::FlushTimeout => Failure::new(Code::Silent, LATE, Verdict::Suspect),
        E::Io(error) => io(error),
        E::Tls(error) => tls(error),
        E::MqttState(StateError::ConnectionAborted) => {
            Failure::new(Code::NoMqtt, HUNG_UP, Verdict::Suspect)
        }
        E::MqttState(StateError::AwaitPingResp) => {
            Failure::new(Code::Other, NO_PING, Verdict::Suspect)
        }
        E::MqttState(_) | E::NotConnAck(_) => {
            let text = format!("what it sends cannot be understood: {}", in_words(error));
            Failure::new(Code::NoMqtt, text, Verdict::Suspect)
        }
        E::RequestsDone => Failure::new(Code::NoMqtt, HUNG_UP, Verdict::Unrelated),
    }
}

fn io(error: &std::io::Error) -> Failure {
    if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return certificate(error);
    }
    match error.kind() {
        ErrorKind::ConnectionRefused => {
            Failure::new(Code::Nobody, "nobody listens there", Verdict::Unrelated)
        }
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => Failure::new(Code::NoMqtt, HUNG_UP, Verdict::Suspect),
        _ => {
            let text = in_words(error);
            // The standard library has no kind for it, only these words.
            let is_name = text.contains("lookup address");
            let code = if is_name { Code::NoHost } else { Code::Other };
            Failure::new(code, text, Verdict::Unrelated)
        }
    }
}

fn tls(error: &TlsError) -> Failure {
    match error {
        TlsError::Io(error) => match io(error) {
            Failure { code: Code::NoMqtt, .. } => {
                let text = "it ended the TLS handshake; does it speak TLS on this port?";
                Failure::new(Code::NoTls, text, Verdict::Unrelated)
            }
            failure => Failure { verdict: Verdict::Unrelated, ..failure },
        },
        TlsError::TLS(error) => certificate(error),
        _ => {
            let text = format!("TLS: {}", in_words(error));
            Failure::new(Code::NoTls, text, Verdict::Unrelated)
        }
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
    let code = match error {
        rustls::Error::InvalidCertificate(_) => Code::Certificate,
        _ => Code::NoTls,
    };
    Failure::new(code, text, Verdict::Unrelated)
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
