//! What understands sentences: the assistant with the home's languages, as the hub wants it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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

/// An ear for the home's languages, its own first.
pub(super) fn ear(home: &config::Home) -> Box<dyn Ear> {
    let mut assistant = Assistant::default();
    let others = home.languages.iter().filter(|code| **code != home.language);
    for code in std::iter::once(&home.language).chain(others) {
        let Some((pack, mut problems)) = own::pack(code) else { continue };
        problems.extend(assistant.add(pack));
        for problem in problems {
            warn!(language = %code, error = ?problem, "A sentence cannot be used.");
        }
    }
    Box::new(Attentive {
        assistant: Arc::new(Mutex::new(assistant)),
        zone: home.time_zone.clone(),
        names: None,
    })
}

struct Attentive {
    /// Shared with the answers that wait for their devices.
    assistant: Arc<Mutex<Assistant>>,
    zone: TimeZone,
    /// A fingerprint of all names at the last utterance.
    names: Option<u64>,
}

impl Ear for Attentive {
    fn hear(&mut self, utterance: &Utterance, home: &Home, now: Timestamp) -> Heard {
        let began = Instant::now();
        let conversation = utterance.origin.conversation.clone().unwrap_or_else(new_conversation);
        let mut assistant = lock(&self.assistant);
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
        let shared = Arc::clone(&self.assistant);
        let finish = Box::new(move |home: &Home, done: Vec<Done>| {
            let act = began.elapsed().saturating_sub(understand);
            let outcomes: Vec<_> =
                done.into_iter().map(|done| (done.entity, done.outcome)).collect();
            let answer = lock(&shared).conclude(&plan, &outcomes, home);
            reply(answer, conversation, vec![("understand", understand), ("act", act)])
        });
        Heard::Acts { wishes, patience: PATIENCE, finish }
    }
}

/// A panic while understanding leaves nothing half done that the next sentence needs.
fn lock(assistant: &Mutex<Assistant>) -> MutexGuard<'_, Assistant> {
    assistant.lock().unwrap_or_else(PoisonError::into_inner)
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
