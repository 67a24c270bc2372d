//! From steps to a plan: which things are meant, whether the conditions hold, what each is to do,
//! whether somebody may wish it. What one thing does for a wish is `wish`'s business, who may do
//! what is `policy`'s, and how it is told is `reply`'s.

use std::ops::Range;
use std::sync::Arc;

use crate::automation::EntryId;
use crate::home::Home;
use crate::home::action::{Outcome, Refusal};
use crate::home::domain::{Action, Caps, Domain, State};
use crate::home::guard;
use crate::home::id::EntityId;
use crate::home::place::Area;
use crate::home::target::{self, By, Target, TargetWords};
use crate::intent::meaning::{Command, Reading, Step, Way, What, When};
use crate::intent::response::Phrase;

use super::memory::{Changed, Slot};
use super::policy::{self, Aim, Policy, Verdict, Voucher};
use super::{Answer, Code, Language, condition, later, undo, wish};

/// Calls to make. Nothing is done yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// On which entity and what, in the order said.
    pub calls: Vec<(EntityId, Action)>,
    /// What cannot be done and why, known before anything is sent.
    pub refused: Vec<(EntityId, Refusal)>,
    /// Steps for another time, or to be undone after a while: their targets are found and they may
    /// be wished. Empty unless the assistant was told that somebody keeps them.
    pub later: Vec<Step>,
    /// Entries of the agenda that are taken out of it.
    pub(super) forgets: Vec<EntryId>,
    pub(super) parts: Vec<Part>,
    /// What is done only after a yes.
    pub(super) asks: Vec<Step>,
    /// What is said of what was kept for later.
    pub(super) notes: Vec<String>,
    /// Why things are done or not, in plain English, for the explanation.
    pub(super) why: Vec<String>,
    pub(super) reading: Reading,
    pub(super) language: Arc<Language>,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    pub(super) command: Command,
    /// The words and what each found.
    pub(super) found: Vec<(TargetWords, Target)>,
    /// What was taken out of it.
    pub(super) except: Vec<(TargetWords, Target)>,
    /// What is left.
    pub(super) entities: Vec<EntityId>,
    /// Of the plan's.
    pub(super) calls: Range<usize>,
    pub(super) refused: Vec<(EntityId, Refusal)>,
    /// Of these a yes is needed.
    pub(super) asked: Vec<EntityId>,
    pub(super) told: Told,
}

/// How a part is told.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Told {
    /// From its outcomes.
    Outcomes,
    /// As something taken back.
    Undone,
    /// Like this, because nothing is done.
    Instead(Instead),
    /// Not at all; it waits for its time.
    Later,
}

/// Why nothing is done.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Instead {
    /// No target was found.
    NoTarget(Refusal),
    /// A condition does not hold, in words.
    Unmet(String),
    /// Nobody keeps things for later.
    NotYet,
    /// There is nothing to take back.
    NothingToUndo,
    /// It cannot be kept for later, in words.
    NotKept(String),
}

/// What came of planning.
pub(super) enum Planned {
    Plan(Box<Plan>),
    /// Several things fit some words.
    Which {
        candidates: Vec<EntityId>,
        step: usize,
        slot: Slot,
        answer: Box<Answer>,
    },
}

/// Everything that a plan depends on.
pub(super) struct Planner<'a> {
    pub(super) home: &'a Home,
    pub(super) here: Option<&'a Area>,
    pub(super) language: &'a Arc<Language>,
    pub(super) policy: &'a Policy,
    pub(super) voucher: Voucher,
    /// Somebody keeps steps for later.
    pub(super) has_agenda: bool,
    /// A person has just said yes to it.
    pub(super) is_confirmed: bool,
}

/// What a command's words found.
struct Found {
    found: Vec<(TargetWords, Target)>,
    except: Vec<(TargetWords, Target)>,
    entities: Vec<EntityId>,
}

