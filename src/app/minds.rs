//! Who is asked about what the assistant does not understand, as the owner chose it; who answers what is not about the
//! house may be another while it runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use tracing::{info, warn};

use super::afar::Afar;
use super::memory::{Holder, Keeper};
use super::outgoing::Outgoing;
use super::thinking::{Company, Mind, Unfit};
use crate::board::Board;
use crate::config::{self, OutsideModel, Talker};
use crate::llm::ModelError;

/// Clones share what was chosen.
#[derive(Clone, Default)]
pub(crate) struct Minds(Arc<Mutex<Asked>>);

/// What one of them holds of the board's memory, whoever they are now.
type Held = fn(&Minds) -> Option<Holder>;

#[derive(Default)]
struct Asked {
    mind: Option<Mind>,
    company: Option<Company>,
    afar: Option<Afar>,
    around: Option<Around>,
    /// Who answers next, as soon as that is decided.
    tried: Option<(Talker, Company)>,
}

/// What they are made with.
#[derive(Clone)]
struct Around {
    models: PathBuf,
    outgoing: Outgoing,
    keeper: Keeper,
}

impl Minds {
    /// Only somebody who says what an utterance may be about.
    pub(crate) fn only(mind: Option<Mind>) -> Self {
        Self(Arc::new(Mutex::new(Asked { mind, ..Asked::default() })))
    }

    /// Those of the configuration, with the models of this folder.
    pub(super) fn open(
        model: &config::Model,
        models: &Path,
        outgoing: &Outgoing,
        keeper: &Keeper,
    ) -> Self {
        let (models, outgoing, keeper) = (models.to_owned(), outgoing.clone(), keeper.clone());
        let around = Some(Around { models, outgoing, keeper });
        let minds = Self(Arc::new(Mutex::new(Asked { around, ..Asked::default() })));
        minds.turn_to(model);
        minds.talk_to(model.talk.as_ref());
        minds
    }

    /// Asks who is to be asked by this configuration from now on, on this board or on another machine.
    pub(super) fn turn_to(&self, model: &config::Model) {
        let around = self.asked().around.clone();
        if let Some(Around { models, outgoing, keeper }) = around {
            let afar = model.outside.clone().map(|outside| Afar::new(outside, outgoing));
            let mind = model.ask.then(|| match &afar {
                Some(afar) => Some(Mind::afar(afar.clone())),
                None => Mind::open(&models, keeper),
            });
            let mut asked = self.asked();
            (asked.mind, asked.afar) = (mind.flatten(), afar);
        }
    }

    /// Who says what an utterance may be about.
    pub(crate) fn mind(&self) -> Option<Mind> {
        self.asked().mind.clone()
    }

    /// Who answers what is not about the house.
    pub(crate) fn company(&self) -> Option<Company> {
        self.asked().company.clone()
    }

    /// Loads who is to answer what is not about the house, and has them ready for [`Minds::talk_to`]. Who answers until
    /// then stays, and only makes room.
    ///
    /// # Errors
    /// Why they cannot.
    pub(super) async fn try_out(&self, talker: &Talker) -> Result<(), Unfit> {
        let minds = self.clone();
        let wanted = talker.clone();
        let made = tokio::task::spawn_blocking(move || minds.make(&wanted)).await;
        let company = made.map_err(|_| Unfit::Absent(talker.name().to_owned()))??;
        company.load(&Board::here()).await?;
        self.asked().tried = Some((talker.clone(), company));
        Ok(())
    }

    /// Asks a model on another machine something that nobody said.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub(super) async fn try_outside(&self, outside: OutsideModel) -> Result<(), ModelError> {
        let outgoing = self.asked().around.as_ref().map(|around| around.outgoing.clone());
        let outgoing = outgoing.ok_or(ModelError::NotInstalled)?;
        Afar::new(outside, outgoing).try_out().await
    }

    /// Has somebody answer what is not about the house, or nobody.
    pub(super) fn talk_to(&self, talker: Option<&Talker>) {
        let tried = self.asked().tried.take();
        let company = talker.and_then(|talker| match tried {
            Some((tried, company)) if tried == *talker => Some(company),
            _ => self.make(talker).inspect_err(|error| warn!("[model] talk: {error}.")).ok(),
        });
        if let Some(talker) = talker.filter(|_| company.is_some()) {
            info!(model = talker.name(), "What is not about the house is answered.");
        }
        self.asked().company = company;
    }

    fn make(&self, talker: &Talker) -> Result<Company, Unfit> {
        let (afar, around) = {
            let asked = self.asked();
            (asked.afar.clone(), asked.around.clone())
        };
        let absent = || Unfit::Absent(talker.name().to_owned());
        match talker {
            Talker::Outside => afar.map(Company::afar).ok_or_else(absent),
            Talker::Here(name) => {
                let Around { models, keeper, .. } = around.ok_or_else(absent)?;
                Company::open(name, &models, keeper)
            }
        }
    }

    /// What they hold of the board's memory, whoever they are; what is to be missed first stands first.
    pub(super) fn holders(&self) -> impl Iterator<Item = Holder> + use<> {
        let company: Held = |minds| minds.company().as_ref().and_then(Company::holder);
        let mind: Held = |minds| minds.mind().as_ref().and_then(Mind::holder);
        let all = [("the model for small talk", company), ("the language model", mind)];
        let minds = self.clone();
        all.into_iter().map(move |(name, held)| minds.holder(name, held))
    }

    fn holder(&self, name: &'static str, held: Held) -> Holder {
        let (sized, asked, told) = (self.clone(), self.clone(), self.clone());
        Holder {
            name,
            bytes: Box::new(move || held(&sized).map_or(0, |held| (held.bytes)())),
            is_loaded: Box::new(move || held(&asked).is_some_and(|held| (held.is_loaded)())),
            // Nobody has nothing to give back, and has done so.
            give_back: Box::new(move || {
                held(&told).map_or_else(|| mpsc::sync_channel(0).1, |held| (held.give_back)())
            }),
        }
    }

    /// A panic while it was held leaves nothing half done.
    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
