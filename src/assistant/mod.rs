//! The conversation: what a person says becomes a plan or an answer, and what devices did becomes a
//! reply. Pure: it returns what is to be done as data and is told the outcomes.
//!
//! [`Assistant::hear`] gives a [`Turn`]: an [`Answer`] at once, or a [`Plan`] of calls. Whoever
//! carries the calls out gives the outcomes to [`Plan::conclude`], which forms the reply from them
//! and from nothing else.

mod answer;
mod foreign;
pub mod official;
mod plan;
mod reply;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::home::Home;
use crate::home::action::{Outcome, Refusal};
use crate::home::domain::Action;
use crate::home::id::EntityId;
use crate::home::place::Area;
use crate::home::target::{self, Target};
use crate::home::value::Value;
use crate::intent::lists::{HomeLists, Names};
use crate::intent::matcher::Matcher;
use crate::intent::meaning::{
    Command, Reading, Step, Talk, Understanding, UnknownList, UnknownName, When,
};
use crate::intent::pack::{Pack, PackProblem};
use crate::intent::response::{Phrase, Voice};
use crate::intent::{self, own};
use crate::text;

use self::official::Official;

/// Most conversations with an open question; the oldest is forgotten.
const MAX_PENDING: usize = 64;
/// How long a question back waits for its answer, in seconds.
const PATIENCE_S: i64 = 120;

/// Understands and answers.
#[derive(Debug, Clone)]
pub struct Assistant {
    languages: Vec<Arc<Language>>,
    zone: TimeZone,
    lists: HomeLists,
    /// Of the names that the lists were made from; `None` before the first.
    names: Option<u64>,
    pending: BTreeMap<String, Pending>,
}

#[derive(Debug, PartialEq)]
struct Language {
    code: String,
    words: Words,
    /// The replies of its pack, where it has no words of Homard's own.
    official: Option<Official>,
    matcher: Matcher,
}

/// A pack's words for replies, see [`Voice`].
type Words = BTreeMap<String, BTreeMap<String, String>>;

/// A command that waits for "which one?" to be answered.
#[derive(Debug, Clone)]
struct Pending {
    command: Command,
    reading: Reading,
    candidates: Vec<EntityId>,
    /// Unix seconds.
    until: i64,
}

/// What a person said, and where.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// The words.
    pub text: &'a str,
    /// The language's code; the first of the assistant's languages when absent.
    pub language: Option<&'a str>,
    /// The room of the speaker: an area's id, name or alias.
    pub area: Option<&'a str>,
    /// Which conversation this belongs to.
    pub conversation: &'a str,
    /// When.
    pub now: Timestamp,
}

/// What comes of an utterance.
#[derive(Debug, Clone, PartialEq)]
pub enum Turn {
    /// Say this.
    Answer(Answer),
    /// Do this, then [`Plan::conclude`].
    Act(Box<Plan>),
}

/// Calls to make. Nothing is done yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// On which entity and what. Never empty.
    pub calls: Vec<(EntityId, Action)>,
    /// What cannot be done and why, known before anything is sent.
    pub refused: Vec<(EntityId, Refusal)>,
    command: Command,
    target: Target,
    reading: Reading,
    language: Arc<Language>,
}

/// What is said back, and what was done.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The sentences.
    pub text: String,
    /// The language they are in.
    pub language: String,
    /// What kind of answer.
    pub kind: Kind,
    /// Entities on which it was done (confirmed or sent).
    pub success: Vec<(EntityId, Outcome)>,
    /// Entities on which it was not done.
    pub failed: Vec<(EntityId, Outcome)>,
    /// The intent's name, if one was recognised.
    pub intent: Option<String>,
    /// Its slots.
    pub slots: Vec<(String, Value)>,
    /// An answer is expected.
    pub continues: bool,
}

/// Kinds of answer, as Home Assistant's conversation API has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something was done.
    ActionDone,
    /// A question was answered.
    QueryAnswer,
    /// Nothing was done.
    Error(Code),
}

/// Why nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// No sentence fits.
    NoIntentMatch,
    /// No such thing, or several and nothing says which.
    NoValidTargets,
    /// Refused or failed.
    FailedToHandle,
}

impl Code {
    /// The word of Home Assistant's API.
    pub fn word(self) -> &'static str {
        match self {
            Code::NoIntentMatch => "no_intent_match",
            Code::NoValidTargets => "no_valid_targets",
            Code::FailedToHandle => "failed_to_handle",
        }
    }
}

