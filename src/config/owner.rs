//! What the owner decides in the panel instead of in `homard.toml`. The file wins: what stands in it is not the panel's to
//! change. Owns the values, what is right in them, and how they are laid over a file; not where they are kept.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use jiff::tz::TimeZone;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::check;
use super::raw::Raw;
use super::{Broker, Config, Outside, Position, Tls, UnitSystem, User, WebTls};

/// Longest name of a home, in bytes.
const LONGEST_NAME: usize = 100;
/// Longest host, user, password; in bytes.
const LONGEST_WORD: usize = 255;
/// Longest path of a file, in bytes.
#[cfg(feature = "model")]
const LONGEST_PATH: usize = 1024;
/// Largest list of authorities, in bytes.
const LARGEST_AUTHORITIES: usize = 32 << 10;
/// Most languages of a home.
const MOST_LANGUAGES: usize = 20;

/// What the owner decided in the panel; `None` is nothing yet.
#[derive(Clone, Default, PartialEq)]
pub struct Owner {
    /// `[home] name`
    pub name: Option<String>,
    /// `[home] language`
    pub language: Option<String>,
    /// `[home] languages`
    pub languages: Option<Vec<String>>,
    /// `[home] latitude`, `longitude` and `elevation`
    pub position: Option<Position>,
    /// `[home] time_zone`; empty is the system's.
    pub time_zone: Option<String>,
    /// `[home] unit_system`
    pub unit_system: Option<UnitSystem>,
    /// `[http] listen`: the panel can be reached from the network, at the same port.
    pub is_open: Option<bool>,
    /// `[http] tls`: with a certificate of our own making.
    pub has_tls: Option<bool>,
    /// `[mqtt] listen` or `broker`
    pub broker: Option<OwnerBroker>,
    /// `[model] talk`; empty is nobody.
    #[cfg(feature = "model")]
    pub talk: Option<String>,
    /// `[model] url`, `name`, `key` and `protocol`
    #[cfg(feature = "model")]
    pub outside: Option<super::OutsideModel>,
    /// `[telegram] token`; an empty one is none.
    #[cfg(feature = "telegram")]
    pub telegram: Option<super::Secret>,
}

/// Which broker the owner wants.
#[derive(Clone, PartialEq)]
pub enum OwnerBroker {
    /// Homard's own; with somebody, devices in the network reach it too.
    Embedded(Option<User>),
    /// One that runs already.
    Outside(Outside),
}

/// A decision that stands in the file or is the panel's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setting {
    /// [`Owner::name`]
    Name,
    /// [`Owner::language`]
    Language,
    /// [`Owner::languages`]
    Languages,
    /// [`Owner::position`]
    Position,
    /// [`Owner::time_zone`]
    TimeZone,
    /// [`Owner::unit_system`]
    UnitSystem,
    /// [`Owner::is_open`]
    Open,
    /// [`Owner::has_tls`]
    Tls,
    /// [`Owner::broker`]
    Broker,
    /// [`Owner::talk`]
    #[cfg(feature = "model")]
    Talk,
    /// [`Owner::outside`]
    #[cfg(feature = "model")]
    OutsideModel,
    /// [`Owner::telegram`]
    #[cfg(feature = "telegram")]
    Telegram,
}

/// The decisions that stand in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written(BTreeSet<Setting>);

impl Written {
    pub(super) fn of(raw: &Raw) -> Self {
        let Raw { home, http, mqtt, .. } = raw;
        let is_there = [
            (Setting::Name, home.name.is_some()),
            (Setting::Language, home.language.is_some()),
            (Setting::Languages, home.languages.is_some()),
            (Setting::Position, home.latitude.is_some() || home.longitude.is_some()),
            (Setting::TimeZone, home.time_zone.is_some()),
            (Setting::UnitSystem, home.unit_system.is_some()),
            (Setting::Open, http.listen.is_some()),
            (Setting::Tls, http.tls.is_some() || http.tls_cert.is_some() || http.tls_key.is_some()),
            (
                Setting::Broker,
                mqtt.listen.is_some() || mqtt.broker.is_some() || mqtt.users.is_some(),
            ),
            #[cfg(feature = "model")]
            (Setting::Talk, raw.model.talk.is_some()),
            #[cfg(feature = "model")]
            (Setting::OutsideModel, raw.model.url.is_some()),
            #[cfg(feature = "telegram")]
            (Setting::Telegram, raw.telegram.token.is_some() || raw.telegram.token_file.is_some()),
        ];
        Self(is_there.into_iter().filter(|(_, is)| *is).map(|(setting, _)| setting).collect())
    }

