//! What outlives a restart: the registry, last states, the agenda, people and how they come in, what the owner decided
//! in the panel, and the retained messages of the embedded broker, in one LMDB environment.
//!
//! The history is beside it, in an environment of its own ([`history`]).
//!
//! One table per concept ([`table`]); what stands in it is written down in [`wire`], apart from the
//! model's own types. Who decides *when* something is written is [`Writer`]. Nothing here knows the
//! hub or a port.

mod agenda;
pub mod backup;
mod budget;
#[cfg(feature = "telegram")]
mod contacts;
mod cost;
mod group;
mod health;
pub mod history;
mod lock;
mod owner;
pub mod password;
mod people;
mod retained;
mod rules;
pub mod sealed;
mod sessions;
mod table;
mod tokens;
mod wire;
mod writer;

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use heed::types::Str;
use heed::{CommitOrAbort, Database, Env, EnvOpenOptions, RwTxn, WithoutTls};
use sha2::{Digest, Sha256};
use tracing::warn;

pub use self::budget::{Budget, Lane};
#[cfg(feature = "telegram")]
pub use self::contacts::{Asked, Begun, Contact, Contacts, Group, Mark, Telling, Waiting};
pub use self::health::Status;
pub use self::owner::Connection;
pub use self::people::{People, PersonEdit};
pub use self::retained::{RetainedChange, RetainedMessage};
pub use self::sessions::Sessions;
pub use self::tokens::{Bearer, Holder, KnownToken, Tokens};
pub use self::writer::{Committed, Settings, Source, Writer};

use self::lock::{lock, make_directory};
use self::table::Table;
use crate::automation::rule::kept::{KeptRules, RuleRecord};
use crate::automation::{self, Record};
use crate::home::device::Device;
use crate::home::id::{AreaId, DeviceId, EntityId, FloorId};
use crate::home::place::{Area, Floor};
use crate::home::{LastState, Remembered};

/// Address space set aside for the data; the file itself only grows as it is needed. A house of
/// 5,000 devices needs about 60 MB.
const MAP_SIZE: usize = if usize::BITS >= 64 { 1 << 30 } else { 256 << 20 };
/// Named tables that it has room for.
const MAX_TABLES: u32 = 20;

/// From each format to the next: the first entry leads from format 1 to 2. Only ever appended to.
const UPGRADES: &[Upgrade] = &[
    // 2: the tables of the agenda, which are made when they are opened. What knows only format 1
    // would forget what is to happen, so it must not open these data.
    |_, _| Ok(()),
    // 3: the tables of people and sessions, and tokens that may not do everything. What knows only
    // format 2 would let a guest's token do it.
    |_, _| Ok(()),
    // 4: automations and scripts. What knows only format 3 would not run them, and nobody would know.
    |_, _| Ok(()),
];

type Upgrade = fn(&Tables, &mut RwTxn) -> Result<(), Error>;

/// The name of the record of `meta` that says the format.
const FORMAT: &str = "format";

