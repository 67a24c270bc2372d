//! What understands sentences: the assistant with the home's languages, as the hub wants it.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use super::languages::{self, Languages, Settings, Speech, Tag};
#[cfg(feature = "model")]
pub(crate) use super::minds::Minds;
#[cfg(feature = "model")]
use super::thinking::Guess;
use crate::assistant::policy::Policy;
use crate::assistant::{Answer, Asked, Assistant, Kind, Said, Turn};
#[cfg(feature = "model")]
use crate::assistant::{Meant, Need, Piece};
use crate::automation::sun;
use crate::automation::{Agenda, Asker, Ripe};
use crate::config;
use crate::home::action::Outcome;
use crate::home::domain::Action;
use crate::home::id::EntityId;
use crate::home::{Home, target};
#[cfg(feature = "model")]
use crate::hub::Thought;
use crate::hub::event::{
    Asks, Done, Event, Explained, Place, Problem, Reply, ReplyKind, Span, Utterance, Wish,
};
use crate::hub::{Ear, Heard, HubHandle};
use crate::intent::meaning;

/// How long a reply waits for the devices' own word.
const PATIENCE: Duration = Duration::from_secs(2);

/// An ear for these languages, how its owner changes them, and what is wrong with their sentences.
/// What is in the books has lists that can be named.
pub(super) fn ear(
    settings: Settings,
    minds: Minds,
    agenda: &Agenda,
) -> (Box<dyn Ear>, Speech, watch::Receiver<Vec<String>>) {
    let (languages, speech, problems) = Languages::start(settings);
    languages.assistant().know_lists(agenda);
    (Box::new(Attentive { languages, minds }), speech, problems)
}

/// Keeps the house told of what is wrong with sentences.
pub(super) async fn tell(mut problems: watch::Receiver<Vec<String>>, hub: HubHandle) {
    while problems.changed().await.is_ok() {
        let place = Place::Part("sentences");
        let found = problems.borrow_and_update().clone().into_iter().map(|text| {
            Event::ProblemFound(Problem { place: place.clone(), producer: None, text })
        });
        let solved = Event::ProblemSolved { place: place.clone() };
        let events = std::iter::once(solved).chain(found).collect();
        if hub.send(events).await.is_err() {
            return;
        }
    }
}

/// The assistant with these languages, loaded before this returns.
pub(crate) fn assistant(home: &config::Home, models: Option<PathBuf>) -> Assistant {
    let (zone, place) = (home.time_zone.clone(), place(home));
    languages::load(Settings {
        home: super::spoken(home),
        models,
        sentences: None,
        zone,
        policy: Policy::default(),
        place,
    })
}

/// Where the sun rises and sets.
pub(super) fn place(home: &config::Home) -> Option<sun::Place> {
    let config::Position { latitude, longitude, .. } = home.position?;
    Some(sun::Place { latitude, longitude })
}

/// An ear that is ready at once, and learns no other language.
pub(crate) fn attentive(assistant: Assistant, minds: Minds) -> Box<dyn Ear> {
    Box::new(Attentive { languages: Languages::of(assistant), minds })
}

/// Nobody is asked about what the assistant does not understand.
#[cfg(not(feature = "model"))]
#[derive(Clone, Default)]
pub(crate) struct Minds;

#[cfg(not(feature = "model"))]
impl Minds {
    /// Nobody takes no memory.
    pub(super) fn holders(&self) -> impl Iterator<Item = super::memory::Holder> + use<> {
        std::iter::empty()
    }
}

struct Attentive {
    languages: Languages,
    #[cfg_attr(not(feature = "model"), allow(dead_code))]
    minds: Minds,
}

impl Ear for Attentive {
    fn ready(&self) -> watch::Receiver<bool> {
        self.languages.ready()
    }

