//! The daemon as its owner sees it in the panel ([`web::Daemon`]): what was decided and what of it holds already, a broker
//! tried out, a restart, models fetched, the log, the connections. It wires; what is right is decided in `config`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tracing::{Level, info, warn};

use super::certificate::Certificate;
use super::journal::Journal;
use super::languages::Speech;
use super::outgoing::Outgoing;
#[cfg(feature = "model")]
use super::thinking::Unfit;
use super::{ears, mqtt_broker, newer, spoken, web_settings};
use crate::automation::Calendar;
use crate::board::Board;
use crate::catalog::{Catalog, Presence, Step, Store};
use crate::clock::Clock;
use crate::config::{Config, Outside, Owner};
#[cfg(feature = "model")]
use crate::config::{OutsideModel, Talker};
#[cfg(feature = "telegram")]
use crate::home::id::PersonId;
use crate::hub::HubHandle;
use crate::hub::event::Event;
#[cfg(feature = "model")]
use crate::llm::ModelError;
use crate::mqtt::{self, Passage};
use crate::storage::sealed::Key;
use crate::storage::{Connection, Storage, backup};
use crate::update::{Programs, Version};
use crate::web::{
    self, About, BrokerState, Daemon, Held, LogLine, ModelLine, NoPull, Pull, Unreached,
};

/// How long a broker that is tried may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// What the answer that a restart begins gets on its way.
const BEFORE_RESTART: Duration = Duration::from_millis(300);

/// What the steward is made of.
pub(super) struct Setup {
    pub(super) storage: Storage,
    pub(super) clock: Clock,
    /// As it stands in the file.
    pub(super) file: Config,
    /// What the owner decided so far.
    pub(super) owner: Owner,
    /// What the browser's settings also hold.
    pub(super) setup_code: Option<String>,
    pub(super) data_dir: PathBuf,
    pub(super) models: PathBuf,
    pub(super) journal: Journal,
    pub(super) outgoing: Outgoing,
    pub(super) broker: Arc<Mutex<BrokerState>>,
    pub(super) broker_words: String,
    pub(super) listen: String,
    pub(super) certificate: Option<Certificate>,
    pub(super) hub: HubHandle,
    pub(super) speech: Speech,
    #[cfg(feature = "model")]
    pub(super) minds: super::minds::Minds,
    pub(super) restart: watch::Sender<bool>,
    pub(super) is_demo: bool,
    /// Which bot of Telegram.
    #[cfg(feature = "telegram")]
    pub(super) bot: watch::Sender<Option<crate::telegram::Settings>>,
    /// How it is with it.
    #[cfg(feature = "telegram")]
    pub(super) bot_state: watch::Receiver<crate::telegram::State>,
}

/// See the module.
pub(super) struct Steward {
    setup: Setup,
    /// With which the daemon runs.
    started_with: Config,
    started_at: Timestamp,
    runtime: Handle,
    owner: Mutex<Owner>,
    pulls: Arc<Mutex<BTreeMap<String, Pull>>>,
    looked: Arc<Mutex<Looked>>,
}

/// What came of asking for a newer program.
#[derive(Default)]
struct Looked {
    is_busy: bool,
    found: Option<Version>,
    problem: Option<String>,
}

impl Steward {
    /// To be called within the runtime.
    pub(super) fn new(setup: Setup) -> Self {
        let owner = setup.owner.clone();
        Self {
            started_with: setup.file.clone().with(&owner),
            started_at: setup.clock.now(),
            runtime: Handle::current(),
            owner: Mutex::new(owner),
            pulls: Arc::default(),
            looked: Arc::default(),
            setup,
        }
    }

    /// What the pages show now.
    pub(super) fn settings(&self) -> web::Settings {
        self.shown(&self.config(&lock(&self.owner)))
    }

    /// What holds after the next start if the owner decides this.
    fn config(&self, owner: &Owner) -> Config {
        self.setup.file.clone().with(owner)
    }

    fn shown(&self, config: &Config) -> web::Settings {
        let setup_code = self.setup.setup_code.clone();
        // The clock of the house is set at its start.
        let time_zone = self.started_with.home.zone_name().to_owned();
        let is_tls = self.started_with.http.tls.is_some();
        web::Settings { setup_code, time_zone, is_tls, ..web_settings(&config.home) }
    }

