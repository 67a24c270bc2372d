//! The languages that are spoken: which are loaded, from where, and when. A thread of its own loads and compiles them
//! beside the hub's loop; the ear asks it for a language and is told when it is there. When the owner changes a sentence
//! file, or packs are fetched, what is loaded is made anew, and the old holds until then.
//!
//! The home's languages are loaded at the start and stay. Another one is loaded when somebody says that it is spoken,
//! and goes when others have been spoken since. Compiled packs are kept in no file: reading and compiling one takes
//! tens of milliseconds.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{debug, error, warn};

use super::notice;
use super::owner::{self, Files, Owner, Sentences};
use crate::assistant::policy::Policy;
use crate::assistant::{Assistant, Language, Packs};
use crate::automation::sun::Place;
use crate::intent::own;
use crate::intent::pack::{Pack, PackProblem, Source};

/// Languages beside the home's that stay loaded; some megabytes each.
const MOST_ON_DEMAND: usize = 3;
/// Largest pack, in bytes; the largest official one has a third of a million.
const LARGEST_PACK: u64 = 8 << 20;
/// Orders that may wait for the thread; the ear asks again for what finds no room.
const MOST_ORDERS: usize = 16;
/// How long a language that is not there is not looked for again.
const ABSENT_FOR: Duration = Duration::from_secs(30);
/// Tags of languages that are remembered; more than anybody speaks.
const MOST_TAGS: usize = 200;
/// Longest tag of a language; BCP 47 recommends room for 35 letters.
const LONGEST_TAG: usize = 35;
/// How long files must have been quiet before they are read again: editors write in several steps.
const SETTLED: Duration = Duration::from_millis(150);
/// Most problems told; the rest is counted.
const MOST_PROBLEMS: usize = 50;

/// Where languages come from, and which.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// The home's own languages, the first one first.
    pub(super) home: Vec<String>,
    /// The folder of models; packs are in `sentences` below it.
    pub(super) models: Option<PathBuf>,
    /// The folder of the owner's sentences.
    pub(super) sentences: Option<PathBuf>,
    /// The house's time zone.
    pub(super) zone: TimeZone,
    /// What needs a yes.
    pub(super) policy: Policy,
    /// Where it is.
    pub(super) place: Option<Place>,
}

/// What is asked of the thread.
#[derive(Debug)]
pub(super) enum Order {
    /// Somebody says that they speak this.
    Load(String),
    /// A file was changed.
    Changed,
    /// These are the home's languages from now on, the first one first.
    Speak(Vec<String>),
}

/// What is shared between the thread and the ear. Both hold it for moments only.
pub(super) struct Shared {
    assistant: Mutex<Assistant>,
    tags: Mutex<Tags>,
}

/// The languages as the ear knows them.
#[derive(Clone)]
pub(super) struct Languages {
    shared: Arc<Shared>,
    orders: SyncSender<Order>,
    is_ready: watch::Sender<bool>,
}

/// The languages as the owner changes them. Cheap to clone.
#[derive(Clone)]
pub(super) struct Speech {
    shared: Arc<Shared>,
    orders: SyncSender<Order>,
    is_ready: watch::Sender<bool>,
    settings: Settings,
}

impl Speech {
    /// The assistant that speaks them.
    #[cfg(feature = "speech")]
    pub(super) fn assistant(&self) -> MutexGuard<'_, Assistant> {
        self.shared.assistant()
    }

    /// Makes these the home's languages, the first one first; a moment later it speaks them.
    pub(super) fn speak(&self, home: Vec<String>) {
        self.is_ready.send_replace(false);
        if self.orders.send(Order::Speak(home)).is_err() {
            self.is_ready.send_replace(true);
        }
    }

    /// The house is here from now on.
    pub(super) fn stand_at(&self, place: Place) {
        self.shared.assistant().set_place(place);
    }

    /// Codes of all languages that could be spoken.
    pub(super) fn there(&self) -> Vec<String> {
        self.settings.there(&Owner::new(self.settings.sentences.clone().unwrap_or_default()))
    }
}

impl Settings {
    /// Codes of all languages for which there is a pack, or files of the owner's.
    fn there(&self, owner: &Owner) -> Vec<String> {
        let packs = self.models.iter().flat_map(|models| packs_in(models));
        let mut known: Vec<String> = packs.chain(own::languages().map(str::to_owned)).collect();
        known.extend(owner.languages().into_iter().map(|name| name.replace('_', "-")));
        known.sort();
        known.dedup();
        known
    }
}