impl Planner<'_> {
    /// The plan for steps. `last` is what was changed last, for a step instead of it.
    pub(super) fn plan(&self, steps: &[Step], reading: Reading, last: Option<&Changed>) -> Planned {
        let mut plan = self.empty(reading);
        if steps.iter().any(|step| step.instead_of_last)
            && let Some(last) = last
        {
            self.undo(last, &mut plan);
        }
        for (at, step) in steps.iter().enumerate() {
            let found = match self.find(&step.command) {
                Ok(found) => found,
                Err((Refusal::Ambiguous(candidates), slot)) => {
                    let refusal = Refusal::Ambiguous(candidates.clone());
                    let command =
                        Command { target: words(&step.command, slot), ..step.command.clone() };
                    let answer = self.language.speaker().no_target(
                        &refusal,
                        &command,
                        &plan.reading,
                        self.home,
                    );
                    let answer = Box::new(answer);
                    return Planned::Which { candidates, step: at, slot, answer };
                }
                Err((refusal, slot)) => {
                    plan.why.push(format!("no target: {refusal}"));
                    let command =
                        Command { target: words(&step.command, slot), ..step.command.clone() };
                    plan.parts.push(Part::instead(command, Instead::NoTarget(refusal)));
                    continue;
                }
            };
            self.take(step, found, &mut plan);
        }
        Planned::Plan(Box::new(plan))
    }

    /// A plan that only takes back what was changed last.
    pub(super) fn undoing(&self, last: Option<&Changed>, reading: Reading) -> Box<Plan> {
        let mut plan = self.empty(reading);
        match last {
            Some(last) => self.undo(last, &mut plan),
            None => plan.parts.push(Part::instead(nothing(), Instead::NothingToUndo)),
        }
        Box::new(plan)
    }

    /// A plan that stops these things.
    pub(super) fn stopping(&self, ids: &[EntityId], reading: Reading) -> Box<Plan> {
        let mut plan = self.empty(reading);
        let words = TargetWords { entities: ids.to_vec(), ..TargetWords::default() };
        let step = Step::now(Command::new(What::Stop, words));
        if let Ok(found) = self.find(&step.command) {
            self.take(&step, found, &mut plan);
        }
        Box::new(plan)
    }

    pub(super) fn empty(&self, reading: Reading) -> Plan {
        Plan {
            calls: Vec::new(),
            refused: Vec::new(),
            later: Vec::new(),
            forgets: Vec::new(),
            parts: Vec::new(),
            asks: Vec::new(),
            notes: Vec::new(),
            why: Vec::new(),
            reading,
            language: Arc::clone(self.language),
        }
    }

    /// A plan that drops what was planned, and stops what moves.
    pub(super) fn dropping(
        &self,
        planned: Vec<EntryId>,
        moving: &[EntityId],
        reading: Reading,
    ) -> Box<Plan> {
        let mut plan = match moving.is_empty() {
            true => Box::new(self.empty(reading)),
            false => self.stopping(moving, reading),
        };
        if !planned.is_empty() {
            let told = self.dropped(planned.len());
            plan.parts.push(Part { told, ..Part::instead(nothing(), Instead::NothingToUndo) });
            plan.forgets = planned;
        }
        plan
    }

    /// "Dropped 1 plan."
    fn dropped(&self, count: usize) -> Told {
        let gap = Phrase { is_plural: count > 1, ..Phrase::plain(count.to_string()) };
        let text = self.language.speaker().voice.say("books", "dropped", &[("count", &gap)]);
        Told::Instead(Instead::Unmet(text))
    }

    /// One step whose target is known.
    fn take(&self, step: &Step, found: Found, plan: &mut Plan) {
        let command = step.command.clone();
        let mut part = Part {
            command,
            found: found.found,
            except: found.except,
            entities: found.entities,
            calls: plan.calls.len()..plan.calls.len(),
            refused: Vec::new(),
            asked: Vec::new(),
            told: Told::Outcomes,
        };
        let waits = step.when != When::Now;
        if (waits || step.lasting_s.is_some()) && !self.has_agenda {
            plan.why.push("for another time: nobody keeps that yet".to_owned());
            part.told = Told::Instead(Instead::NotYet);
            plan.parts.push(part);
            return;
        }
        if !waits && let Some(unmet) = self.unmet(step, &part, plan) {
            part.told = Told::Instead(Instead::Unmet(unmet));
            plan.parts.push(part);
            return;
        }
        let is_standing = matches!(step.when, When::Every(_));
        let is_misheard = is_misheard(&plan.reading);
        for id in part.entities.clone() {
            let Some(entity) = self.home.entity(id.as_str()) else { continue };
            let by = part.found.iter().find(|(_, target)| target.entities.contains(&id));
            let aim = by.map_or(Aim::Guessed, |(_, target)| Aim::of(&target.by, is_misheard));
            // "Unlock them" is as good as "unlock all".
            let is_them = by.is_some_and(|(words, _)| words.entities.len() > 1);
            let action = wish::action(&part.command.what, entity)
                .and_then(|action| self.home.accept(id.as_str(), action.clone()).map(|_| action));
            let action = match action {
                Ok(action) => action,
                Err(refusal) => {
                    plan.why.push(format!("{id}: {refusal}"));
                    part.refused.push((id, refusal));
                    continue;
                }
            };
            match self.verdict(&id, &action, aim, plan) {
                Verdict::Allow | Verdict::Ask
                    if is_them
                        && !self.is_confirmed
                        && policy::is_single(entity, &action, self.home) =>
                {
                    part.refused.push((id, Refusal::NotAllowed));
                }
                // What comes again and again is shown back before it is kept.
                Verdict::Allow if is_standing && !self.is_confirmed => part.asked.push(id),
                Verdict::Allow if waits => {}
                Verdict::Allow => plan.calls.push((id, action)),
                // What is done while nobody listens needs no yes that nobody can give.
                Verdict::Ask => part.asked.push(id),
                Verdict::Never => part.refused.push((id, Refusal::NotAllowed)),
            }
        }
        part.calls.end = plan.calls.len();
        self.keep_for_later(step, &mut part, plan);
        plan.refused.extend(part.refused.iter().cloned());
        plan.parts.push(part);
    }

    /// Puts what is for another time, and what needs a yes, beside the plan.
    fn keep_for_later(&self, step: &Step, part: &mut Part, plan: &mut Plan) {
        let only = |entities: Vec<EntityId>| {
            let words = TargetWords { entities, ..TargetWords::default() };
            Step { command: Command::new(step.command.what.clone(), words), ..step.clone() }
        };
        if !part.asked.is_empty() {
            let asked = only(part.asked.clone());
            // What holds now was looked at; what waits is looked at in its time.
            let only_if = if step.when == When::Now { Vec::new() } else { asked.only_if.clone() };
            plan.asks.push(Step { only_if, ..asked });
        }
        let is_out = |id: &EntityId| {
            part.asked.contains(id) || part.refused.iter().any(|(known, _)| known == id)
        };
        let rest: Vec<EntityId> = part.entities.iter().filter(|id| !is_out(id)).cloned().collect();
        let waits = step.when != When::Now;
        if (waits || step.lasting_s.is_some()) && !rest.is_empty() {
            plan.later.push(only(rest));
            if waits {
                part.told = Told::Later;
            }
        }
    }

    /// The first condition that does not hold, in words.
    fn unmet(&self, step: &Step, part: &Part, plan: &mut Plan) -> Option<String> {
        step.only_if.iter().find_map(|condition| {
            let came = condition::check(condition, &part.command, self);
            plan.why.push(format!("condition {:?}: {}", condition.test, came.is_ok()));
            came.err()
        })
    }

    fn verdict(&self, id: &EntityId, action: &Action, aim: Aim, plan: &mut Plan) -> Verdict {
        let Some(entity) = self.home.entity(id.as_str()) else { return Verdict::Never };
        let risk = guard::risk(entity, action, self.home);
        let verdict = match self.policy.verdict(risk, self.voucher, aim) {
            Verdict::Ask if self.is_confirmed => Verdict::Allow,
            verdict => verdict,
        };
        if risk != guard::Risk::Harmless || verdict != Verdict::Allow {
            let role = self.voucher.role.word();
            plan.why.push(format!("{id}: {}, by {role}: {verdict:?}", risk.word()));
        }
        verdict
    }

    /// Puts calls that bring back what was before.
    fn undo(&self, last: &Changed, plan: &mut Plan) {
        let mut part = Part::instead(nothing(), Instead::NothingToUndo);
        part.calls = plan.calls.len()..plan.calls.len();
        let mut asked: Vec<Step> = Vec::new();
        for (id, before) in &last.before {
            let Some(entity) = self.home.entity(id.as_str()) else { continue };
            let actions = match undo::restore(entity, before.as_ref()) {
                Ok(actions) if actions.is_empty() => continue,
                Ok(actions) => actions,
                Err(refusal) => {
                    part.refused.push((id.clone(), refusal));
                    part.entities.push(id.clone());
                    continue;
                }
            };
            part.entities.push(id.clone());
            for action in actions {
                let accepted = self.home.accept(id.as_str(), action.clone());
                // What lets people in does so for a yes only, also when it is taken back.
                let verdict = self.verdict(id, &action, Aim::Guessed, plan);
                match (accepted, verdict) {
                    (Err(refusal), _) => part.refused.push((id.clone(), refusal)),
                    (Ok(_), Verdict::Allow) => plan.calls.push((id.clone(), action)),
                    (Ok(_), Verdict::Ask) => {
                        part.asked.push(id.clone());
                        asked.extend(undo::step(id, &action));
                    }
                    (Ok(_), Verdict::Never) => part.refused.push((id.clone(), Refusal::NotAllowed)),
                }
            }
        }
        part.calls.end = plan.calls.len();
        if !part.entities.is_empty() {
            let words = TargetWords { entities: part.entities.clone(), ..TargetWords::default() };
            let target = Target { entities: part.entities.clone(), by: By::Name };
            part.found = vec![(words, target)];
            part.told = Told::Undone;
        }
        if part.entities.is_empty() && !last.planned.is_empty() {
            part.told = self.dropped(last.planned.len());
        }
        plan.forgets.extend(&last.planned);
        plan.asks.extend(asked);
        plan.refused.extend(part.refused.iter().cloned());
        plan.parts.push(part);
    }

    /// Of several things that fit the words, the only one that has such a mode: "the thermostat to eco".
    fn only_able(&self, refusal: Refusal, what: &What) -> Result<Target, Refusal> {
        let Refusal::Ambiguous(fitting) = &refusal else { return Err(refusal) };
        if !matches!(what, What::Mode(_) | What::FanMode(_) | What::Effect(_)) {
            return Err(refusal);
        }
        let is_able = |id: &&EntityId| {
            let entity = self.home.entity(id.as_str());
            entity.is_some_and(|entity| wish::action(what, entity).is_ok())
        };
        let able: Vec<EntityId> = fitting.iter().filter(is_able).cloned().collect();
        match able.len() {
            1 => Ok(Target { entities: able, by: By::OnlyOne }),
            _ => Err(refusal),
        }
    }

    /// The things that a command's words mean.
    fn find(&self, command: &Command) -> Result<Found, (Refusal, Slot)> {
        let (here, home) = (self.here, self.home);
        // What must be left out is looked for first: if it is not known, nothing is done.
        let mut except = Vec::new();
        for (n, words) in command.except.iter().enumerate() {
            match target::to_ask(words, here, home) {
                Ok(target) => except.push((words.clone(), target)),
                Err(Refusal::NothingThere) => {}
                Err(refusal) => return Err((refusal, Slot::Except(n))),
            }
        }
        let is_out = |id: &EntityId| except.iter().any(|(_, target)| target.entities.contains(id));
        let slots = std::iter::once((&command.target, Slot::Target));
        let more = command.and.iter().enumerate().map(|(n, words)| (words, Slot::And(n)));
        let (mut found, mut entities) = (Vec::new(), Vec::new());
        for (words, slot) in slots.chain(more) {
            let mut target = target::to_act(words, here, home)
                .or_else(|refusal| self.only_able(refusal, &command.what))
                .or_else(|refusal| self.warmed_elsewhere(refusal, words, &command.what))
                .map_err(|refusal| (refusal, slot))?;
            target.entities.retain(|id| !is_out(id));
            if target.by != By::Name && is_of_running(&command.what) {
                only_running(&mut target.entities, home);
            }
            let new = target.entities.iter().filter(|id| !entities.contains(*id));
            let new: Vec<EntityId> = new.cloned().collect();
            entities.extend(new);
            if !target.entities.is_empty() {
                found.push((words.clone(), target));
            }
        }
        match entities.is_empty() {
            true => Err((Refusal::NothingThere, Slot::Target)),
            false => Ok(Found { found, except, entities }),
        }
    }
}

