//! `[wyoming]`, `[[satellite]]` and what of `[voice]` is about speaking: who may use Homard's ears and voice, which
//! microphones and loudspeakers of the house are elsewhere, and who speaks.

use std::net::SocketAddr;

use toml::Spanned;

use super::problem::Problems;
use super::raw::{self, Field, suggestion};

/// The port of a Wyoming satellite, unless it is said.
const SATELLITE_PORT: u16 = 10_700;
/// More satellites than a house has rooms.
const MOST_SATELLITES: usize = 32;

/// What may be asked by whoever comes by Wyoming.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stranger {
    /// As a guest.
    #[default]
    Guest,
    /// As a child of the house.
    Child,
    /// As an adult of the house.
    Adult,
}

impl Stranger {
    /// All.
    pub const ALL: [Self; 3] = [Self::Guest, Self::Child, Self::Adult];

    /// The word in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Child => "child",
            Self::Adult => "adult",
        }
    }
}

/// The Wyoming server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wyoming {
    /// Where it listens; nowhere without.
    pub listen: Option<SocketAddr>,
    /// Whoever comes has no password.
    pub role: Stranger,
}

/// A machine that is reached over the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// A microphone and loudspeaker elsewhere in the house.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Satellite {
    /// What it is called.
    pub name: String,
    /// Where it is reached.
    pub peer: Peer,
    /// The room it stands in: id, name or other name.
    pub area: Option<String>,
}

/// How Homard speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speaking {
    /// The loudspeaker of this machine, as ALSA names it; the system's own is `default`. None without.
    pub speaker: Option<String>,
    /// How loud it speaks, 0 to 100 percent.
    pub volume: u8,
    /// The room in which this machine is heard.
    pub area: Option<String>,
    /// One of espeak-ng's voices, or one of the outside engine's.
    pub voice: Option<String>,
    /// An outside engine that speaks.
    pub tts: Option<Peer>,
    /// An outside engine that hears.
    pub stt: Option<Peer>,
}

impl Default for Speaking {
    fn default() -> Self {
        Self { speaker: None, volume: 100, area: None, voice: None, tts: None, stt: None }
    }
}

pub(super) fn wyoming(raw: raw::Wyoming, problems: &mut Problems) -> Wyoming {
    let listen = raw.listen.filter(|field| !field.get_ref().is_empty()).and_then(|field| {
        let address = field.get_ref().parse().ok();
        if address.is_none() {
            let what = format!("`[wyoming] listen`: `{}` is no address", field.get_ref());
            let hint = "Write \"127.0.0.1:10600\" for this machine only, or \"0.0.0.0:10600\".";
            problems.add(field.span(), what, hint);
        }
        address
    });
    let role = raw.role.map_or_else(Stranger::default, |field| {
        let found = Stranger::ALL.into_iter().find(|role| role.word() == field.get_ref());
        found.unwrap_or_else(|| {
            let what = format!("`[wyoming] role` cannot be `{}`", field.get_ref());
            let words = Stranger::ALL.map(Stranger::word);
            problems.add(field.span(), what, suggestion(field.get_ref(), &words, "It can be"));
            Stranger::Guest
        })
    });
    Wyoming { listen, role }
}

pub(super) fn satellites(
    raw: Vec<Spanned<raw::Satellite>>,
    problems: &mut Problems,
) -> Vec<Satellite> {
    let mut all: Vec<Satellite> = Vec::new();
    for item in raw {
        let span = item.span();
        let raw::Satellite { name, address, area } = item.into_inner();
        let Some(address) = address else {
            let what = "`[[satellite]]` has no `address`".to_owned();
            problems.add(
                span,
                what,
                "Write address = \"192.168.1.20\", with its port if it is not 10700.",
            );
            continue;
        };
        let Some(peer) = peer(&address, "[[satellite]] address", Some(SATELLITE_PORT), problems)
        else {
            continue;
        };
        let name = filled(name).unwrap_or_else(|| peer.host.clone());
        if all.iter().any(|known| known.peer == peer) {
            let what = format!("`[[satellite]] address`: `{}` is there twice", address.get_ref());
            problems.add(address.span(), what, "Each satellite has one section.");
        } else if all.len() == MOST_SATELLITES {
            let what = format!("there are more than {MOST_SATELLITES} satellites");
            problems.add(span, what, "Leave some out.");
        } else {
            all.push(Satellite { name, peer, area: filled(area) });
        }
    }
    all
}

