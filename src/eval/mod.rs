//! Judges how well Homard understands people: a folder of homes and of things said in them goes the
//! whole road, from the utterance through the daemon's own ear and hub to simulated devices, and
//! what became of it is compared with what the household expects. `homard eval DIR` runs it.
//!
//! # The folder
//!
//! `homes/NAME.yaml` describes homes, every other `.yaml` file below the folder holds tests. Where
//! the folder has no `homes`, the one beside it is taken, so that a part can be run alone.
//!
//! # A home
//!
//! ```yaml
//! name: Our flat            # optional, as are all of the next five
//! language: en              # its own language; `languages: [en, fr]` for more
//! time_zone: Europe/Paris
//! position: [48.85, 2.35]   # for the sun
//! now: 2026-11-18T18:30     # when its tests begin, local time
//! floors:
//!   - {id: up, name: First floor, aliases: [upstairs], level: 1}
//! areas:
//!   - {id: den, name: Den, aliases: [office], floor: up}
//! entities:
//!   - {id: light.den, name: Den lamp, area: den, can: [brightness, color_temp, color], state: on, brightness: 40%}
//! ```
//!
//! An entity has `id`, `name`, and if wished `aliases`, `area`, `class` (the device class), `unit`,
//! `category` (`config`, `diagnostic`), `enabled: off`, `since` (when its state last changed: `20min`
//! ago or at `07:15`; three hours ago unless said), `device` (how it behaves: `good`; `silent` obeys
//! and never says so; `slow` says so after the reply; `offline`; `assumed` has nothing to say) and
//!
//! | domain | what it can do | what it is |
//! |---|---|---|
//! | light | `can: [brightness, color_temp, color]`, `effects` | `state`, `brightness` (%), `color` (a CSS name), `color_temp` (K), `effect` |
//! | cover, valve | `can: [position, tilt]` (tilt: covers), `no stop` | `state: open\|closed`, `position`, `tilt` (%) |
//! | climate | `modes`, `presets`, `fan_modes`, `min`, `max`, `step` | `state` (the mode), `temperature`, `current`, `preset`, `fan_mode` |
//! | fan | `speeds` (how many), `presets`, `can: [oscillate, direction]` | `state`, `speed` (%), `preset`, `oscillating` |
//! | humidifier | `modes`, `min`, `max` | `state`, `humidity`, `current`, `mode` |
//! | water_heater | `modes`, `min`, `max` | `state` (the mode), `temperature`, `current` |
//! | vacuum | `can: [segments]`, `fan_speeds` | `state`, `fan_speed`, `segments` (names) |
//! | lock | `can: [open]` | `state: locked\|unlocked\|jammed\|open` |
//! | alarm_control_panel | `code` | `state: disarmed\|armed_home\|armed_away\|armed_night\|triggered` |
//! | number | `min`, `max`, `step` | `state` |
//! | select | `options` | `state` |
//! | siren | `can: [duration, volume]` | `state` |
//! | switch, binary_sensor, sensor, text, lawn_mower, device_tracker | | `state` |
//! | button, scene | | nothing |
//!
//! # Tests
//!
//! ```yaml
//! home: flat                # for all tests of the file, as are `group` and `language`
//! group: rooms
//! tests:
//!   - say: [turn on the den lamp, switch the lamp in the den on]   # one test for each wording
//!     state: {light.den: off}            # or {light.den: {state: on, brightness: 10%}}
//!     area: den                          # the room of the speaker
//!     spoken: true                       # heard by a microphone, not written
//!     others: [turn on the van lamp]     # what else it may have been, the likeliest first
//!     person: Emma                       # whoever speaks, by name
//!     role: child                        # admin, adult (unless said), child or guest
//!     at: "22:00"                        # the time of day
//!     changes: {light.den: on}
//!   - turns:                             # a conversation; a few seconds between turns, or `wait: 6min`
//!       - {say: turn on the lamp, asks: [den, hall]}
//!       - {say: the den one, changes: {light.den: {state: on, brightness: ">50"}}}
//! ```
//!
//! Instead of `tests` a file may have `groups:` with a list of tests under each group's name.
//!
//! What is expected of a test or turn is one of
//!
//! * `changes`: exactly these entities are so afterwards and nothing else has changed. Keys: ids,
//!   several with spaces between, `light.*`, `light.*@den` (a room or floor); the value `same` takes
//!   out of such a group again. Values: a state, or attributes by the names above with a word, a
//!   number (`40%` and `40` are the same), `">50"`, `"<50"`, `10..20`, `up`, `down`; `used` for
//!   buttons and scenes;
//! * `rule: {triggers: …, conditions: …, actions: …}`: it is asked whether to keep just this automation, in Home Assistant's
//!   schema, and after a yes it is kept; `notice: {triggers: …}`: one that only tells something once is kept at once;
//! * `nothing: true`: nothing changes, whatever is said, and no automation is made;
//! * `asks: [words]`: nothing changes and a question comes back that has these words; `asks: true`
//!   for any question;
//! * `answers: [words]`: nothing changes, and the reply is an answer with these words;
//! * `refuses: [words]` or `refuses: true`: nothing changes and the reply says that it is not done.
//!
//! Beside them `says: [words]` (the reply has them too) and `later: {after: 10min, changes: {…}}`, or a
//! list of these, each compared with the moment before. Alone, `later` means that nothing changes at
//! once. `or: [{…}, {…}]` gives several results that are right. A word `a|b` is one of the two, `!a` must
//! not be in the reply; words are compared without case, accents and punctuation.
//!
//! # Scores
//!
//! A test is *right*, or a *wrong action* when something changed that must not have or otherwise than
//! expected, or *missed*. Wrong actions are counted apart: they are the worst.

