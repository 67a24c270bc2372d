//! The daemon as its owner sees it in the panel: what only the program that wires everything can say and do. Owns the
//! questions, not their answers; `app` gives those, and tests.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use jiff::Timestamp;
use tracing::Level;

use super::Settings;
use crate::config::{Config, Outside, Owner};
#[cfg(feature = "model")]
use crate::config::{OutsideModel, Talker};
#[cfg(feature = "telegram")]
use crate::home::id::PersonId;
use crate::storage::Connection;
#[cfg(feature = "telegram")]
use crate::storage::{Contact, Group, Waiting};

/// What the owner asks of the daemon. What may take longer than a moment says so, and is called where that is no harm.
pub trait Daemon: Send + Sync {
    /// What was decided, and by whom.
    fn held(&self) -> Held;

    /// Keeps what the owner decided now; on the disk when it returns. Takes as long as the disk.
    ///
    /// # Errors
    /// When it could not be written; then nothing was changed.
    fn decide(&self, owner: Owner) -> Result<Held, String>;

    /// Tries whether a broker can be used, for ten seconds at most: the version of MQTT that it speaks.
    fn try_broker(&self, broker: Outside) -> Trial;

    /// Loads a model that is to answer what is not about the house, within seconds; it answers once that is decided.
    #[cfg(feature = "model")]
    fn try_talker(&self, talker: Talker) -> ModelTrial;

    /// Asks a model on another machine something that nobody said, and waits for its answer as long as for any.
    #[cfg(feature = "model")]
    fn try_outside(&self, model: OutsideModel) -> ModelTrial;

    /// Ends the daemon in good order, a moment later, and starts it again.
    fn restart(&self);

    /// Codes of the languages for which there are sentences on this machine.
    fn languages(&self) -> Vec<String>;

    /// The models of the catalogue. Takes as long as the disk.
    fn models(&self) -> Vec<ModelLine>;

    /// Begins to fetch a model beside everything else.
    ///
    /// # Errors
    /// Why not.
    fn pull(&self, name: &str) -> Result<(), NoPull>;

    /// The last lines of the log that are at least so grave, the oldest first.
    fn log(&self, least: Level, most: usize) -> Vec<LogLine>;

    /// The connections to other machines that were made, the oldest first.
    fn connections(&self) -> Vec<Connection>;

    /// What runs here. Takes as long as the disk.
    fn about(&self) -> About;

    /// Where a backup is put as it comes.
    fn incoming(&self) -> PathBuf;

    /// Looks at the backup that lies there, and readies it for the next start: when it was made. Takes as long as the disk.
    ///
    /// # Errors
    /// Why it cannot be put back.
    fn restore(&self, passphrase: Option<String>) -> Result<String, String>;

    /// How it is with newer programs. Takes as long as the disk.
    fn updates(&self) -> Updates;

    /// Begins to ask for a newer program where the owner has said, and to fetch it if `fetch`; false while that is under way.
    fn look_for_update(&self, fetch: bool) -> bool;

    /// The bot of Telegram, and who talks to the house by it. Takes as long as the disk.
    #[cfg(feature = "telegram")]
    fn bot(&self) -> Bot;

    /// Lets in who has this code, as this person; whether there are both.
    ///
    /// # Errors
    /// When it could not be written.
    #[cfg(feature = "telegram")]
    fn pair(&self, code: &str, person: &PersonId) -> Result<bool, String>;

    /// Forgets a person's chat or a group; whether there was one.
    ///
    /// # Errors
    /// When it could not be written.
    #[cfg(feature = "telegram")]
    fn unpair(&self, chat: i64) -> Result<bool, String>;
}

/// How the bot is, who asks to be let in, who is, and groups.
#[cfg(feature = "telegram")]
pub type Bot = (BotState, Vec<Waiting>, Vec<Contact>, Vec<Group>);

