//! From outcomes to the reply: what was done, what has not answered, what was refused and why. It
//! says "done" only of what a device confirmed.

use std::collections::BTreeMap;

use crate::home::Home;
use crate::home::action::{Outcome, Refusal};
use crate::home::domain::{Domain, State};
use crate::home::entity::Entity;
use crate::home::id::EntityId;
use crate::home::target::{self, By, TargetWords};
use crate::intent::meaning::{Amount, Command, Reading, Step, What, When};
use crate::intent::response::{MAX_NAMED, Phrase};

use super::plan::{self, Instead, Part, Plan, Told};
use super::{Answer, Code, Kind, Speaker};

/// What became of the calls of a step.
struct Done {
    confirmed: Vec<EntityId>,
    sent: Vec<EntityId>,
    refused: Vec<(EntityId, Refusal)>,
}

impl Done {
    fn of(plan: &Plan, part: &Part, outcomes: &[(EntityId, Outcome)]) -> Done {
        let mut done =
            Done { confirmed: Vec::new(), sent: Vec::new(), refused: part.refused.clone() };
        for at in part.calls.clone() {
            let Some((id, _)) = plan.calls.get(at) else { continue };
            // In the order of the calls; else whatever is said of the thing.
            let in_order = outcomes.get(at).filter(|(known, _)| known == id);
            let outcome = in_order.or_else(|| outcomes.iter().find(|(known, _)| known == id));
            match outcome.map(|(_, outcome)| outcome) {
                Some(Outcome::Confirmed) => done.confirmed.push(id.clone()),
                Some(Outcome::Sent) | None => done.sent.push(id.clone()),
                Some(Outcome::Refused(refusal)) => done.refused.push((id.clone(), refusal.clone())),
            }
        }
        // Several calls for one thing: the worst counts.
        done.sent.dedup();
        done.confirmed.dedup();
        done.confirmed.retain(|id| !done.sent.contains(id));
        let refused = |id: &EntityId| done.refused.iter().any(|(known, _)| known == id);
        done.sent.retain(|id| !refused(id));
        done.confirmed.retain(|id| !refused(id));
        done
    }
}

/// What a toggle came to, if it came to the same for all.
fn toggled(ids: &[EntityId], home: &Home) -> &'static str {
    let key = |id: &EntityId| {
        let word = home.entity(id.as_str())?.view()?.word;
        Some(match &*word {
            "on" => "turn_on",
            "off" => "turn_off",
            "open" | "opening" => "open",
            "closed" | "closing" => "close",
            _ => return None,
        })
    };
    let first = ids.first().and_then(key);
    first.filter(|first| ids.iter().all(|id| key(id) == Some(first))).unwrap_or("toggle")
}