impl Part {
    fn instead(command: Command, instead: Instead) -> Part {
        Part {
            command,
            found: Vec::new(),
            except: Vec::new(),
            entities: Vec::new(),
            calls: 0..0,
            refused: Vec::new(),
            asked: Vec::new(),
            told: Told::Instead(instead),
        }
    }
}

impl Plan {
    /// Nothing is to be sent or kept: the reply is known.
    pub(super) fn is_idle(&self) -> bool {
        self.calls.is_empty() && self.later.is_empty() && self.forgets.is_empty()
    }

    /// Nothing of it waits for another time or for a yes.
    pub(super) fn is_all_now(&self) -> bool {
        self.later.is_empty() && self.forgets.is_empty() && self.asks.is_empty()
    }

    /// The agenda is needed to carry it out: [`super::Assistant::keep_later`] is to be called.
    pub fn is_for_books(&self) -> bool {
        !self.later.is_empty() || !self.forgets.is_empty() || self.wished_anew().next().is_some()
    }

    /// What a person wishes of things now, which ends what was wished of them for a while.
    pub(super) fn wished_anew(&self) -> impl Iterator<Item = (EntityId, What)> {
        let is_person = self.reading.intent != later::PLANNED;
        let parts = self.parts.iter().filter(move |_| is_person);
        parts.flat_map(|part| {
            let ids = self.calls[part.calls.clone()].iter().map(|(id, _)| id.clone());
            ids.map(|id| (id, part.command.what.clone()))
        })
    }

