//! From what was written to what holds: defaults, ranges, and keys that exclude one another.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::Path;

use jiff::tz::TimeZone;
use toml::Spanned;

#[cfg(feature = "model")]
use super::model;
use super::problem::Problems;
use super::raw::{self, Field, Raw, suggestion};
#[cfg(feature = "telegram")]
use super::telegram;
#[cfg(feature = "speech")]
use super::wyoming;
use super::{
    BadCertificate, Broker, Config, HTTP_LISTEN, History, Home, Http, MQTT_LISTEN, Mqtt, Outside,
    Policy, Position, Rule, Secret, Tls, UnitSystem, User, WebTls, Written, certified_key, update,
    url, voice,
};

/// The languages that come with Homard, and are spoken unless said otherwise.
const BUILT_IN: &[&str] = &["en", "fr"];
/// All languages for which there are sentences, by the codes of their packs (`models/catalog.toml`).
const LANGUAGES: &[&str] = &[
    "af", "ar", "bg", "bn", "ca", "cs", "cy", "da", "de", "de-CH", "el", "en", "es", "et", "eu",
    "fa", "fi", "fr", "ga", "gl", "gu", "he", "hi", "hr", "hu", "hy", "id", "is", "it", "ja", "ka",
    "kn", "ko", "kw", "lb", "lt", "lv", "ml", "mn", "ms", "nb", "ne", "nl", "pa", "pl", "pt",
    "pt-BR", "ro", "ru", "sk", "sl", "sr", "sr-Latn", "sv", "sw", "ta", "te", "th", "tr", "uk",
    "ur", "vi", "zh-CN", "zh-HK", "zh-TW",
];
/// Heights of houses, in meters above the sea.
pub(super) const ELEVATIONS: RangeInclusive<f64> = -500.0..=9_000.0;
const TLS: &[&str] = &["off", "self-signed"];

/// What holds when nothing was written.
pub(super) fn defaults() -> Config {
    let mut problems = Problems::new(Path::new(""), "");
    check(Raw::default(), Path::new(""), &mut problems)
}

/// Files named in `raw` are relative to `folder`. The result is only good without problems.
pub(super) fn check(raw: Raw, folder: &Path, problems: &mut Problems) -> Config {
    let written = Written::of(&raw);
    Config {
        home: home(raw.home, problems),
        http: http(raw.http, folder, problems),
        history: history(raw.history, problems),
        #[cfg(feature = "model")]
        model: model::check(raw.model, folder, problems),
        policy: policy(raw.policy, problems),
        update: update::check(raw.update, problems),
        voice: voice::check(raw.voice, folder, problems),
        mqtt: mqtt(raw.mqtt, folder, problems),
        #[cfg(feature = "speech")]
        wyoming: wyoming::wyoming(raw.wyoming, problems),
        #[cfg(feature = "speech")]
        satellites: wyoming::satellites(raw.satellites, problems),
        #[cfg(feature = "telegram")]
        telegram: telegram::check(raw.telegram, folder, problems),
        written,
    }
}

fn home(raw: raw::Home, problems: &mut Problems) -> Home {
    let name = text(raw.name, "[home] name", "Home", problems);
    let chosen_languages = raw.languages.is_some();
    let listed = raw.languages.map(Spanned::into_inner).unwrap_or_default();
    let mut languages: Vec<String> =
        listed.into_iter().filter_map(|item| language(item, problems)).collect();
    if !chosen_languages {
        languages = BUILT_IN.iter().map(|code| (*code).to_owned()).collect();
    }
    let first = languages.first().cloned().unwrap_or_else(|| "en".to_owned());
    let default = if chosen_languages { first } else { "en".to_owned() };
    let language = raw.language.and_then(|item| language(item, problems)).unwrap_or(default);
    if !languages.contains(&language) {
        languages.insert(0, language.clone());
    }
    Home {
        name,
        language,
        languages,
        position: position(raw.latitude, raw.longitude, raw.elevation, problems),
        time_zone: time_zone(raw.time_zone, problems),
        unit_system: unit_system(raw.unit_system, problems),
    }
}

