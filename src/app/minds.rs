//! Who is asked about what the assistant does not understand, as the owner chose it.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::warn;

use super::afar::Afar;
use super::memory::{Holder, Keeper};
use super::outgoing::Outgoing;
use super::thinking::{Company, Mind};
use crate::config::{self, Talker};

/// Clones share what was chosen.
#[derive(Clone, Default)]
pub(crate) struct Minds(Arc<Mutex<Asked>>);

#[derive(Default)]
struct Asked {
    mind: Option<Mind>,
    company: Option<Company>,
}

impl Minds {
    /// Only somebody who says what an utterance may be about.
    pub(crate) fn only(mind: Option<Mind>) -> Self {
        Self(Arc::new(Mutex::new(Asked { mind, company: None })))
    }

    /// Those of the configuration, with the models of this folder.
    pub(super) fn open(
        model: &config::Model,
        models: &Path,
        outgoing: &Outgoing,
        keeper: &Keeper,
    ) -> Self {
        let afar = model.outside.clone().map(|outside| Afar::new(outside, outgoing.clone()));
        let mind = model.ask.then(|| match &afar {
            Some(afar) => Some(Mind::afar(afar.clone())),
            None => Mind::open(models, keeper.clone()),
        });
        let company = match &model.talk {
            None => None,
            Some(Talker::Outside) => afar.map(Company::afar),
            Some(Talker::Here(name)) => Company::open(name, models, keeper.clone())
                .inspect_err(|error| warn!("[model] talk: {error}."))
                .ok(),
        };
        Self(Arc::new(Mutex::new(Asked { mind: mind.flatten(), company })))
    }

    /// Who says what an utterance may be about.
    pub(crate) fn mind(&self) -> Option<Mind> {
        self.asked().mind.clone()
    }

    /// Who answers what is not about the house.
    pub(crate) fn company(&self) -> Option<Company> {
        self.asked().company.clone()
    }

    /// What they hold of the board's memory; what is to be missed first stands first.
    pub(super) fn holders(&self) -> Vec<Holder> {
        let asked = self.asked();
        let talks = asked.company.as_ref().and_then(Company::holder);
        talks.into_iter().chain(asked.mind.as_ref().and_then(Mind::holder)).collect()
    }

    /// A panic while it was held leaves nothing half done.
    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