    /// Whether this stands in the file.
    pub fn has(&self, setting: Setting) -> bool {
        self.0.contains(&setting)
    }
}

/// What is wrong in what the owner decided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    /// It is empty, too long or has several lines.
    #[error("a home's name has 1 to {LONGEST_NAME} bytes, on one line")]
    Name,
    /// There are no sentences of it.
    #[error("there are no sentences of a language `{0}`")]
    Language(String),
    /// A home without a language, or with too many.
    #[error("a home has 1 to {MOST_LANGUAGES} languages")]
    Languages,
    /// Out of range.
    #[error("a place has a latitude from -90 to 90 and a longitude from -180 to 180 degrees")]
    Position,
    /// Out of range.
    #[error("a height above the sea is from -500 to 9000 meters")]
    Elevation,
    /// No such zone.
    #[error("no time zone is called `{0}`")]
    TimeZone(String),
    /// No host, or none that can be one.
    #[error("a broker's host is a name or an address, without `mqtt://`")]
    Host,
    /// Out of range.
    #[error("a port is a number from 1 to 65535")]
    Port,
    /// A password without a user, or an empty one where one is needed.
    #[error("user and password of the broker belong together")]
    Credentials,
    /// No certificate in it, or too much.
    #[error("the authority is a PEM text, `-----BEGIN CERTIFICATE-----`")]
    Authority,
    /// Too long, or several lines.
    #[cfg(feature = "model")]
    #[error("a model is a name of `homard models list`, the path of a GGUF file, or `outside`")]
    Model,
    /// No address of a server.
    #[cfg(feature = "model")]
    #[error("a model's server has an address such as `http://192.168.1.30:8080/v1`")]
    ModelUrl,
    /// Empty, too long, or several lines.
    #[cfg(feature = "model")]
    #[error("a model has the name that its server calls it by")]
    ModelName,
    /// Too long, or not one word.
    #[cfg(feature = "model")]
    #[error("a server's key is one word of letters, digits and signs")]
    ModelKey,
    /// Nothing that @BotFather gives out.
    #[cfg(feature = "telegram")]
    #[error("a bot's token is digits, a colon, letters and digits, as @BotFather gives it")]
    Token,
}

impl Mistake {
    /// Its word, for those who say it in another language.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Name => "bad_name",
            Self::Language(_) | Self::Languages => "bad_language",
            Self::Position => "bad_position",
            Self::Elevation => "bad_elevation",
            Self::TimeZone(_) => "bad_time_zone",
            Self::Host => "bad_host",
            Self::Port => "bad_port",
            Self::Credentials => "bad_credentials",
            Self::Authority => "bad_authority",
            #[cfg(feature = "model")]
            Self::Model => "bad_model",
            #[cfg(feature = "model")]
            Self::ModelUrl => "bad_model_url",
            #[cfg(feature = "model")]
            Self::ModelName => "bad_model_name",
            #[cfg(feature = "model")]
            Self::ModelKey => "bad_model_key",
            #[cfg(feature = "telegram")]
            Self::Token => "bad_token",
        }
    }
}

