//! Way 2: an utterance is understood by its words, in any order. It looks for the reading that
//! explains all important words and that the home allows, and is conservative: what it cannot
//! explain it says, what is ambiguous it lets be asked, and a question never becomes a wish. Pure.
//!
//! ```text
//!  token    text ► words
//!  lexicon  words.yaml ► phrases and what each can be (tag); sound: which words are alike
//!  ground   the home's names, by word
//!  spans    words ► spans: which neighbours belong together
//!  reason   spans without the sentences that only say why
//!  clause   spans ► clauses: verb, noun phrases, value        time, condition: taken out before
//!  noun     noun phrase ► target in this home
//!  act      verb and value ► what to do, by kind of thing
//!  remind   "remind me": when, and of what
//!  rule     "when the door opens …": events, what must hold, and the deed
//!  wish     clauses ► steps; follow: what was said before    ask, about: clauses ► question
//!  echo     what was heard ► what sounds like it and is made of words that mean something here
//! ```
//!
//! All that depends on the language is in `models/sentences/LANGUAGE/words.yaml`; another language
//! is another file.

mod about;
mod act;
mod ask;
mod clause;
mod condition;
mod echo;
mod follow;
mod ground;
mod kinds;
mod lexicon;
mod misheard;
mod noun;
mod part;
mod phrase;
mod pieces;
mod range;
mod reason;
mod remind;
mod rule;
mod serve;
mod share;
mod sound;
mod spans;
mod tag;
#[cfg(test)]
mod tests;
mod time;
mod token;
mod value;
mod wish;

use std::sync::{Arc, OnceLock};

use crate::home::Home;
use crate::home::domain::Domain;
use crate::home::place::Area;
use crate::home::target::TargetWords;
use crate::intent::matcher::Slot;
use crate::intent::meaning::{self, Memory, Reading, Talk, Understanding, UnknownName, Way, When};
use crate::intent::own;
use crate::intent::pack::PackProblem;

pub use self::echo::{Echo, Part};

use self::echo::Echoes;
use self::ground::Ground;
use self::lexicon::Lexicon;
use self::noun::Scene;
use self::spans::Span;
use self::tag::{Act, Tag, Word};
use self::wish::No;

/// The words of one language.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    lexicon: Arc<Lexicon>,
}

impl PartialEq for Vocabulary {
    /// The same vocabulary, not an equal one: there is one per language and it never changes.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.lexicon, &other.lexicon)
    }
}

/// The names of a home, indexed for one language.
#[derive(Debug, Clone)]
pub struct Names {
    ground: Arc<Ground>,
    /// Made when something is first heard that makes no sense.
    echoes: Arc<OnceLock<Echoes>>,
}

/// What is known around an utterance.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The home, as it is now.
    pub home: &'a Home,
    /// The names of the home, indexed for the language.
    pub names: &'a Names,
    /// The speaker's room.
    pub here: Option<&'a Area>,
    /// The conversation so far.
    pub memory: &'a Memory,
}

impl Vocabulary {
    /// Homard's own words of a language; `None` if it has none. The problems are empty in any
    /// program that passed its tests.
    pub fn own(language: &str) -> Option<(Vocabulary, Vec<PackProblem>)> {
        let (lexicon, problems) = own::words(language, |source| Lexicon::read(language, source))?;
        Some((Vocabulary { lexicon: Arc::new(lexicon) }, problems))
    }

    /// The names of a home. To be made anew when [`Home::names_version`] differs.
    pub fn learn(&self, home: &Home) -> Names {
        Names { ground: Arc::new(Ground::new(home, &self.lexicon)), echoes: Arc::default() }
    }

    /// What an utterance means.
    pub fn understand(&self, utterance: &str, situation: &Situation<'_>) -> Understanding {
        understand(utterance, situation, &self.lexicon, &situation.names.ground)
    }

