//! The conversation: what a person says becomes a plan or an answer, and what devices did becomes a
//! reply. Pure: it returns what is to be done as data and is told the outcomes.
//!
//! [`Assistant::hear`] gives a [`Turn`]: an [`Answer`] at once, or a [`Plan`] of calls. Whoever
//! carries the calls out gives the outcomes to [`Plan::conclude`], which forms the reply from them
//! and from nothing else.

mod ahead;
mod announce;
mod answer;
mod booked;
mod chat;
mod choose;
mod clean;
mod condition;
mod conversation;
mod elsewhere;
mod errand;
mod foreign;
mod halt;
mod hearsay;
mod language;
mod later;
mod leave;
mod measure;
mod memory;
mod naming;
mod need;
pub mod official;
mod pieces;
mod plan;
mod planned;
pub mod policy;
mod remind;
mod reply;
mod rule;
mod script;
mod undo;
mod weigh;
mod which_timer;
mod wish;
mod wonder;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::automation::Agenda;
use crate::automation::sun::Place;
use crate::home::Home;
use crate::home::action::{Outcome, Refusal};
use crate::home::id::EntityId;
use crate::home::person::{Means, Role};
use crate::home::target;
use crate::home::value::Value;
use crate::intent::lists::HomeLists;
use crate::intent::meaning::{Reading, Span, Talk, UnknownList, UnknownName};
use crate::intent::pack::PackProblem;
use crate::intent::response::{Phrase, Voice};
use crate::intent::{self, own, words};
use crate::text;

use self::memory::{Ask, Talks};
use self::official::Official;
use self::policy::Policy;

pub use crate::intent::words::Part;

pub use self::errand::Booking;
pub use self::language::{Language, Packs};
pub use self::need::{Need, SURE};
pub use self::pieces::{Meant, Piece};
pub use self::plan::Plan;
pub use self::rule::{Proposal, RuleTurn};
pub use self::script::ScriptPlan;

/// Understands and answers.
#[derive(Debug, Clone)]
pub struct Assistant {
    languages: Vec<Arc<Language>>,
    zone: TimeZone,
    lists: HomeLists,
    /// The same names for way 2, by language; learned when they are first needed.
    indices: BTreeMap<String, OnceLock<words::Names>>,
    /// Of the names that the lists were made from; `None` before the first.
    names: Option<u64>,
    /// What the lists in the books are called; empty for none but the shopping list.
    book_lists: Vec<String>,
    talks: Talks,
    policy: Policy,
    has_agenda: bool,
    has_rules: bool,
    /// Rooms in which something can speak now.
    speakers: Vec<String>,
    /// Where the house is, for sunrise and sunset.
    place: Option<Place>,
}

/// What a person said, and where.
#[derive(Debug, Clone, Copy, Default)]
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
    /// What the speaker may do.
    pub role: Role,
    /// How it came here.
    pub means: Means,
    /// What the speaker is called, if that is known.
    pub speaker: Option<&'a str>,
}

/// What comes of an utterance.
// One for each utterance: its size is no matter.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Clone, PartialEq)]
pub enum Turn {
    /// Say this.
    Answer(Answer),
    /// Do this, then [`Plan::conclude`]; first [`Assistant::keep_later`] if it has something for
    /// later.
    Act(Box<Plan>),
    /// Do what the owner wrote for this, then [`ScriptPlan::conclude`].
    Script(Box<ScriptPlan>),
    /// Write this in the books with [`Assistant::book`], and say what that says.
    Book(Box<Booking>),
    /// Try this rule against what is recorded, then [`Proposal::answer`].
    Tries(Box<Proposal>),
    /// Look at the rules with [`Assistant::rules`], do what that gives, and say what it says.
    Rules(Box<RuleTurn>),
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
    /// Which way it was understood: `sentence`, `words`, `model`.
    pub by: Option<&'static str>,
    /// The sentence template; empty when no sentence matched.
    pub template: String,
    /// The parts of the utterance and what each was taken for.
    pub spans: Vec<Span>,
    /// Other readings that were weighed, the best first, with their score.
    pub rivals: Vec<(String, f64)>,
    /// Why things were done or not, in plain English.
    pub why: Vec<String>,
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

/// What a question of the house can be answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Yes or no.
    YesOrNo,
    /// One of these.
    Which(Vec<String>),
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
    /// An assistant that speaks no language yet, in the house's time zone.
    pub fn silent(zone: TimeZone) -> Assistant {
        Assistant {
            languages: Vec::new(),
            zone,
            lists: HomeLists::default(),
            indices: BTreeMap::new(),
            names: None,
            book_lists: Vec::new(),
            talks: Talks::default(),
            policy: Policy::default(),
            has_agenda: false,
            has_rules: false,
            speakers: Vec::new(),
            place: None,
        }
    }

