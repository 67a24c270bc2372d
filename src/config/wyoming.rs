//! `[wyoming]` and `[[satellite]]`: who may use Homard's ears and voice, and which microphones and loudspeakers of the
//! house are elsewhere.

use std::net::SocketAddr;

use toml::Spanned;

use super::peer::{self, Peer};
use super::problem::Problems;
use super::raw::{self, filled, suggestion};

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
        let key = "[[satellite]] address";
        let Some(peer) = peer::parse(&address, key, Some(SATELLITE_PORT), problems) else {
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
             [[satellite]]\naddress = \"192.168.1.20\"\narea = \"kitchen\"\nname = \"Cuisine\"\n\
             [[satellite]]\naddress = \"tcp://[fd00::5]:10701\"\n",
        )
        .unwrap();
        assert_eq!(config.wyoming.listen, Some(([0, 0, 0, 0], 10_600).into()));
        assert_eq!(config.wyoming.role.word(), "child");
        let shown = |peer: &super::Peer| format!("{} {}", peer.host, peer.port);
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
    }
}