/// Why the data could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Written by a later version.
    #[error(
        "the data in {} was written by a newer Homard (format {found}, this one knows {known}); \
         install that version again, or start with another data directory", .dir.display()
    )]
    Newer {
        /// Where.
        dir: PathBuf,
        /// The format found.
        found: usize,
        /// The newest format this version knows.
        known: usize,
    },
    /// Written by an earlier version, and only a daemon brings it up to date.
    #[error(
        "the data in {} was written by an older Homard (format {found}, this one writes {known}); \
         start `homard run` once to bring it up to date", .dir.display()
    )]
    Older {
        /// Where.
        dir: PathBuf,
        /// The format found.
        found: usize,
        /// The format this version writes.
        known: usize,
    },
    /// Another daemon works on it.
    #[error("another Homard{} already uses the data in {}", holder(.pid), .dir.display())]
    InUse {
        /// Where.
        dir: PathBuf,
        /// The other's process id, if it could be read.
        pid: Option<u32>,
    },
    /// The directory or the lock file.
    #[error("cannot use the data directory {}", .dir.display())]
    Directory {
        /// Where.
        dir: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The database.
    #[error("database: {0}")]
    Database(#[from] heed::Error),
    /// The record that says the format is not a number.
    #[error("the data in {} has no readable format record: `{found}`", .dir.display())]
    Format {
        /// Where.
        dir: PathBuf,
        /// What stands there.
        found: String,
    },
    /// A value could not be written down.
    #[error("cannot encode a record of `{table}`")]
    Encode {
        /// In which table.
        table: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The system gave no random bytes.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
    /// A token of that name exists, or the name cannot be used.
    #[error("{0}")]
    Token(String),
    /// A person cannot be as wished.
    #[error("{0}")]
    Account(String),
}

fn holder(pid: &Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}

/// What is to be written or forgotten: one record of one table.
#[derive(Debug, Clone, PartialEq)]
pub enum Keep {
    /// A floor as it is now.
    Floor(Floor),
    /// An area as it is now.
    Area(Area),
    /// A device as it is now.
    Device(Box<Device>),
    /// What is remembered of an entity.
    Entity(Box<Remembered>),
    /// The last state of an entity.
    State(EntityId, Box<LastState>),
    /// A floor that is gone.
    ForgetFloor(FloorId),
    /// An area that is gone.
    ForgetArea(AreaId),
    /// A device that is gone.
    ForgetDevice(DeviceId),
    /// An entity that is gone; its last state goes too.
    ForgetEntity(EntityId),
    /// An entity has no state worth keeping any more.
    ForgetState(EntityId),
    /// What is to happen, or a list.
    Agenda(Record),
    /// An automation or a script, or what of them waits.
    Rule(RuleRecord),
}

/// What was known before the restart; the arguments of `Home::restore`.
#[derive(Debug, Default)]
pub struct Loaded {
    /// All floors.
    pub floors: Vec<Floor>,
    /// All areas.
    pub areas: Vec<Area>,
    /// All devices.
    pub devices: Vec<Device>,
    /// All entities, with the last state where one is known.
    pub entities: Vec<(Remembered, Option<LastState>)>,
    /// What is to happen.
    pub agenda: Vec<automation::Kept>,
    /// All lists.
    pub lists: Vec<automation::List>,
    /// All automations and scripts.
    pub rules: KeptRules,
    /// Records that could not be read, in plain words; they cost themselves, not the start.
    pub problems: Vec<String>,
}

/// The opened data. Cheap to clone; closed when the last clone is gone.
#[derive(Clone)]
pub struct Storage {
    env: Env<WithoutTls>,
    tables: Arc<Tables>,
    /// Held as long as a daemon works on the data; `None` when opened beside one.
    _lock: Option<Arc<File>>,
}

struct Tables {
    meta: Database<'static, Str, Str>,
    floors: Table<wire::Floor>,
    areas: Table<wire::Area>,
    devices: Table<wire::Device>,
    entities: Table<wire::Entity>,
    states: Table<wire::State>,
    agenda: Table<agenda::Entry>,
    lists: Table<agenda::List>,
    rules: Table<rules::Rule>,
    waiting: Table<rules::Waiting>,
    people: Table<people::Record>,
    sessions: Table<sessions::Record>,
    tokens: Table<wire::Token>,
    owner: Table<owner::Record>,
    connections: Table<owner::Connections>,
    #[cfg(feature = "telegram")]
    contacts: Table<contacts::Record>,
    retained: table::Raw,
}

impl Storage {
    /// Opens the data for a daemon: makes what is missing, brings an older format up to date.
    /// Blocks; for the start of the program.
    ///
    /// # Errors
    /// See [`Error`]; nothing was changed.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        Self::open_with(dir, UPGRADES)
    }

    fn open_with(dir: &Path, upgrades: &[Upgrade]) -> Result<Self, Error> {
        make_directory(dir)?;
        let lock = lock(dir)?;
        let env = open_env(dir, MAP_SIZE, MAX_TABLES)?;
        // Slots of readers that were killed keep old pages from being used again.
        env.clear_stale_readers()?;
        let tables = open_tables(&env)?;
        let known = upgrades.len() + 1;
        let mut txn = env.write_txn()?;
        let found = format_of(dir, tables.meta.get(&txn, FORMAT)?)?;
        match found {
            None => tables.meta.put(&mut txn, FORMAT, &known.to_string())?,
            Some(found) if found > known => {
                return Err(Error::Newer { dir: dir.to_owned(), found, known });
            }
            Some(found) => {
                for upgrade in upgrades.iter().skip(found.saturating_sub(1)) {
                    upgrade(&tables, &mut txn)?;
                }
                if found != known {
                    tables.meta.put(&mut txn, FORMAT, &known.to_string())?;
                }
            }
        }
        txn.commit()?;
        Ok(Self { env, tables: Arc::new(tables), _lock: Some(Arc::new(lock)) })
    }

    /// Whether there are data here at all.
    pub fn is_there(dir: &Path) -> bool {
        Self::file(dir).is_file()
    }

    /// The file in which the data of a directory are.
    pub fn file(dir: &Path) -> PathBuf {
        dir.join("data.mdb")
    }

    /// Opens the data beside a daemon that may be running, for tokens.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Older`] where only a daemon may go on.
    pub fn open_shared(dir: &Path) -> Result<Self, Error> {
        make_directory(dir)?;
        let env = open_env(dir, MAP_SIZE, MAX_TABLES)?;
        let tables = open_tables(&env)?;
        let known = UPGRADES.len() + 1;
        let mut txn = env.write_txn()?;
        match format_of(dir, tables.meta.get(&txn, FORMAT)?)? {
            None => tables.meta.put(&mut txn, FORMAT, &known.to_string())?,
            Some(found) if found > known => {
                return Err(Error::Newer { dir: dir.to_owned(), found, known });
            }
            Some(found) if found < known => {
                return Err(Error::Older { dir: dir.to_owned(), found, known });
            }
            Some(_) => {}
        }
        txn.commit()?;
        Ok(Self { env, tables: Arc::new(tables), _lock: None })
    }

    /// Differs after a write, of this process or another.
    pub fn version(&self) -> usize {
        self.env.info().last_txn_id
    }

    /// Writes what is there anyway, to see whether the disk takes it.
    fn touch(&self) -> Result<(), Error> {
        let mut txn = self.env.write_txn()?;
        if let Some(format) = self.tables.meta.get(&txn, FORMAT)?.map(str::to_owned) {
            self.tables.meta.put(&mut txn, FORMAT, &format)?;
        }
        txn.commit()?;
        Ok(())
    }

    /// Everything that is known of the house. A record that cannot be read is a problem in the
    /// result, and logged.
    ///
    /// # Errors
    /// Only when the database itself cannot be read.
    pub fn load(&self) -> Result<Loaded, Error> {
        let txn = self.env.read_txn()?;
        let mut loaded = Loaded::default();
        let problems = &mut loaded.problems;
        self.tables.floors.each(&txn, problems, |floor| loaded.floors.push(floor.into()))?;
        self.tables.areas.each(&txn, problems, |area| loaded.areas.push(area.into()))?;
        self.tables.devices.each(&txn, problems, |device| loaded.devices.push(device.into()))?;
        let (mut entities, mut entries) = (Vec::new(), Vec::new());
        self.tables.entities.each(&txn, problems, |entity| entities.push(entity))?;
        for entity in entities {
            let id = entity.id.clone();
            let entity = match Remembered::try_from(entity) {
                Ok(entity) => entity,
                Err(error) => {
                    problems.push(format!("stored entity `{id}`: {error}"));
                    continue;
                }
            };
            let state = match self.tables.states.at(&txn, &id)? {
                Some(Ok(state)) => LastState::try_from(state).map_err(|error| error.to_string()),
                Some(Err(error)) => Err(error),
                None => {
                    loaded.entities.push((entity, None));
                    continue;
                }
            };
            let state = state.map_err(|error| {
                problems.push(format!("stored state of `{id}`: {error}"));
            });
            loaded.entities.push((entity, state.ok()));
        }
        self.tables.agenda.each(&txn, problems, |entry| entries.push(entry))?;
        self.tables.lists.each(&txn, problems, |list| loaded.lists.push(list.into()))?;
        let mut stored = Vec::new();
        self.tables.rules.each(&txn, problems, |rule| stored.push(rule))?;
        for rule in stored {
            let key = Arc::clone(&rule.key);
            match rule.try_into() {
                Ok(rule) => loaded.rules.rules.push(rule),
                Err(error) => problems.push(format!("stored `{key}`: {error}")),
            }
        }
        self.tables.waiting.each(&txn, problems, |all| loaded.rules.waiting = all.read())?;
        for entry in entries {
            let id = entry.id;
            match automation::Kept::try_from(entry) {
                Ok(entry) => loaded.agenda.push(entry),
                Err(error) => problems.push(format!("stored agenda entry {id}: {error}")),
            }
        }
        for problem in &loaded.problems {
            warn!(error = %problem, "Stored record cannot be read; left out.");
        }
        Ok(loaded)
    }

    /// Where the data are.
    fn dir(&self) -> &Path {
        self.env.path()
    }

    /// The tokens of this data.
    pub fn tokens(&self) -> Tokens {
        Tokens::new(self.clone())
    }

    /// The people of this house.
    pub fn people(&self) -> People {
        People::new(self.clone())
    }

    /// Who has signed in.
    pub fn sessions(&self) -> Sessions {
        Sessions::new(self.clone())
    }

    /// Who of a messenger is whom.
    #[cfg(feature = "telegram")]
    pub fn contacts(&self) -> Contacts {
        Contacts::new(self.clone())
    }

    /// All tables as one text, a line a record; for tests and for looking into it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn dump(&self) -> Result<String, Error> {
        let txn = self.env.read_txn()?;
        let mut text = String::new();
        for entry in self.tables.meta.iter(&txn)? {
            let (name, value) = entry?;
            let _ = writeln!(text, "meta {name} {value}");
        }
        for (name, raw) in self.tables.raw() {
            for entry in raw.iter(&txn)? {
                let (key, value) = entry?;
                let (key, value) = (table::shown(key), table::shown(value));
                let _ = writeln!(text, "{name} {key} {value}");
            }
        }
        Ok(text)
    }

    /// Writes all in one transaction; on the disk when it returns.
    fn write(&self, keeps: &[Keep]) -> Result<(), Error> {
        let mut txn = self.env.write_txn()?;
        for keep in keeps {
            self.tables.put(&mut txn, keep)?;
        }
        txn.commit()?;
        Ok(())
    }
}

