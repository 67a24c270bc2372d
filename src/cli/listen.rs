//! `homard listen`: push-to-talk. What is said to this machine's microphone goes to the running house.

use clap::Args;
use clap::builder::BoolishValueParser;

use super::daemon::Daemon;
#[cfg(not(feature = "speech"))]
use super::{FAILED, Failure};
use super::{ModelDir, Place};

#[derive(Args)]
#[cfg_attr(not(feature = "speech"), allow(dead_code))]
pub(super) struct Listen {
    /// The microphone: as ALSA names it, or a part of what it says of itself [default: that of the
    /// configuration, else the system's]
    #[arg(long, env = "HOMARD_MICROPHONE", value_name = "NAME")]
    microphone: Option<String>,
    /// The language that is spoken; found out among the household's unless given
    #[arg(long, env = "HOMARD_LANGUAGE", value_name = "CODE")]
    language: Option<String>,
    /// The room it is said in: id, name or another name [default: that of the configuration]
    #[arg(long, env = "HOMARD_AREA", value_name = "ROOM")]
    area: Option<String>,
    /// Print the whole answer as JSON
    #[arg(long, env = "HOMARD_JSON", value_parser = BoolishValueParser::new())]
    json: bool,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    models: ModelDir,
    #[command(flatten)]
    daemon: Daemon,
}

#[cfg(not(feature = "speech"))]
impl Listen {
    pub(super) fn run(&self) -> Result<(), Failure> {
        Err(Failure::new(FAILED, "This Homard was built without speech; it hears no microphone."))
    }
}

#[cfg(feature = "speech")]
mod speaking {
    use std::io::{self, IsTerminal};
    use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
    use std::thread;
    use std::time::Duration;

    use super::Listen;
    use crate::cli::daemon::usual_places;
    use crate::cli::hear::{Circumstances, post};
    use crate::cli::{FAILED, Failure, NOT_UNDERSTOOD, tell};
    use crate::speech::{
        ActivityModel, Clip, Endpointer, Limits, Microphone, Progress, SILERO, Source, State,
    };

    /// Pieces of sound that may wait.
    const MOST_WAITING: usize = 64;
    /// Longest wait for the microphone to give anything.
    const OPENING: Duration = Duration::from_secs(4);

    /// What can happen while it listens.
    enum Event {
        Sound(Vec<f32>),
        /// Enter was pressed.
        Enter,
    }

    impl Listen {
        pub(in crate::cli) fn run(&self) -> Result<(), Failure> {
            let config = self.place.config()?;
            let places = usual_places(self.place.data_dir.as_deref())?;
            // Before anybody speaks in vain.
            let daemon = self.daemon.find(&places)?;
            let named = self.microphone.clone().or(config.voice.microphone);
            let device = named.filter(|name| name != "default");
            let silero = self.models.find(&places, SILERO)?.unwrap_or_else(|| SILERO.into());
            let activity = ActivityModel::open(&silero);
            let clip = hear(Source { device, gain: config.voice.gain }, &activity)?;
            let area = self.area.clone().or(config.voice.area);
            let circumstances =
                Circumstances { language: self.language.clone(), area, json: self.json };
            post(&daemon, &circumstances, &clip.to_wav())
        }
    }

    /// What somebody says, from Enter to a silence or to Enter; at once where nobody can press it.
    fn hear(source: Source, activity: &ActivityModel) -> Result<Clip, Failure> {
        let (events, inbox) = mpsc::sync_channel(MOST_WAITING);
        if io::stdin().is_terminal() {
            tell("Press Enter and speak; it ends with a silence, or with Enter.");
            wait_for_enter()?;
            let pressed = events.clone();
            // It ends with the program, as reading a terminal cannot be stopped.
            thread::Builder::new().name("keys".to_owned()).spawn(move || {
                if wait_for_enter().is_ok() {
                    let _ = pressed.send(Event::Enter);
                }
            })?;
        }
        let microphone = listen(source, events)?;
        let mut endpointer = activity.endpointer(Limits::default());
        let progress = until_spoken(&microphone, &inbox, &mut endpointer)?;
        drop(microphone);
        match progress {
            Progress::Spoken(clip) => Ok(clip),
            _ => Err(Failure::new(NOT_UNDERSTOOD, "Nothing was said.")),
        }
    }

    fn listen(source: Source, events: SyncSender<Event>) -> Result<Microphone, Failure> {
        let microphone = Microphone::listen(source, move |samples| {
            // Who is gone needs nothing, and who is too slow misses some.
            let _ = events.try_send(Event::Sound(samples.to_vec()));
        })?;
        Ok(microphone)
    }

    fn until_spoken(
        microphone: &Microphone,
        inbox: &Receiver<Event>,
        endpointer: &mut Endpointer,
    ) -> Result<Progress, Failure> {
        let mut is_heard = false;
        loop {
            match inbox.recv_timeout(OPENING) {
                Ok(Event::Sound(samples)) if !samples.is_empty() => {
                    if !is_heard {
                        tell("Speak now.");
                        is_heard = true;
                    }
                    let progress = endpointer.hear(&samples);
                    if matches!(progress, Progress::Spoken(_) | Progress::Nothing) {
                        return Ok(progress);
                    }
                }
                Ok(Event::Enter) => return Ok(endpointer.end()),
                Ok(Event::Sound(_)) | Err(RecvTimeoutError::Timeout) => {
                    let why = match microphone.state() {
                        State::Missing(why) => why,
                        State::Opening | State::Listening { .. } => "it gives no sound".to_owned(),
                    };
                    let text = format!("The microphone cannot be heard: {why}.");
                    return Err(Failure::new(FAILED, text));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Failure::new(FAILED, "The microphone is gone."));
                }
            }
        }
    }

    fn wait_for_enter() -> io::Result<()> {
        io::stdin().read_line(&mut String::new()).map(|_| ())
    }
}
