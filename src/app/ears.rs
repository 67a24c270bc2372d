//! What understands sentences: the assistant with the home's languages, as the hub wants it.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{error, warn};

use crate::assistant::{Answer, Assistant, Kind, Said, Turn};
use crate::config;
use crate::home::Home;
use crate::hub::event::{Done, Explained, Reply, ReplyKind, Span, Utterance, Wish};
use crate::hub::{Deaf, Ear, Heard};
use crate::intent::meaning;

/// How long a reply waits for the devices' own word.
const PATIENCE: Duration = Duration::from_secs(2);

/// An ear for the home's languages, its own first. They are made ready in a thread beside the
/// start, which takes longer than all the rest of it; what is said in that moment waits.
pub(super) fn ear(home: &config::Home) -> Box<dyn Ear> {
    let assistant = Arc::new(OnceLock::new());
    let (is_ready, ready) = watch::channel(false);
    let (language, zone) = (home.language.clone(), home.time_zone.clone());
    let (languages, early) = (home.languages.clone(), Arc::clone(&assistant));
    let started = thread::Builder::new().name("languages".to_owned()).spawn(move || {
        let (mut assistant, problems) = Assistant::new(&language, zone);
        assistant.speak_only(&languages);
        for problem in problems {
            warn!(error = ?problem, "A sentence cannot be used.");
        }
        early.get_or_init(|| Mutex::new(assistant));
        is_ready.send_replace(true);
    });
    if let Err(error) = started {
        error!(%error, "No thread for the languages; sentences are not understood.");
    }
    Box::new(Attentive { assistant, ready })
}

struct Attentive {
    /// Filled when it is ready.
    assistant: Arc<OnceLock<Mutex<Assistant>>>,
    ready: watch::Receiver<bool>,
}

impl Ear for Attentive {
    fn ready(&self) -> watch::Receiver<bool> {
        self.ready.clone()
    }

    fn hear(&mut self, utterance: &Utterance, home: &Home, now: Timestamp) -> Heard {
        let Some(assistant) = self.assistant.get() else {
            return Deaf.hear(utterance, home, now);
        };
        let began = Instant::now();
        let conversation = utterance.origin.conversation.clone().unwrap_or_else(new_conversation);
        let said = Said {
            text: &utterance.text,
            language: utterance.language.as_deref(),
            area: utterance.origin.area.as_deref(),
            conversation: &conversation,
            now,
            role: utterance.origin.role,
            means: utterance.origin.means,
        };
        // A panic while understanding leaves nothing half done that the next sentence needs.
        let mut assistant = assistant.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = assistant.hear(&said, home);
        drop(assistant);
        let understand = began.elapsed();
        let plan = match turn {
            Turn::Answer(answer) => {
                return Heard::Reply(reply(answer, conversation, vec![("understand", understand)]));
            }
            Turn::Act(plan) => plan,
        };
        let wishes = plan
            .calls
            .iter()
            .map(|(entity, action)| Wish { entity: entity.clone(), action: action.clone() });
        let wishes = wishes.collect();
        let finish = Box::new(move |home: &Home, done: Vec<Done>| {
            let act = began.elapsed().saturating_sub(understand);
            let outcomes: Vec<_> =
                done.into_iter().map(|done| (done.entity, done.outcome)).collect();
            let answer = plan.conclude(&outcomes, home);
            reply(answer, conversation, vec![("understand", understand), ("act", act)])
        });
        Heard::Acts { wishes, patience: PATIENCE, finish }
    }
}

fn new_conversation() -> String {
    let mut random = [0_u8; 8];
    // Without random numbers all share one conversation, which only mixes up questions back.
    let _ = getrandom::fill(&mut random);
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn reply(answer: Answer, conversation: String, steps: Vec<(&'static str, Duration)>) -> Reply {
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
        elapsed_ms,
        explained,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::event::Origin;

    #[tokio::test]
    async fn it_understands_in_the_homes_language_first_and_numbers_conversations() {
        for (language, text, expected, answered_in) in [
            ("en", "what time is it", Some("HassGetCurrentTime"), "en"),
            ("fr", "quelle heure est-il", Some("HassGetCurrentTime"), "fr"),
            ("fr", "what time is it", Some("HassGetCurrentTime"), "en"),
            ("en", "hocus pocus", None, "en"),
            ("fr", "hocus pocus", None, "fr"),
        ] {
            let mut home = config::Config::new().home;
            home.language = language.to_owned();
            let utterance =
                Utterance { text: text.to_owned(), language: None, origin: Origin::default() };
            let mut ear = ear(&home);
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
        let mut home = config::Config::new().home;
        home.language = "fr".to_owned();
        home.languages = vec!["fr".to_owned()];
        for (text, intent) in
            [("quelle heure est-il", Some("HassGetCurrentTime")), ("what time is it", None)]
        {
            let utterance =
                Utterance { text: text.to_owned(), language: None, origin: Origin::default() };
            let mut ear = ear(&home);
            ear.ready().wait_for(|is_ready| *is_ready).await.unwrap();
            let heard = ear.hear(&utterance, &Home::new(), Timestamp::UNIX_EPOCH);
            let Heard::Reply(reply) = heard else { panic!("{text} acts in an empty house") };
            assert_eq!(reply.intent.as_deref(), intent, "{text}");
        }
    }
}