    /// The reply once it is known what became of the calls, in their order. A call without an
    /// outcome counts as sent and not answered.
    pub fn conclude(&self, outcomes: &[(EntityId, Outcome)], home: &Home) -> Answer {
        self.language.speaker().outcomes(self, outcomes, home)
    }

    /// Everything that it is about.
    pub(super) fn entities(&self) -> Vec<EntityId> {
        self.parts.iter().flat_map(|part| part.entities.iter().cloned()).collect()
    }

    /// How the things that it changes are now.
    pub(super) fn before(&self, home: &Home) -> Vec<(EntityId, Option<State>)> {
        let mut before: Vec<(EntityId, _)> = Vec::new();
        let parts = self.parts.iter().filter(|part| part.told != Told::Undone);
        let calls = parts.flat_map(|part| &self.calls[part.calls.clone()]);
        // Of a scene it is what it is about that was otherwise.
        for id in calls.flat_map(|(id, _)| members(id, home)) {
            if before.iter().all(|(known, _)| *known != id) {
                let state = home.entity(id.as_str()).and_then(|entity| entity.state.clone());
                before.push((id, state));
            }
        }
        before
    }

    /// What it sets moving.
    pub(super) fn moving(&self) -> impl Iterator<Item = EntityId> {
        let moves = |action: &Action| {
            matches!(
                action,
                Action::Cover(_) | Action::Valve(_) | Action::Vacuum(_) | Action::LawnMower(_)
            )
        };
        let parts = self.parts.iter().filter(|part| part.command.what != What::Stop);
        let calls = parts.flat_map(|part| &self.calls[part.calls.clone()]);
        calls.filter(move |(_, action)| moves(action)).map(|(id, _)| id.clone())
    }
}

