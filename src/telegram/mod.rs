//! The house in your pocket: a bot of Telegram. The port owns the Bot API; no chat id and no token leave it but for the
//! disk. What is said is the hub's to understand and to allow, with the rights of the person who is paired; whoever is not
//! gets a code and nothing else.
//!
//! Long polling, so that no port of the house is open. An update is noted on the disk as begun before anything is done for
//! it, and as done after that; what was begun when the power went is asked about and never done twice.

mod api;
mod buttons;
mod command;
mod late;
mod meet;
mod pace;
mod picture;
mod poll;
mod press;
mod talk;
mod tell;
mod update;
mod view;
mod words;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::config::Secret;
use crate::home::person::{Person, Rights};
use crate::hub::HubHandle;
use crate::hub::event::{Cause, Said};
use crate::storage::{Contact, Contacts, People};
use crate::text::Likely;

use self::api::{Api, Me};
use self::buttons::Buttons;
use self::view::Views;
use self::words::Words;

pub use self::api::Unusable;

/// Which bot, and how it is reached.
#[derive(Clone, PartialEq)]
pub struct Settings {
    /// Its token.
    pub token: Secret,
    /// The server of the Bot API, without a slash at its end.
    pub api_url: String,
    /// How long a poll waits for something; Telegram holds the line for so long.
    pub poll: Duration,
    /// So much later a poll that was not answered has stalled.
    pub grace: Duration,
}

impl Settings {
    /// With the times that do for the real Telegram.
    pub fn new(token: Secret, api_url: String) -> Self {
        Self { token, api_url, poll: Duration::from_secs(50), grace: Duration::from_secs(15) }
    }
}

/// A recording's words, and the language they are in.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// The words.
    pub text: String,
    /// What else it may have been.
    pub others: Vec<Likely>,
    /// The language.
    pub language: String,
}

/// Listens to a recording in a language: its words, or why there are none, in English.
pub type Listen = Arc<
    dyn Fn(Vec<u8>, Option<String>) -> Pin<Box<dyn Future<Output = Result<Heard, String>> + Send>>
        + Send
        + Sync,
>;

/// What the port needs. Cheap to clone.
#[derive(Clone)]
pub struct Setup {
    /// Which bot; none is none. It may be changed at any time.
    pub settings: watch::Receiver<Option<Settings>>,
    /// The house.
    pub hub: HubHandle,
    /// Who is whom.
    pub contacts: Contacts,
    /// The people of the house.
    pub people: People,
    /// The time of day.
    pub clock: Clock,
    /// The home's languages, its own first.
    pub languages: Vec<String>,
    /// Who listens to recordings.
    pub listen: Listen,
    /// Told before a connection is made: to whom.
    pub note: Arc<dyn Fn(&str) + Send + Sync>,
    /// Told how it is.
    pub state: watch::Sender<State>,
}

/// Whether something is said to whoever asked for it in their chat, and not aloud.
pub fn is_private(said: &Said) -> bool {
    said.cause == Cause::Reminder && talk::of_conversation(&said.reply.conversation).is_some()
}

/// How it is with the bot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum State {
    /// There is none.
    #[default]
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

/// Runs until `shutdown` is done.
///
/// # Errors
/// [`Unusable`] when there is no client for that address.
pub async fn run(setup: Setup, shutdown: impl Future<Output = ()>) -> Result<(), Unusable> {
    tokio::pin!(shutdown);
    let mut settings = setup.settings.clone();
    loop {
        let now = settings.borrow_and_update().clone();
        let changed = async {
            // Without its sender nothing changes any more.
            if settings.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let Some(now) = now else {
            setup.state.send_replace(State::Off);
            tokio::select! {
                () = &mut shutdown => return Ok(()),
                () = changed => continue,
            }
        };
        tokio::select! {
            () = &mut shutdown => return Ok(()),
            () = changed => {}
            ended = poll::serve(&setup, now) => ended?,
        }
    }
}

/// What all parts of the port share while it serves one bot.
struct Bot {
    api: Api,
    /// Who it is, once Telegram has said so.
    me: OnceLock<Me>,
    setup: Setup,
    buttons: Mutex<Buttons>,
    views: Mutex<Views>,
}

/// Somebody who may talk to the house, as they are now.
#[derive(Debug, Clone)]
struct Speaker {
    contact: Contact,
    person: Person,
    rights: Rights,
    language: String,
}

/// Before Telegram has said who the bot is.
static NOBODY: Me = Me { id: 0, username: String::new() };

impl Bot {
    fn me(&self) -> &Me {
        self.me.get().unwrap_or(&NOBODY)
    }

    /// Who this user is now; `None` for a stranger, and for somebody who is not of this house any more.
    async fn speaker(&self, user: i64, language: Option<&str>) -> Option<Speaker> {
        let (contacts, people) = (self.setup.contacts.clone(), self.setup.people.clone());
        let found = aside(move || {
            let contact = contacts.find(user).ok().flatten()?;
            let person = people.person(&contact.person).ok().flatten()?;
            Some((contact, person))
        });
        let (contact, person) = found.await.flatten()?;
        let language = self.language(person.language.as_deref().or(language));
        Some(Speaker { rights: person.rights(), contact, person, language })
    }

    /// The home's language that is nearest to a wished one.
    fn language(&self, wished: Option<&str>) -> String {
        let languages = &self.setup.languages;
        let base = |tag: &str| tag.split(['-', '_']).next().unwrap_or(tag).to_lowercase();
        let known = wished.and_then(|wished| {
            let exact = languages.iter().find(|one| one.eq_ignore_ascii_case(wished));
            exact.or_else(|| languages.iter().find(|one| base(one) == base(wished)))
        });
        known.or(languages.first()).cloned().unwrap_or_else(|| "en".to_owned())
    }

    fn words(&self, language: &str) -> &'static Words {
        Words::of(language)
    }

    fn buttons(&self) -> MutexGuard<'_, Buttons> {
        self.buttons.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn views(&self) -> MutexGuard<'_, Views> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does what may wait for the disk where that is no harm.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}