impl Tables {
    fn put(&self, txn: &mut RwTxn, keep: &Keep) -> Result<(), Error> {
        match keep {
            Keep::Floor(floor) => {
                self.floors.put(txn, floor.id.as_str(), &wire::Floor::from(floor))
            }
            Keep::Area(area) => self.areas.put(txn, area.id.as_str(), &wire::Area::from(area)),
            Keep::Device(device) => {
                self.devices.put(txn, device.id.as_str(), &wire::Device::from(&**device))
            }
            Keep::Entity(known) => {
                self.entities.put(txn, known.id.as_str(), &wire::Entity::from(&**known))
            }
            Keep::State(id, last) => self.states.put(txn, id.as_str(), &wire::State::new(last)),
            Keep::ForgetFloor(id) => self.floors.remove(txn, id.as_str()),
            Keep::ForgetArea(id) => self.areas.remove(txn, id.as_str()),
            Keep::ForgetDevice(id) => self.devices.remove(txn, id.as_str()),
            Keep::ForgetEntity(id) => {
                self.states.remove(txn, id.as_str())?;
                self.entities.remove(txn, id.as_str())
            }
            Keep::ForgetState(id) => self.states.remove(txn, id.as_str()),
            Keep::Agenda(Record::Entry(entry)) => {
                self.agenda.put(txn, &agenda::key(entry.id), &agenda::Entry::from(&**entry))
            }
            Keep::Agenda(Record::ForgetEntry(id)) => self.agenda.remove(txn, &agenda::key(*id)),
            Keep::Agenda(Record::List(list)) => {
                self.lists.put(txn, &agenda::list_key(list), &agenda::List::from(&**list))
            }
            Keep::Agenda(Record::ForgetList(key)) => self.lists.remove(txn, key),
            Keep::Rule(RuleRecord::Rule(kept)) => {
                self.rules.put(txn, kept.key.as_str(), &rules::Rule::from(&**kept))
            }
            Keep::Rule(RuleRecord::Forget(key)) => self.rules.remove(txn, key.as_str()),
            Keep::Rule(RuleRecord::Waiting(waiting)) => {
                self.waiting.put(txn, rules::ALL, &rules::Waiting::from(waiting.as_slice()))
            }
        }
    }

