//! The address of a machine that is reached over the network: `tcp://192.168.1.20:10200`.

use toml::Spanned;

use super::problem::Problems;

/// A machine that is reached over the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// `tcp://HOST:PORT`; the scheme may be left out, and the port where there is a usual one.
pub(super) fn parse(
    field: &Spanned<String>,
    key: &str,
    usual: Option<u16>,
    problems: &mut Problems,
) -> Option<Peer> {
    let said = field.get_ref();
    let rest = said.strip_prefix("tcp://").unwrap_or(said).trim_end_matches('/');
    let (host, port) = match rest.rsplit_once(':') {
        // An address of IPv6 without brackets has colons too, and no port.
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            (host, port.parse().ok().filter(|port| *port > 0))
        }
        _ => (rest, usual),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_host = !host.is_empty()
        && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':'));
    match port.filter(|_| is_host) {
        Some(port) => Some(Peer { host: host.to_owned(), port }),
        None => {
            let what = format!("`{key}`: `{said}` is no address with a port");
            problems.add(field.span(), what, "Write \"tcp://192.168.1.20:10200\".");
            None
        }
    }
}
