//! A daemon that is only played: it keeps what is decided in memory, and does nothing.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use homard::config::{Config, Outside, Owner};
use homard::storage::Connection;
use homard::web::{
    About, BrokerState, Daemon, Held, LogLine, ModelLine, NoPull, Settings, Trial, Unreached,
};
use jiff::Timestamp;
use tracing::Level;

pub(crate) struct Played {
    settings: Settings,
    owner: Mutex<Owner>,
}

impl Played {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { settings: settings.clone(), owner: Mutex::default() }
    }
}

impl Daemon for Played {
    fn held(&self) -> Held {
        let owner = self.owner.lock().unwrap().clone();
        let config = Config::new().with(&owner);
        let name = owner.name.clone().unwrap_or_else(|| self.settings.name.clone());
        let settings = Arc::new(Settings { name, ..self.settings.clone() });
        Held { owner, config, settings, needs_restart: false }
    }

    fn decide(&self, owner: Owner) -> Result<Held, String> {
        *self.owner.lock().unwrap() = owner;
        Ok(self.held())
    }

    fn try_broker(&self, _: Outside) -> Trial {
        let nobody = Unreached { code: "nobody", text: "nobody listens there".to_owned() };
        Box::pin(std::future::ready(Err(nobody)))
    }

    #[cfg(feature = "model")]
    fn try_talker(&self, _: homard::config::Talker) -> homard::web::ModelTrial {
        Box::pin(std::future::ready(Ok(())))
    }

    #[cfg(feature = "model")]
    fn try_outside(&self, _: homard::config::OutsideModel) -> homard::web::ModelTrial {
        Box::pin(std::future::ready(Ok(())))
    }

    fn restart(&self) {}

    fn languages(&self) -> Vec<String> {
        vec!["en".to_owned(), "fr".to_owned()]
    }

    fn models(&self) -> Vec<ModelLine> {
        Vec::new()
    }

    fn pull(&self, _: &str) -> Result<(), NoPull> {
        Err(NoPull::Unknown)
    }

    fn log(&self, _: Level, _: usize) -> Vec<LogLine> {
        Vec::new()
    }

    fn connections(&self) -> Vec<Connection> {
        Vec::new()
    }

    fn about(&self) -> About {
        About {
            started_at: Timestamp::UNIX_EPOCH,
            data_dir: PathBuf::from("played"),
            data_bytes: 0,
            disk: None,
            memory: None,
            listen: String::new(),
            certificate: None,
            broker: String::new(),
            broker_state: BrokerState::Unknown,
            has_speech: false,
            is_demo: false,
        }
    }

    fn incoming(&self) -> PathBuf {
        std::env::temp_dir().join("homard-played-restore")
    }

    fn restore(&self, _: Option<String>) -> Result<String, String> {
        Err("it is only played".to_owned())
    }

    fn updates(&self) -> homard::web::Updates {
        homard::web::Updates::default()
    }

    fn look_for_update(&self, _: bool) -> bool {
        false
    }

    #[cfg(feature = "telegram")]
    fn bot(&self) -> homard::web::Bot {
        (homard::web::BotState::Off, Vec::new(), Vec::new(), Vec::new())
    }

    #[cfg(feature = "telegram")]
    fn pair(&self, _: &str, _: &homard::home::id::PersonId) -> Result<bool, String> {
        Ok(false)
    }

    #[cfg(feature = "telegram")]
    fn unpair(&self, _: i64) -> Result<bool, String> {
        Ok(false)
    }
}
