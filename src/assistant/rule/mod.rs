//! What is to happen by itself, asked for in words: from the parts of the sentence to a rule of the house, which is shown
//! back as a sentence made from the rule itself, and armed after a yes. Somebody who only wants to be told once need not
//! confirm it, as with any reminder.

mod change;
mod deeds;
mod guess;
mod scene;
mod tell;
mod write;

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::automation::rule::engine::Stand;
use crate::automation::rule::kept::RuleEdit;
use crate::automation::rule::trial::Trial;
use crate::automation::rule::{Kind as RuleKind, Rule, RuleKey, read as reading};
use crate::home::Home;
use crate::home::action::Refusal;
use crate::home::person::{Matter, Rights, Role};
use crate::home::place::Area;
use crate::home::target::TargetWords;
use crate::home::value::Value;
use crate::intent::meaning::{Command, Memory, Reading, Step, Understanding, What, When};
use crate::intent::response::{Phrase, capital};
use crate::intent::rule::{Event, RuleErrand, RuleWords, Tells};
use crate::template::Templates;

use super::conversation::YES_WITHIN_S;
use super::memory::{Ask, Open};
use super::plan::{Part, Planned, Told};
use super::{Answer, Assistant, Code, Kind, Language, Said, Speaker, Turn};

use self::write::{Pen, Trouble};

/// How long a question about a rule waits for its answer, in seconds.
const PATIENCE_S: i64 = 120;

/// Something to be done about the rules; see [`Assistant::rules`].
#[derive(Debug, Clone, PartialEq)]
pub struct RuleTurn {
    deed: Deed,
    reading: Reading,
    language: Arc<Language>,
    conversation: String,
    /// The room of whoever spoke.
    area: Option<String>,
    /// Unix milliseconds.
    at: i64,
}

#[derive(Debug, Clone, PartialEq)]
enum Deed {
    /// Keep this rule; with what is said then.
    New { source: Value, said: String },
    /// Change one that there is.
    Edit { edit: RuleEdit, said: String },
    /// What is asked of those that there are.
    Errand(RuleErrand),
}

/// A rule that was shown and waits for a yes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Draft {
    /// To be kept.
    New(Value),
    /// To be changed, or to go; with what is said then.
    Edit(RuleEdit, String),
}

/// A rule to be shown back, with when it would have run; a yes is waited for.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// Under which it is tried.
    pub key: RuleKey,
    /// In Home Assistant's schema.
    pub source: Value,
    sentence: String,
    reading: Reading,
    language: Arc<Language>,
    zone: TimeZone,
}

impl Proposal {
    /// "… It would have run 3 times in the last 7 days: …. Shall I keep that?"
    pub fn answer(&self, trial: Option<&Trial>) -> Answer {
        let speaker = self.language.speaker();
        // Where nothing is recorded there is nothing to tell.
        let told = trial.filter(|trial| !trial.is_blind);
        let told = told.map_or_else(String::new, |trial| {
            format!(" {}", trial.say(&self.language.code, &self.zone))
        });
        let rule = Phrase::plain(format!("{}{told}", self.sentence));
        let text = speaker.voice.say("rule", "shall_i", &[("rule", &rule)]);
        Answer { continues: true, ..speaker.noted(text, &self.reading) }
    }
}

impl Assistant {
    /// Somebody keeps rules. Without that, they are refused, and what comes again is for the agenda.
    pub fn keeps_rules(&mut self) {
        self.has_rules = true;
    }

    /// The rule of an utterance, or what it asks of rules, before anything else is made of it.
    pub(super) fn ruled(
        &mut self,
        said: &Said<'_>,
        here: Option<&Area>,
        home: &Home,
    ) -> Option<Turn> {
        let goes_on = self.talk(said).rule.is_some();
        if let Some((errand, reading, language)) = self.errand_of_rules(said, goes_on, here, home) {
            return Some(self.rules_asked(errand, reading, &language, said));
        }
        let (words, language) = self.rule_words(said, here, home)?;
        Some(self.propose(words, None, &language, said, here, home))
    }