    /// Lets what was decided hold, as far as it can without a restart.
    fn apply(&self, before: &Config, now: &Config) {
        if before.home.languages != now.home.languages || before.home.language != now.home.language
        {
            self.setup.speech.speak(spoken(&now.home));
        }
        if before.home.position != now.home.position {
            let place = ears::place(&now.home);
            if let Some(place) = place {
                self.setup.speech.stand_at(place);
            }
            let zone = self.started_with.home.time_zone.clone();
            let (hub, events) =
                (self.setup.hub.clone(), vec![Event::CalendarSet(Calendar { zone, place })]);
            self.runtime.spawn(async move {
                // A hub that is gone needs no calendar.
                let _ = hub.send(events).await;
            });
        }
    }

    #[cfg(feature = "model")]
    fn apply_talker(&self, before: &Config, now: &Config) {
        let (before, now) = (&before.model, &now.model);
        let is_another = before.outside != now.outside;
        if is_another {
            self.setup.minds.turn_to(now);
        }
        if before.talk != now.talk || (is_another && now.talk == Some(Talker::Outside)) {
            self.setup.minds.talk_to(now.talk.as_ref());
        }
    }

    #[cfg(feature = "telegram")]
    fn apply_bot(&self, now: &Config) {
        let settings = super::telegram::settings(now);
        self.setup.bot.send_if_modified(|bot| {
            let is_new = *bot != settings;
            *bot = settings;
            is_new
        });
    }

    /// The programs beside the one that was installed.
    fn programs(&self) -> Programs {
        Programs::new(&self.setup.data_dir, self.started_with.update.key.clone())
    }

    fn needs_restart(&self, config: &Config) -> bool {
        let with = &self.started_with;
        config.http != with.http
            || config.mqtt.broker != with.mqtt.broker
            || config.home.time_zone != with.home.time_zone
    }
}

impl Daemon for Steward {
    fn held(&self) -> Held {
        let owner = lock(&self.owner).clone();
        let config = self.config(&owner);
        let settings = Arc::new(self.shown(&config));
        let needs_restart = self.needs_restart(&config);
        Held { owner, config, settings, needs_restart }
    }

    fn decide(&self, owner: Owner) -> Result<Held, String> {
        self.setup.storage.keep_owner(&owner).map_err(|error| error.to_string())?;
        let before = std::mem::replace(&mut *lock(&self.owner), owner);
        let held = self.held();
        self.apply(&self.config(&before), &held.config);
        #[cfg(feature = "model")]
        self.apply_talker(&self.config(&before), &held.config);
        #[cfg(feature = "telegram")]
        self.apply_bot(&held.config);
        Ok(held)
    }

    fn try_broker(&self, broker: Outside) -> web::Trial {
        let settings = mqtt_broker::settings(&self.started_with.mqtt, &broker);
        let outgoing = self.setup.outgoing.clone();
        Box::pin(async move {
            let settings = settings
                .map_err(|error| Unreached { code: "certificate", text: format!("{error:#}") })?;
            let host = settings.host.clone();
            let noted = move || outgoing.note(&host, Some(broker.port), "broker_trial", "");
            // It may wait for the disk.
            let _ = tokio::task::spawn_blocking(noted).await;
            let version = mqtt::try_out(settings, PATIENCE).await;
            version
                .map(str::to_owned)
                .map_err(|mqtt::Trouble { code, text }| Unreached { code, text })
        })
    }

    #[cfg(feature = "model")]
    fn try_talker(&self, talker: Talker) -> web::ModelTrial {
        let minds = self.setup.minds.clone();
        Box::pin(async move {
            minds.try_out(&talker).await.map_err(|unfit| {
                let code = match &unfit {
                    Unfit::Absent(_) => "no_such_model",
                    Unfit::TooLarge { .. } | Unfit::Model(ModelError::NoRoom { .. }) => "too_large",
                    Unfit::Model(_) => "bad_model",
                };
                Unreached { code, text: unfit.to_string() }
            })
        })
    }

    #[cfg(feature = "model")]
    fn try_outside(&self, model: OutsideModel) -> web::ModelTrial {
        let minds = self.setup.minds.clone();
        Box::pin(async move {
            let tried = minds.try_outside(model).await;
            tried.map_err(|error| Unreached { code: "no_model_server", text: error.to_string() })
        })
    }

    fn restart(&self) {
        let restart = self.setup.restart.clone();
        self.runtime.spawn(async move {
            tokio::time::sleep(BEFORE_RESTART).await;
            restart.send_replace(true);
        });
    }