mod case;
mod device;
mod house;
mod judge;
mod keys;
mod obey;
mod play;
mod report;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value as Json;
use tokio::task::JoinSet;

pub use crate::assistant::Part;

pub use self::keys::Wrong;
pub use self::report::{Failure, Report, Score};

use self::case::{Asked, Expected, Test, Value};
use self::house::House;
use self::judge::Verdict;
use self::play::{Played, play};
use crate::app::ears;
#[cfg(feature = "model")]
use crate::app::thinking::Mind;
use crate::assistant::{Assistant, Said};
use crate::storage::{Settings, Storage, Writer};

/// Tests that are played at the same time: most of a test is waiting for a silent device, if there
/// is one.
const AT_ONCE: usize = 8;
/// Most nodes of one YAML file.
const MAX_NODES: usize = 1_000_000;

/// Why an evaluation could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder.
    #[error("cannot read {}: {source}", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The folder has no homes.
    #[error("{} has no folder `homes`, nor has the folder above it", .0.display())]
    NoHomes(PathBuf),
    /// What a file says.
    #[error(transparent)]
    Wrong(#[from] Wrong),
    /// Somewhere to keep the data of the simulated houses.
    #[error("cannot keep the houses' data: {0}")]
    Storage(String),
    /// A test ended in a way of its own.
    #[error("a test ended unexpectedly")]
    Panicked,
}

/// Homes, and what is said in them.
pub struct Set {
    houses: Vec<House>,
    tests: Vec<Test>,
    models: Option<PathBuf>,
    /// What nobody understands is shown to the language model.
    thinks: bool,
}

/// What a set has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Census {
    /// How many entities each home has.
    pub n_entities: BTreeMap<String, usize>,
    /// Tests.
    pub n_tests: usize,
    /// Things said; a conversation has several.
    pub n_utterances: usize,
    /// Tests in which nothing may change and nothing is asked that has an answer.
    pub n_idle: usize,
    /// Tests by the language they are said in.
    pub by_language: BTreeMap<String, usize>,
}

impl Set {
    /// Reads a folder.
    ///
    /// # Errors
    /// See [`Error`]; the first thing that is wrong.
    pub fn load(dir: &Path) -> Result<Self, Error> {
        let homes = [dir.join("homes"), dir.join("../homes")];
        let homes = homes.into_iter().find(|dir| dir.is_dir());
        let homes = homes.ok_or_else(|| Error::NoHomes(dir.to_owned()))?;
        let mut houses = Vec::new();
        for path in yaml_files(&homes)? {
            let id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            houses.push(House::read(&id, &name(&homes, &path), parse(&homes, &path)?)?);
        }
        let mut tests = Vec::new();
        for path in yaml_files(dir)?.iter().filter(|path| !path.starts_with(&homes)) {
            tests.extend(case::read(&name(dir, path), parse(dir, path)?, &houses)?);
        }
        Ok(Self { houses, tests, models: None, thinks: false })
    }

    /// Understands with the official sentence packs of this folder of models too.
    pub fn with_models(self, models: PathBuf) -> Self {
        Self { models: Some(models), ..self }
    }

    /// Shows what nobody understands to the language model of the folder of models, if one is there. It takes a part of
    /// a second for each.
    pub fn thinking(self) -> Self {
        Self { thinks: true, ..self }
    }

    /// Keeps only the tests of which a wording, group, home or place contains this.
    pub fn only(&mut self, part: &str) {
        let houses = &self.houses;
        self.tests.retain(|test| {
            test.group.contains(part)
                || test.place.contains(part)
                || houses[test.house].id.contains(part)
                || test.turns.iter().any(|turn| turn.say.contains(part))
        });
    }