    /// Shows a rule back, or says why it is none. `steps` are what is to be done where it is known already.
    pub(super) fn propose(
        &mut self,
        words: RuleWords,
        steps: Option<Vec<Step>>,
        language: &Arc<Language>,
        said: &Said<'_>,
        here: Option<&Area>,
        home: &Home,
    ) -> Turn {
        let speaker = language.speaker();
        let is_notice = words.tells.as_ref().is_some_and(|t| t.is_once) && words.deeds.is_empty();
        let may = Rights::of(said.role).allow(Matter::House);
        let may = may || is_notice && said.role != Role::Guest;
        if !may {
            return Turn::Answer(speaker.rule_trouble("not_for_you", &words.reading));
        }
        if !self.has_rules {
            return Turn::Answer(speaker.not_yet(&words.reading));
        }
        let steps = match steps {
            Some(steps) => steps,
            None => match self.deed_steps(&words, said, here, home) {
                Ok(steps) => steps,
                Err((understanding, index)) => {
                    return self.respond(*understanding, index, said, here, home);
                }
            },
        };
        let mut parts: Vec<(Part, Option<f64>)> = Vec::new();
        let mut reading = words.reading.clone();
        if !steps.is_empty() {
            let now = |step: &Step| Step {
                when: When::Now,
                lasting_s: None,
                only_if: Vec::new(),
                ..step.clone()
            };
            let plain: Vec<Step> = steps.iter().map(now).collect();
            let planner = self.planner(language, said, here, home, true);
            let plan = match planner.plan(&plain, reading.clone(), None) {
                Planned::Plan(plan) => plan,
                Planned::Which { candidates, step, slot, answer } => {
                    let until = said.now.as_second() + PATIENCE_S;
                    let rule = Some(Box::new(words));
                    let ask = Ask::Which { candidates, step, slot, is_guarded: true, rule };
                    self.talk(said).open = Some(Open { ask, steps, reading, until });
                    return Turn::Answer(*answer);
                }
            };
            let is_whole = plan.refused.is_empty()
                && plan
                    .parts
                    .iter()
                    .all(|part| part.told == Told::Outcomes && !part.entities.is_empty());
            if !is_whole {
                let answer = plan.conclude(&[], home);
                let kind = match answer.kind {
                    Kind::Error(code) => Kind::Error(code),
                    _ => Kind::Error(Code::FailedToHandle),
                };
                return Turn::Answer(Answer { kind, ..answer });
            }
            reading.why.extend(plan.why.iter().cloned());
            parts = plan.parts.iter().cloned().zip(steps.iter().map(|s| s.lasting_s)).collect();
        }
        let times = steps.iter().filter_map(|step| rhythm(step.when, words.is_always));
        let mut events = words.events.clone();
        for rhythm in times {
            let event = Event::Time(rhythm);
            if !events.contains(&event) {
                events.push(event);
            }
        }
        let pen = Pen { home, here, speaker: said.speaker };
        let written = pen.rule(&words, &events, &parts, &speaker);
        let source = match written {
            Ok(source) => source,
            Err(trouble) => return Turn::Answer(speaker.trouble(&trouble, &reading, home)),
        };
        let rule = read(&source, &Templates::default());
        if !rule.is_armed() || rule.triggers.iter().all(|trigger| !trigger.is_enabled) {
            return Turn::Answer(speaker.rule_trouble("unable", &reading));
        }
        let sentence = speaker.rule(&rule, home);
        let alias = (Arc::from("alias"), speaker.rule_name(&sentence).into());
        let source = match source {
            Value::Map(fields) => Value::Map(std::iter::once(alias).chain(fields).collect()),
            other => other,
        };
        if is_notice {
            let key = match words.tells.as_ref().is_some_and(|tells| tells.is_reminder) {
                true => "reminds",
                false => "tells",
            };
            let event = Phrase::plain(speaker.events(&rule.triggers, &mut None, home));
            let text = words.tells.as_ref().and_then(|tells| tells.text.clone());
            let text = Phrase::plain(text.unwrap_or_default());
            let said_then = speaker.voice.say("rule", key, &[("events", &event), ("text", &text)]);
            let deed = Deed::New { source, said: said_then };
            return self.rule_turn(deed, reading, language, said);
        }
        let until = said.now.as_second() + YES_WITHIN_S;
        let ask = Ask::Arm(Box::new(Draft::New(source.clone())));
        let open = Open { ask, steps: Vec::new(), reading: reading.clone(), until };
        self.talk(said).open = Some(open);
        let key = free_key(said.now.as_millisecond(), &[]);
        let (language, zone) = (Arc::clone(language), self.zone.clone());
        Turn::Tries(Box::new(Proposal { key, source, sentence, reading, language, zone }))
    }

