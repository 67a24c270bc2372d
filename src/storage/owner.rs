//! What the owner decided in the panel, and which connections the daemon made. Each is one record, written through to the
//! disk before the call returns. Not what a decision means: that is `config`'s.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Error, Storage};
#[cfg(feature = "model")]
use crate::config::{ModelProtocol, OutsideModel};
use crate::config::{Outside, Owner, OwnerBroker, Position, Secret, Tls, UnitSystem, User};

/// The one key of each table.
const ONLY: &str = "all";

/// What the owner decided, as it stands on the disk. Unknown keys are those of a later version and are left alone until
/// the next change.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Record {
    name: Option<String>,
    language: Option<String>,
    languages: Option<Vec<String>>,
    /// Latitude, longitude, elevation.
    position: Option<[f64; 3]>,
    time_zone: Option<String>,
    is_metric: Option<bool>,
    is_open: Option<bool>,
    has_tls: Option<bool>,
    broker: Option<BrokerRecord>,
    #[cfg(feature = "model")]
    talk: Option<String>,
    #[cfg(feature = "model")]
    outside: Option<ModelRecord>,
    #[cfg(feature = "telegram")]
    telegram: Option<String>,
}

/// A language model on another machine.
#[cfg(feature = "model")]
#[derive(Serialize, Deserialize)]
struct ModelRecord {
    url: String,
    name: String,
    key: Option<String>,
    is_ollama: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum BrokerRecord {
    Embedded {
        user: Option<String>,
        password: Option<String>,
    },
    Outside {
        host: String,
        port: u16,
        is_tls: bool,
        authorities: Option<String>,
        user: Option<String>,
        password: Option<String>,
    },
}

/// A connection to another machine that the daemon made or tried to make; equal ones are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// `HOST:PORT`, or a host.
    pub to: String,
    /// Why, by a word: `broker`, `broker_trial`, `model`.
    pub why: String,
    /// What for, where the word alone does not say it: the model's name.
    pub what: String,
    /// The first time.
    pub first_at: Timestamp,
    /// The last time.
    pub last_at: Timestamp,
    /// How often.
    pub count: u64,
}

/// All of them that are kept, the oldest first: to, why, what, first and last in microseconds since 1970, how often.
#[derive(Serialize, Deserialize)]
pub(super) struct Connections(Vec<(String, String, String, i64, i64, u64)>);

impl Storage {
    /// What the owner decided in the panel; nothing in a house where nobody did.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn owner(&self) -> Result<Owner, Error> {
        let txn = self.env.read_txn()?;
        match self.tables.owner.at(&txn, ONLY)? {
            Some(Ok(record)) => Ok(record.into()),
            Some(Err(error)) => {
                tracing::warn!(%error, "What the owner decided in the panel cannot be read.");
                Ok(Owner::default())
            }
            None => Ok(Owner::default()),
        }
    }

    /// Keeps what the owner decided; on the disk when this returns.
    ///
    /// # Errors
    /// As writing fails; then what was there is there still.
    pub fn keep_owner(&self, owner: &Owner) -> Result<(), Error> {
        let mut txn = self.env.write_txn()?;
        self.tables.owner.put(&mut txn, ONLY, &owner.clone().into())?;
        txn.commit()?;
        Ok(())
    }

    /// The connections that were kept.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn connections(&self) -> Result<Vec<Connection>, Error> {
        let txn = self.env.read_txn()?;
        // What cannot be read is a record of the past that nobody acts upon.
        let kept = self.tables.connections.at(&txn, ONLY)?.and_then(Result::ok);
        let list = kept.map(|Connections(list)| list).unwrap_or_default();
        let read = |(to, why, what, first_at, last_at, count)| {
            let first_at = Timestamp::from_microsecond(first_at).ok()?;
            let last_at = Timestamp::from_microsecond(last_at).ok()?;
            Some(Connection { to, why, what, first_at, last_at, count })
        };
        Ok(list.into_iter().filter_map(read).collect())
    }

    /// Keeps these connections in place of those before.
    ///
    /// # Errors
    /// As writing fails.
    pub fn keep_connections(&self, connections: &[Connection]) -> Result<(), Error> {
        let written = |one: &Connection| {
            let Connection { to, why, what, first_at, last_at, count } = one.clone();
            (to, why, what, first_at.as_microsecond(), last_at.as_microsecond(), count)
        };
        let list = connections.iter().map(written).collect();
        let mut txn = self.env.write_txn()?;
        self.tables.connections.put(&mut txn, ONLY, &Connections(list))?;
        txn.commit()?;
        Ok(())
    }
}

impl From<Owner> for Record {
    fn from(owner: Owner) -> Self {
        let position = |at: Position| [at.latitude, at.longitude, at.elevation];
        Self {
            name: owner.name,
            language: owner.language,
            languages: owner.languages,
            position: owner.position.map(position),
            time_zone: owner.time_zone,
            is_metric: owner.unit_system.map(|units| units == UnitSystem::Metric),
            is_open: owner.is_open,
            has_tls: owner.has_tls,
            broker: owner.broker.map(Into::into),
            #[cfg(feature = "model")]
            talk: owner.talk,
            #[cfg(feature = "model")]
            outside: owner.outside.map(Into::into),
            #[cfg(feature = "telegram")]
            telegram: owner.telegram.map(exposed),
        }
    }
}

