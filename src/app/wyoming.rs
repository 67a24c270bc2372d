//! Wyoming: who does what is asked by it, and the satellites of the house.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::listen::Ears;
use super::name::Name;
use super::outgoing::Outgoing;
use super::{speak, supervise, turned};
use crate::config::{self, Config, Stranger};
use crate::home::person::{Means, Rights, Role};
use crate::hub::HubHandle;
use crate::hub::event::{Event, Origin, Place, Problem, Query, ReplyKind, Utterance};
use crate::speech::{ActivityModel, Clip, SILERO};
use crate::wyoming::{
    Announced, Answer, Asked, Circumstances, Engine, Handle, Later, Orders, Satellite, Services,
    Settings, Speak, Station, Transcribe, WakeService, Words, follow, run,
};

/// Where what is announced by zeroconf goes to, in this network alone.
const MULTICAST: &str = "224.0.0.251";
/// The part of Homard that satellites are, in problems.
const SATELLITES: &str = "satellites";

/// What both sides of Wyoming need.
pub(super) struct Setup<'a> {
    pub(super) config: &'a Config,
    pub(super) models: &'a Path,
    pub(super) hub: &'a HubHandle,
    pub(super) ears: Ears,
    pub(super) speak: Speak,
    pub(super) outgoing: &'a Outgoing,
    /// Told when a satellite comes or goes.
    pub(super) changed: Box<dyn Fn() + Send + Sync>,
    pub(super) stop: &'a watch::Receiver<bool>,
}

/// The satellites of the house, not yet followed.
pub(super) fn stations(satellites: &[config::Satellite]) -> Vec<(Station, Orders)> {
    let known = satellites.iter().map(|one| {
        let config::Peer { host, port } = one.peer.clone();
        Satellite { name: one.name.clone(), host, port, area: one.area.clone() }
    });
    known.map(Station::new).collect()
}

/// Starts the server, if the owner wants one, and follows each satellite.
pub(super) fn start(setup: Setup<'_>, stations: Vec<(Station, Orders)>, tasks: &mut JoinSet<()>) {
    let Setup { config, models, hub, ears, speak, outgoing, changed, stop } = setup;
    let transcribe = transcribe(ears.clone(), hub);
    let services = |rights: Rights| Services {
        transcribe: Arc::clone(&transcribe),
        speak: Arc::clone(&speak),
        handle: handle(hub.by(rights)),
        languages: super::spoken(&config.home),
    };
    if let Some(listen) = config.wyoming.listen {
        let role = match config.wyoming.role {
            Stranger::Guest => Role::Guest,
            Stranger::Child => Role::Child,
            Stranger::Adult => Role::Adult,
        };
        let (services, stopping) = (services(Rights::of(role)), stop.clone());
        let settings = Settings { name: config.home.name.clone() };
        if !listen.ip().is_loopback() {
            outgoing.note(MULTICAST, Some(5353), "zeroconf", "");
        }
        tasks.spawn(supervise::keep("wyoming", hub.clone(), stop.clone(), move || {
            let (settings, services, stopping) =
                (settings.clone(), services.clone(), stopping.clone());
            async move {
                let listener = TcpListener::bind(listen).await?;
                let announced = Announced::start(&settings.name, listener.local_addr()?);
                let _announced = announced.unwrap_or_else(|error| {
                    warn!(%error, "Wyoming is served and not announced.");
                    None
                });
                run(listener, settings, services, turned(stopping)).await
            }
        }));
    }
    if stations.is_empty() {
        return;
    }
    let (tell, told) = mpsc::channel(64);
    tasks.spawn(report(told, hub.clone(), changed));
    let outgoing = outgoing.clone();
    let wake = Name::open(&config.voice, models, &ears).inspect_err(|error| {
        debug!(error = format!("{error:#}"), "Satellites wake by themselves.")
    });
    let circumstances = Circumstances {
        wake: wake.ok().map(wake_service),
        // Anybody in the room may speak, as to a microphone of this machine.
        services: services(Rights::of(Role::Adult)),
        activity: ActivityModel::open(&models.join(SILERO)),
        manner: speak::manner(&config.voice),
        note: Arc::new(move |satellite| {
            outgoing.note(&satellite.host, Some(satellite.port), "satellite", &satellite.name);
        }),
        tell: Arc::new(move |satellite, why| {
            // Told again when it changes again.
            let _ = tell.try_send((satellite.name.clone(), why));
        }),
    };
    for (station, orders) in stations {
        let (circumstances, stopping) = (circumstances.clone(), stop.clone());
        let orders = Arc::new(tokio::sync::Mutex::new(orders));
        tasks.spawn(supervise::keep(SATELLITES, hub.clone(), stop.clone(), move || {
            let (circumstances, stopping) = (circumstances.clone(), stopping.clone());
            let (station, orders) = (station.clone(), Arc::clone(&orders));
            async move {
                let mut orders = orders.lock().await;
                follow(station.satellite(), &mut orders, &circumstances, turned(stopping)).await;
                Ok::<(), std::convert::Infallible>(())
            }
        }));
    }
}