/// The code of a pack: `en`, also from `en-GB`; `pt-BR`, also from `pt_br`.
pub(super) fn pack_code(said: &str) -> Option<&'static str> {
    let said = said.replace('_', "-");
    let family = said.split('-').next().unwrap_or_default();
    let find = |code: &str| LANGUAGES.iter().find(|known| known.eq_ignore_ascii_case(code));
    find(&said).or_else(|| find(family)).copied()
}

fn language(item: Spanned<String>, problems: &mut Problems) -> Option<String> {
    if let Some(code) = pack_code(item.get_ref()) {
        return Some(code.to_owned());
    }
    let family = item.get_ref().split(['-', '_']).next().unwrap_or_default();
    let what = format!("`[home]`: there are no sentences of a language `{}`", item.get_ref());
    let kinds: Vec<&str> = LANGUAGES
        .iter()
        .copied()
        .filter(|known| {
            known.split('-').next().is_some_and(|known| known.eq_ignore_ascii_case(family))
        })
        .collect();
    let known = if kinds.is_empty() { LANGUAGES } else { &kinds };
    problems.add(item.span(), what, format!("There are {}.", raw::list_of(known)));
    None
}

fn position(
    latitude: Field<f64>,
    longitude: Field<f64>,
    elevation: Field<f64>,
    problems: &mut Problems,
) -> Option<Position> {
    let elevation = elevation.map_or(0.0, |field| {
        let meters = *field.get_ref();
        if !ELEVATIONS.contains(&meters) {
            let what = format!("`[home] elevation` is {meters}, no height of a house");
            problems.add(field.span(), what, "Write meters above the sea, -500 to 9000.");
        }
        meters
    });
    let mut in_range = |field: Field<f64>, key: &str, limit: f64| {
        let field = field?;
        let degrees = *field.get_ref();
        if degrees.abs() <= limit {
            return Some((degrees, field.span()));
        }
        let what = format!("`[home] {key}` is {degrees}, outside of -{limit} to {limit} degrees");
        problems.add(field.span(), what, "Write decimal degrees, north and east positive.");
        None
    };
    let had = (latitude.is_some(), longitude.is_some());
    let latitude = in_range(latitude, "latitude", 90.0);
    let longitude = in_range(longitude, "longitude", 180.0);
    if had.0 != had.1 {
        let (there, missing) =
            if had.0 { ("latitude", "longitude") } else { ("longitude", "latitude") };
        if let Some((_, span)) = latitude.as_ref().or(longitude.as_ref()) {
            let what = format!("`[home] {there}` stands alone");
            problems.add(span.clone(), what, format!("Give `{missing}` too, or neither."));
        }
    }
    Some(Position { latitude: latitude?.0, longitude: longitude?.0, elevation })
}

/// What helps a system without time zones.
const NO_ZONES: &str =
    "This system has no data of time zones; on Debian the package `tzdata` has them.";

fn time_zone(field: Field<String>, problems: &mut Problems) -> TimeZone {
    let Some(field) = field.filter(|field| !field.get_ref().is_empty()) else {
        return TimeZone::system();
    };
    let name = field.get_ref();
    match TimeZone::get(name) {
        Ok(zone) => zone,
        Err(_) => {
            let known: Vec<String> =
                jiff::tz::db().available().map(|zone| zone.as_str().to_owned()).collect();
            let score = |zone: &str| strsim::jaro_winkler(name, zone);
            let nearest = known.iter().max_by(|a, b| score(a).total_cmp(&score(b)));
            let hint = match nearest.filter(|zone| score(zone) > 0.8) {
                _ if known.is_empty() => NO_ZONES.to_owned(),
                Some(zone) => format!("Did you mean `{zone}`?"),
                None => "Names look like `Europe/Paris`; \"\" takes the system's.".to_owned(),
            };
            let what = format!("`[home] time_zone`: no time zone is called `{name}`");
            problems.add(field.span(), what, hint);
            TimeZone::UTC
        }
    }
}

fn unit_system(field: Field<String>, problems: &mut Problems) -> UnitSystem {
    let Some(field) = field else { return UnitSystem::default() };
    let word = field.get_ref().as_str();
    UnitSystem::of(word).unwrap_or_else(|| {
        let what = format!("`[home] unit_system` cannot be `{word}`");
        let known = UnitSystem::ALL.map(UnitSystem::word);
        problems.add(field.span(), what, suggestion(word, &known, "It can be"));
        UnitSystem::default()
    })
}