impl Owner {
    /// Checks it, and writes languages as their packs are called.
    ///
    /// # Errors
    /// The first mistake.
    pub fn checked(mut self) -> Result<Self, Mistake> {
        if let Some(name) = &mut self.name {
            *name = name.trim().to_owned();
            if !is_word(name, LONGEST_NAME) {
                return Err(Mistake::Name);
            }
        }
        let code = |said: &String| {
            let code = check::pack_code(said).ok_or_else(|| Mistake::Language(said.clone()))?;
            Ok(code.to_owned())
        };
        self.language = self.language.as_ref().map(code).transpose()?;
        if let Some(languages) = &self.languages {
            let mut codes: Vec<String> = languages.iter().map(code).collect::<Result<_, _>>()?;
            let mut seen = BTreeSet::new();
            codes.retain(|code| seen.insert(code.clone()));
            if codes.is_empty() || codes.len() > MOST_LANGUAGES {
                return Err(Mistake::Languages);
            }
            self.languages = Some(codes);
        }
        if let Some(Position { latitude, longitude, elevation }) = self.position {
            // A comparison with what is no number is false.
            if !(latitude.abs() <= 90.0 && longitude.abs() <= 180.0) {
                return Err(Mistake::Position);
            }
            if !check::ELEVATIONS.contains(&elevation) {
                return Err(Mistake::Elevation);
            }
        }
        if let Some(zone) = &self.time_zone
            && !zone.is_empty()
            && TimeZone::get(zone).is_err()
        {
            return Err(Mistake::TimeZone(zone.clone()));
        }
        match &self.broker {
            None | Some(OwnerBroker::Embedded(None)) => {}
            Some(OwnerBroker::Embedded(Some(user))) => {
                if !is_word(&user.name, LONGEST_WORD)
                    || !is_word(user.password.expose(), LONGEST_WORD)
                {
                    return Err(Mistake::Credentials);
                }
            }
            Some(OwnerBroker::Outside(outside)) => outside.checked()?,
        }
        #[cfg(feature = "model")]
        if let Some(talk) = &mut self.talk {
            *talk = talk.trim().to_owned();
            if !talk.is_empty() && !is_word(talk, LONGEST_PATH) {
                return Err(Mistake::Model);
            }
        }
        #[cfg(feature = "model")]
        if let Some(outside) = &self.outside {
            outside.checked()?;
        }
        #[cfg(feature = "telegram")]
        if let Some(token) = &mut self.telegram {
            *token = super::Secret::new(token.expose().trim());
            if !token.expose().is_empty() && !super::telegram::is_token(token) {
                return Err(Mistake::Token);
            }
        }
        Ok(self)
    }
}

impl Outside {
    /// Whether somebody could have meant it.
    ///
    /// # Errors
    /// What is wrong.
    pub fn checked(&self) -> Result<(), Mistake> {
        let is_host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
        if !is_word(&self.host, LONGEST_WORD) || !self.host.chars().all(is_host) {
            return Err(Mistake::Host);
        }
        if self.port == 0 {
            return Err(Mistake::Port);
        }
        let is_good = |word: &str| is_word(word, LONGEST_WORD);
        let password = self.password.as_ref().map(super::Secret::expose);
        if self.user.as_deref().is_some_and(|user| !is_good(user))
            || password.is_some_and(|password| !is_good(password))
            || (password.is_some() && self.user.is_none())
        {
            return Err(Mistake::Credentials);
        }
        if let Some(Tls { authorities: Some(pem) }) = &self.tls {
            let has_one = CertificateDer::pem_slice_iter(pem).next().is_some_and(|one| one.is_ok());
            if pem.len() > LARGEST_AUTHORITIES || !has_one {
                return Err(Mistake::Authority);
            }
        }
        Ok(())
    }
}

fn is_word(text: &str, longest: usize) -> bool {
    !text.is_empty() && text.len() <= longest && !text.contains(char::is_control)
}