    fn hear(&mut self, utterance: &Utterance, home: &Home, now: Timestamp) -> Heard {
        let language = match utterance.language.as_deref().map(|tag| self.languages.find(tag)) {
            Some(Tag::Loading) => return Heard::NotYet,
            Some(Tag::Spoken(code)) => Some(code),
            Some(Tag::Unknown) | None => None,
        };
        let began = Instant::now();
        let conversation = utterance.origin.conversation.clone().unwrap_or_else(new_conversation);
        let said = Said {
            text: &utterance.text,
            language: language.as_deref(),
            area: utterance.origin.area.as_deref(),
            conversation: &conversation,
            now,
            role: utterance.origin.by.role,
            means: utterance.origin.means,
            speaker: utterance.origin.by.name.as_deref(),
        };
        let turn = self.languages.assistant().hear_any(&said, &utterance.others, home);
        #[cfg(feature = "model")]
        let doubt = self.doubt(&turn, &said, home);
        let from = Asker {
            language: String::new(),
            area: said.area.and_then(|area| target::area_named(area, home)).map(|a| a.id.clone()),
            conversation: conversation.clone(),
            person: utterance.origin.by.person.clone(),
            role: said.role,
            means: said.means,
        };
        let asks = self.languages.assistant().asked(&conversation, home);
        let context = Context { conversation, began, understood: began.elapsed(), asks };
        #[cfg(feature = "model")]
        if let Some(doubt) = doubt {
            let spoken = Spoken { text: utterance.text.clone(), language, from, context };
            return doubt.think(self.languages.clone(), turn, spoken);
        }
        heard(self.languages.clone(), turn, from, context)
    }

    fn due(&mut self, ripe: &Ripe, home: &Home, now: Timestamp) -> Heard {
        let began = Instant::now();
        let turn = self.languages.assistant().due(ripe, home, now);
        let conversation = ripe.entry.from.conversation.clone();
        let context = Context { conversation, began, understood: began.elapsed(), asks: None };
        heard(self.languages.clone(), turn, ripe.entry.from.clone(), context)
    }
}

#[cfg(feature = "model")]
impl Attentive {
    /// What the models are to be asked, where nobody else understood.
    fn doubt(&self, turn: &Turn, said: &Said<'_>, home: &Home) -> Option<Doubt> {
        let mut assistant = self.languages.assistant();
        let (mind, company) = (self.minds.mind(), self.minds.company());
        let is_lost = assistant.is_lost(turn, said);
        if mind.is_none() && company.is_none() || !is_lost && !assistant.is_vain(turn, said) {
            return None;
        }
        if assistant.lacks_event(said, home) {
            return None;
        }
        let need = mind.as_ref().and_then(|mind| {
            let mut needs = assistant.needs(said, home);
            if mind.knows_questions() {
                needs.extend(assistant.questions(said, home));
            }
            let room = mind.room().filter(|_| !needs.is_empty())?;
            let deed = assistant.unknown_deed(said, home);
            let pieces = match &deed {
                Some(_) => Vec::new(),
                None => assistant.pieces(said, home),
            };
            // A name that is not known may be no name, where something else is plain.
            let is_asked = is_lost
                || deed.is_some()
                || pieces.iter().any(|piece| piece.meant == Meant::Plainly);
            is_asked.then(|| Needy {
                mind: mind.clone(),
                needs,
                deed,
                pieces,
                is_lost,
                _room: room,
            })
        });
        let chat = company.as_ref().filter(|_| is_lost && assistant.is_chat(said, home));
        let before = chat.map(|_| assistant.small_talk(said)).unwrap_or_default();
        let chat = chat.and_then(|company| Some((company.clone(), before, company.room()?)));
        (need.is_some() || chat.is_some()).then_some(Doubt { need, chat })
    }
}

/// What was said before, and what was answered.
#[cfg(feature = "model")]
type SmallTalk = Vec<(String, String)>;

/// Room to think.
#[cfg(feature = "model")]
type Room = tokio::sync::OwnedSemaphorePermit;

/// Questions to the models.
#[cfg(feature = "model")]
struct Doubt {
    /// Which needs may be meant.
    need: Option<Needy>,
    /// What may be answered if it is none of them.
    chat: Option<(super::thinking::Company, SmallTalk, Room)>,
}

/// Who is asked which of some needs are meant by an utterance.
#[cfg(feature = "model")]
struct Needy {
    mind: super::thinking::Mind,
    needs: Vec<Need>,
    /// What is to happen by itself, where that alone is not understood.
    deed: Option<String>,
    /// Its wishes, where they are several.
    pieces: Vec<Piece>,
    /// Nobody understood any of it.
    is_lost: bool,
    _room: Room,
}

/// An utterance, kept while it is thought about.
#[cfg(feature = "model")]
struct Spoken {
    text: String,
    language: Option<String>,
    from: Asker,
    context: Context,
}

