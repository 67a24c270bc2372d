//! Way 3: what nobody understood is shown to the language model, which says which of the needs that this house can do
//! something about it may be. It never acts: what it says is asked of the person. What is not about the house is answered
//! by a model in words of its own, where the owner chose one for it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::debug;

use super::memory::Holder;
use crate::assistant::SURE;
use crate::catalog::Catalog;
use crate::llm::{Chooser, Model, ModelError, Patience, Role, Thinker, Turn};

/// The chooser of [`MODEL`], made by `tests/needs`.
const CHOOSER: &[u8] = include_bytes!("../../models/needs/smollm2-135m.chooser");
/// The model of the catalogue that it belongs to.
const MODEL: &str = "smollm2-135m";
/// A person who was not understood waits no longer than this to hear it.
const WITHIN: Duration = Duration::from_secs(4);
/// Utterances that are thought about at a time.
const AT_ONCE: usize = 8;
/// Who asked something that is not about the house waits no longer than this.
const CHAT_WITHIN: Duration = Duration::from_secs(15);
/// Tokens of an answer: two sentences.
const MOST_TOKENS: usize = 64;
/// Bytes of a question: nobody asks more at once.
const LONGEST: usize = 600;
/// What a model is told to be. The same for everybody, so that it is read once.
const MANNER: &str = "You are a friendly voice at home. Answer in one or two short sentences of plain words, in the language \
                      of the question. You cannot do anything and know nothing of this house.";

/// The model, for the ear. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Mind {
    thinker: Thinker,
    chooser: Arc<Chooser>,
    room: Arc<Semaphore>,
    within: Duration,
    /// Where what is read before each utterance is kept.
    kept: PathBuf,
}

/// A model that answers what is not about the house. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Company {
    thinker: Thinker,
    room: Arc<Semaphore>,
    within: Duration,
}

impl Company {
    /// The model of this name in the folder of models, or in the file of this path. Nothing is loaded before it is needed;
    /// what is wrong with the file is said then.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn open(name: &str, models: &Path) -> Result<Self, String> {
        let known =
            Catalog::built_in().ok().and_then(|catalog| catalog.path(name).map(PathBuf::from));
        let path = known.map_or_else(|| PathBuf::from(name), |file| models.join(file));
        if !path.is_file() {
            let hint = format!(
                "there is no model `{name}`; `homard models list` names those that can be had"
            );
            return Err(hint);
        }
        let thinker =
            Thinker::start(path, Patience::default()).map_err(|error| error.to_string())?;
        Ok(Self { thinker, room: Arc::new(Semaphore::new(AT_ONCE)), within: CHAT_WITHIN })
    }

    /// Room to think about one more utterance.
    pub(crate) fn room(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).try_acquire_owned().ok()
    }

    /// A few sentences about something; `None` where the model has none in time.
    pub(crate) async fn answer(&self, text: String) -> Option<String> {
        let cut = text.floor_char_boundary(LONGEST);
        let text = text.get(..cut).unwrap_or_default().to_owned();
        let written = self.thinker.ask(self.within, move |session, stop| {
            let turns = [
                Turn { role: Role::System, text: MANNER },
                Turn { role: Role::Person, text: &text },
            ];
            let prompt = session.model.prompt(&turns, true)?;
            let tokens = session.write(&prompt, MOST_TOKENS, stop, |_| true)?;
            Ok(session.model.tokenizer.decode(&tokens))
        });
        written.await.inspect_err(|error| debug!(%error, "The model said nothing.")).ok()
    }
}

/// The chooser that was trained above a model, if one was.
pub(crate) fn chooser(model: &Model) -> Option<Chooser> {
    Chooser::parse(CHOOSER).ok().filter(|chooser| chooser.fits(model))
}

impl Mind {
    /// With the model in this folder; `None` where there is none. Nothing is loaded before it is needed.
    pub(crate) fn open(models: &Path) -> Option<Self> {
        let catalog = Catalog::built_in().ok()?;
        let path = models.join(catalog.path(MODEL)?);
        if !path.exists() {
            return None;
        }
        let chooser = Chooser::parse(CHOOSER).ok()?;
        // Of this file alone: weights of another size have read it otherwise.
        let size = path.metadata().map_or(0, |file| file.len());
        let kept = path.with_file_name(format!("read-before-{size}.kv"));
        let thinker = Thinker::start(path, Patience::default()).ok()?;
        let room = Arc::new(Semaphore::new(AT_ONCE));
        Some(Self { thinker, chooser: Arc::new(chooser), room, within: WITHIN, kept })
    }

    /// One for which it does not matter how busy the machine is.
    pub(crate) fn patient(self) -> Self {
        Self { within: WITHIN * 60, ..self }
    }

    /// What it holds of the board's memory.
    pub(super) fn holder(&self) -> Option<Holder> {
        let mib = Catalog::built_in().ok()?.model(MODEL)?.memory_mib;
        let (asked, told) = (self.thinker.clone(), self.thinker.clone());
        Some(Holder {
            name: "the language model",
            bytes: u64::from(mib) << 20,
            is_loaded: Box::new(move || asked.is_loaded()),
            give_back: Box::new(move || told.give_back()),
        })
    }

    /// Room to think about one more utterance.
    pub(crate) fn room(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).try_acquire_owned().ok()
    }

    /// Which of these needs an utterance is about, and how likely that is; `None` when it is about none, or nobody knows
    /// in time.
    pub(crate) async fn need(
        &self,
        text: String,
        needs: Vec<&'static str>,
    ) -> Option<(&'static str, f64)> {
        let chooser = Arc::clone(&self.chooser);
        let kept = self.kept.clone();
        let weighed = self.thinker.ask(self.within, move |session, stop| {
            if !chooser.fits(&session.model) {
                return Err(ModelError::NotKnown("the chooser's model".to_owned()));
            }
            session.prepare(&chooser.lens, &kept, stop)?;
            let features = session.look(&chooser.lens, &text, stop)?;
            Ok(chooser.weigh(&features))
        });
        let weighed = weighed.await.inspect_err(|error| debug!(%error, "Nothing came to mind."));
        let weighed = weighed.ok()?.into_iter().enumerate();
        let (at, share) = weighed.reduce(|best, next| if next.1 > best.1 { next } else { best })?;
        let label = self.chooser.labels.get(at)?;
        let need = needs.into_iter().find(|need| need == label)?;
        (share >= SURE).then_some((need, share))
    }
}