    /// What is asked of the rules that there are.
    pub(super) fn rules_asked(
        &mut self,
        errand: RuleErrand,
        reading: Reading,
        language: &Arc<Language>,
        said: &Said<'_>,
    ) -> Turn {
        let speaker = language.speaker();
        let rights = Rights::of(said.role);
        let may = match errand {
            RuleErrand::List | RuleErrand::Which(_) => rights.allow(Matter::Agenda),
            _ => rights.allow(Matter::House),
        };
        match (may, self.has_rules) {
            (false, _) => Turn::Answer(speaker.rule_trouble("not_for_you", &reading)),
            (true, false) => Turn::Answer(speaker.not_yet(&reading)),
            (true, true) => self.rule_turn(Deed::Errand(errand), reading, language, said),
        }
    }

    /// A yes to a rule that was shown.
    pub(super) fn arm(
        &self,
        draft: &Draft,
        reading: Reading,
        language: &Arc<Language>,
        said: &Said<'_>,
    ) -> Turn {
        let deed = match draft {
            Draft::New(source) => {
                let text = language.speaker().voice.say("rule", "armed_now", &[]);
                Deed::New { source: source.clone(), said: text }
            }
            Draft::Edit(edit, said) => Deed::Edit { edit: edit.clone(), said: said.clone() },
        };
        self.rule_turn(deed, reading, language, said)
    }

    fn rule_turn(
        &self,
        deed: Deed,
        reading: Reading,
        language: &Arc<Language>,
        said: &Said<'_>,
    ) -> Turn {
        let (language, conversation) = (Arc::clone(language), said.conversation.to_owned());
        let at = said.now.as_millisecond();
        let area = said.area.map(str::to_owned);
        Turn::Rules(Box::new(RuleTurn { deed, reading, language, conversation, area, at }))
    }

    /// What is said of the rules, and what is to become of them.
    pub fn rules(
        &mut self,
        turn: &RuleTurn,
        known: &[Stand],
        home: &Home,
    ) -> (Answer, Vec<RuleEdit>) {
        let speaker = turn.language.speaker();
        match &turn.deed {
            Deed::New { source, said } => {
                let key = free_key(turn.at, known);
                let answer = speaker.noted(said.clone(), &turn.reading);
                self.talks.open(&turn.conversation, None, turn.at / 1_000).rule = Some(key.clone());
                (answer, vec![RuleEdit::Put(key, source.clone())])
            }
            Deed::Edit { edit, said } => {
                (speaker.noted(said.clone(), &turn.reading), vec![edit.clone()])
            }
            Deed::Errand(errand) => self.rule_errand(turn, errand, known, home),
        }
    }

    /// What is to be done by a rule, as steps.
    fn deed_steps(
        &mut self,
        words: &RuleWords,
        said: &Said<'_>,
        here: Option<&Area>,
        home: &Home,
    ) -> Result<Vec<Step>, (Box<Understanding>, usize)> {
        let memory = Memory { entities: words.about.clone(), ..Memory::default() };
        let mut last = None;
        for deed in &words.deeds {
            let deed = Said { text: deed, ..*said };
            match self.understand(&deed, home, here, &memory) {
                (Understanding::Wish(steps, _), _) => return Ok(steps),
                (other, index) => last = Some((Box::new(other), index)),
            }
        }
        match last {
            None => Ok(Vec::new()),
            // A question is no deed.
            Some((understanding, index)) => Err(match *understanding {
                other @ (Understanding::UnknownName(..) | Understanding::Unexplained(..)) => {
                    (Box::new(other), index)
                }
                _ => (Box::new(Understanding::Nothing), index),
            }),
        }
    }
}

