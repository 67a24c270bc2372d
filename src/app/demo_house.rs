//! The demo's owner: enters floors, rooms and other names, as a person would, and then lets the
//! simulated devices live.

use std::collections::BTreeMap;
use std::convert::Infallible;

use tokio::sync::{broadcast::error::RecvError, watch};
use tracing::warn;

use super::mqtt_broker::Reached;
use crate::config::Config;
use crate::demo::{self, ALIASES, FLOORS, ROOMS, Settings};
use crate::home::EntityEdit;
use crate::home::id::{AreaId, FloorId};
use crate::home::place::{Area, Floor};
use crate::hub::HubHandle;
use crate::hub::event::Query;
use crate::text::slug;

/// Lives until `stop` turns true.
pub(super) async fn live(
    settings: Settings,
    hub: HubHandle,
    stop: watch::Receiver<bool>,
) -> Result<(), Infallible> {
    // Rooms first: devices only propose the rooms they stand in, by name.
    enter_places(&hub).await;
    tokio::join!(demo::run(settings, stop.clone()), async {
        let mut stop = stop;
        tokio::select! {
            () = enter_names(&hub) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    });
    Ok(())
}

/// Enters what is not there yet; what was changed since stays.
async fn enter_places(hub: &HubHandle) {
    for floor in FLOORS {
        let id = FloorId::new(&slug(floor.name));
        if hub.read(|home| home.floor(id.as_str()).is_some()) {
            continue;
        }
        let floor = Floor {
            id,
            name: floor.name.to_owned(),
            aliases: owned(floor.aliases),
            level: Some(floor.level),
        };
        let answer = hub.ask(|reply| Query::PutFloor(floor, reply)).await;
        if !matches!(answer, Ok(Ok(()))) {
            warn!("A floor of the demo could not be entered.");
        }
    }
    for room in ROOMS {
        let id = AreaId::new(&slug(room.name));
        if hub.read(|home| home.area(id.as_str()).is_some()) {
            continue;
        }
        let area = Area {
            id,
            name: room.name.to_owned(),
            aliases: owned(room.aliases),
            floor: room.floor.map(|name| FloorId::new(&slug(name))),
        };
        let answer = hub.ask(|reply| Query::PutArea(area, reply)).await;
        if !matches!(answer, Ok(Ok(()))) {
            warn!("A room of the demo could not be entered.");
        }
    }
}

/// Enters other names of entities, once these are known.
async fn enter_names(hub: &HubHandle) {
    let mut shown = hub.watch();
    let mut missing: BTreeMap<&str, &[&str]> = ALIASES.iter().copied().collect();
    loop {
        let known: Vec<(&str, bool)> = hub.read(|home| {
            let entity = |id: &&'static str| {
                let entity = home.entity(id)?;
                Some((*id, entity.given.aliases.is_empty()))
            };
            missing.keys().copied().collect::<Vec<_>>().iter().filter_map(entity).collect()
        });
        for (id, has_none) in known {
            let Some(aliases) = missing.remove(id).filter(|_| has_none) else { continue };
            let Some(id) = hub.read(|home| Some(home.entity(id)?.id.clone())) else { continue };
            let edit = EntityEdit { aliases: Some(owned(aliases)), ..EntityEdit::default() };
            let answer = hub.ask(|reply| Query::EditEntity(id, edit, reply)).await;
            if !matches!(answer, Ok(Ok(()))) {
                warn!("Other names of the demo could not be entered.");
            }
        }
        if missing.is_empty() {
            return;
        }
        match shown.recv().await {
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// How the simulated house is reached.
pub(super) fn settings(config: &Config, reached: &Reached) -> demo::Settings {
    demo::Settings {
        host: reached.outside.host.clone(),
        port: reached.outside.port,
        prefix: config.mqtt.discovery_prefix.clone(),
        status_topic: config.mqtt.status_topic.clone(),
        leaves_no_trace: !reached.is_ours,
        seed: u64::from(std::process::id()),
    }
}
