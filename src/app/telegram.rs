//! The bot of Telegram: which one, and who does what is asked by it.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::outgoing::Outgoing;
use super::{supervise, turned};
use crate::clock::Clock;
use crate::config::Config;
use crate::hub::HubHandle;
use crate::storage::Storage;
use crate::telegram::{self, Heard, Listen, Settings, State};
use crate::web::{self, Recording};

/// What the bot needs of the daemon.
pub(super) struct Setup<'a> {
    pub(super) settings: watch::Receiver<Option<Settings>>,
    pub(super) state: watch::Sender<State>,
    pub(super) config: &'a Config,
    pub(super) hub: &'a HubHandle,
    pub(super) storage: &'a Storage,
    pub(super) clock: &'a Clock,
    pub(super) ears: web::Listen,
    pub(super) outgoing: &'a Outgoing,
    pub(super) stop: &'a watch::Receiver<bool>,
}

/// Which bot is configured.
pub(super) fn settings(config: &Config) -> Option<Settings> {
    let token = config.telegram.token.clone()?;
    Some(Settings::new(token, config.telegram.api_url.clone()))
}

/// Starts the port. Without a bot it waits for one.
pub(super) fn start(setup: Setup<'_>, tasks: &mut JoinSet<()>) {
    let Setup { settings, state, config, hub, storage, clock, ears, outgoing, stop } = setup;
    let outgoing = outgoing.clone();
    let setup = telegram::Setup {
        settings,
        hub: hub.clone(),
        contacts: storage.contacts(),
        people: storage.people(),
        clock: clock.clone(),
        languages: super::spoken(&config.home),
        listen: listen(ears, hub.clone()),
        note: Arc::new(move |host| {
            let (outgoing, host) = (outgoing.clone(), host.to_owned());
            // It may wait for the disk.
            drop(tokio::task::spawn_blocking(move || outgoing.note(&host, None, "telegram", "")));
        }),
        state,
    };
    let stopping = stop.clone();
    tasks.spawn(supervise::keep("telegram", hub.clone(), stop.clone(), move || {
        let (setup, stopping) = (setup.clone(), stopping.clone());
        async move { telegram::run(setup, turned(stopping)).await }
    }));
}

/// The house's own ears.
fn listen(ears: web::Listen, hub: HubHandle) -> Listen {
    Arc::new(move |bytes, language| {
        let hint = hub.read(web::hint);
        let heard = ears(Recording { bytes: bytes.into(), language, hint });
        Box::pin(async move {
            let heard = heard.await.map_err(|error| error.to_string())?;
            Ok(Heard { text: heard.text, others: heard.others, language: heard.language })
        })
    })
}