/// What became of tags that were said, and when each language was spoken last.
#[derive(Default)]
struct Tags {
    /// The code of a tag's language, or since when it is known that there is none.
    known: BTreeMap<String, Result<String, Instant>>,
    /// Codes, the one spoken last at the end.
    spoken: Vec<String>,
}

/// What the ear does about a tag.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// The language of this code is loaded.
    Spoken(String),
    /// There is no such language.
    Unknown,
    /// It is being loaded: wait until it is ready.
    Loading,
}

impl Languages {
    /// Starts the thread. What is wrong with sentences is told over the second value, always all of it.
    pub(super) fn start(settings: Settings) -> (Self, Speech, watch::Receiver<Vec<String>>) {
        let (is_ready, _) = watch::channel(false);
        let (orders, inbox) = sync_channel(MOST_ORDERS);
        let (problems, told) = watch::channel(Vec::new());
        let shared = Shared::silent(&settings);
        let owner = Owner::new(settings.sentences.clone().unwrap_or_default());
        let speech = Speech {
            shared: Arc::clone(&shared),
            orders: orders.clone(),
            is_ready: is_ready.clone(),
            settings: settings.clone(),
        };
        let loader = Loader {
            owner,
            settings,
            shared: Arc::clone(&shared),
            problems,
            is_ready: is_ready.clone(),
            loaded: BTreeMap::new(),
        };
        loader.watch(orders.clone());
        let started =
            thread::Builder::new().name("languages".to_owned()).spawn(move || loader.run(&inbox));
        if let Err(error) = started {
            error!(%error, "No thread for the languages; sentences are not understood.");
            is_ready.send_replace(true);
        }
        (Self { shared, orders, is_ready }, speech, told)
    }

    /// The languages of an assistant, which learns no other.
    pub(super) fn of(assistant: Assistant) -> Self {
        let shared = Shared { assistant: Mutex::new(assistant), tags: Mutex::default() };
        // Nobody takes orders.
        let (orders, _) = sync_channel(1);
        Self { shared: Arc::new(shared), orders, is_ready: watch::channel(true).0 }
    }

    /// True when the home's languages are loaded, and no other one is being loaded.
    pub(super) fn ready(&self) -> watch::Receiver<bool> {
        self.is_ready.subscribe()
    }

    /// The assistant that speaks them.
    pub(super) fn assistant(&self) -> MutexGuard<'_, Assistant> {
        self.shared.assistant()
    }

    /// Finds the language of a tag that was said; asks for it where it is not loaded. Never waits.
    pub(super) fn find(&self, tag: &str) -> Tag {
        let tag = tag.trim().to_lowercase();
        if tag.is_empty() || tag.len() > LONGEST_TAG {
            return Tag::Unknown;
        }
        let mut tags = self.shared.tags();
        match tags.known.get(&tag) {
            Some(Err(since)) if since.elapsed() < ABSENT_FOR => return Tag::Unknown,
            Some(Ok(code)) if self.assistant().knows(code) => {
                let code = code.clone();
                tags.spoke(&code);
                return Tag::Spoken(code);
            }
            _ => {}
        }
        if self.assistant().knows(&tag) {
            tags.spoke(&tag);
            return Tag::Spoken(tag);
        }
        // False before the order is given: whoever waits must not find it true from before.
        self.is_ready.send_replace(false);
        match self.orders.try_send(Order::Load(tag)) {
            // What waits already makes it ready again; then it is asked once more.
            Ok(()) | Err(TrySendError::Full(_)) => Tag::Loading,
            Err(TrySendError::Disconnected(_)) => {
                self.is_ready.send_replace(true);
                Tag::Unknown
            }
        }
    }
}

/// The assistant with the home's languages, loaded before this returns.
pub(super) fn load(settings: Settings) -> Assistant {
    let shared = Shared::silent(&settings);
    let mut loader = Loader {
        owner: Owner::new(settings.sentences.clone().unwrap_or_default()),
        settings,
        shared: Arc::clone(&shared),
        problems: watch::channel(Vec::new()).0,
        is_ready: watch::channel(false).0,
        loaded: BTreeMap::new(),
    };
    loader.load_home();
    shared.assistant().clone()
}

