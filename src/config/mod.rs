//! `homard.toml`: what the owner decides, checked.
//!
//! Owns the checked [`Config`], the defaults and where files lie. Reading with line numbers is
//! `raw`, turning what was read into a `Config` is `check`. What the house learns by itself is
//! not here but in the data directory.

mod check;
mod dirs;
#[cfg(feature = "model")]
mod model;
mod owner;
mod peer;
mod problem;
mod raw;
#[cfg(feature = "telegram")]
mod telegram;
mod tls;
mod update;
mod url;
mod voice;
#[cfg(feature = "speech")]
mod wyoming;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

pub use self::dirs::{DEMO, NoDataDir, PACKAGED, RUN, data_dir};
#[cfg(feature = "model")]
pub use self::model::{Model, ModelProtocol, OutsideModel, Talker};
pub use self::owner::{Mistake, Owner, OwnerBroker, Setting, Written};
pub use self::peer::Peer;
pub use self::problem::{Problem, Problems};
#[cfg(feature = "telegram")]
pub use self::telegram::Telegram;
pub use self::tls::{BadCertificate, certified_key};
pub use self::update::Update;
pub use self::voice::{Voice, WakeWord};
#[cfg(feature = "speech")]
pub use self::wyoming::{Satellite, Stranger, Wyoming};

/// The commented example, which is also the reference of all keys.
pub const EXAMPLE: &str = include_str!("../../systemd/homard.toml.example");

/// Where the panel and the API listen unless said otherwise.
pub const HTTP_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8466);
/// Where the embedded broker listens unless said otherwise.
pub const MQTT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1883);

/// A password or token. Without `Debug` and `Display`, so that no log line can show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the text as it is.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that must send it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// All that the owner decides; every value is checked.
#[derive(Clone, PartialEq)]
pub struct Config {
    /// `[home]`
    pub home: Home,
    /// `[http]`
    pub http: Http,
    /// `[history]`
    pub history: History,
    /// `[policy]`
    pub policy: Policy,
    /// `[voice]`
    pub voice: Voice,
    /// `[model]`
    #[cfg(feature = "model")]
    pub model: Model,
    /// `[update]`
    pub update: Update,
    /// `[mqtt]`
    pub mqtt: Mqtt,
    /// `[wyoming]`
    #[cfg(feature = "speech")]
    pub wyoming: Wyoming,
    /// `[[satellite]]`
    #[cfg(feature = "speech")]
    pub satellites: Vec<Satellite>,
    /// `[telegram]`
    #[cfg(feature = "telegram")]
    pub telegram: Telegram,
    /// Which of the owner's decisions stand in the file.
    pub written: Written,
}

/// What is recorded, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Days for which every change is kept; hours are kept for years.
    pub days: u32,
    /// Room for all of it on the disk; the oldest goes first.
    pub megabytes: u32,
    /// Entities and domains that are not recorded.
    pub exclude: Vec<String>,
}

impl Default for History {
    fn default() -> Self {
        Self { days: 10, megabytes: 500, exclude: Vec::new() }
    }
}

/// What a sentence may have done that could do harm; `None` leaves it to Homard's own table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// Unlocking, and opening gates, garages and doors.
    pub unlock: Option<Rule>,
    /// Disarming alarm systems.
    pub disarm: Option<Rule>,
    /// Opening valves.
    pub valves: Option<Rule>,
    /// Sirens.
    pub sirens: Option<Rule>,
    /// Temperatures out of bounds.
    pub temperatures: Option<Rule>,
}

/// What comes of a wish that could do harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// It is done.
    Allow,
    /// A yes is needed first.
    Ask,
    /// It is not done.
    Never,
}

impl Rule {
    /// All.
    pub const ALL: [Self; 3] = [Self::Allow, Self::Ask, Self::Never];

    /// The word in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Ask => "ask",
            Self::Never => "never",
        }
    }
}

/// The home itself.
#[derive(Clone, PartialEq)]
pub struct Home {
    /// What it is called.
    pub name: String,
    /// The language that is understood and answered in first; two letters.
    pub language: String,
    /// All languages that are understood; contains `language`.
    pub languages: Vec<String>,
    /// Latitude and longitude in degrees, north and east positive.
    pub position: Option<Position>,
    /// Its time zone; the system's unless said otherwise.
    pub time_zone: TimeZone,
    /// Units that are shown.
    pub unit_system: UnitSystem,
}