impl Assistant {
    /// An assistant that speaks Homard's own languages, `language` first, in the house's time zone.
    /// The problems are those of the built-in packs; a tested program has none.
    pub fn new(language: &str, zone: TimeZone) -> (Assistant, Vec<PackProblem>) {
        let mut assistant = Assistant {
            languages: Vec::new(),
            zone,
            lists: HomeLists::default(),
            names: None,
            pending: BTreeMap::new(),
        };
        let mut problems = Vec::new();
        let mut codes: Vec<&str> = own::languages().collect();
        codes.sort_by_key(|code| !is_same_language(code, language));
        for code in codes {
            if let Some((pack, found)) = own::pack(code) {
                problems.extend(found);
                problems.extend(assistant.add(pack));
            }
        }
        (assistant, problems)
    }

    /// Adds a language after those already known.
    pub fn add(&mut self, pack: Pack) -> Vec<PackProblem> {
        let (matcher, problems) = Matcher::new(&pack);
        let official = pack.words.is_empty().then(|| Official::new(pack.responses, pack.errors));
        let language = Language { code: pack.language, words: pack.words, official, matcher };
        self.languages.push(Arc::new(language));
        problems
    }

    /// Forgets all languages but these (`fr` also keeps `fr-CA`).
    pub fn speak_only(&mut self, codes: &[String]) {
        let is_kept = |known: &str| codes.iter().any(|code| is_same_language(code, known));
        self.languages.retain(|language| is_kept(&language.code));
    }

    /// Understands an utterance. Nothing happens by this: a plan is only a proposal. It is always
    /// the same home: another's names may not be noticed.
    pub fn hear(&mut self, said: &Said<'_>, home: &Home) -> Turn {
        let names = Some(home.names_version());
        if names != self.names {
            self.lists = HomeLists::new(&Names::of(home));
            self.names = names;
        }
        let here = said.area.and_then(|area| target::area_named(area, home));
        let open = self.pending.remove(said.conversation);
        if let Some(turn) = open.as_ref().and_then(|pending| self.chosen(pending, said, home)) {
            return turn;
        }
        let (understanding, index) = self.understand(said, here);
        if let Some(pending) = open
            && matches!(understanding, Understanding::Nothing | Understanding::UnknownName(..))
        {
            // One word misheard must not cost the question; another command does.
            self.pending.insert(said.conversation.to_owned(), pending);
        }
        let Some(language) = self.languages.get(index).cloned() else {
            return Turn::Answer(Answer::error(Code::NoIntentMatch, "", ""));
        };
        let speaker = language.speaker();
        let now = said.now.to_zoned(self.zone.clone());
        match understanding {
            Understanding::Wish(steps, reading) => {
                let Some(command) = only_now(steps) else {
                    return Turn::Answer(speaker.not_understood());
                };
                match target::to_act(&command.target, here, home) {
                    Ok(target) => plan::plan(command, target, reading, home, &language),
                    Err(refusal) => {
                        let answer = speaker.no_target(&refusal, &command, &reading, home);
                        if let Refusal::Ambiguous(candidates) = refusal {
                            self.wait(
                                said,
                                Pending {
                                    command,
                                    reading,
                                    candidates,
                                    until: said.now.as_second() + PATIENCE_S,
                                },
                            );
                        }
                        Turn::Answer(answer)
                    }
                }
            }
            Understanding::Question(question, reading) => {
                Turn::Answer(speaker.question(&question, &reading, here, home, &now))
            }
            Understanding::Talk(talk, reading) => Turn::Answer(speaker.talk(talk, &reading, &now)),
            Understanding::UnknownName(unknown, reading) => {
                Turn::Answer(speaker.unknown(&unknown, &reading, home))
            }
            Understanding::Errand(..) | Understanding::Unexplained(..) | Understanding::Nothing => {
                Turn::Answer(speaker.not_understood())
            }
        }
    }

    /// Understands in the language said, else in any other that the assistant speaks. The second
    /// value is the language to answer in.
    fn understand(&self, said: &Said<'_>, here: Option<&Area>) -> (Understanding, usize) {
        let wanted = said.language.and_then(|wanted| {
            let exact = self.languages.iter().position(|l| l.code.eq_ignore_ascii_case(wanted));
            exact.or_else(|| self.languages.iter().position(|l| is_same_language(&l.code, wanted)))
        });
        let first = wanted.unwrap_or(0);
        let others = (0..self.languages.len()).filter(|index| *index != first);
        let mut unknown = None;
        for index in std::iter::once(first).chain(others) {
            let Some(language) = self.languages.get(index) else { continue };
            let area = here.map(|area| area.name.as_str());
            let (code, matcher) = (&language.code, &language.matcher);
            match intent::understand(said.text, area, code, matcher, &self.lists) {
                Understanding::Nothing => {}
                // Another language may know all the words.
                understanding @ Understanding::UnknownName(..) => {
                    unknown.get_or_insert((understanding, index));
                }
                understanding => return (understanding, index),
            }
        }
        unknown.unwrap_or((Understanding::Nothing, first))
    }

