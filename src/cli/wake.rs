//! `homard wake`: learns another wake word, from voices of this machine and from recordings of the owner's own.

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;

#[cfg(not(feature = "speech"))]
use super::{FAILED, Failure};
use super::{ModelDir, Place};

#[derive(Args)]
#[cfg_attr(not(feature = "speech"), allow(dead_code))]
pub(super) struct Wake {
    /// The word or words, as they are written: three syllables or more are told from other talk best
    #[arg(value_name = "WORD")]
    word: String,
    /// The file that is made, for `wake_word` of the configuration
    #[arg(long, env = "HOMARD_OUT", value_name = "FILE")]
    out: PathBuf,
    /// Other spellings, as a voice must read them to say the word as you do
    #[arg(long, env = "HOMARD_SPELLING", value_name = "TEXT", value_delimiter = ',')]
    spelling: Vec<String>,
    /// Folders of WAV files in each of which somebody says the word and nothing else; ten of each
    /// person of the household help most
    #[arg(long, env = "HOMARD_RECORDINGS", value_name = "DIR", value_delimiter = ',')]
    recordings: Vec<PathBuf>,
    /// Folders of WAV files in which the word is not said: the more talk, the fewer false alarms
    #[arg(long, env = "HOMARD_OTHERS", value_name = "DIR", value_delimiter = ',')]
    others: Vec<PathBuf>,
    /// Learn nothing: measure the file on these recordings, how often the word is noticed and how
    /// often something else is taken for it
    #[arg(long, env = "HOMARD_MEASURE", value_parser = BoolishValueParser::new())]
    measure: bool,
    /// Learn from these recordings alone, and not from the voices of espeak-ng
    #[arg(long, env = "HOMARD_ONLY_RECORDINGS", value_parser = BoolishValueParser::new())]
    only_recordings: bool,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    models: ModelDir,
}

#[cfg(not(feature = "speech"))]
impl Wake {
    pub(super) fn run(&self) -> Result<(), Failure> {
        Err(Failure::new(FAILED, "This Homard was built without speech; it needs no wake word."))
    }
}