fn http(raw: raw::Http, folder: &Path, problems: &mut Problems) -> Http {
    let is_default = raw.listen.is_none();
    let listen = address(raw.listen, "[http] listen", HTTP_LISTEN, problems);
    Http { listen, is_default, tls: web_tls(raw.tls, raw.tls_cert, raw.tls_key, folder, problems) }
}

fn web_tls(
    tls: Field<String>,
    cert: Field<String>,
    key: Field<String>,
    folder: &Path,
    problems: &mut Problems,
) -> Option<WebTls> {
    let own = match tls.as_ref().map(|field| (field.get_ref().as_str(), field.span())) {
        None | Some(("off", _)) => None,
        Some(("self-signed", _)) => Some(WebTls::SelfSigned),
        Some((other, span)) => {
            let what = format!("`[http] tls` cannot be `{other}`");
            problems.add(span, what, suggestion(other, TLS, "It can be"));
            None
        }
    };
    let (cert, key) = match (cert, key) {
        (None, None) => return own,
        (Some(cert), Some(key)) => (cert, key),
        (Some(field), None) => {
            let what = "`[http] tls_cert` stands alone".to_owned();
            problems.add(field.span(), what, "Give `tls_key` too, the file of its private key.");
            return None;
        }
        (None, Some(field)) => {
            let what = "`[http] tls_key` stands alone".to_owned();
            problems.add(field.span(), what, "Give `tls_cert` too, the file of its certificate.");
            return None;
        }
    };
    if let Some(tls) = tls {
        let what = "`[http]` has both `tls` and `tls_cert`".to_owned();
        problems.add(tls.span(), what, "With a certificate of your own, leave `tls` out.");
        return None;
    }
    let chain = read(&cert, "[http] tls_cert", folder, problems)?;
    let secret = read(&key, "[http] tls_key", folder, problems)?;
    if let Err(error) = certified_key(&chain, &secret) {
        let (field, name, hint) = match &error {
            BadCertificate::NoCertificate => {
                (&cert, "tls_cert", "It must be a PEM file: `-----BEGIN CERTIFICATE-----`.")
            }
            BadCertificate::NoKey => {
                (&key, "tls_key", "It must be a PEM file: `-----BEGIN PRIVATE KEY-----`.")
            }
            BadCertificate::Unusable(_) => {
                (&key, "tls_key", "Name the key for which the certificate was made.")
            }
        };
        let what = format!("`[http] {name}`: `{}` {error}", field.get_ref());
        problems.add(field.span(), what, hint);
        return None;
    }
    let path = |field: Spanned<String>| folder.join(field.into_inner());
    Some(WebTls::Files { cert: path(cert), key: path(key) })
}

fn history(raw: raw::History, problems: &mut Problems) -> History {
    let usual = History::default();
    let mut whole = |field: Field<f64>, key: &str, (least, most): (u32, u32), usual: u32| {
        let Some(field) = field else { return usual };
        let number = *field.get_ref();
        if number.fract() == 0.0 && (f64::from(least)..=f64::from(most)).contains(&number) {
            return number as u32;
        }
        let what = format!("`[history] {key}` cannot be {number}");
        problems.add(field.span(), what, format!("It is a whole number from {least} to {most}."));
        usual
    };
    let days = whole(raw.days, "days", (1, 366), usual.days);
    let megabytes = whole(raw.megabytes, "megabytes", (10, 4_000), usual.megabytes);
    let mut exclude = Vec::new();
    for item in raw.exclude.map(Spanned::into_inner).unwrap_or_default() {
        let is_name = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte == b'_' || byte.is_ascii_digit() || byte.is_ascii_lowercase())
        };
        let said = item.get_ref();
        let (domain, object) = said.split_once('.').unwrap_or((said, "all"));
        if is_name(domain) && is_name(object) {
            exclude.push(item.into_inner());
        } else {
            let what = format!("`[history] exclude`: `{said}` is no entity and no domain");
            problems.add(item.span(), what, "Write `sensor.kitchen_noise`, or `update` for all.");
        }
    }
    History { days, megabytes, exclude }
}