    /// What there is.
    pub fn census(&self) -> Census {
        let mut census = Census { n_tests: self.tests.len(), ..Census::default() };
        for house in &self.houses {
            census.n_entities.insert(house.id.clone(), house.n_entities());
        }
        for test in &self.tests {
            census.n_utterances += test.turns.len();
            let acts = |expected: &Expected| {
                !expected.changes.is_empty()
                    || expected.reply == Asked::Answer
                    || !expected.later.is_empty()
            };
            let is_idle = test.turns.iter().all(|turn| !turn.expected.iter().any(acts));
            census.n_idle += usize::from(is_idle);
            let languages = &self.houses[test.house].settings.languages;
            let said = test.turns.first().and_then(|turn| turn.language.clone());
            if let Some(language) = said.or_else(|| languages.first().cloned()) {
                *census.by_language.entry(language).or_default() += 1;
            }
        }
        census
    }

    /// The words and names of which orders of a home are made, in one of its languages.
    ///
    /// # Errors
    /// As for [`Self::run`].
    pub fn expects(&self, home: &str, language: &str) -> Result<Vec<(String, Part)>, Error> {
        let Some(house) = self.houses.iter().find(|house| house.id == home) else {
            return Ok(Vec::new());
        };
        let mut assistant = informed(house, None)?;
        let (home, _) = house.build(&house.now, &BTreeMap::new())?;
        Ok(assistant.expects(language, &home))
    }

    /// Plays all tests.
    ///
    /// # Errors
    /// [`Error::Wrong`] for what a test says of states that a device cannot have, and when the
    /// machine refuses.
    pub async fn run(self) -> Result<Report, Error> {
        let folder = Folder::new()?;
        let storage =
            Storage::open(&folder.0).map_err(|error| Error::Storage(error.to_string()))?;
        let writer = Writer::start(storage, Settings::default())
            .map_err(|error| Error::Storage(error.to_string()))?;
        let assistants: Result<Vec<Assistant>, Wrong> = {
            let informed = |house| informed(house, self.models.clone());
            self.houses.iter().map(informed).collect()
        };
        let assistants = assistants?;
        let asked = self.models.filter(|_| self.thinks);
        #[cfg(feature = "model")]
        let minds =
            ears::Minds::only(asked.as_deref().and_then(Mind::open_alone).map(Mind::patient));
        #[cfg(not(feature = "model"))]
        let minds = {
            drop(asked);
            ears::Minds
        };
        let (houses, assistants) = (Arc::new(self.houses), Arc::new(assistants));
        let tests = Arc::new(self.tests);
        let mut results: BTreeMap<usize, Played> = BTreeMap::new();
        let mut playing = JoinSet::new();
        for n in 0..tests.len() {
            if playing.len() >= AT_ONCE {
                take(playing.join_next().await, &mut results)?;
            }
            let (tests, houses, assistants) =
                (Arc::clone(&tests), Arc::clone(&houses), Arc::clone(&assistants));
            let (writer, minds) = (writer.clone(), minds.clone());
            playing.spawn(async move {
                let test = &tests[n];
                play(test, &houses[test.house], &assistants[test.house], &minds, &writer)
                    .await
                    .map(|played| (n, played))
            });
        }
        while let Some(ended) = playing.join_next().await {
            take(Some(ended), &mut results)?;
        }
        // What the houses keep is of no use to anybody.
        let _ = writer.stop(std::time::Duration::from_millis(100));
        Ok(report(&tests, &houses, results))
    }
}

/// The assistant of a house that has heard of all its names, so that not each test makes the lists
/// of names anew: every test's house is made in the same steps, so its names have the same version.
fn informed(house: &House, models: Option<PathBuf>) -> Result<Assistant, Wrong> {
    let mut assistant = ears::assistant(&house.config(), models);
    let (home, _) = house.build(&house.now, &BTreeMap::new())?;
    let now = house.now.timestamp();
    let said = Said { now, ..Said::default() };
    assistant.hear(&said, &home);
    Ok(assistant)
}

type Ended = Result<Result<(usize, Played), Wrong>, tokio::task::JoinError>;

fn take(ended: Option<Ended>, results: &mut BTreeMap<usize, Played>) -> Result<(), Error> {
    let Some(ended) = ended else { return Ok(()) };
    let (n, played) = ended.map_err(|_| Error::Panicked)??;
    results.insert(n, played);
    Ok(())
}