#[cfg(feature = "model")]
impl Doubt {
    /// Asks the models; what was said of the utterance without them is said if nothing comes of it.
    fn think(self, languages: Languages, turn: Turn, spoken: Spoken) -> Heard {
        let Self { need, chat } = self;
        Heard::Thinks(Box::pin(async move {
            let is_rule = need.as_ref().is_some_and(|need| need.deed.is_some());
            let guess = match need {
                Some(Needy { mind, needs, deed, pieces, is_lost, _room }) => {
                    let text = deed.unwrap_or_else(|| spoken.text.clone());
                    let guess = mind.guess_pieces(text, pieces, needs).await;
                    // Otherwise what is not known was named already.
                    guess.filter(|guess| is_lost || *guess != Guess::Unclear)
                }
                None => None,
            };
            let words = match chat.filter(|_| guess.is_none()) {
                Some((company, before, _room)) => company.answer(before, spoken.text.clone()).await,
                None => None,
            };
            let thought: Thought = Box::new(move |home, now| {
                let Spoken { text, language, from, context } = spoken;
                let said = Said {
                    text: &text,
                    language: language.as_deref(),
                    area: from.area.as_ref().map(|area| area.as_str()),
                    conversation: &context.conversation,
                    now,
                    role: from.role,
                    means: from.means,
                    speaker: None,
                };
                let offered = guess.and_then(|guess| match guess {
                    Guess::Need(need, share) if is_rule => {
                        languages.assistant().offer_rule(need, share, &said, home)
                    }
                    Guess::Need(need, share) => {
                        let mut assistant = languages.assistant();
                        let offered = assistant.offer(need, share, &said, home);
                        offered.or_else(|| assistant.answer_as(need, &said, home))
                    }
                    Guess::Pieces(pieces) => {
                        languages.assistant().offer_pieces(&pieces, &said, home)
                    }
                    Guess::Unclear => languages.assistant().unclear(&said),
                });
                let relayed = words.and_then(|words| languages.assistant().relay(&words, &said));
                let offered = offered.or(relayed);
                let asks = languages.assistant().asked(&context.conversation, home);
                let context = Context { asks, ..context };
                heard(languages, offered.unwrap_or(turn), from, context)
            });
            thought
        }))
    }
}

/// What the reply to an utterance needs to know of it.
struct Context {
    conversation: String,
    began: Instant,
    understood: Duration,
    asks: Option<Asked>,
}

/// What the assistant decided, as the hub does it.
fn heard(languages: Languages, turn: Turn, from: Asker, context: Context) -> Heard {
    match turn {
        Turn::Answer(answer) => Heard::Reply(context.reply(answer)),
        Turn::Act(plan) if !plan.is_for_books() => {
            let calls = plan.calls.clone();
            acts(calls, Box::new(move |outcomes, home| plan.conclude(outcomes, home)), context)
        }
        Turn::Script(plan) => {
            let calls = plan.calls.clone();
            acts(calls, Box::new(move |outcomes, home| plan.conclude(outcomes, home)), context)
        }
        Turn::Act(mut plan) => Heard::Books(Box::new(move |agenda, home, now| {
            languages.assistant().keep_later(&mut plan, &from, agenda, home, now);
            if plan.calls.is_empty() {
                return Heard::Reply(context.reply(plan.conclude(&[], home)));
            }
            let calls = plan.calls.clone();
            acts(calls, Box::new(move |outcomes, home| plan.conclude(outcomes, home)), context)
        })),
        Turn::Tries(proposal) => Heard::Tries {
            key: proposal.key.clone(),
            source: proposal.source.clone(),
            then: Box::new(move |_, _, trial| {
                Heard::Reply(context.reply(proposal.answer(Some(trial))))
            }),
        },
        Turn::Rules(turn) => Heard::Rules(Box::new(move |stands, home| {
            let mut assistant = languages.assistant();
            let (answer, edits) = assistant.rules(&turn, stands, home);
            let asks = assistant.asked(&context.conversation, home);
            (Context { asks, ..context }.reply(answer), edits)
        })),
        Turn::Book(booking) => Heard::Books(Box::new(move |agenda, home, now| {
            let mut assistant = languages.assistant();
            let answer = assistant.book(&booking, agenda, home, now);
            let asks = assistant.asked(&context.conversation, home);
            Heard::Reply(Context { asks, ..context }.reply(answer))
        })),
    }
}

fn acts(calls: Vec<(EntityId, Action)>, conclude: Conclude, context: Context) -> Heard {
    let wishes = calls.into_iter().map(|(entity, action)| Wish { entity, action }).collect();
    let finish = Box::new(move |home: &Home, done: Vec<Done>| {
        let outcomes: Vec<_> = done.into_iter().map(|done| (done.entity, done.outcome)).collect();
        let answer = conclude(&outcomes, home);
        let act = context.began.elapsed().saturating_sub(context.understood);
        let steps = vec![("understand", context.understood), ("act", act)];
        reply(answer, context.conversation, steps, context.asks)
    });
    Heard::Acts { wishes, patience: PATIENCE, finish }
}