impl Speaker<'_> {
    /// The reply to a plan. Calls without an outcome count as sent.
    pub(super) fn outcomes(
        &self,
        plan: &Plan,
        outcomes: &[(EntityId, Outcome)],
        home: &Home,
    ) -> Answer {
        let mut sentences: Vec<String> = Vec::new();
        let (mut success, mut failed) = (Vec::new(), Vec::new());
        let mut code = None;
        let mut is_settled = false;
        for part in &plan.parts {
            let done = Done::of(plan, part, outcomes);
            match &part.told {
                Told::Outcomes | Told::Undone => self.part(plan, part, &done, home, &mut sentences),
                Told::Later => {
                    is_settled = true;
                    sentences.extend(self.refused(plan, part, &done, home));
                }
                Told::Instead(instead) => {
                    let (text, why) = self.instead(instead, part, plan, home);
                    sentences.push(text);
                    match why {
                        Some(why) => code = code.or(Some(why)),
                        None => is_settled = true,
                    }
                }
            }
            let with = |ids: Vec<EntityId>, outcome: Outcome| {
                ids.into_iter().map(move |id| (id, outcome.clone()))
            };
            success.extend(with(done.confirmed, Outcome::Confirmed));
            success.extend(with(done.sent, Outcome::Sent));
            failed.extend(done.refused.into_iter().map(|(id, why)| (id, Outcome::Refused(why))));
        }
        sentences.extend(plan.notes.iter().cloned());
        sentences.extend(self.really(plan, home));
        if let Some(foreign) = self.foreign()
            && let Some(text) = foreign.told(plan, &success, &failed, home)
        {
            sentences = vec![text];
        }
        if let Some(owners) = self.owners()
            && let Some(text) = owners.confirmed(plan, &success, &failed, home)
        {
            sentences = vec![text];
        }
        let kind = match success.is_empty() && !is_settled {
            true => Kind::Error(code.unwrap_or(Code::FailedToHandle)),
            false => Kind::ActionDone,
        };
        let why = plan.reading.why.iter().chain(&plan.why).cloned().collect();
        Answer {
            kind,
            success,
            failed,
            why,
            continues: !plan.asks.is_empty()
                || plan.parts.iter().any(|part| {
                    matches!(&part.told, Told::Instead(Instead::NoTarget(Refusal::Ambiguous(_))))
                }),
            ..Answer::error(Code::FailedToHandle, sentences.join(" "), self.code).of(&plan.reading)
        }
    }

    /// What became of one step.
    fn part(&self, plan: &Plan, part: &Part, done: &Done, home: &Home, out: &mut Vec<String>) {
        let is_whole = |ids: &[EntityId]| ids.len() == part.entities.len();
        let what = |ids: &[EntityId]| match is_whole(ids) {
            true => self.target(plan, part, home),
            false => self.named(ids, part.entities.len(), home),
        };
        if !done.confirmed.is_empty() {
            let ids = &done.confirmed;
            out.push(self.done(part, ids, &what(ids), home));
        }
        if !done.sent.is_empty() {
            let ids = &done.sent;
            out.push(self.sent(part, ids, &what(ids), home));
        }
        out.extend(self.refused(plan, part, done, home));
        out.extend(self.left_on(part, home));
    }

    /// What was refused; things refused for the same reason share a sentence.
    fn refused(&self, plan: &Plan, part: &Part, done: &Done, home: &Home) -> Vec<String> {
        let mut by_reason: BTreeMap<String, (Refusal, Vec<EntityId>)> = BTreeMap::new();
        for (id, refusal) in &done.refused {
            let entry = by_reason
                .entry(format!("{refusal:?}"))
                .or_insert_with(|| (refusal.clone(), Vec::new()));
            if !entry.1.contains(id) {
                entry.1.push(id.clone());
            }
        }
        let say = |(refusal, ids): &(Refusal, Vec<EntityId>)| {
            let what = match ids.len() == part.entities.len() {
                true => self.target(plan, part, home),
                false => self.named(ids, part.entities.len(), home),
            };
            match refusal {
                Refusal::NotAllowed => self.voice.say("refused", "forbidden", &[("what", &what)]),
                Refusal::CannotDo("undo") => {
                    self.voice.say("talk", "cannot_undo", &[("what", &what)])
                }
                _ => self.refusal(refusal, &what),
            }
        };
        by_reason.values().map(say).collect()
    }

    /// Why nothing was done; the code if that is a failure.
    fn instead(
        &self,
        instead: &Instead,
        part: &Part,
        plan: &Plan,
        home: &Home,
    ) -> (String, Option<Code>) {
        match instead {
            Instead::NoTarget(refusal) => {
                let reading = &plan.reading;
                let answer = self.no_target(refusal, &part.command, reading, home);
                (answer.text, Some(plan::code(refusal)))
            }
            Instead::Unmet(text) => (text.clone(), None),
            Instead::NotKept(text) => (text.clone(), Some(Code::FailedToHandle)),
            Instead::NotYet => (self.voice.say("talk", "not_yet", &[]), Some(Code::FailedToHandle)),
            Instead::NothingToUndo => {
                (self.voice.say("talk", "nothing_to_undo", &[]), Some(Code::FailedToHandle))
            }
        }
    }

    /// "Shall I unlock the front door?"
    fn really(&self, plan: &Plan, home: &Home) -> Vec<String> {
        let ask = |step: &Step| {
            let ids = &step.command.target.entities;
            let what = self.named(ids, ids.len(), home);
            let value = Phrase::plain(self.value(&step.command.what));
            let gaps = [("what", &what), ("value", &value)];
            let key = self.act_key(&step.command.what, ids, home);
            let is_relative = step.command.what.change().is_some();
            let key = if self.voice.find("confirm", key).is_some() && !is_relative {
                key
            } else {
                "other"
            };
            let question = self.voice.say("confirm", key, &gaps);
            let When::Every(rhythm) = step.when else { return question };
            let (time, question) = (Phrase::plain(self.rhythm(rhythm)), Phrase::plain(question));
            self.voice.say("confirm", "every", &[("time", &time), ("question", &question)])
        };
        let questions: Vec<String> = plan.asks.iter().map(ask).collect();
        questions
    }

    /// "Everything off" is lights and fans: nobody means the freezer's socket. What stays on is said.
    fn left_on(&self, part: &Part, home: &Home) -> Option<String> {
        let words = &part.command.target;
        let is_everything = words.domains == [Domain::Light, Domain::Fan];
        if part.command.what != What::TurnOff || !is_everything {
            return None;
        }
        let here = match part.found.first().map(|(_, target)| &target.by) {
            Some(By::Here(id)) => home.area(id.as_str()),
            _ => None,
        };
        let words = TargetWords { domains: vec![Domain::Switch], ..words.clone() };
        let mut switches = target::to_ask(&words, here, home).ok()?.entities;
        switches.retain(|id| {
            let view = home.entity(id.as_str()).and_then(Entity::view);
            view.is_some_and(|view| view.word == "on")
        });
        if switches.is_empty() {
            return None;
        }
        let what = self.named(&switches, switches.len(), home);
        Some(self.voice.say("done", "left_on", &[("what", &what)]))
    }

    fn done(&self, part: &Part, ids: &[EntityId], what: &Phrase, home: &Home) -> String {
        if part.told == Told::Undone {
            return self.voice.say("done", "undo", &[("what", what)]);
        }
        let key = self.act_key(&part.command.what, ids, home);
        let value = Phrase::plain(self.reached(&part.command.what, ids, home));
        let gaps = [("what", what), ("value", &value)];
        if value.text.is_empty() && part.command.what.change().is_some() {
            return self.voice.say("done", "changed", &gaps);
        }
        let is_moving = ids.iter().filter_map(|id| home.entity(id.as_str())).any(|entity| {
            let word = entity.view().map(|view| view.word);
            matches!(word.as_deref(), Some("opening" | "closing" | "locking" | "unlocking"))
        });
        if is_moving && self.voice.find("moving", key).is_some() {
            return self.voice.say("moving", key, &gaps);
        }
        self.voice.say("done", key, &gaps)
    }

    fn sent(&self, part: &Part, ids: &[EntityId], what: &Phrase, home: &Home) -> String {
        let key = self.act_key(&part.command.what, ids, home);
        let gaps = [("what", what)];
        // A button or a scene has nothing to report; sending it is all there is.
        if self.voice.find("sent", key).is_some() {
            return self.voice.say("sent", key, &gaps);
        }
        let is_all = ids.len() == part.entities.len();
        self.voice.say("sent", if is_all { "all" } else { "some" }, &gaps)
    }

    /// The key of the sentence that tells what was done.
    fn act_key(&self, what: &What, ids: &[EntityId], home: &Home) -> &'static str {
        let domain = ids.first().and_then(|id| home.entity(id.as_str())).map(|e| e.domain);
        match (what, domain) {
            (What::Open, _) | (What::TurnOn, Some(Domain::Cover | Domain::Valve)) => "open",
            (What::Close, _) | (What::TurnOff, Some(Domain::Cover | Domain::Valve)) => "close",
            (What::Lock, _) | (What::TurnOn, Some(Domain::Lock)) => "lock",
            (What::Unlock, _) | (What::TurnOff, Some(Domain::Lock)) => "unlock",
            (What::TurnOn | What::Activate | What::Start, Some(Domain::Button)) => "press",
            (What::Activate, Some(Domain::Vacuum | Domain::LawnMower)) => "start",
            (What::Activate | What::TurnOn | What::Start, Some(Domain::Scene)) => "activate",
            (What::Activate, _) => "turn_on",
            (What::Stop | What::Pause, Some(Domain::Light | Domain::Switch | Domain::Fan)) => {
                "turn_off"
            }
            (What::TurnOn | What::Start, Some(Domain::Vacuum | Domain::LawnMower)) => "start",
            (What::TurnOff | What::Dock, Some(Domain::Vacuum | Domain::LawnMower)) => "dock",
            (What::TurnOn, _) => "turn_on",
            (What::TurnOff, _) => "turn_off",
            (What::Toggle, _) => toggled(ids, home),
            (What::Stop, _) => "stop",
            (What::Brightness(Amount::To(percent)), _) if *percent <= 0.0 => "turn_off",
            (What::Brightness(_), _) => "brightness",
            (What::Color(_), _) => "color",
            (What::Kelvin(_), _) => "kelvin",
            (What::Position(_), _) => "position",
            (What::Temperature(_), _) => "temperature",
            (What::Speed(_), _) => "speed",
            (What::Start | What::Resume, _) => "start",
            (What::Dock, _) => "dock",
            (What::Pause, _) => "pause",
            (What::Locate, _) => "locate",
            (What::Effect(_), _) => "effect",
            (What::Tilt(_), _) => "tilt",
            (What::Humidity(_), _) => "humidity",
            (What::Mode(_) | What::FanMode(_), _) => "mode",
            (What::Number(_), _) => "number",
            (What::Arm(_), _) => "arm",
            (What::Disarm, _) => "disarm",
        }
    }

    fn value(&self, what: &What) -> String {
        match what {
            What::Brightness(amount)
            | What::Kelvin(amount)
            | What::Position(amount)
            | What::Tilt(amount)
            | What::Temperature(amount)
            | What::Humidity(amount)
            | What::Speed(amount)
            | What::Number(amount) => match amount {
                Amount::To(number) | Amount::By(number) => self.voice.number(*number),
            },
            What::Color(name) => self.voice.find("colors", name).unwrap_or(name).to_owned(),
            What::Effect(name) | What::Mode(name) | What::FanMode(name) | What::Arm(name) => {
                name.to_string()
            }
            What::TurnOn
            | What::TurnOff
            | What::Toggle
            | What::Open
            | What::Close
            | What::Lock
            | What::Unlock
            | What::Stop
            | What::Start
            | What::Dock
            | What::Pause
            | What::Resume
            | What::Locate
            | What::Activate
            | What::Disarm => String::new(),
        }
    }

    /// What a value came to, for what was wished as a difference.
    fn reached(&self, what: &What, ids: &[EntityId], home: &Home) -> String {
        if what.change().is_none() {
            return self.value(what);
        }
        let number = |id: &EntityId| {
            let view = home.entity(id.as_str())?.view()?;
            let number = |name: &str| view.attributes.named(name)?.as_f64();
            match what {
                What::Brightness(_) => match &home.entity(id.as_str())?.state {
                    Some(State::Light(light)) => {
                        Some((f64::from(light.brightness?) / 2.55).round())
                    }
                    _ => None,
                },
                What::Kelvin(_) => number("color_temp_kelvin"),
                What::Position(_) => number("current_position"),
                What::Tilt(_) => number("current_tilt_position"),
                What::Temperature(_) => number("temperature"),
                What::Humidity(_) => number("humidity"),
                What::Speed(_) => number("percentage"),
                What::Number(_) => view.word.parse().ok(),
                _ => None,
            }
        };
        let numbers: Vec<Option<f64>> = ids.iter().map(number).collect();
        match &numbers[..] {
            [Some(first), rest @ ..] if rest.iter().all(|other| *other == Some(*first)) => {
                self.voice.number(*first)
            }
            _ => String::new(),
        }
    }

    /// Why something was not done, in words. `what` is what it was not done on.
    pub(super) fn refusal(&self, refusal: &Refusal, what: &Phrase) -> String {
        let say = |key: &str, gaps: &[(&str, &Phrase)]| {
            let template = self.voice.find("refused", key).unwrap_or(key);
            crate::intent::response::capital(&self.voice.fill(template, gaps))
        };
        let gaps = [("what", what)];
        match refusal {
            Refusal::NoSuchName { said, nearest } => {
                self.unknown_name(say("no_such_name", &[("said", &Phrase::plain(said))]), nearest)
            }
            Refusal::NoSuchPlace { said, nearest } => {
                self.unknown_name(say("no_such_place", &[("said", &Phrase::plain(said))]), nearest)
            }
            Refusal::NothingThere => say("nothing_there", &[]),
            Refusal::Ambiguous(_) => say("ambiguous", &[("list", what)]),
            Refusal::CannotDo(_) => say("cannot_do", &gaps),
            Refusal::OutOfRange { min, max, .. } => {
                let (min, max) = (self.voice.number(*min), self.voice.number(*max));
                let (min, max) = (Phrase::plain(min), Phrase::plain(max));
                say("out_of_range", &[("what", what), ("min", &min), ("max", &max)])
            }
            Refusal::NotAnOption { .. } => say("not_an_option", &gaps),
            Refusal::BadValue { .. } => say("bad_value", &gaps),
            Refusal::NotKnown(_) => say("not_known", &gaps),
            Refusal::IsOff => say("is_off", &gaps),
            Refusal::NeedsCode => say("needs_code", &gaps),
            Refusal::WrongCode => say("wrong_code", &gaps),
            Refusal::NotAllowed => say("not_allowed", &gaps),
            Refusal::Unreachable => say("unreachable", &gaps),
            Refusal::NotAnnounced => say("not_announced", &gaps),
            Refusal::NoBroker => say("no_broker", &gaps),
            Refusal::TemplateFailed(_) => say("template_failed", &gaps),
        }
    }

    fn unknown_name(&self, mut text: String, nearest: &[String]) -> String {
        if !nearest.is_empty() {
            let names: Vec<Phrase> =
                nearest.iter().map(|name| self.voice.the(&self.voice.noun(name, None))).collect();
            let list = self.voice.choice(&names);
            text.push(' ');
            text.push_str(&self.voice.say("refused", "did_you_mean", &[("list", &list)]));
        }
        text
    }

    /// The answer when no target was found: refused, or asked back.
    pub(super) fn no_target(
        &self,
        refusal: &Refusal,
        command: &Command,
        reading: &Reading,
        home: &Home,
    ) -> Answer {
        if let Some(foreign) = self.foreign() {
            return foreign.no_target(refusal, command, reading, home);
        }
        let kinds = || {
            let domain = command.target.domains.first().map_or("any", |domain| domain.word());
            Phrase::plain(self.voice.kind(domain, true).text)
        };
        let text = match refusal {
            Refusal::Ambiguous(ids) => match &ids[..] {
                [only] => {
                    let what = self.named(std::slice::from_ref(only), 1, home);
                    self.voice.say("refused", "only_candidate", &[("what", &what)])
                }
                _ if ids.len() > MAX_NAMED => {
                    let count = Phrase::plain(ids.len().to_string());
                    let gaps = [("count", &count), ("kind", &kinds())];
                    self.voice.say("refused", "which_room", &gaps)
                }
                _ => self.refusal(refusal, &self.placed_names(ids, home)),
            },
            Refusal::NothingThere if command.target.name.is_none() => {
                let area = reading.said("area").map(|slot| slot.said.clone());
                let area = area.or_else(|| command.target.area.clone());
                match area {
                    Some(area) => {
                        let area = self.voice.noun(&area, Some((reading, "area")));
                        let in_area = self.voice.with("in", &area);
                        let gaps =
                            [("kind", &self.kind_or(command, reading)), ("in_area", &in_area)];
                        self.voice.say("refused", "nothing_there_in", &gaps)
                    }
                    None => {
                        let kind = self.kind_or(command, reading);
                        self.voice.say("refused", "nothing_of_kind", &[("kind", &kind)])
                    }
                }
            }
            other => self.refusal(other, &self.what_said(command, reading)),
        };
        let answer = Answer::error(plan::code(refusal), text, self.code).of(reading);
        Answer { continues: matches!(refusal, Refusal::Ambiguous(_)), ..answer }
    }

    /// The kind that was said, else that of the domain.
    fn kind_or(&self, command: &Command, reading: &Reading) -> Phrase {
        let said = ["device_class", "domain"].into_iter().find_map(|slot| reading.said(slot));
        match said {
            Some(slot) => Phrase::plain(slot.said.to_lowercase()),
            None => {
                let domain = command.target.domains.first().map_or("any", |domain| domain.word());
                Phrase::plain(self.voice.kind(domain, false).text)
            }
        }
    }

    fn what_said(&self, command: &Command, reading: &Reading) -> Phrase {
        let name = command.target.name.as_deref().unwrap_or("");
        self.voice.the(&self.voice.noun(name, Some((reading, "name"))))
    }
}