    /// An assistant that speaks Homard's own languages, `language` first, in the house's time zone.
    /// The problems are those of the built-in packs; a tested program has none.
    pub fn new(language: &str, zone: TimeZone) -> (Assistant, Vec<PackProblem>) {
        let mut assistant = Assistant::silent(zone);
        let mut problems = Vec::new();
        let mut codes: Vec<&str> = own::languages().collect();
        codes.sort_by_key(|code| !is_same_language(code, language));
        for code in codes {
            if let Some((pack, found)) = own::pack(code) {
                problems.extend(found);
                let packs = Packs { own: Some(pack), ..Packs::default() };
                let (language, found) = Language::compile(code, packs);
                problems.extend(found);
                assistant.teach(language);
            }
        }
        (assistant, problems)
    }

    /// Adds a language after those already known, or in the place of what was known of it; that is
    /// returned, as dropping it takes a moment.
    pub fn teach(&mut self, language: Language) -> Option<Arc<Language>> {
        let language = Arc::new(language);
        self.indices.remove(&language.code);
        match self.languages.iter_mut().find(|known| known.code == language.code) {
            Some(known) => Some(std::mem::replace(known, language)),
            None => {
                self.languages.push(language);
                None
            }
        }
    }

    /// Forgets a language, and returns it.
    pub fn forget(&mut self, code: &str) -> Option<Arc<Language>> {
        let at = self.languages.iter().position(|language| language.code == code)?;
        Some(self.languages.remove(at))
    }

    /// Whether it knows the language of exactly this code.
    pub fn knows(&self, code: &str) -> bool {
        self.languages.iter().any(|language| language.code == code)
    }

    /// Forgets all languages but these (`fr` also keeps `fr-CA`).
    pub fn speak_only(&mut self, codes: &[String]) {
        let is_kept = |known: &str| codes.iter().any(|code| is_same_language(code, known));
        self.languages.retain(|language| is_kept(&language.code));
    }

    /// What the owner decided about what needs a yes.
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
    }

    /// Where the house is.
    pub fn set_place(&mut self, place: Place) {
        self.place = Some(place);
    }

    /// Somebody keeps the steps of [`Plan::later`] and takes them in their time. Without that, what
    /// is wished for later is refused.
    pub fn keeps_for_later(&mut self) {
        self.has_agenda = true;
    }

    /// The rooms in which something can speak now, by whatever name.
    pub fn know_speakers(&mut self, rooms: Vec<String>) {
        self.speakers = rooms;
    }

    /// What the question that waits in a conversation can be answered with, if there is one.
    pub fn asked(&self, conversation: &str, home: &Home) -> Option<Asked> {
        let words = match &self.talks.question(conversation)?.ask {
            Ask::Really | Ask::Arm(_) => return Some(Asked::YesOrNo),
            Ask::Reminder => return None,
            Ask::Which { candidates, .. } => choose::told_apart(candidates, home),
            Ask::Timer { candidates, .. } => {
                candidates.iter().map(|(_, words)| words.clone()).collect()
            }
        };
        Some(Asked::Which(words))
    }

    /// What the lists in the books are called now, so that sentences can name them.
    pub fn know_lists(&mut self, agenda: &Agenda) {
        let names = agenda.lists().map(|list| list.name.clone());
        let names: Vec<String> = names.filter(|name| !name.is_empty()).collect();
        if names != self.book_lists {
            self.book_lists = names;
            self.names = None;
        }
    }
}