    /// The reminder that is wished, with what is missing left out; `None` for any other sentence. With an answer to what
    /// was missing it is one only if that helps.
    pub fn reminder(
        &self,
        utterance: &str,
        answer: Option<&str>,
        situation: &Situation<'_>,
    ) -> Option<Understanding> {
        let first = self.remind(utterance, situation, |scene| remind::read(scene, None));
        let (first, reading) = first?;
        let Some(answer) = answer else { return Some(first.meant(reading)) };
        let said = format!("{utterance} {answer}");
        let n = token::cut(utterance).0.len();
        let read = |at| self.remind(&said, situation, |scene| remind::read(scene, at));
        if first.when.is_none()
            && let Some((known, reading)) = read(Some(n))
            && (known.when.is_some() || known.has_day && !first.has_day)
        {
            return Some(known.meant(reading));
        }
        if first.when.is_some() {
            let matter = self.remind(answer, situation, remind::matter_of);
            let reminder = remind::Reminder { matter: Some(matter?.0), ..first };
            return Some(reminder.meant(Reading { utterance: said, ..reading }));
        }
        let (known, reading) = read(None).filter(|_| first.matter.is_none())?;
        (known.when.is_some() || known.matter.is_some()).then(|| known.meant(reading))
    }

    fn remind<T>(
        &self,
        said: &str,
        situation: &Situation<'_>,
        read: impl FnOnce(&Scene<'_>) -> Option<T>,
    ) -> Option<(T, Reading)> {
        let (tokens, is_cut) = token::cut(said);
        let (lexicon, ground) = (&*self.lexicon, &*situation.names.ground);
        let Situation { home, memory, .. } = *situation;
        let scene =
            Scene { utterance: said, tokens: &tokens, lexicon, ground, home, here: None, memory };
        let found = if is_cut { None } else { read(&scene) }?;
        let all = spans::spans(&tokens, (0, tokens.len()), false, lexicon, ground);
        let reader = Reader { scene: &scene, all: &all };
        Some((found, reader.reading(remind::INTENT, Vec::new(), 1.0)))
    }

    /// What may have been said where this was heard: sentences of words of this language and names of the home that
    /// sound like it, the nearest first.
    pub fn echoes(&self, heard: &str, names: &Names) -> Vec<Echo> {
        let (tokens, is_cut) = token::cut(heard);
        if is_cut {
            return Vec::new();
        }
        let echoes = names.echoes.get_or_init(|| Echoes::new(&names.ground, &self.lexicon));
        echoes.of(&tokens, &self.lexicon)
    }

    /// All words and names of which orders of this home are made, in letters without accents, and what they are to one.
    pub fn said(&self, names: &Names) -> Vec<(String, Part)> {
        echo::said(&self.lexicon, &names.ground)
    }
}

/// Below this a reading is not acted on: it was put together from too many slips.
const LEAST_SCORE: f64 = 0.6;

fn understand(
    utterance: &str,
    situation: &Situation<'_>,
    lexicon: &Lexicon,
    ground: &Ground,
) -> Understanding {
    let (tokens, is_cut) = token::cut(utterance);
    if is_cut || tokens.is_empty() {
        return Understanding::Nothing;
    }
    let here = situation.here.and_then(|area| ground.place_named(&area.name));
    let Situation { home, memory, .. } = *situation;
    let scene = Scene { utterance, tokens: &tokens, lexicon, ground, home, here, memory };
    let all = spans::spans(&tokens, (0, tokens.len()), false, lexicon, ground);
    let spans: Vec<Span> =
        all.iter().filter(|span| !span.is(Word::Filler) || span.is_name()).cloned().collect();
    let reader = Reader { scene: &scene, all: &all };
    reader.read(spans)
}

struct Reader<'a> {
    scene: &'a Scene<'a>,
    all: &'a [Span],
}

