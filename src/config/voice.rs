//! `[voice]`: the microphone of this machine and what it listens for, its loudspeaker, and who hears and speaks.

use std::path::{Path, PathBuf};

use super::peer::{self, Peer};
use super::problem::Problems;
use super::raw::{self, Field, filled};

/// How much quieter or louder a microphone can be made, in dB.
const GAIN: f64 = 40.0;
/// Longest wake word, in bytes.
const LONGEST_WORD: usize = 64;

/// How the house is spoken to on this machine, and how it speaks.
#[derive(Debug, Clone, PartialEq)]
pub struct Voice {
    /// The microphone: as ALSA names it, or `default`. None is listened to without it.
    pub microphone: Option<String>,
    /// The room it is in, and in which this machine is heard.
    pub area: Option<String>,
    /// What makes it listen.
    pub wake_word: WakeWord,
    /// From 0, which nearly nothing wakes, to 1.
    pub sensitivity: f32,
    /// Makes the microphone louder, in dB.
    pub gain: f32,
    /// A soft tone says that it listens.
    pub tone: bool,
    /// The folder of a light in `/sys/class/leds` that is lit while it listens.
    pub led: Option<PathBuf>,
    /// A program that is started with `awake` and `asleep`.
    pub command: Option<PathBuf>,
    /// The loudspeaker: as ALSA names it, or `default`. This machine is silent without it.
    pub speaker: Option<String>,
    /// How loud the house speaks, 0 to 100 percent.
    pub volume: u8,
    /// One of espeak-ng's voices, or one of the outside engine's.
    pub voice: Option<String>,
    /// An outside engine that speaks.
    pub tts: Option<Peer>,
    /// An outside engine that hears.
    pub stt: Option<Peer>,
}

/// What makes the house listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WakeWord {
    /// The one that comes with Homard.
    BuiltIn,
    /// One that was learnt (`homard wake`): its file.
    File(PathBuf),
}

impl Default for Voice {
    fn default() -> Self {
        Self {
            microphone: None,
            area: None,
            wake_word: WakeWord::BuiltIn,
            sensitivity: 0.5,
            gain: 0.0,
            tone: true,
            led: None,
            command: None,
            speaker: None,
            volume: 100,
            voice: None,
            tts: None,
            stt: None,
        }
    }
}

/// Files are relative to `folder`.
pub(super) fn check(raw: raw::Voice, folder: &Path, problems: &mut Problems) -> Voice {
    let usual = Voice::default();
    let wake_word = match raw.wake_word {
        Some(field) if field.get_ref().len() > LONGEST_WORD && !is_file(field.get_ref()) => {
            let what = "`[voice] wake_word` is too long".to_owned();
            problems.add(field.span(), what, "Write the file that `homard wake` made.");
            WakeWord::BuiltIn
        }
        Some(field) if is_file(field.get_ref()) => WakeWord::File(folder.join(field.into_inner())),
        Some(field) if field.get_ref() == BUILT_IN => WakeWord::BuiltIn,
        Some(field) => {
            let what = format!("`[voice] wake_word`: `{}` was not learnt yet", field.get_ref());
            let hint = format!(
                "It is \"{BUILT_IN}\", or a file that `homard wake \"{}\" --out my.wake` makes.",
                field.get_ref()
            );
            problems.add(field.span(), what, hint);
            WakeWord::BuiltIn
        }
        None => WakeWord::BuiltIn,
    };
    let mut number = |field: Field<f64>, key: &str, (least, most): (f64, f64), usual: f32| {
        let Some(field) = field else { return usual };
        let number = *field.get_ref();
        if (least..=most).contains(&number) {
            return number as f32;
        }
        let what = format!("`[voice] {key}` cannot be {number}");
        problems.add(field.span(), what, format!("It is a number from {least} to {most}."));
        usual
    };
    let sensitivity = number(raw.sensitivity, "sensitivity", (0.0, 1.0), usual.sensitivity);
    let gain = number(raw.gain, "gain", (-GAIN, GAIN), usual.gain);
    let led = raw.led.and_then(|field| {
        let path = PathBuf::from(field.get_ref());
        if path.join("brightness").exists() {
            return Some(path);
        }
        let what = format!("`[voice] led`: `{}` is no light", field.get_ref());
        problems.add(field.span(), what, "Write its folder, `/sys/class/leds/…`.");
        None
    });
    let command = raw.command.and_then(|field| {
        let path = folder.join(field.get_ref());
        if path.is_file() {
            return Some(path);
        }
        let what = format!("`[voice] command`: there is no file `{}`", field.get_ref());
        problems.add(field.span(), what, "Write the path of a program, without arguments.");
        None
    });
    let volume = raw.volume.map_or(usual.volume, |field| {
        let number = *field.get_ref();
        if number.fract() == 0.0 && (0.0..=100.0).contains(&number) {
            return number as u8;
        }
        let what = format!("`[voice] volume` cannot be {number}");
        problems.add(field.span(), what, "It is a whole number from 0 to 100.");
        usual.volume
    });
    let mut engine = |field: Field<String>, key: &str| {
        let field = field.filter(|field| !field.get_ref().is_empty())?;
        peer::parse(&field, key, None, problems)
    };
    Voice {
        microphone: filled(raw.microphone),
        area: filled(raw.area),
        wake_word,
        sensitivity,
        gain,
        tone: raw.tone.map_or(usual.tone, |field| field.into_inner()),
        led,
        command,
        speaker: filled(raw.speaker),
        volume,
        voice: filled(raw.voice),
        tts: engine(raw.tts, "[voice] tts"),
        stt: engine(raw.stt, "[voice] stt"),
    }
}

/// The word that comes with Homard.
const BUILT_IN: &str = "hey homard";

fn is_file(word: &str) -> bool {
    word.contains('/') || Path::new(word).extension().is_some_and(|extension| extension == "wake")
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, std::path::Path::new("homard.toml"))
            .map_err(|problems| problems.to_string())
    }

    #[test]
    fn who_hears_and_who_speaks_is_read() {
        let text = "[voice]\nspeaker = \"default\"\nvolume = 60\narea = \"Hall\"\nmicrophone = \" \"\n\
                    tts = \"tcp://nas:10200\"\n";
        let voice = parse(text).unwrap().voice;
        let tts = voice.tts.map(|peer| format!("{} {}", peer.host, peer.port));
        assert_eq!(tts.as_deref(), Some("nas 10200"));
        assert_eq!((voice.volume, voice.stt, voice.microphone), (60, None, None));
        assert_eq!(
            (voice.speaker.as_deref(), voice.area.as_deref()),
            (Some("default"), Some("Hall"))
        );
        for (text, expected) in [
            ("tts = \"nas\"", "no address with a port"),
            ("volume = 101", "`[voice] volume` cannot be 101"),
            ("volume = 0.5", "`[voice] volume` cannot be 0.5"),
        ] {
            let Err(problems) = parse(&format!("[voice]\n{text}\n")) else { panic!("{text}") };
            assert!(problems.contains(expected), "{problems}");
        }
    }
}