#[cfg(feature = "speech")]
mod learning {
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};
    use std::sync::Arc;

    use super::Wake;
    use crate::cli::daemon::usual_places;
    use crate::cli::{FAILED, Failure, say, tell};
    use crate::speech::{Clip, EMBEDDING, Lesson, RATE, WakeModel, WakeWord, in_kitchen, train};

    /// Languages of espeak-ng, and variants of its voice.
    const LANGUAGES: [&str; 5] = ["en-gb", "en-us", "en-gb-scotland", "fr-fr", "fr-be"];
    const VARIANTS: [&str; 24] = [
        "m1", "m2", "m3", "m4", "m6", "m7", "f1", "f2", "f3", "f5", "Alex", "Andrea", "Annie",
        "Denis", "Gene", "adam", "anika", "benjamin", "ed", "grandma", "john", "max", "rob",
        "steph",
    ];
    /// Words per minute, by turns.
    const SPEEDS: [&str; 4] = ["140", "165", "190", "120"];
    /// What people say at home that is not a wake word.
    const TALK: &str = include_str!("../../models/wake/talk.txt");
    /// Lines of it that one voice reads.
    const AT_ONCE: usize = 6;
    /// Longest piece of a recording that is heard at once, in seconds.
    const PIECE: usize = 20;
    /// Sensitivities that are measured, and samples that are heard at once.
    const MEASURED: [f32; 4] = [0.3, 0.5, 0.7, 0.9];
    const PIECE_MEASURED: usize = 1_600;
    /// The longest file that is read.
    const LARGEST: u64 = 64 << 20;

    impl Wake {
        pub(in crate::cli) fn run(&self) -> Result<(), Failure> {
            let places = usual_places(self.place.data_dir.as_deref())?;
            let file = self.models.find(&places, EMBEDDING)?;
            let missing = "The model beneath wake words is not there; `homard models pull \
                           wake-embedding` fetches it.";
            let file = file.ok_or_else(|| Failure::new(FAILED, missing))?;
            let failed = |error| Failure::new(FAILED, format!("{}: {error}", file.display()));
            let model = WakeModel::load(&file).map_err(failed)?;
            if self.measure {
                return self.measure(&model);
            }
            let mut lesson = Lesson::new(model);
            self.hear_others(&mut lesson)?;
            self.hear_words(&mut lesson)?;
            let (n_with, n_without) = lesson.examples().len();
            tell(&format!(
                "Learning from {n_with} moments with the word and {n_without} without it …"
            ));
            let word = train(&self.word, lesson.examples(), |done| {
                tell(&format!("round {} of {}: error {:.5}", done.round, done.rounds, done.loss));
            });
            let word = word.map_err(|error| Failure::new(FAILED, error))?;
            std::fs::write(&self.out, word.to_bytes())?;
            say(format!("{} has “{}”. In homard.toml, write", self.out.display(), word.name()))?;
            say(format!("[voice]\nwake_word = \"{}\"", self.out.display()))
        }

        /// What the file notices at each sensitivity.
        fn measure(&self, model: &WakeModel) -> Result<(), Failure> {
            let failed = |error| Failure::new(FAILED, format!("{}: {error}", self.out.display()));
            let word = WakeWord::from_bytes(&std::fs::read(&self.out)?).map_err(failed)?;
            let word = Arc::new(word);
            let waiting =
                || MEASURED.map(|sensitivity| model.wait_for(Arc::clone(&word), sensitivity));
            let said = files(&self.recordings)?;
            for below in [60.0, 10.0, 5.0] {
                let mut noticed = [0; MEASURED.len()];
                for (at, file) in said.iter().enumerate() {
                    let scene = in_kitchen(read(file)?.samples(), below, at as u64 + 1);
                    for (mut wake, noticed) in waiting().into_iter().zip(&mut noticed) {
                        *noticed += usize::from(wake.hear(&scene));
                    }
                }
                let n = said.len().max(1) as f32;
                let shares = noticed.map(|noticed| format!("{:.1} %", 100.0 * noticed as f32 / n));
                say(format!("word, noise {below:.0} dB below: {}", line(&shares)))?;
            }
            let (mut seconds, mut noticed) = (0.0, [0; MEASURED.len()]);
            let mut all = waiting();
            for file in files(&self.others)? {
                let clip = read(&file)?;
                seconds += f64::from(clip.seconds());
                for (wake, noticed) in all.iter_mut().zip(&mut noticed) {
                    for some in clip.samples().chunks(PIECE_MEASURED) {
                        *noticed += usize::from(wake.hear(some));
                    }
                }
            }
            let times = noticed.map(|noticed: usize| noticed.to_string());
            say(format!("something else, {:.2} hours: {}", seconds / 3600.0, line(&times)))
        }

        fn hear_others(&self, lesson: &mut Lesson) -> Result<(), Failure> {
            for file in files(&self.others)? {
                for piece in read(&file)?.samples().chunks(PIECE * RATE as usize) {
                    lesson.hear_other(piece);
                }
            }
            if self.only_recordings {
                return Ok(());
            }
            tell("Listening to talk without the word …");
            let lines: Vec<&str> = TALK.lines().filter(|line| !line.starts_with('#')).collect();
            for (at, variant) in VARIANTS.iter().cycle().take(2 * VARIANTS.len()).enumerate() {
                let of = |is_french: bool| {
                    lines.iter().filter(move |line| line.starts_with("fr ") == is_french)
                };
                let language = LANGUAGES[at % LANGUAGES.len()];
                let all: Vec<&str> =
                    of(language.starts_with("fr")).map(|line| &line[3..]).collect();
                let some = all.iter().cycle().skip(at * AT_ONCE).take(AT_ONCE);
                let text: String = some.map(|line| format!("{line} ")).collect();
                lesson.hear_other(spoken(language, variant, at, &text)?.samples());
            }
            for (at, text) in near(&self.word).iter().enumerate() {
                for turn in 0..4 {
                    let variant = VARIANTS[(at + 5 * turn) % VARIANTS.len()];
                    let language = LANGUAGES[(at + turn) % LANGUAGES.len()];
                    lesson.hear_other(spoken(language, variant, turn, text)?.samples());
                }
            }
            Ok(())
        }

        fn hear_words(&self, lesson: &mut Lesson) -> Result<(), Failure> {
            tell("Listening to the word …");
            for file in files(&self.recordings)? {
                lesson.hear_word(read(&file)?.samples());
            }
            if self.only_recordings {
                return Ok(());
            }
            let spellings: Vec<&str> =
                std::iter::once(&self.word).chain(&self.spelling).map(String::as_str).collect();
            for (at, variant) in VARIANTS.into_iter().enumerate() {
                for (turn, language) in LANGUAGES.into_iter().enumerate() {
                    let spelling = spellings[(at + turn) % spellings.len()];
                    lesson.hear_word(spoken(language, variant, at + turn, spelling)?.samples());
                }
            }
            Ok(())
        }
    }

    /// A figure for each sensitivity.
    fn line(figures: &[String]) -> String {
        let each = MEASURED.iter().zip(figures).map(|(at, figure)| format!("at {at} {figure}"));
        each.collect::<Vec<_>>().join(", ")
    }

    /// What sounds like a part of the word, or like it and is not.
    fn near(word: &str) -> Vec<String> {
        let words: Vec<&str> = word.split_whitespace().collect();
        let mut near: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        if words.len() == 1 {
            near.clear();
        }
        let letters: Vec<char> = word.chars().collect();
        let half = |part: &[char]| part.iter().collect::<String>().trim().to_owned();
        let (first, second) = letters.split_at(letters.len() / 2);
        let (first, second) = (half(first), half(second));
        near.extend([
            format!("{second} {first}"),
            format!("the {first}ing"),
            format!("a {second}y"),
            second,
            first,
        ]);
        if let [first, .., last] = words.as_slice() {
            near.extend(
                ["you", "there", "mister", "listen", "come on"]
                    .map(|other| format!("{first} {other}")),
            );
            near.extend(["the", "my", "oh", "some", "no"].map(|other| format!("{other} {last}s")));
        }
        near.retain(|text| text.chars().count() > 1);
        near
    }

    fn spoken(language: &str, variant: &str, turn: usize, text: &str) -> Result<Clip, Failure> {
        let voice = format!("{language}+{variant}");
        let speed = SPEEDS[turn % SPEEDS.len()];
        let output = Command::new("espeak-ng")
            .args(["-v", &voice, "-s", speed, "--stdout", "--", text])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output();
        let output = output.map_err(|error| {
            Failure::new(
                FAILED,
                format!("espeak-ng, which speaks the examples, does not start: {error}"),
            )
        })?;
        Clip::read(&output.stdout)
            .map_err(|error| Failure::new(FAILED, format!("espeak-ng: {error}")))
    }

    fn files(dirs: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
        let mut files = Vec::new();
        for dir in dirs {
            let failed = |error| Failure::new(FAILED, format!("{}: {error}", dir.display()));
            for entry in std::fs::read_dir(dir).map_err(failed)? {
                let path = entry?.path();
                if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("wav")) {
                    files.push(path);
                }
            }
        }
        // The same order on every machine, as the order decides what is learnt.
        files.sort();
        Ok(files)
    }

    fn read(file: &Path) -> Result<Clip, Failure> {
        let failed = |error: String| Failure::new(FAILED, format!("{}: {error}", file.display()));
        let size = std::fs::metadata(file).map_err(|error| failed(error.to_string()))?.len();
        if size > LARGEST {
            return Err(failed("it is too large".to_owned()));
        }
        let bytes = std::fs::read(file).map_err(|error| failed(error.to_string()))?;
        Clip::read(&bytes).map_err(|error| failed(error.to_string()))
    }
}
