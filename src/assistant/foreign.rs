//! Answers by replies of packs. In a language that Homard has no voice of its own for: the replies of its pack where
//! all went well, the pack's wording for what went wrong where it did not. In any language: what the owner wants said
//! where all went well. It claims nothing that the outcomes do not say: what the pack has no words for is "an error",
//! never a success.

use jiff::{Timestamp, Zoned};

use crate::automation::Unable;
use crate::home::Home;
use crate::home::action::{Outcome, Refusal};
use crate::home::domain::Domain;
use crate::home::id::EntityId;
use crate::intent::meaning::{About, Asked, Command, Question, Reading, Talk, UnknownName, What};

use super::answer::{Fact, Freshness, is_in_state};
use super::official::{Facts, Official, Seen};
use super::plan::{self, Part, Told};
use super::{Answer, Code, Kind, Plan, Speaker};

/// Most names of an answer that asks back.
const MAX_CANDIDATES: usize = 4;

/// A pack's replies, for [`Speaker`].
#[derive(Clone, Copy)]
pub(super) struct Foreign<'a> {
    pub(super) official: &'a Official,
    pub(super) code: &'a str,
}

impl<'a> Speaker<'a> {
    /// The pack's replies, in a language without a voice of Homard's own.
    pub(super) fn foreign(&self) -> Option<Foreign<'a>> {
        self.official.map(|official| Foreign { official, code: self.code })
    }

    /// The owner's replies.
    pub(super) fn owners(&self) -> Option<Foreign<'a>> {
        self.owners.map(|official| Foreign { official, code: self.code })
    }
}

