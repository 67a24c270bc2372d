//! Rules that there are, in words: which there are, and to take one away, let it rest or change it. Which one is meant is
//! told by words of its name, of the things it is about or of what it does, or it is the one that was spoken of last.

use crate::automation::rule::engine::Stand;
use crate::automation::rule::kept::RuleEdit;
use crate::automation::rule::{Kind as RuleKind, condition, trigger};
use crate::home::Home;
use crate::home::rhythm::Days;
use crate::home::value::Value;
use crate::intent::response::Phrase;
use crate::intent::rule::{Change, RuleErrand};
use crate::text;

use super::{Draft, PATIENCE_S, RuleTurn, read, write};
use crate::assistant::memory::{Ask, Open};
use crate::assistant::{Answer, Assistant, Code, Kind, Speaker};

/// Rules told one by one.
const MOST_TOLD: usize = 5;

impl Assistant {
    /// What is said of the rules that there are, and what is to become of them.
    pub(super) fn rule_errand(
        &mut self,
        turn: &RuleTurn,
        errand: &RuleErrand,
        known: &[Stand],
        home: &Home,
    ) -> (Answer, Vec<RuleEdit>) {
        if let RuleErrand::Keep { name, place, is_all } = errand {
            return self.keep_scene(turn, name, place.as_deref(), *is_all, known, home);
        }
        let speaker = turn.language.speaker();
        let at = turn.at / 1_000;
        let is_automation = |stand: &&Stand| stand.rule.key.kind() == RuleKind::Automation;
        let all: Vec<&Stand> = known.iter().filter(is_automation).collect();
        let words = match errand {
            RuleErrand::List | RuleErrand::Keep { .. } => "",
            RuleErrand::Which(words)
            | RuleErrand::Remove(words)
            | RuleErrand::Turn(words, _)
            | RuleErrand::Change(words, _) => words,
        };
        if let RuleErrand::List | RuleErrand::Which(_) = errand {
            let found = meant(words, &all, &speaker, home);
            if let [only] = found[..] {
                self.talks.open(&turn.conversation, None, at).rule = Some(only.rule.key.clone());
            }
            return (speaker.listed(&found, words, turn, home), Vec::new());
        }
        let last = self.talks.open(&turn.conversation, None, at).rule.clone();
        let found = match words.is_empty() {
            true => {
                all.iter().filter(|stand| Some(&stand.rule.key) == last.as_ref()).copied().collect()
            }
            false => meant(words, &all, &speaker, home),
        };
        let one = match (&found[..], &all[..]) {
            ([one], _) => *one,
            ([], [only]) if words.is_empty() => *only,
            ([], []) => return (speaker.told_rule("none", "", turn), Vec::new()),
            ([], _) if words.is_empty() => {
                return (speaker.cannot_rule("say_which", "", turn), Vec::new());
            }
            ([], _) => return (speaker.cannot_rule("none_like", words, turn), Vec::new()),
            (several, _) => {
                let rules: Vec<String> = several
                    .iter()
                    .take(MOST_TOLD)
                    .map(|stand| speaker.rule(&stand.rule, home))
                    .collect();
                return (speaker.cannot_rule("which", &rules.join(" "), turn), Vec::new());
            }
        };
        let key = one.rule.key.clone();
        let sentence = speaker.rule(&one.rule, home);
        self.talks.open(&turn.conversation, None, at).rule = Some(key.clone());
        match errand {
            RuleErrand::Remove(_) => {
                let then = speaker.rule_text("removed", &sentence);
                let draft = Draft::Edit(RuleEdit::Forget(key), then);
                self.wait_for_yes(draft, turn);
                let answer = speaker.noted_rule("remove_really", &sentence, turn);
                (Answer { continues: true, ..answer }, Vec::new())
            }
            RuleErrand::Turn(_, is_on) => {
                let word = if *is_on { "goes_on" } else { "rests" };
                (speaker.noted_rule(word, &sentence, turn), vec![RuleEdit::Turn(key, *is_on)])
            }
            RuleErrand::Change(_, change) => {
                let today = self.today(turn);
                let Some(source) = changed(one, change, &today) else {
                    return (speaker.cannot_rule("cannot_change", "", turn), Vec::new());
                };
                let templates = crate::template::Templates::default();
                let sentence = speaker.rule(&read(&source, &templates), home);
                let source = renamed(source, &speaker.rule_name(&sentence));
                let then = speaker.rule_text("changed", &sentence);
                let edit = RuleEdit::Put(key, source);
                // Less often than before needs no yes.
                if let Change::Without(_) | Change::SkipToday = change {
                    let answer = speaker.noted(then, &turn.reading);
                    return (answer, vec![edit]);
                }
                self.wait_for_yes(Draft::Edit(edit, then), turn);
                let answer = speaker.noted_rule("shall_i_change", &sentence, turn);
                (Answer { continues: true, ..answer }, Vec::new())
            }
            RuleErrand::List | RuleErrand::Which(_) | RuleErrand::Keep { .. } => {
                (speaker.told_rule("none", "", turn), Vec::new())
            }
        }
    }
}