    fn wait(&mut self, said: &Said<'_>, pending: Pending) {
        if self.pending.len() >= MAX_PENDING {
            let oldest = self.pending.iter().min_by_key(|(_, pending)| pending.until);
            if let Some(oldest) = oldest.map(|(conversation, _)| conversation.clone()) {
                self.pending.remove(&oldest);
            }
        }
        self.pending.insert(said.conversation.to_owned(), pending);
    }

    /// Takes an utterance as the answer to "which one?", if it is one.
    fn chosen(&self, pending: &Pending, said: &Said<'_>, home: &Home) -> Option<Turn> {
        if said.now.as_second() > pending.until {
            return None;
        }
        let language = self.languages.iter().find(|l| l.code == pending.reading.language)?;
        let speaker = language.speaker();
        let voice = speaker.voice;
        let key = text::key(said.text);
        if voice.find("no", &key).is_some() {
            let now = said.now.to_zoned(self.zone.clone());
            return Some(Turn::Answer(speaker.talk(Talk::Nevermind, &pending.reading, &now)));
        }
        let words: Vec<&str> = key
            .split(' ')
            .filter(|word| !word.is_empty() && voice.find("fillers", word).is_none())
            .collect();
        let is_meant = |id: &&EntityId| {
            home.entity(id.as_str()).is_some_and(|entity| {
                let area = home.area_of(entity).map(|area| area.name.as_str());
                let known: Vec<String> = entity.names().chain(area).map(text::key).collect();
                !words.is_empty()
                    && words.iter().all(|word| {
                        known.iter().any(|name| name.split(' ').any(|part| part == *word))
                    })
            })
        };
        let chosen: Vec<&EntityId> = match (voice.find("yes", &key), &pending.candidates[..]) {
            (Some(_), [only]) => vec![only],
            _ => pending.candidates.iter().filter(is_meant).collect(),
        };
        let [chosen] = chosen[..] else { return None };
        let target = Target { entities: vec![chosen.clone()], by: target::By::OnlyOne };
        Some(plan::plan(pending.command.clone(), target, pending.reading.clone(), home, language))
    }
}

/// The command of a single step that is to be taken at once and without a condition.
fn only_now(mut steps: Vec<Step>) -> Option<Command> {
    let step = steps.pop()?;
    let is_plain = steps.is_empty()
        && step.when == When::Now
        && step.lasting_s.is_none()
        && step.only_if.is_empty()
        && !step.instead_of_last;
    is_plain.then_some(step.command)
}

impl Plan {
    /// The reply once it is known what became of the calls. A call without an outcome counts as
    /// sent and not answered.
    pub fn conclude(&self, outcomes: &[(EntityId, Outcome)], home: &Home) -> Answer {
        self.language.speaker().outcomes(self, outcomes, home)
    }
}

impl Language {
    fn speaker(&self) -> Speaker<'_> {
        Speaker {
            voice: Voice::new(&self.words),
            official: self.official.as_ref(),
            code: &self.code,
        }
    }
}

/// Says things in one language.
struct Speaker<'a> {
    voice: Voice<'a>,
    official: Option<&'a Official>,
    code: &'a str,
}

impl Answer {
    fn error(code: Code, text: impl Into<String>, language: &str) -> Answer {
        Answer {
            text: text.into(),
            language: language.to_owned(),
            kind: Kind::Error(code),
            success: Vec::new(),
            failed: Vec::new(),
            intent: None,
            slots: Vec::new(),
            continues: false,
        }
    }

    /// The answer with what was recognised.
    fn of(mut self, reading: &Reading) -> Answer {
        self.intent = Some(reading.intent.clone());
        self.slots =
            reading.slots.iter().map(|slot| (slot.name.to_string(), plain(&slot.value))).collect();
        self
    }
}

