//! What the doctor says of the house's ears and voice: whether what they need is here.

use super::{Finding, Level};
use crate::catalog::{Catalog, Presence, Store};
use crate::config::{Voice, WakeWord};
use crate::speech::{self, Espeak};

/// The models by which it is called and hears out.
const CALLED: &str = "wake-embedding";
const HEARD_OUT: &str = "silero-vad";

pub(super) fn all(store: &Store, voice: &Voice) -> Vec<Finding> {
    let mut findings = vec![hearing(store, voice)];
    if voice.microphone.is_some() {
        findings.push(waking(store, voice));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    if let Ok(runtime) = runtime {
        findings.push(speaking(voice, runtime.block_on(Espeak::default().is_installed())));
    }
    findings
}

fn is_here(store: &Store, name: &str) -> bool {
    let catalog = Catalog::built_in();
    let model = catalog.as_ref().ok().and_then(|catalog| catalog.model(name));
    model.is_some_and(|model| store.presence(model) == Presence::Whole)
}

/// What recognises speech.
fn hearing(store: &Store, voice: &Voice) -> Finding {
    let catalog = Catalog::built_in();
    let models = catalog.iter().flat_map(|catalog| &catalog.models);
    let here: Vec<&str> = models
        .filter(|model| model.kind == "speech to text")
        .filter(|model| store.presence(model) == Presence::Whole)
        .map(|model| model.name.as_str())
        .collect();
    let own = if here.is_empty() { "nothing".to_owned() } else { here.join(", ") };
    let finding = |text: String| Finding::new("hearing", Level::Good, text);
    match (&voice.stt, here.is_empty()) {
        (Some(stt), _) => {
            finding(format!("by {}:{}, and {own} where it does not answer", stt.host, stt.port))
        }
        (None, false) => finding(format!("by {own}")),
        (None, true) => {
            let wanted = if voice.microphone.is_some() { Level::Bad } else { Level::Good };
            finding("no recogniser is here, so nothing that is spoken is understood".to_owned())
                .at(wanted)
                .with("`homard models pull whisper-base whisper-tiny.en` fetches it")
        }
    }
}

/// What a microphone waits for.
fn waking(store: &Store, voice: &Voice) -> Finding {
    let finding = |level, text: String| Finding::new("wake word", level, text);
    let word = match &voice.wake_word {
        WakeWord::BuiltIn => speech::WakeWord::built_in().map_err(|error| error.to_string()),
        WakeWord::File(path) => std::fs::read(path)
            .map_err(|error| error.to_string())
            .and_then(|bytes| {
                speech::WakeWord::from_bytes(&bytes).map_err(|error| error.to_string())
            })
            .map_err(|error| format!("{}: {error}", path.display())),
    };
    let word = match word {
        Ok(word) => word,
        Err(error) => {
            return finding(Level::Bad, error)
                .with("`homard wake WORD --out FILE` makes such a file");
        }
    };
    if !is_here(store, CALLED) {
        let text = "its model is not here, so the microphone is not listened to".to_owned();
        return finding(Level::Bad, text).with(format!("`homard models pull {CALLED}` fetches it"));
    }
    let text = format!("“{}”", word.name());
    if !is_here(store, HEARD_OUT) {
        let text = format!("{text}; where a sentence ends is told by loudness alone");
        let remedy =
            format!("`homard models pull {HEARD_OUT}` fetches what tells speech from noise");
        return finding(Level::Watch, text).with(remedy);
    }
    finding(Level::Good, text)
}

/// Who speaks.
fn speaking(voice: &Voice, has_espeak: bool) -> Finding {
    let finding = |text: String| Finding::new("voice", Level::Good, text);
    let remedy = "`apt install espeak-ng`";
    match (&voice.tts, has_espeak) {
        (Some(tts), true) => {
            finding(format!("{}:{} speaks, espeak-ng where it does not", tts.host, tts.port))
        }
        (None, true) => finding("espeak-ng speaks".to_owned()),
        (Some(tts), false) => {
            let text = format!("{}:{} speaks, and nobody where it does not", tts.host, tts.port);
            finding(text).at(Level::Watch).with(remedy)
        }
        (None, false) => {
            let wanted = if voice.speaker.is_some() { Level::Bad } else { Level::Watch };
            let text = "espeak-ng is not installed, so nothing is said aloud".to_owned();
            finding(text).at(wanted).with(remedy)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::Peer;

    #[test]
    fn what_is_missing_is_as_bad_as_it_is_wanted() {
        let store = Store::new(PathBuf::from("/nowhere/at/all"));
        let quiet = Voice::default();
        let wanted = |speaker: bool| Voice {
            microphone: Some("default".to_owned()),
            speaker: speaker.then(|| "default".to_owned()),
            ..Voice::default()
        };
        let peer = || Some(Peer { host: "nas".to_owned(), port: 10_200 });
        let level = |finding: Finding| (finding.level, finding.remedy.is_some());
        assert_eq!(level(hearing(&store, &quiet)), (Level::Good, true));
        assert_eq!(level(hearing(&store, &wanted(false))), (Level::Bad, true));
        let afar = Voice { stt: peer(), tts: peer(), ..wanted(true) };
        assert_eq!(
            hearing(&store, &afar).text,
            "by nas:10200, and nothing where it does not answer"
        );
        assert!(waking(&store, &wanted(false)).text.contains("not listened to"));
        let learnt = Voice { wake_word: WakeWord::File("/nowhere/x.wake".into()), ..wanted(false) };
        let finding = waking(&store, &learnt);
        assert!(finding.level == Level::Bad && finding.text.contains("/nowhere/x.wake"));
        for (voice, has_espeak, expected) in [
            (&quiet, true, (Level::Good, false)),
            (&quiet, false, (Level::Watch, true)),
            (&wanted(true), false, (Level::Bad, true)),
            (&afar, true, (Level::Good, false)),
            (&afar, false, (Level::Watch, true)),
        ] {
            assert_eq!(level(speaking(voice, has_espeak)), expected, "{voice:?} {has_espeak}");
        }
    }
}