impl Assistant {
    pub(super) fn wait_for_yes(&mut self, draft: Draft, turn: &RuleTurn) {
        let at = turn.at / 1_000;
        let (until, steps) = (at + PATIENCE_S, Vec::new());
        let reading = turn.reading.clone();
        let open = Open { ask: Ask::Arm(Box::new(draft)), steps, reading, until };
        self.talks.open(&turn.conversation, None, at).open = Some(open);
    }

    /// The date of the day on which it was said: `2026-11-18`.
    fn today(&self, turn: &RuleTurn) -> String {
        let now = jiff::Timestamp::from_millisecond(turn.at).unwrap_or_default();
        now.to_zoned(self.zone.clone()).date().to_string()
    }
}

impl Speaker<'_> {
    fn listed(&self, found: &[&Stand], words: &str, turn: &RuleTurn, home: &Home) -> Answer {
        if found.is_empty() {
            let key = if words.is_empty() { "none" } else { "none_like" };
            return self.told_rule(key, words, turn);
        }
        let one = |stand: &&Stand| {
            let rule = self.rule(&stand.rule, home);
            match stand.is_on {
                true => rule,
                false => self.voice.say("rule", "is_off", &[("rule", &Phrase::plain(rule))]),
            }
        };
        let mut told: Vec<String> = found.iter().take(MOST_TOLD).map(one).collect();
        if let Some(more) = found.len().checked_sub(MOST_TOLD).filter(|more| *more > 0) {
            let count = Phrase::plain(more.to_string());
            told.push(self.voice.say("books", "more", &[("count", &count)]));
        }
        self.answer(told.join(" "), &turn.reading)
    }

    fn rule_text(&self, key: &'static str, what: &str) -> String {
        let what = Phrase::plain(what);
        self.voice.say("rule", key, &[("what", &what), ("rule", &what), ("rules", &what)])
    }

    fn told_rule(&self, key: &'static str, what: &str, turn: &RuleTurn) -> Answer {
        self.answer(self.rule_text(key, what), &turn.reading)
    }

    fn noted_rule(&self, key: &'static str, what: &str, turn: &RuleTurn) -> Answer {
        self.noted(self.rule_text(key, what), &turn.reading)
    }

    fn cannot_rule(&self, key: &'static str, what: &str, turn: &RuleTurn) -> Answer {
        let answer = self.answer(self.rule_text(key, what), &turn.reading);
        Answer { kind: Kind::Error(Code::NoValidTargets), ..answer }
    }
}

/// The rules that have all these words; those with most of them where none has all.
fn meant<'s>(words: &str, all: &[&'s Stand], speaker: &Speaker<'_>, home: &Home) -> Vec<&'s Stand> {
    let key = text::key(words);
    let is_bare = |word: &str| {
        speaker.voice.find("bare", word).is_some() || speaker.voice.find("fillers", word).is_some()
    };
    let wanted: Vec<&str> =
        key.split(' ').filter(|word| !word.is_empty() && !is_bare(word)).collect();
    if wanted.is_empty() {
        return all.to_vec();
    }
    let has_all = |stand: &&&Stand| {
        let told = format!(
            "{} {} {}",
            text::key(&stand.rule.alias),
            text::key(&stand.rule.description),
            text::key(&speaker.rule(&stand.rule, home))
        );
        let stem = |word: &str| word.trim_end_matches('s').to_owned();
        let has: Vec<String> = told.split(' ').map(stem).collect();
        wanted.iter().all(|word| has.contains(&stem(word)))
    };
    all.iter().filter(has_all).copied().collect()
}

fn renamed(source: Value, name: &str) -> Value {
    match source {
        Value::Map(mut fields) => {
            match fields.iter_mut().find(|(key, _)| &**key == "alias") {
                Some((_, alias)) => *alias = name.into(),
                None => fields.insert(0, ("alias".into(), name.into())),
            }
            Value::Map(fields)
        }
        other => other,
    }
}