fn report(tests: &[Test], houses: &[House], results: BTreeMap<usize, Played>) -> Report {
    let mut report = Report { n_homes: houses.len(), ..Report::default() };
    for (test, played) in tests.iter().zip(results.into_values()) {
        let home = houses[test.house].id.clone();
        report.total.count(&played.verdict);
        report.groups.entry(test.group.clone()).or_default().count(&played.verdict);
        report.homes.entry(home.clone()).or_default().count(&played.verdict);
        report.understood_ms.extend(&played.understood_ms);
        let (is_wrong_action, actual) = match played.verdict {
            Verdict::Right => continue,
            Verdict::Missed(what) => (false, what),
            Verdict::WrongAction(what) => (true, what),
        };
        let turn = test.turns.get(played.turn);
        report.failures.push(Failure {
            place: test.place.clone(),
            group: test.group.clone(),
            home,
            said: test.turns.iter().take(played.turn + 1).map(|turn| turn.say.clone()).collect(),
            area: turn.and_then(|turn| turn.area.clone()),
            is_wrong_action,
            expected: turn.map(|turn| in_words(&turn.expected)).unwrap_or_default(),
            actual,
            reply: played.reply,
        });
    }
    report.understood_ms.sort_by(f64::total_cmp);
    report
}

/// What was expected, in short.
fn in_words(all: &[Expected]) -> String {
    let value = |value: &Value| match value {
        Value::Word(word) => word.clone(),
        Value::About(number) => number.to_string(),
        Value::Between(least, _) if *least == f64::MIN => "less".to_owned(),
        Value::Between(least, most) if *most == f64::MAX => format!("above {least:.0}"),
        Value::Between(least, most) => format!("{least} to {most}"),
        Value::Up => "up".to_owned(),
        Value::Down => "down".to_owned(),
        Value::Color(rgb) => format!("{rgb:?}"),
    };
    let changes = |changes: &[(crate::home::id::EntityId, case::Wanted)]| {
        let mut parts: Vec<String> = Vec::new();
        for (id, wanted) in changes.iter().take(8) {
            let mut words: Vec<String> = wanted.state.iter().map(value).collect();
            words
                .extend(wanted.attributes.iter().map(|(name, of)| format!("{name} {}", value(of))));
            parts.push(format!("{id} {}", words.join(", ")));
        }
        if changes.len() > parts.len() {
            parts.push(format!("… ({} in all)", changes.len()));
        }
        parts.join("; ")
    };
    let one = |expected: &Expected| {
        let mut parts = Vec::new();
        if !expected.changes.is_empty() {
            parts.push(changes(&expected.changes));
        }
        match expected.reply {
            Asked::Any => {}
            Asked::Question => parts.push("a question back".to_owned()),
            Asked::Refusal => parts.push("a refusal".to_owned()),
            Asked::Answer => parts.push("an answer".to_owned()),
        }
        if !expected.words.is_empty() {
            parts.push(format!("with the words {}", expected.words.join(", ")));
        }
        if let Some(rule) = &expected.rule {
            parts.push(format!("the rule {}", rule.source));
        }
        for later in &expected.later {
            parts.push(format!("after {} s {}", later.after.as_secs(), changes(&later.changes)));
        }
        if parts.is_empty() { "no change".to_owned() } else { parts.join(", ") }
    };
    all.iter().map(one).collect::<Vec<_>>().join(" OR ")
}

/// All YAML files below a folder, in order.
fn yaml_files(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |path: &Path, source| Error::Unreadable { path: path.to_owned(), source };
    let mut files = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|error| unreadable(&folder, error))?;
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(&folder, error))?;
            let kind = entry.file_type().map_err(|error| unreadable(&entry.path(), error))?;
            let path = entry.path();
            if kind.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn name(dir: &Path, path: &Path) -> String {
    path.strip_prefix(dir).unwrap_or(path).display().to_string()
}

fn parse(dir: &Path, path: &Path) -> Result<Json, Error> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let options = serde_saphyr::options! {
        with_snippet: false,
        // `no`, `on` and `off` are words that people say and devices are.
        strict_booleans: true,
        budget: serde_saphyr::budget! { max_nodes: MAX_NODES, max_anchors: 100 },
    };
    let wrong =
        |error: serde_saphyr::Error| Wrong { place: name(dir, path), what: error.to_string() };
    Ok(serde_saphyr::from_str_with_options(&text, options).map_err(wrong)?)
}

/// A folder of its own, gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, Error> {
        let mut random = [0_u8; 8];
        getrandom::fill(&mut random).map_err(|error| Error::Storage(error.to_string()))?;
        let random: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = std::env::temp_dir().join(format!("homard-eval-{random}"));
        std::fs::create_dir(&path)
            .map_err(|source| Error::Unreadable { path: path.clone(), source })?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