/// How it is with the bot.
#[cfg(feature = "telegram")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BotState {
    /// There is none.
    Off,
    /// Telegram was not reached yet.
    Trying,
    /// It listens, under this name.
    Online(String),
    /// Telegram is not reached since then: a word, and why.
    Lost(Timestamp, &'static str, String),
    /// Only its owner can mend it: a word, and why.
    Refused(&'static str, String),
}

/// The future of [`Daemon::try_broker`].
pub type Trial = Pin<Box<dyn Future<Output = Result<String, Unreached>> + Send>>;

/// The future of [`Daemon::try_talker`] and [`Daemon::try_outside`].
#[cfg(feature = "model")]
pub type ModelTrial = Pin<Box<dyn Future<Output = Result<(), Unreached>> + Send>>;

/// Why a broker or a model cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreached {
    /// Its word, for those who say it in another language.
    pub code: &'static str,
    /// In plain words.
    pub text: String,
}

/// What was decided, and by whom.
#[derive(Clone)]
pub struct Held {
    /// What the owner decided in the panel.
    pub owner: Owner,
    /// What holds after the next start: the file, and the owner where it says nothing.
    pub config: Config,
    /// What the pages show by now.
    pub settings: Arc<Settings>,
    /// Something of it takes effect only after a restart.
    pub needs_restart: bool,
}

/// A model as it is listed.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelLine {
    /// By which it is asked for.
    pub name: String,
    /// What it is for, in a word or two.
    pub kind: String,
    /// What it is, in a line.
    pub about: String,
    /// Its licence or licences.
    pub license: String,
    /// Bytes on the disk.
    pub size: u64,
    /// MiB of memory in use, about.
    pub memory_mib: u32,
    /// What is missing before it is of use.
    pub needs: Option<String>,
    /// Files that are there and right, and all.
    pub files: (usize, usize),
    /// How fetching it goes.
    pub pull: Option<Pull>,
}

/// How fetching a model goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pull {
    /// It is under way: what is fetched, bytes of it that are there, and of all where that is known.
    Running {
        /// A file or a package.
        what: String,
        /// Bytes.
        done: u64,
        /// Bytes.
        total: Option<u64>,
    },
    /// It did not work out.
    Failed(String),
}

/// Why a model is not fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPull {
    /// No model is called so.
    Unknown,
    /// One is being fetched.
    Busy,
    /// It cannot be used yet.
    NotUsable,
}

/// How it is with newer programs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Updates {
    /// The owner has said where to ask, and whom to trust.
    pub is_allowed: bool,
    /// Somebody is being asked, or a program is being fetched.
    pub is_busy: bool,
    /// What was found when it was asked last.
    pub found: Option<String>,
    /// What was found is newer than what is here.
    pub is_newer: bool,
    /// Why nothing was found or fetched.
    pub problem: Option<String>,
    /// The version that is tried at the next start.
    pub wanted: Option<String>,
    /// The version that was tried last and did not answer.
    pub refused: Option<String>,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When.
    pub at: Timestamp,
    /// How grave.
    pub level: Level,
    /// Who says it, `mqtt::connection`.
    pub module: String,
    /// The sentence and its fields.
    pub text: String,
}

/// What runs here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Since when.
    pub started_at: Timestamp,
    /// Where the house is remembered.
    pub data_dir: PathBuf,
    /// Bytes that the house takes there.
    pub data_bytes: u64,
    /// Bytes that are free there, and all; `None` where the system does not say.
    pub disk: Option<(u64, u64)>,
    /// Bytes of memory: what the house has taken, what models may take, what there is; `None` where the system does not say.
    pub memory: Option<(u64, u64, u64)>,
    /// Where the panel and the API listen.
    pub listen: String,
    /// The certificate with which they do.
    pub certificate: Option<Certificate>,
    /// Which broker is used, in words.
    pub broker: String,
    /// How it is with the broker.
    pub broker_state: BrokerState,
    /// Speech recognition was built in.
    pub has_speech: bool,
    /// The house is simulated.
    pub is_demo: bool,
}

/// The certificate of the panel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Homard made it.
    pub is_own: bool,
    /// SHA-256, in pairs of hexadecimal digits with colons, as browsers show it.
    pub fingerprint: String,
    /// Until when one of our own making is good.
    pub until: Option<Timestamp>,
}

/// How it is with the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokerState {
    /// Nothing was heard of it yet.
    Unknown,
    /// There is a connection, since then.
    Connected(Timestamp),
    /// There is none, since then and why.
    Lost(Timestamp, String),
}