/// Takes what is about speaking out of `[voice]`.
pub(super) fn speaking(raw: &mut raw::Voice, problems: &mut Problems) -> Speaking {
    let usual = Speaking::default();
    let volume = raw.volume.take().map_or(usual.volume, |field| {
        let number = *field.get_ref();
        if number.fract() == 0.0 && (0.0..=100.0).contains(&number) {
            return number as u8;
        }
        let what = format!("`[voice] volume` cannot be {number}");
        problems.add(field.span(), what, "It is a whole number from 0 to 100.");
        usual.volume
    });
    let mut engine = |field: Field<String>, key: &str| {
        let field = field.filter(|field| !field.get_ref().is_empty())?;
        peer(&field, key, None, problems)
    };
    let tts = engine(raw.tts.take(), "[voice] tts");
    let stt = engine(raw.stt.take(), "[voice] stt");
    let (speaker, voice) = (filled(raw.speaker.take()), filled(raw.voice.take()));
    let area = raw.area.as_ref().map(|area| area.get_ref().clone()).filter(|area| !area.is_empty());
    Speaking { speaker, volume, area, voice, tts, stt }
}

fn filled(field: Field<String>) -> Option<String> {
    field.map(Spanned::into_inner).filter(|text| !text.trim().is_empty())
}

/// `tcp://HOST:PORT`; the scheme may be left out, and the port where there is a usual one.
fn peer(
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Config;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("homard.toml")).map_err(|problems| problems.to_string())
    }

    #[test]
    fn who_hears_and_speaks_elsewhere_is_read() {
        let config = parse(
            "[wyoming]\nlisten = \"0.0.0.0:10600\"\nrole = \"child\"\n\
             [voice]\nspeaker = \"default\"\nvolume = 60\narea = \"Hall\"\ntts = \"tcp://nas:10200\"\n\
             [[satellite]]\naddress = \"192.168.1.20\"\narea = \"kitchen\"\nname = \"Cuisine\"\n\
             [[satellite]]\naddress = \"tcp://[fd00::5]:10701\"\n",
        )
        .unwrap();
        assert_eq!(config.wyoming.listen, Some(([0, 0, 0, 0], 10_600).into()));
        assert_eq!(config.wyoming.role.word(), "child");
        let shown = |peer: &super::Peer| format!("{} {}", peer.host, peer.port);
        assert_eq!(config.speaking.tts.as_ref().map(shown).as_deref(), Some("nas 10200"));
        assert_eq!((config.speaking.volume, config.speaking.stt), (60, None));
        let found: Vec<_> = config
            .satellites
            .iter()
            .map(|one| (one.name.as_str(), shown(&one.peer), one.area.as_deref()))
            .collect();
        assert_eq!(
            found,
            [
                ("Cuisine", "192.168.1.20 10700".to_owned(), Some("kitchen")),
                ("fd00::5", "fd00::5 10701".to_owned(), None),
            ]
        );
        assert_eq!(parse("").unwrap().wyoming.listen, None);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let check = |text: &str, expected: &str| {
            let Err(problems) = parse(text) else { panic!("{text} is taken") };
            assert!(problems.contains(expected), "{problems}");
        };
        check("[wyoming]\nlisten = \"everywhere\"\n", "`everywhere` is no address");
        check("[wyoming]\nrole = \"admin\"\n", "`[wyoming] role` cannot be `admin`");
        check("[[satellite]]\nname = \"x\"\n", "`[[satellite]]` has no `address`");
        check("[[satellite]]\naddress = \"a b\"\n", "`a b` is no address");
        check("[[satellite]]\naddress = \"a\"\n[[satellite]]\naddress = \"a\"\n", "twice");
        check("[[satellite]]\nadress = \"a\"\n", "`[[satellite]] adress` is no setting");
        check("[satellite]\naddress = \"a\"\n", "`[satellite]` is no section");
        check("[voice]\ntts = \"nas\"\n", "no address with a port");
        check("[voice]\nvolume = 101\n", "`[voice] volume` cannot be 101");
    }
}