    fn raw(&self) -> [(&'static str, table::Raw); 13] {
        [
            ("floor", self.floors.raw()),
            ("area", self.areas.raw()),
            ("device", self.devices.raw()),
            ("entity", self.entities.raw()),
            ("state", self.states.raw()),
            ("agenda", self.agenda.raw()),
            ("list", self.lists.raw()),
            ("rule", self.rules.raw()),
            ("waiting", self.waiting.raw()),
            ("person", self.people.raw()),
            ("session", self.sessions.raw()),
            ("token", self.tokens.raw()),
            ("retained", self.retained),
        ]
    }
}

/// Opens an environment of a directory that is ours alone, with room for so many bytes and tables.
#[allow(unsafe_code)]
fn open_env(dir: &Path, map_size: usize, max_tables: u32) -> Result<Env<WithoutTls>, Error> {
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    options.map_size(map_size).max_dbs(max_tables);
    // SAFETY: the map is only sound while nobody but LMDB changes the file. The directory is ours
    // (mode 0700), no flag that relaxes LMDB's own locking is set, and heed refuses to open the
    // same environment twice in one process.
    Ok(unsafe { options.open(dir) }?)
}

fn open_tables(env: &Env<WithoutTls>) -> Result<Tables, Error> {
    let txn = env.write_txn()?;
    let opened = env.create_databases_and_commit(txn, |opener, txn| -> Result<_, heed::Error> {
        let meta = opener.create_database::<Str, Str>(txn, Some("meta"))?;
        let mut raw = |name| opener.create_database(txn, Some(name));
        let places = [raw("floor")?, raw("area")?, raw("device")?];
        let states = [raw("entity")?, raw("state")?];
        let agenda = [raw("agenda")?, raw("list")?, raw("rule")?, raw("waiting")?];
        let people = [raw("person")?, raw("session")?];
        let others = [raw("token")?, raw("retained")?, raw("owner")?, raw("connection")?];
        #[cfg(feature = "telegram")]
        let others = (others, raw("contact")?);
        Ok(CommitOrAbort::<_, ()>::Commit((meta, places, states, agenda, people, others)))
    })?;
    let CommitOrAbort::Commit((meta, places, states, agenda, people, others)) = opened else {
        unreachable!("the closure above only commits")
    };
    let [floors, areas, devices] = places;
    let [entities, states] = states;
    let [agenda, lists, rules, waiting] = agenda;
    let [people, sessions] = people;
    #[cfg(feature = "telegram")]
    let (others, contacts) = others;
    let [tokens, retained, owner, connections] = others;
    Ok(Tables {
        meta,
        floors: Table::new("floor", floors),
        areas: Table::new("area", areas),
        devices: Table::new("device", devices),
        entities: Table::new("entity", entities),
        states: Table::new("state", states),
        agenda: Table::new("agenda", agenda),
        lists: Table::new("list", lists),
        rules: Table::new("rule", rules),
        waiting: Table::new("waiting", waiting),
        people: Table::new("person", people),
        sessions: Table::new("session", sessions),
        tokens: Table::new("token", tokens),
        owner: Table::new("owner", owner),
        connections: Table::new("connection", connections),
        #[cfg(feature = "telegram")]
        contacts: Table::new("contact", contacts),
        retained,
    })
}

/// What is kept of a secret that is random: long enough that nobody can guess it, so one pass is enough.
fn hash(secret: &str) -> String {
    hex(&Sha256::digest(secret))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 0xf)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

fn format_of(dir: &Path, found: Option<&str>) -> Result<Option<usize>, Error> {
    let Some(found) = found else { return Ok(None) };
    let format = found.parse().ok().filter(|format| *format > 0);
    let format =
        format.ok_or_else(|| Error::Format { dir: dir.to_owned(), found: found.to_owned() })?;
    Ok(Some(format))
}

#[cfg(test)]
mod tests;
