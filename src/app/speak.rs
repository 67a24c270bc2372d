//! Speaking: whose voice the house has, and where in it something is heard. Replies go to where it was asked; what the
//! house says by itself goes to the room it is for, or everywhere.

use std::sync::Arc;

use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::outgoing::Outgoing;
use super::wyoming::engine;
use crate::config::{Peer, Speaking};
use crate::home::Home;
use crate::home::id::AreaId;
use crate::home::target;
use crate::hub::HubHandle;
use crate::hub::event::{Cause, Said, Shown};
use crate::speech::{Espeak, Loudspeaker, Manner, VoiceError, sentences};
use crate::wyoming::{Later, Speak, Station};

/// Announcements that are being said; more are not.
const AT_ONCE: usize = 16;

/// The voice of the house: espeak-ng, or the owner's own engine, and espeak-ng where that does not answer.
pub(super) fn voice(tts: Option<&Peer>, outgoing: &Outgoing) -> Speak {
    let espeak = Espeak::default();
    let engine = tts.map(engine);
    let outgoing = outgoing.clone();
    Arc::new(move |piece: String, manner: Manner| -> Later<_> {
        let (espeak, engine, outgoing) = (espeak.clone(), engine.clone(), outgoing.clone());
        Box::pin(async move {
            let mut manner = manner;
            if let Some(engine) = engine {
                outgoing.note(&engine.host, Some(engine.port), "tts", "");
                match engine.speak(&piece, &manner).await {
                    Ok(sound) => return Ok(sound),
                    Err(error) => warn!(%error, "Homard speaks with espeak-ng for now."),
                }
                // Its voices are none of espeak-ng's.
                manner.voice = None;
            }
            espeak.say(&piece, &manner).await
        })
    })
}

/// How the house speaks where only the language is known.
pub(super) fn manner(speaking: &Speaking) -> Manner {
    let (voice, volume) = (speaking.voice.clone(), speaking.volume);
    Manner { language: String::new(), voice, volume }
}

/// Everything in the house that can speak. Cheap to clone.
#[derive(Clone)]
pub(super) struct Mouths(Arc<Inner>);

struct Inner {
    speak: Speak,
    manner: Manner,
    /// This machine's own, and the room in which it is heard.
    loudspeaker: Option<(Loudspeaker, Option<String>)>,
    stations: Vec<Station>,
}

impl Mouths {
    /// The loudspeaker of this machine, if the owner names one, and the satellites.
    pub(super) fn new(speaking: &Speaking, speak: Speak, stations: Vec<Station>) -> Self {
        let device =
            speaking.speaker.clone().map(|name| Some(name).filter(|name| name != "default"));
        let loudspeaker = device.and_then(|device| {
            Loudspeaker::start(device)
                .inspect_err(|error| warn!(%error, "There is no thread for the loudspeaker."))
                .ok()
        });
        let loudspeaker = loudspeaker.map(|one| (one, speaking.area.clone()));
        Self(Arc::new(Inner { speak, manner: manner(speaking), loudspeaker, stations }))
    }

    /// Whether there is anything that speaks.
    pub(super) fn is_empty(&self) -> bool {
        self.0.loudspeaker.is_none() && self.0.stations.is_empty()
    }

    /// The rooms in which something can speak now, by the names that their owner gave them.
    pub(super) fn rooms(&self) -> Vec<String> {
        let here = self.0.loudspeaker.iter().filter_map(|(_, area)| area.clone());
        let near = self.0.stations.iter().filter(|station| station.is_there());
        here.chain(near.filter_map(|station| station.satellite().area.clone())).collect()
    }

    /// Says a text in a room, or everywhere; in how many places it was heard.
    pub(super) async fn say(
        &self,
        area: Option<&AreaId>,
        text: &str,
        language: &str,
        hub: &HubHandle,
    ) -> usize {
        let is_wanted = |place: Option<&str>| match area {
            None => true,
            Some(area) => hub.read(|home| is_in(place, area, home)),
        };
        let mut said = JoinSet::new();
        if let Some((loudspeaker, place)) = &self.0.loudspeaker
            && is_wanted(place.as_deref())
        {
            let (mouths, loudspeaker) = (self.clone(), loudspeaker.clone());
            let (text, language) = (text.to_owned(), language.to_owned());
            said.spawn(async move { mouths.aloud(&loudspeaker, &text, &language).await });
        }
        for station in &self.0.stations {
            if is_wanted(station.satellite().area.as_deref()) {
                let (station, text, language) =
                    (station.clone(), text.to_owned(), language.to_owned());
                said.spawn(async move { station.say(&text, &language).await });
            }
        }
        let mut n_places = 0;
        while let Some(heard) = said.join_next().await {
            n_places += usize::from(heard.unwrap_or_default());
        }
        n_places
    }

    /// By this machine's loudspeaker, the next sentence made while one is heard.
    async fn aloud(&self, loudspeaker: &Loudspeaker, text: &str, language: &str) -> bool {
        let mut last = None;
        for piece in sentences(text, language) {
            let manner = Manner { language: language.to_owned(), ..self.0.manner.clone() };
            match (self.0.speak)(piece, manner).await {
                Ok(sound) => last = Some(loudspeaker.play(sound)),
                Err(error) => {
                    complain(&error);
                    return false;
                }
            }
        }
        let Some(last) = last else { return true };
        match last.await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                warn!(%error, "Something was not said.");
                false
            }
            Err(_) => false,
        }
    }
}

fn complain(error: &VoiceError) {
    warn!(%error, "Something was not said.");
}

/// Whether what stands in `place`, by whatever name its owner gave that, is in this room.
fn is_in(place: Option<&str>, area: &AreaId, home: &Home) -> bool {
    place.and_then(|place| target::area_named(place, home)).is_some_and(|found| found.id == *area)
}

/// Says what the house says by itself, until `stop` turns true.
pub(super) async fn announce(mouths: Mouths, hub: HubHandle, mut stop: watch::Receiver<bool>) {
    let mut shown = hub.watch();
    let mut said = JoinSet::new();
    loop {
        let showing = tokio::select! {
            showing = shown.recv() => showing,
            Some(_) = said.join_next() => continue,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let showing = match showing {
            Ok(showing) => showing,
            Err(broadcast::error::RecvError::Lagged(_)) => continue,
            Err(broadcast::error::RecvError::Closed) => return,
        };
        for one in &showing.shown {
            if let Shown::Said(one, _) = one
                && said.len() < AT_ONCE
            {
                said.spawn(say(mouths.clone(), hub.clone(), Arc::clone(one)));
            }
        }
    }
}

async fn say(mouths: Mouths, hub: HubHandle, said: Arc<Said>) {
    let (text, language) = (&said.reply.text, &said.reply.language);
    let n_places = mouths.say(said.area.as_ref(), text, language, &hub).await;
    // What was announced for a room stays in it; that a timer is over is to be heard by somebody.
    if n_places == 0 && said.area.is_some() && said.cause != Cause::Broadcast {
        mouths.say(None, text, language, &hub).await;
    }
    debug!(n_places, "The house said something.");
}