/// The time of a deed that comes again.
fn rhythm(when: When, is_always: bool) -> Option<crate::home::rhythm::Rhythm> {
    use crate::home::rhythm::{Days, Rhythm};
    match when {
        When::Every(rhythm) => Some(rhythm),
        When::Sun { is_rise, offset_s } if is_always => {
            Some(Rhythm::Sun { days: Days::DAILY, is_rise, offset_s })
        }
        When::At { hour, minute, is_half_day, .. } if is_always => {
            let hour = if is_half_day && hour < 5 { hour + 12 } else { hour };
            Some(Rhythm::Clock { days: Days::DAILY, hour, minute })
        }
        _ => None,
    }
}

impl Pen<'_> {
    /// The source of the rule, without its name.
    fn rule(
        &self,
        words: &RuleWords,
        events: &[Event],
        parts: &[(Part, Option<f64>)],
        speaker: &Speaker<'_>,
    ) -> Result<Value, Trouble> {
        let (triggers, mut conditions) = self.events(events)?;
        for hold in &words.holds {
            conditions.push(self.hold(hold)?);
        }
        let mut actions: Vec<Value> = Vec::new();
        let mut ends: Vec<Value> = Vec::new();
        let mut lasting = None;
        for (part, lasting_s) in parts {
            actions.extend(write::calls(part, self.home)?);
            if let Some(seconds) = lasting_s {
                ends.extend(write::ending(part, self.home)?);
                lasting = Some(*seconds);
            }
        }
        if let Some(tells) = &words.tells {
            let message = write::message(&self.message(tells, &triggers, speaker));
            let at = if tells.is_first { 0 } else { actions.len() };
            actions.insert(at, message);
        }
        if let Some(seconds) = lasting {
            actions.push(write::map(&[("delay", write::length(seconds))]));
            actions.extend(ends);
        }
        let fields = write::source(words, triggers, conditions, actions, lasting.is_some());
        Ok(Value::Map(fields))
    }

    /// What is told: what was said, or what has happened.
    fn message(&self, tells: &Tells, triggers: &[Value], speaker: &Speaker<'_>) -> String {
        let text = match &tells.text {
            Some(text) => text.clone(),
            None => {
                let source = write::map(&[("triggers", Value::List(triggers.to_vec()))]);
                let rule = read(&source, &Templates::default());
                speaker.happened(&rule.triggers, self.home)
            }
        };
        let text = capital(text.trim());
        match tells.is_reminder {
            true => speaker.voice.say("remind", "now", &[("text", &Phrase::plain(text))]),
            false if text.ends_with(['.', '!', '?']) => text,
            false => format!("{text}."),
        }
    }
}

/// A rule of a source, to look at it.
fn read(source: &Value, templates: &Templates) -> Rule {
    reading::automation("draft", source, templates)
}

/// A key that no rule has, of the time.
fn free_key(at: i64, known: &[Stand]) -> RuleKey {
    let key = |at: i64| RuleKey::new(RuleKind::Automation, &at.to_string());
    let mut at = at;
    while known.iter().any(|stand| stand.rule.key == key(at)) {
        at += 1;
    }
    key(at)
}

impl Speaker<'_> {
    fn rule_trouble(&self, key: &'static str, reading: &Reading) -> Answer {
        let text = self.voice.say("rule_trouble", key, &[]);
        Answer::error(Code::FailedToHandle, text, self.code).of(reading)
    }

    fn trouble(&self, trouble: &Trouble, reading: &Reading, home: &Home) -> Answer {
        match trouble {
            Trouble::Refused(words, refusal) => self.not_there(words, refusal, reading, home),
            Trouble::NoPeople => self.rule_trouble("no_people", reading),
            Trouble::WhoAreYou => self.rule_trouble("who_are_you", reading),
            Trouble::Unable => self.rule_trouble("unable", reading),
        }
    }

    fn not_there(
        &self,
        words: &TargetWords,
        refusal: &Refusal,
        reading: &Reading,
        home: &Home,
    ) -> Answer {
        let command = Command::new(What::TurnOn, words.clone());
        let answer = self.no_target(refusal, &command, reading, home);
        Answer { continues: false, ..answer }
    }
}
