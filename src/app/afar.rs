//! The language model on another machine, where the owner chose one: each call is noted as a connection of the house, is
//! over in time, and is not tried again and again while nobody answers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tracing::{debug, info, warn};

use super::outgoing::Outgoing;
use crate::config::{ModelProtocol, OutsideModel};
use crate::llm::{ModelError, Outside, Protocol, Role, Turn};

/// Who did not answer is not asked again for so long: whoever speaks hears at once that nobody understood.
const REST: Duration = Duration::from_secs(30);
/// A thread that has not come back so long after it should have is waited for no more.
const GRACE: Duration = Duration::from_secs(1);

/// One that is tried may have to be loaded by its server first.
const TRIAL: Duration = Duration::from_secs(20);
/// What one that is tried is asked: nothing of the house, and nothing that anybody said.
const QUESTION: &str = "Are you there? Answer with one word: yes or no.";
const ANSWERS: [&str; 2] = ["yes", "no"];

/// See the module. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Afar(Arc<Inner>);

struct Inner {
    model: Outside,
    config: OutsideModel,
    outgoing: Outgoing,
    /// Why it did not answer, and when.
    trouble: Mutex<Option<(Instant, String)>>,
}

impl Afar {
    /// Nothing is sent before somebody asks.
    pub(super) fn new(config: OutsideModel, outgoing: Outgoing) -> Self {
        let protocol = match config.protocol {
            ModelProtocol::OpenAi => Protocol::OpenAi,
            ModelProtocol::Ollama => Protocol::Ollama,
        };
        let key = config.key.as_ref().map(|key| key.expose());
        let model = Outside::new(&config.url, &config.name, key, protocol);
        Self(Arc::new(Inner { model, config, outgoing, trouble: Mutex::default() }))
    }

    /// Asks it something, for so long; `None` where it does not answer as it should.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        within: Duration,
        work: impl FnOnce(&Outside, Duration) -> Result<T, ModelError> + Send + 'static,
    ) -> Option<T> {
        if self.is_resting() {
            return None;
        }
        let answer = self.asked(within, work).await;
        match &answer {
            // It is there, and did not know.
            Err(error @ ModelError::NotOffered) => debug!(%error, "It is not asked again."),
            answer => self.note(answer.as_ref().err()),
        }
        answer.ok()
    }

    /// Asks it something that nobody said, to see whether it answers as a model does, wisely or not.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub(super) async fn try_out(&self) -> Result<(), ModelError> {
        let turns = [Turn { role: Role::Person, text: QUESTION }];
        let asked = self.asked(TRIAL, move |model, within| model.choose(&turns, &ANSWERS, within));
        match asked.await {
            Ok(_) | Err(ModelError::NotOffered) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// One question, which is on the page of connections before it is sent.
    async fn asked<T: Send + 'static>(
        &self,
        within: Duration,
        work: impl FnOnce(&Outside, Duration) -> Result<T, ModelError> + Send + 'static,
    ) -> Result<T, ModelError> {
        let inner = Arc::clone(&self.0);
        let asked = tokio::task::spawn_blocking(move || {
            let (host, port) = inner.config.machine();
            // It may wait for the disk, and it is written before anything is sent.
            inner.outgoing.note(host, Some(port), "language_model", &inner.config.name);
            work(&inner.model, within)
        });
        match timeout(within + GRACE, asked).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(ModelError::Stopped),
        }
    }

    fn is_resting(&self) -> bool {
        let trouble = self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.as_ref().is_some_and(|(at, _)| at.elapsed() < REST)
    }

    /// Keeps what went wrong, and tells it once.
    fn note(&self, error: Option<&ModelError>) {
        let (host, _) = self.0.config.machine();
        let mut trouble = self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match (error, &*trouble) {
            (None, None) => {}
            (None, Some(_)) => {
                info!(host, "The language model on another machine answers again.");
                *trouble = None;
            }
            (Some(error), known) => {
                let text = error.to_string();
                if known.as_ref().is_none_or(|(_, why)| *why != text) {
                    warn!(host, %error, "Nobody is asked about what was not understood.");
                }
                *trouble = Some((Instant::now(), text));
            }
        }
    }
}