impl Reader<'_> {
    fn read(&self, spans: Vec<Span>) -> Understanding {
        if let Some(scene) = self.greeted_scene(&spans) {
            return scene;
        }
        if let Some(talk) = self.talk(&spans) {
            return Understanding::Talk(talk, self.reading(talk_intent(talk), Vec::new(), 1.0));
        }
        // "Thanks, turn it off": the rest counts.
        let mut spans = spans;
        while spans.len() > 1 && spans.last().is_some_and(is_courtesy) {
            spans.pop();
        }
        let n_courtesies = spans.iter().take_while(|span| is_courtesy(span)).count();
        let spans: Vec<Span> = spans
            .into_iter()
            .skip(n_courtesies)
            .map(|mut span| {
                // "Right" is an answer only alone.
                span.tags.retain(|tag| !matches!(tag, Tag::Talk(_)));
                span
            })
            .collect();
        let spans = reason::without(spans, self.scene);
        let says = |word: Word| spans.iter().any(|span| span.is(word));
        if spans.is_empty()
            || says(Word::Reported)
            || says(Word::Statement)
            || self.all.windows(2).any(|two| tells_past(&two[0], &two[1]))
        {
            return Understanding::Nothing;
        }
        let has_condition = says(Word::If) || says(Word::Unless);
        if !has_condition && ask::is_question(&spans, self.scene) {
            return self.question(&spans);
        }
        if !has_condition && ask::goes_on(&spans, self.scene) {
            return self.question(&spans);
        }
        self.wish(with_verb(self.politely(spans), self.scene))
    }

    /// "Good morning", said where a scene is called so.
    fn greeted_scene(&self, spans: &[Span]) -> Option<Understanding> {
        let scene = self.scene;
        let is_greeting = |span: &Span| is_courtesy(span) || span.is(Word::Filler);
        if !spans.iter().all(is_greeting) || !self.all.iter().all(is_greeting) {
            return None;
        }
        let names = scene.ground.names_at(scene.tokens, 0, scene.lexicon).into_iter();
        let index = names.into_iter().find_map(|(end, named, _)| match named {
            ground::Named::Thing(index) if end == scene.tokens.len() => Some(usize::from(index)),
            _ => None,
        })?;
        let thing = &scene.ground.things[index];
        (thing.domain == Domain::Scene).then(|| {
            let target = TargetWords { entities: vec![thing.id.clone()], ..TargetWords::default() };
            let step = meaning::Step::now(meaning::Command::new(meaning::What::Activate, target));
            Understanding::Wish(vec![step], self.reading("HassTurnOn", Vec::new(), 1.0))
        })
    }

    /// "The fairy lights, please": a thing alone, asked for, is wished on.
    fn politely(&self, mut spans: Vec<Span>) -> Vec<Span> {
        let scene = self.scene;
        let is_place = |span: &Span| {
            !span.places.is_empty() || span.is(Word::Here) || span.is(Word::Everywhere)
        };
        let is_thing = |span: &Span| {
            let things = span.things.iter().map(|index| scene.ground.things[index].domain);
            let kinds = span.kind().into_iter();
            let kinds = kinds.flat_map(|(index, _)| &scene.lexicon.kinds[usize::from(index)].of);
            let mut domains = things.chain(kinds.map(|(domain, _)| *domain)).peekable();
            domains.peek().is_some()
                && domains.all(|domain| {
                    matches!(domain, Domain::Light | Domain::Switch | Domain::Fan | Domain::Scene)
                })
        };
        let is_link = |span: &Span| {
            !span.tags.is_empty()
                && span.tags.iter().all(|tag| {
                    matches!(
                        tag,
                        Tag::Word(Word::Article | Word::In | Word::All | Word::Any | Word::It)
                    ) || matches!(tag, Tag::Storey(_) | Tag::Degree(_) | Tag::Number(_))
                })
        };
        let please = self.all.iter().find(|span| span.is(Word::Please));
        if let Some(please) = please
            && spans.iter().any(is_thing)
            && spans.iter().all(|span| is_thing(span) || is_place(span) || is_link(span))
        {
            let is_amount = |tag: &Tag| matches!(tag, Tag::Degree(_) | Tag::Number(_));
            spans.iter_mut().for_each(|span| span.tags.retain(|tag| !is_amount(tag)));
            spans.retain(|span| !span.tags.is_empty() || span.is_name());
            spans.insert(0, Span { tags: vec![Tag::Verb(Act::On)], ..please.clone() });
        }
        spans
    }

    /// "The bathroom fan for ten minutes": what is only to last is wished on.
    fn lasting(&self, mut spans: Vec<Span>) -> Vec<Span> {
        let scene = self.scene;
        let runs = |span: &Span| {
            let things = span.things.iter().map(|index| scene.ground.things[index].domain);
            let kinds = span.kind().into_iter();
            let kinds = kinds.flat_map(|(index, _)| &scene.lexicon.kinds[usize::from(index)].of);
            let mut domains = things.chain(kinds.map(|(domain, _)| *domain)).peekable();
            domains.peek().is_some()
                && domains.all(|d| matches!(d, Domain::Light | Domain::Switch | Domain::Fan))
        };
        let is_silent = |span: &Span| {
            runs(span)
                || !span.places.is_empty()
                || span.is_only(Word::Article)
                || span.is_only(Word::In)
        };
        if spans.iter().any(runs)
            && spans.iter().all(is_silent)
            && let Some(first) = spans.first().cloned()
        {
            let (tags, at) = (vec![Tag::Verb(Act::On)], first.at);
            spans.insert(0, Span { tags, at, end: at, ..Span::default() });
        }
        spans
    }

    /// A whole utterance about the conversation.
    fn talk(&self, spans: &[Span]) -> Option<Talk> {
        let goes_on = self.scene.memory.command.is_some();
        let talk = |span: &Span| {
            // "Cancel that" takes back what was done, if something was.
            if goes_on && span.tags.contains(&Tag::Talk(Talk::Undo)) {
                return Some(Talk::Undo);
            }
            span.tags
                .iter()
                .find_map(|tag| if let Tag::Talk(talk) = tag { Some(*talk) } else { None })
        };
        match spans {
            // Nothing but fillers: "please", "okay".
            [] => self.all.iter().find_map(talk),
            [only] => talk(only),
            // "Oops, undo."
            [first, rest @ ..]
                if first.is(Word::No) && !rest.is_empty() && talk(first).is_none() =>
            {
                self.talk(rest)
            }
            several => {
                let all: Option<Vec<Talk>> = several.iter().map(talk).collect();
                let all = all?;
                // "Never mind, undo that" wants it undone.
                let undo = all.iter().find(|talk| **talk == Talk::Undo);
                let weighty = undo.or_else(|| {
                    all.iter().find(|talk| !matches!(talk, Talk::Courtesy | Talk::Yes | Talk::No))
                });
                weighty.or(all.first()).copied()
            }
        }
    }

    fn question(&self, spans: &[Span]) -> Understanding {
        match ask::asked(spans, self.scene) {
            Ok((question, slots, score)) => {
                let reading = self.reading("HassGetState", slots, score);
                Understanding::Question(Box::new(question), reading)
            }
            Err(no) => self.refused(no, true),
        }
    }

    fn wish(&self, spans: Vec<Span>) -> Understanding {
        // "Set the lamp to": half a sentence.
        let is_open =
            |last: &Span| last.is(Word::To) && !last.is_name() && last.particle().is_none();
        if spans.last().is_some_and(is_open) {
            return Understanding::Nothing;
        }
        let parts = condition::take(spans, self.scene);
        // A bare number after "at" is an hour only if the verb takes no value.
        let takes_values = parts.rest.iter().filter_map(Span::verb).any(|act| {
            let is_plain = matches!(act, Act::On | Act::Off | Act::Toggle | Act::Start | Act::Stop)
                || matches!(act, Act::Open | Act::Close | Act::Lock | Act::Unlock | Act::Arm)
                || matches!(act, Act::Vacuum | Act::Mow | Act::Water | Act::Dock);
            !is_plain
        });
        let comes_again = parts.rest.iter().any(|span| {
            span.tags.iter().any(|tag| matches!(tag, Tag::Again(Some(_), _))) && !span.is_name()
        });
        let takes_hours =
            (!takes_values || comes_again) && parts.rest.iter().any(|span| span.verb().is_some());
        let (time, rest) = time::take(parts.rest, takes_hours, self.scene);
        let rest = match time.lasting_s {
            Some(_) => self.lasting(rest),
            None => rest,
        };
        let mut only_if = Vec::new();
        let mut memory = self.scene.memory.clone();
        let condition = parts.condition.as_deref();
        if let Some(spans) = condition.filter(|_| parts.is_first) {
            let near = TargetWords::default();
            match condition::read(spans, parts.is_unless, &near, self.scene) {
                Ok((condition, set)) => {
                    only_if.push(condition);
                    // "If the lamp is on, turn it off."
                    let things = set.iter().map(|index| &self.scene.ground.things[index]);
                    let ids: Vec<_> = things.map(|thing| thing.id.clone()).collect();
                    if !ids.is_empty() {
                        memory.entities = ids;
                    }
                }
                Err(no) => return self.refused(no, false),
            }
        }
        let scene = Scene { memory: &memory, ..*self.scene };
        let wished = match wish::wished(clause::clauses(&rest, &scene), &scene) {
            Ok(wished) => wished,
            Err(no) => return self.refused(no, false),
        };
        if !time.unexplained.is_empty() {
            let reading = self.reading("", Vec::new(), 0.0);
            return Understanding::Unexplained(time.unexplained, reading);
        }
        if wished.score < LEAST_SCORE {
            return Understanding::Nothing;
        }
        let mut steps = wished.steps;
        if let Some(spans) = condition.filter(|_| !parts.is_first) {
            let near = steps.first().map(|step| step.command.target.clone()).unwrap_or_default();
            match condition::read(spans, parts.is_unless, &near, self.scene) {
                Ok((condition, _)) => only_if.push(condition),
                Err(no) => return self.refused(no, false),
            }
        }
        for step in &mut steps {
            if time.when != When::Now {
                step.when = time.when;
            }
            step.lasting_s = time.lasting_s;
            step.only_if.clone_from(&only_if);
        }
        let intent = steps.first().map_or("", |step| act::intent(&step.command.what));
        let reading = self.reading(intent, wished.slots, wished.score);
        Understanding::Wish(steps, reading)
    }

    /// Why it is no wish and no question.
    fn refused(&self, no: No, is_question: bool) -> Understanding {
        let reading = |reader: &Self| {
            let intent = if is_question { "HassGetState" } else { "" };
            reader.reading(intent, Vec::new(), 0.0)
        };
        match no {
            No::Unknown(said, list) => {
                Understanding::UnknownName(UnknownName { said, list, is_question }, reading(self))
            }
            No::Unexplained(words) => {
                let words: Vec<String> = words.into_iter().filter(|w| !w.is_empty()).collect();
                match words.is_empty() {
                    true => Understanding::Nothing,
                    false => Understanding::Unexplained(words, reading(self)),
                }
            }
            No::Wish => Understanding::Nothing,
        }
    }

    fn reading(&self, intent: &str, slots: Vec<Slot>, score: f64) -> Reading {
        Reading {
            utterance: self.scene.utterance.to_owned(),
            language: self.scene.lexicon.language.clone(),
            intent: intent.to_owned(),
            slots,
            way: Way::Words,
            spans: self.all.iter().map(|span| self.explained(span, score)).collect(),
            score,
            ..Reading::default()
        }
    }

    /// A span for whoever wants to know how it was read.
    fn explained(&self, span: &Span, score: f64) -> meaning::Span {
        let ground = self.scene.ground;
        let (role, meaning) = match span.tags.first() {
            _ if !span.things.is_empty() => {
                let names: Vec<&str> =
                    span.things.iter().map(|index| ground.things[index].id.as_str()).collect();
                ("name", names.join(", "))
            }
            _ if !span.places.is_empty() => {
                let places = span.places.iter().map(|p| &ground.places[usize::from(*p)]);
                let names: Vec<&str> = places.map(|place| place.name.as_str()).collect();
                ("place", names.join(", "))
            }
            Some(tag) => tag.explained(&self.scene.lexicon.kinds),
            None => ("unknown", String::new()),
        };
        let score = if span.is_unknown() { score.min(0.8) } else { 1.0 };
        meaning::Span { said: self.scene.said_of(span), role, meaning, score }
    }
}

