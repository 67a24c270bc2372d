//! Way 3: what nobody understood is shown to the language model, which says which of the needs that this house can do
//! something about it may be. It never acts: what it says is asked of the person.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::debug;

use crate::assistant::SURE;
use crate::catalog::Catalog;
use crate::llm::{Chooser, Model, ModelError, Patience, Thinker};

/// The chooser of [`MODEL`], made by `tests/needs`.
const CHOOSER: &[u8] = include_bytes!("../../models/needs/smollm2-135m.chooser");
/// The model of the catalogue that it belongs to.
const MODEL: &str = "smollm2-135m";
/// A person who was not understood waits no longer than this to hear it.
const WITHIN: Duration = Duration::from_secs(4);
/// Utterances that are thought about at a time.
const AT_ONCE: usize = 8;

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