/// The entities that a scene is about, or the entity itself.
fn members(id: &EntityId, home: &Home) -> Vec<EntityId> {
    match home.entity(id.as_str()).and_then(|entity| entity.caps.as_ref()) {
        Some(Caps::Scene(scene)) if !scene.entities.is_empty() => {
            scene.entities.iter().map(|id| EntityId::new(id)).collect()
        }
        _ => vec![id.clone()],
    }
}

/// Whether a wish for a room is about what runs there, if anything does.
fn is_of_running(what: &What) -> bool {
    what.change().is_some() || matches!(what, What::Kelvin(_))
}

/// "Brighter" in a room where some lights are on is about those, and "faster" about the fans that turn.
fn only_running(entities: &mut Vec<EntityId>, home: &Home) {
    let is_on = |id: &EntityId| {
        let entity = home.entity(id.as_str());
        entity.is_some_and(|entity| {
            matches!(entity.domain, Domain::Light | Domain::Fan)
                && entity.view().is_some_and(|view| &*view.word == "on")
        })
    };
    if entities.iter().any(is_on) {
        entities.retain(is_on);
    }
}

/// The words of a slot.
pub(super) fn words(command: &Command, slot: Slot) -> TargetWords {
    let words = match slot {
        Slot::Target => Some(&command.target),
        Slot::And(n) => command.and.get(n),
        Slot::Except(n) => command.except.get(n),
    };
    words.cloned().unwrap_or_default()
}

/// A command without a meaning, where a part has none.
fn nothing() -> Command {
    Command::new(What::Toggle, TargetWords::default())
}

/// Whether a name or place was only nearly said.
fn is_misheard(reading: &Reading) -> bool {
    reading.way == Way::Words
        && reading
            .spans
            .iter()
            .any(|span| matches!(span.role, "name" | "area" | "floor") && span.score < 0.999)
}

/// The code of a refusal that found no target.
pub(super) fn code(refusal: &Refusal) -> Code {
    match refusal {
        Refusal::NotAllowed => Code::FailedToHandle,
        _ => Code::NoValidTargets,
    }
}