    fn languages(&self) -> Vec<String> {
        self.setup.speech.there()
    }

    fn models(&self) -> Vec<ModelLine> {
        let Ok(catalog) = Catalog::built_in() else { return Vec::new() };
        let store = Store::new(&self.setup.models);
        let pulls = lock(&self.pulls).clone();
        let line = |model: crate::catalog::Model| {
            let n_files = model.files.len();
            let n_there = match store.presence(&model) {
                Presence::Whole => n_files,
                Presence::Partial(n) => n,
                Presence::Absent => 0,
            };
            ModelLine {
                size: model.size(),
                pull: pulls.get(&model.name).cloned(),
                files: (n_there, n_files),
                name: model.name,
                kind: model.kind,
                about: model.about,
                license: model.license,
                memory_mib: model.memory_mib,
                needs: model.needs,
            }
        };
        catalog.models.into_iter().map(line).collect()
    }

    fn pull(&self, name: &str) -> Result<(), NoPull> {
        let catalog = Catalog::built_in().map_err(|_| NoPull::Unknown)?;
        let model = catalog.model(name).ok_or(NoPull::Unknown)?.clone();
        if model.needs.is_some() {
            return Err(NoPull::NotUsable);
        }
        {
            let mut pulls = lock(&self.pulls);
            if pulls.values().any(|pull| matches!(pull, Pull::Running { .. })) {
                return Err(NoPull::Busy);
            }
            let begun = Pull::Running { what: String::new(), done: 0, total: None };
            pulls.insert(name.to_owned(), begun);
        }
        let (store, pulls) = (Store::new(&self.setup.models), Arc::clone(&self.pulls));
        let outgoing = self.setup.outgoing.clone();
        // It ends by itself, or with the daemon; what was begun is gone on with then.
        drop(self.runtime.spawn_blocking(move || {
            info!(model = %model.name, "A model is fetched.");
            let mut show = |step: Step<'_>| {
                if let Some(from) = step.from {
                    outgoing.note(from, None, "model", &model.name);
                }
                let what = step.what.to_owned();
                let running = Pull::Running { what, done: step.done, total: step.total };
                lock(&pulls).insert(model.name.clone(), running);
            };
            match store.pull(&model, &mut show) {
                Ok(_) => {
                    info!(model = %model.name, "A model was fetched.");
                    lock(&pulls).remove(&model.name);
                }
                Err(error) => {
                    warn!(model = %model.name, %error, "A model could not be fetched.");
                    lock(&pulls).insert(model.name.clone(), Pull::Failed(error.to_string()));
                }
            }
        }));
        Ok(())
    }

    fn log(&self, least: Level, most: usize) -> Vec<LogLine> {
        self.setup.journal.lines(least, most)
    }

    fn connections(&self) -> Vec<Connection> {
        self.setup.outgoing.all()
    }

    fn about(&self) -> About {
        let dir = &self.setup.data_dir;
        let disk = rustix::fs::statvfs(dir).ok().map(|disk| {
            let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
            (bytes(disk.f_bavail), bytes(disk.f_blocks))
        });
        About {
            started_at: self.started_at,
            data_dir: dir.clone(),
            data_bytes: size_of(dir, 4),
            disk,
            memory: memory(&Board::here()),
            listen: self.setup.listen.clone(),
            certificate: self.setup.certificate.as_ref().map(Certificate::about),
            broker: self.setup.broker_words.clone(),
            broker_state: lock(&self.setup.broker).clone(),
            has_speech: cfg!(feature = "speech"),
            is_demo: self.setup.is_demo,
        }
    }

    fn incoming(&self) -> PathBuf {
        backup::incoming(&self.setup.data_dir)
    }

    fn restore(&self, passphrase: Option<String>) -> Result<String, String> {
        let key = passphrase.map(Key::Passphrase);
        let ready = backup::ready(&self.incoming(), &self.setup.data_dir, key.as_ref());
        ready.map(|manifest| manifest.made_at).map_err(|error| error.to_string())
    }

    fn updates(&self) -> web::Updates {
        let (programs, update) = (self.programs(), &self.started_with.update);
        let standing = programs.standing();
        let looked = lock(&self.looked);
        web::Updates {
            is_allowed: update.url.is_some() && update.key.is_some(),
            is_busy: looked.is_busy,
            found: looked.found.map(|version| version.to_string()),
            is_newer: looked.found.is_some_and(|version| version > programs.newest()),
            problem: looked.problem.clone(),
            wanted: standing.wanted.map(|version| version.to_string()),
            refused: standing.refused.map(|version| version.to_string()),
        }
    }

    fn look_for_update(&self, fetch: bool) -> bool {
        if std::mem::replace(&mut lock(&self.looked).is_busy, true) {
            return false;
        }
        let (programs, update) = (self.programs(), self.started_with.update.clone());
        let (outgoing, looked) = (self.setup.outgoing.clone(), Arc::clone(&self.looked));
        // It ends by itself, or with the daemon; what was fetched in part is thrown away by the next one.
        drop(self.runtime.spawn_blocking(move || {
            let note = move |host: &str, what: &str| newer::noted(&outgoing, host, what);
            let found = match fetch {
                true => newer::fetch(&update, &programs, &note),
                false => newer::look(&update, &note),
            };
            let mut looked = lock(&looked);
            looked.is_busy = false;
            match found {
                Ok(release) => {
                    (looked.found, looked.problem) = (Some(release.version), None);
                }
                Err(error) => {
                    warn!(%error, "No newer program.");
                    looked.problem = Some(error.to_string());
                }
            }
        }));
        true
    }

    #[cfg(feature = "telegram")]
    fn bot(&self) -> web::Bot {
        use crate::telegram::State;
        let state = match self.setup.bot_state.borrow().clone() {
            State::Off => web::BotState::Off,
            State::Trying => web::BotState::Trying,
            State::Online(name) => web::BotState::Online(name),
            State::Lost(since, word, why) => web::BotState::Lost(since, word, why),
            State::Refused(code, why) => web::BotState::Refused(code, why),
        };
        let contacts = self.setup.storage.contacts();
        let waiting = contacts.waiting(self.setup.clock.now()).unwrap_or_default();
        let (all, groups) = (contacts.all(), contacts.groups());
        (state, waiting, all.unwrap_or_default(), groups.unwrap_or_default())
    }

    #[cfg(feature = "telegram")]
    fn pair(&self, code: &str, person: &PersonId) -> Result<bool, String> {
        let told = |error: crate::storage::Error| error.to_string();
        if self.setup.storage.people().person(person).map_err(told)?.is_none() {
            return Ok(false);
        }
        let now = self.setup.clock.now();
        let paired = self.setup.storage.contacts().approve(code, person, now).map_err(told)?;
        Ok(paired.is_some())
    }

    #[cfg(feature = "telegram")]
    fn unpair(&self, chat: i64) -> Result<bool, String> {
        let contacts = self.setup.storage.contacts();
        // Numbers of groups are negative.
        let removed = if chat < 0 { contacts.remove_group(chat) } else { contacts.remove(chat) };
        removed.map_err(|error| error.to_string())
    }
}