impl Shared {
    fn silent(settings: &Settings) -> Arc<Shared> {
        let mut assistant = Assistant::silent(settings.zone.clone());
        assistant.set_policy(settings.policy);
        assistant.keeps_for_later();
        assistant.keeps_rules();
        if let Some(place) = settings.place {
            assistant.set_place(place);
        }
        Arc::new(Shared { assistant: Mutex::new(assistant), tags: Mutex::default() })
    }

    fn assistant(&self) -> MutexGuard<'_, Assistant> {
        // A panic while understanding leaves nothing half done that the next sentence needs.
        self.assistant.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tags(&self) -> MutexGuard<'_, Tags> {
        self.tags.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tags {
    fn spoke(&mut self, code: &str) {
        self.spoken.retain(|known| known != code);
        self.spoken.push(code.to_owned());
    }

    fn note(&mut self, tag: String, found: Result<String, Instant>) {
        if self.known.len() >= MOST_TAGS {
            self.known.clear();
        }
        self.known.insert(tag, found);
    }
}

/// The thread.
struct Loader {
    owner: Owner,
    settings: Settings,
    shared: Arc<Shared>,
    problems: watch::Sender<Vec<String>>,
    is_ready: watch::Sender<bool>,
    /// By code.
    loaded: BTreeMap<String, Loaded>,
}

/// What a loaded language was made of.
struct Loaded {
    /// Of the files it was made of, as they were then.
    stamps: Stamps,
    is_on_demand: bool,
    problems: Vec<String>,
}

/// Size, inode and time of change of files: others when one was changed.
type Stamps = Vec<(PathBuf, (u64, u64, i64, i64))>;

impl Loader {
    /// Notices when files change. Packs are only watched in a folder that is there at the start.
    fn watch(&self, orders: SyncSender<Order>) {
        let packs = self.settings.models.as_ref().map(|models| models.join("sentences"));
        let Some(sentences) = self.settings.sentences.clone() else { return };
        if let Err(error) = fs::create_dir_all(&sentences) {
            warn!(%error, "There is no folder for sentences of your own.");
        }
        let owner = Owner::new(sentences);
        let folders = move || owner.folders().into_iter().chain(packs.clone()).collect();
        // A full inbox has a change in it already, or work before which nothing is read.
        let changed =
            move || !matches!(orders.try_send(Order::Changed), Err(TrySendError::Disconnected(_)));
        if let Err(error) = notice::changes(folders, changed) {
            warn!(%error, "Sentence files are not watched; changes of them need a restart.");
        }
    }