impl Speaker<'_> {
    fn answer(&self, text: String, reading: &Reading) -> Answer {
        let answer = Answer::error(Code::NoIntentMatch, text, self.code).of(reading);
        Answer { kind: Kind::QueryAnswer, ..answer }
    }

    fn not_understood(&self) -> Answer {
        if let Some(foreign) = self.foreign() {
            return foreign.not_understood();
        }
        let text = self.voice.say("talk", "not_understood", &[]);
        Answer::error(Code::NoIntentMatch, text, self.code)
    }

    fn talk(&self, talk: Talk, reading: &Reading, now: &Zoned) -> Answer {
        if let Some(foreign) = self.foreign() {
            return foreign.talk(talk, reading, now);
        }
        let voice = &self.voice;
        let text = match talk {
            Talk::Nevermind | Talk::Stop | Talk::No => voice.say("talk", "nevermind", &[]),
            Talk::Undo | Talk::Yes | Talk::Help | Talk::Courtesy => {
                voice.say("talk", "not_understood", &[])
            }
            Talk::Time => {
                let time = Phrase::plain(self.clock(now));
                voice.say("talk", "time", &[("time", &time)])
            }
            Talk::Date => {
                let weekday = now.weekday().to_monday_one_offset().to_string();
                let month = now.month().to_string();
                let word = |group: &str, key: &str| {
                    Phrase::plain(voice.find(group, key).unwrap_or(key).to_owned())
                };
                voice.say(
                    "talk",
                    "date",
                    &[
                        ("weekday", &word("weekdays", &weekday)),
                        ("day", &Phrase::plain(now.day().to_string())),
                        ("month", &word("months", &month)),
                        ("year", &Phrase::plain(now.year().to_string())),
                    ],
                )
            }
        };
        let kind = if talk == Talk::Nevermind { Kind::ActionDone } else { Kind::QueryAnswer };
        Answer { kind, ..self.answer(text, reading) }
    }

    /// "I know nothing called …".
    fn unknown(&self, unknown: &UnknownName, reading: &Reading, home: &Home) -> Answer {
        // It is known, only not to this sentence: to deny it would be untrue.
        let wanted = text::key(&unknown.said);
        let is_it = |name: &str| text::key(name) == wanted;
        let mut shown = home.entities().filter(|entity| entity.is_enabled());
        if let Some(entity) = shown.find(|entity| entity.names().any(is_it)) {
            if let Some(foreign) = self.foreign() {
                return foreign.not_able(reading);
            }
            let text = self.refusal(&Refusal::CannotDo(""), &self.name(entity));
            return Answer::error(Code::FailedToHandle, text, self.code).of(reading);
        }
        let is_floor = home
            .floors()
            .any(|floor| is_it(&floor.name) || floor.aliases.iter().any(|alias| is_it(alias)));
        if is_floor || target::area_named(&unknown.said, home).is_some() {
            return self.not_understood();
        }
        if let Some(foreign) = self.foreign() {
            return foreign.unknown(unknown, reading, home);
        }
        let nearest = match unknown.list {
            UnknownList::Entity => {
                let shown = home.entities().filter(|entity| entity.is_enabled());
                text::nearest(&unknown.said, shown.map(|entity| &*entity.friendly_name))
            }
            UnknownList::Place => {
                let areas = home.areas().map(|area| area.name.as_str());
                let floors = home.floors().map(|floor| floor.name.as_str());
                text::nearest(&unknown.said, areas.chain(floors))
            }
        };
        // "What is love" is no question to a house; "what is the kitchn temperature" is.
        if unknown.is_question && nearest.is_empty() {
            return self.not_understood();
        }
        let said = unknown.said.clone();
        let refusal = match unknown.list {
            UnknownList::Entity => Refusal::NoSuchName { said, nearest },
            UnknownList::Place => Refusal::NoSuchPlace { said, nearest },
        };
        let text = self.refusal(&refusal, &Phrase::plain(""));
        Answer::error(Code::NoValidTargets, text, self.code).of(reading)
    }

    /// A time of day: "21:04".
    fn clock(&self, at: &Zoned) -> String {
        let hour = Phrase::plain(at.hour().to_string());
        let minute = Phrase::plain(format!("{:02}", at.minute()));
        let template = self.voice.word("time", "clock");
        self.voice.fill(template, &[("hour", &hour), ("minute", &minute)])
    }
}

fn is_same_language(a: &str, b: &str) -> bool {
    let family = |code: &str| code.split(['-', '_']).next().unwrap_or(code).to_lowercase();
    family(a) == family(b)
}

/// A slot's value as the rest of the house has values.
fn plain(value: &intent::value::Value) -> Value {
    use intent::value::Value as Slot;
    match value {
        Slot::Null => Value::Null,
        Slot::Bool(value) => Value::Bool(*value),
        Slot::Number(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
            Value::Int(*number as i64)
        }
        Slot::Number(number) => Value::Float(*number),
        Slot::Text(text) => Value::Text(text.clone()),
        Slot::List(values) => Value::List(values.iter().map(plain).collect()),
    }
}