/// Says things in one language.
struct Speaker<'a> {
    voice: Voice<'a>,
    /// What its pack says, in a language without words of Homard's own.
    official: Option<&'a Official>,
    /// What the owner wants said instead.
    owners: Option<&'a Official>,
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
            by: None,
            template: String::new(),
            spans: Vec::new(),
            rivals: Vec::new(),
            why: Vec::new(),
        }
    }

    /// The answer with what was recognised.
    fn of(mut self, reading: &Reading) -> Answer {
        self.intent = Some(reading.intent.clone());
        self.slots =
            reading.slots.iter().map(|slot| (slot.name.to_string(), plain(&slot.value))).collect();
        self.by = Some(reading.way.word());
        self.template = reading.template.clone();
        self.spans = spans(reading);
        self.rivals = reading.rivals.clone();
        self.why = reading.why.clone();
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

    /// "I did not understand «flux»."
    fn unexplained(&self, words: &[String], reading: &Reading) -> Answer {
        if words.is_empty() || self.official.is_some() {
            return self.not_understood();
        }
        let words: Vec<Phrase> = words.iter().map(Phrase::plain).collect();
        let what = self.voice.list(&words);
        let text = self.voice.say("talk", "unexplained", &[("what", &what)]);
        Answer { intent: None, ..Answer::error(Code::NoIntentMatch, text, self.code).of(reading) }
    }

    /// Understood, but nobody does it.
    fn not_yet(&self, reading: &Reading) -> Answer {
        let text = self.voice.say("talk", "not_yet", &[]);
        Answer::error(Code::FailedToHandle, text, self.code).of(reading)
    }

    fn talk(&self, talk: Talk, reading: &Reading, now: &Zoned) -> Answer {
        let mut worded = [self.owners(), self.foreign()].into_iter().flatten();
        if let Some(answer) = worded.find_map(|pack| pack.talk(talk, reading, now)) {
            return answer;
        }
        let voice = &self.voice;
        let text = match talk {
            Talk::Nevermind | Talk::Stop | Talk::No => voice.say("talk", "nevermind", &[]),
            Talk::Undo => voice.say("talk", "nothing_to_undo", &[]),
            // A yes to nothing.
            Talk::Yes => return self.not_understood(),
            Talk::Help => voice.say("talk", "help", &[]),
            Talk::Courtesy => voice.say("talk", "courtesy", &[]),
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
        self.clock_of(at.hour().into(), at.minute().into())
    }

    fn clock_of(&self, hour: i64, minute: i64) -> String {
        let hour = Phrase::plain(hour.to_string());
        let minute = Phrase::plain(format!("{minute:02}"));
        let template = self.voice.word("time", "clock");
        self.voice.fill(template, &[("hour", &hour), ("minute", &minute)])
    }
}

/// The parts of the utterance: of a sentence, what was said for its slots.
fn spans(reading: &Reading) -> Vec<Span> {
    if !reading.spans.is_empty() {
        return reading.spans.clone();
    }
    let said = reading.slots.iter().filter(|slot| !slot.said.is_empty());
    let span = |slot: &intent::matcher::Slot| Span {
        said: slot.said.clone(),
        role: match &*slot.name {
            "name" => "name",
            "area" => "area",
            "floor" => "floor",
            "domain" | "device_class" => "kind",
            "state" => "state",
            _ => "value",
        },
        meaning: match &slot.value {
            intent::value::Value::Number(number) => number.to_string(),
            value => value.texts().join(", "),
        },
        score: 1.0,
    };
    said.map(span).collect()
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