impl Foreign<'_> {
    pub(super) fn not_understood(self) -> Answer {
        Answer::error(Code::NoIntentMatch, self.error("no_intent", &[]), self.code)
    }

    /// What is named is there, but the sentence is not for it.
    pub(super) fn not_able(self, reading: &Reading) -> Answer {
        let text = self.error("feature_not_supported", &[]);
        Answer::error(Code::FailedToHandle, text, self.code).of(reading)
    }

    /// The pack's reply to what has nothing to do with devices; `None` if it has none.
    pub(super) fn talk(self, talk: Talk, reading: &Reading, now: &Zoned) -> Option<Answer> {
        let text = self.official.reply(&reading.intent, key(reading), &Facts::of(reading), now)?;
        let kind = match talk {
            Talk::Nevermind => Kind::ActionDone,
            _ => Kind::QueryAnswer,
        };
        Some(Answer { kind, ..Answer::error(Code::NoIntentMatch, text, self.code).of(reading) })
    }

    /// The answer to words that stand where a name should.
    pub(super) fn unknown(self, unknown: &UnknownName, reading: &Reading, home: &Home) -> Answer {
        let said = unknown.said.clone();
        let is_place = reading.said("area").is_some() || reading.said("floor").is_some();
        let refusal = match reading.said("name") {
            None if is_place => Refusal::NoSuchPlace { said, nearest: Vec::new() },
            _ => Refusal::NoSuchName { said, nearest: Vec::new() },
        };
        let text = self.refusal(&refusal, None, reading, home);
        Answer::error(Code::NoValidTargets, text, self.code).of(reading)
    }

    pub(super) fn no_target(
        self,
        refusal: &Refusal,
        command: &Command,
        reading: &Reading,
        home: &Home,
    ) -> Answer {
        let text = self.refusal(refusal, Some(command), reading, home);
        let answer = Answer::error(plan::code(refusal), text, self.code).of(reading);
        Answer { continues: matches!(refusal, Refusal::Ambiguous(_)), ..answer }
    }

    /// The reply to a plan of one step that was carried out: the pack's, if devices confirmed all of
    /// it. `None` for a plan that the packs have no words for.
    pub(super) fn told(
        self,
        plan: &Plan,
        success: &[(EntityId, Outcome)],
        failed: &[(EntityId, Outcome)],
        home: &Home,
    ) -> Option<String> {
        let part = only_step(plan)?;
        let reading = &plan.reading;
        Some(match failed.first() {
            Some((_, Outcome::Refused(refusal))) => {
                self.refusal(refusal, Some(&part.command), reading, home)
            }
            _ => match facts_of_success(plan, success, failed, home) {
                Some(facts) => self.reply(reading, &facts),
                None => self.error("handle_error", &[]),
            },
        })
    }

    /// The reply to a plan of one step all of which devices confirmed; `None` if it is none, or there is no reply.
    pub(super) fn confirmed(
        self,
        plan: &Plan,
        success: &[(EntityId, Outcome)],
        failed: &[(EntityId, Outcome)],
        home: &Home,
    ) -> Option<String> {
        only_step(plan)?;
        let facts = facts_of_success(plan, success, failed, home)?;
        self.worded(&plan.reading, &facts, &no_time())
    }

    /// The pack's reply, if it has one that says something.
    pub(super) fn worded(self, reading: &Reading, facts: &Facts, now: &Zoned) -> Option<String> {
        let text = self.official.reply(&reading.intent, key(reading), facts, now);
        text.filter(|text| !text.is_empty())
    }

    /// What the books refuse, in the nearest words of the pack.
    pub(super) fn unable(self, unable: Unable, reading: &Reading) -> Answer {
        let key = match unable {
            Unable::NoSuch if reading.intent.contains("Timer") => "timer_not_found",
            Unable::Ambiguous => "multiple_timers_matched",
            _ => "handle_error",
        };
        let text = self.error(key, &[]);
        Answer::error(Code::FailedToHandle, text, self.code).of(reading)
    }

    /// The reply to a question for states all of which are known now; `None` without one.
    pub(super) fn state(
        self,
        question: &Question,
        known: &[Fact<'_>],
        reading: &Reading,
        now: &Zoned,
    ) -> Option<Answer> {
        let is_known = |fact: &Fact<'_>| fact.freshness == Freshness::Live && fact.word.is_some();
        if question.about != About::State || !known.iter().all(is_known) {
            return None;
        }
        let text = self.worded(reading, &facts_of_question(question, known, reading), now)?;
        let answer = Answer::error(Code::NoIntentMatch, text, self.code).of(reading);
        Some(Answer { kind: Kind::QueryAnswer, ..answer })
    }

    /// The answer to a question. What is not known now is shown as not known.
    pub(super) fn question(
        self,
        question: &Question,
        known: &[Fact<'_>],
        reading: &Reading,
        home: &Home,
        now: &Zoned,
    ) -> Answer {
        let mut facts = facts_of_question(question, known, reading);
        if question.about == About::Temperature {
            facts.unmatched.clear();
            // A thermometer of the room before its thermostat.
            facts.matched.retain(|seen| {
                let class = seen.attributes.get("device_class").and_then(|class| class.as_str());
                class == Some("temperature") || seen.attributes.contains_key("current_temperature")
            });
            facts.matched.sort_by_key(|seen| !seen.entity_id.starts_with("sensor."));
            if facts.matched.is_empty() {
                let command = Command::new(What::TurnOn, question.target.clone());
                return self.no_target(&Refusal::NothingThere, &command, reading, home);
            }
        }
        let text = self.worded(reading, &facts, now).unwrap_or_else(|| plainly(&facts));
        let answer = Answer::error(Code::NoIntentMatch, text, self.code).of(reading);
        Answer { kind: Kind::QueryAnswer, ..answer }
    }

    /// The pack's reply to something done; the names of what it was done with if it has none.
    fn reply(self, reading: &Reading, facts: &Facts) -> String {
        // Nothing that was done depends on the time in its reply.
        self.worded(reading, facts, &no_time()).unwrap_or_else(|| plainly(facts))
    }

    /// The pack's words for what went wrong; a sign that everybody reads if it has none.
    fn error(self, key: &str, words: &[(&str, &str)]) -> String {
        let said = self.official.error(key, words, &no_time()).filter(|text| !text.is_empty());
        let said = said.or_else(|| self.official.error("handle_error", &[], &no_time()));
        said.filter(|text| !text.is_empty()).unwrap_or_else(|| "⚠".to_owned())
    }

    /// Why something was not done, in the nearest words of the pack.
    fn refusal(
        self,
        refusal: &Refusal,
        command: Option<&Command>,
        reading: &Reading,
        home: &Home,
    ) -> String {
        let said = |slot: &str| reading.said(slot).map(|slot| slot.said.as_str());
        let target = command.map(|command| &command.target);
        let area = said("area").or_else(|| target?.area.as_deref());
        let floor = said("floor").or_else(|| target?.floor.as_deref());
        let name = said("name").or_else(|| target?.name.as_deref());
        // Where it was looked for is part of the key: `no_entity_in_area`.
        let placed = |key: &str, word: (&str, &str)| match (area, floor) {
            (Some(area), _) => self.error(&format!("{key}_in_area"), &[word, ("area", area)]),
            (None, Some(floor)) => {
                self.error(&format!("{key}_in_floor"), &[word, ("floor", floor)])
            }
            (None, None) => self.error(key, &[word]),
        };
        match refusal {
            Refusal::NoSuchPlace { said: place, .. } if said("floor") == Some(place.as_str()) => {
                self.error("no_floor", &[("floor", place)])
            }
            Refusal::NoSuchPlace { said, .. } => self.error("no_area", &[("area", said)]),
            Refusal::NoSuchName { said, .. } => placed("no_entity", ("entity", said)),
            Refusal::NothingThere => {
                let class = target.and_then(|target| target.classes.first());
                let domain = target.and_then(|target| target.domains.first());
                match (name, class, domain) {
                    (Some(name), _, _) => placed("no_entity", ("entity", name)),
                    (None, Some(class), _) => placed("no_device_class", ("device_class", class)),
                    (None, None, Some(domain)) => placed("no_domain", ("domain", domain.word())),
                    (None, None, None) => self.error("no_intent", &[]),
                }
            }
            Refusal::Ambiguous(candidates) => {
                let text = match name {
                    Some(name) => placed("duplicate_entities", ("entity", name)),
                    None => self.error("duplicate_targets", &[]),
                };
                let names: Vec<&str> = candidates
                    .iter()
                    .filter_map(|id| Some(&*home.entity(id.as_str())?.friendly_name))
                    .take(MAX_CANDIDATES)
                    .collect();
                // The candidates, so that one of them can be the answer.
                format!("{text}: {}?", names.join(", "))
            }
            Refusal::CannotDo(_) => self.error("feature_not_supported", &[]),
            Refusal::IsOff => self.error("entity_wrong_state", &[("state", "on")]),
            Refusal::NotKnown(_)
            | Refusal::OutOfRange { .. }
            | Refusal::NotAnOption { .. }
            | Refusal::BadValue { .. }
            | Refusal::NeedsCode
            | Refusal::WrongCode
            | Refusal::NotAllowed
            | Refusal::Unreachable
            | Refusal::NotAnnounced
            | Refusal::NoBroker
            | Refusal::TemplateFailed(_) => self.error("handle_error", &[]),
        }
    }
}

/// The one step of a plan that the packs have words for.
fn only_step(plan: &Plan) -> Option<&Part> {
    let [part] = &plan.parts[..] else { return None };
    let is_plain = part.told == Told::Outcomes && plan.asks.is_empty() && plan.later.is_empty();
    is_plain.then_some(part)
}

/// What a reply to something done is made from; `None` unless devices confirmed all of it.
fn facts_of_success(
    plan: &Plan,
    success: &[(EntityId, Outcome)],
    failed: &[(EntityId, Outcome)],
    home: &Home,
) -> Option<Facts> {
    let entity = |id: &EntityId| home.entity(id.as_str());
    let is_done = |(id, outcome): &(EntityId, Outcome)| match outcome {
        Outcome::Confirmed => true,
        // A button or a scene has nothing to report; sending it is all there is.
        _ => entity(id).is_some_and(|e| matches!(e.domain, Domain::Button | Domain::Scene)),
    };
    if !failed.is_empty() || success.is_empty() || !success.iter().all(is_done) {
        return None;
    }
    let matched = success.iter().filter_map(|(id, _)| entity(id)).map(Seen::of).collect();
    Some(Facts { matched, ..Facts::of(&plan.reading) })
}

/// What a reply to a question is made from. What is not known now is shown as not known.
fn facts_of_question(question: &Question, known: &[Fact<'_>], reading: &Reading) -> Facts {
    let state = question.state.as_deref().unwrap_or("on");
    let is_asked = question.state.is_some() || question.kind != Asked::One;
    let mut facts = Facts::of(reading);
    for fact in known {
        let mut seen = Seen::of(fact.entity);
        let is_live = fact.freshness == Freshness::Live && fact.word.is_some();
        if !is_live {
            seen.state = if fact.word.is_some() { "unavailable" } else { "unknown" }.to_owned();
            seen.unit = None;
        }
        match (is_live && (!is_asked || is_in_state(fact, state)), is_live) {
            (true, _) => facts.matched.push(seen),
            // "Are all closed?" is not answered with yes while one of them does not answer.
            (false, true) => facts.unmatched.push(seen),
            (false, false)
                if matches!(question.kind, Asked::Any | Asked::Which | Asked::HowMany) => {}
            (false, false) => facts.unmatched.push(seen),
        }
    }
    facts
}

/// The key of the pack's reply.
fn key(reading: &Reading) -> &str {
    if reading.response.is_empty() { "default" } else { &reading.response }
}

/// Names and states without a word of any language.
fn plainly(facts: &Facts) -> String {
    let one = |seen: &Seen| format!("{}: {}", seen.name, seen.state);
    let all: Vec<String> = facts.matched.iter().chain(&facts.unmatched).take(4).map(one).collect();
    all.join(", ")
}

/// A time for replies that tell none.
fn no_time() -> Zoned {
    Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC)
}