fn policy(raw: raw::Policy, problems: &mut Problems) -> Policy {
    let mut rule = |field: Field<String>, key: &str| {
        let field = field?;
        let rule = Rule::ALL.into_iter().find(|rule| rule.word() == field.get_ref());
        if rule.is_none() {
            let what = format!("`[policy] {key}` cannot be `{}`", field.get_ref());
            let words = Rule::ALL.map(Rule::word);
            problems.add(field.span(), what, suggestion(field.get_ref(), &words, "It can be"));
        }
        rule
    };
    Policy {
        unlock: rule(raw.unlock, "unlock"),
        disarm: rule(raw.disarm, "disarm"),
        valves: rule(raw.valves, "valves"),
        sirens: rule(raw.sirens, "sirens"),
        temperatures: rule(raw.temperatures, "temperatures"),
    }
}

fn mqtt(raw: raw::Mqtt, folder: &Path, problems: &mut Problems) -> Mqtt {
    let parts = BrokerParts {
        listen: raw.listen,
        users: raw.users,
        broker: raw.broker,
        ca_file: raw.ca_file,
        password_file: raw.password_file,
    };
    Mqtt {
        broker: broker(parts, folder, problems),
        discovery_prefix: topic(
            raw.discovery_prefix,
            "[mqtt] discovery_prefix",
            "homeassistant",
            problems,
        ),
        status_topic: topic(
            raw.status_topic,
            "[mqtt] status_topic",
            "homeassistant/status",
            problems,
        ),
        will: raw.will.map(Spanned::into_inner).filter(|will| !will.is_empty()),
        client_id: text(raw.client_id, "[mqtt] client_id", "homard", problems),
    }
}

/// The keys of `[mqtt]` that say which broker.
struct BrokerParts {
    listen: Field<String>,
    users: Field<Vec<Spanned<raw::User>>>,
    broker: Field<String>,
    ca_file: Field<String>,
    password_file: Field<String>,
}

fn broker(parts: BrokerParts, folder: &Path, problems: &mut Problems) -> Broker {
    if let Some(address) = parts.broker {
        if let Some(listen) = parts.listen {
            problems.add(
                listen.span().start.max(address.span().start)..usize::MAX,
                "`[mqtt]` has both `listen` and `broker`".to_owned(),
                "`listen` is for Homard's own broker, `broker` for one that runs already: \
                 keep one of them.",
            );
        }
        if let Some(users) = parts.users {
            problems.add(
                users.span(),
                "`[[mqtt.users]]` are those of Homard's own broker, but `[mqtt] broker` names \
                 another"
                    .to_owned(),
                "Put user and password into the address: \"mqtt://user:password@host:1883\".",
            );
        }
        return outside(address, parts.ca_file, parts.password_file, folder, problems);
    }
    for (field, key) in [(parts.ca_file, "ca_file"), (parts.password_file, "password_file")] {
        if let Some(field) = field {
            let what = format!("`[mqtt] {key}` is given without `broker`");
            problems.add(field.span(), what, "Only an outside broker needs it.");
        }
    }
    let is_default = parts.listen.is_none();
    let span = parts.listen.as_ref().map(Spanned::span);
    let listen = address(parts.listen, "[mqtt] listen", MQTT_LISTEN, problems);
    let users = users(parts.users.map(Spanned::into_inner).unwrap_or_default(), problems);
    if let Some(span) = span
        && !listen.ip().is_loopback()
        && users.is_empty()
    {
        problems.add(
            span,
            format!("`[mqtt] listen`: `{listen}` can be reached from the network by everybody"),
            "Add `[[mqtt.users]]` with `name` and `password`, or listen on 127.0.0.1.",
        );
    }
    Broker::Embedded { listen, users, is_default }
}

fn users(raw: Vec<Spanned<raw::User>>, problems: &mut Problems) -> Vec<User> {
    let mut users: Vec<User> = Vec::new();
    for item in raw {
        let span = item.span();
        let user = item.into_inner();
        let filled =
            |field: Field<String>| field.map(Spanned::into_inner).filter(|text| !text.is_empty());
        let (Some(name), Some(password)) = (filled(user.name), filled(user.password)) else {
            let what = "`[[mqtt.users]]` without a `name` or without a `password`".to_owned();
            problems.add(span, what, "Each user has both, and neither is empty.");
            continue;
        };
        if users.iter().any(|other| other.name == name) {
            let what = format!("`[[mqtt.users]]`: `{name}` is named twice");
            problems.add(span, what, "Give each user another name.");
            continue;
        }
        users.push(User { name, password: Secret::new(password) });
    }
    users
}

