//! What understands sentences: the assistant with the home's languages, as the hub wants it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::time::Instant;
use tracing::warn;

use crate::assistant::{Answer, Assistant, Kind, Said, Turn};
use crate::config;
use crate::home::Home;
use crate::hub::event::{Done, Reply, ReplyKind, Utterance, Wish};
use crate::hub::{Ear, Heard};
use crate::intent::own;

/// How long a reply waits for the devices' own word.
const PATIENCE: Duration = Duration::from_secs(2);

/// An ear for the home's languages, its own first. They are made ready in a thread beside the
/// start, which takes longer than all the rest of it; only a sentence that is said in that moment
/// waits for them.
pub(super) fn ear(home: &config::Home) -> Box<dyn Ear> {
    let others = home.languages.iter().filter(|code| **code != home.language);
    let codes = std::iter::once(&home.language).chain(others).cloned().collect();
    let languages = Arc::new(Languages { codes, assistant: OnceLock::new() });
    let early = Arc::clone(&languages);
    let started = thread::Builder::new().name("languages".to_owned()).spawn(move || {
        drop(early.lock());
    });
    if let Err(error) = started {
        warn!(%error, "No thread for the languages; the first sentence will wait for them.");
    }
    Box::new(Attentive { languages, zone: home.time_zone.clone(), names: None })
}

/// The assistant, made when it is first needed. Shared with the answers that wait for devices.
struct Languages {
    codes: Vec<String>,
    assistant: OnceLock<Mutex<Assistant>>,
}

impl Languages {
    /// A panic while understanding leaves nothing half done that the next sentence needs.
    fn lock(&self) -> MutexGuard<'_, Assistant> {
        let assistant = self.assistant.get_or_init(|| Mutex::new(self.read()));
        assistant.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> Assistant {
        let mut assistant = Assistant::default();
        for code in &self.codes {
            let Some((pack, mut problems)) = own::pack(code) else { continue };
            problems.extend(assistant.add(pack));
            for problem in problems {
                warn!(language = %code, error = ?problem, "A sentence cannot be used.");
            }
        }
        assistant
    }
}

struct Attentive {
    languages: Arc<Languages>,
    zone: TimeZone,
    /// A fingerprint of all names at the last utterance.
    names: Option<u64>,
}

impl Ear for Attentive {
    fn hear(&mut self, utterance: &Utterance, home: &Home, now: Timestamp) -> Heard {
        let began = Instant::now();
        let conversation = utterance.origin.conversation.clone().unwrap_or_else(new_conversation);
        let mut assistant = self.languages.lock();
        let names = Some(fingerprint(home));
        if self.names != names {
            assistant.names_changed();
            self.names = names;
        }
        let said = Said {
            text: &utterance.text,
            language: utterance.language.as_deref(),
            area: utterance.origin.area.as_deref(),
            conversation: &conversation,
            now: &now.to_zoned(self.zone.clone()),
        };
        let turn = assistant.hear(&said, home);
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
        let languages = Arc::clone(&self.languages);
        let finish = Box::new(move |home: &Home, done: Vec<Done>| {
            let act = began.elapsed().saturating_sub(understand);
            let outcomes: Vec<_> =
                done.into_iter().map(|done| (done.entity, done.outcome)).collect();
            let answer = languages.lock().conclude(&plan, &outcomes, home);
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

/// Differs when a name that can be said differs. Takes about 0.1 ms for a thousand entities, which
/// is less than to keep an account of every change.
fn fingerprint(home: &Home) -> u64 {
    let mut hasher = DefaultHasher::new();
    for entity in home.entities().filter(|entity| entity.is_enabled()) {
        entity.id.hash(&mut hasher);
        entity.traits.device_class.hash(&mut hasher);
        entity.names().for_each(|name| name.hash(&mut hasher));
    }
    for area in home.areas() {
        (&area.id, &area.name, &area.aliases).hash(&mut hasher);
    }
    for floor in home.floors() {
        (&floor.id, &floor.name, &floor.aliases).hash(&mut hasher);
    }
    hasher.finish()
}

fn reply(answer: Answer, conversation: String, steps: Vec<(&'static str, Duration)>) -> Reply {
    let Answer { text, language, kind, success, failed, intent, slots, continues } = answer;
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::id::FloorId;
    use crate::home::place::Floor;
    use crate::hub::event::Origin;

    fn said(text: &str) -> Utterance {
        Utterance { text: text.to_owned(), language: None, origin: Origin::default() }
    }

    #[test]
    fn it_understands_in_the_homes_languages_and_numbers_conversations() {
        let check = |language: &str, text: &str, expected: Option<&str>| {
            let mut home = config::Config::new().home;
            home.language = language.to_owned();
            home.languages = vec![language.to_owned()];
            let heard = ear(&home).hear(&said(text), &Home::new(), Timestamp::UNIX_EPOCH);
            let Heard::Reply(reply) = heard else { panic!("{text} acts in an empty house") };
            assert_eq!(reply.intent.as_deref(), expected, "{text}");
            assert_eq!(reply.conversation.len(), 16);
            assert_eq!(reply.elapsed_ms.len(), 1);
        };
        check("en", "what time is it", Some("HassGetCurrentTime"));
        check("fr", "quelle heure est-il", Some("HassGetCurrentTime"));
        check("fr", "what time is it", None);
        check("en", "hocus pocus", None);
    }

    #[test]
    fn a_new_name_is_noticed() {
        let mut home = Home::new();
        let empty = fingerprint(&home);
        let floor =
            Floor { id: FloorId::new("f"), name: "Attic".into(), aliases: vec![], level: None };
        home.put_floor(floor.clone());
        let named = fingerprint(&home);
        home.put_floor(Floor { aliases: vec!["grenier".into()], ..floor });
        assert!(empty != named && named != fingerprint(&home));
    }
}
