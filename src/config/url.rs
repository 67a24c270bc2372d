//! The address of a broker: `mqtt://user:password@host:1883`.

use super::Secret;

/// What the address says.
pub(super) struct BrokerUrl {
    pub(super) is_tls: bool,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: Option<String>,
    pub(super) password: Option<Secret>,
}

/// Takes an address apart. User and password may be percent-encoded (RFC 3986), which characters
/// such as `@`, `:`, `/` and `%` in them must be.
///
/// # Errors
/// (what is wrong, what would be right). The text never repeats the password.
pub(super) fn parse(text: &str) -> Result<BrokerUrl, (String, String)> {
    let right = || "Write it as \"mqtt://host:1883\", or \"mqtts://host:8883\" for TLS.".to_owned();
    let wrong = |what: &str| (format!("`[mqtt] broker` {what}"), right());
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
        None => return Err(wrong("has no `mqtt://` before the host")),
    };
    let (is_tls, default_port) = match scheme.as_str() {
        "mqtt" | "tcp" => (false, 1883),
        "mqtts" | "ssl" | "tls" => (true, 8883),
        "ws" | "wss" => return Err(wrong("names a websocket, which Homard does not speak")),
        _ => return Err(wrong("begins with another scheme than `mqtt` or `mqtts`")),
    };
    let (credentials, place) = match rest.rsplit_once('@') {
        Some((credentials, place)) => (Some(credentials), place),
        None => (None, rest),
    };
    let place = place.strip_suffix('/').unwrap_or(place);
    if place.contains(['/', '?', '#']) {
        let what = "has something after the port; in a password, `/`, `?` and `#` are written \
                    %2F, %3F and %23";
        return Err(wrong(what));
    }
    let (host, port) = split_port(place);
    let port = match port {
        None => default_port,
        Some(digits) => match digits.parse() {
            Ok(port) if port > 0 => port,
            _ => return Err(wrong("has a port that is no number from 1 to 65535")),
        },
    };
    if host.is_empty() || host.contains(char::is_whitespace) {
        return Err(wrong("has no host"));
    }
    let (mut user, mut password) = (None, None);
    if let Some(credentials) = credentials {
        let (name, word) = match credentials.split_once(':') {
            Some((name, word)) => (name, Some(word)),
            None => (credentials, None),
        };
        let undecodable = || {
            let text = "`[mqtt] broker`: a `%` in the user or password is followed by no two \
                        hexadecimal digits"
                .to_owned();
            (text, "Write a `%` itself as %25.".to_owned())
        };
        user = Some(percent_decode(name).ok_or_else(undecodable)?);
        password = match word {
            Some(word) => Some(Secret::new(percent_decode(word).ok_or_else(undecodable)?)),
            None => None,
        };
    }
    let user = user.filter(|user| !user.is_empty());
    if password.is_some() && user.is_none() {
        return Err(wrong("has a password but no user"));
    }
    Ok(BrokerUrl { is_tls, host: host.to_owned(), port, user, password })
}

/// `host:1883`, `[::1]:1883`, `::1`
fn split_port(place: &str) -> (&str, Option<&str>) {
    if let Some(rest) = place.strip_prefix('[')
        && let Some((host, after)) = rest.split_once(']')
    {
        return (host, after.strip_prefix(':'));
    }
    match place.rsplit_once(':') {
        // More than one colon without brackets is an IPv6 address as a whole.
        Some((host, _)) if host.contains(':') => (place, None),
        Some((host, port)) => (host, Some(port)),
        None => (place, None),
    }
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, after @ ..] = rest else { return None };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let byte = digit(*high)? * 16 + digit(*low)?;
        bytes.push(u8::try_from(byte).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let check = |text: &str, tls, host: &str, port, user: Option<&str>, word: Option<&str>| {
            let url = parse(text).unwrap_or_else(|(what, _)| panic!("{text}: {what}"));
            assert_eq!((url.is_tls, url.host.as_str(), url.port), (tls, host, port), "{text}");
            assert_eq!(url.user.as_deref(), user, "{text}");
            assert_eq!(url.password.as_ref().map(Secret::expose), word, "{text}");
        };
        check("mqtt://hub", false, "hub", 1883, None, None);
        check("mqtt://hub:1884/", false, "hub", 1884, None, None);
        check("MQTTS://hub.lan", true, "hub.lan", 8883, None, None);
        check("mqtt://[fe80::1]:1885", false, "fe80::1", 1885, None, None);
        check("mqtt://::1", false, "::1", 1883, None, None);
        check("mqtt://ann:p%40ss%3A%2F%25@hub", false, "hub", 1883, Some("ann"), Some("p@ss:/%"));
        check("mqtt://ann:a@b:c@hub", false, "hub", 1883, Some("ann"), Some("a@b:c"));
        check("mqtt://ann@hub", false, "hub", 1883, Some("ann"), None);
    }

    #[test]
    fn wrong_addresses_are_refused_and_never_repeat_a_password() {
        for text in [
            "hub:1883",
            "http://hub",
            "ws://hub",
            "mqtt://",
            "mqtt://:1883",
            "mqtt://hub:0",
            "mqtt://hub:70000",
            "mqtt://hub:port",
            "mqtt://ann:hidden%zz@hub",
            "mqtt://ann:hidden%2",
            "mqtt://:hidden@hub",
            "mqtt://ann:hidden@hub/path",
            "mqtt://ann:hid/den@hub/x",
        ] {
            let Err((what, hint)) = parse(text) else { panic!("{text} was taken") };
            assert!(!what.contains("hid") && !hint.contains("hid"), "{what} {hint}");
        }
    }
}