fn outside(
    field: Spanned<String>,
    ca_file: Field<String>,
    password_file: Field<String>,
    folder: &Path,
    problems: &mut Problems,
) -> Broker {
    let parsed = match url::parse(field.get_ref()) {
        Ok(parsed) => Some(parsed),
        Err((what, hint)) => {
            problems.add(field.span(), what, hint);
            None
        }
    };
    let authorities = ca_file.and_then(|file| {
        if parsed.as_ref().is_some_and(|url| !url.is_tls) {
            let what = "`[mqtt] ca_file` is given, but `broker` does not speak TLS".to_owned();
            problems.add(file.span(), what, "Write \"mqtts://…\", or leave `ca_file` out.");
        }
        let pem = read(&file, "[mqtt] ca_file", folder, problems)?;
        if !pem.windows(10).any(|window| window == b"-----BEGIN") {
            let what = format!("`[mqtt] ca_file`: `{}` holds no certificate", file.get_ref());
            problems.add(
                file.span(),
                what,
                "It must be a PEM file: `-----BEGIN CERTIFICATE-----`.",
            );
        }
        Some(pem)
    });
    let kept = password_file.and_then(|file| {
        match &parsed {
            Some(url) if url.password.is_some() => {
                let what = "`[mqtt]` has a password in `broker` and a `password_file`".to_owned();
                problems.add(file.span(), what, "Keep one of them.");
            }
            Some(url) if url.user.is_none() => {
                let what = "`[mqtt] password_file` is given, but `broker` names no user".to_owned();
                problems.add(file.span(), what, "Write \"mqtt://user@host:1883\".");
            }
            Some(_) | None => {}
        }
        let bytes = read(&file, "[mqtt] password_file", folder, problems)?;
        let text = String::from_utf8_lossy(&bytes);
        Some(Secret::new(text.trim_end_matches(['\r', '\n'])))
    });
    let Some(url) = parsed else {
        return Broker::Embedded { listen: MQTT_LISTEN, users: Vec::new(), is_default: true };
    };
    Broker::Outside(Outside {
        host: url.host,
        port: url.port,
        tls: url.is_tls.then_some(Tls { authorities }),
        user: url.user,
        password: url.password.or(kept),
    })
}

fn read(
    file: &Spanned<String>,
    key: &str,
    folder: &Path,
    problems: &mut Problems,
) -> Option<Vec<u8>> {
    let path = folder.join(file.get_ref());
    match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            let what = format!("`{key}`: `{}` cannot be read: {error}", path.display());
            problems.add(file.span(), what, "A relative path starts at this file's folder.");
            None
        }
    }
}

fn address(
    field: Field<String>,
    key: &str,
    default: SocketAddr,
    problems: &mut Problems,
) -> SocketAddr {
    let Some(field) = field else { return default };
    match field.get_ref().parse() {
        Ok(address) => address,
        Err(_) => {
            let what = format!("`{key}`: `{}` is no address with a port", field.get_ref());
            let hint = format!(
                "Write \"{default}\" for this machine only, or \"0.0.0.0:{}\" for the network.",
                default.port()
            );
            problems.add(field.span(), what, hint);
            default
        }
    }
}

pub(super) fn text(
    field: Field<String>,
    key: &str,
    default: &str,
    problems: &mut Problems,
) -> String {
    let Some(field) = field else { return default.to_owned() };
    if field.get_ref().trim().is_empty() {
        let hint = format!("Leave it out for \"{default}\".");
        problems.add(field.span(), format!("`{key}` is empty"), hint);
    }
    field.into_inner()
}

fn topic(field: Field<String>, key: &str, default: &str, problems: &mut Problems) -> String {
    let Some(field) = field else { return default.to_owned() };
    let said = field.get_ref();
    let is_good = !said.is_empty()
        && !said.contains(['+', '#', '\0'])
        && !said.starts_with(['/', '$'])
        && !said.ends_with('/');
    if !is_good {
        let what = format!("`{key}`: `{said}` is no topic that can be published to");
        let hint = format!("No `+`, `#`, no `/` at either end: \"{default}\".");
        problems.add(field.span(), what, hint);
    }
    field.into_inner()
}