impl From<Record> for Owner {
    fn from(record: Record) -> Self {
        let position = |[latitude, longitude, elevation]: [f64; 3]| Position {
            latitude,
            longitude,
            elevation,
        };
        let units = |is_metric| match is_metric {
            true => UnitSystem::Metric,
            false => UnitSystem::UsCustomary,
        };
        Self {
            name: record.name,
            language: record.language,
            languages: record.languages,
            position: record.position.map(position),
            time_zone: record.time_zone,
            unit_system: record.is_metric.map(units),
            is_open: record.is_open,
            has_tls: record.has_tls,
            broker: record.broker.map(Into::into),
            #[cfg(feature = "model")]
            talk: record.talk,
            #[cfg(feature = "model")]
            outside: record.outside.map(Into::into),
            #[cfg(feature = "telegram")]
            telegram: record.telegram.map(Secret::new),
        }
    }
}

fn exposed(secret: Secret) -> String {
    secret.expose().to_owned()
}

#[cfg(feature = "model")]
impl From<OutsideModel> for ModelRecord {
    fn from(model: OutsideModel) -> Self {
        let OutsideModel { url, name, key, protocol } = model;
        Self { url, name, key: key.map(exposed), is_ollama: protocol == ModelProtocol::Ollama }
    }
}

#[cfg(feature = "model")]
impl From<ModelRecord> for OutsideModel {
    fn from(record: ModelRecord) -> Self {
        let ModelRecord { url, name, key, is_ollama } = record;
        let protocol = if is_ollama { ModelProtocol::Ollama } else { ModelProtocol::OpenAi };
        Self { url, name, key: key.map(Secret::new), protocol }
    }
}

impl From<OwnerBroker> for BrokerRecord {
    fn from(broker: OwnerBroker) -> Self {
        match broker {
            OwnerBroker::Embedded(None) => Self::Embedded { user: None, password: None },
            OwnerBroker::Embedded(Some(User { name, password })) => {
                Self::Embedded { user: Some(name), password: Some(exposed(password)) }
            }
            OwnerBroker::Outside(Outside { host, port, tls, user, password }) => Self::Outside {
                host,
                port,
                is_tls: tls.is_some(),
                authorities: tls
                    .and_then(|tls| tls.authorities)
                    .map(|pem| String::from_utf8_lossy(&pem).into_owned()),
                user,
                password: password.map(exposed),
            },
        }
    }
}

impl From<BrokerRecord> for OwnerBroker {
    fn from(record: BrokerRecord) -> Self {
        match record {
            BrokerRecord::Embedded { user, password } => {
                let user = user.zip(password);
                Self::Embedded(
                    user.map(|(name, password)| User { name, password: Secret::new(password) }),
                )
            }
            BrokerRecord::Outside { host, port, is_tls, authorities, user, password } => {
                let authorities = authorities.map(String::into_bytes);
                Self::Outside(Outside {
                    host,
                    port,
                    tls: is_tls.then_some(Tls { authorities }),
                    user,
                    password: password.map(Secret::new),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_owner_decided_and_the_connections_come_back() {
        let dir = std::env::temp_dir().join(format!("homard-owner-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        let user = User { name: "shelly".into(), password: Secret::new("x") };
        let outside = |tls| Outside {
            host: "hub".into(),
            port: 8883,
            tls,
            user: Some("a".into()),
            password: Some(Secret::new("b")),
        };
        let brokers = [
            OwnerBroker::Embedded(None),
            OwnerBroker::Embedded(Some(user)),
            OwnerBroker::Outside(outside(None)),
            OwnerBroker::Outside(outside(Some(Tls { authorities: None }))),
            OwnerBroker::Outside(outside(Some(Tls { authorities: Some(b"pem".to_vec()) }))),
        ];
        for broker in brokers {
            let owner = Owner {
                name: Some("Harbor 7".into()),
                language: Some("fr".into()),
                languages: Some(vec!["fr".into()]),
                position: Some(Position { latitude: 1.5, longitude: -2.0, elevation: 3.0 }),
                time_zone: Some(String::new()),
                unit_system: Some(UnitSystem::UsCustomary),
                is_open: Some(true),
                has_tls: Some(false),
                broker: Some(broker),
                #[cfg(feature = "model")]
                talk: Some("small".into()),
                #[cfg(feature = "model")]
                outside: Some(OutsideModel {
                    url: "http://hub/v1".into(),
                    name: "m".into(),
                    key: Some(Secret::new("k")),
                    protocol: ModelProtocol::Ollama,
                }),
                #[cfg(feature = "telegram")]
                telegram: Some(Secret::new("1:a")),
            };
            let storage = Storage::open(&dir).unwrap();
            storage.keep_owner(&owner).unwrap();
            drop(storage);
            assert!(Storage::open(&dir).unwrap().owner().unwrap() == owner);
        }
        let storage = Storage::open(&dir).unwrap();
        assert!(storage.connections().unwrap().is_empty());
        let one = Connection {
            to: "hub:8883".into(),
            why: "broker".into(),
            what: String::new(),
            first_at: Timestamp::UNIX_EPOCH,
            last_at: Timestamp::UNIX_EPOCH,
            count: 2,
        };
        storage.keep_connections(std::slice::from_ref(&one)).unwrap();
        assert_eq!(storage.connections().unwrap(), [one]);
        drop(storage);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