impl Home {
    /// Its time zone's name in the IANA database; a zone that has none is shown as UTC.
    pub fn zone_name(&self) -> &str {
        self.time_zone.iana_name().unwrap_or("UTC")
    }
}

/// A place on Earth, in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position {
    /// −90 to 90, north is positive.
    pub latitude: f64,
    /// −180 to 180, east is positive.
    pub longitude: f64,
    /// Meters above the sea; 0 where nobody said.
    pub elevation: f64,
}

/// In which units values are shown; Home Assistant's two systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnitSystem {
    /// Celsius, meters.
    #[default]
    Metric,
    /// Fahrenheit, miles.
    UsCustomary,
}

impl UnitSystem {
    /// Each of them.
    pub const ALL: [Self; 2] = [Self::Metric, Self::UsCustomary];

    /// The one with this word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|system| system.word() == word)
    }

    /// The word in the configuration and in Home Assistant's API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Metric => "metric",
            Self::UsCustomary => "us_customary",
        }
    }
}

/// The panel and the API.
#[derive(Clone, PartialEq)]
pub struct Http {
    /// Where they listen. Anything but `/healthz` needs a token, also on the network.
    pub listen: SocketAddr,
    /// False when the owner wrote the address down; then another one is never taken instead.
    pub is_default: bool,
    /// Browsers come by TLS, and who does not is sent there.
    pub tls: Option<WebTls>,
}

/// With which certificate the panel speaks TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebTls {
    /// One of our own making, kept in the data directory.
    SelfSigned,
    /// The owner's, as PEM files; read again when they change.
    Files {
        /// The certificate, and those that lead to its authority.
        cert: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
}

/// MQTT: which broker, and how discovery is spoken.
#[derive(Clone, PartialEq)]
pub struct Mqtt {
    /// The broker.
    pub broker: Broker,
    /// First part of all discovery topics.
    pub discovery_prefix: String,
    /// Where `online` is said after a start.
    pub status_topic: String,
    /// Payload that the broker says on `status_topic` when Homard is lost; none by default, so
    /// that a Home Assistant beside it is not declared dead.
    pub will: Option<String>,
    /// Under which id Homard connects.
    pub client_id: String,
}

/// Which broker.
#[derive(Clone, PartialEq)]
pub enum Broker {
    /// Homard's own.
    Embedded {
        /// Where it listens.
        listen: SocketAddr,
        /// Who may connect; nobody here means anybody on this machine.
        users: Vec<User>,
        /// False when the owner wrote the address down; then a broker that already listens there
        /// is an error and not used instead.
        is_default: bool,
    },
    /// One that runs already.
    Outside(Outside),
}

/// Someone, or a device, that may connect to the embedded broker.
#[derive(Clone, PartialEq)]
pub struct User {
    /// The MQTT user name.
    pub name: String,
    /// The MQTT password; not empty.
    pub password: Secret,
}

/// How to reach a broker that runs already.
#[derive(Clone, PartialEq)]
pub struct Outside {
    /// Name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Speak TLS.
    pub tls: Option<Tls>,
    /// User name.
    pub user: Option<String>,
    /// Password.
    pub password: Option<Secret>,
}

/// How the broker proves who it is.
#[derive(Clone, PartialEq)]
pub struct Tls {
    /// Authorities to trust, as PEM text; `None` trusts those that the system trusts.
    pub authorities: Option<Vec<u8>>,
}

impl Config {
    /// What holds when nothing was configured.
    pub fn new() -> Self {
        check::defaults()
    }

    /// Reads and checks one file. Files that it names are read too, relative to its folder.
    ///
    /// # Errors
    /// All problems of the file together.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return Err(Problems::unreadable(path, &error)),
        };
        Self::parse(&text, path)
    }

    /// Checks a text. `path` is what problems call it; files it names are relative to its folder.
    ///
    /// # Errors
    /// All problems of the text together.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Problems> {
        let mut problems = Problems::new(path, text);
        let raw = raw::read(text, &mut problems);
        let folder = path.parent().map(PathBuf::from).unwrap_or_default();
        let config = check::check(raw, &folder, &mut problems);
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