/// A sentence without any verb may have one that is misspelt: "alume la lampe".
fn with_verb(mut spans: Vec<Span>, scene: &Scene<'_>) -> Vec<Span> {
    let has_verb = spans.iter().any(|span| span.verb().is_some());
    if let Some(first) = spans.first_mut().filter(|first| first.is_unknown() && !has_verb)
        && let Some(act) = scene.lexicon.verb_near(&scene.tokens[first.at].key)
    {
        first.tags.push(Tag::Verb(act));
    }
    spans
}

/// "Someone closed the blinds": a person before a state tells how it came to be.
fn tells_past(person: &Span, state: &Span) -> bool {
    person.is(Word::Subject)
        && person.is(Word::Filler)
        && state.tags.iter().any(|tag| matches!(tag, Tag::State(_)))
        && !state.is_name()
}

/// Whether a span is nothing but politeness or agreement before what is really said.
fn is_courtesy(span: &Span) -> bool {
    !span.tags.is_empty()
        && !span.is_name()
        && span.tags.iter().all(|tag| matches!(tag, Tag::Talk(Talk::Courtesy | Talk::Yes)))
}

fn talk_intent(talk: Talk) -> &'static str {
    match talk {
        Talk::Nevermind => "HassNevermind",
        Talk::Time => "HassGetCurrentTime",
        Talk::Date => "HassGetCurrentDate",
        Talk::Undo | Talk::Stop | Talk::Yes | Talk::No | Talk::Help | Talk::Courtesy => {
            "HassRespond"
        }
    }
}