/// What the house has taken, what models may take, what there is.
fn memory(board: &Board) -> Option<(u64, u64, u64)> {
    let budget = board.budget()?;
    Some((board.resident()?, budget.models, budget.total))
}

/// Notes what becomes of connections to the broker.
pub(super) fn witness(
    outside: &Outside,
    state: Arc<Mutex<BrokerState>>,
    outgoing: Outgoing,
    clock: Clock,
) -> mqtt::Witness {
    let (host, port) = (outside.host.clone(), outside.port);
    Arc::new(move |passage| {
        let now = clock.now();
        let mut state = lock(&state);
        match passage {
            Passage::Trying => {
                let (outgoing, host) = (outgoing.clone(), host.clone());
                // It may wait for the disk.
                drop(tokio::task::spawn_blocking(move || {
                    outgoing.note(&host, Some(port), "broker", "");
                }));
            }
            Passage::Connected => *state = BrokerState::Connected(now),
            Passage::Lost(why) => {
                let since = match &*state {
                    BrokerState::Lost(since, _) => *since,
                    BrokerState::Unknown | BrokerState::Connected(_) => now,
                };
                *state = BrokerState::Lost(since, (*why).to_owned());
            }
        }
    })
}

/// Bytes of all files below a folder, no deeper than so many levels; links are not followed.
fn size_of(folder: &Path, depth: usize) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() && depth > 0 => size_of(&entry.path(), depth - 1),
        Ok(found) if found.is_file() => {
            use std::os::unix::fs::MetadataExt;
            // What it takes on the disk: databases have holes.
            found.blocks() * 512
        }
        Ok(_) | Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

/// A panic while one of these locks was held leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