impl Config {
    /// This configuration with what the owner decided in the panel, where the file says nothing. What is not right any
    /// more (a time zone that the system has lost) is left out.
    #[must_use]
    pub fn with(mut self, owner: &Owner) -> Self {
        let owner = owner.clone();
        let is_free = |setting| !self.written.has(setting);
        let home = &mut self.home;
        if let Some(name) = owner.name.filter(|_| is_free(Setting::Name)) {
            home.name = name;
        }
        let languages = owner.languages.filter(|_| is_free(Setting::Languages));
        if let Some(languages) = languages {
            // Who chose languages and no first one has meant the first of them.
            if is_free(Setting::Language) && owner.language.is_none() {
                home.language = languages.first().cloned().unwrap_or_else(|| "en".to_owned());
            }
            home.languages = languages;
        }
        if let Some(language) = owner.language.filter(|_| is_free(Setting::Language)) {
            home.language = language;
        }
        if !home.languages.contains(&home.language) {
            home.languages.insert(0, home.language.clone());
        }
        if let Some(position) = owner.position.filter(|_| is_free(Setting::Position)) {
            home.position = Some(position);
        }
        if let Some(zone) = owner.time_zone.filter(|_| is_free(Setting::TimeZone)) {
            let found = if zone.is_empty() { Ok(TimeZone::system()) } else { TimeZone::get(&zone) };
            if let Ok(zone) = found {
                home.time_zone = zone;
            }
        }
        if let Some(units) = owner.unit_system.filter(|_| is_free(Setting::UnitSystem)) {
            home.unit_system = units;
        }
        if owner.is_open == Some(true) && is_free(Setting::Open) {
            self.http.listen.set_ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        }
        if owner.has_tls == Some(true) && is_free(Setting::Tls) {
            self.http.tls = Some(WebTls::SelfSigned);
        }
        match owner.broker.filter(|_| is_free(Setting::Broker)) {
            None | Some(OwnerBroker::Embedded(None)) => {}
            Some(OwnerBroker::Embedded(Some(user))) => {
                let everywhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
                self.mqtt.broker = Broker::Embedded {
                    listen: SocketAddr::new(everywhere, super::MQTT_LISTEN.port()),
                    users: vec![user],
                    is_default: false,
                };
            }
            Some(OwnerBroker::Outside(outside)) => self.mqtt.broker = Broker::Outside(outside),
        }
        #[cfg(feature = "model")]
        if let Some(talk) = owner.talk.filter(|_| is_free(Setting::Talk)) {
            self.model.talk = super::Talker::named(talk);
        }
        #[cfg(feature = "model")]
        if is_free(Setting::OutsideModel) {
            self.model.outside = owner.outside;
        }
        #[cfg(feature = "telegram")]
        if let Some(token) = owner.telegram.filter(|_| is_free(Setting::Telegram)) {
            self.telegram.token = Some(token).filter(|token| !token.expose().is_empty());
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Secret;

    fn outside(host: &str, port: u16, user: Option<&str>, password: Option<&str>) -> Outside {
        Outside {
            host: host.to_owned(),
            port,
            tls: None,
            user: user.map(str::to_owned),
            password: password.map(Secret::new),
        }
    }

    fn all() -> Owner {
        Owner {
            name: Some("Harbor 7".into()),
            language: Some("fr".into()),
            languages: Some(vec!["fr".into(), "de".into()]),
            position: Some(Position { latitude: 48.5, longitude: -4.5, elevation: 30.0 }),
            time_zone: Some("Europe/Paris".into()),
            unit_system: Some(UnitSystem::UsCustomary),
            is_open: Some(true),
            has_tls: Some(true),
            broker: Some(OwnerBroker::Outside(outside("hub", 1884, Some("a"), Some("b")))),
            #[cfg(feature = "model")]
            talk: Some("small".into()),
            #[cfg(feature = "model")]
            outside: Some(model("http://hub:1/v1", "m", Some("k"))),
            #[cfg(feature = "telegram")]
            telegram: Some(Secret::new("1:a")),
        }
    }

    #[cfg(feature = "model")]
    fn model(url: &str, name: &str, key: Option<&str>) -> crate::config::OutsideModel {
        crate::config::OutsideModel {
            url: url.into(),
            name: name.into(),
            key: key.map(Secret::new),
            protocol: crate::config::ModelProtocol::OpenAi,
        }
    }

    #[test]
    fn the_panel_decides_where_the_file_says_nothing() {
        let config = Config::new().with(&all());
        assert_eq!((config.home.name.as_str(), config.home.language.as_str()), ("Harbor 7", "fr"));
        assert_eq!(config.home.languages, ["fr", "de"]);
        assert_eq!(config.home.time_zone.iana_name(), Some("Europe/Paris"));
        assert_eq!(config.http.listen.to_string(), "0.0.0.0:8466");
        assert_eq!(config.http.tls, Some(WebTls::SelfSigned));
        assert!(
            matches!(config.mqtt.broker, Broker::Outside(outside) if outside.host == "hub" && outside.port == 1884)
        );
        #[cfg(feature = "model")]
        assert_eq!(config.model.outside.map(|outside| outside.url), Some("http://hub:1/v1".into()));
        assert!(Config::new().with(&Owner::default()) == Config::new());
    }

    #[test]
    fn the_file_wins() {
        let text = "[home]\nname = \"F\"\nlanguage = \"en\"\nlanguages = [\"en\"]\nlatitude = 1\nlongitude = 2\n\
                    time_zone = \"UTC\"\nunit_system = \"metric\"\n[http]\nlisten = \"127.0.0.1:1\"\ntls = \"off\"\n\
                    [mqtt]\nlisten = \"127.0.0.1:2\"\n[model]\ntalk = \"b\"\n\
                    url = \"http://file/v1\"\nname = \"f\"\n[telegram]\ntoken = \"2:b\"\n";
        let file = Config::parse(text, Path::new("x")).unwrap();
        assert!(file.clone().with(&all()) == file);
        // One that stands there says nothing of the others.
        let file = Config::parse("[home]\nlanguage = \"en\"\n", Path::new("x")).unwrap();
        let config = file.with(&all());
        assert_eq!((config.home.name.as_str(), config.home.language.as_str()), ("Harbor 7", "en"));
        assert_eq!(config.home.languages, ["en", "fr", "de"]);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_and_languages_are_called_as_their_packs() {
        let position = |latitude, longitude, elevation| Owner {
            position: Some(Position { latitude, longitude, elevation }),
            ..Owner::default()
        };
        let broker =
            |outside| Owner { broker: Some(OwnerBroker::Outside(outside)), ..Owner::default() };
        let user = |name: &str, password: &str| Owner {
            broker: Some(OwnerBroker::Embedded(Some(User {
                name: name.into(),
                password: Secret::new(password),
            }))),
            ..Owner::default()
        };
        let ca = |pem: &str| {
            let tls = Some(Tls { authorities: Some(pem.as_bytes().to_vec()) });
            broker(Outside { tls, ..outside("hub", 1, None, None) })
        };
        for (owner, code) in [
            (Owner { name: Some("  ".into()), ..Owner::default() }, "bad_name"),
            (Owner { name: Some("a\nb".into()), ..Owner::default() }, "bad_name"),
            (Owner { language: Some("xx".into()), ..Owner::default() }, "bad_language"),
            (Owner { languages: Some(vec![]), ..Owner::default() }, "bad_language"),
            (position(90.1, 0.0, 0.0), "bad_position"),
            (position(f64::NAN, 0.0, 0.0), "bad_position"),
            (position(0.0, 0.0, 9_001.0), "bad_elevation"),
            (Owner { time_zone: Some("Mars/Base".into()), ..Owner::default() }, "bad_time_zone"),
            (broker(outside("mqtt://hub", 1, None, None)), "bad_host"),
            (broker(outside("", 1, None, None)), "bad_host"),
            (broker(outside("a b", 1, None, None)), "bad_host"),
            (broker(outside("hub", 0, None, None)), "bad_port"),
            (broker(outside("hub", 1, None, Some("x"))), "bad_credentials"),
            (user("a", ""), "bad_credentials"),
            (ca("hello"), "bad_authority"),
        ] {
            assert_eq!(owner.checked().err().map(|mistake| mistake.code()), Some(code));
        }
        #[cfg(feature = "model")]
        for (outside, code) in [
            (model("hub", "m", None), "bad_model_url"),
            (model("http://user@hub/v1", "m", None), "bad_model_url"),
            (model("http://hub/v1?a=b", "m", None), "bad_model_url"),
            (model("ftp://hub/v1", "m", None), "bad_model_url"),
            (model("http://hub/v1", "", None), "bad_model_name"),
            (model("http://hub/v1", "a\nb", None), "bad_model_name"),
            (model("http://hub/v1", "m", Some("a b")), "bad_model_key"),
        ] {
            let owner = Owner { outside: Some(outside), ..Owner::default() };
            assert_eq!(owner.checked().err().map(|mistake| mistake.code()), Some(code));
        }
        let owner = Owner {
            name: Some(" Chez nous ".into()),
            language: Some("en-GB".into()),
            languages: Some(vec!["en_US".into(), "pt_br".into(), "en".into()]),
            ..Owner::default()
        };
        let owner = owner.checked().ok().unwrap();
        assert_eq!(owner.name.as_deref(), Some("Chez nous"));
        assert_eq!(owner.language.as_deref(), Some("en"));
        assert_eq!(owner.languages.unwrap(), ["en", "pt-BR"]);
        for host in ["hub", "192.168.1.5", "fe80::1%eth0", "mq-tt.home_net.lan"] {
            assert!(broker(outside(host, 1883, None, None)).checked().is_ok(), "{host}");
        }
    }
}