    fn run(mut self, orders: &Receiver<Order>) {
        self.try_to(Self::load_home);
        self.is_ready.send_replace(true);
        let mut has_changed = false;
        loop {
            let order = match has_changed {
                true => orders.recv_timeout(SETTLED),
                false => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match order {
                Ok(Order::Load(tag)) => self.try_to(|loader| loader.load_tag(tag)),
                Ok(Order::Speak(home)) => self.try_to(|loader| loader.speak(home)),
                Ok(Order::Changed) => {
                    has_changed = true;
                    continue;
                }
                Err(RecvTimeoutError::Timeout) => {
                    has_changed = false;
                    self.try_to(Self::look_again);
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.is_ready.send_replace(true);
        }
    }

    /// A panic must cost one language and not all that come after.
    fn try_to(&mut self, what: impl FnOnce(&mut Self)) {
        if catch_unwind(AssertUnwindSafe(|| what(self))).is_err() {
            error!("A language could not be loaded.");
        }
    }

    fn load_home(&mut self) {
        for tag in self.settings.home.clone() {
            match self.resolve(&tag) {
                Some(code) => {
                    self.load(&code, false);
                    self.shared.tags().note(tag.to_lowercase(), Ok(code));
                }
                None => {
                    let text = format!(
                        "there are no sentences of the language `{tag}`; `homard models pull` fetches those of 65 \
                         languages"
                    );
                    warn!("A language of the home has no sentences.");
                    let lost =
                        Loaded { stamps: Vec::new(), is_on_demand: false, problems: vec![text] };
                    self.loaded.insert(tag, lost);
                }
            }
        }
        self.tell();
    }

    /// Forgets all and loads these.
    fn speak(&mut self, home: Vec<String>) {
        for code in std::mem::take(&mut self.loaded).into_keys() {
            let old = self.shared.assistant().forget(&code);
            drop(old);
        }
        *self.shared.tags() = Tags::default();
        self.settings.home = home;
        self.load_home();
    }

    /// Makes anew what files were changed of.
    fn look_again(&mut self) {
        let changed: Vec<(String, bool)> = self
            .loaded
            .iter()
            .filter(|(code, loaded)| self.stamps(code) != loaded.stamps)
            .map(|(code, loaded)| (code.clone(), loaded.is_on_demand))
            .collect();
        for (code, is_on_demand) in changed {
            self.load(&code, is_on_demand);
        }
        // Perhaps there is by now what was missing.
        self.shared.tags().known.retain(|_, found| found.is_ok());
        self.tell();
    }

    /// The files that a language is made of, as they are now.
    fn stamps(&self, code: &str) -> Stamps {
        let pack = self.settings.models.iter().map(|models| {
            let path = models.join("sentences").join(format!("{code}.json"));
            (path.clone(), owner::stamp(&path))
        });
        pack.chain(self.owner.stamps(code)).collect()
    }

    fn load_tag(&mut self, tag: String) {
        let Some(code) = self.resolve(&tag) else {
            self.shared.tags().note(tag, Err(Instant::now()));
            return;
        };
        let is_known = self.shared.assistant().knows(&code);
        if !is_known {
            self.load(&code, true);
            self.make_room(&code);
            self.tell();
        }
        let mut tags = self.shared.tags();
        tags.spoke(&code);
        tags.note(tag, Ok(code));
    }

    /// The code of the language that a tag means, of those that there are.
    fn resolve(&self, tag: &str) -> Option<String> {
        pick(tag, &self.settings.there(&self.owner))
    }

    fn load(&mut self, code: &str, is_on_demand: bool) {
        let began = Instant::now();
        // Before anything is read: what is changed meanwhile is noticed.
        let stamps = self.stamps(code);
        let files = self.owner.read(code);
        let mut problems = files.unreadable().to_vec();
        let official = self.official(code, &mut problems);
        let (language, wrong) = compile(code, official.as_ref(), &files, &[]);
        let language = match wrong.is_empty() {
            true => language,
            // Broken files are replaced by what they were when they were good.
            false => {
                let (language, still) = compile(code, official.as_ref(), &files, &wrong);
                debug!(n = still.len(), "Problems of the last good version.");
                language
            }
        };
        problems.extend(wrong.iter().map(|problem| files.words(problem)));
        self.owner.keep(code, &files, &wrong);
        let size = language.size();
        let language = if is_on_demand { language.on_demand() } else { language };
        let old = self.shared.assistant().teach(language);
        drop(old);
        debug!(language = code, elapsed = ?began.elapsed(), size, "Language loaded.");
        self.loaded.insert(code.to_owned(), Loaded { stamps, is_on_demand, problems });
    }

    /// The official pack, if it is there.
    fn official(&self, code: &str, problems: &mut Vec<String>) -> Option<String> {
        let models = self.settings.models.as_ref()?;
        let path = models.join("sentences").join(format!("{code}.json"));
        let read = |path: &Path| -> io::Result<String> {
            let file = fs::File::open(path)?;
            let mut text = String::new();
            file.take(LARGEST_PACK).read_to_string(&mut text)?;
            Ok(text)
        };
        let text = match read(&path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                problems.push(format!("{}: {error}", path.display()));
                return None;
            }
        };
        let (pack, found) = read_pack(code, &text);
        if pack.blocks.is_empty() {
            let why = found.first().map(ToString::to_string).unwrap_or_default();
            let path = path.display();
            problems.push(format!(
                "{path} has no sentences; `homard models check` verifies it ({why})"
            ));
            return None;
        }
        Some(text)
    }

    /// Forgets what was not spoken for the longest time.
    fn make_room(&mut self, but: &str) {
        let is_idle = |code: &&String| code.as_str() != but && self.loaded[*code].is_on_demand;
        let mut idle: Vec<String> = self.loaded.keys().filter(is_idle).cloned().collect();
        let tags = self.shared.tags();
        let spoken = |code: &String| tags.spoken.iter().position(|known| known == code);
        idle.sort_by_key(spoken);
        drop(tags);
        let n_over = (idle.len() + 1).saturating_sub(MOST_ON_DEMAND);
        for code in idle.into_iter().take(n_over) {
            let old = self.shared.assistant().forget(&code);
            drop(old);
            self.loaded.remove(&code);
            self.shared.tags().spoken.retain(|known| *known != code);
        }
    }

    /// Tells all that is wrong now.
    fn tell(&self) {
        let mut all: Vec<String> =
            self.loaded.values().flat_map(|loaded| loaded.problems.clone()).collect();
        all.dedup();
        if all.len() > MOST_PROBLEMS {
            let n_more = all.len() - MOST_PROBLEMS;
            all.truncate(MOST_PROBLEMS);
            all.push(format!("and {n_more} more problems of sentences"));
        }
        self.problems.send_if_modified(|told| {
            let is_new = *told != all;
            *told = all;
            is_new
        });
    }
}

fn read_pack(code: &str, text: &str) -> (Pack, Vec<PackProblem>) {
    Pack::read(code, &[Source { file: &format!("{code}.json"), text }])
}

/// Makes a language of an official pack's text, Homard's own sentences and the owner's files; what is wrong in those.
/// Of files in `broken` the last good version is taken.
fn compile(
    code: &str,
    official: Option<&String>,
    files: &Files,
    broken: &[PackProblem],
) -> (Language, Vec<PackProblem>) {
    let official = official.map(|text| read_pack(code, text).0);
    // Without a pack of its own, `en-GB` is spoken as `en`.
    let own = own::pack(code).map(|(pack, _)| pack).filter(|pack| pack.language == code);
    let (sentences, mut wrong) = files.sentences(code, broken);
    let Sentences { pack, scripts } = sentences;
    let owner = (!files.is_empty()).then_some(pack);
    let (language, found) = Language::compile(code, Packs { owner, scripts, official, own });
    for problem in found {
        if files.has(&problem) {
            wrong.push(problem);
        } else {
            // What an official pack asks for and Homard lacks is for its developers.
            debug!(error = %problem, "A sentence cannot be used.");
        }
    }
    (language, wrong)
}

/// Codes of the packs in a folder of models.
fn packs_in(models: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(models.join("sentences")) else { return Vec::new() };
    let code = |entry: fs::DirEntry| {
        let name = entry.file_name();
        let code = name.to_str()?.strip_suffix(".json")?;
        (code != "intents").then(|| code.to_owned())
    };
    entries.flatten().filter_map(code).collect()
}

/// The known language that a tag means: itself (`pt-br`, `pt_BR`), else what it is a kind of (`de-AT` is `de`), else
/// the first kind of it (`zh` is `zh-CN`).
fn pick(tag: &str, known: &[String]) -> Option<String> {
    let tag = tag.replace('_', "-").to_lowercase();
    // Norwegian is written as Bokmål unless said otherwise.
    let tag = match tag.strip_prefix("no") {
        Some(rest) if rest.is_empty() || rest.starts_with('-') => format!("nb{rest}"),
        _ => tag,
    };
    let mut shorter = Some(tag.as_str());
    while let Some(part) = shorter {
        if let Some(found) = known.iter().find(|code| code.eq_ignore_ascii_case(part)) {
            return Some(found.clone());
        }
        shorter = part.rsplit_once('-').map(|(head, _)| head);
    }
    let family = tag.split('-').next().unwrap_or_default();
    let is_kind = |code: &&String| {
        code.split_once('-').is_some_and(|(head, _)| head.eq_ignore_ascii_case(family))
    };
    known.iter().find(is_kind).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_means_the_nearest_language_that_there_is() {
        let known: Vec<String> =
            ["de", "de-CH", "en", "nb", "pt", "pt-BR", "sr", "sr-Latn", "zh-CN", "zh-TW"]
                .map(str::to_owned)
                .to_vec();
        let check = |tag: &str, expected: Option<&str>| {
            assert_eq!(pick(tag, &known).as_deref(), expected, "{tag}");
        };
        check("de", Some("de"));
        check("DE", Some("de"));
        check("de-CH", Some("de-CH"));
        check("de_ch", Some("de-CH"));
        check("de-AT", Some("de"));
        check("en-GB-oxendict", Some("en"));
        check("pt-BR", Some("pt-BR"));
        check("pt_br", Some("pt-BR"));
        check("pt-PT", Some("pt"));
        check("sr-Latn-RS", Some("sr-Latn"));
        check("zh", Some("zh-CN"));
        check("zh-Hant-TW", Some("zh-CN"));
        check("no", Some("nb"));
        check("no-NO", Some("nb"));
        check("nonsense", None);
        check("tlh", None);
        check("", None);
        check("-", None);
    }
}