/// The source of a rule with one thing changed; `None` where there is nothing to change so.
fn changed(stand: &Stand, change: &Change, today: &str) -> Option<Value> {
    let Value::Map(fields) = &stand.rule.source else { return None };
    let mut fields = fields.clone();
    match change {
        Change::At(hour, minute, is_half) => {
            let (at_field, triggers) =
                fields.iter_mut().find(|(key, _)| matches!(&**key, "triggers" | "trigger"))?;
            let _ = at_field;
            let mut n_changed = 0;
            each(triggers, &mut |trigger| {
                let Value::Map(fields) = trigger else { return };
                let is_time = fields.iter().any(|(key, value)| {
                    matches!(&**key, "trigger" | "platform") && value.as_str() == Some("time")
                });
                let at = fields.iter_mut().find(|(key, _)| &**key == "at");
                if let (true, Some((_, at))) = (is_time, at) {
                    let was = at.as_str().and_then(crate::automation::rule::native::time_of_day);
                    let is_late = was.is_some_and(|second| second >= 43_200);
                    let hour = if *is_half && is_late && *hour < 12 { hour + 12 } else { *hour };
                    *at = format!("{hour:02}:{minute:02}:00").into();
                    n_changed += 1;
                }
            });
            (n_changed == 1).then_some(Value::Map(fields))
        }
        Change::Without(days) | Change::With(days) | Change::Only(days) => {
            let known = on_days(stand).unwrap_or(Days::DAILY);
            let bits = match change {
                Change::Without(_) => known.bits() & !days.bits(),
                Change::With(_) => known.bits() | days.bits(),
                _ => days.bits(),
            };
            let days = Days::from_bits(bits)?;
            let is_days = |value: &Value| match value {
                Value::Map(fields) => {
                    fields.iter().any(|(key, _)| &**key == "weekday")
                        && !fields.iter().any(|(key, _)| matches!(&**key, "after" | "before"))
                }
                _ => false,
            };
            let (name, mut conditions) = take_conditions(&mut fields);
            conditions.retain(|condition| !is_days(condition));
            if days != Days::DAILY {
                conditions.push(write::days(days));
            }
            if !conditions.is_empty() {
                fields.push((name, Value::List(conditions)));
            }
            Some(Value::Map(fields))
        }
        Change::SkipToday => {
            let (name, mut conditions) = take_conditions(&mut fields);
            // Days left out before are over.
            conditions.retain(|condition| !is_left_out(condition));
            let template = format!("{{{{ now().strftime('%Y-%m-%d') != '{today}' }}}}");
            conditions.push(write::map(&[
                ("alias", format!("{LEFT_OUT}{today}").into()),
                ("condition", "template".into()),
                ("value_template", template.into()),
            ]));
            fields.push((name, Value::List(conditions)));
            Some(Value::Map(fields))
        }
    }
}

/// How the condition is called by which a day is left out.
const LEFT_OUT: &str = "not on ";

fn is_left_out(condition: &Value) -> bool {
    let Value::Map(fields) = condition else { return false };
    let is = |(key, value): &(std::sync::Arc<str>, Value)| {
        &**key == "alias" && value.as_str().is_some_and(|alias| alias.starts_with(LEFT_OUT))
    };
    fields.iter().any(is)
}

/// Takes the conditions out of a rule, with the name under which they stood.
fn take_conditions(
    fields: &mut Vec<(std::sync::Arc<str>, Value)>,
) -> (std::sync::Arc<str>, Vec<Value>) {
    let is_it =
        |(key, _): &(std::sync::Arc<str>, Value)| matches!(&**key, "conditions" | "condition");
    let Some(at) = fields.iter().position(is_it) else {
        return ("conditions".into(), Vec::new());
    };
    let (name, value) = fields.remove(at);
    match value {
        Value::List(items) => (name, items),
        one => (name, vec![one]),
    }
}

fn each(value: &mut Value, act: &mut impl FnMut(&mut Value)) {
    match value {
        Value::List(items) => items.iter_mut().for_each(act),
        one => act(one),
    }
}

/// On which days a rule acts, if it says so.
fn on_days(stand: &Stand) -> Option<Days> {
    let by_condition = stand.rule.conditions.iter().find_map(|condition| match &condition.kind {
        condition::Kind::Time { after: None, before: None, days } => *days,
        _ => None,
    });
    let by_trigger = || {
        stand.rule.triggers.iter().find_map(|trigger| match &trigger.kind {
            trigger::Kind::Time { days, .. } => Some(*days),
            _ => None,
        })
    };
    by_condition.or_else(by_trigger)
}