/// The house's name, for satellites that leave it to Homard to notice it.
fn wake_service(name: Name) -> WakeService {
    let (detector, sure) = (name.clone(), name.clone());
    WakeService {
        name: name.word().into(),
        detector: Arc::new(move || detector.detector()),
        is_called: Arc::new(move |clip, score| -> Later<_> {
            let name = sure.clone();
            Box::pin(async move { name.is_in(clip, score).await })
        }),
    }
}

/// Keeps the house told of the satellites that are not there.
async fn report(
    mut told: mpsc::Receiver<(String, Option<String>)>,
    hub: HubHandle,
    changed: Box<dyn Fn() + Send + Sync>,
) {
    let mut absent = BTreeMap::new();
    while let Some((name, why)) = told.recv().await {
        changed();
        let is_news = match why {
            Some(why) => absent.insert(name, why.clone()).as_ref() != Some(&why),
            None => absent.remove(&name).is_some(),
        };
        if !is_news {
            continue;
        }
        let place = Place::Part(SATELLITES);
        let problems = absent.iter().map(|(name, why)| {
            let text = format!("the satellite `{name}`: {why}");
            Event::ProblemFound(Problem { place: place.clone(), producer: None, text })
        });
        let solved = Event::ProblemSolved { place: place.clone() };
        if hub.send(std::iter::once(solved).chain(problems).collect()).await.is_err() {
            return;
        }
    }
}

/// An engine of the owner's.
pub(super) fn engine(peer: &config::Peer) -> Engine {
    Engine { host: peer.host.clone(), port: peer.port }
}

/// The house's ears.
fn transcribe(ears: Ears, hub: &HubHandle) -> Transcribe {
    let hub = hub.clone();
    Arc::new(move |clip: Clip, language: Option<String>| -> Later<_> {
        let (ears, hub) = (ears.clone(), hub.clone());
        Box::pin(async move {
            let heard = ears.words(clip, language, hub.read(crate::web::hint)).await;
            let heard = heard.map_err(|error| error.to_string())?;
            Ok(Words { text: heard.text, others: heard.others, language: heard.language })
        })
    })
}

/// Asks the house, with the rights of this handle.
fn handle(hub: HubHandle) -> Handle {
    Arc::new(move |asked: Asked| -> Later<_> {
        let hub = hub.clone();
        Box::pin(async move {
            let Asked { text, others, language, area, conversation } = asked;
            let origin = Origin { area, conversation, means: Means::Spoken, ..Origin::default() };
            let utterance = Utterance { text, others, language, origin };
            let reply = hub.ask(|answer| Query::Hear(utterance, answer)).await;
            let reply = reply.map_err(|error| error.to_string())?;
            Ok(Answer {
                is_understood: reply.kind != ReplyKind::Error("no_intent_match"),
                text: reply.text,
                language: reply.language,
                conversation: reply.conversation,
                continues: reply.continues,
            })
        })
    })
}
