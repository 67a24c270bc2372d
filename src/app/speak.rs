//! Speaking: whose voice the house has, and where in it something is heard. Replies go to where it was asked; what the
//! house says by itself goes to the room it is for, or everywhere.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::outgoing::Outgoing;
use super::wyoming::engine;
use crate::config::{Peer, Voice};
use crate::home::id::AreaId;
use crate::home::target;
use crate::home::{Home, person};
use crate::hub::HubHandle;
use crate::hub::event::{Cause, Said, Shown};
use crate::speech::{
    Espeak, Loudspeaker, Manner, PlayError, Sound, VARIANT, VoiceError, sentences,
};
use crate::web;
use crate::wyoming::{Later, Speak, Station};

/// Announcements that are being said; more are not.
const AT_ONCE: usize = 16;

/// How long what was said is still in the room and on its way through the microphone.
const ECHO: Duration = Duration::from_millis(800);

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
                manner.voice = manner.voice.filter(|name| name.contains(VARIANT));
            }
            espeak.say(&piece, &manner).await
        })
    })
}

/// How the house speaks where only the language is known.
pub(super) fn manner(house: &Voice) -> Manner {
    let (voice, volume) = (house.voice.clone(), house.volume);
    Manner { language: String::new(), voice, volume }
}

/// Says answers into WAV files, for browsers and programs.
pub(super) fn recorded(speak: Speak, manner: Manner) -> web::Aloud {
    Arc::new(move |text: String, language: String, wanted: person::Voice| -> web::Voicing {
        let (speak, house) = (Arc::clone(&speak), manner.clone());
        let volume = wanted.volume.unwrap_or(house.volume);
        let manner = Manner { language, voice: wanted.name.or(house.voice), volume };
        Box::pin(async move {
            let mut whole: Option<Sound> = None;
            for piece in sentences(&text, &manner.language) {
                match speak(piece, manner.clone()).await {
                    Ok(sound) => {
                        whole = Some(match whole.take() {
                            Some(before) => before.and(&sound),
                            None => sound,
                        });
                    }
                    Err(error) => {
                        complain(&error);
                        return None;
                    }
                }
            }
            whole.map(|sound| sound.wav())
        })
    })
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
    /// Whether a sound has the wake word in it, where a microphone waits for one.
    names: OnceLock<Names>,
    /// Sounds with it that are to be heard or are heard.
    n_names: AtomicUsize,
}

/// Whether a sound would wake the house.
pub(super) type Names = Box<dyn Fn(&Sound) -> bool + Send + Sync>;

impl Mouths {
    /// The loudspeaker of this machine, if the owner names one, and the satellites.
    pub(super) fn new(house: &Voice, speak: Speak, stations: Vec<Station>) -> Self {
        let device = house.speaker.clone().map(|name| Some(name).filter(|name| name != "default"));
        let loudspeaker = device.and_then(|device| {
            Loudspeaker::start(device)
                .inspect_err(|error| warn!(%error, "There is no thread for the loudspeaker."))
                .ok()
        });
        let loudspeaker = loudspeaker.map(|one| (one, house.area.clone()));
        Self(Arc::new(Inner {
            speak,
            manner: manner(house),
            loudspeaker,
            stations,
            names: OnceLock::new(),
            n_names: AtomicUsize::new(0),
        }))
    }

    /// From now on it minds whether it says the word that wakes this machine's microphone.
    pub(super) fn mind(&self, names: Names) {
        // There is one microphone, and it is started once.
        let _ = self.0.names.set(names);
    }

    /// This machine's loudspeaker says the word that wakes its microphone.
    pub(super) fn says_name(&self) -> bool {
        self.0.n_names.load(Ordering::Relaxed) > 0
    }

    /// This machine's loudspeaker is or will be heard.
    pub(super) fn is_speaking(&self) -> bool {
        self.0.loudspeaker.as_ref().is_some_and(|(loudspeaker, _)| loudspeaker.is_busy())
    }

    /// How loud this machine's loudspeaker is: [`Loudspeaker::power`].
    pub(super) fn power(&self) -> f32 {
        self.0.loudspeaker.as_ref().map_or(0.0, |(loudspeaker, _)| loudspeaker.power())
    }

    /// A soft tone by this machine's loudspeaker.
    pub(super) fn tone(&self) {
        if let Some((loudspeaker, _)) = &self.0.loudspeaker {
            // A tone that is not heard is no loss.
            drop(loudspeaker.play(Sound::tone().at(self.0.manner.volume)));
        }
    }

    /// This machine's loudspeaker is silent at once.
    pub(super) fn hush(&self) {
        if let Some((loudspeaker, _)) = &self.0.loudspeaker {
            loudspeaker.stop();
        }
    }

    /// Answers who spoke to this machine's microphone: by its own loudspeaker, else by what speaks in the same room.
    /// Whether all of it was said.
    pub(super) async fn answer(
        &self,
        area: Option<&AreaId>,
        text: &str,
        language: &str,
        hub: &HubHandle,
    ) -> bool {
        match (&self.0.loudspeaker, area) {
            (Some((loudspeaker, _)), _) => self.aloud(loudspeaker, text, language).await,
            (None, Some(area)) => self.say(Some(area), text, language, hub).await > 0,
            (None, None) => false,
        }
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

    /// By this machine's loudspeaker, the next sentence made while one is heard; whether all of it was heard.
    async fn aloud(&self, loudspeaker: &Loudspeaker, text: &str, language: &str) -> bool {
        let turn = loudspeaker.turn();
        let mut last = None;
        let mut names = JoinSet::new();
        for piece in sentences(text, language) {
            let manner = Manner { language: language.to_owned(), ..self.0.manner.clone() };
            match (self.0.speak)(piece, manner).await {
                Ok(sound) => {
                    if self.0.names.get().is_some() {
                        let (mouths, sound) = (self.clone(), sound.clone());
                        // Faster than it is heard, and no reason to be heard later.
                        names.spawn_blocking(move || Naming::of(mouths, &sound));
                    }
                    last = Some(loudspeaker.play_in(turn, sound));
                }
                Err(error) => {
                    complain(&error);
                    return false;
                }
            }
        }
        let Some(last) = last else { return true };
        let heard = last.await;
        if !names.is_empty() {
            tokio::time::sleep(ECHO).await;
        }
        match heard {
            Ok(Ok(())) => true,
            Ok(Err(PlayError::Stopped)) | Err(_) => false,
            Ok(Err(error)) => {
                warn!(%error, "Something was not said.");
                false
            }
        }
    }
}

/// Counts a sound that has the wake word in it, as long as it lives.
struct Naming(Mouths);

impl Naming {
    fn of(mouths: Mouths, sound: &Sound) -> Option<Self> {
        let is_name = mouths.0.names.get().is_some_and(|names| names(sound));
        is_name.then(|| {
            mouths.0.n_names.fetch_add(1, Ordering::Relaxed);
            Self(mouths)
        })
    }
}

impl Drop for Naming {
    fn drop(&mut self) {
        self.0.0.n_names.fetch_sub(1, Ordering::Relaxed);
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
                && !is_private(one)
            {
                said.spawn(say(mouths.clone(), hub.clone(), Arc::clone(one)));
            }
        }
    }
}

/// Whether it is for one person alone, who is told elsewhere.
fn is_private(said: &Said) -> bool {
    #[cfg(feature = "telegram")]
    return crate::telegram::is_private(said);
    #[cfg(not(feature = "telegram"))]
    {
        let _ = said;
        false
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