impl Context {
    fn reply(self, answer: Answer) -> Reply {
        let steps = vec![("understand", self.understood)];
        reply(answer, self.conversation, steps, self.asks)
    }
}

/// Makes the answer from what became of the calls.
type Conclude = Box<dyn FnOnce(&[(EntityId, Outcome)], &Home) -> Answer + Send>;

fn new_conversation() -> String {
    let mut random = [0_u8; 8];
    // Without random numbers all share one conversation, which only mixes up questions back.
    let _ = getrandom::fill(&mut random);
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn reply(
    answer: Answer,
    conversation: String,
    steps: Vec<(&'static str, Duration)>,
    asks: Option<Asked>,
) -> Reply {
    let Answer { text, language, kind, success, failed, intent, slots, continues, .. } = answer;
    let span = |span: meaning::Span| Span {
        said: span.said,
        role: span.role,
        meaning: span.meaning,
        score: span.score,
    };
    let explained = Explained {
        by: answer.by,
        template: answer.template,
        spans: answer.spans.into_iter().map(span).collect(),
        rivals: answer.rivals,
        why: answer.why,
    };
    let kind = match kind {
        Kind::ActionDone => ReplyKind::ActionDone,
        Kind::QueryAnswer => ReplyKind::QueryAnswer,
        Kind::Error(code) => ReplyKind::Error(code.word()),
    };
    let millis = |(step, took): (_, Duration)| (step, took.as_secs_f64() * 1_000.0);
    let asks = asks.filter(|_| continues).map(|asked| match asked {
        Asked::YesOrNo => Asks::YesOrNo,
        Asked::Which(words) => Asks::Which(words),
    });
    let elapsed_ms = steps.into_iter().map(millis).collect();
    Reply {
        text,
        language,
        kind,
        success,
        failed,
        intent,
        slots,
        conversation,
        continues,
        asks,
        elapsed_ms,
        explained,
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::hub::event::Origin;

    fn written(text: &str) -> Utterance {
        let (text, origin) = (text.to_owned(), Origin::default());
        Utterance { text, others: Vec::new(), language: None, origin }
    }

    fn built_in(home: &[&str]) -> Settings {
        let home = home.iter().map(|code| (*code).to_owned()).collect();
        let policy = Policy::default();
        let zone = TimeZone::UTC;
        Settings { home, models: None, sentences: None, zone, policy, place: None }
    }

    #[tokio::test]
    async fn it_understands_in_the_homes_language_first_and_numbers_conversations() {
        for (language, text, expected, answered_in) in [
            ("en", "what time is it", Some("HassGetCurrentTime"), "en"),
            ("fr", "quelle heure est-il", Some("HassGetCurrentTime"), "fr"),
            ("fr", "what time is it", Some("HassGetCurrentTime"), "en"),
            ("en", "hocus pocus", None, "en"),
            ("fr", "hocus pocus", None, "fr"),
        ] {
            let home: &[&str] = if language == "fr" { &["fr", "en"] } else { &["en", "fr"] };
            let utterance = written(text);
            let (mut ear, ..) = ear(built_in(home), Minds::default(), &Agenda::default());
            ear.ready().wait_for(|is_ready| *is_ready).await.unwrap();
            let heard = ear.hear(&utterance, &Home::new(), Timestamp::UNIX_EPOCH);
            let Heard::Reply(reply) = heard else { panic!("{text} acts in an empty house") };
            assert_eq!(reply.intent.as_deref(), expected, "{text}");
            assert_eq!(reply.language, answered_in, "{text}");
            assert_eq!(reply.conversation.len(), 16);
            assert_eq!(reply.elapsed_ms.len(), 1);
        }
    }

    #[tokio::test]
    async fn a_language_that_the_home_does_not_have_is_not_understood() {
        for (text, intent) in
            [("quelle heure est-il", Some("HassGetCurrentTime")), ("what time is it", None)]
        {
            let utterance = written(text);
            let (mut ear, ..) = ear(built_in(&["fr"]), Minds::default(), &Agenda::default());
            ear.ready().wait_for(|is_ready| *is_ready).await.unwrap();
            let heard = ear.hear(&utterance, &Home::new(), Timestamp::UNIX_EPOCH);
            let Heard::Reply(reply) = heard else { panic!("{text} acts in an empty house") };
            assert_eq!(reply.intent.as_deref(), intent, "{text}");
        }
    }
}
