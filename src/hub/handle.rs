//! The way to the hub for everything above it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use tokio::sync::{broadcast, mpsc, oneshot};

use super::event::{Event, Query, Showing};
use super::{Input, read};
use crate::home::Home;
use crate::home::person::Rights;

/// The hub has stopped; there is nobody to take this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Homard is stopping")]
pub struct Stopped;

/// The way to the hub: `send`, `read`, `ask`, `watch` and `by`, and no more. Cheap to clone. Whatever is
/// asked by it is held against its rights, so a port is given a handle that may do no more than whoever
/// may come in there unknown.
#[derive(Clone)]
pub struct HubHandle {
    home: Arc<RwLock<Home>>,
    inputs: mpsc::Sender<Input>,
    shown: broadcast::Sender<Arc<Showing>>,
    n_registry_changes: Arc<AtomicU64>,
    by: Arc<Rights>,
}

impl HubHandle {
    pub(super) fn new(
        home: Arc<RwLock<Home>>,
        inputs: mpsc::Sender<Input>,
        shown: broadcast::Sender<Arc<Showing>>,
        n_registry_changes: Arc<AtomicU64>,
    ) -> Self {
        Self { home, inputs, shown, n_registry_changes, by: Arc::new(Rights::all()) }
    }

    /// The same way for somebody: what is asked by it may do as much as they may.
    pub fn by(&self, rights: Rights) -> Self {
        Self { by: Arc::new(rights), ..self.clone() }
    }

    /// Tells the hub what happened, in order. Give what is there in one batch, up to about a
    /// thousand: the house is locked once a batch. Waits when the hub is behind, so that a port
    /// reads no faster than the house can think.
    ///
    /// # Errors
    /// [`Stopped`]; the events are lost.
    pub async fn send(&self, events: Vec<Event>) -> Result<(), Stopped> {
        if events.is_empty() {
            return Ok(());
        }
        self.inputs.send(Input::Events(events)).await.map_err(|_| Stopped)
    }

    /// Reads the house, as far as the handle's rights let it be seen. Keep it short: the house stands
    /// still meanwhile.
    pub fn read<T>(&self, f: impl FnOnce(&Home) -> T) -> T {
        let home = read(&self.home);
        match home.seen_by(&self.by) {
            None => f(&home),
            Some(seen) => {
                drop(home);
                f(&seen)
            }
        }
    }

    /// How often what there is in the house (not how it is) has changed since the start. Who reads
    /// the house first and follows it later sees by it whether they missed something in between.
    pub fn n_registry_changes(&self) -> u64 {
        self.n_registry_changes.load(Ordering::Acquire)
    }

    /// Asks and waits for the answer: `hub.ask(Query::Problems).await`.
    ///
    /// # Errors
    /// [`Stopped`]; what was asked for may have been done all the same.
    pub async fn ask<T>(
        &self,
        query: impl FnOnce(oneshot::Sender<T>) -> Query,
    ) -> Result<T, Stopped> {
        let (reply, answer) = oneshot::channel();
        self.inputs
            .send(Input::Query(Arc::clone(&self.by), query(reply)))
            .await
            .map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }

    /// Everything shown from now on, in order. The hub waits a moment for who is far behind. Who
    /// stays behind loses the oldest showings and is told so
    /// ([`broadcast::error::RecvError::Lagged`]); then read the house anew.
    pub fn watch(&self) -> broadcast::Receiver<Arc<Showing>> {
        self.shown.subscribe()
    }
}
