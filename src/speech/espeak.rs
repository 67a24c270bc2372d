//! The voice that every board has: espeak-ng, a program of its own, which says one sentence at a time.

use std::io;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::warn;

use super::sound::Sound;

/// Its name on every system.
const PROGRAM: &str = "espeak-ng";
/// A sentence takes it a few hundredths of a second.
const WITHIN: Duration = Duration::from_secs(10);
/// More than the longest piece of text makes: three minutes.
const MOST_BYTES: u64 = 8 << 20;
/// More of what it complains about is not read.
const MOST_COMPLAINT: u64 = 4 << 10;
/// Sentences that are made at once.
const AT_ONCE: usize = 2;
/// Its voices by another program have this in the place of a language: `mb-en1`.
const MBROLA: &str = "mb";
/// Words per minute: a little below its own 175, which is fast for a room.
const SPEED: &str = "165";

/// How something is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manner {
    /// The language of the text: `en`, `fr-CA`.
    pub language: String,
    /// One of the voices that the program has, or `+f3`, a variant of the language's own; that itself without.
    pub voice: Option<String>,
    /// 0 to 100 percent.
    pub volume: u8,
}

/// Stands before the variant of a voice, `en+f3`.
pub const VARIANT: char = '+';

impl Manner {
    /// The voice's name, unless that is another language's: who answers in French does not read it as an Englishman.
    pub fn named(&self) -> Option<&str> {
        let name = self.voice.as_deref()?;
        let of = name.split(['-', '_', VARIANT]).next().unwrap_or_default();
        let is_language =
            of.len() == 2 && of.chars().all(|c| c.is_ascii_lowercase()) && of != MBROLA;
        let is_other = of.is_empty() || (is_language && of != self.base());
        (!is_other).then_some(name)
    }

    /// The voices of espeak-ng by which it may be said, the best first.
    fn candidates(&self) -> impl Iterator<Item = String> {
        let variant = self.voice.as_deref().and_then(|name| name.split_once(VARIANT));
        let variant = variant.map(|(_, variant)| format!("{}{VARIANT}{variant}", self.base()));
        let mut all = vec![];
        for voice in [
            self.named().map(str::to_owned),
            variant,
            Some(self.language.clone()),
            Some(self.base().to_owned()),
        ] {
            all.extend(voice.filter(|voice| is_name(voice) && !all.contains(voice)));
        }
        all.into_iter()
    }

    fn base(&self) -> &str {
        self.language.split(['-', '_']).next().unwrap_or_default()
    }
}

/// Why something was not said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VoiceError {
    /// There is no program that speaks.
    #[error(
        "Homard has no voice here: `espeak-ng` is not installed (Debian: apt install espeak-ng)"
    )]
    NotInstalled,
    /// It has no voice for this.
    #[error("there is no voice for `{0}`")]
    NoVoice(String),
    /// It took too long.
    #[error("the voice took longer than {} seconds", .0.as_secs())]
    TooSlow(Duration),
    /// It did not work out.
    #[error("the voice failed: {0}")]
    Failed(String),
}

/// The program. Clones share how many of it run at once.
#[derive(Debug, Clone)]
pub struct Espeak {
    program: String,
    within: Duration,
    places: Arc<Semaphore>,
}

impl Default for Espeak {
    fn default() -> Self {
        Self {
            program: PROGRAM.to_owned(),
            within: WITHIN,
            places: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
}

impl Espeak {
    /// Whether it is installed, as far as can be told without asking it for more than its version.
    pub async fn is_installed(&self) -> bool {
        let asked = Command::new(&self.program)
            .arg("--version")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .status();
        matches!(timeout(self.within, asked).await, Ok(Ok(status)) if status.success())
    }

    /// Says one of the pieces of [`super::sentences`]. Dropping the future ends the program.
    ///
    /// # Errors
    /// When it is not installed, has no such voice, takes too long or fails.
    pub async fn say(&self, piece: &str, manner: &Manner) -> Result<Sound, VoiceError> {
        let _place = self.places.acquire().await.map_err(|error| failed(&error))?;
        let mut error = VoiceError::NoVoice(manner.language.clone());
        // A voice that was chosen may be gone, and a language have no voice of its region.
        for voice in manner.candidates() {
            let said = timeout(self.within, self.run(piece, &voice)).await;
            match said.unwrap_or(Err(VoiceError::TooSlow(self.within))) {
                Err(why @ (VoiceError::NoVoice(_) | VoiceError::Failed(_))) => {
                    if manner.voice.as_ref() == Some(&voice) {
                        warn!(error = %why, "The voice that was chosen does not speak, the language's own does.");
                    }
                    error = why;
                }
                Err(other) => return Err(other),
                Ok(sound) => return Ok(sound.at(manner.volume)),
            }
        }
        Err(error)
    }

    async fn run(&self, piece: &str, voice: &str) -> Result<Sound, VoiceError> {
        let mut child = Command::new(&self.program)
            .args(["-v", voice, "-s", SPEED, "-b", "1", "--stdin", "--stdout"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => VoiceError::NotInstalled,
                _ => failed(&error),
            })?;
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(VoiceError::Failed("it has no pipes".to_owned()));
        };
        let write = async {
            // A program that ends early reads nothing more; why, it says itself.
            let _ = stdin.write_all(piece.as_bytes()).await;
            drop(stdin);
        };
        let (mut wav, mut complaint) = (Vec::new(), Vec::new());
        let mut stdout = stdout.take(MOST_BYTES);
        let mut stderr = stderr.take(MOST_COMPLAINT);
        let read = async {
            let heard = stdout.read_to_end(&mut wav).await;
            // Whoever says more than that is no voice, and would wait for a reader for ever.
            if stdout.limit() == 0 {
                let _ = child.start_kill();
            }
            heard
        };
        let complain = stderr.read_to_end(&mut complaint);
        let ((), heard, _) = tokio::join!(write, read, complain);
        heard.map_err(|error| failed(&error))?;
        let status = child.wait().await.map_err(|error| failed(&error))?;
        let complaint = String::from_utf8_lossy(&complaint);
        if complaint.contains("voice does not exist") {
            return Err(VoiceError::NoVoice(voice.to_owned()));
        }
        if !status.success() {
            let text = complaint.lines().next().unwrap_or_default().trim();
            return Err(VoiceError::Failed(format!("{status} {text}").trim().to_owned()));
        }
        Sound::from_piped_wav(&wav).map_err(|error| failed(&error))
    }
}

/// Names of voices are file names to it; one that is none of ours must not lead elsewhere.
fn is_name(voice: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+');
    !voice.is_empty()
        && voice.len() <= 40
        && voice.starts_with(|c: char| c.is_ascii_alphabetic())
        && voice.chars().all(is_plain)
}

fn failed(error: &impl ToString) -> VoiceError {
    VoiceError::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;

    use tokio::time::Instant;

    use super::*;

    /// A program in the place of espeak-ng.
    fn program(name: &str, script: &str) -> Espeak {
        let folder = std::env::temp_dir().join(format!("homard-voice-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path: PathBuf = folder.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Espeak {
            program: path.to_str().unwrap().to_owned(),
            within: Duration::from_millis(1_500),
            ..Espeak::default()
        }
    }

    fn manner(language: &str) -> Manner {
        Manner { language: language.to_owned(), voice: None, volume: 100 }
    }

    #[tokio::test]
    async fn it_speaks_each_language_with_a_voice_of_its_own() {
        let espeak = Espeak::default();
        if !espeak.is_installed().await {
            eprintln!("skipped: espeak-ng is not installed");
            return;
        }
        let say = |language: &'static str, voice: Option<&str>| {
            let voice = voice.map(str::to_owned);
            let espeak = espeak.clone();
            async move { espeak.say("The light is on.", &Manner { voice, ..manner(language) }).await }
        };
        let english = say("en", None).await.unwrap();
        assert!((0.8..3.0).contains(&english.seconds()), "{} s", english.seconds());
        assert!(english.samples().iter().any(|sample| sample.abs() > 3_000));
        assert_ne!(say("fr", None).await.unwrap(), english);
        // A region without a voice speaks its language's, a voice that is gone the language's own.
        assert_eq!(say("fr-XY", None).await.unwrap(), say("fr", None).await.unwrap());
        assert_eq!(say("en", Some("gone")).await.unwrap(), english);
        assert_eq!(say("en", Some("../../etc/passwd")).await.unwrap(), english);
        assert_ne!(say("en", Some("en-us")).await.unwrap(), english);
        // A variant is one in any language; a voice of another language is none.
        let french = say("fr", Some("fr+f3")).await.unwrap();
        assert_ne!(say("fr", None).await.unwrap(), french);
        assert_eq!(say("fr", Some("+f3")).await.unwrap(), french);
        assert_eq!(say("fr", Some("en+f3")).await.unwrap(), french);
        assert_eq!(say("fr", Some("en-us")).await.unwrap(), say("fr", None).await.unwrap());
        assert_eq!(say("en", Some("en_GB-alan-low")).await.unwrap(), english);
        assert_eq!(say("xx", None).await, Err(VoiceError::NoVoice("xx".to_owned())));
        assert_eq!(say("-x", None).await, Err(VoiceError::NoVoice("-x".to_owned())));
    }

    #[tokio::test]
    async fn a_program_that_is_missing_slow_endless_or_broken_is_a_clear_error() {
        let check = async |espeak: Espeak, expected: &str| {
            let began = Instant::now();
            let error = espeak.say("Hello.", &manner("en")).await.unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert!(began.elapsed() < Duration::from_secs(8), "{expected}: {:?}", began.elapsed());
        };
        let missing = Espeak { program: "no-such-program".to_owned(), ..Espeak::default() };
        assert!(!missing.is_installed().await);
        check(missing, "apt install espeak-ng").await;
        check(program("slow", "exec sleep 60"), "took longer than").await;
        check(program("deaf", "exec <&-; exec sleep 60 >&- 2>&-"), "took longer than").await;
        check(program("endless", "exec cat /dev/zero"), "voice failed").await;
        check(program("broken", "echo out of tea >&2; exit 3"), "out of tea").await;
        check(program("garbage", "echo hello"), "no sound of one channel").await;
    }

    #[tokio::test]
    async fn who_does_not_want_it_any_more_ends_the_program() {
        let folder = std::env::temp_dir().join(format!("homard-voice-{}", std::process::id()));
        let note = folder.join("pid");
        let espeak = program("waits", &format!("echo $$ >{}; exec sleep 60", note.display()));
        let manner = manner("en");
        let said = timeout(Duration::from_millis(700), espeak.say("Hello.", &manner)).await;
        assert!(said.is_err());
        let pid = std::fs::read_to_string(&note).unwrap();
        let proc = PathBuf::from(format!("/proc/{}/stat", pid.trim()));
        let is_gone = || {
            let stat = std::fs::read_to_string(&proc).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        };
        let began = Instant::now();
        while !is_gone() {
            assert!(began.elapsed() < Duration::from_secs(5), "it still runs");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(espeak.places.available_permits(), AT_ONCE);
    }
}
